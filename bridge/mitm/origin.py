"""What the app had sent, of a flow that is over: the call, to be made once more.

Hard part: to send a call is to rewrite its flow's request, and credentials are taken out of it when
it is over. So the app's address and headers are noted before that: with the flow, where they
survive saving, all that names nobody; in memory, for as long as the flow is there, the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

from mitmproxy import http

from ..call import Call
from ..credentials import Credentials, repeats
from ..outgoing import without_credential
from ..scrub import HIDDEN
from ..transform import Protocol, detect
from ..transform.cut_json import without_mark
from ..transform.headers import CREDENTIALS, PROTOCOL_HEADERS, Headers
from . import flows
from .redact import hide_credentials

APP = "bridge_app"  # in the metadata of a flow
ADDRESS = ("scheme", "host", "port", "path")
# Headers that are noted with the flow.
NOTED = {protocol: names | CREDENTIALS for protocol, names in PROTOCOL_HEADERS.items()}


class Unknown(ValueError):
    """Why a flow's call cannot be had."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """`body` is of a request that has credentials in it."""

    headers: Headers
    credentials: Credentials
    keys: Credentials
    body: bytes = b""


class Origins:
    """Of the flows that are there."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[http.HTTPFlow, _Kept] = WeakKeyDictionary()

    def keep(self, flow: http.HTTPFlow, call: Call) -> None:
        """To be told before the flow's request is made an upstream's."""
        credentials = call.credentials
        body = call.body if credentials else b""
        self._kept[flow] = _Kept(list(call.headers), credentials, call.keys, body)
        noted = NOTED[call.protocol]
        headers = [(n, v) for n, v in call.headers if n.lower() in noted]
        flow.metadata[APP] = {
            **{key: getattr(call, key) for key in ADDRESS},
            "headers": [list(pair) for pair in without_credential(headers)],
        }

    def live(self) -> list[http.HTTPFlow]:
        """Those that are not over."""
        return [flow for flow in self._kept if flow.live]

    def knows(self, flow: http.HTTPFlow) -> bool:
        return flow in self._kept

    def hides(self, flow: http.HTTPFlow) -> bool:
        """Whether there is something to take out of its bodies, as far as they are there."""
        kept = self._kept.get(flow)
        if kept is None or kept.credentials:
            return kept is not None
        content = flow.response.raw_content if flow.response else None
        return repeats(content or b"", kept.keys)

    def hide(self, flow: http.HTTPFlow, *, answer: bool = True) -> None:
        """Take the credentials out of a call that is over; `answer`: its answer has been sent."""
        if kept := self._kept.get(flow):
            everything = kept.credentials + kept.keys
            hide_credentials(flow, kept.credentials, everything, answer=answer)

    def call(self, flow: http.HTTPFlow) -> Call:
        """The app's, as far as it is known; Unknown says why it is not."""
        if flow.live:
            raise Unknown("it is still under way")
        known = flow.metadata.get("bridge") or flow.metadata.get("bridge_attempt") or {}
        if known.get("masked"):
            raise Unknown("its text is masked")
        request = flow.request
        protocol: Protocol | None = known.get("client") or detect(request.method, request.path)
        if protocol is None:
            raise Unknown("it is no LLM call")
        sent = flows.call_of(flow, protocol)
        own = self._kept.get(flow)
        call = replace(sent, body=(own and own.body) or _body(known, sent.body))
        app = flow.metadata.get(APP)
        if app is None:  # its request is still the app's, or nothing better is known
            return call
        given = own.headers if own else [(name, value) for name, value in app["headers"]]
        address = {key: app[key] for key in ADDRESS}
        return replace(call, headers=tuple(given), **address)


def _body(known: Mapping[str, Any], own: bytes) -> bytes:
    """What the app sent; `own` is what the flow's request has, which an upstream may have got."""
    bodies = known.get("bodies") or known
    told = (bodies.get("client_request") or "").encode()
    if told and not without_mark(told)[1]:
        return told
    if told and ("bodies" not in known or "upstream_request" in bodies):
        raise Unknown("its record keeps no more than the first MiB of what the app sent")
    return own


def lacks_credential(call: Call) -> bool:
    """Whether the app had one that is not known any more."""
    return any(n.lower() in CREDENTIALS and v == HIDDEN for n, v in call.headers)


def lacks_others(call: Call) -> bool:
    """Whether it handed over some for other servers, and they are not known any more."""
    return any(HIDDEN in credential.text for credential in call.credentials)
