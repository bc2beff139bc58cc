"""Built-in tools that the app runs, as functions."""

import pytest

from bridge.transform.client_tools import as_function
from bridge.transform.model import CacheMark, Native, Tool


def built_in(kind: str, name: str, **options: int) -> Tool:
    native = Native("anthropic_messages", ({"type": kind, "name": name},))
    return Tool(name, kind="client", native=native, options=dict(options), cache=CacheMark())


@pytest.mark.parametrize(
    "kind, name, inputs",
    [
        pytest.param("bash_20250124", "bash", {"command", "restart"}, id="shell"),
        pytest.param(
            "text_editor_20250728",
            "str_replace_based_edit_tool",
            {"command", "path", "old_str", "new_str", "insert_line", "view_range"},
            id="editor",
        ),
        pytest.param("memory_20250818", "memory", {"old_path", "new_path"}, id="memory"),
        pytest.param("computer_20250124", "computer", {"action", "coordinate"}, id="computer"),
    ],
)
def test_a_built_in_tool_has_the_schema_of_its_input(
    kind: str, name: str, inputs: set[str]
) -> None:
    function = as_function(built_in(kind, name))
    assert function and (function.name, function.kind) == (name, "function")
    assert function.parameters["type"] == "object"
    assert inputs <= set(function.parameters["properties"])
    assert set(function.parameters["required"]) <= set(function.parameters["properties"])
    assert function.cache == CacheMark() and function.native is None


def test_only_older_editors_undo() -> None:
    for kind, undoes in {"20241022": True, "20250124": True, "20250728": False}.items():
        function = as_function(built_in(f"text_editor_{kind}", "editor"))
        assert function
        commands = function.parameters["properties"]["command"]["enum"]
        assert ("undo_edit" in commands) is undoes


def test_the_size_of_the_screen_is_told() -> None:
    tool = built_in("computer_20250124", "c", display_width_px=1024, display_height_px=768)
    function = as_function(tool)
    assert function and "1024 x 768" in (function.description or "")


@pytest.mark.parametrize(
    "tool",
    [
        pytest.param(built_in("computer_toolset_20260801", "computer"), id="a toolset"),
        pytest.param(Tool("x", kind="client"), id="no definition"),
    ],
)
def test_what_is_not_known_is_no_function(tool: Tool) -> None:
    assert as_function(tool) is None
