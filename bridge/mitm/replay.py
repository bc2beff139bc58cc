"""A call sent once more, to an upstream that a person or a shadow names, as a flow of its own.

It goes the way of mitmproxy's own client replay, through the addon's hooks, and is tied to the flow
it comes from. Hard part: no app waits for it, so nobody would ever hang up on an upstream that
hangs; here it is done when the exchange has no more patience.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from mitmproxy import http
from mitmproxy.connection import ConnectionState, Server

from ..call import Call
from ..exchange import Exchange
from ..shadow import compare
from ..steps import AGAIN, Step
from ..upstream import Upstream
from . import flows
from .origin import Unknown, lacks_credential, lacks_others
from .runtime import Runtime

type Kind = Literal["replay", "shadow"]

PAUSE = 1.0  # seconds, at most, until an exchange is looked at again


@dataclass(frozen=True, slots=True)
class Trial:
    """A replay on its way. `of` is the flow it comes from, `original` its record, if it has one,
    as it was then: before its text was masked."""

    of: http.HTTPFlow
    original: dict[str, Any] | None
    call: Call
    upstream: Upstream
    kind: Kind

    @property
    def of_id(self) -> str:
        attempt = self.of.metadata.get("bridge_attempt")
        return str(attempt["of"]) if attempt else self.of.id

    def exchange(self, runtime: Runtime, now: float) -> Exchange:
        exchange = runtime.trial(self.call, self.upstream, self.kind, now)
        known = (self.original or {}).get("conversation")  # which headers may have told
        exchange.trace.conversation = known or exchange.trace.conversation
        return exchange

    def __str__(self) -> str:
        return f"{self.kind} of {self.of_id} at {self.upstream.name}"


class Replays:
    """`exchange_of` gives the exchange of a flow, by its id, once it has one."""

    def __init__(
        self,
        exchange_of: Callable[[str], Exchange | None],
        clock: Callable[[], float],
    ) -> None:
        self._exchange_of, self._clock = exchange_of, clock
        self._trials: dict[str, Trial] = {}  # by flow id, until the flow is over
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, of: http.HTTPFlow, call: Call, upstream: Upstream, kind: Kind) -> http.HTTPFlow:
        """The flow of the replay; Unknown where a credential of the app's is needed and gone."""
        if not upstream.api_keys and call.addresses(upstream) and lacks_credential(call):
            name = upstream.name
            raise Unknown(f"the app's own key is not kept, so {name} needs an api_key of its own")
        if lacks_others(call):
            raise Unknown("what the app had for other servers, such as those of MCP, is not kept")
        sender = playback()
        record: dict[str, Any] | None = of.metadata.get("bridge")
        trial = Trial(of, record, call, upstream, kind)
        flow = _copy(of, call)
        flow.comment = str(trial)
        self._trials[flow.id] = trial
        if record is not None:
            record.setdefault("replays", []).append(flow.id)
            sender.show_again(of)
        task = asyncio.get_running_loop().create_task(self._drive(flow, sender.handler(flow)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return flow

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    def count(self, kind: Kind) -> int:
        """How many are on their way."""
        return sum(trial.kind == kind for trial in self._trials.values())

    # --- its life

    async def _drive(self, flow: http.HTTPFlow, handler: Any) -> None:
        running = asyncio.ensure_future(handler.replay())
        try:
            while not running.done():
                await asyncio.wait({running}, timeout=self._patience(flow))
                if self._is_lost(flow):
                    playback().hang_up(handler)
        finally:
            running.cancel()
            self._trials.pop(flow.id, None)

    def _patience(self, flow: http.HTTPFlow) -> float:
        exchange = self._exchange_of(flow.id)
        return min(PAUSE, max(0.0, exchange.wake_at() - self._clock())) if exchange else PAUSE

    def _is_lost(self, flow: http.HTTPFlow) -> bool:
        """Whether a person has stopped it, or its upstream has been silent for too long."""
        exchange, now = self._exchange_of(flow.id), self._clock()
        if exchange is None or exchange.trace.over:
            return False
        if flow.error:  # mitmproxy itself would go on until something comes
            exchange.broke(str(flow.error), now, cancelled=True)
        elif now >= exchange.wake_at():
            self._told(exchange, exchange.wake(now))
        return exchange.trace.over

    def _told(self, exchange: Exchange, step: Step) -> None:
        if step is AGAIN:
            exchange.exhausted(self._clock())

    # --- what the addon asks and tells

    def trial(self, flow: http.HTTPFlow) -> Trial | None:
        """None for a flow that is no replay of ours, such as a person's own of one that was."""
        return self._trials.get(flow.id)

    def broke(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        """Its connection is gone."""
        ours = flow.id in self._trials and not flows.client_is_gone(flow)
        if ours and not exchange.trace.over:
            self._told(exchange, exchange.lost(str(flow.error), self._clock()))

    def end(self, flow: http.HTTPFlow) -> None:
        """It is over, and has its record."""
        trial = self._trials.pop(flow.id, None)
        if trial is None:
            return
        record = flow.metadata["bridge"]
        record["replay_of"] = trial.of_id
        if trial.original is not None:
            record["compare"] = compare(trial.original, record)
        flow.comment = f"{trial} | {flow.comment}"


def playback() -> Any:
    try:
        from . import playback
    except (ImportError, AttributeError):
        raise Unknown("the bridge does not know how this version of mitmproxy replays") from None
    return playback


def _copy(of: http.HTTPFlow, call: Call) -> http.HTTPFlow:
    """A flow with the app's request."""
    client = of.client_conn.copy()
    client.state = ConnectionState.OPEN
    flow = http.HTTPFlow(client, Server(address=(call.host, call.port)))
    flow.is_replay = "request"
    flow.request = request = of.request.copy()
    request.http_version, request.trailers = "HTTP/1.1", None
    request.headers = http.Headers(
        [(n.encode(), v.encode("utf-8", "surrogateescape")) for n, v in call.headers]
    )
    request.scheme, request.host, request.port = call.scheme, call.host, call.port
    request.path, request.content = call.path, call.body
    return flow
