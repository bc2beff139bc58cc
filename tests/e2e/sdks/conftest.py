"""One simulator and two proxies for all programs of the SDKs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator import Simulator, running
from tests.e2e.sdks.trip import PROGRAMS, Trip
from tests.e2e.sdks.ways import REVERSE, WAYS, Way, config
from tests.processes import running_proxy


@pytest.fixture(scope="session")
def world() -> Iterator[Simulator]:
    with running() as simulator:
        simulator.configure("messages", bind_thinking=True)  # judges the history too
        yield simulator


@pytest.fixture
def sim(world: Simulator) -> Simulator:
    """The one behind both proxies, without what earlier tests left in it."""
    world.forget_requests()
    world.clear_faults()
    return world


@pytest.fixture(scope="session")
def ways(
    world: Simulator, tmp_path_factory: pytest.TempPathFactory, confdir: Path
) -> Iterator[dict[str, Way]]:
    """Behind the second proxy nothing is remembered: what an app does not say again is gone."""
    behind, forgetful = config(world), {**config(world), "ledger": False}
    folders = (tmp_path_factory.mktemp(name) for name in ("regular", "reverse"))
    with (
        running_proxy(next(folders), confdir, behind) as regular,
        running_proxy(next(folders), confdir, forgetful, *REVERSE) as reverse,
    ):
        reached = Way(regular, http2=False), Way(regular, http2=True), Way(reverse, http2=None)
        yield dict(zip(WAYS, reached, strict=True))


@pytest.fixture(scope="session")
def programs(ways: dict[str, Way]) -> Iterator[dict[tuple[str, str], Any]]:
    """One of each kind by each way; as in a program that runs for long, their connections stay."""
    table = {(app, way): kind(ways[way]) for app, kind in PROGRAMS.items() for way in WAYS}
    yield table
    for program in table.values():
        program.client.close()


@pytest.fixture
def trip(
    request: pytest.FixtureRequest, programs: dict[tuple[str, str], Any], sim: Simulator
) -> Trip:
    """What the marks of `trip` name, ready to go."""
    app, upstream, way = request.param
    return Trip(app, programs[app, way], upstream, sim)
