"""The fault matrix, with clients of the official SDKs: `matrix` lists the cells and prints them.

As long as one upstream can, the app gets its answer: once, in order, to its end, and while it is
still being made. When none can, it gets an error and nothing else.

The cells of a program run side by side: each has upstreams of its own, known by the model's name.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from mitmproxy import http

from bridge.simulator import Simulator, refusing_port
from bridge.simulator.plan import numbered
from tests.e2e.matrix import FAILURES, HTTP, NOBODY, PROTOCOLS, RESULTS, Cell, cells, table
from tests.e2e.sdks.said import Call, Said, Wish
from tests.e2e.sdks.trip import PROGRAMS
from tests.e2e.sdks.ways import Way
from tests.processes import Proxy

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


def config(sim: Simulator, refusing: int, all_cells: list[Cell]) -> dict[str, Any]:
    upstreams, routes = {}, []
    for cell in all_cells:
        for place, (name, kind) in enumerate(zip(cell.upstreams, cell.chain, strict=True)):
            gone = place < cell.failures and fault_of(cell) is NOBODY
            url = f"http://127.0.0.1:{refusing}" if gone else sim.base(f"{place}-{kind}")
            upstreams[name] = {"protocol": PROTOCOLS[kind], "url": url, "api_key": "key"}
        routes.append({"match": {"model": cell.name}, "upstreams": list(cell.upstreams)})
    failover = {
        "health_check": {"interval": 0},
        "first_byte_timeout": SILENCE,
        "whole_timeout": SILENCE,
        "idle_timeout": SILENCE,  # also within a body
    }
    return {"upstreams": upstreams, "routes": routes, "failover": failover}


def fault_of(cell: Cell) -> Any:
    return FAILURES[cell.mode][cell.failure]


def prepare(sim: Simulator, cell: Cell) -> None:
    """Its upstreams fail, and the one that answers takes its time."""
    match = {"model": cell.name}
    for place, kind in enumerate(cell.chain):
        if place < cell.failures and fault_of(cell) is not NOBODY:
            sim.fault(f"{place}-{kind}", fault_of(cell), match=match)
        if place == cell.failures:
            sim.fault(f"{place}-{kind}", {"kind": "slow", "between": PAUSE}, match=match)


# --- the app's side ---------------------------------------------------------------------------


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
        request = self.program.request(cell.name, Wish(ASKED, weather=True))
        asks = self._streamed if cell.mode == "stream" else self._whole
        async with self._gate:
            try:
                async with asyncio.timeout(PATIENCE):
                    problem = await asks(RESOURCES[self.app](client), request)
            except Exception as error:
                return self._judged(cell, error)
        return problem if cell.failures < len(cell.chain) else "an answer that nobody gave"

    def _judged(self, cell: Cell, error: Exception) -> str:
        expected = getattr(self.sdk, ERRORS.get(cell.failure, "InternalServerError"))
        told = f"{type(error).__name__}: {error}"
        if cell.failures < len(cell.chain):
            return told
        right = isinstance(error, expected) and "after 3 attempts" in str(error)
        return "" if right else f"{told} instead of {expected.__name__}"

    async def _whole(self, resource: Any, request: Any) -> str:
        return self._wrong(await resource.create(**request))

    async def _streamed(self, resource: Any, request: Any) -> str:
        pieces: list[tuple[float, str]] = []
        async with resource.stream(**request, **STREAM_OPTIONS.get(self.app, {})) as stream:
            async for event in stream:
                if event.type in PIECES:
                    pieces.append((time.monotonic(), getattr(event, PIECES[event.type])))
            answer = await getattr(stream, FINALS[self.app])()
        if (text := "".join(piece for _, piece in pieces)) != TEXT:
            return f"streamed {text!r}"
        took = pieces[-1][0] - pieces[0][0]
        if took < PAUSE * (WORDS - 1) / 3:  # the machine may be slow
            return f"not live: its text came within {took:.2f} s"
        return self._wrong(answer)

    def _wrong(self, answer: Any) -> str:
        said = self.program.read(answer)
        if said != Said(TEXT, calls=(CALL,), finish=FINISHES[self.app]):
            return f"it says {said}"
        counts = tuple(getattr(answer.usage, name) for name in COUNTS[self.app])
        return "" if counts == USAGE else f"counts of tokens {counts}"


# --- the proxy's side -------------------------------------------------------------------------


def misrecorded(cell: Cell, flow: http.HTTPFlow | None) -> str:
    """What is wrong with the flow of a cell."""
    if flow is None:
        return "there is no record of it"
    tries = flow.metadata["bridge"]["attempts"]
    asked = tuple(attempt["upstream"] for attempt in tries)
    fine = [attempt["outcome"] == "ok" for attempt in tries]
    if asked != cell.upstreams[: cell.failures + 1]:
        return f"it asked {asked}"
    if fine != [place == cell.failures for place in range(len(asked))]:
        return f"its attempts ended as {[attempt['outcome'] for attempt in tries]}"
    alpn = b"h2" if cell.http == "HTTP/2" else b"http/1.1"
    return "" if flow.client_conn.alpn == alpn else f"it came over {flow.client_conn.alpn!r}"


def record(proxy: Proxy) -> dict[str, http.HTTPFlow]:
    """The flows by the model that was asked for, which is another one in each cell."""
    calls = [flow for flow in proxy.flows() if "bridge" in flow.metadata]
    named = {flow.metadata["bridge"]["model"]["asked"]: flow for flow in calls}
    assert len(named) == len(calls)
    return named


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("http_version", HTTP)
@pytest.mark.parametrize("app", PROGRAMS)
def test_the_app_gets_one_answer_as_long_as_an_upstream_has_one(
    app: str, http_version: str, sim: Simulator, start_proxy: Start, pytestconfig: pytest.Config
) -> None:
    tried = cells(app, http_version)
    for cell in tried:
        prepare(sim, cell)
    with refusing_port() as refusing:
        proxy = start_proxy(config(sim, refusing, tried), "--set", "flow_detail=0")
        way = Way(proxy, http2=http_version == "HTTP/2")
        seen = asyncio.run(App(app, way).play(tried))
        flows = record(proxy)
    results = {cell: seen[cell] or misrecorded(cell, flows.get(cell.name)) for cell in tried}
    pytestconfig.stash.setdefault(RESULTS, {}).update(results)
    assert [f"{cell}: {problem}" for cell, problem in results.items() if problem] == []
    assert "Traceback" not in proxy.output


# --- the matrix itself ------------------------------------------------------------------------


def test_every_protocol_fails_first_for_each_failure_pair_and_kind_of_answer() -> None:
    first: dict[tuple[str, ...], set[str]] = {}
    for cell in (cell for app in PROGRAMS for version in HTTP for cell in cells(app, version)):
        assert cell.chain[min(cell.failures, len(cell.chain) - 1)] == cell.last
        case = (cell.app, cell.last, cell.mode, cell.failure)
        if cell.failures < len(cell.chain):
            first.setdefault(case, set()).add(cell.chain[0])
    assert [case for case, kinds in first.items() if kinds != set(PROTOCOLS)] == []


def test_the_table_shows_what_failed_and_why() -> None:
    fine, broken, *_ = cells("chat", "HTTP/2")
    lines = list(table({fine: "", broken: "it was cut"}))
    row = next(line for line in lines if line.startswith("429: the first "))
    assert row.split()[-2:] == ["ok", "FAIL"]
    assert lines[-2:] == [
        "1 of 2 cells are as they should be",
        f"FAIL {broken}: it was cut",
    ]
