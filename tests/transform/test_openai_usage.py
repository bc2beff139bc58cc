"""Counts wherever they stand, and sums that do not add up."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.answers import Usage
from bridge.transform.openai_usage import Places, usage_at

PLACES: Places = {
    "input_tokens": ("in", "input"),
    "output_tokens": ("out",),
    "cache_read_tokens": ("details.read", "read"),
    "cache_write_tokens": ("details.write",),
    "reasoning_tokens": ("details.more.thought",),
}


@pytest.mark.parametrize(
    "usage, expected",
    [
        pytest.param({"in": 10, "out": 5}, Usage(10, 5), id="sums only"),
        pytest.param({"in": 10}, Usage(10, 0), id="one of the sums"),
        pytest.param({"in": None, "input": 10, "out": 5}, Usage(10, 5), id="the first that counts"),
        pytest.param(
            {"in": 10, "out": 5, "read": 9, "details": {"read": 4, "write": 3}},
            Usage(10, 5, 4, 3),
            id="in an object",
        ),
        pytest.param(
            {"in": 10, "out": 5, "details": {"more": {"thought": 2}}},
            Usage(10, 5, reasoning_tokens=2),
            id="in an object in an object",
        ),
        pytest.param({"in": 10, "out": 5, "details": [1]}, Usage(10, 5), id="no object there"),
        pytest.param({"in": "10", "out": 5.0}, Usage(10, 5), id="digits and a float"),
        pytest.param({"in": -1, "out": 5}, Usage(0, 5), id="never negative"),
        pytest.param({"in": True, "out": 5}, Usage(0, 5), id="true is no number"),
        pytest.param({"in": "ten", "out": "9" * 19}, None, id="no counts in words"),
        pytest.param({"in": None}, None, id="nothing counted"),
        pytest.param({"read": 3}, None, id="a detail alone"),
        pytest.param(None, None, id="null"),
        pytest.param([1], None, id="a list"),
    ],
)
def test_counts_are_found(usage: Any, expected: Usage | None) -> None:
    assert usage_at(usage, PLACES) == expected


@pytest.mark.parametrize(
    "usage, expected",
    [
        pytest.param(
            {"in": 10, "out": 5, "total_tokens": 22, "details": {"more": {"thought": 7}}},
            Usage(10, 12, reasoning_tokens=7),
            id="reasoning beside the output (xAI)",
        ),
        pytest.param(
            {"in": 10, "out": 5, "total_tokens": 15, "details": {"more": {"thought": 7}}},
            Usage(10, 5, reasoning_tokens=5),
            id="more reasoning than output",
        ),
        pytest.param(
            {"in": 3, "out": 5, "read": 10},
            Usage(13, 5, 10),
            id="cached tokens beside the input (Grok at Azure)",
        ),
        pytest.param(
            {"in": 10, "out": 5, "read": 8, "details": {"write": 4}},
            Usage(10, 5, 8, 2),
            id="more written than there was",
        ),
    ],
)
def test_sums_are_made_to_add_up(usage: Any, expected: Usage) -> None:
    assert usage_at(usage, PLACES) == expected


number = st.none() | st.integers(-5, 50) | st.floats(0, 50) | st.text("0123456789x", max_size=3)


@given(st.dictionaries(st.sampled_from(["in", "input", "out", "read", "total_tokens"]), number))
def test_details_never_exceed_their_sums(usage: Any) -> None:
    found = usage_at(usage, PLACES)
    if found is not None:
        assert 0 <= (found.cache_read_tokens or 0) <= found.input_tokens
        assert 0 <= found.output_tokens
