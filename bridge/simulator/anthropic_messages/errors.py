"""Errors of the Messages API: envelope, types by status, headers, and errors inside a 200."""

from typing import Any

from ..dialect import Answer, Frame, Rejected, named

Json = Any

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}

CREDIT = (
    "Your credit balance is too low to access the Anthropic API. "
    "Please go to Plans & Billing to upgrade or purchase credits."
)
MESSAGES = {
    "credit": CREDIT,
    "context": "prompt is too long: 200001 tokens > 200000 maximum",
    "invalid": "messages: Input should be a valid list",
    "authentication": "invalid x-api-key",
    "billing": "There is an issue with your billing or payment information.",
    "permission": "Your API key does not have permission to use the specified resource.",
    "model": "model: unknown",
    "too_large": "Request exceeds the maximum size",
    "rate_limit": "This request would exceed your organization's rate limit of 50 requests per "
    "minute. Please reduce the prompt length or the maximum tokens requested, or try again later.",
    "overloaded": "Overloaded",
    "timeout": "Request timed out",
    "server": "Internal server error",
}

REASONS = {  # of a status, unless the fault names another
    400: "credit",
    401: "authentication",
    402: "billing",
    403: "permission",
    404: "model",
    408: "timeout",
    413: "too_large",
    422: "invalid",
    429: "rate_limit",
    504: "timeout",
    529: "overloaded",
}


def error(problem: Rejected, request_id: str) -> Json:
    kind = problem.type or TYPES.get(problem.status, _default_type(problem.status))
    return {
        "type": "error",
        "error": {"type": kind, "message": problem.message},
        "request_id": request_id,
    }


def _default_type(status: int) -> str:
    return "api_error" if status >= 500 else "invalid_request_error"


def failure(status: int, reason: str | None) -> Rejected:
    default = "server" if status >= 500 else "invalid"
    reason = reason or REASONS.get(status, default)
    return Rejected(status, MESSAGES.get(reason, reason))


def error_frames(answer: Answer, problem: Rejected, sent: int, form: str) -> list[Frame]:
    del sent, form  # there is one way to say it
    return [named("error", error(problem, _request_id(answer)))]


def error_body(answer: Answer, problem: Rejected) -> Json:
    return error(problem, _request_id(answer))


def _request_id(answer: Answer) -> str:
    return "req_01" + answer.seed[:22]


def headers(request_id: str, status: int) -> list[tuple[str, str]]:
    shown = [
        ("request-id", request_id),
        ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
    ]
    if status == 429:
        shown.append(("retry-after", "1"))
    if status >= 400:
        again = status in (408, 409, 429) or status >= 500
        return [*shown, ("x-should-retry", "true" if again else "false")]
    return [
        *shown,
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "49"),
        ("anthropic-ratelimit-requests-reset", "2026-09-21T12:00:00Z"),
    ]
