"""With `mask: true` the app gets its answers, and nobody else reads them."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bridge.simulator import Simulator
from tests.e2e.web import running_web
from tests.processes import Proxy, wait_until

pytestmark = pytest.mark.more

Start = Callable[..., Proxy]
HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
SECRET, WORD = "Rumpelstiltskin", "Xylophonist"
SENT = [{"role": "user", "content": f"My name is {SECRET}. [[text:{WORD} plays]]"}]


@pytest.mark.parametrize("routed", [True, False], ids=["routed", "watched"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_app_gets_what_no_file_holds(
    sim: Simulator, start_proxy: Start, stream: bool, routed: bool
) -> None:
    chat = {"protocol": "openai_chat", "url": sim.base("chat"), "api_key": "k"}
    config: dict[str, Any] = {"mask": True, "failover": {"health_check": {"interval": 0}}}
    config["upstreams"] = {"chat": chat}
    config["routes"] = [{"upstreams": ["chat"]}] if routed else []
    target = "http://127.0.0.1:9" if routed else sim.base("own").removesuffix("/own/v1")
    proxy = start_proxy(config, "--mode", f"reverse:{target}")
    path = "/v1/messages" if routed else "/own/v1/messages"
    body = {"model": "claude-x", "max_tokens": 50, "stream": stream, "messages": SENT}
    with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
        for _ in range(2):  # over one connection
            answer = client.post(path, json=body, headers=HEADERS)
            assert answer.status_code == 200, answer.text
            assert WORD in said(answer.text, stream)
    assert SECRET in str(sim.requests()[-1].body), "the upstream gets it as it is"
    flows = proxy.flows()
    assert len(flows) == 2
    for flow in flows:
        saved = str(flow.get_state())
        assert SECRET not in saved and WORD not in saved
        record = flow.metadata["bridge"]
        assert record["masked"] and record["stop"] == "stop"
        kept = json.loads(record["bodies"]["client_request"])
        assert kept["model"] == "claude-x" and kept["messages"][0]["role"] == "user"
        assert len(kept["messages"][0]["content"]) == len(SENT[0]["content"])
        assert flow.response and b"xxxx" in (flow.response.content or b"")


def said(text: str, stream: bool) -> str:
    if not stream:
        return str(json.loads(text)["content"][0]["text"])
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    return "".join(event.get("delta", {}).get("text", "") for event in events)


def test_what_goes_wrong_says_no_more_in_files_and_no_less_to_the_app(
    sim: Simulator, tmp_path: Path, confdir: Path
) -> None:
    """Failover, an upstream's error that quotes the app, the bridge's own refusal, a fault that was
    injected, an endpoint beside the call, an answer that the app names later."""
    config: dict[str, Any] = {
        "mask": True,
        "upstreams": {
            name: {"protocol": "openai_chat", "url": sim.base(name), "api_key": "k"}
            for name in ("a", "b")
        },
        "routes": [{"upstreams": ["a", "b"]}],
        "failover": {"health_check": {"interval": 0}},
    }
    quoted = {"error": {"message": f"{WORD} is no word", "type": "invalid_request_error"}}
    body = {"model": "claude-x", "max_tokens": 50, "messages": SENT}
    picture = {"type": "image", "source": {"type": "file", "file_id": "f"}}
    refused = {**body, "messages": [{"role": "user", "content": [picture, *said_parts()]}]}
    stored = {"model": "m", "input": f"[[text:{WORD}]]", "store": True}
    with running_web(tmp_path, confdir, config, "--mode", "reverse:http://127.0.0.1:9") as web:
        client = httpx2.Client(base_url=web.proxy.url, trust_env=False, timeout=20)
        with client:
            sim.fault("a", {"kind": "status", "status": 529, "body": quoted})
            assert WORD in client.post("/v1/messages", json=body, headers=HEADERS).text
            sim.fault("a", {"kind": "status", "status": 400, "body": quoted})
            told = client.post("/v1/messages", json=body, headers=HEADERS).json()
            assert told["error"]["message"] == f"{WORD} is no word"
            told = client.post("/v1/messages", json=refused, headers=HEADERS).json()
            assert "an image kept by its vendor" in told["error"]["message"]
            web.run("bridge.inject", "~all", "429")
            told = client.post("/v1/messages", json=body, headers=HEADERS).json()
            assert told["error"]["message"] == "bridge: injected 429"
            count = client.post("/v1/messages/count_tokens", json=body, headers=HEADERS).json()
            assert count["input_tokens"] > 0
            answer = client.post("/v1/responses", json=stored).json()
            assert WORD in client.get(f"/v1/responses/{answer['id']}").text
        shown = json.dumps(web.flows())
        for flow in web.flows():
            shown += web._client.get(f"/bridge/api/call/{flow['id']}").text
            for message in ("request", "response"):
                shown += web.body(flow["id"], message).decode()
                shown += web.shown(flow["id"], message)[1]
        saved = "".join(str(flow.get_state()) for flow in web.proxy.flows())
        assert SECRET not in shown and WORD not in shown
        assert SECRET not in saved and WORD not in saved


def said_parts() -> list[dict[str, str]]:
    return [{"type": "text", "text": SENT[0]["content"]}]


@pytest.mark.parametrize("routed", [True, False], ids=["routed", "watched"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_call_that_is_under_way_when_the_proxy_stops_is_saved_without_text_and_keys(
    sim: Simulator, start_proxy: Start, stream: bool, routed: bool
) -> None:
    chat = {"protocol": "openai_chat", "url": sim.base("chat"), "api_key": "key-of-an-upstream"}
    config: dict[str, Any] = {"mask": True, "failover": {"health_check": {"interval": 0}}}
    config["upstreams"] = {"chat": chat}
    config["routes"] = [{"upstreams": ["chat"]}] if routed else []
    target = "http://127.0.0.1:9" if routed else sim.base("own").removesuffix("/own/v1")
    proxy = start_proxy(config, "--mode", f"reverse:{target}")
    sim.fault(None, {"kind": "stall", "after": 2 if stream else 0}, count=None)
    path = "/v1/messages" if routed else "/own/v1/messages"
    body = {"model": "claude-x", "max_tokens": 50, "stream": stream, "messages": SENT}
    headers = {**HEADERS, "x-api-key": "key-of-the-app"}
    with ThreadPoolExecutor(1) as pool, httpx2.Client(trust_env=False, timeout=20) as client:
        pool.submit(client.post, f"{proxy.url}{path}", json=body, headers=headers)
        wait_until(sim.requests, "the call upstream")
        flows = proxy.flows()
    [flow] = flows
    saved = str(flow.get_state())
    assert not [each for each in (SECRET, WORD, "key-of-the-app", "key-of-an") if each in saved]
    assert flow.metadata["bridge"]["masked"]
    assert "the proxy was stopped" in str(flow.metadata["bridge"]["attempts"])
