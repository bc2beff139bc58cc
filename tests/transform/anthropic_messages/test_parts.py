"""Content blocks of requests, one by one, both ways."""

from base64 import b64encode
from typing import Any

import pytest

from bridge.transform.anthropic_messages.parts import (
    decode_citation,
    decode_parts,
    encode_input,
    encode_parts,
)
from bridge.transform.context import Context, context
from bridge.transform.envelope import seal
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
    PartsSource,
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

A = "anthropic_messages"


def from_chat() -> Context:
    return context("openai_chat", A)


def own() -> Context:
    return context(A, A)


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def native(block: dict[str, Any]) -> Native:
    return Native(A, (block,))


THINKING = {"type": "thinking", "thinking": "hm", "signature": "sig"}
OMITTED = {"type": "thinking", "thinking": "", "signature": "sig"}
REDACTED = {"type": "redacted_thinking", "data": "abc"}
CITATION = {"type": "char_location", "cited_text": "x", "document_index": 0}
WEB = {
    "type": "web_search_result_location",
    "url": "https://a",
    "title": "A",
    "cited_text": "x",
    "encrypted_index": "e",
}
SEARCH = {
    "type": "search_result",
    "source": "https://a",
    "title": "A",
    "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
}
TO_CITE = {
    **SEARCH,
    "citations": {"enabled": True},
    "cache_control": {"type": "ephemeral", "ttl": "1h"},
}
PROGRAM = {"caller": {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}}
MARKED_STATE = {"type": "browser_state", "cache_control": {"type": "ephemeral"}}
SEARCHED = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}

# What both directions agree on: place, block, part.
PAIRS: list[Any] = [
    pytest.param("user", {"type": "text", "text": "Hi"}, TextPart("Hi"), id="text"),
    pytest.param(
        "user",
        {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}},
        TextPart("Hi", cache=CacheMark()),
        id="text with a cache breakpoint",
    ),
    pytest.param(
        "user",
        {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        TextPart("Hi", cache=CacheMark("1h")),
        id="text with a cache breakpoint for an hour",
    ),
    pytest.param(
        "assistant",
        {"type": "text", "text": "Hi", "citations": [CITATION, WEB]},
        TextPart(
            "Hi",
            (
                Citation(None, None, "x", native=native(CITATION)),
                Citation("https://a", "A", "x", native=native(WEB)),
            ),
        ),
        id="text with citations",
    ),
    pytest.param(
        "user",
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        ImagePart(Base64Source("image/png", "AA==")),
        id="an image",
    ),
    pytest.param(
        "user",
        {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
        ImagePart(UrlSource("https://a/b.png")),
        id="an image by URL",
    ),
    pytest.param(
        "user",
        {
            "type": "image",
            "source": {"type": "file", "file_id": "file_1"},
            "cache_control": {"type": "ephemeral"},
        },
        ImagePart(FileSource("file_1"), cache=CacheMark()),
        id="an image its vendor keeps",
    ),
    pytest.param(
        "user",
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="},
            "title": "T",
            "context": "C",
            "citations": {"enabled": True},
            "cache_control": {"type": "ephemeral"},
        },
        DocumentPart(Base64Source("application/pdf", "AA=="), "T", "C", True, CacheMark()),
        id="a PDF with everything",
    ),
    pytest.param(
        "user",
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}},
        DocumentPart(TextSource("x")),
        id="a text document",
    ),
    pytest.param(
        "user",
        {"type": "document", "source": {"type": "url", "url": "https://a/b.pdf"}},
        DocumentPart(UrlSource("https://a/b.pdf")),
        id="a PDF by URL",
    ),
    pytest.param(
        "user",
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        DocumentPart(FileSource("file_1")),
        id="a document its vendor keeps",
    ),
    pytest.param(
        "user",
        {
            "type": "document",
            "source": {"type": "content", "content": [{"type": "text", "text": "x"}]},
        },
        DocumentPart(PartsSource((TextPart("x"),))),
        id="a document of blocks",
    ),
    pytest.param("assistant", THINKING, ReasoningPart("hm", native(THINKING)), id="thinking"),
    pytest.param(
        "assistant", OMITTED, ReasoningPart("", native(OMITTED)), id="thinking that is not shown"
    ),
    pytest.param(
        "assistant", REDACTED, ReasoningPart("", native(REDACTED)), id="redacted thinking"
    ),
    pytest.param(
        "assistant",
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"b": [1], "a": None}},
        ToolCallPart("t1", "f", '{"b":[1],"a":null}'),
        id="a call, its keys in order",
    ),
    pytest.param(
        "assistant",
        {"type": "tool_use", "id": "t1", "name": "f", "input": {}, **PROGRAM},
        ToolCallPart("t1", "f", "{}", native=native(PROGRAM)),
        id="a call made by code",
    ),
    pytest.param(
        "assistant",
        {"type": "tool_use", "id": "t1", "name": "click", "input": {}, "toolset_name": "computer"},
        ToolCallPart("t1", "click", "{}", namespace="computer"),
        id="a call of a toolset",
    ),
    pytest.param(
        "user",
        {"type": "tool_result", "tool_use_id": "t1"},
        ToolResultPart("t1", ()),
        id="an empty result",
    ),
    pytest.param(
        "user",
        {"type": "tool_result", "tool_use_id": "t1", "toolset_name": "computer"},
        ToolResultPart("t1", (), namespace="computer"),
        id="a result of a toolset's member",
    ),
    pytest.param(
        "user",
        {
            "type": "tool_result",
            "tool_use_id": "t1",
            "content": [
                {"type": "text", "text": "x"},
                {"type": "image", "source": {"type": "url", "url": "https://a"}},
            ],
            "is_error": True,
            "cache_control": {"type": "ephemeral"},
        },
        ToolResultPart(
            "t1",
            (TextPart("x"), ImagePart(UrlSource("https://a"))),
            is_error=True,
            cache=CacheMark(),
        ),
        id="a failed result with an image (trap 21)",
    ),
    pytest.param(
        "assistant",
        SEARCHED,
        NativePart(native(SEARCHED), "server_tool_dropped"),
        id="a server tool",
    ),
    pytest.param(
        "assistant",
        {**SEARCHED, "id": "srvtoolu_brg1_1"},
        NativePart(native({**SEARCHED, "id": "srvtoolu_brg1_1"}), "hint_dropped"),
        id="a server tool's block that showed what another vendor's tool did",
    ),
    pytest.param(
        "user",
        SEARCH,
        NativePart(native(SEARCH), "hint_dropped", "A (https://a)\none\ntwo"),
        id="a search result",
    ),
    pytest.param(
        "tool_result",
        TO_CITE,
        NativePart(
            native(TO_CITE),
            "citations_dropped",
            "A (https://a)\none\ntwo",
            cache=CacheMark("1h"),
        ),
        id="one that is to be cited, with a breakpoint",
    ),
    pytest.param(
        "user",
        {**SEARCH, "citations": {"enabled": False}},
        NativePart(
            native({**SEARCH, "citations": {"enabled": False}}),
            "hint_dropped",
            "A (https://a)\none\ntwo",
        ),
        id="one that is not",
    ),
    pytest.param(
        "user",
        {"type": "container_upload", "file_id": "f"},
        NativePart(native({"type": "container_upload", "file_id": "f"}), "foreign_file_id"),
        id="an upload",
    ),
    pytest.param(
        "tool_result",
        {"type": "tool_reference", "tool_name": "f"},
        NativePart(
            native({"type": "tool_reference", "tool_name": "f"}),
            "tool_part_flattened",
            "[tool: f]",
        ),
        id="a tool reference",
    ),
    pytest.param(
        "tool_result",
        {"type": "browser_state", "tabs": []},
        NativePart(
            native({"type": "browser_state", "tabs": []}),
            "tool_part_flattened",
            '[browser state: {"type":"browser_state","tabs":[]}]',
        ),
        id="the state of a browser",
    ),
    pytest.param(
        "assistant",
        {"type": "compaction", "content": "so far"},
        NativePart(native({"type": "compaction", "content": "so far"}), "hint_dropped", "so far"),
        id="a compaction",
    ),
    pytest.param(
        "system",
        {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "f"}},
        NativePart(
            native({"type": "tool_addition", "tool": {"type": "tool_reference", "name": "f"}}),
            "item_dropped",
        ),
        id="a tool added",
    ),
    pytest.param(
        "user", {"type": "x"}, NativePart(native({"type": "x"}), "part_unsupported"), id="unknown"
    ),
    pytest.param(
        "assistant",
        {"type": "x"},
        NativePart(native({"type": "x"}), "item_dropped"),
        id="unknown, of an assistant",
    ),
]


@pytest.mark.parametrize("place, block, part", PAIRS)
def test_a_block_and_its_part(place: str, block: Any, part: Part) -> None:
    ctx = own()
    assert decode_parts([block], place, "c", ctx) == [part]
    assert encode_parts([part], ctx) == [block]
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


def test_a_citation_of_an_answer_belongs_to_its_upstream() -> None:
    assert decode_citation(WEB, "up", "m") == Citation(
        "https://a", "A", "x", native=Native(A, (WEB,), "up", "m")
    )
