"""The request for a WebSocket at an upstream: taken, refused, or never answered."""

from math import inf
from typing import Any

import pytest

from bridge.config import parse
from bridge.handshake import PATIENCE, Handshake
from bridge.outgoing import Outgoing
from bridge.routing import Router, Target
from bridge.steps import OPEN, WAIT, Done

CONFIG = parse(
    "upstreams: {up: {protocol: openai_responses, url: 'https://up.test', api_key: k}}\n"
    "routes: [{upstreams: [up]}]",
    "c",
    {},
)
UP = CONFIG.upstreams["up"]


class World:
    """A handshake, and what is known of its upstream."""

    def __init__(self, patience: float = 5.0) -> None:
        self.router = Router(CONFIG)
        self.made = Handshake(Outgoing(UP, "/v1/responses", [], b""), self, 10.0, patience)

    def begin(self, target: Target, now: float, *, model: str) -> None:
        self.router.begin(target, now, model=model)

    def record(self, target: Target, outcome: Any, now: float, **facts: Any) -> None:
        self.router.record(target, outcome, now, **facts)

    @property
    def health(self) -> tuple[int, int]:
        """Requests on their way, and connection errors in a row."""
        (told,) = self.router.status(20.0)["upstreams"]
        return told["in_flight"], told["connection_errors"]


def refused(step: Any) -> bool:
    return isinstance(step, Done) and step.reply.status == 426 and b"use HTTP" in step.reply.body


def test_one_that_is_taken_is_open() -> None:
    world = World()
    assert world.health == (1, 0)
    assert not world.made.answered(101, [("upgrade", "websocket")], 11.0)
    assert world.made.whole(b"", 11.0) == OPEN
    assert world.health == (0, 0) and world.made.wake_at() == inf
    world.made.broke(12.0)
    assert world.health == (0, 0)


@pytest.mark.parametrize("status", [200, 404, 426, 429, 503])
def test_a_refusal_sends_the_app_to_http_and_says_nothing_of_calls(status: int) -> None:
    world = World()
    assert not world.made.answered(status, [], 11.0)
    world.made.received(11.0)
    assert world.made.take(b"x", 11.0) == WAIT
    assert refused(world.made.whole(b"no", 11.0))
    assert world.health == (0, 0) and world.made.problem == f"it answered {status}"
    (told,) = world.router.status(20.0)["upstreams"]
    assert told["healthy"]


def test_an_upstream_that_is_not_there_is_known_by_it() -> None:
    world = World()
    assert refused(world.made.lost("refused", 11.0))
    assert world.health == (0, 1) and world.made.problem == "refused"


def test_an_answer_that_breaks_off_was_one() -> None:
    world = World()
    world.made.answered(200, [], 11.0)
    assert refused(world.made.lost("gone", 11.0)) and world.health == (0, 0)


@pytest.mark.parametrize("patience, end", [(5.0, 15.0), (60.0, 10.0 + PATIENCE)])
def test_an_upstream_that_says_nothing_is_none(patience: float, end: float) -> None:
    world = World(patience)
    assert world.made.wake_at() == end
    assert world.made.wake(end - 0.1) == WAIT and world.health == (1, 0)
    assert refused(world.made.wake(end)) and world.health == (0, 1)
    assert "no answer in" in world.made.problem and world.made.wake_at() == inf


def test_an_app_that_hangs_up_says_nothing_of_anybody() -> None:
    world = World()
    world.made.broke(11.0)
    assert world.health == (0, 0) and world.made.ending is None
    assert world.made.head(11.0).status == 426
