"""Laws of answers between any two protocols: nothing lost, whole and streamed alike, cut or not.

The official SDKs read what the client gets.
"""

import json
import re
from collections.abc import Iterable
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.transform import Translator
from bridge.transform.answers import Error, ErrorKind, PartDelta, PartStart, Response
from bridge.transform.context import context
from bridge.transform.fold import Fold
from bridge.transform.json_text import dumps, loads
from bridge.transform.model import Protocol, RefusalPart, TextPart, ToolCallPart
from bridge.transform.sse import SseEvent, SseParser
from bridge.transform.translator import CODECS
from tests.transform.grammar import ENDS_WELL, GRAMMAR, assert_item, of_kind, payloads
from tests.transform.sdks import answer_faults, class_for, joined, raised, raised_in, read
from tests.transform.strategies import ANSWERS, Answer, cut_up

PROTOCOLS = tuple(ANSWERS)
PAIRS = [pytest.param(*pair, id=" to ".join(pair)) for pair in permutations(PROTOCOLS, 2)]
fewer = settings(max_examples=settings().max_examples // 2)  # answers take their time to be made
# What a client asks whose answers are looked at.
ASKED: dict[Protocol, dict[str, Any]] = {
    "anthropic_messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "openai_chat": {
        "messages": [{"role": "user", "content": "hi"}],
        "stream_options": {"include_usage": True},
    },
    "openai_responses": {"input": "hi", "reasoning": {"summary": "auto"}},
}


def exchange(client: Protocol, upstream: Protocol) -> Translator:
    translator = Translator(client, upstream, model="m", now=1_800_000_000)
    translator.request(dumps({"model": "the-client's", **ASKED[client]}))
    return translator


def whole(client: Protocol, upstream: Protocol, answer: Answer) -> Any:
    return loads(exchange(client, upstream).response(dumps(answer.body)))


def streamed(client: Protocol, upstream: Protocol, pieces: Iterable[bytes]) -> bytes:
    translator = exchange(client, upstream)
    out = [piece for data in pieces for piece in translator.stream(data)]
    return b"".join([*out, *translator.stream(b"")])


def decoded(protocol: Protocol, body: Any) -> Response:
    fold = Fold()
    for event in CODECS[protocol].decode_response(body, context(protocol, protocol)):
        fold.add(event)
    assert fold.response
    return fold.response


# --- whole answers


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_a_whole_answer_keeps_what_was_said_and_counted(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    answer: Answer = data.draw(ANSWERS[upstream]())
    told = whole(client, upstream, answer)
    assert answer_faults(client, told) == set()
    before, after = decoded(upstream, answer.body), decoded(client, told)
    assert calls_of(after) == answer.calls
    if before.finish.reason in ("refusal", "content_filter"):  # whose reason may be told as text
        assert text_of(after).startswith(text_of(before))
    else:
        assert text_of(after) == text_of(before)
    assert counts_of(after) == counts_of(before)
    assert after.model == "the-client's"


def text_of(answer: Response) -> str:
    return "".join(p.text for p in answer.parts if isinstance(p, TextPart | RefusalPart))


def calls_of(answer: Response) -> list[tuple[str, Any]]:
    calls = [part for part in answer.parts if isinstance(part, ToolCallPart)]
    return [(call.name, json.loads(call.arguments)) for call in calls]


def counts_of(answer: Response) -> tuple[int, ...]:
    usage = answer.usage
    assert usage
    cached, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    assert cached + written <= usage.input_tokens
    assert (usage.reasoning_tokens or 0) <= usage.output_tokens
    return usage.input_tokens, usage.output_tokens, cached, written, usage.reasoning_tokens or 0


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_trap_25_the_reason_to_stop_asks_for_calls_just_where_there_are_some(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    answer: Answer = data.draw(ANSWERS[upstream]())
    finish = decoded(client, whole(client, upstream, answer)).finish.reason
    if finish not in ("length", "content_filter", "refusal"):
        assert (finish == "tool_calls") is bool(answer.calls)


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_trap_44_token_counts_add_up(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    answer: Answer = data.draw(ANSWERS[upstream]())
    usage, tokens = whole(client, upstream, answer)["usage"], answer.counts
    if client == "anthropic_messages":
        assert usage["input_tokens"] == tokens.fresh
        assert usage["cache_read_input_tokens"] == tokens.cached
        assert usage["cache_creation_input_tokens"] == tokens.written
        assert usage["output_tokens"] == tokens.output
        return
    names = ("input", "output") if client == "openai_responses" else ("prompt", "completion")
    taken, given_out = (usage[f"{name}_tokens"] for name in names)
    assert (taken, given_out) == (tokens.input, tokens.output)
    assert usage["total_tokens"] == taken + given_out
    details = usage[f"{names[0]}_tokens_details"]
    assert (details["cached_tokens"], details["cache_write_tokens"]) == (
        tokens.cached,
        tokens.written,
    )
    assert usage[f"{names[1]}_tokens_details"] == {"reasoning_tokens": tokens.thought}


# Types of what an answer is made of -> what the SDK makes of them.
CLASSES: dict[str, str] = {
    "text": "TextBlock",
    "thinking": "ThinkingBlock",
    "redacted_thinking": "RedactedThinkingBlock",
    "tool_use": "ToolUseBlock",
    "function": "ChatCompletionMessageFunctionToolCall",
    "message": "ResponseOutputMessage",
    "reasoning": "ResponseReasoningItem",
    "function_call": "ResponseFunctionToolCall",
}


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_the_sdk_reads_each_part_as_what_it_is(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    answer: Answer = data.draw(ANSWERS[upstream]())
    body = exchange(client, upstream).response(dumps(answer.body))
    message = read(client, body)
    match client:
        case "anthropic_messages":
            parts = message.content
        case "openai_chat":
            parts = message.choices[0].message.tool_calls or []
        case _:
            parts = message.output
    assert [type(part).__name__ for part in parts] == [CLASSES[part.type] for part in parts]


# --- streams


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_what_the_sdk_joins_is_the_whole_answer(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    answer: Answer = data.draw(ANSWERS[upstream]())
    stream = streamed(client, upstream, [answer.stream])
    assert comparable(joined(client, stream)) == comparable(whole(client, upstream, answer))


# What only a helper adds, and what it does not read.
HELPERS = {"parsed", "parsed_arguments", "cache_creation"}


def comparable(value: Any) -> Any:
    """Without nulls, the spaces in arguments and the helpers' own; only streams have indices."""
    if isinstance(value, dict):
        if {"name", "arguments"} <= value.keys():
            value = {**value, "arguments": json.loads(value["arguments"])}
        added = HELPERS | ({"index"} if "function" in value else set())
        return {k: comparable(v) for k, v in value.items() if v is not None and k not in added}
    return [comparable(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_trap_48_any_cutting_of_the_bytes_gives_the_same_bytes(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    answer: Answer = data.draw(ANSWERS[upstream]())
    line_end = data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    stream = answer.stream.replace(b"\n", line_end)
    told = streamed(client, upstream, [answer.stream])
    assert streamed(client, upstream, data.draw(cut_up(stream))) == told
    assert streamed(client, upstream, [stream[n : n + 1] for n in range(len(stream))]) == told


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_trap_48_what_passes_in_its_own_protocol_flows_and_is_ended_at_any_cutting(
    protocol: Protocol, data: st.DataObject
) -> None:
    answer: Answer = data.draw(ANSWERS[protocol]())
    model = data.draw(st.sampled_from([None, "m"]))
    line_end = data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    length = data.draw(st.integers(1, len(answer.stream)) | st.just(len(answer.stream)))
    came = answer.stream[:length].replace(b"\n", line_end)
    for pieces in (data.draw(cut_up(came)), [came], came.splitlines(keepends=True)):
        out, parser, told = passing(protocol, model), SseParser(), SseParser()
        for piece in pieces:
            given_on = told.feed(b"".join(out.stream(piece)))
            assert given_on == named(parser.feed(piece), model)
        rest = [event for event in named(parser.end(), model) if is_whole(event)]
        end = b"".join(
            out.break_off(Error("server", "broke off", 502))
            if data.draw(st.booleans())
            else out.stream(b"")
        )
        events = [*told.feed(end), *told.end()]
        assert events[: len(rest)] == rest
        assert (out.phase == "failed") is any("error" in str(e.data) for e in events[len(rest) :])


@given(data=st.data())
def test_what_breaks_off_a_responses_stream_that_passes_goes_on_from_what_was_passed(
    data: st.DataObject,
) -> None:
    answer: Answer = data.draw(ANSWERS["openai_responses"]())
    out = passing("openai_responses", data.draw(st.sampled_from([None, "m"])))
    stream = b"".join(answer.events[: data.draw(st.integers(1, answer.finish))])
    pieces = [*out.stream(stream), *out.break_off(Error("server", "broke off", 502))]
    told = payloads(events_of(b"".join(pieces)))
    assert [payload["sequence_number"] for payload in told] == list(range(len(told)))
    assert [payload["type"] for payload in told[-2:]] == ["error", "response.failed"]
    assert (
        len({(p["response"]["id"], p["response"]["model"]) for p in told if "response" in p}) == 1
    )
    done = of_kind(told, "response.output_item.done")
    assert told[-1]["response"]["output"] == [payload["item"] for payload in done]
    for payload in done:
        index = payload["output_index"]
        said = [p for p in told if p.get("output_index") == index]
        if said[-2]["type"] != "response.content_part.added":  # a part without a word stays open
            assert_item(payload["item"], said)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@fewer
@given(data=st.data())
def test_in_its_own_protocol_an_answer_of_either_form_names_the_model_that_was_asked_for(
    protocol: Protocol, data: st.DataObject
) -> None:
    answer: Answer = data.draw(ANSWERS[protocol]())
    body = dumps(answer.body)
    held, told = passing(protocol, "m"), passing(protocol, "m")
    for out in (
        passing(protocol, "m").response(body),
        passing(protocol, "m").response(answer.stream),
        passing(protocol, "m").response(body, as_stream=True),
        passing(protocol, "m").response(answer.stream, as_stream=True),
        b"".join([*held.stream(body), *held.stream(b"")]),
        b"".join([*told.stream(answer.stream), *told.stream(b"")]),
    ):
        assert b'"the-client\'s"' in out and b'-upstream"' not in out


def passing(protocol: Protocol, model: str | None) -> Translator:
    translator = Translator(protocol, protocol, model=model, now=1_800_000_000)
    translator.request(dumps({"model": "the-client's", **ASKED[protocol]}))
    return translator


def named(events: list[SseEvent], model: str | None) -> list[SseEvent]:
    """With the name the client asked for, where the upstream got another."""
    if model is None:
        return events
    other = re.compile(r'"(gpt|claude)-upstream"')
    return [e._replace(data=other.sub('"the-client\'s"', e.data or "")) for e in events]


def is_whole(event: SseEvent) -> bool:
    try:
        return event.data == "[DONE]" or loads(event.data or "") is not None
    except ValueError:
        return False


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_what_is_said_is_told_at_once(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    answer: Answer = data.draw(ANSWERS[upstream]())
    translator = exchange(client, upstream)
    said, told = Listener(upstream), Listener(client)
    for event in answer.events[: answer.finish]:
        said.hear(event)
        for piece in translator.stream(event):
            told.hear(piece)
        if said.calls:  # what follows may have to wait for the end of a call
            return
        assert told.words == said.words


class Listener:
    """What a stream has said so far."""

    def __init__(self, protocol: Protocol) -> None:
        self._parser = SseParser()
        self._decoder = CODECS[protocol].Decoder(context(protocol, protocol))
        self.words = ""
        self.calls = 0

    def hear(self, data: bytes) -> None:
        for sse in self._parser.feed(data):
            for event in self._decoder.feed(sse):
                if isinstance(event, PartStart) and isinstance(event.part, ToolCallPart):
                    self.calls += 1
                elif isinstance(event, PartDelta):
                    self.words += event.text


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_trap_42_and_trap_47_the_clients_grammar_holds(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    answer: Answer = data.draw(ANSWERS[upstream]())
    told = streamed(client, upstream, [answer.stream])
    GRAMMAR[client](events_of(told))
    assert ENDS_WELL[client](events_of(told))


def events_of(stream: bytes) -> list[SseEvent]:
    parser = SseParser()
    return [*parser.feed(stream), *parser.end()]


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_trap_46_a_stream_that_was_cut_does_not_end_well(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    answer: Answer = data.draw(ANSWERS[upstream]())
    length = data.draw(st.integers(0, len(answer.stream)))
    told = streamed(client, upstream, [answer.stream[:length]])
    finished = len(b"".join(answer.events[: answer.finish + 1]).rstrip())
    assert ENDS_WELL[client](events_of(told)) is (length >= finished)
    if length < finished:
        assert raised_in(client, told).message


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_trap_45_what_nobody_knows_and_what_comes_late_changes_nothing(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    answer: Answer = data.draw(ANSWERS[upstream]())
    events = list(answer.events)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(events)))
        events.insert(place, data.draw(st.sampled_from([*NOISE, *UNKNOWN[upstream]])))
    told = spoken(streamed(client, upstream, answer.events))
    assert spoken(streamed(client, upstream, events)) == told
    behind, again = answer.finish + 1, answer.events[1:4]  # a second answer, or a part of it
    late = [*answer.events[:behind], *again, *answer.events[behind:], *again]
    assert spoken(streamed(client, upstream, late)) == told


NOISE = (
    b": keepalive\n\n",
    b":\n\n",
    b"data:\n\n",
    b"event: odd\n\n",
    b"id: 1\nretry: 3\n\n",
    b"\n",
)
UNKNOWN: dict[Protocol, tuple[bytes, ...]] = {
    "anthropic_messages": (
        b'event: ping\ndata: {"type":"ping"}\n\n',
        b'event: news\ndata: {"type":"news","index":0}\n\n',
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"odd_delta","x":1}}\n\n',
        b"data: 5\n\n",
    ),
    "openai_chat": (
        b'data: {"id":"","choices":[]}\n\n',
        b'data: {"object":"odd","x":1}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"odd":{"x":1}}}]}\n\n',
        b"data: not JSON\n\n",
    ),
    "openai_responses": (
        b'event: keepalive\ndata: {"type":"keepalive","sequence_number":3}\n\n',
        b'event: response.odd\ndata: {"type":"response.odd","output_index":0}\n\n',
        b"data: 5\n\n",
    ),
}


def spoken(stream: bytes) -> list[SseEvent]:
    """Without keepalives."""
    return [e for e in events_of(stream) if e.data is not None and '"type":"ping"' not in e.data]


# --- errors

# How each upstream tells an error in the middle of a stream, with what may come behind it.
BROKEN: dict[Protocol, bytes] = {
    "anthropic_messages": b"""event: error
data: {"type":"error","error":{"type":"overloaded_error","message":"too busy"}}

event: message_stop
data: {"type":"message_stop"}

""",
    "openai_chat": b"""data: {"error":{"message":"too busy","code":"overloaded"}}

data: [DONE]

""",
    "openai_responses": b"""event: error
data: {"type":"error","code":"server_error","message":"too busy","param":null}

event: response.failed
data: {"type":"response.failed","response":{"id":"resp_01AbC","object":"response",\
"created_at":1700000000,"model":"gpt-upstream","status":"failed","output":[],\
"error":{"code":"server_error","message":"too busy"}}}

""",
}


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_trap_46_an_error_anywhere_in_a_stream_is_raised_by_the_sdk(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    answer: Answer = data.draw(ANSWERS[upstream]())
    events = answer.events[: data.draw(st.integers(0, answer.finish))]
    told = streamed(client, upstream, [*events, BROKEN[upstream]])
    assert not ENDS_WELL[client](events_of(told))
    assert "too busy" in str(raised_in(client, told))


STATUSES: dict[ErrorKind, int] = {
    "invalid_request": 400,
    "authentication": 401,
    "permission": 403,
    "not_found": 404,
    "rate_limit": 429,
    "overloaded": 529,
    "server": 500,
}


@pytest.mark.parametrize("kind", list(STATUSES))
@pytest.mark.parametrize("client, upstream", PAIRS)
def test_trap_52_an_errors_meaning_survives(
    client: Protocol, upstream: Protocol, kind: ErrorKind
) -> None:
    error = Error(kind, "no luck today", STATUSES[kind], request_id="req_1")
    status, body = CODECS[upstream].encode_error(error, context(upstream, upstream))
    told, answer = exchange(client, upstream).error(status, dumps(body), request_id="req_1")
    raised_error = raised(client, told, answer, **{"request-id": "req_1", "x-request-id": "req_1"})
    assert told == (
        503 if kind == "overloaded" and client != "anthropic_messages" else STATUSES[kind]
    )
    assert type(raised_error).__name__ == class_for(client, told)
    assert "no luck today" in str(raised_error) and raised_error.request_id == "req_1"
