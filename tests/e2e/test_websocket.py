"""Responses over a WebSocket, with OpenAI's own client: served, passed on, refused."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import openai
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from bridge.simulator import Simulator, refusing_port
from tests.processes import Proxy, wait_until

pytestmark = pytest.mark.more

SECRET = "sk-very-secret-4711"
OFFER = [f"openai-insecure-api-key.{SECRET}", "openai-project.proj_secret", "realtime"]

Start = Callable[..., Proxy]
REVERSE = ("--mode", "reverse:http://127.0.0.1:9")  # nothing listens there: routes decide
PROTOCOLS = {
    "messages": "anthropic_messages",
    "chat": "openai_chat",
    "responses": "openai_responses",
}
MINE = "key-of-the-bridge-4711"
ENDED = ("response.completed", "response.failed", "response.incomplete", "error")


def config(sim: Simulator, *names: str, **more: Any) -> dict[str, Any]:
    upstreams = {
        name: {"protocol": PROTOCOLS[name], "url": sim.base(name), "api_key": "k"} for name in names
    }
    return {
        "intercept": {"websocket": "serve"},
        "upstreams": upstreams,
        "routes": [{"upstreams": list(names)}],
        "failover": {"health_check": {"interval": 0}},
        **more,
    }


@contextmanager
def connected(proxy: Proxy) -> Iterator[Any]:
    with openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="x", max_retries=0) as client:
        with client.responses.connect() as connection:
            yield connection


def ask(connection: Any, text: str, **more: Any) -> list[Any]:
    """All events of the answer."""
    said = [{"role": "user", "content": text}]
    asked = {"type": "response.create", "model": "m", "input": said, "store": False, **more}
    connection.send(asked)
    events: list[Any] = []
    while not events or events[-1].type not in ENDED:
        events.append(connection.recv())
    return events


def records(proxy: Proxy) -> list[Any]:
    return [flow.metadata["bridge"] for flow in proxy.flows() if "bridge" in flow.metadata]


# --- served


@pytest.mark.parametrize("upstream", PROTOCOLS)
def test_a_conversation_over_one_connection(
    sim: Simulator, start_proxy: Start, upstream: str
) -> None:
    proxy = start_proxy(config(sim, upstream), *REVERSE)
    with connected(proxy) as connection:
        warm = ask(connection, "Be brief.", generate=False)[-1].response
        first = ask(connection, "[[text:One.]] one?", previous_response_id=warm.id)
        numbers = [event.sequence_number for event in first]
        assert numbers == list(range(len(first))), "no event is missing or comes twice"
        said = "".join(e.delta for e in first if e.type == "response.output_text.delta")
        assert said == first[-1].response.output_text == "One."
        second = ask(connection, "[[text:Two.]] two?", previous_response_id=first[-1].response.id)
        assert second[-1].response.output_text == "Two."
    body = sim.requests()[-1].body
    told = json.dumps(body.get("messages") or body.get("input"))
    places = [told.rindex(words) for words in ("Be brief.", "one?", "One.", "two?")]
    assert places == sorted(places), "all that was said before, in its order"
    assert len(sim.requests()) == 2, "a warm-up asks nobody"
    calls = records(proxy)
    assert [call["client"] for call in calls] == ["openai_responses"] * 2
    assert all(call["usage"]["input_tokens"] for call in calls)


def test_a_tool_is_called_and_its_result_told(sim: Simulator, start_proxy: Start) -> None:
    proxy = start_proxy(config(sim, "messages"), *REVERSE)
    tool = {"type": "function", "name": "add", "parameters": {"type": "object"}, "strict": False}
    with connected(proxy) as connection:
        first = ask(connection, '[[call:add {"a": 1}]]', tools=[tool])[-1].response
        (call,) = (item for item in first.output if item.type == "function_call")
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "[[text:3]]"}
        second = ask(connection, "", previous_response_id=first.id, tools=[tool], input=[result])[
            -1
        ].response
    assert second.output_text
    kinds = [b["type"] for turn in sim.requests()[-1].body["messages"] for b in turn["content"]]
    assert kinds == ["text", "tool_use", "tool_result"]


def test_the_app_notices_no_failure_of_the_first_upstream(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = start_proxy(config(sim, "chat", "messages"), *REVERSE)
    sim.fault("chat", {"kind": "status", "status": 429})
    with connected(proxy) as connection:
        events = ask(connection, "[[text:Well.]]")
    assert events[-1].response.output_text == "Well."
    (call,) = records(proxy)
    assert [attempt["status"] for attempt in call["attempts"]] == [429, 200]


def test_each_call_goes_its_own_way(sim: Simulator, start_proxy: Start) -> None:
    given = config(sim, "chat", "messages")
    given["routes"] = [
        {"match": {"model": "gpt-*"}, "upstreams": ["chat"]},
        {"match": {"model": "claude-*"}, "upstreams": ["messages"]},
    ]
    proxy = start_proxy(given, *REVERSE)
    with connected(proxy) as connection:
        for model in ("claude-x", "gpt-x"):
            assert (
                ask(connection, "[[text:Well.]]", model=model)[-1].response.output_text == "Well."
            )
    assert ["/messages" in sent.path for sent in sim.requests()] == [True, False]


def test_an_error_is_told_and_the_connection_goes_on(sim: Simulator, start_proxy: Start) -> None:
    proxy = start_proxy(config(sim, "chat"), *REVERSE)
    sim.fault("chat", {"kind": "status", "status": 429, "headers": {"retry-after": "0"}}, count=1)
    with connected(proxy) as connection:
        (error,) = ask(connection, "[[text:x]]")
        assert (error.type, error.status) == ("error", 429) and error.error.message
        (error,) = ask(connection, "x", previous_response_id="resp_nobody")
        assert error.error.code == "previous_response_not_found"
        connection.send({"type": "nothing"})
        assert "response.create" in connection.recv().error.message
        assert ask(connection, "[[text:Well.]]")[-1].response.output_text == "Well."


def test_a_cut_answer_is_none(sim: Simulator, start_proxy: Start) -> None:
    proxy = start_proxy(config(sim, "chat"), *REVERSE)
    sim.fault("chat", {"kind": "cut", "after": 4}, count=1)
    with connected(proxy) as connection:
        events = ask(connection, "[[text:One two three four five six.]]")
        assert events[-1].type in ("response.failed", "error")
        assert "One" in "".join(getattr(event, "delta", "") for event in events)
        assert ask(connection, "[[text:Well.]]")[-1].response.output_text == "Well."


@contextmanager
def at_its_own_host(sim: Simulator, start_proxy: Start) -> Iterator[tuple[Any, Proxy]]:
    """Over a WebSocket that is served, for another route may take some of its calls."""
    intercept = {"websocket": "serve", "hosts": ["127.0.0.1"]}
    routes = [{"match": {"model": "other"}, "upstreams": ["chat"]}]
    proxy = start_proxy(config(sim, "chat", intercept=intercept, routes=routes))
    url = f"{sim.base('responses')}/responses".replace("http:", "ws:")
    own = {"additional_headers": {"authorization": "Bearer k"}}
    with connect(url, proxy=proxy.url, **own) as app:
        yield app, proxy


def say(app: Any, **more: Any) -> list[Any]:
    """All events of the answer, to an app that is no SDK."""
    app.send(json.dumps({"type": "response.create", "model": "m", **more}))
    events: list[Any] = []
    while not events or events[-1]["type"] not in ENDED:
        events.append(json.loads(app.recv(timeout=10)))
    return events


ODD = [
    pytest.param({"kind": "status", "status": 404, "body": body}, "error", id=json.dumps(body))
    for body in ({"error": "model not found"}, {"error": None}, {"error": ["x"]}, "x", [])
] + [
    pytest.param({"kind": "status", "status": 200, "body": {"error": "x"}}, "error", id="in a 200"),
    pytest.param({"kind": "html", "status": 200}, "error", id="a page"),
    pytest.param({"kind": "empty"}, "error", id="nothing"),
    pytest.param({"kind": "no_finish"}, "error", id="no end"),
    pytest.param({"kind": "json_for_stream"}, "response.completed", id="a whole answer"),
    pytest.param({"kind": "no_content_type"}, "response.completed", id="no content type"),
]


@pytest.mark.parametrize("fault, end", ODD)
def test_no_answer_makes_it_silent(
    sim: Simulator, start_proxy: Start, fault: dict[str, Any], end: str
) -> None:
    sim.fault("responses", fault, count=1)
    with at_its_own_host(sim, start_proxy) as (app, proxy):
        assert say(app, input="[[text:Well.]]")[-1]["type"] == end
        fine = say(app, input="[[text:Well.]]")
        assert "".join(event.get("delta", "") for event in fine) == "Well."
        assert "Traceback" not in proxy.output


def test_calls_to_its_own_host_go_side_by_side(sim: Simulator, start_proxy: Start) -> None:
    sim.fault("responses", {"kind": "slow", "first_byte": 1}, count=1, match={"model": "slow"})
    with at_its_own_host(sim, start_proxy) as (app, proxy):
        asked = {"type": "response.create", "model": "slow", "input": "[[text:a]]", "stream_id": 1}
        app.send(json.dumps(asked))
        assert say(app, input="[[text:b]]", stream_id=2)[-1]["stream_id"] == 2
        while (event := json.loads(app.recv(timeout=10)))["type"] != "response.completed":
            pass
        assert event["stream_id"] == 1
        assert "Traceback" not in proxy.output


def test_it_goes_on_where_its_host_is_none_of_ours_any_more(
    sim: Simulator, start_proxy: Start
) -> None:
    with at_its_own_host(sim, start_proxy) as (app, proxy):
        first = say(app, input="[[text:One.]]")[-1]["response"]
        intercept = {"websocket": "serve", "hosts": ["elsewhere.test"]}
        proxy.configure(config(sim, "chat", intercept=intercept))
        proxy.wait_for("was read again")
        told = say(app, input="[[text:Two.]]", previous_response_id=first["id"])
        assert "".join(event.get("delta", "") for event in told) == "Two."
        assert "One." in json.dumps(sim.requests()[-1].body), "and knows what was said"


@pytest.mark.parametrize("own", [False, True])
def test_an_app_that_says_who_it_is_in_a_subprotocol_is_served(
    sim: Simulator, start_proxy: Start, own: bool
) -> None:
    given = config(sim, "responses", "chat")
    given["intercept"]["hosts"] = ["127.0.0.1", "api.openai.com"]
    if own:
        del given["upstreams"]["responses"]["api_key"]
    proxy = start_proxy(given)
    host = sim.base("responses").replace("http:", "ws:") if own else "ws://api.openai.com/v1"
    with connect(f"{host}/responses", proxy=proxy.url, subprotocols=OFFER) as app:
        assert app.subprotocol == "realtime", "or a browser would close it"
        assert say(app, input="[[text:Well.]]")[-1]["type"] == "response.completed"
    (sent,) = sim.requests()
    headers = {name.lower(): value for name, value in sent.headers}
    assert headers["authorization"] == (f"Bearer {SECRET}" if own else "Bearer k")
    assert headers.get("openai-project") == ("proj_secret" if own else None)
    assert proxy.flows() and SECRET.encode() not in proxy.saved.read_bytes()


def test_lanes_are_answered_side_by_side(sim: Simulator, start_proxy: Start) -> None:
    proxy = start_proxy(config(sim, "messages"), *REVERSE)
    sim.fault("messages", {"kind": "stall", "after": 4}, count=1, match={"model": "slow"})
    with connected(proxy) as connection:
        for model, lane in (("slow", "a"), ("quick", "b")):
            said = [{"role": "user", "content": "[[text:One two three four.]]"}]
            asked = {"type": "response.create", "model": model, "input": said, "stream_id": lane}
            connection.send(asked)
        while (event := connection.recv()).type != "response.completed":
            pass
        assert event.stream_id == "b"


def test_who_hangs_up_ends_the_call(sim: Simulator, start_proxy: Start) -> None:
    proxy = start_proxy(config(sim, "messages"), *REVERSE)
    sim.fault("messages", {"kind": "stall", "after": 4}, count=1)
    with connected(proxy) as connection:
        said = [{"role": "user", "content": "[[text:One two three four.]]"}]
        connection.send({"type": "response.create", "model": "m", "input": said})
        while connection.recv().type != "response.output_text.delta":
            pass
    wait_until(lambda: records(proxy) or None, "the call to be over")
    assert records(proxy)[0]["attempts"][0]["outcome"] == "cancelled"


def test_what_is_no_message_ends_the_connection_alone(sim: Simulator, start_proxy: Start) -> None:
    proxy = start_proxy(config(sim, "messages"), *REVERSE)
    url = f"{proxy.url}/v1/responses".replace("http:", "ws:")
    with connected(proxy) as other, connect(url, max_size=None) as raw:
        raw.ping().wait(10)
        raw.send("x" * 10)
        assert "JSON" in json.loads(raw.recv())["error"]["message"]
        raw.socket.sendall(b"\xff\xff\xff\xff\xff\xff")
        with pytest.raises(ConnectionClosed):
            raw.recv(timeout=10)
        assert ask(other, "[[text:Well.]]")[-1].response.output_text == "Well."


def test_its_messages_are_shown_and_hold_nothing_where_text_is_masked(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = start_proxy(config(sim, "messages", mask=True), *REVERSE)
    with connected(proxy) as connection:
        ask(connection, "[[text:Zebra.]] Giraffe?")

    def over() -> Any:
        flows = [flow for flow in proxy.flows() if flow.websocket]
        return flows if flows and flows[0].websocket.timestamp_end else None

    (flow,) = wait_until(over, "the connection to be over")
    contents = [message.content.decode() for message in flow.websocket.messages]
    assert flow.comment == "WebSocket: served by the bridge" and len(contents) > 5
    assert not any(word in text for text in contents for word in ("Zebra", "Giraffe"))
    assert flow.websocket.messages[0].from_client and '"response.create"' in contents[0]


# --- passed on


class Upstream:
    """One that speaks WebSocket, and remembers what it was told."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.headers: Any = None
        self.error: Any = None  # what it says in place of an answer
        first = lambda _, offered: offered[0] if offered else None  # noqa: E731
        self.server = serve(self._answer, "127.0.0.1", 0, select_subprotocol=first)
        self.url = f"http://127.0.0.1:{self.server.socket.getsockname()[1]}/v1"
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def _answer(self, connection: ServerConnection) -> None:
        assert connection.request
        self.headers = connection.request.headers
        for message in connection:
            self.messages.append(json.loads(message))
            usage = {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
            response = {"id": f"resp_{len(self.messages)}", "object": "response", "output": []}
            if self.error:
                connection.send(json.dumps({"type": "error", **self.error}))
                continue
            for event in (
                {"type": "response.created", "response": response},
                {"type": "response.output_text.delta", "item_id": "m", "delta": "Well."},
                {"type": "response.completed", "response": {**response, "usage": usage}},
            ):
                connection.send(json.dumps(event))

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join(10)


@pytest.fixture
def speaking() -> Iterator[Upstream]:
    made = Upstream()
    yield made
    made.close()


@pytest.mark.parametrize("mode", ["serve", "auto"])
def test_one_that_is_open_when_the_proxy_stops_is_saved_without_text(
    sim: Simulator, speaking: Upstream, start_proxy: Start, mode: str
) -> None:
    given = config(sim, "messages", mask=True, intercept={"websocket": mode})
    if mode == "auto":
        upstream = {"protocol": "openai_responses", "url": speaking.url, "api_key": "k"}
        given["upstreams"] = {"up": {**upstream, "profile": {"websocket": True}}}
        given["routes"] = [{"upstreams": ["up"]}]
    proxy = start_proxy(given, *REVERSE)
    with connected(proxy) as connection:
        ask(connection, "[[text:Zebra.]] Giraffe?")
        flows = proxy.flows()
    (flow,) = [flow for flow in flows if flow.websocket]
    contents = [message.content.decode() for message in flow.websocket.messages]
    assert flow.comment.startswith("WebSocket: ") and len(contents) > 2
    assert not any(word in text for text in contents for word in ("Zebra", "Giraffe"))


def test_an_upstream_that_speaks_it_gets_the_messages(
    speaking: Upstream, start_proxy: Start
) -> None:
    upstream = {
        "protocol": "openai_responses",
        "url": speaking.url,
        "api_key": "its-own",
        "profile": {"websocket": True},
        "models": {"m": "big"},
    }
    given = {"upstreams": {"up": upstream}, "routes": [{"upstreams": ["up"]}]}
    proxy = start_proxy({**given, "failover": {"health_check": {"interval": 0}}})
    through = {"proxy": proxy.url, "additional_headers": {"authorization": "Bearer the-apps"}}
    with connect("ws://api.openai.com/v1/responses", **through) as app:  # its name is never asked
        for n in (1, 2):
            asked = {"type": "response.create", "model": "m", "input": f"hi {n}", "store": False}
            app.send(json.dumps(asked))
            kinds = [json.loads(app.recv(timeout=10))["type"] for _ in range(3)]
            assert kinds[-1] == "response.completed"
    assert [message["model"] for message in speaking.messages] == ["big", "big"]
    assert [message["input"] for message in speaking.messages] == ["hi 1", "hi 2"]
    assert speaking.headers.get_all("authorization") == ["Bearer its-own"]
    assert wait_until(lambda: totals(proxy)["calls"] == 2 or None, "both calls to be counted")
    assert totals(proxy)["tokens"]["input"] == 14


def test_on_its_own_way_it_passes_and_is_counted(speaking: Upstream, start_proxy: Start) -> None:
    given = {"intercept": {"hosts": ["127.0.0.1"]}, "upstreams": {}, "routes": []}
    proxy = start_proxy(given)
    url = f"{speaking.url}/responses".replace("http:", "ws:")
    with connect(url, proxy=proxy.url) as app:
        sent = json.dumps({"type": "response.create", "model": "m", "input": "hi", "odd": 1})
        app.send(sent)
        assert json.loads(app.recv(timeout=10))["type"] == "response.created"
        assert speaking.messages == [json.loads(sent)]
        assert wait_until(lambda: totals(proxy)["calls"] == 1 or None, "the call to be counted")


@pytest.mark.parametrize(
    "own, routed",
    [
        pytest.param(False, True, id="another host"),
        pytest.param(True, True, id="its own host, by a route"),
        pytest.param(True, False, id="its own host"),
    ],
)
def test_a_key_in_a_subprotocol_is_for_its_own_host_alone_and_not_saved(
    speaking: Upstream, start_proxy: Start, own: bool, routed: bool
) -> None:
    upstream = {
        "protocol": "openai_responses",
        "url": speaking.url,
        "profile": {"websocket": True},
        **({} if own else {"api_key": "its-own"}),
    }
    given = {"intercept": {"hosts": ["127.0.0.1", "api.openai.com"]}, "upstreams": {"up": upstream}}
    given["routes"] = [{"upstreams": ["up"]}] if routed else []
    proxy = start_proxy({**given, "failover": {"health_check": {"interval": 0}}})
    host = speaking.url.replace("http:", "ws:") if own else "ws://api.openai.com/v1"
    with connect(f"{host}/responses", proxy=proxy.url, subprotocols=OFFER) as app:
        assert app.subprotocol == (OFFER[0] if own else "realtime"), "as the host wants it"
        app.send(json.dumps({"type": "response.create", "model": "m", "input": "hi"}))
        assert json.loads(app.recv(timeout=10))["type"] == "response.created"
    (told,) = speaking.headers.get_all("sec-websocket-protocol")
    assert [name.strip() for name in told.split(",")] == (OFFER if own else ["realtime"])
    assert proxy.flows() and SECRET.encode() not in proxy.saved.read_bytes()
    assert b"proj_secret" not in proxy.saved.read_bytes()


def test_calls_that_are_sent_at_once_are_all_counted(
    speaking: Upstream, start_proxy: Start
) -> None:
    given = {"intercept": {"hosts": ["127.0.0.1"]}, "upstreams": {}, "routes": []}
    proxy = start_proxy(given)
    with connect(f"{speaking.url}/responses".replace("http:", "ws:"), proxy=proxy.url) as app:
        for n in range(3):
            app.send(json.dumps({"type": "response.create", "model": "m", "input": f"hi {n}"}))
        for _ in range(9):
            app.recv(timeout=10)
        assert wait_until(lambda: totals(proxy)["calls"] == 3 or None, "all to be counted")
    with httpx2.Client(proxy=proxy.url, trust_env=False, timeout=20) as client:
        assert client.get("http://bridge.local/api/state").json()["under_way"] == []


def speaks(sim: Simulator, upstream: Upstream, *backups: str) -> dict[str, Any]:
    """A configuration whose first upstream gets the WebSocket."""
    given = config(sim, *backups, intercept={"websocket": "auto"})
    up = {"protocol": "openai_responses", "url": upstream.url, "api_key": MINE}
    given["upstreams"]["up"] = {**up, "profile": {"websocket": True}}
    given["routes"] = [{"upstreams": ["up", *backups]}]
    given["failover"] |= {"failures": 1}
    return given


CALL: Any = {"type": "response.create", "model": "m", "input": "hi"}
LIMITED = {"status": 429, "error": {"code": "rate_limit_exceeded", "message": f"no, {MINE}"}}
BROKEN = {"status": 503, "error": {"code": "server_error", "message": "no"}}


@pytest.mark.parametrize("error", [LIMITED, BROKEN], ids=["limited", "broken"])
def test_an_upstream_that_errs_on_it_is_left_and_a_backup_answers_over_http(
    sim: Simulator, speaking: Upstream, start_proxy: Start, error: Any
) -> None:
    """The app is told of no limit, at which it would give up: its connection is lost."""
    proxy = start_proxy(speaks(sim, speaking, "chat"), *REVERSE)
    speaking.error = error
    with connected(proxy) as app:
        app.send(CALL)
        with pytest.raises(ConnectionClosed):
            app.recv_bytes()
        proxy.wait_for("up -> chat")
    with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
        assert client.get("/v1/responses", headers=UPGRADE).status_code == 426
        called = client.post("/v1/responses", json={"model": "m", "input": "[[text:Well.]]"})
        assert called.json()["output"][0]["content"][0]["text"] == "Well."


@pytest.mark.parametrize("backup", [True, False])
def test_an_error_that_nobody_else_would_save_from_is_told(
    sim: Simulator, speaking: Upstream, start_proxy: Start, backup: bool
) -> None:
    """And so is the app's own mistake. The key is not the app's to know."""
    proxy = start_proxy(speaks(sim, speaking, *(["chat"] if backup else [])), *REVERSE)
    mistake = {"status": 400, "error": {"code": "invalid_value", "message": f"no, {MINE}"}}
    speaking.error = mistake if backup else LIMITED
    with connected(proxy) as app:
        app.send(CALL)
        told = json.loads(app.recv_bytes())
        assert (told["type"], told["status"]) == ("error", speaking.error["status"])
        assert told["error"]["message"] == "no, ***"
        speaking.error = None
        assert ask(app, "hi")[-1].type == "response.completed"


def totals(proxy: Proxy) -> Any:
    with httpx2.Client(proxy=proxy.url, trust_env=False, timeout=20) as client:
        return client.get("http://bridge.local/status").json()["totals"]


UPGRADE = {
    "connection": "upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@contextmanager
def silent_port() -> Iterator[int]:
    """Where connections are taken, and nothing is ever said."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        yield server.getsockname()[1]


@pytest.mark.parametrize("gone", [refusing_port, silent_port])
def test_an_upstream_that_is_not_there_makes_apps_use_http_where_a_backup_answers(
    sim: Simulator, start_proxy: Start, gone: Any
) -> None:
    with gone() as port:
        given = config(sim, "chat", intercept={"websocket": "auto"})
        given["upstreams"]["gone"] = {
            "protocol": "openai_responses",
            "url": f"http://127.0.0.1:{port}/v1",
            "api_key": "k",
            "profile": {"websocket": True},
        }
        given["routes"] = [{"upstreams": ["gone", "chat"]}]
        given["failover"] |= {"first_byte_timeout": 1, "connection_errors": 2}
        proxy = start_proxy(given, *REVERSE)
        with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
            for _ in range(2):
                answer = client.get("/v1/responses", headers=UPGRADE)
                assert answer.status_code == 426
                assert "HTTP" in answer.json()["error"]["message"]
            proxy.wait_for("gone is unhealthy")
            called = client.post("/v1/responses", json={"model": "m", "input": "[[text:Well.]]"})
            assert called.json()["output"][0]["content"][0]["text"] == "Well."
        asked, again, _ = proxy.flows()
        assert asked.comment.startswith("WebSocket: none at gone: ") and again.comment


def test_an_upstream_that_takes_none_after_all_makes_apps_use_http(
    sim: Simulator, start_proxy: Start
) -> None:
    given = config(sim, "responses", intercept={"websocket": "auto"})
    given["upstreams"]["responses"]["profile"] = {"websocket": True}
    sim.fault("responses", {"kind": "status", "status": 404}, match={"method": "GET"})
    proxy = start_proxy(given, *REVERSE)
    with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
        answer = client.get("/v1/responses", headers=UPGRADE)
        assert answer.status_code == 426 and "HTTP" in answer.json()["error"]["message"]
        called = client.post("/v1/responses", json={"model": "m", "input": "[[text:Well.]]"})
    assert called.status_code == 200
