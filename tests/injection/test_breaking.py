"""Answers that do not come to their end: where, in each protocol, and with what words."""

from collections.abc import Iterable
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.injection.breaking import Breaking
from bridge.injection.faults import parse_fault
from bridge.injection.said import Reading
from bridge.steps import WAIT, Cut, Say, Step
from bridge.transform import PROTOCOLS, Error, Protocol
from bridge.transform.answers import Event, Failure, PartDelta, PartEnd, PartStart, Stop
from bridge.transform.model import ToolCallPart
from tests.streams import (
    AT_ONCE,
    CALL,
    FREE,
    STOP,
    THOUGHT,
    WITHOUT_ARGUMENTS,
    WORDS,
    call,
    meant,
    stream,
)
from tests.test_exchange import chunk

ANSWER = [*THOUGHT, *WORDS, *CALL, STOP]
every_app = pytest.mark.parametrize("app", PROTOCOLS)


def broken(app: Protocol, fault: str, pieces: Iterable[bytes]) -> tuple[bytes, Step, Breaking]:
    """What the app gets until it comes to that, the last step, and what made it."""
    made = Breaking(call(app), parse_fault(fault), 5.0)
    out = b""
    for piece in [*pieces, b""]:
        step = made.bend(piece, 10.0, over=not piece)
        out += b"".join(step.pieces) if isinstance(step, Say | Cut) else b""
        if isinstance(step, Cut) or made.deaf or (isinstance(step, Say) and step.over):
            return out, step, made
    raise AssertionError("it has no end")


def texts(events: Iterable[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, PartDelta))


def has_end(app: Protocol, out: bytes) -> bool:
    """Whether an app could take it for an answer that is whole, also a lenient one."""
    ended = any(isinstance(event, Stop) for event in meant(app, [out]))
    return ended or any(word in out for word in ENDS[app])


ENDS: dict[Protocol, tuple[bytes, ...]] = {
    "anthropic_messages": (b"message_delta", b"message_stop"),
    "openai_chat": (b'"finish_reason":"', b"[DONE]"),
    "openai_responses": (b"response.completed",),
}


# --- a call


@every_app
def test_a_cut_is_inside_the_first_call(app: Protocol) -> None:
    out, step, made = broken(app, "cut", stream(app, *ANSWER))
    assert isinstance(step, Cut) and made.effect == "inside a call"
    events = meant(app, [out])
    begun = [event.part for event in events if isinstance(event, PartStart)]
    assert isinstance(begun[-1], ToolCallPart) and begun[-1].name == "weather"
    assert texts(events).endswith('alle{"city":')
    assert not isinstance(events[-1], PartEnd) and not has_end(app, out)


@every_app
@pytest.mark.parametrize(
    "events",
    [
        pytest.param(AT_ONCE, id="that comes in one piece"),
        pytest.param(WITHOUT_ARGUMENTS, id="that has no arguments"),
        pytest.param(FREE, id="of free text"),
    ],
)
def test_no_call_is_whole_when_it_is_cut(app: Protocol, events: list[Event]) -> None:
    out, step, made = broken(app, "cut", stream(app, *WORDS, *events, STOP))
    assert isinstance(step, Cut) and made.effect == "inside a call"
    read = meant(app, [out])
    assert texts(read) == "Grüße an alle"
    assert not any(isinstance(event, PartEnd) for event in read[-1:])
    assert not out.endswith(b"\n\n") and not has_end(app, out)


def test_a_whole_call_in_one_event_is_cut_inside_that() -> None:
    called = {"name": "weather", "arguments": '{"a":1}'}
    event = chunk("tool_calls", tool_calls=[{"index": 0, "id": "c", "function": called}])
    out, _, made = broken("openai_chat", "cut", [event, b"data: [DONE]\n\n"])
    assert out == event[: len(event) // 2] and made.effect == "inside a call"


# --- a place


@every_app
@pytest.mark.parametrize(
    "fault, text, effect",
    [
        pytest.param("error", "hm yesGrüße ", "behind 1 piece of content", id="the first content"),
        pytest.param("error after=3", "hm yesGrüße an alle", "behind 3 pieces of content", id="3"),
        pytest.param(
            "error after=5",
            'hm yesGrüße an alle{"city":"Zürich"',
            "behind 5 pieces of content",
            id="inside a call",
        ),
        pytest.param("error after=99", None, "before its end", id="more than there is"),
        pytest.param("cut after=2", "hm yesGrüße an ", "behind 2 pieces of content", id="cut"),
        pytest.param("stall", "hm yesGrüße ", "behind 1 piece of content", id="silence"),
    ],
)
def test_pieces_of_content_are_counted(
    app: Protocol, fault: str, text: str | None, effect: str
) -> None:
    out, _, made = broken(app, fault, stream(app, *ANSWER))
    said = texts(meant(app, [out]))
    assert said == text or (text is None and said.endswith('"Zürich"}'))
    assert made.effect == effect and not has_end(app, out)


@every_app
@pytest.mark.parametrize("fault", ["error after=9", "cut", "stall after=9"])
def test_an_answer_without_such_a_place_has_no_end_either(app: Protocol, fault: str) -> None:
    out, _, made = broken(app, fault, stream(app, *THOUGHT, *WORDS, STOP))
    assert made.effect == "before its end" and not has_end(app, out)
    assert texts(meant(app, [out])) == "hm yesGrüße an alle"


def test_a_last_piece_that_is_an_end_as_well_is_kept() -> None:
    last = chunk("stop", content="yes")
    out, _, made = broken("openai_chat", "cut after=1", [last, b"data: [DONE]\n\n"])
    assert out == b"" and made.effect == "behind 1 piece of content"


@every_app
@pytest.mark.parametrize("fault", ["error after=2", "cut", "cut after=5", "stall"])
@given(cuts=st.lists(st.integers(0, 3000), max_size=4))
def test_the_place_is_the_same_however_the_bytes_come(
    app: Protocol, fault: str, cuts: list[int]
) -> None:
    events = stream(app, *ANSWER)
    data = b"".join(events)
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    pieces = [data[start:end] for start, end in zip(places, places[1:], strict=False)]
    out, *_ = broken(app, fault, pieces)
    assert out == broken(app, fault, events)[0]


@every_app
def test_nothing_is_late_but_what_may_be_the_last_of_it(app: Protocol) -> None:
    made, reading = Breaking(call(app), parse_fault("cut after=99"), 5.0), Reading(app)
    for event in stream(app, *ANSWER):
        said, step = reading.read(event), made.bend(event, 10.0, over=False)
        assert not said.content or (isinstance(step, Say) and step.pieces[-1] == event)


# --- its words


WORDS_OF: dict[Protocol, tuple[bytes, bytes]] = {
    "anthropic_messages": (b'event: error\ndata: {"type":"error"', b'"type":"overloaded_error"'),
    "openai_chat": (b'data: {"error":{', b'"code":"overloaded"'),
    "openai_responses": (b"event: response.failed", b'"code":"overloaded"'),
}


@every_app
def test_an_error_has_the_dialects_own_words(app: Protocol) -> None:
    out, step, _ = broken(app, "error", stream(app, *ANSWER))
    assert isinstance(step, Say) and step.over
    assert all(word in out for word in WORDS_OF[app])
    failure = meant(app, [out])[-1]
    assert isinstance(failure, Failure) and failure.error.message == "bridge: injected 529"
    server, *_ = broken(app, "error status=500", stream(app, *ANSWER))
    assert b"injected 500" in server and b"overloaded" not in server


def test_the_failed_response_is_the_one_that_began() -> None:
    out, *_ = broken("openai_responses", "error", stream("openai_responses", *ANSWER))
    [failed] = [line for line in out.splitlines() if b'"type":"response.failed"' in line]
    assert out.split(b'"id":"')[1].split(b'"')[0] in failed and b'"model":"m"' in failed


# --- silence


def test_silence_is_deaf_and_in_the_end_the_connection_goes() -> None:
    app: Protocol = "openai_chat"
    made = Breaking(call(app), parse_fault("stall seconds=30"), 5.0)
    assert made.wake_at() == inf and not made.deaf
    step = made.bend(b"".join(stream(app, *ANSWER)), 10.0, over=True)
    assert isinstance(step, Say) and not step.over and made.deaf
    assert made.wake_at() == 40.0
    assert made.bend(b"data: 1\n\n", 39.0, over=True) == WAIT
    assert made.bend(b"", 40.0, over=False) == Cut([])


# --- errors of its own


@every_app
@pytest.mark.parametrize("fault", ["error after=9", "cut", "stall after=9"])
def test_an_answer_that_fails_by_itself_is_left_alone(app: Protocol, fault: str) -> None:
    events = stream(app, *WORDS, Failure(Error("server", "x", 500)))
    made = Breaking(call(app), parse_fault(fault), 5.0)
    steps = [made.bend(event, 10.0, over=False) for event in [*events, b"data: 1\n\n"]]
    steps.append(made.bend(b"", 10.0, over=True))
    assert steps[-1] == Say([], over=True) and made.effect == ""
    out = [piece for step in steps if isinstance(step, Say) for piece in step.pieces]
    assert out == [*events, b"data: 1\n\n"]


# --- whole answers


def test_a_whole_answer_is_cut_half_way() -> None:
    made = Breaking(call("openai_chat", wants_stream=False), parse_fault("cut"), 5.0)
    assert made.bend(b"", 9.0, over=False) == WAIT
    assert made.bend(b'{"id": 1}', 10.0, over=True) == Cut([b'{"id'])
    assert made.effect == "behind half of the body"


def test_a_whole_answer_does_not_come() -> None:
    made = Breaking(call("openai_chat", wants_stream=False), parse_fault("stall"), 5.0)
    assert made.bend(b'{"id": 1}', 10.0, over=True) == WAIT
    assert made.deaf and made.wake_at() == 610.0 and made.effect == "instead of an answer"


def test_a_request_that_nobody_can_read_needs_no_reading() -> None:
    unreadable = replace(call("openai_chat"), body=b"{")
    made = Breaking(unreadable, parse_fault("cut"), 5.0)
    assert made.bend(b"", 6.0, over=False) == WAIT
