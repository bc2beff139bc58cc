"""What one call leaves for people to look at: attempts, times, both sides' bodies, one line.

In: what happened, as it happens. Out: plain data that can be saved with a flow. It holds bodies,
bounded, and never a header; the credentials that a body has are hidden. So none is in it.
"""

from array import array
from dataclasses import dataclass, field, fields
from typing import Any, Self

from .call import Call
from .credentials import Credentials, hide
from .transform import CODES, Protocol, Translator, Usage
from .transform.cut_json import with_mark
from .upstream import Upstream

# Bytes of each body that are kept.
KEPT_BYTES = 1024 * 1024
MAX_MOMENTS = 4_096  # of a stream whose times are kept
IN_COMMENT = 200  # characters of a reason
# Outcomes of an attempt that are nothing to look at.
QUIET = ("ok", "pending")


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

    def content(self) -> bytes:
        return b"".join(self._pieces)

    def text(self) -> str:
        left_out = self.size - KEPT_BYTES
        return with_mark(self.content().decode("utf-8", "replace"), left_out)


@dataclass(slots=True)
class Attempt:
    """One try at one upstream. `status` 0: none came. Seconds, from the start of the call."""

    upstream: str
    started: float
    outcome: str = "pending"  # then ok, error, unreachable, timeout, cut, refused or cancelled
    status: int = 0
    reason: str = ""
    duration: float = 0.0
    protocol: str = ""  # the upstream's
    bodies: dict[str, Kept] | None = None  # the upstream's side, once another attempt has begun


@dataclass(slots=True)
class Timing:
    """Seconds since the call came in; None: not yet, or never."""

    first_byte: float | None = None
    first_content: float | None = None
    last: float | None = None


@dataclass(slots=True)
class Bodies:
    """Both sides of a call; of the upstream's side, the last attempt's."""

    client_request: Kept = field(default_factory=Kept)
    upstream_request: Kept = field(default_factory=Kept)
    upstream_response: Kept = field(default_factory=Kept)
    client_response: Kept = field(default_factory=Kept)

    def next_attempt(self) -> dict[str, Kept]:
        """The upstream's side of the one before."""
        names = ("upstream_request", "upstream_response")
        kept = {name: body for name in names if (body := getattr(self, name)).size}
        self.upstream_request, self.upstream_response = Kept(), Kept()
        return kept

    def texts(self) -> dict[str, str]:
        """Where both sides are the same, the app's request and the upstream's answer only."""
        kept = {f.name: getattr(self, f.name) for f in fields(self)}
        texts = {name: body.text() for name, body in kept.items() if body.size}
        if texts.get("client_response") == texts.get("upstream_response"):
            texts.pop("client_response", None)
        return texts


class Timeline:
    """When what came of a stream: moments, each with the bytes from the upstream and to the app
    until then."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers = array("d")

    def add(self, seconds: float, upstream: int, client: int) -> None:
        if len(self._numbers) < 3 * MAX_MOMENTS:
            self._numbers.extend((seconds, upstream, client))

    def moments(self) -> list[list[float]]:
        """Seconds from the start of the call, and both counts."""
        return [self._numbers[n : n + 3].tolist() for n in range(0, len(self._numbers), 3)]


@dataclass(slots=True)
class Trace:
    """The record of one call. `translator`, `upstream` and `timeline` are the last attempt's."""

    client: Protocol
    started: float  # seconds since the epoch
    asked: str  # the model the app named
    translator: Translator
    route: str = ""
    upstream: Upstream | None = None
    attempts: list[Attempt] = field(default_factory=list)
    timing: Timing = field(default_factory=Timing)
    bodies: Bodies = field(default_factory=Bodies)
    timeline: Timeline = field(default_factory=Timeline)
    conversation: str = ""  # the same for all calls of one
    credentials: Credentials = ()  # that bodies and reasons may have in them

    @classmethod
    def of(cls, call: Call, translator: Translator, now: float, *, route: str = "") -> Self:
        """The record of a call that has come in, and of nothing else yet."""
        trace = cls(call.protocol, now, call.model, translator, route)
        trace.conversation, trace.credentials = call.conversation, call.credentials + call.keys
        trace.bodies.client_request.add(call.body)
        return trace

    def begin(self, upstream: str, now: float) -> None:
        kept = self.bodies.next_attempt()
        if self.attempts:
            self.attempts[-1].bodies = kept or None
        self.timeline = Timeline()
        protocol = self.upstream.protocol if self.upstream else ""
        self.attempts.append(Attempt(upstream, now - self.started, protocol=protocol))

    def close(self, outcome: str, now: float, reason: str = "") -> None:
        """The end of the last attempt."""
        attempt = self.attempts[-1]
        attempt.outcome, attempt.reason = outcome, hide(reason, self.credentials)
        attempt.duration = now - self.started - attempt.started

    def tick(self, now: float) -> None:
        """Something of a stream came, or went to the app."""
        sizes = self.bodies.upstream_response.size, self.bodies.client_response.size
        self.timeline.add(now - self.started, *sizes)

    def finish(self, now: float) -> None:
        self.timing.last = now - self.started

    @property
    def over(self) -> bool:
        """Whether the app has all it will get."""
        return self.timing.last is not None

    @property
    def codes(self) -> list[str]:
        """Of all that was noted, but for what nobody would miss."""
        known = dict.fromkeys(note.code for note in self.translator.notes)
        return [code for code in known if code != "hint_dropped"]

    def metadata(self) -> dict[str, Any]:
        """Plain data for the flow."""
        texts = self._hidden(self.bodies.texts())
        attempts = [self._told(attempt) for attempt in self.attempts]
        timeline = self.timeline.moments()
        return {**self.about(), "attempts": attempts, "timeline": timeline, "bodies": texts}

    def about(self) -> dict[str, Any]:
        """The same without what there is much of."""
        translator, usage = self.translator, self.translator.usage
        used = self.upstream.model_for(self.asked) if self.upstream else None
        return {
            "started": self.started,
            "conversation": self.conversation,
            "client": self.client,
            "upstream": self.upstream.protocol if self.upstream else self.client,
            "route": self.route,
            "model": {"asked": self.asked, "used": used or self.asked},
            "attempts": [_known(attempt) for attempt in self.attempts],
            "notes": [
                {**note._asdict(), "severity": CODES[note.code]} for note in translator.notes
            ],
            "usage": _known(usage) if usage else {},
            "timing": _known(self.timing),
            "stop": translator.finish_reason or "",
        }

    def _told(self, attempt: Attempt) -> dict[str, Any]:
        told = _known(attempt)
        if attempt.bodies is not None:
            texts = {name: body.text() for name, body in attempt.bodies.items()}
            told["bodies"] = self._hidden(texts)
        return told

    def _hidden(self, texts: dict[str, str]) -> dict[str, str]:
        return {name: hide(text, self.credentials) for name, text in texts.items()}

    def summary(self) -> str:
        """One line for a person: where it went, what came of it, what was lost."""
        last = self.attempts[-1] if self.attempts else None
        line = f"{self.client}"
        if self.upstream is not None:
            line += f" -> {self.upstream.name} ({self.upstream.protocol})"
        failed = [a for a in self.attempts[:-1] if a.outcome not in QUIET]
        if failed:
            tries = ", ".join(f"{a.upstream} {a.status or a.outcome}" for a in failed)
            line += f" | failed over: {tries}"
        if last is not None and last.outcome not in QUIET:
            status = f" {last.status}" if last.status else ""
            line += f" | {last.outcome}{status}: {last.reason[:IN_COMMENT]}"
        elif self.translator.finish_reason:
            line += f" | {self.translator.finish_reason}"
        if usage := self.translator.usage:
            line += f" | {usage.input_tokens} in, {usage.output_tokens} out"
        codes = ", ".join(self.codes)
        return f"{line} | {codes}" if codes else line

    def mark(self) -> str:
        """mitmproxy's marker for the flow list; "" for a call with nothing to see."""
        if self.attempts and self.attempts[-1].outcome not in QUIET:
            return ":red_circle:"
        if any(CODES[note.code] == "lost" for note in self.translator.notes):
            return ":orange_circle:"
        return ":arrows_counterclockwise:" if len(self.attempts) > 1 else ""


def _known(record: Attempt | Timing | Usage) -> dict[str, Any]:
    """Its fields, but for what is not known, and for bodies."""
    values = ((name, getattr(record, name)) for name in record.__slots__ if name != "bodies")
    return {name: value for name, value in values if value is not None}
