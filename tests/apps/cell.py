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
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Self

import yaml

from bridge.simulator import Recorded, Simulator, running
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
    scenario: Scenario
    kind: str  # what the primary speaks; the backup speaks the next one
    folder: Path
    confdir: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def model(self) -> str:
        """Of the primary."""
        return PROTOCOLS[self.kind][2]


# --- what is set up


def write_config(cell: Cell, urls: dict[str, str]) -> None:
    kinds = list(PROTOCOLS)
    start = kinds.index(cell.kind)
    upstreams = {}
    for place, (name, url) in enumerate(urls.items()):
        protocol, profile, model = PROTOCOLS[kinds[(start + place) % len(kinds)]]
        upstreams[name] = {
            "protocol": protocol,
            "url": url,
            "api_key": f"key-of-{name}",
            "profile": profile,
            "models": {cell.app.model: model, "*": SIDE},
        }
    settings = {
        "upstreams": upstreams,
        "routes": [{"upstreams": list(upstreams)}],
        "failover": {"cooldown": "1ms", "health_check": {"interval": 0}},
    }
    cell.config.write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")


def words_of(cell: Cell, secrets: Secrets) -> dict[str, str]:
    """What the table's texts leave open."""
    return {
        **{name: str(package.programs) for name, package in PACKAGES.items()},
        "work": str(cell.work),
        "home": str(cell.home),
        "python": sys.executable,
        "programs": str(Path(__file__).with_name("programs")),
        "prompt": prompt(cell.app, cell.work, secrets),
    }


def prompt(app: App, work: Path, secrets: Secrets) -> str:
    """What steers the simulator, as if it were the user's words."""
    command = "echo $(({} * {}))".format(*secrets.factors)
    shell = app.shell.format(command=command)
    read = app.read.format(file=work / "note.txt")
    return (
        f"Compute, read the note, report. [[reason:One after the other.]]"
        f"[[do:{shell}]][[do:{read}]][[results]]"
    )


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


def prepare(cell: Cell, secrets: Secrets, words: dict[str, str]) -> None:
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
    prepare(cell, secrets, words)
    with ExitStack() as life, running() as backup, ThreadPoolExecutor(1) as beside:
        primary = life.enter_context(running())
        upstreams = {"primary": primary, "backup": backup}
        for simulator in upstreams.values():
            simulator.configure(bind_thinking=True)
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
        return [*misbehaved(run, secrets), *misled(cell, upstreams)]


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
    options = [f"confdir={cell.confdir}", f"save_stream_file={cell.folder / 'flows.mitm'}"]
    options += [f"bridge_config={cell.config}", f"block_list={ELSEWHERE}"]
    command = [str(ROOT / "scripts" / "with-bridge")]
    for option in options:
        command += ["--set", option]
    command += ["--", *(word.format(**words) for word in cell.app.command)]
    with Popen(
        command,
        cwd=cell.work,
        env=environment(cell, words),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            told, complained = process.communicate(cell.app.stdin.format(**words), SECONDS)
            return Run(process.returncode, told, complained)
        except TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return Run(None, *process.communicate())


# --- what came of it


def misbehaved(run: Run, secrets: Secrets) -> Iterator[str]:
    if run.status != 0:
        ended = "took too long" if run.status is None else f"ended with {run.status}"
        yield f"it {ended} and said {run.told[-SHOWN:]!r}, {run.complained[-SHOWN:]!r}"
    elif missing := [word for word in secrets.told if word not in run.told]:
        yield f"its answer lacks {missing}: {run.told[-SHOWN:]!r}"


def misled(cell: Cell, upstreams: dict[str, Simulator]) -> Iterator[str]:
    """What the upstreams have to complain about, and whether the right ones were asked."""
    for name, simulator in upstreams.items():
        yield from (f"{name}: {complaint}" for complaint in simulator.complaints())
    primary, backup = (len(asked(cell, simulator)) for simulator in upstreams.values())
    fails = cell.scenario != HEALTHY
    if not primary or fails != bool(backup):
        yield f"the primary was asked {primary} times, the backup {backup} times"
    if left := upstreams["primary"].state()["upstreams"]["default"]["faults"]:
        yield f"{left} faults were never met"


def asked(cell: Cell, simulator: Simulator) -> list[Recorded]:
    """What the app's own model was asked, which has another name than that of side requests."""
    told = [record for record in simulator.requests() if isinstance(record.body, dict)]
    return [record for record in told if record.body.get("model") != SIDE]


def main() -> int:
    name, scenario, kind, folder, confdir = sys.argv[1:]
    isolate()
    cell = Cell(APPS[name], SCENARIOS[scenario], kind, Path(folder), Path(confdir))
    sys.stdout.write(json.dumps(play(cell)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
