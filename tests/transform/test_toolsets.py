"""Toolsets that the app runs, as functions: what is offered, and calls that come back as theirs."""

import json
from importlib import import_module
from typing import Any

import pytest
from anthropic._data import BROWSER_TOOLSET_MEMBERS
from anthropic.types import BrowserMemberName, ComputerMemberName
from pydantic import BaseModel
from pydantic.alias_generators import to_pascal

from bridge.transform import Translator
from bridge.transform.model import CacheMark, Native, Protocol, Tool
from bridge.transform.notes import Notes, TransformError
from bridge.transform.toolsets import FAMILIES, without_toolsets
from tests.transform.sdks import joined, request_faults

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
COMPUTER = {"type": "computer_toolset_20260801"}
BROWSER = {"type": "browser_toolset_20260801"}

# --- against the vendor's own types

NAMES = {"computer": ComputerMemberName, "browser": BrowserMemberName}


def typed_input(family: str, member: str) -> Any:
    """The JSON Schema that the SDK has for the input of a member."""
    name = f"{family}_{member}_input"
    model: type[BaseModel] = getattr(import_module(f"anthropic.types.{name}"), to_pascal(name))
    return model.model_json_schema()


def shape(schema: Any, defined: Any) -> Any:
    """A schema without what is told about it; null, which no model needs to say, aside."""
    if ref := schema.get("$ref"):
        schema = defined[ref.rpartition("/")[2]]
    options = schema.get("anyOf") or schema.get("oneOf")
    kinds = options or [{**schema, "type": kind} for kind in _listed(schema.get("type"))]
    shapes = [_shape(kind, defined) for kind in kinds if kind.get("type") != "null"]
    return sorted(shapes, key=str)


def _listed(kind: Any) -> list[Any]:
    return kind if isinstance(kind, list) else [kind]


def _shape(schema: Any, defined: Any) -> Any:
    if "$ref" in schema:
        return shape(schema, defined)[0]
    if schema.get("type") == "object":
        properties = schema["properties"].items()
        return {
            "required": sorted(schema.get("required", [])),
            "properties": {name: shape(inner, defined) for name, inner in properties},
        }
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    items = shape(schema["items"], defined) if "items" in schema else None
    return {"type": schema.get("type"), "values": values, "items": items}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_members_are_those_of_the_vendor(family: str) -> None:
    assert tuple(FAMILIES[family]) == NAMES[family].__args__


@pytest.mark.parametrize(
    "family, member", [(family, name) for family, known in FAMILIES.items() for name in known]
)
def test_the_input_of_a_member_is_the_vendors(family: str, member: str) -> None:
    known = FAMILIES[family][member]
    typed = typed_input(family, member)
    assert shape(known.input, {}) == shape(typed, typed.get("$defs", {}))
    assert known.about.endswith(".")


def test_the_same_members_of_a_browser_are_off_unless_an_app_wants_them() -> None:
    typed = {name: row["enabled_by_default"] for name, row in BROWSER_TOOLSET_MEMBERS.items()}
    assert {name: member.enabled for name, member in FAMILIES["browser"].items()} == typed
    assert all(member.enabled for member in FAMILIES["computer"].values())


# --- what is offered


def toolset(wire: dict[str, Any], cache: CacheMark | None = None) -> Tool:
    options = {key: value for key, value in wire.items() if key != "type"}
    native = Native(A, (wire,))
    return Tool(wire["type"], kind="client", options=options, native=native, cache=cache, where="t")


ALL = list(FAMILIES["computer"])
USUAL = [name for name, member in FAMILIES["browser"].items() if member.enabled]
OFF = {"enabled": False}


@pytest.mark.parametrize(
    "wire, family, names, notes",
    [
        pytest.param(COMPUTER, "computer", ALL, [], id="all of a computer"),
        pytest.param(BROWSER, "browser", USUAL, [], id="what is on by default of a browser"),
        pytest.param({**COMPUTER, "configs": None}, "computer", ALL, [], id="null"),
        pytest.param(
            {**COMPUTER, "configs": {"zoom": OFF, "key": None, "wait": {"enabled": None}}},
            "computer",
            ALL[:-1],
            [],
            id="one that is not enabled",
        ),
        pytest.param(
            {**BROWSER, "configs": {"javascript_exec": {"enabled": True}}},
            "browser",
            [*USUAL, "javascript_exec"],
            [],
            id="one that is enabled",
        ),
        pytest.param(
            {**COMPUTER, "configs": dict.fromkeys(ALL, OFF)}, "computer", [], [], id="none"
        ),
        pytest.param(
            {**COMPUTER, "configs": {"fly": {"enabled": True}}, "odd": 1},
            "computer",
            ALL,
            [("hint_dropped", "t.odd"), ("field_dropped", "t.configs.fly")],
            id="what nobody knows",
        ),
    ],
)
def test_each_enabled_member_is_a_function(
    wire: Any, family: str, names: list[str], notes: list[tuple[str, str]]
) -> None:
    noted = Notes()
    members = list(without_toolsets([toolset(wire)], noted))
    assert [tool.name for tool in members] == names
    assert {(tool.namespace, tool.kind, tool.native) for tool in members} <= {
        (family, "function", None)
    }
    assert [(note.code, note.where) for note in noted] == notes


def test_other_tools_stay_in_their_place() -> None:
    native = Native(A, ({"type": "bash_20250124"},))
    others = [Tool("f"), Tool("bash", kind="client", native=native), Tool("x", kind="client")]
    tools = [others[0], toolset({**COMPUTER, "configs": dict.fromkeys(ALL[1:], OFF)})]
    found = list(without_toolsets([*tools, *others[1:]], Notes()))
    assert [tool.name for tool in found] == ["f", "key", "bash", "x"]
    assert [found[0], *found[2:]] == others


def test_the_rest_of_a_members_configuration_stays_with_it() -> None:
    config = {"enabled": True, "defer_loading": True, "odd": None}
    wire = {**COMPUTER, "configs": {"key": config}}
    key, *rest = without_toolsets([toolset(wire)], Notes())
    assert key.options == {"defer_loading": True} and key.where == "t.configs.key"
    assert not any(tool.options for tool in rest)


def test_a_breakpoint_behind_it_is_one_behind_the_last_member() -> None:
    *others, last = without_toolsets([toolset(COMPUTER, CacheMark("1h"))], Notes())
    assert last.cache == CacheMark("1h") and not any(tool.cache for tool in others)


def test_a_configuration_that_is_none_is_told() -> None:
    with pytest.raises(TransformError) as refused:
        list(without_toolsets([toolset({**COMPUTER, "configs": []})], Notes()))
    assert refused.value.where == "t.configs"


# --- there and back

AT = {"coordinate": [3, 4]}
CALL = {
    "type": "tool_use",
    "id": "toolu_1",
    "name": "left_click",
    "toolset_name": "computer",
    "input": AT,
}
RESULT = {
    "type": "tool_result",
    "tool_use_id": "toolu_1",
    "toolset_name": "computer",
    "content": "Clicked.",
}
ASKED = {
    "model": "m",
    "max_tokens": 99,
    "tools": [COMPUTER],
    "tool_choice": {"type": "any"},
    "messages": [
        {"role": "user", "content": "click"},
        {"role": "assistant", "content": [CALL]},
        {"role": "user", "content": [RESULT]},
    ],
}


def exchange(upstream: Protocol, **fields: Any) -> tuple[Translator, Any]:
    translator = Translator(A, upstream)
    return translator, json.loads(translator.request(json.dumps({**ASKED, **fields}).encode()))


@pytest.mark.parametrize("offered", [True, False])
@pytest.mark.parametrize("upstream", [C, R])
def test_the_upstream_knows_members_by_one_name_in_tools_and_history(
    upstream: Protocol, offered: bool
) -> None:
    without = {} if offered else {"tools": None, "tool_choice": None}
    translator, sent = exchange(upstream, **without)
    tools = [tool.get("function", tool)["name"] for tool in sent.get("tools", [])]
    assert tools == ([f"computer__{name}" for name in ALL] if offered else [])
    calls = sent["messages"][1]["tool_calls"] if upstream == C else [sent["input"][1]]
    [called] = [call.get("function", call) for call in calls]
    assert (called["name"], json.loads(called["arguments"])) == ("computer__left_click", AT)
    assert "Clicked." in json.dumps(sent)
    assert translator.notes == [] and request_faults(upstream, sent) == set()


CHAT = {
    "id": "c",
    "model": "m",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "index": 0,
                        "id": "call_1",
                        "type": "function",
                        "function": {
                            "name": "computer__left_click",
                            "arguments": json.dumps(AT),
                        },
                    }
                ],
            },
        }
    ],
}
RESPONSES = {
    "id": "resp_1",
    "object": "response",
    "model": "m",
    "status": "completed",
    "output": [
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": "computer__left_click",
            "arguments": json.dumps(AT),
        }
    ],
}


@pytest.mark.parametrize("upstream, answer", [(C, CHAT), (R, RESPONSES)], ids=["Chat", "Responses"])
def test_a_call_comes_back_as_the_members(upstream: Protocol, answer: Any) -> None:
    call = {**CALL, "id": "call_1"}
    body = json.dumps(answer).encode()
    whole = json.loads(exchange(upstream)[0].response(body))
    assert whole["content"] == [call] and whole["stop_reason"] == "tool_use"
    streamed = exchange(upstream, stream=True)[0].response(body, as_stream=True)
    assert joined(A, streamed)["content"] == [call]
