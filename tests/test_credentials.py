"""What an app hands over for other servers: found in its request, hidden wherever it stands."""

import json
from typing import Any

import pytest

from bridge.credentials import Credential, credentials_in, hide, keys_in
from bridge.transform import Translator
from bridge.transform.json_text import loads

TOKEN = "mcp-token-4711"
SERVER = {"type": "url", "name": "n", "url": "https://mcp.example/sse"}
MCP = {"type": "mcp", "server_label": "n", "server_url": "https://mcp.example/sse"}


def hidden(request: Any) -> Any:
    text = json.dumps(request)
    return json.loads(hide(text, credentials_in(request)))


@pytest.mark.parametrize(
    "request_, shown",
    [
        pytest.param(
            {"mcp_servers": [{**SERVER, "authorization_token": TOKEN}]},
            {"mcp_servers": [{**SERVER, "authorization_token": "***"}]},
            id="the token for a server of Messages",
        ),
        pytest.param(
            {"tools": [{**MCP, "authorization": TOKEN}]},
            {"tools": [{**MCP, "authorization": "***"}]},
            id="that for a server of Responses",
        ),
        pytest.param(
            {"tools": [{**MCP, "headers": {"Authorization": f"Bearer {TOKEN}", "X-Any": "a1"}}]},
            {"tools": [{**MCP, "headers": {"Authorization": "Bearer ***", "X-Any": "***"}}]},
            id="its headers, but not the scheme",
        ),
        pytest.param(
            {"tools": [{**MCP, "headers": {"Accept": "application/json"}}]},
            {"tools": [{**MCP, "headers": {"Accept": "application/json"}}]},
            id="a header that is no secret stays",
        ),
        pytest.param(
            {"input": [{"type": "additional_tools", "tools": [{**MCP, "authorization": TOKEN}]}]},
            {"input": [{"type": "additional_tools", "tools": [{**MCP, "authorization": "***"}]}]},
            id="a server that comes on the way",
        ),
        pytest.param(
            {"tools": [{"type": "namespace", "tools": [{**MCP, "authorization": TOKEN}]}]},
            {"tools": [{"type": "namespace", "tools": [{**MCP, "authorization": "***"}]}]},
            id="a server in a namespace",
        ),
        pytest.param(
            {"tools": [{"type": "shell", "environment": {"domain_secrets": [{"value": TOKEN}]}}]},
            {"tools": [{"type": "shell", "environment": {"domain_secrets": [{"value": "***"}]}}]},
            id="a secret for a container",
        ),
        pytest.param(
            {"data_sources": [{"parameters": {"authentication": {"key": TOKEN}}}]},
            {"data_sources": [{"parameters": {"authentication": {"key": "***"}}}]},
            id="the key of a search index",
        ),
        pytest.param(
            {"tools": [{**MCP, "server_url": "https://u:p@mcp.example:8443/x?api_key=1"}]},
            {"tools": [{**MCP, "server_url": "https://mcp.example:8443/***"}]},
            id="what an address has besides a path",
        ),
        pytest.param(
            {"mcp_servers": [{**SERVER, "url": "https://mcp.example/s/0a1b2c3d4e5f6a7b/mcp"}]},
            {"mcp_servers": [{**SERVER, "url": "https://mcp.example/***"}]},
            id="a path that nobody could guess",
        ),
        pytest.param(
            {"mcp_servers": [{**SERVER, "url": "https://[not"}]},
            {"mcp_servers": [{**SERVER, "url": "***"}]},
            id="an address that is none",
        ),
        pytest.param(
            {"mcp_servers": [{**SERVER, "authorization_token": "short"}], "system": "short"},
            {"mcp_servers": [{**SERVER, "authorization_token": "***"}], "system": "short"},
            id="one that could be a word, only where it stands",
        ),
        pytest.param(
            {"tools": [{"type": "function", "parameters": {"authorization": TOKEN}}]},
            {"tools": [{"type": "function", "parameters": {"authorization": TOKEN}}]},
            id="tools that the app runs are told of as they are",
        ),
    ],
)
def test_what_lets_one_in_elsewhere_is_hidden(request_: Any, shown: Any) -> None:
    assert hidden(request_) == shown


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"tools": 5, "input": "x", "mcp_servers": "x"},
        {"tools": [5, {"type": "mcp", "headers": 5, "authorization": None}], "input": [5]},
        {"mcp_servers": [{"authorization_token": ""}]},
    ],
)
def test_odd_requests_have_none(body: Any) -> None:
    assert credentials_in(body) == ()


def test_depth_is_no_danger() -> None:
    deep: Any = {"authorization": TOKEN}
    for _ in range(100_000):
        deep = [deep]
    assert credentials_in({"mcp_servers": deep}) == (Credential("authorization", TOKEN),)


def test_it_is_hidden_where_the_translation_or_the_answer_has_it() -> None:
    asked = {
        "model": "m",
        "input": "Hi",
        "tools": [{**MCP, "headers": {"authorization": f"Bearer {TOKEN}"}}],
    }
    asked["tools"][0]["require_approval"] = "never"  # type: ignore[index]
    translator = Translator("openai_responses", "anthropic_messages")
    sent = translator.request(json.dumps(asked).encode()).decode()
    found = credentials_in(asked)
    assert TOKEN in sent and TOKEN not in hide(sent, found)
    assert loads(hide(sent, found))["mcp_servers"][0]["authorization_token"] == "***"
    assert hide(f'data: {{"told": "{TOKEN}"}}', found) == 'data: {"told": "***"}'


def test_one_that_json_writes_another_way() -> None:
    [found] = credentials_in({"mcp_servers": [{"authorization_token": 'quo"ted-4711'}]})
    assert hide(json.dumps({"x": 'quo"ted-4711'}), [found]) == '{"x": "***"}'
    broken = Credential("authorization_token", "half-\ud800-of-a-sign-1")
    assert hide("half-\ud800-of-a-sign-1", [broken]) == "***"


def test_the_longer_one_goes_first() -> None:
    request = {"mcp_servers": [{"api_key": "abc-12345"}, {"api_key": "abc-12345-and-more"}]}
    assert hidden({**request, "x": "abc-12345-and-more"})["x"] == "***"


def test_a_word_in_the_place_of_a_key_is_none() -> None:
    """It would be looked for, and may be found, all over a long body."""
    headers = [("x-api-key", "bench"), ("Authorization", "Bearer sk-4711-4711"), ("accept", "x")]
    assert keys_in(headers) == (Credential("authorization", "sk-4711-4711"),)
