"""Request bodies: each field of the API, and those only gateways know."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.context import Context, context
from bridge.transform.families import COMPATIBLE
from bridge.transform.json_text import dumps
from bridge.transform.model import (
    Base64Source,
    CacheMark,
    DocumentPart,
    Extra,
    ImagePart,
    Message,
    Native,
    OutputFormat,
    Part,
    Protocol,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    UrlSource,
)
from bridge.transform.notes import TransformError
from bridge.transform.openai_chat import decode_request, encode_request
from bridge.transform.profile import ALL, Profile

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
HI: list[Any] = [{"role": "user", "content": "hi"}]
TURNS = (Message("user", (TextPart("hi"),)),)
OPEN = Profile()  # takes everything


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def decode(**fields: Any) -> Request:
    return decode_request({"model": "m", "messages": HI, **fields}, context(C, C))


def encode(
    profile: Profile | None = OPEN, client: Protocol = A, **fields: Any
) -> tuple[dict[str, Any], list[str]]:
    """What is said besides model and messages."""
    ctx = context(client, C, profile)
    body = encode_request(Request(client, "m", TURNS, **fields), ctx)
    return {k: v for k, v in body.items() if k not in ("model", "messages")}, codes(ctx)


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
CLOSED = {**SCHEMA, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(
    "fields, expected",
    [
        pytest.param({}, {}, id="nothing but messages"),
        pytest.param(
            {"max_completion_tokens": 5}, {"max_tokens": 5}, id="trap 38: the newer limit"
        ),
        pytest.param({"max_tokens": 5}, {"max_tokens": 5}, id="trap 38: the older limit"),
        pytest.param(
            {"max_completion_tokens": 5, "max_tokens": 9}, {"max_tokens": 5}, id="the newer wins"
        ),
        pytest.param({"max_tokens": 100.0}, {"max_tokens": 100}, id="a limit somebody computed"),
        pytest.param(
            {"temperature": 1, "top_p": 0.5, "top_k": 4},
            {"temperature": 1, "top_p": 0.5, "top_k": 4},
            id="sampling",
        ),
        pytest.param({"stop": "END"}, {"stop": ("END",)}, id="one stop sequence"),
        pytest.param({"stop": ["a", "b"]}, {"stop": ("a", "b")}, id="several"),
        pytest.param({"stop": None, "temperature": None, "tools": None}, {}, id="nulls are absent"),
        pytest.param({"stream": True}, {"stream": True}, id="a stream"),
        pytest.param(
            {"stream": True, "stream_options": {"include_usage": True}},
            {"stream": True, "include_usage": True},
            id="with usage",
        ),
        pytest.param(
            {"stream_options": {"include_obfuscation": False}},
            {"extras": {"stream_options": Extra({"include_obfuscation": False}, "hint_dropped")}},
            id="other options of streams",
        ),
        pytest.param({"user": "u"}, {"user": "u"}, id="who it is for"),
        pytest.param({"safety_identifier": "s"}, {"user": "s"}, id="by the newer name"),
        pytest.param(
            {"safety_identifier": "s", "user": "u"},
            {"user": "s", "extras": {"user": Extra("u", "hint_dropped")}},
            id="by both",
        ),
        pytest.param({"safety_identifier": "s", "user": "s"}, {"user": "s"}, id="both the same"),
        pytest.param({"service_tier": "flex"}, {"service_tier": "flex"}, id="the tier"),
        pytest.param(
            {"reasoning_effort": "low", "include_reasoning": False},
            {"reasoning": Reasoning("low", visible=False)},
            id="reasoning",
        ),
        pytest.param(
            {"response_format": {"type": "text"}},
            {"output_format": OutputFormat("text")},
            id="text",
        ),
        pytest.param(
            {"response_format": {"type": "json_object"}},
            {"output_format": OutputFormat("json_object")},
            id="JSON",
        ),
        pytest.param(
            {"response_format": {"type": "json_object", "schema": SCHEMA}},
            {"output_format": OutputFormat("json_schema", SCHEMA)},
            id="JSON with a schema (llama.cpp)",
        ),
        pytest.param(
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": "n",
                        "description": "d",
                        "schema": SCHEMA,
                        "strict": True,
                    },
                }
            },
            {"output_format": OutputFormat("json_schema", SCHEMA, "n", "d", True)},
            id="a schema",
        ),
        pytest.param(
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}},
            {"output_format": OutputFormat("json_schema", {"type": "object"}, "n")},
            id="a schema that is only named",
        ),
        pytest.param(
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
            {"output_format": OutputFormat("json_schema", {})},
            id="a schema that takes anything",
        ),
        pytest.param(
            {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto"},
            {"tools": (Tool("f"),), "tool_choice": ToolChoice("auto")},
            id="tools",
        ),
        pytest.param(
            {"parallel_tool_calls": False}, {"parallel_tool_calls": False}, id="one call at a time"
        ),
        pytest.param(
            {"functions": [{"name": "f"}], "function_call": {"name": "f"}},
            {
                "tools": (Tool("f"),),
                "tool_choice": ToolChoice("tool", "f"),
                "parallel_tool_calls": False,
                "legacy_functions": True,
            },
            id="the older form",
        ),
        pytest.param(
            {"seed": 1, "logprobs": True, "top_logprobs": 2, "verbosity": "low"},
            {
                "extras": {
                    "seed": Extra(1, "sampling_dropped"),
                    "logprobs": Extra(True, "logprobs_dropped"),
                    "top_logprobs": Extra(2, "logprobs_dropped"),
                    "verbosity": Extra("low", "verbosity_dropped"),
                }
            },
            id="fields without a counterpart",
        ),
        pytest.param(
            {"provider": {"order": ["x"]}},
            {"extras": {"provider": Extra({"order": ["x"]}, "field_dropped")}},
            id="fields of gateways",
        ),
        pytest.param(
            {"n": 1, "logprobs": False, "modalities": ["text"], "store": False, "logit_bias": {}},
            {},
            id="defaults, said aloud",
        ),
        pytest.param({"n": 2}, {"extras": {"n": Extra(2, "n_unsupported")}}, id="several answers"),
        pytest.param(
            {"modalities": ["text", "audio"], "audio": {"voice": "ash"}},
            {
                "extras": {
                    "modalities": Extra(["text", "audio"], "audio_unsupported"),
                    "audio": Extra({"voice": "ash"}, "audio_unsupported"),
                }
            },
            id="spoken answers",
        ),
    ],
)
def test_a_field_is_read(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert decode(**fields) == Request(C, "m", TURNS, **expected)


def test_azure_has_the_model_in_the_url_and_the_body_stays_at_hand() -> None:
    body = {"messages": HI}
    request = decode_request(body, context(C, C))
    assert request.model == "" and request.raw is body
    assert "model" not in encode_request(request, context(C, C))


@pytest.mark.parametrize(
    "fields, where, problem",
    [
        pytest.param({"messages": None}, "messages", "missing", id="no messages"),
        pytest.param(
            {"temperature": "hot"}, "temperature", "must be a number, not a string", id="a word"
        ),
        pytest.param(
            {"max_tokens": 0.5}, "max_tokens", "must be an integer, not a number", id="half"
        ),
        pytest.param({"max_tokens": -1}, "max_tokens", "must be 0 or more, not -1", id="negative"),
        pytest.param({"stop": [1]}, "stop[0]", "must be a string, not an integer", id="a number"),
        pytest.param({"stop": 1}, "stop", "must be a list, not an integer", id="no list"),
        pytest.param({"stream": "yes"}, "stream", "must be true or false, not a string", id="yes"),
        pytest.param(
            {"response_format": {"type": "xml"}},
            "response_format.type",
            '"xml" is not one of text, json_object, json_schema',
            id="a format",
        ),
        pytest.param(
            {"response_format": {"type": "json_schema"}},
            "response_format.json_schema",
            "missing",
            id="no schema",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(fields: dict[str, Any], where: str, problem: str) -> None:
    with pytest.raises(TransformError) as raised:
        decode(**fields)
    assert (raised.value.where, raised.value.problem) == (where, problem)


def test_a_body_is_an_object() -> None:
    with pytest.raises(TransformError, match="the body must be an object"):
        decode_request([], context(C, C))


LONG = "x" * 65
F = Tool("f", None, SCHEMA)
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}


@pytest.mark.parametrize(
    "fields, body, noted",
    [
        pytest.param({}, {}, [], id="nothing said"),
        pytest.param({"max_tokens": 5}, {"max_completion_tokens": 5}, [], id="trap 38: the limit"),
        pytest.param(
            {"stream": True},
            {"stream": True, "stream_options": {"include_usage": True}},
            [],
            id="streams always count",
        ),
        pytest.param({"stop": ("a",)}, {"stop": ["a"]}, [], id="trap 39: stop is a list"),
        pytest.param(
            {"stop": tuple("abcde")}, {"stop": list("abcd")}, ["stop_truncated"], id="of four"
        ),
        pytest.param(
            {"temperature": 0.0, "top_p": 0.5},
            {"temperature": 0.0, "top_p": 0.5},
            [],
            id="sampling",
        ),
        pytest.param({"top_k": 4}, {}, ["sampling_dropped"], id="but for top_k"),
        pytest.param({"tools": (F,)}, {"tools": [FUNCTION]}, [], id="tools"),
        pytest.param(
            {
                "tools": (F,),
                "tool_choice": ToolChoice("required"),
                "parallel_tool_calls": False,
            },
            {"tools": [FUNCTION], "tool_choice": "required", "parallel_tool_calls": False},
            [],
            id="a choice",
        ),
        pytest.param({"parallel_tool_calls": False}, {}, [], id="no tools, no calls"),
        pytest.param({"user": "u"}, {"safety_identifier": "u"}, [], id="who it is for"),
        pytest.param(
            {"user": LONG},
            {"safety_identifier": hashlib.sha256(LONG.encode()).hexdigest()},
            [],
            id="a long name is hashed",
        ),
        pytest.param({"service_tier": "default"}, {"service_tier": "default"}, [], id="the tier"),
        pytest.param(
            {"service_tier": "ultrafast"},
            {"service_tier": "priority"},
            ["tier_dropped"],
            id="a tier of Responses",
        ),
        pytest.param(
            {"reasoning": Reasoning("low")}, {"reasoning_effort": "low"}, [], id="the effort"
        ),
        pytest.param(
            {"output_format": OutputFormat("json_object")},
            {"response_format": {"type": "json_object"}},
            [],
            id="JSON",
        ),
        pytest.param(
            {"output_format": OutputFormat("json_schema", CLOSED)},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "response", "schema": CLOSED, "strict": True},
                }
            },
            [],
            id="a schema is enforced",
        ),
        pytest.param(
            {"output_format": OutputFormat("json_schema", SCHEMA)},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "response", "schema": SCHEMA, "strict": False},
                }
            },
            ["strict_downgraded"],
            id="where OpenAI can",
        ),
        pytest.param(
            {
                "extras": {
                    "container": Extra("c", "field_dropped"),
                    "speed": Extra(1, "speed_dropped"),
                }
            },
            {},
            ["field_dropped", "speed_dropped"],
            id="fields only Anthropic has",
        ),
        pytest.param({"cache": CacheMark()}, {}, [], id="caching is on by itself"),
    ],
)
def test_a_field_of_an_anthropic_client_is_written(
    fields: dict[str, Any], body: dict[str, Any], noted: list[str]
) -> None:
    assert encode(**fields) == (body, noted)


def test_a_cache_cannot_be_filled_without_an_answer() -> None:
    with pytest.raises(TransformError) as raised:
        encode(max_tokens=0)
    assert raised.value.code == "prewarm_unsupported"


def test_a_field_that_demands_what_there_is_not_is_refused() -> None:
    with pytest.raises(TransformError) as raised:
        encode(extras={"n": Extra(2, "n_unsupported")})
    assert (raised.value.where, raised.value.code) == ("n", "n_unsupported")


@pytest.mark.parametrize(
    "name, value",
    [
        pytest.param("metadata", {"a": "b"}, id="metadata"),
        pytest.param("prompt_cache_key", "k", id="the cache key"),
        pytest.param("prompt_cache_options", {"mode": "explicit", "ttl": "30m"}, id="its options"),
        pytest.param("stream_options", {"include_obfuscation": False}, id="stream options"),
        pytest.param("logprobs", True, id="probabilities"),
    ],
)
def test_openais_two_protocols_share_fields(name: str, value: Any) -> None:
    body, noted = encode(client=R, extras={name: Extra(value, "hint_dropped")})
    assert (body, noted) == ({name: value}, [])


def test_what_responses_keeps_longer_is_kept_as_long_as_can_be_said() -> None:
    options = Extra({"mode": "implicit", "ttl": "12h"}, "hint_dropped")
    body, noted = encode(client=R, extras={"prompt_cache_options": options})
    assert (body, noted) == ({"prompt_cache_options": {"mode": "implicit"}}, ["hint_dropped"])


def test_what_a_responses_client_has_kept_is_not_kept_at_the_vendor() -> None:
    body, noted = encode(client=R, extras={"store": Extra(True, "hint_dropped")})
    assert (body, noted) == ({}, ["hint_dropped"])


@pytest.mark.parametrize("client, where", [(R, "input"), (A, "messages")])
def test_there_has_to_be_something_to_answer(client: Protocol, where: str) -> None:
    with pytest.raises(TransformError) as raised:
        encode_request(Request(client, "m"), context(client, C))
    assert raised.value.where == where


def test_top_logprobs_need_logprobs() -> None:
    body, _ = encode(client=R, extras={"top_logprobs": Extra(2, "logprobs_dropped")})
    assert body == {"logprobs": True, "top_logprobs": 2}


@pytest.mark.parametrize(
    "model, stop, temperature",
    [
        pytest.param("gpt-4.1", ["a"], 0.5, id="a plain model"),
        pytest.param("gpt-5.6", None, None, id="a reasoning model"),
        pytest.param("gpt-5-chat-latest", ["a"], 0.5, id="its chat variant"),
        pytest.param("o4-mini", None, None, id="an older reasoning model"),
    ],
)
def test_openais_reasoning_models_take_neither_stop_nor_sampling(
    model: str, stop: Any, temperature: float | None
) -> None:
    ctx = context(A, C)
    ctx.model = model
    extras = {"logit_bias": Extra({"1": 1}, "sampling_dropped"), "seed": Extra(1, "-")}
    request = Request(C, "m", TURNS, temperature=0.5, stop=("a",), extras=extras)
    body = encode_request(request, ctx)
    assert (body["model"], body.get("stop"), body.get("temperature")) == (model, stop, temperature)
    assert ("logit_bias" in body) is (stop is not None) and body["seed"] == 1
    assert codes(ctx) == (
        ["sampling_dropped", "stop_unsupported", "sampling_dropped"] if not stop else []
    )


def test_compatible_servers_get_only_what_all_of_them_know() -> None:
    body, noted = encode(
        COMPATIBLE[C],
        client=C,
        max_tokens=5,
        stream=True,
        include_usage=True,
        user="u",
        service_tier="auto",
        temperature=0.5,
        top_k=4,
        reasoning=Reasoning("max"),
        extras={
            "store": Extra(True, "metadata_dropped"),
            "verbosity": Extra("low", "verbosity_dropped"),
            "min_p": Extra(0.1, "sampling_dropped"),
        },
    )
    assert body == {
        "max_tokens": 5,
        "temperature": 0.5,
        "top_k": 4,
        "reasoning_effort": "high",
        "stream": True,
        "stream_options": {"include_usage": True},
        "min_p": 0.1,
    }
    assert noted == ["effort_clamped", *["hint_dropped"] * 4]


def test_a_server_without_usage_in_streams_is_not_asked_for_it() -> None:
    assert encode(Profile(stream_usage=False), stream=True) == ({"stream": True}, [])


def test_a_server_with_top_k_gets_it() -> None:
    assert encode(Profile(top_k=True), top_k=4) == ({"top_k": 4}, [])


@pytest.mark.parametrize(
    "flags, told, written",
    [
        pytest.param(
            {"effort_field": "reasoning"},
            {"reasoning": {"effort": "low", "summary": "auto"}},
            {"reasoning": {"effort": "low", "summary": "auto"}},
            id="a word",
        ),
        pytest.param(
            {"thinking_off": "chat_template_kwargs"},
            {"reasoning_effort": "none", "chat_template_kwargs": {"x": 1}},
            {"chat_template_kwargs": {"enable_thinking": False, "x": 1}},
            id="a switch",
        ),
        pytest.param(
            {"thinking_off": "thinking"},
            {"reasoning_effort": "none", "thinking": True},
            {"thinking": True},
            id="something that is no object",
        ),
    ],
)
def test_what_a_client_says_beside_the_effort_is_kept(
    flags: dict[str, Any], told: dict[str, Any], written: dict[str, Any]
) -> None:
    request = decode(**told)
    body = encode_request(request, context(C, C, replace(OPEN, **flags)))
    assert {k: v for k, v in body.items() if k not in ("model", "messages")} == written


def test_the_older_form_is_written_for_its_own_clients() -> None:
    body = {
        "model": "m",
        "messages": HI,
        "functions": [{"name": "f", "parameters": SCHEMA}],
        "function_call": {"name": "f"},
    }
    assert encode_request(decode_request(body, context(C, C)), context(C, C, OPEN)) == body
    auto = {**body, "function_call": "auto"}
    assert encode_request(decode_request(auto, context(C, C)), context(C, C, OPEN)) == auto


def test_a_clients_own_format_comes_out_as_it_went_in() -> None:
    for schema in ({"schema": SCHEMA}, {"name": "n", "schema": SCHEMA, "strict": True}):
        body = {
            "model": "m",
            "messages": HI,
            "response_format": {"type": "json_schema", "json_schema": schema},
        }
        assert encode_request(decode_request(body, context(C, C)), context(C, C, OPEN)) == body


def test_web_search_is_a_field_of_its_own() -> None:
    body = {"model": "m", "messages": HI, "web_search_options": {"search_context_size": "low"}}
    assert encode_request(decode_request(body, context(C, C)), context(C, C, OPEN)) == body


# --- laws

names = st.text("abcdefghijklmnopqrstuvwxyz_-0123456789", min_size=1, max_size=10)
texts = st.text(max_size=12)
spoken = st.text(min_size=1, max_size=12)
marks = st.none() | st.builds(CacheMark, st.sampled_from([None, "30m", "12h", "5m", "1h"]))
sources = st.builds(
    Base64Source, st.sampled_from(["image/png", "application/pdf"]), st.just("AA==")
)
user_parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, spoken, cache=marks),
    st.builds(
        ImagePart, sources | st.builds(UrlSource, st.just("https://a.example/x")), cache=marks
    ),
    st.builds(DocumentPart, sources, title=st.none() | names, cache=marks),
)
reasoning_parts = st.builds(
    lambda text: ReasoningPart(text, Native(C, ({"field": "reasoning_content", "text": text},))),
    spoken,
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Message, ...]:
    turns: list[Message] = (
        [Message("system", (TextPart(draw(spoken)),))] if draw(st.booleans()) else []
    )
    number = 0
    for _ in range(draw(st.integers(1, 3))):
        turns.append(Message("user", tuple(draw(st.lists(user_parts, max_size=3)))))
        calls: list[Part] = []
        results: list[Part] = []
        for _ in range(draw(st.integers(0, 2))):
            number += 1
            arguments = dumps(draw(st.dictionaries(names, texts))).decode()
            calls.append(ToolCallPart(f"call_{number}", draw(names), arguments))
            answer = tuple(TextPart(t) for t in draw(st.lists(spoken, max_size=2)))
            failed = bool(answer) and draw(st.booleans())
            results.append(ToolResultPart(f"call_{number}", answer, failed))
        said: list[Part] = [TextPart(t) for t in draw(st.lists(spoken, max_size=2))]
        refusal: list[Part] = [RefusalPart(t) for t in draw(st.lists(spoken, max_size=1))]
        thoughts = draw(st.lists(reasoning_parts, max_size=1))
        turns.append(Message("assistant", (*thoughts, *said, *refusal, *calls)))
        if results:
            turns.append(Message("tool", tuple(results)))
    return tuple(turns)


requests = st.builds(
    Request,
    st.just(C),
    names,
    histories(),
    tools=st.lists(
        st.builds(
            Tool, names, st.none() | texts, st.just(SCHEMA), strict=st.none() | st.booleans()
        ),
        max_size=2,
    ).map(tuple),
    parallel_tool_calls=st.none() | st.booleans(),
    max_tokens=st.none() | st.integers(1, 9999),
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    stop=st.lists(spoken, max_size=4).map(tuple),
    reasoning=st.builds(Reasoning, st.sampled_from([None, "none", "low", "max"])),
    stream=st.booleans(),
    include_usage=st.booleans(),
    user=st.none() | spoken,
    service_tier=st.sampled_from([None, "auto", "flex"]),
    extras=st.dictionaries(
        st.sampled_from(["x_odd", "provider"]),
        st.builds(Extra, st.just(1), st.just("field_dropped")),
    ),
)


WEB = Tool("web_search", kind="hosted", native=Native(A, ({"type": "web_search_20250305"},)))
OWN_WEB = Tool("web_search", kind="hosted", native=Native(C, ({"web_search_options": {}},)))


@pytest.mark.parametrize(
    "client, tools, told",
    [
        pytest.param(A, (WEB,), True, id="all of them"),
        pytest.param(A, (WEB, Tool("f")), False, id="but one"),
        pytest.param(A, (), False, id="of none"),
        pytest.param(C, (OWN_WEB,), False, id="but not where the search is a field"),
    ],
)
def test_trap_31_a_model_is_told_that_its_tools_are_gone(
    client: Protocol, tools: tuple[Tool, ...], told: bool
) -> None:
    body = encode_request(Request(client, "m", TURNS, tools), context(client, C))
    said = [m["content"] for m in body["messages"] if m["role"] == "system"]
    assert ["web_search" in text for text in said] == ([True] if told else [])
    assert body.get("tools") != []


@given(requests)
def test_what_is_written_is_read_the_same(request: Request) -> None:
    ctx = context(C, C, OPEN)
    assert decode_request(encode_request(request, ctx), ctx) == request
    assert codes(ctx) == []


@given(
    histories(),
    st.sampled_from(
        [None, COMPATIBLE[C], Profile(stop=ALL, tool_images=True), Profile(short_call_ids=True)]
    ),
)
def test_a_longer_history_only_appends(turns: tuple[Message, ...], profile: Profile | None) -> None:
    def written(upto: int) -> Any:
        request = Request(A, "m", turns[:upto])
        return encode_request(request, context(A, C, profile))["messages"]

    whole = written(len(turns))
    ends = [n for n, turn in enumerate(turns) if turn.role != "assistant"]
    for end in ends:
        begun = written(end + 1)
        assert whole[: len(begun)] == begun


words = st.sampled_from(
    """
    role user assistant tool system function content text type image_url url file file_data input
    tool_calls id name arguments custom tools parameters tool_choice reasoning thinking stop
    reasoning_details signature data cache_control response_format json_schema schema images
    """.split()
)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=15,
)


@given(any_json)
def test_any_json_is_read_or_its_fault_is_named(body: Any) -> None:
    for candidate in (body, {"messages": body}, {"messages": [body]}):
        try:
            decode_request(candidate, context(C, C))
        except TransformError as error:
            assert error.problem


@given(
    st.dictionaries(
        words | st.sampled_from(["functions", "function_call", "stream_options"]), any_json
    )
)
def test_any_fields_are_read_or_their_fault_is_named(body: dict[str, Any]) -> None:
    try:
        request = decode_request({**body, "messages": HI}, context(C, C))
    except TransformError as error:
        assert error.where
        return
    try:
        encode_request(request, context(C, C))
    except TransformError as error:
        assert error.code


JSON_OBJECT, ANY = {"type": "json_object"}, {"name": "response", "schema": {"type": "object"}}


@pytest.mark.parametrize(
    "kind, takes, form, noted",
    [
        pytest.param(
            "json_object",
            {"json_schema"},
            {"type": "json_schema", "json_schema": ANY},
            [],
            id="a schema of any object says the same",
        ),
        pytest.param(
            "json_schema",
            {"json_object"},
            JSON_OBJECT,
            ["json_mode_prompted"],
            id="any object, and the schema in words",
        ),
        pytest.param("json_object", set(), None, ["json_mode_prompted"], id="words alone"),
        pytest.param("json_schema", set(), None, ["json_mode_prompted"], id="a schema in words"),
        pytest.param("text", set(), {"type": "text"}, [], id="text is always taken"),
    ],
)
def test_a_form_is_asked_for_as_the_server_takes_it(
    kind: Any, takes: set[str], form: Any, noted: list[str]
) -> None:
    taken = {name: name in takes for name in ("json_schema", "json_object")}
    ctx = context(R, C, replace(OPEN, **taken))
    wanted = OutputFormat(kind, SCHEMA if kind == "json_schema" else None)
    body = encode_request(Request(R, "m", TURNS, output_format=wanted), ctx)
    assert (body.get("response_format"), codes(ctx)) == (form, noted)
    told = [m["content"] for m in body["messages"] if m["role"] == "system"]
    assert len(told) == len(noted) and all("JSON" in text for text in told)
