"""A program with the `openai` SDK that speaks Responses."""

import json
from collections.abc import Iterator
from typing import Any

import openai
from openai.types.responses import Response

from tests.e2e.sdks.said import (
    PDF_DATA,
    PNG_DATA,
    PNG_URL,
    WEATHER,
    Call,
    Request,
    Said,
    Wish,
    bare,
)
from tests.e2e.sdks.ways import Way

CHOICES: dict[str, Any] = {
    "none": "none",
    "required": "required",
    "weather": {"type": "function", "name": "weather"},
}


class ResponsesProgram:
    def __init__(self, way: Way) -> None:
        self.client = way.openai_client()
        self.async_client = way.async_openai_client

    # what it asks

    def request(self, model: str, wish: Wish) -> Request:
        request: Request = {"model": model, "input": [], "store": False}
        if wish.limit:
            request["max_output_tokens"] = wish.limit
        if wish.system:
            request["instructions"] = wish.system
        if wish.weather:
            request["tools"] = [{"type": "function", "name": "weather", "parameters": WEATHER}]
        if wish.choice:
            request["tool_choice"] = CHOICES[wish.choice]
        if wish.reasoning:
            summary = {"summary": "auto"} if wish.reasoning == "shown" else {}
            request["reasoning"] = {"effort": "low", **summary}
            request["include"] = ["reasoning.encrypted_content"]
        media = self._media() if wish.media else []
        self.ask(request, [*media, {"type": "input_text", "text": wish.text}])
        return request

    def _media(self) -> list[Any]:
        return [
            {"type": "input_image", "image_url": PNG_DATA},
            {"type": "input_image", "image_url": PNG_URL},
            {"type": "input_file", "filename": "a.pdf", "file_data": PDF_DATA},
        ]

    def ask(self, request: Request, content: Any) -> None:
        request["input"].append({"role": "user", "content": content})

    def go_on(self, request: Request, answer: Response, stripped: bool = False) -> bool:
        """As the other programs; `stripped` leaves out the reasoning, and every id of an item."""
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
        return bool(calls)

    def _stripped(self, answer: Response) -> Iterator[Any]:
        for item in answer.output:
            if item.type == "message":
                text = "".join(getattr(part, "text", "") for part in item.content)
                yield {"role": "assistant", "content": text}
            if item.type == "function_call":
                fields = ("type", "call_id", "name", "arguments")
                yield {field: getattr(item, field) for field in fields}

    # how it asks

    def whole(self, request: Request) -> Response:
        return self.client.responses.create(**request)

    def streamed(self, request: Request) -> Response:
        """The helper takes the answer from the last event, so the pieces are held against it."""
        with self.client.responses.stream(**request) as stream:
            events: list[Any] = list(stream)
        answer: Response = events[-1].response
        texts = [e.delta for e in events if e.type == "response.output_text.delta"]
        inputs = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
        items = [e.item.to_dict() for e in events if e.type == "response.output_item.done"]
        calls = [item for item in answer.output if item.type == "function_call"]
        assert [event.sequence_number for event in events] == list(range(len(events)))
        assert "".join(texts) == answer.output_text
        assert "".join(inputs) == "".join(call.arguments for call in calls)
        assert bare(items) == bare(answer.to_dict()["output"])
        return answer

    def parsed(self, request: Request, model: Any) -> Any:
        return self.client.responses.parse(**request, text_format=model).output_parsed

    def parsed_stream(self, request: Request, model: Any) -> Any:
        with self.client.responses.stream(**request, text_format=model) as stream:
            return stream.get_final_response().output_parsed

    def pieces(self, request: Request) -> Iterator[str]:
        for event in self.client.responses.create(**request, stream=True):
            if event.type == "response.output_text.delta":
                yield event.delta

    async def async_text(self, client: openai.AsyncOpenAI, request: Request) -> str:
        async with client.responses.stream(**request) as stream:
            return (await stream.get_final_response()).output_text

    # what it is told

    def read(self, answer: Response) -> Said:
        items: list[Any] = answer.output
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
            details.reason if details else answer.status,
        )
