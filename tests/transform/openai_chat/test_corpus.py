"""Recorded traffic of real providers: all of it is read, and what we write the SDK accepts."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bridge.transform.answers import Error, Response
from bridge.transform.context import Context, context
from bridge.transform.fold import unfold
from bridge.transform.model import (
    Part,
    Protocol,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from bridge.transform.openai_chat import (
    Encoder,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from bridge.transform.sse import SseParser
from tests.transform.recorded import (
    KINDS,
    answers,
    events_of,
    folded,
    own,
    records,
    requests,
    stream_events,
)
from tests.transform.sdks import answer_faults, joined, request_faults

C: Protocol = "openai_chat"


def text_of(parts: tuple[Part, ...], kind: type[TextPart | ReasoningPart | RefusalPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, kind))


def calls_of(parts: tuple[Part, ...]) -> list[tuple[str, Any]]:
    return [(part.name, parsed(part.arguments)) for part in parts if isinstance(part, ToolCallPart)]


def parsed(arguments: Any) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


# --- answers


def test_every_answer_but_the_recorded_errors_is_read() -> None:
    assert len(answers(C, "json")) == len(records(C, "json"))
    failed = [r["id"] for r in records(C, "stream") if isinstance(folded(events_of(r)), Error)]
    assert failed == [r["id"] for r in records(C, "stream") if is_error(r)]


def is_error(record: Any) -> bool:
    return "stream_error" in record["features"] or "error object inside the stream" in (
        record.get("deviations") or ()
    )


def said_in(content: Any) -> tuple[str, str]:
    """Text and reasoning of a content: a string, or Mistral's list of parts."""
    if isinstance(content, str):
        return content, ""
    parts = content if isinstance(content, list) else []
    thoughts = [t for part in parts if part["type"] == "thinking" for t in part["thinking"]]
    return texts_in(parts), texts_in(thoughts)


def texts_in(parts: list[Any]) -> str:
    return "".join(part["text"] for part in parts if part["type"] == "text")


def thought_in(message: dict[str, Any]) -> str:
    """Servers that fill both fields say the same in each."""
    return message.get("reasoning_content") or message.get("reasoning") or ""


def test_an_answer_says_what_is_in_its_body() -> None:
    for record, answer in answers(C, "json"):
        choice = record["response"]["body"]["choices"][0]
        message = choice.get("message") or {}
        said, thought = said_in(message.get("content"))
        thought += thought_in(message)
        if not isinstance(message.get("content"), dict):  # parsed by the server
            assert text_of(answer.parts, TextPart) == said, record["id"]
        if thought or not message.get("reasoning_details"):
            assert text_of(answer.parts, ReasoningPart) == thought, record["id"]
        assert text_of(answer.parts, RefusalPart) == (message.get("refusal") or "")
        assert calls_of(answer.parts) == calls_in(message), record["id"]


def calls_in(message: dict[str, Any]) -> list[tuple[str, Any]]:
    calls = [call.get("function") or call["custom"] for call in message.get("tool_calls") or ()]
    legacy = message.get("function_call") or {}
    calls += [legacy] if legacy.get("name") else []
    return [(call["name"], parsed(call.get("arguments", call.get("input")))) for call in calls]


def chunks_of(record: Any) -> Iterator[dict[str, Any]]:
    parser = SseParser()
    for sse in [*parser.feed(record["response"]["sse"].encode()), *parser.end()]:
        item = parsed(sse.data)
        if isinstance(item, dict):
            yield item


def choices_before_the_end(record: Any) -> Iterator[dict[str, Any]]:
    for chunk in chunks_of(record):
        for choice in chunk.get("choices") or ():
            if not choice.get("index"):
                yield choice
                if choice.get("finish_reason"):
                    return


def test_a_stream_says_what_is_in_its_events() -> None:
    for record, answer in answers(C, "stream"):
        said, thought, refused = "", "", ""
        deltas = [choice.get("delta") or {} for choice in choices_before_the_end(record)]
        for delta in deltas:
            text, inside = said_in(delta.get("content"))
            said += text
            thought += inside + thought_in(delta)
            refused += delta.get("refusal") or ""
        assert text_of(answer.parts, TextPart) == said, record["id"]
        assert text_of(answer.parts, RefusalPart) == refused, record["id"]
        if thought or not any(delta.get("reasoning_details") for delta in deltas):
            assert text_of(answer.parts, ReasoningPart) == thought, record["id"]


def test_no_call_of_a_stream_is_lost() -> None:
    for record, answer in answers(C, "stream"):
        named = {
            call["id"]: call["function"]["name"]
            for choice in choices_before_the_end(record)
            for call in (choice.get("delta") or {}).get("tool_calls") or ()
            if call.get("id") and (call.get("function") or {}).get("name")
        }
        found = {part.id: part.name for part in answer.parts if isinstance(part, ToolCallPart)}
        assert found == named, record["id"]
        is_cut = answer.finish.reason == "length"
        for name, arguments in calls_of(answer.parts):
            assert isinstance(arguments, dict) or is_cut, (name, record["id"])


def test_counts_are_the_last_ones_that_were_told() -> None:
    for record, answer in answers(C, "stream"):
        counted = [
            usage
            for chunk in chunks_of(record)
            for usage in (chunk.get("usage"), (chunk.get("x_groq") or {}).get("usage"))
            if usage and usage.get("completion_tokens") is not None
        ]
        assert bool(counted) is (answer.usage is not None), record["id"]
        if counted and answer.usage:
            usage = counted[-1]
            assert answer.usage.output_tokens >= usage["completion_tokens"], record["id"]
            assert answer.usage.input_tokens >= usage["prompt_tokens"], record["id"]
            assert (answer.usage.cache_read_tokens or 0) <= answer.usage.input_tokens


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_read_is_written_and_read_the_same(kind: str) -> None:
    for record, answer in answers(C, kind):
        again = folded(decode_response(encode_response(answer, own(C)), own(C)))
        assert isinstance(again, Response)
        assert calls_of(again.parts) == calls_of(answer.parts), record["id"]
        for part in (TextPart, ReasoningPart, RefusalPart):
            assert text_of(again.parts, part) == text_of(answer.parts, part), record["id"]
        assert plain(again) == plain(answer), record["id"]


def plain(answer: Response) -> tuple[Any, ...]:
    """What a whole answer keeps besides its parts; unknown counts are zeros there."""
    usage = answer.usage and (answer.usage.input_tokens, answer.usage.output_tokens)
    reason = "stop" if answer.finish.reason == "stop_sequence" else answer.finish.reason
    return answer.model, reason, usage


@pytest.mark.parametrize("size", [61, 1024])
def test_any_cutting_of_a_stream_gives_the_same_events(size: int) -> None:
    for record in records(C, "stream"):
        assert events_of(record, size) == events_of(record), record["id"]


def test_small_streams_may_come_byte_by_byte() -> None:
    small = [r for r in records(C, "stream") if len(r["response"]["sse"]) < 4_000]
    assert len(small) > 50
    for record in small:
        assert events_of(record, 1) == events_of(record), record["id"]


def test_trap_46_a_stream_cut_before_its_finish_is_a_failure() -> None:
    for record in records(C, "stream"):
        lines = record["response"]["sse"].splitlines(keepends=True)
        finish = next((n for n, line in enumerate(lines) if is_finish(line)), 0)
        for length in {0, finish // 2, finish}:
            cut = stream_events(C, "".join(lines[:length]).encode())
            assert isinstance(folded(cut), Error), record["id"]


def is_finish(line: str) -> bool:
    """Whether an event has a reason to finish, or is the end of a stream without one."""
    chunk = parsed(line.removeprefix("data:").strip())
    choices = chunk.get("choices") if isinstance(chunk, dict) else None
    return "[DONE]" in line or any(choice.get("finish_reason") for choice in choices or ())


def test_the_sdk_joins_our_streams_to_our_whole_answers() -> None:
    for record, given in answers(C, "stream")[::3] + answers(C, "json")[::3]:
        answer = from_elsewhere(given)
        whole = encode_response(answer, asked())
        assert answer_faults(C, whole) == set(), record["id"]
        if not any(isinstance(p, ToolCallPart) and p.kind == "custom" for p in answer.parts):
            # the helper cannot join custom tools
            assert comparable(joined(C, written(answer))) == comparable(whole), record["id"]


def from_elsewhere(answer: Response) -> Response:
    """`answer` without the spelling of reasoning that its server has alone."""
    parts = (replace(p, native=None) if isinstance(p, ReasoningPart) else p for p in answer.parts)
    return replace(answer, parts=tuple(parts))


def asked() -> Context:
    """An exchange whose client wants to know the usage of a stream."""
    ctx = own(C)
    body = {
        "messages": [{"role": "user", "content": "hi"}],
        "stream_options": {"include_usage": True},
    }
    ctx.request = decode_request(body, ctx)
    return ctx


def written(answer: Response) -> bytes:
    return b"".join(map(Encoder(asked()).encode, unfold(answer)))


def comparable(value: Any) -> Any:
    """Without nulls and what the helper adds; indices of calls are in streams only."""
    if isinstance(value, dict):
        added = {"parsed", "parsed_arguments", *(["index"] if "function" in value else [])}
        return {k: comparable(v) for k, v in value.items() if v is not None and k not in added}
    return [comparable(v) for v in value] if isinstance(value, list) else value


# --- requests


def test_every_request_is_read_and_written_the_same_or_with_a_note() -> None:
    for name, body in requests(C):
        ctx = own(C)
        request = decode_request(body, ctx)
        again = decode_request(encode_request(request, ctx), own(C))
        assert again == request or list(ctx.notes), name
        assert again.model == request.model


def test_what_is_written_has_no_faults_but_in_the_fields_that_came_with_them() -> None:
    """Clients of compatible servers leave out what OpenAI demands, or add what it does not know."""
    for name, body in requests(C):
        sent = encode_request(decode_request(body, own(C)), context(C, C))
        assert fields_of(request_faults(C, sent)) <= fields_of(request_faults(C, body)), name


def fields_of(faults: set[str]) -> set[str]:
    return {re.split("[.:]", fault)[0] for fault in faults}
