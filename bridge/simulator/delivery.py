"""A reply and the faults in, the steps of writing it out: bytes, pauses, and how it ends.

Order matters: first what changes the text of the events, then compression, then where it is cut,
then how the bytes are sliced, then HTTP's own framing, then time.
"""

from dataclasses import dataclass, replace

from .encodings import Gzip
from .faults import Fault, find
from .respond import Reply, place_of
from .wire import LAST_CHUNK, HttpRequest, chunk, render_head


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing more, until the client leaves."""


@dataclass(frozen=True, slots=True)
class Close:
    reset: bool = False


Step = bytes | Pause | Hold | Close

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
        return [Close(reset=fault.get("reset", False))]
    if find(faults, "hang"):
        return [Hold()]
    if request.method == "HEAD":
        reply = replace(reply, frames=[])
    events, headers = _encoded(reply, faults)
    whole = sum(map(len, events))
    events, ending = _ended(events, reply, faults)
    sliced = [_sliced(event, faults) for event in events]
    chunked = reply.streamed and request.version == "HTTP/1.1"
    if not reply.streamed:
        headers = [*headers, ("content-length", str(whole))]
    elif chunked:
        headers = [*headers, ("transfer-encoding", "chunked")]
        sliced = [[chunk(piece) for piece in event] for event in sliced]
    if not _stays_open(reply, request):
        headers = [*headers, ("connection", "close")]
    last = [LAST_CHUNK] if chunked else []
    head = render_head(reply.status, headers)
    written = _timed(head, sliced, find(faults, "slow") or {})
    written += ending if ending else last
    if not ending and not _stays_open(reply, request):
        written.append(Close())
    return _joined(written) if burst or reply.burst else written


def _stays_open(reply: Reply, request: HttpRequest) -> bool:
    return request.keep_alive and not (reply.streamed and request.version != "HTTP/1.1")


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
    """Where it stops too early, and how."""
    cut, stall = find(faults, "cut"), find(faults, "stall")
    fault = cut or stall
    if fault is None:
        return events, []
    ending: Step = Hold() if cut is None else Close(cut.get("reset", False))
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


def _timed(head: bytes, events: list[list[bytes]], slow: Fault) -> list[Step]:
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
