from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest

from bridge.transform.effort import LEVELS
from bridge.transform.model import Protocol
from bridge.transform.profile import (
    ANTHROPIC,
    COMPATIBLE,
    NAMED,
    OPENAI,
    VENDOR,
    Models,
    Profile,
    matches,
    resolve,
)

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"


@pytest.mark.parametrize(
    "model, patterns, answer",
    [
        pytest.param("gpt-5", ("gpt-*",), True, id="a glob"),
        pytest.param("gpt-5", ("gpt",), False, id="the whole name"),
        pytest.param("GPT-5", ("gpt-*",), True, id="case of the name does not count"),
        pytest.param("gpt-5", ("GPT-*",), True, id="nor that of the glob"),
        pytest.param("gpt-5", ("!gpt-5", "gpt-*"), False, id="the first that fits says no"),
        pytest.param("gpt-4", ("!gpt-5", "gpt-*"), True, id="a no for others says nothing"),
        pytest.param("gpt-5", ("gpt-*", "!gpt-5"), True, id="the first that fits says yes"),
        pytest.param("gpt-5", (), False, id="no glob at all"),
        pytest.param("gpt-5", ("!gpt-4",), False, id="no glob that fits"),
        pytest.param("", ("*",), True, id="all models, and one without a name"),
    ],
)
def test_matches(model: str, patterns: Models, answer: bool) -> None:
    assert matches(model, patterns) is answer


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


# --- profiles


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
        ("top_k", True, True),
        ("anthropic_version", "2023-06-01", "2023-06-01"),
        ("max_tokens_default", 32_000, 32_000),
        ("efforts", ("low", "medium", "high", "xhigh", "max"), ("low", "medium", "high")),
        ("mcp_beta", "mcp-client-2026-09-15", ""),
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


@pytest.mark.parametrize("protocol", [A, C, R])
def test_levels_of_effort_are_known_and_go_upwards(protocol: Protocol) -> None:
    for profile in (VENDOR[protocol], COMPATIBLE[protocol]):
        assert list(profile.efforts) == [level for level in LEVELS if level in profile.efforts]


# --- which one an upstream has

OPENAI_HOSTS = (
    "api.openai.com API.OpenAI.com api.openai.com. eu.api.openai.com chatgpt.com "
    "mine.openai.azure.com mine.services.ai.azure.com"
).split()
ANTHROPIC_HOSTS = "api.anthropic.com Api.Anthropic.COM mine.services.ai.azure.com".split()
OTHER_HOSTS = """
    evilapi.openai.com.example.org notapi.openai.com xapi.anthropic.com api.openai.com.evil.org
    openai.com api.openai.co notchatgpt.com evilopenai.azure.com azure.com localhost 127.0.0.1 ::1
    openrouter.ai
""".split()


@pytest.mark.parametrize(
    "protocol, host, profile",
    [
        *((A, host, ANTHROPIC) for host in ANTHROPIC_HOSTS),
        *((A, host, COMPATIBLE[A]) for host in OTHER_HOSTS),
        *((C, host, OPENAI) for host in OPENAI_HOSTS),
        *((R, host, OPENAI) for host in OPENAI_HOSTS),
        *((C, host, COMPATIBLE[C]) for host in OTHER_HOSTS),
        *((R, host, COMPATIBLE[R]) for host in OTHER_HOSTS),
        pytest.param(C, "api.anthropic.com", COMPATIBLE[C], id="Anthropic's Chat is no OpenAI's"),
        pytest.param(A, "api.openai.com", COMPATIBLE[A], id="OpenAI's Messages is no Anthropic's"),
        pytest.param(C, "", COMPATIBLE[C], id="no host"),
    ],
)
def test_without_a_profile_the_host_decides(
    protocol: Protocol, host: str, profile: Profile
) -> None:
    assert resolve(protocol, host, None) == profile
    assert resolve(protocol, host, {}) == profile


@pytest.mark.parametrize(
    "protocol, name, profile",
    [
        (A, "anthropic", ANTHROPIC),
        (A, "compatible", COMPATIBLE[A]),
        (C, "openai", OPENAI),
        (C, "compatible", COMPATIBLE[C]),
        (R, "openai", OPENAI),
        (R, "compatible", COMPATIBLE[R]),
    ],
)
def test_a_profile_by_name(protocol: Protocol, name: str, profile: Profile) -> None:
    for host in ("api.openai.com", "localhost"):
        assert resolve(protocol, host, name) == profile
        assert resolve(protocol, host, {"base": name}) == profile


def test_every_name_stands_for_a_profile_of_some_protocol() -> None:
    assert all(NAMED.values())


@pytest.mark.parametrize(
    "flags, changes",
    [
        pytest.param({"developer_role": True}, {"developer_role": True}, id="yes or no"),
        pytest.param({"sampling": False}, {"sampling": ()}, id="no model"),
        pytest.param({"stop": True}, {"stop": ("*",)}, id="all models"),
        pytest.param({"stop": ["!qwen*", "*"]}, {"stop": ("!qwen*", "*")}, id="some models"),
        pytest.param({"max_tokens_default": 5}, {"max_tokens_default": 5}, id="a number"),
        pytest.param({"empty_tool_result": ""}, {"empty_tool_result": ""}, id="an empty text"),
        pytest.param(
            {"reasoning_field": "reasoning"}, {"reasoning_field": "reasoning"}, id="one of some"
        ),
        pytest.param({"efforts": ["low", "max"]}, {"efforts": ("low", "max")}, id="levels"),
        pytest.param({"efforts": []}, {"efforts": ()}, id="no levels"),
        pytest.param(
            {"output_limits": {"a*": 5, "*": 9}},
            {"output_limits": (("a*", 5), ("*", 9))},
            id="limits in their order",
        ),
        pytest.param(
            {"top_k": True, "join_text": False}, {"top_k": True, "join_text": False}, id="several"
        ),
    ],
)
def test_flags_change_the_profile_of_the_host(
    flags: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert resolve(C, "localhost", flags) == replace(COMPATIBLE[C], **changes)
    assert resolve(C, "api.openai.com", flags) == replace(OPENAI, **changes)
    assert resolve(C, "localhost", {"base": "openai", **flags}) == replace(OPENAI, **changes)


NAMES = ", ".join(flag.name for flag in fields(Profile))
EFFORTS = "a list of none, minimal, low, medium, high, xhigh, max"
GLOBS = "true, false or a list of model globs"
LIMITS = "a mapping of model globs to numbers above 0"


@pytest.mark.parametrize(
    "profile, problem",
    [
        pytest.param(
            "openia",
            '"openia" is not a profile for openai_chat: compatible, openai',
            id="an unknown name",
        ),
        pytest.param(
            "anthropic",
            '"anthropic" is not a profile for openai_chat: compatible, openai',
            id="a name of another protocol",
        ),
        pytest.param(
            {"base": None},
            '"None" is not a profile for openai_chat: compatible, openai',
            id="a base without a name",
        ),
        pytest.param(
            {"shiny": True},
            f'"shiny" is not a profile flag: base, {NAMES}',
            id="an unknown flag",
        ),
        pytest.param(
            {"developer_role": "yes"},
            "developer_role: 'yes' is not true or false",
            id="a word for yes or no",
        ),
        pytest.param({"top_k": 1}, "top_k: 1 is not true or false", id="a number for yes or no"),
        pytest.param(
            {"anthropic_version": date(2023, 6, 1)},
            "anthropic_version: datetime.date(2023, 6, 1) is not a string",
            id="a date for a text",
        ),
        pytest.param(
            {"max_tokens_default": 0}, "max_tokens_default: 0 is not a number above 0", id="zero"
        ),
        pytest.param(
            {"max_tokens_default": True},
            "max_tokens_default: True is not a number above 0",
            id="yes for a number",
        ),
        pytest.param(
            {"max_tokens_default": "9"},
            "max_tokens_default: '9' is not a number above 0",
            id="a text for a number",
        ),
        pytest.param(
            {"empty_call_content": None},
            "empty_call_content: None is not one of null, empty",
            id="nothing for one of some",
        ),
        pytest.param(
            {"reasoning_field": ["reasoning"]},
            "reasoning_field: ['reasoning'] is not one of "
            "none, reasoning_content, reasoning, reasoning_details",
            id="a list for one of some",
        ),
        pytest.param({"stop": "gpt-*"}, f"stop: 'gpt-*' is not {GLOBS}", id="a single glob"),
        pytest.param({"stop": [1]}, f"stop: [1] is not {GLOBS}", id="a glob that is no text"),
        pytest.param({"efforts": True}, f"efforts: True is not {EFFORTS}", id="yes for levels"),
        pytest.param(
            {"efforts": ["hgh"]}, f"efforts: ['hgh'] is not {EFFORTS}", id="an unknown level"
        ),
        pytest.param(
            {"efforts": [["low"]]}, f"efforts: [['low']] is not {EFFORTS}", id="a list as a level"
        ),
        pytest.param({"output_limits": [1]}, f"output_limits: [1] is not {LIMITS}", id="a list"),
        pytest.param(
            {"output_limits": {"a": True}},
            f"output_limits: {{'a': True}} is not {LIMITS}",
            id="a limit that is no number",
        ),
        pytest.param(
            {"output_limits": {4: 5}},
            f"output_limits: {{4: 5}} is not {LIMITS}",
            id="a limit of no glob",
        ),
    ],
)
def test_what_a_wrong_profile_is_told(profile: Any, problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        resolve(C, "localhost", profile)
    assert str(caught.value) == problem


@pytest.mark.parametrize("protocol", [A, C, R])
def test_a_profile_written_out_as_flags_is_itself(protocol: Protocol) -> None:
    for profile in (VENDOR[protocol], COMPATIBLE[protocol]):
        flags: dict[str, Any] = {}
        for flag in fields(Profile):
            value = getattr(profile, flag.name)
            written = dict(value) if flag.name == "output_limits" else value
            flags[flag.name] = list(written) if isinstance(written, tuple) else written
        assert resolve(protocol, "localhost", flags) == profile
        assert resolve(protocol, "api.openai.com", flags) == profile
