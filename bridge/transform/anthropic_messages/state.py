"""What does not belong in a request that is passed on in its own protocol: found, and taken out.

Hard part: signatures hold in unbroken runs only, so another upstream's are taken out all together.
"""

from collections.abc import Iterator
from itertools import takewhile
from operator import is_

from ..context import Context
from ..envelope import is_sealed
from ..fields import object_of, objects_of, text_of
from ..json_text import Json
from ..turn import STATE, state_of
from .parts import BILLING_HEADER, SUMMARY, is_shown

__all__ = ["states", "without_identity", "without_state"]

THINKING = ("thinking", "redacted_thinking")
# Blocks that only who made them can read: a server's tools and what they gave.
SERVED = (
    "server_tool_use",
    "mcp_tool_use",
    "mcp_tool_result",
    "advisor_tool_result",
    "container_upload",
    "fallback",
)
SERVED_RESULT = "_tool_result"  # how the types of other results end
INDEX = "encrypted_index"  # where a citation stands in a search; "" in those of other vendors


def states(body: Json) -> Iterator[str]:
    """Signatures, ciphertexts and ids of server tools, ours and others'."""
    for message in _messages(body):
        for block in filter(_is_object, _answered(message)):
            holders = [block] if _is_stateful(block) else objects_of(block.get("citations"))
            yield from filter(None, map(state_of, holders))


def without_state(body: Json, *, bare: bool, ctx: Context) -> Json:
    """`body` without our envelopes, and with `bare` without everybody's state; notes for each."""
    given, kept = _messages(body), list[Json]()
    for n, message in enumerate(given):
        told, left = _divided(message, f"messages[{n}]", bare, ctx)
        if told:
            kept = _with_told(kept, told)
        if left is message or left["content"]:
            kept.append(left)
    if len(kept) == len(given) and all(map(is_, kept, given)):
        return body
    return _unforced({**body, "messages": kept}, ctx)


def _divided(message: Json, where: str, bare: bool, ctx: Context) -> tuple[list[Json], Json]:
    """What a user has to tell in place of state, and the message without any."""
    given, told, kept = _answered(message), list[Json](), list[Json]()
    for n, block in enumerate(given):
        place = f"{where}.content[{n}]"
        if _is_object(block) and _goes(block, bare, ctx):
            told += _told(block, place, ctx)
        else:
            kept.append(_cited(block, place, bare, ctx))
    same = len(kept) == len(given) and all(map(is_, kept, given))
    return told, message if same else {**message, "content": kept}


def _with_told(messages: list[Json], told: list[Json]) -> list[Json]:
    """In the user's last turn: servers take no two in a row, nor one behind system text."""
    late = sum(1 for _ in takewhile(_is_system, reversed(messages)))
    place = len(messages) - late
    before, behind = messages[:place], messages[place:]
    last = object_of(before[-1]) if before else {}
    if last.get("role") != "user":
        return [*before, {"role": "user", "content": told}, *behind]
    content = _content(last)
    blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
    return [*before[:-1], {**last, "content": [*blocks, *told]}, *behind]


def _is_system(message: Json) -> bool:
    return bool(object_of(message).get("role") == "system")


def _goes(block: Json, bare: bool, ctx: Context) -> bool:
    if _is_thinking(block):
        return bare or is_sealed(state := state_of(block)) or _is_unsigned(state, ctx)
    if not (_is_served(block) or _is_summary(block)):
        return False
    return bare or is_shown(block) or _is_enveloped(block)


def _told(block: Json, where: str, ctx: Context) -> list[Json]:
    """What stands in place of a block that goes, which is noted."""
    text = text_of(block.get("content")) if _is_summary(block) else ""
    is_told = bool(text.strip())
    code = "server_tool_dropped" if _is_served(block) else "opaque_foreign"
    code = "hint_dropped" if is_told or is_shown(block) else code
    ctx.notes.add(code, where, "another upstream made it")
    mark = {"cache_control": block["cache_control"]} if "cache_control" in block else {}
    return [{"type": "text", "text": text, **mark}] if is_told else []


def _cited(block: Json, where: str, bare: bool, ctx: Context) -> Json:
    """`block` without citations that only another upstream can follow."""
    given = block.get("citations") if _is_object(block) else None
    if not isinstance(given, list):
        return block
    kept = [citation for citation in given if not _is_foreign(citation, bare)]
    if len(kept) == len(given):
        return block
    ctx.notes.add("hint_dropped", f"{where}.citations", "citations of another upstream's answer")
    rest = {key: value for key, value in block.items() if key != "citations"}
    return {**rest, "citations": kept} if kept else rest


def _is_foreign(citation: Json, bare: bool) -> bool:
    if not _is_object(citation) or INDEX not in citation:
        return False
    return bare or not citation[INDEX] or is_sealed(citation[INDEX])


def _messages(body: Json) -> list[Json]:
    messages = body.get("messages") if _is_object(body) else None
    return messages if isinstance(messages, list) else []


def _answered(message: Json) -> list[Json]:
    """The blocks of an answer; none of other turns."""
    content = _content(message)
    return content if isinstance(content, list) and message.get("role") == "assistant" else []


def _content(message: Json) -> Json:
    """None too where the app made something up: its vendor will tell it."""
    return object_of(message).get("content")


def _is_object(value: Json) -> bool:
    return isinstance(value, dict)


def _is_stateful(block: Json) -> bool:
    shown = is_shown(block)
    return _is_thinking(block) or _is_summary(block) or (_is_served(block) and not shown)


def _is_enveloped(block: Json) -> bool:
    """Whether it holds an envelope of ours, which nobody else can read."""
    content = block.get("content")
    holders = [block, object_of(content), *objects_of(content)]
    return any(is_sealed(holder.get(key)) for holder in holders for key in STATE)


def _is_thinking(block: Json) -> bool:
    return block.get("type") in THINKING


def _is_summary(block: Json) -> bool:
    return bool(block.get("type") == SUMMARY)


def _is_unsigned(state: str, ctx: Context) -> bool:
    """Made by a server that signs nothing, and refused by one that does."""
    return not state and ctx.profile.signed_thinking


def _is_served(block: Json) -> bool:
    kind = block.get("type")
    return kind in SERVED or (isinstance(kind, str) and kind.endswith(SERVED_RESULT))


def _unforced(body: Json, ctx: Context) -> Json:
    """With a thinking budget a tool loop has to begin with its thinking, which may be gone."""
    thinking = body.get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return body
    turns = [message for message in body["messages"] if isinstance(message, dict)]
    answers = [_content(turn) for turn in turns if turn.get("role") == "assistant"]
    blocks = answers[-1] if answers and isinstance(answers[-1], list) else []
    kinds = [block.get("type") for block in blocks if isinstance(block, dict)]
    if "tool_use" not in kinds or kinds[0] in THINKING:
        return body
    ctx.notes.add("thinking_conflict", "thinking", "the calls being answered lost their thinking")
    return {key: value for key, value in body.items() if key != "thinking"}


def without_identity(body: Json, ctx: Context) -> Json:
    """`body` for another host than the app's own: without what an agent tells that one alone."""
    system = body.get("system") if isinstance(body, dict) else None
    kept = _unbilled(system) if isinstance(system, str) else system
    if isinstance(system, list):
        kept = [told for block in system for told in _unbilled_blocks(block)]
    if kept == system:
        return body
    ctx.notes.add("billing_header_dropped", "system", "told to the app's own vendor only")
    return {key: kept if key == "system" else value for key, value in body.items()}


def _unbilled(text: str) -> str:
    """The billing header is one line."""
    return text.partition("\n")[2] if text.startswith(BILLING_HEADER) else text


def _unbilled_blocks(block: Json) -> list[Json]:
    text = block.get("text") if isinstance(block, dict) else None
    if not isinstance(text, str) or not text.startswith(BILLING_HEADER):
        return [block]
    rest = _unbilled(text)
    return [{**block, "text": rest}] if rest.strip() else []
