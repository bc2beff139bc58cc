"""A request in, the answer the vendor would give out: pure, but for the faults that change it.

Faults about the content are applied here, those about delivery (`delivery.py`) later.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

from . import anthropic_messages, models, openai_chat, openai_responses
from .dialect import Answer, Dialect, Frame, Rejected, Rules, dumps
from .encodings import BadEncoding, decode
from .faults import Fault, find
from .plan import make_plan
from .wire import HttpRequest

Json = Any

DIALECTS: dict[str, Dialect] = {
    "messages": anthropic_messages,
    "messages/count_tokens": anthropic_messages,
    "chat/completions": openai_chat,
    "responses": openai_responses,
    "responses/input_tokens": openai_responses,
}
COUNTING = ("messages/count_tokens", "responses/input_tokens")
NOT_OFFERED = 426
WITHOUT_V1 = ("chat/completions", "models")  # compatible servers live under any path
OPERATION = re.compile(
    r"(?P<base>(?:/.*)?)/(?P<operation>messages/count_tokens|messages|chat/completions|"
    r"responses/input_tokens|responses|models)(?:/(?P<id>[^?]+))?"
)
NAME = re.compile(r"[\w.-]+")
STREAM = "text/event-stream; charset=utf-8"
HTML = b"<html>\n<head><title>Bad gateway</title></head>\n<body>Bad gateway</body>\n</html>\n"
NOT_JSON = "We could not parse the JSON body of your request."


@dataclass(frozen=True, slots=True)
class Place:
    """What a path asks for, of whom."""

    upstream: str
    operation: str
    id: str | None = None


@dataclass(slots=True)
class Reply:
    status: int
    headers: list[tuple[str, str]]
    frames: list[Frame]
    streamed: bool = False
    burst: bool = False


@dataclass(slots=True)
class Exchange:
    """A request on its way to an answer."""

    request: HttpRequest
    place: Place | None
    dialect: Dialect
    raw: bytes = b""  # the body, decoded
    body: Json = None  # and parsed, None if it is no JSON
    problem: Rejected | None = None  # why there is no body
    number: int = 0  # of arrival
    refusal: str | None = None  # which rule it breaks
    seed: str = field(default="")

    @property
    def stream_asked(self) -> bool:
        return isinstance(self.body, dict) and self.body.get("stream") is True

    @property
    def model(self) -> str:
        model = self.body.get("model") if isinstance(self.body, dict) else None
        return model if isinstance(model, str) else ""


def locate(path: str) -> Place | None:
    match = OPERATION.fullmatch(path)
    if match is None or (match["id"] and match["operation"] != "models"):
        return None
    operation = match["operation"]
    base = match["base"].strip("/").split("/") if match["base"].strip("/") else []
    versioned = base[-1:] == ["v1"]
    base = base[:-1] if versioned else base
    if "v1" in base or "" in base or not (versioned or operation in WITHOUT_V1):
        return None
    name = base[0] if base else "default"
    return Place(name, operation, match["id"]) if NAME.fullmatch(name) else None


def dialect_of(request: HttpRequest, place: Place | None) -> Dialect:
    if place is not None and place.operation in DIALECTS:
        return DIALECTS[place.operation]
    anthropic = request.header("anthropic-version") is not None or "/messages" in request.path
    return anthropic_messages if anthropic else openai_chat


def open_exchange(request: HttpRequest) -> Exchange:
    place = locate(request.path)
    exchange = Exchange(request, place, dialect_of(request, place), request.body)
    try:
        exchange.raw = decode(request.body, request.header("content-encoding"))
        if place is not None and place.operation in DIALECTS and request.method == "POST":
            exchange.body = json.loads(exchange.raw, parse_constant=_no_constant)
    except BadEncoding as error:
        exchange.problem = Rejected(400, str(error))
    except (ValueError, RecursionError):
        exchange.problem = Rejected(400, NOT_JSON)
    exchange.seed = _seed(exchange)
    return exchange


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON")


def _canonical(body: Json) -> bytes:
    """The request without what must not change the answer."""
    return dumps({key: body[key] for key in body if key not in ("stream", "stream_options")})


def _seed(exchange: Exchange) -> str:
    try:
        content = _canonical(exchange.body) if isinstance(exchange.body, dict) else exchange.raw
    except (RecursionError, ValueError):
        content = exchange.raw
    place = exchange.request.path.encode("utf-8", "replace")
    return hashlib.blake2b(place + b"\x00" + content, digest_size=16).hexdigest()


def respond(exchange: Exchange, rules: Rules, faults: list[Fault]) -> Reply:
    try:
        return _faulted(exchange, faults) or _answer(exchange, rules, faults)
    except Rejected as problem:
        if problem.status != NOT_OFFERED:  # which breaks no rule
            exchange.refusal = problem.message
        return _error_reply(exchange, problem)


def _faulted(exchange: Exchange, faults: list[Fault]) -> Reply | None:
    if fault := find(faults, "html"):
        return Reply(fault.get("status", 502), [("content-type", "text/html")], [Frame(HTML)])
    if fault := find(faults, "status"):
        problem = exchange.dialect.failure(fault["status"], fault.get("reason"))
        return _overridden(_error_reply(exchange, problem), fault)
    return None


def _overridden(reply: Reply, fault: Fault) -> Reply:
    own = {name.lower(): value for name, value in fault.get("headers", {}).items()}
    headers = [pair for pair in reply.headers if pair[0] not in own] + list(own.items())
    body = fault.get("body")
    if body is None:
        return replace(reply, headers=headers)
    data = body.encode("utf-8", "replace") if isinstance(body, str) else dumps(body)
    return replace(reply, headers=headers, frames=[Frame(data)])


def _error_reply(exchange: Exchange, problem: Rejected) -> Reply:
    id = request_id(exchange)
    return _json_reply(exchange, exchange.dialect.error(problem, id), problem.status)


def _json_reply(exchange: Exchange, body: Json, status: int = 200) -> Reply:
    headers = exchange.dialect.headers(request_id(exchange), status)
    return Reply(status, [("content-type", "application/json"), *headers], [Frame(dumps(body))])


def request_id(exchange: Exchange) -> str:
    return "req_01" + exchange.seed[:22]


def _answer(exchange: Exchange, rules: Rules, faults: list[Fault]) -> Reply:
    request, place = exchange.request, exchange.place
    if (request.header("upgrade") or "").lower() == "websocket":
        raise Rejected(NOT_OFFERED, "WebSocket is not offered here; use HTTP.")
    expected = "GET" if place is not None and place.operation == "models" else "POST"
    if place is None or request.method != expected:
        raise _unknown_path(exchange)
    _authenticate(exchange, rules)
    if place.operation == "models":
        listed = models.answer(place.id, rules, exchange.dialect is anthropic_messages)
        return _json_reply(exchange, listed)
    if exchange.problem is not None:
        raise exchange.problem
    return _generate(exchange, place, rules, faults)


def _unknown_path(exchange: Exchange) -> Rejected:
    if exchange.dialect is anthropic_messages:
        return Rejected(404, "Not Found")
    request = exchange.request
    return Rejected(404, f"Invalid URL ({request.method} {request.path})")


def _authenticate(exchange: Exchange, rules: Rules) -> None:
    request = exchange.request
    bearer = (request.header("authorization") or "").removeprefix("Bearer ")
    given = request.header("x-api-key") or bearer
    if rules.key is not None and given != rules.key:
        raise exchange.dialect.failure(401, None)


def _generate(exchange: Exchange, place: Place, rules: Rules, faults: list[Fault]) -> Reply:
    body, dialect = exchange.body, exchange.dialect
    counting = place.operation in COUNTING
    try:
        if not isinstance(body, dict):
            raise Rejected(400, "The request body must be a JSON object.")
        dialect.check(body, exchange.request, rules, counting)
        seen = dialect.read(body)
        if not rules.calls:
            seen = replace(seen, settings=replace(seen.settings, choice="none"))
        tokens = len(_canonical(body)) // 4 + 1
        if counting:
            return _json_reply(exchange, dialect.counted(tokens))
        answer = Answer(body, seen, make_plan(seen, tokens), exchange.seed, rules.account)
        return _encode(exchange, answer, faults)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, RecursionError) as error:
        # The rules name what vendors name; any other odd shape ends here.
        words = f"The request has an unexpected shape ({type(error).__name__}: {error})."
        raise Rejected(400, words[:500]) from error


def _encode(exchange: Exchange, answer: Answer, faults: list[Fault]) -> Reply:
    streamed = exchange.stream_asked
    if find(faults, "json_for_stream") or find(faults, "stream_for_json"):
        streamed = not streamed
    if not streamed:
        return _whole(exchange, answer, faults)
    frames = exchange.dialect.stream(answer)
    if find(faults, "no_finish"):
        frames = [frame for frame in frames if frame.kind != "finish"]
    if find(faults, "no_done"):
        frames = [frame for frame in frames if frame.kind != "done"]
    if fault := find(faults, "error_event"):
        sent = place_of(fault, frames)
        frames = [*frames[:sent], *_error_frames(exchange, answer, fault, sent)]
    if find(faults, "empty"):
        frames = []
    headers = exchange.dialect.headers(request_id(exchange), 200)
    headers = [("content-type", STREAM), ("cache-control", "no-cache"), *headers]
    return Reply(200, headers, frames, streamed=True, burst=answer.plan.burst)


def _whole(exchange: Exchange, answer: Answer, faults: list[Fault]) -> Reply:
    if find(faults, "no_finish"):
        answer = replace(answer, plan=replace(answer.plan, finish=None))
    body = exchange.dialect.whole(answer)
    if fault := find(faults, "error_event"):
        body = exchange.dialect.error_body(answer, _failure(exchange, fault))
    reply = _json_reply(exchange, body)
    return replace(reply, frames=[Frame(b"")]) if find(faults, "empty") else reply


def _failure(exchange: Exchange, fault: Fault) -> Rejected:
    return exchange.dialect.failure(fault.get("status", 529), fault.get("reason"))


def _error_frames(exchange: Exchange, answer: Answer, fault: Fault, sent: int) -> list[Frame]:
    problem, form = _failure(exchange, fault), fault.get("form", "both")
    return exchange.dialect.error_frames(answer, problem, sent, form)


def place_of(fault: Fault, frames: list[Frame]) -> int:
    """How many frames go out before the fault."""
    if "thoughts" in fault:
        return _in_reasoning(fault["thoughts"], frames)
    if "after" not in fault:
        place: int = fault.get("at", 0)
        return min(place, len(frames))
    content = [i for i, frame in enumerate(frames) if frame.kind in ("reasoning", "content")]
    wanted: int = fault["after"]
    if wanted >= len(content):
        return content[-1] + 1 if content else len(frames)
    return content[wanted]


def _in_reasoning(wanted: int, frames: list[Frame]) -> int:
    """Behind all of it if there is not as much, which may be hidden; never behind anything else."""
    reasoning = [i for i, frame in enumerate(frames) if frame.kind == "reasoning"]
    if wanted < len(reasoning):
        return reasoning[wanted]
    return next((i for i, frame in enumerate(frames) if frame.kind == "content"), len(frames))
