"""Reasoning: how much is asked for, and what comes and goes of it."""

from typing import Any

import pytest

from bridge.transform.context import Context, context
from bridge.transform.model import (
    EffortPart,
    Extra,
    Native,
    Protocol,
    Reasoning,
    ReasoningPart,
    Request,
)
from bridge.transform.notes import TransformError
from bridge.transform.openai_responses.reasoning import (
    decode_effort,
    decode_reasoning,
    decode_thought,
    encode_effort,
    encode_reasoning,
    encode_thought,
    is_answer,
    text_of,
)
from bridge.transform.profile import Profile

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
LOST = "reasoning_option_dropped"


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def update(**reasoning: Any) -> dict[str, Any]:
    return {"type": "configuration_update", "reasoning": reasoning}


# --- how much


@pytest.mark.parametrize(
    "body, reasoning, rest",
    [
        pytest.param({}, Reasoning(), None, id="nothing said"),
        pytest.param({"reasoning": None}, Reasoning(), None, id="null"),
        pytest.param({"reasoning": {"effort": "low"}}, Reasoning("low"), None, id="an effort"),
        pytest.param(
            {"reasoning": {"effort": None, "summary": "auto"}},
            Reasoning(visible=True),
            None,
            id="a summary",
        ),
        pytest.param(
            {"reasoning": {"summary": "detailed"}},
            Reasoning(visible=True),
            Extra({"summary": "detailed"}, "hint_dropped"),
            id="how long a summary",
        ),
        pytest.param(
            {"reasoning": {"generate_summary": "concise"}},
            Reasoning(visible=True),
            Extra({"summary": "concise"}, "hint_dropped"),
            id="by its older name",
        ),
        pytest.param(
            {"reasoning": {"context": "auto", "mode": "standard"}},
            Reasoning(),
            None,
            id="defaults, said aloud",
        ),
        pytest.param(
            {"reasoning": {"effort": "low", "context": "all_turns", "mode": "pro"}},
            Reasoning("low"),
            Extra({"context": "all_turns", "mode": "pro"}, LOST),
            id="options of OpenAI",
        ),
        pytest.param(
            {"reasoning": {"effort": "huge", "summary": "concise"}},
            Reasoning(visible=True),
            Extra({"effort": "huge", "summary": "concise"}, LOST),
            id="a level nobody knows",
        ),
        pytest.param(
            {"reasoning": {"effort": "low"}, "input": [update(effort="high"), update()]},
            Reasoning("high"),
            None,
            id="the last word on it",
        ),
        pytest.param(
            {"input": [update(effort="high"), update(effort="low"), {"role": "user"}]},
            Reasoning("low"),
            None,
            id="the last of several",
        ),
        pytest.param(
            {
                "reasoning": {"effort": "low"},
                "input": [{"role": "user"}, update(effort="high")],
            },
            Reasoning("low"),
            None,
            id="but none behind a word of the conversation",
        ),
    ],
)
def test_what_is_asked_for_is_read(
    body: dict[str, Any], reasoning: Reasoning, rest: Extra | None
) -> None:
    assert decode_reasoning(body) == (reasoning, {"reasoning": rest} if rest else {})


@pytest.mark.parametrize(
    "item, effort, noted",
    [
        pytest.param(update(effort="high"), "high", [], id="a level"),
        pytest.param(update(effort="ultra"), "max", [], id="by another word"),
        pytest.param(update(), None, [], id="no level"),
        pytest.param({"type": "configuration_update"}, None, [], id="nothing of reasoning"),
        pytest.param(update(effort="heroic"), None, [(LOST, "i.reasoning.effort")], id="unknown"),
    ],
)
def test_an_update_of_the_effort_is_read(item: Any, effort: Any, noted: list[Any]) -> None:
    ctx = context(R, A)
    part = decode_effort(item, "i", ctx)
    assert part == (effort and EffortPart(effort))
    assert part is None or part.where == "i.reasoning.effort"
    assert [(n.code, n.where) for n in ctx.notes] == noted


@pytest.mark.parametrize(
    "efforts, known, details",
    [
        (("low", "high"), "low", []),
        (("high",), "high", ["low became high"]),
        ((), None, ["low became nothing"]),
    ],
)
def test_an_update_of_the_effort_is_written(
    efforts: tuple[str, ...], known: str | None, details: list[str]
) -> None:
    ctx = context(A, R, Profile(efforts=efforts))
    assert encode_effort(EffortPart("low"), ctx) == update(effort=known)
    assert [note.detail for note in ctx.notes] == details


@pytest.mark.parametrize(
    "block, answer",
    [
        ({"type": "message", "role": "assistant", "content": []}, True),
        ({"object": "chat.completion", "choices": []}, True),
        ({"type": "thinking", "thinking": "t"}, False),
        ({"field": "reasoning_content", "text": "t"}, False),
        ("t", False),
    ],
)
def test_a_whole_answer_is_known_as_one(block: Any, answer: bool) -> None:
    assert is_answer(block) is answer


@pytest.mark.parametrize(
    "body, where",
    [
        pytest.param({"reasoning": "high"}, "reasoning", id="a word"),
        pytest.param(
            {"input": [{"type": "configuration_update", "reasoning": 5}]},
            "input[0].reasoning",
            id="a number, on the way",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(body: dict[str, Any], where: str) -> None:
    with pytest.raises(TransformError) as raised:
        decode_reasoning(body)
    assert raised.value.where == where


@pytest.mark.parametrize(
    "reasoning, field, noted",
    [
        pytest.param(Reasoning(), {}, [], id="nothing said"),
        pytest.param(Reasoning("xhigh"), {"effort": "xhigh"}, [], id="an effort"),
        pytest.param(
            Reasoning("low", "adaptive", visible=True),
            {"effort": "low", "summary": "auto"},
            [],
            id="to be shown",
        ),
        pytest.param(Reasoning("low", visible=False), {"effort": "low"}, [], id="to be hidden"),
        pytest.param(Reasoning(mode="disabled"), {"effort": "none"}, [], id="none"),
        pytest.param(
            Reasoning("high", "between_tools"),
            {"effort": "none"},
            ["thinking_mode_dropped"],
            id="between tools only",
        ),
        pytest.param(
            Reasoning(mode="enabled", budget=20_000), {"effort": "high"}, [], id="a budget"
        ),
        pytest.param(Reasoning(mode="enabled"), {}, [], id="a budget of nothing"),
        pytest.param(
            Reasoning("max", "enabled", 1_024), {"effort": "max"}, [], id="an effort and a budget"
        ),
    ],
)
def test_what_an_anthropic_client_asks_for(
    reasoning: Reasoning, field: dict[str, Any], noted: list[str]
) -> None:
    ctx = context(A, R, Profile())
    assert encode_reasoning(Request(A, "m", reasoning=reasoning), ctx) == field
    assert codes(ctx) == noted


@pytest.mark.parametrize(
    "effort, sent",
    [("none", "low"), ("minimal", "low"), ("low", "low"), ("max", "high")],
)
def test_an_effort_the_server_lacks_is_the_next_lower_one(effort: Any, sent: str) -> None:
    ctx = context(A, R, Profile(efforts=("low", "medium", "high")))
    request = Request(A, "m", reasoning=Reasoning(effort))
    assert encode_reasoning(request, ctx) == {"effort": sent}
    assert codes(ctx) == ([] if effort == sent else ["effort_clamped"])


def test_a_server_without_efforts_gets_none() -> None:
    ctx = context(A, R, Profile(efforts=()))
    assert encode_reasoning(Request(A, "m", reasoning=Reasoning("low")), ctx) == {}
    assert codes(ctx) == ["effort_clamped"]


@pytest.mark.parametrize(
    "reasoning, noted",
    [
        pytest.param(Reasoning("low"), [LOST], id="an effort"),
        pytest.param(Reasoning("none"), ["hint_dropped"], id="none, which it does anyway"),
        pytest.param(Reasoning(visible=True), ["hint_dropped"], id="nothing to show"),
        pytest.param(Reasoning(), [], id="nothing asked"),
    ],
)
def test_older_models_refuse_the_field(reasoning: Reasoning, noted: list[str]) -> None:
    ctx = context(A, R)
    ctx.model = "gpt-4.1"
    assert encode_reasoning(Request(A, "claude", reasoning=reasoning), ctx) == {}
    assert codes(ctx) == noted


def test_a_clients_own_options_come_out_as_they_went_in() -> None:
    asked = {"effort": "low", "summary": "detailed", "context": "all_turns", "mode": "pro"}
    reasoning, extras = decode_reasoning({"reasoning": asked})
    ctx = context(R, R)
    request = Request(R, "gpt-5.6", reasoning=reasoning, extras=extras)
    assert encode_reasoning(request, ctx) == asked
    assert codes(ctx) == []
    ctx.model = "gpt-4.1"
    assert encode_reasoning(request, ctx) == {}
    assert codes(ctx) == [LOST, "hint_dropped", LOST]


def test_other_clients_options_are_theirs() -> None:
    extras = {"reasoning": Extra({"order": 1}, LOST)}
    ctx = context(C, R, Profile())
    assert encode_reasoning(Request(C, "m", extras=extras), ctx) == {}


# --- what was thought


def summary(*texts: str) -> list[Any]:
    return [{"type": "summary_text", "text": text} for text in texts]


@pytest.mark.parametrize(
    "item, text",
    [
        pytest.param({"summary": summary("a", "b")}, "a\n\nb", id="a summary of two parts"),
        pytest.param({"summary": []}, "", id="hidden"),
        pytest.param(
            {"summary": [], "content": [{"type": "reasoning_text", "text": "c"}]},
            "c",
            id="thoughts themselves",
        ),
        pytest.param(
            {"summary": summary("a"), "content": [{"text": "c"}]}, "a", id="a summary goes first"
        ),
        pytest.param({"summary": None, "content": None}, "", id="nulls"),
        pytest.param({"summary": [5, {}, {"text": None}]}, "", id="nonsense"),
    ],
)
def test_what_an_item_shows(item: dict[str, Any], text: str) -> None:
    assert text_of(item) == text


def reasoning(**fields: Any) -> dict[str, Any]:
    return {"type": "reasoning", **fields}


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(reasoning(id="rs_1", summary=summary("a"), encrypted_content="x"), id="whole"),
        pytest.param(reasoning(summary=summary("a"), content=None), id="without an id"),
        pytest.param(reasoning(id="rs_1", summary=summary("a"), status="completed"), id="status"),
    ],
)
def test_an_item_goes_back_to_its_maker_as_it_came(item: dict[str, Any]) -> None:
    part = decode_thought(item, "input[0]", context(R, R))
    assert part == ReasoningPart("a", Native(R, (item,)))
    assert encode_thought(part, context(R, R)) == [item]


def test_an_envelope_is_opened_and_its_content_returns_to_its_maker_alone() -> None:
    block = {"type": "thinking", "thinking": "a", "signature": "s"}
    ctx = context(R, A)
    ctx.upstream_id = "up"
    sealed = ctx.seal(Native(A, (block,), "up", "claude"))
    item = reasoning(id="rs_1", summary=[], encrypted_content=sealed)
    part = decode_thought(item, "input[0]", ctx)
    assert part == ReasoningPart("", Native(A, (block,), "up", "claude"))
    assert codes(ctx) == []
    other = context(R, R)
    assert encode_thought(part, other) == []
    assert codes(other) == ["opaque_foreign"]


def test_trap_36_an_envelope_somebody_changed_is_nobodys_state() -> None:
    ctx = context(R, A)
    part = decode_thought(reasoning(encrypted_content="brg1.x.y"), "input[2]", ctx)
    assert part == ReasoningPart("", None)
    assert [(n.code, n.where) for n in ctx.notes] == [
        ("opaque_invalid", "input[2].encrypted_content")
    ]
    assert encode_thought(part, ctx) == []


def test_what_was_thought_never_becomes_a_prompt() -> None:
    ctx = context(A, R)
    assert encode_thought(ReasoningPart("a", Native(A, ({"type": "thinking"},))), ctx) == []
    assert codes(ctx) == ["opaque_foreign"]


def test_hosted_items_that_another_client_carried_come_back() -> None:
    """Anthropic's clients carry them where reasoning stands."""
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    assert encode_thought(ReasoningPart("", Native(R, (item,))), context(A, R)) == [item]
