"""What routes may ask about a request, in both dialects."""

from typing import Any

import pytest

from bridge.transform import Protocol, Traits, traits

IMAGE = {"type": "image", "source": {"type": "url", "url": "https://a/b"}}
IMAGE_URL = {"type": "image_url", "image_url": {"url": "https://a/b"}}
FUNCTION = {"type": "function", "function": {"name": "f"}}


def messages(*content: Any, **fields: Any) -> dict[str, Any]:
    turn = {"role": "user", "content": list(content) or "hi"}
    return {"model": "m", "max_tokens": 9, "messages": [turn], **fields}


def chat(*content: Any, **fields: Any) -> dict[str, Any]:
    turn = {"role": "user", "content": list(content) or "hi"}
    return {"model": "m", "messages": [turn], **fields}


def items(*given: Any) -> dict[str, Any]:
    return {"model": "m", "input": [{"role": "user", "content": "hi"}, *given]}


NOTHING = Traits()


@pytest.mark.parametrize(
    "client, body, expected",
    [
        pytest.param("anthropic_messages", messages(), NOTHING, id="plain Messages"),
        pytest.param("openai_chat", chat(), NOTHING, id="plain Chat"),
        pytest.param("anthropic_messages", messages(IMAGE), Traits(images=True), id="image"),
        pytest.param("openai_chat", chat(IMAGE_URL), Traits(images=True), id="image in Chat"),
        pytest.param(
            "anthropic_messages",
            messages({"type": "tool_result", "tool_use_id": "t", "content": [IMAGE]}),
            Traits(images=True),
            id="image in a tool result",
        ),
        pytest.param("openai_chat", chat(tools=[FUNCTION]), Traits(tools=True), id="tools"),
        pytest.param(
            "anthropic_messages",
            messages(thinking={"type": "adaptive"}),
            Traits(thinking=True),
            id="thinking",
        ),
        pytest.param(
            "anthropic_messages",
            messages(thinking={"type": "disabled"}, output_config={"effort": "high"}),
            NOTHING,
            id="thinking switched off, whatever the effort",
        ),
        pytest.param(
            "openai_chat", chat(reasoning_effort="low"), Traits(thinking=True), id="effort"
        ),
        pytest.param("openai_chat", chat(reasoning_effort="none"), NOTHING, id="no effort"),
        pytest.param(
            "openai_responses",
            items({"type": "configuration_update", "reasoning": {"effort": "low"}}),
            Traits(thinking=True),
            id="an effort that comes later",
        ),
        pytest.param(
            "openai_responses",
            items({"type": "additional_tools", "tools": [{"type": "function", "name": "f"}]}),
            Traits(tools=True),
            id="a tool that comes later",
        ),
        pytest.param("openai_chat", [1], NOTHING, id="not to be read"),
    ],
)
def test_traits(client: Protocol, body: Any, expected: Traits) -> None:
    assert traits(client, body) == expected
