"""Regression cases: one captured call each, as a file that a test can run without any server.

A case holds what the app asked, what the upstream answered, byte for byte, and what the translation
made of both. `bridge.export` writes them; with this file beside them pytest runs them:

    from pathlib import Path

    import pytest

    from bridge.cases import Case, check, load

    CASES = [load(path) for path in Path(__file__).parent.glob("*.json")]

    @pytest.mark.parametrize("case", CASES, ids=str)
    def test_case(case: Case) -> None:
        check(case)

`check` says where today's translation differs. Where that is what you want, change `expected` in
the file, or have it made anew: `save(replace(case, expected=run(case)), path)`.

Hard part: a case has to read well and to mean exact bytes. So a body is JSON where that comes out
as the same bytes again, and a list of lines where it does not. Nothing depends on a clock or a
secret: `now` is in the case, and state is sealed with a key that everybody knows.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from hashlib import sha256
from itertools import zip_longest
from json import dumps as dump_pretty
from pathlib import Path
from typing import Any

from .transform import (
    Native,
    Profile,
    Protocol,
    TransformError,
    Translator,
    encode_refusal,
)
from .transform.json_text import Json, dump_text, dumps, loads
from .transform.profile import read_flags
from .transform.sse import is_event_stream

VERSION = 1
KEY = b"llm-bridge-case"  # seals the state in cases
SHORT = 200  # characters of a value in a message


@dataclass(frozen=True)
class Memory:
    """What the bridge knew of earlier answers; a ledger, for the translator."""

    turns: dict[str, Native] = field(default_factory=dict)  # by digest
    owners: dict[str, str] = field(default_factory=dict)  # of states, by digest

    def knows(self, upstream: str) -> bool:
        return any(native.upstream == upstream for native in self.turns.values())

    def recall(self, keys: Iterable[bytes]) -> Native | None:
        return next((self.turns[key.hex()] for key in keys if key.hex() in self.turns), None)

    def owner(self, state: str) -> str | None:
        return self.owners.get(digest(state))


def digest(state: str) -> str:
    return sha256(state.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True)
class Setup:
    """How the translator is made. `profile` has the flags that matter, as a configuration has them;
    `exact`: the call passed to the app's own host as it was; `stores`: the app may name the answer
    later, and is told so."""

    model: str | None = None
    upstream_id: str = ""
    own_host: bool = False
    exact: bool = False
    stores: bool = False
    now: float = 0.0
    profile: dict[str, Any] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)


@dataclass(frozen=True)
class Answer:
    """The upstream's; not `ended`: the app hung up before its end."""

    body: bytes
    status: int = 200
    request_id: str | None = None
    ended: bool = True


@dataclass(frozen=True)
class Result:
    """What became of a call: what was `sent` to the upstream, and what the app got.

    `refused`: why nothing was sent.
    """

    sent: bytes | None = None
    refused: str = ""
    status: int = 0
    body: bytes | None = None
    stop: str = ""
    usage: dict[str, int] = field(default_factory=dict)
    notes: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Case:
    """`differs`: where the capture was not what the translation gave on the day of the export, and
    why `expected` is that and not what the app got."""

    name: str
    client: Protocol
    upstream: Protocol
    request: bytes
    setup: Setup = field(default_factory=Setup)
    answer: Answer | None = None
    expected: Result = field(default_factory=Result)
    summary: str = ""
    differs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


# --- running


def check(case: Case) -> None:
    """AssertionError, with the first difference of each kind, where the result is not expected."""
    if found := differences(case.expected, run(case)):
        raise AssertionError("\n".join([f"{case.name}: not as expected", *found]))


def run(case: Case, key: bytes = KEY, memory: Any = None) -> Result:
    """What the translation makes of it today."""
    setup = case.setup
    translator = Translator(
        case.client,
        case.upstream,
        setup.model,
        Profile(**read_flags(setup.profile)),
        upstream_id=setup.upstream_id,
        key=key,
        now=setup.now,
        exact=setup.exact,
        ledger=memory or setup.memory,
        own_host=setup.own_host,
    )
    try:
        sent = translator.request(case.request, asked=_asked(case))
    except TransformError as error:
        status, body = encode_refusal(case.client, error)
        return Result(None, str(error), status, body, notes=_noted(translator))
    status, told = _answered(translator, case) if case.answer else (0, None)
    usage = asdict(translator.usage) if translator.usage else {}
    return Result(
        sent,
        "",
        status,
        told,
        translator.finish_reason or "",
        {name: count for name, count in usage.items() if count is not None},
        _noted(translator),
    )


def _asked(case: Case) -> Json:
    """What an answer repeats of the request; None: what stands there."""
    try:
        request = loads(case.request) if case.setup.stores else None
    except ValueError:
        return None
    if not isinstance(request, dict):
        return None
    return {**request, "store": request.get("store") is not False}


def _noted(translator: Translator) -> list[dict[str, str]]:
    return [note._asdict() for note in translator.notes]


def _answered(translator: Translator, case: Case) -> tuple[int, bytes]:
    answer = case.answer
    assert answer is not None
    if answer.status >= 300:
        return translator.error(answer.status, answer.body, answer.request_id)
    wants_stream = loads(case.request).get("stream") is True
    if is_event_stream(answer.body) and (wants_stream or case.setup.exact):
        pieces = translator.stream(answer.body)
        pieces += translator.stream(b"") if answer.ended else []
        return answer.status, b"".join(pieces)
    body = translator.response(answer.body, as_stream=wants_stream and not case.setup.exact)
    return translator.status if translator.failure else answer.status, body


# --- comparing


def differences(expected: Result, made: Result) -> list[str]:
    """A line for each field that is not the same."""
    found = ((f.name, getattr(expected, f.name), getattr(made, f.name)) for f in fields(Result))
    return [f"{name}: {_difference(a, b)}" for name, a, b in found if a != b]


def _difference(expected: Any, made: Any) -> str:
    if not isinstance(expected, bytes) or not isinstance(made, bytes):
        return next(_apart("", expected, made))
    try:
        values = loads(expected), loads(made)
    except ValueError:
        return _line(expected, made)
    return next(_apart("", *values), "the same values, but not the same bytes")


def _line(expected: bytes, made: bytes) -> str:
    """The first line that differs; of an event what differs in it."""
    pairs = enumerate(zip_longest(expected.split(b"\n"), made.split(b"\n")), 1)
    number, (a, b) = next((n, pair) for n, pair in pairs if pair[0] != pair[1])
    if a and b and a.startswith(b"data: {") and b.startswith(b"data: {"):
        return f"line {number}: {_difference(a[6:], b[6:])}"
    return f"line {number}: {_short(a)} expected, {_short(b)} made"


def _apart(path: str, expected: Any, made: Any) -> Iterator[str]:
    """The places where two values differ."""
    match expected, made:
        case dict(), dict():
            for name in dict.fromkeys([*expected, *made]):
                below = f"{path}.{name}" if path else name
                yield from _apart(below, expected.get(name, MISSING), made.get(name, MISSING))
        case list(), list():
            for index, pair in enumerate(zip_longest(expected, made, fillvalue=MISSING)):
                yield from _apart(f"{path}[{index}]", *pair)
        case _ if expected != made or type(expected) is not type(made):
            at = f"{path}: " if path else ""
            yield f"{at}{_short(expected)} expected, {_short(made)} made"


class _Missing:
    pass


MISSING = _Missing()


def _short(value: Any) -> str:
    if value is MISSING or value is None:
        return "nothing"
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else dump_text(value)
    return text if len(text) <= SHORT else f"{text[:SHORT]}..."


# --- files


def load(path: str | Path) -> Case:
    """ValueError for a file that is no case, or one of a later version."""
    document = loads(Path(path).read_bytes())
    if not isinstance(document, dict) or document.get("case") != VERSION:
        raise ValueError(f"{path}: is no regression case of version {VERSION}")
    setup, expected = document["setup"], document["expected"]
    memory = Memory(
        {key: _native(native) for key, native in setup["memory"]["turns"].items()},
        setup["memory"]["owners"],
    )
    bodies = {name: _bytes(expected[name]) for name in ("sent", "body")}
    return Case(
        name=document["name"],
        client=document["client"],
        upstream=document["upstream"],
        request=_bytes(document["request"]) or b"",
        setup=Setup(**{**setup, "memory": memory}),
        answer=_answer(document["answer"]),
        expected=Result(**{**expected, **bodies}),
        summary=document["summary"],
        differs=tuple(document["differs"]),
    )


def save(case: Case, path: str | Path) -> None:
    document = dumped(case)
    try:
        text = dump_pretty(document, indent=2, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a character, as some apps send
        text = dump_pretty(document, indent=2).encode()
    Path(path).write_bytes(text + b"\n")


def dumped(case: Case) -> dict[str, Json]:
    """As the file has it."""
    answer, expected = case.answer, case.expected
    return {
        "case": VERSION,
        "name": case.name,
        "summary": case.summary,
        "differs": list(case.differs),
        "client": case.client,
        "upstream": case.upstream,
        "setup": asdict(case.setup),
        "request": _shown(case.request),
        "answer": {**asdict(answer), "body": _shown(answer.body)} if answer else None,
        "expected": {
            **asdict(expected),
            "sent": _shown(expected.sent),
            "body": _shown(expected.body),
        },
    }


def _native(value: Mapping[str, Any]) -> Native:
    return Native(**{**value, "blocks": tuple(value["blocks"])})


def _answer(value: Mapping[str, Any] | None) -> Answer | None:
    return Answer(**{**value, "body": _bytes(value["body"]) or b""}) if value else None


def _shown(body: bytes | None) -> Json:
    if body is None:
        return None
    try:
        value = loads(body)
        if isinstance(value, dict) and dumps(value) == body:
            return value
    except ValueError:
        pass
    return body.decode().split("\n")


def _bytes(shown: Json) -> bytes | None:
    match shown:
        case None:
            return None
        case list():
            return "\n".join(shown).encode()
        case _:
            return dumps(shown)
