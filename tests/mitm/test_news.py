"""Waiting for news: they come at once, or after a while there are none."""

import asyncio

from bridge.mitm import news
from bridge.mitm.news import News


def test_who_is_behind_is_told_at_once() -> None:
    made = News()
    made.tell()
    assert asyncio.run(made.since(-1)) == 1 and asyncio.run(made.since(0)) == 1


def test_who_waits_is_woken() -> None:
    async def wait() -> list[int]:
        made = News()
        waiting = [asyncio.create_task(made.since(0)) for _ in range(3)]
        await asyncio.sleep(0)
        made.tell()
        return await asyncio.gather(*waiting)

    assert asyncio.run(wait()) == [1, 1, 1]


def test_after_a_while_there_are_none() -> None:
    patience, news.PATIENCE = news.PATIENCE, 0.001
    try:
        assert asyncio.run(News().since(0)) == 0
    finally:
        news.PATIENCE = patience


def test_no_more_than_some_wait() -> None:
    async def crowd() -> int:
        made = News()
        waiting = [asyncio.create_task(made.since(0)) for _ in range(news.MAX_WAITING)]
        await asyncio.sleep(0)
        known = await made.since(0)
        made.tell()
        await asyncio.gather(*waiting)
        return known

    assert asyncio.run(crowd()) == 0


def test_who_gives_up_is_forgotten() -> None:
    async def leave() -> int:
        made = News()
        task = asyncio.create_task(made.since(0))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        made.tell()
        return made.version

    assert asyncio.run(leave()) == 1
