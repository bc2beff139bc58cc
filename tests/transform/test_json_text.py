import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform import json_text
from bridge.transform.json_text import dump_text, dumps, loads, loads_answer

ROOT = Path(__file__).resolve().parents[2]
MODES = ("msgspec", "standard library")


@contextmanager
def using(mode: str) -> Iterator[None]:
    """`standard library` is what the module does where msgspec is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        if mode == "standard library":
            patch.setattr(json_text, "msgspec", None)
        yield


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Iterator[str]:
    with using(request.param):
        yield request.param


ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # not only what fits 64 bits
    | st.integers(10**19, 10**40)
    | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize("writer", MODES)
@pytest.mark.parametrize("reader", MODES)
@given(value=VALUES)
def test_what_is_written_reads_as_it_was_in_either_mode(
    writer: str, reader: str, value: Any
) -> None:
    with using(writer):
        text = dumps(value)
    with using(reader):
        assert repr(loads(text)) == repr(value)  # 1 and 1.0 and True are equal, but not the same
        assert repr(loads(text.decode())) == repr(value)


@given(value=VALUES)
def test_dump_text_is_the_same_as_a_string(value: Any) -> None:
    assert dump_text(value).encode() == dumps(value)


@pytest.mark.parametrize(
    "value, text",
    [
        pytest.param(
            {"b": 1, "a": [1, 2]}, b'{"b":1,"a":[1,2]}', id="trap 35: compact, keys in order"
        ),
        pytest.param("é 漢 😀", '"é 漢 😀"'.encode(), id="UTF-8 as it is"),
        pytest.param("a\ud800é", b'"a\\ud800\\u00e9"', id="a lone surrogate as an escape"),
        pytest.param({"\udfff": 1}, b'{"\\udfff":1}', id="a lone surrogate in a key"),
        pytest.param(2**64 + 1, b"18446744073709551617", id="every digit of a big integer"),
        pytest.param("\x00\n\x7f", b'"\\u0000\\n\x7f"', id="control characters escaped"),
        pytest.param(StrEnum("Word", ["yes"]).yes, b'"yes"', id="a subclass of str"),
    ],
)
def test_dumps(mode: str, value: Any, text: bytes) -> None:
    assert dumps(value) == text


@pytest.mark.parametrize(
    "text, value",
    [
        pytest.param(b"123456789012345678901234567890", 123456789012345678901234567890, id="big"),
        pytest.param(b"-9223372036854775809", -(2**63) - 1, id="big and negative"),
        pytest.param(b'"\\ud83d"', "\ud83d", id="a lone surrogate"),
        pytest.param(b'"\\ud83d\\ude00"', "😀", id="a surrogate pair"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', {"a": 1}, id="a byte-order mark"),
        pytest.param(b'{"a":1,"a":2}', {"a": 2}, id="the last of two equal keys counts"),
        pytest.param(b" \r\n\t[] ", [], id="blanks around it"),
        pytest.param(b"1e308", 1e308, id="a large float"),
    ],
)
def test_loads(mode: str, text: bytes, value: Any) -> None:
    assert loads(text) == value


def test_trap_35_loads_keeps_the_order_of_keys(mode: str) -> None:
    assert list(loads(b'{"b":1,"a":2,"c":3}')) == ["b", "a", "c"]


@pytest.mark.parametrize(
    "text, problem",
    [
        pytest.param(b"NaN", "NaN is not JSON", id="NaN"),
        pytest.param(b"[-Infinity]", "-Infinity is not JSON", id="Infinity"),
        pytest.param(b"1e999", "number out of range: 1e999", id="a float beyond every float"),
        pytest.param(b"-1e999", "number out of range: -1e999", id="the same below zero"),
        pytest.param(b"9" * 5000, "limit", id="an integer of 5000 digits"),
        pytest.param(b"", "Expecting value: line 1", id="nothing"),
        pytest.param(b'{"a":1} x', "Extra data: line 1 column 9", id="text behind the document"),
        pytest.param(b'{"a":\n1,}', "line 2 column 2", id="a trailing comma"),
        pytest.param(b'"a\nb"', "Invalid control character", id="a raw line break in a string"),
        pytest.param(b'"\xff"', "can't decode byte 0xff", id="no UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', "can't decode byte 0xed", id="a surrogate in bytes"),
        pytest.param('{"a":1}'.encode("utf-16"), "can't decode byte 0xff", id="UTF-16"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, "nested too deeply", id="deep lists"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply", id="objects"),
    ],
)
def test_loads_refuses(mode: str, text: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        loads(text)


@pytest.mark.parametrize(
    "text, value",
    [
        pytest.param(b'{"a":[NaN,-Infinity,1e999,1.5]}', {"a": [None, None, None, 1.5]}, id="NaN"),
        pytest.param(b'"a\nb\x01"', "a\nb\x01", id="raw control characters"),
        pytest.param(b'"a\xffb"', "a\ufffdb", id="no UTF-8"),
        pytest.param("\ufeff[NaN]".encode(), [None], id="behind a byte-order mark"),
        pytest.param("[NaN]", [None], id="a text"),
        pytest.param(b'{"a":1}', {"a": 1}, id="nothing odd"),
    ],
)
def test_what_servers_send_is_read_all_the_same(mode: str, text: bytes, value: Any) -> None:
    assert loads_answer(text) == value


@pytest.mark.parametrize(
    "text, problem",
    [
        pytest.param(b'{"a":NaN,}', "line 1", id="half of it odd"),
        pytest.param(b"not JSON", "Expecting value", id="no JSON"),
        pytest.param(b"[" * 100_000, "nested too deeply", id="deep lists"),
    ],
)
def test_what_is_no_json_is_none_of_servers_either(mode: str, text: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        loads_answer(text)


@pytest.mark.parametrize("inner", [pytest.param("a", id="text"), pytest.param("\ud800", id="odd")])
def test_what_is_too_deep_to_write_is_a_value_error(mode: str, inner: str) -> None:
    value: Any = inner
    for _ in range(200_000):
        value = [value]
    with pytest.raises(ValueError, match="nested too deeply"):
        dumps(value)


@given(text=st.binary(max_size=40) | st.text('[]{}",:0123456789.eE+-truefalsn\\u ').map(str.encode))
def test_both_modes_accept_the_same(text: bytes) -> None:
    found = []
    for mode in MODES:
        with using(mode):
            try:
                found.append(repr(loads(text)))
            except ValueError as error:
                found.append(str(error))
    assert found[0] == found[1]


def test_without_msgspec_the_module_loads_and_works() -> None:
    code = (
        "import sys; sys.modules['msgspec'] = None\n"
        "from bridge.transform import json_text\n"
        "assert json_text.msgspec is None\n"
        'sys.stdout.buffer.write(json_text.dumps(json_text.loads(b\'{"b": [1, "\\\\u00e9"]}\')))\n'
    )
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60)
    assert run.stdout == '{"b":[1,"é"]}'.encode(), run.stderr.decode()
