"""Reasoning: how much of it is asked for, in `thinking` and `output_config.effort`.

Hard part: each generation of models takes another form of it, and a thinking budget rules out
forced calls, small limits, and a tool loop that has lost its thinking.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from ..context import Context
from ..effort import BUDGETS, clamp, effort_of, effort_of_budget
from ..fields import one_of, optional, required
from ..fit import output_limit
from ..json_text import Json
from ..model import Effort, Reasoning, Request
from ..profile import matches
from .parts import PROTOCOL

__all__ = ["decode_reasoning", "encode_reasoning"]

type Mode = Literal["adaptive", "enabled", "disabled", "between_tools"]

MODES: tuple[Mode, ...] = ("adaptive", "enabled", "disabled", "between_tools")
DISPLAYS = {"summarized": True, "omitted": False}
CONFIG = "output_config"

# --- decoding


def decode_reasoning(body: dict[str, Json], ctx: Context) -> Reasoning:
    effort = _effort(body, ctx)
    thinking = optional(body.get("thinking"), dict, "thinking")
    if not thinking:
        return Reasoning(effort)
    mode = required(thinking.get("type"), str, "thinking.type")
    budget = optional(thinking.get("budget_tokens"), int, "thinking.budget_tokens")
    display = optional(thinking.get("display"), str, "thinking.display") or ""
    if display and display not in DISPLAYS:
        ctx.notes.add("hint_dropped", "thinking.display", f"display {display}")
    mode = one_of(mode, MODES, "thinking.type")
    return Reasoning(effort, mode, budget, DISPLAYS.get(display))


def _effort(body: dict[str, Json], ctx: Context) -> Effort | None:
    """What the request says, or system text before anybody has spoken."""
    effort = effort_in(body, "", ctx)
    for n, message in enumerate(body["messages"]):
        if message.get("role") != "system":
            break
        effort = effort_in(message, f"messages[{n}].", ctx) or effort
    return effort


def effort_in(holder: dict[str, Json], place: str, ctx: Context) -> Effort | None:
    """Of the request (`place` "") or from a message on."""
    where = f"{place}{CONFIG}"
    config = optional(holder.get(CONFIG), dict, where) or {}
    word = config.get("effort")
    effort = effort_of(word)
    if word is not None and effort is None:
        ctx.notes.add("reasoning_option_dropped", f"{where}.effort", "an unknown level")
    return effort


# --- encoding

MIN_BUDGET = 1_024
BINDING_BETA = "thinking-binding-controls-2026-08-01"
DROP_UNBOUND = {"prefix_mismatch_behavior": "drop_block"}


class Thinking(NamedTuple):
    """`config` is the field `thinking`; None: not sent. The budget is part of `max_tokens`."""

    config: dict[str, Json] | None
    effort: str | None
    max_tokens: int


def encode_reasoning(
    request: Request, model: str, messages: Sequence[Json], choice: Json, ctx: Context
) -> Thinking:
    """`messages` and `choice` are what will be sent with it."""
    thinking = _thinking(request, model, messages, choice, ctx)
    if not ctx.profile.drop_unbound or request.protocol == PROTOCOL:
        return thinking
    config = thinking.config or {"type": "adaptive"}
    if config["type"] == "disabled" or not (
        thinking.config or matches(model, ctx.profile.adaptive)
    ):
        return thinking
    ctx.betas.append(BINDING_BETA)
    ctx.notes.add("thinking_prefix_dropped", "messages", "thinking of another conversation")
    return thinking._replace(config={**config, "block_binding": DROP_UNBOUND})


def _thinking(
    request: Request, model: str, messages: Sequence[Json], choice: Json, ctx: Context
) -> Thinking:
    limit = output_limit(model, ctx.profile)
    max_tokens = request.max_tokens
    if max_tokens is None:
        max_tokens = limit or ctx.profile.max_tokens_default
    elif limit and max_tokens > limit:  # before there is a budget, which has to be below it
        ctx.notes.add("max_tokens_clamped", "max_tokens", f"{max_tokens} became {limit}")
        max_tokens = limit
    reasoning = request.reasoning
    if request.protocol == PROTOCOL:
        return Thinking(_as_it_came(reasoning), reasoning.effort, max_tokens)
    effort = _wanted(reasoning)
    if effort is None:
        return Thinking(None, None, max_tokens)
    if matches(model, ctx.profile.adaptive):
        return _adaptive(effort, request, model, max_tokens, ctx)
    if effort == "none" or max_tokens == 0:  # the cache is to be filled: nothing will be thought
        return Thinking(None, None, max_tokens)
    if not matches(model, ctx.profile.manual_thinking):
        ctx.notes.add("reasoning_option_dropped", "effort", f"{model} does not think")
        return Thinking(None, None, max_tokens)
    if conflict := _conflict(messages, choice):
        ctx.notes.add("thinking_conflict", "effort", conflict)
        return Thinking(None, None, max_tokens)
    return _manual(reasoning.budget or BUDGETS[effort], request, max_tokens, limit, ctx)


def _as_it_came(reasoning: Reasoning) -> dict[str, Json] | None:
    if reasoning.mode is None:
        return None
    display = {True: "summarized", False: "omitted", None: None}[reasoning.visible]
    fields = {"type": reasoning.mode, "budget_tokens": reasoning.budget, "display": display}
    return {key: value for key, value in fields.items() if value is not None}


def _wanted(reasoning: Reasoning) -> Effort | None:
    if reasoning.mode == "disabled":
        return "none"
    if reasoning.effort is None and reasoning.budget is not None:
        return effort_of_budget(reasoning.budget)
    return reasoning.effort


def _adaptive(
    effort: Effort, request: Request, model: str, max_tokens: int, ctx: Context
) -> Thinking:
    if effort == "none":
        if matches(model, ctx.profile.disable_thinking):
            return Thinking({"type": "disabled"}, None, max_tokens)
        ctx.notes.add("thinking_cannot_disable", "effort", f"{model} always thinks")
        return Thinking(None, clamp("low", ctx.profile.efforts), max_tokens)
    level = clamp(effort, ctx.profile.efforts)
    if level != effort:
        ctx.notes.add("effort_clamped", "effort", f"{effort} became {level}")
    return Thinking({"type": "adaptive", "display": _display(request)}, level, max_tokens)


def _manual(
    budget: int, request: Request, max_tokens: int, limit: int | None, ctx: Context
) -> Thinking:
    """The budget on top of the client's limit, as far as the model's goes."""
    budget, asked = max(MIN_BUDGET, budget), max_tokens
    if budget >= max_tokens:
        max_tokens = min(budget + max_tokens, limit or budget + max_tokens)
    if budget >= max_tokens:
        budget = max(MIN_BUDGET, max_tokens // 2)
    if budget >= max_tokens:
        ctx.notes.add("thinking_conflict", "max_tokens", f"no room for thinking in {max_tokens}")
        return Thinking(None, None, asked)
    if max_tokens != asked:
        detail = f"{asked} became {max_tokens}, {budget} of them for thinking"
        ctx.notes.add("thinking_conflict", "max_tokens", detail)
    config = {"type": "enabled", "budget_tokens": budget, "display": _display(request)}
    return Thinking(config, None, max_tokens)


def _display(request: Request) -> str:
    """Chat has always shown what a model thinks; Responses has to ask for it."""
    shown = request.reasoning.visible
    if shown is None:
        shown = request.protocol == "openai_chat"
    return "summarized" if shown else "omitted"


def _conflict(messages: Sequence[Json], choice: Json) -> str:
    """Why a thinking budget cannot be sent, "" when it can."""
    if choice and choice["type"] in ("any", "tool"):
        return "a call is forced, which goes without thinking only"
    turns = (m["content"] for m in reversed(messages) if m["role"] == "assistant")
    turn: list[Json] = next(turns, [])
    calls = any(block["type"] == "tool_use" for block in turn)
    if calls and turn[0]["type"] not in ("thinking", "redacted_thinking"):
        return "the calls being answered have lost their thinking"
    return ""
