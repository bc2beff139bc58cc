"""A breakpoint of mitmproxy's: a person changes what the app asked, and that is translated."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2

from bridge.simulator import Simulator
from tests.e2e.test_views import ASKED, MESSAGES, REVERSE, config
from tests.e2e.web import Web, running_web
from tests.processes import wait_until


def stopped(web: Web) -> str:
    """The id of the flow that waits for a person."""

    def look() -> str | None:
        return next((flow["id"] for flow in web.flows() if flow["intercepted"]), None)

    return wait_until(look, "a flow to be stopped")


def test_what_was_changed_at_a_breakpoint_goes_to_every_upstream_in_its_own_words(
    sim: Simulator, tmp_path: Path, confdir: Path
) -> None:
    intercept = ("--set", "intercept=~q & ~u v1/messages")
    with running_web(tmp_path, confdir, config(sim), *REVERSE, *intercept) as web:
        sim.fault("broken", {"kind": "status", "status": 529})
        with ThreadPoolExecutor(1) as pool, httpx2.Client(trust_env=False, timeout=20) as app:
            answer = pool.submit(app.post, f"{web.proxy.url}/v1/messages", json=MESSAGES)
            flow = stopped(web)
            assert web.shown(flow, "request") == ("LLM", ASKED)
            changed = web.body(flow, "request").replace(b'"15 C"', b'"35 C"').decode()
            web.edit(flow, "request", changed)
            web.resume(flow)
            assert answer.result().status_code == 200
        for upstream in ("broken", "chat"):
            [sent] = sim.requests(upstream)
            assert sent.path.endswith("/chat/completions") and "35 C" in str(sent.body)
