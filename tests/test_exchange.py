"""One call told as a story: what is sent, what comes back, what the app gets, and when."""

import json
from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from bridge.bounded import Bounds
from bridge.call import Call
from bridge.config import parse
from bridge.exchange import Exchange
from bridge.health import Answered, Cancelled, ConnectionFailed, Outcome
from bridge.ledger import Ledger
from bridge.repairs import Repairs
from bridge.routing import Router, Target
from bridge.steps import AGAIN, WAIT, Done, Reply, Say, Step
from bridge.store import Store
from bridge.transform import TransformError
from bridge.transform.model import Protocol

CONFIG: dict[str, Any] = {
    "upstreams": {
        "chat": {
            "protocol": "openai_chat",
            "url": "https://chat.example/v1",
            "api_key": "chat-key",
            "models": {"claude-*": "gpt-x"},
        },
        "own": {"protocol": "anthropic_messages", "url": "https://api.anthropic.com"},
    },
    "routes": [{"upstreams": ["chat", "own"], "name": "main"}],
    "failover": {
        "first_byte_timeout": 60,
        "idle_timeout": 120,
        "ping_interval": 15,
        "health_check": {"interval": 0},
    },
}
HEADERS = (("X-Api-Key", "app-key"), ("Anthropic-Version", "2023-06-01"))
SSE = [("content-type", "text/event-stream")]
JSON = [("content-type", "application/json"), ("x-request-id", "req_1")]


class Told:
    """Takes what the router would be told."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.outcomes: list[tuple[str, Outcome]] = []

    def begin(self, target: Target, now: float, *, model: str) -> None:
        self.begun.append(target.label)

    def record(self, target: Target, outcome: Outcome, now: float, **facts: Any) -> None:
        assert facts["model"] in ("claude-x", "m", "") and facts["started"] <= now
        self.outcomes.append((target.label, outcome))


def body(**fields: Any) -> bytes:
    messages = [{"role": "user", "content": "hi"}]
    return json.dumps(
        {"model": "claude-x", "max_tokens": 9, "messages": messages, **fields}
    ).encode()


def opened(
    content: bytes = b"",
    ledger: Ledger | None = None,
    resends: bool = True,
    protocol: Protocol = "anthropic_messages",
    store: Store | None = None,
    **config: Any,
) -> tuple[Exchange, Told]:
    failover = {**CONFIG["failover"], **config.pop("failover", {})}
    parsed = parse(json.dumps({**CONFIG, **config, "failover": failover}), "c", {})
    call = Call(
        protocol,
        "https",
        "api.anthropic.com",
        443,
        "/v1/responses" if protocol == "openai_responses" else "/v1/messages",
        HEADERS,
        content or body(stream=True),
    )
    router, told = Router(parsed), Told()
    choice = router.candidates(call.facts(router.asks), 100.0)
    assert choice
    made = Exchange(
        call,
        choice,
        router,
        parsed.failover,
        told,
        key=b"k",
        strict=parsed.strict,
        notes_header=parsed.notes_header,
        ledger=ledger,
        store=store,
        resends=resends,
        now=100.0,
    )
    return made, told


def begun(made: Exchange, now: float = 100.0) -> str:
    """The next attempt; who is asked."""
    target = made.next_target(now)
    assert target and made.next_attempt(target, now)
    return target.label


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "1", "model": "g", "choices": [choice]}).encode() + b"\n\n"


ROLE, TEXT, END = chunk(role="assistant"), chunk(content="yes"), chunk("stop")
DONE = b"data: [DONE]\n\n"
THOUGHT = chunk(reasoning_content="hm")
ANSWER = {
    "id": "chatcmpl-1",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "yes"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


def said(step: Step) -> str:
    assert isinstance(step, Say)
    return b"".join(step.pieces).decode()


LOST: dict[str, Any] = {"stop_sequences": list("abcde"), "speed": "fast"}
CODES = "stop_truncated,speed_dropped"

# --- an answer


def test_a_stream_leaves_its_times_and_its_conversation() -> None:
    made, _ = opened()
    begun(made)
    made.answered(200, SSE, 101.0)
    made.take(ROLE, 101.5)
    made.take(TEXT, 102.0)
    record = made.trace.metadata()
    assert [moment[0] for moment in record["timeline"]] == [1.5, 2.0]
    assert record["timeline"][1][1] == len(ROLE + TEXT) and record["timeline"][0][2] == 0
    assert record["conversation"] == made.call.conversation and record["started"] == 100.0


def test_a_whole_answer_and_what_is_left_of_it() -> None:
    made, told = opened(body())
    assert begun(made, 100.5) == "chat"
    assert not made.answered(200, JSON, 101.0)
    step = made.whole(json.dumps(ANSWER).encode(), 102.0)
    assert isinstance(step, Done) and step.reply.status == 200
    assert ("request-id", "req_1") in step.reply.headers
    assert json.loads(step.reply.body)["content"] == [{"type": "text", "text": "yes"}]
    assert told.outcomes == [("chat", Answered(200))] and made.trace.over
    record = made.trace.metadata()
    assert record["model"] == {"asked": "claude-x", "used": "gpt-x"} and record["route"] == "main"
    assert record["timing"] == {"first_byte": 1.0, "last": 2.0}
    assert set(record["bodies"]) == {
        "client_request", "upstream_request", "upstream_response", "client_response"
    }  # fmt: skip


@pytest.mark.parametrize(
    "content, status, headers, streams",
    [
        pytest.param(body(stream=True), 200, SSE, True, id="a stream"),
        pytest.param(body(stream=True), 200, [], True, id="no content type"),
        pytest.param(body(stream=True), 200, JSON, False, id="JSON is taken whole"),
        pytest.param(body(stream=True), 500, SSE, False, id="an error"),
        pytest.param(body(), 200, SSE, False, id="not asked for"),
    ],
)
def test_what_is_taken_piece_by_piece(
    content: bytes, status: int, headers: Any, streams: bool
) -> None:
    made, _ = opened(content)
    begun(made)
    assert made.answered(status, headers, 101.0) is streams


def test_a_stream_is_held_until_there_is_something_in_it() -> None:
    made, told = opened()
    begun(made)
    made.answered(200, SSE, 101.0)
    assert made.take(ROLE, 101.5) == WAIT
    first = said(made.take(TEXT, 102.0))
    assert "message_start" in first and "yes" in first
    assert made.head(102.0).headers[0] == ("content-type", "text/event-stream")
    assert "content_block_stop" in said(made.take(END, 103.0))
    assert "message_stop" in said(made.take(DONE, 103.5)) and not made.trace.over
    assert made.take(b"", 104.0) == Say([], over=True)
    assert told.outcomes == [("chat", Answered(200))]
    assert made.trace.timing.first_content == 2.0


def test_trap_6_reasoning_is_provisional_for_ten_seconds() -> None:
    made, _ = opened()
    begun(made)
    made.answered(200, SSE, 101.0)
    assert made.take(THOUGHT, 102.0) == made.take(THOUGHT, 111.9) == WAIT
    assert "hm" in said(made.take(THOUGHT, 112.1))
    step = made.lost("reset", 113.0)
    assert isinstance(step, Say) and step.over and "event: error" in said(step)


def test_what_comes_for_a_stream_as_one_body_is_streamed() -> None:
    made, _ = opened()
    begun(made)
    made.answered(200, JSON, 101.0)
    step = made.whole(json.dumps(ANSWER).encode(), 102.0)
    assert isinstance(step, Done) and step.reply.body.endswith(b'{"type":"message_stop"}\n\n')


# --- another upstream

FAILURES: dict[str, tuple[Callable[[Exchange], Step], Outcome, str]] = {
    "an error status": (
        lambda made: (made.answered(529, JSON, 101.0), made.whole(b"{}", 102.0))[1],
        Answered(529, None, "overloaded"),
        "error",
    ),
    "a limit with its time": (
        lambda made: (made.answered(429, [("Retry-After", "7")], 101.0), made.whole(b"", 102.0))[1],
        Answered(429, 7.0, "rate_limit"),
        "error",
    ),
    "no connection": (
        lambda made: made.lost("refused", 101.0),
        ConnectionFailed("refused"),
        "unreachable",
    ),
    "trap 4: an error in the stream": (
        lambda made: (
            made.answered(200, SSE, 101.0),
            made.take(ROLE + b'data: {"error": {"code": 503, "message": "busy"}}\n\n', 102.0),
        )[1],
        Answered(503, None, "server"),
        "error",
    ),
    "trap 5: a cut before content": (
        lambda made: (made.answered(200, SSE, 101.0), made.lost("reset", 102.0))[1],
        Answered(502, None, "server"),
        "cut",
    ),
    "trap 5: an empty stream": (
        lambda made: (made.answered(200, SSE, 101.0), made.take(b"", 102.0))[1],
        Answered(502, None, "server"),
        "error",
    ),
    "silence": (
        lambda made: made.wake(160.0),
        ConnectionFailed("no data for 60 s"),
        "timeout",
    ),
}


@pytest.mark.parametrize("happens, outcome, name", FAILURES.values(), ids=FAILURES)
def test_a_failure_before_content_is_another_upstreams_turn(
    happens: Callable[[Exchange], Step], outcome: Outcome, name: str
) -> None:
    made, told = opened()
    begun(made)
    assert happens(made) == AGAIN
    assert told.outcomes == [("chat", outcome)]
    assert made.trace.attempts[0].outcome == name
    assert begun(made, 161.0) == "own"
    made.answered(200, SSE, 162.0)
    assert made.failed[0].label == "chat" and made.failed[0].sent


def test_trap_1_the_next_upstream_gets_the_apps_own_request() -> None:
    content = body()
    made, _ = opened(content)
    begun(made)
    made.lost("refused", 101.0)
    target = made.next_target(102.0)
    assert target
    sent = made.next_attempt(target, 102.0)
    assert sent and sent.body is content
    assert ("X-Api-Key", "app-key") in sent.headers and sent.path == "/v1/messages"


@pytest.mark.parametrize("status", [400, 413, 422])
def test_the_apps_own_mistake_is_told_to_it(status: int) -> None:
    made, _ = opened()
    begun(made)
    made.answered(status, JSON, 101.0)
    step = made.whole(b'{"error": {"message": "bad field", "param": "x"}}', 102.0)
    assert isinstance(step, Done) and step.reply.status == status
    assert json.loads(step.reply.body)["error"]["message"] == "bad field"
    assert made.trace.over and made.trace.attempts[0].outcome == "error"


def exhausted(made: Exchange, now: float = 110.0) -> Reply:
    assert made.next_target(now) is None
    step = made.exhausted(now)
    assert isinstance(step, Done) and made.ending == step
    return step.reply


def test_trap_12_the_error_of_a_single_upstream_is_told_as_it_came() -> None:
    made, _ = opened(routes=[{"upstreams": ["own"]}])
    begun(made)
    made.answered(529, [("request-id", "req_1"), ("content-type", "application/json")], 101.0)
    told = b'{"type":"error","error":{"type":"overloaded_error","message":"full"},"x":1}'
    assert made.whole(told, 102.0) == AGAIN
    reply = exhausted(made)
    assert (reply.status, reply.body) == (529, told) and ("request-id", "req_1") in reply.headers
    assert "x-bridge-attempts" not in dict(reply.headers)


def test_trap_52_an_error_in_other_words_keeps_its_request_id_and_its_hints() -> None:
    made, _ = opened(routes=[{"upstreams": ["chat"]}])
    begun(made)
    hints = [("retry-after", "7"), ("retry-after-ms", "7000"), ("x-should-retry", "true")]
    made.answered(429, [*JSON, *hints], 101.0)
    made.whole(b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}', 102.0)
    reply = exhausted(made, 102.0)
    told = json.loads(reply.body)
    assert (told["error"]["type"], told["request_id"]) == ("rate_limit_error", "req_1")
    assert {("request-id", "req_1"), *hints} <= set(reply.headers)


def test_trap_10_of_several_errors_the_most_useful_is_told_with_who_was_asked() -> None:
    made, _ = opened()
    begun(made)
    made.answered(429, [*JSON, ("retry-after", "600")], 101.0)
    made.whole(b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}', 102.0)
    begun(made, 103.0)
    made.lost("refused", 104.0)
    reply = exhausted(made)
    told = json.loads(reply.body)["error"]
    assert reply.status == 429 and told["type"] == "rate_limit_error"
    assert told["message"] == "slow down (bridge: after 2 attempts: chat 429, own unreachable)"
    headers = dict(reply.headers)
    assert headers["x-bridge-attempts"] == "2" and headers["request-id"] == "req_1"
    assert "retry-after" not in headers or int(headers["retry-after"]) <= 600


def test_trap_11_attempts_and_time_are_bounded() -> None:
    made, _ = opened(failover={"max_attempts": 1})
    begun(made)
    made.lost("refused", 101.0)
    assert exhausted(made).status == 502
    late, _ = opened(failover={"max_time": 5})
    begun(late)
    late.lost("refused", 105.5)
    assert late.next_target(105.5) is None


def test_who_has_too_much_to_do_is_passed_over() -> None:
    made, told = opened()
    target = made.next_target(100.0)
    assert target
    made.busy(target, 102.0)
    assert begun(made, 102.0) == "own" and told.outcomes == []
    made.lost("refused", 103.0)
    assert exhausted(made).status == 529


# --- what cannot be sent

DOCUMENT = {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}}


def test_what_one_protocol_cannot_say_another_may() -> None:
    made, told = opened(body(messages=[{"role": "user", "content": [DOCUMENT]}]))
    target = made.next_target(100.0)
    assert target and made.next_attempt(target, 100.0) is None
    assert begun(made) == "own" and told.outcomes == []
    assert [a.outcome for a in made.trace.attempts] == ["refused", "pending"]


def test_what_nobody_can_be_told_is_refused() -> None:
    content = body(messages=[{"role": "user", "content": [DOCUMENT]}])
    made, _ = opened(content, routes=[{"upstreams": ["chat"]}])
    target = made.next_target(100.0)
    assert target and made.next_attempt(target, 100.0) is None
    reply = exhausted(made)
    assert reply.status == 400 and b"document_url_unsupported" in reply.body


@pytest.mark.parametrize("content", [b"{", b'{"model": "m"}'])
def test_what_is_malformed_is_refused_at_once(content: bytes) -> None:
    made, told = opened(content)
    with pytest.raises(TransformError) as caught:
        target = made.next_target(100.0)
        assert target
        made.next_attempt(target, 100.0)
    step = made.refuse(caught.value, 101.0)
    assert isinstance(step, Done) and step.reply.status == 400
    assert told.outcomes == [] and made.trace.over


ORPHAN = {"type": "tool_result", "tool_use_id": "t", "content": "4"}
LOSSY = body(messages=[{"role": "user", "content": [ORPHAN]}])


@pytest.mark.parametrize(
    "everywhere, route, upstream, refused",
    [
        (False, None, None, False),
        (True, None, None, True),
        (True, False, None, False),
        (False, True, None, True),
        (False, True, False, False),
        (False, None, True, True),
    ],
)
def test_strict_counts_nearest_to_the_upstream(
    everywhere: bool, route: bool | None, upstream: bool | None, refused: bool
) -> None:
    chat = {**CONFIG["upstreams"]["chat"], "strict": upstream}
    made, _ = opened(
        LOSSY,
        strict=everywhere,
        upstreams={**CONFIG["upstreams"], "chat": chat},
        routes=[{"upstreams": ["chat"], "strict": route}],
    )
    target = made.next_target(100.0)
    assert target and (made.next_attempt(target, 100.0) is None) is refused
    if refused:
        assert b"strict" in exhausted(made).body
    else:
        assert made.trace.mark() == ":orange_circle:"


# --- what the app is told of losses


def noted(reply: Reply) -> list[str]:
    return [value for name, value in reply.headers if name == "x-bridge-notes"]


@pytest.mark.parametrize(
    "fields, header, expected",
    [
        pytest.param(LOST, True, [CODES], id="the codes, in order"),
        pytest.param(LOST, False, [], id="not unless it is wanted"),
        pytest.param({}, True, [], id="nothing where nothing was lost"),
        pytest.param({"diagnostics": {}}, True, [], id="nor where nobody would miss it"),
    ],
)
def test_the_codes_of_losses_stand_in_a_header(
    fields: dict[str, Any], header: bool, expected: list[str]
) -> None:
    made, _ = opened(body(**fields), notes_header=header)
    begun(made)
    made.answered(200, JSON, 101.0)
    step = made.whole(json.dumps(ANSWER).encode(), 102.0)
    assert isinstance(step, Done) and noted(step.reply) == expected
    assert ("request-id", "req_1") in step.reply.headers


def test_the_head_of_a_stream_tells_the_losses_known_by_then() -> None:
    made, _ = opened(body(stream=True, **LOST), notes_header=True)
    begun(made)
    made.answered(200, SSE, 101.0)
    said(made.take(ROLE + TEXT, 102.0))
    assert noted(made.head(102.0)) == [CODES]
    made.take(END + DONE, 103.0)
    assert made.trace.codes == [*CODES.split(","), "usage_missing"]


def test_errors_tell_them_too() -> None:
    made, _ = opened(body(**LOST), notes_header=True)
    begun(made)
    made.answered(400, JSON, 101.0)
    step = made.whole(b'{"error": {"message": "no"}}', 102.0)
    assert isinstance(step, Done) and noted(step.reply) == [CODES]


def test_what_was_taken_out_of_a_call_of_the_same_protocol_is_told() -> None:
    signed = {"type": "redacted_thinking", "data": "brg1.of.another"}
    history = [{"role": "assistant", "content": [signed, {"type": "text", "text": "yes"}]}]
    content = body(messages=[*history, {"role": "user", "content": "hi"}])
    made, _ = opened(content, notes_header=True, routes=[{"upstreams": ["own"]}])
    begun(made)
    made.answered(200, JSON, 101.0)
    told = turn("end_turn", {"type": "text", "text": "yes"})
    step = made.whole(told, 102.0)
    assert isinstance(step, Done) and step.reply.body == told
    assert noted(step.reply) == ["opaque_foreign"]


# --- behind the first content


def committed(**config: Any) -> tuple[Exchange, Told]:
    made, told = opened(**config)
    begun(made)
    made.answered(200, SSE, 101.0)
    said(made.take(ROLE + TEXT, 102.0))
    return made, told


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(lambda made: made.lost("reset", 103.0), id="a lost connection"),
        pytest.param(lambda made: made.take(b"", 103.0), id="an end too early"),
        pytest.param(
            lambda made: made.take(b'data: {"error": {"message": "x"}}\n\n', 103.0), id="an error"
        ),
        pytest.param(lambda made: made.wake(222.0), id="silence"),
    ],
)
def test_a_failure_is_told_in_the_dialect_and_ends_the_stream(
    happens: Callable[[Exchange], Step],
) -> None:
    made, told = committed()
    step = happens(made)
    assert isinstance(step, Say) and step.over and "event: error" in said(step)
    assert "message_stop" not in said(step) and made.trace.over
    assert len(told.outcomes) == 1 and made.trace.attempts[0].outcome == "cut"


def test_a_connection_that_goes_behind_the_end_was_no_failure() -> None:
    made, _ = committed()
    assert "message_stop" in said(made.take(END + DONE, 103.0))
    assert made.lost("reset", 104.0) == Say([], over=True)
    assert made.trace.attempts[0].outcome == "ok"


# --- time


def test_when_it_wants_to_be_woken() -> None:
    made, _ = opened()
    assert made.wake_at() == inf
    begun(made)
    assert made.wake_at() == 160.0
    made.answered(200, SSE, 110.0)
    assert made.wake_at() == 170.0
    made.take(ROLE, 120.0)
    assert made.wake_at() == 180.0
    made.take(TEXT, 130.0)
    assert made.wake_at() == 145.0  # a ping
    assert made.wake(140.0) == WAIT
    assert said(made.wake(145.0)) == 'event: ping\ndata: {"type":"ping"}\n\n'
    assert made.wake_at() == 160.0
    made.take(b": comment\n\n", 200.0)
    assert made.wake_at() == 175.0 or made.wake_at() == 215.0
    made.broke("gone", 201.0, cancelled=True)
    assert made.wake_at() == inf and made.wake(300.0) == WAIT


def test_trap_49_an_upstreams_pings_are_no_data() -> None:
    made, _ = committed()
    for now in range(110, 222, 10):
        made.take(b": still there\n\n", now)
    step = made.wake(222.5)
    assert isinstance(step, Say) and step.over and "no data for" in said(step)


@pytest.mark.parametrize(
    "answered, received, wakes",
    [
        pytest.param(False, None, 700.0, id="a whole answer may take ten times as long"),
        pytest.param(True, None, 221.0, id="but not stall in its body"),
        pytest.param(True, 150.0, 270.0, id="where what comes is counted"),
    ],
)
def test_time_for_a_whole_answer(answered: bool, received: float | None, wakes: float) -> None:
    made, _ = opened(body())
    begun(made)
    if answered:
        made.answered(200, JSON, 101.0)
    if received:
        made.received(received)
    assert made.wake_at() == wakes
    assert made.wake(wakes) == AGAIN


def test_an_early_stream_says_something_and_goes_on_trying() -> None:
    made, _ = opened(failover={"early_stream": 20})
    begun(made)
    assert made.wake_at() == 120.0
    assert said(made.wake(120.0)) == ": keepalive\n\n"
    assert made.wake_at() == 135.0
    assert made.lost("reset", 130.0) == AGAIN
    begun(made, 131.0)
    made.answered(200, JSON, 132.0)
    answer = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "so"}]}
    step = made.whole(json.dumps({**answer, "id": "m", "model": "c"}).encode(), 133.0)
    assert isinstance(step, Say) and step.over and '"so"' in said(step)


def test_an_early_stream_ends_with_an_error_of_the_dialect() -> None:
    made, _ = opened(failover={"early_stream": 20}, routes=[{"upstreams": ["chat"]}])
    begun(made)
    made.wake(120.0)
    made.lost("reset", 130.0)
    step = made.exhausted(131.0)
    assert isinstance(step, Say) and step.over and said(step).startswith("event: error")


# --- the end


@pytest.mark.parametrize(
    "cancelled, outcome, name",
    [
        pytest.param(True, Cancelled(), "cancelled", id="the app hung up"),
        pytest.param(False, Cancelled(), "cut", id="the call was killed"),
    ],
)
def test_a_call_that_has_no_end(cancelled: bool, outcome: Outcome, name: str) -> None:
    made, told = opened()
    begun(made)
    made.broke("gone", 103.0, cancelled=cancelled)
    made.broke("again", 104.0, cancelled=cancelled)
    assert told.outcomes == [("chat", outcome)] and made.trace.over
    assert (made.trace.attempts[0].outcome, made.trace.attempts[0].reason) == (name, "gone")


def test_an_app_may_hang_up_behind_the_last_word() -> None:
    """Before the upstream has closed its side: nothing is missing."""
    made, told = opened()
    begun(made)
    made.answered(200, SSE, 101.0)
    made.take(ROLE + TEXT + END + DONE, 102.0)
    made.broke("Client disconnected.", 103.0, cancelled=True)
    assert told.outcomes == [("chat", Answered(200))] and made.trace.over
    assert made.trace.attempts[0].outcome == "ok"


def test_trap_40_a_stream_has_one_id_by_which_its_answer_is_known_before_the_app_has_it() -> None:
    store = Store(Bounds(1 << 20, 60))
    asked = json.dumps({"model": "m", "input": "hi", "stream": True}).encode()
    made, _ = opened(asked, protocol="openai_responses", store=store)
    begun(made)
    made.answered(200, SSE, 101.0)
    beginning = said(made.take(ROLE + TEXT, 102.0))
    assert "response.created" in beginning and not store.knows("resp_1", 102.0)
    end = said(made.take(END + DONE, 103.0))
    assert "response.completed" in end and store.knows("resp_1", 103.0)
    events = [json.loads(line[6:]) for line in (beginning + end).split("\n") if line[:5] == "data:"]
    assert {event["response"]["id"] for event in events if "response" in event} == {"resp_1"}


def test_what_the_upstream_wants_back_is_kept() -> None:
    ledger = Ledger(Bounds(1 << 20, 60))
    made, _ = opened(body(), ledger)
    begun(made)
    made.answered(200, JSON, 101.0)
    message = {"content": "yes", "reasoning_content": "hm"}
    answer = {**ANSWER, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
    made.whole(json.dumps(answer).encode(), 102.0)
    assert ledger.size > 0


def test_an_end_that_was_cut_off_behind_its_last_word_counts() -> None:
    store = Store(Bounds(1 << 20, 60))
    asked = json.dumps({"model": "m", "input": "hi", "stream": True}).encode()
    made, _ = opened(asked, protocol="openai_responses", store=store)
    begun(made)
    made.answered(200, SSE, 101.0)
    said(made.take(ROLE + TEXT + END + DONE.rstrip(), 102.0))
    assert "response.completed" in said(made.lost("reset", 103.0))
    assert store.knows("resp_1", 103.0) and made.trace.attempts[0].outcome == "ok"


OWN_KEY = "sk-of-the-upstream-4711"
REPEATED = {"error": {"message": f"there is no key {OWN_KEY}", "type": "x"}}


def keyed(content: bytes, key: str = OWN_KEY) -> Exchange:
    upstreams = {"chat": {"protocol": "openai_chat", "url": "https://c.test", "api_key": key}}
    made, _ = opened(content, upstreams=upstreams, routes=[{"upstreams": ["chat"]}])
    begun(made)
    return made


@pytest.mark.parametrize("status", [200, 401])
def test_a_key_that_is_repeated_in_a_refusal_is_told_to_nobody(status: int) -> None:
    made = keyed(body())
    made.answered(status, JSON, 101.0)
    assert made.whole(json.dumps(REPEATED).encode(), 102.0) == AGAIN
    told = exhausted(made).body.decode()
    assert "there is no key ***" in told and OWN_KEY not in told
    assert OWN_KEY not in str(made.trace.metadata()) + str(made.failed[0].body)


@pytest.mark.parametrize("before", [b"", ROLE + TEXT])
def test_nor_is_one_in_a_stream(before: bytes) -> None:
    made = keyed(body(stream=True))
    made.answered(200, SSE, 101.0)
    made.take(before, 102.0) if before else None
    step = made.take(b"data: " + json.dumps(REPEATED).encode() + b"\n\n", 103.0)
    told = said(step) if before else exhausted(made).body.decode()
    assert "there is no key ***" in told and OWN_KEY not in told
    assert OWN_KEY not in str(made.trace.metadata())


@pytest.mark.parametrize("key", ["lm-studio", "not-needed-12", "ollama"])
def test_an_answer_may_hold_what_is_the_key(key: str) -> None:
    """Local servers have names in the place of keys, which models write into programs."""
    made = keyed(body(), key)
    made.answered(200, JSON, 101.0)
    text = f'OpenAI(api_key="{key}", value="{key}")'
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": text}}
    step = made.whole(json.dumps({**ANSWER, "choices": [choice]}).encode(), 102.0)
    assert isinstance(step, Done) and text in json.loads(step.reply.body)["content"][0]["text"]


def test_no_credential_is_kept() -> None:
    made, _ = opened()
    begun(made)
    assert "-key" not in json.dumps(made.trace.metadata()) + made.trace.summary()


def test_nor_one_that_the_app_has_for_another_server() -> None:
    server = {"type": "url", "name": "n", "url": "https://n", "authorization_token": "mcp-4711"}
    made, _ = opened(body(mcp_servers=[server]))
    begun(made)
    made.lost("mcp-4711 is wrong", 101.0)
    record = made.trace.metadata()
    assert "mcp-4711" not in json.dumps(record) + made.trace.summary()
    assert json.loads(record["bodies"]["client_request"])["mcp_servers"] == [
        {**server, "authorization_token": "***"}
    ]
    assert record["attempts"][0]["reason"].endswith("*** is wrong")


def test_a_driver_that_cannot_send_again_gets_the_failure_at_once() -> None:
    made, _ = opened(resends=False)
    begun(made)
    assert made.answered(200, SSE, 101.0)
    assert "message_start" in said(made.take(ROLE, 101.5))
    assert "event: error" in said(made.lost("reset", 102.0))
    assert made.next_target(103.0) is None


# --- an upstream that pauses

SEARCH: list[Any] = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
]


def pausing(
    ledger: Ledger | None = None, repairs: Repairs | None = None, **fields: Any
) -> Exchange:
    """An app that speaks Chat, and an upstream that speaks Messages."""
    parsed = parse(json.dumps({**CONFIG, "routes": [{"upstreams": ["own"]}]}), "c", {})
    ask = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    path = "/v1/chat/completions"
    call = Call("openai_chat", "https", "x", 443, path, (), json.dumps(ask).encode())
    router = Router(parsed)
    choice = router.candidates(call.facts(router.asks), 100.0)
    assert choice
    state = {"ledger": ledger, "repairs": repairs}
    return Exchange(call, choice, router, parsed.failover, Told(), key=b"k", now=100.0, **state)


def turn(stop: str, *content: Any) -> bytes:
    usage = {"input_tokens": 1, "output_tokens": 1}
    answer = {"id": "m", "type": "message", "role": "assistant", "model": "c", "usage": usage}
    return json.dumps({**answer, "content": content, "stop_reason": stop}).encode()


def test_a_pause_is_continued_at_the_same_upstream() -> None:
    made = pausing()
    begun(made)
    for _ in range(2):
        made.answered(200, JSON, 101.0)
        assert made.whole(turn("pause_turn", *SEARCH), 102.0) == AGAIN
        assert begun(made, 102.0) == "own"
    sent = made.trace.bodies.upstream_request.text()
    assert json.loads(sent)["messages"][-1]["role"] == "assistant"
    made.answered(200, JSON, 103.0)
    step = made.whole(turn("end_turn", {"type": "text", "text": "42"}), 104.0)
    assert isinstance(step, Done)
    assert json.loads(step.reply.body)["choices"][0]["message"]["content"] == "42"


def test_pauses_are_bounded() -> None:
    made = pausing()
    steps: list[Step] = []
    while not made.trace.over:
        begun(made)
        made.answered(200, JSON, 101.0)
        steps.append(made.whole(turn("pause_turn", *SEARCH), 102.0))
    assert steps[:-1] == [AGAIN] * 4 and isinstance(steps[-1], Done)
    assert json.loads(steps[-1].reply.body)["choices"][0]["finish_reason"] == "length"


def test_a_pause_behind_content_goes_on_in_the_same_stream() -> None:
    made = pausing(stream=True)
    begun(made)
    made.answered(200, JSON, 101.0)
    # a whole body, taken as a stream by a driver that got no content type
    assert made.take(turn("pause_turn", {"type": "text", "text": "I look."}), 102.0) == WAIT
    paused = made.take(b"", 103.0)
    assert isinstance(paused, Say) and paused.again and not paused.over
    assert "I look." in said(paused) and "[DONE]" not in said(paused)
    begun(made, 103.0)
    made.answered(200, JSON, 104.0)
    made.take(turn("end_turn", {"type": "text", "text": "42"}), 105.0)
    step = made.take(b"", 106.0)
    assert isinstance(step, Say) and step.over and "42" in said(step)


def test_a_round_that_fails_behind_content_ends_the_stream() -> None:
    made = pausing(stream=True)
    begun(made)
    made.answered(200, SSE, 101.0)
    made.take(turn("pause_turn", {"type": "text", "text": "I look."}), 102.0)
    made.take(b"", 103.0)
    begun(made, 103.0)
    made.answered(429, JSON, 104.0)
    step = made.whole(b"{}", 105.0)
    assert isinstance(step, Say) and step.over
    assert '"error"' in said(step) and "[DONE]" not in said(step)


# --- thinking that does not fit its conversation any more

UNBOUND = {
    "type": "invalid_request_error",
    "message": "Invalid `signature` in `thinking` block: bound to a different conversation",
}


def refused(made: Exchange, error: Any, now: float = 101.0) -> Step:
    made.answered(400, JSON, now)
    return made.whole(json.dumps({"error": error}).encode(), now)


def sent_again(made: Exchange) -> dict[str, Any]:
    """The next request to the same upstream."""
    target = made.next_target(103.0)
    assert target and target.label == "own"
    sent = made.next_attempt(target, 103.0)
    assert sent
    return {**json.loads(sent.body), "betas": dict(sent.headers).get("anthropic-beta")}


def test_thinking_of_another_conversation_is_dropped_and_that_is_remembered() -> None:
    repairs = Repairs()
    made = pausing(repairs=repairs, reasoning_effort="high")
    begun(made)
    assert refused(made, UNBOUND) == AGAIN
    dropping = sent_again(made)
    assert dropping["betas"] == "thinking-binding-controls-2026-08-01"
    binding = dropping["thinking"]["block_binding"]
    assert binding == {"prefix_mismatch_behavior": "drop_block"}
    made.answered(200, JSON, 104.0)
    assert isinstance(made.whole(turn("end_turn"), 105.0), Done)
    later = pausing(repairs=repairs, reasoning_effort="high")
    assert sent_again(later) == dropping


def test_it_is_asked_for_once() -> None:
    made = pausing(reasoning_effort="high")
    begun(made)
    assert refused(made, UNBOUND) == AGAIN
    sent_again(made)
    assert isinstance(refused(made, UNBOUND, 104.0), Done)


# --- what an upstream turns out not to take

NO_STOP = {
    "type": "invalid_request_error",
    "message": "stop_sequences: Extra inputs are not permitted",
}


def test_a_refused_option_is_left_out_once_and_from_then_on() -> None:
    repairs = Repairs()
    made = pausing(repairs=repairs, stop="x")
    begun(made)
    assert refused(made, NO_STOP) == AGAIN
    assert "stop_sequences" not in sent_again(made)
    made.answered(200, JSON, 104.0)
    assert isinstance(made.whole(turn("end_turn"), 105.0), Done)
    assert [a.status for a in made.trace.attempts] == [400, 200]
    assert made.trace.codes == ["request_repaired", "stop_unsupported"]
    later = pausing(repairs=repairs, stop="x")
    assert "stop_sequences" not in sent_again(later)


def test_a_refusal_that_stays_is_told_and_nothing_learned() -> None:
    repairs = Repairs()
    made = pausing(repairs=repairs, stop="x")
    begun(made)
    assert refused(made, NO_STOP) == AGAIN
    sent_again(made)
    step = refused(made, NO_STOP, 104.0)
    assert isinstance(step, Done) and step.reply.status == 400
    assert b"after 2 attempts: own 400, own 400" in step.reply.body
    assert "stop_sequences" in sent_again(pausing(repairs=repairs, stop="x"))


def test_a_refusal_inside_a_stream_is_cured_too() -> None:
    made = pausing(stream=True, stop="x")
    begun(made)
    made.answered(200, SSE, 101.0)
    event = {"type": "error", "error": NO_STOP}
    data = b"event: error\ndata: " + json.dumps(event).encode() + b"\n\n"
    assert made.take(data, 102.0) == AGAIN
    assert "stop_sequences" not in sent_again(made)


def test_who_cannot_send_again_tells_of_the_refusal() -> None:
    made, _ = opened(body(stop_sequences=["x"]), resends=False)
    begun(made)
    assert isinstance(refused(made, {"message": "Unknown parameter: 'stop'."}), Done)


def test_what_would_lose_content_is_not_repaired_against_the_users_will() -> None:
    made, _ = opened(body(stop_sequences=["x"]), strict=True, routes=[{"upstreams": ["chat"]}])
    begun(made)
    assert refused(made, {"message": "Unknown parameter: 'stop'."}) == AGAIN
    target = made.next_target(102.0)
    assert target and made.next_attempt(target, 102.0) is None
    assert made.next_target(102.0) is None
    reply = exhausted(made)
    assert reply.status == 400 and b"Unknown parameter: 'stop'." in reply.body


def test_state_an_upstream_does_not_know_is_not_sent_again() -> None:
    ledger, repairs = Ledger(Bounds(1 << 20, 60)), Repairs()
    thinking = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    first = pausing(ledger, repairs)
    begun(first)
    first.answered(200, JSON, 101.0)
    assert isinstance(first.whole(turn("tool_use", thinking, call), 102.0), Done)
    function = {"name": "f", "arguments": "{}"}
    messages = [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "toolu_1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "toolu_1", "content": "ok"},
    ]
    made = pausing(ledger, repairs, messages=messages)
    begun(made)
    assert b"c2ln" in made.trace.bodies.upstream_request.content()
    assert refused(made, {"message": "Invalid `signature` in `thinking` block"}) == AGAIN
    assert "c2ln" not in str(sent_again(made))
    made.answered(200, JSON, 104.0)
    again = [{**thinking, "signature": "bmV3"}, {**call, "id": "toolu_2"}]
    assert isinstance(made.whole(turn("tool_use", *again), 105.0), Done)
    messages += [
        {
            "role": "assistant",
            "tool_calls": [{"id": "toolu_2", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "toolu_2", "content": "ok"},
    ]
    sent = str(sent_again(pausing(ledger, repairs, messages=messages)))
    assert "c2ln" not in sent and "bmV3" in sent, "what it has made since is its own"


def test_an_app_of_the_same_protocol_is_told() -> None:
    made, _ = opened(routes=[{"upstreams": ["own"]}], ledger=Ledger(Bounds(1 << 20, 60)))
    begun(made)
    made.answered(400, JSON, 101.0)
    assert isinstance(made.whole(json.dumps({"error": UNBOUND}).encode(), 102.0), Done)


@pytest.mark.parametrize("streamed", [True, False])
def test_an_answer_that_cannot_be_kept_is_given_all_the_same(
    streamed: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(Bounds(1 << 20, 60))
    monkeypatch.setattr(store, "_kept", None)
    asked = json.dumps({"model": "m", "input": "hi", "stream": streamed}).encode()
    made, _ = opened(asked, protocol="openai_responses", store=store)
    begun(made)
    kind = "text/event-stream" if streamed else "application/json"
    made.answered(200, [("content-type", kind)], 101.0)
    if streamed:
        step = made.take(chunk(content="Hello") + chunk("stop") + b"data: [DONE]\n\n", 102.0)
        assert "response.completed" in said(step)
    else:
        choice = {"index": 0, "finish_reason": "stop", "message": {"content": "Hello"}}
        step = made.whole(json.dumps({"id": "c", "choices": [choice]}).encode(), 102.0)
        assert isinstance(step, Done) and step.reply.status == 200
    assert "could not be kept" in caplog.text
