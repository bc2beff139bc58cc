"""What a stream says, event by event, in all three protocols."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.injection.said import Frames, Reading, Said
from bridge.transform import PROTOCOLS, Error, Protocol
from bridge.transform.answers import Event, Failure
from tests.streams import AT_ONCE, CALL, FREE, STOP, THOUGHT, WITHOUT_ARGUMENTS, WORDS, stream

ALL = b"".join(stream("anthropic_messages", *WORDS, *CALL, STOP))


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@given(cuts=st.lists(st.integers(0, len(ALL)), max_size=5))
def test_events_are_whole_however_the_bytes_are_cut(ending: bytes, cuts: list[int]) -> None:
    data = ALL.replace(b"\n", ending)
    frames, out = Frames(), []
    places = sorted({0, *cuts, len(data)})
    for start, end in zip(places, places[1:], strict=False):
        out += frames.feed(data[start:end], over=False)
    assert b"".join(out) == data
    assert out == [part + 2 * ending for part in data.split(2 * ending)[:-1]]


def test_at_the_end_what_is_left_counts() -> None:
    frames = Frames()
    assert frames.feed(b"data: 1\n\n\n\ndata: 2", over=False) == [b"data: 1\n\n", b"\n\n"]
    assert frames.feed(b"", over=True) == [b"data: 2"]
    assert frames.feed(b"", over=True) == []


def read(app: Protocol, *events: Event) -> list[Said]:
    reading = Reading(app)
    return [reading.read(event) for event in stream(app, *events)]


@pytest.mark.parametrize("app", PROTOCOLS)
def test_pieces_of_content_are_those_of_texts_and_calls(app: Protocol) -> None:
    said = read(app, *THOUGHT, *WORDS, *CALL, STOP)
    assert sum(one.content for one in said) == 6
    assert sum(one.in_call for one in said) == 3
    assert sum(one.is_open for one in said) > 6 and not said[-1].is_open
    assert not any(one.failed for one in said)


@pytest.mark.parametrize("app", PROTOCOLS)
def test_a_call_is_whole_with_the_last_piece_of_its_json(app: Protocol) -> None:
    pieces = [one.call_is_whole for one in read(app, *CALL, STOP) if one.in_call]
    assert pieces == [False, False, True]


@pytest.mark.parametrize("app", PROTOCOLS)
@pytest.mark.parametrize(
    "events, pieces",
    [
        pytest.param(AT_ONCE, 1, id="in one piece"),
        pytest.param(WITHOUT_ARGUMENTS, None, id="without arguments"),
        pytest.param(FREE, 1, id="of a text that is free"),
    ],
)
def test_a_call_may_be_whole_at_once(
    app: Protocol, events: list[Event], pieces: int | None
) -> None:
    said = read(app, *events, STOP)
    assert next(one for one in said if one.call_is_whole)
    assert not any(one.in_call and not one.call_is_whole for one in said)
    assert pieces is None or sum(one.in_call for one in said) == pieces


@pytest.mark.parametrize("app", PROTOCOLS)
def test_a_failure_is_one(app: Protocol) -> None:
    said = read(app, *WORDS[:2], Failure(Error("server", "x", 500)))
    assert any(one.failed for one in said)


def test_a_part_has_begun_with_its_first_event() -> None:
    reading = Reading("anthropic_messages")
    begun = [
        (reading.read(event), reading.begun)[1] for event in stream("anthropic_messages", *WORDS)
    ]
    assert begun[:2] == [False, True] and all(begun[1:])
