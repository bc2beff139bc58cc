"""What a protocol folder offers: the same files with the same functions in each.

`decode_` is wire to model, `encode_` is model to wire. As a client's protocol a codec decodes
requests and encodes answers; as an upstream's it encodes requests and decodes answers.
"""

from collections.abc import Callable, Iterator
from typing import Protocol as Interface

from .answers import Error, Event, Response, Start
from .context import Context
from .json_text import Json
from .model import Request
from .sse import SseEvent


class Decoder(Interface):
    """An upstream's stream: events in, neutral events out, at most one part open at a time."""

    def __init__(self, ctx: Context) -> None: ...

    @property
    def lacks_end(self) -> bool:
        """Whether the answer is finished before its last event has come."""
        ...

    def feed(self, event: SseEvent) -> list[Event]:
        """Tolerant: unknown events give nothing, a broken stream gives a Failure."""
        ...

    def end(self) -> list[Event]:
        """The bytes are over: a Failure unless the answer was finished; [] after the terminal."""
        ...

    def ending(self, start: Start | None, ctx: Context, /) -> "Encoder":
        """Gives a client that got this stream as it came what it lacks of an end.

        `start` is what the client knows of its beginning.
        """
        ...


class Encoder(Interface):
    """A client's stream: neutral events in, bytes out."""

    def __init__(self, ctx: Context) -> None: ...

    def encode(self, event: Event) -> bytes:
        """b"" when the client's protocol says nothing for this event."""
        ...


class Codec(Interface):
    """A protocol folder, seen as a module; `self` is the module."""

    PATH: str  # the endpoint below a vendor's host: /v1/messages
    PING: bytes  # an event that says nothing
    SUFFIX: str  # how paths of this endpoint end at any server: /chat/completions

    @property
    def Decoder(self) -> Callable[[Context], Decoder]: ...

    @property
    def Encoder(self) -> Callable[[Context], Encoder]: ...

    def decode_request(self, body: Json, ctx: Context, /) -> Request:
        """A client's body; TransformError for what the protocol does not allow."""
        ...

    def encode_request(self, request: Request, ctx: Context, /) -> Json:
        """The upstream's body; notes for what is lost, TransformError for what cannot be said."""
        ...

    def continue_request(self, body: Json, answer: Json, /) -> Json:
        """The request `body` with `answer`, whole, behind it: the model goes on from there."""
        ...

    def decode_response(self, body: Json, ctx: Context, /) -> list[Event]:
        """A whole 2xx answer as the events its stream would give, ending in Stop or Failure."""
        ...

    def encode_response(self, response: Response, ctx: Context, /) -> Json: ...

    def encode_error(self, error: Error, ctx: Context, /) -> tuple[int, Json]:
        """The status and body the client's protocol has for `error`."""
        ...

    def states(self, body: Json, /) -> Iterator[str]:
        """The opaque state in a client's body: signatures, ciphertexts, our envelopes."""
        ...

    def without_state(self, body: Json, *, bare: bool, ctx: Context) -> Json:
        """`body` without our envelopes; `bare`: and without all other state, with notes."""
        ...

    def without_identity(self, body: Json, ctx: Context, /) -> Json:
        """`body` without what an agent tells only its own vendor; with notes."""
        ...
