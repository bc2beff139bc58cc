"""Conversations of three turns, with reasoning that only its maker can read.

The upstream signs or encrypts what it thought, refuses what it did not make, and wants it back as
it was, behind an unchanged history. A program that speaks another protocol hands back what the
bridge gave it, or keeps texts and calls alone; then the bridge has to remember.
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from bridge.simulator import Recorded, Simulator
from tests.e2e.sdks.said import Request, Said
from tests.e2e.sdks.trip import DIRECTIONS, Trip, trips

TURNS = ("one", "two", "three")
WORDLESS = {"chat": None, "reasoner": ""}  # what stands beside calls where nothing is said
STATE = ("signature", "encrypted_content", "reasoning_content")  # one of these is always there


CONVERSATIONS = (*DIRECTIONS, ("messages", "reasoner"), ("responses", "reasoner"))
asked_for = pytest.mark.parametrize(
    "asked, shown",
    [
        pytest.param("whole", "shown", id="whole, shown"),
        pytest.param("streamed", "hidden", id="streamed, hidden"),
        pytest.param("whole", "hidden", id="whole, hidden", marks=pytest.mark.long),
        pytest.param("streamed", "shown", id="streamed, shown", marks=pytest.mark.long),
    ],
)


@trips(CONVERSATIONS, "reverse mode")  # where nothing is remembered
@asked_for
def test_state_comes_back_in_what_a_program_replays(trip: Trip, asked: str, shown: str) -> None:
    _converse(trip, asked, shown, stripped=False)


@trips(CONVERSATIONS, "HTTP/2 over TLS")
@asked_for
def test_state_comes_back_where_a_program_drops_it(trip: Trip, asked: str, shown: str) -> None:
    _converse(trip, asked, shown, stripped=True)


def _converse(trip: Trip, asked: str, shown: str, stripped: bool) -> None:
    said = list(_conversation(trip, asked, shown, stripped))
    assert [bool(each.calls) for each in said] == [True, False] * len(TURNS)
    assert [each.text for each in said if each.text] == [f"done {turn}" for turn in TURNS]
    assert _state_that_came_back(trip) == 2 * len(TURNS) - 1


def _conversation(trip: Trip, asked: str, shown: str, stripped: bool) -> Iterator[Said]:
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


# What no other protocol can say in this order.
LAYOUT = (
    "[[text:well]][[reason:hm]][[text:so]][[call:weather]]"
    "[[text:then]][[reason:or]][[call:weather]]"
)


@trips(CONVERSATIONS, "reverse mode")
def test_an_odd_layout_comes_back_in_what_a_program_replays(trip: Trip) -> None:
    _reply(trip, stripped=False)


@trips(CONVERSATIONS, "HTTP/1.1 over TLS")
def test_an_odd_layout_comes_back_where_a_program_drops_it(trip: Trip) -> None:
    _reply(trip, stripped=True)


def _reply(trip: Trip, stripped: bool) -> None:
    request = trip.request(LAYOUT, weather=True, reasoning="shown")
    trip.program.go_on(request, trip.program.streamed(request), stripped)
    assert trip.program.read(trip.program.streamed(request)).text.startswith("The tools answered")
    assert _state_that_came_back(trip) == 1


def _state_that_came_back(trip: Trip) -> int:
    """How many answers the upstream has got back, each as it was and behind the same history."""
    answers = 0
    for earlier, later in pairwise(trip.sim.requests(trip.upstream)):
        native = _native(trip.sim, earlier)
        assert any(state in json.dumps(native) for state in STATE)
        assert _added(earlier, later)[: len(native)] == native
        answers += 1
    return answers


def _added(earlier: Recorded, later: Recorded) -> list[Any]:
    """What is new in the history of an upstream's next request; all else is as it was."""
    before, after = earlier.body, later.body
    key = "input" if "input" in before else "messages"
    told, now = before.pop(key), after.pop(key)
    assert (after, now[: len(told)]) == (before, told)
    new: list[Any] = now[len(told) :]
    return new


def _native(sim: Simulator, request: Recorded) -> list[Any]:
    """What the upstream had answered, as it wants it back. It says the same when asked again."""
    headers = [header for header in request.headers if header[0] != "content-length"]
    whole = {key: request.body[key] for key in request.body if not key.startswith("stream")}
    streamed = "input" in whole and request.body.get(
        "stream"
    )  # encrypted anew when it is told whole
    body = request.body if streamed else whole
    answer = httpx2.post(sim.url + request.path, json=body, headers=headers, trust_env=False)
    if "input" in whole:
        return list(map(_as_input, _items(answer.text) if streamed else answer.json()["output"]))
    if "content" in (answer_body := answer.json()):
        blocks = [{k: v for k, v in b.items() if k != "caller"} for b in answer_body["content"]]
        return [{"role": "assistant", "content": blocks}]
    message = answer_body["choices"][0]["message"]
    said = {key: message[key] for key in ("tool_calls", "reasoning_content") if key in message}
    text = message["content"] or WORDLESS[request.upstream]
    return [{"role": "assistant", "content": text, **said}]


def _items(stream: str) -> Iterator[Any]:
    events = (json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: "))
    return (event["item"] for event in events if event["type"] == "response.output_item.done")


def _as_input(item: Any) -> Any:
    """Reasoning goes back as it is; the other items have neither id nor status in a history."""
    if item["type"] == "reasoning":
        return item
    if item["type"] == "message":
        item = {**item, "content": "".join(part["text"] for part in item["content"])}
    return {key: value for key, value in item.items() if key not in ("id", "status")}
