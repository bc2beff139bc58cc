"""Reasoning in tags at the start of a text, at every cutting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.think_tags import Piece, ThinkTags


def sort(*pieces: str) -> tuple[str, str]:
    tags = ThinkTags()
    found = [piece for text in pieces for piece in tags.feed(text)] + tags.end()
    thought = "".join(piece.text for piece in found if piece.is_reasoning)
    return thought, "".join(piece.text for piece in found if not piece.is_reasoning)


@pytest.mark.parametrize(
    "text, thought, answer",
    [
        pytest.param("<think>a</think>b", "a", "b", id="both"),
        pytest.param("\n<think>\na\n</think>\n\nb", "a\n", "b", id="line breaks at the tags"),
        pytest.param("plain", "", "plain", id="no tags"),
        pytest.param("\n plain", "", "\n plain", id="no tags, and blanks that count"),
        pytest.param("see <think>a</think>", "", "see <think>a</think>", id="not at the start"),
        pytest.param("<think>a", "a", "", id="never closed"),
        pytest.param("<thi", "", "<thi", id="almost a tag"),
        pytest.param("<thinker>", "", "<thinker>", id="another tag"),
        pytest.param("<think>a </thin b</think>c", "a </thin b", "c", id="almost closed"),
        pytest.param("<think></think>b", "", "b", id="nothing thought"),
        pytest.param("<think>a</think>b</think>", "a", "b</think>", id="the first end counts"),
        pytest.param("", "", "", id="nothing"),
        pytest.param("  ", "", "  ", id="blanks only"),
    ],
)
def test_tags_take_reasoning_out_of_the_text(text: str, thought: str, answer: str) -> None:
    assert sort(text) == (thought, answer)
    assert sort(*text) == (thought, answer)


def test_what_is_certain_is_given_at_once() -> None:
    tags = ThinkTags()
    assert tags.feed("<think>ab") == [Piece("ab", True)]
    assert tags.feed("c</") == [Piece("c", True)]
    assert tags.feed("d") == [Piece("</d", True)]
    assert tags.feed("</think>e") == [Piece("e", False)]
    assert tags.feed("f") == [Piece("f", False)]
    assert tags.end() == []


TEXTS = st.lists(st.sampled_from(["<think>", "</think>", "<", "a", "\n", " ", "think>"]))


@given(TEXTS)
def test_any_cutting_gives_the_same(pieces: list[str]) -> None:
    whole = "".join(pieces)
    assert sort(*pieces) == sort(whole) == sort(*whole)
