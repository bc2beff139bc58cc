"""A plan in, a Response or its event stream out.

As at OpenAI, reasoning is shown as a summary only if `reasoning.summary` asks for one, and the
ciphertext of the same item differs between its `done` event and the final response.
"""

from collections.abc import Iterator
from typing import Any

from .. import seals
from ..dialect import CREATED, Answer, Frame, Kind, Stamp, named
from ..plan import Call, Part, Reasoning, Refusal, Text

Json = Any

# The event and the field of what a content part holds.
PART_KINDS = {Text: ("output_text", "text"), Refusal: ("refusal", "refusal")}

# Request fields that come back, with what stands there when they were not given.
ECHOED: dict[str, Json] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
}


def whole(answer: Answer) -> Json:
    plan = answer.plan
    reason = plan.reason or ("max_output_tokens" if plan.finish == "length" else None)
    status = "incomplete" if reason else "completed"
    return {
        **skeleton(answer),
        "status": status if plan.finish else None,
        "completed_at": None if reason else CREATED + 1,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": [_item(answer, n, part, "final") for n, part in enumerate(plan.parts)],
        "usage": _usage(answer),
    }


def counted(tokens: int) -> Json:
    return {"object": "response.input_tokens", "input_tokens": tokens}


def skeleton(answer: Answer) -> Json:
    """A response before anything came out of the model."""
    body = answer.body
    given = {key: body[key] for key in ECHOED if body.get(key) is not None}
    reasoning, text = body.get("reasoning") or {}, body.get("text") or {}
    return {
        "id": "resp_" + seals.identifier(answer.seed, "response", size=40),
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": answer.seen.settings.model,
        "output": [],
        **ECHOED,
        **given,
        "reasoning": {
            "effort": reasoning.get("effort"),
            "summary": reasoning.get("summary"),
        },
        "text": {
            "format": text.get("format") or {"type": "text"},
            "verbosity": text.get("verbosity") or "medium",
        },
        "usage": None,
    }


def stream(answer: Answer) -> list[Frame]:
    return list(_Stream(answer).frames())


class _Stream:
    """Counts the events while they are made."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.sent = 0

    def frames(self) -> Iterator[Frame]:
        for event in ("response.created", "response.in_progress"):
            yield self.event(event, response=skeleton(self.answer))
        for n, part in enumerate(self.answer.plan.parts):
            yield from self.item(n, part)
        final = whole(self.answer)
        terminal = "incomplete" if final["status"] == "incomplete" else "completed"
        yield self.event(f"response.{terminal}", "finish", response=final)

    def event(self, type: str, kind: Kind = "other", **fields: Json) -> Frame:
        number, self.sent = self.sent, self.sent + 1
        return named(type, {"type": type, **fields, "sequence_number": number}, kind)

    def deltas(
        self, type: str, pieces: tuple[str, ...], kind: Kind = "content", **fields: Json
    ) -> Iterator[Frame]:
        payload = {"type": type, **fields, "delta": Stamp.TEXT, "sequence_number": Stamp.NUMBER}
        if (self.answer.body.get("stream_options") or {}).get("include_obfuscation"):
            payload["obfuscation"] = "aZ09aZ09"
        stamp = Stamp(f"event: {type}\n", payload)
        for piece in pieces:
            yield Frame(stamp(piece, self.sent), kind)
            self.sent += 1

    def item(self, n: int, part: Part) -> Iterator[Frame]:
        done = _item(self.answer, n, part, "done")
        opened = {**done, **_opened(self.answer, part)}
        yield self.event("response.output_item.added", output_index=n, item=opened)
        place = {"item_id": done["id"], "output_index": n}
        match part:
            case Text() | Refusal():
                yield from self.content(part, place, done)
            case Call():
                yield from self.call(part, place)
            case Reasoning():
                yield from self.summary(part, place, done["summary"])
        yield self.event("response.output_item.done", output_index=n, item=done)

    def content(self, part: Text | Refusal, place: Json, item: Json) -> Iterator[Frame]:
        event, field = PART_KINDS[type(part)]
        at = {**place, "content_index": 0}
        full = item["content"][0]
        extra: Json = {"logprobs": []} if isinstance(part, Text) else {}
        yield self.event("response.content_part.added", **at, part={**full, field: ""})
        yield from self.deltas(f"response.{event}.delta", part.pieces, **at, **extra)
        full_text: Json = {field: part.text, **extra}
        yield self.event(f"response.{event}.done", **at, **full_text)
        yield self.event("response.content_part.done", **at, part=full)

    def call(self, call: Call, place: Json) -> Iterator[Frame]:
        event, key = "function_call_arguments", "arguments"
        if call.custom:
            event, key = "custom_tool_call_input", "input"
        yield from self.deltas(f"response.{event}.delta", call.pieces, **place)
        full: Json = {key: call.arguments}
        yield self.event(f"response.{event}.done", **place, **full)

    def summary(self, part: Reasoning, place: Json, summary: list[Json]) -> Iterator[Frame]:
        for index, shown in enumerate(summary):
            at = {**place, "summary_index": index}
            name = "response.reasoning_summary"
            empty = {"type": "summary_text", "text": ""}
            yield self.event(f"{name}_part.added", **at, part=empty)
            yield from self.deltas(f"{name}_text.delta", part.pieces, "reasoning", **at)
            yield self.event(f"{name}_text.done", **at, text=part.text)
            yield self.event(f"{name}_part.done", **at, part=shown)


def _opened(answer: Answer, part: Part) -> Json:
    """How an item looks when it is added."""
    match part:
        case Reasoning():
            sealed = seals.ciphertext(part.text, "added", account=answer.account)
            return {"summary": [], "encrypted_content": sealed}
        case Call():
            return {"status": "in_progress", "input" if part.custom else "arguments": ""}
        case _:
            return {"status": "in_progress", "content": []}


def _item(answer: Answer, n: int, part: Part, moment: str) -> Json:
    parts = answer.plan.parts
    cut = answer.plan.finish == "length" and n == len(parts) - 1
    status = "incomplete" if cut else "completed"
    id = seals.identifier(answer.seed, "item", n, size=40)
    match part:
        case Reasoning():
            return _reasoning(answer, part, id, moment)
        case Call():
            return _call(answer, part, id, n, status)
    kind, field = PART_KINDS[type(part)]
    extra: Json = {"annotations": [], "logprobs": []} if isinstance(part, Text) else {}
    before_call = any(isinstance(later, Call) for later in parts[n + 1 :])
    return {
        "id": "msg_" + id,
        "type": "message",
        "status": status,
        "content": [{"type": kind, **extra, field: part.text}],
        "phase": "commentary" if before_call else "final_answer",
        "role": "assistant",
    }


def _reasoning(answer: Answer, part: Reasoning, id: str, moment: str) -> Json:
    wanted = answer.body.get("reasoning") or {}
    asked = bool(wanted.get("summary") or wanted.get("generate_summary"))
    shown = [{"type": "summary_text", "text": part.text}]
    return {
        "id": "rs_" + id,
        "type": "reasoning",
        "content": [],
        "encrypted_content": seals.ciphertext(part.text, moment, account=answer.account),
        "summary": shown if asked and not part.redacted else [],
    }


def _call(answer: Answer, call: Call, id: str, n: int, status: str) -> Json:
    call_id = "call_" + seals.identifier(answer.seed, "call", n)
    space = {"namespace": call.namespace} if call.namespace else {}
    if call.custom:
        kind = {"id": "ctc_" + id, "type": "custom_tool_call", "input": call.arguments}
    else:
        kind = {"id": "fc_" + id, "type": "function_call", "arguments": call.arguments}
    return {**kind, "status": status, "call_id": call_id, "name": call.name, **space}


def _usage(answer: Answer) -> Json:
    usage = answer.plan.usage
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.write,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }
