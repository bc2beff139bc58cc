"""One upstream: which paths, names and credentials belong to it."""

from dataclasses import replace

import pytest

from bridge.transform.families import ANTHROPIC
from bridge.transform.model import Protocol
from bridge.upstream import Auth, Scheme, Target, Upstream, glob, usual_auth


def upstream(
    base_path: str = "",
    protocol: Protocol = "openai_chat",
    scheme: Scheme = "https",
    host: str = "h",
    port: int = 443,
) -> Upstream:
    return Upstream("a", protocol, scheme, host, port, base_path, "bearer", ANTHROPIC)


@pytest.mark.parametrize(
    "base_path, expected",
    [
        ("", "/v1/messages"),
        ("/v1", "/v1/messages"),
        ("/api/v1", "/api/v1/messages"),
        ("/api", "/api/v1/messages"),
        ("/anthropic", "/anthropic/v1/messages"),
        ("/anthropic/v1", "/anthropic/v1/messages"),
        ("/api/anthropic", "/api/anthropic/v1/messages"),
    ],
)
def test_paths_of_messages_servers(base_path: str, expected: str) -> None:
    assert upstream(base_path, "anthropic_messages").path_to("/v1/messages") == expected


@pytest.mark.parametrize(
    "base_path, expected",
    [
        ("", "/v1/chat/completions"),
        ("/v1", "/v1/chat/completions"),
        ("/api/v1", "/api/v1/chat/completions"),
        ("/api/paas/v4", "/api/paas/v4/chat/completions"),
        ("/v1beta", "/v1beta/chat/completions"),
        ("/v1beta/openai", "/v1beta/openai/chat/completions"),
        ("/openai/deployments/x", "/openai/deployments/x/chat/completions"),
        ("/openai", "/openai/chat/completions"),
        ("/video", "/video/chat/completions"),
    ],
)
def test_paths_of_chat_servers(base_path: str, expected: str) -> None:
    assert upstream(base_path).path_to("/v1/chat/completions") == expected


@pytest.mark.parametrize(
    "base_path, endpoint, expected",
    [
        pytest.param("/v1", "/v1/models", "/v1/models", id="every endpoint under /v1 is joined"),
        pytest.param("/api/v1", "/v1/models", "/api/v1/models", id="below the base"),
        pytest.param("/v2", "/v1/x?beta=true", "/v2/x?beta=true", id="with its query"),
        pytest.param("/api/v1", "/health", "/health", id="others are places on the server"),
    ],
)
def test_paths_of_other_endpoints(base_path: str, endpoint: str, expected: str) -> None:
    assert upstream(base_path).path_to(endpoint) == expected


@pytest.mark.parametrize(
    "asked, used",
    [
        pytest.param("claude-haiku-5-5", "small", id="the first that fits"),
        pytest.param("claude-opus-5-5", "large", id="a later one"),
        pytest.param("claude-opus-5-5[1m]", "large", id="wildcards take brackets"),
        pytest.param("gpt-6", None, id="none: the name stays"),
    ],
)
def test_model_for(asked: str, used: str | None) -> None:
    models = (("claude-haiku*", "small"), ("claude-*", "large"))
    assert replace(upstream(), models=models).model_for(asked) == used


@pytest.mark.parametrize(
    "scheme, host, port, same",
    [
        pytest.param("https", "h", 443, True, id="the same server"),
        pytest.param("https", "H", 443, True, id="in capitals"),
        pytest.param("https", "x.h", 443, False, id="a subdomain is another"),
        pytest.param("https", "h", 8443, False, id="so is another port"),
        pytest.param("http", "h", 443, False, id="and what is not encrypted"),
    ],
)
def test_same_origin(scheme: str, host: str, port: int, same: bool) -> None:
    assert upstream().same_origin(scheme, host, port) is same


@pytest.mark.parametrize(
    "scheme, host, port, path, url",
    [
        ("https", "h", 443, "/v1", "https://h/v1"),
        ("http", "h", 80, "", "http://h"),
        ("http", "127.0.0.1", 11434, "/v1", "http://127.0.0.1:11434/v1"),
        ("https", "h", 80, "", "https://h:80"),
        ("http", "::1", 8080, "", "http://[::1]:8080"),
    ],
)
def test_url(scheme: Scheme, host: str, port: int, path: str, url: str) -> None:
    a = upstream(path, scheme=scheme, host=host, port=port)
    assert (a.url, a.origin) == (url, url.removesuffix("/v1"))


@pytest.mark.parametrize(
    "protocol, host, auth",
    [
        ("anthropic_messages", "api.anthropic.com", "x-api-key"),
        ("anthropic_messages", "127.0.0.1", "x-api-key"),
        ("anthropic_messages", "ollama.com", "bearer"),
        ("anthropic_messages", "openrouter.ai", "bearer"),
        ("anthropic_messages", "x.services.ai.azure.com", "x-api-key"),
        ("openai_chat", "api.openai.com", "bearer"),
        ("openai_chat", "x.openai.azure.com", "api-key"),
        ("openai_responses", "x.services.ai.azure.com", "api-key"),
        ("openai_responses", "127.0.0.1", "bearer"),
    ],
)
def test_usual_auth(protocol: Protocol, host: str, auth: Auth) -> None:
    assert usual_auth(protocol, host) == auth


@pytest.mark.parametrize(
    "pattern, value, fits",
    [
        ("*", "", True),
        ("a*c", "abbc", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a", "A", False),
        ("x[1m]", "x[1m]", True),
        ("x[1m]", "x1", False),
        ("x[!a]*", "x[!a]b", True),
        ("", "", True),
    ],
)
def test_glob(pattern: str, value: str, fits: bool) -> None:
    assert glob(pattern, value) is fits


def test_the_version_is_the_profile_s() -> None:
    assert upstream().anthropic_version == ANTHROPIC.anthropic_version


def test_secrets_are_in_no_text_of_an_upstream() -> None:
    secret = replace(upstream(), api_keys=("top",), headers=(("x-key", "drawer"),))
    for text in (repr(secret), str(secret), f"{secret}", secret.url):
        assert "top" not in text and "drawer" not in text


@pytest.mark.parametrize(
    "keys, key, api_key, label",
    [
        pytest.param((), 0, None, "a", id="no key: the app's own"),
        pytest.param(("hush1",), 0, "hush1", "a", id="one key"),
        pytest.param(("hush1", "hush2"), 0, "hush1", "a#1", id="the first of a pool"),
        pytest.param(("hush1", "hush2"), 1, "hush2", "a#2", id="the second"),
    ],
)
def test_targets(keys: tuple[str, ...], key: int, api_key: str | None, label: str) -> None:
    target = Target(replace(upstream(), api_keys=keys), key)
    assert (target.api_key, target.label) == (api_key, label)
    assert "hush" not in repr(target)
