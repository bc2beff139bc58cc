"""Recorded traffic of real providers: all of it is read, and what we write the SDK accepts."""

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types.beta import BetaMessage
from anthropic.types.beta.message_create_params import MessageCreateParamsBase
from pydantic import TypeAdapter

from bridge.transform.anthropic_messages import (
    Decoder,
    Encoder,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from bridge.transform.context import Context, context
from bridge.transform.fold import Fold
from bridge.transform.model import (
    Error,
    Event,
    Message,
    Part,
    Request,
    Response,
    TextPart,
    ToolCallPart,
)
from bridge.transform.sse import SseParser

A = "anthropic_messages"
CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpus"
FILES = ("anthropic_messages.json.jsonl.gz", "anthropic_messages.stream.jsonl.gz")

if not CORPUS.is_dir() and "CI" not in os.environ:
    pytest.skip(f"no recorded traffic at {CORPUS}", allow_module_level=True)


@cache
def records() -> list[Any]:
    found: list[Any] = []
    for name in FILES:
        with gzip.open(CORPUS / name, "rt", encoding="utf-8") as lines:
            found += map(json.loads, lines)
    assert found
    return found


def own() -> Context:
    return context(A, A)


def events_of(record: Any, chunk: int = 0) -> list[Event]:
    """The answer as events; `chunk` cuts a stream into pieces of that many bytes."""
    if not record["streaming"]:
        return decode_response(record["response"]["body"], own())
    data = record["response"]["sse"].encode()
    parser, decoder = SseParser(), Decoder(own())
    events: list[Event] = []
    for begin in range(0, len(data), chunk or len(data)):
        for sse in parser.feed(data[begin : begin + (chunk or len(data))]):
            events += decoder.feed(sse)
    for sse in parser.end():
        events += decoder.feed(sse)
    return events + decoder.end()


def folded(events: list[Event]) -> Response | Error:
    fold = Fold()
    for event in events:
        fold.add(event)
    answer = fold.response or fold.error
    assert answer
    return answer


def answers() -> Iterator[tuple[str, Any]]:
    """All but token counts, which are another endpoint's."""
    for record in records():
        if not record["endpoint"].endswith("count_tokens"):
            yield record["id"], record


def seen(parts: tuple[Part, ...]) -> list[Any]:
    """What matters of parts to a reader; the SDK rewrites the spaces in arguments."""
    return [
        (type(p), p.name, json.loads(p.arguments))
        if isinstance(p, ToolCallPart)
        else (type(p), getattr(p, "text", None))
        for p in parts
    ]


def without_blank_text(messages: tuple[Message, ...]) -> list[Message]:
    return [replace(m, parts=tuple(p for p in m.parts if not _is_blank(p))) for m in messages]


def _is_blank(part: Part) -> bool:
    return isinstance(part, TextPart) and not part.text.strip()


def test_every_request_is_read_and_written_again() -> None:
    schema = TypeAdapter(MessageCreateParamsBase)
    for record in records():
        body = record["request"]["body"]
        if not body:
            continue
        ctx = own()
        request = decode_request(body, ctx)
        encoded = encode_request(request, ctx)
        schema.validate_python(encoded)
        again = decode_request(encoded, own())
        lost = {note.where for note in ctx.notes}
        for field in Request.__slots__:
            before, after = getattr(request, field), getattr(again, field)
            if field == "messages":
                before, after = without_blank_text(before), without_blank_text(after)
            if field == "raw" or field in lost or (field == "max_tokens" and before is None):
                continue
            assert before == after, f"{record['id']}: {field}"


def test_every_answer_is_read_and_written_again() -> None:
    schema = TypeAdapter(BetaMessage)
    for name, record in answers():
        answer = folded(events_of(record))
        if isinstance(answer, Error):
            assert "spliced-message-start" in name, (name, answer)
            continue
        body = encode_response(answer, own())
        if "fallback" not in {block["type"] for block in body["content"]}:  # recorded in beta
            schema.validate_python(body)
        again = folded(decode_response(body, own()))
        assert isinstance(again, Response), name
        assert (seen(again.parts), again.finish) == (seen(answer.parts), answer.finish), name


def accumulated(stream: bytes) -> BetaMessage:
    """What the official SDK makes of a stream."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=stream, headers={"content-type": "text/event-stream"})

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    client = anthropic.Anthropic(api_key="k", base_url="http://a", max_retries=0, http_client=http)
    asked: Any = [{"role": "user", "content": "Hi"}]
    with client.beta.messages.stream(model="m", max_tokens=1, messages=asked) as messages:
        return messages.get_final_message()


def test_a_stream_says_what_the_sdk_reads_from_it() -> None:
    for name, record in answers():
        if not record["streaming"] or "deviations" in record:
            continue
        streamed = folded(events_of(record))
        message = accumulated(record["response"]["sse"].encode()).to_dict(mode="json")
        whole = folded(decode_response(message, own()))
        assert isinstance(streamed, Response) and isinstance(whole, Response), name
        assert seen(streamed.parts) == seen(whole.parts), name
        assert streamed.finish == whole.finish, name
        counts = (streamed.usage, whole.usage)
        assert len({(u.input_tokens, u.output_tokens) for u in counts if u}) == 1, name


def test_the_sdk_reads_from_our_streams_what_our_whole_answers_say() -> None:
    for name, record in answers():
        events = events_of(record)
        answer = folded(events)
        if isinstance(answer, Error):
            continue
        message = accumulated(b"".join(map(Encoder(own()).encode, events)))
        whole = encode_response(answer, own())
        read = message.to_dict(mode="json", exclude_unset=False)
        assert [b["type"] for b in read["content"]] == [b["type"] for b in whole["content"]], name
        again = folded(decode_response(read, own()))
        assert isinstance(again, Response), name
        assert seen(again.parts) == seen(answer.parts), name
        assert again.finish == answer.finish, name


@pytest.mark.parametrize("chunk", [1, 7, 1_000])
def test_any_cutting_of_a_stream_gives_the_same_events(chunk: int) -> None:
    streams = [record for _, record in answers() if record["streaming"]]
    for record in streams[::10] if chunk == 1 else streams:
        assert events_of(record, chunk) == events_of(record), record["id"]
