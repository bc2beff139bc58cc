"""Which mitmproxy the bridge knows from inside: the code that `layer` relies on, by its digest.

mitmproxy documents none of it, so any version may change it. Hard part: a change must not be found
out in the middle of a call, nor when a name is imported that is gone. So `layer` is not even
imported before each piece was compared; without it the bridge does what mitmproxy's hooks allow.
"""

import logging
from hashlib import sha256
from inspect import getsource
from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .layer import Resending

logger = logging.getLogger(__name__)

# Digests of the source, as it was in the versions that were tried: 12.0.1 to 12.3.1.
KNOWN: dict[str, set[str]] = {
    # BridgeStream is one of these, and says in their words what is to happen.
    "mitmproxy.proxy.layer:Layer": {"e98dedd896fb7cd2"},
    "mitmproxy.proxy.layers.http:HttpStream": {"baaac4f7cdb36a32"},
    "mitmproxy.proxy.layers.http:DropStream": {"c983ced442109a58"},
    "mitmproxy.proxy.layers.http:GetHttpConnection": {"705fed26f72ea17f"},
    "mitmproxy.proxy.layers.http:GetHttpConnectionCompleted": {"7fa1f5f20503bc62"},
    "mitmproxy.proxy.layers.http:SendHttp": {"2a05328a33bd6d06"},
    "mitmproxy.proxy.layers.http._base:HttpEvent": {"50ea73c6dc3e9336"},
    "mitmproxy.proxy.layers.http._events": {"9fcac07bf6000727"},
    "mitmproxy.proxy.layers.http._hooks": {"9919eae28b33fc8c"},
    "mitmproxy.proxy.commands:StartHook": {"4c08af5e44205aa1"},
    "mitmproxy.proxy.events:Event": {"ef9687f3c572ba0a", "5bbc95989a624785"},
    # A given up attempt is ended as an app's hanging up is, and its connection not used again.
    "mitmproxy.proxy.layers.http._http1:Http1Client": {"706b7a68f2809929"},
    "mitmproxy.proxy.layers.http._http2:Http2Client": {"a113056f7d2beb2f"},
    "mitmproxy.proxy.layers.http._http2:Http2Connection._handle_event": {
        "a7f4a7a71d31074b",
        "7fc814a8a507f234",
    },
    # The streams of a connection, and the timer.
    "mitmproxy.proxy.layers.http:HttpLayer": {"8da4a8a48e637b88"},
    "mitmproxy.proxy.events:Start": {"9c86d3f768a4b21d"},
    "mitmproxy.proxy.events:Wakeup": {"6c215fa061e5f261"},
    "mitmproxy.proxy.commands:RequestWakeup": {"f5eb5fc94444fed8"},
    "mitmproxy.proxy.server:ConnectionHandler.server_event": {"a2b42657ebe8bf6d"},
    "mitmproxy.proxy.server:ConnectionHandler.wakeup": {"6e42e075ee5fa3df"},
    # A WebSocket that is served.
    "mitmproxy.proxy.events:DataReceived": {"eed152e9c1821b11"},
    "mitmproxy.proxy.events:ConnectionClosed": {"1d162105cbf27ffc"},
    "mitmproxy.proxy.commands:CloseConnection": {"d5c6f7df083f3737"},
    "mitmproxy.proxy.layers.websocket:WebsocketStartHook": {"75b7cb184fde42c8"},
    "mitmproxy.proxy.layers.websocket:WebsocketMessageHook": {"9ce807ea08e90f97"},
    "mitmproxy.proxy.layers.websocket:WebsocketEndHook": {"2b2fe7caa38ac537"},
    # How Resending gets there: by what stacks layers, and what keeps connections and flows.
    "mitmproxy.proxy.tunnel:LayerStack": {"bbf3f601db3a758c"},
    "mitmproxy.proxy.server:ConnectionHandler.open_connection": {"5e0b3cbaf7a4030a"},
    "mitmproxy.addons.next_layer:NextLayer.next_layer": {"d277fef31bbe9519"},
    "mitmproxy.addons.proxyserver:Proxyserver.register_connection": {"d79bb91554a8bda2"},
    "mitmproxy.addons.view:View.add": {"d8a5d631b65cc8d9"},
}

UNKNOWN = (
    "bridge: this version of mitmproxy is not known to the bridge. It works, but a call whose "
    "upstream fails gets the failure; only the next one goes to a backup. And nothing is taken out "
    "of whole answers before they are saved. What is not as it was: %s"
)


def resending() -> "type[Resending] | None":
    """What lets a request go on to the next upstream; None, and a word of it, if that is unsure."""
    if names := changed():
        logger.warning(UNKNOWN, ", ".join(names))
        return None
    from .layer import Resending

    return Resending


def changed() -> list[str]:
    """What of `KNOWN` is not as it was tried."""
    return [name for name, digests in KNOWN.items() if digest(name) not in digests]


def digest(name: str) -> str | None:
    """None for what is gone, or comes without its source."""
    try:
        source = getsource(resolve_name(name))
    except (ImportError, AttributeError, OSError, TypeError):
        return None
    return sha256(source.encode()).hexdigest()[:16]
