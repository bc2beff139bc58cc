"""Whole and streamed answers of all three protocols, judged by the vendors' own SDKs."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from bridge.simulator import Simulator

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
PROMPTS = [
    pytest.param("Guten Tag", "stop", id="a tool call by default"),
    pytest.param("[[text:Grüße 🙂 two]]", "stop", id="text with multi-byte characters"),
    pytest.param("[[words:40]]", "stop", id="a long text"),
    pytest.param("[[reason:First think.]] [[text:Then talk.]]", "stop", id="reasoning, then text"),
    pytest.param("[[reason]] [[tools:1x2]]", "stop", id="reasoning, then parallel calls"),
    pytest.param('[[text:I look.]] [[call:look {"a":[[1]]}]]', "stop", id="text, then a call"),
    pytest.param("[[refuse:Not that.]]", "stop", id="a refusal"),
    pytest.param("[[redacted]] [[text:a]]", "stop", id="reasoning that is hidden"),
    pytest.param("[[empty]]", "stop", id="nothing"),
    pytest.param('[[json:{"a":[1,2]}]]', "stop", id="structured output"),
    pytest.param("[[usage:input=100,cached=60,write=20,output=9]] [[text:x]]", "stop", id="usage"),
    pytest.param("[[burst]] [[words:20]]", "stop", id="written in one go"),
    pytest.param("[[length]] [[words:40]]", "length", id="a text cut by the token limit"),
    pytest.param("[[length]] [[call:look]]", "length", id="a call cut by the token limit"),
]


@pytest.fixture(scope="module")
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False) as client:
        yield client


@pytest.fixture
def claude(sim: Simulator, http: httpx2.Client, upstream: str) -> anthropic.Anthropic:
    base = f"{sim.url}/{upstream}"
    return anthropic.Anthropic(api_key="k", base_url=base, http_client=http, max_retries=0)


@pytest.fixture
def gpt(sim: Simulator, http: httpx2.Client, upstream: str) -> openai.OpenAI:
    base = sim.base(upstream)
    return openai.OpenAI(api_key="k", base_url=base, http_client=http, max_retries=0)


def messages_request(text: Any, **more: Any) -> Any:
    tools = [{"name": "look", "input_schema": SCHEMA}]
    said = [{"role": "user", "content": text}] if isinstance(text, str) else text
    return {"model": "m", "max_tokens": 4000, "messages": said, "tools": tools, **more}


def chat_request(text: Any, **more: Any) -> Any:
    function = {"name": "look", "parameters": SCHEMA, "strict": True}
    said = [{"role": "user", "content": text}] if isinstance(text, str) else text
    return {
        "model": "m",
        "messages": said,
        "tools": [{"type": "function", "function": function}],
    } | more


def responses_request(text: Any, **more: Any) -> Any:
    tool = {"type": "function", "name": "look", "parameters": SCHEMA, "strict": True}
    return {"model": "m", "input": text, "tools": [tool], "reasoning": {"summary": "auto"}} | more


@pytest.mark.parametrize("text, ending", PROMPTS)
def test_messages_stream_accumulates_to_the_whole_answer(
    claude: anthropic.Anthropic, text: str, ending: str
) -> None:
    whole = claude.messages.create(**messages_request(text))
    with claude.messages.stream(**messages_request(text)) as stream:
        streamed = stream.get_final_message()
    assert streamed.to_dict() == whole.to_dict()
    assert (whole.stop_reason == "max_tokens") == (ending == "length")


@pytest.mark.parametrize("text, ending", PROMPTS)
def test_chat_stream_accumulates_to_the_whole_answer(
    gpt: openai.OpenAI, text: str, ending: str
) -> None:
    whole = gpt.chat.completions.create(**chat_request(text))
    request = chat_request(text, stream_options={"include_usage": True})
    with gpt.chat.completions.stream(**request) as stream:
        try:
            streamed: Any = stream.get_final_completion()
        except openai.LengthFinishReasonError as error:  # the helper's way to report it
            streamed = error.completion
    assert (whole.choices[0].finish_reason == "length") == (ending == "length")
    if ending != "length":  # reported before the usage chunk is read
        assert streamed.usage == whole.usage
    assert _spoken(streamed) == _spoken(whole)


def _spoken(completion: Any) -> Any:
    choice = completion.choices[0]
    calls = [(c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls or []]
    thoughts = (choice.message.model_extra or {}).get("reasoning_content")
    message = choice.message
    return choice.finish_reason, message.content, message.refusal or None, thoughts, calls


@pytest.mark.parametrize("text, ending", PROMPTS)
def test_responses_stream_accumulates_to_the_whole_answer(
    gpt: openai.OpenAI, text: str, ending: str
) -> None:
    whole = gpt.responses.create(**responses_request(text))
    with gpt.responses.stream(**responses_request(text)) as stream:
        events: list[Any] = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[-1].type == "response.incomplete") == (ending == "length")
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert _plain(events[-1].response.output) == _plain(whole.output) == _plain(done)
    assert events[-1].response.usage == whole.usage


def _plain(items: Any) -> Any:
    """Items as dicts, without the ciphertext, which differs by design, and the helper's extras."""
    hidden = {"encrypted_content", "parsed_arguments", "parsed"}
    return [{k: _parts(v) for k, v in item.to_dict().items() if k not in hidden} for item in items]


def _parts(value: Any) -> Any:
    if isinstance(value, list):
        return [{k: v for k, v in part.items() if k != "parsed"} for part in value]
    return value


def test_messages_tool_rounds_end_in_a_text_quoting_the_results(
    claude: anthropic.Anthropic,
) -> None:
    history: list[Any] = [{"role": "user", "content": "[[reason]] [[tools:3x2]]"}]
    for _ in range(3):
        answer = claude.messages.create(**messages_request(history))
        calls = [block for block in answer.content if block.type == "tool_use"]
        assert answer.stop_reason == "tool_use" and len(calls) == 2
        results = [
            {
                "type": "tool_result",
                "tool_use_id": call.id,
                "content": f"sunny {call.input['days']}",
            }
            for call in calls
        ]
        history += [
            {"role": "assistant", "content": [block.to_dict() for block in answer.content]},
            {"role": "user", "content": results},
        ]
    final = claude.messages.create(**messages_request(history))
    assert final.content[-1].to_dict()["text"] == "The tools answered: sunny 5; sunny 6"


def test_chat_tool_rounds_survive_an_image_turn_behind_the_results(gpt: openai.OpenAI) -> None:
    history: list[Any] = [{"role": "user", "content": "[[tools:2x2]]"}]
    for _ in range(2):
        message = gpt.chat.completions.create(**chat_request(history)).choices[0].message
        calls = message.tool_calls or []
        assert len(calls) == 2
        history.append(message.to_dict())
        history += [{"role": "tool", "tool_call_id": c.id, "content": "seen"} for c in calls]
        history.append({"role": "user", "content": "the image of the result"})
    answer = gpt.chat.completions.create(**chat_request(history))
    assert answer.choices[0].message.content == "The tools answered: seen; seen"


def test_responses_tool_rounds_take_reasoning_back(gpt: openai.OpenAI) -> None:
    history: list[Any] = [{"role": "user", "content": "[[reason]] [[tools:2x1]]"}]
    for _ in range(2):
        answer = gpt.responses.create(**responses_request(history))
        items = [item.to_dict() for item in answer.output]
        assert [item["type"] for item in items] == ["reasoning", "function_call"]
        output = {"type": "function_call_output", "call_id": items[1]["call_id"], "output": "ok"}
        history += [*items, output]
    assert (
        gpt.responses.create(**responses_request(history)).output_text == "The tools answered: ok"
    )


def test_messages_omits_the_thinking_text_on_request(claude: anthropic.Anthropic) -> None:
    omitted = {"type": "adaptive", "display": "omitted"}
    request = messages_request("[[reason:secret]] [[text:x]]", thinking=omitted)
    with claude.messages.stream(**request) as stream:
        answer = stream.get_final_message()
    block = answer.content[0].to_dict()
    assert (block["type"], block["thinking"]) == ("thinking", "") and block["signature"]
    back = [
        {"role": "user", "content": "[[reason:secret]] [[text:x]]"},
        {"role": "assistant", "content": [b.to_dict() for b in answer.content]},
        {"role": "user", "content": "go on"},
    ]
    assert claude.messages.create(**messages_request(back)).stop_reason == "tool_use"


def test_responses_shows_no_summary_unasked_but_always_the_ciphertext(gpt: openai.OpenAI) -> None:
    answer = gpt.responses.create(model="m", input="[[reason:secret]]")
    item = answer.output[0].to_dict()
    assert item["summary"] == [] and str(item["encrypted_content"]).startswith("gAAAAA")


def test_reasoning_is_left_out_when_switched_off(
    claude: anthropic.Anthropic, gpt: openai.OpenAI
) -> None:
    off = messages_request("[[reason]] [[text:x]]", thinking={"type": "disabled"})
    assert [block.type for block in claude.messages.create(**off).content] == ["text"]
    chat: Any = gpt.chat.completions.create(**chat_request("[[reason]]", reasoning_effort="none"))
    assert "reasoning_content" not in chat.choices[0].message.to_dict()
    answer = gpt.responses.create(**responses_request("[[reason]]", reasoning={"effort": "none"}))
    assert [item.type for item in answer.output] == ["function_call"]


def test_a_call_forced_by_name_ends_with_stop_in_chat(gpt: openai.OpenAI) -> None:
    forced = {"type": "function", "function": {"name": "look"}}
    chosen: Any = gpt.chat.completions.create(**chat_request("x", tool_choice=forced)).choices[0]
    assert chosen.finish_reason == "stop" and chosen.message.tool_calls[0].function.name == "look"
    required: Any = gpt.chat.completions.create(**chat_request("x", tool_choice="required")).choices
    assert required[0].finish_reason == "tool_calls"


def test_tool_choice_none_and_no_parallel_calls_are_obeyed(
    claude: anthropic.Anthropic, gpt: openai.OpenAI
) -> None:
    none = messages_request("[[tools:1x2]]", tool_choice={"type": "none"})
    assert claude.messages.create(**none).stop_reason == "end_turn"
    single = {"type": "auto", "disable_parallel_tool_use": True}
    one = claude.messages.create(**messages_request("[[tools:1x2]]", tool_choice=single))
    assert [block.type for block in one.content] == ["tool_use"]
    chat = gpt.chat.completions.create(**chat_request("[[tools:1x2]]", parallel_tool_calls=False))
    assert len(chat.choices[0].message.tool_calls or []) == 1
    answer = gpt.responses.create(**responses_request("[[tools:1x2]]", parallel_tool_calls=False))
    assert len(answer.output) == 1


def test_custom_tools_take_free_text(gpt: openai.OpenAI) -> None:
    tools: Any = [{"type": "custom", "custom": {"name": "shell"}}]
    chat: Any = gpt.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "[[call:shell ls -l]]"}], tools=tools
    )
    assert chat.choices[0].message.tool_calls[0].custom.input == "ls -l"
    flat: Any = [{"type": "custom", "name": "shell"}]
    with gpt.responses.stream(model="m", input="[[call:shell ls -l]]", tools=flat) as stream:
        item: Any = stream.get_final_response().output[0]
    assert (item.type, item.input) == ("custom_tool_call", "ls -l")


def test_stop_sequences_are_named_by_messages_only(
    claude: anthropic.Anthropic, gpt: openai.OpenAI
) -> None:
    answer = claude.messages.create(
        **messages_request("[[stop]] [[text:a]]", stop_sequences=["END", "FIN"])
    )
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "END")
    chat = gpt.chat.completions.create(**chat_request("[[stop]] [[text:a]]", stop="END"))
    assert chat.choices[0].finish_reason == "stop"


def test_any_reason_can_be_put_on_the_wire(claude: anthropic.Anthropic, gpt: openai.OpenAI) -> None:
    text = "[[text:a]] [[finish:{}]]"
    paused = claude.messages.create(**messages_request(text.format("pause_turn")))
    assert paused.stop_reason == "pause_turn"
    chat = gpt.chat.completions.create(**chat_request(text.format("content_filter")))
    assert chat.choices[0].finish_reason == "content_filter"
    answer = gpt.responses.create(**responses_request(text.format("content_filter")))
    assert answer.incomplete_details and answer.incomplete_details.reason == "content_filter"


def test_usage_is_the_same_count_in_every_shape(
    claude: anthropic.Anthropic, gpt: openai.OpenAI
) -> None:
    text = "[[text:x]] [[usage:input=100,cached=60,write=20,output=9,reasoning=5]]"
    mine: Any = claude.messages.create(**messages_request(text)).usage.to_dict()
    assert (mine["input_tokens"], mine["output_tokens"]) == (20, 9)
    assert mine["cache_read_input_tokens"] == 60 and mine["cache_creation_input_tokens"] == 20
    assert mine["output_tokens_details"] == {"thinking_tokens": 5}
    chat: Any = gpt.chat.completions.create(**chat_request(text)).usage.to_dict()
    assert (chat["prompt_tokens"], chat["completion_tokens"], chat["total_tokens"]) == (100, 9, 109)
    assert chat["prompt_tokens_details"]["cached_tokens"] == 60
    theirs: Any = gpt.responses.create(**responses_request(text)).usage.to_dict()
    assert (theirs["input_tokens"], theirs["output_tokens"]) == (100, 9)
    assert theirs["input_tokens_details"] == {"cached_tokens": 60, "cache_write_tokens": 20}
    assert theirs["output_tokens_details"] == {"reasoning_tokens": 5}


def test_cache_markers_write_first_and_read_later(claude: anthropic.Anthropic) -> None:
    marked = [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}]
    first = claude.messages.create(**messages_request("[[text:x]]", system=marked)).usage
    assert first.cache_creation_input_tokens and not first.cache_read_input_tokens
    history = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "[[text:x]]"},
    ]
    later = claude.messages.create(**messages_request(history, system=marked)).usage
    assert later.cache_read_input_tokens and not later.cache_creation_input_tokens


def test_structured_output_fits_its_schema_unasked(
    claude: anthropic.Anthropic, gpt: openai.OpenAI
) -> None:
    expected = '{"city":"city 1","days":1}'
    shape: Any = {"format": {"type": "json_schema", "schema": SCHEMA}}
    answer = claude.messages.create(**messages_request("x", tools=[], output_config=shape))
    assert answer.content[0].to_dict()["text"] == expected
    named: Any = {"name": "trip", "schema": SCHEMA}
    chat = gpt.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": "x"}],
        response_format={"type": "json_schema", "json_schema": named},
    )
    assert chat.choices[0].message.content == expected
    style: Any = {"format": {"type": "json_schema", **named}}
    assert gpt.responses.create(model="m", input="x", text=style).output_text == expected


PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_echo_tells_what_was_understood(claude: anthropic.Anthropic, gpt: openai.OpenAI) -> None:
    image: Any = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
    }
    said = [{"role": "user", "content": [{"type": "text", "text": "[[echo]]"}, image]}]
    answer = claude.messages.create(**messages_request(said, system="be brief"))
    echo = json.loads(str(answer.content[0].to_dict()["text"]))
    assert (echo["system"], echo["images"], echo["tools"]) == ("be brief", 1, ["look"])
    url = {"url": f"data:image/png;base64,{PIXEL}"}
    parts = [{"type": "text", "text": "[[echo]]"}, {"type": "image_url", "image_url": url}]
    history = [{"role": "developer", "content": "be brief"}, {"role": "user", "content": parts}]
    chat = gpt.chat.completions.create(**chat_request(history))
    assert _echoed(chat.choices[0].message.content) == _echoed(json.dumps(echo))
    shown = {"type": "input_image", "image_url": url["url"], "detail": "auto"}
    items = [{"role": "user", "content": [{"type": "input_text", "text": "[[echo]]"}, shown]}]
    text = gpt.responses.create(**responses_request(items, instructions="be brief")).output_text
    assert _echoed(text) == _echoed(json.dumps(echo))


def _echoed(text: str | None) -> Any:
    """Without the limit, which only Messages has to be given."""
    return {**json.loads(text or ""), "max_tokens": None}


def test_arguments_may_be_broken_on_purpose(
    claude: anthropic.Anthropic, gpt: openai.OpenAI
) -> None:
    text = "[[call:look {broken]]"
    assert claude.messages.create(**messages_request(text)).content[0].to_dict()["input"] == {}
    item: Any = gpt.responses.create(**responses_request(text)).output[0]
    assert item.arguments == "{broken"


def test_tools_of_a_namespace_are_called_with_it(gpt: openai.OpenAI) -> None:
    inner = {"type": "function", "name": "look", "parameters": SCHEMA}
    space: Any = {"type": "namespace", "name": "trip", "description": "", "tools": [inner]}
    added: Any = {"type": "additional_tools", "role": "developer", "tools": [space]}
    said: Any = {"role": "user", "content": "x"}
    item: Any = gpt.responses.create(model="m", input=[added, said]).output[0]
    assert (item.name, item.namespace) == ("look", "trip")


def test_allowed_tools_and_legacy_calls_are_understood(gpt: openai.OpenAI) -> None:
    look = {"type": "function", "function": {"name": "look"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [look]}}
    chat = gpt.chat.completions.create(**chat_request("x", tool_choice=allowed))
    assert chat.choices[0].finish_reason == "tool_calls"
    history = [
        {"role": "user", "content": "[[call:look]]"},
        {"role": "assistant", "function_call": {"name": "look", "arguments": "{}"}},
        {"role": "function", "name": "look", "content": "sunny"},
    ]
    chat = gpt.chat.completions.create(**chat_request(history))
    assert chat.choices[0].message.content == "The tools answered: sunny"


def test_padding_is_sent_only_when_asked_for(gpt: openai.OpenAI) -> None:
    padded: Any = {"include_obfuscation": True}
    said = chat_request("[[text:a]]", stream=True, stream_options=padded)
    assert all("obfuscation" in chunk.to_dict() for chunk in gpt.chat.completions.create(**said))
    asked = responses_request("[[text:a]]", stream=True, stream_options=padded)
    deltas = [e for e in gpt.responses.create(**asked) if e.type == "response.output_text.delta"]
    assert deltas and all("obfuscation" in event.to_dict() for event in deltas)


def test_side_endpoints_parse(claude: anthropic.Anthropic, gpt: openai.OpenAI) -> None:
    counted = claude.messages.count_tokens(model="m", messages=[{"role": "user", "content": "hi"}])
    assert counted.input_tokens > 0
    assert gpt.responses.input_tokens.count(model="m", input="hi").input_tokens > 0
    assert [model.id for model in claude.models.list()] == ["sim-large", "sim-small"]
    assert [model.id for model in gpt.models.list()] == ["sim-large", "sim-small"]
    assert claude.models.retrieve("any").id == gpt.models.retrieve("any").id == "any"


def test_equal_requests_get_equal_answers_and_ids_differ_between_others(
    claude: anthropic.Anthropic,
) -> None:
    one = claude.messages.create(**messages_request("same"))
    same = claude.messages.create(**messages_request("same"))
    other = claude.messages.create(**messages_request("other"))
    assert one.to_dict() == same.to_dict() and one.id != other.id
    assert one.content[0].to_dict()["id"] != other.content[0].to_dict()["id"]
