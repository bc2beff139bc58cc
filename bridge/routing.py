"""Which upstream to try for a request, and which one next.

In go a request's facts and what became of earlier ones; out come the targets of the first route
that matches: upstreams that are healthy in configured order, then the others, soonest recovering
first, for it is better to try than to refuse. So a route stays on its primary until that is
unhealthy, and one without a backup always stays. The one hard thing is that nothing here remembers
where a route is: it follows from the health of its upstreams, which the routes share. What a person
says (`use`) goes before health, what a route wishes (weights, sticky) goes after it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import inf
from typing import Any

from .health import GENERATE, Health, Outcome, Probe, Transition, Use
from .outcomes import is_failure, went_wrong
from .preference import Preference
from .settings import Config, Match, Route, Shadow
from .transform.json_text import Json, dumps
from .upstream import Target, Upstream, glob

__all__ = ["Change", "Choice", "Facts", "Moved", "Router", "Target", "is_failure", "matches"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What routes may ask about a request. `Router.asks` tells which are asked for at all."""

    protocol: str
    model: str = ""
    host: str = ""
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: Json = None  # as parsed
    side: bool = False  # a title, a commit message: no part of the conversation
    agent: bool = False  # of a sub-agent
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


# Conditions on what only the body of a call says, as they are where they ask for nothing.
UNSAID: dict[str, Any] = {
    name: Match.__dataclass_fields__[name].default
    for name in ("model", "field", "side", "thinking", "tokens_over", "has")
}


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
        self._health = {
            name: Health(name, config.failover, len(upstream.api_keys))
            for name, upstream in self.upstreams.items()
        }
        self._failover = config.failover
        self._routed = {upstream.name for route in self.routes for upstream in route.upstreams}
        # Those whose health can move a route.
        self._matter = {u.name for r in self.routes if len(r.upstreams) > 1 for u in r.upstreams}
        self._preference = Preference()
        self._override: str | None = None
        # By route, what was told last; only for telling moves.
        self._first = {route.name: route.upstreams[0].name for route in self._leading()}

    # --- where to

    def candidates(self, facts: Facts, now: float) -> Choice | None:
        """None: no route takes it anywhere, the request goes to the app's own host as it is."""
        route = self._matching(facts)
        if route is None or not route.upstreams:
            return None
        return Choice(route, self.ordered(route, now, model=facts.model))

    def settles(self, facts: Facts) -> bool:
        """Whether the route is known already, whatever the body of a call will say."""
        for route in self.routes:
            rest = replace(route.match, **UNSAID)
            if matches(rest, facts):
                return rest == route.match
        return True

    def shadow(self, facts: Facts) -> Shadow | None:
        """Of the route that matches."""
        route = self._matching(facts)
        return route.shadow if route else None

    @property
    def has_shadows(self) -> bool:
        return any(route.shadow for route in self.routes)

    def _matching(self, facts: Facts) -> Route | None:
        return next((route for route in self.routes if matches(route.match, facts)), None)

    def _leading(self) -> list[Route]:
        """The routes that lead somewhere else than to the app's own host."""
        return [route for route in self.routes if route.upstreams]

    def ordered(
        self, route: Route, now: float, *, model: str = "", operation: str = GENERATE
    ) -> tuple[Upstream, ...]:
        """The upstreams of a route, best first. `model` is the one that the app asks for."""
        if len(route.upstreams) == 1:
            return route.upstreams

        def place(upstream: Upstream) -> tuple[bool, float]:
            return upstream.name != self._override, self._usable_at(upstream, now, model, operation)

        return tuple(sorted(route.upstreams, key=place))  # ties stay as configured

    def pick(
        self,
        route: Route,
        tried: Sequence[Target],
        now: float,
        *,
        model: str = "",
        conversation: str = "",
        operation: str = GENERATE,
    ) -> Target | None:
        """The best target of a route after those in `tried`, which failed in that order.

        None when each upstream had its turn. Each pick with nothing tried is a turn of the weights.
        """
        if tried and (other := self._other_key(tried, now, model, operation)):
            return other
        gone = {target.upstream.name for target in tried}
        order = self.ordered(route, now, model=model, operation=operation)
        left = [upstream for upstream in order if upstream.name not in gone]
        if not left:
            return None
        healthy = [u for u in left if self._usable_at(u, now, model, operation) == -inf]
        upstream = left[0]
        if healthy and not tried and upstream.name != self._override:
            upstream = self._preference.choose(route, healthy, conversation, now)
        self._preference.went_to(route, conversation, upstream, now)
        return self.target(upstream, now)

    def target(self, upstream: Upstream, now: float) -> Target:
        """An upstream with the key of its pool whose turn it is."""
        return Target(upstream, self._known(upstream).keys_in_turn(now)[0])

    def _other_key(
        self, tried: Sequence[Target], now: float, model: str, operation: str
    ) -> Target | None:
        """A usable key of the upstream tried last, if nothing but its key failed there."""
        last, upstream = tried[-1], tried[-1].upstream
        health = self._known(upstream)
        if not health.key_failed(last.key, now):
            return None
        if self._usable_at(upstream, now, model, operation) > -inf:
            return None
        keys = (Target(upstream, key) for key in health.keys_in_turn(now))
        return next((t for t in keys if t not in tried and not health.key_failed(t.key, now)), None)

    def full(self, upstream: Upstream) -> bool:
        """Whether as many requests are on their way as it takes at a time."""
        most = upstream.max_in_flight
        return most is not None and self._known(upstream).in_flight >= most

    def recovery(self, route: Route, now: float, *, model: str = "") -> float:
        """Seconds until some upstream of the route is usable; 0 if one is."""
        soonest = min(self._usable_at(u, now, model, GENERATE) for u in route.upstreams)
        return max(0.0, soonest - now)

    # --- what happens

    def begin(
        self, target: Target, now: float, *, model: str = "", operation: str = GENERATE
    ) -> None:
        """A request is on its way to `target`. What becomes of it is to be recorded, once."""
        if health := self._health_of(target.upstream):
            health.begin(_use(target, model, operation), now)

    def record(
        self,
        target: Target,
        outcome: Outcome,
        now: float,
        *,
        started: float | None = None,
        model: str = "",
        operation: str = GENERATE,
        conversation: str = "",
    ) -> list[Change]:
        """What became of a request that was sent to `target` at `started`."""
        upstream = target.upstream
        if went_wrong(outcome, own_key=target.api_key is not None):
            for route in self.routes:
                self._preference.failed(route, conversation, upstream, now)
        health, use = self._health_of(upstream), _use(target, model, operation)
        return self._changes(health.record(outcome, now, use, started), now) if health else []

    def checked(self, upstream: Upstream, probe: Probe, now: float) -> list[Change]:
        """What became of a probe of `upstream`."""
        health = self._health_of(upstream)
        return self._changes(health.checked(probe, now), now) if health else []

    def tick(self, now: float) -> list[Change]:
        """To be called every now and then, so that cooldowns that end are noticed and told."""
        ended = [change for health in self._health.values() for change in health.tick(now)]
        return self._changes(ended, now)

    def probes_due(self, now: float) -> tuple[Upstream, ...]:
        """Upstreams to look at now; only those that matter."""
        return tuple(
            upstream
            for name, upstream in self.upstreams.items()
            if name in self._matter and self._health[name].probe_due(now)
        )

    def _next_probe(self, name: str, now: float) -> float | None:
        """Seconds until it is looked at; None: nobody will."""
        at = self._health[name].probe_at(now) if name in self._matter else inf
        return None if at == inf else max(0.0, at - now)

    # --- what a person says

    def use(self, name: str | None, now: float) -> list[Change]:
        """Put this upstream first wherever a route has it; None: leave it to health again."""
        if name is not None and self._named(name) not in self._routed:
            raise ValueError(f'no route has "{name}"')
        self._override = name
        return list[Change](self._moves(now))

    def reset(self, name: str | None, now: float) -> list[Change]:
        """Forget the cooldowns, counts and errors of this upstream; None: of all."""
        names = self._health if name is None else [self._named(name)]
        changes = [change for known in names for change in self._health[known].reset()]
        return self._changes(changes, now)

    def _named(self, name: str) -> str:
        if name not in self.upstreams:
            raise ValueError(f'"{name}" is not one of {", ".join(self.upstreams)}')
        return name

    def carry_over(self, old: "Router", now: float) -> None:
        """Take over what `old` knows of upstreams that are defined as they were."""
        for name, upstream in self.upstreams.items():
            if upstream == old.upstreams.get(name):
                self._health[name] = old._health[name].under(self._failover)
        self._preference = old._preference
        self._override = old._override if old._override in self._routed else None
        self._moves(now)

    # --- what there is to see

    def status(self, now: float) -> dict[str, Any]:
        """All of it as plain data, for display; no key is in it."""
        return {
            "routes": [self._route_status(route, now) for route in self.routes],
            "upstreams": [
                {
                    "name": name,
                    "protocol": upstream.protocol,
                    "url": upstream.url,
                    "max_in_flight": upstream.max_in_flight,
                    **self._health[name].status(now),
                    "next_probe": self._next_probe(name, now),
                }
                for name, upstream in self.upstreams.items()
            ],
        }

    def _route_status(self, route: Route, now: float) -> dict[str, Any]:
        order = [upstream.name for upstream in self.ordered(route, now)]
        return {
            "name": route.name,
            "active": order[0] if order else "",
            "order": order,
            "upstreams": [upstream.name for upstream in route.upstreams],
            "override": self._override if self._override in order else None,
            "shadow": route.shadow.upstream.name if route.shadow else None,
        }

    # --- inside

    def _health_of(self, upstream: Upstream) -> Health | None:
        """None where a reload changed or removed it: what was sent there tells nothing any more."""
        known = self.upstreams.get(upstream.name)
        same = known is upstream or known == upstream  # the first is quick
        return self._health[upstream.name] if same else None

    def _known(self, upstream: Upstream) -> Health:
        """As `_health_of`; nothing bad is known of one that a call from before a reload has."""
        known = self._health_of(upstream)
        return known or Health(upstream.name, self._failover, len(upstream.api_keys))

    def _usable_at(self, upstream: Upstream, now: float, model: str, operation: str) -> float:
        return self._known(upstream).usable_at(now, _use(Target(upstream), model, operation))

    def _changes(self, transitions: list[Transition], now: float) -> list[Change]:
        return [*transitions, *self._moves(now)] if transitions else []

    def _moves(self, now: float) -> list[Moved]:
        """The routes that another upstream comes first in than last time.

        A trial moves nothing: its end does.
        """

        def place(upstream: Upstream) -> tuple[bool, float]:
            known = self._health[upstream.name]
            return upstream.name != self._override, known.recovers_at(now)

        moves = []
        for route in self._leading():
            first, before = min(route.upstreams, key=place).name, self._first[route.name]
            if first != before:
                self._first[route.name] = first
                moves.append(Moved(route.name, before, first))
        return moves


def _use(target: Target, model: str, operation: str) -> Use:
    """What a request for the app's `model` makes use of at `target`."""
    return Use(target.key, target.upstream.model_for(model) or model, operation)


def matches(match: Match, facts: Facts) -> bool:
    """Whether all conditions hold."""
    return (
        match.protocol in (None, facts.protocol)
        and (match.model is None or glob(match.model, facts.model))
        and (match.host is None or glob(match.host, facts.host.lower()))
        and (match.path is None or glob(match.path, facts.path.partition("?")[0]))
        and all(_fits(pattern, facts.headers.get(name)) for name, pattern in match.header)
        and all(_fits(pattern, _field(facts.body, path)) for path, pattern in match.field)
        and (match.app is None or _fits(match.app, facts.headers.get("user-agent")))
        and match.side in (None, facts.side)
        and match.agent in (None, facts.agent)
        and match.thinking in (None, facts.thinking)
        and (match.tokens_over is None or facts.tokens > match.tokens_over)
        and match.has <= facts.has
    )


def _fits(pattern: str, value: str | None) -> bool:
    """What is not there fits nothing, not even *."""
    return value is not None and glob(pattern, value)


def _field(body: Json, path: str) -> str | None:
    """What stands at a path such as metadata.user_id or messages.0.role, all but text as JSON."""
    for key in path.split("."):
        if isinstance(body, list) and key.isdecimal() and int(key) < len(body):
            body = body[int(key)]
        elif isinstance(body, dict) and key in body:
            body = body[key]
        else:
            return None
    return body if isinstance(body, str) else dumps(body).decode()
