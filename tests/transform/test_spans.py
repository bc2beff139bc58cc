"""Values replaced in JSON text, and not a byte beside them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.spans import Path, replaced, spans

TEXT = (
    b'{ "a" : [1, {"b":"x\\"}, "}, "c" ],\n "\\u0061b": {"k": null}, "e":{}, "f":[], "n":-1.5e3 }'
)


@pytest.mark.parametrize(
    "path, value",
    [
        pytest.param((), TEXT, id="the whole"),
        pytest.param(("a",), b'[1, {"b":"x\\"}, "}, "c" ]', id="a list"),
        pytest.param(("a", 0), b"1", id="its first value"),
        pytest.param(("a", 1, "b"), b'"x\\"}, "', id="a string with quotes and brackets"),
        pytest.param(("a", 2), b'"c"', id="behind an object"),
        pytest.param(("ab", "k"), b"null", id="a key with an escape"),
        pytest.param(("e",), b"{}", id="an empty object"),
        pytest.param(("f",), b"[]", id="an empty list"),
        pytest.param(("n",), b"-1.5e3", id="a number"),
    ],
)
def test_a_value_is_found(path: Path, value: bytes) -> None:
    begin, end = spans(TEXT, [path])[path]
    assert TEXT[begin:end] == value


@pytest.mark.parametrize("path", [("b",), ("a", 3), ("a", "b"), ("e", "x"), ("f", 0), ("a", 0, 0)])
def test_a_path_that_leads_nowhere_is_not_found(path: Path) -> None:
    assert spans(TEXT, [path]) == {}
    with pytest.raises(KeyError):
        replaced(TEXT, {path: 1})


def test_of_equal_keys_the_last_counts_as_for_a_parser() -> None:
    assert replaced(b'{"a":1,"a":2}', {("a",): 3}) == b'{"a":1,"a":3}'


def test_several_are_replaced_at_once_and_the_rest_stays() -> None:
    changed = replaced(TEXT, {("a", 2): "ä", ("ab", "k"): [True], ("a", 0): {}})
    assert changed == (
        b'{ "a" : [{}, {"b":"x\\"}, "}, "\xc3\xa4" ],\n "\\u0061b": {"k": [true]}, '
        b'"e":{}, "f":[], "n":-1.5e3 }'
    )


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


def paths(value: Any, path: Path = ()) -> list[Path]:
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    return [path, *(found for key, held in inner for found in paths(held, (*path, key)))]


@given(VALUES, st.sampled_from([None, 1]), st.data())
def test_what_is_found_is_what_a_parser_finds(
    value: Any, indent: int | None, data: st.DataObject
) -> None:
    text = json.dumps(value, indent=indent)
    path = data.draw(st.sampled_from(paths(value)))
    expected = value
    for key in path:
        expected = expected[key]
    begin, end = spans(text.encode(), [path])[path]
    assert json.loads(text.encode()[begin:end]) == expected
