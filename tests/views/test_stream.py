"""One side of a stream: its events and where they end."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.sse import SseParser
from bridge.views.stream import MAX_EVENTS, Event, Stream, Told, stream_of
from tests.views.odd import BODIES, streams

BLANK = st.sampled_from(["\n\n", "\r\n\r\n", "\r\r", "\n\r\n", "\n\n\n", "\r\n\n"])


def told(payload: Any, line: str = "") -> Event:
    (event,) = stream_of(f"{line}data: {json.dumps(payload)}\n\n", "").events
    return event


def chunk(delta: Any, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"delta": delta, **fields}]}


def call(**function: Any) -> dict[str, Any]:
    return chunk({"tool_calls": [{"index": 0, "function": function}]})


@pytest.mark.parametrize(
    "payload, name, excerpt, said",
    [
        pytest.param(
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hi"}},
            "content_block_delta",
            'text "hi"',
            "hi",
            id="Messages: text",
        ),
        pytest.param(
            {"type": "content_block_delta", "delta": {"partial_json": ""}},
            "content_block_delta",
            "",
            "",
            id="Messages: nothing in it",
        ),
        pytest.param(
            {"type": "content_block_start", "content_block": {"type": "tool_use", "name": "f"}},
            "content_block_start",
            "tool_use, f",
            "",
            id="Messages: a block begins",
        ),
        pytest.param(
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": {"input_tokens": 3, "output_tokens": 9},
            },
            "message_delta",
            "stop_reason end_turn, 3 in, 9 out",
            "",
            id="Messages: the end",
        ),
        pytest.param(
            {"type": "content_block_delta", "delta": {"signature": "s" * 90}},
            "content_block_delta",
            'signature "' + "s" * 20 + " … 90 characters … " + "s" * 9 + '"',
            "",
            id="Messages: a signature",
        ),
        pytest.param(chunk({"role": "assistant"}), "chunk", "role assistant", "", id="Chat: role"),
        pytest.param(
            chunk({"role": "assistant", "content": "hi"}),
            "chunk",
            'content "hi"',
            "hi",
            id="Chat: text",
        ),
        pytest.param(call(name="f", arguments=""), "chunk", "call f", "", id="Chat: a call"),
        pytest.param(call(arguments='{"a'), "chunk", 'arguments "{\\"a"', '{"a', id="Chat: more"),
        pytest.param(
            chunk({"tool_calls": [{"custom": {"input": "x"}}, 3]}),
            "chunk",
            'arguments "x"',
            "x",
            id="Chat: a custom call",
        ),
        pytest.param(call(arguments=3), "chunk", "", "", id="Chat: arguments that are no text"),
        pytest.param(
            chunk({}, finish_reason="stop"), "chunk", "finish_reason stop", "", id="Chat: the end"
        ),
        pytest.param(
            {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 9}},
            "chunk",
            "3 in, 9 out",
            "",
            id="Chat: usage",
        ),
        pytest.param(
            {"choices": [{"message": {"content": "all"}}]},
            "chunk",
            'content "all"',
            "all",
            id="Chat: a message for a delta",
        ),
        pytest.param(
            {"type": "response.output_text.delta", "delta": "hi"},
            "response.output_text.delta",
            '"hi"',
            "hi",
            id="Responses: text",
        ),
        pytest.param(
            {"type": "response.output_item.added", "item": {"type": "message"}},
            "response.output_item.added",
            "message",
            "",
            id="Responses: an item begins",
        ),
        pytest.param(
            {"type": "response.completed", "response": {"status": "completed"}},
            "response.completed",
            "status completed",
            "",
            id="Responses: the end",
        ),
        pytest.param(
            {
                "type": "response.failed",
                "response": {"status": "failed", "error": {"message": "m"}},
            },
            "response.failed",
            "status failed, m",
            "",
            id="Responses: a failure",
        ),
        pytest.param({"error": {"message": "m"}}, "error", "m", "", id="an error"),
        pytest.param({"error": "m"}, "error", "m", "", id="an error that is a text"),
        pytest.param(
            {"error": {"code": 3}}, "error", '{"code":3}', "", id="an error without words"
        ),
        pytest.param([1], "chunk", "", "", id="no object"),
    ],
)
def test_an_event_is_a_name_and_a_few_words(
    payload: Any, name: str, excerpt: str, said: str
) -> None:
    event = told(payload)
    assert (event.told, event.said) == (Told(name, excerpt), said)


@pytest.mark.parametrize(
    "text, event",
    [
        pytest.param(
            ": alive\n\n", Event(9, Told("(comment)", ": alive"), quiet=True), id="comment"
        ),
        pytest.param("event: ping\n\n", Event(13, Told("ping"), quiet=True), id="no data"),
        pytest.param(
            "data: [DONE]\n\n", Event(14, Told("[DONE]"), last=True), id="the end of Chat"
        ),
        pytest.param("data: {x\n\n", Event(10, Told("data", "no JSON: {x")), id="no JSON"),
        pytest.param(
            "event: a\ndata: {x\n\n", Event(19, Told("a", "no JSON: {x")), id="no JSON, but a name"
        ),
        pytest.param("event: a\ndata: {}\n\n", Event(19, Told("a")), id="a name on a line"),
        pytest.param(
            'event: x\ndata: {"type":"message_stop"}\n\n',
            Event(40, Told("message_stop"), last=True),
            id="the name in the data counts",
        ),
        pytest.param(
            'data: {"error":{"message":"m"}}\n\n',
            Event(33, Told("error", "m"), last=True, failed=True),
            id="an error is the last",
        ),
        pytest.param(
            'data: {"type":"response.failed"}\n\n',
            Event(34, Told("response.failed"), last=True, failed=True),
            id="a failure is the last",
        ),
        pytest.param('data: {"a":1}', Event(13, Told("chunk")), id="without a blank line"),
        pytest.param("data: {}\r\n\r\n\r\n", Event(12, Told("chunk")), id="CRLF"),
        pytest.param("data: {}\r\r", Event(10, Told("chunk")), id="CR"),
        pytest.param('data: "é"\n\n', Event(12, Told("chunk")), id="bytes, not characters"),
    ],
)
def test_an_event_ends_with_its_blank_line(text: str, event: Event) -> None:
    assert stream_of(text, "openai_chat").events == [event]


@pytest.mark.parametrize(
    "text, protocol, stream",
    [
        pytest.param("", "openai_chat", Stream(), id="nothing"),
        pytest.param("\n[3 bytes more]", "openai_chat", Stream(more=3), id="nothing was kept"),
        pytest.param(
            '{"a":\n "é"}',
            "openai_chat",
            Stream([Event(12, Told("(no stream)", '{"a": "é"}'))]),
            id="no stream",
        ),
        pytest.param(
            "data: [DONE]\n\n\n[3 bytes more]",
            "openai_chat",
            Stream([Event(14, Told("[DONE]"), last=True)], "[DONE]", 3),
            id="a stream that was cut",
        ),
    ],
)
def test_an_answer_is_a_stream_or_not(text: str, protocol: str, stream: Stream) -> None:
    assert stream_of(text, protocol) == stream


@pytest.mark.parametrize(
    "protocol, payload, ending",
    [
        pytest.param("anthropic_messages", {}, "message_stop", id="Messages"),
        pytest.param("openai_chat", {}, "[DONE]", id="Chat"),
        pytest.param("openai_responses", {}, "response.completed", id="Responses"),
        pytest.param("", {"choices": []}, "[DONE]", id="by its chunks"),
        pytest.param("", {"type": "response.x"}, "response.completed", id="by its names"),
        pytest.param("", {"type": "message_start"}, "message_stop", id="by others"),
    ],
)
def test_what_has_to_come_last(protocol: str, payload: Any, ending: str) -> None:
    assert stream_of(f"data: {json.dumps(payload)}\n\n", protocol).ending == ending


def test_there_are_only_as_many_events_as_one_may_look_at() -> None:
    stream = stream_of("data: {}\n\n" * (MAX_EVENTS + 3), "openai_chat")
    assert (len(stream.events), stream.more) == (MAX_EVENTS, 30)


@given(st.lists(st.tuples(st.sampled_from(["data: {}", ": é", "event: x\ndata: 1"]), BLANK)))
def test_events_end_where_a_parser_has_them(frames: list[tuple[str, str]]) -> None:
    text = "data: {}\n\n" + "".join(frame + blank for frame, blank in frames)
    data, ends = text.encode(), []
    parser = SseParser()
    for n in range(len(data)):
        ends += [n + 1] * len(parser.feed(data[n : n + 1]))
    found = [event.end for event in stream_of(text, "").events]
    assert len(found) == len(ends)
    for end, known in zip(found, ends, strict=True):  # a comment is known at the end of its line
        assert known <= end <= known + 3


@given(BODIES | streams())
def test_every_text_is_a_stream_or_not(text: str) -> None:
    stream = stream_of(text, "")
    ends = [event.end for event in stream.events]
    assert ends == sorted(ends)
    assert all(event.told.name and len(event.told.excerpt) <= 90 for event in stream.events)
