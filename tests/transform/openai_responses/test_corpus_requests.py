"""Recorded requests: all are read, and written the same or with a note."""

import json
from typing import Any

import pytest
from openai.types.responses.response_create_params import ResponseCreateParams
from pydantic import TypeAdapter, ValidationError

from bridge.transform.context import context
from bridge.transform.model import Protocol
from bridge.transform.openai_responses import decode_request, encode_request
from tests.transform.recorded import CAPTURES, requests

R: Protocol = "openai_responses"
PARAMS: TypeAdapter[Any] = TypeAdapter(ResponseCreateParams)


def captures() -> list[tuple[str, Any]]:
    found = ((str(path), json.loads(path.read_text())) for path in CAPTURES.glob("*/*.json"))
    return [(n, c["body"]) for n, c in found if c["body"] is not None and "input" in c["body"]]


def test_every_request_is_read_and_written_the_same_or_with_a_note() -> None:
    equal = 0
    for name, body in [*requests(R), *captures()]:
        ctx = context(R, R)
        request = decode_request(body, ctx)
        again = decode_request(encode_request(request, ctx), context(R, R))
        assert again == request or list(ctx.notes), name
        equal += again == request
    assert equal > 900


def test_what_is_written_passes_the_sdks_types_where_what_was_read_did() -> None:
    """Clients leave out what the types demand, such as `strict`; we do not put it in."""
    valid = 0
    for name, body in [*requests(R), *captures()]:
        sent = encode_request(decode_request(body, context(R, R)), context(R, R))
        if is_valid(body):
            valid += 1
            assert is_valid(sent), name
    assert valid > 850


def is_valid(body: Any) -> bool:
    try:
        PARAMS.validate_python(body)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", ["http-default-model", "http-gpt-5.5", "chatgpt-zstd"])
def test_all_that_codex_offers_is_found(name: str) -> None:
    body = json.loads((CAPTURES / "codex" / f"{name}.json").read_text())["body"]
    request = decode_request(body, context(R, "openai_chat"))
    offered = {(tool.namespace, tool.name) for tool in request.tools}
    assert offered == {
        (None if namespace == "functions" else namespace, tool.get("name", tool["type"]))
        for namespace, tool in definitions(body)
    }


def definitions(body: Any) -> list[tuple[str | None, Any]]:
    given = [*body.get("tools", ())]
    for item in body["input"]:
        given += item.get("tools", ())
    found: list[tuple[str | None, Any]] = []
    for tool in given:
        if tool["type"] == "namespace":
            found += [(tool["name"], inner) for inner in tool["tools"]]
        else:
            found.append((None, tool))
    return found
