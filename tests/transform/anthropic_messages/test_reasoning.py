"""How much to think: what each generation of models is asked."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.transform.anthropic_messages.reasoning import (
    Thinking,
    decode_reasoning,
    encode_reasoning,
)
from bridge.transform.context import Context, context
from bridge.transform.families import COMPATIBLE, VENDOR
from bridge.transform.model import Protocol, Reasoning, Request
from bridge.transform.notes import TransformError
from bridge.transform.profile import Profile

A = "anthropic_messages"
ADAPTIVE, ALWAYS, MANUAL, NEVER = (
    "claude-opus-4-8",
    "claude-opus-5-5",
    "claude-sonnet-4-5",
    "claude-3-haiku",
)


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


@pytest.mark.parametrize(
    "body, reasoning, noted",
    [
        pytest.param({}, Reasoning(), [], id="nothing said (trap 37)"),
        pytest.param({"thinking": None}, Reasoning(), [], id="null"),
        pytest.param({"thinking": {"type": "adaptive"}}, Reasoning(mode="adaptive"), [], id="-"),
        pytest.param(
            {"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "summarized"}},
            Reasoning(mode="enabled", budget=2048, visible=True),
            [],
            id="a budget, shown",
        ),
        pytest.param(
            {"thinking": {"type": "disabled"}, "output_config": {"effort": "xhigh"}},
            Reasoning("xhigh", "disabled"),
            [],
            id="off, and an effort",
        ),
        pytest.param(
            {"thinking": {"type": "between_tools", "display": "omitted"}},
            Reasoning(mode="between_tools", visible=False),
            [],
            id="between tools, hidden",
        ),
        pytest.param(
            {"thinking": {"type": "adaptive", "display": "updates"}},
            Reasoning(mode="adaptive"),
            ["hint_dropped"],
            id="a display nobody else has",
        ),
        pytest.param(
            {"output_config": {"effort": 9}},
            Reasoning(),
            ["reasoning_option_dropped"],
            id="an unknown effort",
        ),
        pytest.param(
            {
                "output_config": {"effort": "low"},
                "messages": [
                    {"role": "system", "output_config": {"effort": "high"}},
                    {"role": "system"},
                    {"role": "user"},
                    {"role": "system", "output_config": {"effort": "max"}},
                ],
            },
            Reasoning("high"),
            [],
            id="an effort in system text, before anybody has spoken",
        ),
    ],
)
def test_what_the_client_asks_for(body: Any, reasoning: Reasoning, noted: list[str]) -> None:
    ctx = context(A, A)
    assert decode_reasoning({"messages": [], **body}, ctx) == reasoning
    assert codes(ctx) == noted


@pytest.mark.parametrize(
    "body, where",
    [
        pytest.param({"thinking": "on"}, "thinking", id="a word"),
        pytest.param({"thinking": {"budget_tokens": 1}}, "thinking.type", id="no type"),
        pytest.param({"thinking": {"type": "auto"}}, "thinking.type", id="an unknown type"),
        pytest.param(
            {"thinking": {"type": "enabled", "budget_tokens": "1"}},
            "thinking.budget_tokens",
            id="a budget in words",
        ),
        pytest.param({"output_config": []}, "output_config", id="a list"),
        pytest.param(
            {"messages": [{"role": "system", "output_config": 1}]},
            "messages[0].output_config",
            id="in a message",
        ),
    ],
)
def test_malformed_thinking_is_refused(body: Any, where: str) -> None:
    with pytest.raises(TransformError) as refused:
        decode_reasoning({"messages": [], **body}, context(A, A))
    assert refused.value.where == where


def encoded(
    reasoning: Reasoning,
    model: str,
    max_tokens: int | None = 50_000,
    client: Protocol = "openai_chat",
    profile: Profile | None = None,
    messages: Any = (),
    choice: Any = None,
) -> tuple[Thinking, list[str]]:
    ctx = context(client, A, profile)
    request = Request(client, model, reasoning=reasoning, max_tokens=max_tokens)
    return encode_reasoning(request, model, messages, choice, ctx), codes(ctx)


SHOWN = {"type": "adaptive", "display": "summarized"}


@pytest.mark.parametrize(
    "reasoning, model, config, effort, noted",
    [
        pytest.param(Reasoning(), ADAPTIVE, None, None, [], id="nothing said"),
        pytest.param(Reasoning("none"), ADAPTIVE, {"type": "disabled"}, None, [], id="off"),
        pytest.param(
            Reasoning("none"),
            ALWAYS,
            None,
            "low",
            ["thinking_cannot_disable"],
            id="off, which it cannot be",
        ),
        pytest.param(
            Reasoning("minimal"), ADAPTIVE, SHOWN, "low", ["effort_clamped"], id="the least"
        ),
        pytest.param(Reasoning("low"), ADAPTIVE, SHOWN, "low", [], id="low"),
        pytest.param(Reasoning("max"), ADAPTIVE, SHOWN, "max", [], id="max"),
        pytest.param(
            Reasoning("low", visible=False),
            ADAPTIVE,
            {"type": "adaptive", "display": "omitted"},
            "low",
            [],
            id="not to be shown",
        ),
        pytest.param(
            Reasoning(mode="disabled"), ADAPTIVE, {"type": "disabled"}, None, [], id="off by mode"
        ),
        pytest.param(
            Reasoning(mode="enabled", budget=5_000), ADAPTIVE, SHOWN, "medium", [], id="a budget"
        ),
        pytest.param(Reasoning("none"), MANUAL, None, None, [], id="off is the old default"),
    ],
)
def test_an_effort_becomes_what_the_model_takes(
    reasoning: Reasoning, model: str, config: Any, effort: str | None, noted: list[str]
) -> None:
    assert encoded(reasoning, model) == (Thinking(config, effort, 50_000), noted)


def test_a_model_that_cannot_think_is_not_asked_to() -> None:
    thinking, noted = encoded(Reasoning("medium"), NEVER)
    assert (thinking.config, thinking.effort) == (None, None)
    assert noted == ["max_tokens_clamped", "reasoning_option_dropped"]


@pytest.mark.parametrize("asked, sent, noted", [(50_000, 4_096, True), (4_096, 4_096, False)])
def test_nobody_asks_for_more_than_a_model_writes(asked: int, sent: int, noted: bool) -> None:
    thinking, codes = encoded(Reasoning(), NEVER, max_tokens=asked)
    assert thinking.max_tokens == sent and codes == ["max_tokens_clamped"] * noted


@pytest.mark.parametrize(
    "effort, budget",
    [
        ("minimal", 1_024),
        ("low", 2_048),
        ("medium", 8_192),
        ("high", 16_384),
        ("xhigh", 32_768),
        ("max", 32_768),
    ],
)
def test_older_models_get_a_budget(effort: Any, budget: int) -> None:
    config = {"type": "enabled", "budget_tokens": budget, "display": "summarized"}
    assert encoded(Reasoning(effort), MANUAL) == (Thinking(config, None, 50_000), [])


@pytest.mark.parametrize(
    "given, sent",
    [
        pytest.param(5_000, 5_000, id="kept"),
        pytest.param(1_023, 1_024, id="trap 37: one that is too small is the least there is"),
    ],
)
def test_a_budget_given_in_tokens(given: int, sent: int) -> None:
    thinking, _ = encoded(Reasoning(budget=given), MANUAL)
    assert thinking.config and thinking.config["budget_tokens"] == sent


SMALL = Profile(adaptive=(), output_limits=(("even", 8_192), ("small", 4_096), ("tiny", 1_000)))


@pytest.mark.parametrize(
    "model, max_tokens, thinking, noted",
    [
        pytest.param(
            "any",
            1_000,
            (8_192, 9_192),
            ["thinking_conflict"],
            id="the client's limit comes on top of the budget",
        ),
        pytest.param(
            "any",
            8_192,
            (8_192, 16_384),
            ["thinking_conflict"],
            id="also one that is just as high",
        ),
        pytest.param(
            "small",
            1_000,
            (2_048, 4_096),
            ["thinking_conflict"],
            id="up to the model's limit, of which half is for thinking",
        ),
        pytest.param("even", None, (4_096, 8_192), [], id="also where the model's is just as high"),
        pytest.param("small", None, (2_048, 4_096), [], id="the model's limit is the default"),
        pytest.param("any", None, (8_192, 32_000), [], id="or the profile's"),
        pytest.param("tiny", 500, (None, 500), ["thinking_conflict"], id="no room for thinking"),
        pytest.param("any", 0, (None, 0), [], id="no answer wanted, no thinking"),
    ],
)
def test_trap_37_a_budget_fits_into_max_tokens(
    model: str, max_tokens: int | None, thinking: Any, noted: list[str]
) -> None:
    result, codes = encoded(Reasoning("medium"), model, max_tokens, profile=SMALL)
    budget = result.config["budget_tokens"] if result.config else None
    assert ((budget, result.max_tokens), codes) == (thinking, noted)


USE = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
THOUGHT = {"type": "thinking", "thinking": "", "signature": "s"}
RESULTS = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}


@pytest.mark.parametrize(
    "messages, choice, thinks",
    [
        pytest.param([], None, True, id="a first question"),
        pytest.param([], {"type": "any"}, False, id="a call is demanded"),
        pytest.param([], {"type": "tool", "name": "f"}, False, id="a certain call is demanded"),
        pytest.param([], {"type": "none"}, True, id="no call is wanted"),
        pytest.param(
            [{"role": "assistant", "content": [THOUGHT, USE]}, RESULTS], None, True, id="a loop"
        ),
        pytest.param(
            [{"role": "assistant", "content": [USE]}, RESULTS],
            None,
            False,
            id="a loop that lost its thinking",
        ),
        pytest.param(
            [{"role": "assistant", "content": [{"type": "text", "text": "x"}]}],
            None,
            True,
            id="an answer without calls",
        ),
    ],
)
def test_a_budget_does_not_go_with_everything(messages: Any, choice: Any, thinks: bool) -> None:
    thinking, noted = encoded(Reasoning("low"), MANUAL, messages=messages, choice=choice)
    assert (thinking.config is not None) is thinks
    assert noted == ([] if thinks else ["thinking_conflict"])


def test_adaptive_thinking_goes_with_forced_calls() -> None:
    thinking, noted = encoded(Reasoning("low"), ADAPTIVE, choice={"type": "any"})
    assert (thinking.config, noted) == (SHOWN, [])


def test_responses_clients_have_to_ask_for_what_was_thought() -> None:
    asked = Reasoning("low", visible=True)
    for reasoning, display in ((Reasoning("low"), "omitted"), (asked, "summarized")):
        thinking, _ = encoded(reasoning, ADAPTIVE, client="openai_responses")
        assert thinking.config and thinking.config["display"] == display


def test_compatible_servers_know_budgets_only() -> None:
    thinking, _ = encoded(Reasoning("max"), "any", profile=COMPATIBLE[A])
    assert thinking.effort is None and thinking.config
    assert thinking.config["type"] == "enabled"


@pytest.mark.parametrize(
    "reasoning, config",
    [
        pytest.param(Reasoning("high"), None, id="nothing"),
        pytest.param(
            Reasoning(None, "enabled", 2_000, True),
            {"type": "enabled", "budget_tokens": 2_000, "display": "summarized"},
            id="a budget",
        ),
        pytest.param(
            Reasoning("max", "adaptive", visible=False),
            {"type": "adaptive", "display": "omitted"},
            id="adaptive",
        ),
        pytest.param(
            Reasoning(mode="between_tools"), {"type": "between_tools"}, id="between tools"
        ),
    ],
)
def test_its_own_words_go_on_as_they_came(reasoning: Reasoning, config: Any) -> None:
    thinking = Thinking(config, reasoning.effort, 7)
    assert encoded(reasoning, MANUAL, 7, client=A, choice={"type": "any"}) == (thinking, [])


DROPPING = replace(VENDOR[A], drop_unbound=True)
BOUND = {"block_binding": {"prefix_mismatch_behavior": "drop_block"}}


@pytest.mark.parametrize(
    "client, model, reasoning, config",
    [
        pytest.param(
            "openai_chat",
            ADAPTIVE,
            Reasoning("high"),
            {"type": "adaptive", "display": "summarized", **BOUND},
            id="what was asked for, and that",
        ),
        pytest.param(
            "openai_chat", ADAPTIVE, Reasoning(), {"type": "adaptive", **BOUND}, id="nothing asked"
        ),
        pytest.param(
            "openai_chat", ADAPTIVE, Reasoning("none"), {"type": "disabled"}, id="no thinking"
        ),
        pytest.param("openai_chat", MANUAL, Reasoning(), None, id="a model without a default"),
        pytest.param(A, ADAPTIVE, Reasoning(), None, id="an app that can mend it itself"),
    ],
)
def test_thinking_of_another_conversation_may_be_dropped(
    client: Protocol, model: str, reasoning: Reasoning, config: Any
) -> None:
    ctx = context(client, A, DROPPING)
    request = Request(client, model, reasoning=reasoning, max_tokens=9_000)
    assert encode_reasoning(request, model, [], None, ctx).config == config
    asked = config is not None and "block_binding" in config
    assert bool(ctx.betas) is asked and ("thinking_prefix_dropped" in codes(ctx)) is asked
