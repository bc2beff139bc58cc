"""What a program has to catch: the exception that the vendor of its own protocol would cause."""

from typing import Any

import anthropic
import openai
import pytest

from tests.e2e.sdks.trip import Trip, in_turn

RAISED = (anthropic.APIError, openai.APIError)

# Fault -> the exception of a Messages program and its type, that of the others and its code.
ERRORS: dict[str, tuple[dict[str, Any], tuple[str, str], tuple[str, str | None]]] = {
    "a request that is wrong": (
        {"status": 400, "reason": "invalid"},
        ("BadRequestError", "invalid_request_error"),
        ("BadRequestError", None),
    ),
    "a prompt that is too long": (
        {"status": 400, "reason": "context"},
        ("BadRequestError", "invalid_request_error"),
        ("BadRequestError", "context_length_exceeded"),
    ),
    "a key that is wrong": (
        {"status": 401},
        ("AuthenticationError", "authentication_error"),
        ("AuthenticationError", "invalid_api_key"),
    ),
    "no credit": (
        {"status": 402},
        ("PaymentRequiredError", "billing_error"),
        ("RateLimitError", "insufficient_quota"),
    ),
    "what is not allowed": (
        {"status": 403},
        ("PermissionDeniedError", "permission_error"),
        ("PermissionDeniedError", None),
    ),
    "a model that is not there": (
        {"status": 404},
        ("NotFoundError", "not_found_error"),
        ("NotFoundError", "model_not_found"),
    ),
    "a request that took too long": (
        {"status": 408},
        ("RequestTimeoutError", "timeout_error"),
        ("APIStatusError", "timeout"),
    ),
    "a conflict": (
        {"status": 409},
        ("ConflictError", "conflict_error"),
        ("ConflictError", "conflict"),
    ),
    "a request that is too large": (
        {"status": 413},
        ("ContentTooLargeError", "request_too_large"),
        ("APIStatusError", "request_too_large"),
    ),
    "what cannot be processed": (
        {"status": 422},
        ("UnprocessableEntityError", "invalid_request_error"),
        ("UnprocessableEntityError", None),
    ),
    "too many requests": (
        {"status": 429},
        ("RateLimitError", "rate_limit_error"),
        ("RateLimitError", "rate_limit_exceeded"),
    ),
    "a server's own fault": (
        {"status": 500},
        ("InternalServerError", "api_error"),
        ("InternalServerError", "server_error"),
    ),
    "a gateway's fault": (
        {"status": 502},
        ("InternalServerError", "api_error"),
        ("InternalServerError", "server_error"),
    ),
    "a gateway that waited too long": (
        {"status": 504},
        ("GatewayTimeoutError", "timeout_error"),
        ("InternalServerError", "timeout"),
    ),
    "a server that has too much to do": (
        {"status": 529},
        ("OverloadedError", "overloaded_error"),
        ("InternalServerError", "overloaded"),
    ),
    "a limit, told inside a 200": (
        {"kind": "error_event", "at": 0, "status": 429},
        ("RateLimitError", "rate_limit_error"),
        ("RateLimitError", "rate_limit_exceeded"),
    ),
    "nothing at all": (
        {"kind": "empty"},
        ("InternalServerError", "api_error"),
        ("InternalServerError", "server_error"),
    ),
    "a page for people": (
        {"kind": "html", "status": 200},
        ("InternalServerError", "api_error"),
        ("InternalServerError", "server_error"),
    ),
    "a connection that was dropped": (
        {"kind": "drop"},
        ("InternalServerError", "api_error"),
        ("InternalServerError", "upstream_unreachable"),
    ),
}
COLUMN = {"messages": 1, "chat": 2, "responses": 2}


@in_turn
@pytest.mark.parametrize("asked", ["whole", "streamed"])
def test_every_error(trip: Trip, asked: str) -> None:
    expected = {name: row[COLUMN[trip.app]] for name, row in ERRORS.items()}
    assert {name: _raised(trip, asked, row[0]) for name, row in ERRORS.items()} == expected


def _raised(trip: Trip, asked: str, fault: dict[str, Any]) -> tuple[str, str | None]:
    """The name of the exception, and what it says of itself."""
    if "kind" not in fault:
        fault = {"kind": "status", "headers": {"retry-after": "7"}, **fault}
    trip.sim.fault(trip.upstream, fault)
    with pytest.raises(RAISED) as caught:
        getattr(trip.program, asked)(trip.request("x"))
    error: Any = caught.value
    if fault["kind"] == "status":
        assert error.request_id
        assert error.response.headers["retry-after"] == "7"
    if trip.app != "messages":
        assert set(error.body) == {"message", "type", "param", "code"}
        return type(error).__name__, error.code
    if fault.get("reason") == "context":  # agents look for these words
        assert error.body["error"]["message"].startswith("prompt is too long")
    return type(error).__name__, error.type


BROKEN = {
    "an error": {"kind": "error_event", "after": 3},
    "an end": {"kind": "cut", "after": 3},
    "a reset": {"kind": "cut", "after": 3, "reset": True},
}


@in_turn
@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
def test_what_breaks_off_after_three_words_raises(trip: Trip, fault: dict[str, Any]) -> None:
    request = trip.request("[[words:9]]")
    trip.sim.fault(trip.upstream, fault)
    pieces = []
    with pytest.raises(RAISED):
        for piece in trip.program.pieces(request):
            pieces.append(piece)
    assert "".join(pieces) == "0:plain 1:Grüße 2:words "
    trip.sim.fault(trip.upstream, fault)
    with pytest.raises(RAISED):
        trip.program.streamed(request)
    assert trip.said(request).text.startswith("".join(pieces))
