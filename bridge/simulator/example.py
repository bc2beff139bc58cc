"""A JSON Schema in, a value that fits it out; always the same one for the same schema and number.

Only required properties are filled, as models tend to do with small tasks.
"""

from typing import Any

Json = Any
MAX_DEPTH = 8  # of recursive schemas


def example(schema: Json, number: int = 1) -> Json:
    return _value(schema, schema, "value", number, 0)


def _value(schema: Json, root: Json, name: str, number: int, depth: int) -> Json:
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return None
    if "$ref" in schema:
        return _value(_resolve(schema["$ref"], root), root, name, number, depth + 1)
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(key), list) and schema[key]:
            return _value(schema[key][0], root, name, number, depth + 1)
    return _typed(schema, root, name, number, depth)


def _typed(schema: Json, root: Json, name: str, number: int, depth: int) -> Json:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "object":
            return _object(schema, root, number, depth)
        case "array":
            return [_value(schema.get("items", {}), root, name, number, depth + 1)]
        case "integer":
            return number
        case "number":
            return number + 0.5
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return f"{name} {number}"


def _object(schema: Json, root: Json, number: int, depth: int) -> Json:
    properties = schema.get("properties")
    required = schema.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return {}
    return {
        name: _value(properties.get(name, {}), root, name, number, depth + 1)
        for name in required
        if isinstance(name, str)
    }


def _resolve(reference: Json, root: Json) -> Json:
    found = root
    for step in str(reference).removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    return found
