"""The pages in a real mitmweb's own server are opened in tests/e2e/test_pages.py; here: who may."""

import tornado.web
from mitmproxy.tools.web.app import RequestHandler

from bridge.mitm.web_handler import Handler


def test_it_asks_for_the_password_that_mitmweb_asks_for() -> None:
    assert issubclass(Handler, RequestHandler)
    for method in ("get", "post"):
        assert getattr(Handler, method).__wrapped__, "wrapped by mitmweb's own check"
    assert Handler.delete is tornado.web.RequestHandler.delete
