"""Streams: what is read from an upstream's, and the grammar of what a client gets."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from bridge.transform.anthropic_messages import Decoder, Encoder, encode_response
from bridge.transform.context import Context, context
from bridge.transform.envelope import unseal
from bridge.transform.fold import Fold, unfold
from bridge.transform.model import (
    Citation,
    Native,
    NativePart,
    Part,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    ToolCallPart,
)
from bridge.transform.sse import SseEvent, SseParser

A = "anthropic_messages"


def own() -> Context:
    return context(A, A)


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


# --- decoding


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


def block_start(block: Any, index: int = 0) -> Any:
    return {"type": "content_block_start", "index": index, "content_block": block}


def block_delta(index: int = 0, **delta: Any) -> Any:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def text_delta(text: str, index: int = 0) -> Any:
    return block_delta(index, type="text_delta", text=text)


def block_stop(index: int = 0) -> Any:
    return {"type": "content_block_stop", "index": index}


def message_delta(reason: str | None = "end_turn", output: int = 3, **delta: Any) -> Any:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None, **delta},
        "usage": {"output_tokens": output},
    }


START, STOP, PING = message_start(), {"type": "message_stop"}, {"type": "ping"}
TEXT = {"type": "text", "text": ""}
USE = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
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


# --- encoding


def payloads(data: bytes) -> list[Any]:
    parser = SseParser()
    found = []
    for event in parser.feed(data) + parser.end():
        assert event.data is not None
        payload = json.loads(event.data)
        assert payload["type"] == event.event
        found.append(payload)
    return found


def written(*events: Event, ctx: Context | None = None) -> list[Any]:
    encoder = Encoder(ctx or context(A, "openai_chat"))
    return payloads(b"".join(encoder.encode(event) for event in events))


BEGIN = Start("chatcmpl-1", "claude")
USAGE = {
    "input_tokens": 0,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "cache_creation": None,
    "output_tokens": 0,
    "server_tool_use": None,
    "service_tier": None,
}


def test_an_answer_is_written_event_by_event() -> None:
    encoder = Encoder(context(A, "openai_chat"))

    def one(event: Event) -> list[Any]:
        return payloads(encoder.encode(event))

    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": USAGE,
    }
    assert one(BEGIN) == [{"type": "message_start", "message": message}]
    assert one(PartStart(TextPart(""))) == [block_start(TEXT)]
    assert one(PartDelta('H"i\n')) == [text_delta('H"i\n')]
    assert one(PartDelta("")) == []
    assert one(PartEnd()) == [block_stop()]
    assert one(PartStart(ToolCallPart("t", "f", ""))) == [block_start(USE, 1)]
    assert one(PartDelta('{"a"')) == [block_delta(1, type="input_json_delta", partial_json='{"a"')]
    assert one(PartEnd()) == [block_stop(1)]
    counts = {"input_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 2}
    assert one(Stop(Finish("tool_calls"), Usage(7, 3, 2))) == [
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {**counts, "output_tokens": 3},
        },
        STOP,
    ]


def test_nothing_is_written_after_the_end() -> None:
    encoder = Encoder(own())
    for event in (BEGIN, Stop(Finish("stop"))):
        encoder.encode(event)
    late = (
        BEGIN,
        PartDelta("x"),
        Keepalive(),
        Stop(Finish("stop")),
        Failure(Error("server", "", 1)),
    )
    assert [encoder.encode(event) for event in late] == [b""] * 5


def test_trap_46_an_error_is_the_last_word() -> None:
    error = Error("overloaded", "busy", 503, request_id="req_1")
    assert written(BEGIN, PartStart(TextPart("")), Failure(error), PartDelta("x"), PartEnd())[
        2:
    ] == [
        {
            "type": "error",
            "error": {"type": "overloaded_error", "message": "busy"},
            "request_id": "req_1",
        }
    ]


def test_keepalives_are_pings_once_the_message_has_begun() -> None:
    assert written(Keepalive()) == []
    assert written(BEGIN, Keepalive())[1:] == [PING]


STATE = Native("openai_chat", ({"field": "reasoning_content", "text": "hm"},), "up", "m")
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "s"}
REDACTED = {"type": "redacted_thinking", "data": "d"}
EMPTY = {"type": "thinking", "thinking": "", "signature": ""}


def think(*texts: str, native: Native | None = None) -> list[Event]:
    return [PartStart(ReasoningPart("")), *map(PartDelta, texts), PartEnd(native)]


def thinking_delta(text: str) -> Any:
    return block_delta(type="thinking_delta", thinking=text)


@pytest.mark.parametrize(
    "events, wire",
    [
        pytest.param(
            think("h", "m", native=Native(A, (SIGNED,))),
            [
                block_start(EMPTY),
                thinking_delta("h"),
                thinking_delta("m"),
                block_delta(type="signature_delta", signature="s"),
                block_stop(),
            ],
            id="the signature comes last",
        ),
        pytest.param(
            think("hm"), [block_start(EMPTY), thinking_delta("hm"), block_stop()], id="unsigned"
        ),
        pytest.param(think(), [], id="nothing thought, nothing to carry"),
        pytest.param(
            think(native=Native(A, ({**EMPTY, "signature": "s"},))),
            [
                block_start(EMPTY),
                block_delta(type="signature_delta", signature="s"),
                block_stop(),
            ],
            id="no text: the signature is a delta all the same, for apps read no other",
        ),
        pytest.param(
            think(native=Native(A, (REDACTED,))),
            [block_start(REDACTED), block_stop()],
            id="redacted",
        ),
    ],
)
def test_thinking_is_written(events: list[Event], wire: list[Any]) -> None:
    assert written(*events) == wire


@pytest.mark.parametrize("texts", [("h", "m"), ()], ids=["shown", "hidden"])
def test_another_vendors_reasoning_is_sealed_into_the_signature(texts: tuple[str, ...]) -> None:
    ctx = context(A, "openai_chat")
    events = written(*think(*texts, native=STATE), ctx=ctx)
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    [signature] = [delta["signature"] for delta in deltas if delta["type"] == "signature_delta"]
    assert unseal(signature, ctx.key) == STATE


def test_a_client_that_switched_thinking_off_gets_none() -> None:
    ctx = context(A, "openai_chat")
    ctx.request = Request(A, "m", reasoning=Reasoning(mode="disabled"))
    assert written(*think("hm", native=STATE), *think(native=STATE), ctx=ctx) == []


def test_a_client_that_wants_no_text_of_thinking_gets_the_state() -> None:
    ctx = context(A, "openai_chat")
    ctx.request = Request(A, "m", reasoning=Reasoning(visible=False))
    thoughts = written(*think("h", "m", native=STATE), ctx=ctx)
    assert thoughts == written(*think(native=STATE), ctx=ctx) != []
    assert written(*think("hm"), ctx=ctx) == []


def call(*texts: str) -> list[Event]:
    return [PartStart(ToolCallPart("t", "f", "")), *map(PartDelta, texts), PartEnd()]


@pytest.mark.parametrize(
    "texts, pieces, noted",
    [
        pytest.param((), [], [], id="none"),
        pytest.param(('{"a":', "1}"), ['{"a":', "1}"], [], id="an object, as it comes"),
        pytest.param((" ", "\n{", "}"), [" \n{", "}"], [], id="white space first"),
        pytest.param(("nu", "ll"), [], [], id="null"),
        pytest.param(
            ("ls", " {}"), ['{"_raw":"ls {}"}'], ["invalid_arguments"], id="no object, at the end"
        ),
        pytest.param(('{"a":',), ['{"a":'], [], id="half an object, as it came"),
    ],
)
def test_arguments_are_written(texts: tuple[str, ...], pieces: list[str], noted: list[str]) -> None:
    ctx = context(A, "openai_chat")
    wire = [block_delta(type="input_json_delta", partial_json=piece) for piece in pieces]
    assert written(*call(*texts), ctx=ctx) == [block_start(USE), *wire, block_stop()]
    assert codes(ctx) == noted


def test_a_citation_is_written_where_it_comes() -> None:
    citation = CitationDelta(Citation("https://a", start=1, end=2))
    wire = {
        "type": "web_search_result_location",
        "url": "https://a",
        "title": None,
        "cited_text": "i",
        "encrypted_index": "",
    }
    events: list[Event] = [PartStart(TextPart("")), PartDelta("H"), PartDelta("i")]
    assert written(*events, citation, PartEnd())[3:] == [
        block_delta(type="citations_delta", citation=wire),
        block_stop(),
    ]
    assert written(*events, CitationDelta(Citation(None)), PartEnd())[3:] == [block_stop()]
    assert written(citation) == []


def test_a_citation_that_comes_before_its_text_is_written_as_if_it_came_behind() -> None:
    first, second = (CitationDelta(Citation("https://a", start=n, end=n + 2)) for n in (4, 0))
    start, text = PartStart(TextPart("")), "abcdef"
    early = written(start, PartDelta(text[:3]), first, second, PartDelta(text[3:]), PartEnd())
    late = written(start, PartDelta(text[:3]), PartDelta(text[3:]), first, second, PartEnd())
    assert early == late
    assert [e["delta"]["citation"]["cited_text"] for e in early[3:-1]] == ["ef", "ab"]


def test_a_summary_comes_as_a_delta() -> None:
    summary = {
        "type": "compaction",
        "content": "so far",
        "encrypted_content": "e",
        "signature": "s",
    }
    empty = {**summary, "content": None, "encrypted_content": None}
    assert written(PartStart(NativePart(Native(A, (summary,)), "hint_dropped")), PartEnd()) == [
        block_start(empty),
        block_delta(type="compaction_delta", content="so far", encrypted_content="e"),
        block_stop(),
    ]


def test_blocks_of_one_vendor() -> None:
    searched = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    native = PartStart(NativePart(Native(A, (searched,)), "server_tool_dropped"))
    assert written(native, PartEnd()) == [block_start(searched), block_stop()]
    carried, text, *rest = written(
        PartStart(NativePart(STATE, "hosted_output_dropped", "said")), PartEnd()
    )[::2]
    assert carried["content_block"]["type"] == "redacted_thinking"
    assert unseal(carried["content_block"]["data"], b"\0") == STATE
    assert text == {**block_start({"type": "text", "text": "said"}), "index": 1} and not rest


def test_a_refusal_is_text_and_the_reason_to_stop() -> None:
    events: list[Event] = [PartStart(RefusalPart("")), PartDelta("No."), PartEnd()]
    assert written(*events, Stop(Finish("stop")))[:4] == [
        block_start(TEXT),
        text_delta("No."),
        block_stop(),
        {
            "type": "message_delta",
            "delta": {
                "stop_reason": "refusal",
                "stop_sequence": None,
                "stop_details": {"type": "refusal", "category": None, "explanation": "No."},
            },
            "usage": {k: v for k, v in USAGE.items() if v is not None},
        },
    ]


PARTS = st.one_of(
    st.builds(TextPart, st.text(max_size=9)),
    st.builds(RefusalPart, st.text(max_size=9)),
    st.builds(ReasoningPart, st.text(max_size=9), st.none() | st.just(STATE)),
    st.builds(ToolCallPart, st.just("t"), st.just("f"), st.text(max_size=9)),
    st.just(NativePart(STATE, "hosted_output_dropped")),
    st.just(NativePart(STATE, "hosted_output_dropped", "x")),
)


@given(st.lists(PARTS, max_size=6), st.booleans())
def test_the_grammar_holds(parts: list[Any], broken: bool) -> None:
    response = Response("x", "m", tuple(parts), Finish("stop"))
    events = list(unfold(response))
    if broken:
        events[-1] = Failure(Error("server", "cut", 502))
    wire = written(*events)
    kinds = [event["type"] for event in wire]
    assert kinds[0] == "message_start" and kinds.count("message_start") == 1
    assert kinds[-2:] == ["message_delta", "message_stop"] if not broken else kinds[-1] == "error"
    blocks = wire[1:-1] if broken else wire[1:-2]
    index, is_open = 0, False
    for event in blocks:
        assert event["index"] == index
        assert is_open is (event["type"] != "content_block_start")
        is_open = event["type"] != "content_block_stop"
        index += not is_open
    if not broken:
        assert index == len(encode_response(response, own())["content"])
