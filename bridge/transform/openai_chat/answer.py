"""What an answer is made of: the fields around it, calls in pieces, citations.

Hard part: calls come in pieces that say in many ways, or not at all, whose pieces they are.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from ..answers import Start
from ..context import Context
from ..fields import text_of
from ..json_text import Json, dump_text
from ..model import CallKind, Citation, ToolCallPart
from ..names import object_id
from ..notes import Notes
from ..sequence import Call, Sequence
from .reasoning import DETAILS, EXTRA, OPAQUE, TEXT_FIELDS

__all__ = ()

# --- reading

TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
MILLISECONDS = 100_000_000_000  # a number of seconds above it is none


def says_something(value: Json) -> bool:
    """Servers send fields that are there and empty, and objects of such."""
    return any(map(says_something, value.values())) if isinstance(value, dict) else bool(value)


# What a model made besides text: fields of OpenRouter, OpenAI, MiniMax and Groq.
UNTOLD = dict.fromkeys(
    ("images", "audio", "audio_content", "executed_tools"), "hosted_output_dropped"
)
# What is read of a delta, and labels.
KNOWN = frozenset(
    {
        *("content", "refusal", "tool_calls", "function_call", "annotations"),
        *(*TEXT_FIELDS, DETAILS, OPAQUE),
        *("role", "name", "id", "type", "object", "model"),
        *("channel", "parsed", "padding", "obfuscation"),
        *("sender_type", "sender_name"),  # MiniMax
        "provider_metadata",  # Vercel
    }
)


def unread(delta: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """What of a delta nothing reads, if it says something: a note's code, and the key."""
    if KNOWN.issuperset(delta):
        return
    for key, value in delta.items():
        if key not in KNOWN and isinstance(value, str | list | dict) and says_something(value):
            yield UNTOLD.get(key, "item_dropped"), key


def read_start(known: Start, chunk: Mapping[str, Json]) -> Start:
    """The first id and model count; some servers change them on the way."""
    tier = text_of(chunk.get("service_tier"))
    return Start(
        known.id or text_of(chunk.get("id")),
        known.model or text_of(chunk.get("model")),
        known.created or _seconds(chunk.get("created")),
        known.service_tier or (tier if tier in TIERS else None),
    )


def _seconds(value: Json) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        return None
    return value / 1000 if value > MILLISECONDS else value


def logprobs_of(choice: Mapping[str, Json]) -> tuple[Json, ...]:
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    return tuple(content) if isinstance(content, list) else ()


def citations_of(annotations: Json, offset: int) -> Iterator[Citation]:
    """`offset` is where the text part they belong to begins in the whole text."""
    for annotation in annotations if isinstance(annotations, list) else ():
        about = annotation.get("url_citation") if isinstance(annotation, dict) else None
        if about is None and isinstance(annotation, dict):  # or flat, as Responses has them
            about = annotation if annotation.get("type") == "url_citation" else None
        if isinstance(about, dict) and (url := text_of(about.get("url"))):
            start, end = (_place(about.get(key), offset) for key in ("start_index", "end_index"))
            yield Citation(url, text_of(about.get("title")) or None, start=start, end=end)


SOURCES = frozenset({"citations", "search_results"})


def sources_of(chunk: Mapping[str, Json]) -> list[Citation]:
    """What all of an answer is based on, where a server tells it beside the text (Perplexity)."""
    cited, results = (chunk.get(key) for key in ("citations", "search_results"))
    found = [result for result in _listed(results) if isinstance(result, dict)]
    titles = {text_of(r.get("url")): text_of(r.get("title")) or None for r in found}
    urls = [url for url in _listed(cited) if isinstance(url, str)] or titles
    return [Citation(url, titles.get(url)) for url in dict.fromkeys(urls) if url]


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _place(index: Json, offset: int) -> int | None:
    is_place = isinstance(index, int) and not isinstance(index, bool)
    return max(0, index - offset) if is_place else None


LEGACY = -1  # the index of `function_call`, which has none


class CallDeltas:
    """Finds out whose pieces come in `tool_calls`: by index and id, or where they stand."""

    def __init__(self, sequence: Sequence, notes: Notes, carry: Callable[[Json], None]) -> None:
        """`carry` keeps what a server says beside a call and wants back with it."""
        self._sequence, self._notes, self._carry = sequence, notes, carry
        self._by_index: dict[int, Call] = {}
        self._by_id: dict[str, Call] = {}
        self._last: Call | None = None

    def read(self, delta: Mapping[str, Json]) -> None:
        entries = delta.get("tool_calls")
        for place, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict):
                self._read(entry, _index(entry.get("index")), place)
        legacy = delta.get("function_call")
        if isinstance(legacy, dict):
            self._read({"function": legacy}, LEGACY, 0)

    def _read(self, entry: dict[str, Json], index: int | None, place: int) -> None:
        kind, inner = _kind_of(entry)
        call_id, name = text_of(entry.get("id")), text_of(inner.get("name"))
        text = inner.get("input" if kind == "custom" else "arguments")
        if not isinstance(text, str):
            text = "" if text is None else dump_text(text)  # Ollama gives the object itself
        call = self._find(index, call_id, name, text, place)
        if call is None:
            if not (call_id or name or text):
                return  # a placeholder, beside a text
            if entry.get(EXTRA):
                self._carry(entry[EXTRA])
            call = Call(ToolCallPart(call_id, name, "", kind), self._notes)
            self._sequence.begin(call)
        self._last = call
        if index is not None:
            self._by_index[index] = call
        if call_id:
            self._by_id.setdefault(call_id, call)
        self._sequence.call(call, call_id, name, text)

    def _find(
        self, index: int | None, call_id: str, name: str, text: str, place: int
    ) -> Call | None:
        """The call a piece belongs to; None: it begins another one."""
        if index is None and call_id:
            return self._by_id.get(call_id)
        call = self._last if index is None else self._by_index.get(index)
        if call is None or (call_id and call.part.id and call_id != call.part.id):
            return None
        if call_id or not (name and call.part.name):
            return call
        # A name again, and no id: repeated, unless the call it would belong to is whole.
        is_next = (call.said and text.strip()) or (index is None and place > 0)
        return None if is_next else call


def _kind_of(entry: dict[str, Json]) -> tuple[CallKind, dict[str, Json]]:
    """Some servers send an empty `custom` beside the function they mean."""
    function, custom = entry.get("function"), entry.get("custom")
    if isinstance(custom, dict) and (entry.get("type") == "custom" or function is None):
        return "custom", custom
    return "function", function if isinstance(function, dict) else {}


def _index(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# --- writing


def chunk_head(start: Start, ctx: Context) -> dict[str, Json]:
    """What all chunks of an answer have in common."""
    tier = {"service_tier": start.service_tier} if start.service_tier in TIERS else {}
    return {
        "id": object_id("chatcmpl-", start.id, ctx),
        "object": "chat.completion.chunk",
        "created": int(start.created or ctx.now),
        "model": start.model,
        **tier,
    }


def annotations_of(
    citations: Iterable[Citation], offset: int, length: int, ctx: Context
) -> Iterator[Json]:
    """Places in a text part as places in the whole text; a citation without one is of all of it."""
    for citation in citations:
        if citation.url is None:
            detail = "a place in a document of the request"
            ctx.notes.add("citations_dropped", "annotations", detail)
            continue
        start = 0 if citation.start is None else citation.start
        end = length if citation.end is None else citation.end
        place = {"start_index": offset + start, "end_index": offset + end}
        about = {**place, "title": citation.title or "", "url": citation.url}
        yield {"type": "url_citation", "url_citation": about}
