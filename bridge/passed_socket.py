"""A WebSocket of Responses that is passed on: each call over it is looked at like any other.

In: the messages of both sides as they pass. Out: what to send in place of an app's message, and
calls that are over. Hard part: nothing may be held up, nor changed but for what the upstream could
not take: the name of a model, state of another upstream's.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from .call import Call
from .health import Answered, Cancelled, ConnectionFailed, Outcome
from .transform.fields import object_of
from .transform.headers import retry_after
from .transform.json_text import Json, dumps, loads
from .transform.sse import format_event
from .watched import Watched
from .websocket import CREATE, ENVELOPE, object_in

REFUSING = ("response.failed", "error")
OVER = ("response.completed", "response.incomplete", *REFUSING)
MAX_UNDER_WAY = 256  # messages without an end, over one connection; what is more is not looked at
STREAM = [("content-type", "text/event-stream")]
CLOSED = "the WebSocket was closed"


class Passing(NamedTuple):
    """A call over a connection, the how manieth of it, what looks at it, and when it began."""

    number: int
    watched: Watched
    started: float


class Over(NamedTuple):
    """A call that has ended, and what that says of its upstream."""

    passing: Passing
    outcome: Outcome


type Lane = deque[Passing | None]  # as they are answered; None: of a message that is no call


class PassedSocket:
    """`opening` is the app's request for it; `watch` makes of a call what looks at it."""

    def __init__(self, opening: Call, watch: Callable[[Call, float], Watched]) -> None:
        self.opening, self._watch = opening, watch
        self._under_way: dict[bytes, Lane] = {}
        self.calls = 0

    @property
    def is_idle(self) -> bool:
        """Whether no call is under way."""
        return not self._under_way

    def sent(self, message: bytes, now: float) -> tuple[bytes, Passing | None]:
        """What the upstream gets of an app's message, and the call that it begins."""
        event = object_in(message)
        if event is None or event.get("type") != CREATE:
            return message, None
        lane = dumps(event.get("stream_id"))
        if event.get("generate") is False:  # it is answered like a call
            self._queue(lane, None)
            return message, None
        told = {key: value for key, value in event.items() if key not in ENVELOPE}
        call = replace(self.opening, body=dumps({**told, "stream": True}))
        self.calls += 1
        watched = self._watch(call, now)
        passing = Passing(self.calls, watched, now)
        begun = passing if self._queue(lane, passing) else None
        if watched.body is call.body:
            return message, begun
        around = {key: event[key] for key in ENVELOPE if key in event}
        made = {key: value for key, value in loads(watched.body).items() if key != "stream"}
        return dumps({**around, **made}), begun

    def _queue(self, lane: bytes, passing: Passing | None) -> bool:
        """Behind what has to be answered before it, if there is room."""
        if sum(map(len, self._under_way.values())) >= MAX_UNDER_WAY:
            return False
        self._under_way.setdefault(lane, deque()).append(passing)
        return True

    def came(self, message: bytes, now: float) -> Over | None:
        """The call that a message of the upstream's has ended."""
        event = object_in(message)
        name = dumps(event.get("stream_id")) if event else b""
        lane = self._under_way.get(name)
        if event is None or lane is None:
            return None
        kind = str(event.get("type"))
        if passing := lane[0]:
            _told(passing.watched, format_event(dumps(event), kind), now)
        if kind not in OVER:
            return None
        lane.popleft()
        if not lane:
            del self._under_way[name]
        if passing is None:
            return None
        passing.watched.take(b"", now)
        return Over(passing, _outcome(passing.watched, event, now))

    def closed(self, now: float, *, by_app: bool) -> Iterator[Over]:
        """Calls that will have no end."""
        for passing in filter(None, chain(*self._under_way.values())):
            passing.watched.broke(CLOSED, now, cancelled=by_app)
            yield Over(passing, Cancelled() if by_app else ConnectionFailed(CLOSED))
        self._under_way = {}


def refuses(message: bytes) -> bool:
    """Whether it tells an error."""
    told = object_in(message) if b'"error"' in message else None
    return told is not None and told.get("type") in REFUSING


def _outcome(watched: Watched, last: dict[str, Json], now: float) -> Outcome:
    """By the event that has ended a call; those of errors have what an answer's head has."""
    failure = watched.trace.translator.failure
    if failure is None:
        return Answered(200)
    told = [(name, str(value)) for name, value in object_of(last.get("headers")).items()]
    return Answered(failure.status, retry_after(told, now), failure.kind)


def _told(watched: Watched, data: bytes, now: float) -> None:
    if watched.trace.timing.first_byte is None:
        watched.answered(200, STREAM, now)
    watched.take(data, now)
