import asyncio
from collections.abc import Callable

import pytest

from bridge.config import parse
from bridge.mitm import timers
from bridge.mitm.timers import Timers
from bridge.upstream import Upstream

UPSTREAM = parse(
    "upstreams: {a: {protocol: openai_chat, url: 'http://127.0.0.1:1/v1'}}\nroutes: []", "c", {}
).upstreams["a"]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  (what is waited for sets no event)
            await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "TICK", 0.001)


async def never(_: Upstream) -> None:
    await asyncio.Event().wait()


def test_the_loop_survives_its_own_errors(caplog: pytest.LogCaptureFixture) -> None:
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        raise RuntimeError("boom")

    async def run() -> None:
        loop = Timers(tick, tuple, never)
        loop.start()
        await until(lambda: ticks >= 3)
        loop.stop()

    asyncio.run(run())
    assert "a timer failed; it goes on" in caplog.text
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_probe_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    probes = 0

    async def probe(_: Upstream) -> None:
        nonlocal probes
        probes += 1
        raise OSError("no route")

    async def run() -> None:
        loop = Timers(lambda: None, lambda: (UPSTREAM,), probe)
        loop.start()
        await until(lambda: probes >= 3)
        loop.stop()

    asyncio.run(run())
    assert "the health check of a failed" in caplog.text


def test_an_upstream_is_probed_once_at_a_time() -> None:
    ticks, probes = 0, 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    async def probe(_: Upstream) -> None:
        nonlocal probes
        probes += 1
        await never(UPSTREAM)

    async def run() -> None:
        loop = Timers(tick, lambda: (UPSTREAM,), probe)
        loop.start()
        await until(lambda: ticks >= 5)
        assert probes == 1
        loop.stop()

    asyncio.run(run())


def test_stopping_leaves_no_task_and_starting_again_works() -> None:
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    async def run() -> None:
        loop = Timers(tick, lambda: (UPSTREAM,), never)
        for _ in range(3):
            before = ticks
            loop.start()
            await until(lambda before=before: ticks >= before + 2)  # type: ignore[misc]
            loop.stop()
            await until(lambda: len(asyncio.all_tasks()) == 1)
        loop.stop()  # once more does no harm

    asyncio.run(run())
