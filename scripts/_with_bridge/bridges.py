"""A bridge to send the command through: one that runs, or one started for it.

A proxy is taken for a bridge if it answers for `bridge.local` and takes a CONNECT; in reverse mode
the bridge does the one but not the other. Its CA is asked from itself, for its folder may be
another than ours.
"""

import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from subprocess import PIPE
from typing import Any
from urllib.parse import urlsplit

from scripts._processes import ROOT, Child, Failed, tool

READY = "bridge is ready: "  # as leash.py says it
PROXY = ("https_proxy", "HTTPS_PROXY")
DEFAULT = "http://127.0.0.1:8080"
CONFDIR = "~/.mitmproxy"  # mitmproxy's own default
CA_FILE = "mitmproxy-ca-cert.pem"
PATIENCE = 2  # seconds until a proxy that is asked has answered
STATUS, CA = "http://bridge.local/status", "http://mitm.it/cert/pem"


@dataclass(frozen=True)
class Bridge:
    url: str
    folder: Path  # mitmproxy's, where files may lie
    ca: str  # PEM
    hosts: tuple[str, ...]  # whose LLM endpoints it is for, as globs


class NoBridge(Failed):
    """Nothing there, or something else."""


# --- one that runs


def running(environment: Mapping[str, str]) -> Bridge:
    """Where the environment points to, or where a bridge is by default."""
    for url in (*map(environment.get, PROXY), DEFAULT):
        if url:
            try:
                return at(url)
            except NoBridge:
                continue
    raise NoBridge(f"No bridge runs at {DEFAULT} or where HTTPS_PROXY points to.")


def at(url: str, folder: Path | None = None) -> Bridge:
    """The bridge at `url`; `folder` is None where only mitmproxy's default can be known."""
    folder = folder or Path(CONFDIR).expanduser()
    try:
        place = urlsplit(url if "://" in url else f"http://{url}")
        if place.scheme != "http" or not place.hostname:
            raise NoBridge(f"{url} is no address of an HTTP proxy, like {DEFAULT}.")
        host, port = place.hostname, place.port or 80
        if (status := _status(_get(host, port, STATUS))) is None:
            raise NoBridge(f"{url} answers, but not as a bridge in regular mode does.")
        _connect(host, port)
        ca = _get(host, port, CA).decode() or (folder / CA_FILE).read_text("utf-8")
    except (OSError, HTTPException, ValueError) as error:
        raise NoBridge(f"No bridge to send a command through at {url}: {error}") from None
    hosts = status.get("intercept", {}).get("hosts", ())
    return Bridge(f"http://{place.netloc}", folder, ca, tuple(map(str, hosts)))


def answers(url: str) -> bool:
    """Whether anything takes connections there."""
    try:
        place = urlsplit(url if "://" in url else f"http://{url}")
        address = place.hostname or "", place.port or 80
        with socket.create_connection(address, timeout=PATIENCE):
            return bool(place.hostname)
    except (OSError, ValueError):
        return False


def _get(host: str, port: int, url: str) -> bytes:
    connection = HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", url)
        answer = connection.getresponse()
        return answer.read() if answer.status == 200 else b""
    finally:
        connection.close()


def _status(body: bytes) -> dict[str, Any] | None:
    try:
        status = json.loads(body)
    except ValueError:
        return None
    return status if isinstance(status, dict) and "upstreams" in status else None


def _connect(host: str, port: int) -> None:
    connection = HTTPConnection(host, port, timeout=PATIENCE)
    connection.set_tunnel("bridge.local", 443)
    try:
        connection.connect()
    finally:
        connection.close()


# --- one of our own


@contextmanager
def started(settings: list[str]) -> Iterator[Bridge]:
    """mitmdump on a free port. Ctrl-C in the terminal is not for it: the command may go on."""
    command = [*tool("mitmdump"), "-s", str(ROOT / "addon.py")]
    command += ["-s", str(Path(__file__).with_name("leash.py"))]
    command += ["--listen-host", "127.0.0.1", "--listen-port", "0", "--set", "flow_detail=0"]
    for setting in settings:
        command += ["--set", setting]
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    where = {"cwd": Path.cwd(), "env": own, "stdin": PIPE, "start_new_session": True}
    with Child(command, **where) as child:
        told = json.loads(child.wait_for(f"^{READY}(.*)")[1])
        yield at(told["url"], Path(told["folder"]))
        if child.ended:
            print(f"with-bridge: the bridge ended first. {child.last_words}", file=sys.stderr)
