"""Which block of one body is which of the other."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.views.pairs import MAX_GAP, Match, blocks_matched, tools_matched
from bridge.views.places import Block, body_of
from tests.views.odd import OBJECTS

LONG = "It was a dark and stormy night; the rain fell in torrents."


def turn(role: str, *parts: Any) -> dict[str, Any]:
    return {"role": role, "content": list(parts)}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def call(name: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": name, "name": "f", "input": {}}


def blocks(*turns: Any) -> list[Block]:
    return body_of({"messages": list(turns)}).blocks


def matched(left: list[Block], right: list[Block]) -> list[tuple[str, str]]:
    """The places of both, by the numbers in them."""
    return [(places(match.left), places(match.right)) for match in blocks_matched(left, right)]


def places(found: list[Block]) -> str:
    return " ".join(".".join(re.findall(r"\d+", block.path)) for block in found)


@pytest.mark.parametrize(
    "left, right, found",
    [
        pytest.param(
            [turn("user", text("a"), text("b"))],
            [turn("user", text("a")), turn("user", text("b"))],
            ["0.0/0.0", "0.1/1.0"],
            id="the same text in another message",
        ),
        pytest.param(
            [turn("user", text("a"), text("a"))],
            [turn("user", text("a"), text("a"))],
            ["0.0/0.0", "0.1/0.1"],
            id="the same twice, in its order",
        ),
        pytest.param(
            [turn("user", text("x"), text("a"))],
            [turn("user", text("a"), text("x"))],
            ["0.0/0.1", "0.1/0.0"],
            id="moved",
        ),
        pytest.param(
            [turn("assistant", call("t"))],
            [turn("assistant", {**call("t"), "input": {"a": 1}})],
            ["0.0/0.0"],
            id="a call by its id",
        ),
        pytest.param(
            [turn("assistant", call("t"))],
            [turn("assistant", call("u"))],
            ["0.0/0.0"],
            id="a call whose id was changed",
        ),
        pytest.param(
            [turn("developer", text("a"))],
            [turn("user", text("a"))],
            ["0.0/0.0"],
            id="told by somebody else",
        ),
        pytest.param(
            [turn("user", text("a"), text("b"), text("c"))],
            [turn("user", text("b\n\nc"))],
            ["0.0/", "0.1 0.2/0.0"],
            id="joined, but for one that is gone",
        ),
        pytest.param(
            [turn("user", text("a b"))],
            [turn("user", text("a"), text("b"))],
            ["0.0/0.0 0.1"],
            id="split",
        ),
        pytest.param(
            [turn("user", text("z")), turn("system", text(LONG))],
            [turn("user", text(f"<system>{LONG}</system>"), text("y"))],
            ["0.0/0.1", "1.0/0.0"],
            id="one that holds the other",
        ),
        pytest.param(
            [turn("user", {"type": "search_result", "source": "s"})],
            [turn("user", text("what was found"))],
            ["0.0/0.0"],
            id="what became a text",
        ),
        pytest.param(
            [turn("assistant", call("t"))],
            [turn("assistant", text("I called t"))],
            ["/0.0", "0.0/"],
            id="a call never does",
        ),
        pytest.param(
            [turn("user", text("a"))],
            [turn("assistant", text("b"))],
            ["/0.0", "0.0/"],
            id="nothing to do with each other",
        ),
        pytest.param(
            [turn("user", text("a")), turn("assistant", text("b"))],
            [turn("user", text("a")), turn("user", text("(start)")), turn("assistant", text("b"))],
            ["0.0/0.0", "/1.0", "1.0/2.0"],
            id="what the other side has behind it",
        ),
        pytest.param(
            [turn("user", {"type": "odd"})],
            [turn("user", {"type": "odd"})],
            ["0.0/0.0"],
            id="nothing in it",
        ),
    ],
)
def test_blocks_find_each_other(left: Any, right: Any, found: list[str]) -> None:
    assert [f"{one}/{two}" for one, two in matched(blocks(*left), blocks(*right))] == found


def test_the_order_is_that_of_the_left_body() -> None:
    left = blocks(turn("user", text("a"), text("b")), turn("user", text("c")))
    right = blocks(turn("user", text("c"), {"type": "odd"}, text("a")))
    assert matched(left, right) == [("0.0", "0.2"), ("0.1", ""), ("1.0", "0.0"), ("", "0.1")]


def test_large_gaps_are_matched_by_kind_only() -> None:
    texts = [text(f"{n} {LONG}") for n in range(MAX_GAP)]
    left = blocks(turn("user", *texts))
    right = blocks(turn("user", *[text(f"<{part['text']}>") for part in reversed(texts)]))
    found = blocks_matched(left, right)
    assert [match.right[0].path for match in found] == [block.path for block in right]


def tools(*given: Any) -> list[Block]:
    return body_of({"tools": list(given)}).tools


@pytest.mark.parametrize(
    "left, right, found",
    [
        pytest.param(
            {"name": "f"}, {"function": {"name": "f"}, "type": "function"}, True, id="name"
        ),
        pytest.param({"name": "f"}, {"name": "g"}, False, id="another name"),
        pytest.param(
            {"name": "f", "description": "d"},
            {"name": "g", "description": "d"},
            True,
            id="what it is for, where the name was changed",
        ),
        pytest.param({"name": "web_search"}, {"type": "web_search"}, True, id="the vendor's own"),
        pytest.param("odd", "odd", True, id="what is no tool"),
        pytest.param("odd", "even", False, id="what is neither"),
    ],
)
def test_tools_find_each_other(left: Any, right: Any, found: bool) -> None:
    one, two = tools(left), tools(right)
    pair = [Match(one, two)]
    assert tools_matched(one, two) == (pair if found else [Match(right=two), Match(left=one)])


def test_a_tool_of_a_namespace_goes_by_its_full_name_first() -> None:
    space = {"type": "namespace", "name": "n", "tools": [{"name": "f"}, {"name": "g"}]}
    left, right = tools(space, {"name": "f"}), tools({"name": "f"}, {"name": "n__f"}, {"name": "g"})
    pairs = {
        m.left[0].path: m.right[0].path for m in tools_matched(left, right) if m.left and m.right
    }
    assert pairs == {
        "tools[0].tools[0]": "tools[1]",
        "tools[0].tools[1]": "tools[2]",
        "tools[1]": "tools[0]",
    }


@given(st.lists(OBJECTS), st.lists(OBJECTS))
def test_every_block_is_in_one_match(left: Any, right: Any) -> None:
    for read, match in ((blocks, blocks_matched), (tools, tools_matched)):
        one, two = read(*left), read(*right)
        found = match(one, two)
        for blocks_of_side, side in ((one, "left"), (two, "right")):
            there = [id(block) for each in found for block in getattr(each, side)]
            assert sorted(there) == sorted(map(id, blocks_of_side))
