"""A call to the app's own host that is driven: what comes is what the app gets."""

import json
from math import inf

import pytest

from bridge.injection.passing import Passing
from bridge.steps import WAIT, Cut, Done, Reply, Say
from bridge.transform import Protocol
from bridge.transform.headers import Headers
from bridge.watched import Watched
from tests.streams import STOP, WORDS, call, stream

SSE: Headers = [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]
JSON: Headers = [("content-type", "application/json"), ("content-length", "9"), ("x-id", "1")]
APP: Protocol = "openai_chat"


def passing(*, wants_stream: bool = True) -> Passing:
    made = call(APP, wants_stream=wants_stream)
    return Passing(Watched(made, 5.0), made)


def test_a_stream_is_handed_on_and_read() -> None:
    made, events = passing(), stream(APP, *WORDS, STOP)
    assert made.answered(200, SSE, 6.0)
    assert made.head(6.0) == Reply(200, SSE[:1])
    assert [made.take(event, 7.0) for event in events] == [Say([event]) for event in events]
    assert made.take(b"", 8.0) == Say([], over=True)
    record = made.trace.metadata()
    assert record["stop"] == "stop" and record["attempts"][0]["outcome"] == "ok"
    assert made.trace.over and made.ending is None


@pytest.mark.parametrize("status, outcome", [(200, "ok"), (429, "error")])
def test_a_whole_answer_is_framed_anew(status: int, outcome: str) -> None:
    made = passing(wants_stream=False)
    assert not made.answered(status, JSON, 6.0)
    made.received(6.5)
    told = {"id": "1", "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}
    body = json.dumps(told if status == 200 else {"error": {"message": "slow down"}}).encode()
    assert made.whole(body, 7.0) == Done(
        Reply(status, [("content-type", "application/json"), ("x-id", "1")], body)
    )
    assert made.trace.attempts[0].outcome == outcome and made.trace.over


def test_a_stream_that_nobody_asked_for_is_taken_whole() -> None:
    assert not passing(wants_stream=False).answered(200, SSE, 6.0)


def test_where_nothing_came_there_is_an_error_in_the_apps_dialect() -> None:
    made = passing()
    step = made.lost("refused", 6.0)
    assert isinstance(step, Done) and step.reply.status == 502
    assert "api.example did not answer: refused" in json.loads(step.reply.body)["error"]["message"]
    assert made.trace.attempts[0].outcome == "unreachable"


def test_a_stream_ends_as_its_host_ends_it() -> None:
    made = passing()
    made.answered(200, SSE, 6.0)
    made.take(stream(APP, *WORDS)[0], 7.0)
    assert made.lost("reset", 8.0) == Cut([])
    assert made.trace.attempts[0].outcome == "cut"


def test_an_app_that_hangs_up_is_written_down() -> None:
    made = passing()
    made.broke("gone", 6.0, cancelled=True)
    assert made.trace.attempts[0].outcome == "cancelled"


def test_it_has_no_deadline_of_its_own() -> None:
    made = passing()
    assert made.wake_at() == inf and made.wake(1e9) == WAIT
