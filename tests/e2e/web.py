"""A real mitmweb with the addon: its flows, and commands as its page gives them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from scripts._processes import free_port
from tests.processes import Proxy, running_proxy, wait_until

PASSWORD = "secret"
OVER = re.compile(r" \| |^attempt of ")  # in the comment of a flow that is over


class Web:
    def __init__(self, proxy: Proxy, client: httpx2.Client) -> None:
        self.proxy, self._client = proxy, client

    @property
    def page(self) -> str:
        return str(self._client.base_url).rstrip("/")

    def flows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._client.get("/flows").json()
        return rows

    def over(self, number: int) -> list[dict[str, Any]]:
        """The flows, once there are so many and each has ended; in the order they began."""

        def look() -> list[dict[str, Any]] | None:
            told = [flow for flow in self.flows() if OVER.search(flow["comment"])]
            return told if len(told) == number else None

        flows = wait_until(look, f"{number} flows to be over")
        return sorted(flows, key=lambda flow: float(flow["timestamp_created"]))

    def edit(self, flow: str, side: str, content: str) -> None:
        """As with the page's own button."""
        self._client.put(f"/flows/{flow}", json={side: {"content": content}}).raise_for_status()

    def resume(self, flow: str) -> None:
        self._client.post(f"/flows/{flow}/resume").raise_for_status()

    def body(self, flow: str, message: str) -> bytes:
        """What mitmweb has of a flow's request or response."""
        return self._client.get(f"/flows/{flow}/{message}/content.data").content

    def shown(self, flow: str, message: str, view: str = "Auto") -> tuple[str, str]:
        """The name of the content view, and what it shows."""
        told = self._client.get(f"/flows/{flow}/{message}/content/{quote(view)}.json").json()
        return told["view_name"], told["text"]

    def run(self, name: str, *arguments: str) -> str:
        """What a command says; AssertionError where it fails."""
        answer = self._answer(name, *arguments)
        assert "error" not in answer, answer["error"]
        return str(answer["value"])

    def fails(self, name: str, *arguments: str) -> str:
        return str(self._answer(name, *arguments)["error"])

    def _answer(self, name: str, *arguments: str) -> dict[str, Any]:
        """A flow that has its record is still under way until the app has the rest."""

        def ask() -> dict[str, Any] | None:
            answer = self._client.post(f"/commands/{name}", json={"arguments": arguments}).json()
            return None if "still under way" in str(answer) else answer

        return wait_until(ask, name)


@contextmanager
def running_web(
    folder: Path, confdir: Path, config: dict[str, Any], *options: str
) -> Iterator[Web]:
    web = (
        *("--web-port", str(free_port()), "--no-web-open-browser"),
        *("--set", f"web_password={PASSWORD}"),
    )
    with running_proxy(folder, confdir, config, *options, *web, tool="mitmweb") as proxy:
        page = proxy.wait_for(r"Web server listening at (http://[^/\s]+)")[1]
        token = "ab" * 16  # in a cookie and a header, as pages of one's own can do it only
        with httpx2.Client(
            base_url=page,
            trust_env=False,
            cookies=dict.fromkeys(("_xsrf", "_mitmproxy_xsrf"), token),
            headers={"x-xsrftoken": token, "authorization": f"Bearer {PASSWORD}"},
        ) as client:
            yield Web(proxy, client)
