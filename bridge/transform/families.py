"""Families of servers, as data: which flags each has, by protocol, and who belongs to which.

`resolve` finds the profile of an upstream: by a name of NAMED, by flags over one, or by its host.
The vendor's own API gets the vendor's profile, a server that nobody knows `compatible`, which asks
for little. The others are `compatible` but for what their documentation says, and only speak the
protocols named here.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .effort import LEVELS
from .model import Protocol
from .profile import NONE, Models, Profile, read_flags

type Family = dict[Protocol, Profile]

# --- the vendors

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
    websocket=True,
    sampling=OPENAI_PLAIN,
    stop=OPENAI_PLAIN,
    reasoning=OPENAI_REASONING,
    phase=OPENAI_REASONING,
    prewarm=("gpt-5.[6-9]*", "gpt-[6-9]*"),
    effort_updates=("!*-chat*", "!*-pro*", "gpt-[6-9]*"),
    tool_updates=("!*-chat*", "gpt-5.[4-9]*", "gpt-[6-9]*"),
    model_efforts=(
        ("o[1-9]*", ("low", "medium", "high")),
        ("gpt-5-pro*", ("high",)),
        ("gpt-5-*", ("minimal", "low", "medium", "high")),
        ("gpt-5", ("minimal", "low", "medium", "high")),
        ("gpt-5.1-codex-max*", ("none", "low", "medium", "high", "xhigh")),
        ("gpt-5.1*", ("none", "low", "medium", "high")),
        ("gpt-5.[2-5]*", ("none", "low", "medium", "high", "xhigh")),
        ("gpt-6-astra*", ("low", "medium", "high", "xhigh", "max")),
    ),
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
        store=False,
        mcp_beta="",
        merge_roles=True,
        top_k=True,
        signed_thinking=False,
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

VENDOR: Family = {
    "anthropic_messages": ANTHROPIC,
    "openai_chat": OPENAI,
    "openai_responses": OPENAI,
}

# --- hosted

_CHAT = COMPATIBLE["openai_chat"]
_MESSAGES = COMPATIBLE["anthropic_messages"]
_RESPONSES = COMPATIBLE["openai_responses"]

OPENROUTER: Family = {
    "openai_chat": replace(
        _CHAT,
        # Source: OpenRouter's guide to reasoning and its API reference, 2026.
        effort_field="reasoning",
        efforts=LEVELS,
        reasoning_field="reasoning_details",
        cache_breakpoints=True,
        cache_field="cache_control",
        top_k=True,
    ),
    "anthropic_messages": _MESSAGES,
    # Source: OpenRouter's guide to its Responses API, 2026: each request stands for itself.
    "openai_responses": replace(_RESPONSES, store=False),
}
DEEPSEEK: Family = {
    "openai_chat": replace(
        _CHAT,
        # Source: DeepSeek's guide to thinking, 2026. It thinks unless told not to, knows low, high
        # and max, and maps the other words itself. A turn with calls and without what was thought
        # is refused.
        efforts=LEVELS[1:],
        thinking_off="thinking",
        json_schema=False,  # Source: its guide to JSON output: text and json_object
        reasoning_field="reasoning_content",
        reasoning_required=True,
        # Source: DeepSeek's API reference, 2026: system, user, assistant, tool.
        renamed_roles=(("developer", "system"),),
    ),
    "anthropic_messages": _MESSAGES,
    "openai_responses": _RESPONSES,
}

# Source: Groq's API reference, 2026. Qwen thinks or does not, other models do not at all.
_GROQ_REASONING: Models = ("*gpt-oss*", "*qwen3*")
_GROQ_EFFORTS = (("*qwen3*", ("none",)),)
GROQ: Family = {
    "openai_chat": replace(
        _CHAT,
        max_tokens_field="max_completion_tokens",
        reasoning=_GROQ_REASONING,
        model_efforts=_GROQ_EFFORTS,
        # Source: Groq's page on OpenAI compatibility, 2026, and for the last one its own errors.
        refused_fields=(
            "logprobs",
            "top_logprobs",
            "logit_bias",
            "messages.name",
            "messages.reasoning_content",
        ),
    ),
    "openai_responses": replace(
        _RESPONSES,
        store=False,  # Source: Groq's page on its Responses API, 2026: no previous_response_id
        efforts=("low", "medium", "high"),
        reasoning=_GROQ_REASONING,
        model_efforts=_GROQ_EFFORTS,
    ),
}
_MISTRAL_LACKS = tuple(
    """
    stream_options store user safety_identifier service_tier verbosity logit_bias logprobs
    top_logprobs messages.name messages.refusal messages.annotations messages.audio
    messages.function_call messages.reasoning_content messages.reasoning messages.reasoning_details
    """.split()
)
MISTRAL: Family = {
    "openai_chat": replace(
        _CHAT,
        # "Tool call id was ... but must be a-z, A-Z, 0-9, with a length of 9."
        short_call_ids=True,
        # Source: Mistral's API reference, 2026. Whatever it does not list is refused; usage comes
        # with the last chunk, unasked.
        stream_usage=False,
        renamed_fields=(("seed", "random_seed"), ("max_completion_tokens", "max_tokens")),
        renamed_roles=(("developer", "system"),),
        refused_fields=_MISTRAL_LACKS,
        # Source: Mistral's guide to reasoning, 2026. Magistral always thinks and takes no effort.
        reasoning=(
            "mistral-small-latest",
            "mistral-small-26*",
            "mistral-medium-3[.-]5*",
            "mistral-large-4*",
        ),
        efforts=("none", "high"),
        model_efforts=(("mistral-large-4*", ("low", "medium", "high")),),
    ),
}

# Source: xAI's guide to reasoning, 2026. Grok 4 and its fast and 4.20 versions take no effort.
_XAI_REASONING: Models = (
    "!*non-reasoning*",
    "grok-3-mini*",
    "*multi-agent*",
    "grok-4.[3-9]*",
    "grok-[5-9]*",
)
_XAI_EFFORTS = (
    ("grok-3-mini*", ("low", "high")),
    ("grok-4.3*", ("none", "low", "medium", "high")),
    ("grok-4.6*", ("low", "medium", "high", "xhigh")),
    ("*multi-agent*", ("low", "medium", "high", "xhigh")),
)
XAI: Family = {
    "openai_chat": replace(
        _CHAT,
        max_tokens_field="max_completion_tokens",
        reasoning=_XAI_REASONING,
        model_efforts=_XAI_EFFORTS,
        # Models that reason answer these with an error.
        stop=("*non-reasoning*", "!grok-3-mini*", "grok-[23]*"),
        refused_fields=("presence_penalty", "frequency_penalty"),
    ),
    "openai_responses": replace(
        _RESPONSES,
        efforts=("low", "medium", "high"),
        reasoning=_XAI_REASONING,
        model_efforts=_XAI_EFFORTS,
    ),
}
GEMINI: Family = {
    "openai_chat": replace(
        _CHAT,
        # Source: Google's page on OpenAI compatibility, 2026. Thinking can only be switched off at
        # 2.5 models, and not at Pro; some later models refuse "minimal".
        model_efforts=(
            ("*gemini-2.5-pro*", ("minimal", "low", "medium", "high")),
            ("*gemini-2.5*", ("none", "minimal", "low", "medium", "high")),
        ),
    ),
}
TOGETHER: Family = {
    # Source: Together's guide to reasoning and its Python client, 2026.
    "openai_chat": replace(_CHAT, thinking_off="reasoning", top_k=True),
}
FIREWORKS: Family = {
    "openai_chat": replace(
        _CHAT,
        # Source: Fireworks' guide to reasoning, 2026.
        model_efforts=(
            ("*deepseek-v4*", ("none", "low", "medium", "high", "xhigh", "max")),
            ("*glm-5*", ("none", "high", "max")),
        ),
    ),
    "anthropic_messages": _MESSAGES,
}

# --- for machines of one's own

VLLM: Family = {
    "openai_chat": replace(
        _CHAT,
        # Source: vLLM's protocol definitions, 2026. It called the field reasoning_content before.
        thinking_off="chat_template_kwargs",
        reasoning_field="reasoning",
        top_k=True,
    ),
    "anthropic_messages": _MESSAGES,
    "openai_responses": _RESPONSES,
}
LLAMA_CPP: Family = {
    "openai_chat": replace(
        _CHAT,
        # Source: the server's README, 2026.
        thinking_off="chat_template_kwargs",
        reasoning_field="reasoning_content",
        top_k=True,
    ),
    "anthropic_messages": _MESSAGES,
    # Source: llama.cpp's own code, 2026: previous_response_id is an error.
    "openai_responses": replace(_RESPONSES, store=False),
}
OLLAMA: Family = {
    "openai_chat": replace(
        _CHAT,
        # Source: Ollama's own code, 2026: other words are an error.
        efforts=("none", "low", "medium", "high"),
        reasoning_field="reasoning",
    ),
    "anthropic_messages": _MESSAGES,
    # Source: Ollama's page on OpenAI compatibility, 2026: no freeform calls in a history, no state.
    "openai_responses": replace(_RESPONSES, custom_tools=False, store=False),
}
LM_STUDIO: Family = {
    # Source: LM Studio's documentation and what its clients send, 2026; for the last one its own
    # error ("'response_format.type' must be 'json_schema' or 'text'").
    "openai_chat": replace(
        _CHAT,
        efforts=("none", "low", "medium", "high", "xhigh"),
        top_k=True,
        json_object=False,
    ),
    "anthropic_messages": _MESSAGES,
    "openai_responses": _RESPONSES,
}

# --- who is who

NAMED: dict[str, Family] = {
    "openai": {"openai_chat": OPENAI, "openai_responses": OPENAI},
    "anthropic": {"anthropic_messages": ANTHROPIC},
    "azure": {name: replace(profile, websocket=False) for name, profile in VENDOR.items()},
    "openrouter": OPENROUTER,
    "deepseek": DEEPSEEK,
    "groq": GROQ,
    "mistral": MISTRAL,
    "xai": XAI,
    "gemini": GEMINI,
    "together": TOGETHER,
    "fireworks": FIREWORKS,
    "vllm": VLLM,
    "llama.cpp": LLAMA_CPP,
    "ollama": OLLAMA,
    "lmstudio": LM_STUDIO,
    "compatible": COMPATIBLE,
}
# These hosts and all below them -> the name of their family.
HOSTS: dict[str, str] = {
    "api.openai.com": "openai",
    "chatgpt.com": "openai",
    "api.anthropic.com": "anthropic",
    "openai.azure.com": "azure",
    "services.ai.azure.com": "azure",
    "openrouter.ai": "openrouter",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral",
    "api.x.ai": "xai",
    "generativelanguage.googleapis.com": "gemini",
    "api.together.ai": "together",
    "api.together.xyz": "together",
    "api.fireworks.ai": "fireworks",
    "ollama.com": "ollama",
}


def resolve(protocol: Protocol, host: str, profile: str | Mapping[str, Any] | None) -> Profile:
    """The profile of an upstream.

    `profile` is a name of NAMED, a mapping of flags (with `base`: such a name), or None: by host.
    ValueError names what is allowed.
    """
    if isinstance(profile, str):
        return _named(protocol, profile)
    flags = dict(profile or {})
    named = "base" in flags
    base = _named(protocol, str(flags.pop("base"))) if named else _by_host(protocol, host)
    return replace(base, **read_flags(flags))


def _named(protocol: Protocol, name: str) -> Profile:
    known = sorted(n for n, family in NAMED.items() if protocol in family)
    if name not in known:
        raise ValueError(f'"{name}" is not a profile for {protocol}: {", ".join(known)}')
    return NAMED[name][protocol]


def _by_host(protocol: Protocol, host: str) -> Profile:
    host = f".{host.lower().removesuffix('.')}"
    name = next((name for known, name in HOSTS.items() if host.endswith(f".{known}")), "compatible")
    return NAMED[name].get(protocol, COMPATIBLE[protocol])
