"""A program on its way to an upstream of another protocol, and the table of all such trips."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import pytest

from bridge.simulator import Simulator
from tests.e2e.sdks.chat_program import ChatProgram
from tests.e2e.sdks.messages_program import MessagesProgram
from tests.e2e.sdks.responses_program import ResponsesProgram
from tests.e2e.sdks.said import Request, Said, Wish, bare
from tests.e2e.sdks.ways import WAYS, asking

PROGRAMS = {"messages": MessagesProgram, "chat": ChatProgram, "responses": ResponsesProgram}
DIRECTIONS = tuple(permutations(PROGRAMS, 2))  # program, upstream


@dataclass(frozen=True, slots=True)
class Trip:
    app: str
    program: Any
    upstream: str
    sim: Simulator

    def request(self, text: str, **wish: Any) -> Request:
        request: Request = self.program.request(asking(self.upstream), Wish(text, **wish))
        return request

    def both(self, request: Request) -> Any:
        """The whole answer, which a stream of it adds up to."""
        whole, streamed = self.program.whole(request), self.program.streamed(request)
        assert bare(streamed.to_dict()) == bare(whole.to_dict())
        return whole

    def said(self, request: Request) -> Said:
        said: Said = self.program.read(self.both(request))
        return said


def _param(direction: tuple[str, str], way: str, *marks: Any) -> Any:
    app, upstream = direction
    return pytest.param((app, upstream, way), id=f"{app} to {upstream}, {way}", marks=marks)


def trips(directions: Iterable[tuple[str, str]], way: str) -> pytest.MarkDecorator:
    """What the fixture `trip` is made of."""
    table = [_param(direction, way) for direction in directions]
    return pytest.mark.parametrize("trip", table, indirect=True)


everywhere = pytest.mark.parametrize(
    "trip", [_param(direction, way) for direction in DIRECTIONS for way in WAYS], indirect=True
)
# Each way in two directions; the rest of the matrix hardly says more.
in_turn = pytest.mark.parametrize(
    "trip",
    [
        _param(direction, way, *([] if (n + m) % len(WAYS) == 0 else [pytest.mark.long]))
        for n, direction in enumerate(DIRECTIONS)
        for m, way in enumerate(WAYS)
    ],
    indirect=True,
)
