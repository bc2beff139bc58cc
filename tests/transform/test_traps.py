"""Bugs that users of other gateways reported, each by its number, from one end to the other.

Those that one file alone can have stand beside that file's tests.
"""

import json
from typing import Any

import pytest

from bridge.transform import TransformError, Translator
from bridge.transform.families import COMPATIBLE
from bridge.transform.model import Protocol
from bridge.transform.profile import Profile
from tests.transform.strategies import Body

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
NEW, OLD = "claude-opus-5", "claude-sonnet-4-5"
LOCAL = COMPATIBLE[C]


def sent(
    client: Protocol, body: Body, model: str = "m", profile: Profile | None = None
) -> tuple[Any, list[str]]:
    """What the other protocol's upstream gets, and the codes of the notes."""
    translator = Translator(client, C if client == A else A, model=model, profile=profile)
    out = json.loads(translator.request(json.dumps(body).encode()))
    return out, [note.code for note in translator.notes]


def asked(*messages: Body, **fields: Any) -> Body:
    return {"model": "claude-x", "max_tokens": 9_000, "messages": list(messages), **fields}


def chatted(*messages: Body, **fields: Any) -> Body:
    return {"model": "gpt-x", "messages": list(messages) or [said("user", "hi")], **fields}


def said(role: str, content: Any, **more: Any) -> Body:
    return {"role": role, "content": content, **more}


def text(text: str) -> Body:
    return {"type": "text", "text": text}


def use(call_id: str, name: str = "f") -> Body:
    return {"type": "tool_use", "id": call_id, "name": name, "input": {}}


def result(call_id: str, content: Any = "done") -> Body:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content}


def call(call_id: str) -> Body:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}


def tool(call_id: str, content: str = "done") -> Body:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


# --- tools


@pytest.mark.parametrize(
    "answer, told, roles",
    [
        pytest.param(
            [use("1")], [result("1"), text("And now?")], ["user", "assistant", "tool", "user"],
            id="text behind a result",
        ),
        pytest.param(
            [use("1")], [text("And now?"), result("1")], ["user", "assistant", "tool", "user"],
            id="text before a result",
        ),
        pytest.param(
            [use("1"), use("2")], [result("2"), result("1")],
            ["user", "assistant", "tool", "tool"],
            id="two results in another order",
        ),
        pytest.param(
            [{"type": "redacted_thinking", "data": "x"}, use("1")], [result("1")],
            ["user", "assistant", "tool"],
            id="redacted thinking beside the call",
        ),
    ],
)  # fmt: skip
def test_trap_19_results_stand_right_behind_their_calls_at_chat(
    answer: list[Body], told: list[Body], roles: list[str]
) -> None:
    body = asked(said("user", "Go"), said("assistant", answer), said("user", told))
    out, _ = sent(A, body)
    assert [message["role"] for message in out["messages"]] == roles
    results = [message for message in out["messages"] if message["role"] == "tool"]
    ids = [message["tool_call_id"] for message in results]
    assert sorted(ids) == [call["id"] for call in out["messages"][1]["tool_calls"]]
    assert {message["content"] for message in results} == {"done"}


@pytest.mark.parametrize(
    "told, kinds",
    [
        pytest.param([tool("1"), tool("2")], [["tool_result", "tool_result"]], id="two results"),
        pytest.param(
            [tool("1"), tool("2"), said("user", "And now?")],
            [["tool_result", "tool_result"], ["text"]],
            id="text behind them",
        ),
        pytest.param(
            [said("user", "And now?"), tool("2"), tool("1")],
            [["tool_result", "tool_result"], ["text"]],
            id="text before them",
        ),
        pytest.param(
            [tool("1"), said("system", "Be quick."), tool("2")],
            [["tool_result", "tool_result"], ["text"]],
            id="system text between them",
        ),
    ],
)
def test_trap_19_all_results_come_in_the_next_turn_and_first_at_messages(
    told: list[Body], kinds: list[list[str]]
) -> None:
    calls = said("assistant", None, tool_calls=[call("1"), call("2")])
    out, _ = sent(C, chatted(said("user", "Go"), calls, *told), NEW)
    assert [[b["type"] for b in m["content"]] for m in out["messages"][2:]] == kinds


SEARCH = {"type": "web_search_20250305", "name": "web_search"}
SEARCHED = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    text("Found."),
]


def test_trap_31_a_vendors_tool_that_is_not_there_is_said_to_be_missing() -> None:
    translator = Translator(A, C)
    translator.request(json.dumps(asked(said("user", "hi"), tools=[SEARCH])).encode())
    (note,) = translator.notes
    assert (note.code, note.where) == ("server_tool_dropped", "tools[0]")
    assert "web_search" in note.detail
    out, _ = sent(A, asked(said("user", "hi"), tools=[SEARCH]))
    assert "tools" not in out and "web_search" in out["messages"][0]["content"]
    choice = {"type": "tool", "name": "web_search"}
    forced = asked(said("user", "hi"), tools=[SEARCH], tool_choice=choice)
    with pytest.raises(TransformError, match="web_search is not to be had"):
        sent(A, forced)


def test_trap_31_what_such_a_tool_found_earlier_is_not_dropped_silently() -> None:
    history = asked(said("user", "Go"), said("assistant", SEARCHED), said("user", "And?"))
    out, codes = sent(A, history)
    assert out["messages"][1] == said("assistant", "Found.")
    assert set(codes) == {"server_tool_dropped"}


# --- messages, reasoning, limits


@pytest.mark.parametrize(
    "message, content",
    [
        pytest.param(said("user", ""), [text("(empty)")], id="nothing said"),
        pytest.param(said("user", [text(" \n")]), [text("(empty)")], id="blanks only"),
        pytest.param(said("user", [text(""), text("a")]), [text("a")], id="one of two"),
        pytest.param(
            said(
                "user", [{**text(""), "prompt_cache_breakpoint": {"mode": "explicit"}}, text("a")]
            ),
            [text("a")],
            id="with a cache breakpoint, which goes as well",
        ),
    ],
)
def test_trap_32_messages_gets_no_empty_text(message: Body, content: list[Body]) -> None:
    out, _ = sent(C, chatted(message), NEW)
    assert out["messages"] == [said("user", content)]


def test_trap_32_an_answer_or_a_result_of_nothing_has_no_text_either() -> None:
    calls = said("assistant", "", tool_calls=[call("1")])
    history = [said("user", "Go"), calls, tool("1", ""), said("assistant", ""), said("user", "On")]
    out, _ = sent(C, chatted(*history), NEW)
    assert [message["content"] for message in out["messages"]] == [
        [text("Go")],
        [use("1")],
        [{"type": "tool_result", "tool_use_id": "1"}],
        [text("On")],
    ]


LATE = [said("user", "Go"), said("system", "Be quick."), said("assistant", "Yes")]


@pytest.mark.parametrize(
    "client, model, profile, wire, codes",
    [
        pytest.param(A, "m", None, said("system", "Be quick."), [], id="Chat keeps its place"),
        pytest.param(
            A,
            "m",
            LOCAL,
            said("user", "<system>Be quick.</system>"),
            ["system_inlined"],
            id="a chat template wants it first",
        ),
        pytest.param(
            C, NEW, None, said("system", [text("Be quick.")]), [], id="a new model takes it"
        ),
        pytest.param(
            C,
            OLD,
            None,
            said("user", [text("<system>Be quick.</system>")]),
            ["system_inlined"],
            id="an older one does not",
        ),
    ],
)
def test_trap_33_system_text_in_the_middle_is_not_lost(
    client: Protocol, model: str, profile: Profile | None, wire: Body, codes: list[str]
) -> None:
    history = [*LATE, said("user", "On")]
    body = asked(*history) if client == A else chatted(*history)
    out, noted = sent(client, body, model, profile)
    assert out["messages"][1] == wire
    assert noted == codes


FORCED = {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"}


@pytest.mark.parametrize(
    "fields, thinking, kept",
    [
        pytest.param({}, None, {}, id="nothing said: off"),
        pytest.param({"reasoning_effort": "minimal"}, 1_024, {}, id="the least budget there is"),
        pytest.param(
            {"reasoning_effort": "high", "max_completion_tokens": 2_000},
            16_384,
            {},
            id="a limit below the budget is raised",
        ),
        pytest.param(
            {"reasoning_effort": "low", "temperature": 0.5, "top_p": 0.9},
            2_048,
            {},
            id="no sampling beside it",
        ),
        pytest.param(
            {"reasoning_effort": "low", **FORCED}, None, {}, id="no forced call beside it"
        ),
        pytest.param({"temperature": 0.5}, None, {"temperature": 0.5}, id="sampling without it"),
    ],
)
def test_trap_37_thinking_is_asked_for_within_its_limits(
    fields: Body, thinking: int | None, kept: Body
) -> None:
    out, _ = sent(C, chatted(**fields), OLD)
    budget = out.get("thinking", {}).get("budget_tokens")
    assert budget == thinking
    assert budget is None or 1_024 <= budget < out["max_tokens"]
    assert {key: out[key] for key in ("temperature", "top_p") if key in out} == kept


@pytest.mark.parametrize(
    "client, fields, profile, limit",
    [
        pytest.param(A, {}, None, {"max_completion_tokens": 9_000}, id="OpenAI's newer name"),
        pytest.param(A, {}, LOCAL, {"max_tokens": 9_000}, id="the older one elsewhere"),
        pytest.param(
            C, {"max_completion_tokens": 7}, None, {"max_tokens": 7}, id="back from the newer"
        ),
        pytest.param(C, {"max_tokens": 7}, None, {"max_tokens": 7}, id="and from the older"),
        pytest.param(
            C,
            {"max_completion_tokens": 7, "max_tokens": 9},
            None,
            {"max_tokens": 7},
            id="of both the newer counts",
        ),
        pytest.param(C, {}, None, {"max_tokens": 32_000}, id="Messages demands one"),
    ],
)
def test_trap_38_the_limit_has_the_name_its_upstream_knows(
    client: Protocol, fields: Body, profile: Profile | None, limit: Body
) -> None:
    body = asked(said("user", "hi")) if client == A else chatted(**fields)
    out, _ = sent(client, body, "m", profile)
    names = ("max_tokens", "max_completion_tokens")
    assert {name: out[name] for name in names if name in out} == limit


@pytest.mark.parametrize(
    "client, stop, wire",
    [
        pytest.param(C, "END", ["END"], id="a string is a list of one at Messages"),
        pytest.param(C, ["END", "STOP"], ["END", "STOP"], id="a list stays"),
        pytest.param(C, ["\n", "END"], ["END"], id="without blanks"),
        pytest.param(C, ["\n"], None, id="of blanks alone nothing is left"),
        pytest.param(A, ["END"], ["END"], id="a list of one stays a list at Chat"),
        pytest.param(A, ["1", "2", "3", "4", "5"], ["1", "2", "3", "4"], id="of five only four"),
    ],
)
def test_trap_39_stop_sequences_are_a_list(client: Protocol, stop: Any, wire: Any) -> None:
    if client == A:
        out, _ = sent(A, asked(said("user", "hi"), stop_sequences=stop), "gpt-4.1")
        assert out.get("stop") == wire
    else:
        out, _ = sent(C, chatted(stop=stop), NEW)
        assert out.get("stop_sequences") == wire


# --- answers

ANSWERS: dict[Protocol, Body] = {
    "anthropic_messages": {"type": "message", "content": [text("Yes")], "stop_reason": "end_turn"},
    "openai_chat": {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": said("assistant", "Yes"), "finish_reason": "stop"}],
    },
    "openai_responses": {"object": "response", "status": "completed", "output": []},
}


@pytest.mark.parametrize("upstream", [A, C])
@pytest.mark.parametrize("spoken", list(ANSWERS))
def test_trap_41_an_upstream_that_speaks_another_protocol_is_found_out(
    upstream: Protocol, spoken: Protocol
) -> None:
    translator = exchange(C if upstream == A else A, upstream)
    body = translator.response(json.dumps(ANSWERS[spoken]).encode())
    if spoken == upstream:
        assert translator.phase == "finished"
    else:
        assert (translator.phase, translator.status) == ("failed", 502)
        message = json.loads(body)["error"]["message"]
        assert message == f"the upstream speaks {spoken}, not {upstream} as it is configured"


def exchange(client: Protocol, upstream: Protocol) -> Translator:
    translator = Translator(client, upstream, model="m")
    body = asked(said("user", "hi")) if client == A else chatted()
    translator.request(json.dumps({**body, "stream": True}).encode())
    return translator


def chunk(delta: Body, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "1", "model": "m", "choices": [choice]}).encode() + b"\n\n"


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def told(translator: Translator, *pieces: bytes) -> list[bytes]:
    return [b"".join(translator.stream(piece)) for piece in pieces]


def kinds(stream: bytes) -> list[str]:
    return [line[7:].decode() for line in stream.split(b"\n") if line.startswith(b"event: ")]


def events(stream: bytes) -> list[Any]:
    return [json.loads(line[6:]) for line in stream.split(b"\n") if line.startswith(b"data: {")]


HEAD = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
ASKED: dict[Protocol, Body] = {
    A: asked(said("user", "hi"), stream=True),
    C: chatted(stream=True),
    R: {"model": "gpt-x", "input": "hi", "stream": True},
}
# Text, so that the app has something already, and a call of which half came.
HALF: dict[Protocol, list[bytes]] = {
    A: [
        event("message_start", message={**HEAD, "usage": {}}),
        event("content_block_start", index=0, content_block=text("")),
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": "So"}),
        event("content_block_stop", index=0),
        event("content_block_start", index=1, content_block=use("1")),
        event(
            "content_block_delta",
            index=1,
            delta={"type": "input_json_delta", "partial_json": '{"city'},
        ),
    ],
    C: [
        chunk({"role": "assistant", "content": "So"}),
        chunk({"tool_calls": [{"index": 0, **call("1")}]}).replace(b"{}", b'{\\"city'),
    ],
}


BEGUN = {"id": "resp_1", "object": "response", "model": "m", "output": []}
STREAMS: dict[Protocol, list[bytes]] = {
    A: [
        *HALF[A][:4],
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={}),
        event("message_stop"),
    ],
    C: [HALF[C][0], chunk({}, "stop"), b"data: [DONE]\n\n"],
    R: [
        event("response.created", response=BEGUN),
        event("response.completed", response={**BEGUN, "status": "completed"}),
    ],
}


@pytest.mark.parametrize("upstream", [A, C, R])
@pytest.mark.parametrize("spoken", [A, C, R])
def test_trap_41_so_is_one_that_streams_in_it(upstream: Protocol, spoken: Protocol) -> None:
    client = C if upstream == A else A
    translator = Translator(client, upstream)
    translator.request(json.dumps(ASKED[client]).encode())
    told(translator, *STREAMS[spoken], b"")
    if spoken == upstream:
        assert translator.phase == "finished"
    else:
        assert translator.phase == "failed" and translator.failure
        problem = f"the upstream speaks {spoken}, not {upstream} as it is configured"
        assert translator.failure.message == problem


@pytest.mark.parametrize("client", [A, C, R])
@pytest.mark.parametrize("upstream", [A, C])
def test_trap_7_a_call_that_was_cut_is_never_closed(client: Protocol, upstream: Protocol) -> None:
    translator = Translator(client, upstream)
    translator.request(json.dumps(ASKED[client]).encode())
    stream = b"".join(told(translator, *HALF[upstream], b""))
    assert b'{\\"city' in stream and translator.phase == "failed"
    seen, last = kinds(stream), events(stream)[-1]
    if client == A:
        assert (seen.count("content_block_start"), seen.count("content_block_stop")) == (2, 1)
        assert last["type"] == "error"
    elif client == R:
        items = ("response.output_item.added", "response.output_item.done")
        assert [seen.count(kind) for kind in items] == [2, 1]
        assert "response.function_call_arguments.done" not in seen
        assert [item["type"] for item in last["response"]["output"]] == ["message"]
    else:
        reasons = [c["finish_reason"] for e in events(stream) for c in e.get("choices", ())]
        assert set(reasons) == {None} and "error" in last and b"[DONE]" not in stream


def test_trap_42_reasoning_and_text_have_blocks_of_their_own_in_one_message() -> None:
    """Some servers send both in one chunk, and go back and forth between them."""
    translator = exchange(A, C)
    stream = b"".join(
        told(
            translator,
            chunk({"role": "assistant", "reasoning_content": "hm", "content": "So "}),
            chunk({"role": "assistant", "content": "it is"}),
            chunk({"reasoning_content": "or not"}),
            chunk({"content": "."}, "stop"),
            b"data: [DONE]\n\n",
            b"",
        )
    )
    events = [json.loads(line[6:]) for line in stream.split(b"\n") if line.startswith(b"data: ")]
    blocks = [e["content_block"]["type"] for e in events if e["type"] == "content_block_start"]
    assert blocks == ["thinking", "text", "thinking", "text"]
    assert kinds(stream).count("message_start") == 1
    open_blocks = 0
    for name in kinds(stream):
        open_blocks += {"content_block_start": 1, "content_block_stop": -1}.get(name, 0)
        assert open_blocks in (0, 1)


def test_trap_43_the_usage_of_a_message_start_has_its_full_shape() -> None:
    (begun,) = told(exchange(A, C), chunk({"role": "assistant", "content": "a"}))
    payload = json.loads(begun.split(b"\n")[1][6:])
    assert payload["type"] == "message_start"
    assert payload["message"]["usage"] == {
        "input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": None,
        "output_tokens": 0,
        "server_tool_use": None,
        "service_tier": None,
    }


COMMENT = b": OPENROUTER PROCESSING\n\n"


def test_trap_49_silence_upstream_is_a_ping_for_messages_and_a_comment_for_chat() -> None:
    first = chunk({"role": "assistant", "content": "a"})
    before, _, between, *_, after = told(
        exchange(A, C), COMMENT, first, COMMENT, chunk({}, "stop"), b"data: [DONE]\n\n", COMMENT
    )
    assert (before, kinds(between), after) == (b"", ["ping"], b"")
    *_, silent, late = told(
        exchange(C, A),
        event("message_start", message={**HEAD, "usage": {}}),
        event("ping"),
        b": still there\n\n",
    )
    assert silent.startswith(b":") and late.startswith(b":")


PINGS = {A: event("ping"), C: COMMENT, R: event("keepalive", sequence_number=1)}


@pytest.mark.parametrize("client, upstream", [(R, A), (A, C), (C, R)])
def test_trap_49_a_ping_is_told_and_is_no_data(client: Protocol, upstream: Protocol) -> None:
    translator = Translator(client, upstream)
    translator.request(json.dumps(ASKED[client]).encode())
    told(translator, STREAMS[upstream][0])
    heard = translator.heard
    (silent,) = told(translator, PINGS[upstream])
    assert kinds(silent) == ["ping"] if client == A else silent == b": keepalive\n\n"
    assert heard == translator.heard == 1


@pytest.mark.parametrize("client, upstream", [(A, C), (C, A)])
def test_trap_50_a_whole_answer_to_a_client_that_streams_is_streamed(
    client: Protocol, upstream: Protocol
) -> None:
    """Whatever the content type says: the first bytes tell."""
    body = json.dumps(ANSWERS[upstream]).encode()
    translator = exchange(client, upstream)
    *pieces, last = told(translator, body[:1], body[1:9], body[9:], b"")
    assert pieces == [b"", b"", b""] and translator.phase == "finished"
    ending = b"message_stop" if client == A else b"data: [DONE]"
    assert b"Yes" in last and ending in last


@pytest.mark.parametrize("client, upstream", [(A, C), (C, A)])
def test_trap_50_a_stream_for_a_client_that_does_not_is_one_answer(
    client: Protocol, upstream: Protocol
) -> None:
    stream = exchange(upstream, upstream).response(
        json.dumps(ANSWERS[upstream]).encode(), as_stream=True
    )
    answer = json.loads(exchange(client, upstream).response(stream))
    assert answer["content" if client == A else "choices"]
