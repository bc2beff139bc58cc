"""Server-sent events: bytes in any cutting to whole events, and events to bytes.

Hard part: lines end in LF, CR or CRLF and a cut may fall anywhere, also inside a UTF-8 character or
between CR and LF; so lines are split on bytes and decoded whole. A last event without its blank
line counts at the end (many servers leave it out).
https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"


class SseEvent(NamedTuple):
    """`event` is "" without an event line; `data` is None for a comment and where there is none."""

    event: str
    data: str | None


class SseParser:
    """Feed bytes, take whole events; what is complete is never held back.

    `limit` bounds one line in bytes; ValueError beyond it.
    """

    __slots__ = ("_data", "_event", "_first", "_held", "_pieces", "_skip_lf", "limit")

    def __init__(self, limit: int = 64 * 1024 * 1024) -> None:
        self.limit = limit
        self._pieces: list[bytes] = []  # of the unfinished line; joined once, so cost stays linear
        self._held = 0
        self._event = ""
        self._data: list[str] = []
        self._skip_lf = False
        self._first = True

    def feed(self, data: bytes) -> list[SseEvent]:
        if b"\r" in data or self._skip_lf:
            data = self._plain_line_ends(data)
        longest = self._held + len(data)  # no line can be longer
        *lines, rest = data.split(b"\n")
        if lines and self._pieces:
            lines[0] = b"".join([*self._pieces, lines[0]])
            self._pieces, self._held = [], 0
        if rest:
            self._pieces.append(rest)
            self._held += len(rest)
        if longest > self.limit and max(self._held, 0, *map(len, lines)) > self.limit:
            raise ValueError(f"a line of over {self.limit} bytes in the event stream")
        return self._lines(lines)

    def end(self) -> list[SseEvent]:
        """The stream is over: an unfinished last line and event count as finished."""
        lines, self._pieces = [b"".join(self._pieces), b""], []
        return self._lines(lines)

    def _plain_line_ends(self, data: bytes) -> bytes:
        if self._skip_lf and data:  # the CR before it has already ended the line
            self._skip_lf = False
            data = data.removeprefix(b"\n")
        self._skip_lf = self._skip_lf or data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _lines(self, lines: list[bytes]) -> list[SseEvent]:
        events: list[SseEvent] = []
        if self._first and lines:
            self._first = False
            lines[0] = lines[0].removeprefix(_BOM)
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6 if line[5:6] == b" " else 5 :].decode("utf-8", "replace"))
            elif not line:
                self._dispatch(events)
            elif line.startswith(b":"):
                events.append(SseEvent("", None))
            else:
                self._field(line)
        return events

    def _field(self, line: bytes) -> None:
        name, _, value = line.decode("utf-8", "replace").partition(":")
        if name == "event":
            self._event = value.removeprefix(" ")
        elif name == "data":  # a bare `data` line is an empty one
            self._data.append("")

    def _dispatch(self, events: list[SseEvent]) -> None:
        if self._data or self._event:
            data = "\n".join(self._data) if self._data else None
            events.append(SseEvent(self._event, data or None))
        self._event, self._data = "", []


def format_event(data: bytes, event: str = "") -> bytes:
    """One event as bytes; `data` is JSON, whose lines end in LF."""
    if b"\n" in data:
        data = data.replace(b"\n", b"\ndata: ")
    if event:
        return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"


COMMENT = b": keepalive\n\n"  # OpenAI's SDK raises on empty data lines: comments only
DONE = b"data: [DONE]\n\n"

# Two line ends in a row, all but an LF that may follow the CR of the second.
_BLANK_LINES = (b"\n\n", b"\n\r", b"\r\r")


class WholeEvents:
    """Bytes in any cutting, given on as they came, but only up to the end of an event.

    An event ends here where it does for SseParser: at once with its blank line.
    """

    __slots__ = ("_held", "_seam")

    def __init__(self) -> None:
        self._held: list[bytes] = []  # of an event that is not whole yet
        self._seam = b""  # the last that came: a blank line may begin there

    def feed(self, data: bytes) -> bytes:
        if data.endswith(b"\n\n") and not self._held:  # as a rule
            self._seam = b"\n\n"
            return data
        known = self._seam + data
        end = _last_event_end(known) - len(self._seam)
        self._seam = known[-2:]
        if end <= 0:
            self._held.append(data)
            return b""
        out = b"".join([*self._held, data[:end]])
        self._held = [data[end:]] if end < len(data) else []
        return out

    def before(self, data: bytes, number: int) -> bytes:
        """What `feed` gives of `data` before its event of that number that has data.

        Nothing is left.
        """
        parser, out = SseParser(), []
        parser.feed(b"".join(self._held))
        for line in data.splitlines(keepends=True):
            number -= sum(sse.data is not None for sse in parser.feed(line))
            if number < 0:
                break
            out.append(self.feed(line))
        self._held = []
        return b"".join(out)

    def end(self) -> bytes:
        """What is left."""
        held, self._held = self._held, []
        return b"".join(held)


def _last_event_end(data: bytes) -> int:
    """Behind the last event that ends in `data`; 0 where none does."""
    if data.endswith(b"\n\n"):  # the rest takes thirty times as long
        return len(data)
    end = max(data.rfind(blank) + 2 if blank in data else 0 for blank in _BLANK_LINES)
    return end + (data[end - 1 : end + 1] == b"\r\n")


_OPENINGS = (b":", b"data", b"event", b"id:", b"retry")


def is_event_stream(head: bytes) -> bool | None:
    """Whether a body that begins with `head` is an event stream; None when `head` is too short."""
    if _BOM.startswith(head):
        return None
    head = head.removeprefix(_BOM).lstrip()[:5]
    if head.startswith(_OPENINGS):
        return True
    return None if any(opening.startswith(head) for opening in _OPENINGS) else False
