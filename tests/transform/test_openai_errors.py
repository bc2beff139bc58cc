"""Errors in OpenAI's envelope."""

import httpx2
import openai
import pytest

from bridge.transform.answers import Error
from bridge.transform.context import context
from bridge.transform.json_text import dumps
from bridge.transform.openai_errors import ENVELOPES, encode_error

CTX = context("openai_chat", "anthropic_messages")


@pytest.mark.parametrize(
    "error, status, type, code",
    [
        pytest.param(
            Error("invalid_request", "x", 400), 400, "invalid_request_error", None, id="-"
        ),
        pytest.param(
            Error("invalid_request", "x", 422), 422, "invalid_request_error", None, id="status kept"
        ),
        pytest.param(
            Error("context_length", "x", 413),
            400,
            "invalid_request_error",
            "context_length_exceeded",
            id="context overflow has one status",
        ),
        pytest.param(
            Error("authentication", "x", 401),
            401,
            "invalid_request_error",
            "invalid_api_key",
            id="a bad key",
        ),
        pytest.param(
            Error("billing", "x", 402),
            429,
            "insufficient_quota",
            "insufficient_quota",
            id="402 is 429 here",
        ),
        pytest.param(
            Error("billing", "x", 400),
            429,
            "insufficient_quota",
            "insufficient_quota",
            id="no money, said with 400",
        ),
        pytest.param(Error("permission", "x", 403), 403, "permission_error", None, id="forbidden"),
        pytest.param(
            Error("not_found", "x", 404), 404, "invalid_request_error", "model_not_found", id="404"
        ),
        pytest.param(
            Error("model_not_found", "x", 400),
            404,
            "invalid_request_error",
            "model_not_found",
            id="an unknown model",
        ),
        pytest.param(Error("timeout", "x", 408), 408, "server_error", "timeout", id="408"),
        pytest.param(Error("timeout", "x", 504), 504, "server_error", "timeout", id="504"),
        pytest.param(
            Error("conflict", "x", 409), 409, "invalid_request_error", "conflict", id="409"
        ),
        pytest.param(
            Error("too_large", "x", 413),
            413,
            "invalid_request_error",
            "request_too_large",
            id="too large",
        ),
        pytest.param(
            Error("rate_limit", "slower", 429),
            429,
            "requests",
            "rate_limit_exceeded",
            id="requests",
        ),
        pytest.param(
            Error("rate_limit", "Too many tokens", 429),
            429,
            "tokens",
            "rate_limit_exceeded",
            id="tokens, by the text",
        ),
        pytest.param(
            Error("rate_limit", "x", 429, type="tokens"),
            429,
            "tokens",
            "rate_limit_exceeded",
            id="tokens, by the type",
        ),
        pytest.param(
            Error("overloaded", "x", 529), 503, "server_error", "overloaded", id="529 is 503 here"
        ),
        pytest.param(Error("server", "x", 500), 500, "server_error", "server_error", id="500"),
        pytest.param(Error("server", "x", 520), 520, "server_error", "server_error", id="trap 12"),
        pytest.param(Error("server", "x", 0), 500, "server_error", "server_error", id="no status"),
        pytest.param(
            Error("server", "x", 502, code="upstream_unreachable"),
            502,
            "server_error",
            "upstream_unreachable",
            id="the bridge's own",
        ),
        pytest.param(
            Error("invalid_request", "x", 400, code="n_unsupported"),
            400,
            "invalid_request_error",
            "n_unsupported",
            id="a refusal of the bridge",
        ),
        pytest.param(
            Error("authentication", "x", 401, code="weird"),
            401,
            "invalid_request_error",
            "invalid_api_key",
            id="a word that is not OpenAI's gives way",
        ),
        pytest.param(
            Error("invalid_request", "x", 400, "invalid_value"),
            400,
            "invalid_request_error",
            "invalid_value",
            id="OpenAI's own word stays",
        ),
    ],
)
def test_trap_52_an_error_has_openais_words(
    error: Error, status: int, type: str, code: str | None
) -> None:
    assert encode_error(error, CTX) == (
        status,
        {"error": {"message": error.message, "type": type, "param": None, "code": code}},
    )


def test_param_is_handed_on() -> None:
    _, body = encode_error(Error("invalid_request", "x", 400, param="messages[0]"), CTX)
    assert body["error"]["param"] == "messages[0]"


CLASSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    429: openai.RateLimitError,
}


@pytest.mark.parametrize("kind", ENVELOPES)
def test_the_sdk_raises_its_class_with_message_code_and_type(kind: str) -> None:
    status, body = encode_error(Error(kind, "what happened", 0), CTX)  # type: ignore[arg-type]
    content = {"content-type": "application/json"}
    answer = httpx2.MockTransport(
        lambda _: httpx2.Response(status, content=dumps(body), headers=content)
    )
    with openai.OpenAI(
        api_key="none",
        base_url="http://upstream.invalid/v1",
        http_client=httpx2.Client(transport=answer),
        max_retries=0,
    ) as client:
        expected = (
            openai.InternalServerError
            if status >= 500
            else CLASSES.get(status, openai.APIStatusError)
        )
        with pytest.raises(expected) as raised:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    assert "what happened" in raised.value.message
    assert (raised.value.code, raised.value.type) == (body["error"]["code"], body["error"]["type"])
