"""Streams as the whole answers that they tell."""

import json
from typing import Any

import pytest
from hypothesis import given

from bridge.transform import PROTOCOLS, Protocol
from bridge.transform.answers import Error, Response
from bridge.transform.arguments import normal_arguments
from bridge.transform.json_text import loads
from bridge.transform.model import TextPart, ToolCallPart
from bridge.transform.translator import CODECS
from bridge.views.whole import whole
from tests.transform.recorded import events_of, folded, own, records
from tests.views.odd import BODIES


def sse(*events: Any) -> str:
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events)


def start(**fields: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {"id": "msg_1", "content": [], **fields}}


def block(n: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": n, "content_block": fields}


def delta(n: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": n, "delta": {"type": kind, **fields}}


def chunk(delta: Any, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, **fields}]}


def call(n: int, **fields: Any) -> dict[str, Any]:
    return chunk({"tool_calls": [{"index": n, **fields}]})


def item(n: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.output_item.{kind}", "output_index": n, "item": fields}


def more(kind: str, text: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "output_index": 0, "delta": text, **fields}


USE = {"type": "tool_use", "id": "t", "name": "f", "input": {}}


@pytest.mark.parametrize(
    "events, answer",
    [
        pytest.param(
            [
                start(usage={"input_tokens": 3, "output_tokens": 1}),
                block(0, type="thinking", thinking="", signature=""),
                delta(0, "thinking_delta", thinking="hm"),
                delta(0, "thinking_delta", thinking="!"),
                delta(0, "signature_delta", signature="sig"),
                block(1, type="text", text="a"),
                delta(1, "text_delta", text="b"),
                delta(1, "citations_delta", citation={"url": "u"}),
                {"type": "ping"},
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": "end_turn"},
                    "usage": {"output_tokens": 9},
                    "context_management": {},
                },
            ],
            {
                "id": "msg_1",
                "usage": {"input_tokens": 3, "output_tokens": 9},
                "stop_reason": "end_turn",
                "context_management": {},
                "content": [
                    {"type": "thinking", "thinking": "hm!", "signature": "sig"},
                    {"type": "text", "text": "ab", "citations": [{"url": "u"}]},
                ],
            },
            id="Messages",
        ),
        pytest.param(
            [
                block(0, **USE),
                delta(0, "input_json_delta", partial_json='{"a":'),
                delta(0, "input_json_delta", partial_json="1}"),
            ],
            {"content": [{**USE, "input": {"a": 1}}]},
            id="Messages: the input of a call",
        ),
        pytest.param(
            [block(0, **USE), delta(0, "input_json_delta", partial_json='{"a":')],
            {"content": [{**USE, "input": '{"a":'}]},
            id="Messages: half an input stays a text",
        ),
        pytest.param(
            [block(0, **{**USE, "input": {"a": 1}}), delta(0, "input_json_delta", partial_json="")],
            {"content": [{**USE, "input": {"a": 1}}]},
            id="Messages: an input that came at once",
        ),
        pytest.param(
            [block(0, **USE), delta(0, "input_json_delta", partial_json=" ")],
            {"content": [{**USE, "input": {}}]},
            id="Messages: no input",
        ),
        pytest.param(
            [block(0, type="text", text=""), delta(0, "text_delta", text={"odd": 1})],
            {"content": [{"type": "text", "text": {"odd": 1}}]},
            id="Messages: a text that is none",
        ),
        pytest.param(
            [start(), {"type": "error", "error": {"type": "overloaded_error"}}],
            {"id": "msg_1", "content": [], "error": {"type": "overloaded_error"}},
            id="Messages: an error",
        ),
        pytest.param(
            [
                {"id": "", "model": "m", "choices": []},
                {"id": "c", **chunk({"role": "assistant", "content": ""})},
                {"id": "d", **chunk({"content": "a", "refusal": None})},
                chunk({"content": "b"}, logprobs={"content": [1], "refusal": None}),
                chunk({}, finish_reason="stop", logprobs={"content": [2]}),
                {"choices": [], "usage": {"total_tokens": 3}},
            ],
            {
                "model": "m",
                "id": "c",
                "usage": {"total_tokens": 3},
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "ab", "refusal": None},
                        "logprobs": {"content": [1, 2], "refusal": []},
                        "finish_reason": "stop",
                    }
                ],
            },
            id="Chat",
        ),
        pytest.param(
            [
                call(0, id="x", type="function", function={"name": "f", "arguments": ""}),
                call(0, function={"arguments": '{"a"'}),
                call(1, id="y", custom={"name": "g", "input": "p"}),
                call(0, id="", function={"arguments": ":1}"}),
                call(1, id="z", function={"name": "h", "arguments": "{}"}),
            ],
            {
                "choices": [
                    {
                        "index": 0,
                        "message": {
                            "tool_calls": [
                                {
                                    "index": 0,
                                    "id": "x",
                                    "type": "function",
                                    "function": {"name": "f", "arguments": '{"a":1}'},
                                },
                                {"index": 1, "id": "y", "custom": {"name": "g", "input": "p"}},
                                {
                                    "index": 1,
                                    "id": "z",
                                    "function": {"name": "h", "arguments": "{}"},
                                },
                            ]
                        },
                    }
                ]
            },
            id="Chat: calls, and another id under the same number",
        ),
        pytest.param(
            [
                chunk({"function_call": {"name": "f", "arguments": "{"}}),
                chunk({"function_call": {"arguments": "}"}}),
            ],
            {
                "choices": [
                    {"index": 0, "message": {"function_call": {"name": "f", "arguments": "{}"}}}
                ]
            },
            id="Chat: an old call",
        ),
        pytest.param(
            [
                chunk({"content": ""}),
                chunk(
                    {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}]}
                ),
                chunk(
                    {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "m"}]}]}
                ),
                chunk({"content": "yes"}),
                chunk({"content": ["odd"]}),
            ],
            {
                "choices": [
                    {
                        "index": 0,
                        "message": {
                            "content": [
                                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                                {"type": "text", "text": "yes"},
                                "odd",
                            ]
                        },
                    }
                ]
            },
            id="Chat: content in parts",
        ),
        pytest.param(
            [
                chunk({"reasoning_details": [{"type": "t", "index": 0, "text": "a"}]}),
                chunk({"reasoning_details": [{"type": "t", "index": 0, "text": "b", "id": "i"}]}),
                chunk({"reasoning_details": [{"type": "t", "index": 1, "text": "c", "id": None}]}),
                chunk({"reasoning_details": [{"type": "t", "index": 1, "text": "d", "id": None}]}),
            ],
            {
                "choices": [
                    {
                        "index": 0,
                        "message": {
                            "reasoning_details": [
                                {"type": "t", "index": 0, "text": "ab", "id": "i"},
                                {"type": "t", "index": 1, "text": "cd", "id": None},
                            ]
                        },
                    }
                ]
            },
            id="Chat: reasoning in parts",
        ),
        pytest.param(
            [chunk({"content": [{"text": "a"}]}), chunk({"content": [{"text": "b"}]})],
            {"choices": [{"index": 0, "message": {"content": [{"text": "ab"}]}}]},
            id="Chat: parts without a type",
        ),
        pytest.param(
            [{"choices": [{"message": {"content": "all"}, "finish_reason": None}]}],
            {"choices": [{"index": 0, "message": {"content": "all"}, "finish_reason": None}]},
            id="Chat: a message for a delta",
        ),
        pytest.param(
            [
                {"type": "response.created", "response": {"id": "resp_1", "output": []}},
                item(0, "added", type="message", content=[]),
                more("output_text", "a", content_index=0),
                more("output_text", "b", content_index=0),
                item(1, "added", type="function_call", arguments=""),
                {**more("function_call_arguments", "{}"), "output_index": 1},
                item(1, "done", type="function_call", arguments="{}", status="completed"),
                {"type": "response.in_progress"},
            ],
            {
                "id": "resp_1",
                "output": [
                    {"type": "message", "content": [{"text": "ab"}]},
                    {"type": "function_call", "arguments": "{}", "status": "completed"},
                ],
            },
            id="Responses: what has come before it broke off",
        ),
        pytest.param(
            [
                item(0, "done", type="message", content=[{"text": "old"}]),
                {"type": "response.completed", "response": {"output": [{"type": "message"}]}},
            ],
            {"output": [{"type": "message"}]},
            id="Responses: the last word",
        ),
        pytest.param(
            [more("reasoning_summary_text", "h", summary_index=0), more("refusal", "no")],
            {"output": [{"summary": [{"text": "h"}], "content": [{"refusal": "no"}]}]},
            id="Responses: texts of nothing",
        ),
        pytest.param(
            [{"type": "response.created"}, {"type": "error", "message": "m", "code": "c"}],
            {"error": {"message": "m", "code": "c"}, "output": []},
            id="Responses: a flat error",
        ),
        pytest.param(
            [{"type": "response.created"}, {"type": "error", "error": {"message": "m"}}],
            {"error": {"message": "m"}, "output": []},
            id="Responses: a nested error",
        ),
        pytest.param(
            [{"error": {"message": "m"}}], {"error": {"message": "m"}}, id="an error alone"
        ),
        pytest.param([], None, id="nothing"),
        pytest.param(["text", 3], None, id="no objects"),
    ],
)
def test_a_stream_tells_an_answer(events: list[Any], answer: Any) -> None:
    assert whole(sse(*events) + "data: {broken}\n\ndata: [DONE]\n\ndata: {") == answer


# Recordings of which the two readers may tell different things: a second answer in the same stream,
# items that are not what their deltas were, an id that changes.
AT_ODDS = ("spliced-message-start", "cererebras", "flue-", "reasoning_roundtrip", "shell-container")


ALL = pytest.param(1, id="all", marks=pytest.mark.long)
SOME = pytest.param(5, id="every fifth")


@pytest.mark.parametrize("step", [ALL, SOME])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_was_recorded_says_the_same_streamed_and_joined(protocol: Protocol, step: int) -> None:
    for recording in records(protocol, "stream")[::step]:
        if not any(name in recording["id"] for name in AT_ODDS):
            joined = whole(recording["response"]["sse"])
            events = CODECS[protocol].decode_response(joined, own(protocol))
            assert told(folded(events)) == told(folded(events_of(recording))), recording["id"]


def told(answer: Response | Error) -> Any:
    if isinstance(answer, Error):
        return answer.message
    texts = "".join(part.text for part in answer.parts if isinstance(part, TextPart))
    calls = [part for part in answer.parts if isinstance(part, ToolCallPart)]
    named = [(call.id, call.name, arguments(call.arguments)) for call in calls]
    return texts, named, answer.finish, answer.usage, answer.id, answer.model


def arguments(text: str) -> Any:
    try:
        return loads(normal_arguments(text))
    except ValueError:
        return text


@given(BODIES)
def test_every_text_can_be_joined(text: str) -> None:
    joined = whole(text)
    assert joined is None or json.loads(json.dumps(joined)) == joined
