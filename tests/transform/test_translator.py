"""The public face: one exchange in both directions, as tools and the addon use it."""

import json
from typing import Any

import pytest

from bridge.transform import (
    PROTOCOLS,
    Error,
    TransformError,
    Translator,
    detect,
    encode_refusal,
    traits,
)

MESSAGES_REQUEST: dict[str, Any] = {
    "model": "claude-x",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hi"}],
}
CHAT_ANSWER: dict[str, Any] = {
    "id": "chatcmpl-abc",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "gpt-x-2026",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


def dump(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "method, path, protocol",
    [
        ("POST", "/v1/messages", "anthropic_messages"),
        ("post", "/v1/messages?beta=true", "anthropic_messages"),
        ("POST", "/anthropic/v1/messages/", "anthropic_messages"),
        ("POST", "/v1/chat/completions", "openai_chat"),
        ("POST", "/openai/deployments/gpt/chat/completions?api-version=1", "openai_chat"),
        ("POST", "/api/paas/v4/chat/completions", "openai_chat"),
        ("POST", "/v1/responses", "openai_responses"),
        ("POST", "/backend-api/codex/responses", "openai_responses"),
        ("POST", "/openai/v1/responses?api-version=preview", "openai_responses"),
        ("POST", "/openai/v1/chat/completions", "openai_chat"),
        ("POST", "/openai/responses?api-version=2025-04-01-preview", "openai_responses"),
        ("POST", "/api/v1/chat/completions", "openai_chat"),
        ("POST", "/v1beta/openai/chat/completions", "openai_chat"),
        ("POST", "/inference/v1/chat/completions", "openai_chat"),
        ("POST", "/chat/completions", "openai_chat"),
        ("POST", "/any/base/of/yours/v1/messages", "anthropic_messages"),
        ("POST", "/v1/responses/compact", None),
        ("POST", "/v1/responses/input_tokens", None),
        ("POST", "/v1/responses/resp_1/cancel", None),
        ("GET", "/v1/chat/completions", None),
        ("POST", "/v1/messages/count_tokens", None),
        ("POST", "/v1/messages/batches", None),
        ("POST", "/v1/threads/t/messages", None),
        ("POST", "/v1/embeddings", None),
        ("POST", "/openai/deployments/gpt/embeddings?api-version=1", None),
        ("POST", "/api/event_logging/batch", None),
        ("POST", "/api/oauth/token?next=/v1/messages", None),
        ("POST", "/backend-api/codex/alpha/responses_log", None),
        ("GET", "/backend-api/wham/accounts/check", None),
        ("POST", "/v1/traces/ingest", None),
        ("POST", "/oauth/token", None),
        ("POST", "/", None),
    ],
)
def test_detect(method: str, path: str, protocol: str | None) -> None:
    assert detect(method, path) == protocol


def test_one_exchange_from_messages_to_chat_and_back() -> None:
    t = Translator(client="anthropic_messages", upstream="openai_chat", model="gpt-x")
    assert t.phase == "waiting" and t.usage is None and t.failure is None
    sent = json.loads(t.request(dump(MESSAGES_REQUEST)))
    assert sent == {
        "model": "gpt-x",
        "messages": [{"role": "user", "content": "hi"}],
        "max_completion_tokens": 100,
    }
    assert t.path == "/v1/chat/completions"
    answer = json.loads(t.response(dump(CHAT_ANSWER)))
    assert (answer["type"], answer["model"], answer["stop_reason"]) == (
        "message", "claude-x", "end_turn"
    )  # fmt: skip
    assert t.phase == "finished" and t.status == 200 and t.finish_reason == "stop"
    assert t.usage and (t.usage.input_tokens, t.usage.output_tokens) == (3, 2)
    assert t.notes == []


def test_what_the_client_was_told_is_known_at_the_end() -> None:
    t = Translator("anthropic_messages", "openai_chat", "gpt-x")
    t.request(dump({**MESSAGES_REQUEST, "stream": True}))
    assert t.told() is None
    chunk = {**CHAT_ANSWER, "object": "chat.completion.chunk"}
    says = {"index": 0, "delta": {"content": "yes"}, "finish_reason": "stop"}
    t.stream(b"data: " + dump({**chunk, "choices": [says]}) + b"\n\n")
    assert t.told() is None
    t.stream(b"data: [DONE]\n\n")
    t.stream(b"")
    whole = Translator("anthropic_messages", "openai_chat", "gpt-x")
    whole.request(dump(MESSAGES_REQUEST))
    assert t.told() == json.loads(whole.response(dump(CHAT_ANSWER)))


@pytest.mark.parametrize(
    "client, first, then",
    [
        ("anthropic_messages", b": keepalive\n\n", b'event: ping\ndata: {"type":"ping"}\n\n'),
        ("openai_chat", b": keepalive\n\n", b": keepalive\n\n"),
        ("openai_responses", b": keepalive\n\n", b": keepalive\n\n"),
    ],
)
def test_a_ping_in_a_stream_that_is_passed_on(client: Any, first: bytes, then: bytes) -> None:
    """Before its first event only a comment is possible."""
    t = Translator(client, client)
    field = "input" if client == "openai_responses" else "messages"
    asked = {"model": "m", "max_tokens": 9, field: [{"role": "user", "content": "x"}]}
    t.request(dump({**asked, "stream": True}))
    assert t.ping() == [first]
    event = {"type": "message_start", "message": {"id": "msg_1", "role": "assistant"}}
    chunk = {**CHAT_ANSWER, "object": "chat.completion.chunk", "choices": []}
    begun = {"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1"}}
    said = {"anthropic_messages": event, "openai_chat": chunk, "openai_responses": begun}[client]
    name = f"event: {said['type']}\n" if "type" in said else ""
    t.stream(name.encode() + b"data: " + dump(said) + b"\n\n")
    assert t.ping() == [then]


def test_without_a_model_of_its_own_the_upstream_gets_the_clients() -> None:
    t = Translator("anthropic_messages", "openai_chat")
    assert json.loads(t.request(dump(MESSAGES_REQUEST)))["model"] == "claude-x"


@pytest.mark.parametrize(
    "body, problem",
    [
        pytest.param(b"{", "not JSON", id="no JSON"),
        pytest.param(b"\xff", "not JSON", id="no Unicode"),
        pytest.param(b"[1]", "object", id="no object"),
        pytest.param(b'{"model": "m", "max_tokens": 1}', "messages", id="no messages"),
    ],
)
def test_a_bad_body_is_a_transform_error_that_names_the_place(body: bytes, problem: str) -> None:
    with pytest.raises(TransformError, match=problem):
        Translator("anthropic_messages", "openai_chat").request(body)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_refusal_speaks_the_clients_dialect(protocol: Any) -> None:
    refusal = TransformError("messages[0]", "a picture of sound", "audio_unsupported")
    status, body = encode_refusal(protocol, refusal)
    error = json.loads(body)["error"]
    assert status == 400 and error["type"] == "invalid_request_error"
    assert error["message"] == "bridge: audio_unsupported: messages[0]: a picture of sound"
    status, body = encode_refusal(protocol, TransformError("thread", "gone", "thread_not_found"))
    assert status == 404 and "thread_not_found" in json.loads(body)["error"]["message"]
    status, body = encode_refusal(protocol, Error("server", "gone", 502))
    assert status == 502 and json.loads(body)["error"]["message"] == "gone"


@pytest.mark.parametrize("upstream", ["openai_chat", "openai_responses"])
def test_half_of_a_thread_is_sent_nowhere(upstream: Any) -> None:
    thread = {"type": "continue", "previous_message_id": "msg_1"}
    with pytest.raises(TransformError) as caught:
        Translator("anthropic_messages", upstream).request(
            dump({**MESSAGES_REQUEST, "thread": thread})
        )
    assert (caught.value.where, caught.value.code) == ("thread", "thread_not_found")


@pytest.mark.parametrize(
    "status, kind",
    [(401, "authentication_error"), (429, "rate_limit_error"), (500, "api_error")],
)
def test_an_upstreams_error_keeps_its_meaning_and_request_id(status: int, kind: str) -> None:
    t = Translator("anthropic_messages", "openai_chat")
    t.request(dump(MESSAGES_REQUEST))
    body = dump({"error": {"message": "no", "type": "x", "param": None, "code": None}})
    got, out = t.error(status, body, request_id="req_9")
    assert (got, json.loads(out)["error"]["type"]) == (status, kind)
    assert json.loads(out)["request_id"] == "req_9"
    assert t.phase == "failed" and t.failure and t.failure.message == "no"
    assert t.status == status


def test_an_error_inside_a_200_gets_a_real_status() -> None:
    t = Translator("anthropic_messages", "openai_chat")
    t.request(dump(MESSAGES_REQUEST))
    out = t.response(dump({"error": {"message": "no credit", "code": "insufficient_quota"}}))
    assert json.loads(out)["type"] == "error" and t.phase == "failed"
    assert t.status == 429


def test_traits_of_a_request() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://a/b"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [image]}
    with_image = {**MESSAGES_REQUEST, "messages": [{"role": "user", "content": [result]}]}
    assert traits("anthropic_messages", MESSAGES_REQUEST) == (False, False, False, True)
    assert traits("anthropic_messages", with_image).images
    tools = [{"name": "t", "input_schema": {"type": "object"}}]
    assert traits("anthropic_messages", {**MESSAGES_REQUEST, "tools": tools}).tools


# --- the same protocol on both sides


def test_the_same_protocol_passes_byte_exact() -> None:
    body = b'{ "model":"claude-x" , "messages":[],\n"odd":1 }'
    t = Translator("anthropic_messages", "anthropic_messages")
    assert t.request(body) is body
    answer = b'{"id":"msg_1", "model":"claude-x","content":[],"stop_reason":"end_turn","usage":{}}'
    assert t.response(answer) is answer
    error = b'{"type":"error", "error":{"type":"x","message":"y"}}'
    assert Translator("anthropic_messages", "anthropic_messages").error(418, error) == (418, error)


def test_the_same_protocol_is_said_anew_by_its_rules_where_that_is_asked_for() -> None:
    t = Translator("anthropic_messages", "anthropic_messages")
    t.request(dump({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}))
    made = t.response(b'{"id":"msg_1","model":"m","odd":NaN,"content":"hi"}', anew=True)
    assert json.loads(made)["content"] == [{"type": "text", "text": "hi"}]


def test_another_model_changes_the_model_alone() -> None:
    t = Translator("anthropic_messages", "anthropic_messages", model="claude-y")
    body = b'{ "messages":[{"model":"claude-x"}], "model" : "claude-x" ,"odd":1 }'
    assert t.request(body) == body.replace(b' : "claude-x"', b' : "claude-y"')
    answer = b'{"id":"msg_1","model":"claude-y","content":[],"stop_reason":"end_turn","usage":{}}'
    assert t.response(answer) == answer.replace(b"claude-y", b"claude-x")


def test_html_for_the_same_protocol_is_no_answer() -> None:
    t = Translator("openai_chat", "openai_chat")
    status, body = t.error(502, b"<html><h1>Bad gateway</h1></html>")
    assert status == 502 and "Bad gateway" in json.loads(body)["error"]["message"]
    exact = Translator("openai_chat", "openai_chat", exact=True)
    assert exact.error(502, b"<html>") == (502, b"<html>")


def test_a_body_for_a_stream_is_given_as_a_stream() -> None:
    t = Translator("openai_chat", "openai_chat")
    t.request(dump({"model": "m", "messages": [], "stream": True}))
    out = t.response(dump(CHAT_ANSWER), as_stream=True)
    assert out.startswith(b"data: ") and out.endswith(b"data: [DONE]\n\n")
