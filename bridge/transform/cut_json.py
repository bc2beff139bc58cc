"""JSON that breaks off, ended where it breaks off, so that what there is of it can be read.

In: text whose end is missing; where it was cut to be kept, it ends in a mark that says how much
more there was. Out: JSON text, or what it says. Hard part: it may break off anywhere, inside a
word, a number or an escape too; and only of a string is half of it worth keeping.
"""

import re
from collections.abc import Iterator
from typing import Any

from .json_text import Json, loads

_MARK = r"\n\[(\d+) bytes more\]\Z"
_MARKS: dict[type, re.Pattern[Any]] = {str: re.compile(_MARK), bytes: re.compile(_MARK.encode())}
LONGEST = 40  # characters of a mark
# A string without an end, or with an escape that is none, is kept up to there. Possessive, or a
# long string takes a hundred times its size in memory.
_TOKEN = re.compile(
    r'"(?:[^"\\]++|\\u[0-9a-fA-F]{4}|\\["\\/bfnrt])*+("?)|[{}\[\]:,]|[^\s"{}\[\]:,]+', re.DOTALL
)
_CLOSES = {"{": "}", "[": "]"}
MAX_DEPTH = 1_000  # deeper JSON cannot be read, and a megabyte of brackets would take minutes


def with_mark(text: str, more: int) -> str:
    """`text` that was cut; `more`: bytes that are left out."""
    return f"{text}\n[{more} bytes more]" if more > 0 else text


def without_mark[T: (str, bytes)](text: T) -> tuple[T, int]:
    """What was kept of a text, and how many bytes more there were."""
    mark = _MARKS[type(text)].search(text, max(0, len(text) - LONGEST))
    return (text[: mark.start()], int(mark[1])) if mark else (text, 0)


def mended(text: str) -> tuple[Json, str]:
    """What JSON text says, also where its end is missing; then with the parser's complaint.

    None with a complaint: there is none.
    """
    try:
        return loads(text), ""
    except ValueError as error:
        problem = str(error)
    if not text.lstrip().startswith(("{", "[")):
        return None, problem
    try:
        return loads(ended(text)), problem
    except ValueError:
        return None, problem


def ended(text: str) -> str:
    """`text` up to its last whole value, or its last half string, with all brackets closed."""
    end, rest = 0, ""
    for stop in _stops(text):
        end, rest = stop
    return text[:end] + rest


def _stops(text: str) -> Iterator[tuple[int, str]]:
    """Places to stop at, each with what has to stand there then."""
    closing = ""  # the brackets that are open, the innermost first
    before = ""  # the mark before, "key" or "value"
    for token in _TOKEN.finditer(text):
        mark, end = token[0], token.end()
        if mark in _CLOSES:
            closing, before = _CLOSES[mark] + closing, mark
            if len(closing) > MAX_DEPTH:
                return
        elif mark in (",", ":"):
            before = mark
            continue
        elif mark in ("}", "]"):
            if closing[:1] != mark:
                return
            closing, before = closing[1:], "value"
        elif closing[:1] == "}" and before in ("{", ","):
            before = "key"
            continue
        elif token[1] == "":
            yield end, '"' + closing
            return
        elif token[1] is None and end == len(text):  # a word or a number that may not be whole
            return
        else:
            before = "value"
        yield end, closing
        if not closing:
            return
