"""The pages in a real browser, in front of a real mitmweb: opened, read, clicked, by keys too.

Traffic of three apps: a conversation, a failover, a loss, an error.
"""

import json
import os
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bridge.simulator import Simulator, running
from scripts._processes import free_port
from tests.browser import Page, browser, executable
from tests.processes import ROOT, Proxy, running_proxy, wait_until

PASSWORD = "let me in"
pytestmark = pytest.mark.skipif(
    executable() is None and not os.environ.get("CI"), reason="there is no Chromium to look with"
)
PICTURES = os.environ.get("LLM_BRIDGE_PICTURES")  # a folder for what the pages look like
CONFIG: dict[str, Any] = {
    "routes": [
        {
            "name": "agents",
            "match": {"protocol": "anthropic_messages"},
            "upstreams": ["chat", "own"],
        },
        {
            "name": "shadows",
            "match": {"model": "shadowed-*"},
            "upstreams": ["chat"],
            "shadow": "own",
        },
        {"name": "others", "upstreams": ["own"]},
    ],
    "failover": {"health_check": {"interval": "1h"}, "cooldown": "10m"},
    "prices": {"*": {"input": 3, "output": 15, "cache_read": 0.3}},
}
TABS = ("transcript", "attempts", "timeline", "wire", "events")
TOOL = {"name": "read_file", "input_schema": {"type": "object"}}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def proxy(sim: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    upstreams = {
        "chat": {"protocol": "openai_chat", "url": sim.base("chat"), "api_key": "k"},
        "own": {"protocol": "anthropic_messages", "url": sim.base("own"), "api_key": "k"},
        "spare": {"protocol": "openai_chat", "url": sim.base("spare"), "api_key": "k"},
    }
    folder = tmp_path_factory.mktemp("web")
    options = (
        *("--mode", "reverse:http://127.0.0.1:9", "--no-web-open-browser"),
        *("--set", f"web_password={PASSWORD}", "--web-port", str(free_port())),
    )
    config = {**CONFIG, "upstreams": upstreams}
    with running_proxy(folder, folder / "confdir", config, *options, tool="mitmweb") as running_one:
        traffic(sim, running_one)
        yield running_one


def traffic(sim: Simulator, proxy: Proxy) -> None:
    """Four turns with a tool, the third of which fails over; an app's mistake; two other apps."""
    with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
        turns: list[Any] = []
        for n in range(4):
            turns.append({"role": "user", "content": f"[[text:Answer {n}.]] Question {n}?"})
            if n == 2:
                sim.fault(
                    "chat", {"kind": "status", "status": 429, "headers": {"retry-after": "600"}}
                )
            body = {"model": "claude-x", "max_tokens": 99, "messages": turns, "tools": [TOOL]}
            more = {"system": "Be kind.", "stop_sequences": list("abcde"), "stream": n % 2 == 0}
            assert client.post("/v1/messages", json={**body, **more}).status_code == 200
            turns.append({"role": "assistant", "content": f"Answer {n}."})
        hello = [{"role": "user", "content": "[[text:Hello.]] <img src=x onerror=alert(1)>"}]
        chat = {"model": "gpt-x", "messages": hello}
        assert client.post("/v1/chat/completions", json=chat).status_code == 200
        told = {"model": "gpt-x", "input": "[[text:There.]] Anybody?", "stream": True}
        assert client.post("/v1/responses", json=told).status_code == 200
        assert client.post("/v1/chat/completions", json={"model": 5}).status_code == 400


@pytest.fixture(scope="module")
def web(proxy: Proxy) -> str:
    return proxy.wait_for(r"Web server listening at (http://[^/]+)/")[1]


@pytest.fixture(scope="module")
def page(web: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as tab:
        tab.look(1280)
        tab.open(f"{web}/bridge/?token={PASSWORD.replace(' ', '%20')}")
        tab.wait_for("live")
        yield tab
        own = [p for p in tab.problems if "/bridge/" in p and "nobody" not in p]
        assert not own, "the browser has nothing to complain of"


@pytest.fixture(autouse=True)
def first_page(page: Page, web: str) -> None:
    page.look(1280)
    page.run("location.hash = '#/'")
    page.wait_for("Upstreams")


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.picture(Path(PICTURES) / f"{name}.png")


def list_calls(page: Page) -> str:
    page.click("nav a", "Calls")
    return page.wait_for("calls that are kept")


def on_call(page: Page, text: str, act: str = "click") -> None:
    """The link of the first call in a list that has `text`."""
    script = (
        "(() => { const row = [...document.querySelectorAll('main tr')]"
        f".find((each) => each.textContent.includes({json.dumps(text)}));"
        f" const link = row?.querySelector('a'); link?.{act}(); return Boolean(link); }})()"
    )
    wait_until(lambda: page.run(script), f"a call with {text!r} in:\n{page.text}")


def test_the_dashboard_tells_how_things_are(page: Page) -> None:
    told = page.wait_for("Last calls")
    for words in (
        "cooling",
        "healthy",
        "next check in",
        "429 too many requests",
        "failed over",
        "agents",
        "own → chat",
    ):
        assert words in told, words
    assert page.run("document.querySelectorAll('.chart svg rect').length") > 3
    for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
        page.look(width, dark=dark)
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), (
            f"too wide at {width}"
        )
        picture(page, f"dashboard-{width}{'-dark' if dark else ''}")
    colours = []
    for dark in (False, True):
        page.look(1280, dark=dark)
        colours.append(page.run("getComputedStyle(document.body).backgroundColor"))
    assert colours[0] != colours[1]


def test_a_cooldown_is_counted_down_and_ended_by_hand(page: Page, proxy: Proxy) -> None:
    left = "document.querySelector('[data-left]:not([data-left=\"0\"])')?.textContent"
    before = page.run(left)
    wait_until(lambda: page.run(left) != before or None, "the time that is left to go on")
    page.click("button[aria-label='reset chat']")
    wait_until(lambda: "cooling" not in page.text or None, "chat to be healthy again")
    assert "429 too many requests" not in page.text, "its last error is forgotten"
    did = "document.getElementById('did').textContent"
    assert "chat is healthy again" in page.run(did)
    page.click("button[aria-label='use own']")
    page.wait_for("chosen by hand")
    assert page.run("document.querySelector(\"[aria-label='use spare']\")") is None
    wait_until(lambda: "agents: chat -> own" in page.run(did) or None, "what it did")
    one_more_call(page, proxy)
    assert "agents: chat -> own" in page.run(did), "it is there until the next thing is done"
    page.click("button", "by health again")
    wait_until(lambda: "chosen by hand" not in page.text or None, "the choice to be undone")


def test_a_wait_that_is_over_is_not_blank(page: Page) -> None:
    shown = "ahead(0.1, '', 'any moment')"
    page.run(f"import('/bridge/dom.js').then(({{ ahead }}) => document.body.append({shown}))")
    page.wait_for("any moment")
    page.run("document.querySelector('body > span').remove()")


def test_what_happens_is_shown_without_a_reload(page: Page, proxy: Proxy) -> None:
    one_more_call(page, proxy)


def one_more_call(page: Page, proxy: Proxy) -> None:
    calls = "Number(document.querySelector('.tile b').textContent)"
    before = page.run(calls)
    with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
        body = {"model": "m", "messages": [{"role": "user", "content": "[[text:x]]"}]}
        assert client.post("/v1/chat/completions", json=body).status_code == 200
    wait_until(lambda: page.run(calls) == before + 1 or None, "one more call")


def test_a_call_is_seen_while_it_is_under_way(page: Page, sim: Simulator, proxy: Proxy) -> None:
    sim.fault("own", {"kind": "stall", "after": 4}, count=1, match={"model": "slow-*"})
    hello = [{"role": "user", "content": "[[text:One two three four five six.]]"}]
    body = {"model": "slow-one", "messages": hello, "stream": True}
    with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
        with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            pieces = answer.iter_raw()
            next(pieces)
            page.wait_for("Under way")
            on_call(page, "slow-one")
            told = page.wait_for("Still coming")
            assert "One" in told and "ended early" not in told and "not readable" not in told
            page.click(".tabs button", "Events")
            told = page.wait_for("to the app")
            assert "Still coming" in told and "it ends here" not in told
            page.click(".tabs button", "Attempts")
            page.wait_for("pending")
    page.wait_for("cancelled")
    page.run("location.hash = '#/'")
    wait_until(lambda: "Under way" not in page.wait_for("Last calls") or None, "none under way")


def test_what_a_failed_attempt_was_sent_and_what_came(page: Page) -> None:
    list_calls(page)
    on_call(page, "2 attempts")
    page.wait_for("Transcript")
    page.click(".tabs button", "Attempts")
    page.wait_for("What was sent, and what came")
    page.click("main summary", "What was sent")
    told = page.wait_for("chat (openai_chat)")
    assert "app: nothing of it" in told and "stop_sequences[4]" in told
    picture(page, "attempts")


def test_a_conversation_and_what_fills_it(page: Page) -> None:
    page.click("nav a", "Conversations")
    page.wait_for("tokens in")
    page.click("main td a", "Question 0?")
    told = page.wait_for("What fills the context")
    assert "turn 4" in told and "2 attempts" in told and "$" in told
    picture(page, "conversation")


def test_a_failing_turn_is_two_clicks_from_the_field(page: Page) -> None:
    """From the list of calls, of which one lost content, to the place where it did."""
    list_calls(page)
    on_call(page, "stop_truncated")
    told = page.wait_for("What translation changed")
    assert "stop_truncated" in told and "the first 4 of 5" in told
    page.click(".tabs button", "Both wires")
    told = page.wait_for("openai_chat")
    assert "stop_sequences[4]" in told and '"e"' in told
    colours = "getComputedStyle(document.querySelector('tr.%s td.code')).backgroundColor"
    assert len({page.run(colours % kind) for kind in ("changed", "same")}) == 2
    widths = "[...document.querySelectorAll('.scroll')].map((e) => e.scrollWidth - e.clientWidth)"
    assert not any(page.run(widths)), "both sides are in sight"
    way = "getComputedStyle(document.querySelector('tr.%s.%s td:nth-child(%d)')).backgroundColor"
    gone = {page.run(way % row) for row in (("gone", "left", 2), ("gone", "right", 3))}
    assert len(gone | {page.run(way % ("added", "left", 2))}) == 2, "an answer goes the other way"
    folded = "document.querySelector('tr.skip').getBoundingClientRect().left"
    assert page.run(folded) > 0, "what is left out is said"
    picture(page, "wires")
    page.look(390)
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    picture(page, "wires-390")


def test_each_side_of_a_call_by_keys_alone(page: Page) -> None:
    list_calls(page)
    on_call(page, "2 attempts", "focus")
    page.press("Enter")
    page.wait_for("Transcript")
    told = page.text
    assert "Question 2?" in told and "Answer 2." in told and "new" in told
    page.run("document.querySelector('[role=tab][aria-selected=true]').focus()")
    for words in ("429", "first byte", "request", "to the app"):
        page.press("ArrowRight")
        page.wait_for(words)
        wait_until(
            lambda: page.run("document.activeElement?.getAttribute('role')") == "tab" or None,
            "the focus on the tab",
        )
        picture(page, words.replace(" ", "-"))


def test_what_traffic_holds_is_text(page: Page) -> None:
    list_calls(page)
    ids = page.run(
        "fetch('api/calls').then((answer) => answer.json()).then((calls) => "
        "calls.filter((call) => call.client === 'openai_chat').map((call) => call.id))"
    )
    for call_id in ids:
        page.run(f"location.hash = '#/call/{call_id}'")
        page.wait_for("Transcript")
    assert page.run("document.querySelectorAll('main img').length") == 0


def test_of_a_long_stream_what_stands_out(page: Page, proxy: Proxy) -> None:
    with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
        hello = [{"role": "user", "content": "[[words:900]][[burst]]"}]
        body = {"model": "at-length", "messages": hello, "stream": True}
        assert client.post("/v1/chat/completions", json=body).status_code == 200
    list_calls(page)
    on_call(page, "at-length")
    rows = "[...document.querySelectorAll('tr')]"
    page.click(".tabs button", "Events")
    told = page.wait_for("message_stop")
    assert " more" in told and page.run(f"{rows}.length") < 500
    page.click("main button", "show all")
    wait_until(lambda: page.run(f"{rows}.length") > 900 or None, "all of them")


def test_calls_of_a_kind(page: Page) -> None:
    kept = re.search(r"(\d+) of \1 calls that are kept", list_calls(page))
    assert kept, "all are listed"
    for link, of in (("failed over", "2 attempts"), ("lost content", "stop_truncated")):
        page.click("main nav a", link)
        wait_until(lambda of=of: all_have(page, of) or None, f"only calls with {of}")
        assert f"of {kept[1]} calls" in page.text
        assert page.run("document.querySelector('header [aria-current]').textContent") == "Calls"
    picture(page, "calls")


def all_have(page: Page, text: str) -> bool:
    rows = "[...document.querySelectorAll('main tbody tr')]"
    texts = page.run(f"{rows}.map((each) => each.textContent)")
    return len(texts) > 0 and all(text in each for each in texts)


def test_long_lists_are_cut_and_say_so(page: Page, proxy: Proxy) -> None:
    with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
        for n in range(201):
            hello = [{"role": "user", "content": f"[[text:x]] Conversation {n}"}]
            body = {"model": "one-of-many", "messages": hello}
            assert client.post("/v1/chat/completions", json=body).status_code == 200
    rows = "document.querySelectorAll('main tbody tr').length"
    assert "200 of 2" in list_calls(page)
    assert page.run(rows) == 200
    page.click("main button", "more")
    wait_until(lambda: page.run(rows) > 200 or None, "all of them")
    assert page.run("document.querySelector('main button')") is None
    page.click("nav a", "Conversations")
    page.wait_for("conversations that are kept")
    assert page.run(rows) > 200


def test_the_way_past_the_menu_stays_on_the_page(page: Page) -> None:
    page.run("document.querySelector('.jump').focus()")
    page.press("Enter")
    wait_until(lambda: page.run("document.activeElement.id") == "main" or None, "the focus")
    assert "There is no page" not in page.text and page.run("location.hash") == "#/"


def test_a_fault_that_was_asked_for_and_what_a_shadow_would_get(
    page: Page, web: str, proxy: Proxy
) -> None:
    command(web, "bridge.inject", "~all", "429 retry-after=3")
    with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
        hello = [{"role": "user", "content": "[[text:Hello.]]"}]
        body = {"model": "shadowed-first", "messages": hello}
        assert client.post("/v1/chat/completions", json=body).status_code == 429
        more = {"model": "shadowed-then", "messages": [{**hello[0], "name": "Ann"}]}
        assert client.post("/v1/chat/completions", json=more).status_code == 200
    assert "injected" in list_calls(page)
    on_call(page, "shadowed-first")
    told = page.wait_for("The answer")
    assert "429 retry-after=3 (at once)" in told and "[object" not in told
    list_calls(page)
    on_call(page, "shadowed-then")
    told = page.wait_for("name_dropped")
    assert "own (Messages): name_dropped" in told
    page.click(".tabs button", "Both wires")
    told = page.wait_for("own (anthropic_messages)")
    assert told.count("shadow") > 1 and "messages[0].name" in told


def test_nothing_is_too_wide_whatever_traffic_holds(
    page: Page, sim: Simulator, proxy: Proxy
) -> None:
    word, name = "w" * 2_000, "x_" + "unknown" * 20
    result = json.dumps({f"key{n}": n for n in range(300)}, separators=(",", ":"))
    asked = {"type": "tool_use", "id": "t", "name": "read_file", "input": {"path": "a"}}
    given = {"type": "tool_result", "tool_use_id": "t", "content": result}
    turns = [
        {"role": "user", "content": word},
        {"role": "assistant", "content": [asked]},
        {"role": "user", "content": [given, {"type": "text", "text": "[[text:Wide.]]"}]},
    ]
    body = {"model": "wide-one", "max_tokens": 9, "tools": [TOOL], "messages": turns, name: word}
    mistake = {"kind": "status", "status": 400, "body": {"error": {"message": word}}}
    for upstream in ("chat", "own"):
        sim.fault(upstream, mistake, count=1, match={"model": "wide-*"})
    with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
        for status in (400, 200):
            assert client.post("/v1/messages", json=body).status_code == status
    first, second = page.run("fetch('api/calls').then((answer) => answer.json())")[:2]
    shown = [
        ("", "Last calls"),
        ("calls", "first content"),
        ("conversations", "tokens in"),
        (f"conversation/{first['conversation']}", "fills the context"),
        *((f"call/{each['id']}/{tab}", tab) for each in (first, second) for tab in TABS),
    ]
    for path, words in shown:
        page.run(f"location.hash = '#/{path}'")
        if words in TABS:
            there = f"document.querySelector('#tab[aria-labelledby=tab-{words}]') !== null"
            wait_until(lambda there=there: page.run(there) or None, path)
        else:
            page.wait_for(words)
        page.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        for width in (1280, 390):
            page.look(width)
            widest = page.run("document.documentElement.scrollWidth")
            assert widest <= width, f"{path} at {width}: {widest}"
            picture(page, f"wide-{words}-{width}")


def command(web: str, name: str, *arguments: str) -> None:
    allowed = {"authorization": f"Bearer {PASSWORD}", "x-xsrftoken": "ab" * 16}
    cookies = dict.fromkeys(("_xsrf", "_mitmproxy_xsrf"), "ab" * 16)
    with httpx2.Client(base_url=web, trust_env=False, headers=allowed, cookies=cookies) as client:
        asked = {"arguments": arguments}
        assert client.post(f"/commands/{name}", json=asked).status_code == 200


def test_two_answers_stand_side_by_side_the_original_first(
    page: Page, web: str, proxy: Proxy
) -> None:
    with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
        hello = [{"role": "user", "content": "[[text:Twice.]]"}]
        body = {"model": "asked-twice", "messages": hello}
        assert client.post("/v1/chat/completions", json=body).status_code == 200
    listed = "fetch('api/calls').then((answer) => answer.json())"
    first = page.run(listed)[0]["id"]
    command(web, "bridge.replay", f"@{first}", "chat")
    wait_until(lambda: page.run(listed)[0]["route"] == "replay" or None, "the replay")
    heads = "[...document.querySelectorAll('#tab th, #tab h2')].map((each) => each.textContent)"
    names = ["own (original)", "chat (replay)"]
    for call_id, words in ((first, "replays"), (page.run(listed)[0]["id"], "replay of")):
        page.run(f"location.hash = '#/call/{call_id}/replays'")
        assert "The same text" in page.wait_for(words)
        assert page.run(heads) == ["Compared", "", *names, *names]
    picture(page, "replays")


def test_a_page_that_is_not_there(page: Page) -> None:
    page.run("location.hash = '#/call/nobody'")
    page.wait_for("This call is not kept here")
    page.run("location.hash = '#/conversation/nobody'")
    assert "there is no GET" not in page.wait_for("This conversation is not kept here")
    page.run("location.hash = '#/elsewhere'")
    page.wait_for("There is no page")


# --- without a browser


def test_a_password_is_wanted(web: str) -> None:
    with httpx2.Client(base_url=web, trust_env=False) as client:
        for path in ("/bridge/", "/bridge/api/state", "/bridge/metrics"):
            assert client.get(path).status_code == 403
        guard = {"x-bridge": "1"}
        assert client.post("/bridge/api/check", headers=guard, content=b"{}").status_code == 403
        allowed = {"authorization": f"Bearer {PASSWORD}"}
        assert client.get("/bridge", headers=allowed).headers["location"] == "/bridge/"
        assert "comment" in client.get("/options", headers=allowed).json()["web_columns"]["value"]
        state = client.get("/bridge/api/state", headers=allowed)
        assert state.status_code == 200 and state.json()["upstreams"]
        done = client.post("/bridge/api/check", headers={**allowed, **guard}, content=b"{}")
        assert done.json() == {"done": ["chat", "own", "spare"]}
        assert client.post("/bridge/api/check", headers=allowed, content=b"{}").status_code == 403


def test_they_are_still_there_when_the_addon_is_loaded_again(
    sim: Simulator, tmp_path: Path
) -> None:
    """mitmproxy does that when the file changes."""
    script = tmp_path / "addon.py"
    script.write_text((ROOT / "addon.py").read_text("utf-8"), "utf-8")
    web = ("--no-web-open-browser", "--web-port", str(free_port()), "--set", "web_password=x")
    options = ("--mode", "reverse:http://127.0.0.1:9", *web)
    upstreams = {"own": {"protocol": "openai_chat", "url": sim.base("own"), "api_key": "k"}}
    config = {"upstreams": upstreams, "routes": [{"upstreams": ["own"]}]}
    env = {"PYTHONPATH": str(ROOT)}
    with running_proxy(
        tmp_path, tmp_path / "confdir", config, *options, tool="mitmweb", script=script, env=env
    ) as made:
        page = made.wait_for(r"Web server listening at (http://[^/\s]+)")[1]
        allowed = {"authorization": "Bearer x"}
        with httpx2.Client(base_url=page, trust_env=False, headers=allowed) as client:
            body = {"model": "m", "messages": [{"role": "user", "content": "[[text:x]]"}]}
            httpx2.post(f"{made.url}/v1/chat/completions", json=body, trust_env=False)

            def calls() -> int | None:
                told = client.get("/bridge/status").json()
                return told["totals"]["calls"] if "totals" in told else None

            wait_until(lambda: calls() == 1 or None, "the call to be counted")
            script.write_text(script.read_text("utf-8") + "\n", "utf-8")
            wait_until(lambda: calls() == 0 or None, "a bridge that has seen nothing yet")


@pytest.mark.parametrize("tool", ["mitmdump", "mitmweb"])
def test_the_pages_are_there_through_the_proxy(sim: Simulator, tmp_path: Path, tool: str) -> None:
    upstreams = {"own": {"protocol": "anthropic_messages", "url": sim.base("own"), "api_key": "k"}}
    config = {"upstreams": upstreams, "routes": [{"upstreams": ["own"]}]}
    config |= {"intercept": {"only": True}}
    web = ("--no-web-open-browser", "--web-port", str(free_port())) if tool == "mitmweb" else ()
    with running_proxy(tmp_path, tmp_path / "confdir", config, *web, tool=tool) as made:
        with httpx2.Client(
            proxy=made.url, base_url="http://bridge.local", trust_env=False
        ) as client:
            first = client.get("/")
            assert first.status_code == 200 and "bridge.css" in first.text
            assert "default-src 'self'" in first.headers["content-security-policy"]
            assert client.get("/api/state").json()["upstreams"][0]["name"] == "own"
            assert b"# HELP" in client.get("/metrics").content
            assert client.head("/bridge.css").content == b""
            assert client.post("/api/check", content=b"{}").status_code == 403
            told = client.post("/api/check", headers={"x-bridge": "1"}, content=b"{}")
            assert json.loads(told.text) == {"done": ["own"]}
            assert client.get("/nothing").status_code == 404
        trust = ssl.create_default_context(cafile=made.ca)
        with httpx2.Client(proxy=made.url, verify=trust, trust_env=False) as client:
            assert client.get("https://bridge.local/status").status_code == 200
