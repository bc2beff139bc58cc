"""What went on over time, for plots: numbers per upstream in slots of some seconds, for a day.

In: one finished call after the other. Out: rows of numbers, as many as are asked for. Slots are cut
at fixed times, and rows at multiples of slots, so that a row that is over does not change any more.
Memory is bounded whatever comes: the oldest slots go first.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, floor
from statistics import median
from typing import Any

from .summary import Summary
from .tally import MAX_VALUES, Distinct

RESOLUTION = 10  # seconds of a slot
SPAN = 24 * 3600  # seconds that are kept
MAX_CELLS = 30_000  # slots with something in them, of all upstreams together
MAX_WAITS = 32  # latencies of one cell: the last ones
MAX_BUCKETS = 1_000
COUNTS = ("requests", "failures", "failovers", "losses", "input", "output", "cached")


@dataclass(slots=True)
class Cell:
    """One upstream in one slot, or in a row of slots. A failover is a departure from it."""

    requests: int = 0
    failures: int = 0
    failovers: int = 0
    losses: int = 0  # calls that lost content
    input: int = 0
    output: int = 0
    cached: int = 0
    waits: "array[float]" = field(default_factory=lambda: array("d"))  # until the first content

    def wait(self, seconds: float) -> None:
        if len(self.waits) < MAX_WAITS:
            self.waits.append(seconds)
        else:
            self.waits[self.requests % MAX_WAITS] = seconds

    def add(self, other: "Cell") -> None:
        self.requests += other.requests
        self.failures += other.failures
        self.failovers += other.failovers
        self.losses += other.losses
        self.input += other.input
        self.output += other.output
        self.cached += other.cached
        self.waits.extend(other.waits)


class Series:
    def __init__(self) -> None:
        self._slots: dict[int, dict[str, Cell]] = {}  # by number, in the order they were begun
        self._newest = 0
        self._names = Distinct(MAX_VALUES)
        self.cells = 0

    def add(self, call: Summary) -> None:
        """It counts when it ended: only then all of it is known."""
        number = floor(call.ended / RESOLUTION)
        if number <= self._newest - SPAN // RESOLUTION:
            return
        self._newest = max(self._newest, number)
        slot = self._slots.setdefault(number, {})
        for attempt in call.attempts:
            cell = self._cell(slot, attempt.upstream)
            cell.requests += attempt.sent
            cell.failures += attempt.sent and attempt.error not in ("", "cancelled")
        for source, _ in call.failovers:
            self._cell(slot, source).failovers += 1
        if call.upstream:
            self._answer(self._cell(slot, call.upstream), call)
        self._trim()

    def _answer(self, cell: Cell, call: Summary) -> None:
        """What the last attempt brought."""
        cell.losses += bool(call.lost)
        cell.input += call.usage.get("input_tokens", 0)
        cell.output += call.usage.get("output_tokens", 0)
        cell.cached += call.usage.get("cache_read_tokens", 0)
        if "first_content" in call.timing:
            cell.wait(max(0.0, call.timing["first_content"] - call.attempts[-1].started))

    def _cell(self, slot: dict[str, Cell], upstream: str) -> Cell:
        name = self._names.of(upstream)
        if name not in slot:
            slot[name] = Cell()
            self.cells += 1
        return slot[name]

    def _trim(self) -> None:
        horizon = self._newest - SPAN // RESOLUTION
        while self.cells > MAX_CELLS or next(iter(self._slots)) <= horizon:
            self.cells -= len(self._slots.pop(next(iter(self._slots))))

    # --- what there is to see

    def rows(self, now: float, seconds: float, buckets: int) -> dict[str, Any]:
        """The last `seconds` in `buckets` rows, or somewhat more; the last row is still open."""
        buckets = min(max(1, buckets), MAX_BUCKETS)
        width = RESOLUTION * max(1, ceil(min(seconds, SPAN) / buckets / RESOLUTION))
        start = (floor(now / width) + 1 - buckets) * width
        rows: dict[str, dict[int, Cell]] = {}
        for place, name, cell in self._between(start, start + width * buckets):
            rows.setdefault(name, {}).setdefault((place - start) // width, Cell()).add(cell)
        return {
            "start": start,
            "width": width,
            "buckets": buckets,
            "upstreams": {name: _columns(cells, buckets) for name, cells in sorted(rows.items())},
        }

    def _between(self, start: int, end: int) -> Iterator[tuple[int, str, Cell]]:
        for number, slot in self._slots.items():
            if start <= number * RESOLUTION < end:
                yield from ((number * RESOLUTION, name, cell) for name, cell in slot.items())


def _columns(cells: dict[int, Cell], buckets: int) -> dict[str, list[Any]]:
    rows = [cells.get(place) or Cell() for place in range(buckets)]
    return {
        **{name: [getattr(row, name) for row in rows] for name in COUNTS},
        "median": [median(row.waits) if row.waits else None for row in rows],
        "p90": [_ninetieth(row.waits) for row in rows],
    }


def _ninetieth(waits: Sequence[float]) -> float | None:
    """The least of them that nine in ten do not exceed."""
    return sorted(waits)[ceil(0.9 * len(waits)) - 1] if waits else None
