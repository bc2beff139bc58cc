"""Upstreams that speak HTTP/2: calls that share a connection, and how they fail by themselves.

mitmproxy offers an upstream what the app offered, so it takes an app that speaks HTTP/2 itself.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bridge.simulator import Simulator, running
from tests.certificates import CA, certificate
from tests.e2e.test_failover import body, config, told
from tests.processes import Proxy

pytestmark = pytest.mark.more

Start = Callable[..., Proxy]
Ask = Callable[..., Awaitable[str]]

URL = "https://api.anthropic.com/v1/messages"
FEW, MANY = 10, 25  # calls


@pytest.fixture
def sim(confdir: Path, request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Its parameter, if there is one: how many streams a connection may have."""
    streams = getattr(request, "param", 100)
    with running(certificate=certificate(confdir), streams=streams) as simulator:
        yield simulator


@pytest.fixture
def start(sim: Simulator, confdir: Path, start_proxy: Start) -> Start:
    """A proxy that trusts the simulator."""

    def started(**failover: Any) -> Proxy:
        given = {"first_byte_timeout": "5s", **failover}
        trust = ("--set", f"ssl_verify_upstream_trusted_ca={confdir / CA}")
        return start_proxy(config(sim, **given), "--mode", "regular", *trust)

    return started


def app(proxy: Proxy, http2: bool = True) -> httpx2.AsyncClient:
    trust = ssl.create_default_context(cafile=proxy.ca)
    return httpx2.AsyncClient(
        proxy=proxy.url, http2=http2, verify=trust, trust_env=False, timeout=20
    )


async def ask(client: httpx2.AsyncClient, model: str = "m") -> str:
    """What the app was told, read to its proper end."""
    answer = await client.post(URL, json=body("[[words:3]]", stream=True, model=model))
    assert answer.status_code == 200, answer.text
    return told(answer.text, stream=True, app="messages")


def attempts(proxy: Proxy) -> list[list[tuple[str, str]]]:
    flows = [flow.metadata["bridge"] for flow in proxy.flows() if "bridge" in flow.metadata]
    return [[(a["upstream"], a["outcome"]) for a in flow["attempts"]] for flow in flows]


TEXT = "0:plain 1:Grüße 2:words "


@pytest.mark.parametrize("http2", [True, False], ids=["HTTP/2", "HTTP/1.1"])
def test_an_upstream_is_spoken_to_as_the_app_speaks(
    sim: Simulator, start: Start, http2: bool
) -> None:
    proxy = start()

    async def calls() -> None:
        async with app(proxy, http2) as client:
            assert await ask(client) == await ask(client) == TEXT

    asyncio.run(calls())
    flows = proxy.flows()
    version = b"h2" if http2 else b"http/1.1"
    assert [flow.server_conn.alpn for flow in flows] == [version, version]
    assert len({flow.server_conn.id for flow in flows}) == 1
    assert "Lowercased" not in proxy.output


def test_a_large_request_is_sent_again(sim: Simulator, start: Start) -> None:
    proxy, large = start(), "[[text:so]]" + "x" * 2_000_000
    sim.fault("a-messages", {"kind": "drop", "frame": "rst_stream", "code": "REFUSED_STREAM"})

    async def call() -> str:
        async with app(proxy) as client:
            answer = await client.post(URL, json=body(large, stream=True))
        return told(answer.text, stream=True, app="messages")

    assert asyncio.run(call()) == "so"
    assert [request.upstream for request in sim.requests()] == ["a-messages", "b-chat"]
    assert all(len(request.raw) > 2_000_000 for request in sim.requests())


def test_calls_on_one_connection_fail_each_by_itself(sim: Simulator, start: Start) -> None:
    proxy = start(first_byte_timeout="700ms")
    failures: dict[str, Any] = {
        "hung": {"kind": "hang"},
        "refused": {"kind": "drop", "frame": "rst_stream", "code": "REFUSED_STREAM"},
        "reset": {"kind": "cut", "after": 0, "frame": "rst_stream"},
        "stalled": {"kind": "stall", "after": 0},
    }
    for model, fault in failures.items():
        sim.fault("a-messages", fault, match={"model": model})
    slow = {"kind": "slow", "between": 0.15}  # it lasts for longer than the others take to fail
    sim.fault("a-messages", slow, match={"model": "slow"})

    async def calls() -> list[str]:
        async with app(proxy) as client:
            await ask(client)
            models = ("slow", *failures, "well")
            return await asyncio.gather(*(ask(client, model) for model in models))

    assert asyncio.run(calls()) == [TEXT] * 6
    backups = sorted(r.body["model"] for r in sim.requests("b-chat"))
    assert backups == sorted(failures)
    aborted = {name: each["aborted"] for name, each in sim.state()["upstreams"].items()}
    assert aborted["a-messages"] == 2 and aborted["b-chat"] == 0


@pytest.mark.parametrize("sim", [FEW], indirect=True, ids=["few at a time"])
def test_calls_that_wait_for_their_turn_learn_that_it_will_not_come(
    sim: Simulator, start: Start
) -> None:
    """mitmproxy keeps them back, and forgets them when the connection is gone."""
    proxy = start(first_byte_timeout="20s")

    async def calls() -> list[str]:
        async with app(proxy) as client:
            await ask(client)  # now it is known how many there may be
            sim.fault("a-messages", {"kind": "hang"}, count=FEW - 1)
            sim.fault("a-messages", {"kind": "drop"})
            async with asyncio.timeout(15):
                return await asyncio.gather(*(ask(client) for _ in range(MANY)))

    assert asyncio.run(calls()) == [TEXT] * MANY
    assert len(sim.requests("a-messages")) == 1 + FEW
    outcomes = [tries[0][1] for tries in attempts(proxy)]
    assert outcomes == ["ok"] + ["unreachable"] * MANY


def test_a_connection_that_went_silent_is_not_used_again(sim: Simulator, start: Start) -> None:
    """As after a laptop slept: nobody says that it is gone. Both upstreams are of one host."""
    proxy = start(first_byte_timeout="700ms")
    sim.fault("a-messages", {"kind": "hang", "connection": True})

    async def calls() -> list[str]:
        async with app(proxy) as client:
            return [await ask(client), await ask(client)]

    assert asyncio.run(calls()) == [TEXT, TEXT]
    assert attempts(proxy)[0] == [("a-messages", "timeout"), ("b-chat", "ok")]


@pytest.mark.parametrize(
    "after, expected",
    [pytest.param(None, "unreachable", id="before its head"), pytest.param(2, "cut", id="behind")],
)
def test_a_watched_call_that_its_upstream_resets_was_not_left_by_the_app(
    sim: Simulator, confdir: Path, start_proxy: Start, after: int | None, expected: str
) -> None:
    settings = {"intercept": {"hosts": ["127.0.0.1"]}, "upstreams": {}, "routes": []}
    trust = ("--set", f"ssl_verify_upstream_trusted_ca={confdir / CA}")
    proxy = start_proxy(settings, "--mode", "regular", *trust)
    place = {"kind": "drop"} if after is None else {"kind": "cut", "after": after}
    sim.fault("default", {**place, "frame": "rst_stream"})

    async def call() -> None:
        async with app(proxy) as client:
            headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
            request = body("[[words:9]]", stream=True)
            await client.post(f"{sim.url}/v1/messages", json=request, headers=headers)

    if after is None:
        asyncio.run(call())
    else:
        with pytest.raises(httpx2.RemoteProtocolError):
            asyncio.run(call())
    [[(_, outcome)]] = attempts(proxy)
    assert outcome == expected
