"""Built-in tools that the app runs, as ordinary functions for vendors that do not know them.

The model is trained on these tools by their type; others need the schema of what the app accepts.
Calls come back under the same name, so nothing has to be undone in answers. Hard part: OpenAI has
an item type for the calls of each of its tools, and one for their results; what they say is put
into arguments and text, and arguments back into items.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from .arguments import RAW
from .json_text import Json, dump_text, loads
from .model import Tool
from .prepare import full_name

_TEXT: Json = {"type": "string"}
_LINE: Json = {"type": "integer"}
_PLACE: Json = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
_TEXTS: Json = {"type": "array", "items": {"type": "string"}}
_EDITS: dict[str, Json] = {
    "path": {"type": "string", "description": "Absolute path of a file or directory"},
    "file_text": {"type": "string", "description": "create: the content of the new file"},
    "old_str": {"type": "string", "description": "str_replace: the text to replace, exactly"},
    "new_str": {"type": "string", "description": "str_replace: the text in its place"},
    "insert_line": {"type": "integer", "description": "insert: the line to insert after, 0 = top"},
    "insert_text": {"type": "string", "description": "insert: the text to insert"},
    "view_range": {**_PLACE, "description": "view: the first and the last line, -1 = end"},
}


def _object(required: list[str], **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": required}


def _choice(*values: str) -> Json:
    return {"type": "string", "enum": list(values)}


# How a type begins (a date may follow) -> what the tool does, and its input.
SCHEMAS: dict[str, tuple[str, Json]] = {
    "bash_": (
        "Run a command in a persistent bash session.",
        _object([], command=_TEXT, restart={"type": "boolean"}),
    ),
    "text_editor_20241022": (
        "View, create and edit text files.",
        _object(
            ["command", "path"],
            command=_choice("view", "create", "str_replace", "insert", "undo_edit"),
            **_EDITS,
        ),
    ),
    "text_editor_20250124": (
        "View, create and edit text files.",
        _object(
            ["command", "path"],
            command=_choice("view", "create", "str_replace", "insert", "undo_edit"),
            **_EDITS,
        ),
    ),
    "text_editor_": (
        "View, create and edit text files.",
        _object(
            ["command", "path"],
            command=_choice("view", "create", "str_replace", "insert"),
            **_EDITS,
        ),
    ),
    "memory_": (
        "Keep notes for later conversations in files under /memories.",
        _object(
            ["command"],
            command=_choice("view", "create", "str_replace", "insert", "delete", "rename"),
            **_EDITS,
            old_path=_TEXT,
            new_path=_TEXT,
        ),
    ),
    "computer_20": (
        "Use a computer by mouse, keyboard and screenshots.",
        _object(
            ["action"],
            action=_choice(
                "screenshot",
                "left_click",
                "right_click",
                "middle_click",
                "double_click",
                "triple_click",
                "left_click_drag",
                "left_mouse_down",
                "left_mouse_up",
                "mouse_move",
                "cursor_position",
                "scroll",
                "type",
                "key",
                "hold_key",
                "wait",
                "zoom",
            ),
            coordinate=_PLACE,
            start_coordinate=_PLACE,
            region={"type": "array", "items": _LINE, "minItems": 4, "maxItems": 4},
            text=_TEXT,
            duration={"type": "number"},
            scroll_direction=_choice("up", "down", "left", "right"),
            scroll_amount=_LINE,
        ),
    ),
    # from here on OpenAI's
    "local_shell": (
        "Run a program on the user's machine.",
        _object(
            ["command"],
            command={**_TEXTS, "description": "The program and its arguments"},
            working_directory=_TEXT,
            timeout_ms=_LINE,
            env={"type": "object", "additionalProperties": _TEXT},
        ),
    ),
    "shell": (
        "Run shell commands on the user's machine.",
        _object(["commands"], commands=_TEXTS, timeout_ms=_LINE, max_output_length=_LINE),
    ),
    "apply_patch": (
        "Create, change or delete one file.",
        _object(
            ["type", "path"],
            type=_choice("create_file", "update_file", "delete_file"),
            path=_TEXT,
            diff={"type": "string", "description": "The change, as V4A diff; none to delete"},
        ),
    ),
    "tool_search": (  # each app has an input of its own
        "Find further tools by what they are for.",
        _object(["query"], query=_TEXT),
    ),
}
_SIZE = ("display_width_px", "display_height_px")


def as_function(tool: Tool) -> Tool | None:
    """`tool` as a function; None when its kind is not known here."""
    kind = tool.native.blocks[0].get("type", "") if tool.native and tool.native.blocks else ""
    for beginning, (description, schema) in SCHEMAS.items():
        if kind.startswith(beginning):
            size = " x ".join(str(tool.options[key]) for key in _SIZE if key in tool.options)
            description += f" The screen has {size} pixels." if size else ""
            return Tool(
                tool.name,
                tool.description or description,
                tool.parameters or schema,
                cache=tool.cache,
                where=tool.where,
            )
    return None


# --- calls, as OpenAI writes them


class CallItem(NamedTuple):
    """How the call of a tool is written: the tool, the field its arguments stand in, what that
    holds at least, and what stands beside it."""

    tool: str
    field: str
    least: dict[str, Json]
    beside: dict[str, Json]


_EXEC: Json = {"type": "exec", "command": [], "env": {}}
CALL_ITEMS: dict[str, CallItem] = {
    "local_shell_call": CallItem("local_shell", "action", _EXEC, {}),
    "shell_call": CallItem("shell", "action", {"commands": []}, {}),
    "apply_patch_call": CallItem(
        "apply_patch", "operation", {"type": "update_file", "path": ""}, {}
    ),
    "tool_search_call": CallItem("tool_search", "arguments", {}, {"execution": "client"}),
}


_KINDS = {shape.tool: kind for kind, shape in CALL_ITEMS.items()}


def is_container(environment: Json) -> bool:
    """Whether a shell runs at OpenAI, not at the app."""
    return isinstance(environment, dict) and environment.get("type") != "local"


def call_arguments(item: Mapping[str, Json]) -> str:
    """The arguments of the call in `item`, whose type is a key of CALL_ITEMS."""
    said = _object_in(item.get(CALL_ITEMS[item["type"]].field))
    known = {key: value for key, value in said.items() if value is not None}
    if item["type"] == "local_shell_call":
        known.pop("type", None)  # there is only one
        if not known.get("env"):  # which has to be there
            known.pop("env", None)
    return dump_text(known)


def returned_arguments(name: str, arguments: str) -> str:
    """`arguments` of a call of `name` as they come back from an app that got an item for it."""
    kind = _KINDS.get(name)
    if kind is None:
        return arguments
    return call_arguments({"type": kind, **call_fields(kind, arguments)})


def call_fields(kind: str, arguments: str) -> dict[str, Json]:
    """The fields of an item of type `kind` that say `arguments`; all that has to be there is."""
    shape = CALL_ITEMS[kind]
    try:
        said = loads(arguments or "{}")
    except ValueError:
        said = None
    said = said if isinstance(said, dict) else {RAW: arguments}
    lists = {key for key, value in shape.least.items() if isinstance(value, list)}
    single = {k: [v] for k, v in said.items() if k in lists and isinstance(v, str)}
    least = {key: value for key, value in shape.least.items() if key not in said}
    return {shape.field: {**said, **least, **single}, **shape.beside}


def result_text(item: Mapping[str, Json]) -> str | None:
    """What the result of such a call says; None when `item` is none."""
    output = item.get("output")
    match item["type"]:
        case "shell_call_output" if isinstance(output, list):
            return "\n".join(map(_run_text, output))
        case "local_shell_call_output" | "shell_call_output":
            return _string(output)
        case "apply_patch_call_output":
            return _string(output) or _string(item.get("status"))
        case "tool_search_output" if item.get("execution") == "client":
            names = ", ".join(_tool_names(item.get("tools")))
            return f"Tools found: {names or 'none'}"
        case _:
            return None


def _run_text(run: Json) -> str:
    """What one command of a shell gave."""
    run = _object_in(run)
    outcome, errors = _object_in(run.get("outcome")), _string(run.get("stderr"))
    ended = f"[exit code {outcome.get('exit_code')}]"
    if outcome.get("type") == "timeout":
        ended = "[timed out]"
    pieces = (_string(run.get("stdout")), errors and f"[stderr]\n{errors}", ended)
    return "\n".join(piece.rstrip("\n") for piece in pieces if piece)


def _tool_names(tools: Json, namespace: str | None = None) -> Iterator[str]:
    for tool in map(_object_in, tools if isinstance(tools, list) else ()):
        name = _string(tool.get("name"))
        if name and tool.get("type") == "namespace":
            yield from _tool_names(tool.get("tools"), name)
        elif name:  # OpenAI finds a tool in a namespace of its own name
            yield full_name(name, None if namespace == name else namespace)


def _object_in(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _string(value: Json) -> str:
    return value if isinstance(value, str) else "" if value is None else dump_text(value)
