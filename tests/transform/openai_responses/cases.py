"""Content and the parts that it is, for the tests of both directions."""

from typing import Any

import pytest

from bridge.transform.model import (
    AudioPart,
    Base64Source,
    CacheMark,
    DocumentPart,
    FileSource,
    ImagePart,
    Native,
    RefusalPart,
    TextPart,
    ToolCallPart,
    UrlSource,
)

R = "openai_responses"
PDF = "JVBERi0xLjQ="
PNG = "iVBORw0KGgo="
URL = "https://a.example/x.png"


def text(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "input_text", "text": text, **more}


def image(**fields: Any) -> dict[str, Any]:
    return {"type": "input_image", **fields}


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "input_file", **fields}


# What a user says, and its parts.
CONTENT: list[Any] = [
    pytest.param(None, [], id="null"),
    pytest.param("", [], id="empty"),
    pytest.param([], [], id="an empty list"),
    pytest.param("a", [TextPart("a")], id="a string"),
    pytest.param([text("a"), text("")], [TextPart("a")], id="empty text says nothing"),
    pytest.param([{"type": "output_text", "text": "a"}], [TextPart("a")], id="of a model"),
    pytest.param([{"type": "text", "text": "a"}], [TextPart("a")], id="as Chat writes it"),
    pytest.param(
        [text("a", prompt_cache_breakpoint={"mode": "explicit", "ttl": "12h"})],
        [TextPart("a", cache=CacheMark("12h"))],
        id="a cache breakpoint",
    ),
    pytest.param(
        [text("a", prompt_cache_breakpoint={"mode": "explicit"})],
        [TextPart("a", cache=CacheMark())],
        id="without a time",
    ),
    pytest.param([{"type": "refusal", "refusal": "no"}], [RefusalPart("no")], id="a refusal"),
    pytest.param([image(image_url=URL)], [ImagePart(UrlSource(URL))], id="an image by URL"),
    pytest.param(
        [image(image_url=URL, detail="auto", file_id=None)],
        [ImagePart(UrlSource(URL))],
        id="auto is the default",
    ),
    pytest.param(
        [image(image_url=f"data:image/png;base64,{PNG}", detail="low")],
        [ImagePart(Base64Source("image/png", PNG), "low")],
        id="as data URL, with a detail",
    ),
    pytest.param(
        [image(file_id="file-1", image_url=None)],
        [ImagePart(FileSource("file-1"))],
        id="kept by OpenAI",
    ),
    pytest.param(
        [file(filename="a.pdf", file_data=f"data:application/pdf;base64,{PDF}")],
        [DocumentPart(Base64Source("application/pdf", PDF), "a.pdf")],
        id="a file",
    ),
    pytest.param(
        [file(filename="a.csv", file_data="YQ==")],
        [DocumentPart(Base64Source("text/csv", "YQ=="), "a.csv")],
        id="in bare base64",
    ),
    pytest.param(
        [file(file_url="https://a.example/a.pdf")],
        [DocumentPart(UrlSource("https://a.example/a.pdf"))],
        id="by URL",
    ),
    pytest.param(
        [file(file_id="file-1", prompt_cache_breakpoint={"mode": "explicit"})],
        [DocumentPart(FileSource("file-1"), cache=CacheMark())],
        id="a file kept by OpenAI",
    ),
    pytest.param(
        [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}],
        [AudioPart("AA==", "wav")],
        id="audio",
    ),
]


PATCH = {"type": "update_file", "path": "a", "diff": "+x"}


def owned(**known: Any) -> Native:
    return Native(R, (known,))


# What both directions agree on: item, call.
CALLS: list[Any] = [
    pytest.param(
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": '{"a":1}'},
        ToolCallPart("1", "f", '{"a":1}'),
        id="a function",
    ),
    pytest.param(
        {"type": "custom_tool_call", "call_id": "1", "name": "c", "input": "4 + 4"},
        ToolCallPart("1", "c", "4 + 4", "custom"),
        id="a freeform tool",
    ),
    pytest.param(
        {
            "type": "function_call",
            "call_id": "1",
            "name": "f",
            "arguments": "{}",
            "namespace": "ns",
        },
        ToolCallPart("1", "f", "{}", namespace="ns"),
        id="one of a namespace",
    ),
    pytest.param(
        {
            "type": "function_call",
            "call_id": "1",
            "name": "f",
            "arguments": "{}",
            "caller": {"type": "program", "caller_id": "p"},
            "async": True,
        },
        ToolCallPart(
            "1",
            "f",
            "{}",
            native=owned(caller={"type": "program", "caller_id": "p"}, **{"async": True}),
        ),
        id="one that a program made",
    ),
    pytest.param(
        {
            "type": "local_shell_call",
            "call_id": "1",
            "action": {"type": "exec", "command": ["ls"], "env": {}},
        },
        ToolCallPart(
            "1",
            "local_shell",
            '{"command":["ls"]}',
            native=owned(type="local_shell_call"),
        ),
        id="a local shell",
    ),
    pytest.param(
        {
            "type": "shell_call",
            "call_id": "1",
            "action": {"commands": ["ls"]},
            "environment": {"type": "local"},
        },
        ToolCallPart(
            "1",
            "shell",
            '{"commands":["ls"]}',
            native=owned(type="shell_call", environment={"type": "local"}),
        ),
        id="a shell",
    ),
    pytest.param(
        {"type": "apply_patch_call", "call_id": "1", "operation": PATCH},
        ToolCallPart(
            "1",
            "apply_patch",
            '{"type":"update_file","path":"a","diff":"+x"}',
            native=owned(type="apply_patch_call"),
        ),
        id="a patch",
    ),
    pytest.param(
        {
            "type": "tool_search_call",
            "call_id": "1",
            "arguments": {"goal": "x"},
            "execution": "client",
        },
        ToolCallPart("1", "tool_search", '{"goal":"x"}', native=owned(type="tool_search_call")),
        id="a search for tools",
    ),
]
