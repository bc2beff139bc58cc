"""The pages of the bridge where people can open them: in mitmweb, and through the proxy.

`/bridge/` of mitmweb's own server, behind its password; `http://bridge.local/` for whoever uses the
proxy. Both give the same answers. Hard part: a page that is open wants to see what happens now, and
must not fill the list of flows; so one request waits until there is news, and leaves no flow.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol as Interface
from urllib.parse import parse_qsl

from mitmproxy import ctx, http
from mitmproxy.tools.web.app import RequestHandler

from ..pages.respond import HEADERS, JSON, Asked, Page, Source, respond
from ..transform.json_text import dumps
from .news import News

HOST = "bridge.local"
PATH = "/bridge/"
AFTERWARDS = 2.0  # seconds behind an answer


class Shown(Source, Interface):
    """What the pages show, and what tells them that it has changed."""

    news: News


class Site:
    """`source` gives what is shown, None while there is no configuration."""

    def __init__(self, source: Callable[[], Shown | None], clock: Callable[[], float]) -> None:
        self._source, self._clock = source, clock

    async def answer(self, asked: Asked) -> Page:
        source = self._source()
        if source is None:
            return Page(503, JSON, dumps({"error": "the bridge has no configuration"}))
        if asked.path == "api/news":
            version = asked.query.get("version", "")
            known = int(version) if version.isdecimal() and len(version) < 15 else -1
            return Page(200, JSON, dumps({"version": await source.news.since(known)}))
        return respond(asked, source, self._clock())

    # --- in mitmweb

    def serve(self) -> None:
        """From mitmweb's own server, if it is mitmweb that runs."""
        if (app := getattr(ctx.master, "app", None)) is not None:
            app.add_handlers(r".*", [(r"/bridge(?:/(.*))?", _Handler, {"site": self})])

    # --- through the proxy

    async def through_proxy(self, flow: http.HTTPFlow) -> None:
        """Answer what was sent to HOST."""
        request = flow.request
        path, _, query = request.path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = request.get_content(strict=False) or b""
        asked = Asked(request.method, path[1:], dict(parse_qsl(query)), headers, body)
        page = await self.answer(asked)
        told = [(name.encode(), value.encode()) for name, value in HEADERS]
        told.append((b"content-type", page.type.encode()))
        content = b"" if request.method == "HEAD" else page.body
        flow.response = http.Response.make(page.status, content, http.Headers(told))


def is_site(flow: http.HTTPFlow) -> bool:
    return flow.request.pretty_host.lower() == HOST


def forget(flow: http.HTTPFlow) -> None:
    """A page that asks again and again is no traffic to look at. Later: now it would be killed."""
    if (view := ctx.master.addons.get("view")) is not None:
        asyncio.get_running_loop().call_later(AFTERWARDS, view.remove, [flow])


class _Handler(RequestHandler):
    def initialize(self, site: Site) -> None:
        self._site = site

    def check_xsrf_cookie(self) -> None:
        """What acts has a header that other sites cannot send, through the proxy too."""

    def auth_fail(self, invalid_password: bool) -> None:
        self.set_header("content-type", "text/plain")
        self.write("mitmweb wants its password: open its first page, then this one.")

    async def get(self, path: str | None) -> None:
        if path is None:  # relative addresses need the slash
            self.redirect(PATH)
            return
        await self._answer(path)

    async def post(self, path: str | None) -> None:
        await self._answer(path or "")

    async def _answer(self, path: str) -> None:
        request = self.request
        query = {name: self.get_query_argument(name) for name in request.query_arguments}
        headers = {name.lower(): value for name, value in request.headers.get_all()}
        asked = Asked(request.method or "GET", path, query, headers, request.body)
        page = await self._site.answer(asked)
        self.set_status(page.status)
        for name, value in HEADERS:
            self.set_header(name, value)
        self.set_header("content-type", page.type)
        self.write(page.body)
