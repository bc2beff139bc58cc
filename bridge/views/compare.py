"""Two bodies as lines: what is the same, what changed, and what only one of them has.

In: the JSON of both. Out: lines with a place and a value on each side. Hard part: it has to stay
quick on megabytes, so equal values are never looked into, and nothing is compared each with each.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Literal

from ..transform.json_text import Json, dump_text
from .pairs import Match, blocks_matched, tools_matched
from .parts import Block, Fields, Place
from .places import OF_MESSAGE, Body, body_of

type Kind = Literal["same", "changed", "left", "right"]

MAX_DEPTH = 30  # of values that are looked into
MAX_ENTRIES = 200  # of a list that are not the same, and told one by one
# Characters of a value, as JSON, that is the same value when it stands under another name.
TELLING = 14


@dataclass(slots=True)
class Line:
    """`name` is what the field is called whichever the protocol, "" for a whole block; `about`:
    what it could be known by elsewhere; `rest`: what else the block has then; `more`: lines
    like it that are not shown."""

    kind: Kind
    left: Place | None
    right: Place | None
    name: str = ""
    about: Place | None = None
    rest: Fields = field(default_factory=dict)
    notes: list[Mapping[str, Json]] = field(default_factory=list)
    more: int = 0


def compared(left: Json, right: Json) -> list[Line]:
    """Parameters first, then tools, then the turns."""
    mine, other = body_of(left), body_of(right)
    shared = mine.fields.keys() & other.fields.keys()
    parameters = _fields(_whole(mine.fields, left, shared), _whole(other.fields, right, shared))
    return _under_other_names([*parameters, *_tools(mine, other), *_turns(mine, other)])


def _whole(fields: Fields, body: Json, shared: set[str]) -> Fields:
    """Objects that the other side has nothing of as what they are, not field by field."""
    known = {_top(place) for name, place in fields.items() if name in shared}
    own = set(body) - known if isinstance(body, dict) else set()
    found: Fields = {}
    for name, place in fields.items():
        top = _top(place)
        if top not in own or place.path == top:
            found[name] = place
        else:
            found[f"{top} {top}" if top in fields else top] = Place(top, body[top])
    return found


def _top(place: Place) -> str:
    return place.path.partition(".")[0]


def _tools(left: Body, right: Body) -> Iterator[Line]:
    for match in tools_matched(left.tools, right.tools):
        yield from _match(match)


def _turns(left: Body, right: Body) -> Iterator[Line]:
    for match in blocks_matched(left.blocks, right.blocks):
        yield from _match(match)


def _match(match: Match) -> Iterator[Line]:
    match match.left, match.right:
        case [left], [right]:
            if left.kind != "tool" and (left.kind, left.role) != (right.kind, right.role):
                yield _heading(left, right)
            yield from _fields(left.fields, right.fields)
        case [left], []:
            yield _alone(left, Line("left", Place(left.path, left.value), None))
            yield from _fields(_of_message(left), {})
        case [], [right]:
            yield _alone(right, Line("right", None, Place(right.path, right.value)))
            yield from _fields({}, _of_message(right))
        case _:
            yield from _joined(match.left, match.right)


def _of_message(block: Block) -> Fields:
    """What is not in the block, but of the message that it begins."""
    if block.kind == "message":
        return {}
    return {name: p for name, p in block.fields.items() if name.startswith(OF_MESSAGE)}


def _heading(left: Block, right: Block) -> Line:
    return Line("changed", Place(left.path, _what(left)), Place(right.path, _what(right)))


def _what(block: Block) -> str:
    return f"{block.role} {block.kind}".strip()


def _alone(block: Block, line: Line) -> Line:
    known = "data" if "data" in block.fields else "text"
    if known in block.fields:
        line.about = block.fields[known]
        line.rest = {
            name: place
            for name, place in block.fields.items()
            if name != known and not name.startswith(OF_MESSAGE)
        }
    return line


def _joined(lefts: list[Block], rights: list[Block]) -> Iterator[Line]:
    """Texts of several blocks that one has on the other side: each is the same, and there."""
    whole = (rights if len(rights) == 1 else lefts)[0]
    at = whole.fields["text"].path
    for left in lefts if len(rights) == 1 else ():
        place = left.fields["text"]
        yield Line("same", place, Place(at, place.value), "text")
    for right in rights if len(lefts) == 1 else ():
        place = right.fields["text"]
        yield Line("same", Place(at, place.value), place, "text")
    yield from _fields(_rest(lefts), _rest(rights))


def _rest(blocks: list[Block]) -> Fields:
    """All but the texts."""
    return {
        name if n == 0 else f"{name}.{n}": place
        for n, block in enumerate(blocks)
        for name, place in block.fields.items()
        if name != "text"
    }


# --- fields

EMPTY: tuple[Json, ...] = (None, "", [], {})  # of one side only, they are nothing that got lost


def _fields(left: Fields, right: Fields) -> Iterator[Line]:
    for name in _in_order(left, right):
        yield from _places(name, left.get(name), right.get(name), 0)


def _in_order[T](left: dict[str, T], right: dict[str, T]) -> Iterator[str]:
    """The names of both: those of the right alone behind the one they follow there."""
    behind: defaultdict[str | None, list[str]] = defaultdict(list)
    last = None
    for name in right:
        if name in left:
            last = name
        else:
            behind[last].append(name)
    yield from behind[None]
    for name in left:
        yield name
        yield from behind.get(name, ())


def _places(name: str, left: Place | None, right: Place | None, depth: int) -> Iterator[Line]:
    if left is None or right is None:
        place = left or right
        if place is not None and place.value not in EMPTY:
            yield Line("left" if left else "right", left, right, name, place)
        return
    mine, other = left.value, right.value
    if _equal(mine, other):
        yield Line("same", left, right, name)
    elif wrapped := _wrapped(left, right):
        yield Line("same", *wrapped, name)
    elif isinstance(mine, dict) and isinstance(other, dict) and depth < MAX_DEPTH:
        inner = _of_object(left), _of_object(right)
        for key in _in_order(*inner):
            yield from _places(f"{name}.{key}", inner[0].get(key), inner[1].get(key), depth + 1)
    elif isinstance(mine, list) and isinstance(other, list) and depth < MAX_DEPTH:
        yield from _lists(name, left, right, depth + 1)
    else:
        yield Line("changed", left, right, name)


def _equal(left: Json, right: Json) -> bool:
    """One is not true, here."""
    try:
        return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)
    except RecursionError:  # so deep that it could just be read: inside it may be told
        return False


def _wrapped(left: Place, right: Place) -> tuple[Place, Place] | None:
    """Where one is all that the object on the other side holds: the free text of a custom tool."""
    for one, two in ((left, right), (right, left)):
        for key, value in two.value.items() if isinstance(two.value, dict) else ():
            if len(two.value) == 1 and _equal(one.value, value):
                inner = Place(f"{two.path}.{key}", value)
                return (one, inner) if one is left else (inner, one)
    return None


def _of_object(place: Place) -> Fields:
    return {key: Place(f"{place.path}.{key}", value) for key, value in place.value.items()}


def _lists(name: str, left: Place, right: Place, depth: int) -> Iterator[Line]:
    """Entries in their order; what was put in or taken out moves the rest only."""
    mine, other = _of_list(left), _of_list(right)
    begin = _same_entries(mine, other)
    end = _same_entries(mine[begin:][::-1], other[begin:][::-1])
    if max(len(mine), len(other)) - begin - end > MAX_ENTRIES:
        yield Line("changed", left, right, name)
        return
    middle = zip_longest(mine[begin : len(mine) - end], other[begin : len(other) - end])
    last = zip(mine[len(mine) - end :], other[len(other) - end :], strict=True)
    for one, two in (*zip(mine[:begin], other[:begin], strict=True), *middle, *last):
        yield from _places(name, one, two, depth)


def _of_list(place: Place) -> list[Place]:
    return [Place(f"{place.path}[{n}]", value) for n, value in enumerate(place.value)]


def _same_entries(left: list[Place], right: list[Place]) -> int:
    """How many are the same from the start on."""
    pairs = enumerate(zip(left, right, strict=False))
    most = min(len(left), len(right))
    return next((n for n, (one, two) in pairs if not _equal(one.value, two.value)), most)


# --- the same value elsewhere


def _under_other_names(lines: list[Line]) -> list[Line]:
    """Lines of one side whose value is on the other side, once, as one line."""
    alone = {kind: _told_once(lines, kind) for kind in ("left", "right")}
    found: list[Line] = []
    for line in lines:
        value = _telling(line.about) if line.kind in alone else ""
        left, right = alone["left"].get(value), alone["right"].get(value)
        if left is None or right is None:
            found.append(line)
        elif line is left:
            found += _elsewhere(left, right)
    return found


def _told_once(lines: list[Line], kind: Kind) -> dict[str, Line]:
    told: dict[str, Line] = {}
    again = set[str]()
    for line in lines:
        if line.kind == kind and (value := _telling(line.about)):
            again |= {value} if value in told else set()
            told[value] = line
    return {value: line for value, line in told.items() if value not in again}


def _telling(place: Place | None) -> str:
    """A value that is not by chance somewhere else; "" for one that may be."""
    value = place.value if place else None
    if isinstance(value, str):
        return value if len(value) >= TELLING else ""
    try:
        text = dump_text(value) if isinstance(value, dict | list) else ""
    except ValueError:  # nested too deeply
        text = ""
    return text if len(text) >= TELLING else ""


def _elsewhere(left: Line, right: Line) -> Iterator[Line]:
    yield Line("same", left.about, right.about, left.name)
    yield from _fields(left.rest, right.rest)
