"""Token counts of many servers, and sums that do not add up."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.answers import Usage
from bridge.transform.openai_chat.usage import decode_usage, encode_usage


def counts(prompt: Any = 10, completion: Any = 5, total: Any = 15, **more: Any) -> dict[str, Any]:
    sums = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    return {**sums, **more}


@pytest.mark.parametrize(
    "usage, expected",
    [
        pytest.param(counts(), Usage(10, 5), id="sums only"),
        pytest.param(
            counts(
                prompt_tokens_details={"cached_tokens": 4, "cache_write_tokens": 3},
                completion_tokens_details={"reasoning_tokens": 2},
            ),
            Usage(10, 5, 4, 3, reasoning_tokens=2),
            id="OpenAI's details",
        ),
        pytest.param(
            counts(
                prompt_tokens_details=None, completion_tokens_details={"reasoning_tokens": None}
            ),
            Usage(10, 5),
            id="null is unknown",
        ),
        pytest.param(
            counts(prompt_cache_hit_tokens=4, prompt_cache_miss_tokens=6),
            Usage(10, 5, 4),
            id="DeepSeek's cache",
        ),
        pytest.param(counts(num_cached_tokens=4), Usage(10, 5, 4), id="Mistral's cache"),
        pytest.param(counts(cached_tokens=4), Usage(10, 5, 4), id="Together's cache"),
        pytest.param(
            counts(cache_read_input_tokens=4, cache_creation_input_tokens=2),
            Usage(10, 5, 4, 2),
            id="Databricks' cache",
        ),
        pytest.param(
            counts(
                cache_creation={"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2},
                cache_creation_input_tokens=3,
            ),
            Usage(10, 5, None, 3, 1, 2),
            id="cache writes by their time to live",
        ),
        pytest.param(counts(reasoning_tokens=2), Usage(10, 5, reasoning_tokens=2), id="at the top"),
        pytest.param(
            counts(server_tool_use_details={"web_search_requests": 2}),
            Usage(10, 5, web_search_requests=2),
            id="searches",
        ),
        pytest.param(
            {"input_tokens": 3, "output_tokens": 4}, Usage(3, 4), id="the names of another protocol"
        ),
        pytest.param(counts("10", 5.0, "15"), Usage(10, 5), id="strings and floats"),
        pytest.param(counts(-1, 5), Usage(0, 5), id="never negative"),
        pytest.param(counts(193, None, None), Usage(193, 0), id="output not counted yet"),
        pytest.param(
            counts(10, 5, 22, completion_tokens_details={"reasoning_tokens": 7}),
            Usage(10, 12, reasoning_tokens=7),
            id="reasoning beside the completion (xAI)",
        ),
        pytest.param(
            counts(10, 5, 15, completion_tokens_details={"reasoning_tokens": 7}),
            Usage(10, 5, reasoning_tokens=5),
            id="more reasoning than output",
        ),
        pytest.param(
            counts(
                10, 5, 15, prompt_tokens_details={"cached_tokens": 30, "cache_write_tokens": 20}
            ),
            Usage(40, 5, 30, 10),
            id="a prompt without what was cached (Grok at Azure)",
        ),
        pytest.param({}, None, id="an empty object"),
        pytest.param({"prompt_tokens": None}, None, id="nothing counted"),
        pytest.param({"prompt_tokens": True, "completion_tokens": "x"}, None, id="no numbers"),
        pytest.param(None, None, id="nothing"),
        pytest.param([], None, id="a list"),
    ],
)
def test_trap_44_counts_are_read(usage: Any, expected: Usage | None) -> None:
    assert decode_usage(usage) == expected


def test_total_is_counted_anew_and_unknown_details_are_zeros() -> None:
    assert encode_usage(Usage(10, 5)) == {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


numbers = st.integers(0, 1000)


@given(numbers, numbers, numbers, numbers, numbers, numbers)
def test_details_stay_inside_their_sums(
    prompt: int, completion: int, total: int, cached: int, written: int, reasoning: int
) -> None:
    usage = decode_usage(
        counts(
            prompt,
            completion,
            total,
            prompt_tokens_details={"cached_tokens": cached, "cache_write_tokens": written},
            completion_tokens_details={"reasoning_tokens": reasoning},
        )
    )
    assert usage is not None
    assert 0 <= (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
    assert (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0) <= usage.input_tokens
    assert (usage.reasoning_tokens or 0) <= usage.output_tokens
    assert decode_usage(encode_usage(usage)) == usage
