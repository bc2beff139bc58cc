"""Responses streams, written: neutral events to events.

Hard part: what was said of an item has to be said again at its end, and of all items at the end of
all; ids must hold.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from ..answers import (
    CitationDelta,
    Error,
    Event,
    Failure,
    Keepalive,
    PartDelta,
    PartEnd,
    PartStart,
    Start,
    Stop,
)
from ..client_tools import returned_arguments
from ..context import Context
from ..fields import text_of
from ..json_text import Json, dumps, loads
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
from ..sse import COMMENT, format_event
from ..turn import plain_arguments
from .answer import (
    BEGUN,
    CITATION,
    DELTAS,
    PREFIXES,
    PROGRESS,
    PROSE,
    Item,
    carried_items,
    field_of,
    opened_call,
)
from .content import encode_annotation, encode_call_item
from .errors import encode_error, encode_failure
from .finish import Passed, encode_finish, encode_moderation, response_head
from .parts import PROTOCOL, border_of
from .usage import encode_tool_usage, encode_usage

__all__ = ["Encoder"]

SUMMARY = "response.reasoning_summary"
ANNOTATED = f"{CITATION}.added"


class Encoder:
    """One client's stream; `response` is the whole answer, once it is over.

    Texts in a row are parts of one message, which stays open until something else follows.
    """

    def __init__(self, ctx: Context) -> None:
        asked = ctx.request is None or ctx.request.reasoning.visible is True
        self._ctx = ctx
        self._shows = asked  # what was thought
        self._streams = asked and ctx.upstream != PROTOCOL  # its own items have an id at their end
        self.response: dict[str, Json] = {}
        self._events = 0
        self._output: list[Json] = []  # items that are done
        self._open_before = 0  # how many stay open that came before the next
        self._message: dict[str, Json] = {}  # the open one
        self._item: dict[str, Json] = {}  # another open one
        self._place: dict[str, Json] = {}  # of the open part, as its events name it
        self._part: Part | None = None
        self._pieces: list[str] = []  # of its text
        self._citations: list[Citation] = []
        self._logprobs: list[Json] = []
        self._before = self._behind = b""  # around the text of its deltas; b"": they wait
        self._refused = self._over = False
        self._beyond = False  # something was said that no item can hold

    def encode(self, event: Event) -> bytes:
        if isinstance(event, PartDelta):
            return self._delta(event.text, event.logprobs)
        if self._over:
            return b""
        match event:
            case Start():
                return self._start(event)
            case PartStart(part):
                return self._open(part)
            case PartEnd(native, cut):
                return self._close(native, cut)
            case CitationDelta(citation):
                self._citations.append(citation)
                return b""
            case Keepalive():
                return COMMENT
            case Stop():
                return self._stop(event)
            case Failure(error):
                return self._fail(error)
            case _:
                assert_never(event)

    def _event(self, kind: str, **fields: Json) -> bytes:
        self._events += 1
        payload = {"type": kind, **fields, "sequence_number": self._events - 1}
        return format_event(dumps(payload), kind)

    def _expect(self, kind: str, behind: bytes = b"") -> None:
        """The open part's deltas are text between two constants: made once, for there are many."""
        payload = dumps({"type": kind, **self._place})[:-1]
        self._before = b"event: " + kind.encode() + b"\ndata: " + payload + b',"delta":'
        self._behind = behind + b',"sequence_number":'

    def _start(self, start: Start) -> bytes:
        self.response = response_head(start, self._ctx)
        kinds = ("response.created", "response.in_progress")
        return b"".join(self._event(kind, response=self.response) for kind in kinds)

    def follow(self, start: Start | None, passed: Passed, message: Item | None) -> None:
        """Go on behind what was passed on; `message` is the one that is open."""
        self._events = passed.number
        if start is None:
            return
        head = response_head(start, self._ctx)
        own = {"id": start.id or head["id"], "model": start.model}
        self.response = {**head, **passed.head, **own}
        self._output = passed.output
        if message is not None:
            self._continue(message, passed)

    def _continue(self, message: Item, passed: Passed) -> None:
        if isinstance(message.index, int):
            self._open_before = message.index - len(self._output)
        item = passed.message(message.id)
        self._message = {**item, "id": message.id or self._id("message")}
        place = len(self._message["content"])
        self._part = message.spoken(place)
        self._pieces = [self._part.text] if self._part else []
        self._place = {**self._at(self._message), "content_index": place}

    # --- items

    @property
    def _index(self) -> int:
        """Of the next item."""
        return len(self._output) + self._open_before

    def _id(self, kind: str) -> str:
        stem = self.response["id"].removeprefix("resp_")
        return f"{PREFIXES.get(kind, 'item')}_{stem}_{self._index}"

    def _added(self, item: Json) -> bytes:
        return self._event("response.output_item.added", output_index=self._index, item=item)

    def _done(self, item: Json) -> bytes:
        index = self._index
        self._output.append(item)
        return self._event("response.output_item.done", output_index=index, item=item)

    def _whole(self, item: dict[str, Json], **begun: Json) -> bytes:
        """An item that is told at once; `begun` is what was different in its beginning."""
        kind = text_of(item.get("type"))
        item = item if item.get("id") else {**item, "id": self._id(kind)}
        added = self._added({**item, **begun})
        progress = (f"response.{kind}.{step}" for step in PROGRESS.get(kind, ()))
        events = [self._event(step, **self._at(item)) for step in progress]
        return b"".join([added, *events, self._done(item)])

    def _at(self, item: dict[str, Json]) -> dict[str, Json]:
        """How events name an open item."""
        return {"item_id": item["id"], "output_index": self._index}

    def _close_message(self, status: str = "completed") -> bytes:
        message, self._message = self._message, {}
        return self._done({**message, "status": status}) if message else b""

    # --- parts

    def _open(self, part: Part) -> bytes:
        self._part, self._pieces = part, []
        match part:
            case TextPart() | RefusalPart():
                return self._open_prose(part)
            case ReasoningPart():  # waits for its first text or its end
                return self._close_message()
            case ToolCallPart():
                return self._close_message() + self._open_call(part)
            case NativePart(native) if border := border_of(native):
                self._message |= border if self._message else {}
                return self._close_message()
            case NativePart():
                return self._close_message() + self._native(part)
            case _:
                raise TypeError(f"{type(part).__name__} cannot be part of an answer")

    def _open_prose(self, part: TextPart | RefusalPart) -> bytes:
        added = b"" if self._message else self._open_message()
        kind, field, more, behind = PROSE[type(part)]
        index = len(self._message["content"])
        self._place = {**self._at(self._message), "content_index": index}
        self._expect(f"response.{kind}.delta", behind)
        empty = {"type": kind, **more, field: ""}
        return added + self._event("response.content_part.added", **self._place, part=empty)

    def _open_message(self) -> bytes:
        head = {"id": self._id("message"), "type": "message", "status": "in_progress"}
        self._message = {**head, "role": "assistant", "content": []}
        return self._added(self._message)

    def _open_call(self, call: ToolCallPart) -> bytes:
        """Calls of built-in tools are told at their end: their items hold no text."""
        item = opened_call(call, self._ctx)
        if item is None:
            return b""
        self._item = {"id": self._id(item["type"]), "status": "in_progress", **item}
        self._place = self._at(self._item)
        self._expect(f"{DELTAS[item['type']]}.delta")
        return self._added(self._item)

    def _open_thought(self) -> bytes:
        if not (self._streams and isinstance(self._part, ReasoningPart)):
            return b""
        self._item = {"id": self._id("reasoning"), "type": "reasoning", "summary": []}
        self._place = {**self._at(self._item), "summary_index": 0}
        self._expect(f"{SUMMARY}_text.delta")
        empty = {"type": "summary_text", "text": ""}
        added = self._added(self._item)
        return added + self._event(f"{SUMMARY}_part.added", **self._place, part=empty)

    def _native(self, part: NativePart) -> bytes:
        if part.native.protocol == PROTOCOL:
            return b"".join(self._whole(dict(block)) for block in part.native.blocks)
        if part.seen:
            self._ctx.notes.add(part.code, part.where, "the client cannot show it")
        return b"".join(
            self._whole(item, **BEGUN.get(item["type"], {}))
            for item in carried_items(part, self._ctx)
        )

    def _delta(self, text: str, logprobs: tuple[Json, ...]) -> bytes:
        if not (text or logprobs):
            return b""
        self._pieces.append(text)
        if logprobs:
            return self._scored(text, encode_scores(logprobs, spelled=True))
        opened = b"" if self._before else self._open_thought()
        if not self._before:
            return b""
        self._events += 1
        tail = b"%d}\n\n" % (self._events - 1)
        return opened + self._before + dumps(text) + self._behind + tail

    def _scored(self, text: str, logprobs: list[Json]) -> bytes:
        if not isinstance(self._part, TextPart):
            return b""
        self._logprobs += logprobs
        kind = "response.output_text.delta"
        return self._event(kind, **self._place, delta=text, logprobs=logprobs)

    def _close(self, native: Native | None, cut: bool) -> bytes:
        part, text, item = self._part, "".join(self._pieces), self._item
        self._part, self._item, self._before = None, {}, b""
        match part:
            case TextPart():
                return self._close_text(text)
            case RefusalPart():
                return self._close_refusal(text)
            case ReasoningPart():
                return self._close_thought(item, text, native)
            case ToolCallPart():
                return self._close_call(item, replace(part, arguments=text), cut)
            case _:
                return b""

    def _note_beyond(self, natives: Iterable[Native | None]) -> None:
        others = (native for native in natives if native and native.protocol != PROTOCOL)
        self._beyond = self._beyond or any(True for _ in others)

    def _close_text(self, text: str) -> bytes:
        self._note_beyond(citation.native for citation in self._citations)
        found = (encode_annotation(cited, len(text), self._ctx) for cited in self._citations)
        annotations = [annotation for annotation in found if annotation is not None]
        logprobs, self._logprobs, self._citations = self._logprobs, [], []
        events = [
            self._event(ANNOTATED, **self._place, annotation_index=n, annotation=annotation)
            for n, annotation in enumerate(annotations)
        ]
        kind = "response.output_text.done"
        events.append(self._event(kind, **self._place, text=text, logprobs=logprobs))
        beside = {"annotations": annotations, "logprobs": logprobs}
        return b"".join([*events, self._part_done({"type": "output_text", **beside, "text": text})])

    def _close_refusal(self, text: str) -> bytes:
        self._refused = True
        done = self._event("response.refusal.done", **self._place, refusal=text)
        return done + self._part_done({"type": "refusal", "refusal": text})

    def _part_done(self, part: Json) -> bytes:
        self._message["content"].append(part)
        return self._event("response.content_part.done", **self._place, part=part)

    def _close_thought(self, item: dict[str, Json], text: str, native: Native | None) -> bytes:
        if native and native.protocol == PROTOCOL:
            hidden = {"summary": [], "encrypted_content": ""}
            return self._whole(native.blocks[0], **hidden)
        sealed = native and self._ctx.seal(native)
        state = {"encrypted_content": sealed} if sealed else {}
        summary = [{"type": "summary_text", "text": text}] if text and self._shows else []
        final = {"type": "reasoning", "summary": summary, **state}
        if not item:
            return self._whole(final, **BEGUN["reasoning"]) if summary or state else b""
        said = self._event(f"{SUMMARY}_text.done", **self._place, text=text)
        told = self._event(f"{SUMMARY}_part.done", **self._place, part=summary[0])
        return said + told + self._done({**item, **final})

    def _close_call(self, item: dict[str, Json], call: ToolCallPart, cut: bool) -> bytes:
        self._note_beyond([call.native])
        if not item:
            self._beyond = self._beyond or _is_changed(call)
            whole = {**encode_call_item(call, self._ctx), "status": "completed"}
            return b"" if cut else self._whole(whole, status="in_progress")
        field, about = field_of(item), DELTAS[item["type"]]
        done = self._event(f"{about}.done", **self._place, **{field: call.arguments})
        cut = cut or not (call.kind == "custom" or _is_json(call.arguments))
        status = "incomplete" if cut else "completed"
        return done + self._done({**item, "status": status, field: call.arguments})

    # --- the end

    def _stop(self, stop: Stop) -> bytes:
        status, reason, refusal = encode_finish(stop.finish, self._ctx, refused=self._refused)
        refused = b"" if refusal is None else self._refuse(refusal)
        is_whole = status == "completed"
        ending: dict[str, Json] = {
            "completed_at": self.response["created_at"] if is_whole else None,
            "incomplete_details": None if is_whole else {"reason": reason},
            "service_tier": stop.service_tier or self.response["service_tier"],
            "usage": encode_usage(stop.usage),
            **encode_tool_usage(stop.usage),
            **encode_moderation(stop.moderation, self._ctx),
        }
        closed = refused + self._close_message(status)
        return closed + self._carried(stop.native) + self._end(status, **ending)

    def _carried(self, native: Native | None) -> bytes:
        """All of an answer, for the upstream that made it, where its items do not hold it."""
        sealed = self._ctx.seal(native) if native and self._beyond else None
        if sealed is None:
            return b""
        item = {"type": "reasoning", "summary": [], "encrypted_content": sealed}
        return self._whole(item, **BEGUN["reasoning"])

    def _refuse(self, text: str) -> bytes:
        opened = self._open(RefusalPart(""))
        return opened + self._delta(text, ()) + self._close(None, cut=False)

    def _fail(self, error: Error) -> bytes:
        """Half a call stays open: an app could take it for one."""
        out = [] if self.response else [self._start(Start("", ""))]
        if isinstance(self._part, TextPart | RefusalPart | ReasoningPart):
            out.append(self._close(None, cut=True))
        out.append(self._close_message("incomplete"))
        told = encode_error(error, self._ctx)[1]["error"]
        flat = {key: told[key] for key in ("code", "message", "param")}
        out.append(self._event("error", **flat, error=told))
        return b"".join([*out, self._end("failed", error=encode_failure(error))])

    def _end(self, status: str, **fields: Json) -> bytes:
        self._over, self._part, self._before = True, None, b""
        self.response = {**self.response, "status": status, **fields, "output": self._output}
        return self._event(f"response.{status}", response=self.response)


def _is_changed(call: ToolCallPart) -> bool:
    """Whether an item of its tool gives its arguments back in another way."""
    returned = returned_arguments(call.name, call.arguments)
    return plain_arguments(returned) != plain_arguments(call.arguments)


def _is_json(text: str) -> bool:
    try:
        loads(text)
    except ValueError:
        return False
    return True
