"""A plain redirect, as an addon for mitmproxy: to set the idle bridge against.

It sends every request to one upstream, with that one's key, and hands the answer on as it comes.
"""

from urllib.parse import urlsplit

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader


def load(loader: Loader) -> None:
    loader.add_option("redirect_to", str, "", "The URL that paths are joined to.")


def request(flow: http.HTTPFlow) -> None:
    to, request = urlsplit(ctx.options.redirect_to), flow.request
    assert to.hostname
    assert to.port
    request.scheme, request.host, request.port = to.scheme, to.hostname, to.port
    request.path = to.path + request.path
    request.headers["x-api-key"] = "bench"


def responseheaders(flow: http.HTTPFlow) -> None:
    assert flow.response
    flow.response.stream = True
