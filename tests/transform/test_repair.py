"""What refusals in vendors' words say about their servers, and what they never may.

The words are those of recorded refusals and of the vendors' own servers.
"""

from dataclasses import replace
from typing import Any

import pytest

from bridge.transform.answers import Error
from bridge.transform.errors import decode_error
from bridge.transform.model import Protocol
from bridge.transform.profile import ALL, NONE, Profile
from bridge.transform.refusals import MAX_SAID
from bridge.transform.repair import Repair, is_foreign_state, is_unbound, repair, room

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"

PLAIN = Profile()
BODIES: dict[Protocol, dict[str, Any]] = {
    C: {
        "model": "m",
        "messages": [
            {"role": "developer", "content": "a"},
            {"role": "user", "name": "joe", "content": [{"type": "text", "text": "hi"}]},
        ],
        "max_completion_tokens": 900,
        "temperature": 1,
        "top_p": 0.5,
        "stop": ["x"],
        "presence_penalty": 1,
        "reasoning_effort": "high",
        "store": False,
        "metadata": {"a": "b"},
        "stream_options": {"include_usage": True},
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "f",
                    "strict": True,
                    "parameters": {"properties": {"name": {}, "store": {}}, "strict": True},
                },
            }
        ],
        "tool_choice": "auto",
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
        "logprobs": True,
        "n": 2,
        "stream": True,
    },
    A: {
        "model": "m",
        "max_tokens": 9_000,
        "system": [
            {
                "type": "text",
                "text": "s",
                "cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "global"},
            }
        ],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "hi"},
                    {"type": "document", "source": {}, "title": "t", "context": "c"},
                ],
            }
        ],
        "mcp_servers": [{"type": "url", "name": "d", "url": "https://d"}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "thinking": {"type": "adaptive"},
        "temperature": 1,
        "top_p": 0.5,
        "output_config": {"effort": "xhigh", "format": {"type": "json_schema"}},
        "tools": [{"name": "f", "input_schema": {}, "strict": True}],
    },
    R: {
        "model": "m",
        "input": [{"role": "user", "content": "hi"}],
        "max_output_tokens": 900,
        "reasoning": {"effort": "minimal", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "previous_response_id": "resp_1",
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "tools": [{"type": "function", "name": "f", "strict": True}],
    },
}


def cure(
    protocol: Protocol,
    message: str,
    *,
    body: Any = None,
    profile: Profile = PLAIN,
    same: bool = False,
    **error: Any,
) -> Repair | None:
    status = error.pop("status", 400)
    told = decode_error(status, {"error": {"message": message, **error}})
    sent = BODIES[protocol] if body is None else body
    return repair(told, sent, profile, protocol, same=same)


def flags(found: Repair | None, profile: Profile = PLAIN) -> dict[str, Any]:
    """What is otherwise in its profile."""
    assert found is not None
    names = Profile.__dataclass_fields__
    now = {name: getattr(found.profile, name) for name in names}
    return {name: value for name, value in now.items() if value != getattr(profile, name)}


@pytest.mark.parametrize(
    "protocol, message, fields",
    [
        (C, "Unsupported parameter: 'stop' is not supported with this model.", "stop"),
        (C, "Unrecognized request argument supplied: store", "store"),
        (C, "Unrecognized request arguments supplied: store, metadata", "store metadata"),
        (C, "Unknown parameter: 'metadata'.", "metadata"),
        (R, "Unsupported parameter: max_output_tokens", "max_output_tokens"),
        (R, "Unknown parameter: 'reasoning.summary'.", "reasoning.summary"),
        (
            C,
            "Unsupported value: 'temperature' does not support 0.5 with this model. Only the "
            "default (1) value is supported.",
            "temperature",
        ),
        (C, "property 'logprobs' is unsupported", "logprobs top_logprobs"),
        (C, "Unsupported param: logprobs", "logprobs top_logprobs"),
        (C, "Logprobs are not enabled for this model", "logprobs top_logprobs"),
        (C, "Model incompatible request argument supplied: stop", "stop"),
        (
            C,
            "The following fields are currently not supported: presence_penalty, stop",
            "presence_penalty stop",
        ),
        (
            C,
            "'messages.1' : for 'role:user' the following must be satisfied[('messages.1' : "
            "property 'name' is unsupported)]",
            "messages.name",
        ),
        (C, "store: Extra inputs are not permitted", "store"),
        (C, "Extra inputs are not permitted, field: 'store', value: False", "store"),
        (
            C,
            "[{'type': 'extra_forbidden', 'loc': ('body', 'store'), 'msg': 'Extra inputs are not "
            "permitted', 'input': False}]",
            "store",
        ),
        (C, "[{'loc': ('body', 'store'), 'msg': 'extra fields not permitted'}]", "store"),
        (
            C,
            '{"detail":[{"type":"extra_forbidden","loc":["body","store"],"msg":"Extra inputs are '
            'not permitted"}]}',
            "store",
        ),
        (
            C,
            "1 validation error for ChatCompletionRequest\nstore\n  Extra inputs are not permitted "
            "[type=extra_forbidden, input_value=False]",
            "store",
        ),
        (C, "Argument not supported on this model: presencePenalty", "presence_penalty"),
        (R, "Model x does not support parameter reasoningEffort.", "reasoning.effort"),
        (
            C,
            "This model does not support `reasoning_effort` value `high` supplied by the user.",
            "reasoning_effort",
        ),
        (
            C,
            "Invalid JSON payload received. Unknown name \"strict\" at 'tools[0].function': Cannot "
            "find field.",
            "tools.function.strict",
        ),
        (C, "Model x does not support parameter reasoningEffort.", "reasoning_effort"),
        (C, 'Invalid JSON payload received. Unknown name "store": Cannot find field.', "store"),
        (C, 'json: unknown field "store"', "store"),
        (C, "unknown field `store`, expected one of `model`, `messages`", "store"),
        (C, "Thinking mode does not support this tool_choice", "tool_choice"),
        (C, "`logprobs` is not supported with this model", "logprobs top_logprobs"),
        (C, "extraneous key [store] is not permitted", "store"),
        (C, "unknown field `strict`", "tools.function.strict"),
        (A, "`temperature` and `top_p` cannot both be specified for this model.", "top_p"),
        (A, "tools.0.custom.strict: Extra inputs are not permitted", "tools.strict"),
        (A, "system.0.cache_control: Extra inputs are not permitted", "system.cache_control"),
        (A, "`temperature` is deprecated for this model.", "temperature"),
        (
            A,
            "system.0.cache_control.ephemeral.scope: Extra inputs are not permitted",
            "system.cache_control.scope",
        ),
        (
            A,
            "tool_choice.any.disable_parallel_tool_use: Extra inputs are not permitted",
            "tool_choice.disable_parallel_tool_use",
        ),
        (R, "Unknown parameter: 'text'.", "text.verbosity"),
        (A, "output_config.effort: Extra inputs are not permitted", "output_config.effort"),
    ],
)
@pytest.mark.parametrize("same", [False, True])
def test_a_field_that_is_not_taken_is_left_out(
    protocol: Protocol, message: str, fields: str, same: bool
) -> None:
    found = cure(protocol, message, same=same)
    assert flags(found) == {"refused_fields": tuple(fields.split())}
    assert found and found.detail == ", ".join(f"{field} is left out" for field in fields.split())


def test_a_list_of_complaints_is_read_to_its_end() -> None:
    complaints = [
        {"loc": ["body", name], "msg": "Extra inputs are not permitted"}
        for name in ("store", "metadata")
    ]
    error = decode_error(422, {"detail": complaints})
    found = repair(error, BODIES[C], PLAIN, C, same=False)
    assert flags(found) == {"refused_fields": ("store", "metadata")}


@pytest.mark.parametrize("piece", ["A", "a.", "'a' ", "'loc': ('body', ", "unknown parameter: a, "])
def test_a_refusal_that_repeats_a_long_input_is_read_in_time(piece: str) -> None:
    """Were the time the square of the length, the test would have none left."""
    said = f"store: Extra inputs are not permitted, input: '{piece * 500_000}'"
    found = cure(C, said)
    assert "store" in flags(found)["refused_fields"]


def test_what_stands_behind_a_long_input_is_not_read() -> None:
    beyond = f"{'x' * MAX_SAID} store: Extra inputs are not permitted"
    assert cure(C, beyond) is None
    assert flags(cure(C, beyond[100:])) == {"refused_fields": ("store",)}


def test_a_parameter_may_be_named_beside_the_message() -> None:
    message = "Web search options not supported with this model."
    body = {**BODIES[C], "web_search_options": {}}
    found = cure(C, message, body=body, param="web_search_options")
    assert flags(found) == {"refused_fields": ("web_search_options",)}


@pytest.mark.parametrize("code", ["unsupported_value", "unsupported_parameter"])
def test_a_parameter_may_be_told_by_a_code(code: str) -> None:
    message = "Your organization must be verified to generate reasoning summaries."
    found = cure(R, message, param="reasoning.summary", code=code)
    assert flags(found) == {"refused_fields": ("reasoning.summary",)}
    assert cure(R, message, param="reasoning.summary", code="invalid_value") is None


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize(
    "sent, wanted",
    [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")],
)
def test_a_limit_goes_by_its_other_name(sent: str, wanted: str, same: bool) -> None:
    message = f"Unsupported parameter: '{sent}' is not supported with this model. Use '{wanted}'."
    found = cure(C, message, body={"model": "m", "messages": [], sent: 5}, same=same)
    assert flags(found) == {"renamed_fields": ((sent, wanted),)}
    assert found and found.detail == f"{sent} is called {wanted}"


def test_a_limit_that_is_refused_by_both_names_is_left_out() -> None:
    renamed = Profile(renamed_fields=(("max_tokens", "max_completion_tokens"),))
    message = "Unknown parameter: 'max_completion_tokens'."
    found = cure(C, message, body={"max_completion_tokens": 5}, profile=renamed)
    assert flags(found, renamed) == {"refused_fields": ("max_completion_tokens",)}


@pytest.mark.parametrize(
    "protocol, message, name, limit",
    [
        (A, "max_tokens: 9000 > 4096, which is the maximum allowed number", "max_tokens", 4_096),
        (
            C,
            "max_tokens is too large: 900. This model supports at most 500 completion tokens, "
            "whereas you provided 900.",
            "max_completion_tokens",
            500,
        ),
        (
            C,
            "`max_completion_tokens` must be less than or equal to `800`, the maximum value",
            "max_completion_tokens",
            800,
        ),
        (
            C,
            "Invalid max_tokens value, the valid range of max_tokens is [1, 512]",
            "max_completion_tokens",
            512,
        ),
    ],
)
def test_a_limit_that_is_too_high_is_lowered(
    protocol: Protocol, message: str, name: str, limit: int
) -> None:
    found = cure(protocol, message)
    assert flags(found) == {"output_limits": (("m", limit),)}
    assert found and found.where == name and found.detail == f"no more than {limit}"


def test_there_is_no_limit_to_lower_where_none_was_sent() -> None:
    assert cure(C, "valid range of max_tokens is [1, 512]", body={"model": "m"}) is None


@pytest.mark.parametrize(
    "message, left",
    [
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 40000. This model's maximum "
            "context length is 32768 tokens and your request has 2768 input tokens "
            "(40000 > 32768 - 2768).",
            30_000,
        ),
        (
            "This model's maximum context length is 32768 tokens. However, you requested 40000 "
            "output tokens and your prompt contains at least 2768 input tokens, for a total of at "
            "least 42768 tokens. Please reduce the length of the input prompt or the number of "
            "requested output tokens.",
            30_000,
        ),
        (
            "This model's maximum context length is 4097 tokens. However, you requested 4203 tokens"
            " (703 in the messages, 3500 in the completion). Please reduce the length of the "
            "messages or completion.",
            3_394,
        ),
        (
            "Requested token count exceeds the model's maximum context length of 32768 tokens. You "
            "requested a total of 35505 tokens: 2737 tokens from the input messages and 32768 "
            "tokens for the completion.",
            30_031,
        ),
        (
            "This endpoint's maximum context length is 163840 tokens. However, you requested about "
            "170000 tokens (20000 of text input, 150000 in the output).",
            143_840,
        ),
        (
            "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease "
            "input length or `max_tokens` and try again",
            11_760,
        ),
    ],
)
@pytest.mark.parametrize("protocol", [A, C, R])
def test_what_the_input_leaves_of_a_context_may_be_written(
    protocol: Protocol, message: str, left: int
) -> None:
    error = decode_error(400, {"error": {"message": message}})
    assert room(error, BODIES[protocol]) == left
    assert cure(protocol, message) is None, "nothing to be remembered"


@pytest.mark.parametrize(
    "message",
    [
        # too little is left for an answer, or nothing
        "This model's maximum context length is 4097 tokens. However, you requested 4203 tokens "
        "(3703 in the messages, 500 in the completion).",
        "This model's maximum context length is 4097 tokens. However, your request has 9000 input "
        "tokens. Please reduce the length of the input messages.",
        "input length and `max_tokens` exceed context limit: 209000 + 21333 > 200000",
        "prompt is too long: 209000 tokens > 200000 maximum",
        "Unknown parameter: 'x' of the context limit: 1 + 1 > 200000",
    ],
)
def test_an_input_that_leaves_no_room_is_the_apps_to_shorten(message: str) -> None:
    assert room(decode_error(400, {"error": {"message": message}}), BODIES[A]) is None


@pytest.mark.parametrize("body", [{"model": "m"}, [], None])
def test_without_a_limit_there_is_none_to_lower(body: Any) -> None:
    message = "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000"
    assert room(decode_error(400, {"error": {"message": message}}), body) is None


LOW_TO_MAX = ("low", "medium", "max")


@pytest.mark.parametrize(
    "protocol, message, param, levels",
    [
        (
            A,
            "This model does not support effort level 'xhigh'. Supported levels: high, low, max.",
            None,
            ("low", "high", "max"),
        ),
        (
            R,
            "Unsupported value: 'minimal' is not supported with the 'm' model. Supported values "
            "are: 'none', 'low', and 'high'.",
            "reasoning.effort",
            ("none", "low", "high"),
        ),
        (
            C,
            "reasoning_effort: unknown variant `high`, expected `low` or `max`",
            None,
            ("low", "max"),
        ),
        (A, "output_config.effort: Input should be 'low', 'medium' or 'max'", None, LOW_TO_MAX),
        (C, "`reasoning_effort` must be one of `low`, `medium`, or `max`", None, LOW_TO_MAX),
        (
            C,
            'invalid reasoning value: \'high\' (must be "low", "medium" or "max")',
            None,
            LOW_TO_MAX,
        ),
    ],
)
def test_of_the_levels_a_refusal_lists_the_nearest_is_taken(
    protocol: Protocol, message: str, param: str | None, levels: tuple[str, ...]
) -> None:
    assert flags(cure(protocol, message, param=param)) == {"efforts": levels}


@pytest.mark.parametrize(
    "message",
    [
        "reasoning_effort must be one of `none` or `default`",
        "The reasoning of this model is as low or as high as it likes",
        "max_tokens must be low or medium, not high",
    ],
)
def test_what_lists_no_levels_is_no_refusal_of_one(message: str) -> None:
    assert cure(C, message, body={"model": "m", "reasoning_effort": "xhigh"}) is None


def test_an_app_of_the_protocol_goes_without_a_level_it_cannot_have() -> None:
    message = "This model does not support effort level 'xhigh'. Supported levels: high, low."
    assert flags(cure(A, message, same=True)) == {"refused_fields": ("output_config.effort",)}


DEVELOPER = {"developer_role": False, "renamed_roles": (("developer", "system"),)}
AS_USER = {"renamed_roles": (("developer", "user"), ("system", "user"))}
JOINED = {"late_system": False, "merge_roles": True}
BY_NO_NAME = {"named_choice": False}
FUNCTIONS = {"custom_tools": False}


@pytest.mark.parametrize(
    "protocol, message, changes",
    [
        (
            C,
            "Unsupported value: 'messages[0].role' does not support 'developer' with this model.",
            {"developer_role": False, "renamed_roles": (("developer", "system"),)},
        ),
        (
            C,
            "messages[0].role: unknown variant `developer`, expected one of `system`, `user`",
            {"developer_role": False, "renamed_roles": (("developer", "system"),)},
        ),
        (
            C,
            "'developer' is not one of ['system', 'assistant', 'user'] - 'messages.0.role'",
            {"developer_role": False, "renamed_roles": (("developer", "system"),)},
        ),
        (
            C,
            "System role not supported",
            {"renamed_roles": (("developer", "user"), ("system", "user"))},
        ),
        (
            C,
            "The `reasoning_content` in the thinking mode must be passed back to the API.",
            {"reasoning_required": True, "reasoning_field": "reasoning_content"},
        ),
        (C, "body.messages.1.role: Input should be 'system', 'user' or 'tool'", DEVELOPER),
        (C, "Invalid value: 'developer'. Supported values are: 'system', and 'user'.", DEVELOPER),
        (C, "Only user, assistant and tool roles are supported, got system", AS_USER),
        (C, "Jinja Exception: System message must be at the beginning.", JOINED),
        (C, "Conversation roles must alternate user/assistant/user/assistant/...", JOINED),
        (C, "Invalid tool_choice type: 'object'. Supported string values: auto", BY_NO_NAME),
        (C, "This response_format type is unavailable now", {"json_schema": False}),
        (C, "This model does not support response format `json_schema`.", {"json_schema": False}),
        (C, "response_format: Extra inputs are not permitted", {"json_schema": False}),
        (C, "Unrecognized request argument supplied: response_format", {"json_schema": False}),
        (
            C,
            "response_format: unknown variant `json_schema`, expected `text`",
            {"json_schema": False},
        ),
        (C, "Custom tools are not supported with this model", {"custom_tools": False}),
        (C, "'tools.1.type' : value is not one of the allowed values ['function']", FUNCTIONS),
        (C, "('body', 'tools', 1, 'type'), 'msg': \"Input should be 'function'\"", FUNCTIONS),
        (C, "Invalid value: 'custom'. Supported values are: 'function'.", FUNCTIONS),
        (R, "unsupported tool type: custom", FUNCTIONS),
        (R, "tool type 'custom' is not supported", FUNCTIONS),
        (C, 'think value "high" is not supported for this model', {"reasoning": ()}),
        (C, "messages[0]: invalid type: sequence, expected a string at 1", {"join_text": True}),
        (C, "tools[0].type: unknown variant `custom`, expected f", {"custom_tools": False}),
        (C, '"m" does not support thinking', {"reasoning": ()}),
        (A, "messages: roles must alternate between user and assistant", {"merge_roles": True}),
        (
            A,
            "adaptive thinking is not supported on this model",
            {"adaptive": ()},
        ),
        (
            A,
            '"thinking.type.enabled" is not supported for this model. Use adaptive.',
            {"manual_thinking": ()},
        ),
        (A, "This model does not support thinking", {"adaptive": (), "manual_thinking": ()}),
        (A, "output_config.format: Extra inputs are not permitted", {"output_format": ()}),
        (A, "structured outputs are not supported for this model", {"output_format": ()}),
        (A, "output_config: Extra inputs are not permitted", {"adaptive": (), "output_format": ()}),
        (
            A,
            "extraneous key [output_config] is not permitted",
            {"adaptive": (), "output_format": ()},
        ),
        (A, "thinking.type: Input should be 'enabled' or 'disabled'", {"adaptive": ()}),
        (A, "thinking.type: 'adaptive' is not one of enabled, disabled", {"adaptive": ()}),
        (A, "mcp_servers: Extra inputs are not permitted", {"mcp_beta": ""}),
    ],
)
def test_what_servers_say_of_other_things(
    protocol: Protocol, message: str, changes: dict[str, Any]
) -> None:
    assert flags(cure(protocol, message)) == changes


@pytest.mark.parametrize(
    "message",
    [
        "messages.1: role 'system' is not supported on this model",
        "messages.3.role: Input should be 'user' or 'assistant'",
        'messages: Unexpected role "system".',
    ],
)
def test_late_system_text_goes_where_there_is_a_place_for_it(message: str) -> None:
    takes = Profile(system_messages=ALL)
    assert flags(cure(A, message, profile=takes), takes) == {"system_messages": ()}


def test_a_form_that_is_not_taken_is_asked_for_in_the_next_looser_one() -> None:
    message = "'response_format.type' must be 'json_schema' or 'text'"
    body = {**BODIES[C], "response_format": {"type": "json_object"}}
    assert flags(cure(C, message, body=body)) == {"json_object": False}
    assert cure(C, message, body={**body, "response_format": {"type": "text"}}) is None
    assert cure(C, "response_format is not supported", body={"model": "m"}) is None
    words = "'messages' must contain the word 'json' to use 'response_format' of type 'json_object'"
    assert cure(C, words, body=body) is None


@pytest.mark.parametrize(
    "protocol, message",
    [
        (C, "response_format: Extra inputs are not permitted"),
        (C, "Invalid parameter: 'response_format' of type 'json_schema' is not supported"),
        (A, "output_config.format: Extra inputs are not permitted"),
        (A, "mcp_servers: Extra inputs are not permitted"),
        (R, "Unknown parameter: 'text.format'."),
    ],
)
def test_an_app_of_the_protocol_is_told_that_it_cannot_have_a_form_or_tools(
    protocol: Protocol, message: str
) -> None:
    assert cure(protocol, message, same=True) is None


def test_an_app_of_the_protocol_keeps_the_form_of_what_is_refused_as_a_whole() -> None:
    found = cure(A, "output_config: Extra inputs are not permitted", same=True)
    assert flags(found) == {"refused_fields": ("output_config.effort",)}
    form = {"model": "m", "output_config": {"format": {"type": "json_schema"}}}
    told = "output_config: Extra inputs are not permitted"
    assert cure(A, told, body=form, same=True) is None


@pytest.mark.parametrize("protocol, changes", [(C, JOINED), (A, {"system_messages": NONE})])
def test_a_template_that_does_not_take_a_request_is_no_fault_of_the_server(
    protocol: Protocol, changes: dict[str, Any]
) -> None:
    said = "While executing CallExpression in source: {{- raise_exception('System mess\n"
    message = f"{said} Error: Jinja Exception: System message must be at the beginning."
    takes = Profile(system_messages=ALL)
    found = cure(protocol, message, profile=takes, status=500, type="server_error", code=500)
    assert flags(found, takes) == changes
    assert cure(protocol, "System message must be at the beginning.", status=500) is None


def test_a_rule_of_another_protocol_says_nothing() -> None:
    assert cure(R, "roles must alternate") is None


@pytest.mark.parametrize(
    "protocol, message",
    [
        (C, "Unsupported parameter: 'messages' is not supported"),
        (C, "`model` is not supported"),
        (C, "Unknown parameter: 'n'."),
        (R, "Unknown parameter: 'previous_response_id'."),
        (C, "`stream` is not supported"),
        (C, "Unknown parameter: 'messages[0].content'."),
        (C, "property 'tools.0.function.name' is unsupported"),
        (C, "Unknown parameter: 'seed'."),
        (
            C,
            "Invalid schema for response_format 'n': In context=('properties', 'x'), 'minimum' is "
            "not permitted.",
        ),
        (C, "Unsupported JSON schema fields: {'minItems', 'items'}"),
        (
            C,
            "Unknown name \"name\" at 'tools[0].function.parameters.properties': No field.",
        ),
        (C, "Unknown name \"store\" at 'tools[0].function.parameters.properties': No such field."),
        (C, "Unknown name \"strict\" at 'tools[0].function.parameters': Cannot find field."),
        (A, "messages.0.content.1.document.context: Extra inputs are not permitted"),
        (A, "messages.0.content.1.document.title: Extra inputs are not permitted"),
        (A, "thinking.type: Input should be 'adaptive' or 'disabled'"),
        (A, "output_format.schema: For 'integer', 'minimum' is not supported"),
        (C, "unknown field `a.b`"),
        (C, "Unknown parameter: 'stop.x'."),
        (C, "Unknown parameter: ''."),
        (C, "image_url is not supported by this model"),
        (C, "Invalid 'temperature': decimal above maximum value. Expected a value <= 2"),
        (C, "Field 'temperature': type must be number, but is string"),
        (C, "Invalid value: 'x'. Supported values are: 'auto'"),
        (A, "max_tokens: Extra inputs are not permitted"),
        (A, "messages.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1"),
        (A, "This model does not support assistant message prefill."),
        (C, "You uploaded an unsupported image. Please make sure of the formats: ['png']."),
    ],
)
@pytest.mark.parametrize("same", [False, True])
def test_what_is_said_is_never_left_out_nor_an_apps_mistake_repaired(
    protocol: Protocol, message: str, same: bool
) -> None:
    assert cure(protocol, message, same=same) is None


@pytest.mark.parametrize(
    "error",
    [
        pytest.param({"status": 404}, id="another status"),
        pytest.param({"status": 500}, id="the server's fault"),
        pytest.param({"code": "insufficient_quota"}, id="another kind"),
    ],
)
def test_other_errors_are_no_refusals_of_a_field(error: dict[str, Any]) -> None:
    assert cure(C, "Unknown parameter: 'store'.", **error) is None


def test_what_is_no_object_has_nothing_to_leave_out() -> None:
    assert cure(C, "Unknown parameter: 'store'.", body=[]) is None


def test_nothing_is_tried_twice() -> None:
    found = cure(C, "Unknown parameter: 'store'.")
    assert found and cure(C, "Unknown parameter: 'store'.", profile=found.profile) is None
    lowered = replace(PLAIN, developer_role=False, renamed_roles=(("developer", "system"),))
    assert cure(C, "unknown variant `developer`", profile=lowered) is None


def test_an_app_of_the_protocol_is_not_asked_again_where_nothing_would_change() -> None:
    assert cure(C, '"m" does not support thinking', same=True) is None


@pytest.mark.parametrize(
    "message, code, foreign",
    [
        ("messages.1.content.0: Invalid `signature` in `thinking` block", None, True),
        ("Invalid `data` in `redacted_thinking` block", None, True),
        (
            "`thinking` or `redacted_thinking` blocks in the latest message cannot be modified",
            "",
            True,
        ),
        ("The encrypted content gAAA could not be verified.", None, True),
        ("bad", "invalid_encrypted_content", True),
        ("Item 'rs_1' of type 'reasoning' was provided without its required item", None, True),
        ("Item 'rs_1' not found.", None, True),
        ("Thought signature is not valid", None, True),
        ("Unknown parameter: 'store'.", None, False),
    ],
)
def test_state_that_an_upstream_does_not_take_back(
    message: str, code: str | None, foreign: bool
) -> None:
    for status in (400, 404):
        error = Error("invalid_request", message, status, code=code)
        assert is_foreign_state(error) is foreign
    assert not is_foreign_state(Error("server", message, 500, code=code))


def test_thinking_of_another_conversation() -> None:
    assert is_unbound(Error("invalid_request", "bound to a different conversation", 400))
    assert not is_unbound(Error("invalid_request", "Invalid signature", 400))


def test_what_stands_beside_objects_in_a_list_is_passed_over() -> None:
    body = {"model": "m", "input": ["hi", {"role": "user", "content": "x", "phase": "final"}]}
    found = cure(R, "Unknown parameter: 'input[1].phase'.", body=body)
    assert flags(found) == {"refused_fields": ("input.phase",)}


@pytest.mark.parametrize("code", ["tool_use_failed", "json_validate_failed"])
def test_what_a_model_wrote_is_no_refusal(code: str) -> None:
    wrote = "Unknown parameter: 'store'."
    error = {"message": "Failed to call a function.", "code": code, "failed_generation": wrote}
    assert repair(decode_error(400, {"error": error}), BODIES[C], PLAIN, C, same=False) is None
