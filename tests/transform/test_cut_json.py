"""JSON that breaks off: what there is of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.cut_json import ended, mended, with_mark, without_mark


@pytest.mark.parametrize(
    "text, whole",
    [
        pytest.param('{"a":"hal', '{"a":"hal"}', id="half a string is kept"),
        pytest.param('{"a":"x\\', '{"a":"x"}', id="half an escape is not"),
        pytest.param('{"a":"x\\u00', '{"a":"x"}', id="nor one by number"),
        pytest.param('{"a":"\\"', '{"a":"\\""}', id="a quote with a backslash ends nothing"),
        pytest.param('{"a":1,"b', '{"a":1}', id="half a key is nothing"),
        pytest.param('{"a":1,"b"', '{"a":1}', id="a key alone is nothing"),
        pytest.param('{"a":1,"b":', '{"a":1}', id="a key without a value is nothing"),
        pytest.param('{"a":1,', '{"a":1}', id="behind a comma nothing comes"),
        pytest.param('{"a":12', "{}", id="a number may go on"),
        pytest.param('{"a":tru', "{}", id="half a word is none"),
        pytest.param('{"a":12 ', '{"a":12}', id="behind a number comes a space"),
        pytest.param('{"a":[1,[2,{"b":null', '{"a":[1,[2,{}]]}', id="all brackets are closed"),
        pytest.param('["a","b', '["a","b"]', id="in a list every string is a value"),
        pytest.param('{"a":{"b":1},"a":{', '{"a":{"b":1},"a":{}}', id="an object has only begun"),
        pytest.param('{"a":1} trailing "', '{"a":1}', id="what stands behind the end"),
        pytest.param('{"a":[1}', '{"a":[1]}', id="brackets that do not fit"),
        pytest.param('{"a":"\\x"}', '{"a":""}', id="an escape that is none"),
        pytest.param("[" * 1001, "[" * 1000 + "]" * 1000, id="deeper than can be read"),
        pytest.param("]", "", id="nothing"),
        pytest.param("", "", id="not a byte"),
    ],
)
def test_what_is_whole_is_kept(text: str, whole: str) -> None:
    assert ended(text) == whole


HALVES = "".join(map(chr, range(0xD800, 0xDC00)))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=9,
)


@given(st.dictionaries(st.text(max_size=3), VALUES) | st.lists(VALUES), st.data())
def test_wherever_it_breaks_off_a_beginning_of_the_value_is_left(
    value: Any, data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    cut = data.draw(st.integers(1, len(text)))
    assert begins(json.loads(ended(text[:cut])), value)
    assert ended(text) == text


def begins(part: Any, value: Any) -> bool:
    if isinstance(part, dict):
        same = isinstance(value, dict) and list(part) == list(value)[: len(part)]
        return same and all(begins(part[key], value[key]) for key in part)
    if isinstance(part, list):
        same = isinstance(value, list) and len(part) <= len(value)
        return same and all(map(begins, part, value))
    if isinstance(part, str):  # half of a pair of surrogates is half a character
        return isinstance(value, str) and value.startswith(part.rstrip(HALVES))
    return bool(part == value)


@pytest.mark.parametrize("more, marked", [(0, "a"), (-3, "a"), (12, "a\n[12 bytes more]")])
def test_what_was_cut_says_how_much_more_there_was(more: int, marked: str) -> None:
    assert with_mark("a", more) == marked
    left_out = max(0, more)
    assert without_mark(marked) == ("a", left_out)
    assert without_mark(marked.encode()) == (b"a", left_out)


def test_only_a_mark_at_the_end_is_one() -> None:
    for text in ("a\n[5 bytes more]b", "[5 bytes more]", "\n[five bytes more]"):
        assert without_mark(text) == (text, 0)


@pytest.mark.parametrize(
    "text, value, whole",
    [
        ('{"a": 1}', {"a": 1}, True),
        ('{"a": [1, "b', {"a": [1, "b"]}, False),
        ("null", None, True),
        ("<html>", None, False),
        ("", None, False),
        ("{]", {}, False),
    ],
)
def test_what_there_is_of_json_is_read(text: str, value: object, whole: bool) -> None:
    found, problem = mended(text)
    assert found == value and (problem == "") is whole
