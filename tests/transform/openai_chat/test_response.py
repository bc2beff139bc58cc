"""Whole answers: read like streams, written like streams."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion
from pydantic import TypeAdapter

from bridge.transform.answers import Error, Event, Failure, Finish, Response, Usage
from bridge.transform.context import Context, context
from bridge.transform.fold import Fold
from bridge.transform.model import (
    Citation,
    Native,
    NativePart,
    Part,
    Protocol,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    ToolCallPart,
)
from bridge.transform.openai_chat import decode_response, encode_response

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
ANSWER = TypeAdapter(ChatCompletion)


FOUND = {
    "input": {"type": "error", "code": "a", "message": "b"},
    "output": {"type": "moderation_results", "model": "omni", "results": []},
}


def test_what_a_moderator_found_is_told() -> None:
    answer = body({"content": "a"}, moderation=FOUND)
    response = fold(decode_response(answer, context(C, C)))
    assert response.moderation == FOUND
    written = encode_response(response, context(C, C))
    assert written["moderation"] == FOUND and ANSWER.validate_python(written)
    assert "moderation" not in encode_response(
        fold(decode_response(body({"content": "a"}), context(C, C))), context(C, C)
    )


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def fold(events: list[Event]) -> Response:
    folder = Fold()
    for event in events:
        folder.add(event)
    assert folder.response, folder.error
    return folder.response


def body(message: Any, finish: Any = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"id": "c1", "model": "m", "created": 5, "choices": [choice], **more}


def call(id: str, name: str = "f", arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": id, "type": "function", "function": function, **more}


def reasoning(text: str, field: str = "reasoning_content") -> ReasoningPart:
    return ReasoningPart(text, Native(C, ({"field": field, "text": text},), model="m"))


@pytest.mark.parametrize(
    "answer, parts, finish, noted",
    [
        pytest.param(
            body({"role": "assistant", "content": "a"}),
            (TextPart("a"),),
            Finish("stop", "stop"),
            [],
            id="text",
        ),
        pytest.param(
            body({"content": "a", "reasoning_content": "t", "tool_calls": [call("1")]}),
            (reasoning("t"), TextPart("a"), ToolCallPart("1", "f", "{}")),
            Finish("tool_calls", "stop"),
            [],
            id="reasoning, text and a call",
        ),
        pytest.param(
            body({"content": None, "tool_calls": [call("1", index=0), call("2", index=0)]}),
            (ToolCallPart("1", "f", "{}"), ToolCallPart("2", "f", "{}")),
            Finish("tool_calls", "stop"),
            [],
            id="two calls with one index",
        ),
        pytest.param(
            body({"tool_calls": [call("", arguments='{"a":1}'), call("", arguments='{"a":2}')]}),
            (ToolCallPart("", "f", '{"a":1}'), ToolCallPart("", "f", '{"a":2}')),
            Finish("tool_calls", "stop"),
            [],
            id="two calls without ids",
        ),
        pytest.param(
            body({"content": "", "function_call": {"name": "f", "arguments": '{"a":1}'}}),
            (ToolCallPart("", "f", '{"a":1}'),),
            Finish("tool_calls", "stop"),
            [],
            id="the older form",
        ),
        pytest.param(
            body({"content": None, "refusal": "no"}),
            (RefusalPart("no"),),
            Finish("refusal", "stop", explanation="no"),
            [],
            id="a refusal",
        ),
        pytest.param(
            body({"content": "a", "refusal": "", "tool_calls": [], "audio": None}),
            (TextPart("a"),),
            Finish("stop", "stop"),
            [],
            id="empty fields",
        ),
        pytest.param(
            body(None) | {"choices": [{"index": "0", "text": "a", "finish_reason": "stop"}]},
            (TextPart("a"),),
            Finish("stop", "stop"),
            [],
            id="a text of the older endpoint",
        ),
        pytest.param(
            body({"content": {"title": "x"}}),
            (TextPart('{"title":"x"}'),),
            Finish("stop", "stop"),
            [],
            id="content parsed already",
        ),
        pytest.param(
            body(
                {"content": [{"type": "thinking", "thinking": "t"}, {"type": "text", "text": "a"}]}
            ),
            (
                ReasoningPart(
                    "t",
                    Native(
                        C,
                        (
                            {
                                "field": "content",
                                "details": [
                                    {
                                        "type": "thinking",
                                        "thinking": [{"type": "text", "text": "t"}],
                                    }
                                ],
                            },
                        ),
                        model="m",
                    ),
                ),
                TextPart("a"),
            ),
            Finish("stop", "stop"),
            [],
            id="content in parts (Mistral)",
        ),
        pytest.param(
            body(
                {
                    "content": "ab",
                    "annotations": [
                        {
                            "type": "url_citation",
                            "url_citation": {
                                "url": "u",
                                "title": "t",
                                "start_index": 0,
                                "end_index": 1,
                            },
                        }
                    ],
                }
            ),
            (TextPart("ab", (Citation("u", "t", start=0, end=1),)),),
            Finish("stop", "stop"),
            [],
            id="citations",
        ),
        pytest.param(
            body({"tool_calls": [call("1", arguments='{"a":"b')]}, "tool_calls"),
            (ToolCallPart("1", "f", '{"a":"b'),),
            Finish("length", "tool_calls"),
            ["invalid_arguments"],
            id="trap 7: half a call never looks whole",
        ),
        pytest.param(
            body({"tool_calls": [call("1", arguments="")]}, "length"),
            (ToolCallPart("1", "f", ""),),
            Finish("length", "length"),
            ["invalid_arguments"],
            id="nor one cut before its arguments",
        ),
        pytest.param(
            body({"tool_calls": [call("1", arguments="[1]")]}),
            (ToolCallPart("1", "f", '{"_raw":"[1]"}'),),
            Finish("tool_calls", "stop"),
            ["invalid_arguments"],
            id="arguments that are no object",
        ),
        pytest.param(
            body({"content": "a"}, ""),
            (TextPart("a"),),
            Finish("stop"),
            ["finish_inferred"],
            id="no finish reason",
        ),
        pytest.param(
            body(None, "content_filter"),
            (),
            Finish("content_filter", "content_filter"),
            [],
            id="none",
        ),
        pytest.param(
            {
                "id": "c1",
                "model": "m",
                "created": 5,
                "choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}],
            },
            (TextPart("a"),),
            Finish("stop", "stop"),
            [],
            id="a delta in place of the message",
        ),
        pytest.param(
            {
                "id": "c1",
                "model": "m",
                "created": 5,
                "choices": [
                    {"index": 1, "message": {"content": "b"}, "finish_reason": "length"},
                    {"index": 0, "message": {"content": "a"}, "finish_reason": "stop"},
                ],
            },
            (TextPart("a"),),
            Finish("stop", "stop"),
            ["choices_dropped"],
            id="several answers",
        ),
        pytest.param(
            {
                "id": "c1",
                "model": "m",
                "created": 5,
                "choices": [{"index": 3, "message": {"content": "a"}}],
            },
            (TextPart("a"),),
            Finish("stop"),
            ["finish_inferred"],
            id="one with an odd index",
        ),
    ],
)
def test_an_answer_is_read(
    answer: Any, parts: tuple[Part, ...], finish: Finish, noted: list[str]
) -> None:
    ctx = context(C, C)
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    folded = fold(decode_response({**answer, "usage": usage}, ctx))
    assert folded == Response("c1", "m", parts, finish, Usage(1, 2), 5)
    assert codes(ctx) == noted


@pytest.mark.parametrize(
    "answer, error",
    [
        pytest.param(
            {"error": {"message": "x", "code": 429}}, Error("rate_limit", "x", 429), id="-"
        ),
        pytest.param(
            {"choices": [{"message": {}, "error": {"message": "x"}, "finish_reason": "error"}]},
            Error("server", "x", 502),
            id="an error in the choice",
        ),
        pytest.param({"choices": []}, Error("server", '{"choices":[]}', 502), id="no choices"),
        pytest.param({"message": "busy"}, Error("server", "busy", 502), id="only a message"),
        pytest.param({}, Error("server", "the upstream ended without an answer", 502), id="empty"),
        pytest.param([], Error("server", "the upstream ended without an answer", 502), id="a list"),
        pytest.param({"choices": [5]}, Error("server", '{"choices":[5]}', 502), id="no choice"),
    ],
)
def test_what_is_no_answer_is_a_failure(answer: Any, error: Error) -> None:
    assert decode_response(answer, context(C, C)) == [Failure(error)]


def test_an_answer_without_counts_says_so() -> None:
    ctx = context(C, C)
    assert fold(decode_response(body({"content": "a"}), ctx)).usage is None
    assert codes(ctx) == ["usage_missing"]


THINKING = Native(A, ({"type": "thinking", "thinking": "t", "signature": "s"},), "claude", "m")


STOP = Finish("stop")


def written(*parts: Part, finish: Finish = STOP, **more: Any) -> dict[str, Any]:
    ctx = context(C, A)
    ctx.now = 7
    ctx.request = more.pop("request", None)
    encoded = encode_response(Response("msg_1", "m", parts, finish, **more), ctx)
    ANSWER.validate_python(encoded, strict=True)
    return dict(encoded)


def message(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "refusal": None, **fields}


@pytest.mark.parametrize(
    "parts, finish, expected, word",
    [
        pytest.param((TextPart("a"),), Finish("stop"), message(content="a"), "stop", id="text"),
        pytest.param((), Finish("stop"), message(content=""), "stop", id="nothing"),
        pytest.param(
            (TextPart("a"), TextPart("b")), Finish("stop"), message(content="ab"), "stop", id="-"
        ),
        pytest.param(
            (ToolCallPart("1", "f", '{"a":1}'), ToolCallPart("2", "c", "x", "custom")),
            Finish("tool_calls"),
            message(
                tool_calls=[
                    call("1", arguments='{"a":1}'),
                    {"id": "2", "type": "custom", "custom": {"name": "c", "input": "x"}},
                ]
            ),
            "tool_calls",
            id="calls without text",
        ),
        pytest.param(
            (ReasoningPart("t"), TextPart("a")),
            Finish("stop"),
            message(content="a", reasoning_content="t"),
            "stop",
            id="reasoning",
        ),
        pytest.param(
            (RefusalPart("no"),),
            Finish("refusal"),
            message(refusal="no"),
            "stop",
            id="a refusal that was spoken",
        ),
        pytest.param(
            (TextPart("par"),),
            Finish("refusal", explanation="why"),
            message(content="par", refusal="why"),
            "content_filter",
            id="a refusal of a classifier",
        ),
        pytest.param(
            (TextPart("ab"), TextPart("cd", (Citation("u", "t"),))),
            Finish("stop"),
            message(
                content="abcd",
                annotations=[
                    {
                        "type": "url_citation",
                        "url_citation": {
                            "start_index": 2,
                            "end_index": 4,
                            "title": "t",
                            "url": "u",
                        },
                    }
                ],
            ),
            "stop",
            id="citations",
        ),
    ],
)
def test_an_answer_is_written(
    parts: tuple[Part, ...], finish: Finish, expected: dict[str, Any], word: str
) -> None:
    assert written(*parts, finish=finish) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [
            {"index": 0, "message": expected, "logprobs": None, "finish_reason": word},
        ],
    }


def test_counts_tier_and_time_are_told() -> None:
    encoded = written(TextPart("a"), usage=Usage(3, 4), service_tier="priority", created=5.0)
    assert encoded["usage"]["total_tokens"] == 7
    assert (encoded["service_tier"], encoded["created"]) == ("priority", 5)


def test_logprobs_are_told() -> None:
    token = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    encoded = written(TextPart("a", logprobs=(token,)), TextPart("b"))
    assert encoded["choices"][0]["logprobs"] == {"content": [token], "refusal": None}


def test_the_older_form_has_one_call() -> None:
    request = Request(C, "m", legacy_functions=True)
    encoded = written(
        ToolCallPart("1", "f", '{"a":1}'),
        ToolCallPart("2", "g", "{}"),
        finish=Finish("tool_calls"),
        request=request,
    )
    choice = encoded["choices"][0]
    assert choice["message"] == message(function_call={"name": "f", "arguments": '{"a":1}'})
    assert choice["finish_reason"] == "function_call"


def test_state_of_every_thought_is_an_entry_of_its_own() -> None:
    parts = (ReasoningPart("t", THINKING), ReasoningPart("u", THINKING))
    told = written(*parts)["choices"][0]["message"]
    assert told["reasoning_content"] == "tu"
    assert [(d["text"], d["index"]) for d in told["reasoning_details"]] == [("t", 0), ("u", 1)]


def test_blocks_of_another_protocol_are_their_text_and_noted_where_they_were_to_be_seen() -> None:
    ctx = context(C, A)
    native = Native(A, ({"type": "x"},))
    parts = (
        NativePart(native, "server_tool_dropped"),
        NativePart(native, "hosted_output_dropped", seen=True),
        NativePart(native, "hint_dropped", "summary"),
    )
    encoded = encode_response(Response("1", "m", parts, Finish("stop")), ctx)
    assert encoded["choices"][0]["message"]["content"] == "summary"
    assert codes(ctx) == ["hosted_output_dropped"]


# --- laws

texts = st.text(min_size=1, max_size=10)
answers = st.lists(
    st.one_of(
        st.builds(TextPart, texts),
        st.builds(ToolCallPart, st.uuids().map(str), texts, st.just('{"a":1}')),
    ),
    min_size=1,
    max_size=4,
)


@given(answers)
def test_text_and_calls_survive(parts: list[Part]) -> None:
    calls = [part for part in parts if isinstance(part, ToolCallPart)]
    said = "".join(part.text for part in parts if isinstance(part, TextPart))
    finish = Finish("tool_calls" if calls else "stop")
    encoded = encode_response(Response("1", "m", tuple(parts), finish), context(C, A))
    ANSWER.validate_python(encoded, strict=True)
    again = fold(decode_response(encoded, context(C, C)))
    assert [part for part in again.parts if isinstance(part, ToolCallPart)] == calls
    assert "".join(part.text for part in again.parts if isinstance(part, TextPart)) == said
    assert again.finish.reason == finish.reason


words = st.sampled_from(
    """
    choices index message delta content finish_reason stop length tool_calls function name arguments
    reasoning reasoning_details refusal annotations url_citation usage prompt_tokens error id model
    logprobs custom type text thinking signature data function_call x_groq base_resp
    """.split()
)
any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | words
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=5),
    max_leaves=20,
)
choices = st.dictionaries(words, any_json, max_size=6)


@given(any_json, choices, choices)
def test_any_json_is_an_answer_or_a_failure(
    answer: Any, choice: dict[str, Any], message: dict[str, Any]
) -> None:
    for candidate in (answer, {"choices": [choice]}, {"choices": [{**choice, "message": message}]}):
        ctx = context(C, C)
        events = decode_response(candidate, ctx)
        folder = Fold()
        for event in events:
            folder.add(event)
        assert (folder.response is None) is (folder.error is not None)
        if folder.response:
            encode_response(folder.response, ctx)
