"""Laws of requests between any two protocols: legal, kept or noted, stable, named exactly."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bridge.transform import TransformError, Translator
from bridge.transform.context import context
from bridge.transform.families import COMPATIBLE, VENDOR
from bridge.transform.json_text import dumps, loads
from bridge.transform.model import Protocol, ToolCallPart
from bridge.transform.profile import Profile, matches
from bridge.transform.translator import CODECS
from tests.transform.asked import asked, budgeted
from tests.transform.sdks import request_faults
from tests.transform.strategies import ANSWERS, ODD_NAMES, REQUESTS, Answer, Body

PROTOCOLS = tuple(REQUESTS)
PAIRS = [pytest.param(*pair, id=" to ".join(pair)) for pair in permutations(PROTOCOLS, 2)]
fewer = settings(max_examples=settings().max_examples // 2)  # bodies take their time to be made

# Models of two generations of each vendor: they take different fields.
MODELS: dict[Protocol, tuple[str, str]] = {
    "anthropic_messages": ("claude-opus-5", "claude-sonnet-4-5"),
    "openai_chat": ("gpt-5.6", "gpt-4.1"),
    "openai_responses": ("gpt-5.6", "gpt-4.1"),
}


@dataclass(frozen=True)
class Upstream:
    """Who a request goes to."""

    protocol: Protocol
    model: str
    profile: Profile | None

    def gets(self, client: Protocol, body: Body) -> tuple[Body, set[str]]:
        """What it is sent, and the codes of the notes."""
        translator = Translator(client, self.protocol, model=self.model, profile=self.profile)
        sent = translator.request(dumps(body))
        return loads(sent), {note.code for note in translator.notes}

    @property
    def takes_budgets(self) -> bool:
        """Its effort is a number of tokens, and without one it does not think."""
        return not matches(self.model, (self.profile or VENDOR[self.protocol]).adaptive)


def upstreams(protocol: Protocol) -> st.SearchStrategy[Upstream]:
    return st.builds(
        Upstream,
        st.just(protocol),
        st.sampled_from(MODELS[protocol]),
        st.sampled_from([None, COMPATIBLE[protocol]]),
    )


# --- what is sent is legal


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_a_request_is_legal_at_its_upstream(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    body = data.draw(REQUESTS[client]())
    target = data.draw(upstreams(upstream))
    sent, _ = target.gets(client, body)
    assert request_faults(upstream, sent) == set()
    assert list(nulls(sent)) == []
    LEGAL[upstream](sent)
    assert target.gets(client, body) == (sent, _)


def nulls(value: Any, place: str = "") -> Iterator[str]:
    """Where keys are null, the client's own data and the one that may be aside."""
    if isinstance(value, dict):
        data = ("parameters", "input_schema", "schema", "input" if "id" in value else "")
        for key, inner in value.items():
            if key not in data:
                yield from nulls(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from nulls(inner, f"{place}[{n}]")
    elif value is None and not re.fullmatch(r"\.messages\[\d+\]\.content", place):
        yield place


LEGAL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def assert_messages(body: Body) -> None:
    messages = body["messages"]
    assert messages[0]["role"] == "user" and messages[-1]["role"] != "assistant"
    ids: list[str] = []
    for n, message in enumerate(messages):
        content, following = message["content"], messages[n + 1 : n + 2]
        assert content and all(b["text"].strip() for b in content if b["type"] == "text")
        if message["role"] == "system":
            assert messages[n - 1]["role"] in ("user", "system")
            assert not following or following[0]["role"] in ("assistant", "system")
        calls = [block["id"] for block in content if block["type"] == "tool_use"]
        answered = following[0]["content"] if following else []
        results = [block["tool_use_id"] for block in answered if block["type"] == "tool_result"]
        assert sorted(calls) == sorted(results)
        assert [b["type"] for b in answered[: len(results)]] == ["tool_result"] * len(results)
        ids += calls
    assert len(set(ids)) == len(ids) and all(map(LEGAL_ID.fullmatch, ids))
    assert json.dumps(body).count('"cache_control": {') <= 4


def assert_chat(body: Body) -> None:
    messages = body["messages"]
    for n, message in enumerate(messages):
        calls = message.get("tool_calls", [])
        assert calls or message["content"] is not None
        behind = messages[n + 1 : n + 1 + len(calls)]
        assert sorted(call["id"] for call in calls) == sorted(m["tool_call_id"] for m in behind)
        for call in calls:
            assert LEGAL_ID.fullmatch(call["id"])
            assert isinstance(call[call["type"]].get("arguments", ""), str)
    tools = [m for m in messages if m["role"] == "tool"]
    assert len(tools) == sum(len(m.get("tool_calls", [])) for m in messages)


def assert_responses(body: Body) -> None:
    items = body["input"]
    calls = [item for item in items if item["type"] in ("function_call", "custom_tool_call")]
    results = [item for item in items if item["type"].endswith("_call_output")]
    assert sorted(c["call_id"] for c in calls) == sorted(r["call_id"] for r in results)
    assert len({call["call_id"] for call in calls}) == len(calls)
    for call in calls:
        assert LEGAL_ID.fullmatch(call["call_id"]) and isinstance(call.get("arguments", ""), str)
    open_ids: set[str] = set()
    for item in items:
        if item in results:
            open_ids.remove(item["call_id"])
        elif item in calls:
            open_ids.add(item["call_id"])
        else:
            assert not open_ids or item.get("role") == "assistant" or item["type"] == "reasoning"


LEGAL: dict[Protocol, Callable[[Body], None]] = {
    "anthropic_messages": assert_messages,
    "openai_chat": assert_chat,
    "openai_responses": assert_responses,
}


# --- what is said is kept, or noted


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_a_request_translated_there_and_back_says_the_same_or_notes_what_it_lost(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    body = data.draw(REQUESTS[client]())
    there = data.draw(upstreams(upstream))
    sent, lost = there.gets(client, body)
    again, lost_on_the_way_back = Upstream(client, MODELS[client][0], None).gets(upstream, sent)
    before, after = (asked(client, upstream, there.profile, each) for each in (body, again))
    if before["max_tokens"] is None:  # Messages demands one
        del before["max_tokens"]
    if there.takes_budgets:
        before["effort"], after["effort"] = map(budgeted, (before["effort"], after["effort"]))
    for aspect in before:
        if before[aspect] != after[aspect]:
            excuses = EXCUSES[aspect] & (lost | lost_on_the_way_back)
            assert excuses, f"{aspect}: {before[aspect]} became {after[aspect]}"


# What may differ -> the notes that say why.
TURNS_ADDED = {"system_inlined", "leading_assistant", "trailing_assistant", "tool_image_moved"}
EXCUSES: dict[str, set[str]] = {
    "calls": set(),
    "results": {"tool_image_moved"},
    "images": set(),
    "documents": set(),
    "user": TURNS_ADDED,
    "assistant": set(),
    "system": {"system_inlined", "json_mode_prompted"},
    "roles": TURNS_ADDED | {"json_mode_prompted"},
    "tools": {"strict_downgraded", "grammar_unenforced"},
    "tool_choice": {"tool_subset_unenforced", "hint_dropped"},
    "parallel": {"hint_dropped"},
    "effort": {
        "effort_clamped",
        "reasoning_option_dropped",
        "thinking_conflict",
        "thinking_cannot_disable",
        "hint_dropped",
    },
    "output_format": {"schema_relaxed", "json_mode_prompted"},
    "max_tokens": {"thinking_conflict", "hint_dropped"},
    "sampling": {"sampling_dropped", "sampling_clamped"},
    "stop": {"stop_truncated", "stop_unsupported"},
    "identity": {"hint_dropped"},
    "tier": {"tier_dropped", "hint_dropped"},
    "stream": set(),
}


# --- a longer history only appends


@pytest.mark.parametrize("client, upstream", PAIRS)
@given(data=st.data())
def test_trap_35_a_longer_history_only_appends(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    body = data.draw(REQUESTS[client]())
    history = HISTORY[client]
    ends = list(ENDS[client](body[history]))
    assume(ends)
    length = data.draw(st.sampled_from(ends))
    target = data.draw(upstreams(upstream))
    shorter, _ = target.gets(client, {**body, history: body[history][:length]})
    longer, _ = target.gets(client, body)
    begun, whole = unmarked(shorter), unmarked(longer)
    sent = HISTORY[upstream]
    assert whole[sent][: len(begun[sent])] == begun[sent]
    assert [begun.get(key) for key in PREFIX] == [whole.get(key) for key in PREFIX]


def before_answers(messages: list[Body]) -> Iterator[int]:
    """How long a history was when it was answered; an answer of nothing is none."""
    for n, message in enumerate(messages):
        content = message["content"] or ()
        texts = [content] if isinstance(content, str) else [p.get("text", "") for p in content]
        said = message.get("tool_calls") or message.get("refusal") or any(map(str.strip, texts))
        if n and said and message["role"] == "assistant":
            yield n


def before_answer_items(items: list[Body]) -> Iterator[int]:
    made = [i.get("role") == "assistant" or i.get("type") in ANSWERED for i in items]
    return (n for n in range(1, len(items)) if made[n] and not made[n - 1])


ANSWERED = ("reasoning", "function_call", "custom_tool_call")
ENDS: dict[Protocol, Callable[[list[Body]], Iterator[int]]] = {
    "anthropic_messages": before_answers,
    "openai_chat": before_answers,
    "openai_responses": before_answer_items,
}
HISTORY: dict[Protocol, str] = {
    "anthropic_messages": "messages",
    "openai_chat": "messages",
    "openai_responses": "input",
}
PREFIX = ("system", "instructions", "tools")  # what else stands before the conversation
MARKS = ("cache_control", "prompt_cache_breakpoint")  # they move along with its end


def unmarked(value: Any) -> Any:
    """Without cache marks; a text alone is the same in a list as without one."""
    if isinstance(value, dict):
        return {k: unmarked(v) for k, v in value.items() if k not in MARKS}
    if not isinstance(value, list):
        return value
    if len(value) == 1 and isinstance(value[0], dict) and value[0].get("type") == "text":
        return value[0]["text"]
    return [unmarked(v) for v in value]


# --- names


@pytest.mark.parametrize("client, upstream", PAIRS)
@fewer
@given(data=st.data())
def test_trap_26_any_tool_name_comes_back_exactly(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    body = data.draw(REQUESTS[client](ODD_NAMES).filter(lambda body: "tools" in body))
    translator = Translator(client, upstream, model=MODELS[upstream][0])
    try:
        sent = loads(translator.request(dumps(body)))
    except TransformError as refused:
        assert refused.code == "tool_name_collision"
        return
    assert request_faults(upstream, sent) == set()
    aliases, names = tool_names(upstream, sent), tool_names(client, body)
    assert len(set(aliases)) == len(aliases)
    answer: Answer = data.draw(ANSWERS[upstream](st.sampled_from(aliases)))
    told = CODECS[client].decode_response(
        loads(translator.response(dumps(answer.body))), context(client, client)
    )
    called = [event.part.name for event in told if is_call(event)]
    assert called == [names[aliases.index(name)] for name, _ in answer.calls]


def tool_names(protocol: Protocol, body: Body) -> list[str]:
    tools = CODECS[protocol].decode_request(body, context(protocol, protocol)).tools
    return [tool.name for tool in tools]


def is_call(event: Any) -> bool:
    return isinstance(getattr(event, "part", None), ToolCallPart)


# --- at most four breakpoints


@fewer
@given(marks=st.lists(st.booleans(), min_size=1, max_size=12), system=st.booleans())
def test_no_more_than_four_cache_breakpoints_and_the_last_ones_count(
    marks: list[bool], system: bool
) -> None:
    def part(n: int, marked: bool) -> Body:
        mark = {"prompt_cache_breakpoint": {"mode": "explicit"}} if marked else {}
        return {"type": "text", "text": str(n), **mark}

    messages = [
        {"role": "system" if system and n < 3 else "user", "content": [part(n, marked)]}
        for n, marked in enumerate(marks)
    ]
    assume(messages[-1]["role"] == "user")
    sent, _ = Upstream("anthropic_messages", "claude-opus-5", None).gets(
        "openai_chat", {"messages": messages}
    )
    blocks = [*sent.get("system", []), *(b for m in sent["messages"] for b in m["content"])]
    kept = [int(block["text"]) for block in blocks if "cache_control" in block]
    assert kept == [n for n, marked in enumerate(marks) if marked][-4:]


# --- the same bytes everywhere

ROOT = Path(__file__).resolve().parents[2]
SENT_OR_REFUSED = """
import json, sys
from bridge.transform import TransformError, Translator

for client, upstream, body in json.load(sys.stdin):
    try:
        print(Translator(client, upstream, model="m").request(json.dumps(body).encode()))
    except TransformError as refused:
        print(refused)
"""


@settings(max_examples=4)
@given(data=st.data())
def test_trap_35_a_request_is_the_same_in_another_process_with_another_hash_seed(
    data: st.DataObject,
) -> None:
    cases = [
        (client, upstream, data.draw(REQUESTS[client](ODD_NAMES)))
        for client, upstream in permutations(PROTOCOLS, 2)
    ]
    first, second = (output(SENT_OR_REFUSED, json.dumps(cases), seed) for seed in ("1", "2"))
    assert first == second and first.count(b"\n") == len(cases)


def output(script: str, given_in: str, hash_seed: str) -> bytes:
    return subprocess.run(
        [sys.executable, "-c", script],
        input=given_in.encode(),
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        timeout=30,
        check=True,
    ).stdout
