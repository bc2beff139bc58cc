"""One switch between "use it" and "leave it alone", for an upstream, a key, a model, an operation.

In: failures, successes and the time. Out: when it may be used, and what changed. It opens at a
failure that is enough by itself or at one too many in a row, and starts a cooldown. While that runs
more failures change nothing: they are the late ends of older requests. The hard part is the way
back, a trial: a probe where there are probes, else one request, while all others see it as open. A
failed trial doubles the cooldown, and only a real success brings that back to its first length. A
success closes it at any time, if its request was begun after the circuit opened.
"""

from dataclasses import dataclass
from math import inf
from typing import Any, Literal

from .settings import Failover

TRIAL = 60.0  # seconds at least, until a trial of which nobody told the end lets another one in

type State = Literal["healthy", "trial", "cooling"]


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


@dataclass(slots=True)
class Circuit:
    """`started` is when a request was begun; None: nobody knows, so it may be an old one."""

    name: str  # what changes are told of
    failover: Failover
    may_probe: bool = False  # whether probes are made for it, if they are made at all
    connection_errors: int = 0  # in a row
    failures: int = 0  # answers in a row that were the upstream's fault
    opened_at: float = -inf  # the last time
    until: float | None = None  # the end of the cooldown; None: closed
    told: bool = False  # that the cooldown is over
    doubled: int = 0  # times
    trial_until: float = -inf
    failed_at: float = -inf
    last_error: str = ""

    def recovers_at(self, now: float) -> float:
        """The end of the cooldown, past or to come; minus infinity where none is waited for."""
        if self.until is None or (not self._probed and now >= self.until):
            return -inf
        return self.until

    def usable_at(self, now: float) -> float:
        """As `recovers_at`; while a request is the trial, when that is given up."""
        return self.trial_until if now < self.trial_until else self.recovers_at(now)

    def cooldown_left(self, now: float) -> float:
        return 0.0 if self.until is None else max(0.0, self.until - now)

    def state(self, now: float) -> State:
        if self.until is None:
            return "healthy"
        return "cooling" if self.cooldown_left(now) else "trial"

    def status(self, now: float) -> dict[str, Any]:
        """Plain data, for display."""
        return {
            "name": self.name,
            "state": self.state(now),
            "cooldown_left": self.cooldown_left(now),
            "last_error": self.last_error,
        }

    def tick(self, now: float) -> list[Transition]:
        """Time passed; only without probes does it change anything by itself."""
        if self.until is None or self.told or self._probed or now < self.until:
            return []
        self.told = True
        self.answered()
        return [Healthy(self.name)]

    # --- requests

    def begin(self, now: float) -> None:
        """A request is on its way; the first one after the cooldown is the trial."""
        if self._half_open(now) and now >= self.trial_until:
            self.trial_until = now + max(self.failover.first_byte_timeout, TRIAL)

    def undecided(self, started: float | None) -> None:
        """A request ended, and told nothing about this."""
        if self._is_news(started):
            self.trial_until = -inf

    def answered(self) -> None:
        """Something came, so no row of failures goes on."""
        self.connection_errors = self.failures = 0

    def succeeded(self, started: float | None) -> list[Transition]:
        if not self._is_news(started):
            return []
        self.doubled = 0
        return self._close()

    def failed(
        self, reason: str, now: float, started: float | None, retry_after: float | None = None
    ) -> list[Transition]:
        """A failure that is enough by itself."""
        self._note(reason, now)
        if self.cooldown_left(now) or (started is not None and started < self.opened_at):
            return []
        if self._half_open(now) and self._is_news(started):
            self._double()
        return self._open(reason, now, retry_after)

    def not_reached(self, reason: str, now: float, started: float | None) -> list[Transition]:
        self.connection_errors += 1
        count, limit = self.connection_errors, self.failover.connection_errors
        if count >= limit or (self._half_open(now) and self._is_news(started)):
            return self.failed(f"{reason}, connection error {count}", now, started)
        self._note(reason, now)
        return [Warned(self.name, reason, count, limit)]

    def answered_badly(
        self, reason: str, now: float, started: float | None, retry_after: float | None
    ) -> list[Transition]:
        """A failure that is enough in a trial, or as the last of a row."""
        self.connection_errors = 0
        self.failures += 1
        if self.failures >= self.failover.failures or (
            self._half_open(now) and self._is_news(started)
        ):
            return self.failed(f"{reason}, failure {self.failures}", now, started, retry_after)
        self._note(reason, now)
        return []

    # --- probes

    def probe_failed(self, reason: str, now: float) -> list[Transition]:
        if self.cooldown_left(now):
            return []
        if self.until is not None and self._probed:
            self._double()
        self._note(reason, now)
        return self._open(reason, now, None)

    def probe_passed(self, now: float) -> list[Transition]:
        if self.until is None or self.cooldown_left(now) or not self._probed:
            return []
        self.answered()
        return self._close()

    def reset(self) -> list[Transition]:
        """Forget everything."""
        self.answered()
        self.opened_at, self.doubled = -inf, 0
        self.failed_at, self.last_error = -inf, ""
        return self._close()

    # --- inside

    @property
    def _probed(self) -> bool:
        return self.may_probe and bool(self.failover.health_check.interval)

    def _half_open(self, now: float) -> bool:
        """Whether a request may be the trial."""
        return self.until is not None and not self._probed and now >= self.until

    def _is_news(self, started: float | None) -> bool:
        """Whether a request that was begun then knows more than what opened the circuit."""
        return started is not None and started > self.opened_at

    def _note(self, reason: str, now: float) -> None:
        self.failed_at, self.last_error = now, reason

    def _double(self) -> None:
        if self.failover.cooldown_at(self.doubled + 1) > self.failover.cooldown_at(self.doubled):
            self.doubled += 1

    def _open(self, reason: str, now: float, retry_after: float | None) -> list[Transition]:
        cooldown = self.failover.cooldown_at(self.doubled)
        if retry_after is not None and retry_after > 0:  # 0 says nothing of when
            cooldown = min(retry_after, self.failover.max_cooldown)
        self.opened_at, self.until = now, now + cooldown
        self.told, self.trial_until = False, -inf
        return [Unhealthy(self.name, reason, cooldown)]

    def _close(self) -> list[Transition]:
        """Told once: without probes the end of the cooldown was news already."""
        known = self.until is None or (self.told and not self._probed)
        self.until, self.trial_until = None, -inf
        return [] if known else [Healthy(self.name)]
