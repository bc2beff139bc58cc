"""Responses streams, read: events to neutral events.

Hard part: an error may be told twice, the second time better.
"""

from collections.abc import Mapping
from dataclasses import replace

from ..answers import Error, Event, Failure, Finish, Keepalive, Start, Stop
from ..context import Context
from ..errors import complains, decode_error, error_inside
from ..fields import objects_of, text_of
from ..json_text import Json, loads_answer
from ..sse import SseEvent
from .answer import ABOUT, Items, read_start, tier_of
from .encoder import Encoder
from .errors import decode_failure
from .finish import (
    FAILED,
    POLICIES,
    TERMINAL,
    Passed,
    decode_finish,
    decode_moderation,
    is_limit,
    note_untold,
    status_of,
)
from .state import states
from .usage import decode_usage

__all__ = ["Decoder"]

CUT = Error("server", "upstream stream ended early", 502)
KEEPALIVES = ("keepalive", "ping")


class Decoder:
    """One upstream stream; whole answers are read as their last event."""

    lacks_end = False

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._items = Items(ctx)
        self._start: Start | None = None
        self._passed = Passed()
        self._error: Error | None = None  # what an event said that more may follow
        self._cause = CUT  # of an end before the end
        self._over = False

    def feed(self, event: SseEvent) -> list[Event]:
        if self._over:
            return []
        if event.data is None:
            return [Keepalive()]
        try:
            payload = loads_answer(event.data)
        except ValueError:
            if event.data.strip() == "[DONE]":
                return self.end()
            payload = event.data
        if isinstance(payload, dict):
            return self._read(payload, event.event)
        self._hear(payload)
        return []

    def _hear(self, said: Json) -> None:
        """What is no event may be why no more of them come."""
        if complains(said):
            self._cause = decode_error(200, said)

    def end(self) -> list[Event]:
        return [] if self._over else self._fail(self._error or self._cause)

    def ending(self, start: Start | None, ctx: Context) -> Encoder:
        """For a client that got this stream as it came."""
        encoder = Encoder(ctx)
        encoder.follow(start, self._passed, self._items.message)
        return encoder

    def _fail(self, error: Error, *, told: bool = False) -> list[Event]:
        self._over = True
        return [Failure(error, told)]

    def _read(self, payload: dict[str, Json], name: str) -> list[Event]:
        """`name`, of the event line, counts where the payload has no type."""
        kind = text_of(payload.get("type")) or name
        about, _, verb = kind.rpartition(".")
        self._passed.count(payload.get("sequence_number"))
        if about in ABOUT:
            self._items.read(about, verb, payload)
            if kind == "response.content_part.done":
                self._passed.part(payload)
            return self._told({})
        response = payload.get("response")
        response = response if isinstance(response, dict) else {}
        if kind in TERMINAL:
            return self.conclude(response, TERMINAL[kind], payload.get("error"))
        if about == "response.output_item":
            return self._item(verb, payload)
        if response:
            return self._told(response)
        if failed := error_inside({**payload, "type": kind}):
            self._error = self._error or decode_error(200, failed)
        elif not kind:
            self._hear(payload)
        return [Keepalive()] if kind in KEEPALIVES else []

    def _item(self, verb: str, payload: dict[str, Json]) -> list[Event]:
        index = payload.get("output_index")
        for item in objects_of([payload.get("item")]):
            if verb == "done":
                self._items.done(item, index)
                self._passed.done(item, index)
            else:
                self._items.add(item, index)
                self._passed.add(item)
        return self._told({})

    def _told(self, response: Mapping[str, Json]) -> list[Event]:
        """What can be told now, behind the start: that is what the first response says."""
        due = self._items.take()
        return [*self._begin(response), *due] if due or response else []

    def _begin(self, response: Mapping[str, Json]) -> list[Event]:
        if self._start is not None:
            return []
        self._start, self._passed.head = read_start(response), response
        self._items.owner = replace(self._items.owner, model=self._start.model)
        return [self._start]

    def conclude(
        self, response: Mapping[str, Json], ending: str = "", error: Json = None
    ) -> list[Event]:
        """The answer is over; `ending` and `error` count where `response` does not say it."""
        status = status_of(response, ending)
        if status not in FAILED:
            return self._finish(response, status)
        failure = decode_failure(response.get("error") or error, status, self._error)
        if failure.code not in POLICIES:
            return self._fail(failure, told=True)
        category = POLICIES[failure.code]
        refused = Finish("refusal", failure.code, explanation=failure.message, category=category)
        return self._finish(response, status, refused)

    def _finish(
        self, response: Mapping[str, Json], status: str, finish: Finish | None = None
    ) -> list[Event]:
        if self._error is not None and finish is None:
            return self._fail(self._error, told=True)
        begun, items = self._begin(response), self._items
        items.finish(objects_of(response.get("output")), cut=is_limit(response))
        due = items.take()
        note_untold(response, self._ctx)
        usage = decode_usage(response.get("usage"), response.get("tool_usage"))
        if usage is None:
            self._ctx.notes.add("usage_missing", "usage", "the upstream counted no tokens")
        held = items.calls, items.refusal, items.cut
        finish = finish or decode_finish(status, response, *held, self._ctx)
        self._over = True
        tier = tier_of(response) or (self._start.service_tier if self._start else None)
        told_again = tuple(states({"input": response.get("output")}))
        found = decode_moderation(response.get("moderation"))
        return [*begun, *due, Stop(finish, usage, tier, states=told_again, moderation=found)]
