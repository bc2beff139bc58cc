"""Replays on their way through mitmproxy, to real upstreams on loopback."""

import json
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import taddons

from addon import Bridge
from bridge.mitm.origin import APP, Unknown
from bridge.mitm.replay import Replays
from bridge.simulator import Simulator, running
from tests.mitm.bridged import BODY, Asked, call, over, story

CAUGHT = {
    "client": "anthropic_messages",
    "conversation": "c0ffee",
    "attempts": [{"status": 200}],
    "bodies": {"client_request": json.dumps(BODY), "client_response": '{"content":[]}'},
}


def config(sim: Simulator, **failover: Any) -> dict[str, Any]:
    upstreams = {
        "chat": {"protocol": "openai_chat", "url": sim.base("chat"), "api_key": "key"},
        "own": {"protocol": "anthropic_messages", "url": "https://app.example"},
    }
    return {
        "intercept": {"hosts": ["nobody.example"]},
        "upstreams": upstreams,
        "failover": {"health_check": {"interval": 0}, **failover},
    }


def captured(stream: bool = False, **headers: str) -> http.HTTPFlow:
    """A call that is over, of an app whose host is none of ours any more."""
    flow = call(stream, **headers)
    flow.live = False
    body = json.dumps({**BODY, "stream": stream})
    flow.metadata["bridge"] = {**CAUGHT, "bodies": {**CAUGHT["bodies"], "client_request": body}}
    return flow


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_it_is_sent_though_no_route_and_no_host_would_have_it(tmp_path: Path, stream: bool) -> None:
    with running() as sim:

        async def tell(bridge: Bridge, context: taddons.context) -> None:
            of = captured(stream)
            called, upstream = bridge.origins.call(of), bridge.runtime.config.upstreams["chat"]
            flow = bridge.replays.start(of, called, upstream, "replay")
            assert flow.comment == f"replay of {of.id} at chat" and flow.is_replay == "request"
            assert (flow.request.host, flow.request.content) == ("app.example", called.body)
            assert bridge.replays.count("replay") == 1 and bridge.replays.count("shadow") == 0
            record = await over(bridge, flow)
            assert of.metadata["bridge"]["replays"] == [flow.id]
            assert record["replay_of"] == of.id and record["conversation"] == "c0ffee"
            assert record["compare"]["ratio"] == 0.0 and record["route"] == "replay"
            assert flow.response and b"well" in flow.response.content
            assert flow.request.headers["authorization"] == "***"
            assert flow.comment.startswith(f"replay of {of.id} at chat | anthropic_messages -> ")
            assert bridge.replays.count("replay") == 0
            assert bridge.replays.trial(flow) is None

        story(tmp_path, config(sim), tell)
        [request] = sim.requests()
        assert request.body["model"] == "m"
        assert dict(request.headers)["authorization"] == "Bearer key"


def test_of_a_flow_without_a_record_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with running() as sim:

        async def tell(bridge: Bridge, context: taddons.context) -> None:
            of = captured()
            of.metadata = {"bridge_attempt": {"of": "parent", **CAUGHT["bodies"]}}
            called, upstream = bridge.origins.call(of), bridge.runtime.config.upstreams["chat"]
            record = await over(bridge, bridge.replays.start(of, called, upstream, "shadow"))
            assert record["replay_of"] == "parent" and "compare" not in record
            assert "bridge" not in of.metadata

        story(tmp_path, config(sim), tell)


def test_the_apps_own_key_has_to_be_there(tmp_path: Path) -> None:
    with running() as sim:

        async def tell(bridge: Bridge, context: taddons.context) -> None:
            of, own = captured(**{"x-api-key": "***"}), bridge.runtime.config.upstreams["own"]
            with pytest.raises(Unknown, match="own needs an api_key"):
                bridge.replays.start(of, bridge.origins.call(of), own, "replay")
            assert "replays" not in of.metadata["bridge"]
            # where it would not be used, it does not matter
            chat = bridge.runtime.config.upstreams["chat"]
            await over(bridge, bridge.replays.start(of, bridge.origins.call(of), chat, "replay"))

        story(tmp_path, config(sim), tell)


@pytest.mark.parametrize(
    "fault, outcome, limits",
    [
        pytest.param({"kind": "hang"}, "timeout", {"first_byte_timeout": "200ms"}, id="hangs"),
        pytest.param({"kind": "drop"}, "unreachable", {}, id="hangs up"),
        pytest.param(
            {"kind": "stall", "after": 1}, "cut", {"idle_timeout": "200ms"}, id="falls silent"
        ),
    ],
)
def test_an_upstream_that(
    tmp_path: Path, fault: dict[str, Any], outcome: str, limits: dict[str, str]
) -> None:
    with running() as sim:
        sim.fault("chat", fault)

        async def tell(bridge: Bridge, context: taddons.context) -> None:
            of = captured(stream=True)
            called, upstream = bridge.origins.call(of), bridge.runtime.config.upstreams["chat"]
            record = await over(bridge, bridge.replays.start(of, called, upstream, "replay"))
            assert record["attempts"][-1]["outcome"] == outcome and record["replay_of"] == of.id
            assert "error" in record["bodies"]["client_response"]
            assert bridge.replays.count("replay") == 0

        story(tmp_path, config(sim, **limits), tell)


def test_one_that_a_person_stops_is_nobodys_fault(tmp_path: Path) -> None:
    with running() as sim:
        sim.fault("chat", {"kind": "hang"})

        async def tell(bridge: Bridge, context: taddons.context) -> None:
            of = captured()
            called, upstream = bridge.origins.call(of), bridge.runtime.config.upstreams["chat"]
            asked = Asked()
            context.master.addons.add(asked)
            flow = bridge.replays.start(of, called, upstream, "replay")
            await asked.event.wait()
            flow.kill()
            record = await over(bridge, flow)
            assert record["attempts"][-1]["outcome"] == "cancelled"

        story(tmp_path, config(sim), tell)


def test_what_cannot_be_sent_is_answered_by_the_bridge(tmp_path: Path) -> None:
    with running() as sim:

        async def tell(bridge: Bridge, context: taddons.context) -> None:
            of = captured()
            of.metadata["bridge"]["bodies"]["client_request"] = '{"model":"m","messages":5}'
            called, upstream = bridge.origins.call(of), bridge.runtime.config.upstreams["chat"]
            flow = bridge.replays.start(of, called, upstream, "replay")
            record = await over(bridge, flow)
            assert flow.response and flow.response.status_code == 400
            assert record["attempts"][-1]["outcome"] == "refused"

        story(tmp_path, config(sim), tell)
        assert sim.requests() == []


def test_other_flows_are_none_of_its() -> None:
    replays = Replays(lambda _: None, lambda: 0.0)
    flow = captured()
    before = flow.get_state()
    replays.end(flow)
    replays.broke(flow, None)  # type: ignore[arg-type]
    assert flow.get_state() == before and replays.trial(flow) is None


def test_a_replay_of_one_knows_what_the_app_had_sent(tmp_path: Path) -> None:
    with running() as sim:

        async def tell(bridge: Bridge, context: taddons.context) -> None:
            of = captured(**{"anthropic-beta": "some"})
            chat = bridge.runtime.config.upstreams["chat"]
            first = bridge.replays.start(of, bridge.origins.call(of), chat, "replay")
            await over(bridge, first)
            assert first.metadata[APP]["host"] == "app.example"
            again = bridge.origins.call(first)
            assert (again.host, again.protocol) == ("app.example", "anthropic_messages")
            assert ("anthropic-beta", "some") in again.headers

        story(tmp_path, config(sim), tell)
