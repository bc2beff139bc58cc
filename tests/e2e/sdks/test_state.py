"""Conversations of three turns with reasoning that only its maker can read.

The upstream signs or encrypts what it thought, refuses what it did not make, and wants it back as it
was behind an unchanged history. A program that speaks another protocol hands back what the bridge
gave it, or keeps texts and calls alone; then the bridge has to remember.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from bridge.simulator import Recorded, Simulator
from tests.e2e.sdks.said import Request, Said
from tests.e2e.sdks.trip import DIRECTIONS, Trip, trips

HISTORY = {"messages": "messages", "chat": "messages", "reasoner": "messages", "responses": "input"}
ASKED = ("whole", "streamed")
KEPT = ("replayed", "stripped")
TURNS = ("one", "two", "three")

# Chat Completions of OpenAI has no slot for reasoning in a history; the others all want it.
THINKING = [
    *((app, upstream) for app, upstream in DIRECTIONS if upstream != "chat"),
    ("messages", "reasoner"),
    ("responses", "reasoner"),
]


def stories() -> Iterator[Any]:
    """How the answers are asked for and kept, and whether the reasoning is shown."""
    for asked in ASKED:
        for kept in KEPT:
            for shown in ("shown", "hidden"):
                same = (asked == "whole") == (kept == "replayed") == (shown == "shown")
                marks = [] if same else [pytest.mark.long]
                yield pytest.param(asked, kept, shown, id=f"{asked}, {kept}, {shown}", marks=marks)


@trips(THINKING, "reverse mode")
@pytest.mark.parametrize("asked, kept, shown", stories())
def test_an_upstream_gets_its_own_state_back(
    trip: Trip, asked: str, kept: str, shown: str
) -> None:
    trip.sim.configure("messages", bind_thinking=True)
    said = list(_conversation(trip, asked, kept == "stripped", shown))
    assert [bool(each.calls) for each in said] == [True, False] * len(TURNS)
    assert [each.text for each in said if each.text] == [f"done {turn}" for turn in TURNS]
    for earlier, later in pairwise(trip.sim.requests(trip.upstream)):
        assert _added(earlier, later) == _native(trip.sim, earlier)


def _conversation(trip: Trip, asked: str, stripped: bool, shown: str) -> Iterator[Said]:
    request: Request = {}
    for turn in TURNS:
        text = f"[[reason:thought {turn}]][[redacted]][[tools:1x2]][[text:done {turn}]]"
        if request:
            trip.program.ask(request, text)
        else:
            request = trip.request(text, system="Be brief.", weather=True, reasoning=shown)
        more = True
        while more:
            answer = getattr(trip.program, asked)(request)
            yield trip.program.read(answer)
            more = trip.program.go_on(request, answer, stripped)


def _added(earlier: Recorded, later: Recorded) -> list[Any]:
    """What of the upstream's own answer is in its next request, which else only grows."""
    key = HISTORY[earlier.upstream]
    before, after = earlier.body.pop(key), later.body.pop(key)
    return before
