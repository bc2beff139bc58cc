"""The two wires side by side: what the app sent next to what went upstream, and the answer back.

In: the record of a call, or texts. Out: rows for pages, or text for a terminal. Hard part: a
developer looks for the one field that got lost, so what stayed the same is folded, long values are
cut around the place where they differ, and notes stand where the thing happened that they tell.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from ..transform.fields import object_of, objects_of, text_of
from .compare import Line, compared
from .excerpt import printable, shortened
from .kept import Kept, read
from .parts import Place
from .places import NAMES, TOOLS, TURNS, body_of
from .rows import Note, Row, rows_of

type Side = Literal["left", "right"]

LIMIT = 400  # characters of a value
QUIET = ("ok", "pending")  # outcomes of attempts that did not fail


@dataclass(frozen=True, slots=True)
class Section:
    """Two bodies; `left` and `right` say whose they are. `back`: it went from right to left."""

    title: str
    left: str
    right: str
    rows: list[Row] = field(default_factory=list)
    back: bool = False

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def rows(left: str, right: str, notes: Iterable[Note] = (), *, limit: int = LIMIT) -> list[Row]:
    """Two bodies, and notes on the left one; those whose place it has not come first."""
    pair = _Pair(left, right)
    return pair.rows(pair.noted(objects_of(notes), "left", near=True), limit)


def sections(record: Mapping[str, Any], *, limit: int = LIMIT) -> list[Section]:
    """The attempts that failed, the request, the answer, and what a shadow would have been sent."""
    bodies, attempts = object_of(record.get("bodies")), objects_of(record.get("attempts"))
    asked, told = text_of(bodies.get("client_request")), text_of(bodies.get("client_response"))
    sent, came = text_of(bodies.get("upstream_request")), text_of(bodies.get("upstream_response"))
    unsent = record.get("attempts") == []  # refused by the bridge
    request, answer = _Pair(asked, sent or ("" if unsent else asked)), _Pair(told or came, came)
    rest = answer.noted(request.noted(objects_of(record.get("notes")), "left"), "right")
    top = request.noted(rest, "left", near=True)
    app = _label("app", record.get("client"))
    upstream = _label(attempts[-1].get("upstream") if attempts else "", record.get("upstream"))
    failed = [attempt for attempt in attempts if attempt.get("outcome") not in QUIET]
    found = [Section("failed attempts", "", "", list(map(_attempt, failed)))] if failed else []
    found.append(request.section("request", app, upstream, top, limit))
    found.append(replace(answer.section("answer", app, upstream, [], limit), back=True))
    shadow = object_of(record.get("shadow"))
    return [*found, _shadow(shadow, asked, app, limit)] if shadow else found


def _shadow(shadow: Mapping[str, Any], asked: str, app: str, limit: int) -> Section:
    upstream = _label(shadow.get("upstream"), shadow.get("protocol"))
    if shadow.get("refused"):
        refused = {"code": "refused", "detail": shadow["refused"]}
        return Section("shadow", app, upstream, [Row("same", "", notes=(refused,))])
    pair = _Pair(asked, text_of(shadow.get("request")))
    top = pair.noted(objects_of(shadow.get("notes")), "left", near=True)
    return pair.section("shadow", app, upstream, top, limit)


def attempt_sections(
    attempt: Mapping[str, Any], request: str, response: str, *, limit: int = LIMIT
) -> list[Section]:
    """A failed attempt that has a flow of its own: what that flow knows of it, and its bodies."""
    app = _label("app", attempt.get("client"))
    upstream = _label(attempt.get("upstream"), attempt.get("protocol"))
    gone = attempt.get("outcome") != "ok"
    told = "app: nothing of it" if gone else "app: within its answer"
    sent = _Pair(text_of(attempt.get("client_request")), request)
    came = _Pair("", response)
    return [
        sent.section("request", app, upstream, [], limit),
        replace(came.section("answer", told, upstream, [], limit), back=gone),
    ]


def of_attempts(record: Mapping[str, Any], *, limit: int = LIMIT) -> list[list[Section]]:
    """Of each attempt its request and its answer; nothing of the last, which is the record's own,
    nor of those that came to neither."""
    asked = text_of(object_of(record.get("bodies")).get("client_request"))
    told = {"client": record.get("client"), "client_request": asked}
    return [
        _of_attempt({**attempt, **told}, asked, limit)
        for attempt in objects_of(record.get("attempts"))
    ]


def _of_attempt(attempt: Mapping[str, Any], asked: str, limit: int) -> list[Section]:
    bodies = object_of(attempt.get("bodies"))
    if not bodies:
        return []
    sent, came = (text_of(bodies.get(name)) for name in ("upstream_request", "upstream_response"))
    # One of the app's own protocol may have been sent as it came.
    request, answer = attempt_sections(attempt, sent or asked, came, limit=limit)
    return [request, answer] if came else [request]


def text(record: Mapping[str, Any], *, width: int = 100) -> str:
    return _lines_of(sections(record, limit=_room(width)), width)


def attempt_text(
    attempt: Mapping[str, Any], request: str, response: str, *, width: int = 100
) -> str:
    return _lines_of(attempt_sections(attempt, request, response, limit=_room(width)), width)


def _attempt(attempt: Mapping[str, Any]) -> Row:
    came = " ".join(str(attempt[key]) for key in ("outcome", "status") if attempt.get(key))
    seconds = attempt.get("duration")
    after = f" after {seconds:.2f} s" if isinstance(seconds, int | float) else ""
    reason = f": {shortened(str(attempt['reason']), LIMIT)}" if attempt.get("reason") else ""
    return Row("right", str(attempt.get("upstream", "")), right=f"{came}{after}{reason}")


# --- two bodies


class _Pair:
    """Two bodies as lines, to put notes on."""

    def __init__(self, left: str, right: str) -> None:
        self._left = read(left)
        self._right = self._left if left == right else read(right)
        self._lines = compared(self._left.value, self._right.value)
        self._places: dict[Side, dict[str, Line]] = {}

    def noted(self, notes: Iterable[Note], side: Side, *, near: bool = False) -> list[Note]:
        """Put the notes where they belong; those are left whose place `side` has not, nor, where
        `near` will do, what holds it."""
        rest: list[Note] = []
        for note in notes:
            line = self._line_at(str(note.get("where") or ""), side, near)
            (rest if line is None else line.notes).append(note)
        return rest

    def _line_at(self, where: str, side: Side, near: bool) -> Line | None:
        if side not in self._places:
            self._places[side] = _places(self._lines, side)
        places = self._places[side]
        where = where if where in places else NAMES.get(where, where)
        while near and where and where not in places:
            where = _holder(where)
        return places.get(where) if where else None

    def section(self, title: str, left: str, right: str, top: list[Note], limit: int) -> Section:
        forms = [", its stream joined" if b.form == "stream" else "" for b in self._bodies()]
        return Section(title, left + forms[0], right + forms[1], self.rows(top, limit))

    def rows(self, top: list[Note], limit: int) -> list[Row]:
        found = [Row("same", "", notes=tuple(top))] if top else []
        lines = list(self._lines)
        unknown = _cut_off(lines, "left", self._right), _cut_off(lines, "right", self._left)
        found += rows_of(lines, limit)
        for left, right in (unknown, (_missing(self._left), _missing(self._right))):
            if left or right:
                found.append(Row("skip", "", left, right))
        return found

    def _bodies(self) -> tuple[Kept, Kept]:
        return self._left, self._right


def _cut_off(lines: list[Line], side: Side, other: Kept) -> str:
    """Takes away what `side` has behind the place where the other was cut, and says how much."""
    known = len(lines)
    while other.more and lines and lines[-1].kind == side and not lines[-1].notes:
        lines.pop()
    gone = known - len(lines)
    return f"{gone:,} more, for which the other side was not kept" if gone else ""


def _missing(body: Kept) -> str:
    return f"{body.more:,} bytes more that were not kept" if body.more else ""


_STEP = re.compile(r"[.\[]")


def _prefixes(path: str) -> Iterator[str]:
    """A path and what holds it, the outermost first."""
    yield from (path[: step.start()] for step in _STEP.finditer(path))
    yield path


def _holder(path: str) -> str:
    return path[: max(path.rfind("."), path.rfind("["), 0)]


def _places(lines: Iterable[Line], side: Side) -> dict[str, Line]:
    """The first line at or below each place, by its path or its name for all protocols; one that
    tells of a change if there is one."""
    there = [(line, place) for line in lines if (place := _place(line, side)) and place.path]
    there.sort(key=lambda pair: pair[0].kind == "same")
    found: dict[str, Line] = {}
    for line, place in there:
        for prefix in _prefixes(place.path):
            found.setdefault(prefix, line)
    for line, place in there:
        for name in _names(line, place):
            for prefix in _prefixes(name):
                found.setdefault(prefix, line)
    return {where: line for where, line in found.items() if where not in (*TURNS, *TOOLS)}


def _names(line: Line, place: Place) -> Iterable[str]:
    """By which protocols know a field; of an object that was not looked into, those in it."""
    inner = isinstance(place.value, dict) and line.name == place.path
    return body_of({place.path: place.value}).fields if inner else [line.name]


def _place(line: Line, side: Side) -> Place | None:
    return line.left if side == "left" else line.right


# --- what may be anything


def _label(name: object, protocol: object) -> str:
    return " ".join(filter(None, (str(name or ""), f"({protocol})" if protocol else "")))


# --- text

LEGEND = "~ changed   - left out on the way   + put in on the way   = under another name"
SIGNS = {"same": " ", "changed": "~", "left": "-", "right": "+"}
BACK = {**SIGNS, "left": "+", "right": "-"}  # of an answer, which goes from the right to the left
ARROWS = {"request": "->", "answer": "<-", "shadow": "->"}


def _room(width: int) -> int:
    return max(20, width - 6)


def _lines_of(found: Iterable[Section], width: int) -> str:
    lines = [LEGEND]
    for section in found:
        arrow = ARROWS.get(section.title, "")
        whose = f"{section.left} {arrow} {section.right}".strip()
        lines += ["", f"== {section.title}" + (f": {whose}" if whose else "")]
        for row in section.rows:
            lines += _row_lines(row, width, section.back)
        if not section.rows:
            lines.append("  (nothing)")
    return "\n".join(map(printable, lines)) + "\n"


def _row_lines(row: Row, width: int, back: bool) -> Iterator[str]:
    if row.kind == "skip":
        yield from _skip_lines(row)
    elif row.path or not row.notes:
        yield from _value_lines(row, width, back)
    for note in row.notes:
        yield f"    ! {_note_text(note, placed=bool(row.path))}"


def _skip_lines(row: Row) -> Iterator[str]:
    if row.left == row.right:
        yield f"  ... {row.left}"
        return
    for side, left_out in (("app", row.left), ("upstream", row.right)):
        if left_out:
            yield f"  ... {side}: {left_out}"


def _value_lines(row: Row, width: int, back: bool) -> Iterator[str]:
    name = " = ".join(shortened(path, LIMIT) for path in (row.path or "body", row.other) if path)
    signs, arrow = (BACK, "<-") if back else (SIGNS, "->")
    head = f"{signs[row.kind]} {name}" + (f" (and {row.count:,} more)" if row.count else "")
    if row.kind != "changed":
        value = row.right if row.kind == "right" else row.left
        whole = f"{head}: {value}"
        yield from [whole] if len(whole) <= width else [head, f"    {value}"]
        return
    whole = f"{head}: {row.left} {arrow} {row.right}"
    yield from (
        [whole] if len(whole) <= width else [head, f"    {row.left}", f" {arrow} {row.right}"]
    )


def _note_text(note: Note, *, placed: bool) -> str:
    where = "" if placed or not note.get("where") else f" at {note['where']}"
    detail = f": {shortened(str(note['detail']), LIMIT)}" if note.get("detail") else ""
    severity = f" ({note['severity']})" if note.get("severity") else ""
    return f"{note.get('code', '')}{severity}{where}{detail}"
