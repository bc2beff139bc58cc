"""Reasoning effort and thinking budgets: one scale, and how levels and token counts meet on it."""

from typing import get_args

from .model import Effort

LEVELS: tuple[Effort, ...] = get_args(Effort.__value__)  # lowest first

# Words of other servers for the same scale.
ALIASES: dict[str, Effort] = {
    "off": "none",
    "disabled": "none",
    "mid": "medium",
    "normal": "medium",
    "default": "medium",
    "maximum": "max",
    "ultra": "max",
}

# tokens of thinking an effort stands for, where a model takes budgets only
BUDGETS: dict[Effort, int] = {
    "minimal": 1_024,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 32_768,
}


def effort_of(word: object) -> Effort | None:
    """The level `word` means; None for no word and for unknown ones."""
    if not isinstance(word, str):
        return None
    word = word.lower()
    for level in LEVELS:
        if level == word:
            return level
    return ALIASES.get(word)


def effort_of_budget(tokens: int) -> Effort:
    """The effort a thinking budget comes nearest to."""
    if tokens < 4_096:
        return "low"
    if tokens < 16_384:
        return "medium"
    return "high" if tokens < 32_768 else "xhigh"


def clamp(effort: Effort, levels: tuple[str, ...]) -> Effort | None:
    """`effort` if the upstream has it, else the nearest lower level it has, else its lowest.

    None when it has no level at all. "none" is no level of thinking: it is only ever matched by
    itself, then by the lowest level there is.
    """
    thinking = [level for level in LEVELS if level in levels and level != "none"]
    if effort in levels:
        return effort
    if not thinking:
        return None
    lower = [level for level in thinking if LEVELS.index(level) < LEVELS.index(effort)]
    return lower[-1] if lower else thinking[0]
