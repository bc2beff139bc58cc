"""Request bodies: the fields around the conversation, and how they decide on each other."""

from typing import Any, get_args

import pytest
from anthropic.types import AnthropicBetaParam
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.anthropic_messages import decode_request, encode_request
from bridge.transform.context import Context, context
from bridge.transform.families import COMPATIBLE
from bridge.transform.model import (
    CacheMark,
    EffortPart,
    Extra,
    Message,
    Native,
    NativePart,
    OutputFormat,
    Reasoning,
    Request,
    TextPart,
    Tool,
    ToolChangePart,
    ToolChoice,
    ToolResultPart,
)
from bridge.transform.notes import TransformError
from bridge.transform.profile import Profile
from tests.transform.sdks import request_faults

A = "anthropic_messages"
NEW, OLD = "claude-opus-5-5", "claude-sonnet-4-5"
ASKED = {"messages": [{"role": "user", "content": "Hi"}]}
BODY: dict[str, Any] = {"model": NEW, "max_tokens": 100, **ASKED}
HI = Message("user", (TextPart("Hi"),))
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}


def own() -> Context:
    return context(A, A)


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def decoded(**fields: Any) -> Request:
    return decode_request({**BODY, **fields}, own())


# --- decoding


@pytest.mark.parametrize(
    "field, value, name, typed",
    [
        ("max_tokens", 0, "max_tokens", 0),
        ("temperature", 1, "temperature", 1),
        ("top_p", 0.5, "top_p", 0.5),
        ("top_k", 40, "top_k", 40),
        ("stop_sequences", ["a", "b"], "stop", ("a", "b")),
        ("stream", True, "stream", True),
        ("metadata", {"user_id": "u"}, "user", "u"),
        ("service_tier", "auto", "service_tier", "auto"),
        ("service_tier", "standard_only", "service_tier", "default"),
        ("cache_control", {"type": "ephemeral", "ttl": "1h"}, "cache", CacheMark("1h")),
        ("tool_choice", {"type": "any"}, "tool_choice", ToolChoice("required")),
        ("thinking", {"type": "disabled"}, "reasoning", Reasoning(mode="disabled")),
        ("output_config", {"effort": "max"}, "reasoning", Reasoning("max")),
        ("tools", [{"name": "f"}], "tools", (Tool("f"),)),
        (
            "output_config",
            {"format": {"type": "json_schema", "schema": SCHEMA}},
            "output_format",
            OutputFormat("json_schema", SCHEMA),
        ),
        (
            "output_format",
            {"type": "json_schema", "schema": SCHEMA},
            "output_format",
            OutputFormat("json_schema", SCHEMA),
        ),
    ],
)
def test_a_field_is_read(field: str, value: Any, name: str, typed: Any) -> None:
    request = decoded(**{field: value})
    assert getattr(request, name) == typed
    assert request.extras == {}


def test_a_bare_request() -> None:
    assert decode_request(BODY, own()) == Request(A, NEW, (HI,), max_tokens=100)
    assert decode_request(BODY, own()).raw is BODY


def test_null_is_absent_everywhere() -> None:
    fields = (
        "system temperature top_p top_k stop_sequences stream tools tool_choice thinking metadata "
        "output_config output_format service_tier cache_control max_tokens speed whatever"
    )
    assert decoded(**dict.fromkeys(fields.split())) == Request(A, NEW, (HI,))


@pytest.mark.parametrize(
    "field, value, extra",
    [
        pytest.param("speed", "fast", Extra("fast", "speed_dropped"), id="speed"),
        pytest.param("speed", "standard", Extra("standard", "hint_dropped"), id="its default"),
        pytest.param(
            "thread",
            {"type": "create"},
            Extra({"type": "create"}, "hint_dropped"),
            id="a thread with nothing in it",
        ),
        pytest.param(
            "thread",
            {"type": "continue", "previous_message_id": "msg_1"},
            Extra({"type": "continue", "previous_message_id": "msg_1"}, "thread_not_found"),
            id="a thread that nobody here knows",
        ),
        pytest.param("inference_geo", "eu", Extra("eu", "field_dropped"), id="a place"),
        pytest.param("diagnostics", {}, Extra({}, "hint_dropped"), id="diagnostics"),
        pytest.param("mcp_servers", [1], Extra([1], "mcp_dropped"), id="servers of tools"),
        pytest.param(
            "context_management",
            {"edits": []},
            Extra({"edits": []}, "context_edit_dropped"),
            id="edits of the history",
        ),
        pytest.param("service_tier", "fast", Extra("fast", "tier_dropped"), id="a tier to come"),
        pytest.param("whatever", 0, Extra(0, "field_dropped"), id="unknown"),
        pytest.param(
            "output_config",
            {"effort": "low", "task_budget": {"total": 1}},
            Extra({"task_budget": {"total": 1}}, "task_budget_dropped"),
            id="a budget for the task, beside an effort",
        ),
        pytest.param(
            "thinking",
            {"type": "adaptive", "block_binding": {}, "display": None},
            Extra({"block_binding": {}}, "field_dropped"),
            id="how thinking is bound",
        ),
        pytest.param(
            "metadata", {"user_id": "u", "x": 1}, Extra({"x": 1}, "field_dropped"), id="metadata"
        ),
    ],
)
def test_a_field_that_anthropic_has_alone_rides_along(field: str, value: Any, extra: Extra) -> None:
    ctx = own()
    request = decode_request({**BODY, field: value}, ctx)
    assert request.extras == {field: extra}
    given = (
        value if not isinstance(value, dict) else {k: v for k, v in value.items() if v is not None}
    )
    assert encode_request(request, ctx)[field] == given
    assert codes(ctx) == []


def test_others_note_what_they_cannot_say() -> None:
    ctx = context("openai_chat", A)
    extras = {"seed": Extra(1, "sampling_dropped"), "user_hint": Extra(1, "hint_dropped")}
    encoded = encode_request(Request("openai_chat", NEW, (HI,), extras=extras), ctx)
    assert not extras.keys() & encoded.keys()
    assert [(n.code, n.where) for n in ctx.notes] == [
        ("sampling_dropped", "seed"),
        ("hint_dropped", "user_hint"),
    ]


def test_or_refuse() -> None:
    request = Request("openai_chat", NEW, (HI,), extras={"n": Extra(2, "n_unsupported")})
    with pytest.raises(TransformError, match="n: n has no counterpart") as refused:
        encode_request(request, context("openai_chat", A))
    assert refused.value.code == "n_unsupported"


def test_bedrock_and_vertex_name_the_model_in_the_url() -> None:
    body = {"anthropic_version": "vertex-2023-10-16", "max_tokens": 1, **ASKED}
    request = decode_request(body, own())
    assert request.model == ""
    assert request.extras == {"anthropic_version": Extra("vertex-2023-10-16", "hint_dropped")}


@pytest.mark.parametrize(
    "body, where, problem",
    [
        pytest.param([], "", "the body must be an object", id="a list"),
        pytest.param({**ASKED}, "model", "missing", id="no model"),
        pytest.param({**BODY, "model": 5}, "model", "must be a string, not an integer", id="5"),
        pytest.param({"model": NEW}, "messages", "missing", id="no messages"),
        pytest.param(
            {**BODY, "max_tokens": -1}, "max_tokens", "must be 0 or more, not -1", id="below 0"
        ),
        pytest.param(
            {**BODY, "max_tokens": "9"}, "max_tokens", "must be an integer, not a string", id="'9'"
        ),
        pytest.param(
            {**BODY, "stop_sequences": "x"},
            "stop_sequences",
            "must be a list, not a string",
            id="one stop sequence (trap 39)",
        ),
        pytest.param(
            {**BODY, "stop_sequences": [1]},
            "stop_sequences[0]",
            "must be a string, not an integer",
            id="a number to stop at",
        ),
        pytest.param(
            {**BODY, "metadata": {"user_id": 5}},
            "metadata.user_id",
            "must be a string, not an integer",
            id="a number for a user",
        ),
        pytest.param(
            {**BODY, "output_config": {"format": {"type": "text"}}},
            "output_config.format.type",
            '"text" is not one of json_schema',
            id="an unknown format",
        ),
        pytest.param(
            {**BODY, "output_format": {"type": "json_schema"}},
            "output_format.schema",
            "missing",
            id="no schema",
        ),
    ],
)
def test_a_malformed_body_is_refused(body: Any, where: str, problem: str) -> None:
    with pytest.raises(TransformError) as refused:
        decode_request(body, own())
    assert (refused.value.where, refused.value.problem) == (where, problem)


# --- encoding


def encoded(
    ctx: Context | None = None, model: str = NEW, **fields: Any
) -> tuple[dict[str, Any], list[str]]:
    ctx = ctx or context("openai_chat", A)
    fields = {"messages": (HI,), "max_tokens": 100, **fields}
    return encode_request(Request("openai_chat", model, **fields), ctx), codes(ctx)


SAID = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}


def test_a_bare_chat() -> None:
    assert encoded() == ({"model": NEW, "max_tokens": 100, "messages": [SAID]}, [])


def test_the_upstreams_model_counts_for_what_may_be_sent() -> None:
    ctx = context("openai_chat", A)
    ctx.model = OLD
    body, noted = encoded(ctx, model="gpt-5", temperature=0.5)
    assert (body["model"], body["temperature"], noted) == (OLD, 0.5, [])


@pytest.mark.parametrize(
    "model, limit",
    [
        pytest.param("claude-3-7-sonnet", 64_000, id="the model's own limit"),
        pytest.param("claude-3-opus", 4_096, id="an old model's"),
        pytest.param(NEW, 32_000, id="the default where none is known"),
    ],
)
def test_max_tokens_has_to_be_there(model: str, limit: int) -> None:
    assert encoded(model=model, max_tokens=None)[0]["max_tokens"] == limit


@pytest.mark.parametrize(
    "fields, wire, noted",
    [
        pytest.param({"stream": True}, {"stream": True}, [], id="a stream"),
        pytest.param({"user": "u"}, {"metadata": {"user_id": "u"}}, [], id="a user"),
        pytest.param(
            {"stop": ("a", " \n", "b")},
            {"stop_sequences": ["a", "b"]},
            ["stop_truncated"],
            id="white space stops nothing",
        ),
        pytest.param({"stop": ("",)}, {}, ["stop_truncated"], id="nor does nothing"),
        pytest.param({"service_tier": "auto"}, {"service_tier": "auto"}, [], id="tier auto"),
        pytest.param(
            {"service_tier": "default"}, {"service_tier": "standard_only"}, [], id="tier default"
        ),
        pytest.param(
            {"service_tier": "flex"}, {"service_tier": "auto"}, ["tier_dropped"], id="tier flex"
        ),
        pytest.param(
            {"tools": (Tool("f"),), "parallel_tool_calls": False},
            {
                "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
                "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
            },
            [],
            id="tools, one call at a time",
        ),
        pytest.param({"parallel_tool_calls": False}, {}, [], id="no tools, no choice"),
        pytest.param(
            {"reasoning": Reasoning("high")},
            {
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "high"},
            },
            [],
            id="reasoning",
        ),
        pytest.param(
            {"cache": CacheMark("30m")},
            {"cache_control": {"type": "ephemeral", "ttl": "1h"}},
            [],
            id="a breakpoint for the whole prompt",
        ),
    ],
)
def test_a_field_is_written(fields: Any, wire: Any, noted: list[str]) -> None:
    body, codes = encoded(**fields)
    assert ({k: v for k, v in body.items() if k not in BODY}, codes) == (wire, noted)


SEARCH = Tool("web_search", kind="hosted")
TOOL_SEARCH = Tool("tool_search", kind="hosted", native=Native("openai_responses", ({},)))


@pytest.mark.parametrize(
    "tools, uses, noted",
    [
        pytest.param([SEARCH, Tool("f")], [2], [], id="of the one tool that Anthropic runs"),
        pytest.param([SEARCH, TOOL_SEARCH], [], ["max_tool_calls_dropped"], id="not of two"),
        pytest.param([TOOL_SEARCH], [], ["max_tool_calls_dropped"], id="nor of one without limits"),
        pytest.param([Tool("f")], [], ["max_tool_calls_dropped"], id="nor of functions"),
    ],
)
def test_a_limit_of_hosted_calls_is_one(tools: list[Tool], uses: list[int], noted: Any) -> None:
    extras = {"max_tool_calls": Extra(2, "max_tool_calls_dropped")}
    body, codes = encoded(tools=tuple(tools), extras=extras)
    assert [tool["max_uses"] for tool in body["tools"] if "max_uses" in tool] == uses
    assert codes == noted


@pytest.mark.parametrize(
    "model, fields, wire, noted",
    [
        pytest.param(OLD, {"temperature": 0.7}, {"temperature": 0.7}, [], id="temperature"),
        pytest.param(
            OLD, {"temperature": 1.5}, {"temperature": 1}, ["sampling_clamped"], id="up to 1"
        ),
        pytest.param(
            OLD, {"temperature": -1}, {"temperature": 0}, ["sampling_clamped"], id="from 0"
        ),
        pytest.param(OLD, {"top_p": 0.9, "top_k": 5}, {"top_p": 0.9, "top_k": 5}, [], id="others"),
        pytest.param(
            OLD,
            {"temperature": 0.7, "top_p": 0.9},
            {"temperature": 0.7},
            ["sampling_dropped"],
            id="not both",
        ),
        pytest.param(
            NEW,
            {"temperature": 1, "top_k": 5},
            {},
            ["sampling_dropped", "sampling_dropped"],
            id="not at all to newer models",
        ),
        pytest.param(
            "claude-opus-4-6",
            {"temperature": 1, "reasoning": Reasoning("low")},
            {},
            ["sampling_dropped"],
            id="not with thinking",
        ),
        pytest.param(
            "claude-opus-4-6",
            {"temperature": 1, "reasoning": Reasoning("none")},
            {"temperature": 1},
            [],
            id="but with thinking off",
        ),
    ],
)
def test_sampling_has_its_limits(model: str, fields: Any, wire: Any, noted: list[str]) -> None:
    body, codes = encoded(model=model, **fields)
    names = ("temperature", "top_p", "top_k")
    assert ({name: body[name] for name in names if name in body}, codes) == (wire, noted)


def test_its_own_sampling_goes_on_as_it_came() -> None:
    request = decoded(model=OLD, temperature=2, top_p=0.9)
    body = encode_request(request, own())
    assert (body["temperature"], body["top_p"]) == (2, 0.9)


@pytest.mark.parametrize(
    "profile, kept",
    [
        pytest.param(Profile(top_k=True), {"temperature", "top_k"}, id="a server that takes both"),
        pytest.param(Profile(), {"temperature"}, id="one without top_k"),
        pytest.param(Profile(anthropic_version="2026-10-21"), set(), id="the later API"),
    ],
)
def test_sampling_depends_on_the_server(profile: Profile, kept: set[str]) -> None:
    body, _ = encoded(context("openai_chat", A, profile), temperature=0.5, top_k=5)
    assert {"temperature", "top_k"} & body.keys() == kept


R = "openai_responses"


def from_responses(
    model: str = NEW, profile: Profile | None = None, **fields: Any
) -> tuple[dict[str, Any], Context]:
    ctx = context(R, A, profile)
    fields = {"messages": (HI,), "max_tokens": 100, **fields}
    return encode_request(Request(R, model, **fields), ctx), ctx


def compaction(**fields: Any) -> dict[str, Any]:
    return {"type": "compaction", **fields}


@pytest.mark.parametrize(
    "given, model, edits, noted",
    [
        pytest.param([compaction()], NEW, [{"type": "compact_20260112"}], [], id="at the default"),
        pytest.param(
            [compaction(compact_threshold=90_000)],
            NEW,
            [{"type": "compact_20260112", "trigger": {"type": "input_tokens", "value": 90_000}}],
            [],
            id="at a number of tokens",
        ),
        pytest.param(
            [compaction(compact_threshold=9)],
            NEW,
            [{"type": "compact_20260112", "trigger": {"type": "input_tokens", "value": 50_000}}],
            [("hint_dropped", "context_management[0].compact_threshold")],
            id="at the least there is",
        ),
        pytest.param(
            [{"type": "shred"}, compaction()],
            NEW,
            [{"type": "compact_20260112"}],
            [("context_edit_dropped", "context_management[0]")],
            id="another edit",
        ),
        pytest.param(
            [compaction()],
            OLD,
            None,
            [("context_edit_dropped", "context_management[0]")],
            id="a model that does not do it",
        ),
        pytest.param(
            "x", NEW, None, [("context_edit_dropped", "context_management[0]")], id="no list"
        ),
        pytest.param([], NEW, None, [], id="nothing"),
    ],
)
def test_a_context_is_summed_up_when_it_grows_too_long(
    given: Any, model: str, edits: Any, noted: list[Any]
) -> None:
    extras = {"context_management": Extra(given, "context_edit_dropped")}
    body, ctx = from_responses(model, extras=extras)
    assert body.get("context_management") == (None if edits is None else {"edits": edits})
    assert [(n.code, n.where) for n in ctx.notes] == noted
    assert ctx.betas == (["compact-2026-01-12"] if edits else [])
    assert request_faults(A, body) == set()


def test_a_threshold_has_to_be_a_number() -> None:
    given = [compaction(compact_threshold="9")]
    with pytest.raises(TransformError) as refused:
        from_responses(extras={"context_management": Extra(given, "context_edit_dropped")})
    assert refused.value.where == "context_management[0].compact_threshold"


def beyond(kind: str, **fields: Any) -> Message:
    native = Native(A, ({"type": kind, **fields},))
    return Message("assistant", (NativePart(native, "server_tool_dropped"), TextPart("x")))


MCP = Tool(
    "docs",
    kind="hosted",
    native=Native(
        R,
        (
            {
                "type": "mcp",
                "server_label": "docs",
                "server_url": "https://mcp.example",
                "require_approval": "never",
            },
        ),
    ),
)
CALLED = {"id": "m1", "name": "f", "server_name": "docs", "input": {}}
LATER = Message("system", (ToolChangePart("g", Tool("g")),))
LESS = Message("developer", (EffortPart("low"),))
MCP_BETA = "mcp-client-2026-09-15"


@pytest.mark.parametrize(
    "fields, betas",
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"tools": (MCP,)}, [MCP_BETA], id="a server of tools"),
        pytest.param(
            {"messages": (HI, LESS)}, ["mid-conversation-output-config-2026-07-01"], id="-"
        ),
        pytest.param({"messages": (HI, LATER)}, ["inline-tools-2026-09-15"], id="a late tool"),
        pytest.param(
            {"messages": (HI, beyond("mcp_tool_use", **CALLED), HI)},
            [MCP_BETA],
            id="a call of such a server, answered earlier",
        ),
        pytest.param(
            {"messages": (HI, beyond("mcp_tool_listing", mcp_server_name="d", tools=[]), HI)},
            [MCP_BETA],
            id="its tools, listed earlier",
        ),
        pytest.param(
            {"messages": (HI, beyond("compaction", content="so far"), HI)},
            ["compact-2026-01-12"],
            id="a summary made on the way",
        ),
        pytest.param(
            {"messages": (HI, beyond("compaction", content="so far", signature="s"), HI)},
            ["compact-2026-09-04"],
            id="a summary that was asked for",
        ),
        pytest.param(
            {"tools": (MCP,), "messages": (HI, LATER, beyond("mcp_tool_use", **CALLED), HI, LATER)},
            [MCP_BETA, "inline-tools-2026-09-15"],
            id="each once",
        ),
    ],
)
def test_what_is_beta_goes_with_its_header(fields: Any, betas: list[str]) -> None:
    body, ctx = from_responses(**fields)
    assert ctx.betas == betas
    assert set(betas) <= set(get_args(get_args(AnthropicBetaParam)[1]))
    assert request_faults(A, body) == set()


def test_a_client_of_this_protocol_says_its_betas_itself() -> None:
    ctx = own()
    request = decode_request({**BODY, "mcp_servers": [{"name": "docs"}]}, ctx)
    assert encode_request(request, ctx)["mcp_servers"] == [{"name": "docs"}]
    assert ctx.betas == []


@pytest.mark.parametrize(
    "choice, wire",
    [
        pytest.param(ToolChoice("auto"), None, id="which needs no saying"),
        pytest.param(
            ToolChoice("tool", "g"), {"type": "tool", "name": "g"}, id="which is demanded"
        ),
        pytest.param(ToolChoice("none"), {"type": "none"}, id="which is forbidden"),
    ],
)
def test_a_choice_of_a_tool_that_comes_later(choice: ToolChoice, wire: Any) -> None:
    body, ctx = from_responses(messages=(HI, LATER), tool_choice=choice)
    assert body.get("tool_choice") == wire
    assert codes(ctx) == []


FILES = Tool("file_search", kind="hosted", native=Native(R, ({"type": "file_search"},)))


@pytest.mark.parametrize(
    "fields, told",
    [
        pytest.param({"tools": (FILES,)}, True, id="all of them"),
        pytest.param({"tools": (FILES, Tool("f"))}, False, id="but one"),
        pytest.param({"tools": (FILES,), "messages": (HI, LATER)}, False, id="but one that comes"),
        pytest.param({}, False, id="of none"),
    ],
)
def test_trap_31_a_model_is_told_that_its_tools_are_gone(fields: Any, told: bool) -> None:
    body, _ = from_responses(**fields)
    texts = [block["text"] for block in body.get("system", [])]
    assert [("file_search" in text) for text in texts] == ([True] if told else [])
    assert body.get("tools") != []


NAMED = OutputFormat("json_schema", SCHEMA, "answer", strict=True)
OPEN = OutputFormat("json_schema", {"type": "object"})


@pytest.mark.parametrize(
    "wanted, model, schema, noted",
    [
        pytest.param(OutputFormat("text"), NEW, None, [], id="text"),
        pytest.param(OutputFormat("json_schema", SCHEMA), NEW, SCHEMA, [], id="a schema"),
        pytest.param(NAMED, NEW, SCHEMA, ["hint_dropped"], id="a schema by name"),
        pytest.param(
            OutputFormat("json_schema", {**SCHEMA, "maxProperties": 1}),
            NEW,
            {**SCHEMA, "description": "Must satisfy maxProperties: 1"},
            ["schema_relaxed"],
            id="a schema with a rule",
        ),
        pytest.param(OPEN, NEW, None, ["json_mode_prompted"], id="an open map"),
        pytest.param(
            OutputFormat("json_schema", SCHEMA),
            "claude-3-opus",
            None,
            ["json_mode_prompted"],
            id="a model without formats",
        ),
    ],
)
def test_an_answer_is_held_to_a_schema_where_it_can(
    wanted: OutputFormat, model: str, schema: Any, noted: list[str]
) -> None:
    body, codes = encoded(model=model, output_format=wanted)
    given = body.get("output_config", {}).get("format", {})
    assert given == ({"type": "json_schema", "schema": schema} if schema else {})
    assert codes == noted
    assert ("system" in body) is ("json_mode_prompted" in noted)


@pytest.mark.parametrize(
    "wanted, said",
    [
        pytest.param(OPEN, '{"type":"object"}', id="a schema"),
        pytest.param(OutputFormat("json_object"), "one JSON object", id="any object"),
        pytest.param(OutputFormat("json_schema"), "one JSON object", id="a schema that is none"),
    ],
)
def test_else_it_is_asked_for_behind_the_system_text(wanted: OutputFormat, said: str) -> None:
    messages = (Message("system", (TextPart("Be brief."),)), HI)
    profile = COMPATIBLE[A]
    ctx = context("openai_chat", A, profile)
    body, noted = encoded(ctx, messages=messages, output_format=wanted)
    assert [block["type"] for block in body["system"]] == ["text", "text"]
    assert body["system"][0]["text"] == "Be brief."
    assert said in body["system"][1]["text"]
    assert noted == ["json_mode_prompted"]


def test_a_schema_that_contains_itself_is_refused() -> None:
    schema = {**SCHEMA, "properties": {"a": {"$ref": "#"}}}
    with pytest.raises(TransformError) as refused:
        encoded(output_format=OutputFormat("json_schema", schema))
    assert (refused.value.where, refused.value.code) == ("format.schema", "recursive_schema")


def marks(body: Any) -> list[str]:
    """The texts and names that carry a breakpoint."""
    found: list[str] = []

    def look(value: Any) -> None:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                for inner in item.values():
                    look(inner)
                if "cache_control" in item:
                    found.append(item.get("text") or item.get("name") or item["type"])

    for field in ("tools", "system", "messages"):
        look(body.get(field))
    return found


def marked(text: str) -> TextPart:
    return TextPart(text, cache=CacheMark())


MARKED: dict[str, Any] = {
    "tools": (Tool("f", cache=CacheMark()),),
    "messages": (
        Message("system", (marked("s"),)),
        Message("user", (marked("u1"),)),
        Message("tool", (ToolResultPart("t", (marked("r"),), cache=CacheMark()),)),
        Message("user", (TextPart("u2"),)),
    ),
}


@pytest.mark.parametrize(
    "fields, kept, noted",
    [
        pytest.param({}, ["s", "u1", "r", "tool_result"], 1, id="the last four of five"),
        pytest.param({"cache": CacheMark()}, ["u1", "r", "tool_result"], 1, id="three and all"),
        pytest.param({"tools": ()}, ["s", "u1", "r", "tool_result"], 0, id="all of four"),
    ],
)
def test_at_most_four_cache_breakpoints(fields: Any, kept: list[str], noted: int) -> None:
    body, codes = encoded(**{**MARKED, **fields})
    assert marks(body) == kept
    assert codes == ["hint_dropped"] * noted


def test_what_is_kept_long_comes_first() -> None:
    """Anthropic refuses a mark of an hour behind one of minutes."""
    ttls = ("12h", None, "1h")
    parts = tuple(TextPart(str(n), cache=CacheMark(ttl)) for n, ttl in enumerate(ttls))
    body, codes = encoded(messages=(Message("user", parts),), cache=CacheMark("1h"))
    told = [block["cache_control"].get("ttl") for block in body["messages"][0]["content"]]
    assert told == ["1h", None, None] and "ttl" not in body["cache_control"]
    assert codes == ["hint_dropped"]
    body, codes = encoded(messages=(Message("user", parts[:1]),), cache=CacheMark("1h"))
    assert body["cache_control"]["ttl"] == "1h" and codes == []


def test_no_breakpoints_for_a_server_without_a_cache() -> None:
    ctx = context("openai_chat", A, Profile(cache_breakpoints=False))
    body, _ = encoded(ctx, **MARKED, cache=CacheMark())
    assert marks(body) == [] and "cache_control" not in body


def test_the_clients_own_objects_stay_as_they_were() -> None:
    block = {"type": "container_upload", "file_id": "f", "cache_control": {"type": "ephemeral"}}
    part = NativePart(Native(A, (block,)), "foreign_file_id")
    messages = (Message("user", (part, *(marked(str(n)) for n in range(4)))),)
    encode_request(Request(A, NEW, messages), own())
    assert "cache_control" in block


# --- laws

FULL: dict[str, Any] = {
    **BODY,
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: a=b"},
        {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
    ],
    "messages": [
        {"role": "user", "content": "Weather?"},
        {"role": "system", "content": "Metric units."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "", "signature": "s"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"city": "Bern"}},
                {"type": "tool_use", "id": "t2", "name": "f", "input": {"city": "Ulm"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "5"},
                {"type": "tool_result", "tool_use_id": "t2", "is_error": True},
                {"type": "text", "text": "Well?"},
            ],
        },
    ],
    "tools": [{"name": "f", "input_schema": SCHEMA, "strict": True}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "adaptive", "display": "omitted"},
    "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": SCHEMA}},
    "metadata": {"user_id": "u"},
    "service_tier": "auto",
    "stream": True,
    "stop_sequences": ["END"],
    "diagnostics": {"previous_message_id": "msg_1"},
}


def test_within_the_protocol_encoding_changes_nothing_that_counts() -> None:
    ctx = own()
    request = decode_request(FULL, ctx)
    again = decode_request(encode_request(request, ctx), ctx)
    assert again == request
    assert codes(ctx) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@st.composite
def broken_bodies(draw: st.DrawFn) -> Any:
    """A good body in which one value, anywhere, is replaced by any JSON."""

    def broken(value: Any) -> Any:
        if not isinstance(value, dict | list) or not value or draw(st.integers(0, 3)) == 0:
            return draw(JSON)
        if isinstance(value, list):
            place = draw(st.integers(0, len(value) - 1))
            return [broken(v) if n == place else v for n, v in enumerate(value)]
        key = draw(st.sampled_from(sorted(value)))
        return {k: broken(v) if k == key else v for k, v in value.items()}

    return broken(FULL)


@given(JSON | broken_bodies())
def test_any_json_is_read_or_refused(body: Any) -> None:
    ctx = own()
    try:
        request = decode_request(body, ctx)
    except TransformError:
        return
    try:
        encode_request(request, context("openai_chat", A))
    except TransformError as refused:
        assert refused.code
