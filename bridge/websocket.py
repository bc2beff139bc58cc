"""Responses over a WebSocket, served here: an app's messages as calls, their answers as messages.

In: what the app sends, and the answers of the calls made of that. Out: calls as the app would make
them over HTTP, and messages for the app. Hard part: later messages of a conversation only name the
answer before them, also where the app forbids to store it, for over one connection its vendor
remembers all the same. So each answer is kept with all that led to it, for as long as the
connection lasts.
"""

from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha1
from math import inf
from typing import Any

from . import subprotocols
from .bounded import Bounds
from .store import Store
from .subprotocols import harmless
from .transform import Error, Protocol, TransformError, Translator, encode_refusal
from .transform.headers import Headers
from .transform.json_text import Json, dumps, loads
from .transform.sse import SseEvent, SseParser, is_event_stream

PROTOCOL: Protocol = "openai_responses"
# Of a message, and not of a call. https://developers.openai.com/api/reference: client events
ENVELOPE = frozenset({"type", "stream_id", "generate"})
CREATE, STEER = "response.create", "response.steer"
CREATED = "response.created"
PREVIOUS = "previous_response_id"
ENDED = ("response.completed", "response.incomplete")  # with an answer that may be named later
KEPT = Bounds(max_bytes=64 * 1024**2, max_age=inf)
MAX_WAITING = 16  # messages of a lane, behind the one that is answered
FAILED = "response.failed"
NO_TOKENS = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}

type Message = bytes  # for the app

# --- the handshake, RFC 6455

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VERSION = "13"
HANDSHAKE = frozenset(
    "connection upgrade sec-websocket-key sec-websocket-version sec-websocket-extensions".split()
)


def accept(asked: Mapping[str, str]) -> Headers:
    """The headers by which a connection is taken, without extensions; none where it is no WebSocket
    that was asked for. Header names in lower case. Of an offer something has to be taken."""
    key = asked.get("sec-websocket-key", "").strip()
    if not key or asked.get("sec-websocket-version", "").strip() != VERSION:
        return []
    digest = b64encode(sha1(key.encode() + GUID).digest()).decode()
    taken = [(subprotocols.HEADER, name) for name in harmless(asked.get(subprotocols.HEADER, ""))]
    return [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-accept", digest),
        *taken[:1],
    ]


def upgrade(headers: Iterable[tuple[str, str]], *, own: bool) -> Headers:
    """Of an app's request those that ask for a WebSocket; `own`: and those that say who it is."""
    made: Headers = []
    for name, value in headers:
        if name.lower() in HANDSHAKE or (own and name.lower() == subprotocols.HEADER):
            made.append((name, value))
        elif name.lower() == subprotocols.HEADER and (names := harmless(value)):
            made.append((name, ", ".join(names)))
    return made


# --- calls and their answers


class Turn:
    """A call, and what makes messages of its answer. `body` is the call's; the answer repeats
    which response it named as the one before."""

    def __init__(self, body: bytes, told: Json, lane: Json, previous: Json = None) -> None:
        self.body, self.told, self.lane, self._previous = body, told, lane, previous
        self.answer: dict[str, Json] | None = None  # the whole response, once it has ended
        self._over = False  # the app has got what ends it
        self._error: dict[str, Json] | None = None  # told in the stream
        self._status = 0
        self._headers: Headers = []
        self._is_stream: bool | None = None  # None: too early to tell
        self._stream = SseParser()
        self._whole: list[bytes] = []

    def begin(self, status: int, headers: Headers) -> None:
        self._status, self._headers = status, headers
        self._is_stream = None if status < 300 else False

    def add(self, data: bytes) -> Iterator[Message | None]:
        """Messages; None for what only says that the answer is still being made."""
        if not self._is_stream:
            self._whole.append(data)
            if self._is_stream is None:
                data = b"".join(self._whole)
                self._is_stream = is_event_stream(data)
        if self._is_stream:
            yield from self._events(self._stream.feed(data))

    def end(self) -> Iterator[Message | None]:
        """The answer is over. An error ends it too, and so does being whole instead of a stream."""
        if self._is_stream:
            yield from self._events(self._stream.end())
        elif self._status < 300:
            yield from self._of_whole(b"".join(self._whole))
        else:
            yield from self._last(self._status, b"".join(self._whole), self._headers)
        yield from self.broke("it has no end")

    def broke(self, reason: str) -> Iterator[Message]:
        """There will be no more of the answer."""
        if self._error is not None and not self._over:
            self._over = True
            yield _on_lane(self._error, self.lane)
        error = Error("server", f"bridge: the answer broke off: {reason}", 502)
        yield from self._last(*encode_refusal(PROTOCOL, error), [])

    def _last(self, status: int, body: bytes, headers: Headers) -> Iterator[Message]:
        """An error, unless there was an end already."""
        if not self._over:
            self._over = True
            yield refusal(status, body, self.lane, headers)

    def _of_whole(self, body: bytes) -> Iterator[Message | None]:
        """The events of an answer from a host that streams none."""
        translator = Translator(PROTOCOL, PROTOCOL)
        translator.request(self.body, self.told)
        made = translator.response(body, as_stream=True)
        if translator.failure is None:
            yield from self._events(self._stream.feed(made))
        else:
            yield from self._last(translator.status, made, self._headers)

    def _events(self, events: Iterable[SseEvent]) -> Iterator[Message | None]:
        for event in events:
            if event.data is None:
                yield None
            elif event.data != "[DONE]" and not self._over:
                yield from self._messages(event.data)

    def _messages(self, data: str) -> Iterator[Message]:
        """An error ends an answer here, so it waits: a response that has failed says it as well."""
        event = object_in(data.encode())
        if event is None:  # of a host that answers as it likes
            yield data.encode()
        elif event.get("type") == "error":
            self._error = event if "error" in event else _nested(event)
        else:
            response = event.get("response")
            if isinstance(response, dict) and self._previous is not None:
                response[PREVIOUS] = self._previous
            if event.get("type") in ENDED and isinstance(response, dict):
                self.answer = response
            self._over = event.get("type") in (*ENDED, FAILED)
            yield _on_lane(event, self.lane)


@dataclass
class Lane:
    """What is answered in its order: the call under way, and what waits for its end.

    It is there for as long as there is a call.
    """

    turn: Turn | None = None
    waiting: deque[dict[str, Json]] = field(default_factory=deque)


class Socket:
    """One connection of an app. `new_id` gives ids that no other response has."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._kept = Store(KEPT)
        self._lanes: dict[str, Lane] = {}

    def receive(self, message: bytes, now: float) -> Iterator[Turn | Message]:
        """A call to make, or the answer to a message that is none; nothing where it has to wait."""
        try:
            event = _read(message)
        except TransformError as error:
            yield _refused(error, None)
            return
        if event["type"] == STEER:
            yield _unsteered(event)
            return
        lane = self._lanes.get(_key(event.get("stream_id")))
        if lane is None:
            yield from self._begin(event, Lane(), now)
        elif len(lane.waiting) < MAX_WAITING:
            lane.waiting.append(event)
        else:
            problem = f"{MAX_WAITING} messages wait for their turn already"
            yield _refused(TransformError("", problem), event.get("stream_id"))

    def ended(self, turn: Turn, now: float) -> Iterator[Turn | Message]:
        """`turn` is over: what comes next of its lane."""
        if turn.answer is not None:
            self._kept.record(turn.answer, turn.told.get("input"), now)
        lane = self._lanes[_key(turn.lane)]
        lane.turn = None
        while lane.waiting and lane.turn is None:
            yield from self._begin(lane.waiting.popleft(), lane, now)
        if lane.turn is None:
            del self._lanes[_key(turn.lane)]

    def _begin(self, event: dict[str, Json], lane: Lane, now: float) -> Iterator[Turn | Message]:
        told, name = self._told(event, now), event.get("stream_id")
        if event.get("generate") is False:
            yield from self._prepared({**told, PREVIOUS: event.get(PREVIOUS)}, name, now)
        else:
            lane.turn = Turn(dumps(told), told, name, event.get(PREVIOUS))
            self._lanes[_key(name)] = lane
            yield lane.turn

    def _told(self, event: dict[str, Json], now: float) -> dict[str, Any]:
        """The call's body. What it names and is not known here is for others to know."""
        body = {key: value for key, value in event.items() if key not in ENVELOPE}
        try:
            known = self._kept.expand(body, now) if self._kept.has_named(body, now) else body
        except TransformError:
            known = body
        return {**known, "stream": True}

    def _prepared(self, told: dict[str, Json], lane: Json, now: float) -> Iterator[Message]:
        """The answer to a message that prepares for later ones: nothing was generated."""
        response: dict[str, Json] = {
            "id": self._new_id(),
            "object": "response",
            "created_at": int(now),
            "status": "completed",
            "error": None,
            "incomplete_details": None,
            "instructions": told.get("instructions"),
            "metadata": told.get("metadata") or {},
            "model": told.get("model") or "",
            "output": [],
            PREVIOUS: told[PREVIOUS],
            "parallel_tool_calls": told.get("parallel_tool_calls", True),
            "tool_choice": told.get("tool_choice") or "auto",
            "tools": told.get("tools") or [],
            "usage": NO_TOKENS,
        }
        begun = {**response, "status": "in_progress", "usage": None}
        yield _on_lane({"type": CREATED, "sequence_number": 0, "response": begun}, lane)
        self._kept.record(response, told.get("input"), now)
        yield _on_lane({"type": ENDED[0], "sequence_number": 1, "response": response}, lane)


def _read(message: bytes) -> dict[str, Json]:
    event = object_in(message)
    if event is None:
        raise TransformError("", "the message is no JSON object")
    if event.get("type") not in (CREATE, STEER):
        raise TransformError("type", f"{event.get('type')!r} is not one of {CREATE}, {STEER}")
    return event


def _nested(event: dict[str, Json]) -> dict[str, Json]:
    """An error as it is told over WebSockets; in a stream its parts are the event's own."""
    told = {key: event.get(key) for key in ("code", "message", "param")}
    return {"type": "error", "error": {"type": "server_error", **told}}


def object_in(text: bytes) -> dict[str, Json] | None:
    """None where it is no JSON object."""
    try:
        value = loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _unsteered(event: dict[str, Json]) -> Message:
    """No upstream that calls are translated for takes more input while it answers."""
    steer = {key: event[key] for key in ("input", "previous_response_id") if key in event}
    error = {
        "type": "invalid_request_error",
        "code": "steering_not_supported",
        "message": "bridge: an answer cannot be steered here",
    }
    told = {"type": f"{STEER}.failed", "sequence_number": 0, "error": error, "steer": steer}
    return _on_lane(told, event.get("stream_id"))


def _refused(error: TransformError, lane: Json) -> Message:
    return refusal(*encode_refusal(PROTOCOL, error), lane, [])


def refusal(status: int, body: bytes, lane: Json, headers: Headers) -> Message:
    """An answer over HTTP that is an error, as a message."""
    error = (object_in(body) or {}).get("error")
    if not isinstance(error, dict):
        text = body.decode("utf-8", "replace")
        error = {"type": "server_error", "code": None, "message": text, "param": None}
    if headers:
        error = {**error, "headers": {name.lower(): value for name, value in headers}}
    return _on_lane({"type": "error", "status": status, "error": error}, lane)


def _key(lane: Json) -> str:
    return dumps(lane).decode()


def _on_lane(event: dict[str, Json], lane: Json) -> Message:
    return dumps(event if lane is None else {**event, "stream_id": lane})
