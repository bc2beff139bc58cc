"""Calls that went through an exchange, for tests of what is made of their records."""

import json
from typing import Any

from bridge.bounded import Bounds
from bridge.call import Call
from bridge.config import Config, parse
from bridge.exchange import Exchange
from bridge.ledger import Ledger
from bridge.routing import Facts, Router
from bridge.transform import Protocol, TransformError
from bridge.trial import Unheard

PATHS: dict[Protocol, str] = {
    "anthropic_messages": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
}
KEY = b"of this installation"
NOW = 1_790_000_000.25


def ledger() -> Ledger:
    return Ledger(Bounds(1_000_000, 3600.0))


def config(protocol: Protocol, **upstream: Any) -> Config:
    given = {"protocol": protocol, "url": "https://up.example/v1", "api_key": "key-of-up"}
    document = {"upstreams": {"up": {**given, **upstream}}, "routes": [{"upstreams": ["up"]}]}
    return parse(json.dumps(document), "config.yaml", {})


def call(client: Protocol, body: bytes, *headers: tuple[str, str]) -> Call:
    return Call(client, "https", "app.example", 443, PATHS[client], headers, body)


def opened(of: Call, settings: Config, **more: Any) -> Exchange:
    """Its request has been sent; or it has ended, for there was nothing to send."""
    router = Router(settings)
    choice = router.candidates(Facts(of.protocol), NOW)
    assert choice
    exchange = Exchange(
        of, choice, router, settings.failover, Unheard(), key=KEY, now=NOW, resends=False, **more
    )
    try:
        target = exchange.next_target(NOW)
        assert target
        if exchange.next_attempt(target, NOW + 0.5) is None:
            exchange.exhausted(NOW + 0.5)
    except TransformError as error:
        exchange.refuse(error, NOW + 0.5)
    return exchange


def answered(
    exchange: Exchange, body: bytes, *, stream: bool, status: int = 200, ended: bool = True
) -> dict[str, Any]:
    """The record, once this answer came."""
    kind = "text/event-stream" if stream else "application/json"
    if exchange.answered(status, [("content-type", kind)], NOW + 1):
        exchange.take(body, NOW + 2)
        if ended:
            exchange.take(b"", NOW + 3)
        else:
            exchange.broke("the app hung up", NOW + 3, cancelled=True)
    else:
        exchange.whole(body, NOW + 2)
        if exchange.failed:
            exchange.exhausted(NOW + 2)
    return exchange.trace.metadata()
