"""Two bodies as lines."""

from typing import Any

import pytest
from hypothesis import given

from bridge.transform import PROTOCOLS, Protocol
from bridge.transform.json_text import Json, loads
from bridge.views.compare import MAX_ENTRIES, Line, compared
from bridge.views.kept import read
from tests.views.exchanges import exchanges
from tests.views.odd import OBJECTS, OUTLINES, VALUES

LONG = "as long as needed to be no accident"


def lines(left: Any, right: Any) -> list[tuple[str, str, Any, str, Any]]:
    """Kind, and the place and value on both sides."""
    return [(line.kind, *told(line.left), *told(line.right)) for line in compared(left, right)]


def told(place: Any) -> tuple[str, Any]:
    return (place.path, place.value) if place else ("", None)


def user(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


@pytest.mark.parametrize(
    "left, right, found",
    [
        pytest.param(
            {"max_tokens": 1},
            {"max_output_tokens": 1},
            [("same", "max_tokens", 1, "max_output_tokens", 1)],
            id="under another name",
        ),
        pytest.param(
            {"model": "a"}, {"model": "b"}, [("changed", "model", "a", "model", "b")], id="changed"
        ),
        pytest.param(
            {"a": 1, "b": 2, "c": 3},
            {"x": 0, "a": 1, "y": 0, "c": 3},
            [
                ("right", "", None, "x", 0),
                ("same", "a", 1, "a", 1),
                ("right", "", None, "y", 0),
                ("left", "b", 2, "", None),
                ("same", "c", 3, "c", 3),
            ],
            id="what one has stands behind what it follows",
        ),
        pytest.param(
            {"a": None, "b": [], "c": {}, "d": "", "e": False},
            {},
            [("left", "e", False, "", None)],
            id="nothing is no loss",
        ),
        pytest.param({"a": 1}, {"a": True}, [("changed", "a", 1, "a", True)], id="one is not true"),
        pytest.param(
            {"thinking": {"type": "enabled", "budget_tokens": 9}},
            {},
            [("left", "thinking", {"type": "enabled", "budget_tokens": 9}, "", None)],
            id="an object of one side is one line",
        ),
        pytest.param(
            {"output_config": {"effort": "low", "x": 1}},
            {"reasoning_effort": "low"},
            [
                ("same", "output_config.effort", "low", "reasoning_effort", "low"),
                ("left", "output_config.x", 1, "", None),
            ],
            id="an object of which something is there is not",
        ),
        pytest.param(
            {"a": {"b": {"c": {"d": 1, "e": 2}}}},
            {"a": {"b": {"c": {"d": 1, "e": 3}}}},
            [("same", "a.b.c.d", 1, "a.b.c.d", 1), ("changed", "a.b.c.e", 2, "a.b.c.e", 3)],
            id="inside an object",
        ),
        pytest.param(
            {"a": [1, 2, 3]},
            {"a": [1, 9, 8, 3]},
            [
                ("same", "a[0]", 1, "a[0]", 1),
                ("changed", "a[1]", 2, "a[1]", 9),
                ("right", "", None, "a[2]", 8),
                ("same", "a[2]", 3, "a[3]", 3),
            ],
            id="inside a list",
        ),
        pytest.param(
            {"stop_sequences": ["x"]},
            {"stop": "x"},
            [("changed", "stop_sequences", ["x"], "stop", "x")],
            id="a list and a text",
        ),
        pytest.param(
            {"a": LONG},
            {"b": LONG},
            [("same", "a", LONG, "b", LONG)],
            id="the same value under a name nobody knows",
        ),
        pytest.param(
            {"a": LONG},
            {"b": LONG, "c": LONG},
            [("right", "", None, "b", LONG), ("right", "", None, "c", LONG)]
            + [("left", "a", LONG, "", None)],
            id="which of two it is nobody knows",
        ),
        pytest.param(
            {"a": [{"is": "the same list"}]},
            {"b": [{"is": "the same list"}]},
            [("same", "a", [{"is": "the same list"}], "b", [{"is": "the same list"}])],
            id="the same list under another name",
        ),
        pytest.param(
            {"a": "short"},
            {"b": "short"},
            [("right", "", None, "b", "short"), ("left", "a", "short", "", None)],
            id="what may be the same by chance",
        ),
        pytest.param("a", "a", [("same", "", "a", "", "a")], id="texts that are the same"),
        pytest.param("a", "b", [("changed", "", "a", "", "b")], id="texts that are not"),
        pytest.param(None, {"a": 1}, [("right", "", None, "a", 1)], id="nothing and something"),
        pytest.param(
            "a",
            {"a": 1},
            [("right", "", None, "a", 1), ("left", "", "a", "", None)],
            id="a text and an object",
        ),
    ],
)
def test_fields_are_compared_by_what_they_mean(left: Any, right: Any, found: Any) -> None:
    assert lines(left, right) == found


TEXT = {"type": "text", "text": "a"}
IMAGE = {"type": "image", "source": {"type": "url", "url": "https://a.test/picture.png"}}


@pytest.mark.parametrize(
    "left, right, found",
    [
        pytest.param(
            user(TEXT),
            {"input": [{"role": "user", "content": "a"}]},
            [("same", "messages[0].content[0].text", "a", "input[0].content", "a")],
            id="a text",
        ),
        pytest.param(
            {"system": "a"},
            {"messages": [{"role": "developer", "content": "a"}]},
            [
                ("changed", "system", "system text", "messages[0].content", "developer text"),
                ("same", "system", "a", "messages[0].content", "a"),
            ],
            id="said by another role",
        ),
        pytest.param(
            user({"type": "odd", "x": 1}),
            user(),
            [("left", "messages[0].content[0]", {"type": "odd", "x": 1}, "", None)],
            id="a block of one side is one line",
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": [TEXT], "name": "n"}]},
            {},
            [
                ("left", "messages[0].content[0]", TEXT, "", None),
                ("left", "messages[0].name", "n", "", None),
            ],
            id="and what its message has besides",
        ),
        pytest.param(
            {"messages": [{"role": "user", "name": "n"}]},
            {},
            [("left", "messages[0]", {"role": "user", "name": "n"}, "", None)],
            id="a message without content",
        ),
        pytest.param(
            {},
            {"messages": [{"role": "user", "content": "a", "name": "n"}]},
            [
                ("right", "", None, "messages[0].content", "a"),
                ("right", "", None, "messages[0].name", "n"),
            ],
            id="of the other side",
        ),
        pytest.param(
            {"system": [TEXT, {**TEXT, "text": "b", "cache_control": {"type": "ephemeral"}}]},
            {"messages": [{"role": "system", "content": "a\n\nb", "name": "n"}]},
            [
                ("same", "system[0].text", "a", "messages[0].content", "a"),
                ("same", "system[1].text", "b", "messages[0].content", "b"),
                ("right", "", None, "messages[0].name", "n"),
                ("left", "system[1].cache_control", {"type": "ephemeral"}, "", None),
            ],
            id="joined texts",
        ),
        pytest.param(
            {"choices": [{"message": {"content": "ab"}}]},
            {"content": [TEXT, {**TEXT, "text": "b"}]},
            [
                ("same", "choices[0].message.content", "a", "content[0].text", "a"),
                ("same", "choices[0].message.content", "b", "content[1].text", "b"),
            ],
            id="texts that were split",
        ),
        pytest.param(
            {"tools": [{"name": "f", "input_schema": {"a": 1}}]},
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"a": 2}}}]},
            [
                ("same", "tools[0].name", "f", "tools[0].function.name", "f"),
                ("changed", "tools[0].input_schema.a", 1, "tools[0].function.parameters.a", 2),
            ],
            id="a tool",
        ),
        pytest.param(
            {"input": [{"type": "custom_tool_call", "call_id": "t", "input": "ls"}]},
            user({"type": "tool_use", "id": "t", "input": {"input": "ls"}}),
            [
                ("same", "input[0].call_id", "t", "messages[0].content[0].id", "t"),
                ("same", "input[0].input", "ls", "messages[0].content[0].input.input", "ls"),
            ],
            id="a free text in an object",
        ),
        pytest.param(
            user({"type": "tool_use", "id": "t", "input": {"input": "ls"}}),
            {"input": [{"type": "custom_tool_call", "call_id": "t", "input": "ls"}]},
            [
                ("same", "messages[0].content[0].id", "t", "input[0].call_id", "t"),
                ("same", "messages[0].content[0].input.input", "ls", "input[0].input", "ls"),
            ],
            id="and the other way round",
        ),
        pytest.param(
            user({"type": "tool_result", "tool_use_id": "t", "content": [IMAGE]}),
            {
                "messages": [
                    {"role": "tool", "tool_call_id": "t", "content": "[image 1]"},
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "image_url",
                                "image_url": {"url": IMAGE["source"]["url"], "detail": "low"},  # type: ignore[index]
                            }
                        ],
                    },
                ]
            },
            [
                (
                    "same",
                    "messages[0].content[0].tool_use_id",
                    "t",
                    "messages[0].tool_call_id",
                    "t",
                ),
                ("right", "", None, "messages[0].content", "[image 1]"),
                (
                    "same",
                    "messages[0].content[0].content[0].source.url",
                    "https://a.test/picture.png",
                    "messages[1].content[0].image_url.url",
                    "https://a.test/picture.png",
                ),
                ("right", "", None, "messages[1].content[0].image_url.detail", "low"),
            ],
            id="an image that was moved out of a result",
        ),
    ],
)
def test_blocks_are_compared_with_what_became_of_them(left: Any, right: Any, found: Any) -> None:
    assert lines(left, right) == found


def test_a_list_of_other_entries_is_one_line() -> None:
    left, right = list(range(MAX_ENTRIES + 1)), list(range(1, MAX_ENTRIES + 2))
    assert lines({"a": [0, *left]}, {"a": [0, *right]}) == [
        ("changed", "a", [0, *left], "a", [0, *right])
    ]


def test_what_is_nested_deeply_is_one_value_at_last() -> None:
    left: Any = 1
    right: Any = 2
    for _ in range(300):
        left, right = {"a": [left, 0]}, {"a": [right, 0]}
    changed = [line for line in compared(left, right) if line.kind == "changed"]
    assert len(changed) == 1 and changed[0].left is not None
    assert 10 < changed[0].left.path.count("a") < 50


def test_what_is_nested_too_deeply_to_be_compared_is_not_the_same() -> None:
    left: Any = []
    right: Any = []
    for _ in range(50_000):
        left, right = [left], [right]
    found = compared({"a": left, "b": {"x": left}}, {"a": right, "b": {"x": right}})
    assert [line.kind for line in found] == ["changed", "changed"]
    while left:  # or taking it down would be too deep as well
        left, right = left[0], right[0]


def test_what_is_nested_too_deeply_to_be_written_is_no_value_to_look_for() -> None:
    left: Any = []
    for _ in range(50_000):
        left = [left]
    assert [line.kind for line in compared({"a": left}, {"b": 1})] == ["right", "left"]
    block = {"type": "odd", "x": left}
    assert [line.kind for line in compared(user(block), user(TEXT))] == ["changed", "right", "left"]
    while left:  # or taking it down would be too deep as well
        left = left[0]


@given(VALUES)
def test_what_is_the_same_has_no_other_line(value: Any) -> None:
    assert {line.kind for line in compared(value, value)} <= {"same"}


@given(VALUES, VALUES)
def test_everything_can_be_compared(left: Any, right: Any) -> None:
    for line in compared(left, right):
        assert (line.left is None) == (line.kind == "right")
        assert (line.right is None) == (line.kind == "left")


# --- nothing is left out


@given(OUTLINES | OBJECTS, OUTLINES | OBJECTS)
def test_every_value_is_in_a_line(left: Json, right: Json) -> None:
    assert_told(left, right, "")


FORM = ("type", "object", "role", "index")  # what only gives a body its form
ALL = pytest.param(1, id="all", marks=pytest.mark.long)
SOME = pytest.param(50, id="every fiftieth")


@pytest.mark.parametrize("step", [ALL, SOME])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_value_of_recorded_traffic_is_in_a_line(protocol: Protocol, step: int) -> None:
    for name, record in exchanges(protocol, step):
        bodies = record["bodies"]
        for kind in ("request", "response"):
            right = read(bodies.get(f"upstream_{kind}") or bodies.get(f"client_{kind}", "")).value
            left = read(bodies.get(f"client_{kind}") or bodies.get(f"upstream_{kind}", "")).value
            assert_told(left, right, f"{name}: {kind}")


def assert_told(left: Json, right: Json, name: str) -> None:
    found = compared(left, right)
    for body, side in ((left, "left"), (right, "right")):
        known = values_of(found, side)
        assert [value for value in leaves(body) if not told_of(value, known)] == [], name + side


def leaves(value: Json, key: str = "") -> list[Any]:
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in leaves(inner, name)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner, key)]
    return [] if value in (None, "") or key in FORM else [value]


def values_of(found: list[Line], side: str) -> set[Any]:
    """What lines tell: values, the parts of data URLs, and texts that are told in pieces."""
    known: set[Any] = set()
    pieces: dict[str, str] = {}
    for line in found:
        if place := getattr(line, side):
            known.update(leaves(place.value))
            if isinstance(place.value, str):
                pieces[place.path] = pieces.get(place.path, "") + squeezed(place.value)
    urls = [value for value in known if isinstance(value, str) and value.startswith("data:")]
    parts = [part for url in urls for part in url.removeprefix("data:").split(";base64,")]
    return known | set(pieces.values()) | set(parts)


def told_of(value: Any, known: set[Any]) -> bool:
    if value in known or (isinstance(value, str) and squeezed(value) in known):
        return True
    try:  # arguments of a call
        parsed = loads(value) if isinstance(value, str) else None
    except ValueError:
        return False
    return isinstance(parsed, dict) and all(told_of(leaf, known) for leaf in leaves(parsed))


def squeezed(text: str) -> str:
    return "".join(text.split())
