"""mitmproxy's HTTP stream, taught to ask the next upstream when one cannot answer.

mitmproxy sends one request and hands on what comes. `BridgeStream` holds an answer back until its
exchange says that the app may have it, gives up on an upstream that fails before that, and sends
the next one the request the addon made. It does so for calls of ours alone; all other traffic takes
mitmproxy's own path. Hard part: what an abandoned upstream still says. Each attempt is a stream
with a number of its own, and mitmproxy drops what belongs to a number it does not know any more.
"""

import time
from collections.abc import Collection, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mitmproxy import flow, http
from mitmproxy.connection import Connection, Server
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import Event, Start
from mitmproxy.proxy.layers.http import (
    DropStream,
    ErrorCode,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpErrorHook,
    HttpEvent,
    HttpResponseHeadersHook,
    HttpStream,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    SendHttp,
)

from ...steps import Again, Cut, Done, Driven, Open, Say, Step, Wait
from .. import flows
from ..answer import Answer

if TYPE_CHECKING:
    from .connection import AppConnection

type Commands = Generator[Any, Any, None]


@dataclass
class BridgeNextHook(StartHook):
    """An attempt failed: the addon makes `flow.request` the next one, or ends the exchange."""

    flow: http.HTTPFlow


class BatchEnd(Event):
    """What came in one read has all been told."""


class Alarm(Event):
    """Time has passed."""


class Connect(GetHttpConnection):
    """Does not stop the stream: time goes on while a connection is made."""

    blocking = False
    avoided: Collection[Connection] = ()

    def connection_spec_matches(self, connection: Connection) -> bool:
        return connection not in self.avoided and super().connection_spec_matches(connection)


# How mitmproxy words a reset over HTTP/2, whoever sent it.
RESET, UPSTREAM_RESET = "stream reset by client", "stream reset by the upstream"


class BridgeStream(HttpStream):
    """One request of an app and its answer, by way of as many attempts as it takes."""

    def __init__(self, context: Context, stream_id: int, app: "AppConnection") -> None:
        super().__init__(context, stream_id)
        self._app, self._clock = app, app.asks.clock
        self._exchange: Driven | None = None
        self._connecting: Connect | None = None
        self._attempt: int | None = None  # the number of the one that was sent, until it is over
        self._answer: Answer | None = None  # to the attempt that was sent last
        self._begun = False  # the app has the head of a stream

    # --- what comes in

    def _handle_event(self, event: Event) -> Commands:
        if isinstance(event, ResponseProtocolError):
            event.message = event.message.replace(RESET, UPSTREAM_RESET)
        if self._exchange is None:
            yield from super()._handle_event(event)
            if isinstance(event, RequestHeaders):
                self._opened()
        elif isinstance(event, HttpEvent):
            if isinstance(event, RequestProtocolError):
                yield from self._app_is_gone(event.message)
            elif self._answer and event.stream_id == self._attempt:
                yield from self._heard(self._answer, event)
            # else: of an attempt that was given up while this event waited
        elif isinstance(event, BatchEnd):
            if self._answer and self._attempt:
                yield from self._read(self._answer)
        elif isinstance(event, Alarm):
            yield from self._wake(self._exchange.wake(self._clock()))
        elif isinstance(event, GetHttpConnectionCompleted) and event.command is self._connecting:
            yield from self._connected(*event.reply)

    def _opened(self) -> None:
        """All but a call of ours goes on as if we were not here."""
        if self._app.asks.is_ours(self.flow):
            self._take_part()
        else:
            self.__class__ = HttpStream  # type: ignore[assignment]

    def _take_part(self) -> None:
        self.context.options = _WholeBodies(self.context.options)  # type: ignore[assignment]
        self._app.take_part()

    def make_server_connection(self) -> Generator[Any, Any, bool]:
        """What mitmproxy does once it has asked the addons; False ends what it does by itself."""
        self._exchange = self._app.asks.exchange_of(self.flow)
        if self._exchange is None:
            return (yield from super().make_server_connection())
        yield from self._connect()
        return False

    # --- attempts

    def _connect(self) -> Commands:
        request, server = self.flow.request, self.flow.server_conn
        self._app.forget_failures()
        address, tls = (request.host, request.port), request.scheme == "https"
        connect = Connect(address, tls, server.via, server.transport_protocol)
        connect.avoided = self._app.silent | self._taken()
        self._connecting = connect
        self._app.layer.command_sources[connect] = self
        self._set_alarm()
        yield connect

    def _taken(self) -> set[Connection]:
        """Connections that others are using; mitmproxy knows of that where apps come over HTTP."""
        return set()

    def _connected(self, server: Connection | None, error: str | None) -> Commands:
        self._connecting = None
        assert self._exchange
        if server is None:
            yield from self._follow(self._exchange.lost(error or "no connection", self._clock()))
            return
        assert isinstance(server, Server)
        self.context.server = self.flow.server_conn = server
        yield from self._send(server, self._exchange)

    def _send(self, server: Server, exchange: Driven) -> Commands:
        request, content = self.flow.request, self.flow.request.raw_content
        # What follows on a WebSocket comes and goes under the number of the app's stream.
        number = self.stream_id if "upgrade" in request.headers else next(self._app.numbers)
        self._attempt, self._app.layer.streams[number] = number, self
        self._answer = Answer(exchange, self._clock)
        yield SendHttp(RequestHeaders(number, request, end_stream=not content), server)
        if content:
            yield SendHttp(RequestData(number, content), server)
        yield SendHttp(RequestEndOfMessage(number), server)

    def _end_attempt(self) -> int | None:
        """Nothing that the one under way, if one is, still says counts."""
        number, self._attempt, self._connecting = self._attempt, None, None
        if number is not None and number != self.stream_id:
            self._app.layer.streams.pop(number, None)
        return number

    def _give_up(self) -> Commands:
        number = self._end_attempt()
        if number is not None:
            gone = RequestProtocolError(number, "given up", ErrorCode.CANCEL)
            yield SendHttp(gone, self.context.server)

    def _heard(self, answer: Answer, event: HttpEvent) -> Commands:
        """Something of the answer to the attempt under way."""
        if isinstance(event, ResponseData):
            answer.add(event.data)
            if answer.streams and self._begun:
                self._app.batches.add(self)
            elif answer.streams:
                # What came before a failure counts, so one is not hidden behind the other here.
                yield from self._read(answer)
            return
        yield from self._read(answer)
        if event.stream_id != self._attempt:
            return  # what was read has ended it
        match event:
            case ResponseHeaders():
                answer.begin(event.response)
                self._set_alarm()
            case ResponseEndOfMessage():
                self._end_attempt()
                yield from self._follow(answer.end())
            case ResponseProtocolError():
                self._end_attempt()
                if not self.context.server.connected:
                    self._app.lost[self.context.server] = event.message
                yield from self._follow(answer.break_off(event.message))
            case _:  # trailers
                pass

    def _read(self, answer: Answer) -> Commands:
        if step := answer.read():
            yield from self._follow(step)

    # --- what goes out

    def _follow(self, step: Step) -> Commands:
        match step:
            case Wait():
                self._set_alarm()
            case Say(pieces, over, again):
                yield from self._say(pieces, over=over)
                if again:
                    yield from self._next()
            case Done(reply):
                old = self._answer.head if self._answer else None
                self.flow.response = flows.response(reply, self.flow, old)
                yield from self._give_up()
                yield from self._reply()
            case Again():
                yield from self._next()
            case Cut(pieces):
                if pieces:
                    yield from self._say(pieces, over=False)
                yield from self._cut("the answer was cut")
            case Open():
                yield from self._open()

    def _open(self) -> Commands:
        """From here on mitmproxy goes on by itself."""
        assert self._answer and self._answer.head
        self._exchange = None
        head = ResponseHeaders(self.stream_id, self._answer.head, end_stream=True)
        yield from super()._handle_event(head)
        yield from super()._handle_event(ResponseEndOfMessage(self.stream_id))

    def _next(self) -> Commands:
        yield from self._give_up()
        yield BridgeNextHook(self.flow)
        if (yield from self.check_killed(True)):
            return
        assert self._exchange
        step = self._exchange.ending
        yield from self._connect() if step is None else self._follow(step)

    def _say(self, pieces: list[bytes], *, over: bool) -> Commands:
        if not self._begun:
            yield from self._say_head()
        for piece in pieces:
            yield SendHttp(ResponseData(self.stream_id, piece), self.context.client)
        if over:
            yield from self._give_up()
            yield from self.send_response(already_streamed=True)
        else:
            self._set_alarm()

    def _say_head(self) -> Commands:
        self._begun = True
        assert self._exchange
        self.flow.response = flows.head(self._exchange.head(self._clock()), self.flow)
        yield HttpResponseHeadersHook(self.flow)
        head = ResponseHeaders(self.stream_id, self.flow.response, end_stream=False)
        yield SendHttp(head, self.context.client)

    def _reply(self) -> Commands:
        assert self.flow.response
        self.flow.response.timestamp_start = time.time()
        yield HttpResponseHeadersHook(self.flow)
        if (yield from self.check_killed(True)):
            return
        yield from self.send_response()

    def send_response(self, already_streamed: bool = False) -> Commands:
        """Also what an addon answers at once."""
        first = not already_streamed and self._app.asks.sends_first(self.flow)
        if first and self.flow.response:
            yield from self._send_whole(self.flow.response)
        yield from super().send_response(already_streamed or first)

    def flow_done(self) -> Commands:
        """What the app sends from now on may be WebSocket."""
        assert self.flow.response
        socket = self._app.serve(self) if self.flow.response.status_code == 101 else None
        if socket is None:
            yield from super().flow_done()
            return
        self.child_layer = socket
        self._handle_event = self.passthrough  # type: ignore[method-assign]
        yield from socket.handle_event(Start())
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

    def _send_whole(self, response: http.Response) -> Commands:
        """Before addons learn of it, who may change what is kept of it."""
        content = response.raw_content
        yield SendHttp(ResponseHeaders(self.stream_id, response, not content), self.context.client)
        if content:
            yield SendHttp(ResponseData(self.stream_id, content), self.context.client)

    def _cut(self, reason: str) -> Commands:
        """As if the app's connection were lost; over HTTP/2, this stream of it."""
        gone = ResponseProtocolError(self.stream_id, reason, ErrorCode.KILL)
        yield SendHttp(gone, self.context.client)
        yield from self._app_is_gone(reason)

    def _app_is_gone(self, reason: str) -> Commands:
        told = not self.is_waiting
        yield from self._give_up()
        self.client_state = self.server_state = self.state_errored
        if not told:
            self.flow.error = flow.Error(reason)
            yield HttpErrorHook(self.flow)
        self.flow.live = False
        yield DropStream(self.stream_id)

    # --- time

    def _wake(self, step: Step) -> Commands:
        """A connection that has brought nothing in time, and may be dead, is not used again."""
        goes_on = isinstance(step, Wait) or (isinstance(step, Say) and not step.over)
        if self._attempt and not goes_on:
            self._app.silent.add(self.context.server)
        yield from self._follow(step)

    def _set_alarm(self) -> None:
        assert self._exchange
        self._app.wanted = min(self._app.wanted, self._exchange.wake_at())

    def attempt_at(self, server: Connection) -> int | None:
        return self._attempt if self.context.server is server else None

    @property
    def in_use(self) -> Connection | None:
        """The connection to an upstream that no other call can have."""
        server = self.context.server
        return server if self._attempt and server.alpn != b"h2" else None

    @property
    def is_waiting(self) -> bool:
        """For more of an exchange; not over, for whatever reason."""
        waits = self.server_state == self.state_wait_for_response_headers
        return self._exchange is not None and waits


class _WholeBodies:
    """mitmproxy's options for a call of ours: to be translated, its bodies have to be whole."""

    stream_large_bodies = None

    def __init__(self, options: Any) -> None:
        self._options = options

    def __getattr__(self, name: str) -> Any:
        return getattr(self._options, name)
