"""Child processes for the demo and its like: started on free ports, ended whatever happens.

In: a command. Out: what it says, line by line, until `stop`. The hard part is to notice that it
ended too early, and to tell the person why.
"""

import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30
STOP_SECONDS = 10
LISTENING = r"listening at .*?:(\d+)\."


# Below the ports that systems hand out by themselves, or one of those would be taken in between.
PORTS = range(10_000, 30_000)


def free_port() -> int:
    """One that nobody listens on, for tools that have to be told one."""
    for port in random.sample(PORTS, 100):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise Failed("no port is free")


class Failed(Exception):
    """What went wrong, in words for the person at the terminal."""


class Child:
    """`with Child([...]) as child:` runs a command and collects what it prints."""

    def __init__(self, command: list[str], **options: Any) -> None:
        """`options` of Popen, where they are other than those below."""
        self._name = Path(command[0]).name
        self.lines: list[str] = []
        self._news = threading.Condition()
        options = {
            "cwd": ROOT,
            "env": {**os.environ, "PYTHONUNBUFFERED": "1"},
            "stdin": subprocess.DEVNULL,
            **options,
        }
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            **options,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._news:
                self.lines.append(line.rstrip())
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def wait_for(
        self, pattern: str, after: int = 0, seconds: float = START_SECONDS
    ) -> re.Match[str]:
        """The first match in its lines from number `after` on."""
        deadline = time.monotonic() + seconds
        with self._news:
            while True:
                for line in self.lines[after:]:
                    if found := re.search(pattern, line):
                        return found
                left = deadline - time.monotonic()
                if left <= 0 or not self._reader.is_alive():
                    raise Failed(self._why(pattern, left <= 0))
                self._news.wait(min(left, 0.5))

    def _why(self, pattern: str, late: bool) -> str:
        what = f"did not say {pattern!r} in time" if late else "ended too early"
        return f"{self._name} {what}. {self.last_words}"

    @property
    def last_words(self) -> str:
        return "\n".join(["It said last:", *self.lines[-20:]])

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(STOP_SECONDS)


class Proxy(Child):
    """mitmdump or mitmweb on a free port of the loopback interface."""

    def __init__(self, tool: list[str], confdir: Path, *options: str) -> None:
        place = ("--listen-host", "127.0.0.1", "--listen-port", "0", "--set", f"confdir={confdir}")
        super().__init__([*tool, *place, *options])
        self.ca = confdir / "mitmproxy-ca-cert.pem"

    def ready(self) -> Self:
        self.port = int(self.wait_for(LISTENING)[1])
        return self


def tool(name: str) -> list[str]:
    """The command of a program that lies beside this Python."""
    return [str(Path(sys.executable).with_name(name))]
