"""A plan in, a Message or its event stream out.

`ping` follows the first block start, as at the vendor; usage at the start holds the input side,
at the end everything, cumulative.
"""

import json
from collections.abc import Iterator
from typing import Any

from .. import seals
from ..dialect import Answer, Frame, Kind, Stamp, dumps, named
from ..plan import Call, Part, Reasoning, Refusal, Text
from .request import bare, blocks

Json = Any

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_calls": "tool_use",
    "refusal": "refusal",
    None: None,  # a server that forgets it
}


def whole(answer: Answer) -> Json:
    return {
        **_start(answer),
        "content": [_block(answer, n, part) for n, part in _shown(answer)],
        **_stop(answer),
        "usage": {**_input_usage(answer), **_output_usage(answer)},
    }


def counted(tokens: int) -> Json:
    return {"input_tokens": tokens}


def stream(answer: Answer) -> list[Frame]:
    return list(_frames(answer))


def _frames(answer: Answer) -> Iterator[Frame]:
    usage = {**_input_usage(answer), "output_tokens": 1}
    start = {**_start(answer), "content": [], "stop_reason": None, "stop_sequence": None}
    message = {**start, "stop_details": None, "usage": usage}
    yield named("message_start", {"type": "message_start", "message": message})
    parts = _shown(answer)
    if not parts:
        yield named("ping", {"type": "ping"})
    for n, part in parts:
        yield from _block_frames(answer, n, part)
    yield named(
        "message_delta",
        {
            "type": "message_delta",
            "delta": _stop(answer),
            "usage": {**_cache_usage(answer), **_output_usage(answer)},
        },
        "finish",
    )
    yield named("message_stop", {"type": "message_stop"}, "finish")


def _block_frames(answer: Answer, n: int, part: Part) -> Iterator[Frame]:
    block = _block(answer, n, part)
    yield _block_event("content_block_start", n, content_block={**block, **_emptied(part)})
    if n == 0:
        yield named("ping", {"type": "ping"})
    match part:
        case Text(pieces):
            yield from _deltas(n, "text_delta", "text", pieces)
        case Call():
            yield from _deltas(n, "input_json_delta", "partial_json", ("", *part.pieces))
        case Reasoning(pieces, redacted=False):
            shown = ("",) if omitted(answer.body) else pieces
            yield from _deltas(n, "thinking_delta", "thinking", shown, "reasoning")
            signature = {"type": "signature_delta", "signature": block["signature"]}
            yield _block_event("content_block_delta", n, delta=signature)
    yield _block_event("content_block_stop", n)


def _block_event(event: str, n: int, **fields: Json) -> Frame:
    return named(event, {"type": event, "index": n, **fields})


def _deltas(
    n: int, type: str, key: str, pieces: tuple[str, ...], kind: Kind = "content"
) -> Iterator[Frame]:
    delta = {"type": type, key: Stamp.TEXT}
    payload = {"type": "content_block_delta", "index": n, "delta": delta}
    stamp = Stamp("event: content_block_delta\n", payload)
    return (Frame(stamp(piece), kind) for piece in pieces)


def _shown(answer: Answer) -> list[tuple[int, Part]]:
    """A refusal is no content here: it is told by the stop reason."""
    return list(enumerate(p for p in answer.plan.parts if not isinstance(p, Refusal)))


def _start(answer: Answer) -> Json:
    return {
        "model": answer.seen.settings.model,
        "id": "msg_01" + seals.identifier(answer.seed, "message", size=22),
        "type": "message",
        "role": "assistant",
    }


def _block(answer: Answer, n: int, part: Part) -> Json:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Reasoning(redacted=True):
            data = seals.ciphertext(answer.seed, str(n), seals.REDACTED, answer.account)
            return {"type": "redacted_thinking", "data": data}
        case Reasoning():
            hidden = omitted(answer.body)
            before = prefix(answer.body, None)
            signature = seals.signature(part.text, before, hidden, answer.account)
            thinking = "" if hidden else part.text
            return {"type": "thinking", "thinking": thinking, "signature": signature}
        case Call(name):
            return {
                "type": "tool_use",
                "id": "toolu_01" + seals.identifier(answer.seed, "call", n, size=22),
                "name": name,
                "input": _complete_members(part.arguments),
                "caller": {"type": "direct"},
            }
        case Refusal():
            raise AssertionError("a refusal has no block")


def _emptied(part: Part) -> Json:
    """How a block looks before its deltas."""
    match part:
        case Text():
            return {"text": ""}
        case Reasoning(redacted=False):
            return {"thinking": "", "signature": ""}
        case Call():
            return {"input": {}}
        case _:
            return {}


def _complete_members(arguments: str) -> Json:
    """The input as far as it goes: a member cut by the token limit is left out."""
    for end in range(len(arguments), 0, -1):
        if end < len(arguments) and arguments[end] != ",":
            continue
        try:
            value = json.loads(arguments[:end] + ("" if end == len(arguments) else "}"))
        except ValueError:
            continue
        return value if isinstance(value, dict) else {}
    return {}


def _stop(answer: Answer) -> Json:
    plan = answer.plan
    refusals = [part.text for part in plan.parts if isinstance(part, Refusal)]
    details = {"type": "refusal", "category": None, "explanation": "".join(refusals)}
    return {
        "stop_reason": plan.reason or STOP_REASONS[plan.finish],
        "stop_sequence": plan.stop_sequence,
        "stop_details": details if refusals else None,
    }


def _cache_usage(answer: Answer) -> Json:
    usage = answer.plan.usage
    return {
        "input_tokens": max(0, usage.input - usage.cached - usage.write),
        "cache_creation_input_tokens": usage.write,
        "cache_read_input_tokens": usage.cached,
    }


def _input_usage(answer: Answer) -> Json:
    write = answer.plan.usage.write
    return {
        **_cache_usage(answer),
        "cache_creation": {"ephemeral_5m_input_tokens": write, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
        "inference_geo": "not_available",
    }


def _output_usage(answer: Answer) -> Json:
    usage = answer.plan.usage
    details = {"thinking_tokens": usage.reasoning}
    return {"output_tokens": usage.output, "output_tokens_details": details}


def omitted(body: Json) -> bool:
    return (body.get("thinking") or {}).get("display") == "omitted"


def prefix(body: Json, end: int | None) -> bytes:
    """What a signature is bound to: system, tools and the messages before, without thinking,
    cache markers and the freedom of spelling a text as string or block."""
    merged: list[Json] = []
    for message in body["messages"][:end]:
        content = [bare(b) for b in blocks(message["content"]) if "thinking" not in b["type"]]
        if merged and merged[-1][0] == message["role"]:
            merged[-1][1].extend(content)
        else:
            merged.append((message["role"], content))
    tools = sorted(map(dumps, map(bare, body.get("tools") or [])))
    system = [bare(block) for block in blocks(body.get("system"))]
    return dumps([system, [tool.decode() for tool in tools], merged])
