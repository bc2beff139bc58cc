"""Messages streams, written: neutral events to events.

Hard part: the grammar is strict, and reasoning can be of two kinds of block, which only its end
tells.
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
from ..json_text import Json, dump_text, dumps
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
from ..sse import format_event
from .answer import (
    THINKING,
    encode_call,
    encode_citation,
    encode_native,
    encode_signature,
    encode_thinking,
    is_hidden,
    is_omitted,
    message_head,
    note_moderated,
)
from .content import encode_input
from .errors import encode_error
from .finish import encode_finish
from .parts import SUMMARY
from .usage import encode_usage

__all__ = ["Encoder"]

_DELTA_END = b"}}\n\n"

SUMMED = ("content", "encrypted_content")  # of a summary, which its delta tells


class Encoder:
    """One client's stream; at most one block is open. `ended`: it knows why it stopped."""

    def __init__(self, ctx: Context, *, ended: bool = False) -> None:
        self._ctx, self._ended = ctx, ended
        self._part: Part | None = None  # the open one
        self._pieces: list[str] = []  # of its text
        self._early: list[Citation] = []  # of what it has not said yet
        self._prefix = b""  # of its deltas; b"" before they may go out
        self._is_object = True  # the open call's arguments, as far as one can tell
        self._index = 0
        self._refusals: list[str] = []
        self._started = self._over = False

    def encode(self, event: Event) -> bytes:
        if isinstance(event, PartDelta):
            return self._delta(event.text) if event.text else b""
        if self._over:
            return b""
        match event:
            case Start(id, model, service_tier=tier):
                self._started = True
                return _event("message_start", message=message_head(id, model, tier, self._ctx))
            case PartStart(part):
                return self._open(part)
            case PartEnd(native):
                return self._close(native)
            case CitationDelta(citation):
                return self._cite(citation)
            case Stop(finish, usage, tier, moderation=found):
                note_moderated(found, self._ctx)
                return self._stop(finish, usage, tier)
            case Failure(error):
                self._over, self._part, self._prefix = True, None, b""
                return format_event(dumps(encode_error(error, self._ctx)[1]), "error")
            case Keepalive():
                return _event("ping") if self._started else b""
            case _:
                assert_never(event)

    def _open(self, part: Part) -> bytes:
        """Reasoning waits for its first text or its end, which tell what kind of block it is."""
        self._part, self._pieces, self._early, self._is_object = part, [], [], True
        match part:
            case TextPart() | RefusalPart():
                self._prefix = self._delta_start("text_delta", "text")
                return self._block_start({"type": "text", "text": ""})
            case ToolCallPart():
                return self._block_start(encode_call(part))
            case NativePart():
                return b"".join(map(self._native, encode_native(part, self._ctx)))
            case _:
                return b""

    def _native(self, block: Json) -> bytes:
        """A summary comes as a delta, all of it at once."""
        start, delta = block, b""
        if block.get("type") == SUMMARY:
            start = {**block, **dict.fromkeys(SUMMED)}
            said = {name: block.get(name) for name in SUMMED}
            delta = self._block_delta(type="compaction_delta", **said)
        return self._block_start(start) + delta + self._block_stop()

    def _delta(self, text: str) -> bytes:
        self._pieces.append(text)
        if self._prefix:
            return self._prefix + dumps(text) + _DELTA_END
        match self._part:
            case ReasoningPart() if not (is_hidden(self._ctx) or is_omitted(self._ctx)):
                self._prefix = self._delta_start("thinking_delta", "thinking")
                return self._block_start(THINKING) + self._prefix + dumps(text) + _DELTA_END
            case ToolCallPart() if self._is_object and (begun := text.lstrip()):
                self._is_object = begun.startswith("{")
                return self._arguments("".join(self._pieces)) if self._is_object else b""
            case _:
                return b""

    def _arguments(self, text: str) -> bytes:
        self._prefix = self._delta_start("input_json_delta", "partial_json")
        return self._prefix + dumps(text) + _DELTA_END

    def _cite(self, citation: Citation) -> bytes:
        """One of text that is still to come waits for it, and those behind it do."""
        if not isinstance(self._part, TextPart):
            return b""
        text = "".join(self._pieces)
        if self._early or (citation.end or 0) > len(text):
            self._early.append(citation)
            return b""
        return self._cited(citation, text)

    def _cited(self, citation: Citation, text: str) -> bytes:
        encoded = encode_citation(citation, text, self._ctx)
        return self._block_delta(type="citations_delta", citation=encoded) if encoded else b""

    def _close(self, native: Native | None) -> bytes:
        part, text, opened = self._part, "".join(self._pieces), bool(self._prefix)
        self._part, self._prefix = None, b""
        match part:
            case ReasoningPart() if opened:
                signature = encode_signature(native, self._ctx)
                sealed = self._block_delta(type="signature_delta", signature=signature)
                return (sealed if signature else b"") + self._block_stop()
            case ReasoningPart():
                return self._unsaid(encode_thinking("", native, self._ctx))
            case ToolCallPart():
                given = {} if opened else encode_input(text, "", self._ctx)
                rest = self._arguments(dump_text(given)) if given else b""
                self._prefix = b""
                return rest + self._block_stop()
            case TextPart() | RefusalPart():
                self._refusals += [text] if isinstance(part, RefusalPart) else []
                early = [self._cited(citation, text) for citation in self._early]
                return b"".join(early) + self._block_stop()
            case _:
                return b""

    def _unsaid(self, block: Json) -> bytes:
        """Thinking without text. Its signature is a delta as well: apps take it from no start."""
        if block is None:
            return b""
        if not (signature := block.get("signature")):
            return self._block_start(block) + self._block_stop()
        start = self._block_start({**block, "signature": ""})
        sealed = self._block_delta(type="signature_delta", signature=signature)
        return start + sealed + self._block_stop()

    def _stop(self, finish: Finish, usage: Usage | None, tier: str | None) -> bytes:
        self._over = True
        if self._ended:
            return _event("message_stop")
        delta = encode_finish(finish, "".join(self._refusals), self._ctx)
        counts = {k: v for k, v in encode_usage(usage, tier).items() if v is not None}
        return _event("message_delta", delta=delta, usage=counts) + _event("message_stop")

    def _block_start(self, block: Json) -> bytes:
        return _event("content_block_start", index=self._index, content_block=block)

    def _block_delta(self, **delta: Json) -> bytes:
        return _event("content_block_delta", index=self._index, delta=delta)

    def _block_stop(self) -> bytes:
        self._index += 1
        return _event("content_block_stop", index=self._index - 1)

    def _delta_start(self, kind: str, field: str) -> bytes:
        """What `_block_delta` gives up to the text: made once, for there are many."""
        start = (
            'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            '"delta":{"type":"%s","%s":'
        )
        return (start % (self._index, kind, field)).encode()


def _event(kind: str, **fields: Json) -> bytes:
    return format_event(dumps({"type": kind, **fields}), kind)
