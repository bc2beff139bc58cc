"""The official SDKs: their types as judges of what we write, their clients as its readers.

`request_faults` and `answer_faults` are stricter than the SDKs are: no key they do not know, no
number in a string, and lists are read to their ends. The clients read canned bytes, so what they
make of them is what a program gets.
"""

from functools import cache
from typing import Any

import anthropic
import httpx2
import openai
from anthropic.types import Message
from anthropic.types.beta.message_create_params import MessageCreateParamsBase
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from pydantic import TypeAdapter
from pydantic_core import SchemaValidator, ValidationError

from bridge.transform.model import Protocol

REQUESTS: dict[Protocol, Any] = {
    "anthropic_messages": MessageCreateParamsBase,  # the one with betas: agents use them
    "openai_chat": CompletionCreateParamsBase,
}
ANSWERS: dict[Protocol, Any] = {
    "anthropic_messages": Message,
    "openai_chat": ChatCompletion,
}
# Keys that the types lack: of one version of the API only, or many servers' own.
UNTYPED: dict[Protocol, frozenset[str]] = {
    "anthropic_messages": frozenset({"temperature", "top_p", "top_k", "stream"}),
    "openai_chat": frozenset({"stream", "reasoning_content", "reasoning_details"}),
}

# --- judges


def request_faults(protocol: Protocol, body: Any) -> set[str]:
    """What the SDK's types have against a request: the place and the kind of each fault."""
    return _faults(REQUESTS[protocol], _without(UNTYPED[protocol], body))


def answer_faults(protocol: Protocol, body: Any) -> set[str]:
    """The same for a whole answer."""
    return _faults(ANSWERS[protocol], _without(UNTYPED[protocol], body))


def _faults(kind: Any, body: Any) -> set[str]:
    try:
        _validator(kind).validate_python(body, strict=True)
    except ValidationError as error:
        return {f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors()}
    return set()


def _without(keys: frozenset[str], value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without(keys, v) for k, v in value.items() if k not in keys}
    return [_without(keys, v) for v in value] if isinstance(value, list) else value


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


def joined(protocol: Protocol, stream: bytes) -> dict[str, Any]:
    """The answer that the SDK's stream helper makes of a stream, as JSON; raises as it does."""
    server = _serving(stream, "text/event-stream")
    if protocol == "anthropic_messages":
        with server.anthropic.messages.stream(model="m", max_tokens=1, messages=HI) as messages:
            return messages.get_final_message().to_dict(mode="json")
    with server.openai.chat.completions.stream(model="m", messages=HI) as completions:
        for _ in completions:
            pass
        return completions.current_completion_snapshot.to_dict(mode="json")


def read(protocol: Protocol, body: bytes) -> Any:
    """A whole answer as the object that a program gets."""
    server = _serving(body, "application/json")
    if protocol == "anthropic_messages":
        return server.anthropic.messages.create(model="m", max_tokens=1, messages=HI)
    return server.openai.chat.completions.create(model="m", messages=HI)


def raised(protocol: Protocol, status: int, body: bytes, **headers: str) -> Exception:
    """What a program has to catch for an error answer."""
    _serving(body, "application/json", status, **headers)
    try:
        read_again(protocol)
    except (anthropic.APIError, openai.APIError) as error:
        return error
    raise AssertionError(f"{status} raised nothing")
