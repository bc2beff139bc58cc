"""Token counts: what servers call them."""

from ..answers import Usage
from ..json_text import Json
from ..openai_usage import Places, usage_at

__all__ = ["decode_usage", "encode_usage"]

OUTPUT = ("completion_tokens", "output_tokens")
PLACES: Places = {
    "input_tokens": ("prompt_tokens", "input_tokens"),
    "output_tokens": OUTPUT,
    "cache_read_tokens": (
        "prompt_tokens_details.cached_tokens",
        "input_tokens_details.cached_tokens",
        "prompt_cache_hit_tokens",  # DeepSeek
        "cached_tokens",  # Together
        "num_cached_tokens",  # Mistral
        "cache_read_input_tokens",  # Databricks
    ),
    "cache_write_tokens": (
        "prompt_tokens_details.cache_write_tokens",
        "cache_creation_input_tokens",
    ),
    "cache_write_short_tokens": ("cache_creation.ephemeral_5m_input_tokens",),
    "cache_write_long_tokens": ("cache_creation.ephemeral_1h_input_tokens",),
    "reasoning_tokens": (
        "completion_tokens_details.reasoning_tokens",
        "output_tokens_details.reasoning_tokens",
        "reasoning_tokens",
    ),
    "web_search_requests": (
        "server_tool_use_details.web_search_requests",  # OpenRouter
        "server_tool_use.web_search_requests",
    ),
}


def decode_usage(usage: Json) -> Usage | None:
    """None when there are no counts in it."""
    return usage_at(usage, PLACES)


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
