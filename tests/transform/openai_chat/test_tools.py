"""Tools and choices, in the forms clients write them."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.transform.context import Context, context
from bridge.transform.families import COMPATIBLE
from bridge.transform.model import CacheMark, Native, Protocol, Tool, ToolChoice
from bridge.transform.notes import TransformError
from bridge.transform.openai_chat.tools import (
    decode_tool_choice,
    decode_tools,
    encode_tool_choice,
    encode_tools,
    web_search_options,
)
from bridge.transform.profile import Profile

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
STRICT = {**SCHEMA, "required": ["a"], "additionalProperties": False}
GRAMMAR = {"syntax": "lark", "definition": "start: x"}


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def function(name: str = "f", **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **more}}


@pytest.mark.parametrize(
    "body, tools",
    [
        pytest.param({}, (), id="none"),
        pytest.param({"tools": None}, (), id="null"),
        pytest.param(
            {"tools": [function(description="d", parameters=SCHEMA, strict=True)]},
            (Tool("f", "d", SCHEMA, strict=True),),
            id="a function",
        ),
        pytest.param({"tools": [{"function": {"name": "f"}}]}, (Tool("f"),), id="without a type"),
        pytest.param(
            {"tools": [{**function(odd=1, none=None), "cache_control": {"type": "ephemeral"}}]},
            (Tool("f", cache=CacheMark(), options={"odd": 1}),),
            id="with keys of gateways",
        ),
        pytest.param(
            {"tools": [{"type": "custom", "custom": {"name": "c", "description": "d"}}]},
            (Tool("c", "d", kind="custom"),),
            id="a freeform tool",
        ),
        pytest.param(
            {
                "tools": [
                    {
                        "type": "custom",
                        "custom": {"name": "c", "format": {"type": "grammar", "grammar": GRAMMAR}},
                    }
                ]
            },
            (Tool("c", kind="custom", format={"type": "grammar", **GRAMMAR}),),
            id="with a grammar, one level less",
        ),
        pytest.param(
            {"tools": [{"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}}]},
            (Tool("c", kind="custom", format={"type": "text"}),),
            id="with plain text",
        ),
        pytest.param(
            {"tools": [{"type": "x:search", "parameters": {}}]},
            (
                Tool(
                    "x:search",
                    kind="hosted",
                    native=Native(C, ({"type": "x:search", "parameters": {}},)),
                ),
            ),
            id="a tool of the host",
        ),
        pytest.param(
            {"functions": [{"name": "f", "parameters": SCHEMA}]},
            (Tool("f", None, SCHEMA),),
            id="the older form",
        ),
        pytest.param(
            {
                "web_search_options": {
                    "search_context_size": "low",
                    "user_location": {"type": "approximate", "approximate": {"city": "Oslo"}},
                }
            },
            (
                Tool(
                    "web_search",
                    kind="hosted",
                    options={
                        "user_location": {"type": "approximate", "city": "Oslo"},
                        "search_context_size": "low",
                    },
                    native=Native(
                        C,
                        (
                            {
                                "web_search_options": {
                                    "search_context_size": "low",
                                    "user_location": {
                                        "type": "approximate",
                                        "approximate": {"city": "Oslo"},
                                    },
                                }
                            },
                        ),
                    ),
                ),
            ),
            id="web search, a field of its own",
        ),
        pytest.param(
            {"web_search_options": {}},
            (Tool("web_search", kind="hosted", native=Native(C, ({"web_search_options": {}},))),),
            id="even an empty one",
        ),
    ],
)
def test_tools_are_read_and_a_clients_own_come_out_the_same(
    body: dict[str, Any], tools: tuple[Tool, ...]
) -> None:
    assert decode_tools(body) == tools
    ctx = context(C, C)
    encoded = {"tools": encode_tools(tools, ctx), "web_search_options": web_search_options(tools)}
    assert decode_tools(encoded) == tools
    assert codes(ctx) == []


@pytest.mark.parametrize(
    "body, where",
    [
        pytest.param({"tools": {}}, "tools", id="no list"),
        pytest.param({"tools": [1]}, "tools[0]", id="no object"),
        pytest.param({"tools": [{"type": "function"}]}, "tools[0].function", id="no function"),
        pytest.param({"tools": [{"function": {}}]}, "tools[0].function.name", id="no name"),
        pytest.param({"tools": [{"type": "custom"}]}, "tools[0].custom", id="no custom"),
        pytest.param({"functions": [{}]}, "functions[0].name", id="the older form"),
    ],
)
def test_a_fault_is_named_with_its_place(body: dict[str, Any], where: str) -> None:
    with pytest.raises(TransformError) as raised:
        decode_tools(body)
    assert raised.value.where == where


MCP = Native(R, ({"type": "mcp"},))
BASH = Tool("bash", kind="client", native=Native(A, ({"type": "bash_20250124"},)))


@pytest.mark.parametrize(
    "client, tool, encoded, noted",
    [
        pytest.param(
            A,
            Tool("f", "d", SCHEMA),
            function(description="d", parameters=SCHEMA),
            [],
            id="strict absent stays absent",
        ),
        pytest.param(
            A, Tool("f", strict=False), function(strict=False), [], id="strict false stays false"
        ),
        pytest.param(
            A,
            Tool("f", None, STRICT, strict=True),
            function(parameters=STRICT, strict=True),
            [],
            id="Anthropic's strict, where OpenAI would call it so",
        ),
        pytest.param(
            A,
            Tool("f", None, SCHEMA, strict=True),
            function(parameters=SCHEMA, strict=False),
            ["strict_downgraded"],
            id="trap 27: and where it would not",
        ),
        pytest.param(
            R,
            Tool("f", None, SCHEMA, strict=True),
            function(parameters=SCHEMA, strict=True),
            [],
            id="OpenAI's own strict",
        ),
        pytest.param(
            A,
            Tool("f", options={"defer_loading": True, "input_examples": []}),
            function(),
            ["hint_dropped", "hint_dropped"],
            id="keys only Anthropic has",
        ),
        pytest.param(
            A, Tool("f", cache=CacheMark()), function(), ["hint_dropped"], id="a breakpoint"
        ),
        pytest.param(
            R,
            Tool("c", kind="custom", format={"type": "grammar", **GRAMMAR}),
            {
                "type": "custom",
                "custom": {"name": "c", "format": {"type": "grammar", "grammar": GRAMMAR}},
            },
            [],
            id="trap 29: a freeform tool stays one",
        ),
        pytest.param(
            A,
            Tool("web_search", kind="hosted", native=Native(A, ({"type": "web_search_20250305"},))),
            None,
            ["server_tool_dropped"],
            id="trap 30: a tool Anthropic runs",
        ),
        pytest.param(
            R,
            Tool("file_search", kind="hosted", native=Native(R, ({"type": "file_search"},))),
            None,
            ["hosted_tool_dropped"],
            id="a tool OpenAI runs elsewhere",
        ),
        pytest.param(R, Tool("x", kind="hosted", native=MCP), None, ["mcp_dropped"], id="MCP"),
        pytest.param(
            R, Tool("x", kind="hosted"), None, ["hosted_tool_dropped"], id="no definition"
        ),
        pytest.param(
            A,
            Tool("x", kind="client", native=Native(A, ({"type": "browser_20300101"},))),
            None,
            ["server_tool_dropped"],
            id="a tool of the app that nobody knows",
        ),
    ],
)
def test_a_tool_is_written(client: Protocol, tool: Tool, encoded: Any, noted: list[str]) -> None:
    ctx = context(client, C)
    assert encode_tools([tool], ctx) == ([] if encoded is None else [encoded])
    assert codes(ctx) == noted


def test_trap_30_a_built_in_tool_of_the_app_is_a_function() -> None:
    ctx = context(A, C)
    [encoded] = encode_tools([BASH], ctx)
    assert encoded["function"]["name"] == "bash"
    assert "command" in encoded["function"]["parameters"]["properties"]
    assert codes(ctx) == []


def test_strict_is_left_out_where_a_server_does_not_know_it() -> None:
    ctx = context(R, C, COMPATIBLE[C])
    tools = [Tool("f", None, STRICT, strict=True), Tool("g", strict=False)]
    assert encode_tools(tools, ctx) == [function(parameters=STRICT), function("g")]
    assert codes(ctx) == ["strict_downgraded"]


@pytest.mark.parametrize(
    "choice, expected",
    [
        pytest.param(None, None, id="none"),
        pytest.param("auto", ToolChoice("auto"), id="auto"),
        pytest.param("none", ToolChoice("none"), id="none stays none"),
        pytest.param("required", ToolChoice("required"), id="required"),
        pytest.param("any", ToolChoice("required"), id="any"),
        pytest.param({"type": "any"}, ToolChoice("required"), id="any, as an object"),
        pytest.param({"type": "auto"}, ToolChoice("auto"), id="auto, as an object"),
        pytest.param(function(), ToolChoice("tool", "f"), id="a function"),
        pytest.param({"type": "function", "name": "f"}, ToolChoice("tool", "f"), id="a bare name"),
        pytest.param({"type": "tool", "name": "f"}, ToolChoice("tool", "f"), id="Anthropic's"),
        pytest.param(
            {"type": "custom", "custom": {"name": "c"}},
            ToolChoice("tool", "c", "custom"),
            id="a freeform tool",
        ),
        pytest.param(
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [function()]}},
            ToolChoice("allowed", tools=("f",), required=True),
            id="a subset",
        ),
        pytest.param(
            {"type": "allowed_tools", "tools": [{"type": "function", "name": "f"}]},
            ToolChoice("allowed", tools=("f",)),
            id="a subset, flat",
        ),
    ],
)
def test_trap_28_a_choice_is_read(choice: Any, expected: ToolChoice | None) -> None:
    assert decode_tool_choice({"tool_choice": choice}) == expected


@pytest.mark.parametrize(
    "choice, expected",
    [
        pytest.param("auto", ToolChoice("auto"), id="auto"),
        pytest.param("none", ToolChoice("none"), id="none"),
        pytest.param({"name": "f"}, ToolChoice("tool", "f"), id="a function"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_the_older_choice_is_read(choice: Any, expected: ToolChoice | None) -> None:
    assert decode_tool_choice({"function_call": choice}) == expected


@pytest.mark.parametrize(
    "choice, where",
    [
        pytest.param("odd", "tool_choice", id="a word"),
        pytest.param(5, "tool_choice", id="a number"),
        pytest.param({}, "tool_choice.type", id="no type"),
        pytest.param({"type": "odd"}, "tool_choice.type", id="a type"),
        pytest.param({"type": "function"}, "tool_choice.function.name", id="no name"),
        pytest.param(
            {"type": "allowed_tools", "allowed_tools": {}},
            "tool_choice.allowed_tools.tools",
            id="no tools",
        ),
        pytest.param(
            {"type": "allowed_tools", "allowed_tools": {"tools": [1]}},
            "tool_choice.allowed_tools.tools[0]",
            id="no tool",
        ),
        pytest.param(
            {"type": "allowed_tools", "allowed_tools": {"tools": [], "mode": "x"}},
            "tool_choice.allowed_tools.mode",
            id="a mode",
        ),
    ],
)
def test_a_choice_nobody_has_is_named(choice: Any, where: str) -> None:
    with pytest.raises(TransformError) as raised:
        decode_tool_choice({"tool_choice": choice})
    assert raised.value.where == where


F, CUSTOM = Tool("f"), Tool("c", kind="custom")


@pytest.mark.parametrize(
    "choice, encoded",
    [
        pytest.param(None, None, id="none"),
        pytest.param(ToolChoice("auto"), "auto", id="auto"),
        pytest.param(ToolChoice("required"), "required", id="required"),
        pytest.param(ToolChoice("none"), "none", id="none stays none"),
        pytest.param(ToolChoice("tool", "f"), function(), id="a function"),
        pytest.param(
            ToolChoice("tool", "c"), {"type": "custom", "custom": {"name": "c"}}, id="by its kind"
        ),
        pytest.param(
            ToolChoice("allowed", tools=("f", "c"), required=True),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [function(), {"type": "custom", "custom": {"name": "c"}}],
                },
            },
            id="a subset",
        ),
        pytest.param(
            ToolChoice("allowed", tools=("f",)),
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [function()]}},
            id="a subset, if any",
        ),
    ],
)
def test_trap_28_a_choice_is_written(choice: ToolChoice | None, encoded: Any) -> None:
    ctx = context(A, C)
    tools = [F, CUSTOM]
    assert encode_tool_choice(choice, tools, encode_tools(tools, ctx), ctx) == encoded
    assert codes(ctx) == []


@pytest.mark.parametrize(
    "choice, encoded, noted",
    [
        pytest.param(
            ToolChoice("allowed", tools=("f",), required=True), function(), [], id="one of one"
        ),
        pytest.param(
            ToolChoice("allowed", tools=("f", "g"), required=True),
            "required",
            ["tool_subset_unenforced"],
            id="one of some",
        ),
        pytest.param(
            ToolChoice("allowed", tools=("f",)), "auto", ["tool_subset_unenforced"], id="some"
        ),
    ],
)
def test_a_subset_is_not_told_to_compatible_servers(
    choice: ToolChoice, encoded: Any, noted: list[str]
) -> None:
    ctx = context(R, C, COMPATIBLE[C])
    tools = [F, Tool("g")]
    assert encode_tool_choice(choice, tools, encode_tools(tools, ctx), ctx) == encoded
    assert codes(ctx) == noted


@pytest.mark.parametrize(
    "choice, tools, noted",
    [
        pytest.param(ToolChoice("tool", "f"), [F], [], id="the only one"),
        pytest.param(ToolChoice("tool", "f"), [F, Tool("g")], ["tool_subset_unenforced"], id="one"),
        pytest.param(
            ToolChoice("allowed", tools=("f",), required=True),
            [F, Tool("g")],
            ["tool_subset_unenforced"],
            id="a subset of one",
        ),
    ],
)
def test_where_no_tool_is_chosen_by_name_some_tool_is(
    choice: ToolChoice, tools: list[Tool], noted: list[str]
) -> None:
    ctx = context(A, C, replace(COMPATIBLE[C], named_choice=False))
    assert encode_tool_choice(choice, tools, encode_tools(tools, ctx), ctx) == "required"
    assert codes(ctx) == noted


def test_trap_28_a_choice_without_tools_is_dropped() -> None:
    ctx = context(A, C, Profile())
    assert encode_tool_choice(ToolChoice("required"), [], [], ctx) is None
    assert codes(ctx) == ["hint_dropped"]


@pytest.mark.parametrize(
    "choice",
    [
        pytest.param(ToolChoice("tool", "web_search"), id="by name"),
        pytest.param(ToolChoice("tool", "other", native=MCP), id="by definition"),
    ],
)
def test_a_tool_that_is_gone_cannot_be_demanded(choice: ToolChoice) -> None:
    tools = [F, Tool("web_search", kind="hosted", native=Native(A, ({"type": "web_search_1"},)))]
    ctx = context(A, C)
    with pytest.raises(TransformError) as raised:
        encode_tool_choice(choice, tools, encode_tools(tools, ctx), ctx)
    assert raised.value.code == "hosted_tool_unsupported"


def test_a_tool_nobody_offered_may_be_demanded() -> None:
    ctx = context(C, C)
    chosen = encode_tool_choice(ToolChoice("tool", "g"), [F], encode_tools([F], ctx), ctx)
    assert chosen == function("g")


def test_trap_31_a_call_of_any_tool_cannot_be_demanded_when_all_are_gone() -> None:
    gone = Tool("web_fetch", kind="hosted", native=Native(A, ({"type": "web_fetch_20260318"},)))
    with pytest.raises(TransformError) as raised:
        encode_tool_choice(ToolChoice("required"), [gone], [], context(A, C))
    assert (raised.value.where, raised.value.code) == ("tool_choice", "hosted_tool_unsupported")
