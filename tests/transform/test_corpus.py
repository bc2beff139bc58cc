"""Recorded traffic of real clients and providers, translated to every other protocol.

What comes out has the shape that the official SDK expects, and says what went in.
"""

import json
from collections.abc import Iterable
from itertools import permutations
from typing import Any

import pytest

from bridge.transform import TransformError, Translator, detect
from bridge.transform.answers import Error, ErrorKind, Response
from bridge.transform.arguments import normal_arguments
from bridge.transform.families import COMPATIBLE
from bridge.transform.json_text import dumps, loads
from bridge.transform.mismatch import protocol_of
from bridge.transform.model import Protocol, RefusalPart, TextPart, ToolCallPart
from bridge.transform.notes import ERRORS
from bridge.transform.profile import Profile
from bridge.transform.sse import SseParser
from bridge.transform.translator import CODECS
from tests.transform.recorded import (
    CAPTURES,
    KINDS,
    answers,
    error_records,
    events_of,
    folded,
    own,
    pieces,
    records,
    requests,
)
from tests.transform.sdks import (
    PROTOCOLS,
    answer_faults,
    class_for,
    joined,
    raised,
    raised_in,
    request_faults,
)

pytestmark = pytest.mark.more

# Models of two generations of each vendor: they take different fields.
MODELS: dict[Protocol, tuple[str, str]] = {
    "anthropic_messages": ("claude-opus-5-5", "claude-sonnet-4-5"),
    "openai_chat": ("gpt-5.6", "gpt-4.1"),
    "openai_responses": ("gpt-5.6", "gpt-4.1"),
}
# What a client asks whose answers are looked at.
ASKED: dict[Protocol, dict[str, Any]] = {
    "anthropic_messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "openai_chat": {
        "messages": [{"role": "user", "content": "hi"}],
        "stream_options": {"include_usage": True},
    },
    "openai_responses": {"input": "hi"},
}
PAIRS = [pytest.param(*pair, id=" to ".join(pair)) for pair in permutations(PROTOCOLS, 2)]
ALL = pytest.param(1, id="all", marks=pytest.mark.long)
SOME = pytest.param(10, id="every tenth")
# Which of MODELS, and whether the vendor itself serves it.
TARGETS = [
    pytest.param(0, True, id="the vendor's newest model"),
    pytest.param(1, False, id="an older model elsewhere"),
    pytest.param(1, True, id="the vendor's older model", marks=pytest.mark.long),
    pytest.param(0, False, id="a new model elsewhere", marks=pytest.mark.long),
]


# --- requests


@pytest.mark.parametrize("generation, vendor", TARGETS)
@pytest.mark.parametrize("client, upstream", PAIRS)
def test_every_request_is_translated_or_refused_for_a_reason(
    client: Protocol, upstream: Protocol, generation: int, vendor: bool
) -> None:
    profile = None if vendor else COMPATIBLE[upstream]
    model = MODELS[upstream][generation]
    refused = 0
    for name, body in requests(client):
        try:
            sent = translated(client, upstream, body, model, profile)
        except TransformError as error:
            refused += 1
            assert error.code in ERRORS, name
            continue
        assert request_faults(upstream, sent) == set(), name
        assert_paired(upstream, sent, name)
        assert b"brg1." not in dumps(sent), name
    assert refused < len(requests(client)) / 20


def translated(
    client: Protocol, upstream: Protocol, body: Any, model: str, profile: Profile | None = None
) -> Any:
    translator = Translator(client, upstream, model=model, profile=profile)
    return loads(translator.request(dumps(body)))


def assert_paired(upstream: Protocol, sent: Any, name: str) -> None:
    """Every call has its result, directly behind it."""
    ctx = own(upstream)
    open_calls: list[str] = []
    for message in CODECS[upstream].decode_request(sent, ctx).messages:
        results = [part.call_id for part in message.parts if hasattr(part, "call_id")]
        assert sorted(results) == sorted(open_calls), name
        open_calls = [part.id for part in message.parts if isinstance(part, ToolCallPart)]
    assert not open_calls, name


@pytest.mark.parametrize("upstream", PROTOCOLS)
def test_what_real_apps_send_is_taken_by_every_upstream(upstream: Protocol) -> None:
    taken = 0
    for path in sorted(CAPTURES.glob("*/*.json")):
        capture = json.loads(path.read_text(encoding="utf-8"))
        client = detect(capture["method"], capture["path"])
        if client in PROTOCOLS and client != upstream:
            taken += 1
            for model in MODELS[upstream]:
                for profile in (None, COMPATIBLE[upstream]):
                    sent = translated(client, upstream, capture["body"], model, profile)
                    assert request_faults(upstream, sent) == set(), path.name
    assert taken > 3


# --- answers


@pytest.mark.parametrize("step", [ALL, SOME])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client, upstream", PAIRS)
def test_every_answer_says_the_same_to_another_client(
    client: Protocol, upstream: Protocol, kind: str, step: int
) -> None:
    for record, answer in answers(upstream, kind)[::step]:
        whole = loads(exchange(client, upstream).response(recorded_bytes(record)))
        assert answer_faults(client, whole) == set(), record["id"]
        told = folded(CODECS[client].decode_response(whole, own(client)))
        assert isinstance(told, Response), record["id"]
        assert calls_of(told) == calls_of(answer), record["id"]
        if declined(answer):  # why is told as text, where there is no field for it
            assert text_of(told).startswith(text_of(answer)), record["id"]
        else:
            assert text_of(told) == text_of(answer), record["id"]
        if told.usage or answer.usage:
            assert counts(told) == counts(answer), record["id"]


def exchange(client: Protocol, upstream: Protocol) -> Translator:
    translator = Translator(client, upstream, model="m", now=1_800_000_000)
    translator.request(dumps({"model": "the-client's", **ASKED[client]}))
    return translator


def recorded_bytes(record: Any) -> bytes:
    response = record["response"]
    return response["sse"].encode() if record["streaming"] else dumps(response["body"])


def text_of(answer: Response) -> str:
    return "".join(p.text for p in answer.parts if isinstance(p, TextPart | RefusalPart))


def declined(answer: Response) -> bool:
    return answer.finish.reason in ("refusal", "content_filter")


def calls_of(answer: Response) -> list[tuple[str, Any]]:
    """Calls as their upstream will see them again."""
    return [call_of(part) for part in answer.parts if isinstance(part, ToolCallPart)]


def call_of(part: ToolCallPart) -> tuple[str, Any]:
    arguments = normal_arguments(part.arguments)
    try:
        return part.name, loads(arguments)
    except ValueError:
        return part.name, arguments


def counts(answer: Response) -> tuple[int, int, int]:
    usage = answer.usage
    if usage is None:  # Messages has no answer without counts
        return 0, 0, 0
    return usage.input_tokens, usage.output_tokens, usage.cache_read_tokens or 0


@pytest.mark.parametrize("step", [ALL, SOME])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client, upstream", PAIRS)
def test_every_answer_is_the_same_streamed_and_whole(
    client: Protocol, upstream: Protocol, kind: str, step: int
) -> None:
    """The SDK joins the stream that the client gets, whichever form the upstream's answer had."""
    for record, answer in answers(upstream, kind)[::step]:
        if is_beyond_helpers(answer):
            continue
        given = recorded_bytes(record)
        whole = loads(exchange(client, upstream).response(given))
        translator = exchange(client, upstream)
        if record["streaming"]:
            streamed = b"".join([*translator.stream(given), *translator.stream(b"")])
        else:
            streamed = translator.response(given, as_stream=True)
        assert translator.phase == "finished", record["id"]
        assert comparable(joined(client, streamed)) == comparable(whole), record["id"]


def is_beyond_helpers(answer: Response) -> bool:
    """Whether the SDKs' helpers fail: at custom tools, and at arguments that are not whole."""
    calls = [part for part in answer.parts if isinstance(part, ToolCallPart)]
    whole = all(isinstance(arguments, dict) for _, arguments in calls_of(answer))
    return not whole or any(call.kind == "custom" for call in calls)


# What only a helper adds, and what it does not read.
HELPERS = {"parsed", "parsed_arguments", "cache_creation"}


def comparable(value: Any) -> Any:
    """Without nulls and the helpers' own; indices of calls are in streams only."""
    if isinstance(value, dict):
        added = HELPERS | ({"index"} if "function" in value else set())
        return {k: comparable(v) for k, v in value.items() if v is not None and k not in added}
    return [comparable(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("step", [ALL, SOME])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_trap_48_every_stream_passes_in_its_own_protocol_however_it_is_cut(
    protocol: Protocol, step: int
) -> None:
    for record in records(protocol, "stream")[::step]:
        stream = recorded_bytes(record)
        without_end = stream[: stream.rstrip().rfind(b"\n\n") + 2]
        for data in (stream, without_end, without_end.replace(b"\n", b"\r\n")):
            told = passed(protocol, [data])
            assert is_there(data, told), record["id"]
            assert passed(protocol, data.splitlines(keepends=True)) == told, record["id"]
            if len(data) < 10_000:
                assert passed(protocol, pieces(data, 1)) == told, record["id"]


def is_there(data: bytes, told: bytes) -> bool:
    """All of it; of an answer that breaks what came before, and then an error in its place."""
    before, error, _ = told.rpartition(b"event: error\n")
    broken = b"the upstream began a second answer" in told and error
    return told.startswith(data) or bool(broken and data.startswith(before))


def passed(protocol: Protocol, data: Iterable[bytes], broken: Error | None = None) -> bytes:
    translator = Translator(protocol, protocol, now=1_800_000_000)
    out = [told for piece in data for told in translator.stream(piece)]
    return b"".join([*out, *(translator.break_off(broken) if broken else translator.stream(b""))])


@pytest.mark.parametrize("step", [ALL, SOME])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_whatever_breaks_off_a_stream_what_came_of_it_whole_is_there(
    protocol: Protocol, step: int
) -> None:
    for record in records(protocol, "stream")[::step]:
        stream = recorded_bytes(record)
        for length in range(1, len(stream), 1 + len(stream) // 20):
            came = stream[:length]
            whole = came[: came.rfind(b"\n\n") + 2] if b"\n\n" in came else b""
            told = passed(
                protocol, came.splitlines(keepends=True), Error("server", "too slow", 502)
            )
            assert is_there(whole, told), record["id"]
            if told.startswith(whole):
                rest = told.removeprefix(whole)
                ended = rest in (b"", b"data: [DONE]\n\n")
                assert ended or b"too slow" in rest or rest in came, record["id"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_trap_41_no_answer_is_taken_for_one_of_another_protocol(
    protocol: Protocol, kind: str
) -> None:
    for record in records(protocol, kind):
        events = [event.data for event in SseParser().feed(recorded_bytes(record)) if event.data]
        first = events[0] if record["streaming"] else recorded_bytes(record)
        assert protocol_of(first) in (protocol, None), record["id"]


# --- errors

# Kinds that a vendor has one status for; every other error keeps its upstream's.
OPENAI_STATUSES: dict[ErrorKind, int] = {
    "context_length": 400,
    "billing": 429,
    "model_not_found": 404,
    "overloaded": 503,
}
STATUSES: dict[Protocol, dict[ErrorKind, int]] = {
    "anthropic_messages": {"context_length": 400, "model_not_found": 404, "overloaded": 529},
    "openai_chat": OPENAI_STATUSES,
    "openai_responses": OPENAI_STATUSES,
}


@pytest.mark.parametrize("client, upstream", PAIRS)
def test_every_error_is_raised_by_the_clients_sdk(client: Protocol, upstream: Protocol) -> None:
    assert error_records(upstream)
    for record in error_records(upstream):
        given, status = error_bytes(record), record["status"] or 500
        translator = exchange(client, upstream)
        told, body = translator.error(status, given, request_id="req_1")
        failure = translator.failure
        assert failure and translator.phase == "failed" and translator.status == told
        assert told == STATUSES[client].get(failure.kind, failure.status), record["id"]
        raised_error = raised(client, told, body, **REQUEST_IDS)
        assert type(raised_error).__name__ == class_for(client, told), record["id"]
        assert failure.message and failure.message in message_of(raised_error), record["id"]
        assert (raised_error.status_code, raised_error.request_id) == (told, "req_1")


@pytest.mark.parametrize("client, upstream", PAIRS)
def test_a_stream_that_broke_off_is_raised_by_the_clients_sdk(
    client: Protocol, upstream: Protocol
) -> None:
    for record in records(upstream, "stream"):
        failure = folded(events_of(record))
        if isinstance(failure, Error):
            translator = exchange(client, upstream)
            given = recorded_bytes(record)
            told = b"".join([*translator.stream(given), *translator.stream(b"")])
            assert translator.phase == "failed", record["id"]
            assert failure.message in str(raised_in(client, told)), record["id"]


def message_of(error: Any) -> str:
    message: str = error.body.get("error", error.body)["message"]  # OpenAI's SDK unpacks it
    return message


REQUEST_IDS = {"request-id": "req_1", "x-request-id": "req_1"}


def error_bytes(record: Any) -> bytes:
    response = record["response"]
    if "body" in response:
        return dumps(response["body"])
    return str(response.get("text") or response.get("sse") or "").encode()
