"""Failed attempts as rows of their own in mitmweb's list of flows."""

from pathlib import Path

import httpx2

from bridge.simulator import Simulator
from scripts._processes import free_port
from tests.processes import running_proxy


def test_each_failed_attempt_is_a_marked_row_with_what_was_sent_and_what_came(
    sim: Simulator, tmp_path: Path, confdir: Path
) -> None:
    upstreams = {
        name: {"protocol": protocol, "url": sim.base(name), "api_key": f"key-{name}"}
        for name, protocol in (
            ("a", "openai_chat"),
            ("b", "anthropic_messages"),
            ("c", "openai_chat"),
        )
    }
    config = {
        "upstreams": upstreams,
        "routes": [{"upstreams": list(upstreams)}],
        "failover": {"health_check": {"interval": 0}},
    }
    web = ("--web-port", str(free_port()), "--no-web-open-browser", "--set", "web_password=secret")
    options = ("--mode", "reverse:http://127.0.0.1:9", *web)
    with running_proxy(tmp_path, confdir, config, *options, tool="mitmweb") as proxy:
        page = proxy.wait_for(r"Web server listening at (http://[^/\s]+)")[1]
        sim.fault("a", {"kind": "status", "status": 529})
        sim.fault("b", {"kind": "drop"})
        body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        with httpx2.Client(trust_env=False, timeout=20) as app:
            assert app.post(f"{proxy.url}/v1/messages", json=body).status_code == 200
        with httpx2.Client(
            base_url=page, trust_env=False, headers={"authorization": "Bearer secret"}
        ) as client:
            rows = client.get("/flows").json()
            call, first, second = sorted(rows, key=lambda row: "attempt of" in row["comment"])
            assert first["comment"].startswith(f"attempt of {call['id']}: a: ")
            assert second["comment"].startswith(f"attempt of {call['id']}: b: ")
            assert first["marked"] and second["marked"] and "failed over: a 529" in call["comment"]
            assert first["response"]["status_code"] == 529 and not second.get("response")
            assert first["request"]["path"] == "/a/v1/chat/completions"
            assert second["request"]["path"] == "/b/v1/messages"
            sent = client.get(f"/flows/{first['id']}/request/content.data").json()
            came = client.get(f"/flows/{first['id']}/response/content.data").json()
            assert sent["messages"] and came["error"]
            assert "key-" not in str(rows)
