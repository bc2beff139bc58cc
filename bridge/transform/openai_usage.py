"""Token counts of OpenAI's two protocols, wherever servers put them.

The model counts as OpenAI does (input with cached tokens, output with reasoning), so the hard part
is only what servers forget to add.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from .answers import Usage
from .json_text import Json

# A count of `Usage` -> where it may stand, the first that is there counts.
type Places = Mapping[str, tuple[str, ...]]

TOTAL = ("total_tokens",)


def usage_at(usage: Json, places: Places) -> Usage | None:
    """The counts in `usage`; None when it counts neither input nor output."""
    if not isinstance(usage, dict):
        return None
    counts: dict[str, Any] = {name: _count(usage, paths) for name, paths in places.items()}
    given, made = counts["input_tokens"], counts["output_tokens"]
    if given is None and made is None:
        return None
    given, made = given or 0, made or 0
    reasoning, cached = counts["reasoning_tokens"] or 0, counts["cache_read_tokens"] or 0
    if reasoning and _count(usage, TOTAL) == given + made + reasoning:  # xAI
        made += reasoning
    if cached > given:  # Grok at Azure: the prompt without what was cached
        given += cached
    # Details are inside their sums: added where the server left them out, cut where they exceed.
    counts |= {
        "input_tokens": given,
        "output_tokens": made,
        "reasoning_tokens": _at_most(counts["reasoning_tokens"], made),
        "cache_write_tokens": _at_most(counts["cache_write_tokens"], given - cached),
    }
    return Usage(**counts)


def _at_most(count: int | None, limit: int) -> int | None:
    return None if count is None else min(count, limit)


@cache
def _keys(path: str) -> tuple[str, ...]:
    """Of the places above, which are few and always the same."""
    return tuple(path.split("."))


def _count(usage: Json, paths: tuple[str, ...]) -> int | None:
    for path in paths:
        value = usage
        for key in _keys(path):
            value = value.get(key) if isinstance(value, dict) else None
        count = _integer(value)
        if count is not None:
            return count
    return None


def _integer(value: Json) -> int | None:
    """A count as some gateways send it: a float, or digits in a string; never negative."""
    if type(value) in (int, float):
        return max(0, int(value))
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        return int(value)
    return None
