"""A history in which every tool call is answered right behind it, once, under a unique legal id.

Clients send histories with aborted calls, results of calls that were compacted away, repeated ids
and text in between; every vendor answers those with 400. Hard part: the result for turn k must not
depend on later turns, so that a longer history only appends (caches and signatures hang on it).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from .model import Message, Part, TextPart, ToolCallPart, ToolResultPart
from .names import is_legal_call_id, short_call_id
from .notes import Notes

NO_RESULT = "no result was recorded"


@dataclass(slots=True)
class _Ids:
    """Hands out unique legal ids to calls, and to each result the id of the call it belongs to."""

    latest: dict[str, str] = field(default_factory=dict)  # the client's id -> ours, by last use
    taken: set[str] = field(default_factory=set)
    uses: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    ordinal: int = 0

    def of_call(self, call_id: str) -> str:
        self.ordinal += 1
        self.uses[call_id] += 1
        base = call_id if is_legal_call_id(call_id) else short_call_id(call_id)
        if not call_id:
            base = f"call_h{self.ordinal}"
        number, unique = self.uses[call_id] if call_id else 1, base
        if number > 1:
            unique = f"{base[:58]}_{number}"
        while unique in self.taken:
            number += 1
            unique = f"{base[:58]}_{number}"
        self.taken.add(unique)
        self.latest[call_id] = unique
        return unique


def pair_calls(messages: Iterable[Message], notes: Notes) -> tuple[Message, ...]:
    """`messages` with calls and results paired; notes for what was missing or orphaned."""
    named = _with_unique_ids(messages)
    results = _results_by_call(named, notes)
    return tuple(_rebuilt(named, results, notes))


def _with_unique_ids(messages: Iterable[Message]) -> list[Message]:
    ids = _Ids()
    return [_renamed(message, ids) for message in messages]


def _renamed(message: Message, ids: _Ids) -> Message:
    if message.role not in ("assistant", "tool"):
        return message
    parts: list[Part] = []
    changed = False
    for part in message.parts:
        match part:
            case ToolCallPart(id=old):
                new = ids.of_call(old)
                parts.append(part if new == old else replace(part, id=new))
            case ToolResultPart(call_id=old) if old in ids.latest:
                new = ids.latest[old]
                parts.append(part if new == old else replace(part, call_id=new))
            case _:
                parts.append(part)
        changed = changed or parts[-1] is not part
    return replace(message, parts=tuple(parts)) if changed else message


def _results_by_call(messages: list[Message], notes: Notes) -> dict[str, ToolResultPart]:
    """For each call the result that counts: the last one given after it."""
    called: set[str] = set()
    results: dict[str, ToolResultPart] = {}
    for message in messages:
        for part in message.parts:
            match part:
                case ToolCallPart(id=call_id):
                    called.add(call_id)
                case ToolResultPart(call_id=call_id) if call_id in called:
                    if call_id in results:
                        detail = f"{call_id} was answered twice; the last answer counts"
                        notes.add("orphan_tool_result", part.where, detail)
                    results[call_id] = part
                case _:
                    pass
    return results


def _rebuilt(
    messages: list[Message], results: dict[str, ToolResultPart], notes: Notes
) -> Iterator[Message]:
    order = {call_id: place for place, call_id in enumerate(results)}
    for message in messages:
        if message.role == "tool":
            rest = [part for part in message.parts if not _belongs(part, results)]
            if rest:
                yield replace(message, role="user", parts=tuple(_orphans(rest, notes)))
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


def _belongs(part: Part, results: dict[str, ToolResultPart]) -> bool:
    return isinstance(part, ToolResultPart) and part.call_id in results


def _missing(call: ToolCallPart, notes: Notes) -> ToolResultPart:
    notes.add("missing_tool_result", call.where, f"no result for {call.name}; said so instead")
    text = TextPart(NO_RESULT)
    return ToolResultPart(call.id, (text,), is_error=True, kind=call.kind, where=call.where)


def _orphans(parts: Iterable[Part], notes: Notes) -> Iterator[Part]:
    for part in parts:
        if not isinstance(part, ToolResultPart):
            yield part
            continue
        origin = f"tool call {part.call_id}" if part.call_id else f"call of {part.name or 'a tool'}"
        if part.call_id:
            notes.add("orphan_tool_result", part.where, f"no call {part.call_id} before it")
        heading = f"Result of an earlier {origin}: "
        rest = part.parts
        if rest and isinstance(rest[0], TextPart):
            heading, rest = heading + rest[0].text, rest[1:]
        yield TextPart(heading, where=part.where)
        yield from rest
