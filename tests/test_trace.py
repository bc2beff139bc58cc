"""What people get to see of a call."""

import json

import pytest

from bridge.config import parse
from bridge.credentials import Credential
from bridge.scrub import HIDDEN
from bridge.trace import KEPT_BYTES, MAX_MOMENTS, Kept, Timeline, Trace
from bridge.transform import Translator

UPSTREAM = parse(
    "upstreams: {chat: {protocol: openai_chat, url: http://c.test, models: {'*': gpt}}}", "c", {}
).upstreams["chat"]
REQUEST = {"model": "claude", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}


def trace(**fields: object) -> Trace:
    translator = Translator("anthropic_messages", "openai_chat", "gpt")
    made = Trace("anthropic_messages", 100.0, "claude", translator, "main", UPSTREAM)
    translator.request(json.dumps({**REQUEST, **fields}).encode())
    return made


def answered(made: Trace) -> Trace:
    choice = {"index": 0, "message": {"content": "yes"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    made.translator.response(json.dumps({"choices": [choice], "usage": usage}).encode())
    return made


def test_a_body_is_kept_to_a_bound_and_says_what_is_missing() -> None:
    kept = Kept()
    kept.add(b"x" * (KEPT_BYTES - 1))
    kept.add(b"yz")
    kept.add(b"more")
    assert kept.size == KEPT_BYTES + 5 and len(kept.content()) == KEPT_BYTES
    assert kept.text().endswith("xy\n[5 bytes more]")


def test_the_record_is_plain_data() -> None:
    made = answered(trace(top_k=3))
    made.begin("chat", 100.5)
    made.bodies.client_request.add(b"{}")
    made.close("ok", 102.0)
    made.timing.first_byte = 1.0
    made.finish(102.0)
    record = made.metadata()
    assert json.loads(json.dumps(record)) == record
    assert record["attempts"] == [
        {
            "upstream": "chat",
            "started": 0.5,
            "outcome": "ok",
            "status": 0,
            "reason": "",
            "duration": 1.5,
            "protocol": "openai_chat",
        }
    ]
    assert record["model"] == {"asked": "claude", "used": "gpt"}
    assert record["notes"][0]["code"] == "sampling_dropped"
    assert record["notes"][0]["severity"] == "degraded"
    assert record["usage"] == {"input_tokens": 3, "output_tokens": 2}
    assert record["timing"] == {"first_byte": 1.0, "last": 2.0} and made.over
    assert (record["route"], record["stop"]) == ("main", "stop")
    assert record["bodies"] == {"client_request": "{}"}


def test_equal_bodies_are_kept_once() -> None:
    made = trace()
    made.bodies.upstream_response.add(b"a")
    made.bodies.client_response.add(b"a")
    assert made.bodies.texts() == {"upstream_response": "a"}


def test_a_stream_leaves_its_times() -> None:
    made = trace()
    made.begin("chat", 100.0)
    made.bodies.upstream_response.add(b"abc")
    made.tick(101.5)
    made.bodies.client_response.add(b"de")
    made.tick(102.0)
    assert made.metadata()["timeline"] == [[1.5, 3, 0], [2.0, 3, 2]]
    made.begin("next", 103.0)
    assert made.metadata()["timeline"] == [], "those of the last attempt"


def test_the_times_of_a_long_stream_are_bounded() -> None:
    line = Timeline()
    for n in range(MAX_MOMENTS + 5):
        line.add(n, n, n)
    assert len(line.moments()) == MAX_MOMENTS and line.moments()[-1][0] == MAX_MOMENTS - 1


ARROW = "anthropic_messages -> chat (openai_chat)"


@pytest.mark.parametrize(
    "outcomes, line, mark",
    [
        pytest.param([("ok", 200, "")], f"{ARROW} | stop | 3 in, 2 out", "", id="well"),
        pytest.param(
            [("error", 429, "limited"), ("unreachable", 0, "refused"), ("ok", 200, "")],
            f"{ARROW} | failed over: up0 429, up1 unreachable | stop | 3 in, 2 out",
            ":arrows_counterclockwise:",
            id="failed over",
        ),
        pytest.param(
            [("error", 500, "broken")],
            f"{ARROW} | error 500: broken | 3 in, 2 out",
            ":red_circle:",
            id="failed",
        ),
    ],
)
def test_one_line_and_a_mark(outcomes: list[tuple[str, int, str]], line: str, mark: str) -> None:
    made = answered(trace())
    for n, (outcome, status, reason) in enumerate(outcomes):
        made.begin(f"up{n}", 100.0)
        made.attempts[-1].status = status
        made.close(outcome, 101.0, reason)
    assert (made.summary(), made.mark()) == (line, mark)


def test_lost_content_is_marked_and_a_call_without_attempts_is_said_too() -> None:
    stops = ["a", "b", "c", "d", "e"]
    made = trace(stop_sequences=stops)
    assert made.mark() == ":orange_circle:"
    assert made.summary() == f"{ARROW} | stop_truncated"


def test_the_next_attempt_has_bodies_of_its_own() -> None:
    made = trace()
    made.bodies.upstream_request.add(b"first")
    made.bodies.client_request.add(b"app")
    made.begin("b", 101.0)
    assert made.bodies.texts() == {"client_request": "app"}


def test_the_attempt_before_keeps_its_own() -> None:
    made = trace()
    made.credentials = (Credential("key", "first"),)
    made.begin("a", 100.0)
    made.bodies.upstream_request.add(b'{"key":"first"}')
    made.begin("b", 101.0)
    made.begin("c", 102.0)
    made.bodies.upstream_response.add(b"yes")
    first, *others = made.metadata()["attempts"]
    assert first["bodies"] == {"upstream_request": f'{{"key":"{HIDDEN}"}}'}
    assert ["bodies" in told for told in others] == [False, False]
