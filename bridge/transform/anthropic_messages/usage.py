"""Token counts: Anthropic counts cached input beside `input_tokens`, the model counts it inside."""

from ..answers import Usage
from ..fields import object_of
from ..json_text import Json

__all__ = ["decode_usage", "encode_usage"]

# OpenAI's service tiers in Anthropic's words; it has no others to answer with.
TIERS = {"default": "standard", "priority": "priority", "fast": "priority"}
TIERS_READ = {"standard": "default", "priority": "priority"}


def decode_usage(usage: Json) -> Usage | None:
    """None when there are no counts in it."""
    if not isinstance(usage, dict):
        return None
    fresh, output = _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))
    if fresh is None and output is None:
        return None
    by_ttl = object_of(usage.get("cache_creation"))
    short = _count(by_ttl.get("ephemeral_5m_input_tokens"))
    long = _count(by_ttl.get("ephemeral_1h_input_tokens"))
    read = _count(usage.get("cache_read_input_tokens"))
    written = _count(usage.get("cache_creation_input_tokens"))
    if written is None and by_ttl:
        written = (short or 0) + (long or 0)
    thought = _count(object_of(usage.get("output_tokens_details")).get("thinking_tokens"))
    return Usage(
        input_tokens=(fresh or 0) + (read or 0) + (written or 0),
        output_tokens=output or 0,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_short_tokens=short,
        cache_write_long_tokens=long,
        reasoning_tokens=None if thought is None else min(thought, output or 0),
        web_search_requests=_count(
            object_of(usage.get("server_tool_use")).get("web_search_requests")
        ),
    )


def merge_usage(before: dict[str, Json], after: Json) -> dict[str, Json]:
    """Counts of a stream are totals: a later one replaces an earlier one, unless it says nothing.

    Compatible servers repeat known counts as 0.
    """
    news = object_of(after).items()
    return {**before, **{k: v for k, v in news if v is not None and (v != 0 or not before.get(k))}}


def encode_usage(usage: Usage | None, service_tier: str | None = None) -> dict[str, Json]:
    """The full shape, zeros for unknown counts: clients of some versions read every key."""
    usage = usage or Usage()
    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    encoded: dict[str, Json] = {
        "input_tokens": max(0, usage.input_tokens - read - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": _by_ttl(usage),
        "output_tokens": usage.output_tokens,
        "server_tool_use": _searches(usage),
        "service_tier": TIERS.get(service_tier or ""),
    }
    if usage.reasoning_tokens is not None:
        encoded["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return encoded


def _by_ttl(usage: Usage) -> Json:
    """Only where something was written: the SDK reads it from whole answers alone."""
    short, long = usage.cache_write_short_tokens or 0, usage.cache_write_long_tokens or 0
    by_ttl = {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long}
    return by_ttl if short or long else None


def _searches(usage: Usage) -> Json:
    if usage.web_search_requests is None:
        return None
    return {"web_search_requests": usage.web_search_requests, "web_fetch_requests": 0}


def _count(value: Json) -> int | None:
    """A count as some gateways send it: a float, or digits in a string."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        return int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return max(0, int(value))
    return None
