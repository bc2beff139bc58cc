"""Answers as they passed to the app, put together again by their own ids."""

import json
from typing import Any

import pytest

from bridge.passed_answer import PassedAnswer
from bridge.transform import Protocol

ITEM = {"type": "message", "id": "msg_a-1", "role": "assistant", "content": []}
RESPONSE = {"id": "resp_a-1", "object": "response", "status": "completed", "output": [ITEM]}


NAN = json.dumps({**RESPONSE, "odd": float("nan")}).encode()


def stream(*events: dict[str, Any]) -> bytes:
    lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return "".join(lines).encode()


def told(protocol: Protocol, body: bytes) -> Any:
    passed = PassedAnswer(protocol, 10_000_000)
    for n in range(len(body)):
        passed.add(body[n : n + 1])
    return passed.told()


DONE = {"type": "response.output_item.done", "output_index": 0, "item": ITEM}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(json.dumps(RESPONSE).encode(), id="whole"),
        pytest.param(stream({"type": "response.completed", "response": RESPONSE}), id="streamed"),
        pytest.param(
            stream(DONE, {"type": "response.incomplete", "response": {**RESPONSE, "output": []}}),
            id="whose last event lacks what was said",
        ),
        pytest.param(
            b": well\n\ndata: [DONE]\n\n"
            + stream(
                DONE, {"type": "response.completed", "response": {**RESPONSE, "output": None}}
            ),
            id="with what is no event",
        ),
        pytest.param(stream({"type": "response.done", "response": RESPONSE}), id="merely done"),
        pytest.param(
            b"event: response.output_item.done\ndata: "
            + json.dumps({"item": ITEM}).encode()
            + b"\n\nevent: response.completed\ndata: "
            + json.dumps({"response": {**RESPONSE, "output": []}}).encode()
            + b"\n\n",
            id="whose events are named beside what they say",
        ),
    ],
)
def test_a_response(body: bytes) -> None:
    assert told("openai_responses", body) == RESPONSE


@pytest.mark.parametrize(
    "body",
    [
        *(b"<html>", b"[]", b"", stream(DONE), stream({"type": "response.failed"})),
        stream(DONE, {"type": "response.completed"}),
        stream(DONE, {"type": "response.completed", "response": None}),
    ],
)
def test_what_is_none(body: bytes) -> None:
    assert told("openai_responses", body) is None


@pytest.mark.parametrize(
    "body", [NAN, b'data: {"type": "response.completed", "response": ' + NAN + b"}\n\n"]
)
def test_a_number_that_is_none_is_null(body: bytes) -> None:
    assert told("openai_responses", body) == {**RESPONSE, "odd": None}


def test_a_long_one_is_not_kept() -> None:
    body = json.dumps(RESPONSE).encode()
    for limit, answer in ((len(body), RESPONSE), (len(body) - 1, None)):
        passed = PassedAnswer("openai_responses", limit)
        for n in range(len(body)):
            passed.add(body[n : n + 1])
        assert passed.told() == answer


MESSAGE = {
    "id": "msg_a-1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def test_a_message_is_put_together_from_its_stream() -> None:
    block = {"type": "thinking", "thinking": "", "signature": ""}
    deltas = ({"thinking": "hm"}, {"signature": "S"})
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": MESSAGE},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": f"{n}_delta", **delta}}
            for delta in deltas
            for n in delta
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
        {"type": "message_stop"},
    ]
    made = told("anthropic_messages", stream(*events))
    assert made["id"] == "msg_a-1"
    assert made["content"] == [{"type": "thinking", "thinking": "hm", "signature": "S"}]
    whole = json.dumps(MESSAGE).encode()
    assert told("anthropic_messages", whole) == MESSAGE


def test_an_error_in_a_stream_is_no_message() -> None:
    error = {"type": "error", "error": {"type": "api_error", "message": "no"}}
    assert told("anthropic_messages", stream(error)) is None
