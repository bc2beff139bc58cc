"""Captured calls once more, in a real mitmweb: at another upstream, as tests, as shadows."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx2
import pytest
from mitmproxy import http
from mitmproxy.io import FlowReader

import bridge.cases
from bridge.simulator import Simulator, refusing_port
from tests.e2e.web import Web, running_web
from tests.processes import ROOT, Proxy, wait_until

pytestmark = pytest.mark.more

REVERSE = ("--mode", "reverse:http://127.0.0.1:9")  # nothing listens there: routes decide
BODY = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]}
PATIENCE = {"first_byte_timeout": "500ms", "idle_timeout": "500ms"}
PROTOCOLS = {
    "chat": "openai_chat",
    "messages": "anthropic_messages",
    "responses": "openai_responses",
}


def config(sim: Simulator, *routes: dict[str, Any], **more: Any) -> dict[str, Any]:
    upstreams = {
        name: {"protocol": protocol, "url": sim.base(name), "api_key": f"key-of-{name}"}
        for name, protocol in PROTOCOLS.items()
    }
    return {
        "upstreams": {**upstreams, **more},
        "routes": list(routes),
        "failover": {"health_check": {"interval": 0}, **PATIENCE},
    }


def ask(web: Web, text: str, *, stream: bool = False, **headers: str) -> httpx2.Response:
    body = {**BODY, "stream": stream, "messages": [{"role": "user", "content": text}]}
    with httpx2.Client(base_url=web.proxy.url, trust_env=False, timeout=20) as app:
        return app.post("/v1/messages", json=body, headers=headers)


def saved(web: Web, folder: Path) -> dict[str, http.HTTPFlow]:
    """All flows with their records, by id, as mitmweb saves them when one asks it to."""
    file = folder / "all.mitm"
    web.run("save.file", "@all", str(file))
    with file.open("rb") as stream:
        flows = [flow for flow in FlowReader(stream).stream() if isinstance(flow, http.HTTPFlow)]
    return {flow.id: flow for flow in flows}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_call_is_sent_to_another_upstream_and_both_answers_are_tied(
    sim: Simulator, tmp_path: Path, confdir: Path, stream: bool
) -> None:
    with running_web(tmp_path, confdir, config(sim, {"upstreams": ["messages"]}), *REVERSE) as web:
        ask(web, "[[text:well]]", stream=stream)
        [call] = web.over(1)
        told = web.run("bridge.replay", "@" + call["id"], "chat")
        [_, replay] = web.over(2)
        assert told == replay["id"]
        assert replay["comment"].startswith(f"replay of {call['id']} at chat | ")
        assert b"well" in web.body(told, "response")
        flows = saved(web, tmp_path)
        original, once_more = (flows[id].metadata["bridge"] for id in (call["id"], told))
        assert original["replays"] == [told]
        assert once_more["replay_of"] == call["id"]
        assert (once_more["client"], once_more["upstream"]) == ("anthropic_messages", "openai_chat")
        assert once_more["bodies"]["client_request"] == original["bodies"]["client_request"]
        assert once_more["conversation"] == original["conversation"]
        compared = once_more["compare"]
        assert compared["same_text"] and compared["ratio"] == 1.0 and compared["same_calls"]
        assert compared["stop"] == [original["stop"], once_more["stop"]]
        first, second = sim.requests()
        assert (first.upstream, second.upstream) == ("messages", "chat")
        assert "key-of-" not in str([flow.get_state() for flow in flows.values()])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_it_goes_to_that_upstream_and_no_other_and_moves_no_route(
    sim: Simulator, tmp_path: Path, confdir: Path, stream: bool
) -> None:
    route = {"upstreams": ["messages", "chat"]}
    with running_web(tmp_path, confdir, config(sim, route), *REVERSE) as web:
        ask(web, "hi", stream=stream)
        [call] = web.over(1)
        sim.fault("messages", {"kind": "status", "status": 429, "body": {"error": "slow down"}})
        told = web.run("bridge.replay", "@" + call["id"], "messages")
        [_, replay] = web.over(2)
        assert replay["response"]["status_code"] == 429 and replay["marked"]
        record = saved(web, tmp_path)[told].metadata["bridge"]
        assert [attempt["upstream"] for attempt in record["attempts"]] == ["messages"]
        assert record["attempts"][0]["status"] == 429 and not record["compare"]["same_text"]
        status = web.run("bridge.status")
        assert "routes[0]: messages, then chat" in status and "last error" not in status


def test_it_also_goes_to_an_upstream_that_no_route_has_and_to_several_flows_at_once(
    sim: Simulator, tmp_path: Path, confdir: Path
) -> None:
    with running_web(tmp_path, confdir, config(sim, {"upstreams": ["messages"]}), *REVERSE) as web:
        for text in ("[[text:one]]", "[[call:look {}]]"):
            ask(web, text, stream=True)
        web.over(2)
        told = web.run("bridge.replay", "@all", "responses").split()
        assert len(told) == 2
        web.over(4)
        flows = saved(web, tmp_path)
        one, call = (flows[id].metadata["bridge"] for id in told)
        assert one["upstream"] == "openai_responses" and one["compare"]["same_text"]
        assert call["compare"]["tools"] == [["look"], ["look"]] and call["compare"]["same_calls"]


# what its upstream does -> what the record says of it
FAILURES: list[tuple[dict[str, Any] | None, str, str]] = [
    ({"kind": "hang"}, "timeout", "no data for"),
    ({"kind": "stall", "after": 1}, "cut", "no data for"),
    ({"kind": "drop"}, "unreachable", "did not answer"),
    ({"kind": "cut", "after": 1}, "cut", "ended early"),
    (None, "unreachable", "did not answer"),  # nothing listens there
]


def test_an_upstream_that_fails_ends_its_replay_and_the_next_one_is_not_behind_it(
    sim: Simulator, tmp_path: Path, confdir: Path
) -> None:
    with refusing_port() as port:
        gone = {"protocol": "openai_chat", "url": f"http://127.0.0.1:{port}", "api_key": "key"}
        given = config(sim, {"upstreams": ["messages"]}, gone=gone)
        with running_web(tmp_path, confdir, given, *REVERSE) as web:
            ask(web, "[[words:9]]", stream=True)
            [call] = web.over(1)
            replays = []
            for fault, *_ in FAILURES:
                if fault:
                    sim.fault("chat", fault)
                upstream = "chat" if fault else "gone"
                replays.append(web.run("bridge.replay", "@" + call["id"], upstream))
                if fault:
                    asked = partial(lambda count: len(sim.requests()) > count, len(replays))
                    wait_until(asked, "its request")
            fine = web.run("bridge.replay", "@" + call["id"], "responses")
            web.over(2 + len(FAILURES))
            flows = saved(web, tmp_path)
            for replay, (_, outcome, reason) in zip(replays, FAILURES, strict=True):
                record = flows[replay].metadata["bridge"]
                attempt = record["attempts"][-1]
                assert (attempt["outcome"], record["replay_of"]) == (outcome, call["id"])
                assert reason in attempt["reason"] and outcome in flows[replay].comment
                assert "error" in record["bodies"]["client_response"]
            assert flows[fine].metadata["bridge"]["compare"]["same_text"]


def test_the_apps_own_key_is_used_at_its_own_host_as_long_as_it_is_there(
    sim: Simulator, tmp_path: Path, confdir: Path
) -> None:
    """The first upstream has no key, and does not answer; the second has one."""
    own = {"protocol": "anthropic_messages", "url": sim.base("own")}
    given = config(sim, {"upstreams": ["own", "chat"]}, own=own)
    origin = sim.base("own").removesuffix("/own/v1")
    with running_web(tmp_path, confdir, given, "--mode", f"reverse:{origin}") as web:
        sim.fault("own", {"kind": "status", "status": 529})
        ask(web, "hi", **{"x-api-key": "key-of-the-app", "anthropic-beta": "some-beta"})
        attempt, call = sorted(web.over(2), key=lambda flow: "attempt" not in flow["comment"])
        told = web.run("bridge.replay", "@" + call["id"], "own")
        again = web.run("bridge.replay", "@" + attempt["id"], "own")
        web.over(4)
        for request in sim.requests()[-2:]:
            assert dict(request.headers)["x-api-key"] == "key-of-the-app"
            assert dict(request.headers)["anthropic-beta"] == "some-beta"
        flows = saved(web, tmp_path)
        for id in (told, again):
            assert flows[id].metadata["bridge"]["replay_of"] == call["id"]
        assert flows[call["id"]].metadata["bridge"]["replays"] == [told, again]
        assert "key-of-the-app" not in str(flows[call["id"]].get_state())
        web.run("view.clear")
        web.run("view.flows.load", str(tmp_path / "all.mitm"))
        [loaded] = [flow for flow in web.flows() if "failed over" in flow["comment"]]
        refused = web.fails("bridge.replay", "@" + loaded["id"], "own")
        assert "own needs an api_key" in refused
        later = web.run("bridge.replay", "@" + loaded["id"], "messages")
        wait_until(lambda: len(sim.requests()) == 5, "the replay of a saved call")
        last = sim.requests()[-1]
        assert dict(last.headers)["anthropic-beta"] == "some-beta"
        assert dict(last.headers)["x-api-key"] == "key-of-messages" and later


def test_a_persons_own_replay_of_ours_stays_as_it_is(
    sim: Simulator, tmp_path: Path, confdir: Path
) -> None:
    with running_web(tmp_path, confdir, config(sim, {"upstreams": ["messages"]}), *REVERSE) as web:
        ask(web, "hi")
        [call] = web.over(1)
        told = web.run("bridge.replay", "@" + call["id"], "chat")
        # mitmproxy replays none that is still under way, if only by a hair
        wait_until(lambda: web.over(2)[1]["server_conn"]["timestamp_end"], "its end")
        web.run("replay.client", "@" + told)
        wait_until(lambda: len(sim.requests()) == 3, "the third request")
        bridged, by_hand = sim.requests()[1:]
        assert by_hand.body == bridged.body and dict(by_hand.headers)["authorization"] == "***"
        assert "is not one of" in web.fails("bridge.replay", "@" + call["id"], "nobody")
        assert web.run("bridge.open", "@" + call["id"]) == f"{web.page}/bridge/#/call/{call['id']}"


# --- tests of captured calls


def test_exported_calls_are_tests_that_pass_and_fail(
    sim: Simulator, tmp_path: Path, confdir: Path
) -> None:
    cases = tmp_path / "cases"
    route = {"upstreams": ["messages", "chat"]}
    with running_web(tmp_path, confdir, config(sim, route), *REVERSE) as web:
        sim.fault("messages", {"kind": "status", "status": 529})
        ask(web, "[[call:look {}]]", stream=True)
        ask(web, f"my key is {'sk-' + 'live-0123456789'}", **{"x-api-key": "key-of-the-app"})
        ask(web, "[[reason:hm]] [[text:well]]", stream=True)
        sim.fault("chat", {"kind": "status", "status": 400, "body": {"error": {"message": "no"}}})
        ask(web, "hi", stream=True)
        web.over(5)
        told = web.run("bridge.export", "@all", str(cases))
        assert sorted(told.split()) == sorted(map(str, cases.glob("*.json")))
        assert len(told.split()) == 5
        [one, *_] = web.flows()
        single = web.run("bridge.export", "@" + one["id"], str(tmp_path / "one.json"))
        assert single == str(tmp_path / "one.json") and (tmp_path / "one.json").exists()
        assert web.run("bridge.export", "@all", str(cases)) == told, "and again"
    texts = {file: file.read_text("utf-8") for file in cases.glob("*.json")}
    for secret in ("key-of-", "sk-live", "authorization"):
        assert not any(secret in text for text in texts.values())
    example = str(bridge.cases.__doc__).partition("\n\n    from")[2].partition("\n\n`check`")[0]
    (cases / "test_cases.py").write_text(dedent("    from" + example))
    assert "5 passed" in run_pytest(cases)
    documents = {file: json.loads(text) for file, text in texts.items()}
    file, document = next(item for item in documents.items() if item[1]["expected"]["usage"])
    document["expected"]["usage"] = {}
    file.write_text(json.dumps(document))
    assert "1 failed, 4 passed" in (told := run_pytest(cases)) and "not as expected" in told


def run_pytest(folder: Path) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr


# --- shadows


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_shadow_is_shown_and_the_app_talks_to_its_own_host(
    sim: Simulator, start_proxy: Callable[..., Proxy], stream: bool
) -> None:
    given = {**config(sim, {"shadow": "chat"}), "intercept": {"hosts": ["127.0.0.1"]}}
    proxy = start_proxy(given)
    body = {**BODY, "stream": stream, "top_k": 3}
    with httpx2.Client(proxy=proxy.url, trust_env=False, timeout=20) as app:
        key = {"x-api-key": "key-of-the-app", "anthropic-version": "2023-06-01"}
        answer = app.post(f"{sim.base('own')}/messages", json=body, headers=key)
    assert answer.status_code == 200
    [request] = sim.requests()
    assert (request.upstream, request.body) == ("own", body)
    [flow] = proxy.flows()
    record = flow.metadata["bridge"]
    shadow = record["shadow"]
    assert (record["route"], shadow["upstream"], shadow["refused"]) == ("", "chat", "")
    assert json.loads(shadow["request"])["messages"] == [{"role": "user", "content": "hi"}]
    assert [note["code"] for note in shadow["notes"]] == ["sampling_dropped"]
    assert "replay" not in shadow and "replays" not in record


def test_a_share_is_really_sent_and_compared_and_touches_nothing(
    sim: Simulator, tmp_path: Path, confdir: Path
) -> None:
    route = {"upstreams": ["messages", "chat"], "shadow": {"upstream": "chat", "share": 1}}
    with running_web(tmp_path, confdir, config(sim, route), *REVERSE) as web:
        ask(web, "[[text:well]]", stream=True)
        call, shadow = web.over(2)
        assert shadow["comment"].startswith(f"shadow of {call['id']} at chat | ")
        flows = saved(web, tmp_path)
        record, sent = (flows[flow["id"]].metadata["bridge"] for flow in (call, shadow))
        assert record["shadow"]["replay"] == shadow["id"] and record["replays"] == [shadow["id"]]
        assert sent["replay_of"] == call["id"] and sent["compare"]["same_text"]
        sim.fault("chat", {"kind": "status", "status": 429}, count=None)
        ask(web, "again")
        web.over(4)
        ask(web, "and again")
        *_, last = web.over(5)
        assert "routes[0]: messages, then chat, shadowed by chat" in web.run("bridge.status")
        assert "last error" not in web.run("bridge.status")
        skipped = saved(web, tmp_path)[last["id"]].metadata["bridge"]["shadow"]["skipped"]
        assert skipped.startswith("chat failed; paused for ")
        assert [r.upstream for r in sim.requests()].count("chat") == 2
