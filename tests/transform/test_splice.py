"""One string of a JSON text replaced, and not a byte beside it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.splice import splice

MODEL = ("model",)
INNER = ("message", "model")


@pytest.mark.parametrize(
    "text, path, spliced",
    [
        pytest.param(b'{"model":"a"}', MODEL, b'{"model":"new"}', id="the only value"),
        pytest.param(
            b'{ "x" : 1 ,\n "model" : "a" , "y":2}',
            MODEL,
            b'{ "x" : 1 ,\n "model" : "new" , "y":2}',
            id="blanks stay",
        ),
        pytest.param(
            b'{"messages":[{"model":"a"}],"model":"a"}',
            MODEL,
            b'{"messages":[{"model":"a"}],"model":"new"}',
            id="the same key further in is another one",
        ),
        pytest.param(
            b'{"x":{"model":"a"},"model":"a"}',
            MODEL,
            b'{"x":{"model":"a"},"model":"new"}',
            id="also in an object",
        ),
        pytest.param(
            b'{"x":"model","model":"a"}', MODEL, b'{"x":"model","model":"new"}', id="no key, a text"
        ),
        pytest.param(
            b'{"m\\u006fdel":"a"}', MODEL, b'{"m\\u006fdel":"new"}', id="a key with an escape"
        ),
        pytest.param(b'{"model":"a\\"}"}', MODEL, b'{"model":"new"}', id="a value with escapes"),
        pytest.param(
            b'{"type":"message_start","message":{"id":"1","model":"a"}}',
            INNER,
            b'{"type":"message_start","message":{"id":"1","model":"new"}}',
            id="a path of two keys",
        ),
        pytest.param(
            b'{"message":{"content":{"model":"a"},"model":"a"}}',
            INNER,
            b'{"message":{"content":{"model":"a"},"model":"new"}}',
            id="not one level further in",
        ),
        pytest.param(b'\xef\xbb\xbf{"model":"a"}', MODEL, b'\xef\xbb\xbf{"model":"new"}', id="BOM"),
    ],
)
def test_the_string_is_replaced(text: bytes, path: tuple[str, ...], spliced: bytes) -> None:
    assert splice(text, path, "new") == spliced


@pytest.mark.parametrize(
    "text, path",
    [
        pytest.param(b"", MODEL, id="nothing"),
        pytest.param(b"{}", MODEL, id="an empty object"),
        pytest.param(b'["model","a"]', MODEL, id="a list"),
        pytest.param(b'[{"model":"a"}]', MODEL, id="an object in a list"),
        pytest.param(b'"model"', MODEL, id="a text"),
        pytest.param(b'{"model":null}', MODEL, id="null"),
        pytest.param(b'{"model":{"model":"a"}}', MODEL, id="an object"),
        pytest.param(b'{"model":["a"]}', MODEL, id="a list of texts"),
        pytest.param(b'{"model":5,"x":"a"}', MODEL, id="a number"),
        pytest.param(b'{"message":"a","model":"b"}', INNER, id="a text where an object belongs"),
        pytest.param(b'{"message":[{"model":"a"}]}', INNER, id="a list where an object belongs"),
        pytest.param(b'{"message":{"id":"1"},"model":"a"}', INNER, id="the object ends before it"),
        pytest.param(b'{"model":"a', MODEL, id="a value without an end"),
        pytest.param(b'{"model', MODEL, id="a key without an end"),
        pytest.param(b'{"mod\\x":1,"y":2', MODEL, id="an escape that is none"),
        pytest.param(b"<html>no</html>", MODEL, id="no JSON at all"),
        pytest.param(b"}}]]", MODEL, id="brackets alone"),
    ],
)
def test_without_such_a_string_the_text_stays(text: bytes, path: tuple[str, ...]) -> None:
    assert splice(text, path, "new") == text


# --- laws

KEYS = st.sampled_from(["model", "message", "x", 'a"b', "mod\\el", "é\n", ""])
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(tuple)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | KEYS | st.text("a{:,"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)
NEW = "¤"  # stands in none of the documents


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """A document as anybody may write it."""
    written = json.dumps(
        draw(DOCUMENTS),
        indent=draw(st.sampled_from([None, 1])),
        separators=draw(st.sampled_from([(",", ":"), (" , ", " : ")])),
        ensure_ascii=draw(st.booleans()),
    )
    return written.encode()


def at(document: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


@given(texts(), PATHS)
def test_no_byte_changes_but_those_of_the_value(text: bytes, path: tuple[str, ...]) -> None:
    spliced = splice(text, path, NEW)
    before = at(json.loads(text), path)
    if not isinstance(before, str):
        assert spliced == text
        return
    start = spliced.index(f'"{NEW}"'.encode())
    behind = spliced[start + len(f'"{NEW}"'.encode()) :]
    assert text.startswith(spliced[:start]) and text.endswith(behind)
    assert json.loads(text[start : len(text) - len(behind)]) == before
    assert at(json.loads(spliced), path) == NEW


@given(texts(), PATHS, st.text(st.characters(exclude_categories=())))
def test_any_text_may_be_put_in(text: bytes, path: tuple[str, ...], value: str) -> None:
    document = json.loads(splice(text, path, value))
    old = at(json.loads(text), path)
    assert at(document, path) == (value if isinstance(old, str) else old)


@given(st.binary() | st.text('{}[]:,"\\mode a', max_size=30).map(str.encode), PATHS)
def test_what_is_no_json_does_no_harm(text: bytes, path: tuple[str, ...]) -> None:
    spliced = splice(text, path, NEW)
    assert spliced == text or f'"{NEW}"'.encode() in spliced


def test_a_long_text_costs_no_more_than_its_length() -> None:
    image = b"A" * 20_000_000
    text = b'{"messages":["' + image + b'"],"model":"a"}'
    assert splice(text, MODEL, "b") == text[:-3] + b'b"}'
