"""Token counts of OpenAI's two protocols, wherever servers put them.

The model counts as OpenAI does (input with cached tokens, output with reasoning), so the hard part
is only what servers forget to add.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from .answers import Usage
from .json_text import Json

# A count of `Usage` -> where it may stand, the first that is there counts.
type Places = Mapping[str, tuple[str, ...]]

TOTAL = ("total_tokens",)


def usage_at(usage: Json, places: Places) -> Usage | None:
    """The counts in `usage`; None when it counts neither input nor output."""
    if not isinstance(usage, dict):
        return None
    counts: dict[str, Json] = {name: _count(usage, paths) for name, paths in places.items()}
    if counts["input_tokens"] is None and counts["output_tokens"] is None:
        return None
    for name in ("input_tokens", "output_tokens"):
        counts[name] = counts[name] or 0
    return _cleaned(Usage(**counts), _count(usage, TOTAL))


def _cleaned(usage: Usage, total: int | None) -> Usage:
    """Details inside their sums: added where the server left them out, cut where they exceed."""
    input_tokens, output_tokens = usage.input_tokens, usage.output_tokens
    reasoning, cached = usage.reasoning_tokens or 0, usage.cache_read_tokens or 0
    if reasoning and total == input_tokens + output_tokens + reasoning:  # xAI
        output_tokens += reasoning
    if cached > input_tokens:  # Grok at Azure: the prompt without what was cached
        input_tokens += cached
    return replace(
        usage,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        reasoning_tokens=_at_most(usage.reasoning_tokens, output_tokens),
        cache_write_tokens=_at_most(usage.cache_write_tokens, input_tokens - cached),
    )


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
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        return int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return max(0, int(value))
    return None
