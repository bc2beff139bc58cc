"""An exchange that says what it was given to say, in turn, and writes down what it was told."""

from collections.abc import Sequence
from math import inf

from bridge.steps import WAIT, Reply, Step
from bridge.transform.headers import Headers


class Scripted:
    def __init__(self, *steps: Step | Exception, streams: bool = True) -> None:
        self.steps: list[Step | Exception] = list(steps)
        self.streams = streams
        self.told: list[Sequence[object]] = []
        self.ending: Step | None = None
        self.alarm = inf

    def _say(self, *told: object) -> Step:
        self.told.append(told)
        step = self.steps.pop(0) if self.steps else WAIT
        if isinstance(step, Exception):
            raise step
        return step

    def answered(self, status: int, headers: Headers, now: float) -> bool:
        self.told.append(("answered", status))
        return self.streams

    def take(self, data: bytes, now: float) -> Step:
        return self._say("take", data)

    def received(self, now: float) -> None:
        self.told.append(("received",))

    def whole(self, body: bytes, now: float) -> Step:
        return self._say("whole", body)

    def lost(self, reason: str, now: float) -> Step:
        return self._say("lost", reason)

    def wake_at(self) -> float:
        return self.alarm

    def wake(self, now: float) -> Step:
        return self._say("wake")

    def head(self, now: float) -> Reply:
        return Reply(200, [("content-type", "text/event-stream")])
