"""Events become a stream of chunks that the SDK can join."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk
from pydantic import TypeAdapter

from bridge.transform.answers import (
    CitationDelta,
    Error,
    Event,
    Failure,
    Finish,
    Keepalive,
    PartDelta,
    PartEnd,
    PartStart,
    Response,
    Start,
    Stop,
    Usage,
)
from bridge.transform.context import Context, context
from bridge.transform.fold import unfold
from bridge.transform.model import (
    Citation,
    Native,
    Part,
    Protocol,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from bridge.transform.openai_chat import Encoder, encode_response
from bridge.transform.sse import SseParser
from tests.transform.openai_chat.streams import CALLED, COUNTED, DONE, FOUND, USAGE, texts

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
CHUNK = TypeAdapter(ChatCompletionChunk)


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def ctx_for(**request: Any) -> Context:
    ctx = context(C, A)
    ctx.now = 7.0
    ctx.request = Request(C, "m", **request)
    return ctx


def events_of(*parts: Part, finish: Finish, usage: Usage | None = USAGE) -> list[Event]:
    return list(unfold(Response("msg_1", "m", parts, finish, usage)))


def written(events: Iterable[Event], ctx: Context | None = None) -> bytes:
    encoder = Encoder(ctx or ctx_for())
    return b"".join(map(encoder.encode, events))


def chunks(data: bytes) -> list[Any]:
    """Parsed events, "[DONE]" and None for comments."""
    parser = SseParser()
    found = [event.data for event in [*parser.feed(data), *parser.end()]]
    return [json.loads(d) if d and d.startswith("{") else d for d in found]


def deltas(data: bytes) -> list[Any]:
    return [c["choices"][0]["delta"] for c in chunks(data) if isinstance(c, dict) and c["choices"]]


def test_a_stream_is_written_as_documented() -> None:
    ctx = ctx_for(include_usage=True)
    events = events_of(TextPart("hi"), finish=Finish("stop"))
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m"}

    def said(delta: Any, finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**common, "choices": [choice], "usage": None}

    counts = {
        **COUNTED,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    assert chunks(written(events, ctx)) == [
        said({"role": "assistant", "content": ""}),
        said({"content": "hi"}),
        said({}, "stop"),
        {**common, "choices": [], "usage": counts},
        DONE,
    ]


def test_counts_are_told_only_to_who_asked_and_only_if_known() -> None:
    events = events_of(TextPart("hi"), finish=Finish("stop"))
    assert all("usage" not in c for c in chunks(written(events)) if isinstance(c, dict))
    unknown = events_of(TextPart("hi"), finish=Finish("stop"), usage=None)
    told = chunks(written(unknown, ctx_for(include_usage=True)))
    assert all(c["usage"] is None for c in told if isinstance(c, dict))


@pytest.mark.parametrize("asked", [True, False])
def test_what_a_moderator_found_has_a_chunk_before_the_counts(asked: bool) -> None:
    *events, stop = events_of(TextPart("hi"), finish=Finish("stop"))
    assert isinstance(stop, Stop)
    told = written([*events, replace(stop, moderation=FOUND)], ctx_for(include_usage=asked))
    [moderated] = [c for c in chunks(told)[:-1] if c.get("moderation")]
    assert (moderated["moderation"], moderated["choices"]) == (FOUND, [])
    assert chunks(told).index(moderated) == len(chunks(told)) - (3 if asked else 2)
    assert ("usage" in moderated) is asked
    [item] = [item for item in told.split(b"\n\n") if b"moderation" in item]
    known = CHUNK.validate_json(item.removeprefix(b"data: ")).moderation
    assert known is not None and known.input.type == "moderation_results"


def test_each_delta_is_written_at_once() -> None:
    encoder = Encoder(ctx_for())
    events = events_of(ReasoningPart("t"), TextPart("a"), CALLED, finish=Finish("tool_calls"))
    for event in events:
        data = encoder.encode(event)
        assert data or not isinstance(event, PartDelta | Stop)


def test_calls_say_id_type_and_name_once() -> None:
    events: list[Event] = [
        Start("msg_1", "m"),
        PartStart(ToolCallPart("1", "f", "")),
        PartDelta('{"a"'),
        PartDelta(""),
        PartDelta(":1}"),
        PartEnd(),
        PartStart(ToolCallPart("2", "c", "", "custom")),
        PartDelta("x"),
        PartEnd(),
        Stop(Finish("tool_calls")),
    ]
    data = written(events)
    assert deltas(data) == [
        {"role": "assistant", "content": None},
        {
            "tool_calls": [
                {
                    "index": 0,
                    "id": "1",
                    "type": "function",
                    "function": {"name": "f", "arguments": ""},
                }
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
        {
            "tool_calls": [
                {"index": 1, "id": "2", "type": "custom", "custom": {"name": "c", "input": ""}}
            ]
        },
        {"tool_calls": [{"index": 1, "custom": {"input": "x"}}]},
        {},
    ]
    assert chunks(data)[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_the_older_form_has_one_call_without_an_index() -> None:
    events = events_of(CALLED, ToolCallPart("2", "g", "{}"), finish=Finish("tool_calls"))
    ctx = ctx_for(legacy_functions=True)
    data = written(events, ctx)
    assert deltas(data) == [
        {"role": "assistant", "content": None},
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": '{"a":1}'}},
        {},
    ]
    assert chunks(data)[-2]["choices"][0]["finish_reason"] == "function_call"
    assert codes(ctx) == ["item_dropped"]


THINKING = Native(A, ({"type": "thinking", "thinking": "t", "signature": "s"},), "claude", "m")


def test_reasoning_is_followed_by_its_sealed_state() -> None:
    data = written(events_of(ReasoningPart("t", THINKING), TextPart("a"), finish=Finish("stop")))
    assert b'"s"' not in data  # the bare signature
    [opening, text, state, *_] = deltas(data)
    assert opening == {"role": "assistant", "content": None}
    assert text == {"reasoning_content": "t"}
    [entry] = state["reasoning_details"]
    assert (entry["type"], entry["text"], entry["index"]) == ("reasoning.text", "t", 0)
    assert ctx_for().unseal(entry["signature"], "") == THINKING


def test_hidden_reasoning_sends_its_state_alone() -> None:
    ctx = ctx_for(reasoning=Reasoning(visible=False))
    data = written(
        events_of(ReasoningPart("t", THINKING), TextPart("a"), finish=Finish("stop")), ctx
    )
    assert b"reasoning_content" not in data
    [entry] = deltas(data)[1]["reasoning_details"]
    assert entry["text"] == ""


def test_log_probabilities_stand_beside_their_text_if_they_are_numbers() -> None:
    known = {"token": "a", "logprob": -1.0, "bytes": None, "top_logprobs": []}
    given = ({**known, "id": 5}, {"token": "b"})
    data = written(events_of(TextPart("ab", logprobs=given), finish=Finish("stop")))
    told = [c["choices"][0]["logprobs"] for c in chunks(data) if c != DONE]
    assert told == [None, {"content": [known], "refusal": None}, None]
    none = written(events_of(TextPart("ab", logprobs=given[1:]), finish=Finish("stop")))
    assert [c["choices"][0]["logprobs"] for c in chunks(none) if c != DONE] == [None] * 3


def test_a_refusal_of_a_classifier_is_explained() -> None:
    data = written(events_of(finish=Finish("refusal", explanation="why")))
    assert deltas(data) == [{"role": "assistant", "content": ""}, {"refusal": "why"}, {}]
    assert chunks(data)[-2]["choices"][0]["finish_reason"] == "content_filter"


def test_trap_46_an_error_is_the_last_word() -> None:
    encoder = Encoder(ctx_for())
    events = events_of(TextPart("a"), finish=Finish("stop"))
    data = b"".join(map(encoder.encode, [*events[:3], Failure(Error("overloaded", "busy", 529))]))
    *_, last = chunks(data)
    assert last == {
        "error": {"message": "busy", "type": "server_error", "param": None, "code": "overloaded"}
    }
    assert (
        b"".join(map(encoder.encode, [*events, Keepalive(), CitationDelta(Citation("u"))])) == b""
    )


def test_silence_is_a_comment() -> None:
    data = written([Keepalive()])
    assert data.startswith(b":") and chunks(data) == [None]


def test_a_part_of_a_request_is_no_part_of_an_answer() -> None:
    with pytest.raises(TypeError, match="ToolResultPart cannot be part of an answer"):
        Encoder(ctx_for()).encode(PartStart(ToolResultPart("1", ())))


# --- the SDK as judge

tokens = st.just({"token": "a", "logprob": -1.0, "bytes": None, "top_logprobs": []})
parts_of_answers: st.SearchStrategy[Part] = st.one_of(
    st.builds(
        TextPart,
        texts,
        st.lists(st.builds(Citation, st.just("https://a.example"), texts), max_size=2).map(tuple),
        logprobs=st.lists(tokens, max_size=1).map(tuple),
    ),
    st.builds(ReasoningPart, texts, st.sampled_from([None, THINKING])),
    st.builds(RefusalPart, texts),
    st.builds(ToolCallPart, texts, texts, st.sampled_from(["{}", '{"a":"\\u00e9"}'])),
)
finishes = st.builds(
    Finish,
    st.sampled_from(
        ["stop", "stop_sequence", "length", "context_window", "tool_calls", "content_filter"]
        + ["refusal", "pause", "interrupted"]
    ),
)
responses = st.builds(
    Response,
    texts,
    texts,
    st.lists(parts_of_answers, max_size=5).map(tuple),
    finishes,
    st.none() | st.just(USAGE),
    service_tier=st.sampled_from([None, "default", "priority"]),
)


@pytest.fixture(scope="module")
def join() -> Iterator[Callable[[bytes], dict[str, Any]]]:
    """What a program gets that uses the SDK's stream helper."""
    served = {"content": b""}
    headers = {"content-type": "text/event-stream"}
    answer = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, **served))
    with (
        httpx2.Client(transport=answer) as http,
        openai.OpenAI(api_key="none", base_url="http://up.invalid/v1", http_client=http) as client,
    ):

        def joined(data: bytes) -> dict[str, Any]:
            served["content"] = data
            asked: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
            with client.chat.completions.stream(**asked) as stream:
                for _ in stream:
                    pass
                return comparable(stream.current_completion_snapshot.to_dict())

        yield joined


def comparable(completion: dict[str, Any]) -> dict[str, Any]:
    """Without what the helper adds: indices of calls, parsed arguments, nulls."""
    message = completion["choices"][0]["message"]
    for call in message.get("tool_calls") or ():
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    cleaned = without_nulls(completion)
    return dict(cleaned)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None and k != "parsed"}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


@given(responses)
def test_what_the_sdk_joins_is_the_whole_answer(
    join: Callable[[bytes], dict[str, Any]], response: Response
) -> None:
    ctx = ctx_for(include_usage=True)
    data = written(unfold(response), ctx)
    for item in chunks(data)[:-1]:
        CHUNK.validate_python(item, strict=True)
    assert join(data) == comparable(encode_response(response, ctx))


@given(responses, st.booleans())
def test_the_grammar_of_chunks_is_kept(response: Response, asked: bool) -> None:
    *told, done = chunks(written(unfold(response), ctx_for(include_usage=asked)))
    assert done == DONE
    counted = [c for c in told if not c["choices"]]
    assert counted == (told[-1:] if asked and response.usage else [])
    said = [c["choices"][0] for c in told if c["choices"]]
    assert [c["finish_reason"] for c in said[:-1]] == [None] * (len(said) - 1)
    assert said[-1]["finish_reason"] and said[-1]["delta"] == {}
    assert ["role" in c["delta"] for c in said] == [True] + [False] * (len(said) - 1)
    named = [call for c in said for call in c["delta"].get("tool_calls", ()) if "id" in call]
    assert [call["index"] for call in named] == list(range(len(named)))
    assert len({json.dumps({**c, "choices": 0, "usage": 0}) for c in told}) == 1
