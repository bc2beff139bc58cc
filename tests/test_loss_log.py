"""What the log says of losses, and how often."""

import json
from typing import Any

import pytest

from bridge.config import parse
from bridge.loss_log import MAX_LENGTH, LossLog
from bridge.trace import Trace
from bridge.transform import Translator

UPSTREAM = parse(
    "upstreams: {chat: {protocol: openai_chat, url: http://c.test, profile: openai}}", "c", {}
).upstreams["chat"]
REQUEST = {"model": "gpt-5", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}
STOPS = {"stop_sequences": ["END"]}
STOPPED = "main -> chat: stop_unsupported (stop): gpt-5 does not take it"


def call(outcome: str = "ok", route: str = "main", **fields: Any) -> Trace:
    """One that is over."""
    translator = Translator("anthropic_messages", "openai_chat", "gpt-5")
    made = Trace("anthropic_messages", 0.0, "gpt-5", translator, route, UPSTREAM)
    translator.request(json.dumps({**REQUEST, **fields}).encode())
    made.begin("chat", 0.0)
    made.close(outcome, 1.0)
    return made


def test_a_loss_is_said_with_its_place_and_reason() -> None:
    assert list(LossLog().lines(call(**STOPS), 0.0)) == [STOPPED]


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(call(), id="nothing was lost"),
        pytest.param(call(diagnostics={}), id="nothing that anybody would miss"),
        pytest.param(
            call(system="x-anthropic-billing-header: a"), id="nothing that a reader would miss"
        ),
        pytest.param(call("refused", **STOPS), id="the call was refused instead"),
        pytest.param(call("busy", **STOPS), id="the upstream was never asked"),
    ],
)
def test_nothing_is_said_where(made: Trace) -> None:
    assert list(LossLog().lines(made, 0.0)) == []


def test_nothing_is_said_of_a_call_that_came_to_no_upstream() -> None:
    idle = Translator("anthropic_messages", "anthropic_messages")
    assert list(LossLog().lines(Trace("anthropic_messages", 0.0, "m", idle), 0.0)) == []


def test_of_a_code_the_first_note_is_said_and_each_code_by_itself() -> None:
    said = list(LossLog().lines(call(top_k=3, temperature=1, **STOPS), 0.0))
    assert said == [
        "main -> chat: sampling_dropped (temperature): gpt-5 does not take it",
        STOPPED,
    ]


@pytest.mark.parametrize(
    "times, then, expected",
    [
        pytest.param([], 60.0, STOPPED, id="after a minute again"),
        pytest.param([], 59.9, None, id="not before"),
        pytest.param(
            [1.0, 2.0, 59.0],
            61.0,
            f"{STOPPED}; 3 more like it in the last minute",
            id="with the number of those between",
        ),
        pytest.param(
            [1.0],
            600.0,
            f"{STOPPED}; 1 more like it in the last 10 minutes",
            id="whenever the next one comes",
        ),
        pytest.param([1.0, 60.0], 120.0, STOPPED, id="which were told once"),
    ],
)
def test_a_kind_is_said_once_a_minute(
    times: list[float], then: float, expected: str | None
) -> None:
    log = LossLog()
    for now in [0.0, *times]:
        list(log.lines(call(**STOPS), now))
    assert list(log.lines(call(**STOPS), then)) == ([expected] if expected else [])


def test_routes_and_codes_do_not_hold_each_other_back() -> None:
    log = LossLog()
    assert len(list(log.lines(call(**STOPS), 0.0))) == 1
    assert len(list(log.lines(call(route="other", **STOPS), 1.0))) == 1
    assert len(list(log.lines(call(speed="fast", **STOPS), 2.0))) == 1


def test_what_others_wrote_stays_one_short_line() -> None:
    tool = {"type": "web_fetch_20250910", "name": "a\nb" * 999}
    (line,) = LossLog().lines(call(tools=[tool]), 0.0)
    assert "\n" not in line and len(line) == MAX_LENGTH
