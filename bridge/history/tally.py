"""What all calls since the start come to: counters and distributions, by what tells them apart.

In: one finished call after the other. Out: numbers under tuples of labels, which only grow. Hard
part: models, hosts and statuses come from apps and upstreams, so there may be any number of them.
The first so many are told apart, the rest is summed up as one.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

from .summary import FAILED, NO_APPS, Summary

MAX_VALUES = 40  # of one label; of codes there is a catalogue
MAX_SERIES = 150  # of one family
OTHER = "other"

# Bounds of buckets, the OpenTelemetry GenAI conventions' own.
SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = tuple(4.0**power for power in range(14))

# Family -> the labels of its numbers.
CALL = ("client", "asked")
ATTEMPT = ("upstream", "used")
COUNTERS: dict[str, tuple[str, ...]] = {
    "calls": ("route", "client", "outcome"),
    "attempts": ("upstream", "outcome", "status"),
    "failovers": ("source", "target"),
    "losses": ("code", "severity"),
    "input": ATTEMPT,
    "output": ATTEMPT,
    "cached": ATTEMPT,
    "cache_write": ATTEMPT,
    "reasoning": ATTEMPT,
    "cost": ATTEMPT,
    "unpriced": ATTEMPT,  # calls whose tokens are known and whose price is not
}
HISTOGRAMS: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    "duration": ((*CALL, "error"), SECONDS),
    "first_content": (CALL, SECONDS),
    "attempt_duration": ((*ATTEMPT, "error"), SECONDS),
    "attempt_first_byte": (ATTEMPT, SECONDS),
    "tokens": ((*ATTEMPT, "token_type"), TOKENS),
}
# Labels whose values are not ours.
OPEN = ("upstream", "source", "target", "route", "asked", "used", "status", "error")
# Counter of tokens -> where records have them.
USAGE = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cached": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "reasoning": "reasoning_tokens",
}

type Labels = tuple[str, ...]


class Distinct:
    """The first `most` values are told apart, all that come later are one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def of(self, value: str) -> str:
        if value not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(value)
        return value


@dataclass(slots=True)
class Histogram:
    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)  # one more than bounds: the last has no end
    sum: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        return sum(self.counts)


class Tally:
    """`counters` and `histograms`: family -> labels -> numbers."""

    def __init__(self) -> None:
        self.counters: dict[str, dict[Labels, float]] = {name: {} for name in COUNTERS}
        self.histograms: dict[str, dict[Labels, Histogram]] = {name: {} for name in HISTOGRAMS}
        self.protocols: dict[str, str] = {}  # by upstream, as far as calls told
        self._lossy = 0  # calls that lost content
        self._values = {name: Distinct(MAX_VALUES) for name in OPEN}

    def add(self, call: Summary) -> None:
        self._count("calls", (call.route, call.client, call.outcome))
        for source, target in call.failovers:
            self._count("failovers", (source, target))
        for loss in call.losses:
            self._count("losses", loss)
        self._lossy += bool(call.lost)
        if call.upstream:
            self.protocols[self._values["upstream"].of(call.upstream)] = call.protocol
        self._attempts(call)
        self._tokens(call)
        self._times(call)

    def _attempts(self, call: Summary) -> None:
        for attempt in call.attempts:
            labels = attempt.upstream, attempt.outcome, str(attempt.status or "")
            self._count("attempts", labels)
            if attempt.sent:
                used = call.used if attempt is call.attempts[-1] else ""
                labels = attempt.upstream, used, attempt.error
                self._observe("attempt_duration", labels, attempt.duration)

    def _tokens(self, call: Summary) -> None:
        labels = call.upstream, call.used
        for name, key in USAGE.items():
            if call.usage.get(key):
                self._count(name, labels, call.usage[key])
        for name in ("input", "output") if call.usage else ():
            self._observe("tokens", (*labels, name), call.usage.get(USAGE[name], 0))
        if call.cost is not None:
            self._count("cost", labels, call.cost)
        elif call.usage:
            self._count("unpriced", labels)

    def _times(self, call: Summary) -> None:
        labels, times = (call.client, call.asked), call.timing
        if "last" in times:
            error = call.attempts[-1].error if call.attempts else call.outcome
            self._observe("duration", (*labels, error), times["last"])
        if "first_content" in times:
            self._observe("first_content", labels, times["first_content"])
        if call.streamed and "first_byte" in times and call.attempts:
            waited = max(0.0, times["first_byte"] - call.attempts[-1].started)
            self._observe("attempt_first_byte", (call.upstream, call.used), waited)

    def _count(self, family: str, labels: Labels, number: float = 1) -> None:
        series = self.counters[family]
        known = self._bounded(COUNTERS[family], labels, series)
        series[known] = series.get(known, 0) + number

    def _observe(self, family: str, labels: Labels, value: float) -> None:
        series, (names, bounds) = self.histograms[family], HISTOGRAMS[family]
        known = self._bounded(names, labels, series)
        if known not in series:
            series[known] = Histogram(bounds)
        series[known].add(value)

    def _bounded(self, names: Labels, labels: Labels, series: dict[Labels, Any]) -> Labels:
        if labels in series:
            return labels
        pairs = list(zip(names, labels, strict=True))
        known = tuple(self._values[n].of(v) if n in OPEN else v for n, v in pairs)
        if known in series or len(series) < MAX_SERIES:
            return known
        return tuple(OTHER if n in OPEN else v for n, v in pairs)

    # --- what it comes to

    def totals(self) -> dict[str, Any]:
        """Plain data."""
        priced = self.counters["cost"]
        return {
            "calls": self._sum("calls"),
            "no_apps": sum(self._by("calls", 0).get(route, 0) for route in NO_APPS),
            "failed": sum(self._by("calls", 2).get(outcome, 0) for outcome in FAILED),
            "attempts": self._sum("attempts"),
            "failovers": self._sum("failovers"),
            "outcomes": self._by("calls", 2),
            "lost": self._lossy,
            "losses": self._losses("lost"),
            "weakened": self._losses("degraded"),
            "tokens": {name: self._sum(name) for name in USAGE},
            "cost": sum(priced.values()) if priced else None,
            "unpriced": self._sum("unpriced"),
        }

    def _sum(self, family: str) -> float:
        return sum(self.counters[family].values())

    def _losses(self, severity: str) -> dict[str, float]:
        return {code: n for (code, hurt), n in self.counters["losses"].items() if hurt == severity}

    def _by(self, family: str, place: int) -> dict[str, float]:
        """Summed up by one of its labels."""
        sums: dict[str, float] = {}
        for labels, number in self.counters[family].items():
            sums[labels[place]] = sums.get(labels[place], 0) + number
        return sums
