"""The pages of the bridge where people can open them: in mitmweb, and through the proxy.

`/bridge/` of mitmweb's own server, behind its password; `http://bridge.local/` for whoever uses the
proxy. Both give the same answers. Hard part: a page that is open wants to see what happens now, and
must not fill the list of flows; so one request waits until there is news, and leaves no flow. And
no traffic may wait for a page.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol as Interface
from urllib.parse import parse_qsl

from mitmproxy import ctx, http

from ..pages.respond import HEADERS, JSON, Asked, Page, Source, examines, number, respond
from ..transform.json_text import dumps
from .news import News

logger = logging.getLogger(__name__)

HOST = "bridge.local"
NAMED = HOST.encode()
PATH = "/bridge/"
SETTING = "llm_bridge"  # where mitmweb has the site that is served
PATIENCE = 12  # seconds that upstreams are waited for
AFTERWARDS = 2.0  # seconds behind an answer
# Columns of mitmweb's list, where nobody has said which.
USUAL = ["tls", "icon", "path", "method", "status", "size", "time"]
WITH_COMMENT = ["tls", "icon", "path", "comment", "method", "status", "size", "time"]


class Shown(Source, Interface):
    """What the pages show, and what tells them that it has changed."""

    news: News

    async def examine(self, age: float, patience: float) -> None: ...


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
        if examines(asked):
            age = number(asked.query, "age", 0, 3_600, least=0)
            await source.examine(age, number(asked.query, "wait", PATIENCE, PATIENCE))
        page = respond(asked, source, self._clock())
        return page if isinstance(page, Page) else await asyncio.to_thread(page)

    # --- in mitmweb

    def serve(self) -> None:
        """From mitmweb's own server, if it is mitmweb that runs; its list has our comments too."""
        if (app := getattr(ctx.master, "app", None)) is None:
            return
        try:
            from .web_handler import Handler
        except (ImportError, AttributeError):
            logger.warning("bridge: this mitmweb is not known; the pages are at http://%s/", HOST)
            return
        if SETTING not in app.settings:  # else addon.py was loaded again
            app.add_handlers(r".*", [(r"/bridge(?:/(.*))?", Handler)])
        app.settings[SETTING] = self
        if list(ctx.options.web_columns) == USUAL:
            ctx.options.update(web_columns=WITH_COMMENT)

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
        if page.location:
            told.append((b"location", page.location.encode()))
        content = b"" if request.method == "HEAD" else page.body
        flow.response = http.Response.make(page.status, content, http.Headers(told))


def is_site(flow: http.HTTPFlow) -> bool:
    """Quickly, for every request is asked."""
    request = flow.request
    return request.host.lower() == HOST or any(
        name.lower() == b"host" and value.lower().partition(b":")[0] == NAMED
        for name, value in request.headers.fields
    )


def forget(flow: http.HTTPFlow) -> None:
    """A page that asks again and again is no traffic to look at. Later: now it would be killed."""
    if (view := ctx.master.addons.get("view")) is not None:
        asyncio.get_running_loop().call_later(AFTERWARDS, view.remove, [flow])
