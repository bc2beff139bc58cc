"""What servers send as a stream becomes events."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.answers import (
    CitationDelta,
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
from bridge.transform.fold import Fold
from bridge.transform.json_text import dumps
from bridge.transform.model import (
    Citation,
    Native,
    Part,
    Protocol,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from bridge.transform.openai_chat import Decoder
from bridge.transform.openai_chat.decoder import CUT, EMPTY
from bridge.transform.profile import Profile
from bridge.transform.sse import SseEvent, SseParser
from tests.transform.openai_chat.streams import CALLED, COUNTED, DONE, FOUND, USAGE, texts

C: Protocol = "openai_chat"
BEGUN = Start("c1", "m", 5)


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def chunk(delta: Any = None, finish: Any = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {"id": "c1", "model": "m", "created": 5, "choices": [choice], **more}


def usage_chunk(**counts: int) -> dict[str, Any]:
    return {"id": "c1", "choices": [], "usage": {**COUNTED, **counts}}


def sse(item: Any) -> SseEvent:
    if item is None or isinstance(item, SseEvent):
        return item or SseEvent("", None)
    return SseEvent("", item if isinstance(item, str) else json.dumps(item))


def steps(*items: Any, ctx: Context | None = None) -> list[list[Event]]:
    """The events for each item, and for the end."""
    decoder = Decoder(ctx or context(C, C))
    return [*(decoder.feed(sse(item)) for item in items), decoder.end()]


def read(*items: Any, ctx: Context | None = None) -> list[Event]:
    return [event for events in steps(*items, ctx=ctx) for event in events]


def fold(events: Iterable[Event]) -> Fold:
    folder, is_open, over = Fold(), False, False
    for event in events:
        assert not over, event
        match event:
            case PartStart():
                assert not is_open
                is_open = True
            case PartEnd():
                assert is_open
                is_open = False
            case PartDelta() | CitationDelta():
                assert is_open
            case Stop():
                assert not is_open
                over = True
            case Failure():
                over = True
            case _:
                pass
        folder.add(event)
    assert over
    return folder


def whole(*items: Any, ctx: Context | None = None) -> Response:
    folder = fold(read(*items, ctx=ctx))
    assert folder.response, folder.error
    return folder.response


STOPPED = Stop(Finish("stop", "stop"), USAGE)


def test_text_arrives_piece_by_piece_and_the_stop_waits_for_the_counts() -> None:
    assert steps(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "a"}),
        chunk({"content": "b"}),
        chunk({}, "stop"),
        usage_chunk(),
        DONE,
    ) == [
        [BEGUN],
        [PartStart(TextPart("")), PartDelta("a")],
        [PartDelta("b")],
        [PartEnd()],
        [STOPPED],
        [],
        [],
    ]


@pytest.mark.parametrize(
    "tail, expected",
    [
        pytest.param([chunk({}, "stop"), usage_chunk(), DONE], STOPPED, id="a chunk of their own"),
        pytest.param([chunk({}, "stop", usage=COUNTED), DONE], STOPPED, id="in the finish chunk"),
        pytest.param([chunk({}, "stop", usage=COUNTED)], STOPPED, id="trap 45: no [DONE]"),
        pytest.param(
            [chunk({}, "stop"), chunk({}, "stop", usage=COUNTED), DONE],
            STOPPED,
            id="trap 45: in a repeated finish (OpenRouter)",
        ),
        pytest.param(
            [
                chunk({}, None, usage={**COUNTED, "completion_tokens": 1}),
                chunk({}, "stop", usage={**COUNTED, "completion_tokens": 2}),
                usage_chunk(),
            ],
            STOPPED,
            id="trap 44: on every chunk, never added",
        ),
        pytest.param(
            [
                chunk({}, None, usage=COUNTED),
                chunk({}, "stop", usage={"prompt_tokens": 3, "completion_tokens": None}),
                DONE,
            ],
            STOPPED,
            id="a later null does not count (Databricks)",
        ),
        pytest.param([chunk({}, "stop", x_groq={"usage": COUNTED}), DONE], STOPPED, id="Groq's"),
        pytest.param(
            [chunk({}, "stop"), {"choices": [{"index": 0, "usage": COUNTED}]}, DONE],
            STOPPED,
            id="in the choice (Moonshot)",
        ),
        pytest.param(
            [chunk({}, "stop", usage=None), DONE],
            Stop(Finish("stop", "stop")),
            id="none at all",
        ),
        pytest.param(
            [chunk({}, "stop", usage={}, x_groq=5), "[DONE]  "],
            Stop(Finish("stop", "stop")),
            id="an empty one, and blanks behind [DONE]",
        ),
    ],
)
def test_counts_are_found_wherever_they_are(tail: list[Any], expected: Stop) -> None:
    ctx = context(C, C)
    assert read(chunk({"content": "a"}), *tail, ctx=ctx)[-1] == expected
    assert codes(ctx) == ([] if expected.usage else ["usage_missing"])


@pytest.mark.parametrize(
    "late",
    [
        pytest.param(chunk({}, "stop"), id="a repeated finish"),
        pytest.param(chunk({"content": "more"}), id="more text"),
        pytest.param(chunk({"tool_calls": [{"index": 0, "id": "2"}]}, "tool_calls"), id="a call"),
        pytest.param("not JSON", id="rubbish"),
        pytest.param({"choices": []}, id="an empty chunk"),
    ],
)
def test_trap_45_what_comes_after_the_finish_is_not_part_of_the_answer(late: Any) -> None:
    clean = read(chunk({"content": "a"}), chunk({}, "stop"), usage_chunk(), DONE)
    assert read(chunk({"content": "a"}), chunk({}, "stop"), late, usage_chunk(), DONE) == clean
    assert read(chunk({"content": "a"}), chunk({}, "stop"), usage_chunk(), late, DONE) == clean
    assert read(chunk({"content": "a"}), chunk({}, "stop"), usage_chunk(), DONE, late) == clean


@pytest.mark.parametrize(
    "items, error",
    [
        pytest.param([], CUT, id="nothing"),
        pytest.param([chunk({"role": "assistant"})], CUT, id="only a role"),
        pytest.param([chunk({"content": "a"})], CUT, id="trap 46: cut in the text"),
        pytest.param([chunk({"content": "a"}), chunk({}, "")], CUT, id="an empty reason is none"),
        pytest.param([DONE], EMPTY, id="trap 5: an empty stream"),
        pytest.param([chunk({"role": "assistant", "content": ""}), DONE], EMPTY, id="with a role"),
        pytest.param(
            [chunk({"content": "a"}), {"error": {"message": "x", "code": 429}}],
            Error("rate_limit", "x", 429),
            id="trap 4: an error in the stream",
        ),
        pytest.param(
            [chunk({"content": "a"}, "length"), {"error": {"message": "Token limit reached"}}],
            Error("context_length", "Token limit reached", 400),
            id="an error after the finish, before the end",
        ),
        pytest.param(
            [{"choices": [{"error": {"message": "x"}, "finish_reason": "error", "delta": {}}]}],
            Error("server", "x", 502),
            id="in the choice (OpenRouter)",
        ),
        pytest.param(
            [SseEvent("error", '{"message":"x","type":"server_error"}')],
            Error("server", "x", 500, type="server_error"),
            id="an event named error",
        ),
        pytest.param(
            [SseEvent("error", "{}")],
            Error("server", "the upstream ended the answer with an error", 502),
            id="that says nothing",
        ),
        pytest.param(
            [SseEvent("error", '{"error":"x"}')], Error("server", "x", 502), id="or has an envelope"
        ),
        pytest.param(
            [SseEvent("error", "overloaded")],
            Error("overloaded", "overloaded", 529),
            id="or is a text",
        ),
        pytest.param(
            [chunk({"content": "a"}), {"detail": "Internal Server Error"}, DONE],
            Error("server", "Internal Server Error", 502),
            id="a complaint, and no finish (FastAPI)",
        ),
        pytest.param(
            [chunk({"content": "a"}), {"message": "crashed", "code": 500}],
            Error("server", "crashed", 500),
            id="and cut",
        ),
        pytest.param(
            [chunk({"content": "a"}), "[ERROR] capacity", {"message": "second"}, DONE],
            Error("server", "[ERROR] capacity", 502),
            id="a complaint that is no JSON; the first counts",
        ),
        pytest.param(
            [{"errors": [{"message": "capacity"}], "success": False}, DONE],
            Error("server", "capacity", 502),
            id="a complaint alone",
        ),
        pytest.param(
            [{"error_code": 110, "error_msg": "invalid api key"}, " [DONE]"],
            Error("authentication", "invalid api key", 401),
            id="as Baidu says it",
        ),
        pytest.param([5, {"object": "odd"}, DONE], EMPTY, id="what says nothing is no complaint"),
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
        pytest.param(SseEvent("keepalive", None), [Keepalive()], id="an event without data"),
        pytest.param("{", [], id="half of JSON"),
        pytest.param("[1]", [], id="a list"),
        pytest.param("5", [], id="a number"),
        pytest.param({}, [], id="an empty object"),
        pytest.param({"choices": None}, [], id="null choices"),
        pytest.param({"choices": [None, 5]}, [], id="no choices"),
        pytest.param(
            {"id": "", "choices": [], "prompt_filter_results": []}, [], id="Azure's first"
        ),
        pytest.param(
            chunk({"odd": 1, "content": None, "annotations": None}), [BEGUN], id="odd keys"
        ),
        pytest.param({"choices": [{"index": 0, "delta": None}]}, [], id="no delta, and no id yet"),
    ],
)
def test_trap_48_what_means_nothing_changes_nothing(item: Any, events: list[Event]) -> None:
    assert steps(item)[0] == events
    clean = fold(read(chunk({"content": "a"}), chunk({}, "stop"), usage_chunk()))
    with_it = fold(
        read(chunk({"content": "a"}), item, chunk({}, "stop"), item, usage_chunk(), item)
    )
    assert with_it.response == clean.response


def test_an_event_nobody_can_read_is_noted_where_the_answer_goes_on() -> None:
    ctx = context(C, C)
    told = whole(chunk({"content": "a"}), "odd", chunk({"content": "b"}, "stop"), "late", ctx=ctx)
    assert told.parts == (TextPart("ab"),)
    assert [n for n in ctx.notes if n.code != "usage_missing"] == [
        ("item_dropped", "", "an event that is part of no answer")
    ]


def test_the_start_waits_for_an_id_or_for_something_to_say() -> None:
    no_id = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]}
    assert steps(no_id)[0] == [Start("", ""), PartStart(TextPart("")), PartDelta("a")]
    azure = {"id": "", "model": "", "created": 0, "choices": []}
    assert steps(azure, chunk({"role": "assistant"}))[:2] == [[], [BEGUN]]


@pytest.mark.parametrize("delta", [{}, {"role": "assistant"}, {"content": ""}, None])
def test_an_answer_without_an_id_and_anything_in_it_has_a_beginning_too(delta: Any) -> None:
    empty = {"choices": [{"index": 0, "delta": delta, "finish_reason": "length"}]}
    beginning, ending = read(empty, DONE)
    assert beginning == Start("", "") and isinstance(ending, Stop)
    assert read(empty)[0] == beginning and isinstance(read(empty, usage_chunk())[0], Start)


def test_only_the_first_of_several_answers_is_given() -> None:
    ctx = context(C, C)
    second = {"choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": "length"}]}
    assert whole(chunk({"content": "a"}), second, chunk({}, "stop"), DONE, ctx=ctx).parts == (
        TextPart("a"),
    )
    assert "choices_dropped" in codes(ctx)


CALLING = {"index": 0, "id": "1", "function": {"name": "f", "arguments": '{"a":1}'}}


def native(*blocks: Any) -> Native:
    return Native(C, blocks, model="m")


def thought(text: str, field: str = "reasoning_content") -> ReasoningPart:
    return ReasoningPart(text, native({"field": field, "text": text}))


ENCRYPTED = {"type": "reasoning.encrypted", "data": "d", "index": 0}
DETAILS = {"field": "reasoning_details", "details": [ENCRYPTED]}


@pytest.mark.parametrize(
    "items, parts",
    [
        pytest.param(
            [chunk({"reasoning_content": "t"}), chunk({"content": "a"}), chunk({}, "stop")],
            (thought("t"), TextPart("a")),
            id="trap 42: reasoning, then text",
        ),
        pytest.param(
            [chunk({"content": "a", "reasoning_content": "t"}, "stop")],
            (thought("t"), TextPart("a")),
            id="both in one chunk, with the finish",
        ),
        pytest.param(
            [
                chunk({"reasoning": "t"}),
                chunk({"content": "a"}),
                chunk({"reasoning": "u"}),
                chunk({"content": "b"}, "stop"),
            ],
            (thought("t", "reasoning"), TextPart("a"), thought("u", "reasoning"), TextPart("b")),
            id="in turns",
        ),
        pytest.param(
            [chunk({"reasoning_details": [ENCRYPTED]}), chunk({"content": "a"}, "stop")],
            (ReasoningPart("", native(DETAILS)), TextPart("a")),
            id="hidden reasoning",
        ),
        pytest.param(
            [
                chunk({"reasoning": "t"}),
                chunk({"reasoning_details": [ENCRYPTED]}),
                chunk({"content": "a"}, "stop"),
            ],
            (
                ReasoningPart("t", native({"field": "reasoning", "text": "t"}, DETAILS)),
                TextPart("a"),
            ),
            id="its state at its end",
        ),
        pytest.param(
            [chunk({"content": "a"}), chunk({"reasoning_details": [ENCRYPTED]}), chunk({}, "stop")],
            (TextPart("a"), ReasoningPart("", native(DETAILS))),
            id="its state at the end of all (Gemini)",
        ),
        pytest.param(
            [
                chunk({"reasoning": "t"}),
                chunk({"tool_calls": [CALLING]}),
                chunk({"reasoning_details": [ENCRYPTED]}, "tool_calls"),
            ],
            (thought("t", "reasoning"), CALLED, ReasoningPart("", native(DETAILS))),
            id="behind a call",
        ),
        pytest.param(
            [
                chunk({"content": [{"type": "thinking", "thinking": [{"text": "t"}]}]}),
                chunk({"content": [{"type": "text", "text": "a"}, "b", {"type": "odd"}, 5]}),
                chunk({}, "stop"),
            ],
            (
                ReasoningPart(
                    "t",
                    native(
                        {
                            "field": "content",
                            "details": [
                                {"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}
                            ],
                        }
                    ),
                ),
                TextPart("ab"),
            ),
            id="content in parts (Mistral)",
        ),
        pytest.param(
            [
                chunk({"content": [{"type": "thinking", "thinking": []}]}),
                chunk({"content": "a"}, "stop"),
            ],
            (TextPart("a"),),
            id="an empty thought",
        ),
        pytest.param(
            [chunk({"content": {"a": 1}}, "stop")],
            (TextPart('{"a":1}'),),
            id="content parsed already",
        ),
        pytest.param(
            [chunk({"refusal": "n"}), chunk({"refusal": "o"}), chunk({}, "stop")],
            (RefusalPart("no"),),
            id="a refusal",
        ),
        pytest.param(
            [chunk({"tool_calls": [CALLING]}, "tool_calls")],
            (CALLED,),
            id="a whole call in the finish chunk",
        ),
        pytest.param(
            [
                chunk({"content": "a"}),
                chunk({"tool_calls": [CALLING]}),
                chunk({"content": "b"}, "stop"),
            ],
            (TextPart("a"), CALLED, TextPart("b")),
            id="text behind a call",
        ),
        pytest.param(
            [chunk({"function_call": {"name": "f", "arguments": '{"a":1}'}}, "function_call")],
            (ToolCallPart("", "f", '{"a":1}'),),
            id="the older form",
        ),
        pytest.param(
            [
                {**chunk({"content": "a"}), "object": "", "id": "x"},
                chunk({"role": "assistant", "content": "b"}),
                {"choices": [{"message": {"content": "ab"}, "finish_reason": "stop"}]},
            ],
            (TextPart("ab"),),
            id="a whole message at the end repeats it (Perplexity)",
        ),
        pytest.param(
            [{"id": "c1", "choices": [{"message": {"content": "ab"}, "finish_reason": "stop"}]}],
            (TextPart("ab"),),
            id="a whole message alone",
        ),
    ],
)
def test_an_answer_has_its_parts(items: list[Any], parts: tuple[Part, ...]) -> None:
    assert whole(*items, DONE).parts == parts


def test_text_behind_a_call_waits_until_the_call_is_whole() -> None:
    half = {"index": 0, "id": "1", "function": {"name": "f", "arguments": '{"a":'}}
    rest = {"index": 0, "function": {"arguments": "1}"}}
    events = steps(
        chunk({"tool_calls": [half]}),
        chunk({"content": "b"}),
        chunk({"tool_calls": [rest]}),
        chunk({}, "tool_calls"),
    )
    assert events[1] == []
    assert events[2] == [PartDelta("1}"), PartEnd(), PartStart(TextPart("")), PartDelta("b")]


def test_trap_7_half_a_call_is_a_limit_whatever_the_server_says() -> None:
    half = {"index": 0, "id": "1", "function": {"name": "f", "arguments": '{"a":'}}
    ctx = context(C, C)
    events = read(chunk({"tool_calls": [half]}), chunk({}, "tool_calls"), DONE, ctx=ctx)
    assert events[-2:] == [PartEnd(cut=True), Stop(Finish("length", "tool_calls"))]
    assert codes(ctx) == ["invalid_arguments", "usage_missing"]


def test_trap_45_no_finish_reason_but_done() -> None:
    ctx = context(C, C)
    assert whole(chunk({"content": "a"}), usage_chunk(), DONE, ctx=ctx).finish == Finish("stop")
    assert codes(ctx) == ["finish_inferred"]
    assert whole(chunk({"tool_calls": [CALLING]}), DONE).finish == Finish("tool_calls")


@pytest.mark.parametrize(
    "items",
    [
        pytest.param(
            [chunk({"content": "a"}, "stop"), {"choices": [], "moderation": FOUND}, usage_chunk()],
            id="in a chunk of its own",
        ),
        pytest.param(
            [chunk({"content": "a"}, moderation=FOUND), chunk({}, "stop", moderation=None), DONE],
            id="in any other",
        ),
    ],
)
def test_what_a_moderator_found_is_told_at_the_end(items: list[Any]) -> None:
    assert whole(*items).moderation == FOUND
    assert whole(chunk({"content": "a"}, "stop", moderation="odd"), DONE).moderation is None


def test_logprobs_stay_with_their_text() -> None:
    token = {"token": "a", "logprob": -1.0, "bytes": None, "top_logprobs": []}
    item = chunk({"content": "a"})
    item["choices"][0]["logprobs"] = {"content": [token]}
    assert PartDelta("a", (token,)) in read(item)


def note(url: str, start: int = 0, end: int = 0) -> dict[str, Any]:
    return {
        "type": "url_citation",
        "url_citation": {"url": url, "start_index": start, "end_index": end},
    }


def test_citations_belong_to_their_text_also_when_they_come_before_it() -> None:
    parts = whole(
        chunk({"content": "", "annotations": [note("early")]}),
        chunk({"content": "ab"}),
        chunk({"annotations": [note("u", 0, 2)]}),
        chunk({"tool_calls": [CALLING]}),
        chunk({"content": "cd"}),
        chunk({"annotations": [note("v", 2, 4)]}, "stop"),
        DONE,
    ).parts
    assert parts == (
        TextPart("ab", (Citation("early", start=0, end=0), Citation("u", start=0, end=2))),
        CALLED,
        TextPart("cd", (Citation("v", start=0, end=2),)),
    )


def test_sources_that_are_told_beside_the_text_are_cited_at_its_end() -> None:
    first = {**chunk({"content": "a", "annotations": [note("u", 0, 1)]}), "citations": ["x"]}
    last = {**chunk({"content": "b"}, "stop"), "citations": ["u", "v"], "search_results": []}
    (text,) = whole(first, last, {**usage_chunk(), "citations": []}, DONE).parts
    assert text == TextPart("ab", (Citation("u", start=0, end=1), Citation("v")))


def test_sources_of_no_text_are_noted() -> None:
    ctx = context(C, C)
    items = [{**chunk({"tool_calls": [CALLING]}, "stop"), "citations": ["u"]}, DONE]
    assert whole(*items, ctx=ctx).parts == (CALLED,)
    assert "citations_dropped" in codes(ctx)


def test_citations_of_no_text_are_noted() -> None:
    ctx = context(C, C)
    items = [chunk({"tool_calls": [CALLING]}), chunk({"annotations": [note("u")]}, "stop"), DONE]
    assert whole(*items, ctx=ctx).parts == (CALLED,)
    assert "citations_dropped" in codes(ctx)


def test_tags_of_thought_are_read_where_the_profile_says_so() -> None:
    items = [chunk({"content": text}) for text in ("<thi", "nk>t</th", "ink>\na")]
    tagged = context(C, C, Profile(think_tags=True))
    assert whole(*items, chunk({}, "stop"), DONE, ctx=tagged).parts == (
        ReasoningPart("t"),
        TextPart("a"),
    )
    assert whole(*items, chunk({}, "stop"), DONE).parts == (TextPart("<think>t</think>\na"),)
    held = context(C, C, Profile(think_tags=True))
    assert whole(chunk({"content": "<thi"}), chunk({}, "stop"), DONE, ctx=held).parts == (
        TextPart("<thi"),
    )


def test_state_is_owned_by_the_upstream_that_made_it() -> None:
    ctx = context(C, C)
    ctx.upstream_id = "deepseek"
    [part, _] = whole(
        chunk({"reasoning_content": "t"}), chunk({"content": "a"}, "stop"), DONE, ctx=ctx
    ).parts
    assert isinstance(part, ReasoningPart) and part.native
    assert ctx.owns(part.native)


@pytest.mark.parametrize(
    "delta, noted",
    [
        ({"images": [{"image_url": {"url": "data:image/png;base64,AA"}}]}, True),
        ({"audio": {"id": "a", "data": "AA"}}, True),
        ({"executed_tools": [{"index": 0, "type": "search", "output": "found"}]}, True),
        ({"audio_content": ""}, False),
        ({"audio": {"id": "", "data": ""}, "images": []}, False),
        ({"audio": None}, False),
    ],
)
def test_what_a_model_made_besides_text_is_noted(delta: Any, noted: bool) -> None:
    ctx = context(C, C)
    read(chunk({"content": "see", **delta}), chunk(finish="stop"), ctx=ctx)
    assert ("hosted_output_dropped" in codes(ctx)) is noted


@pytest.mark.parametrize(
    "delta, noted",
    [
        ({"cot_summary": "so"}, True),
        ({"thinking_blocks": [{"type": "thinking", "signature": "s"}]}, True),
        ({"note": {"text": "so"}}, True),
        ({"note": {"text": ""}, "notes": [], "other": None, "weight": 1.5, "end": True}, False),
        ({"name": "MiniMax AI", "channel": "final", "padding": "ab"}, False),
    ],
)
def test_what_is_said_under_an_unknown_name_is_noted(delta: Any, noted: bool) -> None:
    ctx = context(C, C)
    told = whole(chunk({"content": "see", **delta}), chunk(finish="stop"), DONE, ctx=ctx)
    assert told.parts == (TextPart("see"),)
    assert ("item_dropped" in codes(ctx)) is noted


def test_text_of_the_older_endpoint_is_the_answer_where_there_is_no_other() -> None:
    texts = [{"choices": [{"index": 0, "text": text}]} for text in ("a", "b", None)]
    assert whole(*texts, chunk(None, "stop")).parts == (TextPart("ab"),)
    both = {"choices": [{"index": 0, "text": "a", "delta": {"content": "a"}}]}
    assert whole(both, chunk(None, "stop")).parts == (TextPart("a"),)


@pytest.mark.parametrize("index", [0, 0.0, "0", None], ids=repr)
def test_the_first_answer_is_known_however_it_is_counted(index: Any) -> None:
    said = {"choices": [{"index": index, "delta": {"content": "a"}, "finish_reason": "stop"}]}
    assert whole(said).parts == (TextPart("a"),)


# --- laws of reading

words = st.sampled_from(
    """
    choices index delta message content finish_reason stop length tool_calls function name arguments
    reasoning reasoning_details refusal annotations url_citation url usage prompt_tokens error id
    model logprobs custom type text thinking signature data function_call x_groq created
    """.split()
)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | words | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=5),
    max_leaves=15,
)
any_delta = st.dictionaries(words, any_json, max_size=5)


@given(
    st.lists(any_json | st.builds(chunk, any_delta, words | st.none()), max_size=6), st.booleans()
)
def test_any_stream_gives_well_formed_events(items: list[Any], done: bool) -> None:
    tagged = context(C, C, Profile(think_tags=True))
    sent = [json.dumps(item) for item in items] + ([DONE] if done else [])
    for ctx in (context(C, C), tagged):
        events = read(*sent, ctx=ctx)
        assert isinstance(next(e for e in events if not isinstance(e, Keepalive)), Start | Failure)
        folder = fold(events)
        assert (folder.response is None) is (folder.error is not None)


call_pieces = st.builds(
    lambda index, text: chunk({"tool_calls": [{"index": index, "id": str(index), **text}]}),
    st.integers(0, 2),
    st.sampled_from(
        [
            {"function": {"name": "f", "arguments": ""}},
            {"function": {"arguments": '{"a"'}},
            {"function": {"arguments": ":1}"}},
            {"function": {"name": "g", "arguments": '{"b":{}}'}},
        ]
    ),
)
pieces = st.one_of(
    call_pieces,
    st.builds(lambda text: chunk({"content": text}), texts),
    st.builds(lambda text: chunk({"reasoning_content": text}), texts),
)


@given(st.lists(pieces, max_size=10), st.sampled_from(["stop", "tool_calls", "length"]))
def test_a_stream_at_any_cutting_of_its_bytes_is_the_same(items: list[Any], finish: str) -> None:
    sent = [*items, chunk({}, finish), usage_chunk()]
    data = b"".join(b"data: " + dumps(item) + b"\r\n\r\n" for item in sent) + b"data: [DONE]"
    expected = read(*sent, DONE)

    def decoded(cuts: Iterable[bytes]) -> list[Event]:
        parser, decoder = SseParser(), Decoder(context(C, C))
        events = [e for cut in cuts for sse in parser.feed(cut) for e in decoder.feed(sse)]
        events += [e for sse in parser.end() for e in decoder.feed(sse)]
        return [*events, *decoder.end()]

    assert decoded([data]) == expected
    assert decoded(data[n : n + 1] for n in range(len(data))) == expected


@given(st.lists(pieces, min_size=1, max_size=8), st.data())
def test_trap_46_a_stream_cut_before_its_finish_never_ends_well(
    items: list[Any], data: st.DataObject
) -> None:
    length = data.draw(st.integers(0, len(items)))
    assert isinstance(read(*items[:length])[-1], Failure)
