"""A call at an upstream that somebody chose for it."""

import json
from math import inf
from typing import Any

from bridge.bounded import Bounds
from bridge.config import Config, parse
from bridge.exchange import Exchange
from bridge.health import Answered
from bridge.repairs import Repairs
from bridge.routing import Router, Target
from bridge.steps import Done
from bridge.store import Store
from bridge.trial import trial
from bridge.upstream import Upstream
from tests.exchanged import KEY, NOW, answered, call, ledger

CONFIG = """
upstreams:
  a: {protocol: openai_responses, url: 'http://a.test/v1', api_key: [one, two]}
  b: {protocol: openai_chat, url: 'http://b.test/v1', api_key: key, strict: true}
  c: {protocol: openai_chat, url: 'http://c.test/v1', api_key: key}
routes: [{upstreams: [a, b]}]
failover: {early_stream: 1s, ping_interval: 2s, first_byte_timeout: 9s}
strict: true
"""
ASKED: dict[str, Any] = {"model": "m", "input": "hi"}
ANSWER = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "m",
    "output": [{"type": "message", "id": "msg_1", "role": "assistant", "content": []}],
}


class World:
    def __init__(self) -> None:
        self.config: Config = parse(CONFIG, "config.yaml", {})
        self.router = Router(self.config)
        self.ledger, self.store = ledger(), Store(Bounds(10_000, 3600.0))

    def upstream(self, name: str) -> Upstream:
        return self.config.upstreams[name]

    def trial(self, name: str, **fields: Any) -> Exchange:
        """Its request has been made."""
        made = trial(
            call("openai_responses", json.dumps({**ASKED, **fields}).encode()),
            self.upstream(name),
            "replay",
            self.router,
            self.config.failover,
            key=KEY,
            ledger=self.ledger,
            store=self.store,
            repairs=Repairs(),
            now=NOW,
        )
        target = made.next_target(NOW)
        assert target and target.upstream.name == name
        made.next_attempt(target, NOW)
        return made


def test_it_goes_there_whatever_the_health_and_takes_the_key_that_is_well() -> None:
    world = World()
    world.router.record(Target(world.upstream("a")), Answered(429), NOW)
    exchange = world.trial("a")
    assert exchange.trace.attempts[0].upstream == "a#2"
    assert exchange.trace.route == "replay"


def test_it_goes_nowhere_else_and_no_route_hears_of_it() -> None:
    world = World()
    before = world.router.status(NOW + 1)
    exchange = world.trial("a")
    assert world.router.status(NOW + 1) == before, "not even that it is under way"
    record = answered(exchange, b'{"error":{"message":"slow down"}}', stream=False, status=429)
    assert exchange.next_target(NOW + 3) is None
    assert isinstance(exchange.ending, Done) and exchange.ending.reply.status == 429
    assert [attempt["outcome"] for attempt in record["attempts"]] == ["error"]
    assert world.router.status(NOW + 3)["routes"] == before["routes"]


def test_no_later_call_knows_of_its_answer() -> None:
    world = World()
    answered(world.trial("a"), json.dumps(ANSWER).encode(), stream=False)
    assert world.ledger.size == 0 and not world.store.knows("resp_1", NOW)


def test_nobody_waits_for_a_sign_of_life() -> None:
    exchange = World().trial("a", stream=True)
    assert exchange.wake_at() == NOW + 9
    exchange.answered(200, [("content-type", "text/event-stream")], NOW + 1)
    assert NOW + 1 < exchange.wake_at() < inf
    exchange.wake(NOW + 8)
    assert exchange.trace.bodies.client_response.size == 0


def test_what_would_be_lost_is_shown_unless_the_upstream_is_strict() -> None:
    lost = {"tools": [{"type": "image_generation"}]}
    [strict] = World().trial("b", **lost).trace.attempts
    assert strict.outcome == "refused" and "strict: " in strict.reason
    shown = World().trial("c", **lost).trace
    assert shown.attempts[0].outcome == "pending" and shown.mark() == ":orange_circle:"
