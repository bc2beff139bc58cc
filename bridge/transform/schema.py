"""JSON Schemas of tools and answers, made to fit what a vendor accepts.

In: a schema as the client wrote it, which is never changed. Out: one the target takes, and what it
no longer enforces. Hard part: a schema may be a web of references; they are followed a bounded way,
and one that contains itself is refused where it has to be written out.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .json_text import Json, dump_text
from .notes import TransformError

MAX_DEPTH = 100
MAX_NODES = 10_000  # references to references double with every step
DEFINITIONS = ("$defs", "definitions")
COMBINED = ("anyOf", "oneOf", "allOf")

# --- OpenAI's strict mode


def is_openai_strict(schema: Json) -> bool:
    """Whether every object of `schema` requires all its keys and allows no others."""
    return isinstance(schema, dict) and all(map(_is_closed, _schemas(schema)))


def _schemas(schema: dict[str, Json]) -> Iterator[dict[str, Json]]:
    """`schema` and every schema in it; references are not followed, their targets are in it."""
    pending: list[Json] = [schema]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            yield current
            pending.append(current.get("items"))
            for key in ("properties", *DEFINITIONS):
                pending += _values(current.get(key))
            for key in COMBINED:
                pending += _elements(current.get(key))


def _is_closed(schema: dict[str, Json]) -> bool:
    if not _is_object(schema):
        return True
    required = _elements(schema.get("required"))
    properties = schema.get("properties")
    every_key = all(key in required for key in properties) if isinstance(properties, dict) else True
    return every_key and schema.get("additionalProperties") is False


def _is_object(schema: Json) -> bool:
    if not isinstance(schema, dict):
        return False
    kind = schema.get("type")
    return kind == "object" or "properties" in schema or "object" in _elements(kind)


def _values(value: Json) -> list[Json]:
    return list(value.values()) if isinstance(value, dict) else []


def _elements(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


# --- Anthropic's constrained decoding


class Cleaned(NamedTuple):
    """`schema` is None when answers cannot be held to it; `relaxed` says where and what is lost."""

    schema: Json
    relaxed: list[str]


def clean_for_anthropic(schema: Json, where: str = "schema") -> Cleaned:
    """`schema` in the subset that Anthropic can hold an answer or a strict tool to.

    Objects are closed, local references written out, keywords it does not know moved into the
    description. TransformError for a schema that contains itself.
    """
    cleaner = _Cleaner(schema, where)
    try:
        return Cleaned(cleaner.clean(schema, where, ()), cleaner.relaxed)
    except _Unbounded as unbounded:
        return Cleaned(None, [str(unbounded)])


class _Unbounded(Exception):
    """Nothing in the subset means the same: an open map, a reference to elsewhere."""


FORMATS = frozenset(
    "date date-time duration email hostname ipv4 ipv6 time uri uuid".split(),
)
# look-around, back-references, word boundaries
_HARD_PATTERN = re.compile(r"\(\?<?[=!]|\\[bBk1-9]")


def _always(_: Json) -> bool:
    return True


# keyword -> whether a value of it may stay; every other keyword goes into the description
KEPT: dict[str, Callable[[Json], bool]] = {
    **dict.fromkeys(("$schema", "$id", "$comment", "title", "description", "default"), _always),
    **dict.fromkeys(("type", "const", "required"), _always),
    "enum": lambda value: not any(isinstance(v, dict | list) for v in _elements(value)),
    "format": lambda value: isinstance(value, str) and value in FORMATS,
    "pattern": lambda value: isinstance(value, str) and not _HARD_PATTERN.search(value),
    "minItems": lambda value: value in (0, 1),
    "additionalProperties": lambda value: value is False,
}
OPEN = ("additionalProperties", "patternProperties")


class _Cleaner:
    """One schema being cleaned: where references lead, what was relaxed, how much was written."""

    def __init__(self, root: Json, where: str) -> None:
        self.relaxed: list[str] = []
        self._root = root
        self._where = where
        self._nodes = 0

    def clean(self, schema: Json, place: str, refs: tuple[str, ...], depth: int = 0) -> Json:
        """`refs` are the references being written out around `schema`."""
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise _Unbounded(f"{place}: too large to be written out")
        if not isinstance(schema, dict):
            return {} if schema is True else schema
        if "$ref" in schema:
            schema, ref = self._follow(schema, place, refs)
            return self.clean(schema, place, (*refs, ref), depth + 1)
        return self._closed(self._fitted(schema, place, refs, depth + 1), place)

    def _follow(self, schema: Json, place: str, refs: tuple[str, ...]) -> tuple[Json, str]:
        """What the reference in `schema` means, with the keywords beside it, and the reference."""
        ref = schema["$ref"]
        if ref in refs:
            raise TransformError(self._where, f"{ref} contains itself", "recursive_schema")
        target = resolve(self._root, ref)
        if not isinstance(target, dict):
            raise _Unbounded(f"{place}: {ref} is not in the schema")
        return {**target, **{key: v for key, v in schema.items() if key != "$ref"}}, ref

    def _fitted(self, schema: Json, place: str, refs: tuple[str, ...], depth: int) -> Json:
        fitted: dict[str, Json] = {}
        told: dict[str, Json] = {}
        for key, value in schema.items():
            if key in KEPT and KEPT[key](value):
                fitted[key] = value
            elif key in OPEN:
                raise _Unbounded(f"{place}: {key}")
            elif key == "properties" and isinstance(value, dict):
                fitted[key] = {
                    name: self.clean(sub, f"{place}.{name}", refs, depth)
                    for name, sub in value.items()
                }
            elif key == "items" and not isinstance(value, list):
                fitted[key] = self.clean(value, f"{place}[]", refs, depth)
            elif key in COMBINED and (key != "oneOf" or "anyOf" not in schema):
                fitted["anyOf" if key == "oneOf" else key] = [
                    self.clean(sub, place, refs, depth) for sub in _elements(value)
                ]
            elif key not in DEFINITIONS:
                told[key] = value
        self._note(told, place, "oneOf" in schema and "oneOf" not in told)
        return _described(fitted, told)

    def _note(self, told: dict[str, Json], place: str, weakened: bool) -> None:
        keys = [*told, *(["oneOf"] if weakened else [])]
        if keys:
            self.relaxed.append(f"{place}: {', '.join(keys)}")

    def _closed(self, schema: Json, place: str) -> Json:
        """Closed objects only; one that is made of several objects has no closed form."""
        objects = [sub for key in COMBINED for sub in schema.get(key, ()) if _is_object(sub)]
        together = sum(map(_is_object, schema.get("allOf", ())))
        if not _is_object(schema):
            if together > 1:
                raise _Unbounded(f"{place}: allOf several objects")
            return schema
        if objects:
            raise _Unbounded(f"{place}: an object combined with others")
        if not schema.get("properties") and "additionalProperties" not in schema:
            raise _Unbounded(f"{place}: an object with any keys")
        return {**schema, "additionalProperties": False}


def _described(schema: dict[str, Json], told: dict[str, Json]) -> Json:
    if not told:
        return schema
    rules = "Must satisfy " + "; ".join(f"{key}: {dump_text(v)}" for key, v in told.items())
    description = schema.get("description")
    text = f"{description}\n\n{rules}" if isinstance(description, str) else rules
    return {**schema, "description": text}


def resolve(root: Json, ref: Json) -> Json:
    """What a local reference (`#/$defs/Name`) points to in `root`; None when there is nothing."""
    if not isinstance(ref, str) or not f"{ref}/".startswith("#/"):
        return None
    current = root
    for step in ref.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(current, list) and name.isdecimal() and int(name) < len(current):
            current = current[int(name)]
        elif isinstance(current, dict):
            current = current.get(name)
        else:
            return None
    return current


# --- tool parameters


def object_root(schema: Json) -> tuple[Json, bool]:
    """`schema` with an object at its root, which tools need everywhere; True: under `value`.

    A root of another kind is wrapped: `{"value": ...}`.
    """
    if not isinstance(schema, dict) or not schema:
        return {"type": "object", "properties": {}}, False
    schema = _inlined_root(schema)
    if _needs_wrapping(schema):
        return _wrapped(schema), True
    properties = schema.get("properties")
    if schema.get("type") == "object" and isinstance(properties, dict):
        return schema, False
    properties = properties if isinstance(properties, dict) else {}
    return {**schema, "type": "object", "properties": properties}, False


def _inlined_root(schema: dict[str, Json]) -> dict[str, Json]:
    root, seen = schema, set[str]()
    while "$ref" in schema:
        ref = schema["$ref"]
        target = resolve(root, ref)
        if not isinstance(target, dict) or ref in seen:
            break
        seen.add(ref)
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _needs_wrapping(schema: dict[str, Json]) -> bool:
    if any(key in schema for key in ("$ref", *COMBINED)):
        return True
    if schema.get("type") is None:
        return any(key in schema for key in ("enum", "const", "items"))
    return not _is_object(schema)


def _wrapped(schema: dict[str, Json]) -> Json:
    """References go on from the root, so the definitions move up to it."""
    definitions = {key: schema[key] for key in DEFINITIONS if key in schema}
    value = {key: v for key, v in schema.items() if key not in DEFINITIONS}
    return {
        "type": "object",
        "properties": {"value": value},
        "required": ["value"],
        **definitions,
    }
