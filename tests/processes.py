"""Real mitmdump processes for tests: started on a free port, bounded in time, ended by their id."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from mitmproxy import http
from mitmproxy.io import FlowReader

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30
STOP_SECONDS = 10


def wait_until[T](condition: Callable[[], T | None], what: str, seconds: float = 15) -> T:
    """What `condition` gives once it is truthy; AssertionError naming `what` when it never is."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        pause.wait(0.02)
    return value


class Process:
    """A child process and what it prints, line by line."""

    def __init__(self, command: list[str], env: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        self.lines.extend(iter(self._process.stdout.readline, ""))

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait_for(self, pattern: str, seconds: float = START_SECONDS) -> re.Match[str]:
        """The first match of `pattern` in what it printed; fails at once when it has ended."""

        def look() -> re.Match[str] | None:
            ended = self._process.poll() is not None
            if ended:
                self._reader.join(STOP_SECONDS)
            found = re.search(pattern, self.output)
            assert found or not ended, f"ended without {pattern!r}:\n{self.output}"
            return found

        return wait_until(look, f"{pattern!r} in the output:\n{self.output}", seconds)

    def exit_status(self, seconds: float = START_SECONDS) -> int:
        """Waits for it to end by itself."""
        status = self._process.wait(seconds)
        self._reader.join(STOP_SECONDS)
        return status

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        if self._process.stdout:
            self._process.stdout.close()


class Proxy(Process):
    """mitmdump with the addon and `config`; its flows are saved and can be read after `stop`."""

    def __init__(
        self,
        folder: Path,
        confdir: Path,
        config: dict[str, Any] | str,
        *options: str,
        env: dict[str, str] | None = None,
        tool: str = "mitmdump",
        script: Path = ROOT / "addon.py",
    ) -> None:
        self.config_path = folder / "config.yaml"
        self.configure(config)
        self.saved = folder / "flows.mitm"
        self.confdir = confdir
        command = [
            *(str(Path(sys.executable).with_name(tool)), "-s", str(script)),
            *("--listen-host", "127.0.0.1", "--listen-port", "0", "-w", str(self.saved)),
            *("--set", f"confdir={confdir}", "--set", f"bridge_config={self.config_path}"),
            *options,
        ]
        super().__init__(command, env)

    def configure(self, config: dict[str, Any] | str) -> None:
        """Write config.yaml, as an editor does: all at once."""
        text = config if isinstance(config, str) else yaml.safe_dump(config, sort_keys=False)
        fresh = self.config_path.with_suffix(".new")
        fresh.write_text(text, "utf-8")
        fresh.replace(self.config_path)

    def ready(self) -> "Proxy":
        self.port = int(self.wait_for(r"listening at .*?:(\d+)\.")[1])
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ca(self) -> str:
        return str(self.confdir / "mitmproxy-ca-cert.pem")

    def flows(self) -> list[http.HTTPFlow]:
        """Ends the proxy and reads what it saved."""
        self.stop()
        with self.saved.open("rb") as file:
            return [flow for flow in FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]


@contextlib.contextmanager
def running_proxy(*arguments: Any, **options: Any) -> Iterator[Proxy]:
    """A Proxy that accepts connections."""
    with Proxy(*arguments, **options) as proxy:
        assert isinstance(proxy, Proxy)
        yield proxy.ready()
