"""mitmproxy's own way to send a flow again. It has no place in its reference for addons, so nothing
imports this before a replay is asked for."""

from mitmproxy import ctx, http
from mitmproxy.addons.clientplayback import ReplayHandler
from mitmproxy.hooks import UpdateHook


def handler(flow: http.HTTPFlow) -> ReplayHandler:
    return ReplayHandler(flow, ctx.options)


def hang_up(running: ReplayHandler) -> None:
    for transport in list(running.transports.values()):
        if transport.handler:
            transport.handler.cancel("no more patience")


def show_again(flow: http.HTTPFlow) -> None:
    """What is known of it has changed."""
    ctx.master.addons.trigger(UpdateHook([flow]))
