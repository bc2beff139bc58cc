"""Recorded requests: the estimate against what their vendors counted."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from bridge.estimate import FUNCTIONS, estimate_tokens
from bridge.transform import Protocol
from tests.transform.recorded import KINDS, answers

PROTOCOLS: tuple[Protocol, ...] = ("anthropic_messages", "openai_chat", "openai_responses")
# What brings in tokens that are not in the request: history elsewhere, searches, templates.
ELSEWHERE = (
    "previous_response_id",
    "conversation",
    "prompt",
    "mcp_servers",
    "plugins",
    "container",
)
PICTURES = ("image", "document", "file")


@cache
def counted(protocol: Protocol) -> list[tuple[Any, int, int]]:
    """Requests that say all a model was told: the body, the estimate, and the truth."""
    return [
        (body, estimate_tokens(protocol, body), answer.usage.input_tokens)
        for kind in KINDS
        for record, answer in answers(protocol, kind)
        if answer.usage and answer.usage.input_tokens
        for body in _whole(record["request"]["body"])
    ]


def _whole(body: Any) -> Iterator[Any]:
    """`body` if there is nothing else to it."""
    if body is None or any(body.get(key) for key in ELSEWHERE) or "item_reference" in str(body):
        return
    if all((tool.get("type") or "") in FUNCTIONS for tool in body.get("tools") or []):
        yield body


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_trap_51_hardly_a_request_is_undercounted(protocol: Protocol) -> None:
    found = counted(protocol)
    enough = sum(estimate >= truth for _, estimate, truth in found)
    assert len(found) > 100 and enough >= 0.95 * len(found)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_request_of_some_size_is_not_much_overcounted(protocol: Protocol) -> None:
    """Small ones are, by fixed costs that are nothing in any context window."""
    ratios = sorted(
        estimate / truth
        for body, estimate, truth in counted(protocol)
        if truth >= 2_000 and not any(word in str(body) for word in PICTURES)
    )
    assert ratios[len(ratios) // 2] <= 2.2
    assert ratios[-1] <= 2.5
