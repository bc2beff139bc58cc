"""What an upstream answers to one attempt: what came over the wire goes in, steps come out.

A stream is read piece by piece, decoded from its content encoding; a whole answer when all of it is
there. Hard part: what goes wrong in here, bytes that are not of their encoding or a bug of ours,
costs this attempt and nothing else.
"""

import logging
from collections.abc import Callable

from mitmproxy import http

from ..steps import WAIT, Driven, Step
from . import flows
from .encoding import Decode, decoder

logger = logging.getLogger(__name__)


class Answer:
    """Told to `exchange`, which says what to do."""

    def __init__(self, exchange: Driven, clock: Callable[[], float]) -> None:
        self._exchange, self._clock = exchange, clock
        self.head: http.Response | None = None  # in the end with the body, if that is taken whole
        self.streams = False  # its body is taken piece by piece
        self._decode: Decode | None = None
        self._pieces: list[bytes] = []  # of the body, not yet read

    def begin(self, head: http.Response) -> None:
        self.head = head
        self._decode = decoder(head.headers.get("content-encoding", ""))
        self.streams = self._exchange.answered(
            head.status_code, flows.headers_of(head), self._clock()
        )

    def add(self, data: bytes) -> None:
        """More of the body."""
        self._pieces.append(data)
        if not self.streams:
            self._exchange.received(self._clock())

    def read(self) -> Step | None:
        """What was added to a stream since the last time, read as one: each time has its cost."""
        if not self.streams or not self._pieces:
            return None
        return self._net(self._take, self._drain())

    def end(self) -> Step:
        """All that was added to a stream has been read before."""
        return self._net(self._take, b"") if self.streams else self._net(self._whole)

    def break_off(self, reason: str) -> Step:
        return self._net(self._exchange.lost, reason, self._clock())

    def _drain(self) -> bytes:
        data, self._pieces = b"".join(self._pieces), []
        return data

    def _take(self, data: bytes) -> Step:
        plain = self._decode(data) if self._decode else data
        return self._exchange.take(plain, self._clock()) if plain or not data else WAIT

    def _whole(self) -> Step:
        assert self.head
        self.head.raw_content = self._drain()
        body = self.head.get_content(strict=False) or b""
        return self._exchange.whole(body, self._clock())

    def _net[**P](self, ask: Callable[P, Step], *args: P.args, **kwargs: P.kwargs) -> Step:
        """The one net."""
        try:
            return ask(*args, **kwargs)
        except Exception as error:
            logger.exception("bridge: an answer could not be handled")
            return self._exchange.lost(f"bridge: {error}", self._clock())
