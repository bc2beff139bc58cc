"""Where the pages are, and which flows are theirs."""

import asyncio
import json
from typing import Any

import pytest
from mitmproxy.test import taddons, tflow, tutils

from bridge.history.calls import History
from bridge.mitm import web
from bridge.mitm.news import News
from bridge.pages.respond import Asked


class Bridge:
    def __init__(self) -> None:
        self.history, self.news = History(), News()

    def under_way(self, limit: int) -> list[dict[str, Any]]:
        return []

    def call(self, call_id: str) -> dict[str, Any] | None:
        return self.history.record(call_id)

    def status(self) -> dict[str, Any]:
        return {"routes": [], "upstreams": []}

    def use(self, upstream: str | None) -> list[Any]:
        return []

    def reset(self, upstream: str | None) -> list[Any]:
        return []

    def check(self) -> list[str]:
        return ["a"]

    async def examine(self, age: float, patience: float) -> None:
        self.examined = (age, patience)

    def findings(self) -> list[dict[str, Any]]:
        return [{"code": "no_calls"}]


def flow(method: str = "GET", path: str = "/", host: str = "bridge.local", **headers: str) -> Any:
    request = tutils.treq(method=method.encode(), path=path.encode(), host=host, content=b"{}")
    for name, value in headers.items():
        request.headers[name.replace("_", "-")] = value
    return tflow.tflow(req=request)


def answered(made: Any, bridge: Bridge | None = None) -> Any:
    site = web.Site(lambda: bridge or Bridge(), lambda: 5.0)
    asyncio.run(site.through_proxy(made))
    return made.response


def test_only_what_is_sent_to_their_name_is_theirs() -> None:
    assert web.is_site(flow()) and web.is_site(flow(host="BRIDGE.local"))
    assert not web.is_site(flow(host="api.openai.com"))
    assert web.is_site(flow(host="127.0.0.1", Host="Bridge.local:80")), "where that is an address"
    assert not web.is_site(flow(host="127.0.0.1", Host="bridge.local.example"))


def test_the_first_page_through_the_proxy() -> None:
    response = answered(flow())
    assert response.status_code == 200 and b"<!doctype html>" in response.content
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_query_and_a_body_arrive() -> None:
    assert json.loads(answered(flow(path="/api/calls?limit=3")).content) == []
    told = answered(flow("POST", "/api/check", x_bridge="1"))
    assert json.loads(told.content) == {"done": ["a"]}
    assert answered(flow("POST", "/api/check")).status_code == 403


@pytest.mark.parametrize(
    "path, examined",
    [
        pytest.param("/api/doctor", (0, 12), id="anew, and waited for"),
        pytest.param("/api/doctor?age=60&wait=1", (60, 1), id="as a page that is open asks"),
        pytest.param("/api/doctor?age=x&wait=900", (0, 12), id="never longer"),
    ],
)
def test_upstreams_are_asked_before_findings_are_told(
    path: str, examined: tuple[float, float]
) -> None:
    bridge = Bridge()
    told = json.loads(answered(flow(path=path), bridge).content)
    assert told == {"now": 5.0, "findings": [{"code": "no_calls"}]}
    assert bridge.examined == examined


def test_another_sites_question_reaches_nobody() -> None:
    bridge = Bridge()
    asked = flow(path="/api/doctor", sec_fetch_site="cross-site")
    assert answered(asked, bridge).status_code == 403 and not hasattr(bridge, "examined")


def test_the_doctor_has_a_path_of_its_own() -> None:
    response = answered(flow(path="/doctor"))
    assert (response.status_code, response.headers["location"]) == (302, "./#/doctor")


def test_a_head_has_no_body() -> None:
    response = answered(flow("HEAD", "/bridge.css"))
    assert response.status_code == 200 and response.content == b""


@pytest.mark.parametrize("version", ["-1", "x", "", "7"])
def test_news_for_whoever_is_behind(version: str) -> None:
    bridge = Bridge()
    bridge.news.tell()
    told = answered(flow(path=f"/api/news?version={version}"), bridge)
    assert json.loads(told.content) == {"version": 1}


def test_without_a_configuration_there_is_nothing_to_show() -> None:
    site = web.Site(lambda: None, lambda: 5.0)
    page = asyncio.run(site.answer(Asked("GET", "", {}, {})))
    assert page.status == 503 and b"no configuration" in page.body


def test_without_mitmweb_they_are_behind_the_proxy_alone(caplog: pytest.LogCaptureFixture) -> None:
    made = flow()
    with taddons.context():
        site = web.Site(Bridge, lambda: 0.0)
        site.serve()
        asyncio.run(site.through_proxy(made))
        web.forget(made)
    assert made.response.status_code == 200 and not caplog.messages
