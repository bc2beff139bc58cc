"""What became of a request, and who is to be left alone for it.

In: a status, and the kind of error that the answer told, or hid in a 200. Out: whose fault it was,
and whether another upstream may do better. Hard part: one status says different things. A 401 is
the app's own business where the app's own key was sent, and a 400 may mean an empty account.
"""

import re
from dataclasses import dataclass
from typing import Literal, assert_never

from .settings import STATUSES, Failover
from .transform.answers import Error, ErrorKind
from .transform.errors import STATUS_KINDS
from .upstream import Target, glob

# Who has to be well for the next try: this key, this model, or the upstream as such.
type Blame = Literal["key", "model", "upstream"]


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer came, with this status; `kind` where it holds an error, whatever the status."""

    status: int
    retry_after: float | None = None  # seconds
    kind: ErrorKind | None = None


@dataclass(frozen=True, slots=True)
class ConnectionFailed:
    """Refused, reset, unresolved, no TLS, nothing in time: there was no answer."""

    reason: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The client hung up before there was anything to learn."""


type Probe = Answered | ConnectionFailed
type Outcome = Probe | Cancelled

# All other kinds are the fault of the request, which would be refused anywhere.
BLAME: dict[ErrorKind, Blame] = {
    "rate_limit": "key",
    "billing": "key",
    "authentication": "key",
    "permission": "key",
    "model_not_found": "model",
    "server": "upstream",
    "overloaded": "upstream",
    "timeout": "upstream",
}
# Of these only the upstream's own key is to blame; the app is told about its own.
OWN_KEY: tuple[ErrorKind, ...] = ("authentication", "permission")
# Kinds that a status tells by itself, so that `failover.statuses` decides.
BY_STATUS: tuple[ErrorKind, ...] = ("rate_limit", "server", "overloaded", "timeout")
# Codes of errors whose kind does not say that it is this account, region or model that cannot.
ELSEWHERE = (
    "unsupported_country_region_territory",
    "data_residency_mismatch",
    "organization_on_hold",
    "model_not_supported",  # GitHub Copilot
    "model_decommissioned",  # Groq
    "model_terms_required",  # Groq: nobody accepted them for this account
)
# What errors say that mean this model, or this server, has no such thing, whoever asks for it. Only
# the request is told elsewhere: others may well be answered here.
CANNOT = re.compile(
    r"\btools? (is|are) not supported"
    r"|(does not|doesn't) support (tools?|function calling|images?)\b"
    r"|no endpoints found|not a chat model|unsupported image input|not a multimodal model"
    # the address is no endpoint
    r"|\A(404:? )?(page |resource |url |route |path |endpoint )?not found\.?\Z|\binvalid url\b"
    r"|\b404 not found\b|\bcannot post\b|no route matches|unknown (request )?(url|endpoint|route)",
    re.IGNORECASE,
)
WORDS: dict[ErrorKind, str] = {
    "rate_limit": "too many requests",
    "billing": "the account cannot pay",
    "authentication": "the key is refused",
    "permission": "the key may not do that",
    "model_not_found": "no such model",
    "server": "server error",
    "overloaded": "overloaded",
    "timeout": "timed out",
}


def blame(answer: Answered, *, own_key: bool) -> Blame | None:
    """Who is at fault that the answer is an error; None: nobody, or the request itself."""
    if answer.status == 429:
        return "key"
    kind = kind_of(answer)
    if kind is None or (kind in OWN_KEY and not own_key):
        return None
    return BLAME.get(kind)


def went_wrong(outcome: Outcome, *, own_key: bool) -> bool:
    """Whether somebody other than the request and the app is to blame."""
    match outcome:
        case Answered():
            return blame(outcome, own_key=own_key) is not None
        case ConnectionFailed():
            return True
        case Cancelled():
            return False
        case _:
            assert_never(outcome)


def kind_of(answer: Answered) -> ErrorKind | None:
    """What went wrong; None: nothing."""
    if answer.kind is not None or answer.status < 400:
        return answer.kind
    usual: ErrorKind = "server" if answer.status >= 500 else "invalid_request"
    return STATUS_KINDS.get(answer.status, usual)


def reason_of(answer: Answered) -> str:
    """The error of an answer in a few words."""
    kind = kind_of(answer)
    return f"{answer.status} {WORDS.get(kind, '') if kind else ''}".strip()


def is_failure(error: Error, target: Target, failover: Failover) -> bool:
    """Whether the request of this error may do better elsewhere."""
    if 400 <= error.status < 500 and _named(failover.errors, error.message):
        return True
    listed = error.status in failover.statuses
    if (error.code or "").lower() in ELSEWHERE:
        return True
    if error.kind in ("invalid_request", "not_found") and CANNOT.search(error.message):
        return True
    if error.kind not in BLAME:
        return listed and error.status < 500  # somebody wants it so; a 5xx does not tell the fault
    if error.kind in OWN_KEY and target.api_key is None:
        return listed
    if error.kind in BY_STATUS and error.status in STATUSES:
        return listed  # or it was taken off the list
    return True


def _named(patterns: tuple[str, ...], message: str) -> bool:
    return any(glob(pattern.lower(), message.lower()) for pattern in patterns)
