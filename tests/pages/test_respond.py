"""What the pages answer to whom: data, files, actions, refusals."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from bridge.history.calls import History
from bridge.history.prices import Price, Prices
from bridge.pages.respond import ASSETS, GUARD, HEADERS, Asked, Page, respond
from tests.records import asking, attempt, record

STATUS: dict[str, Any] = {
    "routes": [{"name": "main", "active": "a", "upstreams": ["a"]}],
    "upstreams": [],
}


class Bridge:
    """One that remembers what it was told to do."""

    def __init__(self) -> None:
        self.history = History()
        self.done: list[tuple[str, str | None]] = []

    def under_way(self, limit: int) -> list[dict[str, Any]]:
        return [{"id": "now"}][:limit]

    def call(self, call_id: str) -> dict[str, Any] | None:
        return self.history.record(call_id)

    def status(self) -> dict[str, Any]:
        return STATUS

    def use(self, upstream: str | None) -> list[Any]:
        if upstream == "nobody":
            raise ValueError("nobody is no upstream: a, b")
        self.done.append(("use", upstream))
        return ["main: a -> b"]

    def reset(self, upstream: str | None) -> list[Any]:
        self.done.append(("reset", upstream))
        return []

    def findings(self) -> list[dict[str, Any]]:
        return [{"code": "no_calls"}]

    def check(self) -> list[str]:
        self.done.append(("check", None))
        return ["a", "b"]


@pytest.fixture
def bridge() -> Bridge:
    made = Bridge()
    made.history.add("one", record(bodies={"client_request": asking("hi")}))
    made.history.add("two", record(conversation="d", started=1_010.0))
    return made


def get(bridge: Bridge, path: str, **query: str) -> Page:
    return made(respond(Asked("GET", path, query, {}), bridge, 1_020.0))


def made(page: Page | Callable[[], Page]) -> Page:
    return page if isinstance(page, Page) else page()


def told(page: Page, status: int = 200) -> Any:
    assert page.status == status and page.type == "application/json"
    return json.loads(page.body)


def post(
    bridge: Bridge, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> Page:
    content = b"" if body is None else json.dumps(body).encode()
    given = {GUARD: "1"} if headers is None else headers
    return made(respond(Asked("POST", path, {}, given, content), bridge, 0.0))


# --- data


def test_the_state_is_that_of_the_router_and_what_calls_came_to(bridge: Bridge) -> None:
    state = told(get(bridge, "api/state"))
    assert state["routes"] == STATUS["routes"] and state["now"] == 1_020.0
    assert [call["id"] for call in state["calls"]] == ["two", "one"]
    assert state["under_way"] == [{"id": "now"}]
    assert state["totals"] == told(get(bridge, "status"))["totals"]


def test_lists_are_as_long_as_they_are_asked_for(bridge: Bridge) -> None:
    ids = [call["id"] for call in told(get(bridge, "api/calls", limit="1"))]
    assert ids == ["two"]
    assert [c["id"] for c in told(get(bridge, "api/calls", conversation="c"))] == ["one"]
    assert [c["key"] for c in told(get(bridge, "api/conversations"))] == ["d", "c"]
    bridge.history.add("bad", record(attempt("up", "error", 500)))
    assert [c["id"] for c in told(get(bridge, "api/calls", kind="failed"))] == ["bad"]


@pytest.mark.parametrize("limit", ["0", "-1", "x", "", "99999999999999"])
def test_an_odd_limit_is_none(bridge: Bridge, limit: str) -> None:
    assert len(told(get(bridge, "api/calls", limit=limit))) in (1, 2)


def test_a_conversation_has_its_turns(bridge: Bridge) -> None:
    found = told(get(bridge, "api/conversation/c"))
    assert [turn["id"] for turn in found["turns"]] == ["one"]
    assert found["title"] == "hi"


def test_numbers_over_time(bridge: Bridge) -> None:
    series = told(get(bridge, "api/series", seconds="600", buckets="10"))
    assert series["buckets"] == 10 and sum(series["upstreams"]["up"]["requests"]) == 2


def test_a_call_is_found_by_its_id(bridge: Bridge) -> None:
    found = told(get(bridge, "api/call/one"))
    assert found["id"] == "one" and found["kept"]
    assert not told(get(bridge, "api/call/two"))["kept"]


def test_numbers_for_prometheus(bridge: Bridge) -> None:
    page = get(bridge, "metrics")
    assert page.type.startswith("text/plain; version=0.0.4")
    assert b"# TYPE " in page.body


@pytest.mark.parametrize(
    "path", ["api/conversation/x", "api/call/x", "api/nothing", "api/", "api", "other.js", "../x"]
)
def test_what_is_not_there(bridge: Bridge, path: str) -> None:
    assert path in told(get(bridge, path), 404)["error"]


# --- actions


@pytest.mark.parametrize(
    "path, body, done, answer",
    [
        ("api/use", {"upstream": "b"}, ("use", "b"), ["main: a -> b"]),
        ("api/use", {"upstream": None}, ("use", None), ["main: a -> b"]),
        ("api/reset", None, ("reset", None), []),
        ("api/reset", [], ("reset", None), []),
        ("api/check", {"upstream": 5}, ("check", None), ["a", "b"]),
    ],
)
def test_what_a_page_can_do(
    bridge: Bridge, path: str, body: Any, done: tuple[str, str | None], answer: list[str]
) -> None:
    assert told(post(bridge, path, body)) == {"done": answer}
    assert bridge.done == [done]


def test_other_sites_cannot(bridge: Bridge) -> None:
    assert GUARD in told(post(bridge, "api/use", {}, {}), 403)["error"]
    for site in ("cross-site", "same-site"):
        headers = {GUARD: "1", "sec-fetch-site": site}
        assert told(post(bridge, "api/use", {}, headers), 403)
        asked = Asked("GET", "api/state", {}, {"sec-fetch-site": site})
        assert told(respond(asked, bridge, 0.0), 403)
    assert not bridge.done
    same = {GUARD: "1", "sec-fetch-site": "same-origin"}
    assert told(post(bridge, "api/check", {}, same)) == {"done": ["a", "b"]}


def test_a_mistake_is_told(bridge: Bridge) -> None:
    answer = told(post(bridge, "api/use", {"upstream": "nobody"}), 400)
    assert answer == {"error": "nobody is no upstream: a, b"}
    asked = Asked("POST", "api/use", {}, {GUARD: "1"}, b"{")
    assert "error" in told(respond(asked, bridge, 0.0), 400)


@pytest.mark.parametrize("method, path", [("POST", "api/state"), ("GET", "api/use"), ("PUT", "")])
def test_each_path_has_its_method(bridge: Bridge, method: str, path: str) -> None:
    asked = Asked(method, path, {}, {GUARD: "1"})
    assert told(respond(asked, bridge, 0.0), 404)
    assert not bridge.done


# --- files


def test_the_first_page_needs_nothing_from_elsewhere(bridge: Bridge) -> None:
    page = get(bridge, "")
    assert page.type.startswith("text/html")
    needed = re.findall(r'(?:src|href)="([^"#]+)"', page.body.decode())
    assert needed and set(needed) <= {*ASSETS, "status", "metrics"}


@pytest.mark.parametrize("name", [name for name in ASSETS if name.endswith(".js")])
def test_scripts_ask_for_each_other_alone(name: str) -> None:
    text = ASSETS[name].body.decode()
    imported = re.findall(r'from "\./([^"]+)"', text)
    assert set(imported) <= set(ASSETS)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert "innerHTML" not in text and "eval(" not in text, "what traffic holds stays text"


def test_nothing_of_a_page_may_come_from_elsewhere() -> None:
    policy = dict(HEADERS)["content-security-policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy


def test_a_page_of_a_call_has_what_is_asked_for_and_its_price(bridge: Bridge) -> None:
    bridge.history.prices = Prices((("*", Price(input=1_000_000, output=0)),))
    usage = {"input_tokens": 2, "output_tokens": 1}
    bridge.history.add("three", record(bodies={"client_request": asking("hi")}, usage=usage))
    whole = told(get(bridge, "api/call/three"))
    assert whole["cost"] == 2.0 and whole["transcript"] and whole["wire"]
    part = told(get(bridge, "api/call/three", part="events"))
    assert "events" in part and "transcript" not in part and "wire" not in part
