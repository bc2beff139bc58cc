"""Which of a route's healthy upstreams a new request gets, where order does not decide it.

In go the route, who is healthy, and the conversation; out comes one of them. A sticky route keeps a
conversation where it went last; a weighted one takes turns, in proportion and without bunching: of
weights 3 and 1 every fourth goes to the second. Both are wishes: who is not healthy is not chosen.
"""

from collections import defaultdict
from collections.abc import Sequence

from .bounded import Bounded, Bounds
from .settings import Route
from .upstream import Upstream

CONVERSATIONS = Bounds(max_bytes=4 * 1024**2, max_age=24 * 3600.0)  # about ten thousand


class Preference:
    """What is remembered of earlier choices."""

    def __init__(self) -> None:
        # By route and upstream, how much it is behind its share: smooth weighted round robin.
        self._behind: defaultdict[str, defaultdict[str, int]] = defaultdict(
            lambda: defaultdict(int)
        )
        self._last = Bounded(CONVERSATIONS)

    def choose(
        self, route: Route, healthy: Sequence[Upstream], conversation: str, now: float
    ) -> Upstream:
        """One of `healthy`, which has at least one and is in the route's order."""
        last = self._last.get(_key(route, conversation), now) or b""
        stayed = (upstream for upstream in healthy if upstream.name == last.decode())
        return next(stayed, None) or self._take_turns(route, healthy)

    def _take_turns(self, route: Route, healthy: Sequence[Upstream]) -> Upstream:
        weights = dict(route.weights)
        sharing = [upstream for upstream in healthy if upstream.name in weights]
        if not sharing:
            return healthy[0]
        behind = self._behind[route.name]
        for upstream in sharing:
            behind[upstream.name] += weights[upstream.name]
        chosen = max(sharing, key=lambda upstream: behind[upstream.name])
        behind[chosen.name] -= sum(weights[upstream.name] for upstream in sharing)
        return chosen

    def went_to(self, route: Route, conversation: str, upstream: Upstream, now: float) -> None:
        if route.sticky and conversation:
            self._last.put([_key(route, conversation)], upstream.name.encode(), now)

    def failed(self, route: Route, conversation: str, upstream: Upstream, now: float) -> None:
        """The conversation need not go back there."""
        key = _key(route, conversation)
        if self._last.get(key, now) == upstream.name.encode():
            self._last.discard(key)


def _key(route: Route, conversation: str) -> bytes:
    return f"{route.name}\n{conversation}".encode("utf-8", "surrogatepass")
