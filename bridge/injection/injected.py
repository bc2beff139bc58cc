"""A call with a fault in it, for whoever drives it: the same call, but for what the app gets.

In: a call under way, and the fault. Out: its steps, changed. What the upstream does and what is
thought of it stay as they are: where the app's answer ends early, the upstream sees an app that
hangs up. Errors of the upstream's own reach the app as they are.
"""

from typing import Any
from typing import Protocol as Interface

from ..call import Call
from ..credentials import hide
from ..steps import AGAIN, WAIT, Cut, Done, Driven, Reply, Say, Step, Wait
from ..trace import Kept, Timeline, Trace
from ..transform.headers import Headers
from .breaking import Breaking
from .faults import Fault
from .pacing import Pacing


class Called(Driven, Interface):
    """A call under way, with its record."""

    @property
    def trace(self) -> Trace: ...

    def broke(self, reason: str, now: float, *, cancelled: bool) -> None:
        """There will be no end of it."""
        ...


class Injected:
    """`inner`, but for what the app gets."""

    def __init__(self, inner: Called, call: Call, fault: Fault, now: float) -> None:
        self.inner, self.fault = inner, fault
        paced = fault.kind in ("slow", "split")
        self._bend = Pacing(call, fault) if paced else Breaking(call, fault, now)
        self._head: Reply | None = None  # of an answer that came whole
        self._client, self._timeline = Kept(), Timeline()  # what the app has got
        self._is_own = False  # the call's own error was all that it got

    @property
    def ending(self) -> Step | None:
        return self.inner.ending

    def answered(self, status: int, headers: Headers, now: float) -> bool:
        return self.inner.answered(status, headers, now)

    def take(self, data: bytes, now: float) -> Step:
        return self._changed(self.inner.take(data, now), now)

    def received(self, now: float) -> None:
        self.inner.received(now)

    def whole(self, body: bytes, now: float) -> Step:
        return self._changed(self.inner.whole(body, now), now)

    def lost(self, reason: str, now: float) -> Step:
        return self._changed(self.inner.lost(reason, now), now)

    def wake_at(self) -> float:
        return min(self.inner.wake_at(), self._bend.wake_at())

    def wake(self, now: float) -> Step:
        return self._changed(self.inner.wake(now), now)

    def head(self, now: float) -> Reply:
        return self._head or self.inner.head(now)

    def _changed(self, step: Step, now: float) -> Step:
        match WAIT if self._bend.deaf else step:
            case Say(pieces, over, again):
                made = self._bend.bend(b"".join(pieces), now, over=over)
                return self._given(_on(made) if again else made, now)
            case Done(reply) if reply.status < 300:
                self._head = reply
                return self._given(self._bend.bend(reply.body, now, over=True), now)
            case Wait():
                return self._given(self._bend.bend(b"", now, over=False), now)
            case own:
                self._is_own = isinstance(own, Done)
                return own

    def _given(self, step: Step, now: float) -> Step:
        if isinstance(step, Say | Cut):
            for piece in step.pieces:
                self._client.add(piece)
            self._tick(now)
        if isinstance(step, Cut) or (isinstance(step, Say) and step.over):
            self.inner.broke("for the app the answer ended here", now, cancelled=True)
        return step

    def _tick(self, now: float) -> None:
        trace = self.inner.trace
        came = trace.bodies.upstream_response.size
        self._timeline.add(now - trace.started, came, self._client.size)

    # --- what is left of it

    @property
    def told(self) -> bytes | None:
        """What the app got; None where that is an answer of the call's own."""
        return None if self._is_own or self.inner.ending else self._client.content()

    @property
    def effect(self) -> str:
        """What came of the fault; "" where it did not come to it."""
        return self._bend.effect

    def record(self, now: float) -> dict[str, Any]:
        """The call's, as the app saw it; `now`: when it had all it got."""
        trace = self.inner.trace
        record = trace.metadata()
        record["injected"] = {"fault": self.fault.text, "effect": self.effect}
        if self.told is not None:
            record["timing"]["last"] = now - trace.started
            record["timeline"] = self._timeline.moments()
            bodies, told = record["bodies"], hide(self._client.text(), trace.credentials)
            bodies.pop("client_response", None)
            if told != bodies.get("upstream_response"):
                bodies["client_response"] = told
        return record


def _on(step: Step) -> Step:
    """`step`, behind which another attempt goes on."""
    match step:
        case Say(pieces, over=False):
            return Say(pieces, again=True)
        case Wait():
            return AGAIN
        case _:
            return step
