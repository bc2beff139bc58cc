import json
from typing import Any

import pytest
from mitmproxy import flow, http
from mitmproxy.proxy import mode_specs
from mitmproxy.test import tflow, tutils

from bridge.config import parse
from bridge.exchange import Exchange, Outgoing, Reply
from bridge.mitm import flows
from bridge.routing import Router

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


def exchange_of(made: http.HTTPFlow, routed: bool = True) -> Exchange:
    router = Router(parse(CONFIG if routed else "upstreams: {}\nroutes: []", "c", {}))
    called = flows.call_of(made, "anthropic_messages")
    told = lambda *_: None  # noqa: E731
    return Exchange(called, router, told, key=b"k", strict=False, now=1.0)


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


def test_a_reply_replaces_status_headers_and_body() -> None:
    made = call()
    flows.reply(made, Reply(400, [("content-type", "application/json")], b"{}"))
    assert made.response
    made.response.headers["content-encoding"] = "gzip"
    flows.reply(made, Reply(529, [("retry-after", "3")], b"busy"))
    assert (made.response.status_code, made.response.content) == (529, b"busy")
    assert dict(made.response.headers) == {"retry-after": "3", "content-length": "4"}


def streaming(routed: bool, encoding: str = "") -> tuple[http.HTTPFlow, Exchange]:
    made = call(stream=True)
    exchange = exchange_of(made, routed)
    if routed:
        exchange.next_attempt(1.0)
    made.response = http.Response.make(200, b"", {"content-encoding": encoding} if encoding else {})
    exchange.answered(200, 1.0)
    return made, exchange


def test_a_stream_that_cannot_be_decoded_ends_in_the_dialects_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, exchange = streaming(routed=True, encoding="gzip")
    stream = flows.Streamer(made, exchange, lambda: 2.0)
    out = b"".join(stream(b"\x00 this is no gzip" * 9))
    assert b"event: error" in out
    assert stream(b"") == [] and exchange.over
    assert "could not be translated" in caplog.text


def test_a_watched_stream_passes_even_if_it_cannot_be_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, exchange = streaming(routed=False, encoding="gzip")
    watch = flows.Watcher(made, exchange, lambda: 2.0)
    data = b"\x00 this is no gzip" * 9
    assert watch(data) == [data] and watch(data) == [data] and watch(b"") == []
    assert caplog.text.count("passes on unseen") == 1


def test_a_watched_stream_of_an_unknown_encoding_passes_too() -> None:
    made, exchange = streaming(routed=False, encoding="sdch")
    watch = flows.Watcher(made, exchange, lambda: 2.0)
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
