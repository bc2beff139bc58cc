"""What a record comes to, whatever is in it or missing."""

import json
from typing import Any

import pytest
from hypothesis import given

from bridge.history.prices import Price, Prices
from bridge.history.summary import MAX_ATTEMPTS, MAX_NAME, MAX_REASON, Attempt, Summary, summary
from bridge.trace import Trace
from bridge.transform import Translator
from tests.records import RECORDS, attempt, note, record

PRICES = Prices((("gpt", Price(10.0, 100.0)),))


def told(call: dict[str, Any]) -> Summary:
    return summary("id", call, PRICES)


def test_a_list_tells_this_much() -> None:
    call = record(
        attempt("up#2", "error", 429),
        attempt("backup", started=0.3),
        notes=[note("item_dropped", "lost"), note("hint_dropped", "cosmetic")],
    )
    assert told(call).as_dict() == {
        "id": "id",
        "started": 1000.0,
        "conversation": "c",
        "client": "anthropic_messages",
        "upstream": "backup",
        "protocol": "openai_chat",
        "route": "main",
        "model": {"asked": "claude", "used": "gpt"},
        "outcome": "ok",
        "status": 200,
        "attempts": 2,
        "failovers": 1,
        "usage": {"input_tokens": 100, "output_tokens": 10, "cache_read_tokens": 60},
        "timing": {"first_byte": 0.5, "first_content": 1.0, "last": 2.0},
        "cost": pytest.approx(0.002),
        "codes": ["item_dropped"],
        "injected": "",
        "lost": ["item_dropped"],
        "stop": "stop",
    }


def test_what_is_left_of_a_record_has_its_keys_and_values() -> None:
    call = record(attempt("up#2", "error", 429), attempt("backup"))
    left = told(call).as_record()
    assert left == {key: call[key] for key in left}
    assert set(call) - set(left) == {"bodies", "timeline", "notes"}


def test_a_real_record_is_read() -> None:
    trace = Trace("openai_chat", 5.0, "gpt", Translator("openai_chat", "openai_chat"), "main")
    trace.begin("up", 6.0)
    trace.close("timeout", 9.0, "no data for 3 s")
    trace.finish(9.0)
    call = told(trace.metadata())
    assert call.attempts == (Attempt("up", "timeout", 0, "no data for 3 s", 1.0, 3.0),)
    assert (call.ended, call.outcome, call.used, call.cost) == (9.0, "timeout", "gpt", None)


def test_a_record_without_anything_is_a_call_that_was_refused() -> None:
    call = told({})
    assert (call.outcome, call.status, call.upstream, call.ended) == ("refused", 0, "", 0.0)
    assert (call.attempts, call.failovers, call.losses, call.cost) == ((), [], (), None)


def test_parts_of_a_record_may_lack_anything_too() -> None:
    call = told({"attempts": [{}], "notes": [{}], "model": {}, "client": "openai_chat"})
    assert call.attempts == (Attempt("", "", 0, "", 0.0, 0.0),)
    assert (call.asked, call.used, call.protocol) == ("", "", "openai_chat")


def test_the_model_used_is_the_one_asked_for_where_nobody_says_another() -> None:
    assert told({"model": {"asked": "claude"}}).used == "claude"


def test_what_others_wrote_is_short_and_can_be_shown() -> None:
    long = attempt("u" * 500)
    call = told(record(*[{**long, "reason": "r" * 999}] * 99, model={"asked": "\ud800" * 999}))
    assert len(call.attempts) == MAX_ATTEMPTS and call.asked == "?" * MAX_NAME
    assert len(call.attempts[0].label) == MAX_NAME and len(call.attempts[0].reason) == MAX_REASON


@pytest.mark.parametrize(
    "outcome, status, error",
    [
        ("ok", 200, ""),
        ("error", 529, "529"),
        pytest.param("error", 200, "error", id="an error inside a 200"),
        ("error", 0, "error"),
        ("timeout", 200, "timeout"),
        ("busy", 0, "busy"),
        ("cancelled", 200, "cancelled"),
        ("pending", 0, ""),
    ],
)
def test_the_kind_of_a_failure(outcome: str, status: int, error: str) -> None:
    assert Attempt("up", outcome, status, "", 0, 0).error == error


@pytest.mark.parametrize(
    "labels, moves",
    [
        pytest.param(["a"], [], id="one attempt"),
        pytest.param(["a#1", "a#2"], [], id="another key of the same is no failover"),
        pytest.param(["a", "a", "b"], [("a", "b")], id="tried again, then elsewhere"),
        pytest.param(["a", "b", "a"], [("a", "b"), ("b", "a")], id="there and back"),
    ],
)
def test_failovers(labels: list[str], moves: list[tuple[str, str]]) -> None:
    assert told(record(*map(attempt, labels))).failovers == moves


@pytest.mark.parametrize(
    "last, losses",
    [
        pytest.param("ok", (("item_dropped", "lost"), ("effort_clamped", "degraded")), id="sent"),
        pytest.param("refused", (), id="what a request that was not sent would have lost"),
        pytest.param("busy", (), id="nor that of one that had to wait too long"),
    ],
)
def test_losses(last: str, losses: tuple[tuple[str, str], ...]) -> None:
    notes = [note("item_dropped", "lost"), note("effort_clamped", "degraded")]
    notes += [note("name_dropped", "cosmetic"), note("item_dropped", "lost")]
    call = told(record(attempt(outcome=last), notes=notes))
    assert call.losses == losses
    assert call.codes == ("item_dropped", "effort_clamped", "name_dropped")
    assert call.lost == [code for code, severity in losses if severity == "lost"]


@given(call=RECORDS)
def test_it_is_plain_data_whatever_the_record(call: dict[str, Any]) -> None:
    made = told(call)
    for data in (made.as_dict(), made.as_record()):
        assert json.loads(json.dumps(data)) == data
    assert made.as_record() == summary("id", made.as_record(), PRICES).as_record()


def test_a_list_tells_of_a_fault_that_a_person_asked_for() -> None:
    injected = {"fault": "429 retry-after=3", "effect": "at once"}
    assert (
        summary("id", {"injected": injected}, Prices()).as_dict()["injected"] == "429 retry-after=3"
    )
