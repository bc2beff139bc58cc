"""Which WebSockets are whose, and what is left of them; with real ones: tests/e2e."""

import json
from dataclasses import replace
from gc import collect
from typing import Any

import pytest
from mitmproxy.test import tflow, tutils
from mitmproxy.websocket import WebSocketData, WebSocketMessage
from wsproto.frame_protocol import Opcode

from bridge.call import Call
from bridge.config import parse
from bridge.handshake import Handshake
from bridge.health import Cancelled, ConnectionFailed
from bridge.mitm.sockets import Sockets
from bridge.outgoing import Outgoing
from bridge.steps import Reply
from bridge.trial import Unheard

CALL = Call("openai_responses", "https", "api.test", 443, "/v1/responses", (), b"")
UPSTREAM = parse(
    "upstreams: {up: {protocol: openai_responses, url: 'https://up.test', api_key: k}}", "c", {}
).upstreams["up"]
PASSED = Outgoing(UPSTREAM, "/v1/responses", [], b"")
SERVED, REFUSED = Reply(101, []), Reply(426, [])


def sockets() -> Sockets:
    return Sockets(lambda: None, lambda: 5.0, lambda client: None)


def flow(*, opened: bool = True) -> Any:
    made = tflow.tflow(req=tutils.treq(method=b"GET", path=b"/v1/responses"))
    made.websocket = WebSocketData() if opened else None
    return made


def says(made: Any, content: bytes, *, app: bool = True) -> WebSocketMessage:
    message = WebSocketMessage(Opcode.TEXT, app, content)
    made.websocket.messages.append(message)
    return message


def test_one_that_is_served_has_the_request_as_it_was() -> None:
    known, one = sockets(), flow()
    known.asked(one, CALL, SERVED)
    one.request.headers["authorization"] = "hidden"
    found = known.served(one)
    assert found and "authorization" not in found[1].headers
    assert known.served(flow()) is None


@pytest.mark.parametrize("answer, told", [(PASSED, True), (None, False), (REFUSED, False)])
def test_an_upstream_that_refuses_one_is_known_by_that(answer: Any, told: bool) -> None:
    known, one = sockets(), flow(opened=False)
    known.asked(one, CALL, answer)
    assert known.answered(one) is told
    assert not known.answered(one), "once"


def test_one_that_was_taken_is_not_refused() -> None:
    known, one = sockets(), flow()
    known.asked(one, CALL, PASSED)
    assert not known.answered(one)
    message = says(one, b'{"type": "response.create", "model": "m"}')
    known.message(one)
    assert message.content == b'{"type": "response.create", "model": "m"}'
    says(one, b'{"type": "response.completed", "response": {}}', app=False)
    known.message(one)
    known.ended(one)
    assert one.comment == "WebSocket: up, 1 calls"


def test_credentials_for_others_are_hidden_in_the_end() -> None:
    known, one = sockets(), flow()
    known.asked(one, CALL, SERVED)
    server = {"type": "mcp", "server_label": "x", "authorization": "very-secret"}
    message = says(one, json.dumps({"type": "response.create", "tools": [server]}).encode())
    known.message(one)
    assert b"very-secret" in message.content, "it has to be sent first"
    said = says(one, b"no JSON of very-secret", app=False)
    known.message(one)
    says(one, b"no JSON")
    known.message(one)
    known.ended(one)
    assert b"very-secret" not in message.content
    assert said.content.startswith(b"no JSON") and one.comment == "WebSocket: served by the bridge"


@pytest.mark.parametrize("answer", [SERVED, PASSED, None])
def test_a_key_that_is_told_in_a_subprotocol_is_hidden_too(answer: Any) -> None:
    known, one = sockets(), flow()
    offer = (("sec-websocket-protocol", "openai-insecure-api-key.sk-very-secret"),)
    known.asked(one, replace(CALL, headers=offer), answer)
    said = says(one, b'{"error": "sk-very-secret is no key"}', app=False)
    known.message(one)
    known.ended(one)
    assert said.content == b'{"error": "*** is no key"}'


@pytest.mark.parametrize("answer", [SERVED, PASSED, None])
def test_a_key_of_the_app_that_is_repeated_is_hidden_too(answer: Any) -> None:
    known, one = sockets(), flow()
    headers = (("authorization", "Bearer sk-very-secret"),)
    known.asked(one, replace(CALL, headers=headers), answer)
    said = says(one, b'{"error": "sk-very-secret is no key"}', app=False)
    known.message(one)
    known.ended(one)
    assert said.content == b'{"error": "*** is no key"}'


def test_others_are_left_alone() -> None:
    known, one = sockets(), flow()
    message = says(one, b"x")
    known.message(one)
    known.ended(one)
    assert message.content == b"x" and one.comment == ""


def test_one_that_never_opened_is_forgotten() -> None:
    known, one, others = sockets(), flow(opened=False), flow(opened=False)
    known.asked(one, CALL, PASSED)
    known.broke(one)
    known.broke(others)
    assert one.comment == "" and not known.answered(one)


def test_its_upstream_is_told_of_it() -> None:
    told: list[Any] = []

    class Told(Unheard):
        def record(self, target: Any, outcome: Any, now: float, **facts: Any) -> None:
            told.append(outcome)

    known, one, two = sockets(), flow(opened=False), flow(opened=False)
    for each in (one, two):
        known.asked(each, CALL, Handshake(PASSED, Told(), 1.0, 5.0))
    assert known.handshake(flow()) is None
    shaken = known.handshake(one)
    assert shaken and shaken.lost("refused", 2.0) and known.answered(one)
    assert one.comment == "WebSocket: none at up: refused"
    known.broke(two)
    assert told == [ConnectionFailed("refused"), Cancelled()]
    assert known.handshake(one) is known.handshake(two) is None


def test_nothing_is_kept_of_a_flow_that_is_gone() -> None:
    known, one = sockets(), flow()
    known.asked(one, CALL, PASSED)
    del one
    collect()
    assert not known._open
