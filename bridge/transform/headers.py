"""HTTP headers of one exchange: what an upstream gets of a client's, and a client of an upstream's.

Towards another host nothing of the client's goes along but what the protocol itself defines: no
credential, no cookie, no telemetry, no vendor's or agent's header. Back comes what a client acts
on: request id, rate limits, retry hints, in its own vendor's names.
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from .model import Protocol

type Headers = list[tuple[str, str]]

# Meaningful to one connection only, or made anew here. https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# And what says whose credential it is: beside another one it is wrong.
CREDENTIALS = frozenset(
    {
        "anthropic-workspace-id",
        "api-key",
        "authorization",
        "chatgpt-account-id",
        "cookie",
        "openai-organization",
        "openai-project",
        "x-api-key",
        "x-goog-api-key",
    }
)

# What a request keeps on its way to another host of the same protocol: body fields and these
# headers belong together.
PROTOCOL_HEADERS: dict[Protocol, frozenset[str]] = {
    "anthropic_messages": frozenset({"anthropic-version", "anthropic-beta"}),
    "openai_chat": frozenset(),
    "openai_responses": frozenset({"openai-beta"}),
}
RETRY = ("retry-after", "retry-after-ms", "x-should-retry")
REQUEST_ID: dict[Protocol, str] = {
    "anthropic_messages": "request-id",
    "openai_chat": "x-request-id",
    "openai_responses": "x-request-id",
}
USER_AGENT = "llm-bridge"


def own_host_headers(client: Iterable[tuple[str, str]], *, keep_credentials: bool) -> Headers:
    """For the host the app itself addressed: its headers, asking for an answer we can read."""
    kept = [
        (name, value)
        for name, value in client
        if name.lower() not in HOP_BY_HOP
        and name.lower() != "accept-encoding"
        and (keep_credentials or name.lower() not in CREDENTIALS)
    ]
    return [*kept, ("accept-encoding", "identity")]


def other_host_headers(
    client: Iterable[tuple[str, str]], client_protocol: Protocol, upstream_protocol: Protocol
) -> Headers:
    """For any other host: the few headers the call itself needs."""
    kept = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "accept-encoding": "identity",
        "user-agent": USER_AGENT,
    }
    if client_protocol == upstream_protocol:
        known = PROTOCOL_HEADERS[upstream_protocol]
        for name, value in client:
            if name.lower() in known:
                kept[name.lower()] = _joined(kept.get(name.lower()), value)
    return list(kept.items())


def _joined(before: str | None, value: str) -> str:
    return value if before is None else f"{before},{value}"  # a list header may be repeated


def same_protocol_response_headers(upstream: Iterable[tuple[str, str]]) -> Headers:
    """For an answer that is passed on in its own protocol, framed anew."""
    return [(name, value) for name, value in upstream if name.lower() not in HOP_BY_HOP]


def response_headers(
    upstream: Mapping[str, str], client: Protocol, made_by: Protocol, now: float
) -> Headers:
    """What a client of protocol `client` is told of an answer's headers (lower-case names).

    `now` is seconds since the epoch: Anthropic gives instants where OpenAI gives durations.
    """
    out: Headers = []
    request_id = upstream.get(REQUEST_ID[made_by]) or upstream.get("request-id")
    if request_id := request_id or upstream.get("x-request-id"):
        out += [("request-id", request_id), ("x-request-id", request_id)]
    out += [(name, upstream[name]) for name in RETRY if name in upstream]
    return out + _rate_limits(upstream, client, now)


_KINDS = ("requests", "tokens")
LIMITED = (*_KINDS, "input-tokens", "output-tokens")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_DIGITS = re.compile(r"[0-9]+")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_MAX_SECONDS = 366 * 24 * 3600.0  # a limit that takes longer is a mistake


def _rate_limits(upstream: Mapping[str, str], client: Protocol, now: float) -> Headers:
    """Both vendors' rate limit headers read, written in the client's vendor's names."""
    out: Headers = []
    for kind in _KINDS:
        for field in ("limit", "remaining"):
            value = upstream.get(f"anthropic-ratelimit-{kind}-{field}")
            value = value or upstream.get(f"x-ratelimit-{field}-{kind}")
            if value and _DIGITS.fullmatch(value):  # Azure sends -1 for unknown
                out.append((_limit_name(client, kind, field), value))
        seconds = _reset(upstream, kind, now)
        if seconds is not None and seconds <= _MAX_SECONDS:
            out.append((_limit_name(client, kind, "reset"), _reset_text(client, seconds, now)))
    return out


def _limit_name(client: Protocol, kind: str, field: str) -> str:
    if client == "anthropic_messages":
        return f"anthropic-ratelimit-{kind}-{field}"
    return f"x-ratelimit-{field}-{kind}"


def _reset(upstream: Mapping[str, str], kind: str, now: float) -> float | None:
    """Seconds until the limit is full again."""
    instant = upstream.get(f"anthropic-ratelimit-{kind}-reset")
    if instant:
        try:
            reset = datetime.fromisoformat(instant)
        except ValueError:
            return None
        reset = reset if reset.tzinfo else reset.replace(tzinfo=UTC)
        return max(0.0, reset.timestamp() - now)
    return duration(upstream.get(f"x-ratelimit-reset-{kind}", ""))


def duration(text: str) -> float | None:
    """Seconds of OpenAI's `12ms`, `6m0s`, Azure's `12`; None for anything else."""
    if _DIGITS.fullmatch(text):
        return float(text)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _reset_text(client: Protocol, seconds: float, now: float) -> str:
    """Rounded up: who comes back then is not too early."""
    if client == "anthropic_messages":
        instant = datetime.fromtimestamp(math.ceil(now + seconds), UTC)
        return instant.isoformat().replace("+00:00", "Z")
    if seconds < 1:
        return f"{math.ceil(round(seconds * 1000, 3))}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


# --- when to come back


def retry_after(headers: Iterable[tuple[str, str]], now: float) -> float | None:
    """Seconds to wait, as an answer's headers say it; None where they do not.

    `retry-after` may be seconds or a date (RFC 9110, section 10.2.3). Without one the limit counts
    that is used up, of those the answer tells.
    """
    by_name = {name.lower(): value.strip() for name, value in headers}
    told = _number(by_name.get("retry-after-ms"))
    if told is not None:
        return told / 1000
    after = by_name.get("retry-after", "")
    told = _number(after)
    if told is not None:
        return told
    if (instant := _http_date(after)) is not None:
        return max(0.0, instant - now)
    return _used_up(by_name, now)


def _number(text: str | None) -> float | None:
    return float(text) if text and _NUMBER.fullmatch(text) else None


def _http_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def _used_up(by_name: Mapping[str, str], now: float) -> float | None:
    """The longest wait for a limit of which nothing remains."""
    resets = []
    for kind in LIMITED:
        remaining = by_name.get(f"anthropic-ratelimit-{kind}-remaining")
        remaining = remaining or by_name.get(f"x-ratelimit-remaining-{kind}")
        if remaining == "0" and (seconds := _reset(by_name, kind, now)) is not None:
            resets.append(seconds)
    return max(resets, default=None)
