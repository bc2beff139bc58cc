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
# The app's version of HTTP, and that of the upstreams where it is not 1.1. mitmproxy offers them
# what the app offered, so an app that speaks HTTP/1.1 meets no other.
HTTP = ("HTTP/1.1", "HTTP/2")
BOTH_WAYS = "HTTP/2 both ways"
UPSTREAMS = {"upstreams over HTTP/1.1": HTTP, "upstreams over HTTP/2": (BOTH_WAYS,)}
VERSIONS = (*HTTP, BOTH_WAYS)
MODES = ("stream", "whole")
FAILING = {"the first": 1, "the first two": 2, "all three": 3}

# --- failures ---------------------------------------------------------------------------------

NOBODY = None  # listens there; any other failure is a fault of the simulator
THOUGHTS = 5  # events of reasoning in front of an answer, where there is any
LONG, THOUGHT = 90, 1000  # of so many characters: more than is kept from the app
SLOW, SLOWLY = 14, {"kind": "slow", "between": 0.9}  # seconds: for longer than it is kept

EVERYWHERE: dict[str, Any] = {**FAULTS, "refused": NOBODY}
IN_A_BODY: dict[str, Any] = {
    "an error instead of an answer": {"kind": "error_event"},
    "nothing at all": {"kind": "empty"},
    "cut in its body": {"kind": "cut"},
    "reset in its body": {"kind": "cut", "reset": True},
    "stalled in its body": {"kind": "stall"},
}
# Reasoning alone is not yet an answer that the app gets: another upstream can still give one.
BEHIND_REASONING: dict[str, Any] = {
    "an error within reasoning": {"kind": "error_event", "thoughts": 3, "status": 500},
    "overloaded behind reasoning": {"kind": "error_event", "thoughts": THOUGHTS, "status": 529},
    "cut within reasoning": {"kind": "cut", "thoughts": 3},
    "reset behind reasoning": {"kind": "cut", "thoughts": THOUGHTS, "reset": True},
    "stalled within reasoning": {"kind": "stall", "thoughts": 3},
}
# But not for ever; and behind the first text there is no way back at all.
BEHIND_LONG_REASONING: dict[str, Any] = {
    "an error behind long reasoning": {"kind": "error_event", "thoughts": LONG, "status": 500},
    "cut behind long reasoning": {"kind": "cut", "thoughts": LONG},
    "stalled behind long reasoning": {"kind": "stall", "thoughts": LONG},
}
BEHIND_SLOW_REASONING: dict[str, Any] = {
    "overloaded behind slow reasoning": [{"kind": "error_event", "thoughts": SLOW}, SLOWLY],
    "cut behind slow reasoning": [{"kind": "cut", "thoughts": SLOW}, SLOWLY],
    "stalled behind slow reasoning": [{"kind": "stall", "thoughts": SLOW}, SLOWLY],
}
BEHIND_TEXT: dict[str, Any] = {
    "an error behind text": {"kind": "error_event", "after": 3, "status": 500},
    "cut behind text": {"kind": "cut", "after": 3},
    "stalled behind text": {"kind": "stall", "after": 3},
}

# How HTTP/2 ends a stream, or all of them with their connection.
RESET: dict[str, Any] = {"kind": "cut", "frame": "rst_stream"}
GO_AWAY: dict[str, Any] = {"kind": "cut", "frame": "goaway"}
STREAMS_END: dict[str, Any] = {
    "stream refused": {"kind": "drop", "frame": "rst_stream", "code": "REFUSED_STREAM"},
    "told to go away": {"kind": "drop", "frame": "goaway", "code": "NO_ERROR"},
    "stream reset behind its head": {**RESET, "at": 0},
}
STREAMS_END_BEFORE_CONTENT: dict[str, Any] = {
    "stream reset before content": {**RESET, "after": 0},
    "stream reset within reasoning": {**RESET, "thoughts": 3},
    "told to go away behind reasoning": {**GO_AWAY, "thoughts": THOUGHTS},
}
STREAMS_END_IN_CONTENT: dict[str, Any] = {
    "stream reset behind long reasoning": {**RESET, "thoughts": LONG},
    "stream reset behind text": {**RESET, "after": 3},
    "told to go away behind text": {**GO_AWAY, "after": 3},
}

COMMITTED = {
    **BEHIND_LONG_REASONING,
    **BEHIND_SLOW_REASONING,
    **BEHIND_TEXT,
    **STREAMS_END_IN_CONTENT,
}
IN_A_STREAM = {
    **EVERYWHERE,
    **STREAM_FAULTS,
    **BEHIND_REASONING,
    **BEHIND_LONG_REASONING,
    **BEHIND_SLOW_REASONING,
    **BEHIND_TEXT,
}
IN_A_WHOLE = {**EVERYWHERE, **IN_A_BODY}


def _some(failures: Mapping[str, Any], *words: str) -> dict[str, Any]:
    return {name: failures[name] for name in words}


# What is no different over HTTP/2 is tried in fewer forms there.
SAME = ("429", "an error page", "refused", "dropped", "reset", "hung")
FAILURES: dict[str, dict[str, dict[str, Any]]] = {
    **dict.fromkeys(HTTP, {"stream": IN_A_STREAM, "whole": IN_A_WHOLE}),
    BOTH_WAYS: {
        "stream": {
            **_some(IN_A_STREAM, *SAME, "an error behind the handshake", "nothing at all"),
            **_some(IN_A_STREAM, "stalled before content", "overloaded behind reasoning"),
            **STREAMS_END,
            **STREAMS_END_BEFORE_CONTENT,
            **_some(IN_A_STREAM, "an error behind text", "stalled behind text"),
            **STREAMS_END_IN_CONTENT,
        },
        "whole": {
            **_some(IN_A_WHOLE, *SAME, "nothing at all", "cut in its body", "stalled in its body"),
            **STREAMS_END,
            "stream reset in its body": RESET,
        },
    },
}

# --- cells ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    app: str
    http: str
    mode: str
    failure: str
    failing: str
    last: str  # protocol of the last upstream asked: of the one that answers, if any does

    @property
    def is_tried(self) -> bool:
        if self.failure not in FAILURES[self.http][self.mode]:
            return False
        if not self.committed:
            return True
        hidden = self.reasons and self.hides_reasoning
        return self.failing == "the first" and not hidden

    @property
    def name(self) -> str:
        """Of the model, which leads to this cell's own upstreams."""
        words = (self.mode, self.failure, self.failing, self.last)
        return " ".join(words).replace(" ", "-")

    @property
    def fault(self) -> Any:
        return FAILURES[self.http][self.mode][self.failure]

    @property
    def reasons(self) -> bool:
        return "reasoning" in self.failure

    @property
    def thoughts(self) -> tuple[int, int]:
        """Events of reasoning that its upstreams begin with, and the least size of each."""
        if not self.reasons:
            return 0, 0
        if "long" in self.failure:
            return LONG, THOUGHT
        return SLOW if "slow" in self.failure else THOUGHTS, 0

    @property
    def hides_reasoning(self) -> bool:
        """Chat Completions has no word for a summary, so nobody asks a Responses upstream."""
        return (self.app, self.last) == ("chat", "responses")

    @property
    def committed(self) -> bool:
        """Whether the app has something of the first answer when it fails, and so its error."""
        return self.failure in COMMITTED

    @property
    def waits(self) -> bool:
        """Whether it takes a timeout to see that an upstream fails, or long to come to that."""
        return self.failure.startswith(("hung", "stalled")) or "slow" in self.failure

    @property
    def shares_connections(self) -> bool:
        """Whether its requests go where those of other cells go, as HTTP/2 does it, but for a
        failure that would end theirs too, or would take long."""
        fault = self.fault if isinstance(self.fault, dict) else {"kind": ""}
        ends = fault["kind"] in ("drop", "cut") and fault.get("frame") != "rst_stream"
        disturbs = self.waits or (ends and self.http == BOTH_WAYS)
        return self.http != "HTTP/1.1" and not disturbs

    @property
    def failures(self) -> int:
        return FAILING[self.failing]

    @property
    def chain(self) -> tuple[str, ...]:
        """The protocols of its upstreams, in the order in which they are tried."""
        kinds = tuple(PROTOCOLS)
        turn = list(FAILURES[self.http][self.mode]).index(self.failure) + kinds.index(self.last)
        turn += self.failures - 1 + VERSIONS.index(self.http)
        order = [kinds[(turn + place) % len(kinds)] for place in range(len(kinds))]
        order[self.asked - 1] = self.last
        return tuple(order)

    @property
    def asked(self) -> int:
        """How many of them."""
        return 1 if self.committed else min(self.failures + 1, len(PROTOCOLS))

    @property
    def is_answered(self) -> bool:
        return not self.committed and self.failures < len(PROTOCOLS)

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
    every = [
        Cell(app, http, mode, failure, failing, last)
        for mode in MODES
        for failure in FAILURES[http][mode]
        for failing in FAILING
        for last in PROTOCOLS
    ]
    return [cell for cell in every if cell.is_tried]


# --- what came of it --------------------------------------------------------------------------

type Results = dict[Cell, str]  # what is wrong, or nothing

RESULTS = pytest.StashKey[Results]()
COLUMNS = [(mode, app, last) for mode in MODES for app in PROTOCOLS for last in PROTOCOLS]
LABEL, WIDTH = 52, 5  # characters


def table(results: Mapping[Cell, str]) -> Iterator[str]:
    """A mark stands for all versions of HTTP that an app may speak to such upstreams; below, what
    went wrong is told cell by cell."""
    for upstreams, versions in UPSTREAMS.items():
        yield from _head(upstreams)
        for failure in dict.fromkeys(f for mode in MODES for f in FAILURES[versions[0]][mode]):
            for failing in FAILING:
                marks = [_mark(results, versions, *each, failure, failing) for each in COLUMNS]
                if set(marks) != {"-"}:
                    yield _line(f"{failure}: {failing}", marks)
    wrong = {cell: problem for cell, problem in results.items() if problem}
    yield f"{len(results) - len(wrong)} of {len(results)} cells are as they should be"
    yield from (f"FAIL {cell}: {problem}" for cell, problem in wrong.items())


def _head(upstreams: str) -> Iterator[str]:
    count = len(PROTOCOLS)
    yield _line(upstreams, list(MODES), WIDTH * count * count)
    yield _line("app", list(PROTOCOLS) * len(MODES), WIDTH * count)
    yield _line("the last upstream asked", [last[:4] for _, _, last in COLUMNS])


def _line(label: str, marks: list[str], width: int = WIDTH) -> str:
    return (f"{label:<{LABEL}}" + "".join(f"{mark:<{width}}" for mark in marks)).rstrip()


def _mark(
    results: Mapping[Cell, str],
    versions: tuple[str, ...],
    mode: str,
    app: str,
    last: str,
    failure: str,
    failing: str,
) -> str:
    every = [Cell(app, http, mode, failure, failing, last) for http in versions]
    tried = [cell for cell in every if cell.is_tried]
    problems = [results[cell] for cell in tried if cell in results]
    if any(problems):
        return "FAIL"
    return "ok" if problems else "" if tried else "-"
