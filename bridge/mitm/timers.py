"""The loop beside the traffic: the cooldown tick, health checks, and the watch on config.yaml.

It survives its own errors and blocks nothing: a probe that hangs holds up no other.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from ..upstream import Upstream

TICK = 0.2  # seconds

logger = logging.getLogger(__name__)


class Timers:
    """Calls `tick` every TICK seconds, and `probe` for each upstream `due` names, until stopped.

    No upstream is probed twice at a time.
    """

    def __init__(
        self,
        tick: Callable[[], None],
        due: Callable[[], Iterable[Upstream]],
        probe: Callable[[Upstream], Awaitable[None]],
    ) -> None:
        self._tick, self._due, self._ask = tick, due, probe
        self._loop_task: asyncio.Task[None] | None = None
        self._probes: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        self._loop_task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Cancels everything; a Timers that was stopped may be started again."""
        for task in filter(None, [self._loop_task, *self._probes.values()]):
            task.cancel()
        self._loop_task = None
        self._probes = {}

    async def _run(self) -> None:
        while True:
            try:
                self._tick()
                for upstream in self._due():
                    self.probe(upstream)
            except Exception:  # the one net below it: traffic must not suffer from a timer
                # No error level: mitmproxy takes errors at its start for a reason to exit.
                logger.warning("bridge: a timer failed; it goes on", exc_info=True)
            await asyncio.sleep(TICK)

    def probe(self, upstream: Upstream) -> None:
        """Look at `upstream` now, unless somebody does already."""
        running = self._probes.get(upstream.name)
        if running is None or running.done():
            task = asyncio.get_running_loop().create_task(self._guarded(upstream))
            self._probes[upstream.name] = task

    async def _guarded(self, upstream: Upstream) -> None:
        try:
            await self._ask(upstream)
        except Exception:
            logger.warning("bridge: the health check of %s failed", upstream.name, exc_info=True)
