"""Codex through the bridge to models of other vendors: tools in the input, namespaces, free text.

Its recorded requests go out as it sends them; the simulator judges what arrives and tells what it
understood. Patches are written by the model as free text, and must come back to the byte.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mitmproxy.net import encoding as codings

from bridge.simulator import Simulator
from tests.e2e.sdks.ways import Way, asking

UPSTREAMS = ("messages", "chat", "reasoner")
OWN = ("host", "content-length", "authorization")  # headers that each connection makes itself

to_others = pytest.mark.parametrize("upstream", UPSTREAMS)


@to_others
@pytest.mark.parametrize("name", ["http-default-model", "http-gpt-5.5", "chatgpt-zstd"])
def test_a_recorded_request(
    ways: dict[str, Way], sim: Simulator, name: str, upstream: str, shared: Path
) -> None:
    capture = json.loads((shared / "captures" / "codex" / f"{name}.json").read_text("utf-8"))
    body = {**capture["body"], "model": asking(upstream)}
    items = body["input"]
    items.append({"type": "message", "role": "user", "content": "[[echo]]"})
    events = _send(ways["HTTP/2 over TLS"], capture, body)
    assert events[-1]["type"] == "response.completed"
    [message] = events[-1]["response"]["output"]
    seen = json.loads(message["content"][0]["text"])
    assert seen["tools"] == list(_tools(body))
    assert seen["calls"] == [item["name"] for item in items if item["type"].endswith("_call")]
    results = [_text(item["output"]) for item in items if item["type"].endswith("_call_output")]
    assert ["".join(result.split()) for result in seen["results"]] == results
    spoken = [item for item in items if item["type"] == "message"]
    for item in spoken:
        told = seen["system"] if item["role"] == "developer" else "\n".join(seen["texts"])
        assert _text(item["content"]) in "".join(told.split())
    [sent] = sim.requests(upstream)
    assert b"gAAAA" not in sent.raw and b"brg1." not in sent.raw  # OpenAI's state, and ours


def _send(way: Way, capture: Any, body: Any) -> list[Any]:
    """The events of the answer to a recorded request, which goes out compressed as it was."""
    headers = {name.lower(): value for name, value in capture["headers"]}
    content = json.dumps(body).encode()
    if coding := headers.get("content-encoding"):
        content = codings.encode(content, coding)
    kept = {name: value for name, value in headers.items() if name not in OWN}
    with httpx2.Client(**way.options, headers={"authorization": "Bearer app"}) as codex:
        url = f"https://{capture['host']}{capture['path']}"
        answer = codex.post(url, content=content, headers=kept)
    assert answer.status_code == 200, answer.text
    lines = answer.text.splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def _tools(body: Any) -> Iterator[str]:
    """Names as another vendor's model knows them; what only OpenAI runs is not among them."""
    given = [item["tools"] for item in body["input"] if item["type"] == "additional_tools"]
    for tool in [*body.get("tools", []), *(tool for tools in given for tool in tools)]:
        if tool["type"] == "namespace":
            space = "" if tool["name"] == "functions" else f"{tool['name']}__"
            yield from (f"{space}{inner['name']}" for inner in tool["tools"])
        elif tool["type"] != "web_search":
            yield tool.get("name", tool["type"])


def _text(content: Any) -> str:
    """Without white space, for parts may be joined with some."""
    parts = [content] if isinstance(content, str) else [part["text"] for part in content]
    return "".join("".join(parts).split())


PATCH = (
    "*** Begin Patch\n*** Update File: src/grüße.py\n@@ def f():\n-    print('a\\n', \"\t\")\n"
    "+    print('漢字 🙂 \\\\ \\u00e9')\n*** End Patch"
)
LARK = {"type": "grammar", "syntax": "lark", "definition": "start: /(.|\\n)+/"}
APPLY_PATCH = {"type": "custom", "name": "apply_patch", "description": "Edits.", "format": LARK}
SPAWN = {
    "type": "namespace",
    "name": "collaboration",
    "description": "Agents.",
    "tools": [
        {
            "type": "function",
            "name": "spawn",
            "strict": False,
            "parameters": {"type": "object", "properties": {"task": {"type": "string"}}},
        }
    ],
}
# How a model says the patch: in its vendor's own words for free text, or as a function's argument.
WRAPPED = json.dumps({"input": PATCH})
SAID = {"messages": WRAPPED, "chat": PATCH, "reasoner": WRAPPED}


@to_others
@pytest.mark.parametrize("place", ["tools", "additional_tools"])
def test_a_patch_comes_back_to_the_byte(
    ways: dict[str, Way], sim: Simulator, upstream: str, place: str
) -> None:
    request = _request(upstream, place, f"[[reason:hm]][[call:apply_patch {SAID[upstream]}]]")
    with ways["reverse mode"].openai_client() as client:
        with client.responses.stream(**request) as stream:
            events: list[Any] = list(stream)
        deltas = [e.delta for e in events if e.type == "response.custom_tool_call_input.delta"]
        assert "".join(deltas) == PATCH and len(deltas) > 3
        output = events[-1].response.output
        assert [item.type for item in output] == ["reasoning", "custom_tool_call"]
        call = output[1]
        assert (call.name, call.input) == ("apply_patch", PATCH)
        assert client.responses.create(**request).output[1].input == PATCH
        done = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "Done!"}
        request["input"] += [*output, done]
        assert client.responses.create(**request).output_text == "The tools answered: Done!"
    turn = sim.requests(upstream)[-1].body["messages"][1]
    assert _called(turn) == SAID[upstream]
    assert "hm" in json.dumps(turn)  # what it thought goes back as well


def _request(upstream: str, place: str, text: str) -> dict[str, Any]:
    tools = [APPLY_PATCH, SPAWN]
    told = {"role": "user", "content": text}
    shown = {"effort": "low", "summary": "auto"}
    request = {"model": asking(upstream), "input": [told], "store": False, "reasoning": shown}
    if place == "tools":
        return {**request, "tools": tools}
    added = {"type": "additional_tools", "role": "developer", "tools": tools}
    return {**request, "input": [added, told]}


def _called(turn: Any) -> str:
    """What the call in an upstream's history says, in the model's words."""
    if "tool_calls" not in turn:
        return json.dumps(turn["content"][-1]["input"])
    [call] = turn["tool_calls"]
    if call["type"] == "custom":
        return str(call["custom"]["input"])
    return json.dumps(json.loads(call["function"]["arguments"]))


@to_others
def test_a_call_of_a_namespace(ways: dict[str, Way], sim: Simulator, upstream: str) -> None:
    name = "collaboration__spawn"
    request = _request(upstream, "additional_tools", f'[[call:{name} {{"task":"look"}}]]')
    with ways["reverse mode"].openai_client() as client, client.responses.stream(**request) as s:
        [call] = s.get_final_response().output
        assert (call.type, call.name, call.arguments) == (
            "function_call",
            "spawn",
            '{"task":"look"}',
        )
        assert call.namespace == "collaboration"
        done = {"type": "function_call_output", "call_id": call.call_id, "output": "agent 1"}
        request["input"] += [call, done]
        assert client.responses.create(**request).output_text == "The tools answered: agent 1"
    assert name in json.dumps(sim.requests(upstream)[-1].body["messages"][1])
