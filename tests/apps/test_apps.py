"""Real apps, each unattended through the real bridge, in every upstream protocol and misfortune.

Each run has a network of its own in which there is nothing but loopback (`namespace`); what one
does and how it is judged is in `cell`, against a server of another hand in `mock`. The few that
every run of the tests has are in `DEFAULT`; the others are behind `./scripts/test --apps -n auto`.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.apps.cell import PROTOCOLS
from tests.apps.guides import GUIDES
from tests.apps.installer import CannotInstall, NoRegistry, installed
from tests.apps.mock import knows
from tests.apps.results import RUN, Name, table
from tests.apps.scenarios import SCENARIOS
from tests.apps.table import APPS, PACKAGES
from tests.processes import ROOT

SECONDS = 100  # for a run, of which the app may take most
INSTALLING = 1000
# App, scenario and protocol of the primary, whatever the option.
DEFAULT: tuple[Name, ...] = (
    ("Claude Code", "429, then 529", "messages"),
    ("Claude Code", "healthy", "chat"),
    ("Codex", "dies", "chat"),
    ("Codex, WebSocket served", "error in a 200", "messages"),
    ("Python SDK, messages", "error in a 200", "responses"),
    ("Node SDK, responses", "429, then 529", "messages"),
)
CELLS = [(app, scenario, kind) for app in APPS for scenario in SCENARIOS for kind in PROTOCOLS]


@pytest.fixture(scope="session")
def play(
    own_network: None, confdir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., list[str]]:
    """Plays a run in a process of its own, and gives what was wrong."""

    def play(judge: str, *case: str) -> list[str]:
        folder = tmp_path_factory.mktemp("run")
        command = [sys.executable, "-m", judge, *case, str(folder), str(confdir)]
        with subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                told, complained = process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return [f"the run did not end in {SECONDS} s"]
        assert process.returncode == 0, complained
        problems: list[str] = json.loads(told)
        return problems

    return play


@pytest.fixture
def need(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Has a package; without the option, and but for the build, nothing is downloaded for it."""
    asked_for = "CI" in os.environ or request.node.get_closest_marker("apps") is not None

    def need(name: str) -> None:
        package = PACKAGES[name]
        if not (asked_for or package.is_complete):
            pytest.skip(f"{name} is not installed; ./scripts/test --apps does that")
        try:
            installed(package)
        except CannotInstall as error:
            assert "CI" not in os.environ or isinstance(error, NoRegistry), str(error)
            pytest.skip(str(error))

    return need


@pytest.fixture(scope="session")
def own_network() -> None:
    """Or none of this can be tried."""
    alone = "from tests.apps.namespace import isolate; isolate()"
    done = subprocess.run([sys.executable, "-c", alone], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        told = f"this system gives no process a network of its own: {done.stderr[-200:]}"
        assert "CI" not in os.environ, told
        pytest.skip(told)


@pytest.fixture
def judged(
    need: Callable[[str], None],
    play: Callable[..., list[str]],
    record_property: Callable[[str, object], None],
) -> Callable[..., list[str]]:
    """Plays a run, and puts what came of it into the table."""

    def judged(judge: str, name: Name, *others: str) -> list[str]:
        app, *case = name
        for package in (*APPS[app].needs, *others):
            need(package)
        problems = play(judge, *name)
        label = " ".join([app, *(f"({other})" for other in others[-1:])])
        record_property(RUN, ((label, *case), problems))
        return problems

    return judged


def of(cells: Iterable[Name]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", [pytest.param(c, id=", ".join(c)) for c in cells])


@pytest.mark.timeout(SECONDS + INSTALLING)
@of(DEFAULT)
def test_an_app_does_its_work_in_every_run_of_the_tests(
    name: Name, judged: Callable[..., list[str]]
) -> None:
    assert judged("tests.apps.cell", name) == []


@pytest.mark.apps
@pytest.mark.timeout(SECONDS + INSTALLING)
@of(CELLS)
def test_an_app_does_its_work(name: Name, judged: Callable[..., list[str]]) -> None:
    assert judged("tests.apps.cell", name) == []


@pytest.mark.apps
@pytest.mark.timeout(SECONDS + INSTALLING)
@of(cell for cell in CELLS if knows(APPS[cell[0]], *cell[1:]))
def test_an_app_does_its_work_with_a_server_of_another_hand(
    name: Name, judged: Callable[..., list[str]]
) -> None:
    assert judged("tests.apps.mock", name, "node", "aimock") == []


@pytest.mark.apps
@pytest.mark.timeout(SECONDS + INSTALLING)
@pytest.mark.parametrize("title", GUIDES)
def test_a_guide_of_the_readme_runs_as_it_stands(
    title: str, need: Callable[[str], None], play: Callable[..., list[str]]
) -> None:
    for package in GUIDES[title]:
        need(package)
    assert play("tests.apps.guides", title) == []


def test_where_no_registry_answers_that_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LLM_BRIDGE_APPS", str(tmp_path))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    with pytest.raises(NoRegistry, match="ECONNREFUSED"):
        installed(PACKAGES["claude-code"])


ALONE = """
import socket
from tests.apps.namespace import isolate
isolate()
print([name for _, name in socket.if_nameindex()])
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
for address in ("192.0.2.1", "2001:db8::1"):
    try:
        socket.create_connection((address, 80), 5)
    except TimeoutError:
        raise
    except OSError:
        print("no way out")
"""


def test_a_run_reaches_loopback_and_nothing_else(own_network: None) -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["['lo']", "no way out", "no way out"], done.stderr


def test_the_runs_of_every_day_are_among_all() -> None:
    assert set(CELLS) >= set(DEFAULT)
    assert {app for app, _, _ in DEFAULT} >= {"Claude Code", "Codex"}


def test_the_table_shows_what_failed() -> None:
    lines = list(table({("x", "healthy", "chat"): [], ("x", "dies", "messages"): ["it ended"]}))
    assert [line.split() for line in lines[2:3]] == [
        ["x", "-", "ok", "-", *"---", "FAIL", *"--", *"---"]
    ]
    assert lines[-1] == "FAIL x, dies, messages: it ended"
