"""Routes by what a request is: each kind of call of one app goes to an upstream of its own."""

import json
from collections.abc import Callable
from typing import Any

import httpx2

from bridge.simulator import Simulator
from tests.processes import Proxy

ROUTES: dict[str, dict[str, Any]] = {
    "for-titles": {"side": True},
    "for-agents": {"agent": True},
    "for-one-user": {"field": {"metadata.user_id": "*alice*"}},
    "for-one-app": {"app": "opencode/*"},
    "for-images": {"has": ["images"]},
    "for-thinking": {"thinking": True},
    "for-all-else": {},
}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}
CLAUDE_CODE = {"user-agent": "claude-cli/2.1.330 (external, cli)"}
# By the upstream that is to get it: the headers and what the body has besides.
CALLS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "for-titles": (CLAUDE_CODE, {"system": "You are a title generator. You output ONLY a title."}),
    "for-agents": ({**CLAUDE_CODE, "x-claude-code-agent-id": "a1"}, {}),
    "for-one-user": (CLAUDE_CODE, {"metadata": {"user_id": "alice-1"}}),
    "for-one-app": ({"user-agent": "opencode/1.18.33 ai-sdk"}, {}),
    "for-images": (CLAUDE_CODE, {"messages": [{"role": "user", "content": [IMAGE]}]}),
    "for-thinking": (CLAUDE_CODE, {"thinking": {"type": "adaptive"}}),
    "for-all-else": (CLAUDE_CODE, {}),
}


def test_each_kind_of_call_has_its_upstream(
    sim: Simulator, start_proxy: Callable[..., Proxy]
) -> None:
    settings = {
        "upstreams": {
            name: {"protocol": "openai_chat", "url": sim.base(name), "api_key": "k"}
            for name in ROUTES
        },
        "routes": [{"match": match, "upstreams": [name]} for name, match in ROUTES.items()],
    }
    proxy = start_proxy(settings, "--mode", "reverse:http://127.0.0.1:9")
    turns = [{"role": "user", "content": "hi"}]
    with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as app:
        for headers, more in CALLS.values():
            body = {"model": "claude-opus-5-5", "max_tokens": 4000, "messages": turns, **more}
            answer = app.post("/v1/messages", content=json.dumps(body), headers=headers)
            assert answer.status_code == 200, answer.text
    assert [request.upstream for request in sim.requests()] == list(CALLS)
