"""What another upstream would have been sent of a call, and how the answers of two compare.

In: a call that is not sent, or the records of two that were. Out: plain data for a record. Who is
really sent a share of the calls: the same ones every time.
"""

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from .exchange import Exchange
from .transform import Protocol, TransformError
from .transform.reading import read_answer
from .transform.turn import Said, said

NOTHING = Said("", ())


def sampled(call_id: str, share: float) -> bool:
    """Whether this call is one of the `share`."""
    place = int.from_bytes(sha256(call_id.encode()).digest()[:8])
    return place < share * 2**64


def preview(exchange: Exchange, now: float) -> dict[str, Any]:
    """What `exchange` would send, and lose on the way; `refused`: why nothing."""
    refused = ""
    try:
        target = exchange.next_target(now)
        assert target is not None  # it has one upstream, which nobody has tried
        if exchange.next_attempt(target, now) is None:
            refused = exchange.trace.attempts[-1].reason
    except TransformError as error:
        refused = str(error)
    [upstream] = exchange.route.upstreams
    record = exchange.trace.metadata()
    bodies = record["bodies"]
    sent = "" if refused else bodies.get("upstream_request", bodies["client_request"])
    return {
        "upstream": upstream.name,
        "protocol": upstream.protocol,
        "model": upstream.model_for(exchange.call.model) or exchange.call.model,
        "notes": record["notes"],
        "refused": refused,
        "request": sent,
    }


def compare(original: Mapping[str, Any], replay: Mapping[str, Any]) -> dict[str, Any]:
    """Two answers to one request; where there are two values, the original's is the first.

    Of one whose text is masked nobody can tell whether it said the same.
    """
    first, second = _said(original), _said(replay)
    both = (original, replay)
    told: dict[str, Any] = {
        "stop": [record.get("stop") or "" for record in both],
        "usage": [dict(record.get("usage") or {}) for record in both],
        "tools": [[name for name, _ in answer.calls] for answer in (first, second)],
    }
    if any(record.get("masked") for record in both):
        return told
    return {
        "same_text": first.text == second.text,
        "ratio": _ratio(first.text, second.text),
        "same_calls": first.calls == second.calls,
        **told,
    }


def _said(record: Mapping[str, Any]) -> Said:
    """The answer as the app got it."""
    bodies, attempts = record.get("bodies") or {}, record.get("attempts") or [{}]
    body: str = bodies.get("client_response", bodies.get("upstream_response", ""))
    protocol: Protocol | None = record.get("client")
    if not body or protocol is None:
        return NOTHING
    read = read_answer(protocol, body.encode(), attempts[-1].get("status") or 200)
    return said(read.response.parts) if read.response else NOTHING


def _ratio(first: str, second: str) -> float:
    """From 0 to 1, how many of their words both have; in which order would take long to tell."""
    a, b = Counter(first.split()), Counter(second.split())
    words = a.total() + b.total()
    return round(2 * (a & b).total() / words, 3) if words else 1.0
