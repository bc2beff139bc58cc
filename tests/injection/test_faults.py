"""Faults as a person writes them, and what an app gets of those that ask no upstream."""

import json

import pytest

from bridge.injection.faults import STATUSES, Fault, parse_fault, reply
from bridge.transform import Protocol


@pytest.mark.parametrize(
    "text, fault",
    [
        pytest.param("429", Fault("status", "", status=429), id="a status"),
        pytest.param(
            " 429  retry-after=3 count=2 ",
            Fault("status", "", 2, 429, retry_after=3),
            id="a limit with its time, twice",
        ),
        pytest.param("empty", Fault("empty", ""), id="nothing"),
        pytest.param("error", Fault("error", "", status=529), id="an error inside"),
        pytest.param(
            "error status=500 after=5", Fault("error", "", status=500, after=5), id="both"
        ),
        pytest.param("cut", Fault("cut", "", after=0), id="a cut, where a call is"),
        pytest.param("cut after=2", Fault("cut", "", after=2), id="a cut at a place"),
        pytest.param("stall seconds=2m", Fault("stall", "", seconds=120), id="silence"),
        pytest.param(
            "slow first=0 between=500ms", Fault("slow", "", first=0, between=0.5), id="delays"
        ),
        pytest.param("split size=3 count=1000", Fault("split", "", 1000, size=3), id="pieces"),
    ],
)
def test_a_fault_is_a_line_of_words(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


def test_it_is_called_as_it_was_written_but_for_how_often() -> None:
    assert parse_fault("429  count=7 retry-after=1.5s").text == "429 retry-after=1.5s"


@pytest.mark.parametrize(
    "text, problem",
    [
        pytest.param("", '"" is no fault; there are 400, 401', id="nothing at all"),
        pytest.param("explode", "529, empty, error, cut, stall, slow, split", id="no such fault"),
        pytest.param("status", '"status" is no fault', id="a status that is not said"),
        pytest.param("200", '"200" is no fault', id="a status that is no error"),
        pytest.param("cut seconds=3", 'cut: "seconds=3" is none of after=, count=', id="no key"),
        pytest.param("cut now", 'cut: "now" is none of after=, count=', id="no key at all"),
        pytest.param("cut after=0", 'after: "0" is not a whole number from 1', id="no place"),
        pytest.param("cut after=1001", "from 1 to 1000", id="too far"),
        pytest.param("429 count=x", '429: count: "x" is not a whole number', id="no number"),
        pytest.param("429 retry-after=soon", '"soon" is not a duration: 300ms', id="no time"),
        pytest.param("stall seconds=11m", '"11m" is more than 600 seconds', id="too long"),
        pytest.param("error status=x", 'status: "x" is not one of 400, 401', id="no status"),
        pytest.param("error status=418", 'status: "418" is not one of', id="not this status"),
    ],
)
def test_a_mistake_is_answered_with_what_is_allowed(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_fault(text)


# app -> what its vendor calls a limit, and a server that has too much to do
CALLED: dict[Protocol, tuple[str, str]] = {
    "anthropic_messages": ("rate_limit_error", "overloaded_error"),
    "openai_chat": ("rate_limit_exceeded", "overloaded"),
    "openai_responses": ("rate_limit_exceeded", "overloaded"),
}


@pytest.mark.parametrize("app", CALLED)
@pytest.mark.parametrize("wants_stream", [True, False])
def test_a_status_has_the_words_of_the_apps_vendor(app: Protocol, wants_stream: bool) -> None:
    limit, busy = CALLED[app]
    limited = reply(parse_fault("429 retry-after=1500ms"), app, wants_stream=wants_stream)
    assert limited and limited.status == 429
    assert limited.headers == [("content-type", "application/json"), ("retry-after", "1.5")]
    error = json.loads(limited.body)["error"]
    assert limit in error.values() and error["message"] == "bridge: injected 429"
    overloaded = reply(parse_fault("529"), app, wants_stream=wants_stream)
    assert overloaded and overloaded.status == 529  # also where the vendor has another one
    assert overloaded.headers == [("content-type", "application/json")]
    assert busy in json.loads(overloaded.body)["error"].values()


@pytest.mark.parametrize("app", CALLED)
def test_every_status_can_be_had(app: Protocol) -> None:
    for status in STATUSES:
        given = reply(parse_fault(str(status)), app, wants_stream=False)
        assert given and given.status == status and json.loads(given.body)["error"]["message"]


@pytest.mark.parametrize(
    "wants_stream, kind", [(True, "text/event-stream"), (False, "application/json")]
)
def test_nothing_has_the_type_of_what_was_asked_for(wants_stream: bool, kind: str) -> None:
    given = reply(parse_fault("empty"), "openai_chat", wants_stream=wants_stream)
    assert given and (given.status, given.body) == (200, b"")
    assert given.headers == [("content-type", kind)]


def test_an_error_inside_is_a_status_where_there_is_no_inside() -> None:
    fault = parse_fault("error status=503")
    assert reply(fault, "openai_chat", wants_stream=True) is None
    whole = reply(fault, "openai_chat", wants_stream=False)
    assert whole and whole.status == 503


@pytest.mark.parametrize("text", ["cut", "stall", "slow", "split"])
@pytest.mark.parametrize("wants_stream", [True, False])
def test_all_else_needs_an_answer_to_be_done_to(text: str, wants_stream: bool) -> None:
    assert reply(parse_fault(text), "openai_chat", wants_stream=wants_stream) is None
