"""Apps from their registries, once for all: in the user's cache, or where LLM_BRIDGE_APPS says.

In: packages with their versions. Out: the folder of each, where its programs are. Hard part:
several runs may want the same one at once, and one may be interrupted; so each is built behind a
lock, and counts only if it was completed.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Any, Literal

SECONDS = 900
# Of npm, which by itself asks for minutes where nobody answers.
PATIENCE = (
    *("--fetch-retries=1", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=2000"),
    "--fetch-timeout=60000",
)
LOG_LINES = 15
# Where systems keep the authorities they trust, a company's own among them; npm looks elsewhere.
SYSTEM_CAS = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")


class CannotInstall(Exception):
    """Why, in words for the person who runs the tests."""


class NoRegistry(CannotInstall):
    """None answers here, or none that is trusted: no fault of the packages, nor of ours."""


# How npm and pip say so.
UNREACHABLE = re.compile(
    r"npm error code (E?SELF_SIGNED|UNABLE_TO_|CERT_|DEPTH_ZERO|ENOTFOUND|ECONN|ETIMEDOUT|EAI_AGAIN"
    r"|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET|E403|E5\d\d)"
    r"|CERTIFICATE_VERIFY_FAILED|Connection refused"
)


@dataclass(frozen=True)
class Package:
    """What is installed together. `python`: the series it needs, where not ours."""

    name: str
    source: Literal["npm", "pip"]
    what: tuple[str, ...]
    python: str = ""

    @property
    def folder(self) -> Path:
        versions = (what.rpartition("@")[2].rpartition("==")[2] for what in self.what)
        return cache() / "-".join([self.name, *versions])

    @property
    def mark(self) -> Path:
        return self.folder / "complete"

    @property
    def is_complete(self) -> bool:
        return self.mark.exists()

    @property
    def programs(self) -> Path:
        return self.folder / ("node_modules/.bin" if self.source == "npm" else "bin")


def cache() -> Path:
    if own := os.environ.get("LLM_BRIDGE_APPS"):
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "llm-bridge" / "apps"


def installed(package: Package) -> Path:
    """Its folder, filled."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{package.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not package.is_complete:
            shutil.rmtree(package.folder, ignore_errors=True)
            package.folder.mkdir()
            for command in STEPS[package.source](package):
                _run(command)
            package.mark.touch()
    return package.folder


def _npm(package: Package) -> Iterator[list[str]]:
    if (npm := shutil.which("npm")) is None:
        raise CannotInstall(f"{package.name} needs npm, which is not here")
    options = ("--no-fund", "--no-audit", "--no-package-lock", "--loglevel=error", *PATIENCE)
    yield [npm, "install", "--prefix", str(package.folder), *options, *package.what]


def _pip(package: Package) -> Iterator[list[str]]:
    yield [_python(package), "-m", "venv", str(package.folder)]
    python = str(package.folder / "bin" / "python")
    yield [python, "-m", "pip", "install", "--quiet", *package.what]


STEPS = {"npm": _npm, "pip": _pip}


def _python(package: Package) -> str:
    """One of the series, wherever those who install it put it."""
    if not package.python:
        return sys.executable
    series = package.python
    found = [shutil.which(f"python{series}"), *_asked("uv", "python", "find", series)]
    found += sorted(Path("~/.pyenv/versions").expanduser().glob(f"{series}.*/bin/python"))
    for each in filter(None, found):  # what pyenv puts in the path need not run
        if _asked(str(each), "-c", "print(1)") == ["1"]:
            return str(each)
    raise CannotInstall(f"{package.name} needs Python {series}, which is not here")


def _asked(*command: str) -> list[str]:
    """What it prints; nothing where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.split() if done.returncode == 0 else []


def _run(command: list[str]) -> None:
    trusted = [path for path in SYSTEM_CAS if Path(path).exists()]
    known = {"NODE_EXTRA_CA_CERTS": trusted[0]} if trusted else {}
    options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": PIPE, "stderr": STDOUT}
    options |= {"env": {**known, **os.environ}, "text": True, "timeout": SECONDS}
    done = subprocess.run(command, **options)
    if done.returncode != 0:
        said = "\n".join(done.stdout.splitlines()[-LOG_LINES:])
        kind = NoRegistry if UNREACHABLE.search(done.stdout) else CannotInstall
        raise kind(f"{' '.join(command)} failed:\n{said}")
