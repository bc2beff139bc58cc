"""Recorded traffic of real providers: the records, and answers read by the codec of their protocol.

Modules that import this one are skipped where the recordings are not at hand.
"""

import gzip
import json
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bridge.transform.answers import Error, Event, Response
from bridge.transform.context import Context, context
from bridge.transform.fold import Fold
from bridge.transform.model import Protocol
from bridge.transform.sse import SseParser
from bridge.transform.translator import CODECS

SHARED = Path(__file__).resolve().parents[3] / "shared"
CORPUS, CAPTURES = SHARED / "corpus", SHARED / "captures"
KINDS = ("json", "stream")
# Endpoints of another kind under the same protocol.
OTHER_ENDPOINTS = ("count_tokens", "compact", "input_tokens", "responses/{id}")

if not CORPUS.is_dir() and "CI" not in os.environ:
    pytest.skip(f"no recorded traffic at {CORPUS}", allow_module_level=True)


@cache
def records(protocol: Protocol, kind: str) -> list[Any]:
    """Records with a 2xx status; `kind` is one of KINDS."""
    with gzip.open(CORPUS / f"{protocol}.{kind}.jsonl.gz", "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return [record for record in found if not record["endpoint"].endswith(OTHER_ENDPOINTS)]


@cache
def error_records(protocol: Protocol) -> list[Any]:
    lines = (CORPUS / "errors.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    return [record for record in found if record["protocol"] == protocol]


@cache
def requests(protocol: Protocol) -> list[tuple[str, Any]]:
    found = [record for kind in KINDS for record in records(protocol, kind)]
    return [(r["id"], r["request"]["body"]) for r in found if r["request"]["body"] is not None]


def own(protocol: Protocol) -> Context:
    return context(protocol, protocol)


def pieces(data: bytes, size: int) -> Iterable[bytes]:
    return (data[begin : begin + size] for begin in range(0, len(data), size))


def events_of(record: Any, size: int = 0) -> list[Event]:
    """The answer as events; `size` cuts a stream into pieces of that many bytes."""
    protocol: Protocol = record["protocol"]
    if not record["streaming"]:
        return CODECS[protocol].decode_response(record["response"]["body"], own(protocol))
    return stream_events(protocol, record["response"]["sse"].encode(), size)


def stream_events(protocol: Protocol, data: bytes, size: int = 0) -> list[Event]:
    parser, decoder = SseParser(), CODECS[protocol].Decoder(own(protocol))
    events: list[Event] = []
    for piece in pieces(data, size or max(1, len(data))):
        for sse in parser.feed(piece):
            events += decoder.feed(sse)
    for sse in parser.end():
        events += decoder.feed(sse)
    return events + decoder.end()


def folded(events: Iterable[Event]) -> Response | Error:
    fold = Fold()
    for event in events:
        fold.add(event)
    found = fold.response or fold.error
    assert found
    return found


@cache
def answers(protocol: Protocol, kind: str) -> list[tuple[Any, Response]]:
    """Records with what they say; those that are errors are left out."""
    read = ((record, folded(events_of(record))) for record in records(protocol, kind))
    return [(record, answer) for record, answer in read if isinstance(answer, Response)]
