"""LLM Bridge, as mitmproxy sees it: `mitmdump -s addon.py`.

Hooks only: each looks whether the flow is an LLM call, asks the exchange kept for it, and assigns.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # `bridge` lies beside this file, wherever mitmproxy was started

from mitmproxy import ctx, exceptions, http  # noqa: E402
from mitmproxy.addonmanager import Loader  # noqa: E402
from mitmproxy.proxy.layer import NextLayer  # noqa: E402

from bridge.config import ConfigError  # noqa: E402
from bridge.exchange import Exchange  # noqa: E402
from bridge.mitm import flows  # noqa: E402
from bridge.mitm.layer import use_bridge_streams  # noqa: E402
from bridge.mitm.runtime import Runtime, clock, installation_key  # noqa: E402
from bridge.transform import Protocol, TransformError  # noqa: E402


class Bridge:
    def __init__(self) -> None:
        self.runtime: Runtime | None = None
        self.exchanges: dict[str, Exchange] = {}  # by flow id, while the flow lives
        self.started = False

    # --- life

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "bridge_config", str, "", "Configuration of LLM Bridge; default: beside addon.py."
        )
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
        if self.runtime:
            self.runtime.start()

    def done(self) -> None:
        self._replace(None)

    # --- traffic

    def next_layer(self, nextlayer: NextLayer) -> None:
        # This addon comes before mitmproxy's own, which would decide after us.
        ctx.master.addons.get("nextlayer").next_layer(nextlayer)
        use_bridge_streams(nextlayer.layer, self._protocol_of)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if self._protocol_of(flow):
            flow.request.stream = False  # to be translated, a body has to be whole

    def request(self, flow: http.HTTPFlow) -> None:
        protocol = self._protocol_of(flow)
        if not self.runtime or not protocol or not flows.is_untouched(flow):
            return
        exchange = self.runtime.open(flows.call_of(flow, protocol), clock())
        self.exchanges[flow.id] = exchange
        if exchange.observed:
            return
        try:
            flows.send(flow, exchange.next_attempt(clock()))
        except TransformError as error:
            flows.reply(flow, exchange.refuse(error, clock()))

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        exchange = self.exchanges.get(flow.id)
        if not exchange or exchange.over:
            return
        assert flow.response
        exchange.answered(flow.response.status_code, clock())
        if exchange.will_stream(flow.response.status_code, flows.response_headers(flow)):
            taking = flows.Watcher if exchange.observed else flows.Streamer
            flow.response.stream = taking(flow, exchange, clock)

    def response(self, flow: http.HTTPFlow) -> None:
        exchange = self.exchanges.pop(flow.id, None)
        if not exchange:
            return
        assert flow.response
        if not exchange.over:
            flows.reply_whole(flow, exchange, clock())
        flows.show(flow, exchange)

    def bridge_unanswered(self, flow: http.HTTPFlow) -> None:
        exchange = self.exchanges.get(flow.id)
        if exchange and not exchange.observed:
            flows.reply(flow, exchange.unanswered(str(flow.error), clock()))

    def error(self, flow: http.HTTPFlow) -> None:
        exchange = self.exchanges.pop(flow.id, None)
        if exchange:
            exchange.broke(str(flow.error), clock(), cancelled=flows.client_is_gone(flow))
            flows.show(flow, exchange)

    def _protocol_of(self, flow: http.HTTPFlow) -> Protocol | None:
        return (
            flows.protocol_of(flow, self.runtime.config.intercept.covers) if self.runtime else None
        )


addons = [Bridge()]
