"""The server itself: connections in, answers and faults out, and nothing left when it stops."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from . import control
from .complaints import complaints
from .delivery import Close, Hold, Pause, Step, steps
from .dialect import Rules
from .http2 import Session, Stream
from .respond import Exchange, open_exchange, respond
from .upstreams import DEFAULT, Facts, Recorded, Upstream, Upstreams
from .wire import BadHttp, Connection, HttpRequest, PeerGone, render_head

Json = Any
STREAMS = 100  # over one connection, at a time


class Simulator:
    """`async with Simulator() as sim:`, or `with running() as sim:` from code that is not async."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        key: str | None = None,
        script: Json = None,
        certificate: Path | None = None,
        streams: int = STREAMS,
    ) -> None:
        self._host, self._port = host, port
        self._streams = streams
        self._tls = None if certificate is None else _tls(certificate)
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._upstreams = Upstreams(Rules(key))
        self._upstreams.connections = lambda: [c.upstream for c in list(self._connections)]
        if script is not None:
            control.run_script(script, self._upstreams)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._opened, self._closed),
            self._host,
            self._port,
            backlog=512,
            ssl=self._tls,
        )
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for connection in list(self._connections):
            connection.reset()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    # what tests ask and tell; safe from any thread

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self._port}"

    def base(self, upstream: str) -> str:
        """The base URL of an upstream, as OpenAI's SDK takes it."""
        return f"{self.url}/{upstream}/v1"

    @property
    def port(self) -> int:
        return self._port

    def fault(
        self, upstream: str | None, fault: Json, count: int | None = 1, match: Json = None
    ) -> None:
        """The next `count` requests (None: all) that match get the fault; None is any upstream."""
        self._upstreams.add_fault(upstream, fault, count, match)

    def clear_faults(self, upstream: str | None = None) -> None:
        self._upstreams.clear_faults(upstream)

    def configure(self, upstream: str = DEFAULT, **settings: Any) -> None:
        """`key`, `models`, `bind_thinking`, `trust_opaque`, `calls`, `account`, `burst`."""
        control.configure({"upstream": upstream, **settings}, self._upstreams)

    def requests(self, upstream: str | None = None) -> list[Recorded]:
        return self._upstreams.requests(upstream)

    def forget_requests(self) -> None:
        self._upstreams.forget_requests()

    def complaints(self, upstream: str | None = None) -> list[str]:
        """What is wrong with the requests: rules that they break, and histories that changed."""
        return complaints(self._upstreams.requests(upstream))

    def state(self) -> Json:
        return self._upstreams.state()

    def until(self, condition: Callable[[Self], bool], timeout: float = 5) -> bool:
        """Waits until the condition holds; looked at whenever something happens here.

        It blocks: beside the server's own loop, call it through `asyncio.to_thread`.
        """
        return self._upstreams.until(lambda: condition(self), timeout)

    # connections

    def _opened(self, connection: Connection) -> None:
        if self._upstreams.take_refusal():
            connection.reset()
            return
        self._connections.add(connection)
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._upstreams.touch()

    def _closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._upstreams.touch()

    async def _serve(self, connection: Connection) -> None:
        try:
            if connection.is_http2:
                await Session(connection, self._exchange, self._streams).run()
                return
            while True:
                await self._exchange(connection, await connection.read_request())
        except PeerGone:
            connection.close()
        except BadHttp as problem:
            await _refuse(connection, problem)
        except BaseException:
            connection.reset()
            raise

    async def _exchange(self, peer: Connection | Stream, request: HttpRequest) -> None:
        if request.path.startswith("/_sim/") and peer.connection.from_loopback:
            reply = control.answer(request, self._upstreams)
            await _write(peer, steps(reply, [], request, burst=True))
            return
        exchange = open_exchange(request)
        upstream = self._admit(exchange)
        peer.connection.upstream = upstream.name
        faults = self._upstreams.take(upstream, _facts(exchange))
        reply = respond(exchange, upstream.rules, faults)
        if exchange.refusal is not None:
            self._upstreams.refused(exchange.number, exchange.refusal)
        written = steps(reply, faults, request, upstream.burst)
        await self._answer(peer, upstream, written)

    async def _answer(
        self, peer: Connection | Stream, upstream: Upstream, written: list[Step]
    ) -> None:
        self._upstreams.begin(upstream)
        aborted = False
        try:
            await _write(peer, written)
        except PeerGone:
            aborted = not peer.closed_here
            raise
        finally:
            self._upstreams.end(upstream, aborted)

    def _admit(self, exchange: Exchange) -> Upstream:
        request, place = exchange.request, exchange.place
        name = place.upstream if place else request.path.strip("/").partition("/")[0]
        known = place is not None or self._upstreams.known(name)
        upstream = self._upstreams.get(name if known else DEFAULT) or self._upstreams.get(DEFAULT)
        assert upstream is not None
        recorded = Recorded(
            0,
            upstream.name,
            request.method,
            request.target,
            request.headers,
            exchange.raw,
            place.operation if place else None,
        )
        exchange.number = self._upstreams.record(upstream, recorded)
        return upstream


def _facts(exchange: Exchange) -> Facts:
    place = exchange.place
    operation = exchange.request.path
    if place is not None:
        operation = place.operation + (f"/{place.id}" if place.id else "")
    return Facts(operation, exchange.request.method, exchange.stream_asked, exchange.model)


async def _write(peer: Connection | Stream, written: list[Step]) -> None:
    for step in written:
        match step, peer:
            case Pause(seconds), _:
                await peer.pause(seconds)
            case Hold(deaf), _:
                peer.connection.deaf |= deaf
                await peer.hold()
            case Close(), _:
                peer.closed_here = True
                await _close(peer, step)
                raise PeerGone
            case _, Stream():
                await peer.send(step)
            case bytes(), Connection():
                await peer.send(step)


async def _close(peer: Connection | Stream, how: Close) -> None:
    if isinstance(peer, Stream):
        await peer.close(how)
    elif how.reset:
        peer.reset()
    else:
        peer.close()


def _tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


async def _refuse(connection: Connection, problem: BadHttp) -> None:
    body = problem.message.encode()
    headers = [
        ("content-type", "text/plain"),
        ("content-length", str(len(body))),
        ("connection", "close"),
    ]
    try:
        await connection.send(render_head(problem.status, headers) + body)
        await connection.close_politely()
    except PeerGone:
        connection.close()


@contextmanager
def running(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    key: str | None = None,
    script: Json = None,
    certificate: Path | None = None,
    streams: int = STREAMS,
) -> Iterator[Simulator]:
    """A simulator in a thread of its own."""
    simulator = Simulator(
        host, port, key=key, script=script, certificate=certificate, streams=streams
    )
    ready = threading.Event()
    stops: list[Callable[[], object]] = []
    failures: list[BaseException] = []

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with simulator:
            stops.append(lambda: loop.call_soon_threadsafe(stop.set))
            ready.set()
            await stop.wait()

    def host_it() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            failures.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=host_it, name="simulator", daemon=True)
    thread.start()
    try:
        ready.wait()
        if not failures:
            yield simulator
    finally:
        if thread.is_alive():
            for stop in stops:
                stop()
        thread.join(10)
    if failures:
        raise failures[0]


@contextmanager
def refusing_port(host: str = "127.0.0.1") -> Iterator[int]:
    """A port that nobody listens on and nobody else can take: connecting to it is refused."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as reserved:
        reserved.bind((host, 0))
        yield reserved.getsockname()[1]
