"""The same program written with each SDK: what it asks, and what the answer says.

In: neutral fields of a request. Out: keyword arguments for the SDK, and answers of the SDK as `Said`.
Hard part: an answer goes back as the SDK's own object, with every field that the bridge put into it,
or `stripped` to what every program keeps.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
from anthropic.types import Message
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from bridge.simulator import Simulator
from tests.e2e.sdks.ways import Way, asking

type Request = dict[str, Any]

PNG, PDF = "iVBORw0KGgo=", "JVBERi0="
PNG_URL, PNG_DATA = "https://example.org/a.png", f"data:image/png;base64,{PNG}"
PDF_DATA = f"data:application/pdf;base64,{PDF}"
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
TOOLS = {"weather": WEATHER}


@dataclass(frozen=True, slots=True)
class Call:
    id: str
    name: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer says, whatever its protocol."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: tuple[Call, ...] = ()
    finish: str | None = None  # in the words of the protocol


# What a stream helper of an SDK keeps beside what came, and the times of an answer.
UNSAID = frozenset(
    "parsed parsed_arguments parsed_output index object created created_at completed_at".split()
)


def bare(value: Any) -> Any:
    """An answer of an SDK without nulls and what is UNSAID: the same, streamed or whole.

    What is sealed may differ: OpenAI encrypts the same reasoning anew each time it shows it.
    """
    if isinstance(value, list):
        return [bare(each) for each in value]
    if isinstance(value, str):
        return re.sub(r"^brg1\..*", "sealed", value)
    if not isinstance(value, dict):
        return value
    kept = {key: each for key, each in value.items() if key not in UNSAID and each is not None}
    return {key: bare(each) for key, each in kept.items()}


class MessagesProgram:
    def __init__(self, way: Way) -> None:
        self.client = way.messages_client()
        self.async_client = way.async_messages_client

    def request(self, upstream: str, text: str, **wanted: Any) -> Request:
        request: Request = {"model": asking(upstream), "max_tokens": wanted.get("limit", 2000)}
        if system := wanted.get("system"):
            request["system"] = system
        if stop := wanted.get("stop"):
            request["stop_sequences"] = [stop]
        if tools := wanted.get("tools"):
            request["tools"] = [{"name": n, "input_schema": s} for n, s in tools.items()]
        if reasoning := wanted.get("reasoning"):
            display = {"shown": "summarized", "hidden": "omitted"}[reasoning]
            request["thinking"] = {"type": "adaptive", "display": display}
        media = self._media() if wanted.get("media") else []
        request["messages"] = []
        self.ask(request, [*media, {"type": "text", "text": text}])
        return request

    def _media(self) -> list[Any]:
        png = {"type": "base64", "media_type": "image/png", "data": PNG}
        pdf = {"type": "base64", "media_type": "application/pdf", "data": PDF}
        return [
            {"type": "image", "source": png},
            {"type": "image", "source": {"type": "url", "url": PNG_URL}},
            {"type": "document", "source": pdf},
        ]

    def ask(self, request: Request, content: Any) -> None:
        request["messages"].append({"role": "user", "content": content})

    def go_on(self, request: Request, answer: Message, stripped: bool = False) -> list[str]:
        """Takes the answer into the history, and what came of its calls."""
        calls = [block for block in answer.content if block.type == "tool_use"]
        content: list[Any] = [*answer.content]
        if stripped:
            content = [b for b in content if b.type in ("text", "tool_use")]
        request["messages"].append({"role": "assistant", "content": content})
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": f"sunny {call.input}"}
            for call in calls
        ]
        if results:
            self.ask(request, results)
        return calls

    def whole(self, request: Request) -> Message:
        return self.client.messages.create(**request)

    def streamed(self, request: Request) -> Message:
        with self.client.messages.stream(**request) as stream:
            return stream.get_final_message()

    def parsed(self, request: Request, model: Any) -> Any:
        return self.client.messages.parse(**request, output_format=model).parsed_output

    def pieces(self, request: Request) -> Iterator[str]:
        for event in self.client.messages.create(**request, stream=True):
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                yield event.delta.text

    async def async_text(self, client: anthropic.AsyncAnthropic, request: Request) -> str:
        async with client.messages.stream(**request) as stream:
            return "".join([piece async for piece in stream.text_stream])

    def read(self, answer: Message) -> Said:
        blocks = answer.content
        refused = answer.stop_details
        return Said(
            "".join(block.text for block in blocks if block.type == "text"),
            "".join(block.thinking for block in blocks if block.type == "thinking"),
            (refused.explanation or "") if refused else "",
            tuple(Call(b.id, b.name, b.input) for b in blocks if b.type == "tool_use"),
            answer.stop_reason,
        )



class ChatProgram:
    def __init__(self, way: Way) -> None:
        self.client = way.openai_client()
        self.async_client = way.async_openai_client

    def request(self, upstream: str, text: str, **wanted: Any) -> Request:
        request: Request = {"model": asking(upstream), "messages": []}
        if limit := wanted.get("limit"):
            request["max_completion_tokens"] = limit
        if system := wanted.get("system"):
            request["messages"].append({"role": "developer", "content": system})
        if stop := wanted.get("stop"):
            request["stop"] = stop
        if tools := wanted.get("tools"):
            functions = [{"name": n, "parameters": s} for n, s in tools.items()]
            request["tools"] = [{"type": "function", "function": f} for f in functions]
        if reasoning := wanted.get("reasoning"):
            request["reasoning_effort"] = "low"
            if reasoning == "hidden":  # the word of OpenRouter
                request["extra_body"] = {"reasoning": {"exclude": True}}
        media = self._media() if wanted.get("media") else []
        self.ask(request, [*media, {"type": "text", "text": text}])
        return request

    def _media(self) -> list[Any]:
        return [
            {"type": "image_url", "image_url": {"url": PNG_DATA}},
            {"type": "image_url", "image_url": {"url": PNG_URL}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF_DATA}},
        ]

    def ask(self, request: Request, content: Any) -> None:
        request["messages"].append({"role": "user", "content": content})

    def go_on(self, request: Request, answer: ChatCompletion, stripped: bool = False) -> list[str]:
        message: Any = answer.choices[0].message
        calls = message.tool_calls or []
        if stripped:
            message = {"role": "assistant", "content": message.content}
            if calls:
                message["tool_calls"] = calls
        request["messages"].append(message)
        request["messages"] += [
            {"role": "tool", "tool_call_id": call.id, "content": f"sunny {call.function.arguments}"}
            for call in calls
        ]
        return calls

    def whole(self, request: Request) -> ChatCompletion:
        return self.client.chat.completions.create(**request)

    def streamed(self, request: Request) -> ChatCompletion:
        counted = {"include_usage": True}
        with self.client.chat.completions.stream(**request, stream_options=counted) as stream:
            for _ in stream:
                pass
            return stream.current_completion_snapshot  # which a refusal and a cut have too

    def parsed(self, request: Request, model: Any) -> Any:
        found = self.client.chat.completions.parse(**request, response_format=model)
        return found.choices[0].message.parsed

    def pieces(self, request: Request) -> Iterator[str]:
        for chunk in self.client.chat.completions.create(**request, stream=True):
            yield chunk.choices[0].delta.content or ""

    async def async_text(self, client: openai.AsyncOpenAI, request: Request) -> str:
        async with client.chat.completions.stream(**request) as stream:
            events = [event async for event in stream]
        return "".join(event.delta for event in events if event.type == "content.delta")

    def read(self, answer: ChatCompletion) -> Said:
        [choice] = answer.choices
        message = choice.message
        return Said(
            message.content or "",
            getattr(message, "reasoning_content", None) or "",
            message.refusal or "",
            tuple(
                Call(call.id, call.function.name, json.loads(call.function.arguments))
                for call in message.tool_calls or []
                if call.type == "function"
            ),
            choice.finish_reason,
        )



class ResponsesProgram:
    def __init__(self, way: Way) -> None:
        self.client = way.openai_client()
        self.async_client = way.async_openai_client

    def request(self, upstream: str, text: str, **wanted: Any) -> Request:
        request: Request = {"model": asking(upstream), "input": [], "store": False}
        if limit := wanted.get("limit"):
            request["max_output_tokens"] = limit
        if system := wanted.get("system"):
            request["instructions"] = system
        if tools := wanted.get("tools"):
            request["tools"] = [
                {"type": "function", "name": n, "parameters": s, "strict": False}
                for n, s in tools.items()
            ]
        if reasoning := wanted.get("reasoning"):
            shown = {"summary": "auto"} if reasoning == "shown" else {}
            request["reasoning"] = {"effort": "low", **shown}
            request["include"] = ["reasoning.encrypted_content"]
        media = self._media() if wanted.get("media") else []
        self.ask(request, [*media, {"type": "input_text", "text": text}])
        return request

    def _media(self) -> list[Any]:
        return [
            {"type": "input_image", "image_url": PNG_DATA},
            {"type": "input_image", "image_url": PNG_URL},
            {"type": "input_file", "filename": "a.pdf", "file_data": PDF_DATA},
        ]

    def ask(self, request: Request, content: Any) -> None:
        request["input"].append({"role": "user", "content": content})

    def go_on(self, request: Request, answer: Response, stripped: bool = False) -> list[str]:
        calls = [item for item in answer.output if item.type == "function_call"]
        request["input"] += self._stripped(answer) if stripped else answer.output
        request["input"] += [
            {
                "type": "function_call_output",
                "call_id": call.call_id,
                "output": f"sunny {call.arguments}",
            }
            for call in calls
        ]
        return calls

    def _stripped(self, answer: Response) -> list[Any]:
        kept: list[Any] = []
        for item in answer.output:
            if item.type == "message":
                kept.append({"role": "assistant", "content": answer.output_text})
            if item.type == "function_call":
                fields = ("type", "call_id", "name", "arguments")
                kept.append({field: getattr(item, field) for field in fields})
        return kept

    def whole(self, request: Request) -> Response:
        return self.client.responses.create(**request)

    def streamed(self, request: Request) -> Response:
        """The helper takes the answer from the last event, so the pieces are held against it."""
        with self.client.responses.stream(**request) as stream:
            events: list[Any] = list(stream)
        answer: Response = events[-1].response
        texts = [e.delta for e in events if e.type == "response.output_text.delta"]
        inputs = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
        calls = [item for item in answer.output if item.type == "function_call"]
        assert "".join(texts) == answer.output_text
        assert "".join(inputs) == "".join(call.arguments for call in calls)
        done = [e.item for e in events if e.type == "response.output_item.done"]
        assert bare([item.to_dict() for item in done]) == bare(answer.to_dict())["output"]
        return answer

    def parsed(self, request: Request, model: Any) -> Any:
        return self.client.responses.parse(**request, text_format=model).output_parsed

    def pieces(self, request: Request) -> Iterator[str]:
        for event in self.client.responses.create(**request, stream=True):
            if event.type == "response.output_text.delta":
                yield event.delta

    async def async_text(self, client: openai.AsyncOpenAI, request: Request) -> str:
        async with client.responses.stream(**request) as stream:
            answer = await stream.get_final_response()
        return answer.output_text

    def read(self, answer: Response) -> Said:
        items: Any = answer.output
        parts = [part for item in items if item.type == "message" for part in item.content]
        thoughts = [part for item in items if item.type == "reasoning" for part in item.summary]
        details = answer.incomplete_details
        return Said(
            answer.output_text,
            "".join(part.text for part in thoughts),
            "".join(part.refusal for part in parts if part.type == "refusal"),
            tuple(
                Call(item.call_id, item.name, json.loads(item.arguments))
                for item in items
                if item.type == "function_call"
            ),
            (details and details.reason) or answer.status,
        )



type Program = MessagesProgram | ChatProgram | ResponsesProgram
PROGRAMS = {"messages": MessagesProgram, "chat": ChatProgram, "responses": ResponsesProgram}


@dataclass(frozen=True, slots=True)
class Trip:
    """A program, the upstream it asks for, and what arrives there."""

    app: str
    program: Any
    upstream: str
    sim: Simulator

    def request(self, text: str, **wanted: Any) -> Request:
        request: Request = self.program.request(self.upstream, text, **wanted)
        return request

    def both(self, request: Request) -> Any:
        """The whole answer, which a stream of it adds up to."""
        whole, streamed = self.program.whole(request), self.program.streamed(request)
        assert bare(streamed.to_dict()) == bare(whole.to_dict())
        return whole

    @property
    def sent(self) -> list[Any]:
        """The bodies that arrived upstream."""
        return [request.body for request in self.sim.requests(self.upstream)]
