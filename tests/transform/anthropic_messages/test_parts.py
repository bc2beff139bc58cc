"""What the content blocks of requests are, one by one."""

from typing import Any

import pytest

from bridge.transform.anthropic_messages.parts import decode_citation, decode_parts
from bridge.transform.context import Context, context
from bridge.transform.envelope import seal
from bridge.transform.model import (
    CacheMark,
    Citation,
    DocumentPart,
    ImagePart,
    Native,
    NativePart,
    Part,
    PartsSource,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    UrlSource,
)
from bridge.transform.notes import TransformError
from tests.transform.anthropic_messages.cases import PAIRS, WEB, native

A = "anthropic_messages"


def own() -> Context:
    return context(A, A)


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


MARKED_STATE = {"type": "browser_state", "cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize("place, block, part", PAIRS)
def test_a_block_is_read_as_its_part(place: str, block: Any, part: Part) -> None:
    ctx = own()
    assert decode_parts([block], place, "c", ctx) == [part]
    assert codes(ctx) == []


@pytest.mark.parametrize(
    "place, block, part, noted",
    [
        pytest.param("user", "Hi", TextPart("Hi"), [], id="a string"),
        pytest.param(
            "user",
            [{"type": "text", "text": "Hi", "citations": None, "cache_control": None}],
            TextPart("Hi"),
            [],
            id="null is absent",
        ),
        pytest.param(
            "user",
            [{"type": "text", "text": "Hi", "id": "x"}],
            TextPart("Hi"),
            ["field_dropped"],
            id="an unknown key",
        ),
        pytest.param(
            "user",
            [{"type": "text", "text": "Hi", "cache_control": {"scope": "global"}}],
            TextPart("Hi", cache=CacheMark()),
            ["hint_dropped"],
            id="the scope of a cache breakpoint",
        ),
        pytest.param(
            "user",
            [
                {
                    "type": "image",
                    "source": {"type": "url", "url": "u"},
                    "transformations": {"oversized_image": "error"},
                }
            ],
            ImagePart(UrlSource("u")),
            ["hint_dropped"],
            id="what to do with a large image",
        ),
        pytest.param(
            "user",
            [
                {
                    "type": "document",
                    "source": {"type": "content", "content": "x"},
                    "citations": {"enabled": False},
                }
            ],
            DocumentPart(PartsSource((TextPart("x"),))),
            [],
            id="a document of a string",
        ),
        pytest.param(
            "assistant",
            [{"type": "thinking", "thinking": "hm", "signature": ""}],
            ReasoningPart("hm"),
            [],
            id="thinking nobody signed",
        ),
        pytest.param(
            "assistant",
            [{"type": "thinking", "thinking": "hm"}],
            ReasoningPart("hm"),
            [],
            id="thinking without signature",
        ),
        pytest.param(
            "assistant",
            [{"type": "thinking", "thinking": "hm", "signature": "brg1.forged.mac"}],
            ReasoningPart("hm"),
            ["opaque_invalid"],
            id="a forged envelope",
        ),
        pytest.param(
            "assistant",
            [{"type": "tool_use", "id": "t", "name": "f", "caller": {"type": "direct"}}],
            ToolCallPart("t", "f", "{}"),
            [],
            id="a direct call without input",
        ),
        pytest.param(
            "assistant",
            [{"type": "tool_use", "id": "t", "name": "f", "input": {"_raw": "ls -l"}}],
            ToolCallPart("t", "f", "ls -l"),
            [],
            id="arguments that were no object",
        ),
        pytest.param(
            "user",
            [{"type": "tool_result", "tool_use_id": "t", "content": "x", "is_error": False}],
            ToolResultPart("t", (TextPart("x"),)),
            [],
            id="a result as a string",
        ),
        pytest.param(
            "user",
            [{"type": "search_result", "content": "?"}],
            NativePart(native({"type": "search_result", "content": "?"}), "hint_dropped", " ()"),
            [],
            id="a search result that says nothing",
        ),
        pytest.param(
            "tool_result",
            [MARKED_STATE],
            NativePart(
                native(MARKED_STATE),
                "tool_part_flattened",
                '[browser state: {"type":"browser_state"}]',
                cache=CacheMark(),
            ),
            [],
            id="a breakpoint is no part of what a browser shows",
        ),
    ],
)
def test_blocks_in_other_words(place: str, block: Any, part: Part, noted: list[str]) -> None:
    ctx = own()
    assert decode_parts(block, place, "c", ctx) == [part]
    assert codes(ctx) == noted


def test_an_envelope_is_opened() -> None:
    state = Native("openai_chat", ({"field": "reasoning_content", "text": "hm"},), "up", "m")
    sealed = seal(state, own().key)
    shown = {"type": "thinking", "thinking": "hm", "signature": sealed}
    hidden = {"type": "redacted_thinking", "data": sealed}
    assert decode_parts([shown, hidden], "assistant", "c", own()) == [
        ReasoningPart("hm", state),
        ReasoningPart("", state),
    ]


@pytest.mark.parametrize(
    "place, content, where, problem",
    [
        pytest.param("user", None, "c", "missing", id="no content"),
        pytest.param("user", 5, "c", "must be a list, not an integer", id="a number"),
        pytest.param("user", ["x"], "c[0]", "must be an object, not a string", id="a bare string"),
        pytest.param("user", [{}], "c[0].type", "missing", id="no type"),
        pytest.param("user", [{"type": []}], "c[0].type", "must be a string, not a list", id="[]"),
        pytest.param("user", [{"type": "text"}], "c[0].text", "missing", id="no text"),
        pytest.param("user", [{"type": "image"}], "c[0].source", "missing", id="no source"),
        pytest.param(
            "user",
            [{"type": "image", "source": {"type": "text", "data": "x"}}],
            "c[0].source.type",
            '"text" is not one of base64, url, file',
            id="text for an image",
        ),
        pytest.param(
            "user",
            [{"type": "document", "source": {"type": "x"}}],
            "c[0].source.type",
            '"x" is not one of base64, url, file, text, content',
            id="an unknown source",
        ),
        pytest.param(
            "user",
            [{"type": "image", "source": {"type": "url"}}],
            "c[0].source.url",
            "missing",
            id="no URL",
        ),
        pytest.param(
            "user",
            [{"type": "tool_use", "id": "t", "name": "f", "input": {}}],
            "c[0].type",
            '"tool_use" cannot stand in a user message',
            id="a call by the user",
        ),
        pytest.param(
            "assistant",
            [{"type": "tool_result", "tool_use_id": "t"}],
            "c[0].type",
            '"tool_result" cannot stand in an assistant message',
            id="a result by the assistant",
        ),
        pytest.param(
            "system",
            [{"type": "image", "source": {}}],
            "c[0].type",
            '"image" cannot stand in system text',
            id="an image in system text",
        ),
        pytest.param(
            "user",
            [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_result"}]}],
            "c[0].content[0].type",
            '"tool_result" cannot stand in a tool result',
            id="a result in a result",
        ),
        pytest.param(
            "user",
            [
                {
                    "type": "document",
                    "source": {"type": "content", "content": [{"type": "document"}]},
                }
            ],
            "c[0].source.content[0].type",
            '"document" cannot stand in a document',
            id="a document in a document",
        ),
        pytest.param(
            "assistant",
            [{"type": "tool_use", "id": "t", "name": "f", "input": "{}"}],
            "c[0].input",
            "must be an object, not a string",
            id="input as text",
        ),
        pytest.param(
            "assistant",
            [{"type": "text", "text": "x", "citations": ["y"]}],
            "c[0].citations[0]",
            "must be an object, not a string",
            id="a citation that is none",
        ),
        pytest.param(
            "user",
            [{"type": "text", "text": "x", "cache_control": True}],
            "c[0].cache_control",
            "must be an object, not true or false",
            id="a breakpoint that is none",
        ),
    ],
)
def test_a_malformed_block_is_refused_with_its_place(
    place: str, content: Any, where: str, problem: str
) -> None:
    with pytest.raises(TransformError) as refused:
        decode_parts(content, place, "c", own())
    assert (refused.value.where, refused.value.problem) == (where, problem)


def test_a_citation_of_an_answer_belongs_to_its_upstream() -> None:
    assert decode_citation(WEB, "up", "m") == Citation(
        "https://a", "A", "x", native=Native(A, (WEB,), "up", "m")
    )
