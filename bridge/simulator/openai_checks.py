"""Checks of single values as OpenAI words them, shared by its two protocols."""

import re
from typing import Any

from .dialect import require

Json = Any
NAME = re.compile(r"[a-zA-Z0-9_-]+")


def in_range(body: Json, key: str, low: float, high: float) -> None:
    value = body.get(key)
    if value is None:
        return
    typed(value, (int, float), key, "a decimal")
    words = f"Invalid '{key}': decimal {{}} value. Expected a value {{}} {{}}, but got {value}"
    above = words.format("above maximum", "<=", high)
    must(value <= high, f"{above} instead.", key, "decimal_above_max_value")
    below = words.format("below minimum", ">=", low)
    must(value >= low, f"{below} instead.", key, "decimal_below_min_value")


def name(value: Json, where: str, limit: int) -> None:
    present({"name": value}, "name", where)
    typed(value, str, where, "a string")
    pattern = "^[a-zA-Z0-9_-]+$"
    odd = f"Invalid '{where}': string does not match pattern. Expected a string that matches the"
    fits = NAME.fullmatch(value) is not None
    must(fits, f"{odd} pattern '{pattern}'.", where, "invalid_value")
    short(value, where, limit)


def short(value: Json, where: str, limit: int) -> None:
    typed(value, str, where, "a string")
    long = f"Invalid '{where}': string too long. Expected a string with maximum length {limit}"
    got = f"{long}, but got a string with length {len(value)} instead."
    must(len(value) <= limit, got, where, "string_above_max_length")


def present(value: Json, key: str, where: str) -> None:
    words = f"Missing required parameter: '{where}'."
    must(value.get(key) is not None, words, where, "missing_required_parameter")


def typed(value: Json, python: Any, where: str, expected: str) -> None:
    got = {dict: "an object", list: "an array", str: "a string", type(None): "null"}
    found = got.get(type(value), "a number or boolean")
    words = f"Invalid type for '{where}': expected {expected}, but got {found} instead."
    must(isinstance(value, python), words, where, "invalid_type")


def must(condition: bool, message: str, param: str, code: str | None) -> None:
    require(condition, message, param=param, code=code)
