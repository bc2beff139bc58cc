"""The endpoints beside the call itself, answered here or by an upstream that is asked for it.

In: an app's request to one of them, and the route that its calls take. Out: the answer, or one
request to an upstream and, of what that says, the answer. An app whose calls go to its own host as
they are has these endpoints there, and nothing here touches them. Hard part: counting has to give a
number whatever happens, for an app that gets none runs into the end of its model's window.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

from . import endpoints
from .call import Call
from .endpoints import Side
from .estimate import estimate_tokens
from .outgoing import Outgoing, outgoing
from .requests import expanded, spelled_out
from .routing import Choice, Router
from .settings import Sockets
from .steps import WAIT, Done, Reply, Step
from .store import Store
from .transform import Error, Protocol, TransformError, Translator, encode_refusal
from .transform.headers import Headers
from .transform.json_text import Json, dumps, loads
from .upstream import Upstream
from .websocket import accept, upgrade

JSON: Headers = [("content-type", "application/json")]
# Routes are made for calls; the endpoints beside them go where a call of their dialect would.
PATHS: dict[Protocol, str] = {
    "anthropic_messages": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
}


class Aside:
    """One request to an upstream, and `read`, which makes the app's answer of what it says.

    `read` gets None where nothing came in `patience` seconds, or nothing that was an answer.
    """

    def __init__(
        self, sent: Outgoing, read: Callable[[Json], Reply], now: float, patience: float
    ) -> None:
        self.sent = sent
        self.ending: Step | None = None
        self._read, self._deadline, self._status = read, now + patience, 0

    def answered(self, status: int, headers: Headers, now: float) -> bool:
        self._status = status
        return False

    def received(self, now: float) -> None:
        """More of the body came."""

    def take(self, data: bytes, now: float) -> Step:
        return WAIT

    def whole(self, body: bytes, now: float) -> Step:
        try:
            return self._end(loads(body) if self._status == 200 else None)
        except ValueError:
            return self._end(None)

    def lost(self, reason: str, now: float, *, outcome: str = "") -> Step:
        return self._end(None)

    def _end(self, told: Json) -> Step:
        self._deadline = inf
        return Done(self._read(told))

    def wake_at(self) -> float:
        return self._deadline

    def wake(self, now: float) -> Step:
        return self._end(None) if now >= self._deadline else WAIT

    def head(self, now: float) -> Reply:
        return Reply(200, JSON)


@dataclass(frozen=True)
class Desk:
    """What answers are made from. `patience`: seconds that an upstream may take. `sockets`: what
    becomes of WebSockets; `serves`: whoever drives it can answer on one."""

    router: Router
    store: Store | None
    key: bytes
    patience: float
    sockets: Sockets = "auto"
    serves: bool = False

    def choice(self, side: Side, call: Call, now: float) -> Choice | None:
        """The route that calls of this dialect take; None where they go to the app's own host."""
        for protocol in _protocols(side):
            asked = replace(call, protocol=protocol, path=PATHS[protocol])
            choice = self.router.candidates(asked.facts(self.router.asks), now)
            if choice is not None:
                first = choice.upstreams[0]
                own = call.addresses(first) and first.protocol in _protocols(side)
                untouched = own and first.changes_nothing and side.kind != "socket"
                return None if untouched else choice
        return None

    def answer(
        self, side: Side, call: Call, choice: Choice, now: float
    ) -> Reply | Aside | Outgoing | None:
        """None: the app's own host is to answer."""
        try:
            return ANSWERS[side.kind](self, side, call, choice, now)
        except TransformError as error:
            return refused(side, error)

    def known(self, side: Side, call: Call, now: float) -> Reply | Outgoing | None:
        """The answer to what is asked of an answer that is kept here, whatever the routes say.

        A vendor that gave it has to delete it too.
        """
        if self.store is None or not side.id or not self.store.knows(side.id, now):
            return None
        if error := endpoints.refusal(side):
            return refused(side, error)
        if side.kind != "delete":
            return _stored(self.store, side, now)
        giver = self.router.upstreams.get(self.store.giver(side.id, now))
        self.store.delete(side.id)
        if giver is not None and _is_vendor(giver, call):
            return self._passed(side, call, giver, now)
        return _reply(endpoints.deleted(side.id))

    # --- models

    def models(self, side: Side, call: Call, choice: Choice, now: float) -> Reply | Aside | None:
        if endpoints.asks_for_catalogue(side):
            return _reply(endpoints.NO_CATALOGUE)
        if not endpoints.maps_models(choice.route.upstreams):
            return self._listed(call, choice, now, _reply, side.dialect)
        return _reply(endpoints.models(choice.route.upstreams, side.dialect))

    def model(self, side: Side, call: Call, choice: Choice, now: float) -> Reply | Aside | None:
        def told(known: Json) -> Reply:
            return refused(side, endpoints.unknown(side)) if known is None else _reply(known)

        def listed(told_of: Json) -> Reply:
            return told(next((model for model in told_of["data"] if model["id"] == side.id), None))

        if not endpoints.maps_models(choice.route.upstreams):
            return self._listed(call, choice, now, listed, side.dialect)
        return told(endpoints.model(choice.route.upstreams, side.id, side.dialect))

    def _listed(
        self,
        call: Call,
        choice: Choice,
        now: float,
        read: Callable[[Json], Reply],
        dialect: Protocol,
    ) -> Aside:
        """`read` gets the list of the upstream that a call would be sent to."""
        upstream = choice.upstreams[0]
        asked = replace(call, path="")  # the app gets one page, whichever it asks for
        target = self.router.target(upstream, now)
        sent = outgoing(asked, target, endpoints.MODELS[upstream.protocol], b"")

        def translated(told: Json) -> Reply:
            return read(endpoints.models_of(told, upstream.name, dialect))

        return Aside(sent, translated, now, self.patience)

    # --- counting

    def count(self, side: Side, call: Call, choice: Choice, now: float) -> Reply | Aside | None:
        _checked(call)
        upstream = choice.upstreams[0]
        full = self._full(call, now)
        if isinstance(full, TransformError):
            keeper = _keeper(call, choice)
            if keeper is None:
                raise full
            upstream = keeper

        def read(told: Json) -> Reply:
            counted = endpoints.count_of(told)
            if counted is not None:
                return _reply(endpoints.count_answer(side.dialect, counted))
            if isinstance(full, TransformError):
                return refused(side, full)
            guess = estimate_tokens(side.dialect, full)
            return _reply(endpoints.count_answer(side.dialect, guess), [endpoints.ESTIMATED])

        path = endpoints.count_path(upstream.protocol)
        if path is None:
            return read(None)
        translator = self._translator(call, upstream, now)
        asked = spelled_out(call, upstream, self.store, now)
        try:
            told = loads(translator.request(dumps(asked), asked))
        except TransformError as error:
            if not error.code:
                raise
            return read(None)  # it cannot be said there, and has a length all the same
        if upstream.protocol != call.protocol:
            told = endpoints.count_request(upstream.protocol, told)
        target = self.router.target(upstream, now)
        sent = outgoing(call, target, path, dumps(told), translator.betas)
        return Aside(sent, read, now, self.patience)

    def _full(self, call: Call, now: float) -> Json:
        """The request with all that it names; the TransformError where something is not known."""
        try:
            return expanded(call, self.store, now)
        except TransformError as error:
            return error

    def _translator(self, call: Call, upstream: Upstream, now: float) -> Translator:
        return Translator(
            call.protocol,
            upstream.protocol,
            upstream.model_for(call.model),
            upstream.profile,
            upstream_id=upstream.name,
            key=self.key,
            now=now,
            own_host=call.addresses(upstream),
        )

    # --- stored answers

    def unknown(
        self, side: Side, call: Call, choice: Choice, now: float
    ) -> Reply | Outgoing | None:
        """Of an answer that nobody here knows."""
        upstream = _keeper(call, choice)
        if upstream is None:
            return refused(side, endpoints.unknown(side))
        return self._passed(side, call, upstream, now)

    def _passed(self, side: Side, call: Call, upstream: Upstream, now: float) -> Outgoing | None:
        """The app's request, for an upstream that has the endpoint; None: as it is."""
        if call.is_for(upstream) and upstream.changes_nothing:
            return None
        return outgoing(call, self.router.target(upstream, now), endpoints.place(side), call.body)

    def socket(self, side: Side, call: Call, choice: Choice, now: float) -> Reply | Outgoing:
        if (served := self._served(call)) is not None:
            return served
        if self.sockets != "auto":
            return NO_SOCKET
        conversation = call.conversation if choice.route.sticky else ""
        target = self.router.pick(choice.route, (), now, conversation=conversation)
        assert target is not None  # a route has upstreams
        upstream = target.upstream
        if upstream.protocol == side.dialect and upstream.profile.websocket:
            sent = outgoing(call, target, PATHS[side.dialect], b"")
            asked = upgrade(call.headers, own=call.addresses(upstream) and not upstream.api_keys)
            others = [(n, v) for n, v in sent.headers if not n.lower().startswith("sec-websocket-")]
            return replace(sent, headers=[*others, *asked])
        return NO_SOCKET

    def unsettled(self, side: Side, call: Call) -> Reply | None:
        """For a WebSocket whose calls may go different ways, as each of them will say."""
        asked = replace(call, protocol=side.dialect, path=PATHS[side.dialect])
        if side.kind != "socket" or self.router.settles(asked.facts(frozenset())):
            return None
        return self._served(call) or NO_SOCKET

    def _served(self, call: Call) -> Reply | None:
        accepted = accept(call.named) if self.sockets == "serve" and self.serves else []
        return Reply(101, accepted) if accepted else None


def _protocols(side: Side) -> tuple[Protocol, ...]:
    """Lists of models are the same for both of OpenAI's."""
    both = side.kind in ("models", "model") and side.dialect != "anthropic_messages"
    return ("openai_responses", "openai_chat") if both else (side.dialect,)


def _checked(call: Call) -> None:
    if call.fault is not None:
        raise call.fault
    if not isinstance(call.parsed, dict):
        raise TransformError("", "the body must be an object")


def _keeper(call: Call, choice: Choice) -> Upstream | None:
    """Who may know an answer that is not known here: the app's own host, for what that answers is
    not kept here, then a vendor, then whoever keeps answers."""
    speaking = [u for u in choice.upstreams if u.protocol == call.protocol]
    places = (
        next((upstream for upstream in speaking if call.is_for(upstream)), None),
        next((upstream for upstream in speaking if upstream.profile.vendor_fields), None),
        next((upstream for upstream in speaking if upstream.profile.store), None),
    )
    return next(filter(None, places), None)


def _is_vendor(upstream: Upstream, call: Call) -> bool:
    return upstream.protocol == call.protocol and upstream.profile.vendor_fields


def _stored(store: Store, side: Side, now: float) -> Reply:
    if side.kind == "response":
        return _reply(store.response(side.id, now))
    try:
        return _reply(store.input_items(side.id, now, side.query))
    except TransformError as problem:
        return refused(side, problem)


def _reply(body: Json, headers: Headers = []) -> Reply:  # noqa: B006 (it is only read)
    return Reply(200, [*JSON, *headers], dumps(body))


def refused(side: Side, error: Error | TransformError) -> Reply:
    """An error of the bridge's own, in the app's dialect."""
    status, body = encode_refusal(side.dialect, error)
    return Reply(status, JSON, body)


# Apps go on with HTTP then.
NO_SOCKET = refused(Side("socket", "openai_responses"), endpoints.NO_SOCKET)

type _Answer = Callable[[Desk, Side, Call, Choice, float], Reply | Aside | Outgoing | None]

ANSWERS: dict[str, _Answer] = {
    "models": Desk.models,
    "model": Desk.model,
    "count": Desk.count,
    "response": Desk.unknown,
    "input_items": Desk.unknown,
    "delete": Desk.unknown,
    "cancel": Desk.unknown,
    "socket": Desk.socket,
}
