import asyncio

import pytest

from bridge.config import HealthCheck, parse
from bridge.health import Answered, ConnectionFailed, Probe
from bridge.mitm.probe import probe
from bridge.simulator import Simulator, refusing_port, running
from bridge.upstream import Upstream


def upstream(url: str, protocol: str = "openai_chat", **keys: str) -> Upstream:
    extra = "".join(f"\n    {name}: {value}" for name, value in keys.items())
    text = f"upstreams:\n  a:\n    protocol: {protocol}\n    url: {url}{extra}\nroutes: []"
    return parse(text, "c", {}).upstreams["a"]


def check(target: Upstream, path: str = "/v1/models", timeout: float = 5) -> Probe:
    return asyncio.run(probe(target, HealthCheck(timeout=timeout, path=path)))


def test_a_probe_brings_the_upstreams_own_key_and_version() -> None:
    with running() as sim:
        sim.configure("a", key="mine")
        target = upstream(sim.base("a"), "anthropic_messages", api_key="mine")
        assert check(target) == Answered(200)
        [seen] = sim.requests("a")
    assert seen.header("x-api-key") == "mine"
    assert seen.header("anthropic-version") == "2023-06-01"
    assert seen.path == "/a/v1/models"


@pytest.mark.parametrize("status", [200, 401, 404, 429, 500, 503])
def test_every_status_is_an_answer(status: int) -> None:
    with running() as sim:
        sim.fault("a", {"kind": "status", "status": status})
        assert check(upstream(sim.base("a"))) == Answered(status)


def test_a_path_of_ones_own() -> None:
    with running() as sim:
        assert check(upstream(sim.base("a")), "/nowhere") == Answered(404)
        assert sim.requests()[0].path == "/nowhere"


@pytest.mark.parametrize("kind", ["drop", "hang"])
def test_no_answer_is_a_connection_that_failed(kind: str) -> None:
    with running() as sim:
        _fail(sim, kind)


def _fail(sim: Simulator, kind: str) -> None:
    sim.fault("a", {"kind": kind})
    result = check(upstream(sim.base("a")), timeout=0.5)
    assert isinstance(result, ConnectionFailed) and result.reason


def test_nobody_listening_is_a_connection_that_failed() -> None:
    with refusing_port() as port:
        result = check(upstream(f"http://127.0.0.1:{port}/v1"))
    assert isinstance(result, ConnectionFailed) and "refused" in result.reason.lower()
