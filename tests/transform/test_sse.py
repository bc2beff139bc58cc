import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.sse import (
    COMMENT,
    DONE,
    SseEvent,
    SseParser,
    WholeEvents,
    format_event,
    is_event_stream,
)

BOM = b"\xef\xbb\xbf"


def parse(*pieces: bytes) -> list[SseEvent]:
    parser = SseParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.end()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in zip(ends, ends[1:], strict=False)]


CUTS = st.lists(st.integers(0, 10_000), max_size=30)
# Bytes that mean something to somebody, in any order.
STREAMS = st.lists(
    st.sampled_from(
        [b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b":", b" ", b"x", b"\xc3", b"\xa9", b"\x00", BOM]
        + [b"data: ", b"data:", b"data", b"data : ", b"event: ", b"event:", b"event", b"id: 1"]
        + [b"retry: 5", b"{}", b"[DONE]", "\u2028".encode(), "é漢😀".encode(), b"\x0b", b"\x85"]
    ),
    max_size=40,
).map(b"".join)


def specified(data: bytes) -> list[SseEvent]:
    """The interpretation the HTML standard gives, read off at once, with our additions.

    Comments are events too, and so are events of a name alone; the end closes the last event.
    """
    lines = re.split(rb"\r\n|\r|\n", data.removeprefix(BOM))
    found: list[SseEvent] = []
    name, values = "", list[str]()
    for line in [raw.decode("utf-8", "replace") for raw in [*lines, b""]]:
        field, colon, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if values or name:
                found.append(SseEvent(name, "\n".join(values) or None))
            name, values = "", []
        elif not field:
            found.append(SseEvent("", None))
        elif field == "data":
            values.append(value)
        elif field == "event":
            name = value
    return found


@given(data=STREAMS | st.binary(max_size=60))
def test_the_events_are_those_of_the_standard(data: bytes) -> None:
    assert parse(data) == specified(data)


@given(data=STREAMS | st.binary(max_size=60), places=CUTS)
def test_any_cutting_gives_the_same_events(data: bytes, places: list[int]) -> None:
    assert parse(*cut(data, places)) == parse(data)


@given(data=STREAMS)
def test_one_byte_at_a_time_gives_the_same_events(data: bytes) -> None:
    assert parse(*(data[n : n + 1] for n in range(len(data)))) == parse(data)


@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(["", "ping", "message_start"]),
            st.text(
                st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1
            ),
        )
    ),
    places=CUTS,
)
def test_formatted_events_are_read_as_they_were(
    events: list[tuple[str, str]], places: list[int]
) -> None:
    data = b"".join(format_event(text.encode(), name) for name, text in events)
    assert parse(*cut(data, places)) == events


@pytest.mark.parametrize(
    "data, events",
    [
        pytest.param(b"data: a\n\n", [("", "a")], id="data only"),
        pytest.param(b"event: e\ndata: a\n\n", [("e", "a")], id="a named event"),
        pytest.param(b"data: a\nevent: e\n\n", [("e", "a")], id="the name behind the data"),
        pytest.param(b"data:a\n\n", [("", "a")], id="trap 48: no blank behind the colon"),
        pytest.param(b"data:  a\n\n", [("", " a")], id="one blank belongs to the colon"),
        pytest.param(b"data: a\ndata: b\n\n", [("", "a\nb")], id="data in several lines"),
        pytest.param(b"data\ndata: b\n\n", [("", "\nb")], id="data without a colon"),
        pytest.param(b"data:\n\n", [("", None)], id="empty data"),
        pytest.param(b"event: ping\n\n", [("ping", None)], id="a name alone"),
        pytest.param(b"event: x\nevent: y\ndata: a\n\n", [("y", "a")], id="the last name counts"),
        pytest.param(b"event: x\n\ndata: a\n\n", [("x", None), ("", "a")], id="a name ends"),
        pytest.param(b": hi\n\n", [("", None)], id="trap 48: a comment"),
        pytest.param(b":\n:\n\n", [("", None), ("", None)], id="empty comments"),
        pytest.param(
            b"data: a\n: hi\ndata: b\n\n",
            [("", None), ("", "a\nb")],
            id="trap 48: a comment in an event",
        ),
        pytest.param(b"id: 1\nretry: 5\nother: x\n\n", [], id="fields that mean nothing here"),
        pytest.param(b"Data: a\n data: b\n\n", [], id="names are exact"),
        pytest.param(b"\n\n\n", [], id="blank lines only"),
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"data: a\r\n\r\ndata: b\r\n\r\n", [("", "a"), ("", "b")], id="trap 48: CRLF"),
        pytest.param(b"data: a\r\rdata: b\r\r", [("", "a"), ("", "b")], id="CR"),
        pytest.param(b"data: a\r\n\ndata: b\n\r", [("", "a"), ("", "b")], id="ends of all kinds"),
        pytest.param(b"data: a\n\r\n", [("", "a")], id="LF, then CRLF"),
        pytest.param(BOM + b"data: a\n\n", [("", "a")], id="a byte-order mark"),
        pytest.param(BOM + BOM + b"data: a\n\n", [], id="only one is a mark"),
        pytest.param(b"data: a\n\n" + BOM + b"data: b\n\n", [("", "a")], id="only at the start"),
        pytest.param(b"data: a", [("", "a")], id="trap 48: a last line without an end"),
        pytest.param(b"data: a\n", [("", "a")], id="trap 48: a last event without its blank line"),
        pytest.param(b"data: a\n\nevent: x", [("", "a"), ("x", None)], id="a last name alone"),
        pytest.param(b"data: \xff\n\n", [("", "\ufffd")], id="bytes that are no UTF-8"),
        pytest.param(b"data: [DONE] \n\n", [("", "[DONE] ")], id="blanks at the end are kept"),
        pytest.param("data: a\u2028b\x85\n\n".encode(), [("", "a\u2028b\x85")], id="odd line ends"),
        pytest.param(DONE, [("", "[DONE]")], id="our end mark"),
        pytest.param(COMMENT, [("", None)], id="our keepalive"),
    ],
)
def test_events(data: bytes, events: list[tuple[str, str | None]]) -> None:
    assert parse(data) == events


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"data: \xc3", b"\xa9\n\n"], id="inside a character"),
        pytest.param([b"data: \xc3\xa9\r", b"\n\r\n"], id="between CR and LF"),
        pytest.param([b"data: \xc3\xa9\r", b"", b"\n\r", b"\n"], id="with nothing in between"),
        pytest.param([b"da", b"ta:", b" \xc3\xa9", b"\n", b"\n"], id="inside a field name"),
        pytest.param([b"\xef\xbb", b"\xbfdata: \xc3\xa9\n\n"], id="inside the byte-order mark"),
    ],
)
def test_trap_48_a_cut_may_fall(pieces: list[bytes]) -> None:
    assert parse(*pieces) == [("", "é")]


@pytest.mark.parametrize(
    "before, last",
    [
        pytest.param(b"data: a\n", b"\n", id="LF"),
        pytest.param(b"data: a\r", b"\r", id="CR"),
        pytest.param(b"data: a\r\n", b"\r", id="CRLF, whose LF may come later"),
    ],
)
def test_trap_48_an_event_is_given_as_soon_as_it_is_sure(before: bytes, last: bytes) -> None:
    parser = SseParser()
    assert parser.feed(before) == []
    assert parser.feed(last) == [("", "a")]


LONG = [
    pytest.param([b"data: 7890", b"1"], id="in pieces, unfinished"),
    pytest.param([b"data: 78901"], id="at once, unfinished"),
    pytest.param([b"data: 7", b"8901\n"], id="in pieces, finished"),
    pytest.param([b"data: 78901\n"], id="at once, finished"),
    pytest.param([b"data: 1\n\ndata: 2\n\ndata: 78901"], id="behind short ones"),
]


@pytest.mark.parametrize("pieces", LONG)
def test_a_line_over_the_limit_is_refused_at_any_cutting(pieces: list[bytes]) -> None:
    parser = SseParser(limit=10)
    with pytest.raises(ValueError, match="a line of over 10 bytes in the event stream"):
        for piece in pieces:
            parser.feed(piece)


def test_the_limit_is_for_one_line_not_for_the_stream() -> None:
    parser = SseParser(limit=10)
    assert parser.feed(b"data: 7890\r\n\r\n" * 100) == [("", "7890")] * 100
    for _ in range(100):
        assert parser.feed(b"data: 7890\n\n") == [("", "7890")]


def test_the_cost_of_a_long_line_is_linear_however_it_is_cut() -> None:
    """2 MB in pieces of 64 bytes: counts the bytes that methods of bytes look at, and joins."""
    pieces = [b"data: ", *[b"x" * 64] * 32_768, b"\n\n"]
    handled = joins = 0

    def count(frame: Any, event: str, called: Any) -> None:
        nonlocal handled, joins
        owner = getattr(called, "__self__", None)
        if event == "c_call" and isinstance(owner, bytes | bytearray):
            handled += len(owner)
            joins += called.__name__ == "join"

    parser = SseParser()
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = [event for piece in pieces for event in parser.feed(piece)]
    finally:
        sys.setprofile(before)
    assert [len(event.data or "") for event in found] == [64 * 32_768]
    assert joins == 1
    assert handled < 5 * sum(map(len, pieces))


# --- passing whole events on


@given(data=STREAMS | st.binary(max_size=60), places=CUTS)
def test_what_is_passed_on_are_the_bytes_of_the_events_that_are_whole(
    data: bytes, places: list[int]
) -> None:
    whole, parser, out, events = WholeEvents(), SseParser(), b"", list[SseEvent]()
    for piece in cut(data, places):
        out += whole.feed(piece)
        events += parser.feed(piece)
        passed = [event for event in parse(out) if event != ("", None)]  # comments are no events
        assert passed == [event for event in events if event != ("", None)]
    assert out + whole.end() == data and whole.end() == b""


@pytest.mark.parametrize(
    "pieces, given",
    [
        pytest.param([b"data: a\n\n"], [b"data: a\n\n"], id="at once"),
        pytest.param([b"data: a\n", b"\n"], [b"", b"data: a\n\n"], id="trap 48: line by line"),
        pytest.param([b"data: a\r\n", b"\r\n"], [b"", b"data: a\r\n\r\n"], id="CRLF by line"),
        pytest.param(
            [b"data: a\r\n\r", b"\n", b"data:"],
            [b"data: a\r\n\r", b"\n", b""],
            id="an LF that comes behind its CR",
        ),
        pytest.param(
            [b"data: a\r", b"\n", b"\r", b"\n"],
            [b"", b"", b"data: a\r\n\r", b"\n"],
            id="CRLF by byte",
        ),
        pytest.param([b"data: a\r", b"\r"], [b"", b"data: a\r\r"], id="CR by line"),
        pytest.param([b"data: a\r\n", b"\n"], [b"", b"data: a\r\n\n"], id="ends of two kinds"),
        pytest.param(
            [b"data: a\n\ndata", b": b\n\nd", b"ata: c", b"\n\n"],
            [b"data: a\n\n", b"data: b\n\n", b"", b"data: c\n\n"],
            id="inside the next event",
        ),
        pytest.param(
            [b"data: a\n", b"\n\n", b"\n", b"data: b\n\n"],
            [b"", b"data: a\n\n\n", b"\n", b"data: b\n\n"],
            id="more blank lines",
        ),
    ],
)
def test_an_event_is_passed_on_with_its_blank_line(pieces: list[bytes], given: list[bytes]) -> None:
    whole = WholeEvents()
    assert [whole.feed(piece) for piece in pieces] == given


def test_format_event() -> None:
    assert format_event(b'{"a":1}') == b'data: {"a":1}\n\n'
    assert format_event(b'{"a":1}', "ping") == b'event: ping\ndata: {"a":1}\n\n'
    lines = format_event(b'{"a":\n1}', "ping")
    assert lines == b'event: ping\ndata: {"a":\ndata: 1}\n\n'
    assert SseParser().feed(lines) == [SseEvent("ping", '{"a":\n1}')]


@pytest.mark.parametrize(
    "head, answer",
    [
        pytest.param(b"", None, id="nothing yet"),
        pytest.param(b"\r\n ", None, id="blanks only"),
        pytest.param(b"\xef\xbb", None, id="half a byte-order mark"),
        pytest.param(BOM, None, id="a byte-order mark"),
        pytest.param(b"da", None, id="the beginning of data"),
        pytest.param(b"ev", None, id="the beginning of event"),
        pytest.param(b"id", None, id="the beginning of id"),
        pytest.param(b"data", True, id="data"),
        pytest.param(BOM + b"\n\ndata: {}", True, id="data behind a mark and blank lines"),
        pytest.param(b"event: message_start", True, id="an event line"),
        pytest.param(b": OPENROUTER PROCESSING", True, id="a comment"),
        pytest.param(b"id: 1", True, id="an id"),
        pytest.param(b"retry: 3000", True, id="a retry line"),
        pytest.param(b'{"data":1}', False, id="JSON"),
        pytest.param(b"\n{", False, id="JSON behind a blank line"),
        pytest.param(b"[DONE]", False, id="a bracket"),
        pytest.param(b"<html>", False, id="HTML"),
        pytest.param(b"dat3", False, id="almost data"),
        pytest.param(b"\xef\xbb\xbe", False, id="almost a byte-order mark"),
    ],
)
def test_is_event_stream(head: bytes, answer: bool | None) -> None:
    assert is_event_stream(head) is answer


@given(data=STREAMS | st.binary(max_size=12), more=st.binary(max_size=4))
def test_more_bytes_never_change_what_was_seen(data: bytes, more: bytes) -> None:
    seen = is_event_stream(data)
    assert seen is None or is_event_stream(data + more) is seen
