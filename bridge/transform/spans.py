"""Where values stand in a JSON text, so that some are replaced and every other byte is kept.

In: JSON as bytes, and paths of keys and indices. Out: the bytes that each value takes up. Of equal
keys the last one counts, as it does for a parser.
"""

import re
from collections.abc import Collection, Iterator, Mapping

from .json_text import Json, dumps, loads

type Path = tuple[str | int, ...]
type Span = tuple[int, int]

# Possessive, or a long string takes a hundred times its size in memory.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\]:,]|[^\s"{}\[\]:,]+', re.DOTALL)


def replaced(text: bytes, values: Mapping[Path, Json]) -> bytes:
    """`text` with other values at these paths; KeyError for a path that leads nowhere."""
    found = spans(text, values)
    for path in sorted(values, key=lambda path: found[path], reverse=True):
        begin, end = found[path]
        text = text[:begin] + dumps(values[path]) + text[end:]
    return text


def spans(text: bytes, paths: Collection[Path]) -> dict[Path, Span]:
    """Of those paths that lead somewhere."""
    known = ((tuple(path), span) for path, span in _values(text))
    return {path: span for path, span in known if path in paths}


def _values(text: bytes) -> Iterator[tuple[list[str | int], Span]]:
    """Every value; the list is one, and changes."""
    path: list[str | int] = []
    begun: list[int] = []  # where the brackets that are open stand
    is_key = False
    for token in _TOKEN.finditer(text):
        mark = token[0]
        match mark:
            case b"{" | b"[":
                begun.append(token.start())
                path.append("" if mark == b"{" else 0)
            case b"}" | b"]":
                path.pop()
                yield path, (begun.pop(), token.end())
            case b",":
                last = path[-1]
                path[-1] = last if isinstance(last, str) else last + 1
            case b":":
                pass
            case _ if is_key:
                path[-1] = loads(mark)
            case _:
                yield path, token.span()
        is_key = mark == b"{" or (mark == b"," and isinstance(path[-1], str))
