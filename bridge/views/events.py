"""The stream of a call as a table: when what came from the upstream, and what of it went out when.

In: the record of a call. Out: rows for pages, or text for a terminal. Hard part: of the times only
moments are known, with the bytes that had come and gone until then. An event belongs to the moment
at which its last byte had; within one, and where times are missing, what went out stands beside
what it tells. Nothing goes out until the app can act on it, so at first rows have one side only.
"""

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any, Literal, NamedTuple

from ..transform.fields import text_of
from .excerpt import printable
from .stream import Event, Stream, Told, stream_of

type Mark = Literal["", "first", "stall", "error", "missing", "cut"]

# A gap is a stall when it is so many times the usual one, and more than a moment; or this long.
UNUSUAL = 10
MOMENT = 1.0  # seconds
LONG = 10.0


@dataclass(frozen=True, slots=True)
class Row:
    """`seconds` from the start of the call; `gap` since the upstream last sent anything but signs
    of life; None: not known.

    `mark`: the "first" that went out, a "stall" before it, an "error", an ending that is "missing",
    or what is not known because only the beginning was kept ("cut").
    """

    seconds: float | None
    gap: float | None
    upstream: Told | None
    client: tuple[Told, ...] = ()
    mark: Mark = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def rows(record: Mapping[str, Any]) -> list[Row]:
    upstream, client, moments = _sides(record)
    steps = list(_steps(upstream, client, moments))
    under_way = bool(record.get("under_way"))
    return [*_rows(steps, _started(record)), *_endings(upstream, client, under_way)]


# --- what there is


class Moment(NamedTuple):
    """Bytes from the upstream and to the app until then."""

    seconds: float
    upstream: float
    client: float


@dataclass(slots=True)
class _Step:
    """An event of the upstream, and what went out with it."""

    seconds: float | None
    upstream: Event | None
    client: list[Event] = field(default_factory=list)


def _sides(record: Mapping[str, Any]) -> tuple[Stream, Stream, list[Moment]]:
    bodies = record.get("bodies")
    bodies = bodies if isinstance(bodies, Mapping) else {}
    came, told = (text_of(bodies.get(name)) for name in ("upstream_response", "client_response"))
    moments = _moments(record.get("timeline"))
    upstream = stream_of(came, text_of(record.get("upstream")))
    if told:
        return upstream, stream_of(told, text_of(record.get("client"))), moments
    if not any(moment.client for moment in moments):  # only looked at: all went on as it came
        moments = [Moment(m.seconds, m.upstream, m.upstream) for m in moments]
    return upstream, upstream, moments


def _moments(timeline: object) -> list[Moment]:
    """Those that can be read; counts never go down."""
    found: list[Moment] = []
    last = Moment(0, 0, 0)
    for entry in timeline if isinstance(timeline, Sequence) else ():
        match entry:
            case [int() | float() as seconds, int() | float() as came, int() | float() as gone]:
                last = Moment(seconds, max(last.upstream, came), max(last.client, gone))
                found.append(last)
            case _:
                pass
    return found


def _started(record: Mapping[str, Any]) -> float:
    """Of the last attempt, in seconds since the call began."""
    attempts = record.get("attempts")
    last = attempts[-1] if attempts and isinstance(attempts, Sequence) else None
    started = last.get("started") if isinstance(last, Mapping) else None
    return float(started) if isinstance(started, int | float) else 0.0


# --- when


def _steps(upstream: Stream, client: Stream, moments: Sequence[Moment]) -> Iterator[_Step]:
    came = _by_moment(upstream.events, [moment.upstream for moment in moments])
    gone = _by_moment(client.events, [moment.client for moment in moments])
    for n in sorted({*came, *gone}):
        seconds = moments[n].seconds if n < len(moments) else None
        yield from _beside(seconds, came.get(n, []), gone.get(n, []))


def _by_moment(events: Iterable[Event], counts: Sequence[float]) -> dict[int, list[Event]]:
    """Events by the moment at which their last byte had come; behind the last: it is not known."""
    found: defaultdict[int, list[Event]] = defaultdict(list)
    for event in events:
        found[bisect_left(counts, event.end)].append(event)
    return found


def _beside(seconds: float | None, came: list[Event], gone: list[Event]) -> list[_Step]:
    """What went out in one moment, each beside the event that it tells: one that says the same, not
    before what was told already. What says nothing goes with what follows, for that made it go."""
    steps = [_Step(seconds, event) for event in came] or [_Step(seconds, None)]
    places: defaultdict[object, deque[int]] = defaultdict(deque)
    for n, event in enumerate(came):
        places[_saying(event)].append(n)
    at, held = 0, list[Event]()
    for event in gone:
        held.append(event)
        waiting = places.get(_saying(event), deque())
        while waiting and waiting[0] < at:
            waiting.popleft()
        if waiting:
            at = waiting.popleft()
            steps[at].client += held
            held = []
    steps[-1].client += held
    return steps


def _saying(event: Event) -> object:
    return event.said or event.told


# --- what stands out


def _rows(steps: Sequence[_Step], started: float) -> Iterator[Row]:
    stall = _stall(steps)
    heard: float | None = started
    silent, out = True, False
    for step in steps:
        gap = _since(step.seconds, heard)
        mark: Mark = "first" if step.client and not out else ""
        if step.upstream and gap is not None and gap > (LONG if silent else stall):
            mark = "stall"
        if any(event.failed for event in (step.upstream, *step.client) if event):
            mark = "error"
        told = tuple(event.told for event in step.client)
        yield Row(step.seconds, gap, step.upstream.told if step.upstream else None, told, mark)
        out = out or bool(step.client)
        if step.upstream and not step.upstream.quiet:
            heard, silent = step.seconds, False


def _since(seconds: float | None, heard: float | None) -> float | None:
    return None if seconds is None or heard is None else max(0.0, seconds - heard)


def _stall(steps: Iterable[_Step]) -> float:
    """A gap beyond it is one. How long the first event takes says nothing of the others."""
    heard = [s.seconds for s in steps if s.upstream and not s.upstream.quiet]
    gaps = [_since(later, earlier) for earlier, later in pairwise(heard)]
    known = [gap for gap in gaps if gap]
    return min(LONG, max(MOMENT, UNUSUAL * median(known))) if known else LONG


def _endings(upstream: Stream, client: Stream, under_way: bool) -> Iterator[Row]:
    """What should stand at the end and does not."""
    came, gone = _missing(upstream, under_way), _missing(client, under_way)
    out = (gone,) if gone and client is not upstream else ()
    if came or out:
        cut = upstream.more or client.more
        yield Row(None, None, came, out, "cut" if cut else "missing")


def _missing(stream: Stream, under_way: bool) -> Told | None:
    if stream.more:
        return Told("(cut)", f"{stream.more:,} bytes more that are not shown")
    over = not stream.ending or any(event.last for event in stream.events)
    return None if over or under_way else Told(f"(no {stream.ending})", "it ends here")


# --- text

SIGNS: dict[Mark, str] = {"": " ", "first": ">", "stall": "!", "error": "!"}
NOT_THERE = ("missing", "cut")
MAX_TOLD = 20  # of what stands out, told before the table


def text(record: Mapping[str, Any], *, width: int = 100) -> str:
    found = rows(record)
    if not found:
        return "No answer came.\n"
    side = max(16, (width - 21) // 2)
    head = f"  {'seconds':>8} {'gap':>8}  {'from the upstream':<{side}} to the app"
    lines = [*_summary(found), "", head.rstrip()]
    for row in found:
        lines += _lines(row, side)
    return "\n".join(map(printable, lines)) + "\n"


def _summary(found: Sequence[Row]) -> list[str]:
    real = [row for row in found if row.mark not in NOT_THERE]
    came, gone = sum(row.upstream is not None for row in real), sum(len(r.client) for r in real)
    known = [row.seconds for row in found if row.seconds is not None]
    span = f", in {known[-1] - known[0]:.3f} s" if len(known) > 1 else ""
    told = [_outstanding(row) for row in found if row.mark not in ("", "first")]
    more = [f"! and {len(told) - MAX_TOLD} more"] if len(told) > MAX_TOLD else []
    return [f"{came} events from the upstream, {gone} to the app{span}", *told[:MAX_TOLD], *more]


def _outstanding(row: Row) -> str:
    at = f" at {row.seconds:.3f} s" if row.seconds is not None else ""
    after = f" after {row.gap:.3f} s of silence" if row.gap and row.gap > MOMENT else ""
    told = dict.fromkeys(event for event in (row.upstream, *row.client) if event)
    return f"! {row.mark}{at}{after}: " + "; ".join(f"{e.name} {e.excerpt}".rstrip() for e in told)


def _lines(row: Row, side: int) -> Iterator[str]:
    came = _cell(row.upstream, side) if row.upstream else ""
    if row.client == (row.upstream,):
        gone = ["="]
    else:
        gone = [_cell(event, side) for event in row.client] or [""]
    seconds = f"{row.seconds:.3f}" if row.seconds is not None else ""
    gap = f"+{row.gap:.3f}" if row.gap else ""
    sign = SIGNS.get(row.mark, "!")
    yield f"{sign} {seconds:>8} {gap:>8}  {came:<{side}} {gone[0]}".rstrip()
    for cell in gone[1:]:
        yield f"{'':21}{'':{side}} {cell}".rstrip()


def _cell(told: Told, side: int) -> str:
    words = f"{told.name.removeprefix('response.')} {told.excerpt}".rstrip()
    return words if len(words) <= side else words[: side - 1] + "…"
