"""Whole answers, and that they say what their streams say."""

import json
from typing import Any

import anthropic
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bridge.transform.answers import (
    Event,
    Failure,
    Finish,
    PartDelta,
    PartEnd,
    PartStart,
    Response,
    Start,
    Stop,
    Usage,
)
from bridge.transform.anthropic_messages import Encoder, decode_response, encode_response
from bridge.transform.context import Context, context
from bridge.transform.fold import Fold, unfold
from bridge.transform.model import (
    AudioPart,
    Citation,
    Native,
    NativePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)

A = "anthropic_messages"


def own() -> Context:
    return context(A, A)


def from_chat_upstream() -> Context:
    return context(A, "openai_chat")


USAGE = {"input_tokens": 5, "output_tokens": 3, "service_tier": "standard"}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USAGE,
}
BEGIN, END = Start("msg_1", "claude", service_tier="default"), Finish("stop", "end_turn")


def test_an_answer_is_read_as_its_stream_would_be() -> None:
    ctx = own()
    assert decode_response(MESSAGE, ctx) == [
        BEGIN,
        PartStart(TextPart("")),
        PartDelta("Hi"),
        PartEnd(),
        Stop(END, Usage(5, 3), "default"),
    ]
    assert list(ctx.notes) == []


def folded(body: Any, ctx: Context | None = None) -> Response:
    fold = Fold()
    for event in decode_response(body, ctx or own()):
        fold.add(event)
    assert fold.response
    return fold.response


THOUGHT = {"type": "thinking", "thinking": "", "signature": "s"}
USE = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
FOUND = {"type": "web_search_result", "url": "https://a", "title": "A", "encrypted_content": "e"}
RESULT = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [FOUND]}


@pytest.mark.parametrize(
    "fields, parts, finish",
    [
        pytest.param(
            {"content": [THOUGHT, USE, USE], "stop_reason": "tool_use"},
            (
                ReasoningPart("", Native(A, (THOUGHT,), "", "claude")),
                ToolCallPart("t", "f", '{"a":1}'),
                ToolCallPart("t", "f", '{"a":1}'),
            ),
            Finish("tool_calls", "tool_use"),
            id="thinking and calls",
        ),
        pytest.param(
            {"content": [RESULT]},
            (NativePart(Native(A, (RESULT,), "", "claude"), "server_tool_dropped"),),
            END,
            id="a server tool's result",
        ),
        pytest.param({"content": []}, (), END, id="no content"),
        pytest.param({"content": "Hi"}, (TextPart("Hi"),), END, id="content as a string"),
        pytest.param(
            {
                "content": [],
                "stop_reason": "refusal",
                "stop_details": {"type": "refusal", "category": "bio", "explanation": "No."},
            },
            (),
            Finish("refusal", "refusal", None, "No.", "bio"),
            id="a refusal",
        ),
        pytest.param(
            {"stop_reason": "stop_sequence", "stop_sequence": "END"},
            (TextPart("Hi"),),
            Finish("stop_sequence", "stop_sequence", "END"),
            id="a stop sequence",
        ),
        pytest.param({"stop_reason": None}, (TextPart("Hi"),), Finish("stop"), id="no reason"),
    ],
)
def test_answers_of_all_kinds(fields: Any, parts: Any, finish: Finish) -> None:
    response = folded({**MESSAGE, **fields})
    assert (response.parts, response.finish) == (parts, finish)


def test_what_is_missing_is_noted() -> None:
    ctx = own()
    assert folded({**MESSAGE, "usage": None, "stop_reason": None}, ctx).usage is None
    assert [note.code for note in ctx.notes] == ["usage_missing", "finish_inferred"]


@pytest.mark.parametrize(
    "body, kind, status, message",
    [
        pytest.param(
            {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}},
            "overloaded",
            529,
            "busy",
            id="an error inside a 200 (trap 4)",
        ),
        pytest.param({"error": "no"}, "server", 502, "no", id="in one word"),
        pytest.param(
            {"object": "chat.completion", "choices": []},
            "server",
            502,
            "no Anthropic message",
            id="another protocol's answer (trap 41)",
        ),
        pytest.param([], "server", 502, "no Anthropic message", id="a list"),
        pytest.param(None, "server", 502, "no Anthropic message", id="null"),
        pytest.param(
            {"message": "Token limit reached"}, "context_length", 400, "Token limit", id="Bedrock's"
        ),
    ],
)
def test_what_is_no_answer_is_a_failure(body: Any, kind: str, status: int, message: str) -> None:
    [failure] = decode_response(body, own())
    assert isinstance(failure, Failure)
    assert (failure.error.kind, failure.error.status) == (kind, status)
    assert message in failure.error.message


# --- writing


def test_an_answer_is_written() -> None:
    parts = (
        ReasoningPart("hm"),
        ReasoningPart(""),
        TextPart("Hi", (Citation("https://a", start=0, end=2), Citation(None))),
        RefusalPart("No."),
        ToolCallPart("t", "f", '{"a":1}'),
        NativePart(Native(A, (RESULT,)), "server_tool_dropped"),
    )
    finish = Finish("stop")
    response = Response("chatcmpl-1", "claude", parts, finish, Usage(5, 3), 9.0, "priority")
    cited = {
        "type": "web_search_result_location",
        "url": "https://a",
        "title": None,
        "cited_text": "Hi",
        "encrypted_index": "",
    }
    assert encode_response(response, from_chat_upstream()) == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": ""},
            {"type": "text", "text": "Hi", "citations": [cited]},
            {"type": "text", "text": "No."},
            USE,
            RESULT,
        ],
        "stop_reason": "refusal",
        "stop_sequence": None,
        "stop_details": {"type": "refusal", "category": None, "explanation": "No."},
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": None,
            "output_tokens": 3,
            "server_tool_use": None,
            "service_tier": "priority",
        },
    }


@pytest.mark.parametrize(
    "arguments, given",
    [
        pytest.param("", {}, id="none"),
        pytest.param("null", {}, id="null"),
        pytest.param("ls -l", {"_raw": "ls -l"}, id="no JSON"),
        pytest.param('{"a": "b', {"_raw": '{"a": "b'}, id="half of it"),
    ],
)
def test_arguments_of_any_kind(arguments: str, given: Any) -> None:
    parts = (ToolCallPart("t", "f", arguments),)
    encoded = encode_response(Response("", "m", parts, Finish("tool_calls")), own())
    assert encoded["content"][0]["input"] == given


@pytest.mark.parametrize("found, noted", [({"input": {}}, ["moderation_dropped"]), (None, [])])
def test_what_a_moderator_found_is_noted(found: Any, noted: list[str]) -> None:
    response = Response("1", "m", (TextPart("a"),), Finish("stop"), moderation=found)
    whole, stream = from_chat_upstream(), from_chat_upstream()
    encode_response(response, whole)
    streamed(response, stream)
    assert [[note.code for note in ctx.notes] for ctx in (whole, stream)] == [noted, noted]


def test_an_answer_holds_no_audio() -> None:
    response = Response("", "m", (AudioPart("", "wav"),), Finish("stop"))
    with pytest.raises(TypeError):
        encode_response(response, own())


# --- laws

ARGUMENTS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3)
STATES = st.none() | st.builds(
    Native,
    st.just("openai_chat"),
    st.tuples(st.fixed_dictionaries({"field": st.just("reasoning"), "text": st.text(max_size=9)})),
)
CITATIONS = st.builds(Citation, st.just("https://a"), st.none() | st.text(max_size=5))
PARTS = st.one_of(
    st.builds(TextPart, st.text(max_size=20), st.lists(CITATIONS, max_size=2).map(tuple)),
    st.builds(RefusalPart, st.text(min_size=1, max_size=9)),
    st.builds(ReasoningPart, st.text(max_size=20), STATES),
    st.builds(ToolCallPart, st.just("t"), st.just("f"), ARGUMENTS.map(json.dumps)),
    st.builds(NativePart, st.just(Native("openai_chat", ({},))), st.just("hosted_output_dropped")),
    st.just(NativePart(Native(A, (RESULT,)), "server_tool_dropped")),
)
COUNTS = st.integers(0, 10**6)
RESPONSES = st.builds(
    Response,
    st.just("chatcmpl-1"),
    st.just("claude"),
    st.lists(PARTS, max_size=5).map(tuple),
    st.one_of(
        st.builds(Finish, st.sampled_from(["stop", "length", "tool_calls", "content_filter"])),
        st.just(Finish("stop_sequence", stop_sequence="END")),
        st.just(Finish("refusal", explanation="No.", category="bio")),
    ),
    st.none()
    | st.builds(
        lambda fresh, read, written, output, thought: Usage(
            fresh + read + written, output, read, written, reasoning_tokens=thought
        ),
        *[COUNTS] * 4,
        st.none() | st.just(0),
    ),
    service_tier=st.sampled_from([None, "default", "priority"]),
)


def streamed(response: Response, ctx: Context) -> bytes:
    encoder = Encoder(ctx)
    return b"".join(encoder.encode(event) for event in unfold(response))


def accumulated(stream: bytes) -> anthropic.types.Message:
    """What the official SDK makes of a stream."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=stream, headers={"content-type": "text/event-stream"})

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    client = anthropic.Anthropic(api_key="k", base_url="http://a", max_retries=0, http_client=http)
    asked: Any = [{"role": "user", "content": "Hi"}]
    with client.messages.stream(model="m", max_tokens=1, messages=asked) as messages:
        return messages.get_final_message()


def present(value: Any) -> Any:
    """Without keys that say nothing; the SDK fills them in."""
    if isinstance(value, dict):
        return {k: present(v) for k, v in value.items() if v is not None}
    return [present(v) for v in value] if isinstance(value, list) else value


@given(RESPONSES)
def test_the_sdk_accumulates_from_the_stream_what_the_whole_answer_says(
    response: Response,
) -> None:
    whole = encode_response(response, from_chat_upstream())
    message = accumulated(streamed(response, from_chat_upstream()))
    TypeAdapter(anthropic.types.Message).validate_python(whole)
    assert present(message.to_dict()) == present(whole)


def read_as(part: Part) -> list[type[Part]]:
    match part:
        case RefusalPart():
            return [TextPart]
        case NativePart(native, text=text) if native.protocol != A:  # carried
            return [ReasoningPart, *([TextPart] if text else [])]
        case _:
            return [type(part)]


@given(RESPONSES)
def test_what_was_written_is_read_again(response: Response) -> None:
    body = encode_response(response, own())
    again = folded(body)
    assert [type(p) for p in again.parts] == [
        kind for p in response.parts if p != ReasoningPart("") for kind in read_as(p)
    ]
    assert again.usage == (response.usage or Usage(0, 0, 0, 0))
    assert again.service_tier == response.service_tier


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
KEYS = ("id", "model", "content", "stop_reason", "stop_sequence", "stop_details", "usage", "error")
BLOCKS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "thinking", "redacted_thinking", "tool_use", "x"]) | JSON},
    optional=dict.fromkeys(
        ("text", "citations", "thinking", "signature", "data", "id", "input"), JSON
    ),
)


@given(JSON | st.fixed_dictionaries({}, optional={key: JSON | st.lists(BLOCKS) for key in KEYS}))
def test_any_json_gives_events_with_one_end(body: Any) -> None:
    events: list[Event] = decode_response(body, own())
    assert [e for e in events if isinstance(e, Stop | Failure)] == events[-1:]
