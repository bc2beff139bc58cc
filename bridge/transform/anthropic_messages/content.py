"""Single parts of requests, written: a part to content blocks.

Hard part: what the API refuses, such as text without a visible character, documents that are not
PDF or text, and calls whose arguments are no object.
"""

from base64 import b64decode
from collections.abc import Iterable
from typing import assert_never

from ..arguments import RAW
from ..context import Context
from ..json_text import Json, loads
from ..model import (
    AudioPart,
    Base64Source,
    CacheMark,
    DocumentPart,
    EffortPart,
    FileSource,
    ImagePart,
    NativePart,
    Part,
    PartsSource,
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
from .parts import PROTOCOL, TOOLSET

__all__ = ["encode_parts"]

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


def toolset_field(namespace: str | None) -> dict[str, Json]:
    return {TOOLSET: namespace} if namespace else {}
