"""The grammars of the three protocols' streams, as assertions about the events of one stream."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from bridge.transform.model import Protocol
from bridge.transform.sse import SseEvent

type Events = list[SseEvent]


def payloads(events: Events) -> list[Any]:
    return [json.loads(e.data) for e in events if e.data is not None and e.data != "[DONE]"]


# --- Messages

BLOCK_EVENTS = ("content_block_start", "content_block_delta", "content_block_stop")
DELTAS = {
    "text": {"text_delta", "citations_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "redacted_thinking": set[str](),
    "tool_use": {"input_json_delta"},
}


def assert_messages(events: Events) -> None:
    """One start, blocks one after the other, each started and stopped, then the reason to stop."""
    told = [p for p in payloads(events) if p["type"] != "ping"]
    assert [e.event for e in events if e.data is not None and e.event != "ping"] == [
        payload["type"] for payload in told
    ]
    first, *blocks, ending, last = told
    assert first["type"] == "message_start" and first["message"]["content"] == []
    assert USAGE_KEYS <= first["message"]["usage"].keys()  # clients read every key
    assert (ending["type"], last["type"]) == ("message_delta", "message_stop")
    assert ending["delta"]["stop_reason"] and ending["usage"]["output_tokens"] >= 0
    assert all(payload["type"] in BLOCK_EVENTS for payload in blocks)
    starts = [n for n, p in enumerate(blocks) if p["type"] == "content_block_start"]
    for index, (begin, end) in enumerate(pairwise([*starts, len(blocks)])):
        assert_block(index, blocks[begin:end])
    assert starts[:1] == [0] or not blocks


USAGE_KEYS = {
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
}


def assert_block(index: int, events: list[Any]) -> None:
    start, *middle, stop = events
    assert {payload["index"] for payload in events} == {index}
    assert stop["type"] == "content_block_stop"
    deltas = [payload["delta"] for payload in middle]
    kind = start["content_block"]["type"]
    kinds = [delta["type"] for delta in deltas]
    assert set(kinds) <= DELTAS[kind]
    assert "signature_delta" not in kinds[:-1]
    if kind == "tool_use":
        assert start["content_block"]["input"] == {} and start["content_block"]["name"]
        assert isinstance(json.loads("".join(d["partial_json"] for d in deltas) or "{}"), dict)


# --- Chat


def assert_chat(events: Events) -> None:
    """Role, id, type and name once, calls without a gap, one finish, the counts behind it."""
    assert events[-1].data == "[DONE]"
    chunks = payloads(events)
    assert len({(c["id"], c["created"], c["model"], c["object"]) for c in chunks}) == 1
    said = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    counted = [chunk for chunk in chunks if not chunk["choices"]]
    assert counted == [c for c in chunks[-1:] if c["usage"]]
    assert all(choice["index"] == 0 for choice in said)
    assert [bool(choice["finish_reason"]) for choice in said] == [*[False] * (len(said) - 1), True]
    assert ["role" in choice["delta"] for choice in said] == [True, *[False] * (len(said) - 1)]
    pieces = [call for choice in said for call in choice["delta"].get("tool_calls", ())]
    opened = [piece for piece in pieces if "id" in piece]
    assert [piece["index"] for piece in opened] == list(range(len(opened)))
    assert all(piece["type"] and piece[piece["type"]]["name"] for piece in opened)
    for piece in pieces:
        if piece not in opened:
            assert piece.keys() == {"index", "function"} and piece["function"].keys() == {
                "arguments"
            }
    for call in opened:
        text = "".join(p["function"]["arguments"] for p in pieces if p["index"] == call["index"])
        assert isinstance(json.loads(text), dict)


# --- Responses

LAST = ("response.completed", "response.incomplete", "response.failed")


def assert_responses(events: Events) -> None:
    """Numbered from 0, created first, everything added is done, the last event tells it all."""
    told = payloads(events)
    assert [e.event for e in events if e.data is not None] == [p["type"] for p in told]
    assert [payload["sequence_number"] for payload in told] == list(range(len(told)))
    assert told[0]["type"] == "response.created" and told[-1]["type"] in LAST
    assert sum(payload["type"] in LAST for payload in told) == 1
    assert len({p["response"]["id"] for p in told if "response" in p}) == 1
    added = of_kind(told, "response.output_item.added")
    done = of_kind(told, "response.output_item.done")
    assert [p["output_index"] for p in added] == list(range(len(added)))
    assert [identity(p["item"]) for p in added] == [identity(p["item"]) for p in done]
    assert told[-1]["response"]["output"] == [payload["item"] for payload in done]
    for payload in done:
        index = payload["output_index"]
        assert_item(payload["item"], [p for p in told if p.get("output_index") == index])


def of_kind(told: list[Any], kind: str) -> list[Any]:
    return [payload for payload in told if payload["type"] == kind]


def identity(item: Any) -> tuple[str, str, str | None]:
    return item["type"], item["id"], item.get("call_id")


def assert_item(item: Any, events: list[Any]) -> None:
    """Added first, done last, and its deltas join to what is done."""
    assert events[0]["type"].endswith("item.added") and events[-1]["type"].endswith("item.done")
    assert {p["item_id"] for p in events if "item_id" in p} <= {item["id"]}
    assert len(of_kind(events, "response.content_part.added")) == len(item.get("content") or ())
    texts = {
        "response.output_text.delta": [p.get("text", "") for p in item.get("content") or ()],
        "response.refusal.delta": [p.get("refusal", "") for p in item.get("content") or ()],
        "response.reasoning_summary_text.delta": [p["text"] for p in item.get("summary", ())],
        "response.function_call_arguments.delta": [item.get("arguments", "")],
        "response.custom_tool_call_input.delta": [item.get("input", "")],
    }
    for kind, text in texts.items():
        assert "".join(p["delta"] for p in of_kind(events, kind)) == "".join(text)


GRAMMAR: dict[Protocol, Callable[[Events], None]] = {
    "anthropic_messages": assert_messages,
    "openai_chat": assert_chat,
    "openai_responses": assert_responses,
}

# Whether a stream tells its reader that it has all of the answer.
ENDS_WELL: dict[Protocol, Callable[[Events], bool]] = {
    "anthropic_messages": lambda events: any(e.event == "message_stop" for e in events),
    "openai_chat": lambda events: any(e.data == "[DONE]" for e in events),
    "openai_responses": lambda events: any(e.event in LAST[:2] for e in events),
}
