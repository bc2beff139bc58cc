"""Errors for clients of OpenAI's two protocols: the neutral error in, status and envelope out."""

from .answers import Error, ErrorKind
from .context import Context
from .json_text import Json

# kind -> OpenAI's type and code, and the status where the upstream's says nothing here
ENVELOPES: dict[ErrorKind, tuple[str, str | None, int]] = {
    "invalid_request": ("invalid_request_error", None, 400),
    "context_length": ("invalid_request_error", "context_length_exceeded", 400),
    "authentication": ("invalid_request_error", "invalid_api_key", 401),
    "billing": ("insufficient_quota", "insufficient_quota", 429),
    "permission": ("permission_error", None, 403),
    "not_found": ("invalid_request_error", "model_not_found", 404),
    "model_not_found": ("invalid_request_error", "model_not_found", 404),
    "timeout": ("server_error", "timeout", 504),
    "conflict": ("invalid_request_error", "conflict", 409),
    "too_large": ("invalid_request_error", "request_too_large", 413),
    "rate_limit": ("requests", "rate_limit_exceeded", 429),
    "overloaded": ("server_error", "overloaded", 503),
    "server": ("server_error", "server_error", 500),
}
# Kinds that OpenAI has one status for: 402 and 529 are not among its own.
FIXED: frozenset[ErrorKind] = frozenset(
    {"context_length", "billing", "model_not_found", "overloaded"}
)
# OpenAI's own words, which stand however general the kind; and the bridge's.
CODES = frozenset(
    """
    string_above_max_length unsupported_parameter unsupported_value invalid_value
    missing_required_parameter decimal_above_max_value invalid_image_url invalid_image_format
    unsupported_file previous_response_not_found content_policy_violation invalid_api_key
    unsupported_country_region_territory model_not_available insufficient_quota
    rate_limit_exceeded slow_down upstream_unreachable
    """.split()
)


def encode_error(error: Error, ctx: Context) -> tuple[int, Json]:
    kind, code, status = ENVELOPES[error.kind]
    if error.kind not in FIXED and 400 <= error.status < 600:
        status = error.status
    if error.kind == "rate_limit" and (error.type == "tokens" or "token" in error.message.lower()):
        kind = "tokens"
    if error.code and (code is None or error.code in CODES):
        code = error.code
    return status, {
        "error": {"message": error.message, "type": kind, "param": error.param, "code": code}
    }
