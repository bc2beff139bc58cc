"""The addon inside a mitmproxy that serves nobody, for tests of what it starts by itself."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml
from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.test import taddons, tflow, tutils

from addon import Bridge

BODY = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "[[text:well]]"}]}


def story(
    folder: Path, config: dict[str, Any], tell: Callable[[Bridge, taddons.context], Awaitable[None]]
) -> None:
    """Runs `tell` with a Bridge that has this configuration."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))

    async def run() -> None:
        with taddons.context() as context:
            bridge = Bridge()
            context.master.addons.add(Proxyserver(), bridge)  # it brings options that both need
            context.configure(bridge, bridge_config=str(file), confdir=str(folder))
            bridge.running()
            async with asyncio.timeout(20):
                await tell(bridge, context)
            bridge.done()

    asyncio.run(run())


def call(stream: bool = False, **headers: str) -> http.HTTPFlow:
    """An app's."""
    request = tutils.treq(
        method=b"POST",
        scheme=b"https",
        host="app.example",
        port=443,
        path=b"/v1/messages",
        headers=http.Headers([(n.encode(), v.encode()) for n, v in headers.items()]),
        content=json.dumps({**BODY, "stream": stream}).encode(),
    )
    return tflow.tflow(req=request)


class Asked:
    """An addon behind ours, that sees which requests there are."""

    def __init__(self) -> None:
        self.flows: list[http.HTTPFlow] = []
        self.event = asyncio.Event()

    def request(self, flow: http.HTTPFlow) -> None:
        self.flows.append(flow)
        self.event.set()


async def over(bridge: Bridge, flow: http.HTTPFlow) -> dict[str, Any]:
    """The record of a replay, once all that are on their way have ended."""
    await asyncio.gather(*bridge.replays._tasks)
    record: dict[str, Any] = flow.metadata["bridge"]
    return record
