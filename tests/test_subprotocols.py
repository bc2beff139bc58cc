"""What an app offers with a WebSocket: harmless, or who it is."""

import pytest

from bridge.subprotocols import HEADER, as_headers, credentials_offered, harmless, hidden

KEY = "openai-insecure-api-key.sk-proj-4711.x"
OFFER = f"realtime, {KEY},openai-organization.org-1, openai-project.proj_1, openai-beta.realtime-v1"


@pytest.mark.parametrize(
    "name, shown",
    [
        pytest.param(KEY, "openai-insecure-api-key.***", id="a key of OpenAI's"),
        pytest.param("openai-organization.org-1", "openai-organization.***", id="an organization"),
        pytest.param("openai-project.proj_1", "openai-project.***", id="a project"),
        pytest.param("a.Bearer.authorization.x.y", "a.Bearer.***", id="somebody else's"),
        pytest.param("sk-abcdefghijk", "***", id="a key by its looks"),
        pytest.param("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeK", "***", id="a signed token"),
        pytest.param("0123456789abcdef0123456789abcdef", "***", id="nothing that is a word"),
    ],
)
def test_what_says_who_an_app_is_is_hidden(name: str, shown: str) -> None:
    assert hidden(name) == shown and harmless(name) == []


@pytest.mark.parametrize(
    "name", ["realtime", "openai-beta.realtime-v1", "graphql-transport-ws", "mqtt", "v12.stomp"]
)
def test_all_else_is_harmless(name: str) -> None:
    assert harmless(name) == [name] and hidden(name) == name and credentials_offered(name) == ()


def test_an_offer() -> None:
    assert harmless(OFFER) == ["realtime", "openai-beta.realtime-v1"]
    assert [each.text for each in credentials_offered(OFFER)] == [
        "sk-proj-4711.x",
        "org-1",
        "proj_1",
    ]
    assert {each.key for each in credentials_offered(OFFER)} == {HEADER}
    assert as_headers(OFFER) == [
        ("authorization", "Bearer sk-proj-4711.x"),
        ("openai-organization", "org-1"),
        ("openai-project", "proj_1"),
    ]
    assert harmless(" , ") == [] and hidden("") == ""
