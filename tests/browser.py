"""Headless Chromium for tests of pages: open, read, click, press keys, take pictures.

It is driven over its own protocol, by tornado's WebSocket client, which comes with mitmproxy.
"""

import asyncio
import base64
import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.processes import Process, wait_until

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage --remote-debugging-port=0 --remote-allow-origins=*"
).split()
PATIENCE = 30.0  # seconds


def executable() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One tab. `problems` are exceptions and what the console calls errors."""

    def __init__(self, address: str) -> None:
        self.problems: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._waiting: dict[int, Future[Any]] = {}
        self._next = 0
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._socket: WebSocketClientConnection = self._run(self._connect(address))
        self._run(self._start_reading())
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    async def _connect(self, address: str) -> WebSocketClientConnection:
        return await websocket_connect(address, max_message_size=1 << 28)

    async def _start_reading(self) -> None:
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        while (message := await self._socket.read_message()) is not None:
            told = json.loads(message)
            if "id" in told:
                self._waiting.pop(told["id"]).set_result(told)
            else:
                self._heard(told["method"], told["params"])

    def _heard(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.problems.append(str(params["exceptionDetails"].get("exception", params)))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def send(self, method: str, **params: Any) -> Any:
        self._next += 1
        answer = self._waiting[self._next] = Future()
        message = json.dumps({"id": self._next, "method": method, "params": params})
        self._loop.call_soon_threadsafe(self._socket.write_message, message)
        told = answer.result(PATIENCE)
        assert "error" not in told, f"{method}: {told['error']}"
        return told["result"]

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._reading.cancel)
        self._loop.call_soon_threadsafe(self._socket.close)
        self._loop.call_soon_threadsafe(self._loop.stop)

    # --- what a person does

    def open(self, url: str) -> None:
        self.send("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression."""
        told = self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, f"{script}: {told['exceptionDetails']}"
        return told["result"].get("value")

    @property
    def text(self) -> str:
        return str(self.run("document.body ? document.body.innerText : ''"))

    def wait_for(self, text: str, seconds: float = 15) -> str:
        """All of the page's text, once `text` is in it; upper and lower case are one."""
        return wait_until(
            lambda: (found := self.text) if text.lower() in (found := self.text).lower() else None,
            f"{text!r} in the page:\n{self.text}",
            seconds,
        )

    def click(self, selector: str, text: str = "") -> None:
        """The first element that fits, and has `text`."""
        script = (
            f"(() => {{ const found = [...document.querySelectorAll({json.dumps(selector)})]"
            f".find((each) => each.textContent.includes({json.dumps(text)}));"
            " found?.click(); return Boolean(found); })()"
        )
        wait_until(lambda: self.run(script), f"{selector} with {text!r} in:\n{self.text}")

    def press(self, key: str, **more: Any) -> None:
        codes = {"Tab": 9, "Enter": 13, "ArrowRight": 39, "ArrowLeft": 37}
        given = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key], **more}
        text = {"text": "\r"} if key == "Enter" else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", **given, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", **given)

    def look(self, width: int, *, dark: bool = False) -> None:
        """As on a screen of that width, light or dark."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path) -> None:
        """All of the page, as PNG."""
        told = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(told["data"]))


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A browser with an empty profile in `folder`."""
    program = executable()
    assert program, f"none of {', '.join(NAMES)} is installed"
    profile = folder / "profile"
    with Process([program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]) as process:
        port = process.wait_for(r"DevTools listening on ws://[^:]+:(\d+)/")[1]
        with httpx2.Client(trust_env=False) as client:
            tabs = client.get(f"http://127.0.0.1:{port}/json/list").json()
        page = Page(next(t["webSocketDebuggerUrl"] for t in tabs if t["type"] == "page"))
        try:
            yield page
        finally:
            page.close()
