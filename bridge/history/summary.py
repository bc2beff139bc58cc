"""A finished call without its bodies: what lists, plots and counters are made of.

In: the record that a call leaves (`Trace.metadata`). Out: a value of bounded size. A record may
lack any of its keys, as those of other versions do, and its texts were written by apps and
upstreams, so they may be long.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .prices import Prices

MAX_NAME, MAX_REASON = 200, 300  # characters of what others wrote
MAX_ATTEMPTS = 40  # the last ones
# Ends of an attempt that was never made.
UNSENT = ("refused", "busy")
FAILED = ("error", "unreachable", "timeout", "cut", *UNSENT)  # of "cancelled" nobody is to blame
UNMISSED = "hint_dropped"
LOSSES = ("lost", "degraded")
NO_APPS = ("replay", "shadow")  # routes of calls that no app made


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one upstream; `label` is its name, with a pool of keys openai#2."""

    label: str
    outcome: str
    status: int
    reason: str
    started: float
    duration: float

    @property
    def upstream(self) -> str:
        return self.label.partition("#")[0]

    @property
    def sent(self) -> bool:
        return self.outcome not in UNSENT

    @property
    def error(self) -> str:
        """What kind of failure it was: a status, or an outcome; "" where it was none."""
        if self.outcome == "error" and self.status >= 300:
            return str(self.status)
        return self.outcome if self.outcome in (*FAILED, "cancelled") else ""

    def as_dict(self) -> dict[str, Any]:
        """As in a record."""
        return {
            "upstream": self.label,
            "started": self.started,
            "outcome": self.outcome,
            "status": self.status,
            "reason": self.reason,
            "duration": self.duration,
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """`asked` is the app's model, `used` the upstream's.

    `losses` are codes of what was lost or weakened, each with which of both; of a request that was
    never sent nothing is.
    """

    id: str
    started: float
    conversation: str
    client: str
    protocol: str  # of the upstream
    route: str
    asked: str
    used: str
    attempts: tuple[Attempt, ...]
    usage: Mapping[str, int]
    timing: Mapping[str, float]
    streamed: bool
    stop: str
    codes: tuple[str, ...]
    losses: tuple[tuple[str, str], ...]
    injected: str  # the fault that a person asked for
    cost: float | None

    @property
    def upstream(self) -> str:
        """The name of the one that was tried last; "" where there was none."""
        return self.attempts[-1].upstream if self.attempts else ""

    @property
    def outcome(self) -> str:
        """A call that was answered before any attempt was refused."""
        return self.attempts[-1].outcome if self.attempts else "refused"

    @property
    def status(self) -> int:
        return self.attempts[-1].status if self.attempts else 0

    @property
    def ended(self) -> float:
        return self.started + self.timing.get("last", 0.0)

    @property
    def lost(self) -> list[str]:
        """Codes of content that is gone."""
        return [code for code, severity in self.losses if severity == "lost"]

    @property
    def failovers(self) -> list[tuple[str, str]]:
        """From which upstream to which; another key of the same is none."""
        names = [attempt.upstream for attempt in self.attempts]
        return [pair for pair in zip(names, names[1:], strict=False) if pair[0] != pair[1]]

    def as_dict(self) -> dict[str, Any]:
        """For lists."""
        return {
            "id": self.id,
            "started": self.started,
            "conversation": self.conversation,
            "client": self.client,
            "upstream": self.upstream,
            "protocol": self.protocol,
            "route": self.route,
            "model": {"asked": self.asked, "used": self.used},
            "outcome": self.outcome,
            "status": self.status,
            "attempts": len(self.attempts),
            "failovers": len(self.failovers),
            "usage": dict(self.usage),
            "timing": dict(self.timing),
            "cost": self.cost,
            "codes": list(self.codes),
            "lost": self.lost,
            "injected": self.injected,
            "stop": self.stop,
        }

    def as_record(self) -> dict[str, Any]:
        """What is left of the record when its bodies are gone: the same keys, but fewer."""
        return {
            "started": self.started,
            "conversation": self.conversation,
            "client": self.client,
            "upstream": self.protocol,
            "route": self.route,
            "model": {"asked": self.asked, "used": self.used},
            "attempts": [attempt.as_dict() for attempt in self.attempts],
            "usage": dict(self.usage),
            "timing": dict(self.timing),
            "stop": self.stop,
        }


# What lists of calls may be asked for.
KINDS: dict[str, Callable[[Summary], object]] = {
    "failed": lambda call: call.outcome in FAILED,
    "failed_over": lambda call: call.failovers,
    "lost": lambda call: call.lost,
}


def summary(call_id: str, record: Mapping[str, Any], prices: Prices) -> Summary:
    model, notes = record.get("model") or {}, record.get("notes") or ()
    asked = _name(model.get("asked"))
    used = _name(model.get("used")) or asked
    attempts = tuple(_attempt(each) for each in (record.get("attempts") or ())[-MAX_ATTEMPTS:])
    severities = {note.get("code", ""): note.get("severity", "") for note in notes}
    sent = bool(attempts) and attempts[-1].sent
    usage = record.get("usage") or {}
    return Summary(
        id=call_id,
        started=record.get("started") or 0.0,
        conversation=record.get("conversation") or "",
        client=record.get("client") or "",
        protocol=record.get("upstream") or record.get("client") or "",
        route=_name(record.get("route")),
        asked=asked,
        used=used,
        attempts=attempts,
        usage=usage,
        timing=record.get("timing") or {},
        streamed=bool(record.get("timeline")),
        stop=record.get("stop") or "",
        codes=tuple(code for code in severities if code != UNMISSED),
        losses=tuple(loss for loss in severities.items() if sent and loss[1] in LOSSES),
        injected=_name((record.get("injected") or {}).get("fault")),
        cost=prices.cost(usage, used),
    )


def _attempt(attempt: Mapping[str, Any]) -> Attempt:
    return Attempt(
        label=_name(attempt.get("upstream")),
        outcome=attempt.get("outcome") or "",
        status=attempt.get("status") or 0,
        reason=_text(attempt.get("reason"), MAX_REASON),
        started=attempt.get("started") or 0.0,
        duration=attempt.get("duration") or 0.0,
    )


def _name(text: str | None) -> str:
    return _text(text, MAX_NAME)


def _text(text: str | None, most: int) -> str:
    """What others wrote, so that it can be shown: a lone surrogate is no text."""
    return (text or "")[:most].encode("utf-8", "replace").decode()
