"""Content parts and call items: what clients send."""

from typing import Any

import pytest

from bridge.transform.context import Context, context
from bridge.transform.model import Native, NativePart, Part, Protocol, ToolCallPart
from bridge.transform.notes import TransformError
from bridge.transform.openai_responses.parts import decode_call_item, decode_parts, items, type_of
from tests.transform.openai_responses.cases import CALLS, CONTENT, file, image, text

A: Protocol = "anthropic_messages"
R: Protocol = "openai_responses"


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


# --- items


@pytest.mark.parametrize(
    "body, found",
    [
        pytest.param({}, [], id="none"),
        pytest.param({"input": None}, [], id="null"),
        pytest.param(
            {"input": "hi"},
            [("input", {"type": "message", "role": "user", "content": "hi"})],
            id="a string is what a user says",
        ),
        pytest.param({"input": [{"type": "x"}]}, [("input[0]", {"type": "x"})], id="a list"),
    ],
)
def test_items_and_their_places(body: dict[str, Any], found: list[Any]) -> None:
    assert list(items(body)) == found


@pytest.mark.parametrize(
    "item, kind",
    [
        pytest.param({"type": "reasoning", "role": "user"}, "reasoning", id="as it says"),
        pytest.param({"role": "user"}, "message", id="a message need not say so"),
        pytest.param({"id": "rs_1", "type": None}, "item_reference", id="nor a reference"),
    ],
)
def test_the_type_of_an_item(item: dict[str, Any], kind: str) -> None:
    assert type_of(item, "input[0]") == kind


@pytest.mark.parametrize("item", [{}, {"id": "x", "text": "y"}, {"content": "hi"}])
def test_an_item_has_to_say_what_it_is(item: dict[str, Any]) -> None:
    with pytest.raises(TransformError) as raised:
        type_of(item, "input[0]")
    assert raised.value.where == "input[0].type"


# --- content


@pytest.mark.parametrize("content, parts", CONTENT)
def test_content_is_read(content: Any, parts: list[Part]) -> None:
    ctx = context(R, R)
    assert decode_parts(content, "user", "c", ctx) == parts
    assert codes(ctx) == []


@pytest.mark.parametrize(
    "place, code",
    [
        pytest.param("user", "part_unsupported", id="what a user says cannot be left out"),
        pytest.param("output", "part_unsupported", id="nor what a tool gave"),
        pytest.param("assistant", "item_dropped", id="what a model says can"),
        pytest.param("system", "item_dropped", id="and what an agent says"),
    ],
)
def test_parts_nobody_knows(place: str, code: str) -> None:
    odd = {"type": "input_video", "video": "x"}
    [part] = decode_parts([odd], place, "c", context(R, R))
    assert part == NativePart(Native(R, (odd,)), code)
    assert part.where == "c[0]"


@pytest.mark.parametrize(
    "part, noted",
    [
        pytest.param(text("a", odd=1), [("field_dropped", "c[0].odd")], id="a text"),
        pytest.param(
            image(image_url="https://a.example", odd=1), [("field_dropped", "c[0].odd")], id="image"
        ),
        pytest.param(
            {"type": "refusal", "refusal": "no", "odd": 1},
            [("field_dropped", "c[0].odd")],
            id="a refusal",
        ),
        pytest.param(
            {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}, "odd": 1},
            [("field_dropped", "c[0].odd")],
            id="audio",
        ),
        pytest.param(
            file(file_id="file-1", detail="high", odd=1),
            [("hint_dropped", "c[0].detail"), ("field_dropped", "c[0].odd")],
            id="a file",
        ),
        pytest.param(file(file_id="file-1", detail="auto", odd=None), [], id="what says nothing"),
        pytest.param(
            {"type": "output_text", "text": "a", "annotations": [{}], "logprobs": [{}]},
            [("hint_dropped", "c[0].annotations"), ("hint_dropped", "c[0].logprobs")],
            id="what stands beside an answer",
        ),
        pytest.param(
            {"type": "output_text", "text": "a", "annotations": [], "logprobs": []},
            [],
            id="and is empty mostly",
        ),
    ],
)
def test_keys_that_no_part_has_are_noted(part: Any, noted: list[tuple[str, str]]) -> None:
    ctx = context(R, A)
    decode_parts([part], "user", "c", ctx)
    assert [(note.code, note.where) for note in ctx.notes] == noted


@pytest.mark.parametrize(
    "content, where, problem",
    [
        pytest.param(5, "c", "must be a list, not an integer", id="a number"),
        pytest.param(["a"], "c[0]", "must be an object, not a string", id="a string in a list"),
        pytest.param([{"text": "a"}], "c[0].type", "missing", id="no type"),
        pytest.param([{"type": "input_text"}], "c[0].text", "missing", id="no text"),
        pytest.param([{"type": "refusal"}], "c[0].refusal", "missing", id="no refusal"),
        pytest.param([image()], "c[0].image_url", "missing", id="no image"),
        pytest.param(
            [image(file_id=5)], "c[0].file_id", "must be a string, not an integer", id="an id"
        ),
        pytest.param([file(filename="a")], "c[0].file_url", "missing", id="no file"),
        pytest.param([{"type": "input_audio"}], "c[0].input_audio", "missing", id="no audio"),
        pytest.param(
            [{"type": "input_audio", "input_audio": {"data": ""}}],
            "c[0].input_audio.format",
            "missing",
            id="audio of no format",
        ),
        pytest.param(
            [text("a", prompt_cache_breakpoint=True)],
            "c[0].prompt_cache_breakpoint",
            "must be an object, not true or false",
            id="a breakpoint",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(content: Any, where: str, problem: str) -> None:
    with pytest.raises(TransformError) as raised:
        decode_parts(content, "user", "c", context(R, R))
    assert (raised.value.where, raised.value.problem) == (where, problem)


# --- calls


@pytest.mark.parametrize("item, call", CALLS)
def test_a_call_is_read(item: dict[str, Any], call: ToolCallPart) -> None:
    assert decode_call_item({**item, "id": "x_1", "status": "completed"}, "input[0]") == call


@pytest.mark.parametrize(
    "item, call",
    [
        pytest.param(
            {"type": "function_call", "name": "f"}, ToolCallPart("", "f", "{}"), id="nothing said"
        ),
        pytest.param(
            {"type": "custom_tool_call", "call_id": "1", "name": "c", "input": None},
            ToolCallPart("1", "c", "", "custom"),
            id="no input",
        ),
        pytest.param(
            {
                "type": "function_call",
                "call_id": "1",
                "name": "f",
                "arguments": '{"_raw":"x {"}',
                "namespace": "functions",
                "caller": {"type": "direct"},
            },
            ToolCallPart("1", "f", "x {"),
            id="what is so by default, and malformed arguments",
        ),
        pytest.param(
            {"type": "function_call", "call_id": "1", "name": "f", "namespace": "f"},
            ToolCallPart("1", "f", "{}"),
            id="a tool that was found by search",
        ),
    ],
)
def test_a_call_in_other_words(item: dict[str, Any], call: ToolCallPart) -> None:
    assert decode_call_item(item, "input[0]") == call


@pytest.mark.parametrize(
    "item",
    [
        pytest.param({"type": "web_search_call"}, id="a hosted tool"),
        pytest.param({"type": "tool_search_call", "execution": "server"}, id="a search at OpenAI"),
        pytest.param(
            {"type": "shell_call", "environment": {"type": "container_reference"}},
            id="a shell at OpenAI",
        ),
    ],
)
def test_what_openai_carries_out_is_no_call(item: dict[str, Any]) -> None:
    assert decode_call_item(item, "input[0]") is None


@pytest.mark.parametrize("kind", ["function_call", "custom_tool_call"])
def test_a_call_has_a_name(kind: str) -> None:
    with pytest.raises(TransformError) as raised:
        decode_call_item({"type": kind}, "input[0]")
    assert raised.value.where == "input[0].name"


def test_whose_call_it_is_is_told() -> None:
    item = {"type": "function_call", "name": "f", "caller": {"type": "program"}}
    call = decode_call_item(item, "", "up", "gpt-5.6")
    assert call and call.native == Native(R, ({"caller": {"type": "program"}},), "up", "gpt-5.6")
