"""The page of one call: all of its record that there is, and no more."""

import json
from typing import Any

import pytest

from bridge.pages.call import PARTS, call_page
from tests.records import asking, attempt, record

ANSWER = json.dumps(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [{"type": "text", "text": "yes"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
)


def page(**fields: Any) -> Any:
    made = call_page("one", record(**fields))
    return json.loads(json.dumps(made))


def test_a_call_with_all_that_there_is() -> None:
    bodies = {"client_request": asking("hi", "hello", "again"), "client_response": ANSWER}
    made = page(bodies=bodies, notes=[{"code": "x", "where": "", "detail": "", "severity": "lost"}])
    assert made["id"] == "one" and made["kept"] and made["notes"][0]["code"] == "x"
    roles = [turn["role"] for turn in made["transcript"]["request"]["turns"]]
    assert roles == ["user", "assistant", "user"]
    (answer,) = made["transcript"]["answer"]["turns"]
    assert answer["blocks"][0]["text"] == "yes"
    assert [section["title"] for section in made["wire"]] == ["request", "answer"]
    assert made["sizes"]["client_response"] == len(ANSWER)


def test_an_error_is_read_as_one() -> None:
    told = json.dumps({"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}})
    bodies = {"client_request": asking("hi"), "client_response": told}
    made = call_page("one", record(attempt("up", "error", 429), bodies=bodies))
    assert "slow" in made["transcript"]["answer"]["error"]


def test_an_answer_that_went_through_unchanged_is_the_upstream_s() -> None:
    made = page(bodies={"client_request": asking("hi"), "upstream_response": ANSWER})
    assert made["transcript"]["answer"]["turns"]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"bodies": {}}, id="no bodies"),
        pytest.param({"bodies": None}, id="none at all"),
        pytest.param({"client": ""}, id="no protocol"),
        pytest.param({"client": None, "bodies": {"client_request": "x"}}, id="no protocol, a body"),
    ],
)
def test_what_is_not_kept_is_not_shown(fields: Any) -> None:
    assert page(**fields)["transcript"] is None


def test_of_a_call_without_an_answer_there_is_the_request() -> None:
    made = page(bodies={"client_request": asking("hi")}, attempts=[])
    assert made["transcript"]["request"]["turns"] and made["transcript"]["answer"] is None


def test_keys_that_are_missing_are_missing() -> None:
    assert call_page("one", {}) == {
        "id": "one",
        "attempts": [],
        "cost": None,
        "kept": False,
        "sizes": {},
        "transcript": None,
        "wire": [],
        "events": [],
        "tries": [],
    }


@pytest.mark.parametrize("part", PARTS)
def test_a_page_may_ask_for_a_part(part: str) -> None:
    bodies = {"client_request": asking("hi"), "client_response": ANSWER}
    made = call_page("one", record(bodies=bodies), (part,), 0.5)
    assert [each for each in PARTS if each in made] == [part]
    assert made["cost"] == 0.5 and made["sizes"]["client_response"] == len(ANSWER)


def test_what_a_shadow_would_be_sent_is_on_the_wires_alone() -> None:
    shadow = {"upstream": "s", "protocol": "openai_chat", "notes": [], "refused": ""}
    bodies = {"client_request": asking("hi")}
    made = page(bodies=bodies, shadow={**shadow, "request": asking("hi")})
    assert made["shadow"] == shadow
    assert [section["title"] for section in made["wire"]] == ["request", "answer", "shadow"]


def test_each_attempt_has_its_wires_and_lists_have_no_bodies() -> None:
    failed = {**attempt("a", "error", 429), "bodies": {"upstream_response": ANSWER}}
    made = page(attempts=[failed, attempt("b")], bodies={"client_request": asking("hi")})
    assert [[section["title"] for section in wires] for wires in made["tries"]] == [
        ["request", "answer"],
        [],
    ]
    assert made["attempts"] == [attempt("a", "error", 429), attempt("b")]
