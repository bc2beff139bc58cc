"""What is taken out of flows: credentials, and where `mask: true` asks for it all message text.

It happens when all has been sent and before anything is saved. Hard part: mitmproxy saves a flow
before it sends a whole answer, so where something is to be taken out the bridge sends that first.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from mitmproxy import http

from ..credentials import Credentials, is_key, repeats, without
from ..mask import mask, signs
from ..scrub import HIDDEN
from ..subprotocols import HEADER, hidden
from ..trace import IN_COMMENT
from ..transform.headers import CREDENTIALS

NAMES = frozenset(name.encode() for name in CREDENTIALS)
OFFER = HEADER.encode()
MASKED = "masked"  # in a record: its text says nothing any more
OWN = "bridge: "  # begins reasons in our own words


def mask_flow(flow: http.HTTPFlow, *, answer: bool = True) -> None:
    """Of a call or an endpoint beside it, or of an attempt that has a flow of its own.

    `answer`: its answer has been sent.
    """
    record = flow.metadata.get("bridge")
    attempt = flow.metadata.get("bridge_attempt")
    if record is not None:
        flow.metadata["bridge"] = made = masked(record)
        told = _reason_in_comment(record)
        flow.comment = (
            flow.comment.replace(told, _reason_in_comment(made)) if told else flow.comment
        )
    if attempt is not None:
        request = mask(attempt["client_request"])
        flow.metadata["bridge_attempt"] = {**attempt, "client_request": request, MASKED: True}
        begin, label, reason = flow.comment.partition(f": {attempt['upstream']}: ")
        flow.comment = begin + label + _reason(reason)
    _change(flow, mask, answer)


def masked(record: dict[str, Any]) -> dict[str, Any]:
    """The record of a call, with what was said in it masked."""
    attempts = [_attempt(attempt) for attempt in record.get("attempts", ())]
    made = {**record, "bodies": _bodies(record), "attempts": attempts, MASKED: True}
    if shadow := record.get("shadow"):
        made["shadow"] = {**shadow, "request": mask(shadow.get("request", ""))}
    return made


def _attempt(attempt: dict[str, Any]) -> dict[str, Any]:
    if _is_told(attempt):
        attempt = {**attempt, "reason": _reason(attempt.get("reason", ""))}
    return {**attempt, "bodies": _bodies(attempt)} if "bodies" in attempt else attempt


def _bodies(told: dict[str, Any]) -> dict[str, str]:
    return {name: mask(text) for name, text in told.get("bodies", {}).items()}


def _reason_in_comment(record: dict[str, Any]) -> str:
    """That of the last attempt."""
    [*_, last] = record.get("attempts") or [{}]
    return str(last.get("reason", ""))[:IN_COMMENT]


def _is_told(attempt: dict[str, Any]) -> bool:
    """Whether it has a reason that may be in an upstream's words, which may quote the app's."""
    return bool(attempt.get("reason")) and attempt.get("outcome") in ("error", "cut")


def _reason(text: str) -> str:
    return text if text.startswith(OWN) else signs(text)


def hide_credentials(
    flow: http.HTTPFlow, credentials: Credentials, repeated: Credentials, *, answer: bool = True
) -> None:
    """Those of its request's headers, and those that the app had for other servers.

    `repeated`: those that an answer may have in it; what they let in to may have refused them.
    """
    headers = flow.request.headers
    given = {name.lower() for name, _ in headers.fields}
    for name in filter(_is_hidden, given):
        headers[name] = HIDDEN
    for message in (flow.request, flow.response if answer else None) if OFFER in given else ():
        if message is not None and HEADER in message.headers:
            message.headers[HEADER] = hidden(message.headers[HEADER])
    _hide(flow.request, credentials)
    if answer and flow.response:
        _hide(flow.response, repeated)


@lru_cache(512)
def _is_hidden(name: bytes) -> bool:
    return name in NAMES or is_key(name.decode("latin-1"))


def _hide(message: http.Message, credentials: Credentials) -> None:
    if credentials and message.raw_content:
        content = message.get_content(strict=False) or b""
        if repeats(content, credentials):
            message.content = without(content, credentials)


def _change(flow: http.HTTPFlow, change: Callable[[str], str], answer: bool) -> None:
    """The bodies."""
    for message in (flow.request, flow.response if answer else None):
        if message is not None and message.raw_content:
            text = (message.get_content(strict=False) or b"").decode("utf-8", "replace")
            message.content = change(text).encode("utf-8", "surrogatepass")
