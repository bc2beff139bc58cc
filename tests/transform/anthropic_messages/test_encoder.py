"""The grammar of the stream that a client gets."""

import json
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
from bridge.transform.anthropic_messages import Encoder, encode_response
from bridge.transform.context import Context, context
from bridge.transform.envelope import unseal
from bridge.transform.fold import unfold
from bridge.transform.model import (
    Citation,
    Native,
    NativePart,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    ToolCallPart,
)
from bridge.transform.sse import SseParser
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
