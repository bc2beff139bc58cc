"""The official SDKs: their types as judges of what we write, their clients as its readers.

`request_faults` and `answer_faults` are stricter than the SDKs are: no key they do not know, no
number in a string, and lists are read to their ends. The clients read canned bytes, so what they
make of them is what a program gets.
"""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import anthropic
import httpx2
import openai
from anthropic.types import Message
from anthropic.types.beta.message_create_params import MessageCreateParamsBase
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from openai.types.responses import Response
from openai.types.responses.response_create_params import ResponseCreateParamsBase
from pydantic import TypeAdapter
from pydantic_core import SchemaValidator, ValidationError

from bridge.transform.model import Protocol

REQUEST_TYPES: dict[Protocol, Any] = {
    "anthropic_messages": MessageCreateParamsBase,  # the one with betas: agents use them
    "openai_chat": CompletionCreateParamsBase,
    "openai_responses": ResponseCreateParamsBase,
}
ANSWER_TYPES: dict[Protocol, Any] = {
    "anthropic_messages": Message,
    "openai_chat": ChatCompletion,
    "openai_responses": Response,
}
# Keys that the types lack: of one version of the API only, or many servers' own.
UNTYPED: dict[Protocol, frozenset[str]] = {
    "anthropic_messages": frozenset({"temperature", "top_p", "top_k", "stream"}),
    "openai_chat": frozenset(
        {"stream", "reasoning_content", "reasoning_details", "include_reasoning"}
    ),
    "openai_responses": frozenset({"stream", "store"}),
}
PROTOCOLS = tuple(REQUEST_TYPES)

# --- judges


def request_faults(protocol: Protocol, body: Any) -> set[str]:
    """What the SDK's types have against a request: the place and the kind of each fault."""
    judge = _validator(REQUEST_TYPES[protocol])
    return _faults(judge.validate_python, _named(_without(UNTYPED[protocol], body)))


def answer_faults(protocol: Protocol, body: Any) -> set[str]:
    """The same for a whole answer, which is made of models, not of dictionaries."""
    judge = _validator(ANSWER_TYPES[protocol])
    return _faults(judge.validate_json, json.dumps(_without(UNTYPED[protocol], body)))


def _faults(judge: Callable[..., Any], body: Any) -> set[str]:
    try:
        judge(body, strict=True)
    except ValidationError as error:
        return {f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors()}
    return set()


def _without(keys: frozenset[str], value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("type") == "custom_tool_call":  # on the wire it has one
            keys = keys | {"status"}
        return {k: _without(keys, v) for k, v in value.items() if k not in keys}
    return [_without(keys, v) for v in value] if isinstance(value, list) else value


def _named(value: Any) -> Any:
    """Messages of Responses with the id and the status that they may come back without."""
    if isinstance(value, list):
        return [_named(v) for v in value]
    if not isinstance(value, dict):
        return value
    value = {k: _named(v) for k, v in value.items()}
    is_answer = value.get("type") == "message" and isinstance(value.get("content"), list)
    if not is_answer or value.get("role") != "assistant":
        return value
    return {"id": "msg_1", "status": "completed", **value}


@cache
def _validator(kind: Any) -> SchemaValidator:
    adapter = TypeAdapter(kind)
    adapter.rebuild(force=True)  # the SDKs put it off
    return SchemaValidator(_closed(adapter.core_schema))


def _closed(schema: Any) -> Any:
    """`schema` that allows no unknown keys and leaves no list unread."""
    if isinstance(schema, list | tuple):
        return type(schema)(map(_closed, schema))
    if not isinstance(schema, dict):
        return schema
    schema = {key: _closed(value) for key, value in schema.items()}
    kind, is_open = schema.get("type"), "extras_schema" in schema
    if kind == "typed-dict" and not is_open:
        return {**schema, "extra_behavior": "forbid"}
    if kind == "model" and "extras_schema" not in schema["schema"]:
        return {**schema, "config": {**schema["config"], "extra_fields_behavior": "forbid"}}
    return {**schema, "type": "list"} if kind == "generator" else schema


# --- readers

HI: Any = [{"role": "user", "content": "hi"}]


class _Server:
    """Answers every call with the same bytes."""

    def __init__(self) -> None:
        self.answer = httpx2.Response(200)
        transport = httpx2.MockTransport(lambda _: self.answer)
        http = httpx2.Client(transport=transport)
        self.anthropic = anthropic.Anthropic(
            api_key="k", base_url="http://up.invalid", max_retries=0, http_client=http
        )
        self.openai = openai.OpenAI(
            api_key="k", base_url="http://up.invalid/v1", max_retries=0, http_client=http
        )

    def serve(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.answer = httpx2.Response(status, content=content, headers=headers)


@cache
def _server() -> _Server:
    return _Server()


def _serving(content: bytes, kind: str, status: int = 200, **headers: str) -> _Server:
    server = _server()
    server.serve(status, content, {"content-type": kind, **headers})
    return server


def joined(protocol: Protocol, stream: bytes, *, beta: bool = False) -> dict[str, Any]:
    """The answer that the SDK's stream helper makes of a stream; raises what that raises."""
    server = _serving(stream, "text/event-stream")
    if protocol == "anthropic_messages":
        api: Any = server.anthropic.beta.messages if beta else server.anthropic.messages
        with api.stream(model="m", max_tokens=1, messages=HI) as messages:
            message: dict[str, Any] = messages.get_final_message().to_dict(mode="json")
            return message
    if protocol == "openai_responses":
        return _joined_response(server.openai)
    with server.openai.chat.completions.stream(model="m", messages=HI) as completions:
        for _ in completions:
            pass
        return completions.current_completion_snapshot.to_dict(mode="json")


def _joined_response(client: openai.OpenAI) -> dict[str, Any]:
    """The helper has a final answer only where it is complete; else the last event tells it."""
    with client.responses.stream(model="m", input="hi") as events:
        last: Any = [*events][-1]
        found: dict[str, Any] = last.response.to_dict(mode="json")
        return found


def read(protocol: Protocol, body: bytes) -> Any:
    """A whole answer as the object that a program gets."""
    return _create(protocol, _serving(body, "application/json"))


def raised(protocol: Protocol, status: int, body: bytes, **headers: str) -> Any:
    """The exception that a program has to catch for an error answer."""
    server = _serving(body, "application/json", status, **headers)
    try:
        _create(protocol, server)
    except (anthropic.APIError, openai.APIError) as error:
        return error
    raise AssertionError(f"nothing was raised for {status}")


def raised_in(protocol: Protocol, stream: bytes) -> Any:
    """And the one for an error inside a stream."""
    try:
        joined(protocol, stream)
    except (anthropic.APIError, openai.APIError) as error:
        return error
    raise AssertionError("nothing was raised")


_CLASSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
}
_ANTHROPICS = {
    402: "PaymentRequiredError",
    408: "RequestTimeoutError",
    413: "ContentTooLargeError",
    502: "InternalServerError",
    503: "ServiceUnavailableError",
    504: "GatewayTimeoutError",
    529: "OverloadedError",
}


def class_for(protocol: Protocol, status: int) -> str:
    """The name of the exception that stands for an HTTP status."""
    if protocol == "anthropic_messages" and status in _ANTHROPICS:
        return _ANTHROPICS[status]
    return _CLASSES[500] if status > 500 else _CLASSES.get(status, "APIStatusError")


def _create(protocol: Protocol, server: _Server) -> Any:
    if protocol == "anthropic_messages":
        return server.anthropic.messages.create(model="m", max_tokens=1, messages=HI)
    if protocol == "openai_responses":
        return server.openai.responses.create(model="m", input="hi")
    return server.openai.chat.completions.create(model="m", messages=HI)
