"""The collector of cycles: it still finds them, among fewer objects."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from bridge.mitm import collector


@pytest.fixture
def settled() -> Iterator[None]:
    before = gc.get_threshold()
    collector.settle()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Knot:
    def __init__(self) -> None:
        self.itself = self


@pytest.mark.usefixtures("settled")
def test_what_was_there_is_left_out() -> None:
    assert gc.get_freeze_count() > len(gc.get_objects())
    assert gc.get_threshold()[0] == collector.YOUNG_OBJECTS


@pytest.mark.usefixtures("settled")
def test_cycles_that_come_later_are_still_found_without_being_asked_for() -> None:
    found: list[object] = []
    weakref.finalize(Knot(), found.append, "it")
    young = [[] for _ in range(2 * collector.YOUNG_OBJECTS)]
    assert found == ["it"] and young
