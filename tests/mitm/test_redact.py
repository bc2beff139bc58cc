"""Flows that say nothing any more: of calls, of attempts, and of what is asked beside calls."""

import json
from typing import Any

import pytest
from mitmproxy.test import tflow, tutils

from bridge.credentials import Credential
from bridge.mitm.redact import hide_credentials, mask_flow

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Zebra"}]})
HIDDEN = BODY.replace("Zebra", "xxxxx").replace(": ", ":").replace(", ", ",")


def flow(**metadata: Any) -> Any:
    request = tutils.treq(content=BODY.encode())
    made = tflow.tflow(req=request, resp=tutils.tresp(content=b"Zebra"))
    made.metadata.update(metadata)
    return made


def test_a_call_and_its_record() -> None:
    tried = {"upstream": "a", "outcome": "ok", "reason": ""}
    record = {"bodies": {"client_request": BODY}, "notes": [], "attempts": [tried]}
    made = flow(bridge=record)
    mask_flow(made)
    told = made.metadata["bridge"]
    assert told == {**record, "bodies": {"client_request": HIDDEN}, "masked": True}
    assert made.request.content == HIDDEN.encode() and made.response.content == b"xxxxx"
    assert record["bodies"]["client_request"] == BODY, "what others hold of it stays"


@pytest.mark.parametrize("answer", [True, False])
def test_a_key_in_the_subprotocol_of_a_websocket(answer: bool) -> None:
    made = flow()
    for message in (made.request, made.response):
        message.headers["Sec-WebSocket-Protocol"] = "realtime, openai-insecure-api-key.sk-4711"
    hide_credentials(made, (), (), answer=answer)
    shown = "realtime, openai-insecure-api-key.***"
    assert made.request.headers["sec-websocket-protocol"] == shown
    assert (made.response.headers["sec-websocket-protocol"] == shown) is answer


def test_headers_that_let_one_in_by_whatever_name() -> None:
    made = flow()
    hidden = ("X-Portkey-Api-Key", "cf-access-client-secret", "x-auth-token", "Authorization")
    shown = ("Idempotency-Key", "x-auth-mode", "x-token-budget", "author")
    for name in (*hidden, *shown):
        made.request.headers[name] = "sk-4711-4711"
    hide_credentials(made, (), ())
    assert [made.request.headers[name] for name in hidden] == ["***"] * len(hidden)
    assert {made.request.headers[name] for name in shown} == {"sk-4711-4711"}


def test_what_earlier_attempts_were_sent() -> None:
    tried = {"upstream": "a", "outcome": "timeout", "bodies": {"upstream_request": BODY}}
    made = flow(bridge={"bodies": {}, "attempts": [tried]})
    mask_flow(made)
    (told,) = made.metadata["bridge"]["attempts"]
    assert told == {**tried, "bodies": {"upstream_request": HIDDEN}}


def test_what_a_shadow_would_have_got() -> None:
    made = flow(bridge={"bodies": {}, "shadow": {"upstream": "s", "request": BODY}})
    mask_flow(made)
    assert made.metadata["bridge"]["shadow"] == {"upstream": "s", "request": HIDDEN}


def test_an_attempt() -> None:
    made = flow(bridge_attempt={"of": "1", "upstream": "up", "client_request": BODY})
    made.comment = "attempt of 1: up: Zebra is no model: up: x"
    mask_flow(made)
    told = {"of": "1", "upstream": "up", "client_request": HIDDEN, "masked": True}
    assert made.metadata["bridge_attempt"] == told
    assert made.response.content == b"xxxxx"
    assert made.comment == "attempt of 1: up: xxxxx xx xx xxxxx: xx: x"


@pytest.mark.parametrize(
    "outcome, reason, shown",
    [
        pytest.param("error", "Zebra?", "xxxxx?", id="an upstream may quote what was said"),
        pytest.param("cut", "Zebra?", "xxxxx?", id="also in the middle of its answer"),
        pytest.param("cut", "bridge: up: no data", "bridge: up: no data", id="ours quotes nobody"),
        pytest.param("refused", "messages[0]", "messages[0]", id="a place"),
    ],
)
def test_why_an_attempt_failed(outcome: str, reason: str, shown: str) -> None:
    long = reason.ljust(300, "z")
    attempts = [
        {"upstream": "a", "outcome": outcome, "reason": each} for each in (reason, "", long)
    ]
    made = flow(bridge={"attempts": attempts})
    made.comment = f"app -> up | {outcome} 400: {long[:200]}"
    mask_flow(made)
    told = [attempt["reason"] for attempt in made.metadata["bridge"]["attempts"]]
    assert told[0] == shown and told[1] == "" and len(told[2]) == 300
    assert made.comment == f"app -> up | {outcome} 400: {told[2][:200]}"


def test_an_endpoint_beside_the_calls_has_no_record() -> None:
    made = flow()
    mask_flow(made)
    assert made.request.content == HIDDEN.encode() and made.response.content == b"xxxxx"
    assert made.metadata == {}


def test_an_answer_that_the_app_has_not_got_yet_stays() -> None:
    made = flow(bridge={"bodies": {}})
    mask_flow(made, answer=False)
    hide_credentials(made, (), (Credential("key", "Zebra-12"),), answer=False)
    assert made.request.content == HIDDEN.encode() and made.response.content == b"Zebra"


@pytest.mark.parametrize("content", [b"", None])
def test_what_has_no_content(content: bytes | None) -> None:
    made = flow(bridge={})
    made.response.raw_content = content
    made.request.raw_content = None
    mask_flow(made)
    assert made.response.raw_content == content
    made.response = None
    mask_flow(made)


def test_a_compressed_answer_is_masked_too() -> None:
    made = flow(bridge={})
    made.response.headers["content-encoding"] = "gzip"
    made.response.content = b"Zebra"
    mask_flow(made)
    assert made.response.content == b"xxxxx"
