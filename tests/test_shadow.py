"""What a shadow is shown to get, who is sampled, and how two answers compare."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import Config
from bridge.exchange import Exchange
from bridge.routing import Choice, Router
from bridge.shadow import compare, preview, sampled
from bridge.trace import KEPT_BYTES
from bridge.transform import Protocol
from bridge.trial import Unheard
from tests.exchanged import KEY, NOW, call, config


def ready(body: Any, client: Protocol = "anthropic_messages", **upstream: Any) -> Exchange:
    """A call that could be sent."""
    settings: Config = config(**{"protocol": "openai_chat", **upstream})
    [route] = settings.routes
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Exchange(
        call(client, content),
        Choice(route, route.upstreams),
        Router(settings),
        settings.failover,
        Unheard(),
        key=KEY,
        now=NOW,
    )


ASKED: dict[str, Any] = {
    "model": "claude-x",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "hi"}],
}


def test_what_would_be_sent_and_lost() -> None:
    shown = preview(ready({**ASKED, "top_k": 3}, models={"*": "gpt-x"}), NOW)
    assert (shown["upstream"], shown["protocol"]) == ("up", "openai_chat")
    assert (shown["model"], shown["refused"]) == ("gpt-x", "")
    assert json.loads(shown["request"])["model"] == "gpt-x"
    assert [(note["code"], note["severity"]) for note in shown["notes"]] == [
        ("sampling_dropped", "degraded")
    ]
    assert json.loads(json.dumps(shown)) == shown


def test_in_the_same_protocol_it_is_what_the_app_sent() -> None:
    shown = preview(ready(ASKED, protocol="anthropic_messages"), NOW)
    assert json.loads(shown["request"]) == ASKED and shown["model"] == "claude-x"


def test_it_is_bounded() -> None:
    long = [{"role": "user", "content": "x" * (2 * KEPT_BYTES)}]
    shown = preview(ready({**ASKED, "messages": long}), NOW)
    assert KEPT_BYTES < len(shown["request"]) < KEPT_BYTES + 100


@pytest.mark.parametrize(
    "body, client, problem",
    [
        pytest.param(b"{", "anthropic_messages", "the body is not JSON", id="no JSON"),
        pytest.param({**ASKED, "messages": 5}, "anthropic_messages", "messages: ", id="malformed"),
        pytest.param(
            {"model": "m", "input": "hi", "background": True},
            "openai_responses",
            "background",
            id="what cannot be said there",
        ),
    ],
)
def test_why_nothing_would_be_sent(body: Any, client: Protocol, problem: str) -> None:
    shown = preview(ready(body, client), NOW)
    assert problem in shown["refused"] and shown["request"] == ""


@given(st.uuids().map(str))
def test_none_of_the_calls_or_all_of_them(call_id: str) -> None:
    assert not sampled(call_id, 0.0) and sampled(call_id, 1.0)


@given(st.uuids().map(str), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_has_all_of_a_smaller_one(call_id: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert sampled(call_id, large) or not sampled(call_id, small)


def test_a_tenth_is_a_tenth() -> None:
    taken = [sampled(f"call-{n}", 0.1) for n in range(10_000)]
    assert 900 < sum(taken) < 1100 and taken == [sampled(f"call-{n}", 0.1) for n in range(10_000)]


# --- comparing


def record(*content: Any, **fields: Any) -> dict[str, Any]:
    body = {"type": "message", "role": "assistant", "content": list(content)}
    return {
        "client": "anthropic_messages",
        "stop": "stop",
        "usage": {"output_tokens": 3},
        "attempts": [{"status": 200}],
        "bodies": {"client_response": json.dumps(body)},
        **fields,
    }


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def tool(name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": "toolu_1", "name": name, "input": arguments}


STREAM = (
    'data: {"type":"message_start","message":{"content":[]}}\n\n'
    'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
    'data: {"type":"content_block_delta","index":0,'
    '"delta":{"type":"text_delta","text":"one two"}}\n\n'
    'data: {"type":"content_block_stop","index":0}\n\ndata: {"type":"message_stop"}\n\n'
)


@pytest.mark.parametrize(
    "first, second, same_text, ratio",
    [
        pytest.param(record(text("one two")), record(text("one two")), True, 1.0, id="the same"),
        pytest.param(record(text("a b c d")), record(text("a b c e")), False, 0.75, id="alike"),
        pytest.param(record(text("a b")), record(text("c")), False, 0.0, id="nothing alike"),
        pytest.param(record(text("a")), record(), False, 0.0, id="nothing said"),
        pytest.param(record(text(" ")), record(text("\n")), True, 1.0, id="nothing but space"),
        pytest.param(
            record(text("one two")),
            record(bodies={"client_response": STREAM}),
            True,
            1.0,
            id="the same, in a stream",
        ),
        pytest.param(
            record(text("one two")),
            record(bodies={"upstream_response": STREAM}),
            True,
            1.0,
            id="the same, which the upstream said in these words",
        ),
        pytest.param(
            record(text("one")), record(bodies={}, attempts=[]), False, 0.0, id="no answer"
        ),
        pytest.param(record(text("one")), {}, False, 0.0, id="no record"),
        pytest.param(
            record(text("one")),
            record(
                bodies={"client_response": '{"type":"error","error":{"message":"one"}}'},
                attempts=[{"status": 529}],
            ),
            False,
            0.0,
            id="an error",
        ),
    ],
)
def test_texts(
    first: dict[str, Any], second: dict[str, Any], same_text: bool, ratio: float
) -> None:
    compared = compare(first, second)
    assert (compared["same_text"], compared["ratio"]) == (same_text, ratio)


def test_the_original_comes_first() -> None:
    first = record(text("a"), tool("look", at=1))
    second = record(tool("look", at=2), tool("go"), stop="tool_calls", usage={})
    compared = compare(first, second)
    assert compared["stop"] == ["stop", "tool_calls"]
    assert compared["usage"] == [{"output_tokens": 3}, {}]
    assert compared["tools"] == [["look"], ["look", "go"]]
    assert not compared["same_calls"]
    assert json.loads(json.dumps(compared)) == compared


def test_calls_are_the_same_whatever_their_ids() -> None:
    other = {**tool("look", at=1), "id": "toolu_2"}
    assert compare(record(tool("look", at=1)), record(other))["same_calls"]
    assert not compare(record(tool("look", at=1)), record(tool("look", at=2)))["same_calls"]


def test_of_masked_text_nobody_can_tell_whether_it_is_the_same() -> None:
    first = record(tool("look", at=1))
    for one, other in (({**first, "masked": True}, first), (first, {**first, "masked": True})):
        compared = compare(one, other)
        assert set(compared) == {"stop", "usage", "tools"} and compared["tools"][0] == ["look"]
