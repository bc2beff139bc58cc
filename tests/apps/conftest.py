"""mitmproxy's folder for all runs, and what came of them at the end."""

from pathlib import Path

import pytest

from tests.apps.results import RESULTS, table


@pytest.fixture(scope="session")
def confdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With its CA, which takes a second to make; the first run makes it."""
    return tmp_path_factory.mktemp("confdir")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """The table, also when all is well."""
    if results := config.stash.get(RESULTS, None):
        terminalreporter.section("real apps")
        for line in table(results):
            terminalreporter.write_line(line)
