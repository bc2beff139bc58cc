"""scripts/doctor: what it says of ports, configurations, certificates and terminals, really run."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator import Simulator
from bridge.simulator import running as running_simulator
from scripts._doctor import inside, ports, terminal
from scripts._processes import free_port
from scripts._with_bridge import bridges, variables
from tests.certificates import CA, certificate
from tests.processes import ROOT, Proxy, running_proxy

ROUTES = "routes: []\n"
OFF = "upstreams: {a: {protocol: openai_chat, url: http://h, api_key: '${NOBODY_SETS_THIS}'}}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose .venv is the one that runs the tests, and whose bridge would be elsewhere."""
    root = tmp_path_factory.mktemp("it's") / "a project"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    env = f'ROOT="{root}" VENV="{sys.prefix}"; need() {{ [ "$1" = runtime ]; }}'
    (root / "scripts" / "_env").write_text(env, "utf-8")
    for name in ("bridge", "config.yaml"):
        (root / name).symlink_to(ROOT / name)
    place = root / "scripts" / "_with_bridge" / "bridges.py"
    elsewhere = f"http://127.0.0.1:{free_port()}"
    place.write_text(place.read_text("utf-8").replace(bridges.DEFAULT, elsewhere), "utf-8")
    return root


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def proxy(sim: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("bridge")
    chat = {"protocol": "openai_chat", "url": sim.base("a"), "api_key": "k"}
    config = {"upstreams": {"a": chat}, "routes": [{"upstreams": ["a"]}]}
    with running_proxy(folder, folder / "confdir", config) as running:
        yield running


def doctor(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(
        [folder / "scripts" / "doctor", *options],
        env={**own, **environment},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=40,
    )


def codes(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {finding["code"]: finding for finding in json.loads(done.stdout)["findings"]}


# --- no bridge


def test_without_a_bridge_it_says_so_and_that_one_could_be_started(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "own.yaml").write_text(OFF + ROUTES, "utf-8")
    free = str(free_port())
    done = doctor(folder, "--config", str(tmp_path / "own.yaml"), "--port", free)
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "No bridge runs at http://127.0.0.1:",
        f"Port {free} is free.",
        "own.yaml is in order (upstreams: 0, routes: 0).",
        "own.yaml: upstreams.a: is disabled, environment variable NOBODY_SETS_THIS is not set",
        "-> Set the variable",
        "0 broken, 2 to look at.",
    ):
        assert words in done.stdout, words


def test_the_usual_ports_and_the_projects_own_configuration(folder: Path) -> None:
    found = json.loads(doctor(folder, "--json").stdout)["findings"]
    told = {finding["about"].get("port") for finding in found}
    assert told >= set(ports.USUAL)
    assert "config.yaml" in json.dumps(found)


def test_a_port_that_is_taken_and_by_whom(folder: Path, sim: Simulator) -> None:
    done = doctor(folder, "--json", "--port", str(sim.port))
    taken = codes(done)["port_taken"]
    assert done.returncode == 1 and taken["about"]["port"] == sim.port
    if shutil.which("lsof"):
        assert f"(process {os.getpid()})" in taken["seen"]


def test_who_has_a_port_where_nobody_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "LSOF", ("no-such-program",))
    with socket.create_server(("127.0.0.1", 0)) as server:
        [finding] = ports.findings([server.getsockname()[1]])
    assert "taken by another program" in finding.seen


@pytest.mark.parametrize(
    "text, words",
    [
        pytest.param("upstreams: 5\n" + ROUTES, "upstreams", id="a wrong value"),
        pytest.param("upstreams: {a: [\n", "own.yaml", id="no YAML"),
        pytest.param(None, "cannot be read", id="no file"),
    ],
)
def test_a_configuration_that_cannot_be_used(
    folder: Path, tmp_path: Path, text: str | None, words: str
) -> None:
    file = tmp_path / "own.yaml"
    if text is not None:
        file.write_text(text, "utf-8")
    done = doctor(folder, "--json", "--config", str(file), "--port", str(free_port()))
    assert done.returncode == 1 and words in codes(done)["config_invalid"]["seen"]


def test_a_terminal_that_leads_to_nobody(folder: Path) -> None:
    url = f"http://me:secret-word@127.0.0.1:{free_port()}"
    done = doctor(folder, "--port", str(free_port()), HTTPS_PROXY=url, https_proxy=url)
    assert done.returncode == 1 and done.stdout.count("[proxy_dead]") == 1
    assert "refused" in done.stdout and "secret-word" not in done.stdout


def test_a_terminal_that_leads_to_somebody_else(folder: Path, sim: Simulator) -> None:
    done = doctor(folder, "--json", "--port", str(free_port()), https_proxy=sim.url)
    assert done.returncode == 0
    assert codes(done)["proxy_other"]["seen"].startswith(f"https_proxy is {sim.url}")


@pytest.mark.parametrize(
    "url, words",
    [
        ("{sim}", "answers, but not as a bridge"),
        ("http://127.0.0.1:{free}", "refused"),
        ("http://me:secret-word@127.0.0.1:{free}", "refused"),
        ("socks5://h:1", "no address of an HTTP proxy"),
        ("http://h:port", "Port could not be cast"),
    ],
)
def test_one_that_was_named_has_to_be_a_bridge(
    folder: Path, sim: Simulator, url: str, words: str
) -> None:
    done = doctor(folder, "--json", "--proxy", url.format(sim=sim.url, free=free_port()))
    assert done.returncode == 1 and words in codes(done)["bridge_missing"]["seen"]
    assert "secret-word" not in done.stdout and done.stderr == ""


@pytest.mark.parametrize(
    "options, words",
    [
        pytest.param(["--nothing"], "unrecognized arguments: --nothing", id="no such option"),
        pytest.param(["claude"], "unrecognized arguments: claude", id="a command"),
        pytest.param(["--port", "0"], "0 is no port", id="no port"),
        pytest.param(["--port", "web"], "web is no port", id="no number"),
        pytest.param(["--proxy"], "expected one argument", id="no address"),
    ],
)
def test_a_mistake_is_told(folder: Path, options: list[str], words: str) -> None:
    done = doctor(folder, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr and "Traceback" not in done.stderr


# --- a bridge


@pytest.mark.parametrize("form", ["{url}", "127.0.0.1:{port}"])
def test_a_bridge_is_found_as_the_environment_says(folder: Path, proxy: Proxy, form: str) -> None:
    environment = {"HTTPS_PROXY": form.format(url=proxy.url, port=proxy.port)}
    done = doctor(folder, "--json", **environment, NODE_EXTRA_CA_CERTS=proxy.ca)
    assert (done.returncode, done.stderr) == (0, "")
    found = codes(done)
    assert {"bridge_up", "ca_ok", "ca_trusted", "config_ok", "upstream_ok"} <= found.keys()
    assert json.loads(done.stdout)["counts"] == {"problem": 0, "warning": 0, "ok": len(found)}


def test_a_terminal_that_leads_around_it(folder: Path, proxy: Proxy) -> None:
    done = doctor(folder, "--proxy", proxy.url, "--json", NO_PROXY="localhost", no_proxy=".com")
    assert done.returncode == 0
    covered = codes(done)["no_proxy_covers"]
    assert covered["about"]["entry"] == ".com" and "api.openai.com" in covered["seen"]
    assert "proxy_unset" in codes(done)


def test_what_leads_around_it_goes_by_the_hosts_of_the_bridge_that_runs(
    folder: Path, tmp_path: Path
) -> None:
    own: dict[str, Any] = {"upstreams": {}, "routes": [], "intercept": {"hosts": ["llm.corp"]}}
    with running_proxy(tmp_path, tmp_path / "confdir", own) as proxy:
        done = doctor(folder, "--proxy", proxy.url, "--json", NO_PROXY=".corp,.openai.com")
    assert codes(done)["no_proxy_covers"]["about"]["entry"] == ".corp"


@pytest.mark.parametrize("is_right", [True, False])
def test_without_one_it_goes_by_the_configuration(
    folder: Path, tmp_path: Path, is_right: bool
) -> None:
    """As far as that can be read."""
    file = tmp_path / "own.yaml"
    file.write_text(
        "intercept: {hosts: [llm.corp]}\nupstreams: {}\nroutes: []\n" if is_right else "["
    )
    options = ("--json", "--config", str(file), "--port", str(free_port()))
    done = doctor(folder, *options, NO_PROXY=".corp,.openai.com")
    entry = ".corp" if is_right else ".openai.com"
    assert codes(done)["no_proxy_covers"]["about"]["entry"] == entry


@pytest.mark.parametrize(
    "environment, code, severity",
    [
        pytest.param({"HTTPS_PROXY": "{url}"}, "ca_unset", "problem", id="no certificates"),
        pytest.param(
            {"HTTPS_PROXY": "{url}", "REQUESTS_CA_BUNDLE": "{other}"},
            "ca_not_in_file", "problem", id="those of others",
        ),
        pytest.param(
            {"REQUESTS_CA_BUNDLE": "{other}"},
            "ca_not_in_file", "warning", id="those of others, of apps that do not come here",
        ),
        pytest.param(
            {"HTTPS_PROXY": "{url}", "SSL_CERT_FILE": "/no/such"},
            "ca_file_missing", "problem", id="a file that is not there",
        ),
        pytest.param(
            {"HTTPS_PROXY": "{url}", "SSL_CERT_FILE": "{folder}"},
            "ca_trusted", "ok", id="a folder that has it",
        ),
        pytest.param(
            {"HTTPS_PROXY": "http://127.0.0.1:1"}, "proxy_elsewhere", "warning", id="another proxy"
        ),
    ],
)  # fmt: skip
def test_what_a_terminal_tells_its_apps(
    proxy: Proxy, tmp_path: Path, environment: dict[str, str], code: str, severity: str
) -> None:
    certificate(tmp_path)  # with a CA of its own
    folder = tmp_path / "certificates"
    folder.mkdir()
    shutil.copy(proxy.ca, folder / "0.pem")
    (folder / "notes").write_text("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n")
    places = {"url": proxy.url, "other": str(tmp_path / CA), "folder": str(folder)}
    had = {name: value.format(**places) for name, value in environment.items()}
    told = {f.code: f for f in terminal.findings(bridges.at(proxy.url), had, [])}
    assert told[code].severity == severity


def test_a_handshake_says_whether_the_ca_is_the_one(proxy: Proxy, tmp_path: Path) -> None:
    certificate(tmp_path)
    bridge = bridges.at(proxy.url)
    assert terminal.handshake(bridge).code == "ca_ok"
    others = bridges.Bridge(bridge.url, bridge.folder, (tmp_path / CA).read_text("utf-8"), ())
    told = terminal.handshake(others)
    assert told.code == "ca_fails" and "certificate verify failed" in told.seen
    broken = bridges.Bridge(bridge.url, bridge.folder, "no certificate", ())
    assert terminal.handshake(broken).code == "ca_fails"


def test_a_tunnel_that_is_refused(sim: Simulator) -> None:
    ca = Path(ssl.get_default_verify_paths().openssl_cafile)
    pem = ssl.DER_cert_to_PEM_cert(b"0") if not ca.exists() else ca.read_text("utf-8")
    assert terminal.handshake(bridges.Bridge(sim.url, Path(), pem, ())).code == "ca_fails"


def test_who_is_no_bridge_finds_nothing(sim: Simulator) -> None:
    assert inside.ask(sim.url) is None
    assert inside.ask(f"127.0.0.1:{free_port()}") is None
    assert inside.ask("http://h:port") is None


# --- what leads around


@pytest.mark.parametrize(
    "entries, expected",
    [
        ("localhost,intranet", {}),
        ("*", {"*": ["a.com", "b.org"]}),
        (".com b.org", {".com": ["a.com"], "b.org": ["b.org"]}),
    ],
)
def test_entries_that_lead_around(entries: str, expected: dict[str, list[str]]) -> None:
    assert variables.around({"NO_PROXY": entries}, ["A.com", "b.org"]) == expected
