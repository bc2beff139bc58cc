"""The conversation: `system` and `messages` to turns and back.

Hard part: Anthropic checks and caches the beginning of a conversation, so a turn is encoded without
a look at later ones, but for what the API itself demands of the last turn.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, zip_longest
from typing import NamedTuple

from ..context import Context
from ..effort import clamp
from ..fields import one_of, required
from ..json_text import Json
from ..model import (
    EffortPart,
    Message,
    NativePart,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolChangePart,
    ToolResultPart,
)
from ..profile import matches
from .content import encode_parts
from .parts import BILLING_HEADER, PROTOCOL, SUMMARY, decode_parts, native_part
from .reasoning import CONFIG, effort_in
from .tools import decode_tool_change, encode_addition

__all__ = ["decode_messages", "encode_messages"]

ROLES: tuple[Role, ...] = ("user", "assistant", "system")
MESSAGE_KEYS = frozenset({"role", "content", "clear_at", CONFIG})

# --- decoding


def decode_messages(body: dict[str, Json], ctx: Context) -> tuple[Message, ...]:
    given = required(body.get("messages"), list, "messages")
    messages = [required(m, dict, f"messages[{n}]") for n, m in enumerate(given)]
    users = [n for n, message in enumerate(messages) if message.get("role") == "user"]
    first, last = min(users, default=len(messages)), max(users, default=-1)
    turns = list(_system(body.get("system"), ctx))
    for n, message in enumerate(messages):
        if message.get("clear_at") == "next_user_message" and n < last:
            ctx.notes.add("hint_dropped", f"messages[{n}]", "system text that ended before")
        else:
            turns += _turns(message, f"messages[{n}]", n > first, ctx)
    return tuple(turns)


def _system(system: Json, ctx: Context) -> Iterator[Message]:
    if system is None or system in ("", []):
        return
    decoded = decode_parts(system, "system", "system", ctx)
    parts = [part for given in decoded for part in _without_billing(given)]
    yield Message("system", tuple(parts), where="system")


def _without_billing(part: Part) -> Iterator[Part]:
    """The billing header, which is one line, apart from what else the text says."""
    if not isinstance(part, TextPart) or not part.text.startswith(BILLING_HEADER):
        yield part
        return
    header, _, rest = part.text.partition("\n")
    yield native_part({"type": "text", "text": header}, "billing_header_dropped", part.where)
    if rest.strip():
        yield replace(part, text=rest)


def _turns(message: dict[str, Json], where: str, begun: bool, ctx: Context) -> Iterator[Message]:
    """One message as turns: tool results, and a summary before an answer, stand by themselves.

    `begun`: a user has spoken before it.
    """
    role = one_of(required(message.get("role"), str, f"{where}.role"), ROLES, f"{where}.role")
    for key in message:
        if key not in MESSAGE_KEYS:
            ctx.notes.add("field_dropped", f"{where}.{key}", "no key of a message")
    if role == "system":
        yield from _told(message, where, begun, ctx)
        return
    parts = decode_parts(message.get("content"), role, f"{where}.content", ctx)
    first = [part for part in parts if _stands_apart(part, role)]
    rest = [part for part in parts if not _stands_apart(part, role)] if first else parts
    if first:
        yield Message("tool" if role == "user" else "user", tuple(first), where=where)
    if rest or not first:
        yield Message(role, tuple(rest), where=where)


def _told(message: dict[str, Json], where: str, begun: bool, ctx: Context) -> Iterator[Message]:
    """System text, which may be empty where there is something else to say.

    An effort before the conversation has begun is that of the request, and is read with it.
    """
    content = message.get("content")
    given = decode_parts([] if content is None else content, "system", f"{where}.content", ctx)
    parts = [_changed(part, ctx) for part in given if part != TextPart("")]
    if begun and (effort := effort_in(message, f"{where}.", ctx)):
        parts.append(EffortPart(effort, where=f"{where}.{CONFIG}.effort"))
    if parts:
        yield Message("system", tuple(parts), where=where)


def _changed(part: Part, ctx: Context) -> Part:
    """A tool that comes or goes, where others can say which."""
    if not isinstance(part, NativePart):
        return part
    return decode_tool_change(part.native.blocks[0], part.where, ctx) or part


def _stands_apart(part: Part, role: str) -> bool:
    if role == "user":
        return isinstance(part, ToolResultPart)
    if role != "assistant" or not isinstance(part, NativePart):
        return False
    return any(block.get("type") == SUMMARY for block in part.native.blocks)


# --- encoding

EMPTY, START, CONTINUE = "(empty)", "(start)", "Continue."


class _Turn(NamedTuple):
    """`effort` holds from behind it on, "" for no change."""

    role: str
    content: list[Json]
    where: str = ""
    effort: str = ""


def encode_messages(
    messages: Sequence[Message], model: str, ctx: Context
) -> tuple[list[Json], list[Json]]:
    """The blocks of `system`, and `messages`."""
    late = next((n for n, m in enumerate(messages) if not _is_system(m)), len(messages))
    system = [block for message in messages[:late] for block in _content(message, ctx)]
    encoded = [_turn(message, ctx) for message in _signed(messages[late:], ctx)]
    takes_system = matches(model, ctx.profile.system_messages)
    turns = _placed(_spoken(encoded), takes_system, ctx)
    if ctx.client != PROTOCOL:
        turns = _opened_and_closed(turns, ctx)
    if ctx.profile.merge_roles:
        turns = _merged(turns)
    return system, [message for turn in turns for message in _written(turn)]


def _is_system(message: Message) -> bool:
    return message.role in ("system", "developer")


def _turn(message: Message, ctx: Context) -> _Turn:
    """Without content where there is none left; a user always has to say something."""
    content = _content(message, ctx)
    if _is_system(message):
        return _Turn("system", content, message.where, _effort(message, ctx))
    if message.role == "assistant" or _is_summary(content):
        return _Turn("assistant", content, message.where)
    return _Turn("user", content or [_text(EMPTY)], message.where)


def _is_summary(content: list[Json]) -> bool:
    """Of what went before, by this upstream: the beginning of the answer behind it."""
    return bool(content) and content[0]["type"] == SUMMARY


def _effort(message: Message, ctx: Context) -> str:
    """The last one in it, at a level that there is."""
    level = ""
    for part in message.parts:
        if isinstance(part, EffortPart):
            level = clamp(part.effort, ctx.profile.efforts) or ""
            if level != part.effort:
                detail = f"{part.effort} became {level or 'nothing'}"
                ctx.notes.add("effort_clamped", part.where, detail)
    return level


def _spoken(turns: Iterable[_Turn]) -> list[_Turn]:
    """Turns that say something; an effort alone holds from behind the one before it."""
    spoken: list[_Turn] = []
    for turn in turns:
        if turn.role == "assistant" and spoken and spoken[-1].content[-1]["type"] == SUMMARY:
            spoken[-1] = spoken[-1]._replace(content=[*spoken[-1].content, *turn.content])
        elif turn.content:
            spoken.append(turn)
        elif turn.effort and spoken:
            spoken[-1] = spoken[-1]._replace(effort=turn.effort)
    return spoken


def _written(turn: _Turn) -> Iterator[Json]:
    message = {"role": turn.role, "content": turn.content}
    config = {CONFIG: {"effort": turn.effort}} if turn.effort else {}
    if turn.role == "system":
        yield {**message, **config}
        return
    yield message
    if config:
        yield {"role": "system", "content": [], **config}


def _content(message: Message, ctx: Context) -> list[Json]:
    if message.name is not None:
        ctx.notes.add("name_dropped", message.where, "the author's name")
    if message.phase is not None:
        ctx.notes.add("hint_dropped", message.where, f"phase {message.phase}")
    blocks = encode_parts(message.parts, ctx)
    if not _is_system(message) or ctx.client == PROTOCOL:
        return blocks
    texts = [block for block in blocks if _is_text(block, message.where, ctx)]
    added = (part.tool for part in message.parts if isinstance(part, ToolChangePart) and part.tool)
    return [*texts, *(encode_addition(tool, ctx) for tool in added)]


def _is_text(block: Json, where: str, ctx: Context) -> bool:
    if block["type"] != "text":
        ctx.notes.add("item_dropped", where, f"{block['type']} in system text")
    return bool(block["type"] == "text")


def _text(text: str) -> dict[str, Json]:
    return {"type": "text", "text": text}


def _signed(messages: Sequence[Message], ctx: Context) -> Sequence[Message]:
    """`messages` without the reasoning before a gap in it: signatures hold in unbroken runs only.

    A gap is reasoning that came back without a state that says whose it is. A tool loop loses all
    of its reasoning or none.
    """
    gaps = [n for n, m in enumerate(messages) if any(_is_unsigned(part, ctx) for part in m.parts)]
    if not gaps:
        return messages
    asked = (n for n in range(gaps[-1], len(messages)) if messages[n].role == "user")
    end = next(asked, len(messages))
    return [*(_without_reasoning(m, ctx) for m in messages[:end]), *messages[end:]]


def _is_unsigned(part: Part, ctx: Context) -> bool:
    if not isinstance(part, ReasoningPart) or _is_owned_reasoning(part, ctx):
        return False
    return part.native is None or not part.native.upstream


def _without_reasoning(message: Message, ctx: Context) -> Message:
    kept = tuple(part for part in message.parts if not _is_owned_reasoning(part, ctx))
    if len(kept) == len(message.parts):
        return message
    ctx.notes.add("thinking_prefix_dropped", message.where, "reasoning before a gap in it")
    return replace(message, parts=kept)


def _is_owned_reasoning(part: Part, ctx: Context) -> bool:
    return isinstance(part, ReasoningPart) and part.native is not None and ctx.owns(part.native)


def _placed(turns: list[_Turn], takes_system: bool, ctx: Context) -> list[_Turn]:
    """System text in its place where model and API take it there, else as text of the user."""
    runs = [list(run) for _, run in groupby(turns, key=lambda turn: turn.role == "system")]
    placed: list[_Turn] = []
    for n, run in enumerate(runs):
        after = runs[n + 1][0] if n + 1 < len(runs) else None
        if run[0].role != "system" or (takes_system and _is_legal(placed, after)):
            placed += run
        else:
            placed += [told for turn in run for told in _inlined(turn, ctx)]
    return placed


def _is_legal(before: list[_Turn], after: _Turn | None) -> bool:
    """Behind a user's turn or a server tool's result, and at the end or before an answer."""
    if not before or (after and after.role != "assistant"):
        return False
    last = before[-1]
    return last.role == "user" or str(last.content[-1]["type"]).endswith("_tool_result")


def _inlined(turn: _Turn, ctx: Context) -> Iterator[_Turn]:
    texts = [block["text"] for block in turn.content if block["type"] == "text"]
    if len(texts) < len(turn.content):
        ctx.notes.add("item_dropped", turn.where, "tools added or removed here")
    if not texts:
        return
    ctx.notes.add("system_inlined", turn.where, "as text of the user")
    block = _text("<system>" + "\n\n".join(texts) + "</system>")
    marks = [b["cache_control"] for b in turn.content if "cache_control" in b]
    content = [{**block, "cache_control": marks[-1]} if marks else block]
    yield turn._replace(role="user", content=content)


def _opened_and_closed(turns: list[_Turn], ctx: Context) -> list[_Turn]:
    """A user first, last and between two answers; other protocols know no continued answer.

    Between as well, or the next request of the conversation would begin otherwise.
    """
    out: list[_Turn] = []
    if not turns or not (turns[0].role == "user" or _is_summary(turns[0].content)):
        where = turns[0].where if turns else "messages"
        ctx.notes.add("leading_assistant", where, "a user has to begin")
        out.append(_Turn("user", [_text(START)]))
    for turn, after in zip_longest(turns, turns[1:]):
        out.append(turn)
        if turn.role == "assistant" and (after is None or after.role == "assistant"):
            ctx.notes.add("trailing_assistant", turn.where, "a user has to ask for more")
            out.append(_Turn("user", [_text(CONTINUE)]))
    return out


def _merged(turns: Iterable[_Turn]) -> list[_Turn]:
    runs = (list(run) for _, run in groupby(turns, key=lambda turn: turn.role))
    return [
        run[0]._replace(
            content=[block for turn in run for block in turn.content],
            effort=next((turn.effort for turn in reversed(run) if turn.effort), ""),
        )
        for run in runs
    ]
