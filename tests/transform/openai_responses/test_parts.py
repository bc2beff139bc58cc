"""Content parts and call items: what clients send, and what each part becomes."""

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
from bridge.transform.openai_responses.parts import (
    decode_call_item,
    decode_parts,
    encode_call_item,
    encode_output,
    encode_parts,
    items,
    type_of,
)
from bridge.transform.profile import Profile

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
PDF = "JVBERi0xLjQ="
PNG = "iVBORw0KGgo="
URL = "https://a.example/x.png"


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def text(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "input_text", "text": text, **more}


def image(**fields: Any) -> dict[str, Any]:
    return {"type": "input_image", **fields}


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "input_file", **fields}


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


# --- content to parts


@pytest.mark.parametrize(
    "content, parts",
    [
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
    ],
)
def test_content_both_ways(content: Any, parts: list[Part]) -> None:
    ctx = context(R, R)
    assert decode_parts(content, "user", "c", ctx) == parts
    assert decode_parts([_told(part) for part in parts], "user", "c", ctx) == parts
    assert codes(ctx) == []


def _told(part: Part) -> Any:
    ctx = context(R, R)
    if isinstance(part, RefusalPart):
        return encode_output(part, ctx)
    [item] = encode_parts([part], ctx)
    return item


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


# --- parts to content

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

PATCH = {"type": "update_file", "path": "a", "diff": "+x"}


def owned(**known: Any) -> Native:
    return Native(R, (known,))


@pytest.mark.parametrize(
    "item, call",
    [
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
    ],
)
def test_a_call_both_ways(item: dict[str, Any], call: ToolCallPart) -> None:
    assert decode_call_item({**item, "id": "x_1", "status": "completed"}, "input[0]") == call
    assert encode_call_item(call, context(R, R)) == item


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
