"""Blocks and tools: their fields by what they mean."""

from typing import Any

import pytest

from bridge.views.parts import Block, block_of
from bridge.views.places import body_of


def told(block: Block) -> dict[str, tuple[str, Any]]:
    """The fields of a block, by the end of their paths."""
    return {
        name: (place.path.removeprefix(block.path).lstrip("."), place.value)
        for name, place in block.fields.items()
    }


@pytest.mark.parametrize(
    "part, found",
    [
        pytest.param(
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            {"text": ("text", "a"), "cache": ("cache_control", {"type": "ephemeral"})},
            id="a text",
        ),
        pytest.param(
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            {"id": ("id", "t"), "name": ("name", "f"), "arguments": ("input", {"a": 1})},
            id="a call of Messages",
        ),
        pytest.param(
            {
                "type": "function_call",
                "call_id": "t",
                "id": "fc",
                "name": "f",
                "arguments": '{"a":1}',
            },
            {
                "id": ("call_id", "t"),
                "item_id": ("id", "fc"),
                "name": ("name", "f"),
                "arguments": ("arguments", {"a": 1}),
            },
            id="a call of Responses",
        ),
        pytest.param(
            {"type": "function_call", "arguments": '{"a":'},
            {"arguments": ("arguments", '{"a":')},
            id="half a call",
        ),
        pytest.param(
            {"type": "custom_tool_call", "input": "ls"},
            {"arguments": ("input", "ls")},
            id="a free text",
        ),
        pytest.param(
            {
                "type": "tool_result",
                "tool_use_id": "t",
                "content": [
                    {"type": "text", "text": "a", "citations": [1]},
                    {"type": "image", "source": {"type": "url", "url": "u"}},
                    {"type": "odd"},
                    "odd",
                ],
            },
            {
                "id": ("tool_use_id", "t"),
                "content.0": ("content[0].text", "a"),
                "content.0.citations": ("content[0].citations", [1]),
                "content.1.data": ("content[1].source.url", "u"),
                "content.2": ("content[2]", {"type": "odd"}),
                "content.3": ("content[3]", "odd"),
            },
            id="a result in parts",
        ),
        pytest.param(
            {"type": "function_call_output", "call_id": "t", "output": "a"},
            {"id": ("call_id", "t"), "content.0": ("output", "a")},
            id="a result that is a text",
        ),
        pytest.param(
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "iVB"},
            },
            {"data": ("source", "data:image/png;base64,iVB")},
            id="an image of Messages",
        ),
        pytest.param(
            {"type": "image_url", "image_url": {"url": "data:x", "detail": "low"}},
            {"data": ("image_url.url", "data:x"), "detail": ("image_url.detail", "low")},
            id="an image of Chat",
        ),
        pytest.param(
            {"type": "input_image", "image_url": "data:x"},
            {"data": ("image_url", "data:x")},
            id="an image of Responses",
        ),
        pytest.param(
            {
                "type": "document",
                "title": "t",
                "source": {"type": "text", "media_type": "text/plain", "data": "d"},
            },
            {
                "title": ("title", "t"),
                "data": ("source.data", "d"),
                "data.media_type": ("source.media_type", "text/plain"),
            },
            id="a document that is a text",
        ),
        pytest.param(
            {"type": "document", "source": {"type": "new", "x": 1}},
            {"data": ("source", {"type": "new", "x": 1})},
            id="a source nobody knows",
        ),
        pytest.param(
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"text": ("thinking", "hm"), "state": ("signature", "s")},
            id="reasoning of Messages",
        ),
        pytest.param(
            {
                "type": "reasoning",
                "summary": [{"text": "a"}, {"text": "b"}],
                "content": None,
                "encrypted_content": "s",
            },
            {
                "text": ("summary[0].text", "a"),
                "text.1": ("summary[1].text", "b"),
                "content": ("content", None),
                "state": ("encrypted_content", "s"),
            },
            id="reasoning of Responses",
        ),
        pytest.param(
            {"type": "reasoning", "content": [{"no": 1}]},
            {"text": ("content[0]", {"no": 1})},
            id="reasoning without a text",
        ),
    ],
)
def test_a_field_of_a_block_has_one_name_in_all_protocols(part: Any, found: Any) -> None:
    assert told(block_of(part, "at", "user")) == found


@pytest.mark.parametrize(
    "part, value",
    [
        pytest.param(
            {"type": "tool_result", "content": [{"type": "tool_result", "content": "a"}]},
            {"type": "tool_result", "content": "a"},
            id="a result in a result",
        ),
        pytest.param(
            {"type": "tool_result", "content": [{"type": "reasoning", "summary": []}]},
            {"type": "reasoning", "summary": []},
            id="reasoning in a result",
        ),
    ],
)
def test_what_could_hold_parts_is_one_value_inside_another(part: Any, value: Any) -> None:
    assert block_of(part, "at", "user").fields["content.0"] == ("at.content[0]", value)


def test_what_is_named_like_its_type_is_looked_into_once() -> None:
    part = {"type": "file", "file": {"type": "file", "file": {"x": 1}}}
    assert block_of(part, "at", "user").fields == {"file": ("at.file.file", {"x": 1})}


# --- tools


@pytest.mark.parametrize(
    "body, found",
    [
        pytest.param(
            {"tools": [{"name": "f", "input_schema": {}}]},
            [("", "tools[0]", {"name": "f", "parameters": {}})],
            id="Messages",
        ),
        pytest.param(
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
            [("", "tools[0]", {"name": "f", "parameters": {}})],
            id="Chat",
        ),
        pytest.param(
            {"functions": [{"name": "f"}]}, [("", "functions[0]", {"name": "f"})], id="old"
        ),
        pytest.param(
            {"tools": [{"type": "web_search", "filters": 1}]},
            [("", "tools[0]", {"filters": 1, "type": "web_search"})],
            id="the vendor's own",
        ),
        pytest.param(
            {"tools": [{"type": "namespace", "name": "n", "tools": [{"name": "f"}]}]},
            [
                ("", "tools[0]", {"name": "n", "type": "namespace"}),
                ("n__", "tools[0].tools[0]", {"name": "f"}),
            ],
            id="in a namespace",
        ),
        pytest.param(
            {"input": [{"type": "additional_tools", "tools": [{"name": "f"}]}]},
            [("", "input[0].tools[0]", {"name": "f"})],
            id="that come later",
        ),
        pytest.param({"input": [{"type": "additional_tools"}]}, [], id="none that come later"),
        pytest.param(
            {"input": [{"type": "additional_tools", "tools": 3}]}, [], id="what is no list of them"
        ),
        pytest.param({"tools": ["odd"]}, [("", "tools[0]", {"text": "odd"})], id="what is none"),
    ],
)
def test_tools_are_told_by_themselves(body: Any, found: Any) -> None:
    found_tools = body_of(body).tools
    fields = [{name: place.value for name, place in tool.fields.items()} for tool in found_tools]
    places = [(tool.role, tool.path) for tool in found_tools]
    assert [(*place, each) for place, each in zip(places, fields, strict=True)] == found


def test_what_is_no_list_of_tools_stays_where_it_is() -> None:
    (block,) = body_of({"input": [{"type": "additional_tools", "tools": 3}]}).blocks
    assert block.fields["tools"] == ("input[0].tools", 3)
