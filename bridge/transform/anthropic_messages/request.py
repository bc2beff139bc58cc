"""Request bodies: the fields around the conversation.

Hard part: fields that rule each other out. What is asked for of thinking decides on sampling, an
answer's schema may end up in the system text, and all cache breakpoints together are four.
"""

from collections.abc import Iterable, Iterator
from itertools import dropwhile

from ..changes import late_tools
from ..context import Context
from ..fields import object_of, one_of, optional, required
from ..json_text import Json
from ..model import CacheMark, Extra, OutputFormat, Request
from ..notes import TransformError
from ..prepare import asked_for, without_tools
from ..profile import matches
from ..schema import clean_for_anthropic
from .content import cache_control
from .messages import decode_messages, encode_messages
from .parts import PROTOCOL, decode_cache
from .reasoning import decode_reasoning, encode_reasoning
from .tools import (
    decode_tool_choice,
    decode_tools,
    encode_servers,
    encode_tool_choice,
    encode_tools,
)

__all__ = ["continue_request", "decode_request", "encode_request"]

# Fields that Anthropic has alone -> what others note when they drop them. Unknown ones likewise.
EXTRAS: dict[str, str] = {
    "inference_geo": "field_dropped",
    "container": "field_dropped",
    "billing_policy": "field_dropped",
    "fallbacks": "field_dropped",
    "fallback_credit_token": "field_dropped",
    "thread": "thread_not_found",
    "speed": "speed_dropped",
    "diagnostics": "hint_dropped",
    "context_management": "context_edit_dropped",
    "compaction": "context_edit_dropped",
    "mcp_servers": "mcp_dropped",
    "anthropic_version": "hint_dropped",  # of Bedrock and Vertex, which have no headers for these
    "anthropic_beta": "hint_dropped",
    "task_budget": "task_budget_dropped",  # in output_config
}
# Said aloud though nothing is lost without them, as is a thread that has nothing in it yet.
DEFAULTS: dict[str, Json] = {"speed": "standard", "thread": {"type": "create"}}
# Fields that are typed but for further keys in them.
OPEN_FIELDS: dict[str, frozenset[str]] = {
    "metadata": frozenset({"user_id"}),
    "thinking": frozenset({"type", "budget_tokens", "display"}),
    "output_config": frozenset({"effort", "format"}),
}
TYPED = frozenset(
    "model messages system max_tokens temperature top_p top_k stop_sequences stream tools "
    "tool_choice thinking output_config output_format metadata service_tier cache_control".split()
)
TIERS = {"auto": "auto", "standard_only": "default"}

# --- decoding


def decode_request(body: Json, ctx: Context) -> Request:
    if not isinstance(body, dict):
        raise TransformError("", "the body must be an object")
    messages = decode_messages(body, ctx)
    choice, parallel = decode_tool_choice(body.get("tool_choice"))
    metadata = optional(body.get("metadata"), dict, "metadata") or {}
    return Request(
        protocol=PROTOCOL,
        model=_model(body),
        messages=messages,
        tools=decode_tools(body.get("tools"), ctx),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        max_tokens=_count(body, "max_tokens"),
        temperature=optional(body.get("temperature"), float, "temperature"),
        top_p=optional(body.get("top_p"), float, "top_p"),
        top_k=_count(body, "top_k"),
        stop=tuple(_strings(body, "stop_sequences")),
        reasoning=decode_reasoning(body, ctx),
        output_format=_output_format(body),
        stream=optional(body.get("stream"), bool, "stream") or False,
        user=optional(metadata.get("user_id"), str, "metadata.user_id"),
        service_tier=TIERS.get(optional(body.get("service_tier"), str, "service_tier") or ""),
        cache=decode_cache(body, "", ctx),
        extras=dict(_extras(body)),
        raw=body,
    )


def _model(body: dict[str, Json]) -> str:
    """In the body everywhere but at Bedrock and Vertex, which have it in the URL."""
    if "anthropic_version" in body and body.get("model") is None:
        return ""
    return required(body.get("model"), str, "model")


def _count(body: dict[str, Json], field: str) -> int | None:
    count = optional(body.get(field), int, field)
    if count is not None and count < 0:
        raise TransformError(field, f"must be 0 or more, not {count}")
    return count


def _strings(body: dict[str, Json], field: str) -> Iterator[str]:
    for n, value in enumerate(optional(body.get(field), list, field) or ()):
        yield required(value, str, f"{field}[{n}]")


def _output_format(body: dict[str, Json]) -> OutputFormat | None:
    """`output_format` is the older spelling."""
    config = optional(body.get("output_config"), dict, "output_config") or {}
    where = "output_format" if config.get("format") is None else "output_config.format"
    given = optional(config.get("format") or body.get("output_format"), dict, where)
    if not given:
        return None
    one_of(required(given.get("type"), str, f"{where}.type"), ("json_schema",), f"{where}.type")
    return OutputFormat("json_schema", required(given.get("schema"), dict, f"{where}.schema"))


def _extras(body: dict[str, Json]) -> Iterator[tuple[str, Extra]]:
    for name, value in body.items():
        if value is None:
            continue
        if name in OPEN_FIELDS:
            rest = {k: v for k, v in value.items() if k not in OPEN_FIELDS[name] and v is not None}
            for key in list(rest)[:1]:
                yield name, Extra(rest, EXTRAS.get(key, "field_dropped"))
        elif name == "service_tier" and value not in TIERS:
            yield name, Extra(value, "tier_dropped")
        elif name not in TYPED:
            code = EXTRAS.get(name, "field_dropped")
            yield name, Extra(value, "hint_dropped" if DEFAULTS.get(name) == value else code)


# --- encoding

RESPONSES = "openai_responses"
MAX_CALLS = "max_tool_calls"  # of OpenAI's Responses
CONTEXT = "context_management"
COMPACT = "compact_20260112"
MIN_COMPACT = 50_000  # tokens of a trigger
SAMPLING_VERSION = "2023-06-01"  # later versions of the API have no sampling fields
MARK = "cache_control"
MAX_MARKS = 4  # cache breakpoints in one request
LONG = "1h"


def encode_request(request: Request, ctx: Context) -> Json:
    model = ctx.model or request.model
    tools = encode_tools(request.tools, ctx)
    offered = [*tools, *({"name": tool.name} for tool in late_tools(request))]
    if request.tools and not offered:
        request = without_tools(request)
    system, messages = encode_messages(request.messages, model, ctx)
    asked = request.tool_choice, request.parallel_tool_calls
    choice = encode_tool_choice(*asked, request.tools, offered, ctx)
    if not tools and choice == {"type": "auto"}:  # for tools that come later it needs no saying
        choice = None
    output_format, instruction = _format(request, model, ctx)
    if instruction:
        system = [*system, {"type": "text", "text": instruction}]
    thinking = encode_reasoning(request, model, messages, choice, ctx)
    config = {"effort": thinking.effort, "format": output_format}
    fields = {
        "model": model,
        "max_tokens": thinking.max_tokens,
        "system": system or None,
        "tools": tools or None,
        "tool_choice": choice,
        "messages": messages,
        "stream": request.stream or None,
        "stop_sequences": _stop(request, ctx) or None,
        "thinking": thinking.config,
        "output_config": {k: v for k, v in config.items() if v is not None} or None,
        "metadata": None if request.user is None else {"user_id": request.user},
        "service_tier": _tier(request, ctx),
        "mcp_servers": encode_servers(request.tools, ctx) or None,
        **_sampling(request, model, thinking.config, ctx),
    }
    if request.cache and ctx.profile.cache_breakpoints:
        fields[MARK] = cache_control(request.cache)
    marked = _limit_marks(MAX_MARKS - (MARK in fields), tools, system, messages, ctx)
    _order_marks([*marked, *([fields] if MARK in fields else ())], ctx)
    body = {name: value for name, value in fields.items() if value is not None}
    body = _with_extras(body, request, model, ctx)
    if request.protocol != PROTOCOL:
        ctx.betas += dict.fromkeys(_betas(body, ctx))
    return body


def _with_extras(body: dict[str, Json], request: Request, model: str, ctx: Context) -> Json:
    for name, extra in request.extras.items():
        if name == MAX_CALLS and _limit_calls(body.get("tools", []), extra.value):
            continue
        if name == CONTEXT and request.protocol == RESPONSES:
            if edits := _context_edits(extra.value, model, ctx):
                body[name] = {"edits": edits}
        elif request.protocol != PROTOCOL:
            ctx.notes.lose(extra.code, name, f"{name} has no counterpart")
        elif name in OPEN_FIELDS:
            body[name] = {**body.get(name, {}), **extra.value}
        else:
            body[name] = extra.value
    return body


def _limit_calls(tools: list[Json], limit: Json) -> bool:
    """Put OpenAI's limit on all its tools together to the one there is, if it can have one."""
    served = [tool for tool in tools if "type" in tool]
    if len(served) != 1 or not served[0]["type"].startswith("web_search"):
        return False
    served[0]["max_uses"] = limit
    return True


def _context_edits(given: Json, model: str, ctx: Context) -> list[Json]:
    """OpenAI's `context_management`, whose one kind there is here as well."""
    kept: list[Json] = []
    for n, edit in enumerate(given if isinstance(given, list) else [given]):
        where, edit = f"{CONTEXT}[{n}]", edit if isinstance(edit, dict) else {}
        if edit.get("type") != "compaction" or not matches(model, ctx.profile.compaction):
            ctx.notes.add("context_edit_dropped", where, f"{edit.get('type')} has no counterpart")
            continue
        threshold = edit.get("compact_threshold")
        trigger = {"trigger": _trigger(threshold, where, ctx)} if threshold is not None else {}
        kept.append({"type": COMPACT, **trigger})
    return kept


def _trigger(threshold: Json, where: str, ctx: Context) -> Json:
    tokens = required(threshold, int, f"{where}.compact_threshold")
    if tokens < MIN_COMPACT:
        detail = f"{tokens} became {MIN_COMPACT}, the least there is"
        ctx.notes.add("hint_dropped", f"{where}.compact_threshold", detail)
    return {"type": "input_tokens", "value": max(MIN_COMPACT, tokens)}


# What is beta of the messages: types of blocks -> what lets them in.
BLOCK_BETAS = {
    "tool_addition": "inline-tools-2026-09-15",
    "compaction": "compact-2026-01-12",
}
SIGNED_COMPACTION = "compact-2026-09-04"
EFFORT_BETA = "mid-conversation-output-config-2026-07-01"
MCP_BLOCKS = ("mcp_tool_use", "mcp_tool_result", "mcp_tool_listing")


def _betas(body: dict[str, Json], ctx: Context) -> Iterator[str]:
    """What `body` holds that is not for everybody yet, whether it is asked for or was answered."""
    if "mcp_servers" in body:
        yield ctx.profile.mcp_beta
    if CONTEXT in body:
        yield BLOCK_BETAS["compaction"]
    for message in body["messages"]:
        if "output_config" in message:
            yield EFFORT_BETA
        for block in message["content"]:
            if block["type"] in MCP_BLOCKS:
                yield ctx.profile.mcp_beta
            elif block["type"] == "compaction" and block.get("signature"):
                yield SIGNED_COMPACTION
            elif block["type"] in BLOCK_BETAS:
                yield BLOCK_BETAS[block["type"]]


def _format(request: Request, model: str, ctx: Context) -> tuple[Json, str]:
    """`output_config.format`, or what to tell a model that cannot be held to a schema."""
    wanted = request.output_format
    if wanted is None or wanted.kind == "text":
        return None, ""
    if request.protocol == PROTOCOL:
        return {"type": "json_schema", "schema": wanted.schema}, ""
    if wanted.name or wanted.description or wanted.strict is not None:
        ctx.notes.add("hint_dropped", "format", "name, description and strictness of the format")
    if wanted.kind == "json_schema" and matches(model, ctx.profile.output_format):
        cleaned = clean_for_anthropic(wanted.schema, "format.schema")
        if cleaned.schema is not None:
            for loss in cleaned.relaxed:
                ctx.notes.add("schema_relaxed", "format", loss)
            return {"type": "json_schema", "schema": cleaned.schema}, ""
    ctx.notes.add("json_mode_prompted", "format", "the form is asked for, not enforced")
    return None, asked_for(wanted)


def _stop(request: Request, ctx: Context) -> list[str]:
    kept = [sequence for sequence in request.stop if sequence.strip()]
    if len(kept) < len(request.stop):
        ctx.notes.add("stop_truncated", "stop", "a stop sequence of white space only")
    return kept


def _tier(request: Request, ctx: Context) -> str | None:
    if request.service_tier not in (None, "auto", "default"):
        ctx.notes.add("tier_dropped", "service_tier", f"there is no tier {request.service_tier}")
    if request.service_tier is None:
        return None
    return "standard_only" if request.service_tier == "default" else "auto"


def _sampling(request: Request, model: str, thinking: Json, ctx: Context) -> dict[str, Json]:
    fields = ("temperature", "top_p", "top_k")
    given = {name: getattr(request, name) for name in fields}
    given = {name: value for name, value in given.items() if value is not None}
    dated = ctx.profile.anthropic_version == SAMPLING_VERSION
    taken = dated and matches(model, ctx.profile.sampling)
    if request.protocol == PROTOCOL and taken:
        return given
    thinks = thinking is not None and thinking["type"] != "disabled"
    for name in list(given):
        # newer models refuse temperature and top_p together
        double = name == "top_p" and "temperature" in given
        if not taken or thinks or double or (name == "top_k" and not ctx.profile.top_k):
            ctx.notes.add("sampling_dropped", name, "the model does not take it here")
            del given[name]
    if "temperature" in given and not 0 <= given["temperature"] <= 1:
        ctx.notes.add("sampling_clamped", "temperature", "0 to 1 is the range here")
        given["temperature"] = min(1, max(0, given["temperature"]))
    return given


def _limit_marks(
    limit: int, tools: list[Json], system: list[Json], messages: list[Json], ctx: Context
) -> list[dict[str, Json]]:
    """The last breakpoints count most: a cache hit there covers what comes before.

    What has one in the end.
    """
    blocks = [block for message in messages for block in message["content"]]
    marked = [holder for holder in _holders([*tools, *system, *blocks]) if MARK in holder]
    many = max(0, len(marked) - limit)
    for holder in marked[:many]:
        del holder[MARK]
        ctx.notes.add("hint_dropped", MARK, f"more than {MAX_MARKS} cache breakpoints")
    return marked[many:]


def _order_marks(marked: list[dict[str, Json]], ctx: Context) -> None:
    """What is kept long has to come before what is not, so what comes behind is not kept long."""
    behind = dropwhile(_is_long, marked)
    for holder in filter(_is_long, behind):
        holder[MARK] = cache_control(CacheMark())
        ctx.notes.add("hint_dropped", MARK, "kept long behind what is not")


def _is_long(holder: dict[str, Json]) -> bool:
    return bool(object_of(holder[MARK]).get("ttl") == LONG)


def _holders(blocks: Iterable[Json]) -> Iterator[dict[str, Json]]:
    """In the order the cache sees them; what stands in a tool result comes before its end."""
    for block in blocks:
        if block.get("type") == "tool_result":
            yield from block.get("content", ())
        yield block


def continue_request(body: Json, answer: Json) -> Json:
    turn = {"role": "assistant", "content": answer["content"]}
    return {**body, "messages": [*body["messages"], turn]}
