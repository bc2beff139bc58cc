"""Single parts of messages, read: content parts and the items of calls to parts.

Hard part: calls of tools that the app runs (shells, patches, a search for tools) have item types
that are functions elsewhere.
"""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import replace
from typing import Final

from ..arguments import normal_arguments
from ..client_tools import CALL_ITEMS, call_arguments, is_container
from ..context import Context
from ..fields import optional, required
from ..files import file_source, url_source
from ..json_text import Json
from ..model import (
    AudioPart,
    CacheMark,
    Citation,
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
    ToolCallPart,
)
from ..prepare import DEFAULT_NAMESPACE

__all__ = ["decode_parts"]

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


# --- content

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
