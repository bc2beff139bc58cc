"""Headers: what crosses to another host, and what a client is told of an answer."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.headers import (
    CREDENTIALS,
    HOP_BY_HOP,
    PROTOCOL_HEADERS,
    USER_AGENT,
    Headers,
    duration,
    other_host_headers,
    own_host_headers,
    response_headers,
    retry_after,
    same_protocol_response_headers,
)
from bridge.transform.model import Protocol

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC).timestamp()

# What a coding agent sends: https://platform.claude.com/docs/en/api and recorded calls
AGENT: Headers = [
    ("Host", "api.anthropic.com"),
    ("X-Api-Key", "secret"),
    ("Authorization", "Bearer secret"),
    ("anthropic-version", "2023-06-01"),
    ("anthropic-beta", "one"),
    ("Anthropic-Beta", "two"),
    ("anthropic-workspace-id", "wrkspc_1"),
    ("content-type", "application/json"),
    ("content-encoding", "zstd"),
    ("content-length", "12"),
    ("accept-encoding", "gzip, br"),
    ("cookie", "session=1"),
    ("user-agent", "claude-cli/2"),
    ("x-app", "cli"),
    ("x-claude-code-session-id", "5"),
    ("x-stainless-os", "Linux"),
]
NEEDED = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "accept-encoding": "identity",
    "user-agent": USER_AGENT,
}


# --- of a request


def test_the_apps_own_host_gets_all_but_what_belongs_to_the_connection() -> None:
    sent = own_host_headers(AGENT, keep_credentials=True)
    framing = {"host", "content-encoding", "content-length", "accept-encoding"}
    kept = [(name, value) for name, value in AGENT if name.lower() not in framing]
    assert sent == [*kept, ("accept-encoding", "identity")]


def test_with_a_key_of_ours_it_gets_none_of_the_apps() -> None:
    sent = dict(own_host_headers(AGENT, keep_credentials=False))
    assert not {"X-Api-Key", "Authorization", "anthropic-workspace-id", "cookie"} & set(sent)
    assert sent["x-app"] == "cli" and sent["anthropic-version"] == "2023-06-01"


@pytest.mark.parametrize("upstream", [C, R])
def test_another_vendor_gets_nothing_of_the_clients(upstream: Protocol) -> None:
    assert dict(other_host_headers(AGENT, A, upstream)) == NEEDED


def test_another_host_of_the_same_protocol_gets_what_the_protocol_defines() -> None:
    sent = other_host_headers(AGENT, A, A)
    betas = {"anthropic-version": "2023-06-01", "anthropic-beta": "one,two"}
    assert dict(sent) == NEEDED | betas and len(sent) == len(NEEDED | betas)


@pytest.mark.parametrize(
    "protocol, kept",
    [
        pytest.param(C, {}, id="Chat has none of its own"),
        pytest.param(R, {"openai-beta": "responses=v1"}, id="Responses has its betas"),
    ],
)
def test_openais_headers_of_an_account_stay_here(protocol: Protocol, kept: dict[str, str]) -> None:
    given = [("OpenAI-Organization", "org"), ("OpenAI-Beta", "responses=v1")]
    assert dict(other_host_headers(given, protocol, protocol)) == NEEDED | kept


NAMES = st.sampled_from(
    [
        *sorted(HOP_BY_HOP | CREDENTIALS | {"accept-encoding", "x-app", "traceparent"}),
        *sorted(name for names in PROTOCOL_HEADERS.values() for name in names),
        "X-API-KEY",
        "Proxy-Authorization",
        "x-stainless-retry-count",
    ]
)
HEADERS = st.lists(st.tuples(NAMES, st.sampled_from(["", "one", "secret"])), max_size=12)
PROTOCOLS: st.SearchStrategy[Protocol] = st.sampled_from([A, C, R])


@given(HEADERS, PROTOCOLS, PROTOCOLS)
def test_no_credential_and_no_telemetry_crosses_to_another_host(
    given_headers: Headers, client: Protocol, upstream: Protocol
) -> None:
    sent = other_host_headers(given_headers, client, upstream)
    names = [name for name, _ in sent]
    allowed = set(NEEDED) | (PROTOCOL_HEADERS[upstream] if client == upstream else set())
    assert set(NEEDED) <= set(names) <= allowed
    assert len(names) == len(set(names))


@given(HEADERS, st.booleans())
def test_what_the_own_host_gets_is_framed_anew(given_headers: Headers, keep: bool) -> None:
    names = {name.lower() for name, _ in own_host_headers(given_headers, keep_credentials=keep)}
    assert not names & HOP_BY_HOP
    assert keep or not names & CREDENTIALS
    *before, last = own_host_headers(given_headers, keep_credentials=keep)
    assert last == ("accept-encoding", "identity")
    assert set(before) <= set(given_headers)


# --- of an answer


def test_within_a_protocol_all_headers_of_an_answer_pass() -> None:
    given_headers = [
        ("Content-Type", "text/event-stream"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Encoding", "gzip"),
        ("Connection", "keep-alive"),
        ("cf-ray", "1"),
        ("set-cookie", "a=b"),
    ]
    kept = [("Content-Type", "text/event-stream"), ("cf-ray", "1"), ("set-cookie", "a=b")]
    assert same_protocol_response_headers(given_headers) == kept


@pytest.mark.parametrize(
    "given_headers, client, made_by, told",
    [
        pytest.param({}, A, C, {}, id="nothing to tell"),
        pytest.param(
            {"x-request-id": "req_1"},
            A,
            C,
            {"request-id": "req_1", "x-request-id": "req_1"},
            id="the request id by both names",
        ),
        pytest.param(
            {"request-id": "req_1", "x-request-id": "proxy"},
            C,
            A,
            {"request-id": "req_1", "x-request-id": "req_1"},
            id="the vendor's own name for it first",
        ),
        pytest.param(
            {"request-id": "proxy", "x-request-id": "req_1"},
            A,
            R,
            {"request-id": "req_1", "x-request-id": "req_1"},
            id="whichever that is",
        ),
        pytest.param(
            {"request-id": "req_1"},
            A,
            C,
            {"request-id": "req_1", "x-request-id": "req_1"},
            id="or the other vendor's",
        ),
        pytest.param(
            {"retry-after": "7", "retry-after-ms": "7000", "x-should-retry": "false"},
            A,
            C,
            {"retry-after": "7", "retry-after-ms": "7000", "x-should-retry": "false"},
            id="retry hints as they are",
        ),
        pytest.param(
            {"cf-ray": "1", "set-cookie": "a", "content-type": "text/html", "server": "x"},
            C,
            A,
            {},
            id="nothing else",
        ),
        pytest.param(
            {
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-20T12:01:30Z",
                "anthropic-ratelimit-tokens-limit": "1000",
                "anthropic-ratelimit-tokens-reset": "2026-11-20T12:00:09+00:00",
                "anthropic-ratelimit-input-tokens-limit": "9",
            },
            C,
            A,
            {
                "x-ratelimit-limit-requests": "50",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "1m30s",
                "x-ratelimit-limit-tokens": "1000",
                "x-ratelimit-reset-tokens": "9s",
            },
            id="Anthropic's instants as durations",
        ),
        pytest.param(
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-tokens": "149984",
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            A,
            C,
            {
                "anthropic-ratelimit-requests-limit": "60",
                "anthropic-ratelimit-requests-reset": "2026-11-20T12:00:01Z",
                "anthropic-ratelimit-tokens-remaining": "149984",
                "anthropic-ratelimit-tokens-reset": "2026-11-20T12:06:00Z",
            },
            id="OpenAI's durations as instants",
        ),
        pytest.param(
            {"x-ratelimit-limit-requests": "60", "x-ratelimit-reset-requests": "12ms"},
            R,
            C,
            {"x-ratelimit-limit-requests": "60", "x-ratelimit-reset-requests": "12ms"},
            id="between OpenAI's two protocols they stay",
        ),
        pytest.param(
            {
                "x-ratelimit-remaining-requests": "-1",
                "x-ratelimit-limit-tokens": "many",
                "x-ratelimit-reset-tokens": "soon",
                "x-ratelimit-reset-requests": "99999h",
            },
            A,
            C,
            {},
            id="what says nothing is left out",
        ),
        pytest.param(
            {
                "anthropic-ratelimit-requests-reset": "tomorrow",
                "anthropic-ratelimit-tokens-reset": "2026-11-20T12:00:30",
            },
            C,
            A,
            {"x-ratelimit-reset-tokens": "30s"},
            id="an instant without a zone is UTC, one that is none is nothing",
        ),
        pytest.param(
            {"anthropic-ratelimit-requests-reset": "2026-11-20T11:00:00Z"},
            C,
            A,
            {"x-ratelimit-reset-requests": "0ms"},
            id="an instant that has passed is now",
        ),
        pytest.param(
            {"x-ratelimit-reset-requests": "1.0001s"},
            R,
            C,
            {"x-ratelimit-reset-requests": "2s"},
            id="rounded up",
        ),
    ],
)
def test_trap_52_what_a_client_is_told(
    given_headers: dict[str, str], client: Protocol, made_by: Protocol, told: dict[str, str]
) -> None:
    found = response_headers(given_headers, client, made_by, NOW)
    assert dict(found) == told and len(found) == len(told)


@pytest.mark.parametrize(
    "text, seconds",
    [
        pytest.param("12ms", 0.012, id="milliseconds"),
        pytest.param("1s", 1, id="seconds"),
        pytest.param("1.5s", 1.5, id="a part of one"),
        pytest.param("6m0s", 360, id="minutes and seconds"),
        pytest.param("1h2m3s", 3723, id="hours"),
        pytest.param("12", 12, id="Azure's, without a unit"),
        pytest.param("", None, id="nothing"),
        pytest.param("s", None, id="a unit alone"),
        pytest.param("-1", None, id="below zero"),
        pytest.param("1d", None, id="a unit that is none"),
        pytest.param("1s later", None, id="a word behind it"),
        pytest.param("٣", None, id="digits of another script"),
    ],
)
def test_a_duration(text: str, seconds: float | None) -> None:
    found = duration(text)
    assert found == seconds if seconds is None else found == pytest.approx(seconds)


@pytest.mark.parametrize(
    "told, seconds",
    [
        pytest.param([], None, id="nothing"),
        pytest.param([("Retry-After", " 7 ")], 7, id="seconds"),
        pytest.param([("retry-after", "1.5")], 1.5, id="a part of one"),
        pytest.param([("retry-after", "Fri, 20 Nov 2026 12:00:30 GMT")], 30, id="a date"),
        pytest.param([("retry-after", "Fri, 20 Nov 2026 11:00:00 GMT")], 0, id="a date gone by"),
        pytest.param([("retry-after", "soon")], None, id="a word"),
        pytest.param([("retry-after", "7"), ("retry-after-ms", "250")], 0.25, id="milliseconds"),
        pytest.param(
            [
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "12s"),
                ("x-ratelimit-remaining-tokens", "5"),
                ("x-ratelimit-reset-tokens", "6m0s"),
            ],
            12,
            id="when the limit that is used up is full again",
        ),
        pytest.param(
            [
                ("anthropic-ratelimit-input-tokens-remaining", "0"),
                ("anthropic-ratelimit-input-tokens-reset", "2026-11-20T12:00:09Z"),
                ("anthropic-ratelimit-requests-remaining", "0"),
                ("anthropic-ratelimit-requests-reset", "2026-11-20T12:00:02Z"),
            ],
            9,
            id="of two the later",
        ),
        pytest.param(
            [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "?")],
            None,
            id="a limit that does not say when",
        ),
    ],
)
def test_when_to_come_back(told: Headers, seconds: float | None) -> None:
    assert retry_after(told, NOW) == seconds


@given(st.integers(0, 30 * 24 * 3600 * 1000))
def test_a_limit_translated_there_and_back_is_never_earlier_and_at_most_two_seconds_late(
    milliseconds: int,
) -> None:
    told = {"x-ratelimit-reset-tokens": f"{milliseconds}ms"}
    there = dict(response_headers(told, A, C, NOW))
    back = dict(response_headers(there, C, A, NOW))
    seconds = duration(back["x-ratelimit-reset-tokens"])
    assert seconds is not None
    assert 0 <= seconds - milliseconds / 1000 < 2


@given(
    st.dictionaries(
        st.sampled_from(
            [
                f"{name}-{kind}-{field}"
                for name in ("anthropic-ratelimit", "x-ratelimit")
                for kind in ("requests", "tokens", "limit", "remaining", "reset")
                for field in ("limit", "remaining", "reset", "requests", "tokens")
            ]
        ),
        st.text("0123456789hms.:-TZ", max_size=8) | st.text(max_size=8),
    ),
    PROTOCOLS,
    PROTOCOLS,
)
def test_any_limits_are_told_in_the_clients_words_or_not_at_all(
    limits: dict[str, str], client: Protocol, made_by: Protocol
) -> None:
    beginning = "anthropic-ratelimit-" if client == A else "x-ratelimit-"
    for name, value in response_headers(limits, client, made_by, NOW):
        assert name.startswith(beginning) and value.isascii()
