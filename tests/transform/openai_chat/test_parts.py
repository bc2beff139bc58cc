"""Content parts: what clients send, and what each part becomes."""

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
from bridge.transform.openai_chat.parts import decode_image_data, decode_parts, encode_parts
from bridge.transform.profile import Profile

C: Protocol = "openai_chat"
A: Protocol = "anthropic_messages"
PDF = "JVBERi0xLjQ="
PNG = "iVBORw0KGgo="


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": fields}


def image(url: Any, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


@pytest.mark.parametrize(
    "content, parts",
    [
        pytest.param(None, [], id="null"),
        pytest.param("", [], id="empty"),
        pytest.param([], [], id="an empty list"),
        pytest.param("a", [TextPart("a")], id="a string"),
        pytest.param(["a"], [TextPart("a")], id="a string in a list"),
        pytest.param({"type": "text", "text": "a"}, [TextPart("a")], id="a part alone"),
        pytest.param([{"text": "a"}], [TextPart("a")], id="a text without its type"),
        pytest.param([{"type": "text", "text": ""}], [TextPart("")], id="an empty text part"),
        pytest.param(
            [{"type": "text", "text": "a", "image_url": None}],
            [TextPart("a")],
            id="nulls beside it",
        ),
        pytest.param(
            [
                {
                    "type": "text",
                    "text": "a",
                    "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"},
                }
            ],
            [TextPart("a", cache=CacheMark("12h"))],
            id="a cache breakpoint",
        ),
        pytest.param(
            [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
            [TextPart("a", cache=CacheMark())],
            id="Anthropic's, which gateways take",
        ),
        pytest.param(
            [image("https://a.example/x.png", detail="low")],
            [ImagePart(UrlSource("https://a.example/x.png"), "low")],
            id="an image by URL",
        ),
        pytest.param(
            [image(f"data:image/png;base64,{PNG}")],
            [ImagePart(Base64Source("image/png", PNG))],
            id="an image as data URL",
        ),
        pytest.param(
            [image(f"DATA:image/png;name=x;BASE64,{PNG}")],
            [ImagePart(Base64Source("image/png", PNG))],
            id="with parameters, in capitals",
        ),
        pytest.param(
            [image(f"data:;base64,{PNG}")],
            [ImagePart(Base64Source("application/octet-stream", PNG))],
            id="without a type",
        ),
        pytest.param(
            [image("data:text/plain,hello")],
            [ImagePart(UrlSource("data:text/plain,hello"))],
            id="a data URL that is not base64 stays one",
        ),
        pytest.param(
            [{"type": "image_url", "image_url": "https://a.example/x"}],
            [ImagePart(UrlSource("https://a.example/x"))],
            id="the bare URL (Mistral)",
        ),
        pytest.param(
            [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}],
            [AudioPart("AA==", "wav")],
            id="audio",
        ),
        pytest.param(
            [{"type": "input_audio", "input_audio": "AA=="}],
            [
                NativePart(
                    Native(C, ({"type": "input_audio", "input_audio": "AA=="},)),
                    "audio_unsupported",
                )
            ],
            id="audio of an untold format (Mistral)",
        ),
        pytest.param(
            [file(filename="a.pdf", file_data=f"data:application/pdf;base64,{PDF}")],
            [DocumentPart(Base64Source("application/pdf", PDF), "a.pdf")],
            id="a file",
        ),
        pytest.param(
            [file(file_data=PDF)],
            [DocumentPart(Base64Source("application/pdf", PDF))],
            id="bare base64 told by its beginning",
        ),
        pytest.param(
            [file(file_data="YSxi", filename="Table.CSV")],
            [DocumentPart(Base64Source("text/csv", "YSxi"), "Table.CSV")],
            id="or by the file name",
        ),
        pytest.param(
            [file(file_data="YSxi")],
            [DocumentPart(Base64Source("application/octet-stream", "YSxi"))],
            id="or by nothing",
        ),
        pytest.param(
            [file(file_id="file-1")], [DocumentPart(FileSource("file-1"))], id="a file by its id"
        ),
        pytest.param(
            [{"type": "document_url", "document_url": "https://a.example/x", "document_name": "n"}],
            [DocumentPart(UrlSource("https://a.example/x"), "n")],
            id="a file by URL (Mistral)",
        ),
        pytest.param(
            [{"type": "file_url", "file_url": {"url": "https://a.example/x"}}],
            [DocumentPart(UrlSource("https://a.example/x"))],
            id="a file by URL (Perplexity)",
        ),
        pytest.param(
            [{"type": "file_url", "file_url": {"url": PDF}}],
            [DocumentPart(Base64Source("application/pdf", PDF))],
            id="which may be base64",
        ),
        pytest.param(
            [{"type": "video_url", "video_url": {"url": "x"}}],
            [
                NativePart(
                    Native(C, ({"type": "video_url", "video_url": {"url": "x"}},)),
                    "part_unsupported",
                )
            ],
            id="a kind nobody else has",
        ),
    ],
)
def test_a_users_content_is_read(content: Any, parts: list[Part]) -> None:
    assert decode_parts(content, "user", "m", context(C, C)) == parts


def test_what_a_model_wrote_can_be_left_out() -> None:
    part = decode_parts([{"type": "odd"}], "assistant", "m", context(C, C))[0]
    assert isinstance(part, NativePart) and part.code == "item_dropped"
    assert decode_parts(
        [{"type": "refusal", "refusal": "no"}], "assistant", "m", context(C, C)
    ) == [RefusalPart("no")]


@pytest.mark.parametrize(
    "content, place, where, problem",
    [
        pytest.param(5, "user", "m", "must be a list, not an integer", id="a number"),
        pytest.param([5], "user", "m[0]", "must be an object, not an integer", id="in a list"),
        pytest.param([{"x": 1}], "user", "m[0].type", "missing", id="no type"),
        pytest.param([{"type": "text"}], "user", "m[0].text", "missing", id="no text"),
        pytest.param(
            [{"type": "image_url", "image_url": None}],
            "user",
            "m[0].image_url.url",
            "missing",
            id="no image",
        ),
        pytest.param([file()], "user", "m[0].file.file_data", "missing", id="no file"),
        pytest.param(
            [image("x")],
            "system",
            "m[0].type",
            '"image_url" cannot stand in system text, only text can',
            id="an image in system text",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(
    content: Any, place: str, where: str, problem: str
) -> None:
    with pytest.raises(TransformError) as raised:
        decode_parts(content, place, "m", context(C, C))
    assert (raised.value.where, raised.value.problem) == (where, problem)


@pytest.mark.parametrize(
    "data, source",
    [
        pytest.param(PNG, Base64Source("image/png", PNG), id="told by its beginning"),
        pytest.param("AAAA", Base64Source("image/jpeg", "AAAA"), id="or guessed"),
        pytest.param(f"data:image/gif;base64,{PNG}", Base64Source("image/gif", PNG), id="data URL"),
    ],
)
def test_ollamas_images_are_bare_base64(data: str, source: Base64Source) -> None:
    assert decode_image_data(data, "m") == ImagePart(source)


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
