"""Which endpoint a request is for, and what the bridge itself says there."""

import json
from dataclasses import replace
from typing import Any

import pytest
from anthropic.types import ModelInfo
from anthropic.types.beta.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.message_tokens_count import MessageTokensCount
from openai.types import Model
from openai.types.responses.input_token_count_params import InputTokenCountParams
from openai.types.responses.input_token_count_response import InputTokenCountResponse

from bridge.config import parse
from bridge.endpoints import (
    COUNTED,
    Side,
    count_answer,
    count_of,
    count_path,
    count_request,
    deleted,
    maps_models,
    model,
    models,
    models_of,
    refusal,
    side,
    unknown,
)
from bridge.transform import Protocol, encode_refusal
from bridge.upstream import Upstream

VERSION = ("Anthropic-Version", "2023-06-01")
A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"

# --- recognition


@pytest.mark.parametrize(
    "method, path, expected",
    [
        ("GET", "/v1/models", Side("models", C)),
        ("GET", "/v1/models/gpt-5.6", Side("model", C, "gpt-5.6")),
        ("GET", "/v1/models/openai%2Fgpt-5.6", Side("model", C, "openai/gpt-5.6")),
        ("POST", "/v1/messages/count_tokens", Side("count", A)),
        ("POST", "/v1/responses/input_tokens", Side("count", R)),
        ("POST", "/v1/responses/compact", Side("compact", R)),
        ("GET", "/v1/responses/resp_1", Side("response", R, "resp_1")),
        ("DELETE", "/v1/responses/resp_1", Side("delete", R, "resp_1")),
        ("POST", "/v1/responses/resp_1/cancel", Side("cancel", R, "resp_1")),
        ("GET", "/v1/responses/resp_1/input_items", Side("input_items", R, "resp_1")),
        pytest.param("get", "/v1/models/", Side("models", C), id="a slash at the end"),
        pytest.param("GET", "/models", Side("models", C), id="no base"),
        pytest.param("GET", "/api/openai/v1/models/x", Side("model", C, "x"), id="any base"),
        pytest.param(
            "GET",
            "/v1/responses/resp_1/input_items?limit=5&order=asc&include[]=x",
            Side("input_items", R, "resp_1", {"limit": "5", "order": "asc", "include[]": "x"}),
            id="a query",
        ),
        pytest.param(
            "POST", "/v1/messages/count_tokens?beta=true", Side("count", A, "", {"beta": "true"}),
            id="a query that means nothing here",
        ),
    ],
)  # fmt: skip
def test_an_endpoint_is_recognised(method: str, path: str, expected: Side) -> None:
    assert side(method, path, []) == expected


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/claude-opus-5"])
def test_models_are_asked_for_in_the_dialect_that_the_headers_tell(path: str) -> None:
    asked = side("GET", path, [("accept", "*/*"), VERSION])
    assert asked is not None and asked.dialect == A


OPENROUTER, GOOGLE = "openrouter.ai", "generativelanguage.googleapis.com"


@pytest.mark.parametrize(
    "host, path, ours",
    [
        ("api.anthropic.com", "/v1/models/claude-opus-5", True),
        ("api.anthropic.com", "/api/models", False),
        ("api.openai.com", "/v1/models", True),
        ("EU.api.openai.com", "/v1/models", True),
        ("eu.api.openai.com", "/dashboard/models", False),
        ("chatgpt.com", "/backend-api/codex/models?client_version=1", True),
        ("chatgpt.com", "/backend-api/models", False),
        (OPENROUTER, "/api/v1/models/", True),
        pytest.param(OPENROUTER, "/models", False, id="a page"),
        (GOOGLE, "/v1beta/openai/models/gemini-3-pro", True),
        pytest.param(GOOGLE, "/v1beta/models/gemini-3-pro", False, id="an API of its own"),
        ("api.deepseek.com", "/models", True),
        ("127.0.0.1", "/any/base/models", True),
    ],
)
def test_hosts_that_have_more_than_an_api_list_models_in_one_place(
    host: str, path: str, ours: bool
) -> None:
    assert (side("GET", path, [], host) is not None) is ours


def test_where_models_are_says_nothing_of_other_endpoints() -> None:
    path = "/backend-api/wham/responses/resp_1"
    assert side("GET", path, [], "chatgpt.com") == side("GET", path, [], "any.other")


def test_other_endpoints_have_their_own_dialect_whatever_the_headers_tell() -> None:
    asked = side("GET", "/v1/responses/resp_1", [VERSION])
    assert asked is not None and asked.dialect == R


@pytest.mark.parametrize(
    "method, path",
    [
        ("POST", "/v1/messages"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/responses"),
        ("GET", "/v1/chat/completions/chatcmpl-1"),
        ("POST", "/v1/messages/batches"),
        ("GET", "/v1/messages/batches/msgbatch_1/results"),
        ("POST", "/v1/batches"),
        ("POST", "/v1/files"),
        ("GET", "/v1/files/file-1"),
        ("POST", "/v1/conversations"),
        ("GET", "/v1/conversations/conv_1/items"),
        ("POST", "/v1/models"),
        ("DELETE", "/v1/models/ft:gpt-5.6"),
        ("GET", "/v1/models/a/b/endpoints"),
        ("GET", "/v1/mymodels"),
        ("POST", "/v1/responses/resp_1"),
        ("GET", "/v1/responses/resp_1/cancel"),
        ("POST", "/v1/responses/input_tokens/more"),
        ("GET", "/v1/files?path=/v1/models"),
        ("GET", "/"),
        ("GET", ""),
    ],
)
def test_everything_else_passes(method: str, path: str) -> None:
    assert side(method, path, [VERSION]) is None


# --- models

CONFIG = """
upstreams:
  first:
    protocol: openai_chat
    url: https://first.example/v1
    models: {"claude-opus-5[1m]": big, "claude-haiku*": small, "gpt-?": big, own: own}
  plain: {protocol: anthropic_messages, url: https://plain.example}
  second:
    protocol: openai_responses
    url: https://second.example/v1
    models: {small: other, last: big}
routes: [{upstreams: [first, plain, second]}]
"""


def upstreams() -> list[Upstream]:
    return list(parse(CONFIG, "c", {}).upstreams.values())


NAMES = ["claude-opus-5[1m]", "small", "big", "own", "last"]


@pytest.mark.parametrize("dialect", [A, C, R])
def test_models_are_listed_by_the_names_that_an_app_may_ask_for(dialect: Protocol) -> None:
    found = models(upstreams(), dialect)
    assert [entry["id"] for entry in found["data"]] == NAMES
    assert models(upstreams(), dialect) == found


def test_anthropic_s_list_is_one_page_of_its_models() -> None:
    found = models(upstreams(), A)
    assert found.keys() == {"data", "has_more", "first_id", "last_id"}
    assert (found["has_more"], found["first_id"], found["last_id"]) == (False, NAMES[0], NAMES[-1])
    for entry in found["data"]:
        info = ModelInfo.model_validate_json(json.dumps(entry), strict=True)
        assert entry.keys() == ModelInfo.model_fields.keys()
        assert (info.display_name, info.lifecycle) == (entry["id"], "active")
        assert info.created_at.timestamp() == 0


def test_openai_s_list_tells_which_upstream_has_a_model() -> None:
    found = models(upstreams(), C)
    assert found.keys() == {"object", "data"} and found["object"] == "list"
    for entry in found["data"]:
        Model.model_validate_json(json.dumps(entry), strict=True)
    owners = ["first", "first", "first", "first", "second"]
    assert [entry["owned_by"] for entry in found["data"]] == owners


def test_without_model_maps_there_is_nothing_to_list() -> None:
    plain = [upstream for upstream in upstreams() if upstream.name == "plain"]
    assert models(plain, A) == {"data": [], "has_more": False, "first_id": None, "last_id": None}
    assert models([], C) == {"object": "list", "data": []}


@pytest.mark.parametrize(
    "name, owner",
    [
        pytest.param("last", "second", id="listed"),
        pytest.param("claude-haiku-4-5", "first", id="meant by a pattern"),
        pytest.param("gpt-5", "first", id="by another"),
        pytest.param("small", "first", id="both what a pattern leads to and a name"),
        pytest.param("claude-opus-4", None, id="nobody's"),
    ],
)
def test_a_model_is_known_by_every_name_that_an_app_may_ask_for(
    name: str, owner: str | None
) -> None:
    found = model(upstreams(), name, C)
    assert (found and (found["id"], found["owned_by"])) == (owner and (name, owner))
    everything = [replace(upstream, models=(("*", "big"),)) for upstream in upstreams()]
    assert model(everything, name, C) is None
    if owner is not None:
        ModelInfo.model_validate_json(json.dumps(model(upstreams(), name, A)), strict=True)


def test_whether_the_configuration_says_what_there_is() -> None:
    plain = [upstream for upstream in upstreams() if upstream.name == "plain"]
    assert maps_models(upstreams()) and not maps_models(plain)


LISTS: list[Any] = [
    {"object": "list", "data": [{"id": "qwen3", "object": "model", "created": 1_700_000_000}]},
    {"data": [{"type": "model", "id": "qwen3", "created_at": "2023-11-14T22:13:20Z"}]},
]


@pytest.mark.parametrize("told", LISTS)
def test_the_list_of_an_upstream_in_both_shapes(told: Any) -> None:
    (openai,) = models_of(told, "up", C)["data"]
    created = 1_700_000_000
    assert openai == {"id": "qwen3", "object": "model", "created": created, "owned_by": "up"}
    (claude,) = models_of(told, "up", A)["data"]
    assert (claude["id"], claude["created_at"]) == ("qwen3", "2023-11-14T22:13:20Z")


@pytest.mark.parametrize(
    "told", [None, [], {}, {"data": None}, {"data": [1, {}, {"id": 5}]}, {"error": {}}]
)
def test_what_is_no_list_has_no_models(told: Any) -> None:
    assert models_of(told, "up", C) == {"object": "list", "data": []}


@pytest.mark.parametrize("stamp", [{}, {"created_at": "soon"}, {"created_at": 5}, {"created": "x"}])
def test_a_model_of_unknown_age_is_as_old_as_time(stamp: Any) -> None:
    told = {"data": [{"id": "m", **stamp}]}
    assert models_of(told, "up", C)["data"][0]["created"] == 0


# --- counting tokens


@pytest.mark.parametrize(
    "protocol, expected",
    [(A, "/v1/messages/count_tokens"), (C, None), (R, "/v1/responses/input_tokens")],
)
def test_some_vendors_count(protocol: Protocol, expected: str | None) -> None:
    assert count_path(protocol) == expected
    if expected:
        counting = side("POST", expected, [])
        assert counting is not None
        assert (counting.kind, counting.dialect) == ("count", protocol)


# Of Anthropic's parameters the SDK sends these as headers.
HEADERS = {"betas", "user_profile_id", "workspace_id"}


@pytest.mark.parametrize(
    "protocol, parameters", [(A, MessageCountTokensParams), (R, InputTokenCountParams)]
)
def test_the_counting_endpoint_gets_what_it_takes(protocol: Protocol, parameters: Any) -> None:
    assert COUNTED[protocol] == parameters.__annotations__.keys() - HEADERS


@pytest.mark.parametrize(
    "protocol, body, expected",
    [
        (
            A,
            {"model": "m", "max_tokens": 9, "messages": [], "system": "s", "stream": True}
            | {"temperature": 1, "stop_sequences": ["x"], "metadata": {}, "thinking": {"a": 1}},
            {"model": "m", "messages": [], "system": "s", "thinking": {"a": 1}},
        ),
        (
            R,
            {"model": "m", "input": [], "store": False, "stream": True, "max_output_tokens": 16}
            | {"tools": [], "text": {}, "include": [], "prompt_cache_key": "k"},
            {"model": "m", "input": [], "tools": [], "text": {}},
        ),
    ],
)
def test_the_rest_of_a_request_is_left_out(protocol: Protocol, body: Any, expected: Any) -> None:
    assert count_request(protocol, body) == expected


@pytest.mark.parametrize(
    "body, expected",
    [
        ({"input_tokens": 12}, 12),
        ({"object": "response.input_tokens", "input_tokens": 0}, 0),
        ({"input_tokens": 12, "context_management": {"original_input_tokens": 20}}, 12),
        ({"input_tokens": None}, None),
        ({"input_tokens": True}, None),
        ({"input_tokens": "12"}, None),
        ({}, None),
        ([12], None),
        (None, None),
    ],
)
def test_what_was_counted_is_read(body: Any, expected: int | None) -> None:
    assert count_of(body) == expected


def test_a_count_is_told_in_the_dialect_of_the_app() -> None:
    anthropic, openai = json.dumps(count_answer(A, 7)), json.dumps(count_answer(R, 7))
    assert MessageTokensCount.model_validate_json(anthropic, strict=True).input_tokens == 7
    assert json.loads(anthropic) == {"input_tokens": 7}
    read = InputTokenCountResponse.model_validate_json(openai, strict=True)
    assert (read.object, read.input_tokens) == ("response.input_tokens", 7)
    assert count_of(count_answer(A, 7)) == count_of(count_answer(R, 7)) == 7


# --- refusals


@pytest.mark.parametrize(
    "asked, says",
    [
        (Side("cancel", R, "resp_1"), "cancelled"),
        (Side("response", R, "resp_1", {"stream": "true"}), "streamed again"),
    ],
)
def test_what_goes_on_in_the_background_is_refused(asked: Side, says: str) -> None:
    refused = refusal(asked)
    assert refused is not None
    status, body = encode_refusal(R, refused)
    error = json.loads(body)["error"]
    assert (status, error["type"], error["code"]) == (400, "invalid_request_error", None)
    assert says in error["message"]


@pytest.mark.parametrize(
    "asked",
    [
        Side("response", R, "resp_1"),
        Side("response", R, "resp_1", {"stream": "false"}),
        Side("input_items", R, "resp_1"),
        Side("delete", R, "resp_1"),
        Side("models", C),
    ],
)
def test_what_needs_no_background_is_not_refused(asked: Side) -> None:
    assert refusal(asked) is None


def test_an_unknown_response_is_not_found() -> None:
    status, body = encode_refusal(R, unknown(Side("input_items", R, "resp_1")))
    error = json.loads(body)["error"]
    assert (status, error["type"], error["code"]) == (404, "invalid_request_error", None)
    assert "'resp_1'" in error["message"]


@pytest.mark.parametrize(
    "dialect, expected",
    [
        (A, {"type": "not_found_error"}),
        (C, {"type": "invalid_request_error", "code": "model_not_found", "param": "model"}),
    ],
)
def test_an_unknown_model_is_not_found(dialect: Protocol, expected: Any) -> None:
    status, body = encode_refusal(dialect, unknown(Side("model", dialect, "gpt-x")))
    error = json.loads(body)["error"]
    assert status == 404 and "gpt-x" in error["message"]
    assert expected.items() <= error.items()


def test_a_deleted_response_is_confirmed() -> None:
    assert deleted("resp_1") == {"id": "resp_1", "object": "response", "deleted": True}
