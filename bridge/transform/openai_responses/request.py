"""Request bodies: the fields around the conversation.

Hard part: fields that point to what a vendor keeps (responses, conversations, templates) and those
that only one kind of model takes; what other protocols have by the same name goes along.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256

from ..changes import late_tools
from ..context import Context
from ..fields import one_of, optional, required
from ..json_text import Json
from ..model import Extra, OutputFormat, Request
from ..notes import TransformError
from ..prepare import without_tools
from ..profile import matches
from ..schema import is_openai_strict
from .messages import decode_messages, encode_messages
from .parts import PROTOCOL, SETTINGS, given_fields, items, type_of
from .reasoning import decode_reasoning, encode_reasoning
from .tools import decode_tool_choice, decode_tools, encode_tool_choice, encode_tools

__all__ = ["continue_request", "decode_request", "encode_request"]

# Fields without a typed one -> what others note when they drop them. Unknown ones: field_dropped.
EXTRAS: dict[str, str] = {
    **dict.fromkeys(("previous_response_id", "conversation"), "previous_response_not_found"),
    "prompt": "prompt_template_unsupported",
    "background": "background_unsupported",
    "truncation": "truncation_dropped",
    "context_management": "context_edit_dropped",
    "max_tool_calls": "max_tool_calls_dropped",
    "top_logprobs": "logprobs_dropped",
    "store": "hint_dropped",  # what is kept is kept here
    "metadata": "hint_dropped",  # the answer repeats it
    "user": "hint_dropped",  # beside a safety_identifier
    "stream_options": "hint_dropped",
    "client_metadata": "hint_dropped",
    "prompt_cache_key": "hint_dropped",
    "prompt_cache_retention": "hint_dropped",
}
# Said aloud though it is the default: nothing is lost without it.
DEFAULTS: dict[str, Json] = {
    "background": False,
    "store": False,  # ours, not the vendor's
    "truncation": "disabled",
    "top_logprobs": 0,
}
TYPED = frozenset(
    """
    model input instructions max_output_tokens temperature top_p tools tool_choice
    parallel_tool_calls text reasoning include stream safety_identifier user service_tier
    prompt_cache_options
    """.split()
)
FORMATS = ("text", "json_object", "json_schema")
ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"
PREWARM = "prewarm"  # fill the cache, answer nothing
COMPARED = "comparison_response_id"

# --- decoding


def decode_request(body: Json, ctx: Context) -> Request:
    if not isinstance(body, dict):
        raise TransformError("", "the body must be an object")
    text = optional(body.get("text"), dict, "text") or {}
    caching = optional(body.get("prompt_cache_options"), dict, "prompt_cache_options") or {}
    reasoning, extras = decode_reasoning(body)
    identity = optional(body.get("safety_identifier"), str, "safety_identifier")
    return Request(
        protocol=PROTOCOL,
        model=optional(body.get("model"), str, "model") or "",  # a template may name it
        messages=decode_messages(body, ctx),
        tools=decode_tools(body, ctx),
        tool_choice=decode_tool_choice(body, ctx),
        parallel_tool_calls=optional(body.get("parallel_tool_calls"), bool, "parallel_tool_calls"),
        max_tokens=0 if caching.get(PREWARM) is True else _limit(body),
        temperature=optional(body.get("temperature"), float, "temperature"),
        top_p=optional(body.get("top_p"), float, "top_p"),
        reasoning=reasoning,
        output_format=_output_format(body, text),
        stream=optional(body.get("stream"), bool, "stream") or False,
        user=identity or optional(body.get("user"), str, "user"),
        service_tier=optional(body.get("service_tier"), str, "service_tier"),
        extras={**extras, **dict(_extras(body, text, caching))},
        raw=body,
    )


def _limit(body: Mapping[str, Json]) -> int | None:
    limit = body.get("max_output_tokens")
    if isinstance(limit, float) and limit.is_integer():
        limit = int(limit)
    limit = optional(limit, int, "max_output_tokens")
    if limit is not None and limit < 1:
        raise TransformError("max_output_tokens", f"must be 1 or more, not {limit}")
    return limit


def _output_format(body: Mapping[str, Json], text: Mapping[str, Json]) -> OutputFormat | None:
    """The last word on it counts."""
    found = _format(text, "text")
    for where, item in items(body):
        if type_of(item, where) == SETTINGS:
            update = optional(item.get("text"), dict, f"{where}.text") or {}
            found = _format(update, f"{where}.text") or found
    return found


def _format(text: Mapping[str, Json], where: str) -> OutputFormat | None:
    where += ".format"
    given = optional(text.get("format"), dict, where)
    if not given:
        return None
    kind = one_of(required(given.get("type"), str, f"{where}.type"), FORMATS, f"{where}.type")
    if kind != "json_schema":
        return OutputFormat("text" if kind == "text" else "json_object")
    return OutputFormat(
        "json_schema",
        required(given.get("schema"), dict, f"{where}.schema"),
        optional(given.get("name"), str, f"{where}.name"),
        optional(given.get("description"), str, f"{where}.description"),
        optional(given.get("strict"), bool, f"{where}.strict"),
    )


def _extras(
    body: Mapping[str, Json], text: dict[str, Json], caching: dict[str, Json]
) -> Iterator[tuple[str, Extra]]:
    for name, value in body.items():
        if name not in TYPED and value is not None and DEFAULTS.get(name) != value:
            yield name, Extra(value, EXTRAS.get(name, "field_dropped"))
    if rest := {k: v for k, v in given_fields(caching).items() if k not in (PREWARM, COMPARED)}:
        yield "prompt_cache_options", Extra(rest, "hint_dropped")
    if caching.get(COMPARED) is not None:
        yield COMPARED, Extra(caching[COMPARED], "hint_dropped")
    if text.get("verbosity") is not None:
        yield "verbosity", Extra(text["verbosity"], "verbosity_dropped")
    if rest := {k: v for k, v in given_fields(text).items() if k not in ("format", "verbosity")}:
        yield "text", Extra(rest, "field_dropped")
    included = optional(body.get("include"), list, "include") or []
    if LOGPROBS in included:
        yield "logprobs", Extra(True, "logprobs_dropped")
    if others := [name for name in included if name not in (ENCRYPTED, LOGPROBS)]:
        yield "include", Extra(others, "hint_dropped")
    if body.get("safety_identifier") and body.get("user") not in (None, body["safety_identifier"]):
        yield "user", Extra(body["user"], EXTRAS["user"])


# --- encoding

MIN_LIMIT = 16  # of max_output_tokens
MAX_USER = 64  # characters of safety_identifier
TIERS = ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")
# Fields that Chat has too, by the same name and with the same meaning.
SHARED = frozenset(
    """
    store metadata user verbosity moderation logprobs top_logprobs stream_options prompt_cache_key
    prompt_cache_options prompt_cache_retention
    """.split()
)
# Fields of Anthropic's that have a counterpart of another form.
COUNTERPARTS = frozenset({"context_management", "mcp_servers"})
# Fields that compatible servers refuse or ignore.
VENDOR_ONLY = frozenset(
    """
    metadata user verbosity moderation prompt_cache_key prompt_cache_options prompt_cache_retention
    stream_options
    """.split()
)


def encode_request(request: Request, ctx: Context) -> Json:
    model = ctx.model or request.model
    tools = encode_tools(request.tools, ctx, _servers(request))
    late = [{"type": tool.kind, "name": tool.name} for tool in late_tools(request)]
    if request.tools and not [*tools, *late]:
        request = without_tools(request)
    instructions, given = encode_messages(request, ctx)
    further = _further(request, ctx)
    fields: dict[str, Json] = {
        "model": model or None,
        "instructions": instructions,
        "input": given,
        **_tools(request, tools, late, ctx),
        "max_output_tokens": _encoded_limit(request, ctx),
        **_sampling(request, model, ctx),
        "reasoning": encode_reasoning(request, ctx) or None,
        "text": _text(request, further, ctx) or None,
        "include": _include(model, further, ctx) or None,
        "store": _store(further, ctx),
        **_identity(request, ctx),
        "prompt_cache_options": _caching(request, model, further, ctx) or None,
        "context_management": _context_edits(request, ctx) or None,
        "stream": request.stream or None,
        **further,
    }
    return given_fields(fields)


def _further(request: Request, ctx: Context) -> dict[str, Json]:
    """Extras that can go along."""
    known: dict[str, Json] = {}
    for name, extra in request.extras.items():
        own = request.protocol == PROTOCOL
        shared = request.protocol == "openai_chat" and name in SHARED
        if request.protocol == "anthropic_messages" and name in COUNTERPARTS:
            continue
        if not own and not shared:
            ctx.notes.lose(extra.code, name, f"{name} has no counterpart")
        elif name in VENDOR_ONLY and not ctx.profile.vendor_fields:
            ctx.notes.add("hint_dropped", name, "a field of OpenAI")
        elif name != "reasoning":  # which is read with the effort
            known[name] = extra.value
    return known


def _tools(request: Request, tools: list[Json], late: list[Json], ctx: Context) -> dict[str, Json]:
    offered = [*tools, *late]
    choice = encode_tool_choice(request.tool_choice, request.tools, offered, ctx)
    parallel = request.parallel_tool_calls
    if not offered and request.protocol != PROTOCOL:
        parallel = None
    return {"tools": tools or None, "tool_choice": choice, "parallel_tool_calls": parallel}


def _servers(request: Request) -> list[Json]:
    """Anthropic's MCP servers."""
    extra = request.extras.get("mcp_servers")
    given = extra.value if extra and request.protocol == "anthropic_messages" else None
    servers = given if isinstance(given, list) else []
    return [s for s in servers if isinstance(s, dict) and isinstance(s.get("name"), str)]


def _encoded_limit(request: Request, ctx: Context) -> int | None:
    limit = request.max_tokens or None  # 0 asks for no answer
    if limit is None or limit >= MIN_LIMIT:
        return limit
    ctx.notes.add("hint_dropped", "max_tokens", f"{limit} became {MIN_LIMIT}, the least there is")
    return MIN_LIMIT


def _sampling(request: Request, model: str, ctx: Context) -> dict[str, Json]:
    given = given_fields({n: getattr(request, n) for n in ("temperature", "top_p", "top_k")})
    taken = ("temperature", "top_p") if matches(model, ctx.profile.sampling) else ()
    for name in given:
        if name not in taken:
            ctx.notes.add("sampling_dropped", name, f"{model} does not take it")
    if request.stop:
        ctx.notes.add("stop_unsupported", "stop", "the protocol has no stop sequences")
    return {name: value for name, value in given.items() if name in taken}


def _text(request: Request, further: dict[str, Json], ctx: Context) -> dict[str, Json]:
    fields = {"format": _text_format(request, ctx), "verbosity": further.pop("verbosity", None)}
    return {**given_fields(fields), **further.pop("text", {})}


def _text_format(request: Request, ctx: Context) -> Json:
    wanted = request.output_format
    if wanted is None or wanted.kind != "json_schema":
        return wanted and {"type": wanted.kind}
    strict = wanted.strict
    if request.protocol == "anthropic_messages":  # there every format is enforced
        strict = is_openai_strict(wanted.schema)
        if not strict:
            ctx.notes.add("strict_downgraded", "output_config.format", "the schema is a hint only")
    fields = {
        "name": wanted.name if request.protocol == PROTOCOL else wanted.name or "response",
        "description": wanted.description,
        "schema": wanted.schema,
        "strict": strict,
    }
    return {"type": "json_schema", **given_fields(fields)}


def _include(model: str, further: dict[str, Json], ctx: Context) -> list[str]:
    """What has to be asked for; reasoning comes back only with its ciphertext."""
    encrypted = [ENCRYPTED] if matches(model, ctx.profile.reasoning) else []
    logprobs = [LOGPROBS] if further.pop("logprobs", False) else []
    included = [*encrypted, *logprobs, *further.pop("include", [])]
    if included and not ctx.profile.include:
        ctx.notes.add("hint_dropped", "include", ", ".join(included))
        return []
    return included


def _store(further: dict[str, Json], ctx: Context) -> bool | None:
    """OpenAI keeps what it is not told to forget."""
    asked = further.pop("store", False) is True
    if ctx.profile.store:
        return asked
    if asked:
        ctx.notes.add("hint_dropped", "store", "this upstream keeps nothing")
    return None


def _identity(request: Request, ctx: Context) -> dict[str, Json]:
    """Who the app's user is, and how much haste: fields of the vendor."""
    user, tier = request.user, request.service_tier
    if user and len(user) > MAX_USER and request.protocol == "anthropic_messages":
        user = sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
    if tier is not None and tier not in TIERS and request.protocol != PROTOCOL:
        ctx.notes.add("tier_dropped", "service_tier", f"there is no tier {tier}")
        tier = None
    fields = {"safety_identifier": user, "service_tier": tier}
    if ctx.profile.vendor_fields:
        return fields
    for name in given_fields(fields):
        ctx.notes.add("hint_dropped", name, "a field of OpenAI")
    return {}


def _caching(
    request: Request, model: str, further: dict[str, Json], ctx: Context
) -> dict[str, Json]:
    options = dict(further.pop("prompt_cache_options", {}))
    if COMPARED in further:
        options[COMPARED] = further.pop(COMPARED)
    if request.max_tokens != 0:
        return options
    if request.protocol != PROTOCOL and not matches(model, ctx.profile.prewarm):
        problem = "this upstream cannot fill its cache without an answer"
        raise TransformError("max_tokens", problem, "prewarm_unsupported")
    return {**options, PREWARM: True}


def _context_edits(request: Request, ctx: Context) -> list[Json]:
    """Anthropic's edits of the context: of them only compaction is known here."""
    extra = request.extras.get("context_management")
    if extra is None or request.protocol != "anthropic_messages":
        return []
    edits = extra.value.get("edits") if isinstance(extra.value, dict) else None
    kept: list[Json] = []
    for n, edit in enumerate(edits if isinstance(edits, list) else ()):
        kind = str(edit.get("type")) if isinstance(edit, dict) else ""
        where = f"context_management.edits[{n}]"
        if kind.startswith("compact_") and ctx.profile.vendor_fields:
            trigger = edit.get("trigger")
            threshold = trigger.get("value") if isinstance(trigger, dict) else None
            kept.append(given_fields({"type": "compaction", "compact_threshold": threshold}))
            for key in sorted(given_fields(edit).keys() - {"type", "trigger"}):
                ctx.notes.add("hint_dropped", f"{where}.{key}", "how to sum up")
        else:
            ctx.notes.add("context_edit_dropped", where, f"{kind} has no counterpart")
    return kept


def continue_request(body: Json, answer: Json) -> Json:
    return {**body, "input": [*body["input"], *answer["output"]]}
