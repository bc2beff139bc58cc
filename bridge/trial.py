"""A call at an upstream that somebody chose for it: a replay, or a shadow.

It goes to that one, whatever routes and health say, and to no other. What becomes of it moves no
route, and no call of an app's knows of it later: it is nobody's answer.
"""

from dataclasses import replace
from math import inf

from .call import Call
from .exchange import Exchange
from .health import Outcome
from .ledger import Ledger
from .repairs import Repairs
from .routing import Choice, Router, Target
from .settings import Failover, Match, Route
from .store import Store
from .upstream import Upstream


class Unheard:
    """A circuit that is told in vain."""

    def begin(self, target: Target, now: float, *, model: str) -> None:
        pass

    def record(
        self,
        target: Target,
        outcome: Outcome,
        now: float,
        *,
        started: float,
        model: str,
        conversation: str,
    ) -> None:
        pass


def trial(
    call: Call,
    upstream: Upstream,
    name: str,
    router: Router,
    failover: Failover,
    *,
    key: bytes,
    ledger: Ledger | None,
    store: Store | None,
    repairs: Repairs,
    now: float,
) -> Exchange:
    """`name` stands where a route's would; `repairs` learns of it, for a refusal holds for all."""
    # What would be lost is to be seen, unless the upstream itself is strict.
    route = Route(name, Match(), (upstream,), strict=False)
    # Nobody waits for a sign of life.
    silent = replace(failover, early_stream=None, ping_interval=inf)
    return Exchange(
        call,
        Choice(route, (upstream,)),
        router,
        silent,
        Unheard(),
        key=key,
        ledger=ledger,
        store=store,
        repairs=repairs,
        resends=False,
        remembers=False,
        now=now,
    )
