"""A history in which every tool call is answered right behind it, once, under a unique legal id.

Clients send histories with aborted calls, results of calls that were compacted away, repeated ids
and text in between; every vendor answers those with 400. Hard part: the result for turn k must not
depend on later turns, so that a longer history only appends (caches and signatures hang on it).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import is_

from .model import Message, Part, TextPart, ToolCallPart, ToolResultPart
from .names import is_legal_call_id, short_call_id
from .notes import Notes

NO_RESULT = "no result was recorded"


def pair_calls(messages: Iterable[Message], notes: Notes) -> tuple[Message, ...]:
    """`messages` with calls and results paired; notes for what was missing or orphaned."""
    pairing = _Pairing(notes)
    matched = [pairing.match(message) for message in messages]
    return tuple(_rebuilt(matched, pairing.results, notes))


def with_parts(message: Message, parts: Sequence[Part]) -> Message:
    """`message` with these parts, itself if it has them: most of a long history stays as it is."""
    if len(parts) == len(message.parts) and all(map(is_, parts, message.parts)):
        return message
    return replace(message, parts=tuple(parts))


class _Pairing:
    """Reads a history from its start: ids made unique and legal, each result found its call."""

    def __init__(self, notes: Notes) -> None:
        self.results: dict[str, ToolResultPart] = {}  # our id -> the result that counts
        self._answered: dict[str, int] = {}  # our id -> assistant turns before its first result
        self._turns = 0
        self._ids = _Ids()
        self._notes = notes

    def match(self, message: Message) -> Message:
        """`message` with our ids, and text in place of results that answer no call."""
        if message.role not in ("assistant", "tool"):
            return message
        self._turns += message.role == "assistant"
        parts: list[Part] = []
        for part in message.parts:
            match part:
                case ToolCallPart():
                    call_id = self._ids.of_call(part.id)
                    parts.append(part if part.id == call_id else replace(part, id=call_id))
                case ToolResultPart():
                    parts += self._result(part)
                case _:
                    parts.append(part)
        return with_parts(message, parts)

    def _result(self, part: ToolResultPart) -> Iterable[Part]:
        call_id = self._ids.latest.get(part.call_id)
        # A later turn was built on the first answer, which may not change any more.
        if call_id is None or self._answered.get(call_id, self._turns) != self._turns:
            return self._orphan(part)
        if call_id in self.results:
            detail = f"{call_id} was answered twice; the last answer counts"
            self._notes.add("orphan_tool_result", part.where, detail)
        self._answered[call_id] = self._turns
        result = part if part.call_id == call_id else replace(part, call_id=call_id)
        self.results[call_id] = result
        return [result]

    def _orphan(self, part: ToolResultPart) -> Iterator[Part]:
        """The text of a result that has no call, or names its tool only."""
        origin = f"tool call {part.call_id}" if part.call_id else f"call of {part.name or 'a tool'}"
        if part.call_id or not part.name:
            self._notes.add("orphan_tool_result", part.where, f"no open {origin} before it")
        heading = f"Result of an earlier {origin}: "
        match part.parts:
            case (TextPart(text) as first, *rest):
                yield replace(first, text=heading + text, where=part.where)
                yield from rest
            case rest:
                yield TextPart(heading, where=part.where)
                yield from rest


@dataclass(slots=True)
class _Ids:
    """Hands out unique legal ids to calls."""

    latest: dict[str, str] = field(default_factory=dict)  # the client's id -> ours, by last use
    taken: set[str] = field(default_factory=set)
    uses: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    ordinal: int = 0

    def of_call(self, call_id: str) -> str:
        self.ordinal += 1
        self.uses[call_id] += 1
        number = self.uses[call_id]
        base = call_id if is_legal_call_id(call_id) else short_call_id(call_id)
        if not call_id:
            base, number = f"call_h{self.ordinal}", 1
        unique = base if number == 1 else f"{base[:58]}_{number}"
        while unique in self.taken:
            number += 1
            unique = f"{base[:58]}_{number}"
        self.taken.add(unique)
        self.latest[call_id] = unique
        return unique


def _rebuilt(
    messages: list[Message], results: dict[str, ToolResultPart], notes: Notes
) -> Iterator[Message]:
    order = {call_id: place for place, call_id in enumerate(results)}
    for message in messages:
        if message.role == "tool":
            rest = tuple(part for part in message.parts if not isinstance(part, ToolResultPart))
            if rest:
                yield replace(message, role="user", parts=rest)
            continue
        yield message
        calls = [part for part in message.parts if isinstance(part, ToolCallPart)]
        if calls:
            answered = sorted((c for c in calls if c.id in results), key=lambda c: order[c.id])
            found: list[Part] = [_of_kind(results[call.id], call) for call in answered]
            found += [_missing(call, notes) for call in calls if call.id not in results]
            where = next((part.where for part in found), "")
            yield Message("tool", tuple(found), where=where)


def _of_kind(result: ToolResultPart, call: ToolCallPart) -> ToolResultPart:
    """Chat's tool messages do not say what kind of call they answer."""
    return result if result.kind == call.kind else replace(result, kind=call.kind)


def _missing(call: ToolCallPart, notes: Notes) -> ToolResultPart:
    notes.add("missing_tool_result", call.where, f"no result for {call.name}; said so instead")
    text = TextPart(NO_RESULT)
    return ToolResultPart(call.id, (text,), is_error=True, kind=call.kind, where=call.where)
