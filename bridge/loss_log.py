"""Lines for the log about what calls lost, few enough to be read.

In: calls that are over. Out: a line for what each lost, but of one kind (a route, an upstream, a
code) no more than one a minute; that one tells how many were held back. `now` is any clock in
seconds that does not run back.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .trace import Trace
from .transform import CODES, Note

MINUTE = 60.0
MAX_LENGTH = 300  # details repeat what apps and upstreams wrote
# Ends of an attempt that was never made: what its request would have lost is nobody's loss.
UNSENT = ("refused", "busy")


@dataclass(slots=True)
class _Kind:
    said: float  # when
    more: int = 0  # since


class LossLog:
    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str, str], _Kind] = {}

    def lines(self, trace: Trace, now: float) -> Iterator[str]:
        """What is to be said of a call that is over."""
        if trace.upstream is None or trace.attempts[-1].outcome in UNSENT:
            return
        first: dict[str, Note] = {}
        for note in trace.translator.notes:
            if CODES[note.code] != "cosmetic":
                first.setdefault(note.code, note)
        for code, note in first.items():
            held_back = self._due((trace.route, trace.upstream.name, code), now)
            if held_back is not None:
                yield _line(f"{trace.route} -> {trace.upstream.name}", note, held_back)

    def _due(self, name: tuple[str, str, str], now: float) -> str | None:
        """None: not now. Else what to add about those of this kind that were held back."""
        kind = self._kinds.get(name)
        if kind is not None and now - kind.said < MINUTE:
            kind.more += 1
            return None
        self._kinds[name] = _Kind(now)
        if kind is None or not kind.more:
            return ""
        minutes = round((now - kind.said) / MINUTE)
        span = "minute" if minutes == 1 else f"{minutes} minutes"
        return f"; {kind.more} more like it in the last {span}"


def _line(way: str, note: Note, held_back: str) -> str:
    where = f" ({note.where})" if note.where else ""
    detail = f": {note.detail}" if note.detail else ""
    text = " ".join(f"{way}: {note.code}{where}{detail}".split())
    return text[:MAX_LENGTH] + held_back
