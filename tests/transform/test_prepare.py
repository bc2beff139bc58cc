"""Requests made fit for their upstream: names it accepts, kinds of tools it has, the way back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.context import Context, context
from bridge.transform.families import COMPATIBLE
from bridge.transform.model import (
    Message,
    Native,
    NativePart,
    Part,
    Protocol,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChangePart,
    ToolChoice,
    ToolResultPart,
)
from bridge.transform.names import tool_name
from bridge.transform.notes import TransformError
from bridge.transform.prepare import Toolbox, Wire, full_name, prepare, without_tools
from bridge.transform.profile import Profile

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}}
CHOICES = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": 'start: "a"'}
LONG = "mcp__files__" + "x" * 70


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def asked(*tools: Tool, messages: tuple[Message, ...] = (), **fields: Any) -> Request:
    return Request(C, "m", messages, tools, **fields)


def prepared(request: Request, ctx: Context) -> Request:
    return prepare(request, ctx)[0]


def called(*calls: ToolCallPart, parts: tuple[Part, ...] = (TextPart("r"),)) -> tuple[Message, ...]:
    results = tuple(ToolResultPart(call.id, parts, kind=call.kind) for call in calls)
    return Message("assistant", calls), Message("tool", results)


def input_schema(tool: Tool) -> Any:
    return tool.parameters["properties"]["input"]


# --- names


@pytest.mark.parametrize(
    "name, namespace, full",
    [
        pytest.param("f", None, "f", id="without a namespace"),
        pytest.param("f", "", "f", id="with an empty one"),
        pytest.param("f", "functions", "f", id="in the default one"),
        pytest.param("f", "files", "files__f", id="in one of its own"),
    ],
)
def test_the_full_name_of_a_tool(name: str, namespace: str | None, full: str) -> None:
    assert full_name(name, namespace) == full


def test_trap_26_a_long_name_gets_one_alias_in_tools_history_and_choice() -> None:
    call = ToolCallPart("1", LONG, "{}")
    request = asked(Tool(LONG), messages=called(call), tool_choice=ToolChoice("tool", LONG))
    sent, toolbox = prepare(request, context(A, C))
    alias = tool_name(LONG, C)
    assert len(alias) == 64
    assert [tool.name for tool in sent.tools] == [alias]
    assert sent.messages[0].parts[0] == ToolCallPart("1", alias, "{}")
    assert sent.tool_choice == ToolChoice("tool", alias)
    assert toolbox.tools[alias] == Tool(LONG)


def test_trap_26_the_names_of_a_subset_are_aliased_too() -> None:
    choice = ToolChoice("allowed", tools=(LONG, "f"), required=True)
    sent = prepared(asked(Tool(LONG), Tool("f"), tool_choice=choice), context(A, C))
    assert sent.tool_choice == ToolChoice("allowed", tools=(tool_name(LONG, C), "f"), required=True)


def test_trap_26_two_names_that_would_become_one_are_refused() -> None:
    with pytest.raises(TransformError, match="both become") as refused:
        prepare(asked(Tool("a b"), Tool(tool_name("a b", C))), context(A, C))
    assert refused.value.code == "tool_name_collision"


def test_trap_30_namespaces_become_part_of_the_name() -> None:
    tool, call = Tool("read", namespace="files"), ToolCallPart("1", "read", "{}", namespace="files")
    sent, toolbox = prepare(asked(tool, Tool("read"), messages=called(call)), context(R, A))
    assert [(t.name, t.namespace) for t in sent.tools] == [("files__read", None), ("read", None)]
    assert sent.messages[0].parts == (ToolCallPart("1", "files__read", "{}"),)
    assert toolbox.tools["files__read"] is tool


def test_trap_30_a_call_without_a_namespace_belongs_to_the_default_one() -> None:
    tool = Tool("read", namespace="functions")
    sent, toolbox = prepare(
        asked(tool, messages=called(ToolCallPart("1", "read", "{}"))), context(R, A)
    )
    assert sent.tools[0].name == "read" and toolbox.tools["read"] is tool


def test_a_tool_that_comes_later_is_made_fit_like_the_others() -> None:
    late = (Tool(LONG), Tool("read", namespace="files"), Tool("c", kind="custom"))
    changes = Message("developer", tuple(ToolChangePart(tool.name, tool) for tool in late))
    ctx = context(R, A)
    ctx.model = "claude-opus-5"
    user = Message("user", (TextPart("hi"),))
    sent, toolbox = prepare(asked(messages=(user, changes)), ctx)
    added = [part for part in sent.messages[1].parts if isinstance(part, ToolChangePart)]
    names = [tool_name(LONG, A), "files__read", "c"]
    assert [part.name for part in added] == names
    assert [part.tool and part.tool.name for part in added] == names
    assert all(part.tool and part.tool.kind == "function" for part in added)
    assert [toolbox.tools[name] for name in names] == [*late]


def test_a_tool_that_goes_is_no_tool_to_be_made_fit() -> None:
    gone = Message("system", (ToolChangePart("f", removed=True, native=Native(A, ({},))),))
    assert prepared(asked(Tool("f"), messages=(gone,)), context(A, C)).tools == ()


def test_trap_31_a_model_without_its_tools_is_told_so_behind_what_it_is_told_first() -> None:
    system, user = Message("system", (TextPart("s"),)), Message("user", (TextPart("u"),))
    tools = (Tool("web_fetch", kind="hosted"), Tool("advisor", kind="hosted"))
    for messages, place in (((system, user, system), 1), ((user,), 0), ((system,), 1)):
        request = without_tools(asked(*tools, messages=messages))
        (text,) = request.messages[place].parts
        assert isinstance(text, TextPart) and "web_fetch, advisor" in text.text
        others = [*request.messages[:place], *request.messages[place + 1 :]]
        assert others == [*messages] and request.tools == tools


def test_trap_30_a_name_that_looks_like_anothers_namespace_is_refused() -> None:
    with pytest.raises(TransformError, match="both called 'files__read'") as refused:
        prepare(asked(Tool("read", namespace="files"), Tool("files__read")), context(R, A))
    assert refused.value.code == "tool_name_collision" and refused.value.where == "tools"


def test_tools_of_the_history_need_not_be_offered() -> None:
    sent, toolbox = prepare(asked(messages=called(ToolCallPart("1", LONG, "{}"))), context(A, C))
    assert sent.tools == ()
    assert sent.messages[0].parts == (ToolCallPart("1", tool_name(LONG, C), "{}"),)
    assert toolbox.tools[tool_name(LONG, C)].name == LONG


def test_an_unknown_name_is_its_own() -> None:
    assert Toolbox().wire("f") == Wire("f")
    assert Toolbox().wire("f", "files") == Wire("files__f")


# --- kinds


@pytest.mark.parametrize(
    "upstream, profile, freeform",
    [
        pytest.param(A, None, True, id="Messages has functions only"),
        pytest.param(C, COMPATIBLE[C], True, id="so have most servers of Chat"),
        pytest.param(C, None, False, id="OpenAI has both"),
    ],
)
def test_trap_29_a_freeform_tool_is_a_function_of_one_string(
    upstream: Protocol, profile: Profile | None, freeform: bool
) -> None:
    tool = Tool("patch", "Edits.", kind="custom")
    call = ToolCallPart("1", "patch", 'a "quoted"\nline', "custom")
    request = asked(tool, messages=called(call), tool_choice=ToolChoice("tool", "patch", "custom"))
    ctx = context(R, upstream, profile)
    sent, toolbox = prepare(request, ctx)
    assert codes(ctx) == []
    assert toolbox.wires["patch"] == Wire("patch", freeform)
    (answer,) = sent.messages[0].parts
    (result,) = sent.messages[1].parts
    assert isinstance(answer, ToolCallPart) and isinstance(result, ToolResultPart)
    kinds = {sent.tools[0].kind, answer.kind, result.kind}
    assert sent.tool_choice and kinds == {sent.tool_choice.kind}
    if freeform:
        assert kinds == {"function"}
        assert json.loads(answer.arguments) == {"input": call.arguments}
        assert input_schema(sent.tools[0])["type"] == "string"
        assert sent.tools[0].parameters["required"] == ["input"]
        assert sent.tools[0].description == "Edits." and sent.tools[0].format is None
    else:
        assert (sent.tools[0], answer) == (tool, call)


def test_trap_29_a_grammar_is_told_where_it_cannot_be_enforced() -> None:
    ctx = context(R, A)
    tool = Tool("patch", kind="custom", format=GRAMMAR, where="tools[0]")
    (sent,) = prepared(asked(tool), ctx).tools
    assert sent.description == 'The input must match this lark grammar:\nstart: "a"'
    assert [(note.code, note.where) for note in ctx.notes] == [("grammar_unenforced", "tools[0]")]


def test_a_freeform_tool_of_plain_text_needs_no_description() -> None:
    (sent,) = prepared(
        asked(Tool("patch", kind="custom", format={"type": "text"})), context(R, A)
    ).tools
    assert sent.description is None


def test_trap_29_a_freeform_call_of_the_history_says_what_its_tool_was() -> None:
    call = ToolCallPart("1", "patch", "*** Begin", "custom")
    sent, toolbox = prepare(asked(messages=called(call)), context(R, A))
    assert sent.messages[0].parts == (ToolCallPart("1", "patch", '{"input":"*** Begin"}'),)
    assert toolbox.wires["patch"].freeform


@pytest.mark.parametrize(
    "arguments, wrapped",
    [
        pytest.param("5", '{"value":5}', id="any JSON"),
        pytest.param('{"a":1}', '{"value":{"a":1}}', id="also an object"),
        pytest.param("red", '{"value":"red"}', id="or what is none"),
    ],
)
def test_trap_27_a_schema_without_an_object_at_its_root_is_put_into_one(
    arguments: str, wrapped: str
) -> None:
    call = ToolCallPart("1", "pick", arguments)
    request = asked(Tool("pick", parameters=CHOICES), messages=called(call))
    sent, toolbox = prepare(request, context(C, A))
    assert sent.tools[0].parameters["properties"] == {"value": CHOICES}
    assert sent.messages[0].parts == (ToolCallPart("1", "pick", wrapped),)
    assert toolbox.wires["pick"] == Wire("pick", wrapped=True)


@pytest.mark.parametrize("parameters", [None, {}, {"type": "object"}, {"properties": {}}])
def test_trap_27_a_tool_without_parameters_has_an_object_of_none(parameters: Any) -> None:
    (sent,) = prepared(asked(Tool("f", parameters=parameters)), context(A, C)).tools
    assert sent.parameters == {"type": "object", "properties": {}}


def test_built_in_tools_stay_as_they_are() -> None:
    search = Tool("web_search", kind="hosted", native=Native(A, ({"type": "web_search_1"},)))
    shell = Tool("bash", kind="client", native=Native(A, ({"type": "bash_1"},)))
    sent, toolbox = prepare(asked(search, shell), context(A, C))
    assert sent.tools == (search, shell)
    assert toolbox.tools == {}


def test_a_choice_of_a_built_in_tool_stays_as_it_is() -> None:
    choice = ToolChoice("tool", "web_search", native=Native(R, ({"type": "web_search"},)))
    assert prepared(asked(tool_choice=choice), context(R, A)).tool_choice is choice


@pytest.mark.parametrize("choice", [None, *map(ToolChoice, ("auto", "required", "none"))])
def test_a_choice_without_names_stays(choice: ToolChoice | None) -> None:
    assert prepared(asked(tool_choice=choice), context(A, C)).tool_choice == choice


def test_a_call_its_upstream_made_returns_as_it_was() -> None:
    """Its names are the upstream's own already."""
    native = Native(A, ({"caller": {"type": "code_execution_20260120"}},), "up")
    call = ToolCallPart("1", "a.b", "{}", native=native)
    ctx = Context(C, A, Profile(), upstream_id="up")
    sent, toolbox = prepare(asked(messages=called(call)), ctx)
    assert sent.messages[0].parts == (call,)
    assert toolbox.tools == {}
    elsewhere = prepared(asked(messages=called(call)), Context(C, A, Profile(), upstream_id="b"))
    assert elsewhere.messages[0].parts == (
        ToolCallPart("1", tool_name("a.b", A), "{}", native=native),
    )


def test_what_is_no_call_stays() -> None:
    hosted = NativePart(Native(R, ({"type": "web_search_call"},)), "hosted_output_dropped")
    messages = (
        Message("user", (TextPart("Hi"),)),
        Message("assistant", (TextPart("a"), hosted)),
    )
    assert prepared(asked(messages=messages), context(R, C)).messages == messages


def test_trap_20_calls_are_paired_with_their_results_first() -> None:
    ctx = context(A, C)
    call = ToolCallPart("1", "f", "{}")
    sent = prepared(asked(messages=(Message("assistant", (call,)),)), ctx)
    assert [message.role for message in sent.messages] == ["assistant", "tool"]
    assert codes(ctx) == ["missing_tool_result"]


# --- laws

NAMES = st.text("ab_-. é", min_size=1, max_size=5) | st.text("xy ", min_size=60, max_size=140)
NAMESPACES = st.sampled_from([None, "functions", "files", "a b"])
SCHEMAS = st.sampled_from([None, {}, OBJECT, CHOICES, {"type": "array", "items": {}}])
TOOLS = st.lists(
    st.builds(Tool, NAMES, kind=st.sampled_from(["function", "custom"]), namespace=NAMESPACES)
    | st.builds(Tool, NAMES, parameters=SCHEMAS),
    max_size=5,
    unique_by=lambda tool: full_name(tool.name, tool.namespace),
)
TARGETS: st.SearchStrategy[Protocol] = st.sampled_from([A, C, R])


@given(TOOLS, TARGETS)
def test_trap_26_every_name_is_legal_and_leads_back_to_its_tool(
    tools: list[Tool], upstream: Protocol
) -> None:
    calls = [
        ToolCallPart(str(n), tool.name, "{}", kind, namespace=tool.namespace)
        for n, tool in enumerate(tools)
        if (kind := "custom" if tool.kind == "custom" else "function")
    ]
    messages = called(*calls) if calls else ()
    sent, toolbox = prepare(asked(*tools, messages=messages), context(R, upstream))
    names = [tool.name for tool in sent.tools]
    assert [toolbox.tools[name] for name in names] == tools
    assert names == [tool_name(name, upstream) for name in names]
    again = [part.name for m in sent.messages for part in m.parts if isinstance(part, ToolCallPart)]
    assert again == names
    assert all(tool.namespace is None for tool in sent.tools)


@given(st.text(st.characters(exclude_categories=())), st.sampled_from([A, C]))
def test_trap_29_any_input_survives_in_a_history(text: str, upstream: Protocol) -> None:
    call = ToolCallPart("1", "patch", text, "custom")
    ctx = context(R, upstream, COMPATIBLE[upstream])
    (sent,) = prepared(asked(messages=called(call)), ctx).messages[0].parts
    assert isinstance(sent, ToolCallPart) and sent.kind == "function"
    assert json.loads(sent.arguments) == {"input": text}
