"""Several keys, several upstreams at once, and a configuration that changes under way."""

import threading
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from bridge.simulator import Simulator
from tests.processes import Proxy, wait_until

pytestmark = pytest.mark.more

Start = Callable[..., Proxy]
REVERSE = ("--mode", "reverse:http://127.0.0.1:9")


def upstream(sim: Simulator, name: str, **more: Any) -> dict[str, Any]:
    return {
        "protocol": "anthropic_messages",
        "url": sim.base(name),
        "api_key": f"key-{name}",
        **more,
    }


def config(upstreams: dict[str, Any], route: Any = None, **failover: Any) -> dict[str, Any]:
    given = {"cooldown": "60s", "health_check": {"interval": 0}, **failover}
    return {
        "upstreams": upstreams,
        "routes": [{"upstreams": list(upstreams), **(route or {})}],
        "failover": given,
    }


def ask(proxy: Proxy, text: str = "[[text:well]]", **fields: Any) -> httpx2.Response:
    turns = [{"role": "user", "content": text}]
    body = {"model": "m", "max_tokens": 99, "messages": turns, **fields}
    with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
        return client.post("/v1/messages", json=body)


def keys_used(sim: Simulator) -> list[str]:
    return [request.header("x-api-key") or "" for request in sim.requests()]


def test_a_limited_key_gives_way_to_the_next_of_its_pool(
    sim: Simulator, start_proxy: Start
) -> None:
    pool = upstream(sim, "a", api_key=["one", "two"])
    proxy = start_proxy(config({"a": pool, "b": upstream(sim, "b")}), *REVERSE)
    assert ask(proxy).status_code == 200
    [first] = keys_used(sim)
    other = {"one": "two", "two": "one"}[first]
    sim.forget_requests()
    sim.fault("a", {"kind": "status", "status": 429, "headers": {"retry-after": "60"}})
    assert ask(proxy).status_code == 200
    limited, answered = keys_used(sim)
    assert {limited, answered} == {first, other}, "the same upstream, with the other key"
    sim.forget_requests()
    assert [ask(proxy).status_code for _ in range(3)] == [200] * 3
    assert keys_used(sim) == [answered] * 3
    [flow, *_] = [f for f in proxy.flows() if len(f.metadata["bridge"]["attempts"]) > 1]
    tries = flow.metadata["bridge"]["attempts"]
    assert {t["upstream"] for t in tries} == {"a#1", "a#2"}
    assert not any(secret in str(flow.get_state()) for secret in ("'one'", "'two'", "b'one'"))


def test_calls_are_spread_by_weight(sim: Simulator, start_proxy: Start) -> None:
    both = {name: upstream(sim, name) for name in ("a", "b")}
    proxy = start_proxy(config(both, {"weights": {"a": 3, "b": 1}}), *REVERSE)
    for _ in range(8):
        assert ask(proxy).status_code == 200
    assert sorted(r.upstream for r in sim.requests()) == ["a"] * 6 + ["b"] * 2


def test_trap_15_a_conversation_stays_where_it_is_until_that_fails(
    sim: Simulator, start_proxy: Start
) -> None:
    both = {name: upstream(sim, name) for name in ("a", "b")}
    route = {"weights": {"a": 1, "b": 1}, "sticky": True}
    proxy = start_proxy(config(both, route), *REVERSE)
    for _ in range(3):
        for talk in ("first", "second"):
            ask(proxy, f"[[text:{talk}]]")
    where = {}
    for request in sim.requests():
        where.setdefault(str(request.body["messages"]), set()).add(request.upstream)
    assert sorted(map(sorted, where.values())) == [["a"], ["b"]]
    sim.forget_requests()
    [home] = where[str([{"role": "user", "content": "[[text:first]]"}])]
    sim.fault(home, {"kind": "status", "status": 529}, count=None)
    assert ask(proxy, "[[text:first]]").status_code == 200
    sim.clear_faults()
    assert ask(proxy, "[[text:first]]").status_code == 200
    [other] = {"a", "b"} - {home}
    assert [r.upstream for r in sim.requests()] == [home, other, other]


def test_an_upstream_with_enough_to_do_is_passed_over(sim: Simulator, start_proxy: Start) -> None:
    upstreams = {
        "a": upstream(sim, "a", max_in_flight=1, queue="100ms"),
        "b": upstream(sim, "b"),
    }
    proxy = start_proxy(config(upstreams), *REVERSE)
    sim.fault("a", {"kind": "slow", "first_byte": 1.5})
    busy = threading.Thread(target=ask, args=(proxy,))
    busy.start()
    wait_until(lambda: len(sim.requests("a")) == 1, "the first request")
    assert ask(proxy).status_code == 200
    assert [r.upstream for r in sim.requests()] == ["a", "b"]
    busy.join(20)
    sim.forget_requests()
    assert ask(proxy).status_code == 200
    assert [r.upstream for r in sim.requests()] == ["a"]


def test_a_stream_lives_through_a_new_configuration(sim: Simulator, start_proxy: Start) -> None:
    both = {name: upstream(sim, name) for name in ("a", "b")}
    proxy = start_proxy(config(both), *REVERSE)
    sim.fault("a", {"kind": "slow", "between": 0.2})
    turns = [{"role": "user", "content": "[[words:12]]"}]
    body = {"model": "m", "max_tokens": 99, "messages": turns, "stream": True}
    with (
        httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client,
        client.stream("POST", "/v1/messages", json=body) as answer,
    ):
        pieces = answer.iter_text()
        text = next(pieces)
        proxy.configure(config({"b": upstream(sim, "b")}))
        proxy.wait_for("was read again")
        text += "".join(pieces)
    assert text.rstrip().endswith('data: {"type":"message_stop"}') or "message_stop" in text
    sim.forget_requests()
    assert ask(proxy).status_code == 200
    assert [r.upstream for r in sim.requests()] == ["b"]
