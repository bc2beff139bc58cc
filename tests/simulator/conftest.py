"""A simulator for a test module, an upstream name for a test, and a client that shows the bytes."""

import itertools
import json
import socket
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from bridge.simulator import Simulator, running

ASK: dict[str, dict[str, Any]] = {
    "messages": {"model": "m", "max_tokens": 4000},
    "chat/completions": {"model": "m"},
    "responses": {"model": "m"},
}
COUNTER = itertools.count()


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture
def upstream() -> str:
    return f"u{next(COUNTER)}"


@dataclass
class Answer:
    """What came over the wire, and how it ended: complete, cut, reset or silent."""

    ending: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    pieces: list[bytes] = field(default_factory=list)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The data of the events, whatever their line ends."""
        text = self.body.decode().replace("\r\n", "\n").replace("\r", "\n")
        lines = (line.removeprefix("data: ") for line in text.split("\n") if line[:6] == "data: ")
        return [json.loads(line) if line != "[DONE]" else line for line in lines]


class Client:
    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        timeout: float = 3,
    ) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        data = b"" if body is None else data
        given = {
            "host": "simulator",
            "connection": "close",
            "authorization": "Bearer k",
            "content-length": str(len(data)),
            **(headers or {}),
        }
        if "messages" in path:
            given.setdefault("anthropic-version", "2023-06-01")
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in given.items())
        return self.raw(head.encode() + b"\r\n" + data, timeout)

    def raw(self, data: bytes, timeout: float = 3) -> Answer:
        with socket.create_connection(("127.0.0.1", self.simulator.port), timeout) as sock:
            received, ending = b"", "closed"
            try:
                sock.sendall(data)
                while piece := sock.recv(65536):
                    received += piece
            except TimeoutError:
                ending = "silent"
            except ConnectionError:
                ending = "reset"
        return _parsed(received, ending)

    def ask(
        self, upstream: str, operation: str, text: str, timeout: float = 3, **more: Any
    ) -> Answer:
        key = "input" if operation == "responses" else "messages"
        said = text if operation == "responses" else [{"role": "user", "content": text}]
        body = {**ASK[operation], key: said, **more}
        return self.request("POST", f"/{upstream}/v1/{operation}", body, timeout=timeout)


def _parsed(received: bytes, ending: str) -> Answer:
    head, found, rest = received.partition(b"\r\n\r\n")
    if not found:
        return Answer("cut" if ending == "closed" else ending)
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    pieces, whole = [rest], len(rest) == int(headers.get("content-length", -1))
    if headers.get("transfer-encoding") == "chunked":
        pieces, whole = _dechunked(rest)
    body = b"".join(pieces)
    if headers.get("content-encoding") == "gzip":
        body = zlib.decompressobj(31).decompress(body)
    if ending == "closed":
        ending = "complete" if whole else "cut"
    return Answer(ending, int(first.split()[1]), headers, body, pieces)


def _dechunked(rest: bytes) -> tuple[list[bytes], bool]:
    pieces: list[bytes] = []
    while b"\r\n" in rest:
        size, _, rest = rest.partition(b"\r\n")
        if int(size, 16) == 0:
            return pieces, rest == b"\r\n"
        pieces.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    return pieces, False


@pytest.fixture
def client(sim: Simulator) -> Client:
    return Client(sim)
