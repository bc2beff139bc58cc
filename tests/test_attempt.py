"""How an attempt that ended, or what came of it, reads for the app."""

from typing import Any

import pytest

from bridge.attempt import EVENT_STREAM, JSON, Attempt
from bridge.config import parse
from bridge.outgoing import Outgoing
from bridge.repairs import Fit
from bridge.upstream import Target

UPSTREAM = parse(
    "upstreams: {up: {protocol: openai_chat, url: https://x.example}}", "c", {}
).upstreams["up"]


def attempt(*headers: tuple[str, str], status: int = 0) -> Attempt:
    sent = Outgoing(UPSTREAM, "/", [], b"{}")
    made = Attempt(Target(UPSTREAM), sent, Fit(UPSTREAM.profile), 1.0, 1.0)
    made.status, made.headers = status, list(headers)
    return made


@pytest.mark.parametrize(
    "headers, is_json",
    [
        ([("Content-Type", "application/JSON; charset=utf-8")], True),
        ([("content-type", "application/problem+json")], True),
        ([("content-type", "text/event-stream")], False),
        ([("x-json", "application/json")], False),
        ([], False),
    ],
)
def test_whether_an_answer_is_json(headers: Any, is_json: bool) -> None:
    assert attempt(*headers).is_json is is_json


@pytest.mark.parametrize(
    "headers, request_id",
    [
        ([("Request-Id", "a"), ("x-request-id", "b")], "a"),
        ([("X-Request-Id", "b")], "b"),
        ([], None),
    ],
)
def test_the_id_of_a_request(headers: Any, request_id: str | None) -> None:
    assert attempt(*headers).request_id == request_id


@pytest.mark.parametrize(
    "status, outcome, kind, told, message",
    [
        (0, "", "server", 502, "bridge: up did not answer: gone"),
        (200, "", "server", 502, "bridge: up broke off its answer: gone"),
        (200, "timeout", "timeout", 504, "bridge: up: gone"),
        (0, "timeout", "timeout", 504, "bridge: up: gone"),
    ],
)
def test_what_is_told_where_no_answer_came(
    status: int, outcome: str, kind: str, told: int, message: str
) -> None:
    error = attempt(status=status).broken("gone", outcome)
    assert (error.kind, error.status, error.message) == (kind, told, message)


def test_an_answer_that_is_framed_anew_says_so() -> None:
    made = attempt(("content-type", "text/plain"), ("x-request-id", "r"), ("content-length", "9"))
    headers = made.headers_for("openai_chat", EVENT_STREAM, 5.0)
    assert headers == [
        ("content-type", "text/event-stream"),
        ("x-request-id", "r"),
        ("cache-control", "no-cache"),
        ("x-accel-buffering", "no"),
    ]
    foreign = made.headers_for("anthropic_messages", JSON, 5.0)
    request_id = [("request-id", "r"), ("x-request-id", "r")]
    assert foreign == [("content-type", "application/json"), *request_id]
