"""A request or an answer as a person may want to read it: as much of it as can be read.

In: bytes as they were kept, which may break off anywhere or be nothing one knows. Out: the neutral
model, and in words what could not be read; nothing here refuses. Hard part: a codec stops at the
first place its vendor would refuse. So that place is taken out, until the rest can be read.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from .answers import Error, Event, Failure, Finish, PartEnd, PartStart, Response, Stop
from .context import context
from .cut_json import mended, without_mark
from .errors import decode_error
from .fold import Fold
from .json_text import Json
from .mismatch import protocol_of
from .model import NativePart, Part, Protocol, Request
from .notes import TransformError
from .openai_responses.parts import border_of
from .sse import SseParser, is_event_stream
from .translator import CODECS

MAX_FAULTS = 20  # places of one request that are taken out
FIRST = 64 * 1024  # bytes of a stream in which its first event is
# What a request is refused without.
NO_MESSAGES: Json = [{"role": "user", "content": ""}]
NEEDED: dict[str, Json] = {"model": "", "messages": NO_MESSAGES}


class Read(NamedTuple):
    """An answer: what was said, or the `error`, or both where it broke off.

    `cut`: its end is missing. `faults`: what could not be read.
    """

    response: Response | None = None
    error: Error | None = None
    cut: bool = False
    faults: tuple[str, ...] = ()


# --- requests


def read_request(protocol: Protocol, body: bytes, faults: list[str] | None = None) -> Request:
    """The request, without what could not be read, which is told to `faults`."""
    told = [] if faults is None else faults
    parsed, cut = _parsed(body, told)
    if not isinstance(parsed, dict):
        told += [] if told else ["the body is no object"]
        return Request(protocol, "")
    ctx = context(protocol, protocol)
    for _ in range(MAX_FAULTS):
        try:
            request = CODECS[protocol].decode_request(parsed, ctx)
        except TransformError as error:
            at_end = _take_out(parsed, error.where)
            told += [] if cut and at_end else [str(error)]  # half of something is no second fault
        else:
            nothing = parsed.get("messages") is NO_MESSAGES
            return replace(request, messages=()) if nothing else request
    told.append("and more, so that nothing is shown of it")
    return Request(protocol, "", raw=parsed)


def _take_out(body: dict[str, Json], where: str) -> bool:
    """Take out what stands at `where`, or what lacks it there; whether that was the end of it all.

    What cannot be missing is made up.
    """
    holder: Json = body
    found: list[tuple[Json, str | int]] = []
    for key in path_of(where):
        if not _has(holder, key):
            break
        found.append((holder, key))
        holder = holder[key]
    at_end = all(key == _last(holder) for holder, key in found)
    if found:
        holder, key = found[-1]
        del holder[key]
    else:
        body.update({name: value for name, value in NEEDED.items() if name == where})
    return at_end


def _last(holder: Json) -> str | int:
    return len(holder) - 1 if isinstance(holder, list) else next(reversed(holder))


_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def path_of(where: str) -> list[str | int]:
    """The keys and indices that lead to a place: `messages[3].content`."""
    return [int(index) if index else key for index, key in _STEP.findall(where)]


def _has(holder: Json, key: str | int) -> bool:
    if isinstance(holder, list):
        return isinstance(key, int) and key < len(holder)
    return isinstance(holder, dict) and key in holder


# --- answers


def read_answer(protocol: Protocol, body: bytes, status: int = 200) -> Read:
    """An answer, whole or streamed, or an error, which a `status` from 400 on always is."""
    if not body.strip():
        return Read(faults=("the body is empty",))
    if status >= 400:
        return Read(error=decode_error(status, without_mark(body)[0]))
    return (_streamed if is_event_stream(body) else _whole)(protocol, body)


def written_in(body: bytes) -> Protocol | None:
    """The protocol of an answer, by what it says first; None where it could be anybody's."""
    if not is_event_stream(body):
        return protocol_of(body)
    events = SseParser(limit=len(body)).feed(body[:FIRST])
    return protocol_of(next((event.data for event in events if event.data), ""))


def _whole(protocol: Protocol, body: bytes) -> Read:
    faults: list[str] = []
    parsed, cut = _parsed(body, faults)
    if parsed is None:  # HTML of a proxy
        return Read(error=decode_error(502, body), faults=tuple(faults))
    events = CODECS[protocol].decode_response(parsed, context(protocol, protocol))
    return _told(events, cut, faults)


def _streamed(protocol: Protocol, body: bytes) -> Read:
    begun, left_out = without_mark(body)
    parser = SseParser(limit=len(begun))
    decoder = CODECS[protocol].Decoder(context(protocol, protocol))
    events: list[Event] = []
    for sse in [*parser.feed(begun), *parser.end()]:
        events += decoder.feed(sse)
    last = decoder.end()
    cut = any(isinstance(event, Failure) for event in last)
    told = _told([*events, *last], cut, [_missing(begun, left_out)] if cut else [])
    return told._replace(error=None) if cut and left_out else told  # it was not the upstream's end


def _told(events: Iterable[Event], cut: bool, faults: list[str]) -> Read:
    """What the events said until they ended, or broke off."""
    fold, is_open, begun = Fold(), False, False
    for event in events:
        if isinstance(event, PartStart | PartEnd):
            is_open, begun = isinstance(event, PartStart), True
        fold.add(event)
    if fold.response is None:
        if is_open:
            fold.add(PartEnd(cut=True))
        fold.add(Stop(Finish("interrupted")))
    said = fold.response if begun or not fold.error else None
    if said is not None:
        said = replace(said, parts=tuple(part for part in said.parts if not _is_border(part)))
    return Read(said, fold.error, cut, tuple(faults))


def _is_border(part: Part) -> bool:
    """The end of a message, which says nothing."""
    return isinstance(part, NativePart) and border_of(part.native) is not None


# --- bytes


def _parsed(body: bytes, faults: list[str]) -> tuple[Json, bool]:
    """The JSON of a body, and whether some of it is missing; None for what is none."""
    begun, left_out = without_mark(body)
    found, problem = mended(begun.decode("utf-8", "replace"))
    if problem:
        none = f"the body is no JSON: {problem}"
        faults.append(none if found is None else _missing(begun, left_out))
    return found, bool(problem)


def _missing(begun: bytes, left_out: int) -> str:
    if left_out:
        return f"the first {len(begun)} of {len(begun) + left_out} bytes were kept"
    return f"it breaks off after {len(begun)} bytes"
