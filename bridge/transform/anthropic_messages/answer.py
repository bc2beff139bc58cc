"""What an answer is made of: content blocks read while they arrive, and written.

Hard part: a block says what it is at its start, and what has to be sent back of it (a signature)
at its end.
"""

from collections.abc import Mapping
from typing import Protocol as Interface

from ..answers import CitationDelta, Event, PartDelta, PartEnd, PartStart
from ..arguments import normal_arguments
from ..context import Context
from ..fields import object_of, objects_of, text_of
from ..json_text import Json, dump_text, loads
from ..model import (
    Citation,
    HostedCall,
    HostedList,
    Native,
    NativePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
)
from ..names import object_id
from ..sequence import Call
from ..toolsets import FAMILIES
from .content import toolset_field
from .parts import PROTOCOL, SHOWN, TOOLSET, call_native, decode_citation
from .usage import encode_usage

__all__ = ()

# --- reading


class Block(Interface):
    """An open content block: what it says when it opens, for each delta, and when it closes."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of the deltas it takes."""
        ...

    @property
    def whole(self) -> bool:
        """It may be closed, when another one begins."""
        ...

    def open(self) -> list[Event]: ...

    def delta(self, kind: Json, delta: dict[str, Json]) -> list[Event]: ...

    def close(self) -> list[Event]: ...


class _Text:
    kinds = ("text_delta", "citations_delta")
    whole = True

    def __init__(self, block: dict[str, Json], owner: Native) -> None:
        self._block, self._owner = block, owner

    def open(self) -> list[Event]:
        events: list[Event] = [PartStart(TextPart("")), *_delta(self._block.get("text"))]
        citations = self._block.get("citations")
        for citation in citations if isinstance(citations, list) else ():
            events += self._cite(citation)
        return events

    def delta(self, kind: Json, delta: dict[str, Json]) -> list[Event]:
        if kind == "text_delta":
            return _delta(delta.get("text"))
        return self._cite(delta.get("citation")) if kind == "citations_delta" else []

    def _cite(self, citation: Json) -> list[Event]:
        if not isinstance(citation, dict):
            return []
        return [CitationDelta(decode_citation(citation, self._owner.upstream, self._owner.model))]

    def close(self) -> list[Event]:
        return [PartEnd()]


def _delta(text: Json) -> list[Event]:
    return [PartDelta(text)] if isinstance(text, str) and text else []


class _Thinking:
    """Thinking and redacted thinking: the whole block is the state that has to come back."""

    kinds = ("thinking_delta", "signature_delta")
    whole = True

    def __init__(self, block: dict[str, Json], owner: Native) -> None:
        self._block, self._owner = block, owner
        text = block.get("thinking")
        self._pieces = [text] if isinstance(text, str) else []

    def open(self) -> list[Event]:
        return [PartStart(ReasoningPart("")), *_delta("".join(self._pieces))]

    def delta(self, kind: Json, delta: dict[str, Json]) -> list[Event]:
        if kind == "thinking_delta" and isinstance(delta.get("thinking"), str):
            self._pieces.append(delta["thinking"])
            return _delta(delta["thinking"])
        if kind == "signature_delta":  # replaces an earlier one
            self._block = {**self._block, "signature": delta.get("signature")}
        return []

    def close(self) -> list[Event]:
        block = self._block
        if block["type"] == "thinking":
            block = {**block, "thinking": "".join(self._pieces)}
        if not (block.get("signature") or block.get("data")):  # servers that sign nothing
            return [PartEnd()]
        return [PartEnd(Native(PROTOCOL, (block,), self._owner.upstream, self._owner.model))]


class ToolUse:
    """A call of the client's tool; `input` counts where no delta says more."""

    kinds = ("input_json_delta",)

    def __init__(self, block: dict[str, Json], owner: Native, ctx: Context) -> None:
        self._input = block.get("input")
        self._fed = False
        native = call_native(block, owner.upstream, owner.model)
        call_id, name, toolset = (text_of(block.get(key)) for key in ("id", "name", TOOLSET))
        call = ToolCallPart(call_id, name, "", namespace=toolset or None, native=native)
        self._call = Call(call, ctx.notes)
        self.direct = native is None

    def open(self) -> list[Event]:
        return [PartStart(self._call.part)]

    @property
    def whole(self) -> bool:
        return self._call.said or (bool(self._input) and not self._fed)

    def delta(self, kind: Json, delta: dict[str, Json]) -> list[Event]:
        text = delta.get("partial_json")
        if not isinstance(text, str) or not text:
            return []
        self._fed = True
        return _delta(self._call.feed(text))

    def close(self) -> list[Event]:
        given = [] if self._fed else _delta(self._call.feed(normal_arguments(self._input)))
        return [*given, *self._call.close(cut=False)]


class _Opaque:
    """Any other block: told whole, when it is.

    `served` holds the calls of server tools so far, by their ids: a result tells what its call was.
    """

    kinds = ("input_json_delta", "compaction_delta")
    whole = True

    def __init__(
        self, block: dict[str, Json], owner: Native, served: dict[str, dict[str, Json]]
    ) -> None:
        self._block, self._owner, self._served = block, owner, served
        self._pieces: list[str] = []

    def open(self) -> list[Event]:
        return []

    def delta(self, kind: Json, delta: dict[str, Json]) -> list[Event]:
        if kind == "input_json_delta":
            self._pieces.append(text_of(delta.get("partial_json")))
        elif kind == "compaction_delta":
            self._block = {**self._block, **{k: v for k, v in delta.items() if k != "type"}}
        return []

    def close(self) -> list[Event]:
        block, text = self._block, "".join(self._pieces)
        if text:
            try:
                block = {**block, "input": loads(text)}
            except ValueError:  # cut off; nobody but its vendor could use it
                block = {**block, "input": {}}
        if call_id := text_of(block.get("id")):
            self._served[call_id] = block
        call = self._served.get(text_of(block.get("tool_use_id")))
        hosted = decode_hosted(call, block) if call else decode_listing(block)
        native = Native(PROTOCOL, (block,), self._owner.upstream, self._owner.model)
        return [PartStart(NativePart(native, "server_tool_dropped", hosted=hosted)), PartEnd()]


def decode_hosted(call: dict[str, Json], result: dict[str, Json]) -> HostedCall | None:
    """What others can show of a server tool's call and its result; None where they have none."""
    name, given, content = text_of(call.get("name")), call.get("input"), result.get("content")
    given = given if isinstance(given, dict) else {}
    items = content if isinstance(content, list) else []
    found = [item for item in items if isinstance(item, dict)]
    match result.get("type"):
        case "web_search_tool_result":
            urls = filter(None, (text_of(item.get("url")) for item in found))
            return HostedCall(name, given, urls=tuple(urls), failed=not isinstance(content, list))
        case "mcp_tool_result":
            server, failed = text_of(call.get("server_name")), result.get("is_error") is True
            said = text_of(content) or "".join(text_of(item.get("text")) for item in found)
            return HostedCall(name, given, server, output=said, failed=failed)
        case _:
            return None


def decode_listing(block: dict[str, Json]) -> HostedList | None:
    """The tools of a server, as it told them when it was asked."""
    tools = block.get("tools")
    if block.get("type") != "mcp_tool_listing" or not isinstance(tools, list):
        return None
    listed = tuple(tool for tool in tools if isinstance(tool, dict))
    return HostedList(text_of(block.get("mcp_server_name")), listed)


def block_of(block: Json, owner: Native, served: dict[str, dict[str, Json]], ctx: Context) -> Block:
    """`owner` tells whose state it is: protocol, upstream, model; `served` what went before."""
    if not isinstance(block, dict):
        return _Opaque({}, owner, served)
    match block.get("type"):
        case "text":
            return _Text(block, owner)
        case "thinking" | "redacted_thinking":
            return _Thinking(block, owner)
        case "tool_use":
            return ToolUse(block, owner, ctx)
        case _:
            return _Opaque(block, owner, served)


def note_untold(holder: Mapping[str, Json], ctx: Context) -> None:
    """What was done to the request, in a message or its last event; other vendors' apps cannot be
    told. Apps have a use for it only where it says something."""
    for change in objects_of(holder.get("input_transformations")):
        is_dropped = change.get("type") == "thinking_dropped"
        code = "thinking_prefix_dropped" if is_dropped else "hint_dropped"
        where = text_of(change.get("path")) or "input_transformations"
        ctx.notes.add(code, where, f"{change.get('type')}: {change.get('reason')}")
    for edit in objects_of(object_of(holder.get("context_management")).get("applied_edits")):
        where = "context_management.applied_edits"
        ctx.notes.add("field_dropped", where, f"{edit.get('type')} has cleared some of the context")


# --- writing

THINKING = {"type": "thinking", "thinking": "", "signature": ""}
MCP = "mcp_servers"  # the request's field; without it clients know no blocks of such tools
FOUND = {"type": "web_search_result", "title": "", "encrypted_content": "", "page_age": None}
UNFOUND = {"type": "web_search_tool_result_error", "error_code": "unavailable"}


def message_head(id: str, model: str, service_tier: str | None, ctx: Context) -> dict[str, Json]:
    """A message before anything was said in it."""
    return {
        "id": object_id("msg_", id, ctx),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": encode_usage(None, service_tier),
    }


def is_hidden(ctx: Context) -> bool:
    """A client that switched thinking off gets none."""
    return ctx.request is not None and ctx.request.reasoning.mode == "disabled"


def is_omitted(ctx: Context) -> bool:
    """A client that wants no text of it gets what carries it all the same."""
    return ctx.request is not None and ctx.request.reasoning.visible is False


def encode_thinking(text: str, native: Native | None, ctx: Context) -> Json:
    """None where there is nothing to show and nothing to carry."""
    if is_hidden(ctx):
        return None
    text = "" if is_omitted(ctx) else text
    if native and native.protocol == PROTOCOL and not text:
        return native.blocks[0]
    signature = encode_signature(native, ctx)
    return {**THINKING, "thinking": text, "signature": signature} if text or signature else None


def encode_signature(native: Native | None, ctx: Context) -> str:
    """Anthropic's own as it is, others' state sealed."""
    if native is None:
        return ""
    if native.protocol == PROTOCOL:
        return str(native.blocks[0].get("signature") or "")
    return ctx.seal(native) or ""


def encode_citation(citation: Citation, text: str, ctx: Context) -> Json:
    """None for a place in a document that only another vendor knows how to name."""
    if citation.native and citation.native.protocol == PROTOCOL:
        return citation.native.blocks[0]
    if citation.url is None:
        ctx.notes.add("citations_dropped", "", "a citation without a URL")
        return None
    located = citation.start is not None and citation.end is not None
    quoted = text[citation.start : citation.end] if located else ""
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.cited_text or quoted,
        "encrypted_index": "",
    }


def encode_native(part: NativePart, ctx: Context) -> list[Json]:
    """The block itself, or one that carries it in its place, and what can be shown of it."""
    if part.native.protocol == PROTOCOL:
        return [part.native.blocks[0]]
    if part.seen:
        ctx.notes.add(part.code, part.where, "the client cannot show it")
    sealed = None if is_hidden(ctx) else ctx.seal(part.native)
    blocks: list[Json] = [{"type": "redacted_thinking", "data": sealed}] if sealed else []
    if isinstance(part.hosted, HostedCall):
        seed = str(part.native.blocks[0].get("id") or dump_text(part.native.blocks[0]))
        blocks += _hosted_blocks(part.hosted, seed, ctx)
    return [*blocks, {"type": "text", "text": part.text}] if part.text else blocks


def _hosted_blocks(call: HostedCall, seed: str, ctx: Context) -> list[Json]:
    """A call and its result; those of MCP servers only where the client has some itself."""
    if call.server is None:
        use_id = object_id(f"srv{SHOWN}", seed, ctx)
        use = {"type": "server_tool_use", "id": use_id, "name": call.name, "input": call.input}
        found: Json = [{**FOUND, "url": url} for url in call.urls]
        result = {"type": "web_search_tool_result", "content": UNFOUND if call.failed else found}
    elif not (ctx.request and isinstance(ctx.request.raw, dict) and ctx.request.raw.get(MCP)):
        return []
    else:
        use_id = object_id(f"mcp{SHOWN}", seed, ctx)
        use = {"type": "mcp_tool_use", "id": use_id, "name": call.name, "input": call.input}
        use["server_name"] = call.server
        said = [{"type": "text", "text": call.output}]
        result = {"type": "mcp_tool_result", "is_error": call.failed, "content": said}
    return [use, {**result, "tool_use_id": use_id}]


def note_moderated(found: Json, ctx: Context) -> None:
    if found:
        ctx.notes.add("moderation_dropped", "moderation", "what a moderator found")


def encode_call(part: ToolCallPart) -> dict[str, Json]:
    own = part.native.blocks[0] if part.native and part.native.protocol == PROTOCOL else {}
    block = {"type": "tool_use", "id": part.id, "name": part.name, "input": {}}
    toolset = part.namespace if part.namespace in FAMILIES else None  # no other is known here
    return {**block, **toolset_field(toolset), **own}
