"""A watched call that is driven all the same, so that what the app gets of it can be changed.

As long as nobody changes it the app gets what its host says, framed anew.
"""

from math import inf

from ..attempt import JSON
from ..call import Call
from ..steps import WAIT, Cut, Done, Reply, Say, Step
from ..transform import Error, encode_refusal
from ..transform.headers import Headers, same_protocol_response_headers
from ..watched import Watched


class Passing:
    """Goes to the app's own host and nowhere else."""

    def __init__(self, watched: Watched, call: Call) -> None:
        self._watched, self._call = watched, call
        self.trace = watched.trace
        self.ending: Step | None = None
        self._head = Reply(0, [])
        self._streams = False

    def answered(self, status: int, headers: Headers, now: float) -> bool:
        self._head = Reply(status, same_protocol_response_headers(headers))
        streams = self._watched.answered(status, headers, now)
        self._streams = streams and self._call.wants_stream
        return self._streams

    def take(self, data: bytes, now: float) -> Step:
        self._watched.take(data, now)
        return Say([data]) if data else Say([], over=True)

    def received(self, now: float) -> None:
        """More of the body came; there is no deadline."""

    def whole(self, body: bytes, now: float) -> Step:
        reply = Reply(self._head.status, self._head.headers, body)
        self._watched.whole(reply, now)
        return Done(reply)

    def lost(self, reason: str, now: float) -> Step:
        """A stream ends as its host ended it; else there is still an answer to be given."""
        self._watched.broke(reason, now, cancelled=False)
        if self._streams:
            return Cut([])
        error = Error("server", f"bridge: {self._call.host} did not answer: {reason}", 502)
        status, body = encode_refusal(self._call.protocol, error)
        return Done(Reply(status, [("content-type", JSON)], body))

    def broke(self, reason: str, now: float, *, cancelled: bool) -> None:
        self._watched.broke(reason, now, cancelled=cancelled)

    def wake_at(self) -> float:
        return inf

    def wake(self, now: float) -> Step:
        return WAIT

    def head(self, now: float) -> Reply:
        return self._head
