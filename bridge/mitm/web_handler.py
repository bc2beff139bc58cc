"""The pages of the bridge in mitmweb's own server, behind its password.

mitmweb's handlers have no place in its reference for addons, so nothing imports this where mitmweb
does not run.
"""

from mitmproxy.tools.web.app import RequestHandler

from ..pages.respond import HEADERS, Asked
from .web import PATH, SETTING, Site


class Handler(RequestHandler):
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
        site: Site = self.settings[SETTING]
        page = await site.answer(asked)
        self.set_status(page.status)
        for name, value in HEADERS:
            self.set_header(name, value)
        self.set_header("content-type", page.type)
        if page.location:
            self.set_header("location", page.location)
        self.write(page.body)
