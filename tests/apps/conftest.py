"""mitmproxy's folder for all runs, and what came of them at the end."""

from pathlib import Path

import pytest

from tests.apps.results import results, table


@pytest.fixture(scope="session")
def confdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With its CA, which takes a second to make; the first run makes it."""
    return tmp_path_factory.mktemp("confdir")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table, also when all is well."""
    stats = terminalreporter.stats
    reports = [*stats.get("passed", ()), *stats.get("failed", ())]
    if told := results(reports):
        terminalreporter.section("real apps")
        for line in table(told):
            terminalreporter.write_line(line)
