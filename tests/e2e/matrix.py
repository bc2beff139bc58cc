"""The fault matrix: what is tried, and the table of what came of it.

A cell is one request of one app through a chain of three upstreams, of which the first ones fail.
Hard part: which protocol fails is no axis of its own. It turns with the others, so that for each
failure, pair and kind of answer every protocol fails as the first of a chain.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.test_failover import FAULTS, STREAM_FAULTS

PROTOCOLS = {
    "messages": "anthropic_messages",
    "chat": "openai_chat",
    "responses": "openai_responses",
}
HTTP = ("HTTP/1.1", "HTTP/2")
MODES = ("stream", "whole")
FAILING = {"the first": 1, "the first two": 2, "all three": 3}
NOBODY = None  # listens there; any other failure is a fault of the simulator

EVERYWHERE: dict[str, Any] = {**FAULTS, "refused": NOBODY}
IN_A_STREAM: dict[str, Any] = {**EVERYWHERE, **STREAM_FAULTS}
IN_A_WHOLE: dict[str, Any] = {
    **EVERYWHERE,
    "an error instead of an answer": {"kind": "error_event"},
    "nothing at all": {"kind": "empty"},
    "cut in its body": {"kind": "cut"},
    "reset in its body": {"kind": "cut", "reset": True},
    "stalled in its body": {"kind": "stall"},
}
FAILURES: dict[str, dict[str, Any]] = {"stream": IN_A_STREAM, "whole": IN_A_WHOLE}


@dataclass(frozen=True, slots=True)
class Cell:
    app: str
    http: str
    mode: str
    failure: str
    failing: str
    last: str  # protocol of the last upstream asked: of the one that answers, if any does

    @property
    def name(self) -> str:
        """Of the model, which leads to this cell's own upstreams."""
        words = (self.mode, self.failure, self.failing, self.last)
        return " ".join(words).replace(" ", "-")

    @property
    def waits(self) -> bool:
        """Whether it takes a timeout to see that an upstream fails."""
        return self.failure.startswith(("hung", "stalled"))

    @property
    def failures(self) -> int:
        return FAILING[self.failing]

    @property
    def chain(self) -> tuple[str, ...]:
        """The protocols of its upstreams, in the order in which they are tried."""
        kinds = tuple(PROTOCOLS)
        turn = list(FAILURES[self.mode]).index(self.failure) + HTTP.index(self.http)
        turn += self.failures - 1
        order = [kinds[(turn + place) % len(kinds)] for place in range(len(kinds))]
        order[min(self.failures, len(order) - 1)] = self.last
        return tuple(order)

    @property
    def upstreams(self) -> tuple[str, ...]:
        return tuple(f"{self.name}-{place}" for place in range(len(self.chain)))

    def __str__(self) -> str:
        chain = ", ".join(self.chain)
        return (
            f"{self.app} to {self.last}, {self.mode}, {self.http} ({chain}): "
            f"{self.failure}, {self.failing}"
        )


def cells(app: str, http: str) -> list[Cell]:
    """All that one app tries over one version of HTTP."""
    return [
        Cell(app, http, mode, failure, failing, last)
        for mode in MODES
        for failure in FAILURES[mode]
        for failing in FAILING
        for last in PROTOCOLS
    ]


# --- what came of it --------------------------------------------------------------------------

type Results = dict[Cell, str]  # what is wrong, or nothing

RESULTS = pytest.StashKey[Results]()
COLUMNS = [(mode, app, last) for mode in MODES for app in PROTOCOLS for last in PROTOCOLS]
LABEL, WIDTH = 52, 5  # characters


def table(results: Mapping[Cell, str]) -> Iterator[str]:
    """A mark stands for both versions of HTTP; below, what went wrong is told cell by cell."""
    yield from _head()
    for failure in dict.fromkeys([*IN_A_STREAM, *IN_A_WHOLE]):
        for failing in FAILING:
            marks = [_mark(results, column, failure, failing) for column in COLUMNS]
            yield _line(f"{failure}: {failing}", marks)
    wrong = {cell: problem for cell, problem in results.items() if problem}
    yield f"{len(results) - len(wrong)} of {len(results)} cells are as they should be"
    yield from (f"FAIL {cell}: {problem}" for cell, problem in wrong.items())


def _head() -> Iterator[str]:
    count = len(PROTOCOLS)
    yield _line("kind of answer", list(MODES), WIDTH * count * count)
    yield _line("app", list(PROTOCOLS) * len(MODES), WIDTH * count)
    yield _line("the last upstream asked", [last[:4] for _, _, last in COLUMNS])


def _line(label: str, marks: list[str], width: int = WIDTH) -> str:
    return (f"{label:<{LABEL}}" + "".join(f"{mark:<{width}}" for mark in marks)).rstrip()


def _mark(
    results: Mapping[Cell, str], column: tuple[str, str, str], failure: str, failing: str
) -> str:
    mode, app, last = column
    if failure not in FAILURES[mode]:
        return "-"
    both = [Cell(app, http, mode, failure, failing, last) for http in HTTP]
    problems = [results[cell] for cell in both if cell in results]
    if any(problems):
        return "FAIL"
    return "ok" if problems else ""
