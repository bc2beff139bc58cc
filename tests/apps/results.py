"""What came of the runs of apps, as a table."""

from collections.abc import Iterable, Iterator, Mapping

import pytest

from tests.apps.cell import PROTOCOLS
from tests.apps.scenarios import SCENARIOS

type Name = tuple[str, str, str]  # app, scenario, protocol of the primary

RUN = "run"  # the property of a test that says which one it was, and what is wrong
LABEL, WIDTH = 34, 6  # characters


def results(reports: Iterable[pytest.TestReport]) -> dict[Name, list[str]]:
    """Also of tests in other processes."""
    told = [value for report in reports for key, value in report.user_properties if key == RUN]
    return {tuple(name): problems for name, problems in told}


def table(results: Mapping[Name, list[str]]) -> Iterator[str]:
    yield _line("", SCENARIOS, WIDTH * len(PROTOCOLS))
    yield _line("the primary speaks", [kind[:4] for kind in PROTOCOLS] * len(SCENARIOS), WIDTH)
    for app in dict.fromkeys(app for app, _, _ in results):
        cases = [(app, scenario, kind) for scenario in SCENARIOS for kind in PROTOCOLS]
        yield _line(app, [_mark(results.get(case)) for case in cases], WIDTH)
    wrong = {name: problems for name, problems in results.items() if problems}
    yield f"{len(results) - len(wrong)} of {len(results)} runs are as they should be"
    for name, problems in wrong.items():
        yield from (f"FAIL {', '.join(name)}: {problem}" for problem in problems)


def _line(label: str, cells: Iterable[str], width: int) -> str:
    return (f"{label:<{LABEL}}" + "".join(f"{cell:<{width}}" for cell in cells)).rstrip()


def _mark(problems: list[str] | None) -> str:
    return "-" if problems is None else "FAIL" if problems else "ok"
