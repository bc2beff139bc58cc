"""Single parts of messages: content parts to parts and back.

Hard part: files. They come as data URLs, bare base64, ids and links, by four names, and what they
are is often told by nothing but their first characters.
"""

from collections.abc import Callable, Iterable
from typing import Final, assert_never

from ..context import Context
from ..fields import optional, required
from ..files import (
    UNKNOWN_TYPE,
    data_source,
    data_url,
    default_name,
    file_source,
    media_type,
    url_source,
)
from ..json_text import Json
from ..model import (
    AudioPart,
    Base64Source,
    CacheMark,
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

PROTOCOL: Final[Protocol] = "openai_chat"

# --- content to parts

# Where content stands -> what it is called there, and what a part of an unknown kind is there: a
# user's cannot be left out, a model's can.
PLACES: dict[str, tuple[str, str]] = {
    "user": ("a user message", "part_unsupported"),
    "tool": ("a tool message", "part_unsupported"),
    "assistant": ("an assistant message", "item_dropped"),
    "system": ("system text", ""),  # text only
}


def decode_parts(content: Json, place: str, where: str, ctx: Context) -> list[Part]:
    """`content` of what stands at `place` (a key of PLACES): nothing, a string, or parts."""
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [TextPart(content, where=where)]
    if isinstance(content, dict):  # a part alone
        return [_part(content, place, where)]
    items = required(content, list, where)
    return [_part(item, place, f"{where}[{n}]") for n, item in enumerate(items)]


def _part(item: Json, place: str, where: str) -> Part:
    if isinstance(item, str):
        return TextPart(item, where=where)
    item = required(item, dict, where)
    kind = item.get("type")
    kind = "text" if kind is None and "text" in item else required(kind, str, f"{where}.type")
    name, code = PLACES[place]
    if kind == "text":
        text = required(item.get("text"), str, f"{where}.text")
        return TextPart(text, cache=decode_cache(item, where), where=where)
    if not code:
        raise TransformError(f"{where}.type", f'"{kind}" cannot stand in {name}, only text can')
    decode = DECODERS.get(kind)
    return decode(item, where) if decode else native_part(item, code, where)


def native_part(item: Json, code: str, where: str) -> NativePart:
    return NativePart(Native(PROTOCOL, (item,)), code, where=where)


def decode_cache(holder: Json, where: str) -> CacheMark | None:
    """A breakpoint, or Anthropic's `cache_control`, which gateways take in this protocol too."""
    for key in ("prompt_cache_breakpoint", "cache_control"):
        mark = optional(holder.get(key), dict, f"{where}.{key}")
        if mark is not None:
            return CacheMark(optional(mark.get("ttl"), str, f"{where}.{key}.ttl"))
    return None


def _refusal(item: Json, where: str) -> Part:
    return RefusalPart(required(item.get("refusal"), str, f"{where}.refusal"), where=where)


def _image(item: Json, where: str) -> Part:
    image = item.get("image_url")
    inner = image if isinstance(image, dict) else {"url": image}  # Mistral takes the bare URL
    return ImagePart(
        url_source(required(inner.get("url"), str, f"{where}.image_url.url")),
        detail=optional(inner.get("detail"), str, f"{where}.image_url.detail"),
        cache=decode_cache(item, where),
        where=where,
    )


def _audio(item: Json, where: str) -> Part:
    audio = item.get("input_audio")
    if isinstance(audio, str):  # Mistral: a URL or base64 of a format that is not told
        return native_part(item, "audio_unsupported", where)
    audio = required(audio, dict, f"{where}.input_audio")
    data, form = (
        required(audio.get(key), str, f"{where}.input_audio.{key}") for key in ("data", "format")
    )
    return AudioPart(data, form, where=where)


def _file(item: Json, where: str) -> Part:
    where_file = f"{where}.file"
    file = required(item.get("file"), dict, where_file)
    name = optional(file.get("filename"), str, f"{where_file}.filename")
    source: Source
    if file.get("file_id") is not None and file.get("file_data") is None:
        source = FileSource(required(file["file_id"], str, f"{where_file}.file_id"))
    else:
        data = required(file.get("file_data"), str, f"{where_file}.file_data")
        source = file_source(data, name)
    return DocumentPart(source, title=name, cache=decode_cache(item, where), where=where)


def _linked_file(key: str, title: str) -> Callable[[Json, str], Part]:
    """A decoder for parts that name a file by URL: Mistral's and Perplexity's."""

    def decode(item: Json, where: str) -> Part:
        link = item.get(key)
        link = link.get("url") if isinstance(link, dict) else link
        source = url_source(required(link, str, f"{where}.{key}"))
        name = optional(item.get(title), str, f"{where}.{title}")
        return DocumentPart(source, title=name, cache=decode_cache(item, where), where=where)

    return decode


DECODERS: dict[str, Callable[[Json, str], Part]] = {
    "refusal": _refusal,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
    "document_url": _linked_file("document_url", "document_name"),
    "file_url": _linked_file("file_url", "file_name"),
}


def decode_image_data(data: Json, where: str) -> Part:
    """An entry of Ollama's `images`: base64 and nothing else."""
    text = required(data, str, where)
    kind = media_type(text)
    known = kind if kind != UNKNOWN_TYPE else "image/jpeg"
    return ImagePart(data_source(text) or Base64Source(known, text), where=where)


# --- parts to content

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
