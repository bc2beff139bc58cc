"""Two hundred streams at once while their upstreams are killed and come back: none fails."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.processes import Process, Proxy, running_proxy, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

STREAMS = 200
ROUNDS = 6
MEMORY = 60  # MiB: what Python holds after a peak comes and goes
WORDS = 20
BODY = {
    "model": "m",
    "max_tokens": 999,
    "stream": True,
    "messages": [{"role": "user", "content": f"[[words:{WORDS}]]"}],
}


class Upstream:
    """A simulator in a process of its own, on a port that stays."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "bridge.simulator", "--port", str(self.port)]
        self._process = Process(command)
        self.port = int(self._process.wait_for(r"listening on http://.*:(\d+)")[1])

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.stop()

    def stop(self) -> None:
        self._process.stop()


@pytest.fixture
def upstreams() -> Iterator[list[Upstream]]:
    with ExitStack() as stack:
        made = [Upstream(), Upstream()]
        for upstream in made:
            stack.callback(upstream.stop)
        yield made


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident(pid: int) -> float:
    """MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if "VmRSS" in line).split()[1]) / 1024


def config(upstreams: list[Upstream]) -> dict[str, Any]:
    protocols = ("openai_chat", "anthropic_messages")
    named = {
        f"up{n}": {
            "protocol": protocol,
            "url": f"http://127.0.0.1:{upstream.port}",
            "api_key": "k",
        }
        for n, (upstream, protocol) in enumerate(zip(upstreams, protocols, strict=True))
    }
    failover = {"cooldown": "300ms", "health_check": {"interval": "300ms"}}
    return {"upstreams": named, "routes": [{"upstreams": list(named)}], "failover": failover}


async def one(client: httpx2.AsyncClient, wrong: list[str]) -> None:
    """A stream that was cut behind its first content tells so, and is asked for again."""
    answer = await client.post("/v1/messages", json=BODY)
    ended = "message_stop" in answer.text
    told = "event: error" in answer.text and "content_block_delta" in answer.text
    if answer.status_code != 200 or ended == told:
        wrong.append(f"{answer.status_code} {answer.text[-300:]}")


async def siege(proxy: Proxy, upstreams: list[Upstream], wrong: list[str]) -> int:
    limits = httpx2.Limits(max_connections=STREAMS)
    done, over = 0, asyncio.Event()

    async def app(client: httpx2.AsyncClient) -> None:
        nonlocal done
        while not over.is_set():
            try:
                await one(client, wrong)
            except httpx2.HTTPError as error:
                wrong.append(repr(error))
            done += 1

    async def until(count: int) -> None:
        while done < count:
            await asyncio.wait({asyncio.create_task(over.wait())}, timeout=0.05)

    async with httpx2.AsyncClient(
        base_url=proxy.url, trust_env=False, timeout=60, limits=limits
    ) as client:
        apps = [asyncio.create_task(app(client)) for _ in range(STREAMS)]
        for round_ in range(ROUNDS):
            await until(done + STREAMS)
            upstream = upstreams[round_ % 2]
            await asyncio.to_thread(upstream.kill)
            await until(done + STREAMS)
            await asyncio.to_thread(upstream.start)
        over.set()
        await asyncio.gather(*apps)
    return done


def test_no_stream_fails_while_one_upstream_lives(
    upstreams: list[Upstream], tmp_path: Path, confdir: Path
) -> None:
    options = ("--mode", "reverse:http://127.0.0.1:9", "--set", "flow_detail=0")
    with running_proxy(tmp_path, confdir, config(upstreams), *options) as proxy:
        before = descriptors(proxy.pid)
        wrong: list[str] = []
        first = asyncio.run(siege(proxy, upstreams, wrong))
        assert wrong == [] and first >= STREAMS * ROUNDS
        settled = before + 10  # connections of probes
        wait_until(lambda: descriptors(proxy.pid) <= settled, "all connections to be closed")
        memory = resident(proxy.pid)
        second = asyncio.run(siege(proxy, upstreams, wrong))
        assert wrong == []
        wait_until(lambda: descriptors(proxy.pid) <= settled, "all connections to be closed")
        assert resident(proxy.pid) - memory < MEMORY, f"{second} more calls left something behind"
        assert "Traceback" not in proxy.output and "could not be handled" not in proxy.output
