"""scripts/start: which tool with which options, and what it tells the person to paste."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import _paste

SCRIPTS = Path(_paste.__file__).parent


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose .venv is the one that runs the tests, with an addon that does nothing."""
    root = tmp_path / "a project"
    (root / "scripts").mkdir(parents=True)
    for name in ("start", "_paste.py"):
        shutil.copy(SCRIPTS / name, root / "scripts")
    shutil.copytree(SCRIPTS / "_with_bridge", root / "scripts" / "_with_bridge")
    env = f'ROOT="{root}" VENV="${{STUBS:-{sys.prefix}}}"; need() {{ [ "$1" = runtime ]; }}'
    (root / "scripts" / "_env").write_text(env, encoding="utf-8")
    (root / "addon.py").write_text("", encoding="utf-8")
    return root


def tool_and_options(root: Path, *arguments: str, **environment: str) -> list[str]:
    stubs = root / "stubs" / "bin"
    stubs.mkdir(parents=True)
    for tool in ("mitmweb", "mitmdump", "mitmproxy"):
        (stubs / tool).write_text('#!/bin/sh\nprintf "%s\\n" "${0##*/}" "$@"\n', encoding="utf-8")
        (stubs / tool).chmod(0o755)
    (stubs / "uname").write_text(f"#!/bin/sh\necho {environment.pop('SYSTEM', 'Linux')}\n")
    (stubs / "uname").chmod(0o755)
    answer = subprocess.run(
        [root / "scripts" / "start", *arguments],
        env={"PATH": f"{stubs}:{os.environ['PATH']}", "STUBS": str(stubs.parent), **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    tool, *options = answer.stdout.splitlines()
    assert options[:4] == ["-s", f"{root}/addon.py", "-s", f"{root}/scripts/_paste.py"]
    return [tool, *options[4:]]


@pytest.mark.parametrize(
    "arguments, environment, expected",
    [
        pytest.param([], {"DISPLAY": ":0"}, ["mitmweb"], id="mitmweb unless told otherwise"),
        pytest.param(
            ["mitmdump", "-w", "a file"],
            {},
            ["mitmdump", "-w", "a file"],
            id="another tool, and its options as they are",
        ),
        pytest.param(["mitmproxy"], {}, ["mitmproxy"], id="the console"),
        pytest.param([], {}, ["mitmweb", "--no-web-open-browser"], id="no screen, no browser"),
        pytest.param([], {"WAYLAND_DISPLAY": "w"}, ["mitmweb"], id="a Wayland screen"),
        pytest.param([], {"SYSTEM": "Darwin"}, ["mitmweb"], id="a Mac has a screen"),
        pytest.param(
            ["-p", "9090"],
            {"SYSTEM": "Darwin", "SSH_CONNECTION": "1.2.3.4"},
            ["mitmweb", "--no-web-open-browser", "-p", "9090"],
            id="but not from afar",
        ),
    ],
)
def test_the_tool_gets_its_options(
    root: Path, arguments: list[str], environment: dict[str, str], expected: list[str]
) -> None:
    assert tool_and_options(root, *arguments, **environment) == expected


CA = Path("/home/a b/ca.pem")
TRUST = "export SSL_CERT_FILE='/home/a b/ca.pem'\nexport NODE_EXTRA_CA_CERTS='/home/a b/ca.pem'"


@pytest.mark.parametrize(
    "listener, expected",
    [
        pytest.param(
            ("regular", "", 8080),
            f"export HTTPS_PROXY=http://127.0.0.1:8080\n{TRUST}\nexport NODE_USE_ENV_PROXY=1",
            id="a proxy",
        ),
        pytest.param(
            ("upstream", "::1", 8080),
            f"export HTTPS_PROXY='http://[::1]:8080'\n{TRUST}\nexport NODE_USE_ENV_PROXY=1",
            id="a proxy before another proxy, on IPv6",
        ),
        pytest.param(
            ("reverse", "0.0.0.0", 90),
            "export ANTHROPIC_BASE_URL=http://127.0.0.1:90\n"
            "export OPENAI_BASE_URL=http://127.0.0.1:90/v1",
            id="reverse: the base URLs of the SDKs",
        ),
        pytest.param(("local", "", 0), TRUST, id="local capture: trust alone"),
    ],
)
def test_trap_53_what_to_paste(listener: tuple[str, str, int], expected: str) -> None:
    assert _paste.lines([listener, listener], CA) == (
        f"\nPaste into the terminal of the app:\n\n{expected}\n"
    )


@pytest.mark.parametrize(
    "tool, options, last",
    [
        ("mitmdump", [], "export NODE_USE_ENV_PROXY=1\n"),
        ("mitmweb", ["--set", "web_port=0"], "Look at the traffic: http://127.0.0.1:"),
    ],
)
def test_a_real_start_says_where_it_listens_and_stops_on_interrupt(
    root: Path, tool: str, options: list[str], last: str
) -> None:
    folder = root / "mitm proxy"
    command = [root / "scripts" / "start", tool, *options, "--set", f"confdir={folder}"]
    environment = {key: value for key, value in os.environ.items() if "DISPLAY" not in key}
    with subprocess.Popen(
        [*command, "--listen-host", "127.0.0.1", "-p", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as start:
        assert start.stdout
        said = ""
        try:
            while last not in said:
                line = start.stdout.readline()
                assert line, said
                said += line
        finally:
            start.send_signal(signal.SIGINT)
        assert start.wait(timeout=20) == 0
    listening = re.search(r"proxy listening at 127.0.0.1:(\d+)", said)
    assert listening, said
    assert f"export HTTPS_PROXY=http://127.0.0.1:{listening[1]}\n" in said
    assert f"export SSL_CERT_FILE='{folder}/mitmproxy-ca-cert.pem'\n" in said
    assert (folder / "mitmproxy-ca-cert.pem").exists()
