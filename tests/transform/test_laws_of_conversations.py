"""Laws of conversations between any two protocols: what an upstream wants back, it gets back.

An app answers each call, goes on after each answer, and keeps what it keeps: all of an answer, what
it shows of it, or something in between.
"""

import json
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.bounded import Bounds
from bridge.ledger import Ledger
from bridge.transform import Translator
from bridge.transform.families import COMPATIBLE
from bridge.transform.json_text import dumps, loads
from bridge.transform.model import Protocol
from tests.transform.sdks import request_faults
from tests.transform.strategies import ANSWERS, Body

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
PAIRS = [pytest.param(*pair, id=" to ".join(pair)) for pair in permutations((A, C, R), 2)]
fewer = settings(max_examples=settings().max_examples // 2)  # conversations take their time
MODELS: dict[Protocol, str] = {A: "claude-opus-5", C: "m", R: "gpt-5.6"}
KEY = b"of this installation"
TOOLS = ("f", "a")

# --- apps


def chat_turns(answer: Any) -> list[Any]:
    message = answer["choices"][0]["message"]
    ids = [call["id"] for call in message.get("tool_calls") or ()]
    results = [{"role": "tool", "tool_call_id": id, "content": "done"} for id in ids]
    return [message, *(results or [{"role": "user", "content": "more"}])]


def messages_turns(answer: Any) -> list[Any]:
    content = answer["content"]
    ids = [block["id"] for block in content if block["type"] == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": id, "content": "done"} for id in ids]
    said = [{"role": "assistant", "content": content}] if content else []
    return [*said, {"role": "user", "content": results or "more"}]


def response_turns(answer: Any) -> list[Any]:
    items = answer["output"]
    ids = [item["call_id"] for item in items if item["type"] == "function_call"]
    results = [{"type": "function_call_output", "call_id": id, "output": "done"} for id in ids]
    return [*items, *(results or [{"role": "user", "content": "more"}])]


TURNS: dict[Protocol, Callable[[Any], list[Any]]] = {
    A: messages_turns,
    C: chat_turns,
    R: response_turns,
}
FIELDS: dict[Protocol, Body] = {
    A: {"max_tokens": 9, "tools": [{"name": n, "input_schema": {"type": "object"}} for n in TOOLS]},
    C: {"tools": [{"type": "function", "function": {"name": name}} for name in TOOLS]},
    R: {
        "tools": [{"type": "function", "name": name, "parameters": None} for name in TOOLS],
        "reasoning": {"summary": "auto"},
    },
}


def request(client: Protocol, history: list[Any]) -> bytes:
    turns = "input" if client == R else "messages"
    return dumps({"model": "asked", turns: history, **FIELDS[client]})


def everything(turn: Any) -> Any:
    return turn


def shown(turn: Any) -> Any:
    """What apps keep that know the protocol's own fields only, and no reasoning."""
    if turn.get("type") == "reasoning":
        return None
    if turn.get("role") != "assistant":
        return turn
    known = ("type", "id", "status", "role", "content", "refusal", "tool_calls")
    turn = {key: turn[key] for key in known if key in turn}
    if isinstance(turn["content"], list):
        said = [p for p in turn["content"] if "thinking" not in p["type"]]
        turn["content"] = said
    return turn


def talk(
    client: Protocol,
    upstream: Protocol,
    answers: list[Any],
    keeps: Callable[[Any], Any] = everything,
    ledger: Ledger | None = None,
) -> list[Any]:
    """The history of an app that got these answers."""
    history: list[Any] = [{"role": "user", "content": "go"}]
    for answer in answers:
        translator = translation(client, upstream, ledger)
        translator.request(request(client, history))
        told = loads(translator.response(dumps(answer)))
        if ledger is not None:
            ledger.record(translator.turn, translator.states, "up", 0)
        history += [kept for turn in TURNS[client](told) if (kept := keeps(turn)) is not None]
    return history


def translation(
    client: Protocol, upstream: Protocol, ledger: Ledger | None = None, id: str = "up"
) -> Translator:
    return Translator(
        client,
        upstream,
        MODELS[upstream],
        COMPATIBLE[C] if upstream == C else None,
        upstream_id=id,
        key=KEY,
        now=1_800_000_000,
        ledger=None if ledger is None else ledger.at(0),
    )


def sent(translator: Translator, client: Protocol, history: list[Any]) -> Any:
    body = loads(translator.request(request(client, history)))
    assert "brg1." not in json.dumps(body)
    return body


# --- upstreams: their answers, and what of them comes back


@st.composite
def answers(draw: st.DrawFn, upstream: Protocol) -> list[Any]:
    one = ANSWERS[upstream](st.sampled_from(TOOLS)).map(lambda answer: answer.body)
    drawn: list[Any] = draw(st.lists(one, min_size=1, max_size=3))
    return [whole(answer, n) for n, answer in enumerate(drawn)]


def whole(answer: Any, number: int) -> Any:
    """`answer` that ended as it should, says something besides its reasoning, and has its state."""
    if "choices" in answer:
        choice = answer["choices"][0]
        message = choice["message"]
        if not any(message.get(key) for key in ("content", "refusal", "tool_calls")):
            message["content"] = "So."
        choice["finish_reason"] = "tool_calls" if message.get("tool_calls") else "stop"
        return answer
    is_message = "content" in answer
    blocks = answer["content" if is_message else "output"]
    for place, block in enumerate(blocks):
        for key in {"signature", "data", "encrypted_content"} & block.keys():
            block[key] = f"state-{number}-{place}"
    if all(block["type"] in REASONING for block in blocks):
        blocks.append(TEXT if is_message else MESSAGE)
    calls = any(block["type"] == "tool_use" for block in blocks)
    ended = {"stop_reason": "tool_use" if calls else "end_turn"}
    return {**answer, **(ended if is_message else COMPLETED)}


REASONING = ("thinking", "redacted_thinking", "reasoning")
TEXT = {"type": "text", "text": "So."}
SAID = {"type": "output_text", "text": "So.", "annotations": [], "logprobs": []}
MESSAGE = {
    "type": "message",
    "id": "msg_9",
    "role": "assistant",
    "status": "completed",
    "phase": "final_answer",
    "content": [SAID],
}
COMPLETED = {"status": "completed", "incomplete_details": None}


def state_in(upstream: Protocol, body: Any) -> list[Any]:
    """The reasoning and the messages that a request gives back, and the calls between them."""
    return [seen for block in _blocks(upstream, body) if (seen := _seen(block))]


def state_of(upstream: Protocol, answers: list[Any]) -> list[Any]:
    """The same of what was answered."""
    if upstream == C:
        turns = [answer["choices"][0]["message"] for answer in answers]
        return state_in(C, {"messages": [{"role": "assistant", **turn} for turn in turns]})
    if upstream == A:
        turns = [{"role": "assistant", "content": answer["content"]} for answer in answers]
        return state_in(A, {"messages": turns})
    return state_in(R, {"input": [item for answer in answers for item in answer["output"]]})


def _blocks(upstream: Protocol, body: Any) -> Iterator[Any]:
    if upstream == R:
        yield from body["input"]
    for message in body.get("messages", ()):
        if message["role"] == "assistant" and upstream == A:
            yield from message["content"]
        elif message["role"] == "assistant":
            yield message


def _seen(block: Any) -> Any:
    if block.get("role") == "assistant" and block.get("type") is None:  # of Chat
        calls = [call["function"]["name"] for call in block.get("tool_calls") or ()]
        return block.get("reasoning_content") or "", calls
    match block["type"]:
        case "thinking" | "redacted_thinking":
            return block
        case "reasoning":
            return block["id"], block["summary"], block["encrypted_content"]
        case "tool_use" | "function_call":
            return block["name"]
        case "message" if block["role"] == "assistant":
            content = block["content"]
            parts = [{"text": content}] if isinstance(content, str) else content
            said = "".join(part.get("text") or part.get("refusal", "") for part in parts)
            return f"{block['phase']}: {said}" if said else None
        case _:
            return None


LEDGER = Bounds(1 << 20, 60)


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_trap_36_an_app_that_keeps_everything_gives_all_state_back(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    given_out = data.draw(answers(upstream))
    ledger = data.draw(st.sampled_from([None, Ledger(LEDGER)]))
    history = talk(client, upstream, given_out, ledger=ledger)
    body = sent(translation(client, upstream, ledger), client, history)
    assert request_faults(upstream, body) == set()
    assert state_in(upstream, body) == state_of(upstream, given_out)


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_trap_36_for_an_app_that_drops_it_the_ledger_has_it(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    given_out = data.draw(answers(upstream))
    ledger = Ledger(LEDGER)
    history = talk(client, upstream, given_out, shown, ledger)
    body = sent(translation(client, upstream, ledger), client, history)
    assert state_in(upstream, body) == state_of(upstream, given_out)


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_trap_18_nobody_else_gets_it(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    given_out = data.draw(answers(upstream))
    ledger = Ledger(LEDGER)
    history = talk(client, upstream, given_out, ledger=ledger)
    for other in (A, C, R):
        if other == client:
            continue
        body = sent(translation(client, other, ledger, id="another"), client, history)
        assert request_faults(other, body) == set()
        assert "state-" not in json.dumps(body)
        for seen in state_in(other, body):
            assert isinstance(seen, str) or not seen[0], "no reasoning of others"


# --- what comes back in part


def thinking(number: int, thinks: bool, calls: bool) -> Any:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": f"state-{number}"}
    use = {"type": "tool_use", "id": f"toolu_{number}", "name": "f", "input": {}}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [*([thought] if thinks else []), use if calls else TEXT],
        "stop_reason": "tool_use" if calls else "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def carries(turn: Any) -> bool:
    return any(turn.get(key) for key in CARRIERS)


CARRIERS = ("reasoning_details", "encrypted_content")


@pytest.mark.parametrize("client", [C, R])
@given(
    turns=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=5),
    lost=st.sets(st.integers(0, 4)),
)
def test_of_thinking_with_gaps_the_run_behind_the_last_one_is_sent(
    client: Protocol, turns: list[tuple[bool, bool]], lost: set[int]
) -> None:
    history = talk(client, A, [thinking(n, *turn) for n, turn in enumerate(turns)])
    thought = [n for n, (thinks, _) in enumerate(turns) if thinks]
    places = [place for place, turn in enumerate(history) if carries(turn)]
    assert len(places) == len(thought)
    for number, place in zip(thought, places, strict=True):
        if number in lost:  # the app shows what was thought, and has lost whose it is
            turn = history[place]
            history[place] = {key: turn[key] for key in turn if key not in CARRIERS}
    gap = max(lost.intersection(thought), default=-1)
    loop = (n for n, (_, calls) in enumerate(turns) if n >= gap and not calls)
    end = gap if gap < 0 else next(loop, len(turns))  # of the calls it led to
    body = sent(translation(client, A), client, history)
    kept = [block["signature"] for block in state_in(A, body) if isinstance(block, dict)]
    assert kept == [f"state-{n}" for n in thought if n > end]
