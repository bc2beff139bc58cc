"""What becomes of each part in a request: its content blocks."""

from base64 import b64encode
from typing import Any

import pytest

from bridge.transform.anthropic_messages.content import encode_input, encode_parts
from bridge.transform.context import Context, context
from bridge.transform.model import (
    AudioPart,
    Base64Source,
    CacheMark,
    Citation,
    DocumentPart,
    FileSource,
    ImagePart,
    Native,
    NativePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    TextSource,
    ToolCallPart,
    ToolResultPart,
    UrlSource,
)
from bridge.transform.notes import TransformError
from bridge.transform.profile import Profile
from tests.transform.anthropic_messages.cases import PAIRS, PROGRAM, THINKING, native

A = "anthropic_messages"


def from_chat() -> Context:
    return context("openai_chat", A)


def own() -> Context:
    return context(A, A)


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


@pytest.mark.parametrize("place, block, part", PAIRS)
def test_a_part_is_written_as_its_block(place: str, block: Any, part: Part) -> None:
    ctx = own()
    assert encode_parts([part], ctx) == [block]
    assert codes(ctx) == []


def base64(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "part, blocks, noted",
    [
        pytest.param(TextPart(""), [], ["hint_dropped"], id="no text (trap 32)"),
        pytest.param(TextPart(" \n", cache=CacheMark()), [], ["hint_dropped"], id="white space"),
        pytest.param(
            TextPart("Hi", (Citation("https://a"),)),
            [{"type": "text", "text": "Hi"}],
            ["hint_dropped"],
            id="another vendor's citation",
        ),
        pytest.param(
            TextPart("Hi", cache=CacheMark("30m")),
            [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
            [],
            id="another vendor's cache breakpoint",
        ),
        pytest.param(RefusalPart("No."), [{"type": "text", "text": "No."}], [], id="a refusal"),
        pytest.param(RefusalPart(""), [], ["hint_dropped"], id="an empty refusal"),
        pytest.param(
            ImagePart(UrlSource("u"), "high"),
            [{"type": "image", "source": {"type": "url", "url": "u"}}],
            ["hint_dropped"],
            id="the detail of an image",
        ),
        pytest.param(
            ImagePart(Base64Source("IMAGE/JPG", "x")),
            [
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/jpeg", "data": "x"},
                }
            ],
            [],
            id="a media type as people write it",
        ),
        pytest.param(
            DocumentPart(Base64Source("text/csv; charset=utf-8", base64("ä,b")), title="t.csv"),
            [
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "ä,b"},
                    "title": "t.csv",
                }
            ],
            [],
            id="a text file is written out",
        ),
        pytest.param(ReasoningPart("hm"), [], ["opaque_foreign"], id="reasoning nobody signed"),
        pytest.param(
            ReasoningPart("hm", Native("openai_chat", ({},))),
            [],
            ["opaque_foreign"],
            id="another vendor's reasoning",
        ),
        pytest.param(
            ReasoningPart("hm", Native(A, (THINKING,), "another")),
            [],
            ["opaque_foreign"],
            id="another upstream's thinking (trap 36)",
        ),
        pytest.param(
            ToolCallPart(
                "t",
                "shell",
                "{}",
                native=Native("openai_responses", ({"type": "shell_call", "async": True},)),
            ),
            [{"type": "tool_use", "id": "t", "name": "shell", "input": {}}],
            ["hint_dropped"],
            id="keys of another vendor's call, whose type is that of its tool",
        ),
        pytest.param(
            ToolCallPart("t", "f", "null", native=Native(A, (PROGRAM,), "another")),
            [{"type": "tool_use", "id": "t", "name": "f", "input": {}}],
            ["hint_dropped"],
            id="a call made by another upstream's code",
        ),
        pytest.param(
            ToolCallPart("t", "f", "rm -r"),
            [{"type": "tool_use", "id": "t", "name": "f", "input": {"_raw": "rm -r"}}],
            ["invalid_arguments"],
            id="arguments that are no JSON",
        ),
        pytest.param(
            ToolResultPart("t", (TextPart(""),)),
            [{"type": "tool_result", "tool_use_id": "t"}],
            ["hint_dropped"],
            id="a result of nothing (trap 22)",
        ),
        pytest.param(
            NativePart(Native("openai_responses", ({},)), "hosted_output_dropped"),
            [],
            ["hosted_output_dropped"],
            id="another vendor's block",
        ),
        pytest.param(
            NativePart(Native("openai_responses", ({},)), "tool_part_flattened", "x"),
            [{"type": "text", "text": "x"}],
            ["tool_part_flattened"],
            id="another vendor's block with a text",
        ),
    ],
)
def test_parts_of_other_clients(part: Part, blocks: list[Any], noted: list[str]) -> None:
    ctx = from_chat()
    assert encode_parts([part], ctx) == blocks
    assert codes(ctx) == noted


def test_cache_breakpoints_stay_away_from_upstreams_without_a_cache() -> None:
    ctx = context(A, A, Profile(cache_breakpoints=False))
    assert encode_parts([TextPart("Hi", cache=CacheMark())], ctx) == [
        {"type": "text", "text": "Hi"}
    ]
    assert codes(ctx) == ["hint_dropped"]


@pytest.mark.parametrize(
    "part, code",
    [
        pytest.param(AudioPart("", "wav"), "audio_unsupported", id="audio"),
        pytest.param(
            ImagePart(Base64Source("image/bmp", "")), "image_type_unsupported", id="a bitmap"
        ),
        pytest.param(ImagePart(TextSource("")), "part_unsupported", id="an image of text"),
        pytest.param(ImagePart(FileSource("f")), "foreign_file_id", id="another vendor's image"),
        pytest.param(DocumentPart(FileSource("f")), "foreign_file_id", id="another vendor's file"),
        pytest.param(
            DocumentPart(Base64Source("application/zip", "")), "file_type_unsupported", id="zip"
        ),
        pytest.param(
            DocumentPart(Base64Source("text/plain", "?")), "file_type_unsupported", id="no base64"
        ),
        pytest.param(
            DocumentPart(Base64Source("text/plain", "/w==")), "file_type_unsupported", id="no text"
        ),
        pytest.param(
            NativePart(Native("openai_chat", ({},)), "part_unsupported"),
            "part_unsupported",
            id="a video",
        ),
    ],
)
def test_content_that_has_no_block_is_refused(part: Part, code: str) -> None:
    with pytest.raises(TransformError) as refused:
        encode_parts([part], from_chat())
    assert refused.value.code == code


@pytest.mark.parametrize(
    "arguments, given",
    [
        pytest.param("", {}, id="nothing"),
        pytest.param(" null ", {}, id="null"),
        pytest.param('{"a": 1}', {"a": 1}, id="an object"),
        pytest.param("[1]", {"_raw": "[1]"}, id="a list"),
        pytest.param('{"a": ', {"_raw": '{"a": '}, id="half an object"),
    ],
)
def test_arguments_become_an_object(arguments: str, given: Any) -> None:
    assert encode_input(arguments, "", own()) == given


def test_what_is_encoded_is_no_part_of_the_request() -> None:
    block = {"type": "server_tool_use"}
    encoded = encode_parts([NativePart(native(block), "server_tool_dropped")], own())
    encoded[0]["cache_control"] = {}
    assert block == {"type": "server_tool_use"}
