"""Anthropic's toolsets that the app runs, as functions for vendors that do not know them.

A toolset is one entry among the tools, without a name; the model calls its members. Each member is
a function in a namespace of the toolset's family, so that its calls come back as what they are.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from .fields import object_of, optional
from .json_text import Json
from .model import Tool
from .notes import Notes


class _Member(NamedTuple):
    """What a member does, and its input; `enabled`: unless the app says otherwise."""

    about: str
    input: Json
    enabled: bool = True


def _text(about: str) -> Json:
    return {"type": "string", "description": about}


def _number(about: str, kind: str = "integer") -> Json:
    return {"type": kind, "description": about}


def _numbers(count: int, about: str) -> Json:
    items = {"type": "integer"}
    kind = {"type": "array", "items": items, "minItems": count, "maxItems": count}
    return {**kind, "description": about}


def _choice(*values: str) -> Json:
    return {"type": "string", "enum": list(values)}


def _input(required: Mapping[str, Json], further: Mapping[str, Json]) -> Json:
    properties = {**required, **further}
    return {"type": "object", "properties": properties, "required": list(required)}


def _needs(**required: Json) -> Json:
    return _input(required, {})


def _takes(**further: Json) -> Json:
    return _input({}, further)


_KEYS = "A key, or several at once, such as Return or ctrl+shift+s"
_DIRECTION = _choice("up", "down", "left", "right")

# --- a computer

_POINT = _numbers(2, "x from the left edge and y from the top edge, in pixels")
_AT = {"coordinate": _POINT}
_HELD = {"text": _text("Keys that are held down meanwhile, such as ctrl+shift")}


def _click(how: str) -> _Member:
    about = f"{how} at the coordinate, or where the cursor is if none is given."
    return _Member(about, _takes(**_AT, **_HELD))


COMPUTER: dict[str, _Member] = {
    "key": _Member(
        "Press keys.",
        _input({"text": _text(_KEYS)}, {"repeat": _number("How many times; 1 by default")}),
    ),
    "hold_key": _Member(
        "Hold keys down for a time.",
        _needs(text=_text(_KEYS), duration=_number("Seconds")),
    ),
    "type": _Member("Type text.", _needs(text=_text("What to type"))),
    "cursor_position": _Member("Tell where the cursor is.", _takes()),
    "mouse_move": _Member(
        "Move the cursor without a click: to hover, not before a click.", _needs(**_AT)
    ),
    "left_mouse_down": _Member("Press the left mouse button and hold it.", _takes()),
    "left_mouse_up": _Member("Release the left mouse button.", _takes()),
    "left_click": _click("Click"),
    "left_click_drag": _Member(
        "Drag from one coordinate to another.",
        _input({"start_coordinate": _POINT, **_AT}, _HELD),
    ),
    "right_click": _click("Click the right mouse button"),
    "middle_click": _click("Click the middle mouse button"),
    "double_click": _click("Double-click"),
    "triple_click": _click("Triple-click"),
    "scroll": _Member(
        "Scroll at the coordinate, or where the cursor is if none is given.",
        _input(
            {"scroll_direction": _DIRECTION, "scroll_amount": _number("Clicks of the wheel")},
            {**_AT, **_HELD},
        ),
    ),
    "wait": _Member("Wait for a time.", _needs(duration=_number("Seconds"))),
    "screenshot": _Member("Take a screenshot.", _takes()),
    "zoom": _Member(
        "Take a screenshot of a part of the screen, enlarged.",
        _needs(region=_numbers(4, "x0, y0, x1, y1, in pixels of the whole screenshot")),
    ),
}

# --- a browser

_COORDINATE: Json = {
    "type": "object",
    "description": "A point of the viewport, in pixels from its left and top edge",
    "properties": {
        "type": _choice("coordinate"),
        "x": {"type": "integer"},
        "y": {"type": "integer"},
    },
    "required": ["type", "x", "y"],
}
_ELEMENT: Json = {
    "type": "object",
    "description": "An element by a reference that read_page or find gave, until the page changes",
    "properties": {"type": _choice("ref"), "ref": _text("Such as ref_7")},
    "required": ["type", "ref"],
}
_ANYWHERE: Json = {"anyOf": [_COORDINATE, _ELEMENT]}
_TAB = {"tab_id": _text("The id of a tab; the active one by default")}
_SECONDS = {"duration": _number("Seconds, at most 30", "number")}


def _page(about: str, enabled: bool = True, **required: Json) -> _Member:
    """What is done in any tab."""
    return _Member(about, _input(required, _TAB), enabled)


def _press(about: str) -> _Member:
    held = {"modifiers": _text("Keys that are held down meanwhile, such as ctrl+shift")}
    return _Member(about, _input({"target": _ANYWHERE}, {**held, **_TAB}))


BROWSER: dict[str, _Member] = {
    "navigate": _page(
        "Go to a URL.", url=_text("A URL, https:// by default; or back, forward or reload")
    ),
    "list_tabs": _Member("List the open tabs: id, title and URL of each.", _takes()),
    "new_tab": _Member("Open an empty tab and tell its id.", _takes()),
    "switch_tab": _Member("Make a tab the active one.", _needs(**_TAB)),
    "close_tab": _Member("Close a tab.", _needs(**_TAB)),
    "read_page": _Member(
        "Read the page as a tree of its elements, with references to them. At most 50,000 "
        "characters: a large page is read by depth, or from an element on.",
        _takes(
            filter={
                **_choice("all", "interactive"),
                "description": "all: those out of view too; visible ones by default",
            },
            depth=_number("How deep the tree may be; 15 by default"),
            ref=_text("The element to begin with; the whole page by default"),
            **_TAB,
        ),
    ),
    "get_page_text": _page("Read the text of the page, which suits long texts."),
    "read_console": _page("Read what the console of the page has logged since last time.", False),
    "read_network": _page("Read what the page has requested since last time.", False),
    "find": _page(
        "Find up to 20 elements, with references to them.", query=_text("What they are like")
    ),
    "form_input": _page(
        "Set the value of a form's element.",
        target=_ELEMENT,
        value={
            "type": ["string", "number", "boolean"],
            "description": "true or false for a checkbox; an option or its text for a selection",
        },
    ),
    "file_upload": _Member(
        "Put files into an element that takes files: some by path or by document id.",
        _input(
            {"target": _ELEMENT},
            {
                "paths": {"type": "array", "items": _text("A path where the browser runs")},
                "document_ids": {"type": "array", "items": _text("A file that stands ready")},
                **_TAB,
            },
        ),
        False,
    ),
    "scroll_to": _page("Scroll an element into view.", target=_ELEMENT),
    "screenshot": _page("Take a screenshot of the viewport."),
    "zoom": _page(
        "Take a screenshot of a part of the viewport, enlarged.",
        region=_numbers(4, "x0, y0, x1, y1, in pixels of the viewport"),
    ),
    "left_click": _press("Click."),
    "right_click": _press("Click the right mouse button."),
    "middle_click": _press("Click the middle mouse button."),
    "double_click": _press("Double-click."),
    "triple_click": _press("Triple-click, which selects a line or a paragraph as a rule."),
    "hover": _page("Move the cursor there without a click.", target=_ANYWHERE),
    "left_click_drag": _page(
        "Drag from one point to another.", **{"from": _COORDINATE}, target=_COORDINATE
    ),
    "left_mouse_down": _page("Press the left mouse button and hold it.", target=_COORDINATE),
    "left_mouse_up": _page("Release the left mouse button.", target=_COORDINATE),
    "mouse_move": _page("Move the cursor without a click.", target=_COORDINATE),
    "scroll": _Member(
        "Scroll at a point.",
        _input(
            {"target": _COORDINATE, "scroll_direction": _DIRECTION},
            {"scroll_amount": _number("Notches of the wheel, 1 to 10; 3 by default"), **_TAB},
        ),
    ),
    "type": _page("Type text where the focus is.", text=_text("What to type")),
    "key": _Member(
        "Press keys.",
        _input(
            {"text": _text(f"{_KEYS}; or several in turn, with spaces between")},
            {"repeat": _number("How many times; 1 by default"), **_TAB},
        ),
    ),
    "hold_key": _page("Hold keys down for a time.", text=_text(_KEYS), **_SECONDS),
    "wait": _page("Wait for a time.", **_SECONDS),
    "javascript_exec": _page(
        "Run JavaScript in the page and tell the value of its last expression.",
        False,
        text=_text("The code, without a return"),
    ),
}

# --- both

# What `toolset_name` says in calls -> the members. The type of a toolset begins with it.
FAMILIES: dict[str, dict[str, _Member]] = {"computer": COMPUTER, "browser": BROWSER}


def without_toolsets(tools: Iterable[Tool], notes: Notes) -> Iterator[Tool]:
    """`tools` with the members of each toolset in its place."""
    for tool in tools:
        kind = tool.native.blocks[0].get("type", "") if tool.native and tool.native.blocks else ""
        family = next((name for name in FAMILIES if kind.startswith(f"{name}_toolset_")), None)
        if family is None:
            yield tool
        else:
            yield from _members(tool, family, notes)


def _members(tool: Tool, family: str, notes: Notes) -> Iterator[Tool]:
    """A cache breakpoint behind the toolset is one behind its last member."""
    configs = optional(tool.options.get("configs"), dict, f"{tool.where}.configs") or {}
    members = FAMILIES[family]
    for key in tool.options:
        if key != "configs":
            notes.add("hint_dropped", f"{tool.where}.{key}", f"a key of the tool {tool.name}")
    for name in configs:
        if name not in members:
            notes.add("field_dropped", f"{tool.where}.configs.{name}", f"no member of {tool.name}")
    given = {name: object_of(configs.get(name)) for name in members}
    enabled = [name for name, member in members.items() if _is_enabled(given[name], member)]
    for name in enabled:
        yield Tool(
            name,
            members[name].about,
            members[name].input,
            namespace=family,
            cache=tool.cache if name == enabled[-1] else None,
            options={k: v for k, v in given[name].items() if k != "enabled" and v is not None},
            where=f"{tool.where}.configs.{name}",
        )


def _is_enabled(config: Mapping[str, Json], member: _Member) -> bool:
    said = config.get("enabled")
    return member.enabled if said is None else said is not False
