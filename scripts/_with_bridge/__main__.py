"""`./scripts/with-bridge`: an app's environment is all that stands between it and the bridge.

In: a command. Out: its exit status, 128 and the number where a signal ended it. Hard part: to be
as good as absent. The command has our terminal and our process group; what a terminal sends to the
whole group must not come twice, what was sent to us alone must get there.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # it is run from anywhere, and by its path

from scripts._processes import Failed  # noqa: E402
from scripts._with_bridge import bridges, trust, variables  # noqa: E402

# As `env`, `timeout` and the shells have them.
OUR_FAILURE, NOT_EXECUTABLE, NOT_FOUND, BY_SIGNAL = 125, 126, 127, 128

PASSED_ON = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)

TAKE_VALUES = ("--proxy", "--set")


# --- the command line


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Our options, and the rest: from `--` on, or from the first word that belongs to none."""
    ours, rest = [], list(arguments)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        ours.append(word)
        if word in TAKE_VALUES and rest:
            ours.append(rest.pop(0))
    return ours, rest


def options(ours: list[str], rest: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./scripts/with-bridge",
        usage="%(prog)s [--proxy URL | --set OPTION=VALUE ...] [--] COMMAND ...\n"
        "       %(prog)s [--proxy URL] --print [bash|zsh|fish|powershell]\n"
        "       %(prog)s [--proxy URL] --json",
        description="Runs a command whose LLM calls go through the bridge: one that runs (--proxy, "
        f"HTTPS_PROXY, {bridges.DEFAULT}), else one that is started and ends with the command.",
        allow_abbrev=False,
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--proxy", metavar="URL", help="this bridge, and no other")
    which.add_argument(
        "--set", metavar="OPTION=VALUE", action="append", default=[],
        help="start one, with an option of mitmproxy: bridge_config=PATH, confdir=PATH, ...",
    )  # fmt: skip
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--print", action="store_true", help="run nothing; lines for a shell")
    shown.add_argument("--json", action="store_true", help="run nothing; the variables as JSON")
    asked = parser.parse_args(ours)
    if asked.print or asked.json:
        if asked.set:
            parser.error("--set starts a bridge for a command; ./scripts/start starts one to stay")
        if len(rest) > asked.print or not variables.SHELLS.keys() >= set(rest):
            parser.error(f"not one of {', '.join(variables.SHELLS)}: {' '.join(rest)}")
    elif not rest:
        parser.error("which command?")
    return asked


# --- its environment


def additions(bridge: bridges.Bridge, had: Mapping[str, str]) -> dict[str, str]:
    try:
        bundle, ca = trust.files(bridge.folder, bridge.ca, had)
    except OSError as error:
        raise Failed(f"The certificates to trust cannot be written: {error}") from None
    found = variables.values(bridge.url, str(bundle), str(ca))
    if any(had.get(name) for name in variables.NO_PROXY):
        found |= variables.direct(had, bridge.hosts)
    return found


def bridge_for(asked: argparse.Namespace, until_the_end: ExitStack) -> bridges.Bridge:
    if asked.proxy is not None:
        return bridges.at(asked.proxy)
    if not asked.set:
        with suppress(bridges.NoBridge):
            return bridges.running(os.environ)
    tell_of_proxy(os.environ, asked.set)
    return until_the_end.enter_context(bridges.started(asked.set))


def tell_of_proxy(had: Mapping[str, str], settings: list[str]) -> None:
    """That there is another: a bridge that is started does not ask it."""
    if any(setting.startswith("mode=") for setting in settings):
        return
    for name in bridges.PROXY:
        if bridges.answers(had.get(name, "")):
            told = f"with-bridge: the bridge does not go through the proxy of {name}"
            print(f"{told}; with --set mode=upstream:http://HOST:PORT it does", file=sys.stderr)
            return


# --- the command


def run(command: list[str], added: Mapping[str, str]) -> int:
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []  # sent while there was no command to give them to

    def pass_on(number: int, _: object) -> None:
        if child is None:
            early.append(number)
        elif not (number in FROM_TERMINAL and in_foreground()):
            child.send_signal(number)

    for name in PASSED_ON:
        number = getattr(signal, name)
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup is for the command too
            signal.signal(number, pass_on)
    child = subprocess.Popen(command, env={**os.environ, **added})
    for number in early:
        child.send_signal(number)
    status = child.wait()
    return status if status >= 0 else BY_SIGNAL - status


def in_foreground() -> bool:
    """Then what Ctrl-C sends has reached the command already."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)


def missing(program: str) -> int | None:
    """The status of a shell that cannot run it."""
    if shutil.which(program):
        return None
    is_there = "/" in program and Path(program).exists()
    print(
        f"with-bridge: {program}: {'cannot be run' if is_there else 'no such command'}",
        file=sys.stderr,
    )
    return NOT_EXECUTABLE if is_there else NOT_FOUND


# --- what is shown instead


def shell(rest: list[str]) -> str:
    own = Path(os.environ.get("SHELL", "")).name
    return rest[0] if rest else own if own in variables.SHELLS else "bash"


def show(asked: argparse.Namespace, rest: list[str]) -> int:
    try:
        named = asked.proxy is not None
        bridge = bridges.at(asked.proxy) if named else bridges.running(os.environ)
    except bridges.NoBridge as error:
        raise Failed(f"{error} ./scripts/start starts one.") from None
    added = additions(bridge, os.environ)
    if asked.json:
        print(json.dumps({"proxy": bridge.url, "environment": added}, indent=2))
    else:
        print(variables.lines(shell(rest), added))
    return 0


def main(arguments: list[str]) -> int:
    ours, rest = split(arguments)
    asked = options(ours, rest)
    try:
        if asked.print or asked.json:
            return show(asked, rest)
        if (status := missing(rest[0])) is not None:
            return status
        with ExitStack() as until_the_end:
            bridge = bridge_for(asked, until_the_end)
            return run(rest, additions(bridge, os.environ))
    except Failed as error:
        print(f"with-bridge: {error}", file=sys.stderr)
        return OUR_FAILURE
    except KeyboardInterrupt:  # before the command ran
        return BY_SIGNAL + signal.SIGINT


if __name__ == "__main__":
    locale, *words = sys.argv[1:]
    if not locale:
        os.environ.pop("LC_CTYPE", None)  # Python's own doing
    sys.exit(main(words))
