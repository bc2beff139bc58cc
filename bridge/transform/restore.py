"""An upstream's answer made the client's again, event by event: call ids, tool names, tool kinds.

Hard part: a freeform tool travels as a function of one string, so its input has to be taken out of
a JSON string while that is still coming in, at any cutting.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol as Interface

from .json_text import dump_text, loads
from .model import Event, PartDelta, PartEnd, PartStart, Start, ToolCallPart
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
                yield replace(event, model=self._model or event.model)
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
        if not call_id or call_id in self._ids:
            call_id = short_call_id(self._response_id, str(self._calls))
        elif not is_legal_call_id(call_id):
            call_id = short_call_id(call_id)
        self._ids.add(call_id)
        return call_id


_OPENING = re.compile(rf'\s*\{{\s*"{INPUT}"\s*:\s*"')
_ESCAPE = r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})'
_CHARACTERS = re.compile(rf'(?:[^"\\]|{_ESCAPE})*')
_HIGH_SURROGATE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}$")


class StringField:
    """Takes the text of `{"input": "..."}` out while it arrives.

    Anything of another shape is held to the end and read there: the only string of an object, or
    the text as it stands (models write the bare input at times).
    """

    def __init__(self) -> None:
        self._held = ""
        self._inside = False
        self._done = False

    def feed(self, text: str) -> str:
        if self._done:
            return ""
        self._held += text
        if not self._inside:
            opening = _OPENING.match(self._held)
            if opening is None:
                return ""
            self._inside = True
            self._held = self._held[opening.end() :]
        return self._take()

    def end(self) -> str:
        if self._inside:  # cut inside the string: a lone escape is lost, as it means nothing yet
            return ""
        return _input_of(self._held)

    def _take(self) -> str:
        whole = _CHARACTERS.match(self._held)
        length = whole.end() if whole else 0
        if self._held[length : length + 1] == '"':
            self._done = True
        elif high := _HIGH_SURROGATE.search(self._held, 0, length):
            length = high.start()  # its second half is still to come
        text, self._held = self._held[:length], self._held[length:]
        return _unescaped(text)


def _unescaped(text: str) -> str:
    """The inside of a JSON string as text; raw control characters, which models write, are kept."""
    if "\\" not in text:
        return text
    return str(loads('"' + _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + '"'))


_CONTROL = re.compile(r"[\x00-\x1f]")


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
