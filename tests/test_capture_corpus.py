"""Recorded requests and answers of real providers, in all directions: each makes a case."""

from pathlib import Path
from typing import Any

import pytest

from bridge.capture import Known, NoCase, case_of
from bridge.cases import Case, check, load, save
from bridge.scrub import scrub
from bridge.transform import PROTOCOLS, Protocol
from bridge.transform.json_text import dumps, loads
from tests.exchanged import KEY, answered, call, config, opened
from tests.transform.recorded import KINDS, records

EACH = 6  # answers of each kind, in each direction


def captured(client: Protocol, upstream: Protocol, kind: str, number: int) -> Case | None:
    """A request of one protocol with an answer in another, though none of them knew the other."""
    asked = [r["request"]["body"] for r in records(client, kind)]
    requests = [body for body in asked if isinstance(body, dict)]
    request = {**requests[number % len(requests)], "stream": kind == "stream"}
    answer = records(upstream, kind)[number]["response"]
    body = answer["sse"].encode() if kind == "stream" else dumps(answer["body"])
    exchange = opened(call(client, dumps(request)), config(upstream))
    if exchange.ending is None:
        answered(exchange, body, stream=kind == "stream")
    known = Known(exchange.route.upstreams[0].profile, "up", own_host=False, key=KEY)
    try:
        return case_of("name", exchange.trace.metadata(), dumps(request), known)
    except NoCase as reason:
        assert "in pieces" in str(reason)
        return None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("upstream", PROTOCOLS)
@pytest.mark.parametrize("client", PROTOCOLS)
def test_each_is_a_case_that_is_what_it_was_and_passes(
    client: Protocol, upstream: Protocol, kind: str, tmp_path: Path
) -> None:
    count = len(records(upstream, kind))
    numbers = range(0, count, max(1, count // EACH))
    cases = [case for n in numbers if (case := captured(client, upstream, kind, n))]
    assert len(cases) > EACH // 2
    for case in cases:
        assert case.differs == ()
        save(case, tmp_path / "case.json")
        again = load(tmp_path / "case.json")
        assert again == case
        check(again)
        text = (tmp_path / "case.json").read_text("utf-8")
        assert scrub(text) == text


def parts(record: Any) -> list[Any]:
    return [record["request"]["body"], record["response"].get("body")]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_scrubbed_is_still_json(protocol: Protocol) -> None:
    for record in records(protocol, "json"):
        for value in filter(None, parts(record)):
            text = dumps(value).decode()
            scrubbed = scrub(text)
            assert scrubbed == text or dumps(loads(scrubbed)).decode() == scrubbed
