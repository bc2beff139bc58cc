"""Content and the parts that it is, for the tests of both directions."""

from typing import Any

import pytest

from bridge.transform.model import (
    Base64Source,
    CacheMark,
    Citation,
    DocumentPart,
    FileSource,
    ImagePart,
    Native,
    NativePart,
    PartsSource,
    ReasoningPart,
    TextPart,
    TextSource,
    ToolCallPart,
    ToolResultPart,
    UrlSource,
)

A = "anthropic_messages"


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
