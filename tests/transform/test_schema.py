"""Schemas fitted to what a vendor accepts."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.notes import TransformError
from bridge.transform.schema import (
    MAX_DEPTH,
    clean_for_anthropic,
    is_openai_strict,
    object_root,
    resolve,
)

type Schema = Any


def closed(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    "schema, strict",
    [
        pytest.param(closed(a=TEXT), True, id="all keys required, no others"),
        pytest.param(closed(), True, id="no keys at all"),
        pytest.param(TEXT, True, id="no object in it"),
        pytest.param(closed(a=closed(b=TEXT)), True, id="an object in an object"),
        pytest.param({**closed(a=TEXT), "required": []}, False, id="a key that may be left out"),
        pytest.param({**closed(a=TEXT), "required": 5}, False, id="no list of required keys"),
        pytest.param({**closed(), "additionalProperties": True}, False, id="other keys allowed"),
        pytest.param({"type": "object", "properties": {}}, False, id="other keys not excluded"),
        pytest.param({"type": "object"}, False, id="an object that says nothing"),
        pytest.param({"properties": {"a": TEXT}}, False, id="an object without its type"),
        pytest.param({**closed(), "properties": 5}, True, id="properties that are none"),
        pytest.param(
            {"type": ["object", "null"], "properties": {"a": TEXT}}, False, id="an object or null"
        ),
        pytest.param(closed(a={"type": "object"}), False, id="an open object in a closed one"),
        pytest.param({"type": "array", "items": {"type": "object"}}, False, id="in a list"),
        pytest.param(closed(a={"anyOf": [TEXT, {"type": "object"}]}), False, id="in anyOf"),
        pytest.param({**closed(), "$defs": {"A": {"type": "object"}}}, False, id="in $defs"),
        pytest.param(None, False, id="no schema"),
        pytest.param(True, False, id="a schema for anything"),
        pytest.param(closed(a=True), True, id="a key for anything"),
    ],
)
def test_openai_strict_wants_every_object_closed(schema: Schema, strict: bool) -> None:
    assert is_openai_strict(schema) is strict


def test_openai_strict_goes_to_any_depth() -> None:
    schema: Schema = {"type": "object"}
    for _ in range(5_000):
        schema = closed(a=schema)
    assert not is_openai_strict(schema)


@pytest.mark.parametrize(
    "schema, expected",
    [
        pytest.param(closed(a=TEXT), closed(a=TEXT), id="a closed object stays"),
        pytest.param(
            {"type": "object", "properties": {"a": TEXT}},
            {"type": "object", "properties": {"a": TEXT}, "additionalProperties": False},
            id="an object is closed",
        ),
        pytest.param(
            {"properties": {"a": TEXT}},
            {"properties": {"a": TEXT}, "additionalProperties": False},
            id="an object without its type is closed",
        ),
        pytest.param(
            {"type": "array", "items": {"properties": {"a": TEXT}}, "minItems": 1},
            {
                "type": "array",
                "items": {"properties": {"a": TEXT}, "additionalProperties": False},
                "minItems": 1,
            },
            id="an object in a list is closed",
        ),
        pytest.param(
            {
                "$ref": "#/$defs/A",
                "$defs": {"A": closed(b={"$ref": "#/$defs/B"}), "B": {**TEXT, "title": "B"}},
            },
            closed(b={**TEXT, "title": "B"}),
            id="references are written out",
        ),
        pytest.param(
            closed(a={"$ref": "#/$defs/A", "description": "mine"})
            | {"$defs": {"A": {**TEXT, "description": "theirs"}}},
            closed(a={**TEXT, "description": "mine"}),
            id="what stands beside a reference counts",
        ),
        pytest.param(
            closed(a={"anyOf": [TEXT, {"type": "null"}]}),
            closed(a={"anyOf": [TEXT, {"type": "null"}]}),
            id="a choice stays",
        ),
        pytest.param({"allOf": [closed(a=TEXT)]}, {"allOf": [closed(a=TEXT)]}, id="allOf of one"),
        pytest.param(True, {}, id="true is a schema for anything"),
        pytest.param({"anyOf": [TEXT, 5]}, {"anyOf": [TEXT, 5]}, id="a choice that is no schema"),
        pytest.param({"enum": ["a", 1, None]}, {"enum": ["a", 1, None]}, id="plain values"),
    ],
)
def test_a_schema_is_cleaned_without_loss(schema: Schema, expected: Schema) -> None:
    assert clean_for_anthropic(schema) == (expected, [])


@pytest.mark.parametrize(
    "schema, description, keyword",
    [
        pytest.param({"minimum": 1}, "Must satisfy minimum: 1", "minimum", id="a bound"),
        pytest.param(
            {"type": "string", "description": "A name.", "maxLength": 9, "minLength": 1},
            "A name.\n\nMust satisfy maxLength: 9; minLength: 1",
            "maxLength, minLength",
            id="two, behind the description",
        ),
        pytest.param({"minItems": 2}, "Must satisfy minItems: 2", "minItems", id="two items"),
        pytest.param(
            {"format": "regex"}, 'Must satisfy format: "regex"', "format", id="an unknown format"
        ),
        pytest.param(
            {"pattern": "(?=a)b"}, 'Must satisfy pattern: "(?=a)b"', "pattern", id="look-ahead"
        ),
        pytest.param(
            {"enum": [{"a": 1}]}, 'Must satisfy enum: [{"a":1}]', "enum", id="objects to choose"
        ),
        pytest.param(
            {"items": [TEXT]},
            'Must satisfy items: [{"type":"string"}]',
            "items",
            id="a tuple in the old spelling",
        ),
        pytest.param(
            {"properties": 5}, "Must satisfy properties: 5", "properties", id="no properties"
        ),
    ],
)
def test_trap_27_what_cannot_be_enforced_is_told(
    schema: Schema, description: str, keyword: str
) -> None:
    cleaned = clean_for_anthropic(closed(a=schema))
    assert cleaned.schema["properties"]["a"]["description"] == description
    assert cleaned.relaxed == [f"schema.a: {keyword}"]


def test_formats_and_plain_patterns_are_kept() -> None:
    schema = closed(a={"type": "string", "format": "date-time", "pattern": "^[a-z]+$"})
    assert clean_for_anthropic(schema) == (schema, [])


def test_one_of_becomes_any_of() -> None:
    cleaned = clean_for_anthropic({"oneOf": [TEXT, {"type": "null"}]})
    assert cleaned == ({"anyOf": [TEXT, {"type": "null"}]}, ["schema: oneOf"])


def test_one_of_beside_any_of_is_told() -> None:
    cleaned = clean_for_anthropic({"anyOf": [TEXT], "oneOf": [TEXT]})
    assert cleaned.schema["anyOf"] == [TEXT]
    assert cleaned.schema["description"] == 'Must satisfy oneOf: [{"type":"string"}]'
    assert cleaned.relaxed == ["schema: oneOf"]


@pytest.mark.parametrize(
    "schema, why",
    [
        pytest.param({"type": "object"}, "any keys", id="an object of any keys"),
        pytest.param({"type": "object", "properties": {}}, "any keys", id="no keys, not closed"),
        pytest.param(
            {**closed(a=TEXT), "additionalProperties": True}, "additionalProperties", id="true"
        ),
        pytest.param({"additionalProperties": TEXT}, "additionalProperties", id="a map"),
        pytest.param(
            {**closed(), "patternProperties": {"^a": TEXT}}, "patternProperties", id="by pattern"
        ),
        pytest.param(closed(a={"$ref": "#/$defs/No"}), "not in the schema", id="a dead end"),
        pytest.param({"$ref": "https://a/b.json"}, "not in the schema", id="another document"),
        pytest.param({"$ref": "#anchor", "$defs": {}}, "not in the schema", id="an anchor"),
        pytest.param({"$ref": 5}, "not in the schema", id="a reference that is none"),
        pytest.param(
            {"allOf": [closed(a=TEXT), closed(b=TEXT)]}, "several objects", id="two objects in one"
        ),
        pytest.param(
            {**closed(a=TEXT), "allOf": [closed(b=TEXT)]}, "combined", id="an object and another"
        ),
        pytest.param(
            {**closed(a=TEXT), "anyOf": [closed(b=TEXT)]}, "combined", id="an object and a choice"
        ),
    ],
)
def test_what_has_no_closed_form_is_reported(schema: Schema, why: str) -> None:
    cleaned = clean_for_anthropic(schema)
    assert cleaned.schema is None
    assert len(cleaned.relaxed) == 1 and why in cleaned.relaxed[0]


def test_references_that_double_are_not_written_out_forever() -> None:
    steps = {f"S{n}": closed(a={"$ref": f"#/$defs/S{n + 1}"}, b={"$ref": f"#/$defs/S{n + 1}"})
             for n in range(40)}  # fmt: skip
    schema = {"$ref": "#/$defs/S0", "$defs": {**steps, "S40": TEXT}}
    assert clean_for_anthropic(schema).schema is None


def test_a_schema_nested_too_deeply_is_not_written_out() -> None:
    schema: Schema = TEXT
    for _ in range(MAX_DEPTH + 1):
        schema = {"type": "array", "items": schema}
    assert clean_for_anthropic(schema).schema is None


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(closed(a={"$ref": "#"}), id="through its root"),
        pytest.param(
            {"$ref": "#/$defs/A", "$defs": {"A": closed(a={"$ref": "#/$defs/A"})}}, id="directly"
        ),
        pytest.param(
            {
                "$ref": "#/$defs/A",
                "$defs": {"A": closed(a={"$ref": "#/$defs/B"}), "B": {"items": {"$ref": "#"}}},
            },
            id="in a round",
        ),
    ],
)
def test_a_schema_that_contains_itself_is_refused(schema: Schema) -> None:
    with pytest.raises(TransformError) as refused:
        clean_for_anthropic(schema, "text.format.schema")
    assert (refused.value.code, refused.value.where) == ("recursive_schema", "text.format.schema")


@pytest.mark.parametrize(
    "ref, target",
    [
        pytest.param("#", {"a": [{"x/y": 1}], "~": 2}, id="the root"),
        pytest.param("#/a/0", {"x/y": 1}, id="into a list"),
        pytest.param("#/a/0/x~1y", 1, id="an escaped slash"),
        pytest.param("#/~0", 2, id="an escaped tilde"),
        pytest.param("#/a/1", None, id="behind the end of a list"),
        pytest.param("#/a/x", None, id="a name in a list"),
        pytest.param("#/a/0/x~1y/z", None, id="into a number"),
        pytest.param("a", None, id="not from here"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_a_reference_leads_to_its_target(ref: Any, target: Any) -> None:
    assert resolve({"a": [{"x/y": 1}], "~": 2}, ref) == target


OBJECT = {"type": "object", "properties": {"a": TEXT}}
EMPTY = {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    "schema, expected",
    [
        pytest.param(None, EMPTY, id="absent"),
        pytest.param({}, EMPTY, id="empty"),
        pytest.param(True, EMPTY, id="anything"),
        pytest.param(OBJECT, OBJECT, id="an object"),
        pytest.param({"properties": {"a": TEXT}}, OBJECT, id="type missing"),
        pytest.param({"type": "object"}, EMPTY, id="properties missing"),
        pytest.param({"type": "object", "properties": None}, EMPTY, id="properties null"),
        pytest.param({"type": None, "properties": {"a": TEXT}}, OBJECT, id="type null"),
        pytest.param({"type": ["object", "null"], "properties": {"a": TEXT}}, OBJECT, id="or null"),
        pytest.param(
            {"additionalProperties": False},
            {"additionalProperties": False, **EMPTY},
            id="neither, but a rule about keys",
        ),
        pytest.param(
            {"$ref": "#/$defs/A", "$defs": {"A": OBJECT}},
            {**OBJECT, "$defs": {"A": OBJECT}},
            id="a reference at the root, definitions kept",
        ),
        pytest.param(
            {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": OBJECT}},
            {**OBJECT, "$defs": {"A": {"$ref": "#/$defs/B"}, "B": OBJECT}},
            id="a reference to a reference",
        ),
    ],
)
def test_trap_27_tools_get_an_object_at_the_root(schema: Schema, expected: Schema) -> None:
    assert object_root(schema) == (expected, False)


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(TEXT, id="a string"),
        pytest.param({"type": ["string", "null"]}, id="a string or null"),
        pytest.param({"enum": ["a"]}, id="a choice of values"),
        pytest.param({"items": TEXT}, id="a list without its type"),
        pytest.param({"anyOf": [OBJECT, OBJECT]}, id="a choice of objects"),
        pytest.param({**OBJECT, "oneOf": [{"required": ["a"]}]}, id="an object with a choice"),
        pytest.param({"allOf": [OBJECT]}, id="allOf"),
        pytest.param({"$ref": "https://a/b.json"}, id="a reference elsewhere"),
    ],
)
def test_trap_27_another_root_is_wrapped(schema: Schema) -> None:
    wrapped = {"type": "object", "properties": {"value": schema}, "required": ["value"]}
    assert object_root(schema) == (wrapped, True)


def test_trap_27_definitions_move_to_the_new_root_where_references_look() -> None:
    schema = {"anyOf": [{"$ref": "#/$defs/A"}], "$defs": {"A": OBJECT}}
    wrapped, is_wrapped = object_root(schema)
    assert is_wrapped
    assert wrapped["properties"]["value"] == {"anyOf": [{"$ref": "#/$defs/A"}]}
    assert resolve(wrapped, "#/$defs/A") == OBJECT


def test_trap_27_a_root_that_is_its_own_reference_is_wrapped() -> None:
    schema = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}
    assert object_root(schema)[1]


KEYWORDS = st.sampled_from(
    "type properties required items anyOf oneOf allOf $ref $defs enum const format pattern "
    "minItems additionalProperties patternProperties description minimum a".split()
)
VALUES = st.sampled_from(
    [None, True, False, 0, 1, "object", "string", "#", "#/$defs/a", "#/properties/a", "(?=x)", []]
)
SCHEMAS = st.recursive(
    VALUES,
    lambda inner: st.dictionaries(KEYWORDS, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=20,
)


@given(SCHEMAS)
def test_no_json_breaks_it_and_the_input_stays_as_it_was(schema: Schema) -> None:
    before = copy.deepcopy(schema)
    rooted, _ = object_root(schema)
    assert rooted["type"] == "object" and isinstance(rooted["properties"], dict)
    assert object_root(rooted)[1] is False or "$ref" in rooted
    assert is_openai_strict(schema) in (True, False)
    try:
        assert clean_for_anthropic(schema) == clean_for_anthropic(copy.deepcopy(schema))
    except TransformError as refused:
        assert refused.code == "recursive_schema"
    assert schema == before
