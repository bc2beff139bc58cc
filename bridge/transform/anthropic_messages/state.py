"""What does not belong in a request that is passed on in its own protocol: found, and taken out.

Hard part: signatures hold in unbroken runs only, so another upstream's are taken out all together.
"""

from collections.abc import Iterator

from ..context import Context
from ..envelope import is_sealed
from ..json_text import Json
from ..turn import state_of
from .parts import BILLING_HEADER, is_shown

__all__ = ["states", "without_identity", "without_state"]

THINKING = ("thinking", "redacted_thinking")
# Blocks that only who made them can read: a server's tools and what they gave.
SERVED = ("server_tool_use", "mcp_tool_use", "mcp_tool_result", "advisor_tool_result", "fallback")
SERVED_RESULT = "_tool_result"  # how the types of other results end


def states(body: Json) -> Iterator[str]:
    """Signatures, ciphertexts and ids of server tools, ours and others'."""
    for _, _, block in _blocks(body):
        has_state = _is_thinking(block) or (_is_served(block) and not is_shown(block))
        if has_state and (state := state_of(block)):
            yield state


def without_state(body: Json, *, bare: bool, ctx: Context) -> Json:
    """`body` without our envelopes, and with `bare` without everybody's state; notes for each."""
    dropped = {(n, m) for n, m, block in _blocks(body) if _goes(block, bare, ctx)}
    if not dropped:
        return body
    for n, m in sorted(dropped):
        block = body["messages"][n]["content"][m]
        served = "hint_dropped" if is_shown(block) else "server_tool_dropped"
        code = "opaque_foreign" if _is_thinking(block) else served
        ctx.notes.add(code, f"messages[{n}].content[{m}]", "another upstream made it")
    messages = [_without(message, n, dropped) for n, message in enumerate(body["messages"])]
    return _unforced({**body, "messages": [m for m in messages if _content(m) != []]}, ctx)


def _content(message: Json) -> Json:
    """None too where the app made something up: its vendor will tell it."""
    return message.get("content") if isinstance(message, dict) else None


def _without(message: Json, n: int, dropped: set[tuple[int, int]]) -> Json:
    if not any(place[0] == n for place in dropped):
        return message
    kept = [block for m, block in enumerate(message["content"]) if (n, m) not in dropped]
    return {**message, "content": kept}


def _goes(block: Json, bare: bool, ctx: Context) -> bool:
    if _is_thinking(block):
        return bare or is_sealed(state := state_of(block)) or _is_unsigned(state, ctx)
    return _is_served(block) and (bare or is_shown(block))


def _blocks(body: Json) -> Iterator[tuple[int, int, Json]]:
    """Message, place in its content, and block."""
    messages = body.get("messages") if isinstance(body, dict) else None
    for n, message in enumerate(messages if isinstance(messages, list) else ()):
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list) and message.get("role") == "assistant":
            yield from ((n, m, block) for m, block in enumerate(content) if isinstance(block, dict))


def _is_thinking(block: Json) -> bool:
    return block.get("type") in THINKING


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
