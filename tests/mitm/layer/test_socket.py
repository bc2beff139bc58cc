"""A WebSocket that is served, as its app and mitmproxy's addons see it; no process, no sockets."""

import json
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.proxy import events
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Message,
    Ping,
    Pong,
    TextMessage,
)

from bridge.mitm import flows
from bridge.mitm.layer import socket as layer
from bridge.steps import Done, Reply
from bridge.store import Store
from bridge.websocket import Socket, Turn, accept
from tests.mitm.layer.wire import ANSWER, Wire
from tests.mitm.scripted import Scripted

KEY = {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version": "13"}
OFFER = (
    b"GET http://up.test/v1/responses HTTP/1.1\r\nHost: up.test\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer app\r\n\r\n"
)
CREATE = json.dumps({"type": "response.create", "input": "hi"})


class App(Wire):
    """One whose WebSocket was accepted."""

    def __init__(self, exchange: Scripted | None = None) -> None:
        self.socket = Socket(lambda: "resp_1")
        self.flows: list[http.HTTPFlow] = []
        self.drops = ""
        super().__init__(exchange, OFFER, self._served)
        self.wire = Connection(ConnectionType.CLIENT)
        self.seen = len(self.sent[self.client])
        assert self.sent[self.client].startswith(b"HTTP/1.1 101 ")

    def _served(self, flow: http.HTTPFlow) -> Any:
        return (self.socket, flow.request.copy()) if flow.request.method == "GET" else None

    def hook(self, flow: http.HTTPFlow, name: str) -> None:
        if name == "request":
            self.flows.append(flow)
            if flow.request.method == "GET":
                flow.response = flows.response(Reply(101, accept(KEY)), flow)
        if name == "websocket_message" and flow.websocket:
            message = flow.websocket.messages[-1]
            if self.drops and self.drops in message.text:
                message.drop()

    def says_to_it(self, event: Any) -> list[Any]:
        """What comes back."""
        self.happens(events.DataReceived(self.client, self.wire.send(event)))
        return self.hears()

    def hears(self) -> list[Any]:
        data = self.sent[self.client][self.seen :]
        self.seen += len(data)
        self.wire.receive_data(data)
        return list(self.wire.events())


def texts(heard: list[Any]) -> list[Any]:
    return [json.loads(event.data) for event in heard if isinstance(event, Message)]


def test_its_beginning_is_told_as_mitmproxy_tells_it() -> None:
    app = App()
    assert "websocket_start" in app.hooks and app.wire.state is ConnectionState.OPEN


def test_a_ping_is_answered() -> None:
    app = App()
    (pong,) = app.says_to_it(Ping(b"x"))
    assert isinstance(pong, Pong) and pong.payload == b"x"
    assert app.says_to_it(Pong()) == []


@pytest.mark.parametrize("kind", [TextMessage, BytesMessage])
def test_a_message_in_pieces_is_one(kind: Any) -> None:
    app = App()
    piece = "{" if kind is TextMessage else b"{"
    assert app.says_to_it(kind(piece, message_finished=False)) == []
    (told,) = texts(app.says_to_it(kind(piece)))
    assert told["type"] == "error"
    (flow,) = app.flows
    assert flow.websocket and [m.content for m in flow.websocket.messages][0] == b"{{"
    assert app.hooks.count("websocket_message") == 2


def test_a_message_that_somebody_drops_is_not_told() -> None:
    app = App()
    app.drops = "generate"
    assert app.says_to_it(TextMessage('{"generate": 1}')) == []
    app.drops = "no JSON object"
    assert app.says_to_it(TextMessage("x")) == []


def test_no_more_messages_are_kept_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer, "MAX_SHOWN", 3)
    app = App()
    for _ in range(4):
        app.says_to_it(TextMessage("x"))
    assert app.flows[0].websocket and len(app.flows[0].websocket.messages) == 3


def test_a_message_that_is_too_long_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer, "MAX_MESSAGE", 9)
    app = App()
    assert app.says_to_it(TextMessage("x" * 9, message_finished=False)) == []
    (closed,) = app.says_to_it(TextMessage("x"))
    assert isinstance(closed, CloseConnection) and closed.code == 1009
    told = app.flows[0].websocket
    assert told and (told.close_code, told.closed_by_client) == (1009, False)
    assert app.hooks[-1] == "websocket_end" and not app.flows[0].live


def test_what_is_no_frame_ends_it() -> None:
    app = App()
    app.happens(events.DataReceived(app.client, b"\xff" * 14))
    (closed,) = app.hears()
    assert isinstance(closed, CloseConnection) and closed.code == 1002
    app.happens(events.DataReceived(app.client, b"\xff" * 14))
    assert app.hears() == [] and app.hooks.count("websocket_end") == 1


def test_an_app_may_close_it() -> None:
    app = App()
    (closed,) = app.says_to_it(CloseConnection(1000, "bye"))
    assert isinstance(closed, CloseConnection) and app.wire.state is ConnectionState.CLOSED
    told = app.flows[0].websocket
    assert told and (told.close_code, told.closed_by_client, told.close_reason) == (
        1000,
        True,
        "bye",
    )
    app.happens(events.ConnectionClosed(app.client))
    assert app.hooks.count("websocket_end") == 1


def test_a_call_is_a_request_like_those_over_http() -> None:
    exchange = Scripted()
    app = App(exchange)
    app.says_to_it(TextMessage(CREATE))
    _, call = app.flows
    request = call.request
    assert (request.method, request.path, request.host) == ("POST", "/v1/responses", "up.test")
    assert json.loads(request.content or b"") == {"input": "hi", "stream": True}
    assert request.headers["authorization"] == "Bearer app"
    assert not {"upgrade", "connection", "sec-websocket-key"} & set(request.headers)


@pytest.mark.parametrize("given", [[], [("authorization", "Bearer own")]])
def test_an_app_may_say_in_a_subprotocol_who_it_is(given: Any) -> None:
    offer = ("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.k, openai-project.p")
    opening = http.Request.make("GET", "http://up.test/v1/responses")
    opening.headers = http.Headers([(n.encode(), v.encode()) for n, v in (offer, *given)])
    headers = flows.over_http(opening, b"{}").headers
    assert headers.get_all("authorization") == ["Bearer own" if given else "Bearer k"]
    assert headers["openai-project"] == "p" and "sec-websocket-protocol" not in headers
    assert headers["accept-encoding"] == "identity", "as a stream it is read as it comes"


def answered(app: App) -> list[Any]:
    """What the app hears of a call that an upstream answers."""
    app.says_to_it(TextMessage(CREATE))
    app.says(app.servers[-1], ANSWER)
    return texts(app.hears())


def test_a_bug_of_ours_is_told_as_an_error_and_the_socket_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = Done(Reply(200, [], json.dumps({"id": "resp_1", "output": []}).encode()))
    app = App(Scripted(whole, whole, whole, streams=False))
    with monkeypatch.context() as broken:
        broken.delattr(Turn, "end")
        (error,) = answered(app)
    assert (error["type"], error["status"]) == ("error", 502)
    assert "could not be handled" in caplog.text
    with monkeypatch.context() as broken:
        broken.delattr(Store, "record")
        assert answered(app)[-1]["type"] == "response.completed", "of a call that is over no error"
    assert answered(app)[-1]["type"] == "response.completed"


def test_an_app_that_hangs_up_hangs_up_on_its_calls() -> None:
    app = App(Scripted())
    app.says_to_it(TextMessage(CREATE))
    [server] = app.servers
    assert server not in app.closed
    app.happens(events.ConnectionClosed(app.client))
    assert server in app.closed and app.flows[1].error
