"""mitmproxy's HTTP stream, taught to ask the next upstream when one cannot answer.

mitmproxy sends one request and hands on what comes. `BridgeStream` holds an answer back until its
exchange says that the app may have it, gives up on an upstream that fails before that, and sends
the next one the request the addon made. It does so for calls of ours alone; all other traffic takes
mitmproxy's own path. Hard part: what an abandoned upstream still says. Each attempt is a stream
with a number of its own, so what belongs to no attempt under way is told from what does.

This is the one module that reaches into mitmproxy's internals; `supported` tells whether they are
as it knows them.
"""

import logging
import time
from asyncio import Semaphore
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from inspect import getsource
from math import inf
from typing import Any

from mitmproxy import flow, http
from mitmproxy.connection import Connection, Server
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import (
    DropStream,
    ErrorCode,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpErrorHook,
    HttpLayer,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpStream,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
    SendHttp,
)
from mitmproxy.proxy.server import ConnectionHandler

from ..steps import WAIT, Again, Done, Driven, Say, Step, Wait
from . import flows
from .encoding import Decode, decoder

logger = logging.getLogger(__name__)

type Commands = layer.CommandGenerator[None]


@dataclass
class BridgeNextHook(commands.StartHook):
    """An attempt failed: the addon makes `flow.request` the next one, or ends the exchange."""

    flow: http.HTTPFlow


class _BatchEnd(events.Event):
    """What came in one read has all been told."""


class _Alarm(events.Event):
    """Time has passed."""


class _Connect(GetHttpConnection):
    """Does not stop the stream: time goes on while a connection is made."""

    blocking = False


@dataclass
class Calls:
    """What a stream asks the addon."""

    is_ours: Callable[[http.HTTPFlow], object]
    exchange_of: Callable[[http.HTTPFlow], Driven | None]
    clock: Callable[[], float]


class BridgeStream(HttpStream):
    """One request of an app and its answer, by way of as many attempts as it takes."""

    calls: Calls
    shared: "Shared"

    def __init__(self, context: Any, stream_id: int) -> None:
        super().__init__(context, stream_id)
        self._exchange: Driven | None = None
        self._attempt = stream_id  # the number of the attempt under way
        self._attempts = 0
        self._connecting: _Connect | None = None
        self._server: Connection | None = None  # that the attempt was sent to, until it is over
        self._response: http.Response | None = None  # of its upstream
        self._decode: Decode | None = None  # of its body
        self._streams = False  # it is taken piece by piece
        self._batch: list[bytes] = []  # pieces of it, all of one read
        self._begun = False  # the app has the head of a stream

    # --- what comes in

    def _handle_event(self, event: events.Event) -> Commands:
        if self._exchange is None:
            yield from super()._handle_event(event)
            if isinstance(event, RequestHeaders):
                self._opened()
        elif isinstance(event, _Alarm):
            yield from self._take(self._exchange.wake(self._now))
        elif isinstance(event, GetHttpConnectionCompleted):
            if event.command is self._connecting:
                yield from self._connected(*event.reply)
        elif isinstance(event, RequestProtocolError):
            yield from self._app_is_gone(event)
        elif isinstance(event, _BatchEnd):
            yield from self._take_batch()
        elif isinstance(event, _FROM_UPSTREAM):
            if not isinstance(event, ResponseData):
                yield from self._take_batch()
            if self._server is not None and event.stream_id == self._attempt:
                yield from self._answer(self._exchange, event)
        # else: of an attempt that was given up, or behind the end of the request

    def _opened(self) -> None:
        """All but a call of ours goes on as if we were not here."""
        if self.calls.is_ours(self.flow):
            self.shared.take_part()
        else:
            self.__class__ = HttpStream  # type: ignore[assignment]

    @property
    def _now(self) -> float:
        return self.calls.clock()

    def check_body_size(self, request: bool) -> layer.CommandGenerator[bool]:
        first = request and not self.request_body_buf
        if first and self.context.options.stream_large_bodies and self.calls.is_ours(self.flow):
            self.context.options = _WholeBodies(self.context.options)  # type: ignore[assignment]
        return (yield from super().check_body_size(request))

    def state_consume_request_body(self, event: events.Event) -> Commands:
        """At the end of the body of a call of ours the attempts begin."""
        if not isinstance(event, RequestEndOfMessage) or type(self) is HttpStream:
            # Not super(): the call may be none of ours.
            yield from HttpStream.state_consume_request_body(self, event)
            return
        self.flow.request.timestamp_end = time.time()
        self.flow.request.data.content = bytes(self.request_body_buf)
        self.request_body_buf.clear()
        self.client_state = self.state_done
        yield HttpRequestHook(self.flow)
        if (yield from self.check_killed(True)):
            return
        self._exchange = self.calls.exchange_of(self.flow)
        if self.flow.response:
            yield from self._reply()
        elif self._exchange is None:
            yield from self._pass_on()
        else:
            yield from self._connect()

    def _pass_on(self) -> Commands:
        """As mitmproxy does."""
        if not (yield from self.make_server_connection()):
            return
        content = self.flow.request.raw_content
        yield from self._send(self.context.server, content)

    def _send(self, server: Connection, content: bytes | None) -> Commands:
        number, request = self._attempt, self.flow.request
        rest = bool(content or request.trailers)
        yield SendHttp(RequestHeaders(number, request, not rest), server)
        if content:
            yield SendHttp(RequestData(number, content), server)
        if request.trailers:
            yield SendHttp(RequestTrailers(number, request.trailers), server)
        yield SendHttp(RequestEndOfMessage(number), server)

    # --- attempts

    def _connect(self) -> Commands:
        self._number_attempt()
        request, http_layer = self.flow.request, self._http
        self._forget_failed_connections(http_layer)
        self._connecting = connect = _Connect(
            (request.host, request.port),
            request.scheme == "https",
            self.flow.server_conn.via,
            self.flow.server_conn.transport_protocol,
        )
        http_layer.command_sources[connect] = self
        self._set_alarm()
        yield connect

    def _number_attempt(self) -> None:
        """The first has the number of the app's stream; the others have numbers no app uses."""
        if self._attempts:
            if self._attempt != self.stream_id:
                self._http.streams.pop(self._attempt, None)
            self._attempt = -(self.stream_id * 1000 + self._attempts)
            self._http.streams[self._attempt] = self
        self._attempts += 1
        self._streams = False
        self.response_body_buf.clear()

    @property
    def _http(self) -> HttpLayer:
        parent = self.context.layers[self.context.layers.index(self) - 1]
        assert isinstance(parent, HttpLayer)
        return parent

    @staticmethod
    def _forget_failed_connections(http_layer: HttpLayer) -> None:
        """mitmproxy never tries an address again that it once failed to reach for this app."""
        for connection in list(http_layer.connections):
            if isinstance(connection, Server) and connection.error:
                del http_layer.connections[connection]
        http_layer.context.server.error = None

    def _connected(self, server: Connection | None, error: str | None) -> Commands:
        self._connecting = None
        assert self._exchange
        if server is None:
            yield from self._take(self._exchange.lost(error or "no connection", self._now))
            return
        assert isinstance(server, Server)
        self._server = self.context.server = self.flow.server_conn = server
        yield from self._send(server, self.flow.request.raw_content)

    def _give_up(self) -> Commands:
        """Nothing that the attempt under way still says counts."""
        server, self._server, self._connecting = self._server, None, None
        self._batch = []
        if server is not None:
            gone = RequestProtocolError(self._attempt, "given up", ErrorCode.CANCEL)
            yield SendHttp(gone, server)

    def _answer(self, exchange: Driven, event: events.Event) -> Commands:
        """Something of the answer to the attempt under way."""
        match event:
            case ResponseData() if self._streams and not self._begun:
                # What came before a failure counts, so one is not hidden behind the other here.
                yield from self._take(self._net(self._taken, event.data))
            case ResponseData() if self._streams:
                if not self._batch:
                    self.shared.batches.append(self)
                self._batch.append(event.data)
            case ResponseHeaders():
                self._response = event.response
                headers = flows.headers_of(event.response)
                self._decode = decoder(event.response.headers.get("content-encoding", ""))
                self._streams = exchange.answered(event.response.status_code, headers, self._now)
                self._set_alarm()
            case ResponseData():
                self.response_body_buf += event.data
                exchange.received(self._now)
            case ResponseEndOfMessage():
                self._server = None
                yield from self._take(self._net(self._taken if self._streams else self._whole, b""))
            case ResponseProtocolError():
                self._server = None
                yield from self._take(self._net(exchange.lost, event.message, self._now))
            case _:  # trailers
                pass

    def _take_batch(self) -> Commands:
        """Events that came together are translated, and go out, together: each way has its cost."""
        if self._batch:
            data, self._batch = b"".join(self._batch), []
            yield from self._take(self._net(self._taken, data))

    def _taken(self, data: bytes) -> Step:
        assert self._exchange
        plain = self._decode(data) if self._decode else data
        return self._exchange.take(plain, self._now) if plain or not data else WAIT

    def _whole(self, _: bytes) -> Step:
        assert self._exchange
        assert self._response
        self._response.raw_content = bytes(self.response_body_buf)
        return self._exchange.whole(self._response.get_content(strict=False) or b"", self._now)

    def _net[**P](self, ask: Callable[P, Step], *args: P.args, **kwargs: P.kwargs) -> Step:
        """The one net: what goes wrong in here costs this attempt and nothing else."""
        assert self._exchange
        try:
            return ask(*args, **kwargs)
        except Exception as error:
            logger.exception("bridge: an answer could not be handled")
            return self._exchange.lost(f"bridge: {error}", self._now)

    # --- what goes out

    def _take(self, step: Step) -> Commands:
        match step:
            case Wait():
                self._set_alarm()
            case Say(pieces, over, again):
                yield from self._say(pieces, over=over)
                if again:
                    yield from self._next()
            case Done(reply):
                self.flow.response = flows.response(reply, self.flow, self._response)
                yield from self._give_up()
                yield from self._reply()
            case Again():
                yield from self._next()

    def _next(self) -> Commands:
        yield from self._give_up()
        yield BridgeNextHook(self.flow)
        if (yield from self.check_killed(True)):
            return
        assert self._exchange
        step = self._exchange.ending
        if step is None:
            yield from self._connect()
        else:
            yield from self._take(step)

    def _say(self, pieces: list[bytes], *, over: bool) -> Commands:
        if not self._begun:
            self._begun = True
            assert self._exchange
            self.flow.response = flows.head(self._exchange.head(self._now), self.flow)
            yield HttpResponseHeadersHook(self.flow)
            head = ResponseHeaders(self.stream_id, self.flow.response, end_stream=False)
            yield SendHttp(head, self.context.client)
        for piece in pieces:
            yield SendHttp(ResponseData(self.stream_id, piece), self.context.client)
        if over:
            yield from self._give_up()
            yield from self.send_response(already_streamed=True)
        else:
            self._set_alarm()

    def _reply(self) -> Commands:
        assert self.flow.response
        self.flow.response.timestamp_start = time.time()
        yield HttpResponseHeadersHook(self.flow)
        if not (yield from self.check_killed(True)):
            yield from self.send_response()

    def flow_done(self) -> Commands:
        if self._attempt != self.stream_id:
            yield DropStream(self._attempt)
        yield from super().flow_done()

    def _app_is_gone(self, event: RequestProtocolError) -> Commands:
        over = self.server_state == self.state_done
        yield from self._give_up()
        self.client_state = self.server_state = self.state_errored
        if not over:
            self.flow.error = flow.Error(event.message)
            yield HttpErrorHook(self.flow)
        self.flow.live = False
        yield DropStream(self._attempt)
        yield DropStream(self.stream_id)
        self._attempt = 0

    # --- time

    def _set_alarm(self) -> None:
        assert self._exchange
        self.shared.wanted = min(self.shared.wanted, self._exchange.wake_at())

    @property
    def is_waiting(self) -> bool:
        return self._exchange is not None


_FROM_UPSTREAM = (
    ResponseHeaders,
    ResponseData,
    ResponseTrailers,
    ResponseEndOfMessage,
    ResponseProtocolError,
)


class _WholeBodies:
    """mitmproxy's options for a call of ours: to be translated, its bodies have to be whole."""

    stream_large_bodies = None

    def __init__(self, options: Options) -> None:
        self._options = options

    def __getattr__(self, name: str) -> Any:
        return getattr(self._options, name)


# Digests of `_INTERNALS` that this module was tested with.
KNOWN = frozenset({"a78f49ecc8c7a135"})  # 12.0.1 to 12.3.1
_INTERNALS = (HttpStream, HttpLayer, GetHttpConnection, layer.Layer)
UNSUPPORTED = (
    "bridge: this version of mitmproxy is not known to the bridge. It works, but a call whose "
    "upstream fails gets the failure; only the next one goes to a backup."
)


def fingerprint() -> str:
    """A digest of the code of mitmproxy's that `BridgeStream` relies on."""
    source = "".join(getsource(internal) for internal in _INTERNALS)
    return sha256(source.encode()).hexdigest()[:16]


def is_supported() -> bool:
    return fingerprint() in KNOWN


# To one address, for one connection of an app.
CONNECTIONS = 1000


def widen(handler: ConnectionHandler | None) -> None:
    """Let each call over a connection of an app's have a connection of its own to its upstream.

    mitmproxy allows five. An app that speaks HTTP/2 has one connection for all its calls, and to
    an upstream that speaks HTTP/1 each of them needs one: the sixth would wait for another to end.
    """
    if handler:
        handler.max_conns = defaultdict(lambda: Semaphore(CONNECTIONS))


def use_bridge_streams(top: layer.Layer | None, calls: Calls) -> None:
    """Let the HTTP layer in the stack below `top`, if there is one, make BridgeStreams."""
    while top is not None:
        if type(top) is HttpLayer and "make_stream" not in vars(top):
            top.make_stream = Shared(top, calls).make_stream  # type: ignore[method-assign]
        top = getattr(top, "child_layer", None)


class Shared:
    """What the streams of one connection of an app have in common: the end of a read, and a timer.

    One timer is enough for all of them, and unlike a stream's own it keeps no call in memory that
    is over.
    """

    def __init__(self, http_layer: HttpLayer, calls: Calls) -> None:
        self._http, self._calls = http_layer, calls
        self._timers: set[commands.Command] = set()
        self._alarm = inf  # when the next of them goes off
        self.wanted = inf  # when a stream wants to be woken
        self.batches: list[BridgeStream] = []  # those with something that came in this read

    def make_stream(self, stream_id: int) -> Commands:
        stream = BridgeStream(self._http.context.fork(), stream_id)
        stream.calls, stream.shared = self._calls, self
        self._http.streams[stream_id] = stream
        yield from self._http.event_to_child(stream, events.Start())

    def take_part(self) -> None:
        """From now on, in what the connection does; before a call of ours there is no need to."""
        self._http._handle_event = self._handle_event  # type: ignore[method-assign]

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Wakeup) and event.command in self._timers:
            self._timers.remove(event.command)
            yield from self._wake()
        else:
            yield from HttpLayer._handle_event(self._http, event)
        while self.batches:
            yield from self._http.event_to_child(self.batches.pop(), _BatchEnd())
        if self.wanted < self._alarm:
            yield self._timer()

    def _wake(self) -> Commands:
        self.wanted = self._alarm = inf
        for stream in set(self._http.streams.values()):
            if isinstance(stream, BridgeStream) and stream.is_waiting:
                yield from self._http.event_to_child(stream, _Alarm())

    def _timer(self) -> commands.Command:
        now = self._calls.clock()
        self._alarm = max(self.wanted, now + 0.001)
        timer = commands.RequestWakeup(self._alarm - now)
        self._timers.add(timer)
        return timer
