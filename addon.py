"""LLM Bridge, as mitmproxy sees it: `mitmdump -s addon.py`.

Hooks only: each looks whether the flow is an LLM call, asks the exchange kept for it, and assigns.
"""

import sys
from http import HTTPStatus
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # `bridge` lies beside this file, wherever mitmproxy was started

from mitmproxy import connection, ctx, exceptions, http, tls  # noqa: E402
from mitmproxy.addonmanager import Loader  # noqa: E402
from mitmproxy.proxy.layer import NextLayer  # noqa: E402

from bridge.aside import NO_SOCKET, Aside  # noqa: E402
from bridge.config import ConfigError  # noqa: E402
from bridge.exchange import Exchange  # noqa: E402
from bridge.handshake import Handshake  # noqa: E402
from bridge.mitm import flows, redact, versions, views, web  # noqa: E402
from bridge.mitm.captured import Captured  # noqa: E402
from bridge.mitm.commands import Commands  # noqa: E402
from bridge.mitm.inject import Injections  # noqa: E402
from bridge.mitm.origin import Origins  # noqa: E402
from bridge.mitm.replay import Replays  # noqa: E402
from bridge.mitm.runtime import Runtime, clock, installation_key  # noqa: E402
from bridge.mitm.shadows import Shadows  # noqa: E402
from bridge.mitm.sockets import Sockets  # noqa: E402
from bridge.outgoing import Outgoing  # noqa: E402
from bridge.steps import Done, Driven, Reply  # noqa: E402
from bridge.transform import Protocol  # noqa: E402
from bridge.watched import Watched  # noqa: E402


class Bridge:
    def __init__(self) -> None:
        self.runtime: Runtime | None = None
        # by flow id, while the flow lives
        self.exchanges: dict[str, Exchange] = {}
        self.asides: dict[str, Aside] = {}
        self.watched: dict[str, Watched] = {}
        self.sent: dict[str, Outgoing] = {}  # whose answer passes as it is
        self.started = False
        make = versions.resending()
        self.sockets = Sockets(lambda: self.runtime, clock, self._hang_up)
        self.resending = (
            make(self._is_ours, self._driven, self._hides, clock, self.sockets.served)
            if make
            else None
        )
        self.injections = Injections(clock, drives=bool(make))
        self.origins = Origins()
        self.replays = Replays(self.exchanges.get, clock)
        self.shadows = Shadows(self.replays, clock)
        self.last = Last(self)
        self.site = web.Site(lambda: self.runtime, clock)

    # --- life

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "bridge_config", str, "", "Configuration of LLM Bridge; default: beside addon.py."
        )
        views.register()
        # No addons of their own: mitmproxy asks each of them at every event.
        for commands in (
            Commands(lambda: self.runtime),
            Captured(lambda: self.runtime, self.origins, self.replays),
            self.injections,
        ):
            ctx.master.commands.collect_commands(commands)
        # A dead host must fail after routing, not before.
        ctx.options.update(connection_strategy="lazy")

    def configure(self, updated: set[str]) -> None:
        if "bridge_config" not in updated:
            return
        path = Path(ctx.options.bridge_config or HERE / "config.yaml").expanduser()
        try:
            runtime = Runtime(path, installation_key(Path(ctx.options.confdir).expanduser()))
        except ConfigError as error:
            raise exceptions.OptionsError(str(error)) from None
        self._replace(runtime)

    def _replace(self, runtime: Runtime | None) -> None:
        if self.runtime and self.started:
            self.runtime.stop()
        self.runtime = runtime
        if runtime and self.started:
            runtime.start()

    def running(self) -> None:
        self.started = True
        self.site.serve()
        ctx.master.addons.add(self.last)
        if self.runtime:
            self.runtime.start()

    def done(self) -> None:
        ctx.master.addons.remove(self.last)
        self.replays.stop()
        if ctx.master.should_exit.is_set():  # else this file was only changed, and calls go on
            self._close()
        self._replace(None)

    def _close(self) -> None:
        """What is under way is saved now, as it is."""
        for flow in self.origins.live():
            opened = self.watched.get(flow.id) or self.exchanges.get(flow.id)
            if opened and not opened.trace.over:
                opened.broke("bridge: the proxy was stopped", clock(), cancelled=False)
                flows.show(flow, opened.trace)
            self.sockets.ended(flow)
            self.origins.hide(flow)
            if self._masks():
                redact.mask_flow(flow)

    # --- traffic

    def client_connected(self, client: connection.Client) -> None:
        if self.resending:
            self.resending.widen(client)

    def client_disconnected(self, client: connection.Client) -> None:
        if self.runtime:
            self.runtime.doctor.left(client)

    def next_layer(self, nextlayer: NextLayer) -> None:
        if self.resending:
            self.resending.use_in(nextlayer)

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        intercept = self.runtime and self.runtime.config.intercept
        if not intercept or not intercept.only or data.client_hello.sni == web.HOST:
            return
        if self.runtime and flows.is_tunnelled(data, intercept.covers):
            data.ignore_connection = True
            self.runtime.doctor.left_alone(data)

    def tls_failed_client(self, data: tls.TlsData) -> None:
        if self.runtime:
            self.runtime.doctor.tls_failed(data)

    def tls_established_client(self, data: tls.TlsData) -> None:
        if self.runtime:
            self.runtime.doctor.tls_established(data)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if self.runtime and self.runtime.doctor.listens:
            self.runtime.doctor.spoke(flow.client_conn)
        if flow.request.stream and self._is_ours(flow):
            flow.request.stream = False  # to be translated, a body has to be whole

    async def request(self, flow: http.HTTPFlow) -> None:
        if web.is_site(flow):
            await self.site.through_proxy(flow)

    async def translate(self, flow: http.HTTPFlow) -> None:
        if self.runtime and (trial := self.replays.trial(flow)):
            exchange = trial.exchange(self.runtime, clock())
            self.origins.keep(flow, exchange.call)
            await self._start(flow, exchange)
            return
        if not self.runtime or not flows.is_untouched(flow):
            return
        protocol = self._protocol_of(flow)
        if protocol is None:
            self.runtime.doctor.passed(flow)
            await self._beside(flow, self.runtime)
            return
        self.runtime.doctor.called(flow)
        call = flows.call_of(flow, protocol)
        self.origins.keep(flow, call)
        fault = self.injections.take(flow)
        if fault and self.injections.answered(flow, call, fault):
            return
        opened = self.runtime.open(call, clock(), resends=bool(self.resending))
        if fault:
            self.injections.change(flow, call, opened, fault)
        self.shadows.begin(flow, call, self.runtime)
        if isinstance(opened, Watched):
            if not fault:
                self.watched[flow.id] = opened
                self.runtime.began(flow.id, opened.trace)
            if opened.body is not call.body:
                flow.request.content = opened.body
            return
        await self._start(flow, opened)

    async def _start(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        assert self.runtime
        self.exchanges[flow.id] = exchange
        self.runtime.began(flow.id, exchange.trace)
        await self._advance(flow, exchange)
        if isinstance(exchange.ending, Done):
            flow.response = flows.response(exchange.ending.reply, flow)

    async def _beside(self, flow: http.HTTPFlow, runtime: Runtime) -> None:
        side = flows.side_of(flow, runtime.config.intercept.covers)
        if side is None:
            return
        call = flows.call_of(flow, side.dialect)
        opened = runtime.beside(side, call, clock(), resends=bool(self.resending))
        if side.kind == "socket" and not isinstance(opened, Exchange | Aside):
            self.sockets.asked(flow, call, opened)
            runtime.doctor.asked_upgrade(flow)
        # Of a call that is made another one, such as one for a summary, that one is told.
        self.origins.keep(flow, opened.call if isinstance(opened, Exchange) else call)
        match opened:
            case Reply() as reply:
                flow.response = flows.response(reply, flow)
                flow.comment = f"{side.kind}: answered by the bridge"
                if reply.status == HTTPStatus.UPGRADE_REQUIRED:
                    runtime.doctor.refused_upgrade(flow)
            case Exchange() as exchange:
                await self._start(flow, exchange)
            case Aside() as aside:
                self.asides[flow.id] = aside
                flows.send(flow, aside.sent)
            case Handshake(sent=sent):
                flows.send(flow, sent)
            case Outgoing() as sent:
                self.sent[flow.id] = sent
                flow.comment = f"{side.kind} -> {sent.upstream.name}"
                flows.send(flow, sent)

    async def bridge_next(self, flow: http.HTTPFlow) -> None:
        exchange = self.exchanges.get(flow.id)
        if exchange:
            if self.resending:
                rows = list(flows.failed_rows(flow, exchange))
                for row in rows if self._masks() else ():
                    redact.mask_flow(row)
                self.resending.add_rows(rows)
            await self._advance(flow, exchange)

    async def _advance(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        assert self.runtime
        if sent := await self.runtime.advance(exchange):
            flows.send(flow, sent)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        watched = self.watched.get(flow.id)
        driven = self.resending and not self.replays.trial(flow)
        exchange = None if driven else self.exchanges.get(flow.id)
        assert flow.response
        if not (watched or exchange or self._driven(flow) or web.is_site(flow)):
            flows.let_through(flow)
        status, headers = flow.response.status_code, flows.headers_of(flow.response)
        if watched:
            streams = watched.answered(status, headers, clock())
            if streams or status >= 300 or self._hides(flow):  # refusals may repeat a key
                flow.response.stream = flows.Watcher(flow, watched, clock, streams=streams)
        elif exchange and not exchange.trace.over:
            if exchange.answered(status, headers, clock()):
                flow.response.stream = flows.Streamer(flow, exchange, clock)

    def response(self, flow: http.HTTPFlow) -> None:
        if web.is_site(flow):
            web.forget(flow)
            return
        assert flow.response
        if watched := self.watched.pop(flow.id, None):
            if not watched.trace.over:
                watched.whole(flows.reply_of(flow.response), clock())
            flows.show(flow, watched.trace)
        elif exchange := self.exchanges.pop(flow.id, None):
            if not exchange.trace.over:
                flows.reply_whole(flow, exchange, clock())
            flows.show(flow, exchange.trace)
            self._tell_losses(exchange)
        elif aside := self.asides.pop(flow.id, None):
            flows.end_aside(flow, aside, clock())
        elif sent := self.sent.pop(flow.id, None):
            flows.hide_keys(flow.response, sent)
        elif self.sockets.answered(flow):
            flow.response = flows.response(NO_SOCKET, flow)
            if self.runtime:
                self.runtime.doctor.refused_upgrade(flow)
        self._told(flow)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        self.sockets.message(flow)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        self.sockets.ended(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self.asides.pop(flow.id, None)
        self.sent.pop(flow.id, None)
        self.sockets.broke(flow)
        opened = self.watched.pop(flow.id, None) or self.exchanges.pop(flow.id, None)
        if isinstance(opened, Exchange):
            self.replays.broke(flow, opened)
        if opened:
            opened.broke(str(flow.error), clock(), cancelled=flows.client_is_gone(flow))
            flows.show(flow, opened.trace)
        if isinstance(opened, Exchange):
            self._tell_losses(opened)
        self._told(flow)

    def _told(self, flow: http.HTTPFlow) -> None:
        """To whoever adds something to the record of a flow that is over, or takes it out."""
        flows.show_passed(flow)
        sent = bool(self.resending or self.replays.trial(flow) or _streamed(flow))
        self.injections.end(flow)
        self.replays.end(flow)
        self.shadows.end(flow)
        self.origins.hide(flow, answer=sent)
        if self._masks() and self.origins.knows(flow):
            redact.mask_flow(flow, answer=sent)
        if self.runtime and (record := flow.metadata.get("bridge")):
            self.runtime.ended(flow.id, record)

    def _tell_losses(self, exchange: Exchange) -> None:
        if self.runtime:
            self.runtime.tell_losses(exchange.trace)

    def _protocol_of(self, flow: http.HTTPFlow) -> Protocol | None:
        return (
            flows.protocol_of(flow, self.runtime.config.intercept.covers) if self.runtime else None
        )

    def _is_ours(self, flow: http.HTTPFlow) -> bool:
        if self.runtime is None:
            return False
        covers = self.runtime.config.intercept.covers
        return (flows.protocol_of(flow, covers) or flows.side_of(flow, covers)) is not None

    def _hides(self, flow: http.HTTPFlow) -> bool:
        """Whether something is to be taken out of its bodies."""
        return self._masks() or self.origins.hides(flow)

    def _masks(self) -> bool:
        return self.runtime is not None and self.runtime.config.mask

    def _hang_up(self, client: connection.Client) -> None:
        if self.resending:
            self.resending.hang_up(client)

    def _driven(self, flow: http.HTTPFlow) -> Driven | None:
        injected = self.injections.of(flow)
        opened = self.exchanges.get(flow.id) or self.asides.get(flow.id)
        return injected or opened or self.sockets.handshake(flow)


def _streamed(flow: http.HTTPFlow) -> bool:
    return flow.response is not None and bool(flow.response.stream)


class Last:
    """Behind all other addons: a request is translated as they, or a person, have left it."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge

    async def request(self, flow: http.HTTPFlow) -> None:
        await flow.wait_for_resume()  # a breakpoint was set in this same hook
        await self.bridge.translate(flow)


addons = [Bridge()]
