"""One connection of an app: what its streams have in common, and how mitmproxy comes to make them.

Hard part: pieces that came in one read are to be translated together, and mitmproxy tells of each
by itself. So all that happens to the connection goes through here, and behind it the streams hear
that the read is over. One timer is enough for all of them, and unlike a stream's own it keeps no
call in memory that is over.
"""

from asyncio import Semaphore
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from math import inf

from mitmproxy import ctx, http
from mitmproxy.connection import Client, Connection, Server
from mitmproxy.proxy.commands import RequestWakeup
from mitmproxy.proxy.events import Event, Start, Wakeup
from mitmproxy.proxy.layer import Layer, NextLayer
from mitmproxy.proxy.layers.http import ErrorCode, HttpLayer, HttpStream, ResponseProtocolError

from ...steps import Driven
from ...websocket import Socket
from .socket import ServedSocket
from .stream import Alarm, BatchEnd, BridgeStream, Commands


class AppConnection:
    """What its streams have in common: the end of a read, a timer, and what became of upstreams."""

    def __init__(self, layer: HttpLayer, asks: "Resending") -> None:
        self.layer, self.asks = layer, asks
        self.numbers = count(-1, -1)  # of attempts; apps use others
        self.batches: set[BridgeStream] = set()  # those with something that came in this read
        self.lost: dict[Connection, str] = {}  # connections that ended under calls, and how
        self.silent: set[Connection] = set()  # connections on which calls waited in vain
        self.queue: deque[tuple[HttpStream, Event]] = deque()  # of calls that came otherwise
        self.wanted = inf  # when a stream wants to be woken
        self._alarm = inf  # when the next timer goes off
        self._timers: set[RequestWakeup] = set()

    def make_stream(self, stream_id: int) -> Commands:
        stream = BridgeStream(self.layer.context.fork(), stream_id, self)
        self.layer.streams[stream_id] = stream
        yield from self.layer.event_to_child(stream, Start())

    def serve(self, stream: BridgeStream) -> Layer | None:
        """What speaks WebSocket with an app that was promised one by us."""
        served = self.asks.socket_of(stream.flow)
        return ServedSocket(stream, self, *served) if served else None

    def take_part(self) -> None:
        """From now on, in what the connection does; before a call of ours there is no need to."""
        self.layer._handle_event = self._handle_event  # type: ignore[method-assign]

    def forget_failures(self) -> None:
        """mitmproxy never tries an address again that it once failed to reach for this app."""
        for connection in list(self.layer.connections):
            if isinstance(connection, Server) and connection.error:
                del self.layer.connections[connection]
        self.layer.context.server.error = None
        self.silent = {connection for connection in self.silent if connection.connected}

    def _handle_event(self, event: Event) -> Commands:
        if isinstance(event, Wakeup) and event.command in self._timers:
            self._timers.remove(event.command)
            yield from self._wake()
        else:
            yield from HttpLayer._handle_event(self.layer, event)
        while self.queue:
            yield from self.layer.event_to_child(*self.queue.popleft())
        while self.batches:
            yield from self.layer.event_to_child(self.batches.pop(), BatchEnd())
        while self.lost:
            yield from self._tell_queue(*self.lost.popitem())
        if self.wanted < self._alarm:
            yield self._timer()

    def _tell_queue(self, server: Connection, reason: str) -> Commands:
        """Of the end of their connection: over HTTP/2 mitmproxy tells only those it has sent."""
        for stream in set(self.layer.streams.values()):
            if isinstance(stream, BridgeStream) and (number := stream.attempt_at(server)):
                gone = ResponseProtocolError(number, reason, ErrorCode.GENERIC_SERVER_ERROR)
                yield from self.layer.event_to_child(stream, gone)

    def _wake(self) -> Commands:
        self.wanted = self._alarm = inf
        for stream in set(self.layer.streams.values()):
            if isinstance(stream, BridgeStream) and stream.is_waiting:
                yield from self.layer.event_to_child(stream, Alarm())

    def _timer(self) -> RequestWakeup:
        now = self.asks.clock()
        self._alarm = max(self.wanted, now + 0.001)
        timer = RequestWakeup(self._alarm - now)
        self._timers.add(timer)
        return timer


# To one address, for one connection of an app.
CONNECTIONS = 1000


@dataclass
class Resending:
    """Brings BridgeStreams into mitmproxy. What they ask the addon:"""

    is_ours: Callable[[http.HTTPFlow], object]
    exchange_of: Callable[[http.HTTPFlow], Driven | None]
    sends_first: Callable[[http.HTTPFlow], bool]  # a whole answer, before `response` is called
    clock: Callable[[], float]
    socket_of: Callable[[http.HTTPFlow], tuple[Socket, http.Request] | None]

    def use_in(self, nextlayer: NextLayer) -> None:
        """Let the HTTP layer in the stack to come, if there is one, make BridgeStreams."""
        # An addon comes before mitmproxy's own, which would decide after us.
        ctx.master.addons.get("nextlayer").next_layer(nextlayer)
        top: Layer | None = nextlayer.layer
        while top is not None:
            if type(top) is HttpLayer and "make_stream" not in vars(top):
                top.make_stream = AppConnection(top, self).make_stream  # type: ignore[method-assign]
            top = getattr(top, "child_layer", None)

    def widen(self, client: Client) -> None:
        """Let each call over this connection have a connection of its own to its upstream.

        mitmproxy allows five. An app that speaks HTTP/2 has one connection for all its calls, and
        to an upstream that speaks HTTP/1 each of them needs one: the sixth would wait for another
        to end.
        """
        if handler := ctx.master.addons.get("proxyserver").connections.get(client.id):
            handler.max_conns = defaultdict(lambda: Semaphore(CONNECTIONS))

    def hang_up(self, client: Client) -> None:
        """As if the connection were lost, at which apps begin anew."""
        if handler := ctx.master.addons.get("proxyserver").connections.get(client.id):
            handler.close_connection(client)

    def add_rows(self, rows: Iterable[http.HTTPFlow]) -> None:
        """Show flows that mitmproxy does not know, where it has a list of them."""
        if view := ctx.master.addons.get("view"):
            view.add(list(rows))
