"""A server refuses an option: the app gets its answer, and the next request goes without."""

from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from bridge.simulator import Simulator
from tests.processes import Proxy

pytestmark = pytest.mark.more

Start = Callable[..., Proxy]
REVERSE = ("--mode", "reverse:http://127.0.0.1:9")  # nothing listens there: routes decide
PROTOCOLS = {
    "chat": "openai_chat",
    "messages": "anthropic_messages",
    "responses": "openai_responses",
}
WORDS: dict[str, dict[str, Any]] = {
    "chat": {"error": {"message": "Unsupported parameter: 'max_tokens'. Use another."}},
    "messages": {
        "error": {
            "type": "invalid_request_error",
            "message": "stop_sequences: Extra inputs are not permitted",
        }
    },
    "responses": {"error": {"message": "Unsupported parameter: max_output_tokens"}},
}


def proxy_to(sim: Simulator, start_proxy: Start, name: str, **upstream: Any) -> Proxy:
    given = {"protocol": PROTOCOLS[name], "url": sim.base(name), "api_key": "k", **upstream}
    config = {
        "upstreams": {name: given},
        "routes": [{"upstreams": [name]}],
        "failover": {"health_check": {"interval": 0}},
    }
    return start_proxy(config, *REVERSE)


def refuse(sim: Simulator, name: str) -> None:
    """The next request, whatever it is."""
    sim.fault(name, {"kind": "status", "status": 400, "body": WORDS[name]}, count=1)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "upstream, before, after",
    [
        ("chat", "max_tokens", "max_completion_tokens"),
        ("messages", "stop_sequences", None),
        ("responses", "max_output_tokens", None),
    ],
)
def test_an_app_of_another_protocol_notices_nothing(
    sim: Simulator, start_proxy: Start, upstream: str, before: str, after: str | None, stream: bool
) -> None:
    proxy = proxy_to(sim, start_proxy, upstream)
    refuse(sim, upstream)
    with (
        openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="x", max_retries=0) as chat,
        anthropic.Anthropic(base_url=proxy.url, api_key="x", max_retries=0) as messages,
    ):
        for _ in range(2):
            assert said(chat if upstream == "messages" else messages, stream) == "well"
    sent = [recorded.body for recorded in sim.requests()]
    assert [before in body for body in sent] == [True, False, False]
    assert after is None or [sent[0][before]] * 2 == [body[after] for body in sent[1:]]
    first, second = (flow.metadata["bridge"] for flow in proxy.flows() if "bridge" in flow.metadata)
    assert [attempt["status"] for attempt in first["attempts"]] == [400, 200]
    assert [attempt["status"] for attempt in second["attempts"]] == [200]
    for record in (first, second):
        assert "request_repaired" in [note["code"] for note in record["notes"]]


def said(client: Any, stream: bool) -> str:
    turns: Any = [{"role": "user", "content": "[[text:well]]"}]
    if isinstance(client, openai.OpenAI):
        asked = {"model": "m", "messages": turns, "max_tokens": 50, "stop": ["x"]}
        if not stream:
            return client.chat.completions.create(**asked).choices[0].message.content or ""
        pieces = client.chat.completions.create(**asked, stream=True)
        return "".join(p.choices[0].delta.content or "" for p in pieces if p.choices)
    asked = {"model": "m", "messages": turns, "max_tokens": 50}
    if not stream:
        return "".join(block.text for block in client.messages.create(**asked).content)
    with client.messages.stream(**asked) as pieces:
        return pieces.get_final_text()


def test_an_app_of_the_same_protocol_is_helped_on_its_way_to_another_server(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = proxy_to(sim, start_proxy, "chat")
    refuse(sim, "chat")
    with openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="x", max_retries=0) as client:
        assert said(client, stream=True) == "well"
    bodies = [recorded.body for recorded in sim.requests()]
    assert "max_tokens" in bodies[0] and bodies[1]["max_completion_tokens"] == 50


def test_a_limit_that_has_no_room_beside_the_input_is_lowered(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = proxy_to(sim, start_proxy, "chat")
    words = (
        "'max_tokens' or 'max_completion_tokens' is too large: 40000. This model's maximum context "
        "length is 32768 tokens and your request has 2768 input tokens (40000 > 32768 - 2768)."
    )
    refusal = {"kind": "status", "status": 400, "body": {"error": {"message": words, "code": 400}}}
    sim.fault("chat", refusal, count=1)
    turns: Any = [{"role": "user", "content": "[[text:well]]"}]
    with anthropic.Anthropic(base_url=proxy.url, api_key="x", max_retries=0) as client:
        for _ in range(2):
            with client.messages.stream(model="m", messages=turns, max_tokens=40_000) as pieces:
                assert pieces.get_final_text() == "well"
    limits = [recorded.body["max_tokens"] for recorded in sim.requests()]
    assert limits == [40_000, 30_000, 40_000], "the next request has room of its own"
    first, _ = (flow.metadata["bridge"] for flow in proxy.flows() if "bridge" in flow.metadata)
    assert "max_tokens_clamped" in [note["code"] for note in first["notes"]]


def test_a_refusal_that_nothing_cures_is_told_in_its_words(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = proxy_to(sim, start_proxy, "chat")
    sim.fault("chat", {"kind": "status", "status": 400, "body": WORDS["chat"]}, count=None)
    with anthropic.Anthropic(base_url=proxy.url, api_key="x", max_retries=0) as client:
        with pytest.raises(anthropic.BadRequestError) as caught:
            said(client, stream=False)
    assert "Unsupported parameter: 'max_tokens'" in str(caught.value)
    assert len(sim.requests()) == 2, "asked again once"
