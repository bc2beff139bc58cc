"""What the app had sent, of flows that were sent elsewhere, saved, cut, or never ours."""

import gc
import json
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from bridge.mitm import flows
from bridge.mitm.origin import APP, Origins, Unknown, lacks_credential, lacks_others
from bridge.mitm.redact import mask_flow
from bridge.outgoing import Outgoing
from bridge.trace import KEPT_BYTES
from tests.exchanged import config

BODY = b'{"model":"m","max_tokens":9,"messages":[]}'
KEY = "key-of-the-app"
HEADERS = {
    "x-api-key": "key-of-the-app",
    "anthropic-beta": "some",
    "x-stainless-os": "Linux",
    "content-type": "application/json",
}
ELSEWHERE = b'{"model":"gpt"}'


def app_flow(path: str = "/v1/messages?beta=true", body: bytes = BODY) -> http.HTTPFlow:
    headers = http.Headers([(n.encode(), v.encode()) for n, v in HEADERS.items()])
    request = tutils.treq(
        method=b"POST",
        scheme=b"https",
        host="api.anthropic.com",
        port=443,
        path=path.encode(),
        headers=headers,
        content=body,
    )
    made = tflow.tflow(req=request)
    made.live = False
    return made


def sent_elsewhere(origins: Origins, **bodies: Any) -> http.HTTPFlow:
    """To an upstream of another protocol, with its record."""
    made = app_flow()
    origins.keep(made, flows.call_of(made, "anthropic_messages"))
    upstream = config("openai_chat").upstreams["up"]
    flows.send(made, Outgoing(upstream, "/v1/chat/completions", [], ELSEWHERE))
    texts = {"client_request": BODY.decode(), "upstream_request": ELSEWHERE.decode(), **bodies}
    made.metadata["bridge"] = {"client": "anthropic_messages", "bodies": texts}
    return made


def saved(made: http.HTTPFlow) -> http.HTTPFlow:
    again = http.HTTPFlow.from_state(made.get_state())
    assert isinstance(again, http.HTTPFlow)
    return again


def test_a_call_that_was_sent_elsewhere_is_known_whole() -> None:
    origins = Origins()
    call = origins.call(sent_elsewhere(origins))
    assert (call.protocol, call.scheme, call.host, call.port) == (
        "anthropic_messages",
        "https",
        "api.anthropic.com",
        443,
    )
    assert (call.path, call.body) == ("/v1/messages?beta=true", BODY)
    assert dict(call.headers) == HEADERS and not lacks_credential(call)


def test_what_is_noted_with_the_flow_names_nobody() -> None:
    origins = Origins()
    made = sent_elsewhere(origins)
    assert made.metadata[APP]["headers"] == [["x-api-key", "***"], ["anthropic-beta", "some"]]
    assert json.loads(json.dumps(made.metadata)) == made.metadata
    assert "key-of-the-app" not in str(made.get_state())


def test_a_saved_one_is_known_but_for_its_credential() -> None:
    origins = Origins()
    call = Origins().call(saved(sent_elsewhere(origins)))
    assert (call.host, call.path) == ("api.anthropic.com", "/v1/messages?beta=true")
    assert call.body == BODY
    assert dict(call.headers) == {"x-api-key": "***", "anthropic-beta": "some"}
    assert lacks_credential(call)


def test_headers_are_kept_no_longer_than_the_flow() -> None:
    origins = Origins()
    made = sent_elsewhere(origins)
    assert len(origins._kept) == 1
    del made
    gc.collect()
    assert len(origins._kept) == 0


SECRET = {"mcp_servers": [{"name": "n", "url": "https://n", "authorization_token": "mcp-4711"}]}
WITH_SECRET = json.dumps({"model": "m", "max_tokens": 9, "messages": [], **SECRET}).encode()


def test_credentials_are_taken_out_of_a_flow_and_still_known() -> None:
    origins, made = Origins(), app_flow(body=WITH_SECRET)
    origins.keep(made, flows.call_of(made, "anthropic_messages"))
    assert origins.hides(made) and made.response is None
    made.response = http.Response.make(200, b"mcp-4711 was taken")
    origins.hide(made)
    state = str(made.get_state())
    assert "mcp-4711" not in state and "key-of-the-app" not in state
    assert made.response.content == b"*** was taken"
    call = origins.call(made)
    assert call.body == WITH_SECRET and dict(call.headers) == HEADERS and not lacks_others(call)
    again = Origins().call(saved(made))
    assert lacks_others(again) and lacks_credential(again)


def test_a_request_without_any_stays_as_it_is() -> None:
    origins, made = Origins(), app_flow()
    origins.hide(made)  # nobody has told of it
    assert made.request.headers["x-api-key"] == "key-of-the-app"
    assert not origins.hides(made)
    origins.keep(made, flows.call_of(made, "anthropic_messages"))
    origins.hide(made)
    assert made.request.headers["x-api-key"] == "***" and made.request.content == BODY
    assert not origins.hides(made) and not lacks_others(origins.call(made))


@pytest.mark.parametrize("name", ["x-api-key", "authorization"])
def test_a_key_that_an_answer_repeats_is_taken_out_of_it(name: str) -> None:
    origins, made = Origins(), app_flow()
    made.request.headers[name] = "Bearer key-of-the-app" if name == "authorization" else KEY
    origins.keep(made, flows.call_of(made, "anthropic_messages"))
    made.response = http.Response.make(401, b'{"error": "there is no key key-of-the-app"}')
    assert origins.hides(made)
    origins.hide(made, answer=False)
    assert KEY in made.response.text
    origins.hide(made)
    assert made.response.text == '{"error": "there is no key ***"}'


@pytest.mark.parametrize(
    "path, protocol",
    [("/v1/messages", "anthropic_messages"), ("/v1/chat/completions", "openai_chat")],
)
def test_a_flow_without_a_record_is_as_it_is(path: str, protocol: str) -> None:
    call = Origins().call(app_flow(path))
    assert (call.protocol, call.host, call.body) == (protocol, "api.anthropic.com", BODY)
    assert dict(call.headers) == HEADERS


def test_a_failed_attempt_knows_what_the_app_had_sent() -> None:
    made = app_flow("/v1/chat/completions", ELSEWHERE)
    made.metadata["bridge_attempt"] = {
        "of": "1",
        "client": "anthropic_messages",
        "client_request": BODY.decode(),
    }
    call = Origins().call(made)
    assert (call.protocol, call.body) == ("anthropic_messages", BODY)


CUT = "x" * KEPT_BYTES + "\n[9 bytes more]"


def test_a_cut_record_is_no_matter_where_the_flow_has_the_apps_own() -> None:
    made = app_flow()
    made.metadata["bridge"] = {"client": "openai_chat", "bodies": {"client_request": CUT}}
    assert Origins().call(made).body == BODY


def test_a_record_without_bodies_leaves_the_flows_own() -> None:
    made = app_flow()
    made.metadata["bridge"] = {"client": "anthropic_messages"}
    assert Origins().call(made).body == BODY


def cut() -> http.HTTPFlow:
    return sent_elsewhere(Origins(), client_request=CUT)


def cut_attempt() -> http.HTTPFlow:
    made = app_flow()
    made.metadata["bridge_attempt"] = {"client": "openai_chat", "client_request": CUT}
    return made


def masked() -> http.HTTPFlow:
    made = sent_elsewhere(Origins())
    mask_flow(made)
    return made


def live() -> http.HTTPFlow:
    made = app_flow()
    made.live = True
    return made


@pytest.mark.parametrize(
    "made, reason",
    [
        pytest.param(cut(), "no more than the first MiB", id="a cut record"),
        pytest.param(cut_attempt(), "no more than the first MiB", id="a cut attempt"),
        pytest.param(masked(), "its text is masked", id="a masked record"),
        pytest.param(live(), "still under way", id="one that is not over"),
        pytest.param(app_flow("/index.html"), "no LLM call", id="another request"),
    ],
)
def test_what_cannot_be_had(made: http.HTTPFlow, reason: str) -> None:
    with pytest.raises(Unknown, match=reason):
        Origins().call(made)
