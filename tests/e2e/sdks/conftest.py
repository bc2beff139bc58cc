"""One simulator and two proxies for all programs of the SDKs."""

from collections.abc import Iterator
from pathlib import Path

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
    behind = config(world)
    folders = (tmp_path_factory.mktemp(name) for name in ("regular", "reverse"))
    with (
        running_proxy(next(folders), confdir, behind) as regular,
        running_proxy(next(folders), confdir, behind, *REVERSE) as reverse,
    ):
        reached = Way(regular, http2=False), Way(regular, http2=True), Way(reverse, http2=None)
        yield dict(zip(WAYS, reached, strict=True))


@pytest.fixture
def trip(request: pytest.FixtureRequest, ways: dict[str, Way], sim: Simulator) -> Iterator[Trip]:
    """What `by_one_way` and `by_every_way` name, ready to go."""
    app, upstream, way = request.param
    program = PROGRAMS[app](ways[way])
    with program.client:
        yield Trip(app, program, upstream, sim)
