"""What passes, what is redirected, what a flow carries afterwards, and what never leaves."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from bridge.simulator import Simulator
from tests.processes import Proxy

Start = Callable[..., Proxy]
REVERSE = ("--mode", "reverse:http://127.0.0.1:9")
SECRETS = ("app-secret", "upstream-secret", "cookie-secret")


@pytest.fixture
def chat_backed(sim: Simulator) -> dict[str, Any]:
    """Apps that speak Messages, an upstream that speaks Chat."""
    sim.configure("chat", key="upstream-secret")
    return {
        "upstreams": {
            "chat": {
                "protocol": "openai_chat",
                "url": sim.base("chat"),
                "api_key": "${UPSTREAM_KEY}",
                "models": {"claude-*": "gpt-x"},
            }
        },
        "routes": [{"match": {"protocol": "anthropic_messages"}, "upstreams": ["chat"]}],
    }


KEY = {"UPSTREAM_KEY": "upstream-secret"}


def message(text: str = "hello", **fields: Any) -> dict[str, Any]:
    content = [{"role": "user", "content": text}]
    return {"model": "claude-x", "max_tokens": 99, "messages": content, **fields}


def post(proxy: Proxy, body: Any, path: str = "/v1/messages", **options: Any) -> httpx2.Response:
    headers = {
        "x-api-key": "app-secret",
        "cookie": "session=cookie-secret",
        "anthropic-version": "2023-06-01",
        "x-app": "cli",
        **options.pop("headers", {}),
    }
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with httpx2.Client(trust_env=False) as client:
        return client.post(proxy.url + path, content=content, headers=headers, **options)


def through(proxy: Proxy, **options: Any) -> httpx2.Client:
    return httpx2.Client(proxy=proxy.url, trust_env=False, **options)


def test_trap_55_other_paths_and_other_hosts_pass_byte_exact(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = start_proxy(
        {
            "intercept": {"hosts": ["127.0.0.1"]},
            "upstreams": {"dead": {"protocol": "openai_chat", "url": "http://127.0.0.1:9/v1"}},
            "routes": [{"upstreams": ["dead"]}],
        }
    )
    odd = b'{"model": "claude-x",   "input":[1, 2]}'
    with through(proxy) as app:
        batch = app.post(f"{sim.url}/v1/messages/batches", content=odd, headers={"X-Odd": "Kept"})
        other_host = app.post(
            f"{sim.url.replace('127.0.0.1', 'localhost')}/v1/messages", content=odd
        )
    assert batch.status_code == 404 and other_host.status_code == 401
    first, second = sim.requests()
    assert (first.path, first.header("x-odd")) == ("/v1/messages/batches", "Kept")
    assert second.path == "/v1/messages"
    assert all("bridge" not in flow.metadata for flow in proxy.flows())


def test_without_a_route_the_call_is_watched_and_untouched(
    sim: Simulator, start_proxy: Start
) -> None:
    config = {"intercept": {"hosts": ["127.0.0.1"]}, "upstreams": {}, "routes": []}
    proxy = start_proxy(config)
    sim.fault(None, {"kind": "gzip"})
    body = json.dumps(message("[[words:5]]", stream=True), indent=1).encode()
    headers = {"x-api-key": "app-secret", "anthropic-version": "2023-06-01", "x-app": "cli"}
    with through(proxy) as app:
        answer = app.post(f"{sim.url}/v1/messages", content=body, headers=headers)
    with httpx2.Client(trust_env=False) as app:
        direct = app.post(f"{sim.url}/v1/messages", content=body, headers=headers)
    assert answer.text == direct.text
    seen, plain = sim.requests()
    assert [h for h in seen.headers if h[0].lower() != "host"] == [
        h for h in plain.headers if h[0].lower() != "host"
    ]
    [flow] = proxy.flows()
    assert flow.metadata["bridge"]["stop"] == "stop"
    assert flow.metadata["bridge"]["usage"]["output_tokens"] > 0
    assert flow.request.raw_content == body


def test_trap_56_a_flow_carries_both_sides_and_no_credential(
    sim: Simulator, start_proxy: Start, chat_backed: dict[str, Any]
) -> None:
    proxy = start_proxy(chat_backed, *REVERSE, "--set", "flow_detail=3", env=KEY)
    answer = post(proxy, message("[[reason:because]][[text:Grüße]]", stream=True, top_k=5))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "message_stop" in answer.text and "Grüße" in answer.text
    [flow] = proxy.flows()
    record = flow.metadata["bridge"]
    assert (record["client"], record["upstream"]) == ("anthropic_messages", "openai_chat")
    assert record["model"] == {"asked": "claude-x", "used": "gpt-x"}
    [attempt] = record["attempts"]
    assert (attempt["upstream"], attempt["outcome"], attempt["status"]) == ("chat", "ok", 200)
    assert attempt["duration"] > 0
    assert [note["code"] for note in record["notes"]] == ["sampling_dropped"]
    assert record["notes"][0]["where"] == "top_k"
    assert 0 <= record["timing"]["first_byte"] <= record["timing"]["first_content"]
    assert record["timing"]["first_content"] <= record["timing"]["last"]
    assert json.loads(record["bodies"]["client_request"])["top_k"] == 5
    assert json.loads(record["bodies"]["upstream_request"])["model"] == "gpt-x"
    assert "chat.completion.chunk" in record["bodies"]["upstream_response"]
    assert "message_start" in record["bodies"]["client_response"]
    assert "chat" in flow.comment and "\n" not in flow.comment
    shown = json.dumps(record) + flow.comment + flow.marked + proxy.output
    assert [secret for secret in SECRETS if secret in json.dumps(record) + flow.comment] == []
    assert "app-secret" not in shown and "cookie-secret" not in shown


def test_nothing_of_the_apps_identity_reaches_another_host(
    sim: Simulator, start_proxy: Start, chat_backed: dict[str, Any]
) -> None:
    proxy = start_proxy(chat_backed, *REVERSE, env=KEY)
    identity = {
        "authorization": "Bearer app-secret",
        "x-claude-code-session-id": "s",
        "x-stainless-lang": "js",
        "anthropic-beta": "some-beta",
        "user-agent": "claude-cli/2",
    }
    assert post(proxy, message(), headers=identity).status_code == 200
    [sent] = sim.requests()
    names = {name.lower() for name, _ in sent.headers}
    assert names == {
        "host", "content-type", "content-length", "accept", "accept-encoding", "user-agent",
        "authorization",
    }  # fmt: skip
    assert sent.header("authorization") == "Bearer upstream-secret"
    assert "claude-cli" not in str(sent.headers)


def test_an_upstream_without_a_key_gets_the_apps_own_only_on_the_apps_own_host(
    sim: Simulator, start_proxy: Start
) -> None:
    own = {"protocol": "anthropic_messages", "url": sim.base("own")}
    other = {
        "protocol": "anthropic_messages",
        "url": sim.base("other").replace("127.0.0.1", "localhost"),
    }
    config = {
        "intercept": {"hosts": ["127.0.0.1"]},
        "upstreams": {"own": own, "other": other},
        "routes": [
            {"match": {"model": "claude-own"}, "upstreams": ["own"]},
            {"upstreams": ["other"]},
        ],
    }
    proxy = start_proxy(config)
    headers = {"x-api-key": "app-secret", "anthropic-version": "2023-06-01", "x-app": "cli"}
    with through(proxy) as app:
        for model in ("claude-own", "claude-other"):
            body = {**message(), "model": model}
            app.post(f"{sim.url}/v1/messages?beta=true", json=body, headers=headers)
    [to_own], [to_other] = sim.requests("own"), sim.requests("other")
    assert to_own.header("x-api-key") == "app-secret" and to_own.header("x-app") == "cli"
    assert to_own.path == "/own/v1/messages?beta=true"
    assert to_other.header("x-api-key") is None and to_other.header("x-app") is None
    assert "app-secret" not in str(to_other.headers)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_compressed_body_is_read(
    sim: Simulator, start_proxy: Start, chat_backed: dict[str, Any], encoding: str
) -> None:
    from mitmproxy.net import encoding as codings

    proxy = start_proxy(chat_backed, *REVERSE, env=KEY)
    body = codings.encode(json.dumps(message("[[text:read]]")).encode(), encoding)
    assert isinstance(body, bytes)
    answer = post(proxy, body, headers={"content-encoding": encoding})
    assert answer.json()["content"][0]["text"] == "read"


def _turn(turn: Any) -> bytes:
    return json.dumps({"model": "m", "max_tokens": 5, "messages": [turn]}).encode()


BAD_BODIES = {
    "no JSON": b"hello",
    "broken JSON": b'{"model": "claude-x", "messages": [',
    "no object": b"[]",
    "nothing": b"",
    "no messages": b'{"model": "claude-x", "max_tokens": 5}',
    "messages of a wrong type": b'{"model": "m", "max_tokens": 5, "messages": "hello"}',
    "a block without a type": _turn({"role": "user", "content": [{}]}),
    "a role nobody has": _turn({"role": "king", "content": "x"}),
    "nested without end": b'{"a":' * 100_000,
    "no Unicode": b'{"model": "\xff\xfe"}',
    "not compressed as it says": b"\x00\x01\x02",
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_bad_body_gets_a_clear_error_and_the_connection_lives(
    sim: Simulator, start_proxy: Start, chat_backed: dict[str, Any], body: bytes
) -> None:
    proxy = start_proxy(chat_backed, *REVERSE, env=KEY)
    headers = {"content-encoding": "gzip"} if body.startswith(b"\x00") else {}
    with httpx2.Client(trust_env=False, base_url=proxy.url) as app:
        refused = app.post("/v1/messages", content=body, headers=headers)
        assert refused.status_code == 400, refused.text
        error = refused.json()
        assert error["type"] == "error" and error["error"]["type"] == "invalid_request_error"
        assert len(error["error"]["message"]) > 10
        assert app.post("/v1/messages", json=message()).status_code == 200
    assert len(sim.requests()) == 1


def test_a_body_of_twenty_megabytes_goes_through(
    sim: Simulator, start_proxy: Start, chat_backed: dict[str, Any]
) -> None:
    proxy = start_proxy(chat_backed, *REVERSE, env=KEY)
    text = "[[echo]]" + "word " * 4_000_000
    assert post(proxy, message(text), timeout=50).status_code == 200
    assert len(sim.requests()[0].body["messages"][-1]["content"]) == len(text)


def test_sixty_four_levels_of_nesting_survive(
    sim: Simulator, start_proxy: Start, chat_backed: dict[str, Any]
) -> None:
    proxy = start_proxy(chat_backed, *REVERSE, env=KEY)
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(64):
        schema = {"type": "object", "properties": {"inner": schema}}
    tools = [{"name": "deep", "input_schema": schema}]
    assert post(proxy, message("[[text:ok]]", tools=tools)).status_code == 200
    assert sim.requests()[0].body["tools"][0]["function"]["parameters"] == schema


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "fault, status",
    [
        pytest.param({"kind": "html", "status": 502}, 502, id="an HTML error page"),
        pytest.param({"kind": "html", "status": 200}, 502, id="HTML as an answer"),
        pytest.param({"kind": "empty"}, 502, id="an empty answer"),
        pytest.param({"kind": "status", "status": 500}, 500, id="a server error"),
        pytest.param({"kind": "status", "status": 529}, 529, id="overloaded"),
        pytest.param({"kind": "status", "status": 503}, 529, id="OpenAI's overloaded"),
    ],
)
def test_a_bad_answer_becomes_an_error_in_the_clients_dialect(
    sim: Simulator,
    start_proxy: Start,
    chat_backed: dict[str, Any],
    fault: dict[str, Any],
    status: int,
    stream: bool,
) -> None:
    proxy = start_proxy(chat_backed, *REVERSE, env=KEY)
    sim.fault("chat", fault)
    with httpx2.Client(trust_env=False, base_url=proxy.url) as app:
        answer = app.post("/v1/messages", json=message(stream=stream))
        if answer.status_code == 200:  # the headers had gone out: an error event, and no clean end
            assert "event: error" in answer.text and "message_stop" not in answer.text
        else:
            assert answer.status_code == status
            assert answer.json()["type"] == "error"
        assert app.post("/v1/messages", json=message()).status_code == 200


def test_trap_50_json_for_a_stream_and_a_stream_for_json(
    sim: Simulator, start_proxy: Start, chat_backed: dict[str, Any]
) -> None:
    proxy = start_proxy(chat_backed, *REVERSE, env=KEY)
    sim.fault("chat", {"kind": "json_for_stream"})
    streamed = post(proxy, message("[[text:one]]", stream=True))
    assert streamed.headers["content-type"] == "text/event-stream"
    assert streamed.text.rstrip().endswith('{"type":"message_stop"}')
    sim.fault("chat", {"kind": "stream_for_json"})
    whole = post(proxy, message("[[text:one]]"))
    assert whole.json()["content"] == [{"type": "text", "text": "one"}]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "no_content_type"}, id="no content type"),
        pytest.param({"kind": "split", "size": 1}, id="byte by byte"),
        pytest.param({"kind": "crlf"}, id="CRLF"),
        pytest.param({"kind": "comments"}, id="comments"),
        pytest.param({"kind": "gzip"}, id="compressed although identity was asked for"),
        pytest.param({"kind": "no_done"}, id="no DONE"),
    ],
)
def test_an_odd_stream_gives_the_app_the_same_answer(
    sim: Simulator, start_proxy: Start, chat_backed: dict[str, Any], fault: dict[str, Any]
) -> None:
    proxy = start_proxy(chat_backed, *REVERSE, env=KEY)
    body = message("[[reason:hm]][[words:7]]", stream=True)
    plain = post(proxy, body).text
    sim.fault("chat", fault)
    assert _events(post(proxy, body).text) == _events(plain)


def _events(text: str) -> list[Any]:
    """The events without pings, which are the upstream's comments."""
    found = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    return [event for event in found if event["type"] != "ping"]


# What comes together with a failure is not told: the app gets the failure alone.
APART = {"kind": "slow", "between": 0.05}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "cut", "after": 2}, id="the connection breaks"),
        pytest.param({"kind": "error_event", "after": 2}, id="an error event"),
    ],
)
def test_a_broken_stream_never_looks_finished(
    sim: Simulator, start_proxy: Start, chat_backed: dict[str, Any], fault: dict[str, Any]
) -> None:
    proxy = start_proxy(chat_backed, *REVERSE, env=KEY)
    sim.fault("chat", [fault, APART])
    received = post(proxy, message("[[words:9]]", stream=True)).text
    assert "content_block_delta" in received and "message_stop" not in received
    assert received.rstrip().splitlines()[-2] == "event: error"
    [flow] = proxy.flows()
    assert flow.metadata["bridge"]["attempts"][0]["outcome"] == "cut"
    assert flow.marked == ":red_circle:"


def test_trap_56_an_answer_arrives_while_it_is_made(
    sim: Simulator, start_proxy: Start, chat_backed: dict[str, Any]
) -> None:
    proxy = start_proxy(chat_backed, *REVERSE, env=KEY)
    sim.fault("chat", {"kind": "stall", "after": 2})
    with (
        httpx2.Client(trust_env=False) as app,
        app.stream(
            "POST", f"{proxy.url}/v1/messages", json=message("[[words:9]]", stream=True)
        ) as answer,
    ):
        received = ""
        for line in answer.iter_lines():
            received += line
            if received.count("text_delta") == 2:
                break  # two words are here although the third never comes
    assert "message_stop" not in received


def test_strict_refuses_what_would_lose_content(
    sim: Simulator, start_proxy: Start, chat_backed: dict[str, Any]
) -> None:
    proxy = start_proxy({**chat_backed, "strict": True}, *REVERSE, env=KEY)
    orphan = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "4"}
    lossy = message()
    lossy["messages"] = [{"role": "user", "content": [orphan]}]
    refused = post(proxy, lossy)
    assert refused.status_code == 400
    assert "orphan_tool_result" in refused.json()["error"]["message"]
    assert "messages[0]" in refused.json()["error"]["message"]
    assert sim.requests() == []
    assert post(proxy, message(top_k=3)).status_code == 200


def test_losses_are_told_in_a_header_and_in_the_log(
    sim: Simulator, start_proxy: Start, chat_backed: dict[str, Any]
) -> None:
    proxy = start_proxy({**chat_backed, "notes_header": True}, *REVERSE, env=KEY)
    whole, streamed = (post(proxy, message(top_k=3, stream=stream)) for stream in (False, True))
    plain = post(proxy, message())
    assert whole.headers["x-bridge-notes"] == "sampling_dropped"
    assert streamed.headers["x-bridge-notes"] == "sampling_dropped"
    assert "x-bridge-notes" not in plain.headers
    proxy.wait_for(r"bridge: routes\[0\] -> chat: sampling_dropped \(top_k\): gpt-x")
