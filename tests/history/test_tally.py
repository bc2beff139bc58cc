"""Totals are the sum of what was added, in bounded memory."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.history.prices import Price, Prices
from bridge.history.summary import FAILED, Summary, summary
from bridge.history.tally import MAX_SERIES, MAX_VALUES, OTHER, Distinct, Histogram, Tally
from tests.records import RECORDS, attempt, note, record

PRICES = Prices((("gpt", Price(10.0, 100.0)),))


def summaries(records: Iterable[dict[str, Any]]) -> list[Summary]:
    return [summary(str(n), call, PRICES) for n, call in enumerate(records)]


def tally(*records: dict[str, Any]) -> Tally:
    made = Tally()
    for call in summaries(records):
        made.add(call)
    return made


def test_a_call_that_failed_over_counts_at_both() -> None:
    made = tally(
        record(
            attempt("up", "error", 429),
            attempt("backup", started=0.3),
            notes=[note("item_dropped", "lost"), note("effort_clamped", "degraded")],
            usage={"input_tokens": 100, "output_tokens": 10, "reasoning_tokens": 4},
        )
    )
    of = ("backup", "gpt")
    assert made.counters == {
        "calls": {("main", "anthropic_messages", "ok"): 1},
        "attempts": {("up", "error", "429"): 1, ("backup", "ok", "200"): 1},
        "failovers": {("up", "backup"): 1},
        "losses": {("item_dropped", "lost"): 1, ("effort_clamped", "degraded"): 1},
        "input": {of: 100},
        "output": {of: 10},
        "reasoning": {of: 4},
        "cached": {},
        "cache_write": {},
        "cost": {of: pytest.approx(0.002)},
        "unpriced": {},
    }
    sums = {
        name: {labels: (h.count, pytest.approx(h.sum)) for labels, h in series.items()}
        for name, series in made.histograms.items()
    }
    assert sums == {
        "duration": {("anthropic_messages", "claude", ""): (1, 2.0)},
        "first_content": {("anthropic_messages", "claude"): (1, 1.0)},
        "attempt_duration": {("up", "", "429"): (1, 2.0), ("backup", "gpt", ""): (1, 2.0)},
        "attempt_first_byte": {of: (1, 0.2)},
        "tokens": {(*of, "input"): (1, 100), (*of, "output"): (1, 10)},
    }
    assert made.protocols == {"backup": "openai_chat"}


def test_a_call_that_never_went_anywhere() -> None:
    made = tally(record(attempts=[], usage={}, timing={"last": 0.1}, timeline=[]))
    assert made.totals()["outcomes"] == {"refused": 1} and made.protocols == {}
    assert list(made.histograms["duration"]) == [("anthropic_messages", "claude", "refused")]


def test_an_attempt_that_was_not_sent_takes_no_time() -> None:
    made = tally(record(attempt("up", "busy", 0), attempt("up", "refused", 0)))
    assert made.counters["attempts"] == {("up", "busy", ""): 1, ("up", "refused", ""): 1}
    assert made.histograms["attempt_duration"] == {}


def test_only_a_stream_has_a_first_chunk() -> None:
    assert tally(record(timeline=[])).histograms["attempt_first_byte"] == {}


def test_the_tokens_of_a_model_without_a_price_are_counted_and_cost_nothing_known() -> None:
    made = tally(record(model={"asked": "claude", "used": "other"}), record())
    assert made.counters["unpriced"] == {("up", "other"): 1}
    assert made.totals()["cost"] == pytest.approx(0.002)
    assert tally(record(usage={})).totals()["cost"] is None


def test_values_beyond_the_first_are_one() -> None:
    distinct = Distinct(2)
    assert [distinct.of(value) for value in "abcab"] == ["a", "b", OTHER, "a", "b"]


def test_a_histogram_counts_up_to_each_bound() -> None:
    histogram = Histogram((1.0, 4.0))
    for value in (0.5, 1.0, 1.5, 4.0, 5.0):
        histogram.add(value)
    assert (histogram.counts, histogram.sum, histogram.count) == ([2, 2, 1], 12.0, 5)


def test_apps_that_make_up_models_and_hosts_do_not_fill_the_memory() -> None:
    names = range(3 * MAX_VALUES)
    made = tally(
        *(
            record(
                attempt(f"host{n % 50}", "error", 400 + n),
                route=f"r{n}",
                model={"asked": f"a{n}", "used": f"m{n}"},
            )
            for n in names
        ),
        *(
            record(attempt(f"host{n % 40}"), model={"asked": "a", "used": f"m{n // 40}"})
            for n in range(1600)
        ),
    )
    for series in (*made.counters.values(), *made.histograms.values()):
        assert len(series) <= MAX_SERIES + 40
    assert made.counters["input"][OTHER, OTHER] > 0
    assert len(made.protocols) <= MAX_VALUES + 1
    assert made.totals()["calls"] == made.totals()["attempts"] == 3 * MAX_VALUES + 1600


def test_calls_that_no_app_made_are_told_apart() -> None:
    totals = tally(*(record(route=route) for route in ("replay", "main", "shadow"))).totals()
    assert (totals["calls"], totals["no_apps"]) == (3, 2)


@given(records=st.lists(RECORDS, max_size=30))
def test_totals_are_the_sum_of_what_was_added(records: list[dict[str, Any]]) -> None:
    totals, calls = tally(*records).totals(), summaries(records)

    def tokens(key: str) -> int:
        return sum(call.usage.get(key, 0) for call in calls)

    costs = [call.cost for call in calls if call.cost is not None]
    assert totals["calls"] == len(calls) == sum(totals["outcomes"].values())
    assert totals["failed"] == sum(call.outcome in FAILED for call in calls)
    assert totals["attempts"] == sum(len(call.attempts) for call in calls)
    assert totals["failovers"] == sum(len(call.failovers) for call in calls)
    assert totals["lost"] == sum(bool(call.lost) for call in calls)
    assert totals["losses"].get("item_dropped", 0) == sum("item_dropped" in c.lost for c in calls)
    assert totals["weakened"].get("effort_clamped", 0) == sum(
        ("effort_clamped", "degraded") in call.losses for call in calls
    )
    assert totals["tokens"] == {
        "input": tokens("input_tokens"),
        "output": tokens("output_tokens"),
        "cached": tokens("cache_read_tokens"),
        "cache_write": 0,
        "reasoning": 0,
    }
    assert totals["cost"] == (pytest.approx(sum(costs)) if costs else None)
    assert totals["unpriced"] == sum(bool(call.usage) and call.cost is None for call in calls)
