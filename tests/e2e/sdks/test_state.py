"""Conversations of three turns, with reasoning that only its maker can read.

The upstream signs or encrypts what it thought, refuses what it did not make, and wants it back as
it was, behind an unchanged history. A program that speaks another protocol hands back what the
bridge gave it, or keeps texts and calls alone; then the bridge has to remember.
"""

import json
from collections.abc import Iterator
from itertools import cycle, pairwise
from typing import Any

import httpx2
import pytest

from bridge.simulator import Recorded, Simulator
from tests.e2e.sdks.said import Request, Said, Wish
from tests.e2e.sdks.trip import DIRECTIONS, PROGRAMS, Trip, trips
from tests.e2e.sdks.ways import asking

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


@trips([("chat", "messages"), ("responses", "messages")], "HTTP/2 over TLS")
def test_what_does_not_fit_its_conversation_any_more_is_given_up(trip: Trip) -> None:
    """Behind another system text the upstream refuses what it thought; then it may drop it."""
    request = trip.request("[[reason]][[text:so]]", system="Be brief.", reasoning="shown")
    for system in ("Be brief.", "Be long.", "Be long."):
        if trip.app == "chat":
            request["messages"][0]["content"] = system
        else:
            request["instructions"] = system
        answer = trip.program.whole(request)
        assert trip.program.read(answer).text == "so"
        trip.program.go_on(request, answer)
        trip.program.ask(request, "[[reason]][[text:so]]")
    asked = [sent.body["thinking"] for sent in trip.sim.requests("messages")]
    assert ["block_binding" in thinking for thinking in asked] == [False, False, True, True]


# Who may see what: a signature, redacted thinking, and OpenAI's ciphertext.
MARKS = {"messages": (b'"signature"', b"EmwKAhgBEgy"), "responses": (b"gAAAA",)}
VENDORS = ("messages", "chat", "responses", "reasoner")


@pytest.mark.parametrize("app", PROGRAMS)
@pytest.mark.parametrize(
    "way, stripped",
    [
        pytest.param("reverse mode", False, id="replayed"),
        pytest.param("HTTP/2 over TLS", True, id="dropped"),
    ],
)
def test_a_conversation_that_goes_from_vendor_to_vendor(
    programs: dict[tuple[str, str], Any], sim: Simulator, app: str, way: str, stripped: bool
) -> None:
    """Each request goes to the next one, in the middle of a tool loop too."""
    program, vendors = programs[app, way], cycle(VENDORS)
    request: Request = program.request("", Wish(f"{app} {way}", weather=True, reasoning="shown"))
    for turn in TURNS:
        program.ask(request, f"[[reason:{turn}]][[redacted]][[tools:2x2]][[text:done {turn}]]")
        more = True
        while more:
            request["model"] = asking(next(vendors))
            answer = program.whole(request)
            more = program.go_on(request, answer, stripped)
        assert program.read(answer).text == f"done {turn}"
    for sent in sim.requests():
        assert b"brg1." not in sent.raw
        others = [MARKS[vendor] for vendor in MARKS if vendor != sent.upstream]
        assert [mark for marks in others for mark in marks if mark in sent.raw] == []
    if app != "responses":  # which hands it back bare, and nobody remembers whose it was
        assert b"gAAAA" in sim.requests("responses")[-1].raw


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
