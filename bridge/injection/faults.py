"""Faults on request, for the app under test: a line of words in, a Fault out.

    429 retry-after=3 count=2       an error status; no upstream is asked
    empty                           a 200 with nothing in it; no upstream is asked
    error after=5 status=500        an error inside the stream, behind five pieces of content
    cut                             the connection is gone in the middle of a tool call
    cut after=5                     or behind five pieces of content
    stall seconds=60                silence behind the first content; in the end the connection goes
    slow first=5 between=500ms      a delay before the first byte, and between all that follows
    split size=3                    pieces that end inside characters and lines

Each takes `count`, for so many requests. Hard part: an answer that is asked for whole has no
inside. There `error` is the status, `cut` comes behind half of the body, a `stall` never begins,
and `slow` sends the body in ten pieces.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from ..attempt import EVENT_STREAM, JSON
from ..document import Wrong, duration
from ..steps import Reply
from ..transform import Error, Protocol, encode_refusal
from ..transform.errors import decode_error

type Kind = Literal["status", "empty", "error", "cut", "stall", "slow", "split"]

STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)
KEYS: dict[Kind, tuple[str, ...]] = {
    "status": ("retry-after", "count"),
    "empty": ("count",),
    "error": ("after", "status", "count"),
    "cut": ("after", "count"),
    "stall": ("after", "seconds", "count"),
    "slow": ("first", "between", "count"),
    "split": ("size", "count"),
}
ANSWERS: tuple[Kind, ...] = ("status", "empty")  # no upstream is asked for them
WORDS = tuple(kind for kind in get_args(Kind.__value__) if kind != "status")
MAX_NUMBER = 1000
MAX_SECONDS = 600.0


def _status(text: str) -> int:
    if not text.isdecimal() or int(text) not in STATUSES:
        raise ValueError(f'"{text}" is not one of {", ".join(map(str, STATUSES))}')
    return int(text)


def _number(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_NUMBER:
        raise ValueError(f'"{text}" is not a whole number from 1 to {MAX_NUMBER}')
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = duration(text)
    except Wrong as problem:
        raise ValueError(f'"{text}" {problem}') from None
    if seconds > MAX_SECONDS:
        raise ValueError(f'"{text}" is more than {MAX_SECONDS:.0f} seconds')
    return seconds


READERS: dict[str, Callable[[str], Any]] = {
    "retry-after": _seconds,
    "count": _number,
    "after": _number,
    "status": _status,
    "seconds": _seconds,
    "first": _seconds,
    "between": _seconds,
    "size": _number,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """`text` is how a person says it, but for `count`. `after` 0: where the kind itself says."""

    kind: Kind
    text: str = field(compare=False)
    count: int = 1
    status: int = 529
    retry_after: float | None = None
    after: int = 0
    seconds: float = MAX_SECONDS
    first: float = 2.0
    between: float = 0.5
    size: int = 1

    @property
    def error(self) -> Error:
        """What the app is told."""
        kind = decode_error(self.status, b"").kind
        return Error(kind, f"bridge: injected {self.status}", self.status)


def parse_fault(text: str) -> Fault:
    """ValueError says what is allowed."""
    name, *words = text.split() or [""]
    kind = _kind(name)
    pairs = list(_pairs(name, words, KEYS[kind]))
    given = {key.replace("-", "_"): value for key, _, value in pairs}
    if kind == "status":
        given["status"] = int(name)
    told = [f"{key}={word}" for key, word, _ in pairs if key != "count"]
    return Fault(kind, " ".join([name, *told]), **given)


def _kind(name: str) -> Kind:
    if name.isdecimal() and int(name) in STATUSES:
        return "status"
    if name not in WORDS:
        allowed = ", ".join([*map(str, STATUSES), *WORDS])
        raise ValueError(f'"{name}" is no fault; there are {allowed}')
    return cast(Kind, name)


def _pairs(name: str, words: list[str], keys: tuple[str, ...]) -> Iterator[tuple[str, str, Any]]:
    for word in words:
        key, _, value = word.partition("=")
        if key not in keys:
            raise ValueError(f'{name}: "{word}" is none of {", ".join(f"{k}=" for k in keys)}')
        try:
            yield key, value, READERS[key](value)
        except ValueError as problem:
            raise ValueError(f"{name}: {key}: {problem}") from None


def reply(fault: Fault, app: Protocol, *, wants_stream: bool) -> Reply | None:
    """The answer where no upstream is asked; None for what is done to an upstream's answer."""
    if fault.kind == "empty":
        return Reply(200, [("content-type", EVENT_STREAM if wants_stream else JSON)])
    if fault.kind != "status" and (fault.kind != "error" or wants_stream):
        return None
    headers = [("content-type", JSON)]
    if fault.retry_after is not None:
        headers.append(("retry-after", f"{fault.retry_after:g}"))
    # Of the app's vendor's own words; but the status is the one that was asked for.
    return Reply(fault.status, headers, encode_refusal(app, fault.error)[1])
