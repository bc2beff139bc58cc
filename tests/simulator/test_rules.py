"""The simulator as a judge: what it refuses, in whose words, and that real requests pass."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.simulator.dialect import Rules
from bridge.simulator.respond import open_exchange, respond
from bridge.simulator.wire import HttpRequest

PNG = {"type": "base64", "media_type": "image/png", "data": "aGk="}
SCHEMA = {"type": "object", "properties": {}}
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "ok"}
MARK = {"type": "ephemeral"}


def ask(operation: str, body: Any, rules: Rules | None = None, **headers: str) -> tuple[int, Any]:
    given_headers = {
        "authorization": "Bearer k",
        "anthropic-version": "2023-06-01",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = HttpRequest(
        "POST", f"/v1/{operation}", "HTTP/1.1", tuple(given_headers.items()), data
    )
    reply = respond(open_exchange(request), rules or Rules(), [])
    return reply.status, reply.frames and reply.frames[0].data


def refusal(operation: str, body: Any, rules: Rules | None = None, **headers: str) -> Any:
    status, data = ask(operation, body, rules, **headers)
    return status, json.loads(data)["error"]


def user(content: Any) -> Any:
    return {"role": "user", "content": content}


def assistant(content: Any) -> Any:
    return {"role": "assistant", "content": content}


def a(*messages: Any, **more: Any) -> Any:
    return {"model": "m", "max_tokens": 100, "messages": list(messages or [user("hi")]), **more}


def a_tool(**more: Any) -> Any:
    return {"name": "f", "input_schema": SCHEMA, **more}


def adds(definition: Any) -> Any:
    tool = {"type": "tool_definition", "definition": definition}
    return {"type": "tool_addition", "tool": tool}


EFFORT = {"content": [], "output_config": {"effort": "low"}}
MESSAGES = [
    pytest.param(
        a(user("a"), assistant([USE]), user("no")),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1",
        id="an unanswered call",
    ),
    pytest.param(
        a(user("a"), assistant([USE])), "`tool_use` ids were found", id="a call at the very end"
    ),
    pytest.param(
        a(user("a"), assistant([USE]), user([{"type": "text", "text": "x"}, RESULT])),
        "`tool_use` ids were found without `tool_result` blocks immediately after",
        id="text before the result",
    ),
    pytest.param(
        a(user([RESULT])),
        "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1",
        id="an orphan result",
    ),
    pytest.param(
        a(user("a"), assistant([USE]), user([RESULT, RESULT])),
        "each tool_use must have a single result",
        id="two results for one call",
    ),
    pytest.param(
        a(user("a"), assistant([USE, USE]), user([RESULT])),
        "messages: `tool_use` ids must be unique",
        id="a call id used twice",
    ),
    pytest.param(
        a(user("a"), assistant([{**USE, "id": "a.b"}])),
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
        id="a call id with a dot",
    ),
    pytest.param(
        a(user("a"), assistant([{**USE, "input": "{}"}])),
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
        id="arguments as text",
    ),
    pytest.param(
        a(user([{"type": "text", "text": ""}])),
        "messages: text content blocks must be non-empty",
        id="an empty text block",
    ),
    pytest.param(a(user(" \n")), None, id="a blank string passes: only blocks are judged"),
    pytest.param(
        a(user([{"type": "text", "text": " "}])), "non-whitespace text", id="a blank text block"
    ),
    pytest.param(a(user("")), "must have non-empty content", id="an empty user message"),
    pytest.param(
        a(assistant("a"), user("b")), 'first message must use the "user" role', id="assistant first"
    ),
    pytest.param(a(messages=[]), "at least one message is required", id="no message"),
    pytest.param(
        {"model": "m", "messages": [user("a")]}, "max_tokens: Field required", id="no limit"
    ),
    pytest.param({"max_tokens": 1, "messages": []}, "model: Field required", id="no model"),
    pytest.param(
        a(user("a"), tool_choice="auto"), "tool_choice: Input should be an object", id="OpenAI's"
    ),
    pytest.param(
        a(max_completion_tokens=1),
        "max_completion_tokens: Extra inputs are not permitted",
        id="a foreign top-level key",
    ),
    pytest.param(
        a(context_management={}),
        "context_management: Extra inputs are not permitted",
        id="a beta key without its header",
    ),
    pytest.param(
        a(user([{"type": "text", "text": "x", "annotations": []}])),
        "messages.0.content.0.text.annotations: Extra inputs are not permitted",
        id="a foreign key in a block",
    ),
    pytest.param(
        a({"role": "user", "content": "x", "name": "bob"}),
        "messages.0.name: Extra inputs are not permitted",
        id="a foreign key in a message",
    ),
    pytest.param(
        a(metadata={"trace": "1"}), "metadata.trace: Extra inputs", id="metadata of OpenAI"
    ),
    pytest.param(
        a({"role": "tool", "content": "x"}),
        "messages.0.role: Input should be 'user', 'assistant', or 'system'",
        id="a foreign role",
    ),
    pytest.param(
        a(user([{"type": "image_url", "image_url": {"url": "x"}}])),
        "Input tag 'image_url' found using 'type' does not match any of the expected tags",
        id="a foreign block",
    ),
    pytest.param(
        a(user([{"type": "image", "source": {**PNG, "media_type": "image/bmp"}}])),
        "media_type: Input should be 'image/jpeg', 'image/png', 'image/gif', or 'image/webp'",
        id="an image type it cannot read",
    ),
    pytest.param(
        a(user([{"type": "image", "source": {**PNG, "data": "data:image/png;base64,aGk="}}])),
        "invalid base64 data",
        id="a data URL as base64",
    ),
    pytest.param(
        a(user([{"type": "image", "source": {"type": "url", "url": "data:image/png,x"}}])),
        "Only HTTPS URLs are supported",
        id="a data URL as URL",
    ),
    pytest.param(
        a(user("a"), assistant([{"type": "image", "source": PNG}])),
        "`image` blocks are not permitted in `assistant` messages",
        id="an image said by the assistant",
    ),
    pytest.param(
        a(system=[{"type": "text", "text": "s", "cache_control": MARK}] * 5),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
        id="five cache breakpoints",
    ),
    pytest.param(
        a(thinking={"type": "enabled", "budget_tokens": 1024}),
        "`max_tokens` must be greater than `thinking.budget_tokens`",
        id="a budget above the limit",
    ),
    pytest.param(
        a(max_tokens=4096, thinking={"type": "enabled", "budget_tokens": 100}),
        "budget_tokens: Input should be greater than or equal to 1024",
        id="a budget too small",
    ),
    pytest.param(
        a(
            max_tokens=4096,
            thinking={"type": "enabled", "budget_tokens": 2048},
            tools=[a_tool()],
            tool_choice={"type": "any"},
        ),
        "Thinking may not be enabled when tool_choice forces tool use.",
        id="thinking and a forced call",
    ),
    pytest.param(
        a(
            user("a"),
            assistant([USE]),
            user([RESULT]),
            max_tokens=4096,
            thinking={"type": "enabled", "budget_tokens": 2048},
        ),
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found",
        id="a tool loop that lost its thinking",
    ),
    pytest.param(
        a(user("a"), assistant([{"type": "thinking", "thinking": "x", "signature": "forged"}])),
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        id="a forged signature",
    ),
    pytest.param(
        a(user("a"), assistant([{"type": "redacted_thinking", "data": "forged"}])),
        "Invalid `data` in `redacted_thinking` block",
        id="forged redacted thinking",
    ),
    pytest.param(a(temperature=1.5), "temperature: range: 0..1", id="a temperature of OpenAI"),
    pytest.param(
        a(stop_sequences=[" "]), "must contain non-whitespace", id="a blank stop sequence"
    ),
    pytest.param(
        a(tools=[{"name": "f"}]), "tools.0.custom.input_schema: Field required", id="no schema"
    ),
    pytest.param(
        a(tools=[a_tool(input_schema={})]),
        "tools.0.custom.input_schema.type: Field required",
        id="a schema without type",
    ),
    pytest.param(
        a(tools=[a_tool(input_schema={"type": "object", "anyOf": [{}]})]),
        "does not support oneOf, allOf, or anyOf at the top level",
        id="a choice at the root of the schema",
    ),
    pytest.param(
        a(tools=[a_tool(name="a.b")]), "tools.0.custom.name: String should match", id="a tool name"
    ),
    pytest.param(
        a(tools=[a_tool(), a_tool()]), "Tool names must be unique", id="two tools of one name"
    ),
    pytest.param(
        a(tools=[{"type": "function", "function": {"name": "f"}}]), None, id="unknown tool types"
    ),
    pytest.param(
        a(tools=[a_tool(function={})]),
        "tools.0.custom.function: Extra inputs are not permitted",
        id="a foreign key in a tool",
    ),
    pytest.param(
        a(tool_choice={"type": "auto"}), "may only be specified while", id="a choice of nothing"
    ),
    pytest.param(
        a(tools=[a_tool()], tool_choice={"type": "tool", "name": "g"}),
        "Tool 'g' not found",
        id="a choice of an unknown tool",
    ),
    pytest.param(
        a(user("a"), {"role": "system", "content": "s"}, user("b")),
        "messages.1: `system` messages must",
        id="a system message between user turns",
    ),
    pytest.param(
        a(user("a"), {"role": "system", "content": "s"}, assistant("b"), user("c")),
        None,
        id="a system message in its place passes",
    ),
    pytest.param(
        a(user("a"), assistant("b"), {"role": "system", **EFFORT}, user("c")),
        None,
        id="one that only sets the effort passes anywhere",
    ),
    pytest.param(
        a(user("a"), {"role": "system", **EFFORT}, {"role": "system", "content": "s"}, user("b")),
        "messages.2: `system` messages must",
        id="and lets none pass beside it",
    ),
    pytest.param(
        a(
            user("a"),
            {"role": "system", "content": [adds({"name": "g", "input_schema": SCHEMA})]},
            tools=[a_tool()],
            tool_choice={"type": "tool", "name": "g"},
        ),
        None,
        id="a choice of a tool that was added",
    ),
    pytest.param(
        a(user("a"), {"role": "system", "content": [adds({"name": "g"})]}),
        "tool_addition.0.input_schema: Field required",
        id="half a tool is added",
    ),
    pytest.param(
        a(user("a"), {"role": "system", "content": [{"type": "tool_addition"}]}),
        None,
        id="a reference is nobody's definition",
    ),
    pytest.param(
        a(assistant([{"type": "compaction", "content": "so far"}]), user("a")),
        None,
        id="a summary first",
    ),
    pytest.param(
        a(user("a"), assistant([USE]), user([RESULT]), user("more")),
        None,
        id="neighbouring user turns are merged",
    ),
    pytest.param([], "must be a JSON object", id="no object"),
]


@pytest.mark.parametrize("body, words", MESSAGES)
def test_messages(body: Any, words: str | None) -> None:
    if words is None:
        assert ask("messages", body)[0] == 200
        return
    status, error = refusal("messages", body)
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert words in error["message"]


def call(id: Any = "c1", **function: Any) -> Any:
    return {"id": id, "type": "function", "function": {"name": "f", "arguments": "{}", **function}}


def calls(*each: Any) -> Any:
    return {"role": "assistant", "content": None, "tool_calls": list(each)}


def tool(id: str = "c1") -> Any:
    return {"role": "tool", "tool_call_id": id, "content": "ok"}


def c(*messages: Any, **more: Any) -> Any:
    return {"model": "m", "messages": list(messages or [user("hi")]), **more}


def c_tool(**function: Any) -> Any:
    return {"type": "function", "function": {"name": "f", "parameters": SCHEMA, **function}}


CHAT = [
    pytest.param(
        c(user("a"), calls(call()), user("b")),
        "did not have response messages: c1",
        "messages",
        id="an unanswered call",
    ),
    pytest.param(
        c(user("a"), calls(call(), call("c2")), tool()),
        "did not have response messages: c2",
        "messages",
        id="one of two calls answered",
    ),
    pytest.param(
        c(user("a"), calls(call()), user("b"), tool()),
        "must be followed by tool messages",
        "messages",
        id="a user turn before the tool message",
    ),
    pytest.param(
        c(user("a"), tool()),
        "must be a response to a preceeding message with 'tool_calls'",
        "messages.[1].role",
        id="an orphan tool message",
    ),
    pytest.param(
        c(user("a"), calls(call(arguments={})), tool()),
        "expected a string, but got an object instead",
        "messages[1].tool_calls[0].function.arguments",
        id="arguments as an object",
    ),
    pytest.param(
        c(user("a"), calls(call("x" * 65)), tool("x" * 65)),
        "Expected a string with maximum length 64, but got a string with length 65 instead.",
        "messages[1].tool_calls[0].id",
        id="a long call id",
    ),
    pytest.param(
        c(user("a"), calls(call(name="a.b")), tool()),
        "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'",
        "messages[1].tool_calls[0].function.name",
        id="an illegal name in a call",
    ),
    pytest.param(
        c(tools=[c_tool(name="x" * 65)]),
        "maximum length 64",
        "tools[0].function.name",
        id="a long tool name",
    ),
    pytest.param(
        c(tools=[c_tool(parameters={"type": "object"})]),
        "object schema missing properties",
        "tools[0].function.parameters",
        id="an object without properties",
    ),
    pytest.param(
        c(tools=[a_tool()]), "Missing required", "tools[0].function", id="a tool of Messages"
    ),
    pytest.param(c(tools=[]), "empty array", "tools", id="an empty list of tools"),
    pytest.param(
        c(tool_choice="auto"),
        "'tool_choice' is only allowed when 'tools' are specified",
        "tool_choice",
        id="a choice of nothing",
    ),
    pytest.param(
        c(tools=[c_tool()], tool_choice="any"),
        "Supported values are: 'none', 'auto', and 'required'.",
        "tool_choice",
        id="a choice of Messages",
    ),
    pytest.param(
        c(tools=[c_tool()], tool_choice={"type": "function", "function": {"name": "g"}}),
        "Tool choice 'g' not found in 'tools' parameter.",
        "tool_choice",
        id="a choice of an unknown tool",
    ),
    pytest.param(
        c(user([{"type": "image", "source": PNG}])),
        "Supported values are: 'text', 'image_url', 'input_audio', and 'file'.",
        "messages[0].content[0].type",
        id="a block of Messages",
    ),
    pytest.param(
        c(user("a"), calls(call()), {**tool(), "content": [{"type": "image_url"}]}),
        "Supported values are: 'text'.",
        "messages[2].content[0].type",
        id="an image in a tool message",
    ),
    pytest.param(
        c(user([{"type": "image_url", "image_url": {"url": "aGk="}}])),
        "Invalid image URL",
        "messages[0].content[0].image_url",
        id="base64 as a URL",
    ),
    pytest.param(
        c({"role": "model", "content": "x"}),
        "Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
        "messages[0].role",
        id="a foreign role",
    ),
    pytest.param(c(user(None)), "got null", "messages[0].content", id="a user without content"),
    pytest.param(c(temperature=3), "Expected a value <= 2", "temperature", id="too warm"),
    pytest.param(c(stop=list("abcde")), "array too long", "stop", id="five stop sequences"),
    pytest.param(
        c(max_tokens=1, max_completion_tokens=1), "same time", "max_tokens", id="two limits"
    ),
    pytest.param(
        c(stream_options={"include_usage": True}),
        "only allowed when 'stream' is enabled",
        "stream_options",
        id="stream options without a stream",
    ),
    pytest.param(c(messages=[]), "empty array", "messages", id="no message"),
    pytest.param({"model": "m"}, "Missing required parameter: 'messages'.", "messages", id="none"),
    pytest.param({"messages": []}, "you must provide a model parameter", None, id="no model"),
    pytest.param(c(top_k=5, provider={}), None, None, id="unknown top-level keys pass"),
    pytest.param(
        c(user("a"), calls(call(), call("c2")), tool("c2"), tool()), None, None, id="any order"
    ),
]


@pytest.mark.parametrize("body, words, param", CHAT)
def test_chat(body: Any, words: str | None, param: str | None) -> None:
    if words is None:
        assert ask("chat/completions", body)[0] == 200
        return
    status, error = refusal("chat/completions", body)
    assert (status, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert words in error["message"]


def r(*items: Any, **more: Any) -> Any:
    return {"model": "m", "input": list(items or [user("hi")]), **more}


FCALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "ok"}
RESPONSES = [
    pytest.param(
        r(user("a"), FCALL), "No tool output found for function call c1.", None, id="unanswered"
    ),
    pytest.param(
        r(user("a"), OUTPUT),
        "No tool call found for function call output with call_id c1.",
        None,
        id="an orphan output",
    ),
    pytest.param(
        r(user("a"), {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAAforged"}),
        "could not be verified",
        "invalid_encrypted_content",
        id="forged reasoning",
    ),
    pytest.param(
        r(user("a"), {"type": "reasoning", "id": "rs_1", "summary": []}, store=False),
        "Items are not persisted when `store` is set to false",
        None,
        id="reasoning that nobody stored",
    ),
    pytest.param(
        r({"type": "message", "id": "item_1", "role": "user", "content": "a"}),
        "Expected an ID that begins with 'msg'.",
        "invalid_value",
        id="an id without its prefix",
    ),
    pytest.param(
        r(user("a"), {**FCALL, "call_id": "x" * 65}),
        "maximum length 64",
        "string_above_max_length",
        id="a long call id",
    ),
    pytest.param(
        r(user([{"type": "text", "text": "x"}])),
        "Supported values are: 'input_text', 'input_image', and 'input_file'.",
        "invalid_value",
        id="a part of Chat Completions",
    ),
    pytest.param(
        r(user("a"), assistant([{"type": "input_text", "text": "x"}])),
        "Supported values are: 'output_text' and 'refusal'.",
        "invalid_value",
        id="input said by the assistant",
    ),
    pytest.param(
        r(user([{"type": "input_image", "image_url": "aGk="}])),
        "Expected a valid URL",
        "invalid_value",
        id="base64 as a URL",
    ),
    pytest.param(
        r({"type": "tool_result"}), "Supported values are", "invalid_value", id="a foreign item"
    ),
    pytest.param(
        r(messages=[]), "Unknown parameter: 'messages'.", "unknown_parameter", id="a foreign key"
    ),
    pytest.param(
        r(max_output_tokens=5),
        "Expected a value >= 16, but got 5 instead.",
        "integer_below_min_value",
        id="a limit too small",
    ),
    pytest.param(
        r(previous_response_id="resp_1"),
        "Previous response with id 'resp_1' not found.",
        "previous_response_not_found",
        id="nothing is stored",
    ),
    pytest.param(
        r(tools=[c_tool()]),
        "Missing required parameter: 'tools[0].name'.",
        "missing_required_parameter",
        id="a nested tool",
    ),
    pytest.param(
        r(
            tools=[{"type": "function", "name": "f", "parameters": SCHEMA}],
            tool_choice={"type": "function", "function": {"name": "f"}},
        ),
        "Unknown parameter: 'tool_choice.function'.",
        None,
        id="a nested tool choice",
    ),
    pytest.param({"input": "x"}, "'model'", "missing_required_parameter", id="no model"),
    pytest.param({"model": "m"}, "'input'", "missing_required_parameter", id="no input"),
    pytest.param(r(user("a"), FCALL, OUTPUT, user("b")), None, None, id="a call and its output"),
    pytest.param(r(client_metadata={"a": "b"}), None, None, id="what a coding agent adds"),
]


@pytest.mark.parametrize("body, words, code", RESPONSES)
def test_responses(body: Any, words: str | None, code: str | None) -> None:
    if words is None:
        assert ask("responses", body)[0] == 200
        return
    status, error = refusal("responses", body)
    assert (status, error["type"], error["code"]) == (
        404 if "persisted" in words else 400,
        "invalid_request_error",
        code,
    )
    assert words in error["message"]


def test_required_headers_of_messages() -> None:
    request = HttpRequest("POST", "/v1/messages", "HTTP/1.1", (), json.dumps(a()).encode())
    reply = respond(open_exchange(request), Rules(), [])
    assert (reply.status, b"x-api-key header is required" in reply.frames[0].data) == (401, True)
    request = HttpRequest(
        "POST", "/v1/messages", "HTTP/1.1", (("x-api-key", "k"),), json.dumps(a()).encode()
    )
    reply = respond(open_exchange(request), Rules(), [])
    assert (reply.status, b"anthropic-version: header is required" in reply.frames[0].data) == (
        400,
        True,
    )
    assert ask("messages", a(), anthropic_version="2020-01-01")[0] == 400


def test_the_new_version_of_messages_has_no_sampling() -> None:
    assert ask("messages", a(temperature=1))[0] == 200
    status, error = refusal("messages", a(temperature=1), anthropic_version="2026-10-21")
    assert (status, error["message"]) == (400, "temperature: Extra inputs are not permitted")


@pytest.mark.parametrize("operation, body", [("messages", a()), ("chat/completions", c())])
def test_a_wrong_key_is_401(operation: str, body: Any) -> None:
    rules = Rules(key="secret")
    assert refusal(operation, body, rules)[0] == 401
    assert ask(operation, body, rules, authorization="Bearer secret")[0] == 200
    both = {"authorization": "Bearer secret", "x_api_key": "wrong"}
    assert ask(operation, body, rules, **both)[0] == 401  # x-api-key wins


@pytest.mark.parametrize(
    "operation, body, status",
    [("messages", a(), 404), ("chat/completions", c(), 404), ("responses", r(), 400)],
)
def test_an_unknown_model_is_told_as_the_vendor_tells_it(
    operation: str, body: Any, status: int
) -> None:
    answered, error = refusal(operation, body, Rules(models=("other",)))
    assert answered == status and ("m" in error["message"])
    assert ask(operation, {**body, "model": "other"}, Rules(models=("other",)))[0] == 200


def test_counting_needs_no_limit_but_the_same_history() -> None:
    body = {"model": "m", "messages": [user("a")]}
    status, data = ask("messages/count_tokens", body)
    assert status == 200 and json.loads(data)["input_tokens"] > 0
    assert ask("messages/count_tokens", {"model": "m", "messages": [user([RESULT])]})[0] == 400


def thought(text: str, **more: Any) -> tuple[Any, Any]:
    """A request and the answer with thinking that it got."""
    request = a(user(text), **more)
    _, data = ask("messages", request)
    return request, json.loads(data)["content"]


def test_true_signatures_pass_and_changed_texts_do_not() -> None:
    request, content = thought("[[reason:so]] [[redacted]] [[text:x]]")
    assert [block["type"] for block in content] == ["thinking", "redacted_thinking", "text"]
    history = [*request["messages"], assistant(content), user("go on")]
    assert ask("messages", a(*history))[0] == 200
    content[0]["thinking"] = "other"
    assert refusal("messages", a(*history))[1]["message"] == (
        "messages.1.content.0: Invalid `signature` in `thinking` block"
    )
    assert ask("messages", a(*history), Rules(trust_opaque=True))[0] == 200


@pytest.mark.parametrize(
    "operation, key, more",
    [("messages", "messages", {"max_tokens": 100}), ("responses", "input", {"store": False})],
)
def test_state_is_of_the_account_that_made_it(operation: str, key: str, more: Any) -> None:
    own, other = Rules(account="own"), Rules(account="other")
    request = {"model": "m", key: [user("[[reason:so]] [[redacted]] [[text:x]]")], **more}
    answer = json.loads(ask(operation, request, own)[1])
    said = [assistant(answer["content"])] if operation == "messages" else answer["output"]
    later = {**request, key: [*request[key], *said, user("go on")]}
    assert [ask(operation, later, rules)[0] for rules in (own, other, None)] == [200, 400, 400]


CHANGES = [
    pytest.param({}, 200, id="unchanged"),
    pytest.param({"max_tokens": 50}, 200, id="another limit"),
    pytest.param(
        {"system": [{"type": "text", "text": "s", "cache_control": MARK}]}, 200, id="mark"
    ),
    pytest.param({"system": "other"}, 400, id="another system text"),
    pytest.param({"tools": [a_tool(description="new")]}, 400, id="an edited tool"),
]


@pytest.mark.parametrize("change, status", CHANGES)
def test_signatures_can_be_bound_to_their_history(change: Any, status: int) -> None:
    request, content = thought("[[reason]] [[text:x]]", system="s", tools=[a_tool()])
    history = [*request["messages"], assistant(content), user("go on")]
    later = {**request, "messages": history, **change}
    assert ask("messages", later, Rules(bind_thinking=True))[0] == status
    assert ask("messages", later)[0] == 200
    edited = [user("[[reason]] [[text:y]]"), assistant(content), user("go on")]
    moved = refusal("messages", {**request, "messages": edited}, Rules(bind_thinking=True))
    assert moved[0] == 400 and "bound to a different conversation" in moved[1]["message"]


def test_thinking_of_another_conversation_may_be_dropped() -> None:
    _, content = thought("[[reason]] [[text:x]]")
    history = [user("[[reason]] [[text:y]]"), assistant(content), user("go on")]
    drop = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
    bound, beta = Rules(bind_thinking=True), "thinking-binding-controls-2026-08-01"
    assert ask("messages", a(*history, thinking=drop), bound, anthropic_beta=beta)[0] == 200
    assert ask("messages", a(*history, thinking=drop), bound)[0] == 400
    assert ask("messages", a(*history), bound, anthropic_beta=beta)[0] == 400


OPERATIONS = ["messages", "messages/count_tokens", "chat/completions", "responses"]
BROKEN = [b"", b"{", b"\xff", b"NaN", b'{"model":NaN}', b"[" * 100_000, b"null", b"3", b'"x"']


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("body", BROKEN, ids=lambda body: repr(body[:12]))
def test_what_is_no_request_is_400_in_the_dialect(operation: str, body: bytes) -> None:
    status, error = refusal(operation, body)
    assert (status, error["type"]) == (400, "invalid_request_error") and error["message"]


SHAPES = [
    pytest.param("messages", a(thinking=5), "unexpected shape", id="thinking as a number"),
    pytest.param("responses", r(reasoning=[1]), "unexpected shape", id="reasoning as a list"),
    pytest.param("messages", a(system=5), "system: Input should be", id="system as a number"),
    pytest.param("chat/completions", c(5), "expected an object", id="a message as a number"),
]


@pytest.mark.parametrize("operation, body, words", SHAPES)
def test_odd_shapes_are_400(operation: str, body: Any, words: str) -> None:
    status, error = refusal(operation, body)
    assert status == 400 and words in error["message"]


def test_nesting_deeper_than_python_goes_is_400() -> None:
    deep = json.dumps(a(metadata={"user_id": "HERE"})).replace('"HERE"', "[" * 5000 + "]" * 5000)
    status, error = refusal("messages", deep.encode())
    assert status == 400 and error["message"]


ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["user"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "text", "name", "function", "id", "input"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
FIELDS = {
    "messages": "system tools tool_choice thinking output_config stop_sequences metadata stream",
    "messages/count_tokens": "system tools tool_choice thinking output_config",
    "chat/completions": "tools tool_choice response_format stop stream stream_options reasoning",
    "responses": "instructions tools tool_choice reasoning text stream include metadata",
}


@pytest.mark.parametrize("operation", OPERATIONS)
@given(data=st.data())
def test_odd_shapes_never_break_it(operation: str, data: st.DataObject) -> None:
    fields = st.dictionaries(st.sampled_from(FIELDS[operation].split()), ODD, max_size=2)
    said = data.draw(
        st.just([user("x")]) | st.lists(ODD, max_size=2) | ODD.map(lambda x: [user(x)])
    )
    key = "input" if operation == "responses" else "messages"
    limit = {} if operation != "messages" else {"max_tokens": 9}
    body = {"model": "m", key: said, **limit, **data.draw(fields)}
    assert ask(operation, body)[0] in (200, 400, 404)


# Requests that the vendors took, which are refused here for a reason.
DIFFERENT = (
    "Invalid `signature`",  # made by the vendor, not by the simulator
    "Invalid `data` in `redacted_thinking`",
    "could not be verified",
    "Previous response with id",  # nothing is stored here
    "Item with id",
    "Expected a value >= 16",  # recorded from another server under the vendor's name
    'first message must use the "user" role',  # no longer asked by the newest models
    "`tool_use` ids must be unique",  # one recording with repeated ids was taken
    "toolu_01UiyhG7tywQKaqdgxyqa8z9",  # edited by hand
)
VENDORS = [
    ("anthropic_messages", "anthropic"),
    ("openai_chat", "openai"),
    ("openai_responses", "openai"),
]


def recorded(shared: Path, protocol: str) -> Iterator[Any]:
    for form in ("json", "stream"):
        with gzip.open(shared / "corpus" / f"{protocol}.{form}.jsonl.gz", "rt") as lines:
            yield from map(json.loads, lines)


@pytest.mark.parametrize("protocol, provider", VENDORS)
def test_what_the_vendors_took_is_taken(shared: Path, protocol: str, provider: str) -> None:
    refused = []
    seen = 0
    for record in recorded(shared, protocol):
        body, endpoint = record["request"]["body"], record["endpoint"]
        known = endpoint in (*OPERATIONS, "responses/input_tokens") and record["method"] == "POST"
        if record["provider"] != provider or not known or not isinstance(body, dict):
            continue
        seen += 1
        # Some recorders kept no beta header, so it cannot be told which requests had none.
        status, data = ask(endpoint, body, anthropic_beta="any")
        message = "" if status == 200 else json.loads(data)["error"]["message"]
        if message and not any(words in message for words in DIFFERENT):
            refused.append((record["id"], message))
    assert seen > 700 and refused == []


def test_what_real_apps_sent_is_taken(shared: Path) -> None:
    refused = []
    for path in sorted((shared / "captures").glob("*/*.json")):
        capture = json.loads(path.read_text("utf-8"))
        if "websocket" in path.name:
            continue
        target = capture["path"].replace("/backend-api/codex/", "/v1/")
        headers = [
            (k, v) for k, v in dict(capture["headers"]).items() if k.lower() != "content-encoding"
        ]
        body = json.dumps(capture["body"]).encode()
        request = HttpRequest("POST", target, "HTTP/1.1", tuple(headers), body)
        reply = respond(open_exchange(request), Rules(trust_opaque=True), [])
        if reply.status != 200:
            refused.append((path.name, reply.frames[0].data))
    assert refused == []
