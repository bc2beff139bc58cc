"""HTTP/1.1 over one connection: bytes in, `HttpRequest` out, raw bytes back.

Written by hand because the faults need control of every byte that leaves. The hard part is to
notice at once that the peer has left while an answer is held back: a Protocol is told by
`connection_lost`, where a stream reader would not look before its next read.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024 * 1024
LINGER = 0.3  # seconds for the client to take a last answer and leave
READ_AHEAD = 256 * 1024  # what a client may pipeline while it is being answered
HTTP2 = "HTTP/2"  # the version of a request that came over it

Headers = tuple[tuple[str, str], ...]


class PeerGone(Exception):
    """The client closed the connection."""


class BadHttp(Exception):
    """Bytes that are no HTTP/1 request; the connection is of no use any more."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class HttpRequest:
    method: str
    target: str
    version: str
    headers: Headers
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The value, lower-cased names; a repeated header is joined by commas."""
        values = [value for key, value in self.headers if key.lower() == name]
        return ", ".join(values) if values else None

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def keep_alive(self) -> bool:
        return self.version == "HTTP/1.1" and (self.header("connection") or "").lower() != "close"


class Peer:
    """Who waits for an answer: a connection, or over HTTP/2 one stream of it."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.closed_here = False  # by us, not by the peer

    async def pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.gone.wait()
        except TimeoutError:
            return
        raise PeerGone

    async def hold(self) -> None:
        await self.gone.wait()
        raise PeerGone


class Connection(Peer, asyncio.Protocol):
    def __init__(
        self, opened: Callable[["Connection"], None], closed: Callable[["Connection"], None]
    ) -> None:
        super().__init__()
        self._opened, self._closed = opened, closed
        self._buffer = bytearray()
        self._wanted = READ_AHEAD
        self._waiting: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self.deaf = False  # to whatever comes
        self.upstream: str | None = None  # whose request came last

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._writable.set()
        self._opened(self)

    def data_received(self, data: bytes) -> None:
        if self.deaf:
            return
        self._buffer += data
        if len(self._buffer) > self._wanted + MAX_HEAD:
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        self._writable.set()
        self._wake()
        self._closed(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    # reading

    async def _more(self) -> None:
        if self.gone.is_set():
            raise PeerGone
        if not self._transport.is_reading() and not self._transport.is_closing():
            self._transport.resume_reading()
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting

    async def _line(self, end: bytes, limit: int) -> bytes:
        searched = 0
        while (found := self._buffer.find(end, searched)) < 0:
            if len(self._buffer) > limit:
                raise BadHttp(431, "the head of the request is too long")
            searched = max(0, len(self._buffer) - len(end))
            await self._more()
        return self._take(found + len(end))[: -len(end)]

    async def _exactly(self, size: int) -> bytes:
        self._wanted = max(READ_AHEAD, size)
        while len(self._buffer) < size:
            await self._more()
        self._wanted = READ_AHEAD
        return self._take(size)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    async def read(self) -> bytes:
        """What has come, as soon as something has. Raises PeerGone at the end."""
        while not self._buffer:
            await self._more()
        return self._take(len(self._buffer))

    async def read_request(self) -> HttpRequest:
        """The next request, whole. Raises PeerGone at the end, BadHttp for what is none."""
        head = await self._line(b"\r\n\r\n", MAX_HEAD)
        method, target, version, headers = parse_head(head.lstrip(b"\r\n"))
        request = HttpRequest(method, target, version, headers)
        length = body_length(request)
        if length == 0:
            return request
        if (request.header("expect") or "").lower() == "100-continue":
            await self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await (self._chunked() if length is None else self._exactly(length))
        return HttpRequest(method, target, version, headers, body)

    async def _chunked(self) -> bytes:
        body = bytearray()
        while size := parse_chunk_size(await self._line(b"\r\n", 1024)):
            if len(body) + size > MAX_BODY:
                raise BadHttp(413, "the request body is too large")
            chunk = await self._exactly(size + 2)
            if not chunk.endswith(b"\r\n"):
                raise BadHttp(400, "a chunk does not end where its size says")
            body += chunk[:-2]
        while await self._line(b"\r\n", MAX_HEAD):
            pass  # trailers
        return bytes(body)

    # writing

    async def send(self, data: bytes) -> None:
        """Hands the bytes to the kernel now; waits only while the peer does not read."""
        if self.gone.is_set() or self._transport.is_closing():
            raise PeerGone
        self._transport.write(data)
        if not self._writable.is_set():
            await self._writable.wait()

    def reset(self) -> None:
        """Closes with RST: what was sent and not yet read is lost to the peer too."""
        sock = self._transport.get_extra_info("socket")
        if sock is not None and not self.gone.is_set():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def close(self) -> None:
        self._transport.close()

    async def close_politely(self) -> None:
        """Ends an answer given before the request was read: a plain close would reset it."""
        self.deaf = True
        if self._transport.is_closing():
            return
        if not self._transport.can_write_eof():  # TLS
            self._transport.close()
            return
        self._transport.write_eof()
        self._transport.resume_reading()
        try:
            async with asyncio.timeout(LINGER):
                await self.gone.wait()
        except TimeoutError:
            self._transport.abort()

    @property
    def connection(self) -> "Connection":
        return self

    @property
    def is_http2(self) -> bool:
        tls = self._transport.get_extra_info("ssl_object")
        return tls is not None and tls.selected_alpn_protocol() == "h2"

    @property
    def from_loopback(self) -> bool:
        host = str((self._transport.get_extra_info("peername") or ("",))[0])
        return host.startswith("127.") or host in ("::1", "::ffff:127.0.0.1")


def parse_head(head: bytes) -> tuple[str, str, str, Headers]:
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0") or not words[0].isalpha():
        raise BadHttp(400, "no HTTP/1 request line")
    method, target, version = words
    if target.lower().startswith("http://"):  # the form that proxies are sent
        target = "/" + target[7:].partition("/")[2]
    return method, target, version, tuple(map(_header, lines))


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise BadHttp(400, "malformed header line")
    return name, value.strip()


def body_length(request: HttpRequest) -> int | None:
    """Bytes to read, or None when the body is chunked."""
    length, coding = request.header("content-length"), request.header("transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked" or length is not None:
            raise BadHttp(400, "unclear length of the request body")
        return None
    if length is None:
        return 0
    if not (length.isascii() and length.isdigit()):
        raise BadHttp(400, "unclear length of the request body")
    if len(length) > 12 or int(length) > MAX_BODY:
        raise BadHttp(413, "the request body is too large")
    return int(length)


def parse_chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 8 or set(digits.lower()) - set(b"0123456789abcdef"):
        raise BadHttp(400, "malformed chunk size")
    return int(digits, 16)


def render_head(status: int, headers: list[tuple[str, str]]) -> bytes:
    phrase = HTTPStatus(status).phrase if status in HTTPStatus else "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
