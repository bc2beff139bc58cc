"""Rows that people read, made of the lines of a comparison.

In: lines, with the notes that belong to them. Out: rows. Hard part: one lost field among hundreds
has to be seen, so runs of what is the same are folded, and what happened to many blocks alike is
told of the first of them. A row with a note is always there.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Literal

from .compare import Line
from .excerpt import difference, shown

type Kind = Literal["same", "changed", "left", "right", "skip"]
type Note = Mapping[str, Any]

AROUND = 1  # rows that are the same, shown next to one that is not
FOLDED = 3  # fewer rows are shown rather than folded
ALIKE = 3  # rows of one field that are shown one by one
MAX_ROWS = 2_000
SHORT = 24  # characters of a value that makes a difference between rows of one field


@dataclass(frozen=True, slots=True)
class Row:
    """`path` is the place in the left body, or in the right one where only that has it; `other` is
    the right one's where it is another.

    `count`: so many more fields are like this one; of a "skip", so many are the same.
    """

    kind: Kind
    path: str
    left: str = ""
    right: str = ""
    notes: tuple[Note, ...] = ()
    other: str = ""
    count: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def rows_of(lines: Iterable[Line], limit: int) -> list[Row]:
    """`limit`: characters of a value."""
    kept, left_out = _bounded(_gathered(list(lines)))
    more = f"{left_out:,} more rows that are not the same"
    end = [Row("skip", "", more, more)] if left_out else []
    return [*_folded(kept, limit), *end]


def _gathered(lines: list[Line]) -> list[Line]:
    """One for all that are alike, where there are many."""
    alike: dict[Hashable, list[Line]] = {}
    for line in lines:
        if (key := _likeness(line)) is not None:
            alike.setdefault(key, []).append(line)
    gone = set[int]()
    for first, *others in alike.values():
        if len(others) >= ALIKE:
            first.more = len(others)
            gone.update(map(id, others))
    return [line for line in lines if id(line) not in gone]


def _likeness(line: Line) -> Hashable:
    """What a field of many blocks has in common with that of another; None: it is seen for itself.

    A long value of one side, such as an id, is not what makes it another case.
    """
    place = line.left or line.right
    if line.kind == "same" or line.notes or place is None or "[" not in place.path:
        return None
    values = [shown(p.value, SHORT + 2) if p else "" for p in (line.left, line.right)]
    if line.kind == "changed":
        return (line.name, *values) if max(map(len, values)) <= SHORT else None
    if not line.name:  # a whole block
        return None
    return line.kind, line.name, *(value if len(value) <= SHORT else "..." for value in values)


def _bounded(lines: list[Line]) -> tuple[list[Line], int]:
    """As many as a person may look at, and how many are left out."""
    differ = [n for n, line in enumerate(lines) if not (line.notes or _is_plain(line))]
    gone = set(differ[MAX_ROWS:])
    return [line for n, line in enumerate(lines) if n not in gone], len(gone)


def _folded(lines: Iterable[Line], limit: int) -> Iterator[Row]:
    runs = [(plain, list(run)) for plain, run in groupby(lines, key=_is_plain)]
    for n, (plain, run) in enumerate(runs):
        before = AROUND if n else 0
        after = AROUND if n + 1 < len(runs) else 0
        hidden = len(run) - before - after
        if not plain or hidden < FOLDED:
            yield from (_row(line, limit) for line in run)
            continue
        yield from (_row(line, limit) for line in run[:before])
        yield Row("skip", "", f"{hidden:,} the same", f"{hidden:,} the same", count=hidden)
        yield from (_row(line, limit) for line in run[len(run) - after :])


def _is_plain(line: Line) -> bool:
    """Whether nobody has to see it; a parameter under another name is worth a look."""
    if line.kind != "same" or line.notes or line.left is None or line.right is None:
        return False
    return line.left.path == line.right.path or "[" in line.left.path


def _row(line: Line, limit: int) -> Row:
    left, right = _values(line, limit)
    path = line.left.path if line.left else line.right.path if line.right else ""
    other = line.right.path if line.left and line.right and line.right.path != path else ""
    return Row(line.kind, path, left, right, tuple(line.notes), other, line.more)


def _values(line: Line, limit: int) -> tuple[str, str]:
    if line.left is None or line.right is None:
        left, right = (shown(p.value, limit) if p else "" for p in (line.left, line.right))
        return left, right
    mine, other = line.left.value, line.right.value
    if line.kind == "changed" and isinstance(mine, str) and isinstance(other, str):
        return difference(mine, other, limit)
    told = shown(mine, limit)
    return told, told if line.kind == "same" else shown(other, limit)
