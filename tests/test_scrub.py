"""Credentials in bodies, and what only resembles one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.scrub import HIDDEN, scrub

# In pieces, or whoever looks for keys in this file finds some.
KEY = "sk-" + "proj-Ab12Cd34Ef56"
TOKEN = "eyJ" + "hbGciOiJIUzI1." + "eyJ" + "zdWIiOiIxMjM0.SflKxwRJSMeKKF2"
PEM = "-----BEGIN PRIVATE " + "KEY-----"


@pytest.mark.parametrize(
    "text, left",
    [
        pytest.param(f"my key is {KEY}.", "my key is ***.", id="a key of OpenAI's in a sentence"),
        pytest.param("sk-" + "ant-api03-x_y-z9", "***", id="a key of Anthropic's"),
        pytest.param("token ghp" + "_0123456789abcdef", "token ***", id="a token of GitHub's"),
        pytest.param("AKIA" + "IOSFODNN7EXAMPLE", "***", id="a key of Amazon's"),
        pytest.param("xoxb" + "-123456789-abc", "***", id="a token of Slack's"),
        pytest.param("AIza" + "SyA1234567890abcdefghij", "***", id="a key of Google's"),
        pytest.param(f"Authorization: Bearer {TOKEN}", "Authorization: Bearer ***", id="a header"),
        pytest.param("basic dXNlcjpwYXNzd29yZDE=", "basic ***", id="a name and a password"),
        pytest.param("xai" + "-0123456789abcdefghij", "***", id="a key of xAI's"),
        pytest.param("gsk" + "_0123456789", "***", id="a key of Groq's"),
        pytest.param(f"see {TOKEN}", "see ***", id="a signed token"),
        pytest.param(
            f"{PEM}\\nMIIB\\n-----END PRIVATE KEY-----",
            f"{PEM}***-----END PRIVATE KEY-----",
            id="a private key",
        ),
        pytest.param(f"{PEM}\\nMIIB", f"{PEM}***", id="one that is not all there"),
    ],
)
def test_what_looks_like_a_credential_goes(text: str, left: str) -> None:
    assert scrub(text) == left


@pytest.mark.parametrize(
    "name",
    ["authorization", "authorization_token", "X-Api-Key", "openai_api_key", "password", "cookie"],
)
def test_fields_that_hold_one_are_emptied_at_any_depth(name: str) -> None:
    inner = json.dumps({"tool": {name: "hunter2"}})
    body = json.dumps({"a": [{name: "hunter2", "b": 1}], "arguments": inner})
    twice = json.dumps({"arguments": body})
    for text in (body, twice):
        assert "hunter2" not in scrub(text)
        assert json.loads(scrub(text)) is not None
    assert json.loads(scrub(body))["a"] == [{name: HIDDEN, "b": 1}]


@pytest.mark.parametrize(
    "text",
    [
        '{"properties":{"password":{"type":"string"}},"required":["password"]}',
        '{"max_tokens":12,"token":"a word"}',
        "a task-oriented risk-free disk-based approach",
        "call_sk-1234567890 and toolu_01AbCdEfGh, msg_0123456789abcdef, resp_abcdef",
        "bearer of bad news, Basic training, basic multiplication-tables",
        '{"format":"xai-responses-v1"} /news/gsk-boosts-portfolio-with-10',
        '{"signature":"' + "Ab-sk-Cd_sk_0123456789" * 20 + '"}',
        '{"prompt_cache_key":"11111111-2222-3333-4444-555555555555"}',
        '{"encrypted_content":"gAAAAABeyJhbGciOiJIUzI1NiJ9"}',
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert scrub(text) == text


def test_known_ones_go_whatever_they_look_like_but_for_words() -> None:
    known = ["correct horse", "correct horse battery", "key"]
    assert scrub("my correct horse battery, the key", known) == "my ***, the key"


@given(st.text(alphabet=f'sk-{KEY}"\\ :{{}}[]Bearer\n', max_size=80))
def test_what_is_scrubbed_holds_none(text: str) -> None:
    assert scrub(scrub(text)) == scrub(text)
