"""What is read off an app's call, and what routes are told of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.call import Call, with_model
from bridge.config import parse
from bridge.transform import detect

IMAGE = {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}


def call(body: bytes, **fields: Any) -> Call:
    given = {"protocol": "anthropic_messages", "scheme": "https", "host": "api.anthropic.com"}
    return Call(
        **{**given, "port": 443, "path": "/v1/messages", "headers": (), "body": body, **fields}
    )


def message(**fields: Any) -> bytes:
    ask = {"role": "user", "content": "hi"}
    return json.dumps({"model": "claude", "max_tokens": 9, "messages": [ask], **fields}).encode()


@pytest.mark.parametrize(
    "body, model, streams",
    [
        pytest.param(message(stream=True), "claude", True, id="a stream"),
        pytest.param(message(stream="yes"), "claude", False, id="a flag that is none"),
        pytest.param(message(model=5), "", False, id="a model that is no name"),
        pytest.param(b"[]", "", False, id="no object"),
    ],
)
def test_what_it_names(body: bytes, model: str, streams: bool) -> None:
    read = call(body)
    assert (read.model, read.wants_stream, read.fault) == (model, streams, None)


def test_what_is_no_json_has_a_fault_and_nothing_else() -> None:
    read = call(b"{")
    assert read.fault is not None and "not JSON" in str(read.fault)
    assert (read.parsed, read.model, read.wants_stream) == (None, "", False)
    assert read.facts(frozenset({"has"})).has == frozenset()


def test_facts() -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    body = message(messages=[{"role": "user", "content": [IMAGE]}], thinking=thinking)
    read = call(body, headers=(("X-App", "cli"),), path="/v1/messages?beta=true")
    facts = read.facts(frozenset({"has", "thinking"}))
    assert (facts.protocol, facts.model, facts.host) == (
        "anthropic_messages",
        "claude",
        "api.anthropic.com",
    )
    assert facts.headers == {"x-app": "cli"} and facts.path == "/v1/messages?beta=true"
    assert facts.thinking and facts.has == {"images"}
    assert facts.tokens == 0, "nobody asked"


def test_tokens_are_estimated_and_a_picture_is_no_text() -> None:
    data = "A" * 1_500_000
    source = {"type": "base64", "media_type": "image/png", "data": data}
    picture = message(messages=[{"role": "user", "content": [{"type": "image", "source": source}]}])
    prose = message(messages=[{"role": "user", "content": "word " * 3_000}])
    asks = frozenset({"tokens_over"})
    assert call(picture).facts(asks).tokens < call(prose).facts(asks).tokens
    assert 3_000 <= call(prose).facts(asks).tokens < 6_000


def test_what_nobody_asks_for_is_not_looked_up() -> None:
    aside = call(message(thinking={"type": "adaptive"}))
    facts = aside.facts(frozenset({"model"}))
    assert not facts.thinking and not facts.side
    assert aside.facts(frozenset({"side"})).side


def test_its_body_is_there_for_conditions_on_fields() -> None:
    assert call(b'{"a": 1}').facts(frozenset()).body == {"a": 1}


@pytest.mark.parametrize(
    "header, agent, side",
    [
        pytest.param(("X-Claude-Code-Agent-Id", "a94af"), True, False, id="Claude Code's"),
        pytest.param(("x-claude-code-request-class", "subagent"), True, False, id="by its class"),
        pytest.param(("x-claude-code-request-class", "workflow"), True, False, id="in a workflow"),
        pytest.param(("x-claude-code-request-class", "main"), False, False, id="the main one"),
        pytest.param(("x-claude-code-request-class", "auxiliary"), False, True, id="beside it"),
        pytest.param(("x-openai-subagent", "review"), True, False, id="Codex's"),
        pytest.param(("x-codex-parent-thread-id", "t"), True, False, id="a thread of another"),
        pytest.param(("x-parent-session-id", "s"), True, False, id="opencode's"),
        pytest.param(("x-parent-session-id", ""), False, False, id="an empty header"),
        pytest.param(("x-claude-code-session-id", "s"), False, False, id="a session says nothing"),
    ],
)
def test_what_agents_say_in_headers(header: tuple[str, str], agent: bool, side: bool) -> None:
    facts = call(b"{}", headers=(header,)).facts(frozenset({"agent", "side"}))
    assert (facts.agent, facts.side) == (agent, side)


@pytest.mark.parametrize(
    "url, addressed",
    [
        ("https://api.anthropic.com", True),
        ("https://API.anthropic.com:443/v1", True),
        ("http://api.anthropic.com:443", False),
        ("https://api.anthropic.com:8443", False),
        ("https://other.test", False),
    ],
)
def test_whether_it_was_sent_to_an_upstream_itself(url: str, addressed: bool) -> None:
    source = f"upstreams: {{a: {{protocol: anthropic_messages, url: '{url}'}}}}"
    upstream = parse(source, "c", {}).upstreams["a"]
    assert call(b"").addresses(upstream) is addressed


def hello(*more: Any, **fields: Any) -> bytes:
    said = {"role": "user", "content": "hello"}
    return json.dumps({"messages": [said, *more], **fields}).encode()


PARTS = [{"type": "text", "text": "hel", "cache_control": {}}, {"type": "text", "text": "lo"}]
SESSION = (("X-Claude-Code-Session-Id", "s1"), ("x-session-id", "s2"))


@pytest.mark.parametrize(
    "one, other, same",
    [
        pytest.param(
            call(hello()), call(hello({"role": "assistant", "content": "hi"})), True, id="goes on"
        ),
        pytest.param(
            call(hello()),
            call(json.dumps({"messages": [{"role": "user", "content": PARTS}]}).encode()),
            True,
            id="the same words in two forms",
        ),
        pytest.param(call(hello()), call(message()), False, id="other words"),
        pytest.param(
            call(hello(), headers=SESSION), call(message(), headers=SESSION), True, id="a session"
        ),
        pytest.param(
            call(hello(), headers=SESSION), call(hello(), headers=SESSION[1:]), False, id="another"
        ),
        pytest.param(
            call(hello(prompt_cache_key="k")), call(hello(prompt_cache_key="l")), False, id="a key"
        ),
        pytest.param(
            call(b'{"input": "hello"}'), call(b'{"input": "hello there"}'), False, id="an input"
        ),
        pytest.param(call(b"[]"), call(b"{"), True, id="nothing to go by"),
    ],
)
def test_what_belongs_to_one_conversation(one: Call, other: Call, same: bool) -> None:
    assert (one.conversation == other.conversation) is same


def test_what_real_apps_ask_by_the_way(shared: Path) -> None:
    agents, asides = set(), set()
    for path in sorted(shared.glob("captures/*/*.json")):
        sent = json.loads(path.read_text())
        if protocol := detect(sent["method"], sent["path"]):
            headers = tuple(tuple(pair) for pair in sent["headers"])
            body = json.dumps(sent["body"]).encode()
            facts = call(body, protocol=protocol, headers=headers).facts(frozenset({"side"}))
            agents |= {path.stem} if facts.agent else set()
            asides |= {path.stem} if facts.side else set()
    # aider's commit message has had its prompt replaced by filler.
    assert (agents, asides) == ({"subagent"}, {"anthropic-title"})


AZURE = "/openai/deployments/gpt-6%20eu/chat/completions?api-version=2024-10-21"


@pytest.mark.parametrize(
    "body, path, expected",
    [
        pytest.param(b'{"n": 1}', AZURE, b'{"model":"gpt-6 eu","n": 1}', id="of the path"),
        pytest.param(b" {} ", AZURE, b'{"model":"gpt-6 eu"}', id="of an empty body"),
        pytest.param(b'{"model": "x"}', AZURE, b'{"model": "x"}', id="its own"),
        pytest.param(b"[]", AZURE, b"[]", id="no object"),
        pytest.param(b"{", AZURE, b"{", id="no JSON"),
        pytest.param(b"{}", "/openai/v1/chat/completions", b"{}", id="a path without one"),
    ],
)
def test_the_model_of_a_deployment(body: bytes, path: str, expected: bytes) -> None:
    assert with_model(body, path) == expected
