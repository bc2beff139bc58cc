"""The stream in a real proxy: what the app gets when the upstream breaks, over both HTTPs.

And without one, for what depends on which of two things comes first.
"""

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mitmproxy.proxy import events

from bridge.simulator import Simulator, refusing_port
from bridge.steps import AGAIN, OPEN, Done, Reply
from tests.mitm.layer.wire import ANSWER, Wire
from tests.mitm.scripted import Scripted
from tests.processes import Proxy, running_proxy

BODY = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "[[words:9]]"}]}


@pytest.fixture(params=[False, True], ids=["HTTP/1.1", "HTTP/2"])
def app(request: pytest.FixtureRequest, proxy: Proxy) -> Iterator[httpx2.Client]:
    context = ssl.create_default_context(cafile=proxy.ca)
    with httpx2.Client(
        proxy=proxy.url,
        verify=context,
        http2=request.param,
        trust_env=False,
        base_url="https://api.anthropic.com",
        headers={"x-api-key": "app", "anthropic-version": "2023-06-01"},
    ) as client:
        version = call(client, "messages", stream=False).http_version
        assert version == ("HTTP/2" if request.param else "HTTP/1.1")
        yield client


def call(app: httpx2.Client, model: str, stream: bool) -> httpx2.Response:
    return app.post("/v1/messages", json={**BODY, "model": model, "stream": stream})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_dead_upstream_is_an_error_in_the_apps_dialect(app: httpx2.Client, stream: bool) -> None:
    answer = call(app, "dead", stream)
    assert answer.status_code == 502
    error = answer.json()["error"]
    assert error["type"] == "api_error" and "dead did not answer" in error["message"]


@pytest.mark.parametrize("model", ["messages", "chat"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_connection_dropped_before_the_headers_is_one_too(
    app: httpx2.Client, sim: Simulator, model: str, stream: bool
) -> None:
    sim.fault(model, {"kind": "drop"})
    assert call(app, model, stream).status_code == 502
    assert call(app, model, stream).status_code == 200  # and the connection is still good


@pytest.mark.parametrize("model", ["messages", "chat"])
def test_a_whole_answer_that_breaks_off_is_one_too(
    app: httpx2.Client, sim: Simulator, model: str
) -> None:
    sim.fault(model, {"kind": "cut", "byte": 40})
    answer = call(app, model, stream=False)
    assert (answer.status_code, answer.json()["type"]) == (502, "error")


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("model", ["messages", "chat"])
def test_a_stream_that_breaks_off_ends_with_the_dialects_error(
    app: httpx2.Client, sim: Simulator, model: str, reset: bool
) -> None:
    sim.fault(model, {"kind": "cut", "after": 3, "reset": reset})
    text = call(app, model, stream=True).text
    names = [line[7:] for line in text.splitlines() if line.startswith("event: ")]
    assert names.count("content_block_delta") == 3 or reset
    assert names[-1] == "error" and "message_stop" not in names


def test_a_stream_that_breaks_off_behind_its_end_was_whole(
    app: httpx2.Client, sim: Simulator
) -> None:
    sim.fault("messages", {"kind": "cut", "byte": 10_000_000})
    text = call(app, "messages", stream=True).text
    assert text.count("message_stop") == 2 and "event: error" not in text


@pytest.mark.parametrize("known", [True, False], ids=["a length", "chunks"])
def test_a_call_of_ours_is_whole_even_where_large_bodies_are_to_be_streamed(
    sim: Simulator, confdir: Path, tmp_path: Path, known: bool
) -> None:
    chat = {"protocol": "openai_chat", "url": sim.base("chat"), "api_key": "k"}
    config = {
        "intercept": {"hosts": ["127.0.0.1"]},
        "upstreams": {"chat": chat},
        "routes": [{"upstreams": ["chat"]}],
    }
    option = ("--set", "stream_large_bodies=1")
    body = json.dumps(BODY).encode()
    content = body if known else iter([body[:20], body[20:]])
    with (
        running_proxy(tmp_path, confdir, config, *option) as proxy,
        httpx2.Client(proxy=proxy.url, trust_env=False, base_url=sim.url) as app,
    ):
        sim.forget_requests()
        assert app.post("/v1/messages", content=content).json()["type"] == "message"
        assert app.post("/elsewhere", content=body).status_code == 404
        [ours, other] = proxy.flows()
    assert [request.path for request in sim.requests()] == [
        "/chat/v1/chat/completions",
        "/elsewhere",
    ]
    assert ours.metadata["bridge"]["upstream"] == "openai_chat"
    assert other.request.raw_content is None  # it was streamed


def test_what_is_not_ours_keeps_mitmproxys_own_answer(
    app: httpx2.Client, sim: Simulator, proxy: Proxy
) -> None:
    with refusing_port() as dead:
        url = f"http://127.0.0.1:{dead}/v1/messages"
        with httpx2.Client(proxy=proxy.url, trust_env=False) as other:
            answer = other.post(url, json=BODY)
    assert answer.status_code == 502
    assert "html" in answer.headers["content-type"]


def test_a_watched_stream_is_cut_as_the_upstream_cut_it(
    sim: Simulator, confdir: Path, tmp_path: Path
) -> None:
    config: dict[str, Any] = {
        "intercept": {"hosts": ["127.0.0.1"]},
        "upstreams": {},
        "routes": [],
    }
    with (
        running_proxy(tmp_path, confdir, config) as proxy,
        httpx2.Client(proxy=proxy.url, trust_env=False) as client,
    ):
        sim.fault("default", {"kind": "cut", "after": 3})
        headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
        with pytest.raises(httpx2.RemoteProtocolError):
            client.post(f"{sim.url}/v1/messages", json={**BODY, "stream": True}, headers=headers)
        [flow] = proxy.flows()
    assert flow.metadata["bridge"]["attempts"][0]["outcome"] == "cut"


# --- without sockets


def test_what_an_abandoned_upstream_still_says_is_not_heard() -> None:
    exchange = Scripted(AGAIN, Done(Reply(200, [], b"from the second")), streams=False)
    exchange.alarm = 5.0
    wire = Wire(exchange)
    [first], [timer] = wire.servers, wire.timers
    wire.now = 5.0
    wire.happens(events.Wakeup(timer))
    _, second = wire.servers
    assert wire.closed == [first]
    wire.happens(events.ConnectionClosed(first))
    assert exchange.told == [("wake",)]
    wire.says(second, ANSWER)
    assert exchange.told[1:] == [("answered", 200), ("received",), ("whole", b"hi")]
    assert wire.sent[wire.client].endswith(b"from the second")
    assert wire.hooks[-3:] == ["bridge_next", "responseheaders", "response"]
    assert list(wire.layer.streams) == []


OFFER = (
    b"GET http://up.test/v1/responses HTTP/1.1\r\nHost: up.test\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def test_a_websocket_that_an_upstream_takes_goes_on_between_the_two() -> None:
    """Also what comes with its head, and what comes under the number of the app's stream."""
    wire = Wire(Scripted(OPEN, streams=False), OFFER)
    [server] = wire.servers
    assert b"Upgrade: websocket" in wire.sent[server]
    wire.says(server, SWITCHING + b"\x81\x02hi")
    assert wire.sent[wire.client].startswith(b"HTTP/1.1 101 ")
    assert wire.sent[wire.client].endswith(b"\x81\x02hi")
    before = len(wire.sent[server])
    wire.happens(events.DataReceived(wire.client, b"\x81\x82\0\0\0\0yo"))
    assert len(wire.sent[server]) == before + 8, "masked anew"
    assert wire.hooks[-4:] == ["response", "websocket_start", *["websocket_message"] * 2]
    wire.happens(events.ConnectionClosed(server))
    assert wire.hooks[-1] == "websocket_end" and wire.client in wire.closed


def test_one_that_nobody_answers_is_given_up() -> None:
    exchange = Scripted(Done(Reply(426, [], b"use HTTP")), streams=False)
    exchange.alarm = 5.0
    wire = Wire(exchange, OFFER)
    wire.now = 5.0
    wire.happens(events.Wakeup(wire.timers[0]))
    assert wire.closed == wire.servers and wire.sent[wire.client].endswith(b"use HTTP")
    wire.happens(events.ConnectionClosed(wire.servers[0]))
    assert wire.hooks[-1] == "response" and list(wire.layer.streams) == []


def test_an_app_that_gives_up_on_one_before_its_answer_is_told_of() -> None:
    wire = Wire(Scripted(streams=False), OFFER)
    wire.app_hangs_up()
    assert wire.hooks[-1] == "error" and wire.closed == wire.servers
    assert list(wire.layer.streams) == []


def test_an_app_that_hangs_up_while_the_next_request_is_made_is_told_of_once() -> None:
    wire = Wire(Scripted(AGAIN, streams=False))
    wire.held = "bridge_next"
    wire.says(wire.servers[0], ANSWER)
    wire.app_hangs_up()
    wire.let_go()
    assert wire.hooks[-2:] == ["bridge_next", "error"]
    assert len(wire.servers) == 1 and list(wire.layer.streams) == []


def test_an_app_that_hangs_up_behind_its_answer_has_had_it() -> None:
    wire = Wire(Scripted(Done(Reply(200, [])), streams=False))
    wire.held = "response"
    wire.says(wire.servers[0], ANSWER)
    wire.app_hangs_up()
    wire.let_go()
    assert wire.hooks[-1] == "response"
    assert list(wire.layer.streams) == []
