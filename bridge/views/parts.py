"""One block of a turn, or one tool: its fields by what they mean, whichever protocol it is from.

In: an object of a body, and its place. Out: a block whose fields go by one name for all protocols,
each with its place. Hard part: one protocol says in several objects what another says in one value
(an image, the arguments of a call, what a tool gave); and what is not known here must not get lost.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ..transform.json_text import Json, loads


class Place(NamedTuple):
    """A value and where in its body it stands."""

    path: str
    value: Json


type Fields = dict[str, Place]


@dataclass(slots=True)
class Block:
    """A part of a turn, or a tool; `value` is all of it, as it is in the body.

    The `role` of a tool is the namespace it is in.
    """

    role: str
    kind: str
    path: str
    value: Json
    fields: Fields = field(default_factory=dict)


def put(fields: Fields, name: str, place: Place) -> None:
    """By its path as well where another field has that name."""
    fields[f"{name} {place.path}" if name in fields else name] = place


# --- tables

KINDS = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "refusal": "refusal",
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "document": "document",
    "file": "document",
    "input_file": "document",
    "thinking": "reasoning",
    "redacted_thinking": "reasoning",
    "reasoning": "reasoning",
    "tool_use": "call",
    "function_call": "call",
    "custom_tool_call": "call",
    "tool_result": "result",
    "function_call_output": "result",
    "custom_tool_call_output": "result",
}
# kind -> key of a block -> name for all protocols
KEYS = {
    "text": {"cache_control": "cache", "prompt_cache_breakpoint": "cache"},
    "refusal": {"refusal": "text"},
    "reasoning": {
        "thinking": "text",
        "signature": "state",
        "data": "state",
        "encrypted_content": "state",
    },
    "image": {
        "source": "data",
        "url": "data",
        "image_url": "data",
        "file_id": "data",
        "cache_control": "cache",
        "prompt_cache_breakpoint": "cache",
    },
    "document": {
        "source": "data",
        "file_data": "data",
        "file_url": "data",
        "file_id": "data",
        "filename": "title",
        "cache_control": "cache",
        "prompt_cache_breakpoint": "cache",
    },
    "call": {"call_id": "id", "input": "arguments", "cache_control": "cache"},
    "result": {
        "tool_use_id": "id",
        "call_id": "id",
        "tool_call_id": "id",
        "output": "content",
        "cache_control": "cache",
    },
    "tool": {"input_schema": "parameters", "cache_control": "cache"},
}


HOLDERS = ("result", "reasoning")  # kinds that have parts inside
# Kinds that are always said by one role, whoever says what they stand in.
ROLES = {"call": "assistant", "reasoning": "assistant", "result": "tool"}
# Keys whose words and numbers only say what a block is, and where it stands in a stream.
FORM = {"result": ("type", "role"), "call": ("type", "index")}


# --- blocks


def blocks_in(value: Json, path: str, role: str) -> Iterator[Block]:
    if isinstance(value, list):
        for n, part in enumerate(value):
            yield block_of(part, f"{path}[{n}]", role)
    elif value is not None:
        yield Block(role, "text", path, value, {"text": Place(path, value)})


def block_of(value: Json, path: str, role: str) -> Block:
    if not isinstance(value, dict):
        return Block(role, "text", path, value, {"text": Place(path, value)})
    given = str(value.get("type", ""))
    kind = KINDS.get(given, given)
    return known(value, path, ROLES.get(kind, role), kind)


def known(value: Json, path: str, role: str, kind: str) -> Block:
    block = Block(role, kind, path, value)
    if not isinstance(value, dict):
        block.fields["text"] = Place(path, value)
    else:
        _put_keys(value, path, kind, block.fields, value.get("type"))
        if kind in LATE_TOOLS and isinstance(value.get("tools"), list):
            _leave_tools(block)
    return block


def _put_keys(
    value: dict[str, Json], path: str, kind: str, fields: Fields, form: Json = None
) -> None:
    """The keys of a block; those of the object that is named like its type stand for its own."""
    names = KEYS.get(kind, {})
    if "call_id" in value and "id" in value:  # Responses: an item has its own
        names = {**names, "id": "item_id"}
    for key, inner in value.items():
        name, place = names.get(key, key), f"{path}.{key}"
        if key == form and isinstance(inner, dict):
            _put_keys(inner, place, kind, fields)
        elif reader := READERS.get((kind, name)):
            reader(inner, place, name, fields)
        elif key not in FORM.get(kind, ("type",)) or isinstance(inner, dict | list):
            put(fields, name, Place(place, inner))


def _put_data(value: Json, path: str, name: str, fields: Fields) -> None:
    """A file: what Messages says in several fields is a data URL elsewhere."""
    if isinstance(value, dict):
        kind = value.get("type")
        key = {"base64": "data", "text": "data", "file": "file_id"}.get(str(kind), str(kind))
        if kind == "base64":
            value = f"data:{value.get('media_type')};base64,{value.get('data')}"
        elif key in value:
            for other, inner in value.items():
                if other not in ("type", key):
                    put(fields, f"{name}.{other}", Place(f"{path}.{other}", inner))
            path, value = f"{path}.{key}", value[key]
    put(fields, name, Place(path, value))


def _put_arguments(value: Json, path: str, name: str, fields: Fields) -> None:
    """An object, whether it is written as one or as the text of one."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = loads(value)
        except ValueError:  # as a model wrote it
            pass
    put(fields, name, Place(path, value))


def _put_content(value: Json, path: str, name: str, fields: Fields) -> None:
    """What a tool gave: a text, or parts."""
    for n, block in enumerate(_inside(value, path)):
        for key, place in (block.fields or {"text": Place(block.path, block.value)}).items():
            put(fields, f"{name}.{n}" if key == "text" else f"{name}.{n}.{key}", place)


def _inside(value: Json, path: str) -> Iterator[Block]:
    """The parts in a part. One that could hold parts itself is a value there."""
    for n, part in enumerate(value if isinstance(value, list) else []):
        place = Place(f"{path}[{n}]", part)
        kind = KINDS.get(str(part.get("type"))) if isinstance(part, dict) else None
        plain = Block("", "text", place.path, part, {"text": place})
        yield plain if kind in HOLDERS else block_of(part, place.path, "")
    if not isinstance(value, list):
        yield from blocks_in(value, path, "")


def _put_summary(value: Json, path: str, name: str, fields: Fields) -> None:
    """Reasoning as a list of texts."""
    if not isinstance(value, list):
        put(fields, name, Place(path, value))
        return
    for n, block in enumerate(_inside(value, path)):
        place = block.fields.get("text", Place(block.path, block.value))
        put(fields, "text" if n == 0 else f"text.{n}", place)


READERS = {
    ("image", "data"): _put_data,
    ("document", "data"): _put_data,
    ("call", "arguments"): _put_arguments,
    ("result", "content"): _put_content,
    ("reasoning", "summary"): _put_summary,
    ("reasoning", "content"): _put_summary,
}


# --- tools

PLAIN_TOOLS = ("function", "custom")
LATE_TOOLS = ("additional_tools", "tool_search_output")  # items that bring tools


def _leave_tools(block: Block) -> None:
    """To be told by themselves."""
    del block.fields["tools"]
    block.value = {key: value for key, value in block.value.items() if key != "tools"}


def late_tools(items: list[Json] | str, path: str) -> Iterator[Block]:
    for n, item in enumerate(items):
        if isinstance(item, dict) and item.get("type") in LATE_TOOLS:
            given = item.get("tools")
            yield from tools_in(given if isinstance(given, list) else [], f"{path}[{n}].tools")


def tools_in(tools: Iterable[Json], path: str, space: str = "") -> Iterator[Block]:
    """`space`: of the namespace they are in."""
    for n, tool in enumerate(tools):
        block = known(tool, f"{path}[{n}]", space, "tool")
        given = tool.get("type") if isinstance(tool, dict) else None
        if given is not None and given not in PLAIN_TOOLS:
            block.fields["type"] = Place(f"{block.path}.type", given)
        inner = block.fields.get("tools")
        if not space and inner is not None and isinstance(inner.value, list):
            _leave_tools(block)
            yield block
            yield from tools_in(inner.value, inner.path, f"{tool.get('name')}__")
        else:
            yield block
