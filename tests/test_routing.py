"""The circuit as stories with a fake clock, which route takes which request, and who is next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import Config, parse
from bridge.health import (
    Answered,
    Cancelled,
    ConnectionFailed,
    Healthy,
    Outcome,
    Probe,
    Unhealthy,
    Warned,
)
from bridge.routing import Change, Facts, Moved, Router, Target
from bridge.settings import Shadow

UPSTREAMS = """
upstreams:
  a: {protocol: anthropic_messages, url: http://a.test}
  b: {protocol: openai_chat, url: http://b.test}
  c: {protocol: openai_chat, url: http://c.test}
"""
FACTS = Facts(protocol="anthropic_messages")
REFUSED = ConnectionFailed("connection refused")


def config(routes: str, failover: str = "{}") -> Config:
    return parse(f"{UPSTREAMS}\nroutes: {routes}\nfailover: {failover}", "config.yaml", {})


def chain(*names: str, failover: str = "{}") -> Router:
    """A router with one route through these upstreams."""
    return Router(config(f"[{{upstreams: [{', '.join(names)}]}}]", failover))


def active(router: Router, now: float, facts: Facts = FACTS) -> str:
    choice = router.candidates(facts, now)
    assert choice is not None
    return choice.upstreams[0].name


def cooldown_left(router: Router, name: str, now: float) -> float:
    [left] = [u["cooldown_left"] for u in router.status(now)["upstreams"] if u["name"] == name]
    return float(left)


@dataclass
class Request:
    """A request to the active upstream, or to another whose answer is late."""

    outcome: Outcome
    upstream: str | None = None
    started: float | None = None


@dataclass
class Begin:
    """A request is on its way."""

    upstream: str


@dataclass
class Check:
    probe: Probe
    upstream: str = "a"


class Tick:
    """The timer."""


OK, LIMITED, ERROR = Request(Answered(200)), Request(Answered(429)), Request(Answered(500))
NO_CONNECTION, HUNG_UP = Request(REFUSED), Request(Cancelled())
PASSED, FAILED = Check(Answered(200)), Check(Answered(503))

type Event = Request | Begin | Check | Tick
# time, what happens, the active upstream afterwards, what is left of the cooldown of `a`
type Story = Sequence[tuple[float, Event, str, float]]


def play(router: Router, event: Event, now: float) -> list[Change]:
    match event:
        case Request(outcome, name, started):
            target = Target(router.upstreams[name or active(router, now)])
            return router.record(target, outcome, now, started=started)
        case Begin(name):
            router.begin(Target(router.upstreams[name]), now)
            return []
        case Check(probe, name):
            return router.checked(router.upstreams[name], probe, now)
        case Tick():
            return router.tick(now)


@pytest.mark.parametrize(
    "names, failover, story",
    [
        pytest.param("a b", "{}", [(0, Tick(), "a", 0)], id="start on the primary"),
        pytest.param(
            "a b",
            "{}",
            [(0, OK, "a", 0), (1, ERROR, "a", 0), (2, Request(Answered(529)), "a", 0)],
            id="answers other than 429 stay there",
        ),
        pytest.param(
            "a b",
            "{}",
            [(0, ERROR, "a", 0), (1, ERROR, "a", 0), (2, ERROR, "b", 300)],
            id="but the third failure in a row moves the route",
        ),
        pytest.param(
            "a b",
            "{failures: 2}",
            [(0, ERROR, "a", 0), (1, OK, "a", 0), (2, ERROR, "a", 0), (3, ERROR, "b", 300)],
            id="or as many as configured, without another answer between them",
        ),
        pytest.param(
            "a b",
            "{max_cooldown: 10m}",
            [
                (0, Request(Answered(429, 20)), "b", 20),
                (20, PASSED, "a", 0),
                (21, Request(Answered(429, 7200)), "b", 600),
            ],
            id="the upstream says for how long, up to the cap",
        ),
        pytest.param(
            "a b",
            "{}",
            [(0, LIMITED, "b", 300), (60, Request(Answered(200), "a", 50), "a", 0)],
            id="a success during the cooldown leads back: somebody tried",
        ),
        pytest.param(
            "a b",
            "{health_check: {interval: 0}}",
            [
                (0, LIMITED, "b", 300),
                (300, Tick(), "a", 0),
                (301, Begin("a"), "b", 0),
                (302, Request(Answered(200), "a", 301), "a", 0),
                (303, LIMITED, "b", 300),
            ],
            id="without health checks one request is the trial; it succeeds",
        ),
        pytest.param(
            "a b",
            "{health_check: {interval: 0}}",
            [
                (0, LIMITED, "b", 300),
                (301, Begin("a"), "b", 0),
                (302, Request(REFUSED, "a", 301), "b", 600),
                (902, Begin("a"), "b", 0),
                (961, Tick(), "b", 0),
                (962, Tick(), "a", 0),
            ],
            id="it fails; the next one is never heard of again",
        ),
        pytest.param("a b", "{}", [(0, LIMITED, "b", 300)], id="trap 3: 429: at once"),
        pytest.param(
            "a b",
            "{}",
            [
                (0, LIMITED, "b", 300),
                (1, Tick(), "b", 299),
                (100, Tick(), "b", 200),
                (299.5, Tick(), "b", 0.5),
                (300, Tick(), "b", 0),
                (1000, Tick(), "b", 0),
            ],
            id="each tick lowers the cooldown, never below zero",
        ),
        pytest.param(
            "a b",
            "{cooldown: 20s}",
            [(0, LIMITED, "b", 20), (5, Tick(), "b", 15)],
            id="the cooldown is the configured one",
        ),
        pytest.param(
            "a b",
            "{}",
            [(0, NO_CONNECTION, "a", 0), (1, NO_CONNECTION, "a", 0), (2, NO_CONNECTION, "b", 300)],
            id="connection errors: at the third in a row to the backup",
        ),
        pytest.param(
            "a b",
            "{connection_errors: 1}",
            [(0, NO_CONNECTION, "b", 300)],
            id="or at the first, if configured so",
        ),
        pytest.param(
            "a b",
            "{}",
            [
                (0, NO_CONNECTION, "a", 0),
                (1, NO_CONNECTION, "a", 0),
                (2, ERROR, "a", 0),
                (3, NO_CONNECTION, "a", 0),
                (4, NO_CONNECTION, "a", 0),
                (5, NO_CONNECTION, "b", 300),
            ],
            id="any answer resets the count",
        ),
        pytest.param(
            "a b",
            "{}",
            [
                (0, NO_CONNECTION, "a", 0),
                (1, NO_CONNECTION, "a", 0),
                (2, HUNG_UP, "a", 0),
                (3, HUNG_UP, "a", 0),
                (4, NO_CONNECTION, "b", 300),
            ],
            id="trap 17: a client that hangs up counts for nothing",
        ),
        pytest.param(
            "a b", "{}", [(0, FAILED, "b", 300)], id="a failed health check: to the backup at once"
        ),
        pytest.param(
            "a b",
            "{}",
            [(0, Check(Answered(404)), "a", 0), (1, Check(Answered(401)), "a", 0)],
            id="a health check that is refused shows a server that is alive",
        ),
        pytest.param(
            "a b",
            "{}",
            [(0, LIMITED, "b", 300), (60, PASSED, "b", 240), (299, PASSED, "b", 1)],
            id="a passed check while the cooldown runs: nothing",
        ),
        pytest.param(
            "a b",
            "{}",
            [(0, LIMITED, "b", 300), (300, PASSED, "a", 0), (301, OK, "a", 0)],
            id="a passed check after it: back to the primary",
        ),
        pytest.param(
            "a b",
            "{}",
            [
                (0, NO_CONNECTION, "a", 0),
                (1, NO_CONNECTION, "a", 0),
                (2, NO_CONNECTION, "b", 300),
                (302, PASSED, "a", 0),
                (303, NO_CONNECTION, "a", 0),
                (304, NO_CONNECTION, "a", 0),
                (305, NO_CONNECTION, "b", 300),
            ],
            id="and the count starts again",
        ),
        pytest.param(
            "a b",
            "{}",
            [
                (0, FAILED, "b", 300),
                (60, FAILED, "b", 240),
                (300, FAILED, "b", 600),
                (360, PASSED, "b", 540),
                (900, PASSED, "a", 0),
            ],
            id="failed checks do not prolong the cooldown, but after it start a longer one",
        ),
        pytest.param(
            "a b",
            "{}",
            [(0, LIMITED, "b", 300), (10, Request(Answered(429), "a"), "b", 290)],
            id="nor does a late 429 of the primary",
        ),
        pytest.param(
            "a",
            "{}",
            [(0, LIMITED, "a", 300), (1, FAILED, "a", 299), (2, NO_CONNECTION, "a", 298)],
            id="without a backup nothing changes the route",
        ),
        pytest.param(
            "a",
            "{}",
            [(0, NO_CONNECTION, "a", 0), (1, NO_CONNECTION, "a", 0), (2, NO_CONNECTION, "a", 300)],
            id="not even the third connection error",
        ),
        pytest.param(
            "a b",
            "{health_check: {interval: 0}}",
            [(0, LIMITED, "b", 300), (299, Tick(), "b", 1), (300, Tick(), "a", 0)],
            id="trap 8: without health checks the end of the cooldown leads back",
        ),
        pytest.param(
            "a b c",
            "{}",
            [(0, LIMITED, "b", 300), (10, LIMITED, "c", 290), (20, OK, "c", 280)],
            id="a backup fails in the same way: to the next one",
        ),
        pytest.param(
            "a b c",
            "{}",
            [(0, LIMITED, "b", 300), (1, NO_CONNECTION, "b", 299), (2, NO_CONNECTION, "b", 298)]
            + [(3, NO_CONNECTION, "c", 297)],
            id="its connection errors count for itself",
        ),
        pytest.param(
            "a b c",
            "{}",
            [(0, Check(Answered(500), "b"), "a", 0), (1, LIMITED, "c", 300)],
            id="a backup that is unhealthy already is passed over",
        ),
        pytest.param(
            "a b c",
            "{}",
            [(0, LIMITED, "b", 300), (10, LIMITED, "c", 290)]
            + [(310, Check(Answered(200), "b"), "b", 0), (320, PASSED, "a", 0)],
            id="each step back goes to the best healthy one",
        ),
        pytest.param(
            "a b",
            "{}",
            [(0, LIMITED, "b", 300), (10, LIMITED, "a", 290), (11, OK, "a", 289)],
            id="trap 10: nothing healthy: the one that recovers soonest",
        ),
        pytest.param(
            "a b",
            "{}",
            [(0, Check(REFUSED, "b"), "a", 0), (10, LIMITED, "b", 300), (310, LIMITED, "a", 0)],
            id="and that one's next failure puts it behind the other",
        ),
    ],
)
def test_circuit(names: str, failover: str, story: Story) -> None:
    router = chain(*names.split(), failover=failover)
    for now, event, upstream, left in story:
        play(router, event, now)
        assert (now, active(router, now), cooldown_left(router, "a", now)) == (now, upstream, left)


def test_all_candidates_are_offered_best_first() -> None:
    router = chain("a", "b", "c")
    router.record(Target(router.upstreams["b"]), Answered(429), 0)
    router.record(Target(router.upstreams["a"]), Answered(429), 1)
    choice = router.candidates(FACTS, 2)
    assert choice is not None
    assert choice.route.name == "routes[0]"
    assert [upstream.name for upstream in choice.upstreams] == ["c", "b", "a"]


def test_a_move_is_told_with_its_reason() -> None:
    router = chain("a", "b", failover="{connection_errors: 2}")
    a = router.upstreams["a"]
    assert router.record(Target(a), REFUSED, 0) == [Warned("a", "connection refused", 1, 2)]
    assert router.record(Target(a), REFUSED, 1) == [
        Unhealthy("a", "connection refused, connection error 2", 300),
        Moved("routes[0]", "a", "b"),
    ]
    assert router.record(Target(a), Answered(200), 2) == []
    assert router.checked(a, Answered(200), 301) == [Healthy("a"), Moved("routes[0]", "b", "a")]
    assert str(Moved("routes[0]", "b", "a")) == "routes[0]: b -> a"


def test_the_timer_tells_of_cooldowns_that_ended_without_health_checks() -> None:
    router = chain("a", "b", failover="{health_check: {interval: 0}}")
    router.record(Target(router.upstreams["a"]), Answered(429), 0)
    assert active(router, 300) == "a"
    assert router.tick(300) == [Healthy("a"), Moved("routes[0]", "b", "a")]
    assert router.tick(301) == []


def test_routes_share_the_health_of_an_upstream() -> None:
    router = Router(
        config("[{match: {model: x}, upstreams: [a, b]}, {upstreams: [a, c]}]"),
    )
    moves = router.record(Target(router.upstreams["a"]), Answered(429), 0)[1:]
    assert moves == [Moved("routes[0]", "a", "b"), Moved("routes[1]", "a", "c")]


MATCHING = Facts(
    protocol="openai_chat",
    model="claude-opus-5[1m]",
    host="API.Example.com",
    path="/v1/chat/completions?beta=true",
    headers={"x-app": "cli", "user-agent": "claude-cli/2.1.330 (external, cli)"},
    body={
        "metadata": {"user_id": "user_1", "": None},
        "stream": True,
        "n": 2,
        "stop": ["a", {"b": "c"}],
    },
    side=True,
    thinking=True,
    tokens=1000,
    has=frozenset({"images", "tools"}),
)


@pytest.mark.parametrize(
    "match, matches",
    [
        pytest.param("{}", True, id="no condition: every request"),
        pytest.param("{protocol: openai_chat}", True, id="protocol"),
        pytest.param("{protocol: openai_responses}", False, id="another protocol"),
        pytest.param('{model: "claude-*"}', True, id="model by wildcard"),
        pytest.param('{model: "claude-opus-5[1m]"}', True, id="brackets in a model are letters"),
        pytest.param('{model: "claude-opus-?"}', False, id="a wildcard covers the whole name"),
        pytest.param("{host: api.EXAMPLE.com}", True, id="host in any case"),
        pytest.param('{host: "*.org"}', False, id="another host"),
        pytest.param("{path: /v1/chat/completions}", True, id="path without its query"),
        pytest.param("{path: /v1}", False, id="a path is compared as a whole"),
        pytest.param('{path: "/v1/*"}', True, id="path by wildcard, across slashes"),
        pytest.param("{header: {X-App: cli}}", True, id="header, its name in any case"),
        pytest.param("{header: {x-app: web}}", False, id="header with another value"),
        pytest.param('{header: {x-other: "*"}}', False, id="header that is not there"),
        pytest.param("{header: {x-app: cli, x-other: y}}", False, id="one of two headers"),
        pytest.param('{field: {metadata.user_id: "*"}}', True, id="a field that is there"),
        pytest.param('{field: {metadata.user_id: "user_?"}}', True, id="field by wildcard"),
        pytest.param("{field: {metadata.user_id: user}}", False, id="field with another value"),
        pytest.param('{field: {metadata.other: "*"}}', False, id="field that is not there"),
        pytest.param('{field: {n.other: "*"}}', False, id="a number has no fields"),
        pytest.param('{field: {stream: "true"}}', True, id="truth as JSON"),
        pytest.param('{field: {n: "2"}}', True, id="a number as JSON"),
        pytest.param('{field: {metadata.: "null"}}', True, id="nothing as JSON, behind no name"),
        pytest.param('{field: {metadata: "{*user_1*}"}}', True, id="an object as JSON"),
        pytest.param("{field: {stop.1.b: c}}", True, id="field inside a list"),
        pytest.param('{field: {stop.2: "*"}}', False, id="behind the end of a list"),
        pytest.param('{field: {stop.b: "*"}}', False, id="a list has no names"),
        pytest.param('{field: {n: "2", stream: "false"}}', False, id="one of two fields"),
        pytest.param('{app: "claude-cli/*"}', True, id="app by its user agent"),
        pytest.param('{app: "codex*"}', False, id="another app"),
        pytest.param("{side: true}", True, id="beside the conversation"),
        pytest.param("{side: false}", False, id="only the conversation itself"),
        pytest.param("{agent: true}", False, id="only of sub-agents"),
        pytest.param("{agent: false}", True, id="not of a sub-agent"),
        pytest.param("{thinking: true}", True, id="thinking"),
        pytest.param("{thinking: false}", False, id="only without thinking"),
        pytest.param("{tokens_over: 999}", True, id="more tokens"),
        pytest.param("{tokens_over: 1000}", False, id="as many tokens are not more"),
        pytest.param("{has: [images]}", True, id="has what is asked, and more"),
        pytest.param("{has: [tools, images]}", True, id="has both"),
        pytest.param("{protocol: openai_chat, thinking: false}", False, id="all must hold"),
    ],
)
def test_match(match: str, matches: bool) -> None:
    router = Router(config(f"[{{match: {match}, upstreams: [a]}}]"))
    assert (router.candidates(MATCHING, 0) is not None) is matches


@pytest.mark.parametrize("match", ['{app: "*"}', '{field: {model: "*"}}', '{header: {x: "*"}}'])
def test_what_is_not_there_fits_nothing(match: str) -> None:
    router = Router(config(f"[{{match: {match}, upstreams: [a]}}]"))
    assert router.candidates(FACTS, 0) is None


@pytest.mark.parametrize("has", [set(), {"images"}, {"tools"}])
def test_a_request_must_have_everything_a_route_asks_for(has: set[str]) -> None:
    router = Router(config("[{match: {has: [tools, images]}, upstreams: [a]}]"))
    assert router.candidates(Facts("openai_chat", has=frozenset(has)), 0) is None


def test_the_first_route_that_matches_takes_the_request() -> None:
    router = Router(
        config('[{match: {model: "x*"}, upstreams: [b]}, {match: {model: "*"}, upstreams: [c]}]')
    )
    assert active(router, 0, Facts("openai_chat", model="x1")) == "b"
    assert active(router, 0, Facts("openai_chat", model="y1")) == "c"


@pytest.mark.parametrize(
    "routes, asks",
    [
        ("[{upstreams: [a]}]", set()),
        (
            "[{match: {tokens_over: 0}, upstreams: [a]}, {match: {has: [tools]}, upstreams: [a]}]",
            {"tokens_over", "has"},
        ),
        ("[{match: {thinking: false, header: {x: y}}, upstreams: [a]}]", {"thinking", "header"}),
        (
            "[{match: {side: false, app: x, field: {a: b}}, upstreams: [a]}]",
            {"side", "app", "field"},
        ),
    ],
)
def test_it_says_which_facts_it_asks_for(routes: str, asks: set[str]) -> None:
    assert Router(config(routes)).asks == asks


def due(router: Router, now: float) -> list[str]:
    return [upstream.name for upstream in router.probes_due(now)]


def test_probes_are_due_once_an_interval_where_they_can_move_a_route() -> None:
    router = Router(config("[{match: {model: x}, upstreams: [c]}, {upstreams: [a, b]}]"))
    assert due(router, 0) == ["a", "b"]
    router.checked(router.upstreams["a"], Answered(200), 1)
    assert due(router, 2) == ["b"]
    router.checked(router.upstreams["b"], Answered(200), 3)
    assert [due(router, now) for now in (60, 61, 63)] == [[], ["a"], ["a", "b"]]


def test_it_tells_when_it_will_look_next() -> None:
    router = Router(config("[{match: {model: x}, upstreams: [c]}, {upstreams: [a, b]}]"))
    router.checked(router.upstreams["a"], Answered(200), 1)

    def told(now: float) -> dict[str, float | None]:
        return {u["name"]: u["next_probe"] for u in router.status(now)["upstreams"]}

    assert told(21) == {"a": 40.0, "b": 0.0, "c": None}
    assert told(70)["a"] == 0.0, "any moment now"
    router.record(Target(router.upstreams["a"]), Answered(429, retry_after=9), 22)
    assert told(23)["a"] == 8.0, "the end of the cooldown comes first"


def test_where_nobody_looks_there_is_no_next_time() -> None:
    router = Router(config("[{upstreams: [a, b]}]", "{health_check: {interval: 0}}"))
    assert [u["next_probe"] for u in router.status(5)["upstreams"]] == [None, None, None]


def test_status_is_plain_data() -> None:
    router = Router(config("[{upstreams: [a, b]}]"))
    router.record(Target(router.upstreams["a"]), Answered(429), 0)
    router.checked(router.upstreams["b"], Answered(401), 0)
    router.begin(Target(router.upstreams["b"]), 50)
    status = router.status(100)
    assert status["routes"] == [
        {
            "name": "routes[0]",
            "active": "b",
            "order": ["b", "a"],
            "upstreams": ["a", "b"],
            "override": None,
            "shadow": None,
        }
    ]
    assert status["upstreams"][0] == {
        "name": "a",
        "protocol": "anthropic_messages",
        "url": "http://a.test",
        "max_in_flight": None,
        "healthy": False,
        "state": "cooling",
        "cooldown_left": 200.0,
        "connection_errors": 0,
        "failures": 0,
        "in_flight": 0,
        "last_error": "429 too many requests",
        "last_check": "",
        "last_success_age": None,
        "keys": [],
        "models": [],
        "operations": [],
        "next_probe": 0.0,
    }
    assert status["upstreams"][1]["last_check"] == "401: alive, but refuses the key"
    assert status["upstreams"][1]["in_flight"] == 1


# Reload


def test_a_reload_keeps_what_is_known_of_upstreams_that_did_not_change() -> None:
    old = chain("a", "b")
    old.record(Target(old.upstreams["a"]), Answered(429), 0)
    new = chain("a", "c", failover="{cooldown: 1m}")
    new.carry_over(old, 10)
    assert (active(new, 10), cooldown_left(new, "a", 10)) == ("c", 290)
    assert new.checked(new.upstreams["a"], Answered(200), 300) == [
        Healthy("a"),
        Moved("routes[0]", "c", "a"),
    ]
    assert new.record(Target(new.upstreams["a"]), Answered(429), 301)[0] == Unhealthy(
        "a", "429 too many requests", 60
    )
    assert cooldown_left(old, "a", 301) == 0  # the old one is left alone


def test_a_reload_starts_afresh_with_upstreams_that_changed() -> None:
    old = chain("a", "b")
    a = old.upstreams["a"]
    old.record(Target(a), Answered(429), 0)
    changed = UPSTREAMS.replace("http://a.test", "http://a2.test") + "routes: [{upstreams: [a, b]}]"
    new = Router(parse(changed, "config.yaml", {}))
    new.carry_over(old, 10)
    assert active(new, 10) == "a"
    assert new.record(Target(a), Answered(429), 11) == []  # what was sent to the old one
    assert new.checked(a, Answered(500), 11) == []
    assert active(new, 11) == "a"


def test_what_was_sent_to_an_upstream_that_is_gone_counts_for_nothing() -> None:
    a = chain("a", "b").upstreams["a"]
    router = Router(
        parse(
            "upstreams: {b: {protocol: openai_chat, url: http://b.test}}\n"
            "routes: [{upstreams: [b]}]",
            "config.yaml",
            {},
        )
    )
    assert router.record(Target(a), Answered(429), 0) == []


# Laws

EVENTS = st.one_of(
    st.builds(
        Request,
        st.one_of(
            st.sampled_from([200, 404, 429, 500]).map(Answered),
            st.just(REFUSED),
            st.just(Cancelled()),
        ),
        st.sampled_from([None, "a", "b", "c"]),
    ),
    st.builds(
        Check,
        st.one_of(st.sampled_from([200, 401, 429, 503]).map(Answered), st.just(REFUSED)),
        st.sampled_from("abc"),
    ),
    st.builds(Tick),
)
ROUTES = """
- {match: {model: one}, upstreams: [a]}
- {match: {model: two}, upstreams: [b, a]}
- {upstreams: [a, b, c]}
"""


@given(st.lists(st.tuples(st.integers(0, 400), EVENTS), max_size=40), st.sampled_from(["0", "60s"]))
def test_laws(steps: list[tuple[int, Event]], interval: str) -> None:
    router = Router(config(ROUTES, f"{{health_check: {{interval: {interval}}}}}"))
    told = {route.name: route.upstreams[0].name for route in router.routes}
    now = 0
    for wait, event in steps:
        now += wait
        follow(told, router.tick(now))
        before = router.status(now)
        follow(told, play(router, event, now))
        after = router.status(now)
        healthy = {u["name"] for u in after["upstreams"] if u["healthy"]}
        assert all(0 <= u["cooldown_left"] <= 3600 for u in after["upstreams"])
        assert active(router, now, Facts("openai_chat", model="one")) == "a", "nowhere else to go"
        for route in router.routes:
            order = [upstream.name for upstream in router.ordered(route, now)]
            configured = [upstream.name for upstream in route.upstreams]
            assert sorted(order) == sorted(configured), "always the route's own, and all of them"
            assert order[0] == told[route.name], "every move is told, and nothing else"
            first = [name for name in configured if name in healthy]
            assert order[: len(first)] == first, "healthy ones in configured order"
        if changes_nothing(event, before):
            assert after["routes"] == before["routes"]
            assert [strip(u) for u in after["upstreams"]] == [strip(u) for u in before["upstreams"]]


def follow(told: dict[str, str], changes: list[Change]) -> None:
    for change in changes:
        if isinstance(change, Moved):
            assert told[change.route] == change.source
            told[change.route] = change.target


def changes_nothing(event: Event, before: dict[str, Any]) -> bool:
    """A passed check while the cooldown runs, and a client that hangs up."""
    match event:
        case Check(Answered(200), name):
            return any(u["name"] == name and u["cooldown_left"] for u in before["upstreams"])
        case Request(Cancelled()):
            return True
        case _:
            return False


def strip(upstream: dict[str, Any]) -> dict[str, Any]:
    """But for what looking changes: what was seen last, and when to look next."""
    return {k: v for k, v in upstream.items() if k not in ("last_check", "next_probe")}


# Shadows


def test_a_route_may_lead_nowhere_and_still_takes_its_calls() -> None:
    shadowed = config('[{shadow: a, match: {model: "x*"}}, {upstreams: [b, c], shadow: a}]')
    router = Router(shadowed)
    mine, other = Facts("openai_chat", "xy"), Facts("openai_chat", "y")
    assert router.candidates(mine, 0) is None
    assert router.candidates(other, 0) is not None
    for facts in (mine, other):
        assert router.shadow(facts) == Shadow(router.upstreams["a"])
    assert router.has_shadows
    [untouched, led] = router.status(0)["routes"]
    assert (untouched["active"], untouched["order"], untouched["shadow"]) == ("", [], "a")
    assert (led["active"], led["shadow"]) == ("b", "a")


def test_a_route_without_a_shadow_and_no_route_at_all_have_none() -> None:
    router = Router(config("[{upstreams: [a], match: {model: x}}]"))
    assert not router.has_shadows
    assert router.shadow(Facts("openai_chat", "x")) is None
    assert router.shadow(Facts("openai_chat", "y")) is None


def test_a_route_that_leads_nowhere_never_moves() -> None:
    router = Router(config("[{shadow: a}, {upstreams: [a, b]}]"))
    changes = router.record(Target(router.upstreams["a"]), Answered(429), 0)
    assert [str(change) for change in changes if isinstance(change, Moved)] == ["routes[1]: a -> b"]
