"""Things that are said side by side, told one after the other.

In: what a stream says of several items at once, each in a lane of its own. Out: their events in the
order the lanes began, one lane at a time. Hard part: who reads along must not wait for an item that
has nothing to show and whose end comes last.
"""

from collections import deque

from .answers import CitationDelta, Event, PartDelta, PartEnd, PartStart
from .json_text import Json
from .model import Citation, RefusalPart, TextPart


class Lane:
    """One item, known by its id or by its index, the place the server gives it.

    `due` is what it has said and is not told yet; when it is `over` it says no more. What a lane of
    less `patience` has to say does not wait for its end.
    """

    patience = 0

    def __init__(self, type: str, id: str, index: Json) -> None:
        self.type, self.id, self.index = type, id, index
        self.due: list[Event] = []
        self.over = False

    def pause(self) -> None:
        """Others are told before more of it: leave no part open."""


class Lanes[T: Lane]:
    """The lanes of one answer; `take` gives the events that may be told."""

    def __init__(self) -> None:
        self.all: list[T] = []
        self.waiting: deque[T] = deque()  # those whose end is not told yet
        self._by_id: dict[str, T] = {}
        self._by_index: dict[int, T] = {}

    def add(self, lane: T) -> T:
        self.all.append(lane)
        self.waiting.append(lane)
        if lane.id:
            self._by_id[lane.id] = lane
        if isinstance(lane.index, int):  # some servers use one twice
            self._by_index[lane.index] = lane
        return lane

    def named(self, type: str, id: str) -> T | None:
        lane = self._by_id.get(id)
        return lane if lane is not None and lane.type == type else None

    def find(self, type: str, id: str, index: Json) -> T | None:
        """Servers change ids on the way, and leave out either; without an index the first that is
        open will do."""
        if lane := self.named(type, id):
            return lane
        if not isinstance(index, int):
            return next((x for x in self.waiting if x.type == type and not x.over), None)
        placed = self._by_index.get(index)
        return placed if placed is not None and placed.type == type else None

    def take(self) -> list[Event]:
        told: list[Event] = []
        while self.waiting:
            first = self.waiting[0]
            gives_way = self._gives_way(first)
            if gives_way:
                first.pause()
                self.waiting.rotate(-1)
            told += first.due
            first.due = []
            if first.over:
                self.waiting.popleft()
            elif not gives_way:
                break
        return told

    def _gives_way(self, first: Lane) -> bool:
        if first.over or not first.patience:
            return False
        return any(lane.due for lane in self.waiting if lane.patience < first.patience)


class Prose:
    """A text or a refusal that is said in pieces, and then at once; it opens when it is spoken."""

    def __init__(self, part: TextPart | RefusalPart) -> None:
        self.part = part
        self.said: list[str] = []
        self.citations = 0
        self._open = False
        self._scored = False  # log probabilities came

    def say(self, text: str, logprobs: tuple[Json, ...] = ()) -> list[Event]:
        if not (text or logprobs):
            return []
        self.said.append(text)
        self._scored = self._scored or bool(logprobs)
        return [*self._opening(), PartDelta(text, logprobs)]

    def cite(self, citation: Citation) -> list[Event]:
        self.citations += 1
        return [*self._opening(), CitationDelta(citation)]

    def complete(self, text: str, logprobs: tuple[Json, ...]) -> list[Event]:
        """What is left to say, now that all of it is known."""
        return self.say(unsaid(self.said, text), () if self._scored else logprobs)

    def close(self) -> list[Event]:
        events: list[Event] = [PartEnd()] if self._open else []
        self._open = False
        return events

    def _opening(self) -> list[Event]:
        events: list[Event] = [] if self._open else [PartStart(self.part)]
        self._open = True
        return events


def unsaid(said: list[str], text: str) -> str:
    """What of `text` was not said; nothing where it says something else."""
    known = "".join(said)
    return text[len(known) :] if text.startswith(known) else ""
