"""A plan in, a chat completion or its chunks out.

Reasoning goes out as `reasoning_content`, the spelling of compatible servers. A call forced by
name ends with `stop`, not with `tool_calls`: OpenAI does that.
"""

from collections.abc import Iterator
from typing import Any

from .. import seals
from ..dialect import CREATED, Answer, Frame, Kind, Stamp, unnamed
from ..plan import Call, Part, Reasoning, Refusal, Text
from .request import forced

Json = Any

FINISH_REASONS = {
    "stop": "stop",
    "length": "length",
    "stop_sequence": "stop",
    "tool_calls": "tool_calls",
    "refusal": "stop",  # the refusal itself says what happened
    None: None,
}


def whole(answer: Answer) -> Json:
    return {
        **_head(answer, "chat.completion"),
        "choices": [
            {
                "index": 0,
                "message": _message(answer),
                "logprobs": None,
                "finish_reason": _finish(answer),
            }
        ],
        "usage": _usage(answer),
    }


def counted(tokens: int) -> Json:
    return {"input_tokens": tokens}


def _shown(answer: Answer) -> list[Part]:
    """Hidden reasoning leaves no trace here."""
    return [p for p in answer.plan.parts if not (isinstance(p, Reasoning) and p.redacted)]


def _message(answer: Answer) -> Json:
    parts = _shown(answer)
    calls = [_call(answer, n, call) for n, call in enumerate(_calls(answer))]
    texts = [part.text for part in parts if isinstance(part, Text)]
    refusals = [part.text for part in parts if isinstance(part, Refusal)]
    thoughts = [part.text for part in parts if isinstance(part, Reasoning)]
    silent = bool(calls or refusals) and not texts
    message: Json = {
        "role": "assistant",
        "content": None if silent else "".join(texts),
        "refusal": "".join(refusals) or None,
        "annotations": [],
    }
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    return {**message, "tool_calls": calls} if calls else message


def stream(answer: Answer) -> list[Frame]:
    return [*_frames(answer), Frame(b"data: [DONE]\n\n", "done")]


def _frames(answer: Answer) -> Iterator[Frame]:
    first = _first_delta(answer)
    yield _chunk(answer, first)
    calls = 0
    for part in _shown(answer):
        match part:
            case Text(pieces):
                yield from _deltas(answer, {"content": Stamp.TEXT}, pieces)
            case Refusal(pieces):
                yield from _deltas(answer, {"refusal": Stamp.TEXT}, pieces)
            case Reasoning(pieces):
                yield from _deltas(answer, {"reasoning_content": Stamp.TEXT}, pieces, "reasoning")
            case Call():
                yield from _call_frames(answer, calls, part, "tool_calls" in first)
                calls += 1
    yield _chunk(answer, {}, _finish(answer), "finish")
    if _wants_usage(answer):
        yield unnamed({**_chunk_head(answer), "choices": [], "usage": _usage(answer)})


def _first_delta(answer: Answer) -> Json:
    """A single call comes with the role; anything else behind it."""
    parts = _shown(answer)
    first = parts[0] if parts else None
    delta: Json = {"role": "assistant", "content": None, "refusal": None}
    match first:
        case Call() if len(parts) == 1:
            return {**delta, "tool_calls": [_opened(answer, 0, first)]}
        case Reasoning():
            return {**delta, "reasoning_content": ""}
        case Refusal():
            return {**delta, "refusal": ""}
        case Call():
            return delta
    return {**delta, "content": ""}


def _call_frames(answer: Answer, n: int, call: Call, opened: bool) -> Iterator[Frame]:
    if not opened:
        yield _chunk(answer, {"tool_calls": [_opened(answer, n, call)]})
    key = _argument_key(call)
    kind = "custom" if call.custom else "function"
    delta = {"tool_calls": [{"index": n, kind: {key: Stamp.TEXT}}]}
    yield from _deltas(answer, delta, call.pieces)


def _opened(answer: Answer, n: int, call: Call) -> Json:
    kind = "custom" if call.custom else "function"
    empty = {**_call(answer, n, call)[kind], _argument_key(call): ""}
    return {"index": n, **_call(answer, n, call), kind: empty}


def _call(answer: Answer, n: int, call: Call) -> Json:
    id = "call_" + seals.identifier(answer.seed, "call", n)
    kind = "custom" if call.custom else "function"
    return {
        "id": id,
        "type": kind,
        kind: {"name": call.name, _argument_key(call): call.arguments},
    }


def _argument_key(call: Call) -> str:
    return "input" if call.custom else "arguments"


def _calls(answer: Answer) -> list[Call]:
    return [part for part in answer.plan.parts if isinstance(part, Call)]


def _deltas(
    answer: Answer, delta: Json, pieces: tuple[str, ...], kind: Kind = "content"
) -> Iterator[Frame]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    stamp = Stamp("", {**_chunk_head(answer), "choices": [choice], **_no_usage(answer)})
    return (Frame(stamp(piece), kind) for piece in pieces)


def _chunk(answer: Answer, delta: Json, finish: str | None = None, kind: Kind = "other") -> Frame:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return unnamed({**_chunk_head(answer), "choices": [choice], **_no_usage(answer)}, kind)


def _chunk_head(answer: Answer) -> Json:
    head = _head(answer, "chat.completion.chunk")
    padded = (answer.body.get("stream_options") or {}).get("include_obfuscation")
    return {**head, "obfuscation": "aZ09aZ09"} if padded else head


def _head(answer: Answer, kind: str) -> Json:
    return {
        "id": "chatcmpl-" + seals.identifier(answer.seed, "completion", size=29),
        "object": kind,
        "created": CREATED,
        "model": answer.seen.settings.model,
        "service_tier": "default",
        "system_fingerprint": "fp_simulator",
    }


def _wants_usage(answer: Answer) -> bool:
    return bool((answer.body.get("stream_options") or {}).get("include_usage"))


def _no_usage(answer: Answer) -> Json:
    return {"usage": None} if _wants_usage(answer) else {}


def _finish(answer: Answer) -> str | None:
    plan = answer.plan
    if plan.reason or plan.finish is None:
        return plan.reason
    if plan.finish == "tool_calls" and forced(answer.body.get("tool_choice")):
        return "stop"
    return FINISH_REASONS[plan.finish]


def _usage(answer: Answer) -> Json:
    usage = answer.plan.usage
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.write,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
