"""Rounds of one answer: the client sees one start, one end, and what all of them used."""

import copy
import json
from typing import Any

import pytest

from bridge.transform import Translator, anthropic_messages, openai_chat, openai_responses
from bridge.transform.answers import Event, Finish, PartDelta, Start, Stop, Usage
from bridge.transform.rounds import Rounds, total

C, A = "openai_chat", "anthropic_messages"


def joined(rounds: Rounds, *events: Event) -> list[Event]:
    return list(rounds.join(events))


PAUSE, END = Finish("pause"), Finish("stop")


def test_rounds_are_joined_to_one_answer() -> None:
    rounds = Rounds()
    rounds.continues = True
    first = joined(rounds, Start("1", "m"), PartDelta("a"), Stop(PAUSE, Usage(1, 2)))
    assert (first, rounds.paused) == ([Start("1", "m"), PartDelta("a")], True)
    second = joined(rounds, Start("2", "m"), PartDelta("b"), Stop(END, Usage(10, 20)))
    assert second == [PartDelta("b"), Stop(END, Usage(11, 22))]


def test_the_last_permitted_pause_is_an_end() -> None:
    rounds = Rounds()
    assert joined(rounds, Stop(PAUSE)) == [Stop(PAUSE)] and not rounds.paused


@pytest.mark.parametrize(
    "one, other, both",
    [
        (None, None, None),
        (Usage(1, 2), None, Usage(1, 2)),
        (None, Usage(1, 2), Usage(1, 2)),
        (
            Usage(1, 2, cache_read_tokens=3),
            Usage(4, 5, cache_read_tokens=6, reasoning_tokens=7),
            Usage(5, 7, cache_read_tokens=9, reasoning_tokens=7),
        ),
    ],
)
def test_what_is_not_told_stays_unknown(
    one: Usage | None, other: Usage | None, both: Usage | None
) -> None:
    assert total(one, other) == both


# --- a search that pauses, for an app that speaks Chat

SEARCH: list[Any] = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
]
ASK = {"model": "m", "messages": [{"role": "user", "content": "find out"}]}


def text(words: str) -> Any:
    return {"type": "text", "text": words}


def message(content: list[Any], stop: str, tokens: int) -> dict[str, Any]:
    usage = {"input_tokens": tokens, "output_tokens": tokens}
    fields = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude"}
    return {**fields, "content": content, "stop_reason": stop, "usage": usage}


def stream(answer: dict[str, Any]) -> bytes:
    events = [{"type": "message_start", "message": {**answer, "content": [], "stop_reason": None}}]
    for n, block in enumerate(answer["content"]):
        start = {**block, "text": ""} if block["type"] == "text" else block
        events.append({"type": "content_block_start", "index": n, "content_block": start})
        if block["type"] == "text":
            delta = {"type": "text_delta", "text": block["text"]}
            events.append({"type": "content_block_delta", "index": n, "delta": delta})
        events.append({"type": "content_block_stop", "index": n})
    ending = {"stop_reason": answer["stop_reason"]}
    events.append({"type": "message_delta", "delta": ending, "usage": answer["usage"]})
    events.append({"type": "message_stop"})
    lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return "".join(lines).encode()


ROUNDS = [
    message([text("I look. "), *SEARCH], "pause_turn", 1),
    message([text("42")], "end_turn", 10),
]


def begun(**fields: Any) -> Translator:
    translator = Translator(C, A, "claude", upstream_id="up")
    translator.request(json.dumps({**ASK, **fields}).encode())
    translator.continues = True
    assert translator.continues
    return translator


def test_a_pause_is_continued_with_what_was_said_before_it() -> None:
    translator = begun()
    assert translator.response(json.dumps(ROUNDS[0]).encode()) == b"" and translator.paused
    sent = json.loads(translator.continuation())
    assert sent["messages"] == [
        {"role": "user", "content": [text("find out")]},
        {"role": "assistant", "content": ROUNDS[0]["content"]},
    ]
    answer = json.loads(translator.response(json.dumps(ROUNDS[1]).encode()))
    assert answer["choices"][0]["message"]["content"] == "I look. 42"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["total_tokens"] == 22
    assert translator.turn and not translator.paused
    assert translator.turn.native.blocks[0]["content"] == [*ROUNDS[0]["content"], text("42")]


def test_a_stream_goes_on_where_it_paused() -> None:
    translator = begun(stream=True)
    first = b"".join(translator.stream(stream(ROUNDS[0])) + translator.stream(b""))
    assert b"I look" in first and b'finish_reason":"' not in first and translator.paused
    assert translator.phase == "committed"
    translator.continuation()
    second = b"".join(translator.stream(stream(ROUNDS[1])) + translator.stream(b""))
    assert second.count(b'"finish_reason":"stop"') == 1 and second.endswith(b"data: [DONE]\n\n")
    assert b'"role"' not in second and translator.phase == "finished"


def test_without_continuing_a_pause_is_an_answer_that_is_too_long() -> None:
    translator = begun()
    translator.continues = False
    answer = json.loads(translator.response(json.dumps(ROUNDS[0]).encode()))
    assert answer["choices"][0]["finish_reason"] == "length"
    assert [note.code for note in translator.notes] == ["pause_limit"]


SAID, CALL = {"role": "assistant", "content": "I look."}, {"type": "web_search_call", "id": "ws"}


@pytest.mark.parametrize(
    "codec, asked, answer, goes_on",
    [
        pytest.param(
            anthropic_messages,
            {"messages": [ASK]},
            {"content": [text("I look.")]},
            {"messages": [ASK, {"role": "assistant", "content": [text("I look.")]}]},
            id=A,
        ),
        pytest.param(
            openai_chat,
            {"messages": [ASK]},
            {"choices": [{"message": SAID}]},
            {"messages": [ASK, SAID]},
            id=C,
        ),
        pytest.param(
            openai_responses,
            {"input": [ASK]},
            {"output": [CALL, SAID]},
            {"input": [ASK, CALL, SAID]},
            id="openai_responses",
        ),
    ],
)
def test_an_answer_goes_behind_what_was_asked(
    codec: Any, asked: Any, answer: Any, goes_on: Any
) -> None:
    before = copy.deepcopy(asked)
    assert codec.continue_request({"model": "m", **asked}, answer) == {"model": "m", **goes_on}
    assert asked == before
