"""An HTTP/1.1 client that costs little: one kept connection, prepared requests, counted events."""

import socket
from dataclasses import dataclass
from typing import Self

TIMEOUT = 60

HEAD = (
    "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    "Authorization: Bearer bench\r\nX-Api-Key: bench\r\nAnthropic-Version: 2023-06-01\r\n"
    "Accept: application/json\r\nUser-Agent: bench/1\r\nContent-Length: {length}\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    size: int
    events: int  # of a stream, whichever way it was cut


def request(method: str, path: str, body: bytes = b"") -> bytes:
    return HEAD.format(method=method, path=path, length=len(body)).encode() + body


def events_in(piece: bytes) -> int:
    """How many events end in it."""
    return piece.count(b"\n\n")


class Connection:
    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, wire: bytes) -> Answer:
        """Send a request and take the whole answer."""
        status, length = self.begin(wire)
        if length is not None:
            return Answer(status, len(self._file.read(length)), 0)
        size = events = 0
        while piece := self.chunk():
            size, events = size + len(piece), events + events_in(piece)
        return Answer(status, size, events)

    def begin(self, wire: bytes) -> tuple[int, int | None]:
        """Send a request and take the head of the answer: status, and length unless chunked."""
        self._socket.sendall(wire)
        status = int(self._line().split()[1])
        length: int | None = None
        while line := self._line():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return status, length

    def chunk(self) -> bytes:
        """The next chunk, b"" at the end."""
        size = int(self._line(), 16)
        return self._file.read(size + 2)[:-2]

    def _line(self) -> bytes:
        line = self._file.readline()
        if not line:
            raise ConnectionError("the connection was closed in the middle of an answer")
        return line.rstrip(b"\r\n")
