"""One string value of a JSON text replaced in place, every other byte kept.

Passing a body on in its own protocol must not touch it: caches and signatures hang on the bytes.
"""

import re

from .json_text import dumps, loads

# Possessive, or a long string takes a hundred times its size in memory.
# A string without an end, in a text that is no JSON, is one token to the end.
_TOKEN = re.compile(rb'("(?:[^"\\]++|\\.)*+")|".*|[{}\[\]:,]', re.DOTALL)


def splice(text: bytes, path: tuple[str, ...], value: str) -> bytes:
    """`text` with the string at `path` (object keys) set to `value`; as it is if there is none."""
    span = _find(text, path)
    return text if span is None else text[: span[0]] + dumps(value) + text[span[1] :]


def _find(text: bytes, path: tuple[str, ...]) -> tuple[int, int] | None:
    """Where the string at `path` stands; `level` counts the keys of `path` we are inside of."""
    depth = level = 0
    last_string = b""
    at_value = False  # the next token is the value of path[level]
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if at_value and level == len(path) - 1:
            return token.span() if token[1] else None
        if at_value and mark == b"{":
            level += 1
        at_value = False
        if mark == b":":
            at_value = depth == level + 1 and _is_key(last_string, path[level])
        elif mark in (b"{", b"["):
            depth += 1
        elif mark in (b"}", b"]"):
            depth -= 1
            if depth <= level:
                return None
        elif mark != b",":
            last_string = mark
    return None


def _is_key(token: bytes, key: str) -> bool:
    try:
        return bool(loads(token) == key)
    except ValueError:  # the text is no JSON
        return False
