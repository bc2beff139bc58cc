"""The stream layer in a real proxy: what the app gets when the upstream breaks, over both HTTPs."""

import json
import ssl
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bridge.mitm import layer
from bridge.simulator import Simulator, refusing_port, running
from tests.processes import ROOT, Proxy, running_proxy

BODY = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "[[words:9]]"}]}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def proxy(
    sim: Simulator, confdir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    with refusing_port() as dead:
        urls = {"messages": sim.base("messages"), "dead": f"http://127.0.0.1:{dead}"}
        config = {
            "upstreams": {
                name: {"protocol": "anthropic_messages", "url": url, "api_key": "k"}
                for name, url in urls.items()
            }
            | {"chat": {"protocol": "openai_chat", "url": sim.base("chat"), "api_key": "k"}},
            "routes": [{"match": {"model": name}, "upstreams": [name]} for name in (*urls, "chat")],
        }
        with running_proxy(tmp_path_factory.mktemp("layer"), confdir, config) as started:
            yield started


@pytest.fixture(params=[False, True], ids=["HTTP/1.1", "HTTP/2"])
def app(request: pytest.FixtureRequest, proxy: Proxy) -> Iterator[httpx2.Client]:
    context = ssl.create_default_context(cafile=proxy.ca)
    with httpx2.Client(
        proxy=proxy.url,
        verify=context,
        http2=request.param,
        trust_env=False,
        base_url="https://api.anthropic.com",
        headers={"x-api-key": "app", "anthropic-version": "2023-06-01"},
    ) as client:
        version = call(client, "messages", stream=False).http_version
        assert version == ("HTTP/2" if request.param else "HTTP/1.1")
        yield client


def call(app: httpx2.Client, model: str, stream: bool) -> httpx2.Response:
    return app.post("/v1/messages", json={**BODY, "model": model, "stream": stream})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_dead_upstream_is_an_error_in_the_apps_dialect(app: httpx2.Client, stream: bool) -> None:
    answer = call(app, "dead", stream)
    assert answer.status_code == 502
    error = answer.json()["error"]
    assert error["type"] == "api_error" and "dead did not answer" in error["message"]


@pytest.mark.parametrize("model", ["messages", "chat"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_connection_dropped_before_the_headers_is_one_too(
    app: httpx2.Client, sim: Simulator, model: str, stream: bool
) -> None:
    sim.fault(model, {"kind": "drop"})
    assert call(app, model, stream).status_code == 502
    assert call(app, model, stream).status_code == 200  # and the connection is still good


@pytest.mark.parametrize("model", ["messages", "chat"])
def test_a_whole_answer_that_breaks_off_is_one_too(
    app: httpx2.Client, sim: Simulator, model: str
) -> None:
    sim.fault(model, {"kind": "cut", "byte": 40})
    answer = call(app, model, stream=False)
    assert (answer.status_code, answer.json()["type"]) == (502, "error")


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("model", ["messages", "chat"])
def test_a_stream_that_breaks_off_ends_with_the_dialects_error(
    app: httpx2.Client, sim: Simulator, model: str, reset: bool
) -> None:
    sim.fault(model, {"kind": "cut", "after": 3, "reset": reset})
    text = call(app, model, stream=True).text
    names = [line[7:] for line in text.splitlines() if line.startswith("event: ")]
    assert names.count("content_block_delta") == 3 or reset
    assert names[-1] == "error" and "message_stop" not in names


def test_a_stream_that_breaks_off_behind_its_end_was_whole(
    app: httpx2.Client, sim: Simulator
) -> None:
    sim.fault("messages", {"kind": "cut", "byte": 10_000_000})
    text = call(app, "messages", stream=True).text
    assert text.count("message_stop") == 2 and "event: error" not in text


def chunks(proxy: Proxy, model: str, text: str) -> list[bytes]:
    """A streamed answer as it was cut for the app."""
    turns = [{"role": "user", "content": text}]
    body = json.dumps({**BODY, "model": model, "messages": turns, "stream": True})
    headers = {"host": "api.anthropic.com", "x-api-key": "app", "anthropic-version": "2023-06-01"}
    with closing(HTTPConnection("127.0.0.1", proxy.port, timeout=20)) as app:
        app.request("POST", "http://api.anthropic.com/v1/messages", body, headers)
        answer = app.getresponse()
        return list(iter(lambda: answer.read1(1 << 20), b""))


@pytest.mark.parametrize("model", ["messages", "chat"])
def test_events_that_came_together_go_out_together(proxy: Proxy, model: str) -> None:
    one_by_one = chunks(proxy, model, "[[words:300]]")
    together = chunks(proxy, model, "[[words:300]][[burst]]")
    assert len(together) < 20 < b"".join(together).count(b"content_block_delta") / 2
    assert texts(together) == texts(one_by_one)


def texts(pieces: list[bytes]) -> list[str]:
    lines = b"".join(pieces).decode().splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    return [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]


@pytest.mark.parametrize("known", [True, False], ids=["a length", "chunks"])
def test_a_call_of_ours_is_whole_even_where_large_bodies_are_to_be_streamed(
    sim: Simulator, confdir: Path, tmp_path: Path, known: bool
) -> None:
    chat = {"protocol": "openai_chat", "url": sim.base("chat"), "api_key": "k"}
    config = {
        "intercept": {"hosts": ["127.0.0.1"]},
        "upstreams": {"chat": chat},
        "routes": [{"upstreams": ["chat"]}],
    }
    option = ("--set", "stream_large_bodies=1")
    body = json.dumps(BODY).encode()
    content = body if known else iter([body[:20], body[20:]])
    with (
        running_proxy(tmp_path, confdir, config, *option) as proxy,
        httpx2.Client(proxy=proxy.url, trust_env=False, base_url=sim.url) as app,
    ):
        sim.forget_requests()
        assert app.post("/v1/messages", content=content).json()["type"] == "message"
        assert app.post("/elsewhere", content=body).status_code == 404
        [ours, other] = proxy.flows()
    assert [request.path for request in sim.requests()] == [
        "/chat/v1/chat/completions",
        "/elsewhere",
    ]
    assert ours.metadata["bridge"]["upstream"] == "openai_chat"
    assert other.request.raw_content is None  # it was streamed


def test_what_is_not_ours_keeps_mitmproxys_own_answer(
    app: httpx2.Client, sim: Simulator, proxy: Proxy
) -> None:
    with refusing_port() as dead:
        url = f"http://127.0.0.1:{dead}/v1/messages"
        with httpx2.Client(proxy=proxy.url, trust_env=False) as other:
            answer = other.post(url, json=BODY)
    assert answer.status_code == 502
    assert "html" in answer.headers["content-type"]


def test_a_watched_stream_is_cut_as_the_upstream_cut_it(
    sim: Simulator, confdir: Path, tmp_path: Path
) -> None:
    config: dict[str, Any] = {
        "intercept": {"hosts": ["127.0.0.1"]},
        "upstreams": {},
        "routes": [],
    }
    with (
        running_proxy(tmp_path, confdir, config) as proxy,
        httpx2.Client(proxy=proxy.url, trust_env=False) as client,
    ):
        sim.fault("default", {"kind": "cut", "after": 3})
        headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
        with pytest.raises(httpx2.RemoteProtocolError):
            client.post(f"{sim.url}/v1/messages", json={**BODY, "stream": True}, headers=headers)
        [flow] = proxy.flows()
    assert flow.metadata["bridge"]["attempts"][0]["outcome"] == "cut"


def test_the_code_of_mitmproxys_that_it_relies_on_is_known() -> None:
    """Fails when mitmproxy changed it: look what changed, try it, then add the digest."""
    assert layer.fingerprint() in layer.KNOWN and layer.is_supported()


def test_without_it_a_failure_moves_the_next_call(tmp_path: Path, sim: Simulator) -> None:
    """An unknown mitmproxy: no failover inside a request, all else as ever, and a word of it."""
    source = (ROOT / "addon.py").read_text("utf-8")
    forget = "from bridge.mitm import layer\nlayer.KNOWN = frozenset()\n"
    unknown = tmp_path / "unknown.py"
    unknown.write_text(source.replace("class Bridge:", f"{forget}\n\nclass Bridge:"), "utf-8")
    upstreams = {
        name: {"protocol": protocol, "url": sim.base(name), "api_key": "k"}
        for name, protocol in (("a", "openai_chat"), ("b", "anthropic_messages"))
    }
    config = {
        "upstreams": upstreams,
        "routes": [{"upstreams": ["a", "b"]}],
        "failover": {"cooldown": "60s", "health_check": {"interval": 0}},
    }
    text = [{"role": "user", "content": "[[text:well]]"}]
    body = {"model": "m", "max_tokens": 9, "messages": text}
    options = ("--mode", "reverse:http://127.0.0.1:9")
    env = {"PYTHONPATH": str(ROOT)}
    with running_proxy(
        tmp_path, tmp_path / "conf", config, *options, env=env, script=unknown
    ) as proxy:
        proxy.wait_for("this version of mitmproxy is not known")
        with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
            for stream in (False, True):
                answer = client.post("/v1/messages", json={**body, "stream": stream})
                assert answer.status_code == 200 and "well" in answer.text
            sim.fault("a", {"kind": "status", "status": 429})
            assert client.post("/v1/messages", json=body).status_code == 429
            sim.forget_requests()
            assert client.post("/v1/messages", json=body).status_code == 200
            assert [r.upstream for r in sim.requests()] == ["b"]
            sim.fault("b", {"kind": "cut", "after": 2})
            with pytest.raises(httpx2.RemoteProtocolError):  # cut, as mitmproxy does by itself
                client.post("/v1/messages", json={**body, "stream": True})
