"""Halves of characters: joined where both come, replaced where one does."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform import PROTOCOLS, Protocol, Translator
from bridge.transform.answers import Event, Keepalive, PartDelta, PartEnd, PartStart
from bridge.transform.halves import Halves
from bridge.transform.json_text import dumps, loads
from bridge.transform.model import TextPart

HIGH, LOW = "\ud83d", "\ude00"  # of 😀
BEGIN, END = PartStart(TextPart("")), PartEnd()


@pytest.mark.parametrize(
    "texts, joined",
    [
        pytest.param(["a", "é😀"], ["a", "é😀"], id="whole ones"),
        pytest.param(["a" + HIGH, LOW + "b"], ["a", "😀b"], id="in two events"),
        pytest.param([HIGH, LOW], ["😀"], id="nothing else in either"),
        pytest.param([HIGH, "", LOW], ["😀"], id="nothing between them"),
        pytest.param([HIGH + LOW], ["😀"], id="in one event"),
        pytest.param([HIGH, "b"], ["\ufffdb"], id="a first half alone"),
        pytest.param([LOW + "b"], ["\ufffdb"], id="a second half alone"),
        pytest.param(["a" + HIGH], ["a", "\ufffd"], id="a first half at the end"),
        pytest.param([HIGH, HIGH, LOW], ["\ufffd", "😀"], id="two first halves"),
    ],
)
def test_texts_have_whole_characters(texts: list[str], joined: list[str]) -> None:
    halves = Halves()
    events: list[Event] = [BEGIN, *map(PartDelta, texts), END]
    told = [event for each in events for event in halves.join([each])]
    assert told == [BEGIN, *map(PartDelta, joined), END]


def test_what_stands_beside_a_half_goes_on() -> None:
    held = PartDelta(HIGH, ({"token": "x"},))
    told = list(Halves().join([held, Keepalive(), PartDelta(LOW), END]))
    assert told == [PartDelta("", held.logprobs), Keepalive(), PartDelta("😀"), END]


@given(st.text(st.sampled_from(["a", "é", HIGH, LOW, "😀"]), max_size=8), st.data())
def test_any_cutting_gives_the_same_text(text: str, data: st.DataObject) -> None:
    def told(pieces: Sequence[str]) -> str:
        events = Halves().join([BEGIN, *map(PartDelta, pieces), END])
        return "".join(event.text for event in events if isinstance(event, PartDelta))

    cut = data.draw(st.integers(0, len(text)))
    assert told([text[:cut], text[cut:]]) == told([text])
    told([text]).encode()  # raises for a half


ASKED: dict[Protocol, Any] = {
    "anthropic_messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}]},
    "openai_chat": {"messages": [{"role": "user", "content": "x"}]},
    "openai_responses": {"input": "x"},
}


@pytest.mark.parametrize("client", [p for p in PROTOCOLS if p != "openai_chat"])
def test_an_answer_has_them_in_every_protocol(client: Protocol) -> None:
    t = Translator(client, "openai_chat")
    t.request(dumps({"model": "m", "stream": True, **ASKED[client]}))
    for text, finish in (("a\\ud83d", "null"), ("\\ude00b", '"stop"')):
        choice = f'{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":{finish}}}'
        out = b"".join(t.stream(f'data: {{"id":"1","choices":[{choice}]}}\n\n'.encode()))
        assert b"\\ud" not in out
    t.stream(b"")
    assert "a😀b" in dumps(loads(dumps(t.told()))).decode()
