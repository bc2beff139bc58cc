"""Recorded traffic of real providers: all of it is read, and what we write the SDK accepts."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bridge.transform.answers import Error, Response
from bridge.transform.anthropic_messages import (
    Encoder,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from bridge.transform.json_text import dump_text
from bridge.transform.model import (
    Message,
    NativePart,
    Part,
    Protocol,
    ReasoningPart,
    Request,
    TextPart,
    ToolCallPart,
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

A: Protocol = "anthropic_messages"


def text_of(parts: tuple[Part, ...], kind: type[TextPart | ReasoningPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, kind))


def calls_of(parts: tuple[Part, ...]) -> list[tuple[str, Any]]:
    return [(part.name, parsed(part.arguments)) for part in parts if isinstance(part, ToolCallPart)]


def parsed(text: Any) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


# --- answers


def test_every_answer_but_the_recorded_errors_is_read() -> None:
    assert len(answers(A, "json")) == len(records(A, "json"))
    failed = [r["id"] for r in records(A, "stream") if isinstance(folded(events_of(r)), Error)]
    assert failed == [r["id"] for r in records(A, "stream") if is_error(r)]


def is_error(record: Any) -> bool:
    """Two answers that overlap in one stream cannot be told apart."""
    overlap = "blocks overlap" in (record.get("deviations") or ())
    return overlap or "stream_error" in record["features"]


def test_an_answer_says_what_is_in_its_body() -> None:
    for record, answer in answers(A, "json"):
        content = record["response"]["body"]["content"]
        assert text_of(answer.parts, TextPart) == texts_in(content, "text"), record["id"]
        assert text_of(answer.parts, ReasoningPart) == texts_in(content, "thinking"), record["id"]
        uses = [block for block in content if block["type"] == "tool_use"]
        assert calls_of(answer.parts) == [(use["name"], use["input"]) for use in uses]
        assert [native_of(p) for p in answer.parts if isinstance(p, NativePart)] == [
            block for block in content if block["type"] not in SHARED
        ], record["id"]


SHARED = ("text", "thinking", "redacted_thinking", "tool_use")


def texts_in(content: list[Any], key: str) -> str:
    return "".join(block[key] for block in content if block["type"] == key)


def native_of(part: NativePart) -> Any:
    return part.native.blocks[0]


def test_a_stream_says_what_is_in_its_events() -> None:
    for record, answer in answers(A, "stream"):
        said, thought = "", ""
        for event in payloads_of(record):
            for holder in (event.get("content_block") or {}, event.get("delta") or {}):
                said += holder.get("text") or ""
                thought += holder.get("thinking") or ""
        assert text_of(answer.parts, TextPart) == said, record["id"]
        assert text_of(answer.parts, ReasoningPart) == thought, record["id"]


def payloads_of(record: Any) -> Iterator[dict[str, Any]]:
    parser = SseParser()
    for sse in [*parser.feed(record["response"]["sse"].encode()), *parser.end()]:
        item = parsed(sse.data)
        if isinstance(item, dict):
            yield item


def test_no_call_of_a_stream_is_lost() -> None:
    for record, answer in answers(A, "stream"):
        named = {
            block["id"]: block["name"]
            for event in payloads_of(record)
            for block in [event.get("content_block"), *content_at_once(event)]
            if block and block["type"] == "tool_use"
        }
        found = {part.id: part.name for part in answer.parts if isinstance(part, ToolCallPart)}
        assert found == named, record["id"]
        is_cut = answer.finish.reason == "length"
        for name, arguments in calls_of(answer.parts):
            assert isinstance(arguments, dict) or is_cut, (name, record["id"])


def content_at_once(event: dict[str, Any]) -> list[Any]:
    """Some answers are whole when they begin."""
    return (event.get("message") or {}).get("content") or []


def test_counts_are_the_last_ones_that_were_told() -> None:
    for record, answer in answers(A, "stream"):
        told = [event.get("usage") or {} for event in payloads_of(record)]
        counted = [usage["output_tokens"] for usage in told if usage.get("output_tokens")]
        assert answer.usage, record["id"]
        if counted:
            assert answer.usage.output_tokens == counted[-1], record["id"]
        assert (answer.usage.cache_read_tokens or 0) <= answer.usage.input_tokens


def test_a_stream_says_what_the_sdk_reads_from_it() -> None:
    for record, answer in answers(A, "stream"):
        if "deviations" in record:
            continue
        message = joined(A, record["response"]["sse"].encode(), beta=True)
        whole = folded(decode_response(message, own(A)))
        assert isinstance(whole, Response)
        assert seen(answer.parts) == seen(whole.parts), record["id"]
        assert plain(answer)[1:] == plain(whole)[1:], record["id"]  # a fallback renames the model


def seen(parts: tuple[Part, ...]) -> list[Any]:
    """What matters of parts to a reader; the SDK rewrites the spaces in arguments."""
    return [
        (type(p), p.name, parsed(p.arguments))
        if isinstance(p, ToolCallPart)
        else (type(p), getattr(p, "text", None))
        for p in parts
    ]


def plain(answer: Response) -> tuple[Any, ...]:
    """What an answer says besides its parts."""
    usage = answer.usage and (answer.usage.input_tokens, answer.usage.output_tokens)
    return answer.model, answer.finish, usage


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_read_is_written_and_read_the_same(kind: str) -> None:
    for record, answer in answers(A, kind):
        again = folded(decode_response(encode_response(answer, own(A)), own(A)))
        assert isinstance(again, Response)
        assert again.parts == tuple(map(compact, answer.parts)), record["id"]
        assert plain(again) == plain(answer), record["id"]


def compact(part: Part) -> Part:
    """Arguments without spaces, which an object has none of."""
    if not isinstance(part, ToolCallPart):
        return part
    return replace(part, arguments=dump_text(parsed(part.arguments)))


@pytest.mark.parametrize("size", [61, 1024])
def test_any_cutting_of_a_stream_gives_the_same_events(size: int) -> None:
    for record in records(A, "stream"):
        assert events_of(record, size) == events_of(record), record["id"]


def test_small_streams_may_come_byte_by_byte() -> None:
    small = [r for r in records(A, "stream") if len(r["response"]["sse"]) < 4_000]
    assert len(small) > 50
    for record in small:
        assert events_of(record, 1) == events_of(record), record["id"]


def test_trap_46_a_stream_cut_before_its_finish_is_a_failure() -> None:
    for record in records(A, "stream"):
        lines = record["response"]["sse"].splitlines(keepends=True)
        finish = next((n for n, line in enumerate(lines) if is_finish(line)), 0)
        for length in {0, finish // 2, finish}:
            cut = stream_events(A, "".join(lines[:length]).encode())
            assert isinstance(folded(cut), Error), record["id"]


def is_finish(line: str) -> bool:
    """Whether an event has a reason to stop, or is the end of a stream without one."""
    event = parsed(line.removeprefix("data:").strip())
    if not isinstance(event, dict):
        return False
    holder = event["message"] if content_at_once(event) else event.get("delta") or {}
    return event.get("type") == "message_stop" or bool(holder.get("stop_reason"))


def test_the_sdk_joins_our_streams_to_our_whole_answers() -> None:
    for record, answer in answers(A, "stream")[::3] + answers(A, "json")[::3]:
        whole = encode_response(answer, own(A))
        message = joined(A, b"".join(map(Encoder(own(A)).encode, events_of(record))), beta=True)
        assert comparable(message) == comparable(whole), record["id"]
        if not any(isinstance(part, NativePart) for part in answer.parts):  # they pass verbatim
            assert answer_faults(A, whole) == set(), record["id"]


def comparable(message: dict[str, Any]) -> Any:
    """Without nulls, and without counts that the helper does not take from streams."""
    usage = {k: v for k, v in message["usage"].items() if k != "cache_creation"}
    return without_nulls({**message, "usage": usage})


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


# --- requests


def test_every_request_is_read_and_written_the_same_or_with_a_note() -> None:
    for name, body in requests(A):
        ctx = own(A)
        request = decode_request(body, ctx)
        again = decode_request(encode_request(request, ctx), own(A))
        lost = {note.where for note in ctx.notes}
        for field in Request.__slots__:
            before, after = getattr(request, field), getattr(again, field)
            if field == "messages":
                before, after = without_blank_text(before), without_blank_text(after)
            if field == "raw" or field in lost or (field == "max_tokens" and before is None):
                continue
            assert before == after, f"{name}: {field}"


def without_blank_text(messages: tuple[Message, ...]) -> list[Message]:
    return [replace(m, parts=tuple(p for p in m.parts if not is_blank(p))) for m in messages]


def is_blank(part: Part) -> bool:
    return isinstance(part, TextPart) and not part.text.strip()


def test_what_is_written_has_no_faults_but_in_the_fields_that_came_with_them() -> None:
    """Bedrock and Vertex have the model elsewhere, and old clients old fields."""
    for name, body in requests(A):
        sent = encode_request(decode_request(body, own(A)), own(A))
        assert fields_of(request_faults(A, sent)) <= fields_of(request_faults(A, body)), name


def fields_of(faults: set[str]) -> set[str]:
    return {re.split("[.:]", fault)[0] for fault in faults}
