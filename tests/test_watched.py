"""A call that only passes: seen to its end, and nothing made of it."""

import json
from typing import Any

import pytest

from bridge.bounded import Bounds
from bridge.call import Call
from bridge.config import parse
from bridge.ledger import Ledger
from bridge.steps import Reply
from bridge.watched import Watched

BODY = json.dumps({"model": "gpt", "messages": []}).encode()
SSE = [("Content-Type", "text/event-stream; charset=utf-8")]
JSON = [("content-type", "application/json")]
CHUNK = {"id": "1", "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}
STREAM = b"data: " + json.dumps(CHUNK).encode() + b"\n\ndata: [DONE]\n\n"


def watched() -> Watched:
    path = "/v1/chat/completions"
    return Watched(Call("openai_chat", "https", "api.test", 443, path, (), BODY), 10.0)


@pytest.mark.parametrize(
    "status, headers, streams",
    [(200, SSE, True), (200, JSON, False), (500, SSE, False), (200, [], False)],
)
def test_what_is_looked_at_piece_by_piece(
    status: int, headers: list[tuple[str, str]], streams: bool
) -> None:
    assert watched().answered(status, headers, 11.0) is streams


def test_a_stream() -> None:
    call = watched()
    call.answered(200, SSE, 11.0)
    call.take(STREAM, 12.0)
    call.take(b"", 13.0)
    record = call.trace.metadata()
    assert record["timing"] == {"first_byte": 1.0, "first_content": 2.0, "last": 3.0}
    assert record["attempts"][0]["outcome"] == "ok" and record["stop"] == "stop"
    assert record["bodies"]["upstream_response"].encode() == STREAM
    assert (record["attempts"][0]["upstream"], record["route"]) == ("api.test", "")


def test_a_cut_stream() -> None:
    call = watched()
    call.answered(200, SSE, 11.0)
    call.take(b"", 12.0)
    assert call.trace.attempts[0].outcome == "error"


@pytest.mark.parametrize(
    "answer, outcome",
    [
        (Reply(200, JSON, json.dumps({"choices": [{"message": {"content": "x"}}]}).encode()), "ok"),
        (Reply(429, JSON, b'{"error": {"message": "slow"}}'), "error"),
        (Reply(200, JSON, b'{"error": {"message": "hidden"}}'), "error"),
    ],
)
def test_a_whole_answer(answer: Reply, outcome: str) -> None:
    call = watched()
    call.answered(answer.status, answer.headers, 11.0)
    call.whole(answer, 12.0)
    assert call.trace.attempts[0].outcome == outcome and call.trace.over


@pytest.mark.parametrize(
    "answered, cancelled, outcome",
    [(False, False, "unreachable"), (True, False, "cut"), (True, True, "cancelled")],
)
def test_a_connection_that_goes(answered: bool, cancelled: bool, outcome: str) -> None:
    call = watched()
    if answered:
        call.answered(200, SSE, 11.0)
    call.broke("gone", 12.0, cancelled=cancelled)
    call.broke("again", 13.0, cancelled=True)
    assert (call.trace.attempts[0].outcome, call.trace.attempts[0].reason) == (outcome, "gone")


@pytest.mark.parametrize(
    "details, changed",
    [
        pytest.param(
            [{"type": "reasoning.encrypted", "data": "brg1.a.b"}], True, id="our envelope"
        ),
        pytest.param([{"type": "reasoning.text", "signature": "its own"}], False, id="the host's"),
    ],
)
def test_what_another_upstream_made_stays_here(details: Any, changed: bool) -> None:
    said = {"role": "assistant", "content": "x", "reasoning_details": details}
    body = json.dumps({"model": "gpt", "messages": [said]}).encode()
    path = "/v1/chat/completions"
    ledger = Ledger(Bounds(1 << 20, 60))
    call = Call("openai_chat", "https", "api.test", 443, path, (), body)
    sent = Watched(call, 10.0, ledger=ledger).body
    assert (sent is not body) is changed and b"brg1." not in sent


def test_what_is_no_json_passes_too() -> None:
    call = Call("openai_chat", "https", "api.test", 443, "/v1/chat/completions", (), b"{brg1.")
    assert Watched(call, 10.0).body is call.body


def test_an_upstream_gets_the_call_as_it_takes_it() -> None:
    source = "upstreams: {up: {protocol: openai_chat, url: 'http://u.test', models: {gpt: big}}}"
    upstream = parse(source, "c", {}).upstreams["up"]
    path = "/v1/chat/completions"
    call = Call("openai_chat", "https", "api.test", 443, path, (), BODY)
    made = Watched(call, 10.0, upstream=upstream)
    assert json.loads(made.body)["model"] == "big"
    record = made.trace.metadata()
    assert record["attempts"][0]["upstream"] == "up" and record["model"]["used"] == "big"
    assert json.loads(record["bodies"]["upstream_request"])["model"] == "big"
