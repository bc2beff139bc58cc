"""Tools and the choice among them."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.transform.anthropic_messages.tools import (
    decode_tool_change,
    decode_tool_choice,
    decode_tools,
    encode_servers,
    encode_tool_choice,
    encode_tools,
)
from bridge.transform.context import Context, context
from bridge.transform.families import COMPATIBLE
from bridge.transform.model import CacheMark, Native, Tool, ToolChangePart, ToolChoice
from bridge.transform.notes import TransformError
from bridge.transform.profile import Profile

A = "anthropic_messages"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
EMPTY = {"type": "object", "properties": {}}


def own() -> Context:
    return context(A, A)


def from_chat() -> Context:
    return context("openai_chat", A)


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def built_in(wire: Any, name: str, kind: Any, **options: Any) -> Tool:
    return Tool(name, kind=kind, options=options, native=Native(A, (wire,)))


SEARCH = {"type": "web_search_20260318", "name": "web_search", "max_uses": 3}
BASH = {"type": "bash_20250124", "name": "bash"}
MARKED = {**BASH, "cache_control": {"type": "ephemeral"}}
COMPUTER = {"type": "computer_toolset_20260801", "configs": {}}
MCP = {"type": "mcp_toolset", "mcp_server_name": "files"}

PAIRS = [
    pytest.param({"name": "f", "input_schema": SCHEMA}, Tool("f", parameters=SCHEMA), id="a name"),
    pytest.param(
        {
            "name": "f",
            "description": "Does it.",
            "input_schema": SCHEMA,
            "strict": True,
            "defer_loading": True,
            "cache_control": {"type": "ephemeral"},
        },
        Tool(
            "f",
            "Does it.",
            SCHEMA,
            strict=True,
            cache=CacheMark(),
            options={"defer_loading": True},
        ),
        id="everything",
    ),
    pytest.param(
        {"name": "f", "input_schema": SCHEMA, "strict": False},
        Tool("f", parameters=SCHEMA, strict=False),
        id="expressly not strict",
    ),
    pytest.param(SEARCH, built_in(SEARCH, "web_search", "hosted", max_uses=3), id="web search"),
    pytest.param(BASH, built_in(BASH, "bash", "client"), id="bash, which the app runs"),
    pytest.param(
        MARKED, replace(built_in(MARKED, "bash", "client"), cache=CacheMark()), id="with a mark"
    ),
    pytest.param(
        COMPUTER,
        built_in(COMPUTER, "computer_toolset_20260801", "client", configs={}),
        id="a toolset, which has no name",
    ),
    pytest.param(
        MCP,
        built_in(MCP, "files", "hosted", mcp_server_name="files"),
        id="the tools of a server",
    ),
]


@pytest.mark.parametrize("wire, tool", PAIRS)
def test_a_tool_both_ways(wire: Any, tool: Tool) -> None:
    ctx = own()
    assert decode_tools([wire], ctx) == (tool,)
    assert encode_tools([tool], ctx) == [wire]
    assert codes(ctx) == []


@pytest.mark.parametrize(
    "wire, tool",
    [
        pytest.param(
            {"type": "custom", "name": "f", "input_schema": SCHEMA, "description": ""},
            Tool("f", parameters=SCHEMA),
            id="type custom, and no description",
        ),
        pytest.param({"name": "f"}, Tool("f"), id="no schema"),
        pytest.param(
            {"type": "function", "name": "f", "input_schema": SCHEMA, "strict": None},
            Tool("f", parameters=SCHEMA),
            id="another vendor's type, and null",
        ),
    ],
)
def test_tools_in_other_words(wire: Any, tool: Tool) -> None:
    assert decode_tools([wire], own()) == (tool,)


def test_no_tools() -> None:
    assert decode_tools(None, own()) == ()
    assert encode_tools((), own()) == []


@pytest.mark.parametrize(
    "tools, where, problem",
    [
        pytest.param({}, "tools", "must be a list, not an object", id="an object"),
        pytest.param(["f"], "tools[0]", "must be an object, not a string", id="a string"),
        pytest.param([{}], "tools[0].name", "missing", id="no name"),
        pytest.param(
            [{"name": "f", "input_schema": []}],
            "tools[0].input_schema",
            "must be an object, not a list",
            id="a list for a schema",
        ),
        pytest.param([{"type": 5}], "tools[0].type", "must be a string, not an integer", id="5"),
        pytest.param(
            [{"type": "x", "name": 5}], "tools[0].name", "must be a string, not an integer", id="-"
        ),
    ],
)
def test_malformed_tools_are_refused(tools: Any, where: str, problem: str) -> None:
    with pytest.raises(TransformError) as refused:
        decode_tools(tools, own())
    assert (refused.value.where, refused.value.problem) == (where, problem)


RECURSIVE = {"type": "object", "properties": {"a": {"$ref": "#"}}, "additionalProperties": False}


@pytest.mark.parametrize(
    "tool, strict",
    [
        pytest.param(Tool("f", parameters=CLOSED, strict=True), True, id="a closed schema"),
        pytest.param(Tool("f", parameters=CLOSED, strict=False), None, id="not asked for"),
        pytest.param(Tool("f", parameters=SCHEMA, strict=True), None, id="an open schema"),
        pytest.param(
            Tool("f", parameters={**CLOSED, "minProperties": 1}, strict=True), None, id="a rule"
        ),
        pytest.param(Tool("f", parameters=RECURSIVE, strict=True), None, id="one in itself"),
    ],
)
def test_trap_27_strict_only_where_it_can_be_kept(tool: Tool, strict: bool | None) -> None:
    ctx = from_chat()
    [encoded] = encode_tools([tool], ctx)
    assert encoded.get("strict") is strict
    assert encoded["input_schema"] == tool.parameters
    told = ["the schema of f is not enforced"] if tool.strict and not strict else []
    assert codes(ctx) == ["strict_downgraded"] * len(told)
    assert [note.detail for note in ctx.notes] == told


def test_trap_27_more_than_twenty_strict_tools_are_too_many() -> None:
    tools = [Tool(f"f{n}", parameters=CLOSED, strict=True) for n in range(21)]
    assert all(tool["strict"] for tool in encode_tools(tools[:20], from_chat()))
    assert not any("strict" in tool for tool in encode_tools(tools, from_chat()))


def test_some_servers_know_no_strict() -> None:
    ctx = context("openai_chat", A, Profile(strict_tools=False))
    [tool] = encode_tools([Tool("f", parameters=CLOSED, strict=True)], ctx)
    assert "strict" not in tool


def test_a_tool_without_a_schema_takes_nothing() -> None:
    assert encode_tools([Tool("f")], own()) == [{"name": "f", "input_schema": EMPTY}]


def test_keys_of_another_vendor_are_noted() -> None:
    ctx = from_chat()
    tool = Tool("f", parameters=EMPTY, options={"output_schema": {}}, where="tools[0]")
    assert encode_tools([tool], ctx) == [{"name": "f", "input_schema": EMPTY}]
    assert [(n.code, n.where) for n in ctx.notes] == [("hint_dropped", "tools[0].output_schema")]


def test_web_search_is_one_everybody_has() -> None:
    place = {"type": "approximate", "city": "Bern"}
    options = {"user_location": place, "search_context_size": "low"}
    native = Native("openai_responses", ({"type": "web_search"},))
    tool = Tool("web_search", kind="hosted", options=options, native=native)
    assert encode_tools([tool], from_chat()) == [
        {"type": "web_search_20250305", "name": "web_search", "user_location": place}
    ]


def from_responses(wire: Any, kind: Any = "hosted", **fields: Any) -> Tool:
    native = Native("openai_responses", (wire,))
    return Tool(wire["type"], kind=kind, native=native, where="tools[0]", **fields)


def test_rules_for_searches_that_are_not_known_are_noted() -> None:
    ctx = context("openai_responses", A)
    options = {
        "allowed_domains": ["a.example"],
        "search_context_size": "low",
        "search_content_types": ["text"],
        "later": 1,
    }
    tool = from_responses({"type": "web_search"}, options=options)
    [encoded] = encode_tools([tool], ctx)
    assert encoded["allowed_domains"] == ["a.example"]
    assert [(n.code, n.where) for n in ctx.notes] == [
        ("field_dropped", "tools[0].later"),
        ("hint_dropped", "tools[0].search_content_types"),
        ("hint_dropped", "tools[0].search_context_size"),
    ]


def test_a_search_that_must_not_reach_the_web_becomes_none_that_does() -> None:
    ctx = context("openai_responses", A)
    search = {"type": "web_search", "external_web_access": False}
    tool = Tool(
        "web_search",
        kind="hosted",
        options={"external_web_access": False},
        native=Native("openai_responses", (search,)),
        where="tools[0]",
    )
    assert encode_tools([tool], ctx) == []
    assert [(n.code, n.where) for n in ctx.notes] == [("hosted_tool_dropped", "tools[0]")]


def test_a_search_for_tools_has_its_like_and_the_tools_it_finds() -> None:
    ctx = context("openai_responses", A)
    deferred = Tool("f", parameters=EMPTY, options={"defer_loading": True, "async": True})
    search = from_responses({"type": "tool_search"})
    assert encode_tools([deferred, search], ctx) == [
        {"name": "f", "input_schema": EMPTY, "defer_loading": True},
        {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"},
    ]
    assert codes(ctx) == ["hint_dropped"]


def test_trap_30_a_built_in_tool_of_the_app_is_a_function() -> None:
    ctx = context("openai_responses", A)
    [encoded] = encode_tools([from_responses({"type": "shell"}, "client")], ctx)
    assert encoded["name"] == "shell"
    assert "commands" in encoded["input_schema"]["properties"]
    assert codes(ctx) == []


FILES = Tool("file_search", kind="hosted", native=Native("openai_responses", ({},)))


def test_trap_30_another_vendors_built_in_tools_are_dropped() -> None:
    ctx = from_chat()
    server = Native("openai_responses", ({"type": "mcp", "server_label": "files"},))
    tools = [FILES, Tool("mcp", kind="hosted", native=server), Tool("shell", kind="client")]
    assert encode_tools(tools, ctx) == []
    assert codes(ctx) == ["hosted_tool_dropped", "mcp_dropped", "hosted_tool_dropped"]


SERVER = {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example"}
FREE = {**SERVER, "require_approval": "never"}
PLACE = {"type": "url", "name": "docs", "url": "https://mcp.example"}
TOOLSET = {"type": "mcp_toolset", "mcp_server_name": "docs"}


def some(*names: str) -> dict[str, Any]:
    configs = {"configs": {name: {"enabled": True} for name in names}} if names else {}
    return {**TOOLSET, "default_config": {"enabled": False}, **configs}


def served(item: Any) -> Tool:
    return Tool("docs", kind="hosted", native=Native("openai_responses", (item,)), where="tools[0]")


@pytest.mark.parametrize(
    "fields, place, toolset, noted",
    [
        pytest.param({}, {}, TOOLSET, [], id="all of a server's tools"),
        pytest.param({"authorization": "t"}, {"authorization_token": "t"}, TOOLSET, [], id="token"),
        pytest.param(
            {"headers": {"AUTHORIZATION": "Bearer t"}},
            {"authorization_token": "t"},
            TOOLSET,
            [],
            id="a token in a header",
        ),
        pytest.param({"headers": None, "allowed_tools": None}, {}, TOOLSET, [], id="null"),
        pytest.param({"allowed_tools": ["a", "b"]}, {}, some("a", "b"), [], id="some tools"),
        pytest.param({"allowed_tools": []}, {}, some(), [], id="none of them"),
        pytest.param(
            {"allowed_tools": {"tool_names": ["a"], "read_only": None}},
            {},
            some("a"),
            [],
            id="as a filter",
        ),
        pytest.param(
            {
                "allowed_tools": ["a"],
                "require_approval": {"never": {"tool_names": ["a", "b"]}},
            },
            {},
            some("a"),
            [],
            id="some, and no others without being asked",
        ),
        pytest.param({"defer_loading": True}, {}, TOOLSET, [], id="what nobody searches for"),
        pytest.param(
            {"server_description": "Docs", "allowed_callers": ["direct"]},
            {},
            TOOLSET,
            ["hint_dropped", "hint_dropped"],
            id="what OpenAI alone is told",
        ),
    ],
)
def test_a_server_of_tools_is_a_place_and_a_toolset(
    fields: Any, place: Any, toolset: Any, noted: list[str]
) -> None:
    ctx = context("openai_responses", A)
    tools = [served({**FREE, **fields}), Tool("f")]
    assert encode_servers(tools, ctx) == [{**PLACE, **place}]
    assert encode_tools(tools, ctx) == [toolset, {"name": "f", "input_schema": EMPTY}]
    assert codes(ctx) == noted


def test_the_tools_of_a_server_are_found_by_search() -> None:
    ctx = context("openai_responses", A)
    tools = [served({**FREE, "defer_loading": True}), from_responses({"type": "tool_search"})]
    assert encode_tools(tools, ctx)[0] == {**TOOLSET, "default_config": {"defer_loading": True}}


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(SERVER, id="which has to be asked before each call, by default"),
        pytest.param({**SERVER, "require_approval": "always"}, id="which has to be asked"),
        pytest.param(
            {**FREE, "require_approval": {"never": {"tool_names": ["a"]}}}, id="for most tools"
        ),
        pytest.param(
            {
                **FREE,
                "allowed_tools": ["a", "b"],
                "require_approval": {"never": {"tool_names": ["a"]}},
            },
            id="for one of the tools",
        ),
        pytest.param(
            {**FREE, "allowed_tools": ["a"], "require_approval": {"never": {"read_only": True}}},
            id="for those that change something",
        ),
        pytest.param(
            {**FREE, "allowed_tools": ["a"], "require_approval": {"always": {}}}, id="for some"
        ),
        pytest.param({**FREE, "allowed_tools": {"read_only": True}}, id="known by what they do"),
        pytest.param(
            {**FREE, "server_url": None, "connector_id": "connector_gmail"}, id="OpenAI's"
        ),
        pytest.param({**FREE, "server_url": "http://mcp.example"}, id="without TLS"),
        pytest.param({**FREE, "headers": {"x-team": "1"}}, id="which wants further headers"),
        pytest.param({**FREE, "headers": {"authorization": "Basic x"}}, id="or another credential"),
    ],
)
def test_a_server_that_cannot_be_reached_or_trusted_as_told_is_dropped(item: Any) -> None:
    ctx = context("openai_responses", A)
    assert encode_servers([served(item)], ctx) == encode_tools([served(item)], ctx) == []
    assert [(n.code, n.where) for n in ctx.notes] == [("mcp_dropped", "tools[0]")]


def test_a_server_is_dropped_where_nobody_knows_such() -> None:
    ctx = context("openai_responses", A, COMPATIBLE[A])
    assert encode_servers([served(FREE)], ctx) == encode_tools([served(FREE)], ctx) == []
    assert codes(ctx) == ["mcp_dropped"]


@pytest.mark.parametrize(
    "fields, where",
    [({"allowed_tools": "a"}, "tools[0].allowed_tools"), ({"headers": []}, "tools[0].headers")],
)
def test_a_malformed_server_is_refused(fields: Any, where: str) -> None:
    with pytest.raises(TransformError) as refused:
        encode_servers([served({**FREE, **fields})], context("openai_responses", A))
    assert refused.value.where == where


# --- tools that come and go


def reference(kind: str, **tool: Any) -> dict[str, Any]:
    return {"type": kind, "tool": tool}


DEFINED = {"name": "f", "input_schema": SCHEMA}


@pytest.mark.parametrize(
    "block, name, tool, removed",
    [
        pytest.param(
            reference("tool_addition", type="tool_reference", name="f"), "f", None, False, id="one"
        ),
        pytest.param(
            reference("tool_removal", type="tool_reference", name="f"), "f", None, True, id="goes"
        ),
        pytest.param(
            reference("tool_removal", type="mcp_toolset_reference", server_name="docs"),
            "docs",
            None,
            True,
            id="all of a server",
        ),
        pytest.param(
            reference("tool_addition", type="tool_definition", definition=DEFINED),
            "f",
            Tool("f", parameters=SCHEMA),
            False,
            id="a new one",
        ),
        pytest.param(
            reference("tool_addition", type="tool_definition", definition=MCP),
            "files",
            built_in(MCP, "files", "hosted", mcp_server_name="files"),
            False,
            id="a new server",
        ),
    ],
)
def test_a_tool_comes_or_goes(block: Any, name: str, tool: Tool | None, removed: bool) -> None:
    ctx = own()
    change = decode_tool_change(block, "messages[1].content[0]", ctx)
    native = Native(A, (block,))
    assert change == ToolChangePart(name, tool, removed=removed, native=native)
    assert change.where == "messages[1].content[0].tool"
    assert codes(ctx) == []


@pytest.mark.parametrize(
    "block",
    [
        pytest.param({"type": "text", "text": "f"}, id="a text"),
        pytest.param(
            reference("tool_removal", type="mcp_tool_reference", server_name="s", name="f"),
            id="one tool of a server",
        ),
        pytest.param(
            reference("tool_removal", type="tool_definition", definition=DEFINED), id="no removal"
        ),
        pytest.param(reference("tool_addition", type="hologram"), id="an unknown reference"),
    ],
)
def test_other_blocks_change_no_tool(block: Any) -> None:
    assert decode_tool_change(block, "b", own()) is None


@pytest.mark.parametrize(
    "block, where",
    [
        ({"type": "tool_addition"}, "b.tool"),
        (reference("tool_addition"), "b.tool.type"),
        (reference("tool_addition", type="tool_reference"), "b.tool.name"),
        (reference("tool_addition", type="mcp_toolset_reference"), "b.tool.server_name"),
        (reference("tool_addition", type="tool_definition"), "b.tool.definition"),
    ],
)
def test_a_malformed_change_is_refused(block: Any, where: str) -> None:
    with pytest.raises(TransformError) as refused:
        decode_tool_change(block, "b", own())
    assert refused.value.where == where


def test_a_tool_is_no_part_of_the_request() -> None:
    encode_tools(decode_tools([BASH], own()), own())[0]["cache_control"] = {}
    assert "cache_control" not in BASH


# --- the choice


@pytest.mark.parametrize(
    "wire, choice, parallel",
    [
        pytest.param(None, None, None, id="none given"),
        pytest.param({"type": "auto"}, ToolChoice("auto"), None, id="auto"),
        pytest.param({"type": "any"}, ToolChoice("required"), None, id="any"),
        pytest.param({"type": "none"}, ToolChoice("none"), None, id="none"),
        pytest.param({"type": "tool", "name": "f"}, ToolChoice("tool", "f"), None, id="a tool"),
        pytest.param(
            {"type": "auto", "disable_parallel_tool_use": True},
            ToolChoice("auto"),
            False,
            id="one call at a time",
        ),
    ],
)
def test_trap_28_a_choice_both_ways(
    wire: Any, choice: ToolChoice | None, parallel: bool | None
) -> None:
    ctx = own()
    assert decode_tool_choice(wire) == (choice, parallel)
    assert encode_tool_choice(choice, parallel, [Tool("f")], [{"name": "f"}], ctx) == wire
    assert codes(ctx) == []


def test_parallel_calls_are_the_default() -> None:
    given = {"type": "auto", "disable_parallel_tool_use": False}
    assert decode_tool_choice(given) == (ToolChoice("auto"), None)
    assert encode_tool_choice(ToolChoice("auto"), True, [], [{"name": "f"}], own()) == {
        "type": "auto"
    }


@pytest.mark.parametrize(
    "choice, where, problem",
    [
        pytest.param("auto", "tool_choice", "must be an object, not a string", id="a string"),
        pytest.param({}, "tool_choice.type", "missing", id="no type"),
        pytest.param(
            {"type": "required"},
            "tool_choice.type",
            '"required" is not one of auto, any, tool, none',
            id="another vendor's word",
        ),
        pytest.param({"type": "tool"}, "tool_choice.name", "missing", id="no name"),
        pytest.param(
            {"type": "auto", "disable_parallel_tool_use": 1},
            "tool_choice.disable_parallel_tool_use",
            "must be true or false, not an integer",
            id="1 for true",
        ),
    ],
)
def test_a_malformed_choice_is_refused(choice: Any, where: str, problem: str) -> None:
    with pytest.raises(TransformError) as refused:
        decode_tool_choice(choice)
    assert (refused.value.where, refused.value.problem) == (where, problem)


F, G = Tool("f"), Tool("g")
ALONE = {"disable_parallel_tool_use": True}


@pytest.mark.parametrize(
    "choice, parallel, wire, noted",
    [
        pytest.param(None, False, {"type": "auto", **ALONE}, [], id="only one at a time"),
        pytest.param(None, True, None, [], id="nothing but the default"),
        pytest.param(ToolChoice("none"), False, {"type": "none"}, [], id="none has no number"),
        pytest.param(
            ToolChoice("required"), False, {"type": "any", **ALONE}, [], id="any, one at a time"
        ),
        pytest.param(
            ToolChoice("allowed", tools=("f", "g")),
            None,
            {"type": "auto"},
            ["tool_subset_unenforced"],
            id="some of the tools",
        ),
        pytest.param(
            ToolChoice("allowed", tools=("f", "g"), required=True),
            None,
            {"type": "any"},
            ["tool_subset_unenforced"],
            id="one of some of the tools",
        ),
        pytest.param(
            ToolChoice("allowed", tools=("f",), required=True),
            None,
            {"type": "tool", "name": "f"},
            [],
            id="one of one",
        ),
        pytest.param(
            ToolChoice("tool", "unheard"), None, {"type": "tool", "name": "unheard"}, [], id="?"
        ),
    ],
)
def test_choices_of_other_clients(
    choice: ToolChoice | None, parallel: bool | None, wire: Any, noted: list[str]
) -> None:
    ctx = from_chat()
    offered = [{"name": "f"}, {"name": "g"}]
    assert encode_tool_choice(choice, parallel, [F, G], offered, ctx) == wire
    assert codes(ctx) == noted


def test_trap_31_a_call_of_any_tool_cannot_be_demanded_when_all_are_gone() -> None:
    with pytest.raises(TransformError) as refused:
        encode_tool_choice(ToolChoice("required"), None, [FILES], [], from_chat())
    assert (refused.value.where, refused.value.code) == ("tool_choice", "hosted_tool_unsupported")


def test_trap_28_a_choice_without_tools_is_dropped() -> None:
    ctx = from_chat()
    assert encode_tool_choice(ToolChoice("auto"), False, [], [], ctx) is None
    assert encode_tool_choice(None, False, [], [], ctx) is None
    assert codes(ctx) == ["hint_dropped"]


@pytest.mark.parametrize(
    "choice, tools",
    [
        pytest.param(ToolChoice("tool", "file_search"), [FILES], id="by its name"),
        pytest.param(
            ToolChoice("tool", "computer", native=Native("openai_responses", ({},))), [], id="kind"
        ),
    ],
)
def test_a_tool_that_is_not_there_cannot_be_demanded(choice: ToolChoice, tools: list[Tool]) -> None:
    with pytest.raises(TransformError) as refused:
        encode_tool_choice(choice, None, tools, [{"name": "f"}], from_chat())
    assert refused.value.code == "hosted_tool_unsupported"
