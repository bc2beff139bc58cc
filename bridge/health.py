"""The health of one upstream: what happened goes in, whether to use it comes out.

Answers, connections and probes all speak about it, and each may move it only so far:

- any answer ends the row of connection errors, a 429 besides makes the upstream unhealthy at once;
- a connection error warns, the third in a row makes it unhealthy;
- a failed probe makes it unhealthy at once;
- unhealthy starts a cooldown. While that runs, nothing changes: neither a passed probe nor one more
  failure, which is the late end of an older request;
- after it a passed probe makes the upstream healthy. A request that was tried nevertheless and
  fails starts another cooldown; a failed probe just leaves things as they are;
- a client that hangs up says nothing about the upstream.

With probes switched off (interval 0) the end of the cooldown itself makes it healthy.
Numbers are the configuration's. `now` is any clock in seconds that does not run backwards.
"""

from dataclasses import dataclass
from math import inf
from typing import Any, assert_never

from .config import Failover


@dataclass(frozen=True, slots=True)
class Answered:
    """Headers came, with this status."""

    status: int


@dataclass(frozen=True, slots=True)
class ConnectionFailed:
    """Refused, reset, unresolved, no TLS, nothing in time: there was no answer."""

    reason: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The client hung up before there was anything to learn."""


type Probe = Answered | ConnectionFailed
type Outcome = Probe | Cancelled


@dataclass(frozen=True, slots=True)
class Warned:
    """A connection error, not yet one too many."""

    upstream: str
    reason: str
    count: int
    limit: int

    def __str__(self) -> str:
        return f"{self.upstream}: {self.reason} (connection error {self.count} of {self.limit})"


@dataclass(frozen=True, slots=True)
class Unhealthy:
    upstream: str
    reason: str
    cooldown: float

    def __str__(self) -> str:
        return f"{self.upstream} is unhealthy: {self.reason}; cooldown {self.cooldown:g} s"


@dataclass(frozen=True, slots=True)
class Healthy:
    upstream: str

    def __str__(self) -> str:
        return f"{self.upstream} is healthy again"


type Transition = Warned | Unhealthy | Healthy

LIMITED = "429 too many requests"
# What the answer to a probe tells besides its status. None of these is a failure.
PROBE_MEANS: dict[int, str] = {
    401: "alive, but refuses the key",
    403: "alive, but refuses the key",
    404: "alive, but has nothing at this path",
    429: "alive, but limited",
}


@dataclass(slots=True)
class Health:
    """One upstream, in memory."""

    upstream: str
    failover: Failover
    connection_errors: int = 0  # in a row
    unhealthy_until: float | None = None  # the end of the cooldown; stays until it is healthy
    checked_at: float | None = None
    last_check: str = ""
    last_error: str = ""

    def healthy(self, now: float) -> bool:
        return self.unhealthy_until is None or (
            not self.failover.health_check.interval and now >= self.unhealthy_until
        )

    def recovers_at(self, now: float) -> float:
        """The end of the cooldown, past or to come; minus infinity while there is none."""
        if self.unhealthy_until is None or self.healthy(now):
            return -inf
        return self.unhealthy_until

    def cooldown_left(self, now: float) -> float:
        return 0.0 if self.unhealthy_until is None else max(0.0, self.unhealthy_until - now)

    def tick(self, now: float) -> list[Transition]:
        """Time passed; only without probes does it change anything by itself."""
        return self._recovered() if self.unhealthy_until is not None and self.healthy(now) else []

    def record(self, outcome: Outcome, now: float) -> list[Transition]:
        """A request to this upstream was answered, or was not."""
        changes = self.tick(now)
        match outcome:
            case Answered(status):
                self.connection_errors = 0
                return changes + (self._failed(LIMITED, now) if status == 429 else [])
            case ConnectionFailed(reason):
                return changes + self._not_reached(reason, now)
            case Cancelled():
                return changes
            case _:
                assert_never(outcome)

    def checked(self, probe: Probe, now: float) -> list[Transition]:
        """A probe of this upstream was answered, or was not.

        Its 429 counts for nothing: the limit may be that of the probe's own endpoint, so it is no
        reason to leave, and it is none to return.
        """
        changes = self.tick(now)
        self.checked_at = now
        match probe:
            case Answered(status):
                self.last_check = ": ".join(filter(None, (str(status), PROBE_MEANS.get(status))))
                failed, passed = status >= 500, status < 500 and status != 429
            case ConnectionFailed(reason):
                self.last_check = reason
                failed, passed = True, False
            case _:
                assert_never(probe)
        if failed and self.healthy(now):
            return changes + self._failed(f"health check: {self.last_check}", now)
        if passed and not self.healthy(now) and not self.cooldown_left(now):
            return changes + self._recovered()
        return changes

    def probe_due(self, now: float) -> bool:
        """Whether the interval is over, or the cooldown is and nobody has looked since."""
        interval = self.failover.health_check.interval
        if not interval or self.checked_at is None:
            return bool(interval)
        until = self.unhealthy_until
        unseen = until is not None and self.checked_at < until <= now
        return unseen or now - self.checked_at >= interval

    def status(self, now: float) -> dict[str, Any]:
        """Plain data, for display."""
        return {
            "healthy": self.healthy(now),
            "cooldown_left": self.cooldown_left(now),
            "connection_errors": self.connection_errors,
            "last_error": self.last_error,
            "last_check": self.last_check,
        }

    def _not_reached(self, reason: str, now: float) -> list[Transition]:
        self.connection_errors += 1
        limit = self.failover.connection_errors
        if self.connection_errors >= limit:
            return self._failed(f"{reason}, connection error {self.connection_errors}", now)
        self.last_error = reason
        return [Warned(self.upstream, reason, self.connection_errors, limit)]

    def _failed(self, reason: str, now: float) -> list[Transition]:
        self.last_error = reason
        if self.cooldown_left(now):
            return []
        self.unhealthy_until = now + self.failover.cooldown
        return [Unhealthy(self.upstream, reason, self.failover.cooldown)]

    def _recovered(self) -> list[Transition]:
        self.unhealthy_until = None
        self.connection_errors = 0
        return [Healthy(self.upstream)]
