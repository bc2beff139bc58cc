"""A WebSocket that passes: each call over it seen, and nothing changed but what has to be."""

import json
from typing import Any

import pytest

from bridge.call import Call
from bridge.config import parse
from bridge.health import Answered, Cancelled, ConnectionFailed
from bridge.passed_socket import CLOSED, MAX_UNDER_WAY, Over, PassedSocket, Passing
from bridge.watched import Watched

OPENING = Call("openai_responses", "https", "api.test", 443, "/v1/responses", (), b"")
UPSTREAM = parse(
    "upstreams: {up: {protocol: openai_responses, url: 'https://up.test', api_key: k,"
    " models: {m: big}}}",
    "c",
    {},
).upstreams["up"]


def socket(upstream: Any = None) -> PassedSocket:
    def watch(call: Call, now: float) -> Watched:
        return Watched(call, now, key=b"k", upstream=upstream)

    return PassedSocket(OPENING, watch)


def message(**fields: Any) -> bytes:
    return json.dumps({"type": "response.create", "model": "m", **fields}).encode()


def event(kind: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind, **fields}).encode()


def over(usage: Any = None) -> bytes:
    response = {"id": "resp_1", "status": "completed", "output": [], "usage": usage}
    return event("response.completed", response=response)


def begun(made: PassedSocket, **fields: Any) -> Passing:
    _, passing = made.sent(message(**fields), 10.0)
    assert passing
    return passing


def ended(told: Over | None) -> Passing:
    assert told
    return told.passing


def test_a_call_is_seen_from_its_beginning_to_its_end() -> None:
    made = socket()
    sent, passing = made.sent(message(input="hi"), 10.0)
    assert sent == message(input="hi") and passing and passing.number == 1
    assert made.came(event("response.created", response={"id": "resp_1"}), 11.0) is None
    assert made.came(event("response.output_text.delta", delta="x"), 12.0) is None
    usage = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
    assert ended(made.came(over(usage), 13.0)) == passing
    record = passing.watched.trace.metadata()
    assert record["attempts"][0]["outcome"] == "ok" and record["usage"]["input_tokens"] == 5
    assert record["timing"]["first_byte"] == 1.0 and record["timing"]["last"] == 3.0
    assert json.loads(record["bodies"]["client_request"])["input"] == "hi"
    assert made.came(over(), 14.0) is None, "of no call"


@pytest.mark.parametrize(
    "kind, outcome",
    [("response.failed", "error"), ("response.incomplete", "ok"), ("error", "error")],
)
def test_it_may_end_otherwise(kind: str, outcome: str) -> None:
    made = socket()
    passing = begun(made)
    response = {"id": "resp_1", "status": kind.rpartition(".")[2], "output": []}
    told = event(kind, response=response, error={"message": "no", "type": "server_error"})
    assert ended(made.came(told, 11.0)) == passing
    assert passing.watched.trace.attempts[0].outcome == outcome


def test_each_lane_has_its_call() -> None:
    made = socket()
    one, two = begun(made, stream_id="a"), begun(made, stream_id="b")
    assert ended(made.came(event("response.completed", response={}, stream_id="b"), 11.0)) == two
    assert ended(made.came(event("response.completed", response={}, stream_id="a"), 11.0)) == one


def test_calls_that_wait_for_their_turn_are_answered_in_their_order() -> None:
    made = socket()
    first, second = begun(made, input="one"), begun(made, input="two")
    made.sent(message(generate=False), 10.0)
    third = begun(made, input="three")
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    assert made.came(event("response.created", response={"id": "resp_1"}), 11.0) is None
    assert second.watched.trace.timing.first_byte is None, "not yet"
    came = [made.came(over(usage), now) for now in (12.0, 13.0)]
    assert list(map(ended, came)) == [first, second]
    assert made.came(over(), 14.0) is None, "of the warm-up"
    assert ended(made.came(event("error", error={"message": "no"}), 15.0)) == third
    assert [p.watched.trace.timing.last for p in (first, second, third)] == [2.0, 3.0, 5.0]
    assert [p.watched.trace.attempts[0].outcome for p in (first, second, third)] == [
        "ok",
        "ok",
        "error",
    ]
    assert not made._under_way


def test_all_that_wait_are_told_of_the_end() -> None:
    made = socket()
    waiting = [begun(made), begun(made), begun(made, stream_id="b")]
    made.sent(message(generate=False), 10.0)
    assert list(map(ended, made.closed(20.0, by_app=False))) == waiting
    assert {passing.watched.trace.attempts[0].outcome for passing in waiting} == {"unreachable"}


def test_no_more_are_looked_at_than_so_many() -> None:
    made = socket(UPSTREAM)
    for _ in range(MAX_UNDER_WAY):
        begun(made)
    sent, passing = made.sent(message(stream_id="b"), 10.0)
    assert passing is None and json.loads(sent)["model"] == "big", "and it is sent as it has to be"
    assert made.calls == MAX_UNDER_WAY + 1
    assert made.came(over(), 11.0) and begun(made)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"{", id="no JSON"),
        pytest.param(b"[]", id="no object"),
        pytest.param(event("response.steer"), id="no call"),
        pytest.param(message(generate=False), id="a warm-up"),
    ],
)
def test_what_is_no_call_passes(sent: bytes) -> None:
    assert socket().sent(sent, 1.0) == (sent, None)


@pytest.mark.parametrize("came", [b"{", b"[]", b"{}"])
def test_what_says_nothing_of_a_call_passes(came: bytes) -> None:
    made = socket()
    assert made.came(came, 1.0) is None
    passing = begun(made)
    assert made.came(came, 1.0) is None and ended(made.came(over(), 2.0)) == passing


def test_an_upstream_gets_its_own_model_and_no_state_of_others() -> None:
    foreign = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "brg1.xx.yy"}
    sent, passing = socket(UPSTREAM).sent(message(input=[foreign], stream_id="a"), 1.0)
    told = json.loads(sent)
    assert (told["type"], told["model"], told["stream_id"]) == ("response.create", "big", "a")
    assert "brg1." not in str(told) and "stream" not in told
    assert passing and passing.watched.trace.metadata()["model"] == {"asked": "m", "used": "big"}


@pytest.mark.parametrize("by_app, outcome", [(True, "cancelled"), (False, "unreachable")])
def test_what_is_under_way_when_it_is_closed(by_app: bool, outcome: str) -> None:
    made = socket()
    passing = begun(made)
    assert list(map(ended, made.closed(20.0, by_app=by_app))) == [passing]
    assert passing.watched.trace.attempts[0].outcome == outcome
    assert list(made.closed(21.0, by_app=by_app)) == []


REFUSED = {"type": "error", "status": 429, "error": {"type": "x", "code": "rate_limit_exceeded"}}


@pytest.mark.parametrize(
    "last, outcome",
    [
        pytest.param(json.loads(over()), Answered(200), id="well"),
        pytest.param(
            {**REFUSED, "headers": {"Retry-After": 7}},
            Answered(429, 7.0, "rate_limit"),
            id="refused until then",
        ),
        pytest.param({**REFUSED, "headers": 5}, Answered(429, None, "rate_limit"), id="refused"),
        pytest.param(
            {"type": "response.failed", "response": {"error": {"code": "server_error"}}},
            Answered(500, None, "server"),
            id="failed",
        ),
    ],
)
def test_how_a_call_ends_says_how_its_upstream_is(last: Any, outcome: Answered) -> None:
    made = socket()
    begun(made)
    told = made.came(json.dumps(last).encode(), 20.0)
    assert told and told.outcome == outcome


@pytest.mark.parametrize(
    "by_app, outcome", [(True, Cancelled()), (False, ConnectionFailed(CLOSED))]
)
def test_a_connection_that_the_upstream_closes_counts_as_one_that_failed(
    by_app: bool, outcome: Any
) -> None:
    made = socket()
    begun(made)
    [told] = made.closed(20.0, by_app=by_app)
    assert told.outcome == outcome
