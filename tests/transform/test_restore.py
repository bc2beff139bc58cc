"""Answers made the client's again: its names, its kinds of tools, ids it can use."""

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.answers import (
    Event,
    Finish,
    Keepalive,
    PartDelta,
    PartEnd,
    PartStart,
    Response,
    Start,
    Stop,
)
from bridge.transform.context import context
from bridge.transform.fold import Fold
from bridge.transform.model import (
    Native,
    NativePart,
    Protocol,
    ReasoningPart,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
)
from bridge.transform.names import is_legal_call_id, short_call_id, tool_name
from bridge.transform.prepare import Toolbox, prepare
from bridge.transform.restore import Restorer, StringField

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
PATCH = Tool("patch", kind="custom")
PICK = Tool("pick", parameters={"anyOf": [{"type": "string"}, {"type": "object"}]})
BEGIN = Start("msg_1", "claude-x")
END = Stop(Finish("tool_calls"))


def toolbox(*tools: Tool, upstream: Protocol = A) -> Toolbox:
    return prepare(Request(R, "m", tools=tools), context(R, upstream))[1]


def called(name: str, *pieces: str, call_id: str = "1") -> list[Event]:
    return [PartStart(ToolCallPart(call_id, name, "")), *map(PartDelta, pieces), PartEnd()]


def restored(events: Iterable[Event], box: Toolbox, model: str = "") -> Response:
    restorer, fold = Restorer(box, model), Fold()
    for event in (BEGIN, *events, END):
        for given_on in restorer.restore(event):
            fold.add(given_on)
    assert fold.response
    return fold.response


def calls(events: Iterable[Event], *tools: Tool) -> list[ToolCallPart]:
    found = restored(events, toolbox(*tools)).parts
    return [part for part in found if isinstance(part, ToolCallPart)]


def test_what_is_no_call_passes() -> None:
    events: list[Event] = [
        Keepalive(),
        PartStart(ReasoningPart("")),
        PartDelta("hm"),
        PartEnd(Native(A, ({"signature": "s"},))),
        PartStart(TextPart("")),
        PartDelta('{"input":"x"}'),
        PartEnd(),
        PartStart(NativePart(Native(A, ({},)), "server_tool_dropped")),
        PartEnd(),
    ]
    restorer = Restorer(toolbox(PATCH), "")
    for event in (BEGIN, *events, END):
        assert list(restorer.restore(event)) == [event]


@pytest.mark.parametrize(
    "asked, told",
    [
        pytest.param("", "claude-x", id="the upstream's own"),
        pytest.param("gpt-x", "gpt-x", id="the one the client asked for"),
    ],
)
def test_the_model_is_the_one_the_client_knows(asked: str, told: str) -> None:
    assert restored([], Toolbox(), asked).model == told


# --- ids


@pytest.mark.parametrize(
    "given_ids, ids",
    [
        pytest.param(["toolu_1", "call-2"], ["toolu_1", "call-2"], id="legal ones stay"),
        pytest.param(["functions.x:0"], [short_call_id("functions.x:0")], id="odd characters"),
        pytest.param(["x" * 65], [short_call_id("x" * 65)], id="over 64 characters"),
        pytest.param([""], [short_call_id("msg_1", "1")], id="none: of the answer and the place"),
        pytest.param(["a", "a"], ["a", short_call_id("msg_1", "2")], id="repeated"),
        pytest.param(
            ["a:b", "a:b"], [short_call_id("a:b"), short_call_id("msg_1", "2")], id="odd, repeated"
        ),
    ],
)
def test_call_ids_are_legal_and_unique(given_ids: list[str], ids: list[str]) -> None:
    events = [event for call_id in given_ids for event in called("f", "{}", call_id=call_id)]
    assert [call.id for call in calls(events)] == ids


@given(st.lists(st.sampled_from(["", "a", "b", "a:b", "é"]) | st.text(max_size=70), max_size=6))
def test_any_ids_become_legal_and_unique(given_ids: list[str]) -> None:
    events = [event for call_id in given_ids for event in called("f", "{}", call_id=call_id)]
    ids = [call.id for call in calls(events)]
    assert len(set(ids)) == len(given_ids) and all(map(is_legal_call_id, ids))


# --- names


NAMES = st.text("ab_-. é", min_size=1, max_size=5) | st.text("xy ", min_size=60, max_size=140)


@given(
    st.lists(
        st.builds(Tool, NAMES, namespace=st.sampled_from([None, "functions"])),
        unique_by=lambda t: t.name,
    ),
    st.sampled_from([A, C, R]),
)
def test_trap_26_names_come_back_exactly(tools: list[Tool], upstream: Protocol) -> None:
    box = toolbox(*tools, upstream=upstream)
    events = [e for tool in tools for e in called(box.wire(tool.name, tool.namespace).name, "{}")]
    parts = [part for part in restored(events, box).parts if isinstance(part, ToolCallPart)]
    assert [(part.name, part.namespace) for part in parts] == [(t.name, t.namespace) for t in tools]


def test_trap_30_a_namespace_comes_back() -> None:
    (call,) = calls(called("files__read", "{}"), Tool("read", namespace="files"))
    assert call == ToolCallPart("1", "read", "{}", namespace="files")


def test_a_tool_nobody_offered_stays_as_the_model_called_it() -> None:
    (call,) = calls(called("ghost", '{"a":', "1}"), PATCH)
    assert call == ToolCallPart("1", "ghost", '{"a":1}')


def test_trap_26_an_alias_does_not_shadow_a_call_of_it() -> None:
    long = "x" * 140
    (call,) = calls(called(tool_name(long, A), "{}"), Tool(long))
    assert call.name == long


# --- freeform tools


@pytest.mark.parametrize(
    "pieces, text",
    [
        pytest.param(['{"input":"ls"}'], "ls", id="as it was asked for"),
        pytest.param(["{", '"inp', 'ut"', ":", '"l', 's"', "}"], "ls", id="in pieces"),
        pytest.param(['{ "input" :\n "ls" }'], "ls", id="with blanks"),
        pytest.param(['{"input":""}'], "", id="nothing"),
        pytest.param(
            ['{"input":"a\\n\\"b\\"\\\\\\/\\b\\f\\r\\t"}'], 'a\n"b"\\/\b\f\r\t', id="escapes"
        ),
        pytest.param(['{"input":"\\', "n\\u00", 'e9"}'], "\né", id="an escape cut in two"),
        pytest.param(['{"input":"\\ud83d', '\\ude00"}'], "😀", id="a character of two escapes"),
        pytest.param(['{"input":"\\ud83d\\', 'ude00"}'], "😀", id="cut at its backslash"),
        pytest.param(['{"input":"\\ud83dx"}'], "\ud83dx", id="half a character alone"),
        pytest.param(
            ['{"input":"\\d+\\ "}'], "\\d+\\ ", id="escapes that are none, as models write"
        ),
        pytest.param(['{"input":"a\nb"}'], "a\nb", id="a line break that is not escaped"),
        pytest.param(['{"input":"a"', ',"why":"b"}'], "a", id="further keys"),
        pytest.param(['{"why":"b","input":"a"}'], "a", id="further keys before it"),
        pytest.param(['{"command":"ls"}'], "ls", id="the only string under another key"),
        pytest.param(['{"a":"x","b":"y"}'], '{"a":"x","b":"y"}', id="several strings: all of it"),
        pytest.param(['{"input":5}'], '{"input":5}', id="no string"),
        pytest.param(['"ls"'], "ls", id="a string alone"),
        pytest.param(["*** Begin", " Patch"], "*** Begin Patch", id="the bare input"),
        pytest.param(["[1]"], "[1]", id="a list"),
        pytest.param(["{}"], "", id="an empty object"),
        pytest.param([], "", id="nothing at all"),
        pytest.param(['{"input":"a', "b"], "ab", id="the end is missing"),
        pytest.param(['{"input":"a\\'], "a", id="half an escape at the end is nothing"),
        pytest.param(['{"input":"a"}', "}}"], "a", id="something behind it"),
        pytest.param(['{"inputs":"a"}'], "a", id="almost the key"),
    ],
)
def test_trap_29_the_input_of_a_freeform_tool(pieces: list[str], text: str) -> None:
    (call,) = calls(called("patch", *pieces), PATCH)
    assert call == ToolCallPart("1", "patch", text, "custom")


def test_trap_29_it_streams() -> None:
    restorer = Restorer(toolbox(PATCH), "")
    events = called("patch", '{"input":"', "*** Beg", "in\\nPatch", '"}')
    given_on = [list(restorer.restore(event)) for event in events]
    assert given_on[0] == [PartStart(ToolCallPart("1", "patch", "", "custom"))]
    assert given_on[1:] == [[], [PartDelta("*** Beg")], [PartDelta("in\nPatch")], [], [PartEnd()]]


def test_a_freeform_call_that_was_cut_is_still_cut() -> None:
    restorer = Restorer(toolbox(PATCH), "")
    events = [*called("patch", '{"input":"a')[:-1], PartEnd(cut=True)]
    assert [e for event in events for e in restorer.restore(event)][-1] == PartEnd(cut=True)


def test_each_call_has_its_own_arguments() -> None:
    events = [*called("patch", '{"input":"a'), *called("f", '{"input":"b"}', call_id="2")]
    assert [call.arguments for call in calls(events, PATCH)] == ["a", '{"input":"b"}']


def test_where_freeform_tools_are_native_nothing_is_unpacked() -> None:
    box = prepare(Request(R, "m", tools=(PATCH,)), context(R, C))[1]
    events = [PartStart(ToolCallPart("1", "patch", "", "custom")), PartDelta('{"input":"a"}')]
    (call,) = restored([*events, PartEnd()], box).parts
    assert call == ToolCallPart("1", "patch", '{"input":"a"}', "custom")


@pytest.mark.parametrize(
    "arguments, value",
    [
        pytest.param('{"value":"red"}', '"red"', id="a string"),
        pytest.param('{"value": {"a": [1, 2]} }', '{"a":[1,2]}', id="an object"),
        pytest.param('{"a":1}', '{"a":1}', id="not put in by the model"),
        pytest.param("[1]", "[1]", id="no object"),
        pytest.param('{"value":', '{"value":', id="half of it"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_trap_27_what_was_wrapped_is_unwrapped(arguments: str, value: str) -> None:
    for pieces in ([arguments], list(arguments)):
        (call,) = calls(called("pick", *pieces), PICK)
        assert call.arguments == value


# --- laws

ANY_TEXT = st.text(st.characters(exclude_categories=()))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def cut_up(draw: st.DrawFn, text: str) -> list[str]:
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=8).map(sorted))
    return [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]


@st.composite
def objects(draw: st.DrawFn) -> tuple[str, str]:
    """A freeform input, and the arguments a model may write for it."""
    text = draw(ANY_TEXT)
    more = draw(st.dictionaries(st.sampled_from(["why", "x"]), VALUES, max_size=2))
    fields = draw(st.permutations([("input", text), *more.items()]))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")]))
    written = json.dumps(dict(fields), ensure_ascii=draw(st.booleans()), separators=separators)
    return text, written


@given(objects(), st.data())
def test_trap_29_any_cutting_of_the_arguments_gives_the_same_input(
    written: tuple[str, str], data: st.DataObject
) -> None:
    text, arguments = written
    pieces = data.draw(cut_up(arguments))
    (call,) = calls(called("patch", *pieces), PATCH)
    assert call.arguments == text


@given(st.text('{}":, \\uinputvalex0d83cn\n', max_size=40), st.data())
def test_any_cutting_of_anything_else_gives_the_same_too(text: str, data: st.DataObject) -> None:
    pieces = data.draw(cut_up(text))
    for name in ("patch", "pick"):
        whole = calls(called(name, text), PATCH, PICK)
        assert calls(called(name, *pieces), PATCH, PICK) == whole
        assert calls(called(name, *text), PATCH, PICK) == whole


@given(ANY_TEXT, st.data())
def test_what_has_come_of_an_input_is_not_held_back(text: str, data: st.DataObject) -> None:
    """Only an escape that is not whole waits, and a character that may be half of one."""
    arguments = json.dumps({"input": text}, ensure_ascii=False, separators=(",", ":"))
    length = data.draw(st.integers(0, len(arguments)))
    told = StringField().feed(arguments[:length])
    assert text.startswith(told)
    unescaped = arguments[len('{"input":"') : length]
    if "\\" not in unescaped:
        assert told == unescaped.removesuffix('"}').removesuffix('"')


@given(VALUES, st.data())
def test_trap_27_any_value_is_unwrapped(value: Any, data: st.DataObject) -> None:
    pieces = data.draw(cut_up(json.dumps({"value": value})))
    (call,) = calls(called("pick", *pieces), PICK)
    assert json.loads(call.arguments) == value
