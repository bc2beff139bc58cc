"""Bodies as apps send them: compressed, in chunks, large, asked for first, with odd headers.

Each goes three ways at once: translated for another vendor, redirected in its own protocol, and
past the bridge, which then only looks.
"""

import json
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mitmproxy.net import encoding as codings

from bridge.simulator import Recorded, Simulator, running
from tests.certificates import CA, certificate
from tests.processes import Proxy, running_proxy

# By the model an app asks for: the upstream that gets the call.
WAYS = {"translated": "chat", "redirected": "messages", "watched": "default"}
HEADERS = {
    "x-api-key": "app-secret",
    "anthropic-version": "2023-06-01",
    "content-type": "application/json",
}


def config(sim: Simulator) -> dict[str, Any]:
    return {
        "intercept": {"hosts": ["127.0.0.1"]},
        "upstreams": {
            "chat": {"protocol": "openai_chat", "url": sim.base("chat"), "api_key": "k"},
            "messages": {"protocol": "anthropic_messages", "url": sim.base("messages")},
        },
        "routes": [
            {"match": {"model": "translated"}, "upstreams": ["chat"]},
            {"match": {"model": "redirected"}, "upstreams": ["messages"]},
        ],
    }


@dataclass(frozen=True)
class World:
    """A proxy that takes apps to a simulator; both are there for all tests of this file."""

    sim: Simulator
    proxy: Proxy

    def client(self, **options: Any) -> httpx2.Client:
        trust = ssl.create_default_context(cafile=self.proxy.ca)
        return httpx2.Client(
            proxy=self.proxy.url, verify=trust, trust_env=False, timeout=60, **options
        )

    def post(
        self, content: Any, path: str = "/v1/messages", *, http2: bool = False, **headers: str
    ) -> httpx2.Response:
        given = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
        with self.client(http2=http2) as app:
            return app.post(self.sim.url + path, content=content, headers=given)

    def received(self, way: str) -> Recorded:
        """What the upstream of that way got last."""
        return self.sim.requests(WAYS[way])[-1]


def start(folder: Path, confdir: Path, sim: Simulator) -> Iterator[World]:
    trust = f"ssl_verify_upstream_trusted_ca={confdir / CA}"
    with running_proxy(folder, confdir, config(sim), "--set", trust) as proxy:
        yield World(sim, proxy)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, confdir: Path) -> Iterator[World]:
    with running() as sim:
        yield from start(tmp_path_factory.mktemp("plain"), confdir, sim)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, confdir: Path) -> Iterator[World]:
    with running(certificate=certificate(confdir)) as sim:
        yield from start(tmp_path_factory.mktemp("secure"), confdir, sim)


def message(way: str, content: Any = "[[text:Grüße]]", **fields: Any) -> bytes:
    turns = [{"role": "user", "content": content}]
    return json.dumps({"model": way, "max_tokens": 99, "messages": turns, **fields}).encode()


def told(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["content"][0]["text"])


def encoded(body: bytes, *names: str) -> bytes:
    for name in names:
        body = bytes(codings.encode(body, name.lower().removeprefix("x-")))
    return body


ENCODINGS = [("gzip",), ("x-gzip",), ("deflate",), ("br",), ("zstd",), ("ZSTD",), ("gzip", "zstd")]


@pytest.mark.parametrize("names", ENCODINGS, ids=", then ".join)
@pytest.mark.parametrize("way", WAYS)
def test_a_compressed_body_arrives_as_its_headers_say(
    plain: World, way: str, names: tuple[str, ...]
) -> None:
    body, encoding = message(way), ", ".join(names)
    sent = encoded(body, *names)
    assert told(plain.post(sent, content_encoding=encoding)) == "Grüße"
    received = plain.received(way)
    assert received.body["model"] == way
    if way == "watched":
        assert received.header("content-encoding") == encoding
        assert received.header("content-length") == str(len(sent))
    else:
        assert received.header("content-encoding") is None
        assert received.header("content-length") == str(len(received.raw))


@pytest.mark.parametrize("names", [(), ("gzip",), ("zstd",)], ids=["as it is", "gzip", "zstd"])
@pytest.mark.parametrize("way", WAYS)
def test_http2(secure: World, way: str, names: tuple[str, ...]) -> None:
    more = {"content_encoding": names[0]} if names else {}
    answer = secure.post(encoded(message(way), *names), http2=True, **more)
    assert (told(answer), answer.http_version) == ("Grüße", "HTTP/2")
    expected = names[0] if names and way == "watched" else None
    assert secure.received(way).header("content-encoding") == expected


def in_pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


@pytest.mark.parametrize("names", [(), ("br",)], ids=["as it is", "compressed"])
@pytest.mark.parametrize("way", WAYS)
def test_a_body_in_chunks(plain: World, way: str, names: tuple[str, ...]) -> None:
    more = {"content_encoding": names[0]} if names else {}
    sent = encoded(message(way, "[[echo]]" + "word " * 99), *names)
    assert plain.post(in_pieces(sent, 50), **more).status_code == 200
    received = plain.received(way)
    assert received.body["model"] == way
    chunked, length = received.header("transfer-encoding"), received.header("content-length")
    assert (chunked is None) is (length is not None)


def test_a_chunked_body_over_http2(secure: World) -> None:
    assert told(secure.post(in_pieces(message("translated"), 20), http2=True)) == "Grüße"


@pytest.mark.parametrize("way", WAYS)
def test_twenty_megabytes_with_images(plain: World, way: str) -> None:
    image = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 14_600).decode()
    source = {"type": "base64", "media_type": "image/png", "data": image}
    parts = [{"type": "image", "source": source}] * 4
    body = message(way, [*parts, {"type": "text", "text": "[[text:seen]]"}])
    assert len(body) > 19_000_000
    assert told(plain.post(body)) == "seen"
    received = plain.received(way).raw
    assert received.count(image.encode()) == 4
    assert (received == body) is (way != "translated")


@pytest.mark.parametrize("way", WAYS)
def test_twenty_megabytes_that_are_compressed_over_http2(secure: World, way: str) -> None:
    body = message(way, "[[text:read]]" + "word " * 4_000_000)
    answer = secure.post(encoded(body, "zstd"), http2=True, content_encoding="zstd")
    assert told(answer) == "read"


@pytest.mark.parametrize(
    "way, path",
    [
        ("translated", "/chat/v1/chat/completions"),
        ("redirected", "/messages/v1/messages?beta=true"),
        ("watched", "/v1/messages?beta=true"),
    ],
)
def test_a_query_stays_within_its_protocol(plain: World, way: str, path: str) -> None:
    assert told(plain.post(message(way), "/v1/messages?beta=true")) == "Grüße"
    assert plain.received(way).path == path


def test_a_model_that_only_the_path_names(plain: World) -> None:
    """Azure's. Past the bridge the body stays as it was."""
    body = b'{"messages": [{"role": "user", "content": "[[text:so]]"}]}'
    for way in ("translated", "watched"):
        path = f"/openai/deployments/{way}/chat/completions?api-version=2024-10-21"
        plain.post(body, path)
        received = plain.sim.requests()[-1]
        if way == "watched":
            assert (received.path, received.raw) == (path, body)
        else:
            assert received.path == "/chat/v1/chat/completions"
            assert received.body == {"model": way, **json.loads(body)}


# --- what no HTTP library sends


def raw(world: World, way: str, *headers: str) -> Iterator[bytes]:
    """Sends the head, gives what came back; then the body, and gives the answer."""
    body = message(way, "[[text:so]]")
    lines = [
        f"POST {world.sim.url}/v1/messages HTTP/1.1",
        f"HOST: 127.0.0.1:{world.sim.port}",
        f"content-LENGTH: {len(body)}",
        "X-API-KEY: app-secret",
        "anthropic-VERSION: 2023-06-01",
        "cOnTent-tYpe: application/json",
        "CONNECTION: close",
        *headers,
    ]
    with socket.create_connection(("127.0.0.1", world.proxy.port), timeout=20) as app:
        app.sendall("\r\n".join([*lines, "", ""]).encode())
        yield app.recv(4096) if headers else b""
        app.sendall(body)
        with app.makefile("rb") as answer:
            yield answer.read()


@pytest.mark.parametrize("way", WAYS)
def test_odd_header_cases(plain: World, way: str) -> None:
    nothing, answer = raw(plain, way)
    assert nothing == b"" and answer.startswith(b"HTTP/1.1 200") and b'"so"' in answer
    received = plain.received(way)
    assert [n.lower() for n, _ in received.headers].count("content-type") == 1
    assert [n.lower() for n, _ in received.headers].count("content-length") == 1
    assert received.header("x-api-key") == (None if way == "translated" else "app-secret")
    assert (("X-API-KEY", "app-secret") in received.headers) is (way != "translated")


@pytest.mark.parametrize("expect", ["Expect: 100-continue", "EXPECT: 100-Continue"])
@pytest.mark.parametrize("way", WAYS)
def test_an_app_that_asks_before_it_sends(plain: World, way: str, expect: str) -> None:
    may_i, answer = raw(plain, way, expect)
    assert may_i.startswith(b"HTTP/1.1 100")
    assert answer.startswith(b"HTTP/1.1 200") and b'"so"' in answer
    assert plain.received(way).header("expect") is None


def test_a_watched_call_is_read_however_it_is_packed(tmp_path: Path, confdir: Path) -> None:
    with running() as sim:
        for world in start(tmp_path, confdir, sim):
            for names in ENCODINGS:
                sent = encoded(message("watched"), *names)
                assert told(world.post(sent, content_encoding=", ".join(names))) == "Grüße"
            flows = world.proxy.flows()
    assert [flow.metadata["bridge"]["model"]["asked"] for flow in flows] == ["watched"] * 7
    kept = [json.loads(flow.metadata["bridge"]["bodies"]["client_request"]) for flow in flows]
    assert [each["max_tokens"] for each in kept] == [99] * 7
