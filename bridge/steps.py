"""What a call needs done next, as its exchange says it to whoever owns the sockets."""

from dataclasses import dataclass
from typing import Protocol as Interface

from .transform.headers import Headers


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer for the app, or the head of a stream."""

    status: int
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing yet."""


@dataclass(frozen=True, slots=True)
class Say:
    """More bytes of a stream for the app; the exchange's head belongs in front of the first.

    `over`: they are the last, and nothing more of the upstream's counts. `again`: the upstream has
    paused, and what follows comes from another attempt.
    """

    pieces: list[bytes]
    over: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """The app gets `reply`, and that is all."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Again:
    """The attempt is over, and the app has got nothing of it: on to the next one."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The app gets these bytes, and then its connection is gone: its answer has no end."""

    pieces: list[bytes]


@dataclass(frozen=True, slots=True)
class Open:
    """The upstream speaks WebSocket from here on, and so does the app."""


type Step = Wait | Say | Done | Again | Cut | Open

WAIT, AGAIN, OPEN = Wait(), Again(), Open()


class Driven(Interface):
    """What is asked, by whoever owns the sockets, at each thing that happens to an attempt."""

    @property
    def ending(self) -> Step | None:
        """What the app gets where no attempt is left."""
        ...

    def answered(self, status: int, headers: Headers, now: float) -> bool:
        """The headers of an answer came. Whether its body is to be taken piece by piece."""
        ...

    def take(self, data: bytes, now: float) -> Step:
        """More of an answer that is taken piece by piece, b"" for its end."""
        ...

    def received(self, now: float) -> None:
        """More came of a body that is taken whole."""
        ...

    def whole(self, body: bytes, now: float) -> Step:
        """An answer came whole."""
        ...

    def lost(self, reason: str, now: float) -> Step:
        """The upstream cannot be reached, or the connection to it is gone."""
        ...

    def wake_at(self) -> float:
        """When to call `wake`, if nothing happens until then; infinity: never."""
        ...

    def wake(self, now: float) -> Step:
        """Time has passed."""
        ...

    def head(self, now: float) -> Reply:
        """What stands in front of a stream: status and headers."""
        ...
