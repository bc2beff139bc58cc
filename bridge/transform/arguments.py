"""The arguments of a tool call while they stream: what may go out, what must wait, what is whole.

In: pieces of what a model wrote, in any cutting. Out: pieces of one JSON object, as early as it is
sure to be one. Hard part: servers send `{}` before the object they mean, the object twice, `null`,
nothing, or half of it, and half a call must never look like a whole one.
"""

import re
from typing import NamedTuple

from .json_text import Json, dump_text, loads

RAW = "_raw"  # the key under which arguments stand that are no JSON object

_EMPTY_OBJECTS = re.compile(r"^(?:\{\s*\}\s*(?=\{))+")  # before another one
_OUTSIDE = re.compile(r'["{}\[\]]')
_INSIDE = re.compile(r'\\.|\\\Z|"', re.DOTALL)  # of a string; a lone backslash waits for its pair


class Ending(NamedTuple):
    """`text` is still to go out. `cut`: the object is not whole; `valid`: as the model wrote it."""

    text: str
    cut: bool = False
    valid: bool = True


class Arguments:
    """One call's worth of state."""

    def __init__(self) -> None:
        self.complete = False  # a whole JSON value has come in
        self.late = False  # something came in behind it, and was dropped
        self._begun: list[str] | None = None  # what went out, once it is clear that it is an object
        self._held: list[str] = []  # what came in before that
        self._other = False  # no object at all: held to the end
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, text: str) -> str:
        """What may go out now."""
        if self._begun is not None:
            return self._more(text)
        self._held.append(text)
        return "" if self._other else self._begin("".join(self._held).lstrip())

    @property
    def begun(self) -> bool:
        """An object with something in it has come, or its beginning."""
        return self._begun is not None

    def end(self, *, cut: bool) -> Ending:
        """The call is over; `cut`: it may have ended early."""
        if self._begun is not None:
            whole = "".join(self._begun)
            return Ending("", not self.complete, self.complete and _is_json(whole))
        text = "".join(self._held).strip()
        if text == "{" or (cut and not _is_json(text)):
            return Ending(text, cut=True, valid=False)
        if text in ("", "{}", "null"):
            return Ending("{}")
        return _as_object(text)

    def _begin(self, held: str) -> str:
        """What goes out of `held`, which is all there is so far."""
        if not held.startswith("{"):
            word = held.rstrip()
            self._held, self.complete = [held], word == "null"
            self._other = not "null".startswith(word)
            return ""
        held = _EMPTY_OBJECTS.sub("", held)
        inside = held[1:].lstrip()
        if inside[:1] not in ("", "}"):
            self._held, self._begun, self.complete = [], [], False
            return self._more(held)
        self._held, self.complete = ["{" + inside[:1]], bool(inside)
        self.late = self.late or bool(inside[1:].strip())
        return ""

    def _more(self, text: str) -> str:
        if self.complete:
            self.late = self.late or bool(text.strip())
            return ""
        end = self._end_of_object(text)
        if end is not None:
            self.complete = True
            self.late = bool(text[end:].strip())
            text = text[:end]
        if self._begun is not None and text:
            self._begun.append(text)
        return text

    def _end_of_object(self, text: str) -> int | None:
        """Where in `text` the outermost bracket closes; the state stands behind `text` if not."""
        place = 1 if self._escaped and text else 0
        self._escaped = self._escaped and not text
        while found := (_INSIDE if self._in_string else _OUTSIDE).search(text, place):
            place = found.end()
            mark = found[0]
            if mark == '"':
                self._in_string = not self._in_string
            elif self._in_string:
                self._escaped = len(mark) == 1
            else:
                self._depth += 1 if mark in "{[" else -1
                if self._depth == 0:
                    return place
        return None


def normal_arguments(value: Json) -> str:
    """Arguments of a call in a history as text; `{}` for the words that mean nothing."""
    if isinstance(value, str):
        return "{}" if value.strip() in ("", "null") else _without_raw(value)
    return "{}" if value is None else dump_text(value)


def _without_raw(text: str) -> str:
    """What a model wrote, out of the object it was put in because it was none."""
    if not text.startswith('{"' + RAW):
        return text
    try:
        value = loads(text)
    except ValueError:
        return text
    raw = value.get(RAW) if len(value) == 1 else None
    return raw if isinstance(raw, str) else text


def _as_object(text: str) -> Ending:
    return Ending(dump_text({RAW: text}), valid=False)


def _is_json(text: str) -> bool:
    try:
        loads(text)
    except ValueError:
        return False
    return True
