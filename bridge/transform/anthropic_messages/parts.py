"""Single content blocks of requests, read: a block to a part.

Hard part: blocks that Anthropic has alone. They travel as `NativePart`, verbatim, with the note
code and the text that other protocols get in their place.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ..arguments import normal_arguments
from ..context import Context
from ..envelope import MARK, is_sealed
from ..fields import object_of, one_of, optional, required
from ..json_text import Json, dump_text
from ..model import (
    Base64Source,
    CacheMark,
    Citation,
    DocumentPart,
    FileSource,
    ImagePart,
    Native,
    NativePart,
    Part,
    PartsSource,
    Protocol,
    ReasoningPart,
    Source,
    TextPart,
    TextSource,
    ToolCallPart,
    ToolResultPart,
    UrlSource,
)
from ..notes import TransformError

__all__ = ["decode_parts"]

PROTOCOL: Final[Protocol] = "anthropic_messages"
# Claude Code tells its billing in system text, differently in every request.
BILLING_HEADER = "x-anthropic-billing-header:"

# Blocks without a part of their own -> what others note for them (foreign_file_id refuses).
NATIVE: dict[str, str] = {
    "server_tool_use": "server_tool_dropped",
    "web_search_tool_result": "server_tool_dropped",
    "web_fetch_tool_result": "server_tool_dropped",
    "code_execution_tool_result": "server_tool_dropped",
    "bash_code_execution_tool_result": "server_tool_dropped",
    "text_editor_code_execution_tool_result": "server_tool_dropped",
    "tool_search_tool_result": "server_tool_dropped",
    "mcp_tool_use": "server_tool_dropped",
    "mcp_tool_result": "server_tool_dropped",
    "mcp_tool_listing": "server_tool_dropped",
    "advisor_tool_result": "server_tool_dropped",
    "fallback": "server_tool_dropped",
    "container_upload": "foreign_file_id",
    "compaction": "hint_dropped",  # others get its text
    "search_result": "hint_dropped",  # likewise
    "tool_reference": "tool_part_flattened",
    "browser_state": "tool_part_flattened",
    "tool_addition": "item_dropped",
    "tool_removal": "item_dropped",
}
SUMMARY, SEALED = "compaction", "encrypted_content"
_TURN = frozenset({"thinking", "redacted_thinking", "tool_use"})
# Where blocks stand -> how to say so, and the kinds that belong only elsewhere. What stands in a
# result or a document holds no further blocks but those of a document in a result.
PLACES: dict[str, tuple[str, frozenset[str]]] = {
    "user": ("a user message", _TURN),
    "assistant": ("an assistant message", frozenset({"tool_result", "image"})),
    "system": ("system text", _TURN | {"tool_result", "image", "document"}),
    "tool_result": ("a tool result", _TURN | {"tool_result"}),
    "document": ("a document", _TURN | {"tool_result", "document"}),
}
# Kinds nobody knows yet: what a model or an agent wrote can be left out, what a user wrote cannot.
UNKNOWN = {"assistant": "item_dropped", "system": "item_dropped"}

KEYS: dict[str, frozenset[str]] = {
    "text": frozenset({"text", "citations", "cache_control"}),
    "image": frozenset({"source", "cache_control"}),
    "document": frozenset({"source", "title", "context", "citations", "cache_control"}),
    "tool_use": frozenset({"id", "name", "input", "caller", "toolset_name", "cache_control"}),
    "tool_result": frozenset(
        {"tool_use_id", "content", "is_error", "toolset_name", "cache_control"}
    ),
}
HINTS = frozenset({"transformations", "caller"})  # mean nothing elsewhere


def decode_parts(content: Json, place: str, where: str, ctx: Context) -> list[Part]:
    """`content` of what stands at `place` (a key of PLACES): a string, or blocks."""
    if isinstance(content, str):
        return [TextPart(content, where=where)]
    blocks = required(content, list, where)
    return [_part(block, place, f"{where}[{n}]", ctx) for n, block in enumerate(blocks)]


def _part(block: Json, place: str, where: str, ctx: Context) -> Part:
    block = required(block, dict, where)
    kind = required(block.get("type"), str, f"{where}.type")
    name, forbidden = PLACES[place]
    if kind in forbidden:
        raise TransformError(f"{where}.type", f'"{kind}" cannot stand in {name}')
    decode = DECODERS.get(kind)
    if kind == SUMMARY and is_sealed(block.get(SEALED)):
        return _sealed_summary(block, where, ctx)
    if decode is None:
        code = NATIVE.get(kind) or UNKNOWN.get(place, "part_unsupported")
        code = "citations_dropped" if _is_to_be_cited(kind, block) else code
        code = "hint_dropped" if is_shown(block) else code
        part = native_part(block, code, where, _text_of(kind, block))
        return replace(part, cache=decode_cache(block, where, ctx))
    if kind in KEYS:
        _note_unknown(block, KEYS[kind], where, ctx)
    return decode(block, where, ctx)


def _sealed_summary(block: Json, where: str, ctx: Context) -> Part:
    """By an upstream of another protocol, which gets it back; others get its text."""
    text = _text_of(SUMMARY, block)
    native = ctx.unseal(block[SEALED], f"{where}.{SEALED}")
    if native is None or not native.blocks:
        return native_part(block, NATIVE[SUMMARY], where, text)
    return NativePart(native, "opaque_foreign", text, where=where)


def _note_unknown(block: Json, known: frozenset[str], where: str, ctx: Context) -> None:
    for key, value in block.items():
        if key not in known and key != "type" and value is not None:
            code = "hint_dropped" if key in HINTS else "field_dropped"
            ctx.notes.add(code, f"{where}.{key}", f"a key of {block['type']}")


# In the ids of blocks that only show what another vendor's tool did: nobody wants them back.
SHOWN = f"toolu_{MARK}_"


def is_shown(block: Json) -> bool:
    ids = (block.get("id"), block.get("tool_use_id"))
    return any(isinstance(known, str) and SHOWN in known for known in ids)


def native_part(block: Json, code: str, where: str = "", text: str | None = None) -> NativePart:
    return NativePart(Native(PROTOCOL, (block,)), code, text, where=where)


def _is_to_be_cited(kind: str, block: Json) -> bool:
    """Documents say so too, but they have parts of their own."""
    return kind == "search_result" and object_of(block.get("citations")).get("enabled") is True


def _text_of(kind: str, block: dict[str, Json]) -> str | None:
    """What a block says to those who do not know its kind."""
    match kind:
        case "search_result":
            parts = block.get("content")
            texts = [_string(part, "text") for part in parts] if isinstance(parts, list) else []
            return "\n".join([f"{_string(block, 'title')} ({_string(block, 'source')})", *texts])
        case "tool_reference":
            return f"[tool: {_string(block, 'tool_name')}]"
        case "browser_state":
            told = {key: value for key, value in block.items() if key != "cache_control"}
            return f"[browser state: {dump_text(told)}]"
        case "compaction":
            return _string(block, "content")
        case _:
            return None


def _string(holder: Json, key: str) -> str:
    value = holder.get(key) if isinstance(holder, dict) else None
    return value if isinstance(value, str) else ""


def _text(block: Json, where: str, ctx: Context) -> Part:
    given = optional(block.get("citations"), list, f"{where}.citations") or []
    citations = [required(c, dict, f"{where}.citations[{n}]") for n, c in enumerate(given)]
    return TextPart(
        required(block.get("text"), str, f"{where}.text"),
        tuple(decode_citation(citation) for citation in citations),
        decode_cache(block, where, ctx),
        where=where,
    )


def decode_citation(citation: dict[str, Json], upstream: str = "", model: str = "") -> Citation:
    """Places inside a document have no url; only `native` tells where they are."""
    return Citation(
        url=_string(citation, "url") or None,
        title=_string(citation, "title") or _string(citation, "document_title") or None,
        cited_text=_string(citation, "cited_text") or None,
        file=_string(citation, "file_id") or None,
        native=Native(PROTOCOL, (citation,), upstream, model),
    )


def _image(block: Json, where: str, ctx: Context) -> Part:
    return ImagePart(_source(block, where, ctx), cache=decode_cache(block, where, ctx), where=where)


def _document(block: Json, where: str, ctx: Context) -> Part:
    citations = optional(block.get("citations"), dict, f"{where}.citations") or {}
    return DocumentPart(
        _source(block, where, ctx),
        title=optional(block.get("title"), str, f"{where}.title"),
        context=optional(block.get("context"), str, f"{where}.context"),
        citations=citations.get("enabled") is True,
        cache=decode_cache(block, where, ctx),
        where=where,
    )


SOURCES = {
    "image": ("base64", "url", "file"),
    "document": ("base64", "url", "file", "text", "content"),
}


def _source(block: Json, where: str, ctx: Context) -> Source:
    where += ".source"
    source = required(block.get("source"), dict, where)

    def field(name: str) -> str:
        return required(source.get(name), str, f"{where}.{name}")

    match one_of(field("type"), SOURCES[block["type"]], f"{where}.type"):
        case "base64":
            return Base64Source(field("media_type"), field("data"))
        case "url":
            return UrlSource(field("url"))
        case "file":
            return FileSource(field("file_id"))
        case "text":
            return TextSource(field("data"))
        case _:  # content
            content = source.get("content")
            return PartsSource(tuple(decode_parts(content, "document", f"{where}.content", ctx)))


def _thinking(block: Json, where: str, ctx: Context) -> Part:
    text = required(block.get("thinking"), str, f"{where}.thinking")
    return ReasoningPart(text, _state("signature", block, where, ctx), where=where)


def _redacted(block: Json, where: str, ctx: Context) -> Part:
    return ReasoningPart("", _state("data", block, where, ctx), where=where)


def _state(key: str, block: Json, where: str, ctx: Context) -> Native | None:
    """Our own envelope opened, else the block as it is; servers without signatures send ""."""
    where = f"{where}.{key}"
    carrier = optional(block.get(key), str, where)
    if not carrier:
        return None
    return ctx.unseal(carrier, where) if is_sealed(carrier) else Native(PROTOCOL, (block,))


def _tool_use(block: Json, where: str, ctx: Context) -> Part:
    given = optional(block.get("input"), dict, f"{where}.input") or {}
    return ToolCallPart(
        required(block.get("id"), str, f"{where}.id"),
        required(block.get("name"), str, f"{where}.name"),
        normal_arguments(dump_text(given)),
        namespace=_toolset(block, where),
        cache=decode_cache(block, where, ctx),
        native=call_native(block),
        where=where,
    )


def call_native(block: Json, upstream: str = "", model: str = "") -> Native | None:
    """What only Anthropic knows of a call: who made it. Direct is default."""
    caller = block.get("caller")
    if caller in (None, {"type": "direct"}):
        return None
    return Native(PROTOCOL, ({"caller": caller},), upstream, model)


TOOLSET = "toolset_name"  # of a call of a member, and of its result


def _toolset(block: Json, where: str) -> str | None:
    return optional(block.get(TOOLSET), str, f"{where}.{TOOLSET}")


def _tool_result(block: Json, where: str, ctx: Context) -> Part:
    content = block.get("content")
    parts = [] if content is None else decode_parts(content, "tool_result", f"{where}.content", ctx)
    return ToolResultPart(
        required(block.get("tool_use_id"), str, f"{where}.tool_use_id"),
        tuple(parts),
        is_error=optional(block.get("is_error"), bool, f"{where}.is_error") or False,
        namespace=_toolset(block, where),
        cache=decode_cache(block, where, ctx),
        where=where,
    )


DECODERS: dict[str, Callable[[Json, str, Context], Part]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}


def decode_cache(holder: Json, where: str, ctx: Context) -> CacheMark | None:
    """The cache breakpoint on a block, a tool or (`where` "") the whole request."""
    given = holder.get("cache_control")
    if given is None:
        return None
    where = f"{where}.cache_control".removeprefix(".")
    mark = required(given, dict, where)
    if mark.get("scope") is not None:
        ctx.notes.add("hint_dropped", f"{where}.scope", "who shares the cache")
    return CacheMark(optional(mark.get("ttl"), str, f"{where}.ttl"))
