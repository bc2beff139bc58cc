"""Shadows of calls: when they are made, who is sent one, and what a failing one does."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import taddons

from addon import Bridge
from bridge.mitm import flows
from bridge.mitm.redact import mask_flow
from bridge.mitm.shadows import MOST, SOON
from bridge.simulator import Simulator, running
from tests.mitm.bridged import Asked, call, story


def config(url: str, **shadow: Any) -> dict[str, Any]:
    return {
        "upstreams": {
            "up": {"protocol": "openai_chat", "url": url, "api_key": "key"},
            "own": {"protocol": "anthropic_messages", "url": "https://app.example"},
        },
        "routes": [{"shadow": {"upstream": "up", **shadow}}],
        "failover": {"health_check": {"interval": 0}},
    }


def begun(bridge: Bridge) -> http.HTTPFlow:
    """A call that has just been sent to its own host."""
    flow = call()
    assert bridge.runtime
    bridge.shadows.begin(flow, flows.call_of(flow, "anthropic_messages"), bridge.runtime)
    return flow


def ended(bridge: Bridge, flow: http.HTTPFlow, outcome: str = "ok") -> dict[str, Any]:
    """What its record says of the shadow."""
    attempts = [{"outcome": outcome, "status": 200}] if outcome else []
    flow.metadata["bridge"] = {"client": "anthropic_messages", "attempts": attempts}
    bridge.shadows.end(flow)
    shadow: dict[str, Any] = flow.metadata["bridge"]["shadow"]
    return shadow


NOWHERE = "http://127.0.0.1:9/v1"


def test_it_is_made_while_the_call_is_under_way(tmp_path: Path) -> None:
    async def tell(bridge: Bridge, context: taddons.context) -> None:
        flow = begun(bridge)
        [shadowed] = bridge.shadows._calls.values()
        assert "preview" not in vars(shadowed), "not before the request is on its way"
        await asyncio.sleep(2 * SOON)
        made = vars(shadowed)["preview"]
        assert ended(bridge, flow) == made
        assert bridge.shadows._calls == {}

    story(tmp_path, config(NOWHERE), tell)


def test_or_at_its_end_where_that_came_first(tmp_path: Path) -> None:
    async def tell(bridge: Bridge, context: taddons.context) -> None:
        shadow = ended(bridge, begun(bridge))
        assert (shadow["upstream"], shadow["refused"]) == ("up", "")
        await asyncio.sleep(2 * SOON)

    story(tmp_path, config(NOWHERE), tell)


@pytest.mark.parametrize(
    "share, outcome, sent",
    [
        pytest.param(1, "ok", True, id="all of them"),
        pytest.param(0, "ok", False, id="none of them"),
        pytest.param(1, "cancelled", False, id="not for an app that hung up"),
        pytest.param(1, "error", False, id="not for one that got an error"),
        pytest.param(1, "", False, id="not for a call that was never sent"),
    ],
)
def test_who_is_sent(tmp_path: Path, share: float, outcome: str, sent: bool) -> None:
    async def tell(bridge: Bridge, context: taddons.context) -> None:
        shadow = ended(bridge, begun(bridge), outcome)
        assert ("replay" in shadow) == sent
        assert bridge.replays.count("shadow") == sent

    story(tmp_path, config(NOWHERE, share=share), tell)


def test_what_would_be_refused_is_not_sent(tmp_path: Path) -> None:
    async def tell(bridge: Bridge, context: taddons.context) -> None:
        flow = call()
        flow.request.content = b"{"
        assert bridge.runtime
        bridge.shadows.begin(flow, flows.call_of(flow, "anthropic_messages"), bridge.runtime)
        shadow = ended(bridge, flow)
        assert "not JSON" in shadow["refused"] and "replay" not in shadow

    story(tmp_path, config(NOWHERE, share=1), tell)


def test_the_apps_own_key_that_is_hidden_is_a_reason_too(tmp_path: Path) -> None:
    async def tell(bridge: Bridge, context: taddons.context) -> None:
        flow = call(**{"x-api-key": "***"})
        assert bridge.runtime
        bridge.shadows.begin(flow, flows.call_of(flow, "anthropic_messages"), bridge.runtime)
        assert "own needs an api_key" in ended(bridge, flow)["skipped"]

    story(tmp_path, config(NOWHERE, share=1, upstream="own"), tell)


def answered(sim: Simulator, fault: dict[str, Any] | None, tmp_path: Path) -> dict[str, Any]:
    """What the second call's record says, where the first one's shadow met with `fault`."""
    found: list[dict[str, Any]] = []
    if fault:
        sim.fault("up", fault)

    async def tell(bridge: Bridge, context: taddons.context) -> None:
        assert "replay" in ended(bridge, begun(bridge))
        await asyncio.gather(*bridge.replays._tasks)
        found.append(ended(bridge, begun(bridge)))

    story(tmp_path, config(sim.base("up"), share=1), tell)
    return found[0]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "status", "status": 429}, id="limited"),
        pytest.param({"kind": "drop"}, id="gone"),
    ],
)
def test_one_that_fails_is_left_alone_for_a_while(tmp_path: Path, fault: dict[str, Any]) -> None:
    with running() as sim:
        assert "up failed; paused for 300 s more" in answered(sim, fault, tmp_path)["skipped"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(None, id="that answers"),
        pytest.param({"kind": "status", "status": 400}, id="that refuses this one"),
    ],
)
def test_one_is_asked_again(tmp_path: Path, fault: dict[str, Any] | None) -> None:
    with running() as sim:
        assert "replay" in answered(sim, fault, tmp_path)


def test_not_too_many_at_a_time(tmp_path: Path) -> None:
    with running() as sim:
        sim.fault("up", {"kind": "hang"}, count=None)

        async def tell(bridge: Bridge, context: taddons.context) -> None:
            shadows = [ended(bridge, begun(bridge)) for _ in range(MOST + 1)]
            assert all("replay" in shadow for shadow in shadows[:MOST])
            assert shadows[MOST]["skipped"] == f"{MOST} are on their way"

        story(tmp_path, config(sim.base("up"), share=1), tell)


def test_answers_are_compared_before_they_are_masked(tmp_path: Path) -> None:
    with running() as sim:

        async def tell(bridge: Bridge, context: taddons.context) -> None:
            flow, asked = begun(bridge), Asked()
            context.master.addons.add(asked)
            answer = '{"content":[{"type":"text","text":"well"}]}'
            flow.metadata["bridge"] = {
                "client": "anthropic_messages",
                "attempts": [{"outcome": "ok", "status": 200}],
                "bodies": {"client_response": answer},
            }
            bridge.shadows.end(flow)
            mask_flow(flow)
            await asyncio.gather(*bridge.replays._tasks)
            [shadow] = asked.flows
            record = shadow.metadata["bridge"]
            assert record["compare"]["same_text"] and "well" not in str(record["bodies"])
            assert "well" not in str(flow.metadata) and shadow.response
            assert b"well" not in shadow.response.content

        story(tmp_path, {**config(sim.base("up"), share=1), "mask": True}, tell)


def test_a_route_without_one_has_none(tmp_path: Path) -> None:
    async def tell(bridge: Bridge, context: taddons.context) -> None:
        flow = begun(bridge)
        flow.metadata["bridge"] = {"attempts": []}
        bridge.shadows.end(flow)
        assert flow.metadata["bridge"] == {"attempts": []}

    document = {**config(NOWHERE), "routes": [{"upstreams": ["up"]}]}
    story(tmp_path, document, tell)
