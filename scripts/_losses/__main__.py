"""Prints the loss report, or puts it into README.md."""

import argparse
import sys
from pathlib import Path

from .report import placed, report

README = Path(__file__).resolve().parents[2] / "README.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="./scripts/losses", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put it into README.md")
    if not parser.parse_args().write:
        print(report())
        return 0
    try:
        README.write_text(placed(README.read_text("utf-8")), "utf-8")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
