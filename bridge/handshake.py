"""The request for a WebSocket at an upstream, which takes it or makes its app use HTTP.

In: what became of the request. Out: a WebSocket that is open, or the answer at which apps go on
with HTTP. Hard part: an app that gets no answer, or one that it does not know, never gets to its
calls, and only those can go to a backup.
"""

from math import inf

from .aside import NO_SOCKET
from .exchange import Circuit
from .health import Answered, Cancelled, ConnectionFailed, Outcome
from .outgoing import Outgoing
from .routing import Target
from .steps import OPEN, WAIT, Done, Reply, Step
from .transform.headers import Headers

SWITCHING = 101
PATIENCE = 8.0  # seconds; no model has to be waited for, and apps give up soon after


class Handshake:
    """`circuit` is told whether the upstream was there; `patience` in seconds, if that is less."""

    def __init__(self, sent: Outgoing, circuit: Circuit, now: float, patience: float) -> None:
        self.sent = sent
        self.ending: Step | None = None
        self.problem = ""  # why there is no WebSocket
        self.target, self._circuit = Target(sent.upstream, sent.key), circuit
        self._started, self._deadline = now, now + min(patience, PATIENCE)
        self._status = 0
        circuit.begin(self.target, now, model="")

    def answered(self, status: int, headers: Headers, now: float) -> bool:
        self._status = status
        return False

    def received(self, now: float) -> None:
        """More of the body came."""

    def take(self, data: bytes, now: float) -> Step:
        return WAIT

    def whole(self, body: bytes, now: float) -> Step:
        if self._status == SWITCHING:
            self._end(Answered(SWITCHING), now)
            return OPEN
        return self._refused(f"it answered {self._status}", now)

    def lost(self, reason: str, now: float) -> Step:
        return self._refused(reason, now)

    def _refused(self, problem: str, now: float) -> Step:
        """An answer that refuses says nothing of how calls would be answered."""
        self.problem = problem
        self._end(Cancelled() if self._status else ConnectionFailed(problem), now)
        return Done(NO_SOCKET)

    def _end(self, outcome: Outcome, now: float) -> None:
        if self._deadline < inf:
            self._deadline = inf
            started = self._started
            self._circuit.record(
                self.target, outcome, now, started=started, model="", conversation=""
            )

    def broke(self, now: float) -> None:
        """The app hung up."""
        self._end(Cancelled(), now)

    def wake_at(self) -> float:
        return self._deadline

    def wake(self, now: float) -> Step:
        if now < self._deadline:
            return WAIT
        return self.lost(f"no answer in {now - self._started:.0f} s", now)

    def head(self, now: float) -> Reply:
        return NO_SOCKET
