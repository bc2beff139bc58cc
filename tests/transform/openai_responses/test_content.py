"""Content parts and call items: what each part becomes."""

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
    Message,
    Native,
    NativePart,
    Part,
    PartsSource,
    Protocol,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    TextSource,
    Tool,
    ToolCallPart,
    ToolChangePart,
    ToolResultPart,
    UrlSource,
)
from bridge.transform.notes import TransformError
from bridge.transform.openai_responses.content import encode_call_item, encode_output, encode_parts
from bridge.transform.openai_responses.parts import decode_parts
from bridge.transform.profile import Profile
from tests.transform.openai_responses.cases import CALLS, CONTENT, PDF, PNG, URL, file, image, text

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


@pytest.mark.parametrize("content, parts", CONTENT)
def test_content_that_was_read_is_written_to_mean_the_same(content: Any, parts: list[Part]) -> None:
    ctx = context(R, R)
    read = decode_parts(content, "user", "c", ctx)
    assert decode_parts([_told(part) for part in read], "user", "c", ctx) == read == parts
    assert codes(ctx) == []


def _told(part: Part) -> Any:
    ctx = context(R, R)
    if isinstance(part, RefusalPart):
        return encode_output(part, ctx)
    [item] = encode_parts([part], ctx)
    return item


BLOCK: dict[str, Any] = {"type": "search_result", "title": "t"}
PICTURE = ImagePart(Base64Source("image/png", PNG))
PAPER = Base64Source("application/pdf", PDF)
PAPER_URL = f"data:application/pdf;base64,{PDF}"


@pytest.mark.parametrize(
    "part, content, noted",
    [
        pytest.param(TextPart("a"), [text("a")], [], id="text"),
        pytest.param(RefusalPart("no"), [text("no")], [], id="a refusal that a model is told of"),
        pytest.param(
            TextPart("a", cache=CacheMark("5m")),
            [text("a", prompt_cache_breakpoint={"mode": "explicit", "ttl": "30m"})],
            [],
            id="Anthropic's short breakpoint",
        ),
        pytest.param(
            TextPart("a", cache=CacheMark("1h")),
            [text("a", prompt_cache_breakpoint={"mode": "explicit", "ttl": "12h"})],
            [],
            id="its long one",
        ),
        pytest.param(
            TextPart("a", cache=CacheMark()),
            [text("a", prompt_cache_breakpoint={"mode": "explicit"})],
            [],
            id="and one that leaves it open",
        ),
        pytest.param(
            PICTURE,
            [image(detail="auto", image_url=f"data:image/png;base64,{PNG}")],
            [],
            id="an image",
        ),
        pytest.param(
            ImagePart(UrlSource(URL), "high", cache=CacheMark()),
            [image(detail="high", image_url=URL, prompt_cache_breakpoint={"mode": "explicit"})],
            [],
            id="an image by URL, with a breakpoint",
        ),
        pytest.param(
            DocumentPart(PAPER, context="About it.", cache=CacheMark()),
            [
                text("About it."),
                file(
                    filename="document.pdf",
                    file_data=PAPER_URL,
                    prompt_cache_breakpoint={"mode": "explicit"},
                ),
            ],
            [],
            id="a document without a name, with a context",
        ),
        pytest.param(
            DocumentPart(PAPER, "Paper", citations=True),
            [file(filename="Paper", file_data=PAPER_URL)],
            ["citations_dropped"],
            id="a document to cite",
        ),
        pytest.param(
            DocumentPart(UrlSource(URL), "Paper"),
            [file(filename="Paper", file_url=URL)],
            [],
            id="a document by URL",
        ),
        pytest.param(
            TextPart("a", (Citation("https://a.example"),)),
            [text("a")],
            ["hint_dropped"],
            id="a text with citations",
        ),
        pytest.param(
            DocumentPart(TextSource("words"), "T", "C"), [text("T\nC\nwords")], [], id="a text"
        ),
        pytest.param(DocumentPart(TextSource("")), [], [], id="an empty one"),
        pytest.param(
            DocumentPart(PartsSource((TextPart("a"), PICTURE)), "T"),
            [text("T"), text("a"), image(detail="auto", image_url=f"data:image/png;base64,{PNG}")],
            [],
            id="one of several parts",
        ),
        pytest.param(
            NativePart(Native(A, (BLOCK,)), "hint_dropped", "t"),
            [text("t")],
            ["hint_dropped"],
            id="another vendor's block gives its text",
        ),
        pytest.param(
            NativePart(Native(A, (BLOCK,)), "citations_dropped", "t", cache=CacheMark("1h")),
            [{**text("t"), "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}],
            ["citations_dropped"],
            id="with its breakpoint",
        ),
        pytest.param(
            NativePart(Native(A, (BLOCK,)), "server_tool_dropped"),
            [],
            ["server_tool_dropped"],
            id="or nothing",
        ),
        pytest.param(ReasoningPart("a"), [], [], id="reasoning is an item"),
        pytest.param(EffortPart("low"), [], [], id="so is another effort"),
        pytest.param(ToolChangePart("f"), [], [], id="and another tool"),
        pytest.param(ToolCallPart("1", "f", "{}"), [], [], id="so is a call"),
        pytest.param(ToolResultPart("1", ()), [], [], id="and its result"),
    ],
)
def test_a_part_of_an_anthropic_client_is_written(
    part: Part, content: list[Any], noted: list[str]
) -> None:
    ctx = context(A, R)
    assert encode_parts([part], ctx) == content
    assert codes(ctx) == noted


@pytest.mark.parametrize(
    "client, part, code",
    [
        pytest.param(A, ImagePart(FileSource("f")), "foreign_file_id", id="Anthropic's image"),
        pytest.param(A, DocumentPart(FileSource("f")), "foreign_file_id", id="its document"),
        pytest.param(C, AudioPart("AA==", "wav"), "audio_unsupported", id="audio"),
        pytest.param(A, ImagePart(TextSource("a")), "part_unsupported", id="text is no image"),
        pytest.param(
            A,
            NativePart(Native(A, (BLOCK,)), "foreign_file_id"),
            "foreign_file_id",
            id="a block that refuses",
        ),
    ],
)
def test_what_cannot_be_said_is_refused(client: Protocol, part: Part, code: str) -> None:
    with pytest.raises(TransformError) as raised:
        encode_parts([part], context(client, R))
    assert raised.value.code == code


def test_openais_protocols_share_files() -> None:
    ctx = context(C, R)
    parts = [DocumentPart(FileSource("file-1"), "a.pdf"), ImagePart(FileSource("file-2"))]
    assert encode_parts(parts, ctx) == [
        file(filename="a.pdf", file_id="file-1"),
        image(detail="auto", file_id="file-2"),
    ]


def test_servers_without_breakpoints_get_none() -> None:
    ctx = context(A, R, COMPATIBLE[R])
    assert encode_parts([TextPart("a", cache=CacheMark())], ctx) == [text("a")]
    assert codes(ctx) == ["hint_dropped"]


def test_an_upstream_gets_its_own_parts_back() -> None:
    ctx = context(R, R)
    odd = {"type": "input_video", "video": "x"}
    assert encode_parts([NativePart(Native(R, (odd,)), "part_unsupported")], ctx) == [odd]


def test_a_client_keeps_the_files_it_gave_no_name() -> None:
    assert encode_parts([DocumentPart(PAPER)], context(R, R)) == [file(file_data=PAPER_URL)]


@pytest.mark.parametrize(
    "part, item, noted",
    [
        pytest.param(
            TextPart("a"),
            {"type": "output_text", "text": "a", "annotations": []},
            [],
            id="text",
        ),
        pytest.param(RefusalPart("no"), {"type": "refusal", "refusal": "no"}, [], id="a refusal"),
        pytest.param(
            TextPart("a", (Citation("https://a.example"),), CacheMark()),
            {"type": "output_text", "text": "a", "annotations": []},
            ["hint_dropped", "hint_dropped"],
            id="what answers have no place for",
        ),
    ],
)
def test_what_a_model_said_is_told_as_such(
    part: TextPart | RefusalPart, item: Any, noted: list[str]
) -> None:
    ctx = context(A, R)
    assert encode_output(part, ctx) == item
    assert codes(ctx) == noted


# --- calls


@pytest.mark.parametrize("item, call", CALLS)
def test_a_call_is_written(item: dict[str, Any], call: ToolCallPart) -> None:
    assert encode_call_item(call, context(R, R)) == item


def built_in(kind: str) -> Tool:
    return Tool(kind, kind="client", native=Native(R, ({"type": kind},)))


def test_another_vendors_model_calls_a_clients_built_in_tool_by_its_item() -> None:
    ctx = context(R, A)
    ctx.request = Request(R, "m", tools=(Tool("f"), built_in("shell"), built_in("apply_patch")))
    call = ToolCallPart("1", "shell", '{"commands":["ls"]}')
    assert encode_call_item(call, ctx) == {
        "type": "shell_call",
        "call_id": "1",
        "action": {"commands": ["ls"]},
    }


def test_a_tool_of_the_app_may_come_later() -> None:
    ctx = context(R, A, Profile())
    late = Message("developer", (ToolChangePart("shell", built_in("shell")),))
    ctx.request = Request(R, "m", (late,))
    assert encode_call_item(ToolCallPart("1", "shell", "{}"), ctx)["type"] == "shell_call"


@pytest.mark.parametrize(
    "tool",
    [
        pytest.param(Tool("shell"), id="a function of that name"),
        pytest.param(Tool("shell", kind="client"), id="a built-in tool of no vendor"),
        pytest.param(
            Tool("shell", kind="client", native=Native(A, ({"type": "bash_20250124"},))),
            id="another vendor's",
        ),
        pytest.param(built_in("local_shell"), id="another tool"),
    ],
)
def test_no_other_tool_is_called_so(tool: Tool) -> None:
    ctx = context(R, A, Profile())
    ctx.request = Request(R, "m", tools=(tool,))
    item = encode_call_item(ToolCallPart("1", "shell", "null"), ctx)
    assert item == {"type": "function_call", "call_id": "1", "name": "shell", "arguments": "{}"}


def test_who_made_a_call_is_only_told_to_its_maker() -> None:
    native = Native(R, ({"caller": {"type": "program", "caller_id": "p"}},), "elsewhere")
    item = encode_call_item(ToolCallPart("1", "f", "{}", native=native), context(C, R))
    assert item == {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}
