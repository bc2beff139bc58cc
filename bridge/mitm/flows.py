"""Flows in our words, and our words into flows."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import responses
from math import inf

from mitmproxy import ctx, http, tls
from mitmproxy.proxy.mode_specs import ReverseMode

from ..aside import Aside
from ..attempt import Failed
from ..call import Call, with_model
from ..credentials import hide, repeats, without
from ..endpoints import Side, side
from ..exchange import Exchange
from ..outgoing import Outgoing
from ..steps import Done, Reply, Say
from ..subprotocols import HEADER, as_headers
from ..trace import IN_COMMENT, Kept, Trace
from ..transform import Protocol, detect
from ..transform.headers import Headers
from ..watched import Watched
from .encoding import decoded, decoder
from .redact import hide_credentials

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
    return protocol if _is_ours(flow, covers) else None


def _is_ours(flow: http.HTTPFlow, covers: Callable[[str], bool]) -> bool:
    reverse = isinstance(flow.client_conn.proxy_mode, ReverseMode)
    return reverse or covers(flow.request.pretty_host)


def is_tunnelled(hello: tls.ClientHelloData, covers: Callable[[str], bool]) -> bool:
    """Whether an app's TLS connection is to stay between the app and its server.

    In transparent modes the address is a number, and the host is what the app says in its hello.
    """
    if isinstance(hello.context.client.proxy_mode, ReverseMode):
        return False
    address = hello.context.server.address
    hosts = (hello.client_hello.sni, address[0] if address else None)
    return not any(host and covers(host) for host in hosts)


# What paths of the endpoints beside a call have in them; all others are not even looked at.
SIDE_WORDS = ("/models", "/responses", "/count_tokens")


def side_of(flow: http.HTTPFlow, covers: Callable[[str], bool]) -> Side | None:
    """The endpoint beside a call that is asked for; None for all other traffic."""
    request, path = flow.request, flow.request.path
    if not any(word in path for word in SIDE_WORDS) or not _is_ours(flow, covers):
        return None
    headers = request.headers.items(multi=True)
    return side(request.method, path, headers, request.pretty_host)


def call_of(flow: http.HTTPFlow, protocol: Protocol) -> Call:
    """The app's request."""
    request = flow.request
    encoding = request.headers.get("content-encoding", "")
    return Call(
        protocol=protocol,
        scheme=request.scheme,
        host=request.pretty_host,
        port=request.port,
        path=request.path,
        headers=tuple(request.headers.items(multi=True)),
        body=with_model(decoded(request.raw_content or b"", encoding), request.path),
    )


def send(flow: http.HTTPFlow, outgoing: Outgoing) -> None:
    """Make the flow's request the one for the upstream."""
    request, upstream = flow.request, outgoing.upstream
    host = "host" if request.is_http2 else "Host"  # HTTP/2 has no capitals
    named = [(host, upstream.authority), *outgoing.headers]
    if outgoing.body:  # the headers say nothing of framing
        named.append(("content-length", str(len(outgoing.body))))
    if "close" in request.headers.get("connection", "").lower():
        named.append(("Connection", "close"))  # the app's: mitmproxy looks for it here in the end
    # Where there is a host header, mitmproxy makes it anew with each part of the address.
    request.headers, request.trailers = http.Headers(), None
    request.scheme = upstream.scheme
    request.host = upstream.host
    request.port = upstream.port
    if request.authority:
        request.authority = upstream.authority
    request.path = outgoing.path
    request.headers = _headers(named)
    request.raw_content = outgoing.body


def over_http(opening: http.Request, body: bytes) -> http.Request:
    """A call as an app would send it over HTTP that sent it over the WebSocket of `opening`."""
    request = opening.copy()
    request.method = "POST"
    kept = [(n, v) for n, v in opening.headers.items(multi=True) if not _is_of_sockets(n, v)]
    given = {name.lower() for name, _ in kept}
    told = as_headers(opening.headers.get(HEADER, ""))
    kept += [(name, value) for name, value in told if name not in given]
    framing = [("content-type", "application/json"), ("content-length", str(len(body)))]
    request.headers = _headers([*kept, *framing, ("accept-encoding", "identity")])
    request.timestamp_start = time.time()
    request.timestamp_end = None
    return request


FRAMING = ("connection", "upgrade", "content-type", "content-length", "accept-encoding")


def _is_of_sockets(name: str, value: str) -> bool:
    name = name.lower()
    framing = name in FRAMING
    asks = name == "openai-beta" and value.startswith("responses_websockets")
    return framing or asks or name.startswith("sec-websocket-")


# Headers that say that a body goes over the wire in another form.
CODED = ("content-encoding", "transfer-encoding")


def response(reply: Reply, flow: http.HTTPFlow, old: http.Response | None = None) -> http.Response:
    """The app's whole answer, in its version of HTTP.

    `old`, an upstream's, becomes it: to make one from nothing takes mitmproxy long.
    """
    made = old or http.Response.make()
    made.http_version = flow.request.http_version
    made.status_code = reply.status
    made.reason = responses.get(reply.status, "")
    made.trailers = None
    if any(name.lower() in CODED for name, _ in reply.headers):
        made.headers = _headers(reply.headers)
        made.content = reply.body
    else:
        length = [("content-length", str(len(reply.body)))] if reply.status >= 200 else []
        kept = [pair for pair in reply.headers if pair[0].lower() != "content-length"]
        made.headers, made.raw_content = _headers([*kept, *length]), reply.body
    return made


def head(reply: Reply, flow: http.HTTPFlow) -> http.Response:
    """What stands in front of a stream."""
    made = response(reply, flow)
    del made.headers["content-length"]
    made.raw_content = None
    if flow.request.is_http11:
        made.headers["transfer-encoding"] = "chunked"
    return made


def headers_of(message: http.Response) -> Headers:
    return list(message.headers.items(multi=True))


def reply_of(message: http.Response) -> Reply:
    """An upstream's whole answer, decoded from its content encoding."""
    body = message.get_content(strict=False) or b""
    return Reply(message.status_code, headers_of(message), body)


# --- for a driver that cannot hold an answer back: mitmproxy's own hooks


class Streamer:
    """Turns the upstream's stream into the app's, piece by piece.

    mitmproxy takes b"" from it for the end and an exception in it for an empty answer: so it gives
    lists only and lets nothing escape.
    """

    def __init__(self, flow: http.HTTPFlow, exchange: Exchange, clock: Callable[[], float]) -> None:
        assert flow.response
        self._exchange, self._clock = exchange, clock
        self._decode = decoder(flow.response.headers.get("content-encoding", ""))
        flow.response.headers = head(exchange.head(clock()), flow).headers

    def __call__(self, data: bytes) -> list[bytes]:
        try:
            plain = self._decode(data) if self._decode else data
            step = self._exchange.take(plain, self._clock()) if plain or not data else None
        except Exception as error:
            logger.exception("bridge: a stream could not be translated")
            step = self._exchange.lost(f"bridge: {error}", self._clock())
        return step.pieces if isinstance(step, Say) else []


class Watcher:
    """Hands every byte on and looks at it; where it cannot read, it stops looking.

    An answer that is no stream (`streams`) is looked at once it is whole.
    """

    def __init__(
        self,
        flow: http.HTTPFlow,
        watched: Watched,
        clock: Callable[[], float],
        *,
        streams: bool = True,
    ) -> None:
        assert flow.response
        self._watched, self._clock = watched, clock
        self._whole = None if streams else Reply(flow.response.status_code, [])
        self._decode = decoder(flow.response.headers.get("content-encoding", ""))

    def __call__(self, data: bytes) -> list[bytes]:
        try:
            plain = self._decode(data) if self._decode else b""
            if self._decode and (plain or not data):
                self._look(plain, end=not data)
        except Exception:
            logger.exception("bridge: a stream could not be read; it passes on unseen")
            self._decode = None
        return [data] if data else []

    def _look(self, plain: bytes, *, end: bool) -> None:
        if self._whole is None:
            self._watched.take(plain, self._clock())
            return
        self._whole = replace(self._whole, body=self._whole.body + plain)
        if end:
            self._watched.whole(self._whole, self._clock())


# Answers that may have no end, or none soon. mitmproxy would keep them until then.
ENDLESS = (
    "text/event-stream",
    "application/x-ndjson",  # Ollama's own API
    "application/stream+json",
    "application/vnd.amazon.eventstream",  # Bedrock
)


class Passed:
    """Hands on every byte of an answer that is no call's, and keeps the first to be shown."""

    def __init__(self) -> None:
        self._kept = Kept()

    def __call__(self, data: bytes) -> list[bytes]:
        self._kept.add(data)
        return [data] if data else []

    def content(self) -> bytes:
        return self._kept.content()


def let_through(flow: http.HTTPFlow) -> None:
    """Let an answer that comes bit by bit go on so; one that is read from a file has come."""
    assert flow.response
    kind = flow.response.headers.get("content-type", "").lower()
    changed = ctx.options.modify_body  # for that it has to be whole
    if flow.live and kind.startswith(ENDLESS) and not (flow.response.stream or changed):
        flow.response.stream = Passed()


def reply_whole(flow: http.HTTPFlow, exchange: Exchange, now: float) -> None:
    """Turn the upstream's whole answer into the app's."""
    assert flow.response
    step = exchange.whole(reply_of(flow.response).body, now)
    step = step if isinstance(step, Done) else exchange.exhausted(now)
    if isinstance(step, Done):
        flow.response = response(step.reply, flow)


def end_aside(flow: http.HTTPFlow, aside: Aside, now: float) -> None:
    """The answer of an endpoint beside the call, and what is shown of it."""
    assert flow.response
    if aside.wake_at() < inf:  # nobody has made the app's answer yet
        step = aside.whole(reply_of(flow.response).body, now)
        if isinstance(step, Done):
            flow.response = response(step.reply, flow)
    upstream = aside.sent.upstream.name
    flow.comment = f"{flow.request.path.rpartition('/')[2]} -> {upstream}"


def hide_keys(response: http.Response, sent: Outgoing) -> None:
    """A refusal may repeat the key that the bridge was let in with."""
    if response.status_code >= 300:
        content = response.get_content(strict=False) or b""
        if repeats(content, sent.keys):
            response.content = without(content, sent.keys)


# --- what people see


def client_is_gone(flow: http.HTTPFlow) -> bool:
    """Whether it was the app that hung up."""
    message = flow.error.msg if flow.error else ""
    return message.startswith(CLIENT_GONE) or not flow.client_conn.connected


def show_passed(flow: http.HTTPFlow) -> None:
    """What went through, of which mitmproxy has kept nothing."""
    if flow.response and isinstance(flow.response.stream, Passed):
        flow.response.raw_content = flow.response.stream.content()


def show(flow: http.HTTPFlow, trace: Trace) -> None:
    """What a call has to say, where mitmproxy shows and saves it."""
    flow.metadata["bridge"] = trace.metadata()
    flow.comment = trace.summary()
    flow.marked = trace.mark() or flow.marked
    if flow.response and flow.response.raw_content is None:  # streamed: mitmproxy kept nothing
        told, came = trace.bodies.client_response, trace.bodies.upstream_response
        _put(flow.response, told.content() or came.content())


def _put(message: http.Message, content: bytes) -> None:
    """Encoded, if its headers say so."""
    if any(name.lower() == b"content-encoding" for name, _ in message.headers.fields):
        message.content = content
    else:
        message.raw_content = content


def failed_rows(flow: http.HTTPFlow, exchange: Exchange) -> Iterator[http.HTTPFlow]:
    """The attempt that failed last, if it was sent at all, as a flow of its own."""
    failed = exchange.failed[-1] if exchange.failed else None
    if failed is not None and failed.sent is not None:
        yield _row(flow, failed, failed.sent, exchange)


def _row(flow: http.HTTPFlow, failed: Failed, sent: Outgoing, exchange: Exchange) -> http.HTTPFlow:
    """Marked, tied to the call it belongs to, and with what the app had sent."""
    credentials = exchange.trace.credentials
    client_request = hide(exchange.trace.bodies.client_request.text(), credentials)
    shown = http.HTTPFlow(flow.client_conn, flow.server_conn)
    shown.request = flow.request.copy()
    send(shown, sent)
    shown.request.headers = _headers([("Host", sent.upstream.authority), *sent.headers])
    if failed.status:
        shown.response = response(Reply(failed.status, failed.headers, failed.body), shown)
    hide_credentials(shown, credentials, credentials)
    reason = hide(failed.error.message, credentials)
    shown.comment = f"attempt of {flow.id}: {failed.label}: {reason[:IN_COMMENT]}"
    shown.marked = ":red_circle:"
    shown.metadata["bridge_attempt"] = {
        "of": flow.id,
        "upstream": failed.label,
        "client": exchange.call.protocol,
        "protocol": sent.upstream.protocol,
        "client_request": client_request,
    }
    return shown


def _headers(pairs: Headers) -> http.Headers:
    return http.Headers([(n.encode(), v.encode("utf-8", "surrogateescape")) for n, v in pairs])
