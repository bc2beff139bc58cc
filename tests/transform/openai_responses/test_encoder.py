"""Events become a stream that the SDK accumulates."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from bridge.transform.answers import (
    CitationDelta,
    Error,
    Event,
    Failure,
    Finish,
    Keepalive,
    PartDelta,
    PartEnd,
    PartStart,
    Response,
    Start,
    Stop,
    Usage,
)
from bridge.transform.context import Context, context
from bridge.transform.envelope import MAX_BYTES
from bridge.transform.fold import unfold
from bridge.transform.model import (
    Citation,
    HostedCall,
    HostedList,
    Native,
    NativePart,
    Part,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from bridge.transform.openai_responses import Decoder, Encoder, decode_response, encode_response
from bridge.transform.openai_responses.finish import REFUSED
from bridge.transform.sse import SseEvent, SseParser
from tests.transform.openai_responses.streams import COUNTED, USAGE, event, fold, texts
from tests.transform.sdks import answer_faults, joined, raised_in

A = "anthropic_messages"
R = "openai_responses"
EVENT = TypeAdapter(ResponseStreamEvent)


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def ctx_for(summary: bool | None = True, **request: Any) -> Context:
    ctx = context(R, A)
    ctx.now = 7.0
    ctx.request = Request(R, "m", reasoning=Reasoning(visible=summary), **request)
    return ctx


def events_of(*parts: Part, finish: Finish, usage: Usage | None = USAGE) -> list[Event]:
    return list(unfold(Response("msg_1", "m", parts, finish, usage)))


def written(events: Iterable[Event], ctx: Context | None = None) -> bytes:
    encoder = Encoder(ctx or ctx_for())
    return b"".join(map(encoder.encode, events))


def told(data: bytes) -> list[dict[str, Any]]:
    """Parsed events, each under its own name."""
    parser = SseParser()
    found = []
    for name, payload in [*parser.feed(data), *parser.end()]:
        if payload is not None:
            found.append(json.loads(payload))
            assert found[-1]["type"] == name
    return found


def kinds(data: bytes) -> list[str]:
    return [event["type"].removeprefix("response.") for event in told(data)]


def output(data: bytes) -> Any:
    return told(data)[-1]["response"]["output"]


STOP = Finish("stop")


def test_a_text_is_written_as_documented() -> None:
    data = written(events_of(TextPart("hi"), finish=STOP))
    created, in_progress, *events, completed = told(data)
    item = {"id": "msg_1_0", "type": "message", "status": "in_progress", "role": "assistant"}
    place = {"item_id": "msg_1_0", "output_index": 0, "content_index": 0}
    empty = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    final = {**item, "status": "completed", "content": [{**empty, "text": "hi"}]}
    numbered = [{k: v for k, v in e.items() if k != "sequence_number"} for e in events]
    assert numbered == [
        event("output_item.added", output_index=0, item={**item, "content": []}),
        event("content_part.added", **place, part=empty),
        event("output_text.delta", **place, delta="hi", logprobs=[]),
        event("output_text.done", **place, text="hi", logprobs=[]),
        event("content_part.done", **place, part={**empty, "text": "hi"}),
        event("output_item.done", output_index=0, item=final),
    ]
    assert [e["sequence_number"] for e in told(data)] == list(range(9))
    assert (created["type"], in_progress["type"]) == ("response.created", "response.in_progress")
    begun = created["response"]
    assert in_progress["response"] == begun
    assert (begun["id"], begun["status"], begun["output"]) == ("resp_1", "in_progress", [])
    assert completed["response"] == {
        **begun,
        "status": "completed",
        "completed_at": 7,
        "output": [final],
        "usage": {
            **COUNTED,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }


def test_each_delta_is_written_at_once() -> None:
    encoder = Encoder(ctx_for())
    events = events_of(ReasoningPart("t"), TextPart("a"), CALLED, finish=Finish("tool_calls"))
    for item in events:
        data = encoder.encode(item)
        assert data or not isinstance(item, PartDelta | Stop)


def test_a_delta_of_nothing_is_not_written() -> None:
    encoder = Encoder(ctx_for())
    for item in (Start("msg_1", "m"), PartStart(TextPart(""))):
        encoder.encode(item)
    assert encoder.encode(PartDelta("")) == b""


CALLED = ToolCallPart("c", "f", '{"a":1}')
CUSTOM = ToolCallPart("c", "f", "abc", "custom")
CITED = Citation("https://a", "A", start=0, end=1)
THINKING = Native(A, ({"type": "thinking", "thinking": "t", "signature": "s"},), "claude", "m")
SEARCH = Native(A, ({"type": "web_search_tool_result", "tool_use_id": "s"},), "claude", "m")
FOUND = HostedCall("web_search", {"query": "q"}, urls=("https://a",))
MESSAGE = ["output_item.added", "content_part.added"]
TEXT = [*MESSAGE, "output_text.delta", "output_text.done", "content_part.done"]
DONE = "output_item.done"
ADDED_KIND = "output_item.added"
SUMMARY = [
    "output_item.added",
    "reasoning_summary_part.added",
    "reasoning_summary_text.delta",
    "reasoning_summary_text.done",
    "reasoning_summary_part.done",
    DONE,
]


@pytest.mark.parametrize(
    "parts, events",
    [
        pytest.param([], [], id="nothing"),
        pytest.param(
            [TextPart("a"), TextPart("b")],
            [*TEXT, *TEXT[1:], DONE],
            id="texts in a row are one message",
        ),
        pytest.param(
            [TextPart("a"), RefusalPart("no")],
            [
                *TEXT,
                "content_part.added",
                "refusal.delta",
                "refusal.done",
                "content_part.done",
                DONE,
            ],
            id="and so is a refusal behind them",
        ),
        pytest.param(
            [TextPart("a"), CALLED, TextPart("b")],
            [
                *TEXT,
                DONE,
                ADDED_KIND,
                "function_call_arguments.delta",
                "function_call_arguments.done",
                DONE,
                *TEXT,
                DONE,
            ],
            id="a call between two messages",
        ),
        pytest.param(
            [CUSTOM],
            [ADDED_KIND, "custom_tool_call_input.delta", "custom_tool_call_input.done", DONE],
            id="a custom call",
        ),
        pytest.param(
            [TextPart("a", (CITED, CITED))],
            [
                *TEXT[:3],
                "output_text.annotation.added",
                "output_text.annotation.added",
                *TEXT[3:],
                DONE,
            ],
            id="citations",
        ),
        pytest.param([ReasoningPart("t", THINKING)], SUMMARY, id="reasoning"),
        pytest.param([ReasoningPart("", THINKING)], [ADDED_KIND, DONE], id="hidden reasoning"),
        pytest.param([ReasoningPart("")], [], id="reasoning that is nothing"),
        pytest.param(
            [TextPart("a"), ReasoningPart(""), TextPart("b")],
            [*TEXT, DONE, *TEXT, DONE],
            id="which still comes between",
        ),
        pytest.param([NativePart(SEARCH, "x")], [ADDED_KIND, DONE], id="another vendor's block"),
        pytest.param(
            [TextPart("a"), NativePart(SEARCH, "x", hosted=FOUND)],
            [
                *TEXT,
                DONE,
                ADDED_KIND,
                DONE,
                ADDED_KIND,
                "web_search_call.in_progress",
                "web_search_call.searching",
                "web_search_call.completed",
                DONE,
            ],
            id="a search",
        ),
    ],
)
def test_items_are_written_in_order(parts: list[Part], events: list[str]) -> None:
    data = written(events_of(*parts, finish=STOP))
    assert kinds(data) == ["created", "in_progress", *events, "completed"]


def test_a_message_ends_where_it_ended_and_has_its_phase() -> None:
    said = [
        NativePart(Native(R, ({"type": "message", "phase": phase},)), "hint_dropped")
        for phase in ("commentary", "final_answer")
    ]
    parts = [said[1], TextPart("a"), said[0], TextPart("b"), said[1], said[0]]
    data = written(events_of(*parts, finish=STOP), context(R, R))
    assert [(i["content"][0]["text"], i["phase"]) for i in output(data)] == [
        ("a", "commentary"),
        ("b", "final_answer"),
    ]


LISTING = Native(A, ({"type": "mcp_tool_listing"},), "claude", "m")
LISTED = HostedList("docs", ({"name": "f", "input_schema": {}},))


def test_a_list_of_tools_is_empty_until_it_is_done() -> None:
    data = written(events_of(NativePart(LISTING, "x", hosted=LISTED), finish=STOP))
    events = ["mcp_list_tools.in_progress", "mcp_list_tools.completed"]
    assert kinds(data)[4:-1] == [ADDED_KIND, *events, DONE]
    begun, done = (e["item"] for e in told(data) if e.get("item", {}).get("server_label"))
    assert (begun["tools"], done["tools"]) == ([], [{"name": "f", "input_schema": {}}])
    assert begun["id"] == done["id"] == "mcpl_1_1"


WHOLE = Native(A, ({"type": "message", "role": "assistant", "content": []},), "claude", "m")
PLACED = Citation(None, native=Native(A, ({"type": "char_location"},), "claude", "m"))
CALLER = Native(A, ({"caller": {"type": "code_execution_20260120", "tool_id": "s"}},), "claude")


@pytest.mark.parametrize(
    "part, carried",
    [
        pytest.param(TextPart("a"), False, id="a text is all there"),
        pytest.param(TextPart("a", (CITED,)), False, id="a link too"),
        pytest.param(ReasoningPart("t", THINKING), False, id="and reasoning, by itself"),
        pytest.param(TextPart("a", (PLACED,)), True, id="a place that only its vendor knows"),
        pytest.param(ToolCallPart("c", "f", "{}", native=CALLER), True, id="a caller likewise"),
    ],
)
def test_all_of_an_answer_comes_along_where_its_items_do_not_hold_it(
    part: Part, carried: bool
) -> None:
    ctx = ctx_for()
    *events, stop = events_of(part, finish=STOP)
    assert isinstance(stop, Stop)
    data = written([*events, replace(stop, native=WHOLE)], ctx)
    items = output(data)
    assert (len(items) == 2) is carried
    if carried:
        assert items[-1]["type"] == "reasoning" and items[-1]["summary"] == []
        assert ctx.unseal(items[-1]["encrypted_content"], "") == WHOLE
    assert len(output(written([*events, stop]))) == 1


def test_its_own_places_are_all_there() -> None:
    place = {"type": "file_citation", "file_id": "f", "filename": "a", "index": 0}
    cited = TextPart("a", (Citation(None, native=Native(R, (place,))),))
    *events, stop = events_of(cited, finish=STOP)
    assert isinstance(stop, Stop)
    whole = replace(WHOLE, protocol=R)
    assert len(output(written([*events, replace(stop, native=whole)], context(R, R)))) == 1


def test_an_answer_that_is_too_large_does_not_come_along() -> None:
    ctx = ctx_for()
    *events, stop = events_of(TextPart("a", (PLACED,)), finish=STOP)
    assert isinstance(stop, Stop)
    large = Native(A, ("x" * MAX_BYTES,))
    assert len(output(written([*events, replace(stop, native=large)], ctx))) == 1
    assert "opaque_too_large" in codes(ctx)


def test_what_an_item_becomes() -> None:
    data = written(
        events_of(
            ReasoningPart("t", THINKING),
            TextPart("a", (CITED,)),
            ToolCallPart("c", "f", '{"a":1}', namespace="ns"),
            CUSTOM,
            NativePart(SEARCH, "x", hosted=FOUND),
            finish=Finish("tool_calls"),
        )
    )
    thought, text, call, custom, carrier, search = output(data)
    ctx = ctx_for()
    assert thought["summary"] == [{"type": "summary_text", "text": "t"}]
    assert ctx.unseal(thought["encrypted_content"], "") == THINKING
    assert text["content"][0]["annotations"][0]["url"] == "https://a"
    assert (call["name"], call["arguments"], call["namespace"]) == ("f", '{"a":1}', "ns")
    assert (custom["name"], custom["input"], custom["call_id"]) == ("f", "abc", "c")
    assert carrier["summary"] == [] and ctx.unseal(carrier["encrypted_content"], "") == SEARCH
    assert search["action"]["query"] == "q"
    ids = [item["id"] for item in output(data)]
    assert ids == ["rs_1_0", "msg_1_1", "fc_1_2", "ctc_1_3", "rs_1_4", "ws_1_5"]
    assert b'"s"' not in data  # the bare signature


@pytest.mark.parametrize("summary", [False, None])
def test_what_was_thought_is_shown_to_who_asked_for_it(summary: bool | None) -> None:
    events = events_of(ReasoningPart("secret", THINKING), TextPart("a"), finish=STOP)
    data = written(events, ctx_for(summary))
    assert b"secret" not in data and "reasoning_summary_text.delta" not in kinds(data)
    thought, _ = output(data)
    assert thought["summary"] == [] and ctx_for().unseal(thought["encrypted_content"], "")
    stateless = written(events_of(ReasoningPart("secret"), finish=STOP), ctx_for(summary))
    assert output(stateless) == []


def test_nobody_is_known_to_have_asked() -> None:
    data = written(events_of(ReasoningPart("t"), finish=STOP), context(R, A))
    assert output(data)[0]["summary"] == [{"type": "summary_text", "text": "t"}]


def test_its_own_items_stay_as_they_are() -> None:
    thought = {"type": "reasoning", "id": "rs_9", "summary": [], "encrypted_content": "e"}
    tool = {"type": "code_interpreter_call", "id": None, "code": "1"}
    natives = [Native(R, (item,)) for item in (thought, tool)]
    events = events_of(ReasoningPart("t", natives[0]), NativePart(natives[1], "x"), finish=STOP)
    data = written(events, context(R, R))
    assert kinds(data)[2:-1] == [ADDED_KIND, DONE] * 2
    assert output(data) == [thought, {**tool, "id": "item_1_1"}]
    assert told(data)[2]["item"] == {**thought, "encrypted_content": ""}


def test_its_own_thoughts_without_state_are_told_at_their_end() -> None:
    data = written(events_of(ReasoningPart("t"), finish=STOP), context(R, R))
    assert kinds(data)[2:-1] == [ADDED_KIND, DONE]
    assert output(data)[0]["summary"] == [{"type": "summary_text", "text": "t"}]


def test_an_image_that_cannot_be_shown_is_noted() -> None:
    ctx = ctx_for()
    written(events_of(NativePart(SEARCH, "hosted_output_dropped", seen=True), finish=STOP), ctx)
    assert codes(ctx) == ["hosted_output_dropped"]


def test_a_state_too_large_leaves_the_thoughts() -> None:
    large = Native(A, ("x" * MAX_BYTES,))
    data = written(events_of(ReasoningPart("t", large), finish=STOP))
    assert "encrypted_content" not in output(data)[0]


SHELL = Tool("local_shell", kind="client", native=Native(R, ({"type": "local_shell"},)))


def test_a_call_of_a_built_in_tool_is_told_whole() -> None:
    ctx = ctx_for(tools=(SHELL,))
    call = ToolCallPart("c", "local_shell", '{"command":["ls"]}')
    data = written(events_of(call, finish=Finish("tool_calls")), ctx)
    assert kinds(data)[2:-1] == [ADDED_KIND, DONE]
    [item] = output(data)
    assert (item["type"], item["id"], item["status"]) == (
        "local_shell_call",
        "lsh_1_0",
        "completed",
    )
    assert item["action"]["command"] == ["ls"]


@pytest.mark.parametrize(
    "arguments, carried",
    [
        pytest.param('{"timeout_ms": 5, "command": ["ls"]}', False, id="as the item has it"),
        pytest.param('{"command":["ls"],"timeout_ms":null}', True, id="a null is not given back"),
        pytest.param('{"command":"ls"}', True, id="nor is a text for a list"),
        pytest.param('{"command":["ls"],"env":{}}', True, id="nor what every item has"),
    ],
)
def test_arguments_that_an_item_changes_come_along(arguments: str, carried: bool) -> None:
    call = ToolCallPart("c", "local_shell", arguments)
    *events, stop = events_of(call, finish=Finish("tool_calls"))
    assert isinstance(stop, Stop)
    items = output(written([*events, replace(stop, native=WHOLE)], ctx_for(tools=(SHELL,))))
    assert ("reasoning" in [item["type"] for item in items]) is carried


def cut(call: ToolCallPart, *texts: str) -> list[Event]:
    pieces: list[Event] = [PartDelta(text) for text in texts]
    begun = [Start("msg_1", "m"), PartStart(call), *pieces]
    return [*begun, PartEnd(cut=True), Stop(Finish("length"), USAGE)]


def test_trap_7_half_a_call_does_not_look_whole() -> None:
    [item] = output(written(cut(ToolCallPart("c", "f", ""), '{"a"', ":")))
    assert (item["status"], item["arguments"]) == ("incomplete", '{"a":')
    [item] = output(written(cut(ToolCallPart("c", "f", "", "custom"), "ab")))
    assert (item["status"], item["input"]) == ("incomplete", "ab")
    shell = ToolCallPart("c", "local_shell", "")
    assert output(written(cut(shell, '{"command'), ctx_for(tools=(SHELL,)))) == []


def test_arguments_that_are_no_json_do_not_look_whole_either() -> None:
    malformed = ToolCallPart("c", "f", '{"a":tru}')
    [item] = output(written(events_of(malformed, finish=Finish("tool_calls"))))
    assert item["status"] == "incomplete"


@pytest.mark.parametrize(
    "finish, status, reason, item_status",
    [
        pytest.param(STOP, "completed", None, "completed", id="a natural end"),
        pytest.param(
            Finish("length"), "incomplete", "max_output_tokens", "incomplete", id="a limit"
        ),
        pytest.param(
            Finish("content_filter"), "incomplete", "content_filter", "incomplete", id="a filter"
        ),
    ],
)
def test_an_ending_is_written(
    finish: Finish, status: str, reason: str | None, item_status: str
) -> None:
    data = written(events_of(TextPart("a"), finish=finish))
    last = told(data)[-1]
    assert last["type"] == f"response.{status}" and last["response"]["status"] == status
    assert last["response"]["incomplete_details"] == (reason and {"reason": reason})
    assert output(data)[0]["status"] == item_status


@pytest.mark.parametrize(
    "parts, finish, said",
    [
        pytest.param([], Finish("refusal"), [REFUSED], id="no word of its own"),
        pytest.param([TextPart("a")], Finish("refusal", explanation="why"), ["a", "why"], id="why"),
        pytest.param([RefusalPart("no")], Finish("refusal", explanation="no"), ["no"], id="spoken"),
    ],
)
def test_a_refusal_is_part_of_the_message(
    parts: list[Part], finish: Finish, said: list[str]
) -> None:
    [item] = output(written(events_of(*parts, finish=finish)))
    assert [part.get("text") or part["refusal"] for part in item["content"]] == said


def test_what_a_client_reads_of_the_counts() -> None:
    searched = told(written(events_of(finish=STOP, usage=Usage(1, 2, web_search_requests=3))))
    assert searched[-1]["response"]["tool_usage"]["web_search"] == {"num_requests": 3}
    unknown = told(written(events_of(finish=STOP, usage=None)))[-1]["response"]
    assert unknown["usage"]["total_tokens"] == 0 and "tool_usage" not in unknown
    stop = Stop(STOP, USAGE, "priority")
    tiers = told(written([Start("msg_1", "m", service_tier="default"), stop]))
    assert [e["response"]["service_tier"] for e in tiers] == ["default", "default", "priority"]


BUSY = Error("rate_limit", "try again in 2s", 429, param="input")


def broken(*events: Event, ctx: Context | None = None) -> list[dict[str, Any]]:
    return told(written([Start("msg_1", "m"), *events, Failure(BUSY)], ctx))


def test_trap_46_an_error_is_told_flat_and_nested_and_then_the_response_failed() -> None:
    *_, error, failed = broken()
    assert error["type"] == "error" and (error["code"], error["message"], error["param"]) == (
        "rate_limit_exceeded", "try again in 2s", "input",
    )  # fmt: skip
    assert error["error"] == {
        "type": "requests",
        "code": "rate_limit_exceeded",
        "message": "try again in 2s",
        "param": "input",
    }
    assert failed["type"] == "response.failed" and failed["response"]["usage"] is None
    assert failed["response"]["error"] == {
        "code": "rate_limit_exceeded",
        "message": "try again in 2s",
    }


TEXT_OPEN: list[Event] = [PartStart(TextPart("")), PartDelta("a")]
CALL_OPEN: list[Event] = [PartStart(ToolCallPart("c", "f", "")), PartDelta('{"a"')]


@pytest.mark.parametrize(
    "events, said",
    [
        pytest.param([], [], id="nothing"),
        pytest.param(TEXT_OPEN, [("message", "incomplete")], id="a text"),
        pytest.param(
            [PartStart(ReasoningPart("")), PartDelta("t")], [("reasoning", None)], id="a thought"
        ),
        pytest.param([PartStart(ReasoningPart(""))], [], id="a thought not spoken"),
        pytest.param(CALL_OPEN, [], id="half a call is not told: an app could take it for one"),
        pytest.param(
            [*TEXT_OPEN, PartEnd(), *CALL_OPEN], [("message", "completed")], id="a text before it"
        ),
    ],
)
def test_a_failed_response_holds_what_was_said(events: list[Event], said: list[Any]) -> None:
    found = broken(*events)[-1]["response"]["output"]
    assert [(item["type"], item.get("status")) for item in found] == said


def test_an_error_before_everything_has_a_response_all_the_same() -> None:
    events = told(written([Failure(BUSY)]))
    assert [e["type"].rpartition(".")[2] for e in events] == [
        "created", "in_progress", "error", "failed",
    ]  # fmt: skip


# --- the end of a stream that a client got as it came


PASSED_HEAD = {"id": "r-1", "model": "up", "created_at": 7, "metadata": {"a": "b"}, "odd": 1}
BEGINNING = {"type": "response.created", "response": PASSED_HEAD}
SPEECH = {"id": "m-1", "type": "message", "role": "assistant", "phase": "commentary"}


def added(item: dict[str, Any], index: int | None = 0, verb: str = "added") -> dict[str, Any]:
    return {"type": f"response.output_item.{verb}", "output_index": index, "item": item}


def says(delta: str, kind: str = "output_text", **place: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "item_id": "m-1", **place, "delta": delta}


def broken_off(*payloads: dict[str, Any]) -> list[dict[str, Any]]:
    """What the client gets when it has got `payloads`, and the stream breaks off."""
    decoder = Decoder(ctx_for())
    events = [e for payload in payloads for e in decoder.feed(SseEvent("", json.dumps(payload)))]
    start = next((event for event in events if isinstance(event, Start)), None)
    begun = replace(start, model="asked") if start else None
    return told(decoder.ending(begun, ctx_for()).encode(Failure(BUSY)))


def test_what_breaks_off_a_stream_that_passed_keeps_its_names_and_numbers() -> None:
    *_, failed = events = broken_off(
        {**BEGINNING, "sequence_number": 4},
        {**added(SPEECH), "sequence_number": 5},
        {**says("Hi"), "sequence_number": 6},
        {**says(" you"), "sequence_number": 7},
    )
    assert [(e["type"].removeprefix("response."), e["sequence_number"]) for e in events] == [
        ("output_text.done", 8),
        ("content_part.done", 9),
        ("output_item.done", 10),
        ("error", 11),
        ("failed", 12),
    ]
    place = {"item_id": "m-1", "output_index": 0, "content_index": 0}
    assert place.items() <= events[0].items() and place.items() <= events[1].items()
    text = {"type": "output_text", "text": "Hi you", "annotations": [], "logprobs": []}
    assert events[2]["item"] == {**SPEECH, "status": "incomplete", "content": [text]}
    response = failed["response"]
    assert response["output"] == [events[2]["item"]] and response["status"] == "failed"
    assert response.items() >= {**PASSED_HEAD, "model": "asked"}.items()
    assert {"tools", "usage", "parallel_tool_calls"} < response.keys()


PART = {"type": "output_text", "text": "Hi", "annotations": [{"type": "odd"}]}
HI = {"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}
PART_DONE = {"type": "response.content_part.done", "item_id": "m-1", "part": PART}
WHOLE_CALL = {"id": "f-1", "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
THOUGHT = {"id": "t-1", "type": "reasoning", "summary": []}


@pytest.mark.parametrize(
    "payloads, output, done",
    [
        pytest.param([], [], [], id="nothing was said"),
        pytest.param(
            [added(WHOLE_CALL), added(WHOLE_CALL, verb="done")],
            [WHOLE_CALL],
            [],
            id="what is done stays as it is",
        ),
        pytest.param([added(WHOLE_CALL)], [], [], id="half a call: an app could take it for one"),
        pytest.param(
            [added(WHOLE_CALL, 1, "done"), added(SPEECH, 0, "done")],
            [SPEECH, WHOLE_CALL],
            [],
            id="items that were done in another order",
        ),
        pytest.param(
            [added(WHOLE_CALL, None, "done"), added(SPEECH, None, "done")],
            [WHOLE_CALL, SPEECH],
            [],
            id="items without a place",
        ),
        pytest.param(
            [added(SPEECH), says("Hi"), PART_DONE],
            [("m-1", [PART])],
            [0],
            id="a part that is whole, in a message that is not",
        ),
        pytest.param(
            [added(SPEECH), says("Hi"), PART_DONE, says("No", "refusal", content_index=1)],
            [("m-1", [PART, {"type": "refusal", "refusal": "No"}])],
            [0],
            id="a refusal behind it",
        ),
        pytest.param([added(SPEECH)], [("m-1", [])], [0], id="a message without a word"),
        pytest.param(
            [added(THOUGHT), added(SPEECH, 1), says("Hi"), PART_DONE],
            [("m-1", [PART])],
            [1],
            id="a message beside a thought that is not over",
        ),
        pytest.param(
            [added(WHOLE_CALL, verb="done"), {"type": "response.output_text.delta", "delta": "Hi"}],
            [WHOLE_CALL, ("msg_r-1_1", [HI])],
            [1],
            id="a text that nothing opened",
        ),
    ],
)
def test_what_was_said_of_a_stream_that_passed_is_in_its_end(
    payloads: list[dict[str, Any]], output: list[Any], done: list[int]
) -> None:
    *events, error, failed = broken_off(BEGINNING, *payloads)
    assert (error["type"], failed["type"]) == ("error", "response.failed")
    assert error["sequence_number"] == 1 + len(payloads) + len(events)
    items = [e for e in events if e["type"] == "response.output_item.done"]
    assert [e["output_index"] for e in items] == done
    found = failed["response"]["output"]
    assert all(e["item"] in found for e in items)
    assert [half(item) if item.get("status") == "incomplete" else item for item in found] == output


def half(item: dict[str, Any]) -> tuple[str, list[Any]]:
    return item["id"], item["content"]


def test_a_stream_that_never_began_begins_behind_what_passed() -> None:
    events = broken_off({"type": "keepalive", "sequence_number": 0})
    assert [(e["type"].rpartition(".")[2], e["sequence_number"]) for e in events] == [
        ("created", 1), ("in_progress", 2), ("error", 3), ("failed", 4),
    ]  # fmt: skip


def test_trap_46_an_error_is_the_last_word() -> None:
    encoder = Encoder(ctx_for())
    events = events_of(TextPart("a"), finish=STOP)
    for item in [*events[:3], Failure(BUSY)]:
        encoder.encode(item)
    late = [*events, Keepalive(), CitationDelta(CITED), PartDelta("x", ({"token": "x"},))]
    assert b"".join(map(encoder.encode, late)) == b""


def test_the_sdk_raises_the_error() -> None:
    error = raised_in(R, written([Start("msg_1", "m"), *TEXT_OPEN, Failure(BUSY)]))
    assert isinstance(error, openai.APIError)
    assert (error.message, error.code, error.type) == (
        "try again in 2s", "rate_limit_exceeded", "requests",
    )  # fmt: skip


def test_silence_is_a_comment() -> None:
    data = written([Keepalive()])
    assert data.startswith(b":") and told(data) == []


def test_a_part_of_a_request_is_no_part_of_an_answer() -> None:
    with pytest.raises(TypeError, match="ToolResultPart cannot be part of an answer"):
        Encoder(ctx_for()).encode(PartStart(ToolResultPart("1", ())))


def test_log_probabilities_stand_beside_their_text() -> None:
    token = {"token": "a", "logprob": -1.0, "bytes": None, "top_logprobs": []}
    known = [{**token, "bytes": [97]}]
    data = written(events_of(TextPart("a", logprobs=(token,)), CALLED, finish=STOP))
    lists = [e["logprobs"] for e in told(data) if "logprobs" in e]
    assert lists == [known, known]
    assert output(data)[0]["content"][0]["logprobs"] == known
    assert "logprobs" not in output(data)[1]


def test_log_probabilities_of_anything_else_are_nobodys() -> None:
    token = {"token": "a", "logprob": -1.0}
    events: list[Event] = [PartStart(CALLED), PartDelta("", (token,)), PartEnd()]
    assert b'"logprobs"' not in written([Start("msg_1", "m"), *events])


# --- the SDK as judge

tokens = st.just({"token": "a", "logprob": -1.0, "bytes": None, "top_logprobs": []})
parts_of_answers: st.SearchStrategy[Part] = st.one_of(
    st.builds(
        TextPart,
        texts,
        st.lists(st.builds(Citation, st.just("https://a.example"), texts), max_size=2).map(tuple),
        logprobs=st.lists(tokens, max_size=1).map(tuple),
    ),
    st.builds(ReasoningPart, texts, st.sampled_from([None, THINKING])),
    st.builds(RefusalPart, texts),
    st.builds(ToolCallPart, texts, texts, st.sampled_from(["{}", '{"a":"\\u00e9"}'])),
    st.builds(ToolCallPart, texts, texts, texts, st.just("custom")),
    st.builds(NativePart, st.just(SEARCH), st.just("x"), hosted=st.none() | st.just(FOUND)),
)
finishes = st.builds(
    Finish,
    st.sampled_from(
        ["stop", "stop_sequence", "length", "context_window", "tool_calls", "content_filter"]
        + ["refusal", "pause", "interrupted", "compaction"]
    ),
)
responses = st.builds(
    Response,
    texts,
    texts,
    st.lists(parts_of_answers, max_size=5).map(tuple),
    finishes,
    st.none() | st.just(USAGE),
    service_tier=st.sampled_from([None, "default", "priority"]),
)


def with_own_ids(answer: Response) -> Response:
    """Calls of one answer have different ids: the decoders see to that."""
    parts = [
        ToolCallPart(str(n), part.name, part.arguments, part.kind)
        if isinstance(part, ToolCallPart)
        else part
        for n, part in enumerate(answer.parts)
    ]
    return Response(answer.id, answer.model, tuple(parts), answer.finish, answer.usage)


answers = responses.map(with_own_ids)


@given(answers, st.sampled_from([True, None]))
def test_what_the_sdk_joins_is_the_whole_answer(answer: Response, summary: bool | None) -> None:
    ctx = ctx_for(summary)
    data = written(unfold(answer), ctx)
    for item in told(data):
        EVENT.validate_python(item)
    whole = encode_response(answer, ctx)
    assert answer_faults(R, whole) == set()
    assert comparable(joined(R, data)) == comparable(whole)


def comparable(value: Any) -> Any:
    """Without nulls and what the helper adds."""
    if isinstance(value, dict):
        added = {"parsed", "parsed_arguments"}
        return {k: comparable(v) for k, v in value.items() if v is not None and k not in added}
    return [comparable(v) for v in value] if isinstance(value, list) else value


@given(answers)
def test_the_grammar_of_events_is_kept(answer: Response) -> None:
    events = told(written(unfold(answer)))
    assert [e["sequence_number"] for e in events] == list(range(len(events)))
    assert [e["type"] for e in events[:2]] == ["response.created", "response.in_progress"]
    *between, last = events[2:]
    assert last["type"] in ("response.completed", "response.incomplete")
    assert len({e["response"]["id"] for e in (*events[:2], last)}) == 1
    items: list[Any] = []
    pieces: list[str] = []
    current: dict[str, Any] = {}
    for e in between:
        kind = e["type"].removeprefix("response.")
        assert e["output_index"] == len(items)
        if kind == "output_item.added":
            current = e["item"]
        elif kind == "output_item.done":
            assert (e["item"]["id"], e["item"]["type"]) == (current["id"], current["type"])
            items.append(e["item"])
        else:
            assert e["item_id"] == current["id"]
        if kind.endswith(".delta"):
            pieces.append(e["delta"])
        elif kind.endswith(("_text.done", "refusal.done", "arguments.done", "input.done")):
            text = next(e[k] for k in ("text", "refusal", "arguments", "input") if k in e)
            assert "".join(pieces) == text
            pieces = []
    assert last["response"]["output"] == items


@given(answers)
def test_what_is_written_is_read_the_same(answer: Response) -> None:
    """Other vendors' state and blocks are items of ours, so they are left out."""
    plain = [part for part in answer.parts if not isinstance(part, NativePart | ReasoningPart)]
    kept = Response(answer.id, answer.model, tuple(plain), answer.finish, answer.usage)
    again = fold(decode_response(encode_response(kept, ctx_for()), context(A, R))).response
    assert again
    refusal = [p for p in plain if isinstance(p, RefusalPart)]
    refused = answer.finish.reason == "refusal" and not refusal
    read_parts = again.parts[:-1] if refused else again.parts
    assert [(type(p), text_of(p)) for p in read_parts] == [(type(p), text_of(p)) for p in plain]


def text_of(part: Part) -> Any:
    if isinstance(part, ToolCallPart):
        return part.id, part.name, part.arguments, part.kind
    assert isinstance(part, TextPart | RefusalPart)
    return part.text
