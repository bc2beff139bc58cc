"""The rows of the table: what each lets a target do, what is counted, and the bar it has to keep.

The order matters: memory first, before larger requests leave room in the processes for small ones.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from statistics import median
from typing import Protocol

from scripts._processes import Failed

from . import bodies
from .client import Answer, Connection, events_in, request
from .results import Bar, growth, low
from .targets import STALL_AFTER, Target

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
HELLO = "[[text:Hello, how are you today?]]"
EVENTS, MANY_EVENTS, BETWEEN_MARKS = 500, 5000, 50
OPEN_STREAMS = 100

OURS = request("POST", MESSAGES, bodies.messages("to-chat", HELLO))
SAME = request("POST", MESSAGES, bodies.messages("same", HELLO))
IDLE = request("POST", MESSAGES, bodies.messages("idle", HELLO))
AGENT = request("POST", MESSAGES, bodies.agent("to-chat"))
IDLE_AGENT = request("POST", MESSAGES, bodies.agent("idle"))
NOT_OURS = request("GET", "/elsewhere/v1/files?limit=20")
NOT_FOUND = 404  # the simulator's answer to it, as short as any


def messages_stream(model: str, events: int) -> bytes:
    return request("POST", MESSAGES, bodies.messages(model, f"[[words:{events}]]", stream=True))


def chat_stream(model: str, events: int) -> bytes:
    return request("POST", CHAT, bodies.chat(model, f"[[words:{events}]]", stream=True))


class Load(Protocol):
    """Lets a target do its work once, and says what that took in the row's unit."""

    def sample(self, target: Target) -> float: ...


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    unit: str
    bar: Bar
    load: Load
    rounds: int = 1
    typical: Callable[[Sequence[float]], float] = low
    targets: tuple[str, ...] = ("direct", "plain", "bridge")


@dataclass(frozen=True, slots=True)
class Requests:
    """Milliseconds of processor time for a request."""

    wire: bytes
    times: int
    status: int = 200

    def sample(self, target: Target) -> float:
        with _connected(target) as connection:
            before = target.settle()
            for _ in range(self.times):
                _expect(target, connection.ask(self.wire), self.status)
            return (target.settle() - before) * 1e3 / self.times


@dataclass(frozen=True, slots=True)
class Events:
    """Microseconds of processor time for an event of a stream."""

    wire: bytes

    def sample(self, target: Target) -> float:
        with _connected(target) as connection:
            before = target.settle()
            _expect(target, connection.ask(self.wire), 200, EVENTS)
            return (target.settle() - before) * 1e6 / EVENTS


@dataclass(frozen=True, slots=True)
class OnTheClock:
    """Milliseconds until an app has its answer."""

    wire: bytes

    def sample(self, target: Target) -> float:
        with _connected(target) as connection:
            target.settle()
            before = time.perf_counter()
            _expect(target, connection.ask(self.wire), 200)
            return (time.perf_counter() - before) * 1e3


@dataclass(frozen=True, slots=True)
class LateEvents:
    """How many times an early event of a long stream a late one takes."""

    wire: bytes

    def sample(self, target: Target) -> float:
        with _connected(target) as connection:
            target.settle()
            status, _ = connection.begin(self.wire)
            marks = list(_marks(target, connection))
        events = len(marks) * BETWEEN_MARKS  # or more, where two marks fell into one chunk
        _expect(target, Answer(status, 0, events), 200, MANY_EVENTS * 9 // 10)
        return growth(marks)


def _marks(target: Target, connection: Connection) -> Iterator[float]:
    """Its processor time after every so many events of a stream."""
    events = 0
    while piece := connection.chunk():
        before, events = events, events + events_in(piece)
        if events // BETWEEN_MARKS > before // BETWEEN_MARKS:
            yield target.cpu()


class Rest:
    """Megabytes of a process that has done each kind of thing once."""

    def sample(self, target: Target) -> float:
        with _connected(target) as connection:
            for wire in (OURS, SAME, messages_stream("to-chat", 5), chat_stream("to-messages", 5)):
                _expect(target, connection.ask(wire), 200)
        target.settle()
        return target.memory() / 1e6


@dataclass(frozen=True, slots=True)
class OpenStreams:
    """Kilobytes that a process grows by for a stream that has begun."""

    wire: bytes

    def sample(self, target: Target) -> float:
        with ExitStack() as stack:
            self._open(stack, target)  # what only the first one takes
            target.settle()
            before = target.memory()
            for _ in range(OPEN_STREAMS):
                self._open(stack, target)
            target.settle()
            return (target.memory() - before) / 1e3 / OPEN_STREAMS

    def _open(self, stack: ExitStack, target: Target) -> None:
        connection = stack.enter_context(Connection(target.port))
        status, _ = connection.begin(self.wire)
        events = 0
        while events < STALL_AFTER and (piece := connection.chunk()):
            events += events_in(piece)
        _expect(target, Answer(status, 0, events), 200, STALL_AFTER)


def _connected(target: Target) -> Connection:
    """A connection that has been used: opening one has a cost of its own."""
    connection = Connection(target.port)
    _expect(target, connection.ask(NOT_OURS), NOT_FOUND)
    return connection


def _expect(target: Target, answer: Answer, status: int, events: int = 0) -> None:
    """Failed unless the target did the work it is measured by."""
    if answer.status != status or answer.events < events:
        wanted = f"status {status} and {events} events or more"
        raise Failed(f"{target.name} gave {answer}; {wanted} were expected")


REDIRECTED = {IDLE: f"/idle{MESSAGES}"}
TRANSLATED = {OURS: "/v1/chat/completions", SAME: MESSAGES, chat_stream("to-messages", 5): MESSAGES}
BRIDGED = {**TRANSLATED, **REDIRECTED}
PROOF = {"twin": REDIRECTED, "redirect": REDIRECTED, "hooked": BRIDGED, "bridge": BRIDGED}


def prove(targets: Mapping[str, Target]) -> None:
    """Failed unless each does what it is there for: to hand calls on as they are is cheap."""
    for name in [name for name in PROOF if name in targets]:
        with _connected(targets[name]) as connection:
            for wire in PROOF[name]:
                _expect(targets[name], connection.ask(wire), 200)
        paths, wanted = _paths_of_calls(targets["direct"]), list(PROOF[name].values())
        if paths[-len(wanted) :] != wanted:
            raise Failed(f"the calls through the {name} went to {paths[-len(wanted) :]}")


def _paths_of_calls(direct: Target) -> list[str]:
    """Where in the simulator they came in."""
    with closing(HTTPConnection("127.0.0.1", direct.port)) as simulator:
        simulator.request("GET", "/_sim/requests")
        seen = json.load(simulator.getresponse())
    return [request["path"] for request in seen if request["method"] == "POST"]


BURST = messages_stream("to-chat", EVENTS)
TO_CHAT = messages_stream("to-chat-paced", EVENTS)
TO_MESSAGES = chat_stream("to-messages-paced", EVENTS)
SAME_STREAM = messages_stream("same-paced", EVENTS)
IDLE_STREAM = messages_stream("idle-paced", EVENTS)
THOUGHT = request("POST", MESSAGES, bodies.messages("idle-thinking", HELLO))
THOUGHT_AGENT = request("POST", MESSAGES, bodies.agent("idle-thinking"))
STALLED = messages_stream("to-chat-stalled", EVENTS)
LONG = messages_stream("to-chat-paced", MANY_EVENTS)
NOISE = Bar("x", 1.05)  # on a busy machine two redirects are as far from each other


def beside_redirect(*rows: Row) -> Iterator[Row]:
    """The upstream is well and has a backup: what that costs, next to a redirect that has none.

    Processor time cannot be the same, for the bridge reads each body and keeps it. On the clock an
    app must not notice.
    """
    return (replace(row, targets=("twin", "redirect", "bridge")) for row in rows)


def beside_hooked(*rows: Row) -> Iterator[Row]:
    """What it costs that a request could go on elsewhere, while it need not."""
    return (replace(row, targets=("hooked", "bridge")) for row in rows)


ROWS = (
    Row("memory at rest", "MB", Bar("+", 20), Rest()),
    Row("memory of an open stream", "KB", Bar("+", 150), OpenStreams(STALLED)),
    Row("small request, translated", "ms", Bar("x", 1.3), Requests(OURS, 10), 80),
    Row("small request, same protocol", "ms", Bar("x", 1.3), Requests(SAME, 10), 80),
    Row("agent request, translated", "ms", Bar("x", 3.0), Requests(AGENT, 3), 40),
    Row("event, Messages app, Chat upstream", "µs", Bar("x", 2.0), Events(TO_CHAT), 10),
    Row("event, Chat app, Messages upstream", "µs", Bar("x", 2.0), Events(TO_MESSAGES), 10),
    Row("event, same protocol", "µs", Bar("x", 2.0), Events(SAME_STREAM), 10),
    Row("event of a burst, translated", "µs", Bar("x", 2.0), Events(BURST), 40),
    Row("late event to early event", "x", Bar("x", 1.3), LateEvents(LONG), 3, median),
    Row("request that is not ours", "ms", Bar("x", 1.05), Requests(NOT_OURS, 10, NOT_FOUND), 200),
    *beside_redirect(
        Row("healthy primary, small request", "ms", Bar("x", 1.5), Requests(IDLE, 10), 60),
        Row("healthy primary, agent request", "ms", Bar("x", 2.2), Requests(IDLE_AGENT, 3), 40),
        Row("healthy primary, event", "µs", Bar("x", 1.5), Events(IDLE_STREAM), 20),
        Row("healthy primary, small, clock", "ms", NOISE, OnTheClock(THOUGHT), 20, median),
        Row("healthy primary, agent, clock", "ms", NOISE, OnTheClock(THOUGHT_AGENT), 20, median),
    ),
    *beside_hooked(
        Row("failover unused, small request", "ms", NOISE, Requests(IDLE, 10), 120),
        Row("failover unused, agent request", "ms", NOISE, Requests(IDLE_AGENT, 3), 60),
        Row("failover unused, event", "µs", NOISE, Events(IDLE_STREAM), 30),
    ),
)
