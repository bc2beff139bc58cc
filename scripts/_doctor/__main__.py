"""`./scripts/doctor`: what is wrong around the bridge, and what to do about it.

In: the bridge that runs, if one does, and the terminal's environment. Out: findings, the worst
last, where a person looks; 1 where something is broken. What happens inside the bridge it says
itself: the same as at `/bridge/doctor`.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # it is run from anywhere, and by its path

from bridge.config import ConfigError, load  # noqa: E402
from bridge.doctor import (  # noqa: E402
    NOTHING,
    SEVERITIES,
    Finding,
    found,
    mistakes,
    warnings,
)
from bridge.settings import WELL_KNOWN_HOSTS  # noqa: E402
from scripts._doctor import inside, ports, terminal  # noqa: E402
from scripts._with_bridge import bridges  # noqa: E402

BROKEN = 1


def options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./scripts/doctor",
        description="Says what is wrong around the bridge, and what to do about it. It looks at "
        f"the bridge that runs (--proxy, HTTPS_PROXY, {bridges.DEFAULT}) and at this terminal.",
        allow_abbrev=False,
    )
    parser.add_argument("--proxy", metavar="URL", help="this bridge, and no other")
    parser.add_argument(
        "--config", metavar="PATH", type=Path, default=ROOT / "config.yaml",
        help="what a bridge is to be started with; one that runs is asked for its own",
    )  # fmt: skip
    parser.add_argument(
        "--port", metavar="NUMBER", type=port, action="append", default=[],
        help="a port that a bridge is to have; 8080 and 8081 by default",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="for tools")
    return parser.parse_args(words)


def port(word: str) -> int:
    if not word.isdecimal() or not 0 < int(word) < 65_536:
        raise argparse.ArgumentTypeError(f"{word} is no port; they are numbers from 1 to 65535")
    return int(word)


# --- what is looked at


def all_of_it(asked: argparse.Namespace, had: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    try:
        bridge = bridges.running(had) if asked.proxy is None else bridges.at(asked.proxy)
    except bridges.NoBridge as error:
        url = asked.proxy or bridges.DEFAULT
        if (told := inside.ask(url)) is not None:
            yield found("bridge_reverse", url=url).as_dict()
            yield from told
        else:
            yield from map(Finding.as_dict, without(asked, had, str(error)))
        return
    yield found("bridge_up", url=bridge.url).as_dict()
    yield from map(Finding.as_dict, terminal.findings(bridge, had, bridge.hosts))
    told = inside.ask(bridge.url)
    yield from [found("bridge_mute", url=bridge.url).as_dict()] if told is None else told


def without(asked: argparse.Namespace, had: Mapping[str, str], reason: str) -> Iterator[Finding]:
    if asked.proxy is not None:
        yield found("bridge_missing", reason=reason)
    else:
        yield found("bridge_down", url=bridges.DEFAULT)
        yield from ports.findings(asked.port or ports.USUAL)
    yield from configuration(asked.config, had)
    yield from terminal.dead(had)
    yield from terminal.exceptions(had, hosts(asked.config, had))


def hosts(path: Path, had: Mapping[str, str]) -> tuple[str, ...]:
    """Those the bridge will be for."""
    try:
        return load(path.expanduser(), had).intercept.hosts
    except ConfigError:
        return WELL_KNOWN_HOSTS


def configuration(path: Path, had: Mapping[str, str]) -> Iterator[Finding]:
    try:
        config = load(path.expanduser(), had)
    except ConfigError as error:
        yield from mistakes(error.mistakes)
        return
    counted = {"upstreams": len(config.upstreams), "routes": len(config.routes)}
    yield found("config_ok", file=path.name, **counted)
    yield from warnings(config.warnings)


# --- what is said


def tell(findings: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for severity in reversed(SEVERITIES):
        for finding in findings:
            if finding["severity"] == severity:
                yield from _told(finding)


def _told(finding: Mapping[str, Any]) -> Iterator[str]:
    mark = "" if finding["advice"] == NOTHING else f"\n{'':10}-> {finding['advice']}"
    yield f"{finding['severity']:8}  {finding['seen']}  [{finding['code']}]{mark}"


def counted(findings: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    found_ones = [finding["severity"] for finding in findings]
    return {severity: found_ones.count(severity) for severity in SEVERITIES}


def main(words: list[str]) -> int:
    asked = options(words)
    findings = list(all_of_it(asked, os.environ))
    numbers = counted(findings)
    if asked.json:
        print(json.dumps({"findings": findings, "counts": numbers}, indent=2))
    else:
        print(*tell(findings), sep="\n")
        print(f"\n{numbers['problem']} broken, {numbers['warning']} to look at.")
    return BROKEN if numbers["problem"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
