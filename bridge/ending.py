"""What an app is told when no attempt is left: the most useful of what the attempts were answered.

In: the attempts that failed. Out: one of them, and what its error says of the others: how often it
was tried, and when it is honestly worth another try.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil

from .attempt import Failed
from .trace import Attempt
from .transform import Error
from .transform.answers import ErrorKind
from .transform.headers import Headers

# Whose error says most to the app, the most useful first.
USEFUL: tuple[ErrorKind, ...] = (
    "rate_limit",
    "overloaded",
    "server",
    "timeout",
    "billing",
    "model_not_found",
    "permission",
    "authentication",
)
COMES_BACK: tuple[ErrorKind, ...] = ("rate_limit", "overloaded")  # with time


def best(failed: Iterable[Failed]) -> Failed:
    return min(failed, key=_usefulness)


def after(error: Error, attempts: Sequence[Attempt]) -> Error:
    """`error`, which says how often it was tried, if that was more than once."""
    if len(attempts) < 2:
        return error
    told = ", ".join(f"{a.upstream} {a.status or a.outcome}" for a in attempts)
    return replace(
        error, message=f"{error.message} (bridge: after {len(attempts)} attempts: {told})"
    )


def marked(headers: Headers, error: Error, tries: int, recovery: float) -> Headers:
    """`recovery`: seconds until some upstream is well again, 0 when one is."""
    marks = [("x-bridge-attempts", str(tries))] if tries > 1 else []
    seconds = ceil(recovery)
    if error.kind in COMES_BACK and seconds and (tries > 1 or not _has(headers, "retry-after")):
        headers = [(n, v) for n, v in headers if not n.lower().startswith("retry-after")]
        marks.append(("retry-after", str(seconds)))
    return [*headers, *marks]


def _usefulness(failed: Failed) -> int:
    """Less is more; what an upstream told comes before what the bridge had to guess."""
    kind = failed.error.kind
    place = USEFUL.index(kind) if kind in USEFUL else len(USEFUL)
    return place + (len(USEFUL) if failed.reply is None and not failed.status else 0)


def _has(headers: Headers, wanted: str) -> bool:
    return any(name.lower() == wanted for name, _ in headers)
