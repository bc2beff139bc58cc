"""A WebSocket that the bridge serves: each call over it is a stream of its own, like all others.

What comes and goes over it is shown where mitmproxy shows WebSockets, and each call as if it had
come over HTTP. Hard part: mitmproxy gives a stream's answer to the connection it came from. That
one speaks WebSocket by now, so what a call's stream would send there is made messages of.
"""

import logging
from collections.abc import Iterable
from time import time
from typing import TYPE_CHECKING, Any

from mitmproxy import http
from mitmproxy.connection import Connection
from mitmproxy.proxy.commands import CloseConnection
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import ConnectionClosed, DataReceived, Event, Start
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    GetHttpConnection,
    HttpEvent,
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
from mitmproxy.proxy.layers.websocket import (
    WebsocketEndHook,
    WebsocketMessageHook,
    WebsocketStartHook,
)
from mitmproxy.websocket import WebSocketMessage
from wsproto import events
from wsproto.connection import Connection as Wire
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.frame_protocol import CloseReason, Opcode

from ...websocket import Message, Socket, Turn
from .. import flows
from .stream import BridgeStream, Commands, Connect

if TYPE_CHECKING:
    from .connection import AppConnection

logger = logging.getLogger(__name__)

MAX_MESSAGE = 64 * 1024**2  # bytes
MAX_REASON = 100  # characters; a frame that closes has 123 bytes
MAX_SHOWN = 1_000  # messages that are kept to be looked at
GONE = "Client disconnected."


class ServedSocket(Layer):
    """In place of a server, behind the stream that has accepted it."""

    def __init__(
        self, stream: BridgeStream, app: "AppConnection", socket: Socket, opening: http.Request
    ) -> None:
        super().__init__(stream.context)
        self._app, self._socket, self._stream_id = app, socket, stream.stream_id
        self._flow, self._opening = stream.flow, opening
        self._wire = Wire(ConnectionType.SERVER)
        self._pieces: list[bytes] = []  # of the message that is coming
        self._calls: dict[int, CallStream] = {}
        self._over = False

    # --- what the app says

    def _handle_event(self, event: Event) -> Commands:
        match event:
            case Start():
                yield WebsocketStartHook(self._flow)
            case DataReceived():
                yield from self._came(event.data)
            case ConnectionClosed():
                yield from self._came(None)
            case _:  # what people put in by hand
                pass

    def _came(self, data: bytes | None) -> Commands:
        if self._over:
            return
        self._wire.receive_data(data)
        for event in self._wire.events():
            yield from self._heard(event)
            if self._over:
                return

    def _heard(self, event: events.Event) -> Commands:
        match event:
            case events.Message():
                yield from self._piece(event)
            case events.Ping():
                yield self._send(event.response())
            case events.CloseConnection() if self._wire.state is ConnectionState.OPEN:
                yield from self._close(event.code, event.reason or "")  # what came is no frame
            case events.CloseConnection():
                if self._wire.state is ConnectionState.REMOTE_CLOSING:
                    yield self._send(event.response())
                yield from self._end(int(event.code), event.reason or "", by_app=True)
            case _:  # a pong
                pass

    def _piece(self, event: events.Message[Any]) -> Commands:
        is_text = isinstance(event.data, str)
        self._pieces.append(event.data.encode() if is_text else bytes(event.data))
        if sum(map(len, self._pieces)) > MAX_MESSAGE:
            yield from self._close(CloseReason.MESSAGE_TOO_BIG, f"over {MAX_MESSAGE} bytes")
        elif event.message_finished:
            content, self._pieces = b"".join(self._pieces), []
            kind = Opcode.TEXT if is_text else Opcode.BINARY
            message = WebSocketMessage(kind, True, content)
            yield from self._show(message)
            if not message.dropped:
                yield from self.go_on(self._socket.receive(message.content, self._now()))

    # --- what it is told

    def go_on(self, made: Iterable[Turn | Message]) -> Commands:
        for each in made:
            if isinstance(each, Turn):
                self._begin(each)
            else:
                yield from self.say(each)

    def say(self, content: Message | None) -> Commands:
        """None: only that something is still to come."""
        if self._wire.state is not ConnectionState.OPEN:
            return
        if content is None:
            yield self._send(events.Ping())
            return
        message = WebSocketMessage(Opcode.TEXT, False, content)
        yield from self._show(message)
        if not message.dropped and self._wire.state is ConnectionState.OPEN:
            yield self._send(events.TextMessage(message.content.decode("utf-8", "replace")))

    def _send(self, event: events.Event) -> SendHttp:
        data = self._wire.send(event)
        return SendHttp(ResponseData(self._stream_id, data), self.context.client)

    def _show(self, message: WebSocketMessage) -> Commands:
        assert self._flow.websocket
        shown = self._flow.websocket.messages
        shown.append(message)
        del shown[:-MAX_SHOWN]
        yield WebsocketMessageHook(self._flow)

    # --- calls

    def _begin(self, turn: Turn) -> None:
        """As if it had come over HTTP; once what came here has been dealt with."""
        app, number = self._app, next(self._app.numbers)
        stream = CallStream(app.layer.context.fork(), number, app, self, turn)
        app.layer.streams[number] = self._calls[number] = stream
        request = flows.over_http(self._opening, turn.body)
        for event in (
            Start(),
            RequestHeaders(number, request, end_stream=False),
            RequestData(number, turn.body),
            RequestEndOfMessage(number),
        ):
            app.queue.append((stream, event))

    def ended(self, number: int, turn: Turn) -> Commands:
        if number in self._calls:
            yield from self.go_on(self._socket.ended(turn, self._now()))
            self._calls.pop(number, None)

    # --- the end

    def _close(self, code: int, reason: str) -> Commands:
        yield self._send(events.CloseConnection(code, reason[:MAX_REASON]))
        yield from self._end(int(code), reason, by_app=False)

    def _end(self, code: int, reason: str, *, by_app: bool) -> Commands:
        self._over = True
        for number, stream in self._calls.items():
            gone = RequestProtocolError(number, GONE, ErrorCode.CLIENT_DISCONNECTED)
            self._app.queue.append((stream, gone))
        self._calls = {}
        told = self._flow.websocket
        assert told
        told.timestamp_end, told.closed_by_client = time(), by_app
        told.close_code, told.close_reason = code, reason
        yield CloseConnection(self.context.client)
        yield WebsocketEndHook(self._flow)
        self._flow.live = False

    def _now(self) -> float:
        return self._app.asks.clock()


class CallStream(BridgeStream):
    """A call that came over a WebSocket; `number` is no app's, so mitmproxy's own are not hurt."""

    def __init__(
        self, context: Context, number: int, app: "AppConnection", socket: ServedSocket, turn: Turn
    ) -> None:
        super().__init__(context, number, app)
        self._socket, self._turn = socket, turn

    def _handle_event(self, event: Event) -> Commands:
        """The one net: an app waits for ever for an answer that has no end."""
        try:
            yield from self._hear(event)
        except Exception as error:
            logger.exception("bridge: a call over a WebSocket could not be handled")
            self._turn.answer = None
            yield from self._over(self._turn.broke(f"bridge: {error}"))

    def _hear(self, event: Event) -> Commands:
        """What it would send to the app's connection becomes messages; all else is as it is."""
        steps, answer = super()._handle_event(event), None
        while True:
            try:
                command = steps.send(answer)
            except StopIteration:
                return
            if isinstance(command, SendHttp) and command.connection is self.context.client:
                answer = None
                yield from self._tell(command.event)
            elif type(command) is GetHttpConnection:  # where mitmproxy goes on by itself
                answer = yield self._apart(command)
            else:
                answer = yield command

    def _opened(self) -> None:
        """Also where calls like it have become none of ours: the app hears of it here alone."""
        self._take_part()

    def _taken(self) -> set[Connection]:
        """Over an app's HTTP/1 connection mitmproxy expects one call at a time."""
        layer = self._app.layer
        streams = (each for each in layer.streams.values() if each is not self)
        used = {each.in_use for each in streams if isinstance(each, BridgeStream)}
        return {*filter(None, used), *layer.waiting_for_establishment}

    def _apart(self, asked: GetHttpConnection) -> Connect:
        """The same, but for a connection that no other call has."""
        self._app.forget_failures()
        made = Connect(asked.address, asked.tls, asked.via, asked.transport_protocol)
        made.blocking, made.avoided = True, self._taken()
        return made

    @property
    def in_use(self) -> Connection | None:
        server = self.context.server
        passes = self._exchange is None and server.connected and server.alpn != b"h2"
        return server if passes else super().in_use

    def _tell(self, event: HttpEvent) -> Commands:
        match event:
            case ResponseHeaders():
                status, headers = event.response.status_code, flows.headers_of(event.response)
                self._turn.begin(status, headers)
            case ResponseData():
                for message in self._turn.add(event.data):
                    yield from self._socket.say(message)
            case ResponseEndOfMessage():
                yield from self._over(self._turn.end())
            case ResponseProtocolError():
                yield from self._over(self._turn.broke(event.message))
            case _:  # trailers
                pass

    def _over(self, last: Iterable[Message | None]) -> Commands:
        for message in last:
            yield from self._socket.say(message)
        yield from self._socket.ended(self.stream_id, self._turn)
