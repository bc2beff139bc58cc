"""The conversation: `messages` to turns and back.

Hard part: tool results. Here each is a message of its own and holds text only, so their images move
into the user message behind the last of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from ..arguments import normal_arguments
from ..context import Context
from ..fields import one_of, optional, required
from ..json_text import Json
from ..model import (
    AudioPart,
    CacheMark,
    CallKind,
    DocumentPart,
    ImagePart,
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
    ToolResultPart,
)
from ..names import nine_signs
from ..notes import TransformError
from .content import cache_control, encode_parts, marked
from .parts import PROTOCOL, decode_cache, decode_image_data, decode_parts, native_part
from .reasoning import EXTRA, decode_thoughts, decode_turn, extra_of, write_thoughts

__all__ = ["decode_messages", "encode_messages"]

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",  # the older form
}
ERROR = "[tool error] "  # how a result says that it is one: the protocol has no field for it
LEGACY_ID = "call_legacy_{}"  # calls of the older form have none

# --- decoding


def decode_messages(body: Mapping[str, Json], ctx: Context) -> tuple[Message, ...]:
    given = required(body.get("messages"), list, "messages")
    if not given:
        raise TransformError("messages", "must have at least one message")
    history = _History(ctx)
    for n, message in enumerate(given):
        history.read(required(message, dict, f"messages[{n}]"), f"messages[{n}]")
    return history.whole()


class _History:
    """Messages so far, and what later ones need to know of them."""

    def __init__(self, ctx: Context) -> None:
        self._messages: list[Message] = []
        self._results: list[ToolResultPart] = []  # of tool messages that follow each other
        self._ctx = ctx
        self._kinds: dict[str, CallKind] = {}
        self._legacy: dict[str, str] = {}  # function name -> the id of its latest call
        self._legacy_calls = 0

    def read(self, message: dict[str, Json], where: str) -> None:
        name = one_of(
            required(message.get("role"), str, f"{where}.role"), tuple(ROLES), f"{where}.role"
        )
        role = ROLES[name]
        turn: Native | None = None
        match role:
            case "tool":
                self._results.append(self._result(message, name == "function", where))
                return
            case "assistant":
                parts = self._assistant(message, where)
                turn = decode_turn(message, where, self._ctx)
            case "user":
                parts = self._parts(message, "user", where)
                images = optional(message.get("images"), list, f"{where}.images") or []
                parts += [
                    decode_image_data(data, f"{where}.images[{n}]") for n, data in enumerate(images)
                ]
            case _:
                parts = self._parts(message, "system", where)
        parts = _marked_last(parts, decode_cache(message, where))
        speaker = optional(message.get("name"), str, f"{where}.name")
        self._end_results()
        self._messages.append(Message(role, tuple(parts), speaker, native=turn, where=where))

    def whole(self) -> tuple[Message, ...]:
        self._end_results()
        return tuple(self._messages)

    def _end_results(self) -> None:
        if self._results:
            where = self._results[0].where
            self._messages.append(Message("tool", tuple(self._results), where=where))
            self._results = []

    def _parts(self, message: dict[str, Json], place: str, where: str) -> list[Part]:
        return decode_parts(message.get("content"), place, f"{where}.content", self._ctx)

    def _assistant(self, message: dict[str, Json], where: str) -> list[Part]:
        """Reasoning, text, calls: the protocol does not say how they followed each other."""
        content = self._parts(message, "assistant", where)
        said = [part for part in content if not _is_thinking(part)]
        refusal = optional(message.get("refusal"), str, f"{where}.refusal")
        if refusal:
            said.append(RefusalPart(refusal, where=f"{where}.refusal"))
        if audio := optional(message.get("audio"), dict, f"{where}.audio"):
            item = {"type": "audio", "audio": audio}
            said.append(native_part(item, "audio_unsupported", f"{where}.audio"))
        return [*decode_thoughts(message, where, self._ctx), *said, *self._calls(message, where)]

    def _calls(self, message: dict[str, Json], where: str) -> list[Part]:
        given = optional(message.get("tool_calls"), list, f"{where}.tool_calls") or []
        calls: list[Part] = [self._call(c, f"{where}.tool_calls[{n}]") for n, c in enumerate(given)]
        legacy = optional(message.get("function_call"), dict, f"{where}.function_call")
        if not legacy or not legacy.get("name"):
            return calls
        self._legacy_calls += 1
        call_id = LEGACY_ID.format(self._legacy_calls)
        call = _function_call(legacy, call_id, None, f"{where}.function_call")
        self._legacy[call.name] = call_id
        return [*calls, call]

    def _call(self, call: Json, where: str) -> ToolCallPart:
        call = required(call, dict, where)
        call_id = optional(call.get("id"), str, f"{where}.id") or ""
        cache = decode_cache(call, where)
        custom = call.get("custom")
        if call.get("type") != "custom":
            function = required(call.get("function"), dict, f"{where}.function")
            self._kinds[call_id] = "function"
            return _function_call(function, call_id, cache, f"{where}.function")
        custom = required(custom, dict, f"{where}.custom")
        name = required(custom.get("name"), str, f"{where}.custom.name")
        text = optional(custom.get("input"), str, f"{where}.custom.input") or ""
        self._kinds[call_id] = "custom"
        return ToolCallPart(call_id, name, text, "custom", cache=cache, where=where)

    def _result(self, message: dict[str, Json], legacy: bool, where: str) -> ToolResultPart:
        name: str | None = None
        if legacy:
            name = required(message.get("name"), str, f"{where}.name")
            call_id = self._legacy.get(name, "")
        else:
            call_id = optional(message.get("tool_call_id"), str, f"{where}.tool_call_id") or ""
        parts, is_error = _without_error(self._parts(message, "tool", where))
        return ToolResultPart(
            call_id,
            tuple(parts),
            is_error,
            self._kinds.get(call_id, "function"),
            name,
            decode_cache(message, where),
            where=where,
        )


def _is_thinking(part: Part) -> bool:
    """Mistral's reasoning stands in the content, and is read from there with the other fields."""
    return isinstance(part, NativePart) and part.native.blocks[0].get("type") == "thinking"


def _function_call(
    function: dict[str, Json], call_id: str, cache: CacheMark | None, where: str
) -> ToolCallPart:
    name = required(function.get("name"), str, f"{where}.name")
    arguments = normal_arguments(function.get("arguments"))
    return ToolCallPart(call_id, name, arguments, cache=cache, where=where)


def _without_error(parts: list[Part]) -> tuple[list[Part], bool]:
    first = parts[0] if parts else None
    if not isinstance(first, TextPart) or not first.text.startswith(ERROR.rstrip()):
        return parts, False
    text = first.text.removeprefix(ERROR.rstrip()).removeprefix(" ")
    rest = [TextPart(text, cache=first.cache, where=first.where)] if text else []
    return [*rest, *parts[1:]], True


def _marked_last(parts: list[Part], cache: CacheMark | None) -> list[Part]:
    """A breakpoint on a whole message is one on the last part that can have it."""
    if cache is None:
        return parts
    for n in range(len(parts) - 1, -1, -1):
        part = parts[n]
        if isinstance(part, TextPart | ImagePart | DocumentPart | ToolCallPart):
            return [*parts[:n], replace(part, cache=cache), *parts[n + 1 :]]
    return parts


# --- encoding

# Content that tool messages cannot hold -> what stands in its place.
MEDIA = {"image_url": "image", "file": "file", "input_audio": "audio"}


def encode_messages(request: Request, ctx: Context) -> list[Json]:
    writer = _Writer(ctx, legacy=request.legacy_functions and request.protocol == PROTOCOL)
    for message in request.messages:
        writer.write(message)
    last = request.messages[-1] if request.messages else None
    if last and last.role == "assistant" and request.protocol == "anthropic_messages":
        ctx.notes.add("prefill_unsupported", last.where, "the answer begins anew, not behind it")
    return writer.whole()


class _Writer:
    """Messages so far, and what of tool results still has to be said."""

    def __init__(self, ctx: Context, *, legacy: bool) -> None:
        self._ctx, self._profile = ctx, ctx.profile
        self._own = ctx.client == PROTOCOL
        self._legacy = legacy
        self._messages: list[Json] = []
        self._leading = True  # only system text so far
        self._moved: list[Json] = []  # out of tool results

    def write(self, message: Message) -> None:
        if message.role != "user":
            self._say_moved()
        match message.role:
            case "system" | "developer":
                self._system(message)
                return
            case "user":
                self._user(message)
            case "assistant":
                self._assistant(message)
            case "tool":
                self._results(message)
            case _:
                assert_never(message.role)
        self._leading = False

    def whole(self) -> list[Json]:
        """Chat templates that know no late system text take one message of it."""
        self._say_moved()
        if self._profile.merge_roles:
            return _joined(self._messages, JOINED)
        return self._messages if self._profile.late_system else _joined(self._messages, SYSTEM)

    def _add(self, role: str, content: Json, message: Message) -> dict[str, Json]:
        if message.phase is not None:
            self._ctx.notes.add("hint_dropped", message.where, f"phase {message.phase}")
        name = {"name": message.name} if message.name is not None else {}
        added = {"role": role, **name, "content": content}
        self._messages.append(added)
        return added

    def _system(self, message: Message) -> None:
        items = []
        for item in encode_parts(message.parts, self._ctx):
            if item["type"] == "text":
                items.append(item)
            else:
                self._ctx.notes.add("item_dropped", message.where, f"{item['type']} in system text")
        if message.parts and not items:
            return
        if not self._leading and not self._profile.late_system:
            self._ctx.notes.add("system_inlined", message.where, "told by the user instead")
            text = "\n\n".join(item["text"] for item in items)
            self._add("user", f"<system>{text}</system>", message)
            return
        kept = self._profile.developer_role
        self._add(message.role if kept else "system", self._text(items), message)

    def _text(self, items: list[Json]) -> Json:
        """Content of messages that hold text only; marked text needs the list."""
        if self._profile.join_text and all(map(_is_plain, items)):
            return "\n\n".join(item["text"] for item in items)
        return _simplest(items)

    def _user(self, message: Message) -> None:
        items = [*self._moved, *encode_parts(message.parts, self._ctx)]
        self._moved = []
        if items or not message.parts:
            self._add("user", _simplest(items), message)

    def _say_moved(self) -> None:
        if self._moved:
            self._messages.append({"role": "user", "content": self._moved})
            self._moved = []

    def _assistant(self, message: Message) -> None:
        calls, thoughts = self._calls_and_thoughts(message)
        items = [item for part in message.parts for item in self._spoken(part)]
        fields = self._call_fields(calls)
        for item in [item for item in items if item["type"] == "audio"]:
            fields["audio"] = item["audio"]
            items.remove(item)
        nothing = None if calls and self._profile.empty_call_content == "null" else ""
        said = self._said(items)
        write_thoughts(fields, thoughts, self._ctx, calls=bool(calls))
        in_content = fields.pop("content", [])
        if items or fields or in_content or not message.parts:
            content = [*in_content, *items] if in_content else said or nothing
            self._add("assistant", content, message).update(fields)

    def _spoken(self, part: Part) -> list[Json]:
        """As a model can have said it: of a document its text."""
        items = encode_parts([part], self._ctx)
        if not isinstance(part, AudioPart | DocumentPart | ImagePart):
            return items
        texts = [item for item in items if item["type"] == "text"]
        if len(texts) < len(items):
            self._ctx.notes.add("item_dropped", part.where, "an answer holds text only")
        return texts

    def _said(self, items: list[Json]) -> Json:
        if self._profile.join_text:
            items = [_as_text(item) for item in items]
        return _simplest(items if self._own else _merged(items))

    def _calls_and_thoughts(
        self, message: Message
    ) -> tuple[list[tuple[ToolCallPart, Json]], list[ReasoningPart]]:
        """Each call with what its server said beside it."""
        calls: list[tuple[ToolCallPart, Json]] = []
        thoughts: list[ReasoningPart] = []
        extra: Json = None
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                calls.append((part, extra))
                extra = None
            elif found := extra_of(part, self._ctx):
                extra = found
            elif isinstance(part, ReasoningPart):
                thoughts.append(part)
        return calls, thoughts

    def _call_fields(self, calls: list[tuple[ToolCallPart, Json]]) -> dict[str, Json]:
        if not calls:
            return {}
        if self._legacy:
            call, _ = calls[0]
            return {"function_call": {"name": call.name, "arguments": call.arguments}}
        beside = [{EXTRA: extra} if extra else {} for _, extra in calls]
        told = [self._call(call) for call, _ in calls]
        return {"tool_calls": [{**c, **b} for c, b in zip(told, beside, strict=True)]}

    def _call(self, call: ToolCallPart) -> Json:
        notes = self._ctx.notes
        if call.native is not None and not self._ctx.owns(call.native):
            notes.add("hint_dropped", call.where, f"who made the call of {call.name}")
        mark: dict[str, Json] = {}
        if call.cache is not None and self._own:
            mark = {"cache_control": cache_control(call.cache)}
        elif call.cache is not None:
            notes.add("hint_dropped", call.where, "cache breakpoint")
        if call.kind == "custom":
            custom = {"name": call.name, "input": call.arguments}
            return {"id": self._id(call.id), "type": "custom", "custom": custom, **mark}
        function = {"name": call.name, "arguments": normal_arguments(call.arguments)}
        return {"id": self._id(call.id), "type": "function", "function": function, **mark}

    def _id(self, call_id: str) -> str:
        return nine_signs(call_id) if self._profile.short_call_ids else call_id

    def _results(self, message: Message) -> None:
        number = 0
        for result in [part for part in message.parts if isinstance(part, ToolResultPart)]:
            number = self._result(result, number)

    def _result(self, part: ToolResultPart, number: int) -> int:
        """One tool message; `number` of images in the turn so far, and with this one's."""
        items: list[Json] = []
        for item in encode_parts(part.parts, self._ctx):
            media = MEDIA.get(item["type"])
            if media is None or (media == "image" and self._profile.tool_images):
                items.append(item)
                continue
            number += 1
            place = {"type": "text", "text": f"[{media} {number}]"}
            items.append(place)
            self._moved += [place, item]
            self._ctx.notes.add("tool_image_moved", part.where, f"{media} {number}")
        items = items or [{"type": "text", "text": self._profile.empty_tool_result}]
        items = _with_error(items) if part.is_error else items
        items[-1] = marked(items[-1], part.cache, part.where, self._ctx)
        content = self._text(items)
        if self._legacy:
            self._messages.append({"role": "function", "name": part.name, "content": content})
        else:
            call = {"role": "tool", "tool_call_id": self._id(part.call_id), "content": content}
            self._messages.append(call)
        return number


SYSTEM = ("system",)
JOINED = ("system", "developer", "user", "assistant")


def _joined(messages: Iterable[Json], roles: Sequence[str]) -> list[Json]:
    """`messages` without neighbours of one of `roles`, as far as they hold nothing but content."""
    joined: list[Json] = []
    for message in messages:
        last = joined[-1] if joined else {}
        alike = last.get("role") == message["role"] in roles
        if alike and last.keys() == message.keys() == {"role", "content"}:
            joined[-1] = {**last, "content": _together(last["content"], message["content"])}
        else:
            joined.append(message)
    return joined


def _together(first: Json, second: Json) -> Json:
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [*_items(first), *_items(second)]


def _items(content: Json) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _is_plain(item: Json) -> bool:
    return bool(item.keys() == {"type", "text"})


def _simplest(items: list[Json]) -> Json:
    """A string where there is only text in one piece, without a mark."""
    if not items:
        return ""
    return items[0]["text"] if len(items) == 1 and _is_plain(items[0]) else items


def _as_text(item: Json) -> Json:
    return {"type": "text", "text": item["refusal"]} if item["type"] == "refusal" else item


def _merged(items: Iterable[Json]) -> list[Json]:
    """Other vendors split what was said for their own reasons: one text, up to a cache mark."""
    merged: list[Json] = []
    for item in items:
        if merged and item["type"] == "text" and _is_plain(merged[-1]):
            merged[-1] = {**item, "text": merged[-1]["text"] + item["text"]}
        else:
            merged.append(item)
    return merged


def _with_error(items: list[Json]) -> list[Json]:
    first = items[0]
    if first["type"] != "text":
        return [{"type": "text", "text": ERROR}, *items]
    return [{**first, "text": ERROR + first["text"]}, *items[1:]]
