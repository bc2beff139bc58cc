"""A fault in a call: what the app gets, what the upstream is thought of, what is left of it."""

import json
from math import inf
from typing import Any

import pytest

from bridge.exchange import Exchange
from bridge.health import Answered, Cancelled
from bridge.injection.faults import parse_fault
from bridge.injection.injected import Injected
from bridge.injection.passing import Passing
from bridge.steps import AGAIN, WAIT, Again, Cut, Done, Reply, Say, Step
from bridge.watched import Watched
from tests import streams
from tests.mitm.scripted import Scripted
from tests.test_exchange import ANSWER, DONE, END, JSON, ROLE, SSE, TEXT, Told, begun, body, opened


class Called(Scripted):
    """With a record of its own."""

    trace = Watched(streams.call("openai_chat"), 100.0).trace

    def broke(self, reason: str, now: float, *, cancelled: bool) -> None:
        self.told.append(("broke", reason))


def injected(fault: str, content: bytes = b"", **config: Any) -> tuple[Injected, Exchange, Told]:
    """In a Messages call whose upstream, which speaks Chat, was asked."""
    exchange, told = opened(content, **config)
    begun(exchange)
    return Injected(exchange, exchange.call, parse_fault(fault), 100.0), exchange, told


def said(step: Step) -> str:
    assert isinstance(step, Say | Cut)
    return b"".join(step.pieces).decode()


def test_the_upstream_of_a_cut_answer_sees_an_app_that_hangs_up() -> None:
    made, exchange, told = injected("cut after=1")
    assert made.answered(200, SSE, 101.0)
    assert made.take(ROLE, 101.5) == WAIT
    step = made.take(TEXT, 102.0)
    assert isinstance(step, Cut) and "yes" in said(step) and "message_stop" not in said(step)
    assert told.outcomes == [("chat", Cancelled())]
    assert exchange.trace.over and exchange.trace.attempts[-1].outcome == "cancelled"


def test_an_error_inside_ends_the_answer() -> None:
    made, _, told = injected("error")
    made.answered(200, SSE, 101.0)
    step = made.take(ROLE + TEXT, 102.0)
    assert isinstance(step, Say) and step.over
    assert said(step).endswith('"message":"bridge: injected 529"}}\n\n')
    assert told.outcomes == [("chat", Cancelled())]


def test_behind_the_silence_the_upstream_ends_well() -> None:
    made, exchange, told = injected("stall seconds=60")
    made.answered(200, SSE, 101.0)
    assert "yes" in said(made.take(ROLE + TEXT, 102.0))
    assert made.take(END, 103.0) == made.take(DONE, 104.0) == made.take(b"", 105.0) == WAIT
    assert told.outcomes == [("chat", Answered(200))] and exchange.trace.over
    assert made.wake_at() == 162.0 and made.wake(150.0) == WAIT
    assert made.wake(162.0) == Cut([])
    record = made.record(162.0)
    assert record["timing"]["last"] == 62.0
    assert record["attempts"][0]["outcome"] == "ok" and record["stop"] == "stop"
    assert "message_stop" not in record["bodies"]["client_response"]


def test_a_slow_answer_is_late_and_the_upstream_is_not() -> None:
    made, exchange, told = injected("slow first=10 between=1")
    made.answered(200, SSE, 101.0)
    assert made.take(ROLE + TEXT, 102.0) == made.take(END + DONE, 103.0) == WAIT
    assert made.take(b"", 104.0) == WAIT
    assert told.outcomes == [("chat", Answered(200))]
    out, now, over = "", 112.0, False
    while not over:
        assert made.wake_at() == now
        step = made.wake(now)
        assert isinstance(step, Say)
        out, now, over = out + said(step), now + 1, step.over
    assert out.endswith('data: {"type":"message_stop"}\n\n') and out.encode() == made.told
    record = made.record(now - 1)
    assert record["injected"] == {
        "fault": "slow first=10 between=1",
        "effect": f"{out.count('event: ')} pieces",
    }
    assert record["timing"]["last"] == now - 101
    assert len(record["timeline"]) == out.count("event: ")
    assert record["timeline"][-1][2] == len(out.encode()) and record["timeline"][0][0] == 12.0


def test_it_wakes_when_the_call_itself_has_to() -> None:
    made, exchange, _ = injected("cut")
    assert made.wake_at() == exchange.wake_at() < inf
    assert made.wake(exchange.wake_at()) == AGAIN  # the upstream was silent for too long


def test_a_whole_answer_in_pieces_keeps_its_head() -> None:
    made, *_ = injected("split size=50", body())
    assert not made.answered(200, JSON, 101.0)
    made.received(101.5)
    step = made.whole(json.dumps(ANSWER).encode(), 102.0)
    assert isinstance(step, Say) and step.over and len(step.pieces) > 2
    assert json.loads(said(step))["content"] == [{"type": "text", "text": "yes"}]
    head = made.head(102.0)
    assert head.status == 200 and ("content-type", "application/json") in head.headers
    assert ("request-id", "req_1") in head.headers


def test_a_stream_keeps_the_head_of_the_call() -> None:
    made, exchange, _ = injected("split")
    made.answered(200, SSE, 101.0)
    assert made.head(102.0) == exchange.head(102.0)


def test_a_fault_waits_for_the_upstream_that_answers() -> None:
    made, exchange, told = injected("cut")
    assert made.lost("refused", 101.0) == AGAIN
    assert begun(exchange, 101.0) == "own"
    made.answered(200, JSON, 102.0)
    refused = b'{"type":"error","error":{"type":"invalid_request_error","message":"no"}}'
    made.answered(400, JSON, 102.0)
    step = made.whole(refused, 103.0)
    assert isinstance(step, Done) and step.reply.status == 400
    assert told.outcomes[0][0] == "chat" and made.effect == ""
    assert made.told is None  # the flow has it
    record = made.record(103.0)
    assert record["injected"] == {"fault": "cut", "effect": ""}
    assert record["bodies"]["client_response"].startswith('{"type":"error"')


def test_where_nobody_answers_the_app_gets_the_ending() -> None:
    made, exchange, _ = injected("slow", resends=False)
    assert made.ending is None
    assert made.lost("refused", 101.0) == AGAIN
    exchange.exhausted(101.0)
    assert isinstance(made.ending, Done) and made.told is None
    assert "did not answer" in made.record(101.0)["bodies"]["client_response"]


def test_an_app_that_got_nothing_has_got_nothing() -> None:
    made, *_ = injected("stall", body())
    made.answered(200, JSON, 101.0)
    assert made.whole(json.dumps(ANSWER).encode(), 102.0) == WAIT
    record = made.record(110.0)
    assert record["bodies"]["client_response"] == "" and record["timeline"] == []
    assert made.told == b""


def test_what_is_the_same_on_both_sides_is_there_once() -> None:
    call = streams.call("openai_chat")
    made = Injected(Passing(Watched(call, 100.0), call), call, parse_fault("split"), 100.0)
    events = streams.stream("openai_chat", *streams.WORDS, streams.STOP)
    made.answered(200, SSE, 101.0)
    for event in [*events, b""]:
        made.take(event, 102.0)
    record = made.record(103.0)
    assert record["bodies"]["upstream_response"] == b"".join(events).decode()
    assert "client_response" not in record["bodies"]


@pytest.mark.parametrize(
    "step, fault, expected",
    [
        pytest.param(Say([TEXT], again=True), "cut after=9", Say([TEXT], again=True), id="more"),
        pytest.param(Say([TEXT], again=True), "slow", AGAIN, id="nothing to say yet"),
        pytest.param(Say([TEXT], again=True), "cut after=1", Cut([TEXT]), id="it ends here"),
        pytest.param(Again(), "cut", AGAIN, id="the attempt failed"),
        pytest.param(Cut([]), "slow", Cut([]), id="a cut of its own"),
        pytest.param(Done(Reply(401, [], b"no")), "stall", Done(Reply(401, [], b"no")), id="error"),
    ],
)
def test_an_answer_that_goes_on_with_another_attempt(
    step: Step, fault: str, expected: Step
) -> None:
    call = streams.call("openai_chat")
    made = Injected(Called(step), call, parse_fault(fault), 100.0)
    assert made.take(TEXT, 101.0) == expected
