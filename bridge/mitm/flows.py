"""Flows in our words, and our words into flows."""

import logging
from collections.abc import Callable

from mitmproxy import http
from mitmproxy.net.http import status_codes
from mitmproxy.proxy.mode_specs import ReverseMode

from ..exchange import Call, Exchange, Outgoing, Reply
from ..transform import Protocol, detect
from ..transform.headers import Headers
from .encoding import decoder

logger = logging.getLogger(__name__)

# How mitmproxy words it when it was the app's side.
CLIENT_GONE = ("Client disconnected", "stream reset by client", "Connection killed")


def is_untouched(flow: http.HTTPFlow) -> bool:
    """Nobody has answered or ended it, and it is no replay of what we have handled before."""
    return flow.live and not flow.error and not flow.response and not flow.is_replay


def protocol_of(flow: http.HTTPFlow, covers: Callable[[str], bool]) -> Protocol | None:
    """The protocol of an LLM call; None for all other traffic.

    In reverse mode the app was pointed here on purpose, so every host is ours.
    """
    protocol = detect(flow.request.method, flow.request.path)
    if protocol is None:
        return None
    reverse = isinstance(flow.client_conn.proxy_mode, ReverseMode)
    return protocol if reverse or covers(flow.request.pretty_host) else None


def call_of(flow: http.HTTPFlow, protocol: Protocol) -> Call:
    """The app's request."""
    request = flow.request
    return Call(
        protocol=protocol,
        scheme=request.scheme,
        host=request.pretty_host,
        port=request.port,
        path=request.path,
        headers=tuple(request.headers.items(multi=True)),
        body=request.get_content(strict=False) or b"",
    )


def send(flow: http.HTTPFlow, outgoing: Outgoing) -> None:
    """Make the flow's request the one for the upstream."""
    request, upstream = flow.request, outgoing.upstream
    request.headers = _headers([("Host", upstream.host), *outgoing.headers])
    request.trailers = None
    request.scheme = upstream.scheme
    request.host, request.port = upstream.host, upstream.port  # these set the Host header as well
    request.path = outgoing.path
    request.content = outgoing.body


def reply(flow: http.HTTPFlow, answer: Reply) -> None:
    """Make the flow's response the app's answer."""
    response = flow.response
    if response is None:
        response = flow.response = http.Response.make(answer.status, answer.body)
    response.status_code = answer.status
    response.reason = status_codes.RESPONSES.get(answer.status, "")
    response.headers = _headers(answer.headers)
    response.trailers = None
    response.content = answer.body


def reply_whole(flow: http.HTTPFlow, exchange: Exchange, now: float) -> None:
    """Turn the upstream's whole answer into the app's."""
    response = flow.response
    assert response
    body = response.get_content(strict=False) or b""
    answer = exchange.whole(response.status_code, response_headers(flow), body, now)
    if answer.body is not body:
        reply(flow, answer)


class Streamer:
    """Turns the upstream's stream into the app's, piece by piece.

    mitmproxy takes b"" from it for the end and an exception in it for an empty answer: so it gives
    lists only and lets nothing escape.
    """

    def __init__(self, flow: http.HTTPFlow, exchange: Exchange, clock: Callable[[], float]) -> None:
        assert flow.response
        self._exchange, self._clock = exchange, clock
        self._decode = decoder(flow.response.headers.get("content-encoding", ""))
        chunked = [("transfer-encoding", "chunked")] if flow.request.is_http11 else []
        headers = exchange.reply_headers(response_headers(flow), "text/event-stream", clock())
        flow.response.headers = _headers([*headers, *chunked])

    def __call__(self, data: bytes) -> list[bytes]:
        try:
            plain = self._decode(data) if self._decode else data
            return self._exchange.stream(plain, self._clock()) if plain or not data else []
        except Exception as error:
            logger.exception("bridge: a stream could not be translated")
            return self._exchange.break_off(f"bridge: {error}", self._clock())


class Watcher:
    """Hands every byte on and looks at it; where it cannot read, it stops looking."""

    def __init__(self, flow: http.HTTPFlow, exchange: Exchange, clock: Callable[[], float]) -> None:
        assert flow.response
        self._exchange, self._clock = exchange, clock
        self._decode = decoder(flow.response.headers.get("content-encoding", ""))

    def __call__(self, data: bytes) -> list[bytes]:
        try:
            plain = self._decode(data) if self._decode else b""
            if self._decode and (plain or not data):
                self._exchange.stream(plain, self._clock())
        except Exception:
            logger.exception("bridge: a stream could not be read; it passes on unseen")
            self._decode = None
        return [data] if data else []


def client_is_gone(flow: http.HTTPFlow) -> bool:
    """Whether it was the app that hung up."""
    message = flow.error.msg if flow.error else ""
    return message.startswith(CLIENT_GONE) or not flow.client_conn.connected


def response_headers(flow: http.HTTPFlow) -> Headers:
    assert flow.response
    return list(flow.response.headers.items(multi=True))


def show(flow: http.HTTPFlow, exchange: Exchange) -> None:
    """What the exchange has to say, where mitmproxy shows and saves it."""
    flow.metadata["bridge"] = exchange.metadata()
    flow.comment = exchange.summary()
    flow.marked = exchange.mark() or flow.marked


def _headers(pairs: Headers) -> http.Headers:
    return http.Headers([(n.encode(), v.encode("utf-8", "surrogateescape")) for n, v in pairs])
