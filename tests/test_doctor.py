"""Findings from facts: which code, how bad, and that no credential is in them."""

import json
from collections.abc import Callable

import pytest

from bridge.config import parse
from bridge.doctor import (
    CODES,
    GRACE,
    SEVERITIES,
    Outcome,
    Unanswered,
    ago,
    app_findings,
    calls_finding,
    found,
    mistakes,
    upstream_finding,
    warnings,
    worst_first,
)
from bridge.observed import LEFT, Observed
from bridge.upstream import Target

KEY = "sk-a-key-of-its-own-1234"


def target(**keys: str) -> Target:
    extra = "".join(f"\n    {name}: {value}" for name, value in keys.items())
    text = f"upstreams:\n  a:\n    protocol: openai_chat\n    url: https://h/v1{extra}\nroutes: []"
    return Target(parse(text, "c", {}).upstreams["a"])


WITH_KEY = target(api_key=KEY)
WITHOUT = target()
WITH_HEADER = target(headers=f"{{Authorization: Bearer {KEY}}}")


@pytest.mark.parametrize(
    "asked, outcome, code, severity",
    [
        (WITH_KEY, 200, "upstream_ok", "ok"),
        (WITHOUT, 200, "upstream_open", "ok"),
        (WITH_KEY, 401, "upstream_key_refused", "problem"),
        (WITH_KEY, 403, "upstream_key_refused", "problem"),
        (WITH_HEADER, 401, "upstream_key_refused", "problem"),
        (WITHOUT, 401, "upstream_app_key", "ok"),
        (WITH_KEY, 404, "upstream_no_list", "warning"),
        (WITHOUT, 405, "upstream_no_list", "warning"),
        (WITH_KEY, 429, "upstream_limited", "warning"),
        (WITH_KEY, 308, "upstream_moved", "warning"),
        (WITH_KEY, 402, "upstream_unsure", "warning"),
        (WITH_KEY, 503, "upstream_failing", "problem"),
        (WITH_KEY, None, "upstream_asked", "ok"),
        (WITH_KEY, Unanswered("unresolved", "no such host"), "upstream_unresolved", "problem"),
        (WITH_KEY, Unanswered("timeout", ""), "upstream_timeout", "problem"),
        (WITH_KEY, Unanswered("tls", "self-signed"), "upstream_tls", "problem"),
        (WITH_KEY, Unanswered("unreachable", "refused."), "upstream_unreachable", "problem"),
    ],
)
def test_what_an_answer_of_an_upstream_means(
    asked: Target, outcome: Outcome, code: str, severity: str
) -> None:
    finding = upstream_finding(asked, "/v1/models", outcome, 10)
    assert (finding.code, finding.severity) == (code, severity)
    assert "a" in finding.seen and finding.advice and ".." not in finding.seen
    assert KEY not in json.dumps(finding.as_dict())


def story(*events: Callable[[Observed], object], now: float) -> list[tuple[str, str]]:
    observed = Observed()
    for event in events:
        event(observed)
    found_ones = app_findings(observed.entries(now), lambda host: host == "llm", now)
    return [(finding.code, finding.seen) for finding in found_ones]


def untrusted(host: str, at: float) -> Callable[[Observed], object]:
    return lambda observed: observed.handshake_failed(host, "curl/8", "alert unknown ca", at)


@pytest.mark.parametrize(
    "events, now, code, words",
    [
        pytest.param([untrusted("llm", 0), untrusted("llm", 5)], 65, "tls_untrusted",
                     "2 times, the last 1 min ago", id="an app without our CA"),
        pytest.param([untrusted("telemetry", 0)], 3, "tls_untrusted_other", "once, 3 s ago",
                     id="for a host that is none of ours"),
        pytest.param([untrusted("llm", 0), lambda o: o.trusted("llm", "curl/8", 1)], 2,
                     "tls_trusted_since", "once", id="that was told of it since"),
        pytest.param([lambda o: o.handshake_failed("llm", "x", LEFT, 0)], 1,
                     "tls_broken_off", "hung up", id="one that said nothing"),
        pytest.param([lambda o: o.handshake_failed("shop", "x", LEFT, 0)], 1,
                     "tls_broken_off_other", "hung up", id="nor for another host"),
        pytest.param([lambda o: o.silent("llm", "x", 0)], 1,
                     "tls_silent", "without a request", id="one that said nothing afterwards"),
        pytest.param([lambda o: o.handshake_failed("llm", "x", "no shared cipher", 0)], 1,
                     "tls_failed", "could not agree", id="one that is too old"),
        pytest.param([lambda o: o.refused_upgrade("llm", "codex", 0)], 1,
                     "socket_waiting", "codex", id="a WebSocket just now"),
        pytest.param([lambda o: o.refused_upgrade("llm", "codex", 0)], GRACE,
                     "socket_given_up", "has not called since", id="and nothing after it"),
        pytest.param(
            [lambda o: o.refused_upgrade("llm", "codex", 0), lambda o: o.called("llm", "codex", 1)],
            900, "socket_fell_back", "went on with HTTP", id="and a call after it"),
        pytest.param([lambda o: o.unhandled("corp", "app", 0)], 1,
                     "host_unhandled", "corp", id="a host nobody handles"),
        pytest.param([lambda o: o.tunnelled("corp", "app", 0)], 1,
                     "host_tunnelled", "corp", id="a host left alone"),
    ],
)  # fmt: skip
def test_what_is_said_of_an_app(
    events: list[Callable[[Observed], object]], now: float, code: str, words: str
) -> None:
    [(told, seen)] = story(*events, now=now)
    assert told == code and words in seen


def test_whether_calls_come_at_all() -> None:
    assert calls_finding(None, 5).code == "no_calls"
    assert "2 h ago" in calls_finding(0, 7_300).seen


@pytest.mark.parametrize(
    "seconds, words", [(-1, "0 s ago"), (59.9, "59 s ago"), (60, "1 min ago"), (7_200, "2 h ago")]
)
def test_times_in_words(seconds: float, words: str) -> None:
    assert ago(seconds) == words


def test_the_configuration_has_a_finding_for_each_line() -> None:
    told = [*mistakes(["c: x", "c: y"]), *warnings(["c: z"])]
    assert [(each.code, each.seen) for each in told] == [
        ("config_invalid", "c: x"),
        ("config_invalid", "c: y"),
        ("config_off", "c: z"),
    ]


def test_the_worst_comes_first_and_the_rest_as_it_was() -> None:
    told = [found("no_calls"), found("port_free", port=1), *mistakes("x"), *warnings("y")]
    codes = ["config_invalid", "config_off", "no_calls", "port_free"]
    assert [each.code for each in worst_first(told)] == codes


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"app/{KEY}", id="by its looks"),
        pytest.param("http://user:pass-word@h:1 is", id="of a URL"),
        pytest.param("Bearer abcdef0123456789", id="by its scheme"),
    ],
)
def test_no_credential_is_told(text: str) -> None:
    told = json.dumps(found("config_invalid", mistake=text).as_dict())
    assert not any(secret in told for secret in (KEY, "pass-word", "abcdef0123456789"))


def test_braces_of_traffic_are_no_places() -> None:
    assert "{host}" in found("host_unhandled", host="{host}", app="a", often="once").seen


def test_every_code_says_what_was_seen_and_what_to_do() -> None:
    for code, (severity, seen, advice) in CODES.items():
        assert severity in SEVERITIES and seen and advice and "\n" not in seen + advice, code
