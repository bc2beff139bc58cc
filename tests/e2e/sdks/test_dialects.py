"""What programs say and hear in the words of one protocol only."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from bridge.simulator import Simulator
from tests.e2e.sdks.chat_program import WEATHER_FUNCTION
from tests.e2e.sdks.said import PDF_DATA, PNG, PNG_DATA, WEATHER
from tests.e2e.sdks.trip import DIRECTIONS, Trip, trips
from tests.e2e.sdks.ways import WAYS, Way, asking


def of(app: str) -> pytest.MarkDecorator:
    """A program of this protocol, to each upstream of another one."""
    return trips([direction for direction in DIRECTIONS if direction[0] == app], "reverse mode")


# --- Messages

IMAGE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
}


def _shown(tool_use_id: str, text: str) -> dict[str, Any]:
    content = [{"type": "text", "text": text}, IMAGE]
    return {"type": "tool_result", "tool_use_id": tool_use_id, "content": content}


@of("messages")
def test_results_with_images_an_error_and_a_word_behind_them(trip: Trip) -> None:
    calls = [
        {"type": "tool_use", "id": f"toolu_{n}", "name": "weather", "input": {}} for n in range(3)
    ]
    failed = {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no", "is_error": True}
    results = [_shown("toolu_0", "first"), _shown("toolu_1", "second"), failed]
    request = trip.request("[[echo]]", weather=True)
    request["messages"] += [
        {"role": "assistant", "content": calls},
        {"role": "user", "content": [*results, {"type": "text", "text": "go on"}]},
    ]
    seen = json.loads(trip.said(request).text)
    assert (seen["images"], len(seen["calls"]), len(seen["results"])) == (2, 3, 3)
    first, second, third = seen["results"]
    assert (first[:5], second[:6], third) == ("first", "second", "[tool error] no")
    assert seen["texts"][-1].endswith("go on")


BUILT_IN: dict[str, dict[str, Any]] = {
    "bash_20250124": {"name": "bash", "input": {"command": "ls"}},
    "text_editor_20250728": {
        "name": "str_replace_based_edit_tool",
        "input": {"command": "view", "path": "/a"},
    },
}


@of("messages")
def test_tools_that_the_api_defines(trip: Trip) -> None:
    for kind, use in BUILT_IN.items():
        request = trip.request(f"[[call:{use['name']} {json.dumps(use['input'])}]]")
        request["tools"] = [{"type": kind, "name": use["name"]}]
        answer = trip.both(request)
        [call] = trip.program.read(answer).calls
        assert (call.name, call.arguments) == (use["name"], use["input"])
        trip.program.go_on(request, answer)
        assert trip.said(request).text.startswith("The tools answered: sunny")


@of("messages")
def test_a_name_that_is_too_long_for_others(trip: Trip) -> None:
    request = trip.request("[[tools:2x1]][[text:done]]")
    request["tools"] = [{"name": "weather_" * 12, "input_schema": WEATHER}]
    for _ in range(2):
        answer = trip.both(request)
        assert [call.name for call in trip.program.read(answer).calls] == ["weather_" * 12]
        trip.program.go_on(request, answer)
    assert trip.said(request).text == "done"


@trips([("messages", "reasoner")], "reverse mode")
def test_a_stop_sequence_reaches_a_server_that_takes_some(trip: Trip) -> None:
    request = {**trip.request("[[echo]]"), "stop_sequences": ["END"]}
    assert json.loads(trip.said(request).text)["stop"] == ["END"]


# --- Chat Completions


@of("chat")
def test_functions_of_the_old_kind(trip: Trip) -> None:
    request = trip.request("[[call:weather]]")
    request["functions"] = [WEATHER_FUNCTION["function"]]
    answer = trip.both(request).choices[0]
    assert (answer.finish_reason, answer.message.tool_calls) == ("function_call", None)
    assert json.loads(answer.message.function_call.arguments)["city"] == "city 1"
    result = {"role": "function", "name": "weather", "content": "sunny"}
    request["messages"] += [answer.message, result]
    assert trip.said(request).text == "The tools answered: sunny"


RAW = 'say "hi"\n\\ 漢字 🙂 now'
WORDED = {"messages": json.dumps({"input": RAW}), "responses": RAW}  # by the model


@of("chat")
def test_a_tool_that_takes_free_text(trip: Trip) -> None:
    request = trip.request(f"[[reason:hm]][[call:say {WORDED[trip.upstream]}]]")
    request["tools"] = [{"type": "custom", "custom": {"name": "say"}}]
    create: Callable[..., Any] = trip.program.client.chat.completions.create
    deltas = [chunk.choices[0].delta for chunk in create(**request, stream=True)]
    calls = [call.to_dict()["custom"] for delta in deltas for call in delta.tool_calls or []]
    assert "".join(call["input"] for call in calls) == RAW
    message = create(**request).choices[0].message
    [call] = message.tool_calls
    assert (call.type, call.custom.name, call.custom.input) == ("custom", "say", RAW)
    request["messages"] += [message, {"role": "tool", "tool_call_id": call.id, "content": "said"}]
    assert trip.program.whole(request).choices[0].message.content == "The tools answered: said"


@of("chat")
def test_a_result_with_an_image(trip: Trip) -> None:
    request = trip.request("[[echo]]", weather=True)
    called = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    shown = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": PNG_DATA}}]
    request["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "call_1", "content": shown},
    ]
    seen = json.loads(trip.said(request).text)
    assert (seen["images"], seen["results"]) == (1, ["see"])


@of("chat")
def test_tokens_are_counted_for_those_who_ask(trip: Trip) -> None:
    request = {**trip.request("[[text:x]]"), "stream": True}
    create: Callable[..., Any] = trip.program.client.chat.completions.create
    assert [chunk.usage for chunk in create(**request) if chunk.usage] == []
    *before, last = create(**request, stream_options={"include_usage": True})
    assert [chunk.usage for chunk in before if chunk.usage] == []
    assert (last.choices, last.usage.completion_tokens) == ([], 2)


@of("chat")
def test_several_choices_are_refused_and_nothing_is_sent(trip: Trip) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        trip.program.whole({**trip.request("x"), "n": 2})
    assert (caught.value.code, caught.value.param) == ("n_unsupported", "n")
    assert trip.sim.requests(trip.upstream) == []


@trips([("chat", "messages")], "reverse mode")
def test_stop_may_be_one_string(trip: Trip) -> None:
    request = {**trip.request("[[echo]]"), "stop": "END"}
    assert json.loads(trip.said(request).text)["stop"] == ["END"]


# --- Responses


@of("responses")
def test_a_result_with_an_image_and_a_file(trip: Trip) -> None:
    request = trip.request("[[echo]]", weather=True)
    shown = [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": PNG_DATA},
        {"type": "input_file", "filename": "a.pdf", "file_data": PDF_DATA},
    ]
    call = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"}
    request["input"] += [
        call,
        {"type": "function_call_output", "call_id": "call_1", "output": shown},
    ]
    seen = json.loads(trip.said(request).text)
    assert (seen["images"], seen["documents"], seen["calls"]) == (1, 1, ["weather"])
    assert seen["results"][0].startswith("see")


@of("responses")
def test_an_answer_that_is_only_named(trip: Trip) -> None:
    """The upstream keeps none; state and all, it gets what the program does not say again."""
    tools = [{"type": "function", "name": "weather", "parameters": WEATHER}]
    common = {"model": asking(trip.upstream), "instructions": "Be brief.", "tools": tools}
    asked = "[[reason:hm]][[tools:1x2]][[text:done]]"
    client = trip.program.client.responses
    first = client.create(**common, input=asked)
    results = [
        {"type": "function_call_output", "call_id": item.call_id, "output": "sunny"}
        for item in first.output
        if item.type == "function_call"
    ]
    goes_on = {**common, "previous_response_id": first.id, "input": results}
    with client.stream(**goes_on) as stream:
        second = stream.get_final_response()
    assert (second.output_text, second.previous_response_id) == ("done", first.id)
    third = client.create(**common, previous_response_id=second.id, input="[[echo]]")
    seen = json.loads(third.output_text)
    assert (seen["calls"], seen["results"]) == (["weather"] * 2, ["sunny"] * 2)
    assert seen["texts"] == [asked, "done", "[[echo]]"]
    assert client.retrieve(third.id).output_text == third.output_text
    with pytest.raises(openai.BadRequestError) as caught:
        client.create(**common, previous_response_id="resp_nobody", input="x")
    assert caught.value.code == "previous_response_not_found"


# --- on the wire

BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "messages": (
        "https://api.anthropic.com/v1/messages",
        {"max_tokens": 99, "messages": [{"role": "user", "content": "[[text:hi]]"}]},
    ),
    "chat": (
        "https://api.openai.com/v1/chat/completions",
        {"messages": [{"role": "user", "content": "[[text:hi]]"}]},
    ),
    "responses": ("https://api.openai.com/v1/responses", {"input": "[[text:hi]]"}),
}
ENDS = {
    "messages": 'event: message_stop\ndata: {"type":"message_stop"}',
    "chat": "data: [DONE]",
    "responses": "event: response.completed\ndata: {",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("app, upstream", DIRECTIONS)
def test_a_program_of_no_sdk(
    ways: dict[str, Way], sim: Simulator, app: str, upstream: str, way: str
) -> None:
    reached = ways[way]
    url, body = BODIES[app]
    if reached.base_url:
        url = reached.base_url + httpx2.URL(url).path
    with httpx2.Client(**reached.options, headers={"x-api-key": "app"}) as client:
        asked = {"model": asking(upstream), "stream": True, **body}
        answer = client.post(url, json=asked)
    assert answer.http_version == ("HTTP/2" if reached.http2 else "HTTP/1.1")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.rstrip().split("\n\n")[-1].startswith(ENDS[app])
    assert '"hi"' in answer.text
    [sent] = sim.requests()
    assert sent.upstream == upstream and sent.header("x-api-key") != "app"
