"""Reading a client's JSON: values of the kind a field must have, complaints that name the place.

`null` counts as absent throughout.
"""

from .json_text import Json
from .notes import TransformError

KINDS: dict[type, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}


def required[T](value: Json, kind: type[T], where: str) -> T:
    """`value`, which has to be of `kind`; float takes integers too."""
    if type(value) is kind:
        return value
    if value is None:
        raise TransformError(where, "missing")
    accepted = (int, float) if kind is float else kind
    if isinstance(value, accepted) and (kind is bool or not isinstance(value, bool)):
        return value  # type: ignore[return-value]
    raise TransformError(where, f"must be {KINDS[kind]}, not {KINDS[type(value)]}")


def optional[T](value: Json, kind: type[T], where: str) -> T | None:
    return None if value is None else required(value, kind, where)


def object_of(value: Json) -> dict[str, Json]:
    """For what nobody has to complain of: an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def objects_of(value: Json) -> list[dict[str, Json]]:
    """Those in a list; none where it is no list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def text_of(value: Json) -> str:
    return value if isinstance(value, str) else ""


def one_of[T: str](value: str, allowed: tuple[T, ...], where: str) -> T:
    for word in allowed:
        if word == value:
            return word
    raise TransformError(where, f'"{value}" is not one of {", ".join(allowed)}')
