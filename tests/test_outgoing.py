"""What each upstream gets of an app's request: path, headers, and whose credential."""

import json
from typing import Any

import pytest

from bridge.call import Call
from bridge.config import parse
from bridge.outgoing import credential, outgoing, without_credential
from bridge.transform.headers import Headers
from bridge.upstream import Target

CONFIG = """
upstreams:
  chat:
    protocol: openai_chat
    url: https://chat.example/v1
    api_key: [one, two]
    headers: {openai-organization: org}
  own: {protocol: anthropic_messages, url: https://api.anthropic.com}
  keyed: {protocol: anthropic_messages, url: https://api.anthropic.com, api_key: bridge-key}
  ownchat: {protocol: openai_chat, url: https://api.anthropic.com/v1}
  other: {protocol: anthropic_messages, url: https://other.example/anthropic, api_key: other-key}
  keyless: {protocol: anthropic_messages, url: https://other.example}
  azure: {protocol: openai_chat, url: https://x.openai.azure.com/openai/v1, api_key: az}
"""
UPSTREAMS = parse(CONFIG, "c", {}).upstreams
SENT = (
    ("X-Api-Key", "app-key"),
    ("Cookie", "session"),
    ("x-app", "cli"),
    ("X-Stainless-Lang", "python"),
    ("Anthropic-Version", "2026-10-21"),
    ("anthropic-beta", "a"),
    ("anthropic-beta", "b"),
)
CALL = Call(
    "anthropic_messages",
    "https",
    "api.anthropic.com",
    443,
    "/v1/messages?beta=true",
    SENT,
    b"{}",
)
PLAIN = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "accept-encoding": "identity",
    "user-agent": "llm-bridge",
}
PATH = {"openai_chat": "/v1/chat/completions", "anthropic_messages": "/v1/messages"}


def sent(name: str, key: int = 0) -> tuple[str, Headers]:
    upstream = UPSTREAMS[name]
    made = outgoing(CALL, Target(upstream, key), PATH[upstream.protocol], b"body")
    assert made.body == b"body" and made.upstream is upstream
    return made.path, made.headers


OWN = [(n, v) for n, v in SENT] + [("accept-encoding", "identity")]
KEYED = [(n, v) for n, v in SENT if n not in ("X-Api-Key", "Cookie")]
VERSION = {"anthropic-version": "2026-10-21", "anthropic-beta": "a,b"}


@pytest.mark.parametrize(
    "name, path, headers",
    [
        pytest.param("own", "/v1/messages?beta=true", OWN, id="the app's own host: as it came"),
        pytest.param(
            "keyed",
            "/v1/messages?beta=true",
            [*KEYED, ("accept-encoding", "identity"), ("x-api-key", "bridge-key")],
            id="the same with another key: without the app's",
        ),
        pytest.param(
            "other",
            "/anthropic/v1/messages?beta=true",
            list({**PLAIN, **VERSION, "x-api-key": "other-key"}.items()),
            id="another host of the protocol: its headers and no others",
        ),
        pytest.param(
            "keyless",
            "/v1/messages?beta=true",
            list({**PLAIN, **VERSION}.items()),
            id="another host without a key gets none",
        ),
        pytest.param(
            "chat",
            "/v1/chat/completions",
            list({**PLAIN, "authorization": "Bearer one", "openai-organization": "org"}.items()),
            id="another protocol: nothing of the app's",
        ),
        pytest.param(
            "ownchat",
            "/v1/chat/completions",
            [*PLAIN.items(), ("X-Api-Key", "app-key"), ("Cookie", "session")],
            id="another protocol of the app's own host: its credentials",
        ),
    ],
)
def test_trap_2_what_an_upstream_gets(name: str, path: str, headers: Headers) -> None:
    assert sent(name) == (path, headers)


def test_a_version_is_always_told() -> None:
    call = Call("openai_chat", "https", "x", 443, "/v1/chat/completions", (), b"")
    made = outgoing(call, Target(UPSTREAMS["other"]), "/v1/messages", b"")
    assert dict(made.headers)["anthropic-version"] == "2023-06-01"


def test_betas_that_the_translation_needs_are_told() -> None:
    call = Call("openai_chat", "https", "x", 443, "/v1/chat/completions", (), b"")
    made = outgoing(call, Target(UPSTREAMS["other"]), "/v1/messages", b"", ["one", "two"])
    assert dict(made.headers)["anthropic-beta"] == "one,two"


@pytest.mark.parametrize(
    "name, key, header",
    [
        ("chat", 1, [("authorization", "Bearer two")]),
        ("other", 0, [("x-api-key", "other-key")]),
        ("azure", 0, [("api-key", "az")]),
        ("own", 0, []),
    ],
)
def test_the_credential_is_the_keys_own(name: str, key: int, header: Any) -> None:
    assert credential(Target(UPSTREAMS[name], key)) == header


def test_what_is_shown_has_none() -> None:
    for name in UPSTREAMS:
        shown = json.dumps(without_credential(sent(name)[1]))
        secrets = ("app-key", "bridge-key", "other-key", "session", "Bearer", '"az"')
        assert not any(secret in shown for secret in secrets)


def test_the_version_of_a_deployment_stays_with_its_path() -> None:
    path = "/openai/deployments/gpt-6/chat/completions?api-version=2024-10-21"
    call = Call("openai_chat", "https", "x.openai.azure.com", 443, path, SENT, b"{}")
    made = outgoing(call, Target(UPSTREAMS["azure"]), "/v1/chat/completions", b"body")
    assert made.path == "/openai/v1/chat/completions"
