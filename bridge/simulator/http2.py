"""HTTP/2 over a Connection: frames in, requests out, and the steps of each answer as frames.

Hard part: streams end each by itself or all with their connection, so what waits in one of them
has to wake for both. h2 keeps the state of the protocol, and is strict with what comes in.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from .delivery import Close, End, Head
from .wire import HTTP2, MAX_BODY, Connection, HttpRequest, Peer, PeerGone

CONFIG = H2Configuration(client_side=False, header_encoding="latin-1")


class Stream(Peer):
    """One request and its answer."""

    def __init__(self, session: "Session", number: int, fields: list[tuple[str, str]]) -> None:
        super().__init__()
        self._session, self._frames, self._number = session, session.frames, number
        self._fields, self._body = fields, bytearray()
        self.connection = session.connection

    @property
    def request(self) -> HttpRequest:
        pseudo = {name: value for name, value in self._fields if name.startswith(":")}
        headers = tuple(field for field in self._fields if field[0] not in pseudo)
        return HttpRequest(pseudo[":method"], pseudo[":path"], HTTP2, headers, bytes(self._body))

    def take(self, data: bytes) -> None:
        """More of the body."""
        self._body += data
        if len(self._body) > MAX_BODY and not self.gone.is_set():
            self._frames.reset_stream(self._number, ErrorCodes.ENHANCE_YOUR_CALM)
            self.gone.set()

    async def send(self, step: Head | bytes | End) -> None:
        match step:
            case Head(status, headers):
                self._check()
                self._frames.send_headers(self._number, [(":status", str(status)), *headers])
            case bytes():
                while step := step[await self._send_some(step) :]:
                    pass
            case End():
                self._check()
                self._frames.end_stream(self._number)
        await self._session.flush()

    async def _send_some(self, data: bytes) -> int:
        """As much as the client has room for."""
        self._check()
        frames = self._frames
        room = min(frames.local_flow_control_window(self._number), frames.max_outbound_frame_size)
        if room > 0:
            frames.send_data(self._number, data[:room])
            await self._session.flush()
        else:
            await self._session.news.wait()
        return max(room, 0)

    def _check(self) -> None:
        if self.gone.is_set():
            raise PeerGone

    async def close(self, how: Close) -> None:
        self._check()
        match how.frame:
            case "rst_stream":
                self._frames.reset_stream(self._number, ErrorCodes[how.code])
            case "goaway":
                self._frames.close_connection(ErrorCodes[how.code])
        await self._session.flush()
        if how.frame != "rst_stream":
            self._session.close(how.reset)


class Session:
    """All streams of one connection, so many at a time; `answer` is what the server does with a
    request."""

    def __init__(
        self,
        connection: Connection,
        answer: Callable[[Stream, HttpRequest], Awaitable[None]],
        at_once: int,
    ) -> None:
        self.connection, self._answer = connection, answer
        self.frames = H2Connection(CONFIG)
        limit = {SettingCodes.MAX_CONCURRENT_STREAMS: at_once}
        self.frames.local_settings = Settings(client=False, initial_values=limit)
        self.news = asyncio.Event()  # set, and another one taken, whenever something came
        self._streams: dict[int, Stream] = {}

    async def run(self) -> None:
        """Until the peer leaves, or what it sends is no HTTP/2."""
        self.frames.initiate_connection()
        async with asyncio.TaskGroup() as answers:
            try:
                await self._read(answers)
                self.close()
            except PeerGone:
                self.close(here=False)

    async def _read(self, answers: asyncio.TaskGroup) -> None:
        while True:
            await self.flush()
            try:
                events = self.frames.receive_data(await self.connection.read())
            except ProtocolError:
                await self.flush()  # it tells the peer
                return
            for event in events:
                self._take(event, answers)
            news, self.news = self.news, asyncio.Event()
            news.set()

    def _take(self, event: Event, answers: asyncio.TaskGroup) -> None:
        match event:
            case RequestReceived(stream_id=number, headers=fields):
                self._streams[number] = Stream(self, number, [(str(n), str(v)) for n, v in fields])
            case DataReceived(stream_id=number, flow_controlled_length=size, data=data):
                self.frames.acknowledge_received_data(size, number)
                self._streams[number].take(data)
            case StreamEnded(stream_id=number) if not self._streams[number].gone.is_set():
                answers.create_task(self._serve(number))
            case StreamReset(stream_id=number) if number in self._streams:
                self._streams[number].gone.set()
            case ConnectionTerminated():
                raise PeerGone

    async def _serve(self, number: int) -> None:
        stream = self._streams[number]
        with suppress(PeerGone):
            await self._answer(stream, stream.request)
        del self._streams[number]

    async def flush(self) -> None:
        await self.connection.send(self.frames.data_to_send())

    def close(self, reset: bool = False, here: bool = True) -> None:
        """Ends the connection, and with it all streams. `here`: it is not the peer that leaves."""
        for stream in self._streams.values():
            stream.closed_here = stream.closed_here or here
            stream.gone.set()
        self.news.set()
        self.connection.reset() if reset else self.connection.close()
