"""What a record says above a transcript; any of it may be missing."""

from typing import Any

import pytest

from bridge.views import facts

RECORD: dict[str, Any] = {
    "client": "anthropic_messages",
    "upstream": "openai_chat",
    "route": "main",
    "model": {"asked": "claude", "used": "gpt"},
    "attempts": [
        {"upstream": "a", "outcome": "error", "status": 529, "reason": "busy", "duration": 0.312},
        {"upstream": "b", "outcome": "unreachable", "status": 0, "reason": "", "duration": 0},
        {"upstream": "c", "outcome": "ok", "status": 200, "reason": "", "duration": 1.5},
    ],
    "notes": [
        {"code": "hint_dropped", "where": "x", "detail": "", "severity": "cosmetic"},
        {"code": "citations_dropped", "where": "m[0]", "detail": "two", "severity": "lost"},
        {"code": "field_dropped", "where": "", "detail": "top_k", "severity": "degraded"},
    ],
    "usage": {"input_tokens": 3, "output_tokens": 2, "cache_write_short_tokens": 1},
    "timing": {"first_byte": 0.5, "first_content": 1, "last": 2.25},
    "bodies": {"client_request": "{}"},
}


def test_where_a_request_went_and_what_it_lost() -> None:
    assert list(facts.of_request(RECORD)) == [
        ("tried", "a, error 529 after 0.31 s: busy"),
        ("tried", "b, unreachable"),
        ("sent to", "c (openai_chat) as gpt, by route main"),
        ("lost", "citations_dropped at m[0]: two"),
        ("degraded", "field_dropped: top_k"),
    ]


def test_only_some_of_many_notes_are_told_here() -> None:
    notes = [{"code": f"c{n}", "severity": "lost", "detail": "d"} for n in range(10)]
    *some, last = facts.of_request({"notes": notes})
    assert len(some) == facts.MAX_NOTES and last == ("note", "and 2 more")


def test_who_gave_an_answer_and_when() -> None:
    assert list(facts.of_answer(RECORD)) == [
        ("from", "c (openai_chat) as gpt"),
        ("times", "first byte 0.50 s, first content 1.00 s, all 2.25 s"),
    ]
    assert facts.usage(RECORD) == (("input_tokens", 3), ("output_tokens", 2))


def test_an_answer_that_did_not_come_whole() -> None:
    cut = {"upstream": "c", "outcome": "cut", "status": 200, "reason": "gone", "duration": 2}
    record = {"upstream": "openai_chat", "attempts": [cut], "model": {"asked": "m", "used": "m"}}
    assert list(facts.of_answer(record)) == [
        ("from", "c (openai_chat)"),
        ("outcome", "c, cut 200 after 2.00 s: gone"),
    ]


def test_the_row_of_a_failed_attempt() -> None:
    attempt = {"of": "17", "upstream": "a", "protocol": "openai_chat"}
    assert list(facts.of_attempt(attempt)) == [
        ("sent to", "a (openai_chat)"),
        ("attempt", "of call 17"),
    ]


@pytest.mark.parametrize("key", [*RECORD, None])
@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, [7], [{}], ({},)], ids=repr)
def test_a_record_may_hold_anything(key: str | None, odd: Any) -> None:
    record = {**RECORD, key: odd} if key else {}
    told = [*facts.of_request(record), *facts.of_answer(record), *facts.of_attempt(record)]
    assert all(isinstance(word, str) and isinstance(text, str) for word, text in told)
    assert isinstance(facts.body(record, "client_request"), str)
    assert isinstance(facts.usage(record), tuple)


def test_a_body_of_the_record() -> None:
    assert facts.body(RECORD, "client_request") == "{}"
    assert facts.body(RECORD, "upstream_request") == ""
    assert facts.body({"bodies": {"client_request": 7}}, "client_request") == ""
    assert facts.usage({"usage": {"input_tokens": "x", "output_tokens": None}}) == ()
