"""Reading a YAML text and its values; what every configuration may get wrong."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.document import (
    ConfigError,
    Reader,
    Report,
    Section,
    Wrong,
    boolean,
    duration,
    one_of,
    open_section,
    positive_duration,
    read_yaml,
    shown,
    size,
    text,
    whole_number,
)


def read(source: str) -> tuple[object, list[str]]:
    report = Report("f.yaml", {})
    return read_yaml(source, report), report.mistakes


def section(source: str, env: Mapping[str, str] | None = None) -> Section:
    report = Report("f.yaml", env or {})
    return open_section(report, "", read_yaml(source, report), None)


# YAML


@pytest.mark.parametrize(
    "source, value",
    [
        pytest.param("", None, id="nothing"),
        pytest.param("# only a comment", None, id="a comment"),
        pytest.param("a: ${NAME}", {"a": "${NAME}"}, id="a reference"),
        pytest.param("{a: ${NAME}, b: [${A}, x${B}y]}", {"a": "${NAME}", "b": ["${A}", "x${B}y"]},
                     id="references inside braces and brackets"),
        pytest.param("a: '${A}'\nb: \"${B}\"", {"a": "${A}", "b": "${B}"}, id="in quotes"),
        pytest.param("{${A}: ${A}}", {"${A}": "${A}"}, id="as a key it is only text"),
        pytest.param("a: 2023-06-01", {"a": "2023-06-01"}, id="a date stays text"),
        pytest.param("a: &x {b: 1}\nc: {<<: *x, b: 2}", {"a": {"b": 1}, "c": {"b": 2}},
                     id="a key over a merged one is not given twice"),
        pytest.param("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}, id="an alias"),
    ],
)  # fmt: skip
def test_yaml_is_read(source: str, value: object) -> None:
    assert read(source) == (value, [])


@pytest.mark.parametrize(
    "source, mistake",
    [
        pytest.param(
            "a: b: c", "line 1, column 5: mapping values are not allowed here", id="colon"
        ),
        pytest.param(
            "a: 1\n\tb: 2",
            "line 2, column 1: found character '\\t' that cannot start any token",
            id="a tab",
        ),
        pytest.param(
            "a: [${A}, b: c: d]",
            "line 1, column 15: expected ',' or ']', but got ':'",
            id="the column is that of the file, references or not",
        ),
        pytest.param(
            "a: *sk-secret", "line 1, column 4: found undefined alias", id="names are not repeated"
        ),
        pytest.param(
            "a: !!python/name:x y",
            "line 1, column 4: a value that begins with ! needs quotes",
            id="a tag",
        ),
        pytest.param("a: 1\n---\nb: 2", "line 2, column 1: found another document", id="two"),
        pytest.param(
            "a: 1\nb: \x01", "line 2, column 4: special characters are not allowed", id="control"
        ),
        pytest.param("a: 0b_", "holds a number that cannot be read", id="a number that is none"),
        pytest.param("[" * 3000, "is nested too deeply", id="too deep"),
    ],
)
def test_broken_yaml_is_one_line(source: str, mistake: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(source)
    assert str(caught.value) == f"f.yaml: {mistake}"


@pytest.mark.parametrize(
    "source, mistake",
    [
        ("a: 1\nb: 2\na: 3", "a: is given twice, in lines 1 and 3"),
        ("a:\n  b: 1\n  b: 2", "a.b: is given twice, in lines 2 and 3"),
        ("{a: 1, a: 2}", "a: is given twice, in line 1"),
        ("- {a: 1}\n- {b: 1, b: 2}", "[1].b: is given twice, in line 2"),
        ('m: {"x*": 1, "x*": 2}', 'm["x*"]: is given twice, in line 1'),
        ("a: &x {b: 1, b: 2}\nc: *x", "a.b: is given twice, in line 1"),
        ("${A}: 1\n${A}: 2", '["${A}"]: is given twice, in lines 1 and 2'),
    ],
)
def test_duplicate_keys(source: str, mistake: str) -> None:
    assert read(source)[1] == [f"f.yaml: {mistake}"]


def test_keys_that_are_no_text_are_left_to_the_reader() -> None:
    assert read("{? [a]\n: 1}".replace("[a]", "1")) == ({1: 1}, [])
    with pytest.raises(ConfigError, match="line 1, column 3: found unhashable key"):
        read("? [a]\n: 1")


@given(st.text(alphabet=st.sampled_from("ab:-[]{}$&*!|>%@`'\"#,?~ \n\t01_.\x00"), max_size=30))
def test_any_text_gives_a_value_or_a_config_error(source: str) -> None:
    try:
        read(source)
    except ConfigError as error:
        assert str(error).startswith("f.yaml: ") and "\n" not in str(error)


# References


@pytest.mark.parametrize(
    "value, expected",
    [
        ("${A}", "1"),
        ("x${A}-${B}", "x1-two words"),
        ("[${A}, {b: ${B}}, 3]", ["1", {"b": "two words"}, 3]),
    ],
)
def test_references_are_replaced(value: str, expected: object) -> None:
    values = section(f"a: {value}", {"A": "1\n", "B": "two words"})
    assert values.take("a", lambda found: found, None) == expected
    assert values.report.mistakes == []


@pytest.mark.parametrize("env", [{}, {"A": ""}, {"A": " \n"}], ids=["unset", "empty", "blank"])
def test_an_unset_variable_is_a_mistake_unless_it_is_collected(env: dict[str, str]) -> None:
    values = section("a: ${A}", env)
    assert values.take("a", text, "default") == "default"
    assert values.report.mistakes == ["f.yaml: a: environment variable A is not set"]
    collecting = section("a: {b: [${A}, x]}", env)
    collecting.unset = []
    inner = collecting.section("a", None)
    assert (inner.each("b", text), collecting.unset) == (("x",), ["A"])
    assert collecting.report.mistakes == []


@pytest.mark.parametrize("value", ["${", "${A", "${a-b}", "${}", "x ${1} y"])
def test_a_broken_reference_is_a_mistake(value: str) -> None:
    values = section(f"a: '{value}'", {"A": "1"})
    values.take("a", text, None)
    problem = "holds a ${ that is not followed by a variable's name and }"
    assert values.report.mistakes == [f'f.yaml: a: "{value}" {problem}']


def test_the_value_of_a_variable_is_in_no_message() -> None:
    values = section("a: ${A}", {"A": "something private"})
    values.take("a", one_of(["b"]), None)
    assert values.report.mistakes == ['f.yaml: a: "${A}" is not one of b']


def test_a_variable_may_hold_what_looks_like_a_reference() -> None:
    assert section("a: ${A}", {"A": "${B"}).take("a", text, None) == "${B"


# Sections


def test_unknown_keys_and_keys_that_are_no_text() -> None:
    report = Report("f.yaml", {})
    opened = open_section(report, "a", {"b": 1, "c": 2, 3: 4, None: 5}, ["b", "d"])
    assert opened.values == {"b": 1}
    assert report.mistakes == [
        "f.yaml: a.c: is not a known key: b, d",
        "f.yaml: a[3]: the key is not text; put it in quotes",
        "f.yaml: a[nothing]: the key is not text; put it in quotes",
    ]


def test_null_is_the_same_as_leaving_it_out() -> None:
    values = section("{a: null, b: null, c: null, d: null}")
    assert values.take("a", text, "default") == "default"
    assert values.given({"a": text, "e": text}) == {}
    assert values.each("b", text) == ()
    assert values.pairs("c", text) == ()
    assert not values.has("d")
    assert values.report.mistakes == []


def test_right_values_are_kept_beside_wrong_ones() -> None:
    values = section("{list: [a, 1, b], map: {x: 1, y: b, z: null}}")
    assert values.each("list", text) == ("a", "b")
    assert values.pairs("map", text) == (("y", "b"),)
    assert values.report.mistakes == [
        "f.yaml: list[1]: 1 is not text; put it in quotes",
        "f.yaml: map.x: 1 is not text; put it in quotes",
        "f.yaml: map.z: is missing; give a value",
    ]


def test_what_is_missing_in_a_section_that_is_none_is_not_said_again() -> None:
    values = section("a: 1").section("a", ["b"])
    assert values.need("b", text, "any") is None
    assert values.report.mistakes == ["f.yaml: a: 1 is not a mapping"]


def test_a_list_that_is_none() -> None:
    values = section("a: b")
    assert values.items("a") == []
    assert values.report.mistakes == ['f.yaml: a: "b" is not a list']


@pytest.mark.parametrize("hide", [True, False])
def test_hidden_values(hide: bool) -> None:
    def refuse(value: object) -> None:
        raise Wrong("is wrong", hide=hide)

    values = section("{a: one, b: two, c: [three], d: {e: four}}")
    values.take("a", refuse, None)
    values.need("b", refuse, "", hide=True)
    values.each("c", refuse, hide=True)
    values.pairs("d", refuse, hide=True)
    subject = "the value" if hide else '"one"'
    assert values.report.mistakes == [
        f"f.yaml: a: {subject} is wrong",
        "f.yaml: b: the value is wrong",
        "f.yaml: c[0]: the value is wrong",
        "f.yaml: d.e: the value is wrong",
    ]


def test_what_looks_like_a_key_is_masked_wherever_it_stands() -> None:
    report = Report("f.yaml", {})
    open_section(report, "", {"sk-ant-abcdefgh": 1}, ["b"])
    report.add("a", '"Bearer sk-proj-abcdefgh" is wrong')
    assert report.mistakes == [
        "f.yaml: ***: is not a known key: b",
        'f.yaml: a: "Bearer ***" is wrong',
    ]


def test_a_report_with_mistakes_raises_them_all() -> None:
    report = Report("f.yaml", {})
    report.close()
    report.add("a", "is\nwrong")
    report.add("", "is wrong")
    with pytest.raises(ConfigError) as caught:
        report.close()
    assert caught.value.mistakes == ("f.yaml: a: is wrong", "f.yaml: is wrong")
    assert str(caught.value) == "f.yaml: a: is wrong\nf.yaml: is wrong"


@pytest.mark.parametrize(
    "value, expected",
    [
        ("a", '"a"'),
        ('a "b"\n', '"a \\"b\\"\\n"'),
        ("é", '"é"'),
        ("x" * 90, '"' + "x" * 79 + '…"'),
        (True, "true"),
        (False, "false"),
        (None, "nothing"),
        (1.5, "1.5"),
        ([1], "a list"),
        ({"a": 1}, "a mapping"),
    ],
)
def test_shown(value: object, expected: str) -> None:
    assert shown(value) == expected


# Readers


@pytest.mark.parametrize(
    "reader, value, expected",
    [
        (text, "a", "a"),
        (boolean, False, False),
        (one_of(["a", "b"]), "b", "b"),
        (whole_number(1), 1, 1),
        (whole_number(400, 599), 599, 599),
        (duration, "300ms", 0.3),
        (duration, "2s", 2.0),
        (duration, "5m", 300.0),
        (duration, "1h", 3600.0),
        (duration, "1.5m", 90.0),
        (duration, " 7 ", 7.0),
        (duration, 5, 5.0),
        (duration, 0.5, 0.5),
        (duration, 0, 0.0),
        (positive_duration, "1ms", 0.001),
        (size, "300KB", 300 * 1024),
        (size, "1.5 mb", 1536 * 1024),
        (size, "7b", 7),
        (size, 0, 0),
    ],
)
def test_readers_take(reader: Reader[Any], value: object, expected: object) -> None:
    result = reader(value)
    assert (result, type(result)) == (expected, type(expected))


SIZE = "is not a size: 300KB, 64MB, 1GB, or bytes as a whole number"
DURATION = "is not a duration: 300ms, 2s, 5m, 1h, or seconds as a number"


@pytest.mark.parametrize(
    "reader, value, problem",
    [
        (text, 1, "is not text; put it in quotes"),
        (text, True, "is not text; put it in quotes"),
        (text, ["a"], "is not text"),
        (text, " ", "is empty"),
        (boolean, "true", "is not true or false"),
        (boolean, 1, "is not true or false"),
        (one_of(["a", "b"]), "c", "is not one of a, b"),
        (one_of(["a", "b"]), ["a"], "is not one of a, b"),
        (one_of([]), "c", "is not one of none"),
        (whole_number(1), 0, "is not a whole number, 1 or more"),
        (whole_number(1), 1.0, "is not a whole number, 1 or more"),
        (whole_number(0), True, "is not a whole number, 0 or more"),
        (whole_number(0), "1", "is not a whole number, 0 or more"),
        (whole_number(400, 599), 600, "is not a whole number, 400 to 599"),
        (size, "64", SIZE),
        (size, "64 TB", SIZE),
        (size, -1, SIZE),
        (size, 1.0, SIZE),
        (size, True, SIZE),
        (duration, "5 m", DURATION),
        (duration, "5d", DURATION),
        (duration, "-5s", DURATION),
        (duration, "", DURATION),
        (duration, -1, DURATION),
        (duration, True, DURATION),
        (duration, float("inf"), DURATION),
        (duration, float("nan"), DURATION),
        (duration, ["5m"], DURATION),
        (positive_duration, 0, "is not a duration above 0"),
        (positive_duration, "soon", DURATION),
    ],
)
def test_readers_refuse(reader: Reader[Any], value: object, problem: str) -> None:
    with pytest.raises(Wrong) as caught:
        reader(value)
    assert str(caught.value) == problem
