"""Content views: an LLM call as a person reads it, in every tool of mitmproxy.

`LLM` is the conversation, `LLM wire` both sides' bodies, `LLM events` the stream. All they show is
in the flow, so a file that is opened later looks the same. What cannot be read is said, not raised.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from mitmproxy import contentviews, exceptions, http
from mitmproxy.contentviews import Contentview, InteractiveContentview, Metadata
from mitmproxy.flow import Flow

from ..transform import PROTOCOLS, Protocol, detect
from ..transform.cut_json import without_mark
from ..transform.fields import object_of
from ..transform.json_text import loads
from ..transform.reading import read_answer, read_request, written_in
from ..views import edit, events, facts, transcript, wire
from ..views.layout import Passage, laid_out, text_of
from ..views.settings import Setting

type Record = Mapping[str, Any]

logger = logging.getLogger(__name__)

# One of these is in the body of a call, whatever else is sent to paths that end like its.
CONVERSATION = ("messages", "input", "prompt")
CHOSEN, OFFERED, OTHER = 2.0, 0.0, -1.0  # priorities; mitmproxy's JSON has 1, its raw text 0.1
NO_CALL = "This is no LLM call."
NO_RECORD = "The bridge has kept no record of this call."
NOTHING_OF_IT = "The app got nothing of it."


class EditError(ValueError, exceptions.CommandError):
    """mitmproxy's console shows command errors to a person; any other would end it."""


def register() -> None:
    """Again, too: a view replaces the one of its name."""
    for view in (Conversation(), Wire(), Events()):
        contentviews.add(view)


class Conversation(InteractiveContentview):
    name = "LLM"

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        return _safely(lambda: _conversation(data, metadata), data)

    def reencode(self, prettified: str, metadata: Metadata) -> bytes:
        """What was edited goes into the body that is to be sent, in its own protocol."""
        request = metadata.http_message
        if not isinstance(request, http.Request):
            raise EditError("only a request can be edited as a conversation")
        body = metadata.original_data or _body(request)
        shown, flow = _shown(body, metadata), metadata.flow
        if shown is None or not isinstance(flow, http.HTTPFlow):
            raise EditError(NO_CALL)
        try:
            sent_in = _sent_in(flow) or shown.protocol
            return edit.edited(sent_in, body, _passages(shown), prettified)
        except ValueError as error:
            raise EditError(str(error)) from None

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        return CHOSEN if data and _shown(data, metadata) else OTHER


class Wire(Contentview):
    name = "LLM wire"

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        return _safely(lambda: _wire(metadata.flow), data)

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        return OFFERED if _shown(data, metadata) else OTHER


class Events(Contentview):
    name = "LLM events"

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        return _safely(lambda: _events(metadata.flow), data)

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        return OFFERED if _shown(data, metadata) else OTHER


def _safely(show: Callable[[], str], data: bytes) -> str:
    try:
        return show()
    except Exception as error:
        logger.exception("bridge: a view failed")
        return f"This could not be shown: {error}\n\n{_text(data)}"


# --- the conversation


class Shown(NamedTuple):
    """A body and its protocol, and what stands above it; `status` is an answer's.

    `usage` is for an answer that does not tell it.
    """

    protocol: Protocol
    body: bytes
    facts: tuple[Setting, ...]
    status: int | None = None
    usage: tuple[tuple[str, int], ...] = ()


def _conversation(data: bytes, metadata: Metadata) -> str:
    shown = _shown(data, metadata)
    return text_of(_passages(shown)) if shown else f"{NO_CALL}\n\n{_text(data)}"


def _passages(shown: Shown) -> list[Passage]:
    if shown.status is not None:
        answer = transcript.of_answer(read_answer(shown.protocol, shown.body, shown.status))
        return laid_out(replace(answer, usage=answer.usage or shown.usage), shown.facts)
    faults: list[str] = []
    request = read_request(shown.protocol, shown.body, faults)
    return laid_out(transcript.of_request(request, faults), shown.facts)


def _shown(data: bytes, metadata: Metadata) -> Shown | None:
    """What to show for a message of a call; None for all other traffic."""
    flow, message = metadata.flow, metadata.http_message
    if not isinstance(flow, http.HTTPFlow):
        return None
    match message:
        case http.Request():
            return _request(flow, data)
        case http.Response(status_code=status):
            return _answer(flow, data, status)
        case _:
            return None


def _request(flow: http.HTTPFlow, data: bytes) -> Shown | None:
    """The app's own, if it is what was sent; if somebody has changed it since, what is there."""
    record, attempt = _record(flow), _attempt(flow)
    told = tuple(facts.of_attempt(attempt) if attempt else facts.of_request(record))
    client = _protocol((record or attempt).get("client"))
    asked = attempt.get("client_request") or facts.body(record, "client_request")
    sent = facts.body(record, "upstream_request") or asked
    if client and asked and (attempt or _is(data, sent)):
        return Shown(client, str(asked).encode(), told)
    protocol = _sent_in(flow)
    is_call = record or attempt or _is_call(data)
    return Shown(protocol, data, told) if protocol and is_call else None


def _answer(flow: http.HTTPFlow, data: bytes, status: int) -> Shown | None:
    """What the app got; of an attempt that failed, what came. If it was sent again since, that may
    be in another protocol."""
    record, attempt = _record(flow), _attempt(flow)
    known = _protocol(attempt.get("protocol") or record.get("client")) or _protocol_of(flow)
    if known is None or not (record or attempt or _is_call(_body(flow.request))):
        return None
    told = tuple(facts.of_attempt(attempt) if attempt else facts.of_answer(record))
    return Shown(written_in(data) or known, data, told, status, facts.usage(record))


# --- what a flow has


def _record(flow: http.HTTPFlow) -> Record:
    return object_of(flow.metadata.get("bridge"))


def _attempt(flow: http.HTTPFlow) -> Record:
    return object_of(flow.metadata.get("bridge_attempt"))


def _protocol(name: Any) -> Protocol | None:
    return next((protocol for protocol in PROTOCOLS if protocol == name), None)


def _protocol_of(flow: http.HTTPFlow) -> Protocol | None:
    return detect(flow.request.method, flow.request.path)


def _sent_in(flow: http.HTTPFlow) -> Protocol | None:
    """The protocol of what went upstream: some servers have paths that do not tell."""
    told = _record(flow).get("upstream") or _attempt(flow).get("protocol")
    return _protocol(told) or _protocol_of(flow)


def _is_call(body: bytes) -> bool:
    try:
        parsed = loads(body)
    except ValueError:
        return False
    return isinstance(parsed, dict) and any(key in parsed for key in CONVERSATION)


def _is(data: bytes, text: str) -> bool:
    """Whether `text` is what was kept of `data`."""
    begun, left_out = without_mark(text.encode())
    return data.startswith(begun) and len(data) == len(begun) + left_out


# --- both sides, and the stream


def _wire(flow: Flow | None) -> str:
    if not isinstance(flow, http.HTTPFlow):
        return NO_CALL
    record, attempt = _record(flow), _attempt(flow)
    if attempt:
        return wire.attempt_text(attempt, _text(_body(flow.request)), _text(_body(flow.response)))
    return wire.text(record) if record else NO_RECORD


def _events(flow: Flow | None) -> str:
    """Without a record, or of an attempt that failed, there are no times, and one side."""
    if not isinstance(flow, http.HTTPFlow):
        return NO_CALL
    if record := _record(flow):
        return events.text(record)
    came = {"bodies": {"upstream_response": _text(_body(flow.response))}}
    attempt = _attempt(flow)
    name = attempt.get("protocol") or _protocol_of(flow)
    told = f"{NOTHING_OF_IT}\n\n" if attempt else ""
    return told + events.text({"client": name, "upstream": name, **came})


def _body(message: http.Message | None) -> bytes:
    return (message.get_content(strict=False) if message else None) or b""


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
