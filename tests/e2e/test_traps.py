"""Bugs that users of other gateways reported, each by its number: what only a real proxy shows.

Those that a single call shows, or one file alone, stand beside the other tests of these.
"""

import threading
import time
from collections.abc import Callable

import anthropic
import httpx2
import pytest

from bridge.simulator import Recorded, Simulator, refusing_port
from tests.e2e.test_failover import FAULTS, REVERSE, app, ask, body, config
from tests.processes import Proxy, wait_until

pytestmark = pytest.mark.more

Start = Callable[..., Proxy]
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4096}


def asked(sim: Simulator, model: str = "m") -> list[str]:
    """The upstreams that got a call for this model, in order."""
    return [sent.upstream for sent in sim.requests() if sent.body["model"] == model]


# --- where a call goes


def test_trap_2_each_attempt_has_its_upstreams_own_address_key_model_and_dialect(
    sim: Simulator, start_proxy: Start
) -> None:
    order = ("a-messages", "b-chat", "c-messages")
    settings = config(sim, *order)
    for name, upstream in settings["upstreams"].items():
        upstream["models"] = {"*": f"model-{name}"}
    settings["upstreams"]["b-chat"]["url"] = sim.base("b-chat").replace("127.0.0.1", "localhost")
    settings["upstreams"]["b-chat"] |= {"auth": "api-key", "profile": "openai"}
    proxy = start_proxy(settings, *REVERSE)
    for name in order[:2]:
        sim.fault(name, FAULTS["500"])
    assert ask(proxy, stream=False) == "well"
    host = sim.url.removeprefix("http://")
    assert [_address(sent) for sent in sim.requests()] == [
        (host, "/a-messages/v1/messages", {"x-api-key": "key-a-messages"}, "model-a-messages"),
        (
            host.replace("127.0.0.1", "localhost"),
            "/b-chat/v1/chat/completions",
            {"api-key": "key-b-chat"},
            "model-b-chat",
        ),
        (host, "/c-messages/v1/messages", {"x-api-key": "key-c-messages"}, "model-c-messages"),
    ]
    limits = [set(sent.body) & {"max_tokens", "max_completion_tokens"} for sent in sim.requests()]
    assert limits == [{"max_tokens"}, {"max_completion_tokens"}, {"max_tokens"}]


def _address(sent: Recorded) -> tuple[str | None, str, dict[str, str], str]:
    names = ("authorization", "x-api-key", "api-key")
    keys = {name.lower(): value for name, value in sent.headers if name.lower() in names}
    return sent.header("host"), sent.path, keys, sent.body["model"]


def test_trap_18_a_backup_gets_no_state_that_another_upstream_made(
    sim: Simulator, start_proxy: Start
) -> None:
    """Nor does the one that made it lose it."""
    proxy = start_proxy(config(sim, "a-messages", "b-messages", "c-chat"), *REVERSE)
    with app(proxy) as client:
        talk = body("[[reason:because]][[text:so]]", False, **THINKING)
        said = client.post("/v1/messages", json=talk).json()["content"]
        thought, _ = said
        assert thought["type"] == "thinking" and thought["signature"]
        more = {"role": "user", "content": "[[text:well]]"}
        talk["messages"] += [{"role": "assistant", "content": said}, more]
        sim.forget_requests()
        for name in ("a-messages", "b-messages"):
            sim.fault(name, FAULTS["529"])
        answer = client.post("/v1/messages", json=talk)
    assert answer.json()["content"] == [{"type": "text", "text": "well"}], answer.text
    maker, same, other = sim.requests()
    assert [sent.upstream for sent in (maker, same, other)] == [
        "a-messages",
        "b-messages",
        "c-chat",
    ]
    assert maker.body["messages"][1]["content"] == said
    for sent in (same, other):
        assert thought["signature"].encode() not in sent.raw and b"brg1." not in sent.raw
        assert [turn["role"] for turn in sent.body["messages"]] == ["user", "assistant", "user"]
        assert "so" in str(sent.body["messages"][1]["content"])


# --- when it goes there


def test_trap_3_nobody_waits_for_a_limited_upstream(sim: Simulator, start_proxy: Start) -> None:
    """Not while another is well, and not in the proxy when none is: the app is told how long."""
    proxy = start_proxy(config(sim), *REVERSE)
    limit = {"kind": "status", "status": 429, "headers": {"retry-after": "30"}}
    started = time.monotonic()
    sim.fault("a-messages", limit)
    assert [ask(proxy, stream=True) for _ in range(2)] == ["well", "well"]
    assert asked(sim) == ["a-messages", "b-chat", "b-chat"]
    for name in ("a-messages", "b-chat"):
        sim.fault(name, limit)
    with app(proxy) as client:
        answer = client.post("/v1/messages", json=body("x", True))
    assert answer.status_code == 429 and 0 < int(answer.headers["retry-after"]) <= 30
    assert time.monotonic() - started < 10


def test_trap_6_thinking_alone_is_no_answer_yet(sim: Simulator, start_proxy: Start) -> None:
    proxy = start_proxy(config(sim, "a-messages", "b-messages"), *REVERSE)
    text = "[[reason:long and deep thoughts]][[text:well]]"
    sim.fault("a-messages", {"kind": "cut", "thoughts": 3})
    with app(proxy) as client:
        answer = client.post("/v1/messages", json=body(text, True, **THINKING)).text
    assert asked(sim) == ["a-messages", "b-messages"]
    assert answer.count("event: message_start") == answer.count("event: message_stop") == 1
    assert answer.count('"thinking_delta"') > 1 and "event: error" not in answer


def test_trap_8_a_cooldown_of_days_is_capped_and_ends_with_a_trial(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = start_proxy(config(sim, cooldown="1s", max_cooldown="1s"), *REVERSE)
    days = {"kind": "status", "status": 429, "headers": {"retry-after": "432000"}}
    sim.fault("a-messages", days)
    assert ask(proxy, stream=False) == "well"
    limited = time.monotonic()

    def is_back() -> bool:
        sim.forget_requests()
        assert ask(proxy, stream=False) == "well"
        return asked(sim) == ["a-messages"]

    assert not is_back()
    wait_until(is_back, "the trial")
    assert 0.9 < time.monotonic() - limited < 10
    assert is_back(), "and the success of that closed the circuit"


def test_trap_9_every_failed_attempt_of_a_call_counts(sim: Simulator, start_proxy: Start) -> None:
    proxy = start_proxy(config(sim, "a-messages", "b-chat", "c-messages"), *REVERSE)
    for name in ("a-messages", "b-chat"):
        sim.fault(name, FAULTS["429"])
    assert [ask(proxy, stream=True) for _ in range(2)] == ["well", "well"]
    assert asked(sim) == ["a-messages", "b-chat", "c-messages", "c-messages"]


def test_trap_9_what_other_calls_learned_meanwhile_counts_too(
    sim: Simulator, start_proxy: Start
) -> None:
    """The next upstream is chosen when it is needed, not when the call came in."""
    settings = config(sim, "a-messages", "b-chat", "c-messages", first_byte_timeout="4s")
    proxy = start_proxy(settings, *REVERSE)
    sim.fault("a-messages", FAULTS["hung"], match={"model": "slow"})
    sim.fault("a-messages", FAULTS["500"], match={"model": "quick"})
    sim.fault("b-chat", FAULTS["429"], match={"model": "quick"})
    with app(proxy) as client:
        call = ("/v1/messages",)
        slow = threading.Thread(
            target=client.post, args=call, kwargs={"json": {**body("x", True), "model": "slow"}}
        )
        slow.start()
        wait_until(lambda: asked(sim, "slow"), "the call that hangs")
        quick = client.post(*call, json={**body("x", True), "model": "quick"})
        assert quick.status_code == 200 and asked(sim, "slow") == ["a-messages"]
        slow.join(20)
    assert asked(sim, "quick") == ["a-messages", "b-chat", "c-messages"]
    assert asked(sim, "slow") == ["a-messages", "c-messages"]


def test_trap_14_an_upstream_that_cannot_count_still_answers(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = start_proxy(config(sim, "a-messages", "b-chat"), *REVERSE)
    gone = {"kind": "status", "status": 404}
    sim.fault("a-messages", gone, count=None, match={"path": "*count_tokens"})
    with app(proxy) as client:
        for _ in range(5):
            counted = client.post("/v1/messages/count_tokens", json=body("x", False))
            assert counted.json()["input_tokens"] > 0
    sim.forget_requests()
    assert ask(proxy, stream=False) == "well"
    assert asked(sim) == ["a-messages"]


# --- what the app is told


def test_trap_11_an_apps_own_retries_meet_a_bound(sim: Simulator, start_proxy: Start) -> None:
    """How long it waits between them is up to it; it is told how often it was tried already."""
    names = ("a-messages", "b-chat", "c-messages")
    proxy = start_proxy(config(sim, *names, max_attempts=2), *REVERSE)
    for name in names:
        sim.fault(name, FAULTS["500"], count=None)
    with (
        httpx2.Client(trust_env=False) as http,
        anthropic.Anthropic(
            api_key="app", base_url=proxy.url, max_retries=1, http_client=http
        ) as client,
        pytest.raises(anthropic.InternalServerError) as caught,
    ):
        client.messages.create(**body("x", False))
    assert len(sim.requests()) == (1 + 1) * 2
    assert caught.value.response.headers["x-bridge-attempts"] == "2"
    assert "after 2 attempts: " in caught.value.message


@pytest.mark.parametrize("upstream", ["a-messages", "b-chat"])
def test_trap_12_an_error_is_the_one_that_happened_and_says_whose_it_is(
    sim: Simulator, start_proxy: Start, upstream: str
) -> None:
    with refusing_port() as port:
        settings = config(sim, upstream, "dead-chat")
        settings["upstreams"]["dead-chat"]["url"] = f"http://127.0.0.1:{port}"
        routes = [{"match": {"model": "dead"}, "upstreams": ["dead-chat"]}]
        settings["routes"] = [*routes, {"upstreams": [upstream]}]
        proxy = start_proxy(settings, *REVERSE)
        unusual = {"kind": "status", "status": 520, "headers": {"retry-after": "9"}}
        sim.fault(upstream, unusual)
        with app(proxy) as client:
            theirs = client.post("/v1/messages", json=body("x", True))
            ours = client.post("/v1/messages", json={**body("x", True), "model": "dead"})
    error = theirs.json()["error"]
    assert (theirs.status_code, error["type"]) == (520, "api_error")
    assert theirs.headers["request-id"] and theirs.headers["retry-after"] == "9"
    assert "bridge" not in error["message"]
    assert ours.status_code == 502 and ours.json()["error"]["type"] == "api_error"
    assert ours.json()["error"]["message"].startswith("bridge: dead-chat did not answer: ")


SOCKET = {
    "connection": "upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@pytest.mark.parametrize("routed", [True, False], ids=["routed", "on its own way"])
def test_trap_54_a_websocket_is_refused_where_its_calls_would_be_routed(
    sim: Simulator, start_proxy: Start, routed: bool
) -> None:
    """Codex opens one first, and at a 426 goes on with HTTP; elsewhere the host is to answer."""
    given = config(sim, "a-messages")
    given["routes"][0]["match"] = {"protocol": "openai_responses" if routed else "openai_chat"}
    given["intercept"] = {"hosts": ["127.0.0.1"]}
    proxy = start_proxy(given)
    with httpx2.Client(proxy=proxy.url, trust_env=False, timeout=20) as client:
        answer = client.get(f"{sim.url}/v1/responses", headers=SOCKET)
        call = client.post(f"{sim.url}/v1/responses", json={"model": "m", "input": "[[text:well]]"})
    assert answer.status_code == 426
    assert ("bridge" in answer.json()["error"]["message"]) is routed
    assert [sent.method for sent in sim.requests()] == (["POST"] if routed else ["GET", "POST"])
    assert call.status_code == 200 and ("a-messages" in sim.requests()[-1].path) is routed


# --- what there is to look at


def test_trap_56_a_call_that_goes_its_own_way_streams_too_and_is_kept(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = start_proxy({"intercept": {"hosts": ["127.0.0.1"]}, "upstreams": {}, "routes": []})
    sim.fault(None, {"kind": "stall", "after": 2})
    headers = {"x-api-key": "app", "anthropic-version": "2023-06-01"}
    call = {"json": body("[[words:9]]", True), "headers": headers}
    received = ""
    with (
        httpx2.Client(proxy=proxy.url, trust_env=False, timeout=20) as client,
        client.stream("POST", f"{sim.url}/v1/messages", **call) as answer,
    ):
        for line in answer.iter_lines():
            received += f"{line}\n"
            if received.count("text_delta") == 2:
                break  # two words are here although the third never comes
    [flow] = proxy.flows()
    bodies = flow.metadata["bridge"]["bodies"]
    assert bodies["upstream_response"].startswith(received.rstrip())
    assert "[[words:9]]" in bodies["client_request"]


def test_trap_56_a_stream_that_is_no_call_of_ours_is_not_held_back(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = start_proxy({"intercept": {"hosts": []}, "upstreams": {}, "routes": []})
    sim.fault(None, {"kind": "stall", "after": 2})
    headers = {"x-api-key": "app", "anthropic-version": "2023-06-01"}
    call = {"json": body("[[words:9]]", True), "headers": headers}
    received = ""
    with (
        httpx2.Client(proxy=proxy.url, trust_env=False, timeout=20) as client,
        client.stream("POST", f"{sim.url}/v1/messages", **call) as answer,
    ):
        for line in answer.iter_lines():
            received += f"{line}\n"
            if received.count("text_delta") == 2:
                break
    [flow] = proxy.flows()
    assert "bridge" not in flow.metadata
    assert flow.response and (flow.response.text or "").startswith(received.rstrip())
