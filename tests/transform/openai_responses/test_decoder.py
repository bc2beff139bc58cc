"""What servers send as a stream becomes events."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.answers import (
    Error,
    Event,
    Failure,
    Finish,
    Keepalive,
    PartDelta,
    PartEnd,
    PartStart,
    Response,
    Start,
    Stop,
)
from bridge.transform.context import Context, context
from bridge.transform.json_text import dumps
from bridge.transform.model import Native, ReasoningPart, TextPart, ToolCallPart
from bridge.transform.openai_responses import Decoder, decode_response
from bridge.transform.openai_responses.decoder import CUT
from bridge.transform.sse import SseEvent, SseParser
from tests.transform.openai_responses.streams import COUNTED, USAGE, event, fold, texts

A = "anthropic_messages"
R = "openai_responses"
BEGUN = Start("resp_1", "m", 5)


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def response(**fields: Any) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "model": "m", "created_at": 5, **fields}


def ended(kind: str = "completed", **fields: Any) -> dict[str, Any]:
    return event(kind, response=response(status=kind, **{"usage": COUNTED, **fields}))


def message(text: str, **more: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": [part], **more}


CREATED = event("created", response=response(status="in_progress"))
ADDED = event("output_item.added", output_index=0, item={**message(""), "content": []})
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": '{"a":1}'}


def delta(text: str) -> dict[str, Any]:
    return event("output_text.delta", item_id="msg_1", output_index=0, content_index=0, delta=text)


def done(item: Any, index: int = 0) -> dict[str, Any]:
    return event("output_item.done", output_index=index, item=item)


def sse(item: Any) -> SseEvent:
    if item is None or isinstance(item, SseEvent):
        return item or SseEvent("", None)
    return SseEvent("", item if isinstance(item, str) else json.dumps(item))


def steps(*items: Any, ctx: Context | None = None) -> list[list[Event]]:
    """The events for each item, and for the end."""
    decoder = Decoder(ctx or context(A, R))
    return [*(decoder.feed(sse(item)) for item in items), decoder.end()]


def read(*items: Any, ctx: Context | None = None) -> list[Event]:
    return [event for events in steps(*items, ctx=ctx) for event in events]


def whole(*items: Any, ctx: Context | None = None) -> Response:
    folder = fold(read(*items, ctx=ctx))
    assert folder.response, folder.error
    return folder.response


STOPPED = Stop(Finish("stop", "completed"), USAGE)


def test_text_arrives_piece_by_piece() -> None:
    assert steps(
        CREATED,
        event("in_progress", response=response()),
        ADDED,
        delta("a"),
        delta("b"),
        event("output_text.done", output_index=0, content_index=0, text="ab"),
        done(message("ab")),
        ended(output=[message("ab")]),
    ) == [
        [BEGUN],
        [],
        [],
        [PartStart(TextPart("")), PartDelta("a")],
        [PartDelta("b")],
        [],
        [PartEnd()],
        [STOPPED],
        [],
    ]


def test_a_call_is_over_with_its_item() -> None:
    events = steps(CREATED, done(CALL), ended())
    assert events[1] == [
        PartStart(ToolCallPart("c", "f", "")), PartDelta('{"a":1}'), PartEnd(),
    ]  # fmt: skip
    assert events[2] == [Stop(Finish("tool_calls", "completed"), USAGE)]


@pytest.mark.parametrize(
    "last, finish",
    [
        pytest.param(ended(), Finish("stop", "completed"), id="completed"),
        pytest.param(
            event("completed", response=response(usage=COUNTED)),
            Finish("stop", "completed"),
            id="completed, by its event",
        ),
        pytest.param(
            event("done", response=response(status="completed", usage=COUNTED)),
            Finish("stop", "completed"),
            id="done (compatible servers)",
        ),
        pytest.param(
            ended("incomplete", incomplete_details={"reason": "max_output_tokens"}),
            Finish("length", "max_output_tokens"),
            id="a limit",
        ),
        pytest.param(
            event(
                "completed",
                response=response(
                    status="incomplete",
                    incomplete_details={"reason": "content_filter"},
                    usage=COUNTED,
                ),
            ),
            Finish("content_filter", "content_filter"),
            id="incomplete, by its status",
        ),
        pytest.param(
            event(
                "failed",
                response=response(
                    status="failed", error={"code": "bio_policy", "message": "no"}, usage=COUNTED
                ),
            ),
            Finish("refusal", "bio_policy", explanation="no", category="bio"),
            id="declined by a policy",
        ),
        pytest.param(
            event(
                "failed",
                response=response(usage=COUNTED),
                error={"code": "misalignment_policy_violation", "message": "no"},
            ),
            Finish("refusal", "misalignment_policy_violation", explanation="no"),
            id="by another, told beside the response",
        ),
    ],
)
def test_trap_45_an_answer_ends_once(last: Any, finish: Finish) -> None:
    ctx = context(A, R)
    assert read(CREATED, delta("a"), last, ctx=ctx)[-2:] == [PartEnd(), Stop(finish, USAGE)]
    assert codes(ctx) == []


def failed(code: str = "server_error", message: str = "x", **more: Any) -> dict[str, Any]:
    return ended("failed", error={"code": code, "message": message}, usage=None, **more)


NESTED = {"type": "error", "error": {"code": "rate_limit_exceeded", "message": "slower"}}
FLAT = {"type": "error", "code": "rate_limit_exceeded", "message": "slower", "param": None}
SLOWER = Error("rate_limit", "slower", 429, "rate_limit_exceeded")


@pytest.mark.parametrize(
    "items, error",
    [
        pytest.param([], CUT, id="trap 5: an empty stream"),
        pytest.param([CREATED], CUT, id="a beginning"),
        pytest.param([CREATED, delta("a"), done(message("a"))], CUT, id="trap 46: no last event"),
        pytest.param([CREATED, delta("a"), "[DONE]"], CUT, id="[DONE] is none"),
        pytest.param([CREATED, NESTED], SLOWER, id="an error, nested, and nothing behind it"),
        pytest.param([CREATED, FLAT, "[DONE]"], SLOWER, id="flat"),
        pytest.param(
            [SseEvent("error", '{"message":"slower","code":"rate_limit_exceeded"}')],
            SLOWER,
            id="named by its event line",
        ),
        pytest.param([{"error": "no"}], Error("server", "no", 502), id="trap 4: in no event"),
        pytest.param(
            [CREATED, NESTED, failed("insufficient_quota", "no money")],
            Error("billing", "no money", 429, "insufficient_quota"),
            id="the failed response says more",
        ),
        pytest.param(
            [CREATED, NESTED, FLAT, event("failed", response=response(error=None))],
            SLOWER,
            id="or nothing",
        ),
        pytest.param(
            [CREATED, delta("a"), event("failed")],
            Error("server", "the upstream ended the answer with an error (failed)", 500),
            id="nobody says why",
        ),
        pytest.param(
            [ended("cancelled", error={"message": "x"})], Error("server", "x", 500), id="cancelled"
        ),
        pytest.param([NESTED, ended()], SLOWER, id="an error before a good end"),
        pytest.param(
            [CREATED, {"detail": "overloaded"}],
            Error("overloaded", "overloaded", 529),
            id="in no event",
        ),
        pytest.param(
            [CREATED, "overloaded", "[DONE]"],
            Error("overloaded", "overloaded", 529),
            id="in a text that is no event",
        ),
        pytest.param([{"type": "news", "message": "x"}], CUT, id="news are no error"),
    ],
)
def test_a_broken_stream_is_a_failure(items: list[Any], error: Error) -> None:
    events = read(*items)
    assert isinstance(events[-1], Failure) and events[-1].error == error
    assert not any(isinstance(event, Stop) for event in events)


@pytest.mark.parametrize(
    "item, events",
    [
        pytest.param(None, [Keepalive()], id="a comment"),
        pytest.param({"type": "keepalive"}, [Keepalive()], id="a keepalive"),
        pytest.param(SseEvent("ping", "{}"), [Keepalive()], id="a ping"),
        pytest.param("{", [], id="half of JSON"),
        pytest.param("[1]", [], id="a list"),
        pytest.param({}, [], id="an empty object"),
        pytest.param(event("web_search_call.searching", output_index=0), [], id="progress"),
        pytest.param(event("output_item.added", item=None), [], id="no item"),
        pytest.param(event("output_item.exploded", item="?"), [], id="an odd item"),
        pytest.param({"type": ["odd"]}, [], id="an odd type"),
        pytest.param({"type": "message_stop"}, [], id="an event of another protocol"),
    ],
)
def test_trap_48_what_means_nothing_changes_nothing(item: Any, events: list[Event]) -> None:
    assert steps(item)[0] == events
    clean = whole(CREATED, delta("a"), ended())
    assert whole(CREATED, item, delta("a"), item, ended(), item) == clean


def test_the_start_is_what_comes_first() -> None:
    assert steps(delta("a"))[0] == [Start("", ""), PartStart(TextPart("")), PartDelta("a")]
    queued = event("queued", response=response(status="queued", service_tier="flex"))
    assert steps(queued)[0] == [Start("resp_1", "m", 5, "flex")]
    assert read(ended())[0] == BEGUN
    last = ended(service_tier="priority")
    assert read(CREATED, last)[-1] == Stop(Finish("stop", "completed"), USAGE, "priority")
    assert read(queued, ended())[-1] == Stop(Finish("stop", "completed"), USAGE, "flex")


def test_events_may_be_named_by_their_line_alone() -> None:
    named = [
        SseEvent(item["type"], json.dumps({k: v for k, v in item.items() if k != "type"}))
        for item in (CREATED, delta("a"), ended())
    ]
    assert read(*named) == read(CREATED, delta("a"), ended())


def test_missing_counts_are_noted() -> None:
    ctx = context(A, R)
    assert whole(CREATED, ended(usage=None), ctx=ctx).usage is None
    assert codes(ctx) == ["usage_missing"]


@pytest.mark.parametrize(
    "reason, noted",
    [("prefix_mismatch", "thinking_prefix_dropped"), ("turn_boundary", "hint_dropped")],
)
def test_what_was_done_to_the_request_is_noted(reason: str, noted: str) -> None:
    ctx = context(A, R)
    change = {"type": "reasoning", "id": "rs_1", "action": "removed", "reason": reason}
    whole(CREATED, ended(input_transformations=[change]), ctx=ctx)
    assert [(n.code, n.where, n.detail) for n in ctx.notes] == [
        (noted, "input_transformations", f"rs_1 removed: {reason}")
    ]


def test_state_is_owned_by_the_upstream_that_made_it() -> None:
    ctx = context(A, R)
    ctx.upstream_id = "openai"
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e"}
    [part] = whole(CREATED, done(thought), ended(), ctx=ctx).parts
    assert part == ReasoningPart("", Native(R, (thought,), "openai", "m"))


# --- laws of reading

words = st.sampled_from(
    """
    type response.created response.completed response.failed response.incomplete response.done
    response.output_item.added response.output_item.done response.output_text.delta
    response.content_part.added response.reasoning_text.delta response.refusal.delta
    response.function_call_arguments.delta response.reasoning_summary_text.delta
    response.output_text.annotation.added response.custom_tool_call_input.delta
    response output item id item_id output_index content_index delta part content text status
    message reasoning function_call name arguments call_id usage error code annotations summary
    web_search_call mcp_call action query sources url shell_call local_shell_call commands role
    tool_search_call execution client apply_patch_call operation namespace logprobs
    """.split()
)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | words | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=6),
    max_leaves=20,
)
any_event = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    words,
    any_json.filter(lambda value: isinstance(value, dict)),
)
any_item = st.builds(
    lambda kind, item, verb, index: event(
        f"output_item.{verb}", output_index=index, item={**item, "type": kind}
    ),
    words,
    st.dictionaries(words, any_json, max_size=6),
    st.sampled_from(["added", "done"]),
    any_json,
)


@given(st.lists(any_json | any_event | any_item, max_size=8))
def test_any_stream_gives_well_formed_events(items: list[Any]) -> None:
    folder = fold(read(*(json.dumps(item) for item in items)))
    assert (folder.response is None) is (folder.error is not None)


@given(any_json)
def test_any_body_gives_well_formed_events(body: Any) -> None:
    for given_body in (body, {"output": body}, {"status": "completed", "output": [body]}):
        folder = fold(decode_response(given_body, context(A, R)))
        assert (folder.response is None) is (folder.error is not None)


pieces_of_streams = st.one_of(
    st.builds(delta, texts),
    st.builds(
        lambda n, text: event(
            "function_call_arguments.delta", item_id=f"fc_{n}", output_index=n, delta=text
        ),
        st.integers(1, 3),
        st.sampled_from(['{"a"', ":1}", '{"b":{}}']),
    ),
    st.builds(
        lambda n: event(
            "output_item.added", output_index=n, item={**CALL, "id": f"fc_{n}", "arguments": ""}
        ),
        st.integers(1, 3),
    ),
    st.builds(lambda n: done({**CALL, "id": f"fc_{n}"}, n), st.integers(1, 3)),
    st.builds(
        lambda text: event(
            "reasoning_summary_text.delta", item_id="rs", output_index=4, delta=text
        ),
        texts,
    ),
)


@given(st.lists(pieces_of_streams, max_size=10), st.sampled_from(["completed", "incomplete"]))
def test_a_stream_at_any_cutting_of_its_bytes_is_the_same(items: list[Any], kind: str) -> None:
    sent = [CREATED, *items, ended(kind)]
    lines = (b"event: " + item["type"].encode() + b"\r\ndata: " + dumps(item) for item in sent)
    data = b"\r\n\r\n".join(lines)
    expected = read(*sent)

    def decoded(cuts: Iterable[bytes]) -> list[Event]:
        parser, decoder = SseParser(), Decoder(context(A, R))
        events = [e for cut in cuts for sse in parser.feed(cut) for e in decoder.feed(sse)]
        events += [e for sse in parser.end() for e in decoder.feed(sse)]
        return [*events, *decoder.end()]

    assert decoded([data]) == expected
    assert decoded(data[n : n + 1] for n in range(len(data))) == expected


@given(st.lists(pieces_of_streams, min_size=1, max_size=8), st.data())
def test_a_stream_cut_before_its_last_event_never_ends_well(
    items: list[Any], data: st.DataObject
) -> None:
    length = data.draw(st.integers(0, len(items)))
    assert isinstance(read(CREATED, *items[:length])[-1], Failure)
