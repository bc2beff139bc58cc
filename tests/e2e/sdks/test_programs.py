"""Programs with the official SDKs, unchanged, through a real proxy to every other protocol.

Each runs streamed and whole, and what the stream adds up to is what the whole answer says.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from tests.e2e.sdks.said import Said
from tests.e2e.sdks.trip import Trip, everywhere, in_turn

# How a program reads that the answer is over, that calls wait, and that its limit cut it.
STOP = {"messages": "end_turn", "chat": "stop", "responses": "completed"}
CALLS = {"messages": "tool_use", "chat": "tool_calls", "responses": "completed"}
LENGTH = {"messages": "max_tokens", "chat": "length", "responses": "max_output_tokens"}
# And that the model refused, which depends on whose model it is.
REFUSED = {
    ("messages", "chat"): "refusal",
    ("messages", "responses"): "refusal",
    ("chat", "messages"): "content_filter",
    ("chat", "responses"): "stop",
    ("responses", "messages"): "content_filter",
    ("responses", "chat"): "completed",
}


@everywhere
def test_text(trip: Trip) -> None:
    request = trip.request("[[words:30]][[usage:input=100,cached=60,output=9,reasoning=5]]")
    answer = trip.both(request)
    said = trip.program.read(answer)
    assert said == Said("".join(trip.program.pieces(request)), finish=STOP[trip.app])
    assert "漢字" in said.text
    assert answer.model == request["model"]
    counted = answer.usage.to_dict()
    beside_the_cache = {"messages": 40}.get(trip.app, 100)
    assert counted.get("input_tokens", counted.get("prompt_tokens")) == beside_the_cache
    assert counted.get("output_tokens", counted.get("completion_tokens")) == 9


@everywhere
def test_an_agent_of_three_rounds_with_two_parallel_calls(trip: Trip) -> None:
    asked = trip.program.whole, trip.program.streamed
    whole, streamed = (list(_rounds(trip, ask)) for ask in asked)
    assert whole == streamed
    assert [said.finish for said in whole] == [CALLS[trip.app]] * 3 + [STOP[trip.app]]
    called = [call for said in whole for call in said.calls]
    assert [call.arguments["city"] for call in called] == [f"city {n}" for n in range(1, 7)]
    seen = json.loads(whole[-1].text)
    assert seen["calls"] == ["weather"] * 6
    for call, result in zip(called, seen["results"], strict=True):
        assert result.startswith("sunny") and call.arguments["city"] in result


def _rounds(trip: Trip, ask: Callable[..., Any]) -> Iterator[Said]:
    """Calls until there are none, each answered with its own arguments."""
    text = "[[reason:which city]][[tools:3x2]][[echo]]"
    request = trip.request(text, weather=True, reasoning="shown")
    more = True
    while more:
        answer = ask(request)
        yield trip.program.read(answer)
        more = trip.program.go_on(request, answer)


@in_turn
def test_the_upstream_understands_what_the_program_says(trip: Trip) -> None:
    request = trip.request("[[echo]]", system="Be brief.", limit=500, weather=True, media=True)
    seen = json.loads(trip.said(request).text)
    assert (seen["system"], seen["max_tokens"]) == ("Be brief.", 500)
    assert (seen["images"], seen["documents"]) == (2, 1)
    assert (seen["tools"], seen["choice"]) == (["weather"], "auto")
    assert seen["texts"] == ["[[echo]]"]


@in_turn
@pytest.mark.parametrize("choice", ["none", "required", "weather"])
def test_the_choice_of_a_tool(trip: Trip, choice: str) -> None:
    asked = trip.said(trip.request("[[echo]]", weather=True, choice=choice))
    assert json.loads(asked.text)["choice"] == choice
    called = [call.name for call in trip.said(trip.request("x", weather=True, choice=choice)).calls]
    assert called == ([] if choice == "none" else ["weather"])


@in_turn
@pytest.mark.parametrize("wish", ["shown", "hidden"])
def test_reasoning(trip: Trip, wish: str) -> None:
    said = trip.said(trip.request("[[reason:hm, hm]][[redacted]][[text:so]]", reasoning=wish))
    # Chat Completions has no word for a summary, so nobody asks a Responses upstream for one
    unasked = (trip.app, trip.upstream) == ("chat", "responses")
    assert said.reasoning == ("hm, hm" if wish == "shown" and not unasked else "")
    assert said.text == "so"


class Weather(BaseModel):
    city: str
    days: int


@in_turn
def test_structured_output(trip: Trip) -> None:
    request = trip.request("How is it?")
    weather = trip.program.parsed(request, Weather)
    assert isinstance(weather, Weather)
    assert trip.program.parsed_stream(request, Weather) == weather


@in_turn
def test_why_an_answer_ends(trip: Trip) -> None:
    refused = REFUSED[trip.app, trip.upstream]
    told = "I will not"  # the Messages API tells it as text too
    text = told if trip.app == "messages" else ""
    assert trip.said(trip.request("[[empty]]")) == Said(finish=STOP[trip.app])
    cut = trip.said(trip.request("[[text:cut here or there]][[length]]"))
    assert cut == Said("cut here ", finish=LENGTH[trip.app])
    assert trip.said(trip.request(f"[[refuse:{told}]]")) == Said(text, "", told, (), refused)


@in_turn
def test_async_programs_run_side_by_side(trip: Trip) -> None:
    async def programs() -> list[str]:
        async with trip.program.async_client() as client:
            requests = [trip.request(f"[[text:answer {n}]]") for n in range(8)]
            return await asyncio.gather(*(trip.program.async_text(client, r) for r in requests))

    assert asyncio.run(programs()) == [f"answer {n}" for n in range(8)]
