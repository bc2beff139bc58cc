"""Items that interleave are told one after the other."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.answers import CitationDelta, Event, PartDelta, PartEnd, PartStart
from bridge.transform.lanes import Lane, Lanes, Prose, unsaid
from bridge.transform.model import Citation, RefusalPart, TextPart

OPEN, CLOSED = PartStart(TextPart("")), PartEnd()


class Speaker(Lane):
    """Says what it is told to; parts of itself are closed before others speak."""

    def __init__(self, id: str, index: Any = None, patience: int = 0, type: str = "t") -> None:
        super().__init__(type, id, index)
        self.patience = patience
        self.spoken = False

    def say(self, text: str) -> None:
        self.due += ([] if self.spoken else [OPEN]) + [PartDelta(f"{self.id}:{text}")]
        self.spoken = True

    def pause(self) -> None:
        self.due += [CLOSED] if self.spoken else []
        self.spoken = False

    def end(self) -> None:
        self.pause()
        self.over = True


def lanes(*speakers: Speaker) -> Lanes[Speaker]:
    made: Lanes[Speaker] = Lanes()
    for speaker in speakers:
        made.add(speaker)
    return made


def said(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, PartDelta)]


def test_what_the_first_says_is_told_at_once_and_the_second_waits() -> None:
    a, b = Speaker("a"), Speaker("b")
    all_lanes = lanes(a, b)
    b.say("1")
    assert all_lanes.take() == []
    a.say("1")
    assert all_lanes.take() == [OPEN, PartDelta("a:1")]
    a.end()
    assert all_lanes.take() == [CLOSED, OPEN, PartDelta("b:1")]
    b.end()
    assert all_lanes.take() == [CLOSED]
    assert list(all_lanes.waiting) == [] and all_lanes.all == [a, b]


def test_nobody_waits_for_a_patient_one_that_is_silent() -> None:
    tool, b = Speaker("tool", patience=2), Speaker("b")
    all_lanes = lanes(tool, b)
    assert all_lanes.take() == []
    b.say("1")
    assert said(all_lanes.take()) == ["b:1"]
    tool.say("late")
    tool.end()
    assert all_lanes.take() == []
    b.end()
    assert said(all_lanes.take()) == ["tool:late"]


def test_a_patient_one_is_interrupted_and_goes_on_behind_the_others() -> None:
    thought, b = Speaker("thought", patience=1), Speaker("b")
    all_lanes = lanes(thought, b)
    thought.say("1")
    all_lanes.take()
    b.say("1")
    assert all_lanes.take() == [CLOSED, OPEN, PartDelta("b:1")]
    thought.say("2")
    b.end()
    assert all_lanes.take() == [CLOSED, OPEN, PartDelta("thought:2")]


def test_the_more_patient_gives_way_to_the_less_patient() -> None:
    tool, thought, b = Speaker("tool", patience=2), Speaker("thought", patience=1), Speaker("b")
    all_lanes = lanes(tool, thought, b)
    thought.say("1")
    assert said(all_lanes.take()) == ["thought:1"]
    tool.say("1")
    assert all_lanes.take() == []
    b.say("1")
    assert said(all_lanes.take()) == ["b:1"]


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=20),
)
def test_all_is_told_in_each_ones_order_with_one_part_open(
    patience: list[int], steps: list[tuple[int, bool]]
) -> None:
    speakers = [Speaker(str(n), patience=p) for n, p in enumerate(patience)]
    all_lanes = lanes(*speakers)
    told: list[Event] = []
    expected: dict[str, list[str]] = {}
    for count, (n, ends) in enumerate(steps):
        speaker = speakers[n % len(speakers)]
        if not speaker.over:
            speaker.say(str(count))
            expected.setdefault(speaker.id, []).append(f"{speaker.id}:{count}")
            if ends:
                speaker.end()
            told += all_lanes.take()
    for speaker in speakers:
        if not speaker.over:
            speaker.end()
    told += all_lanes.take()
    for id, texts in expected.items():
        assert [text for text in said(told) if text.startswith(f"{id}:")] == texts
    depth = 0
    for event in told:
        depth += isinstance(event, PartStart) - isinstance(event, PartEnd)
        assert depth == (not isinstance(event, PartEnd))


A, B, C = Speaker("a", 0), Speaker("b", 1), Speaker("", 2, type="u")


@pytest.mark.parametrize(
    "type, id, index, found",
    [
        pytest.param("t", "a", 0, A, id="by its id"),
        pytest.param("t", "a", 1, A, id="the id counts more than the index"),
        pytest.param("t", "changed", 1, B, id="by its index, where the id changed"),
        pytest.param("u", "", 2, C, id="by its index, where there is no id"),
        pytest.param("t", "", None, A, id="the first that is open, without either"),
        pytest.param("u", "a", None, C, id="of the right type"),
        pytest.param("u", "a", 0, None, id="an id and an index of another type"),
        pytest.param("t", "", 9, None, id="an unknown index"),
    ],
)
def test_a_lane_is_found(type: str, id: str, index: Any, found: Lane | None) -> None:
    assert lanes(A, B, C).find(type, id, index) is found


def test_an_index_used_twice_is_the_later_ones() -> None:
    second = Speaker("second", 0)
    assert lanes(A, second).find("t", "", 0) is second


def test_one_that_is_over_is_not_found_by_chance() -> None:
    over, b = Speaker("over"), Speaker("b")
    over.over = True
    assert lanes(over, b).find("t", "", None) is b
    assert lanes(over).find("t", "over", None) is over


# --- prose

LINK = Citation("https://a.example")
SCORE = ({"token": "a"},)


def test_a_text_opens_with_the_first_thing_it_says() -> None:
    prose = Prose(TextPart(""))
    assert prose.say("") == []
    assert prose.say("a") == [OPEN, PartDelta("a")]
    assert prose.say("b") == [PartDelta("b")]
    assert prose.close() == [CLOSED]
    assert prose.close() == []


def test_one_that_said_nothing_is_no_part() -> None:
    assert Prose(RefusalPart("")).close() == []


def test_what_was_said_in_pieces_is_not_said_again() -> None:
    prose = Prose(TextPart(""))
    prose.say("a")
    assert prose.complete("abc", ()) == [PartDelta("bc")]
    assert prose.complete("abc", ()) == []
    assert prose.complete("something else", ()) == []


def test_a_citation_may_come_first() -> None:
    prose = Prose(TextPart(""))
    assert prose.cite(LINK) == [OPEN, CitationDelta(LINK)]
    assert prose.citations == 1


def test_log_probabilities_count_once() -> None:
    told_late, told_early = Prose(TextPart("")), Prose(TextPart(""))
    told_late.say("a")
    assert told_late.complete("a", SCORE) == [PartDelta("", SCORE)]
    assert told_early.say("a", SCORE) == [OPEN, PartDelta("a", SCORE)]
    assert told_early.complete("a", SCORE) == []


@pytest.mark.parametrize(
    "pieces, text, rest",
    [([], "abc", "abc"), (["a", "b"], "abc", "c"), (["abc"], "abc", ""), (["x"], "abc", "")],
)
def test_unsaid(pieces: list[str], text: str, rest: str) -> None:
    assert unsaid(pieces, text) == rest
