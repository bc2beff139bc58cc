"""The shadows of routes: of each call what another upstream would be sent, and of some its answer.

Hard part: the app must not wait for any of it. A request is translated once more while its own
upstream is at work on it, or at the end where that came first; and what is really sent, is sent
after the app has its answer.
"""

import asyncio
from collections.abc import Callable
from functools import cached_property
from typing import Any

from mitmproxy import http

from ..call import Call
from ..settings import Shadow
from ..shadow import preview, sampled
from ..upstream import Upstream
from .origin import Unknown
from .replay import Replays
from .runtime import Runtime

SOON = 0.05  # seconds until the request of the app is on its way
MOST = 16  # shadows on their way at a time
BROKEN = ("unreachable", "timeout", "cut", "busy")  # outcomes of an attempt


class _Shadowed:
    """A call that has a shadow."""

    def __init__(self, call: Call, shadow: Shadow, runtime: Runtime, now: float) -> None:
        self.call, self.shadow, self.runtime = call, shadow, runtime
        self._now = now

    @cached_property
    def preview(self) -> dict[str, Any]:
        shadow = self.runtime.trial(self.call, self.shadow.upstream, "shadow", self._now)
        return preview(shadow, self._now)

    def prepare(self) -> None:
        """So that nobody has to wait for it later."""
        assert self.preview


class Shadows:
    def __init__(self, replays: Replays, clock: Callable[[], float]) -> None:
        self._replays, self._clock = replays, clock
        self._calls: dict[str, _Shadowed] = {}  # by flow id, while the flow lives
        self._sent: dict[str, _Shadowed] = {}  # by id of the replay
        self._paused: dict[str, float] = {}  # by upstream, until when

    def begin(self, flow: http.HTTPFlow, call: Call, runtime: Runtime) -> None:
        """A call of an app's is about to be sent."""
        if shadow := runtime.shadow(call):
            shadowed = _Shadowed(call, shadow, runtime, self._clock())
            self._calls[flow.id] = shadowed
            asyncio.get_running_loop().call_later(SOON, shadowed.prepare)

    def end(self, flow: http.HTTPFlow) -> None:
        """A flow is over, and has its record."""
        record = flow.metadata.get("bridge") or {}
        [*_, last] = record.get("attempts") or [{"outcome": "refused", "status": 0}]
        if shadowed := self._calls.pop(flow.id, None):
            follow = self._follow(flow, shadowed) if last["outcome"] == "ok" else {}
            record["shadow"] = {**shadowed.preview, **follow}
        elif sent := self._sent.pop(flow.id, None):
            self._judge(last, sent)

    def _follow(self, flow: http.HTTPFlow, shadowed: _Shadowed) -> dict[str, str]:
        """Send it, if it is one of those; what the record says of that."""
        share, upstream = shadowed.shadow.share, shadowed.shadow.upstream
        if shadowed.preview["refused"] or not sampled(flow.id, share):
            return {}
        if reason := self._reason_to_skip(upstream):
            return {"skipped": reason}
        try:
            replay = self._replays.start(flow, shadowed.call, upstream, "shadow")
        except Unknown as reason:
            return {"skipped": str(reason)}
        self._sent[replay.id] = shadowed
        return {"replay": replay.id}

    def _reason_to_skip(self, upstream: Upstream) -> str:
        left = self._paused.get(upstream.name, 0.0) - self._clock()
        if left > 0:
            return f"{upstream.name} failed; paused for {left:.0f} s more"
        full = self._replays.count("shadow") >= MOST
        return f"{MOST} are on their way" if full else ""

    def _judge(self, attempt: dict[str, Any], sent: _Shadowed) -> None:
        """An upstream that fails is left alone for a while; no route hears of it."""
        failover = sent.runtime.config.failover
        if attempt["outcome"] in BROKEN or attempt["status"] in failover.statuses:
            self._paused[sent.shadow.upstream.name] = self._clock() + failover.cooldown
