"""Flows that say nothing any more: of calls, of attempts, and no others."""

import json
from typing import Any

import pytest
from mitmproxy.test import tflow, tutils

from bridge.mitm.masked import mask_flow

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Zebra"}]})
HIDDEN = BODY.replace("Zebra", "xxxxx").replace(": ", ":").replace(", ", ",")


def flow(**metadata: Any) -> Any:
    request = tutils.treq(content=BODY.encode())
    made = tflow.tflow(req=request, resp=tutils.tresp(content=b"Zebra"))
    made.metadata.update(metadata)
    return made


def test_a_call_and_its_record() -> None:
    record = {"client": "openai_chat", "bodies": {"client_request": BODY}, "notes": []}
    made = flow(bridge=record)
    mask_flow(made)
    told = made.metadata["bridge"]
    assert told == {**record, "bodies": {"client_request": HIDDEN}, "masked": True}
    assert made.request.content == HIDDEN.encode() and made.response.content == b"xxxxx"
    assert record["bodies"]["client_request"] == BODY, "what others hold of it stays"


def test_what_a_shadow_would_have_got() -> None:
    made = flow(bridge={"bodies": {}, "shadow": {"upstream": "s", "request": BODY}})
    mask_flow(made)
    assert made.metadata["bridge"]["shadow"] == {"upstream": "s", "request": HIDDEN}


def test_an_attempt() -> None:
    made = flow(bridge_attempt={"of": "1", "client_request": BODY})
    mask_flow(made)
    told = {"of": "1", "client_request": HIDDEN, "masked": True}
    assert made.metadata["bridge_attempt"] == told
    assert made.response.content == b"xxxxx"


def test_other_traffic_stays() -> None:
    made = flow()
    mask_flow(made)
    assert made.request.content == BODY.encode() and made.response.content == b"Zebra"


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
