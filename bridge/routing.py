"""Which upstreams to try for a request, in which order.

In go a request's facts and what became of earlier ones; out come the upstreams of the first route
that matches: the healthy ones in configured order, then the others, soonest recovering first, for
it is better to try than to refuse. So a route stays on its primary until that is unhealthy, and one
without a backup always stays. The one hard thing is that nothing here remembers where a route is:
it follows from the health of its upstreams, which the routes share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from .config import Config, Match, Route, Upstream, glob
from .health import Health, Outcome, Probe, Transition


@dataclass(frozen=True, slots=True)
class Facts:
    """What routes may ask about a request. `Router.asks` tells which are asked for at all."""

    protocol: str
    model: str = ""
    host: str = ""
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    thinking: bool = False
    tokens: int = 0  # estimated, of the whole request
    has: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Choice:
    """The route of a request and all its upstreams, best first."""

    route: Route
    upstreams: tuple[Upstream, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """The next request of this route goes elsewhere."""

    route: str
    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.route}: {self.source} -> {self.target}"


type Change = Transition | Moved


class Router:
    """The routes of one configuration and the health of its upstreams."""

    def __init__(self, config: Config) -> None:
        self.routes = config.routes
        self.upstreams = config.upstreams
        # The conditions that occur in any route, by their names in Match.
        self.asks = frozenset(
            condition.name
            for route in self.routes
            for condition in fields(Match)
            if getattr(route.match, condition.name) != condition.default
        )
        self._health = {name: Health(name, config.failover) for name in self.upstreams}
        # By route, what was told last; only for telling moves.
        self._first = {route.name: route.upstreams[0].name for route in self.routes}

    def candidates(self, facts: Facts, now: float) -> Choice | None:
        """None: no route matches, the request goes to the app's own host as it is."""
        for route in self.routes:
            if matches(route.match, facts):
                return Choice(route, self.ordered(route, now))
        return None

    def ordered(self, route: Route, now: float) -> tuple[Upstream, ...]:
        """The upstreams of a route, best first."""

        def recovers_at(upstream: Upstream) -> float:
            return self._health[upstream.name].recovers_at(now)

        return tuple(sorted(route.upstreams, key=recovers_at))  # ties stay as configured

    def record(self, upstream: Upstream, outcome: Outcome, now: float) -> list[Change]:
        """What became of a request that was sent to `upstream`."""
        health = self._health_of(upstream)
        return self._changes(health.record(outcome, now), now) if health else []

    def checked(self, upstream: Upstream, probe: Probe, now: float) -> list[Change]:
        """What became of a probe of `upstream`."""
        health = self._health_of(upstream)
        return self._changes(health.checked(probe, now), now) if health else []

    def tick(self, now: float) -> list[Change]:
        """To be called every now and then, so that cooldowns that end are noticed and told."""
        ended = [change for health in self._health.values() for change in health.tick(now)]
        return self._changes(ended, now)

    def probes_due(self, now: float) -> tuple[Upstream, ...]:
        """Upstreams to look at now; only those whose health can move a route."""
        matter = {u.name for r in self.routes if len(r.upstreams) > 1 for u in r.upstreams}
        return tuple(
            upstream
            for name, upstream in self.upstreams.items()
            if name in matter and self._health[name].probe_due(now)
        )

    def carry_over(self, old: "Router", now: float) -> None:
        """Take over what `old` knows of upstreams that are defined as they were."""
        for name, health in self._health.items():
            if self.upstreams[name] == old.upstreams.get(name):
                self._health[name] = replace(old._health[name], failover=health.failover)
        self._moves(now)

    def status(self, now: float) -> dict[str, Any]:
        """All of it as plain data, for display."""
        return {
            "routes": [
                {
                    "name": route.name,
                    "active": self.ordered(route, now)[0].name,
                    "upstreams": [upstream.name for upstream in route.upstreams],
                }
                for route in self.routes
            ],
            "upstreams": [
                {
                    "name": name,
                    "protocol": upstream.protocol,
                    "url": upstream.url,
                    **self._health[name].status(now),
                }
                for name, upstream in self.upstreams.items()
            ],
        }

    def _health_of(self, upstream: Upstream) -> Health | None:
        """None where a reload changed or removed it: what was sent there tells nothing any more."""
        known = self.upstreams.get(upstream.name) == upstream
        return self._health[upstream.name] if known else None

    def _changes(self, transitions: list[Transition], now: float) -> list[Change]:
        return [*transitions, *self._moves(now)] if transitions else []

    def _moves(self, now: float) -> list[Moved]:
        """The routes that another upstream comes first in than last time."""
        moves = []
        for route in self.routes:
            first, before = self.ordered(route, now)[0].name, self._first[route.name]
            if first != before:
                self._first[route.name] = first
                moves.append(Moved(route.name, before, first))
        return moves


def matches(match: Match, facts: Facts) -> bool:
    """Whether all conditions hold."""
    return (
        match.protocol in (None, facts.protocol)
        and (match.model is None or glob(match.model, facts.model))
        and (match.host is None or glob(match.host, facts.host.lower()))
        and (match.path is None or glob(match.path, facts.path.partition("?")[0]))
        and all(_has_header(facts, name, pattern) for name, pattern in match.header)
        and match.thinking in (None, facts.thinking)
        and (match.tokens_over is None or facts.tokens > match.tokens_over)
        and match.has <= facts.has
    )


def _has_header(facts: Facts, name: str, pattern: str) -> bool:
    value = facts.headers.get(name)
    return value is not None and glob(pattern, value)
