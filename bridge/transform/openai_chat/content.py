"""Single parts of messages, written: parts to content parts.

Hard part: servers differ. A cache breakpoint has two forms, or none, and a file goes by its URL
only where the app named it so.
"""

from collections.abc import Iterable
from typing import assert_never

from ..context import Context
from ..files import data_url, default_name
from ..json_text import Json
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
    TextPart,
    TextSource,
    ToolCallPart,
    ToolChangePart,
    ToolResultPart,
    UrlSource,
)
from ..notes import TransformError
from .parts import PROTOCOL

__all__ = ["encode_parts"]

TTLS = {"5m": "30m", "1h": "12h", "30m": "30m", "12h": "12h"}  # the first two are Anthropic's
ANTHROPICS = {"5m": "5m", "1h": "1h", "30m": "5m", "12h": "1h"}


def encode_parts(parts: Iterable[Part], ctx: Context) -> list[Json]:
    """The content parts of `parts`; one part may give none or several."""
    return [item for part in parts for item in _content(part, ctx)]


def _content(part: Part, ctx: Context) -> list[Json]:
    where = part.where
    match part:
        case TextPart(text, citations, cache):
            if citations:
                ctx.notes.add("hint_dropped", where, "citations of an earlier answer")
            return [marked({"type": "text", "text": text}, cache, where, ctx)]
        case RefusalPart(text):
            return [{"type": "refusal", "refusal": text}]
        case ImagePart(cache=cache):
            return [marked(_image_item(part), cache, where, ctx)]
        case DocumentPart(cache=cache):
            items = _document_items(part, ctx)
            return [*items[:-1], *(marked(last, cache, where, ctx) for last in items[-1:])]
        case AudioPart(data, form):
            audio = {"data": data, "format": form}
            return [{"type": "input_audio", "input_audio": audio}]
        case NativePart(native, code, text, cache=cache):
            if ctx.owns(native):
                return list(native.blocks)
            ctx.notes.lose(code, where, f"a block of {native.protocol}")
            return [marked({"type": "text", "text": text}, cache, where, ctx)] if text else []
        case ReasoningPart() | ToolCallPart() | ToolResultPart():
            return []  # these stand beside the content
        case EffortPart() | ToolChangePart():
            return []  # these are told as fields of the request
        case _:
            assert_never(part)


def marked(item: Json, cache: CacheMark | None, where: str, ctx: Context) -> Json:
    """`item` with its cache breakpoint, where the upstream has such."""
    if cache is None:
        return item
    if ctx.client == PROTOCOL and cache.ttl in ("5m", "1h"):  # as it came
        return {**item, "cache_control": cache_control(cache)}
    if not ctx.profile.cache_breakpoints:
        ctx.notes.add("hint_dropped", where, "cache breakpoint")
        return item
    if ctx.profile.cache_field == "cache_control":
        return {**item, "cache_control": cache_control(CacheMark(ANTHROPICS.get(cache.ttl or "")))}
    ttl = TTLS.get(cache.ttl or "")
    mark = {"mode": "explicit", "ttl": ttl} if ttl else {"mode": "explicit"}
    return {**item, "prompt_cache_breakpoint": mark}


def cache_control(cache: CacheMark) -> Json:
    return {"type": "ephemeral", "ttl": cache.ttl} if cache.ttl else {"type": "ephemeral"}


def _image_item(part: ImagePart) -> Json:
    image: dict[str, Json] = {}
    match part.source:
        case Base64Source():
            image["url"] = data_url(part.source)
        case UrlSource(url):
            image["url"] = url
        case FileSource():
            raise TransformError(part.where, "an image kept by its vendor", "foreign_file_id")
        case _:
            raise TransformError(part.where, "text is no image", "part_unsupported")
    if part.detail is not None:
        image["detail"] = part.detail
    return {"type": "image_url", "image_url": image}


def _document_items(part: DocumentPart, ctx: Context) -> list[Json]:
    if part.citations:
        ctx.notes.add("citations_dropped", part.where, "the model is not asked to cite it")
    match part.source:
        case Base64Source(media_type):
            unnamed = "" if ctx.client == PROTOCOL else default_name(media_type)
            file = {"file_data": data_url(part.source)}
            return [*_heading(part.context), _file_item(part.title or unnamed, file)]
        case FileSource(id):
            if ctx.client == "anthropic_messages":
                raise TransformError(
                    part.where, "another vendor keeps this file", "foreign_file_id"
                )
            return [_file_item(part.title, {"file_id": id})]
        case UrlSource(url):
            if ctx.client != PROTOCOL:
                problem = "files are sent by content here, not by URL"
                raise TransformError(part.where, problem, "document_url_unsupported")
            name = {"document_name": part.title} if part.title else {}
            return [{"type": "document_url", "document_url": url, **name}]
        case TextSource(text):
            return _heading(part.title, part.context, text)
        case PartsSource(parts):
            inside = encode_parts(parts, ctx)
            return [*_heading(part.title, part.context), *inside]
        case _:
            assert_never(part.source)


def _file_item(name: str | None, file: dict[str, Json]) -> Json:
    return {"type": "file", "file": {"filename": name, **file} if name else file}


def _heading(*lines: str | None) -> list[Json]:
    text = "\n".join(line for line in lines if line)
    return [{"type": "text", "text": text}] if text else []
