"""Chat Completions stream: chunks to events and back.

Hard part: the finish reason comes before the usage chunk, so `Stop` waits for that chunk, [DONE] or
the end. What servers send after it, and twice, is not part of the answer.
"""

from collections.abc import Mapping
from typing import assert_never

from ..answers import (
    CitationDelta,
    Error,
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
from ..errors import UNEXPLAINED, complains, decode_error, error_inside
from ..fields import text_of
from ..json_text import Json, dump_text, dumps, loads_answer
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
from ..sequence import Prose, Sequence
from ..sse import COMMENT, DONE, SseEvent, format_event
from ..think_tags import Piece, ThinkTags
from .answer import (
    SOURCES,
    CallDeltas,
    annotations_of,
    chunk_head,
    citations_of,
    logprobs_of,
    read_start,
    sources_of,
    unread,
)
from .errors import encode_error
from .finish import decode_finish, encode_finish, is_limit, word_of
from .reasoning import (
    ReasoningFields,
    extra_state,
    sealed_details,
    sealed_turn,
)
from .usage import OUTPUT, decode_usage, encode_usage

__all__ = ["Decoder", "Encoder"]

# --- decoding

CHUNK = frozenset({"choices", "usage"})  # one of them is in every chunk
CUT = Error("server", "upstream stream ended early", 502)
EMPTY = Error("server", "the upstream ended without an answer", 502)


class Decoder:
    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._sequence = Sequence()
        self._calls = CallDeltas(self._sequence, ctx.notes, self._carry)
        self._fields = ReasoningFields()  # of the reasoning that is open, or comes next
        self._claimed = False  # they belong to a part that has begun
        self._tags = ThinkTags() if ctx.profile.think_tags else None
        self._start = Start("", "")
        self._started = self._over = False
        self._spoken = False  # a part has begun
        self._refusal: list[str] = []
        self._length = self._offset = 0  # of all text so far, and before the last text part
        self._uncited: list[Json] = []  # annotations that came before their text
        self._cited: set[str | None] = set()  # URLs
        self._sources: list[Citation] = []  # of the whole answer
        self._usage: Json = None
        self._moderation: Json = None
        self._finish: Finish | None = None
        self._complaint: Json = None  # the first event that nobody can read

    def feed(self, event: SseEvent) -> list[Event]:
        if self._over:
            return []
        data = event.data
        if data is None:
            return [Keepalive()]
        try:
            chunk = loads_answer(data)
        except ValueError:
            if data.strip() == "[DONE]":
                return self.done()
            chunk = data
        if event.event == "error" and not (isinstance(chunk, dict) and chunk.get("error")):
            chunk = {"error": chunk or UNEXPLAINED}
        if isinstance(chunk, dict):
            return self.chunk(chunk)
        self._hear(chunk)
        return []

    def _hear(self, said: Json) -> None:
        """What is no chunk may be why no more of them come."""
        if self._finish is None and self._complaint is None and complains(said):
            self._ctx.notes.add("item_dropped", "", "an event that is part of no answer")
            self._complaint = said

    def chunk(self, chunk: Mapping[str, Json]) -> list[Event]:
        """Events of one parsed chunk."""
        was_finished = self._finish is not None
        if failed := error_inside(chunk):
            return self._fail(decode_error(200, failed))
        if CHUNK.isdisjoint(chunk):
            self._hear(chunk)
        if not self._started:
            self._start = read_start(self._start, chunk)
        if not SOURCES.isdisjoint(chunk):
            self._sources = sources_of(chunk) or self._sources
        if isinstance(chunk.get("moderation"), dict):
            self._moderation = chunk["moderation"]
        given = chunk.get("choices")
        choices = [c for c in given if isinstance(c, dict)] if isinstance(given, list) else []
        for choice in choices:
            self._choice(choice)
        has_usage = self._read_usage(chunk, choices)
        events = self._due(anything=bool(choices))
        return events + self._stop() if was_finished and has_usage else events

    def done(self, *, whole: bool = False) -> list[Event]:
        """Nothing more comes; `whole`: of an answer that is no stream, so it cannot be cut."""
        if self._finish is None:
            if self._complaint is not None:
                return self._fail(decode_error(200, self._complaint))
            if not (whole or self._spoken):
                return self._fail(EMPTY)
            self._conclude("", {})
        return self._due(anything=True) + self._stop()

    def end(self) -> list[Event]:
        if self._over:
            return []
        if self._finish is None and self._complaint is None:
            return self._fail(CUT)
        return self.done()

    def ending(self, start: Start | None, ctx: Context) -> "Encoder":
        """For a client that got this stream as it came."""
        return Encoder(ctx, ended=self._finish is not None)

    def _due(self, *, anything: bool) -> list[Event]:
        """What can be said now, behind the start: that waits for an id, or something to say."""
        events = self._sequence.take()
        if self._started or not (events or (anything and self._start.id)):
            return events
        self._started = True
        return [self._start, *events]

    def _read_usage(self, chunk: Mapping[str, Json], choices: list[Json]) -> bool:
        """Whether there was one; the last that counts the output wins."""
        for holder in (chunk, chunk.get("x_groq"), *choices):  # Moonshot: in the choice
            usage = holder.get("usage") if holder and isinstance(holder, dict) else None
            if usage and isinstance(usage, dict):
                if self._usage is None or any(usage.get(key) is not None for key in OUTPUT):
                    self._usage = usage
                return True
        return False

    def _stop(self) -> list[Event]:
        assert self._finish is not None
        self._over = True
        usage = decode_usage(self._usage)
        if usage is None:
            self._ctx.notes.add("usage_missing", "usage", "the upstream did not count tokens")
        begun = [] if self._started else [self._start]  # of an answer with no id and nothing in it
        tier, found = self._start.service_tier, self._moderation
        return [*begun, Stop(self._finish, usage, tier, moderation=found)]

    def _fail(self, error: Error) -> list[Event]:
        self._over = True
        return [Failure(error)]

    # --- what is said

    def _choice(self, choice: dict[str, Json]) -> None:
        if choice.get("index") not in (None, 0, "0"):
            self._ctx.notes.add("choices_dropped", "n", "the first of several answers is given")
            return
        if self._finish is not None:  # a repeated last chunk, or a second turn
            return
        delta = choice.get("delta")
        if not isinstance(delta, dict) and not self._spoken:
            delta = choice.get("message")  # otherwise it repeats what was streamed
        if not isinstance(delta, dict) and "text" in choice:  # of older endpoints
            delta = {"content": text_of(choice["text"])}
        if isinstance(delta, dict):
            self._delta(delta, choice)
        if word := word_of(choice):
            self._conclude(word, choice)

    def _delta(self, delta: dict[str, Json], choice: dict[str, Json]) -> None:
        self._reason(delta)
        content = delta.get("content")
        if isinstance(content, str):
            if content:
                self._text(content, logprobs_of(choice))
        elif content is not None:
            self._other_content(content)
        if refusal := text_of(delta.get("refusal")):
            self._refusal.append(refusal)
            self._say(RefusalPart, refusal)
        if delta.get("tool_calls") or delta.get("function_call"):
            self._calls.read(delta)
            self._spoken = self._spoken or self._sequence.calls > 0
        if annotations := delta.get("annotations"):
            self._cite(annotations)
        for code, key in unread(delta):
            self._ctx.notes.add(code, key, "the model said what no part is")

    def _reason(self, delta: dict[str, Json]) -> None:
        if self._claimed and not isinstance(self._sequence.last, ReasoningPart):
            self._fields, self._claimed = self._fields.following(), False
        if thought := self._fields.read(delta):
            self._think(thought)
        elif not self._spoken and self._fields.has_state:
            self._open_reasoning()

    def _think(self, text: str) -> None:
        if not isinstance(self._sequence.last, ReasoningPart):
            self._open_reasoning()
        self._sequence.say(text)

    def _open_reasoning(self) -> None:
        fields, upstream, model = self._fields, self._ctx.upstream_id, self._start.model
        self._spoken = self._claimed = True
        self._sequence.begin(Prose(ReasoningPart(""), lambda: fields.native(upstream, model)))

    def _carry(self, extra: Json) -> None:
        """State of the call that follows."""
        native = extra_state(extra, self._ctx.upstream_id, self._start.model)
        self._sequence.begin(Prose(ReasoningPart(""), lambda: native))

    def _text(self, text: str, logprobs: tuple[Json, ...] = ()) -> None:
        if self._tags is None:
            self._say(TextPart, text, logprobs)
        else:
            self._sort(self._tags.feed(text))

    def _sort(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            if piece.is_reasoning:
                self._think(piece.text)
            else:
                self._say(TextPart, piece.text)

    def _say(
        self, kind: type[TextPart | RefusalPart], text: str, logprobs: tuple[Json, ...] = ()
    ) -> None:
        """More of the last part if it is of this kind, else the beginning of one."""
        if type(self._sequence.last) is not kind:
            self._spoken = True
            self._sequence.begin(Prose(kind("")))
            self._offset = self._length
        if kind is TextPart:
            self._length += len(text)
        self._sequence.say(text, logprobs)
        if self._uncited:
            self._cite([])

    def _other_content(self, content: Json) -> None:
        """A list of parts (Mistral), or what the model was to write as JSON, parsed."""
        if not isinstance(content, list):
            self._text(dump_text(content))
            return
        for part in content:
            if isinstance(part, str):
                self._text(part)
            elif isinstance(part, dict) and part.get("type") == "thinking":
                if thought := self._fields.read_part(part):
                    self._think(thought)
            elif isinstance(part, dict) and (text := text_of(part.get("text"))):
                self._text(text)

    def _cite(self, annotations: Json) -> None:
        """OpenRouter sends what a text is based on before the text."""
        self._uncited += annotations if isinstance(annotations, list) else []
        if isinstance(self._sequence.last, TextPart):
            for citation in citations_of(self._uncited, self._offset):
                self._cited.add(citation.url)
                self._sequence.cite(CitationDelta(citation))
            self._uncited = []

    def _cite_sources(self) -> None:
        """Behind the text, which is all there is to cite."""
        left = [source for source in self._sources if source.url not in self._cited]
        if not isinstance(self._sequence.last, TextPart):
            self._uncited += left
            return
        for source in left:
            self._sequence.cite(CitationDelta(source))

    def _conclude(self, word: str, choice: dict[str, Json]) -> None:
        """Close all parts; `word` is the server's reason, "" if it gave none."""
        if self._tags:
            self._sort(self._tags.end())
        if not self._claimed and self._fields.has_state:
            self._open_reasoning()
        self._cite_sources()
        if self._uncited:
            self._ctx.notes.add("citations_dropped", "annotations", "citations of no text")
        self._sequence.finish(cut=is_limit(word))
        calls, cut = self._sequence.calls, self._sequence.cut
        refusal = "".join(self._refusal)
        self._finish = decode_finish(word, choice, calls, refusal, cut, self._ctx)


# --- encoding

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
