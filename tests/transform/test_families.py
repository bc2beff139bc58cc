"""Which flags real servers have, told by what they are sent, and which server is whose."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest

from bridge.transform import Translator
from bridge.transform.answers import Error
from bridge.transform.effort import LEVELS
from bridge.transform.families import (
    ANTHROPIC,
    COMPATIBLE,
    HOSTS,
    NAMED,
    OPENAI,
    VENDOR,
    resolve,
)
from bridge.transform.json_text import Json, dumps, loads
from bridge.transform.model import Protocol
from bridge.transform.profile import Profile, efforts_of, matches
from bridge.transform.repair import repair

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"


# --- the vendors' models


def known(flags: str, names: str) -> Iterator[Any]:
    """Each name with the set of the flags it has."""
    for name in names.split():
        yield pytest.param(name, set(flags.split()), id=name)


CLAUDE_FLAGS = (
    "sampling",
    "system_messages",
    "adaptive",
    "manual_thinking",
    "disable_thinking",
    "output_format",
)


@pytest.mark.parametrize(
    "model, flags",
    [
        *known(
            "system_messages adaptive output_format",
            """
            claude-opus-5-5 claude-opus-5-5-20260901 claude-sonnet-5-5 claude-sonnet-5-5-20260901
            claude-fable-5 claude-fable-5-1 claude-mythos-5 claude-mythos-5-1-20260801
            """,
        ),
        *known(
            "system_messages adaptive disable_thinking output_format",
            """
            claude-opus-5 claude-opus-5-20260724 claude-haiku-5-5 claude-haiku-5-5-20260901
            claude-opus-4-8 claude-opus-4-8-20260528
            """,
        ),
        *known(
            "adaptive disable_thinking output_format",
            "claude-sonnet-5 claude-sonnet-5-20260601 claude-opus-4-7 claude-opus-4-7-20260416",
        ),
        *known(
            "sampling adaptive manual_thinking disable_thinking output_format",
            "claude-opus-4-6 claude-sonnet-4-6 claude-opus-4-6-20260205",
        ),
        *known(
            "sampling manual_thinking disable_thinking output_format",
            """
            claude-opus-4-5 claude-opus-4-5-20251101 claude-sonnet-4-5-20250929
            claude-haiku-4-5 claude-haiku-4-5-20251001 claude-opus-4-1 claude-opus-4-1-20250805
            """,
        ),
        *known(
            "sampling manual_thinking disable_thinking",
            """
            claude-opus-4-0 claude-sonnet-4-0 claude-opus-4-20250514 claude-sonnet-4-20250514
            claude-sonnet-4 claude-3-7-sonnet-20250219 claude-3-7-sonnet-latest
            """,
        ),
        *known(
            "sampling disable_thinking",
            """
            claude-3-5-haiku-20241022 claude-3-5-sonnet-latest claude-3-opus-20240229
            claude-3-haiku-20240307 claude-3-sonnet-20240229 claude-2.1
            """,
        ),
        *known("adaptive disable_thinking output_format", "claude-opus-6 something-else"),
    ],
)
def test_what_claude_models_take(model: str, flags: set[str]) -> None:
    assert {f for f in CLAUDE_FLAGS if matches(model, getattr(ANTHROPIC, f))} == flags


@pytest.mark.parametrize(
    "model, flags",
    [
        *known(
            "effort_updates tool_updates compaction",
            """
            claude-opus-5 claude-opus-5-20260724 claude-opus-5-5 claude-sonnet-5-5
            claude-sonnet-5-5-20260901 claude-haiku-5-5 claude-fable-5-1 claude-fable-5-1-20260801
            claude-mythos-5-1 claude-mythos-5-2
            """,
        ),
        *known(
            "tool_updates compaction",
            "claude-opus-4-8 claude-fable-5 claude-fable-5-20260601 claude-mythos-5-20260601",
        ),
        *known("compaction", "claude-opus-4-6 claude-sonnet-4-6 claude-opus-4-7 claude-sonnet-5"),
        *known("", "claude-haiku-4-5 claude-opus-4-1 claude-sonnet-4-20250514 claude-3-opus"),
    ],
)
def test_what_claude_models_take_within_a_conversation(model: str, flags: set[str]) -> None:
    asked = ("effort_updates", "tool_updates", "compaction")
    assert {f for f in asked if matches(model, getattr(ANTHROPIC, f))} == flags


@pytest.mark.parametrize(
    "model, limit",
    [
        ("claude-3-haiku-20240307", 4_096),
        ("claude-2.1", 4_096),
        ("claude-3-5-haiku-20241022", 8_192),
        ("claude-3-7-sonnet-20250219", 64_000),
        ("claude-opus-4", 32_000),
        ("claude-opus-4-0", 32_000),
        ("claude-opus-4-20250514", 32_000),
        ("claude-opus-4-1-20250805", 32_000),
        ("claude-sonnet-4", 64_000),
        ("claude-sonnet-4-20250514", 64_000),
        ("claude-sonnet-4-5-20250929", 64_000),
        ("claude-haiku-4-5", 64_000),
        ("claude-opus-4-5-20251101", 64_000),
        ("claude-sonnet-4-6", None),
        ("claude-opus-4-8", None),
        ("claude-opus-5-5", None),
    ],
)
def test_how_much_claude_models_write(model: str, limit: int | None) -> None:
    limits = [limit for glob, limit in ANTHROPIC.output_limits if matches(model, (glob,))]
    assert limits[:1] == ([limit] if limit else [])


@pytest.mark.parametrize(
    "model, flags",
    [
        *known(
            "reasoning",
            """
            o1 o1-2024-12-17 o3 o3-mini o3-mini-2025-01-31 o3-deep-research o4-mini
            o4-mini-2025-04-16 gpt-5 gpt-5-mini gpt-5-2025-08-07 gpt-5-codex gpt-5.1
            gpt-5.1-codex-max gpt-5.6 GPT-5.6 gpt-6-luna gpt-6.2-sol codex-mini-latest
            computer-use-preview-2025-03-11 ft:o4-mini-2025-04-16:org::id ft:gpt-5-mini:org::id
            """,
        ),
        *known(
            "sampling stop",
            """
            gpt-5-chat-latest gpt-5.1-chat-latest chatgpt-4o-latest gpt-4o gpt-4o-mini-2024-07-18
            gpt-4.1 gpt-4.1-nano gpt-4-turbo gpt-4 gpt-3.5-turbo ft:gpt-4o-mini:org::id
            my-azure-deployment
            """,
        ),
    ],
)
def test_what_openai_models_take(model: str, flags: set[str]) -> None:
    asked = ("reasoning", "sampling", "stop")
    assert {f for f in asked if matches(model, getattr(OPENAI, f))} == flags
    assert matches(model, OPENAI.phase) is ("reasoning" in flags)


@pytest.mark.parametrize(
    "model, filled",
    [("gpt-5.6", True), ("gpt-6.2-sol", True), ("gpt-5.5", False), ("gpt-5", False), ("o3", False)],
)
def test_only_the_newest_openai_models_fill_a_cache_without_an_answer(
    model: str, filled: bool
) -> None:
    assert matches(model, OPENAI.prewarm) is filled


@pytest.mark.parametrize(
    "model, flags",
    [
        *known("effort_updates tool_updates", "gpt-6 gpt-6-astra gpt-6.2-sol gpt-6-luna"),
        *known("tool_updates", "gpt-6-astra-pro gpt-5.4 gpt-5.6-mini"),
        *known("", "gpt-5 gpt-5.1 gpt-5-codex gpt-6-chat-latest gpt-4.1 o3"),
    ],
)
def test_what_openai_models_take_within_a_conversation(model: str, flags: set[str]) -> None:
    asked = ("effort_updates", "tool_updates")
    assert {f for f in asked if matches(model, getattr(OPENAI, f))} == flags


@pytest.mark.parametrize(
    "model, efforts",
    [
        ("o3", "low medium high"),
        ("o4-mini-2025-04-16", "low medium high"),
        ("gpt-5", "minimal low medium high"),
        ("gpt-5-mini", "minimal low medium high"),
        ("gpt-5-pro", "high"),
        ("gpt-5.1", "none low medium high"),
        ("gpt-5.1-codex", "none low medium high"),
        ("gpt-5.1-codex-max", "none low medium high xhigh"),
        ("gpt-5.2", "none low medium high xhigh"),
        ("gpt-5.5-2026-04-01", "none low medium high xhigh"),
        ("gpt-5.6", "none minimal low medium high xhigh max"),
        ("gpt-6-astra", "low medium high xhigh max"),
        ("gpt-6.2-sol", "none minimal low medium high xhigh max"),
    ],
)
def test_how_hard_openai_models_think(model: str, efforts: str) -> None:
    assert efforts_of(model, OPENAI) == tuple(efforts.split())


# --- who keeps answers


@pytest.mark.parametrize("name", sorted(NAMED))
def test_who_knows_an_earlier_answer(name: str) -> None:
    family = NAMED[name]
    stateless = ("groq", "llama.cpp", "ollama", "openrouter")
    if R in family:
        assert family[R].store is (name not in stateless)
    if A in family:
        assert family[A].store is (name in ("anthropic", "azure"))


# --- the vendors' servers, and those that nobody knows


@pytest.mark.parametrize(
    "flag, vendor, compatible",
    [
        ("max_tokens_field", "max_completion_tokens", "max_tokens"),
        ("join_text", False, True),
        ("developer_role", True, False),
        ("late_system", True, False),
        ("custom_tools", True, False),
        ("strict_tools", True, False),
        ("vendor_fields", True, False),
        ("empty_call_content", "null", "empty"),
        ("empty_tool_result", "", "(no output)"),
        ("stream_usage", True, True),
        ("reasoning_field", "none", "none"),
        ("efforts", LEVELS, ("low", "medium", "high")),
        ("cache_breakpoints", True, False),
        ("tool_images", False, False),
        ("top_k", False, False),
        ("effort_updates", OPENAI.effort_updates, ()),
        ("tool_updates", OPENAI.tool_updates, ()),
    ],
)
def test_chat_servers(flag: str, vendor: object, compatible: object) -> None:
    assert getattr(VENDOR[C], flag) == vendor
    assert getattr(COMPATIBLE[C], flag) == compatible


@pytest.mark.parametrize(
    "flag, vendor, compatible",
    [
        ("merge_roles", False, True),
        ("store", True, False),
        ("top_k", True, True),
        ("anthropic_version", "2023-06-01", "2023-06-01"),
        ("max_tokens_default", 32_000, 32_000),
        ("efforts", ("low", "medium", "high", "xhigh", "max"), ("low", "medium", "high")),
        ("mcp_beta", "mcp-client-2026-09-15", ""),
        ("signed_thinking", True, False),
    ],
)
def test_messages_servers(flag: str, vendor: object, compatible: object) -> None:
    assert getattr(VENDOR[A], flag) == vendor
    assert getattr(COMPATIBLE[A], flag) == compatible


@pytest.mark.parametrize(
    "flag, answer",
    [
        ("sampling", True),
        ("stop", True),
        ("reasoning", True),
        ("manual_thinking", True),
        ("adaptive", False),
        ("output_format", False),
        ("system_messages", False),
        ("effort_updates", False),
        ("tool_updates", False),
        ("compaction", False),
    ],
)
def test_compatible_servers_treat_all_models_alike(flag: str, answer: bool) -> None:
    for model in ("claude-opus-5-5", "gpt-5.6", "qwen3", ""):
        assert matches(model, getattr(COMPATIBLE[A], flag)) is answer


ALL_OF_THEM = [
    pytest.param(profile, id=f"{name}, {protocol}")
    for name, family in NAMED.items()
    for protocol, profile in family.items()
]


@pytest.mark.parametrize("profile", ALL_OF_THEM)
def test_levels_of_effort_are_known_and_go_upwards(profile: Profile) -> None:
    for efforts in (profile.efforts, *(efforts for _, efforts in profile.model_efforts)):
        assert list(efforts) == [level for level in LEVELS if level in efforts]


def written(value: Any, flag: str) -> Any:
    """The value of a flag as a configuration has it."""
    if flag == "model_efforts":
        return {glob: list(efforts) for glob, efforts in value}
    if flag in ("output_limits", "renamed_fields", "renamed_roles"):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("profile", ALL_OF_THEM)
@pytest.mark.parametrize("host", ["localhost", "api.openai.com", "api.mistral.ai"])
def test_a_profile_written_out_as_flags_is_itself(profile: Profile, host: str) -> None:
    flags = {f.name: written(getattr(profile, f.name), f.name) for f in fields(Profile)}
    for protocol in (A, C, R):
        assert resolve(protocol, host, flags) == profile


# --- what the families are sent


def sent(
    name: str,
    body: dict[str, Json],
    *,
    model: str = "m",
    client: Protocol = A,
    upstream: Protocol = C,
) -> tuple[dict[str, Json], list[str]]:
    """The body that a server of the family gets, as any host but the app's own, and the notes."""
    profile = NAMED[name][upstream]
    translator = Translator(client, upstream, model, profile, own_host=False)
    translated = loads(translator.request(dumps(body)))
    return translated, [note.code for note in translator.notes]


def fields_of(body: dict[str, Json], names: str) -> dict[str, Json]:
    return {name: body[name] for name in names.split() if name in body}


HELLO: dict[str, Json] = {
    "model": "asked",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "Hello."}],
}
CHAT_FAMILIES = [name for name, family in NAMED.items() if C in family]


@pytest.mark.parametrize("name", CHAT_FAMILIES)
def test_the_limit(name: str) -> None:
    new = name in ("openai", "azure", "groq", "xai")
    limit = fields_of(sent(name, HELLO)[0], "max_tokens max_completion_tokens")
    assert limit == {"max_completion_tokens" if new else "max_tokens": 50}


REASONING = "reasoning_effort reasoning thinking chat_template_kwargs"
CLAMPED, LOST, HINT = ["effort_clamped"], ["reasoning_option_dropped"], ["hint_dropped"]


def as_word(effort: str) -> dict[str, Json]:
    return {"reasoning_effort": effort}


def nested(effort: str) -> dict[str, Json]:
    return {"reasoning": {"effort": effort}}


EFFORTS = [
    # family, model, what the app asks for, what the server is told, notes
    ("openrouter", "x/y", "low", nested("low"), []),
    ("openrouter", "x/y", "max", nested("max"), []),
    ("openrouter", "x/y", "none", nested("none"), []),
    ("deepseek", "deepseek-v4-pro", "minimal", as_word("minimal"), []),
    ("deepseek", "deepseek-v4-pro", "medium", as_word("medium"), []),
    ("deepseek", "deepseek-v4-pro", "max", as_word("max"), []),
    ("deepseek", "deepseek-v4-pro", "none", {"thinking": {"type": "disabled"}}, []),
    ("groq", "openai/gpt-oss-120b", "high", as_word("high"), []),
    ("groq", "openai/gpt-oss-120b", "max", as_word("high"), CLAMPED),
    ("groq", "openai/gpt-oss-120b", "none", {}, CLAMPED),
    ("groq", "qwen/qwen3-32b", "none", as_word("none"), []),
    ("groq", "qwen/qwen3-32b", "high", {}, CLAMPED),
    ("groq", "llama-3.3-70b-versatile", "high", {}, LOST),
    ("groq", "llama-3.3-70b-versatile", "none", {}, HINT),
    ("mistral", "mistral-small-latest", "none", as_word("none"), []),
    ("mistral", "mistral-small-2603", "low", as_word("high"), CLAMPED),
    ("mistral", "mistral-medium-3-5", "high", as_word("high"), []),
    ("mistral", "mistral-medium-3.5", "max", as_word("high"), CLAMPED),
    ("mistral", "mistral-large-4-0", "medium", as_word("medium"), []),
    ("mistral", "mistral-large-4-0", "none", {}, CLAMPED),
    ("mistral", "mistral-small-2506", "high", {}, LOST),
    ("mistral", "magistral-medium-latest", "high", {}, LOST),
    ("mistral", "codestral-latest", "none", {}, HINT),
    ("xai", "grok-3-mini", "medium", as_word("low"), CLAMPED),
    ("xai", "grok-3-mini", "high", as_word("high"), []),
    ("xai", "grok-4.3", "none", as_word("none"), []),
    ("xai", "grok-4.3", "xhigh", as_word("high"), CLAMPED),
    ("xai", "grok-4.5", "none", {}, CLAMPED),
    ("xai", "grok-4.5", "medium", as_word("medium"), []),
    ("xai", "grok-4.6", "xhigh", as_word("xhigh"), []),
    ("xai", "grok-4", "high", {}, LOST),
    ("xai", "grok-4-fast-reasoning", "high", {}, LOST),
    ("xai", "grok-4.20-0309-reasoning", "high", {}, LOST),
    ("xai", "grok-5-non-reasoning", "high", {}, LOST),
    ("gemini", "gemini-2.5-flash", "none", as_word("none"), []),
    ("gemini", "models/gemini-2.5-flash", "minimal", as_word("minimal"), []),
    ("gemini", "gemini-2.5-pro", "minimal", as_word("minimal"), []),
    ("gemini", "gemini-2.5-pro", "none", {}, CLAMPED),
    ("gemini", "gemini-3.8-flash", "minimal", as_word("low"), CLAMPED),
    ("gemini", "gemini-3.8-flash", "none", {}, CLAMPED),
    ("together", "openai/gpt-oss-120b", "low", as_word("low"), []),
    ("together", "zai-org/GLM-5.1", "none", {"reasoning": {"enabled": False}}, []),
    ("fireworks", "accounts/fireworks/models/deepseek-v4-pro", "none", as_word("none"), []),
    ("fireworks", "accounts/fireworks/models/deepseek-v4-pro", "max", as_word("max"), []),
    ("fireworks", "accounts/fireworks/models/glm-5p1", "low", as_word("high"), CLAMPED),
    ("fireworks", "accounts/fireworks/models/kimi-k2p6", "max", as_word("high"), CLAMPED),
    ("fireworks", "accounts/fireworks/models/kimi-k2p6", "none", {}, CLAMPED),
    ("vllm", "qwen3", "high", as_word("high"), []),
    ("vllm", "qwen3", "none", {"chat_template_kwargs": {"enable_thinking": False}}, []),
    ("llama.cpp", "qwen3", "low", as_word("low"), []),
    ("llama.cpp", "qwen3", "none", {"chat_template_kwargs": {"enable_thinking": False}}, []),
    ("ollama", "qwen3", "none", as_word("none"), []),
    ("ollama", "gpt-oss", "xhigh", as_word("high"), CLAMPED),
    ("lmstudio", "qwen3", "none", as_word("none"), []),
    ("lmstudio", "qwen3", "max", as_word("xhigh"), CLAMPED),
    ("azure", "gpt-5.2", "xhigh", as_word("xhigh"), []),
    ("openai", "gpt-5.1", "max", as_word("high"), CLAMPED),
    ("openai", "gpt-5", "none", as_word("minimal"), CLAMPED),
]


@pytest.mark.parametrize(
    "name, model, effort, told, noted",
    EFFORTS,
    ids=[f"{name}, {model}: {effort}" for name, model, effort, *_ in EFFORTS],
)
def test_how_hard_to_think(
    name: str, model: str, effort: str, told: dict[str, Json], noted: list[str]
) -> None:
    off = effort == "none"
    wish = {"thinking": {"type": "disabled"}} if off else {"output_config": {"effort": effort}}
    body, notes = sent(name, {**HELLO, **wish}, model=model)
    assert fields_of(body, REASONING) == told
    assert notes == noted


ASKED: dict[str, Json] = {"model": "asked", "input": "Hello."}


@pytest.mark.parametrize(
    "name, model, effort, told, noted",
    [
        ("openai", "gpt-5.1", "max", "high", CLAMPED),
        ("deepseek", "deepseek-v4-flash", "none", "none", []),
        ("deepseek", "deepseek-v4-flash", "max", "max", []),
        ("groq", "openai/gpt-oss-20b", "xhigh", "high", CLAMPED),
        ("groq", "qwen/qwen3-32b", "high", None, CLAMPED),
        ("groq", "llama-3.3-70b-versatile", "high", None, LOST),
        ("xai", "grok-4.3", "none", "none", []),
        ("xai", "grok-4.20-multi-agent-0309", "max", "xhigh", CLAMPED),
        ("xai", "grok-4.5", "minimal", "low", CLAMPED),
        ("xai", "grok-4", "low", None, LOST),
    ],
)
def test_how_hard_to_think_in_responses(
    name: str, model: str, effort: str, told: str | None, noted: list[str]
) -> None:
    chat = {"messages": HELLO["messages"], "reasoning_effort": effort}
    body, notes = sent(name, chat, model=model, client=C, upstream=R)
    assert (body.get("reasoning") or {}).get("effort") == told
    assert notes == noted


def test_a_level_that_a_model_refuses_is_not_sent_again() -> None:
    """Refusals know better than the table."""
    xai = NAMED["xai"][C]
    problem = "reasoning_effort: unknown variant `xhigh`, expected `low` or `high`"
    error = Error("invalid_request", problem, 400)
    cure = repair(error, {"model": "grok-4.6", "reasoning_effort": "xhigh"}, xai, C, same=False)
    assert cure is not None
    assert efforts_of("grok-4.6", cure.profile) == ("low", "high")


def test_whether_thoughts_are_hidden_is_said_beside_the_effort() -> None:
    """An app's own server alone is told; others' state comes with the thoughts."""
    omitted = {"type": "adaptive", "display": "omitted"}
    body, _ = sent("openrouter", {**HELLO, "thinking": omitted, "output_config": {"effort": "low"}})
    assert fields_of(body, "reasoning include_reasoning") == nested("low")


# --- roles and texts


@pytest.mark.parametrize("name", CHAT_FAMILIES)
def test_developer_text(name: str) -> None:
    told = {"role": "developer", "content": "Be brief."}
    asked = {**ASKED, "input": [told, {"role": "user", "content": "Hello."}]}
    body, _ = sent(name, asked, client=R)
    role = "developer" if name in ("openai", "azure") else "system"
    assert body["messages"][0] == {**told, "role": role}


@pytest.mark.parametrize("name", CHAT_FAMILIES)
def test_developer_text_of_an_app_that_speaks_the_protocol(name: str) -> None:
    told = {"role": "developer", "content": "Be brief."}
    body, _ = sent(name, {**HELLO, "messages": [told, *HELLO["messages"]]}, client=C)
    role = "system" if name in ("deepseek", "mistral") else "developer"
    assert body["messages"][0] == {**told, "role": role}


@pytest.mark.parametrize("name", CHAT_FAMILIES)
def test_several_system_texts(name: str) -> None:
    texts = [{"type": "text", "text": text} for text in ("One.", "Two.")]
    body, _ = sent(name, {**HELLO, "system": texts})
    content = texts if name in ("openai", "azure") else "One.\n\nTwo."
    assert body["messages"][0] == {"role": "system", "content": content}


# --- calls

CALLED: dict[str, Json] = {
    **HELLO,
    "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
    "messages": [
        {"role": "user", "content": "Hello."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": ""},
                {"type": "tool_use", "id": "toolu_01AbC", "name": "f", "input": {}},
                {"type": "tool_use", "id": "Ab3Ab3Ab3", "name": "f", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "Ab3Ab3Ab3", "content": "2"},
                {"type": "tool_result", "tool_use_id": "toolu_01AbC", "content": "1"},
            ],
        },
    ],
}


@pytest.mark.parametrize("name", CHAT_FAMILIES)
def test_ids_of_calls_and_results(name: str) -> None:
    body, _ = sent(name, CALLED)
    _, called, *results = body["messages"]
    first, second = (call["id"] for call in called["tool_calls"])
    assert {r["tool_call_id"]: r["content"] for r in results} == {second: "2", first: "1"}
    assert second == "Ab3Ab3Ab3"
    assert (first == "toolu_01AbC") is (name != "mistral")


def test_mistral_gets_ids_of_nine_signs_and_always_the_same() -> None:
    ids = [sent("mistral", CALLED)[0]["messages"][1]["tool_calls"][0]["id"] for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 9 and ids[0].isascii() and ids[0].isalnum()


@pytest.mark.parametrize("name", CHAT_FAMILIES)
def test_thoughts_that_nobody_signed(name: str) -> None:
    told = {
        "openrouter": {"reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
        "deepseek": {"reasoning_content": "Hm."},
        "llama.cpp": {"reasoning_content": "Hm."},
        "vllm": {"reasoning": "Hm."},
        "ollama": {"reasoning": "Hm."},
    }
    body, _ = sent(name, CALLED)
    names = "reasoning_content reasoning reasoning_details"
    assert fields_of(body["messages"][1], names) == told.get(name, {})


def test_deepseek_gets_the_field_of_thoughts_that_are_lost() -> None:
    user, called, result = CALLED["messages"]
    calls = [block for block in called["content"] if block["type"] == "tool_use"]
    body, _ = sent("deepseek", {**CALLED, "messages": [user, {**called, "content": calls}, result]})
    assert body["messages"][1]["reasoning_content"] == ""


@pytest.mark.parametrize("name", [name for name, family in NAMED.items() if R in family])
def test_freeform_tools_in_responses(name: str) -> None:
    tools = [{"type": "custom", "custom": {"name": "run"}}]
    body, _ = sent(name, {**HELLO, "tools": tools}, client=C, upstream=R)
    assert body["tools"][0]["type"] == ("function" if name == "ollama" else "custom")


# --- fields


@pytest.mark.parametrize("name", CHAT_FAMILIES)
def test_top_k(name: str) -> None:
    takes = name in ("openrouter", "together", "vllm", "llama.cpp", "lmstudio")
    body, notes = sent(name, {**HELLO, "top_k": 3})
    assert (body.get("top_k"), notes) == ((3, []) if takes else (None, ["sampling_dropped"]))


@pytest.mark.parametrize("name", CHAT_FAMILIES)
def test_usage_of_a_stream(name: str) -> None:
    asked = None if name == "mistral" else {"include_usage": True}
    body, notes = sent(name, {**HELLO, "stream": True})
    assert (body.get("stream_options"), notes) == (asked, [])


@pytest.mark.parametrize(
    "name, model, stops",
    [
        ("xai", "grok-4.5", False),
        ("xai", "grok-3-mini", False),
        ("xai", "grok-3", True),
        ("xai", "grok-4-fast-non-reasoning", True),
        ("groq", "openai/gpt-oss-20b", True),
    ],
)
def test_stop_sequences(name: str, model: str, stops: bool) -> None:
    body, notes = sent(name, {**HELLO, "stop_sequences": ["END"]}, model=model)
    assert (body.get("stop"), notes) == ((["END"], []) if stops else (None, ["stop_unsupported"]))


# What apps that speak Chat send to OpenAI.
OPENAIS: dict[str, Json] = {
    "model": "asked",
    "messages": [
        {"role": "user", "content": "Hello.", "name": "me"},
        {
            "role": "assistant",
            "content": "Hello.",
            "refusal": None,
            "annotations": [],
            "reasoning_content": "Hm.",
        },
        {"role": "user", "content": "Go on."},
    ],
    "max_completion_tokens": 50,
    "seed": 7,
    "stream": True,
    "stream_options": {"include_usage": True},
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "logit_bias": {"1": 2},
    "logprobs": True,
    "top_logprobs": 2,
    "store": False,
    "user": "me",
    "parallel_tool_calls": True,
}


@pytest.mark.parametrize(
    "name, gone, message",
    [
        (
            "groq",
            "logit_bias logprobs top_logprobs",
            {"role": "assistant", "content": "Hello.", "refusal": None, "annotations": []},
        ),
        (
            "mistral",
            "seed max_completion_tokens stream_options logit_bias logprobs top_logprobs store user",
            {"role": "assistant", "content": "Hello."},
        ),
        ("xai", "presence_penalty frequency_penalty", OPENAIS["messages"][1]),
        ("openrouter", "", OPENAIS["messages"][1]),
    ],
)
def test_what_is_kept_from_a_server_that_refuses_it(
    name: str, gone: str, message: dict[str, Json]
) -> None:
    body, _ = sent(name, OPENAIS, model="asked", client=C)
    assert OPENAIS.keys() - body.keys() == set(gone.split())
    assert body["messages"][1] == message
    assert ("name" in body["messages"][0]) is (name not in ("groq", "mistral"))


def test_mistral_has_names_of_its_own() -> None:
    body, _ = sent("mistral", OPENAIS, client=C)
    assert fields_of(body, "random_seed max_tokens") == {"random_seed": 7, "max_tokens": 50}


# --- which one an upstream has

HOSTED = {
    "openai": "api.openai.com API.OpenAI.com api.openai.com. eu.api.openai.com chatgpt.com",
    "azure": "mine.openai.azure.com mine.services.ai.azure.com",
    "anthropic": "api.anthropic.com Api.Anthropic.COM",
    "openrouter": "openrouter.ai OpenRouter.ai eu.openrouter.ai",
    "deepseek": "api.deepseek.com api.deepseek.com.",
    "groq": "api.groq.com",
    "mistral": "api.mistral.ai",
    "xai": "api.x.ai us.api.x.ai",
    "gemini": "generativelanguage.googleapis.com",
    "together": "api.together.xyz api.together.ai",
    "fireworks": "api.fireworks.ai us.api.fireworks.ai",
    "ollama": "ollama.com",
    "compatible": """
        evilapi.openai.com.example.org notapi.openai.com xapi.anthropic.com api.openai.com.evil.org
        openai.com api.openai.co notchatgpt.com evilopenai.azure.com azure.com localhost 127.0.0.1
        ::1 fakeopenrouter.ai openrouter.ai.evil.org api.deepseek.com.evil.org deepseek.com
        xapi.x.ai x.ai notapi.groq.com googleapis.com fake-ollama.com ollama.com.evil.org
        eviltogether.ai mistral.ai
    """,
}
A_HOST = [(name, host) for name, hosts in HOSTED.items() for host in [*hosts.split()]]


@pytest.mark.parametrize("protocol", [A, C, R])
@pytest.mark.parametrize("name, host", A_HOST)
def test_without_a_profile_the_host_decides(protocol: Protocol, name: str, host: str) -> None:
    profile = NAMED[name].get(protocol, COMPATIBLE[protocol])
    assert resolve(protocol, host, None) == profile
    assert resolve(protocol, host, {}) == profile


def test_every_host_is_that_of_a_family() -> None:
    assert HOSTS.keys() <= {host for _, host in A_HOST} | {
        host.partition(".")[2] for _, host in A_HOST
    }
    assert set(HOSTS.values()) == set(HOSTED) - {"compatible"}


@pytest.mark.parametrize(
    "protocol, host, profile",
    [
        pytest.param(C, "api.anthropic.com", COMPATIBLE[C], id="Anthropic's Chat is no OpenAI's"),
        pytest.param(A, "api.openai.com", COMPATIBLE[A], id="OpenAI's Messages is no Anthropic's"),
        pytest.param(A, "mine.services.ai.azure.com", ANTHROPIC, id="but Azure has Claude"),
        pytest.param(
            C,
            "mine.openai.azure.com",
            replace(OPENAI, websocket=False),
            id="and OpenAI's models",
        ),
        pytest.param(A, "api.groq.com", COMPATIBLE[A], id="what Groq does not speak"),
        pytest.param(C, "", COMPATIBLE[C], id="no host"),
    ],
)
def test_the_protocol_decides_too(protocol: Protocol, host: str, profile: Profile) -> None:
    assert resolve(protocol, host, None) == profile


SPOKEN = {
    A: "anthropic azure compatible deepseek fireworks llama.cpp lmstudio ollama openrouter vllm",
    C: """
        azure compatible deepseek fireworks gemini groq llama.cpp lmstudio mistral ollama openai
        openrouter together vllm xai
    """,
    R: "azure compatible deepseek groq llama.cpp lmstudio ollama openai openrouter vllm xai",
}


@pytest.mark.parametrize("protocol", [A, C, R])
@pytest.mark.parametrize("name", NAMED)
def test_a_profile_by_name(protocol: Protocol, name: str) -> None:
    for host in ("api.openai.com", "localhost"):
        for asked in (name, {"base": name}):
            if name in SPOKEN[protocol].split():
                assert resolve(protocol, host, asked) == NAMED[name][protocol]
            else:
                with pytest.raises(ValueError):
                    resolve(protocol, host, asked)


@pytest.mark.parametrize(
    "profile, name",
    [
        pytest.param("openia", "openia", id="an unknown name"),
        pytest.param("anthropic", "anthropic", id="a name of another protocol"),
        pytest.param({"base": None}, "None", id="a base without a name"),
    ],
)
def test_what_a_wrong_name_is_told(profile: Any, name: str) -> None:
    with pytest.raises(ValueError) as caught:
        resolve(C, "localhost", profile)
    known = ", ".join(SPOKEN[C].split())
    assert str(caught.value) == f'"{name}" is not a profile for openai_chat: {known}'


def test_flags_change_the_profile_of_the_host_or_of_a_name() -> None:
    flags, changes = {"top_k": True, "stop": False}, {"top_k": True, "stop": ()}
    assert resolve(C, "localhost", flags) == replace(COMPATIBLE[C], **changes)
    assert resolve(C, "api.openai.com", flags) == replace(OPENAI, **changes)
    assert resolve(C, "localhost", {"base": "groq", **flags}) == replace(
        NAMED["groq"][C], **changes
    )


# --- caches and forms of other servers


@pytest.mark.parametrize(
    "given, told",
    [
        ({"type": "ephemeral"}, {"type": "ephemeral"}),
        ({"type": "ephemeral", "ttl": "1h"}, {"type": "ephemeral", "ttl": "1h"}),
    ],
)
def test_openrouter_takes_cache_marks_in_the_words_of_anthropic(given: Json, told: Json) -> None:
    text = {"type": "text", "text": "hi", "cache_control": given}
    body, codes = sent("openrouter", {**HELLO, "messages": [{"role": "user", "content": [text]}]})
    assert body["messages"][-1]["content"] == [{**text, "cache_control": told}] and not codes


def test_those_of_openai_become_theirs() -> None:
    mark = {"mode": "explicit", "ttl": "12h"}
    text = {"type": "input_text", "text": "hi", "prompt_cache_breakpoint": mark}
    asked = {"model": "m", "input": [{"role": "user", "content": [text]}]}
    body, _ = sent("openrouter", asked, client=R)
    cache = {"type": "ephemeral", "ttl": "1h"}
    assert body["messages"][-1]["content"] == [
        {"type": "text", "text": "hi", "cache_control": cache}
    ]


def test_where_there_are_no_schemas_the_form_is_asked_for_in_words() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    form = {"type": "json_schema", "name": "x", "schema": schema}
    asked = {"model": "m", "instructions": "Be kind.", "input": "hi", "text": {"format": form}}
    body, codes = sent("deepseek", asked, client=R)
    assert body["response_format"] == {"type": "json_object"}
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["system", "user"]
    assert dumps(schema).decode() in body["messages"][0]["content"]
    assert codes == ["json_mode_prompted"]
    assert sent("vllm", asked, client=R)[0]["response_format"]["type"] == "json_schema"


def test_where_there_is_no_json_mode_there_is_a_schema_of_any_object() -> None:
    asked = {"model": "m", "input": "hi", "text": {"format": {"type": "json_object"}}}
    body, codes = sent("lmstudio", asked, client=R)
    schema = {"name": "response", "schema": {"type": "object"}}
    assert body["response_format"] == {"type": "json_schema", "json_schema": schema} and not codes
    assert sent("vllm", asked, client=R)[0]["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize("name", CHAT_FAMILIES)
def test_system_text_at_the_head_is_one_message_where_templates_want_one(name: str) -> None:
    head = [{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}]
    asked = {"model": "m", "instructions": "i", "input": [*head, {"role": "user", "content": "u"}]}
    body, _ = sent(name, asked, client=R)
    told = [(m["role"], m["content"]) for m in body["messages"][:-1]]
    if name in ("openai", "azure"):
        assert told == [("system", "i"), ("system", "a"), ("developer", "b")]
    else:
        assert told == [("system", "i\n\na\n\nb")]
