"""Requests and answers of Chat Completions, as OpenAI's clients and OpenAI write them."""

import json
from collections.abc import Callable
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


def _chat_text(draw: st.DrawFn) -> Body:
    mark = {"prompt_cache_breakpoint": {"mode": "explicit"}} if rarely(draw) else {}
    return {"type": "text", "text": draw(ANY_TEXTS), **mark}


def _chat_image(draw: st.DrawFn) -> Body:
    media_type, data = draw(PIXELS)
    url = draw(st.just(f"data:{media_type};base64,{data}") | URLS)
    return {"type": "image_url", "image_url": {"url": url, **chosen(draw, detail=st.just("low"))}}


def _chat_file(draw: st.DrawFn) -> Body:
    data = f"data:application/pdf;base64,{PDF}"
    return {"type": "file", "file": {"filename": draw(NAMES), "file_data": data}}


def _chat_content(draw: st.DrawFn, *kinds: Callable[[st.DrawFn], Body]) -> Any:
    """A string, or parts of `kinds`."""
    if draw(st.booleans()):
        return draw(ANY_TEXTS)
    return [kind(draw) for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=3))]


def _chat_answer(draw: st.DrawFn, ids: Numbers, names: st.SearchStrategy[str]) -> Body:
    calls = [_chat_call(draw, ids, names) for _ in range(draw(st.sampled_from([0, 0, 1, 2, 4])))]
    content = draw(st.none() | ANY_TEXTS) if calls else _chat_content(draw, _chat_text)
    return {
        "role": "assistant",
        "content": content,
        **({"tool_calls": calls} if calls else {}),
        **chosen(draw, reasoning_content=TEXTS, refusal=st.none() | TEXTS),
    }


def _chat_call(draw: st.DrawFn, ids: Numbers, names: st.SearchStrategy[str]) -> Body:
    call_id, name = ids.take("call_"), draw(names)
    if name.startswith("a"):  # one kind for a name
        return {"id": call_id, "type": "custom", "custom": {"name": name, "input": draw(ANY_TEXTS)}}
    arguments = json.dumps(draw(OBJECTS), ensure_ascii=draw(st.booleans()))
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def _chat_turns(draw: st.DrawFn, names: st.SearchStrategy[str]) -> list[Body]:
    ids, messages = Numbers(), list[Body]()
    system = st.sampled_from(["system", "developer"])
    for role in draw(some(system, 2)):
        messages.append({"role": role, "content": _chat_content(draw, _chat_text)})
    for _ in range(draw(st.integers(1, 4))):
        if messages and rarely(draw):  # at Messages it may not stand here
            messages.append({"role": draw(system), "content": draw(TEXTS)})
        if not rarely(draw) or not messages or messages[-1]["role"] != "tool":
            content = _chat_content(draw, _chat_text, _chat_text, _chat_image, _chat_file)
            messages.append({"role": "user", "content": content, **chosen(draw, name=NAMES)})
        if rarely(draw):
            messages.append({"role": draw(system), "content": draw(ANY_TEXTS)})
        if rarely(draw):  # a model goes on without being asked
            messages.append({"role": "assistant", "content": draw(TEXTS)})
        answer = _chat_answer(draw, ids, names)
        messages.append(answer)
        for call in draw(st.permutations(answer.get("tool_calls", []))):
            content = _chat_content(draw, _chat_text)
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": content})
    return messages


def _chat_tool(draw: st.DrawFn, name: str) -> Body:
    if name.startswith("a"):
        grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /.+/"}}
        form = st.sampled_from([{"type": "text"}, grammar])
        return {
            "type": "custom",
            "custom": {"name": name, **chosen(draw, description=TEXTS, format=form)},
        }
    fields = chosen(draw, description=TEXTS, parameters=SCHEMAS, strict=st.booleans())
    return {"type": "function", "function": {"name": name, **fields}}


def _chat_choice(name: str) -> st.SearchStrategy[Any]:
    kind = "custom" if name.startswith("a") else "function"
    named = {"type": kind, kind: {"name": name}}
    allowed = {"mode": "auto", "tools": [named]}
    return st.sampled_from(
        ["auto", "none", "required", named, {"type": "allowed_tools", "allowed_tools": allowed}]
    )


@st.composite
def chat_requests(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Body:
    offered = draw(st.lists(names, max_size=3, unique=True))
    used = st.sampled_from(offered) if offered else names
    body: Body = {
        "model": "gpt-client",
        "messages": _chat_turns(draw, used),
        **chosen(
            draw,
            max_completion_tokens=st.integers(1, 64_000),
            temperature=st.floats(0, 2),
            top_p=st.floats(0, 1),
            frequency_penalty=st.floats(-2, 2),
            seed=st.integers(0, 99),
            n=st.just(1),
            stop=TEXTS | st.lists(TEXTS, min_size=1, max_size=4),
            stream=st.booleans(),
            reasoning_effort=st.sampled_from(
                ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
            ),
            verbosity=st.just("low"),
            user=TEXTS,
            service_tier=st.sampled_from(["auto", "default", "flex", "priority"]),
            store=st.booleans(),
            metadata=st.dictionaries(NAMES, ANY_TEXTS, max_size=2),
            prompt_cache_key=NAMES,
            response_format=st.just({"type": "json_object"})
            | SCHEMAS.map(
                lambda schema: {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": schema, "strict": True},
                }
            ),
        ),
    }
    if body.get("stream"):
        body |= chosen(draw, stream_options=st.just({"include_usage": True}))
    if offered:
        body["tools"] = [_chat_tool(draw, name) for name in offered]
        body |= chosen(
            draw, tool_choice=_chat_choice(offered[0]), parallel_tool_calls=st.booleans()
        )
    return body


# --- answers


@st.composite
def chat_answers(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Answer:
    tokens = draw(counts())
    usage = {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {
            "cached_tokens": tokens.cached,
            "cache_write_tokens": tokens.written,
        },
        "completion_tokens_details": {"reasoning_tokens": tokens.thought},
    }
    ids = Numbers()
    told = [(draw(names), draw(OBJECTS)) for _ in range(draw(st.sampled_from([0, 0, 1, 2, 4])))]
    texts = chosen(draw, reasoning_content=TEXTS, content=TEXTS, refusal=TEXTS)
    calls = [
        {
            "id": ids.take("call_"),
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for name, arguments in told
    ]
    reason = draw(
        st.sampled_from(["length", "content_filter", "tool_calls" if calls else "stop", "stop"])
    )
    deltas = [{key: piece} for key, text in texts.items() for piece in draw(cut_up(text))]
    deltas += _call_deltas(draw, calls)
    head = {"id": "chatcmpl-01AbC", "created": 1_700_000_000, "model": "gpt-upstream"}
    choices = [*({"delta": delta, "finish_reason": None} for delta in deltas)]
    choices = [{"delta": {"role": "assistant", "content": ""}}, *choices]
    choices.append({"delta": {}, "finish_reason": reason})
    shape = {**head, "object": "chat.completion.chunk"}
    chunks = [{**shape, "choices": [{"index": 0, **choice}]} for choice in choices]
    chunks.append({**shape, "choices": [], "usage": usage})
    events = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    message = {"role": "assistant", "content": None, **texts}
    message |= {"tool_calls": calls} if calls else {}
    choice = {"index": 0, "message": message, "finish_reason": reason}
    body = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
    return Answer(body, [*events, b"data: [DONE]\n\n"], len(events) - 2, told, tokens)


def _call_deltas(draw: st.DrawFn, calls: list[Body]) -> list[Body]:
    """The pieces of calls, those of each in order, interleaved with the others'."""
    waiting: list[list[Body]] = []
    for index, call in enumerate(calls):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        opening = {**call, "index": index, "function": {"name": name, "arguments": ""}}
        pieces = draw(cut_up(arguments))
        waiting.append([opening, *({"index": index, "function": {"arguments": p}} for p in pieces)])
    deltas: list[Body] = []
    begun = 0
    while any(waiting):
        able = [n for n in range(begun) if waiting[n]]
        able += [begun] if begun < len(waiting) else []
        n = draw(st.sampled_from(able))
        begun += n == begun
        deltas.append({"tool_calls": [waiting[n].pop(0)]})
    return deltas
