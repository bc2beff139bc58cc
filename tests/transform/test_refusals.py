"""The table of refusals fits its reader; what its words cure is told in the tests of `repair`."""

import re
from dataclasses import fields, replace
from typing import get_args

import pytest

from bridge.transform.model import Protocol
from bridge.transform.profile import ALL, Profile
from bridge.transform.refusals import (
    DEEP,
    KEPT,
    NAME,
    NAMED,
    OPTIONS,
    RENAMES,
    REQUIRED,
    RULES,
    Rule,
)

TAKES_ALL = Profile(system_messages=ALL)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.protocols}-{rule.words[:30]}")
def test_a_rule_is_for_known_protocols_and_changes_flags_there_are(rule: Rule) -> None:
    assert rule.protocols and set(rule.protocols) <= set(get_args(Protocol.__value__))
    assert set(rule.flags) <= {field.name for field in fields(Profile)}
    assert replace(TAKES_ALL, **rule.flags) != TAKES_ALL
    assert rule.where and rule.detail
    assert re.compile(rule.words).search("") is None, "a rule has to want words"


@pytest.mark.parametrize("pattern", NAMED, ids=lambda p: p.pattern.replace(NAME, "NAME")[:40])
def test_a_pattern_of_names_catches_one(pattern: re.Pattern[str]) -> None:
    assert pattern.groups == 1


def test_nothing_is_kept_and_an_option_at_once() -> None:
    assert KEPT.isdisjoint(DEEP)
    assert KEPT.isdisjoint(RENAMES)
    assert KEPT.isdisjoint(OPTIONS)
    assert KEPT.isdisjoint(name for _, name in REQUIRED)
    assert all(option in DEEP for option in OPTIONS.values())
