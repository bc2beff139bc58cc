"""What each upstream is asked for a compaction, and what becomes of the answer."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bridge.call import Call
from bridge.config import parse
from bridge.errand import Errand, errand, has_endpoint, is_compaction, takes_wish
from bridge.transform import Error, Protocol

CONFIG = """
upstreams:
  chat: {protocol: openai_chat, url: https://chat.example/v1}
  claude: {protocol: anthropic_messages, url: https://c.example, profile: anthropic}
  old: {protocol: anthropic_messages, url: https://c.example, profile: anthropic, models: {m: OLD}}
  other: {protocol: anthropic_messages, url: https://o.example}
  home: {protocol: anthropic_messages, url: https://app.example}
  openai: {protocol: openai_responses, url: https://r.example/v1, profile: openai}
  local: {protocol: openai_responses, url: https://l.example/v1}
  own: {protocol: openai_responses, url: https://app.example/v1}
"""
UPSTREAMS = parse(CONFIG.replace("OLD", "claude-2"), "c", {}).upstreams
A: Protocol = "anthropic_messages"
R: Protocol = "openai_responses"
WISH = {"model": "m", "messages": [], "compaction": {"type": "summarize"}}


def call(protocol: Protocol, path: str, body: Any = None) -> Call:
    return Call(protocol, "https", "app.example", 443, path, (), json.dumps(body).encode())


COMPACT = call(R, "/v1/responses/compact", {"model": "m", "input": "hi"})
MESSAGES = call(A, "/v1/messages", WISH)


@pytest.mark.parametrize(
    "made, expected",
    [
        (COMPACT, True),
        (replace(COMPACT, path="/x/responses/compact/?a=b"), True),
        (replace(COMPACT, path="/v1/responses"), False),
        (MESSAGES, True),
        (call(A, "/v1/messages", {"model": "m"}), False),
        (call("openai_chat", "/v1/chat/completions", WISH), False),
    ],
)
def test_what_is_a_compaction(made: Call, expected: bool) -> None:
    assert is_compaction(made) is expected


def test_who_has_the_endpoint_or_knows_the_field() -> None:
    for made, asked, expected in (
        (COMPACT, has_endpoint, {"openai", "own"}),
        (MESSAGES, has_endpoint, {"openai"}),
        (COMPACT, takes_wish, set()),
        (MESSAGES, takes_wish, {"claude", "home"}),
    ):
        assert {name for name, up in UPSTREAMS.items() if asked(up, made)} == expected


def of(made: Call, name: str = "chat", *, by_endpoint: bool = False) -> Errand:
    return errand(made, UPSTREAMS[name], made.parsed, b"k", by_endpoint=by_endpoint)


def test_the_endpoint_of_the_app_s_own_protocol_answers_as_it_likes() -> None:
    native = of(COMPACT, "openai", by_endpoint=True)
    assert (native.said, native.path) == (COMPACT.parsed, "/v1/responses/compact")
    assert (native.sent(b"x"), native.read(b"y"), native.told(b"z", None)) == (b"x", b"y", b"z")


def test_a_summary_takes_the_way_of_calls() -> None:
    for made in (COMPACT, MESSAGES):
        asked = of(made)
        assert asked.path is None and asked.kept is None and asked.heard is None
        assert "about to be replaced" in json.dumps(asked.said)
        silent = {"content": [], "output": []}
        assert isinstance(asked.told(json.dumps(silent).encode(), "stop"), Error)


def test_a_messages_call_by_the_endpoint_of_responses() -> None:
    asked = of(MESSAGES, "openai", by_endpoint=True)
    assert asked.path == "/v1/responses/compact" and "compaction" not in asked.said
    sent = asked.sent(b'{"model": "m", "input": [], "store": false, "max_output_tokens": 9}')
    assert json.loads(sent) == {"model": "m", "input": []}
    assert asked.read(b"<html>") == b"<html>", "which the translator calls an error"
    output = [{"type": "compaction", "encrypted_content": "e"}]
    assert json.loads(asked.read(json.dumps({"output": output}).encode()))["status"] == "completed"
    told = asked.told(b'{"content": []}', "stop")
    assert isinstance(told, bytes) and json.loads(told)["stop_reason"] == "compaction"
