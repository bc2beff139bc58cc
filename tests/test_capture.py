"""Captured calls as regression cases: they pass at once, and hold no secret."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bridge.capture import Known, NoCase, case_of
from bridge.cases import KEY as CASE_KEY
from bridge.cases import Case, check
from bridge.exchange import Exchange
from bridge.steps import Reply
from bridge.trace import KEPT_BYTES
from bridge.transform import Native, Profile, Protocol
from bridge.transform.envelope import seal, unseal
from bridge.transform.json_text import dumps
from bridge.watched import Watched
from tests.exchanged import KEY, NOW, answered, call, config, ledger, opened

ASKED: dict[str, Any] = {
    "model": "claude-x",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "hi"}],
}
SECRET = "sk-" + "live-0123456789"


def whole(text: str = "yes", **message: Any) -> bytes:
    told = {"role": "assistant", "content": text, **message}
    return dumps({"id": "1", "choices": [{"index": 0, "message": told, "finish_reason": "stop"}]})


def streamed(*texts: str) -> bytes:
    deltas = [{"content": text} for text in texts]
    chunks = [{"id": "1", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    last = {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return b"".join(b"data: " + dumps(c) + b"\n\n" for c in [*chunks, last]) + b"data: [DONE]\n\n"


def asked(**fields: Any) -> bytes:
    return dumps({**ASKED, **fields})


def known(exchange: Exchange | None = None, **more: Any) -> Known:
    profile = exchange.route.upstreams[0].profile if exchange else Profile()
    return replace(Known(profile, "up", own_host=False, key=KEY), **more)


def captured(
    body: bytes = b"",
    answer: bytes = b"",
    *,
    upstream: Protocol = "openai_chat",
    settings: dict[str, Any] | None = None,
    credentials: tuple[str, ...] = (),
    summary: str = "",
    **given: Any,
) -> Case:
    """Of one call that was answered with `answer`."""
    body = body or asked()
    exchange = opened(call("anthropic_messages", body), config(upstream, **(settings or {})))
    stream = json.loads(body).get("stream") is True
    record = answered(exchange, answer or whole(), stream=stream, **given)
    facts = known(exchange, credentials=credentials)
    return case_of("name", record, body, facts, summary)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: captured(), id="a whole answer"),
        pytest.param(lambda: captured(asked(stream=True), streamed("a", "b")), id="a stream"),
        pytest.param(
            lambda: captured(asked(stream=True), streamed("a", "b")[:70], ended=False),
            id="a stream that the app did not wait for",
        ),
        pytest.param(
            lambda: captured(answer=b'{"error":{"message":"no"}}', status=400), id="an error"
        ),
        pytest.param(
            lambda: captured(settings={"models": {"*": "gpt-x"}, "profile": {"sampling": False}}),
            id="another model and flags",
        ),
        pytest.param(lambda: captured(asked(top_k=3)), id="a request with a note"),
    ],
)
def test_a_case_is_what_was_captured_and_passes(make: Callable[[], Case]) -> None:
    case = make()
    assert case.differs == ()
    check(case)


def test_what_a_case_is_made_of() -> None:
    case = captured(settings={"models": {"*": "gpt-x"}}, summary="a call")
    assert (case.name, case.summary) == ("name", "a call")
    assert (case.client, case.upstream) == ("anthropic_messages", "openai_chat")
    assert (case.setup.model, case.setup.upstream_id, case.setup.now) == ("gpt-x", "up", NOW + 0.5)
    assert case.answer and case.answer.body == whole() and case.request == asked()
    assert not case.setup.exact and not case.setup.own_host
    assert case.expected.body and b'"yes"' in case.expected.body


def test_only_flags_that_matter_are_kept() -> None:
    assert captured().setup.profile == {"max_tokens_field": "max_tokens"}
    system = captured(asked(system=[{"type": "text", "text": t} for t in "ab"], top_k=3))
    assert set(system.setup.profile) == {"max_tokens_field", "join_text"}
    assert "thinking_off" not in system.setup.profile
    tuned = captured(
        asked(thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=5000),
        settings={"profile": {"base": "openai", "renamed_fields": {"model": "name"}}},
    )
    assert tuned.setup.profile["renamed_fields"] == {"model": "name"}
    check(tuned)


def test_a_call_that_passed_to_its_own_host() -> None:
    body = asked(top_k=3)
    watched = Watched(call("anthropic_messages", body), NOW)
    watched.answered(200, [("content-type", "application/json")], NOW + 1)
    watched.whole(Reply(200, [], b'{"type": "message"}'), NOW + 2)
    case = case_of("name", watched.trace.metadata(), body, known())
    assert case.setup.exact and case.setup.own_host and case.setup.profile == {}
    assert (case.expected.sent, case.expected.body) == (body, b'{"type": "message"}')
    assert case.differs == ()


@pytest.mark.parametrize(
    "body, client, settings, problem",
    [
        pytest.param(asked(messages=5), "anthropic_messages", {}, "messages: ", id="malformed"),
        pytest.param(b"{", "anthropic_messages", {}, "the body is not JSON", id="no JSON"),
        pytest.param(
            dumps({"model": "m", "input": "hi", "background": True}),
            "openai_responses",
            {},
            "background",
            id="what nobody there can do",
        ),
    ],
)
def test_a_request_that_could_not_be_sent(
    body: bytes, client: Protocol, settings: dict[str, Any], problem: str
) -> None:
    exchange = opened(call(client, body), config("openai_chat", **settings))
    case = case_of("name", exchange.trace.metadata(), body, known(exchange))
    assert problem in case.expected.refused and case.expected.sent is None
    assert (case.differs, case.answer) == ((), None)
    check(case)


# --- what the translation alone does not tell


def test_an_error_of_the_bridges_own_is_not_expected() -> None:
    body = asked(stream=True)
    exchange = opened(call("anthropic_messages", body), config("openai_chat"))
    exchange.lost("connection refused", NOW + 1)
    exchange.exhausted(NOW + 1)
    case = case_of("name", exchange.trace.metadata(), body, known(exchange))
    [line] = case.differs
    assert line.startswith("body: ") and "did not answer" in line and "nothing made" in line
    assert case.expected.sent and case.expected.body is None
    check(case)


def test_signs_of_life_do_not_count() -> None:
    body = asked(stream=True)
    settings = config("openai_chat")
    exchange = opened(call("anthropic_messages", body), settings)
    exchange.answered(200, [("content-type", "text/event-stream")], NOW + 1)
    exchange.take(streamed("a")[:80], NOW + 1)
    assert exchange.wake(NOW + 30) != exchange.wake(NOW + 31)
    exchange.take(streamed("a")[80:], NOW + 32)
    exchange.take(b"", NOW + 33)
    record = exchange.trace.metadata()
    assert "ping" in record["bodies"]["client_response"]
    assert case_of("name", record, body, known(exchange)).differs == ()


def test_what_an_earlier_version_made_is_told_and_not_expected() -> None:
    exchange = opened(call("anthropic_messages", asked()), config("openai_chat"))
    record = answered(exchange, whole(), stream=False)
    record["bodies"]["upstream_request"] = '{"model":"other"}'
    record["bodies"]["client_response"] = "{}"
    record["notes"] = [{"code": "tier_dropped", "where": "", "detail": "", "severity": "degraded"}]
    case = case_of("name", record, asked(), known(exchange))
    assert [line.partition(":")[0] for line in case.differs] == ["sent", "body", "notes"]
    check(case)


def test_a_request_that_was_repaired_is_made_by_what_is_known_now() -> None:
    exchange = opened(call("anthropic_messages", asked()), config("openai_chat"))
    record = answered(exchange, whole(), stream=False)
    note = {"code": "request_repaired", "where": "", "detail": "", "severity": "cosmetic"}
    record["notes"].append(note)
    assert case_of("name", record, asked(), known(exchange)).differs == ()


def test_what_the_record_does_not_know_is_not_compared() -> None:
    """Of a failed attempt there is what was sent and what came."""
    exchange = opened(call("anthropic_messages", asked()), config("openai_chat"))
    record = answered(exchange, b'{"error":{"message":"no"}}', stream=False, status=529)
    for key in ("client_request", "client_response"):
        del record["bodies"][key]
    del record["notes"]
    case = case_of("name", record, asked(), known(exchange, request_id="req_9"))
    assert case.differs == () and case.expected.status == 529
    assert case.expected.body and b"req_9" in case.expected.body


def test_what_is_kept_of_a_long_body_is_no_case_where_it_is_the_answer() -> None:
    long = "x" * (KEPT_BYTES + 10)
    with pytest.raises(NoCase, match="first MiB of the answer"):
        captured(answer=whole(long))
    case = captured(asked(messages=[{"role": "user", "content": long}]))
    assert case.differs == ()  # the request is there, and what was sent is made of it
    check(case)


# --- what an app gets back with its next request


def test_state_is_sealed_with_the_key_of_cases() -> None:
    native = Native("openai_chat", ({"field": "reasoning", "text": "hm"},), "up", "m")
    sealed = seal(native, KEY)
    block = {"type": "thinking", "thinking": "hm", "signature": sealed}
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [block, {"type": "text", "text": "well"}]},
        {"role": "user", "content": "and?"},
    ]
    reasoning = {"profile": {"reasoning_field": "reasoning"}}
    case = captured(asked(messages=turns), whole(reasoning="so"), settings=reasoning)
    assert case.differs == ()
    assert str(sealed) not in case.request.decode()
    inside = json.loads(case.request)["messages"][1]["content"][0]["signature"]
    assert unseal(inside, CASE_KEY) == native
    assert case.expected.sent and b'"reasoning":"hm"' in case.expected.sent
    check(case)


def test_a_seal_that_is_no_good_stays_so() -> None:
    block = {"type": "thinking", "thinking": "hm", "signature": "brg1.abc.def"}
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [block]}, *TAIL]
    case = captured(asked(messages=turns))
    assert case.differs == () and b"brg1.abc.def" in case.request


TAIL = [{"role": "user", "content": "and?"}]


def test_what_the_ledger_gave_back_is_part_of_the_case() -> None:
    """An app of Chat Completions drops the thinking, and its upstream wants it."""
    book = ledger()
    settings = config("anthropic_messages")
    said = [
        {"type": "thinking", "thinking": "hm", "signature": "c2lnbmF0dXJl"},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
    ]
    answer = dumps({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": said,
        "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1},
    })  # fmt: skip
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    turns: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
    first = dumps({"model": "m", "messages": turns, "tools": tools})
    exchange = opened(call("openai_chat", first), settings, ledger=book)
    record = answered(exchange, answer, stream=False)
    message = json.loads(record["bodies"]["client_response"])["choices"][0]["message"]
    message = {key: message[key] for key in ("role", "content", "tool_calls")}
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "x"}
    second = dumps({"model": "m", "messages": [*turns, message, result], "tools": tools})
    exchange = opened(call("openai_chat", second), settings, ledger=book)
    record = answered(exchange, answer, stream=False)
    assert "c2lnbmF0dXJl" in record["bodies"]["upstream_request"]
    case = case_of("name", record, second, known(exchange, ledger=book.at(NOW + 5)))
    assert case.differs == () and case.setup.memory.turns
    assert case.expected.sent and b"c2lnbmF0dXJl" in case.expected.sent
    check(case)
    forgotten = case_of("name", record, second, known(exchange))
    assert forgotten.differs and not forgotten.setup.memory.turns
    check(forgotten)


def test_who_made_a_bare_signature_is_part_of_the_case() -> None:
    book = ledger()
    book.record(None, ["c2lnbmF0dXJl"], "other", NOW)
    block = {"type": "thinking", "thinking": "hm", "signature": "c2lnbmF0dXJl"}
    text = {"type": "text", "text": "well"}
    turns = [*TAIL, {"role": "assistant", "content": [block, text]}, *TAIL]
    body = asked(messages=turns)
    settings = config("anthropic_messages")
    exchange = opened(call("anthropic_messages", body), settings, ledger=book)
    record = answered(exchange, b'{"type":"message","content":[]}', stream=False)
    facts = known(exchange, ledger=book.at(NOW + 5), own_host=False)
    case = case_of("name", record, body, facts)
    assert case.differs == () and list(case.setup.memory.owners.values()) == ["other"]
    assert case.expected.sent and b"c2lnbmF0dXJl" not in case.expected.sent
    check(case)


# --- secrets


def test_credentials_are_taken_out_of_all_of_it() -> None:
    server = {"type": "url", "name": "x", "url": "https://mcp.example", "authorization_token": "t"}
    body = asked(
        messages=[{"role": "user", "content": f"my key is {SECRET}, hunter2hunter2"}],
        mcp_servers=[server],
    )
    case = captured(
        body,
        whole(f"{SECRET}, hunter2hunter2"),
        credentials=("hunter2hunter2",),
        summary=f"a call with {SECRET}",
    )
    assert SECRET not in str(case) and "hunter2" not in repr(case)
    assert b"my key is ***, ***" in case.request and b'"authorization_token":"***"' in case.request
    assert case.expected.sent and b"my key is ***" in case.expected.sent
    assert case.expected.body and b"***, ***" in case.expected.body
    assert case.summary == "a call with ***" and case.differs == ()
    check(case)


def test_one_that_comes_in_pieces_is_no_case() -> None:
    body = asked(stream=True)
    with pytest.raises(NoCase, match="in pieces"):
        captured(body, streamed(SECRET[:5], SECRET[5:]))
    arguments = [{"index": 0, "id": "c", "function": {"name": "look", "arguments": ""}}]
    pieces = ['{"a":"', SECRET[:5], SECRET[5:], '"}']
    deltas = [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [d]}}]} for d in arguments + deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    stream = b"".join(b"data: " + dumps(chunk) + b"\n\n" for chunk in chunks)
    with pytest.raises(NoCase, match="in pieces"):
        captured(body, stream + b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    "client, upstream, stores",
    [
        ("openai_responses", "openai_chat", True),
        ("openai_responses", "openai_responses", False),
        ("anthropic_messages", "openai_chat", False),
    ],
)
def test_answers_are_kept_for_apps_that_can_name_them(
    client: Protocol, upstream: Protocol, stores: bool
) -> None:
    record = {
        "client": client,
        "upstream": upstream,
        "route": "r",
        "model": {"asked": "m", "used": "m"},
        "started": NOW,
        "attempts": [{"upstream": "up", "outcome": "ok", "status": 200}],
        "bodies": {},
    }
    case = case_of("name", record, asked(input="hi"), known(stores=True))
    assert case.setup.stores is stores
