"""Answers that are late or in pieces: the same bytes, when they are due."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.injection.faults import parse_fault
from bridge.injection.pacing import MAX_PIECES, Pacing
from bridge.steps import WAIT, Say
from tests.streams import STOP, WORDS, call, stream

EVENTS = stream("anthropic_messages", *WORDS, STOP)
DATA = b"".join(EVENTS)


def paced(fault: str, *, wants_stream: bool = True) -> Pacing:
    return Pacing(call("anthropic_messages", wants_stream=wants_stream), parse_fault(fault))


def test_slow_is_the_first_byte_and_all_that_follows() -> None:
    made = paced("slow first=5 between=2")
    assert made.wake_at() == inf and made.bend(b"", 100.0, over=False) == WAIT
    assert made.bend(DATA, 101.0, over=True) == WAIT and made.effect == ""
    assert made.wake_at() == 106.0 and made.bend(b"", 105.9, over=False) == WAIT
    due, out = 106.0, []
    while made.wake_at() < inf:
        assert made.wake_at() == due
        step = made.bend(b"", due, over=False)
        assert isinstance(step, Say) and len(step.pieces) == 1
        out, due = out + step.pieces, due + 2
        assert step.over is (len(out) == len(EVENTS))
    assert out == EVENTS and made.effect == f"{len(EVENTS)} pieces"


def test_what_comes_later_than_it_is_due_is_not_held_up() -> None:
    made = paced("slow first=1 between=2")
    made.bend(EVENTS[0], 100.0, over=False)
    assert made.bend(b"", 101.0, over=False) == Say([EVENTS[0]])
    assert made.wake_at() == inf
    assert made.bend(EVENTS[1] + EVENTS[2], 110.0, over=False) == Say([EVENTS[1]])
    assert made.wake_at() == 112.0
    assert made.bend(b"", 112.0, over=False) == Say([EVENTS[2]])
    assert made.bend(b"", 113.0, over=True) == Say([], over=True)


def test_a_whole_answer_that_is_slow_comes_in_ten_pieces() -> None:
    made = paced("slow first=0 between=0", wants_stream=False)
    body = bytes(range(95))
    step = made.bend(body, 100.0, over=True)
    assert isinstance(step, Say) and step.over
    assert len(step.pieces) == 10 and b"".join(step.pieces) == body


@given(size=st.integers(1, 9), cuts=st.lists(st.integers(0, len(DATA)), max_size=3))
def test_pieces_add_up_and_none_is_larger(size: int, cuts: list[int]) -> None:
    made, out = paced(f"split size={size}"), []
    places = sorted({0, *cuts, len(DATA)})
    for start, end in zip(places, places[1:], strict=False):
        step = made.bend(DATA[start:end], 100.0, over=False)
        assert isinstance(step, Say) and not step.over
        out += step.pieces
    assert made.bend(b"", 100.0, over=True) == Say([], over=True)
    assert b"".join(out) == DATA and {len(piece) for piece in out} <= set(range(1, size + 1))


def test_pieces_end_inside_characters_and_lines() -> None:
    step = paced("split").bend(DATA, 100.0, over=True)
    assert isinstance(step, Say)
    assert "ü".encode()[:1] in step.pieces and b"\n" in step.pieces
    assert step.pieces[:3] == [b"e", b"v", b"e"]


@pytest.mark.parametrize("wants_stream", [True, False])
def test_there_are_only_so_many_pieces(wants_stream: bool) -> None:
    body = b"x" * (3 * MAX_PIECES + 1)
    step = paced("split", wants_stream=wants_stream).bend(body, 100.0, over=True)
    assert isinstance(step, Say) and len(step.pieces) <= MAX_PIECES
    assert b"".join(step.pieces) == body
