"""How an app reaches the bridge: a client of an official SDK, as one would make it.

Which upstream is to answer stands in the model's name, so that one proxy serves every direction.
"""

import ssl
from typing import Any

import anthropic
import openai

from bridge.simulator import Simulator
from tests.processes import Proxy

# Upstream -> its protocol, the model it is asked for, its profile.
UPSTREAMS: dict[str, tuple[str, str, Any]] = {
    "messages": ("anthropic_messages", "claude-opus-5", "anthropic"),
    "chat": ("openai_chat", "gpt-5.6", "openai"),
    "responses": ("openai_responses", "gpt-5.6", "openai"),
    # A server that wants its reasoning back and knows functions only.
    "reasoner": ("openai_chat", "r1", {"base": "compatible", "reasoning_required": True}),
}
WAYS = ("HTTP/1.1 over TLS", "HTTP/2 over TLS", "reverse mode")
REVERSE = ("--mode", "reverse:http://127.0.0.1:9")  # nothing listens there: routes decide
APP: dict[str, Any] = {"api_key": "app", "max_retries": 0}


def asking(upstream: str) -> str:
    """The name of a model that leads to `upstream`."""
    return f"any-model@{upstream}"


def config(sim: Simulator) -> dict[str, Any]:
    return {
        "intercept": {"hosts": ["api.anthropic.com", "api.openai.com", "chatgpt.com"]},
        "upstreams": {
            name: {
                "protocol": protocol,
                "url": sim.base(name),
                "api_key": f"key-{name}",
                "models": {"*": model},
                "profile": profile,
            }
            for name, (protocol, model, profile) in UPSTREAMS.items()
        },
        "routes": [
            *({"match": {"model": asking(name)}, "upstreams": [name]} for name in UPSTREAMS),
            {"upstreams": ["reasoner"]},  # where requests without a model belong
        ],
        "failover": {"health_check": {"interval": 0}},
    }


class Way:
    """Through the proxy over TLS as if to the vendor, or with the bridge as its base URL."""

    def __init__(self, proxy: Proxy, http2: bool | None) -> None:
        self.http2 = http2
        self.base_url = proxy.url if http2 is None else None
        self.options: dict[str, Any] = {"trust_env": False}
        if http2 is not None:
            context = ssl.create_default_context(cafile=proxy.ca)
            self.options |= {"proxy": proxy.url, "verify": context, "http2": http2}

    def messages_client(self) -> anthropic.Anthropic:
        http_client = anthropic.DefaultHttpxClient(**self.options)
        return anthropic.Anthropic(base_url=self.base_url, http_client=http_client, **APP)

    def async_messages_client(self) -> anthropic.AsyncAnthropic:
        http_client = anthropic.DefaultAsyncHttpxClient(**self.options)
        return anthropic.AsyncAnthropic(base_url=self.base_url, http_client=http_client, **APP)

    def openai_client(self) -> openai.OpenAI:
        http_client = openai.DefaultHttpxClient(**self.options)
        return openai.OpenAI(base_url=self._v1, http_client=http_client, **APP)

    def async_openai_client(self) -> openai.AsyncOpenAI:
        http_client = openai.DefaultAsyncHttpxClient(**self.options)
        return openai.AsyncOpenAI(base_url=self._v1, http_client=http_client, **APP)

    @property
    def _v1(self) -> str | None:
        return self.base_url and f"{self.base_url}/v1"
