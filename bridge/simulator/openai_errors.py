"""Errors, headers and ids that OpenAI's two protocols share."""

from typing import Any

from .dialect import Rejected

Json = Any

QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more "
    "information on this error, read the docs: "
    "https://platform.openai.com/docs/guides/error-codes/api-errors."
)
CONTEXT = (
    "This model's maximum context length is 128000 tokens. However, your messages resulted in "
    "128001 tokens. Please reduce the length of the messages."
)
RATE = (
    "Rate limit reached for requests per min (RPM): Limit 3, Used 3, Requested 1. "
    "Please try again in 1s. Visit https://platform.openai.com/account/rate-limits to learn more."
)
KEY = (
    "Incorrect API key provided. You can find your API key at "
    "https://platform.openai.com/account/api-keys."
)

# reason: type, code, message
FAILURES: dict[str, tuple[str, str | None, str]] = {
    "credit": (
        "invalid_request_error",
        "billing_hard_limit_reached",
        "Billing hard limit has been reached",
    ),
    "quota": ("insufficient_quota", "insufficient_quota", QUOTA),
    "context": ("invalid_request_error", "context_length_exceeded", CONTEXT),
    "invalid": ("invalid_request_error", None, "Invalid request."),
    "authentication": ("invalid_request_error", "invalid_api_key", KEY),
    "permission": (
        "invalid_request_error",
        None,
        "You are not allowed to sample from this model",
    ),
    "model": (
        "invalid_request_error",
        "model_not_found",
        "The model `unknown` does not exist or you do not have access to it.",
    ),
    "too_large": ("invalid_request_error", None, "The request body is too large."),
    "rate_limit": ("requests", "rate_limit_exceeded", RATE),
    "timeout": ("server_error", None, "Request timed out."),
    "server": (
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    "overloaded": (
        "service_unavailable_error",
        None,
        "The engine is currently overloaded, please try again later.",
    ),
}

REASONS = {
    400: "credit",
    401: "authentication",
    402: "quota",
    403: "permission",
    404: "model",
    408: "timeout",
    413: "too_large",
    429: "rate_limit",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",  # not a status of OpenAI; other servers of its dialect use it
}


def failure(status: int, reason: str | None) -> Rejected:
    reason = reason or REASONS.get(status, "server" if status >= 500 else "invalid")
    type, code, message = FAILURES.get(reason, ("invalid_request_error", None, reason))
    return Rejected(status, message, type=type, code=code)


def error(problem: Rejected, request_id: str) -> Json:
    del request_id  # only in the headers
    return {"error": details(problem)}


def details(problem: Rejected) -> Json:
    kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    return {
        "message": problem.message,
        "type": problem.type or kind,
        "param": problem.param,
        "code": problem.code,
    }


def headers(request_id: str, status: int) -> list[tuple[str, str]]:
    shown = [
        ("x-request-id", request_id),
        ("openai-organization", "org-simulator"),
        ("openai-processing-ms", "1"),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-remaining-requests", "0" if status == 429 else "499"),
        ("x-ratelimit-reset-requests", "120ms"),
    ]
    return [*shown, ("retry-after", "1")] if status == 429 else shown
