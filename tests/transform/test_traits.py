"""What routes may ask about a request, in both dialects."""

from typing import Any

import pytest

from bridge.transform import Protocol, Traits, traits

IMAGE = {"type": "image", "source": {"type": "url", "url": "https://a/b"}}
IMAGE_URL = {"type": "image_url", "image_url": {"url": "https://a/b"}}
FUNCTION = {"type": "function", "function": {"name": "f"}}


def messages(*content: Any, **fields: Any) -> dict[str, Any]:
    turn = {"role": "user", "content": list(content) or "hi"}
    return {"model": "m", "max_tokens": 999, "messages": [turn], **fields}


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


TITLE = "You are a title generator. You output ONLY a thread title. Nothing else."
COMMIT = (
    "You are an expert software engineer that generates concise, one-line Git commit messages "
    "based on the provided diffs."
)
CLAUDE_CODE = [
    {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330;"},
    {"type": "text", "text": "You are Claude Code, Anthropic's official CLI for Claude."},
    {"type": "text", "text": "Analyze if this message indicates a new conversation topic. If"},
]
ASKED = {"type": "text", "text": "Generate a title for this conversation:\n"}
HI, HELLO = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}
TOOL = {"name": "f", "input_schema": {"type": "object"}}


@pytest.mark.parametrize(
    "client, body, side",
    [
        pytest.param("anthropic_messages", messages(system=TITLE), True, id="a title"),
        pytest.param("anthropic_messages", messages(system=CLAUDE_CODE), True, id="a later block"),
        pytest.param("anthropic_messages", messages(ASKED), True, id="the user's words"),
        pytest.param(
            "openai_chat",
            {"model": "m", "messages": [{"role": "system", "content": COMMIT}, HI]},
            True,
            id="a commit message",
        ),
        pytest.param(
            "openai_responses",
            {"model": "m", "instructions": f"\n{TITLE}", "input": "hi"},
            True,
            id="behind a line break",
        ),
        pytest.param(
            "openai_chat",
            {"model": "m", "messages": [{"role": "user", "content": f"Why: {TITLE}"}]},
            False,
            id="words that stand somewhere",
        ),
        pytest.param(
            "anthropic_messages", messages(system=TITLE, tools=[TOOL]), False, id="with tools"
        ),
        pytest.param("anthropic_messages", messages(max_tokens=128), True, id="hardly any room"),
        pytest.param("anthropic_messages", messages(max_tokens=129), False, id="room"),
        pytest.param(
            "openai_chat",
            {
                "model": "m",
                "max_tokens": 5,
                "messages": [{"role": "system", "content": "Be brief."}, HI],
            },
            True,
            id="a system prompt is no message",
        ),
        pytest.param(
            "anthropic_messages",
            messages(messages=[HI, HELLO, HI], max_tokens=5),
            False,
            id="a conversation, with hardly any room",
        ),
        pytest.param(
            "anthropic_messages",
            messages(messages=[HI, HELLO, {"role": "user", "content": [ASKED]}]),
            False,
            id="a conversation that is to be named",
        ),
    ],
)
def test_what_is_asked_beside_the_conversation(client: Protocol, body: Any, side: bool) -> None:
    assert traits(client, body).side is side
