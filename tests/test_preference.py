"""Turns by weight and conversations that stay, for upstreams that are all healthy."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import Match, Route, parse
from bridge.preference import Preference

UPSTREAMS = parse(
    "upstreams:\n" + "".join(f"  {n}: {{protocol: openai_chat, url: http://{n}}}\n" for n in "abc"),
    "config.yaml",
    {},
).upstreams


def route(weights: dict[str, int] | None = None, name: str = "r", sticky: bool = True) -> Route:
    given = tuple((weights or {}).items())
    return Route(name, Match(), tuple(UPSTREAMS.values()), weights=given, sticky=sticky)


def turns(preference: Preference, route: Route, count: int, healthy: str = "abc") -> str:
    among = [UPSTREAMS[name] for name in healthy]
    return "".join(preference.choose(route, among, "", 0).name for _ in range(count))


@pytest.mark.parametrize(
    "weights, healthy, expected",
    [
        pytest.param({}, "abc", "aaaa", id="no weights: the first"),
        pytest.param({"a": 1, "b": 1}, "abc", "abababab", id="equal weights: in turn"),
        pytest.param({"a": 3, "b": 1}, "abc", "aabaaaba", id="three to one, spread evenly"),
        pytest.param({"a": 5, "b": 1, "c": 1}, "abc", "aabacaa", id="five to one to one"),
        pytest.param({"b": 1, "c": 1}, "abc", "bcbc", id="one without a weight is a backup"),
        pytest.param({"a": 3, "b": 1}, "bc", "bbbb", id="who is not healthy has no turn"),
        pytest.param({"c": 1}, "ab", "aaaa", id="none with a weight is healthy: the first"),
    ],
)
def test_turns(weights: dict[str, int], healthy: str, expected: str) -> None:
    assert turns(Preference(), route(weights), len(expected), healthy) == expected


def test_routes_count_their_own_turns() -> None:
    preference = Preference()
    assert turns(preference, route({"a": 1, "b": 1}, "one"), 1) == "a"
    assert turns(preference, route({"a": 1, "b": 1}, "two"), 1) == "a"
    assert turns(preference, route({"a": 1, "b": 1}, "one"), 1) == "b"


@given(st.fixed_dictionaries({name: st.integers(1, 20) for name in "abc"}), st.integers(1, 3))
def test_shares_are_exact_and_spread(weights: dict[str, int], rounds: int) -> None:
    total = sum(weights.values())
    order = turns(Preference(), route(weights), total * rounds)
    assert Counter(order) == {name: weight * rounds for name, weight in weights.items()}
    for name, weight in weights.items():
        places = [place for place, chosen in enumerate(order) if chosen == name]
        gaps = [after - before for before, after in pairwise(places)]
        assert all(gap <= 2 * -(-total // weight) for gap in gaps), "nobody waits for long"


def chosen(preference: Preference, route: Route, conversation: str, now: float = 0) -> str:
    return preference.choose(route, list(UPSTREAMS.values()), conversation, now).name


def test_a_conversation_stays_where_it_went() -> None:
    preference, r = Preference(), route({"a": 1, "b": 1})
    preference.went_to(r, "one", UPSTREAMS["c"], 0)
    assert [chosen(preference, r, name) for name in ("one", "two", "one", "three")] == list("cacb")


def test_it_goes_elsewhere_where_that_is_not_healthy() -> None:
    preference, r = Preference(), route()
    preference.went_to(r, "one", UPSTREAMS["c"], 0)
    assert preference.choose(r, [UPSTREAMS["a"], UPSTREAMS["b"]], "one", 1).name == "a"
    assert chosen(preference, r, "one") == "c"


def test_a_failure_sends_it_away() -> None:
    preference, r = Preference(), route()
    preference.went_to(r, "one", UPSTREAMS["c"], 0)
    preference.failed(r, "one", UPSTREAMS["b"], 1)
    assert chosen(preference, r, "one") == "c", "that was another upstream"
    preference.failed(r, "one", UPSTREAMS["c"], 1)
    assert chosen(preference, r, "one") == "a"


@pytest.mark.parametrize(
    "other, conversation",
    [
        pytest.param(route(name="other"), "one", id="another route"),
        pytest.param(route(), "two", id="another conversation"),
        pytest.param(route(), "", id="no conversation"),
    ],
)
def test_nobody_else_stays_there(other: Route, conversation: str) -> None:
    preference = Preference()
    preference.went_to(route(), "one", UPSTREAMS["c"], 0)
    assert chosen(preference, other, conversation) == "a"


def test_without_a_name_no_conversation_stays() -> None:
    preference = Preference()
    preference.went_to(route(), "", UPSTREAMS["c"], 0)
    assert chosen(preference, route(), "") == "a"


def test_nor_does_any_where_the_route_is_not_sticky() -> None:
    preference, r = Preference(), route(sticky=False)
    preference.went_to(r, "one", UPSTREAMS["c"], 0)
    assert chosen(preference, r, "one") == "a"


def test_a_name_may_hold_what_no_encoding_takes() -> None:
    preference = Preference()
    preference.went_to(route(), "\ud800", UPSTREAMS["c"], 0)
    assert chosen(preference, route(), "\ud800") == "c"


def test_old_conversations_are_forgotten() -> None:
    preference = Preference()
    preference.went_to(route(), "one", UPSTREAMS["c"], 0)
    day = 24 * 3600
    assert [chosen(preference, route(), "one", now) for now in (day, day + 1)] == ["c", "a"]


def test_only_so_many_are_remembered() -> None:
    preference = Preference()
    preference.went_to(route(), "first", UPSTREAMS["c"], 0)
    for number in range(20_000):
        preference.went_to(route(), str(number), UPSTREAMS["c"], 0)
    assert [chosen(preference, route(), name) for name in ("first", "19999")] == ["a", "c"]
