"""What each upstream is sent for a call, and what later calls know of its answer."""

import json
from typing import Any

import pytest

from bridge.bounded import Bounds
from bridge.call import Call
from bridge.config import parse
from bridge.ledger import Ledger
from bridge.repairs import Fit
from bridge.requests import Requests
from bridge.store import Store
from bridge.transform import TransformError, Translator
from bridge.upstream import Target, Upstream

CONFIG = """
upstreams:
  chat: {protocol: openai_chat, url: https://chat.example/v1, models: {"m*": gpt}}
  kind: {protocol: openai_chat, url: https://chat.example/v1, strict: false}
  hard: {protocol: openai_chat, url: https://chat.example/v1, strict: true}
  own: {protocol: openai_responses, url: https://own.example/v1}
  home: {protocol: openai_responses, url: https://app.example/v1}
  claude: {protocol: anthropic_messages, url: https://api.anthropic.com, api_key: k}
  kept: {protocol: anthropic_messages, url: https://app.example}
  other: {protocol: anthropic_messages, url: https://claude.example}
  bare: {protocol: openai_responses, url: https://bare.example/v1, profile: ollama}
"""
UPSTREAMS = parse(CONFIG, "c", {}).upstreams
BOUNDS = Bounds(1 << 20, 60)
A: Any = "anthropic_messages"
ANSWER = {
    "id": "chatcmpl-1",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "yes"}}],
}


def requests(body: Any, protocol: Any = "openai_responses", **more: Any) -> Requests:
    call = Call(protocol, "https", "app.example", 443, "/v1/x", (), json.dumps(body).encode())
    usual = {"key": b"k", "ledger": None, "store": None, "strict": False, "remembers": True}
    return Requests(call, **{**usual, **more})


def made(of: Requests, name: str = "chat") -> tuple[Translator, Any]:
    upstream: Upstream = UPSTREAMS[name]
    translator = of.translator(upstream, Fit(upstream.profile), 1.0)
    return translator, json.loads(of.body(translator, Target(upstream), 1.0))


def test_a_request_has_the_upstream_s_model() -> None:
    assert made(requests({"model": "mini", "input": "hi"}))[1]["model"] == "gpt"


LOSING = {"model": "m", "max_tokens": 5, "stop_sequences": list("abcde")}


@pytest.mark.parametrize(
    "upstream, strict, refused",
    [
        ("chat", False, False),
        ("chat", True, True),
        ("kind", True, False),
        ("hard", False, True),
    ],
)
def test_content_is_not_lost_against_the_will_of_who_is_nearest(
    upstream: str, strict: bool, refused: bool
) -> None:
    body = {**LOSING, "messages": [{"role": "user", "content": "hi"}]}
    of = requests(body, "anthropic_messages", strict=strict)
    if not refused:
        assert made(of, upstream)[1]["stop"] == list("abcd")
        return
    with pytest.raises(TransformError) as caught:
        made(of, upstream)
    assert caught.value.code == "stop_truncated" and "strict" in caught.value.problem


def answered(of: Requests) -> None:
    translator, _ = made(of)
    translator.response(json.dumps(ANSWER).encode())
    of.remember(translator, "chat", 2.0)


def test_trap_40_an_answer_can_be_named_and_is_put_in_where_nobody_else_knows_it() -> None:
    store = Store(BOUNDS)
    answered(requests({"model": "m", "input": "hi"}, store=store))
    later = {"model": "m", "input": "and?", "previous_response_id": "resp_1"}
    _, sent = made(requests(later, store=store))
    assert [m["content"] for m in sent["messages"]] == ["hi", "yes", "and?"]
    _, own = made(requests(later, store=store), "own")
    assert "previous_response_id" not in own and len(own["input"]) == 3
    unknown = {"model": "m", "input": "hi", "previous_response_id": "resp_own"}
    assert made(requests({"model": "m", "input": "hi"}, store=store), "own")[1]["input"] == "hi"
    with pytest.raises(TransformError, match="resp_own"):
        made(requests(unknown, store=store))


RESPONSE = {"id": "resp_a-9", "object": "response", "status": "completed", "model": "m"} | {
    "output": [{"type": "message", "role": "assistant", "id": "msg_a-9", "content": "yes"}]
}
LATER = {"model": "m", "input": "and?", "previous_response_id": "resp_a-9"}


def passed(of: Requests, name: str) -> None:
    translator, _ = made(of, name)
    of.hear([json.dumps(RESPONSE).encode()])
    of.remember(translator, name, 2.0)


@pytest.mark.parametrize("name", ["own", "bare"])
def test_so_can_one_that_passed_in_the_app_s_own_protocol(name: str) -> None:
    store = Store(BOUNDS)
    passed(requests({"model": "m", "input": "hi"}, store=store), name)
    assert store.response("resp_a-9", 3.0) == RESPONSE
    by_id = {other: made(requests(LATER, store=store), other)[1] for other in ("own", "bare")}
    keeps = {"own": name == "own", "bare": False}
    assert {n: "previous_response_id" in sent for n, sent in by_id.items()} == keeps
    assert [len(by_id[n]["input"]) for n in by_id if not keeps[n]] == [3] * (
        2 - sum(keeps.values())
    )
    assert len(made(requests(LATER, store=store))[1]["messages"]) == 3


def test_a_conversation_by_id_stays_whole_wherever_it_goes() -> None:
    """Its second answer came by the id of the first, and others get all of it."""
    store = Store(BOUNDS)
    passed(requests({"model": "m", "input": "hi"}, store=store), "own")
    of = requests(LATER, store=store)
    translator, sent = made(of, "own")
    assert sent["previous_response_id"] == "resp_a-9"
    of.hear([json.dumps({**RESPONSE, "id": "resp_a-10"}).encode()])
    of.remember(translator, "own", 2.0)
    third = {**LATER, "previous_response_id": "resp_a-10"}
    assert len(made(requests(third, store=store))[1]["messages"]) == 5


def test_what_is_not_known_here_may_be_known_where_answers_are_kept() -> None:
    for store in (None, Store(BOUNDS)):
        of = requests(LATER, store=store)
        translator, sent = made(of, "own")
        assert sent["previous_response_id"] == "resp_a-9"
        of.hear([json.dumps({**RESPONSE, "id": "resp_a-10"}).encode()])
        of.remember(translator, "own", 2.0)
        assert store is None or not store.knows("resp_a-10", 3.0), "half of a conversation"
        with pytest.raises(TransformError, match="resp_a-9"):
            made(requests(LATER, store=store), "bare")


def test_without_a_store_the_translator_refuses_what_is_named() -> None:
    for name in ("chat", "claude"):
        with pytest.raises(TransformError, match="has no counterpart"):
            made(requests(LATER, store=None), name)


def test_what_the_app_s_own_host_answers_it_keeps_itself() -> None:
    store = Store(BOUNDS)
    passed(requests({"model": "m", "input": "hi"}, store=store), "home")
    assert not store.knows("resp_a-9", 3.0)
    passed(requests({"model": "m", "input": "hi"}, store=store), "own")
    assert len(made(requests(LATER, store=store), "home")[1]["input"]) == 3, "another's"


@pytest.mark.parametrize(
    "body, more",
    [
        pytest.param({"store": False}, {}, id="the app does not want it"),
        pytest.param({}, {"remembers": False}, id="no app made the call"),
    ],
)
def test_what_is_not_kept(body: Any, more: Any) -> None:
    store = Store(BOUNDS)
    answered(requests({"model": "m", "input": "hi", **body}, store=store, **more))
    passed(requests({"model": "m", "input": "hi", **body}, store=store, **more), "own")
    assert not store.knows("resp_1", 3.0) and not store.knows("resp_a-9", 3.0)


def test_what_is_no_answer_after_all_is_not_kept() -> None:
    store = Store(BOUNDS)
    of = requests({"model": "m", "input": "hi"}, store=store)
    translator, _ = made(of, "own")
    of.hear([b"<html>"])
    of.remember(translator, "own", 2.0)
    assert store.size == 0


@pytest.mark.parametrize("protocol", ["openai_responses", A])
def test_what_is_no_request_passes_as_it_is(protocol: Any) -> None:
    name = "own" if protocol != A else "claude"
    assert made(requests([1], protocol, store=Store(BOUNDS)), name)[1] == [1]


def test_chat_names_nothing() -> None:
    body = {"model": "m", "messages": [], "previous_response_id": "resp_9", "thread": {}}
    assert made(requests(body, "openai_chat", store=Store(BOUNDS)))[1] == {**body, "model": "gpt"}


def test_an_answer_in_the_background_has_not_come_yet() -> None:
    store = Store(BOUNDS)
    passed(requests({"model": "m", "input": "hi", "background": True}, store=store), "own")
    assert not store.knows("resp_a-9", 3.0)


# --- threads

MESSAGE = {"id": "msg_a-1", "type": "message", "role": "assistant", "model": "m"} | {
    "content": [{"type": "text", "text": "yes"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def asked(text: str, previous: str = "") -> dict[str, Any]:
    create, go_on = {"type": "create"}, {"type": "continue", "previous_message_id": previous}
    thread = go_on if previous else create
    messages = [{"role": "user", "content": text}]
    return {"model": "m", "max_tokens": 9, "messages": messages, "thread": thread}


def threaded(store: Store, name: str, body: Any) -> Any:
    """The request that `name` got, which has answered it."""
    of = requests(body, A, store=store)
    translator, sent = made(of, name)
    if UPSTREAMS[name].protocol == A:
        of.hear([json.dumps(MESSAGE).encode()])
    else:
        translator.response(json.dumps({**ANSWER, "id": "msg_a1"}).encode())
    of.remember(translator, name, 2.0)
    return sent


@pytest.mark.parametrize("name, answer_id", [("chat", "msg_a1"), ("other", "msg_a-1")])
def test_a_thread_is_kept_for_upstreams_that_hold_none(name: str, answer_id: str) -> None:
    store = Store(BOUNDS)
    assert "thread" not in threaded(store, name, asked("hi"))
    for other in ("chat", "other", "claude"):
        sent = made(requests(asked("and?", answer_id), A, store=store), other)[1]
        assert len(sent["messages"]) == 3
        assert sent.get("thread") == ({"type": "create"} if other == "claude" else None)
    assert made(requests({**asked("hi"), "thread": None}, A, store=store), "other")


def test_a_vendor_holds_its_own() -> None:
    store = Store(BOUNDS)
    first, second = asked("hi"), asked("and?", "msg_a-1")
    assert threaded(store, "kept", first) == first, "the app's own host"
    assert threaded(store, "kept", second) == second
    assert store.size == 0
    assert threaded(store, "claude", first) == first
    assert made(requests(second, A, store=store), "claude")[1] == second
    assert len(made(requests(second, A, store=store), "chat")[1]["messages"]) == 3, "for a backup"


@pytest.mark.parametrize("store", [None, Store(BOUNDS)])
@pytest.mark.parametrize("name", ["chat", "other"])
def test_a_thread_that_nobody_knows(store: Store | None, name: str) -> None:
    with pytest.raises(TransformError) as caught:
        made(requests(asked("and?", "msg_gone"), A, store=store), name)
    assert caught.value.code == "thread_not_found"
    assert made(requests(asked("and?", "msg_gone"), A, store=store), "claude")


def test_what_is_in_no_thread_is_not_kept() -> None:
    store = Store(BOUNDS)
    threaded(store, "other", {key: value for key, value in asked("hi").items() if key != "thread"})
    assert store.size == 0


def test_an_answer_is_remembered_once() -> None:
    class Counting(Ledger):
        told = 0

        def record(self, *about: Any) -> None:
            self.told += 1

    ledger = Counting(BOUNDS)
    of = requests({"model": "m", "input": "hi"}, ledger=ledger)
    translator, _ = made(of)
    translator.response(json.dumps(ANSWER).encode())
    for _ in range(2):
        of.remember(translator, "chat", 2.0)
    assert ledger.told == 1
