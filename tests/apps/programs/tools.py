"""Tools for `llm --functions`: they really run."""

import subprocess
from pathlib import Path


def shell(command: str) -> str:
    """Run a command."""
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True).stdout


def read(path: str) -> str:
    """Read a file."""
    return Path(path).read_text("utf-8")
