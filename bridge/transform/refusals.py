"""The words in which servers say what they do not take: data alone, `repair` reads it.

Every server has its own. A rule says what flags are right for a server that uses its words; a
pattern of NAMED says where in a sentence the name of what is refused stands. The words are those of
recorded refusals and of the servers' own code, autumn 2026.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .profile import ALL, NONE

STATUSES = (400, 422, 500)  # llama.cpp says 500 where a chat template does not take a request
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
        r"system message must be (at the beginning|the first)"
        r"|role\b.{0,60}\bsystem\b|\bsystem\b.{0,60}\brole\b|\brole: input should be .user",
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

LIMIT = re.compile(
    r"max_tokens: \d+ > (\d+)"  # Anthropic
    r"|supports at most (\d+) (?:completion|output) tokens"  # OpenAI
    r"|max_(?:completion_|output_)?tokens\W+must be (?:less than or equal to|at most|<=)\W*(\d+)"
    r"|valid range of max_tokens is \[1, ?(\d+)\]",  # DeepSeek
    re.IGNORECASE,
)
# A context that the input and the limit together exceed: its size, and what the input takes of it.
ROOM = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r"maximum context length (?:is|of) (?P<context>\d+) tokens.{0,200}?\b(?P<input>\d+) "
        r"(?:(?:tokens )?(?:in|from) the (?:input|messages|prompt)|input tokens|of text input)",
        r"exceed context limit: (?P<input>\d+) \+ \d+ > (?P<context>\d+)",  # Anthropic
    )
)
MIN_ROOM = (
    1_000  # tokens; with less an answer would be cut at once, so that the app had better know
)
WORD = re.compile(r"\w+")
EFFORT = re.compile(r"effort|reasoning|think")
LISTS = re.compile(r"(must|should) be\b|one of|expected|supported|allowed|valid values")

MAX_SAID = 16_384  # characters of a refusal that are read: some repeat what the app had sent
# Bounded, and no part of a longer word: else a search takes the square of what it reads.
NAME = r"[`'\"]?(?<!\w)([A-Za-z_][\w.\[\]]{0,200})[`'\"]?"
NOT_TAKEN = (
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
        rf"(?: supplied| name)?:? ?[\[({{]?{NAME}",
        rf"(?:fields|parameters|arguments) are (?:currently )?{NOT_TAKEN}: {NAME}",
        rf"{NAME}: extra inputs are not permitted",
        rf"(?m:^{NAME}\n +extra inputs are not permitted)",
        rf"extra inputs are not permitted, field: {NAME}",
        r"['\"]loc['\"]: ?[(\[]['\"]body['\"], ?([^)\]]{0,200})[)\]], ?"
        r"['\"]msg['\"]: ?['\"]extra (?:inputs|fields)",  # pydantic, as Python or as JSON
        rf"(?:property|parameter|argument|field|option|key) ?[\[(]?{NAME}[\])]? is {NOT_TAKEN}",
        rf"(?:\A|[:.] ){NAME} (?:is|are) {NOT_TAKEN}",
        rf"(?:does not|doesn't) support (?:the )?(?:parameter|argument|field|option)s?:? {NAME}",
        rf"(?:does not|doesn't) support (?:this |the )?{NAME}(?: parameter)?\.?(?:\Z|,| with)",
        rf"(?:does not|doesn't) support {NAME} (?:level|value)",
        rf"argument not supported on this model: {NAME}",
        rf"{NAME} cannot both be specified",
        r"extraneous key \[(\w+)\] is not permitted",  # Bedrock
    )
)
# Words and codes that make `param` the name of something the server does not take.
REFUSES = re.compile(
    rf"{NOT_TAKEN}|unrecogni[sz]ed|does(?: not|n't) support|extra inputs", re.IGNORECASE
)
REFUSING = ("unsupported_parameter", "unsupported_value", "unknown_parameter")
# What a server finds wrong in a schema is the app's to mend: others are taken.
SCHEMA = re.compile(r"invalid (json )?schema|json schema fields", re.IGNORECASE)

# A form that is not taken, by its type.
FORMS = ("json_schema", "json_object")
FORM = re.compile(
    r"response[_ ]format|structured outputs?|json[_ ](?:schema|object|mode|output)", re.IGNORECASE
)
NO_FORM = re.compile(
    rf"{REFUSES.pattern}|unavailable|unknown variant|must be .?(?:json_schema|text)", re.IGNORECASE
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
FOREIGN_STATE = re.compile(
    r"invalid .?signature|signature\b.{0,40}(not valid|invalid|could not be verified)"
    r"|invalid .?data.? in .?redacted_thinking|thinking.? blocks .{0,60}cannot be modified"
    r"|encrypted[ _]content\b.{0,80}(could not be|invalid|cannot be)|invalid_encrypted_content"
    r"|item '?rs_\w+'? (of type 'reasoning' was provided without|not found)",
    re.IGNORECASE | re.DOTALL,
)
UNBOUND = "bound to a different"  # Anthropic: thinking of another conversation
