"""A simulator, and proxies in front of it, for tests of the whole."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator import Simulator, running
from tests.e2e.matrix import RESULTS, table
from tests.processes import Proxy, running_proxy

# Their assertions explain themselves too.
pytest.register_assert_rewrite("tests.e2e.sdks.trip", "tests.e2e.sdks.responses_program")


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def confdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mitmproxy's folder with its CA, which takes a second to make."""
    return tmp_path_factory.mktemp("confdir")


@pytest.fixture
def start_proxy(tmp_path: Path, confdir: Path) -> Iterator[Callable[..., Proxy]]:
    """Starts mitmdump with a configuration and further options; all are ended with the test."""
    with ExitStack() as stack:
        count = iter(range(100))

        def start(config: dict[str, Any] | str, *options: str, **more: Any) -> Proxy:
            folder = tmp_path / f"proxy{next(count)}"
            folder.mkdir()
            return stack.enter_context(running_proxy(folder, confdir, config, *options, **more))

        yield start


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """The fault matrix, also when all is well."""
    if results := config.stash.get(RESULTS, None):
        terminalreporter.section("fault matrix")
        for line in table(results):
            terminalreporter.write_line(line)
