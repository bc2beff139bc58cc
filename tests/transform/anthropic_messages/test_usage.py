"""Token counts, both ways of counting what was cached."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.answers import Usage
from bridge.transform.anthropic_messages.usage import decode_usage, encode_usage, merge_usage


@pytest.mark.parametrize(
    "wire, usage",
    [
        pytest.param({"input_tokens": 5, "output_tokens": 3}, Usage(5, 3), id="the two sums"),
        pytest.param(
            {
                "input_tokens": 5,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 20,
                "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5},
                "output_tokens": 30,
                "output_tokens_details": {"thinking_tokens": 10},
                "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
            },
            Usage(125, 30, 100, 20, 15, 5, 10, 2),
            id="cached input stands beside the rest (trap 44)",
        ),
        pytest.param(
            {"input_tokens": 1, "output_tokens": 2, "cache_creation": {}, "server_tool_use": None},
            Usage(1, 2),
            id="empty details are unknown",
        ),
        pytest.param(
            {"input_tokens": 1, "cache_creation": {"ephemeral_5m_input_tokens": 7}},
            Usage(8, 0, None, 7, 7),
            id="what was written is the sum by lifetime, if that is all there is",
        ),
        pytest.param(
            {"input_tokens": "12", "output_tokens": 3.0}, Usage(12, 3), id="text and floats"
        ),
        pytest.param({"input_tokens": -1, "output_tokens": 3}, Usage(0, 3), id="a negative count"),
        pytest.param(
            {"output_tokens": 3, "output_tokens_details": {"thinking_tokens": 9}},
            Usage(0, 3, reasoning_tokens=3),
            id="no more thinking than output",
        ),
        pytest.param({"input_tokens": True, "output_tokens": None}, None, id="no counts"),
        pytest.param({"input_tokens": "9" * 5_000}, None, id="digits without end"),
        pytest.param({}, None, id="an empty object"),
        pytest.param(None, None, id="nothing"),
        pytest.param([], None, id="a list"),
    ],
)
def test_usage_is_read(wire: Any, usage: Usage | None) -> None:
    assert decode_usage(wire) == usage


@pytest.mark.parametrize(
    "before, after, merged",
    [
        pytest.param({"a": 1}, {"a": 7}, {"a": 7}, id="a later total replaces an earlier one"),
        pytest.param({"a": 7}, {"a": 3}, {"a": 3}, id="also a smaller one"),
        pytest.param({"a": 7}, {"a": 0}, {"a": 7}, id="0 takes nothing back"),
        pytest.param({"a": None}, {"a": 0}, {"a": 0}, id="0 is more than nothing"),
        pytest.param({"a": 7}, {"a": None}, {"a": 7}, id="null says nothing"),
        pytest.param({"a": 7}, None, {"a": 7}, id="no usage at all"),
        pytest.param({}, {"a": {"b": 1}}, {"a": {"b": 1}}, id="details"),
    ],
)
def test_counts_of_a_stream_are_totals(before: Any, after: Any, merged: Any) -> None:
    assert merge_usage(before, after) == merged


FULL = {
    "input_tokens": 0,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "cache_creation": None,
    "output_tokens": 0,
    "server_tool_use": None,
    "service_tier": None,
}


@pytest.mark.parametrize(
    "usage, tier, wire",
    [
        pytest.param(None, None, FULL, id="unknown counts are zeros, in the full shape (trap 43)"),
        pytest.param(
            Usage(125, 30, 100, 20, 15, None, 10, 2),
            "default",
            {
                "input_tokens": 5,
                "cache_creation_input_tokens": 20,
                "cache_read_input_tokens": 100,
                "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 0},
                "output_tokens": 30,
                "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
                "service_tier": "standard",
                "output_tokens_details": {"thinking_tokens": 10},
            },
            id="everything",
        ),
        pytest.param(
            Usage(5, 1, cache_write_short_tokens=0, cache_write_long_tokens=0),
            None,
            {**FULL, "input_tokens": 5, "output_tokens": 1},
            id="zeros by lifetime say nothing",
        ),
        pytest.param(
            Usage(5, 1, 9),
            "flex",
            {**FULL, "cache_read_input_tokens": 9, "output_tokens": 1},
            id="never negative, and no tier that Anthropic has not",
        ),
    ],
)
def test_usage_is_written(usage: Usage | None, tier: str | None, wire: Any) -> None:
    assert encode_usage(usage, tier) == wire


COUNTS = st.integers(0, 10**9)
SOME = st.none() | COUNTS


@given(COUNTS, COUNTS, COUNTS, COUNTS, st.tuples(SOME, SOME), SOME)
def test_what_is_written_is_read_again(
    fresh: int, read: int, written: int, output: int, by_ttl: tuple[Any, Any], searches: int | None
) -> None:
    short, long = by_ttl if all(by_ttl) else (None, None)
    total = fresh + read + written
    usage = Usage(total, output, read, written, short, long, output // 2, searches)
    assert decode_usage(encode_usage(usage)) == usage
