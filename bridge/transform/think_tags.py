"""Reasoning inside the text: `<think>...</think>` at the very start of an answer, taken apart.

In: pieces of text in any cutting. Out: which of it is reasoning and which is the answer, as early
as that is certain. The line breaks around the tags belong to neither.
"""

from typing import NamedTuple

OPENING = "<think>"
CLOSING = "</think>"


class Piece(NamedTuple):
    text: str
    is_reasoning: bool


class ThinkTags:
    """One answer's worth of state."""

    def __init__(self) -> None:
        self._held = ""
        self._inside: bool | None = None  # None: too early to tell
        self._fresh = True  # nothing of this side has gone out: line breaks are dropped

    def feed(self, text: str) -> list[Piece]:
        pieces: list[Piece] = []
        self._held += text
        if self._inside is None:
            self._decide()
        if self._inside:
            before, closing, behind = self._held.partition(CLOSING)
            if closing:
                self._give(pieces, before)
                self._inside, self._fresh, self._held = False, True, behind
            else:
                kept = _beginning_of_closing(before)
                self._held = before[len(before) - kept :]
                self._give(pieces, before[: len(before) - kept])
        if self._inside is False:
            held, self._held = self._held, ""
            self._give(pieces, held)
        return pieces

    def end(self) -> list[Piece]:
        """What was held: the text is over."""
        pieces: list[Piece] = []
        self._fresh = self._fresh and self._inside is not None
        self._give(pieces, self._held)
        self._held = ""
        return pieces

    def _decide(self) -> None:
        start = self._held.lstrip()
        if start.startswith(OPENING):
            self._inside, self._held = True, start.removeprefix(OPENING)
        elif not OPENING.startswith(start):
            self._inside, self._fresh = False, False

    def _give(self, pieces: list[Piece], text: str) -> None:
        if self._fresh:
            text = text.lstrip("\r\n")
        if text:
            self._fresh = False
            pieces.append(Piece(text, bool(self._inside)))


def _beginning_of_closing(text: str) -> int:
    """How many characters at the end of `text` may be the start of the closing tag."""
    longest = min(len(text), len(CLOSING) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(CLOSING[:n])), 0)
