"""What was measured, set against what it is compared with and the bar; and the table of it.
No processes.

Hard part: on a busy machine the same work takes up to twice as long, and never less than on a quiet
one. So of many small samples the low ones tell.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import fmean
from typing import Literal

TWIN = "twin"

type Samples = Mapping[str, Sequence[float]]  # by target


@dataclass(frozen=True, slots=True)
class Bar:
    """How far the bridge may be from the other proxy: `x` times it, or `+` units above it."""

    kind: Literal["x", "+"]
    limit: float

    def distance(self, other: float, bridge: float) -> float:
        return bridge / other if self.kind == "x" else bridge - other

    def text(self, value: float, unit: str) -> str:
        return f"x {value:.2f}" if self.kind == "x" else f"{value:+.1f} {unit}"


def low(samples: Sequence[float]) -> float:
    """What one sample in ten stays below."""
    return sorted(samples)[len(samples) // 10]


@dataclass(frozen=True, slots=True)
class Result:
    """The samples of one row; `typical` says which of them stands for all.

    The last target is judged, against the one before it. Of that there may be a `twin`: how far the
    two are apart is noise.
    """

    name: str
    unit: str
    bar: Bar
    samples: Samples
    typical: Callable[[Sequence[float]], float] = low

    def value(self, target: str) -> float:
        return self.typical(self.samples[target])

    def joined(self, other: "Result") -> "Result":
        samples = {name: [*taken, *other.samples[name]] for name, taken in self.samples.items()}
        return replace(self, samples=samples)

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(self.samples)

    @property
    def distance(self) -> float:
        *_, other, judged = self.targets
        return self.bar.distance(self.value(other), self.value(judged))

    @property
    def noise(self) -> float | None:
        if TWIN not in self.samples:
            return None
        return self.bar.distance(*sorted(map(self.value, self.targets[:2])))

    @property
    def ok(self) -> bool:
        return self.distance <= self.bar.limit


def growth(marks: Sequence[float]) -> float:
    """How many times a step of the first fifth a step of the last fifth is."""
    steps = [after - before for before, after in zip(marks, marks[1:], strict=False)]
    fifth = len(steps) // 5
    return fmean(sorted(steps[-fifth:])[: fifth // 2]) / fmean(sorted(steps[:fifth])[: fifth // 2])


def tables(results: Iterable[Result]) -> str:
    """One for each choice of targets."""
    return "\n\n".join(_table(list(group)) for _, group in groupby(results, lambda r: r.targets))


def _table(results: list[Result]) -> str:
    lines = [_header(results[0]), *map(_cells, results)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(cells, widths) for cells in lines)


def _header(result: Result) -> tuple[str, ...]:
    noise = () if result.noise is None else ("noise",)
    return ("row", "unit", *result.targets, *noise, f"to {result.targets[-2]}", "bar", "")


def _cells(result: Result) -> tuple[str, ...]:
    values = (f"{result.value(target):.2f}" for target in result.targets)
    distances = (d for d in (result.noise, result.distance, result.bar.limit) if d is not None)
    told = (result.bar.text(distance, result.unit) for distance in distances)
    return (result.name, result.unit, *values, *told, "ok" if result.ok else "BROKEN")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Words to the left, numbers to the right."""
    words = (cell.ljust(width) for cell, width in zip(cells[:2], widths, strict=False))
    numbers = (cell.rjust(width) for cell, width in zip(cells[2:-1], widths[2:], strict=False))
    return "  ".join((*words, *numbers, cells[-1])).rstrip()
