"""Built-in tools that the app runs, as ordinary functions for vendors that do not know them.

The model is trained on these tools by their type; others need the schema of what the app accepts.
Calls come back under the same name, so nothing has to be undone in answers.
"""

from .json_text import Json
from .model import Tool

_TEXT: Json = {"type": "string"}
_LINE: Json = {"type": "integer"}
_PLACE: Json = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
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


# How a type begins (a date follows) -> what the tool does, and its input.
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
}
_SIZE = ("display_width_px", "display_height_px")


def as_function(tool: Tool) -> Tool | None:
    """`tool` as a function; None when its kind is not known here."""
    kind = tool.native.blocks[0].get("type", "") if tool.native and tool.native.blocks else ""
    for beginning, (description, schema) in SCHEMAS.items():
        if kind.startswith(beginning):
            size = " x ".join(str(tool.options[key]) for key in _SIZE if key in tool.options)
            description += f" The screen has {size} pixels." if size else ""
            return Tool(tool.name, description, schema, cache=tool.cache, where=tool.where)
    return None
