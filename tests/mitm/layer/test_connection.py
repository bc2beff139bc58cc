import json
from contextlib import closing
from http.client import HTTPConnection

import pytest
from mitmproxy.addons.next_layer import NextLayer as NextLayerAddon
from mitmproxy.options import Options
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import NextLayer
from mitmproxy.proxy.layers import ClientTLSLayer
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.proxy.tunnel import LayerStack
from mitmproxy.test import taddons, tflow

from bridge.mitm.layer import Resending
from bridge.steps import Say
from tests.mitm.layer.wire import Wire
from tests.mitm.scripted import Scripted
from tests.processes import Proxy

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunks(proxy: Proxy, model: str, text: str) -> list[bytes]:
    """A streamed answer as it was cut for the app."""
    turns = [{"role": "user", "content": text}]
    body = json.dumps({"max_tokens": 9, "model": model, "messages": turns, "stream": True})
    headers = {"host": "api.anthropic.com", "x-api-key": "app", "anthropic-version": "2023-06-01"}
    with closing(HTTPConnection("127.0.0.1", proxy.port, timeout=20)) as app:
        app.request("POST", "http://api.anthropic.com/v1/messages", body, headers)
        answer = app.getresponse()
        return list(iter(lambda: answer.read1(1 << 20), b""))


@pytest.mark.parametrize("model", ["messages", "chat"])
def test_events_that_came_together_go_out_together(proxy: Proxy, model: str) -> None:
    one_by_one = chunks(proxy, model, "[[words:300]]")
    together = chunks(proxy, model, "[[words:300]][[burst]]")
    assert len(together) < 20 < b"".join(together).count(b"content_block_delta") / 2
    assert texts(together) == texts(one_by_one)


def texts(pieces: list[bytes]) -> list[str]:
    lines = b"".join(pieces).decode().splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    return [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]


def test_so_they_do_only_once_the_app_has_something() -> None:
    """What came before a failure counts: it must not be hidden behind it."""
    exchange = Scripted(Say([b"a"]), Say([b"b"]), Say([b"cd"]))
    wire = Wire(exchange)
    [server] = wire.servers
    wire.says(server, HEAD)
    wire.says(server, b"1\r\na\r\n")
    wire.says(server, b"1\r\nb\r\n")
    wire.says(server, b"1\r\nc\r\n1\r\nd\r\n")
    assert exchange.told == [("answered", 200), ("take", b"a"), ("take", b"b"), ("take", b"cd")]
    assert wire.sent[wire.client].endswith(b"1\r\na\r\n1\r\nb\r\n2\r\ncd\r\n")


def test_one_timer_is_under_way_unless_something_is_due_before_it() -> None:
    exchange = Scripted()
    exchange.alarm = 5.0
    wire = Wire(exchange)
    [server] = wire.servers
    wire.says(server, HEAD)
    [first] = wire.timers
    exchange.alarm = 3.0
    wire.says(server, b"1\r\na\r\n")
    _, second = wire.timers
    assert (first.delay, second.delay) == (5.0, 3.0)
    wire.now, exchange.alarm = 3.0, 9.0
    wire.happens(events.Wakeup(second))
    assert exchange.told[-1] == ("wake",)
    assert [timer.delay for timer in wire.timers[2:]] == [6.0]


def test_the_layer_for_http_is_found_in_a_stack_and_changed_once() -> None:
    context = Context(tflow.tclient_conn(), Options())
    next_layer, http = NextLayer(context), HttpLayer(context, HTTPMode.regular)
    next_layer.layer = (LayerStack() / ClientTLSLayer(context) / http)[0]
    resending = Resending(bool, lambda _: None, bool, lambda: 0.0, lambda _: None)
    with taddons.context(NextLayerAddon()):
        resending.use_in(next_layer)
        changed = http.make_stream
        resending.use_in(next_layer)
    assert http.make_stream == changed
    assert "make_stream" in vars(http) and "make_stream" not in vars(next_layer.layer)
