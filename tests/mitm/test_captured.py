"""Commands for captured calls, as a person types them; see also the end-to-end tests."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import exceptions, flow, http
from mitmproxy.addons.view import View
from mitmproxy.test import taddons, tflow

from addon import Bridge
from bridge.cases import check, load
from bridge.mitm.captured import Captured
from bridge.simulator import running
from tests.mitm.bridged import BODY, call, story

ANSWER = {
    "id": "1",
    "choices": [{"index": 0, "message": {"content": "well"}, "finish_reason": "stop"}],
}
CONFIG = {
    "upstreams": {
        "up": {
            "protocol": "openai_chat",
            "url": "http://127.0.0.1:9/v1",
            "api_key": "key-of-the-upstream",
            "models": {"*": "gpt"},
        },
        "named": {"protocol": "openai_chat", "url": "http://127.0.0.1:9/v1"},
    },
    "failover": {"health_check": {"interval": 0}},
}


def commands(bridge: Bridge) -> Captured:
    return Captured(lambda: bridge.runtime, bridge.origins, bridge.replays)


def captured(text: str = "hi", upstream: str = "up", **fields: Any) -> http.HTTPFlow:
    """A call that is over, with its record."""
    made = call(**{"x-api-key": "key-of-the-app"})
    made.live = False
    asked = {**BODY, "messages": [{"role": "user", "content": text}]}
    made.metadata["bridge"] = {
        "client": "anthropic_messages",
        "upstream": "openai_chat",
        "route": "routes[0]",
        "model": {"asked": "m", "used": "gpt"},
        "started": 1_790_000_000.0,
        "attempts": [{"upstream": upstream, "started": 0.5, "outcome": "ok", "status": 200}],
        "bodies": {
            "client_request": json.dumps(asked),
            "upstream_response": json.dumps(ANSWER),
        },
        **fields,
    }
    made.comment = "a call"
    return made


def attempt(of: str = "parent") -> http.HTTPFlow:
    """One that failed, as a row of its own."""
    made = call()
    made.live = False
    made.request.content = b'{"model":"gpt"}'
    made.response = http.Response.make(529, b'{"error":{"message":"busy"}}', {"request-id": "r1"})
    made.metadata["bridge_attempt"] = {
        "of": of,
        "upstream": "up",
        "client": "anthropic_messages",
        "protocol": "openai_chat",
        "client_request": json.dumps(BODY),
    }
    return made


# --- bridge.export


def test_a_case_for_each_call_in_a_folder_that_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "cases"

    async def tell(bridge: Bridge, context: taddons.context) -> None:
        calls = [captured(), captured()]
        told = commands(bridge).export(calls, str(folder))
        files = [folder / f"anthropic_messages-openai_chat-{made.id[:8]}.json" for made in calls]
        lines = [line for line in told.splitlines() if not line.startswith("  ")]
        assert lines == list(map(str, files)) and sorted(folder.iterdir()) == sorted(files)
        for file in files:
            case = load(file)
            check(case)
            assert (case.setup.model, case.summary) == ("gpt", "a call")
            assert case.setup.now == 1_790_000_000.5 and not case.setup.own_host
            assert "max_tokens_field" in case.setup.profile

    story(tmp_path, CONFIG, tell)


def test_one_call_may_have_a_file_of_its_own_name(tmp_path: Path) -> None:
    async def tell(bridge: Bridge, context: taddons.context) -> None:
        file = tmp_path / "new" / "lost-field.json"
        assert commands(bridge).export([captured()], str(file)).startswith(str(file))
        assert load(file).name.startswith("anthropic_messages-openai_chat-")
        several = tmp_path / "odd.json"
        commands(bridge).export([captured(), captured()], str(several))
        assert len(list(several.iterdir())) == 2

    story(tmp_path, CONFIG, tell)


def test_what_differs_is_said(tmp_path: Path) -> None:
    async def tell(bridge: Bridge, context: taddons.context) -> None:
        made = captured(notes=[])
        made.metadata["bridge"]["bodies"]["client_response"] = "{}"
        told = commands(bridge).export([made], str(tmp_path / "cases"))
        assert "\n  not as it was captured: body: " in told

    story(tmp_path, CONFIG, tell)


def test_credentials_that_are_about_are_taken_out(tmp_path: Path) -> None:
    async def tell(bridge: Bridge, context: taddons.context) -> None:
        file = tmp_path / "case.json"
        made = captured("I have key-of-the-app and key-of-the-upstream")
        made.comment = "who has key-of-the-app"
        commands(bridge).export([made], str(file))
        assert "key-of-the" not in file.read_text() and "I have *** and ***" in file.read_text()

    story(tmp_path, CONFIG, tell)


def test_an_upstream_that_is_gone_is_as_its_vendor(tmp_path: Path) -> None:
    async def tell(bridge: Bridge, context: taddons.context) -> None:
        file = tmp_path / "case.json"
        commands(bridge).export([captured(upstream="gone#2")], str(file))
        case = load(file)
        assert case.setup.upstream_id == "gone" and "max_tokens_field" not in case.setup.profile
        check(case)

    story(tmp_path, CONFIG, tell)


def test_a_failed_attempt_is_a_case_too(tmp_path: Path) -> None:
    async def tell(bridge: Bridge, context: taddons.context) -> None:
        file = tmp_path / "case.json"
        told = commands(bridge).export([attempt()], str(file))
        assert "not as it was captured: sent: " in told, "this one was made up"
        case = load(file)
        assert (case.setup.model, case.expected.status) == ("gpt", 529)
        assert case.answer and case.answer.request_id == "r1" and not case.setup.exact
        unanswered = attempt()
        unanswered.response = None
        commands(bridge).export([unanswered], str(file))
        assert load(file).answer is None

    story(tmp_path, CONFIG, tell)


@pytest.mark.parametrize(
    "make, reason",
    [
        pytest.param(call, "still under way", id="one that is not over"),
        pytest.param(tflow.tudpflow, "no HTTP flow", id="another protocol"),
        pytest.param(lambda: over_flow("/index.html"), "no LLM call", id="another request"),
        pytest.param(lambda: over_flow("/v1/messages"), "no record", id="one nobody looked at"),
    ],
)
def test_what_is_no_case(tmp_path: Path, make: Any, reason: str) -> None:
    async def tell(bridge: Bridge, context: taddons.context) -> None:
        made: flow.Flow = make()
        with pytest.raises(exceptions.CommandError, match=f"{made.id}: it .*{reason}"):
            commands(bridge).export([made], str(tmp_path / "cases"))
        both = commands(bridge).export([made, captured()], str(tmp_path / "cases"))
        assert reason in both and str(tmp_path / "cases") in both

    story(tmp_path, CONFIG, tell)


def over_flow(path: str) -> http.HTTPFlow:
    made = call()
    made.live = False
    made.request.path = path
    return made


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path) -> None:
    async def tell(bridge: Bridge, context: taddons.context) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(exceptions.CommandError, match="cannot be written: "):
            commands(bridge).export([captured()], str(tmp_path / "file" / "cases"))
        with pytest.raises(exceptions.CommandError, match="no flow was named"):
            commands(bridge).export([], str(tmp_path))

    story(tmp_path, CONFIG, tell)


# --- bridge.replay


def test_an_upstream_that_is_none_is_named_with_those_there_are(tmp_path: Path) -> None:
    async def tell(bridge: Bridge, context: taddons.context) -> None:
        with pytest.raises(exceptions.CommandError, match='"nobody" is not one of up, named'):
            commands(bridge).replay([captured()], "nobody")

    story(tmp_path, CONFIG, tell)


def test_without_a_configuration_it_says_so() -> None:
    bridge = Bridge()
    with pytest.raises(exceptions.CommandError, match="no configuration"):
        commands(bridge).replay([], "up")


def test_of_an_attempt_its_call_is_sent_once_more_while_that_is_there(tmp_path: Path) -> None:
    with running() as sim:

        async def tell(bridge: Bridge, context: taddons.context) -> None:
            view = View()
            context.master.addons.add(view)
            parent = captured()
            view.add([parent])
            flows = [attempt(parent.id), attempt("gone")]
            told = commands(bridge).replay(flows, "up").split()
            assert parent.metadata["bridge"]["replays"] == told[:1]
            await asyncio.gather(*bridge.replays._tasks)
            records = [view.get_by_id(id).metadata["bridge"] for id in told]
            assert [record["replay_of"] for record in records] == [parent.id, "gone"]

        upstreams = {"up": {**CONFIG["upstreams"]["up"], "url": sim.base("up")}}
        story(tmp_path, {**CONFIG, "upstreams": upstreams}, tell)


# --- bridge.open


def test_the_page_of_a_call(tmp_path: Path) -> None:
    async def tell(bridge: Bridge, context: taddons.context) -> None:
        made, row = captured(), attempt("parent")
        assert commands(bridge).open(made) == f"http://bridge.local/#/call/{made.id}"
        assert commands(bridge).open(row) == "http://bridge.local/#/call/parent"
        context.options.add_option("web_port", int, 8081, "")
        context.options.add_option("web_host", str, "127.0.0.1", "")
        for host, shown in (
            ("127.0.0.1", "127.0.0.1"),
            ("0.0.0.0", "127.0.0.1"),
            ("", "127.0.0.1"),
            ("::1", "[::1]"),
            ("box.example", "box.example"),
        ):
            context.options.update(web_host=host)
            page = commands(bridge).open(made)
            assert page == f"http://{shown}:8081/bridge/#/call/{made.id}"

    story(tmp_path, CONFIG, tell)
