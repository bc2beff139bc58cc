"""Changes within a conversation: kept in their place, or told as if they had always been so."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.changes import last_effort, late_tools, settled
from bridge.transform.context import Context, context
from bridge.transform.families import COMPATIBLE
from bridge.transform.model import (
    Effort,
    EffortPart,
    Message,
    Native,
    Part,
    Protocol,
    Reasoning,
    Request,
    Role,
    TextPart,
    Tool,
    ToolChangePart,
    ToolResultPart,
)
from bridge.transform.profile import Profile

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
NEW, OLD = "claude-opus-5", "claude-sonnet-4-5"
F, G, H = Tool("f"), Tool("g"), Tool("h", kind="custom")


def said(role: Role, *parts: Part | str) -> Message:
    return Message(role, tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


def told(*parts: Part) -> Message:
    return said("system", *parts)


def adds(tool: Tool, where: str = "") -> ToolChangePart:
    return ToolChangePart(tool.name, tool, where=where)


def again(name: str) -> ToolChangePart:
    return ToolChangePart(name)


def takes(name: str) -> ToolChangePart:
    return ToolChangePart(name, removed=True)


def asked(*messages: Message, tools: Iterable[Tool] = (F,), **fields: Any) -> Request:
    return Request(R, "m", messages, tuple(tools), **fields)


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


ASK, SAY, DID = said("user", "u"), said("assistant", "a"), said("tool", ToolResultPart("1", ()))
LOW, HIGH = EffortPart("low", where="here"), EffortPart("high", where="there")


def model(name: str, upstream: Protocol = A, profile: Profile | None = None) -> Context:
    ctx = context(C, upstream, profile)
    ctx.model = name
    return ctx


# --- what there is


def test_what_comes_later_is_behind_what_was_there() -> None:
    request = asked(ASK, told(adds(G), takes("f")), said("developer", again("f"), adds(H), LOW))
    assert late_tools(request) == [G, H]
    assert late_tools(asked(ASK, said("user", adds(G)))) == []


@pytest.mark.parametrize(
    "request_, effort",
    [
        (asked(ASK), None),
        (asked(ASK, reasoning=Reasoning("max")), "max"),
        (asked(ASK, told(LOW), ASK, told(HIGH), reasoning=Reasoning("max")), "high"),
    ],
)
def test_the_last_effort_is_the_one_that_holds(request_: Request, effort: Effort | None) -> None:
    assert last_effort(request_) == effort


def test_a_conversation_without_changes_stays_as_it_is() -> None:
    request = asked(told(TextPart("s")), ASK, SAY)
    assert settled(request, model(OLD)) is request


# --- effort

WHOLE = asked(ASK, told(TextPart("s"), LOW), SAY, told(HIGH), ASK, reasoning=Reasoning("max"))


@pytest.mark.parametrize(
    "ctx",
    [
        pytest.param(model(NEW), id="Claude"),
        pytest.param(model("gpt-6", R), id="GPT"),
        pytest.param(model("any", R, Profile()), id="a server that says so"),
    ],
)
def test_an_effort_stays_in_its_place(ctx: Context) -> None:
    assert settled(WHOLE, ctx) is WHOLE
    assert codes(ctx) == []


@pytest.mark.parametrize(
    "ctx",
    [
        pytest.param(model(OLD), id="an older Claude"),
        pytest.param(model("gpt-5.1", R), id="an older GPT"),
        pytest.param(model("gpt-6-astra-pro", R), id="one that thinks its own way"),
        pytest.param(model("gpt-6", C), id="Chat, which has no place for it"),
        pytest.param(model(NEW, A, COMPATIBLE[A]), id="a compatible server"),
    ],
)
def test_else_the_last_effort_holds_for_all(ctx: Context) -> None:
    made = settled(WHOLE, ctx)
    assert made == asked(ASK, told(TextPart("s")), SAY, ASK, reasoning=Reasoning("high"))
    assert [(n.code, n.where) for n in ctx.notes] == [
        ("hint_dropped", "here"),
        ("hint_dropped", "there"),
    ]


@pytest.mark.parametrize(
    "reasoning, effort, settles",
    [
        pytest.param(Reasoning("none"), "high", True, id="thinking begins"),
        pytest.param(Reasoning("high"), "none", True, id="thinking ends"),
        pytest.param(Reasoning("high", "disabled"), "low", True, id="thinking was never on"),
        pytest.param(Reasoning(mode="between_tools"), "low", True, id="nor there"),
        pytest.param(Reasoning(mode="adaptive"), "low", False, id="there is thinking"),
        pytest.param(Reasoning(), "low", False, id="nobody said so"),
    ],
)
def test_whether_there_is_thinking_is_no_matter_of_a_place(
    reasoning: Reasoning, effort: Effort, settles: bool
) -> None:
    request = asked(ASK, told(EffortPart(effort)), reasoning=reasoning)
    made = settled(request, model(NEW))
    assert (made is request) is not settles
    if settles:
        assert made == asked(ASK, reasoning=replace(reasoning, effort=effort))


# --- tools


@pytest.mark.parametrize(
    "messages, placed",
    [
        pytest.param([ASK, told(adds(G)), SAY], [ASK, told(adds(G)), SAY], id="before an answer"),
        pytest.param([ASK, told(adds(G))], [ASK, told(adds(G))], id="at the end"),
        pytest.param(
            [ASK, SAY, DID, told(adds(G)), SAY], [ASK, SAY, DID, told(adds(G)), SAY], id="results"
        ),
        pytest.param(
            [ASK, SAY, told(adds(G)), ASK, ASK, SAY],
            [ASK, SAY, ASK, ASK, told(adds(G)), SAY],
            id="behind an answer it waits for all that the user says",
        ),
        pytest.param(
            [ASK, SAY, told(adds(G)), SAY, ASK],
            [ASK, SAY, SAY, ASK, told(adds(G))],
            id="and for a user to say something",
        ),
        pytest.param(
            [ASK, told(TextPart("s"), adds(G)), told(adds(H), LOW), SAY],
            [ASK, told(TextPart("s")), told(LOW), told(adds(G), adds(H)), SAY],
            id="texts and efforts stay where they are",
        ),
        pytest.param(
            [ASK, told(adds(G)), SAY, ASK, told(adds(H)), SAY],
            [ASK, told(adds(G)), SAY, ASK, told(adds(H)), SAY],
            id="each in its place",
        ),
    ],
)
def test_a_tool_comes_before_an_answer_to_a_user(
    messages: list[Message], placed: list[Message]
) -> None:
    for ctx in (model(NEW), model("gpt-6", R)):
        assert settled(asked(*messages), ctx) == asked(*placed)
        assert codes(ctx) == []


def test_a_tool_that_no_user_has_spoken_behind_is_as_if_always_there() -> None:
    ctx = model(NEW)
    made = settled(asked(ASK, SAY, told(adds(G, "place"))), ctx)
    assert made == asked(ASK, SAY, tools=[F, G])
    assert [tuple(note) for note in ctx.notes] == [
        ("tools_prefix_changed", "place", "as if always there: g")
    ]


HOSTED = Tool("web_search", kind="hosted", native=Native(R, ({"type": "web_search"},)))


@pytest.mark.parametrize(
    "changes, tools, noted",
    [
        pytest.param([adds(G)], [F, G], ["always: g"], id="a tool that comes"),
        pytest.param([adds(F)], [F], [], id="that was there"),
        pytest.param([adds(G), adds(G)], [F, G], ["always: g"], id="twice"),
        pytest.param(
            [adds(Tool("f", "new"))], [Tool("f", "new")], ["always: f"], id="in a new version"
        ),
        pytest.param(
            [adds(Tool("f", namespace="n"))],
            [F, Tool("f", namespace="n")],
            ["always: f"],
            id="of the same name elsewhere",
        ),
        pytest.param([adds(HOSTED)], [F, HOSTED], ["always: web_search"], id="of the vendor's own"),
        pytest.param([takes("f")], [], ["never: f"], id="a tool that goes"),
        pytest.param([takes("?")], [F], ["never: ?"], id="that was not there"),
        pytest.param(
            [takes("f"), again("f")], [F], ["never: f", "always: f"], id="that comes back"
        ),
        pytest.param([again("f")], [F], ["always: f"], id="that was to come later"),
        pytest.param([again("?")], [F], ["always: ?"], id="that nobody knows"),
        pytest.param(
            [adds(G), takes("g"), adds(H)],
            [F, H],
            ["always: g", "never: g", "always: h"],
            id="some of each",
        ),
    ],
)
def test_else_the_tools_are_those_of_the_end(
    changes: list[ToolChangePart], tools: list[Tool], noted: list[str]
) -> None:
    ctx = model("gpt-6", C)
    messages = [message for change in changes for message in (ASK, told(change), SAY)]
    made = settled(asked(*messages), ctx)
    assert made == asked(*[m for m in messages if m.role != "system"], tools=tools)
    assert codes(ctx) == ["tools_prefix_changed"] * len(noted)
    told_there = [note.detail.replace("as if ", "").replace(" there", "") for note in ctx.notes]
    assert told_there == noted


@pytest.mark.parametrize(
    "ctx",
    [
        pytest.param(model(OLD), id="an older Claude"),
        pytest.param(model("gpt-5.1", R), id="an older GPT"),
        pytest.param(model(NEW, A, COMPATIBLE[A]), id="a compatible server"),
    ],
)
def test_to_whom_no_tool_may_be_added_later(ctx: Context) -> None:
    assert settled(asked(ASK, told(adds(G)), SAY), ctx) == asked(ASK, SAY, tools=[F, G])
    assert codes(ctx) == ["tools_prefix_changed"]


def test_only_what_cannot_stay_in_its_place_is_moved_to_the_others() -> None:
    ctx = model(NEW)
    web, gone = told(adds(HOSTED)), told(takes("h"))
    made = settled(asked(ASK, told(adds(G)), web, told(adds(H)), SAY, ASK, gone), ctx)
    assert made == asked(ASK, told(adds(G)), SAY, ASK, tools=[F, HOSTED])
    assert codes(ctx) == ["tools_prefix_changed"] * 3


turns = st.sampled_from([ASK, SAY, DID, told(adds(G)), told(adds(H), LOW), told(TextPart("s"))])


@given(st.lists(turns, max_size=9), st.sampled_from([A, R]))
def test_trap_35_a_longer_history_only_appends(history: list[Message], upstream: Protocol) -> None:
    """Where an answer to a user follows."""
    ends = [n for n, m in enumerate(history) if n and (m, history[n - 1]) == (SAY, ASK)]
    whole = settled(asked(*history, ASK), model(NEW if upstream == A else "gpt-6", upstream))
    for end in ends:
        ctx = model(NEW if upstream == A else "gpt-6", upstream)
        made = settled(asked(*history[:end]), ctx)
        assert whole.messages[: len(made.messages)] == made.messages
        assert made.tools == whole.tools == (F,)
        assert codes(ctx) == []
