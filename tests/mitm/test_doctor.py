"""What the doctor sees inside a proxy, and what upstreams answer it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import connection, tls
from mitmproxy.proxy.context import Context
from mitmproxy.test import taddons, tflow, tutils

from bridge.config import Config, parse
from bridge.doctor import Unanswered
from bridge.mitm.doctor import Doctor, ignored, outcome
from bridge.settings import Intercept
from bridge.simulator import Simulator, refusing_port, running
from bridge.upstream import Target
from tests.certificates import certificate

ALERT = "tlsv1 alert unknown ca"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


def config(**upstreams: dict[str, Any]) -> Config:
    return parse(json.dumps({"upstreams": upstreams, "routes": []}), "c", {})


def chat(url: str, **more: Any) -> dict[str, Any]:
    return {"protocol": "openai_chat", "url": url, **more}


class Told:
    """A doctor, and how often it had news."""

    def __init__(self, config: Config) -> None:
        self.config, self.now, self.news = config, 100.0, 0
        self.doctor = Doctor(lambda: self.config, self._tell, lambda: self.now)

    def _tell(self) -> None:
        self.news += 1

    def codes(self) -> list[str]:
        """But for what is always said."""
        return [found.code for found in self.doctor.findings()][:-1]

    def during(self, story: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            async with asyncio.timeout(20):
                await story()

        asyncio.run(run())


# --- upstreams


def test_each_key_of_each_upstream_is_asked_for_itself(sim: Simulator) -> None:
    sim.configure("pool", key="right")
    pool = chat(sim.base("pool"), api_key=["right", "wrong"])
    told = Told(config(pool=pool, open=chat(sim.base("open"))))
    assert told.codes() == ["upstream_asked"] * 3
    told.during(lambda: told.doctor.examine(0, 10))
    assert told.codes() == ["upstream_ok", "upstream_key_refused", "upstream_open"]
    assert {(r.method, r.path.rpartition("/v1")[2]) for r in sim.requests()} == {("GET", "/models")}
    assert told.news == 1


def test_what_was_asked_a_moment_ago_is_not_asked_again(sim: Simulator) -> None:
    told = Told(config(a=chat(sim.base("a"), api_key="k")))

    async def story() -> None:
        await asyncio.gather(*(told.doctor.examine(0, 10) for _ in range(5)))
        told.now += 59
        await told.doctor.examine(60, 10)
        assert len(sim.requests()) == 1
        told.now += 2
        await told.doctor.examine(60, 10)
        assert len(sim.requests()) == 2
        await told.doctor.examine(0, 10)
        assert len(sim.requests()) == 2, "it was this very moment"
        told.now += 1
        await told.doctor.examine(0, 10)
        assert len(sim.requests()) == 3
        told.config = config(a=chat(sim.base("a"), api_key="another"))
        await told.doctor.examine(60, 10)
        assert len(sim.requests()) == 4

    told.during(story)


def test_who_waits_for_less_is_told_later(sim: Simulator) -> None:
    sim.fault("slow", {"kind": "slow", "first_byte": 0.5})
    told = Told(config(slow=chat(sim.base("slow")), quick=chat(sim.base("quick"))))

    async def story() -> None:
        await told.doctor.examine(0, 0.01)
        assert told.codes()[0] == "upstream_asked" and told.news == 0
        await told.doctor.examine(0, 10)
        assert told.codes() == ["upstream_open", "upstream_open"] and told.news == 1
        assert len(sim.requests()) == 2, "nobody was asked twice"

    told.during(story)


def test_it_can_be_ended(sim: Simulator) -> None:
    told = Told(config(a=chat(sim.base("a"))))

    async def story() -> None:
        told.doctor.stop()
        asked = asyncio.create_task(told.doctor.examine(0, 10))
        await asyncio.sleep(0)
        told.doctor.stop()
        await asked
        assert told.codes() == ["upstream_asked"] and sim.requests() == []

    told.during(story)


@pytest.mark.parametrize("status", [200, 401, 404, 429, 500])
def test_an_answer_is_its_status(sim: Simulator, status: int) -> None:
    sim.fault("a", {"kind": "status", "status": status})
    assert asked(chat(sim.base("a"))) == status


def asked(upstream: dict[str, Any], patience: float = 5) -> Any:
    target = Target(config(a=upstream).upstreams["a"])
    return asyncio.run(outcome(target, "/v1/models", patience))


def test_no_answer_has_its_kind(sim: Simulator, tmp_path: Any) -> None:
    sim.fault("slow", {"kind": "hang"})
    assert asked(chat(sim.base("slow")), 0.3).failure == "timeout"
    sim.fault("gone", {"kind": "drop"})
    assert asked(chat(sim.base("gone"))).failure == "unreachable"
    with refusing_port() as port:
        assert asked(chat(f"http://127.0.0.1:{port}")).failure == "unreachable"
    assert asked(chat("https://no-such-host.invalid")).failure == "unresolved"
    with running(certificate=certificate(tmp_path)) as secret:
        told = asked(chat(secret.base("a")))
        assert isinstance(told, Unanswered) and told.failure == "tls"
        assert "certificate verify failed" in told.reason
        with taddons.context() as context:
            context.options.update(ssl_insecure=True)
            assert asked(chat(secret.base("a"))) == 200
        with taddons.context() as context:
            ca = str(tmp_path / "mitmproxy-ca-cert.pem")
            context.options.update(ssl_verify_upstream_trusted_ca=ca)
            assert asked(chat(secret.base("a"))) == 200


# --- apps


def seen(told: Told) -> list[tuple[str, str, str]]:
    return [(e.kind, e.host, e.app) for e in told.doctor.observed.entries(told.now)]


@pytest.fixture
def told() -> Told:
    return Told(config())


def handshake(host: str = "llm", app: str = "", error: str = ALERT) -> Any:
    """`app` is what it said when it asked for the tunnel."""
    client = connection.Client(peername=("10.0.0.9", 5), sockname=("", 0), timestamp_start=0)
    client.sni, client.error = host, error
    with taddons.context() as mitmproxy:
        context = Context(client, mitmproxy.options)
    if app:
        tunnel = tflow.tflow(req=tutils.treq(method=b"CONNECT"))
        tunnel.request.headers["user-agent"] = app
        context.layers.append(SimpleNamespace(flow=tunnel))  # type: ignore[arg-type]
    return tls.TlsData(client, context)


def test_who_does_not_trust_is_known_by_what_it_said_or_by_its_address(told: Told) -> None:
    assert not told.doctor.listens
    told.doctor.tls_failed(handshake(error="connection closed early"))
    assert seen(told) == [] and told.news == 0
    told.doctor.tls_failed(handshake())
    told.doctor.tls_failed(handshake(app="curl/8"))
    assert seen(told) == [
        ("untrusted", "llm", "curl/8"),
        ("untrusted", "llm", "a program at 10.0.0.9"),
    ]
    assert told.news == 2
    again = handshake(app="curl/8")
    told.doctor.tls_established(again)
    assert told.doctor.listens
    told.doctor.spoke(again.context.client)
    told.doctor.left(again.context.client)
    assert not told.doctor.listens
    assert [entry.is_back for entry in told.doctor.observed.entries(0)] == [True, False]


@pytest.mark.parametrize(
    "host, seconds, told_of",
    [
        pytest.param("api.openai.com", 0.1, True, id="at once"),
        pytest.param("api.openai.com", 9, False, id="after a while"),
        pytest.param("shop.example", 0.1, False, id="of a host that is none of ours"),
        pytest.param("bridge.local", 0.1, False, id="as ./scripts/doctor does"),
    ],
)
def test_who_hangs_up_behind_the_handshake(
    told: Told, host: str, seconds: float, told_of: bool
) -> None:
    hosts = {"hosts": ["well-known", "bridge.local"]}
    told.config = parse(json.dumps({"intercept": hosts, "upstreams": {}, "routes": []}), "c", {})
    data = handshake(host)
    told.doctor.tls_established(data)
    told.now += seconds
    told.doctor.left(data.context.client)
    assert bool(seen(told)) is told_of and not told.doctor.listens
    told.doctor.spoke(data.context.client)


def test_where_no_name_is_given_the_address_is_told(told: Told) -> None:
    data = handshake(host="")
    data.context.server.address = ("192.0.2.7", 443)
    told.doctor.tls_failed(data)
    data = handshake(host="")
    data.context.client.peername = None
    told.doctor.tls_failed(data)
    assert seen(told) == [
        ("untrusted", "an unknown host", "an unknown program"),
        ("untrusted", "192.0.2.7", "a program at 10.0.0.9"),
    ]


@pytest.mark.parametrize(
    "host, told_of", [("api.openai.com", True), ("shop.example", False)], ids=["vendor", "other"]
)
def test_of_tunnels_those_to_vendors_are_told(told: Told, host: str, told_of: bool) -> None:
    hello: Any = SimpleNamespace(
        client_hello=SimpleNamespace(sni=host), context=handshake(host).context
    )
    told.doctor.left_alone(hello)
    assert bool(seen(told)) is told_of


def request(path: str, content: bytes | None, **headers: str) -> Any:
    made = tutils.treq(method=b"POST", path=path.encode(), host="corp", content=content)
    made.headers.update({"user-agent": "app/1", **headers})
    return tflow.tflow(req=made)


@pytest.mark.parametrize(
    "flow, is_call",
    [
        pytest.param(request("/v1/messages", b'{"model": "m"}'), True, id="a call"),
        pytest.param(request("/x/v1/messages?a", b'{"model": "m"}'), True, id="under a folder"),
        pytest.param(request("/v1/messages", b'{"text": "m"}'), False, id="no model in it"),
        pytest.param(request("/v1/messages", None), True, id="a body that nobody kept"),
        pytest.param(
            request("/v1/messages", b"\x1f\x8b", **{"content-encoding": "gzip"}), True, id="packed"
        ),
        pytest.param(request("/v1/orders", b'{"model": "m"}'), False, id="another path"),
    ],
)
def test_what_looks_like_a_call(told: Told, flow: Any, is_call: bool) -> None:
    told.doctor.passed(flow)
    assert seen(told) == ([("unhandled", "corp", "app/1")] if is_call else [])


def test_an_app_without_a_websocket_that_calls_by_http(told: Told) -> None:
    flow = request("/v1/responses", b"{}")
    told.doctor.called(flow)
    told.doctor.refused_upgrade(flow)
    assert told.codes() == [], "it had asked for none"
    upgrade = request("/v1/responses", None)
    told.doctor.asked_upgrade(upgrade)
    upgrade.request.host = "an upstream"
    del upgrade.request.headers["user-agent"]
    told.doctor.refused_upgrade(upgrade)
    assert told.codes() == ["socket_waiting"]
    told.doctor.called(flow)
    assert told.codes() == ["socket_fell_back"]


@pytest.mark.parametrize(
    "options, hosts",
    [
        pytest.param({}, None, id="nothing is left alone"),
        pytest.param({"ignore_hosts": [r"openai\.com"]}, "api.openai.com", id="one is"),
        pytest.param(
            {"allow_hosts": [r"^api\.openai\.com:443$"]}, "api.anthropic.com", id="all but one"
        ),
        pytest.param({"ignore_hosts": [r"shop\.example"]}, None, id="one that is none of ours"),
    ],
)
def test_what_mitmproxy_is_told_to_leave_alone(options: dict[str, Any], hosts: str | None) -> None:
    ours = Intercept(("api.anthropic.com", "api.openai.com"))
    with taddons.context() as context:
        context.options.update(**options)
        told = [finding.about["hosts"] for finding in ignored(ours)]
    assert told == ([hosts] if hosts else [])
