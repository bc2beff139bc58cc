"""What is read from an upstream's stream."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.answers import (
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
from bridge.transform.anthropic_messages import Decoder, Encoder
from bridge.transform.context import Context, context
from bridge.transform.fold import Fold
from bridge.transform.model import Native, NativePart, Part, ReasoningPart, TextPart, ToolCallPart
from bridge.transform.sse import SseEvent, SseParser
from tests.transform.anthropic_messages.streams import (
    PING,
    STOP,
    TEXT,
    USE,
    block_delta,
    block_start,
    block_stop,
    text_delta,
)

A = "anthropic_messages"


def own() -> Context:
    return context(A, A)


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def sse(payload: Any) -> SseEvent:
    return SseEvent(payload["type"], json.dumps(payload))


def message_start(**fields: Any) -> Any:
    usage = {"input_tokens": 5, "output_tokens": 1, "service_tier": "standard"}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": None,
        "usage": usage,
        **fields,
    }
    return {"type": "message_start", "message": message}


def message_delta(reason: str | None = "end_turn", output: int = 3, **delta: Any) -> Any:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None, **delta},
        "usage": {"output_tokens": output},
    }


START = message_start()
HI = [block_start(TEXT), text_delta("Hi"), block_stop()]

BEGUN = Start("msg_1", "claude", service_tier="default")
SAID_HI = [PartStart(TextPart("")), PartDelta("Hi"), PartEnd()]
ENDED = Stop(Finish("stop", "end_turn"), Usage(5, 3), "default")


def read(events: Iterable[Any], ctx: Context | None = None) -> list[Event]:
    decoder = Decoder(ctx or own())
    found: list[Event] = []
    for event in events:
        found += decoder.feed(event if isinstance(event, SseEvent) else sse(event))
    return found + decoder.end()


def folded(events: Iterable[Any], ctx: Context | None = None) -> Response:
    fold = Fold()
    for event in read(events, ctx):
        fold.add(event)
    assert fold.response, fold.error
    return fold.response


def failed(events: Iterable[Any]) -> Error:
    found = read(events)
    assert [e for e in found if isinstance(e, Stop | Failure)] == found[-1:]
    assert isinstance(found[-1], Failure)
    return found[-1].error


def test_an_answer_is_read_as_it_comes() -> None:
    decoder = Decoder(own())
    assert decoder.feed(sse(START)) == [BEGUN]
    assert decoder.feed(sse(block_start(TEXT))) == [PartStart(TextPart(""))]
    assert decoder.feed(sse(text_delta("Hi"))) == [PartDelta("Hi")]
    assert decoder.feed(sse(block_stop())) == [PartEnd()]
    assert decoder.feed(sse(message_delta())) == []
    assert decoder.feed(sse(STOP)) == [ENDED]
    assert decoder.feed(sse(STOP)) == decoder.end() == []


FULL_CALL = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
BY_CODE = {**FULL_CALL, "caller": {"type": "code_execution_20260120", "tool_id": "s"}}


@pytest.mark.parametrize(
    "events, answer",
    [
        pytest.param(
            [START, PING, *HI[:1], PING, *HI[1:], message_delta(), STOP],
            [BEGUN, Keepalive(), *SAID_HI[:1], Keepalive(), *SAID_HI[1:], ENDED],
            id="pings",
        ),
        pytest.param(
            [START, SseEvent("", None), SseEvent("keepalive", None), *HI, message_delta(), STOP],
            [BEGUN, Keepalive(), Keepalive(), *SAID_HI, ENDED],
            id="comments and events without data",
        ),
        pytest.param(
            [START, START, *HI, message_delta(), STOP],
            [BEGUN, *SAID_HI, ENDED],
            id="message_start twice (trap 42)",
        ),
        pytest.param(
            [START, *HI, message_delta(), SseEvent("data", "[DONE] "), STOP, {"type": "x"}],
            [BEGUN, *SAID_HI, ENDED],
            id="[DONE], and events behind the end (trap 45)",
        ),
        pytest.param(
            [START, *HI[:2], message_delta(), block_stop(), STOP],
            [BEGUN, *SAID_HI, ENDED],
            id="message_delta before the block's end",
        ),
        pytest.param(
            [START, *HI, message_delta(), *HI, message_delta("tool_use", 3), STOP],
            [BEGUN, *SAID_HI, ENDED],
            id="content and another reason behind the reason to stop (trap 45)",
        ),
        pytest.param(
            [START, *HI, message_delta(), text_delta("more"), STOP],
            [BEGUN, *SAID_HI, ENDED],
            id="a delta behind the reason to stop",
        ),
        pytest.param(
            [START, *HI, message_delta()], [BEGUN, *SAID_HI, ENDED], id="no message_stop (trap 45)"
        ),
        pytest.param(
            [START, *HI, message_delta(), SseEvent("message_stop", '{"type":"mess')],
            [BEGUN, *SAID_HI, ENDED],
            id="half a message_stop",
        ),
        pytest.param(
            [START, *HI[:2], message_delta(), STOP],
            [BEGUN, *SAID_HI, ENDED],
            id="no block_stop (trap 45)",
        ),
        pytest.param(
            [START, *HI[:2], *HI, message_delta(), STOP],
            [BEGUN, *SAID_HI, *SAID_HI, ENDED],
            id="no block_stop before another block",
        ),
        pytest.param(
            [START, text_delta("Hi"), message_delta(), STOP],
            [BEGUN, *SAID_HI, ENDED],
            id="no block_start",
        ),
        pytest.param(
            [START, block_delta(type="input_json_delta", partial_json="{"), message_delta(), STOP],
            [BEGUN, ENDED],
            id="arguments of no call",
        ),
        pytest.param(
            [
                START,
                {"type": "new_event"},
                SseEvent("", '{"type": []}'),
                {"type": "content_block_delta"},
                block_start("?"),
                block_stop(),
                block_stop(),
                message_delta(),
                {"type": "message_delta"},
                STOP,
            ],
            [
                BEGUN,
                PartStart(NativePart(Native(A, ({},), "", "claude"), "server_tool_dropped")),
                PartEnd(),
                ENDED,
            ],
            id="noise",
        ),
        pytest.param(
            [message_start(content=[FULL_CALL], stop_reason="tool_use"), STOP],
            [
                BEGUN,
                PartStart(ToolCallPart("t", "f", "")),
                PartDelta('{"a":1}'),
                PartEnd(),
                Stop(Finish("tool_calls", "tool_use"), Usage(5, 1), "default"),
            ],
            id="all of it in message_start",
        ),
        pytest.param(
            [message_start(content=[TEXT], stop_reason="end_turn"), *HI, STOP],
            [BEGUN, *SAID_HI, Stop(Finish("stop", "end_turn"), Usage(5, 1), "default")],
            id="content in message_start and in blocks",
        ),
        pytest.param(
            [START, message_delta("refusal", stop_details={"explanation": "No."}), STOP],
            [BEGUN, Stop(Finish("refusal", "refusal", None, "No."), Usage(5, 3), "default")],
            id="a refusal before any output",
        ),
        pytest.param(
            [START, message_delta("max_tokens", 0), STOP],
            [BEGUN, Stop(Finish("length", "max_tokens"), Usage(5, 1), "default")],
            id="no output asked for, counts that say 0",
        ),
        pytest.param(
            [SseEvent("", json.dumps(event)) for event in (START, *HI, message_delta(), STOP)],
            [BEGUN, *SAID_HI, ENDED],
            id="no event lines",
        ),
        pytest.param(
            [
                SseEvent(event["type"], json.dumps({k: v for k, v in event.items() if k != "type"}))
                for event in (START, *HI, message_delta(), STOP)
            ],
            [BEGUN, *SAID_HI, ENDED],
            id="no types but in the event lines",
        ),
        pytest.param(
            [SseEvent("x", "[1]"), START, *HI, message_delta(), STOP],
            [BEGUN, *SAID_HI, ENDED],
            id="data that is no object",
        ),
    ],
)
def test_streams_of_all_kinds(events: list[Any], answer: list[Event]) -> None:
    ctx = own()
    assert read(events, ctx) == answer
    assert codes(ctx) == []


@pytest.mark.parametrize(
    "events, answer, noted",
    [
        pytest.param(
            [START, *HI, STOP],
            [BEGUN, *SAID_HI, Stop(Finish("stop"), Usage(5, 1), "default")],
            ["finish_inferred"],
            id="no reason to stop (trap 45)",
        ),
        pytest.param(
            [START, *HI, message_delta(""), STOP],
            [BEGUN, *SAID_HI, Stop(Finish("stop"), Usage(5, 3), "default")],
            ["finish_inferred"],
            id="an empty one",
        ),
        pytest.param(
            [*HI, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, STOP],
            [Start("", ""), *SAID_HI, Stop(Finish("stop", "end_turn"))],
            ["usage_missing"],
            id="no message_start, no usage",
        ),
        pytest.param(
            [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}],
            [Start("", ""), Stop(Finish("stop", "end_turn"))],
            ["usage_missing"],
            id="nothing but a reason to stop",
        ),
        pytest.param(
            [{"type": "message_start"}, *HI, STOP],
            [Start("", ""), *SAID_HI, Stop(Finish("stop"))],
            ["usage_missing", "finish_inferred"],
            id="a start that says nothing",
        ),
    ],
)
def test_what_is_missing_is_noted(events: list[Any], answer: list[Event], noted: list[str]) -> None:
    ctx = own()
    assert read(events, ctx) == answer
    assert codes(ctx) == noted


THINNED = {"type": "thinking_dropped", "path": "messages[1].content[0]", "reason": "prefix"}
KEPT = {"type": "thinking_mismatch_allowed", "path": "messages[3].content[0]", "reason": "prefix"}
CLEARED = {"type": "clear_tool_uses_20250919", "cleared_tool_uses": 3}
UNTOLD = [
    ("thinking_prefix_dropped", "messages[1].content[0]"),
    ("hint_dropped", "messages[3].content[0]"),
]


@pytest.mark.parametrize(
    "start, end, noted",
    [
        pytest.param({"input_transformations": [THINNED, KEPT]}, {}, UNTOLD, id="at the start"),
        pytest.param(
            {},
            {
                "input_transformations": [{"type": "thinking_dropped"}],
                "context_management": {"applied_edits": [CLEARED]},
            },
            [
                ("thinking_prefix_dropped", "input_transformations"),
                ("field_dropped", "context_management.applied_edits"),
            ],
            id="at the end",
        ),
        pytest.param(
            {"input_transformations": [], "context_management": {"applied_edits": []}},
            {"input_transformations": None, "context_management": None},
            [],
            id="nothing",
        ),
    ],
)
def test_what_was_done_to_the_request_is_noted(start: Any, end: Any, noted: list[Any]) -> None:
    ctx = own()
    folded([message_start(**start), *HI, {**message_delta(), **end}, STOP], ctx)
    assert [(n.code, n.where) for n in ctx.notes] == noted


@pytest.mark.parametrize(
    "events, kind, message",
    [
        pytest.param([], "server", "ended early", id="nothing (trap 5)"),
        pytest.param([STOP], "server", "empty answer", id="nothing but an end"),
        pytest.param([START, *HI], "server", "ended early", id="a cut (trap 46)"),
        pytest.param(
            [START, *HI, SseEvent("", "[DONE]")],
            "server",
            "ended early",
            id="[DONE] is no end (trap 45)",
        ),
        pytest.param(
            [message_start(stop_reason="end_turn"), *HI],
            "server",
            "ended early",
            id="a cut, whatever was said at the start",
        ),
        pytest.param(
            [START, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}],
            "overloaded",
            "busy",
            id="an error (trap 4)",
        ),
        pytest.param(
            [START, SseEvent("error", '{"message": "busy"}')], "server", "busy", id="a flat error"
        ),
        pytest.param([{"type": "x", "error": "busy"}], "server", "busy", id="an error in one word"),
        pytest.param(
            [START, *HI, START], "server", "second answer", id="two streams in one (trap 42)"
        ),
        pytest.param([START, message_delta(), START], "server", "second answer", id="one by one"),
        pytest.param([START, SseEvent("", "{")], "server", "not JSON", id="half an event"),
        pytest.param([SseEvent("", "overloaded")], "overloaded", "JSON: overloaded", id="a text"),
        pytest.param(
            [START, *HI, SseEvent("", '{"message": "overloaded"}')],
            "overloaded",
            "overloaded",
            id="in no event",
        ),
        pytest.param(
            [START, *HI, {"type": "news", "message": "x"}],
            "server",
            "early",
            id="news are no error",
        ),
    ],
)
def test_a_broken_stream_is_a_failure(events: list[Any], kind: str, message: str) -> None:
    error = failed(events)
    assert error.kind == kind and message in error.message


def test_nothing_comes_after_a_failure() -> None:
    decoder = Decoder(own())
    decoder.feed(sse(START))
    decoder.feed(sse(block_start(TEXT)))
    assert isinstance(decoder.feed(sse(START))[0], Failure)
    assert decoder.feed(sse(text_delta("x"))) == []
    assert decoder.feed_json(text_delta("x")) == decoder.feed_json(STOP) == decoder.end() == []


def arguments(*pieces: str) -> list[Any]:
    deltas = [block_delta(type="input_json_delta", partial_json=piece) for piece in pieces]
    return [block_start(USE), *deltas, block_stop()]


@pytest.mark.parametrize(
    "blocks, reason, finish",
    [
        pytest.param(arguments('{"a":', "1}"), "tool_use", "tool_calls", id="a call"),
        pytest.param(arguments('{"a":', "1}"), "end_turn", "tool_calls", id="said to be the end"),
        pytest.param(arguments('{"a":'), "max_tokens", "length", id="half a call"),
        pytest.param(arguments('{"a":'), "tool_use", "length", id="half, said to be whole"),
        pytest.param(HI, "tool_use", "stop", id="no call, said to be one"),
        pytest.param(
            [block_start(BY_CODE), block_stop()], "end_turn", "stop", id="a call by code, answered"
        ),
        pytest.param(
            [block_start(BY_CODE), block_stop()], "tool_use", "tool_calls", id="or to be answered"
        ),
    ],
)
def test_calls_decide_how_it_ended(blocks: list[Any], reason: str, finish: str) -> None:
    response = folded([START, *blocks, message_delta(reason), STOP])
    assert response.finish.reason == finish


OTHER = {**USE, "id": "t2", "name": "g"}


def input_delta(text: str, index: int) -> Any:
    return block_delta(index, type="input_json_delta", partial_json=text)


def thought(text: str, index: int = 0) -> Any:
    return block_delta(index, type="thinking_delta", thinking=text)


A_CALL, ANOTHER = ToolCallPart("t", "f", '{"a":1}'), ToolCallPart("t2", "g", '{"b":2}')


@pytest.mark.parametrize(
    "blocks, parts",
    [
        pytest.param(
            [
                block_start(USE),
                block_start(OTHER, 1),
                input_delta('{"a"', 0),
                input_delta('{"b"', 1),
                input_delta(":1}", 0),
                input_delta(":2}", 1),
                block_stop(0),
                block_stop(1),
            ],
            (A_CALL, ANOTHER),
            id="two calls",
        ),
        pytest.param(
            [
                block_start(TEXT),
                block_start(USE, 1),
                text_delta("Hi"),
                block_stop(0),
                input_delta('{"a":1}', 1),
                block_stop(1),
            ],
            (TextPart(""), A_CALL, TextPart("Hi")),
            id="a text and a call",
        ),
        pytest.param(
            [block_start(TEXT), text_delta("A"), thought("t"), text_delta("B"), block_stop()],
            (TextPart("A"), ReasoningPart("t"), TextPart("B")),
            id="thinking in a text (trap 42)",
        ),
        pytest.param(
            [
                block_start(USE),
                input_delta('{"a":1}', 0),
                block_start(OTHER, 1),
                block_start(TEXT, 2),
                text_delta("x", 2),
            ],
            (A_CALL, ToolCallPart("t2", "g", "{}"), TextPart("x")),
            id="none is closed",
        ),
        pytest.param(
            [
                block_start({**USE, "input": {"a": 1}}),
                block_start(TEXT, 1),
                text_delta("x", 1),
            ],
            (A_CALL, TextPart("x")),
            id="none is closed, the input is there at once",
        ),
        pytest.param(
            [
                *HI,
                block_start(USE),
                input_delta('{"a":1}', 0),
                block_stop(),
            ],
            (TextPart("Hi"), A_CALL),
            id="all have one index",
        ),
        pytest.param(
            [*HI, block_start(USE, 1), input_delta('{"a":1}', 0), block_stop(0)],
            (TextPart("Hi"), A_CALL),
            id="all deltas have one",
        ),
        pytest.param(
            [
                {k: v for k, v in event.items() if k != "index"}
                for event in [*HI, block_start(USE), input_delta('{"a":1}', 0), block_stop()]
            ],
            (TextPart("Hi"), A_CALL),
            id="there is none",
        ),
        pytest.param([block_stop(), block_stop(3), *HI], (TextPart("Hi"),), id="stops of nothing"),
    ],
)
def test_trap_24_blocks_side_by_side_are_told_one_after_the_other(
    blocks: list[Any], parts: tuple[Part, ...]
) -> None:
    found = folded([START, *blocks, message_delta("tool_use"), STOP])
    assert found.parts == parts


def test_a_call_is_told_while_another_one_waits() -> None:
    decoder = Decoder(own())
    events = [START, block_start(USE), block_start(OTHER, 1), input_delta('{"b":2}', 1)]
    told = [event for payload in events for event in decoder.feed(sse(payload))]
    assert told == [BEGUN, PartStart(ToolCallPart("t", "f", ""))]
    assert decoder.feed(sse(input_delta('{"a":1}', 0))) == [PartDelta('{"a":1}')]
    waited = [PartStart(ToolCallPart("t2", "g", "")), PartDelta('{"b":2}')]
    assert decoder.feed(sse(block_stop(0))) == [PartEnd(), *waited]


def test_half_a_call_is_marked_as_cut_also_where_the_stream_just_stops() -> None:
    half = arguments('{"a": "b')
    for events in ([START, *half, message_delta("tool_use")], [START, *half[:2], message_delta()]):
        ends = [event for event in read(events) if isinstance(event, PartEnd)]
        assert [end.cut for end in ends] == [True]


def test_counts_replace_each_other() -> None:
    start = message_start(usage={"input_tokens": 9, "output_tokens": 1})
    delta = message_delta("end_turn", 5)
    delta["usage"] |= {"input_tokens": 0, "cache_read_input_tokens": 7, "cost": 0.1}
    last = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 8}}
    response = folded([start, *HI, delta, last, STOP])
    assert response.usage == Usage(16, 8, 7)


def test_state_belongs_to_the_upstream_and_model_it_came_from() -> None:
    ctx = own()
    ctx.upstream_id = "up"
    block = {"type": "thinking", "thinking": "hm", "signature": "s"}
    response = folded([START, block_start(block), block_stop(), message_delta(), STOP], ctx)
    assert response.parts == (ReasoningPart("hm", Native(A, (block,), "up", "claude")),)


THINK = [
    block_start({"type": "thinking", "thinking": "", "signature": ""}),
    block_delta(type="thinking_delta", thinking="hä"),
    block_delta(type="signature_delta", signature="s"),
    block_stop(),
]
MIXED = [START, PING, *THINK, *HI, *arguments("{", '"a": "\u00fc"}'), message_delta(), STOP]


@given(st.sets(st.integers(0, 1_500)), st.sampled_from(["\n", "\r\n", "\r"]))
def test_any_cutting_of_the_bytes_gives_the_same_events(cuts: set[int], line_end: str) -> None:
    wire = "".join(
        f"event: {e['type']}\ndata: {json.dumps(e, ensure_ascii=False)}\n\n" for e in MIXED
    )
    data = wire.replace("\n", line_end).encode()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    parser = SseParser()
    events: list[SseEvent] = []
    for begin, end in zip(places, places[1:], strict=False):
        events += parser.feed(data[begin:end])
    assert read(events + parser.end()) == read(MIXED)


@pytest.mark.parametrize("length", range(len(MIXED) - 2))
def test_a_stream_cut_anywhere_is_no_answer(length: int) -> None:
    assert isinstance(read(MIXED[:length])[-1], Failure)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
NAMES = st.sampled_from([*{e["type"] for e in MIXED}, "error", ""])
EVENTS = st.builds(
    lambda kind, fields: SseEvent(kind, json.dumps({"type": kind, **fields})),
    NAMES,
    st.dictionaries(
        st.sampled_from(["message", "content_block", "delta", "usage", "error", "index", "type"]),
        JSON,
        max_size=3,
    ),
)


@given(st.lists(EVENTS | st.sampled_from([sse(e) for e in MIXED]), max_size=12))
def test_any_events_are_read_into_one_answer_or_failure(events: list[SseEvent]) -> None:
    found = read(events)
    assert [e for e in found if isinstance(e, Stop | Failure)] == found[-1:]
    Encoder(own()).encode(found[-1])
    fold = Fold()
    for event in found:
        fold.add(event)
