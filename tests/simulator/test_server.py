"""The server as a process and on the wire: HTTP, control API, encodings, and a clean end."""

import ast
import asyncio
import gc
import gzip
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import brotli
import pytest
from mitmproxy.net import encoding as codings

from bridge.simulator import BadFault, Simulator, running

ROOT = Path(__file__).resolve().parents[2]
CHAT = json.dumps({"model": "m", "messages": [{"role": "user", "content": "[[text:hi]]"}]}).encode()


def post(path: str, body: bytes, *lines: str) -> bytes:
    head = [f"POST {path} HTTP/1.1", "host: simulator", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


class TestHttp:
    def test_connections_are_kept_and_requests_may_be_pipelined(
        self, sim: Simulator, client: Any, upstream: str
    ) -> None:
        path = f"/{upstream}/v1/chat/completions"
        one = post(path, CHAT, f"content-length: {len(CHAT)}")
        last = post(path, CHAT, f"content-length: {len(CHAT)}", "connection: close")
        answer = client.raw(one + one + last)
        assert answer.body.count(b"HTTP/1.1 200 OK") == 2  # behind the first head
        assert len(sim.requests(upstream)) == 3

    def test_chunked_request_bodies_with_extensions_and_trailers(
        self, client: Any, sim: Simulator, upstream: str
    ) -> None:
        chunks = b"5;a=b\r\n" + CHAT[:5] + b"\r\n" + b"%X\r\n" % len(CHAT[5:]) + CHAT[5:]
        body = chunks + b"\r\n0\r\nx-trailer: y\r\n\r\n"
        path = f"/{upstream}/v1/chat/completions"
        answer = client.raw(post(path, body, "transfer-encoding: chunked", "connection: close"))
        assert (answer.status, sim.requests(upstream)[0].raw) == (200, CHAT)

    def test_expect_100_continue_is_answered_before_the_body(
        self, sim: Simulator, upstream: str
    ) -> None:
        with socket.create_connection(("127.0.0.1", sim.port), 3) as sock:
            length = f"content-length: {len(CHAT)}"
            path = f"/{upstream}/v1/chat/completions"
            sock.sendall(post(path, b"", length, "expect: 100-continue"))
            assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            sock.sendall(CHAT)
            assert sock.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")

    def test_http_1_0_streams_end_with_the_connection(self, client: Any, upstream: str) -> None:
        body = CHAT.replace(b'"model"', b'"stream":true,"model"')
        request = post(f"/{upstream}/v1/chat/completions", body, f"content-length: {len(body)}")
        answer = client.raw(request.replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert "transfer-encoding" not in answer.headers and b"[DONE]" in answer.body

    def test_a_head_that_comes_byte_by_byte(self, sim: Simulator, upstream: str) -> None:
        with socket.create_connection(("127.0.0.1", sim.port), 3) as sock:
            request = post(f"/{upstream}/v1/models", b"", "connection: close")
            for byte in request.replace(b"POST", b"GET"):
                sock.sendall(bytes([byte]))
            assert sock.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")

    @pytest.mark.parametrize(
        "data, status",
        [
            pytest.param(b"hello\r\n\r\n", 400, id="no HTTP"),
            pytest.param(b"GET / HTTP/2.0\r\n\r\n", 400, id="another version"),
            pytest.param(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, id="no colon"),
            pytest.param(b"GET / HTTP/1.1\r\na : b\r\n\r\n", 400, id="blank before the colon"),
            pytest.param(post("/", b"", "content-length: x"), 400, id="a length of letters"),
            pytest.param(post("/", b"", "content-length: -1"), 400, id="a negative length"),
            pytest.param(post("/", b"", "content-length: 1" + "0" * 10), 413, id="too large"),
            pytest.param(
                post("/", b"", "content-length: 1", "transfer-encoding: chunked"),
                400,
                id="two lengths",
            ),
            pytest.param(
                post("/", b"xx\r\n", "transfer-encoding: chunked"), 400, id="a bad chunk size"
            ),
            pytest.param(
                post("/", b"1\r\nabc", "transfer-encoding: chunked"), 400, id="a bad chunk end"
            ),
            pytest.param(b"GET / HTTP/1.1\r\na: " + b"b" * 70_000, 431, id="a head too long"),
        ],
    )
    def test_what_is_no_request_is_refused_and_the_connection_closed(
        self, client: Any, data: bytes, status: int
    ) -> None:
        answer = client.raw(data)
        assert (answer.ending, answer.status) == ("complete", status)

    def test_head_has_no_body_and_proxy_style_targets_are_understood(
        self, client: Any, sim: Simulator, upstream: str
    ) -> None:
        answer = client.request("HEAD", f"/{upstream}/v1/models")
        assert (answer.status, answer.body) == (404, b"")
        url = f"http://simulator/{upstream}/v1/models"
        assert client.request("GET", url).status == 200
        assert sim.requests(upstream)[-1].path == f"/{upstream}/v1/models"

    def test_a_client_that_stays_after_a_bad_request_is_let_go(self, sim: Simulator) -> None:
        with socket.create_connection(("127.0.0.1", sim.port), 3) as sock:
            sock.sendall(b"nonsense\r\n\r\n" + b"x" * 1000)
            received = b""
            while piece := sock.recv(1000):
                received += piece
            assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
            assert sim.until(lambda s: s.state()["connections"] == 0)

    def test_a_client_that_leaves_inside_a_request_leaves_nothing(
        self, sim: Simulator, upstream: str
    ) -> None:
        for data in (b"GET / HT", post("/", b"x", "content-length: 9")):
            with socket.create_connection(("127.0.0.1", sim.port), 3) as sock:
                sock.sendall(data)
        assert sim.until(lambda s: s.state()["connections"] == 0)

    def test_a_large_body_and_a_request_after_it(self, sim: Simulator, upstream: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=20)
        big = {"model": "m", "messages": [{"role": "user", "content": "x" * 20_000_000}]}
        for body in (json.dumps(big).encode(), CHAT):
            connection.request("POST", f"/{upstream}/v1/chat/completions", body)
            response = connection.getresponse()
            assert response.status == 200 and response.read()
        connection.close()
        sim.forget_requests()


COMPRESSED = [
    pytest.param("gzip", gzip.compress(CHAT), id="gzip"),
    pytest.param("deflate", zlib.compress(CHAT), id="deflate"),
    pytest.param("deflate", zlib.compress(CHAT)[2:-4], id="deflate without its wrapper"),
    pytest.param("br", brotli.compress(CHAT), id="brotli"),
    pytest.param("zstd", codings.encode(CHAT, "zstd"), id="zstd"),
    pytest.param("identity", CHAT, id="none, said aloud"),
    pytest.param("gzip, br", brotli.compress(gzip.compress(CHAT)), id="twice"),
]


@pytest.mark.parametrize("encoding, body", COMPRESSED)
def test_compressed_requests_are_read_and_recorded_decoded(
    sim: Simulator, client: Any, upstream: str, encoding: str, body: bytes
) -> None:
    path = f"/{upstream}/v1/chat/completions"
    answer = client.request("POST", path, body, {"content-encoding": encoding})
    assert answer.json["choices"][0]["message"]["content"] == "hi"
    assert sim.requests(upstream)[0].raw == CHAT


@pytest.mark.parametrize(
    "encoding, body",
    [
        *(
            pytest.param(name, b"no such data", id=name)
            for name in ("gzip", "deflate", "br", "zstd")
        ),
        pytest.param("lzma", b"no such data", id="unknown"),
        pytest.param("gzip", gzip.compress(CHAT)[:-9], id="cut"),
    ],
)
def test_what_cannot_be_decoded_is_400(
    client: Any, upstream: str, encoding: str, body: bytes
) -> None:
    path = f"/{upstream}/v1/messages"
    answer = client.request("POST", path, body, {"content-encoding": encoding})
    assert answer.status == 400 and answer.json["error"]["type"] == "invalid_request_error"


PATHS = [
    pytest.param("POST", "/v1/chat/completions", "default", id="without a name"),
    pytest.param("POST", "/a/v1/chat/completions?x=1", "a", id="with a query"),
    pytest.param("POST", "/a/chat/completions", "a", id="without v1"),
    pytest.param("POST", "/chat/completions", "default", id="without anything"),
    pytest.param("POST", "/a/openai/v1/chat/completions", "a", id="below a longer base"),
    pytest.param("GET", "/a/models", "a", id="models without v1"),
    pytest.param("GET", "/a/v1/models/x/y", "a", id="a model with a slash"),
    pytest.param("POST", "/a/v1/v1/chat/completions", None, id="v1 doubled"),
    pytest.param("POST", "/a/messages", None, id="messages without v1"),
    pytest.param("POST", "/a/responses", None, id="responses without v1"),
    pytest.param("GET", "/a/v1/chat/completions", None, id="another method"),
    pytest.param("POST", "/a/v1/models", None, id="models by POST"),
    pytest.param("POST", "/a/v1/chat/completions/more", None, id="below an endpoint"),
    pytest.param("POST", "/a/v1/embeddings", None, id="another endpoint"),
    pytest.param("GET", "/", None, id="the root"),
    pytest.param("GET", "/_sim/nothing", None, id="unknown control"),
]


@pytest.mark.parametrize("method, path, upstream", PATHS)
def test_paths(client: Any, sim: Simulator, method: str, path: str, upstream: str | None) -> None:
    sim.forget_requests()
    answer = client.request(method, path, CHAT if method == "POST" else None)
    assert answer.status == (200 if upstream else 404) and answer.json
    if upstream:
        assert [(r.upstream, r.path) for r in sim.requests()] == [(upstream, path)]


def test_unknown_paths_are_404_in_the_dialect_of_the_client(client: Any) -> None:
    theirs = client.request("GET", "/v1/nothing").json["error"]
    assert theirs["type"] == "invalid_request_error" and "Invalid URL" in theirs["message"]
    version = {"anthropic-version": "2023-06-01"}
    ours = client.request("GET", "/v1/nothing", headers=version).json
    assert (ours["type"], ours["error"]["type"]) == ("error", "not_found_error")


def test_websockets_are_told_to_use_http(client: Any) -> None:
    upgrade = {"connection": "upgrade", "upgrade": "websocket"}
    answer = client.request("GET", "/v1/responses", None, upgrade, timeout=0.2)
    assert answer.status == 426


class TestControl:
    def test_faults_requests_and_state_over_http(self, client: Any, upstream: str) -> None:
        fault = {"upstream": upstream, "fault": {"kind": "status", "status": 529}, "count": 2}
        assert client.request("POST", "/_sim/faults", fault).json == {"ok": True}
        assert client.ask(upstream, "messages", "x", stream=True).status == 529
        state = client.request("GET", "/_sim/state").json["upstreams"][upstream]
        assert state == {"requests": 1, "open": 0, "connections": 0, "aborted": 0, "faults": 1}
        client.request("DELETE", f"/_sim/faults?upstream={upstream}")
        assert client.ask(upstream, "messages", "y", top_k=1).status == 200
        first, second = client.request("GET", f"/_sim/requests?upstream={upstream}").json
        assert first["number"] < second["number"]
        assert (first["method"], first["path"]) == ("POST", f"/{upstream}/v1/messages")
        assert ["authorization", "Bearer k"] in first["headers"]
        assert first["body"]["stream"] is True and second["body"]["top_k"] == 1
        client.request("DELETE", "/_sim/requests")
        assert client.request("GET", "/_sim/requests").json == []

    def test_unknown_keys_of_chat_are_listed(
        self, client: Any, sim: Simulator, upstream: str
    ) -> None:
        client.ask(upstream, "chat/completions", "x", top_k=1, provider={})
        assert sim.requests(upstream)[0].unknown == ["provider", "top_k"]

    def test_upstreams_are_configured_one_by_one(self, client: Any, upstream: str) -> None:
        settings = {"upstream": upstream, "key": "secret", "models": ["only"]}
        assert client.request("POST", "/_sim/upstreams", settings).status == 200
        assert client.ask(upstream, "messages", "x").status == 401
        right = {"authorization": "Bearer secret"}
        listed = client.request("GET", f"/{upstream}/v1/models", None, right).json["data"]
        assert [model["id"] for model in listed] == ["only"]
        assert client.request("GET", f"/{upstream}/v1/models/x", None, right).status == 404
        assert client.ask(upstream + "-other", "messages", "x").status == 200

    @pytest.mark.parametrize(
        "path, body, words",
        [
            ("/_sim/faults", b"{", "Expecting"),
            ("/_sim/faults", [], "expected an object with the keys upstream, fault"),
            ("/_sim/faults", {"upstream": "a"}, '"fault" is required'),
            ("/_sim/faults", {"upstream": 3, "fault": {"kind": "drop"}}, "3 is not a name"),
            ("/_sim/faults", {"kind": "drop"}, "unknown key 'kind'"),
            ("/_sim/upstreams", {"name": "a"}, "unknown key 'name'"),
            ("/_sim/upstreams", {"upstream": "a", "burst": 1}, "of the wrong type"),
        ],
        ids=["no JSON", "no object", "no fault", "no name", "flat", "foreign key", "wrong type"],
    )
    def test_mistakes_are_named(self, client: Any, path: str, body: Any, words: str) -> None:
        answer = client.request("POST", path, body)
        assert answer.status == 400 and words in answer.json["error"]

    def test_a_burst_upstream_writes_each_stream_at_once(
        self, client: Any, sim: Simulator, upstream: str
    ) -> None:
        sim.configure(upstream, burst=True)
        answer = client.ask(upstream, "chat/completions", "[[words:30]]", stream=True)
        assert answer.ending == "complete" and len(answer.events) > 30

    def test_memory_is_bounded(self, client: Any) -> None:
        with running() as sim:
            other = type(client)(sim)
            for i in range(300):
                other.request("GET", f"/name{i}/v1/models")
            assert len(sim.state()["upstreams"]) <= 256
            with pytest.raises(BadFault, match="too many"):
                sim.fault("one-more", {"kind": "drop"})
            with pytest.raises(BadFault, match="too many"):
                sim.configure("one-more", key="k")
            body = {"model": "m", "messages": [], "pad": "x" * 3_000_000}
            for _ in range(15):
                other.request("POST", "/v1/chat/completions", body)
            kept = sim.requests()
            assert sum(len(r.raw) for r in kept) <= 32 * 1024 * 1024
            assert kept[-1].number == 315


def test_recorded_requests_can_be_looked_at(sim: Simulator, client: Any, upstream: str) -> None:
    client.request("POST", f"/{upstream}/v1/messages", b"no JSON", {"X-Trace": "7"})
    recorded = sim.requests(upstream)[0]
    assert (recorded.body, recorded.header("x-trace")) == ("no JSON", "7")
    assert recorded.header("x-none") is None and recorded.unknown == []


def test_models_unknown_to_an_upstream_are_told_in_both_dialects(
    sim: Simulator, client: Any, upstream: str
) -> None:
    sim.configure(upstream, models=["one"])
    version = {"anthropic-version": "2023-06-01"}
    path = f"/{upstream}/v1/models"
    theirs = client.request("GET", f"{path}/two").json["error"]
    assert theirs["code"] == "model_not_found"
    ours = client.request("GET", f"{path}/two", None, version).json["error"]
    assert ours == {"type": "not_found_error", "message": "model: two"}
    assert client.request("GET", f"{path}/one", None, version).json["id"] == "one"


def test_open_streams_are_counted_and_hang_ups_noticed(
    sim: Simulator, client: Any, upstream: str
) -> None:
    sim.fault(upstream, {"kind": "stall", "after": 1})
    body = CHAT.replace(b'"model"', b'"stream":true,"model"')
    request = post(f"/{upstream}/v1/chat/completions", body, f"content-length: {len(body)}")
    with socket.create_connection(("127.0.0.1", sim.port), 3) as sock:
        sock.sendall(request)
        assert sim.until(lambda s: s.state()["upstreams"].get(upstream, {}).get("open") == 1)
        assert sim.state()["upstreams"][upstream]["connections"] == 1
    assert sim.until(lambda s: s.state()["upstreams"][upstream]["open"] == 0)
    assert sim.state()["upstreams"][upstream]["aborted"] == 1
    assert not sim.until(lambda s: False, timeout=0.01)


def test_a_client_that_does_not_read_holds_only_itself_up(
    sim: Simulator, client: Any, upstream: str
) -> None:
    body = CHAT.replace(b"[[text:hi]]", b"[[words:90000]]").replace(
        b'"model"', b'"stream":true,"model"'
    )
    request = post(f"/{upstream}/v1/chat/completions", body, f"content-length: {len(body)}")
    with socket.create_connection(("127.0.0.1", sim.port), 3) as sock:
        sock.sendall(request)
        assert sim.until(lambda s: s.state()["upstreams"].get(upstream, {}).get("open") == 1)
        assert client.ask(upstream, "messages", "x").status == 200
        assert sim.state()["upstreams"][upstream]["open"] == 1
    assert sim.until(lambda s: s.state()["upstreams"][upstream]["aborted"] == 1)


def test_nothing_is_left_when_it_stops() -> None:
    async def story() -> None:
        async with Simulator() as sim:
            for kind in ("hang", "stall"):
                sim.fault(kind, {"kind": kind})
                reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
                length = f"content-length: {len(CHAT)}"
                writer.write(post(f"/{kind}/v1/chat/completions", CHAT, length))
                assert await asyncio.to_thread(sim.until, is_open(kind))
                open_ones.append(writer)
            idle = await asyncio.open_connection("127.0.0.1", sim.port)
            open_ones.append(idle[1])
            assert await asyncio.to_thread(sim.until, lambda s: s.state()["connections"] == 3)
        assert sim.state()["connections"] == 0
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
        for writer in open_ones:
            writer.close()

    def is_open(kind: str) -> Callable[[Simulator], bool]:
        return lambda sim: sim.state()["upstreams"][kind]["open"] == 1

    open_ones: list[asyncio.StreamWriter] = []
    asyncio.run(asyncio.wait_for(story(), 10))
    gc.collect()  # an unclosed socket would warn, and warnings are errors


def test_a_script_prepares_an_embedded_one_too(client: Any) -> None:
    with running(script={"faults": [{"fault": {"kind": "html"}, "count": None}]}) as sim:
        other = type(client)(sim)
        assert [other.request("GET", f"/{name}/models").status for name in "ab"] == [502, 502]
    with pytest.raises(BadFault), running(script={"faults": [{}]}):
        pass


def test_a_taken_port_is_told(sim: Simulator) -> None:
    with pytest.raises(OSError, match="address already in use"):
        with running(port=sim.port):
            pass


@contextmanager
def process(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    command = [sys.executable, "-m", "bridge.simulator", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        try:
            assert started.stdout is not None
            line = started.stdout.readline()
            match = re.fullmatch(r"simulator listening on http://127\.0\.0\.1:(\d+)\n", line)
            assert match, line
            yield started, int(match[1])
        finally:
            started.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_runs_until_told_to_stop(number: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    faults = [{"upstream": "primary", "fault": {"kind": "status", "status": 503}}]
    upstreams = [{"upstream": "backup", "key": "other"}]
    script.write_text(json.dumps({"faults": faults, "upstreams": upstreams}), "utf-8")
    with process("--key", "secret", "--script", str(script)) as (started, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        statuses = []
        for name, key in [("primary", "secret")] * 2 + [("primary", "x"), ("backup", "other")]:
            headers = {"authorization": f"Bearer {key}"}
            connection.request("GET", f"/{name}/v1/models", headers=headers)
            response = connection.getresponse()
            statuses.append(response.status)
            response.read()
        assert statuses == [503, 200, 401, 200]
        started.send_signal(number)
        out, err = started.communicate(timeout=5)  # the idle connection does not hold it up
        assert (started.returncode, out, err) == (0, "", "")
        connection.close()


@pytest.mark.parametrize(
    "content, words",
    [
        ('{"faults": [{"fault": {"kind": "explode"}}]}', "'explode' is not one of"),
        ('{"fault": []}', "unknown key 'fault'; allowed: upstreams, faults"),
        ("{", "Expecting property name"),
    ],
    ids=["a bad fault", "a bad key", "no JSON"],
)
def test_a_bad_script_is_one_clear_line(tmp_path: Path, content: str, words: str) -> None:
    script = tmp_path / "script.json"
    script.write_text(content, "utf-8")
    command = [sys.executable, "-m", "bridge.simulator", "--script", str(script)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert words in ended.stderr and ended.stderr.count("\n") == 1


def test_it_is_independent_of_what_it_judges() -> None:
    """The judge of the bridge must not share its code."""
    sources = list((ROOT / "bridge" / "simulator").rglob("*.py"))
    assert len(sources) > 10
    for source in sources:
        outside = len(source.relative_to(ROOT / "bridge").parents)  # dots that lead out of it
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            match node:
                case ast.ImportFrom(module=module, level=level):
                    assert level < outside and not (module or "").startswith("bridge"), source
                case ast.Import(names=names):
                    assert not any(name.name.startswith("bridge") for name in names), source


def test_an_upstream_may_be_told_to_call_no_tools(
    client: Any, sim: Simulator, upstream: str
) -> None:
    tool = {"type": "function", "function": {"name": "look"}}
    for calls in (True, False):
        sim.configure(upstream, calls=calls)
        answer = client.ask(upstream, "chat/completions", "hi", tools=[tool]).json
        assert bool(answer["choices"][0]["message"].get("tool_calls")) is calls
