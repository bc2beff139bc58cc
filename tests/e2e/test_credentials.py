"""Credentials, the app's, the upstreams' and those for other servers: nobody is shown them, and no
file has them, while whoever needs them gets them."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bridge.simulator import Simulator
from tests.e2e.web import Web, running_web

pytestmark = pytest.mark.more

OF_APP, OF_UPSTREAM, OF_SERVER = "key-of-the-app", "key-of-an-upstream", "key-of-mcp-4711"
SECRETS = (OF_APP, OF_UPSTREAM, OF_SERVER)
HELLO = "Hello. [[text:There.]]"
MESSAGES = {
    "model": "m",
    "max_tokens": 99,
    "messages": [{"role": "user", "content": HELLO}],
    "mcp_servers": [
        {"type": "url", "name": "n", "url": "https://n.test", "authorization_token": OF_SERVER}
    ],
    "tools": [{"type": "mcp_toolset", "mcp_server_name": "n"}],
}
MCP = {
    "type": "mcp",
    "server_label": "n",
    "server_url": "https://n.test",
    "headers": {"Authorization": f"Bearer {OF_SERVER}"},
    "require_approval": "never",
}
RESPONSES = {"model": "m", "input": HELLO, "tools": [MCP]}
BODIES: dict[str, dict[str, Any]] = {"messages": MESSAGES, "responses": RESPONSES}
HEADERS = {
    "messages": {"x-api-key": OF_APP, "anthropic-version": "2023-06-01", "anthropic-beta": "x"},
    "responses": {"authorization": f"Bearer {OF_APP}"},
}


def config(sim: Simulator, routed: bool) -> dict[str, Any]:
    names = {"first": "openai_responses", "then": "openai_responses", "own": "anthropic_messages"}
    return {
        "upstreams": {
            name: {"protocol": protocol, "url": sim.base(name), "api_key": OF_UPSTREAM}
            for name, protocol in names.items()
        },
        "routes": [
            {"match": {"protocol": "anthropic_messages"}, "upstreams": ["first", "then"]},
            {"upstreams": ["own"]},
        ][: 2 if routed else 0],
        "failover": {"health_check": {"interval": 0}},
    }


def told(web: Web) -> str:
    """All that mitmweb and the pages say."""
    client, said = web._client, [json.dumps(web.flows())]
    for path in ("status", "metrics", "api/state", "api/calls", "api/conversations"):
        said.append(client.get(f"/bridge/{path}").text)
    for flow in web.flows():
        said.append(client.get(f"/bridge/api/call/{flow['id']}").text)
        for message in ("request", "response"):
            said.append(web.body(flow["id"], message).decode())
            for view in ("LLM", "LLM wire", "LLM events"):
                said.append(web.shown(flow["id"], message, view)[1])
    return "\n".join(said)


@pytest.mark.parametrize("routed", [True, False], ids=["routed", "watched"])
def test_nobody_is_shown_them_and_no_file_has_them(
    sim: Simulator, tmp_path: Path, confdir: Path, routed: bool
) -> None:
    target = "http://127.0.0.1:9" if routed else sim.base("own").removesuffix("/own/v1")
    with running_web(tmp_path, confdir, config(sim, routed), "--mode", f"reverse:{target}") as web:
        if routed:
            sim.fault("first", {"kind": "status", "status": 529})
        with httpx2.Client(base_url=web.proxy.url, trust_env=False, timeout=20) as app:
            for stream in (False, True):
                for path, body in BODIES.items():
                    answer = app.post(
                        f"/v1/{path}" if routed else f"/own/v1/{path}",
                        json={**body, "stream": stream},
                        headers=HEADERS[path],
                    )
                    assert answer.status_code == 200 and "There." in answer.text, answer.text
            path = "/v1/messages/count_tokens" if routed else "/own/v1/messages/count_tokens"
            counted = app.post(path, json=MESSAGES, headers=HEADERS["messages"])
            assert counted.status_code == 200, counted.text
        assert OF_SERVER in str([request.body for request in sim.requests()])
        web.over(5 if routed else 4)
        said = told(web)
        assert not [secret for secret in SECRETS if secret in said]
        assert "***" in said
        saved = "".join(map(str, (flow.get_state() for flow in web.proxy.flows())))
        assert not [secret for secret in SECRETS if secret in saved]
        assert not [secret for secret in SECRETS if secret in web.proxy.output]


def test_a_replay_has_them_and_a_case_does_not(
    sim: Simulator, tmp_path: Path, confdir: Path
) -> None:
    with running_web(
        tmp_path, confdir, config(sim, True), "--mode", "reverse:http://127.0.0.1:9"
    ) as web:
        with httpx2.Client(base_url=web.proxy.url, trust_env=False, timeout=20) as app:
            assert app.post("/v1/messages", json=MESSAGES).status_code == 200
        [call] = web.over(1)
        sim.forget_requests()
        web.run("bridge.replay", "@all", "own")
        web.over(2)
        [sent] = sim.requests("own")
        assert sent.body["mcp_servers"][0]["authorization_token"] == OF_SERVER
        case = tmp_path / "case.json"
        line = web.run("bridge.export", "~comment '^anthropic_messages'", str(case))
        assert "not as it was captured" not in line and call
        assert OF_SERVER not in case.read_text() and "***" in case.read_text()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("routed", [True, False], ids=["routed", "watched"])
def test_a_key_that_is_refused_and_repeated_is_shown_to_nobody(
    sim: Simulator, tmp_path: Path, confdir: Path, routed: bool, stream: bool
) -> None:
    """Many gateways do; the app gets back its own at most."""
    key = OF_UPSTREAM if routed else OF_APP
    error = {"error": {"message": f"Incorrect API key provided: {key}", "type": "invalid"}}
    for upstream in ("first", "then", "own"):
        sim.fault(upstream, {"kind": "status", "status": 401, "body": error}, count=9)
    target = "http://127.0.0.1:9" if routed else sim.base("own").removesuffix("/own/v1")
    with running_web(tmp_path, confdir, config(sim, routed), "--mode", f"reverse:{target}") as web:
        with httpx2.Client(base_url=web.proxy.url, trust_env=False, timeout=20) as app:
            for path, body in BODIES.items():
                call = {"json": {**body, "stream": stream}, "headers": HEADERS[path]}
                answer = app.post(f"/v1/{path}" if routed else f"/own/v1/{path}", **call)
                assert answer.status_code == 401, answer.text
                shown = "***" if routed else OF_APP
                assert f"Incorrect API key provided: {shown}" in answer.text
        web.over(5 if routed else 2)  # with a row for each attempt
        said = told(web)
        assert "Incorrect API key provided: ***" in said
        assert not [secret for secret in SECRETS if secret in said]
        saved = "".join(map(str, (flow.get_state() for flow in web.proxy.flows())))
        assert not [secret for secret in SECRETS if secret in saved]
        assert not [secret for secret in SECRETS if secret in web.proxy.output]


def test_nor_is_one_that_an_endpoint_beside_the_calls_repeats(
    sim: Simulator, tmp_path: Path, confdir: Path
) -> None:
    up = {"protocol": "openai_responses", "url": sim.base("up"), "api_key": OF_UPSTREAM}
    given = {"upstreams": {"up": {**up, "profile": "openai"}}, "routes": [{"upstreams": ["up"]}]}
    given["failover"] = {"health_check": {"interval": 0}}
    error = {"error": {"message": f"Incorrect API key provided: {OF_UPSTREAM}"}}
    sim.fault("up", {"kind": "status", "status": 401, "body": error}, count=9)
    web_options = ("--mode", "reverse:http://127.0.0.1:9")
    with running_web(tmp_path, confdir, given, *web_options) as web:
        with httpx2.Client(base_url=web.proxy.url, trust_env=False, timeout=20) as app:
            for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/input_items")):
                answer = app.request(method, f"/v1/responses/resp_1{path}")
                assert answer.status_code == 401 and "provided: ***" in answer.text
        assert len(web.flows()) == 3 and OF_UPSTREAM not in told(web)
        saved = "".join(map(str, (flow.get_state() for flow in web.proxy.flows())))
        assert OF_UPSTREAM not in saved
