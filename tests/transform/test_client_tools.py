"""Built-in tools that the app runs, as functions, and their calls as OpenAI writes them."""

from typing import Any

import pytest

from bridge.transform.client_tools import (
    CALL_ITEMS,
    as_function,
    call_arguments,
    call_fields,
    is_container,
    result_text,
    returned_arguments,
)
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
        pytest.param("local_shell", "local_shell", {"command", "env"}, id="a local shell"),
        pytest.param("shell", "shell", {"commands", "timeout_ms"}, id="a shell for several"),
        pytest.param("apply_patch", "apply_patch", {"type", "path", "diff"}, id="patches"),
        pytest.param("tool_search", "tool_search", {"query"}, id="a search for tools"),
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
        pytest.param(built_in("browser_20300101", "browser"), id="an unknown type"),
        pytest.param(Tool("x", kind="client"), id="no definition"),
    ],
)
def test_what_is_not_known_is_no_function(tool: Tool) -> None:
    assert as_function(tool) is None


def test_what_an_app_says_of_its_tool_counts() -> None:
    native = Native("openai_responses", ({"type": "tool_search"},))
    schema = {"type": "object", "properties": {"goal": {"type": "string"}}}
    tool = Tool("tool_search", "Finds tools.", schema, kind="client", native=native)
    assert as_function(tool) == Tool("tool_search", "Finds tools.", schema)


@pytest.mark.parametrize(
    "environment, container",
    [
        pytest.param(None, False, id="nothing said"),
        pytest.param({"type": "local"}, False, id="at the app"),
        pytest.param({"type": "container_auto"}, True, id="at OpenAI"),
        pytest.param({"type": "container_reference", "container_id": "c"}, True, id="one it has"),
    ],
)
def test_where_a_shell_runs(environment: Any, container: bool) -> None:
    assert is_container(environment) is container


CALLS = [
    pytest.param(
        {
            "type": "local_shell_call",
            "action": {"type": "exec", "command": ["ls", "-l"], "env": {"A": "1"}, "user": None},
        },
        '{"command":["ls","-l"],"env":{"A":"1"}}',
        id="a program",
    ),
    pytest.param(
        {"type": "shell_call", "action": {"commands": ["ls", "pwd"], "timeout_ms": 5}},
        '{"commands":["ls","pwd"],"timeout_ms":5}',
        id="commands",
    ),
    pytest.param(
        {
            "type": "apply_patch_call",
            "operation": {"type": "update_file", "path": "a", "diff": "+x"},
        },
        '{"type":"update_file","path":"a","diff":"+x"}',
        id="a patch",
    ),
    pytest.param(
        {"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a"}},
        '{"type":"delete_file","path":"a"}',
        id="a file to delete",
    ),
    pytest.param(
        {"type": "tool_search_call", "execution": "client", "arguments": {"goal": "rates"}},
        '{"goal":"rates"}',
        id="a search",
    ),
]


@pytest.mark.parametrize("item, arguments", CALLS)
def test_a_call_both_ways(item: dict[str, Any], arguments: str) -> None:
    assert call_arguments(item) == arguments
    said = {"type": item["type"], **call_fields(item["type"], arguments)}
    assert call_arguments(said) == arguments
    field = CALL_ITEMS[item["type"]].field
    assert {k: v for k, v in item[field].items() if v is not None} == said[field]


@pytest.mark.parametrize(
    "kind, arguments, fields",
    [
        pytest.param(
            "local_shell_call",
            "",
            {"action": {"type": "exec", "command": [], "env": {}}},
            id="nothing, as at the start of a stream",
        ),
        pytest.param(
            "shell_call", '{"commands":"ls"}', {"action": {"commands": ["ls"]}}, id="one for many"
        ),
        pytest.param(
            "apply_patch_call",
            '{"path":"a"}',
            {"operation": {"type": "update_file", "path": "a"}},
            id="a patch that says too little",
        ),
        pytest.param(
            "shell_call",
            "ls {",
            {"action": {"commands": [], "_raw": "ls {"}},
            id="what is no JSON is not lost",
        ),
        pytest.param(
            "tool_search_call",
            "[1]",
            {"arguments": {"_raw": "[1]"}, "execution": "client"},
            id="nor what is no object",
        ),
    ],
)
def test_a_call_has_all_that_has_to_be_there(
    kind: str, arguments: str, fields: dict[str, Any]
) -> None:
    assert call_fields(kind, arguments) == fields


@pytest.mark.parametrize(
    "name, arguments, returned",
    [
        pytest.param(
            "local_shell",
            '{"timeout_ms":5,"command":["ls"]}',
            '{"timeout_ms":5,"command":["ls"]}',
            id="in their order, without what was added",
        ),
        pytest.param(
            "local_shell",
            '{"command":["ls"],"env":{"A":"b"}}',
            '{"command":["ls"],"env":{"A":"b"}}',
            id="an environment",
        ),
        pytest.param(
            "shell",
            '{"commands":"ls","timeout_ms":null}',
            '{"commands":["ls"]}',
            id="what an item cannot hold",
        ),
        pytest.param("f", '{"a":null}', '{"a":null}', id="other tools"),
    ],
)
def test_arguments_come_back(name: str, arguments: str, returned: str) -> None:
    assert returned_arguments(name, arguments) == returned


def test_a_call_without_its_field_says_nothing() -> None:
    assert call_arguments({"type": "shell_call", "action": None}) == "{}"


def ran(stdout: str = "", stderr: str = "", **outcome: Any) -> dict[str, Any]:
    return {"stdout": stdout, "stderr": stderr, "outcome": outcome}


FOUND = [
    {"type": "function", "name": "f"},
    {"type": "namespace", "name": "ns", "tools": [{"name": "g"}, {"name": "ns"}]},
    {"type": "function"},
    5,
]


@pytest.mark.parametrize(
    "item, text",
    [
        pytest.param({"type": "local_shell_call_output", "output": "a"}, "a", id="a text"),
        pytest.param({"type": "local_shell_call_output"}, "", id="none"),
        pytest.param(
            {"type": "shell_call_output", "output": [ran("a\n", type="exit", exit_code=0)]},
            "a\n[exit code 0]",
            id="a command",
        ),
        pytest.param(
            {
                "type": "shell_call_output",
                "output": [ran("a", "b", type="exit", exit_code=1), ran(type="timeout"), 5],
            },
            "a\n[stderr]\nb\n[exit code 1]\n[timed out]\n[exit code None]",
            id="commands that failed",
        ),
        pytest.param({"type": "shell_call_output", "output": "a"}, "a", id="a text for a list"),
        pytest.param(
            {"type": "apply_patch_call_output", "status": "completed", "output": "ok"},
            "ok",
            id="a patch",
        ),
        pytest.param(
            {"type": "apply_patch_call_output", "status": "failed"}, "failed", id="without a text"
        ),
        pytest.param(
            {"type": "tool_search_output", "execution": "client", "tools": FOUND},
            "Tools found: f, ns__g, ns",
            id="tools",
        ),
        pytest.param(
            {"type": "tool_search_output", "execution": "client", "tools": None},
            "Tools found: none",
            id="no tools",
        ),
        pytest.param(
            {"type": "tool_search_output", "execution": "server", "tools": FOUND},
            None,
            id="a search that OpenAI made",
        ),
        pytest.param({"type": "message"}, None, id="another item"),
    ],
)
def test_what_a_result_says(item: dict[str, Any], text: str | None) -> None:
    assert result_text(item) == text
