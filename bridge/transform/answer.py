"""The answer of one exchange, whole or streamed: the upstream's bytes in, the client's out.

Hard part: the answer's form is the upstream's choice (a whole JSON body where a stream was asked
for, a stream where it was not, an error inside a 200), and the client must get the form it asked
for. Between two ends of one protocol bytes pass as they came.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Literal

from .answers import (
    CitationDelta,
    Error,
    Event,
    Failure,
    Finish,
    FinishReason,
    Keepalive,
    PartDelta,
    PartEnd,
    PartStart,
    Start,
    Stop,
    Usage,
)
from .codec import Codec, Decoder, Encoder
from .context import Context, context
from .errors import decode_error
from .fold import Fold
from .halves import Halves
from .json_text import Json, dumps, loads_answer
from .mismatch import protocol_of
from .model import Native, Part, Protocol, RefusalPart, TextPart, ToolCallPart
from .notes import Notes, TransformError
from .restore import Restorer
from .rounds import Rounds
from .splice import splice
from .sse import (
    COMMENT,
    SseEvent,
    SseParser,
    WholeEvents,
    format_event,
    is_event_stream,
)
from .turn import natives, state_of, turn_of

type Phase = Literal["waiting", "committed", "finished", "failed"]

COMMIT_BYTES = 64 * 1024  # of reasoning and calls in progress, which alone do not commit
MAX_BODY = 64 * 1024 * 1024  # bytes of a whole body sent in place of a stream
# Where a whole answer or an event names its model.
MODEL_PATHS: dict[Protocol, tuple[tuple[str, ...], ...]] = {
    "anthropic_messages": (("model",), ("message", "model")),
    "openai_chat": (("model",),),
    "openai_responses": (("model",), ("response", "model")),
}


class Answer:
    """State of one answer; `stream` or `whole`, not both.

    `asked` is the model name the client knows where the upstream got another, else "". `exact`:
    every byte is handed on as it came, and only watched.
    """

    def __init__(
        self,
        client: Codec,
        upstream: Codec,
        ctx: Context,
        restorer: Restorer,
        asked: str = "",
        *,
        exact: bool = False,
    ) -> None:
        self._client, self._upstream, self._ctx = client, upstream, ctx
        self._restorer, self._asked, self._exact = restorer, asked, exact
        self._same = ctx.client == ctx.upstream
        # What is passed on loses nothing of what cannot be read here.
        self._reading = replace(ctx, notes=Notes()) if self._same else ctx
        self._open: Part | None = None
        self.phase: Phase = "waiting"
        self.status = 200
        self.failure: Error | None = None
        self.usage: Usage | None = None
        self.finish_reason: FinishReason | None = None
        self.told = Fold()  # what the client got, as it knows it
        self._made = Fold()  # the same in the upstream's words
        self.turn: Native | None = None  # what the upstream wants back of it
        self.states: list[str] = []  # signatures and ciphertexts that were passed on as they are
        self._parser = SseParser()
        self._passing = WholeEvents()
        self._encoder: Encoder | None = None
        self._is_stream: bool | None = None  # None: too early to tell
        self._held: list[bytes] = []  # until the form is known; all of a whole body
        self._held_bytes = 0
        self._given = 0
        self._start: Start | None = None  # where both sides speak one protocol
        self._first: str | bytes = ""  # of what the upstream said
        self._halves = Halves()
        self.rounds = Rounds()
        self.heard = 0  # events with something in them
        self.begun = False  # a part of the answer has begun

    @cached_property
    def _decoder(self) -> Decoder:
        """A whole answer has no need of it."""
        return self._upstream.Decoder(self._reading)

    # --- whole

    def whole(self, body: bytes, *, as_stream: bool = False, anew: bool = False) -> bytes:
        """A whole 2xx body in the client's protocol, or its error body if it was a failure.

        `as_stream`: the client asked for a stream. `anew`: no bytes pass as they came.
        """
        is_stream = is_event_stream(body) is True
        events = list(self._stream_events(body) if is_stream else self._body_events(body))
        if self._exact:
            return body
        if self.rounds.paused:
            return b""
        if self.failure is not None:
            return self.fail(self.failure)
        if self._same and not (is_stream or as_stream or anew):
            return self._renamed(body)
        if as_stream:
            return self._encoded(events)
        told = self.told if not self._same else _folded(events)
        assert told.response is not None  # decoders end in Stop or Failure
        self._know_request()
        return dumps(self._client.encode_response(told.response, self._ctx))

    def _stream_events(self, body: bytes) -> Iterator[Event]:
        for sse in [*self._parser.feed(body), *self._parser.end()]:
            yield from self._seen(self._decoded(sse))
        yield from self._seen(self._decoder.end())

    def _body_events(self, body: bytes) -> list[Event]:
        self._first = body
        try:
            events = self._upstream.decode_response(loads_answer(body), self._reading)
        except ValueError:  # not JSON: HTML of a proxy, or nothing
            empty = Error("server", "the upstream sent an empty answer", 502)
            events = [Failure(decode_error(502, body) if body.strip() else empty)]
        return list(self._seen(events))

    # --- streamed

    def stream(self, data: bytes) -> bytes:
        """More bytes of the upstream's answer (b"": its end); what the client gets for them."""
        try:
            out = self._feed(data) if data else self._end()
        except ValueError as error:  # a line or a body without end
            self._parser, self._passing = SseParser(), WholeEvents()
            out = self.break_off(Error("server", f"bridge: {error}", 502))
        self._given += len(out)
        if self.phase == "waiting" and self._given > COMMIT_BYTES:
            self.phase = "committed"
        return out

    def _feed(self, data: bytes) -> bytes:
        if self._is_stream is None:
            self._hold(data)
            self._is_stream = is_event_stream(b"".join(self._held))
            if not self._is_stream:
                return data if self._exact else b""
            out, self._held = b"".join(self._held), []
            return self._events(out, self._parser.feed(out), given=len(out) - len(data))
        if self._is_stream:
            return self._events(data, self._parser.feed(data))
        self._hold(data)
        return data if self._exact else b""

    def _hold(self, data: bytes) -> None:
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > MAX_BODY:
            raise ValueError(f"an answer of over {MAX_BODY} bytes that is no event stream")

    def _end(self) -> bytes:
        if self._is_stream:
            return self._last() + self._closed(self._decoder.end())
        events = self._body_events(b"".join(self._held))
        self._held = []
        return b"" if self._exact else self._encoded(events)

    def _events(self, data: bytes, events: list[SseEvent], given: int = 0) -> bytes:
        """The client's bytes for `events`, which came as `data`; `given` of it went out before."""
        if self._same:
            return self._passed(data, events, given)
        out: list[bytes] = []
        for sse in events:
            out += map(self._encode, self._seen(self._decoded(sse)))
        return b"".join(out)

    def _passed(self, data: bytes, events: list[SseEvent], given: int) -> bytes:
        """An event that is broken, and that no client could take for an error, gives way to one."""
        if self._encoder is not None:  # what ended the stream was ours
            return b""
        for number, sse in enumerate(events):
            for event in self._seen(self._decoded(sse)):
                if isinstance(event, Failure) and not (event.told or self._exact):
                    return self._before(data, events[:number]) + self._closed([event])
        if self._exact:
            return data[given:]
        if self._asked:
            return b"".join(map(self._reframed, events))
        return self._passing.feed(data)

    def _before(self, data: bytes, events: list[SseEvent]) -> bytes:
        """The client's bytes for `events`, with which `data` begins."""
        if self._asked:
            return b"".join(map(self._reframed, events))
        return self._passing.before(data, sum(sse.data is not None for sse in events))

    def _decoded(self, sse: SseEvent) -> list[Event]:
        events = self._decoder.feed(sse)
        self._first = self._first or sse.data or ""
        silent = sse.data is None or (len(events) == 1 and isinstance(events[0], Keepalive))
        self.heard += not silent
        return events

    def _last(self) -> bytes:
        """The client's bytes for a last event that nothing ended; half of one says nothing."""
        events = [sse for sse in self._parser.end() if _is_whole(sse)]
        out, rest = self._events(b"", events), self._passing.end()
        lacking = self._lacking()
        if self._is_over and not lacking:
            return out + rest
        return out + (rest.rstrip(b"\r\n") + b"\n\n" if events and rest else b"") + lacking

    def _lacking(self) -> bytes:
        """The last event of a finished answer that was passed on without one."""
        passed = self._same and self._encoder is None
        if not passed or self.finish_reason is None or not self._decoder.lacks_end:
            return b""
        return self._closed([Stop(Finish(self.finish_reason), self.usage)])

    def _closed(self, events: list[Event]) -> bytes:
        """The end of a stream that its upstream did not end; [] where it did."""
        seen = list(self._seen(events))
        if self._exact:
            return b""
        if self._same and self._encoder is None and seen:
            self._encoder = self._decoder.ending(self._start, self._ctx)
        return self._encoded(seen)

    @property
    def _is_over(self) -> bool:
        return self.phase in ("finished", "failed")

    def ping(self) -> bytes:
        """What tells the client, between two events, that the answer is still being made."""
        if self._same:
            return self._client.PING if self._start else COMMENT
        return (self._encoder.encode(Keepalive()) if self._encoder else b"") or COMMENT

    def _encoded(self, events: Iterable[Event]) -> bytes:
        return b"".join(map(self._encode, events))

    def _encode(self, event: Event) -> bytes:
        if self._encoder is None:
            self._know_request()
            self._encoder = self._client.Encoder(self._ctx)
        return self._encoder.encode(event)

    def break_off(self, error: Error) -> bytes:
        """What has come whole goes before it, and may be all there was to say."""
        if self._exact:
            return b""
        out = self._last() if self._is_stream else b""
        return out if self._is_over else out + self._closed([Failure(error)])

    # --- both

    def go_on(self) -> Json:
        """All that was said before a pause, in the upstream's words; the next round is to come."""
        self.rounds.paused = False
        self._made.add(Stop(Finish("pause")))
        assert self._made.response is not None
        self._parser, self._decoder = SseParser(), self._upstream.Decoder(self._reading)
        self._is_stream, self._held, self._held_bytes = None, [], 0
        own = context(self._ctx.upstream, self._ctx.upstream)
        return self._upstream.encode_response(self._made.response, own)

    def fail(self, error: Error) -> bytes:
        """The client's error body, and its `status`; where a stream has begun, its last event."""
        self._see(Failure(error))
        if self._encoder is not None:
            return self._encoder.encode(Failure(error))
        self.status, body = self._client.encode_error(error, self._ctx)
        return dumps(body)

    def _know_request(self) -> None:
        """Read the client's request after all: passing bytes on had no need of it.

        And what an answer that is made anew has lost.
        """
        for note in self._reading.notes if self._same else ():
            self._ctx.notes.add(*note)
        if self._ctx.request is None and self._ctx.raw is not None:
            with suppress(TransformError):  # the upstream has accepted it: defaults will do
                self._ctx.request = self._client.decode_request(self._ctx.raw, self._reading)

    def _seen(self, events: Iterable[Event]) -> Iterator[Event]:
        """`events` in the client's names, and their meaning for the caller kept."""
        events = map(self._explained, events)
        if self._same:
            for event in events:
                if isinstance(event, Start):
                    event = self._start = replace(event, model=self._asked or event.model)
                self._see(event)
                yield event
            return
        for made in self.rounds.join(self._halves.join(events)):
            self._made.add(made)
            if isinstance(made, Stop):
                made = self._whole(made)
            for event in self._restorer.restore(made):
                self.told.add(event)
                self._see(event)
                yield event

    def _explained(self, event: Event) -> Event:
        """An answer that nobody could read may be one in another protocol."""
        if not isinstance(event, Failure) or self.begun:
            return event
        other = protocol_of(self._first)
        if other in (None, self._ctx.upstream):
            return event
        problem = f"the upstream speaks {other}, not {self._ctx.upstream} as it is configured"
        return replace(event, error=replace(event.error, message=problem))

    def _whole(self, stop: Stop) -> Stop:
        """The end of the answer, with all of it for clients that cannot carry every part."""
        assert self._made.response is not None
        self.turn = turn_of(self._made.response, self._upstream, self._ctx)
        return replace(stop, native=self.turn) if self.turn else stop

    def _see(self, event: Event) -> None:
        match event:
            case PartDelta(text):
                if text and self.phase == "waiting":
                    self._commit_if(isinstance(self._open, TextPart | RefusalPart))
            case PartStart(part):
                self._open, self.begun = part, True
            case PartEnd(native, cut):
                self._commit_if(isinstance(self._open, ToolCallPart) and not cut)
                self._note_state(native)
                self._open = None
            case CitationDelta(citation):
                self._note_state(citation.native)
            case Stop(finish, usage, states=states):
                self.phase, self.usage, self.finish_reason = "finished", usage, finish.reason
                self.states += states if self._same else ()
            case Failure(error):
                self.phase, self.failure = "failed", error
            case _:
                pass

    def _note_state(self, native: Native | None) -> None:
        if self._same:
            known = [native] if native else natives(self._open) if self._open else ()
            self.states += filter(None, (state_of(block) for n in known for block in n.blocks))

    def _commit_if(self, actionable: bool) -> None:
        """The client can act on it, or show it: from here on there is no other upstream."""
        if actionable and self.phase == "waiting":
            self.phase = "committed"

    def _renamed(self, text: bytes) -> bytes:
        for path in MODEL_PATHS[self._ctx.client] if self._asked else ():
            text = splice(text, path, self._asked)
        return text

    def _reframed(self, sse: SseEvent) -> bytes:
        if sse.data is None:
            return COMMENT
        return format_event(self._renamed(sse.data.encode()), sse.event)


def _folded(events: Iterable[Event]) -> Fold:
    fold = Fold()
    for event in events:
        fold.add(event)
    return fold


def _is_whole(sse: SseEvent) -> bool:
    """Whether a last event, which may be cut off, is one that can be read."""
    if sse.data is None:
        return False
    try:
        loads_answer(sse.data)
    except ValueError:
        return sse.data.strip() == "[DONE]"
    return True
