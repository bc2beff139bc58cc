"""An upstream's error, in whatever shape it came, as the neutral Error.

In: an HTTP status and a body, or an object found inside a 2xx answer or a stream. Out: kind,
status, message and the vendor's own words. Hard part: nobody keeps to one envelope (objects in
objects, strings, lists, JSON inside strings, HTML), and a status alone often says too little.
"""

import html
import re
from collections.abc import Iterable, Sequence

from .answers import Error, ErrorKind
from .json_text import Json, dump_text, loads_answer

MAX_TEXT = 500  # characters of a body that is no error envelope
MAX_RAW = 2_000  # characters of what a gateway's own upstream said
MAX_DEPTH = 5  # errors in errors
UNEXPLAINED = "the upstream ended the answer with an error"

# What vendors call an error in `code`, `type` or `status`, in lower case. Words that are used for
# everything (invalid_request_error, api_error, BadRequest) are left to the status.
KINDS: dict[str, ErrorKind] = {
    "context_length_exceeded": "context_length",
    "exceed_context_size_error": "context_length",  # llama.cpp
    "too_many_prompt_tokens": "context_length",  # Perplexity
    "model_context_window_exceeded": "context_length",
    "string_above_max_length": "invalid_request",
    "authentication_error": "authentication",
    "invalid_api_key": "authentication",
    "incorrect_api_key": "authentication",
    "unauthenticated": "authentication",  # Google
    "unauthorized": "authentication",
    "1004": "authentication",  # MiniMax, inside a 200
    "billing_error": "billing",
    "insufficient_quota": "billing",
    "insufficient_balance": "billing",
    "billing_hard_limit_reached": "billing",
    "billing_not_active": "billing",
    "1008": "billing",  # MiniMax
    "permission_error": "permission",
    "permission_denied": "permission",
    "unsupported_country_region_territory": "permission",
    "not_found_error": "not_found",
    "not_found": "not_found",
    "model_not_found": "model_not_found",
    "model_not_available": "model_not_found",
    "deploymentnotfound": "model_not_found",  # Azure
    "unknown_model": "model_not_found",
    "timeout_error": "timeout",
    "timeout": "timeout",
    "deadline_exceeded": "timeout",
    "1001": "timeout",  # MiniMax
    "conflict_error": "conflict",
    "request_too_large": "too_large",
    "rate_limit_error": "rate_limit",
    "rate_limit_exceeded": "rate_limit",
    "ratelimitreached": "rate_limit",  # Azure
    "too_many_requests": "rate_limit",
    "resource_exhausted": "rate_limit",
    "throttlingexception": "rate_limit",  # Bedrock
    "requests": "rate_limit",
    "tokens": "rate_limit",
    "1002": "rate_limit",  # MiniMax
    "overloaded_error": "overloaded",
    "overloaded": "overloaded",
    "server_is_overloaded": "overloaded",
    "slow_down": "overloaded",
    "modelnotreadyexception": "overloaded",
}

# Used only where there is no status: inside a 200.
GENERIC: dict[str, ErrorKind] = {
    "invalid_request_error": "invalid_request",
    "invalid_request": "invalid_request",
    "invalid_prompt": "invalid_request",
    "bad_request": "invalid_request",
    "bad request": "invalid_request",
    "invalid_argument": "invalid_request",
    "2013": "invalid_request",  # MiniMax
    "server_error": "server",
    "api_error": "server",
    "internal_error": "server",
    "internal_server_error": "server",
    "service_unavailable_error": "server",
}

# What the text says, for bodies whose codes say nothing or the wrong thing; first match wins.
PATTERNS: tuple[tuple[re.Pattern[str], ErrorKind], ...] = (
    (
        re.compile(
            r"maximum context length|context[ _]length[ _]exceeded|prompt is too long"
            r"|exceeds? (the )?(available |model'?s? )?(maximum )?context (size|window|length)"
            r"|exceed context limit"
            r"|context window (is full|exceeded)|token limit reached"
            r"|input is too long for (the )?requested model|total length of all messages is too"
            r"|reduce the length of (the|your) (messages|prompt|input)",
            re.IGNORECASE,
        ),
        "context_length",
    ),
    (
        re.compile(
            r"credit balance is too low|exceeded your current quota|insufficient (balance|credits?)"
            r"|insufficient[ _]quota|requires? more credits|payment required",
            re.IGNORECASE,
        ),
        "billing",
    ),
    (
        re.compile(
            r"(invalid|incorrect|missing|wrong|no|expired) (x-)?api[ _-]?key"
            r"|api[ _-]?key[^.]{0,60}(is )?(invalid|incorrect|not valid|expired|missing)",
            re.IGNORECASE,
        ),
        "authentication",
    ),
    (
        re.compile(
            r"^model: \S+$"  # Anthropic's 404
            r"|\bmodel\b.{0,200}(does not exist|not found|not exist)"
            r"|supported API model names are|is not a valid model\b"
            r"|\b(invalid|unknown|no such) model\b",
            re.IGNORECASE,
        ),
        "model_not_found",
    ),
    (re.compile(r"\boverloaded\b|slow down", re.IGNORECASE), "overloaded"),
    (re.compile(r"\bjinja\b", re.IGNORECASE), "invalid_request"),  # llama.cpp: of the template
)
# What the text may make of a kind that was only read off a status or a general word.
REFINED: dict[ErrorKind, tuple[ErrorKind, ...]] = {
    "invalid_request": ("context_length", "billing", "authentication", "model_not_found"),
    "permission": ("billing",),
    "not_found": ("model_not_found",),
    "too_large": ("context_length",),
    "server": ("context_length", "overloaded", "invalid_request"),
}

STATUS_KINDS: dict[int, ErrorKind] = {
    401: "authentication",
    402: "billing",
    403: "permission",
    404: "not_found",
    408: "timeout",
    409: "conflict",
    413: "too_large",
    429: "rate_limit",
    504: "timeout",
    529: "overloaded",
}
# The status an error inside a 200 would have had.
KIND_STATUSES: dict[ErrorKind, int] = {
    "invalid_request": 400,
    "context_length": 400,
    "authentication": 401,
    "billing": 429,  # OpenAI's insufficient_quota
    "permission": 403,
    "not_found": 404,
    "model_not_found": 404,
    "timeout": 504,
    "conflict": 409,
    "too_large": 413,
    "rate_limit": 429,
    "overloaded": 529,
    "server": 500,
}
UNKNOWN_STATUS = 502

# Keys under which a message stands, in the order they count.
MESSAGE_KEYS = (
    "message",
    "detail",
    "msg",
    "error_description",
    "error_message",
    "error_msg",  # Baidu
    "title",
)
# Keys under which a number that is an HTTP status may stand.
STATUS_KEYS = ("code", "status", "raw_status_code", "status_code")

type _Fields = dict[str, Json]


def decode_error(status: int, body: Json) -> Error:
    """`body` is an HTTP body as bytes, or an object from a 2xx answer; `status` counts from 400."""
    parsed = _parsed(body)
    if not isinstance(parsed, dict):
        return _plain(status, parsed if isinstance(parsed, str) else dump_text(parsed))
    error = _innermost(parsed)
    sources = [error, parsed]
    raw = _raw(error)
    origin = [_innermost(raw_body)] if isinstance(raw_body := _parsed(raw), dict) else []
    code, word, param = (_first(sources + origin, key) for key in ("code", "type", "param"))
    told_too = filter(None, (raw, _text(error.get("failed_generation"))))  # the second is Groq's
    message = ": ".join([_message(sources, parsed), *(text[:MAX_RAW] for text in told_too)])
    told = status if status >= 400 else _status_in(sources)
    words = [code, word, _first(sources, "status"), _first(origin, "code"), _first(origin, "type")]
    kind = _kind(told, words, message)
    details = error.get("details")
    return Error(
        kind=kind or "server",
        message=message,
        status=told or (KIND_STATUSES[kind] if kind else UNKNOWN_STATUS),
        code=code or _first([details], "error_code"),
        type=word,
        param=param,
        details=details,
        request_id=_first([parsed, error], "request_id"),
    )


def error_inside(body: Json) -> _Fields | None:
    """The body of an error, if the JSON of a 2xx answer or of a stream event holds one."""
    if not isinstance(body, dict):
        return None
    if body.get("error") or body.get("object") == "error" or body.get("type") == "error":
        return body
    choices = body.get("choices")
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict) and _is_failed(choice):
                return {"error": choice.get("error") or UNEXPLAINED}
    if "x_groq" in body and isinstance(body["x_groq"], dict) and body["x_groq"].get("error"):
        return {"error": body["x_groq"]["error"]}
    return _failed_base(body["base_resp"]) if "base_resp" in body and not choices else None


def complains(body: Json) -> bool:
    """Whether what is no answer says something a person can read: a text, or an object with one."""
    parsed = _parsed(body)
    if isinstance(parsed, dict):
        return bool(_said([_innermost(parsed), parsed]))
    return isinstance(parsed, str) and bool(parsed)


def _is_failed(choice: _Fields) -> bool:
    return bool(choice.get("error")) or choice.get("finish_reason") == "error"


def _failed_base(base: Json) -> _Fields | None:
    """MiniMax answers errors with 200 and a code beside the choices it does not have."""
    if not isinstance(base, dict) or not base.get("status_code"):
        return None
    return {"error": {"message": base.get("status_msg"), "code": base["status_code"]}}


# --- reading


def _parsed(body: Json) -> Json:
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if isinstance(body, str):
        body = _from_text(body.strip())
    first = body[0] if isinstance(body, list) and body else None
    return first if isinstance(first, dict) else body  # Google puts its error in a list


def _from_text(text: str) -> Json:
    """JSON if it is; the first event of a stream that answers an error status; else the text."""
    for candidate in (text, *_DATA_LINE.findall(text)):
        try:
            return loads_answer(candidate)
        except ValueError:
            continue
    return text


_DATA_LINE = re.compile(r"\A(?:event:.*\n)?data:(.*)")


def _plain(status: int, text: str) -> Error:
    text = _without_markup(text)[:MAX_TEXT].strip()
    kind = _kind(status if status >= 400 else 0, [], text)
    return Error(
        kind=kind or "server",
        message=text or f"the upstream answered {status} and said nothing",
        status=status if status >= 400 else KIND_STATUSES[kind] if kind else UNKNOWN_STATUS,
    )


_HIDDEN = re.compile(r"<(script|style)\b.*?(</\1>|\Z)|<!--.*?(-->|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def _without_markup(text: str) -> str:
    if not text.lstrip().startswith("<"):
        return text
    return " ".join(html.unescape(_TAG.sub(" ", _HIDDEN.sub(" ", text))).split())


def _innermost(body: _Fields) -> _Fields:
    """The object that describes the error: `error`, however deep, or one of `errors`."""
    errors = body.get("errors")
    inner = body.get("error") or (errors[0] if isinstance(errors, list) and errors else None)
    for _ in range(MAX_DEPTH):
        if not isinstance(inner, dict):
            break
        body, inner = inner, inner.get("error")
    return body


def _raw(error: _Fields) -> str:
    """What the upstream of a gateway said, as text."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return raw if isinstance(raw, str) else dump_text(raw) if raw else ""


def _message(sources: list[_Fields], body: _Fields) -> str:
    return _said(sources) or dump_text(body)[:MAX_TEXT]


def _said(sources: list[_Fields]) -> str:
    keys = ("error", *MESSAGE_KEYS, "errors")
    found = (_text(source.get(key)) for source in sources for key in keys)
    return next(filter(None, found), "")


def _text(value: Json) -> str:
    match value:
        case str():
            return value.strip()
        case list():  # FastAPI: what was wrong with which field
            return "; ".join(filter(None, map(_complaint, value)))
        case {"message": inner} | {"detail": inner}:  # Mistral's holds a list
            return _text(inner)
        case _:
            return ""


def _complaint(item: Json) -> str:
    if not isinstance(item, dict):
        return item if isinstance(item, str) else ""
    place = item.get("loc")
    path = ".".join(map(str, place)) if isinstance(place, list) else ""
    return ": ".join(filter(None, (path, _text(item.get("msg") or item.get("message")))))


def _first(sources: Sequence[Json], key: str) -> str | None:
    """The first word under `key`; numbers that only repeat the HTTP status are none."""
    for source in sources:
        value = source.get(key) if isinstance(source, dict) else None
        if _is_number(value):
            value = str(value)
        is_word = isinstance(value, str) and value and not _http_status(value)
        if is_word and value != "error":  # the type of Anthropic's envelope
            return str(value)
    return None


def _is_number(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _http_status(value: Json) -> int:
    """`value` as a status of an error, or 0."""
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    return value if _is_number(value) and 400 <= value < 600 else 0


def _status_in(sources: Sequence[_Fields]) -> int:
    found = (_http_status(source.get(key)) for source in sources for key in STATUS_KEYS)
    return next(filter(None, found), 0)


# --- judging


def _kind(status: int, words: Iterable[str | None], message: str) -> ErrorKind | None:
    """None: nothing says what it was (`status` 0: unknown)."""
    names = [word.lower() for word in words if word]
    kind = next((KINDS[name] for name in names if name in KINDS), None)
    kind = kind or _kind_of_status(status)
    if not status:
        kind = kind or next((GENERIC[name] for name in names if name in GENERIC), None)
    for pattern, refined in PATTERNS:
        if (kind is None or refined in REFINED.get(kind, ())) and pattern.search(message):
            return refined
    return kind


def _kind_of_status(status: int) -> ErrorKind | None:
    if status in STATUS_KINDS or not status:
        return STATUS_KINDS.get(status)
    return "invalid_request" if status < 500 else "server"
