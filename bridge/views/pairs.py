"""Which block of one body is which of the other.

In: the blocks of both, in their order. Out: matches, in the order of the left body. Hard part: a
translation splits, joins and moves blocks. So what is the same finds itself first, wherever it
stands; what is left between two such matches is matched by what its text holds, then by what it is.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from ..transform.json_text import Json, dump_text
from .parts import Block

type Key = Callable[[Block], Hashable]  # the same for two that are the same; None: for none

MAX_GAP = 100  # blocks between two matches, that are looked at each with each
LIKE = 40  # characters of a text that are not by chance in another one


@dataclass(slots=True)
class Match:
    """One block of each side, one that holds the texts of several, or one without counterpart."""

    left: list[Block] = field(default_factory=list)
    right: list[Block] = field(default_factory=list)


def tools_matched(left: Sequence[Block], right: Sequence[Block]) -> list[Match]:
    table = _Table(left, right)
    for key in (_full_name, _name, _description, _content):
        table.match(key)
    return table.matches()


def blocks_matched(left: Sequence[Block], right: Sequence[Block]) -> list[Match]:
    table = _Table(left, right)
    table.match(_identity)
    table.match(_content)
    for lefts, rights in list(table.gaps()):
        if len(lefts) + len(rights) <= MAX_GAP:
            table.match_texts(lefts, rights)
        table.match_kinds(lefts, rights)
    return table.matches()


# --- what tells a block


def _full_name(tool: Block) -> Hashable:
    name = _name(tool)
    return None if name is None else f"{tool.role}{name}"


def _name(tool: Block) -> Hashable:
    named = tool.fields.get("name") or tool.fields.get("type")
    return str(named.value) if named else None


def _description(tool: Block) -> Hashable:
    """Of tools that lost their name: it was too long for the other side."""
    place = tool.fields.get("description")
    return str(place.value) if place and place.value else None


def _identity(block: Block) -> Hashable:
    """A call and its result have an id; a text is what it says, and who says it."""
    if block.kind in ("call", "result"):
        place = block.fields.get("id")
        return (block.kind, str(place.value)) if place else None
    return block.kind, ROLES.get(block.role, block.role), _content(block)


ROLES = {"developer": "system", "model": "assistant"}
CONTENT = ("text", "data", "state", "id", "name")  # the first of a block's fields that says it


def _content(block: Block) -> Hashable:
    for name in CONTENT:
        place = block.fields.get(name)
        if place is not None and place.value not in (None, "", []):
            return place.value if isinstance(place.value, str) else _json(place.value)
    return _json({name: place.value for name, place in block.fields.items()}) or None


def _json(value: Json) -> str:
    try:
        return dump_text(value)
    except ValueError:  # nested too deeply
        return ""


def _text(block: Block) -> str:
    place = block.fields.get("text")
    return place.value.strip() if place and isinstance(place.value, str) else ""


# --- the matches


class _Table:
    """By position; what is matched stays matched."""

    def __init__(self, left: Sequence[Block], right: Sequence[Block]) -> None:
        self._left, self._right = left, right
        self._of_left: dict[int, Match] = {}
        self._of_right: dict[int, Match] = {}
        self._first: dict[int, int] = {}  # right block -> first left block of its match

    def _join(self, lefts: Sequence[int], rights: Sequence[int]) -> None:
        match = Match([self._left[n] for n in lefts], [self._right[n] for n in rights])
        self._of_left.update(dict.fromkeys(lefts, match))
        self._of_right.update(dict.fromkeys(rights, match))
        self._first.update(dict.fromkeys(rights, lefts[0]))

    def match(self, key: Key) -> None:
        """Those with the same key, in their order."""
        waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
        for n, block in enumerate(self._right):
            if n not in self._of_right and (known := key(block)) is not None:
                waiting[known].append(n)
        for n, block in enumerate(self._left):
            if n not in self._of_left and (found := waiting.get(key(block))):
                self._join([n], [found.popleft()])

    def gaps(self) -> Iterator[tuple[list[int], list[int]]]:
        """Blocks without a match that stand behind the same one on both sides."""
        gaps: defaultdict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        behind = -1
        for n in range(len(self._left)):
            if n in self._of_left:
                behind = n
            else:
                gaps[behind][0].append(n)
        behind = -1
        for n in range(len(self._right)):
            if n in self._of_right:
                behind = self._first[n]
            else:
                gaps[behind][1].append(n)
        return ((lefts, rights) for lefts, rights in gaps.values() if lefts and rights)

    def match_texts(self, lefts: list[int], rights: list[int]) -> None:
        for n in rights:
            parts = _pieces(_text(self._right[n]), [(m, _text(self._left[m])) for m in lefts])
            self._join_free(parts, [n])
        for m in lefts:
            parts = _pieces(_text(self._left[m]), [(n, _text(self._right[n])) for n in rights])
            self._join_free([m], parts)
        for m in lefts:
            for n in rights:
                if _alike(_text(self._left[m]), _text(self._right[n])):
                    self._join_free([m], [n])

    def match_kinds(self, lefts: list[int], rights: list[int]) -> None:
        """In their order: what is of one kind, then what became a text."""
        for key in (_kind, _speaker):
            waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
            for n in rights:
                if n not in self._of_right:
                    waiting[key(self._right[n])].append(n)
            for m in lefts:
                if m not in self._of_left and (found := waiting[key(self._left[m])]):
                    self._join([m], [found.popleft()])

    def _join_free(self, lefts: list[int], rights: list[int]) -> None:
        free = not any(n in self._of_left for n in lefts)
        if lefts and rights and free and not any(n in self._of_right for n in rights):
            self._join(lefts, rights)

    def matches(self) -> list[Match]:
        alone: defaultdict[int, list[Match]] = defaultdict(list)
        behind = -1
        for n, block in enumerate(self._right):
            behind = self._first.get(n, behind)
            if n not in self._of_right:
                alone[behind].append(Match(right=[block]))
        found = alone[-1]
        for n, block in enumerate(self._left):
            match = self._of_left.get(n) or Match(left=[block])
            if match.left[0] is block:
                found.append(match)
            found += alone[n]
        return found


def _kind(block: Block) -> Hashable:
    return block.kind, ROLES.get(block.role, block.role)


def _speaker(block: Block) -> Hashable:
    """Who says it; what never becomes a text stays with its kind."""
    role = ROLES.get(block.role, block.role)
    return (role, block.kind) if block.kind in ("call", "result", "reasoning") else role


def _pieces(whole: str, pieces: list[tuple[int, str]]) -> list[int]:
    """Those of which, with white space between, `whole` is made; [] where there are no two."""
    at, found = 0, list[int]()
    for n, piece in pieces:
        begin = at + len(whole[at : at + 9]) - len(whole[at : at + 9].lstrip())
        if piece and whole.startswith(piece, begin):
            at = begin + len(piece)
            found.append(n)
    return found if len(found) > 1 and at == len(whole) else []


def _alike(left: str, right: str) -> bool:
    """Whether one holds the other, and not by chance."""
    short, long = sorted((left, right), key=len)
    return (len(short) >= LIKE or 2 * len(short) >= len(long) > 0) and short in long
