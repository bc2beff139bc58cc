"""Whose error the app is told, and what it says of the other attempts."""

from typing import Any

import pytest

from bridge.attempt import Failed
from bridge.ending import after, best, marked
from bridge.steps import Reply
from bridge.trace import Attempt
from bridge.transform import Error

REPLY = Reply(500, [])


def failed(kind: Any, status: int = 500, reply: Reply | None = REPLY) -> Failed:
    return Failed(kind, None, Error(kind, "m", 500), status, [], b"", reply)


@pytest.mark.parametrize(
    "failures, told",
    [
        ([failed("server"), failed("rate_limit")], "rate_limit"),
        ([failed("authentication"), failed("billing")], "billing"),
        ([failed("conflict"), failed("authentication")], "authentication"),
        ([failed("server", 0, None), failed("authentication")], "authentication"),
        ([failed("server", 200, None), failed("authentication")], "server"),
    ],
)
def test_the_most_useful_is_told(failures: list[Failed], told: str) -> None:
    assert best(failures).label == told
    assert best(reversed(failures)).label == told


def test_of_two_alike_the_first_is_told() -> None:
    one, two = failed("server"), failed("server")
    assert best([one, two]) is one


def test_an_error_says_how_often_it_was_tried() -> None:
    error = Error("server", "no", 500)
    tries = [Attempt("a", 0.0, "error", 500), Attempt("b", 1.0, "unreachable")]
    assert after(error, tries[:1]) is error
    assert after(error, tries).message == "no (bridge: after 2 attempts: a 500, b unreachable)"


@pytest.mark.parametrize(
    "kind, headers, tries, recovery, told",
    [
        ("server", [], 1, 5.0, []),
        ("server", [], 2, 5.0, [("x-bridge-attempts", "2")]),
        ("rate_limit", [], 1, 4.2, [("retry-after", "5")]),
        ("rate_limit", [], 1, 0.0, []),
        ("rate_limit", [("Retry-After", "9")], 1, 5.0, [("Retry-After", "9")]),
        (
            "overloaded",
            [("Retry-After", "9"), ("retry-after-ms", "9000"), ("a", "b")],
            3,
            5.0,
            [("a", "b"), ("x-bridge-attempts", "3"), ("retry-after", "5")],
        ),
    ],
)
def test_when_it_is_worth_another_try(
    kind: Any, headers: Any, tries: int, recovery: float, told: Any
) -> None:
    assert marked(headers, Error(kind, "m", 500), tries, recovery) == told
