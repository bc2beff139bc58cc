"""The simulator over HTTP/2: the same answers, and the ends that only HTTP/2 has."""

import asyncio
import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import httpx2
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes, Settings

from bridge.simulator import Simulator, http2, running
from tests.certificates import CA, certificate

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ("messages", "chat/completions", "responses")
HEADERS = [("anthropic-version", "2023-06-01"), ("authorization", "Bearer k")]
every_protocol = pytest.mark.parametrize("operation", OPERATIONS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def sim(folder: Path) -> Iterator[Simulator]:
    with running(certificate=certificate(folder)) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def trust(folder: Path) -> Callable[..., ssl.SSLContext]:
    """A client's context, which offers versions of HTTP."""

    def context(*offered: str) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=folder / CA)
        made.set_alpn_protocols(list(offered))
        return made

    return context


def body(operation: str, text: str, **more: Any) -> dict[str, Any]:
    said = {"role": "user", "content": text}
    key = "input" if operation == "responses" else "messages"
    limit = {"max_tokens": 999} if operation == "messages" else {}
    return {"model": "m", **limit, key: [said], **more}


class Wire:
    """A client of which nothing is hidden."""

    def __init__(self, sim: Simulator, context: ssl.SSLContext, window: int = 1 << 20) -> None:
        raw = socket.create_connection(("127.0.0.1", sim.port), 3)
        self.sock = context.wrap_socket(raw, server_hostname="127.0.0.1")
        self.frames = H2Connection(H2Configuration(validate_outbound_headers=False))
        self.frames.local_settings = Settings(True, {SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.frames.initiate_connection()
        self.ending = ""  # of the connection: closed, reset, or silent as long as it was waited for

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def ask(self, path: str, content: Any, *fields: tuple[str, str]) -> int:
        stream = self.frames.get_next_available_stream_id()
        head = [(":method", "POST"), (":scheme", "https"), (":path", path)]
        head += [(":authority", "127.0.0.1"), *HEADERS, *fields]
        self.frames.send_headers(stream, head)
        data = json.dumps(content).encode()
        for place in range(0, len(data), 4000):  # frames
            self.frames.send_data(stream, data[place : place + 4000])
        self.frames.end_stream(stream)
        self.flush()
        return stream

    def flush(self) -> None:
        self.sock.sendall(self.frames.data_to_send())

    def hear(self, enough: Callable[[list[Event]], bool], seconds: float = 3) -> list[Event]:
        """What comes until it is enough, or the connection ends."""
        events: list[Event] = []
        self.sock.settimeout(seconds)
        try:
            while not enough(events):
                data = self.sock.recv(65536)
                if not data:
                    self.ending = "closed"
                    break
                events += self.frames.receive_data(data)
        except TimeoutError:
            self.ending = "silent"
        except ConnectionError:
            self.ending = "reset"
        return events


def is_over(*streams: int) -> Callable[[list[Event]], bool]:
    def enough(events: list[Event]) -> bool:
        ends = (e.stream_id for e in events if isinstance(e, StreamEnded | StreamReset))
        return set(streams) <= set(ends)

    return enough


def never(_: list[Event]) -> bool:
    return False


def text_of(events: list[Event], stream: int = 1) -> str:
    got = [e.data for e in events if isinstance(e, DataReceived) and e.stream_id == stream]
    lines = b"".join(got).decode().splitlines()
    told = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    return "".join(e["delta"].get("text", "") for e in told if e["type"] == "content_block_delta")


WORDS = body("messages", "[[words:6]]", stream=True)


# --- the same answers


@every_protocol
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_answers_are_the_same_over_both_versions(
    sim: Simulator, trust: Any, operation: str, stream: bool
) -> None:
    text = "[[reason]][[words:9]][[call:look {}]]"
    answers = []
    for offered in (("h2", "http/1.1"), ("http/1.1",)):
        with httpx2.Client(http2="h2" in offered, verify=trust(), trust_env=False) as client:
            answer = client.post(
                f"{sim.base('same')}/{operation}",
                json=body(operation, text, stream=stream),
                headers=dict(HEADERS),
            )
        assert answer.status_code == 200
        assert answer.http_version == ("HTTP/2" if "h2" in offered else "HTTP/1.1")
        answers.append(answer.content)
    assert answers[0] == answers[1]
    assert "transfer-encoding" not in answer.headers or stream


def test_a_client_that_offers_no_version_gets_http_1(sim: Simulator, trust: Any) -> None:
    assert sim.url == f"https://127.0.0.1:{sim.port}"
    connection = HTTPSConnection("127.0.0.1", sim.port, timeout=3, context=trust())
    connection.request("GET", "/v1/models")
    assert connection.getresponse().read()
    connection.sock.sendall(b"nonsense\r\n\r\n")
    assert connection.sock.recv(1000).startswith(b"HTTP/1.1 400 ")
    connection.close()


def test_a_request_is_recorded_as_over_http_1(sim: Simulator, trust: Any) -> None:
    with Wire(sim, trust("h2")) as wire:
        wire.ask("/recorded/v1/messages?beta=true", WORDS, ("x-trace", "7"))
        assert text_of(wire.hear(is_over(1))).startswith("0:plain 1:Grüße ")
    [recorded] = sim.requests("recorded")
    assert (recorded.method, recorded.path) == ("POST", "/recorded/v1/messages?beta=true")
    assert recorded.body == WORDS and recorded.header("x-trace") == "7"
    assert all(not name.startswith(":") for name, _ in recorded.headers)


def test_control_is_there_too(sim: Simulator, trust: Any) -> None:
    with httpx2.Client(http2=True, verify=trust(), trust_env=False, base_url=sim.url) as client:
        fault = {"upstream": "controlled", "fault": {"kind": "status", "status": 503}}
        assert client.post("/_sim/faults", json=fault).json() == {"ok": True}
        assert client.get("/controlled/v1/models").status_code == 503
        assert client.head("/controlled/v1/models").content == b""


def test_streams_share_a_connection_and_end_each_by_itself(sim: Simulator, trust: Any) -> None:
    sim.fault("shared", {"kind": "slow", "first_byte": 0.1}, match={"model": "slow"})
    sim.fault("shared", {"kind": "cut", "after": 2, "frame": "rst_stream"}, match={"model": "cut"})
    sim.fault("shared", {"kind": "hang"}, match={"model": "hung"})
    with Wire(sim, trust("h2")) as wire:
        models = ("slow", "cut", "hung", "well")
        streams = {m: wire.ask("/shared/v1/messages", {**WORDS, "model": m}) for m in models}
        hung = streams.pop("hung")
        events = wire.hear(is_over(*streams.values()))
        texts = {model: text_of(events, stream) for model, stream in streams.items()}
        assert texts == {"slow": texts["well"], "cut": "0:plain 1:Grüße ", "well": texts["well"]}
        assert texts["well"].count(":") == 6
        assert sim.until(lambda s: s.state()["upstreams"]["shared"]["open"] == 1)
        assert sim.state()["upstreams"]["shared"]["connections"] == 1
        assert sim.state()["upstreams"]["shared"]["aborted"] == 0
        wire.frames.reset_stream(hung, ErrorCodes.CANCEL)
        wire.flush()
        assert sim.until(lambda s: s.state()["upstreams"]["shared"]["aborted"] == 1)
        again = wire.ask("/shared/v1/messages", WORDS)
        assert text_of(wire.hear(is_over(again)), again) == texts["well"]


def test_more_streams_than_it_takes_end_the_connection(folder: Path, trust: Any) -> None:
    with running(certificate=certificate(folder), streams=2) as sim:
        sim.fault("few", {"kind": "hang"}, count=3)
        with Wire(sim, trust("h2")) as wire:
            for _ in range(3):
                wire.ask("/few/v1/messages", WORDS)
            wire.hear(never)
            assert wire.ending == "closed"
            assert wire.frames.remote_settings.max_concurrent_streams == 2


def test_a_large_body_and_a_large_answer(sim: Simulator, trust: Any) -> None:
    asked = body("chat/completions", "[[words:4000]]" + "x" * 3_000_000, stream=True)
    with httpx2.Client(http2=True, verify=trust(), trust_env=False, timeout=20) as client:
        answer = client.post(f"{sim.base('large')}/chat/completions", json=asked)
    assert answer.text.count("data: ") > 4000 and answer.text.endswith("data: [DONE]\n\n")
    assert len(sim.requests("large")[0].raw) > 3_000_000


def test_a_client_without_room_is_waited_for(sim: Simulator, trust: Any) -> None:
    with Wire(sim, trust("h2"), window=100) as wire:
        stream = wire.ask("/waiting/v1/messages", WORDS)
        events = wire.hear(is_over(stream), seconds=0.2)
        got = sum(len(event.data) for event in events if isinstance(event, DataReceived))
        assert (wire.ending, got) == ("silent", 100)
        wire.frames.increment_flow_control_window(1 << 20, stream)
        wire.flush()
        events += wire.hear(is_over(stream))
        assert text_of(events, stream).count(":") == 6
        stream = wire.ask("/waiting/v1/messages", WORDS)
        wire.hear(is_over(stream), seconds=0.2)
    assert sim.until(lambda s: s.state()["upstreams"]["waiting"]["aborted"] == 1)


# --- how it can end

RST: dict[str, Any] = {"kind": "cut", "frame": "rst_stream"}
ENDINGS = [
    pytest.param({"kind": "refused"}, [], "", "reset", id="refused"),
    pytest.param({"kind": "drop"}, [], "", "closed", id="dropped"),
    pytest.param({"kind": "drop", "reset": True}, [], "", "reset", id="the connection reset"),
    pytest.param(
        {"kind": "drop", "frame": "rst_stream", "code": "REFUSED_STREAM"},
        [StreamReset],
        "",
        "",
        id="the stream refused",
    ),
    pytest.param(
        {"kind": "drop", "frame": "goaway", "code": "NO_ERROR"},
        [ConnectionTerminated],
        "",
        "closed",
        id="told to go away",
    ),
    pytest.param({**RST, "at": 0}, [ResponseReceived, StreamReset], "", "", id="behind the head"),
    pytest.param(
        {**RST, "after": 2},
        [ResponseReceived, StreamReset],
        "0:plain 1:Grüße ",
        "",
        id="in the text",
    ),
    pytest.param(
        {"kind": "cut", "after": 2, "frame": "goaway"},
        [ResponseReceived, ConnectionTerminated],
        "0:plain 1:Grüße ",
        "closed",
        id="told to go away in the text",
    ),
    pytest.param(
        {"kind": "cut", "after": 2},
        [ResponseReceived],
        "0:plain 1:Grüße ",
        "closed",
        id="the connection closed in the text",
    ),
    pytest.param({"kind": "hang"}, [], "", "silent", id="hung"),
    pytest.param(
        {"kind": "stall", "after": 2},
        [ResponseReceived],
        "0:plain 1:Grüße ",
        "silent",
        id="stalled in the text",
    ),
]
SHOWN = (ResponseReceived, StreamReset, ConnectionTerminated, StreamEnded)


@pytest.mark.parametrize("fault, kinds, text, ending", ENDINGS)
def test_endings(
    sim: Simulator, trust: Any, fault: Any, kinds: list[type], text: str, ending: str
) -> None:
    sim.fault("ended", fault)
    with Wire(sim, trust("h2")) as wire:
        wire.ask("/ended/v1/messages", WORDS)
        events = wire.hear(is_over(1), seconds=0.3 if ending == "silent" else 3)
        told = [event for event in events if isinstance(event, SHOWN)]
        assert ([type(event) for event in told], wire.ending) == (kinds, ending)
        assert text_of(events) == text
        codes = [event.error_code for event in told if hasattr(event, "error_code")]
        assert codes == [ErrorCodes[fault.get("code", "INTERNAL_ERROR")] for _ in codes]
        if not ending:  # of the connection
            again = wire.ask("/ended/v1/messages", WORDS)
            assert text_of(wire.hear(is_over(again)), again).count(":") == 6


def test_the_end_of_a_connection_is_that_of_all_its_streams(sim: Simulator, trust: Any) -> None:
    sim.fault("all", {"kind": "stall", "after": 1}, count=2, match={"model": "m"})
    sim.fault("all", {"kind": "drop"}, match={"model": "last"})
    with Wire(sim, trust("h2")) as wire:
        for model in ("m", "m", "last"):
            wire.ask("/all/v1/messages", {**WORDS, "model": model})
        wire.hear(never)
        assert wire.ending == "closed"
    assert sim.until(lambda s: s.state()["upstreams"]["all"]["open"] == 0)
    assert sim.state()["upstreams"]["all"]["aborted"] == 0  # it was not the client


def test_a_connection_can_be_deaf_from_one_stream_on(sim: Simulator, trust: Any) -> None:
    sim.fault("deaf", {"kind": "hang", "connection": True})
    with Wire(sim, trust("h2")) as wire:
        for _ in range(2):
            wire.ask("/deaf/v1/messages", WORDS)
            assert sim.until(lambda s: s.state()["upstreams"].get("deaf", {}).get("open") == 1)
        wire.hear(is_over(3), seconds=0.2)
        assert wire.ending == "silent"
        assert len(sim.requests("deaf")) == 1
    assert sim.until(lambda s: s.state()["upstreams"]["deaf"]["aborted"] == 1)


def test_a_client_that_leaves_aborts_all_its_streams(sim: Simulator, trust: Any) -> None:
    sim.fault("left", {"kind": "hang"}, count=3)
    for farewell in (Wire.flush, lambda wire: wire.frames.close_connection() or wire.flush()):
        with Wire(sim, trust("h2")) as wire:
            wire.ask("/left/v1/messages", WORDS)
            assert sim.until(lambda s: s.state()["upstreams"].get("left", {}).get("open") == 1)
            farewell(wire)
        assert sim.until(lambda s: s.state()["upstreams"]["left"]["open"] == 0)
    assert sim.state()["upstreams"]["left"]["aborted"] == 2


@pytest.mark.parametrize("code", ["NO_ERROR", "CANCEL", "HTTP_1_1_REQUIRED", "ENHANCE_YOUR_CALM"])
def test_codes(sim: Simulator, trust: Any, code: str) -> None:
    sim.fault("coded", {"kind": "drop", "frame": "rst_stream", "code": code})
    with Wire(sim, trust("h2")) as wire:
        wire.ask("/coded/v1/messages", WORDS)
        [reset] = [e for e in wire.hear(is_over(1)) if isinstance(e, StreamReset)]
    assert reset.error_code == ErrorCodes[code]


# --- what it does not take


@pytest.mark.parametrize(
    "field",
    [("Host", "127.0.0.1"), ("connection", "close"), ("host", "elsewhere")],
    ids=["a name in capitals", "a field of HTTP/1", "two hosts"],
)
def test_a_request_that_breaks_the_rules_ends_the_connection(
    sim: Simulator, trust: Any, field: tuple[str, str]
) -> None:
    with Wire(sim, trust("h2")) as wire:
        wire.frames.config.normalize_outbound_headers = False
        wire.ask("/strict/v1/messages", WORDS, field)
        events = wire.hear(never)
    [told] = [event for event in events if isinstance(event, ConnectionTerminated)]
    assert (told.error_code, wire.ending) == (ErrorCodes.PROTOCOL_ERROR, "closed")
    assert sim.requests("strict") == []


def test_what_is_no_http_2_ends_the_connection(sim: Simulator, trust: Any) -> None:
    with Wire(sim, trust("h2")) as wire:
        wire.sock.sendall(b"GET / HTTP/1.1\r\n\r\n" * 9)
        wire.hear(never)
        assert wire.ending == "closed"


def test_a_body_that_is_too_large_is_not_taken(
    sim: Simulator, trust: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2, "MAX_BODY", 100)
    with Wire(sim, trust("h2")) as wire:
        wire.ask("/big/v1/messages", {**WORDS, "system": "x" * 10_000})
        [reset] = [e for e in wire.hear(is_over(1)) if isinstance(e, StreamReset)]
        assert reset.error_code == ErrorCodes.ENHANCE_YOUR_CALM
    assert sim.requests("big") == []


# --- the process


def test_nothing_is_left_when_it_stops(folder: Path, trust: Any) -> None:
    async def story() -> None:
        async with Simulator(certificate=certificate(folder)) as sim:
            sim.fault("hung", {"kind": "hang"})
            wire = await asyncio.to_thread(Wire, sim, trust("h2"))
            await asyncio.to_thread(wire.ask, "/hung/v1/messages", WORDS)
            assert await asyncio.to_thread(sim.until, is_open)
        assert sim.state()["connections"] == 0
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
        wire.sock.close()

    def is_open(sim: Simulator) -> bool:
        return bool(sim.state()["upstreams"].get("hung", {}).get("open") == 1)

    asyncio.run(asyncio.wait_for(story(), 10))


def test_the_command_takes_a_certificate(folder: Path, trust: Any) -> None:
    command = [sys.executable, "-m", "bridge.simulator", "--certificate", str(certificate(folder))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdout
            url = started.stdout.readline().split()[-1]
            with httpx2.Client(http2=True, verify=trust(), trust_env=False) as client:
                answer = client.get(f"{url}/v1/models")
            assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
        finally:
            started.kill()
