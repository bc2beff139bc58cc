"""One LLM call, from the app's request to the last byte of its answer, without any I/O.

In: the call as the app sent it, then what became of each attempt. Out: the request for the next
upstream, and steps that say what the app gets. Hard part: until the first content nothing goes to
the app, so that another upstream can still take the call; from there on there is only this one, and
a failure is told in the app's own dialect. Whoever drives it owns the sockets and the clock; `now`
is seconds since the epoch.
"""

import logging
from dataclasses import replace
from math import inf
from typing import Protocol as Interface

from .attempt import EVENT_STREAM, JSON, Attempt, Failed
from .call import Call
from .config import Failover
from .credentials import hide, without
from .ending import after, best, marked
from .errand import ABSENT
from .health import Answered, Cancelled, ConnectionFailed, Outcome
from .ledger import Ledger
from .outgoing import Outgoing, outgoing
from .repairs import Fit, Repairs
from .requests import Requests
from .routing import Choice, Router, Target, is_failure
from .steps import AGAIN, WAIT, Done, Reply, Say, Step
from .store import Store
from .trace import Trace
from .transform import Error, TransformError, Translator, encode_refusal
from .transform.errors import decode_error
from .transform.headers import (
    Headers,
    retry_after,
)
from .transform.json_text import loads

logger = logging.getLogger(__name__)

MAX_ROUNDS = 5  # of an upstream that pauses to be continued
# Seconds of reasoning, or of a call in progress, after which the app gets it: no more failover.
PROVISIONAL = 10.0
FRAMED = ("content-type", "content-length")
ACTIONABLE = ("committed", "finished")  # phases in which there is content


class Circuit(Interface):
    """Is told of each attempt at a target, when it begins and what became of it.

    It may go by a newer configuration than the call.
    """

    def begin(self, target: Target, now: float, *, model: str) -> None: ...

    def record(
        self,
        target: Target,
        outcome: Outcome,
        now: float,
        *,
        started: float,
        model: str,
        conversation: str,
    ) -> None: ...


class Exchange:
    """The life of one call.

    `circuit` is told of each attempt at an upstream. `key` seals opaque state, `ledger`
    keeps it for apps that drop it, `store` the answers that apps may name later, `repairs` what
    upstreams turned out to refuse. `resends` False: there is one
    attempt and no more, for a driver that cannot try another upstream. `notes_header`: the app is
    told the codes of what was lost, as far as they are known with the headers. `remembers` False:
    for a call that no app made, later calls know nothing of its answer.
    """

    def __init__(
        self,
        call: Call,
        choice: Choice,
        router: Router,
        failover: Failover,
        circuit: Circuit,
        *,
        key: bytes,
        strict: bool = False,
        notes_header: bool = False,
        ledger: Ledger | None = None,
        store: Store | None = None,
        repairs: Repairs | None = None,
        resends: bool = True,
        remembers: bool = True,
        now: float,
    ) -> None:
        self.call, self.route = call, choice.route
        self._router, self._failover, self._circuit = router, failover, circuit
        self._repairs = repairs or Repairs()
        self._resends, self._notes_header = resends, notes_header
        self._requests = Requests(
            call,
            key=key,
            ledger=ledger,
            store=store,
            strict=strict if choice.route.strict is None else choice.route.strict,
            remembers=remembers,
        )
        idle = Translator(call.protocol, call.protocol, now=now)
        self.trace = Trace.of(call, idle, now, route=choice.route.name)
        self.failed: list[Failed] = []
        self.ending: Step | None = None  # what the app gets where no attempt is left
        self._tried: list[Target] = []
        self._refused: TransformError | None = None
        self._attempt: Attempt | None = None
        self._cure: Fit | None = None  # by which the attempt that failed is to be made again
        self._rounds = 0
        self._held: list[bytes] = []
        self._begun = False  # the app has the head of a stream
        self._committed = False  # and some of this answer: no other upstream may go on with it
        self._spoken = now  # when it last got something

    @property
    def translator(self) -> Translator:
        return self.trace.translator

    # --- the request

    def next_target(self, now: float) -> Target | None:
        """Who is to be asked next; None when everybody was, or it has been tried long enough.

        TransformError for a call that is malformed.
        """
        if self.call.fault is not None:
            raise self.call.fault
        if self.translator.paused or self._cure:
            return self._under_way.target
        limit = self._failover.max_attempts if self._resends else 1
        late = now - self.trace.started > self._failover.max_time
        if len(self._tried) >= limit or (self._tried and late):
            return None
        facts = {"model": self.call.model, "conversation": self._conversation}
        return self._router.pick(self.route, self._tried, now, **facts)

    def next_attempt(self, target: Target, now: float) -> Outgoing | None:
        """The request for `target`; None when it cannot be said in its protocol.

        TransformError for a call that is malformed.
        """
        if self.translator.paused:
            return self._begin(target, self.translator.continuation(), self._under_way.fit, now)
        upstream = target.upstream
        if target not in self._tried:
            self._tried.append(target)
        fit, self._cure = self._cure or self._repairs.fit(upstream, self.call), None
        self._held, self._rounds = [], 0
        self.trace.upstream = upstream
        self.trace.translator = self._requests.translator(upstream, fit, now)
        try:
            body = self._requests.body(self.translator, target, now)
        except TransformError as error:
            self.trace.begin(target.label, now)
            self.trace.close("refused", now, str(error))
            if not error.code:
                raise
            self._refused = self._refused or error
            return None
        return self._begin(target, body, fit, now)

    def _begin(self, target: Target, body: bytes, fit: Fit, now: float) -> Outgoing:
        self._rounds += 1
        self.translator.continues = self._resends and self._rounds < MAX_ROUNDS
        self.trace.begin(target.label, now)
        if body is not self.call.body:
            self.trace.bodies.upstream_request.add(body)
        translator = self.translator
        errand = self._requests.errand
        path = errand.path if errand and errand.path else translator.path
        sent = outgoing(self.call, target, path, body, translator.betas)
        self._attempt = Attempt(target, sent, fit, now, now)
        self._circuit.begin(target, now, model=self.call.model)
        return sent

    def busy(self, target: Target, now: float) -> None:
        """`target` has as many requests under way as it may, and none ended in time."""
        self._tried.append(target)
        self.trace.begin(target.label, now)
        message = f"bridge: {target.label} has as many requests under way as it may have"
        self.trace.close("busy", now, message)
        error = Error("overloaded", message, 529)
        self.failed.append(Failed(target.label, None, error, 0, [], b"", None))

    # --- the answer

    def answered(self, status: int, headers: Headers, now: float) -> bool:
        """The headers of an answer came. Whether its body is to be taken piece by piece.

        A JSON body for a stream is better taken whole: an error in it can still get its status.
        """
        attempt = self._under_way
        attempt.status, attempt.headers, attempt.heard = status, headers, now
        self.trace.attempts[-1].status = status
        self.trace.timing.first_byte = now - self.trace.started
        streams = 200 <= status < 300 and self._requests.streams and not attempt.is_json
        if streams and not self._resends:
            self._begun = self._committed = True
        return streams

    def take(self, data: bytes, now: float) -> Step:
        """More of an answer that is taken piece by piece, b"" for its end."""
        attempt, translator = self._under_way, self.translator
        heard = translator.heard
        out = self._told_to_app(translator.stream(data))
        self._requests.hear(out)
        self.trace.bodies.upstream_response.add(data)
        if translator.heard != heard:
            attempt.heard = now
            if attempt.began is None and translator.begun:
                attempt.began = now
        if translator.phase == "finished":
            self._remember(now)
        if self.trace.timing.first_content is None and translator.phase in ACTIONABLE:
            self.trace.timing.first_content = now - self.trace.started
        hold_or_go_on = self._go_on if self._committed else self._hold
        step = hold_or_go_on(out, now, end=not data)
        self.trace.tick(now)
        return step

    def _hold(self, out: list[bytes], now: float, *, end: bool) -> Step:
        attempt, translator = self._under_way, self.translator
        if translator.failure is not None:
            return self._fail(translator.failure, now)
        self._held += out
        long = attempt.began is not None and now - attempt.began > PROVISIONAL
        if translator.phase == "waiting" and not long:
            if end and translator.paused:
                self._end_attempt("ok", now)
                return AGAIN
            return WAIT
        self._begun = self._committed = True
        out, self._held = self._held, []
        return self._go_on(out, now, end=end)

    def _go_on(self, out: list[bytes], now: float, *, end: bool) -> Step:
        """The app gets `out`; from its first content on there is no way back."""
        translator = self.translator
        failure, paused = translator.failure, translator.paused
        if failure is not None:
            self._end_attempt("cut", now, failure)
        elif end:
            self._end_attempt("ok", now)
        over = failure is not None or (end and not paused)
        return self._say(out, now, over=over, again=end and paused)

    def _say(
        self, out: list[bytes], now: float, *, over: bool = False, again: bool = False
    ) -> Step:
        self._spoken = now
        for piece in out:
            self.trace.bodies.client_response.add(piece)
        if over:
            self.trace.finish(now)
        return Say(out, over, again)

    def received(self, now: float) -> None:
        """More came of a body that is taken whole."""
        self._under_way.heard = now

    def whole(self, body: bytes, now: float) -> Step:
        """An answer came whole."""
        attempt, translator = self._under_way, self.translator
        if attempt.status >= 300:
            body = without(body, attempt.sent.keys)
        self.trace.bodies.upstream_response.add(body)
        if attempt.status >= 300:
            error = decode_error(attempt.status, body)
            request_id = error.request_id or attempt.request_id
            status, out = translator.error(attempt.status, body, request_id)
        else:
            told = self._told(body)
            if isinstance(told, Error):
                return self._fail(told, now, body=body)
            [out] = self._told_to_app([told])
            status = translator.status if translator.failure else attempt.status
        self._requests.hear([out])
        kind = EVENT_STREAM if self._requests.wants_stream and not translator.failure else JSON
        headers = attempt.headers if out is body else self._reply_headers(kind, now)
        reply = Reply(status, headers, out)
        if translator.failure is not None:
            return self._fail(translator.failure, now, reply, body)
        self._end_attempt("ok", now)
        if translator.paused:
            return AGAIN
        self._remember(now)
        if self._begun:  # early, so there are a head and silence
            return self._say([out], now, over=True)
        return self._reply(reply, now)

    def _told_to_app(self, pieces: list[bytes]) -> list[bytes]:
        """A refusal may repeat the key, which is nobody else's to know; what answers may not."""
        if self.translator.failure is None:
            return pieces
        keys = self._under_way.sent.keys
        self.trace.credentials = (*self.trace.credentials, *keys)
        return [without(piece, keys) for piece in pieces]

    def _told(self, body: bytes) -> bytes | Error:
        """What the app gets of a whole answer."""
        requests, translator = self._requests, self.translator
        if requests.errand is None:
            return translator.response(body, as_stream=requests.wants_stream)
        out = translator.response(requests.errand.read(body), anew=requests.errand.made is not None)
        if translator.failure is not None or translator.paused:
            return out
        told = requests.errand.told(out, translator.finish_reason)
        if isinstance(told, Error) or not requests.wants_stream:
            return told
        client = self.call.protocol
        return Translator(client, client).response(told, as_stream=True)

    def lost(self, reason: str, now: float, *, outcome: str = "") -> Step:
        """The upstream cannot be reached, its connection is gone, or it was silent too long."""
        error = self._under_way.broken(reason, outcome)
        if not self._committed:
            return self._fail(error, now, connection=reason)
        # What has come may be the whole answer, whose last words are the decoder's to judge.
        out = [] if outcome else self.translator.stream(b"")
        self._requests.hear(out)
        if self.translator.phase == "finished":
            self._remember(now)
        return self._go_on(out or self.translator.break_off(error), now, end=True)

    def _fail(
        self,
        error: Error,
        now: float,
        reply: Reply | None = None,
        body: bytes = b"",
        *,
        connection: str = "",
    ) -> Step:
        """The attempt ended in an error, before the app got anything of its answer."""
        error = replace(error, message=hide(error.message, self._under_way.sent.keys))
        if self._committed:  # to an earlier round of this answer
            return self._go_on([reply.body] if reply else [], now, end=True)
        attempt = self._under_way
        outcome = ("cut" if attempt.status else "unreachable") if connection else "error"
        outcome = "timeout" if error.kind == "timeout" and connection else outcome
        silent = connection if not attempt.status or outcome == "timeout" else ""
        self._end_attempt(outcome, now, error, connection=silent)
        if reply is None and attempt.status:
            status, told = encode_refusal(self.call.protocol, error)
            reply = Reply(status, self._reply_headers(JSON, now), told)
        if not connection:
            self._cure = self._cured(error)
        if not (connection or self._cure or is_failure(error, attempt.target, self._failover)):
            return self._end_with(error, reply, now)
        body = body or self.trace.bodies.upstream_response.content()
        body = without(body, attempt.sent.keys)
        label = attempt.target.label
        sent = attempt.sent, error, attempt.status, attempt.headers, body, reply
        self.failed.append(Failed(label, *sent))
        return AGAIN

    def _cured(self, error: Error) -> Fit | None:
        """How the same upstream may take the request after all."""
        attempt, upstream = self._under_way, self._under_way.target.upstream
        if not self._resends:
            return None
        if attempt.status in ABSENT and self._requests.lacks_endpoint(upstream):
            return attempt.fit
        body = loads(attempt.sent.body)
        return self._repairs.cured(attempt.fit, error, upstream, self.call, body)

    def _end_attempt(
        self, outcome: str, now: float, error: Error | None = None, *, connection: str = ""
    ) -> None:
        """Tell the trace, the router and the ledger."""
        attempt = self._under_way
        self.trace.close(outcome, now, error.message if error else "")
        if connection:
            self._tell(ConnectionFailed(connection), now)
        elif error is not None:
            status = attempt.status if attempt.status >= 300 else error.status
            self._tell(Answered(status, retry_after(attempt.headers, now), error.kind), now)
        else:
            self._tell(Answered(attempt.status), now)
            if attempt.fit.repairs:
                self._repairs.learn(attempt.fit, attempt.target.upstream, self.call)

    def _remember(self, now: float) -> None:
        owner = self._under_way.fit.owner(self._under_way.target.upstream)
        try:
            self._requests.remember(self.translator, owner, now)
        except (
            Exception
        ):  # the one net: what later calls may want must not cost this one its answer
            logger.warning("bridge: an answer could not be kept for later calls", exc_info=True)

    def _tell(self, outcome: Outcome, now: float) -> None:
        attempt = self._under_way
        self._circuit.record(
            attempt.target,
            outcome,
            now,
            started=attempt.started,
            model=self.call.model,
            conversation=self._conversation,
        )

    @property
    def _conversation(self) -> str:
        """Only where the route wants to know: it takes reading the request."""
        return self.call.conversation if self.route.sticky else ""

    # --- the end

    def refuse(self, error: TransformError | Error, now: float) -> Step:
        """The bridge's own answer to the app: its call cannot be sent to anybody."""
        status, body = encode_refusal(self.call.protocol, error)
        self.ending = self._reply(Reply(status, [("content-type", JSON)], body), now)
        return self.ending

    def exhausted(self, now: float) -> Step:
        """Nobody is left to ask: the most useful of what the attempts were answered."""
        if not self.failed:
            assert self._refused is not None  # every upstream was picked once
            return self.refuse(self._refused, now)
        told = best(self.failed)
        self.ending = self._end_with(told.error, told.reply, now)
        return self.ending

    def _end_with(self, error: Error, reply: Reply | None, now: float) -> Step:
        """`reply`: the error as its upstream's answer reads for the app, if there was one."""
        tries = self.trace.attempts
        error = after(error, tries)
        if self._begun:
            dialect = Translator(self.call.protocol, self.call.protocol, now=now)
            return self._say(dialect.break_off(error), now, over=True)
        if reply is None or len(tries) > 1:
            status, body = encode_refusal(self.call.protocol, error)
            headers = reply.headers if reply else []
            kept = [(n, v) for n, v in headers if n.lower() not in FRAMED]
            reply = Reply(status, [("content-type", JSON), *kept], body)
        recovery = self._router.recovery(self.route, now)
        headers = marked(reply.headers, error, len(tries), recovery)
        return self._reply(replace(reply, headers=headers), now)

    def _reply(self, reply: Reply, now: float) -> Step:
        if (noted := self._noted(reply.headers)) is not reply.headers:
            reply = replace(reply, headers=noted)
        self.trace.bodies.client_response.add(reply.body)
        self.trace.finish(now)
        return Done(reply)

    def broke(self, reason: str, now: float, *, cancelled: bool) -> None:
        """There will be no end: the app hung up (`cancelled`), or the call was killed."""
        if self.trace.over:
            return
        if self._attempt is not None and self.trace.attempts[-1].outcome == "pending":
            if self.translator.phase == "finished":  # all it wanted; it need not wait for more
                self._end_attempt("ok", now)
            else:
                self.trace.close("cancelled" if cancelled else "cut", now, reason)
                self._tell(Cancelled(), now)
        self.trace.finish(now)

    def head(self, now: float) -> Reply:
        """What stands in front of a stream: status and headers."""
        return Reply(200, self._noted(self._reply_headers(EVENT_STREAM, now)))

    def _noted(self, headers: Headers) -> Headers:
        codes = ",".join(self.trace.codes) if self._notes_header else ""
        return [*headers, ("x-bridge-notes", codes)] if codes else headers

    def _reply_headers(self, content_type: str, now: float) -> Headers:
        """The upstream's headers for the app, with an answer that is framed anew."""
        return self._under_way.headers_for(self.call.protocol, content_type, now)

    @property
    def _under_way(self) -> Attempt:
        assert self._attempt is not None
        return self._attempt

    # --- time

    def wake_at(self) -> float:
        """When to call `wake`, if nothing happens until then; infinity: never."""
        if self.trace.over or self._attempt is None:
            return inf
        early = self._failover.early_stream
        times = [self._deadline()]
        if self._begun:
            times.append(self._spoken + self._failover.ping_interval)
        elif early and self._requests.wants_stream:
            times.append(self.trace.started + early)
        return min(times)

    def _deadline(self) -> float:
        """When the attempt has been silent for too long."""
        attempt, failover = self._under_way, self._failover
        if not self._requests.streams and not attempt.status:
            return attempt.started + failover.whole_timeout
        waits = self._requests.wants_stream and not self._committed
        return attempt.heard + (failover.first_byte_timeout if waits else failover.idle_timeout)

    def wake(self, now: float) -> Step:
        """Time has passed."""
        if self.trace.over or self._attempt is None:
            return WAIT
        if now >= self._deadline():
            silent = now - self._attempt.heard
            return self.lost(f"no data for {silent:.0f} s", now, outcome="timeout")
        early = self._failover.early_stream
        begins = early and self._requests.wants_stream and now >= self.trace.started + early
        if not self._begun and begins:
            self._begun = True
            return self._say(self.translator.ping(), now)
        if self._begun and now >= self._spoken + self._failover.ping_interval:
            return self._say(self.translator.ping(), now)
        return WAIT
