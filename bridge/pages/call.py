"""One call as a page shows it: what was said, both wires, the stream in time, the attempts.

In: its record. Out: plain data. Whatever a record lacks, the page has the rest. What is made of the
bodies takes time, so a page may ask for a part of it.
"""

from collections.abc import Collection, Mapping
from typing import Any

from ..transform import PROTOCOLS, Protocol
from ..transform.cut_json import without_mark
from ..transform.json_text import Json
from ..transform.reading import Read, read_answer, read_request, written_in
from ..views import events, transcript, wire

# What of a record is shown as it is.
ABOUT = (
    "started conversation client upstream route model notes usage timing stop timeline "
    "replay_of replays injected compare under_way"
).split()
PARTS = ("transcript", "wire", "events", "tries")
_PROTOCOLS: dict[str, Protocol] = {protocol: protocol for protocol in PROTOCOLS}


def call_page(
    call_id: str,
    record: Mapping[str, Any],
    parts: Collection[str] = PARTS,
    cost: float | None = None,
) -> Json:
    """The page of the call with this id, with these of its parts."""
    bodies = record.get("bodies") or {}
    return {
        "id": call_id,
        **{key: record[key] for key in ABOUT if key in record},
        "attempts": [_without_bodies(each) for each in record.get("attempts") or ()],
        **_shadow(record),
        "cost": cost,
        "kept": bool(bodies),
        "sizes": {name: len(text.encode("utf-8", "replace")) for name, text in bodies.items()},
        **{part: made(record, bodies) for part, made in MADE.items() if part in parts},
    }


def _without_bodies(attempt: Mapping[str, Any]) -> Json:
    return {key: value for key, value in attempt.items() if key != "bodies"}


def _shadow(record: Mapping[str, Any]) -> Json:
    """But for the request that it would be sent, which is on the wires."""
    told = record.get("shadow") or {}
    return {"shadow": {k: v for k, v in told.items() if k != "request"}} if told else {}


def _wire(record: Mapping[str, Any], bodies: Mapping[str, str]) -> Json:
    return [section.as_dict() for section in wire.sections(record)] if bodies else []


def _events(record: Mapping[str, Any], bodies: Mapping[str, str]) -> Json:
    return [row.as_dict() for row in events.rows(record)] if bodies else []


def _transcript(record: Mapping[str, Any], bodies: Mapping[str, str]) -> Json:
    """Of the request and its answer; None where nothing of them is kept."""
    protocol = _PROTOCOLS.get(record.get("client") or "")
    asked = bodies.get("client_request", "")
    if protocol is None or not asked:
        return None
    faults: list[str] = []
    request = transcript.of_request(read_request(protocol, asked.encode(), faults), faults)
    told = bodies.get("client_response") or bodies.get("upstream_response") or ""
    answer = transcript.of_answer(_answer(record, protocol, told.encode()))
    return {"request": request.as_dict(), "answer": answer.as_dict() if told else None}


def _answer(record: Mapping[str, Any], protocol: Protocol, told: bytes) -> Read:
    """While the call is under way, it is no fault that the end is missing."""
    read = read_answer(written_in(told) or protocol, told, _status(record))
    if not record.get("under_way") or not read.cut or without_mark(told)[1]:
        return read
    return read._replace(error=None, faults=())


def _tries(record: Mapping[str, Any], bodies: Mapping[str, str]) -> Json:
    """The wires of each attempt before the last."""
    return [[section.as_dict() for section in wires] for wires in wire.of_attempts(record)]


MADE = {"transcript": _transcript, "wire": _wire, "events": _events, "tries": _tries}


def _status(record: Mapping[str, Any]) -> int:
    """That of the last attempt, if it is an error."""
    attempts = record.get("attempts") or [{}]
    return attempts[-1].get("status") or 200
