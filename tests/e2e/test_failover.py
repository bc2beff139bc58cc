"""The app never notices: an upstream fails, and the same request is answered by another one.

pytestmark = pytest.mark.more

Real proxies, upstreams that misbehave. What the app gets is read as the app would read it.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from bridge.simulator import Simulator, refusing_port
from tests.processes import Proxy, wait_until

Start = Callable[..., Proxy]
REVERSE = ("--mode", "reverse:http://127.0.0.1:9")  # nothing listens there: routes decide
PROTOCOLS = {"chat": "openai_chat", "messages": "anthropic_messages"}


def config(sim: Simulator, *order: str, routes: Any = None, **failover: Any) -> dict[str, Any]:
    """Upstreams `a-chat`, `b-messages`, ... in the order they are tried."""
    order = order or ("a-messages", "b-chat")
    upstreams = {
        name: {
            "protocol": PROTOCOLS[name.split("-")[1]],
            "url": sim.base(name),
            "api_key": f"key-{name}",
        }
        for name in order
    }
    given = {"cooldown": "60s", "health_check": {"interval": 0}, "first_byte_timeout": "700ms"}
    return {
        "upstreams": upstreams,
        "routes": routes or [{"upstreams": list(order)}],
        "failover": {**given, **failover},
    }


APPS: dict[str, tuple[str, dict[str, Any]]] = {
    "messages": ("/v1/messages", {"max_tokens": 99}),
    "chat": ("/v1/chat/completions", {"stream_options": {"include_usage": True}}),
}


@contextmanager
def app(proxy: Proxy) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
        yield client


def body(text: str, stream: bool, app: str = "messages", **fields: Any) -> dict[str, Any]:
    path, more = APPS[app]
    more = more if stream or "stream_options" not in more else {}
    turns = [{"role": "user", "content": text}]
    return {"model": "m", "messages": turns, "stream": stream, **more, **fields}


def ask(proxy: Proxy, text: str = "[[text:well]]", *, stream: bool, app: str = "messages") -> str:
    """What the app was told, read to its proper end."""
    with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
        answer = client.post(APPS[app][0], json=body(text, stream, app))
    assert answer.status_code == 200, answer.text
    return told(answer.text, stream, app)


def told(answer: str, stream: bool, app: str) -> str:
    if not stream:
        whole = json.loads(answer)
        if app == "messages":
            return "".join(block["text"] for block in whole["content"])
        return str(whole["choices"][0]["message"]["content"])
    events = [json.loads(line[6:]) for line in answer.splitlines() if line.startswith("data: {")]
    assert "error" not in answer
    if app == "messages":
        assert events[-1] == {"type": "message_stop"}
        assert [e["type"] for e in events].count("message_start") == 1
        deltas = [e["delta"] for e in events if e["type"] == "content_block_delta"]
        return "".join(delta.get("text", "") for delta in deltas)
    assert answer.endswith("data: [DONE]\n\n")
    return "".join(c["delta"].get("content") or "" for e in events for c in e["choices"])


FAULTS: dict[str, Any] = {
    "429": {"kind": "status", "status": 429, "headers": {"retry-after": "30"}},
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503},
    "529": {"kind": "status", "status": 529},
    "an error page": {"kind": "html", "status": 502},
    "refused": {"kind": "refused"},
    "dropped": {"kind": "drop"},
    "reset": {"kind": "drop", "reset": True},
    "hung": {"kind": "hang"},
}
STREAM_FAULTS: dict[str, Any] = {
    "an error instead of an answer": {"kind": "error_event", "at": 0},
    "an error behind the handshake": {"kind": "error_event", "after": 0},
    "nothing at all": {"kind": "empty"},
    "cut before content": {"kind": "cut", "after": 0},
    "reset before content": {"kind": "cut", "after": 0, "reset": True},
    "stalled before content": {"kind": "stall", "after": 0},
}


@pytest.mark.parametrize("name", ["messages", "chat"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_trap_1_the_backup_answers_the_same_request(
    sim: Simulator, start_proxy: Start, stream: bool, name: str
) -> None:
    """Also of trap 4, an error within a 200, and of trap 5, a stream with nothing in it."""
    faults = {**FAULTS, **(STREAM_FAULTS if stream else {})}
    proxy = start_proxy(
        config(sim, whole_timeout="1s", cooldown="1ms", max_cooldown="1ms"), *REVERSE
    )
    for what, fault in faults.items():
        sim.clear_faults()
        sim.forget_requests()
        sim.fault("a-messages", fault)
        assert ask(proxy, stream=stream, app=name) == "well", what
        asked = [r.upstream for r in sim.requests()]
        assert asked[-1] == "b-chat" and asked.count("b-chat") == 1, what
    flows = [f for f in proxy.flows() if "bridge" in f.metadata]
    assert len(flows) == len(faults)
    for flow, what in zip(flows, faults, strict=True):
        tries = [(t["upstream"], t["outcome"]) for t in flow.metadata["bridge"]["attempts"]]
        assert [upstream for upstream, _ in tries] == ["a-messages", "b-chat"], what
        assert tries[0][1] in ("error", "unreachable", "cut", "timeout"), what
        assert tries[1][1] == "ok" and flow.marked == ":arrows_counterclockwise:"
        assert "failed over" in flow.comment and "key-" not in str(flow.get_state()), what


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_one_request_survives_one_failure_of_every_kind(
    sim: Simulator, start_proxy: Start, stream: bool
) -> None:
    order = ["a-messages", "b-chat", "c-messages", "d-chat", "e-messages"]
    proxy = start_proxy(config(sim, *order, whole_timeout="1s"), *REVERSE)
    for name, kind in zip(order, ["429", "refused", "dropped", "hung"], strict=False):
        sim.fault(name, FAULTS[kind])
    assert ask(proxy, stream=stream) == "well"
    assert [r.upstream for r in sim.requests()][-1] == "e-messages"


def test_over_http2_too(sim: Simulator, start_proxy: Start) -> None:
    """Also of trap 55: the app has its vendor's address built in."""
    proxy = start_proxy(config(sim, "a-chat", "b-messages", "c-chat"), "--mode", "regular")
    with httpx2.Client(
        proxy=proxy.url, http2=True, verify=_trust(proxy), trust_env=False, timeout=20
    ) as client:
        for fault in (FAULTS["429"], FAULTS["dropped"], STREAM_FAULTS["cut before content"]):
            sim.clear_faults()
            sim.fault("a-chat", fault)
            answer = client.post(
                "https://api.anthropic.com/v1/messages", json=body("[[text:x]]", True)
            )
            assert answer.http_version == "HTTP/2"
            assert told(answer.text, True, "messages") == "x"


def test_calls_over_one_connection_of_an_app_do_not_wait_for_each_other(
    sim: Simulator, start_proxy: Start
) -> None:
    """Over HTTP/2 there is one for all of them; to the upstream each has its own."""
    many, url = 20, "https://api.anthropic.com/v1/messages"
    proxy = start_proxy(config(sim, "a-chat", first_byte_timeout="30s"), "--mode", "regular")

    async def ask_all() -> None:
        async with httpx2.AsyncClient(
            proxy=proxy.url, http2=True, verify=_trust(proxy), trust_env=False, timeout=20
        ) as client:
            await client.post(url, json=body("x", True))  # now it has its connection
            sim.fault("a-chat", FAULTS["hung"], count=many)
            calls = [
                asyncio.create_task(client.post(url, json=body("x", True))) for _ in range(many)
            ]
            try:
                await asyncio.to_thread(wait_until, all_there, "the upstream to have all of them")
            finally:
                for call in calls:
                    call.cancel()
                await asyncio.gather(*calls, return_exceptions=True)

    def all_there() -> bool:
        return bool(sim.state()["upstreams"]["a-chat"]["open"] == many)

    asyncio.run(ask_all())


def _trust(proxy: Proxy) -> Any:
    import ssl

    return ssl.create_default_context(cafile=proxy.ca)


def test_what_is_the_apps_own_mistake_goes_back_to_it(sim: Simulator, start_proxy: Start) -> None:
    proxy = start_proxy(config(sim, "a-messages", "b-messages"), *REVERSE)
    wrong = {"type": "error", "error": {"type": "invalid_request_error", "message": "no such key"}}
    for status in (400, 413, 422):
        sim.forget_requests()
        sim.fault("a-messages", {"kind": "status", "status": status, "body": wrong})
        with app(proxy) as client:
            answer = client.post("/v1/messages", json=body("x", True))
        assert answer.status_code == status
        assert answer.json()["type"] == "error"
        assert [r.upstream for r in sim.requests()] == ["a-messages"]


def test_trap_13_a_400_about_money_is_the_accounts(sim: Simulator, start_proxy: Start) -> None:
    proxy = start_proxy(config(sim), *REVERSE)
    poor = {"type": "invalid_request_error", "message": "Your credit balance is too low"}
    fault = {"kind": "status", "status": 400, "body": {"type": "error", "error": poor}}
    sim.fault("a-messages", fault)
    assert ask(proxy, stream=True) == "well"


def test_trap_10_when_all_fail_the_most_useful_error_comes_back(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = start_proxy(config(sim, "a-chat", "b-messages", "c-chat"), *REVERSE)
    sim.fault("a-chat", FAULTS["dropped"])
    limited = {
        "kind": "status",
        "status": 429,
        "headers": {"retry-after": "7", "request-id": "req_7"},
    }
    sim.fault("b-messages", limited)
    sim.fault("c-chat", FAULTS["500"])
    with app(proxy) as client:
        answer = client.post("/v1/messages", json=body("x", True))
    assert answer.status_code == 429
    assert answer.json()["error"]["type"] == "rate_limit_error"
    tried = "after 3 attempts: a-chat unreachable, b-messages 429, c-chat 500"
    assert tried in answer.json()["error"]["message"]
    assert answer.headers["x-bridge-attempts"] == "3"
    assert 0 < int(answer.headers["retry-after"]) <= 7
    assert answer.headers["request-id"] == "req_7"


CONTENT_FAULTS: dict[str, Any] = {
    "cut": {"kind": "cut", "after": 2},
    "reset": {"kind": "cut", "after": 2, "reset": True},
    "an error": {"kind": "error_event", "after": 2},
    "stalled": {"kind": "stall", "after": 2},
}


@pytest.mark.parametrize("name", ["messages", "chat"])
@pytest.mark.parametrize("fault", CONTENT_FAULTS.values(), ids=CONTENT_FAULTS)
def test_behind_the_first_content_a_failure_is_told_and_never_an_end(
    sim: Simulator, start_proxy: Start, fault: Any, name: str
) -> None:
    proxy = start_proxy(config(sim, idle_timeout="700ms"), *REVERSE)
    sim.fault("a-messages", [fault, {"kind": "slow", "between": 0.05}])
    with app(proxy) as client:
        answer = client.post(APPS[name][0], json=body("[[words:9]]", True, name))
    assert answer.status_code == 200
    last = answer.text.strip().rpartition("\n")[2]
    assert "error" in json.loads(last.removeprefix("data: "))
    assert "message_stop" not in answer.text and "[DONE]" not in answer.text
    assert [r.upstream for r in sim.requests()] == ["a-messages"]


def test_an_app_on_a_kept_connection_sees_an_upstream_return(
    sim: Simulator, start_proxy: Start
) -> None:
    with refusing_port() as port:
        settings = config(sim, "a-messages", "b-messages", cooldown="100ms")
        settings["upstreams"]["a-messages"]["url"] = f"http://127.0.0.1:{port}"
        proxy = start_proxy(settings, *REVERSE)
        with app(proxy) as client:
            for _ in range(4):
                assert client.post("/v1/messages", json=body("x", False)).status_code == 200
            settings["upstreams"]["a-messages"]["url"] = sim.base("a-messages")
            proxy.configure(settings)
            proxy.wait_for("was read again")
            sim.forget_requests()
            assert client.post("/v1/messages", json=body("x", False)).status_code == 200
    assert [r.upstream for r in sim.requests()] == ["a-messages"]


def test_trap_49_pings_fill_the_silence_of_a_stream_that_has_begun(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = start_proxy(config(sim, ping_interval="200ms", first_byte_timeout="5s"), *REVERSE)
    sim.fault("a-messages", {"kind": "slow", "between": 0.5})
    with app(proxy) as client:
        answer = client.post("/v1/chat/completions", json=body("[[words:3]]", True, "chat"))
    assert answer.text.count(": keepalive") >= 2 and answer.text.endswith("data: [DONE]\n\n")


def test_an_early_stream_says_something_and_still_fails_over(
    sim: Simulator, start_proxy: Start
) -> None:
    settings = config(sim, early_stream="200ms", ping_interval="200ms", first_byte_timeout="1s")
    proxy = start_proxy(settings, *REVERSE)
    sim.fault("a-messages", FAULTS["hung"])
    started = time.monotonic()
    with (
        app(proxy) as client,
        client.stream("POST", "/v1/messages", json=body("x", True)) as answer,
    ):
        assert time.monotonic() - started < 0.9 and answer.status_code == 200
        text = "".join(answer.iter_text())
    assert text.startswith(": ") and "message_stop" in text
    assert [r.upstream for r in sim.requests()] == ["a-messages", "b-chat"]


def test_an_early_stream_that_nobody_answers_ends_with_the_dialects_error(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = start_proxy(config(sim, early_stream="100ms", first_byte_timeout="500ms"), *REVERSE)
    for name in ("a-messages", "b-chat"):
        sim.fault(name, FAULTS["hung"])
    with app(proxy) as client:
        answer = client.post("/v1/messages", json=body("x", True))
    assert answer.status_code == 200 and answer.text.count("event: error") == 1
    assert "message_stop" not in answer.text


def test_trap_17_an_app_that_hangs_up_ends_the_attempt_under_way(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = start_proxy(config(sim, first_byte_timeout="30s"), *REVERSE)
    sim.fault("a-messages", FAULTS["429"])
    sim.fault("b-chat", FAULTS["hung"])
    with pytest.raises(httpx2.ReadTimeout), app(proxy) as client:
        client.post("/v1/messages", json=body("x", True), timeout=1.5)
    wait_until(lambda: sim.state()["upstreams"]["b-chat"]["open"] == 0, "the attempt to end")
    [flow] = [f for f in proxy.flows() if "bridge" in f.metadata]
    tries = flow.metadata["bridge"]["attempts"]
    assert [t["outcome"] for t in tries] == ["error", "cancelled"]


def test_many_at_once_while_upstreams_come_and_go(sim: Simulator, start_proxy: Start) -> None:
    """Each of them may fail at any time, never both."""
    settings = config(sim, "a-messages", "b-chat", cooldown="50ms", connection_errors=1)
    proxy = start_proxy(settings, *REVERSE)
    failures: list[str] = []
    stop = threading.Event()

    def client() -> None:
        while not stop.is_set():
            try:
                if ask(proxy, "[[words:5]]", stream=True) == "":
                    failures.append("empty")
            except Exception as error:
                failures.append(repr(error))

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    for turn in range(10):
        down = ("a-messages", "b-chat")[turn % 2]
        kinds = (FAULTS["dropped"], FAULTS["529"], FAULTS["429"])
        sim.fault(down, kinds[turn % 3], count=None)
        for _ in range(2):  # and a while with both, or a request could meet one after the other
            sim.forget_requests()
            wait_until(lambda: len(sim.requests()) > 15, "traffic")
            sim.clear_faults(down)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert failures == []
