"""Programs with the official SDKs, unchanged, through a real proxy to every other protocol.

Each runs streamed and whole, and what the stream adds up to is what the whole answer says.
"""

import asyncio
import json

import pytest

from tests.e2e.sdks.programs import TOOLS, Trip
from tests.e2e.sdks.ways import by_every_way, by_one_way

everywhere = pytest.mark.parametrize("trip", by_every_way(), indirect=True)
in_turn = pytest.mark.parametrize("trip", by_one_way(), indirect=True)


@everywhere
def test_text(trip: Trip) -> None:
    request = trip.request("[[words:30]]")
    answer = trip.both(request)
    text = "".join(trip.program.pieces(request))
    assert trip.program.read(answer).text == text
    assert "漢字" in text
    assert answer.model == request["model"]


@in_turn
def test_echo(trip: Trip) -> None:
    wanted = {"system": "Be brief.", "limit": 500, "tools": TOOLS, "media": True, "stop": "END"}
    answer = trip.both(trip.request("[[echo]]", **wanted))
    print(trip.program.read(answer).text)


@everywhere
def test_agent(trip: Trip) -> None:
    finishes = []
    for ask in (trip.program.whole, trip.program.streamed):
        request = trip.request(
            "[[reason:which city]][[tools:3x2]][[echo]]", tools=TOOLS, reasoning="shown"
        )
        said = []
        for _ in range(5):
            answer = ask(request)
            said.append(trip.program.read(answer))
            if not trip.program.go_on(request, answer):
                break
        finishes.append(said)
        print(said)
    assert finishes[0] == finishes[1]

@in_turn
def test_hidden(trip: Trip) -> None:
    request = trip.request("[[reason:which city]][[redacted]][[text:x]]", reasoning="hidden")
    print(trip.program.whole(request).to_dict())
    print(trip.program.streamed(request).to_dict())
