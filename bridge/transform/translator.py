"""One exchange between a client and an upstream: the request out, the answer or error back.

Bytes in, bytes out; no clock, no I/O. A failed attempt takes a new Translator and the client's
original body.
"""

from collections.abc import Iterable
from dataclasses import replace

from . import anthropic_messages, openai_chat, openai_responses
from .answer import Answer, Phase
from .answers import Error, ErrorKind, FinishReason, Usage
from .codec import Codec
from .context import Context, context
from .envelope import is_sealed
from .errors import decode_error
from .families import VENDOR
from .fit import fitted
from .json_text import Json, dumps, loads
from .model import Message, Protocol
from .notes import Note, TransformError
from .prepare import Toolbox, prepare
from .profile import Profile
from .restore import Restorer
from .splice import splice
from .traits import Traits, traits_of
from .turn import Ledger, Turn, digests, keys_of, recalled, restored

CODECS: dict[Protocol, Codec] = {
    "anthropic_messages": anthropic_messages,
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
}
PROTOCOLS: tuple[Protocol, ...] = tuple(CODECS)
# Refusals that are no 400 where their protocol has them.
MISSING: dict[str, tuple[ErrorKind, int]] = {"thread_not_found": ("not_found", 404)}


def detect(method: str, path: str) -> Protocol | None:
    """The protocol of a call by its method and path (with or without a query); None: not ours."""
    if method.upper() != "POST":
        return None
    path = path.partition("?")[0].rstrip("/")
    return next((name for name, codec in CODECS.items() if path.endswith(codec.SUFFIX)), None)


def traits(client: Protocol, parsed: Json) -> Traits:
    """What routes may ask about a request besides its model; `parsed` is the client's body."""
    return traits_of(CODECS[client], client, parsed)


def encode_refusal(client: Protocol, refusal: Error | TransformError) -> tuple[int, bytes]:
    """An error of the bridge itself in the client's dialect: the status and the body."""
    error = _error_of(refusal) if isinstance(refusal, TransformError) else refusal
    status, body = CODECS[client].encode_error(error, context(client, client))
    return status, dumps(body)


def _error_of(refusal: TransformError) -> Error:
    code = f"{refusal.code}: " if refusal.code else ""
    kind, status = MISSING.get(refusal.code, ("invalid_request", 400))
    return Error(
        kind=kind,
        message=f"bridge: {code}{refusal}",
        status=status,
        code=refusal.code or None,
        param=refusal.where or None,
    )


class Translator:
    """Translates one exchange.

    `model` overrides the client's model name, `profile` None is the vendor's own API. `upstream_id`
    and `key` own and seal opaque state, `ledger` knows it for clients that drop it; state that the
    ledger does not know is the upstream's where that is the app's `own_host`. `now` is seconds
    since the epoch; `notes` are of what was known before. With the same protocol on both sides
    bytes pass unchanged but for the model, other upstreams' state and, on another host, fields its
    profile says it refuses; `exact` leaves the model, and every fault of the answer, as it is.
    """

    def __init__(
        self,
        client: Protocol,
        upstream: Protocol,
        model: str | None = None,
        profile: Profile | None = None,
        *,
        upstream_id: str = "",
        key: bytes = b"\0",
        now: float = 0.0,
        exact: bool = False,
        ledger: Ledger | None = None,
        own_host: bool = True,
        notes: Iterable[Note] = (),
    ) -> None:
        self._client, self._upstream = CODECS[client], CODECS[upstream]
        profile = profile or VENDOR[upstream]
        self._ctx = Context(client, upstream, profile, model or "", upstream_id, key, now)
        for note in notes:
            self._ctx.notes.add(*note)
        self._same = client == upstream
        self._exact = exact
        self._ledger, self._own_host = ledger, own_host
        self._history: tuple[Message, ...] = ()  # as the client knows it
        self._sent: Json = None  # the upstream's request
        self._asked = ""  # the model name the client knows, where the upstream gets another
        self._toolbox = Toolbox()
        self._made: Answer | None = None

    @property
    def path(self) -> str:
        """What to join to the upstream's base URL."""
        return self._upstream.PATH

    def request(self, body: bytes, parsed: Json = None, asked: Json = None) -> bytes:
        """The upstream's request body. `parsed` is `body` as JSON, where the caller has it; `asked`
        is what the client sent where that is not the same, for what an answer repeats of it.

        TransformError names the place in the client's body and what is wrong there.
        """
        if parsed is None:
            parsed = _parse(body)
        model = parsed.get("model") if isinstance(parsed, dict) else None
        if self._ctx.model and isinstance(model, str) and model != self._ctx.model:
            self._asked = model
        if self._same:
            self._ctx.raw = parsed if asked is None else asked
            body = self._passed_on(body, parsed)
            return splice(body, ("model",), self._ctx.model) if self._asked else body
        request = self._client.decode_request(parsed, self._ctx)
        self._ctx.request = request if asked is None else replace(request, raw=asked)
        self._history = request.messages
        if self._ledger is not None:
            request = recalled(request, self._ledger, self._ctx)
        request, self._toolbox = prepare(request, self._ctx)
        request = restored(request, self._upstream, self._ctx)
        body = self._upstream.encode_request(request, self._ctx)
        self._sent = fitted(body, self._ctx.profile, self._ctx.notes)
        return dumps(self._sent)

    @property
    def continues(self) -> bool:
        """Whether an answer that pauses is to go on in another one; see `paused`."""
        return self._answer.rounds.continues

    @continues.setter
    def continues(self, value: bool) -> None:
        self._answer.rounds.continues = value

    @property
    def paused(self) -> bool:
        """Whether the upstream waits for `continuation`; its answer follows in the same client's
        answer."""
        return self._made is not None and self._made.rounds.paused

    def continuation(self) -> bytes:
        """The body that makes the upstream go on with the answer it has begun."""
        self._sent = self._upstream.continue_request(self._sent, self._answer.go_on())
        return dumps(self._sent)

    def _passed_on(self, body: bytes, parsed: Json) -> bytes:
        """`body`, as a rule to the byte.

        But vendors refuse another's signature, nobody but us can read our envelopes, and what an
        agent tells its own vendor is for no other.
        """
        kept = self._without_foreign_state(parsed)
        if not self._own_host:
            kept = self._client.without_identity(kept, self._ctx)
            kept = fitted(kept, self._ctx.profile, self._ctx.notes)
        return body if kept is parsed else dumps(kept)

    def _without_foreign_state(self, parsed: Json) -> Json:
        bare = not (self._own_host and self._ledger is None) and any(
            not (is_sealed(state) or self._may_return(state))
            for state in self._client.states(parsed)
        )
        return self._client.without_state(parsed, bare=bare, ctx=self._ctx)

    def _may_return(self, state: str) -> bool:
        owner = self._ledger.owner(state) if self._ledger is not None else None
        return self._own_host if owner is None else owner == self._ctx.upstream_id

    def response(self, body: bytes, *, as_stream: bool = False, anew: bool = False) -> bytes:
        """A whole 2xx answer in the client's protocol, as a stream if it asked for one; `anew`: by
        the rules of the protocol also where the upstream speaks the same.

        After it `phase` is "finished", or "failed" (an error inside a 200): then the bytes are the
        client's error body and `status` its HTTP status.
        """
        return self._answer.whole(body, as_stream=as_stream, anew=anew)

    def stream(self, data: bytes) -> list[bytes]:
        """More bytes of a stream, b"" for its end; gives the client's bytes, never an empty one."""
        out = self._answer.stream(data)
        return [out] if out else []

    def break_off(self, error: Error) -> list[bytes]:
        """What ends a stream that cannot be carried on; [] when it has ended or none may be."""
        out = self._answer.break_off(error)
        return [out] if out else []

    def error(self, status: int, body: bytes, request_id: str | None = None) -> tuple[int, bytes]:
        """An upstream's error answer: the status and the body for the client."""
        error = decode_error(status, body)
        translated = self._answer.fail(replace(error, request_id=error.request_id or request_id))
        as_is = self._exact or (self._same and body.lstrip().startswith(b"{"))
        return (status, body) if as_is else (self.status, translated)

    @property
    def _answer(self) -> Answer:
        if self._made is None:
            restorer = Restorer(self._toolbox, self._asked)
            codecs = self._client, self._upstream
            self._made = Answer(*codecs, self._ctx, restorer, self._asked, exact=self._exact)
        return self._made

    def ping(self) -> list[bytes]:
        """What tells the client of a stream that its answer is still being made."""
        return [self._answer.ping()]

    @property
    def heard(self) -> int:
        """How many events with something in them have come: all but pings and comments."""
        return self._made.heard if self._made else 0

    @property
    def begun(self) -> bool:
        """Whether a part of the answer has begun, if only reasoning or a call."""
        return self._made is not None and self._made.begun

    @property
    def phase(self) -> Phase:
        """ "waiting": nothing yet that the app can act on; "committed"; "finished"; "failed"."""
        return self._made.phase if self._made else "waiting"

    @property
    def status(self) -> int:
        """The HTTP status for the client: an error's once there was one, else 200."""
        return self._made.status if self._made else 200

    @property
    def failure(self) -> Error | None:
        return self._made.failure if self._made else None

    @property
    def usage(self) -> Usage | None:
        return self._made.usage if self._made else None

    @property
    def finish_reason(self) -> FinishReason | None:
        return self._made.finish_reason if self._made else None

    @property
    def turn(self) -> Turn | None:
        """What the ledger should know of a finished answer; None where the client loses nothing."""
        made = self._made
        if made is None or made.turn is None or made.told.response is None:
            return None
        *_, before = digests(self._history)
        return Turn(keys_of(made.told.response.parts, before, self._ctx.upstream_id), made.turn)

    @property
    def betas(self) -> list[str]:
        """Values of `anthropic-beta` that the translated request needs."""
        return self._ctx.betas

    def told(self) -> Json:
        """The whole answer as the client knows it, in its protocol; None before its end."""
        made = self._made
        if made is None or made.told.response is None:
            return None
        return self._client.encode_response(made.told.response, self._ctx)

    @property
    def states(self) -> list[str]:
        """The upstream's bare state that a client of its own protocol got."""
        return self._made.states if self._made else []

    @property
    def notes(self) -> list[Note]:
        return list(self._ctx.notes)


def _parse(body: bytes) -> Json:
    try:
        return loads(body)
    except ValueError as error:
        raise TransformError("", f"the body is not JSON: {error}") from None
