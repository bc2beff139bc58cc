"""Errors in Anthropic's envelope, which the official SDK turns into the right exception."""

from dataclasses import replace
from typing import Any, get_args

import anthropic
import httpx2
import pytest

from bridge.transform.answers import Error, ErrorKind
from bridge.transform.anthropic_messages import encode_error
from bridge.transform.anthropic_messages.errors import TYPES
from bridge.transform.context import context

CTX = context("anthropic_messages", "openai_chat")


@pytest.mark.parametrize(
    "error, status, kind",
    [
        pytest.param(Error("invalid_request", "m", 422), 422, "invalid_request_error", id="422"),
        pytest.param(Error("invalid_request", "m", 200), 400, "invalid_request_error", id="in 200"),
        pytest.param(Error("authentication", "m", 401), 401, "authentication_error", id="401"),
        pytest.param(Error("billing", "m", 402), 402, "billing_error", id="402"),
        pytest.param(Error("billing", "m", 429), 429, "billing_error", id="a quota, OpenAI's way"),
        pytest.param(Error("permission", "m", 403), 403, "permission_error", id="403"),
        pytest.param(Error("not_found", "m", 404), 404, "not_found_error", id="404"),
        pytest.param(
            Error("model_not_found", "m", 400), 404, "not_found_error", id="no such model"
        ),
        pytest.param(Error("timeout", "m", 408), 408, "timeout_error", id="408"),
        pytest.param(Error("timeout", "m", 504), 504, "timeout_error", id="504"),
        pytest.param(Error("conflict", "m", 409), 409, "conflict_error", id="409"),
        pytest.param(Error("too_large", "m", 413), 413, "request_too_large", id="413"),
        pytest.param(Error("rate_limit", "m", 429), 429, "rate_limit_error", id="429"),
        pytest.param(Error("overloaded", "m", 503), 529, "overloaded_error", id="overloaded"),
        pytest.param(Error("server", "m", 502), 502, "api_error", id="502"),
        pytest.param(Error("server", "m", 599), 599, "api_error", id="599"),
    ],
)
def test_status_and_type(error: Error, status: int, kind: str) -> None:
    body = {"type": "error", "error": {"type": kind, "message": "m"}}
    assert encode_error(error, CTX) == (status, body)


@pytest.mark.parametrize(
    "message, told",
    [
        pytest.param("too many", "prompt is too long: too many", id="said in agents' words"),
        pytest.param("Prompt is too long: 9", "Prompt is too long: 9", id="once"),
    ],
)
def test_a_full_context_window(message: str, told: str) -> None:
    status, body = encode_error(Error("context_length", message, 413), CTX)
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")
    assert body["error"]["message"] == told


def test_details_and_request_id_are_kept() -> None:
    details = {"error_code": "file_expired"}
    error = Error("not_found", "m", 404, details=details, request_id="req_1", code="x", param="y")
    assert encode_error(error, CTX)[1] == {
        "type": "error",
        "error": {"type": "not_found_error", "message": "m", "details": details},
        "request_id": "req_1",
    }
    assert "details" not in encode_error(replace(error, details="?"), CTX)[1]["error"]
    unknown = replace(error, details=None, code="thread_not_found")
    told = encode_error(unknown, CTX)[1]["error"]["details"]
    assert told == {"error_code": "thread_not_found"}


EXCEPTIONS: dict[str, tuple[int, type[Exception]]] = {
    "invalid_request": (400, anthropic.BadRequestError),
    "context_length": (400, anthropic.BadRequestError),
    "authentication": (401, anthropic.AuthenticationError),
    "permission": (403, anthropic.PermissionDeniedError),
    "not_found": (404, anthropic.NotFoundError),
    "model_not_found": (404, anthropic.NotFoundError),
    "conflict": (409, anthropic.ConflictError),
    "rate_limit": (429, anthropic.RateLimitError),
    "server": (500, anthropic.InternalServerError),
}


@pytest.mark.parametrize("kind", get_args(ErrorKind.__value__))
def test_the_sdk_raises_what_it_would_for_its_own_vendor(kind: Any) -> None:
    status, body = encode_error(Error(kind, "the reason", 200, request_id="req_1"), CTX)

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, json=body, headers={"request-id": "req_1"})

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    client = anthropic.Anthropic(api_key="k", base_url="http://a", max_retries=0, http_client=http)
    with pytest.raises(anthropic.APIStatusError) as raised:
        client.messages.create(model="m", max_tokens=1, messages=[])
    assert raised.value.status_code == status == TYPES[kind][1]
    assert raised.value.request_id == "req_1"
    assert "the reason" in str(raised.value)
    if kind in EXCEPTIONS:
        assert (status, type(raised.value)) == EXCEPTIONS[kind]
