import asyncio
import logging
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.aside import Desk
from bridge.call import Call
from bridge.config import ConfigError
from bridge.endpoints import side
from bridge.exchange import Exchange
from bridge.health import Answered
from bridge.mitm.runtime import Runtime, clock, installation_key
from bridge.routing import Target
from bridge.steps import Done, Reply
from bridge.watched import Watched

CONFIG = """
upstreams:
  a: {protocol: openai_chat, url: 'http://127.0.0.1:1/v1'}
  b: {protocol: openai_chat, url: 'http://127.0.0.1:2/v1', api_key: '${NOBODY_SETS_THIS}'}
routes: [{upstreams: [a, b]}]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    return file


def test_what_is_left_out_is_said_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Runtime(path, b"k")
    assert caplog.text.count("NOBODY_SETS_THIS") == 1


def test_a_wrong_file_is_no_start(path: Path) -> None:
    path.write_text("routes: 5")
    with pytest.raises(ConfigError):
        Runtime(path, b"k")


def call(host: str = "h") -> Call:
    return Call("openai_chat", "https", host, 443, "/v1/chat/completions", (), b'{"model": "m"}')


def opened(runtime: Runtime) -> Exchange:
    exchange = runtime.open(call(), clock(), resends=True)
    assert isinstance(exchange, Exchange)
    return exchange


def test_changes_of_the_circuit_are_logged(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_text(CONFIG.replace("${NOBODY_SETS_THIS}", "key"))
    runtime = Runtime(path, b"k")
    target = Target(runtime.config.upstreams["a"])
    runtime.record(target, Answered(429), clock(), started=clock(), model="m")
    assert "a -> b" in caplog.text


def test_a_call_is_opened_with_the_configuration_in_force(path: Path) -> None:
    runtime = Runtime(path, b"k")
    assert opened(runtime).route.upstreams[0].name == "a"
    path.write_text(CONFIG.replace("routes:", "routes: [] #"))
    assert isinstance(Runtime(path, b"k").open(call(), clock(), resends=True), Watched)


def test_a_call_can_be_looked_at_while_it_is_under_way(path: Path) -> None:
    runtime = Runtime(path, b"k")
    for name in ("first", "second"):
        runtime.began(name, opened(runtime).trace)
    assert [told["id"] for told in runtime.under_way(5)] == ["second", "first"]
    assert [told["id"] for told in runtime.under_way(1)] == ["second"]
    shown = runtime.call("first")
    assert shown and shown["under_way"] and "model" in shown["bodies"]["client_request"]
    version = runtime.news.version
    runtime.ended("first", {"attempts": []})
    assert runtime.news.version > version
    assert [told["id"] for told in runtime.under_way(5)] == ["second"]
    assert runtime.call("first") == {"attempts": []} and runtime.call("third") is None


def test_text_is_masked_from_the_beginning(path: Path) -> None:
    path.write_text(f"mask: true\n{CONFIG}")
    runtime = Runtime(path, b"k")
    body = b'{"model": "m", "messages": [{"role": "user", "content": "Zebra"}]}'
    exchange = runtime.open(replace(call(), body=body), clock(), resends=True)
    runtime.began("one", exchange.trace)
    assert "Zebra" not in str(runtime.call("one")) and "xxxxx" in str(runtime.call("one"))


def test_losses_are_logged_once_a_minute(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_text(CONFIG.replace("${NOBODY_SETS_THIS}", "key"))
    runtime = Runtime(path, b"k")
    messages = b'[{"role": "user", "content": "hi"}]'
    body = b'{"model": "m", "max_tokens": 1, "top_k": 3, "messages": %s}' % messages
    caplog.set_level(logging.INFO)
    for _ in range(2):
        lossy = replace(call(), protocol="anthropic_messages", path="/v1/messages", body=body)
        exchange = runtime.open(lossy, clock(), resends=True)
        assert isinstance(exchange, Exchange) and asyncio.run(runtime.advance(exchange))
        runtime.tell_losses(exchange.trace)
    assert caplog.messages == [
        "bridge: routes[0] -> a: sampling_dropped (top_k): m does not take it"
    ]


ONE_AT_A_TIME = CONFIG.replace("/v1'}", "/v1', max_in_flight: 1, queue: QUEUE}")


def test_a_request_waits_for_its_turn(path: Path) -> None:
    path.write_text(ONE_AT_A_TIME.replace("QUEUE", "10s"))
    runtime = Runtime(path, b"k")

    async def story() -> None:
        first, second = opened(runtime), opened(runtime)
        assert await runtime.advance(first)
        waiting = asyncio.create_task(runtime.advance(second))
        await asyncio.sleep(0)
        assert not waiting.done()
        first.broke("gone", clock(), cancelled=True)
        sent = await asyncio.wait_for(waiting, 5)
        assert sent and sent.upstream.name == "a"

    asyncio.run(story())


def test_a_request_that_waited_too_long_goes_elsewhere_or_is_told(path: Path) -> None:
    path.write_text(ONE_AT_A_TIME.replace("QUEUE", "10ms"))
    runtime = Runtime(path, b"k")

    async def story() -> None:
        first, second = opened(runtime), opened(runtime)
        await runtime.advance(first)
        assert await runtime.advance(second) is None
        assert isinstance(second.ending, Done) and second.ending.reply.status == 503
        assert second.trace.attempts[0].outcome == "busy"

    asyncio.run(story())


def test_what_is_malformed_is_refused(path: Path) -> None:
    runtime = Runtime(path, b"k")
    bad = replace(call(), body=b"{")
    exchange = runtime.open(bad, clock(), resends=True)
    assert isinstance(exchange, Exchange)
    assert asyncio.run(runtime.advance(exchange)) is None
    assert isinstance(exchange.ending, Done) and exchange.ending.reply.status == 400


@pytest.mark.parametrize("body", [b"[1]", b'"secret"', b'{"model": "m", "input": 5}', b"{"])
def test_what_is_malformed_beside_a_call_is_refused_too(path: Path, body: bytes) -> None:
    runtime = Runtime(path, b"k")
    reply = asked(runtime, "POST", "/v1/responses/input_tokens", body)
    assert isinstance(reply, Reply) and reply.status == (200 if b"input" in body else 400)
    exchange = asked(runtime, "POST", "/v1/responses/compact", body)
    assert isinstance(exchange, Exchange) and asyncio.run(runtime.advance(exchange)) is None
    assert isinstance(exchange.ending, Done) and exchange.ending.reply.status == 400


def asked(runtime: Runtime, method: str, where: str, body: bytes = b"") -> object:
    found = side(method, where, ())
    assert found
    made = Call(found.dialect, "https", "h", 443, where, (), body)
    return runtime.beside(found, made, clock(), resends=True)


def test_a_fault_of_ours_sends_nothing_to_the_apps_own_host(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    runtime = Runtime(path, b"k")
    monkeypatch.setattr(Desk, "choice", broken)
    reply = asked(runtime, "GET", "/v1/models")
    assert isinstance(reply, Reply) and (reply.status, b"oops" in reply.body) == (500, True)
    exchange = opened(runtime)
    monkeypatch.setattr(exchange, "next_attempt", broken)
    assert asyncio.run(runtime.advance(exchange)) is None
    assert isinstance(exchange.ending, Done) and exchange.ending.reply.status == 500
    assert caplog.text.count("could not be handled") == 2


def test_the_key_of_an_installation_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "confdir"
    key = installation_key(folder)
    assert len(key) == 32 and installation_key(folder) == key
    assert stat.S_IMODE(os.stat(folder / "llm-bridge.key").st_mode) == 0o600
    assert installation_key(tmp_path / "other") != key


def test_the_clock_never_runs_back() -> None:
    times = [clock() for _ in range(100)]
    assert times == sorted(times)
    assert logging  # the module under test speaks through it


def test_findings_have_the_configuration_and_the_calls(path: Path) -> None:
    def codes(runtime: Runtime) -> list[str]:
        return [finding["code"] for finding in runtime.findings()]

    runtime = Runtime(path, b"k")
    expected = ["config_off", "config_ok", "upstream_asked", "bypass_unseen", "no_calls"]
    assert codes(runtime) == expected
    runtime.began("one", opened(runtime).trace)
    assert codes(runtime)[-1] == "calls_seen"
    runtime.ended("one", opened(runtime).trace.metadata())
    assert codes(runtime)[-1] == "calls_seen"
    path.write_text("routes: 5")
    runtime._reload()
    assert codes(runtime)[0] == "config_invalid"
    path.write_text(CONFIG + "history: false\n")
    assert codes(Runtime(path, b"k")) == expected[:-1], "of no history nothing is said"
