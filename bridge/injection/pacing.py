"""An answer that is whole, but late or in pieces.

In: the app's answer as it comes. Out: the same bytes, when they are due, in the pieces they are to
come in.
"""

from collections import deque
from math import ceil, inf

from ..call import Call
from ..steps import WAIT, Say, Step
from .faults import Fault
from .said import Frames

TENTHS = 10  # pieces of a whole answer that is slow
MAX_PIECES = 10_000  # of what came at once


class Pacing:
    deaf = False

    def __init__(self, call: Call, fault: Fault) -> None:
        self._call, self._fault = call, fault
        slow = fault.kind == "slow"
        self._first, self._between = (fault.first, fault.between) if slow else (0.0, 0.0)
        self._frames = Frames()
        self._queue: deque[bytes] = deque()
        self._due = inf  # the next piece
        self._over = False
        self._given = 0

    @property
    def effect(self) -> str:
        return f"{self._given} pieces" if self._given else ""

    def wake_at(self) -> float:
        return self._due if self._queue else inf

    def bend(self, data: bytes, now: float, *, over: bool) -> Step:
        self._over = self._over or over
        self._queue.extend(self._cut(data))
        if self._queue and self._due == inf:
            self._due = now + self._first
        out = []
        while self._queue and self._due <= now:
            out.append(self._queue.popleft())
            self._due = now + self._between
            self._given += 1
        over = self._over and not self._queue
        return Say(out, over) if out or over else WAIT

    def _cut(self, data: bytes) -> list[bytes]:
        if self._fault.kind == "slow" and self._call.wants_stream:
            return self._frames.feed(data, over=self._over)
        least = self._fault.size if self._fault.kind == "split" else ceil(len(data) / TENTHS)
        size = max(least, ceil(len(data) / MAX_PIECES), 1)
        return [data[n : n + size] for n in range(0, len(data), size)]
