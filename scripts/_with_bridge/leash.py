"""An addon for the bridge that `with-bridge` starts: it says that it is ready, and ends with it.

Out: one line, READY and JSON. In: nothing but the end of standard input, which comes however
`with-bridge` ends.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from mitmproxy import ctx

READY = "bridge is ready: "


def running() -> None:
    folder = Path(ctx.options.confdir).expanduser().absolute()
    host, port, *_ = ctx.master.addons.get("proxyserver").listen_addrs()[0]
    told = {"url": f"http://{host}:{port}", "folder": str(folder)}
    print(READY + json.dumps(told), flush=True)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _read)


def _read() -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        ctx.master.shutdown()
