"""What the record of a call says of where its request went, and of how its answer came.

In: the record, as it was kept with the flow; any of its keys may be missing. Out: words and texts
to stand above a transcript.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ..transform.fields import object_of, objects_of
from .settings import Setting
from .transcript import COUNTS

type Record = Mapping[str, Any]

MAX_NOTES = 8


def of_request(record: Record) -> Iterator[Setting]:
    """The way the request went, and what it lost on it."""
    attempts = objects_of(record.get("attempts"))
    for attempt in attempts[:-1]:
        yield Setting("tried", _outcome(attempt))
    if attempts:
        route = f", by route {record['route']}" if record.get("route") else ""
        yield Setting("sent to", _upstream(record, attempts[-1]) + route)
    noted = [note for note in objects_of(record.get("notes")) if note.get("severity") != "cosmetic"]
    for note in noted[:MAX_NOTES]:
        place = f" at {note['where']}" if note.get("where") else ""
        text = f"{note.get('code', '')}{place}: {note.get('detail', '')}"
        yield Setting(str(note.get("severity", "note")), text)
    if len(noted) > MAX_NOTES:
        yield Setting("note", f"and {len(noted) - MAX_NOTES} more")


def of_answer(record: Record) -> Iterator[Setting]:
    """Who gave it, when it came, and what became of it if it did not come whole."""
    attempts = objects_of(record.get("attempts"))
    if attempts:
        last = attempts[-1]
        yield Setting("from", _upstream(record, last))
        if last.get("outcome") not in ("ok", "pending", None):
            yield Setting("outcome", _outcome(last))
    timing = object_of(record.get("timing"))
    times = [f"{word} {_seconds(timing[key])}" for key, word in TIMES.items() if key in timing]
    if times:
        yield Setting("times", ", ".join(times))


TIMES = {"first_byte": "first byte", "first_content": "first content", "last": "all"}


def of_attempt(attempt: Record) -> Iterator[Setting]:
    """Of the row of an attempt that failed."""
    upstream, protocol = attempt.get("upstream", ""), attempt.get("protocol", "")
    yield Setting("sent to", f"{upstream} ({protocol})")
    yield Setting("attempt", f"of call {attempt.get('of', '')}")


def usage(record: Record) -> tuple[tuple[str, int], ...]:
    """The counts, by their names."""
    counts = object_of(record.get("usage"))
    return tuple((name, counts[name]) for name in COUNTS if isinstance(counts.get(name), int))


def body(record: Record, name: str) -> str:
    """One of the record's bodies; "" where there is none."""
    text = object_of(record.get("bodies")).get(name)
    return text if isinstance(text, str) else ""


def _upstream(record: Record, attempt: Record) -> str:
    model = object_of(record.get("model"))
    asked, used = model.get("asked"), model.get("used")
    as_model = f" as {used}" if used and used != asked else ""
    return f"{attempt.get('upstream', '')} ({record.get('upstream', '')}){as_model}"


def _outcome(attempt: Record) -> str:
    status = f" {attempt['status']}" if attempt.get("status") else ""
    reason = f": {attempt['reason']}" if attempt.get("reason") else ""
    after = f" after {_seconds(attempt['duration'])}" if attempt.get("duration") else ""
    return f"{attempt.get('upstream', '')}, {attempt.get('outcome', '')}{status}{after}{reason}"


def _seconds(value: Any) -> str:
    return f"{value:.2f} s" if isinstance(value, int | float) else str(value)
