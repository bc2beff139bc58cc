"""Tools and choices: where they stand, in what forms, and what becomes of other vendors' own."""

from typing import Any

import pytest

from bridge.transform.context import Context, context
from bridge.transform.model import CacheMark, HostedList, Native, Protocol, Tool, ToolChoice
from bridge.transform.notes import TransformError
from bridge.transform.openai_responses.tools import (
    decode_tool_choice,
    decode_tools,
    encode_hosted,
    encode_tool_choice,
    encode_tools,
)
from bridge.transform.profile import Profile

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
STRICT = {**SCHEMA, "required": ["a"], "additionalProperties": False}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: x"}


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def function(name: str = "f", **more: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, **more}


def namespace(name: str, *tools: Any, description: str = "") -> dict[str, Any]:
    return {"type": "namespace", "name": name, "description": description, "tools": list(tools)}


def built_in(wire: Any, name: str, kind: Any = "hosted", **options: Any) -> Tool:
    return Tool(name, kind=kind, options=options, native=Native(R, (wire,)))


# --- definitions

PLACE = {"type": "approximate", "city": "Oslo"}
MCP = {"type": "mcp", "server_label": "files", "server_url": "https://a.example"}
SEARCH = {"type": "tool_search", "execution": "client", "description": "Finds.", "parameters": {}}


@pytest.mark.parametrize(
    "wire, tools",
    [
        pytest.param([], [], id="none"),
        pytest.param(
            [function(description="d", parameters=SCHEMA, strict=True)],
            [Tool("f", "d", SCHEMA, strict=True)],
            id="a function",
        ),
        pytest.param(
            [function(strict=False, defer_loading=True, output_schema={})],
            [Tool("f", strict=False, options={"defer_loading": True, "output_schema": {}})],
            id="with further keys",
        ),
        pytest.param(
            [{"type": "custom", "name": "c", "description": "d", "format": GRAMMAR}],
            [Tool("c", "d", kind="custom", format=GRAMMAR)],
            id="a freeform tool",
        ),
        pytest.param(
            [{"type": "custom", "name": "c", "defer_loading": True}],
            [Tool("c", kind="custom", options={"defer_loading": True})],
            id="one without a form",
        ),
        pytest.param(
            [function(), namespace("ns", function("g"), {"type": "custom", "name": "c"})],
            [Tool("f"), Tool("g", namespace="ns"), Tool("c", kind="custom", namespace="ns")],
            id="trap 30: a namespace",
        ),
        pytest.param(
            [namespace("ns", function()), namespace("ms", function())],
            [Tool("f", namespace="ns"), Tool("f", namespace="ms")],
            id="two namespaces",
        ),
        pytest.param(
            [{"type": "web_search_preview", "search_context_size": "low"}],
            [
                built_in(
                    {"type": "web_search_preview", "search_context_size": "low"},
                    "web_search",
                    search_context_size="low",
                )
            ],
            id="web search of any age",
        ),
        pytest.param(
            [
                {
                    "type": "web_search",
                    "filters": {"allowed_domains": ["a.example"]},
                    "user_location": {"city": "Oslo", "region": None},
                }
            ],
            [
                built_in(
                    {
                        "type": "web_search",
                        "filters": {"allowed_domains": ["a.example"]},
                        "user_location": {"city": "Oslo", "region": None},
                    },
                    "web_search",
                    allowed_domains=["a.example"],
                    user_location=PLACE,
                )
            ],
            id="web search with its rules",
        ),
        pytest.param(
            [{"type": "web_search", "external_web_access": True, "search_content_types": ["text"]}],
            [
                built_in(
                    {
                        "type": "web_search",
                        "external_web_access": True,
                        "search_content_types": ["text"],
                    },
                    "web_search",
                    search_content_types=["text"],
                )
            ],
            id="web search with what it may find, and its default",
        ),
        pytest.param(
            [{"type": "web_search", "external_web_access": False, "filters": {"later": [1]}}],
            [
                built_in(
                    {
                        "type": "web_search",
                        "external_web_access": False,
                        "filters": {"later": [1]},
                    },
                    "web_search",
                    external_web_access=False,
                    later=[1],
                )
            ],
            id="web search without the web, and rules to come",
        ),
        pytest.param([MCP], [built_in(MCP, "files")], id="tools of a server"),
        pytest.param(
            [{"type": "x_search"}], [built_in({"type": "x_search"}, "x_search")], id="others"
        ),
        pytest.param(
            [{"type": "local_shell"}],
            [built_in({"type": "local_shell"}, "local_shell", "client")],
            id="a local shell",
        ),
        pytest.param(
            [{"type": "shell", "environment": {"type": "local"}}],
            [built_in({"type": "shell", "environment": {"type": "local"}}, "shell", "client")],
            id="a shell of the app",
        ),
        pytest.param(
            [{"type": "shell", "environment": {"type": "container_auto"}}],
            [built_in({"type": "shell", "environment": {"type": "container_auto"}}, "shell")],
            id="a shell of OpenAI",
        ),
        pytest.param(
            [SEARCH],
            [Tool("tool_search", "Finds.", {}, kind="client", native=Native(R, (SEARCH,)))],
            id="a search for tools, of the app",
        ),
        pytest.param(
            [{"type": "tool_search"}],
            [built_in({"type": "tool_search"}, "tool_search")],
            id="and of OpenAI",
        ),
    ],
)
def test_a_definition_both_ways(wire: list[Any], tools: list[Tool]) -> None:
    ctx = context(R, R)
    assert list(decode_tools({"tools": wire}, ctx)) == tools
    assert encode_tools(tools, ctx) == wire
    assert codes(ctx) == []


SKILLS = {"type": "local", "skills": [{"name": "n", "description": "d", "path": "p"}]}


@pytest.mark.parametrize("upstream", [A, C, R])
def test_what_a_function_cannot_say_of_a_shell_is_noted(upstream: Protocol) -> None:
    shell = {"type": "shell", "environment": SKILLS, "later": 1, "allowed_callers": ["direct"]}
    plain = [{"type": "shell", "environment": {"type": "local"}}, {"type": "local_shell"}, SEARCH]
    ctx = context(R, upstream)
    decode_tools({"tools": [function(), *plain, shell, {"type": "x_search", "a": 1}]}, ctx)
    noted = [
        ("hint_dropped", "tools[4].allowed_callers"),
        ("hint_dropped", "tools[4].later"),
        ("field_dropped", "tools[4].environment.skills"),
    ]
    assert [(n.code, n.where) for n in ctx.notes] == ([] if upstream == R else noted)


@pytest.mark.parametrize(
    "wire, tools",
    [
        pytest.param(None, [], id="null"),
        pytest.param([{"name": "f"}], [Tool("f")], id="without a type"),
        pytest.param(
            [function(description=None, parameters=None, strict=None)], [Tool("f")], id="nulls"
        ),
        pytest.param(
            [function(description="d", function={"description": "x", "parameters": SCHEMA})],
            [Tool("f", "d", SCHEMA)],
            id="what Chat has one level below, as well",
        ),
        pytest.param(
            [{"type": "function", "function": {"name": "f", "strict": True}}],
            [Tool("f", strict=True)],
            id="or only there",
        ),
        pytest.param(
            [namespace("ns", function(description="d"), function("g"), description="About ns.")],
            [
                Tool("f", "About ns.\n\nd", namespace="ns"),
                Tool("g", "About ns.", namespace="ns"),
            ],
            id="what a namespace says is said of each of its tools",
        ),
        pytest.param(
            [namespace("functions", function())], [Tool("f")], id="the default namespace (Codex)"
        ),
    ],
)
def test_a_definition_in_other_words(wire: Any, tools: list[Tool]) -> None:
    assert list(decode_tools({"tools": wire}, context(R, R))) == tools


USER = {"role": "user", "content": "hi"}


def adding(*tools: Any) -> dict[str, Any]:
    return {"type": "additional_tools", "role": "developer", "tools": list(tools)}


def found(*tools: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_search_output", "tools": list(tools), **more}


@pytest.mark.parametrize(
    "given, names, noted",
    [
        pytest.param([adding(function("g"))], ["f", "g"], [], id="before the conversation"),
        pytest.param(
            [
                {"role": "developer", "content": "d"},
                {"type": "configuration_update"},
                adding(namespace("functions", function("g"))),
                adding(function("g"), function("h")),
                USER,
            ],
            ["f", "g", "h"],
            [],
            id="system text and settings do not begin it",
        ),
        pytest.param([USER, adding(function("g"))], ["f"], [], id="later ones have their place"),
        pytest.param(
            [USER, found(function("g"), execution="client")],
            ["f", "g"],
            ["tools_prefix_changed"],
            id="found by the app",
        ),
        pytest.param(
            [USER, found(namespace("f", function("f")))],
            ["f"],
            [],
            id="found by OpenAI, in a namespace of its own name, among those it knew",
        ),
        pytest.param([USER, adding(function())], ["f"], [], id="known before"),
    ],
)
def test_trap_30_tools_stand_in_items_too(
    given: list[Any], names: list[str], noted: list[str]
) -> None:
    ctx = context(R, A)
    tools = decode_tools({"tools": [function()], "input": given}, ctx)
    assert [tool.name for tool in tools] == names
    assert not any(tool.namespace for tool in tools)
    assert codes(ctx) == noted


def test_the_same_name_in_two_namespaces_is_two_tools() -> None:
    tools = [namespace("ns", function()), namespace("ms", function())]
    found = decode_tools({"tools": tools[:1], "input": [adding(*tools)]}, context(R, A))
    assert [tool.namespace for tool in found] == ["ns", "ms"]


@pytest.mark.parametrize(
    "body, where",
    [
        pytest.param({"tools": {}}, "tools", id="no list"),
        pytest.param({"tools": [1]}, "tools[0]", id="no object"),
        pytest.param({"tools": [{"type": "function"}]}, "tools[0].name", id="no name"),
        pytest.param({"tools": [{"type": "custom"}]}, "tools[0].name", id="none here either"),
        pytest.param(
            {"tools": [{"type": "namespace", "name": "n"}]}, "tools[0].tools", id="no tools"
        ),
        pytest.param(
            {"tools": [{"type": "namespace", "tools": []}]}, "tools[0].name", id="no namespace"
        ),
        pytest.param(
            {"tools": [namespace("n", {"type": "function"})]},
            "tools[0].tools[0].name",
            id="no name in a namespace",
        ),
        pytest.param({"tools": [function(parameters=[])]}, "tools[0].parameters", id="a list"),
        pytest.param(
            {"input": [adding({"type": "function"})]}, "input[0].tools[0].name", id="in an item"
        ),
        pytest.param(
            {"tools": [{"type": "web_search", "filters": 5}]}, "tools[0].filters", id="a rule"
        ),
    ],
)
def test_a_fault_is_named_with_its_place(body: dict[str, Any], where: str) -> None:
    with pytest.raises(TransformError) as raised:
        decode_tools(body, context(R, R))
    assert raised.value.where == where


def anthropic(wire: Any, name: str = "x", kind: Any = "hosted", **options: Any) -> Tool:
    return Tool(name, kind=kind, options=options, native=Native(A, (wire,)))


@pytest.mark.parametrize(
    "client, tool, encoded, noted",
    [
        pytest.param(
            A,
            Tool("f", "d", SCHEMA),
            [function(description="d", parameters=SCHEMA, strict=False)],
            [],
            id="absent would mean strict, so it is said",
        ),
        pytest.param(C, Tool("f", strict=False), [function(strict=False)], [], id="so it is"),
        pytest.param(
            A,
            Tool("f", None, STRICT, strict=True),
            [function(parameters=STRICT, strict=True)],
            [],
            id="Anthropic's strict, where OpenAI would call it so",
        ),
        pytest.param(
            A,
            Tool("f", None, SCHEMA, strict=True),
            [function(parameters=SCHEMA, strict=False)],
            ["strict_downgraded"],
            id="trap 27: and where it would not",
        ),
        pytest.param(
            C,
            Tool("f", None, SCHEMA, strict=True),
            [function(parameters=SCHEMA, strict=True)],
            [],
            id="OpenAI's own strict",
        ),
        pytest.param(
            A,
            Tool("f", options={"defer_loading": True}, cache=CacheMark()),
            [function(strict=False)],
            ["hint_dropped", "hint_dropped"],
            id="what nobody has here",
        ),
        pytest.param(
            C,
            Tool("c", kind="custom", format=GRAMMAR),
            [{"type": "custom", "name": "c", "format": GRAMMAR}],
            [],
            id="trap 29: a freeform tool stays one",
        ),
        pytest.param(
            A,
            anthropic(
                {"type": "web_search_20250305"},
                "web_search",
                allowed_domains=["a.example"],
                user_location=PLACE,
                max_uses=3,
            ),
            [
                {
                    "type": "web_search",
                    "filters": {"allowed_domains": ["a.example"]},
                    "user_location": PLACE,
                }
            ],
            ["field_dropped"],
            id="web search, but for its limit",
        ),
        pytest.param(
            C,
            Tool("web_search", kind="hosted", options={"search_context_size": "low"}),
            [{"type": "web_search", "search_context_size": "low"}],
            [],
            id="web search of Chat",
        ),
        pytest.param(
            A,
            anthropic({"type": "code_execution_20250825"}),
            [],
            ["server_tool_dropped"],
            id="trap 30: a tool that Anthropic runs",
        ),
        pytest.param(
            C,
            Tool("x", kind="hosted", native=Native(C, ({"type": "openrouter:x"},))),
            [],
            ["hosted_tool_dropped"],
            id="a tool of a gateway",
        ),
        pytest.param(
            A,
            anthropic({"type": "mcp_toolset"}, mcp_server_name="files"),
            [],
            ["mcp_dropped"],
            id="tools of a server that is not there",
        ),
        pytest.param(
            A,
            anthropic({"type": "browser_20300101"}, kind="client"),
            [],
            ["server_tool_dropped"],
            id="a tool of the app that nobody knows",
        ),
        pytest.param(
            C, Tool("x", kind="client"), [], ["hosted_tool_dropped"], id="of no definition"
        ),
    ],
)
def test_a_tool_is_written(client: Protocol, tool: Tool, encoded: Any, noted: list[str]) -> None:
    ctx = context(client, R)
    assert encode_tools([tool], ctx) == encoded
    assert codes(ctx) == noted


def test_trap_30_a_built_in_tool_of_the_app_is_a_function() -> None:
    ctx = context(A, R)
    [encoded] = encode_tools([anthropic({"type": "bash_20250124"}, "bash", "client")], ctx)
    assert (encoded["type"], encoded["name"], encoded["strict"]) == ("function", "bash", False)
    assert "command" in encoded["parameters"]["properties"]
    assert codes(ctx) == []


def test_a_search_for_tools_finds_those_that_are_deferred() -> None:
    ctx = context(A, R)
    deferred = Tool("f", options={"defer_loading": True, "input_examples": []})
    search = anthropic({"type": "tool_search_tool_regex_20251119"}, "tool_search_tool_regex")
    assert encode_tools([search, deferred], ctx) == [
        {"type": "tool_search"},
        function(strict=False, defer_loading=True),
    ]
    assert codes(ctx) == ["hint_dropped"]


def test_strict_is_left_out_where_a_server_does_not_know_it() -> None:
    for client in (A, R):
        ctx = context(client, R, Profile(strict_tools=False))
        tools = [Tool("f", None, STRICT, strict=True), Tool("g")]
        assert encode_tools(tools, ctx) == [function(parameters=STRICT), function("g")]
        assert codes(ctx) == ["strict_downgraded"]


SERVER = {"type": "url", "name": "files", "url": "https://a.example", "authorization_token": "t"}
ITEM = {
    "type": "mcp",
    "server_label": "files",
    "server_url": "https://a.example",
    "authorization": "t",
    "require_approval": "never",
}
OPENED, CLOSED = {"enabled": True}, {"enabled": False}


def toolset(**options: Any) -> Tool:
    return anthropic({"type": "mcp_toolset"}, mcp_server_name="files", **options)


@pytest.mark.parametrize(
    "tools, server, items, noted",
    [
        pytest.param([toolset()], SERVER, [ITEM], [], id="all tools of a server"),
        pytest.param([toolset(configs={"a": OPENED})], SERVER, [ITEM], [], id="all, said aloud"),
        pytest.param(
            [toolset(default_config=CLOSED, configs={"a": OPENED, "b": CLOSED, "c": OPENED})],
            SERVER,
            [{**ITEM, "allowed_tools": ["a", "c"]}],
            [],
            id="some of them",
        ),
        pytest.param(
            [toolset(default_config=CLOSED, configs={"a": OPENED, "b": {}, "c": None})],
            SERVER,
            [{**ITEM, "allowed_tools": ["a"]}],
            [],
            id="for the others the default holds",
        ),
        pytest.param(
            [toolset(default_config={"enabled": None}, configs={"a": {"enabled": None}})],
            SERVER,
            [ITEM],
            [],
            id="null is no word on it",
        ),
        pytest.param(
            [toolset(default_config=CLOSED, configs={"a": {}})],
            SERVER,
            [],
            ["mcp_dropped"],
            id="none of them",
        ),
        pytest.param(
            [toolset(configs={"a": CLOSED})],
            SERVER,
            [],
            ["mcp_dropped"],
            id="all but some: those could not be kept out",
        ),
        pytest.param(
            [],
            {**SERVER, "tool_configuration": {"enabled": True, "allowed_tools": ["a"]}},
            [{**ITEM, "allowed_tools": ["a"]}],
            [],
            id="the older form",
        ),
        pytest.param([], {**SERVER, "tool_configuration": CLOSED}, [], [], id="switched off"),
    ],
)
def test_the_servers_of_an_anthropic_client_are_tools(
    tools: list[Tool], server: Any, items: list[Any], noted: list[str]
) -> None:
    ctx = context(A, R)
    assert encode_tools(tools, ctx, [server]) == items
    assert codes(ctx) == noted


LISTED = {"name": "f", "description": "Does it.", "input_schema": SCHEMA}


def test_the_tools_that_a_server_has_are_listed() -> None:
    tools = ({**LISTED, "odd": 1}, {"name": "g", "description": None, "input_schema": {}})
    assert encode_hosted(HostedList("docs", tools)) == {
        "type": "mcp_list_tools",
        "server_label": "docs",
        "tools": [LISTED, {"name": "g", "input_schema": {}}],
    }


# --- the choice


@pytest.mark.parametrize(
    "choice, expected",
    [
        pytest.param(None, None, id="none"),
        pytest.param("auto", ToolChoice("auto"), id="auto"),
        pytest.param("none", ToolChoice("none"), id="none stays none"),
        pytest.param("required", ToolChoice("required"), id="required"),
        pytest.param({"type": "auto"}, ToolChoice("auto"), id="auto, as an object"),
        pytest.param(function(), ToolChoice("tool", "f"), id="a function"),
        pytest.param(
            {"type": "function", "function": {"name": "f"}},
            ToolChoice("tool", "f"),
            id="as Chat writes it",
        ),
        pytest.param(
            function(namespace="ns"), ToolChoice("tool", "ns__f"), id="one of a namespace"
        ),
        pytest.param(
            {"type": "custom", "name": "c"}, ToolChoice("tool", "c", "custom"), id="freeform"
        ),
        pytest.param(
            {"type": "allowed_tools", "mode": "required", "tools": [function(), {"name": "g"}]},
            ToolChoice("allowed", tools=("f", "g"), required=True),
            id="a subset",
        ),
        pytest.param(
            {"type": "allowed_tools", "tools": [function()]},
            ToolChoice("allowed", tools=("f",)),
            id="a subset, if any",
        ),
        pytest.param(
            {"type": "web_search_preview"},
            ToolChoice("tool", "web_search", native=Native(R, ({"type": "web_search_preview"},))),
            id="a hosted tool",
        ),
        pytest.param(
            {"type": "mcp", "server_label": "files"},
            ToolChoice(
                "tool", "files", native=Native(R, ({"type": "mcp", "server_label": "files"},))
            ),
            id="a server",
        ),
        pytest.param(
            {"type": "apply_patch"},
            ToolChoice("tool", "apply_patch", native=Native(R, ({"type": "apply_patch"},))),
            id="a tool of the app",
        ),
    ],
)
def test_trap_28_a_choice_is_read(choice: Any, expected: ToolChoice | None) -> None:
    ctx = context(R, R)
    assert decode_tool_choice({"tool_choice": choice}, ctx) == expected
    assert codes(ctx) == []


@pytest.mark.parametrize("mode, expected", [("required", "required"), ("auto", "auto")])
def test_hosted_tools_are_no_part_of_a_subset(mode: str, expected: Any) -> None:
    ctx = context(R, A)
    hosted = [{"type": "image_generation"}]
    choice = {"type": "allowed_tools", "mode": mode, "tools": [*hosted, function()]}
    decoded = decode_tool_choice({"tool_choice": choice}, ctx)
    assert decoded == ToolChoice("allowed", tools=("f",), required=mode == "required")
    choice["tools"] = hosted
    assert decode_tool_choice({"tool_choice": choice}, ctx) == ToolChoice(expected)
    assert [(n.code, n.where) for n in ctx.notes] == [
        ("hosted_tool_dropped", "tool_choice.tools[0]")
    ]


@pytest.mark.parametrize(
    "choice, where",
    [
        pytest.param("any", "tool_choice", id="a word"),
        pytest.param(5, "tool_choice", id="a number"),
        pytest.param({}, "tool_choice.type", id="no type"),
        pytest.param({"type": "function"}, "tool_choice.name", id="no name"),
        pytest.param({"type": "allowed_tools"}, "tool_choice.tools", id="no tools"),
        pytest.param({"type": "allowed_tools", "tools": [1]}, "tool_choice.tools[0]", id="none"),
        pytest.param(
            {"type": "allowed_tools", "tools": [{"type": "function"}]},
            "tool_choice.tools[0].name",
            id="a tool without a name",
        ),
        pytest.param(
            {"type": "allowed_tools", "tools": [], "mode": "x"}, "tool_choice.mode", id="a mode"
        ),
    ],
)
def test_a_choice_nobody_has_is_named(choice: Any, where: str) -> None:
    with pytest.raises(TransformError) as raised:
        decode_tool_choice({"tool_choice": choice}, context(R, R))
    assert raised.value.where == where


F, CUSTOM = Tool("f"), Tool("c", kind="custom")
WEB = Tool("web_search", kind="hosted")
FORCED_WEB = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}]}


@pytest.mark.parametrize(
    "choice, encoded",
    [
        pytest.param(None, None, id="none"),
        pytest.param(ToolChoice("auto"), "auto", id="auto"),
        pytest.param(ToolChoice("required"), "required", id="required"),
        pytest.param(ToolChoice("none"), "none", id="none stays none"),
        pytest.param(ToolChoice("tool", "f"), function(), id="a function"),
        pytest.param(ToolChoice("tool", "c"), {"type": "custom", "name": "c"}, id="by its kind"),
        pytest.param(ToolChoice("tool", "unheard"), function("unheard"), id="who knows"),
        pytest.param(ToolChoice("tool", "web_search"), FORCED_WEB, id="a hosted tool"),
        pytest.param(
            ToolChoice("allowed", tools=("f", "c"), required=True),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [function(), {"type": "custom", "name": "c"}],
            },
            id="a subset",
        ),
        pytest.param(
            ToolChoice("allowed", tools=("f",)),
            {"type": "allowed_tools", "mode": "auto", "tools": [function()]},
            id="a subset, if any",
        ),
    ],
)
def test_trap_28_a_choice_is_written(choice: ToolChoice | None, encoded: Any) -> None:
    ctx = context(A, R)
    tools = [F, CUSTOM, WEB]
    assert encode_tool_choice(choice, tools, encode_tools(tools, ctx), ctx) == encoded
    assert codes(ctx) == []


def test_a_clients_own_choice_comes_out_as_it_went_in() -> None:
    choice = {"type": "mcp", "server_label": "files", "name": "read"}
    decoded = decode_tool_choice({"tool_choice": choice}, context(R, R))
    assert encode_tool_choice(decoded, [], [], context(R, R)) == choice


def test_trap_31_a_call_of_any_tool_cannot_be_demanded_when_all_are_gone() -> None:
    gone = anthropic({"type": "web_fetch_20260318"}, "web_fetch")
    with pytest.raises(TransformError) as refused:
        encode_tool_choice(ToolChoice("required"), [gone], [], context(A, R))
    assert (refused.value.where, refused.value.code) == ("tool_choice", "hosted_tool_unsupported")


def test_trap_28_a_choice_without_tools_is_dropped() -> None:
    ctx = context(A, R)
    assert encode_tool_choice(ToolChoice("required"), [], [], ctx) is None
    assert codes(ctx) == ["hint_dropped"]


@pytest.mark.parametrize("name", ["code_execution", "web_search"])
def test_a_tool_that_is_not_there_cannot_be_demanded(name: str) -> None:
    tools = [F, anthropic({"type": "code_execution_1"}, name)]
    with pytest.raises(TransformError) as raised:
        encode_tool_choice(ToolChoice("tool", name), tools, [function()], context(A, R))
    assert raised.value.code == "hosted_tool_unsupported"
