"""A WebSocket that is served: what apps say becomes calls, what calls are answered goes back."""

import json
from typing import Any

import pytest

from bridge.transform.sse import format_event
from bridge.websocket import MAX_WAITING, Socket, Turn, accept, upgrade

STREAM = [("Content-Type", "text/event-stream")]
ANSWER = {
    "id": "resp_1",
    "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text"}]}],
}


def socket() -> Socket:
    ids = iter(range(100))
    return Socket(lambda: f"resp_own_{next(ids)}")


def create(**fields: Any) -> bytes:
    return json.dumps({"type": "response.create", "model": "m", **fields}).encode()


def turn(made: Socket, **fields: Any) -> Turn:
    (found,) = made.receive(create(**fields), 1.0)
    assert isinstance(found, Turn)
    return found


def messages(found: Any) -> list[Any]:
    return [each if each is None else json.loads(each) for each in found]


def told(made: Socket, message: bytes) -> list[Any]:
    return messages(made.receive(message, 1.0))


def answered(made: Turn, *events: dict[str, Any], status: int = 200) -> list[Any]:
    made.begin(status, STREAM)
    data = b"".join(format_event(json.dumps(e).encode(), e["type"]) for e in events)
    return messages([*made.add(data), *made.end()])


def completed(**response: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {**ANSWER, **response}}


# --- the handshake


def test_a_connection_is_taken_as_the_rfc_has_it() -> None:
    asked = {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version": "13"}
    assert ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") in accept(asked)
    assert accept({**asked, "sec-websocket-version": "8"}) == accept({}) == []


@pytest.mark.parametrize(
    "offer, taken",
    [
        ("realtime, b", ["realtime"]),
        ("openai-insecure-api-key.sk-4711, realtime", ["realtime"]),
        ("openai-insecure-api-key.sk-4711", []),
        ("", []),
    ],
)
def test_of_what_an_app_offers_the_first_is_taken_that_is_no_secret(
    offer: str, taken: list[str]
) -> None:
    asked = {"sec-websocket-key": "x", "sec-websocket-version": "13"}
    found = accept({**asked, "sec-websocket-protocol": offer})
    assert [value for name, value in found if name == "sec-websocket-protocol"] == taken


OFFER = "openai-insecure-api-key.sk-4711, realtime"


@pytest.mark.parametrize("own, told", [(False, ["realtime"]), (True, [OFFER])])
def test_what_asks_for_one_is_passed_on(own: bool, told: list[str]) -> None:
    headers = [
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "x"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
    ]
    asked = [*headers, ("authorization", "secret"), ("Sec-WebSocket-Secret", "secret")]
    found = upgrade([*asked, ("Sec-WebSocket-Protocol", OFFER)], own=own)
    assert found[:3] == headers and [value for _, value in found[3:]] == told
    only_a_key = [("Sec-WebSocket-Protocol", OFFER.partition(",")[0])]
    assert bool(upgrade(only_a_key, own=own)) is own


# --- calls


def test_a_message_is_a_call_as_over_http() -> None:
    made = turn(socket(), input="hi", stream_id="a", store=False)
    assert json.loads(made.body) == {"model": "m", "input": "hi", "store": False, "stream": True}


def test_an_answer_is_told_event_by_event() -> None:
    made = turn(socket(), input="hi")
    delta = {"type": "response.output_text.delta", "delta": "x"}
    assert answered(made, delta, completed()) == [delta, completed()]


def test_events_of_a_lane_say_which_it_is() -> None:
    made = turn(socket(), input="hi", stream_id="a")
    assert answered(made, completed()) == [{**completed(), "stream_id": "a"}]


def test_a_sign_that_it_is_still_being_made_is_none_of_the_answer() -> None:
    made = turn(socket(), input="hi")
    made.begin(200, STREAM)
    assert list(made.add(b": keepalive\n\ndata: [DONE]\n\n")) == [None]


@pytest.mark.parametrize("data", ["no JSON", "[1]"])
def test_what_is_no_event_is_passed_on(data: str) -> None:
    made = turn(socket(), input="hi")
    made.begin(200, STREAM)
    assert list(made.add(f"data: {data}\n\n".encode())) == [data.encode()]


@pytest.mark.parametrize("kind", ["response.completed", "response.incomplete"])
def test_what_is_said_next_is_said_with_all_before_it(kind: str) -> None:
    """Also where nothing is to be stored: over one connection the vendor remembers all the same."""
    made = socket()
    first = turn(made, input="hi", store=False)
    answered(first, {**completed(), "type": kind})
    assert list(made.ended(first, 2.0)) == []
    second = turn(made, input="more", previous_response_id="resp_1", store=False)
    assert json.loads(second.body)["input"] == [
        {"type": "message", "role": "user", "content": "hi"},
        *ANSWER["output"],
        {"type": "message", "role": "user", "content": "more"},
    ]
    assert "previous_response_id" not in json.loads(second.body)
    for told in answered(second, completed()):
        assert told["response"]["previous_response_id"] == "resp_1", "as it was asked"


def test_a_warm_up_too_repeats_what_it_goes_on_from() -> None:
    event = {"type": "response.create", "model": "m", "input": [], "generate": False}
    made = socket()
    told = list(made.receive(json.dumps({**event, "previous_response_id": "resp_1"}).encode(), 1.0))
    assert [json.loads(m)["response"]["previous_response_id"] for m in told] == ["resp_1"] * 2


def test_a_failed_answer_cannot_be_gone_on_from() -> None:
    made = socket()
    first = turn(made, input="hi")
    answered(first, {"type": "response.failed", "response": ANSWER})
    assert list(made.ended(first, 2.0)) == []
    asked = turn(made, input="more", previous_response_id="resp_1")
    assert json.loads(asked.body)["previous_response_id"] == "resp_1", "others may know it"


def test_a_reference_that_is_not_known_here_is_left_to_others() -> None:
    made = socket()
    first = turn(made, input="hi")
    answered(first, completed())
    list(made.ended(first, 2.0))
    items = [{"type": "item_reference", "id": "msg_elsewhere"}]
    asked = turn(made, input=items, previous_response_id="resp_1")
    assert json.loads(asked.body)["previous_response_id"] == "resp_1"


def test_a_warm_up_generates_nothing_and_is_remembered() -> None:
    made = socket()
    begun, over = told(made, create(generate=False, input=[{"role": "user", "content": "hi"}]))
    assert (begun["type"], over["type"]) == ("response.created", "response.completed")
    assert over["response"]["output"] == [] and over["response"]["usage"]["total_tokens"] == 0
    assert begun["response"]["id"] == over["response"]["id"] == "resp_own_0"
    asked = turn(made, input="more", previous_response_id="resp_own_0")
    assert [item["content"] for item in json.loads(asked.body)["input"]] == ["hi", "more"]


def test_a_warm_up_with_what_is_no_item_is_remembered_as_it_is() -> None:
    made = socket()
    assert len(told(made, create(generate=False, input=[5]))) == 2
    asked = turn(made, input="more", previous_response_id="resp_own_0")
    assert json.loads(asked.body)["input"][0] == 5


# --- lanes


def test_what_comes_meanwhile_waits_for_its_turn() -> None:
    made = socket()
    first = turn(made, input="one")
    assert told(made, create(input="two")) == []
    assert told(made, create(input="three", generate=False)) == []
    assert isinstance(turn(made, input="beside", stream_id="b"), Turn)
    (second,) = made.ended(first, 2.0)
    assert isinstance(second, Turn) and json.loads(second.body)["input"] == "two"
    assert [json.loads(m)["type"] for m in made.ended(second, 3.0) if isinstance(m, bytes)] == [
        "response.created",
        "response.completed",
    ]
    assert isinstance(turn(made, input="four"), Turn), "nothing waits any more"


def test_a_lane_without_a_call_is_none() -> None:
    made = socket()
    for n in range(9):
        assert len(told(made, create(generate=False, stream_id=f"lane {n}"))) == 2
    assert not made._lanes
    first = turn(made, input="one", stream_id="a")
    assert len(made._lanes) == 1
    assert list(made.ended(first, 2.0)) == [] and not made._lanes


def test_not_more_than_so_many_wait() -> None:
    made = socket()
    turn(made, input="one")
    for _ in range(MAX_WAITING):
        assert told(made, create(input="two")) == []
    (refused,) = told(made, create(input="two"))
    assert refused["status"] == 400 and "wait" in refused["error"]["message"]


# --- errors


def test_an_error_over_http_is_one_here_with_its_headers() -> None:
    made = turn(socket(), input="hi", stream_id="a")
    made.begin(429, [("content-type", "application/json"), ("Retry-After", "7")])
    error = {"message": "slow", "type": "requests", "code": "rate_limit_exceeded", "param": None}
    body = json.dumps({"error": error}).encode()
    assert messages(made.add(body)) == []
    (found,) = messages(made.end())
    assert (found["type"], found["status"], found["stream_id"]) == ("error", 429, "a")
    assert found["error"]["code"] == "rate_limit_exceeded"
    assert found["error"]["headers"]["retry-after"] == "7"


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b"{}", b'{"error":"no such model"}', b'{"error":null}', b'{"error":["x"]}'],
)
@pytest.mark.parametrize("headers", [[], [("x-request-id", "r")]])
def test_an_error_in_no_known_form(body: bytes, headers: Any) -> None:
    made = turn(socket(), input="hi")
    made.begin(502, headers)
    list(made.add(body))
    (found,) = messages(made.end())
    assert found["status"] == 502 and found["error"]["message"] == body.decode()


def test_an_error_in_the_stream_has_the_form_it_has_here() -> None:
    made = turn(socket(), input="hi")
    flat = {"type": "error", "code": "server_error", "message": "no", "param": None}
    (found,) = answered(made, flat)
    assert found["error"] == {"type": "server_error", **{k: flat[k] for k in list(flat)[1:]}}
    assert answered(turn(socket(), input="x"), found) == [found]


def test_a_failed_answer_is_told_once() -> None:
    """After the one an app takes the call for over, and the other for the next one's."""
    error = {"type": "error", "error": {"message": "no"}}
    failed = {"type": "response.failed", "response": {"id": "resp_1", "status": "failed"}}
    assert answered(turn(socket(), input="x"), error, failed) == [failed]


def test_an_answer_that_breaks_off() -> None:
    (found,) = messages(turn(socket(), input="hi").broke("gone"))
    assert found["status"] == 502 and "gone" in found["error"]["message"]


def test_an_error_counts_also_where_the_stream_breaks_off_behind_it() -> None:
    made = turn(socket(), input="hi")
    made.begin(200, STREAM)
    error = {"type": "error", "error": {"message": "too much"}}
    assert list(made.add(format_event(json.dumps(error).encode()))) == []
    assert messages(made.broke("gone")) == [error]


@pytest.mark.parametrize("events", [[], [{"type": "response.output_text.delta", "delta": "hal"}]])
def test_a_stream_without_an_end_is_no_answer(events: Any) -> None:
    """Or the app would wait for it for ever."""
    *told, last = answered(turn(socket(), input="hi", stream_id="a"), *events)
    assert [event["type"] for event in told] == [event["type"] for event in events]
    assert (last["type"], last["status"], last["stream_id"]) == ("error", 502, "a")


def test_nothing_is_told_behind_the_end() -> None:
    made = turn(socket(), input="hi")
    late = {"type": "response.output_text.delta", "delta": "x"}
    error = {"type": "error", "error": {"message": "no"}}
    assert answered(made, completed(), late, error) == [completed()]
    assert list(made.broke("gone")) == []


def test_a_last_event_needs_no_blank_line() -> None:
    made = turn(socket(), input="hi")
    made.begin(200, STREAM)
    data = format_event(json.dumps(completed()).encode()).rstrip()
    assert messages([*made.add(data), *made.end()]) == [completed()]


@pytest.mark.parametrize("response", ["x", None, [], 7])
def test_an_end_without_an_answer_is_one_that_cannot_be_named(response: Any) -> None:
    made = socket()
    first = turn(made, input="hi")
    end = {"type": "response.completed", "response": response}
    assert answered(first, end) == [end]
    assert list(made.ended(first, 2.0)) == [] and isinstance(turn(made, input="more"), Turn)


@pytest.mark.parametrize("headers", [[], [("content-type", "application/json")], STREAM])
def test_a_whole_answer_is_told_as_events(headers: Any) -> None:
    made = socket()
    first = turn(made, input="hi", stream_id="a", metadata={"k": "v"})
    first.begin(200, headers)
    part = {"type": "output_text", "text": "Well.", "annotations": []}
    said = {"id": "msg_1", "type": "message", "role": "assistant", "content": [part]}
    body = json.dumps({"id": "resp_1", "status": "completed", "output": [said]}).encode()
    told = messages([*first.add(body[:9]), *first.add(body[9:]), *first.end()])
    assert {event["stream_id"] for event in told} == {"a"}
    assert "".join(event.get("delta", "") for event in told) == "Well."
    assert told[-1]["type"] == "response.completed"
    assert told[-1]["response"]["metadata"] == {"k": "v"}
    assert list(made.ended(first, 2.0)) == []
    second = json.loads(turn(made, input="more", previous_response_id="resp_1").body)
    assert [item["role"] for item in second["input"]] == ["user", "assistant", "user"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": "x"}', b'{"error": {}}'])
def test_an_error_that_comes_as_an_answer_is_one(body: bytes) -> None:
    made = turn(socket(), input="hi")
    made.begin(200, [])
    (found,) = messages([*made.add(body), *made.end()])
    assert (found["type"], found["status"]) == ("error", 502) and found["error"]["message"]


@pytest.mark.parametrize("cut", [1, 3, 9])
def test_a_stream_is_known_by_its_looks(cut: int) -> None:
    made = turn(socket(), input="hi")
    made.begin(200, [])
    data = format_event(json.dumps(completed()).encode())
    told = [*made.add(data[:cut]), *made.add(data[cut:])]
    assert messages(told) == [completed()], "at once"
    assert list(made.end()) == []


@pytest.mark.parametrize(
    "message, where",
    [
        pytest.param(b"{", "no JSON object", id="no JSON"),
        pytest.param(b"[]", "no JSON object", id="a list"),
        pytest.param(b'{"type": "x"}', "response.create", id="another type"),
        pytest.param(b"{}", "response.create", id="no type"),
    ],
)
def test_what_makes_no_sense_is_answered(message: bytes, where: str) -> None:
    (found,) = told(socket(), message)
    assert (found["type"], found["status"]) == ("error", 400)
    assert where in found["error"]["message"]


def test_an_answer_cannot_be_steered() -> None:
    message = {"type": "response.steer", "previous_response_id": "r", "input": "x", "stream_id": 1}
    (found,) = told(socket(), json.dumps(message).encode())
    assert found["type"] == "response.steer.failed" and found["stream_id"] == 1
    assert found["error"]["code"] == "steering_not_supported"
    assert found["steer"] == {"previous_response_id": "r", "input": "x"}
