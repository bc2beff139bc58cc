"""`bridge.inject` as a person types it, which calls it takes, and what is shown of them."""

import json
from typing import Any

import pytest
from mitmproxy import exceptions, flow, http
from mitmproxy.test import taddons

from bridge.call import Call
from bridge.injection.faults import parse_fault
from bridge.injection.injected import Injected
from bridge.mitm import flows
from bridge.mitm.inject import MAX_PENDING, Injections
from bridge.steps import Cut, Done, Say
from bridge.watched import Watched
from tests import streams
from tests.mitm import test_flows

SSE = [("content-type", "text/event-stream")]


def injections(*, drives: bool = True) -> Injections:
    return Injections(lambda: 100.0, drives=drives)


def asked(**fields: Any) -> tuple[http.HTTPFlow, Call]:
    made = test_flows.call(**fields)
    return made, flows.call_of(made, "anthropic_messages")


# --- by hand


def test_what_is_pending_is_listed_in_turn() -> None:
    made = injections()
    assert made.inject() == "nothing is pending"
    made.inject("~all", "429", "retry-after=3", "count=2")
    assert made.inject("~u messages & ~m POST", "cut after=2").splitlines() == [
        "429 retry-after=3, for the next 2 of ~all",
        "cut after=2, for the next 1 of ~u messages & ~m POST",
    ]
    assert made.inject().count("\n") == 1
    assert made.inject("clear") == "nothing is pending" == made.inject()


def test_clear_is_a_filter_as_well() -> None:
    assert injections().inject("clear", "429") == "429, for the next 1 of clear"


@pytest.mark.parametrize(
    "words, problem",
    [
        pytest.param(("~all",), '"" is no fault; there are 400', id="no fault"),
        pytest.param(("~all", "cut", "down"), 'cut: "down" is none of after=', id="a wrong one"),
        pytest.param(("~u [", "429"), "Invalid filter expression: '~u \\['", id="a wrong filter"),
        pytest.param(("", "429"), "Empty filter expression", id="no filter"),
    ],
)
def test_a_mistake_is_answered_with_what_is_allowed(words: tuple[str, ...], problem: str) -> None:
    made = injections()
    with pytest.raises(exceptions.CommandError, match=f"bridge: .*{problem}"):
        made.inject(*words)
    assert made.inject() == "nothing is pending"


def test_there_are_only_so_many() -> None:
    made = injections()
    for _ in range(MAX_PENDING):
        made.inject("~all", "429")
    with pytest.raises(exceptions.CommandError, match="100 are pending; clear them first"):
        made.inject("~all", "429")


def test_without_the_layer_there_are_only_answers() -> None:
    made = injections(drives=False)
    assert made.inject("~all", "429") and made.inject("~all", "empty")
    for fault in ("error", "cut", "stall", "slow", "split"):
        with pytest.raises(exceptions.CommandError, match="there are only status and empty"):
            made.inject("~all", fault)


def test_mitmproxy_takes_it_with_quotes_or_without() -> None:
    made = injections()
    with taddons.context(made) as context:
        context.master.commands.execute("bridge.inject '~u messages' 429 retry-after=3")
        told = context.master.commands.execute('bridge.inject ~all "cut after=2"')
    assert told.splitlines() == [
        "429 retry-after=3, for the next 1 of ~u messages",
        "cut after=2, for the next 1 of ~all",
    ]


# --- which calls


def test_each_match_takes_one_and_the_first_asked_for_comes_first() -> None:
    made, [ours, _], [other, _] = injections(), asked(), asked(path="/v1/chat/completions")
    made.inject("~u messages", "429 count=2")
    made.inject("~all", "cut")
    taken = [made.take(flow) for flow in (ours, other, ours, ours)]
    assert [fault and fault.text for fault in taken] == ["429", "cut", "429", None]


def test_a_filter_may_look_at_all_of_a_request() -> None:
    made, [ours, _], [other, _] = injections(), asked(model="claude-x"), asked(model="claude-y")
    made.inject('~bq "claude-x" & ~hq X-Api-Key', "429")
    assert made.take(other) is None and made.take(ours)


# --- what is shown


def test_an_answer_at_once_is_all_there_is() -> None:
    made, [flow, call] = injections(), asked()
    fault = parse_fault("429 retry-after=3")
    assert made.answered(flow, call, fault) and made.of(flow) is None
    assert flow.response and flow.response.status_code == 429
    assert flow.response.headers["retry-after"] == "3"
    assert flow.comment == "anthropic_messages | injected: 429 retry-after=3 (at once)"
    assert flow.marked == ":syringe:"
    record = flow.metadata["bridge"]
    assert record["injected"] == {"fault": "429 retry-after=3", "effect": "at once"}
    assert record["attempts"] == [] and record["conversation"] == call.conversation
    assert record["bodies"] == {
        "client_request": call.body.decode(),
        "client_response": flow.response.text,
    }
    made.end(flow)  # its own end adds nothing
    assert flow.comment.count("injected") == 1


def test_what_needs_an_answer_goes_on() -> None:
    made, [flow, call] = injections(), asked(stream=True)
    assert not made.answered(flow, call, parse_fault("cut"))
    assert flow.response is None and "bridge" not in flow.metadata


def changed(fault: str, **fields: Any) -> tuple[Injections, http.HTTPFlow, Injected]:
    """A call that no route takes."""
    made, [flow, call] = injections(), asked(**fields)
    made.change(flow, call, Watched(call, 100.0), parse_fault(fault))
    driven = made.of(flow)
    assert driven
    return made, flow, driven


EVENTS = streams.stream("anthropic_messages", *streams.WORDS, streams.STOP)


def test_a_call_to_its_own_host_is_asked_for_what_can_be_read() -> None:
    _, flow, _ = changed("cut", stream=True)
    assert flow.request.headers["accept-encoding"] == "identity"


def test_a_routed_call_is_driven_by_way_of_the_fault() -> None:
    made, [flow, call] = injections(), asked()
    exchange = test_flows.exchange_of(flow)
    made.change(flow, call, exchange, parse_fault("stall"))
    driven = made.of(flow)
    assert driven and driven.inner is exchange


def test_a_cut_answer_is_shown_as_far_as_it_went() -> None:
    made, shown, driven = changed("cut after=2", stream=True)
    driven.answered(200, SSE, 101.0)
    step = driven.take(b"".join(EVENTS), 102.0)
    assert isinstance(step, Cut)
    shown.response = flows.head(driven.head(102.0), shown)
    shown.error = flow.Error("the answer was cut")
    made.end(shown)
    assert shown.comment.endswith("| injected: cut after=2 (behind 2 pieces of content)")
    assert shown.response.raw_content == b"".join(step.pieces)
    assert shown.metadata["bridge"]["attempts"][0]["outcome"] == "cancelled"
    assert shown.marked == ":syringe:" and made.of(shown) is None


def test_an_app_that_hangs_up_before_that_is_one() -> None:
    made, shown, _ = changed("stall", stream=True)
    shown.error = flow.Error("Client disconnected.")
    made.end(shown)
    assert shown.comment.endswith("| injected: stall (not reached)") and shown.response is None
    assert shown.metadata["bridge"]["attempts"][0]["outcome"] == "cancelled"


def test_an_error_of_the_hosts_own_is_shown_as_it_is() -> None:
    made, shown, driven = changed("cut")
    driven.answered(429, [("content-type", "application/json")], 101.0)
    step = driven.whole(b'{"error":{}}', 102.0)
    assert isinstance(step, Done)
    shown.response = flows.response(step.reply, shown)
    made.end(shown)
    assert shown.response.content == b'{"error":{}}'
    assert shown.comment.endswith("(not reached)")
    assert json.loads(json.dumps(shown.metadata["bridge"]))["injected"]["effect"] == ""


def test_a_split_answer_is_shown_whole() -> None:
    made, shown, driven = changed("split", stream=True)
    driven.answered(200, SSE, 101.0)
    for event in [*EVENTS, b""]:
        assert isinstance(driven.take(event, 102.0), Say)
    shown.response = flows.head(driven.head(102.0), shown)
    made.end(shown)
    assert shown.response.raw_content == b"".join(EVENTS)
