"""LLM Bridge, as mitmproxy sees it: `mitmdump -s addon.py`.

Hooks only: each looks whether the flow is an LLM call, asks the exchange kept for it, and assigns.
"""

import logging
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # `bridge` lies beside this file, wherever mitmproxy was started

from mitmproxy import connection, ctx, exceptions, http  # noqa: E402
from mitmproxy.addonmanager import Loader  # noqa: E402
from mitmproxy.proxy.layer import NextLayer  # noqa: E402

from bridge.aside import Aside  # noqa: E402
from bridge.config import ConfigError  # noqa: E402
from bridge.exchange import Exchange  # noqa: E402
from bridge.mitm import flows, layer  # noqa: E402
from bridge.mitm.commands import Commands  # noqa: E402
from bridge.mitm.runtime import Runtime, clock, installation_key  # noqa: E402
from bridge.outgoing import Outgoing  # noqa: E402
from bridge.steps import Done, Reply  # noqa: E402
from bridge.transform import Protocol  # noqa: E402
from bridge.watched import Watched  # noqa: E402


class Bridge:
    def __init__(self) -> None:
        self.runtime: Runtime | None = None
        # by flow id, while the flow lives
        self.exchanges: dict[str, Exchange] = {}
        self.asides: dict[str, Aside] = {}
        self.watched: dict[str, Watched] = {}
        self.started = False
        self.resends = layer.is_supported()
        self.calls = layer.Calls(self._is_ours, self._driven, clock)

    # --- life

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "bridge_config", str, "", "Configuration of LLM Bridge; default: beside addon.py."
        )
        # A dead host must fail after routing, not before.
        ctx.options.update(connection_strategy="lazy")
        if not self.resends:
            logging.warning(layer.UNSUPPORTED)

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
        if self.runtime:
            self.runtime.start()

    def done(self) -> None:
        self._replace(None)

    # --- traffic

    def client_connected(self, client: connection.Client) -> None:
        if self.resends:
            layer.widen(ctx.master.addons.get("proxyserver").connections.get(client.id))

    def next_layer(self, nextlayer: NextLayer) -> None:
        # This addon comes before mitmproxy's own, which would decide after us.
        ctx.master.addons.get("nextlayer").next_layer(nextlayer)
        if self.resends:
            layer.use_bridge_streams(nextlayer.layer, self.calls)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if self._is_ours(flow):
            flow.request.stream = False  # to be translated, a body has to be whole

    async def request(self, flow: http.HTTPFlow) -> None:
        if not self.runtime or not flows.is_untouched(flow):
            return
        protocol = self._protocol_of(flow)
        if protocol is None:
            await self._beside(flow, self.runtime)
            return
        call = flows.call_of(flow, protocol)
        opened = self.runtime.open(call, clock(), resends=self.resends)
        if isinstance(opened, Watched):
            self.watched[flow.id] = opened
            if opened.body is not call.body:
                flow.request.content = opened.body
            return
        await self._start(flow, opened)

    async def _start(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        self.exchanges[flow.id] = exchange
        await self._advance(flow, exchange)
        if isinstance(exchange.ending, Done):
            flow.response = flows.response(exchange.ending.reply, flow)

    async def _beside(self, flow: http.HTTPFlow, runtime: Runtime) -> None:
        side = flows.side_of(flow, runtime.config.intercept.covers)
        if side is None:
            return
        call = flows.call_of(flow, side.dialect)
        match runtime.beside(side, call, clock(), resends=self.resends):
            case Reply() as reply:
                flow.response = flows.response(reply, flow)
                flow.comment = f"{side.kind}: answered by the bridge"
            case Exchange() as exchange:
                await self._start(flow, exchange)
            case Aside() as aside:
                self.asides[flow.id] = aside
                flows.send(flow, aside.sent)
            case Outgoing() as sent:
                flows.send(flow, sent)

    async def bridge_next(self, flow: http.HTTPFlow) -> None:
        exchange = self.exchanges.get(flow.id)
        if exchange:
            flows.show_failed(flow, exchange)
            await self._advance(flow, exchange)

    async def _advance(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        assert self.runtime
        if sent := await self.runtime.advance(exchange):
            flows.send(flow, sent)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        watched = self.watched.get(flow.id)
        exchange = None if self.resends else self.exchanges.get(flow.id)
        if not watched and not exchange:
            return
        assert flow.response
        status, headers = flow.response.status_code, flows.headers_of(flow.response)
        if watched:
            if watched.answered(status, headers, clock()):
                flow.response.stream = flows.Watcher(flow, watched, clock)
        elif exchange and not exchange.trace.over:
            if exchange.answered(status, headers, clock()):
                flow.response.stream = flows.Streamer(flow, exchange, clock)

    def response(self, flow: http.HTTPFlow) -> None:
        assert flow.response
        if watched := self.watched.pop(flow.id, None):
            if not watched.trace.over:
                watched.whole(flows.reply_of(flow.response), clock())
            flows.show(flow, watched.trace)
        elif exchange := self.exchanges.pop(flow.id, None):
            if not exchange.trace.over:
                flows.reply_whole(flow, exchange, clock())
            flows.show(flow, exchange.trace)
            flows.hide_credential(flow, exchange)
            self._tell_losses(exchange)
        elif aside := self.asides.pop(flow.id, None):
            flows.end_aside(flow, aside, clock())

    def error(self, flow: http.HTTPFlow) -> None:
        self.asides.pop(flow.id, None)
        opened = self.watched.pop(flow.id, None) or self.exchanges.pop(flow.id, None)
        if opened:
            opened.broke(str(flow.error), clock(), cancelled=flows.client_is_gone(flow))
            flows.show(flow, opened.trace)
        if isinstance(opened, Exchange):
            flows.hide_credential(flow, opened)
            self._tell_losses(opened)

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

    def _driven(self, flow: http.HTTPFlow) -> Exchange | Aside | None:
        return self.exchanges.get(flow.id) or self.asides.get(flow.id)


bridge = Bridge()
addons = [bridge, Commands(lambda: bridge.runtime)]
