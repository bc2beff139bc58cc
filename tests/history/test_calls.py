"""What is kept of calls: within its bounds, and what pages ask for."""

import json
from collections.abc import Iterable
from sys import getsizeof
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.history import calls as module
from bridge.history.calls import History, status
from bridge.history.prices import Price, Prices
from tests.records import RECORDS, asking, attempt, note, record

PRICES = Prices((("gpt", Price(10.0, 100.0)),))


def call(n: int, *texts: str, **fields: Any) -> dict[str, Any]:
    """The nth call, which asks `texts`."""
    bodies = {"client_request": asking(*texts), "upstream_response": "{}"} if texts else {}
    return record(started=1_000.0 + 10 * n, **{"bodies": bodies, **fields})


def history(*records: dict[str, Any], **options: Any) -> History:
    made = History(prices=PRICES, **options)
    for n, each in enumerate(records):
        made.add(str(n), each)
    return made


def ids(calls: Iterable[dict[str, Any]] | None) -> list[str]:
    return [each["id"] for each in calls or ()]


def test_the_usual_bounds() -> None:
    kept = History()
    assert (kept.max_calls, kept.max_bytes) == (5_000, 64 * 1024 * 1024)


# --- calls


def test_calls_are_told_without_bodies_the_last_one_first() -> None:
    kept = history(call(0, "a"), call(1, "b", conversation="other"), call(2, "c"))
    assert ids(kept.calls(9)) == ["2", "1", "0"] and ids(kept.calls(2)) == ["2", "1"]
    assert ids(kept.calls(9, conversation="c")) == ["2", "0"]
    assert kept.calls(9, conversation="unknown") == [] and len(kept) == 3
    [last] = kept.calls(1)
    assert (last["upstream"], last["outcome"], last["attempts"]) == ("up", "ok", 1)
    assert last["cost"] == pytest.approx(0.002) and "bodies" not in last


@pytest.mark.parametrize(
    "kind, found",
    [("failed", "3"), ("failed_over", "1"), ("lost", "2"), ("odd", "3210"), (None, "3210")],
)
def test_calls_may_be_of_a_kind(kind: str | None, found: str) -> None:
    kept = history(
        call(0),
        record(attempt("a", "error", 429), attempt("b")),
        record(notes=[note("item_dropped", "lost")]),
        record(attempt("a", "error", 500), conversation="other"),
    )
    assert ids(kept.calls(9, kind=kind)) == list(found)
    assert ids(kept.calls(1, kind=kind)) == list(found[:1])
    assert ids(kept.calls(9, "other", kind)) == list(found if "3" in found else "")[:1]


def test_a_record_is_kept_whole_and_given_away_as_a_copy() -> None:
    whole = call(0, "a")
    kept = history(whole)
    given = kept.record("0")
    assert given == whole and kept.record("1") is None
    given["bodies"] = {}
    assert kept.record("0") == whole


def test_a_call_that_is_made_again_takes_the_place_of_the_earlier_one() -> None:
    kept = history(call(0, "a"), call(1, "b"))
    kept.add("0", call(2, "a", conversation="other"))
    assert ids(kept.calls(9)) == ["0", "1"] and len(kept) == 2
    assert [each["key"] for each in kept.conversations(9)] == ["other", "c"]
    assert kept.totals()["calls"] == 3


def test_the_oldest_calls_go_when_there_are_too_many() -> None:
    kept = history(
        call(0, "a", conversation="old"), call(1, "b"), call(2, "c"), call(3, "d"), max_calls=2
    )
    assert ids(kept.calls(9)) == ["3", "2"] and kept.record("1") is None
    assert [each["key"] for each in kept.conversations(9)] == ["c"]
    assert kept.conversation("old") is None and kept.totals()["calls"] == 4


def test_the_oldest_bodies_go_when_they_are_too_large() -> None:
    text = "x" * 10_000
    kept = history(*(call(n, text) for n in range(5)), max_bytes=25_000)
    assert ids(kept.calls(9)) == ["4", "3", "2", "1", "0"]
    assert [bool((kept.record(str(n)) or {}).get("bodies")) for n in range(5)] == [
        False,
        False,
        False,
        True,
        True,
    ]
    left = kept.record("0")
    assert left and left["attempts"] == call(0)["attempts"] and "timeline" not in left
    assert kept.totals()["kept"] == {
        "calls": 5,
        "conversations": 1,
        "whole": 2,
        "bytes": kept.size,
    }


def test_what_is_large_in_a_record_counts() -> None:
    bodies = {"client_request": "y" * 1000, "upstream_response": "x" * 1000}
    small = history(record(bodies=bodies, notes=[], timeline=[])).size
    assert small == sum(map(getsizeof, bodies.values()))
    assert history(record(bodies={"a": "ü" * 1000}, timeline=[])).size > 3 * 1000
    shadowed = history(record(bodies=bodies, shadow={"request": "z" * 900}, timeline=[])).size
    assert shadowed == small + getsizeof("z" * 900)
    large = record(bodies=bodies, notes=[note("a", "lost")] * 100, timeline=[[0.0, 1, 2]] * 1000)
    assert history(large).size > small + 100 * 400 + 1000 * 100


def test_with_no_room_for_calls_there_are_only_totals() -> None:
    kept = history(call(0, "a"), call(1, "b"), max_calls=0)
    assert (kept.calls(9), kept.conversations(9), kept.size) == ([], [], 0)
    assert kept.totals()["calls"] == 2
    assert kept.series(1_020, 60, 6)["upstreams"]["up"]["requests"] == [0, 0, 0, 1, 1, 0]


def test_another_configuration_holds_at_once() -> None:
    kept = history(call(0, "a"), call(1, "b"), call(2, "c"))
    assert kept.conversations(1)[0]["cost"] == pytest.approx(0.006)
    cheap = Prices((("*", Price(1.0, 10.0)),))
    assert kept.under(2, 10**6, cheap) is kept
    assert ids(kept.calls(9)) == ["2", "1"]
    assert kept.calls(1)[0]["cost"] == pytest.approx(0.0002)
    assert kept.conversations(1)[0]["cost"] == pytest.approx(0.0004)
    assert kept.totals()["cost"] == pytest.approx(0.006), "a counter only grows"
    kept.under(2, 0, cheap)
    assert kept.size == 0 and len(kept) == 2
    kept.add("3", call(3))
    assert kept.calls(1)[0]["cost"] == pytest.approx(0.0002)


# --- conversations


def test_conversations_are_listed_by_their_last_call() -> None:
    kept = history(
        call(0, "Fix the bug"),
        call(1, "Hello", conversation="other", usage={}, client="openai_chat"),
        call(2, "Fix the bug", "Done", "Thanks", model={"used": "unpriced"}),
    )
    kept.add("none", call(3, "x", conversation=""))
    kept.add("more", call(4, "Fix the bug"))
    assert kept.conversations(9) == [
        {
            "key": "c",
            "title": "Fix the bug",
            "client": "anthropic_messages",
            "calls": 3,
            "tokens": {"input": 300, "output": 30, "cached": 180},
            "cost": pytest.approx(0.004),
            "unpriced": 1,
            "started": 1_000.0,
            "last": 1_042.0,
        },
        {
            "key": "other",
            "title": "Hello",
            "client": "openai_chat",
            "calls": 1,
            "tokens": {"input": 0, "output": 0, "cached": 0},
            "cost": None,
            "unpriced": 0,
            "started": 1_010.0,
            "last": 1_012.0,
        },
    ]
    assert [each["key"] for each in kept.conversations(1)] == ["c"]
    kept.conversations(1)[0]["title"] = "changed"
    assert kept.conversations(1)[0]["title"] == "Fix the bug"


def test_the_title_is_that_of_the_longest_request() -> None:
    kept = history(call(0, "quota"))
    assert kept.conversations(1)[0]["title"] == "quota"
    kept.add("1", call(1, "Fix the bug", "x" * 500))
    assert kept.conversations(1)[0]["title"] == "Fix the bug"
    kept.add("2", call(2, "title?"))
    kept.add("3", call(3, "Fix that bug", "x" * 600))
    assert kept.conversations(1)[0]["title"] == "Fix the bug", "not read again for little more"
    kept.add("4", call(4, "", "x" * 5_000))
    assert kept.conversations(1)[0]["title"] == "Fix the bug", "nor lost for one without words"


def test_a_conversation_without_bodies_keeps_its_title_or_has_none() -> None:
    kept = history(call(0, "Fix the bug"), call(1))
    assert kept.conversations(1)[0]["title"] == "Fix the bug"
    kept.under(9, 0, PRICES)
    kept.add("2", call(2))
    assert kept.conversations(1)[0]["title"] == "Fix the bug"
    assert history(call(0)).conversations(1)[0]["title"] == ""


def test_turns_tell_what_grew_and_what_broke_the_cache() -> None:
    second = {"client_request": asking("Hello", "Hi", "How are you?")}
    third = {"client_request": asking("Good day", "Hi", "How are you?")}
    kept = history(
        call(0, "Hello"),
        call(1, bodies=second, attempts=[attempt("up", "error", 429), attempt("backup")]),
        call(2, bodies=third),
    )
    found = kept.conversation("c")
    assert found and found["title"] == "Good day" and found["unread"] == 0
    first, going_on, broken = found["turns"]
    assert first["id"] == "0" and first["compared_with"] is None and first["missing"] == 0
    assert going_on["compared_with"] == "0" and going_on["cache_break"] is None
    assert going_on["growth"]["history"] > first["growth"]["history"]
    assert [each["outcome"] for each in going_on["attempts"]] == ["error", "ok"]
    assert broken["compared_with"] == "1"
    assert broken["cache_break"] == {
        "path": "messages[0].content",
        "before_path": "messages[0].content",
        "offset": 4,
        "before": "Hello",
        "after": "Good day",
    }
    assert json.loads(json.dumps(found)) == found


def test_a_turn_is_compared_with_earlier_ones_only() -> None:
    texts = [str(n) for n in range(41)]
    kept = history(*(call(n, *texts[: 2 * n + 1]) for n in range(20)))
    found = kept.conversation("c")
    assert found
    assert [turn["compared_with"] for turn in found["turns"]] == [None, *texts[:19]]


def test_what_was_read_stays_when_the_body_goes() -> None:
    kept = history(call(0, "Hello"), call(1))
    read = kept.conversation("c")
    kept.under(9, 0, PRICES)
    assert kept.conversation("c") == read
    assert read["turns"][0]["growth"] and read["turns"][1]["growth"] is None
    assert history(call(0, "Hello"), max_bytes=0).conversation("c")["turns"][0]["growth"] is None


def test_a_body_that_cannot_be_read_is_tried_once() -> None:
    kept = history(call(0, bodies={"client_request": "<html>"}), call(1, "Hello"))
    found = kept.conversation("c")
    assert found and [turn["growth"] is None for turn in found["turns"]] == [True, False]
    assert kept.conversation("c")["unread"] == 0
    assert kept.conversation("unknown") is None


def test_long_requests_are_read_a_few_at_a_time_the_last_ones_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = len(asking("x" * 1_000))
    kept = history(*(call(n, "x" * 1_000) for n in range(5)))

    def read(room: int) -> tuple[list[bool], int]:
        monkeypatch.setattr(module, "READ_AT_ONCE", room)
        found = kept.conversation("c")
        assert found
        return [turn["growth"] is not None for turn in found["turns"]], found["unread"]

    assert read(2 * size) == ([False, False, False, True, True], 3)
    assert read(10) == ([False, False, True, True, True], 2), "one at least"
    assert read(9 * size) == ([True] * 5, 0)
    kept.add("5", call(5, "x" * 1_000))
    assert read(10) == ([True] * 6, 0)


# --- all together


def test_the_state_of_things() -> None:
    kept = history(call(0, "a"))
    router = {"routes": [{"name": "main"}], "upstreams": [{"name": "up"}]}
    assert status(router, kept) == {**router, "totals": kept.totals()}


STEPS = st.lists(
    st.tuples(
        st.sampled_from([*"abcdefgh"]),
        RECORDS,
        st.sampled_from(["nothing", "list", "read", "shrink"]),
    ),
    max_size=30,
)


@given(steps=STEPS, max_calls=st.integers(0, 5), max_bytes=st.integers(0, 3_000))
def test_bounds_hold_and_totals_are_the_sum_whatever_comes(
    steps: list[tuple[str, dict[str, Any], str]], max_calls: int, max_bytes: int
) -> None:
    kept = History(max_calls, max_bytes)
    latest: dict[str, dict[str, Any]] = {}
    for name, each, then in steps:
        kept.add(name, each)
        latest.pop(name, None)
        latest[name] = each
        if then == "list":
            kept.conversations(9)
        elif then == "read":
            for about in kept.conversations(9):
                assert kept.conversation(about["key"])
        elif then == "shrink":
            max_calls, max_bytes = max_calls // 2, max_bytes // 2
            kept.under(max_calls, max_bytes, PRICES)
        assert len(kept) <= max_calls and kept.size <= max_bytes
        _check(kept, latest)
    assert kept.totals()["calls"] == len(steps)
    assert kept.totals()["attempts"] == sum(len(e.get("attempts", ())) for _, e, _ in steps)


def _check(kept: History, latest: dict[str, dict[str, Any]]) -> None:
    """What is kept are the last calls, and the last ones of those have bodies."""
    listed = ids(kept.calls(99))
    assert listed == list(reversed(latest))[: len(listed)] and len(listed) == len(kept)
    whole = [name for name in listed if kept.record(name) == latest[name]]
    assert listed[: len(kept._whole)] == list(reversed(kept._whole))
    assert set(kept._whole) <= set(whole)
    assert kept.size == sum(kept._calls[name].size for name in kept._whole)
    by_key = {about["key"]: about["calls"] for about in kept.conversations(99)}
    keys = [latest[name].get("conversation") for name in listed]
    assert by_key == {key: keys.count(key) for key in keys if key}
