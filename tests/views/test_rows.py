"""Rows that people read."""

import pytest

from bridge.views.compare import Kind, Line
from bridge.views.places import Place
from bridge.views.rows import ALIKE, AROUND, FOLDED, MAX_ROWS, Row, rows_of

NOTE = {"code": "hint_dropped"}


def same(n: int, other: str = "") -> Line:
    path = f"m[{n}]"
    return Line("same", Place(path, n), Place(other or path, n), "field")


def lost(n: int, value: object = True, name: str = "strict") -> Line:
    return Line("left", Place(f"tools[{n}].{name}", value), None, name)


def told(lines: list[Line]) -> list[str]:
    return [
        f"{row.count} the same" if row.kind == "skip" else row.path for row in rows_of(lines, 99)
    ]


def numbers(*given: int) -> list[str]:
    return [f"m[{n}]" for n in given]


@pytest.mark.parametrize(
    "line, row",
    [
        pytest.param(
            Line("same", Place("a", "x"), Place("b", "x")),
            Row("same", "a", '"x"', '"x"', other="b"),
            id="the same elsewhere",
        ),
        pytest.param(
            Line("changed", Place("a", 1), Place("a", "1")),
            Row("changed", "a", "1", '"1"'),
            id="changed",
        ),
        pytest.param(
            Line("changed", Place("a", "x" * 300 + "1"), Place("a", "x" * 300 + "2")),
            Row(
                "changed",
                "a",
                "… 276 the same … " + f'"{"x" * 24}1"',
                "… 276 the same … " + f'"{"x" * 24}2"',
            ),
            id="changed far behind",
        ),
        pytest.param(
            Line("left", Place("a", 1), None, notes=[NOTE]),
            Row("left", "a", "1", "", (NOTE,)),
            id="only the app's",
        ),
        pytest.param(
            Line("right", None, Place("b", 1)), Row("right", "b", "", "1"), id="only the upstream's"
        ),
    ],
)
def test_a_line_is_a_row(line: Line, row: Row) -> None:
    assert rows_of([line], 99) == [row]
    assert row.as_dict()["path"] == row.path


def test_what_is_the_same_is_folded_but_for_what_stands_next_to_something_else() -> None:
    run = [same(n) for n in range(9)]
    hidden = 9 - 2 * AROUND
    assert told([lost(0), *run, lost(1)]) == [
        "tools[0].strict",
        "m[0]",
        f"{hidden} the same",
        "m[8]",
        "tools[1].strict",
    ]
    assert told(run) == ["9 the same"]
    assert told([*run, lost(0)]) == ["8 the same", "m[8]", "tools[0].strict"]


def test_few_rows_are_not_folded() -> None:
    run = [same(n) for n in range(FOLDED - 1)]
    assert told(run) == numbers(*range(FOLDED - 1))


def test_a_note_and_another_name_of_a_parameter_are_never_folded() -> None:
    noted = same(20)
    noted.notes.append(NOTE)
    named = Line("same", Place("max_tokens", 1), Place("max_output_tokens", 1))
    run = [same(n) for n in range(5)]
    assert told([*run, noted, *run, named]) == [
        "4 the same",
        "m[4]",
        "m[20]",
        "m[0]",
        "3 the same",
        "m[4]",
        "max_tokens",
    ]


def changed(n: int, value: object = "a") -> Line:
    return Line("changed", Place(f"t[{n}]", value), Place(f"t[{n}]", "b"), "role")


@pytest.mark.parametrize(
    "lines, more",
    [
        pytest.param([lost(n) for n in range(ALIKE + 1)], [ALIKE], id="the same loss"),
        pytest.param([lost(n) for n in range(ALIKE)], [0] * ALIKE, id="few"),
        pytest.param([lost(n, n) for n in range(9)], [0] * 9, id="of other values"),
        pytest.param(
            [lost(n, f"{n} " * 40) for n in range(9)], [8], id="of long ones, such as ids"
        ),
        pytest.param([lost(n, name="") for n in range(9)], [0] * 9, id="whole blocks"),
        pytest.param([changed(n) for n in range(9)], [8], id="the same change"),
        pytest.param([changed(n, f"{n} " * 40) for n in range(9)], [0] * 9, id="of long values"),
        pytest.param(
            [Line("left", Place(f"field{n}", True), None, "x") for n in range(9)],
            [0] * 9,
            id="parameters",
        ),
        pytest.param(
            [Line("right", None, Place(f"t[{n}]", True), "x") for n in range(9)],
            [8],
            id="of the upstream's side",
        ),
    ],
)
def test_what_happened_to_many_alike_is_told_once(lines: list[Line], more: list[int]) -> None:
    assert [row.count for row in rows_of(lines, 99)] == more


def test_a_note_sets_one_apart_from_those_like_it() -> None:
    lines = [lost(n) for n in range(9)]
    lines[5].notes.append(NOTE)
    assert [(row.path, row.count) for row in rows_of(lines, 99)] == [
        ("tools[0].strict", 7),
        ("tools[5].strict", 0),
    ]


def test_there_are_only_as_many_rows_as_one_may_look_at() -> None:
    kinds: list[Kind] = ["left"] * (MAX_ROWS + 5)
    lines = [Line(kind, Place(f"f{n}", n), None, f"f{n}") for n, kind in enumerate(kinds)]
    lines[-1].notes.append(NOTE)
    *rows, noted, more = rows_of(lines, 99)
    assert (len(rows), noted.path) == (MAX_ROWS, f"f{MAX_ROWS + 4}")
    assert more == Row("skip", "", *["4 more rows that are not the same"] * 2)
