"""What mitmproxy does around the layer of one connection of an app, without sockets."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any

from mitmproxy import http
from mitmproxy.addons.next_layer import NextLayer as NextLayerAddon
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import ConnectionState, Server
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import NextLayer
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.test import taddons, tflow

from bridge.mitm.layer import Resending
from tests.mitm.scripted import Scripted

REQUEST = (
    b"POST http://up.test/v1/messages HTTP/1.1\r\nHost: up.test\r\nContent-Length: 2\r\n\r\n{}"
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Wire:
    """Has sent `request`. A hook that is `held` ends when it is let go."""

    sends_first = False

    def __init__(
        self,
        exchange: Scripted | None,
        request: bytes = REQUEST,
        served: Callable[[http.HTTPFlow], Any] = lambda _: None,
    ) -> None:
        self.served = served
        options = Options()
        Proxyserver().load(options)
        self.now, self.held = 0.0, ""
        self.hooks: list[str] = []
        self.waiting: list[events.Event] = []
        self.servers: list[Server] = []
        self.closed: list[object] = []
        self.timers: list[commands.RequestWakeup] = []
        self.sent: defaultdict[object, bytes] = defaultdict(bytes)
        context = Context(tflow.tclient_conn(), options)
        next_layer = NextLayer(context)
        self.client, self.layer = context.client, HttpLayer(context, HTTPMode.regular)
        next_layer.layer = self.layer
        resending = Resending(
            lambda _: True,
            lambda _: exchange,
            lambda _: self.sends_first,
            lambda: self.now,
            self.served,
        )
        with taddons.context(NextLayerAddon()) as mitmproxy:
            resending.use_in(next_layer)
        mitmproxy.master._legacy_log_events.uninstall()  # it has no loop any more
        self.happens(events.Start())
        self.happens(events.DataReceived(self.client, request))

    def happens(self, event: events.Event) -> None:
        coming = deque([event])
        while coming:
            for command in self.layer.handle_event(coming.popleft()):
                coming.extend(self._do(command))

    def hook(self, flow: http.HTTPFlow, name: str) -> None:
        """What addons do."""

    def _do(self, command: commands.Command) -> Iterator[events.Event]:
        match command:
            case commands.SendData():
                self.sent[command.connection] += command.data
            case commands.OpenConnection():
                command.connection.state = ConnectionState.OPEN
                self.servers.append(command.connection)
                yield events.OpenConnectionCompleted(command, None)
            case commands.CloseConnection():
                command.connection.state = ConnectionState.CLOSED
                self.closed.append(command.connection)
            case commands.RequestWakeup():
                self.timers.append(command)
            case commands.StartHook():
                self.hooks.append(command.name)
                self.hook(command.args()[0], command.name)
                done = events.HookCompleted(command)
                yield from self._hold(done) if command.name == self.held else [done]

    def _hold(self, done: events.Event) -> Iterator[events.Event]:
        self.waiting.append(done)
        yield from ()

    def let_go(self) -> None:
        self.happens(self.waiting.pop())

    def says(self, server: Server, data: bytes) -> None:
        self.happens(events.DataReceived(server, data))

    def app_hangs_up(self) -> None:
        self.client.state = ConnectionState.CLOSED
        self.happens(events.ConnectionClosed(self.client))
