"""The upstreams one process plays: for each its rules, its queue of faults, counters and requests.

Tests look at this from other threads than the server's, so everything is behind one lock, and
`until` waits for a condition instead of sleeping.
"""

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from .dialect import Rules
from .faults import BadFault, Fault, check_faults, check_match, check_times
from .openai_chat.rules import KNOWN
from .wire import Headers

Json = Any
DEFAULT = "default"  # the name behind /v1
ANY = "*"  # faults for whichever upstream is asked next
MAX_UPSTREAMS = 256
MAX_RECORDS = 2000
MAX_RECORDED_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request that came in; bodies are kept as bytes and read when somebody looks."""

    number: int
    upstream: str
    method: str
    path: str
    headers: Headers
    raw: bytes
    operation: str | None
    refusal: str | None = None  # which rule of the vendor it breaks

    @property
    def body(self) -> Json:
        try:
            return json.loads(self.raw)
        except (ValueError, RecursionError):
            return self.raw.decode("utf-8", "replace") or None

    @property
    def unknown(self) -> list[str]:
        """Top-level keys that Chat Completions does not know."""
        body = self.body if self.operation == "chat/completions" else None
        return sorted(set(body) - KNOWN) if isinstance(body, dict) else []

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def as_json(self) -> Json:
        return {
            "number": self.number,
            "upstream": self.upstream,
            "method": self.method,
            "path": self.path,
            "headers": [list(pair) for pair in self.headers],
            "body": self.body,
            "unknown": self.unknown,
            "refusal": self.refusal,
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """What faults are matched with."""

    path: str
    method: str
    stream: bool
    model: str

    def fits(self, match: dict[str, Json]) -> bool:
        return all(self._fits(key, value) for key, value in match.items())

    def _fits(self, key: str, value: Json) -> bool:
        mine = getattr(self, key)
        return mine is value if isinstance(value, bool) else fnmatchcase(mine, value)


@dataclass(slots=True)
class Pending:
    faults: list[Fault]
    match: dict[str, Json]
    count: int | None


@dataclass(slots=True)
class Upstream:
    name: str
    rules: Rules
    burst: bool = False  # every stream in one write
    queue: list[Pending] = field(default_factory=list)
    requests: int = 0
    open: int = 0
    aborted: int = 0


class Upstreams:
    def __init__(self, rules: Rules) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._rules = rules
        self._all = {name: Upstream(name, rules) for name in (DEFAULT, ANY)}
        self._records: deque[Recorded] = deque()
        self._recorded_bytes = 0
        self._arrivals = 0
        self.connections: Callable[[], list[str | None]] = list

    # what the server does

    def get(self, name: str) -> Upstream | None:
        with self._changed:
            if name not in self._all and len(self._all) < MAX_UPSTREAMS:
                self._all[name] = Upstream(name, self._rules)
            return self._all.get(name)

    def known(self, name: str) -> bool:
        with self._changed:
            return name in self._all

    def record(self, upstream: Upstream, request: Recorded) -> int:
        with self._changed:
            self._arrivals += 1
            upstream.requests += 1
            self._records.append(replace(request, number=self._arrivals))
            self._recorded_bytes += len(request.raw)
            while len(self._records) > MAX_RECORDS or self._recorded_bytes > MAX_RECORDED_BYTES:
                self._recorded_bytes -= len(self._records.popleft().raw)
            self._changed.notify_all()
            return self._arrivals

    def refused(self, number: int, rule: str) -> None:
        with self._changed:
            for place, record in enumerate(self._records):
                if record.number == number:
                    self._records[place] = replace(record, refusal=rule)

    def take(self, upstream: Upstream, facts: Facts) -> list[Fault]:
        with self._changed:
            for queue in (upstream.queue, self._queue(ANY)):
                pending = next((p for p in queue if facts.fits(p.match)), None)
                if pending is not None:
                    return _use(queue, pending)
            return []

    def take_refusal(self) -> bool:
        """Whether the next connection is to be reset before it says what it wants."""
        with self._changed:
            queue = self._queue(ANY)
            first = queue[0] if queue else None
            if first is None or first.match or first.faults[0]["kind"] != "refused":
                return False
            _use(queue, first)
            return True

    def begin(self, upstream: Upstream) -> None:
        with self._changed:
            upstream.open += 1
            self._changed.notify_all()

    def end(self, upstream: Upstream, aborted: bool) -> None:
        with self._changed:
            upstream.open -= 1
            upstream.aborted += aborted
            self._changed.notify_all()

    def touch(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _queue(self, name: str) -> list[Pending]:
        upstream = self.get(name)
        return upstream.queue if upstream is not None else []

    # what tests and the control API do

    def add_fault(self, upstream: str | None, fault: Json, count: Json, match: Json) -> None:
        inner = None
        if isinstance(fault, dict):
            fault = dict(fault)
            inner = fault.pop("match", None)
        pending = Pending(check_faults(fault), check_match(match or inner), check_times(count))
        found = self.get(upstream or ANY)
        if found is None:
            raise BadFault("upstream: there are too many already")
        with self._changed:
            found.queue.append(pending)

    def clear_faults(self, upstream: str | None = None) -> None:
        with self._changed:
            for name, each in self._all.items():
                if upstream in (None, name):
                    each.queue.clear()

    def configure(self, name: str, burst: bool | None = None, **rules: Any) -> None:
        upstream = self.get(name)
        if upstream is None:
            raise BadFault("upstream: there are too many already")
        with self._changed:
            upstream.rules = replace(upstream.rules, **rules)
            upstream.burst = upstream.burst if burst is None else burst

    def requests(self, upstream: str | None = None) -> list[Recorded]:
        with self._changed:
            return [r for r in self._records if upstream in (None, r.upstream)]

    def forget_requests(self) -> None:
        with self._changed:
            self._records.clear()
            self._recorded_bytes = 0

    def state(self) -> Json:
        with self._changed:
            connections = self.connections()
            return {
                "connections": len(connections),
                "upstreams": {
                    name: {
                        "requests": each.requests,
                        "open": each.open,
                        "connections": connections.count(name),
                        "aborted": each.aborted,
                        "faults": len(each.queue),
                    }
                    for name, each in self._all.items()
                    if name != ANY
                },
            }

    def until(self, condition: Callable[[], bool], timeout: float) -> bool:
        with self._changed:
            return self._changed.wait_for(condition, timeout)


def _use(queue: list[Pending], pending: Pending) -> list[Fault]:
    if pending.count is not None:
        pending.count -= 1
        if pending.count == 0:
            queue.remove(pending)
    return pending.faults
