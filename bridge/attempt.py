"""One try of a call at one upstream: what was sent, what came, and how that reads for the app."""

from dataclasses import dataclass, field

from .outgoing import Outgoing
from .repairs import Fit
from .routing import Target
from .steps import Reply
from .transform import Error, Protocol
from .transform.headers import Headers, response_headers, same_protocol_response_headers

EVENT_STREAM, JSON = "text/event-stream", "application/json"
FRAMING: dict[str, Headers] = {
    EVENT_STREAM: [("cache-control", "no-cache"), ("x-accel-buffering", "no")],
    JSON: [],
}


@dataclass(slots=True)
class Attempt:
    """The one under way. Times are seconds since the epoch; `status` 0: nothing came."""

    target: Target
    sent: Outgoing
    fit: Fit
    started: float
    heard: float  # the upstream's last data
    status: int = 0
    headers: Headers = field(default_factory=list)
    began: float | None = None  # the first part of an answer

    @property
    def is_json(self) -> bool:
        """Whether the answer says that it is no stream."""
        types = [value.lower() for name, value in self.headers if name.lower() == "content-type"]
        return any("json" in value for value in types)

    @property
    def request_id(self) -> str | None:
        by_name = {name.lower(): value for name, value in self.headers}
        return by_name.get("request-id") or by_name.get("x-request-id")

    def headers_for(self, app: Protocol, content_type: str, now: float) -> Headers:
        """The upstream's headers for the app, with an answer that is framed anew."""
        upstream = self.target.upstream
        if upstream.protocol == app:
            kept = same_protocol_response_headers(self.headers)
        else:
            by_name = {name.lower(): value for name, value in self.headers}
            kept = response_headers(by_name, app, upstream.protocol, now)
        kept = [(name, value) for name, value in kept if name.lower() != "content-type"]
        return [("content-type", content_type), *kept, *FRAMING[content_type]]

    def broken(self, reason: str, outcome: str) -> Error:
        """What happened, where that is no answer: nothing came, or not all of it."""
        name = self.target.upstream.name
        if outcome == "timeout":
            return Error("timeout", f"bridge: {name}: {reason}", 504, code="timeout")
        if self.status:
            return Error("server", f"bridge: {name} broke off its answer: {reason}", 502)
        message = f"bridge: {name} did not answer: {reason}"
        return Error("server", message, 502, code="upstream_unreachable")


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt that came to nothing. `reply` None: nothing came that the app could be told."""

    label: str
    sent: Outgoing | None  # None: it never came to that
    error: Error
    status: int
    headers: Headers
    body: bytes
    reply: Reply | None
