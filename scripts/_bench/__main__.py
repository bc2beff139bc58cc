"""The benchmark: the rows, the targets in turn, the tables.

Processor time is what is compared, and time on the clock only where a row says so. The targets take
turns in small batches: what else runs on the machine then disturbs all of them alike.
"""

import argparse
import os
import pstats
import signal
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from scripts._processes import Failed

from .results import Result, tables
from .rows import ROWS, Row, prove
from .targets import Target, running

PROFILED_ROUNDS = 10
SHOWN_FUNCTIONS = 30


def quick(rounds: int) -> int:
    return -(-rounds // 5)


def measure(row: Row, targets: Mapping[str, Target], rounds: int) -> Result:
    """The targets take turns, each round another one first."""
    samples: dict[str, list[float]] = {name: [] for name in row.targets}
    for number in range(rounds):
        first = number % len(row.targets)
        for name in row.targets[first:] + row.targets[:first]:
            samples[name].append(row.load.sample(targets[name]))
    return Result(row.name, row.unit, row.bar, samples, row.typical)


def bench(rows: Collection[Row], folder: Path, *, roughly: bool) -> list[Result]:
    results = []
    with running(folder, {"bridge"}.union(*(row.targets for row in rows))) as targets:
        prove(targets)
        for row in rows:
            say(f"measuring: {row.name}")
            rounds = quick(row.rounds) if roughly else row.rounds
            result = measure(row, targets, rounds)
            if not result.ok and row.rounds > 1:
                say("  beyond its bar; measured once more")
                result = result.joined(measure(row, targets, rounds))
            results.append(result)
    return results


def profile(row: Row, folder: Path) -> None:
    """Print the functions that the bridge spends its time in while it does the work of `row`."""
    with running(folder, ["bridge"], folder / "profile") as targets:
        prove(targets)
        say(f"profiling: {row.name}")
        row.load.sample(targets["bridge"])  # what only the first time takes
        os.kill(targets["bridge"].pid, signal.SIGPROF)
        for _ in range(PROFILED_ROUNDS):
            row.load.sample(targets["bridge"])
    stats = pstats.Stats(str(folder / "profile"))
    stats.sort_stats("tottime").print_stats(SHOWN_FUNCTIONS)
    stats.sort_stats("cumulative").print_stats(r"addon\.py|/bridge/", SHOWN_FUNCTIONS)


def say(line: str) -> None:
    """Progress goes beside the table, not into it."""
    print(line, file=sys.stderr, flush=True)


def chosen(word: str) -> list[Row]:
    rows = [row for row in ROWS if word.lower() in row.name.lower()]
    if not rows:
        raise Failed(f"no row has {word!r} in its name: {'; '.join(row.name for row in ROWS)}")
    return rows


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--check", action="store_true", help="exit status 1 when a bar is broken")
    parser.add_argument("--only", metavar="WORD", default="", help="rows with it in their name")
    parser.add_argument("--profile", metavar="WORD", help="where the first such row spends time")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with tempfile.TemporaryDirectory(prefix="llm-bridge-bench-") as folder:
            if options.profile is not None:
                profile(chosen(options.profile)[0], Path(folder))
                return 0
            results = bench(chosen(options.only), Path(folder), roughly=options.quick)
    except KeyboardInterrupt:
        return 130
    except (Failed, OSError, ValueError) as error:
        say(f"The benchmark failed: {error}")
        return 1
    print(f"{os.cpu_count()} cores, loopback; processor time of the proxy, or the clock's\n")
    print(tables(results))
    return int(options.check and not all(result.ok for result in results))


if __name__ == "__main__":
    sys.exit(main())
