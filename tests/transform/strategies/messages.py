"""Requests and answers of Messages, as Anthropic's clients and Anthropic write them."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from .pieces import (
    ANY_TEXTS,
    NAMES,
    OBJECTS,
    PDF,
    PIXELS,
    SCHEMAS,
    TEXTS,
    URLS,
    Answer,
    Body,
    Numbers,
    chosen,
    counts,
    cut_up,
    rarely,
    some,
)

# --- requests


def _text(draw: st.DrawFn) -> Body:
    mark = {"cache_control": {"type": "ephemeral"}} if rarely(draw) else {}
    return {"type": "text", "text": draw(TEXTS), **mark}


def _image(draw: st.DrawFn) -> Body:
    media_type, data = draw(PIXELS)
    source = draw(
        st.sampled_from([{"type": "base64", "media_type": media_type, "data": data}])
        | URLS.map(lambda url: {"type": "url", "url": url})
    )
    return {"type": "image", "source": source}


def _document(draw: st.DrawFn) -> Body:
    source = draw(
        st.sampled_from(
            [
                {"type": "base64", "media_type": "application/pdf", "data": PDF},
                {"type": "text", "media_type": "text/plain", "data": "plain text"},
            ]
        )
    )
    return {"type": "document", "source": source, **chosen(draw, title=TEXTS)}


def _user_blocks(draw: st.DrawFn, least: int) -> list[Body]:
    kinds = st.sampled_from([_text, _text, _image, _document])
    return [kind(draw) for kind in draw(st.lists(kinds, min_size=least, max_size=3))]


def _answer_blocks(draw: st.DrawFn, ids: Numbers, names: st.SearchStrategy[str]) -> list[Body]:
    """What a model said: thinking, text and up to four calls, in any order."""
    blocks: list[Body] = []
    if draw(st.booleans()):
        blocks.append({"type": "thinking", "thinking": draw(ANY_TEXTS), "signature": "c2ln"})
    blocks += [_text(draw) for _ in range(draw(st.integers(0, 2)))]
    calls = draw(st.sampled_from([0, 0, 1, 2, 4]))
    for _ in range(calls):
        call = {"id": ids.take("toolu_"), "name": draw(names), "input": draw(OBJECTS)}
        blocks.append({"type": "tool_use", **call})
    return blocks or [_text(draw)]


def _tool_result(draw: st.DrawFn, call_id: str) -> Body:
    parts = st.builds(lambda kind: kind(draw), st.sampled_from([_text, _text, _image]))
    content = draw(TEXTS | some(parts))
    result: Body = {"type": "tool_result", "tool_use_id": call_id}
    result |= {"content": content} if content else {}
    return result | ({"is_error": True} if draw(st.booleans()) else {})


def _calls_in(blocks: list[Body]) -> list[str]:
    return [block["id"] for block in blocks if block["type"] == "tool_use"]


def _messages_turns(draw: st.DrawFn, names: st.SearchStrategy[str]) -> list[Body]:
    ids, messages, calls = Numbers(), list[Body](), list[str]()
    for _ in range(draw(st.integers(1, 4))):
        results = [_tool_result(draw, call_id) for call_id in draw(st.permutations(calls))]
        content: Any = [*results, *_user_blocks(draw, 0 if results else 1)]
        if draw(st.booleans()) and len(content) == 1 and content[0].keys() == {"type", "text"}:
            content = content[0]["text"]
        messages.append({"role": "user", "content": content})
        if rarely(draw):
            messages.append({"role": "system", "content": draw(TEXTS)})
        blocks = _answer_blocks(draw, ids, names)
        messages.append({"role": "assistant", "content": blocks})
        calls = _calls_in(blocks)
    results = [_tool_result(draw, call_id) for call_id in calls]
    last = [*results, *_user_blocks(draw, 0 if results else 1)]
    return [*messages, {"role": "user", "content": last}]


def _messages_tool(draw: st.DrawFn, name: str) -> Body:
    fields = chosen(draw, description=TEXTS, strict=st.booleans())
    return {"name": name, "input_schema": draw(SCHEMAS), **fields}


@st.composite
def messages_requests(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Body:
    offered = draw(st.lists(names, max_size=3, unique=True))
    used = st.sampled_from(offered) if offered else names
    body: Body = {
        "model": "claude-client",
        "max_tokens": draw(st.integers(1, 64_000)),
        "messages": _messages_turns(draw, used),
        **chosen(
            draw,
            system=TEXTS | st.builds(lambda t: [{"type": "text", "text": t}], TEXTS),
            stop_sequences=st.lists(TEXTS, max_size=5),
            stream=st.booleans(),
            metadata=st.builds(lambda user: {"user_id": user}, TEXTS),
            service_tier=st.sampled_from(["auto", "standard_only"]),
            temperature=st.floats(0, 1),
            top_p=st.floats(0, 1),
            top_k=st.integers(1, 100),
            thinking=st.sampled_from(
                [
                    {"type": "adaptive"},
                    {"type": "disabled"},
                    {"type": "enabled", "budget_tokens": 4_096},
                    {"type": "adaptive", "display": "summarized"},
                ]
            ),
            output_config=st.sampled_from(["low", "medium", "high", "xhigh", "max"]).map(
                lambda effort: {"effort": effort}
            ),
            cache_control=st.sampled_from(
                [{"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}]
            ),
        ),
    }
    if draw(st.booleans()):
        form = {"type": "json_schema", "schema": draw(SCHEMAS)}
        body["output_config"] = {**body.get("output_config", {}), "format": form}
    if offered:
        body["tools"] = [_messages_tool(draw, name) for name in offered]
        choice = st.sampled_from(
            [
                {"type": "auto"},
                {"type": "any"},
                {"type": "none"},
                {"type": "tool", "name": offered[0]},
            ]
        )
        alone = {"disable_parallel_tool_use": True}
        body |= chosen(
            draw,
            tool_choice=choice | choice.map(lambda c: {**c, **alone} if c["type"] != "none" else c),
        )
    return body


# --- answers


def _named(name: str, payload: Body) -> bytes:
    return f"event: {name}\ndata: {json.dumps(payload)}\n\n".encode()


@st.composite
def messages_answers(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Answer:
    tokens = draw(counts())
    usage = {
        "input_tokens": tokens.fresh,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation_input_tokens": tokens.written,
        "output_tokens": tokens.output,
        "output_tokens_details": {"thinking_tokens": tokens.thought},
        "service_tier": "standard",
    }
    kinds = st.sampled_from(
        ["thinking", "redacted_thinking", "text", "text", "tool_use", "tool_use"]
    )
    ids = Numbers()
    blocks = [_answer_block(draw, kind, ids, names) for kind in draw(some(kinds, 5))]
    calls = [(b["name"], b["input"]) for b in blocks if b["type"] == "tool_use"]
    reason = draw(st.sampled_from(["max_tokens", "refusal", "tool_use" if calls else "end_turn"]))
    delta = {"stop_reason": reason, "stop_sequence": None}
    head = {"id": "msg_01AbC", "type": "message", "role": "assistant", "model": "claude-upstream"}
    begun = {**head, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    events = [_named("message_start", {"type": "message_start", "message": begun})]
    for index, block in enumerate(blocks):
        events += _block_events(draw, index, block)
    ending = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": tokens.output}}
    events += [_named("message_delta", ending), _named("message_stop", {"type": "message_stop"})]
    body = {**head, "content": blocks, **delta, "usage": usage}
    return Answer(body, events, len(events) - 2, calls, tokens)


def _answer_block(draw: st.DrawFn, kind: str, ids: Numbers, names: st.SearchStrategy[str]) -> Body:
    match kind:
        case "thinking":
            return {"type": kind, "thinking": draw(ANY_TEXTS), "signature": draw(NAMES)}
        case "redacted_thinking":
            return {"type": kind, "data": draw(NAMES)}
        case "text":
            return {"type": kind, "text": draw(TEXTS)}
        case _:
            call_id, name = ids.take("toolu_"), draw(names)
            return {"type": kind, "id": call_id, "name": name, "input": draw(OBJECTS)}


# type -> the block without what comes in deltas, the type of those, and their key
_DELTAS: dict[str, tuple[Body, str, str]] = {
    "thinking": ({"thinking": "", "signature": ""}, "thinking_delta", "thinking"),
    "text": ({"text": ""}, "text_delta", "text"),
    "tool_use": ({"input": {}}, "input_json_delta", "partial_json"),
}


def _block_events(draw: st.DrawFn, index: int, block: Body) -> Iterator[bytes]:
    def event(kind: str, **fields: Any) -> bytes:
        return _named(kind, {"type": kind, "index": index, **fields})

    opening, kind, key = _DELTAS.get(block["type"], ({}, "", ""))
    yield event("content_block_start", content_block={**block, **opening})
    text = json.dumps(block["input"]) if block["type"] == "tool_use" else block.get(key, "")
    for piece in draw(cut_up(text)):
        yield event("content_block_delta", delta={"type": kind, key: piece})
        if rarely(draw):
            yield _named("ping", {"type": "ping"})
    if block["type"] == "thinking":
        delta = {"type": "signature_delta", "signature": block["signature"]}
        yield event("content_block_delta", delta=delta)
    yield event("content_block_stop")
