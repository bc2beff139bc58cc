"""Blocks of answers: read piece by piece, written whole."""

from typing import Any

import pytest
from anthropic.types import ContentBlock
from pydantic import TypeAdapter

from bridge.transform.answers import Event, Finish, PartStart, Stop
from bridge.transform.anthropic_messages.answer import (
    block_of,
    encode_call,
    encode_citation,
    encode_native,
    encode_signature,
    encode_thinking,
    message_head,
)
from bridge.transform.context import Context, context
from bridge.transform.envelope import MAX_BYTES, is_sealed, seal, unseal
from bridge.transform.fold import Fold
from bridge.transform.model import (
    Citation,
    HostedCall,
    HostedList,
    Native,
    NativePart,
    Part,
    Reasoning,
    ReasoningPart,
    Request,
    TextPart,
    ToolCallPart,
)

A = "anthropic_messages"
OWNER = Native(A, (), "up", "claude")


def ctx() -> Context:
    return context(A, A)


def owned(block: Any) -> Native:
    return Native(A, (block,), "up", "claude")


def read(block: Any, *deltas: Any, ctx: Context | None = None) -> tuple[Part, ...]:
    """The parts of one block and its deltas."""
    opened = block_of(block, OWNER, {}, ctx or context(A, A))
    events: list[Event] = [*opened.open()]
    for delta in deltas:
        events += opened.delta(delta["type"], delta)
    fold = Fold()
    for event in [*events, *opened.close(), Stop(Finish("stop"))]:
        fold.add(event)
    assert fold.response
    return fold.response.parts


def text_delta(text: Any) -> Any:
    return {"type": "text_delta", "text": text}


def thinking_delta(text: Any) -> Any:
    return {"type": "thinking_delta", "thinking": text, "estimated_tokens": 5}


def signature_delta(signature: Any) -> Any:
    return {"type": "signature_delta", "signature": signature}


def input_delta(text: Any) -> Any:
    return {"type": "input_json_delta", "partial_json": text}


WEB = {
    "type": "web_search_result_location",
    "url": "https://a",
    "title": "A",
    "cited_text": "x",
    "encrypted_index": "e",
}
CITED = Citation("https://a", "A", "x", native=owned(WEB))
TEXT = {"type": "text", "text": ""}
THINKING = {"type": "thinking", "thinking": "", "signature": ""}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "s"}
REDACTED = {"type": "redacted_thinking", "data": "d"}
USE = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
CALLER = {"caller": {"type": "code_execution_20260120", "tool_id": "s"}}
SEARCH = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}


@pytest.mark.parametrize(
    "block, deltas, part",
    [
        pytest.param(TEXT, [text_delta("a"), text_delta("b")], TextPart("ab"), id="text"),
        pytest.param({**TEXT, "text": "ab"}, [], TextPart("ab"), id="text in its start"),
        pytest.param(
            {**TEXT, "text": "ab", "citations": [WEB, "?"]},
            [],
            TextPart("ab", (CITED,)),
            id="citations in its start",
        ),
        pytest.param(
            TEXT,
            [
                text_delta("a"),
                {"type": "citations_delta", "citation": WEB},
                text_delta("b"),
                {"type": "citations_delta"},
                {"type": "whatever_delta"},
                thinking_delta("?"),
                text_delta(None),
            ],
            TextPart("ab", (CITED,)),
            id="text and citations in any order, and noise",
        ),
        pytest.param(
            {"type": "thinking", "thinking": ""},
            [thinking_delta("h"), thinking_delta("m"), signature_delta("s")],
            ReasoningPart("hm", owned(SIGNED)),
            id="thinking",
        ),
        pytest.param(SIGNED, [], ReasoningPart("hm", owned(SIGNED)), id="thinking in its start"),
        pytest.param(
            THINKING,
            [signature_delta("x"), signature_delta("s")],
            ReasoningPart("", owned({**THINKING, "signature": "s"})),
            id="thinking that is not shown; the last signature counts",
        ),
        pytest.param(
            THINKING,
            [thinking_delta(""), thinking_delta(None), thinking_delta("hm")],
            ReasoningPart("hm"),
            id="thinking nobody signed",
        ),
        pytest.param(REDACTED, [], ReasoningPart("", owned(REDACTED)), id="redacted thinking"),
        pytest.param(
            USE,
            [input_delta(""), input_delta('{"a"'), input_delta(": 1}")],
            ToolCallPart("t", "f", '{"a": 1}'),
            id="a call",
        ),
        pytest.param(USE, [], ToolCallPart("t", "f", "{}"), id="a call without arguments"),
        pytest.param(
            {**USE, "input": {"a": 1}}, [], ToolCallPart("t", "f", '{"a":1}'), id="all at once"
        ),
        pytest.param(
            {**USE, "input": {"a": 1}},
            [input_delta('{"b": 2}')],
            ToolCallPart("t", "f", '{"b": 2}'),
            id="deltas count more than the start",
        ),
        pytest.param(
            {"type": "tool_use", "id": None, "input": "rm", **CALLER},
            [text_delta("?"), input_delta(5)],
            ToolCallPart("", "", '{"_raw":"rm"}', native=owned(CALLER)),
            id="a call by code, without id and name, with a text for arguments",
        ),
        pytest.param(
            {**USE, "caller": {"type": "direct"}}, [], ToolCallPart("t", "f", "{}"), id="direct"
        ),
        pytest.param(
            SEARCH,
            [input_delta('{"query":'), input_delta('"x"}')],
            NativePart(owned({**SEARCH, "input": {"query": "x"}}), "server_tool_dropped"),
            id="a server tool",
        ),
        pytest.param(
            SEARCH,
            [input_delta('{"query":'), input_delta(None), text_delta("?")],
            NativePart(owned(SEARCH), "server_tool_dropped"),
            id="half a server tool",
        ),
        pytest.param(
            {"type": "compaction", "content": None},
            [{"type": "compaction_delta", "content": "so far", "encrypted_content": "e"}],
            NativePart(
                owned({"type": "compaction", "content": "so far", "encrypted_content": "e"}),
                "server_tool_dropped",
            ),
            id="a compaction",
        ),
        pytest.param(
            {"type": "new", "x": 1},
            [],
            NativePart(owned({"type": "new", "x": 1}), "server_tool_dropped"),
            id="a block to come",
        ),
        pytest.param(
            "?", [], NativePart(owned({}), "server_tool_dropped"), id="a block that is none"
        ),
    ],
)
def test_a_block_is_read(block: Any, deltas: list[Any], part: Part) -> None:
    assert read(block, *deltas) == (part,)


USED = {**SEARCH, "input": {"query": "q"}}
RESULT = {"type": "web_search_tool_result", "tool_use_id": "s"}
REMOTE = {"type": "mcp_tool_use", "id": "m", "name": "f", "server_name": "x", "input": {"a": 1}}
ANSWERED = {"type": "mcp_tool_result", "tool_use_id": "m", "is_error": False}
PAGE = {"type": "web_search_result", "url": "https://a", "title": "A", "encrypted_content": "e"}


@pytest.mark.parametrize(
    "call, result, hosted",
    [
        pytest.param(
            USED,
            {**RESULT, "content": [PAGE, "?", {"type": "odd"}]},
            HostedCall("web_search", {"query": "q"}, urls=("https://a",)),
            id="a search",
        ),
        pytest.param(
            USED,
            {**RESULT, "content": {"type": "web_search_tool_result_error"}},
            HostedCall("web_search", {"query": "q"}, failed=True),
            id="a search that failed",
        ),
        pytest.param(
            {**USED, "input": None},
            {**RESULT, "content": []},
            HostedCall("web_search", {}),
            id="a search for nothing",
        ),
        pytest.param(
            REMOTE,
            {
                **ANSWERED,
                "content": [{"type": "text", "text": "y"}, {"type": "text", "text": "es"}],
            },
            HostedCall("f", {"a": 1}, "x", output="yes"),
            id="an MCP tool",
        ),
        pytest.param(
            REMOTE,
            {**ANSWERED, "content": "no", "is_error": True},
            HostedCall("f", {"a": 1}, "x", output="no", failed=True),
            id="an MCP tool that failed",
        ),
        pytest.param(
            USED, {"type": "code_execution_tool_result", "tool_use_id": "s"}, None, id="code"
        ),
        pytest.param(USED, {**RESULT, "tool_use_id": "another"}, None, id="another call's result"),
    ],
)
def test_a_result_tells_what_a_server_tool_did(
    call: Any, result: Any, hosted: HostedCall | None
) -> None:
    served: dict[str, Any] = {}
    for block in (call, result):
        [opened, _] = block_of(block, OWNER, served, ctx()).close()
    assert opened == PartStart(NativePart(owned(result), "server_tool_dropped", hosted=hosted))


LISTING = {"type": "mcp_tool_listing", "mcp_server_name": "x"}
LISTED = {"name": "f", "description": "Does it.", "input_schema": {"type": "object"}}


@pytest.mark.parametrize(
    "block, hosted",
    [
        pytest.param(
            {**LISTING, "tools": [LISTED, "?"]}, HostedList("x", (LISTED,)), id="some tools"
        ),
        pytest.param({**LISTING, "tools": []}, HostedList("x", ()), id="none"),
        pytest.param(LISTING, None, id="nobody knows"),
        pytest.param({"type": "new", "tools": []}, None, id="tools of something else"),
    ],
)
def test_a_listing_tells_what_tools_a_server_has(block: Any, hosted: HostedList | None) -> None:
    assert read(block) == (NativePart(owned(block), "server_tool_dropped", hosted=hosted),)


def test_a_call_cut_off_is_known_to_be_cut() -> None:
    opened = block_of(USE, OWNER, {}, ctx())
    opened.delta("input_json_delta", input_delta('{"a": "b'))
    assert opened.close()[-1].cut  # type: ignore[union-attr]


def test_what_stands_behind_the_arguments_is_noted() -> None:
    own = ctx()
    assert read(USE, input_delta('{"a": 1}'), input_delta("{}"), ctx=own) == (
        ToolCallPart("t", "f", '{"a": 1}'),
    )
    assert [note.code for note in own.notes] == ["late_tool_delta"]


# --- writing

STATE = Native("openai_chat", ({"field": "reasoning_content", "text": "hm"},), "up", "m")


@pytest.mark.parametrize(
    "text, native, block",
    [
        pytest.param("hm", owned(SIGNED), SIGNED, id="its own"),
        pytest.param("", owned(REDACTED), REDACTED, id="redacted"),
        pytest.param("hm", None, {**THINKING, "thinking": "hm"}, id="without a state"),
        pytest.param("", None, None, id="nothing at all"),
        pytest.param(
            "hm", owned({"type": "thinking"}), {**THINKING, "thinking": "hm"}, id="never signed"
        ),
    ],
)
def test_thinking_is_written(text: str, native: Native | None, block: Any) -> None:
    assert encode_thinking(text, native, ctx()) == block


@pytest.mark.parametrize("text", ["hm", ""])
def test_another_vendors_state_is_sealed(text: str) -> None:
    own = ctx()
    block = encode_thinking(text, STATE, own)
    assert (block["type"], block["thinking"]) == ("thinking", text)
    assert is_sealed(block["signature"])
    assert unseal(block["signature"], own.key) == STATE


def test_a_state_too_large_is_left_out() -> None:
    own = ctx()
    large = Native("openai_chat", ("x" * MAX_BYTES,))
    assert encode_signature(large, own) == ""
    assert encode_thinking("", large, own) is None
    assert {note.code for note in own.notes} == {"opaque_too_large"}


def test_a_client_that_switched_thinking_off_gets_none() -> None:
    own = ctx()
    own.request = Request(A, "m", reasoning=Reasoning(mode="disabled"))
    assert encode_thinking("hm", STATE, own) is None
    own.request = Request(A, "m")
    assert encode_thinking("hm", STATE, own) is not None


def test_a_client_that_wants_no_text_of_it_gets_the_state() -> None:
    own = ctx()
    own.request = Request(A, "m", reasoning=Reasoning(visible=False))
    block = encode_thinking("hm", STATE, own)
    assert block == encode_thinking("", STATE, own)
    assert unseal(block["signature"], own.key) == STATE
    assert encode_thinking("hm", None, own) is None


LOCATION = {
    "type": "web_search_result_location",
    "url": "https://a",
    "title": None,
    "cited_text": "",
    "encrypted_index": "",
}


@pytest.mark.parametrize(
    "citation, wire",
    [
        pytest.param(CITED, WEB, id="its own"),
        pytest.param(Citation("https://a"), LOCATION, id="a URL"),
        pytest.param(
            Citation("https://a", "A", start=1, end=3),
            {**LOCATION, "title": "A", "cited_text": "bc"},
            id="with the place in the text",
        ),
        pytest.param(
            Citation("https://a", cited_text="x", start=1, end=3),
            {**LOCATION, "cited_text": "x"},
            id="with the words",
        ),
        pytest.param(Citation(None, "A"), None, id="a place in another vendor's document"),
    ],
)
def test_a_citation_is_written(citation: Citation, wire: Any) -> None:
    own = ctx()
    assert encode_citation(citation, "abcd", own) == wire
    assert [note.code for note in own.notes] == ([] if wire else ["citations_dropped"])


CARRIED = {"type": "redacted_thinking", "data": seal(STATE, b"\0")}
CODE = "hosted_output_dropped"


@pytest.mark.parametrize(
    "part, wire, noted",
    [
        pytest.param(NativePart(owned(SEARCH), CODE), [SEARCH], [], id="its own"),
        pytest.param(NativePart(STATE, CODE), [CARRIED], [], id="another vendor's is carried"),
        pytest.param(
            NativePart(STATE, CODE, "x"),
            [CARRIED, {"type": "text", "text": "x"}],
            [],
            id="another vendor's that can be said",
        ),
        pytest.param(
            NativePart(STATE, CODE, seen=True), [CARRIED], [CODE], id="an image that is not shown"
        ),
        pytest.param(
            NativePart(STATE, CODE, hosted=HostedList("x", ())), [CARRIED], [], id="a list of tools"
        ),
    ],
)
def test_a_block_of_one_vendor_is_written(part: NativePart, wire: Any, noted: list[str]) -> None:
    own = ctx()
    assert encode_native(part, own) == wire
    assert [note.code for note in own.notes] == noted


FOUND = HostedCall("web_search", {"query": "q"}, urls=("https://a",))
ELSEWHERE = Native("openai_responses", ({"type": "web_search_call", "id": "ws_1"},), "up", "m")
SHOWN = {"type": "web_search_result", "title": "", "encrypted_content": "", "page_age": None}


@pytest.mark.parametrize(
    "call, content",
    [
        pytest.param(FOUND, [{**SHOWN, "url": "https://a"}], id="what it found"),
        pytest.param(
            HostedCall("web_search", {"query": "q"}, failed=True),
            {"type": "web_search_tool_result_error", "error_code": "unavailable"},
            id="or that it failed",
        ),
    ],
)
def test_another_vendors_search_is_carried_and_shown(call: HostedCall, content: Any) -> None:
    own = ctx()
    [carried, use, result] = encode_native(NativePart(ELSEWHERE, CODE, hosted=call), own)
    assert unseal(carried["data"], own.key) == ELSEWHERE
    assert use == {**USED, "id": "srvtoolu_brg1_1"}
    assert result == {**RESULT, "tool_use_id": "srvtoolu_brg1_1", "content": content}
    for block in (use, result):
        TypeAdapter(ContentBlock).validate_python(block, strict=True)


def test_searches_without_ids_get_different_ones() -> None:
    nameless = [Native("openai_responses", ({"query": q},)) for q in "ab"]
    parts = [NativePart(native, CODE, hosted=FOUND) for native in nameless]
    first, second = (encode_native(part, ctx())[1]["id"] for part in parts)
    assert first != second


@pytest.mark.parametrize("raw", [None, {}, {"mcp_servers": []}, {"mcp_servers": [{"name": "x"}]}])
def test_an_mcp_tool_is_shown_to_who_has_such_tools(raw: Any) -> None:
    own = ctx()
    own.request = None if raw is None else Request(A, "m", raw=raw)
    call = HostedCall("f", {"a": 1}, "x", output="yes")
    [carried, *shown] = encode_native(NativePart(ELSEWHERE, CODE, hosted=call), own)
    assert carried["type"] == "redacted_thinking"
    if not (raw and raw["mcp_servers"]):
        assert shown == []
    else:
        use, result = shown
        assert use == {**REMOTE, "id": "mcptoolu_brg1_1"}
        said = [{"type": "text", "text": "yes"}]
        assert result == {**ANSWERED, "tool_use_id": "mcptoolu_brg1_1", "content": said}


def test_a_client_that_switched_thinking_off_carries_nothing() -> None:
    own = ctx()
    own.request = Request(A, "m", reasoning=Reasoning(mode="disabled"))
    assert encode_native(NativePart(STATE, CODE), own) == []


def test_a_call_is_written_without_its_input() -> None:
    assert encode_call(ToolCallPart("t", "f", "{}")) == USE
    by_code = ToolCallPart("t", "f", "{}", native=owned(CALLER))
    assert encode_call(by_code) == {**USE, **CALLER}
    assert encode_call(ToolCallPart("t", "f", "{}", native=STATE)) == USE


@pytest.mark.parametrize(
    "namespace, written",
    [
        pytest.param("browser", {"toolset_name": "browser"}, id="a toolset"),
        pytest.param("files", {}, id="another vendor's namespace"),
    ],
)
def test_a_call_tells_its_toolset(namespace: str, written: Any) -> None:
    assert encode_call(ToolCallPart("t", "f", "{}", namespace=namespace)) == {**USE, **written}
    assert read({**USE, **written})[0] == ToolCallPart(
        "t", "f", "{}", namespace=namespace if written else None
    )


def test_a_message_before_anything_is_said() -> None:
    head = message_head("chatcmpl-1", "m", "default", ctx())
    assert (head["id"], head["model"], head["content"]) == ("msg_1", "m", [])
    assert head["usage"]["service_tier"] == "standard"
