"""Opaque state over several turns: it comes back to who made it, whatever the app does with it.

The app's side is played by the official SDKs' habits: a history is what the answers said, with all
fields, or without those its vendor does not know.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from bridge.bounded import Bounds
from bridge.ledger import Ledger
from bridge.transform import Translator
from bridge.transform.model import (
    Message,
    Native,
    NativePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from bridge.transform.turn import digests, keys_of, said

A, C, R = "anthropic_messages", "openai_chat", "openai_responses"
KEY = b"k"


# --- what a turn says


def test_what_a_turn_says_is_its_text_and_calls_without_their_formatting() -> None:
    native = Native(A, ({"type": "thinking"},))
    parts = (
        ReasoningPart("hm", native),
        TextPart("Let me "),
        NativePart(native, "server_tool_dropped"),
        RefusalPart("see. "),
        ToolCallPart("c1", "f", '{ "a" : 1 }'),
        ToolCallPart("c2", "g", "not { json"),
        ToolResultPart("c1", (TextPart("r"),)),
    )
    assert said(parts) == ("Let me see. r", (("f", '{"a":1}'), ("g", "not { json")))


HI = Message("user", (TextPart("hi"),))
TOLD = Message("system", (TextPart("today is Monday"),))
YES = Message("assistant", (TextPart("yes"),))


def test_system_text_changes_no_digest_and_everything_else_does() -> None:
    *_, plain = digests([HI, YES])
    *_, told = digests([TOLD, HI, YES])
    assert plain == told
    histories = [[HI], [HI, HI], [HI, YES], [YES, HI], [Message("user", (TextPart("h"),))], []]
    ends = [list(digests(history))[-1] for history in histories]
    assert len(set(ends)) == len(histories)


def test_keys_hold_upstream_call_what_was_said_and_what_came_before() -> None:
    call = ToolCallPart("call_0", "f", "{}")
    kept = keys_of((call,), b"x", "up")
    assert len(kept) == 2
    by_place, by_call = kept
    assert keys_of((call,), b"another conversation", "up")[0] != by_place
    assert keys_of((call,), b"another conversation", "up")[1] == by_call
    for other in (
        keys_of((call,), b"x", "other"),
        keys_of((TextPart("said"), call), b"x", "up"),
        keys_of((ToolCallPart("call_1", "f", "{}"),), b"x", "up")[1:],
    ):
        assert not set(other) & set(kept)


# --- conversations


THINKING = [
    {"type": "thinking", "thinking": f"thought {n}", "signature": f"sig{n}=="} for n in range(4)
]
REDACTED = {"type": "redacted_thinking", "data": "secret=="}
SEARCH: list[Any] = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
]


def use(n: int) -> Any:
    return {"type": "tool_use", "id": f"toolu_{n}", "name": "f", "input": {"n": n}}


def text(words: str) -> Any:
    return {"type": "text", "text": words}


# What Claude says in each turn of one conversation. The last asks for nothing.
TURNS: list[list[Any]] = [
    [THINKING[0], REDACTED, text("I call."), use(1), use(2)],
    [THINKING[1], use(3)],
    [THINKING[2], text("One. "), *SEARCH, text("Two.")],
]
ASK = {"role": "user", "content": "go"}
TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {"n": {}}}}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": TOOL["input_schema"]}}

type Carry = Callable[[dict[str, Any]], dict[str, Any]]


def message(content: list[Any]) -> bytes:
    stop = "tool_use" if content[-1]["type"] == "tool_use" else "end_turn"
    usage = {"input_tokens": 1, "output_tokens": 1}
    fields = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5"}
    answer = {**fields, "content": content, "stop_reason": stop, "usage": usage}
    return json.dumps(answer).encode()


class Chat:
    """An app that speaks Chat with Claude behind the bridge; `carry` is what it keeps."""

    def __init__(self, carry: Carry, ledger: Ledger | None = None, upstream: str = "claude"):
        self.history: list[Any] = [ASK]
        self._carry, self._ledger, self._upstream = carry, ledger, upstream
        self.codes: list[str] = []

    def turn(self, content: list[Any]) -> list[Any]:
        """One more call, answered by `content`; the messages that went upstream."""
        translator = Translator(
            C,
            A,
            "claude-opus-5",
            upstream_id=self._upstream,
            key=KEY,
            ledger=self._ledger.at(0) if self._ledger else None,
        )
        body = {"model": "gpt", "messages": self.history, "tools": [FUNCTION]}
        sent = json.loads(translator.request(json.dumps(body).encode()))
        answer = json.loads(translator.response(message(content)))["choices"][0]["message"]
        if self._ledger:
            self._ledger.record(translator.turn, translator.states, self._upstream, 0)
        self.codes = [note.code for note in translator.notes]
        self.history.append(self._carry(answer))
        calls = answer.get("tool_calls") or []
        self.history += [
            {"role": "tool", "tool_call_id": call["id"], "content": "done"} for call in calls
        ] or [{"role": "user", "content": "more"}]
        messages: list[Any] = sent["messages"]
        return messages


def everything(answer: dict[str, Any]) -> dict[str, Any]:
    return answer


def known_fields(answer: dict[str, Any]) -> dict[str, Any]:
    """As most Chat apps do."""
    return {key: answer[key] for key in ("role", "content", "tool_calls") if answer.get(key)}


def shown_fields(answer: dict[str, Any]) -> dict[str, Any]:
    """As apps do that know DeepSeek."""
    return {key: value for key, value in answer.items() if key != "reasoning_details"}


def answers_in(messages: list[Any]) -> list[Any]:
    return [m["content"] for m in messages if m["role"] == "assistant"]


@pytest.mark.parametrize(
    "carry, with_ledger",
    [
        pytest.param(everything, False, id="the app carries everything"),
        pytest.param(everything, True, id="both"),
        pytest.param(known_fields, True, id="the app drops what it does not know"),
        pytest.param(shown_fields, True, id="the app keeps the text of reasoning only"),
    ],
)
def test_three_turns_come_back_to_their_vendor_as_it_made_them(
    carry: Carry, with_ledger: bool
) -> None:
    app = Chat(carry, Ledger(Bounds(1 << 20, 60)) if with_ledger else None)
    sent = [app.turn(content) for content in [*TURNS, [text("end")]]]
    assert answers_in(sent[-1]) == TURNS
    for before, after in zip(sent, sent[1:], strict=False):
        assert after[: len(before)] == before
    results = [m["content"] for m in sent[-1] if m["role"] == "user"][1]
    assert [block["tool_use_id"] for block in results] == ["toolu_1", "toolu_2"]
    assert "brg1." not in json.dumps(sent)


def test_without_carrier_and_ledger_the_turns_are_valid_and_without_thinking() -> None:
    app = Chat(known_fields)
    sent = [app.turn(content) for content in [*TURNS, [text("end")]]]
    assert answers_in(sent[-1]) == [
        [text("I call."), use(1), use(2)],
        [use(3)],
        [text("One. Two.")],
    ]


def test_what_the_app_edited_counts() -> None:
    app = Chat(everything, Ledger(Bounds(1 << 20, 60)))
    app.turn(TURNS[2])
    app.history[-2]["content"] = "Changed."
    assert answers_in(app.turn([text("end")])) == [[THINKING[2], text("Changed.")]]


def test_another_upstream_gets_nothing_of_it() -> None:
    ledger = Ledger(Bounds(1 << 20, 60))
    app = Chat(everything, ledger)
    app.turn(TURNS[0])
    app._upstream = "backup"
    assert answers_in(app.turn(TURNS[1])) == [[text("I call."), use(1), use(2)]]
    assert "opaque_foreign" in app.codes


def test_a_call_that_comes_again_by_its_id_has_its_own_thinking() -> None:
    ledger = Ledger(Bounds(1 << 20, 60))
    app = Chat(known_fields, ledger)
    turns = [[THINKING[n], use(1)] for n in range(2)]  # servers count from 0 in each answer
    sent = [app.turn(content) for content in [*turns, [text("end")]]]
    assert [blocks[0] for blocks in answers_in(sent[-1])] == THINKING[:2]


@pytest.mark.parametrize("thinking_first", [True, False])
def test_nor_has_it_that_of_another_call(thinking_first: bool) -> None:
    ledger = Ledger(Bounds(1 << 20, 60))
    app = Chat(known_fields, ledger)
    turns = [[THINKING[0], use(1)], [use(1)]]
    turns = turns if thinking_first else turns[::-1]
    sent = [app.turn(content) for content in [*turns, [text("end")]]]
    kinds = [[block["type"] for block in blocks] for blocks in answers_in(sent[-1])]
    assert kinds == [[block["type"] for block in content] for content in turns]


def test_a_turn_is_known_by_its_calls_where_what_was_before_it_is_gone() -> None:
    ledger = Ledger(Bounds(1 << 20, 60))
    app = Chat(known_fields, ledger)
    app.turn(TURNS[1])
    app.history[0] = {"role": "user", "content": "what was said so far"}
    assert answers_in(app.turn([text("end")])) == [TURNS[1]]


def test_a_turn_without_state_is_not_kept() -> None:
    ledger = Ledger(Bounds(1 << 20, 60))
    app = Chat(known_fields, ledger)
    app.turn([text("plain"), use(1)])
    assert ledger.size == 0


def test_what_is_forgotten_is_plain() -> None:
    ledger = Ledger(Bounds(1 << 20, 60))
    app = Chat(known_fields, ledger)
    app.turn(TURNS[1])
    ledger.record(None, [], "", 61)
    assert answers_in(app.turn([text("end")])) == [[use(3)]]


# --- the same for an app that speaks Responses

CITED = {
    **text("Two."),
    "citations": [
        {
            "type": "web_search_result_location",
            "url": "https://a",
            "title": "A",
            "cited_text": "Two.",
            "encrypted_index": "i==",
        }
    ],
}
LISTING = {
    "type": "mcp_tool_listing",
    "mcp_server_name": "docs",
    "tools": [{"name": "ask", "input_schema": {"type": "object"}}],
}
REMOTE = [
    {"type": "mcp_tool_use", "id": "m1", "name": "ask", "server_name": "docs", "input": {}},
    {"type": "mcp_tool_result", "tool_use_id": "m1", "is_error": False, "content": []},
]
BY_CODE = {**use(4), "caller": {"type": "code_execution_20260120", "tool_id": "srvtoolu_9"}}
RESPONSES_TURNS: list[list[Any]] = [
    [LISTING, *TURNS[0]],
    [THINKING[1], use(3), BY_CODE],
    [THINKING[2], *REMOTE, text("One. "), *SEARCH, CITED],
]
ITEM = {"type": "function", "name": "f", "parameters": TOOL["input_schema"]}


def responses_turn(history: list[Any], content: list[Any]) -> tuple[list[Any], list[str]]:
    """One more call, answered by `content`, which `history` gets with what follows it; the messages
    that went upstream, and the types of the answer's items."""
    translator = Translator(R, A, "claude-opus-5", upstream_id="claude", key=KEY)
    body = {"model": "gpt", "input": history, "tools": [ITEM]}
    sent = json.loads(translator.request(json.dumps(body).encode()))
    output = json.loads(translator.response(message(content)))["output"]
    history += output
    history += [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "done"}
        for item in output
        if item["type"] == "function_call"
    ] or [{"role": "user", "content": "more"}]
    messages: list[Any] = sent["messages"]
    return messages, [item["type"] for item in output]


def test_three_turns_of_a_responses_app_come_back_as_their_vendor_made_them() -> None:
    history: list[Any] = [ASK]
    made = [responses_turn(history, content) for content in [*RESPONSES_TURNS, [text("end")]]]
    sent = [messages for messages, _ in made]
    assert answers_in(sent[-1]) == RESPONSES_TURNS
    for before, after in zip(sent, sent[1:], strict=False):
        assert after[: len(before)] == before
    assert "brg1." not in json.dumps(sent)
    kinds = made[2][1]
    assert [kind for kind in kinds if kind != "reasoning"] == [
        "mcp_call",
        "message",
        "web_search_call",
        "message",
    ]
    assert kinds[-1] == "reasoning"  # with all of the answer


SHELLS = {
    "local_shell": {"command": ["ls"], "timeout_ms": None, "env": {}},
    "shell": {"timeout_ms": None, "commands": "ls"},
    "apply_patch": {"path": "a", "diff": None, "type": "delete_file"},
}


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize("known", [True, False], ids=["known by the ledger", "carried"])
def test_calls_of_built_in_shells_come_back_to_the_byte(name: str, known: bool) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": name, "input": SHELLS[name]}
    ledger = Ledger(Bounds(1 << 20, 60)) if known else None

    def translator() -> Translator:
        moment = ledger.at(0) if ledger else None
        return Translator(R, A, "claude-opus-5", upstream_id="claude", key=KEY, ledger=moment)

    body: Any = {"model": "gpt", "input": [ASK], "tools": [{"type": name}]}
    first = translator()
    first.request(json.dumps(body).encode())
    output = json.loads(first.response(message([THINKING[0], call])))["output"]
    if ledger:
        ledger.record(first.turn, [], "claude", 0)
        output = [item for item in output if item["type"] != "reasoning"]
    result = {"type": f"{name}_call_output", "call_id": "toolu_1", "output": "r"}
    body["input"] += [*output, {**result, "id": "toolu_1", "status": "completed"}]
    sent = translator().request(json.dumps(body).encode())
    assert json.dumps(answers_in(json.loads(sent)["messages"])) == json.dumps([[THINKING[0], call]])


def test_what_a_responses_app_edited_counts() -> None:
    history: list[Any] = [ASK]
    responses_turn(history, [CITED])
    history[1] = {**history[1], "content": [{"type": "output_text", "text": "Changed."}]}
    assert answers_in(responses_turn(history, [text("end")])[0]) == [[text("Changed.")]]


# --- what OpenAI says in several messages, some of them on its way to the answer


def thought(n: int) -> Any:
    return {"type": "reasoning", "id": f"rs_{n}", "summary": [], "encrypted_content": f"e{n}"}


def item(words: str, phase: str, n: int) -> Any:
    said = [{"type": "output_text", "text": words, "annotations": []}]
    head = {"type": "message", "id": f"msg_{n}", "role": "assistant", "status": "completed"}
    return {**head, "phase": phase, "content": said}


COMMENTARY, FINAL = "commentary", "final_answer"
FUNCTION_CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"n":1}'}
SEVERAL = {
    "between thoughts": [
        *(thought(1), item("Looking.", COMMENTARY, 1), thought(2)),
        *(item("Still.", COMMENTARY, 2), item("42", FINAL, 3)),
    ],
    "two": [item("Looking.", COMMENTARY, 1), item("42", FINAL, 2)],
    "no answer": [thought(1), item("Looking.", COMMENTARY, 1)],
    "an answer before a call": [item("42", FINAL, 1), {"id": "fc_1", **FUNCTION_CALL}],
    "an answer behind a call": [{"id": "fc_1", **FUNCTION_CALL}, item("42", FINAL, 1)],
}
PLAIN = {
    "an answer": [item("42", FINAL, 1)],
    "a call": [item("Looking.", COMMENTARY, 1), {"id": "fc_1", **FUNCTION_CALL}],
}


class Gpt:
    """An app with GPT behind the bridge."""

    def __init__(self, client: Any, carry: Carry, ledger: Ledger | None) -> None:
        self._client, self._carry, self._ledger = client, carry, ledger
        asked = {"model": "claude", "messages": [ASK], "max_tokens": 99}
        self.body = {**asked, "tools": [TOOL if client == A else FUNCTION]}

    def turn(self, output: list[Any]) -> tuple[list[Any], Any]:
        """What went upstream in one more call, and the app's message, `output` made it."""
        moment = self._ledger.at(0) if self._ledger else None
        translator = Translator(
            self._client, R, "gpt-5.6", upstream_id="gpt", key=KEY, ledger=moment
        )
        sent = json.loads(translator.request(json.dumps(self.body).encode()))["input"]
        answer = {"id": "resp_1", "model": "gpt-5.6", "status": "completed", "output": output}
        told = json.loads(translator.response(json.dumps(answer).encode()))
        if self._ledger:
            self._ledger.record(translator.turn, [], "gpt", 0)
        given = told["choices"][0]["message"] if self._client == C else told
        message = self._carry({"role": "assistant", "content": given["content"], **given})
        history = [*self.body["messages"], message, *self._results(message)]
        self.body["messages"] = history
        return sent, message

    def _results(self, message: Any) -> list[Any]:
        if message.get("tool_calls"):
            return [{"role": "tool", "tool_call_id": "c1", "content": "r"}]
        if any(block["type"] == "tool_use" for block in message["content"] if self._client == A):
            result = {"type": "tool_result", "tool_use_id": "c1", "content": "r"}
            return [{"role": "user", "content": [result]}]
        return [ASK]


def without_thinking(message: Any) -> Any:
    kept = [block for block in message["content"] if "thinking" not in block["type"]]
    return {"role": "assistant", "content": kept}


def returned(output: list[Any]) -> list[Any]:
    """Messages and calls go back without the ids of their items."""
    return [
        item
        if item["type"] == "reasoning"
        else {**FUNCTION_CALL}
        if item["type"] == "function_call"
        else {
            "type": "message",
            "role": "assistant",
            "content": item["content"][0]["text"],
            "phase": item["phase"],
        }
        for item in output
    ]


KEEPS = [
    pytest.param(A, known_fields, False, id="Messages, all of it"),
    pytest.param(A, without_thinking, True, id="Messages, known by the ledger"),
    pytest.param(C, lambda message: message, False, id="Chat, all of it"),
    pytest.param(C, known_fields, True, id="Chat, known by the ledger"),
]


@pytest.mark.parametrize("output", [*SEVERAL.values(), *PLAIN.values()], ids=[*SEVERAL, *PLAIN])
@pytest.mark.parametrize("client, carry, known", KEEPS)
def test_what_gpt_said_in_several_messages_comes_back_as_it_said_it(
    client: Any, carry: Carry, known: bool, output: list[Any]
) -> None:
    app = Gpt(client, carry, Ledger(Bounds(1 << 20, 60)) if known else None)
    app.turn(output)
    sent, _ = app.turn([item("So.", FINAL, 9)])
    assert sent[1 : 1 + len(output)] == returned(output)


@pytest.mark.parametrize("output", PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("client", [A, C])
def test_a_plain_answer_of_gpt_stays_plain(client: Any, output: list[Any]) -> None:
    _, message = Gpt(client, lambda message: message, None).turn(output)
    assert "brg1." not in json.dumps(message)


@pytest.mark.parametrize("client, carry", [(A, without_thinking), (C, known_fields)])
def test_without_carrier_and_ledger_there_is_one_message_of_gpt(client: Any, carry: Carry) -> None:
    app = Gpt(client, carry, None)
    app.turn(SEVERAL["two"])
    sent, _ = app.turn([item("So.", FINAL, 9)])
    assert sent[1:-1] == returned([item("Looking.42", FINAL, 1)])


# --- between two upstreams of one protocol


def passed_on(content: list[Any], upstream: str, ledger: Ledger | None, *, own: bool) -> Any:
    """What `upstream` gets of a history with one answer, and of its body the bytes."""
    history = [ASK, {"role": "assistant", "content": content}, ASK]
    body = json.dumps({"model": "m", "max_tokens": 1, "messages": history}).encode()
    moment = ledger.at(0) if ledger else None
    translator = Translator(A, A, upstream_id=upstream, key=KEY, ledger=moment, own_host=own)
    sent = translator.request(body)
    answers = answers_in(json.loads(sent)["messages"])
    return (answers[0] if answers else None), sent == body


def known(state: str, owner: str) -> Ledger:
    ledger = Ledger(Bounds(1 << 20, 60))
    ledger.record(None, [state], owner, 0)
    return ledger


HELD = [THINKING[0], text("said")]
BARE = [text("said")]


@pytest.mark.parametrize(
    "ledger, upstream, own, left",
    [
        pytest.param(None, "own", True, HELD, id="the app's own vendor gets what is its"),
        pytest.param(None, "other", False, BARE, id="another host does not"),
        pytest.param(known("else", "x"), "own", True, HELD, id="nor is anybody else's in the way"),
        pytest.param(known("sig0==", "other"), "other", False, HELD, id="who made it gets it back"),
        pytest.param(known("sig0==", "other"), "own", True, BARE, id="and the vendor does not"),
    ],
)
def test_trap_36_bare_state_returns_to_who_made_it(
    ledger: Ledger | None, upstream: str, own: bool, left: Any
) -> None:
    content, untouched = passed_on(HELD, upstream, ledger, own=own)
    assert (content, untouched) == (left, left is HELD)


def test_trap_36_an_envelope_never_goes_on_in_its_own_protocol() -> None:
    sealed = {"type": "thinking", "thinking": "x", "signature": "brg1.a.b"}
    assert passed_on([sealed, *HELD], "own", None, own=True) == (HELD, False)


def test_text_that_looks_like_one_stays_to_the_byte() -> None:
    content = [text("what is brg1.?")]
    assert passed_on(content, "own", None, own=True) == (content, True)


@pytest.mark.parametrize("as_stream", [False, True])
def test_what_a_client_of_the_same_protocol_gets_is_known_by_its_states(as_stream: bool) -> None:
    translator = Translator(A, A, upstream_id="up")
    translator.request(json.dumps({"model": "m", "max_tokens": 1, "messages": [ASK]}).encode())
    translator.response(message([*TURNS[0], *SEARCH]), as_stream=as_stream)
    assert translator.states == ["sig0==", "secret==", "srvtoolu_1"]
    assert translator.turn is None


@pytest.mark.parametrize("as_stream", [False, True])
def test_state_in_citations_and_summaries_is_known_as_well(as_stream: bool) -> None:
    place = {"type": "web_search_result_location", "url": "u", "title": "t", "cited_text": "c"}
    cited = {**text("said"), "citations": [{**place, "encrypted_index": "i"}]}
    summed = {"type": "compaction", "content": "We met.", "encrypted_content": "ct"}
    translator = Translator(A, A, upstream_id="up")
    translator.request(json.dumps({"model": "m", "max_tokens": 1, "messages": [ASK]}).encode())
    translator.response(message([summed, cited]), as_stream=as_stream)
    assert translator.states == ["ct", "i"]


def test_a_state_is_known_in_each_of_the_forms_that_a_stream_tells_it_in() -> None:
    translator = Translator(R, R, upstream_id="up")
    translator.request(json.dumps({"model": "m", "input": "hi", "stream": True}).encode())
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    done, last = ({**thought, "encrypted_content": sealed} for sealed in ("first", "anew"))
    told = {"id": "resp_1", "model": "m", "status": "completed", "output": [last]}
    for event in (
        {"type": "response.created", "response": {**told, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": thought},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": told},
    ):
        translator.stream(f"data: {json.dumps(event)}\n\n".encode())
    assert translator.states == ["first", "anew"]  # apps send back the one or the other


@pytest.mark.parametrize("own", [True, False])
def test_billing_stays_with_the_apps_own_vendor(own: bool) -> None:
    system = "x-anthropic-billing-header: cch=1;\nBe brief."
    body = json.dumps({"model": "m", "max_tokens": 1, "system": system, "messages": [ASK]}).encode()
    sent = Translator(A, A, own_host=own).request(body)
    assert (sent == body) is own and (b"cch=1" in sent) is own


def test_half_of_a_character_in_an_id_makes_a_key_too() -> None:
    one, other = (
        keys_of([ToolCallPart(call_id, "f", "{}")], b"", "up") for call_id in ("\ud83d", "x")
    )
    assert len(one) == 2 and one[0] == other[0] and one[1] != other[1]
