"""One call as a page shows it: what was said, both wires, the stream in time, the attempts.

In: its record. Out: plain data. Whatever a record lacks, the page has the rest.
"""

from collections.abc import Mapping
from typing import Any

from ..transform import PROTOCOLS, Protocol
from ..transform.json_text import Json
from ..transform.reading import read_answer, read_request
from ..views import events, transcript, wire

# What of a record is shown as it is.
ABOUT = (
    "started conversation client upstream route model attempts notes usage timing stop timeline "
    "replay_of replays injected shadow compare"
).split()
_PROTOCOLS: dict[str, Protocol] = {protocol: protocol for protocol in PROTOCOLS}


def call_page(call_id: str, record: Mapping[str, Any]) -> Json:
    """The page of the call with this id."""
    bodies = record.get("bodies") or {}
    return {
        "id": call_id,
        **{key: record[key] for key in ABOUT if key in record},
        "kept": bool(bodies),
        "sizes": {name: len(text.encode("utf-8", "replace")) for name, text in bodies.items()},
        "transcript": _transcript(record, bodies),
        "wire": [section.as_dict() for section in wire.sections(record)] if bodies else [],
        "events": [row.as_dict() for row in events.rows(record)] if bodies else [],
    }


def _transcript(record: Mapping[str, Any], bodies: Mapping[str, str]) -> Json:
    """Of the request and its answer; None where nothing of them is kept."""
    protocol = _PROTOCOLS.get(record.get("client") or "")
    asked = bodies.get("client_request", "")
    if protocol is None or not asked:
        return None
    faults: list[str] = []
    request = transcript.of_request(read_request(protocol, asked.encode(), faults), faults)
    told = bodies.get("client_response") or bodies.get("upstream_response") or ""
    answer = transcript.of_answer(read_answer(protocol, told.encode(), _status(record)))
    return {"request": request.as_dict(), "answer": answer.as_dict() if told else None}


def _status(record: Mapping[str, Any]) -> int:
    """That of the last attempt, if it is an error."""
    attempts = record.get("attempts") or [{}]
    return attempts[-1].get("status") or 200
