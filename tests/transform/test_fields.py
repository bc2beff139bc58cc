"""A client's JSON is read with every complaint at its place."""

import pytest

from bridge.transform.fields import object_of, objects_of, one_of, optional, required, text_of
from bridge.transform.notes import TransformError


@pytest.mark.parametrize(
    "value, kind",
    [
        pytest.param("a", str, id="a string"),
        pytest.param("", str, id="an empty string"),
        pytest.param(0, int, id="a zero"),
        pytest.param(1, float, id="an integer where a number is asked for"),
        pytest.param(0.5, float, id="a fraction"),
        pytest.param(False, bool, id="false"),
        pytest.param([], list, id="an empty list"),
        pytest.param({}, dict, id="an empty object"),
    ],
)
def test_a_value_of_the_right_kind_comes_back(value: object, kind: type) -> None:
    assert required(value, kind, "x") is value
    assert optional(value, kind, "x") is value


@pytest.mark.parametrize(
    "value, kind, problem",
    [
        pytest.param(None, str, "missing", id="nothing"),
        pytest.param(5, str, "must be a string, not an integer", id="a number for a string"),
        pytest.param(True, int, "must be an integer, not true or false", id="true for a number"),
        pytest.param(True, float, "must be a number, not true or false", id="true for a fraction"),
        pytest.param(1.5, int, "must be an integer, not a number", id="a fraction for an integer"),
        pytest.param(1, bool, "must be true or false, not an integer", id="1 for true"),
        pytest.param({}, list, "must be a list, not an object", id="an object for a list"),
        pytest.param([], dict, "must be an object, not a list", id="a list for an object"),
    ],
)
def test_another_kind_is_refused_with_place_and_reason(
    value: object, kind: type, problem: str
) -> None:
    with pytest.raises(TransformError) as refused:
        required(value, kind, "messages[0].role")
    assert (refused.value.where, refused.value.problem) == ("messages[0].role", problem)


def test_null_is_absent() -> None:
    assert optional(None, str, "x") is None


def test_a_word_is_one_of_those_allowed_or_refused_with_all_of_them() -> None:
    assert one_of("b", ("a", "b"), "x") == "b"
    with pytest.raises(TransformError, match='x: "c" is not one of a, b'):
        one_of("c", ("a", "b"), "x")


@pytest.mark.parametrize("value", [None, 5, "a", [1], True])
def test_in_place_of_anything_else_there_is_nothing(value: object) -> None:
    assert object_of(value) == {} and objects_of(value) == []
    assert text_of(value) == (value if value == "a" else "")


def test_what_is_there_is_taken_as_it_is() -> None:
    inner = {"a": 1}
    assert object_of(inner) is inner
    assert objects_of([inner, 5, None, {}]) == [inner, {}]
