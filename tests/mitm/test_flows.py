import json
import ssl
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from mitmproxy import flow, http, tls
from mitmproxy.options import Options
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.test import tflow, tutils

from bridge.aside import Aside
from bridge.config import parse
from bridge.exchange import Exchange
from bridge.mitm import flows
from bridge.outgoing import Outgoing
from bridge.routing import Router
from bridge.steps import Reply
from bridge.watched import Watched

CONFIG = """
upstreams:
  chat: {protocol: openai_chat, url: 'http://upstream.example:8080/v1', api_key: key}
routes: [{match: {protocol: anthropic_messages}, upstreams: [chat]}]
"""
BODY = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def call(
    path: str = "/v1/messages", host: str = "api.anthropic.com", **fields: Any
) -> http.HTTPFlow:
    request = tutils.treq(
        method=b"POST",
        scheme=b"https",
        host=host,
        port=443,
        path=path.encode(),
        headers=http.Headers(((b"host", host.encode()), (b"X-Api-Key", b"app"))),
        content=json.dumps({**BODY, **fields}).encode(),
    )
    made = tflow.tflow(req=request)
    made.client_conn.proxy_mode = mode_specs.ProxyMode.parse("regular")
    return made


def exchange_of(made: http.HTTPFlow) -> Exchange:
    """Under way, by a driver that cannot hold an answer back."""
    config = parse(CONFIG, "c", {})
    router, called = Router(config), flows.call_of(made, "anthropic_messages")
    choice = router.candidates(called.facts(router.asks), 1.0)
    assert choice
    exchange = Exchange(
        called, choice, router, config.failover, router, key=b"k", resends=False, now=1.0
    )
    target = exchange.next_target(1.0)
    assert target
    sent = exchange.next_attempt(target, 1.0)
    assert sent
    flows.send(made, sent)
    return exchange


def covers(host: str) -> bool:
    return host == "api.anthropic.com"


@pytest.mark.parametrize(
    "path, host, mode, protocol",
    [
        pytest.param(
            "/v1/messages?beta=true", "api.anthropic.com", "regular", "anthropic_messages"
        ),
        pytest.param("/v1/chat/completions", "api.anthropic.com", "regular", "openai_chat"),
        pytest.param("/v1/messages/count_tokens", "api.anthropic.com", "regular", None),
        pytest.param("/v1/messages", "example.org", "regular", None),
        pytest.param(
            "/v1/messages", "example.org", "reverse:http://a.example", "anthropic_messages"
        ),
        pytest.param("/v1/messages", "api.anthropic.com", "transparent", "anthropic_messages"),
        pytest.param("/index.html", "a.example", "reverse:http://a.example", None),
    ],
)
def test_llm_calls_are_known_by_host_and_path(
    path: str, host: str, mode: str, protocol: str | None
) -> None:
    made = call(path, host)
    made.client_conn.proxy_mode = mode_specs.ProxyMode.parse(mode)
    assert flows.protocol_of(made, covers) == protocol
    made.request.method = "GET"
    assert flows.protocol_of(made, covers) is None


def test_what_was_answered_failed_or_replayed_is_left_alone() -> None:
    answered, failed, replayed, fresh = call(), call(), call(), call()
    answered.response = http.Response.make(200)
    failed.error = flow.Error("x")
    replayed.is_replay = "request"
    assert flows.is_untouched(fresh)
    assert not any(map(flows.is_untouched, (answered, failed, replayed)))


def hello(mode: str, address: str | None, sni: str | None) -> tls.ClientHelloData:
    """How an app begins TLS."""
    sent = ssl.MemoryBIO()
    app = ssl.create_default_context()
    app.check_hostname = False
    with suppress(ssl.SSLWantReadError):
        app.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=sni).do_handshake()
    client = tflow.tclient_conn()
    client.proxy_mode = mode_specs.ProxyMode.parse(mode)
    connected = Context(client, Options())
    connected.server.address = (address, 443) if address else None
    return tls.ClientHelloData(connected, tls.ClientHello(sent.read()[9:]))  # behind its headers


@pytest.mark.parametrize(
    "mode, address, sni, tunnelled",
    [
        pytest.param("regular", "ours.example", "ours.example", False, id="ours"),
        pytest.param("regular", "other.example", "other.example", True, id="another's"),
        pytest.param("regular", "ours.example", None, False, id="ours, unnamed in the hello"),
        pytest.param("transparent", "192.0.2.1", "ours.example", False, id="ours, by a number"),
        pytest.param("transparent", "192.0.2.1", None, True, id="a number"),
        pytest.param("transparent", None, None, True, id="nothing"),
        pytest.param("reverse:https://other.example", "other.example", None, False, id="reverse"),
    ],
)
def test_what_stays_between_an_app_and_its_server(
    mode: str, address: str | None, sni: str | None, tunnelled: bool
) -> None:
    data = hello(mode, address, sni)
    assert data.client_hello.sni == sni
    assert flows.is_tunnelled(data, "ours.example".__eq__) is tunnelled


def test_the_request_becomes_the_upstreams() -> None:
    made = call()
    upstream = parse(CONFIG, "c", {}).upstreams["chat"]
    headers = [("content-type", "application/json"), ("authorization", "Bearer key")]
    flows.send(made, Outgoing(upstream, "/v1/chat/completions", headers, b"{}"))
    assert made.request.url == "http://upstream.example:8080/v1/chat/completions"
    assert dict(made.request.headers) == {
        "Host": "upstream.example:8080",
        "content-type": "application/json",
        "authorization": "Bearer key",
        "content-length": "2",
    }


@pytest.mark.parametrize(
    "version, headers, closes",
    [
        pytest.param("HTTP/1.1", {"connection": "close"}, True, id="the app says so"),
        pytest.param("HTTP/1.1", {"Connection": "TE, Close"}, True, id="among other words"),
        pytest.param("HTTP/1.1", {"connection": "keep-alive"}, False, id="it says the contrary"),
        pytest.param("HTTP/1.1", {}, False, id="it stays"),
        pytest.param("HTTP/2.0", {}, False, id="it stays over HTTP/2"),
    ],
)
def test_an_app_may_want_its_connection_closed(
    version: str, headers: dict[str, str], closes: bool
) -> None:
    made = call()
    made.request.http_version = version
    made.request.headers.update(headers)
    upstream = parse(CONFIG, "c", {}).upstreams["chat"]
    for _ in range(2):  # also when it is sent to another one
        flows.send(made, Outgoing(upstream, "/v1/chat/completions", [], b"{}"))
        assert (made.request.headers.get("connection") == "close") is closes


def test_a_call_to_a_deployment_has_its_model() -> None:
    made = call()
    made.request.path = "/openai/deployments/gpt-6/chat/completions?api-version=1"
    made.request.content = b'{"messages": []}'
    assert flows.call_of(made, "openai_chat").model == "gpt-6"


def test_a_reply_in_the_apps_version_of_http() -> None:
    made = call()
    made.request.http_version = "HTTP/2.0"
    given = flows.response(Reply(529, [("retry-after", "3")], b"busy"), made)
    assert (given.status_code, given.content, given.http_version) == (529, b"busy", "HTTP/2.0")
    assert dict(given.headers) == {"retry-after": "3", "content-length": "4"}


@pytest.mark.parametrize(
    "version, framing", [("HTTP/1.1", {"transfer-encoding": "chunked"}), ("HTTP/2.0", {})]
)
def test_the_head_of_a_stream_has_no_length(version: str, framing: dict[str, str]) -> None:
    made = call()
    made.request.http_version = version
    head = flows.head(Reply(200, [("content-type", "text/event-stream")]), made)
    assert dict(head.headers) == {"content-type": "text/event-stream", **framing}


@pytest.mark.parametrize(
    "path, host, kind",
    [
        ("/v1/models?limit=5", "api.anthropic.com", "models"),
        ("/v1/messages/count_tokens", "api.anthropic.com", "count"),
        ("/v1/messages/count_tokens", "other.test", None),
        ("/v1/messages", "api.anthropic.com", None),
        ("/v1/files", "api.anthropic.com", None),
    ],
)
def test_endpoints_beside_the_call(path: str, host: str, kind: str | None) -> None:
    made = call(path, host)
    made.request.method = "GET" if "models" in path else "POST"
    side = flows.side_of(made, covers)
    assert (side.kind if side else None) == kind


def test_the_answer_of_an_endpoint_beside_the_call() -> None:
    made = call("/v1/messages/count_tokens")
    exchange = exchange_of(made)
    sent = Outgoing(parse(CONFIG, "c", {}).upstreams["chat"], "/x", [], b"")
    read = lambda told: Reply(200, [], str(told).encode())  # noqa: E731
    aside = Aside(sent, read, 1.0, 5.0)
    aside.answered(200, [], 1.0)
    made.response = http.Response.make(200, b'{"n": 1}')
    flows.end_aside(made, aside, 2.0)
    assert made.response.content == b"{'n': 1}" and made.comment == "completions -> chat"
    assert exchange


def test_a_stream_that_cannot_be_decoded_ends_in_the_dialects_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = call(stream=True)
    exchange = exchange_of(made)
    made.response = http.Response.make(200, b"", {"content-encoding": "gzip"})
    exchange.answered(200, [], 1.0)
    stream = flows.Streamer(made, exchange, lambda: 2.0)
    out = b"".join(stream(b"\x00 this is no gzip" * 9))
    assert b"event: error" in out and exchange.trace.over
    assert "could not be translated" in caplog.text


def watched(encoding: str) -> flows.Watcher:
    made = call(stream=True)
    made.response = http.Response.make(200, b"", {"content-encoding": encoding})
    return flows.Watcher(made, Watched(flows.call_of(made, "openai_chat"), 1.0), lambda: 2.0)


def test_a_watched_stream_passes_even_if_it_cannot_be_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch, data = watched("gzip"), b"\x00 this is no gzip" * 9
    assert watch(data) == [data] and watch(data) == [data] and watch(b"") == []
    assert caplog.text.count("passes on unseen") == 1


def test_what_was_watched_is_shown_as_its_headers_say() -> None:
    made = call(stream=True)
    made.response = http.Response.make(401, b"", {"content-encoding": "gzip"})
    made.response.raw_content = None
    watching = Watched(flows.call_of(made, "openai_chat"), 1.0)
    watching.whole(Reply(401, [], b'{"error": "no"}'), 2.0)
    flows.show(made, watching.trace)
    assert made.response.text == '{"error": "no"}'


@pytest.mark.parametrize("status, told", [(401, "no key ***"), (200, "no key sk-mine-4711")])
def test_an_upstreams_refusal_that_repeats_its_key(status: int, told: str) -> None:
    upstream = replace(parse(CONFIG, "c", {}).upstreams["chat"], api_keys=("sk-mine-4711",))
    response = http.Response.make(status, b"no key sk-mine-4711")
    flows.hide_keys(response, Outgoing(upstream, "/x", [], b""))
    assert response.text == told


def test_a_watched_stream_of_an_unknown_encoding_passes_too() -> None:
    watch = watched("sdch")
    assert watch(b"x") == [b"x"] and watch(b"") == []


@pytest.mark.parametrize(
    "message, connected, gone",
    [
        ("Client disconnected.", True, True),
        ("stream reset by client (CANCEL)", True, True),
        ("server closed connection", True, False),
        ("server closed connection", False, True),
    ],
)
def test_who_hung_up(message: str, connected: bool, gone: bool) -> None:
    made = call()
    made.error = flow.Error(message)
    made.client_conn.timestamp_end = None
    if not connected:
        made.client_conn.state = flow.connection.ConnectionState.CLOSED
    else:
        made.client_conn.state = flow.connection.ConnectionState.OPEN
    assert flows.client_is_gone(made) is gone
