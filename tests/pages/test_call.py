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

BEGUN = {
    "anthropic_messages": "".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
        for event in (
            {"type": "message_start", "message": {**json.loads(ANSWER), "content": []}},
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "text", "text": ""},
            },
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": "ye"},
            },
        )
    ),
    "openai_chat": 'data: {"choices":[{"index":0,"delta":{"content":"ye"}}]}\n\n',
}


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


def test_of_an_answer_under_way_it_is_no_error_that_it_has_no_end() -> None:
    answer = underway(client_response=BEGUN["anthropic_messages"])
    assert texts(answer) == ["ye"]
    assert (answer["error"], answer["stop"], answer["faults"]) == ("", "", [])


def test_nor_of_a_whole_one() -> None:
    answer = underway(client_response=ANSWER[: ANSWER.index("stop_reason")])
    assert texts(answer) == ["yes"] and not answer["error"] and not answer["faults"]


def test_an_error_is_one_while_the_call_is_under_way() -> None:
    failed = 'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"no"}}\n\n'
    answer = underway(client_response=BEGUN["anthropic_messages"] + failed)
    assert "no" in answer["error"]


def test_what_the_app_has_not_got_yet_is_read_as_the_upstream_says_it() -> None:
    answer = underway(upstream_response=BEGUN["openai_chat"])
    assert texts(answer) == ["ye"] and not answer["error"]


def underway(**bodies: str) -> Any:
    """The answer of a call that is not over, from a Chat server to an app that speaks Messages."""
    given = {"client_request": asking("hi"), **bodies}
    made = call_page("one", record(attempt("up", "pending"), bodies=given, under_way=True))
    return made["transcript"]["answer"]


def texts(answer: Any) -> list[str]:
    return [block["text"] for turn in answer["turns"] for block in turn["blocks"]]


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
