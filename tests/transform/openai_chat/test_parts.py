"""Content parts: what clients send."""

from typing import Any

import pytest

from bridge.transform.context import context
from bridge.transform.model import (
    AudioPart,
    Base64Source,
    CacheMark,
    DocumentPart,
    FileSource,
    ImagePart,
    Native,
    NativePart,
    Part,
    Protocol,
    RefusalPart,
    TextPart,
    UrlSource,
)
from bridge.transform.notes import TransformError
from bridge.transform.openai_chat.parts import decode_image_data, decode_parts
from tests.transform.openai_chat.cases import PDF, PNG, file, image

C: Protocol = "openai_chat"


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
