"""Whole answers, and that they say what their streams say."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.answers import (
    Error,
    Event,
    Failure,
    Finish,
    PartDelta,
    PartEnd,
    PartStart,
    Response,
    Start,
    Stop,
    Usage,
)
from bridge.transform.context import Context, context
from bridge.transform.fold import Fold
from bridge.transform.model import (
    Native,
    NativePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from bridge.transform.openai_responses import Decoder, decode_response, encode_response
from bridge.transform.openai_responses.response import EMPTY
from bridge.transform.sse import SseEvent
from tests.transform.sdks import answer_faults

A = "anthropic_messages"
R = "openai_responses"


def own() -> Context:
    return context(R, R)


def item(kind: str, **fields: Any) -> dict[str, Any]:
    return {"id": f"{kind}_1", "type": kind, **fields}


def message(*content: Any) -> dict[str, Any]:
    return item("message", status="completed", role="assistant", content=[*content])


TEXT = {"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}
NO = {"type": "refusal", "refusal": "no"}
THOUGHT = item("reasoning", summary=[{"type": "summary_text", "text": "hm"}], encrypted_content="e")
CALL = item("function_call", status="completed", call_id="c", name="f", arguments='{"a":1}')
IMAGE = item("image_generation_call", status="completed", result="aGk=")
USAGE = {
    "input_tokens": 5,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 8,
}
BODY: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 5,
    "status": "completed",
    "model": "gpt",
    "output": [message(TEXT)],
    "usage": USAGE,
    "service_tier": "default",
    "error": None,
    "incomplete_details": None,
}
COUNTS = Usage(5, 3, 0, 0, reasoning_tokens=0)
BEGIN, END = Start("resp_1", "gpt", 5, "default"), Finish("stop", "completed")


def test_an_answer_is_read_as_its_stream_would_be() -> None:
    ctx = own()
    assert decode_response(BODY, ctx) == [
        BEGIN,
        PartStart(TextPart("")),
        PartDelta("Hi"),
        PartEnd(),
        Stop(END, COUNTS, "default"),
    ]
    assert list(ctx.notes) == []


def folded(body: Any, ctx: Context | None = None) -> Response:
    fold = Fold()
    for event in decode_response(body, ctx or own()):
        fold.add(event)
    assert fold.response
    return fold.response


def native(block: Any) -> Native:
    return Native(R, (block,), "", "gpt")


LIMIT = {"reason": "max_output_tokens"}


@pytest.mark.parametrize(
    "fields, parts, finish",
    [
        pytest.param(
            {"output": [THOUGHT, message(TEXT), CALL]},
            (
                ReasoningPart("hm", native(THOUGHT)),
                TextPart("Hi"),
                ToolCallPart("c", "f", '{"a":1}'),
            ),
            Finish("tool_calls", "completed"),
            id="thoughts, a text and a call",
        ),
        pytest.param(
            {"output": [message(TEXT, NO)]},
            (TextPart("Hi"), RefusalPart("no")),
            Finish("refusal", "completed", explanation="no"),
            id="a refusal",
        ),
        pytest.param(
            {"output": [IMAGE]},
            (NativePart(native(IMAGE), "hosted_output_dropped", seen=True),),
            END,
            id="an image",
        ),
        pytest.param({"output": []}, (), END, id="no output"),
        pytest.param({"output": None}, (), END, id="null"),
        pytest.param(
            {"status": "incomplete", "incomplete_details": LIMIT},
            (TextPart("Hi"),),
            Finish("length", "max_output_tokens"),
            id="a limit",
        ),
        pytest.param(
            {"status": "queued", "output": []},
            (),
            Finish("interrupted", "queued"),
            id="an answer that is fetched later is no failure",
        ),
        pytest.param({"status": None}, (TextPart("Hi"),), Finish("stop"), id="no status"),
    ],
)
def test_answers_of_all_kinds(fields: Any, parts: Any, finish: Finish) -> None:
    response = folded({**BODY, **fields})
    assert (response.parts, response.finish) == (parts, finish)


def test_what_is_missing_is_noted() -> None:
    ctx = own()
    assert folded({**BODY, "usage": None, "status": None}, ctx).usage is None
    assert [note.code for note in ctx.notes] == ["usage_missing", "finish_inferred"]


@pytest.mark.parametrize(
    "body, error",
    [
        pytest.param(
            {**BODY, "status": "failed", "error": {"code": "server_error", "message": "x"}},
            Error("server", "x", 500, "server_error"),
            id="failed, in a 200",
        ),
        pytest.param(
            {**BODY, "status": "cancelled"},
            Error("server", "the upstream ended the answer with an error (cancelled)", 500),
            id="cancelled",
        ),
        pytest.param(
            {"error": {"message": "slower", "code": "rate_limit_exceeded"}},
            Error("rate_limit", "slower", 429, "rate_limit_exceeded"),
            id="an error (trap 4)",
        ),
        pytest.param(
            {"output": [], "error": {"message": "x", "code": 503}},
            Error("server", "x", 503),
            id="beside an empty output",
        ),
        pytest.param(
            {"status": 400, "title": "no"}, Error("invalid_request", "no", 400), id="a title"
        ),
        pytest.param({"detail": "no"}, Error("server", "no", 502), id="a detail"),
        pytest.param({}, EMPTY, id="nothing"),
        pytest.param(None, EMPTY, id="null"),
        pytest.param([], EMPTY, id="a list"),
        pytest.param("busy", Error("server", "busy", 502), id="a word"),
    ],
)
def test_a_failure_is_read(body: Any, error: Error) -> None:
    [failure] = decode_response(body, own())
    assert isinstance(failure, Failure) and failure.error == error


def test_a_policy_declines_in_a_failed_response() -> None:
    error = {"code": "bio_policy", "message": "no"}
    response = folded({**BODY, "status": "failed", "error": error, "output": []})
    assert response.finish == Finish("refusal", "bio_policy", explanation="no", category="bio")


def test_what_a_moderator_found_stands_beside_the_answer() -> None:
    error = {"type": "error", "code": "a", "message": "b"}
    found = {"input": error, "output": error}
    response = folded({**BODY, "moderation": found})
    assert response.moderation == found
    assert encode_response(response, own())["moderation"] == found
    assert "moderation" not in encode_response(folded(BODY), own())


# --- streams and whole answers


def streamed(body: dict[str, Any]) -> list[Event]:
    """A stream that says `body` item by item."""
    decoder = Decoder(own())
    created = {**body, "status": "in_progress", "output": [], "usage": None}
    told: list[dict[str, Any]] = [{"type": "response.created", "response": created}]
    for n, one in enumerate(body["output"]):
        told.append({"type": "response.output_item.done", "output_index": n, "item": one})
    told.append({"type": f"response.{body['status']}", "response": body})
    events = [e for one in told for e in decoder.feed(SseEvent("", json.dumps(one)))]
    return [*events, *decoder.end()]


words = st.text(max_size=5)
items = st.lists(
    st.one_of(
        st.builds(lambda t: message({**TEXT, "text": t}), words),
        st.builds(lambda t: message({**NO, "refusal": t}), words),
        st.builds(lambda n: {**CALL, "call_id": n, "arguments": '{"a":{}}'}, words),
        st.builds(lambda t: item("custom_tool_call", call_id="c", name="g", input=t), words),
        st.just(THOUGHT),
        st.just(IMAGE),
    ),
    max_size=5,
)


def numbered(output: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "id": f"x_{n}"} for n, one in enumerate(output)]


@given(items.map(numbered), st.sampled_from(["completed", "incomplete"]))
def test_a_stream_says_what_its_whole_answer_says(output: list[Any], status: str) -> None:
    body = {**BODY, "output": output, "status": status}
    assert streamed(body) == decode_response(body, own())


@given(items.map(numbered), st.sampled_from(["completed", "incomplete"]))
def test_an_answer_is_written_as_it_was_read(output: list[Any], status: str) -> None:
    body = {**BODY, "output": output, "status": status, "incomplete_details": LIMIT}
    response = folded(body)
    written = encode_response(response, own())
    assert answer_faults(R, written) == set()
    assert {key: written[key] for key in ("id", "model", "usage", "service_tier")} == {
        key: BODY[key] for key in ("id", "model", "usage", "service_tier")
    }
    again = folded(written)
    assert again.finish.reason == response.finish.reason
    assert again.parts == response.parts


def test_a_call_keeps_what_only_its_vendor_knows() -> None:
    """The upstream gets its own turn back this way."""
    caller = {"type": "program", "caller_id": "p"}
    tools = item("tool_search_call", call_id="t", execution="client", arguments={"query": "q"})
    output = [{**CALL, "caller": caller}, {**tools, "status": "completed"}]
    written = encode_response(folded({**BODY, "output": output}), own())
    first, second = written["output"]
    assert first["caller"] == caller
    assert (second["type"], second["arguments"]) == ("tool_search_call", {"query": "q"})
