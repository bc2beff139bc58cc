"""Programs with the official SDKs, unchanged, through a real proxy to another protocol.

Each runs streamed and whole, and what the stream accumulates to is what the whole answer says.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from anthropic.types import Message
from openai.types.chat import ChatCompletion

from bridge.simulator import Simulator, running
from tests.processes import Proxy, running_proxy

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n pixel").decode()
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def fresh(sim: Simulator) -> None:
    sim.forget_requests()
    sim.clear_faults()


@pytest.fixture(scope="module")
def config(sim: Simulator) -> dict[str, Any]:
    """Each app's calls go to an upstream that speaks the other protocol."""
    return {
        "upstreams": {
            "chat": {
                "protocol": "openai_chat",
                "url": sim.base("chat"),
                "api_key": "key-chat",
                "models": {"claude-*": "gpt-x"},
                "profile": "openai",
            },
            "messages": {
                "protocol": "anthropic_messages",
                "url": sim.base("messages"),
                "api_key": "key-messages",
                "models": {"gpt-*": "claude-opus-5"},
                "profile": "anthropic",
            },
        },
        "routes": [
            {"match": {"protocol": "anthropic_messages"}, "upstreams": ["chat"]},
            {"match": {"protocol": "openai_chat"}, "upstreams": ["messages"]},
        ],
    }


@pytest.fixture(scope="module")
def regular(
    tmp_path_factory: pytest.TempPathFactory, confdir: Path, config: dict[str, Any]
) -> Iterator[Proxy]:
    with running_proxy(tmp_path_factory.mktemp("regular"), confdir, config) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def reverse(
    tmp_path_factory: pytest.TempPathFactory, confdir: Path, config: dict[str, Any]
) -> Iterator[Proxy]:
    options = ("--mode", "reverse:http://127.0.0.1:9")
    with running_proxy(tmp_path_factory.mktemp("reverse"), confdir, config, *options) as proxy:
        yield proxy


class Way:
    """How an app reaches the bridge: through the proxy over TLS, or as its base URL."""

    def __init__(self, proxy: Proxy, http2: bool | None) -> None:
        self.base_url = proxy.url if http2 is None else None
        self.options: dict[str, Any] = {"trust_env": False}
        if http2 is not None:
            context = ssl.create_default_context(cafile=proxy.ca)
            self.options |= {"proxy": proxy.url, "verify": context, "http2": http2}

    def messages_app(self) -> anthropic.Anthropic:
        http_client = anthropic.DefaultHttpxClient(**self.options)
        return anthropic.Anthropic(
            api_key="app", base_url=self.base_url, max_retries=0, http_client=http_client
        )

    def async_messages_app(self) -> anthropic.AsyncAnthropic:
        http_client = anthropic.DefaultAsyncHttpxClient(**self.options)
        return anthropic.AsyncAnthropic(
            api_key="app", base_url=self.base_url, max_retries=0, http_client=http_client
        )

    def chat_app(self) -> openai.OpenAI:
        http_client = openai.DefaultHttpxClient(**self.options)
        return openai.OpenAI(
            api_key="app", base_url=self._v1, max_retries=0, http_client=http_client
        )

    def async_chat_app(self) -> openai.AsyncOpenAI:
        http_client = openai.DefaultAsyncHttpxClient(**self.options)
        return openai.AsyncOpenAI(
            api_key="app", base_url=self._v1, max_retries=0, http_client=http_client
        )

    @property
    def _v1(self) -> str | None:
        return self.base_url and f"{self.base_url}/v1"


@pytest.fixture(params=["HTTP/1.1 over TLS", "HTTP/2 over TLS", "reverse mode"])
def way(request: pytest.FixtureRequest) -> Way:
    if request.param == "reverse mode":
        return Way(request.getfixturevalue("reverse"), None)
    return Way(request.getfixturevalue("regular"), request.param.startswith("HTTP/2"))


# --- Messages apps

type Ask = Callable[..., Message]


def whole_message(client: anthropic.Anthropic, **request: Any) -> Message:
    return client.messages.create(**request)


def streamed_message(client: anthropic.Anthropic, **request: Any) -> Message:
    with client.messages.stream(**request) as stream:
        return stream.get_final_message()


def messages_request(text: str, **fields: Any) -> dict[str, Any]:
    return {
        "model": "claude-opus-5-5",
        "max_tokens": 2000,
        "messages": [{"role": "user", "content": text}],
        **fields,
    }


def bare(answer: Message | ChatCompletion) -> dict[str, Any]:
    """An answer without what differs between two calls."""
    fields = answer.model_dump(exclude_none=True)
    return {key: value for key, value in fields.items() if key not in ("id", "created")}


def test_messages_text(way: Way, sim: Simulator) -> None:
    request = messages_request("[[words:30]]", system="Be brief.", stop_sequences=["END"])
    with way.messages_app() as client:
        whole, streamed = whole_message(client, **request), streamed_message(client, **request)
    assert bare(whole) == bare(streamed)
    assert (whole.stop_reason, whole.model) == ("end_turn", "claude-opus-5-5")
    assert "漢字" in whole.content[0].text and whole.usage.output_tokens > 0
    [sent, streamed_sent] = sim.requests("chat")
    assert sent.body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert sent.body["max_completion_tokens"] == 2000
    assert streamed_sent.body["stream_options"] == {"include_usage": True}


def messages_tool_loop(client: anthropic.Anthropic, ask: Ask) -> list[dict[str, Any]]:
    """An agent: calls until there are none, each answered from its own arguments."""
    request = messages_request(
        "[[reason:which city]][[tools:3x2]][[text:done]]",
        tools=[{"name": "weather", "input_schema": WEATHER}],
        thinking={"type": "adaptive"},
    )
    answers = []
    for _ in range(6):
        answer = ask(client, **request)
        answers.append(bare(answer))
        request["messages"].append({"role": "assistant", "content": answer.content})
        if answer.stop_reason != "tool_use":
            break
        results = [
            {
                "type": "tool_result",
                "tool_use_id": block.id,
                "content": f"sunny in {json.dumps(block.input)}",
            }
            for block in answer.content
            if block.type == "tool_use"
        ]
        assert len(results) == 2
        request["messages"].append({"role": "user", "content": results})
    return answers


def test_a_messages_agent_of_three_rounds_with_two_parallel_calls(way: Way, sim: Simulator) -> None:
    with way.messages_app() as client:
        whole = messages_tool_loop(client, whole_message)
        streamed = messages_tool_loop(client, streamed_message)
    assert whole == streamed
    assert [answer["stop_reason"] for answer in whole] == ["tool_use"] * 3 + ["end_turn"]
    assert [block["type"] for block in whole[0]["content"]] == ["thinking", "tool_use", "tool_use"]
    last = sim.requests("chat")[-1].body["messages"]
    assert [turn["role"] for turn in last] == ["user"] + ["assistant", "tool", "tool"] * 3


def test_messages_images_and_documents(way: Way, sim: Simulator) -> None:
    content = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        },
        {"type": "text", "text": "[[echo]]"},
    ]
    request = messages_request("")
    request["messages"] = [{"role": "user", "content": content}]
    with way.messages_app() as client:
        seen = json.loads(whole_message(client, **request).content[0].text)
    assert (seen["images"], seen["documents"]) == (2, 1)
    parts = sim.requests("chat")[0].body["messages"][0]["content"]
    assert parts[0]["image_url"]["url"] == f"data:image/png;base64,{PIXEL}"


def test_messages_async_programs_run_side_by_side(way: Way) -> None:
    async def program() -> list[str]:
        async with way.async_messages_app() as client:

            async def one(number: int) -> str:
                request = messages_request(f"[[text:answer {number}]]")
                async with client.messages.stream(**request) as stream:
                    return "".join([piece async for piece in stream.text_stream])

            return await asyncio.gather(*(one(number) for number in range(8)))

    assert asyncio.run(program()) == [f"answer {number}" for number in range(8)]


@pytest.mark.parametrize(
    "text, stop_reason",
    [
        ("[[text:cut]][[length]]", "max_tokens"),
        ("[[refuse:I will not]]", "refusal"),
        ("[[text:x]]", "end_turn"),
    ],
)
def test_messages_stop_reasons(way: Way, text: str, stop_reason: str) -> None:
    with way.messages_app() as client:
        whole = whole_message(client, **messages_request(text))
        streamed = streamed_message(client, **messages_request(text))
    assert bare(whole) == bare(streamed)
    assert whole.stop_reason == stop_reason


MESSAGES_ERRORS = [
    pytest.param(422, anthropic.UnprocessableEntityError, "invalid_request_error", id="422"),
    pytest.param(401, anthropic.AuthenticationError, "authentication_error", id="401"),
    pytest.param(403, anthropic.PermissionDeniedError, "permission_error", id="403"),
    pytest.param(404, anthropic.NotFoundError, "not_found_error", id="404"),
    pytest.param(429, anthropic.RateLimitError, "rate_limit_error", id="429"),
    pytest.param(500, anthropic.InternalServerError, "api_error", id="500"),
    pytest.param(503, anthropic.InternalServerError, "overloaded_error", id="503 is overloaded"),
]


@pytest.mark.parametrize("status, error_class, error_type", MESSAGES_ERRORS)
def test_messages_errors(
    way: Way,
    sim: Simulator,
    status: int,
    error_class: type[anthropic.APIStatusError],
    error_type: str,
) -> None:
    for ask in (whole_message, streamed_message):
        sim.fault("chat", {"kind": "status", "status": status, "headers": {"retry-after": "7"}})
        with way.messages_app() as client, pytest.raises(error_class) as caught:
            ask(client, **messages_request("x"))
        body = caught.value.body
        assert isinstance(body, dict) and body["error"]["type"] == error_type
        assert caught.value.request_id
        assert caught.value.response.headers["retry-after"] == "7"


# --- Chat apps


def whole_completion(client: openai.OpenAI, **request: Any) -> ChatCompletion:
    return client.chat.completions.create(**request)


def streamed_completion(client: openai.OpenAI, **request: Any) -> ChatCompletion:
    request["stream_options"] = {"include_usage": True}
    with client.chat.completions.stream(**request) as stream:
        return stream.get_final_completion()


def chat_request(text: str, **fields: Any) -> dict[str, Any]:
    return {"model": "gpt-5.6", "messages": [{"role": "user", "content": text}], **fields}


def bare_completion(completion: ChatCompletion) -> dict[str, Any]:
    """The helper adds its own parsed forms and the index of each call; they are not on the wire."""
    fields = bare(completion)
    for choice in fields["choices"]:
        for call in choice["message"].get("tool_calls", []):
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
        choice["message"].pop("parsed", None)
        for detail in choice["message"].get("reasoning_details", []):
            detail.pop("index", None)
    fields["object"] = "chat.completion"
    return fields


def test_chat_text(way: Way, sim: Simulator) -> None:
    request = chat_request("[[words:30]]", stop="END", max_completion_tokens=500)
    request["messages"].insert(0, {"role": "developer", "content": "Be brief."})
    with way.chat_app() as client:
        whole = bare_completion(whole_completion(client, **request))
        streamed = bare_completion(streamed_completion(client, **request))
    assert whole == streamed
    assert (whole["model"], whole["choices"][0]["finish_reason"]) == ("gpt-5.6", "stop")
    assert "漢字" in whole["choices"][0]["message"]["content"]
    assert whole["usage"]["total_tokens"] > 0
    sent = sim.requests("messages")[0].body
    assert sent["system"] == [{"type": "text", "text": "Be brief."}]
    assert sent["max_tokens"] == 500
    assert sent["stop_sequences"] == ["END"]


def chat_tool_loop(client: openai.OpenAI, ask: Callable[..., ChatCompletion]) -> list[Any]:
    function = {"name": "weather", "parameters": WEATHER}
    request = chat_request(
        "[[reason:which city]][[tools:3x2]][[text:done]]",
        tools=[{"type": "function", "function": function}],
        reasoning_effort="low",
    )
    answers = []
    for _ in range(6):
        answer = ask(client, **request)
        answers.append(bare_completion(answer))
        message = answer.choices[0].message
        request["messages"].append(message.model_dump(exclude_none=True))
        if answer.choices[0].finish_reason != "tool_calls":
            break
        assert message.tool_calls and len(message.tool_calls) == 2
        request["messages"] += [
            {"role": "tool", "tool_call_id": call.id, "content": f"sunny {call.function.arguments}"}
            for call in message.tool_calls
        ]
    return answers


def test_a_chat_agent_of_three_rounds_with_two_parallel_calls(way: Way, sim: Simulator) -> None:
    with way.chat_app() as client:
        whole = chat_tool_loop(client, whole_completion)
        streamed = chat_tool_loop(client, streamed_completion)
    assert whole == streamed
    reasons = [answer["choices"][0]["finish_reason"] for answer in whole]
    assert reasons == ["tool_calls"] * 3 + ["stop"]
    assert whole[0]["choices"][0]["message"]["reasoning_content"] == "which city"
    last = sim.requests("messages")[-1].body["messages"]
    assert [turn["role"] for turn in last] == ["user"] + ["assistant", "user"] * 3
    assert [block["type"] for block in last[1]["content"]] == ["thinking", "tool_use", "tool_use"]
    assert [block["type"] for block in last[2]["content"]] == ["tool_result"] * 2


def test_chat_images(way: Way, sim: Simulator) -> None:
    content = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "text", "text": "[[echo]]"},
    ]
    request = chat_request("")
    request["messages"] = [{"role": "user", "content": content}]
    with way.chat_app() as client:
        text = whole_completion(client, **request).choices[0].message.content
    assert text and json.loads(text)["images"] == 2


def test_chat_structured_output(way: Way) -> None:
    schema = {**WEATHER, "required": ["city", "days"], "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "w", "schema": schema, "strict": True}}
    with way.chat_app() as client:
        answer = whole_completion(client, **chat_request("now", response_format=wanted))
    text = answer.choices[0].message.content
    assert text and set(json.loads(text)) == {"city", "days"}


def test_chat_async_programs_run_side_by_side(way: Way) -> None:
    async def program() -> list[str]:
        async with way.async_chat_app() as client:

            async def one(number: int) -> str:
                request = chat_request(f"[[text:answer {number}]]", stream=True)
                stream = await client.chat.completions.create(**request)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            return await asyncio.gather(*(one(number) for number in range(8)))

    assert asyncio.run(program()) == [f"answer {number}" for number in range(8)]


CHAT_ERRORS = [
    pytest.param(422, openai.UnprocessableEntityError, "invalid_request_error", id="422"),
    pytest.param(401, openai.AuthenticationError, "invalid_request_error", id="401"),
    pytest.param(429, openai.RateLimitError, None, id="429"),
    pytest.param(500, openai.InternalServerError, "server_error", id="500"),
    pytest.param(529, openai.InternalServerError, "server_error", id="529 is 503"),
]


@pytest.mark.parametrize("status, error_class, error_type", CHAT_ERRORS)
def test_chat_errors(
    way: Way,
    sim: Simulator,
    status: int,
    error_class: type[openai.APIStatusError],
    error_type: str | None,
) -> None:
    for ask in (whole_completion, streamed_completion):
        sim.fault("messages", {"kind": "status", "status": status, "headers": {"retry-after": "7"}})
        with way.chat_app() as client, pytest.raises(error_class) as caught:
            ask(client, **chat_request("x"))
        body = caught.value.body
        assert isinstance(body, dict) and set(body) >= {"message", "type", "param", "code"}
        assert error_type in (None, body["type"])
        assert caught.value.request_id
        assert caught.value.response.headers["retry-after"] == "7"


def test_a_proxy_that_is_pointed_at_answers_other_programs_too(way: Way) -> None:
    """A program of neither SDK: what is on the wire, byte by byte."""
    url = way.base_url or "https://api.anthropic.com"
    with httpx2.Client(**way.options) as client:
        body = messages_request("[[text:hi]]", stream=True)
        answer = client.post(f"{url}/v1/messages", json=body, headers={"x-api-key": "app"})
    assert answer.http_version == ("HTTP/2" if way.options.get("http2") else "HTTP/1.1")
    names = [line[7:] for line in answer.text.splitlines() if line.startswith("event: ")]
    assert names[0] == "message_start" and names[-1] == "message_stop"
