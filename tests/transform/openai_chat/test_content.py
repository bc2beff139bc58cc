"""Content parts: what each part becomes."""

from typing import Any

import pytest

from bridge.transform.context import Context, context
from bridge.transform.families import COMPATIBLE
from bridge.transform.model import (
    AudioPart,
    Base64Source,
    CacheMark,
    Citation,
    DocumentPart,
    EffortPart,
    FileSource,
    ImagePart,
    Native,
    NativePart,
    Part,
    PartsSource,
    Protocol,
    ReasoningPart,
    RefusalPart,
    TextPart,
    TextSource,
    ToolCallPart,
    ToolChangePart,
    ToolResultPart,
    UrlSource,
)
from bridge.transform.notes import TransformError
from bridge.transform.openai_chat.content import encode_parts
from bridge.transform.openai_chat.parts import decode_parts
from bridge.transform.profile import Profile
from tests.transform.openai_chat.cases import PDF, PNG, file, image

C: Protocol = "openai_chat"
A: Protocol = "anthropic_messages"


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def marked(item: dict[str, Any], ttl: str | None = None) -> dict[str, Any]:
    mark = {"mode": "explicit", **({"ttl": ttl} if ttl else {})}
    return {**item, "prompt_cache_breakpoint": mark}


TEXT = {"type": "text", "text": "a"}
SEARCH = Native(A, ({"type": "search_result"},))


@pytest.mark.parametrize(
    "part, items, noted",
    [
        pytest.param(TextPart("a"), [TEXT], [], id="text"),
        pytest.param(TextPart("a", cache=CacheMark()), [marked(TEXT)], [], id="a breakpoint"),
        pytest.param(TextPart("a", cache=CacheMark("5m")), [marked(TEXT, "30m")], [], id="5m"),
        pytest.param(TextPart("a", cache=CacheMark("1h")), [marked(TEXT, "12h")], [], id="1h"),
        pytest.param(
            TextPart("a", (Citation("https://a.example"),)),
            [TEXT],
            ["hint_dropped"],
            id="citations",
        ),
        pytest.param(RefusalPart("no"), [{"type": "refusal", "refusal": "no"}], [], id="a refusal"),
        pytest.param(
            ImagePart(Base64Source("image/png", PNG), "high", CacheMark()),
            [marked(image(f"data:image/png;base64,{PNG}", detail="high"))],
            [],
            id="an image",
        ),
        pytest.param(
            ImagePart(UrlSource("https://a.example")), [image("https://a.example")], [], id="by URL"
        ),
        pytest.param(
            AudioPart("AA==", "wav"),
            [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}],
            [],
            id="audio",
        ),
        pytest.param(
            DocumentPart(
                Base64Source("application/pdf", PDF), context="read it", cache=CacheMark()
            ),
            [
                {"type": "text", "text": "read it"},
                marked(
                    file(filename="document.pdf", file_data=f"data:application/pdf;base64,{PDF}")
                ),
            ],
            [],
            id="a PDF, with its context before it",
        ),
        pytest.param(
            DocumentPart(TextSource("body"), "Title", "context", citations=True),
            [{"type": "text", "text": "Title\ncontext\nbody"}],
            ["citations_dropped"],
            id="a text document under its title",
        ),
        pytest.param(DocumentPart(TextSource("")), [], [], id="an empty one"),
        pytest.param(
            DocumentPart(PartsSource((TextPart("a"), ImagePart(UrlSource("u")))), "Title"),
            [{"type": "text", "text": "Title"}, TEXT, image("u")],
            [],
            id="a document of parts",
        ),
        pytest.param(
            NativePart(SEARCH, "hint_dropped", "found"),
            [{"type": "text", "text": "found"}],
            ["hint_dropped"],
            id="another vendor's block, as text",
        ),
        pytest.param(
            NativePart(SEARCH, "citations_dropped", "found", cache=CacheMark("1h")),
            [marked({"type": "text", "text": "found"}, "12h")],
            ["citations_dropped"],
            id="with its breakpoint",
        ),
        pytest.param(NativePart(SEARCH, "item_dropped"), [], ["item_dropped"], id="or not at all"),
        pytest.param(ReasoningPart("a"), [], [], id="reasoning stands beside the content"),
        pytest.param(EffortPart("low"), [], [], id="an effort is a field of the request"),
        pytest.param(ToolChangePart("f"), [], [], id="and so are tools"),
        pytest.param(ToolCallPart("1", "f", "{}"), [], [], id="so do calls"),
        pytest.param(ToolResultPart("1", ()), [], [], id="and results"),
    ],
)
def test_a_part_of_an_anthropic_client_is_written(
    part: Part, items: list[Any], noted: list[str]
) -> None:
    ctx = context(A, C)
    assert encode_parts([part], ctx) == items
    assert codes(ctx) == noted


@pytest.mark.parametrize(
    "part, code",
    [
        pytest.param(ImagePart(FileSource("1")), "foreign_file_id", id="an image by id"),
        pytest.param(ImagePart(TextSource("x")), "part_unsupported", id="an image that is text"),
        pytest.param(DocumentPart(FileSource("1")), "foreign_file_id", id="a file by id"),
        pytest.param(DocumentPart(UrlSource("u")), "document_url_unsupported", id="a file by URL"),
        pytest.param(NativePart(SEARCH, "part_unsupported"), "part_unsupported", id="a block"),
    ],
)
def test_what_cannot_be_said_is_refused(part: Part, code: str) -> None:
    with pytest.raises(TransformError) as raised:
        encode_parts([part], context(A, C))
    assert raised.value.code == code


def test_openais_file_ids_are_shared_by_its_protocols() -> None:
    part = DocumentPart(FileSource("file-1"))
    assert encode_parts([part], context("openai_responses", C)) == [file(file_id="file-1")]


def test_breakpoints_are_left_out_where_a_server_has_none() -> None:
    ctx = context(A, C, COMPATIBLE[C])
    assert encode_parts([TextPart("a", cache=CacheMark("1h"))], ctx) == [TEXT]
    assert codes(ctx) == ["hint_dropped"]


OWN: list[Any] = [
    TEXT,
    marked(TEXT, "12h"),
    {**TEXT, "cache_control": {"type": "ephemeral", "ttl": "5m"}},
    image("https://a.example", detail="low"),
    image(f"data:image/png;base64,{PNG}"),
    file(filename="a.pdf", file_data=f"data:application/pdf;base64,{PDF}"),
    file(file_data=f"data:application/pdf;base64,{PDF}"),
    file(file_id="file-1"),
    {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
    {"type": "document_url", "document_url": "https://a.example/x", "document_name": "n"},
    {"type": "document_url", "document_url": "https://a.example/x"},
    {"type": "video_url", "video_url": {"url": "x"}},
]


def test_a_clients_own_parts_come_out_as_they_went_in() -> None:
    ctx = context(C, C, Profile())
    assert encode_parts(decode_parts(OWN, "user", "m", ctx), ctx) == OWN
    assert codes(ctx) == []
