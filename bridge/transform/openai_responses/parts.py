"""Single parts of messages: content parts and the items of calls to parts and back.

Hard part: what a model said has other part types than what it is told, and calls of tools that the
app runs (shells, patches, a search for tools) have item types that are functions elsewhere.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from typing import Final, assert_never

from ..arguments import normal_arguments
from ..changes import late_tools
from ..client_tools import CALL_ITEMS, call_arguments, call_fields, is_container
from ..context import Context
from ..fields import optional, required
from ..files import data_url, default_name, file_source, url_source
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
from ..prepare import DEFAULT_NAMESPACE

__all__ = ["decode_parts", "encode_parts"]

PROTOCOL: Final[Protocol] = "openai_responses"

# --- items


def items(body: Mapping[str, Json]) -> Iterator[tuple[str, dict[str, Json]]]:
    """The items of `input`, each with its place; a string is what a user says."""
    given = body.get("input")
    if isinstance(given, str):
        yield "input", {"type": "message", "role": "user", "content": given}
        return
    for n, item in enumerate(optional(given, list, "input") or ()):
        yield f"input[{n}]", required(item, dict, f"input[{n}]")


# Items that are no part of the conversation: what changes with them.
TOOLS, SETTINGS = "additional_tools", "configuration_update"


def staged(body: Mapping[str, Json]) -> Iterator[tuple[str, dict[str, Json], bool]]:
    """The items as `items` gives them, and whether somebody has spoken before each."""
    begun = False
    for where, item in items(body):
        yield where, item, begun
        is_told = item.get("role") in ("system", "developer")
        begun = begun or not (is_told or type_of(item, where) in (TOOLS, SETTINGS))


def type_of(item: Mapping[str, Json], where: str) -> str:
    """Messages need not say what they are, nor do references to stored items."""
    if item.get("type") is None:
        if "role" in item:
            return "message"
        if item.keys() <= {"id", "type"} and "id" in item:
            return "item_reference"
    return required(item.get("type"), str, f"{where}.type")


def given_fields(fields: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in fields.items() if value is not None}


COMMENTARY, FINAL = "commentary", "final_answer"  # phases of what a model says


def border_of(native: Native) -> dict[str, Json] | None:
    """What `native` says of the message that ends with it; None where it is something else."""
    block = native.blocks[0] if native.protocol == PROTOCOL and native.blocks else {}
    return block if block.get("type") == "message" else None


def native_part(item: Json, code: str, where: str = "", text: str | None = None) -> NativePart:
    return NativePart(Native(PROTOCOL, (item,)), code, text, where=where)


# --- content to parts

# Where content stands -> what a part of an unknown kind is there: what the app says cannot be left
# out, what a model or an agent said can.
PLACES: dict[str, str] = {
    "user": "part_unsupported",
    "output": "part_unsupported",
    "assistant": "item_dropped",
    "system": "item_dropped",
}


def decode_parts(content: Json, place: str, where: str, ctx: Context) -> list[Part]:
    """`content` of what stands at `place` (a key of PLACES): nothing, a string, or parts."""
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [TextPart(content, where=where)]
    given = required(content, list, where)
    parts = [_part(item, PLACES[place], f"{where}[{n}]", ctx) for n, item in enumerate(given)]
    return [part for part in parts if part != TextPart("")]


def _part(item: Json, unknown: str, where: str, ctx: Context) -> Part:
    item = required(item, dict, where)
    kind = required(item.get("type"), str, f"{where}.type")
    if kind not in DECODERS:
        return native_part(item, unknown, where)
    note_unknown(item, KEYS[kind], where, ctx)
    return DECODERS[kind](item, where)


TEXT_KEYS = frozenset({"text", "prompt_cache_breakpoint"})
KEYS: dict[str, frozenset[str]] = {
    "input_text": TEXT_KEYS,
    "output_text": TEXT_KEYS,
    "text": TEXT_KEYS,
    "refusal": frozenset({"refusal"}),
    "input_image": frozenset({"image_url", "file_id", "detail", "prompt_cache_breakpoint"}),
    "input_file": frozenset(
        {"file_data", "file_url", "file_id", "filename", "prompt_cache_breakpoint"}
    ),
    "input_audio": frozenset({"input_audio"}),
}
# Keys that mean nothing elsewhere, each with what says nothing.
HINTS: dict[str, Json] = {
    "detail": "auto",  # of a file
    "annotations": [],
    "logprobs": [],
    "caller": {"type": "direct"},  # of all calls elsewhere
}


def note_unknown(item: dict[str, Json], known: Set[str], where: str, ctx: Context) -> None:
    for key, value in item.items():
        if key not in known and key != "type" and value not in (None, HINTS.get(key)):
            code = "hint_dropped" if key in HINTS else "field_dropped"
            ctx.notes.add(code, f"{where}.{key}", f"a key of {item['type']}")


def decode_cache(holder: Json, where: str) -> CacheMark | None:
    where = f"{where}.prompt_cache_breakpoint"
    mark = optional(holder.get("prompt_cache_breakpoint"), dict, where)
    return None if mark is None else CacheMark(optional(mark.get("ttl"), str, f"{where}.ttl"))


def _text(item: Json, where: str) -> Part:
    text = required(item.get("text"), str, f"{where}.text")
    return TextPart(text, cache=decode_cache(item, where), where=where)


def _refusal(item: Json, where: str) -> Part:
    return RefusalPart(required(item.get("refusal"), str, f"{where}.refusal"), where=where)


def _image(item: Json, where: str) -> Part:
    detail = optional(item.get("detail"), str, f"{where}.detail")
    return ImagePart(
        _file_id(item, "image_url", where)
        or url_source(required(item.get("image_url"), str, f"{where}.image_url")),
        detail=None if detail == "auto" else detail,  # the default
        cache=decode_cache(item, where),
        where=where,
    )


def _file(item: Json, where: str) -> Part:
    name = optional(item.get("filename"), str, f"{where}.filename")
    data = optional(item.get("file_data"), str, f"{where}.file_data")
    source: Source | None = file_source(data, name) if data else _file_id(item, "file_url", where)
    return DocumentPart(
        source or url_source(required(item.get("file_url"), str, f"{where}.file_url")),
        title=name,
        cache=decode_cache(item, where),
        where=where,
    )


def _file_id(item: Json, other: str, where: str) -> FileSource | None:
    """The file that OpenAI keeps, where there is nothing else."""
    if item.get("file_id") is None or item.get(other) is not None:
        return None
    return FileSource(required(item["file_id"], str, f"{where}.file_id"))


def _audio(item: Json, where: str) -> Part:
    audio = required(item.get("input_audio"), dict, f"{where}.input_audio")
    data, form = (
        required(audio.get(key), str, f"{where}.input_audio.{key}") for key in ("data", "format")
    )
    return AudioPart(data, form, where=where)


DECODERS: dict[str, Callable[[Json, str], Part]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,  # of clients that come from Chat
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}

# --- parts to content

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

OWN_KEYS = ("caller", "async", "environment")  # of calls; nobody else knows them


def decode_call_item(
    item: dict[str, Json], where: str, upstream: str = "", model: str = ""
) -> ToolCallPart | None:
    """The call in `item`; None when it is none, or one that OpenAI itself carries out."""
    kind = item["type"]
    known = {k: item[k] for k in OWN_KEYS if item.get(k) not in (None, HINTS.get(k))}
    if kind in CALL_ITEMS and not _is_carried_out(item):
        name, arguments = CALL_ITEMS[kind].tool, call_arguments(item)
        known = {"type": kind, **known}
    elif kind == "function_call":
        name = required(item.get("name"), str, f"{where}.name")
        arguments = normal_arguments(item.get("arguments"))
    elif kind == "custom_tool_call":
        name = required(item.get("name"), str, f"{where}.name")
        arguments = optional(item.get("input"), str, f"{where}.input") or ""
    else:
        return None
    return ToolCallPart(
        optional(item.get("call_id"), str, f"{where}.call_id") or "",
        name,
        arguments,
        "custom" if kind == "custom_tool_call" else "function",
        _namespace_of(item, name, where),
        native=Native(PROTOCOL, (known,), upstream, model) if known else None,
        where=where,
    )


def _is_carried_out(item: dict[str, Json]) -> bool:
    if item["type"] == "tool_search_call":
        return item.get("execution") != "client"
    return is_container(item.get("environment"))


def _namespace_of(item: dict[str, Json], name: str, where: str) -> str | None:
    """OpenAI finds a tool in a namespace of its own name, and many others in the default one."""
    namespace = optional(item.get("namespace"), str, f"{where}.namespace")
    return None if namespace in (DEFAULT_NAMESPACE, name) else namespace


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


def decode_annotation(annotation: dict[str, Json], owner: Native) -> Citation:
    """Other places than web pages are told by their native form alone."""
    url, title = (_given_text(annotation, key) for key in ("url", "title"))
    if annotation.get("type") != "url_citation" or not url:
        file_id, name = (_given_text(annotation, key) for key in ("file_id", "filename"))
        return Citation(None, name, file=file_id, native=replace(owner, blocks=(annotation,)))
    start, end = (_place(annotation.get(key)) for key in ("start_index", "end_index"))
    return Citation(url, title, start=start, end=end)


def _given_text(holder: dict[str, Json], key: str) -> str | None:
    value = holder.get(key)
    return value if isinstance(value, str) and value else None


def _place(index: Json) -> int | None:
    return max(0, index) if isinstance(index, int) and not isinstance(index, bool) else None


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
