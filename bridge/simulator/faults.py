"""Faults on request: a plain dict in, the same dict out if it says something that can be done.

The kinds and their keys are one table; a mistake is answered with what would have been allowed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = Any
Fault = dict[str, Json]


class BadFault(ValueError):
    """The fault cannot be understood; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class Key:
    words: str
    fits: Callable[[Json], bool]


def _number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6


def _count(value: Json) -> bool:
    return type(value) is int and 0 <= value < 1e9


def _one_of(*words: str) -> Key:
    return Key(f"one of {', '.join(words)}", lambda value: value in words)


SECONDS = Key("a number of seconds, 0 or more", _number)
COUNT = Key("a whole number, 0 or more", _count)
SIZE = Key("a whole number, 1 or more", lambda value: _count(value) and value > 0)
STATUS = Key("a status from 200 to 599", lambda value: _count(value) and 200 <= value <= 599)
TEXT = Key("a text", lambda value: isinstance(value, str))
FLAG = Key("true or false", lambda value: isinstance(value, bool))
HEADERS = Key(
    "an object of texts",
    lambda v: isinstance(v, dict) and all(isinstance(x, str) for x in [*v, *v.values()]),
)
ANY = Key("anything", lambda value: True)

# Where in a stream: events sent before (`at`), content events sent before (`after`), events of
# reasoning (`thoughts`: never behind any text or call), or bytes.
PLACE = {"at": COUNT, "after": COUNT, "thoughts": COUNT}
BYTE_PLACE = {**PLACE, "byte": COUNT}
# How it ends. Over HTTP/1 the connection is closed, whatever frame is named.
CODES = "NO_ERROR INTERNAL_ERROR REFUSED_STREAM CANCEL ENHANCE_YOUR_CALM HTTP_1_1_REQUIRED".split()
ENDING = {"reset": FLAG, "frame": _one_of("rst_stream", "goaway"), "code": _one_of(*CODES)}

KINDS: dict[str, dict[str, Key]] = {
    "refused": {},
    "drop": ENDING,
    "hang": {"connection": FLAG},
    "status": {"status": STATUS, "headers": HEADERS, "body": ANY, "reason": TEXT},
    "html": {"status": STATUS},
    "error_event": {
        **PLACE,
        "status": STATUS,
        "reason": TEXT,
        "form": _one_of("both", "flat", "error", "failed"),
    },
    "cut": {**BYTE_PLACE, **ENDING},
    "stall": BYTE_PLACE,
    "slow": {"first_byte": SECONDS, "first_event": SECONDS, "between": SECONDS},
    "split": {"size": SIZE},
    "crlf": {"ending": _one_of("\r\n", "\r")},
    "comments": {"style": _one_of("comment", "ping", "empty_data", "event")},
    "no_finish": {},
    "no_done": {},
    "empty": {},
    "json_for_stream": {},
    "stream_for_json": {},
    "no_content_type": {},
    "gzip": {},
}
REQUIRED = {"status": ("status",)}
MATCHES: dict[str, Key] = {
    "path": Key("a glob over the operation, such as messages or models*", TEXT.fits),
    "method": TEXT,
    "stream": FLAG,
    "model": Key("a glob over the model's name", TEXT.fits),
}


def check_faults(given: Json) -> list[Fault]:
    """One fault or a list that acts together."""
    faults = given if isinstance(given, list) else [given]
    if not faults:
        raise BadFault("fault: an empty list does nothing")
    return [_fault(fault) for fault in faults]


def _fault(fault: Json) -> Fault:
    if not isinstance(fault, dict):
        raise BadFault(f'fault: {fault!r} is no object such as {{"kind": "drop"}}')
    kind = fault.get("kind")
    if kind not in KINDS:
        raise BadFault(f"fault.kind: {kind!r} is not one of {', '.join(KINDS)}")
    given = {key: value for key, value in fault.items() if key != "kind"}
    _check_keys(given, KINDS[kind], f"fault {kind!r}")
    for key in REQUIRED.get(kind, ()):
        if key not in given:
            raise BadFault(f"fault {kind!r}: {key!r} is required")
    if sum(key in given for key in BYTE_PLACE) > 1:
        raise BadFault(f"fault {kind!r}: give one of {', '.join(BYTE_PLACE)}")
    return {"kind": kind, **given}


def check_match(match: Json) -> dict[str, Json]:
    if match is None:
        return {}
    if not isinstance(match, dict):
        raise BadFault(f"match: {match!r} is no object; allowed keys: {', '.join(MATCHES)}")
    _check_keys(match, MATCHES, "match")
    return dict(match)


def check_times(count: Json) -> int | None:
    if count is None or (_count(count) and count > 0):
        return None if count is None else int(count)
    raise BadFault(f"count: {count!r} is not a whole number above 0, nor null for always")


def _check_keys(given: dict[str, Json], allowed: dict[str, Key], where: str) -> None:
    for key, value in given.items():
        if key not in allowed:
            names = ", ".join(allowed) or "none"
            raise BadFault(f"{where}: unknown key {key!r}; allowed: {names}")
        if not allowed[key].fits(value):
            raise BadFault(f"{where}: {key!r} is {value!r}, but must be {allowed[key].words}")


def find(faults: list[Fault], kind: str) -> Fault | None:
    return next((fault for fault in faults if fault["kind"] == kind), None)
