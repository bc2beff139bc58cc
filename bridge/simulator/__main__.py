"""`python -m bridge.simulator`: prints where it listens, runs until it is told to stop."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from .faults import BadFault
from .server import Simulator


def main() -> int:
    arguments = _arguments()
    try:
        asyncio.run(_run(arguments))
    except (BadFault, OSError, ValueError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bridge.simulator",
        description="A loopback server that speaks Anthropic Messages, OpenAI Chat Completions and "
        "OpenAI Responses, and misbehaves on request.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--key", help="the only credential that is accepted")
    parser.add_argument("--certificate", type=Path, help="with its key in one PEM file: speak TLS")
    parser.add_argument("--script", type=Path, help="a JSON file with upstreams and faults")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> None:
    script = _script(arguments.script)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Simulator(
        arguments.host,
        arguments.port,
        key=arguments.key,
        script=script,
        certificate=arguments.certificate,
    ) as sim:
        print(f"simulator listening on {sim.url}", flush=True)
        await stop.wait()


def _script(path: Path | None) -> Any:
    return None if path is None else json.loads(path.read_text("utf-8"))


if __name__ == "__main__":
    sys.exit(main())
