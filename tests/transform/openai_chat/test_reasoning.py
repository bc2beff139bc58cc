"""Reasoning: how much, and the fields it travels in."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.transform import Translator
from bridge.transform.context import Context, context
from bridge.transform.effort import LEVELS
from bridge.transform.envelope import is_sealed
from bridge.transform.families import COMPATIBLE
from bridge.transform.json_text import Json, dumps, loads
from bridge.transform.model import (
    Extra,
    Native,
    Protocol,
    Reasoning,
    ReasoningPart,
    Request,
    ToolCallPart,
)
from bridge.transform.openai_chat.reasoning import (
    ReasoningFields,
    decode_reasoning,
    decode_thoughts,
    encode_reasoning,
    extra_state,
    keep_spelling,
    sealed_details,
    write_thoughts,
)
from bridge.transform.profile import Profile

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
LOST = "reasoning_option_dropped"


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


@pytest.mark.parametrize(
    "body, reasoning, extras",
    [
        pytest.param({}, Reasoning(), {}, id="nothing said"),
        pytest.param({"reasoning_effort": "high"}, Reasoning("high"), {}, id="the API's own field"),
        pytest.param({"reasoning_effort": "ultra"}, Reasoning("max"), {}, id="another word for it"),
        pytest.param(
            {"reasoning_effort": "odd"},
            Reasoning(),
            {"reasoning_effort": Extra("odd", LOST)},
            id="an unknown word",
        ),
        pytest.param(
            {"reasoning": {"effort": "low", "exclude": True}},
            Reasoning("low", visible=False),
            {},
            id="OpenRouter's",
        ),
        pytest.param(
            {"reasoning": {"max_tokens": 2000, "exclude": False}},
            Reasoning("low", visible=True),
            {},
            id="as a budget",
        ),
        pytest.param(
            {"reasoning": {"max_tokens": True, "enabled": True}},
            Reasoning("medium"),
            {},
            id="as a switch",
        ),
        pytest.param({"reasoning": {"enabled": False}}, Reasoning("none"), {}, id="switched off"),
        pytest.param(
            {"reasoning": {"summary": "auto", "effort": None}},
            Reasoning(),
            {"reasoning": Extra({"summary": "auto"}, LOST)},
            id="with more than we read",
        ),
        pytest.param(
            {"thinking": {"type": "enabled", "clear_thinking": False}},
            Reasoning("medium"),
            {"thinking": Extra({"clear_thinking": False}, LOST)},
            id="DeepSeek's and GLM's",
        ),
        pytest.param(
            {"thinking": {"type": "disabled"}}, Reasoning("none"), {}, id="switched off too"
        ),
        pytest.param(
            {"thinking": {"type": "enabled", "budget_tokens": 20_000}},
            Reasoning("high"),
            {},
            id="Anthropic's, through a gateway",
        ),
        pytest.param(
            {"thinking": True}, Reasoning(), {"thinking": Extra(True, LOST)}, id="of another kind"
        ),
        pytest.param({"enable_thinking": False}, Reasoning("none"), {}, id="Qwen's"),
        pytest.param(
            {"chat_template_kwargs": {"enable_thinking": True, "x": 1}},
            Reasoning("medium"),
            {"chat_template_kwargs": Extra({"x": 1}, LOST)},
            id="vLLM's",
        ),
        pytest.param({"include_reasoning": False}, Reasoning(visible=False), {}, id="hidden"),
        pytest.param(
            {"reasoning_format": "hidden"}, Reasoning(visible=False), {}, id="Groq's hidden"
        ),
        pytest.param(
            {"reasoning_format": "parsed"},
            Reasoning(),
            {"reasoning_format": Extra("parsed", LOST)},
            id="Groq's other formats",
        ),
        pytest.param(
            {"reasoning_effort": "low", "thinking": {"type": "disabled"}},
            Reasoning("low"),
            {},
            id="the API's own field wins",
        ),
    ],
)
def test_the_effort_is_read(
    body: dict[str, Any], reasoning: Reasoning, extras: dict[str, Extra]
) -> None:
    assert decode_reasoning(body) == (reasoning, extras)


OLDER = Profile(efforts=("minimal", "low", "medium", "high"))


@pytest.mark.parametrize(
    "reasoning, profile, field, noted",
    [
        pytest.param(Reasoning(), None, None, [], id="nothing said"),
        pytest.param(Reasoning("xhigh"), None, "xhigh", [], id="the same word"),
        pytest.param(Reasoning("high", "adaptive"), None, "high", [], id="adaptive"),
        pytest.param(Reasoning(mode="adaptive"), None, None, [], id="adaptive, and no effort"),
        pytest.param(Reasoning(mode="enabled", budget=2_000), None, "low", [], id="a small budget"),
        pytest.param(Reasoning(mode="enabled", budget=9_000), None, "medium", [], id="a budget"),
        pytest.param(Reasoning(mode="enabled", budget=20_000), None, "high", [], id="a large one"),
        pytest.param(Reasoning(mode="enabled", budget=40_000), None, "xhigh", [], id="the largest"),
        pytest.param(Reasoning("low", "enabled", 40_000), None, "low", [], id="the effort wins"),
        pytest.param(Reasoning("high", "disabled"), None, "none", [], id="switched off"),
        pytest.param(
            Reasoning(mode="between_tools"), None, "none", ["thinking_mode_dropped"], id="between"
        ),
        pytest.param(Reasoning("max"), OLDER, "high", ["effort_clamped"], id="a level it lacks"),
        pytest.param(
            Reasoning("none"), OLDER, "minimal", ["effort_clamped"], id="as off as it gets"
        ),
        pytest.param(
            Reasoning("minimal"), COMPATIBLE[C], "low", ["effort_clamped"], id="compatible servers"
        ),
        pytest.param(
            Reasoning("none"), COMPATIBLE[C], None, ["effort_clamped"], id="get no off switch"
        ),
        pytest.param(Reasoning("high"), Profile(reasoning=()), None, [LOST], id="a plain model"),
        pytest.param(
            Reasoning("none"), Profile(reasoning=()), None, ["hint_dropped"], id="is off anyway"
        ),
        pytest.param(
            Reasoning("high"), Profile(efforts=()), None, ["effort_clamped"], id="no levels"
        ),
    ],
)
def test_the_effort_is_written(
    reasoning: Reasoning, profile: Profile | None, field: str | None, noted: list[str]
) -> None:
    ctx = context(A, C, profile)
    request = Request(A, "gpt-5.6", reasoning=reasoning)
    expected = {} if field is None else {"reasoning_effort": field}
    assert encode_reasoning(request, ctx) == expected
    assert codes(ctx) == noted


OFF = Reasoning(mode="disabled")
NESTED = replace(COMPATIBLE[C], effort_field="reasoning", efforts=LEVELS)


@pytest.mark.parametrize(
    "reasoning, profile, fields, noted",
    [
        pytest.param(
            Reasoning("low"), NESTED, {"reasoning": {"effort": "low"}}, [], id="within an object"
        ),
        pytest.param(OFF, NESTED, {"reasoning": {"effort": "none"}}, [], id="off there, by a word"),
        pytest.param(Reasoning(), NESTED, {}, [], id="nothing said there"),
        pytest.param(
            OFF,
            Profile(thinking_off="thinking"),
            {"thinking": {"type": "disabled"}},
            [],
            id="off, by a switch",
        ),
        pytest.param(
            OFF,
            replace(NESTED, thinking_off="reasoning"),
            {"reasoning": {"enabled": False}},
            [],
            id="by a switch in the object",
        ),
        pytest.param(
            OFF,
            Profile(thinking_off="chat_template_kwargs"),
            {"chat_template_kwargs": {"enable_thinking": False}},
            [],
            id="by the template",
        ),
        pytest.param(
            Reasoning("low"),
            Profile(thinking_off="thinking"),
            {"reasoning_effort": "low"},
            [],
            id="a switch is not for the other words",
        ),
        pytest.param(
            OFF,
            Profile(thinking_off="thinking", reasoning=()),
            {},
            ["hint_dropped"],
            id="nor for a model that does not think",
        ),
        pytest.param(
            Reasoning("max"),
            Profile(model_efforts=(("gpt-*", ("low", "high")),)),
            {"reasoning_effort": "high"},
            ["effort_clamped"],
            id="as the model has it",
        ),
        pytest.param(
            OFF,
            Profile(efforts=("low",), model_efforts=(("gpt-*", ("none",)),)),
            {"reasoning_effort": "none"},
            [],
            id="off, as this model alone has it",
        ),
    ],
)
def test_the_effort_in_other_spellings(
    reasoning: Reasoning, profile: Profile, fields: dict[str, Any], noted: list[str]
) -> None:
    ctx = context(A, C, profile)
    assert encode_reasoning(Request(A, "gpt-5.6", reasoning=reasoning), ctx) == fields
    assert codes(ctx) == noted


def test_the_model_that_answers_decides() -> None:
    ctx = context(A, C)
    ctx.model = "gpt-4.1"
    assert encode_reasoning(Request(A, "gpt-5", reasoning=Reasoning("high")), ctx) == {}


def test_whether_it_is_shown_is_told_to_the_clients_own_server_only() -> None:
    hidden = Reasoning(visible=False)
    assert encode_reasoning(Request(A, "m", reasoning=hidden), context(A, C)) == {}
    own = encode_reasoning(Request(C, "m", reasoning=hidden), context(C, C))
    assert own == {"include_reasoning": False}


@pytest.mark.parametrize(
    "reasoning, field",
    [
        pytest.param(Reasoning(visible=False), {"exclude": True}, id="hidden"),
        pytest.param(Reasoning("low", visible=True), {"effort": "low", "exclude": False}, id="not"),
        pytest.param(Reasoning("low"), {"effort": "low"}, id="nothing said of it"),
    ],
)
def test_whether_it_is_shown_stands_beside_the_effort(
    reasoning: Reasoning, field: dict[str, Any]
) -> None:
    request = Request(C, "m", reasoning=reasoning)
    assert encode_reasoning(request, context(C, C, NESTED)) == {"reasoning": field}
    assert decode_reasoning({"reasoning": field}) == (reasoning, {})


# --- fields

SIGNED = {"type": "reasoning.text", "text": "ab", "signature": "sig", "format": "f", "index": 0}


@pytest.mark.parametrize(
    "deltas, text, blocks",
    [
        pytest.param([{}], "", (), id="nothing"),
        pytest.param(
            [{"reasoning_content": "a"}, {"reasoning_content": "b"}, {"reasoning_content": None}],
            "ab",
            ({"field": "reasoning_content", "text": "ab"},),
            id="DeepSeek's",
        ),
        pytest.param(
            [{"reasoning": "a", "reasoning_content": ""}],
            "a",
            ({"field": "reasoning", "text": "a"},),
            id="newer vLLM's",
        ),
        pytest.param(
            [{"thinking": "a"}], "a", ({"field": "thinking", "text": "a"},), id="Ollama's"
        ),
        pytest.param(
            [{"reasoning_content": "a", "reasoning": "a"}],
            "a",
            ({"field": "reasoning_content", "text": "a"},),
            id="twice the same",
        ),
        pytest.param(
            [
                {
                    "reasoning": "a",
                    "reasoning_details": [{**SIGNED, "text": "a", "signature": None}],
                },
                {
                    "reasoning": "b",
                    "reasoning_details": [{**SIGNED, "text": "b", "signature": None}],
                },
                {"reasoning_details": [{**SIGNED, "text": ""}]},
            ],
            "ab",
            (
                {"field": "reasoning", "text": "ab"},
                {"field": "reasoning_details", "details": [SIGNED]},
            ),
            id="OpenRouter's, in fragments",
        ),
        pytest.param(
            [{"reasoning_details": [SIGNED]}],
            "ab",
            ({"field": "reasoning_details", "details": [SIGNED]},),
            id="in the details only",
        ),
        pytest.param(
            [{"reasoning": "ab"}, {"reasoning_details": [SIGNED]}],
            "ab",
            (
                {"field": "reasoning", "text": "ab"},
                {"field": "reasoning_details", "details": [SIGNED]},
            ),
            id="first in one, then again in the other",
        ),
        pytest.param(
            [
                {
                    "reasoning_details": [
                        {"type": "reasoning.summary", "summary": "s", "index": 0},
                        {"type": "reasoning.encrypted", "data": "d", "id": "1", "index": 0},
                        {"type": "reasoning.encrypted", "data": "e", "id": "2", "index": 0},
                        5,
                    ]
                }
            ],
            "s",
            (
                {
                    "field": "reasoning_details",
                    "details": [
                        {"type": "reasoning.summary", "summary": "s", "index": 0},
                        {"type": "reasoning.encrypted", "data": "d", "id": "1", "index": 0},
                        {"type": "reasoning.encrypted", "data": "e", "id": "2", "index": 0},
                    ],
                },
            ),
            id="ciphertexts are never joined",
        ),
        pytest.param([{"reasoning": {"a": 1}, "reasoning_details": {}}], "", (), id="odd types"),
        pytest.param(
            [{"reasoning": {"content": "a"}}, {"reasoning": {"content": "b"}}],
            "ab",
            ({"field": "reasoning", "text": "ab"},),
            id="in an object",
        ),
        pytest.param(
            [{"reasoning_text": "a"}, {"reasoning_text": "b"}, {"reasoning_opaque": "s1"}],
            "ab",
            (
                {"field": "reasoning_text", "text": "ab"},
                {"field": "reasoning_opaque", "value": "s1"},
            ),
            id="Copilot's",
        ),
        pytest.param(
            [{"reasoning_opaque": "s1"}, {"reasoning_opaque": ""}],
            "",
            ({"field": "reasoning_opaque", "value": "s1"},),
            id="state alone",
        ),
        pytest.param(
            [{"reasoning": "th"}, {"reasoning_content": "in"}, {"reasoning_content": "king"}],
            "thinking",
            ({"field": "reasoning_content", "text": "thinking"},),
            id="moved to another field",
        ),
        pytest.param(
            [{"reasoning": "the cat"}, {"reasoning_content": "the "}, {"reasoning_content": "dog"}],
            "the catthe dog",
            ({"field": "reasoning_content", "text": "the catthe dog"},),
            id="moved, and begun as before",
        ),
        pytest.param(
            [{"reasoning": "a"}, {"thinking": "a"}, {"reasoning": "b"}, {"thinking": "b"}],
            "ab",
            ({"field": "reasoning", "text": "ab"},),
            id="in turns twice the same",
        ),
        pytest.param(
            [{"reasoning": "a"}, {"reasoning": "b", "reasoning_content": "b"}],
            "ab",
            ({"field": "reasoning", "text": "ab"},),
            id="in a second field later on",
        ),
    ],
)
def test_reasoning_is_read_once_and_kept_verbatim(
    deltas: list[dict[str, Any]], text: str, blocks: tuple[Any, ...]
) -> None:
    fields = ReasoningFields()
    assert "".join(map(fields.read, deltas)) == text
    native = fields.native("up", "m")
    assert native == (Native(C, blocks, "up", "m") if blocks else None)
    state = any(key in str(blocks) for key in ("signature", "data", "opaque"))
    assert fields.has_state is state


def test_reasoning_that_follows_a_text_is_not_the_first_once_more() -> None:
    first = ReasoningFields()
    assert first.read({"reasoning": "a"}) == "a"
    second = first.following()
    assert second.read({"thinking": "a"}) == ""
    assert second.read({"thinking": "b"}) == "ab"
    third = second.following()
    assert (third.read({"reasoning": "c"}), third.field) == ("c", "reasoning")


def test_parts_of_the_content_are_joined() -> None:
    fields = ReasoningFields()
    pieces: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "a"}, 5, {"text": None}]},
        {"type": "thinking", "thinking": [{"type": "text", "text": "b"}], "closed": True},
        {"type": "thinking", "thinking": None},
    ]
    assert "".join(map(fields.read_part, pieces)) == "ab"
    whole = {"type": "thinking", "thinking": [{"type": "text", "text": "ab"}], "closed": True}
    assert fields.native() == Native(C, ({"field": "content", "details": [whole]},))


# --- histories

THINKING = Native(A, ({"type": "thinking", "thinking": "t", "signature": "s"},), "claude", "m")
REDACTED = Native(A, ({"type": "redacted_thinking", "data": "d"},), "claude", "m")
ITEM = Native(R, ({"type": "reasoning", "id": "rs_1", "summary": []},), "openai", "m")


@pytest.mark.parametrize(
    "part, entries",
    [
        pytest.param(
            ReasoningPart("t", THINKING),
            [{"type": "reasoning.text", "text": "t", "format": "anthropic-claude-v1", "index": 3}],
            id="thinking",
        ),
        pytest.param(
            ReasoningPart("", REDACTED),
            [{"type": "reasoning.encrypted", "format": "anthropic-claude-v1", "index": 3}],
            id="redacted thinking",
        ),
        pytest.param(
            ReasoningPart("s", ITEM),
            [
                {
                    "type": "reasoning.encrypted",
                    "id": "rs_1",
                    "format": "openai-responses-v1",
                    "index": 3,
                },
                {
                    "type": "reasoning.summary",
                    "summary": "s",
                    "format": "openai-responses-v1",
                    "index": 4,
                },
            ],
            id="a reasoning item",
        ),
        pytest.param(
            ReasoningPart("", ITEM),
            [
                {
                    "type": "reasoning.encrypted",
                    "id": "rs_1",
                    "format": "openai-responses-v1",
                    "index": 3,
                }
            ],
            id="a reasoning item without a summary",
        ),
    ],
)
def test_another_vendors_state_goes_through_sealed_and_comes_back(
    part: ReasoningPart, entries: list[dict[str, Any]]
) -> None:
    ctx = context(C, A)
    details = sealed_details(part, 3, ctx)
    assert all(is_sealed(details[0].get(key)) for key in ("signature", "data") if key in details[0])
    bare = [{k: v for k, v in e.items() if not is_sealed(v)} for e in details]
    assert bare == entries
    message = {"reasoning_content": part.text, "reasoning_details": details}
    assert decode_thoughts(message, "m", ctx) == [part]
    assert codes(ctx) == []


def test_nothing_to_carry_is_nothing() -> None:
    assert sealed_details(ReasoningPart("t"), 0, context(C, A)) == []
    too_large = Native(A, ({"type": "thinking", "thinking": "x" * 17_000_000},))
    ctx = context(C, A)
    assert sealed_details(ReasoningPart("t", too_large), 0, ctx) == []
    assert codes(ctx) == ["opaque_too_large"]


def test_a_servers_own_details_go_to_its_own_client_as_they_are() -> None:
    blocks = (
        {"field": "reasoning", "text": "ab"},
        {"field": "reasoning_details", "details": [SIGNED]},
    )
    part = ReasoningPart("ab", Native(C, blocks))
    assert sealed_details(part, 2, context(C, C)) == [{**SIGNED, "index": 2}]


def test_a_damaged_envelope_takes_its_text_with_it() -> None:
    ctx = context(C, A)
    details = sealed_details(ReasoningPart("t", THINKING), 0, ctx)
    details[0]["signature"] = details[0]["signature"][:-1] + "x"
    assert decode_thoughts({"reasoning_details": details}, "m", ctx) == []
    assert codes(ctx) == ["opaque_invalid"]


def test_state_made_elsewhere_beside_an_envelope_is_kept_apart() -> None:
    ctx = context(C, A)
    [sealed] = sealed_details(ReasoningPart("t", THINKING), 0, ctx)
    parts = decode_thoughts({"reasoning_details": [sealed, SIGNED]}, "m", ctx)
    foreign = Native(C, ({"field": "reasoning_details", "details": [SIGNED]},))
    assert parts == [ReasoningPart("t", THINKING), ReasoningPart("", foreign)]


@pytest.mark.parametrize(
    "message, text",
    [
        pytest.param({"reasoning_content": "t"}, "t", id="one field"),
        pytest.param({"reasoning": "t", "reasoning_details": [SIGNED]}, "t", id="two of them"),
        pytest.param({"content": [{"type": "thinking", "thinking": "t"}, "x"]}, "t", id="content"),
    ],
)
def test_a_history_gives_its_own_server_back_what_it_made(
    message: dict[str, Any], text: str
) -> None:
    [part] = decode_thoughts(message, "m", context(C, C))
    assert part.text == text
    written: dict[str, Any] = {}
    write_thoughts(written, [part], context(C, C), calls=False)
    content = [{"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}]
    assert written == ({"content": content} if "content" in message else message)


def test_several_thoughts_of_one_message_are_joined() -> None:
    parts = [
        ReasoningPart("a", Native(C, ({"field": "reasoning", "text": "a"},))),
        ReasoningPart(
            "b",
            Native(
                C,
                (
                    {"field": "reasoning", "text": "b"},
                    {"field": "reasoning_details", "details": [SIGNED]},
                ),
            ),
        ),
    ]
    written: dict[str, Any] = {}
    write_thoughts(written, parts, context(C, C), calls=False)
    assert written == {"reasoning": "ab", "reasoning_details": [SIGNED]}


@pytest.mark.parametrize(
    "profile, written, noted",
    [
        pytest.param(Profile(), {}, ["opaque_foreign"], id="no field for it"),
        pytest.param(
            Profile(reasoning_field="reasoning_content"), {"reasoning_content": "t"}, [], id="-"
        ),
        pytest.param(Profile(reasoning_field="reasoning"), {"reasoning": "t"}, [], id="another"),
        pytest.param(
            Profile(reasoning_field="reasoning_details"),
            {"reasoning_details": [{"type": "reasoning.text", "text": "t"}]},
            [],
            id="details",
        ),
    ],
)
def test_reasoning_that_nobody_signed_goes_into_the_servers_field(
    profile: Profile, written: dict[str, Any], noted: list[str]
) -> None:
    ctx = context(A, C, profile)
    message: dict[str, Any] = {}
    write_thoughts(message, [ReasoningPart("t")], ctx, calls=True)
    assert message == written
    assert codes(ctx) == noted


def test_anothers_reasoning_is_never_told() -> None:
    ctx = context(A, C, Profile(reasoning_field="reasoning"))
    message: dict[str, Any] = {}
    foreign = Native(C, ({"field": "reasoning", "text": "t"},), "elsewhere")
    parts = [ReasoningPart("t", THINKING, where="a"), ReasoningPart("t", foreign, where="b")]
    write_thoughts(message, parts, ctx, calls=False)
    assert message == {}
    assert codes(ctx) == ["opaque_foreign", "opaque_foreign"]


@pytest.mark.parametrize(
    "field, calls, message",
    [
        pytest.param("none", True, {"reasoning_content": ""}, id="DeepSeek's field, if only as it"),
        pytest.param("reasoning", True, {"reasoning": ""}, id="or the server's"),
        pytest.param("reasoning_details", True, {"reasoning_content": ""}, id="that holds text"),
        pytest.param("none", False, {}, id="but not without calls"),
    ],
)
def test_a_server_that_requires_the_field_gets_it(
    field: Any, calls: bool, message: dict[str, Any]
) -> None:
    profile = Profile(reasoning_field=field, reasoning_required=True)
    written: dict[str, Any] = {}
    write_thoughts(written, [], context(A, C, profile), calls=calls)
    assert written == message


# --- what stands beside a call and has to come back with it

EXTRA = {"google": {"thought_signature": "c2ln"}}
OFFERED = {"name": "f", "input_schema": {"type": "object"}}
HI = {"role": "user", "content": "hi"}


def gemini(client: Protocol, upstream: str = "g") -> Translator:
    return Translator(client, "openai_chat", upstream_id=upstream, key=b"k")


def answered(made: Translator, *, stream: bool) -> Json:
    """An answer with two calls, of which the first has something beside it."""
    calls: list[Json] = [
        {"id": f"call_{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        for n in (1, 2)
    ]
    calls[0]["extra_content"] = EXTRA
    if not stream:
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        return loads(made.response(dumps({"id": "1", "model": "g", "choices": [choice]})))
    delta = {"tool_calls": [{**call, "index": n} for n, call in enumerate(calls)]}
    choice = {"index": 0, "delta": delta, "finish_reason": "tool_calls"}
    chunk = b"data: " + dumps({"id": "1", "model": "g", "choices": [choice]}) + b"\n\n"
    made.stream(chunk + b"data: [DONE]\n\n")
    return made.told()


ASKS: dict[Protocol, Json] = {
    "anthropic_messages": {"model": "m", "max_tokens": 9, "messages": [HI], "tools": [OFFERED]},
    "openai_responses": {"model": "m", "input": [HI]},
}


def again(client: Protocol, answer: Json) -> Json:
    """The app's next request."""
    if client == "anthropic_messages":
        results = [
            {"type": "tool_result", "tool_use_id": f"call_{n}", "content": "ok"} for n in (1, 2)
        ]
        said = {"role": "assistant", "content": answer["content"]}
        return {**ASKS[client], "messages": [HI, said, {"role": "user", "content": results}]}
    outputs = [
        {"type": "function_call_output", "call_id": f"call_{n}", "output": "ok"} for n in (1, 2)
    ]
    return {"model": "m", "input": [HI, *answer["output"], *outputs]}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("client", list(ASKS))
def test_what_stands_beside_a_call_comes_back_with_it(client: Protocol, stream: bool) -> None:
    first = gemini(client)
    first.request(dumps(ASKS[client]))
    answer = answered(first, stream=stream)
    assert "c2ln" not in str(answer), "sealed"
    second = gemini(client)
    sent = loads(second.request(dumps(again(client, answer))))
    (said,) = [m for m in sent["messages"] if m["role"] == "assistant"]
    assert [call.get("extra_content") for call in said["tool_calls"]] == [EXTRA, None]
    assert not {"reasoning_content", "reasoning_details"} & said.keys() and not second.notes
    other = gemini(client, "another")
    assert "c2ln" not in other.request(dumps(again(client, answer))).decode()
    assert "opaque_foreign" in [note.code for note in other.notes]


@pytest.mark.parametrize("client", list(ASKS))
def test_copilots_state_comes_back_beside_its_text(client: Protocol) -> None:
    first = gemini(client)
    first.request(dumps(ASKS[client]))
    function = {"name": "f", "arguments": "{}"}
    calls = [{"id": f"call_{n}", "type": "function", "function": function} for n in (1, 2)]
    thought = {"reasoning_text": "hm", "reasoning_opaque": "c2ln"}
    message = {"role": "assistant", "content": "ok", "tool_calls": calls, **thought}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    answer = loads(first.response(dumps({"id": "1", "model": "g", "choices": [choice]})))
    second = gemini(client)
    sent = loads(second.request(dumps(again(client, answer))))
    (told,) = [m for m in sent["messages"] if m["role"] == "assistant"]
    assert thought.items() <= told.items() and not second.notes
    other = gemini(client, "another")
    assert "c2ln" not in other.request(dumps(again(client, answer))).decode()
    assert "opaque_foreign" in [note.code for note in other.notes]


def test_a_reading_of_the_answer_has_it_where_it_was() -> None:
    native = extra_state(EXTRA, "g", "m")
    call = ToolCallPart("call_1", "f", "{}")
    message: Json = {"content": None, "tool_calls": [{"id": "call_1"}, {"id": "call_2"}]}
    keep_spelling(message, [call, ReasoningPart("", native), replace(call, id="call_2")])
    assert message["tool_calls"] == [{"id": "call_1"}, {"id": "call_2", "extra_content": EXTRA}]
    keep_spelling(alone := {"content": "a"}, [ReasoningPart("", native)])
    assert alone == {"content": "a"}
