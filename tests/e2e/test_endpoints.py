"""The endpoints beside the call, and answers that are named later, with the official SDKs."""

from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from bridge.simulator import Simulator
from tests.processes import Proxy

pytestmark = pytest.mark.more

Start = Callable[..., Proxy]
REVERSE = ("--mode", "reverse:http://127.0.0.1:9")
HI: Any = [{"role": "user", "content": "hello there"}]
PROTOCOLS = {
    "messages": "anthropic_messages",
    "chat": "openai_chat",
    "responses": "openai_responses",
}


def config(
    sim: Simulator, upstream: str, profile: str = "compatible", **more: Any
) -> dict[str, Any]:
    return {
        "upstreams": {
            upstream: {
                "protocol": PROTOCOLS[upstream],
                "url": sim.base(upstream),
                "api_key": "key",
                "models": {"fast": "small-1", "claude-*": "large-1", "*": "large-1"},
                "profile": profile,
            }
        },
        "routes": [{"upstreams": [upstream]}],
        **more,
    }


@pytest.fixture
def vendors(
    sim: Simulator, start_proxy: Start
) -> Iterator[Callable[..., tuple[anthropic.Anthropic, openai.OpenAI]]]:
    """The two SDKs, pointed at a proxy whose calls all go to one upstream."""
    clients: list[Any] = []

    def start(upstream: str, **more: Any) -> tuple[anthropic.Anthropic, openai.OpenAI]:
        url = start_proxy(config(sim, upstream, **more), *REVERSE).url
        http = httpx2.Client(trust_env=False)
        a = anthropic.Anthropic(api_key="app", base_url=url, max_retries=0, http_client=http)
        o = openai.OpenAI(api_key="app", base_url=f"{url}/v1", max_retries=0, http_client=http)
        clients.append(http)
        return a, o

    yield start
    for client in clients:
        client.close()


def test_models_are_those_of_the_configuration_in_both_shapes(vendors: Any) -> None:
    a, o = vendors("chat")
    assert [m.id for m in a.models.list()] == ["fast", "large-1"]
    assert [m.id for m in o.models.list()] == ["fast", "large-1"]
    assert o.models.retrieve("fast").owned_by == "chat"
    with pytest.raises(openai.NotFoundError, match="gone"):
        o.models.retrieve("gone")
    with pytest.raises(anthropic.NotFoundError, match="gone"):
        a.models.retrieve("gone")


@pytest.mark.parametrize("upstream", list(PROTOCOLS))
def test_models_of_an_upstream_that_gets_every_name_are_its_own(
    sim: Simulator, start_proxy: Start, upstream: str
) -> None:
    given = config(sim, upstream)
    del given["upstreams"][upstream]["models"]
    url = start_proxy(given, *REVERSE).url
    with httpx2.Client(trust_env=False) as http:
        a = anthropic.Anthropic(api_key="app", base_url=url, max_retries=0, http_client=http)
        o = openai.OpenAI(api_key="app", base_url=f"{url}/v1", max_retries=0, http_client=http)
        names = [m.id for m in o.models.list()]
        assert names and [m.id for m in a.models.list()] == names
        assert o.models.retrieve(names[0]).owned_by == upstream
        with pytest.raises(openai.NotFoundError, match="gone"):
            o.models.retrieve("gone")


@pytest.mark.parametrize("upstream, asked", [("messages", 1), ("responses", 1), ("chat", 0)])
def test_trap_51_tokens_are_counted_where_the_upstream_can_and_else_estimated(
    vendors: Any, sim: Simulator, upstream: str, asked: int
) -> None:
    a, o = vendors(upstream)
    raw = a.messages.with_raw_response.count_tokens(model="claude-x", messages=HI)
    assert raw.parse().input_tokens > 0
    assert ("x-bridge-estimate" in raw.headers) is (upstream == "chat")
    told = o.responses.input_tokens.with_raw_response.count(model="gpt", input="hello there")
    assert told.parse().input_tokens > 0
    assert ("x-bridge-estimate" in told.headers) is (upstream == "chat")
    assert len(sim.requests()) == 2 * asked


def test_an_upstream_that_cannot_count_after_all_is_estimated_for(
    vendors: Any, sim: Simulator
) -> None:
    a, _ = vendors("messages", failover={"first_byte_timeout": "500ms"})
    for fault in ({"kind": "status", "status": 404}, {"kind": "drop"}, {"kind": "hang"}):
        sim.fault("messages", fault)
        raw = a.messages.with_raw_response.count_tokens(model="claude-x", messages=HI)
        assert raw.parse().input_tokens > 0 and raw.headers["x-bridge-estimate"] == "1"
    assert a.messages.create(model="claude-x", max_tokens=9, messages=HI).stop_reason


@pytest.mark.parametrize("upstream", ["messages", "chat", "responses"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_trap_40_an_answer_may_be_named_by_the_next_request(
    vendors: Any, sim: Simulator, upstream: str, stream: bool
) -> None:
    _, o = vendors(upstream, profile="ollama")

    def ask(text: str, **more: Any) -> Any:
        if not stream:
            return o.responses.create(model="gpt", input=text, **more)
        with o.responses.stream(model="gpt", input=text, **more) as events:
            told = [event.response for event in events if hasattr(event, "response")]
        assert len({response.id for response in told}) == 1
        return told[-1]

    first = ask("[[text:One.]]")
    second = ask("[[text:Two.]]", previous_response_id=first.id, instructions="be brief")
    third = ask("[[text:Three.]]", previous_response_id=second.id)
    assert third.output_text == "Three."
    assert third.previous_response_id == (None if upstream == "responses" else second.id)
    told = str(sim.requests(upstream)[-1].body)
    assert all(words in told for words in ("One.", "Two.", "[[text:Three.]]"))
    assert "be brief" not in told
    assert o.responses.retrieve(second.id).output_text == "Two."
    said = [item.content[0].text for item in o.responses.input_items.list(second.id, order="asc")]
    assert said == ["[[text:One.]]", "One.", "[[text:Two.]]"]
    with pytest.raises(openai.BadRequestError):
        o.responses.cancel(second.id)
    o.responses.delete(second.id)
    with pytest.raises(openai.NotFoundError):
        o.responses.retrieve(second.id)
    assert ask("[[text:Four.]]", previous_response_id=third.id).output_text == "Four."


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_conversation_by_id_goes_on_at_the_backup(
    sim: Simulator, start_proxy: Start, stream: bool
) -> None:
    settings = config(sim, "responses", "openai")
    settings["upstreams"] |= config(sim, "messages")["upstreams"]
    settings["routes"] = [{"upstreams": ["responses", "messages"]}]
    url = start_proxy(settings, *REVERSE).url
    with httpx2.Client(trust_env=False) as http:
        o = openai.OpenAI(api_key="app", base_url=f"{url}/v1", max_retries=0, http_client=http)
        if stream:
            with o.responses.stream(model="gpt", input="[[text:One.]]") as events:
                first = events.get_final_response()
        else:
            first = o.responses.create(model="gpt", input="[[text:One.]]")
        assert o.responses.retrieve(first.id).output_text == "One."
        limit = {"kind": "status", "status": 429}
        sim.fault("responses", limit, count=None, match={"method": "POST"})
        second = o.responses.create(
            model="gpt", input="[[text:Two.]]", previous_response_id=first.id
        )
        assert second.output_text == "Two."
    at_first, at_backup = sim.requests("responses")[-1].body, sim.requests("messages")[-1].body
    assert at_first["previous_response_id"] == first.id and len(at_backup["messages"]) == 3


def test_what_is_not_known_is_an_error_that_says_so(vendors: Any) -> None:
    _, o = vendors("messages")
    unkept = o.responses.create(model="gpt", input="x", store=False)
    for response_id in (unkept.id, "resp_gone"):
        with pytest.raises(openai.BadRequestError) as caught:
            o.responses.create(model="gpt", input="x", previous_response_id=response_id)
        assert caught.value.code == "previous_response_not_found"


@pytest.mark.parametrize("upstream", list(PROTOCOLS))
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_thread_goes_on_by_the_id_of_an_answer(
    vendors: Any, sim: Simulator, upstream: str, stream: bool
) -> None:
    a, _ = vendors(upstream)

    def ask(text: str, **thread: str) -> Any:
        messages = [{"role": "user", "content": text}]
        asked: Any = {"model": "claude-x", "max_tokens": 99, "messages": messages}
        if not stream:
            return a.beta.messages.create(**asked, thread=thread)
        with a.beta.messages.stream(**asked, thread=thread) as events:
            return events.get_final_message()

    first = ask("[[text:One.]]", type="create")
    second = ask("[[text:Two.]]", type="continue", previous_message_id=first.id)
    third = ask("[[text:Three.]]", type="continue", previous_message_id=second.id)
    assert third.content[0].text == "Three."
    told = sim.requests(upstream)[-1].body
    assert len(told.get("messages") or told["input"]) == 5 and "thread" not in told
    with pytest.raises(anthropic.NotFoundError, match="msg_gone"):
        ask("hi", type="continue", previous_message_id="msg_gone")


def test_without_a_store_nothing_is_kept(vendors: Any) -> None:
    _, o = vendors("messages", store=False)
    first = o.responses.create(model="gpt", input="x")
    with pytest.raises(openai.BadRequestError):
        o.responses.create(model="gpt", input="x", previous_response_id=first.id)


@pytest.mark.parametrize("upstream", ["messages", "chat"])
def test_a_conversation_is_compacted_and_goes_on(
    vendors: Any, sim: Simulator, upstream: str
) -> None:
    _, o = vendors(upstream)
    history: Any = [
        {"role": "user", "content": "my name is Ada"},
        {"role": "assistant", "content": "noted"},
    ]
    compacted = o.responses.compact(model="gpt", input=history)
    *said, summary = compacted.output
    assert summary.type == "compaction" and said[0].content[0].text == "my name is Ada"
    assert "about to be replaced" in str(sim.requests(upstream)[-1].body)
    items = [item.model_dump(exclude_none=True, warnings=False) for item in compacted.output]
    answer = o.responses.create(
        model="gpt", input=[*items, {"role": "user", "content": "[[text:on]]"}]
    )
    assert answer.output_text == "on"
    assert "brg1." not in str(sim.requests(upstream)[-1].body)


@pytest.mark.parametrize("upstream", list(PROTOCOLS))
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_conversation_of_messages_is_compacted_and_goes_on(
    vendors: Any, sim: Simulator, upstream: str, stream: bool
) -> None:
    a, _ = vendors(upstream)
    asked: Any = {"model": "claude-x", "max_tokens": 99}
    history: Any = [*HI, {"role": "assistant", "content": "noted"}, *HI]
    wish: Any = {"type": "summarize", "instructions": "[[text:They greeted.]]"}
    if stream:
        with a.beta.messages.stream(**asked, messages=history, compaction=wish) as events:
            compacted = events.get_final_message()
    else:
        compacted = a.beta.messages.create(**asked, messages=history, compaction=wish)
    [block] = compacted.content
    assert (compacted.stop_reason, block.type) == ("compaction", "compaction")
    assert block.content == "They greeted."
    assert "about to be replaced" in str(sim.requests(upstream)[-1].body)
    summed: Any = {"role": "assistant", "content": [block.model_dump(exclude_none=True)]}
    more: Any = {"role": "user", "content": "[[text:on]]"}
    answer = a.beta.messages.create(**asked, messages=[summed, more])
    assert answer.content[0].text == "on"
    assert "They greeted." in str(sim.requests(upstream)[-1].body)


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 429}, {"kind": "drop"}, None])
def test_a_vendor_that_does_not_compact_is_no_end_of_it(
    sim: Simulator, start_proxy: Start, fault: Any
) -> None:
    """The simulator has no such endpoint; then the same upstream sums up."""
    settings = config(sim, "responses", "openai")
    settings["upstreams"] |= config(sim, "chat")["upstreams"]
    settings["routes"] = [{"upstreams": ["responses", "chat"]}]
    url = start_proxy(settings, *REVERSE).url
    if fault:
        sim.fault("responses", fault, match={"method": "POST"})
    with httpx2.Client(trust_env=False) as http:
        o = openai.OpenAI(api_key="app", base_url=f"{url}/v1", max_retries=0, http_client=http)
        assert o.responses.compact(model="gpt", input="hi").output[-1].type == "compaction"
    places = [r.path.partition("/v1/")[2] for r in sim.requests() if r.method == "POST"]
    assert places == ["responses/compact", "chat/completions" if fault else "responses"]


@pytest.mark.parametrize("upstream", list(PROTOCOLS))
def test_what_is_no_request_reaches_nobody(
    sim: Simulator, start_proxy: Start, upstream: str
) -> None:
    own = f"reverse:http://localhost:{sim.port}"
    proxy = start_proxy(config(sim, upstream), "--mode", own)
    with httpx2.Client(base_url=proxy.url, trust_env=False) as client:
        for path in ("/v1/messages/count_tokens", "/v1/responses/input_tokens"):
            assert client.post(path, json=[1]).status_code == 400
        for body in (["secret"], "secret", {"model": "gpt", "input": 5}):
            told = client.post("/v1/responses/compact", json=body)
            assert told.status_code == 400 and "must be" in told.json()["error"]["message"]
    assert sim.requests() == []


def test_on_the_apps_own_host_all_goes_by_the_upstreams_key_and_models(
    sim: Simulator, start_proxy: Start
) -> None:
    settings = config(sim, "messages")
    settings["upstreams"] |= config(sim, "responses", "openai")["upstreams"]
    for upstream, url in (("messages", sim.url), ("responses", f"{sim.url}/v1")):
        settings["upstreams"][upstream]["url"] = url
        match = {"protocol": PROTOCOLS[upstream]}
        settings["routes"].insert(0, {"match": match, "upstreams": [upstream]})
    url = start_proxy(settings, "--mode", f"reverse:{sim.url}").url
    with httpx2.Client(trust_env=False) as http:
        a = anthropic.Anthropic(api_key="app", base_url=url, max_retries=0, http_client=http)
        o = openai.OpenAI(api_key="app", base_url=f"{url}/v1", max_retries=0, http_client=http)
        assert a.messages.create(model="claude-x", max_tokens=9, messages=HI).model == "claude-x"
        assert a.messages.count_tokens(model="claude-x", messages=HI).input_tokens > 0
        assert [m.id for m in a.models.list()] == ["fast", "large-1"]
        response = o.responses.create(model="gpt", input="hi")
        assert o.responses.input_tokens.count(model="gpt", input="hi").input_tokens > 0
        for ask in (o.responses.retrieve, o.responses.delete, o.responses.cancel):
            with pytest.raises(openai.NotFoundError, match="Invalid URL"):  # the simulator's
                ask(response.id)
    assert len(sim.requests()) == 7
    for sent in sim.requests():
        assert "app" not in f"{sent.header('x-api-key')} {sent.header('authorization')}"
        assert not sent.raw or sent.body["model"] == "large-1"


def test_other_endpoints_pass_to_the_apps_own_host(sim: Simulator, start_proxy: Start) -> None:
    proxy = start_proxy(config(sim, "chat"), "--mode", f"reverse:{sim.url}")
    with httpx2.Client(base_url=proxy.url, trust_env=False) as client:
        for path in ("/v1/messages/batches", "/v1/files", "/v1/conversations/c/items"):
            client.get(path, headers={"x-api-key": "app"})
    assert [r.path for r in sim.requests("chat")] == []


def test_an_app_whose_calls_go_to_its_own_host_finds_all_of_it_there(
    sim: Simulator, start_proxy: Start
) -> None:
    settings = config(sim, "messages")
    settings["upstreams"]["messages"]["url"] = sim.url
    del settings["upstreams"]["messages"]["api_key"]
    settings["routes"] = [{"match": {"protocol": "anthropic_messages"}, "upstreams": ["messages"]}]
    proxy = start_proxy(settings, "--mode", f"reverse:{sim.url}")
    with httpx2.Client(base_url=proxy.url, trust_env=False) as client:
        headers = {"x-api-key": "app", "anthropic-version": "2023-06-01"}
        told = client.get("/v1/models", headers=headers).json()
    assert "small-1" not in str(told) and told["data"]
