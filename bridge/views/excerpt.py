"""Values as one line of text, with the middle of what is long left out and its size told.

Hard part: of two long texts that differ somewhere, the place where they do is what to show.
"""

import re

from ..transform.json_text import Json, dump_text

# What moves a terminal's cursor or ends a line, and half characters, which nothing can print.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
CONTEXT = 30  # characters shown on both sides of a difference


def shortened(text: str, limit: int) -> str:
    """`text` in about `limit` characters: its beginning, how much is left out, and its end."""
    if len(text) <= limit:
        return text
    gap = f" … {len(text):,} characters … "
    kept = max(0, limit - len(gap))
    if kept < len(gap):
        return text[: max(0, limit - 1)] + "…"
    tail = kept // 3
    return text[: kept - tail] + gap + text[len(text) - tail :]


def printable(line: str) -> str:
    """`line`, whatever a body has put in it, as one line of a terminal."""
    return _UNPRINTABLE.sub("\ufffd", line)


def shown(value: Json, limit: int) -> str:
    """`value` as JSON, so that 1 and "1" look different."""
    if isinstance(value, str):  # cut first: quoting a megabyte takes time
        return _text(shortened(value, limit))
    return shortened(_text(value), limit)


def difference(left: str, right: str, limit: int) -> tuple[str, str]:
    """Two texts that are not the same, around the place where they differ."""
    if len(left) <= limit and len(right) <= limit:
        return _text(left), _text(right)
    most = min(len(left), len(right))
    begin = _same(left, right, most)
    end = _same(left[begin:][::-1], right[begin:][::-1], most - begin)
    context = min(CONTEXT, limit // 4)  # or there is no room for the difference
    before, after = max(0, begin - context), max(0, end - context)
    return _around(left, before, after, limit), _around(right, before, after, limit)


def _around(text: str, before: int, after: int, limit: int) -> str:
    middle = _text(shortened(text[before : len(text) - after], limit))
    head = f"… {before:,} the same … " if before else ""
    return head + middle + (f" … {after:,} the same …" if after else "")


def _same(left: str, right: str, most: int) -> int:
    """How many characters are the same from the start on; at most `most`."""
    low = 0
    while low < most:
        half = (low + most + 1) // 2
        if left[low:half] == right[low:half]:
            low = half
        else:
            most = half - 1
    return low


def _text(value: Json) -> str:
    try:
        return dump_text(value)
    except ValueError:
        return "(nested too deeply)"
