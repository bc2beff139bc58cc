"""An answer that pauses and is continued: several of the upstream's make one of the client's.

A vendor that runs tools itself stops after some of them, and goes on when it gets its turn back.
Clients of other protocols know no such pause, so for them the rounds are joined.
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import Any

from .answers import Event, Start, Stop, Usage


class Rounds:
    """Joins events: one start, one end with the tokens of all rounds.

    `continues`: a pause is not the end; then `paused` says that the next round is to be asked for.
    """

    def __init__(self) -> None:
        self.continues = False
        self.paused = False
        self._started = False
        self._used: Usage | None = None

    def join(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            match event:
                case Start() if self._started:
                    pass
                case Start():
                    self._started = True
                    yield event
                case Stop(finish, usage) if self.continues and finish.reason == "pause":
                    self.paused = True
                    self._used = total(self._used, usage)
                case Stop(usage=usage) if self._used is not None:
                    yield replace(event, usage=total(self._used, usage))
                case _:
                    yield event


def total(one: Usage | None, other: Usage | None) -> Usage | None:
    """Both together; what neither tells stays unknown."""
    if one is None or other is None:
        return one or other
    sums: dict[str, Any] = {}
    for field in fields(Usage):
        told = [n for n in (getattr(one, field.name), getattr(other, field.name)) if n is not None]
        sums[field.name] = sum(told) if told else None
    return Usage(**sums)
