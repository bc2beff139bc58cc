import gzip

import pytest
from mitmproxy import http

from bridge.mitm.answer import Answer
from bridge.steps import AGAIN, WAIT, Done, Reply, Say
from tests.mitm.scripted import Scripted

SAY, DONE = Say([b"x"]), Done(Reply(200, []))


def begun(exchange: Scripted, encoding: str = "") -> Answer:
    answer = Answer(exchange, lambda: 1.0)
    answer.begin(http.Response.make(200, b"", {"content-encoding": encoding} if encoding else {}))
    assert exchange.told.pop() == ("answered", 200)
    return answer


def test_what_came_of_a_stream_since_the_last_time_is_read_as_one() -> None:
    exchange = Scripted(SAY, AGAIN)
    answer = begun(exchange)
    assert answer.read() is None
    answer.add(b"a")
    answer.add(b"b")
    assert answer.read() is SAY and answer.read() is None
    answer.add(b"c")
    assert answer.read() is AGAIN
    assert answer.end() is WAIT
    assert exchange.told == [("take", b"ab"), ("take", b"c"), ("take", b"")]


def test_a_whole_answer_is_read_at_its_end() -> None:
    exchange = Scripted(DONE, streams=False)
    answer = begun(exchange, "gzip")
    body = gzip.compress(b"whole")
    answer.add(body[:7])
    answer.add(body[7:])
    assert answer.read() is None
    assert answer.end() is DONE
    assert exchange.told == [("received",), ("received",), ("whole", b"whole")]
    assert answer.head and answer.head.raw_content == body


def test_a_stream_is_decoded_as_it_comes() -> None:
    exchange = Scripted(SAY)
    answer, body = begun(exchange, "gzip"), gzip.compress(b"data: x\n\n")
    answer.add(body[:5])
    assert answer.read() is WAIT  # of which nothing can be read yet
    answer.add(body[5:])
    assert answer.read() is SAY
    assert exchange.told == [("take", b"data: x\n\n")]


def test_an_encoding_nobody_knows_is_left_as_it_is() -> None:
    exchange = Scripted()
    answer = begun(exchange, "sdch")
    answer.add(b"?")
    answer.read()
    assert exchange.told == [("take", b"?")]


def test_an_answer_that_breaks_off_is_lost() -> None:
    exchange = Scripted(AGAIN)
    assert begun(exchange).break_off("reset") is AGAIN
    assert exchange.told == [("lost", "reset")]


def test_what_is_not_in_its_encoding_costs_the_attempt(caplog: pytest.LogCaptureFixture) -> None:
    exchange = Scripted(AGAIN)
    answer = begun(exchange, "gzip")
    answer.add(b"no gzip")
    assert answer.read() is AGAIN
    [(what, reason)] = exchange.told
    assert what == "lost" and "content encoding" in str(reason)
    assert "could not be handled" in caplog.text


@pytest.mark.parametrize("streams", [True, False], ids=["stream", "whole"])
def test_so_does_a_mistake_of_ours(streams: bool, caplog: pytest.LogCaptureFixture) -> None:
    exchange = Scripted(KeyError("oh"), AGAIN, streams=streams)
    assert begun(exchange).end() is AGAIN
    assert exchange.told[-1] == ("lost", "bridge: 'oh'")
    assert "could not be handled" in caplog.text
