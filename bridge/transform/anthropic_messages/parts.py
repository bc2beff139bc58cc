"""Single content blocks of requests: a block to a part, a part to blocks.

Hard part: blocks that Anthropic has alone. They travel as `NativePart`, verbatim, with the note
code and the text that other protocols get in their place.
"""

from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final, assert_never

from ..arguments import RAW, normal_arguments
from ..context import Context
from ..envelope import MARK, is_sealed
from ..fields import object_of, one_of, optional, required
from ..json_text import Json, dump_text, loads
from ..model import (
    AudioPart,
    Base64Source,
    CacheMark,
    Citation,
    DocumentPart,
    EffortPart,
    FileSource,
    ImagePart,
    Native,
    NativePart,
    Part,
    PartsSource,
    Protocol,
    ReasoningPart,
    RefusalPart,
    Source,
    TextPart,
    TextSource,
    ToolCallPart,
    ToolChangePart,
    ToolResultPart,
    UrlSource,
)
from ..notes import TransformError

__all__ = ["decode_parts", "encode_parts"]

PROTOCOL: Final[Protocol] = "anthropic_messages"
# Claude Code tells its billing in system text, differently in every request.
BILLING_HEADER = "x-anthropic-billing-header:"

# --- blocks to parts

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


def toolset_field(namespace: str | None) -> dict[str, Json]:
    return {TOOLSET: namespace} if namespace else {}


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


# --- parts to blocks

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
TTLS = {"5m": "5m", "1h": "1h", "30m": "1h", "12h": "1h"}  # the last two are OpenAI's


def encode_parts(parts: Iterable[Part], ctx: Context) -> list[Json]:
    """The blocks of `parts`; one part may give none."""
    return [block for part in parts for block in _blocks(part, ctx)]


def _blocks(part: Part, ctx: Context) -> list[Json]:
    where = part.where
    match part:
        case TextPart(text, cache=cache):
            block = _text_block(text, where, ctx)
            return [marked(_cited(b, part, ctx), cache, where, ctx) for b in block]
        case RefusalPart(text):
            return _text_block(text, where, ctx)
        case ImagePart(cache=cache):
            return [marked(_image_block(part, ctx), cache, where, ctx)]
        case DocumentPart(cache=cache):
            return [marked(_document_block(part, ctx), cache, where, ctx)]
        case AudioPart():
            raise TransformError(where, "these models take no audio", "audio_unsupported")
        case ReasoningPart(native=native):
            if native and ctx.owns(native):
                return [dict(block) for block in native.blocks]
            ctx.notes.add("opaque_foreign", where, "reasoning that is not this upstream's own")
            return []
        case ToolCallPart(cache=cache):
            return [marked(_call_block(part, ctx), cache, where, ctx)]
        case ToolResultPart(cache=cache):
            return [marked(_result_block(part, ctx), cache, where, ctx)]
        case NativePart(native, code, text, cache=cache):
            if ctx.owns(native):
                return [dict(block) for block in native.blocks]
            ctx.notes.lose(code, where, f"a block of {native.protocol}")
            return [marked({"type": "text", "text": text}, cache, where, ctx)] if text else []
        case ToolChangePart(native=native):
            return list(native.blocks) if native and ctx.owns(native) else []
        case EffortPart():
            return []  # a field of the message
        case _:
            assert_never(part)


def marked(block: Json, cache: CacheMark | None, where: str, ctx: Context) -> Json:
    """`block` with its cache breakpoint, where the upstream has such."""
    if cache is None:
        return block
    if not ctx.profile.cache_breakpoints:
        ctx.notes.add("hint_dropped", where, "cache breakpoint")
        return block
    return {**block, "cache_control": cache_control(cache)}


def cache_control(cache: CacheMark) -> Json:
    ttl = TTLS.get(cache.ttl or "")
    return {"type": "ephemeral", "ttl": ttl} if ttl else {"type": "ephemeral"}


def _text_block(text: str, where: str, ctx: Context) -> list[Json]:
    """None for text without a visible character: the API refuses such blocks."""
    if text.strip():
        return [{"type": "text", "text": text}]
    ctx.notes.add("hint_dropped", where, "empty text")
    return []


def _cited(block: Json, part: TextPart, ctx: Context) -> Json:
    owned = [c.native.blocks[0] for c in part.citations if c.native and ctx.owns(c.native)]
    if len(owned) < len(part.citations):
        ctx.notes.add("hint_dropped", part.where, "citations of another vendor's answer")
    return {**block, "citations": owned} if owned else block


def _image_block(part: ImagePart, ctx: Context) -> Json:
    if part.detail is not None:
        ctx.notes.add("hint_dropped", part.where, f"image detail {part.detail}")
    return {"type": "image", "source": _image_source(part.source, part.where, ctx)}


def _image_source(source: Source, where: str, ctx: Context) -> Json:
    match source:
        case Base64Source(media_type, data):
            media_type = media_type.lower().replace("image/jpg", "image/jpeg")
            if media_type not in IMAGE_TYPES:
                problem = f'"{media_type}" is not one of {", ".join(IMAGE_TYPES)}'
                raise TransformError(where, problem, "image_type_unsupported")
            return {"type": "base64", "media_type": media_type, "data": data}
        case UrlSource(url):
            return {"type": "url", "url": url}
        case FileSource(id):
            return _file(id, where, ctx)
        case _:
            raise TransformError(where, "text is no image", "part_unsupported")


def _file(file_id: str, where: str, ctx: Context) -> Json:
    if ctx.client != PROTOCOL:
        raise TransformError(where, "another vendor keeps this file", "foreign_file_id")
    return {"type": "file", "file_id": file_id}


def _document_block(part: DocumentPart, ctx: Context) -> Json:
    source = _document_source(part.source, part.where, ctx)
    optional_keys = {"title": part.title, "context": part.context}
    block = {"type": "document", "source": source}
    block |= {key: value for key, value in optional_keys.items() if value}
    return {**block, "citations": {"enabled": True}} if part.citations else block


def _document_source(source: Source, where: str, ctx: Context) -> Json:
    match source:
        case Base64Source(media_type, data):
            return _encoded_document(media_type.partition(";")[0].strip().lower(), data, where)
        case TextSource(text):
            return {"type": "text", "media_type": "text/plain", "data": text}
        case UrlSource(url):
            return {"type": "url", "url": url}
        case FileSource(id):
            return _file(id, where, ctx)
        case PartsSource(parts):
            return {"type": "content", "content": encode_parts(parts, ctx)}
        case _:
            assert_never(source)


def _encoded_document(media_type: str, data: str, where: str) -> Json:
    """PDF stays as it is; text of any kind is written out, which Anthropic has a source for."""
    if media_type == "application/pdf":
        return {"type": "base64", "media_type": media_type, "data": data}
    if not media_type.startswith("text/"):
        raise TransformError(where, f'"{media_type}" is not PDF or text', "file_type_unsupported")
    try:
        text = b64decode(data, validate=True).decode()
    except ValueError:
        raise TransformError(where, "not UTF-8 text in base64", "file_type_unsupported") from None
    return {"type": "text", "media_type": "text/plain", "data": text}


def _call_block(part: ToolCallPart, ctx: Context) -> Json:
    own = part.native.blocks[0] if part.native else {}
    if part.native and not ctx.owns(part.native):
        for key in sorted(own.keys() - {"type"}):  # which is the tool's
            ctx.notes.add(
                "hint_dropped", f"{part.where}.{key}", f"a key of the call of {part.name}"
            )
        own = {}
    given = encode_input(part.arguments, part.where, ctx)
    block = {"type": "tool_use", "id": part.id, "name": part.name, "input": given}
    return {**block, **toolset_field(part.namespace), **own}


def encode_input(arguments: str, where: str, ctx: Context) -> dict[str, Json]:
    """An object of any arguments; those that are none stand in one, as they came."""
    if arguments.strip() in ("", "null"):
        return {}
    try:
        given = loads(arguments)
    except ValueError:
        given = None
    if isinstance(given, dict):
        return given
    ctx.notes.add("invalid_arguments", where, "the arguments of a call are no JSON object")
    return {RAW: arguments}


def _result_block(part: ToolResultPart, ctx: Context) -> Json:
    block = {"type": "tool_result", "tool_use_id": part.call_id, **toolset_field(part.namespace)}
    content = encode_parts(part.parts, ctx)
    error = {"is_error": True} if part.is_error else {}
    return {**block, **({"content": content} if content else {}), **error}
