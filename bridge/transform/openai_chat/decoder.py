"""Chat Completions streams, read: chunks to neutral events.

Hard part: the finish reason comes before the usage chunk, so `Stop` waits for that chunk, [DONE] or
the end. What servers send after it, and twice, is not part of the answer.
"""

from collections.abc import Mapping

from ..answers import CitationDelta, Error, Event, Failure, Finish, Keepalive, Start, Stop
from ..context import Context
from ..errors import UNEXPLAINED, complains, decode_error, error_inside
from ..fields import text_of
from ..json_text import Json, dump_text, loads_answer
from ..model import Citation, ReasoningPart, RefusalPart, TextPart
from ..sequence import Prose, Sequence
from ..sse import SseEvent
from ..think_tags import Piece, ThinkTags
from .answer import SOURCES, CallDeltas, citations_of, logprobs_of, read_start, sources_of, unread
from .encoder import Encoder
from .finish import decode_finish, is_limit, word_of
from .reasoning import ReasoningFields, extra_state
from .usage import OUTPUT, decode_usage

__all__ = ["Decoder"]

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
        self._started = self._over = self._closed = False
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

    @property
    def lacks_end(self) -> bool:
        """The usage chunk may be all that follows the finish reason."""
        return self._over and not self._closed

    def feed(self, event: SseEvent) -> list[Event]:
        data = event.data
        self._closed = self._closed or (data is not None and data.strip() == "[DONE]")
        if self._over:
            return []
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
            return self._fail(decode_error(200, failed), told=True)
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

    def ending(self, start: Start | None, ctx: Context) -> Encoder:
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

    def _fail(self, error: Error, *, told: bool = False) -> list[Event]:
        self._over = True
        return [Failure(error, told)]

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
