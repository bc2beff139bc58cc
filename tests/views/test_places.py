"""Bodies taken apart by what their fields mean."""

from typing import Any

import pytest
from hypothesis import given

from bridge.views.places import body_of
from tests.views.odd import VALUES


def fields(body: Any) -> dict[str, tuple[str, Any]]:
    return {name: tuple(place) for name, place in body_of(body).fields.items()}


def blocks(body: Any) -> list[tuple[str, str, str]]:
    return [(block.role, block.kind, block.path) for block in body_of(body).blocks]


# --- parameters


@pytest.mark.parametrize(
    "body, name, place",
    [
        pytest.param({"max_tokens": 1}, "max_tokens", ("max_tokens", 1), id="by its own name"),
        pytest.param(
            {"max_output_tokens": 1}, "max_tokens", ("max_output_tokens", 1), id="by the other's"
        ),
        pytest.param(
            {"output_config": {"effort": "low"}},
            "effort",
            ("output_config.effort", "low"),
            id="from within an object",
        ),
        pytest.param(
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"a": {}}}}},
            "format.schema",
            ("response_format.json_schema.schema", {"a": {}}),
            id="a schema is one value",
        ),
        pytest.param(
            {"a": {"b": {"c": {"d": 1}}}},
            "a.b.c",
            ("a.b.c", {"d": 1}),
            id="what is deep down is one value",
        ),
        pytest.param({"new": {"x": 1}}, "new.x", ("new.x", 1), id="what nobody knows"),
        pytest.param({"new": {}}, "new", ("new", {}), id="an empty object"),
        pytest.param(
            {"user": "u", "safety_identifier": "s"},
            "user safety_identifier",
            ("safety_identifier", "s"),
            id="two of one name",
        ),
        pytest.param(
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            "tool_choice.name",
            ("tool_choice.function.name", "f"),
            id="a choice of Chat",
        ),
        pytest.param(
            {"usage": {"prompt_tokens_details": {"cached_tokens": 4}}},
            "usage.cached_tokens",
            ("usage.prompt_tokens_details.cached_tokens", 4),
            id="a count",
        ),
        pytest.param(
            {"choices": [{"finish_reason": "stop"}]},
            "finish_reason",
            ("choices[0].finish_reason", "stop"),
            id="of the first choice",
        ),
        pytest.param(
            {"choices": [{}, {"finish_reason": "stop"}]},
            "choices[1].finish_reason",
            ("choices[1].finish_reason", "stop"),
            id="of another choice",
        ),
        pytest.param(
            {"choices": [{"message": {"content": "x"}, "delta": {"content": "y"}}]},
            "delta",
            ("choices[0].delta", {"content": "y"}),
            id="a delta beside a message",
        ),
        pytest.param("text", "", ("", "text"), id="a body that is no object"),
        pytest.param({"messages": 3}, "messages", ("messages", 3), id="turns that are none"),
        pytest.param({"tools": 3}, "tools", ("tools", 3), id="tools that are none"),
        pytest.param({"choices": [3]}, "", None, id="a choice that is none"),
        pytest.param({"choices": 3}, "choices", ("choices", 3), id="choices that are none"),
        pytest.param({"type": "message"}, "type", None, id="what a body is, is no field"),
        pytest.param(None, "", None, id="no body"),
    ],
)
def test_a_parameter_has_one_name_in_all_protocols(body: Any, name: str, place: Any) -> None:
    assert fields(body).get(name) == place


# --- turns


@pytest.mark.parametrize(
    "body, found",
    [
        pytest.param(
            {"messages": [{"role": "user", "content": "hi"}], "system": "be"},
            [("system", "text", "system"), ("user", "text", "messages[0].content")],
            id="the system stands first",
        ),
        pytest.param(
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "t"}]},
                    {"role": "user", "content": [{"type": "tool_result"}, {"type": "image"}]},
                ]
            },
            [
                ("assistant", "call", "messages[0].content[0]"),
                ("tool", "result", "messages[1].content[0]"),
                ("user", "image", "messages[1].content[1]"),
            ],
            id="Messages",
        ),
        pytest.param(
            {
                "messages": [
                    {
                        "role": "assistant",
                        "content": None,
                        "reasoning": "hm",
                        "tool_calls": [{"id": "t", "type": "function"}],
                    },
                    {"role": "tool", "tool_call_id": "t", "content": "yes"},
                    {"role": "developer", "name": "n"},
                ]
            },
            [
                ("assistant", "reasoning", "messages[0].reasoning"),
                ("assistant", "call", "messages[0].tool_calls[0]"),
                ("tool", "result", "messages[1]"),
                ("developer", "message", "messages[2]"),
            ],
            id="Chat",
        ),
        pytest.param(
            {
                "instructions": "be",
                "input": [
                    {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                    {"type": "reasoning", "summary": []},
                    {"type": "function_call", "call_id": "t"},
                    {"type": "function_call_output", "call_id": "t", "output": "yes"},
                    {"type": "web_search_call"},
                    "odd",
                    None,
                ],
            },
            [
                ("system", "text", "instructions"),
                ("user", "text", "input[0].content[0]"),
                ("assistant", "reasoning", "input[1]"),
                ("assistant", "call", "input[2]"),
                ("tool", "result", "input[3]"),
                ("user", "web_search_call", "input[4]"),
                ("user", "text", "input[5]"),
            ],
            id="Responses",
        ),
        pytest.param({"input": "hi"}, [("user", "text", "input")], id="Responses: a text"),
        pytest.param(
            {"content": [{"type": "text", "text": "a"}], "role": "assistant"},
            [("assistant", "text", "content[0]")],
            id="an answer of Messages",
        ),
        pytest.param(
            {"choices": [{"message": {"role": "assistant", "content": "a"}}]},
            [("assistant", "text", "choices[0].message.content")],
            id="an answer of Chat",
        ),
        pytest.param(
            {"choices": [{"delta": {"content": "a"}}, "odd"]},
            [
                ("assistant", "text", "choices[0].delta.content"),
                ("assistant", "text", "choices[1]"),
            ],
            id="an odd answer of Chat",
        ),
        pytest.param(
            {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]},
            [("assistant", "refusal", "output[0].content[0]")],
            id="an answer of Responses",
        ),
    ],
)
def test_turns_are_blocks_with_a_role(body: Any, found: list[tuple[str, str, str]]) -> None:
    assert blocks(body) == found


def test_chat_has_reasoning_beside_what_is_said() -> None:
    details = [{"type": "reasoning.text"}]
    message = {"role": "assistant", "reasoning_content": "hm", "reasoning_details": details}
    (block,) = body_of({"messages": [message]}).blocks
    assert block.value == {"reasoning_content": "hm", "reasoning_details": details}
    assert block.fields["text"].value == "hm"
    assert block.fields["state"] == ("messages[0].reasoning_details", details)


def test_what_a_message_has_besides_goes_with_its_first_block() -> None:
    message = {"role": "user", "content": ["a", "b"], "name": "n"}
    first, second = body_of({"messages": [message]}).blocks
    assert first.fields["message.name"] == ("messages[0].name", "n")
    assert list(second.fields) == ["text"]


def test_a_call_in_chat_may_be_anything() -> None:
    (block,) = body_of({"messages": [{"role": "assistant", "tool_calls": "odd"}]}).blocks
    assert (block.kind, block.fields["text"].value) == ("call", "odd")


@given(VALUES)
def test_every_value_can_be_taken_apart(value: Any) -> None:
    body = body_of(value)
    assert all(name or place.path == "" for name, place in body.fields.items())
    assert all(block.path for block in [*body.blocks, *body.tools])
