"""Chat Completions streams, written: neutral events to chunks.

Hard part: the protocol says reasoning, then text, then calls. An answer that has its parts in
another order, or others, is carried with its end.
"""

from typing import assert_never

from ..answers import (
    CitationDelta,
    Event,
    Failure,
    Finish,
    Keepalive,
    PartDelta,
    PartEnd,
    PartStart,
    Start,
    Stop,
    Usage,
)
from ..context import Context
from ..json_text import Json, dumps
from ..logprobs import encode_scores
from ..model import (
    Citation,
    Native,
    NativePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from ..sse import COMMENT, DONE, format_event
from .answer import annotations_of, chunk_head
from .errors import encode_error
from .finish import encode_finish
from .reasoning import sealed_details, sealed_turn
from .usage import encode_usage

__all__ = ["Encoder"]

# How parts follow each other here; a second text is one part with the first.
RANKS: dict[type[Part], int] = {ReasoningPart: 0, TextPart: 1, RefusalPart: 2, ToolCallPart: 3}
TEXT = RANKS[TextPart]
FLOWING = b',"logprobs":null,"finish_reason":null}]'  # behind the delta of all chunks but the last


class Encoder:
    """One client's stream; `ended`: it has got the reason to stop, and the counts."""

    def __init__(self, ctx: Context, *, ended: bool = False) -> None:
        request = ctx.request
        self._ctx, self._ended = ctx, ended
        self._asked_usage = request is not None and request.include_usage
        self._legacy = request is not None and request.legacy_functions
        self._visible = request is None or request.reasoning.visible is not False
        self._envelope = self._tail = b""
        self._before = self._behind = b""  # around the text of a delta of the open part
        self._open: Part | None = None
        self._spoken = self._refused = self._over = False
        self._calls = self._details = 0
        self._thoughts: list[str] = []  # of the open part
        self._citations: list[Citation] = []  # of the open part
        self._annotations: list[Json] = []
        self._length = self._offset = 0  # of all text so far, and before the last text part
        self._rank = 0  # of the last part: the protocol says reasoning, then text, then calls
        self._beyond = False  # the answer has parts, or an order, that it cannot say

    def encode(self, event: Event) -> bytes:
        if self._over:
            return b""
        match event:
            case PartDelta(text, logprobs):
                return self._delta(text, logprobs)
            case PartStart(part):
                self._open = part
                return self._part(part)
            case PartEnd(native):
                return self._part_end(native)
            case Start():
                self._start(event)
                return b""
            case CitationDelta(citation):
                self._citations.append(citation)
                return b""
            case Keepalive():
                return COMMENT
            case Stop(finish, usage, native=native, moderation=found):
                self._over = True
                if self._ended:
                    return DONE
                told = self._stop(finish, native) + self._moderation(found)
                return told + self._usage(usage) + DONE
            case Failure(error):
                self._over = True
                return format_event(dumps(encode_error(error, self._ctx)[1]))
            case _:
                assert_never(event)

    def _start(self, start: Start) -> None:
        self._envelope = b"data: " + dumps(chunk_head(start, self._ctx))[:-1] + b',"choices":['
        self._tail = b',"usage":null}\n\n' if self._asked_usage else b"}\n\n"

    def _expect(self, before: bytes, behind: bytes) -> None:
        """The open part's deltas are text between `before` and `behind`."""
        self._before = self._envelope + b'{"index":0,"delta":' + before
        self._behind = behind + FLOWING + self._tail

    def _chunk(self, delta: Json, finish: str | None = None, logprobs: Json = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return self._envelope + dumps(choice) + b"]" + self._tail

    def _speak(self, part: Part | None) -> bytes:
        """The role, once, with the first part; content is null unless that is text."""
        if self._spoken:
            return b""
        self._spoken = True
        content = "" if part is None or isinstance(part, TextPart) else None
        return self._chunk({"role": "assistant", "content": content})

    def _part(self, part: Part) -> bytes:
        rank = RANKS.get(type(part), 0)
        self._beyond = self._beyond or rank < self._rank + (rank == TEXT)
        self._rank = rank
        match part:
            case TextPart():
                self._offset = self._length
                self._expect(b'{"content":', b"}")
            case ReasoningPart():
                self._expect(b'{"reasoning_content":', b"}")
            case RefusalPart():
                self._refused = True
                self._expect(b'{"refusal":', b"}")
            case ToolCallPart():
                return self._call(part)
            case NativePart():
                return self._native(part)
            case _:
                raise TypeError(f"{type(part).__name__} cannot be part of an answer")
        return self._speak(part)

    def _call(self, call: ToolCallPart) -> bytes:
        number, self._calls = self._calls, self._calls + 1
        if self._legacy:
            return self._legacy_call(call, number)
        key, text = ("custom", "input") if call.kind == "custom" else ("function", "arguments")
        before = f'{{"tool_calls":[{{"index":{number},"{key}":{{"{text}":'
        self._expect(before.encode(), b"}}]}")
        opened = {"index": number, "id": call.id, "type": key, key: {"name": call.name, text: ""}}
        return self._speak(call) + self._chunk({"tool_calls": [opened]})

    def _legacy_call(self, call: ToolCallPart, number: int) -> bytes:
        if number:
            self._ctx.notes.add("item_dropped", "function_call", f"the call of {call.name} as well")
            return b""
        self._expect(b'{"function_call":{"arguments":', b"}}")
        named = {"function_call": {"name": call.name, "arguments": ""}}
        return self._speak(call) + self._chunk(named)

    def _native(self, part: NativePart) -> bytes:
        """Its text, where it has one; the part itself is carried with the whole answer."""
        self._beyond = True
        if part.seen:
            self._ctx.notes.add(part.code, part.where, "the client cannot show it")
        if not part.text:
            return b""
        self._length += len(part.text)
        return self._speak(TextPart("")) + self._chunk({"content": part.text})

    def _delta(self, text: str, logprobs: tuple[Json, ...]) -> bytes:
        match self._open:
            case TextPart():
                self._length += len(text)
                if logprobs and (scores := encode_scores(logprobs, spelled=False)):
                    given = {"content": scores, "refusal": None}
                    return self._chunk({"content": text}, logprobs=given)
            case ReasoningPart() if not self._visible:
                return b""
            case ReasoningPart():
                self._thoughts.append(text)
            case ToolCallPart() if self._legacy and self._calls > 1:
                return b""
            case _:
                pass
        return self._before + dumps(text) + self._behind if text else b""

    def _part_end(self, native: Native | None) -> bytes:
        if self._citations:
            length = self._length - self._offset
            citations, self._citations = self._citations, []
            self._beyond = self._beyond or any(citation.native for citation in citations)
            self._annotations += annotations_of(citations, self._offset, length, self._ctx)
        if not isinstance(self._open, ReasoningPart):
            return b""
        thoughts, self._thoughts = ReasoningPart("".join(self._thoughts), native), []
        details = sealed_details(thoughts, self._details, self._ctx)
        self._details += len(details)
        return self._chunk({"reasoning_details": details}) if details else b""

    def _stop(self, finish: Finish, native: Native | None) -> bytes:
        out = [self._speak(None)]
        if native is not None and self._beyond:
            carried = sealed_turn(native, self._details, self._ctx)
            out += [self._chunk({"reasoning_details": [entry]}) for entry in carried]
        if self._annotations:  # in one delta: the SDK cannot join lists that have no index
            out.append(self._chunk({"annotations": self._annotations}))
        refused, legacy = self._refused, self._legacy
        word, refusal = encode_finish(finish, self._ctx, refused=refused, legacy=legacy)
        if refusal is not None:
            out.append(self._chunk({"refusal": refusal}))
        return b"".join([*out, self._chunk({}, word)])

    def _moderation(self, found: Json) -> bytes:
        told = b'],"moderation":' + dumps(found)
        return self._envelope + told + self._tail if found else b""

    def _usage(self, usage: Usage | None) -> bytes:
        if usage is None or not self._asked_usage:
            return b""
        return self._envelope + b'],"usage":' + dumps(encode_usage(usage)) + b"}\n\n"
