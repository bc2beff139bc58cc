"""One upstream's health, told step by step. How routes follow from it: test_routing.py."""

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
    Warned,
)

FAILOVER = Failover(connection_errors=3, cooldown=300, health_check=HealthCheck(interval=60))
WITHOUT_PROBES = Failover(connection_errors=3, cooldown=300, health_check=HealthCheck(interval=0))
REFUSED = ConnectionFailed("connection refused")
LIMITED = "429 too many requests"
DOWN = "connection refused, connection error 3"


def health(failover: Failover = FAILOVER) -> Health:
    return Health("a", failover)


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
    "now, probe, expected",
    [
        pytest.param(299, Answered(200), [], id="passed during the cooldown: nothing"),
        pytest.param(300, Answered(200), [Healthy("a")], id="passed after it: healthy"),
        pytest.param(300, Answered(401), [Healthy("a")], id="alive is good enough"),
        pytest.param(300, Answered(429), [], id="limited is not"),
        pytest.param(299, Answered(503), [], id="failed during the cooldown: nothing"),
        pytest.param(300, Answered(503), [], id="failed after it: it stays as it is"),
        pytest.param(300, ConnectionFailed("timed out"), [], id="unanswered: the same"),
    ],
)
def test_a_probe_of_an_unhealthy_upstream(
    now: float, probe: Probe, expected: list[Transition]
) -> None:
    a = health()
    a.record(Answered(429), 0)
    assert a.checked(probe, now) == expected
    assert a.healthy(now) == bool(expected)
    assert a.cooldown_left(now) == 300 - now


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
    a.record(REFUSED, 0)
    a.checked(Answered(500), 10)
    assert a.status(70) == {
        "healthy": False,
        "cooldown_left": 240.0,
        "connection_errors": 1,
        "last_error": "health check: 500",
        "last_check": "500",
    }


@pytest.mark.parametrize(
    "change, text",
    [
        (Warned("a", "timed out", 2, 3), "a: timed out (connection error 2 of 3)"),
        (Unhealthy("a", LIMITED, 300.0), "a is unhealthy: 429 too many requests; cooldown 300 s"),
        (Healthy("a"), "a is healthy again"),
    ],
)
def test_changes_read_as_sentences(change: Transition, text: str) -> None:
    assert str(change) == text


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
        assert 0 <= after["cooldown_left"] <= failover.cooldown
        assert after["healthy"] or not before["healthy"] or isinstance(changes[-1], Unhealthy)
        if before["cooldown_left"]:
            assert after["cooldown_left"] == before["cooldown_left"], "a cooldown runs undisturbed"
            assert not any(isinstance(change, Healthy | Unhealthy) for change in changes)
        if before["cooldown_left"] and kind == "probe":
            assert after["connection_errors"] == before["connection_errors"]
        if kind == "request" and outcome == Cancelled():
            assert after["connection_errors"] in (before["connection_errors"], 0)
            assert after["healthy"] == before["healthy"]
