"""Content views in mitmproxy's own tools: mitmweb, mitmdump, and a file that is opened later."""

import sys
from pathlib import Path
from typing import Any

import httpx2

from bridge.simulator import Simulator
from tests.e2e.web import Web, running_web
from tests.processes import ROOT, Process

VIEWS = ("LLM", "LLM wire", "LLM events")
REVERSE = ("--mode", "reverse:http://127.0.0.1:9")
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FIRST = {"role": "user", "content": "Weather in Paris?"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "15 C"}
MESSAGES = {
    "model": "claude-x",
    "max_tokens": 99,
    "stream": True,
    "top_k": 5,
    "system": "Be brief.",
    "tools": [{"name": "weather", "description": "Tells it.", "input_schema": WEATHER}],
    "messages": [
        FIRST,
        {"role": "assistant", "content": [CALL]},
        {
            "role": "user",
            "content": [
                RESULT,
                {"type": "text", "text": "So? [[reason:Warm.]][[text:15 C, ma'am.]]"},
            ],
        },
    ],
}
RESPONSES = {
    "model": "gpt-x",
    "instructions": "Be brief.",
    "input": 'Hi. [[text:Hello.]][[call:weather {"city":"Rome"}]]',
    "tools": [{"type": "function", "name": "weather", "parameters": WEATHER}],
}
ASKED = """model         claude-x
max tokens    99
top k         5
stream        yes
tools         1
  weather(city): Tells it.

━━ system
  Be brief.

━━ user
  Weather in Paris?

━━ assistant
▸ call weather
  {
    "city": "Paris"
  }
▸ result weather (new)
  15 C

━━ user (new)
  So? [[reason:Warm.]][[text:15 C, ma'am.]]"""


def config(sim: Simulator) -> dict[str, Any]:
    names = {"broken": "openai_chat", "chat": "openai_chat", "claude": "anthropic_messages"}
    return {
        "upstreams": {
            name: {"protocol": protocol, "url": sim.base(name), "api_key": f"key-{name}"}
            for name, protocol in names.items()
        },
        "routes": [
            {"match": {"protocol": "anthropic_messages"}, "upstreams": ["broken", "chat"]},
            {"upstreams": ["claude"]},
        ],
        "failover": {"health_check": {"interval": 0}},
    }


def made(web: Web, sim: Simulator) -> tuple[str, str, str]:
    """Two calls, each translated, the first by way of a failover: their flows, and the failed
    attempt's."""
    sim.fault("broken", {"kind": "status", "status": 529})
    for path, body in (("messages", MESSAGES), ("responses", RESPONSES)):
        with httpx2.Client(trust_env=False, timeout=20) as app:
            assert app.post(f"{web.proxy.url}/v1/{path}", json=body).status_code == 200
    flows = web.over(3)
    [failed] = [flow["id"] for flow in flows if flow["comment"].startswith("attempt of")]
    first, second = [flow["id"] for flow in flows if flow["id"] != failed]
    return first, failed, second


def test_calls_are_read_in_mitmweb(sim: Simulator, tmp_path: Path, confdir: Path) -> None:
    with running_web(tmp_path, confdir, config(sim), *REVERSE) as web:
        first, failed, second = made(web, sim)
        name, text = web.shown(first, "request")
        head, _, asked = text.partition("\nmodel ")
        assert name == "LLM" and f"model {asked}" == ASKED
        assert head.split("\n")[0].startswith("tried         broken, error 529 after ")
        assert head.split("\n")[1] == "sent to       chat (openai_chat), by route routes[0]"
        assert "sampling_dropped at top_k" in head
        name, text = web.shown(first, "response")
        assert name == "LLM" and text.startswith("from          chat (openai_chat)\ntimes  ")
        assert text.endswith("\n\n━━ assistant\n▸ reasoning\n  Warm.\n▸ text\n  15 C, ma'am.")
        assert "top_k" in web.shown(first, "request", "LLM wire")[1]
        table = web.shown(first, "response", "LLM events")[1]
        assert "[DONE]" in table and "message_stop" in table

        assert web.shown(failed, "request")[1].endswith(ASKED)
        assert "\nerror\n  " in web.shown(failed, "response")[1]

        assert web.shown(second, "request")[1].endswith(str(RESPONSES["input"]))
        told = web.shown(second, "response")[1]
        assert told.endswith('  Hello.\n▸ call weather\n  {\n    "city": "Rome"\n  }')


def dumped(file: Path, confdir: Path, *options: str) -> str:
    """What mitmdump prints of saved flows."""
    command = [
        *(str(Path(sys.executable).with_name("mitmdump")), "-n", "-s", str(ROOT / "addon.py")),
        *("--set", f"confdir={confdir}", "--flow-detail", "3", "-r", str(file), *options),
    ]
    with Process(command) as process:
        assert process.exit_status() == 0, process.output
        return process.output


def test_calls_are_read_from_a_file_without_the_bridge_that_made_them(
    sim: Simulator, tmp_path: Path, confdir: Path
) -> None:
    before, later = tmp_path / "before", tmp_path / "later"
    before.mkdir()
    later.mkdir()
    with running_web(before, confdir, config(sim), *REVERSE) as web:
        first, *_ = made(web, sim)
        shown = [web.shown(first, "response", view) for view in VIEWS]
    output = dumped(web.proxy.saved, confdir)
    for line in ASKED.split("\n"):
        assert f"    {line}".rstrip() in output
    assert "    ▸ reasoning\n      Warm.\n" in output and "key-" not in output
    wires = dumped(web.proxy.saved, confdir, "--set", "dumper_default_contentview=LLM wire")
    assert "== request: app (anthropic_messages) -> chat (openai_chat)" in wires

    nothing: dict[str, Any] = {"upstreams": {}, "routes": []}
    with running_web(later, confdir, nothing, "--rfile", str(web.proxy.saved)) as again:
        again.over(2)
        assert [again.shown(first, "response", view) for view in VIEWS] == shown
