"""What failed responses say, read and written."""

from typing import Any, get_args

import pytest
from openai.types.responses import ResponseError

from bridge.transform.answers import Error
from bridge.transform.errors import UNEXPLAINED
from bridge.transform.openai_responses.errors import (
    FAILED,
    UNREADABLE,
    decode_failure,
    encode_failure,
)

TOLD = Error("overloaded", "busy", 529)
CODES = get_args(ResponseError.model_fields["code"].annotation)


@pytest.mark.parametrize(
    "error, expected",
    [
        pytest.param(
            {"code": "rate_limit_exceeded", "message": "try again in 2s"},
            Error("rate_limit", "try again in 2s", 429, "rate_limit_exceeded"),
            id="too many requests",
        ),
        pytest.param(
            {"code": "insufficient_quota", "message": "x"},
            Error("billing", "x", 429, "insufficient_quota"),
            id="no money left",
        ),
        pytest.param(
            {"code": "context_length_exceeded", "message": "x"},
            Error("context_length", "x", 400, "context_length_exceeded"),
            id="too long",
        ),
        pytest.param(
            {"code": "invalid_prompt", "message": "x", "param": "input"},
            Error("invalid_request", "x", 400, "invalid_prompt", param="input"),
            id="a prompt that is refused",
        ),
        pytest.param(
            {"code": "image_too_large", "message": "x"},
            Error("invalid_request", "x", 400, "image_too_large"),
            id="an image of the client's",
        ),
        pytest.param(
            {"code": "server_error", "message": "x"},
            Error("server", "x", 500, "server_error"),
            id="the server's own fault",
        ),
        pytest.param(
            {"code": "vector_store_timeout", "message": "x"},
            Error("server", "x", 500, "vector_store_timeout"),
            id="a code that is not known",
        ),
        pytest.param("no", Error("server", "no", 500), id="a string"),
        pytest.param({"message": "x", "code": 503}, Error("server", "x", 503), id="a status"),
    ],
)
def test_a_failure_is_read(error: Any, expected: Error) -> None:
    assert decode_failure(error, "failed", TOLD) == expected


def test_a_failure_that_says_nothing_is_what_was_told_before() -> None:
    assert decode_failure(None, "failed", TOLD) == TOLD
    unexplained = decode_failure({}, "cancelled", None)
    assert unexplained == Error("server", f"{UNEXPLAINED} (cancelled)", 500)


@pytest.mark.parametrize(
    "error, code",
    [
        pytest.param(Error("rate_limit", "x", 429), "rate_limit_exceeded", id="rate limit"),
        pytest.param(Error("billing", "x", 402), "insufficient_quota", id="money"),
        pytest.param(Error("context_length", "x", 400), "context_length_exceeded", id="length"),
        pytest.param(Error("invalid_request", "x", 400), "invalid_prompt", id="the client's fault"),
        pytest.param(
            Error("invalid_request", "x", 400, "empty_image_file"),
            "empty_image_file",
            id="an image's fault",
        ),
        pytest.param(Error("overloaded", "x", 529), "server_error", id="overloaded"),
        pytest.param(Error("server", "x", 502, "odd"), "server_error", id="any other"),
    ],
)
def test_a_failure_is_written(error: Error, code: str) -> None:
    assert encode_failure(error) == {"code": code, "message": "x"}
    assert decode_failure(encode_failure(error), "failed", None).kind in (error.kind, "server")


def test_codes_are_the_vendors_but_for_those_that_agents_look_for() -> None:
    assert set(CODES) >= UNREADABLE
    assert set(FAILED.values()) - set(CODES) == {"context_length_exceeded", "insufficient_quota"}
