"""Parts of an answer that may arrive interleaved, given on one after the other.

In: what a decoder reads, in the order it came: texts, reasoning, calls and pieces of calls begun
earlier. Out: events with at most one part open. Hard part: nothing says when a call is over but
that its arguments are whole and something else has begun; until then what came later has to wait,
in order.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol as Interface

from .answers import CitationDelta, Event, PartDelta, PartEnd, PartStart
from .arguments import Arguments
from .json_text import Json
from .model import Native, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from .notes import Notes

UNNAMED = "unnamed_tool"  # a call whose name never came: the app answers it as an unknown tool


class _Item(Interface):
    """A part that is open or waits for its turn, and what came for it while it waited."""

    waiting: list[Event]

    @property
    def part(self) -> TextPart | RefusalPart | ReasoningPart | ToolCallPart: ...

    @property
    def ready(self) -> bool:
        """Enough is known to open it."""
        ...

    @property
    def whole(self) -> bool:
        """It may be closed, when something else has begun."""
        ...

    def close(self, *, cut: bool) -> list[Event]: ...


class Prose:
    """A text, a refusal or reasoning; `native` gives the state that is known at its end."""

    ready = True
    whole = True

    def __init__(
        self,
        part: TextPart | RefusalPart | ReasoningPart,
        native: Callable[[], Native | None] | None = None,
    ) -> None:
        self.part = part
        self.waiting: list[Event] = []
        self._native = native

    def close(self, *, cut: bool) -> list[Event]:
        return [PartEnd(self._native() if self._native else None)]


class Call:
    """A tool call; `id` and `name` count until it is opened, "" is unknown."""

    def __init__(self, part: ToolCallPart, notes: Notes) -> None:
        self.part = part
        self.waiting: list[Event] = []
        self.closed = False
        self.empty = True  # no arguments have come
        self._notes = notes
        self._arguments = Arguments() if part.kind == "function" else None

    @property
    def ready(self) -> bool:
        return bool(self.part.name)

    @property
    def whole(self) -> bool:
        return self._arguments is None or self._arguments.complete

    @property
    def said(self) -> bool:
        """All of its arguments have come, and they are more than `{}`."""
        return self._arguments is not None and self._arguments.begun and self._arguments.complete

    def name(self, call_id: str, name: str) -> None:
        """Take the first id and the first name that come; servers repeat them or send them late."""
        part = self.part
        if (call_id and not part.id) or (name and not part.name):
            self.part = replace(part, id=part.id or call_id, name=part.name or name)

    def feed(self, text: str) -> str:
        """Arguments, or the input of a custom tool; what of it may go on now."""
        if self.closed:
            self._late(text)
            return ""
        self.empty = self.empty and not text
        if self._arguments is None:
            return text
        known = self._arguments.feed(text)
        if self._arguments.late:
            self._late(text)
        return known

    def close(self, *, cut: bool) -> list[Event]:
        self.closed = True
        if self._arguments is None:
            return [PartEnd(cut=cut)]
        ending = self._arguments.end(cut=cut)
        if not ending.valid:
            self._notes.add("invalid_arguments", "", f"the arguments of {self.part.name}")
        rest: list[Event] = [PartDelta(ending.text)] if ending.text else []
        return [*rest, PartEnd(cut=ending.cut)]

    def _late(self, text: str) -> None:
        if text.strip():
            self._notes.add("late_tool_delta", "", f"behind the arguments of {self.part.name}")


class Sequence:
    """The parts of one answer; `take` gives the events that are due."""

    def __init__(self) -> None:
        self._queue: deque[_Item] = deque()
        self._due: list[Event] = []
        self._opened = False  # the first of the queue
        self.calls = 0
        self.cut = False  # a call is not whole

    @property
    def last(self) -> TextPart | RefusalPart | ReasoningPart | ToolCallPart | None:
        """The part that came last, if it is still open or waiting."""
        return self._queue[-1].part if self._queue else None

    def take(self) -> list[Event]:
        due, self._due = self._due, []
        return due

    def begin(self, item: Prose | Call) -> None:
        self._queue.append(item)
        self.calls += isinstance(item, Call)
        self._advance()

    def say(self, text: str, logprobs: tuple[Json, ...] = ()) -> None:
        """More of the part that came last."""
        self._add(self._queue[-1], PartDelta(text, logprobs))

    def cite(self, citation: CitationDelta) -> None:
        self._add(self._queue[-1], citation)

    def call(self, call: Call, call_id: str, name: str, text: str) -> None:
        """More of a call, wherever it stands in the queue."""
        call.name(call_id, name)
        if known := call.feed(text):
            self._add(call, PartDelta(known))
        self._advance()

    def finish(self, *, cut: bool) -> None:
        """Close everything; `cut`: the last part may have ended early."""
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, Call) and not item.ready:
                if item.empty:
                    self.calls -= 1
                    continue
                item.name("", UNNAMED)
            self._open(item)
            ending = item.close(cut=cut and not self._queue)
            self._opened = False
            self.cut = self.cut or any(isinstance(e, PartEnd) and e.cut for e in ending)
            self._due += ending

    def _add(self, item: _Item, event: Event) -> None:
        if self._opened and item is self._queue[0]:
            self._due.append(event)
        else:
            item.waiting.append(event)

    def _advance(self) -> None:
        while (item := self._queue[0]).ready:
            self._open(item)
            if len(self._queue) == 1 or not item.whole:
                return
            self._queue.popleft()
            self._due += item.close(cut=False)
            self._opened = False

    def _open(self, item: _Item) -> None:
        if self._opened:
            return
        self._opened = True
        self._due.append(PartStart(item.part))
        self._due += item.waiting
        item.waiting = []
