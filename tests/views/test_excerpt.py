"""Values on one line, and what is left out of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.views.excerpt import difference, printable, shortened, shown

LIMITS = st.integers(1, 200)


@pytest.mark.parametrize(
    "text, limit, short",
    [
        pytest.param("abc", 3, "abc", id="what fits stays"),
        pytest.param("abcdef", 4, "abc…", id="too little room to tell how much is missing"),
        pytest.param(
            "a" * 900 + "b" * 100,
            60,
            "a" * 26 + " … 1,000 characters … " + "b" * 12,
            id="beginning, size and end",
        ),
    ],
)
def test_a_long_text_is_cut_in_its_middle(text: str, limit: int, short: str) -> None:
    assert shortened(text, limit) == short


@given(st.text(max_size=400), LIMITS)
def test_no_text_is_longer_than_there_is_room(text: str, limit: int) -> None:
    short = shortened(text, limit)
    assert len(short) <= max(limit, 1)
    assert short == text or len(text) > limit


@pytest.mark.parametrize(
    "value, text",
    [
        pytest.param("1", '"1"', id="a text has quotes"),
        pytest.param(1, "1", id="a number has none"),
        pytest.param("a\nb", '"a\\nb"', id="one line"),
        pytest.param({"a": [1, None]}, '{"a":[1,null]}', id="an object"),
    ],
)
def test_values_are_json(value: object, text: str) -> None:
    assert shown(value, 99) == text


def test_no_line_can_move_the_cursor() -> None:
    assert printable("a\x1b[2J\x9b\nb\u2028\ud800é") == "a\ufffd[2J\ufffd\ufffdb\ufffd\ufffdé"


def test_what_is_nested_too_deeply_is_said_to_be() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep, 99) == "(nested too deeply)"
    while deep:  # or taking it down would be too deep as well
        deep = deep[0]  # type: ignore[assignment]


@pytest.mark.parametrize(
    "left, right, limit, told",
    [
        pytest.param("a", "b", 9, ('"a"', '"b"'), id="short ones are shown whole"),
        pytest.param(
            "x" * 900 + "1" + "y" * 500,
            "x" * 900 + "2" + "y" * 500,
            120,
            (
                "… 870 the same … " + json.dumps("x" * 30 + "1" + "y" * 30) + " … 470 the same …",
                "… 870 the same … " + json.dumps("x" * 30 + "2" + "y" * 30) + " … 470 the same …",
            ),
            id="around the difference",
        ),
        pytest.param(
            "x" * 100,
            "<s>" + "x" * 100 + "</s>",
            50,
            (
                json.dumps("x" * 20)[:-1] + " … 100 characters … " + "x" * 10 + '"',
                '"<s>' + "x" * 17 + " … 107 characters … " + "x" * 6 + '</s>"',
            ),
            id="all of it differs",
        ),
        pytest.param(
            "x" * 100,
            "x" * 101,
            40,
            ("… 90 the same … " + json.dumps("x" * 10), "… 90 the same … " + json.dumps("x" * 11)),
            id="one goes on",
        ),
    ],
)
def test_of_two_texts_the_difference_is_shown(
    left: str, right: str, limit: int, told: tuple[str, str]
) -> None:
    assert difference(left, right, limit) == told


@given(st.text("ab", max_size=300), st.text("ab", max_size=300), LIMITS)
def test_what_differs_never_looks_the_same(left: str, right: str, limit: int) -> None:
    if left != right and limit > 20:
        told = difference(left, right, limit)
        assert told[0] != told[1]
