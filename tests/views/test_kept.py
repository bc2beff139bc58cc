"""Bodies as they were kept."""

from typing import Any

import pytest
from hypothesis import given

from bridge.views.kept import Kept, read
from tests.views.odd import BODIES

STREAM = 'data: {"choices":[{"delta":{"content":"hi"}}]}\n\ndata: [DONE]\n\n'
ANSWER = {"choices": [{"index": 0, "message": {"content": "hi"}}]}


@pytest.mark.parametrize(
    "text, kept",
    [
        pytest.param("", Kept("nothing", None), id="nothing"),
        pytest.param(" \n", Kept("nothing", None), id="white space"),
        pytest.param('{"a":1}', Kept("json", {"a": 1}), id="JSON"),
        pytest.param('\ufeff{"a":1}', Kept("json", {"a": 1}), id="JSON behind a byte-order mark"),
        pytest.param("3", Kept("json", 3), id="JSON that is no object"),
        pytest.param('{"a":["b\n[7 bytes more]', Kept("json", {"a": ["b"]}, 7), id="cut JSON"),
        pytest.param('{"a":1,"b', Kept("json", {"a": 1}), id="JSON that broke off"),
        pytest.param("{oops}", Kept("text", "{oops}"), id="no JSON after all"),
        pytest.param("404 not found", Kept("text", "404 not found"), id="text"),
        pytest.param("<html>\n[5 bytes more]", Kept("text", "<html>", 5), id="cut text"),
        pytest.param("x\n[5 bytes more] y", Kept("text", "x\n[5 bytes more] y"), id="no mark"),
        pytest.param(STREAM, Kept("stream", ANSWER), id="a stream as the answer it tells"),
        pytest.param(
            STREAM + 'data: {"ch\n[9 bytes more]', Kept("stream", ANSWER, 9), id="a cut stream"
        ),
        pytest.param("data: hello\n\n", Kept("text", "data: hello\n\n"), id="a stream of no JSON"),
    ],
)
def test_a_body_is_what_can_be_read_of_it(text: str, kept: Kept) -> None:
    assert read(text) == kept


@given(BODIES)
def test_every_body_can_be_read(text: str) -> None:
    kept: Any = read(text)
    assert kept.form in ("nothing", "json", "stream", "text")
    assert (kept.value is None) >= (kept.form == "nothing")
