"""Plots: every call is in one row, rows that are over stay as they are, and memory is bounded."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.history import series as module
from bridge.history.prices import Prices
from bridge.history.series import COUNTS, MAX_BUCKETS, MAX_WAITS, RESOLUTION, SPAN, Cell, Series
from bridge.history.summary import Summary, summary
from bridge.history.tally import MAX_VALUES, OTHER
from tests.records import ATTEMPTS, RECORDS, attempt, note, record


def told(call: dict[str, Any]) -> Summary:
    return summary("id", call, Prices())


def series(*records: dict[str, Any]) -> Series:
    made = Series()
    for call in records:
        made.add(told(call))
    return made


def at(ended: float, *attempts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return record(*attempts, started=ended - 2, **fields)


def test_a_row_tells_what_an_upstream_did() -> None:
    made = series(
        at(1_005, attempt("up", "error", 429), attempt("backup", started=0.4)),
        at(1_015, attempt("backup", "cancelled"), notes=[note("item_dropped", "lost")]),
        at(1_016, attempt("backup"), usage={}, timing={"last": 2.0}),
    )
    rows = made.rows(1_019, 40, 4)
    assert rows == {
        "start": 980,
        "width": 10,
        "buckets": 4,
        "upstreams": {
            "backup": {
                "requests": [0, 0, 1, 2],
                "failures": [0, 0, 0, 0],
                "failovers": [0, 0, 0, 0],
                "losses": [0, 0, 0, 1],
                "input": [0, 0, 100, 100],
                "output": [0, 0, 10, 10],
                "cached": [0, 0, 60, 60],
                "median": [None, None, pytest.approx(0.6), 1.0],
                "p90": [None, None, pytest.approx(0.6), 1.0],
            },
            "up": {
                "requests": [0, 0, 1, 0],
                "failures": [0, 0, 1, 0],
                "failovers": [0, 0, 1, 0],
                **{name: [0] * 4 for name in ("losses", "input", "output", "cached")},
                **{name: [None] * 4 for name in ("median", "p90")},
            },
        },
    }


def test_what_was_never_sent_is_no_request_and_no_failure() -> None:
    made = series(at(1_005, attempt("up", "busy", 0), attempt("backup")), at(1_006, attempts=[]))
    rows = made.rows(1_009, 10, 1)["upstreams"]
    assert {name: row["requests"] for name, row in rows.items()} == {"up": [0], "backup": [1]}
    assert (rows["up"]["failures"], rows["up"]["failovers"]) == ([0], [1])


def test_median_and_ninetieth_percentile() -> None:
    waits = [{"first_content": n / 10, "last": 2.0} for n in range(1, 21)]
    rows = series(*(at(1_005, timing=each) for each in waits)).rows(1_009, 10, 1)
    assert rows["upstreams"]["up"]["median"] == [pytest.approx(1.05)]
    assert rows["upstreams"]["up"]["p90"] == [pytest.approx(1.8)]


@pytest.mark.parametrize(
    "seconds, buckets, width, count",
    [
        pytest.param(3600, 60, 60, 60, id="an hour in minutes"),
        pytest.param(SPAN, 288, 300, 288, id="a day in fives"),
        pytest.param(60, 60, RESOLUTION, 60, id="no finer than it is kept"),
        pytest.param(100, 7, 2 * RESOLUTION, 7, id="rather more than was asked for"),
        pytest.param(10 * SPAN, 24, 3600, 24, id="a day is all there is"),
        pytest.param(3600, 0, 3600, 1, id="at least one"),
        pytest.param(3600, 10**9, RESOLUTION, MAX_BUCKETS, id="and not too many"),
        pytest.param(-5, 2, RESOLUTION, 2, id="no time at all"),
    ],
)
def test_rows_are_whole_slots(seconds: float, buckets: int, width: int, count: int) -> None:
    rows = series(at(100_000)).rows(100_000, seconds, buckets)
    assert (rows["width"], rows["buckets"]) == (width, count)
    assert rows["start"] % width == 0 and rows["start"] + width * count > 100_000
    assert sum(rows["upstreams"]["up"]["requests"]) == 1


def test_only_the_time_asked_for_is_shown() -> None:
    rows = series(at(1_005), at(1_105), at(1_205)).rows(1_109, 20, 2)
    assert rows["upstreams"]["up"]["requests"] == [0, 1]
    assert series(at(1_005)).rows(2_000, 20, 2)["upstreams"] == {}


def test_what_is_older_than_a_day_is_gone() -> None:
    made = series(at(1_000), at(2_000), at(2_000 + SPAN))
    assert made.cells == 1
    made.add(told(at(1_990)))
    assert made.cells == 1, "and what comes so late is not kept"
    made.add(told(at(2_020)))
    assert made.cells == 2


def test_many_latencies_in_one_slot_leave_the_last_ones() -> None:
    waits = [{"first_content": float(n), "last": 2.0} for n in range(5 * MAX_WAITS)]
    rows = series(*(at(1_005, timing=each) for each in waits)).rows(1_009, 10, 1)
    assert rows["upstreams"]["up"]["requests"] == [5 * MAX_WAITS]
    assert rows["upstreams"]["up"]["median"][0] > 3 * MAX_WAITS


def test_a_first_content_before_its_attempt_took_no_time() -> None:
    rows = series(at(1_005, attempt(started=1.5))).rows(1_009, 10, 1)
    assert rows["upstreams"]["up"]["median"] == [0.0]


def test_hosts_that_apps_make_up_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CELLS", 100)
    made = Series()
    for n in range(500):
        made.add(told(at(1_000.0 + 3 * n, attempt(f"host{n}"))))
        assert made.cells <= 100
    names = made.rows(2_500, 1_500, 10)["upstreams"]
    assert OTHER in names and len(names) <= MAX_VALUES + 1


@given(records=st.lists(RECORDS, max_size=20), buckets=st.integers(1, 300))
def test_every_call_of_the_time_shown_is_in_one_row(
    records: list[dict[str, Any]], buckets: int
) -> None:
    calls = sorted((told(call) for call in records), key=lambda call: call.ended)
    made, now = Series(), calls[-1].ended if calls else 0.0
    for call in calls:
        made.add(call)
    rows = made.rows(now, SPAN, buckets)
    since = max(rows["start"], (now // 10 - SPAN / 10 + 1) * 10)
    shown = [call for call in calls if call.ended >= since]

    def total(name: str) -> int:
        return sum(sum(row[name]) for row in rows["upstreams"].values())

    assert total("requests") == sum(a.sent for call in shown for a in call.attempts)
    assert total("failovers") == sum(len(call.failovers) for call in shown)
    assert total("input") == sum(
        call.usage.get("input_tokens", 0) for call in shown if call.attempts and call.upstream
    )


@given(calls=st.lists(st.tuples(st.floats(0, 3e5), st.lists(ATTEMPTS, max_size=3)), max_size=40))
def test_the_books_balance_whatever_the_order(calls: list[tuple[float, list[Any]]]) -> None:
    made = Series()
    for ended, attempts in calls:
        made.add(told(at(ended, attempts=attempts)))
    cells = [cell for slot in made._slots.values() for cell in slot.values()]
    assert made.cells == len(cells)


def test_a_cell_keeps_few_latencies() -> None:
    cell = Cell()
    for n in range(100):
        cell.requests += 1
        cell.wait(float(n))
    assert sorted(cell.waits) == list(range(100 - MAX_WAITS, 100))


def test_a_cell_adds_up_all_its_counts() -> None:
    one, other = Cell(*range(1, 8)), Cell(*range(10, 80, 10))
    one.add(other)
    assert [getattr(one, name) for name in COUNTS] == [11, 22, 33, 44, 55, 66, 77]
