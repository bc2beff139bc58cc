"""A program with the `openai` SDK that speaks Chat Completions."""

import json
from collections.abc import Iterator
from typing import Any

import openai
from openai.types.chat import ChatCompletion

from tests.e2e.sdks.said import PDF_DATA, PNG_DATA, PNG_URL, WEATHER, Call, Request, Said, Wish
from tests.e2e.sdks.ways import Way

WEATHER_FUNCTION = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
CHOICES: dict[str, Any] = {
    "none": "none",
    "required": "required",
    "weather": {"type": "function", "function": {"name": "weather"}},
}


class ChatProgram:
    def __init__(self, way: Way) -> None:
        self.client = way.openai_client()
        self.async_client = way.async_openai_client

    # what it asks

    def request(self, model: str, wish: Wish) -> Request:
        request: Request = {"model": model, "messages": []}
        if wish.limit:
            request["max_completion_tokens"] = wish.limit
        if wish.system:
            request["messages"].append({"role": "developer", "content": wish.system})
        if wish.weather:
            request["tools"] = [WEATHER_FUNCTION]
        if wish.choice:
            request["tool_choice"] = CHOICES[wish.choice]
        if wish.reasoning:
            request["reasoning_effort"] = "low"
        if wish.reasoning == "hidden":  # OpenRouter's word for it; OpenAI never shows any here
            request["extra_body"] = {"reasoning": {"exclude": True}}
        media = self._media() if wish.media else []
        self.ask(request, [*media, {"type": "text", "text": wish.text}])
        return request

    def _media(self) -> list[Any]:
        return [
            {"type": "image_url", "image_url": {"url": PNG_DATA}},
            {"type": "image_url", "image_url": {"url": PNG_URL}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF_DATA}},
        ]

    def ask(self, request: Request, content: Any) -> None:
        request["messages"].append({"role": "user", "content": content})

    def go_on(self, request: Request, answer: ChatCompletion, stripped: bool = False) -> bool:
        """As the other programs; `stripped` is how most apps of this API keep an answer."""
        message: Any = answer.choices[0].message
        calls = message.tool_calls or []
        if stripped:
            called = {"tool_calls": calls} if calls else {}
            message = {"role": "assistant", "content": message.content, **called}
        request["messages"].append(message)
        request["messages"] += [
            {"role": "tool", "tool_call_id": call.id, "content": f"sunny {call.function.arguments}"}
            for call in calls
        ]
        return bool(calls)

    # how it asks

    def whole(self, request: Request) -> ChatCompletion:
        return self.client.chat.completions.create(**request)

    def streamed(self, request: Request) -> ChatCompletion:
        counted = {"include_usage": True}
        with self.client.chat.completions.stream(**request, stream_options=counted) as stream:
            for _ in stream:
                pass
            return stream.current_completion_snapshot  # also of an answer that was cut

    def parsed(self, request: Request, model: Any) -> Any:
        answer = self.client.chat.completions.parse(**request, response_format=model)
        return answer.choices[0].message.parsed

    def parsed_stream(self, request: Request, model: Any) -> Any:
        with self.client.chat.completions.stream(**request, response_format=model) as stream:
            return stream.get_final_completion().choices[0].message.parsed

    def pieces(self, request: Request) -> Iterator[str]:
        for chunk in self.client.chat.completions.create(**request, stream=True):
            yield chunk.choices[0].delta.content or ""

    async def async_text(self, client: openai.AsyncOpenAI, request: Request) -> str:
        async with client.chat.completions.stream(**request) as stream:
            return "".join([e.delta async for e in stream if e.type == "content.delta"])

    # what it is told

    def read(self, answer: ChatCompletion) -> Said:
        [choice] = answer.choices
        message: Any = choice.message
        return Said(
            message.content or "",
            getattr(message, "reasoning_content", None) or "",
            message.refusal or "",
            tuple(
                Call(call.id, call.function.name, json.loads(call.function.arguments))
                for call in message.tool_calls or []
            ),
            choice.finish_reason,
        )
