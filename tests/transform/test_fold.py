from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from bridge.transform.fold import Fold, unfold
from bridge.transform.model import (
    Base64Source,
    Citation,
    ImagePart,
    Native,
    NativePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)

NATIVES = st.builds(
    Native,
    st.just("anthropic_messages"),
    st.lists(st.dictionaries(st.text(), st.text(), max_size=2), max_size=2).map(tuple),
    st.text(max_size=3),
    st.text(max_size=3),
)
CITATIONS = st.builds(
    Citation, st.none() | st.text(), st.none() | st.text(), native=st.none() | NATIVES
)
LOGPROBS = st.lists(st.fixed_dictionaries({"token": st.text()}), max_size=3).map(tuple)
PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, st.text(), st.lists(CITATIONS, max_size=2).map(tuple), logprobs=LOGPROBS),
    st.builds(ReasoningPart, st.text(), st.none() | NATIVES),
    st.builds(
        ToolCallPart,
        st.text(),
        st.text(),
        st.text(),
        st.sampled_from(["function", "custom"]),
        st.none() | st.text(),
        native=st.none() | NATIVES,
    ),
    st.builds(RefusalPart, st.text()),
    st.builds(NativePart, NATIVES, st.just("server_tool_dropped"), st.none() | st.text()),
)
RESPONSES = st.builds(
    Response,
    id=st.text(),
    model=st.text(),
    parts=st.lists(PARTS, max_size=5).map(tuple),
    finish=st.builds(Finish, st.sampled_from(["stop", "length", "tool_calls"]), st.text()),
    usage=st.none() | st.builds(Usage, st.integers(0), st.integers(0)),
    created=st.none() | st.floats(0, 1e10),
    service_tier=st.none() | st.text(),
    native=st.none() | NATIVES,
    moderation=st.none() | st.dictionaries(st.text(), st.text(), min_size=1),
)
STOP = Stop(Finish("stop"))


def fold(events: list[Event]) -> Fold:
    folded = Fold()
    for event in events:
        folded.add(event)
    return folded


def parts(*events: Event) -> tuple[Part, ...]:
    folded = fold([Start("1", "m"), *events, STOP])
    assert folded.response is not None
    return folded.response.parts


@given(response=RESPONSES)
def test_the_fold_of_an_unfolded_answer_is_the_answer(response: Response) -> None:
    assert fold(list(unfold(response))).response == response


@given(response=RESPONSES, data=st.data())
def test_the_fold_does_not_depend_on_how_text_is_cut(response: Response, data: Any) -> None:
    events: list[Event] = []
    for event in unfold(response):
        events += [Keepalive()] * data.draw(st.integers(0, 1))
        if isinstance(event, PartDelta) and event.text:
            place = data.draw(st.integers(0, len(event.text)))
            events += [PartDelta(event.text[:place]), replace(event, text=event.text[place:])]
        else:
            events.append(event)
    assert fold(events).response == response


@given(response=RESPONSES)
def test_at_most_one_part_is_open_in_an_unfolded_answer(response: Response) -> None:
    open_parts = 0
    for event in unfold(response):
        open_parts += isinstance(event, PartStart)
        open_parts -= isinstance(event, PartEnd)
        inside = isinstance(event, PartStart | PartDelta | CitationDelta)
        assert open_parts == inside


NATIVE = Native("anthropic_messages", ({"signature": "s"},))
EARLIER = Native("anthropic_messages", ({"signature": "of the start"},))
LINK = Citation("http://a")


@pytest.mark.parametrize(
    "events, part",
    [
        pytest.param(
            [PartStart(TextPart("a")), PartDelta("b"), PartDelta("c"), PartEnd()],
            TextPart("abc"),
            id="pieces of text follow what the start brought",
        ),
        pytest.param(
            [PartStart(TextPart("")), PartDelta("a", ({"x": 1},)), CitationDelta(LINK), PartEnd()],
            TextPart("a", (LINK,), logprobs=({"x": 1},)),
            id="text with logprobs and a citation",
        ),
        pytest.param(
            [PartStart(ReasoningPart("")), PartDelta("hm"), PartEnd(NATIVE)],
            ReasoningPart("hm", NATIVE),
            id="the state of reasoning comes with its end",
        ),
        pytest.param(
            [PartStart(ReasoningPart("", EARLIER)), PartEnd(NATIVE)],
            ReasoningPart("", NATIVE),
            id="the state at the end counts",
        ),
        pytest.param(
            [PartStart(ReasoningPart("", EARLIER)), PartEnd()],
            ReasoningPart("", EARLIER),
            id="a state that came first is kept",
        ),
        pytest.param(
            [PartStart(ToolCallPart("1", "f", "")), PartDelta('{"a"'), PartDelta(":1}"), PartEnd()],
            ToolCallPart("1", "f", '{"a":1}'),
            id="arguments of a call",
        ),
        pytest.param(
            [PartStart(ToolCallPart("1", "f", "", native=EARLIER)), PartEnd(cut=True)],
            ToolCallPart("1", "f", "", native=EARLIER),
            id="a call that was cut stays as far as it came",
        ),
        pytest.param(
            [PartStart(ToolCallPart("1", "f", "")), PartEnd(NATIVE)],
            ToolCallPart("1", "f", "", native=NATIVE),
            id="the state of a call",
        ),
        pytest.param(
            [PartStart(RefusalPart("")), PartDelta("no"), PartEnd()],
            RefusalPart("no"),
            id="a refusal",
        ),
        pytest.param(
            [PartStart(NativePart(NATIVE, "citations_dropped")), PartEnd()],
            NativePart(NATIVE, "citations_dropped"),
            id="a native part comes whole",
        ),
    ],
)
def test_a_part_is_made_of_its_events(events: list[Event], part: Part) -> None:
    assert parts(*events) == (part,)


def test_nothing_of_one_part_gets_into_the_next() -> None:
    first = [PartStart(TextPart("")), PartDelta("a", ("x",)), CitationDelta(LINK), PartEnd(NATIVE)]
    second = [PartStart(ReasoningPart("")), PartEnd()]
    third = [PartStart(TextPart("")), PartEnd()]
    assert parts(*first, *second, *third)[1:] == (ReasoningPart(""), TextPart(""))


def test_an_end_without_a_part_gives_none() -> None:
    assert parts(PartEnd()) == ()


def test_what_start_and_stop_say() -> None:
    usage = Usage(1, 2)
    folded = fold([Start("id", "m", 7.0, "default"), Stop(Finish("length"), usage, None, NATIVE)])
    expected = Response("id", "m", (), Finish("length"), usage, 7.0, "default", NATIVE)
    assert folded.response == expected
    assert folded.error is None


def test_the_tier_of_the_stop_counts() -> None:
    folded = fold([Start("", "", None, "auto"), Stop(Finish("stop"), service_tier="flex")])
    assert folded.response is not None
    assert folded.response.service_tier == "flex"


def test_a_failure_gives_an_error_and_no_answer() -> None:
    error = Error("server", "broke", 500)
    folded = fold([Start("", ""), PartStart(TextPart("")), PartDelta("a"), Failure(error)])
    assert folded.error == error
    assert folded.response is None


def test_before_the_end_there_is_neither() -> None:
    folded = fold([Start("", ""), PartStart(TextPart("")), PartDelta("a"), PartEnd()])
    assert (folded.response, folded.error) == (None, None)


def test_a_part_of_a_request_cannot_be_unfolded() -> None:
    image = ImagePart(Base64Source("image/png", ""))
    response = Response("", "", (image,), Finish("stop"))
    with pytest.raises(TypeError, match="ImagePart cannot be part of an answer"):
        list(unfold(response))
