"""A captured call as a regression case.

In: the record of a call, and how the bridge makes requests for its upstream. Out: a `Case` that
passes today. Hard part: it goes out of the house. So credentials are taken out of what came in and
state is sealed anew, and what is expected is made of that: where nothing had to go, it is what the
app got.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from .cases import KEY, Answer, Case, Memory, Result, Setup, differences, digest, run
from .credentials import credentials_in, hide
from .scrub import scrub
from .transform import Native, Profile, Protocol
from .transform.cut_json import without_mark
from .transform.envelope import MARK, seal, unseal
from .transform.json_text import Json, dump_text, loads
from .transform.reading import read_answer
from .transform.sse import COMMENT
from .transform.translator import CODECS
from .transform.turn import Ledger, said

ENVELOPE = re.compile(MARK + r"\.[\w-]+\.[\w-]+")
STORED = "openai_responses"  # the protocol in which an app can name an answer
UNSENT = ("refused", "busy")  # outcomes of an attempt
# Noted of what was known before, not by the translation.
OUTSIDE = ("request_repaired",)


class NoCase(ValueError):
    """Why a call makes no case."""


@dataclass(frozen=True)
class Known:
    """What the record does not say: how requests for the upstream are made, with which `key` state
    was sealed, whether answers are kept for apps (`stores`), and which `credentials` were about."""

    profile: Profile
    upstream_id: str
    own_host: bool
    key: bytes
    stores: bool = False
    ledger: Ledger | None = None
    request_id: str | None = None
    credentials: tuple[str, ...] = ()


def case_of(
    name: str, record: Mapping[str, Any], request: bytes, known: Known, summary: str = ""
) -> Case:
    """Of the last attempt of a call with this record; `request` is what the app sent."""
    captured = _captured(name, record, _as_recorded(request), known, summary)
    asked = _Asked(known.ledger) if known.ledger else None
    made = run(captured, known.key, asked)
    differs = tuple(differences(_got(record, made), _quiet(captured.client, made)))
    case = _clean(replace(captured, differs=differs), asked.memory if asked else Memory(), known)
    case = replace(case, expected=run(case))
    _refuse_credentials(case, known)
    return _with_flags_that_matter(case)


def _as_recorded(request: bytes) -> bytes:
    """Without the credentials that the bodies of the record do not have either."""
    try:
        credentials = credentials_in(loads(request))
    except ValueError:
        return request
    return (
        hide(request.decode("utf-8", "replace"), credentials).encode() if credentials else request
    )


def _captured(
    name: str, record: Mapping[str, Any], request: bytes, known: Known, summary: str
) -> Case:
    [*_, last] = record.get("attempts") or [{}]
    passed = not record["route"]
    model = record["model"]
    setup = Setup(
        model=None if model["used"] == model["asked"] else model["used"],
        upstream_id=known.upstream_id,
        own_host=known.own_host or passed,
        exact=passed,
        stores=known.stores and record["client"] == STORED and record["upstream"] != STORED,
        now=record["started"] + last.get("started", 0.0),
        profile={} if passed else _flags(known.profile),
    )
    return Case(
        name,
        record["client"],
        record["upstream"],
        request,
        setup,
        _answer(record, last, known.request_id),
        summary=summary,
    )


def _answer(
    record: Mapping[str, Any], attempt: Mapping[str, Any], request_id: str | None
) -> Answer | None:
    body = record["bodies"].get("upstream_response")
    if body is None:
        return None
    if without_mark(body.encode())[1]:
        raise NoCase("its record keeps no more than the first MiB of the answer")
    ended = attempt["outcome"] != "cancelled"
    return Answer(body.encode(), attempt["status"], request_id, ended)


# --- what the record says


def _got(record: Mapping[str, Any], made: Result) -> Result:
    """What was sent, and what the app got; `made` where the record does not know."""
    bodies, notes = record["bodies"], record.get("notes")
    [*_, last] = record.get("attempts") or [{"outcome": "refused"}]
    sent = bodies.get("upstream_request", bodies.get("client_request"))
    body = bodies.get("client_response", bodies.get("upstream_response"))
    known: dict[str, Any] = {}
    if last["outcome"] in UNSENT:
        known["sent"] = None
    elif sent is not None and not without_mark(sent.encode())[1]:
        known["sent"] = sent.encode()
    if "client_request" in bodies and not (body and without_mark(body.encode())[1]):
        known["body"] = None if body is None else body.encode()
    if notes is not None:
        known["notes"] = [
            {key: note[key] for key in ("code", "where", "detail")}
            for note in notes
            if note["code"] not in OUTSIDE
        ]
    return _quiet(record["client"], replace(made, **known))


def _quiet(client: Protocol, result: Result) -> Result:
    """Without what only says that the answer is still being made, which depends on the time."""
    body = result.body
    for sign in (CODECS[client].PING, COMMENT):
        body = body and body.replace(sign, b"")
    return replace(result, body=body)


@dataclass
class _Asked:
    """A ledger, and what it was asked and knew."""

    ledger: Ledger
    memory: Memory = field(default_factory=Memory)

    def knows(self, upstream: str) -> bool:
        return self.ledger.knows(upstream)

    def recall(self, keys: Iterable[bytes]) -> Native | None:
        keys = list(keys)
        native = self.ledger.recall(keys)
        if native is not None:
            self.memory.turns[keys[0].hex()] = native
        return native

    def owner(self, state: str) -> str | None:
        owner = self.ledger.owner(state)
        if owner is not None:
            self.memory.owners[digest(state)] = owner
        return owner


# --- what may go out


def _clean(case: Case, memory: Memory, known: Known) -> Case:
    def clean(text: str) -> str:
        return scrub(ENVELOPE.sub(_resealed, text), known.credentials)

    def _resealed(found: re.Match[str]) -> str:
        native = unseal(found[0], known.key)
        return seal(native, KEY) or found[0] if isinstance(native, Native) else found[0]

    def cleaned(native: Native) -> Native:
        blocks: tuple[Json, ...] = tuple(loads(clean(dump_text(b))) for b in native.blocks)
        return replace(native, blocks=blocks)

    turns = {key: cleaned(native) for key, native in memory.turns.items()}
    answer = case.answer
    return replace(
        case,
        request=clean(case.request.decode("utf-8", "replace")).encode(),
        setup=replace(case.setup, memory=Memory(turns, memory.owners)),
        answer=answer and replace(answer, body=clean(answer.body.decode()).encode()),
        summary=clean(case.summary),
        differs=tuple(map(clean, case.differs)),
    )


def _refuse_credentials(case: Case, known: Known) -> None:
    """NoCase where one is left, such as one that came in pieces."""
    for text in _texts(case):
        if scrub(text, known.credentials) != text:
            raise NoCase("its answer spells, in pieces, what looks like a credential")


def _texts(case: Case) -> Iterator[str]:
    for body in (case.expected.sent, case.expected.body):
        yield (body or b"").decode("utf-8", "replace")
    if case.answer and (told := read_answer(case.upstream, case.answer.body).response):
        spoken = said(told.parts)
        yield spoken.text
        yield from (arguments for _, arguments in spoken.calls)


# --- flags


def _flags(profile: Profile) -> dict[str, Any]:
    """Those that are not as they usually are, as a configuration has them."""
    usual = Profile()
    values = {f.name: getattr(profile, f.name) for f in fields(Profile)}
    return {name: _plain(value) for name, value in values.items() if value != getattr(usual, name)}


def _plain(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    if value and all(isinstance(item, tuple) for item in value):
        return {name: _plain(inner) for name, inner in value}
    return list(value)


def _with_flags_that_matter(case: Case, among: tuple[str, ...] | None = None) -> Case:
    """`case` without those of `among` that change nothing."""
    flags = case.setup.profile
    among = tuple(flags) if among is None else among
    fewer = {name: value for name, value in flags.items() if name not in among}
    less = replace(case, setup=replace(case.setup, profile=fewer))
    if not among or run(less) == case.expected:
        return less
    if len(among) == 1:
        return case
    half = len(among) // 2
    return _with_flags_that_matter(_with_flags_that_matter(case, among[:half]), among[half:])
