"""Single parts of messages, written: parts to content parts and the items of calls.

Hard part: what a model said has other part types than what it is told, and a call of a tool that
the app runs has the type of that tool's items.
"""

from collections.abc import Iterable
from typing import assert_never

from ..arguments import normal_arguments
from ..changes import late_tools
from ..client_tools import CALL_ITEMS, call_fields
from ..context import Context
from ..files import data_url, default_name
from ..json_text import Json
from ..model import (
    AudioPart,
    Base64Source,
    CacheMark,
    Citation,
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

CITED = "citations of an earlier answer"
TTLS = {"5m": "30m", "1h": "12h", "30m": "30m", "12h": "12h"}  # the first two are Anthropic's


def encode_parts(parts: Iterable[Part], ctx: Context) -> list[Json]:
    """The content parts of `parts` as a model is told them; one part may give none or several."""
    return [item for part in parts for item in _content(part, ctx)]


def _content(part: Part, ctx: Context) -> list[Json]:
    where = part.where
    match part:
        case TextPart(text, citations, cache):
            if citations:
                ctx.notes.add("hint_dropped", where, CITED)
            return [marked(input_text(text), cache, where, ctx)]
        case RefusalPart(text):
            return [input_text(text)]
        case ImagePart(cache=cache):
            return [marked(_image_item(part, ctx), cache, where, ctx)]
        case DocumentPart(cache=cache):
            found = _document_items(part, ctx)
            return [*found[:-1], *(marked(last, cache, where, ctx) for last in found[-1:])]
        case AudioPart(data, form) if ctx.client == PROTOCOL:
            return [{"type": "input_audio", "input_audio": {"data": data, "format": form}}]
        case AudioPart():
            raise TransformError(where, "these models take no audio", "audio_unsupported")
        case NativePart(native, code, text, cache=cache):
            if ctx.owns(native):
                return list(native.blocks)
            ctx.notes.lose(code, where, f"a block of {native.protocol}")
            return [marked(input_text(text), cache, where, ctx)] if text else []
        case ReasoningPart() | ToolCallPart() | ToolResultPart() | EffortPart() | ToolChangePart():
            return []  # these are items
        case _:
            assert_never(part)


def encode_output(part: TextPart | RefusalPart, ctx: Context) -> Json:
    """`part` as a model said it."""
    if isinstance(part, RefusalPart):
        return {"type": "refusal", "refusal": part.text}
    if part.citations:
        ctx.notes.add("hint_dropped", part.where, CITED)
    if part.cache:
        ctx.notes.add("hint_dropped", part.where, "cache breakpoint in an answer")
    return {"type": "output_text", "text": part.text, "annotations": []}


def marked(item: Json, cache: CacheMark | None, where: str, ctx: Context) -> Json:
    """`item` with its cache breakpoint, where the upstream has such."""
    if cache is None:
        return item
    if not ctx.profile.cache_breakpoints:
        ctx.notes.add("hint_dropped", where, "cache breakpoint")
        return item
    ttl = TTLS.get(cache.ttl or "")
    mark = {"mode": "explicit", "ttl": ttl} if ttl else {"mode": "explicit"}
    return {**item, "prompt_cache_breakpoint": mark}


def input_text(text: str) -> Json:
    return {"type": "input_text", "text": text}


def _image_item(part: ImagePart, ctx: Context) -> Json:
    item: dict[str, Json] = {"type": "input_image", "detail": part.detail or "auto"}
    match part.source:
        case Base64Source():
            return {**item, "image_url": data_url(part.source)}
        case UrlSource(url):
            return {**item, "image_url": url}
        case FileSource(id):
            return {**item, "file_id": _kept(id, part.where, ctx)}
        case _:
            raise TransformError(part.where, "text is no image", "part_unsupported")


def _kept(file_id: str, where: str, ctx: Context) -> str:
    """The id of a file, which OpenAI's protocols share."""
    if ctx.client == "anthropic_messages":
        raise TransformError(where, "another vendor keeps this file", "foreign_file_id")
    return file_id


def _document_items(part: DocumentPart, ctx: Context) -> list[Json]:
    if part.citations:
        ctx.notes.add("citations_dropped", part.where, "the model is not asked to cite it")
    match part.source:
        case Base64Source(media_type):
            unnamed = "" if ctx.client == PROTOCOL else default_name(media_type)
            item = _file_item(part.title or unnamed, file_data=data_url(part.source))
        case UrlSource(url):
            item = _file_item(part.title, file_url=url)
        case FileSource(id):
            item = _file_item(part.title, file_id=_kept(id, part.where, ctx))
        case TextSource(text):
            return _heading(part.title, part.context, text)
        case PartsSource(parts):
            return [*_heading(part.title, part.context), *encode_parts(parts, ctx)]
        case _:
            assert_never(part.source)
    return [*_heading(part.context), item]


def _file_item(name: str | None, **file: str) -> Json:
    return {"type": "input_file", **({"filename": name} if name else {}), **file}


def _heading(*lines: str | None) -> list[Json]:
    text = "\n".join(line for line in lines if line)
    return [input_text(text)] if text else []


# --- calls


def encode_call_item(part: ToolCallPart, ctx: Context) -> dict[str, Json]:
    """The item of a call, without an id and a status of its own."""
    own = part.native if part.native and part.native.protocol == PROTOCOL else None
    known = own.blocks[0] if own and ctx.owns(own) else {}
    kind = known.get("type") or _built_in_call(part, ctx)
    item: dict[str, Json] = {"type": kind, "call_id": part.id}
    if kind in CALL_ITEMS:
        item |= call_fields(kind, part.arguments)
    elif part.kind == "custom":
        item |= {"type": "custom_tool_call", "name": part.name, "input": part.arguments}
    else:
        arguments = normal_arguments(part.arguments)
        item |= {"type": "function_call", "name": part.name, "arguments": arguments}
    return {**item, **({"namespace": part.namespace} if part.namespace else {}), **known}


def _built_in_call(part: ToolCallPart, ctx: Context) -> str | None:
    """The item type for a call of a built-in tool of the client's."""
    request = ctx.request
    tools = [*request.tools, *late_tools(request)] if request else []
    offered = any(
        tool.kind == "client" and tool.name == part.name and tool.native.protocol == PROTOCOL
        for tool in tools
        if tool.native
    )
    found = (kind for kind, item in CALL_ITEMS.items() if offered and item.tool == part.name)
    return next(found, None)


# --- what stands beside the text of an answer


def encode_annotation(citation: Citation, length: int, ctx: Context) -> Json:
    """`length` is that of the text: a citation without a place is of all of it. None: no form."""
    if citation.native and citation.native.protocol == PROTOCOL:
        return citation.native.blocks[0]
    if citation.url is not None:
        start = 0 if citation.start is None else citation.start
        end = length if citation.end is None else citation.end
        about = {"url": citation.url, "title": citation.title or ""}
        return {"type": "url_citation", "start_index": start, "end_index": end, **about}
    if citation.file is not None:
        file = {"file_id": citation.file, "filename": citation.title or ""}
        return {"type": "file_citation", **file, "index": length}
    ctx.notes.add("citations_dropped", "annotations", "a place in a document of the request")
    return None
