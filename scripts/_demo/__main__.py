"""The demo: three apps, upstreams that speak another protocol than they do, and a failure.

A real mitmproxy with the addon stands between the apps and `bridge.simulator`, which plays the
upstreams. Nothing leaves this machine. What is shown is what was observed on either side.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bridge.simulator import Recorded, Simulator
from bridge.simulator import running as running_simulator
from scripts._processes import Failed, Proxy, free_port, tool

from . import app, report, show

type Json = Any

COOLDOWN = 2  # seconds
PATIENCE = 15  # seconds for the route to move and to return
BETWEEN_CALLS = 0.2


def config(sim: Simulator) -> Json:
    """JSON, which is YAML too. The simulator takes an upstream's name as its key."""
    protocols = {
        "primary": ("openai_chat", "gpt-6.2-sol"),
        "backup": ("openai_chat", "gpt-6.2-sol"),
        "claude": ("anthropic_messages", "claude-sonnet-5-5"),
    }
    upstreams = {}
    for name, (protocol, model) in protocols.items():
        key = f"key-of-{name}"
        sim.configure(name, key=key)
        url = sim.base(name)
        upstreams[name] = {
            "protocol": protocol, "url": url, "api_key": key, "models": {"*": model}
        }  # fmt: skip
    return {
        "upstreams": upstreams,
        "routes": [
            {"match": {"protocol": "anthropic_messages"}, "upstreams": ["primary", "backup"]},
            {"upstreams": ["claude"]},
        ],
        "failover": {
            "cooldown": COOLDOWN,
            "health_check": {"interval": "500ms", "timeout": "2s"},
        },
    }


@contextmanager
def running_proxy(sim: Simulator, web: bool) -> Iterator[Proxy]:
    """mitmproxy with the addon; this process is set up as the README tells to set up an app."""
    with tempfile.TemporaryDirectory(prefix="llm-bridge-demo-") as name:
        folder = Path(name)
        (folder / "config.yaml").write_text(json.dumps(config(sim)), encoding="utf-8")
        options = ["-s", "addon.py", "-s", "scripts/_demo/report.py"]
        options += ["--set", f"bridge_config={folder / 'config.yaml'}"]
        if web:
            options += ["-s", "scripts/_paste.py", "--no-web-open-browser"]
            options += ["--set", f"web_port={free_port()}"]  # 0 would be shown as 0
        else:
            options += ["--set", "flow_detail=0"]
        with Proxy(tool("mitmweb" if web else "mitmdump"), folder / "mitmproxy", *options) as proxy:
            proxy.ready()
            proxy.wait_for(f"^{report.READY}")
            for variable in ("https_proxy", "no_proxy", "NO_PROXY"):
                os.environ.pop(variable, None)
            os.environ["HTTPS_PROXY"] = f"http://127.0.0.1:{proxy.port}"
            os.environ["SSL_CERT_FILE"] = str(proxy.ca)
            try:
                yield proxy
            except OSError as error:
                raise Failed(f"no answer from the proxy: {error}. {proxy.last_words}") from None


# --- the acts


def translate(sim: Simulator, proxy: Proxy, request: app.Request, end: str) -> None:
    """One streaming request with a tool, seen from both sides; `end` ends the app's stream."""
    sim.forget_requests()
    seen = len(proxy.lines)
    answer = app.send(request)
    arrived = json.loads(proxy.wait_for(f"^{report.MARK}(.*)", seen, 5)[1])
    sent = calls(sim)[-1]
    if answer.status != 200 or end not in answer.text or "get_weather" not in answer.text:
        raise Failed(f"The app got status {answer.status}:\n{answer.text}")
    show.side_by_side(
        (
            "the app sent  -->",
            show.request_lines(request.url, request.headers.items(), request.body),
        ),
        ("went upstream", show.request_lines(sim.url + sent.path, sent.headers, sent.body)),
    )
    show.side_by_side(
        ("the app got  <--", show.stream_lines(answer.text)),
        ("came back", show.stream_lines(arrived["bodies"]["upstream_response"])),
    )
    show.say()
    for note in arrived["notes"]:
        show.paragraph(" ".join(filter(None, ("note:", *map(str, note.values())))))
    show.paragraph(f"the flow in mitmproxy: {arrived['comment']}")


def fail_over(sim: Simulator, proxy: Proxy) -> None:
    """The primary limits one call, which the backup answers; the next ones tell the way back."""
    limited = {"kind": "status", "status": 429, "headers": {"retry-after": str(COOLDOWN)}}
    sim.fault("primary", limited, match={"path": "chat/completions"})
    began, before, read = time.monotonic(), "", len(proxy.lines)
    show.say()
    for wanted in ("backup", "primary"):
        upstream = ""
        while upstream != wanted:
            if time.monotonic() > began + PATIENCE:
                raise Failed(f"The route did not get to {wanted} within {PATIENCE} s.")
            sim.forget_requests()
            status = app.send(app.SMALL).status
            *tried, called = calls(sim)
            upstream = called.upstream if status == 200 else ""
            outcome = f"{status} from {called.upstream}"
            if tried:
                outcome += f", after {tried[0].upstream} would not answer"
            if outcome != before:
                before = outcome
                show.say(f"  {time.monotonic() - began:4.1f} s  the app asks and gets {outcome}")
            threading.Event().wait(BETWEEN_CALLS)
            read = tell_log(proxy, read)


def calls(sim: Simulator) -> list[Recorded]:
    """Those that are no health check."""
    found = [request for request in sim.requests() if request.method == "POST"]
    if not found:
        raise Failed("The request did not get to any upstream.")
    return found


def tell_log(proxy: Proxy, start: int) -> int:
    """What mitmproxy logged for the bridge since then."""
    lines = proxy.lines[start:]
    for line in lines:
        if "bridge: " in line:
            show.say(f"          mitmproxy's log: {line.partition('bridge: ')[2]}", show.DIM)
    return start + len(lines)


def play(sim: Simulator, proxy: Proxy) -> None:
    show.heading("1. An app that speaks Anthropic Messages, an upstream that speaks OpenAI Chat")
    show.paragraph(
        "The app calls https://api.anthropic.com; mitmproxy takes the call, the bridge translates "
        "it and sends it elsewhere. What stands in [[ ]] tells the simulator what to answer."
    )
    translate(sim, proxy, app.MESSAGES, "message_stop")
    show.heading("2. An app that speaks OpenAI Chat, an upstream that speaks Anthropic Messages")
    translate(sim, proxy, app.CHAT, "[DONE]")
    show.heading("3. An app that speaks OpenAI Responses, an upstream that speaks Messages")
    translate(sim, proxy, app.RESPONSES, "response.completed")
    show.heading("4. The primary upstream answers 429: the app gets its answer from the backup")
    show.paragraph(f"The primary asks for {COOLDOWN} s; then it is looked at, and used again.")
    fail_over(sim, proxy)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./scripts/demo", description=__doc__)
    parser.add_argument("--web", action="store_true", help="leave mitmweb running, until Ctrl-C")
    web: bool = parser.parse_args().web
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with running_simulator() as sim, running_proxy(sim, web) as proxy:
            play(sim, proxy)
            if web:
                show.say("\n" + proxy.wait_for("Look at the traffic: .*")[0])
                show.say(proxy.wait_for("The bridge's own pages: .*")[0] + "\nCtrl-C ends it.")
                signal.pause()
    except KeyboardInterrupt:
        show.say("\nEnded.")
        return 0 if web else 130
    except (Failed, OSError, ValueError, KeyError) as error:
        show.say(f"\nThe demo failed: {error}", show.RED)
        return 1
    show.say("\nThat was it. ./scripts/start does the same for your own apps.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
