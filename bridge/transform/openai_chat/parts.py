"""Single parts of messages, read: content parts to parts.

Hard part: files. They come as data URLs, bare base64, ids and links, by four names, and what they
are is often told by nothing but their first characters.
"""

from collections.abc import Callable
from typing import Final

from ..context import Context
from ..fields import optional, required
from ..files import UNKNOWN_TYPE, data_source, file_source, media_type, url_source
from ..json_text import Json
from ..model import (
    AudioPart,
    Base64Source,
    CacheMark,
    DocumentPart,
    FileSource,
    ImagePart,
    Native,
    NativePart,
    Part,
    Protocol,
    RefusalPart,
    Source,
    TextPart,
)
from ..notes import TransformError

__all__ = ["decode_parts"]

PROTOCOL: Final[Protocol] = "openai_chat"

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
