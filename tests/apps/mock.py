"""One run of one app against a server of another hand: aimock, as primary and as backup.

    python -m tests.apps.mock APP SCENARIO PROTOCOL FOLDER CONFDIR

It takes any history, so it judges the transport only; that the app's tools ran shows in its
fixtures, of which the later fit none but a request with the right result in it. It fails by itself
as well, at each request.
"""

import json
import sys
from contextlib import ExitStack
from typing import Any

from scripts._processes import free_port
from tests.apps.cell import (
    Cell,
    Secrets,
    backup_of,
    from_arguments,
    misbehaved,
    prepare,
    run_app,
    words_of,
    write_config,
)
from tests.apps.scenarios import SCENARIOS
from tests.apps.table import PACKAGES, App
from tests.processes import Process

FAILING = {
    "healthy": (),
    "429, then 529": ("--chaos-ratelimit", "1"),
    "dies": ("--chaos-disconnect", "1"),
    "error in a 200": ("--chaos-malformed", "1"),
}


def knows(app: App, scenario: str, kind: str) -> bool:
    """It has no word for tools that take free text, as Responses has and Codex uses."""
    spoken = {kind} if scenario == "healthy" else {kind, backup_of(kind, SCENARIOS[scenario])}
    return not (app.free_text and "responses" in spoken)


def play(cell: Cell) -> list[str]:
    secrets = Secrets.drawn()
    prepare(cell, secrets)
    fixtures = cell.folder / "fixtures.json"
    fixtures.write_text(json.dumps({"fixtures": script(cell, secrets)}), "utf-8")
    with ExitStack() as stack:
        urls = {}
        for name, options in (("primary", FAILING[cell.name]), ("backup", ())):
            port = str(free_port())
            command = [str(PACKAGES["node"].programs / "node")]
            command += [str(PACKAGES["aimock"].programs / "llmock"), "-f", str(fixtures)]
            server = stack.enter_context(Process([*command, "-p", port, *options]))
            server.wait_for(r"(?i)listening|running|started")
            urls[name] = f"http://127.0.0.1:{port}/v1"
        write_config(cell, urls, is_vendor=False)
        return list(misbehaved(cell, run_app(cell, words_of(cell, secrets)), secrets))


def script(cell: Cell, secrets: Secrets) -> list[Any]:
    """What it says; the first that fits."""
    product, word = secrets.told
    answer = {"content": f"{cell.app.answer} {product} {word}"}
    if not cell.app.shell:
        made = {"content": cell.app.prompt.partition("[[text:")[2].partition("]]")[0]}
        return [
            {"match": {"userMessage": word}, "response": answer},
            {"match": {}, "response": made},
        ]
    words = words_of(cell, secrets)
    shell, read = call(words["shell"]), call(words["read"])
    return [
        {"match": {"toolResultContains": word}, "response": answer},
        {"match": {"toolResultContains": product}, "response": {"toolCalls": [read]}},
        {"match": {"toolName": shell["name"]}, "response": {"toolCalls": [shell]}},
        {"match": {}, "response": {"content": "a title"}},
    ]


def call(text: str) -> Any:
    name, _, arguments = text.partition(" ")
    given = json.loads(arguments) if arguments.startswith("{") else {"input": arguments}
    return {"name": name, "arguments": given}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(play(from_arguments())))
