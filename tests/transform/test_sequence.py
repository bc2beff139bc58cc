"""Interleaved parts become a sequence with one open at a time."""

import pytest

from bridge.transform.answers import CitationDelta, Event, PartDelta, PartEnd, PartStart
from bridge.transform.model import Citation, Native, ReasoningPart, TextPart, ToolCallPart
from bridge.transform.notes import Notes
from bridge.transform.sequence import Call, Prose, Sequence


def call(notes: Notes, name: str = "f", call_id: str = "", custom: bool = False) -> Call:
    kind = "custom" if custom else "function"
    return Call(ToolCallPart(call_id, name, "", kind), notes)  # type: ignore[arg-type]


def started(name: str, call_id: str = "") -> PartStart:
    return PartStart(ToolCallPart(call_id, name, ""))


def codes(notes: Notes) -> list[str]:
    return [note.code for note in notes]


def test_text_goes_on_at_once_and_ends_when_something_else_begins() -> None:
    sequence = Sequence()
    sequence.begin(Prose(TextPart("")))
    sequence.say("a")
    assert sequence.take() == [PartStart(TextPart("")), PartDelta("a")]
    assert sequence.last == TextPart("")
    cited = CitationDelta(Citation("https://a.example"))
    sequence.cite(cited)
    native = Native("openai_chat", ({"x": 1},))
    sequence.begin(Prose(ReasoningPart(""), lambda: native))
    assert sequence.take() == [cited, PartEnd(), PartStart(ReasoningPart(""))]
    sequence.finish(cut=True)
    assert sequence.take() == [PartEnd(native)]
    assert sequence.last is None and not sequence.cut


def test_trap_24_interleaved_calls_come_one_after_the_other() -> None:
    sequence, notes = Sequence(), Notes()
    a, b = call(notes, "a", "1"), call(notes, "b", "2")
    sequence.begin(a)
    sequence.begin(b)
    sequence.call(b, "", "", '{"b":')
    sequence.call(a, "", "", '{"a":')
    assert sequence.take() == [started("a", "1"), PartDelta('{"a":')]
    sequence.call(b, "", "", "2}")
    sequence.call(a, "", "", "1}")
    assert sequence.take() == [
        PartDelta("1}"),
        PartEnd(),
        started("b", "2"),
        PartDelta('{"b":'),
        PartDelta("2}"),
    ]
    sequence.finish(cut=False)
    assert sequence.take() == [PartEnd()]
    assert sequence.calls == 2 and not list(notes)


def test_text_behind_an_open_call_waits_for_its_end() -> None:
    sequence, notes = Sequence(), Notes()
    open_call = call(notes)
    sequence.begin(open_call)
    sequence.call(open_call, "", "", '{"a":')
    sequence.begin(Prose(TextPart("")))
    sequence.say("later")
    assert sequence.take() == [started("f"), PartDelta('{"a":')]
    sequence.call(open_call, "", "", "1}")
    assert sequence.take() == [
        PartDelta("1}"),
        PartEnd(),
        PartStart(TextPart("")),
        PartDelta("later"),
    ]


def test_trap_23_tool_name_late() -> None:
    sequence, notes = Sequence(), Notes()
    late = call(notes, "")
    sequence.begin(late)
    sequence.call(late, "", "", '{"a":1}')
    assert sequence.take() == []
    sequence.call(late, "id", "", "")
    sequence.call(late, "other", "f", "")
    sequence.call(late, "", "g", "")  # repeated or changed: the first counts
    assert sequence.take() == [started("f", "id"), PartDelta('{"a":1}')]


@pytest.mark.parametrize("again", ["b", "c"], ids=["the same", "another"])
def test_trap_23_of_a_name_that_comes_again_with_the_id_the_first_counts(again: str) -> None:
    sequence, notes = Sequence(), Notes()
    first, second = call(notes, "a", "1"), call(notes, "b")
    sequence.begin(first)
    sequence.begin(second)
    sequence.call(second, "2", again, "")
    sequence.finish(cut=False)
    assert started("b", "2") in sequence.take()


def test_trap_23_a_name_that_never_comes_loses_no_call() -> None:
    sequence, notes = Sequence(), Notes()
    nameless = call(notes, "")
    sequence.begin(nameless)
    sequence.call(nameless, "1", "", '{"a":1}')
    sequence.finish(cut=False)
    assert sequence.take() == [started("unnamed_tool", "1"), PartDelta('{"a":1}'), PartEnd()]
    assert sequence.calls == 1


def test_a_call_of_which_nothing_came_is_none() -> None:
    sequence, notes = Sequence(), Notes()
    sequence.begin(call(notes, "", "1"))
    sequence.finish(cut=False)
    assert (sequence.take(), sequence.calls) == ([], 0)


def test_pieces_behind_the_end_of_a_call_are_dropped_with_a_note() -> None:
    sequence, notes = Sequence(), Notes()
    early = call(notes, "a")
    sequence.begin(early)
    sequence.call(early, "", "", '{"a":1}')
    sequence.call(early, "", "", " ")
    assert codes(notes) == []
    sequence.call(early, "", "", '{"a":1}')
    assert codes(notes) == ["late_tool_delta"]
    sequence.begin(call(notes, "b"))
    sequence.take()
    sequence.call(early, "", "", " ")
    sequence.call(early, "", "", "x")
    assert sequence.take() == []


def test_an_answer_that_ends_inside_a_call_says_so() -> None:
    sequence, notes = Sequence(), Notes()
    half = call(notes)
    sequence.begin(half)
    sequence.call(half, "", "", '{"a":')
    sequence.finish(cut=False)
    assert sequence.take()[-1] == PartEnd(cut=True)
    assert sequence.cut and codes(notes) == ["invalid_arguments"]


def test_only_the_last_call_can_have_met_the_limit() -> None:
    sequence, notes = Sequence(), Notes()
    for name in ("a", "b"):
        sequence.begin(call(notes, name))
    sequence.finish(cut=True)
    assert sequence.take() == [
        started("a"),
        PartDelta("{}"),
        PartEnd(),
        started("b"),
        PartEnd(cut=True),
    ]


def test_the_input_of_a_custom_tool_is_any_text() -> None:
    sequence, notes = Sequence(), Notes()
    custom = call(notes, "c", custom=True)
    sequence.begin(custom)
    sequence.call(custom, "", "", "4 + {")
    sequence.begin(Prose(TextPart("")))
    due: list[Event] = sequence.take()
    assert due[1:] == [PartDelta("4 + {"), PartEnd(), PartStart(TextPart(""))]
    assert not custom.said and not list(notes)
