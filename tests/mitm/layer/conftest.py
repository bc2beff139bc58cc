"""A real proxy in front of upstreams that fail when they are told to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.simulator import Simulator, refusing_port, running
from tests.processes import Proxy, running_proxy


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def proxy(
    sim: Simulator, confdir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    with refusing_port() as dead:
        urls = {"messages": sim.base("messages"), "dead": f"http://127.0.0.1:{dead}"}
        config = {
            "upstreams": {
                name: {"protocol": "anthropic_messages", "url": url, "api_key": "k"}
                for name, url in urls.items()
            }
            | {"chat": {"protocol": "openai_chat", "url": sim.base("chat"), "api_key": "k"}},
            "routes": [{"match": {"model": name}, "upstreams": [name]} for name in (*urls, "chat")],
        }
        with running_proxy(tmp_path_factory.mktemp("layer"), confdir, config) as started:
            yield started
