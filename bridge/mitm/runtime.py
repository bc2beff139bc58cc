"""The bridge at run time: the configuration in force, the router, the timers.

A wrong configuration file stops the start; later it is reported and the one in force stays. Calls
that are under way keep what they began with.
"""

import asyncio
import logging
import os
import secrets
import time
from itertools import islice
from pathlib import Path
from typing import Any

from ..aside import Aside, Desk, refused
from ..call import Call
from ..capture import Known
from ..config import Config, ConfigError, load
from ..doctor import calls_finding, found, mistakes, warnings, worst_first
from ..endpoints import Side
from ..exchange import Exchange
from ..handshake import Handshake
from ..health import Outcome
from ..history.calls import History
from ..history.summary import summary
from ..ledger import Ledger
from ..loss_log import LossLog
from ..outgoing import Outgoing
from ..repairs import Fit, Repairs
from ..routing import Change, Choice, Router, Target
from ..settings import HistoryBounds, Shadow
from ..steps import Reply
from ..store import Store
from ..trace import Trace
from ..transform import Error, Protocol, TransformError
from ..transform.families import VENDOR
from ..transform.headers import CREDENTIALS
from ..trial import trial
from ..upstream import Upstream
from ..watched import Watched
from .doctor import Doctor
from .news import News
from .probe import probe
from .redact import masked
from .timers import Timers

logger = logging.getLogger(__name__)

_EPOCH = time.time() - time.monotonic()


def clock() -> float:
    """Seconds since the epoch, by a clock that is never set back."""
    return _EPOCH + time.monotonic()


class Runtime:
    """ConfigError when the file at `config_path` is wrong; `key` seals opaque state."""

    def __init__(self, config_path: Path, key: bytes) -> None:
        self._path, self._key = config_path, key
        self._seen = _stamp(config_path)
        self.config: Config = load(config_path, os.environ)
        self.router = Router(self.config)
        self.ledger = _ledger(self.config, None)
        self.store = _store(self.config, None)
        self.history = _history(self.config, None)
        self.news = News()
        self.doctor = Doctor(lambda: self.config, self.news.tell, clock)
        self._mistakes: tuple[str, ...] = ()  # of a file that was not taken
        self._under_way: dict[str, Trace] = {}  # by the id of the call
        self._repairs = Repairs()
        self._losses = LossLog()
        self._timers = Timers(self._tick, self._due, self._check)
        self._freed: asyncio.Future[None] | None = None  # a request ended; someone waits for that
        self._tell_warnings()

    def start(self) -> None:
        self._timers.start()

    def stop(self) -> None:
        self._timers.stop()
        self.doctor.stop()

    def open(self, call: Call, now: float, *, resends: bool) -> Exchange | Watched:
        """`resends`: whoever drives it can try one upstream after the other."""
        choice = self.router.candidates(call.facts(self.router.asks), now)
        if choice is None:
            return self.watch(call, None, now)
        return self._exchange(call, choice, now, resends=resends)

    def watch(self, call: Call, upstream: Upstream | None, now: float) -> Watched:
        """What looks at a call that is passed on; `upstream` None: to the app's own host."""
        return Watched(call, now, key=self._key, ledger=self.ledger, upstream=upstream)

    def _exchange(self, call: Call, choice: Choice, now: float, *, resends: bool) -> Exchange:
        return Exchange(
            call,
            choice,
            self.router,
            self.config.failover,
            self,
            key=self._key,
            strict=self.config.strict,
            notes_header=self.config.notes_header,
            ledger=self.ledger,
            store=self.store,
            repairs=self._repairs,
            resends=resends,
            now=now,
        )

    def trial(self, call: Call, upstream: Upstream, name: str, now: float) -> Exchange:
        """The call at this very upstream; see `trial`. To be driven by mitmproxy's own hooks."""
        return trial(
            call,
            upstream,
            name,
            self.router,
            self.config.failover,
            key=self._key,
            ledger=self.ledger,
            store=self.store,
            repairs=self._repairs,
            now=now,
        )

    def known(self, call: Call, name: str, protocol: Protocol) -> Known:
        """How a request of `call` is made by now for the upstream with this name.

        As for the vendor of `protocol`, where there is no such upstream any more.
        """
        upstream = self.config.upstreams.get(name)
        fit = self._repairs.fit(upstream, call) if upstream else Fit(VENDOR[protocol])
        return Known(
            profile=fit.made(),
            upstream_id=fit.owner(upstream) if upstream else name,
            own_host=upstream is not None and call.addresses(upstream),
            key=self._key,
            stores=self.store is not None,
            ledger=self.ledger.at(clock()) if self.ledger else None,
            credentials=self._credentials(call),
        )

    def _credentials(self, call: Call) -> tuple[str, ...]:
        """All that are about, of the upstreams and of the app."""
        upstreams = self.config.upstreams.values()
        given = [value for upstream in upstreams for _, value in upstream.headers]
        given += [value for name, value in call.headers if name.lower() in CREDENTIALS]
        words = [word for value in given for word in value.split()]  # a scheme is no secret
        return (*words, *(key for upstream in upstreams for key in upstream.api_keys))

    def shadow(self, call: Call) -> Shadow | None:
        """Of the route that takes the call."""
        router = self.router
        return router.shadow(call.facts(router.asks)) if router.has_shadows else None

    def beside(
        self, side: Side, call: Call, now: float, *, resends: bool
    ) -> Reply | Aside | Exchange | Outgoing | Handshake | None:
        """What becomes of a request to an endpoint beside the call; None: it passes untouched."""
        try:
            return self._beside(side, call, now, resends=resends)
        except TransformError as error:
            return refused(side, error)
        except Exception as error:  # the one net: else it would pass untouched
            logger.exception("bridge: a request could not be handled")
            return refused(side, _own_fault(error))

    def _beside(
        self, side: Side, call: Call, now: float, *, resends: bool
    ) -> Reply | Aside | Exchange | Outgoing | Handshake | None:
        patience = self.config.failover.first_byte_timeout
        desk = Desk(
            self.router,
            self.store,
            self._key,
            patience,
            self.config.intercept.websocket,
            serves=resends,
        )
        if (known := desk.known(side, call, now)) is not None:
            return known
        if (unsettled := desk.unsettled(side, call)) is not None:
            return unsettled
        choice = desk.choice(side, call, now)
        if choice is None:
            return None
        if side.kind == "compact":
            return self._exchange(call, choice, now, resends=resends)
        answer = desk.answer(side, call, choice, now)
        if side.kind == "socket" and resends and isinstance(answer, Outgoing):
            return Handshake(answer, self, now, patience)
        return answer

    async def advance(self, exchange: Exchange) -> Outgoing | None:
        """The next attempt's request; None: `exchange.ending` is what the app gets instead."""
        try:
            while (target := exchange.next_target(clock())) is not None:
                if not await self._turn(target):
                    exchange.busy(target, clock())
                elif sent := exchange.next_attempt(target, clock()):
                    return sent
            exchange.exhausted(clock())
        except TransformError as error:
            exchange.refuse(error, clock())
        except Exception as error:  # the one net: else the app's own host would get the call
            logger.exception("bridge: a request could not be handled")
            exchange.refuse(_own_fault(error), clock())
        return None

    async def _turn(self, target: Target) -> bool:
        """Wait until `target` may have one more request under way; False: not in time."""
        deadline = clock() + target.upstream.queue
        while self.router.full(target.upstream):
            self._freed = self._freed or asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(deadline - clock()):
                    await asyncio.shield(self._freed)
            except TimeoutError:
                return False
        return True

    # The router in force is told, which may be newer than the call.

    def begin(self, target: Target, now: float, *, model: str) -> None:
        self.router.begin(target, now, model=model)

    def leaves(self, target: Target, call: Call, now: float) -> bool:
        """Whether what `call` asks for is sent to another by now, or with another key."""
        choice = self.router.candidates(call.facts(self.router.asks), now)
        return choice is not None and self.router.target(choice.upstreams[0], now) != target

    def record(
        self,
        target: Target,
        outcome: Outcome,
        now: float,
        *,
        started: float,
        model: str,
        conversation: str = "",
    ) -> None:
        facts = {"model": model, "conversation": conversation}
        self._told(self.router.record(target, outcome, now, started=started, **facts))
        if self._freed is not None:
            self._freed.set_result(None)
            self._freed = None

    def began(self, call_id: str, trace: Trace) -> None:
        """A call is under way; pages show how far it is."""
        self._under_way[call_id] = trace
        self.news.tell()

    def ended(self, call_id: str, record: dict[str, Any]) -> None:
        """A call is over, and this is its record."""
        self._under_way.pop(call_id, None)
        self.history.add(call_id, record)
        self.news.tell()

    def under_way(self, limit: int) -> list[dict[str, Any]]:
        """The last ones first, as calls that are over are listed."""
        last = islice(reversed(self._under_way.items()), limit)
        return [summary(name, trace.about(), self.history.prices).as_dict() for name, trace in last]

    def call(self, call_id: str) -> dict[str, Any] | None:
        """The record of a call, as far as it is; None where nothing is kept of it."""
        trace = self._under_way.get(call_id)
        if trace is None:
            return self.history.record(call_id)
        record = {**trace.metadata(), "under_way": True}
        return masked(record) if self.config.mask else record

    def tell_losses(self, trace: Trace) -> None:
        """Of a call that is over."""
        for line in self._losses.lines(trace, clock()):
            logger.info("bridge: %s", line)

    # --- how it all is

    async def examine(self, age: float, patience: float) -> None:
        await self.doctor.examine(age, patience)

    def findings(self) -> list[dict[str, Any]]:
        """The worst first."""
        config = self.config
        counted = {"upstreams": len(config.upstreams), "routes": len(config.routes)}
        read = found("config_ok", file=self._path.name, **counted)
        found_all = [*(mistakes(self._mistakes) or [read]), *warnings(config.warnings)]
        found_all += self.doctor.findings()
        if config.history is not None:
            found_all.append(calls_finding(self._last_call(), clock()))
        return [finding.as_dict() for finding in worst_first(found_all)]

    def _last_call(self) -> float | None:
        """When the last one began, as far as that is kept."""
        started = [call["started"] for call in self.history.calls(1)]
        started += [trace.started for trace in self._under_way.values()]
        return max(started, default=None)

    # --- by hand

    def status(self) -> dict[str, Any]:
        """Plain data."""
        intercept = {"hosts": list(self.config.intercept.hosts)}
        return {**self.router.status(clock()), "intercept": intercept}

    def use(self, upstream: str | None) -> list[Change]:
        """ValueError for an upstream that no route has; None: by health again."""
        return self._told(self.router.use(upstream, clock()))

    def reset(self, upstream: str | None) -> list[Change]:
        """ValueError for an upstream that is none; None: all of them.

        What was learned of its refusals goes too.
        """
        changes = self.router.reset(upstream, clock())
        self._repairs.forget(upstream)
        self.news.tell()  # of more than what changed
        return self._told(changes)

    def check(self) -> list[str]:
        """Probe all upstreams now; their names."""
        for upstream in self.config.upstreams.values():
            self._timers.probe(upstream)
        return list(self.config.upstreams)

    def _told(self, changes: list[Change]) -> list[Change]:
        for change in changes:
            logger.warning("bridge: %s", change)
        if changes:
            self.news.tell()
        return changes

    # --- inside

    def _tick(self) -> None:
        for change in self.router.tick(clock()):
            logger.info("bridge: %s", change)
            self.news.tell()
        if self._under_way:
            self.news.tell()
        stamp = _stamp(self._path)
        if stamp != self._seen:
            self._seen = stamp
            self._reload()

    def _reload(self) -> None:
        try:
            config = load(self._path, os.environ)
        except ConfigError as error:
            self._mistakes = error.mistakes
            self.news.tell()
            # No error level: mitmproxy takes errors at its start for a reason to exit.
            logger.warning("%s\nbridge: the old configuration stays in force", error)
            return
        router = Router(config)
        router.carry_over(self.router, clock())
        self.config, self.router, self._mistakes = config, router, ()
        self.ledger = _ledger(config, self.ledger)
        self.store = _store(config, self.store)
        self.history = _history(config, self.history)
        self._timers.stop()
        self._timers.start()
        logger.info("bridge: %s was read again", self._path.name)
        self._tell_warnings()

    def _due(self) -> tuple[Upstream, ...]:
        return self.router.probes_due(clock())

    async def _check(self, upstream: Upstream) -> None:
        result = await probe(upstream, self.config.failover.health_check)
        self._told(self.router.checked(upstream, result, clock()))
        self.news.tell()  # of what it said, and when the next one is

    def _tell_warnings(self) -> None:
        for warning in self.config.warnings:
            logger.warning("%s", warning)


def _own_fault(error: Exception) -> Error:
    return Error("server", f"bridge: {error}", 500)


def _ledger(config: Config, before: Ledger | None) -> Ledger | None:
    """One within the configured bounds; what the one before knows is kept."""
    if config.ledger is None:
        return None
    return before.resized(config.ledger) if before else Ledger(config.ledger)


def _store(config: Config, before: Store | None) -> Store | None:
    """As the ledger."""
    if config.store is None:
        return None
    return before.resized(config.store) if before else Store(config.store)


def _history(config: Config, before: History | None) -> History:
    """As the ledger; with `history: false` it keeps no call."""
    bounds = config.history or HistoryBounds(max_calls=0)
    made = before or History()
    return made.under(bounds.max_calls, bounds.max_bytes, config.prices)


def _stamp(path: Path) -> tuple[int, int] | None:
    """Changes when the file does; None while there is none (editors replace files)."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def installation_key(folder: Path) -> bytes:
    """The key of this installation, made at its first start and readable to its owner alone."""
    path = folder / "llm-bridge.key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        key = secrets.token_bytes(32)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key)
        return key
