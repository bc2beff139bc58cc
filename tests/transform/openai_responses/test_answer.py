"""Items of answers: read in whatever pieces and order they come, and written."""

from collections.abc import Iterator
from typing import Any

import pytest
from openai.types.responses import ResponseOutputItem
from pydantic import TypeAdapter

from bridge.transform.answers import (
    CitationDelta,
    Event,
    Finish,
    PartDelta,
    PartEnd,
    PartStart,
    Start,
    Stop,
)
from bridge.transform.context import Context, context
from bridge.transform.envelope import MAX_BYTES
from bridge.transform.fold import Fold
from bridge.transform.model import (
    Citation,
    HostedCall,
    HostedList,
    Native,
    NativePart,
    Part,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
)
from bridge.transform.openai_responses.answer import (
    Items,
    carried_items,
    opened_call,
    read_start,
    type_of,
)
from bridge.transform.openai_responses.content import encode_annotation
from bridge.transform.openai_responses.tools import decode_hosted, encode_hosted

A = "anthropic_messages"
R = "openai_responses"
ITEM = TypeAdapter(ResponseOutputItem)

# --- reading


def own(*blocks: Any) -> Native:
    return Native(R, blocks, "up", "gpt")


def border(**phase: str) -> NativePart:
    """What is told of the end of a message."""
    return NativePart(own({"type": "message", **phase}), "hint_dropped")


def items() -> tuple[Items, Context]:
    ctx = context(A, R)
    ctx.model = "gpt-5.6"
    made = Items(ctx)
    made.owner = own()
    return made, ctx


def told(*events: Any, output: Any = (), cut: bool = False) -> list[Event]:
    """What is told of events, each (about, verb, fields), and of the end."""
    reader, _ = items()
    found: list[Event] = []
    for event in events:
        take(reader, *event)
        found += reader.take()
    reader.finish(list(output), cut=cut)
    return found + reader.take()


def take(reader: Items, about: str, verb: str, event: Any) -> None:
    if about == "item":
        (reader.done if verb == "done" else reader.add)(event["item"], event.get("output_index"))
    else:
        reader.read(f"response.{about}", verb, event)


def parts(*events: Any, output: Any = (), cut: bool = False) -> tuple[Part, ...]:
    fold, is_open = Fold(), False
    for event in told(*events, output=output, cut=cut):
        assert is_open is not isinstance(event, PartStart)
        is_open = not isinstance(event, PartEnd)
        fold.add(event)
    fold.add(Stop(Finish("stop")))
    assert fold.response
    return fold.response.parts


def added(index: Any, **item: Any) -> Any:
    return "item", "added", {"output_index": index, "item": item}


def done(index: Any, **item: Any) -> Any:
    return "item", "done", {"output_index": index, "item": item}


def said(index: Any, text: Any, about: str = "output_text", **more: Any) -> Any:
    return about, "delta", {"output_index": index, "delta": text, "content_index": 0, **more}


def message(*content: Any, **more: Any) -> dict[str, Any]:
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": [*content], **more}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "output_text", "text": value, "annotations": [], **more}


NO = {"type": "refusal", "refusal": "no"}
LINK = {
    "type": "url_citation",
    "url": "https://a",
    "title": "A",
    "start_index": 0,
    "end_index": 2,
}
CITED = Citation("https://a", "A", start=0, end=2)
FILE = {"type": "file_citation", "file_id": "file_1", "filename": "a.pdf", "index": 3}
SCORE = {"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}


@pytest.mark.parametrize(
    "events, expected",
    [
        pytest.param(
            [added(0, **message()), said(0, "a"), said(0, "b"), done(0, **message(text("ab")))],
            (TextPart("ab"),),
            id="text in pieces",
        ),
        pytest.param(
            [done(0, **message(text("ab")))], (TextPart("ab"),), id="only when it is done"
        ),
        pytest.param(
            [added(0, **message()), said(0, "a"), done(0, **message(text("ab")))],
            (TextPart("ab"),),
            id="the rest when it is done",
        ),
        pytest.param(
            [said(0, "a"), ("output_text", "done", {"output_index": 0, "text": "ab"})],
            (TextPart("ab"),),
            id="the rest in its own last event, without an item",
        ),
        pytest.param(
            [said(0, "a"), done(0, **message(text("other")))],
            (TextPart("a"),),
            id="what was said stays",
        ),
        pytest.param(
            [
                said(0, "a"),
                said(0, "b", content_index=1),
                said(0, "late"),
                done(0, **message(text("a"), text("bc"))),
            ],
            (TextPart("a"), TextPart("bc")),
            id="two parts; the first says no more",
        ),
        pytest.param(
            [said(0, "b", content_index=1), done(0, **message(text("b")))],
            (TextPart("b"),),
            id="places that do not begin with 0 (Bedrock)",
        ),
        pytest.param(
            [said(0, "a", content_index=None), said(0, "b", content_index=None)],
            (TextPart("ab"),),
            id="no places at all",
        ),
        pytest.param(
            [
                said(0, "n", "refusal"),
                ("refusal", "done", {"output_index": 0, "refusal": "no", "content_index": 0}),
                done(0, **message(NO)),
            ],
            (RefusalPart("no"),),
            id="a refusal",
        ),
        pytest.param(
            [said(0, "a"), said(0, "no", "refusal"), done(0, **message(text("a"), NO))],
            (TextPart("a"), RefusalPart("no")),
            id="a refusal in the place of a text",
        ),
        pytest.param(
            [done(0, **message({"type": "odd"}, text("a"), "?", {"type": "text", "text": "b"}))],
            (TextPart("a"), TextPart("b")),
            id="parts of other kinds",
        ),
        pytest.param(
            [done(0, **{**message(), "content": "ab"})], (TextPart("ab"),), id="content as a string"
        ),
        pytest.param(
            [added(0, **message()), done(0, **message(text("")))], (), id="an empty text is none"
        ),
        pytest.param([done(0, **message())], (), id="nothing at all"),
        pytest.param(
            [done(0, role="assistant", content=[text("a")])], (TextPart("a"),), id="without a type"
        ),
        pytest.param(
            [
                (
                    "content_part",
                    "added",
                    {"output_index": 0, "content_index": 0, "part": text("")},
                ),
                said(0, "ab"),
                ("output_text.annotation", "added", {"output_index": 0, "annotation": LINK}),
                ("output_text.annotation", "added", {"output_index": 0, "annotation": "?"}),
                (
                    "content_part",
                    "done",
                    {"output_index": 0, "part": text("ab", annotations=[LINK])},
                ),
                done(0, **message(text("ab", annotations=[LINK, FILE]))),
            ],
            (TextPart("ab", (CITED, Citation(None, "a.pdf", file="file_1", native=own(FILE)))),),
            id="citations, each once",
        ),
        pytest.param(
            [
                said(0, "a", logprobs=[SCORE]),
                ("output_text", "done", {"output_index": 0, "text": "a", "logprobs": [SCORE]}),
            ],
            (TextPart("a", logprobs=(SCORE,)),),
            id="log probabilities of the pieces",
        ),
        pytest.param(
            [said(0, "a", logprobs=[]), done(0, **message(text("a", logprobs=[SCORE])))],
            (TextPart("a", logprobs=(SCORE,)),),
            id="log probabilities of the whole",
        ),
        pytest.param(
            [said(0, 5), said(0, None), done(0, **message(text("a")))],
            (TextPart("a"),),
            id="pieces that are no text",
        ),
    ],
)
def test_a_message_is_read(events: list[Any], expected: tuple[Part, ...]) -> None:
    assert parts(*events) == expected


@pytest.mark.parametrize(
    "annotation, citation",
    [
        pytest.param(LINK, CITED, id="a link"),
        pytest.param(
            {"type": "url_citation", "url": "https://a"},
            Citation("https://a"),
            id="without a place",
        ),
        pytest.param(
            {**LINK, "start_index": -1, "end_index": True, "title": ""},
            Citation("https://a", start=0),
            id="with odd places",
        ),
        pytest.param(
            {"type": "url_citation"},
            Citation(None, native=own({"type": "url_citation"})),
            id="a link to nowhere",
        ),
    ],
)
def test_a_citation_is_read(annotation: Any, citation: Citation) -> None:
    assert parts(done(0, **message(text("ab", annotations=[annotation])))) == (
        TextPart("ab", (citation,)),
    )


def summary(*texts: Any, **more: Any) -> dict[str, Any]:
    told = [{"type": "summary_text", "text": value} for value in texts]
    return {"id": "rs_1", "type": "reasoning", "summary": told, **more}


def thought(index: Any, text: str, place: int = 0) -> Any:
    event = {"output_index": index, "delta": text, "summary_index": place}
    return "reasoning_summary_text", "delta", event


def raw(index: Any, text: str) -> Any:
    event = {"output_index": index, "delta": text, "content_index": 0}
    return "reasoning_text", "delta", event


STATE = summary("a", "b", encrypted_content="secret")
HIDDEN = summary(encrypted_content="secret")
RAW = {**summary(), "content": [{"type": "reasoning_text", "text": "ab"}]}


@pytest.mark.parametrize(
    "events, expected",
    [
        pytest.param(
            [
                added(0, **summary(encrypted_content="not whole")),
                ("reasoning_summary_part", "added", {"output_index": 0, "summary_index": 0}),
                thought(0, "a"),
                thought(0, "b", 1),
                ("reasoning_summary_text", "done", {"output_index": 0, "text": "b"}),
                done(0, **STATE),
            ],
            (ReasoningPart("a\n\nb", own(STATE)),),
            id="a summary of two parts, and its state at the end",
        ),
        pytest.param([done(0, **STATE)], (ReasoningPart("a\n\nb", own(STATE)),), id="all at once"),
        pytest.param([done(0, **HIDDEN)], (ReasoningPart("", own(HIDDEN)),), id="hidden"),
        pytest.param(
            [
                ("content_part", "added", {"output_index": 0, "part": {"type": "reasoning_text"}}),
                raw(0, "a"),
                raw(0, "b"),
                ("reasoning_part", "done", {"output_index": 0, "part": {"type": "reasoning_text"}}),
                done(0, **RAW),
            ],
            (ReasoningPart("ab", own(RAW)),),
            id="the thoughts themselves",
        ),
        pytest.param(
            [thought(0, "a"), raw(0, "x"), thought(0, "b"), done(0, **summary("ab"))],
            (ReasoningPart("ab", own(summary("ab"))),),
            id="not both",
        ),
        pytest.param(
            [thought(0, "a"), done(0, **summary("ab"))],
            (ReasoningPart("ab", own(summary("ab"))),),
            id="the rest of it",
        ),
        pytest.param([thought(0, "a")], (ReasoningPart("a"),), id="no end"),
        pytest.param([added(0, **summary())], (), id="only a beginning"),
        pytest.param(
            [done(0, type="reasoning", summary=5, content=[None])],
            (ReasoningPart("", own({"type": "reasoning", "summary": 5, "content": [None]})),),
            id="an odd one",
        ),
    ],
)
def test_reasoning_is_read(events: list[Any], expected: tuple[Part, ...]) -> None:
    assert parts(*events) == expected


def test_a_text_does_not_wait_for_thoughts_that_end_last() -> None:
    begun = {"id": "rs_1", "type": "reasoning", "summary": []}
    events = told(
        added(0, **begun), raw(0, "hm"), said(1, "a"), said(1, "b"), done(1, **message(text("ab"))),
        done(0, **{**begun, "content": [{"type": "reasoning_text", "text": "hm"}]}),
    )  # fmt: skip
    kept = own({**begun, "content": [{"type": "reasoning_text", "text": "hm"}]})
    assert events == [
        PartStart(ReasoningPart("")), PartDelta("hm"), PartEnd(kept),
        PartStart(TextPart("")), PartDelta("a"), PartDelta("b"), PartEnd(),
    ]  # fmt: skip


def test_the_state_of_a_summary_that_was_interrupted_follows() -> None:
    found = parts(thought(0, "hm"), said(1, "a"), done(1, **message(text("a"))), done(0, **STATE))
    assert found == (ReasoningPart("hm"), TextPart("a"), ReasoningPart("", own(STATE)))
    stateless = parts(thought(0, "hm"), said(1, "a"), done(0, **summary("hm")))
    assert stateless == (ReasoningPart("hm"), TextPart("a"))


def test_thoughts_that_go_on_behind_a_text_are_told_behind_it() -> None:
    found = parts(thought(0, "a"), said(1, "x"), thought(0, "b"), done(0, **STATE))
    assert found == (ReasoningPart("a"), TextPart("x"), ReasoningPart("b", own(STATE)))


def test_hidden_thoughts_let_a_text_pass() -> None:
    found = parts(added(0, **summary()), said(1, "a"), done(0, **HIDDEN))
    assert found == (TextPart("a"), ReasoningPart("", own(HIDDEN)))


CALL = {"id": "fc_1", "type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'}
BEGUN = {**CALL, "arguments": "", "status": "in_progress"}
CUSTOM = {"id": "ctc_1", "type": "custom_tool_call", "call_id": "c", "name": "f", "input": "abc"}


def piece(index: Any, text: str) -> Any:
    return said(index, text, "function_call_arguments")


@pytest.mark.parametrize(
    "events, expected",
    [
        pytest.param(
            [added(0, **BEGUN), piece(0, '{"a"'), piece(0, ":1}"), done(0, **CALL)],
            ToolCallPart("c", "f", '{"a":1}'),
            id="in pieces",
        ),
        pytest.param([done(0, **CALL)], ToolCallPart("c", "f", '{"a":1}'), id="all at once"),
        pytest.param(
            [added(0, **BEGUN), piece(0, ""), piece(0, "{"), piece(0, "}")],
            ToolCallPart("c", "f", "{}"),
            id="without arguments, and without an end",
        ),
        pytest.param(
            [
                added(0, **BEGUN),
                ("function_call_arguments", "done", {"output_index": 0, "arguments": '{"a":1}'}),
                done(0, **BEGUN),
            ],
            ToolCallPart("c", "f", '{"a":1}'),
            id="arguments only in their last event",
        ),
        pytest.param(
            [piece(0, '{"a":1}'), done(0, **CALL)],
            ToolCallPart("c", "f", '{"a":1}'),
            id="its name only at its end",
        ),
        pytest.param(
            [done(0, **{**CALL, "arguments": {"a": 1}})],
            ToolCallPart("c", "f", '{"a":1}'),
            id="arguments as an object",
        ),
        pytest.param(
            [done(0, **{**CALL, "arguments": None, "call_id": None})],
            ToolCallPart("", "f", "{}"),
            id="no arguments and no id",
        ),
        pytest.param(
            [done(0, **{**CALL, "namespace": "ns", "caller": {"type": "direct"}})],
            ToolCallPart("c", "f", '{"a":1}', namespace="ns"),
            id="in a namespace",
        ),
        pytest.param(
            [done(0, **{**CALL, "caller": {"type": "program", "caller_id": "p"}})],
            ToolCallPart(
                "c", "f", '{"a":1}', native=own({"caller": {"type": "program", "caller_id": "p"}})
            ),
            id="made by a program",
        ),
        pytest.param(
            [
                added(0, **{**CUSTOM, "input": ""}),
                said(0, "ab", "custom_tool_call_input"),
                ("custom_tool_call_input", "done", {"output_index": 0, "input": "abc"}),
                done(0, **CUSTOM),
            ],
            ToolCallPart("c", "f", "abc", "custom"),
            id="of a custom tool",
        ),
        pytest.param(
            [
                done(
                    0,
                    type="local_shell_call",
                    call_id="c",
                    action={"type": "exec", "command": ["ls"]},
                )
            ],
            ToolCallPart(
                "c",
                "local_shell",
                '{"command":["ls"]}',
                native=own({"type": "local_shell_call"}),
            ),
            id="of a built-in tool",
        ),
    ],
)
def test_a_call_is_read(events: list[Any], expected: ToolCallPart) -> None:
    assert parts(*events) == (expected,)


@pytest.mark.parametrize("events", [[piece(0, "{}")], [added(0, type="function_call", id="fc")]])
def test_a_call_without_a_name_is_none(events: list[Any]) -> None:
    assert parts(*events) == ()


def test_calls_are_counted_and_half_a_call_is_known_as_one() -> None:
    reader, ctx = items()
    reader.done(CALL, 0)
    reader.done({**CALL, "id": "fc_2", "arguments": '{"a":', "status": "incomplete"}, 1)
    reader.done({"type": "shell_call", "call_id": "s", "action": {"commands": ["ls"]}}, 2)
    reader.done(message(NO), 3)
    assert (reader.calls, reader.cut, reader.refusal) == (3, True, "no")
    assert [note.code for note in ctx.notes] == ["invalid_arguments"]
    assert PartEnd(cut=True) in reader.take()


@pytest.mark.parametrize("cut", [True, False])
def test_a_custom_call_that_never_ended_is_cut_by_a_limit(cut: bool) -> None:
    begun = added(0, **{**CUSTOM, "input": ""})
    events = told(begun, said(0, "ab", "custom_tool_call_input"), cut=cut)
    assert events[-1] == PartEnd(cut=cut)


def test_calls_that_interleave_are_told_one_after_the_other() -> None:
    second = {**CALL, "id": "fc_2", "call_id": "d"}
    events = told(
        added(0, **BEGUN),
        added(1, **{**second, "arguments": ""}),
        piece(1, '{"a"'),
        piece(0, '{"a":1}'),
        piece(1, ":1}"),
        done(1, **second),
        done(0, **CALL),
    )
    first, other = ToolCallPart("c", "f", ""), ToolCallPart("d", "f", "")
    assert events == [
        PartStart(first), PartDelta('{"a":1}'), PartEnd(),
        PartStart(other), PartDelta('{"a"'), PartDelta(":1}"), PartEnd(),
    ]  # fmt: skip


SEARCH = {
    "id": "ws_1",
    "type": "web_search_call",
    "status": "completed",
    "action": {
        "type": "search",
        "query": "q",
        "sources": [{"type": "url", "url": "https://a"}, {"url": 5}, "?"],
    },
}
FOUND = HostedCall("web_search", {"query": "q"}, urls=("https://a",))
REMOTE = {
    "id": "mcp_1",
    "type": "mcp_call",
    "name": "f",
    "server_label": "s",
    "arguments": '{"a":1}',
    "output": "yes",
    "error": None,
}
CODE = "hosted_output_dropped"


def native(item: Any, hosted: HostedCall | None = None, **more: Any) -> NativePart:
    return NativePart(own(item), CODE, hosted=hosted, **more)


@pytest.mark.parametrize(
    "item, hosted",
    [
        pytest.param(SEARCH, FOUND, id="a search"),
        pytest.param(
            {**SEARCH, "status": "failed", "action": {"query": "q"}},
            HostedCall("web_search", {"query": "q"}, failed=True),
            id="a search that failed",
        ),
        pytest.param(
            {**SEARCH, "action": {"type": "open_page", "url": "https://a"}},
            None,
            id="a page opened",
        ),
        pytest.param({"type": "web_search_call"}, None, id="a search for nothing"),
        pytest.param(REMOTE, HostedCall("f", {"a": 1}, "s", output="yes"), id="an MCP tool"),
        pytest.param(
            {**REMOTE, "output": None, "error": "no", "arguments": "{"},
            HostedCall("f", {}, "s", output="no", failed=True),
            id="an MCP tool that failed",
        ),
        pytest.param(
            {**REMOTE, "output": None, "error": {"code": 1}, "arguments": "[1]"},
            HostedCall("f", {}, "s", output='{"code":1}', failed=True),
            id="with an error object",
        ),
        pytest.param({"type": "code_interpreter_call"}, None, id="code"),
        pytest.param({"odd": 1}, None, id="an item without a type"),
        pytest.param({"type": ["odd"]}, None, id="an item of an odd type"),
        pytest.param(
            {"type": "shell_call", "environment": {"type": "container_reference"}, "call_id": "c"},
            None,
            id="a shell at OpenAI",
        ),
        pytest.param(
            {"type": "local_shell_call", "call_id": 5, "action": {}},
            None,
            id="a call without sense",
        ),
    ],
)
def test_other_items_are_told_whole(item: Any, hosted: HostedCall | None) -> None:
    assert parts(done(0, **item)) == (native(item, hosted),)


def test_an_image_was_to_be_seen() -> None:
    image = {"type": "image_generation_call", "id": "ig_1", "result": "aGk="}
    assert parts(done(0, **image)) == (native(image, seen=True),)


def test_nobody_waits_for_a_tool_that_does_not_end() -> None:
    """Recorded at OpenAI: some lists of tools stand in the last event only."""
    tools = {"id": "mcpl_1", "type": "mcp_list_tools", "tools": []}
    begun = added(0, **tools)
    assert parts(begun, said(1, "a"), output=[tools, message(text("a"))]) == (
        TextPart("a"),
        native(tools),
    )
    assert parts(begun, said(1, "a")) == (TextPart("a"),)


# --- what servers do to items


def test_the_last_event_counts_for_what_was_not_told() -> None:
    whole = [HIDDEN, message(text("ab")), CALL]
    everything = (
        ReasoningPart("", own(HIDDEN)),
        TextPart("ab"),
        ToolCallPart("c", "f", '{"a":1}'),
    )
    assert parts(output=whole) == everything
    assert parts(done(0, **HIDDEN), said(1, "a"), added(2, **BEGUN), output=whole) == everything
    assert parts(done(0, **HIDDEN), done(1, **message(text("ab"))), output=whole) == everything


def test_items_that_are_done_count_more_than_the_last_event() -> None:
    other = {**HIDDEN, "encrypted_content": "another", "id": "rs_9"}
    assert parts(done(0, **HIDDEN), output=[other]) == (ReasoningPart("", own(HIDDEN)),)
    assert parts(done(0, **message(text("a")))) == (TextPart("a"),)


def test_an_item_without_an_end_is_found_by_its_place_in_the_last_event() -> None:
    renamed = message(text("ab"), id="msg_9")
    assert parts(said(0, "a"), output=[renamed]) == (TextPart("ab"),)
    assert parts(said(None, "a"), output=[renamed]) == (TextPart("a"),)
    assert parts(said(5, "a"), output=[renamed]) == (TextPart("a"),)


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [
                added(0, **message(id="msg_1")),
                said(0, "a", item_id="msg_2"),
                said(0, "b", item_id="msg_3"),
                done(0, **message(text("ab"), id="msg_4")),
            ],
            id="ids that change (Copilot)",
        ),
        pytest.param(
            [
                added(0, **message()),
                said(None, "a", item_id="msg_1"),
                said(None, "b", item_id="msg_1"),
                done(None, **message(text("ab"))),
            ],
            id="no indices",
        ),
        pytest.param(
            [
                added(None, **message(id=None)),
                said(None, "a"),
                said(None, "b"),
                done(None, **message(text("ab"), id=None)),
            ],
            id="neither",
        ),
        pytest.param(
            [added(0, **message()), added(0, **message()), said(0, "ab")], id="a repeated beginning"
        ),
        pytest.param(
            [
                done(0, **message(text("ab"))),
                done(0, **message(text("ab"))),
                ("output_text", "done", {"output_index": 0, "text": "ab"}),
            ],
            id="a repeated end, and what belongs before it",
        ),
    ],
)
def test_an_item_is_recognised(events: list[Any]) -> None:
    assert parts(*events) == (TextPart("ab"),)


def test_an_index_may_be_used_twice() -> None:
    first, second = message(text("a"), id="msg_1"), message(text("b"), id="msg_2")
    assert parts(done(0, **first), done(0, **second)) == (TextPart("a"), border(), TextPart("b"))
    nameless = [message(text(value), id=None) for value in "ab"]
    assert parts(*(done(0, **item) for item in nameless)) == (
        TextPart("a"),
        border(),
        TextPart("b"),
    )
    assert parts(
        added(0, **message()), said(0, "a"), done(0, **first), added(0, **BEGUN), done(0, **CALL)
    ) == (TextPart("a"), ToolCallPart("c", "f", '{"a":1}'))


def test_an_id_may_be_used_twice() -> None:
    first, second = (message(text(value)) for value in "ab")
    events = [added(0, **message()), done(0, **first), added(1, **message()), done(1, **second)]
    assert parts(*events) == (TextPart("a"), border(), TextPart("b"))


LOOK, SO = (text(value) for value in ("Look.", "So."))
COMMENTARY, FINAL = {"phase": "commentary"}, {"phase": "final_answer"}
CALLED = ToolCallPart("c", "f", '{"a":1}')


@pytest.mark.parametrize(
    "output, expected",
    [
        pytest.param([message(SO, **FINAL)], (TextPart("So."),), id="the answer"),
        pytest.param([message(SO)], (TextPart("So."),), id="one without a phase"),
        pytest.param(
            [message(LOOK, **COMMENTARY), CALL],
            (TextPart("Look."), CALLED),
            id="a word before a call",
        ),
        pytest.param([message(LOOK), CALL], (TextPart("Look."), CALLED), id="without a phase"),
        pytest.param(
            [message(LOOK, **FINAL), CALL],
            (TextPart("Look."), border(**FINAL), CALLED),
            id="an answer before a call",
        ),
        pytest.param(
            [message(LOOK, **COMMENTARY)],
            (TextPart("Look."), border(**COMMENTARY)),
            id="a word and nothing behind it",
        ),
        pytest.param(
            [message(LOOK, **COMMENTARY), message(SO, **FINAL)],
            (TextPart("Look."), border(**COMMENTARY), TextPart("So.")),
            id="two messages in a row",
        ),
        pytest.param(
            [message(LOOK), message(NO, **FINAL)],
            (TextPart("Look."), border(), RefusalPart("no")),
            id="two without a phase, one a refusal",
        ),
        pytest.param(
            [message(text(""), **COMMENTARY), message(SO, **FINAL)],
            (TextPart("So."),),
            id="one that says nothing",
        ),
        pytest.param(
            [message(LOOK, SO, **FINAL)],
            (TextPart("Look."), TextPart("So.")),
            id="one of two parts",
        ),
    ],
)
def test_what_ends_a_message_is_told_where_its_place_does_not_tell_it(
    output: list[Any], expected: tuple[Part, ...]
) -> None:
    output = [{**item, "id": f"x_{n}"} for n, item in enumerate(output)]
    assert parts(output=output) == expected
    assert parts(*(done(n, **item) for n, item in enumerate(output))) == expected


@pytest.mark.parametrize("of", ["the upstream", "the request"])
def test_models_that_are_told_no_phase_have_it_in_the_border(of: str) -> None:
    ctx = context(A, R)
    ctx.model = "my-deployment" if of == "the upstream" else ""
    ctx.request = Request(A, "gpt-5.6" if of == "the upstream" else "my-deployment")
    reader = Items(ctx)
    reader.owner = own()
    reader.finish([message(LOOK, **COMMENTARY), CALL], cut=False)
    told = [event.part for event in reader.take() if isinstance(event, PartStart)]
    assert told[:2] == [TextPart(""), border(**COMMENTARY)]


def test_a_client_of_its_own_protocol_is_told_all_phases() -> None:
    reader = Items(context(R, R))
    reader.owner = own()
    reader.finish([message(SO, **FINAL)], cut=False)
    assert PartStart(border(**FINAL)) in reader.take()


def test_the_phase_of_the_last_word_counts() -> None:
    begun = added(0, **message(**COMMENTARY))
    assert parts(begun, said(0, "Look."), cut=True) == (TextPart("Look."), border(**COMMENTARY))
    assert parts(begun, said(0, "So."), done(0, **message(SO, **FINAL))) == (TextPart("So."),)


def test_a_border_waits_for_what_follows_and_the_text_does_not() -> None:
    reader, _ = items()
    reader.done(message(LOOK, **COMMENTARY), 0)
    assert reader.take() == [PartStart(TextPart("")), PartDelta("Look."), PartEnd()]
    reader.add({**message(), "id": "msg_2"}, 1)
    reader.read("response.output_text", "delta", said(1, "So.")[2])
    opened = [PartStart(border(**COMMENTARY)), PartEnd(), PartStart(TextPart(""))]
    assert reader.take() == [*opened, PartDelta("So.")]


@pytest.mark.parametrize(
    "response, start",
    [
        pytest.param(
            {"id": "r", "model": "m", "created_at": 5, "service_tier": "priority"},
            Start("r", "m", 5, "priority"),
            id="all",
        ),
        pytest.param({}, Start("", ""), id="nothing"),
        pytest.param(
            {"id": 5, "model": None, "created_at": True, "service_tier": "odd"},
            Start("", ""),
            id="odd values",
        ),
        pytest.param({"created_at": 1_700_000_000_000}, Start("", "", 1.7e9), id="milliseconds"),
        pytest.param(
            {"service_tier": "auto"}, Start("", "", None, "default"), id="auto is only a wish"
        ),
    ],
)
def test_the_start_is_read(response: Any, start: Start) -> None:
    assert read_start(response) == start


@pytest.mark.parametrize(
    "item, expected", [({"type": "x"}, "x"), ({"role": "assistant"}, "message"), ({"type": 5}, "")]
)
def test_the_type_of_an_item(item: Any, expected: str) -> None:
    assert type_of(item) == expected


# --- writing


def client() -> Context:
    return context(R, A)


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def test_a_call_opens_without_its_arguments() -> None:
    call = ToolCallPart("c", "f", "", namespace="ns")
    assert opened_call(call, client()) == {
        "type": "function_call",
        "call_id": "c",
        "name": "f",
        "arguments": "",
        "namespace": "ns",
    }
    custom = opened_call(ToolCallPart("c", "f", "", "custom"), client())
    assert custom == {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": ""}


def test_another_vendors_state_is_no_part_of_a_call() -> None:
    native = Native(A, ({"caller": {"type": "code_execution_20260120"}},))
    item = opened_call(ToolCallPart("c", "f", "", native=native), client())
    assert item and "caller" not in item


def test_a_call_of_a_built_in_tool_is_written_whole() -> None:
    ctx = client()
    shell = Tool("local_shell", kind="client", native=Native(R, ({"type": "local_shell"},)))
    ctx.request = Request(R, "m", tools=(shell,))
    assert opened_call(ToolCallPart("c", "local_shell", ""), ctx) is None
    assert opened_call(ToolCallPart("c", "f", ""), ctx) is not None


@pytest.mark.parametrize(
    "citation, written",
    [
        pytest.param(CITED, LINK, id="a link"),
        pytest.param(
            Citation("https://a"),
            {**LINK, "title": "", "start_index": 0, "end_index": 4},
            id="a link of the whole text",
        ),
        pytest.param(Citation(None, native=own(FILE)), FILE, id="its own"),
        pytest.param(
            Citation(None, "a.pdf", file="file_1", native=Native(A, ({},))),
            {**FILE, "index": 4},
            id="a file of another vendor's",
        ),
        pytest.param(Citation(None, native=Native(A, ({},))), None, id="a place in a document"),
    ],
)
def test_a_citation_is_written(citation: Citation, written: Any) -> None:
    ctx = client()
    assert encode_annotation(citation, 4, ctx) == written
    assert codes(ctx) == ([] if written else ["citations_dropped"])


BLOCK = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
STATEFUL = Native(A, (BLOCK,), "claude", "m")


def carried(part: NativePart, ctx: Context) -> Iterator[dict[str, Any]]:
    """Items, each as the SDK knows it."""
    for item in carried_items(part, ctx):
        ITEM.validate_python({"id": "x", **item}, strict=True)
        yield item


def test_another_vendors_block_is_carried_and_shown() -> None:
    ctx = client()
    state, shown = carried(NativePart(STATEFUL, "server_tool_dropped", hosted=FOUND), ctx)
    assert state["summary"] == [] and ctx.unseal(state["encrypted_content"], "") == STATEFUL
    assert shown == {
        "type": "web_search_call",
        "status": "completed",
        "action": {
            "type": "search",
            "query": "q",
            "sources": [{"type": "url", "url": "https://a"}],
        },
    }


def test_a_compaction_is_an_item_of_its_own() -> None:
    ctx = client()
    native = Native(A, ({"type": "compaction", "content": "so far"},), "claude", "m")
    [item] = carried(NativePart(native, "x"), ctx)
    assert item["type"] == "compaction" and ctx.unseal(item["encrypted_content"], "") == native


def test_a_list_of_tools_is_shown_as_one() -> None:
    tools = ({"name": "f", "input_schema": {}},)
    hosted = HostedList("docs", tools)
    state, shown = carried(NativePart(STATEFUL, "server_tool_dropped", hosted=hosted), client())
    assert state["type"] == "reasoning"
    assert shown == {"type": "mcp_list_tools", "server_label": "docs", "tools": [*tools]}


def test_what_is_too_large_to_be_carried_is_only_shown() -> None:
    ctx = client()
    large = Native(A, ({"type": "x" * MAX_BYTES},))
    [item] = carried(NativePart(large, "x", hosted=FOUND), ctx)
    assert item["type"] == "web_search_call" and codes(ctx) == ["opaque_too_large"]
    assert list(carried(NativePart(large, "x"), client())) == []


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(FOUND, id="a search"),
        pytest.param(HostedCall("web_search", {"query": "q"}, failed=True), id="that failed"),
        pytest.param(HostedCall("f", {"a": 1}, "s", output="yes"), id="an MCP tool"),
    ],
)
def test_what_a_hosted_tool_did_is_written_as_it_is_read(call: HostedCall) -> None:
    item = encode_hosted(call)
    ITEM.validate_python({"id": "x", **item}, strict=True)
    assert decode_hosted(item) == call


def test_an_mcp_tool_that_failed_has_no_output() -> None:
    item = encode_hosted(HostedCall("f", {}, "s", output="no", failed=True))
    ITEM.validate_python({"id": "x", **item}, strict=True)
    assert (item["status"], item["output"], item["error"]["content"]) == ("failed", None, "no")


def test_a_citation_comes_with_its_text() -> None:
    events = told(said(0, "ab"), ("output_text.annotation", "added", {"annotation": LINK}))
    assert events == [
        PartStart(TextPart("")), PartDelta("ab"), CitationDelta(CITED), PartEnd(),
    ]  # fmt: skip
