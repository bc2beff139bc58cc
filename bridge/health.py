"""The health of one upstream: what happened goes in, whether to use it comes out.

It is made of circuits, and each thing that happens moves only the one it speaks about:

- a limit, an empty account or a refused key: the circuit of the key, at once. One key or none is
  the upstream itself; a pool of which no key is usable makes its upstream unhealthy;
- a model that is not there: the circuit of that model here;
- connection errors and answers that are the upstream's fault: the upstream's, at one too many in a
  row. Any other answer ends both rows;
- a failed probe: the upstream's, at once. A passed one closes it again, after the cooldown;
- anything that is no generation (counting tokens, say): a circuit of that operation alone;
- a client that hangs up says nothing about anybody.

Numbers are the configuration's. `now` is any clock in seconds that does not run backwards.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from math import inf
from typing import Any, assert_never, get_args

from .circuit import Circuit, Healthy, State, Transition, Unhealthy, Warned
from .outcomes import (
    Answered,
    Cancelled,
    ConnectionFailed,
    Outcome,
    Probe,
    blame,
    kind_of,
    reason_of,
)
from .settings import Failover

__all__ = [
    "Answered", "Cancelled", "ConnectionFailed", "Health", "Healthy", "Outcome", "Probe",
    "Transition", "Unhealthy", "Use", "Warned",
]  # fmt: skip

GENERATE = "generate"  # the operation that the health of an upstream is about
MAX_MODELS = 100  # apps make up names; the oldest is forgotten first
STATES: tuple[State, ...] = get_args(State.__value__)  # from best to worst

# What the answer to a probe tells besides its status. None of these is a failure.
PROBE_MEANS: dict[int, str] = {
    401: "alive, but refuses the key",
    403: "alive, but refuses the key",
    404: "alive, but has nothing at this path",
    429: "alive, but limited",
}


@dataclass(frozen=True, slots=True)
class Use:
    """What of an upstream a request makes use of."""

    key: int = 0
    model: str = ""  # by the name it has there
    operation: str = GENERATE


PLAIN = Use()


class Health:
    """One upstream with its keys, in memory. `own_keys` 0: the app's are used."""

    def __init__(self, upstream: str, failover: Failover, own_keys: int = 0) -> None:
        self.upstream = upstream
        self.failover = failover
        self.own_keys = own_keys
        pool = range(1, own_keys + 1) if own_keys > 1 else ()
        self.main = Circuit(upstream, failover, may_probe=True)
        self.keys = [Circuit(f"{upstream}#{number}", failover) for number in pool]
        self.models: dict[str, Circuit] = {}
        self.operations: dict[str, Circuit] = {}
        self.in_flight = 0
        self.last_key = -1
        self.succeeded_at: float | None = None
        self.checked_at: float | None = None
        self.last_check = ""

    def under(self, failover: Failover) -> "Health":
        """A copy that goes by another configuration."""

        def moved(circuit: Circuit) -> Circuit:
            return replace(circuit, failover=failover)

        other = copy(self)
        other.failover = failover
        other.main = moved(self.main)
        other.keys = [moved(key) for key in self.keys]
        other.models = {name: moved(model) for name, model in self.models.items()}
        other.operations = {name: moved(part) for name, part in self.operations.items()}
        return other

    # --- may it be used

    def healthy(self, now: float) -> bool:
        return self.usable_at(now) == -inf

    def usable_at(self, now: float, use: Use = PLAIN) -> float:
        """When the next request may go there, whatever key it takes; minus infinity: now."""
        keys = min((key.usable_at(now) for key in self.keys), default=-inf)
        parts = filter(None, (self.models.get(use.model), self.operations.get(use.operation)))
        return max(self.main.usable_at(now), keys, *(part.usable_at(now) for part in parts))

    def recovers_at(self, now: float) -> float:
        """The end of the cooldown, whether or not a trial is under way since."""
        keys = min((key.recovers_at(now) for key in self.keys), default=-inf)
        return max(self.main.recovers_at(now), keys)

    def cooldown_left(self, now: float) -> float:
        keys = min((key.cooldown_left(now) for key in self.keys), default=0.0)
        return max(self.main.cooldown_left(now), keys)

    def state(self, now: float) -> State:
        keys = min((STATES.index(key.state(now)) for key in self.keys), default=0)
        return STATES[max(STATES.index(self.main.state(now)), keys)]

    def key_failed(self, key: int, now: float) -> bool:
        """Whether it is this key of a pool that is to be left alone."""
        return bool(self.keys) and self.keys[key].usable_at(now) > -inf

    def keys_in_turn(self, now: float) -> list[int]:
        """Keys for the next request, best first: in turn, but the usable ones before the others."""
        count = len(self.keys) or 1
        turns = [(self.last_key + 1 + step) % count for step in range(count)]
        return sorted(turns, key=lambda key: self.keys[key].usable_at(now) if self.keys else 0)

    # --- what happens

    def begin(self, use: Use, now: float) -> None:
        """A request is on its way."""
        self.in_flight += 1
        self.last_key = use.key
        for circuit in self._concerned(use):
            circuit.begin(now)

    def tick(self, now: float) -> list[Transition]:
        """Time passed; by itself that ends only cooldowns that no probe is to end."""
        return [change for circuit in self._circuits() for change in circuit.tick(now)]

    def record(
        self, outcome: Outcome, now: float, use: Use = PLAIN, started: float | None = None
    ) -> list[Transition]:
        """A request, begun at `started`, was answered, or was not."""
        changes = self.tick(now)
        self.in_flight = max(0, self.in_flight - 1)
        own, *parts = self._concerned(use)
        match outcome:
            case Answered():
                return changes + self._answered(outcome, now, use, started)
            case ConnectionFailed(reason):
                _undecided(parts, started)
                return changes + own.not_reached(reason, now, started)
            case Cancelled():
                _undecided([own, *parts], started)
                return changes
            case _:
                assert_never(outcome)

    def _answered(
        self, answer: Answered, now: float, use: Use, started: float | None
    ) -> list[Transition]:
        own, *parts = self._concerned(use)
        what = reason_of(answer), now, started, answer.retry_after
        fault = blame(answer, own_key=self.own_keys > 0)
        if fault == "upstream":
            _undecided(parts, started)
            return own.answered_badly(*what)
        own.answered()
        if fault == "key":
            key = self.keys[use.key] if self.keys and own is self.main else own
            _undecided([circuit for circuit in (own, *parts) if circuit is not key], started)
            return key.failed(*what)
        generated = own is self.main
        if generated and kind_of(answer) is None:
            self.succeeded_at = now
        missing = self._model(use.model) if generated and fault == "model" else None
        fine = [circuit for circuit in (own, *parts) if circuit is not missing]
        changes = [change for circuit in fine for change in circuit.succeeded(started)]
        return changes + (missing.failed(*what) if missing else [])

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
                failed, passed = status >= 500, status != 429
            case ConnectionFailed(reason):
                self.last_check = reason
                failed, passed = True, False
            case _:
                assert_never(probe)
        if failed:
            return changes + self.main.probe_failed(f"health check: {self.last_check}", now)
        return changes + (self.main.probe_passed(now) if passed else [])

    def probe_at(self, now: float) -> float:
        """When to look next: when the interval is over, or the cooldown if nobody has looked
        since. Infinity: never.
        """
        interval = self.failover.health_check.interval
        if not interval or self.checked_at is None:
            return now if interval else inf
        until = self.main.until
        end = inf if until is None or until <= self.checked_at else until
        return min(self.checked_at + interval, end)

    def probe_due(self, now: float) -> bool:
        return self.probe_at(now) <= now

    def reset(self) -> list[Transition]:
        """Forget all cooldowns, counts and errors."""
        return [change for circuit in self._circuits() for change in circuit.reset()]

    # --- what there is to see

    def status(self, now: float) -> dict[str, Any]:
        """Plain data, for display."""
        own = [self.main, *self.keys, *self.models.values()]
        age = None if self.succeeded_at is None else now - self.succeeded_at
        return {
            "healthy": self.healthy(now),
            "state": self.state(now),
            "cooldown_left": self.cooldown_left(now),
            "connection_errors": self.main.connection_errors,
            "failures": self.main.failures,
            "in_flight": self.in_flight,
            "last_error": max(own, key=lambda circuit: circuit.failed_at).last_error,
            "last_check": self.last_check,
            "last_success_age": age,
            "keys": [key.status(now) for key in self.keys],
            "models": _open(self.models, now),
            "operations": _open(self.operations, now),
        }

    # --- inside

    def _circuits(self) -> Iterator[Circuit]:
        yield from (self.main, *self.keys, *self.models.values(), *self.operations.values())

    def _concerned(self, use: Use) -> list[Circuit]:
        """The circuits that a request tells about; first the one that counts rows of failures."""
        if use.operation != GENERATE:
            return [self._operation(use.operation)]
        model = self.models.get(use.model)
        return [self.main, *self.keys[use.key : use.key + 1], *([model] if model else ())]

    def _operation(self, name: str) -> Circuit:
        return self.operations.setdefault(name, self._part(name))

    def _model(self, name: str) -> Circuit:
        if name not in self.models and len(self.models) >= MAX_MODELS:
            del self.models[next(iter(self.models))]
        return self.models.setdefault(name, self._part(name))

    def _part(self, name: str) -> Circuit:
        return Circuit(f"{self.upstream} for {name!r}", self.failover)


def _undecided(circuits: Iterable[Circuit], started: float | None) -> None:
    for circuit in circuits:
        circuit.undecided(started)


def _open(circuits: Mapping[str, Circuit], now: float) -> list[dict[str, Any]]:
    """Those of them that are not simply healthy."""
    return [
        {**circuit.status(now), "name": name}
        for name, circuit in circuits.items()
        if circuit.state(now) != "healthy"
    ]
