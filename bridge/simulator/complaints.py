"""What is wrong with the requests that came: rules they break, and histories that changed.

In: the records of requests. Out: a line for each complaint. A vendor finds its cache, and what
its signatures are bound to, by how a request begins; so a longer request of a conversation has to
begin as the shorter ones did. Hard part: nothing names the conversation. Requests are of one if
they share upstream, operation, model and first words of the user.
"""

import os.path
from collections.abc import Iterable, Iterator
from typing import Any

from .respond import COUNTING, DIALECTS
from .upstreams import Recorded

Json = Any
CHANGED = "does not begin as request"
SHOWN = 80  # bytes of what is there and of what was


def complaints(records: Iterable[Recorded]) -> list[str]:
    known = list(records)
    broken = [f"{_named(r)}: {r.refusal}" for r in known if r.refusal is not None]
    return [*broken, *_changed_histories(known)]


def _named(record: Recorded) -> str:
    return f"{record.upstream}, request {record.number}, {record.operation or record.path}"


def _changed_histories(records: Iterable[Recorded]) -> Iterator[str]:
    latest: dict[tuple[str, ...], tuple[int, list[bytes]]] = {}
    for record in records:
        body, operation = record.body, record.operation
        if operation not in DIALECTS or operation in COUNTING:
            continue
        if record.refusal or not isinstance(body, dict):
            continue
        start, pieces = DIALECTS[operation].history(body)
        key = (record.upstream, operation, str(body.get("model")), start)
        if key in latest:
            number, before = latest[key]
            if told := _difference(before, pieces):
                yield f"{_named(record)}: {CHANGED} {number} did, {told}"
        latest[key] = (record.number, pieces)


def _difference(before: list[bytes], after: list[bytes]) -> str:
    for place, (old, new) in enumerate(zip(before, after, strict=False)):
        if old != new:
            return f"piece {place} was {_shown(old, new)}"
    return ""


def _shown(old: bytes, new: bytes) -> str:
    """Both from a little before where they part."""
    parting = len(os.path.commonprefix([old, new]))
    start = max(0, parting - SHOWN // 4)
    was, became = (text[start : start + SHOWN].decode("utf-8", "replace") for text in (old, new))
    return f"{was!r}, is {became!r}"
