"""Answers framed oddly, or not as they were asked for: the program gets what it asked for."""

from typing import Any

import pytest

from tests.e2e.sdks.said import bare
from tests.e2e.sdks.trip import Trip, in_turn

ODD_STREAMS: dict[str, Any] = {
    "JSON for a stream": {"kind": "json_for_stream"},
    "CRLF": {"kind": "crlf"},
    "CR": {"kind": "crlf", "ending": "\r"},
    "byte by byte": {"kind": "split", "size": 1},
    "comments": {"kind": "comments"},
    "pings": {"kind": "comments", "style": "ping"},
    "empty data": {"kind": "comments", "style": "empty_data"},
    "events nobody knows": {"kind": "comments", "style": "event"},
    "compressed": {"kind": "gzip"},
    "no content type": {"kind": "no_content_type"},
    "JSON without a content type": [{"kind": "json_for_stream"}, {"kind": "no_content_type"}],
    "nothing behind the finish": {"kind": "no_done"},
    "all at once": [
        {"kind": "crlf"},
        {"kind": "split", "size": 3},
        {"kind": "comments"},
        {"kind": "gzip"},
        {"kind": "no_content_type"},
    ],
}
ODD_ANSWERS: dict[str, Any] = {
    "a stream for JSON": {"kind": "stream_for_json"},
    "a stream for JSON, without a content type": [
        {"kind": "stream_for_json"},
        {"kind": "no_content_type"},
    ],
    "compressed": {"kind": "gzip"},
    "no content type": {"kind": "no_content_type"},
    "no finish": {"kind": "no_finish"},
    "byte by byte": {"kind": "split", "size": 1},
}
TEXT = "[[reason:because]][[text:Grüße 漢字 🙂]][[call:weather]]"


@in_turn
def test_an_odd_stream_adds_up_to_the_same_answer(trip: Trip) -> None:
    request = trip.request(TEXT, weather=True, reasoning="shown")
    plain = bare(trip.both(request).to_dict())
    for name, fault in ODD_STREAMS.items():
        trip.sim.fault(trip.upstream, fault)
        assert (name, bare(trip.program.streamed(request).to_dict())) == (name, plain)


@in_turn
def test_an_odd_answer_says_the_same(trip: Trip) -> None:
    request = trip.request(TEXT, weather=True, reasoning="shown")
    plain = bare(trip.both(request).to_dict())
    for name, fault in ODD_ANSWERS.items():
        trip.sim.fault(trip.upstream, fault)
        told = bare(trip.program.whole(request).to_dict())
        if trip.upstream == "chat" and name.startswith("a stream"):  # nobody asked it to count
            told["usage"] = plain["usage"]
        assert (name, told) == (name, plain)


@in_turn
def test_a_stream_without_a_finish(trip: Trip) -> None:
    """[DONE] is a finish of a kind; without a last event there is none."""
    request = trip.request(TEXT, weather=True, reasoning="shown")
    plain = bare(trip.both(request).to_dict())
    trip.sim.fault(trip.upstream, {"kind": "no_finish"})
    if trip.upstream == "chat":
        assert bare(trip.program.streamed(request).to_dict()) == plain
    else:
        with pytest.raises(Exception, match="upstream stream ended early"):
            trip.program.streamed(request)
    trip.sim.fault(trip.upstream, [{"kind": "no_finish"}, {"kind": "no_done"}])
    with pytest.raises(Exception, match="upstream stream ended early"):
        trip.program.streamed(request)
