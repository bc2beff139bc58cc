"""An upstream's answer made the client's again, event by event: call ids, tool names, tool kinds.

Hard part: a freeform tool travels as a function of one string, so its input has to be taken out of
a JSON string while that is still coming in, at any cutting.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal
from typing import Protocol as Interface

from .answers import Event, PartDelta, PartEnd, PartStart, Start
from .json_text import dump_text, loads
from .model import ToolCallPart
from .names import is_legal_call_id, short_call_id
from .prepare import INPUT, VALUE, Toolbox


class _Arguments(Interface):
    """Rewrites the arguments of one call: what each piece gives, and the rest at the end."""

    def feed(self, text: str) -> str: ...

    def end(self) -> str: ...


class Restorer:
    """One answer's worth of state; `restore` may give no event, one or two for each."""

    def __init__(self, toolbox: Toolbox, model: str) -> None:
        self._toolbox = toolbox
        self._model = model
        self._response_id = ""
        self._ids: set[str] = set()
        self._calls = 0
        self._arguments: _Arguments | None = None

    def restore(self, event: Event) -> Iterator[Event]:
        match event:
            case PartStart(ToolCallPart() as call):
                yield PartStart(self._call(call))
            case PartDelta(text) if self._arguments is not None:
                if known := self._arguments.feed(text):
                    yield PartDelta(known)
            case PartEnd() if self._arguments is not None:
                if rest := self._arguments.end():
                    yield PartDelta(rest)
                self._arguments = None
                yield event
            case Start():
                self._response_id = event.id
                yield replace(event, model=self._model) if self._model else event
            case _:
                yield event

    def _call(self, call: ToolCallPart) -> ToolCallPart:
        self._calls += 1
        call = replace(call, id=self._id(call.id))
        tool = self._toolbox.tools.get(call.name)
        if tool is None:
            return call
        wire = self._toolbox.wire(tool.name, tool.namespace)
        if wire.freeform:
            self._arguments = StringField()
            call = replace(call, kind="custom")
        elif wire.wrapped:
            self._arguments = _Unwrapped()
        return replace(call, name=tool.name, namespace=tool.namespace)

    def _id(self, call_id: str) -> str:
        if call_id and not is_legal_call_id(call_id):
            call_id = short_call_id(call_id)
        if not call_id or call_id in self._ids:
            call_id = short_call_id(self._response_id, str(self._calls))
        self._ids.add(call_id)
        return call_id


_OPENING = re.compile(rf'\s*\{{\s*"{INPUT}"\s*:\s*"')
_COMPACT_OPENING = f'{{"{INPUT}":"'
_SPACE = re.compile(r"\s+")

_HIGH = r"\\u[dD][89abAB][0-9a-fA-F]{2}"  # the first half of a character beyond the first plane
_LOW = r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = rf"{_HIGH}{_LOW}|\\u[0-9a-fA-F]{{4}}|\\."
# The beginning of an escape, or half a character, at the end of what there is.
_CUT = rf"\\(?:u[0-9a-fA-F]{{0,3}})?\Z|{_HIGH}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?\Z"
_CHARACTERS = re.compile(rf'(?:[^"\\]++|(?!{_CUT})(?:{_ESCAPE}))*+', re.DOTALL)
_ESCAPES = re.compile(_ESCAPE, re.DOTALL)


class StringField:
    """Takes the text of `{"input": "..."}` out while it arrives.

    Anything of another shape is held to the end and read there: the only string of an object, or
    the text as it stands (models write the bare input at times).
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []  # until it is known to open as it should
        self._rest = ""  # of the string: an escape that is not whole yet
        self._state: Literal["opening", "inside", "over", "other"] = "opening"

    def feed(self, text: str) -> str:
        match self._state:
            case "opening":
                return self._open(text)
            case "inside":
                return self._take(text)
            case "other":
                self._pieces.append(text)
                return ""
            case _:  # over: nothing behind the string counts
                return ""

    def end(self) -> str:
        """What is left; an escape that was cut off means nothing and is lost."""
        return _input_of("".join(self._pieces))

    def _open(self, text: str) -> str:
        held = "".join([*self._pieces, text])
        if opening := _OPENING.match(held):
            self._state, self._pieces = "inside", []
            return self._take(held[opening.end() :])
        self._pieces = [held]
        compact = _SPACE.sub("", held)
        if compact == _COMPACT_OPENING or not _COMPACT_OPENING.startswith(compact):
            self._state = "other"
        return ""

    def _take(self, text: str) -> str:
        text = self._rest + text
        whole = _CHARACTERS.match(text)
        length = whole.end() if whole else 0
        self._rest = text[length:]
        if self._rest.startswith('"'):
            self._state = "over"
        return _ESCAPES.sub(_unescaped, text[:length])


_SHORT = dict(zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True))


def _unescaped(found: re.Match[str]) -> str:
    """What a JSON escape stands for; others, which models write, are kept as they are."""
    escape = found[0]
    if len(escape) > 2:
        return str(loads(f'"{escape}"'))
    return _SHORT.get(escape[1], escape)


def _input_of(text: str) -> str:
    try:
        value = loads(text)
    except ValueError:
        return text
    if isinstance(value, dict):
        strings = [v for v in value.values() if isinstance(v, str)]
        if isinstance(value.get(INPUT), str):
            return str(value[INPUT])
        if len(value) == len(strings) == 1:
            return strings[0]
        return text if value else ""
    return value if isinstance(value, str) else text


class _Unwrapped:
    """The value of `{"value": ...}`, once it is whole; other text stays as it is."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def feed(self, text: str) -> str:
        self._pieces.append(text)
        return ""

    def end(self) -> str:
        text = "".join(self._pieces)
        try:
            value = loads(text)
        except ValueError:
            return text
        return dump_text(value[VALUE]) if isinstance(value, dict) and VALUE in value else text
