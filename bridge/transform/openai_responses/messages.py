"""The conversation: `instructions` and `input` to turns and back.

Hard part: an answer is several items here (reasoning, messages, calls), so turns are runs of items,
with others between them that are no part of the conversation.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import assert_never

from ..client_tools import result_text
from ..context import Context
from ..envelope import is_sealed
from ..fields import one_of, optional, required
from ..json_text import Json
from ..model import (
    EffortPart,
    Message,
    Native,
    NativePart,
    Part,
    ReasoningPart,
    RefusalPart,
    Request,
    Role,
    TextPart,
    ToolCallPart,
    ToolChangePart,
    ToolResultPart,
)
from ..prepare import full_name
from ..profile import matches
from ..turn import natives
from .content import encode_call_item, encode_output, encode_parts, input_text, marked
from .parts import (
    COMMENTARY,
    FINAL,
    OWN_KEYS,
    PROTOCOL,
    SETTINGS,
    TOOLS,
    border_of,
    decode_call_item,
    decode_parts,
    native_part,
    note_unknown,
    staged,
    type_of,
)
from .reasoning import decode_effort, decode_thought, encode_effort, encode_thought, is_answer
from .tools import added_tools, encode_tools

__all__ = ["decode_messages", "encode_messages"]

ROLES: tuple[Role, ...] = ("user", "assistant", "system", "developer")
ERROR = "[tool error] "  # how a result says that it is one: the protocol has no field for it
RESULTS = ("function_call_output", "custom_tool_call_output")
# Items of OpenAI's own tools, besides those that end in "_call": what they did can be missed best.
HOSTED = frozenset({"mcp_list_tools", "shell_call_output", "tool_search_output"})
# Others without a part of their own -> what is noted for them, if not item_dropped.
NATIVE = {"computer_call": "item_dropped", "item_reference": "previous_response_not_found"}
AGENTS = frozenset({"internal_chat_message_metadata_passthrough", "metadata"})  # their own keys
KEYS = AGENTS | frozenset("role content id status phase call_id name namespace output".split())
CALL_KEYS = KEYS.union(OWN_KEYS, "arguments input action operation execution".split())

# --- decoding


def decode_messages(body: Mapping[str, Json], ctx: Context) -> tuple[Message, ...]:
    history = _History(ctx)
    if instructions := optional(body.get("instructions"), str, "instructions"):
        part = TextPart(instructions, where="instructions")
        history.add(Message("system", (part,), where="instructions"))
    for where, item, begun in staged(body):
        history.read(item, where, begun)
    return history.whole()


class _History:
    """Turns so far, and the one that is still growing: an answer, or the results of its calls."""

    def __init__(self, ctx: Context) -> None:
        self._messages: list[Message] = []
        self._answer: list[Part] | None = None
        self._results: list[ToolResultPart] = []
        self._changes: list[Message] = []  # that were told inside of it
        self._where = ""  # where the open turn began
        self._phase: str | None = None
        self._whole: Native | None = None  # the answer as another vendor made it
        self._ctx = ctx
        self._call_ids: dict[str, str] = {}  # id of an item -> of its call
        self._hosted: set[str] = set()  # calls that OpenAI itself carried out

    def read(self, item: dict[str, Json], where: str, begun: bool) -> None:
        """`begun`: somebody has spoken before; until then nothing can change."""
        kind = type_of(item, where)
        item = {**item, "type": kind}
        match kind:
            case "message":
                self._message(item, where)
            case "reasoning":
                self._thought(decode_thought(item, where, self._ctx), where)
            case "compaction" if is_sealed(item.get("encrypted_content")):
                self._summary(item, where)
            case _ if kind in RESULTS:
                self._note_unknown(item, where)
                self._result(_result(item, where, self._ctx))
            case _ if kind not in (SETTINGS, TOOLS):
                self._other(item, where)
            case _ if begun:
                self._change(item, where)
            case _:
                pass

    def add(self, message: Message) -> None:
        self._close()
        self._messages.append(message)

    def whole(self) -> tuple[Message, ...]:
        self._close()
        return tuple(self._messages)

    def _message(self, item: dict[str, Json], where: str) -> None:
        self._note_unknown(item, where)
        role = one_of(required(item.get("role"), str, f"{where}.role"), ROLES, f"{where}.role")
        place = role if role in ("user", "assistant") else "system"
        parts = decode_parts(item.get("content"), place, f"{where}.content", self._ctx)
        if role == "assistant":
            self._say(parts, where, optional(item.get("phase"), str, f"{where}.phase"))
        else:
            self.add(Message(role, tuple(parts), where=where))

    def _thought(self, part: ReasoningPart, where: str) -> None:
        native = part.native
        is_whole = native is not None and any(is_answer(block) for block in native.blocks)
        self._say([] if is_whole else [part], where)
        self._whole = native if is_whole else self._whole

    def _other(self, item: dict[str, Json], where: str) -> None:
        """A call, the result of a built-in tool, or what only OpenAI knows."""
        if call := decode_call_item(item, where):
            self._note_unknown(item, where, CALL_KEYS)
            self._call_ids[str(item.get("id"))] = call.id
            self._say([call], where)
            return
        call_id, text = self._call_id(item, where), result_text(item)
        if text is not None and call_id not in self._hosted:
            self._result(_built_in_result(item, call_id, text, where))
        else:
            self._hosted |= {call_id} - {""}
            self._say([native_part(item, _code_of(item["type"]), where)], where)

    def _call_id(self, item: dict[str, Json], where: str) -> str:
        """Results of a local shell may tell the id of the item instead."""
        call_id = optional(item.get("call_id"), str, f"{where}.call_id")
        item_id = optional(item.get("id"), str, f"{where}.id") or ""
        return call_id or self._call_ids.get(item_id, item_id)

    def _summary(self, item: dict[str, Json], where: str) -> None:
        """What another vendor made of an earlier conversation, which a user has to tell."""
        native = self._ctx.unseal(item["encrypted_content"], f"{where}.encrypted_content")
        if native is not None:
            text = native.blocks[0].get("content") if native.blocks else None
            said = text if isinstance(text, str) else None
            part = NativePart(native, "hint_dropped", said, where=where)
            self.add(Message("user", (part,), where=where))

    def _change(self, item: dict[str, Json], where: str) -> None:
        """It must not divide an answer, or a call from its result."""
        parts: list[Part] = []
        if item["type"] == TOOLS:
            tools = added_tools(item, where)
            parts += [ToolChangePart(tool.name, tool, where=tool.where) for tool in tools]
        elif effort := decode_effort(item, where, self._ctx):
            parts.append(effort)
        if parts:
            self._changes.append(Message("developer", tuple(parts), where=where))
        if self._answer is None and not self._results:
            self._close()

    def _say(self, parts: Iterable[Part], where: str, phase: str | None = None) -> None:
        if self._answer is None:
            self._close()
            self._answer, self._where = [], where
        if phase is not None and self._phase not in (None, phase):
            self._ctx.notes.add("hint_dropped", f"{where}.phase", "of two phases in one turn")
        self._answer += parts
        self._phase = phase or self._phase

    def _result(self, part: ToolResultPart) -> None:
        if not self._results:
            self._close()
            self._where = part.where
        self._results.append(part)

    def _close(self) -> None:
        if self._answer is not None:
            said, phase = tuple(self._answer), self._phase
            turn = Message("assistant", said, phase=phase, native=self._whole, where=self._where)
            self._messages.append(turn)
        elif self._results:
            self._messages.append(Message("tool", tuple(self._results), where=self._where))
        self._messages += self._changes
        self._answer, self._results, self._changes = None, [], []
        self._phase = self._whole = None

    def _note_unknown(
        self, item: dict[str, Json], where: str, known: frozenset[str] = KEYS
    ) -> None:
        note_unknown(item, known, where, self._ctx)
        for key in item:
            if key in AGENTS:
                self._ctx.notes.add("hint_dropped", "input", f"{key} of items")


def _result(item: dict[str, Json], where: str, ctx: Context) -> ToolResultPart:
    parts = decode_parts(item.get("output"), "output", f"{where}.output", ctx)
    said, is_error = _without_error(parts)
    name = optional(item.get("name"), str, f"{where}.name")
    namespace = optional(item.get("namespace"), str, f"{where}.namespace")
    return ToolResultPart(
        optional(item.get("call_id"), str, f"{where}.call_id") or "",
        tuple(said),
        is_error,
        "custom" if item["type"] == "custom_tool_call_output" else "function",
        name and full_name(name, namespace),
        where=where,
    )


def _without_error(parts: list[Part]) -> tuple[list[Part], bool]:
    first = parts[0] if parts else None
    if not isinstance(first, TextPart) or not first.text.startswith(ERROR.rstrip()):
        return parts, False
    text = first.text.removeprefix(ERROR.rstrip()).removeprefix(" ")
    rest = [TextPart(text, cache=first.cache, where=first.where)] if text else []
    return [*rest, *parts[1:]], True


def _built_in_result(item: dict[str, Json], call_id: str, text: str, where: str) -> ToolResultPart:
    """It goes back as it is; others get `text`."""
    failed = item["type"] == "apply_patch_call_output" and item.get("status") == "failed"
    part = native_part(item, "hint_dropped", where, text)
    return ToolResultPart(call_id, (part,), failed, where=where)


def _code_of(kind: str) -> str:
    hosted = kind.endswith("_call") or kind in HOSTED
    return NATIVE.get(kind) or ("hosted_output_dropped" if hosted else "item_dropped")


# --- encoding

CHAT = "openai_chat"  # its system text stays in messages


def encode_messages(request: Request, ctx: Context) -> tuple[str | None, list[Json]]:
    """`instructions` and `input`."""
    messages = list(request.messages)
    instructions = _instructions(messages[0], ctx) if messages else None
    if instructions is not None:
        del messages[0]
    writer = _Writer(request, ctx)
    written = [item for message in messages for item in writer.write(message)]
    last = messages[-1] if messages else None
    if last and last.role == "assistant" and request.protocol == "anthropic_messages":
        ctx.notes.add("prefill_unsupported", last.where, "the answer begins anew, not behind it")
    return instructions, written


def _instructions(first: Message, ctx: Context) -> str | None:
    """What opens the conversation, where it is one text that a string can hold."""
    if first.role != "system" or ctx.client == CHAT:
        return None
    texts = encode_parts(first.parts, ctx)
    return texts[0]["text"] if len(texts) == 1 and _is_plain(texts[0]) else None


def _is_plain(item: Json) -> bool:
    return bool(item.keys() == {"type", "text"})


def _simplest(found: list[Json]) -> Json:
    """A string where there is only text in one piece, without a mark."""
    if not found:
        return ""
    return found[0]["text"] if len(found) == 1 and _is_plain(found[0]) else found


class _Writer:
    """Turns as items; it only knows whether the conversation has begun."""

    def __init__(self, request: Request, ctx: Context) -> None:
        self._ctx, self._profile = ctx, ctx.profile
        self._own = ctx.client == PROTOCOL
        self._phases = matches(ctx.model or request.model, ctx.profile.phase)
        self._leading = True  # only system text so far

    def write(self, message: Message) -> Iterator[Json]:
        if message.name is not None:
            self._ctx.notes.add("name_dropped", message.where, "the author's name")
        match message.role:
            case "system" | "developer":
                yield from self._system(message)
                return
            case "user":
                yield from self._told("user", message)
            case "assistant":
                yield from self._answer(message)
            case "tool":
                results = (part for part in message.parts if isinstance(part, ToolResultPart))
                yield from map(self._result, results)
            case _:
                assert_never(message.role)
        self._leading = False

    def _system(self, message: Message) -> Iterator[Json]:
        role = message.role
        if role == "system" and self._ctx.client == "anthropic_messages":
            role = "developer"
        if self._leading or self._profile.late_system:
            yield from self._told(role if self._profile.developer_role else "system", message)
        elif texts := encode_parts(message.parts, self._ctx):
            self._ctx.notes.add("system_inlined", message.where, "told by the user instead")
            text = "\n\n".join(item["text"] for item in texts if "text" in item)
            yield _message("user", f"<system>{text}</system>")
        yield from self._changed(message)

    def _changed(self, message: Message) -> Iterator[Json]:
        for part in message.parts:
            if isinstance(part, EffortPart):
                yield encode_effort(part, self._ctx)
        added = [part.tool for part in message.parts if isinstance(part, ToolChangePart)]
        if tools := encode_tools([tool for tool in added if tool], self._ctx):
            yield {"type": TOOLS, "role": "developer", "tools": tools}

    def _told(self, role: str, message: Message) -> Iterator[Json]:
        for part in filter(self._is_summary, message.parts):
            yield from self._items(part)
        rest = [part for part in message.parts if not self._is_summary(part)]
        content = encode_parts(rest, self._ctx)
        if content or not message.parts:
            yield _message(role, _simplest(content))

    def _is_summary(self, part: Part) -> bool:
        """Of what was said before, in this upstream's own items."""
        if not isinstance(part, NativePart) or not self._ctx.owns(part.native):
            return False
        return any(block.get("type") == "compaction" for block in part.native.blocks)

    def _answer(self, message: Message) -> Iterator[Json]:
        """Items in the order of the parts; another vendor's texts in a row are one message."""
        said: list[TextPart | RefusalPart] = []
        last = max((n for n, part in enumerate(message.parts) if self._goes_on(part)), default=-1)
        for n, part in enumerate(message.parts):
            phase = COMMENTARY if n <= last else FINAL
            if isinstance(part, TextPart | RefusalPart):
                said.append(part)
            elif (border := self._border(part)) is not None:
                yield from self._said(said, message, phase, told=border.get("phase"))
                said = []
            elif found := self._items(part):
                yield from self._said(said, message, phase)
                yield from found
                said = []
        yield from self._said(said, message, FINAL)
        if not message.parts:
            yield _message("assistant", "")

    def _goes_on(self, part: Part) -> bool:
        """Whether what was said before `part` was not the answer yet."""
        return isinstance(part, ToolCallPart) or any(map(self._ctx.owns, natives(part)))

    def _border(self, part: Part) -> dict[str, Json] | None:
        """What ends a message that the upstream made, where `part` does."""
        borders = (border_of(native) for native in natives(part) if self._ctx.owns(native))
        return next(borders, None)

    def _items(self, part: Part) -> list[Json]:
        match part:
            case ReasoningPart():
                return encode_thought(part, self._ctx)
            case ToolCallPart():
                return [self._call(part)]
            case NativePart(native, code, text):
                if self._ctx.owns(native):
                    return list(native.blocks)
                self._ctx.notes.lose(code, part.where, f"a block of {native.protocol}")
                return [_message("assistant", text)] if text else []
            case _:
                self._ctx.notes.add("item_dropped", part.where, "an answer holds text only")
                return []

    def _said(
        self,
        parts: list[TextPart | RefusalPart],
        message: Message,
        placed: str,
        told: str | None = None,
    ) -> Iterator[Json]:
        """The phase is as `told` by the upstream, else by where it stands, if at all."""
        said = [encode_output(part, self._ctx) for part in parts]
        phase = message.phase if self._own else told or (placed if self._phases else None)
        for item in said if self._own else _merged(said):
            # the API's types know a list of parts only with ids, which nobody else can make
            content = item["text"] if "text" in item else [item]
            yield {**_message("assistant", content), **({"phase": phase} if phase else {})}

    def _call(self, call: ToolCallPart) -> Json:
        if call.native is not None and not self._ctx.owns(call.native):
            self._ctx.notes.add("hint_dropped", call.where, f"who made the call of {call.name}")
        if call.cache is not None:
            self._ctx.notes.add("hint_dropped", call.where, "cache breakpoint")
        return encode_call_item(call, self._ctx)

    def _result(self, part: ToolResultPart) -> Json:
        content = encode_parts(part.parts, self._ctx)
        if len(content) == 1 and str(content[0]["type"]).endswith("_output"):  # a built-in tool's
            return content[0]
        content = content or [input_text(self._profile.empty_tool_result)]
        content = _with_error(content) if part.is_error else content
        content[-1] = marked(content[-1], part.cache, part.where, self._ctx)
        kind = "custom_tool_call_output" if part.kind == "custom" else "function_call_output"
        call = {"call_id": part.call_id} if part.call_id else {}
        name = {"name": part.name} if part.name and (self._own or not call) else {}
        return {"type": kind, **call, **name, "output": _simplest(content)}


def _message(role: str, content: Json) -> dict[str, Json]:
    return {"type": "message", "role": role, "content": content}


def _merged(said: list[Json]) -> list[Json]:
    """Other vendors split what was said for their own reasons: one text."""
    merged: list[Json] = []
    for item in said:
        if merged and "text" in item and "text" in merged[-1]:
            merged[-1] = {**item, "text": merged[-1]["text"] + item["text"]}
        else:
            merged.append(item)
    return merged


def _with_error(content: list[Json]) -> list[Json]:
    first = content[0]
    if "text" not in first:
        return [input_text(ERROR), *content]
    return [{**first, "text": ERROR + first["text"]}, *content[1:]]
