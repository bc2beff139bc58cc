"""What the three dialects share: the answer to encode, the frames of a stream, a vendor's refusal.

`Stamp` makes long streams cheap: the JSON around the deltas is rendered once, not once an event.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from .conversation import Seen
from .plan import Plan
from .wire import HttpRequest

Json = Any
CREATED = 1_790_000_000  # answers never look at a clock
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Kind = Literal["other", "reasoning", "content", "finish", "done"]


def dumps(value: Json) -> bytes:
    return _encode(value).encode("utf-8", "replace")  # a lone surrogate cannot leave


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of a stream, or a whole body."""

    data: bytes
    kind: Kind = "other"


@dataclass(frozen=True, slots=True)
class Answer:
    body: Json  # the request
    seen: Seen
    plan: Plan
    seed: str  # hash of the request, for ids
    account: str = ""  # whose state it holds


class Rejected(Exception):
    """The request breaks a rule of the vendor, or the simulator was told to say so."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str | None = None,
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.type, self.param, self.code = type, param, code


@dataclass(frozen=True, slots=True)
class Rules:
    """How strict this upstream is."""

    key: str | None = None
    models: tuple[str, ...] | None = None  # None: any name
    bind_thinking: bool = False  # signatures are valid only behind an unchanged history
    calls: bool = True  # its model calls the tools it is offered
    account: str = ""  # only with the same one can upstreams read each other's opaque reasoning
    trust_opaque: bool = False  # takes opaque reasoning of any maker, as recordings hold it


class Dialect(Protocol):
    """What a protocol folder offers; the folders are modules of this shape."""

    def check(self, body: Json, request: HttpRequest, rules: Rules, counting: bool) -> None:
        """Raises Rejected where the vendor would."""

    def read(self, body: Json) -> Seen: ...
    def history(self, body: Json) -> tuple[str, list[bytes]]: ...
    def whole(self, answer: Answer) -> Json: ...
    def stream(self, answer: Answer) -> list[Frame]: ...
    def counted(self, tokens: int) -> Json: ...

    def error(self, problem: Rejected, request_id: str) -> Json:
        """The error envelope of an HTTP answer."""

    def failure(self, status: int, reason: str | None) -> Rejected:
        """What the vendor says with that status when `reason` is what went wrong."""

    def error_frames(self, answer: Answer, problem: Rejected, sent: int, form: str) -> list[Frame]:
        """An error inside a stream of which `sent` events are out."""

    def error_body(self, answer: Answer, problem: Rejected) -> Json:
        """An error inside a whole answer with status 200."""

    def headers(self, request_id: str, status: int) -> list[tuple[str, str]]: ...


class Stamp:
    """A frame with holes for a text and a number, rendered once."""

    TEXT, NUMBER = "\x00", "\x01"

    def __init__(self, head: str, payload: Json) -> None:
        rendered = head + "data: " + _encode(payload) + "\n\n"
        self._pieces = re.split(r'"\\u000([01])"', rendered)

    def __call__(self, text: str, number: int = 0) -> bytes:
        values = {"0": _encode(text), "1": str(number)}
        filled = (values[p] if i % 2 else p for i, p in enumerate(self._pieces))
        return "".join(filled).encode("utf-8", "replace")


def named(event: str, payload: Json, kind: Kind = "other") -> Frame:
    """An event of the protocols that name them."""
    return Frame(b"event: %b\ndata: %b\n\n" % (event.encode(), dumps(payload)), kind)


def unnamed(payload: Json, kind: Kind = "other") -> Frame:
    return Frame(b"data: %b\n\n" % dumps(payload), kind)


def require(condition: bool, message: str, **details: Any) -> None:
    if not condition:
        raise Rejected(400, message, **details)


def listed(words: Sequence[str], last: str = "and") -> str:
    """`'a', 'b', and 'c'`, as vendors list what they would have accepted."""
    quoted = [f"'{word}'" for word in words]
    comma = "," if len(quoted) > 2 else ""
    return f"{', '.join(quoted[:-1])}{comma} {last} {quoted[-1]}" if quoted[1:] else quoted[0]
