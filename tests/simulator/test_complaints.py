"""What the simulator has to complain about: broken rules, and histories that changed."""

from collections.abc import Callable
from typing import Any

import pytest

from bridge.simulator import Simulator

OPERATIONS = ("messages", "chat/completions", "responses")
KEY = {"messages": "messages", "chat/completions": "messages", "responses": "input"}
SAID = {"text": "hi", "cache_control": {"type": "ephemeral"}}


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


TOOL: dict[str, Any] = {
    "messages": {"name": "f", "input_schema": {"type": "object"}},
    "chat/completions": {"type": "function", "function": {"name": "f"}},
    "responses": {"type": "function", "name": "f"},
}
FIRST = [user("[[text:a]]")]
HISTORIES: list[Any] = [
    pytest.param([*FIRST, assistant("a"), user("b")], False, id="it goes on"),
    pytest.param([*FIRST], False, id="it is asked again"),
    pytest.param(
        [*FIRST, assistant("a"), user("c"), assistant("d"), user("e")], True, id="changed"
    ),
    pytest.param([user("[[text:b]]"), assistant("x"), user("b")], False, id="another conversation"),
]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("later, changed", HISTORIES)
def test_a_longer_history_begins_as_the_shorter_one(
    client: Any, sim: Simulator, upstream: str, operation: str, later: Any, changed: bool
) -> None:
    for history in ([*FIRST], [*FIRST, assistant("a"), user("b")], later):
        assert client.ask(upstream, operation, "", **{KEY[operation]: history}).status == 200
    found = sim.complaints(upstream)
    assert len(found) == changed
    for complaint in found:
        assert complaint.startswith(f"{upstream}, request ") and "was" in complaint
        assert "'b'" in complaint.replace('"', "'")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_tools_belong_to_the_beginning(
    client: Any, sim: Simulator, upstream: str, operation: str
) -> None:
    for tools in ({}, {"tools": [TOOL[operation]]}):
        client.ask(upstream, operation, "[[text:a]]", **tools)
    assert len(sim.complaints(upstream)) == 1


SPELLINGS: list[Any] = [
    ("messages", user("hi"), user([{"type": "text", **SAID}])),
    ("chat/completions", user("hi"), user([{"type": "text", "text": "hi"}])),
    ("responses", user("hi"), user([{"type": "input_text", "text": "hi"}])),
    ("responses", assistant("hi"), assistant([{"type": "output_text", "text": "hi"}])),
]


@pytest.mark.parametrize("operation, one, other", SPELLINGS)
def test_spellings_of_the_same_are_no_change(
    client: Any, sim: Simulator, upstream: str, operation: str, one: Any, other: Any
) -> None:
    for message in (one, other):
        history = [*FIRST, message, user("b")]
        assert client.ask(upstream, operation, "", **{KEY[operation]: history}).status == 200
    assert sim.complaints(upstream) == []


def test_the_line_that_differs_in_each_request_is_none(
    client: Any, sim: Simulator, upstream: str
) -> None:
    for number in range(2):
        line = {"type": "text", "text": f"x-anthropic-billing-header: {number}"}
        client.ask(upstream, "messages", "[[text:a]]", system=[line])
    assert sim.complaints(upstream) == []


def test_a_broken_rule_is_told_with_its_place(client: Any, sim: Simulator, upstream: str) -> None:
    ask: Callable[..., Any] = client.ask
    assert ask(upstream, "messages", "hi", temperature=7).status == 400
    [complaint] = client.request("GET", f"/_sim/complaints?upstream={upstream}").json
    assert complaint in sim.complaints(upstream)
    assert complaint.endswith("messages: temperature: range: 0..1")


def test_what_is_not_offered_breaks_no_rule(client: Any, sim: Simulator, upstream: str) -> None:
    headers = {"upgrade": "websocket", "connection": "upgrade"}
    assert client.request("GET", f"/{upstream}/v1/responses", headers=headers).status == 426
    assert sim.complaints(upstream) == []
