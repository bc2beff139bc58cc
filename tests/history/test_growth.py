"""What fills a context, by kind: each piece where it belongs, and all of it together."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.estimate import IMAGE, REQUEST, TOOLS, estimate_tokens
from bridge.history.growth import KINDS, growth
from bridge.transform import PROTOCOLS, Protocol
from tests.transform.recorded import KINDS as KINDS_RECORDED
from tests.transform.recorded import answers

A, C, R = "anthropic_messages", "openai_chat", "openai_responses"
LONG = "word " * 700  # 1000 tokens
IMAGES: dict[str, Any] = {
    A: {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}},
    C: {"type": "image_url", "image_url": {"url": "https://h/i.png"}},
    R: {"type": "input_image", "image_url": "https://h/i.png"},
}


def about(thousands: dict[str, float], found: dict[str, int]) -> bool:
    """Whether each kind has so many thousands of tokens, and all others next to nothing."""
    return all(abs(found[kind] - 1000 * thousands.get(kind, 0)) < 80 for kind in KINDS)


def filled(protocol: Protocol, **body: Any) -> dict[str, int]:
    """Without what every request has."""
    found = growth(protocol, body)
    assert tuple(found) == KINDS
    found["system"] -= REQUEST
    if "tools" in body:
        found["tools"] -= TOOLS[protocol]
    return found


@pytest.mark.parametrize(
    "protocol, body, thousands",
    [
        pytest.param(A, {"system": LONG}, {"system": 1}, id="A: system"),
        pytest.param(
            A,
            {"messages": [{"role": "system", "content": LONG}, {"role": "user", "content": LONG}]},
            {"system": 1, "history": 1},
            id="A: system text among the messages",
        ),
        pytest.param(
            A,
            {"tools": [{"name": "t", "description": LONG, "input_schema": {"type": "object"}}]},
            {"tools": 1},
            id="A: tools",
        ),
        pytest.param(
            A,
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "tool_result", "content": [{"type": "text", "text": LONG}]},
                            {"type": "text", "text": LONG},
                        ],
                    },
                    {"role": "assistant", "content": [{"type": "thinking", "thinking": LONG}]},
                ]
            },
            {"results": 1, "history": 2},
            id="A: a result beside text, and thinking",
        ),
        pytest.param(
            A,
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            IMAGES[A],
                            {
                                "type": "tool_result",
                                "content": [{"type": "text", "text": LONG}, IMAGES[A]],
                            },
                        ],
                    }
                ]
            },
            {"results": 1, "images": 2 * IMAGE / 1000},
            id="A: an image in a result is an image",
        ),
        pytest.param(
            A,
            {
                "messages": [
                    {"role": "user", "content": [{"type": "web_search_tool_result", "x": LONG}]}
                ]
            },
            {"results": 1},
            id="A: what a hosted tool gave",
        ),
        pytest.param(
            C,
            {
                "messages": [
                    {"role": "developer", "content": LONG},
                    {"role": "user", "content": [{"type": "text", "text": LONG}, IMAGES[C]]},
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [{"function": {"name": "f", "arguments": LONG}}],
                    },
                    {"role": "tool", "content": LONG},
                    {"role": "function", "content": LONG},
                ]
            },
            {"system": 1, "history": 2, "results": 2, "images": IMAGE / 1000},
            id="C: roles tell",
        ),
        pytest.param(
            C,
            {"functions": [{"name": "f", "description": LONG}], "tools": []},
            {"tools": 1},
            id="C: functions",
        ),
        pytest.param(
            R,
            {
                "instructions": LONG,
                "input": [
                    {"type": "additional_tools", "tools": [{"name": "t", "description": LONG}]},
                    {"role": "user", "content": [{"type": "input_text", "text": LONG}]},
                    {"type": "function_call", "name": "f", "arguments": LONG},
                    {"type": "function_call_output", "output": LONG},
                    {"type": "custom_tool_call_output", "output": [IMAGES[R]]},
                    {
                        "type": "computer_call_output",
                        "output": {"type": "computer_screenshot", "image_url": "x"},
                    },
                ],
            },
            {
                "system": 1,
                "tools": 1,
                "history": 2,
                "results": 1,
                "images": 2 * IMAGE / 1000,
            },
            id="R: items tell",
        ),
        pytest.param(R, {"input": LONG}, {"history": 1}, id="R: a plain text"),
        pytest.param(R, {"input": ["x", 3, None]}, {}, id="R: items that are none"),
        pytest.param(A, {}, {}, id="nothing"),
    ],
)
def test_what_fills_it(protocol: Protocol, body: dict[str, Any], thousands: Any) -> None:
    assert about(thousands, filled(protocol, **body)), filled(protocol, **body)


def test_no_request_is_what_every_request_has() -> None:
    assert growth(A, None) == {**dict.fromkeys(KINDS, 0), "system": REQUEST}


BLOCKS = st.deferred(
    lambda: st.one_of(
        st.builds(lambda text: {"type": "text", "text": text}, st.text(max_size=50)),
        st.sampled_from(list(IMAGES.values())),
        st.builds(
            lambda kind, content: {"type": kind, "content": content, "output": content},
            st.sampled_from(
                ["tool_result", "function_call_output", "message", "image", "document"]
            ),
            st.one_of(st.text(max_size=9), st.lists(BLOCKS, max_size=3), st.none()),
        ),
        st.sampled_from([None, 3, "x", {"type": ["list"]}, {"type": "file", "file": {}}]),
    )
)
TURNS = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["user", "assistant", "system", "tool", None]),
    st.one_of(st.text(max_size=50), st.lists(BLOCKS, max_size=4)),
)


@given(turns=st.lists(st.one_of(TURNS, BLOCKS), max_size=6), tools=st.booleans())
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_together_it_is_the_estimate_of_the_whole(
    protocol: Protocol, turns: list[Any], tools: bool
) -> None:
    key = "input" if protocol == R else "messages"
    body = {key: turns, "system": "Be brief.", "instructions": "Be brief."}
    if tools:
        body["tools"] = [{"name": "f"}]
    found = growth(protocol, body)
    whole = estimate_tokens(protocol, body)
    assert whole <= sum(found.values()) <= whole + len(KINDS) + 1
    assert all(tokens >= 0 for tokens in found.values()) and json.dumps(found)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_recorded_requests(protocol: Protocol) -> None:
    tried = 0
    for kind in KINDS_RECORDED:
        for record, _ in answers(protocol, kind):
            body = record["request"]["body"]
            whole, found = estimate_tokens(protocol, body), growth(protocol, body)
            assert whole <= sum(found.values()) <= whole + len(KINDS) + 1
            tried += 1
    assert tried > 100
