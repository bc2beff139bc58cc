"""Errors: what a failed response says, read and written, and the envelope for a client."""

from dataclasses import replace

from ..answers import Error, ErrorKind
from ..errors import UNEXPLAINED, decode_error
from ..json_text import Json
from ..openai_errors import encode_error

__all__ = ["encode_error"]

# What a failed response may call it: agents look for the first three, strict clients know no others
# but the vendor's own.
FAILED: dict[ErrorKind, str] = {
    "context_length": "context_length_exceeded",
    "rate_limit": "rate_limit_exceeded",
    "billing": "insufficient_quota",
    "invalid_request": "invalid_prompt",
}
# Failures of the client's images and documents.
UNREADABLE = frozenset(
    """
    invalid_image invalid_image_format invalid_base64_image invalid_image_url image_too_large
    image_too_small image_parse_error image_content_policy_violation invalid_image_mode
    image_file_too_large unsupported_image_media_type empty_image_file failed_to_download_image
    image_file_not_found
    """.split()
)
UNKNOWN_STATUS = 502  # of errors inside a 200
FAILED_STATUS = 500


def decode_failure(error: Json, status: str, told: Error | None) -> Error:
    """The error of a response that ended with `status`; `told` is what an event before it said."""
    if not error:
        return told or Error("server", f"{UNEXPLAINED} ({status})", FAILED_STATUS)
    failure = decode_error(200, {"error": error})
    if failure.code in UNREADABLE:
        return replace(failure, kind="invalid_request", status=400)
    return replace(failure, status=FAILED_STATUS) if failure.status == UNKNOWN_STATUS else failure


def encode_failure(error: Error) -> Json:
    """The error object of a failed response."""
    code = FAILED.get(error.kind, "server_error")
    if error.code in UNREADABLE:
        code = error.code
    return {"code": code, "message": error.message}
