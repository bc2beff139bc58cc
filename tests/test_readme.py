"""The README is true: its programs run, its configurations load, its commands start."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.config import parse
from bridge.simulator import running
from scripts._processes import free_port
from tests.apps.guides import GUIDES, SECTION, guides
from tests.processes import ROOT, Process, running_proxy

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.M | re.S)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


@pytest.mark.parametrize("program", blocks("python"))
def test_a_program_runs_behind_the_proxy_as_it_stands(program: str, tmp_path: Path) -> None:
    with running() as sim:
        config = {
            "upstreams": {
                "chat": {"protocol": "openai_chat", "url": sim.base("a"), "api_key": "k"},
                "messages": {
                    "protocol": "anthropic_messages",
                    "url": sim.base("b"),
                    "api_key": "k",
                },
            },
            "routes": [
                {"match": {"protocol": "anthropic_messages"}, "upstreams": ["chat"]},
                {"upstreams": ["messages"]},
            ],
        }
        with running_proxy(tmp_path, tmp_path / "confdir", config) as proxy:
            environment = {"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": proxy.ca, "NO_PROXY": ""}
            done = subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, **environment},
                capture_output=True,
                text=True,
                timeout=40,
            )
            assert (done.returncode, done.stderr) == (0, "")
            assert "Say hello" in done.stdout  # the simulator repeats what it was asked
            assert len(sim.requests()) == 1


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_configuration_loads(text: str) -> None:
    config = parse(text, "README.md", {})
    assert config.routes and not config.warnings


def commands() -> list[str]:
    """Those of the guides, which have apps of their own, aside."""
    rest = README.replace(SECTION, "")
    texts = re.findall(r"^```sh\n(.*?)^```$", rest, re.M | re.S)
    lines = [line.partition(" #")[0].strip() for text in texts for line in text.splitlines()]
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("export ")))


# Where each command is run for real. `./scripts/test` is what runs this.
RUN_BY = {
    "./scripts/start": "test_readme.py",
    "./scripts/test": "scripts/test_suites.py",
    "./scripts/demo": "scripts/test_demo.py",
    "./scripts/doctor": "scripts/test_doctor.py",
    './scripts/with-bridge claude -p "Say hello."': "test_readme.py",
    './scripts/with-bridge codex exec "Say hello."': "test_readme.py",
    "./scripts/with-bridge python app.py": "test_readme.py",
    'eval "$(./scripts/with-bridge --print)"': "test_readme.py",
}


def test_every_command_is_run_by_a_test() -> None:
    assert set(commands()) == set(RUN_BY)
    for command, file in RUN_BY.items():
        assert Path(command.split()[0]).name in (ROOT / "tests" / file).read_text("utf-8")


def test_every_guide_is_run_as_it_stands() -> None:
    """By the suite of apps, which reads them where they are; each has three lines at most."""
    written = {guide.title: guide.lines for guide in guides()}
    assert set(written) == {*GUIDES, "Local capture"}
    assert {title: len(lines) for title, lines in written.items() if not 1 <= len(lines) <= 3} == {}
    assert all(guide.calls for guide in guides())
    suite = (ROOT / "tests" / "apps" / "test_apps.py").read_text("utf-8")
    assert "tests.apps.guides" in suite and 'parametrize("title", GUIDES)' in suite


def test_local_capture_comes_as_far_as_the_system_lets_it(tmp_path: Path) -> None:
    """Few let it: its first line is understood, and asks for the privileges that it needs."""
    [guide] = [guide for guide in guides() if guide.title == "Local capture"]
    start, *rest = guide.lines
    options = ["--set", f"confdir={tmp_path}", "--web-port", str(free_port())]
    with Process([*start.split(), *options]) as process:
        process.wait_for(r"(?i)sudo|redirector|listening at")
    assert "Unknown mode" not in process.output and "invalid" not in process.output.lower()
    others = [line for each in guides() if each is not guide for line in each.lines]
    assert [line for line in rest if line.startswith("claude")][0] in others


STARTS = ["./scripts/start", "./scripts/start --mode reverse:https://api.anthropic.com"]


@pytest.mark.parametrize(
    "command, pasted", list(zip(STARTS, ("HTTPS_PROXY", "ANTHROPIC_BASE_URL"), strict=True))
)
def test_start_prints_what_to_paste(command: str, pasted: str, tmp_path: Path) -> None:
    options = ["--listen-host", "127.0.0.1", "--listen-port", str(free_port())]
    options += ["--web-port", str(free_port()), "--set", f"confdir={tmp_path}"]
    with Process([*command.split(), *options]) as start:
        start.wait_for(rf"export {pasted}=http://127.0.0.1:{options[3]}", seconds=50)
        start.wait_for(r"http://127\.0\.0\.1:\d+/\?token=")
    shown = re.findall(r"^export (\w+)", README, re.M)
    assert command in README and pasted in shown


# Stand-ins of the apps that may not be installed: each sends what it was told to where the app
# would, and trusts what the app would look at.
CURL = """#!/bin/sh
[ "$1" = {option} ] && exec curl -sS --max-time 20 --cacert "${trusted}" \\
  -H 'content-type: application/json' https://{url} -d "{body}"
"""
STAND_INS = {
    "claude": CURL.format(
        option="-p",
        trusted="NODE_EXTRA_CA_CERTS",
        url="api.anthropic.com/v1/messages?beta=true",
        body=r"{\"model\": \"m\", \"max_tokens\": 9,"
        r" \"messages\": [{\"role\": \"user\", \"content\": \"$2\"}]}",
    ),
    "codex": CURL.format(
        option="exec",
        trusted="CODEX_CA_CERTIFICATE",
        url="api.openai.com/v1/responses",
        body=r"{\"model\": \"m\", \"input\": \"$2\"}",
    ),
    "python": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n',
}

WITH_BRIDGE = [command for command in RUN_BY if "with-bridge" in command]


@pytest.mark.parametrize("command", WITH_BRIDGE)
def test_an_app_gets_its_answer_through_the_bridge(command: str, tmp_path: Path) -> None:
    for name, text in STAND_INS.items():
        (tmp_path / name).write_text(text, "utf-8")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "app.py").write_text(blocks("python")[0], "utf-8")
    command = command.replace("app.py", str(tmp_path / "app.py"))
    if command.startswith("eval"):  # then a whole terminal has it
        command += '; claude -p "Say hello."'
    with running() as sim:
        chat = {"protocol": "openai_chat", "url": sim.base("a"), "api_key": "k"}
        config = {"upstreams": {"chat": chat}, "routes": [{"upstreams": ["chat"]}]}
        with running_proxy(tmp_path, tmp_path / "confdir", config) as proxy:
            own = {"HOME": str(tmp_path), "HTTPS_PROXY": proxy.url, "SHELL": "bash"}
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=ROOT,
                env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **own},
                capture_output=True,
                text=True,
                timeout=40,
            )
        assert (done.returncode, done.stderr) == (0, ""), proxy.output
        assert "Say hello" in done.stdout
        assert [request.upstream for request in sim.requests()] == ["a"]
