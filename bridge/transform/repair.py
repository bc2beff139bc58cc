"""A refused request made acceptable: what an upstream's 400 says about the server, as a profile.

In: the error, the body that was refused and the profile it was made by. Out: the profile that
cures it and a few words on what changes, or None where the fault is the app's own. Hard part:
every server has its own words for "I do not take that", and an app's mistake is told in nearly the
same ones; so what is left out must be in the body, and must be no part of what is said.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .effort import LEVELS
from .fit import LIMITS, fitted
from .json_text import Json
from .model import Error, Protocol
from .notes import Notes
from .profile import ALL, NONE, Profile


class Repair(NamedTuple):
    """`profile` makes another request; `detail` tells the difference at `where` in its body."""

    profile: Profile
    where: str
    detail: str


STATUSES = (400, 422)
# Errors about what the model wrote, which they repeat: no refusal of the server's (Groq).
GENERATED = ("tool_use_failed", "json_validate_failed", "output_parse_failed")

A, C, R = "anthropic_messages", "openai_chat", "openai_responses"


@dataclass(frozen=True, slots=True)
class Rule:
    """`words` in an error of these protocols: then `flags` are right for the server."""

    protocols: tuple[str, ...]
    words: str
    flags: Mapping[str, Any]
    where: str
    detail: str


# What refusals say that name no field to leave out. First match wins.
RULES = (
    Rule(
        (C, R),
        r"\bdeveloper\b.{0,60}\b(role|one of|model|supported values)\b"
        r"|\brole\b.{0,80}\bdeveloper\b|unknown variant .developer"
        r"|\brole: input should be .system",
        {"developer_role": False, "renamed_roles": (("developer", "system"),)},
        "messages.role",
        "developer text is told as system text",
    ),
    Rule(
        (C,),
        r"does not support .system. with this model|system role (is )?not supported"
        r"|roles are supported,? (but )?got .?system",
        {"renamed_roles": (("developer", "user"), ("system", "user"))},
        "messages.role",
        "system text is told as user text",
    ),
    Rule(
        (C,),
        r"system message must be (at the beginning|the first)",  # chat templates
        {"late_system": False, "merge_roles": True},
        "messages.role",
        "system text is told first, or as user text",
    ),
    Rule(
        (C,),
        r"roles must alternate",
        {"late_system": False, "merge_roles": True},
        "messages",
        "neighbouring messages of one role are joined",
    ),
    Rule(
        (C,),
        r"invalid tool_choice type: .?object",  # LM Studio
        {"named_choice": False},
        "tool_choice",
        "no tool is chosen by its name",
    ),
    Rule(
        (C,),
        r"reasoning_content\b.{0,80}(must be passed back|required|missing)"
        r"|missing .?reasoning_content",
        {"reasoning_required": True, "reasoning_field": "reasoning_content"},
        "messages.reasoning_content",
        "turns with calls have their reasoning_content",
    ),
    Rule(
        (C,),
        r"messages\b.{0,60}(invalid type: sequence, expected a string|content. must be a string"
        r"|input should be a valid string)",
        {"join_text": True},
        "messages.content",
        "several texts are told as one",
    ),
    Rule(
        (C, R),
        r"tools\b.{0,40}\bcustom\b.{0,80}(expected|supported values are|should be).{0,20}function"
        r"|tools\b.{0,20}\btype\b.{0,40}(should be|allowed values) \W{1,2}function"
        r"|invalid value: .custom.{1,4}supported values are: .function|unknown variant .custom"
        r"|custom tools? (is|are) not supported|tool type:? .?custom|.custom. is not supported",
        {"custom_tools": False},
        "tools",
        "freeform tools are functions of one string",
    ),
    Rule(
        (A,),
        r"roles must alternate",
        {"merge_roles": True},
        "messages",
        "neighbouring messages of one role are joined",
    ),
    Rule(
        (A,),
        r"role\b.{0,60}\bsystem\b|\bsystem\b.{0,60}\brole\b|\brole: input should be .user",
        {"system_messages": NONE},
        "messages.role",
        "late system text is told as user text",
    ),
    Rule(
        (A,),
        r"thinking\.type\.enabled\b.{0,40}not supported",
        {"manual_thinking": NONE, "adaptive": ALL},
        "thinking",
        "thinking is adaptive",
    ),
    Rule(
        (A,),
        r"adaptive thinking is not supported|input tag .adaptive"
        r"|thinking\.type\b.{0,12}\badaptive\b.{0,60}\b(not|unknown|invalid|expected)\b"
        r"|thinking\.type: input should be .(enabled|disabled)",
        {"adaptive": NONE, "manual_thinking": ALL},
        "thinking",
        "thinking has a budget",
    ),
    Rule(
        (A,),
        r"output_(config\.)?format\b(?!\.schema).{0,40}(not permitted|not supported|unknown)"
        r"|does not support (structured outputs?|output format)"
        r"|structured outputs? (is|are) not supported",
        {"output_format": NONE},
        "output_config.format",
        "the format is asked for in words",
    ),
    Rule(
        (A,),
        r"\boutput_config\b(?!\.\w).{0,40}(not permitted|not supported|unknown)"
        r"|(extraneous|unknown|unexpected|unsupported)\b.{0,30}\boutput_config\b(?!\.\w)",
        {"output_format": NONE, "adaptive": NONE, "manual_thinking": ALL},
        "output_config",
        "thinking has a budget, and the format is asked for in words",
    ),
    Rule(
        (A,),
        r"\bmcp_servers\b.{0,40}(not permitted|not supported|unknown)",
        {"mcp_beta": ""},
        "mcp_servers",
        "there are no MCP servers",
    ),
    Rule(
        (A,),
        r"(does not|doesn't) support thinking|thinking is not supported",
        {"adaptive": NONE, "manual_thinking": NONE},
        "thinking",
        "no thinking is asked for",
    ),
    Rule(
        (C, R),
        r"(does not|doesn't) support (thinking|reasoning)\b(?! summar)"
        r"|think value \S+ is not supported",  # Ollama
        {"reasoning": NONE},
        "reasoning_effort",
        "no reasoning is asked for",
    ),
)

_LIMIT = re.compile(
    r"max_tokens: \d+ > (\d+)"  # Anthropic
    r"|supports at most (\d+) (?:completion|output) tokens"  # OpenAI
    r"|max_(?:completion_|output_)?tokens\W+must be (?:less than or equal to|at most|<=)\W*(\d+)"
    r"|valid range of max_tokens is \[1, ?(\d+)\]",  # DeepSeek
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
_EFFORT = re.compile(r"effort|reasoning|think")
_LISTS = re.compile(r"(must|should) be\b|one of|expected|supported|allowed|valid values")

_NAME = r"[`'\"]?([A-Za-z_][\w.\[\]]*)[`'\"]?"
_NOT_TAKEN = (
    r"(?:not (?:a )?(?:supported|permitted|allowed|recogni[sz]ed|accepted|enabled)|unsupported"
    r"|unknown|deprecated for this model)"
)
# How a name is given of what the server does not take; the words around it are what they share.
NAMED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:unsupported|unknown|unrecogni[sz]ed|unexpected|unpermitted|incompatible"
        r"|extra(?:neous)?) (?:request |keyword |input )?"
        r"(?:parameter|param|argument|field|property|key|name|value)s?"
        rf"(?: supplied| name)?:? ?[\[({{]?{_NAME}",
        rf"(?:fields|parameters|arguments) are (?:currently )?{_NOT_TAKEN}: {_NAME}",
        rf"{_NAME}: extra inputs are not permitted",
        rf"(?m:^{_NAME}\n +extra inputs are not permitted)",
        rf"extra inputs are not permitted, field: {_NAME}",
        r"['\"]loc['\"]: ?[(\[]['\"]body['\"], ?([^)\]]*)[)\]], ?"
        r"['\"]msg['\"]: ?['\"]extra (?:inputs|fields)",  # pydantic, as Python or as JSON
        rf"(?:property|parameter|argument|field|option|key) ?[\[(]?{_NAME}[\])]? is {_NOT_TAKEN}",
        rf"(?:\A|[:.] ){_NAME} (?:is|are) {_NOT_TAKEN}",
        rf"(?:does not|doesn't) support (?:the )?(?:parameter|argument|field|option)s?:? {_NAME}",
        rf"(?:does not|doesn't) support (?:this |the )?{_NAME}(?: parameter)?\.?(?:\Z|,| with)",
        rf"(?:does not|doesn't) support {_NAME} (?:level|value)",
        rf"argument not supported on this model: {_NAME}",
        rf"{_NAME} cannot both be specified",
        r"extraneous key \[(\w+)\] is not permitted",  # Bedrock
    )
)
# Words and codes that make `param` the name of something the server does not take.
_REFUSES = re.compile(
    rf"{_NOT_TAKEN}|unrecogni[sz]ed|does(?: not|n't) support|extra inputs", re.IGNORECASE
)
REFUSING = ("unsupported_parameter", "unsupported_value", "unknown_parameter")
# What a server finds wrong in a schema is the app's to mend: others are taken.
_SCHEMA = re.compile(r"invalid (json )?schema|json schema fields", re.IGNORECASE)

# A form that is not taken, by its type.
FORMS = ("json_schema", "json_object")
_FORM = re.compile(
    r"response[_ ]format|structured outputs?|json[_ ](?:schema|object|mode|output)", re.IGNORECASE
)
_NO_FORM = re.compile(
    rf"{_REFUSES.pattern}|unavailable|unknown variant|must be .?(?:json_schema|text)", re.IGNORECASE
)

# Where a limit that is refused may go by another name.
RENAMES = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
# What is said, how the answer has to look, and what no request can be without.
KEPT = frozenset(
    "model messages input system instructions tools functions mcp_servers stream prompt "
    "conversation previous_response_id n background modalities audio response_format "
    "output_format".split()
)
# A field that is more than options -> the option in it.
OPTIONS: dict[str, str] = {"output_config": "effort", "text": "verbosity"}
# Where the app's own words begin.
OWN = frozenset({"parameters", "input_schema", "schema", "arguments"})
# What makes no sense without another field.
WITH: dict[tuple[str, ...], tuple[tuple[str, ...], ...]] = {("logprobs",): (("top_logprobs",),)}
REQUIRED = frozenset({(A, "max_tokens")})
# What may be left out deeper down, by its last key; all else there is said.
DEEP = frozenset(
    "strict cache_control prompt_cache_breakpoint verbosity summary effort include_usage "
    "defer_loading eager_input_streaming input_examples allowed_callers phase status annotations "
    "citations detail reasoning_content reasoning_details reasoning include_obfuscation display "
    "disable_parallel_tool_use cache_control.scope cache_control.ttl messages.name".split()
)
# Where a bare name is looked for when the body has none on its top.
PLACES = tuple(
    place.split(".")
    for place in (
        "messages messages.content messages.tool_calls input input.content system tools "
        "tools.function reasoning output_config stream_options text"
    ).split()
)


# What vendors say of state (signatures, ciphertexts) that they, or this key, did not make.
_FOREIGN_STATE = re.compile(
    r"invalid .?signature|signature\b.{0,40}(not valid|invalid|could not be verified)"
    r"|invalid .?data.? in .?redacted_thinking|thinking.? blocks .{0,60}cannot be modified"
    r"|encrypted[ _]content\b.{0,80}(could not be|invalid|cannot be)|invalid_encrypted_content"
    r"|item '?rs_\w+'? (of type 'reasoning' was provided without|not found)",
    re.IGNORECASE | re.DOTALL,
)
_UNBOUND = "bound to a different"  # Anthropic: of another conversation


def is_foreign_state(error: Error) -> bool:
    """Whether state in the history is not this upstream's, as it says."""
    words = f"{error.code or ''} {error.message}"
    return 400 <= error.status < 500 and _FOREIGN_STATE.search(words) is not None


def is_unbound(error: Error) -> bool:
    """Whether thinking in the history was made in another conversation."""
    return _UNBOUND in error.message


def repair(
    error: Error, body: Json, profile: Profile, protocol: Protocol, *, same: bool
) -> Repair | None:
    """What makes of `body`, which was answered with `error`, a request that is taken.

    `same`: the app speaks the protocol itself, so that only fields of `body` can be changed.
    """
    if error.status not in STATUSES or error.kind != "invalid_request":
        return None
    if error.code in GENERATED:
        return None
    if not isinstance(body, dict) or _SCHEMA.search(error.message):
        return None
    found = (
        _limited(error.message, body, profile),
        _with_known_effort(error, body, profile),
        _with_known_form(error, body, profile),
        _by_rule(error.message, profile, protocol),
        _without_refused(error, body, profile, protocol),
    )
    changed = (cure for cure in found if cure is not None and cure.profile != profile)
    helps = (c for c in changed if not same or fitted(body, c.profile, Notes()) != body)
    return next(helps, None)


def _limited(message: str, body: dict[str, Json], profile: Profile) -> Repair | None:
    told = _LIMIT.search(message)
    name = next((name for name in LIMITS if name in body), "")
    if told is None or not name:
        return None
    most = int(next(filter(None, told.groups())))
    limits = ((str(body.get("model")), most), *profile.output_limits)
    return Repair(replace(profile, output_limits=limits), name, f"no more than {most}")


def _with_known_effort(error: Error, body: dict[str, Json], profile: Profile) -> Repair | None:
    """Refusals of a level list those there are."""
    sent = _effort(body)
    told = f"{error.param or ''} {error.message}".lower()
    words = set(_WORD.findall(told))
    known = tuple(level for level in LEVELS if level in words and level != sent)
    listed = len(known) > 1 and _LISTS.search(told)
    if not (sent and known and _EFFORT.search(told)) or not (sent in words or listed):
        return None
    detail = f"not {sent} but one of {', '.join(known)}"
    return Repair(replace(profile, efforts=known, model_efforts=()), "effort", detail)


def _effort(body: dict[str, Json]) -> str:
    places = body.get("reasoning"), body.get("output_config")
    deep = (place.get("effort") for place in places if isinstance(place, dict))
    return next((e for e in (body.get("reasoning_effort"), *deep) if isinstance(e, str)), "")


def _with_known_form(error: Error, body: dict[str, Json], profile: Profile) -> Repair | None:
    form = body.get("response_format")
    kind = form.get("type") if isinstance(form, dict) else None
    told = f"{error.param or ''} {error.message}"
    if kind not in FORMS or not (_FORM.search(told) and _NO_FORM.search(error.message)):
        return None
    flags: dict[str, Any] = {kind: False}
    detail = f"{kind} is asked for in other words"
    return Repair(replace(profile, **flags), "response_format", detail)


def _by_rule(message: str, profile: Profile, protocol: Protocol) -> Repair | None:
    for rule in RULES:
        if protocol in rule.protocols and re.search(rule.words, message, re.IGNORECASE | re.DOTALL):
            return Repair(replace(profile, **rule.flags), rule.where, rule.detail)
    return None


def _without_refused(
    error: Error, body: dict[str, Json], profile: Profile, protocol: Protocol
) -> Repair:
    changed, told = profile, []
    for path in dict.fromkeys(_paths(error, body)):
        name = ".".join(path)
        if (other := _other_name(name, body, profile)) and protocol == C:
            renamed = ((name, other), *changed.renamed_fields)
            changed = replace(changed, renamed_fields=renamed)
            told.append(f"{name} is called {other}")
        elif _is_option(path, protocol) and name not in changed.refused_fields:
            changed = replace(changed, refused_fields=(*changed.refused_fields, name))
            told.append(f"{name} is left out")
    return Repair(changed, "", ", ".join(told))


def _other_name(name: str, body: dict[str, Json], profile: Profile) -> str:
    """What else a refused limit may be called, unless that was tried."""
    other = RENAMES.get(name, "")
    return "" if other in body or (other, name) in profile.renamed_fields else other


def _is_option(path: tuple[str, ...], protocol: Protocol) -> bool:
    """Whether a request without it says the same."""
    if len(path) > 1:
        last = path[-1], ".".join(path[-2:])
        return OWN.isdisjoint(path) and not DEEP.isdisjoint(last)
    return bool(path) and path[0] not in KEPT and (protocol, *path) not in REQUIRED


def _paths(error: Error, body: dict[str, Json]) -> Iterator[tuple[str, ...]]:
    """Of what is refused, and of what goes with it."""
    for name in _names(error):
        path = _path(name, body)
        if len(path) == 1 and path[0] in OPTIONS:
            path = _path(f"{path[0]}.{OPTIONS[path[0]]}", body)
        yield path
        yield from WITH.get(path, ())


def _names(error: Error) -> Iterator[str]:
    for pattern in NAMED:
        for found in pattern.finditer(error.message):
            rest = error.message[found.end(1) :]
            place = _AT.match(rest)
            yield f"{place[1]}.{found[1]}" if place else found[1]
            yield from _further(rest)
    if error.param and (error.code in REFUSING or _REFUSES.search(error.message)):
        yield error.param


_AT = re.compile(r"['\"]? at ['\"]([\w.\[\]]+)['\"]")  # Google: where the name stands


_LISTED = re.compile(rf"[`'\"]?(?:,| and| or) ?{_NAME}(?=[`'\",\])}}.]|\Z| and| or| is| are)")


def _further(rest: str) -> Iterator[str]:
    """The names behind the first one, where there is a list of them."""
    while found := _LISTED.match(rest):
        yield found[1]
        rest = rest[found.end(1) :]


_SEGMENT = re.compile(r"[A-Za-z_]\w*")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _path(name: str, body: dict[str, Json]) -> tuple[str, ...]:
    """`name` as keys of `body`, () if that has no such thing.

    Positions are left out, and so are words of the server's own (a union's tags).
    """
    keys = [key for key in _SEGMENT.findall(name) if key != "body"]
    flat = [_HUMP.sub("_", key).lower() for key in keys]
    for spelled in (keys, flat):
        if path := _walk(spelled, body):
            return path
    deeper = tuple("_".join(flat).split("_"))  # xAI: reasoningEffort is reasoning.effort
    within = ((*place, *keys) for place in PLACES if len(keys) == 1)
    return next((path for path in (deeper, *within) if path and _walk(path, body) == path), ())


def _walk(keys: Sequence[str], body: Json) -> tuple[str, ...]:
    level: list[Json] = [body]
    path: list[str] = []
    for key in keys[:-1]:
        inner = [value[key] for value in level if isinstance(value.get(key), dict | list)]
        if objects := list(_objects(inner)):
            level, path = objects, [*path, key]
    *_, last = keys or [""]
    return (*path, last) if any(last in value for value in level) else ()


def _objects(values: Iterable[Json]) -> Iterator[dict[str, Json]]:
    for value in values:
        if isinstance(value, list):
            yield from _objects(value)
        elif isinstance(value, dict):
            yield value
