"""One LLM call, from the app's request to the last byte of its answer, without any I/O.

In: the call as the app sent it, then what became of each attempt. Out: the request for the next
upstream, the app's answer, and the record that ends up on the flow. Whoever drives it (the hooks in
addon.py) owns the sockets and the clock; `now` is seconds since the epoch.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from .health import Answered, Cancelled, ConnectionFailed, Outcome
from .ledger import Ledger
from .routing import Choice, Facts, Router
from .transform import (
    CODES,
    Error,
    Protocol,
    TransformError,
    Translator,
    encode_refusal,
    traits,
)
from .transform.headers import (
    CREDENTIALS,
    Headers,
    other_host_headers,
    own_host_headers,
    response_headers,
    same_protocol_response_headers,
)
from .transform.json_text import Json, loads
from .upstream import Auth, Upstream

# Bytes of each of the four bodies that are kept for display.
KEPT_BYTES = 1024 * 1024
BYTES_PER_TOKEN = 3.5  # for the estimate that `tokens_over` goes by

AUTH_HEADERS: dict[Auth, tuple[str, str]] = {
    "bearer": ("authorization", "Bearer "),
    "x-api-key": ("x-api-key", ""),
    "api-key": ("api-key", ""),
}


@dataclass(frozen=True, slots=True)
class Call:
    """An app's request; `body` is decoded from its content encoding, header names are as sent."""

    protocol: Protocol
    scheme: str
    host: str
    port: int
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request for an upstream."""

    upstream: Upstream
    path: str
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What the app gets: for an upstream's answer, or instead of one."""

    status: int
    headers: Headers
    body: bytes


@dataclass(slots=True)
class Attempt:
    """One try at one upstream. `status` 0: none came."""

    upstream: str
    started: float
    outcome: str = "pending"  # then ok, error, unreachable, cut or cancelled
    status: int = 0
    reason: str = ""
    duration: float = 0.0


@dataclass(slots=True)
class Timing:
    """Seconds since the call came in; None: not yet, or never."""

    first_byte: float | None = None
    first_content: float | None = None
    last: float | None = None


class Kept:
    """The first KEPT_BYTES of a body."""

    __slots__ = ("_pieces", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def add(self, data: bytes) -> None:
        if self.size < KEPT_BYTES:
            self._pieces.append(data[: KEPT_BYTES - self.size])
        self.size += len(data)

    def text(self) -> str:
        left_out = self.size - KEPT_BYTES
        text = b"".join(self._pieces).decode("utf-8", "replace")
        return f"{text}\n[{left_out} bytes more]" if left_out > 0 else text


class Exchange:
    """The life of one call.

    `record` is told what became of each attempt at an upstream. `key` seals opaque state, `ledger`
    keeps it for apps that drop it.
    """

    def __init__(
        self,
        call: Call,
        router: Router,
        record: Callable[[Upstream, Outcome, float], None],
        *,
        key: bytes,
        strict: bool,
        ledger: Ledger | None = None,
        now: float,
    ) -> None:
        self.call = call
        self.started = now
        self._record, self._key, self._strict = record, key, strict
        self._ledger = ledger
        self._parsed, self._fault = _parse(call.body)
        self.asked = _string(self._parsed, "model")
        self.wants_stream = isinstance(self._parsed, dict) and self._parsed.get("stream") is True
        self.choice: Choice | None = router.candidates(self._facts(router.asks), now)
        self.attempts: list[Attempt] = []
        self.timing = Timing()
        self.upstream: Upstream | None = None
        self.translator = Translator(call.protocol, call.protocol, exact=True, now=now)
        self.client_request, self.client_response = Kept(), Kept()
        self.upstream_request, self.upstream_response = Kept(), Kept()
        self.client_request.add(call.body)
        if self.choice is None:
            self.attempts.append(Attempt(call.host, 0.0))

    def _facts(self, asks: frozenset[str]) -> Facts:
        call = self.call
        deep = asks & {"thinking", "has"}
        found = traits(call.protocol, self._parsed) if deep else None
        return Facts(
            protocol=call.protocol,
            model=self.asked,
            host=call.host,
            path=call.path,
            headers={name.lower(): value for name, value in call.headers},
            thinking=bool(found and found.thinking),
            tokens=int(len(call.body) / BYTES_PER_TOKEN),
            has=frozenset(name for name in ("images", "tools") if found and getattr(found, name)),
        )

    # --- the request

    @property
    def observed(self) -> bool:
        """No route matched: the call goes to the app's own host as it is, and is only watched."""
        return self.choice is None

    def next_attempt(self, now: float) -> Outgoing:
        """The request for the next upstream; TransformError when it cannot have this call."""
        assert self.choice is not None
        if self._fault is not None:
            raise self._fault
        upstream = self.choice.upstreams[len(self.attempts)]
        self.upstream = upstream
        self.attempts.append(Attempt(upstream.name, now - self.started))
        self.translator = Translator(
            self.call.protocol,
            upstream.protocol,
            upstream.model_for(self.asked),
            upstream.profile,
            upstream_id=upstream.name,
            key=self._key,
            now=now,
            ledger=self._ledger.at(now) if self._ledger else None,
            own_host=self._is_own_host(upstream),
        )
        body = self.translator.request(self.call.body, self._parsed)
        self._refuse_losses()
        if body is not self.call.body:
            self.upstream_request.add(body)
        return Outgoing(upstream, self._path(upstream), self._headers(upstream), body)

    def _refuse_losses(self) -> None:
        for code, where, detail in self.translator.notes if self._strict else ():
            if CODES[code] == "lost":
                raise TransformError(where, f"strict: {detail or 'content would be lost'}", code)

    def _path(self, upstream: Upstream) -> str:
        """The upstream's path; a query belongs to the protocol and stays within it."""
        query = self.call.path.partition("?")[2] if self._same_protocol(upstream) else ""
        path = upstream.path_to(self.translator.path)
        return f"{path}?{query}" if query else path

    def _headers(self, upstream: Upstream) -> Headers:
        """What the upstream gets: its own credential, or the app's where the app addressed it."""
        own = self._is_own_host(upstream)
        keep = own and not upstream.api_keys
        if own and self._same_protocol(upstream):
            headers = own_host_headers(self.call.headers, keep_credentials=keep)
        else:
            headers = other_host_headers(self.call.headers, self.call.protocol, upstream.protocol)
            if keep:
                headers += [(n, v) for n, v in self.call.headers if n.lower() in CREDENTIALS]
        given = {name.lower() for name, _ in headers}
        if upstream.protocol == "anthropic_messages" and "anthropic-version" not in given:
            headers.append(("anthropic-version", upstream.anthropic_version))
        return [*headers, *credential(upstream), *upstream.headers]

    def _is_own_host(self, upstream: Upstream) -> bool:
        """Whether the app itself addressed it."""
        return upstream.same_origin(self.call.scheme, self.call.host, self.call.port)

    def _same_protocol(self, upstream: Upstream) -> bool:
        return upstream.protocol == self.call.protocol

    def refuse(self, error: TransformError | Error, now: float) -> Reply:
        """The bridge's own answer to the app, and the end of the call."""
        status, body = encode_refusal(self.call.protocol, error)
        if self.attempts and not self.over:
            self._close("refused", now, str(error))
        self.timing.last = now - self.started
        self.client_response.add(body)
        return Reply(status, [("content-type", "application/json")], body)

    # --- the answer

    def answered(self, status: int, now: float) -> None:
        """The headers of the upstream's answer came."""
        self.timing.first_byte = now - self.started
        self.attempts[-1].status = status
        if self.upstream is not None:
            self._record(self.upstream, Answered(status), now)

    def will_stream(self, status: int, headers: Headers) -> bool:
        """Whether the answer is handed on while it comes in.

        A JSON body for a stream is better taken whole: an error in it can still get its status.
        """
        types = [value.lower() for name, value in headers if name.lower() == "content-type"]
        if self.observed and any("event-stream" in value for value in types):
            return True  # whatever it is, the app gets it as it comes
        is_json = any("json" in value for value in types)
        return 200 <= status < 300 and self.wants_stream and not is_json

    def whole(self, status: int, headers: Headers, body: bytes, now: float) -> Reply:
        """The answer came whole; what the app gets for it."""
        self.upstream_response.add(body)
        if status >= 300:
            status, out = self.translator.error(status, body, _request_id(headers))
        else:
            out = self.translator.response(body, as_stream=self.wants_stream)
            status = self.translator.status if self.translator.failure else status
        failure = self.translator.failure
        self._close("error" if failure else "ok", now, failure.message if failure else "")
        if out is body:
            return Reply(status, headers, out)
        self.client_response.add(out)
        kind = "text/event-stream" if self.wants_stream and not failure else "application/json"
        return Reply(status, self.reply_headers(headers, kind, now), out)

    def reply_headers(self, headers: Headers, content_type: str, now: float) -> Headers:
        """The upstream's headers for the app, with an answer that is framed anew."""
        if self.upstream is None or self._same_protocol(self.upstream):
            kept = same_protocol_response_headers(headers)
        else:
            by_name = {name.lower(): value for name, value in headers}
            kept = response_headers(by_name, self.call.protocol, self.upstream.protocol, now)
        kept = [(name, value) for name, value in kept if name.lower() != "content-type"]
        return [("content-type", content_type), *kept, *STREAM_HEADERS.get(content_type, ())]

    def stream(self, data: bytes, now: float) -> list[bytes]:
        """More of a streamed answer, b"" for its end; the app's bytes."""
        translator = self.translator
        waiting = translator.phase == "waiting"
        out = translator.stream(data)
        if waiting and translator.phase != "waiting":
            self.timing.first_content = now - self.started
        self.upstream_response.add(data)
        for piece in out:
            self.client_response.add(piece)
        if not data:
            failure = translator.failure
            self._close("cut" if failure else "ok", now, failure.message if failure else "")
        return out

    def break_off(self, reason: str, now: float) -> list[bytes]:
        """The answer cannot be carried on: what tells the app so."""
        out = self.translator.break_off(Error("server", reason, 502))
        self._close("cut", now, reason)
        return out

    def unanswered(self, reason: str, now: float) -> Reply:
        """What the app gets when the upstream's answer did not come, or not to its end."""
        assert self.upstream is not None
        self.broke(reason, now, cancelled=False)
        message = f"bridge: {self.upstream.name} did not answer: {reason}"
        return self.refuse(Error("server", message, 502, code="upstream_unreachable"), now)

    def broke(self, reason: str, now: float, *, cancelled: bool) -> None:
        """The connection is gone: the app hung up (`cancelled`), or the upstream did."""
        if not self.attempts or self.over:
            return
        started = self.timing.first_byte is not None
        self._close("cancelled" if cancelled else "cut" if started else "unreachable", now, reason)
        if self.upstream is not None and not started:
            outcome = Cancelled() if cancelled else ConnectionFailed(reason)
            self._record(self.upstream, outcome, now)

    def _close(self, outcome: str, now: float, reason: str = "") -> None:
        attempt = self.attempts[-1]
        attempt.outcome, attempt.reason = outcome, reason
        self.timing.last = now - self.started
        attempt.duration = self.timing.last - attempt.started
        if outcome == "ok" and self._ledger is not None and self.upstream is not None:
            made = self.translator.turn, self.translator.states
            self._ledger.record(*made, self.upstream.name, now)

    # --- what is left of it

    @property
    def over(self) -> bool:
        """Whether the app has all it will get."""
        return self.timing.last is not None

    def metadata(self) -> dict[str, Any]:
        """Plain data for the flow; it holds bodies, but no header and so no credential."""
        translator, usage = self.translator, self.translator.usage
        used = self.upstream.model_for(self.asked) if self.upstream else None
        return {
            "client": self.call.protocol,
            "upstream": self.upstream.protocol if self.upstream else self.call.protocol,
            "route": self.choice.route.name if self.choice else "",
            "model": {"asked": self.asked, "used": used or self.asked},
            "attempts": [asdict(attempt) for attempt in self.attempts],
            "notes": [note._asdict() for note in translator.notes],
            "usage": _without_none(asdict(usage)) if usage else {},
            "timing": _without_none(asdict(self.timing)),
            "stop": translator.finish_reason or "",
            "bodies": self._bodies(),
        }

    def _bodies(self) -> dict[str, str]:
        """Both sides; where they are the same, the app's request and the upstream's answer only."""
        bodies = {
            "client_request": self.client_request,
            "upstream_request": self.upstream_request,
            "upstream_response": self.upstream_response,
            "client_response": self.client_response,
        }
        texts = {name: kept.text() for name, kept in bodies.items() if kept.size}
        if texts.get("client_response") == texts.get("upstream_response"):
            texts.pop("client_response", None)
        return texts

    def summary(self) -> str:
        """One line for a person: where it went, what came of it, what was lost."""
        last = self.attempts[-1] if self.attempts else None
        line = f"{self.call.protocol}"
        if self.upstream is not None:
            line += f" -> {self.upstream.name} ({self.upstream.protocol})"
        if last is not None and last.outcome not in ("ok", "pending"):
            status = f" {last.status}" if last.status else ""
            line += f" | {last.outcome}{status}: {last.reason[:200]}"
        elif self.translator.finish_reason:
            line += f" | {self.translator.finish_reason}"
        if usage := self.translator.usage:
            line += f" | {usage.input_tokens} in, {usage.output_tokens} out"
        codes = dict.fromkeys(n.code for n in self.translator.notes if n.code != "hint_dropped")
        return f"{line} | {', '.join(codes)}" if codes else line

    def mark(self) -> str:
        """mitmproxy's marker for the flow list; "" for a call with nothing to see."""
        if self.attempts and self.attempts[-1].outcome not in ("ok", "pending"):
            return ":red_circle:"
        lost = any(CODES[note.code] == "lost" for note in self.translator.notes)
        return ":orange_circle:" if lost else ""


STREAM_HEADERS: dict[str, Headers] = {
    "text/event-stream": [("cache-control", "no-cache"), ("x-accel-buffering", "no")]
}


def credential(upstream: Upstream) -> Headers:
    """The upstream's own key as it wants it; none when it has none."""
    if not upstream.api_keys:
        return []
    name, prefix = AUTH_HEADERS[upstream.auth]
    return [(name, prefix + upstream.api_keys[0])]


def _parse(body: bytes) -> tuple[Json, TransformError | None]:
    try:
        return loads(body), None
    except ValueError as error:
        return None, TransformError("", f"the body is not JSON: {error}")


def _string(body: Json, key: str) -> str:
    value = body.get(key) if isinstance(body, dict) else None
    return value if isinstance(value, str) else ""


def _request_id(headers: Headers) -> str | None:
    by_name = {name.lower(): value for name, value in headers}
    return by_name.get("request-id") or by_name.get("x-request-id")


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
