import json
from typing import Any

import pytest

from bridge.config import parse
from bridge.exchange import KEPT_BYTES, Call, Exchange, Kept
from bridge.health import Answered, Cancelled, ConnectionFailed, Outcome
from bridge.routing import Router
from bridge.transform import TransformError
from bridge.upstream import Upstream

CONFIG = """
upstreams:
  chat:
    protocol: openai_chat
    url: https://chat.example/v1
    api_key: upstream-key
    models: {"claude-*": gpt-x}
    headers: {openai-organization: org}
  own: {protocol: anthropic_messages, url: https://api.anthropic.com}
  other: {protocol: anthropic_messages, url: https://other.example/anthropic, api_key: other-key}
routes:
  - {match: {model: claude-own}, upstreams: [own]}
  - {match: {model: claude-other}, upstreams: [other]}
  - {match: {has: [images]}, upstreams: [own]}
  - {match: {thinking: true}, upstreams: [other]}
  - {match: {tokens_over: 1000}, upstreams: [other]}
  - {match: {protocol: anthropic_messages, header: {x-app: "cl*"}}, upstreams: [chat]}
"""

HEADERS = (("X-Api-Key", "app-key"), ("x-app", "cli"), ("Anthropic-Version", "2026-10-21"))


class Recorder:
    """Takes what the router would be told."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, Outcome]] = []

    def __call__(self, upstream: Upstream, outcome: Outcome, now: float) -> None:
        self.outcomes.append((upstream.name, outcome))


def body(model: str = "claude-x", **fields: Any) -> bytes:
    messages = [{"role": "user", "content": "hi"}]
    return json.dumps({"model": model, "max_tokens": 9, "messages": messages, **fields}).encode()


def exchange(
    content: bytes, path: str = "/v1/messages?beta=true", strict: bool = False
) -> tuple[Exchange, Recorder]:
    told = Recorder()
    call = Call("anthropic_messages", "https", "api.anthropic.com", 443, path, HEADERS, content)
    router = Router(parse(CONFIG, "c", {}))
    return Exchange(call, router, told, key=b"k", strict=strict, now=100.0), told


ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-x",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


@pytest.mark.parametrize(
    "fields, upstream",
    [
        pytest.param({"model": "claude-own"}, "own", id="by model"),
        pytest.param({}, "chat", id="by header"),
        pytest.param(
            {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "other", id="by thinking"
        ),
        pytest.param({"system": "x" * 5000}, "other", id="by size"),
        pytest.param(
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image", "source": {"type": "url", "url": "https://a/b"}}
                        ],
                    }
                ]
            },
            "own",
            id="by images",
        ),
    ],
)
def test_the_route_is_chosen_by_what_the_request_is(fields: dict[str, Any], upstream: str) -> None:
    made, _ = exchange(body(**fields))
    assert made.choice and made.choice.upstreams[0].name == upstream


def test_another_protocol_gets_its_own_path_model_key_and_headers() -> None:
    made, _ = exchange(body())
    out = made.next_attempt(100.0)
    assert out.path == "/v1/chat/completions"
    assert json.loads(out.body)["model"] == "gpt-x"
    assert dict(out.headers) == {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "accept-encoding": "identity",
        "user-agent": "llm-bridge",
        "authorization": "Bearer upstream-key",
        "openai-organization": "org",
    }


def test_the_apps_own_host_gets_what_the_app_sent() -> None:
    content = body("claude-own")
    made, _ = exchange(content)
    out = made.next_attempt(100.0)
    assert out.body is content
    assert out.path == "/v1/messages?beta=true"
    assert out.headers == [*HEADERS, ("accept-encoding", "identity")]


def test_another_host_of_the_same_protocol_gets_the_protocols_headers_only() -> None:
    made, _ = exchange(body("claude-other"))
    out = made.next_attempt(100.0)
    assert out.path == "/anthropic/v1/messages?beta=true"
    headers = dict(out.headers)
    assert headers["anthropic-version"] == "2026-10-21"
    assert headers["x-api-key"] == "other-key" and "x-app" not in headers


def test_a_whole_answer_and_what_the_flow_says_of_it() -> None:
    made, told = exchange(body())
    made.next_attempt(100.5)
    made.answered(200, 101.0)
    reply = made.whole(200, [("x-request-id", "req_1")], json.dumps(ANSWER).encode(), 102.0)
    assert reply.status == 200 and ("request-id", "req_1") in reply.headers
    assert json.loads(reply.body)["content"] == [{"type": "text", "text": "yes"}]
    assert told.outcomes == [("chat", Answered(200))]
    record = made.metadata()
    assert record["model"] == {"asked": "claude-x", "used": "gpt-x"}
    assert record["attempts"] == [
        {
            "upstream": "chat",
            "started": 0.5,
            "outcome": "ok",
            "status": 200,
            "reason": "",
            "duration": 1.5,
        }
    ]
    assert record["timing"] == {"first_byte": 1.0, "last": 2.0}
    assert record["usage"]["input_tokens"] == 3 and record["stop"] == "stop"
    assert set(record["bodies"]) == {
        "client_request", "upstream_request", "upstream_response", "client_response"
    }  # fmt: skip
    assert made.summary() == "anthropic_messages -> chat (openai_chat) | stop | 3 in, 2 out"
    assert made.mark() == "" and made.over


def test_an_error_inside_a_200_gets_its_status_and_a_mark() -> None:
    made, _ = exchange(body())
    made.next_attempt(100.0)
    made.answered(200, 101.0)
    error = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
    reply = made.whole(200, [], json.dumps(error).encode(), 102.0)
    assert (reply.status, json.loads(reply.body)["error"]["type"]) == (429, "rate_limit_error")
    assert made.mark() == ":red_circle:" and "slow down" in made.summary()


def test_lost_content_is_marked_and_strict_refuses_it() -> None:
    orphan = {"type": "tool_result", "tool_use_id": "t", "content": "4"}
    lossy = body(messages=[{"role": "user", "content": [orphan]}])
    made, _ = exchange(lossy)
    made.next_attempt(100.0)
    assert made.mark() == ":orange_circle:" and "orphan_tool_result" in made.summary()
    strict, _ = exchange(lossy, strict=True)
    with pytest.raises(TransformError, match="strict") as caught:
        strict.next_attempt(100.0)
    reply = strict.refuse(caught.value, 101.0)
    assert reply.status == 400 and "orphan_tool_result" in reply.body.decode()
    assert strict.metadata()["attempts"][0]["outcome"] == "refused"


def test_a_body_that_is_not_json_is_refused_before_anything_is_sent() -> None:
    made, told = exchange(b"{", path="/v1/messages")
    assert made.choice is not None
    with pytest.raises(TransformError, match="JSON") as caught:
        made.next_attempt(100.0)
    assert made.refuse(caught.value, 101.0).status == 400
    assert told.outcomes == [] and made.over


@pytest.mark.parametrize(
    "cancelled, outcome, name",
    [
        pytest.param(True, Cancelled(), "cancelled", id="the app hung up"),
        pytest.param(False, ConnectionFailed("reset"), "unreachable", id="the upstream did"),
    ],
)
def test_a_connection_that_goes_before_the_answer(
    cancelled: bool, outcome: Outcome, name: str
) -> None:
    made, told = exchange(body())
    made.next_attempt(100.0)
    made.broke("reset", 103.0, cancelled=cancelled)
    assert told.outcomes == [("chat", outcome)]
    attempt = made.metadata()["attempts"][0]
    assert (attempt["outcome"], attempt["reason"], attempt["duration"]) == (name, "reset", 3.0)
    made.broke("again", 104.0, cancelled=False)  # the late end of what is over
    assert len(told.outcomes) == 1


def test_a_stream_that_breaks_after_its_headers_counts_as_answered() -> None:
    made, told = exchange(body(stream=True))
    made.next_attempt(100.0)
    made.answered(200, 101.0)
    assert made.will_stream(200, [("content-type", "text/event-stream")])
    made.broke("reset", 103.0, cancelled=False)
    assert told.outcomes == [("chat", Answered(200))]
    assert made.metadata()["attempts"][0]["outcome"] == "cut"


@pytest.mark.parametrize(
    "fields, status, content_type, streams",
    [
        pytest.param({"stream": True}, 200, "text/event-stream", True, id="a stream"),
        pytest.param({"stream": True}, 200, "", True, id="no content type"),
        pytest.param({"stream": True}, 200, "application/json", False, id="JSON is taken whole"),
        pytest.param({"stream": True}, 500, "text/event-stream", False, id="an error"),
        pytest.param({}, 200, "text/event-stream", False, id="not asked for"),
    ],
)
def test_what_is_handed_on_while_it_comes_in(
    fields: dict[str, Any], status: int, content_type: str, streams: bool
) -> None:
    made, _ = exchange(body(**fields))
    headers = [("Content-Type", content_type)] if content_type else []
    assert made.will_stream(status, headers) is streams


def test_a_watched_stream_is_never_held_back() -> None:
    call = Call("openai_chat", "https", "api.openai.com", 443, "/v1/chat/completions", (), b"?")
    made = Exchange(call, Router(parse(CONFIG, "c", {})), Recorder(), key=b"", strict=False, now=1)
    assert made.observed and made.will_stream(200, [("content-type", "text/event-stream")])
    assert not made.will_stream(200, [("content-type", "application/json")])


def test_a_stream_that_cannot_be_carried_on_is_ended_in_the_dialect() -> None:
    made, _ = exchange(body(stream=True))
    made.next_attempt(100.0)
    made.answered(200, 101.0)
    [out] = made.break_off("bridge: a bug", 102.0)
    assert b"event: error" in out and b"a bug" in out
    assert made.metadata()["attempts"][0]["outcome"] == "cut"


def test_without_a_route_the_call_is_only_watched() -> None:
    told = Recorder()
    call = Call("openai_chat", "https", "api.openai.com", 443, "/v1/chat/completions", (), body())
    made = Exchange(call, Router(parse(CONFIG, "c", {})), told, key=b"k", strict=True, now=1.0)
    assert made.observed
    made.answered(200, 2.0)
    content = json.dumps(ANSWER, indent=2).encode()
    reply = made.whole(200, [("x", "y")], content, 3.0)
    assert reply.body is content and reply.headers == [("x", "y")]
    record = made.metadata()
    assert record["usage"]["output_tokens"] == 2 and record["route"] == ""
    assert record["attempts"][0]["upstream"] == "api.openai.com"
    assert told.outcomes == []


def test_no_credential_is_kept() -> None:
    made, _ = exchange(body())
    made.next_attempt(100.0)
    shown = json.dumps(made.metadata()) + made.summary()
    assert "app-key" not in shown and "upstream-key" not in shown


def test_long_bodies_are_kept_in_part() -> None:
    kept = Kept()
    for _ in range(3):
        kept.add(b"a" * (KEPT_BYTES // 2))
    assert kept.text() == "a" * KEPT_BYTES + f"\n[{KEPT_BYTES // 2} bytes more]"
