"""Messages streams, read: events to neutral events.

Hard part: everything may come in an unexpected place (a whole answer in `message_start`, a second
`message_start`, no `message_delta`, blocks side by side).
"""

from collections.abc import Callable
from dataclasses import replace

from ..answers import Error, Event, Failure, Keepalive, PartEnd, Start, Stop
from ..context import Context
from ..errors import complains, decode_error, error_inside
from ..fields import text_of
from ..json_text import Json, loads_answer
from ..lanes import Lane, Lanes
from ..model import Native
from ..sse import SseEvent
from .answer import Block, ToolUse, block_of, note_untold
from .encoder import Encoder
from .finish import decode_finish
from .parts import PROTOCOL
from .usage import TIERS_READ, decode_usage, merge_usage

__all__ = ["Decoder"]

CUT = Error("server", "upstream stream ended early", 502)
# How a delta says what it belongs to, where its block was never opened.
OPENED_BY = {"text_delta": "text", "thinking_delta": "thinking"}


class _Lane(Lane):
    """A block, and where its server says it stands."""

    def __init__(self, block: Block, index: Json) -> None:
        super().__init__("", "", index)
        self.block = block


class Decoder:
    """One upstream stream. `feed_json` takes events already parsed: whole answers are read so."""

    lacks_end = False

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._owner = Native(PROTOCOL, (), ctx.upstream_id)
        self._started = self._ended = self._over = False
        self._lanes: Lanes[_Lane] = Lanes()
        self._newest: _Lane | None = None
        self._served: dict[str, dict[str, Json]] = {}  # calls of server tools
        self._blocks = self._calls = self._direct_calls = 0
        self._cut = False
        self._head: list[Json] = []  # content that came with message_start
        self._ending: dict[str, Json] = {}  # stop_reason and what goes with it
        self._usage: dict[str, Json] = {}
        self._cause = CUT  # of an end before the end

    def feed(self, event: SseEvent) -> list[Event]:
        if self._over:
            return []
        if event.data is None:
            return [Keepalive()]
        try:
            payload = loads_answer(event.data)
        except ValueError:
            # of gateways that speak OpenAI's protocols too; or cut off, when all has been said
            if event.data.strip() == "[DONE]" or self._ended:
                return []
            said = decode_error(200, event.data)
            problem = f"the upstream sent an event that is not JSON: {said.message}"
            return self._fail(replace(said, message=problem), told=event.event == "error")
        return self.feed_json(payload, event.event) if isinstance(payload, dict) else []

    def feed_json(self, payload: dict[str, Json], name: str = "") -> list[Event]:
        """`name`, of the event line, counts where the payload has no type."""
        kind = text_of(payload.get("type")) or name
        if kind == "content_block_delta":
            return self._delta(payload)
        if self._over:
            return []
        if kind in HANDLERS:
            return HANDLERS[kind](self, payload)
        if error := error_inside({**payload, "type": kind}):
            return self._fail(decode_error(200, error), told=True)
        if not kind and complains(payload):  # it may be why no more comes
            self._cause = decode_error(200, payload)
        return []

    def end(self) -> list[Event]:
        """Complete if a reason to stop has come, even without the last event."""
        if self._over:
            return []
        if self._ending:
            return self._stop({})
        return self._fail(self._cause)

    def ending(self, start: Start | None, ctx: Context) -> Encoder:
        """For a client that got this stream as it came."""
        return Encoder(ctx, ended=self._ended)

    def _fail(self, error: Error, *, told: bool = False) -> list[Event]:
        self._over = True
        return [Failure(error, told)]

    def _start(self, payload: dict[str, Json]) -> list[Event]:
        if self._blocks or self._ended:
            problem = "the upstream began a second answer inside the first"
            return self._fail(Error("server", problem, 502))
        if self._started:  # repeated by a proxy
            return []
        message = payload.get("message")
        return self._begin(message if isinstance(message, dict) else {})

    def _begin(self, message: dict[str, Json]) -> list[Event]:
        self._started = True
        note_untold(message, self._ctx)
        model = text_of(message.get("model"))
        self._owner = Native(PROTOCOL, (), self._ctx.upstream_id, model)
        content = message.get("content")
        self._head = content if isinstance(content, list) else []
        if self._head:  # elsewhere it stops nothing, whatever a server writes there
            self._note_ending(message)
        self._usage = merge_usage({}, message.get("usage"))
        return [Start(text_of(message.get("id")), model, service_tier=self._tier)]

    @property
    def _tier(self) -> str | None:
        return TIERS_READ.get(text_of(self._usage.get("service_tier")))

    def _note_ending(self, holder: dict[str, Json]) -> None:
        if text_of(holder.get("stop_reason")) and not self._ending:
            keys = ("stop_reason", "stop_sequence", "stop_details")
            self._ending = {key: holder.get(key) for key in keys}

    def _open(self, block: Json, index: Json = None) -> list[Event]:
        """A block that was not closed is, when the next one begins; but for half a call."""
        events = [] if self._started else self._begin({})
        for lane in self._lanes.waiting:
            if lane.block.whole:
                self._end(lane)
        self._blocks += 1
        opened = block_of(block, self._owner, self._served, self._ctx)
        if isinstance(opened, ToolUse):
            self._calls += 1
            self._direct_calls += opened.direct
        self._newest = self._lanes.add(_Lane(opened, index))
        self._newest.due += opened.open()
        return [*events, *self._lanes.take()]

    def _end(self, lane: _Lane) -> None:
        if not lane.over:
            events = lane.block.close()
            self._cut = self._cut or any(isinstance(e, PartEnd) and e.cut for e in events)
            lane.due += events
            lane.over = True

    def _close(self) -> list[Event]:
        for lane in self._lanes.waiting:
            self._end(lane)
        return self._lanes.take()

    def _block_start(self, payload: dict[str, Json]) -> list[Event]:
        return [] if self._ended else self._open(payload.get("content_block"), payload.get("index"))

    def _delta(self, payload: dict[str, Json]) -> list[Event]:
        delta = payload.get("delta")
        if self._over or not isinstance(delta, dict):
            return []
        kind = text_of(delta.get("type"))
        if lane := self._lane_for(kind, payload.get("index")):
            lane.due += lane.block.delta(kind, delta)
            return self._lanes.take()
        if self._ended or kind not in OPENED_BY:
            return []
        events = self._open({"type": OPENED_BY[kind]}, payload.get("index"))
        return [*events, *self._delta(payload)]

    def _lane_for(self, kind: str, index: Json) -> _Lane | None:
        """The open block with that index, or else the newest, that takes such a delta."""
        placed = self._lanes.find("", "", index) if isinstance(index, int) else None
        for lane in (placed, self._newest):
            if lane is not None and not lane.over and kind in lane.block.kinds:
                return lane
        return None

    def _block_stop(self, payload: dict[str, Json]) -> list[Event]:
        """Of one that was closed before nothing more is said."""
        index = payload.get("index")
        lane = self._lanes.find("", "", index) if isinstance(index, int) else None
        lane = lane or self._newest
        if lane is not None:
            self._end(lane)
        return self._lanes.take()

    def _message_delta(self, payload: dict[str, Json]) -> list[Event]:
        note_untold(payload, self._ctx)
        delta = payload.get("delta")
        if isinstance(delta, dict):
            self._note_ending(delta)
            self._ended = bool(self._ending)
        self._usage = merge_usage(self._usage, payload.get("usage"))
        return []

    def _ping(self, payload: dict[str, Json]) -> list[Event]:
        return [Keepalive()]

    def _stop(self, payload: dict[str, Json]) -> list[Event]:
        if not (self._started or self._blocks or self._ending):
            return self._fail(Error("server", "the upstream sent an empty answer", 502))
        events = [] if self._started else self._begin({})
        for block in [] if self._blocks else self._head:
            events += self._open(block)
        events += self._close()
        usage = decode_usage(self._usage)
        if usage is None:
            self._ctx.notes.add("usage_missing", "usage", "the upstream counted no tokens")
        self._over = True
        calls = self._calls, self._direct_calls
        finish = decode_finish(self._ending, *calls, self._cut, self._ctx)
        return [*events, Stop(finish, usage, self._tier)]


HANDLERS: dict[str, Callable[[Decoder, dict[str, Json]], list[Event]]] = {
    "message_start": Decoder._start,
    "content_block_start": Decoder._block_start,
    "content_block_stop": Decoder._block_stop,
    "message_delta": Decoder._message_delta,
    "message_stop": Decoder._stop,
    "ping": Decoder._ping,
}
