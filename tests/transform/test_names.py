import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.context import Context, context
from bridge.transform.model import Protocol, Request
from bridge.transform.names import (
    is_legal_call_id,
    nine_signs,
    object_id,
    short_call_id,
    tool_name,
    tool_names,
)
from bridge.transform.notes import TransformError

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
PROTOCOLS = [A, C, R]
LONGEST = {A: 128, C: 64, R: 128}

ANY_TEXT = st.text(st.characters(exclude_categories=()))
NAMES = ANY_TEXT | st.text("ab_-. é", min_size=50, max_size=140)


# --- ids of answers


def exchange(raw: Any = None, now: float = 0.0) -> Context:
    ctx = context(A, C)
    ctx.now = now
    ctx.request = None if raw is None else Request(A, "m", raw=raw)
    return ctx


@pytest.mark.parametrize(
    "upstream_id, body",
    [
        pytest.param("chatcmpl-abc123XYZ", "abc123XYZ", id="Chat's prefix goes"),
        pytest.param("msg_01AbCd", "01AbCd", id="that of Messages too"),
        pytest.param("resp_0a1b", "0a1b", id="and that of Responses"),
        pytest.param("gen-1234-ab", "1234ab", id="other signs are left out"),
        pytest.param("f47ac10b-58cc-4372", "f47ac10b58cc4372", id="a UUID has no prefix"),
        pytest.param("abc", "abc", id="without a prefix"),
        pytest.param("msg_bdrk_01X", "bdrk01X", id="only the first prefix goes"),
        pytest.param("a" * 40, "a" * 40, id="40 characters"),
    ],
)
def test_an_answer_keeps_the_body_of_its_id(upstream_id: str, body: str) -> None:
    assert object_id("msg_", upstream_id, exchange()) == f"msg_{body}"


@pytest.mark.parametrize(
    "upstream_id",
    [
        pytest.param("a" * 41, id="over 40 characters"),
        pytest.param("", id="empty"),
        pytest.param("msg_", id="a prefix alone"),
        pytest.param("é-漢", id="nothing that may stay"),
        pytest.param("\ud800", id="a lone surrogate"),
    ],
)
def test_an_unusable_id_becomes_a_digest(upstream_id: str) -> None:
    made = object_id("chatcmpl-", upstream_id, exchange())
    assert re.fullmatch(r"chatcmpl-[0-9a-f]{24}", made)
    assert made == object_id("chatcmpl-", upstream_id, exchange())


@given(upstream_id=ANY_TEXT | st.text("ab_-", min_size=35, max_size=50))
def test_ids_of_answers_are_plain(upstream_id: str) -> None:
    made = object_id("msg_", upstream_id, exchange())
    assert re.fullmatch(r"msg_[A-Za-z0-9]{1,40}", made)


def test_digests_of_different_ids_differ() -> None:
    assert object_id("", "a" * 41, exchange()) != object_id("", "a" * 42, exchange())


def test_without_an_id_the_request_and_the_time_make_one() -> None:
    made = [
        object_id("", "", exchange({"model": "a"}, 1.0)),
        object_id("", "", exchange({"model": "b"}, 1.0)),
        object_id("", "", exchange({"model": "a"}, 2.0)),
    ]
    assert len(set(made)) == 3
    assert object_id("", "", exchange({"model": "a"}, 1.0)) == made[0]


def test_without_an_id_a_request_that_was_passed_on_unread_counts_too() -> None:
    read = exchange({"model": "a"}, 1.0)
    unread = exchange(None, 1.0)
    unread.raw = {"model": "a"}
    assert object_id("", "", unread) == object_id("", "", read)


# --- ids of calls


@pytest.mark.parametrize(
    "call_id, legal",
    [
        pytest.param("toolu_01A", True, id="Anthropic's"),
        pytest.param("call_a-B_9", True, id="OpenAI's"),
        pytest.param("0", True, id="one digit"),
        pytest.param("a" * 64, True, id="64 characters"),
        pytest.param("a" * 65, False, id="65 characters"),
        pytest.param("", False, id="empty"),
        pytest.param("functions.x:0", False, id="dots and colons"),
        pytest.param("a b", False, id="a blank"),
        pytest.param("a\n", False, id="a line break at the end"),
        pytest.param("é", False, id="a letter beyond ASCII"),
    ],
)
def test_which_call_ids_are_legal_everywhere(call_id: str, legal: bool) -> None:
    assert is_legal_call_id(call_id) is legal


@given(seeds=st.lists(st.lists(ANY_TEXT, min_size=1, max_size=1), unique_by=tuple))
def test_short_call_ids_are_legal_and_differ(seeds: list[list[str]]) -> None:
    made = [short_call_id(*seed) for seed in seeds]
    assert all(map(is_legal_call_id, made))
    assert {len(call_id) for call_id in made} <= {45}
    assert len(set(made)) == len(made)


def test_trap_35_a_short_call_id_is_the_same_in_every_process() -> None:
    assert short_call_id("resp_1", "2") == "call_BwLF6C-0cGxe4WdjWIepkNmHN0yWmYOkVQTAx5ci"


@given(call_id=ANY_TEXT)
def test_nine_signs_are_letters_and_digits(call_id: str) -> None:
    made = nine_signs(call_id)
    assert re.fullmatch(r"[A-Za-z0-9]{9}", made)
    assert nine_signs(made) == made


@given(ids=st.lists(ANY_TEXT, unique=True))
def test_nine_signs_differ_where_the_ids_do(ids: list[str]) -> None:
    assert len(set(map(nine_signs, ids))) == len(ids)


@pytest.mark.parametrize(
    "call_id, made",
    [
        pytest.param("aZ09aZ09a", "aZ09aZ09a", id="nine already"),
        pytest.param("toolu_01AbC", "IdN4LiVKU", id="in every process"),
        pytest.param("aZ09aZ09a0", "IMTBzkQUc", id="ten"),
        pytest.param("aZ09aZ09\n", "zkEJ5Owzz", id="a line break for the ninth"),
        pytest.param("aZ09aZ09é", "yHxgLNBdh", id="a letter beyond ASCII"),
    ],
)
def test_nine_signs(call_id: str, made: str) -> None:
    assert nine_signs(call_id) == made


# --- names of tools


@pytest.mark.parametrize(
    "name, target, alias",
    [
        pytest.param("get_weather-2", C, "get_weather-2", id="a legal name stays"),
        pytest.param("a" * 64, C, "a" * 64, id="64 characters for Chat"),
        pytest.param("a" * 65, C, "a" * 55 + "_635361c4", id="65 characters for Chat"),
        pytest.param("a" * 65, A, "a" * 65, id="65 characters for Messages, as they came"),
        pytest.param("a" * 128, A, "a" * 128, id="128 characters for Messages"),
        pytest.param("a" * 129, A, "a" * 55 + "_c12cb024", id="129: Messages documents 64 only"),
        pytest.param("a" * 128, R, "a" * 128, id="128 characters for Responses"),
        pytest.param("a" * 129, R, "a" * 119 + "_c12cb024", id="129 characters for Responses"),
        pytest.param("get weather", C, "get_weather_dce3870e", id="a blank"),
        pytest.param("mcp.files/read", A, "mcp_files_read_6efd9b52", id="dots and slashes"),
        pytest.param("wetter_für", C, "wetter_f_r_04f00565", id="a letter beyond ASCII"),
        pytest.param("", C, "_e3b0c442", id="an empty name"),
    ],
)
def test_trap_26_names(name: str, target: Protocol, alias: str) -> None:
    assert tool_name(name, target) == alias


@pytest.mark.parametrize("target", PROTOCOLS)
@given(name=NAMES)
def test_every_name_becomes_legal_once_and_for_all(target: Protocol, name: str) -> None:
    alias = tool_name(name, target)
    assert re.fullmatch(rf"[A-Za-z0-9_-]{{1,{LONGEST[target]}}}", alias)
    assert tool_name(alias, target) == alias


@pytest.mark.parametrize("target", PROTOCOLS)
@given(names=st.lists(NAMES, max_size=6))
def test_no_two_names_become_one(target: Protocol, names: list[str]) -> None:
    aliases = tool_names(names, target)
    assert list(aliases) == list(dict.fromkeys(names))
    assert len(set(aliases.values())) == len(aliases)
    assert all(aliases[name] == tool_name(name, target) for name in names)


@given(names=st.lists(NAMES, max_size=4), more=st.lists(NAMES, max_size=4))
def test_more_names_do_not_change_an_alias(names: list[str], more: list[str]) -> None:
    assert tool_names(names, C).items() <= tool_names([*names, *more], C).items()


@pytest.mark.parametrize("reverse", [False, True], ids=["alias last", "alias first"])
def test_a_name_that_is_the_alias_of_another_is_refused(reverse: bool) -> None:
    names = ["get weather", "get_weather_dce3870e"]
    with pytest.raises(TransformError, match="both become 'get_weather_dce3870e'") as caught:
        tool_names(sorted(names, reverse=reverse), C)
    assert (caught.value.where, caught.value.code) == ("tools", "tool_name_collision")
