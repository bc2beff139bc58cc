"""A call that is only looked at: one that no route takes, or one over a WebSocket that passes.

But for what its host would refuse, and could not read: state of another upstream's that the app
still carries. Where that is an upstream it gets the call as that upstream takes it.
"""

from .call import Call
from .ledger import Ledger
from .steps import Reply
from .trace import Trace
from .transform import Translator
from .transform.headers import Headers
from .upstream import Upstream


class Watched:
    """What passes is told to it; `body` is what is to be sent, the app's own as a rule.

    `upstream` None: the app's own host.
    """

    def __init__(
        self,
        call: Call,
        now: float,
        *,
        key: bytes = b"",
        ledger: Ledger | None = None,
        upstream: Upstream | None = None,
    ) -> None:
        moment = ledger.at(now) if ledger else None
        translator = Translator(
            call.protocol,
            call.protocol,
            upstream.model_for(call.model) if upstream else None,
            upstream.profile if upstream else None,
            exact=upstream is None,
            upstream_id=upstream.name if upstream else "",
            own_host=upstream is None or call.addresses(upstream),
            key=key,
            ledger=moment,
            now=now,
        )
        self.body = call.body if call.fault else translator.request(call.body, call.parsed)
        self.trace = Trace.of(call, translator, now)
        self.trace.upstream = upstream
        self.trace.begin(upstream.name if upstream else call.host, now)
        if self.body is not call.body:
            self.trace.bodies.upstream_request.add(self.body)

    def answered(self, status: int, headers: Headers, now: float) -> bool:
        """The headers came. Whether the body is to be looked at piece by piece."""
        self.trace.timing.first_byte = now - self.trace.started
        self.trace.attempts[-1].status = status
        types = [value.lower() for name, value in headers if name.lower() == "content-type"]
        return 200 <= status < 300 and any("event-stream" in value for value in types)

    def take(self, data: bytes, now: float) -> None:
        """More of a stream, b"" for its end."""
        trace, translator = self.trace, self.trace.translator
        translator.stream(data)
        trace.bodies.upstream_response.add(data)
        trace.tick(now)
        if trace.timing.first_content is None and translator.phase not in ("waiting", "failed"):
            trace.timing.first_content = now - trace.started
        if not data:
            self._end(now)

    def whole(self, answer: Reply, now: float) -> None:
        self.trace.bodies.upstream_response.add(answer.body)
        if answer.status >= 300:
            self.trace.translator.error(answer.status, answer.body)
        else:
            self.trace.translator.response(answer.body)
        self._end(now)

    def broke(self, reason: str, now: float, *, cancelled: bool) -> None:
        """The connection is gone: the app hung up (`cancelled`), or its host did."""
        if not self.trace.over:
            begun = self.trace.timing.first_byte is not None
            outcome = "cancelled" if cancelled else "cut" if begun else "unreachable"
            self.trace.close(outcome, now, reason)
            self.trace.finish(now)

    def _end(self, now: float) -> None:
        failure = self.trace.translator.failure
        self.trace.close("error" if failure else "ok", now, failure.message if failure else "")
        self.trace.finish(now)
