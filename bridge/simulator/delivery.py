"""A reply and the faults in, the steps of writing it out: bytes, pauses, and how it ends.

Order matters: first what changes the text of the events, then compression, then where it is cut,
then how the bytes are sliced, then time, then HTTP/1's own framing. HTTP/2 frames its steps itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .encodings import Gzip
from .faults import Fault, find
from .respond import Reply, place_of
from .wire import HTTP2, LAST_CHUNK, HttpRequest, chunk, render_head


@dataclass(frozen=True, slots=True)
class Head:
    status: int
    headers: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class End:
    """The answer is complete."""


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing more, until the client leaves; `deaf`: nor is anything read that comes."""

    deaf: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """The end of the connection, but where a frame of HTTP/2 ends the stream alone."""

    reset: bool = False
    frame: str | None = None
    code: str = "INTERNAL_ERROR"


Step = Head | bytes | End | Pause | Hold | Close

# What keeps a connection warm between events, by style.
KEEPALIVES = {
    "comment": b": keep-alive\n\n",
    "ping": b'event: ping\ndata: {"type":"ping"}\n\n',
    "empty_data": b"data:\n\n",
    "event": b"event: keepalive\n\n",
}


def steps(reply: Reply, faults: list[Fault], request: HttpRequest, burst: bool) -> list[Step]:
    if find(faults, "refused"):
        return [Close(reset=True)]
    if fault := find(faults, "drop"):
        return [_close(fault)]
    if fault := find(faults, "hang"):
        return [Hold(fault.get("connection", False))]
    if request.method == "HEAD":
        reply = replace(reply, frames=[])
    events, headers = _encoded(reply, faults)
    whole = sum(map(len, events))
    events, ending = _ended(events, reply, faults)
    sliced = [_sliced(event, faults) for event in events]
    if not reply.streamed:
        headers = [*headers, ("content-length", str(whole))]
    written = _timed(Head(reply.status, headers), sliced, find(faults, "slow") or {})
    written += ending
    if request.version != HTTP2:
        written = list(_http1(written, request, reply.streamed))
    return _joined(written) if burst or reply.burst else written


def _http1(written: list[Step], request: HttpRequest, streamed: bool) -> Iterator[Step]:
    chunked = streamed and request.version == "HTTP/1.1"
    stays = request.keep_alive and (chunked or not streamed)
    framing = [("transfer-encoding", "chunked")] if chunked else []
    framing += [] if stays else [("connection", "close")]
    for step in written:
        match step:
            case Head(status, headers):
                yield render_head(status, [*headers, *framing])
            case bytes() if chunked:
                yield chunk(step)
            case End():
                yield from [LAST_CHUNK] if chunked else []
                yield from [] if stays else [Close()]
            case _:
                yield step


def _close(fault: Fault) -> Close:
    return Close(**{key: fault[key] for key in ("reset", "frame", "code") if key in fault})


def _encoded(reply: Reply, faults: list[Fault]) -> tuple[list[bytes], list[tuple[str, str]]]:
    events = [frame.data for frame in reply.frames]
    headers = reply.headers
    if reply.streamed and (fault := find(faults, "comments")):
        keepalive = KEEPALIVES[fault.get("style", "comment")]
        events = [keepalive + event for event in events]
    if reply.streamed and (fault := find(faults, "crlf")):
        ending = fault.get("ending", "\r\n").encode()
        events = [event.replace(b"\n", ending) for event in events]
    if find(faults, "gzip"):
        encoder = Gzip()
        events = [encoder.piece(event) for event in events]
        events = [*events[:-1], b"".join([*events[-1:], encoder.end()])]
        headers = [*headers, ("content-encoding", "gzip")]
    if find(faults, "no_content_type"):
        headers = [pair for pair in headers if pair[0] != "content-type"]
    return events, headers


def _ended(
    events: list[bytes], reply: Reply, faults: list[Fault]
) -> tuple[list[bytes], list[Step]]:
    """Where it stops, and how."""
    cut, stall = find(faults, "cut"), find(faults, "stall")
    fault = cut or stall
    if fault is None:
        return events, [End()]
    ending: Step = Hold() if cut is None else _close(cut)
    if "byte" in fault or not reply.streamed:
        limit = fault.get("byte", sum(map(len, events)) // 2)
        return _first_bytes(events, limit), [ending]
    return events[: place_of(fault, reply.frames)], [ending]


def _first_bytes(events: list[bytes], limit: int) -> list[bytes]:
    kept = []
    for event in events:
        kept.append(event[:limit])
        limit = max(0, limit - len(event))
    return kept


def _sliced(event: bytes, faults: list[Fault]) -> list[bytes]:
    fault = find(faults, "split")
    if fault is None:
        return [event] if event else []  # an empty chunk would be the last one
    size = fault.get("size", 1)
    return [event[i : i + size] for i in range(0, len(event), size)]


def _timed(head: Head, events: list[list[bytes]], slow: Fault) -> list[Step]:
    steps: list[Step] = [head]
    if "first_byte" in slow:
        steps.insert(0, Pause(slow["first_byte"]))
    if "first_event" in slow:
        steps.append(Pause(slow["first_event"]))
    for i, event in enumerate(events):
        if i and "between" in slow:
            steps.append(Pause(slow["between"]))
        steps += event
    return steps


def _joined(steps: list[Step]) -> list[Step]:
    joined: list[Step] = []
    for step in steps:
        match joined[-1:], step:
            case [bytes(before)], bytes():
                joined[-1] = before + step
            case _:
                joined.append(step)
    return joined
