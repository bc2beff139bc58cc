"""mitmproxy's HTTP stream, taught to answer the app when an upstream cannot.

mitmproxy itself answers a dead upstream with a page of HTML and a broken one by cutting the app
off, and no hook can change that. `BridgeStream` asks the addon for an answer instead, and gives a
stream that broke the end its dialect has for it. It does so for calls of ours alone; all other
traffic takes mitmproxy's own path. This is the one module that reaches into mitmproxy's internals.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from mitmproxy import flow, http
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import (
    HttpLayer,
    HttpStream,
    RequestProtocolError,
    ResponseEndOfMessage,
    ResponseProtocolError,
)

from .flows import Streamer


@dataclass
class BridgeUnansweredHook(commands.StartHook):
    """No answer of the upstream's will come; the addon may set `flow.response`.

    `flow.error` says why.
    """

    flow: http.HTTPFlow


class BridgeStream(HttpStream):
    """One request and its answer."""

    is_ours: Callable[[http.HTTPFlow], object]

    def check_body_size(self, request: bool) -> layer.CommandGenerator[bool]:
        first = request and not self.request_body_buf
        if first and self.context.options.stream_large_bodies and self.is_ours(self.flow):
            self.context.options = _WholeBodies(self.context.options)  # type: ignore[assignment]
        return (yield from super().check_body_size(request))

    def handle_protocol_error(
        self, event: RequestProtocolError | ResponseProtocolError
    ) -> layer.CommandGenerator[None]:
        if isinstance(event, ResponseProtocolError) and self.client_state == self.state_done:
            if self._is_streaming():
                # Streamer makes of the end what it is: finished, or an error event.
                yield from self.server_state(ResponseEndOfMessage(self.stream_id))
                return
            if self._is_waiting() and (yield from self._ask_for_answer(event)):
                return
        yield from super().handle_protocol_error(event)

    def _is_streaming(self) -> bool:
        response = self.flow.response
        streams = self.server_state == self.state_stream_response_body
        return streams and response is not None and isinstance(response.stream, Streamer)

    def _is_waiting(self) -> bool:
        """Whether the app has got nothing yet."""
        return self.server_state in (
            self.state_wait_for_response_headers,
            self.state_consume_response_body,
        )

    def _ask_for_answer(self, event: ResponseProtocolError) -> layer.CommandGenerator[bool]:
        """Whether the addon had an answer, which then went out."""
        self.flow.response = None
        self.flow.error = flow.Error(event.message)
        yield BridgeUnansweredHook(self.flow)
        if self.flow.response is None:
            return False
        self.flow.error = None
        yield from self.send_response()
        return True


class _WholeBodies:
    """mitmproxy's options for a call of ours: to be translated, its bodies have to be whole."""

    stream_large_bodies = None

    def __init__(self, options: Options) -> None:
        self._options = options

    def __getattr__(self, name: str) -> Any:
        return getattr(self._options, name)


def use_bridge_streams(top: layer.Layer | None, is_ours: Callable[[http.HTTPFlow], object]) -> None:
    """Let the HTTP layer in the stack below `top`, if there is one, make BridgeStreams."""
    while top is not None:
        if type(top) is HttpLayer:
            top.make_stream = partial(_make_stream, top, is_ours)  # type: ignore[method-assign]
        top = getattr(top, "child_layer", None)


def _make_stream(
    http_layer: HttpLayer, is_ours: Callable[[http.HTTPFlow], object], stream_id: int
) -> layer.CommandGenerator[None]:
    stream = BridgeStream(http_layer.context.fork(), stream_id)
    stream.is_ours = is_ours
    http_layer.streams[stream_id] = stream
    yield from http_layer.event_to_child(stream, events.Start())
