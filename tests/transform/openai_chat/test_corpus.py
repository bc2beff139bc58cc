"""Recorded traffic of real providers: all of it is read, and what we write the SDK accepts."""

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParams
from pydantic import TypeAdapter, ValidationError

from bridge.transform import anthropic_messages
from bridge.transform.context import Context, context
from bridge.transform.fold import Fold, unfold
from bridge.transform.model import (
    Error,
    Event,
    Part,
    Protocol,
    ReasoningPart,
    RefusalPart,
    Response,
    TextPart,
    ToolCallPart,
)
from bridge.transform.notes import ERRORS, TransformError
from bridge.transform.openai_chat import (
    Decoder,
    Encoder,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from bridge.transform.prepare import prepare
from bridge.transform.profile import COMPATIBLE, Profile
from bridge.transform.sse import SseParser

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpus"
ANSWER, CHUNK = TypeAdapter(ChatCompletion), TypeAdapter(ChatCompletionChunk)
PARAMS: TypeAdapter[Any] = TypeAdapter(CompletionCreateParams)

if not CORPUS.is_dir() and "CI" not in os.environ:
    pytest.skip(f"no recorded traffic at {CORPUS}", allow_module_level=True)


@cache
def records(kind: str, protocol: str = C) -> list[Any]:
    with gzip.open(CORPUS / f"{protocol}.{kind}.jsonl.gz", "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    assert found
    return found


def own() -> Context:
    return context(C, C)


def events_of(record: Any, size: int = 0) -> list[Event]:
    """The answer as events; `size` cuts a stream into pieces of that many bytes."""
    if not record["streaming"]:
        return decode_response(record["response"]["body"], own())
    data = record["response"]["sse"].encode()
    size = size or len(data)
    parser, decoder = SseParser(), Decoder(own())
    events: list[Event] = []
    for begin in range(0, len(data), size):
        for sse in parser.feed(data[begin : begin + size]):
            events += decoder.feed(sse)
    for sse in parser.end():
        events += decoder.feed(sse)
    return events + decoder.end()


def folded(events: list[Event]) -> Response | Error:
    fold = Fold()
    for event in events:
        fold.add(event)
    found = fold.response or fold.error
    assert found
    return found


@cache
def responses(kind: str) -> list[tuple[Any, Response]]:
    """Records with what they say; those that are errors are left out."""
    read = ((record, folded(events_of(record))) for record in records(kind))
    return [(record, answer) for record, answer in read if isinstance(answer, Response)]


def text_of(parts: tuple[Part, ...], kind: type[TextPart | ReasoningPart | RefusalPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, kind))


def calls_of(parts: tuple[Part, ...]) -> list[tuple[str, Any]]:
    return [(part.name, parsed(part.arguments)) for part in parts if isinstance(part, ToolCallPart)]


def parsed(arguments: Any) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def test_every_answer_but_the_recorded_errors_is_read() -> None:
    assert len(responses("json")) == len(records("json"))
    failed = [r["id"] for r in records("stream") if isinstance(folded(events_of(r)), Error)]
    erroneous = [r["id"] for r in records("stream") if is_error(r)]
    assert failed == erroneous


def is_error(record: Any) -> bool:
    return "stream_error" in record["features"] or "error object inside the stream" in (
        record.get("deviations") or ()
    )


def test_an_answer_says_what_is_in_its_body() -> None:
    for record, answer in responses("json"):
        choice = record["response"]["body"]["choices"][0]
        message = choice.get("message") or {}
        content = message.get("content")
        if isinstance(content, str) or content is None:
            assert text_of(answer.parts, TextPart) == (content or ""), record["id"]
        assert text_of(answer.parts, RefusalPart) == (message.get("refusal") or "")
        assert calls_of(answer.parts) == calls_in(message), record["id"]
        thought = message.get("reasoning_content") or message.get("reasoning")
        if isinstance(thought, str) and isinstance(content, str | None):
            assert text_of(answer.parts, ReasoningPart) == thought, record["id"]


def calls_in(message: dict[str, Any]) -> list[tuple[str, Any]]:
    calls = [call.get("function") or call["custom"] for call in message.get("tool_calls") or ()]
    legacy = message.get("function_call") or {}
    calls += [legacy] if legacy.get("name") else []
    return [(call["name"], parsed(call.get("arguments", call.get("input")))) for call in calls]


def chunks_of(record: Any) -> Iterator[dict[str, Any]]:
    for line in record["response"]["sse"].splitlines():
        if line.startswith("data:"):
            item = parsed(line.removeprefix("data:").strip())
            if isinstance(item, dict):
                yield item


def test_a_stream_says_what_is_in_its_chunks() -> None:
    for record, answer in responses("stream"):
        said, thought, refused = "", "", ""
        for choice in choices_before_the_end(record):
            delta = choice.get("delta") or {}
            if isinstance(delta.get("content"), str):
                said += delta["content"]
            thought += delta.get("reasoning_content") or delta.get("reasoning") or ""
            refused += delta.get("refusal") or ""
        if "'type': 'thinking'" not in str(record["response"]["sse"]) and said:
            assert text_of(answer.parts, TextPart) == said, record["id"]
        if thought:
            assert text_of(answer.parts, ReasoningPart) == thought, record["id"]
        assert text_of(answer.parts, RefusalPart) == refused


def choices_before_the_end(record: Any) -> Iterator[dict[str, Any]]:
    for chunk in chunks_of(record):
        for choice in chunk.get("choices") or ():
            if not choice.get("index"):
                yield choice
                if choice.get("finish_reason"):
                    return


def test_no_call_of_a_stream_is_lost() -> None:
    for record, answer in responses("stream"):
        named = {
            call["id"]: call["function"]["name"]
            for choice in choices_before_the_end(record)
            for call in (choice.get("delta") or {}).get("tool_calls") or ()
            if call.get("id") and (call.get("function") or {}).get("name")
        }
        found = {part.id: part.name for part in answer.parts if isinstance(part, ToolCallPart)}
        assert found == named, record["id"]
        for name, arguments in calls_of(answer.parts):
            assert isinstance(arguments, dict) or answer.finish.reason == "length", (
                name,
                record["id"],
            )


def test_counts_are_those_of_the_last_chunk_that_has_them() -> None:
    for record, answer in responses("stream"):
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


@pytest.mark.parametrize("kind", ["json", "stream"])
def test_what_was_read_is_written_and_read_the_same(kind: str) -> None:
    for record, answer in responses(kind):
        body = encode_response(answer, own())
        ANSWER.validate_python(body, strict=True)
        again = folded(decode_response(body, own()))
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
    for record in records("stream"):
        assert events_of(record, size) == events_of(record), record["id"]


def test_small_streams_may_come_byte_by_byte() -> None:
    small = [r for r in records("stream") if len(r["response"]["sse"]) < 4_000]
    assert len(small) > 50
    for record in small:
        assert events_of(record, 1) == events_of(record), record["id"]


def test_a_stream_cut_anywhere_before_its_finish_is_a_failure() -> None:
    for record in records("stream")[::7]:
        lines = record["response"]["sse"].splitlines(keepends=True)
        finish = next((n for n, line in enumerate(lines) if '"finish_reason": "' in line), 0)
        finish = finish or next(
            (n for n, line in enumerate(lines) if '"finish_reason":"' in line), 0
        )
        for length in {1, finish // 2, finish}:
            cut = {"streaming": True, "response": {"sse": "".join(lines[:length])}}
            if length <= finish:
                assert isinstance(folded(events_of(cut)), Error), record["id"]


def test_the_sdk_joins_our_streams_to_our_whole_answers() -> None:
    served = {"content": b""}
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, **served))
    with (
        httpx2.Client(transport=transport) as http,
        openai.OpenAI(api_key="none", base_url="http://up.invalid/v1", http_client=http) as client,
    ):
        for record, answer in responses("stream")[::3] + responses("json")[::9]:
            if any(isinstance(p, ToolCallPart) and p.kind == "custom" for p in answer.parts):
                continue  # the helper cannot join these
            served["content"] = written(answer)
            asked: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
            with client.chat.completions.stream(**asked) as stream:
                for event in stream:
                    if event.type == "chunk":
                        CHUNK.validate_python(event.chunk.to_dict(), strict=True)
                joined = stream.current_completion_snapshot.to_dict()
            assert comparable(joined) == comparable(encode_response(answer, own())), record["id"]


def written(answer: Response) -> bytes:
    ctx = own()
    body = {
        "messages": [{"role": "user", "content": "hi"}],
        "stream_options": {"include_usage": True},
    }
    ctx.request = decode_request(body, ctx)
    return b"".join(map(Encoder(ctx).encode, unfold(answer)))


def comparable(value: Any) -> Any:
    """Without nulls and what the helper adds; indices of calls are in streams only."""
    if isinstance(value, dict):
        added = {"parsed", "parsed_arguments", *(["index"] if "function" in value else [])}
        return {k: comparable(v) for k, v in value.items() if v is not None and k not in added}
    return [comparable(v) for v in value] if isinstance(value, list) else value


# --- requests


@cache
def requests() -> list[tuple[str, Any]]:
    found = [*records("json"), *records("stream")]
    return [(r["id"], r["request"]["body"]) for r in found if r["request"]["body"] is not None]


def test_every_request_is_read_and_written_the_same_or_with_a_note() -> None:
    for name, body in requests():
        ctx = own()
        request = decode_request(body, ctx)
        sent = encode_request(request, ctx)
        again = decode_request(sent, own())
        assert again == request or list(ctx.notes), name
        assert replace(again, messages=()).model == request.model


def test_what_is_written_passes_the_sdks_types() -> None:
    for name, body in requests():
        if body.get("model") is None or body.get("service_tier") == "on_demand":  # Azure, Groq
            continue
        sent = encode_request(decode_request(body, own()), context(C, C))
        assert complaints(sent) == [], name


def complaints(body: Any) -> list[str]:
    try:
        PARAMS.validate_python(body)
    except ValidationError as error:
        return [str(error)]
    return []


KEYS = frozenset(CompletionCreateParams.__args__[0].__annotations__) | frozenset(
    CompletionCreateParams.__args__[0].__mro__[0].__annotations__
)


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(None, id="the vendor"),
        pytest.param(COMPATIBLE[C], id="a compatible server"),
        pytest.param(Profile(reasoning_field="none", tool_images=False), id="one that takes all"),
    ],
)
def test_requests_of_anthropic_clients_pass_the_sdks_types(profile: Profile | None) -> None:
    found = [*records("json", A), *records("stream", A)]
    bodies = [(r["id"], r["request"]["body"]) for r in found]
    counted = 0
    for name, body in bodies:
        if not isinstance(body, dict) or "max_tokens" not in body:  # Bedrock, token counting
            continue
        ctx = context(A, C, profile)
        ctx.model = "gpt-5.6"
        try:
            request, _ = prepare(anthropic_messages.decode_request(body, ctx), ctx)
            sent = encode_request(request, ctx)
        except TransformError as error:
            assert error.code in ERRORS, name
            continue
        counted += 1
        assert complaints(sent) == [], name
        assert b"brg1." not in repr(sent).encode()
        answered = [m["tool_call_id"] for m in sent["messages"] if m["role"] == "tool"]
        called = [c["id"] for m in sent["messages"] for c in m.get("tool_calls") or ()]
        assert answered == called, name
    assert counted > 500
