"""What the pages of the bridge answer: paths in, pages out, whoever serves them.

In: a request's method, path below the pages' own, query and body. Out: a status, a type, bytes. The
same answers come from mitmweb's own server and through the proxy. Hard part: these pages act (use,
reset, check), so a site that a browser has open besides must not be able to: what acts has a header
that other sites cannot send.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import Protocol as Interface
from urllib.parse import unquote

from ..history.calls import History, status
from ..history.metrics import metrics
from ..transform.json_text import Json, dumps, loads
from .call import PARTS, call_page

HERE = Path(__file__).parent / "assets"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
JSON = "application/json"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
CALL = "api/call/"
GUARD = "x-bridge"  # the header, in lower case, that a request which acts has to have
OWN = ("none", "same-origin")  # what browsers call requests that no other site makes
MOST = 1_000  # rows of a list
# For all of them: nothing comes from elsewhere, and nobody frames them.
HEADERS: tuple[tuple[str, str], ...] = (
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """`path` is below the pages' own, without a slash in front; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Page:
    status: int
    type: str
    body: bytes
    location: str = ""  # where it is instead


class Source(Interface):
    """What the pages show, and what they can do to it. ValueError: not with this upstream."""

    history: History

    def under_way(self, limit: int) -> list[dict[str, Any]]: ...
    def call(self, call_id: str) -> dict[str, Any] | None: ...
    def status(self) -> dict[str, Any]: ...
    def use(self, upstream: str | None) -> list[Any]: ...
    def reset(self, upstream: str | None) -> list[Any]: ...
    def check(self) -> list[str]: ...
    def findings(self) -> list[dict[str, Any]]: ...


def respond(asked: Asked, source: Source, now: float) -> Page | Callable[[], Page]:
    """`now` is seconds since the epoch.

    What takes its time, for a body is read and compared, is a function that can be called in
    another thread: it has all that it needs.
    """
    head, _, rest = asked.path.partition("/")
    if head == "api" and not _is_own(asked):
        return _json({"error": "these pages answer to themselves alone"}, 403)
    if asked.method in ("GET", "HEAD"):
        if asked.path in ASSETS:
            return ASSETS[asked.path]
        if asked.path in PLAIN:
            return PLAIN[asked.path](source, now)
        if asked.path.startswith(CALL):
            return _call(unquote(asked.path.removeprefix(CALL)), asked, source)
        if head == "api" and (found := _read(rest, asked.query, source, now)) is not None:
            return _json(found)
    elif asked.method == "POST" and asked.path in ACTIONS:
        return _act(asked, source)
    return _missing(asked)


def _is_own(asked: Asked) -> bool:
    return asked.headers.get("sec-fetch-site", "none") in OWN


def examines(asked: Asked) -> bool:
    """Whether upstreams are to be asked before it is answered."""
    return (asked.method, asked.path) == ("GET", "api/doctor") and _is_own(asked)


def _missing(asked: Asked) -> Page:
    return _json({"error": f"there is no {asked.method} /{asked.path}"}, 404)


def _read(path: str, query: Mapping[str, str], source: Source, now: float) -> Json:
    """None: nothing is there."""
    name, _, key = path.partition("/")
    history = source.history
    limit = number(query, "limit", 200, MOST)
    match name:
        case "state":
            calls = {"calls": history.calls(50), "under_way": source.under_way(50)}
            return {"now": now, **status(source.status(), history), **calls}
        case "doctor":
            return {"now": now, "findings": source.findings()}
        case "series":
            seconds = number(query, "seconds", 3_600, 24 * 3_600)
            return history.series(now, seconds, number(query, "buckets", 60, 500))
        case "calls":
            return history.calls(limit, query.get("conversation"), query.get("kind"))
        case "conversations":
            return history.conversations(limit)
        case "conversation":
            return history.conversation(unquote(key))
        case _:
            return None


def _call(call_id: str, asked: Asked, source: Source) -> Page | Callable[[], Page]:
    record = source.call(call_id)
    if record is None:
        return _missing(asked)
    used = (record.get("model") or {}).get("used") or ""
    cost = source.history.prices.cost(record.get("usage") or {}, used)
    parts = (asked.query["part"],) if "part" in asked.query else PARTS
    return lambda: _json(call_page(call_id, record, parts, cost))


def number(query: Mapping[str, str], name: str, usual: int, most: int, least: int = 1) -> int:
    value = query.get(name, "")
    return min(max(least, int(value)), most) if value.isdecimal() and len(value) < 10 else usual


def _act(asked: Asked, source: Source) -> Page:
    if GUARD not in asked.headers:
        return _json({"error": f"what acts has the header {GUARD}: 1"}, 403)
    try:
        told = loads(asked.body or b"{}")
        upstream = told.get("upstream") if isinstance(told, dict) else None
        done = ACTIONS[asked.path](source, upstream if isinstance(upstream, str) else None)
    except ValueError as error:
        return _json({"error": str(error)}, 400)
    return _json({"done": [str(change) for change in done]})


def _json(value: Json, code: int = 200) -> Page:
    return Page(code, JSON, dumps(value))


ACTIONS: dict[str, Callable[[Source, str | None], list[Any]]] = {
    "api/use": lambda source, upstream: source.use(upstream),
    "api/reset": lambda source, upstream: source.reset(upstream),
    "api/check": lambda source, upstream: source.check(),
}
PLAIN: dict[str, Callable[[Source, float], Page]] = {
    "status": lambda source, now: _json({"now": now, **status(source.status(), source.history)}),
    "metrics": lambda source, now: Page(
        200, TEXT, metrics(source.status(), source.history).encode()
    ),
}


def _assets() -> dict[str, Page]:
    """By their paths; the first page has none."""
    files = {file.name: Page(200, TYPES[file.suffix], file.read_bytes()) for file in HERE.iterdir()}
    doctor = Page(302, TYPES[".html"], b"", location="./#/doctor")
    return {**files, "": files["index.html"], "doctor": doctor}


ASSETS = _assets()
