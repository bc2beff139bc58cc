"""Request bodies: each field of the API, and what becomes of other clients' fields."""

import hashlib
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
    EffortPart,
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
    ToolChangePart,
    ToolChoice,
    ToolResultPart,
    UrlSource,
)
from bridge.transform.notes import CODES, ERRORS, TransformError
from bridge.transform.openai_responses.request import EXTRAS, decode_request, encode_request
from bridge.transform.profile import Profile
from tests.transform.sdks import request_faults

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
TURNS = (Message("user", (TextPart("hi"),)),)
OPEN = Profile()  # takes everything
ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def decode(**fields: Any) -> Request:
    return decode_request({"model": "m", "input": "hi", **fields}, context(R, R))


def encode(
    profile: Profile | None = OPEN, client: Protocol = A, **fields: Any
) -> tuple[dict[str, Any], list[str]]:
    """What is said besides model and input, and what is always said."""
    ctx = context(client, R, profile)
    body = encode_request(Request(client, "m", TURNS, **fields), ctx)
    same = ("model", "input", "store") if body.get("store") is False else ("model", "input")
    said = {k: v for k, v in body.items() if k not in same}
    if said.get("include") == [ENCRYPTED]:
        del said["include"]
    return said, codes(ctx)


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
CLOSED = {**SCHEMA, "required": ["a"], "additionalProperties": False}


def extra(name: str, value: Any, code: str) -> dict[str, Any]:
    return {"extras": {name: Extra(value, code)}}


def update(**fields: Any) -> dict[str, Any]:
    return {"type": "configuration_update", **fields}


JSON_SCHEMA = {
    "type": "json_schema",
    "name": "n",
    "description": "d",
    "schema": SCHEMA,
    "strict": True,
}


@pytest.mark.parametrize(
    "fields, expected",
    [
        pytest.param({}, {}, id="nothing but input"),
        pytest.param({"max_output_tokens": 50}, {"max_tokens": 50}, id="trap 38: the limit"),
        pytest.param({"max_output_tokens": 50.0}, {"max_tokens": 50}, id="one somebody computed"),
        pytest.param(
            {"temperature": 1, "top_p": 0.5}, {"temperature": 1, "top_p": 0.5}, id="sampling"
        ),
        pytest.param(
            {"temperature": None, "tools": None, "text": None, "prompt": None, "include": None},
            {},
            id="nulls are absent",
        ),
        pytest.param({"stream": True}, {"stream": True}, id="a stream"),
        pytest.param(
            {"parallel_tool_calls": False}, {"parallel_tool_calls": False}, id="one call at a time"
        ),
        pytest.param({"user": "u"}, {"user": "u"}, id="who it is for"),
        pytest.param({"safety_identifier": "s"}, {"user": "s"}, id="by the newer name"),
        pytest.param(
            {"safety_identifier": "s", "user": "u"},
            {"user": "s", **extra("user", "u", "hint_dropped")},
            id="by both",
        ),
        pytest.param({"safety_identifier": "s", "user": "s"}, {"user": "s"}, id="both the same"),
        pytest.param({"service_tier": "ultrafast"}, {"service_tier": "ultrafast"}, id="the tier"),
        pytest.param(
            {"reasoning": {"effort": "low", "summary": "auto"}},
            {"reasoning": Reasoning("low", visible=True)},
            id="reasoning",
        ),
        pytest.param(
            {"reasoning": {"context": "all_turns"}},
            extra("reasoning", {"context": "all_turns"}, "reasoning_option_dropped"),
            id="what of it is kept",
        ),
        pytest.param(
            {"text": {"format": {"type": "text"}}},
            {"output_format": OutputFormat("text")},
            id="text",
        ),
        pytest.param(
            {"text": {"format": {"type": "json_object"}, "verbosity": "low"}},
            {
                "output_format": OutputFormat("json_object"),
                **extra("verbosity", "low", "verbosity_dropped"),
            },
            id="JSON, and not much of it",
        ),
        pytest.param(
            {"text": {"format": JSON_SCHEMA}},
            {"output_format": OutputFormat("json_schema", SCHEMA, "n", "d", True)},
            id="a schema",
        ),
        pytest.param(
            {
                "text": {"format": JSON_SCHEMA},
                "input": [
                    {"role": "user", "content": "hi"},
                    update(text={"format": {"type": "json_object"}}),
                    update(text={"format": {"type": "text"}}),
                    update(reasoning={"effort": None}),
                ],
            },
            {"output_format": OutputFormat("text")},
            id="the last word on it",
        ),
        pytest.param({"text": {"odd": 1}}, extra("text", {"odd": 1}, "field_dropped"), id="odd"),
        pytest.param(
            {"tools": [{"type": "function", "name": "f"}], "tool_choice": "auto"},
            {"tools": (Tool("f"),), "tool_choice": ToolChoice("auto")},
            id="tools",
        ),
        pytest.param({"include": [ENCRYPTED]}, {}, id="state is always given"),
        pytest.param(
            {"include": [ENCRYPTED, LOGPROBS, "web_search_call.action.sources"]},
            {
                "extras": {
                    "logprobs": Extra(True, "logprobs_dropped"),
                    "include": Extra(["web_search_call.action.sources"], "hint_dropped"),
                }
            },
            id="other things are not",
        ),
        pytest.param(
            {"prompt_cache_options": {"mode": "explicit", "ttl": "12h", "prewarm": False}},
            extra("prompt_cache_options", {"mode": "explicit", "ttl": "12h"}, "hint_dropped"),
            id="caching",
        ),
        pytest.param(
            {"prompt_cache_options": {"comparison_response_id": "resp_1"}},
            extra("comparison_response_id", "resp_1", "hint_dropped"),
            id="its diagnostics",
        ),
        pytest.param(
            {"prompt_cache_options": {"prewarm": True}, "max_output_tokens": 50},
            {"max_tokens": 0},
            id="a cache to be filled wants no answer",
        ),
        pytest.param(
            {"background": False, "store": False, "truncation": "disabled", "top_logprobs": 0},
            {},
            id="defaults, said aloud",
        ),
        pytest.param({"store": True}, extra("store", True, "hint_dropped"), id="to be kept"),
        pytest.param(
            {"client_metadata": {"turn": "1"}},
            extra("client_metadata", {"turn": "1"}, "hint_dropped"),
            id="what an agent tells its vendor",
        ),
        pytest.param({"odd": 1}, extra("odd", 1, "field_dropped"), id="unknown fields"),
    ],
)
def test_a_field_is_read_and_a_clients_own_comes_out_the_same(
    fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    request = decode(**fields)
    assert request == Request(R, "m", TURNS, **expected)
    ctx = context(R, R, OPEN)
    assert decode_request(encode_request(request, ctx), ctx) == request
    assert codes(ctx) == []


@pytest.mark.parametrize(
    "field, value",
    [
        pytest.param("previous_response_id", "resp_1", id="an earlier answer"),
        pytest.param("conversation", "conv_1", id="a conversation"),
        pytest.param("prompt", {"id": "pmpt_1"}, id="a template"),
        pytest.param("background", True, id="to be fetched later"),
    ],
)
def test_what_only_the_vendor_keeps_is_refused_by_others(field: str, value: Any) -> None:
    request = decode(**{field: value})
    assert request.extras[field].code in ERRORS
    assert encode_request(request, context(R, R))[field] == value


def test_every_code_is_in_the_catalogue() -> None:
    assert set(EXTRAS.values()) <= set(CODES) | ERRORS


def test_a_template_may_name_the_model_and_the_body_stays_at_hand() -> None:
    body = {"prompt": {"id": "pmpt_1"}}
    request = decode_request(body, context(R, R))
    assert request.model == "" and request.messages == () and request.raw is body
    assert "model" not in encode_request(request, context(R, R))


@pytest.mark.parametrize(
    "fields, where, problem",
    [
        pytest.param(
            {"temperature": "hot"}, "temperature", "must be a number, not a string", id="a word"
        ),
        pytest.param(
            {"max_output_tokens": 0.5},
            "max_output_tokens",
            "must be an integer, not a number",
            id="half",
        ),
        pytest.param(
            {"max_output_tokens": 0}, "max_output_tokens", "must be 1 or more, not 0", id="none"
        ),
        pytest.param({"stream": "yes"}, "stream", "must be true or false, not a string", id="yes"),
        pytest.param({"text": "x"}, "text", "must be an object, not a string", id="no object"),
        pytest.param({"include": "x"}, "include", "must be a list, not a string", id="no list"),
        pytest.param(
            {"text": {"format": {"type": "xml"}}},
            "text.format.type",
            '"xml" is not one of text, json_object, json_schema',
            id="a format",
        ),
        pytest.param(
            {"text": {"format": {"type": "json_schema"}}},
            "text.format.schema",
            "missing",
            id="no schema",
        ),
        pytest.param(
            {"input": [update(text=5)]},
            "input[0].text",
            "must be an object, not an integer",
            id="on the way",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(fields: dict[str, Any], where: str, problem: str) -> None:
    with pytest.raises(TransformError) as raised:
        decode(**fields)
    assert (raised.value.where, raised.value.problem) == (where, problem)


def test_a_body_is_an_object() -> None:
    with pytest.raises(TransformError, match="the body must be an object"):
        decode_request([], context(R, R))


# --- encoding

LONG = "x" * 65
F = Tool("f", None, SCHEMA)
FUNCTION = {"type": "function", "name": "f", "parameters": SCHEMA, "strict": False}
RULES = {"schema": CLOSED, "strict": True}
COMPACT = {"type": "compact_20260112", "trigger": {"type": "input_tokens", "value": 9}}
SERVER = {"type": "url", "name": "files", "url": "https://a.example"}
SERVER_TOOL = {
    "type": "mcp",
    "server_label": "files",
    "server_url": "https://a.example",
    "require_approval": "never",
}


def test_a_bare_request() -> None:
    ctx = context(A, R)
    ctx.model = "gpt-5.6"
    assert encode_request(Request(A, "claude", TURNS), ctx) == {
        "model": "gpt-5.6",
        "input": [{"type": "message", "role": "user", "content": "hi"}],
        "include": [ENCRYPTED],
        "store": False,
    }


@pytest.mark.parametrize(
    "fields, body, noted",
    [
        pytest.param({}, {}, [], id="nothing said"),
        pytest.param({"max_tokens": 50}, {"max_output_tokens": 50}, [], id="trap 38: the limit"),
        pytest.param(
            {"max_tokens": 5},
            {"max_output_tokens": 16},
            ["hint_dropped"],
            id="trap 38: the limit has a least",
        ),
        pytest.param(
            {"max_tokens": 0},
            {"prompt_cache_options": {"prewarm": True}},
            [],
            id="a cache to be filled",
        ),
        pytest.param({"stream": True}, {"stream": True}, [], id="a stream"),
        pytest.param({"stop": ("a",)}, {}, ["stop_unsupported"], id="stop sequences"),
        pytest.param(
            {"temperature": 0.0, "top_p": 0.5, "top_k": 4},
            {"temperature": 0.0, "top_p": 0.5},
            ["sampling_dropped"],
            id="sampling, but for top_k",
        ),
        pytest.param({"tools": (F,)}, {"tools": [FUNCTION]}, [], id="tools"),
        pytest.param(
            {"tools": (F,), "tool_choice": ToolChoice("required"), "parallel_tool_calls": False},
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
        pytest.param({"service_tier": "on_demand"}, {}, ["tier_dropped"], id="a tier of others"),
        pytest.param(
            {"reasoning": Reasoning("low")}, {"reasoning": {"effort": "low"}}, [], id="the effort"
        ),
        pytest.param(
            {"output_format": OutputFormat("json_object")},
            {"text": {"format": {"type": "json_object"}}},
            [],
            id="JSON",
        ),
        pytest.param(
            {"output_format": OutputFormat("json_schema", CLOSED)},
            {"text": {"format": {"type": "json_schema", "name": "response", **RULES}}},
            [],
            id="a schema is enforced",
        ),
        pytest.param(
            {"output_format": OutputFormat("json_schema", SCHEMA)},
            {
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": "response",
                        "schema": SCHEMA,
                        "strict": False,
                    }
                }
            },
            ["strict_downgraded"],
            id="where OpenAI can",
        ),
        pytest.param({"cache": CacheMark()}, {}, [], id="caching is on by itself"),
        pytest.param(
            extra("container", "c", "field_dropped"), {}, ["field_dropped"], id="Anthropic's own"
        ),
        pytest.param(
            extra("mcp_servers", [SERVER, 5, {}], "mcp_dropped"),
            {"tools": [SERVER_TOOL]},
            [],
            id="its servers are tools",
        ),
        pytest.param(extra("mcp_servers", 5, "mcp_dropped"), {}, [], id="if they are any"),
        pytest.param(
            extra("context_management", {"edits": [COMPACT]}, "context_edit_dropped"),
            {"context_management": [{"type": "compaction", "compact_threshold": 9}]},
            [],
            id="compaction",
        ),
        pytest.param(
            extra(
                "context_management",
                {"edits": [{**COMPACT, "pause_after_compaction": True, "instructions": None}]},
                "context_edit_dropped",
            ),
            {"context_management": [{"type": "compaction", "compact_threshold": 9}]},
            ["hint_dropped"],
            id="compaction in a way of its own",
        ),
        pytest.param(
            extra(
                "context_management",
                {"edits": [{"type": "compact_20260112"}, {"type": "clear_thinking"}, 5]},
                "context_edit_dropped",
            ),
            {"context_management": [{"type": "compaction"}]},
            ["context_edit_dropped", "context_edit_dropped"],
            id="is the only edit there is",
        ),
        pytest.param(extra("context_management", 5, "context_edit_dropped"), {}, [], id="nonsense"),
    ],
)
def test_a_field_of_an_anthropic_client_is_written(
    fields: dict[str, Any], body: dict[str, Any], noted: list[str]
) -> None:
    assert encode(**fields) == (body, noted)


@pytest.mark.parametrize(
    "fields, body, noted",
    [
        pytest.param(
            {
                "extras": {
                    "metadata": Extra({"a": "b"}, "metadata_dropped"),
                    "store": Extra(True, "metadata_dropped"),
                    "user": Extra("u", "hint_dropped"),
                    "prompt_cache_key": Extra("k", "hint_dropped"),
                    "prompt_cache_options": Extra({"mode": "explicit"}, "hint_dropped"),
                    "stream_options": Extra({"include_obfuscation": False}, "hint_dropped"),
                    "moderation": Extra({"model": "m"}, "moderation_dropped"),
                }
            },
            {
                "store": True,
                "prompt_cache_options": {"mode": "explicit"},
                "metadata": {"a": "b"},
                "user": "u",
                "prompt_cache_key": "k",
                "stream_options": {"include_obfuscation": False},
                "moderation": {"model": "m"},
            },
            [],
            id="what OpenAI's protocols share",
        ),
        pytest.param(
            extra("verbosity", "low", "verbosity_dropped"),
            {"text": {"verbosity": "low"}},
            [],
            id="how much to say",
        ),
        pytest.param(
            {
                "extras": {
                    "logprobs": Extra(True, "logprobs_dropped"),
                    "top_logprobs": Extra(2, "logprobs_dropped"),
                }
            },
            {"include": [ENCRYPTED, LOGPROBS], "top_logprobs": 2},
            [],
            id="probabilities",
        ),
        pytest.param(
            {"output_format": OutputFormat("json_schema", SCHEMA, "n", "d")},
            {
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": "n",
                        "description": "d",
                        "schema": SCHEMA,
                    }
                }
            },
            [],
            id="a schema, enforced as it says",
        ),
        pytest.param({"user": LONG}, {"safety_identifier": LONG}, [], id="a long name stays"),
        pytest.param(
            {
                "extras": {
                    "seed": Extra(1, "sampling_dropped"),
                    "prediction": Extra({}, "prediction_dropped"),
                    "provider": Extra({}, "field_dropped"),
                }
            },
            {},
            ["sampling_dropped", "prediction_dropped", "field_dropped"],
            id="what Chat has alone",
        ),
        pytest.param(
            extra("context_management", [], "field_dropped"), {}, ["field_dropped"], id="odd"
        ),
    ],
)
def test_a_field_of_a_chat_client_is_written(
    fields: dict[str, Any], body: dict[str, Any], noted: list[str]
) -> None:
    assert encode(client=C, **fields) == (body, noted)


def test_a_field_that_demands_what_there_is_not_is_refused() -> None:
    with pytest.raises(TransformError) as raised:
        encode(client=C, **extra("n", 2, "n_unsupported"))
    assert (raised.value.where, raised.value.code) == ("n", "n_unsupported")


@pytest.mark.parametrize("model, filled", [("gpt-5.6", True), ("gpt-5", False)])
def test_only_newer_models_fill_a_cache_without_an_answer(model: str, filled: bool) -> None:
    ctx = context(A, R)
    ctx.model = model
    request = Request(A, "claude", TURNS, max_tokens=0)
    if filled:
        assert encode_request(request, ctx)["prompt_cache_options"] == {"prewarm": True}
        return
    with pytest.raises(TransformError) as raised:
        encode_request(request, ctx)
    assert (raised.value.where, raised.value.code) == ("max_tokens", "prewarm_unsupported")


@pytest.mark.parametrize(
    "model, reasons",
    [
        pytest.param("gpt-5.6", True, id="a reasoning model"),
        pytest.param("o4-mini", True, id="an older one"),
        pytest.param("gpt-4.1", False, id="a plain model"),
        pytest.param("gpt-5-chat-latest", False, id="a chat variant"),
    ],
)
def test_models_take_either_sampling_or_reasoning(model: str, reasons: bool) -> None:
    ctx = context(A, R)
    ctx.model = model
    request = Request(A, "m", TURNS, temperature=0.5, reasoning=Reasoning("low"))
    body = encode_request(request, ctx)
    assert body.get("reasoning") == ({"effort": "low"} if reasons else None)
    assert body.get("include") == ([ENCRYPTED] if reasons else None)
    assert body.get("temperature") == (None if reasons else 0.5)
    assert codes(ctx) == ["sampling_dropped" if reasons else "reasoning_option_dropped"]


def test_compatible_servers_get_only_what_all_of_them_know() -> None:
    body, noted = encode(
        COMPATIBLE[R],
        client=C,
        max_tokens=50,
        stream=True,
        user="u",
        service_tier="auto",
        temperature=0.5,
        reasoning=Reasoning("low"),
        extras={
            "store": Extra(True, "metadata_dropped"),
            "metadata": Extra({}, "metadata_dropped"),
            "verbosity": Extra("low", "verbosity_dropped"),
        },
    )
    assert body == {
        "max_output_tokens": 50,
        "temperature": 0.5,
        "reasoning": {"effort": "low"},
        "store": True,
        "stream": True,
    }
    assert noted == ["hint_dropped"] * 4


def test_compatible_servers_do_not_compact() -> None:
    body, noted = encode(
        COMPATIBLE[R],
        **extra("context_management", {"edits": [COMPACT]}, "context_edit_dropped"),
    )
    assert (body, noted) == ({}, ["context_edit_dropped"])


def test_a_server_says_what_it_refuses() -> None:
    ctx = context(C, R, Profile(store=False, include=False))
    extras = {"logprobs": Extra(True, "-"), "store": Extra(True, "-")}
    body = encode_request(Request(C, "m", TURNS, extras=extras), ctx)
    assert body.keys() == {"model", "input"}
    assert [(n.code, n.where) for n in ctx.notes] == [
        ("hint_dropped", "include"),
        ("hint_dropped", "store"),
    ]
    assert "store" not in encode_request(Request(C, "m", TURNS), ctx)


def test_instructions_of_a_client_stay_instructions() -> None:
    body = {"model": "m", "instructions": "Be brief.", "input": "hi"}
    sent = encode_request(decode_request(body, context(R, R)), context(R, R))
    assert sent["instructions"] == "Be brief."
    assert [item["role"] for item in sent["input"]] == ["user"]


# --- laws

names = st.text("abcdefghijklmnopqrstuvwxyz_-0123456789", min_size=1, max_size=10)
texts = st.text(max_size=12)
spoken = st.text(min_size=1, max_size=12).filter(lambda text: not text.startswith("[tool error]"))
marks = st.none() | st.builds(CacheMark, st.sampled_from([None, "30m", "12h"]))
sources = st.builds(
    Base64Source, st.sampled_from(["image/png", "application/pdf"]), st.just("AA==")
)
links = st.builds(UrlSource, st.just("https://a.example/x"))
user_parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, spoken, cache=marks),
    st.builds(ImagePart, sources | links, st.sampled_from([None, "low"]), cache=marks),
    st.builds(DocumentPart, sources | links, title=st.none() | names, cache=marks),
)
reasoning_parts = st.builds(
    lambda text: ReasoningPart(
        text,
        Native(R, ({"type": "reasoning", "summary": [{"type": "summary_text", "text": text}]},)),
    ),
    spoken,
)


changes = st.builds(
    lambda part: Message("developer", (part,)),
    st.builds(EffortPart, st.sampled_from(["low", "max"]))
    | names.map(lambda name: ToolChangePart(name, Tool(name, None, SCHEMA))),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Message, ...]:
    roles = st.sampled_from(["system", "developer"])
    turns: list[Message] = (
        [Message(draw(roles), (TextPart(draw(spoken)),))] if draw(st.booleans()) else []
    )
    number = 0
    for _ in range(draw(st.integers(1, 3))):
        turns.append(Message("user", tuple(draw(st.lists(user_parts, max_size=3)))))
        turns += draw(st.lists(changes, max_size=2))
        calls: list[Part] = []
        results: list[Part] = []
        for _ in range(draw(st.integers(0, 2))):
            number += 1
            arguments = dumps(draw(st.dictionaries(names, texts))).decode()
            kind = draw(st.sampled_from(["function", "custom"]))
            calls.append(ToolCallPart(f"call_{number}", draw(names), arguments, kind))
            answer = tuple(draw(st.lists(user_parts, max_size=2)))
            failed = draw(st.booleans())
            results.append(ToolResultPart(f"call_{number}", answer, failed, kind))
        said: list[Part] = [TextPart(t) for t in draw(st.lists(spoken, max_size=2))]
        said += draw(st.lists(st.builds(RefusalPart, spoken), max_size=1))
        said += draw(st.lists(reasoning_parts, max_size=1))
        turns.append(Message("assistant", (*draw(st.permutations(said)), *calls)))
        if results:
            turns.append(Message("tool", tuple(results)))
    return tuple(turns)


formats = st.sampled_from(
    [None, OutputFormat("json_object"), OutputFormat("json_schema", SCHEMA, "n", None, True)]
)
requests = st.builds(
    Request,
    st.just(R),
    names,
    histories(),
    tools=st.lists(
        st.builds(
            Tool,
            names,
            st.none() | spoken,
            st.just(SCHEMA),
            strict=st.none() | st.booleans(),
            namespace=st.none() | st.sampled_from(["ns", "ms"]),
        ),
        max_size=3,
        unique_by=lambda tool: (tool.name, tool.namespace),
    ).map(tuple),
    parallel_tool_calls=st.none() | st.booleans(),
    max_tokens=st.none() | st.integers(16, 9999) | st.just(0),
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    reasoning=st.builds(
        Reasoning,
        st.sampled_from([None, "none", "low", "max"]),
        visible=st.sampled_from([None, True]),
    ),
    output_format=formats,
    stream=st.booleans(),
    user=st.none() | spoken,
    service_tier=st.sampled_from([None, "auto", "flex"]),
    extras=st.dictionaries(
        st.sampled_from(["x_odd", "provider"]),
        st.builds(Extra, st.just(1), st.just("field_dropped")),
    ),
)


HOSTED = Tool("web_fetch", kind="hosted", native=Native(A, ({"type": "web_fetch_20260318"},)))
LATER = Message("system", (ToolChangePart("g", Tool("g", kind="custom")),))


@pytest.mark.parametrize(
    "choice, wire",
    [
        pytest.param(ToolChoice("auto"), "auto", id="which may be called"),
        pytest.param(ToolChoice("tool", "g"), {"type": "custom", "name": "g"}, id="demanded"),
    ],
)
def test_a_choice_of_a_tool_that_comes_later(choice: ToolChoice, wire: Any) -> None:
    ctx = context(A, R, OPEN)
    request = Request(A, "m", (*TURNS, LATER), tool_choice=choice, parallel_tool_calls=False)
    body = encode_request(request, ctx)
    assert (body["tool_choice"], body["parallel_tool_calls"]) == (wire, False)
    assert "tools" not in body and codes(ctx) == []
    assert request_faults(R, body) == set()


@pytest.mark.parametrize(
    "fields, told",
    [
        pytest.param({"tools": (HOSTED,)}, True, id="all of them"),
        pytest.param({"tools": (HOSTED, Tool("f"))}, False, id="but one"),
        pytest.param(
            {"tools": (HOSTED,), "messages": (*TURNS, LATER)}, False, id="but one that comes"
        ),
        pytest.param({}, False, id="of none"),
    ],
)
def test_trap_31_a_model_is_told_that_its_tools_are_gone(fields: Any, told: bool) -> None:
    body = encode_request(Request(A, "m", **{"messages": TURNS, **fields}), context(A, R))
    assert ("web_fetch" in body.get("instructions", "")) is told
    assert body.get("tools") != []


@given(requests)
def test_what_is_written_is_read_the_same(request: Request) -> None:
    ctx = context(R, R, OPEN)
    assert decode_request(encode_request(request, ctx), ctx) == request
    assert codes(ctx) == []


@given(histories(), st.sampled_from([None, COMPATIBLE[R], OPEN]), st.sampled_from([A, C]))
def test_a_longer_history_only_appends(
    turns: tuple[Message, ...], profile: Profile | None, client: Protocol
) -> None:
    def written(upto: int) -> Any:
        body = encode_request(Request(client, "m", turns[:upto]), context(client, R, profile))
        return body.get("instructions"), body["input"]

    instructions, whole = written(len(turns))
    ends = [n for n, turn in enumerate(turns) if turn.role != "assistant"]
    for end in ends:
        said, begun = written(end + 1)
        assert (said, whole[: len(begun)]) == (instructions, begun)


words = st.sampled_from(
    """
    role user assistant developer message content text type image_url file_id file_data input
    output function_call function_call_output custom_tool_call call_id id name arguments tools
    parameters tool_choice reasoning summary encrypted_content input_text output_text input_image
    input_file additional_tools namespace local_shell_call action shell_call_output apply_patch_call
    operation tool_search_output execution client configuration_update format json_schema schema
    effort phase web_search_call compaction prompt_cache_breakpoint web_search tool_search
    """.split()
)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=15,
)


@given(any_json)
def test_any_json_is_read_or_its_fault_is_named(body: Any) -> None:
    for candidate in (body, {"input": body}, {"input": [body]}, {"tools": [body]}):
        try:
            decode_request(candidate, context(R, R))
        except TransformError as error:
            assert error.problem


@given(
    st.dictionaries(
        words
        | st.sampled_from(
            "instructions include text prompt_cache_options max_output_tokens metadata".split()
        ),
        any_json,
    ),
    st.sampled_from([A, C, R]),
)
def test_any_fields_are_read_or_their_fault_is_named(body: Any, client: Protocol) -> None:
    """What was read can be written, or is refused for a reason that has a code."""
    try:
        request = decode_request({"input": "hi", **body}, context(R, R))
    except TransformError as error:
        assert error.where
        return
    try:
        encode_request(request, context(R, R))
    except TransformError as error:
        assert error.code


servers = st.fixed_dictionaries(
    {}, optional={"mcp_servers": any_json, "context_management": any_json}
)


@given(servers, any_json)
def test_any_fields_of_an_anthropic_client_are_written(fields: Any, options: Any) -> None:
    extras = {name: Extra(value, "field_dropped") for name, value in fields.items()}
    options = options if isinstance(options, dict) else {"mcp_server_name": options}
    native = Native(A, ({"type": "mcp_toolset"},))
    tool = Tool("files", kind="hosted", options=options, native=native)
    request = Request(A, "m", TURNS, tools=(tool,), extras=extras)
    assert encode_request(request, context(A, R))["store"] is False
