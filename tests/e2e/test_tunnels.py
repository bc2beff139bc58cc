"""What the bridge does not look into: connections to hosts that nobody asked for.

An app sees by the certificate whom it talks to: the proxy, or the server itself.
"""

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bridge.simulator import Simulator, running
from tests.certificates import CA, certificate
from tests.processes import Proxy

pytestmark = pytest.mark.more

Start = Callable[..., Proxy]


@pytest.fixture
def own(confdir: Path) -> Path:
    """The certificate of the server."""
    return certificate(confdir)


@pytest.fixture
def sim(own: Path) -> Iterator[Simulator]:
    with running(certificate=own) as simulator:
        yield simulator


def config(intercept: dict[str, Any]) -> dict[str, Any]:
    return {"intercept": intercept, "upstreams": {}, "routes": []}


def shown(proxy: Proxy, port: int, sni: str | None) -> str:
    """The certificate that an app gets to see which asks the proxy for a port of this machine."""
    trust = ssl.create_default_context(cafile=proxy.ca)
    trust.check_hostname = False
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as raw:
        raw.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 200")
        with trust.wrap_socket(raw, server_hostname=sni) as app:
            return ssl.DER_cert_to_PEM_cert(app.getpeercert(binary_form=True) or b"")


@pytest.mark.parametrize(
    "intercept, sni, tunnelled",
    [
        pytest.param({"only": True}, None, True, id="a host nobody asked for"),
        pytest.param({"only": True}, "telemetry.example", True, id="nor by its name"),
        pytest.param({"only": True}, "api.anthropic.com", False, id="a host by its name"),
        pytest.param({"only": True, "hosts": ["127.0.0.1"]}, None, False, id="by its address"),
        pytest.param({"only": False}, None, False, id="without the setting"),
    ],
)
def test_whose_certificate_an_app_sees(
    sim: Simulator,
    own: Path,
    confdir: Path,
    start_proxy: Start,
    intercept: dict[str, Any],
    sni: str | None,
    tunnelled: bool,
) -> None:
    trust = ("--set", f"ssl_verify_upstream_trusted_ca={confdir / CA}")
    proxy = start_proxy(config(intercept), *trust)
    seen = shown(proxy, sim.port, sni)
    assert (seen in own.read_text()) is tunnelled


def test_a_call_in_a_tunnel_arrives_and_nobody_has_read_it(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = start_proxy(config({"only": True}))
    trust = ssl.create_default_context(cafile=proxy.ca)
    turns = [{"role": "user", "content": "[[text:so]]"}]
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": turns})
    headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    with httpx2.Client(proxy=proxy.url, verify=trust, trust_env=False, http2=True) as app:
        answer = app.post(f"{sim.url}/v1/messages", content=body, headers=headers)
    assert answer.json()["content"][0]["text"] == "so" and answer.http_version == "HTTP/2"
    assert sim.requests()[0].header("x-api-key") == "k"
    assert proxy.flows() == []


def test_the_setting_is_read_again_with_the_file(
    sim: Simulator, own: Path, confdir: Path, start_proxy: Start
) -> None:
    trust = ("--set", f"ssl_verify_upstream_trusted_ca={confdir / CA}")
    proxy = start_proxy(config({"only": False}), *trust)
    assert shown(proxy, sim.port, None) not in own.read_text()
    proxy.configure(config({"only": True}))
    proxy.wait_for("config.yaml was read again")
    assert shown(proxy, sim.port, None) in own.read_text()


def test_in_reverse_mode_every_host_is_asked_for(sim: Simulator, start_proxy: Start) -> None:
    """The app was pointed at the proxy, by whatever name."""
    proxy = start_proxy(
        config({"only": True}), "--mode", f"reverse:{sim.url}", "--set", "ssl_insecure=true"
    )
    trust = ssl.create_default_context(cafile=proxy.ca)
    trust.check_hostname = False
    with httpx2.Client(verify=trust, trust_env=False) as app:
        url = f"https://127.0.0.1:{proxy.port}/v1/models"
        answer = app.get(url, headers={"authorization": "Bearer k"})
    assert answer.status_code == 200
    assert [flow.request.path for flow in proxy.flows()] == ["/v1/models"]
