"""WebSockets of apps: those the bridge serves, and those that pass and are looked at.

In: the request for one and what became of it, then each message. Out: what serves it, or the calls
over it, told like those over HTTP. Hard part: what a message holds is shown as it was sent while
the connection lasts, so credentials and text are taken out of it when it ends.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_hex
from weakref import WeakKeyDictionary

from mitmproxy import http
from mitmproxy.connection import Client

from ..call import Call
from ..credentials import Credentials, credentials_in, hide, without
from ..handshake import SWITCHING, Handshake
from ..mask import mask
from ..outgoing import Outgoing
from ..passed_socket import Over, PassedSocket, refuses
from ..routing import is_failure
from ..steps import Reply
from ..transform.json_text import loads
from ..watched import Watched
from ..websocket import Socket
from .redact import masked
from .runtime import Runtime

SERVED = "served by the bridge"


@dataclass
class _Open:
    """One that lasts; `way` says who answers on it, `routed` that it is not the app's own host."""

    way: str
    routed: bool = True
    handshake: Handshake | None = None
    passed: PassedSocket | None = None
    served: tuple[Socket, http.Request] | None = None
    credentials: set[Credentials] = field(default_factory=set)


class Sockets:
    """Those that are open. What is kept of each is gone with it."""

    def __init__(
        self,
        runtime: Callable[[], Runtime | None],
        clock: Callable[[], float],
        hang_up: Callable[[Client], None],
    ) -> None:
        self._runtime, self._clock, self._hang_up = runtime, clock, hang_up
        self._open: WeakKeyDictionary[http.HTTPFlow, _Open] = WeakKeyDictionary()

    def asked(
        self, flow: http.HTTPFlow, call: Call, answer: Reply | Outgoing | Handshake | None
    ) -> None:
        """An app asks for one with `call`; `answer` None: its own host is to answer."""
        known = {call.credentials + call.keys}
        if isinstance(answer, Reply):
            if answer.status == SWITCHING:
                made = Socket(lambda: f"resp_{token_hex(24)}")
                served = made, flow.request.copy()
                self._open[flow] = _Open(SERVED, served=served, credentials=known)
            return
        handshake = answer if isinstance(answer, Handshake) else None
        sent = answer.sent if isinstance(answer, Handshake) else answer
        upstream = sent.upstream if sent else None

        def watch(told: Call, now: float) -> Watched:
            runtime = self._runtime()
            return runtime.watch(told, upstream, now) if runtime else Watched(told, now)

        way = upstream.name if upstream else call.host
        passed = PassedSocket(call, watch)
        self._open[flow] = _Open(way, upstream is not None, handshake, passed, credentials=known)

    def served(self, flow: http.HTTPFlow) -> tuple[Socket, http.Request] | None:
        """What is to answer on it, and the app's request for it."""
        known = self._open.get(flow)
        return known.served if known else None

    def handshake(self, flow: http.HTTPFlow) -> Handshake | None:
        """With the upstream that it is to be passed to."""
        known = self._open.get(flow)
        return known.handshake if known else None

    def answered(self, flow: http.HTTPFlow) -> bool:
        """Whether it was refused, by the upstream that it was to be passed to."""
        known = self._open.get(flow)
        if known is None or flow.websocket:
            return False
        del self._open[flow]
        if known.handshake:
            flow.comment = f"WebSocket: none at {known.way}: {known.handshake.problem}"
        return known.routed

    def broke(self, flow: http.HTTPFlow) -> None:
        """It will never be open."""
        known = self._open.pop(flow, None)
        if known and known.handshake:
            known.handshake.broke(self._clock())

    def message(self, flow: http.HTTPFlow) -> None:
        """The last of the flow's messages has come."""
        known = self._open.get(flow)
        if known is None or flow.websocket is None:
            return
        message, now = flow.websocket.messages[-1], self._clock()
        if message.from_client:
            known.credentials.add(_credentials(message.content))
        if known.passed is None:
            return
        if message.from_client:
            message.content, begun = known.passed.sent(message.content, now)
            if begun and (runtime := self._runtime()):
                trace = begun.watched.trace
                runtime.began(f"{flow.id}.{begun.number}", trace)
                if known.handshake:
                    runtime.begin(known.handshake.target, now, model=trace.asked)
            return
        over = known.passed.came(message.content, now)
        if known.handshake and refuses(message.content):
            message.content = without(message.content, known.handshake.sent.keys)
        if over:
            self._over(flow, known.handshake, over)
            if self._is_left(known, known.passed, over):
                message.drop()
                self._hang_up(flow.client_conn)

    def _is_left(self, known: _Open, passed: PassedSocket, over: Over) -> bool:
        """Whether another upstream can take the call that has failed: if the app asks again, which
        it does when a connection is lost, and not when it is told of a limit.
        """
        runtime, trace = self._runtime(), over.passing.watched.trace
        failure, handshake = trace.translator.failure, known.handshake
        if not (runtime and handshake and failure and passed.is_idle):
            return False
        if trace.timing.first_content is not None:
            return False
        fails = is_failure(failure, handshake.target, runtime.config.failover)
        return fails and runtime.leaves(handshake.target, passed.opening, self._clock())

    def _over(self, flow: http.HTTPFlow, handshake: Handshake | None, over: Over) -> None:
        """The next one goes by what became of it, as after calls over HTTP."""
        runtime, (number, watched, started) = self._runtime(), over.passing
        if runtime is None:
            return
        trace, now = watched.trace, self._clock()
        record = trace.metadata()
        runtime.ended(f"{flow.id}.{number}", masked(record) if runtime.config.mask else record)
        if handshake:
            target, model = handshake.target, trace.asked
            runtime.record(target, over.outcome, now, started=started, model=model)

    def ended(self, flow: http.HTTPFlow) -> None:
        known, runtime = self._open.pop(flow, None), self._runtime()
        if known is None or flow.websocket is None:
            return
        by_app = bool(flow.websocket.closed_by_client)
        flow.comment = f"WebSocket: {known.way}"
        if known.passed:
            flow.comment += f", {known.passed.calls} calls"
            for over in known.passed.closed(self._clock(), by_app=by_app):
                self._over(flow, known.handshake, over)
        hidden = {each for credentials in known.credentials for each in credentials}
        masks = runtime is not None and runtime.config.mask
        for message in flow.websocket.messages if hidden or masks else ():
            text = hide(message.content.decode("utf-8", "replace"), tuple(hidden))
            message.content = (mask(text) if masks else text).encode("utf-8", "surrogatepass")


def _credentials(message: bytes) -> Credentials:
    try:
        return credentials_in(loads(message))
    except ValueError:
        return ()
