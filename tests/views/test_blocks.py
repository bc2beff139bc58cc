"""Parts of messages as a person sees them."""

import json

import pytest

from bridge.transform.model import (
    AudioPart,
    Base64Source,
    Citation,
    DocumentPart,
    EffortPart,
    FileSource,
    HostedCall,
    HostedList,
    ImagePart,
    Native,
    NativePart,
    Part,
    PartsSource,
    ReasoningPart,
    RefusalPart,
    TextPart,
    TextSource,
    Tool,
    ToolCallPart,
    ToolChangePart,
    ToolResultPart,
    UrlSource,
)
from bridge.views.blocks import Block, blocks_of, pretty, shortened, size_text

PIXELS = "AAAA" * 100
CITED = (
    Citation("https://a/1"),
    Citation(None, title="a book"),
    Citation("https://a/1", title="again"),
    Citation(None, file="file_1"),
    Citation(None),
)


def native(block: dict[str, object], text: str | None = None) -> NativePart:
    return NativePart(Native("anthropic_messages", (block,)), "item_dropped", text)


@pytest.mark.parametrize(
    "part, block",
    [
        pytest.param(TextPart("hi"), Block("text", "hi"), id="text"),
        pytest.param(
            TextPart("so", CITED),
            Block("text", "so", detail="cites https://a/1, a book, file_1"),
            id="text with its sources, each once",
        ),
        pytest.param(
            TextPart("so", (Citation(None),)), Block("text", "so"), id="a source without a name"
        ),
        pytest.param(RefusalPart("no"), Block("refusal", "no"), id="refusal"),
        pytest.param(ReasoningPart("hm"), Block("reasoning", "hm"), id="reasoning"),
        pytest.param(
            ReasoningPart("", Native("openai_chat", ())),
            Block("reasoning", detail="hidden"),
            id="reasoning that only its vendor can read",
        ),
        pytest.param(
            ImagePart(Base64Source("image/png", PIXELS)),
            Block("image", title="image/png", detail="300 B"),
            id="an image as type and size",
        ),
        pytest.param(
            ImagePart(UrlSource("https://a/b.png")),
            Block("image", title="image", detail="https://a/b.png"),
            id="a linked image",
        ),
        pytest.param(
            DocumentPart(Base64Source("application/pdf", "AAA="), title="a.pdf"),
            Block("document", title="a.pdf", detail="application/pdf, 2 B"),
            id="a document by its name",
        ),
        pytest.param(
            DocumentPart(TextSource("é" * 600)),
            Block("document", title="document.txt", detail="text/plain, 1.2 kB"),
            id="one without a name",
        ),
        pytest.param(
            DocumentPart(FileSource("file_1"), title="a"),
            Block("document", title="a", detail="document, kept by the vendor as file_1"),
            id="one that the vendor keeps",
        ),
        pytest.param(
            DocumentPart(PartsSource((TextPart("x"), TextPart("y"))), title="a"),
            Block("document", title="a", detail="document, 2 parts"),
            id="one in parts",
        ),
        pytest.param(
            AudioPart("AAAA", "mp3"), Block("audio", title="mp3", detail="3 B"), id="audio"
        ),
        pytest.param(
            ToolCallPart("1", "f", '{"a":[1]}'),
            Block("call", '{\n  "a": [\n    1\n  ]\n}', "f"),
            id="a call with its input on several lines",
        ),
        pytest.param(
            ToolCallPart("1", "f", "*** patch", "custom", "files"),
            Block("call", "*** patch", "files__f", "custom"),
            id="a call with free text, of a tool in a namespace",
        ),
        pytest.param(EffortPart("low"), Block("note", "low", "effort"), id="an effort"),
        pytest.param(
            ToolChangePart("f", Tool("f")), Block("note", "f", "tool added"), id="a tool that comes"
        ),
        pytest.param(
            ToolChangePart("f", removed=True), Block("note", "f", "tool removed"), id="and goes"
        ),
        pytest.param(
            native({"type": "compaction"}, "in short"),
            Block("server", "in short", "compaction"),
            id="a vendor's own with a text for others",
        ),
        pytest.param(
            native({"type": "text", "text": "x-billing: 1"}),
            Block("server", "x-billing: 1", "text"),
            id="a text that is for the vendor",
        ),
        pytest.param(
            native({"type": "server_tool_use", "input": {"q": "x"}}),
            Block(
                "server",
                json.dumps({"type": "server_tool_use", "input": {"q": "x"}}, indent=2),
                "server_tool_use",
            ),
            id="a vendor's own as it is",
        ),
        pytest.param(native({}), Block("server"), id="a vendor's own that says nothing"),
        pytest.param(
            NativePart(
                Native("openai_responses", ({"type": "web_search_call"},)),
                "hosted_output_dropped",
                hosted=HostedCall("web_search", {"query": "q", "n": None}, urls=("https://a",)),
            ),
            Block("server", '{\n  "query": "q"\n}\nhttps://a', "web_search"),
            id="what a vendor's tool found",
        ),
        pytest.param(
            NativePart(
                Native("openai_responses", ()),
                "mcp_dropped",
                hosted=HostedCall("ask", {}, server="wiki", output="gone", failed=True),
            ),
            Block("server", "gone", "wiki: ask", "failed"),
            id="a server's tool that failed",
        ),
        pytest.param(
            NativePart(
                Native("openai_responses", ()),
                "mcp_dropped",
                hosted=HostedList("wiki", ({"name": "ask"}, {"name": "read"})),
            ),
            Block("server", "ask, read", "tools of wiki"),
            id="the tools of a server",
        ),
    ],
)
def test_a_part_is_shown(part: Part, block: Block) -> None:
    assert list(blocks_of(part)) == [block]
    assert [found.new for found in blocks_of(part, new=True)] == [True]


def test_a_text_that_says_nothing_is_not_shown() -> None:
    assert list(blocks_of(TextPart(""))) == []


RESULT = Block("result", title="f")


@pytest.mark.parametrize(
    "part, blocks",
    [
        pytest.param(
            ToolResultPart("1", (TextPart("15 C"), TextPart("dry"))),
            [Block("result", "15 C", "f"), Block("result", "dry", "f")],
            id="texts",
        ),
        pytest.param(
            ToolResultPart("1", (TextPart("no"),), is_error=True),
            [Block("result", "no", "f", "failed")],
            id="an error",
        ),
        pytest.param(
            ToolResultPart("1", (), is_error=True), [Block("result", "", "f", "failed")], id="alone"
        ),
        pytest.param(ToolResultPart("1", ()), [Block("result", "", "f", "empty")], id="nothing"),
        pytest.param(
            ToolResultPart("1", (ImagePart(Base64Source("image/png", "AAAA")),)),
            [RESULT, Block("image", title="image/png", detail="3 B")],
            id="an image, under the tool's name",
        ),
        pytest.param(
            ToolResultPart("1", (native({"type": "shell_call_output"}, "a b"),)),
            [Block("result", "a b", "f")],
            id="of a tool that only the vendor has a form for",
        ),
    ],
)
def test_a_result_is_shown_by_the_name_of_its_tool(
    part: ToolResultPart, blocks: list[Block]
) -> None:
    assert list(blocks_of(part, title="f")) == blocks


def test_a_result_that_names_its_tool() -> None:
    part = ToolResultPart("", (TextPart("x"),), name="g")
    assert list(blocks_of(part)) == [Block("result", "x", "g")]


def test_what_is_long_or_a_key_to_another_server_is_left_out() -> None:
    given = {
        "data": "x" * 201,
        "servers": [{"authorization_token": "secret", "headers": {"a": "secret"}, "url": "u"}],
    }
    assert shortened(given) == {
        "data": "(201 characters)",
        "servers": [{"authorization_token": "(not shown)", "headers": "(not shown)", "url": "u"}],
    }


@pytest.mark.parametrize(
    "size, text", [(999, "999 B"), (1000, "1.0 kB"), (999_900, "999.9 kB"), (1_500_000, "1.5 MB")]
)
def test_sizes_are_told_in_units(size: int, text: str) -> None:
    assert size_text(size) == text


def test_what_is_no_json_stays_as_it_is() -> None:
    assert pretty('{"a":') == '{"a":' and pretty('{"ä":1}') == '{\n  "ä": 1\n}'
