"""Token counts, those of hosted tools beside them."""

from ..answers import Usage
from ..json_text import Json
from ..openai_usage import Places, usage_at

__all__ = ["decode_usage", "encode_usage"]

WRITTEN_BY_TTL = "cache_write_tokens_details"
PLACES: Places = {
    "input_tokens": ("input_tokens", "prompt_tokens"),
    "output_tokens": ("output_tokens", "completion_tokens"),
    "cache_read_tokens": (
        "input_tokens_details.cached_tokens",
        "prompt_tokens_details.cached_tokens",
    ),
    "cache_write_tokens": ("input_tokens_details.cache_write_tokens",),
    "cache_write_short_tokens": (f"input_tokens_details.{WRITTEN_BY_TTL}.ttl_30m_tokens",),
    "cache_write_long_tokens": (f"input_tokens_details.{WRITTEN_BY_TTL}.ttl_12h_tokens",),
    "reasoning_tokens": (
        "output_tokens_details.reasoning_tokens",
        "completion_tokens_details.reasoning_tokens",
    ),
    "web_search_requests": ("tool_usage.web_search.num_requests",),
}


def decode_usage(usage: Json, tool_usage: Json = None) -> Usage | None:
    """None when there are no counts in it; `tool_usage` is a field beside it."""
    counted = {**usage, "tool_usage": tool_usage} if isinstance(usage, dict) else None
    return usage_at(counted, PLACES)


def encode_usage(usage: Usage | None) -> dict[str, Json]:
    """Both detail objects, with zeros for unknown counts: strict clients read all of them."""
    usage = usage or Usage()
    details: dict[str, Json] = {
        "cached_tokens": usage.cache_read_tokens or 0,
        "cache_write_tokens": usage.cache_write_tokens or 0,
    }
    short, long = usage.cache_write_short_tokens, usage.cache_write_long_tokens
    if short is not None or long is not None:
        details[WRITTEN_BY_TTL] = {"ttl_30m_tokens": short or 0, "ttl_12h_tokens": long or 0}
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": details,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def encode_tool_usage(usage: Usage | None) -> dict[str, Json]:
    """The field beside the usage, where searches were counted."""
    if usage is None or usage.web_search_requests is None:
        return {}
    image_gen = {
        "input_tokens": 0,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
        "output_tokens": 0,
        "total_tokens": 0,
    }
    searches = {"num_requests": usage.web_search_requests}
    return {"tool_usage": {"image_gen": image_gen, "web_search": searches}}
