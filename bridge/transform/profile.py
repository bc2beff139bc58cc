"""Profiles: how servers of one protocol differ, as data.

A profile is a set of flags. `resolve` finds the one for an upstream: named in the configuration, a
mapping of flags over a named one, or by host: the vendor's own API gets the vendor's profile,
every other server `compatible`, which asks for little. Codecs read flags; none looks at host names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args, get_origin

from .effort import LEVELS
from .model import Protocol

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
    refused_fields: tuple[
        str, ...
    ] = ()  # that are left out: store, reasoning.summary, tools.strict
    renamed_fields: tuple[tuple[str, str], ...] = ()  # (ours, theirs), of the whole body
    renamed_roles: tuple[tuple[str, str], ...] = ()  # (ours, theirs)
    efforts: tuple[str, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    sampling: Models = ALL  # models that take temperature, top_p, top_k
    reasoning: Models = ALL  # models that take an effort
    cache_breakpoints: bool = True
    effort_updates: Models = ALL  # models whose effort may change within a conversation
    tool_updates: Models = ALL  # models that may be given further tools within one

    # openai_chat, some of it openai_responses
    max_tokens_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    stream_usage: bool = True  # takes stream_options.include_usage
    join_text: bool = False  # several text parts of system and tool messages as one string
    developer_role: bool = True
    late_system: bool = True  # system text after the first user message may stay where it is
    custom_tools: bool = True
    strict_tools: bool = True
    vendor_fields: bool = True  # store, metadata, safety_identifier, prompt_cache_key, verbosity
    stop: Models = ALL
    top_k: bool = False
    empty_call_content: Literal["null", "empty"] = "null"  # content beside calls without text
    empty_tool_result: str = ""  # what to send for a result without content
    reasoning_field: Literal["none", "reasoning_content", "reasoning", "reasoning_details"] = "none"
    reasoning_required: bool = False  # assistant turns with calls need the field, if only as ""
    tool_images: bool = False  # tool messages may hold images
    think_tags: bool = False  # content may begin with <think>...</think>

    # openai_responses
    store: bool = True  # takes the field store
    include: bool = True  # takes the field include
    phase: Models = ALL  # models that are told whether an earlier text was the answer
    prewarm: Models = ALL  # models whose cache can be filled without an answer

    # anthropic_messages
    anthropic_version: str = "2023-06-01"
    system_messages: Models = NONE  # models that take role "system" inside messages
    adaptive: Models = ALL  # models that take adaptive thinking and an effort
    manual_thinking: Models = ALL  # models that take a thinking budget
    disable_thinking: Models = ALL  # models whose thinking can be switched off
    output_format: Models = ALL  # models that take output_config.format
    compaction: Models = ALL  # models whose context is summed up when it grows too long
    mcp_beta: str = "mcp-client-2026-09-15"  # that lets MCP servers be named; "": there is none
    drop_unbound: bool = False  # thinking of another conversation is dropped instead of refused
    merge_roles: bool = False  # adjacent messages of one role are joined
    max_tokens_default: int = 32_000  # where the client gave no limit; the API demands one
    output_limits: tuple[tuple[str, int], ...] = ()  # (model glob, most output tokens)


# Sources: the vendors' model tables of autumn 2026. ft: fine-tuned.
OPENAI_REASONING: Models = (
    "!*-chat*",
    "o[1-9]*",
    "gpt-[5-9]*",
    "ft:o[1-9]*",
    "ft:gpt-[5-9]*",
    "codex-*",
    "computer-use-*",
)
OPENAI_PLAIN: Models = ("*-chat*", *(f"!{p}" for p in OPENAI_REASONING[1:]), "*")

OPENAI = Profile(
    sampling=OPENAI_PLAIN,
    stop=OPENAI_PLAIN,
    reasoning=OPENAI_REASONING,
    phase=OPENAI_REASONING,
    prewarm=("gpt-5.[6-9]*", "gpt-[6-9]*"),
    effort_updates=("!*-chat*", "!*-pro*", "gpt-[6-9]*"),
    tool_updates=("!*-chat*", "gpt-5.[4-9]*", "gpt-[6-9]*"),
)
CLAUDE_SINCE_4_6: Models = ("!claude-[23]*", "!claude-*-4", "!claude-*-4-[0-5]*", "*")
CLAUDE_LATE_SYSTEM: Models = (
    "claude-opus-4-8*",
    "claude-opus-5*",
    "claude-sonnet-5-5*",
    "claude-haiku-5-5*",
    "claude-fable-5*",
    "claude-mythos-5*",
)
ANTHROPIC = Profile(
    efforts=("low", "medium", "high", "xhigh", "max"),
    sampling=("claude-[23]*", "claude-*-4", "claude-*-4-[0-6]*"),  # a date begins with 2
    system_messages=CLAUDE_LATE_SYSTEM,
    effort_updates=(
        "claude-opus-5*",
        "claude-sonnet-5-5*",
        "claude-haiku-5-5*",
        "!claude-*-5-20*",  # Fable 5 and Mythos 5 themselves, by their dates
        "claude-fable-5-*",
        "claude-mythos-5-*",
    ),
    tool_updates=CLAUDE_LATE_SYSTEM,
    compaction=CLAUDE_SINCE_4_6,
    adaptive=CLAUDE_SINCE_4_6,
    manual_thinking=("claude-3-7*", "claude-*-4", "claude-*-4-[0-6]*"),
    disable_thinking=(
        "!claude-opus-5-5*",
        "!claude-sonnet-5-5*",
        "!claude-fable*",
        "!claude-mythos*",
        "*",
    ),
    output_format=("!claude-[23]*", "!claude-*-4", "!claude-*-4-0*", "!claude-*-4-20*", "*"),
    top_k=True,
    output_limits=(
        ("claude-3-5*", 8_192),
        ("claude-3-7*", 64_000),
        ("claude-[23]*", 4_096),
        ("claude-opus-4", 32_000),
        ("claude-opus-4-[0-2]*", 32_000),
        ("claude-*-4", 64_000),
        ("claude-*-4-[0-5]*", 64_000),
    ),
)
COMPATIBLE: dict[Protocol, Profile] = {
    "openai_chat": Profile(
        efforts=("low", "medium", "high"),
        cache_breakpoints=False,
        effort_updates=NONE,
        tool_updates=NONE,
        max_tokens_field="max_tokens",
        join_text=True,
        developer_role=False,
        late_system=False,
        custom_tools=False,
        strict_tools=False,
        vendor_fields=False,
        empty_call_content="empty",
        empty_tool_result="(no output)",
    ),
    "anthropic_messages": Profile(
        efforts=("low", "medium", "high"),
        effort_updates=NONE,
        tool_updates=NONE,
        adaptive=NONE,
        output_format=NONE,
        compaction=NONE,
        mcp_beta="",
        merge_roles=True,
        top_k=True,
    ),
    "openai_responses": Profile(
        cache_breakpoints=False,
        effort_updates=NONE,
        tool_updates=NONE,
        vendor_fields=False,
        phase=NONE,
        prewarm=NONE,
    ),
}

VENDOR: dict[Protocol, Profile] = {
    "anthropic_messages": ANTHROPIC,
    "openai_chat": OPENAI,
    "openai_responses": OPENAI,
}
NAMED: dict[str, dict[Protocol, Profile]] = {
    "openai": {"openai_chat": OPENAI, "openai_responses": OPENAI},
    "anthropic": {"anthropic_messages": ANTHROPIC},
    "compatible": COMPATIBLE,
}
_OPENAI_HOSTS = ("api.openai.com", "chatgpt.com", "openai.azure.com", "services.ai.azure.com")
# Where the vendor's own API of a protocol is found: these hosts and all below them.
VENDOR_HOSTS: dict[Protocol, tuple[str, ...]] = {
    "anthropic_messages": ("api.anthropic.com", "services.ai.azure.com"),
    "openai_chat": _OPENAI_HOSTS,
    "openai_responses": _OPENAI_HOSTS,
}


def resolve(protocol: Protocol, host: str, profile: str | Mapping[str, Any] | None) -> Profile:
    """The profile of an upstream.

    `profile` is a name of NAMED, a mapping of flags (with `base`: such a name), or None: by host.
    ValueError names what is allowed.
    """
    if isinstance(profile, str):
        return _named(protocol, profile)
    by_host = (VENDOR if _is_vendor(protocol, host) else COMPATIBLE)[protocol]
    if profile is None:
        return by_host
    flags = dict(profile)
    base = _named(protocol, str(flags.pop("base"))) if "base" in flags else by_host
    return replace(base, **{name: _flag(name, value) for name, value in flags.items()})


def _is_vendor(protocol: Protocol, host: str) -> bool:
    host = f".{host.lower().removesuffix('.')}"
    return any(host.endswith(f".{name}") for name in VENDOR_HOSTS[protocol])


def _named(protocol: Protocol, name: str) -> Profile:
    known = sorted(n for n, by_protocol in NAMED.items() if protocol in by_protocol)
    if name not in known:
        raise ValueError(f'"{name}" is not a profile for {protocol}: {", ".join(known)}')
    return NAMED[name][protocol]


_TYPES: dict[str, Any] = {flag.name: flag.type for flag in fields(Profile)}


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


# type of a flag -> what it may be, and how that is called
_SCALARS: dict[Any, tuple[Callable[[Any], bool], str]] = {
    bool: (lambda value: isinstance(value, bool), "true or false"),
    str: (lambda value: isinstance(value, str), "a string"),
    int: (_is_count, "a number above 0"),
}


def _flag(name: str, value: Any) -> Any:
    """`value` as the flag `name` holds it, or ValueError with what is allowed."""
    if name not in _TYPES:
        raise ValueError(f'"{name}" is not a profile flag: {", ".join(["base", *_TYPES])}')
    kind = _TYPES[name]
    if kind in _SCALARS:
        fits, allowed = _SCALARS[kind]
        return value if fits(value) else _bad(name, value, allowed)
    if get_origin(kind) is Literal:
        words = get_args(kind)
        return value if value in words else _bad(name, value, f"one of {', '.join(words)}")
    if name == "output_limits":
        ok = isinstance(value, Mapping) and all(
            isinstance(glob, str) and _is_count(limit) for glob, limit in value.items()
        )
        allowed = "a mapping of model globs to numbers above 0"
        return tuple(value.items()) if ok else _bad(name, value, allowed)
    if name in ("renamed_fields", "renamed_roles"):
        ok = isinstance(value, Mapping) and all(
            isinstance(word, str) for pair in value.items() for word in pair
        )
        return tuple(value.items()) if ok else _bad(name, value, "a mapping of names to names")
    if name == "refused_fields":
        ok = isinstance(value, list) and all(isinstance(path, str) for path in value)
        return tuple(value) if ok else _bad(name, value, "a list of fields")
    if name == "efforts":
        ok = isinstance(value, list) and all(level in LEVELS for level in value)
        return tuple(value) if ok else _bad(name, value, f"a list of {', '.join(LEVELS)}")
    if isinstance(value, bool):  # all models, or none
        return ALL if value else NONE
    ok = isinstance(value, list) and all(isinstance(glob, str) for glob in value)
    return tuple(value) if ok else _bad(name, value, "true, false or a list of model globs")


def _bad(name: str, value: Any, allowed: str) -> Any:
    raise ValueError(f"{name}: {value!r} is not {allowed}")
