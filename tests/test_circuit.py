"""One circuit, told step by step with a fake clock. What opens which circuit: test_health.py."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.circuit import Circuit, Healthy, State, Transition, Unhealthy, Warned
from bridge.config import Failover, HealthCheck

PROBED = HealthCheck(interval=60)
BY_REQUEST = HealthCheck(interval=0)


def circuit(check: HealthCheck, first_byte_timeout: float = 60, may_probe: bool = True) -> Circuit:
    failover = Failover(
        cooldown=300,
        max_cooldown=1000,
        first_byte_timeout=first_byte_timeout,
        health_check=check,
    )
    return Circuit("a", failover, may_probe=may_probe)


type Event = Callable[[Circuit, float], list[Transition]]


def tick(a: Circuit, now: float) -> list[Transition]:
    return a.tick(now)


def begin(a: Circuit, now: float) -> list[Transition]:
    a.begin(now)
    return []


def limited(started: float | None = None, retry_after: float | None = None) -> Event:
    return lambda a, now: a.failed("limited", now, started, retry_after)


def refused(started: float | None = None) -> Event:
    return lambda a, now: a.not_reached("refused", now, started)


def broken(started: float | None = None, retry_after: float | None = None) -> Event:
    return lambda a, now: a.answered_badly("500", now, started, retry_after)


def fine(started: float | None = None) -> Event:
    return lambda a, now: a.succeeded(started)


def unknown(started: float | None = None) -> Event:
    def event(a: Circuit, now: float) -> list[Transition]:
        a.undecided(started)
        return []

    return event


def probe_failed(a: Circuit, now: float) -> list[Transition]:
    return a.probe_failed("probe", now)


def probe_passed(a: Circuit, now: float) -> list[Transition]:
    return a.probe_passed(now)


# time, what happens, and afterwards: the state, whether it may be used, what is left of a cooldown
type Story = Sequence[tuple[float, Event, State, bool, float]]


@pytest.mark.parametrize(
    "check, story",
    [
        pytest.param(PROBED, [(0, tick, "healthy", True, 0)], id="healthy at first"),
        pytest.param(
            PROBED,
            [
                (0, limited(), "cooling", False, 300),
                (299, tick, "cooling", False, 1),
                (300, tick, "trial", False, 0),
                (9999, tick, "trial", False, 0),
                (9999, probe_passed, "healthy", True, 0),
            ],
            id="with probes a probe is the trial",
        ),
        pytest.param(
            PROBED,
            [
                (0, limited(), "cooling", False, 300),
                (300, begin, "trial", False, 0),
                (301, fine(300), "healthy", True, 0),
            ],
            id="but a request that was sent nevertheless and succeeds closes it",
        ),
        pytest.param(
            PROBED,
            [
                (0, limited(), "cooling", False, 300),
                (310, limited(305), "cooling", False, 300),
            ],
            id="and one that fails starts a cooldown as long as the first",
        ),
        pytest.param(
            PROBED,
            [
                (0, limited(), "cooling", False, 300),
                (299, probe_failed, "cooling", False, 1),
                (300, probe_failed, "cooling", False, 600),
                (900, probe_failed, "cooling", False, 1000),
                (1900, probe_failed, "cooling", False, 1000),
                (2900, probe_passed, "healthy", True, 0),
            ],
            id="a failed probe doubles the cooldown, up to the cap",
        ),
        pytest.param(
            PROBED,
            [
                (0, limited(), "cooling", False, 300),
                (300, probe_failed, "cooling", False, 600),
                (900, probe_passed, "healthy", True, 0),
                (910, limited(905), "cooling", False, 600),
                (1510, probe_passed, "healthy", True, 0),
                (1520, fine(1515), "healthy", True, 0),
                (1530, limited(1525), "cooling", False, 300),
            ],
            id="a passed probe does not bring the cooldown back to its length, a success does",
        ),
        pytest.param(
            PROBED,
            [(0, limited(), "cooling", False, 300), (10, fine(5), "healthy", True, 0)],
            id="trap 8: a success closes it during the cooldown: somebody tried",
        ),
        pytest.param(
            PROBED,
            [
                (10, limited(), "cooling", False, 300),
                (11, fine(9), "cooling", False, 299),
                (12, fine(10), "cooling", False, 298),
                (13, fine(None), "cooling", False, 297),
            ],
            id="unless it was begun before",
        ),
        pytest.param(
            PROBED,
            [(0, limited(), "cooling", False, 300), (9, limited(5), "cooling", False, 291)],
            id="a failure during the cooldown changes nothing",
        ),
        pytest.param(
            PROBED,
            [
                (100, limited(), "cooling", False, 300),
                (110, fine(105), "healthy", True, 0),
                (120, limited(99), "healthy", True, 0),
                (121, limited(101), "cooling", False, 300),
            ],
            id="nor does one that was begun before the last",
        ),
        pytest.param(
            BY_REQUEST,
            [
                (0, limited(), "cooling", False, 300),
                (300, tick, "trial", True, 0),
                (301, begin, "trial", False, 0),
                (302, begin, "trial", False, 0),
                (303, fine(301), "healthy", True, 0),
            ],
            id="trap 8: without probes one request is the trial, and the others wait",
        ),
        pytest.param(
            BY_REQUEST,
            [
                (0, limited(), "cooling", False, 300),
                (300, begin, "trial", False, 0),
                (301, limited(300), "cooling", False, 600),
                (901, begin, "trial", False, 0),
                (902, refused(901), "cooling", False, 1000),
                (1902, begin, "trial", False, 0),
                (1903, broken(1902), "cooling", False, 1000),
                (2903, begin, "trial", False, 0),
                (2904, fine(2903), "healthy", True, 0),
                (2905, limited(), "cooling", False, 300),
            ],
            id="its failure, the first of whatever kind, doubles the cooldown",
        ),
        pytest.param(
            BY_REQUEST,
            [
                (0, limited(), "cooling", False, 300),
                (300, begin, "trial", False, 0),
                (301, unknown(None), "trial", False, 0),
                (302, unknown(300), "trial", True, 0),
            ],
            id="one that tells nothing lets another one in",
        ),
        pytest.param(
            BY_REQUEST,
            [
                (0, limited(), "cooling", False, 300),
                (300, begin, "trial", False, 0),
                (359, tick, "trial", False, 0),
                (360, tick, "trial", True, 0),
                (360, begin, "trial", False, 0),
            ],
            id="so does one that nobody hears of again",
        ),
        pytest.param(
            BY_REQUEST,
            [
                (0, limited(), "cooling", False, 300),
                (299, begin, "cooling", False, 1),
                (300, tick, "trial", True, 0),
            ],
            id="a request during the cooldown is no trial",
        ),
        pytest.param(
            BY_REQUEST,
            [
                (0, limited(), "cooling", False, 300),
                (300, tick, "trial", True, 0),
                (301, refused(None), "trial", True, 0),
                (302, broken(0), "trial", True, 0),
                (303, limited(0), "cooling", False, 300),
            ],
            id="nor is one of which nobody knows when it was begun",
        ),
        pytest.param(
            BY_REQUEST,
            [
                (0, limited(), "cooling", False, 300),
                (300, probe_passed, "trial", True, 0),
                (301, probe_failed, "cooling", False, 300),
            ],
            id="a probe that was asked for is no trial either",
        ),
        pytest.param(
            PROBED,
            [(0, limited(None, 20), "cooling", False, 20), (20, tick, "trial", False, 0)],
            id="the upstream says how long",
        ),
        pytest.param(
            PROBED,
            [(0, limited(None, 1e6), "cooling", False, 1000)],
            id="trap 8: up to the same cap",
        ),
        pytest.param(
            PROBED, [(0, limited(None, 0), "cooling", False, 300)], id="0 says nothing of when"
        ),
        pytest.param(
            BY_REQUEST,
            [
                (0, limited(), "cooling", False, 300),
                (301, limited(300, 20), "cooling", False, 20),
                (322, limited(321), "cooling", False, 1000),
            ],
            id="what it says is not doubled, and counts as a failed trial",
        ),
        pytest.param(
            PROBED,
            [
                (0, refused(), "healthy", True, 0),
                (1, broken(), "healthy", True, 0),
                (2, refused(), "healthy", True, 0),
                (3, broken(), "healthy", True, 0),
                (4, refused(), "healthy", True, 0),
                (5, broken(None, 30), "cooling", False, 30),
            ],
            id="errors are answers, but missing answers do not end a row of errors",
        ),
        pytest.param(
            PROBED,
            [
                (0, limited(), "cooling", False, 300),
                (300, probe_failed, "cooling", False, 600),
                (310, lambda a, now: a.reset(), "healthy", True, 0),
                (320, limited(0), "cooling", False, 300),
            ],
            id="trap 8: a reset forgets it all",
        ),
    ],
)
def test_stories(check: HealthCheck, story: Story) -> None:
    a = circuit(check)
    for now, event, state, usable, left in story:
        event(a, now)
        is_usable = a.usable_at(now) == -inf
        assert (now, a.state(now), is_usable, a.cooldown_left(now)) == (now, state, usable, left)


def test_a_trial_may_take_as_long_as_the_first_byte_may() -> None:
    a = circuit(BY_REQUEST, first_byte_timeout=100)
    a.failed("limited", 0, None)
    a.begin(300)
    assert [a.usable_at(now) for now in (300, 399)] == [400, 400]
    assert a.usable_at(400) == -inf
    assert a.recovers_at(301) == -inf, "the cooldown is over all the same"


def test_what_no_probe_is_made_for_is_tried_by_request() -> None:
    a = circuit(PROBED, may_probe=False)
    a.failed("limited", 0, None)
    assert a.usable_at(300) == -inf
    assert a.tick(300) == [Healthy("a")]


@pytest.mark.parametrize(
    "check, events, told",
    [
        pytest.param(
            PROBED,
            [(0, refused()), (1, refused()), (2, refused())],
            [
                Warned("a", "refused", 1, 3),
                Warned("a", "refused", 2, 3),
                Unhealthy("a", "refused, connection error 3", 300),
            ],
            id="two connection errors warn",
        ),
        pytest.param(
            PROBED,
            [(0, broken()), (1, broken()), (2, broken())],
            [Unhealthy("a", "500, failure 3", 300)],
            id="two errors of the server go without a word",
        ),
        pytest.param(
            PROBED,
            [(0, limited()), (1, limited()), (300, tick), (300, probe_passed), (301, fine(301))],
            [Unhealthy("a", "limited", 300), Healthy("a")],
            id="with probes the end is told when a probe has passed",
        ),
        pytest.param(
            PROBED,
            [(0, limited()), (5, fine(1)), (6, fine(2))],
            [Unhealthy("a", "limited", 300), Healthy("a")],
            id="or a request, once",
        ),
        pytest.param(
            BY_REQUEST,
            [(0, limited()), (299, tick), (300, tick), (301, tick), (305, fine(301))],
            [Unhealthy("a", "limited", 300), Healthy("a")],
            id="without probes when the cooldown is over",
        ),
        pytest.param(
            BY_REQUEST,
            [(0, limited()), (300, tick), (305, limited(301)), (905, tick)],
            [
                Unhealthy("a", "limited", 300),
                Healthy("a"),
                Unhealthy("a", "limited", 600),
                Healthy("a"),
            ],
            id="each time",
        ),
        pytest.param(
            PROBED,
            [(0, lambda a, now: a.reset()), (1, limited()), (2, lambda a, now: a.reset())],
            [Unhealthy("a", "limited", 300), Healthy("a")],
            id="a reset is told where there was something to forget",
        ),
    ],
)
def test_what_is_told(
    check: HealthCheck, events: list[tuple[float, Event]], told: list[Transition]
) -> None:
    a = circuit(check)
    assert [change for now, event in events for change in event(a, now)] == told


def test_an_end_that_was_told_is_not_told_again_by_the_same_way_only() -> None:
    """A reload may switch probes on between the two."""
    a = circuit(BY_REQUEST)
    a.failed("limited", 0, None)
    assert a.tick(300) == [Healthy("a")]
    a.failover = circuit(PROBED).failover
    assert a.usable_at(301) == 300, "it waits for a probe now"
    assert a.probe_passed(302) == [Healthy("a")]


@pytest.mark.parametrize(
    "check, event",
    [
        pytest.param(BY_REQUEST, tick, id="by itself"),
        pytest.param(PROBED, probe_passed, id="with a passed probe"),
        pytest.param(PROBED, lambda a, now: a.reset(), id="with a reset"),
    ],
)
def test_the_counts_start_again_after_the_cooldown(check: HealthCheck, event: Event) -> None:
    a = circuit(check)
    for _ in range(3):
        a.answered_badly("500", 0, None, None)
    for _ in range(3):
        a.not_reached("refused", 0, None)
    assert (a.connection_errors, a.failures) == (3, 3)
    event(a, 300)
    assert (a.connection_errors, a.failures) == (0, 0)


def test_failing_for_ever_is_no_trouble() -> None:
    a = Circuit("a", Failover(cooldown=0, health_check=PROBED), may_probe=True)
    a.failed("limited", 0, None)
    for now in range(1, 2000):
        assert a.probe_failed("probe", now) == [Unhealthy("a", "probe", 0)]


@pytest.mark.parametrize(
    "event, error",
    [
        (limited(), "limited"),
        (refused(), "refused"),
        (broken(), "500"),
        (probe_failed, "probe"),
    ],
)
def test_the_last_error_is_remembered_also_where_it_changes_nothing(
    event: Event, error: str
) -> None:
    a = circuit(PROBED)
    event(a, 5)
    assert (a.last_error, a.failed_at) == (error, 5)


def test_a_reset_forgets_the_last_error_too() -> None:
    a = circuit(PROBED)
    for event in (limited(), refused(), broken(), probe_failed):
        event(a, 5)
        a.reset()
        assert a == circuit(PROBED)


def test_status_is_plain_data() -> None:
    a = circuit(BY_REQUEST)
    a.failed("limited", 0, None)
    assert a.status(100) == {
        "name": "a",
        "state": "cooling",
        "cooldown_left": 200.0,
        "last_error": "limited",
    }


@pytest.mark.parametrize(
    "change, text",
    [
        (Warned("a", "timed out", 2, 3), "a: timed out (connection error 2 of 3)"),
        (Unhealthy("a", "limited", 300.0), "a is unhealthy: limited; cooldown 300 s"),
        (Healthy("a"), "a is healthy again"),
    ],
)
def test_changes_read_as_sentences(change: Transition, text: str) -> None:
    assert str(change) == text


# Laws


@dataclass
class Step:
    wait: int
    kind: str
    age: int  # of the request that is told of


KINDS = ("begin", "limited", "hinted", "refused", "broken", "fine", "unknown", "passed", "failed")
STEPS = st.lists(
    st.builds(Step, st.integers(0, 400), st.sampled_from(KINDS), st.integers(0, 500)), max_size=50
)


def play(a: Circuit, step: Step, now: float) -> list[Transition]:
    started = now - step.age
    events: dict[str, Event] = {
        "begin": begin,
        "limited": limited(started),
        "hinted": limited(started, 7),
        "refused": refused(started),
        "broken": broken(started),
        "fine": fine(started),
        "unknown": unknown(started),
        "passed": probe_passed,
        "failed": probe_failed,
    }
    return events[step.kind](a, now)


@given(STEPS, st.sampled_from([PROBED, BY_REQUEST]))
def test_laws(steps: list[Step], check: HealthCheck) -> None:
    a, now, told_healthy = circuit(check), 0, True
    for step in steps:
        now += step.wait
        changes = a.tick(now)
        left, opened_at, trial = a.cooldown_left(now), a.opened_at, a.usable_at(now) > now
        changes += play(a, step, now)
        for change in changes:
            match change:
                case Unhealthy():
                    assert told_healthy or check is PROBED, "it can only become what it is not"
                    assert change.cooldown in (7, 300, 600, 1000)
                    told_healthy = False
                case Healthy():
                    assert not told_healthy
                    told_healthy = True
        assert told_healthy == (a.recovers_at(now) == -inf), "all that happens is told"
        if left and a.cooldown_left(now) != left:
            news = step.kind == "fine" and now - step.age > opened_at
            assert news and a.state(now) == "healthy", "nothing but a success ends a cooldown early"
        if step.kind == "begin" and (trial or a.state(now) == "trial"):
            assert a.usable_at(now) > -inf, "nobody else while there is a trial"
