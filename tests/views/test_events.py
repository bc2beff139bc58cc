"""The stream as a table."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform import PROTOCOLS, Protocol
from bridge.transform.sse import SseParser
from bridge.views.events import LONG, MAX_TOLD, Row, rows, text
from bridge.views.stream import Told
from tests.views.exchanges import exchanges
from tests.views.odd import RECORDS


def chat(*pieces: str, end: str = "data: [DONE]\n\n") -> str:
    chunks = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end


def messages(*pieces: str) -> str:
    """A start before the texts and a stop behind them."""
    deltas = [{"type": "content_block_delta", "delta": {"text": piece}} for piece in pieces]
    events = [{"type": "message_start"}, *deltas, {"type": "message_stop"}]
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events)


def record(upstream: str = "", client: str = "", timeline: Any = (), **fields: Any) -> Any:
    given = {"upstream_response": upstream, "client_response": client}
    known = {"upstream": "openai_chat", "client": "anthropic_messages", "timeline": list(timeline)}
    return {**known, "bodies": {name: body for name, body in given.items() if body}, **fields}


def sizes(body: str) -> list[int]:
    """Bytes until the end of each event."""
    frames = [frame + "\n\n" for frame in body.split("\n\n")[:-1]]
    return [len("".join(frames[: n + 1]).encode()) for n in range(len(frames))]


def told(found: list[Row]) -> list[tuple[Any, str, list[str]]]:
    return [
        (
            row.seconds,
            words(row.upstream) if row.upstream else "",
            [words(event) for event in row.client],
        )
        for row in found
    ]


def words(event: Told) -> str:
    return (event.excerpt or event.name).removeprefix("content ").removeprefix("text ")


def marks(found: list[Row]) -> list[str]:
    return [row.mark for row in found]


UP, DOWN = chat("é", "b", "c"), messages("é", "b", "c")
CAME, GONE = sizes(UP), sizes(DOWN)


@pytest.mark.parametrize(
    "timeline, found",
    [
        pytest.param(
            [
                [1.0, CAME[0], 0],
                [2.0, CAME[1], GONE[2]],
                [3.0, CAME[2], GONE[3]],
                [4.0, CAME[3], GONE[4]],
            ],
            [
                (1.0, '"é"', []),
                (2.0, '"b"', ["message_start", '"é"', '"b"']),
                (3.0, '"c"', ['"c"']),
                (4.0, "[DONE]", ["message_stop"]),
            ],
            id="nothing goes out at first, then all that was held",
        ),
        pytest.param(
            [[1.0, CAME[0] - 1, 0], [2.0, CAME[0], 0], [3.0, CAME[3], GONE[4]]],
            [
                (2.0, '"é"', []),
                (3.0, '"b"', ["message_start", '"é"', '"b"']),
                (3.0, '"c"', ['"c"']),
                (3.0, "[DONE]", ["message_stop"]),
            ],
            id="an event has come with its last byte",
        ),
        pytest.param(
            [[1.0, CAME[1], GONE[2]]],
            [
                (1.0, '"é"', ["message_start", '"é"']),
                (1.0, '"b"', ['"b"']),
                (None, '"c"', ['"c"']),
                (None, "[DONE]", ["message_stop"]),
            ],
            id="times stop at their bound",
        ),
        pytest.param(
            [],
            [
                (None, '"é"', ["message_start", '"é"']),
                (None, '"b"', ['"b"']),
                (None, '"c"', ['"c"']),
                (None, "[DONE]", ["message_stop"]),
            ],
            id="no times",
        ),
        pytest.param(
            [[1.0, CAME[1], GONE[1]], [2.0, CAME[1], GONE[2]], [3.0, CAME[3], GONE[4]]],
            [
                (1.0, '"é"', ["message_start", '"é"']),
                (1.0, '"b"', []),
                (2.0, "", ['"b"']),
                (3.0, '"c"', ['"c"']),
                (3.0, "[DONE]", ["message_stop"]),
            ],
            id="what went out by itself",
        ),
        pytest.param(
            [[1.0, CAME[3], GONE[4]], "odd", [2.0, "3", 4], [2.0, 3], [0.5, 1, 1]],
            [
                (1.0, '"é"', ["message_start", '"é"']),
                (1.0, '"b"', ['"b"']),
                (1.0, '"c"', ['"c"']),
                (1.0, "[DONE]", ["message_stop"]),
            ],
            id="moments that are none",
        ),
    ],
)
def test_events_stand_at_their_time_beside_what_they_became(timeline: Any, found: Any) -> None:
    assert told(rows(record(UP, DOWN, timeline))) == found


def test_what_was_said_twice_is_told_in_its_order() -> None:
    up, down = chat("a", "b", "a"), messages("a", "b", "a")
    assert [client for _, _, client in told(rows(record(up, down)))] == [
        ["message_start", '"a"'],
        ['"b"'],
        ['"a"'],
        ["message_stop"],
    ]


def test_what_goes_out_in_another_order_is_told_behind_it() -> None:
    assert told(rows(record(chat("a", "b"), messages("b", "a")))) == [
        (None, '"a"', []),
        (None, '"b"', ["message_start", '"b"']),
        (None, "[DONE]", ['"a"', "message_stop"]),
    ]


@pytest.mark.parametrize(
    "timeline, clients",
    [
        pytest.param(
            [[1.0, CAME[0], 0], [2.0, CAME[3], CAME[3]]],
            [[], ['"é"', '"b"'], ['"c"'], ["[DONE]"]],
            id="held at first",
        ),
        pytest.param(
            [[1.0, CAME[0], 0], [2.0, CAME[3], 0]],
            [['"é"'], ['"b"'], ['"c"'], ["[DONE]"]],
            id="only looked at",
        ),
        pytest.param([], [['"é"'], ['"b"'], ['"c"'], ["[DONE]"]], id="no times"),
    ],
)
def test_what_goes_on_as_it_came_is_on_both_sides(timeline: Any, clients: Any) -> None:
    found = rows(record(UP, "", timeline))
    assert [client for _, _, client in told(found)] == clients


# --- gaps


def timed(*seconds: float, body: str = "", **fields: Any) -> list[Row]:
    """A chunk at each time; the end comes with the last."""
    body = body or chat(*(str(n) for n, _ in enumerate(seconds)))
    ends = sizes(body)
    ends[len(seconds) - 1] = ends[-1]
    moments = [[at, end, end] for at, end in zip(seconds, ends, strict=False)]
    return rows(record(body, "", moments, **fields))


@pytest.mark.parametrize(
    "seconds, stalls",
    [
        pytest.param([1, 1.1, 1.2, 1.3, 3, 3.1], [4], id="far above the usual"),
        pytest.param([1, 1.1, 1.2, 1.3, 2, 2.1], [], id="a moment is none"),
        pytest.param([1, 3, 5, 7, 16, 18], [], id="all are slow"),
        pytest.param([1, 3, 5, 7, 17.5, 19], [4], id="too long by any measure"),
        pytest.param([9, 9.1, 9.2], [], id="the first may take its time"),
        pytest.param([LONG + 1, LONG + 2], [0], id="but not for ever"),
        pytest.param([1, 5], [], id="one gap has no usual one"),
    ],
)
def test_stalls_stand_out(seconds: list[float], stalls: list[int]) -> None:
    found = timed(*seconds)
    assert [n for n, row in enumerate(found) if row.mark == "stall"] == stalls


def test_the_gap_before_the_first_event_begins_with_its_attempt() -> None:
    attempts = [{"started": 0.0}, {"started": 2.0}]
    assert [row.gap for row in timed(3.0, 3.5, attempts=attempts)] == [1.0, 0.5, 0.0]
    assert [row.gap for row in timed(3.0, 3.5, attempts=["odd"])] == [3.0, 0.5, 0.0]


def test_signs_of_life_do_not_end_a_silence() -> None:
    body = chat("a", end=": alive\n\n") + chat("b")
    ends = sizes(body)
    moments = [[1.0, ends[0], 0], [8.0, ends[1], 0], [12.0, ends[3], 0]]
    found = rows(record(body, "", moments))
    assert [row.gap for row in found] == [1.0, 7.0, 11.0, 0.0]
    assert marks(found) == ["first", "", "stall", ""]


# --- what stands out


@pytest.mark.parametrize(
    "upstream, client, found",
    [
        pytest.param(chat("a"), messages("a"), ["first", ""], id="all is well"),
        pytest.param(
            chat("a", end='data: {"error":{"message":"m"}}\n\n'),
            messages("a"),
            ["first", "error"],
            id="an error",
        ),
        pytest.param(
            chat("a"),
            messages("a") + 'data: {"type":"error"}\n\n',
            ["first", "error"],
            id="an error of the bridge's",
        ),
        pytest.param(chat("a", end=""), messages("a"), ["first", "missing"], id="no end came"),
        pytest.param(
            chat("a"),
            'data: {"type":"message_start"}\n\n',
            ["", "first", "missing"],
            id="none went",
        ),
        pytest.param(chat("a", end=""), "", ["first", "missing"], id="neither, the same"),
        pytest.param(chat("a", end="\n[9 bytes more]"), messages("a"), ["first", "cut"], id="cut"),
        pytest.param('{"a":1}', "", ["first"], id="no stream"),
        pytest.param("", "", [], id="nothing"),
    ],
)
def test_what_went_wrong_stands_out(upstream: str, client: str, found: list[str]) -> None:
    assert marks(rows(record(upstream, client))) == found


@pytest.mark.parametrize(
    "upstream, client, last",
    [
        pytest.param(
            chat("a", end=""),
            "",
            Row(None, None, Told("(no [DONE])", "it ends here"), (), "missing"),
            id="the upstream's",
        ),
        pytest.param(
            chat("a"),
            messages("a").replace("message_stop", "ping"),
            Row(None, None, None, (Told("(no message_stop)", "it ends here"),), "missing"),
            id="the app's",
        ),
        pytest.param(
            chat("a", end="\n[1234 bytes more]"),
            messages("a") + "\n[5 bytes more]",
            Row(
                None,
                None,
                Told("(cut)", "1,234 bytes more that are not shown"),
                (Told("(cut)", "5 bytes more that are not shown"),),
                "cut",
            ),
            id="unknown for both",
        ),
    ],
)
def test_an_end_that_is_missing_is_the_last_row(upstream: str, client: str, last: Row) -> None:
    assert rows(record(upstream, client))[-1] == last
    assert last.as_dict()["mark"] == last.mark


def test_of_a_call_under_way_no_end_is_missing() -> None:
    begun = messages("a").replace("message_stop", "ping")
    found = rows(record(chat("a", end=""), begun, under_way=True))
    assert marks(found) == ["first"]
    assert "missing" not in text(record(chat("a", end=""), begun, under_way=True))
    kept = rows(record(chat("a", end="\n[9 bytes more]"), begun, under_way=True))
    assert marks(kept) == ["first", "cut"], "what was not kept is told at any time"


def test_a_whole_answer_to_who_wants_a_stream() -> None:
    answer = json.dumps({"choices": [{"message": {"content": "a"}}]})
    found = rows(record(answer, messages("a"), [[2.0, len(answer), len(messages("a"))]]))
    assert told(found) == [(2.0, answer, ["message_start", '"a"', "message_stop"])]


# --- text


def test_the_text_is_a_table_under_what_stands_out() -> None:
    up, down = chat("a", "b" * 60, end=""), messages("a", "b" * 60)
    came, gone = sizes(up), sizes(down)
    moments = [[0.5, came[0], gone[1]], [12.0, came[1], gone[2]], [12.0, came[1], gone[3]]]
    assert text(record(up, down, moments)).splitlines() == [
        "2 events from the upstream, 4 to the app, in 11.500 s",
        '! stall at 12.000 s after 11.500 s of silence: chunk content "'
        + f'{"b" * 20} … 60 characters … {"b" * 9}"; content_block_delta text "'
        + f'{"b" * 20} … 60 characters … {"b" * 9}"',
        "! missing: (no [DONE]) it ends here",
        "",
        "   seconds      gap  from the upstream                       to the app",
        '>    0.500   +0.500  chunk content "a"                       message_start',
        '                                                             content_block_delta text "a"',
        f'!   12.000  +11.500  chunk content "{"b" * 20} … … '
        + f'content_block_delta text "{"b" * 12}…',
        "    12.000                                                   message_stop",
        "!                    (no [DONE]) it ends here",
    ]


def test_the_text_does_not_repeat_what_went_on_as_it_came() -> None:
    shown = text(record(chat("a"), "", [[1.0, 500, 500]])).splitlines()
    assert shown[-2:] == [
        '>    1.000   +1.000  chunk content "a"                       =',
        "     1.000           [DONE]                                  =",
    ]


def test_the_text_tells_only_as_much_of_what_stands_out_as_one_may_look_at() -> None:
    errors = 'data: {"error":"m"}\n\n' * (MAX_TOLD + 3)
    shown = text(record(errors)).splitlines()
    assert shown[: MAX_TOLD + 2][-2:] == ["! error: error m", "! and 3 more"]


def test_no_answer_has_a_text() -> None:
    assert text({}) == "No answer came.\n"


# --- whatever it is


@given(RECORDS)
def test_every_record_has_a_text(given_record: dict[str, Any]) -> None:
    assert json.dumps([row.as_dict() for row in rows(given_record)])
    assert text(given_record, width=60)


PIECES = st.lists(st.sampled_from(["a", "é", "日本", ""]), min_size=1, max_size=6)


@given(PIECES, st.lists(st.integers(1, 90)), st.data())
def test_events_come_when_a_parser_would_have_had_them(
    pieces: list[str], steps: list[int], data: st.DataObject
) -> None:
    body = chat(*pieces).encode()
    cuts = sorted({min(sum(steps[:n]), len(body)) for n in range(1, len(steps) + 1)})
    known: list[float | None] = []
    parser, begin = SseParser(), 0
    for n, cut in enumerate(cuts):
        known += [float(n)] * len(parser.feed(body[begin:cut]))
        begin = cut
    known += [None] * len(parser.feed(body[begin:]))
    timeline = [[float(n), cut, 0] for n, cut in enumerate(cuts)]
    assert [row.seconds for row in rows(record(body.decode(), "", timeline))] == known


ALL = pytest.param(1, id="all", marks=pytest.mark.long)
SOME = pytest.param(50, id="every fiftieth")


@pytest.mark.parametrize("step", [ALL, SOME])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_recorded_traffic_is_told_event_by_event(protocol: Protocol, step: int) -> None:
    for name, found in exchanges(protocol, step):
        bodies, shown = found["bodies"], rows(found)
        came = bodies.get("upstream_response", "")
        gone = bodies.get("client_response", came)
        real = [row for row in shown if row.mark not in ("missing", "cut")]
        assert sum(row.upstream is not None for row in real) == count(came), name
        assert sum(len(row.client) for row in real) == count(gone), name
        times = [row.seconds for row in real if row.seconds is not None]
        assert times == sorted(times), name
        assert text(found), name


def count(body: str) -> int:
    parser = SseParser()
    events = [*parser.feed(body.encode()), *parser.end()]
    return 1 if body.startswith("{") else len(events)


# Of the processor. It takes a quarter of a second; with coverage, on a busy machine, more.
AT_MOST = 3.0


def test_a_megabyte_takes_no_time_to_speak_of() -> None:
    words_said = [f"{n} and some more words" for n in range(15_000)]
    up, down = chat(*words_said), messages(*words_said)
    timeline = [[n / 100, n * 300, n * 300] for n in range(4_000)]
    assert len(up) > 1_000_000
    begun = time.process_time()
    found = rows(record(up, down, timeline))
    assert time.process_time() - begun < AT_MOST
    assert len(found) > 15_000
