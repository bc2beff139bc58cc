"""Errors for a client: the neutral error in, a status and Anthropic's error envelope out."""

from ..answers import Error, ErrorKind
from ..context import Context
from ..json_text import Json

# kind -> Anthropic's error type, and the status where the upstream's says nothing here
TYPES: dict[ErrorKind, tuple[str, int]] = {
    "invalid_request": ("invalid_request_error", 400),
    "context_length": ("invalid_request_error", 400),
    "authentication": ("authentication_error", 401),
    "billing": ("billing_error", 402),
    "permission": ("permission_error", 403),
    "not_found": ("not_found_error", 404),
    "model_not_found": ("not_found_error", 404),
    "timeout": ("timeout_error", 504),
    "conflict": ("conflict_error", 409),
    "too_large": ("request_too_large", 413),
    "rate_limit": ("rate_limit_error", 429),
    "overloaded": ("overloaded_error", 529),
    "server": ("api_error", 500),
}
# What other vendors answer with another status, and Anthropic's clients know by this one alone.
FIXED: frozenset[ErrorKind] = frozenset({"context_length", "model_not_found", "overloaded"})

# The bridge's refusals that Anthropic knows too, and tells in the details.
CODES = ("thread_not_found",)

TOO_LONG = "prompt is too long"  # agents look for these words to shorten their history


def encode_error(error: Error, ctx: Context) -> tuple[int, Json]:
    kind, status = TYPES[error.kind]
    if error.kind not in FIXED and 400 <= error.status < 600:
        status = error.status
    inner: dict[str, Json] = {"type": kind, "message": _message(error)}
    if isinstance(error.details, dict):
        inner["details"] = error.details
    elif error.code in CODES:
        inner["details"] = {"error_code": error.code}
    body: dict[str, Json] = {"type": "error", "error": inner}
    if error.request_id:
        body["request_id"] = error.request_id
    return status, body


def _message(error: Error) -> str:
    if error.kind == "context_length" and TOO_LONG not in error.message.lower():
        return f"{TOO_LONG}: {error.message}"
    return error.message
