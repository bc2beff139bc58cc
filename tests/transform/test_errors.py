"""Error bodies of every shape that servers answer with, read as one kind of error."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.answers import Error, ErrorKind
from bridge.transform.errors import complains, decode_error, error_inside


def openai(message: str, type: str | None = None, code: Any = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": type, "param": None, "code": code, **more}}


def anthropic(type: str, message: str, **more: Any) -> dict[str, Any]:
    return {"type": "error", "error": {"type": type, "message": message}, **more}


@pytest.mark.parametrize(
    "status, body, expected",
    [
        pytest.param(
            400,
            openai("no", "invalid_request_error", "unsupported_parameter") | {"status": 400},
            Error("invalid_request", "no", 400, "unsupported_parameter", "invalid_request_error"),
            id="OpenAI's envelope",
        ),
        pytest.param(
            429,
            anthropic("rate_limit_error", "slower", request_id="req_1"),
            Error("rate_limit", "slower", 429, type="rate_limit_error", request_id="req_1"),
            id="Anthropic's envelope",
        ),
        pytest.param(
            404,
            anthropic("not_found_error", "gone", request_id=None),
            Error("not_found", "gone", 404, type="not_found_error"),
            id="without a request id",
        ),
        pytest.param(
            404,
            {
                "type": "error",
                "error": {
                    "type": "not_found_error",
                    "message": "gone",
                    "details": {"error_code": "file_expired"},
                },
            },
            Error(
                "not_found",
                "gone",
                404,
                "file_expired",
                "not_found_error",
                details={"error_code": "file_expired"},
            ),
            id="Anthropic's details have the code",
        ),
        pytest.param(
            403, {"message": "no access"}, Error("permission", "no access", 403), id="Bedrock"
        ),
        pytest.param(
            401,
            {"error": {"message": "no", "code": 401}},
            Error("authentication", "no", 401),
            id="a code that only repeats the status",
        ),
        pytest.param(
            400,
            {"code": "invalid-argument", "error": "not that"},
            Error("invalid_request", "not that", 400, "invalid-argument"),
            id="trap 12: error as a string beside its code (xAI)",
        ),
        pytest.param(
            400,
            {"object": "error", "message": "no", "type": "invalid_args", "code": "3051"},
            Error("invalid_request", "no", 400, "3051", "invalid_args"),
            id="flat (Mistral, vLLM)",
        ),
        pytest.param(
            400,
            {"message": "no", "code": 3051},
            Error("invalid_request", "no", 400, "3051"),
            id="a number that is no status",
        ),
        pytest.param(
            401, {"detail": "Invalid key"}, Error("authentication", "Invalid key", 401), id="detail"
        ),
        pytest.param(
            422,
            {"detail": [{"loc": ["body", "n"], "msg": "too big"}, "also", 3, {"type": "x"}]},
            Error("invalid_request", "body.n: too big; also", 422),
            id="a list of details (FastAPI)",
        ),
        pytest.param(
            422,
            {"object": "error", "message": {"detail": [{"loc": ["body", "n"], "msg": "odd"}]}},
            Error("invalid_request", "body.n: odd", 422),
            id="a message that holds them (Mistral)",
        ),
        pytest.param(
            400,
            {"detail": {"message": "inner"}},
            Error("invalid_request", "inner", 400),
            id="a detail that is an object",
        ),
        pytest.param(
            400,
            [{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}],
            Error("invalid_request", "no", 400),
            id="in a list (Google)",
        ),
        pytest.param(
            400,
            {"success": False, "errors": [{"code": 7003, "message": "no route"}]},
            Error("invalid_request", "no route", 400, "7003"),
            id="in a list of errors (Cloudflare)",
        ),
        pytest.param(
            500,
            {"error": {"error": {"message": "deep", "type": "server_error"}}},
            Error("server", "deep", 500, type="server_error"),
            id="an error in an error",
        ),
        pytest.param(
            400,
            openai("Provider returned error", code=400, metadata={"raw": "odd thing"}),
            Error("invalid_request", "Provider returned error: odd thing", 400),
            id="what a gateway's upstream said is appended (OpenRouter)",
        ),
        pytest.param(
            400,
            openai(
                "Provider returned error",
                metadata={"raw": json.dumps(openai("no", "t", "context_length_exceeded"))},
            ),
            Error(
                "context_length",
                "Provider returned error: "
                + json.dumps(openai("no", "t", "context_length_exceeded")),
                400,
                "context_length_exceeded",
                "t",
            ),
            id="and read, where it is JSON",
        ),
        pytest.param(
            400,
            openai("up", metadata={"raw": {"message": "x"}}),
            Error("invalid_request", 'up: {"message":"x"}', 400),
            id="or an object",
        ),
        pytest.param(
            400, {"foo": 1}, Error("invalid_request", '{"foo":1}', 400), id="an unknown object"
        ),
        pytest.param(
            500,
            {"error": True},
            Error("server", '{"error":true}', 500),
            id="an error without words",
        ),
        pytest.param(503, "busy", Error("server", "busy", 503), id="a JSON string"),
        pytest.param(500, 7, Error("server", "7", 500), id="a JSON number"),
        pytest.param(
            502,
            b"",
            Error("server", "the upstream answered 502 and said nothing", 502),
            id="an empty body",
        ),
        pytest.param(504, b" upstream \n", Error("timeout", "upstream", 504), id="plain text"),
        pytest.param(
            400, b"x" * 900, Error("invalid_request", "x" * 500, 400), id="long text is shortened"
        ),
        pytest.param(
            502,
            b"<html><head><style>p{}</style><title>Bad</title></head><body>\n<h1>Bad&nbsp;gate</h1>"
            b"<!-- x --><script>alert(1)</script></body></html>",
            Error("server", "Bad Bad\xa0gate".replace("\xa0", " "), 502),
            id="HTML without its markup",
        ),
        pytest.param(
            529,
            b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error",'
            b'"message":"Overloaded"}}\n\n',
            Error("overloaded", "Overloaded", 529, type="overloaded_error"),
            id="an event stream in place of a body",
        ),
        pytest.param(
            400, b'data: {"x', Error("invalid_request", 'data: {"x', 400), id="half of it"
        ),
        pytest.param(
            400, b"\xff\xfe", Error("invalid_request", "\ufffd\ufffd", 400), id="no UTF-8"
        ),
    ],
)
def test_a_body_is_read(status: int, body: Any, expected: Error) -> None:
    assert decode_error(status, body) == expected
    if not isinstance(body, bytes):
        assert decode_error(status, json.dumps(body).encode()) == expected


@pytest.mark.parametrize(
    "status, body, kind",
    [
        pytest.param(400, openai("x"), "invalid_request", id="400"),
        pytest.param(401, openai("x", "api_error"), "authentication", id="401, whatever the type"),
        pytest.param(402, openai("x"), "billing", id="402"),
        pytest.param(403, openai("x", "invalid_request_error"), "permission", id="403"),
        pytest.param(404, openai("x", "invalid_request_error"), "not_found", id="404"),
        pytest.param(408, openai("x"), "timeout", id="408"),
        pytest.param(409, openai("x"), "conflict", id="409"),
        pytest.param(413, openai("x"), "too_large", id="413"),
        pytest.param(418, openai("x"), "invalid_request", id="another 4xx"),
        pytest.param(422, openai("x"), "invalid_request", id="422"),
        pytest.param(429, openai("x"), "rate_limit", id="429"),
        pytest.param(500, openai("x"), "server", id="500"),
        pytest.param(503, openai("x"), "server", id="503"),
        pytest.param(504, openai("x"), "timeout", id="504"),
        pytest.param(520, openai("x"), "server", id="trap 12: another 5xx stays one"),
        pytest.param(529, openai("x"), "overloaded", id="529"),
        pytest.param(404, openai("x", code="model_not_found"), "model_not_found", id="by code"),
        pytest.param(400, openai("x", code="model_not_found"), "model_not_found", id="also at 400"),
        pytest.param(400, openai("x", "authentication_error"), "authentication", id="by type"),
        pytest.param(429, openai("x", code="insufficient_quota"), "billing", id="no money"),
        pytest.param(429, openai("x", code="RateLimitReached"), "rate_limit", id="Azure's limit"),
        pytest.param(
            400,
            anthropic("invalid_request_error", "Your credit balance is too low to access"),
            "billing",
            id="trap 13: no money, said with 400",
        ),
        pytest.param(
            400,
            anthropic("invalid_request_error", "prompt is too long: 3 tokens > 2 maximum"),
            "context_length",
            id="context overflow in Anthropic's words",
        ),
        pytest.param(
            400,
            openai("This model's maximum context length is 8192 tokens"),
            "context_length",
            id="in OpenAI's",
        ),
        pytest.param(
            400,
            openai("request (2009 tokens) exceeds the available context size (512 tokens)"),
            "context_length",
            id="in llama.cpp's",
        ),
        pytest.param(
            400,
            openai("x", "exceed_context_size_error"),
            "context_length",
            id="by llama.cpp's type",
        ),
        pytest.param(
            400, openai("x", "too_many_prompt_tokens"), "context_length", id="by Perplexity's type"
        ),
        pytest.param(413, openai("prompt is too long"), "context_length", id="with another status"),
        pytest.param(
            400, openai("Incorrect API key provided"), "authentication", id="a bad key with 400"
        ),
        pytest.param(
            400, openai("Invalid model: x"), "model_not_found", id="an unknown model with 400"
        ),
        pytest.param(
            404,
            anthropic("not_found_error", "model: claude-x"),
            "model_not_found",
            id="an unknown model at Anthropic",
        ),
        pytest.param(404, openai("No endpoints found"), "not_found", id="another thing not found"),
        pytest.param(
            503, openai("The server is overloaded"), "overloaded", id="overloaded with 503"
        ),
        pytest.param(503, openai("x", code="slow_down"), "overloaded", id="slow down"),
        pytest.param(
            429, openai("prompt is too long"), "rate_limit", id="a status that says enough"
        ),
    ],
)
def test_the_kind_is_found(status: int, body: Any, kind: ErrorKind) -> None:
    error = decode_error(status, body)
    assert (error.kind, error.status) == (kind, status)


@pytest.mark.parametrize(
    "body, kind, status",
    [
        pytest.param(openai("x", code=429), "rate_limit", 429, id="a number is the status"),
        pytest.param(openai("x", code="503"), "server", 503, id="also in a string"),
        pytest.param({"error": "x", "status": 401}, "authentication", 401, id="beside the error"),
        pytest.param(openai("x", "overloaded_error"), "overloaded", 529, id="by type"),
        pytest.param(openai("x", "invalid_request_error"), "invalid_request", 400, id="any type"),
        pytest.param(openai("x", "server_error"), "server", 500, id="a server's fault"),
        pytest.param(openai("x", code="insufficient_quota"), "billing", 429, id="no money"),
        pytest.param({"error": "model 'x' not found"}, "model_not_found", 404, id="by its words"),
        pytest.param(openai("x", code=400) | {"choices": []}, "invalid_request", 400, id="a chunk"),
        pytest.param({"error": "odd"}, "server", 502, id="nothing to tell it by"),
        pytest.param("odd", "server", 502, id="a text"),
        pytest.param("prompt is too long", "context_length", 400, id="a text that says it"),
        pytest.param(openai("x", code=True), "server", 502, id="a code that is none"),
    ],
)
def test_an_error_inside_a_200_gets_a_status(body: Any, kind: ErrorKind, status: int) -> None:
    error = decode_error(200, body)
    assert (error.kind, error.status) == (kind, status)


def test_errors_in_errors_are_followed_only_so_far() -> None:
    body: Any = {"message": "deepest"}
    for depth in range(20):
        body = {"error": body, "message": f"depth {depth}"}
    assert decode_error(500, body).message == "depth 13"


def test_param_and_code_are_kept() -> None:
    error = decode_error(400, openai("no", param="temperature", code="unsupported_value"))
    assert (error.param, error.code) == ("temperature", "unsupported_value")


@pytest.mark.parametrize(
    "body, message",
    [
        pytest.param({"error": {"message": "x"}}, "x", id="an error"),
        pytest.param({"error": "x", "choices": []}, "x", id="a string"),
        pytest.param({"object": "error", "message": "x"}, "x", id="by object (vLLM)"),
        pytest.param({"type": "error", "message": "x"}, "x", id="by type"),
        pytest.param({"choices": [{"error": {"message": "x"}}]}, "x", id="in a choice"),
        pytest.param(
            {"choices": [{"finish_reason": "error"}]},
            "the upstream ended the answer with an error",
            id="a finish reason",
        ),
        pytest.param({"x_groq": {"error": "x"}, "choices": []}, "x", id="Groq's"),
        pytest.param(
            {"base_resp": {"status_code": 1004, "status_msg": "x"}, "choices": None},
            "x",
            id="MiniMax's",
        ),
    ],
)
def test_an_error_in_a_2xx_answer_is_seen(body: Any, message: str) -> None:
    found = error_inside(body)
    assert found and decode_error(200, found).message == message


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"error": None, "choices": [{"finish_reason": "stop"}]}, id="a null"),
        pytest.param({"error": {}, "choices": [None, {"error": None}]}, id="an empty object"),
        pytest.param({"choices": "x", "x_groq": {"id": 1}}, id="Groq's id"),
        pytest.param({"x_groq": 1, "base_resp": 1}, id="odd types"),
        pytest.param({"base_resp": {"status_code": 0}}, id="MiniMax's word for well"),
        pytest.param(
            {"base_resp": {"status_code": 1}, "choices": [{"index": 0}]},
            id="an answer all the same",
        ),
        pytest.param([], id="a list"),
        pytest.param(None, id="nothing"),
    ],
)
def test_an_answer_is_no_error(body: Any) -> None:
    assert error_inside(body) is None


@pytest.mark.parametrize(
    "body, expected",
    [
        pytest.param("Internal Server Error", True, id="a text"),
        pytest.param(" ", False, id="blanks"),
        pytest.param({"message": "x"}, True, id="a message"),
        pytest.param({"detail": [{"loc": ["body"], "msg": "x"}]}, True, id="FastAPI's"),
        pytest.param({"error_msg": "x"}, True, id="Baidu's"),
        pytest.param({"errors": ["x"]}, True, id="texts"),
        pytest.param([{"error": {"message": "x"}}], True, id="Google's, in a list"),
        pytest.param({"message": {"role": "assistant", "content": "x"}}, False, id="an answer"),
        pytest.param({"object": "odd", "x": 1}, False, id="no words"),
        pytest.param([1], False, id="a list"),
        pytest.param(5, False, id="a number"),
        pytest.param(None, False, id="nothing"),
    ],
)
def test_a_complaint_is_in_words(body: Any, expected: bool) -> None:
    assert complains(body) is expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "code", "type", "detail", "metadata", "raw", "x"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(json_values, st.integers(0, 700))
def test_any_json_gives_an_error_with_a_message(body: Any, status: int) -> None:
    error = decode_error(status, body)
    assert error.message and error.status >= 400
    error_inside(body)


@given(st.binary(max_size=40))
def test_any_bytes_give_an_error(body: bytes) -> None:
    assert decode_error(500, body).message


RECORDED_KINDS: dict[int, set[ErrorKind]] = {
    400: {"invalid_request", "context_length", "model_not_found", "authentication"},
    401: {"authentication"},
    403: {"permission"},
    404: {"not_found", "model_not_found"},
    422: {"invalid_request"},
    429: {"rate_limit"},
    500: {"server"},
}


def test_recorded_errors_keep_status_message_and_kind(shared: Path) -> None:
    lines = (shared / "corpus" / "errors.jsonl").read_text("utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert len(records) > 100
    for record in records:
        answer, status = record["response"], record["status"] or 0
        body = answer.get("body", answer.get("text", answer.get("sse")))
        error = decode_error(status, body if not isinstance(body, str) else body.encode())
        assert not error.message.startswith("{"), record["id"]
        assert error.status == (status or error.status)
        assert error.kind in RECORDED_KINDS.get(status, {error.kind}), record["id"]
