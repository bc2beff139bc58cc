"""The endpoints beside the call: who answers, what an upstream is asked, what the app gets."""

import json
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from bridge.aside import NO_SOCKET, Aside, Desk
from bridge.bounded import Bounds
from bridge.call import Call
from bridge.config import parse
from bridge.endpoints import Side, side
from bridge.health import Answered
from bridge.outgoing import Outgoing
from bridge.routing import Router, Target
from bridge.steps import WAIT, Done, Reply
from bridge.store import Store

CONFIG = """
upstreams:
  chat: {protocol: openai_chat, url: 'https://chat.test/v1', api_key: k, models: {fast: gpt}}
  claude: {protocol: anthropic_messages, url: 'https://claude.test', api_key: k}
  openai: {protocol: openai_responses, url: 'https://openai.test/v1', api_key: k, profile: openai}
  local: {protocol: openai_responses, url: 'https://local.test/v1', api_key: k}
  own: {protocol: anthropic_messages, url: 'https://api.anthropic.com'}
  keyed: {protocol: anthropic_messages, url: 'https://api.anthropic.com', api_key: k}
  renamed: {protocol: anthropic_messages, url: 'https://api.anthropic.com', models: {m: big}}
  bare: {protocol: openai_responses, url: 'https://b.test/v1', api_key: k, profile: ollama}
routes: ROUTES
"""
ROUTED = "[{upstreams: [NAME]}]"
VERSION = (("anthropic-version", "2023-06-01"),)
HI = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
ASKED = {"model": "m", "input": "hi"}


def desk(routes: str, store: Store | None = None) -> Desk:
    router = Router(parse(CONFIG.replace("ROUTES", routes), "c", {}))
    return Desk(router, store, b"k", 5.0)


def asked(method: str, path: str, body: Any = None, claude: bool = False) -> tuple[Side, Call]:
    headers = VERSION if claude else ()
    found = side(method, path, headers)
    assert found
    content = b"" if body is None else json.dumps(body).encode()
    call = Call(found.dialect, "https", "api.anthropic.com", 443, path, headers, content)
    return found, call


def answer(made: Desk, *request: Any, **more: Any) -> Any:
    found, call = asked(*request, **more)
    choice = made.choice(found, call, 0)
    assert choice
    return made.answer(found, call, choice, 0)


COUNT = ("POST", "/v1/messages/count_tokens", HI)


@pytest.mark.parametrize(
    "routes, request_, routed",
    [
        pytest.param("[]", COUNT, False, id="no route"),
        pytest.param("[{upstreams: [own, chat]}]", COUNT, False, id="the app's own host"),
        pytest.param("[{upstreams: [keyed]}]", COUNT, True, id="the same with a key"),
        pytest.param("[{upstreams: [renamed]}]", COUNT, True, id="the same with other models"),
        pytest.param("[{upstreams: [chat, own]}]", COUNT, True, id="another upstream"),
        pytest.param(
            "[{match: {protocol: openai_chat}, upstreams: [chat]}]",
            ("GET", "/v1/models"),
            True,
            id="models of either of OpenAI's protocols",
        ),
        pytest.param(
            "[{match: {protocol: openai_responses}, upstreams: [chat]}]",
            ("GET", "/v1/models"),
            True,
            id="models of the other",
        ),
        pytest.param(
            "[{match: {path: /v1/messages}, upstreams: [chat]}]", COUNT, True, id="a route by path"
        ),
    ],
)
def test_what_passes_untouched(routes: str, request_: Any, routed: bool) -> None:
    found, call = asked(*request_)
    assert (desk(routes).choice(found, call, 0) is not None) is routed


def read(reply: Any) -> tuple[int, Any]:
    assert isinstance(reply, Reply)
    return reply.status, json.loads(reply.body)


def test_models() -> None:
    made = desk("[{upstreams: [chat]}]")
    assert read(answer(made, "GET", "/v1/models"))[1]["data"][0]["id"] == "fast"
    assert read(answer(made, "GET", "/v1/models/fast"))[1]["owned_by"] == "chat"
    status, told = read(answer(made, "GET", "/v1/models/x", claude=True))
    assert (status, told["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize("upstream", ["chat", "openai"])
def test_codex_gets_no_catalogue_and_so_keeps_its_own(upstream: str) -> None:
    made = desk(f"[{{upstreams: [{upstream}]}}]")
    for path in ("/v1/models", "/backend-api/codex/models"):
        assert read(answer(made, "GET", f"{path}?client_version=0.169.0")) == (200, {"models": []})


@pytest.mark.parametrize(
    "upstream, path", [("claude", "/v1/models?limit=1000"), ("openai", "/v1/models")]
)
def test_models_of_an_upstream_that_gets_every_name_are_its_own(upstream: str, path: str) -> None:
    made = desk(ROUTED.replace("NAME", upstream))
    told = b'{"data": [{"id": "m1"}, {"id": "m2"}]}'

    def got(*request: str) -> tuple[int, Any]:
        aside = answer(made, *request, claude=True)
        assert isinstance(aside, Aside) and aside.sent.path == path and not aside.sent.body
        aside.answered(200, [], 1.0)
        step = aside.whole(told, 2.0)
        assert isinstance(step, Done)
        return read(step.reply)

    assert [m["id"] for m in got("GET", "/v1/models?limit=1")[1]["data"]] == ["m1", "m2"]
    assert got("GET", "/v1/models/m2")[1]["id"] == "m2"
    assert got("GET", "/v1/models/m3")[0] == 404


def test_where_an_upstream_has_no_list_it_is_empty() -> None:
    aside = answer(desk(ROUTED.replace("NAME", "openai")), "GET", "/v1/models")
    step = aside.lost("refused", 1.0)
    assert read(step.reply) == (200, {"object": "list", "data": []})


# --- counting


@pytest.mark.parametrize(
    "upstream, path, keys",
    [
        ("claude", "/v1/messages/count_tokens", {"model", "messages"}),
        ("openai", "/v1/responses/input_tokens", {"model", "input"}),
    ],
)
def test_an_upstream_that_counts_is_asked(upstream: str, path: str, keys: set[str]) -> None:
    aside = answer(desk(ROUTED.replace("NAME", upstream)), *COUNT)
    assert isinstance(aside, Aside) and aside.sent.path == path
    assert json.loads(aside.sent.body).keys() == keys
    assert not aside.answered(200, [], 1.0)
    step = aside.whole(b'{"input_tokens": 7}', 2.0)
    assert isinstance(step, Done) and read(step.reply) == (200, {"input_tokens": 7})
    assert dict(step.reply.headers) == {"content-type": "application/json"}
    assert aside.wake_at() == inf


def test_the_app_s_own_host_counts_with_the_upstream_s_key_and_model() -> None:
    body = {**HI, "container": "c"}
    for name, key, model in (("keyed", "k", "m"), ("renamed", None, "big")):
        made = desk(ROUTED.replace("NAME", name))
        sent = answer(made, "POST", "/v1/messages/count_tokens", body, claude=True).sent
        assert json.loads(sent.body) == {**body, "model": model}, "and all else as it is"
        assert dict(sent.headers).get("x-api-key") == key
    assert read(answer(made, "GET", "/v1/models"))[1]["data"][0]["id"] == "m"


NAMING = {"model": "m", "input": "more", "previous_response_id": "resp_1"}
INPUT_TOKENS = ("POST", "/v1/responses/input_tokens")


def test_an_earlier_answer_counts_too_and_is_told_to_who_cannot_know_it() -> None:
    for name, by, expands in (
        ("openai", "openai", False),
        ("openai", "chat", True),
        ("local", "local", False),
        ("bare", "bare", True),
    ):
        aside = answer(desk(ROUTED.replace("NAME", name), kept(by)), *INPUT_TOKENS, NAMING)
        assert ("previous_response_id" in json.loads(aside.sent.body)) is not expands, (name, by)
        aside.answered(404, [], 1.0)
        assert read(aside.whole(b"{}", 2.0).reply)[1]["input_tokens"] > 0


@pytest.mark.parametrize(
    "routes, expected",
    [
        pytest.param("[{upstreams: [openai]}]", "openai.test", id="a vendor"),
        pytest.param("[{upstreams: [local, openai]}]", "openai.test", id="a vendor before others"),
        pytest.param("[{upstreams: [chat, local]}]", "local.test", id="who may keep answers"),
        pytest.param("[{upstreams: [chat, claude, bare]}]", None, id="nobody"),
    ],
)
def test_one_that_is_not_known_here_is_for_who_may_know_it(
    routes: str, expected: str | None
) -> None:
    made = desk(routes, kept())
    body = {**NAMING, "previous_response_id": "resp_9"}
    asides = answer(made, *INPUT_TOKENS, body), answer(made, "GET", "/v1/responses/resp_9")
    if expected is None:
        assert [read(reply)[0] for reply in asides] == [400, 404]
        return
    counted, sent = asides
    assert counted.sent.upstream.host == sent.upstream.host == expected
    assert json.loads(counted.sent.body) == body
    assert sent.path == "/v1/responses/resp_9" and dict(sent.headers)["authorization"] == "Bearer k"
    counted.answered(404, [], 1.0)
    assert read(counted.whole(b"{}", 2.0).reply)[0] == 400, "there is nothing to estimate"


def test_what_is_counted_may_need_betas() -> None:
    server = {"type": "mcp", "server_label": "d", "server_url": "https://mcp.example"}
    body = {**ASKED, "tools": [{**server, "require_approval": "never"}]}
    made = desk(ROUTED.replace("NAME", "own"))
    aside = answer(made, "POST", "/v1/responses/input_tokens", body)
    assert "mcp_servers" in json.loads(aside.sent.body)
    assert dict(aside.sent.headers)["anthropic-beta"] == "mcp-client-2026-09-15"


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(lambda a: (a.answered(404, [], 1.0), a.whole(b"{}", 2.0))[1], id="404"),
        pytest.param(lambda a: (a.answered(200, [], 1.0), a.whole(b"<html>", 2.0))[1], id="HTML"),
        pytest.param(lambda a: (a.answered(200, [], 1.0), a.whole(b"{}", 2.0))[1], id="no number"),
        pytest.param(lambda a: a.lost("refused", 1.0), id="no connection"),
        pytest.param(lambda a: a.wake(5.0), id="silence"),
    ],
)
def test_a_number_comes_whatever_happens(happens: Any) -> None:
    aside = answer(desk(ROUTED.replace("NAME", "claude")), *COUNT)
    aside.received(0.5)
    assert aside.take(b"x", 0.5) == WAIT and aside.wake(4.9) == WAIT
    assert (aside.wake_at(), aside.head(0).status, aside.ending) == (5.0, 200, None)
    step = happens(aside)
    assert isinstance(step, Done) and read(step.reply)[1]["input_tokens"] > 0
    assert dict(step.reply.headers)["x-bridge-estimate"] == "1"


def test_trap_51_where_nobody_counts_it_is_estimated() -> None:
    reply = answer(desk("[{upstreams: [chat]}]"), "POST", "/v1/responses/input_tokens", ASKED)
    assert read(reply)[1]["object"] == "response.input_tokens"
    assert dict(reply.headers)["x-bridge-estimate"] == "1"


def test_what_cannot_be_said_there_is_estimated_too() -> None:
    image = {"type": "image", "source": {"type": "file", "file_id": "file_1"}}
    body = {"model": "m", "messages": [{"role": "user", "content": [image]}]}
    made = desk(ROUTED.replace("NAME", "openai"))
    reply = answer(made, "POST", "/v1/messages/count_tokens", body)
    assert read(reply)[1]["input_tokens"] > 0 and dict(reply.headers)["x-bridge-estimate"] == "1"


@pytest.mark.parametrize("body", [{"model": "m"}, {"model": "m", "messages": 5}])
def test_but_not_what_makes_no_sense(body: Any) -> None:
    made = desk(ROUTED.replace("NAME", "openai"))
    assert read(answer(made, "POST", "/v1/messages/count_tokens", body))[0] == 400


def test_what_is_malformed_is_told_in_the_dialect() -> None:
    found, call = asked(*COUNT)
    made = desk("[{upstreams: [chat]}]")
    broken = replace(call, body=b"{")
    choice = made.choice(found, broken, 0)
    assert choice
    status, told = read(made.answer(found, broken, choice, 0))
    assert (status, told["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("body", [[1], "secret", [], 5])
@pytest.mark.parametrize("upstream", ["chat", "claude", "openai", "local"])
@pytest.mark.parametrize("path", ["/v1/messages/count_tokens", "/v1/responses/input_tokens"])
def test_a_body_that_is_no_object_is_told_so(path: str, upstream: str, body: Any) -> None:
    status, told = read(answer(desk(ROUTED.replace("NAME", upstream)), "POST", path, body))
    assert status == 400 and "the body must be an object" in told["error"]["message"]


# --- stored answers

RESPONSE = {"id": "resp_1", "object": "response", "output": []}


def kept(by: str = "chat") -> Store:
    store = Store(Bounds(1 << 20, 60))
    store.record(RESPONSE, "hi", 0, by)
    return store


def test_stored_answers() -> None:
    made = desk("[]", kept())

    def known(*request: str) -> Any:
        return made.known(*asked(*request), 0)

    assert read(known("GET", "/v1/responses/resp_1")) == (200, RESPONSE)
    items = read(known("GET", "/v1/responses/resp_1/input_items"))[1]
    assert items["data"][0]["content"] == [{"type": "input_text", "text": "hi"}]
    assert read(known("GET", "/v1/responses/resp_1/input_items?limit=0"))[0] == 400
    assert read(known("POST", "/v1/responses/resp_1/cancel"))[0] == 400
    assert read(known("DELETE", "/v1/responses/resp_1"))[1]["deleted"] is True
    assert known("DELETE", "/v1/responses/resp_1") is None
    assert known("GET", "/v1/models") is None


@pytest.mark.parametrize("store", [None, kept()])
def test_an_answer_nobody_knows(store: Store | None) -> None:
    made = desk("[{upstreams: [chat]}]", store)
    assert made.known(*asked("GET", "/v1/responses/resp_9"), 0) is None
    assert read(answer(made, "GET", "/v1/responses/resp_9"))[0] == 404


@pytest.mark.parametrize("by, passes", [("openai", True), ("local", False), ("gone", False)])
def test_a_vendor_deletes_what_it_gave_too(by: str, passes: bool) -> None:
    store = kept(by)
    request = asked("DELETE", "/v1/responses/resp_1")
    deleted = desk("[]", store).known(*request, 0)
    assert isinstance(deleted, Outgoing) is passes and not store.knows("resp_1", 0)
    if isinstance(deleted, Outgoing):
        assert (deleted.upstream.name, deleted.path) == (by, "/v1/responses/resp_1")


OWN = "own: {protocol: openai_responses, url: 'https://api.anthropic.com', profile: openai"


@pytest.mark.parametrize("more", ["", ", api_key: mine"])
@pytest.mark.parametrize(
    "method, end",
    [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items?limit=5")],
)
def test_what_the_apps_own_host_keeps_is_asked_of_it(more: str, method: str, end: str) -> None:
    before = "own: {protocol: anthropic_messages, url: 'https://api.anthropic.com'"
    source = CONFIG.replace(before, OWN + more)
    router = Router(parse(source.replace("ROUTES", "[{upstreams: [openai, own]}]"), "c", {}))
    path = f"/v1/responses/resp%209{end}"
    sent = answer(Desk(router, kept(), b"k", 5.0), method, path)
    if not more:
        assert sent is None
        return
    assert sent.path == path and dict(sent.headers)["authorization"] == "Bearer mine"


# --- WebSockets

OFFER = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
)
SPEAKING = """
upstreams:
  vendor: {protocol: openai_responses, url: https://api.openai.com/v1, api_key: k}
  told: {protocol: openai_responses, url: https://t.test, api_key: k, profile: {websocket: true}}
  other: {protocol: openai_responses, url: https://o.test, api_key: k}
  chat: {protocol: openai_chat, url: https://api.openai.com/v1, api_key: k}
routes: [{upstreams: [NAME]}]
"""


def opened(name: str, sockets: Any, *, serves: bool = True, headers: Any = OFFER) -> Any:
    router = Router(parse(SPEAKING.replace("NAME", name), "c", {}))
    made = Desk(router, None, b"k", 5.0, sockets, serves)
    found = side("GET", "/v1/responses", ())
    assert found
    call = Call("openai_responses", "https", "api.test", 443, "/v1/responses", headers, b"")
    choice = made.choice(found, call, 0)
    assert choice
    return made.answer(found, call, choice, 0)


@pytest.mark.parametrize("name, host", [("vendor", "api.openai.com"), ("told", "t.test")])
def test_an_upstream_that_speaks_it_gets_the_websocket(name: str, host: str) -> None:
    sent = opened(name, "auto")
    assert isinstance(sent, Outgoing) and sent.upstream.host == host
    assert sent.path == "/v1/responses" and ("authorization", "Bearer k") in sent.headers
    assert set(OFFER) <= set(sent.headers)


def test_endpoints_beside_calls_are_asked_with_the_key_that_is_well() -> None:
    router = Router(parse(POOL.replace("sticky: true, ", ""), "c", {}))
    target = Target(router.upstreams["up"], 0)
    router.begin(target, 0.0)
    router.record(target, Answered(401), 1.0, started=0.0, model="")
    made = Desk(router, kept(), b"k", 5.0)
    for method, path in (("GET", "/v1/models"), ("GET", "/v1/responses/resp_x")):
        found = side(method, path, ())
        headers = (("authorization", "Bearer app"),)
        call = Call("openai_responses", "https", "api.test", 443, path, headers, b"")
        assert found
        choice = made.choice(found, call, 2.0)
        told = choice and made.answer(found, call, choice, 2.0)
        sent = told.sent if isinstance(told, Aside) else told
        assert isinstance(sent, Outgoing) and ("authorization", "Bearer k1") in sent.headers


POOL = """
upstreams:
  up:
    protocol: openai_responses
    url: https://t.test
    api_key: [k0, k1]
    profile: {websocket: true}
  chat: {protocol: openai_chat, url: https://c.test, api_key: k}
routes: [{sticky: true, upstreams: [up, chat]}]
"""


def test_a_websocket_goes_where_a_call_would_with_the_key_that_is_well() -> None:
    router = Router(parse(POOL, "c", {}))
    made, found = Desk(router, None, b"k", 5.0), side("GET", "/v1/responses", ())
    call = Call("openai_responses", "https", "api.test", 443, "/v1/responses", OFFER, b"")
    assert found
    for key in ("k0", "k1"):
        choice = made.choice(found, call, 0)
        sent = choice and made.answer(found, call, choice, 0)
        assert isinstance(sent, Outgoing) and ("authorization", f"Bearer {key}") in sent.headers
        target = Target(sent.upstream, sent.key)
        router.begin(target, 0.0)
        router.record(target, Answered(429, 60.0), 1.0, started=0.0, model="")
    choice = made.choice(found, call, 2.0)
    assert choice and made.answer(found, call, choice, 2.0) == NO_SOCKET


@pytest.mark.parametrize(
    "key, told",
    [
        pytest.param("", "realtime, openai-insecure-api-key.sk-4711", id="as itself"),
        pytest.param(", api_key: k", "realtime", id="with the key of the upstream"),
    ],
)
def test_its_own_host_is_asked_once(key: str, told: str) -> None:
    upstream = "protocol: openai_responses, url: 'https://api.test', profile: {websocket: true}"
    text = f"upstreams: {{own: {{{upstream}{key}}}}}\nroutes: [{{upstreams: [own]}}]"
    router = Router(parse(text, "c", {}))
    found = side("GET", "/v1/responses", ())
    assert found
    headers = (*OFFER, ("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.sk-4711"))
    call = Call("openai_responses", "https", "api.test", 443, "/v1/responses", headers, b"")
    choice = Desk(router, None, b"k", 5.0).choice(found, call, 0)
    assert choice
    sent = Desk(router, None, b"k", 5.0).answer(found, call, choice, 0)
    assert isinstance(sent, Outgoing)
    names = [name.lower() for name, _ in sent.headers]
    assert len(set(names)) == len(names)
    assert ("Sec-WebSocket-Protocol", told) in sent.headers


@pytest.mark.parametrize(
    "name, sockets",
    [("other", "auto"), ("chat", "auto"), ("vendor", "refuse")],
)
def test_elsewhere_there_is_none(name: str, sockets: str) -> None:
    assert opened(name, sockets).status == 426


@pytest.mark.parametrize("name", ["vendor", "other", "chat"])
def test_it_may_be_served_here_whatever_the_upstream_speaks(name: str) -> None:
    reply = opened(name, "serve")
    assert reply.status == 101
    assert ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") in reply.headers


def test_it_is_not_where_nobody_can_nor_where_none_was_asked_for() -> None:
    assert opened("chat", "serve", serves=False).status == 426
    assert opened("chat", "serve", headers=()).status == 426


BY_MODEL = SPEAKING.replace("[{upstreams: [NAME]}]", "ROUTES")
LATER = "[{match: {model: 'gpt-*'}, upstreams: [chat]}, {upstreams: [vendor]}]"


@pytest.mark.parametrize(
    "routes, settled",
    [
        pytest.param(LATER, False, id="what comes first depends on the model"),
        pytest.param("[{match: {has: [images]}, upstreams: [chat]}]", False, id="on what it has"),
        pytest.param("[{match: {field: {a: b}}, upstreams: [chat]}]", False, id="on a field"),
        pytest.param("[{match: {host: other.test, model: x}, upstreams: [chat]}]", True, id="no"),
        pytest.param(
            "[{upstreams: [vendor]}, {match: {model: x}, upstreams: [chat]}]", True, id="later"
        ),
        pytest.param("[]", True, id="there is no route"),
    ],
)
def test_where_only_a_call_can_say_its_way_it_is_not_passed_on(routes: str, settled: bool) -> None:
    router = Router(parse(BY_MODEL.replace("ROUTES", routes), "c", {}))
    found = side("GET", "/v1/responses", ())
    assert found
    call = Call("openai_responses", "https", "api.test", 443, "/v1/responses", OFFER, b"")

    def status(sockets: Any) -> int | None:
        reply = Desk(router, None, b"k", 5.0, sockets, True).unsettled(found, call)
        return reply.status if reply else None

    expected = (None, None, None) if settled else (426, 101, 426)
    assert tuple(map(status, ("auto", "serve", "refuse"))) == expected
    models = side("GET", "/v1/models", ())
    assert models and Desk(router, None, b"k", 5.0).unsettled(models, call) is None
