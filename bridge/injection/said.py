"""What a stream in the app's protocol says, event by event: bytes in, whole events and their sense.

Read beside the stream, for those who want to do something at a certain place of it.
"""

import re
from typing import NamedTuple

from ..transform import Protocol
from ..transform.answers import Event, Failure, PartDelta, PartEnd, PartStart
from ..transform.context import context
from ..transform.json_text import loads
from ..transform.model import Part, ReasoningPart, ToolCallPart
from ..transform.sse import SseParser
from ..transform.translator import CODECS

_EVENT = re.compile(rb".*?(?:\n\n|\r\n\r\n|\r\r)", re.DOTALL)


class Frames:
    """Bytes in any cutting, out come the events, each by itself."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes, *, over: bool) -> list[bytes]:
        """Those that end in `data`; `over`: and what is left."""
        data = self._rest + data
        events = _EVENT.findall(data)
        self._rest = data[sum(map(len, events)) :]
        if over and self._rest:
            events.append(self._rest)
            self._rest = b""
        return events


class Said(NamedTuple):
    """The sense of one event. `is_open`: of a part there is more to come."""

    content: bool = False  # a piece of a text or of a call's arguments
    in_call: bool = False
    call_is_whole: bool = False
    is_open: bool = False
    failed: bool = False


class Reading:
    """Events of one stream, in order."""

    def __init__(self, app: Protocol) -> None:
        self._decoder, self._parser = CODECS[app].Decoder(context(app, app)), SseParser()
        self._part: Part | None = None  # the open one
        self._arguments: list[str] = []
        self.begun = False  # a part has begun

    def read(self, event: bytes) -> Said:
        made = [event for sse in self._parser.feed(event) for event in self._decoder.feed(sse)]
        said = Said()
        for sign in made:
            said = self._with(said, sign)
        return said._replace(is_open=self._part is not None)

    def _with(self, said: Said, sign: Event) -> Said:
        match sign:
            case PartStart(part):
                self._part, self._arguments, self.begun = part, [], True
            case PartDelta(text) if isinstance(self._part, ToolCallPart):
                self._arguments.append(text)
                return said._replace(content=True, in_call=True, call_is_whole=self._is_whole())
            case PartDelta():
                return said._replace(content=not isinstance(self._part, ReasoningPart))
            case PartEnd():
                whole = said.call_is_whole or isinstance(self._part, ToolCallPart)
                self._part = None
                return said._replace(call_is_whole=whole)
            case Failure():
                return said._replace(failed=True)
            case _:
                pass
        return said

    def _is_whole(self) -> bool:
        """Of a text that is free nobody can tell."""
        assert isinstance(self._part, ToolCallPart)
        try:
            return self._part.kind == "custom" or loads("".join(self._arguments)) is not None
        except ValueError:
            return False
