"""Requests and answers of Responses, as OpenAI's clients and OpenAI write them."""

import json
from collections.abc import Callable, Iterator
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
    mark = {"prompt_cache_breakpoint": {"mode": "explicit"}} if rarely(draw) else {}
    return {"type": "input_text", "text": draw(ANY_TEXTS), **mark}


def _image(draw: st.DrawFn) -> Body:
    media_type, data = draw(PIXELS)
    url = draw(st.just(f"data:{media_type};base64,{data}") | URLS)
    return {"type": "input_image", "image_url": url, "detail": "auto"}


def _file(draw: st.DrawFn) -> Body:
    data = f"data:application/pdf;base64,{PDF}"
    return {"type": "input_file", "filename": draw(NAMES), "file_data": data}


def _content(draw: st.DrawFn, *kinds: Callable[[st.DrawFn], Body]) -> Any:
    """A string, or parts of `kinds`."""
    if draw(st.booleans()):
        return draw(ANY_TEXTS)
    return [kind(draw) for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=3))]


def _answer_items(draw: st.DrawFn, ids: Numbers, names: st.SearchStrategy[str]) -> list[Body]:
    """What a model said: something in any case, after reasoning and before calls at times."""
    items: list[Body] = []
    if draw(st.booleans()):
        summary = [{"type": "summary_text", "text": draw(TEXTS)}]
        items.append(
            {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "Y2lwaGVy"}
        )
    calls = [_call(draw, ids, names) for _ in range(draw(st.sampled_from([0, 0, 1, 2, 4])))]
    if not calls or draw(st.booleans()):
        items.append({"type": "message", "role": "assistant", "content": draw(TEXTS)})
    return [*items, *calls]


def _call(draw: st.DrawFn, ids: Numbers, names: st.SearchStrategy[str]) -> Body:
    call = {"call_id": ids.take("call_"), "name": draw(names)}
    if call["name"].startswith("a"):  # one kind for a name
        return {"type": "custom_tool_call", **call, "input": draw(ANY_TEXTS)}
    arguments = json.dumps(draw(OBJECTS), ensure_ascii=draw(st.booleans()))
    return {"type": "function_call", **call, "arguments": arguments}


def _result(draw: st.DrawFn, call: Body) -> Body:
    output = _content(draw, _text, _text, _image)
    return {"type": f"{call['type']}_output", "call_id": call["call_id"], "output": output}


def _items(draw: st.DrawFn, names: st.SearchStrategy[str]) -> list[Body]:
    ids, items = Numbers(), list[Body]()
    system = st.sampled_from(["system", "developer"])
    for role in draw(some(system, 2)):
        items.append({"role": role, "content": _content(draw, _text)})
    for _ in range(draw(st.integers(1, 4))):
        if items and rarely(draw):  # at Messages it may not stand here
            items.append({"role": draw(system), "content": draw(TEXTS)})
        if not rarely(draw) or not items or not items[-1].get("type", "").endswith("_output"):
            content = _content(draw, _text, _text, _image, _file)
            items.append({"type": "message", "role": "user", "content": content})
        if rarely(draw):
            items.append({"role": draw(system), "content": draw(TEXTS)})
        answer = _answer_items(draw, ids, names)
        calls = [item for item in answer if "call_id" in item]
        items += [*answer, *(_result(draw, call) for call in draw(st.permutations(calls)))]
    return items


def _tool(draw: st.DrawFn, name: str) -> Body:
    if name.startswith("a"):
        grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
        form = st.sampled_from([{"type": "text"}, grammar])
        return {"type": "custom", "name": name, **chosen(draw, description=TEXTS, format=form)}
    fields = {"parameters": draw(SCHEMAS), "strict": draw(st.booleans())}
    return {"type": "function", "name": name, **fields, **chosen(draw, description=TEXTS)}


def _choice(name: str) -> st.SearchStrategy[Any]:
    named = {"type": "custom" if name.startswith("a") else "function", "name": name}
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [named]}
    return st.sampled_from(["auto", "none", "required", named, allowed])


@st.composite
def responses_requests(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Body:
    offered = draw(st.lists(names, max_size=3, unique=True))
    used = st.sampled_from(offered) if offered else names
    body: Body = {
        "model": "gpt-client",
        "input": _items(draw, used),
        **chosen(
            draw,
            instructions=TEXTS,
            max_output_tokens=st.integers(16, 64_000),
            temperature=st.floats(0, 2),
            top_p=st.floats(0, 1),
            stream=st.booleans(),
            reasoning=st.sampled_from(
                ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
            ).map(lambda effort: {"effort": effort, "summary": "auto"}),
            store=st.just(False),
            include=st.just(["reasoning.encrypted_content"]),
            safety_identifier=TEXTS,
            service_tier=st.sampled_from(["auto", "default", "flex", "priority"]),
            metadata=st.dictionaries(NAMES, ANY_TEXTS, max_size=2),
            prompt_cache_key=NAMES,
            text=st.just({"format": {"type": "json_object"}})
            | SCHEMAS.map(
                lambda schema: {
                    "format": {
                        "type": "json_schema",
                        "name": "answer",
                        "schema": schema,
                        "strict": True,
                    }
                }
            ),
        ),
    }
    if offered:
        body["tools"] = [_tool(draw, name) for name in offered]
        body |= chosen(draw, tool_choice=_choice(offered[0]), parallel_tool_calls=st.booleans())
    return body


# --- answers

ECHOED: Body = {
    "error": None,
    "instructions": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
}


PHASES = st.sampled_from(["commentary", "final_answer"])


@st.composite
def responses_answers(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Answer:
    tokens = draw(counts())
    usage = {
        "input_tokens": tokens.input,
        "input_tokens_details": {
            "cached_tokens": tokens.cached,
            "cache_write_tokens": tokens.written,
        },
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.thought},
        "total_tokens": tokens.input + tokens.output,
    }
    kinds = st.sampled_from(["reasoning", "message", "message", "function_call", "function_call"])
    ids = Numbers()
    items = [
        _answer_item(draw, kind, f"{index}", ids, names)
        for index, kind in enumerate(draw(some(kinds, 5)))
    ]
    if items and items[-1]["type"] == "message" and rarely(draw):
        items[-1]["content"] = [{"type": "refusal", "refusal": draw(TEXTS)}]
    told = [
        (item["name"], json.loads(item["arguments"]))
        for item in items
        if item["type"] == "function_call"
    ]
    reason = draw(st.sampled_from([None, None, "max_output_tokens", "content_filter"]))
    status = "incomplete" if reason else "completed"
    head = {"id": "resp_01AbC", "object": "response", "created_at": 1_700_000_000}
    begun = {**head, "model": "gpt-upstream", **ECHOED, "incomplete_details": None}
    body = {
        **begun,
        "status": status,
        "incomplete_details": reason and {"reason": reason},
        "output": items,
        "usage": usage,
    }
    opening = {**begun, "status": "in_progress", "output": [], "usage": None}
    told_events = [
        ("response.created", {"response": opening}),
        ("response.in_progress", {"response": opening}),
        *(event for index, item in enumerate(items) for event in _item_events(draw, index, item)),
        (f"response.{status}", {"response": body}),
    ]
    events = [_event(kind, number, fields) for number, (kind, fields) in enumerate(told_events)]
    return Answer(body, events, len(events) - 1, told, tokens)


def _event(kind: str, number: int, fields: Body) -> bytes:
    payload = {"type": kind, "sequence_number": number, **fields}
    return f"event: {kind}\ndata: {json.dumps(payload)}\n\n".encode()


def _answer_item(
    draw: st.DrawFn, kind: str, id: str, ids: Numbers, names: st.SearchStrategy[str]
) -> Body:
    match kind:
        case "reasoning":
            summary = [{"type": "summary_text", "text": text} for text in draw(some(TEXTS, 2))]
            return {
                "type": kind,
                "id": f"rs_{id}",
                "summary": summary,
                "encrypted_content": draw(NAMES),
            }
        case "message":
            said = {"type": "output_text", "text": draw(TEXTS), "annotations": [], "logprobs": []}
            head = {"type": kind, "id": f"msg_{id}", "role": "assistant", "status": "completed"}
            return {**head, "content": [said], "phase": draw(PHASES)}
        case _:
            call = {"call_id": ids.take("call_"), "name": draw(names)}
            arguments = json.dumps(draw(OBJECTS))
            head = {"type": kind, "id": f"fc_{id}", "status": "completed"}
            return {**head, **call, "arguments": arguments}


# type -> the key whose value comes in deltas, and what an item is before them
_EMPTY: dict[str, Body] = {
    "reasoning": {"summary": []},
    "message": {"content": [], "status": "in_progress"},
    "function_call": {"arguments": "", "status": "in_progress"},
}


def _item_events(draw: st.DrawFn, index: int, item: Body) -> Iterator[tuple[str, Body]]:
    place = {"output_index": index}
    begun = {**item, **_EMPTY[item["type"]]}
    begun.pop("encrypted_content", None)
    yield "response.output_item.added", {**place, "item": begun}
    place["item_id"] = item["id"]
    if item["type"] == "function_call":
        yield from _deltas(draw, "function_call_arguments", "arguments", item["arguments"], place)
    for n, part in enumerate(item.get("summary", ())):
        where = {**place, "summary_index": n}
        empty = {**part, "text": ""}
        yield "response.reasoning_summary_part.added", {**where, "part": empty}
        yield from _deltas(draw, "reasoning_summary_text", "text", part["text"], where)
        yield "response.reasoning_summary_part.done", {**where, "part": part}
    for n, part in enumerate(item.get("content", ())):
        where = {**place, "content_index": n}
        key = "refusal" if part["type"] == "refusal" else "text"
        yield "response.content_part.added", {**where, "part": {**part, key: ""}}
        name, logprobs = ("refusal", {}) if key == "refusal" else ("output_text", {"logprobs": []})
        yield from _deltas(draw, name, key, part[key], {**where, **logprobs})
        yield "response.content_part.done", {**where, "part": part}
    yield "response.output_item.done", {"output_index": index, "item": item}


def _deltas(
    draw: st.DrawFn, name: str, key: str, text: str, place: Body
) -> Iterator[tuple[str, Body]]:
    for piece in draw(cut_up(text)):
        yield f"response.{name}.delta", {**place, "delta": piece}
    yield f"response.{name}.done", {**place, key: text}
