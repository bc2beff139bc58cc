"""Who is tried first, and who next: keys, models, weights, conversations, what a person says."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import parse
from bridge.health import Answered, Cancelled, ConnectionFailed, Healthy, Outcome, Unhealthy
from bridge.routing import Facts, Moved, Router, Target

UPSTREAMS = """
upstreams:
  a: {protocol: openai_chat, url: http://a.test}
  b: {protocol: openai_chat, url: http://b.test, api_key: secret, max_in_flight: 2}
  c: {protocol: openai_chat, url: http://c.test, models: {"claude-*": gpt, "*": other}}
  p: {protocol: openai_chat, url: http://p.test, api_key: [secret1, secret2, secret3]}
"""
REFUSED = ConnectionFailed("connection refused")
LIMITED, GONE = Answered(429), Answered(404, None, "model_not_found")
LIMIT = "429 too many requests"
WITHOUT_PROBES = "{health_check: {interval: 0}}"


def routed(upstreams: str, options: str = "", failover: str = "{}") -> Router:
    """A router with one route."""
    route = f"{{upstreams: [{', '.join(upstreams.split())}]{options and ', '}{options}}}"
    text = f"{UPSTREAMS}\nroutes: [{route}]\nfailover: {failover}"
    return Router(parse(text, "config.yaml", {}))


def target(router: Router, label: str) -> Target:
    name, _, number = label.partition("#")
    return Target(router.upstreams[name], int(number or 1) - 1)


def targets(router: Router, labels: str) -> list[Target]:
    return [target(router, label) for label in labels.split()]


def pick(router: Router, tried: str = "", now: float = 10, **wish: str) -> str | None:
    picked = router.pick(router.routes[0], targets(router, tried), now, **wish)
    return picked.label if picked else None


def fail(router: Router, labels: str, outcome: Outcome = LIMITED, now: float = 0) -> None:
    for each in targets(router, labels):
        router.record(each, outcome, now)


@pytest.mark.parametrize(
    "upstreams, failed, tried, expected",
    [
        pytest.param("a b c", "", "", "a", id="the first"),
        pytest.param("a b c", "", "a", "b", id="then the next"),
        pytest.param("a b c", "", "b", "a", id="which is the best of those that are left"),
        pytest.param("a b c", "", "a b c", None, id="until all were tried"),
        pytest.param("a b c", "a", "", "b", id="trap 9: one that cools is passed over"),
        pytest.param("a b c", "a", "b", "c", id="as long as another is healthy"),
        pytest.param("a b c", "a", "b c", "a", id="but comes last, for it may be well again"),
        pytest.param("a b c", "b a", "c", "b", id="of several the one that recovers soonest"),
        pytest.param("a", "a", "", "a", id="also where there is no other"),
        pytest.param("p a", "", "", "p#1", id="a pool: the first key"),
        pytest.param("p a", "p#1", "", "p#2", id="a limited key is passed over"),
        pytest.param("p a", "p#1", "p#1", "p#2", id="a limit is the key's: another key"),
        pytest.param("p a", "p#1 p#2", "p#1 p#2", "p#3", id="and another one"),
        pytest.param("p a", "p#1 p#3", "p#1", "p#2", id="only usable ones"),
        pytest.param("p a", "", "p#1", "a", id="any other failure is the upstream's"),
        pytest.param("p a", "p#1 p#2 p#3", "p#1 p#2 p#3", "a", id="no key is left: elsewhere"),
        pytest.param("p a", "p#1 p#2 p#3", "", "a", id="a pool without a usable key is unhealthy"),
        pytest.param("p a", "p#2 p#1 p#3", "a", "p#2", id="last its key that recovers soonest"),
        pytest.param("p a", "p#2 p#1 p#3", "a p#2", None, id="and no other of it"),
    ],
)
def test_order(upstreams: str, failed: str, tried: str, expected: str | None) -> None:
    router = routed(upstreams)
    for now, label in enumerate(failed.split()):
        fail(router, label, now=now)
    assert pick(router, tried) == expected


def test_another_key_does_not_help_where_the_upstream_fails() -> None:
    router = routed("p a")
    fail(router, "p#1")
    fail(router, "p#2 p#2 p#2", REFUSED)
    assert pick(router, "p#1") == "a"


def test_keys_of_a_pool_are_used_in_turn() -> None:
    router = routed("p a")
    order = []
    for now in range(5):
        order.append(pick(router, now=now))
        router.begin(target(router, order[-1] or ""), now)
    assert order == ["p#1", "p#2", "p#3", "p#1", "p#2"]


def test_a_key_that_is_usable_again_is_not_tried_again() -> None:
    router = routed("p a")
    fail(router, "p#1", Answered(429, 1), now=0)
    fail(router, "p#2", LIMITED, now=2)
    assert pick(router, "p#1 p#2", now=2) == "p#3"
    fail(router, "p#3", LIMITED, now=2)
    assert pick(router, "p#1 p#2 p#3", now=2) == "a"


def test_a_model_that_is_not_there_is_asked_for_elsewhere() -> None:
    router = routed("c b")
    router.record(target(router, "c"), GONE, 0, model="claude-opus")
    models = ("claude-opus", "claude-haiku", "gemini", "")
    assert [pick(router, model=model) for model in models] == ["b", "b", "c", "c"]
    assert pick(router, "b", model="claude-opus") == "c"
    choice = router.candidates(Facts("openai_chat", model="claude-opus"), 10)
    assert choice and [upstream.name for upstream in choice.upstreams] == ["b", "c"]
    [shown] = router.status(10)["upstreams"][2]["models"]
    assert shown["name"] == "gpt", "both names mean this one there"


def test_a_model_is_tried_again_by_one_request() -> None:
    router = routed("c b")
    router.record(target(router, "c"), GONE, 0, model="gemini")
    assert [pick(router, now=now, model="gemini") for now in (299, 300)] == ["b", "c"]
    router.begin(target(router, "c"), 300, model="gemini")
    assert pick(router, now=301, model="gemini") == "b"
    router.record(target(router, "c"), Answered(200), 302, started=300, model="gemini")
    assert pick(router, now=303, model="gemini") == "c"


def test_trap_14_other_operations_have_a_health_of_their_own() -> None:
    router = routed("a b")
    told = router.record(target(router, "a"), LIMITED, 0, operation="count_tokens")
    assert told == [Unhealthy("a for 'count_tokens'", LIMIT, 300)]
    assert [pick(router), pick(router, operation="count_tokens")] == ["a", "b"]
    router.begin(target(router, "a"), 300, operation="count_tokens")
    assert pick(router, now=301, operation="count_tokens") == "b"


# Weights and conversations


def test_weights_spread_the_first_try_over_the_healthy() -> None:
    router = routed("a b c", "weights: {b: 1, c: 3}")
    assert Counter(pick(router) for _ in range(40)) == {"b": 10, "c": 30}
    fail(router, "c")
    assert {pick(router) for _ in range(10)} == {"b"}
    fail(router, "b", now=1)
    assert {pick(router) for _ in range(10)} == {"a"}, "the others are backups"
    fail(router, "a", now=2)
    assert {pick(router) for _ in range(10)} == {"c"}, "the one that recovers soonest"


def test_the_next_try_goes_by_order() -> None:
    router = routed("a b c", "weights: {c: 3, b: 1}")
    assert [pick(router, "c") for _ in range(3)] == ["a", "a", "a"]
    assert pick(router) == "c", "and is nobody's turn"


def test_a_conversation_stays_where_it_was_answered() -> None:
    router = routed("a b c", "weights: {a: 1, b: 1}, sticky: true")
    talk = [pick(router, conversation=name) for name in ("one", "two", "one", "two", "one")]
    assert talk == ["a", "b", "a", "b", "a"]
    assert [pick(router), pick(router)] == ["a", "b"], "one without a name does not"


def test_it_stays_where_it_went_after_a_failure() -> None:
    router = routed("a b c", "sticky: true")
    assert pick(router, conversation="one") == "a"
    assert pick(router, "a", conversation="one") == "b"
    assert [pick(router, conversation=name) for name in ("one", "two")] == ["b", "a"]


def test_trap_15_it_moves_on_when_that_is_not_usable() -> None:
    router = routed("a b c", "sticky: true")
    pick(router, conversation="one")
    fail(router, "a")
    assert pick(router, conversation="one") == "b"
    router.reset("a", 1)
    assert pick(router, conversation="one") == "b"


@pytest.mark.parametrize(
    "outcome, then",
    [
        pytest.param(REFUSED, "a", id="no answer: it is free"),
        pytest.param(Answered(500), "a", id="an error of the server's: it is free"),
        pytest.param(Answered(401), "a", id="the key is refused: it is free"),
        pytest.param(Answered(200), "b", id="an answer: it stays"),
        pytest.param(Answered(400), "b", id="a refusal of the request: it stays"),
        pytest.param(Cancelled(), "b", id="the app hangs up: it stays"),
    ],
)
def test_a_failure_at_the_end_frees_it(outcome: Outcome, then: str) -> None:
    router = routed("a b c", "sticky: true")
    pick(router, "a", conversation="one")
    router.record(target(router, "b"), outcome, 1, conversation="one")
    assert pick(router, conversation="one") == then


# Trials, counts, and when it will be well


def test_a_trial_is_one_request_s() -> None:
    router = routed("a b", failover=WITHOUT_PROBES)
    fail(router, "a")
    assert pick(router, now=300) == "a"
    router.begin(target(router, "a"), 300)
    assert [pick(router, now=301), pick(router, "b", now=301)] == ["b", "a"]


def test_the_end_of_a_trial_is_told_and_not_its_beginning() -> None:
    router = routed("a b", failover=WITHOUT_PROBES)
    a = target(router, "a")
    fail(router, "a")
    assert router.tick(300) == [Healthy("a"), Moved("routes[0]", "b", "a")]
    router.begin(a, 301)
    assert router.tick(302) == []
    assert router.record(a, LIMITED, 303, started=301) == [
        Unhealthy("a", LIMIT, 600),
        Moved("routes[0]", "a", "b"),
    ]


def test_an_upstream_is_full_with_as_many_requests_as_it_takes() -> None:
    router = routed("a b")
    a, b = targets(router, "a b")
    full = []
    for step in (router.begin, router.begin, lambda b, now: router.record(b, Cancelled(), now)):
        step(b, 0)
        router.begin(a, 0)
        full.append((router.full(a.upstream), router.full(b.upstream)))
    assert full == [(False, False), (False, True), (False, False)]


@pytest.mark.parametrize(
    "upstreams, failed, now, seconds",
    [
        pytest.param("a b", "", 0, 0, id="usable now"),
        pytest.param("a b", "a", 10, 0, id="as long as one is"),
        pytest.param("a b", "a b", 10, 290, id="the soonest counts"),
        pytest.param("a b", "a b", 999, 0, id="a cooldown that is over: a probe may pass any time"),
        pytest.param("p", "p#2 p#1", 10, 0, id="a pool with a usable key"),
        pytest.param("p", "p#2 p#1 p#3", 10, 290, id="a pool without one: the soonest key"),
    ],
)
def test_trap_10_recovery(upstreams: str, failed: str, now: float, seconds: float) -> None:
    router = routed(upstreams)
    for when, label in enumerate(failed.split()):
        fail(router, label, now=when)
    assert router.recovery(router.routes[0], now) == seconds


def test_recovery_of_a_model() -> None:
    router = routed("c")
    router.record(target(router, "c"), GONE, 0, model="gemini")
    route = router.routes[0]
    assert [router.recovery(route, 10, model=model) for model in ("gemini", "claude-1")] == [290, 0]


# What a person says


def test_trap_16_an_upstream_that_a_person_chose_comes_first_and_the_others_stay() -> None:
    router = routed("a b c", "weights: {a: 1}, sticky: true")
    pick(router, conversation="one")
    fail(router, "b")
    assert router.use("b", 1) == [Moved("routes[0]", "a", "b")]
    assert [pick(router, conversation="one"), pick(router, "b"), pick(router, "b a")] == list("bac")
    [route] = router.status(2)["routes"]
    assert (route["active"], route["order"], route["override"]) == ("b", ["b", "a", "c"], "b")
    assert router.use(None, 3) == [Moved("routes[0]", "b", "a")]
    assert (pick(router), router.status(4)["routes"][0]["override"]) == ("a", None)


def test_trap_16_it_is_chosen_where_it_occurs() -> None:
    routes = "routes: [{upstreams: [a, c], match: {model: x}}, {upstreams: [a, b]}]"
    router = Router(parse(f"{UPSTREAMS}\n{routes}", "config.yaml", {}))
    assert router.use("b", 0) == [Moved("routes[1]", "a", "b")]
    assert (pick(router), router.status(0)["routes"][0]["override"]) == ("a", None)


def test_one_that_no_route_has_cannot_be_chosen() -> None:
    """A shadow, say: nothing would come of it."""
    router = routed("a c", "shadow: b")
    router.use("c", 0)
    with pytest.raises(ValueError, match='^no route has "b"$'):
        router.use("b", 1)
    assert pick(router) == "c", "what was said before holds"
    assert router.reset("b", 1) == []


def test_a_chosen_pool_uses_its_keys() -> None:
    router = routed("a p")
    router.use("p", 0)
    assert pick(router) == "p#1"
    fail(router, "p#1")
    assert [pick(router), pick(router, "p#1")] == ["p#2", "p#2"]


@pytest.mark.parametrize(
    "name, told, active",
    [
        pytest.param("a", [Healthy("a"), Moved("routes[0]", "c", "a")], "a", id="one"),
        pytest.param("c", [], "c", id="one that is well"),
        pytest.param(
            None, [Healthy("a"), Healthy("b"), Moved("routes[0]", "c", "a")], "a", id="all"
        ),
    ],
)
def test_reset(name: str | None, told: list[object], active: str) -> None:
    router = routed("a b c")
    fail(router, "a b")
    assert router.reset(name, 1) == told
    assert pick(router) == active


@pytest.mark.parametrize("say", [Router.use, Router.reset])
def test_a_name_that_nobody_has(say: Callable[[Router, str, float], object]) -> None:
    with pytest.raises(ValueError, match='^"x" is not one of a, b, c, p$'):
        say(routed("a"), "x", 0)


def test_status_holds_no_key() -> None:
    router = routed("p a")
    fail(router, "p#2", now=1)
    status = router.status(2)
    assert "secret" not in str(status)
    keys = status["upstreams"][3]["keys"]
    assert [(key["name"], key["state"]) for key in keys] == [
        ("p#1", "healthy"),
        ("p#2", "cooling"),
        ("p#3", "healthy"),
    ]


# Reload


def test_trap_16_a_reload_keeps_keys_counts_conversations_and_what_a_person_said() -> None:
    old = routed("p a b", "sticky: true")
    fail(old, "p#1")
    old.begin(target(old, "b"), 0)
    old.begin(target(old, "b"), 0)
    pick(old, "p#2", conversation="one")
    new = routed("p a b", "sticky: true", "{cooldown: 1m}")
    new.carry_over(old, 1)
    assert [pick(new), pick(new, conversation="one")] == ["p#2", "a"]
    assert new.full(new.upstreams["b"])
    new.use("b", 2)
    newest = routed("p a b")
    newest.carry_over(new, 3)
    assert pick(newest) == "b"


@pytest.mark.parametrize(
    "new",
    [
        pytest.param(
            Router(parse("upstreams: {a: {protocol: openai_chat, url: http://a.test}}", "c", {})),
            id="it is gone",
        ),
        pytest.param(routed("a c"), id="no route has it any more"),
    ],
)
def test_a_reload_without_the_upstream_that_a_person_chose(new: Router) -> None:
    old = routed("a b")
    old.use("b", 0)
    new.carry_over(old, 1)
    back = routed("a b")
    back.carry_over(new, 2)
    assert pick(back) == "a"


def test_a_call_from_before_a_reload_finds_its_way() -> None:
    old = routed("p a")
    p, a = targets(old, "p#3 a")
    new = Router(parse(UPSTREAMS.replace("http://p.test", "http://p2.test"), "config.yaml", {}))
    new.carry_over(old, 0)
    new.begin(p, 0)
    assert new.record(p, LIMITED, 1, started=0) == []
    assert not new.full(p.upstream)
    picked = new.pick(old.routes[0], [p], 2)
    assert picked == a
    assert new.pick(old.routes[0], [], 2) == Target(p.upstream)


# Laws

OUTCOMES = st.sampled_from(
    [Answered(200), Answered(401), LIMITED, Answered(429, 5), Answered(500), GONE, REFUSED]
    + [Cancelled()]
)
LABELS = ("a", "b", "c", "p#1", "p#2", "p#3")


@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from(LABELS), OUTCOMES, st.integers(-1, 400)),
        max_size=20,
    ),
    st.lists(OUTCOMES, min_size=10, max_size=10),
    st.sampled_from(["", "weights: {b: 1, p: 2}", "sticky: true"]),
    st.sampled_from(["{}", WITHOUT_PROBES]),
    st.sampled_from([None, "c"]),
)
def test_a_request_tries_each_target_once_and_each_upstream_before_it_gives_up(
    before: Sequence[tuple[int, str, Outcome, int]],
    outcomes: Sequence[Outcome],
    options: str,
    failover: str,
    override: str | None,
) -> None:
    router, now = routed("a b c p", options, failover), 0
    router.use(override, now)
    for wait, label, outcome, age in before:
        now += wait
        router.tick(now)
        router.begin(target(router, label), now)
        started = None if age < 0 else now - age
        model = "claude-1"  # not the one of the request below
        router.record(target(router, label), outcome, now, started=started, model=model)
    route, tried = router.routes[0], list[Target]()
    for outcome in outcomes:
        shown = router.status(now)["upstreams"]
        gone = {t.upstream.name for t in tried}
        healthy = {u["name"] for u in shown if u["healthy"]} - gone
        picked = router.pick(route, tried, now, conversation="x")
        if picked is None:
            break
        name = picked.upstream.name
        assert not healthy or name in healthy | gone | {override}
        assert tried or override is None or name == override
        tried.append(picked)
        router.begin(picked, now)
        router.record(picked, outcome, now, started=now)
    assert picked is None, "there is an end"
    assert len(set(tried)) == len(tried)
    names = [name for name, _ in groupby(t.upstream.name for t in tried)]
    assert sorted(names) == list("abcp"), "nobody is left out, and nobody is returned to"
