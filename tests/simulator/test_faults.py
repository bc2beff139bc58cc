"""Every kind of fault, in every protocol, seen from the bytes on the wire."""

import http.client
import json
import socket
import time
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from bridge.simulator import KINDS, BadFault, Simulator, refusing_port

OPERATIONS = ("messages", "chat/completions", "responses")
WORDS = "[[words:12]]"
every_protocol = pytest.mark.parametrize("operation", OPERATIONS)


def texts(answer: Any) -> str:
    """All the text of a stream, whatever its protocol."""
    found = ""
    for event in answer.events:
        match event:
            case {"delta": {"text": str(text)}} | {"delta": str(text)}:
                found += text
            case {"choices": [{"delta": {"content": str(text)}}]}:
                found += text
    return found


def finished(answer: Any) -> bool:
    reasons = ('"stop_reason":"end_turn"', '"finish_reason":"stop"', "response.completed")
    return any(reason in answer.body.decode() for reason in reasons)


@every_protocol
def test_without_a_fault_a_stream_is_complete(client: Any, upstream: str, operation: str) -> None:
    answer = client.ask(upstream, operation, WORDS, stream=True)
    assert (answer.ending, answer.status) == ("complete", 200)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert finished(answer) and texts(answer).startswith("0:plain 1:Grüße ")
    assert (answer.events[-1] == "[DONE]") == (operation == "chat/completions")
    assert len(answer.pieces) == len(answer.events)  # each event was written by itself


STATUSES = [
    pytest.param("messages", 400, "invalid_request_error", "credit balance", id="A 400 credit"),
    pytest.param("messages", 401, "authentication_error", "invalid x-api-key", id="A 401"),
    pytest.param("messages", 403, "permission_error", "permission", id="A 403"),
    pytest.param("messages", 404, "not_found_error", "model:", id="A 404"),
    pytest.param("messages", 413, "request_too_large", "exceeds", id="A 413"),
    pytest.param("messages", 429, "rate_limit_error", "rate limit", id="A 429"),
    pytest.param("messages", 500, "api_error", "Internal server error", id="A 500"),
    pytest.param("messages", 503, "api_error", "Internal server error", id="A 503"),
    pytest.param("messages", 529, "overloaded_error", "Overloaded", id="A 529"),
    pytest.param("chat/completions", 401, "invalid_api_key", "Incorrect API key", id="C 401"),
    pytest.param("chat/completions", 404, "model_not_found", "does not exist", id="C 404"),
    pytest.param("chat/completions", 429, "rate_limit_exceeded", "Rate limit", id="C 429"),
    pytest.param("chat/completions", 500, "server_error", "had an error", id="C 500"),
    pytest.param("responses", 429, "rate_limit_exceeded", "try again in 1s", id="R 429"),
    pytest.param("responses", 503, "service_unavailable_error", "overloaded", id="R 503"),
]


@pytest.mark.parametrize("operation, status, kind, words", STATUSES)
def test_status_comes_with_the_vendors_own_error(
    sim: Simulator, client: Any, upstream: str, operation: str, status: int, kind: str, words: str
) -> None:
    sim.fault(upstream, {"kind": "status", "status": status})
    answer = client.ask(upstream, operation, WORDS, stream=True)
    error = answer.json["error"]
    assert (answer.ending, answer.status) == ("complete", status)
    assert kind in (error["type"], error.get("code")) and words in error["message"]
    assert ("retry-after" in answer.headers) == (status == 429)
    assert client.ask(upstream, operation, WORDS).status == 200  # once means once


def test_status_takes_headers_reasons_and_bodies(
    sim: Simulator, client: Any, upstream: str
) -> None:
    sim.fault(
        upstream, {"kind": "status", "status": 429, "headers": {"Retry-After": "7", "x-a": "b"}}
    )
    answer = client.ask(upstream, "messages", WORDS)
    assert (answer.headers["retry-after"], answer.headers["x-a"]) == ("7", "b")
    sim.fault(upstream, {"kind": "status", "status": 400, "reason": "context"})
    assert "prompt is too long" in client.ask(upstream, "messages", WORDS).json["error"]["message"]
    sim.fault(upstream, {"kind": "status", "status": 429, "reason": "quota"})
    error = client.ask(upstream, "responses", WORDS).json["error"]
    assert error["code"] == error["type"] == "insufficient_quota"
    sim.fault(upstream, {"kind": "status", "status": 502, "body": "bad gateway"})
    assert client.ask(upstream, "messages", WORDS).body == b"bad gateway"
    sim.fault(upstream, {"kind": "status", "status": 503, "body": {"detail": "down"}})
    assert client.ask(upstream, "messages", WORDS).json == {"detail": "down"}


@every_protocol
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
class TestBeforeTheHead:
    def test_refused_resets_the_connection(
        self, sim: Simulator, client: Any, upstream: str, operation: str, stream: bool
    ) -> None:
        sim.fault(upstream, {"kind": "refused"})
        assert client.ask(upstream, operation, WORDS, stream=stream).ending == "reset"
        assert client.ask(upstream, operation, WORDS, stream=stream).status == 200

    def test_drop_closes_before_the_headers(
        self, sim: Simulator, client: Any, upstream: str, operation: str, stream: bool
    ) -> None:
        sim.fault(upstream, {"kind": "drop"})
        answer = client.ask(upstream, operation, WORDS, stream=stream)
        assert (answer.ending, answer.status) == ("cut", 0)
        sim.fault(upstream, {"kind": "drop", "reset": True})
        assert client.ask(upstream, operation, WORDS, stream=stream).ending == "reset"

    def test_hang_never_answers_until_the_client_leaves(
        self, sim: Simulator, client: Any, upstream: str, operation: str, stream: bool
    ) -> None:
        sim.fault(upstream, {"kind": "hang"})
        answer = client.ask(upstream, operation, WORDS, stream=stream, timeout=0.1)
        assert (answer.ending, answer.status) == ("silent", 0)
        assert sim.until(lambda s: s.state()["upstreams"][upstream]["aborted"] == 1)


def test_refused_for_any_upstream_resets_at_accept(sim: Simulator, client: Any) -> None:
    sim.fault(None, {"kind": "refused"})
    with pytest.raises(ConnectionResetError):  # seen while connecting, or right behind it
        with socket.create_connection(("127.0.0.1", sim.port), 3) as sock:
            assert sock.recv(1)  # not a byte was sent
    assert client.request("GET", "/v1/models").status == 200


def test_a_refusing_port_has_nobody_listening() -> None:
    with refusing_port() as port, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 3)


@every_protocol
def test_error_event_comes_first_in_a_stream(
    sim: Simulator, client: Any, upstream: str, operation: str
) -> None:
    sim.fault(upstream, {"kind": "error_event"})
    answer = client.ask(upstream, operation, WORDS, stream=True)
    assert (answer.ending, answer.status, texts(answer)) == ("complete", 200, "")
    assert "verloaded" in answer.events[0]["error"]["message"]


@every_protocol
def test_error_event_after_some_content_ends_the_stream(
    sim: Simulator, client: Any, upstream: str, operation: str
) -> None:
    sim.fault(upstream, {"kind": "error_event", "after": 2, "status": 500})
    answer = client.ask(upstream, operation, WORDS, stream=True)
    assert texts(answer) == "0:plain 1:Grüße " and not finished(answer)
    assert "error" in answer.events[-1].get("response", answer.events[-1])
    numbers = [event.get("sequence_number", i) for i, event in enumerate(answer.events)]
    assert numbers == list(range(len(numbers)))


@every_protocol
def test_error_event_in_a_whole_answer_is_an_error_with_status_200(
    sim: Simulator, client: Any, upstream: str, operation: str
) -> None:
    sim.fault(upstream, {"kind": "error_event", "status": 500})
    answer = client.ask(upstream, operation, WORDS)
    assert answer.status == 200 and answer.json["error"]["message"]
    if operation == "responses":
        assert answer.json["status"] == "failed"


@pytest.mark.parametrize(
    "form, types",
    [
        pytest.param("both", ["error", "response.failed"], id="as the live service"),
        pytest.param("flat", ["error", "response.failed"], id="as documented"),
        pytest.param("error", ["error"], id="the error alone"),
        pytest.param("failed", ["response.failed"], id="the failed response alone"),
    ],
)
def test_responses_errors_come_in_four_forms(
    sim: Simulator, client: Any, upstream: str, form: str, types: list[str]
) -> None:
    sim.fault(upstream, {"kind": "error_event", "at": 2, "form": form, "status": 429})
    events = client.ask(upstream, "responses", WORDS, stream=True).events[2:]
    assert [event["type"] for event in events] == types
    nested = [event for event in events if "error" in event]
    assert len(nested) == (form in ("both", "error"))


@every_protocol
@pytest.mark.parametrize(
    "place", [{"at": 4}, {"after": 2}, {"byte": 300}], ids=["event", "content event", "byte"]
)
def test_cut_ends_without_the_last_chunk(
    sim: Simulator, client: Any, upstream: str, operation: str, place: dict[str, int]
) -> None:
    whole = client.ask(upstream, operation, WORDS, stream=True)
    sim.fault(upstream, {"kind": "cut", **place})
    answer = client.ask(upstream, operation, WORDS, stream=True)
    assert answer.ending == "cut" and not finished(answer)
    assert whole.body.startswith(answer.body)
    match place:
        case {"at": events}:
            assert len(answer.events) == events
        case {"after": _}:
            assert texts(answer) == "0:plain 1:Grüße "
        case {"byte": size}:
            assert len(answer.body) == size


def thoughts(answer: Any) -> str:
    """All the reasoning of a stream, whatever its protocol."""
    found = ""
    for event in answer.events:
        match event:
            case {"delta": {"thinking": str(text)}}:
                found += text
            case {"type": "response.reasoning_summary_text.delta", "delta": str(text)}:
                found += text
            case {"choices": [{"delta": {"reasoning_content": str(text)}}]}:
                found += text
    return found


SHOWN: dict[str, Any] = {"responses": {"reasoning": {"summary": "auto"}}}


@every_protocol
@pytest.mark.parametrize("kind", ["cut", "stall", "error_event"])
@pytest.mark.parametrize(
    "count, expected",
    [(0, ""), (2, "0:m 1:m "), (3, "0:m 1:m 2:m "), (9, "0:m 1:m 2:m ")],
    ids=["before it", "within it", "behind it", "behind more than there is"],
)
def test_a_place_in_reasoning_is_never_behind_anything_else(
    sim: Simulator,
    client: Any,
    upstream: str,
    operation: str,
    kind: str,
    count: int,
    expected: str,
) -> None:
    sim.fault(upstream, {"kind": kind, "thoughts": count})
    text, more = "[[thoughts:3]][[text:so]][[call:f {}]]", SHOWN.get(operation, {})
    answer = client.ask(upstream, operation, text, stream=True, timeout=0.15, **more)
    assert thoughts(answer) == expected
    assert '"so"' not in answer.body.decode() and not finished(answer)


def test_a_place_in_reasoning_that_is_hidden_is_before_the_text(
    sim: Simulator, client: Any, upstream: str
) -> None:
    sim.fault(upstream, {"kind": "cut", "thoughts": 1})
    text = "[[thoughts:3]][[text:so]]"
    answer = client.ask(upstream, "responses", text, stream=True)
    assert answer.events[-1]["type"] == "response.content_part.added"


@every_protocol
@pytest.mark.parametrize("frame", ["rst_stream", "goaway"])
def test_frames_of_http_2_are_the_end_of_the_connection_here(
    sim: Simulator, client: Any, upstream: str, operation: str, frame: str
) -> None:
    sim.fault(upstream, {"kind": "cut", "after": 2, "frame": frame, "code": "CANCEL"})
    answer = client.ask(upstream, operation, WORDS, stream=True)
    assert (answer.ending, texts(answer)) == ("cut", "0:plain 1:Grüße ")


@every_protocol
def test_cut_of_a_whole_answer_is_shorter_than_announced(
    sim: Simulator, client: Any, upstream: str, operation: str
) -> None:
    sim.fault(upstream, {"kind": "cut"})
    answer = client.ask(upstream, operation, WORDS)
    assert answer.ending == "cut" and 0 < len(answer.body) < int(answer.headers["content-length"])
    sim.fault(upstream, {"kind": "cut", "byte": 10})
    assert len(client.ask(upstream, operation, WORDS).body) == 10


@every_protocol
def test_stall_sends_some_and_then_nothing(
    sim: Simulator, client: Any, upstream: str, operation: str
) -> None:
    sim.fault(upstream, {"kind": "stall", "after": 2})
    answer = client.ask(upstream, operation, WORDS, stream=True, timeout=0.15)
    assert (answer.ending, texts(answer)) == ("silent", "0:plain 1:Grüße ")
    assert sim.until(lambda s: s.state()["upstreams"][upstream]["aborted"] == 1)
    assert sim.state()["upstreams"][upstream]["open"] == 0


@every_protocol
@pytest.mark.parametrize("slow", ["first_byte", "first_event", "between"])
def test_slow_takes_its_time(
    sim: Simulator, client: Any, upstream: str, operation: str, slow: str
) -> None:
    sim.fault(upstream, {"kind": "slow", slow: 0.04})
    started = time.monotonic()
    answer = client.ask(upstream, operation, "[[words:3]]", stream=True)
    pauses = len(answer.events) - 1 if slow == "between" else 1
    assert time.monotonic() - started >= 0.04 * pauses
    assert answer.ending == "complete" and finished(answer)


@every_protocol
@pytest.mark.parametrize("size", [1, 7])
def test_split_writes_pieces_that_cut_characters(
    sim: Simulator, client: Any, upstream: str, operation: str, size: int
) -> None:
    whole = client.ask(upstream, operation, WORDS, stream=True)
    sim.fault(upstream, {"kind": "split", "size": size})
    answer = client.ask(upstream, operation, WORDS, stream=True)
    assert answer.body == whole.body and max(map(len, answer.pieces)) == size
    if size == 1:
        with pytest.raises(UnicodeDecodeError):
            b"|".join(answer.pieces).decode()


@every_protocol
@pytest.mark.parametrize("ending", ["\r\n", "\r"], ids=["CRLF", "CR"])
def test_crlf_changes_every_line_end(
    sim: Simulator, client: Any, upstream: str, operation: str, ending: str
) -> None:
    whole = client.ask(upstream, operation, WORDS, stream=True)
    sim.fault(upstream, {"kind": "crlf", "ending": ending})
    answer = client.ask(upstream, operation, WORDS, stream=True)
    assert answer.body == whole.body.replace(b"\n", ending.encode())


@every_protocol
@pytest.mark.parametrize(
    "style, sign",
    [
        ("comment", ": keep-alive\n\n"),
        ("ping", 'event: ping\ndata: {"type":"ping"}\n\n'),
        ("empty_data", "data:\n\n"),
        ("event", "event: keepalive\n\n"),
    ],
)
def test_comments_stand_between_the_events(
    sim: Simulator, client: Any, upstream: str, operation: str, style: str, sign: str
) -> None:
    whole = client.ask(upstream, operation, WORDS, stream=True)
    sim.fault(upstream, {"kind": "comments", "style": style})
    answer = client.ask(upstream, operation, WORDS, stream=True)
    added = answer.body.count(sign.encode()) - whole.body.count(sign.encode())
    assert added == len(whole.events) and texts(answer) == texts(whole)


@every_protocol
def test_no_finish_leaves_out_the_reason(
    sim: Simulator, client: Any, upstream: str, operation: str
) -> None:
    sim.fault(upstream, {"kind": "no_finish"}, count=2)
    answer = client.ask(upstream, operation, WORDS, stream=True)
    assert answer.ending == "complete" and not finished(answer) and texts(answer)
    whole = client.ask(upstream, operation, WORDS).json
    reason = {"messages": whole.get("stop_reason"), "responses": whole.get("status")}
    choice = whole.get("choices", [{}])[0].get("finish_reason")
    assert reason.get(operation, choice) is None


@every_protocol
def test_no_done_leaves_out_only_that(
    sim: Simulator, client: Any, upstream: str, operation: str
) -> None:
    whole = client.ask(upstream, operation, WORDS, stream=True)
    sim.fault(upstream, {"kind": "no_done"})
    answer = client.ask(upstream, operation, WORDS, stream=True)
    assert answer.events == [event for event in whole.events if event != "[DONE]"]
    assert finished(answer)


@every_protocol
def test_html_is_an_error_page(sim: Simulator, client: Any, upstream: str, operation: str) -> None:
    sim.fault(upstream, {"kind": "html", "status": 503})
    answer = client.ask(upstream, operation, WORDS, stream=True)
    assert (answer.status, answer.headers["content-type"]) == (503, "text/html")
    assert answer.body.startswith(b"<html>")


@every_protocol
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_empty_is_a_200_with_nothing(
    sim: Simulator, client: Any, upstream: str, operation: str, stream: bool
) -> None:
    sim.fault(upstream, {"kind": "empty"})
    answer = client.ask(upstream, operation, WORDS, stream=stream)
    assert (answer.ending, answer.status, answer.body) == ("complete", 200, b"")


@every_protocol
def test_the_wrong_form_can_be_answered_either_way(
    sim: Simulator, client: Any, upstream: str, operation: str
) -> None:
    sim.fault(upstream, {"kind": "json_for_stream"})
    answer = client.ask(upstream, operation, WORDS, stream=True)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == client.ask(upstream, operation, WORDS).json
    sim.fault(upstream, {"kind": "stream_for_json"})
    answer = client.ask(upstream, operation, WORDS)
    assert answer.body == client.ask(upstream, operation, WORDS, stream=True).body


@every_protocol
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_content_type_can_be_missing_and_bodies_compressed(
    sim: Simulator, client: Any, upstream: str, operation: str, stream: bool
) -> None:
    plain = client.ask(upstream, operation, WORDS, stream=stream)
    sim.fault(upstream, [{"kind": "no_content_type"}, {"kind": "gzip"}])
    answer = client.ask(upstream, operation, WORDS, stream=stream)
    assert "content-type" not in answer.headers and answer.headers["content-encoding"] == "gzip"
    assert (answer.ending, answer.body) == ("complete", plain.body)


@every_protocol
def test_faults_combine(sim: Simulator, client: Any, upstream: str, operation: str) -> None:
    whole = client.ask(upstream, operation, WORDS, stream=True)
    faults = [
        {"kind": "crlf"},
        {"kind": "split", "size": 3},
        {"kind": "comments"},
        {"kind": "cut", "after": 3},
    ]
    sim.fault(upstream, faults)
    answer = client.ask(upstream, operation, WORDS, stream=True)
    assert answer.ending == "cut" and texts(answer) == "0:plain 1:Grüße 2:words "
    assert texts(whole).startswith(texts(answer)) and max(map(len, answer.pieces)) == 3


def test_every_kind_has_a_row_here() -> None:
    rows = Path(__file__).read_text("utf-8")
    assert [kind for kind in KINDS if f'"kind": "{kind}"' not in rows] == []


BAD = [
    pytest.param({"kind": "explode"}, "'explode' is not one of refused, drop", id="unknown kind"),
    pytest.param({}, "None is not one of", id="no kind"),
    pytest.param("drop", "'drop' is no object", id="no object"),
    pytest.param([], "an empty list does nothing", id="empty list"),
    pytest.param(
        {"kind": "cut", "att": 1}, "'att'; allowed: at, after, thoughts", id="unknown key"
    ),
    pytest.param({"kind": "empty", "at": 1}, "'at'; allowed: none", id="a kind without keys"),
    pytest.param({"kind": "status"}, "'status' is required", id="missing key"),
    pytest.param({"kind": "status", "status": 99}, "a status from 200 to 599", id="bad status"),
    pytest.param({"kind": "slow", "between": "x"}, "a number of seconds", id="bad seconds"),
    pytest.param({"kind": "split", "size": 0}, "1 or more", id="bad size"),
    pytest.param({"kind": "cut", "at": 1, "byte": 2}, "give one of", id="two places"),
    pytest.param({"kind": "comments", "style": "x"}, "one of comment, ping", id="bad choice"),
    pytest.param({"kind": "drop", "frame": "x"}, "one of rst_stream, goaway", id="bad frame"),
    pytest.param({"kind": "cut", "code": "x"}, "one of NO_ERROR, INTERNAL", id="bad code"),
]


@pytest.mark.parametrize("fault, words", BAD)
def test_bad_faults_are_answered_with_what_is_allowed(
    sim: Simulator, client: Any, fault: Any, words: str
) -> None:
    with pytest.raises(BadFault) as raised:
        sim.fault("primary", fault)
    assert words in str(raised.value)
    answer = client.request("POST", "/_sim/faults", {"upstream": "primary", "fault": fault})
    assert (answer.status, answer.json) == (400, {"error": str(raised.value)})


def test_bad_counts_and_matches_are_refused_too(sim: Simulator) -> None:
    with pytest.raises(BadFault, match="not a whole number above 0"):
        sim.fault("primary", {"kind": "drop"}, count=0)
    with pytest.raises(BadFault, match="allowed: path, method, stream, model"):
        sim.fault("primary", {"kind": "drop"}, match={"route": "x"})
    with pytest.raises(BadFault, match="no object"):
        sim.fault("primary", {"kind": "drop"}, match="models")


MATCHES = [
    pytest.param({"path": "models"}, [429, 200, 200, 200], id="probes only"),
    pytest.param({"path": "messages*"}, [200, 429, 429, 429], id="everything but probes"),
    pytest.param({"method": "GET"}, [429, 200, 200, 200], id="by method"),
    pytest.param({"stream": True}, [200, 200, 429, 200], id="streams only"),
    pytest.param({"model": "m"}, [200, 429, 429, 200], id="by model"),
    pytest.param({"model": "other*"}, [200, 200, 200, 429], id="by a glob of the model"),
    pytest.param(None, [429, 429, 429, 429], id="everything"),
]


@pytest.mark.parametrize("match, expected", MATCHES)
def test_matches_limit_a_fault(
    sim: Simulator, client: Any, upstream: str, match: Any, expected: list[int]
) -> None:
    sim.fault(upstream, {"kind": "status", "status": 429}, count=None, match=match)
    answers = [
        client.request("GET", f"/{upstream}/v1/models"),
        client.ask(upstream, "messages", WORDS),
        client.ask(upstream, "messages", WORDS, stream=True),
        client.ask(upstream, "messages", WORDS, model="other-1"),
    ]
    assert [answer.status for answer in answers] == expected


def test_faults_queue_up_and_belong_to_their_upstream(
    sim: Simulator, client: Any, upstream: str
) -> None:
    sim.fault(upstream, {"kind": "status", "status": 429}, count=2)
    sim.fault(upstream, {"kind": "html"})
    other = client.ask(upstream + "-other", "messages", WORDS)
    statuses = [client.ask(upstream, "messages", WORDS).status for _ in range(4)]
    assert (other.status, statuses) == (200, [429, 429, 502, 200])


def test_a_fault_until_cleared(sim: Simulator, client: Any, upstream: str) -> None:
    sim.fault(upstream, {"kind": "drop", "match": {"path": "messages"}}, count=None)
    assert [client.ask(upstream, "messages", "x").ending for _ in range(3)] == ["cut"] * 3
    sim.clear_faults(upstream)
    assert client.ask(upstream, "messages", "x").status == 200


def test_the_sdks_raise_their_own_errors(sim: Simulator, upstream: str) -> None:
    with httpx2.Client(trust_env=False) as http:
        claude = anthropic.Anthropic(
            api_key="k", base_url=f"{sim.url}/{upstream}", http_client=http, max_retries=0
        )
        gpt = openai.OpenAI(
            api_key="k", base_url=sim.base(upstream), http_client=http, max_retries=0
        )
        said: Any = [{"role": "user", "content": WORDS}]
        sim.fault(upstream, {"kind": "status", "status": 529})
        with pytest.raises(anthropic.APIStatusError, match="Overloaded") as overloaded:
            claude.messages.create(model="m", max_tokens=10, messages=said)
        assert overloaded.value.status_code == 529 and overloaded.value.request_id
        sim.fault(upstream, {"kind": "error_event", "after": 1})
        with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
            list(claude.messages.create(model="m", max_tokens=10, messages=said, stream=True))
        sim.fault(upstream, {"kind": "status", "status": 429})
        with pytest.raises(openai.RateLimitError) as limited:
            gpt.chat.completions.create(model="m", messages=said)
        assert limited.value.code == "rate_limit_exceeded" and limited.value.request_id
        sim.fault(upstream, {"kind": "error_event", "status": 500})
        with pytest.raises(openai.APIError, match="had an error"):
            list(gpt.chat.completions.create(model="m", messages=said, stream=True))


def test_a_kept_connection_is_reset_too(sim: Simulator, upstream: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=3)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]})
    path = f"/{upstream}/v1/chat/completions"
    connection.request("POST", path, body)
    assert connection.getresponse().read()
    sim.fault(upstream, {"kind": "refused"})
    with pytest.raises(ConnectionError):
        connection.request("POST", path, body)
        connection.getresponse()
    connection.close()
