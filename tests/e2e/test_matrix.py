"""The fault matrix, with clients of the official SDKs: `matrix` lists the cells and prints them.

As long as one upstream can, the app gets its answer: once, in order, to its end, and while it is
still being made; nothing in it is of an upstream that failed. When none can, it gets an error and
nothing else. What fails when the app has some of it ends with an error in the app's own dialect.

The cells of a program run side by side: each has upstreams of its own, known by the model's name.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from mitmproxy import http

from bridge.simulator import refusing_port
from bridge.simulator.plan import numbered, thoughts
from tests.certificates import CA, certificate
from tests.e2e.matrix import (
    BOTH_WAYS,
    LABEL,
    NOBODY,
    PROTOCOLS,
    RESULTS,
    VERSIONS,
    Cell,
    cells,
    table,
)
from tests.e2e.sdks.said import Call, Said, Wish
from tests.e2e.sdks.trip import PROGRAMS
from tests.e2e.sdks.ways import Way
from tests.processes import Process, Proxy

Start = Callable[..., Proxy]

AT_ONCE = 32  # requests
WORDS = 12
PAUSE = 0.1  # seconds between the events of an answer
PATIENCE = 60  # seconds of the app's
SILENCE = 2.0  # seconds, after which an upstream is given up
TEXT = "".join(numbered(WORDS))
ASKED = f'[[words:{WORDS}]][[call:weather {{"city":"Oslo","days":3}}]][[usage:input=31,output=17]]'
CALL = Call("", "weather", {"city": "Oslo", "days": 3})
USAGE = (31, 17)

# What the three SDKs call the same: what to ask with, pieces of text, the answer that a stream
# adds up to, the counts of tokens, and how an answer ends that calls a tool.
RESOURCES: dict[str, Callable[[Any], Any]] = {
    "messages": lambda client: client.messages,
    "chat": lambda client: client.chat.completions,
    "responses": lambda client: client.responses,
}
PIECES = {"text": "text", "content.delta": "delta", "response.output_text.delta": "delta"}
FINALS = {
    "messages": "get_final_message",
    "chat": "get_final_completion",
    "responses": "get_final_response",
}
COUNTS = {
    "messages": ("input_tokens", "output_tokens"),
    "chat": ("prompt_tokens", "completion_tokens"),
    "responses": ("input_tokens", "output_tokens"),
}
FINISHES = {"messages": "tool_use", "chat": "tool_calls", "responses": "completed"}
STREAM_OPTIONS = {"chat": {"stream_options": {"include_usage": True}}}

SDKS: dict[str, Any] = {"messages": anthropic, "chat": openai, "responses": openai}
ERRORS = {"429": "RateLimitError"}  # any other failure is the server's


def config(simulator: str, refusing: int, all_cells: list[Cell]) -> dict[str, Any]:
    upstreams, routes = {}, []
    nobody = f"{simulator.rpartition(':')[0]}:{refusing}"
    for cell in all_cells:
        for place, (name, kind) in enumerate(zip(cell.upstreams, cell.chain, strict=True)):
            gone = place < cell.failures and cell.fault is NOBODY
            upstreams[name] = {
                "protocol": PROTOCOLS[kind],
                "url": nobody if gone else f"{simulator}/{place}-{kind}/v1",
                "api_key": "key",
                "models": {"*": name},
            }
        routes.append({"match": {"model": cell.name}, "upstreams": list(cell.upstreams)})
    failover = {
        "health_check": {"interval": 0},
        "first_byte_timeout": SILENCE,
        "whole_timeout": SILENCE,
        "idle_timeout": SILENCE,  # also within a body
    }
    return {"upstreams": upstreams, "routes": routes, "failover": failover}


def faults(cell: Cell) -> Iterator[dict[str, Any]]:
    """Its upstreams fail, and the one that answers takes its time."""
    slow = {"kind": "slow", "between": PAUSE}
    for place, (name, kind) in enumerate(zip(cell.upstreams, cell.chain, strict=True)):
        fault = cell.fault if place < cell.failures else slow
        if fault is not NOBODY:
            yield {"upstream": f"{place}-{kind}", "fault": fault, "match": {"model": name}}


@pytest.fixture
def start_simulator(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """In a process of its own: the apps' would see late what comes in the meantime."""
    with ExitStack() as stack:

        def start(all_cells: list[Cell], *options: str) -> str:
            script = tmp_path / "script.json"
            script.write_text(json.dumps({"faults": [f for c in all_cells for f in faults(c)]}))
            command = [sys.executable, "-m", "bridge.simulator", "--script", str(script), *options]
            process = stack.enter_context(Process(command))
            return process.wait_for(r"listening on (\S+)")[1]

        yield start


# --- the app's side ---------------------------------------------------------------------------


@dataclass(slots=True)
class Heard:
    """What came of a stream so far."""

    reasoning: str = ""
    text: str = ""
    times: list[float] = field(default_factory=list)  # of pieces of the text

    def take(self, event: Any) -> None:
        match event.type:
            case "thinking":
                self.reasoning += event.thinking
            case "response.reasoning_summary_text.delta":
                self.reasoning += event.delta
            case "chunk":
                for choice in event.chunk.choices:
                    self.reasoning += getattr(choice.delta, "reasoning_content", None) or ""
            case known if known in PIECES:
                self.text += getattr(event, PIECES[known])
                self.times.append(time.monotonic())

    @property
    def live(self) -> bool:
        """It came in more than one go; the machine may be slow, and take many pieces as one."""
        gaps = [after - before for before, after in pairwise(self.times)]
        return sum(gap > PAUSE / 2 for gap in gaps) >= 2


class App:
    """A program of one of the SDKs, which asks for many things at once."""

    def __init__(self, app: str, way: Way) -> None:
        self.app = app
        self.program: Any = PROGRAMS[app](way)
        self.program.client.close()  # it asks one after the other
        self.sdk = SDKS[app]
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def play(self, all_cells: list[Cell]) -> dict[Cell, str]:
        """What is wrong with each answer, as the app sees it."""
        async with self.program.async_client() as client:
            slow_first = sorted(all_cells, key=lambda cell: not cell.waits)
            problems = await asyncio.gather(*(self._problem(client, cell) for cell in slow_first))
        return dict(zip(slow_first, problems, strict=True))

    async def _problem(self, client: Any, cell: Cell) -> str:
        heard, asks = Heard(), self._streamed if cell.mode == "stream" else self._whole
        async with self._gate, AsyncExitStack() as stack:
            if not cell.shares_connections:
                client = await stack.enter_async_context(self.program.async_client())
            try:
                async with asyncio.timeout(PATIENCE):
                    problem = await asks(RESOURCES[self.app](client), cell, heard)
            except Exception as error:
                return self._judged(cell, error, heard)
        return problem if cell.is_answered else "an answer that nobody gave"

    def _request(self, cell: Cell) -> Any:
        reasons = "[[thoughts:{}x{}]]".format(*cell.thoughts) if cell.reasons else ""
        shown = "shown" if cell.reasons else None
        return self.program.request(cell.name, Wish(reasons + ASKED, weather=True, reasoning=shown))

    def _judged(self, cell: Cell, error: Exception, heard: Heard) -> str:
        told = f"{type(error).__name__}: {error}"
        if cell.is_answered:
            return told
        if cell.committed:
            return "" if self._is_told(cell, error, heard) else f"{told} behind {heard}"
        expected = getattr(self.sdk, ERRORS.get(cell.failure, "InternalServerError"))
        right = isinstance(error, expected) and "after 3 attempts" in str(error)
        return "" if right else f"{told} instead of {expected.__name__}"

    def _is_told(self, cell: Cell, error: Exception, heard: Heard) -> bool:
        """In the app's dialect, behind all that came before it."""
        spoken = isinstance(error, self.sdk.APIError)
        spoken = spoken and not isinstance(error, self.sdk.APIConnectionError)
        text = "" if cell.reasons else "".join(numbered(3))
        return spoken and (heard.reasoning, heard.text) == (reasoning_of(cell), text)

    async def _whole(self, resource: Any, cell: Cell, heard: Heard) -> str:
        return self._wrong(cell, await resource.create(**self._request(cell)))

    async def _streamed(self, resource: Any, cell: Cell, heard: Heard) -> str:
        options = STREAM_OPTIONS.get(self.app, {})
        async with resource.stream(**self._request(cell), **options) as stream:
            async for event in stream:
                heard.take(event)
            answer = await getattr(stream, FINALS[self.app])()
        if (heard.reasoning, heard.text) != (reasoning_of(cell), TEXT):
            return f"streamed {heard}"
        # Calls that share a connection wait for each other in the SDKs' client, which lets one of
        # them read at a time.
        if not (cell.shares_connections or heard.live):
            took = heard.times[-1] - heard.times[0]
            return f"not live: its text came within {took:.2f} s"
        return self._wrong(cell, answer)

    def _wrong(self, cell: Cell, answer: Any) -> str:
        said = self.program.read(answer)
        reasoning = reasoning_of(cell)
        if said != Said(TEXT, reasoning, calls=(CALL,), finish=FINISHES[self.app]):
            return f"it says {said}"
        if answer.model != cell.name:
            return f"of the model {answer.model}"
        counts = tuple(getattr(answer.usage, name) for name in COUNTS[self.app])
        return "" if counts == USAGE else f"counts of tokens {counts}"


def reasoning_of(cell: Cell) -> str:
    """Of the upstream that was asked last, and of no other."""
    if cell.hides_reasoning:
        return ""
    count, size = cell.thoughts
    return "".join(thoughts(count, cell.upstreams[cell.asked - 1], size))


# --- the proxy's side -------------------------------------------------------------------------


def misrecorded(cell: Cell, flow: http.HTTPFlow | None) -> str:
    """What is wrong with the flow of a cell."""
    if flow is None:
        return "there is no record of it"
    tries = flow.metadata["bridge"]["attempts"]
    asked = tuple(attempt["upstream"] for attempt in tries)
    fine = [attempt["outcome"] == "ok" for attempt in tries]
    if asked != cell.upstreams[: cell.asked]:
        return f"it asked {asked}"
    if fine != [cell.is_answered and place == cell.failures for place in range(cell.asked)]:
        return f"its attempts ended as {[attempt['outcome'] for attempt in tries]}"
    return wrong_version(cell, flow)


def wrong_version(cell: Cell, flow: http.HTTPFlow) -> str:
    alpn = b"http/1.1" if cell.http == "HTTP/1.1" else b"h2"
    if flow.client_conn.alpn != alpn:
        return f"it came over {flow.client_conn.alpn!r}"
    upstream = b"h2" if cell.http == BOTH_WAYS else None
    if flow.server_conn.alpn != upstream and flow.server_conn.connected:
        return f"it went over {flow.server_conn.alpn!r}"
    return ""


def record(proxy: Proxy) -> dict[str, http.HTTPFlow]:
    """The flows by the model that was asked for, which is another one in each cell."""
    calls = [flow for flow in proxy.flows() if "bridge" in flow.metadata]
    named = {flow.metadata["bridge"]["model"]["asked"]: flow for flow in calls}
    assert len(named) == len(calls)
    return named


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("http_version", VERSIONS)
@pytest.mark.parametrize("app", PROGRAMS)
def test_the_app_gets_one_answer_as_long_as_an_upstream_has_one(
    app: str,
    http_version: str,
    confdir: Path,
    start_simulator: Callable[..., str],
    start_proxy: Start,
    pytestconfig: pytest.Config,
) -> None:
    tried = cells(app, http_version)
    tls = ("--certificate", str(certificate(confdir))) if http_version == BOTH_WAYS else ()
    trust = f"ssl_verify_upstream_trusted_ca={confdir / CA}"
    simulator = start_simulator(tried, *tls)
    with refusing_port() as refusing:
        settings = config(simulator, refusing, tried)
        proxy = start_proxy(settings, "--set", "flow_detail=0", "--set", trust)
        way = Way(proxy, http2=http_version != "HTTP/1.1")
        seen = asyncio.run(App(app, way).play(tried))
        flows = record(proxy)
    results = {cell: seen[cell] or misrecorded(cell, flows.get(cell.name)) for cell in tried}
    pytestconfig.stash.setdefault(RESULTS, {}).update(results)
    assert [f"{cell}: {problem}" for cell, problem in results.items() if problem] == []
    assert "Traceback" not in proxy.output


# --- the matrix itself ------------------------------------------------------------------------


def test_every_protocol_fails_first_for_each_failure_pair_and_kind_of_answer() -> None:
    first: dict[tuple[str, ...], set[str]] = {}
    for cell in (cell for app in PROGRAMS for version in VERSIONS for cell in cells(app, version)):
        assert cell.chain[cell.asked - 1] == cell.last
        # Over HTTP/2 to upstreams too, there are fewer cells: for any of an app's pairs.
        pair = (cell.app, "" if cell.http == BOTH_WAYS else cell.last)
        if cell.is_answered:
            case = (*pair, cell.mode, cell.failure)
            first.setdefault(case, set()).add(cell.chain[0])
    assert [case for case, kinds in first.items() if kinds != set(PROTOCOLS)] == []


def test_what_fails_behind_content_is_asked_of_nobody_else() -> None:
    for cell in (cell for app in PROGRAMS for version in VERSIONS for cell in cells(app, version)):
        if cell.committed:
            assert (cell.asked, cell.failing, cell.is_answered) == (1, "the first", False)
            assert not (cell.reasons and cell.hides_reasoning)  # then it would be no content


def test_the_table_shows_what_failed_and_why() -> None:
    (fine, broken, *_), (over_http_2, *_) = cells("chat", "HTTP/2"), cells("chat", BOTH_WAYS)
    lines = list(table({fine: "", broken: "it was cut", over_http_2: ""}))
    assert marks(lines, "429: the first") == [["ok", "FAIL"], ["ok"]]
    # Whole answers are not tried, nor what is hidden from a Chat app.
    assert marks(lines, "cut behind long reasoning: the first") == [["-"] * 10]
    assert lines[-2:] == [
        "2 of 3 cells are as they should be",
        f"FAIL {broken}: it was cut",
    ]


def marks(lines: list[str], label: str) -> list[list[str]]:
    return [line[LABEL:].split() for line in lines if line[:LABEL].rstrip() == label]
