"""One upstream's health, told step by step.

How a circuit works: test_circuit.py. How routes follow from health: test_routing.py.
"""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import Failover, HealthCheck
from bridge.health import (
    Answered,
    Cancelled,
    ConnectionFailed,
    Health,
    Healthy,
    Outcome,
    Probe,
    Transition,
    Unhealthy,
    Use,
    Warned,
)

FAILOVER = Failover(connection_errors=3, cooldown=300, health_check=HealthCheck(interval=60))
WITHOUT_PROBES = Failover(connection_errors=3, cooldown=300, health_check=HealthCheck(interval=0))
REFUSED = ConnectionFailed("connection refused")
LIMITED = "429 too many requests"
DOWN = "connection refused, connection error 3"


def health(failover: Failover = FAILOVER, own_keys: int = 0) -> Health:
    return Health("a", failover, own_keys)


@pytest.mark.parametrize(
    "outcomes, expected",
    [
        pytest.param([Answered(200)], [], id="a good answer is no news"),
        pytest.param([Answered(500)], [], id="an error answer is an answer"),
        pytest.param([Answered(429)], [Unhealthy("a", LIMITED, 300)], id="429 is enough"),
        pytest.param(
            [REFUSED, REFUSED, REFUSED],
            [
                Warned("a", "connection refused", 1, 3),
                Warned("a", "connection refused", 2, 3),
                Unhealthy("a", DOWN, 300),
            ],
            id="two connection errors warn, the third is one too many",
        ),
        pytest.param(
            [REFUSED, REFUSED, Answered(503), REFUSED, REFUSED],
            [Warned("a", "connection refused", n, 3) for n in (1, 2, 1, 2)],
            id="any answer between them starts the count again",
        ),
        pytest.param(
            [REFUSED, REFUSED, Cancelled(), REFUSED],
            [
                Warned("a", "connection refused", 1, 3),
                Warned("a", "connection refused", 2, 3),
                Unhealthy("a", DOWN, 300),
            ],
            id="a client that hangs up is no answer",
        ),
        pytest.param([Cancelled()] * 5, [], id="nor is it an error, however often"),
        pytest.param(
            [Answered(429), Answered(429)],
            [Unhealthy("a", LIMITED, 300)],
            id="a second 429 is late",
        ),
    ],
)
def test_requests(outcomes: list[Outcome], expected: list[Transition]) -> None:
    a = health()
    assert [change for outcome in outcomes for change in a.record(outcome, 0)] == expected


@pytest.mark.parametrize(
    "probe, expected, shown",
    [
        pytest.param(Answered(200), [], "200", id="a good answer is no news"),
        pytest.param(Answered(401), [], "401: alive, but refuses the key", id="401 is alive"),
        pytest.param(Answered(403), [], "403: alive, but refuses the key", id="403 is alive"),
        pytest.param(
            Answered(404), [], "404: alive, but has nothing at this path", id="404 is alive"
        ),
        pytest.param(Answered(429), [], "429: alive, but limited", id="429 is alive"),
        pytest.param(
            Answered(500),
            [Unhealthy("a", "health check: 500", 300)],
            "500",
            id="a server error is enough",
        ),
        pytest.param(
            ConnectionFailed("timed out"),
            [Unhealthy("a", "health check: timed out", 300)],
            "timed out",
            id="no answer is enough",
        ),
    ],
)
def test_a_probe_of_a_healthy_upstream(
    probe: Probe, expected: list[Transition], shown: str
) -> None:
    a = health()
    assert a.checked(probe, 0) == expected
    assert a.status(0)["last_check"] == shown


@pytest.mark.parametrize(
    "now, probe, expected, left",
    [
        pytest.param(299, Answered(200), [], 1, id="passed during the cooldown: nothing"),
        pytest.param(300, Answered(200), [Healthy("a")], 0, id="passed after it: healthy"),
        pytest.param(300, Answered(401), [Healthy("a")], 0, id="alive is good enough"),
        pytest.param(300, Answered(429), [], 0, id="limited is not"),
        pytest.param(299, Answered(503), [], 1, id="failed during the cooldown: nothing"),
        pytest.param(
            300,
            Answered(503),
            [Unhealthy("a", "health check: 503", 600)],
            600,
            id="failed after it: another cooldown, twice as long",
        ),
        pytest.param(
            300,
            ConnectionFailed("timed out"),
            [Unhealthy("a", "health check: timed out", 600)],
            600,
            id="unanswered: the same",
        ),
    ],
)
def test_a_probe_of_an_unhealthy_upstream(
    now: float, probe: Probe, expected: list[Transition], left: float
) -> None:
    a = health()
    a.record(Answered(429), 0)
    assert a.checked(probe, now) == expected
    assert a.healthy(now) == (Healthy("a") in expected)
    assert a.cooldown_left(now) == left


def test_a_failed_request_after_the_cooldown_starts_another() -> None:
    a = health()
    a.record(Answered(429), 0)
    assert a.record(Answered(429), 299) == []
    assert a.record(Answered(429), 310) == [Unhealthy("a", LIMITED, 300)]
    assert a.cooldown_left(310) == 300


def test_returning_resets_the_count() -> None:
    a = health()
    for _ in range(3):
        a.record(REFUSED, 0)
    assert a.status(0)["connection_errors"] == 3
    a.checked(Answered(200), 300)
    assert a.record(REFUSED, 301) == [Warned("a", "connection refused", 1, 3)]


def test_a_probe_is_no_answer_to_a_request() -> None:
    a = health()
    a.record(REFUSED, 0)
    a.record(REFUSED, 1)
    a.checked(Answered(200), 2)
    assert a.record(REFUSED, 3) == [Unhealthy("a", DOWN, 300)]


def test_without_probes_the_end_of_the_cooldown_is_enough() -> None:
    a = health(WITHOUT_PROBES)
    a.record(Answered(429), 0)
    assert (a.healthy(299), a.tick(299)) == (False, [])
    assert (a.healthy(300), a.tick(300), a.tick(301)) == (True, [Healthy("a")], [])


def test_without_probes_a_request_after_the_cooldown_meets_a_fresh_count() -> None:
    a = health(WITHOUT_PROBES)
    for _ in range(3):
        a.record(REFUSED, 0)
    again = a.record(REFUSED, 300)
    assert again == [Healthy("a"), Warned("a", "connection refused", 1, 3)]


def test_a_probe_that_was_asked_for_comes_after_the_end_of_the_cooldown() -> None:
    a = health(WITHOUT_PROBES)
    a.record(Answered(429), 0)
    again = a.checked(Answered(500), 300)
    assert again == [Healthy("a"), Unhealthy("a", "health check: 500", 300)]


def test_with_probes_time_alone_changes_nothing() -> None:
    a = health()
    a.record(Answered(429), 0)
    assert a.tick(10_000) == []
    assert not a.healthy(10_000)


@pytest.mark.parametrize(
    "checked_at, now, due",
    [
        pytest.param(None, 0, True, id="never looked"),
        pytest.param(0, 59, False, id="looked just now"),
        pytest.param(0, 60, True, id="the interval is over"),
    ],
)
def test_when_to_probe(checked_at: float | None, now: float, due: bool) -> None:
    a = health()
    if checked_at is not None:
        a.checked(Answered(200), checked_at)
    assert a.probe_due(now) is due


def test_the_end_of_the_cooldown_is_a_reason_to_probe_at_once() -> None:
    a = health()
    a.record(Answered(429), 0)
    a.checked(Answered(200), 290)
    assert [a.probe_due(now) for now in (299, 300)] == [False, True]
    a.checked(Answered(503), 300)
    assert [a.probe_due(now) for now in (301, 359, 360)] == [False, False, True]


def test_one_look_at_the_end_of_the_cooldown_is_enough() -> None:
    a = health()
    a.record(Answered(429), 0)
    a.checked(Answered(429), 300)
    assert [a.probe_due(now) for now in (301, 360)] == [False, True]


def test_no_probe_is_due_when_they_are_switched_off() -> None:
    a = health(WITHOUT_PROBES)
    assert not a.probe_due(0)
    a.checked(Answered(200), 0)  # someone asked for one
    assert not a.probe_due(10_000)


def test_thresholds_come_from_the_configuration() -> None:
    a = health(Failover(connection_errors=1, cooldown=7))
    assert a.record(REFUSED, 0) == [Unhealthy("a", "connection refused, connection error 1", 7)]
    assert a.cooldown_left(2) == 5


def test_status_is_what_happened_last() -> None:
    a = health()
    a.record(Answered(200), 0)
    a.record(REFUSED, 0)
    a.checked(Answered(500), 10)
    a.begin(Use(), 20)
    assert a.status(70) == {
        "healthy": False,
        "state": "cooling",
        "cooldown_left": 240.0,
        "connection_errors": 1,
        "failures": 0,
        "in_flight": 1,
        "last_error": "health check: 500",
        "last_check": "500",
        "last_success_age": 70,
        "keys": [],
        "models": [],
        "operations": [],
    }


def test_status_has_the_parts_that_are_not_well() -> None:
    a = health(own_keys=2)
    a.record(Answered(429), 0, Use(key=1, model="m"))
    a.record(Answered(404, None, "model_not_found"), 10, Use(model="x"))
    a.record(Answered(429), 20, Use(operation="count_tokens"))
    a.record(Answered(200), 30, Use(model="m"))
    status = a.status(100)
    assert status["keys"] == [
        {"name": "a#1", "state": "healthy", "cooldown_left": 0.0, "last_error": ""},
        {"name": "a#2", "state": "cooling", "cooldown_left": 200.0, "last_error": LIMITED},
    ]
    assert status["models"] == [
        {"name": "x", "state": "cooling", "cooldown_left": 210.0, "last_error": NO_MODEL}
    ]
    assert status["operations"] == [
        {"name": "count_tokens", "state": "cooling", "cooldown_left": 220.0, "last_error": LIMITED}
    ]
    assert (status["state"], status["last_error"]) == ("healthy", NO_MODEL)
    assert status["last_success_age"] == 70


# Failures that are the upstream's

SERVER = "500 server error, failure 3"


@pytest.mark.parametrize(
    "outcomes, expected",
    [
        pytest.param(
            [Answered(500)] * 3, [Unhealthy("a", SERVER, 300)], id="the third 5xx is one too many"
        ),
        pytest.param(
            [Answered(500), Answered(529), Answered(200, None, "timeout")],
            [Unhealthy("a", "200 timed out, failure 3", 300)],
            id="whatever the upstream's fault is",
        ),
        pytest.param([Answered(500)] * 4, [Unhealthy("a", SERVER, 300)], id="once"),
        *(
            pytest.param(
                [Answered(500), Answered(500), answer, Answered(500), Answered(500)],
                [],
                id=f"{answer.status} between them starts the count again",
            )
            for answer in (Answered(200), Answered(400), Answered(401), Answered(404))
        ),
        pytest.param(
            [Answered(500), Answered(500), REFUSED, Cancelled(), Answered(500)],
            [Warned("a", "connection refused", 1, 3), Unhealthy("a", SERVER, 300)],
            id="no answer is no other answer",
        ),
        pytest.param(
            [Answered(500), Answered(500), Answered(503, 20)],
            [Unhealthy("a", "503 server error, failure 3", 20)],
            id="the last one says for how long",
        ),
    ],
)
def test_failures_in_a_row(outcomes: list[Outcome], expected: list[Transition]) -> None:
    a = health()
    assert [change for outcome in outcomes for change in a.record(outcome, 0)] == expected


def test_how_many_comes_from_the_configuration() -> None:
    a = health(Failover(failures=1, cooldown=7))
    assert a.record(Answered(500), 0) == [Unhealthy("a", "500 server error, failure 1", 7)]


# Keys


@pytest.mark.parametrize(
    "own_keys, answer, expected",
    [
        pytest.param(0, Answered(429, 20), [Unhealthy("a", LIMITED, 20)], id="no key: a limit"),
        pytest.param(
            0,
            Answered(402),
            [Unhealthy("a", "402 the account cannot pay", 300)],
            id="no key: an empty account",
        ),
        pytest.param(0, Answered(401), [], id="no key: the app's is refused"),
        pytest.param(0, Answered(403), [], id="no key: the app's may not"),
        pytest.param(1, Answered(429), [Unhealthy("a", LIMITED, 300)], id="one key: a limit"),
        pytest.param(
            1,
            Answered(401),
            [Unhealthy("a", "401 the key is refused", 300)],
            id="one key: it is refused",
        ),
        pytest.param(2, Answered(429), [Unhealthy("a#1", LIMITED, 300)], id="a pool: a limit"),
        pytest.param(
            2,
            Answered(403),
            [Unhealthy("a#1", "403 the key may not do that", 300)],
            id="a pool: a key may not",
        ),
        pytest.param(
            2,
            Answered(400, None, "billing"),
            [Unhealthy("a#1", "400 the account cannot pay", 300)],
            id="a pool: an empty account in other words",
        ),
    ],
)
def test_what_is_the_key_s(own_keys: int, answer: Answered, expected: list[Transition]) -> None:
    a = health(own_keys=own_keys)
    assert a.record(answer, 0) == expected
    assert a.healthy(0) == (own_keys == 2 or not expected)
    assert a.key_failed(0, 0) == (own_keys == 2)


def test_a_pool_is_healthy_while_one_key_is() -> None:
    a = health(own_keys=2)
    a.record(Answered(429), 0, Use(key=0))
    assert (a.healthy(0), a.state(0), a.cooldown_left(0), a.recovers_at(0)) == (
        *(True, "healthy", 0.0),
        -inf,
    )
    a.record(Answered(429, 100), 50, Use(key=1))
    assert (
        a.healthy(50),
        a.state(50),
        a.cooldown_left(50),
        a.usable_at(50),
        a.recovers_at(50),
    ) == (
        *(False, "cooling", 100.0, 150.0),
        150.0,
    )
    assert a.tick(150) == [Healthy("a#2")]
    assert (a.healthy(150), a.state(150)) == (True, "trial")


def test_keys_take_turns() -> None:
    a = health(own_keys=3)
    used = []
    for now in range(5):
        used.append(a.keys_in_turn(now)[0])
        a.begin(Use(key=used[-1]), now)
    assert used == [0, 1, 2, 0, 1]


def test_a_key_that_is_not_usable_loses_its_turn() -> None:
    a = health(own_keys=3)
    a.record(Answered(429, 50), 0, Use(key=0))
    assert a.keys_in_turn(0) == [1, 2, 0]
    a.record(Answered(429, 40), 0, Use(key=1))
    assert a.keys_in_turn(0) == [2, 1, 0]
    a.record(Answered(429, 60), 0, Use(key=2))
    assert a.keys_in_turn(0) == [1, 0, 2], "none is usable: the soonest"


@pytest.mark.parametrize("own_keys", [0, 1])
def test_without_a_pool_there_is_one_key_and_it_does_not_fail(own_keys: int) -> None:
    a = health(own_keys=own_keys)
    a.begin(Use(), 0)
    a.record(Answered(429), 1, started=0)
    assert (a.keys_in_turn(2), a.key_failed(0, 2)) == ([0], False)


def test_a_key_is_tried_by_one_request_whatever_probes_say() -> None:
    a = health(own_keys=2)
    for key in (0, 1):
        a.record(Answered(429), 0, Use(key=key))
    a.tick(300)
    a.begin(Use(key=0), 300)
    assert [a.key_failed(key, 301) for key in (0, 1)] == [True, False]
    assert a.record(Answered(429), 302, Use(key=0), started=300) == [Unhealthy("a#1", LIMITED, 600)]
    a.begin(Use(key=1), 303)
    assert a.record(Answered(200), 304, Use(key=1), started=303) == []
    assert (a.state(305), a.key_failed(1, 305)) == ("healthy", False)


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param(Answered(500), id="an error of the server's"),
        pytest.param(REFUSED, id="no answer"),
        pytest.param(Cancelled(), id="a client that hangs up"),
    ],
)
def test_a_trial_of_a_key_that_tells_nothing_of_it_lets_another_in(outcome: Outcome) -> None:
    a = health(own_keys=2)
    a.record(Answered(429), 0, Use(key=0))
    a.begin(Use(key=0), 300)
    assert a.key_failed(0, 301)
    a.record(outcome, 302, Use(key=0), started=300)
    assert not a.key_failed(0, 303)


def test_a_limit_tells_nothing_of_an_upstream_on_trial() -> None:
    a = health(WITHOUT_PROBES, own_keys=2)
    for _ in range(3):
        a.record(REFUSED, 0)
    a.tick(300)
    a.begin(Use(), 300)
    assert not a.healthy(301)
    assert a.record(Answered(429), 302, Use(), started=300) == [Unhealthy("a#1", LIMITED, 300)]
    assert (a.healthy(303), a.state(303)) == (True, "trial")


# Models and operations

NO_MODEL = "404 no such model"
GONE = Answered(404, None, "model_not_found")


def test_a_model_that_is_not_there_is_left_alone_by_itself() -> None:
    a = health()
    assert a.record(GONE, 0, Use(model="x")) == [Unhealthy("a for 'x'", NO_MODEL, 300)]
    assert [a.healthy(1), a.usable_at(1, Use(model="x")), a.usable_at(1, Use(model="y"))] == [
        *(True, 300),
        -inf,
    ]


def test_a_model_is_tried_again_by_one_request() -> None:
    a = health()
    a.record(GONE, 0, Use(model="x"))
    assert a.tick(300) == [Healthy("a for 'x'")]
    a.begin(Use(model="x"), 301)
    assert a.usable_at(302, Use(model="x")) == 361
    assert a.record(GONE, 303, Use(model="x"), started=301) == [
        Unhealthy("a for 'x'", NO_MODEL, 600)
    ]
    assert a.record(Answered(200), 400, Use(model="x"), started=310) == [Healthy("a for 'x'")]
    assert a.usable_at(401, Use(model="x")) == -inf


def test_an_answer_without_the_model_is_a_success_of_the_rest() -> None:
    a = health(own_keys=2)
    for key in (0, 1):
        a.record(Answered(429), 0, Use(key=key))
    changes = a.record(GONE, 10, Use(key=0, model="x"), started=5)
    assert changes == [Healthy("a#1"), Unhealthy("a for 'x'", NO_MODEL, 300)]


def test_only_so_many_models_are_remembered() -> None:
    a = health()
    for number in range(1000):
        a.record(GONE, 0, Use(model=str(number)))
    a.record(GONE, 0, Use(model="999"))
    names = [model["name"] for model in a.status(0)["models"]]
    assert names == [str(number) for number in range(900, 1000)]


@pytest.mark.parametrize(
    "outcomes",
    [
        pytest.param([Answered(429)], id="a limit"),
        pytest.param([Answered(401)], id="a refused key"),
        pytest.param([Answered(500)] * 3, id="errors of the server's"),
        pytest.param([REFUSED] * 3, id="connection errors"),
    ],
)
@pytest.mark.parametrize("own_keys", [1, 2])
def test_other_operations_fail_for_themselves(outcomes: list[Outcome], own_keys: int) -> None:
    a, count = health(own_keys=own_keys), Use(operation="count_tokens")
    before = a.status(0)
    changes = [change for outcome in outcomes for change in a.record(outcome, 0, count)]
    assert isinstance(changes[-1], Unhealthy)
    assert changes[-1].upstream == "a for 'count_tokens'"
    assert a.usable_at(1, count) == 300
    assert a.usable_at(1, Use(operation="compact")) == -inf
    assert {**a.status(0), "operations": []} == before


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(GONE, id="a model that it does not know"),
        pytest.param(Answered(404), id="no such operation"),
    ],
)
def test_what_another_operation_cannot_do_is_no_failure(answer: Answered) -> None:
    a = health()
    assert a.record(answer, 0, Use(model="x", operation="count_tokens")) == []
    assert a.healthy(0) and a.status(0)["models"] == a.status(0)["operations"] == []


def test_nor_does_their_success_help_it() -> None:
    a = health()
    a.record(Answered(429), 0)
    a.begin(Use(operation="count_tokens"), 5)
    assert a.record(Answered(200), 9, Use(operation="count_tokens"), started=5) == []
    assert a.cooldown_left(10) == 290


def test_what_the_upstream_cannot_do_no_operation_can() -> None:
    a = health()
    a.record(Answered(429), 0)
    assert a.usable_at(1, Use(operation="count_tokens")) == 300


# Requests that are on their way


def test_requests_on_their_way_are_counted() -> None:
    a = health()
    for now in range(3):
        a.begin(Use(), now)
    outcomes = (Answered(200), Cancelled(), REFUSED, REFUSED)
    left = []
    for outcome in outcomes:
        a.record(outcome, 5)
        left.append(a.in_flight)
    assert left == [2, 1, 0, 0]


@pytest.mark.parametrize(
    "answer, age",
    [
        pytest.param(Answered(200), 10, id="a good answer"),
        pytest.param(Answered(404), None, id="an error is none"),
        pytest.param(Answered(200, None, "server"), None, id="nor is an error inside a 200"),
        pytest.param(GONE, None, id="nor a model that is not there"),
    ],
)
def test_the_last_success(answer: Answered, age: float | None) -> None:
    a = health()
    a.record(answer, 0)
    assert a.status(10)["last_success_age"] == age


# A person, and a reload


def test_a_reset_forgets_everything_that_holds_it_back() -> None:
    a = health(own_keys=2)
    a.record(Answered(429), 0, Use(key=0))
    a.record(Answered(429), 0, Use(key=1))
    a.record(GONE, 0, Use(model="x"))
    a.record(Answered(429), 0, Use(operation="count_tokens"))
    a.record(REFUSED, 0)
    told = {change.upstream for change in a.reset()}
    assert told == {"a#1", "a#2", "a for 'x'", "a for 'count_tokens'"}
    status = a.status(0)
    assert (status["state"], status["connection_errors"], status["models"]) == ("healthy", 0, [])
    assert status["last_error"] == "" and {key["last_error"] for key in status["keys"]} == {""}
    assert a.usable_at(0, Use(model="x", operation="count_tokens")) == -inf


def test_a_copy_goes_by_another_configuration_and_has_a_life_of_its_own() -> None:
    a = health(own_keys=2)
    a.record(Answered(429), 0, Use(key=0))
    a.record(GONE, 0, Use(model="x"))
    a.record(Answered(429), 0, Use(operation="count_tokens"))
    before = a.status(10)
    b = a.under(Failover(cooldown=7, connection_errors=1, failures=1))
    assert b.status(10) == before
    assert [each.probe_due(10) for each in (a, a.under(WITHOUT_PROBES))] == [True, False]
    assert b.record(REFUSED, 10) == [Unhealthy("a", "connection refused, connection error 1", 7)]
    b.record(Answered(429), 10, Use(key=1))
    b.record(GONE, 10, Use(model="y"))
    b.record(Answered(429), 10, Use(operation="compact"))
    assert b.reset() != []
    assert a.status(10) == before


OUTCOMES = st.one_of(
    st.sampled_from([200, 400, 401, 404, 408, 429, 500, 529]).map(Answered),
    st.just(REFUSED),
    st.just(Cancelled()),
)
PROBES = st.one_of(st.sampled_from([200, 401, 429, 500]).map(Answered), st.just(REFUSED))
STEPS = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from(["request", "probe", "tick"]), OUTCOMES, PROBES),
    max_size=40,
)


@given(STEPS, st.sampled_from([FAILOVER, WITHOUT_PROBES]))
def test_laws(steps: list[tuple[int, str, Outcome, Probe]], failover: Failover) -> None:
    a, now = health(failover), 0
    for wait, kind, outcome, probe in steps:
        now += wait
        before = a.status(now)
        match kind:
            case "request":
                changes = a.record(outcome, now)
            case "probe":
                changes = a.checked(probe, now)
            case _:
                changes = a.tick(now)
        after = a.status(now)
        assert 0 <= after["cooldown_left"] <= failover.max_cooldown
        assert after["healthy"] or not before["healthy"] or isinstance(changes[-1], Unhealthy)
        if before["cooldown_left"]:
            assert after["cooldown_left"] == before["cooldown_left"], "a cooldown runs undisturbed"
            assert not any(isinstance(change, Healthy | Unhealthy) for change in changes)
        if before["cooldown_left"] and kind == "probe":
            assert after["connection_errors"] == before["connection_errors"]
        if kind == "request" and outcome == Cancelled():
            assert after["connection_errors"] in (before["connection_errors"], 0)
            assert after["healthy"] == before["healthy"]


USES = st.builds(
    Use, st.integers(0, 1), st.sampled_from("xy"), st.sampled_from(["generate", "count_tokens"])
)
ANSWERS = st.builds(
    Answered,
    st.sampled_from([200, 400, 404, 429, 500]),
    st.sampled_from([None, 20]),
    st.sampled_from([None, "billing", "model_not_found", "overloaded"]),
)


@given(
    st.lists(
        st.tuples(st.integers(0, 200), USES, ANSWERS | OUTCOMES, st.integers(0, 300)), max_size=40
    ),
    st.sampled_from([FAILOVER, WITHOUT_PROBES]),
)
def test_the_health_is_that_of_generation_alone(
    steps: list[tuple[int, Use, Outcome, int]], failover: Failover
) -> None:
    a, alone, now = health(failover, own_keys=2), health(failover, own_keys=2), 0
    for wait, use, outcome, age in steps:
        now += wait
        for each in (a, alone):
            each.tick(now)
            if each is a or use.operation == "generate":
                each.begin(use, now)
                each.record(outcome, now, use, started=now - age)
        assert {**a.status(now), "operations": []} == alone.status(now)
