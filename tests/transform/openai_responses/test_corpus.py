"""Recorded traffic of real providers: all of it is read, and what we write the SDK accepts."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai.types.responses import Response as WireResponse
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from bridge.transform.answers import Error, Event, PartDelta, PartStart, Response
from bridge.transform.model import (
    NativePart,
    Part,
    Protocol,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from bridge.transform.openai_responses import (
    Decoder,
    Encoder,
    decode_response,
    encode_response,
)
from bridge.transform.openai_responses.parts import border_of
from bridge.transform.sse import SseParser
from tests.transform.recorded import (
    KINDS,
    answers,
    events_of,
    folded,
    own,
    records,
    stream_events,
)
from tests.transform.sdks import joined

R: Protocol = "openai_responses"
EVENT = TypeAdapter(ResponseStreamEvent)
TERMINAL = ("response.completed", "response.incomplete", "response.failed")
CALLS = ("function_call", "custom_tool_call")
DELTAS = ("response.output_text.delta", "response.function_call_arguments.delta")


def text_of(parts: tuple[Part, ...], kind: type[TextPart | ReasoningPart | RefusalPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, kind))


def calls_of(parts: tuple[Part, ...]) -> list[tuple[str, Any]]:
    return [(part.name, parsed(part.arguments)) for part in parts if isinstance(part, ToolCallPart)]


def parsed(arguments: Any) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def events_in(record: Any) -> Iterator[dict[str, Any]]:
    parser = SseParser()
    for sse in [*parser.feed(record["response"]["sse"].encode()), *parser.end()]:
        item = parsed(sse.data) if sse.data else None
        if isinstance(item, dict):
            yield item


# --- answers


def test_every_answer_but_the_recorded_errors_is_read() -> None:
    assert len(answers(R, "json")) == len(records(R, "json"))
    failed = [r["id"] for r in records(R, "stream") if isinstance(folded(events_of(r)), Error)]
    assert failed == [r["id"] for r in records(R, "stream") if "stream_error" in r["features"]]
    assert failed


def assert_says(answer: Response, output: list[dict[str, Any]], name: str) -> None:
    """`answer` is what stands in the items of `output`."""
    content = [p for item in output if item["type"] == "message" for p in item["content"]]
    said = "".join(p["text"] or "" for p in content if p["type"] == "output_text")
    assert text_of(answer.parts, TextPart) == said, name
    refused = "".join(p["refusal"] for p in content if p["type"] == "refusal")
    assert text_of(answer.parts, RefusalPart) == refused, name
    called = [
        (item["name"], parsed(item.get("arguments", item.get("input"))))
        for item in output
        if item["type"] in CALLS
    ]
    own_calls = [part for part in answer.parts if isinstance(part, ToolCallPart)]
    named = tuple(part for part in own_calls if part.name not in BUILT_IN)
    assert calls_of(named) == called, name
    thoughts = [item for item in output if item["type"] == "reasoning"]
    assert thoughts == states_in(answer), name
    hosted = [item for item in output if item["type"] not in ("message", "reasoning", *CALLS)]
    built_in = len(own_calls) - len(named)
    natives = [part.native for part in answer.parts if isinstance(part, NativePart)]
    assert len(hosted) == built_in + sum(border_of(native) is None for native in natives), name
    cited = sum(len(p.get("annotations", ())) for p in content)
    assert cited == sum(len(p.citations) for p in answer.parts if isinstance(p, TextPart)), name


BUILT_IN = ("local_shell", "shell", "apply_patch", "tool_search")


def states_in(answer: Response) -> list[Any]:
    parts = [part for part in answer.parts if isinstance(part, ReasoningPart)]
    return [block for part in parts if part.native for block in part.native.blocks]


def test_an_answer_says_what_is_in_its_body() -> None:
    for record, answer in answers(R, "json"):
        body = record["response"]["body"]
        assert_says(answer, body["output"], record["id"])
        thoughts = [item for item in body["output"] if item["type"] == "reasoning"]
        shown = "".join("\n\n".join(t["text"] for t in shown_in(item)) for item in thoughts)
        assert text_of(answer.parts, ReasoningPart) == shown, record["id"]


def shown_in(item: dict[str, Any]) -> list[Any]:
    return item["summary"] or item.get("content") or []


def test_a_stream_says_what_is_in_the_items_that_are_done() -> None:
    regular = [(record, answer) for record, answer in answers(R, "stream") if is_regular(record)]
    assert len(regular) > 0.95 * len(answers(R, "stream"))
    for record, answer in regular:
        assert_says(answer, items_of(record), record["id"])


def items_of(record: Any) -> list[dict[str, Any]]:
    return [e["item"] for e in events_in(record) if e["type"] == "response.output_item.done"]


def is_regular(record: Any) -> bool:
    """Items begin and end one after the other, and their ends do not contradict their pieces.

    Some recordings were edited by hand, or file names were replaced in whole strings only.
    """
    kinds = ("response.output_item.added", "response.output_item.done")
    steps = [e["type"] for e in events_in(record) if e["type"] in kinds]
    return steps == list(kinds) * (len(steps) // 2) and all(
        whole.startswith(pieces)
        for whole, pieces in zip(wholes_of(record), pieces_of(record), strict=True)
    )


def pieces_of(record: Any) -> list[str]:
    """The texts and arguments that each item was told in pieces, joined."""
    pieces: list[str] = []
    for event in events_in(record):
        if event["type"] == "response.output_item.added":
            pieces.append("")
        elif event["type"] in DELTAS:
            pieces[-1] += event["delta"]
    return pieces


def wholes_of(record: Any) -> list[str]:
    content = [item.get("content") or () for item in items_of(record)]
    texts = ["".join(p["text"] or "" for p in parts if "text" in p) for parts in content]
    return [
        item["arguments"] if item["type"] == "function_call" else text
        for item, text in zip(items_of(record), texts, strict=True)
    ]


def test_a_stream_says_what_the_whole_answer_in_its_last_event_says() -> None:
    """Ciphertexts and ids of an item differ between the two."""
    compared = 0
    for record, answer in answers(R, "stream"):
        last = body_of(record)
        if last["output"] and is_regular(record):  # one server leaves it empty
            compared += 1
            whole = folded(decode_response(last, own(R)))
            assert isinstance(whole, Response)
            assert seen(whole) == seen(answer), record["id"]
            assert (whole.finish, whole.usage) == (answer.finish, answer.usage), record["id"]
    assert compared > 0.9 * len(answers(R, "stream"))


def seen(answer: Response) -> list[tuple[str, Any]]:
    return [(type(part).__name__, told_by(part)) for part in answer.parts]


def told_by(part: Part) -> Any:
    match part:
        case ToolCallPart():
            return part.id, part.name, parsed(part.arguments), part.kind, part.namespace
        case TextPart():
            return part.text, part.citations
        case NativePart(native):
            return native.blocks[0].get("type")
        case _:
            return getattr(part, "text", None)


@pytest.mark.parametrize("kind", KINDS)
def test_counts_are_those_of_the_answer(kind: str) -> None:
    for record, answer in answers(R, kind):
        usage = body_of(record).get("usage")
        assert bool(usage) is (answer.usage is not None), record["id"]
        if answer.usage:
            counted = usage["input_tokens"], usage["output_tokens"]
            assert (answer.usage.input_tokens, answer.usage.output_tokens) == counted, record["id"]
            assert (answer.usage.cache_read_tokens or 0) <= answer.usage.input_tokens
            assert (answer.usage.reasoning_tokens or 0) <= answer.usage.output_tokens


def body_of(record: Any) -> dict[str, Any]:
    """The answer as a whole, from its last event where it was streamed."""
    if not record["streaming"]:
        body: dict[str, Any] = record["response"]["body"]
        return body
    return next(e["response"] for e in events_in(record) if e["type"] in TERMINAL)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_read_is_written_and_read_the_same(kind: str) -> None:
    schema = TypeAdapter(WireResponse)
    for record, answer in answers(R, kind):
        body = encode_response(answer, own(R))
        again = folded(decode_response(body, own(R)))
        assert isinstance(again, Response)
        assert seen_with_places(again) == seen_with_places(answer), record["id"]
        assert states_in(again) == states_in(answer), record["id"]
        assert (again.model, again.finish.reason) == (answer.model, answer.finish.reason)
        if not record.get("deviant"):
            schema.validate_python(body)


def seen_with_places(answer: Response) -> list[Any]:
    """A citation without a place is of the whole text."""
    return [
        (part.text, [(c.url, c.title, c.start or 0, c.native) for c in part.citations])
        if isinstance(part, TextPart)
        else told_by(part)
        for part in answer.parts
    ]


@pytest.mark.parametrize(
    "step", [pytest.param(1, id="all", marks=pytest.mark.long), pytest.param(5, id="every fifth")]
)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # items the SDK does not know
@pytest.mark.parametrize("kind", KINDS)
def test_the_sdk_joins_our_streams_to_our_whole_answers(kind: str, step: int) -> None:
    for record, answer in answers(R, kind)[::step]:
        stream = b"".join(map(Encoder(own(R)).encode, events_of(record)))
        if not record.get("deviant"):
            for item in events_in({"response": {"sse": stream.decode()}}):
                EVENT.validate_python(item)
        whole = encode_response(answer, own(R))
        ids = [item["id"] for item in whole["output"]]
        if len(set(ids)) == len(ids):  # xAI uses one twice, which the SDK refuses
            assert comparable(joined(R, stream)) == comparable(whole), record["id"]


def comparable(value: Any) -> Any:
    """Without nulls and what the helper adds."""
    if isinstance(value, dict):
        added = {"parsed", "parsed_arguments"}
        return {k: comparable(v) for k, v in value.items() if v is not None and k not in added}
    return [comparable(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("size", [61, 1024])
def test_any_cutting_of_a_stream_gives_the_same_events(size: int) -> None:
    for record in records(R, "stream")[::2]:
        assert events_of(record, size) == events_of(record), record["id"]


def test_small_streams_may_come_byte_by_byte() -> None:
    small = [r for r in records(R, "stream") if len(r["response"]["sse"]) < 8_000]
    assert len(small) > 50
    for record in small[::2]:
        assert events_of(record, 1) == events_of(record), record["id"]


def test_trap_46_a_stream_cut_before_its_last_event_is_a_failure() -> None:
    for record in records(R, "stream")[::3]:
        lines = record["response"]["sse"].splitlines(keepends=True)
        last = next(n for n, line in enumerate(lines) if is_last(line))
        for length in {0, last // 3, last // 2, last - 1}:
            cut = stream_events(R, "".join(lines[:length]).encode())
            assert isinstance(folded(cut), Error), record["id"]


def is_last(line: str) -> bool:
    event = parsed(line.removeprefix("data:").strip()) if line.startswith("data:") else None
    return isinstance(event, dict) and event["type"] in TERMINAL


def test_texts_and_thoughts_are_told_at_once() -> None:
    """But for those behind a call, which wait for its end."""
    deltas = ("response.output_text.delta", "response.reasoning_summary_text.delta")
    for record, _ in answers(R, "stream"):
        parser, decoder = SseParser(), Decoder(own(R))
        for sse in parser.feed(record["response"]["sse"].encode()):
            event, found = parsed(sse.data), decoder.feed(sse)
            if isinstance(event, dict) and event.get("type") in deltas and event["delta"]:
                assert told_in(found).endswith(event["delta"]), record["id"]


def told_in(events: list[Event]) -> str:
    assert all(isinstance(event, PartDelta | PartStart) for event in events[-1:])
    return "".join(event.text for event in events if isinstance(event, PartDelta))
