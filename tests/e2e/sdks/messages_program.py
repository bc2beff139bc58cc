"""A program with the `anthropic` SDK."""

from collections.abc import Iterator
from typing import Any

import anthropic
from anthropic.types import Message

from tests.e2e.sdks.said import PDF, PNG, PNG_URL, WEATHER, Call, Request, Said, Wish
from tests.e2e.sdks.ways import Way

DISPLAY = {"shown": "summarized", "hidden": "omitted"}
CHOICES: dict[str, Any] = {
    "none": {"type": "none"},
    "required": {"type": "any"},
    "weather": {"type": "tool", "name": "weather"},
}


class MessagesProgram:
    def __init__(self, way: Way) -> None:
        self.client = way.messages_client()
        self.async_client = way.async_messages_client

    # what it asks

    def request(self, model: str, wish: Wish) -> Request:
        request: Request = {"model": model, "max_tokens": wish.limit or 2000, "messages": []}
        if wish.system:
            request["system"] = wish.system
        if wish.weather:
            request["tools"] = [{"name": "weather", "input_schema": WEATHER}]
        if wish.choice:
            request["tool_choice"] = CHOICES[wish.choice]
        if wish.reasoning:
            request["thinking"] = {"type": "adaptive", "display": DISPLAY[wish.reasoning]}
        media = self._media() if wish.media else []
        self.ask(request, [*media, {"type": "text", "text": wish.text}])
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

    def go_on(self, request: Request, answer: Message, stripped: bool = False) -> bool:
        """Takes the answer into the history, and what came of its calls, if there were any.

        `stripped`: without what a program that cares for texts and calls alone does not keep.
        """
        calls = [block for block in answer.content if block.type == "tool_use"]
        kept = [b for b in answer.content if not stripped or b.type in ("text", "tool_use")]
        request["messages"].append({"role": "assistant", "content": kept})
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": f"sunny {call.input}"}
            for call in calls
        ]
        if results:
            self.ask(request, results)
        return bool(calls)

    # how it asks

    def whole(self, request: Request) -> Message:
        return self.client.messages.create(**request)

    def streamed(self, request: Request) -> Message:
        with self.client.messages.stream(**request) as stream:
            return stream.get_final_message()

    def parsed(self, request: Request, model: Any) -> Any:
        return self.client.messages.parse(**request, output_format=model).parsed_output

    def parsed_stream(self, request: Request, model: Any) -> Any:
        with self.client.messages.stream(**request, output_format=model) as stream:
            return stream.get_final_message().parsed_output

    def pieces(self, request: Request) -> Iterator[str]:
        for event in self.client.messages.create(**request, stream=True):
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                yield event.delta.text

    async def async_text(self, client: anthropic.AsyncAnthropic, request: Request) -> str:
        async with client.messages.stream(**request) as stream:
            return "".join([piece async for piece in stream.text_stream])

    # what it is told

    def read(self, answer: Message) -> Said:
        blocks, refused = answer.content, answer.stop_details
        return Said(
            "".join(block.text for block in blocks if block.type == "text"),
            "".join(block.thinking for block in blocks if block.type == "thinking"),
            (refused.explanation or "") if refused else "",
            tuple(Call(b.id, b.name, b.input) for b in blocks if b.type == "tool_use"),
            answer.stop_reason,
        )
