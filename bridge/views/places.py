"""A body taken apart by what its fields mean, whichever protocol it is written in.

In: the JSON of a request or an answer. Out: its parameters, its tools and the blocks of its turns,
each field under one name for all protocols, with the place where it stands. Hard part: nothing may
get lost on the way, for what is looked for is the field that the other side has not; so what no
table here knows keeps its own name. What only gives a body its form (the type of a text) is no
field.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..transform.json_text import Json
from .parts import Block, Fields, Place, block_of, blocks_in, known, late_tools, put, tools_in


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
            body.tools += late_tools(inner, key)
        elif key in TOOLS and isinstance(inner, list):
            body.tools += tools_in(inner, key)
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
        put(fields, name, Place(path, value))
        return
    for key, inner in value.items():
        place = f"{path}.{key}"
        _flatten(inner, place, NAMES.get(place, f"{name}.{key}"), fields, depth + 1)


def _flatten_choices(choices: Json, fields: Fields) -> None:
    for n, choice in enumerate(choices if isinstance(choices, list) else []):
        path = f"choices[{n}]"
        for key, value in choice.items() if isinstance(choice, dict) else ():
            is_form = key == "index" and not isinstance(value, dict | list)
            if key != _said_in(choice) and not is_form:
                put(fields, key if n == 0 else f"{path}.{key}", Place(f"{path}.{key}", value))


# --- turns

# Keys of a message of Chat that hold its reasoning -> names for all protocols.
REASONING = {"reasoning_content": "text", "reasoning": "text", "reasoning_details": "state"}
SPOKEN = ("content", "tool_calls", *REASONING)  # the others are fields of a message
OF_MESSAGE = "message."  # begins names of fields that a message has beside what is said


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
            yield block_of(value, path, role)
        return
    said = str(value.get("role", role))
    if said in ("tool", "function"):
        yield known(value, path, "tool", "result")
        return
    blocks = list(_parts(value, path, said))
    rest = {k: Place(f"{path}.{k}", v) for k, v in value.items() if not _is_told(k, v)}
    if not blocks and rest:
        blocks = [Block(said, "message", path, value)]
    for name, place in rest.items():
        put(blocks[0].fields, f"{OF_MESSAGE}{name}", place)
    yield from blocks


def _is_told(key: str, value: Json) -> bool:
    """Whether a key of a message is told by its blocks."""
    return key in SPOKEN or (key in FORM and not isinstance(value, dict | list))


def _is_message(value: dict[str, Json]) -> bool:
    return value.get("type") in (None, "message") and ("role" in value or "content" in value)


def _parts(message: dict[str, Json], path: str, role: str) -> Iterator[Block]:
    yield from _reasoning(message, path, role)
    yield from blocks_in(message.get("content"), f"{path}.content", role)
    calls = message.get("tool_calls")
    for n, call in enumerate(calls if isinstance(calls, list) else [calls]):
        if call is not None:
            yield known(call, f"{path}.tool_calls[{n}]", role, "call")


def _reasoning(message: dict[str, Json], path: str, role: str) -> Iterator[Block]:
    given = {key: message[key] for key in REASONING if message.get(key) is not None}
    if not given:
        return
    first, *others = given
    block = Block(role, "reasoning", f"{path}.{first}", given if others else given[first])
    for key, value in given.items():
        put(block.fields, REASONING[key], Place(f"{path}.{key}", value))
    yield block
