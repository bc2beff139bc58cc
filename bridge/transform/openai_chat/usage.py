"""Token counts: what servers call them, and sums that do not add up.

The model counts as OpenAI does (input with cached tokens, output with reasoning), so the hard part
is only who else writes into these fields, and what they forgot to add.
"""

from dataclasses import replace

from ..json_text import Json
from ..model import Usage

__all__ = ["decode_usage", "encode_usage"]

# Our count -> where servers put it, the first that is there counts.
INPUT = ("prompt_tokens", "input_tokens")
OUTPUT = ("completion_tokens", "output_tokens")
CACHE_READ = (
    "prompt_tokens_details.cached_tokens",
    "input_tokens_details.cached_tokens",
    "prompt_cache_hit_tokens",  # DeepSeek
    "cached_tokens",  # Together
    "num_cached_tokens",  # Mistral
    "cache_read_input_tokens",  # Databricks
)
CACHE_WRITE = (
    "prompt_tokens_details.cache_write_tokens",
    "cache_creation_input_tokens",
)
REASONING = (
    "completion_tokens_details.reasoning_tokens",
    "output_tokens_details.reasoning_tokens",
    "reasoning_tokens",
)
SEARCHES = (
    "server_tool_use_details.web_search_requests",  # OpenRouter
    "server_tool_use.web_search_requests",
)


def decode_usage(usage: Json) -> Usage | None:
    """None when there are no counts in it."""
    if not isinstance(usage, dict):
        return None
    input_tokens, output_tokens = _count(usage, INPUT), _count(usage, OUTPUT)
    if input_tokens is None and output_tokens is None:
        return None
    read = Usage(
        input_tokens=input_tokens or 0,
        output_tokens=output_tokens or 0,
        cache_read_tokens=_count(usage, CACHE_READ),
        cache_write_tokens=_count(usage, CACHE_WRITE),
        cache_write_short_tokens=_count(usage, ("cache_creation.ephemeral_5m_input_tokens",)),
        cache_write_long_tokens=_count(usage, ("cache_creation.ephemeral_1h_input_tokens",)),
        reasoning_tokens=_count(usage, REASONING),
        web_search_requests=_count(usage, SEARCHES),
    )
    return _cleaned(read, _count(usage, ("total_tokens",)))


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


def _count(usage: dict[str, Json], paths: tuple[str, ...]) -> int | None:
    for path in paths:
        holder, _, key = path.rpartition(".")
        inner = usage.get(holder) if holder else usage
        value = _integer(inner.get(key)) if isinstance(inner, dict) else None
        if value is not None:
            return value
    return None


def _integer(value: Json) -> int | None:
    """A count as some gateways send it: a float, or digits in a string; never negative."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        return int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return max(0, int(value))
    return None


def encode_usage(usage: Usage) -> dict[str, Json]:
    """Both detail objects, with zeros for unknown counts: clients read them unasked."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens or 0,
            "cache_write_tokens": usage.cache_write_tokens or 0,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
    }
