"""One run of one app, in a network of its own: upstreams, the bridge, the app, and what came of it.

    python -m tests.apps.cell APP SCENARIO PROTOCOL FOLDER CONFDIR

Out: a line of JSON, the list of problems. The upstreams are two simulators, primary and backup, so
that one of them can die. The app's tools really run: what the final answer has to say stands in a
file and comes out of a shell, and nobody tells it to the upstreams but the app.
"""

import json
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Self

import yaml
from mitmproxy import http
from mitmproxy.io import FlowReader

from bridge.simulator import Recorded, Simulator, running
from bridge.simulator.complaints import CHANGED
from tests.apps.namespace import isolate
from tests.apps.scenarios import HEALTHY, SCENARIOS, Scenario
from tests.apps.table import APPS, PACKAGES, App

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60  # for the app
SHOWN = 1500  # characters of what it said last
PROTOCOLS = {
    "messages": ("anthropic_messages", "anthropic", "claude-sonnet-5-5"),
    "chat": ("openai_chat", "openai", "gpt-6.2-sol"),
    "responses": ("openai_responses", "openai", "gpt-6.2-sol"),
}
# What apps ask of their vendors besides, and would ask again and again if nobody answered.
ELSEWHERE = "@!(~u /v1/ | ~u /models | ~d bridge.local | ~d mitm.it)@404"
UPGRADE = {"serve": 101, "refuse": 426}  # how a WebSocket is answered
SIDE = "a-small-model"  # of titles and the like


@dataclass(frozen=True)
class Secrets:
    """What only the tools can find out."""

    word: str
    factors: tuple[int, int]

    @classmethod
    def drawn(cls) -> Self:
        return cls(random.randbytes(6).hex(), (random.randrange(10**4), random.randrange(10**4)))

    @property
    def told(self) -> tuple[str, str]:
        return str(self.factors[0] * self.factors[1]), self.word


@dataclass(frozen=True)
class Cell:
    app: App
    name: str  # of the scenario
    kind: str  # what the primary speaks
    folder: Path
    confdir: Path

    @property
    def scenario(self) -> Scenario:
        return SCENARIOS[self.name]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def flows(self) -> Path:
        return self.folder / "flows.mitm"

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def model(self) -> str:
        """Of the primary."""
        return PROTOCOLS[self.kind][2]


# --- what is set up


def backup_of(kind: str, scenario: Scenario) -> str:
    """What the backup of such a primary speaks: mostly the next protocol."""
    kinds = [*PROTOCOLS, *PROTOCOLS]
    return kind if scenario.alike else kinds[kinds.index(kind) + 1]


def write_config(cell: Cell, urls: dict[str, str], *, is_vendor: bool = True) -> None:
    """The upstreams are the vendors', or servers that are compatible with them."""
    upstreams = {}
    kinds = (cell.kind, backup_of(cell.kind, cell.scenario))
    for kind, (name, url) in zip(kinds, urls.items(), strict=True):
        protocol, profile, model = PROTOCOLS[kind]
        upstreams[name] = {
            "protocol": protocol,
            "url": url,
            "api_key": f"key-of-{name}",
            "profile": profile if is_vendor else "compatible",
            "models": {cell.app.model: model, "*": SIDE},
        }
    settings = {
        "intercept": {"websocket": cell.app.websocket},
        "upstreams": upstreams,
        "routes": [{"upstreams": list(upstreams)}],
        "failover": {"cooldown": "1ms", "health_check": {"interval": 0}},
    }
    cell.config.write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")


def words_of(cell: Cell, secrets: Secrets) -> dict[str, str]:
    """What the table's texts leave open."""
    command = "echo $(({} * {}))".format(*secrets.factors)
    shell = cell.app.shell.format(command=command)
    read = cell.app.read.format(file=cell.work / "note.txt")
    return {
        **{name: str(package.programs) for name, package in PACKAGES.items()},
        "command": command,
        "shell": shell,
        "read": read,
        "python": sys.executable,
        "programs": str(Path(__file__).with_name("programs")),
        "prompt": cell.app.prompt.format(shell=shell, read=read),
    }


def environment(cell: Cell, words: dict[str, str]) -> dict[str, str]:
    """Nothing of the person's who runs this but the way to programs."""
    own = {name: value.format(**words) for name, value in cell.app.environment.items()}
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(cell.home),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        **own,
    }


def prepare(cell: Cell, secrets: Secrets) -> None:
    for folder in (cell.home, cell.work):
        folder.mkdir(parents=True)
    (cell.work / "note.txt").write_text(secrets.word + "\n", "utf-8")
    for name, text in cell.app.files.items():
        file = cell.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")


# --- what runs


@dataclass(frozen=True)
class Run:
    """What came of the app; `status` is None where it took too long."""

    status: int | None
    told: str
    complained: str


def play(cell: Cell) -> list[str]:
    secrets = Secrets.drawn()
    words = words_of(cell, secrets)
    prepare(cell, secrets)
    with ExitStack() as life, running() as backup, ThreadPoolExecutor(1) as beside:
        primary = life.enter_context(running())
        upstreams = {"primary": primary, "backup": backup}
        for name, simulator in upstreams.items():
            simulator.configure(bind_thinking=True, account=name)
        for fault in cell.scenario.faults:
            primary.fault("default", fault, 1, {"model": cell.model})
        write_config(cell, {name: f"{sim.url}/v1" for name, sim in upstreams.items()})
        over = threading.Event()
        if cell.scenario.dies:
            beside.submit(end_behind_an_answer, cell, primary, life, over)
        try:
            run = run_app(cell, words)
        finally:
            over.set()
        for name, text in (("stdout", run.told), ("stderr", run.complained)):
            (cell.folder / name).write_text(text, "utf-8")  # for who looks into it
        return [
            *misbehaved(cell, run, secrets),
            *misled(cell, upstreams),
            *misrecorded(cell),
        ]


def end_behind_an_answer(
    cell: Cell, primary: Simulator, life: ExitStack, over: threading.Event
) -> None:
    """The first that the app's own model gave."""

    def answered(simulator: Simulator) -> bool:
        at_work = simulator.state()["upstreams"]["default"]["open"]
        return bool(asked(cell, simulator)) and not at_work

    while not over.is_set():
        if primary.until(answered, timeout=0.5):
            life.close()
            return


def run_app(cell: Cell, words: dict[str, str]) -> Run:
    options = [f"confdir={cell.confdir}", f"save_stream_file={cell.flows}"]
    options += [f"bridge_config={cell.config}", f"block_list={ELSEWHERE}"]
    command = [str(ROOT / "scripts" / "with-bridge")]
    for option in options:
        command += ["--set", option]
    command += ["--", *(word.format(**words) for word in cell.app.command)]
    typed = cell.app.stdin.format(**words)
    return finished(command, cell.work, environment(cell, words), typed)


def finished(command: list[str], folder: Path, environment: dict[str, str], typed: str = "") -> Run:
    """The command with all it started, in time or not."""
    with Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            told, complained = process.communicate(typed, SECONDS)
            return Run(process.returncode, told, complained)
        except TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return Run(None, *process.communicate())
        finally:
            with suppress(ProcessLookupError):  # what it left behind
                os.killpg(process.pid, signal.SIGKILL)


# --- what came of it


def misbehaved(cell: Cell, run: Run, secrets: Secrets) -> Iterator[str]:
    """Some apps print what their tools said, so it is the answer behind that which counts."""
    if run.status != 0:
        ended = "took too long" if run.status is None else f"ended with {run.status}"
        yield f"it {ended} and said {run.told[-SHOWN:]!r}, {run.complained[-SHOWN:]!r}"
        return
    _, found, answer = run.told.rpartition(cell.app.answer)
    missing = [word for word in secrets.told if not found or word not in answer]
    if missing:
        yield f"its answer lacks {missing}: {run.told[-SHOWN:]!r}"


def misled(cell: Cell, upstreams: dict[str, Simulator]) -> Iterator[str]:
    """What the upstreams have to complain about, and whether the right ones were asked."""
    for name, simulator in upstreams.items():
        for complaint in simulator.complaints():
            if not (cell.app.rewrites and CHANGED in complaint):
                yield f"{name}: {complaint}"
    primary, backup = (len(asked(cell, simulator)) for simulator in upstreams.values())
    fails = cell.scenario != HEALTHY
    if not primary or fails != bool(backup):
        yield f"the primary was asked {primary} times, the backup {backup} times"
    if left := upstreams["primary"].state()["upstreams"]["default"]["faults"]:
        yield f"{left} faults were never met"


def misrecorded(cell: Cell) -> Iterator[str]:
    """What the bridge did otherwise than it was told, and what it lost where nothing had to be."""
    with cell.flows.open("rb") as file:
        flows = [flow for flow in FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]
    if expected := UPGRADE.get(cell.app.websocket):
        answers = {flow.response.status_code for flow in flows if flow.response}
        if answers.isdisjoint({expected}) or not answers.isdisjoint(
            {*UPGRADE.values()} - {expected}
        ):
            yield f"upgrades to WebSocket were not answered {expected}, as was configured"
    if cell.scenario == HEALTHY and cell.kind == cell.app.protocol:
        for flow in flows:
            for note in flow.metadata.get("bridge", {}).get("notes", ()):
                if note["severity"] == "lost":
                    yield f"lost: {note['code']} at {note['where']}, {note['detail']}"


def asked(cell: Cell, simulator: Simulator) -> list[Recorded]:
    """What the app's own model was asked, which has another name than that of side requests."""
    told = [record for record in simulator.requests() if isinstance(record.body, dict)]
    return [record for record in told if record.body.get("model") != SIDE]


def from_arguments() -> Cell:
    """And from there on there is no network but loopback."""
    app, scenario, kind, folder, confdir = sys.argv[1:]
    isolate()
    return Cell(APPS[app], scenario, kind, Path(folder), Path(confdir))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(play(from_arguments())))
