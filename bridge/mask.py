"""Message text made unreadable, for records that others will see; structure and sizes stay.

In: a body as text, whole or cut: JSON, a stream of events, or anything. Out: the same with every
letter and digit of what was said replaced by one that says nothing, so that a text has the length
in bytes that it had. What makes a body what it is stays: keys, types, roles, models, ids, names of
tools, numbers. Hard part: text that is JSON in itself, such as a call's arguments, has to stay
JSON, or no view could show its structure.
"""

import re

from .transform.json_text import Json, dump_text, loads

# Keys whose strings say how a body is made, not what was said in it.
STRUCTURE = frozenset(
    """
    type role model id object name status finish_reason stop_reason native_finish_reason mode effort
    call_id tool_call_id tool_use_id item_id response_id previous_response_id media_type format
    service_tier phase param kind ttl reasoning_effort system_fingerprint display verbosity
    tool_choice truncation owned_by request_id include
    """.split()
)
# Below these nothing is structure: keys and values are the app's own.
SAID = frozenset("input arguments metadata schema parameters input_schema".split())
# Strings that are JSON, or pieces of it.
JSON_TEXT = frozenset("arguments partial_json delta".split())

# Escapes and literals stay, so that JSON in a string stays JSON.
_PIECES = re.compile(r"(\\u[0-9a-fA-F]{4}|\\.|\b(?:true|false|null)\b)", re.DOTALL)
_FIELDS = ("event:", "id:", "retry:", ":")  # of a stream, besides data
_KEPT = re.compile(r'("(?:[^"\\]++|\\.)*+"\s*+:)', re.DOTALL)  # a key, in a body that is cut


class _Signs(dict[int, str]):
    """What stands for each character."""

    def __missing__(self, point: int) -> str:
        sign = chr(point)
        if sign.isascii():
            sign = "1" if sign.isdigit() else "x" if sign.isalpha() else sign
        else:
            sign = "x" * len(sign.encode("utf-8", "surrogatepass"))
        self[point] = sign
        return sign


_SIGNS = _Signs()


def signs(text: str) -> str:
    """Signs in place of a text that is no body."""
    return text.translate(_SIGNS)


def mask(body: str) -> str:
    """`body` with what was said in it masked."""
    try:
        return dump_text(_masked(loads(body), "", said=False))
    except ValueError:
        return "\n".join(map(_line, body.split("\n")))


def _line(line: str) -> str:
    """Of a stream, or of anything else."""
    if line.startswith(_FIELDS) or line in ("", "\r"):
        return line
    start = "data: " if line.startswith("data: ") else "data:" if line.startswith("data:") else ""
    rest = line[len(start) :]
    try:
        return (
            start
            + dump_text(_masked(loads(rest), "", said=False))
            + ("\r" if rest.endswith("\r") else "")
        )
    except ValueError:
        return line if rest.strip() == "[DONE]" else start + _cut(rest)


def _cut(text: str) -> str:
    """JSON that is not whole keeps its keys; nothing else of it is known to be structure."""
    pieces = _KEPT.split(text) if text.lstrip().startswith(("{", "[")) else [text]
    return "".join(p if n % 2 else p.translate(_SIGNS) for n, p in enumerate(pieces))


def _masked(value: Json, key: str, *, said: bool) -> Json:
    match value:
        case dict():
            return {
                k: _masked(v, _named(k, value), said=said or key in SAID) for k, v in value.items()
            }
        case list():
            return [_masked(item, key, said=said) for item in value]
        case str() if key in STRUCTURE and not said:
            return value
        case str() if key in JSON_TEXT:
            return _json_text(value)
        case str():
            return value.translate(_SIGNS)
        case _:
            return value


def _named(key: str, within: dict[str, Json]) -> str:
    """The name beside a role is a person's, not a tool's."""
    return "" if key == "name" and "role" in within else key


def _json_text(text: str) -> str:
    """Whole, it keeps its keys; a piece of it what it takes to be a piece."""
    try:
        return dump_text(_masked(loads(text), "", said=True))
    except ValueError:
        pass
    pieces = _PIECES.split(text)
    return "".join(p if n % 2 else p.translate(_SIGNS) for n, p in enumerate(pieces))
