"""A body taken apart by what its fields mean, whichever protocol it is written in.

In: the JSON of a request or an answer. Out: its parameters, its tools and the blocks of its turns,
each field under one name for all protocols, with the place where it stands. Hard part: nothing may
get lost on the way, for what is looked for is the field that the other side has not; so what no
table here knows keeps its own name. What only gives a body its form (the type of a text) is no
field.
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


@dataclass(slots=True)
class Body:
    fields: Fields = field(default_factory=dict)
    tools: list[Block] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


def body_of(value: Json) -> Body:
    if not isinstance(value, dict):
        return Body({} if value is None else {"": Place("", value)})
    body = Body()
    for key, inner in value.items():
        if key in TURNS and isinstance(inner, list | str):
            body.blocks += _turns(inner, key, TURNS[key])
            body.tools += _late_tools(inner, key)
        elif key in TOOLS and isinstance(inner, list):
            body.tools += _tools(inner, key)
        elif not (key in FORM and isinstance(inner, str)):
            _flatten(inner, key, NAMES.get(str(key), str(key)), body.fields)
    body.blocks.sort(key=lambda block: not block.path.startswith(LEADING))
    if "choices" in value:
        _flatten_choices(value["choices"], body.fields)
    return body


# Where the turns of a body are, and whose they are if they do not say.
TURNS = {
    "system": "system",
    "instructions": "system",
    "messages": "",
    "input": "user",
    "content": "assistant",
    "choices": "assistant",
    "output": "assistant",
}
LEADING = ("system", "instructions")  # stand before the others, wherever the body has them
TOOLS = ("tools", "functions")
FORM = ("object", "type", "role")  # of a body: what it is


# --- parameters, and all else that has one place in a body

# Place in a body -> name for all protocols. What stands below it goes by that name too.
NAMES = {
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "stop_sequences": "stop",
    "output_config.effort": "effort",
    "reasoning_effort": "effort",
    "reasoning.effort": "effort",
    "metadata.user_id": "user",
    "safety_identifier": "user",
    "output_config.format": "format",
    "output_format": "format",
    "response_format": "format",
    "response_format.json_schema": "format",
    "text.format": "format",
    "text.verbosity": "verbosity",
    "tool_choice.type": "tool_choice",
    "tool_choice.function": "tool_choice",
    "tool_choice.custom": "tool_choice",
    "tool_choice.disable_parallel_tool_use": "parallel_tool_calls",
    "function_call": "tool_choice",
    "created_at": "created",
    "stop_reason": "finish_reason",
    "status": "finish_reason",
    "usage.prompt_tokens": "usage.input_tokens",
    "usage.completion_tokens": "usage.output_tokens",
    "usage.cache_read_input_tokens": "usage.cached_tokens",
    "usage.prompt_tokens_details.cached_tokens": "usage.cached_tokens",
    "usage.input_tokens_details.cached_tokens": "usage.cached_tokens",
    "usage.cache_creation_input_tokens": "usage.cache_write_tokens",
    "usage.prompt_tokens_details.cache_write_tokens": "usage.cache_write_tokens",
    "usage.input_tokens_details.cache_write_tokens": "usage.cache_write_tokens",
    "usage.output_tokens_details.thinking_tokens": "usage.reasoning_tokens",
    "usage.completion_tokens_details.reasoning_tokens": "usage.reasoning_tokens",
    "usage.output_tokens_details.reasoning_tokens": "usage.reasoning_tokens",
}
WHOLE = ("schema", "logit_bias")  # objects with keys of the app's own
DEPTH = 3  # keys that a name is made of; an object below them is one value


def _flatten(value: Json, path: str, name: str, fields: Fields, depth: int = 1) -> None:
    """The fields of an object, each by the path of keys that leads to it."""
    whole = depth >= DEPTH or path.rpartition(".")[2] in WHOLE
    if whole or not isinstance(value, dict) or not value:
        _put(fields, name, Place(path, value))
        return
    for key, inner in value.items():
        place = f"{path}.{key}"
        _flatten(inner, place, NAMES.get(place, f"{name}.{key}"), fields, depth + 1)


def _put(fields: Fields, name: str, place: Place) -> None:
    """By its path as well where another field has that name."""
    fields[f"{name} {place.path}" if name in fields else name] = place


def _flatten_choices(choices: Json, fields: Fields) -> None:
    for n, choice in enumerate(choices if isinstance(choices, list) else []):
        path = f"choices[{n}]"
        for key, value in choice.items() if isinstance(choice, dict) else ():
            if key not in (_said_in(choice), "index"):
                _put(fields, key if n == 0 else f"{path}.{key}", Place(f"{path}.{key}", value))


# --- turns

# Keys of a message of Chat that hold its reasoning -> names for all protocols.
REASONING = {"reasoning_content": "text", "reasoning": "text", "reasoning_details": "state"}
SPOKEN = ("role", "content", "type", "tool_calls", *REASONING)  # the others are fields of a message
OF_MESSAGE = "message."  # begins names of fields that a message has beside what is said
# Items that stand where a message could, with the role they speak for.
ITEM_ROLES = {"call": "assistant", "reasoning": "assistant", "result": "tool"}


def _turns(value: Json, path: str, role: str) -> Iterator[Block]:
    if isinstance(value, str):
        yield Block(role, "text", path, value, {"text": Place(path, value)})
        return
    for n, turn in enumerate(value):
        place = f"{path}[{n}]"
        if path == "choices" and isinstance(turn, dict):
            key = _said_in(turn)
            yield from _turn(turn.get(key), f"{place}.{key}", role)
        else:
            yield from _turn(turn, place, role)


def _said_in(choice: dict[str, Json]) -> str:
    """Some servers have both, or the wrong one."""
    return "message" if choice.get("message") or "delta" not in choice else "delta"


def _turn(value: Json, path: str, role: str) -> Iterator[Block]:
    """A message, or an item or block that stands by itself."""
    if not isinstance(value, dict) or not _is_message(value):
        if value is not None:
            yield _block(value, path, role)
        return
    said = str(value.get("role", role))
    if said in ("tool", "function"):
        yield _known(value, path, "tool", "result")
        return
    blocks = list(_parts(value, path, said))
    rest = {k: Place(f"{path}.{k}", v) for k, v in value.items() if k not in SPOKEN}
    if not blocks and rest:
        blocks = [Block(said, "message", path, value)]
    for name, place in rest.items():
        _put(blocks[0].fields, f"{OF_MESSAGE}{name}", place)
    yield from blocks


def _is_message(value: dict[str, Json]) -> bool:
    return value.get("type") in (None, "message") and ("role" in value or "content" in value)


def _parts(message: dict[str, Json], path: str, role: str) -> Iterator[Block]:
    yield from _reasoning(message, path, role)
    yield from _content(message.get("content"), f"{path}.content", role)
    calls = message.get("tool_calls") or []
    for n, call in enumerate(calls if isinstance(calls, list) else [calls]):
        yield _known(call, f"{path}.tool_calls[{n}]", role, "call")


def _reasoning(message: dict[str, Json], path: str, role: str) -> Iterator[Block]:
    given = {key: message[key] for key in REASONING if message.get(key)}
    if not given:
        return
    first, *others = given
    block = Block(role, "reasoning", f"{path}.{first}", given if others else given[first])
    for key, value in given.items():
        _put(block.fields, REASONING[key], Place(f"{path}.{key}", value))
    yield block


def _content(value: Json, path: str, role: str) -> Iterator[Block]:
    if isinstance(value, list):
        for n, part in enumerate(value):
            yield _block(part, f"{path}[{n}]", role)
    elif value is not None:
        yield Block(role, "text", path, value, {"text": Place(path, value)})


# --- blocks

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


# Keys that only say what a block is, and where it stands in a stream.
UNTOLD = {"result": ("type", "role"), "call": ("type", "index")}


def _block(value: Json, path: str, role: str) -> Block:
    if not isinstance(value, dict):
        return Block(role, "text", path, value, {"text": Place(path, value)})
    given = str(value.get("type", ""))
    kind = KINDS.get(given, given)
    return _known(value, path, ITEM_ROLES.get(kind, role), kind)


def _known(value: Json, path: str, role: str, kind: str) -> Block:
    block = Block(role, kind, path, value)
    if not isinstance(value, dict):
        block.fields["text"] = Place(path, value)
    else:
        _put_keys(value, path, kind, block.fields)
        if kind in LATE_TOOLS and "tools" in block.fields:
            _leave_tools(block)
    return block


def _put_keys(value: dict[str, Json], path: str, kind: str, fields: Fields) -> None:
    """The keys of a block; those of the object that is named like its type stand for its own."""
    names, form = KEYS.get(kind, {}), value.get("type")
    if "call_id" in value and "id" in value:  # Responses: an item has its own
        names = {**names, "id": "item_id"}
    for key, inner in value.items():
        name, place = names.get(key, key), f"{path}.{key}"
        if key == form and isinstance(inner, dict):
            _put_keys(inner, place, kind, fields)
        elif reader := READERS.get((kind, name)):
            reader(inner, place, name, fields)
        elif key not in UNTOLD.get(kind, ("type",)):
            _put(fields, name, Place(place, inner))


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
                    _put(fields, f"{name}.{other}", Place(f"{path}.{other}", inner))
            path, value = f"{path}.{key}", value[key]
    _put(fields, name, Place(path, value))


def _put_arguments(value: Json, path: str, name: str, fields: Fields) -> None:
    """An object, whether it is written as one or as the text of one."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = loads(value)
        except ValueError:  # as a model wrote it
            pass
    _put(fields, name, Place(path, value))


def _put_content(value: Json, path: str, name: str, fields: Fields) -> None:
    """What a tool gave: a text, or parts."""
    for n, block in enumerate(_content(value, path, "")):
        for key, place in (block.fields or {"text": Place(block.path, block.value)}).items():
            _put(fields, f"{name}.{n}" if key == "text" else f"{name}.{n}.{key}", place)


def _put_summary(value: Json, path: str, name: str, fields: Fields) -> None:
    """Reasoning as a list of texts."""
    if not isinstance(value, list):
        _put(fields, name, Place(path, value))
        return
    for n, block in enumerate(_content(value, path, "")):
        place = block.fields.get("text", Place(block.path, block.value))
        _put(fields, "text" if n == 0 else f"text.{n}", place)


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


def _late_tools(items: list[Json] | str, path: str) -> Iterator[Block]:
    for n, item in enumerate(items):
        if isinstance(item, dict) and item.get("type") in LATE_TOOLS:
            given = item.get("tools")
            yield from _tools(given if isinstance(given, list) else [], f"{path}[{n}].tools")


def _tools(tools: Iterable[Json], path: str, space: str = "") -> Iterator[Block]:
    """`space`: of the namespace they are in."""
    for n, tool in enumerate(tools):
        block = _known(tool, f"{path}[{n}]", space, "tool")
        given = tool.get("type") if isinstance(tool, dict) else None
        if given is not None and given not in PLAIN_TOOLS:
            block.fields["type"] = Place(f"{block.path}.type", given)
        inner = block.fields.get("tools")
        if not space and inner is not None and isinstance(inner.value, list):
            _leave_tools(block)
            yield block
            yield from _tools(inner.value, inner.path, f"{tool.get('name')}__")
        else:
            yield block
