"""Requests and answers read for people: as much as there is of them, and what is wrong said."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform import PROTOCOLS
from bridge.transform.answers import Error, Response
from bridge.transform.context import context
from bridge.transform.cut_json import without_mark
from bridge.transform.json_text import dumps
from bridge.transform.model import (
    NativePart,
    Protocol,
    ReasoningPart,
    Request,
    TextPart,
    ToolCallPart,
)
from bridge.transform.reading import (
    MAX_FAULTS,
    Read,
    read_answer,
    read_request,
    written_in,
)
from bridge.transform.translator import CODECS
from bridge.transform.turn import said as said_in
from tests.transform.strategies import ANSWERS, REQUESTS

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
HI = {"role": "user", "content": "hi"}


def request(protocol: Protocol, body: Any) -> tuple[Request, list[str]]:
    faults: list[str] = []
    return read_request(protocol, body if isinstance(body, bytes) else dumps(body), faults), faults


def said(found: Request) -> list[str]:
    parts = [part for message in found.messages for part in message.parts]
    return [part.text for part in parts if isinstance(part, TextPart)]


# --- requests


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_a_whole_request_is_what_its_codec_reads(protocol: Protocol, data: st.DataObject) -> None:
    body = data.draw(REQUESTS[protocol]())
    expected = CODECS[protocol].decode_request(body, context(protocol, protocol))
    assert request(protocol, body) == (expected, [])
    assert read_request(protocol, dumps(body)) == expected


@pytest.mark.parametrize(
    "protocol, body, told, faults",
    [
        pytest.param(
            A,
            {"model": "m", "messages": [HI, {"role": "wizard", "content": "x"}, HI]},
            ["hi", "hi"],
            [
                'messages[1].role: "wizard" is not one of user, assistant, system',
                "messages[1].role: missing",
            ],
            id="a role that is none takes its message along",
        ),
        pytest.param(
            A,
            {"model": "m", "messages": [HI], "temperature": "hot"},
            ["hi"],
            ["temperature: must be a number, not a string"],
            id="a setting that cannot be read",
        ),
        pytest.param(
            C,
            {"messages": [{"role": "user", "content": [{"type": "text"}, "there"]}]},
            ["there"],
            ["messages[0].content[0].text: missing"],
            id="a part that lacks something",
        ),
        pytest.param(C, {"model": "m"}, [], ["messages: missing"], id="no messages at all"),
        pytest.param(A, {"messages": [HI]}, ["hi"], ["model: missing"], id="no model"),
        pytest.param(
            C,
            {"messages": []},
            [],
            ["messages: must have at least one message", "messages: missing"],
            id="no message",
        ),
        pytest.param(A, [HI], [], ["the body is no object"], id="a list"),
        pytest.param(
            A,
            b"<html>",
            [],
            ["the body is no JSON: Expecting value: line 1 column 1 (char 0)"],
            id="no JSON",
        ),
    ],
)
def test_what_cannot_be_read_is_said_and_the_rest_is_there(
    protocol: Protocol, body: Any, told: list[str], faults: list[str]
) -> None:
    found, problems = request(protocol, body)
    assert said(found) == told and problems == faults
    assert found.protocol == protocol


def test_too_much_that_cannot_be_read_is_given_up() -> None:
    wrong = [{"role": 7} for _ in range(MAX_FAULTS)]
    found, faults = request(A, {"model": "m", "messages": [HI, *wrong]})
    assert found == Request(A, "") and len(faults) == MAX_FAULTS + 1
    assert faults[-1] == "and more, so that nothing is shown of it"


WORDS = "What is the weather like in Paris?"
CUT = {
    A: {"model": "m", "max_tokens": 9, "messages": [HI, {"role": "user", "content": WORDS}]},
    C: {"model": "m", "messages": [HI, {"role": "user", "content": WORDS}]},
    R: {"model": "m", "input": [HI, {"role": "user", "content": WORDS}]},
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_request_that_was_cut_is_read_to_the_cut(protocol: Protocol) -> None:
    body = dumps(CUT[protocol])
    end = body.index(b"weather")
    found, faults = request(protocol, body[:end])
    assert found.model == "m" and said(found) == ["hi", "What is the "]
    assert faults == [f"it breaks off after {end} bytes"]


def test_half_of_something_is_no_second_fault_but_what_was_wrong_before_is_one() -> None:
    body = dumps({"model": "m", "top_k": "x", "messages": [HI, {"role": "user", "content": WORDS}]})
    end = body.rindex(b'"content"')
    found, faults = request(A, body[:end])
    assert said(found) == ["hi"]
    assert faults == [
        f"it breaks off after {end} bytes",
        "top_k: must be an integer, not a string",
    ]


def test_a_record_says_how_much_of_a_body_it_kept() -> None:
    body = dumps(CUT[A])[:-30] + b"\n[1234 bytes more]"
    _, faults = request(A, body)
    whole = len(dumps(CUT[A])) - 30
    assert faults == [f"the first {whole} of {whole + 1234} bytes were kept"]
    assert without_mark(body) == (dumps(CUT[A])[:-30], 1234)
    assert without_mark(b"whole") == (b"whole", 0)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_a_request_is_read_wherever_it_is_cut(protocol: Protocol, data: st.DataObject) -> None:
    body = dumps(data.draw(REQUESTS[protocol]()))
    found, faults = request(protocol, body[: data.draw(st.integers(0, len(body) - 1))])
    assert found.protocol == protocol and len(faults) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_a_request_of_another_protocol_and_any_other_json_are_read(
    protocol: Protocol, data: st.DataObject
) -> None:
    scalars = st.none() | st.integers() | st.text()
    keys = st.sampled_from(["messages", "input", "role", "content", "type", "text", "tools"])
    anything = st.recursive(
        scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=9
    )
    others = st.one_of([made() for name, made in REQUESTS.items() if name != protocol])
    body = data.draw(anything | others)
    found, faults = request(protocol, body)
    assert found.protocol == protocol
    assert faults or isinstance(body, dict)


# --- answers


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_an_answer_is_the_same_whole_and_streamed(protocol: Protocol, data: st.DataObject) -> None:
    answer = data.draw(ANSWERS[protocol]())
    whole, streamed = (
        read_answer(protocol, dumps(answer.body)),
        read_answer(protocol, answer.stream),
    )
    assert whole.response and streamed.response
    assert said_in(whole.response.parts) == said_in(streamed.response.parts)
    assert not (whole.error or whole.cut or whole.faults)
    assert not (streamed.error or streamed.cut or streamed.faults)
    assert written_in(dumps(answer.body)) in (protocol, None)
    assert written_in(answer.stream) in (protocol, None)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_an_answer_is_read_wherever_it_is_cut(protocol: Protocol, data: st.DataObject) -> None:
    answer = data.draw(ANSWERS[protocol]())
    body = data.draw(st.sampled_from([dumps(answer.body), answer.stream]))
    found = read_answer(protocol, body[: data.draw(st.integers(0, len(body)))])
    assert found.response or found.error or found.faults
    assert found.faults or not found.cut


STREAM: dict[Protocol, list[bytes]] = {
    A: [
        b'{"type":"message_start","message":{"id":"i","model":"m","content":[],"usage":{}}}',
        b'{"type":"content_block_start","index":0,"content_block":{"type":"thinking"}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"so"}}',
        b'{"type":"content_block_stop","index":0}',
        b'{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t",'
        b'"name":"f","input":{}}}',
        b'{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta",'
        b'"partial_json":"{\\"a\\""}}',
    ],
    C: [
        b'{"id":"i","model":"m","choices":[{"index":0,"delta":{"reasoning_content":"so"}}]}',
        b'{"id":"i","model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t",'
        b'"function":{"name":"f","arguments":"{\\"a\\""}}]}}]}',
    ],
}


def test_the_ends_of_messages_are_not_shown() -> None:
    said = {"type": "output_text", "text": "Hi"}
    item = {"type": "message", "role": "assistant", "phase": "commentary", "content": [said]}
    found = read_answer(R, dumps({"status": "completed", "output": [item, {"type": "odd"}, item]}))
    assert found.response is not None
    kinds = [type(part) for part in found.response.parts]
    assert kinds == [TextPart, NativePart, TextPart]


def stream(protocol: Protocol, *more: bytes) -> bytes:
    return b"".join(b"data: " + event + b"\n\n" for event in [*STREAM[protocol], *more])


@pytest.mark.parametrize("protocol", STREAM)
def test_a_stream_that_breaks_off_tells_what_came_until_then(protocol: Protocol) -> None:
    body = stream(protocol)
    found = read_answer(protocol, body)
    assert found.response and found.cut and found.error
    assert found.faults == (f"it breaks off after {len(body)} bytes",)
    assert found.response.model == "m"
    thought, call = found.response.parts
    assert isinstance(thought, ReasoningPart) and thought.text == "so"
    assert call == ToolCallPart("t", "f", '{"a"')


def test_an_error_in_a_stream_stands_beside_what_came_before_it() -> None:
    failed = b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}'
    found = read_answer(A, stream(A, failed))
    assert found.error and (found.error.kind, found.error.message) == ("overloaded", "busy")
    assert found.response and len(found.response.parts) == 2
    assert not found.cut and not found.faults


def test_an_answer_that_was_cut_and_is_not_streamed() -> None:
    content = [{"type": "text", "text": WORDS}]
    body = dumps({"type": "message", "model": "m", "content": content, "stop_reason": "end_turn"})
    end = body.index(b"weather")
    found = read_answer(A, body[:end] + b"\n[77 bytes more]")
    assert found.response and found.response.parts == (TextPart("What is the "),)
    assert found.cut and found.faults == (f"the first {end} of {end + 77} bytes were kept",)


@pytest.mark.parametrize(
    "body, status, kind, message, faults",
    [
        pytest.param(
            b'{"error":{"type":"rate_limit_error","message":"slow"}}',
            429,
            "rate_limit",
            "slow",
            (),
            id="an error status",
        ),
        pytest.param(
            b"no\n[3 bytes more]", 500, "server", "no", (), id="of which not all was kept"
        ),
        pytest.param(
            b'{"error":{"message":"slow","code":"rate_limit_exceeded"}}',
            200,
            "rate_limit",
            "slow",
            (),
            id="an error inside a 200",
        ),
        pytest.param(
            b"<h1>Bad gateway</h1>",
            200,
            "server",
            "Bad gateway",
            ("the body is no JSON: Expecting value: line 1 column 1 (char 0)",),
            id="a page of a proxy",
        ),
    ],
)
def test_an_error_is_read(
    body: bytes, status: int, kind: str, message: str, faults: tuple[str, ...]
) -> None:
    found = read_answer(C, body, status)
    assert found.response is None and isinstance(found.error, Error) and found.faults == faults
    assert (found.error.kind, found.error.message) == (kind, message)


def test_nothing_is_said_to_be_nothing() -> None:
    assert read_answer(C, b" \n", 500) == Read(faults=("the body is empty",))


@pytest.mark.parametrize("said_by, read_by", list(permutations(PROTOCOLS, 2)))
@given(data=st.data())
def test_the_protocol_of_an_answer_is_told_by_its_beginning(
    said_by: Protocol, read_by: Protocol, data: st.DataObject
) -> None:
    answer = data.draw(ANSWERS[said_by]())
    for body in (dumps(answer.body), answer.stream):
        assert written_in(body) == said_by
        assert isinstance(read_answer(read_by, body).response, Response | None)
    assert written_in(b"data: [DONE]\n\n") is None and written_in(b"") is None
