"""Days of traffic in fake time: forty clients, upstreams that fail in their ways, one router.

Nothing runs but the router. A queue holds what is to happen: a request arrives, an attempt or a
probe ends, the timer ticks. What must hold however upstreams behave is asserted at the end.
"""

import heapq
import itertools
import random
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import parse
from bridge.health import Answered, ConnectionFailed, Healthy, Outcome, Probe, Unhealthy
from bridge.outcomes import went_wrong
from bridge.routing import Change, Moved, Router, Target

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
TICK = 5.0  # the real timer ticks more often
THINK = 10 * MINUTE  # on average, between the requests of a client
CLIENTS = 40
AIR = 6  # requests that may be on their way before the first failure among them is known
REFUSED, HUNG = ConnectionFailed("connection refused"), ConnectionFailed("no answer in 20 s")
TOOK = {REFUSED: 0.05, HUNG: 20.0}  # seconds; all others half a second

CONFIG = """
upstreams:
  a: {protocol: anthropic_messages, url: http://a.test, api_key: ka}
  b: {protocol: openai_chat, url: http://b.test, api_key: kb}
  c: {protocol: openai_responses, url: http://c.test, api_key: kc}
routes: [{name: r, upstreams: [a, b, c]}]
failover: {cooldown: 60s, max_cooldown: 10m, first_byte_timeout: 20s, health_check: {interval: %s}}
"""


@dataclass(frozen=True)
class Spell:
    """A time in which an upstream fails, at a share of what it is asked."""

    start: float
    end: float
    outcome: Outcome = REFUSED
    share: float = 1.0


@dataclass
class Upstream:
    """How it behaves. With a quota it takes so many requests in each minute."""

    spells: tuple[Spell, ...] = ()
    quota: int | None = None
    taken: dict[float, int] = field(default_factory=dict)  # by minute

    def spell(self, now: float) -> Spell | None:
        return next((spell for spell in self.spells if spell.start <= now < spell.end), None)

    def well(self, start: float, end: float) -> bool:
        """Whether it would have answered anything at any time between these."""
        bad = any(spell.start <= end and start < spell.end for spell in self.spells)
        return self.quota is None and not bad

    def answer(self, now: float, luck: random.Random) -> tuple[float, Outcome]:
        """When the outcome of an attempt that begins now is known, and what it is."""
        spell = self.spell(now)
        if spell and luck.random() < spell.share:
            return now + TOOK.get(spell.outcome, 0.5), spell.outcome
        minute = now // MINUTE
        self.taken[minute] = self.taken.get(minute, 0) + 1
        if self.quota is not None and self.taken[minute] > self.quota:
            return now + 0.05, Answered(429, (minute + 1) * MINUTE - now)
        return now + luck.uniform(0.3, 4), Answered(200)

    def probed(self, now: float, luck: random.Random) -> Probe:
        spell = self.spell(now)
        failing = spell is not None and luck.random() < spell.share
        return spell.outcome if spell and failing else Answered(200)


@dataclass
class Attempt:
    upstream: str
    began: float
    ends: float
    forced: bool  # others failed before it, or all were to be left alone
    outcome: Outcome
    well: tuple[str, ...]  # others that were


@dataclass
class Days:
    """Plays it all. What happened stands in the lists."""

    upstreams: dict[str, Upstream]
    router: Router
    luck: random.Random
    arrivals: list[float] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    told: list[tuple[float, Change]] = field(default_factory=list)
    failed: list[tuple[float, float]] = field(default_factory=list)  # from when to when
    answered: int = 0

    def play(self, until: float) -> None:
        self.order = itertools.count()
        self.queue: list[tuple[float, int, Callable[[float], None]]] = []
        for _ in range(CLIENTS):
            self.at(self.luck.uniform(0, THINK), self.arrive)
        self.at(0, self.tick)
        while self.queue[0][0] < until:
            now, _, happens = heapq.heappop(self.queue)
            happens(now)

    def at(self, time: float, happens: Callable[[float], None]) -> None:
        heapq.heappush(self.queue, (time, next(self.order), happens))

    def tell(self, changes: list[Change], now: float) -> None:
        self.told += ((now, change) for change in changes)

    # --- what happens

    def tick(self, now: float) -> None:
        self.at(now + TICK, self.tick)
        self.tell(self.router.tick(now), now)
        for upstream in self.router.probes_due(now):
            probe = self.upstreams[upstream.name].probed(now, self.luck)
            self.tell(self.router.checked(upstream, probe, now), now)

    def arrive(self, now: float) -> None:
        self.at(now + self.luck.expovariate(1 / THINK), self.arrive)
        self.arrivals.append(now)
        self.attempt(now, [], now)

    def attempt(self, began: float, tried: list[Target], now: float) -> None:
        target = self.router.pick(self.router.routes[0], tried, now)
        if target is None:
            self.failed.append((began, now))
            return
        name = target.upstream.name
        forced = bool(tried) or self.router.recovery(self.router.routes[0], now) > 0
        self.router.begin(target, now)
        end, outcome = self.upstreams[name].answer(now, self.luck)
        well = tuple(n for n, u in self.upstreams.items() if n != name and u.well(now, end))
        attempt = Attempt(name, now, end, forced, outcome, well)
        self.attempts.append(attempt)
        self.at(end, partial(self.ended, began, tried, target, attempt))

    def ended(
        self, began: float, tried: list[Target], target: Target, it: Attempt, now: float
    ) -> None:
        self.tell(self.router.record(target, it.outcome, now, started=it.began), now)
        if went_wrong(it.outcome, own_key=True):
            self.attempt(began, [*tried, target], now)
        else:
            self.answered += 1


def flapping(start: float, end: float, down: float, up: float) -> Iterator[Spell]:
    while start < end:
        yield Spell(start, start + down)
        start += down + up


def recovering(start: float, step: float) -> Iterator[Spell]:
    """It answers more and more of what it is asked."""
    for index, share in enumerate((1.0, 0.9, 0.6, 0.3, 0.1)):
        yield Spell(start + index * step, start + (index + 1) * step, Answered(503), share)


DAYS: dict[str, Callable[[], dict[str, Upstream]]] = {
    "an outage of hours": lambda: {
        "a": Upstream((Spell(2 * HOUR, 7 * HOUR), Spell(15 * HOUR, 15.5 * HOUR, Answered(500))))
    },
    "one that hangs": lambda: {"a": Upstream((Spell(HOUR, 6 * HOUR, HUNG),))},
    "overloaded for a while": lambda: {"a": Upstream((Spell(HOUR, 3 * HOUR, Answered(529)),))},
    "flapping": lambda: {"a": Upstream(tuple(flapping(HOUR, 20 * HOUR, 100, 300)))},
    "flapping fast": lambda: {"a": Upstream(tuple(flapping(HOUR, 20 * HOUR, 20, 20)))},
    "slow recovery": lambda: {"a": Upstream(tuple(recovering(HOUR, HOUR)))},
    "rate limits": lambda: {"a": Upstream(quota=3)},
    "limits on the way to the last": lambda: {"a": Upstream(quota=2), "b": Upstream(quota=2)},
    "one after the other": lambda: {
        "a": Upstream((Spell(HOUR, 3 * HOUR),)),
        "b": Upstream((Spell(2 * HOUR, 4 * HOUR, Answered(529)),)),
        "c": Upstream((Spell(4 * HOUR, 5 * HOUR, HUNG),)),
    },
    "all at once": lambda: {
        "a": Upstream((Spell(HOUR, 3 * HOUR),)),
        "b": Upstream((Spell(2 * HOUR, 4 * HOUR, Answered(500)),)),
        "c": Upstream((Spell(2.2 * HOUR, 2.6 * HOUR, HUNG),)),
    },
}


def played(upstreams: dict[str, Upstream], probes: str, until: float, seed: int = 1) -> Days:
    every = {name: upstreams.get(name, Upstream()) for name in "abc"}
    days = Days(every, Router(parse(CONFIG % probes, "config.yaml", {})), random.Random(seed))
    days.play(until)
    return days


# --- what must hold


def nobody_is_failed_while_one_is_well(days: Days) -> None:
    for began, gave_up in days.failed:
        assert not any(upstream.well(began, gave_up) for upstream in days.upstreams.values())


def a_route_returns_no_sooner_than_the_cooldown(days: Days) -> None:
    """Unless a request that had nowhere else to go was answered there."""
    answers = {
        (attempt.upstream, attempt.ends)
        for attempt in days.attempts
        if attempt.forced and attempt.outcome == Answered(200)
    }
    cooling: dict[str, float] = {}
    for now, change in days.told:
        match change:
            case Unhealthy(name, _, cooldown):
                assert now >= cooling.get(name, 0)
                cooling[name] = now + cooldown
            case Healthy(name):
                assert now >= cooling.get(name, 0) or (name, now) in answers
                cooling.pop(name, None)
            case Moved(_, source, target):
                left = cooling.get(target, 0)
                assert now >= left or now < cooling.get(source, 0), str(change)


def what_recovered_is_used_again(days: Days, interval: float) -> None:
    """The first of the route, within a probe's interval after the cooldown."""
    first = days.upstreams["a"]
    used = [attempt.began for attempt in days.attempts if attempt.upstream == "a"]
    for spell in first.spells:
        opened = [
            (now, change.cooldown)
            for now, change in days.told
            if isinstance(change, Unhealthy) and change.upstream == "a" and now <= spell.end + 30
        ]
        ready = max([spell.end, *(now + cooldown for now, cooldown in opened)])
        latest = ready + interval + 2 * TICK
        if not first.well(spell.end, latest) or latest > days.arrivals[-1]:
            continue
        after = bisect_left(days.arrivals, latest)  # whoever comes first then is sent there
        assert used[bisect_left(used, spell.end)] <= days.arrivals[after], spell


def a_failing_upstream_is_left_alone(days: Days, probes: bool) -> None:
    """Where another one is well: as many as it takes to notice, and one for each cooldown."""
    failover = parse(CONFIG % 0, "config.yaml", {}).failover
    for name, upstream in days.upstreams.items():
        for spell in (spell for spell in upstream.spells if spell.share == 1):
            asked = [
                attempt
                for attempt in days.attempts
                if attempt.upstream == name and spell.start <= attempt.began < spell.end
            ]
            trials, left = 0, spell.end - spell.start
            while not probes and left > 0:
                left -= failover.cooldown_at(trials)
                trials += 1
            needless = [attempt for attempt in asked if attempt.well]
            assert len(needless) <= failover.failures + AIR + trials, (name, spell)


def a_limit_is_met_once_a_minute(days: Days) -> None:
    limited: dict[tuple[str, float], int] = {}
    for attempt in days.attempts:
        if attempt.well and getattr(attempt.outcome, "status", 0) == 429:
            minute = attempt.upstream, attempt.began // MINUTE
            limited[minute] = limited.get(minute, 0) + 1
    assert max(limited.values(), default=0) <= 2  # the second was on its way


def a_limited_one_is_used_as_far_as_it_goes(days: Days) -> None:
    """Its answer says how long to wait, so nearly all of its share is asked for."""
    asked: dict[float, int] = {}
    for attempt in days.attempts:
        if attempt.upstream == "a":
            asked[attempt.began // MINUTE] = asked.get(attempt.began // MINUTE, 0) + 1
    quota = days.upstreams["a"].quota
    if quota is not None:
        taken = sum(min(count, quota) for count in asked.values())
        assert taken > 0.7 * quota * DAY / MINUTE


def holds(days: Days, interval: float) -> None:
    assert days.answered > 0.95 * (days.answered + len(days.failed))
    nobody_is_failed_while_one_is_well(days)
    a_route_returns_no_sooner_than_the_cooldown(days)
    what_recovered_is_used_again(days, interval)
    a_failing_upstream_is_left_alone(days, probes=interval > 0)
    a_limit_is_met_once_a_minute(days)
    a_limited_one_is_used_as_far_as_it_goes(days)


@pytest.mark.more
@pytest.mark.parametrize("interval", [0, 30], ids=["without probes", "with probes"])
@pytest.mark.parametrize("upstreams", DAYS.values(), ids=DAYS)
def test_a_day(upstreams: Callable[[], dict[str, Upstream]], interval: int) -> None:
    days = played(upstreams(), str(interval), DAY)
    assert len(days.attempts) > 5000
    holds(days, interval)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("interval", [0, 30], ids=["without probes", "with probes"])
@pytest.mark.parametrize("seed", range(2))
def test_weeks(seed: int, interval: int) -> None:
    """One scenario a day, in another order each time."""
    luck = random.Random(seed)
    spells: dict[str, list[Spell]] = {"a": [], "b": [], "c": []}
    for day in range(14):
        for name, upstream in luck.choice(list(DAYS.values()))().items():
            for it in upstream.spells:
                moved = Spell(day * DAY + it.start, day * DAY + it.end, it.outcome, it.share)
                spells[name].append(moved)
    holds(
        played({n: Upstream(tuple(s)) for n, s in spells.items()}, str(interval), 14 * DAY, seed),
        interval,
    )


OUTCOMES = st.sampled_from([REFUSED, HUNG, Answered(500), Answered(529)])


@st.composite
def spells(draw: st.DrawFn) -> Upstream:
    times = sorted(draw(st.lists(st.integers(0, 240), max_size=6, unique=True)))
    made = [
        Spell(start * MINUTE, end * MINUTE, draw(OUTCOMES))
        for start, end in zip(times[::2], times[1::2], strict=False)
    ]
    return Upstream(tuple(made))


@given(spells(), spells(), spells(), st.sampled_from([0, 30]), st.integers(0, 1000))
def test_hours(a: Upstream, b: Upstream, c: Upstream, interval: int, seed: int) -> None:
    days = played({"a": a, "b": b, "c": c}, str(interval), 5 * HOUR, seed)
    nobody_is_failed_while_one_is_well(days)
    a_route_returns_no_sooner_than_the_cooldown(days)
    what_recovered_is_used_again(days, interval)
    a_failing_upstream_is_left_alone(days, probes=interval > 0)
