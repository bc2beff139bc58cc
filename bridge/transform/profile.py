"""Profiles: the flags by which servers of one protocol differ, and flags from a configuration.

Codecs read flags; none looks at host names. Which servers have which flags: families.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args, get_origin

from .effort import LEVELS

# Globs over model names, first match wins, a leading "!" says no; no match says no.
type Models = tuple[str, ...]

ALL: Models = ("*",)
NONE: Models = ()


def matches(model: str, patterns: Models) -> bool:
    """Whether `model` is among the models `patterns` describes; case does not count."""
    model = model.lower()
    for pattern in patterns:
        if fnmatchcase(model, pattern.removeprefix("!").lower()):
            return not pattern.startswith("!")
    return False


@dataclass(frozen=True, slots=True)
class Profile:
    """Flags of one upstream, grouped by the protocol that reads them."""

    # any protocol; the first three hold for an app of the same protocol too, on its way elsewhere
    refused_fields: tuple[str, ...] = ()  # that are left out: store, tools.strict
    renamed_fields: tuple[tuple[str, str], ...] = ()  # (ours, theirs), of the whole body
    renamed_roles: tuple[tuple[str, str], ...] = ()  # (ours, theirs)
    efforts: tuple[str, ...] = LEVELS
    model_efforts: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (model glob, its efforts)
    sampling: Models = ALL  # models that take temperature, top_p, top_k
    reasoning: Models = ALL  # models that take an effort
    cache_breakpoints: bool = True
    merge_roles: bool = False  # adjacent messages of one role are joined; not by Responses
    effort_updates: Models = ALL  # models whose effort may change within a conversation
    tool_updates: Models = ALL  # models that may be given further tools within one
    store: bool = True  # keeps answers that requests may name; Responses: takes the field store

    # openai_chat, some of it openai_responses
    max_tokens_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    stream_usage: bool = True  # takes stream_options.include_usage
    join_text: bool = False  # several text parts of system and tool messages as one string
    developer_role: bool = True
    late_system: bool = True  # system text after the first user message may stay where it is
    custom_tools: bool = True
    strict_tools: bool = True
    json_schema: bool = True  # takes response_format json_schema
    json_object: bool = True  # takes response_format json_object
    named_choice: bool = True  # takes a tool_choice that names a tool
    cache_field: Literal["prompt_cache_breakpoint", "cache_control"] = "prompt_cache_breakpoint"
    vendor_fields: bool = True  # store, metadata, safety_identifier, prompt_cache_key, verbosity
    stop: Models = ALL
    top_k: bool = False
    effort_field: Literal["reasoning_effort", "reasoning"] = "reasoning_effort"
    thinking_off: Literal["effort", "thinking", "reasoning", "chat_template_kwargs"] = "effort"
    short_call_ids: bool = False  # ids of calls have nine letters or digits
    empty_call_content: Literal["null", "empty"] = "null"  # content beside calls without text
    empty_tool_result: str = ""  # what to send for a result without content
    reasoning_field: Literal["none", "reasoning_content", "reasoning", "reasoning_details"] = "none"
    reasoning_required: bool = False  # assistant turns with calls need the field, if only as ""
    tool_images: bool = False  # tool messages may hold images
    think_tags: bool = False  # content may begin with <think>...</think>

    # openai_responses
    include: bool = True  # takes the field include
    phase: Models = ALL  # models that are told whether an earlier text was the answer
    prewarm: Models = ALL  # models whose cache can be filled without an answer
    websocket: bool = False  # speaks over WebSockets too

    # anthropic_messages
    anthropic_version: str = "2023-06-01"
    system_messages: Models = NONE  # models that take role "system" inside messages
    adaptive: Models = ALL  # models that take adaptive thinking and an effort
    manual_thinking: Models = ALL  # models that take a thinking budget
    disable_thinking: Models = ALL  # models whose thinking can be switched off
    output_format: Models = ALL  # models that take output_config.format
    compaction: Models = ALL  # models whose context is summed up when it grows too long
    mcp_beta: str = "mcp-client-2026-09-15"  # that lets MCP servers be named; "": there is none
    signed_thinking: bool = True  # refuses thinking without a signature
    drop_unbound: bool = False  # thinking of another conversation is dropped instead of refused
    max_tokens_default: int = 32_000  # where the client gave no limit; the API demands one
    output_limits: tuple[tuple[str, int], ...] = ()  # (model glob, most output tokens)


def efforts_of(model: str, profile: Profile) -> tuple[str, ...]:
    """The efforts that `model` takes, where it takes any."""
    by_model = (efforts for glob, efforts in profile.model_efforts if matches(model, (glob,)))
    return next(by_model, profile.efforts)


# --- flags from a configuration

type Check = Callable[[Any], bool]


def read_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """`flags` as a Profile holds them; ValueError names what is allowed."""
    return {name: _flag(name, value) for name, value in flags.items()}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_effort(value: Any) -> bool:
    return value in LEVELS


def _list_of(fits: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _names_to(fits: Check) -> Check:
    return lambda value: (
        isinstance(value, Mapping)
        and all(isinstance(name, str) and fits(inner) for name, inner in value.items())
    )


# flag, or the type of one -> what it may be, and how that is called
_BY_NAME: dict[str, tuple[Check, str]] = {
    "efforts": (_list_of(_is_effort), f"a list of {', '.join(LEVELS)}"),
    "model_efforts": (
        _names_to(_list_of(_is_effort)),
        f"a mapping of model globs to lists of {', '.join(LEVELS)}",
    ),
    "output_limits": (_names_to(_is_count), "a mapping of model globs to numbers above 0"),
    "refused_fields": (_list_of(_is_text), "a list of fields"),
    "renamed_fields": (_names_to(_is_text), "a mapping of names to names"),
    "renamed_roles": (_names_to(_is_text), "a mapping of names to names"),
}
_BY_TYPE: dict[Any, tuple[Check, str]] = {
    bool: (_is_switch, "true or false"),
    str: (_is_text, "a string"),
    int: (_is_count, "a number above 0"),
    Models: (
        lambda value: _is_switch(value) or _list_of(_is_text)(value),
        "true, false or a list of model globs",
    ),
}
_TYPES: dict[str, Any] = {flag.name: flag.type for flag in fields(Profile)}


def _flag(name: str, value: Any) -> Any:
    if name not in _TYPES:
        raise ValueError(f'"{name}" is not a profile flag: {", ".join(["base", *_TYPES])}')
    fits, allowed = _allowed(name)
    if not fits(value):
        raise ValueError(f"{name}: {value!r} is not {allowed}")
    if _TYPES[name] is Models and _is_switch(value):
        return ALL if value else NONE
    return _frozen(value)


def _allowed(name: str) -> tuple[Check, str]:
    kind = _TYPES[name]
    if get_origin(kind) is Literal:
        words = get_args(kind)
        return lambda value: value in words, f"one of {', '.join(words)}"
    return _BY_NAME.get(name) or _BY_TYPE[kind]


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple((name, _frozen(inner)) for name, inner in value.items())
    return tuple(value) if isinstance(value, list) else value
