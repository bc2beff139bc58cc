"""Token counts of responses, read and written."""

from typing import Any

import pytest
from openai.types.responses import ResponseUsage
from openai.types.responses.response import ToolUsage

from bridge.transform.answers import Usage
from bridge.transform.openai_responses.usage import decode_usage, encode_tool_usage, encode_usage

SUMS = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
FULL = Usage(10, 5, 4, 3, 1, 2, reasoning_tokens=2)
WIRE = {
    "input_tokens": 10,
    "input_tokens_details": {
        "cached_tokens": 4,
        "cache_write_tokens": 3,
        "cache_write_tokens_details": {"ttl_30m_tokens": 1, "ttl_12h_tokens": 2},
    },
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 15,
}


@pytest.mark.parametrize(
    "usage, expected",
    [
        pytest.param(WIRE, FULL, id="with all details"),
        pytest.param(SUMS, Usage(10, 5), id="without details they are unknown"),
        pytest.param(
            {**SUMS, "input_tokens_details": None, "output_tokens_details": {}},
            Usage(10, 5),
            id="empty details",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            Usage(10, 5, 4, reasoning_tokens=2),
            id="in Chat's words",
        ),
        pytest.param({}, None, id="none at all"),
        pytest.param(None, None, id="null"),
    ],
)
def test_counts_are_read(usage: Any, expected: Usage | None) -> None:
    assert decode_usage(usage) == expected


def test_searches_are_counted_beside_the_usage() -> None:
    tools = {"image_gen": {}, "web_search": {"num_requests": 2}}
    assert decode_usage(SUMS, tools) == Usage(10, 5, web_search_requests=2)
    assert decode_usage(None, tools) is None


def test_counts_are_written_as_they_are_read() -> None:
    assert encode_usage(FULL) == WIRE
    assert decode_usage(encode_usage(FULL)) == FULL


@pytest.mark.parametrize("usage", [None, Usage(10, 5), FULL, Usage(cache_write_short_tokens=1)])
def test_a_strict_client_finds_every_count(usage: Usage | None) -> None:
    ResponseUsage.model_validate(encode_usage(usage), strict=True)
    written = encode_usage(usage)
    assert written["total_tokens"] == written["input_tokens"] + written["output_tokens"]


def test_searches_are_written_where_they_were_counted() -> None:
    assert encode_tool_usage(None) == {}
    assert encode_tool_usage(Usage(1, 2)) == {}
    [(field, counts)] = encode_tool_usage(Usage(1, 2, web_search_requests=3)).items()
    assert field == "tool_usage"
    assert ToolUsage.model_validate(counts, strict=True).web_search.num_requests == 3
