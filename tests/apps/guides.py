"""The README's guides, run as they stand.

    python -m tests.apps.guides TITLE FOLDER CONFDIR

Out: a line of JSON, the list of problems. Each is one script in a terminal of its own, in a network
of its own where a bridge listens on port 8080, as the README has it, with a simulator behind it.
The scripts it names are there, but for one thing: what starts a bridge is told of the simulator.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import yaml

from bridge.simulator import Simulator, running
from scripts._processes import tool
from tests.apps.cell import ELSEWHERE, SHOWN, Run, finished
from tests.apps.namespace import isolate
from tests.apps.table import FAKE, PACKAGES
from tests.processes import ROOT, Process

README = (ROOT / "README.md").read_text("utf-8")
SECTION = README.partition("### App by app\n")[2].partition("\n## ")[0]
TITLE = re.compile(r"^\*\*(.+?)\*\*", re.M)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)

# Title: packages that it needs. Local capture is not among them: few kernels allow it.
GUIDES: dict[str, tuple[str, ...]] = {
    "Claude Code": ("claude-code",),
    "Codex": ("codex",),
    "opencode": ("opencode",),
    "aider": ("aider",),
    "llm": ("llm",),
    "Python": (),
    "Node": ("node", "node-sdks"),
    "Reverse mode": ("claude-code",),
}
WAITS = """#!/usr/bin/env bash
mkfifo said
{start} "$@" {options} >said 2>&1 &
exec 3<said
while read -r line <&3; do
  case "$line" in *"listening at"*) break ;; esac
done
cat <&3 >start.log 2>&1 &
"""


@dataclass(frozen=True)
class Guide:
    title: str
    blocks: tuple[tuple[str, str], ...]  # language and text

    @property
    def lines(self) -> list[str]:
        return [line for kind, text in self.blocks if kind == "sh" for line in text.splitlines()]

    @property
    def calls(self) -> list[str]:
        """What asks a model."""
        ours = ("export ", "eval ", "./scripts/start")
        return [line for line in self.lines if not line.startswith(ours)]


def guides() -> Iterator[Guide]:
    starts = list(TITLE.finditer(SECTION))
    ends = [found.start() for found in starts[1:]] + [len(SECTION)]
    for found, end in zip(starts, ends, strict=True):
        yield Guide(found[1], tuple(BLOCK.findall(SECTION[found.end() : end])))


def play(guide: Guide, folder: Path, confdir: Path) -> list[str]:
    with ExitStack() as stack:
        simulator = stack.enter_context(running())
        simulator.configure(calls=False)
        config = folder / "config.yaml"
        config.write_text(yaml.safe_dump(settings(simulator)), "utf-8")
        options = ["--set", f"confdir={confdir}", "--set", f"bridge_config={config}"]
        options += ["--set", f"block_list={ELSEWHERE}"]
        furnish(guide, folder, options)
        if not any("scripts/start" in line for line in guide.lines):
            bridge = [*tool("mitmdump"), "-s", str(ROOT / "addon.py"), *options]
            stack.enter_context(Process(bridge)).wait_for("listening at .*8080")
        script = "\n".join(["set -e", *guide.lines])
        run = finished(["bash", "-c", script], folder, environment(guide, folder))
        return list(wrong(guide, run, simulator))


def settings(simulator: Simulator) -> object:
    chat = {"protocol": "openai_chat", "url": f"{simulator.url}/v1", "api_key": "k"}
    chat |= {"profile": "openai"}  # which leaves system text apart from what the user says
    return {"upstreams": {"chat": chat}, "routes": [{"upstreams": ["chat"]}]}


def furnish(guide: Guide, folder: Path, options: list[str]) -> None:
    """The scripts, and the programs that the guide names."""
    scripts = folder / "scripts"
    for path in (scripts, folder / "home", folder / "bin"):
        path.mkdir()
    passed = " ".join(f"'{option}'" for option in options)
    start = WAITS.format(start=ROOT / "scripts" / "start", options=passed)
    through = f'#!/bin/sh\nexec "{ROOT / "scripts" / "with-bridge"}" "$@"\n'
    python = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
    for file, text in (("scripts/start", start), ("scripts/with-bridge", through)):
        (folder / file).write_text(text, "utf-8")
        (folder / file).chmod(0o755)
    (folder / "bin" / "python").write_text(python, "utf-8")
    (folder / "bin" / "python").chmod(0o755)
    for file, language in (("app.py", "python"), ("app.mjs", "js")):
        text = next(text for kind, text in BLOCK.findall(README) if kind == language)
        (folder / file).write_text(text, "utf-8")
    if "node-sdks" in GUIDES[guide.title]:
        (folder / "node_modules").symlink_to(PACKAGES["node-sdks"].folder / "node_modules")


def environment(guide: Guide, folder: Path) -> dict[str, str]:
    places = [folder / "bin", *(PACKAGES[name].programs for name in GUIDES[guide.title])]
    path = ":".join([*map(str, places), os.environ["PATH"]])
    own = {"HOME": str(folder / "home"), "LANG": "C.UTF-8", "TERM": "dumb"}
    login = {"ANTHROPIC_API_KEY": FAKE}  # where the guide does not name it, the app has its own
    return {"PATH": path, **own, **login}


def wrong(guide: Guide, run: Run, simulator: Simulator) -> Iterator[str]:
    """Each line that asks a model gets the simulator's answer, which begins in words of its own."""
    if run.status != 0:
        yield f"it ended with {run.status}: {run.told[-SHOWN:]!r}, {run.complained[-SHOWN:]!r}"
    if run.told.count(" heard: ") != len(guide.calls):
        yield f"not one answer a line: {run.told[-SHOWN:]!r}, {run.complained[-SHOWN:]!r}"
    asked = b"".join(request.raw for request in simulator.requests())
    for words in ("Say hello.", "And again."):
        if any(words in line for line in guide.calls) and words.encode() not in asked:
            yield f"nobody was asked {words!r}"
    yield from simulator.complaints()


if __name__ == "__main__":
    title, folder, confdir = sys.argv[1:]
    isolate()
    [named] = [guide for guide in guides() if guide.title == title]
    sys.stdout.write(json.dumps(play(named, Path(folder), Path(confdir))))
