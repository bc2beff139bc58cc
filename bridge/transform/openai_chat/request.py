"""Request bodies: the fields around the conversation.

Hard part: the same field by two names, fields of one model that another refuses, and the dozens
that only gateways know; each is kept with what to note when it cannot go along.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256

from ..context import Context
from ..fields import one_of, optional, required
from ..json_text import Json
from ..model import Extra, OutputFormat, Request
from ..notes import TransformError
from ..prepare import asked_for, with_told, without_tools
from ..profile import matches
from ..schema import is_openai_strict
from .messages import decode_messages, encode_messages
from .parts import PROTOCOL
from .reasoning import decode_reasoning, encode_reasoning
from .tools import (
    decode_tool_choice,
    decode_tools,
    encode_function,
    encode_tool_choice,
    encode_tools,
    web_search_options,
)

__all__ = ["continue_request", "decode_request", "encode_request"]

# Fields without a typed one -> what others note when they drop them. Unknown ones: field_dropped.
EXTRAS: dict[str, str] = {
    **dict.fromkeys(
        (
            "frequency_penalty",
            "presence_penalty",
            "logit_bias",
            "seed",
            "random_seed",  # Mistral
            "min_p",  # this and the next are vLLM's
            "repetition_penalty",
        ),
        "sampling_dropped",
    ),
    "logprobs": "logprobs_dropped",
    "top_logprobs": "logprobs_dropped",
    "n": "n_unsupported",
    "modalities": "audio_unsupported",
    "audio": "audio_unsupported",
    "prediction": "prediction_dropped",
    "verbosity": "verbosity_dropped",
    "moderation": "moderation_dropped",
    "store": "metadata_dropped",
    "metadata": "metadata_dropped",
    "user": "hint_dropped",  # beside a safety_identifier
    "stream_options": "hint_dropped",  # but for include_usage
    "prompt_cache_key": "hint_dropped",
    "prompt_cache_options": "hint_dropped",
    "prompt_cache_retention": "hint_dropped",
    "reasoning_split": "reasoning_option_dropped",  # MiniMax
}
# Said aloud though it is the default: nothing is lost without it.
DEFAULTS: dict[str, Json] = {
    "n": 1,
    "logprobs": False,
    "modalities": ["text"],
    "store": False,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logit_bias": {},
}
TYPED = frozenset(
    """
    model messages max_completion_tokens max_tokens temperature top_p top_k stop stream
    stream_options tools functions tool_choice function_call parallel_tool_calls response_format
    reasoning_effort reasoning thinking include_reasoning enable_thinking chat_template_kwargs
    reasoning_format web_search_options user safety_identifier service_tier
    """.split()
)
FORMATS = ("text", "json_object", "json_schema")

# --- decoding


def decode_request(body: Json, ctx: Context) -> Request:
    if not isinstance(body, dict):
        raise TransformError("", "the body must be an object")
    options = optional(body.get("stream_options"), dict, "stream_options") or {}
    identity = optional(body.get("safety_identifier"), str, "safety_identifier")
    legacy = body.get("functions") is not None and body.get("tools") is None
    reasoning, extras = decode_reasoning(body)
    return Request(
        protocol=PROTOCOL,
        model=optional(body.get("model"), str, "model") or "",  # Azure has it in the URL
        messages=decode_messages(body, ctx),
        tools=decode_tools(body),
        tool_choice=decode_tool_choice(body),
        parallel_tool_calls=False if legacy else _flag(body, "parallel_tool_calls"),
        max_tokens=_count(body, "max_completion_tokens", "max_tokens"),
        temperature=optional(body.get("temperature"), float, "temperature"),
        top_p=optional(body.get("top_p"), float, "top_p"),
        top_k=_count(body, "top_k"),
        stop=tuple(_stop(body.get("stop"))),
        reasoning=reasoning,
        output_format=_output_format(body),
        stream=_flag(body, "stream") or False,
        include_usage=options.get("include_usage") is True,
        legacy_functions=legacy,
        user=identity or optional(body.get("user"), str, "user"),
        service_tier=optional(body.get("service_tier"), str, "service_tier"),
        extras={**extras, **dict(_extras(body, options))},
        raw=body,
    )


def _flag(body: Mapping[str, Json], field: str) -> bool | None:
    return optional(body.get(field), bool, field)


def _count(body: Mapping[str, Json], *fields: str) -> int | None:
    """The first of `fields` that is there; some clients compute it and send 100.0."""
    field = next((name for name in fields if body.get(name) is not None), fields[0])
    count = body.get(field)
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    count = optional(count, int, field)
    if count is not None and count < 0:
        raise TransformError(field, f"must be 0 or more, not {count}")
    return count


def _stop(stop: Json) -> Iterator[str]:
    if isinstance(stop, str):
        yield stop
        return
    for n, value in enumerate(optional(stop, list, "stop") or ()):
        yield required(value, str, f"stop[{n}]")


def _output_format(body: Mapping[str, Json]) -> OutputFormat | None:
    where = "response_format"
    given = optional(body.get(where), dict, where)
    if not given:
        return None
    kind = one_of(required(given.get("type"), str, f"{where}.type"), FORMATS, f"{where}.type")
    if kind == "json_object" and isinstance(given.get("schema"), dict):  # llama.cpp, Together
        return OutputFormat("json_schema", given["schema"])
    if kind != "json_schema":
        return OutputFormat("text" if kind == "text" else "json_object")
    where += ".json_schema"
    schema = required(given.get("json_schema"), dict, where)
    form = optional(schema.get("schema"), dict, f"{where}.schema")
    return OutputFormat(
        "json_schema",
        {"type": "object"} if form is None else form,  # the SDK's type has it optional
        optional(schema.get("name"), str, f"{where}.name"),
        optional(schema.get("description"), str, f"{where}.description"),
        optional(schema.get("strict"), bool, f"{where}.strict"),
    )


def _extras(body: Mapping[str, Json], options: Mapping[str, Json]) -> Iterator[tuple[str, Extra]]:
    for name, value in body.items():
        if name not in TYPED and value is not None and DEFAULTS.get(name) != value:
            yield name, Extra(value, EXTRAS.get(name, "field_dropped"))
    rest = {k: v for k, v in options.items() if k != "include_usage" and v is not None}
    if rest:
        yield "stream_options", Extra(rest, EXTRAS["stream_options"])
    if body.get("safety_identifier") and body.get("user") not in (None, body["safety_identifier"]):
        yield "user", Extra(body["user"], EXTRAS["user"])


# --- encoding

MAX_STOP = 4
MAX_USER = 64  # characters of safety_identifier
# Fields that Responses has too, by the same name and with the same meaning.
SHARED = frozenset(
    """
    metadata user verbosity moderation logprobs top_logprobs stream_options prompt_cache_key
    prompt_cache_options prompt_cache_retention
    """.split()
)
# Fields that compatible servers refuse or ignore.
VENDOR_ONLY = frozenset(
    """
    store metadata verbosity moderation prediction prompt_cache_key prompt_cache_options
    prompt_cache_retention
    """.split()
)
SAMPLING = frozenset({"frequency_penalty", "presence_penalty", "logit_bias"})
TIERS = {"ultrafast": "priority"}  # of Responses


def encode_request(request: Request, ctx: Context) -> Json:
    model = ctx.model or request.model
    if request.max_tokens == 0 and request.protocol != PROTOCOL:
        problem = "this upstream cannot fill its cache without an answer"
        raise TransformError("max_tokens", problem, "prewarm_unsupported")
    tools = encode_tools(request.tools, ctx)
    if request.tools and not tools and request.protocol != PROTOCOL:
        request = without_tools(request)
    request = _with_known_form(request, ctx)
    fields: dict[str, Json] = {
        "model": model or None,
        "messages": encode_messages(request, ctx),
        ctx.profile.max_tokens_field: request.max_tokens,
        **_tools(request, tools, ctx),
        **_sampling(request, model, ctx),
        "stop": _encoded_stop(request, model, ctx) or None,
        **encode_reasoning(request, ctx),
        "response_format": _response_format(request, ctx),
        **_identity(request, ctx),
        "web_search_options": web_search_options(request.tools),
        "stream": request.stream or None,
        "stream_options": _stream_options(request, ctx) or None,
    }
    body = {name: value for name, value in fields.items() if value is not None}
    body = _with_extras(body, request, model, ctx)
    if not body["messages"] and request.protocol != PROTOCOL:
        where = "input" if request.protocol == "openai_responses" else "messages"
        raise TransformError(where, "there is nothing to answer")
    return body


def _with_known_form(request: Request, ctx: Context) -> Request:
    """The form of the answer in the words that the upstream takes, or told to the model."""
    form, profile = request.output_format, ctx.profile
    if form is None or form.kind == "text":
        return request
    if profile.json_schema if form.kind == "json_schema" else profile.json_object:
        return request
    if form.kind == "json_object" and profile.json_schema:
        known = OutputFormat("json_schema", {"type": "object"}, "response")
        return replace(request, output_format=known)
    ctx.notes.add("json_mode_prompted", "response_format", "the form is asked for, not enforced")
    loose = OutputFormat("json_object") if profile.json_object else None
    return replace(with_told(request, asked_for(form)), output_format=loose)


def _tools(request: Request, tools: list[Json], ctx: Context) -> dict[str, Json]:
    choice = encode_tool_choice(request.tool_choice, request.tools, tools, ctx)
    if request.legacy_functions and request.protocol == PROTOCOL:
        functions = [encode_function(tool, ctx) for tool in request.tools if tool.native is None]
        named = choice.get("function") if isinstance(choice, dict) else choice
        return {"functions": functions, "function_call": named}
    parallel = request.parallel_tool_calls
    if not tools and request.protocol != PROTOCOL:  # OpenAI refuses it alone, others do not
        return {}
    return {"tools": tools or None, "tool_choice": choice, "parallel_tool_calls": parallel}


def _sampling(request: Request, model: str, ctx: Context) -> dict[str, Json]:
    given = {name: getattr(request, name) for name in ("temperature", "top_p", "top_k")}
    taken = matches(model, ctx.profile.sampling)
    for name, value in given.items():
        own = request.protocol == PROTOCOL or ctx.profile.top_k or name != "top_k"
        if value is not None and not (taken and own):
            ctx.notes.add("sampling_dropped", name, f"{model} does not take it")
            given[name] = None
    return given


def _encoded_stop(request: Request, model: str, ctx: Context) -> list[str]:
    if request.stop and not matches(model, ctx.profile.stop):
        ctx.notes.add("stop_unsupported", "stop", f"{model} does not take it")
        return []
    if len(request.stop) > MAX_STOP:
        ctx.notes.add("stop_truncated", "stop", f"the first {MAX_STOP} of {len(request.stop)}")
    return list(request.stop[:MAX_STOP])


def _response_format(request: Request, ctx: Context) -> Json:
    wanted = request.output_format
    if wanted is None:
        return None
    if wanted.kind != "json_schema":
        return {"type": wanted.kind}
    strict = wanted.strict
    if request.protocol == "anthropic_messages":  # there every format is enforced
        strict = is_openai_strict(wanted.schema)
        if not strict:
            ctx.notes.add("strict_downgraded", "output_config.format", "the schema is a hint only")
    name = wanted.name if request.protocol == PROTOCOL else wanted.name or "response"
    fields = {
        "name": name,
        "description": wanted.description,
        "schema": wanted.schema,
        "strict": strict,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    return {"type": "json_schema", "json_schema": given}


def _identity(request: Request, ctx: Context) -> dict[str, Json]:
    """Who the app's user is, and how much haste: fields of the vendor."""
    user, tier = request.user, request.service_tier
    if user and len(user) > MAX_USER and request.protocol == "anthropic_messages":
        user = sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
    if tier in TIERS:
        ctx.notes.add("tier_dropped", "service_tier", f"{tier} became {TIERS[tier]}")
    fields = {"safety_identifier": user, "service_tier": TIERS.get(tier or "", tier)}
    if ctx.profile.vendor_fields:
        return fields
    for name, value in fields.items():
        if value is not None:
            ctx.notes.add("hint_dropped", name, "a field of OpenAI")
    return {}


def _stream_options(request: Request, ctx: Context) -> dict[str, Json]:
    own = request.protocol == PROTOCOL
    wanted = request.include_usage if own else request.stream and ctx.profile.stream_usage
    return {"include_usage": True} if wanted else {}


def _with_extras(body: dict[str, Json], request: Request, model: str, ctx: Context) -> Json:
    shared = request.protocol == "openai_responses"
    for name, extra in request.extras.items():
        if request.protocol != PROTOCOL and not (shared and name in SHARED):
            ctx.notes.lose(extra.code, name, f"{name} has no counterpart")
        elif name in VENDOR_ONLY and not ctx.profile.vendor_fields:
            ctx.notes.add("hint_dropped", name, "a field of OpenAI")
        elif name in SAMPLING and not matches(model, ctx.profile.sampling):
            ctx.notes.add("sampling_dropped", name, f"{model} does not take it")
        elif isinstance(body.get(name), dict) and isinstance(extra.value, dict):  # the rest of it
            body[name] = {**body[name], **extra.value}
        elif name == "prompt_cache_options" and shared:
            body[name] = _cache_options(extra.value, ctx)
        else:
            body[name] = extra.value
    if "top_logprobs" in body:
        body["logprobs"] = True
    return body


def _cache_options(options: dict[str, Json], ctx: Context) -> dict[str, Json]:
    """Responses has more of them."""
    known = {k: v for k, v in options.items() if k == "mode" or (k, v) == ("ttl", "30m")}
    if len(known) < len(options):
        ctx.notes.add("hint_dropped", "prompt_cache_options", "how long the cache has to last")
    return known


def continue_request(body: Json, answer: Json) -> Json:
    return {**body, "messages": [*body["messages"], answer["choices"][0]["message"]]}
