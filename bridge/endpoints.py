"""The endpoints beside the call itself: models, token counting, stored answers, compaction.

In: a request's method, path and headers. Out: which of them it is, and what needs no upstream to be
answered: lists of models, refusals; for counting what goes to an upstream that counts, and what its
answer says. The one hard thing is the models path, which both vendors have, each in its own shape.
What is not recognised here (batches, files, conversations) passes untouched.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote

from .transform import Error, Protocol
from .transform.json_text import Json
from .upstream import Upstream, glob

type Kind = Literal[
    "models", "model", "count", "compact", "response", "delete", "cancel", "input_items", "socket"
]

# method, end of the path, what it is, whose dialect; None: the headers tell
SIDES: tuple[tuple[str, str, Kind, Protocol | None], ...] = (
    ("GET", "/models", "models", None),
    ("GET", "/models/ID", "model", None),
    ("POST", "/messages/count_tokens", "count", "anthropic_messages"),
    ("POST", "/responses/input_tokens", "count", "openai_responses"),
    ("POST", "/responses/compact", "compact", "openai_responses"),
    ("GET", "/responses/ID", "response", "openai_responses"),
    ("DELETE", "/responses/ID", "delete", "openai_responses"),
    ("POST", "/responses/ID/cancel", "cancel", "openai_responses"),
    ("GET", "/responses/ID/input_items", "input_items", "openai_responses"),
    ("GET", "/responses", "socket", "openai_responses"),
)
# Hosts that have more than an API, or another one too -> where they list the models of this one.
# Anywhere else it may be under any base.
MODELS_AT = (
    ("api.anthropic.com", "/v1"),
    ("api.openai.com", "/v1"),
    ("*.api.openai.com", "/v1"),
    ("chatgpt.com", "/backend-api/codex"),
    ("openrouter.ai", "/api/v1"),
    ("generativelanguage.googleapis.com", "/v1*/openai"),
)
PATTERNS = tuple(
    (method, re.compile(f"(?:/.*)?{end.replace('ID', '(?P<id>[^/]+)')}"), kind, dialect)
    for method, end, kind, dialect in SIDES
)


@dataclass(frozen=True, slots=True)
class Side:
    """A request to one of them; `id` is the one in its path, `query` what stands behind that."""

    kind: Kind
    dialect: Protocol
    id: str = ""
    query: Mapping[str, str] = field(default_factory=dict)


def side(method: str, path: str, headers: Iterable[tuple[str, str]], host: str = "") -> Side | None:
    """None: none of these endpoints."""
    place, _, query = path.partition("?")
    for expected, pattern, kind, dialect in PATTERNS:
        found = pattern.fullmatch(place.rstrip("/"))
        if found and method.upper() == expected and _is_there(kind, place, host):
            name = unquote(found.groupdict().get("id", ""))
            return Side(kind, dialect or _dialect(headers), name, dict(parse_qsl(query)))
    return None


def _is_there(kind: Kind, place: str, host: str) -> bool:
    at = next((base for name, base in MODELS_AT if glob(name, host.lower())), None)
    if at is None or kind not in ("models", "model"):
        return True
    return glob(f"{at}/models*", place)


def place(asked: Side) -> str:
    """Where a vendor has it."""
    end = next(end for _, end, kind, _ in SIDES if kind == asked.kind)
    return "/v1" + end.replace("ID", quote(asked.id, safe=""))


def _dialect(headers: Iterable[tuple[str, str]]) -> Protocol:
    anthropic = any(name.lower() == "anthropic-version" for name, _ in headers)
    return "anthropic_messages" if anthropic else "openai_chat"


# What makes an app that opens a WebSocket first, as Codex does, go on with HTTP at once.
NO_SOCKET = Error("invalid_request", "bridge: there is no WebSocket here; use HTTP", 426)

# --- models


# Where upstreams list theirs; Anthropic's would give the first twenty.
MODELS: dict[Protocol, str] = {
    "anthropic_messages": "/v1/models?limit=1000",
    "openai_chat": "/v1/models",
    "openai_responses": "/v1/models",
}


# Codex asks for a catalogue: not only names, but how each model is to be instructed, which nobody
# here knows. It goes on with the one that it brings, and cannot read a list of names.
NO_CATALOGUE: Json = {"models": []}


def asks_for_catalogue(asked: Side) -> bool:
    return asked.kind == "models" and "client_version" in asked.query


def models(upstreams: Iterable[Upstream], dialect: Protocol) -> Json:
    """The names an app may ask for, as far as the model maps of `upstreams` say them."""
    return _list(
        [_described(name, owner, dialect) for name, owner in _owners(upstreams).items()], dialect
    )


def model(upstreams: Iterable[Upstream], name: str, dialect: Protocol) -> Json:
    """One by its name, which need not be listed: patterns stand for more, but one for everything
    says nothing of any. None: nobody has it."""
    known = list(upstreams)
    meant = (
        upstream.name
        for upstream in known
        for pattern, _ in upstream.models
        if pattern != "*" and glob(pattern, name)
    )
    owner = _owners(known).get(name) or next(meant, None)
    return None if owner is None else _described(name, owner, dialect)


def maps_models(upstreams: Iterable[Upstream]) -> bool:
    """Whether they say what an app may ask for; else that is what an upstream has."""
    return any(upstream.models for upstream in upstreams)


def models_of(told: Json, owner: str, dialect: Protocol) -> Json:
    """The list of an upstream, in the dialect of the app; an empty one where it has none."""
    data = told.get("data") if isinstance(told, dict) else None
    named = (
        [m for m in data if isinstance(m, dict) and isinstance(m.get("id"), str)]
        if isinstance(data, list)
        else []
    )
    return _list([_described(m["id"], owner, dialect, _created(m)) for m in named], dialect)


def _created(model: Mapping[str, Json]) -> float:
    """Seconds since the epoch, 0 where it does not say."""
    created, stamp = model.get("created"), model.get("created_at")
    if isinstance(created, int | float):
        return created
    try:
        return datetime.fromisoformat(stamp).timestamp() if isinstance(stamp, str) else 0
    except ValueError:
        return 0


def _list(found: list[dict[str, Json]], dialect: Protocol) -> Json:
    if dialect != "anthropic_messages":
        return {"object": "list", "data": found}
    ends = {"first_id": found[0]["id"], "last_id": found[-1]["id"]} if found else NO_ENDS
    return {"data": found, "has_more": False, **ends}


NO_ENDS = {"first_id": None, "last_id": None}


def _owners(upstreams: Iterable[Upstream]) -> dict[str, str]:
    """Each name with the first upstream that has it."""
    owners: dict[str, str] = {}
    for upstream in upstreams:
        for pattern, target in upstream.models:
            wild = "*" in pattern or "?" in pattern
            owners.setdefault(target if wild else pattern, upstream.name)
    return owners


def _described(name: str, owner: str, dialect: Protocol, created: float = 0) -> dict[str, Json]:
    """Where nobody knows when it was made, it is as old as time."""
    if dialect != "anthropic_messages":
        return {"id": name, "object": "model", "created": int(created), "owned_by": owner}
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
        "line": None,
        "deprecated_at": None,
        "retires_at": None,
        "max_input_tokens": None,
        "max_tokens": None,
        "capabilities": None,
    }


# --- counting tokens

# The endpoints of vendors that count, and what of a request they take.
COUNT_PATHS: dict[Protocol, str] = {
    "anthropic_messages": "/v1/messages/count_tokens",
    "openai_responses": "/v1/responses/input_tokens",
}
COUNTED: dict[Protocol, frozenset[str]] = {
    "anthropic_messages": frozenset(
        """
        model messages system tools tool_choice thinking output_config cache_control speed
        context_management mcp_servers compaction billing_policy
        """.split()
    ),
    "openai_responses": frozenset(
        """
        model input instructions tools tool_choice parallel_tool_calls reasoning text truncation
        personality previous_response_id conversation
        """.split()
    ),
}
COMPACT = "/v1/responses/compact"
ESTIMATED = ("x-bridge-estimate", "1")  # a header of answers that nobody has counted


def count_path(upstream: Protocol) -> str | None:
    """The endpoint that counts; None: it has to be estimated."""
    return COUNT_PATHS.get(upstream)


def count_request(upstream: Protocol, body: Mapping[str, Json]) -> Json:
    """What of `body`, a translated request, the counting endpoint takes."""
    return {key: value for key, value in body.items() if key in COUNTED[upstream]}


def count_of(body: Json) -> int | None:
    """What an upstream has counted; None where it does not say."""
    count = body.get("input_tokens") if isinstance(body, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def count_answer(dialect: Protocol, tokens: int) -> Json:
    if dialect == "anthropic_messages":
        return {"input_tokens": tokens}
    return {"object": "response.input_tokens", "input_tokens": tokens}


# --- refusals


def refusal(asked: Side) -> Error | None:
    """What is refused whatever is known, as it needs an answer that goes on in the background."""
    if asked.kind == "cancel":
        return _invalid("only responses in the background can be cancelled, there are none", "id")
    if asked.kind == "response" and asked.query.get("stream") == "true":
        return _invalid("only responses in the background can be streamed again", "stream")
    return None


def unknown(asked: Side) -> Error:
    """Of the thing with that id nothing is known."""
    if asked.kind == "model":
        message = f"bridge: there is no model '{asked.id}'"
        return Error("model_not_found", message, 404, code="model_not_found", param="model")
    return _invalid(f"there is no response with id '{asked.id}'", "id", 404)


def _invalid(message: str, param: str, status: int = 400) -> Error:
    return Error("invalid_request", f"bridge: {message}", status, param=param)


def deleted(response_id: str) -> Json:
    return {"id": response_id, "object": "response", "deleted": True}
