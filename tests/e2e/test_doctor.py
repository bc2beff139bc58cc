"""What the doctor finds in a proxy where everything goes wrong: real apps, real upstreams.

Then the same in a terminal, and on its page.
"""

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bridge.simulator import Simulator, refusing_port, running
from scripts._processes import free_port
from tests.browser import Page, browser, executable
from tests.processes import ROOT, Proxy, running_proxy, wait_until

pytestmark = pytest.mark.more

Start = Callable[..., Proxy]

PASSWORD = "let-me-in"
KEYS = ("sk-right-12345678", "sk-wrong-12345678")
PICTURES = os.environ.get("LLM_BRIDGE_PICTURES")  # a folder for what the page looks like
RESPONSES = "https://api.openai.com/v1/responses"
SOCKET = {
    "connection": "upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def config(sim: Simulator, dead: int) -> dict[str, Any]:
    sim.configure("right", key=KEYS[0])
    sim.fault("wrong", {"kind": "status", "status": 401}, count=None)
    right, wrong = KEYS
    return {
        "upstreams": {
            "right": {"protocol": "openai_chat", "url": sim.base("right"), "api_key": right},
            "wrong": {"protocol": "openai_chat", "url": sim.base("wrong"), "api_key": wrong},
            "dead": {"protocol": "openai_chat", "url": f"http://127.0.0.1:{dead}", "api_key": "k"},
            "off": {"protocol": "openai_chat", "url": "http://h", "api_key": "${NOBODY_SETS_THIS}"},
        },
        "routes": [{"upstreams": ["right", "dead", "off"]}],
        "failover": {"health_check": {"interval": 0}, "connection_errors": 1},
    }


# --- apps that go wrong


def distrust(proxy: Proxy, host: str = "api.openai.com", app: str = "careful/1") -> None:
    """An app that was not told of the CA; it says who it is when it asks for the tunnel."""
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(
            ["curl", "-sS", "--max-time", "20", "-A", app, "-x", proxy.url, f"https://{host}/"],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            check=True,
        )


def call_elsewhere(proxy: Proxy, sim: Simulator) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "[[text:Hello.]]"}]}
    with httpx2.Client(proxy=proxy.url, trust_env=False, timeout=20) as app:
        told = app.post(f"{sim.url}/v1/chat/completions", json=body, headers=named("other/1"))
    assert told.status_code == 200


def fall_back(proxy: Proxy) -> None:
    trust = ssl.create_default_context(cafile=proxy.ca)
    with httpx2.Client(proxy=proxy.url, verify=trust, trust_env=False, timeout=20) as app:
        refused = app.get(RESPONSES, headers={**SOCKET, **named("agent/1")})
        assert refused.status_code == 426
        body = {"model": "m", "input": "[[text:Hello.]]"}
        assert app.post(RESPONSES, json=body, headers=named("agent/1")).status_code == 200


@contextmanager
def tunnel(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as raw:
        raw.sendall(b"CONNECT api.openai.com:443 HTTP/1.1\r\n\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 200")
        yield raw


def look_at_certificate(raw: socket.socket) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    trust = ssl.create_default_context()
    app = trust.wrap_bio(incoming, outgoing, server_hostname="api.openai.com")
    with suppress(ssl.SSLWantReadError):
        app.do_handshake()
    raw.sendall(outgoing.read())
    assert raw.recv(1)


def named(app: str) -> dict[str, str]:
    return {"user-agent": app}


# --- who is asked


def asked(proxy: Proxy) -> dict[str, dict[str, Any]]:
    """By code; of several with one code the last."""
    with httpx2.Client(proxy=proxy.url, trust_env=False, timeout=20) as client:
        told = client.get("http://bridge.local/api/doctor").json()
    return {finding["code"]: finding for finding in told["findings"]}


def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", ROOT / "scripts" / "_doctor" / "__main__.py", *options],
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment},
        capture_output=True,
        text=True,
        timeout=40,
    )


def test_everything_that_can_go_wrong(sim: Simulator, start_proxy: Start) -> None:
    with refusing_port() as dead:
        proxy = start_proxy(config(sim, dead))
        assert "no_calls" in asked(proxy)
        for _ in range(2):
            distrust(proxy)
        distrust(proxy, "telemetry.example")
        call_elsewhere(proxy, sim)
        fall_back(proxy)
        found = asked(proxy)
        done = run("--proxy", proxy.url)
        tools = run("--proxy", proxy.url, "--json")
        with httpx2.Client(proxy=proxy.url, trust_env=False) as client:
            status = client.get("http://bridge.local/status").json()
    expected = {
        "upstream_ok": ("ok", "right"),
        "upstream_key_refused": ("problem", "wrong"),
        "upstream_unreachable": ("problem", "dead"),
        "config_off": ("warning", "NOBODY_SETS_THIS"),
        "tls_untrusted": ("problem", "careful/1 does not trust"),
        "tls_untrusted_other": ("warning", "telemetry.example"),
        "host_unhandled": ("warning", "other/1 sent what looks like an LLM call to 127.0.0.1"),
        "socket_fell_back": ("ok", "agent/1"),
        "calls_seen": ("ok", "LLM calls come through"),
    }
    for code, (severity, words) in expected.items():
        assert found[code]["severity"] == severity and words in found[code]["seen"], code
        assert found[code]["seen"].split(",")[0] in done.stdout, "the terminal has it too"
    about = found["tls_untrusted"]["about"]
    assert (about["host"], about["app"], about["times"]) == ("api.openai.com", "careful/1", 2)
    assert (done.returncode, tools.returncode, done.stderr) == (1, 1, "")
    told = json.loads(tools.stdout)
    assert {"bridge_up", "ca_ok", *expected} <= {finding["code"] for finding in told["findings"]}
    assert told["counts"]["problem"] == 3
    assert not any(key in done.stdout + tools.stdout + json.dumps(found) for key in KEYS)
    # Nobody's health has suffered, of one connection error at that.
    assert {each["name"]: each["state"] for each in status["upstreams"]} == dict.fromkeys(
        ("right", "wrong", "dead"), "healthy"
    )


def test_an_app_that_was_told_of_the_ca(sim: Simulator, start_proxy: Start) -> None:
    with refusing_port() as dead:
        proxy = start_proxy(config(sim, dead))
        distrust(proxy, app="agent/1")
        assert "tls_untrusted" in asked(proxy)
        trusting = ["--cacert", proxy.ca, "-A", "agent/1", "-x", proxy.url, "--max-time", "20"]
        subprocess.run(
            ["curl", "-sS", *trusting, "https://api.openai.com/v1/models"],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            check=True,
        )
        found = asked(proxy)
    assert "tls_untrusted" not in found and "tls_trusted_since" in found


def test_apps_that_do_not_say_why_they_leave(start_proxy: Start) -> None:
    """As programs of Node and of Bun do when they do not trust a certificate."""
    proxy = start_proxy({"upstreams": {}, "routes": []})
    with tunnel(proxy) as raw:
        look_at_certificate(raw)
    trust = ssl.create_default_context(cafile=proxy.ca)
    with tunnel(proxy) as raw, trust.wrap_socket(raw, server_hostname="api.openai.com"):
        pass
    expected = {"tls_silent", "tls_broken_off"}
    wait_until(lambda: expected <= asked(proxy).keys() or None, "both to be noticed")
    found = asked(proxy)
    assert "a program at 127.0.0.1 set up TLS" in found["tls_silent"]["seen"]
    assert found["tls_broken_off"]["about"]["times"] == 1


def test_a_websocket_that_an_upstream_did_not_take_after_all(
    sim: Simulator, start_proxy: Start
) -> None:
    speaks = {"profile": {"websocket": True}, "api_key": "k"}
    upstream = {"protocol": "openai_responses", "url": sim.base("a"), **speaks}
    sim.fault("a", {"kind": "status", "status": 404}, match={"method": "GET"})
    proxy = start_proxy({"upstreams": {"a": upstream}, "routes": [{"upstreams": ["a"]}]})
    fall_back(proxy)
    assert "agent/1 tried a WebSocket to api.openai.com" in asked(proxy)["socket_fell_back"]["seen"]


def test_a_host_that_intercept_only_leaves_alone(start_proxy: Start) -> None:
    intercept = {"hosts": ["api.anthropic.com"], "only": True}
    proxy = start_proxy({"intercept": intercept, "upstreams": {}, "routes": []})
    distrust(proxy, app="agent/1")
    found = asked(proxy)
    assert "agent/1 talks to api.openai.com" in found["host_tunnelled"]["seen"]
    assert "tls_untrusted" not in found


def test_a_mistake_in_the_configuration_while_it_runs(start_proxy: Start) -> None:
    proxy = start_proxy({"upstreams": {}, "routes": []})
    assert "config_ok" in asked(proxy)
    proxy.configure("upstreams: 5\nroutes: []\n")
    proxy.wait_for("stays in force")
    found = asked(proxy)
    assert "upstreams" in found["config_invalid"]["seen"] and "config_ok" not in found
    proxy.configure({"upstreams": {}, "routes": []})
    proxy.wait_for("was read again")
    assert "config_ok" in asked(proxy)


def test_all_is_well(sim: Simulator, start_proxy: Start) -> None:
    chat = {"protocol": "openai_chat", "url": sim.base("a"), "api_key": "k"}
    proxy = start_proxy({"upstreams": {"a": chat}, "routes": [{"upstreams": ["a"]}]})
    told_of = {"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": proxy.ca}
    done = run(**told_of)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\n0 broken, 0 to look at.\n")
    assert "[ca_trusted]" in done.stdout and "[upstream_ok]" in done.stdout
    roots = run(**{**told_of, "SSL_CERT_FILE": str(ROOT / "README.md"), "NO_PROXY": "localhost,*"})
    assert roots.returncode == 1
    assert "README.md (SSL_CERT_FILE) does not have the bridge's CA" in roots.stdout
    assert "NO_PROXY has *: calls to api.anthropic.com" in roots.stdout


def test_a_bridge_in_reverse_mode(sim: Simulator, start_proxy: Start) -> None:
    options = ("--mode", f"reverse:{sim.url}", "--set", "keep_host_header=true")
    proxy = start_proxy({"upstreams": {}, "routes": []}, *options)
    done = run("--proxy", proxy.url)
    assert done.returncode == 0 and "[bridge_reverse]" in done.stdout
    assert "[config_ok]" in done.stdout


def test_one_that_cannot_be_asked_in_reverse_mode(sim: Simulator, start_proxy: Start) -> None:
    proxy = start_proxy({"upstreams": {}, "routes": []}, "--mode", f"reverse:{sim.url}")
    done = run("--port", str(proxy.port))
    assert done.returncode == 0 and "[port_mitmproxy]" in done.stdout
    assert f"Port {proxy.port} is taken by mitmdump (process {proxy.pid})" in done.stdout


# --- the page


@pytest.fixture(scope="module")
def upstreams() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def web(upstreams: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("web")
    options = (
        *("--no-web-open-browser", "--web-port", str(free_port())),
        *("--set", f"web_password={PASSWORD}"),
    )
    with refusing_port() as dead:
        given = config(upstreams, dead)
        with running_proxy(folder, folder / "confdir", given, *options, tool="mitmweb") as proxy:
            yield proxy


@pytest.fixture(scope="module")
def page(web: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    address = web.wait_for(r"Web server listening at (http://[^/]+)/")[1]
    with browser(tmp_path_factory.mktemp("browser")) as tab:
        tab.look(1280)
        tab.open(f"{address}/bridge/?token={PASSWORD}")
        tab.wait_for("Upstreams")
        tab.open(f"{address}/bridge/doctor")
        tab.wait_for("ask all upstreams again")
        yield tab
        assert not [problem for problem in tab.problems if "/bridge/" in problem]


no_browser = pytest.mark.skipif(
    executable() is None and not os.environ.get("CI"), reason="there is no Chromium to look with"
)


@no_browser
def test_its_path_leads_to_its_page(page: Page) -> None:
    told = page.wait_for("refuses its key")
    assert page.run("location.hash") == "#/doctor"
    assert page.run("document.querySelector('nav [aria-current]').textContent") == "Doctor"
    for words in ("Broken", "cannot be reached", "NOBODY_SETS_THIS", "To do:", "In order"):
        assert words in told, words
    assert not any(key in told for key in KEYS)


@no_browser
def test_what_happens_is_shown_as_it_happens_and_is_text(page: Page, web: Proxy) -> None:
    page.wait_for("refuses its key")
    distrust(web, app="<img src=x onerror=alert(1)>")
    told = page.wait_for("does not trust")
    assert "<img src=x onerror=alert(1)> does not trust" in told
    assert page.run("document.querySelectorAll('main img').length") == 0


@no_browser
def test_upstreams_are_asked_once_and_then_when_a_person_says_so(
    page: Page, web: Proxy, upstreams: Simulator
) -> None:
    page.wait_for("refuses its key")
    before = len(upstreams.requests("wrong"))
    distrust(web, "another.example")
    page.wait_for("another.example")
    assert len(upstreams.requests("wrong")) == before
    upstreams.clear_faults("wrong")
    page.click("main button", "ask all upstreams again")
    wait_until(lambda: "refuses its key" not in page.text or None, "the key to be taken")
    assert len(upstreams.requests("wrong")) == before + 1
    upstreams.fault("wrong", {"kind": "status", "status": 401}, count=None)
    page.click("main button", "ask all upstreams again")
    page.wait_for("refuses its key")


@no_browser
def test_it_fits_the_screen_and_needs_no_mouse(page: Page) -> None:
    page.wait_for("refuses its key")
    colours = set()
    for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
        page.look(width, dark=dark)
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), width
        colours.add(page.run("getComputedStyle(document.querySelector('.card')).color"))
        if PICTURES:
            page.picture(Path(PICTURES) / f"doctor-{width}{'-dark' if dark else ''}.png")
    assert len(colours) == 2
    page.look(1280)
    page.run("location.hash = '#/'")
    page.wait_for("Last calls")
    page.run("document.querySelector('nav a[href=\"#/doctor\"]').focus()")
    page.press("Enter")
    page.wait_for("ask all upstreams again")
    page.press("Tab")
    focused = "document.activeElement?.textContent"
    wait_until(lambda: page.run(focused) == "ask all upstreams again" or None, "the button")
