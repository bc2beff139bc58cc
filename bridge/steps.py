"""What a call needs done next, as its exchange says it to whoever owns the sockets."""

from dataclasses import dataclass

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


type Step = Wait | Say | Done | Again

WAIT, AGAIN = Wait(), Again()
