"""One side of a stream: its events, each with the byte it ends at and what it says.

In: the text of an answer as it was kept. Out: events in their order; an answer that is no stream is
one. Hard part: bytes are counted as they came, so an event ends where its blank line does, whatever
the line ends are and however many bytes its characters have.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from ..transform.cut_json import without_mark
from ..transform.fields import object_of, objects_of
from ..transform.json_text import Json, loads
from ..transform.model import Protocol
from ..transform.sse import SseEvent, SseParser
from .excerpt import shortened, shown
from .kept import is_stream

MAX_EVENTS = 20_000
EXCERPT = 80  # characters
TEXT = 48  # of a text in it


@dataclass(frozen=True, slots=True)
class Told:
    """An event for people."""

    name: str
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """`said` is the piece of the answer in it; `quiet`: nothing but that the server is alive."""

    end: int
    told: Told
    said: str = ""
    quiet: bool = False
    last: bool = False  # nothing comes behind it
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Stream:
    """`ending`: what has to come last; "" where the answer is no stream. `more`: bytes behind the
    last event here, that were not kept or are not looked at."""

    events: list[Event] = field(default_factory=list)
    ending: str = ""
    more: int = 0


ENDINGS: dict[Protocol, str] = {
    "anthropic_messages": "message_stop",
    "openai_chat": "[DONE]",
    "openai_responses": "response.completed",
}
# What else may come last.
LAST = (*ENDINGS.values(), "response.incomplete", "response.failed", "response.done", "error")
QUIET = ("ping", "keepalive", "(comment)")


def stream_of(text: str, protocol: str) -> Stream:
    text, more = without_mark(text)
    if not text.strip():
        return Stream(more=more)
    if not is_stream(text):
        whole = Told("(no stream)", shortened(" ".join(text[:EXCERPT].split()), EXCERPT))
        return Stream([Event(len(text.encode("utf-8", "replace")), whole)], more=more)
    data = text.encode("utf-8", "replace")
    events = list(islice(_events(data), MAX_EVENTS))
    left_out = len(data) - events[-1].end if len(events) == MAX_EVENTS else 0
    return Stream(events, _ending(protocol, events), more + left_out)


def _ending(protocol: str, events: list[Event]) -> str:
    """By the protocol of the record, else by what the events look like."""
    for known, ending in ENDINGS.items():
        if known == protocol:
            return ending
    names = {event.told.name for event in events}
    if names & {"chunk", "[DONE]"}:
        return ENDINGS["openai_chat"]
    responses = any(name.startswith("response.") for name in names)
    return ENDINGS["openai_responses" if responses else "anthropic_messages"]


# A line end twice, and any behind them. Without the atomic group one CRLF would be two.
_BLANK_LINE = re.compile(rb"((?>\r\n|\n|\r){2})(?>\r\n|\n|\r)*+")


def _events(data: bytes) -> Iterator[Event]:
    parser, begin = SseParser(limit=len(data)), 0
    for blank in _BLANK_LINE.finditer(data):
        frame = data[begin : blank.end()]
        begin = blank.end()
        for event in parser.feed(frame):
            yield _event(event, blank.end(1), frame)
    for event in [*parser.feed(data[begin:]), *parser.end()]:
        yield _event(event, len(data), data[begin:])


def _event(event: SseEvent, end: int, frame: bytes) -> Event:
    if event.data is None:
        name = event.event or "(comment)"
        words = "" if event.event else frame.strip().decode("utf-8", "replace")
        return Event(end, Told(name, shortened(words, EXCERPT)), quiet=name in QUIET)
    if event.data.strip() == "[DONE]":
        return Event(end, Told("[DONE]"), last=True)
    try:
        payload = loads(event.data)
    except ValueError:
        broken = shortened(f"no JSON: {event.data[:EXCERPT]}", EXCERPT)
        return Event(end, Told(event.event or "data", broken))
    fields = payload if isinstance(payload, dict) else {}
    name = _name(event.event, fields)
    excerpt, said = _excerpt(fields)
    failed = bool(fields.get("error")) or name in ("error", "response.failed")
    told = Told(name, shortened(excerpt, EXCERPT))
    return Event(end, told, said, name in QUIET, name in LAST or failed, failed)


def _name(line: str, fields: dict[str, Json]) -> str:
    """Chat's events have none."""
    kind = fields.get("type")
    given = kind if isinstance(kind, str) else line
    return given or ("error" if fields.get("error") else "chunk")


# --- what an event says

# Keys of a delta whose text is a piece of the answer.
PIECES = (
    "text",
    "thinking",
    "partial_json",
    "content",
    "reasoning_content",
    "reasoning",
    "refusal",
)
# Objects of an event of which type and name say it all.
THINGS = ("content_block", "item", "part")


def _excerpt(fields: dict[str, Json]) -> tuple[str, str]:
    """In a few words, and the piece of the answer."""
    delta, words = fields.get("delta"), list[str]()
    if isinstance(delta, str):
        return _quoted(delta), delta
    said = _delta(object_of(delta), words)
    for choice in objects_of(fields.get("choices")):
        said = _delta(object_of(choice.get("delta") or choice.get("message")), words) or said
        words += _named("finish_reason", choice.get("finish_reason"))
    for thing in map(object_of, map(fields.get, THINGS)):
        words += [str(thing[key]) for key in ("type", "name") if thing.get(key)]
    words += _named("status", object_of(fields.get("response")).get("status"))
    words += _problem(fields.get("error") or object_of(fields.get("response")).get("error"))
    words += _usage(fields.get("usage"))
    return ", ".join(words), said


def _delta(delta: dict[str, Json], words: list[str]) -> str:
    said = ""
    for key, value in delta.items():
        if key in PIECES and isinstance(value, str):
            said = said or value
            words += [f"{key} {_quoted(value)}"] if value else []
        elif key == "tool_calls":
            said = _calls(value, words) or said
        elif key not in ("type", "role"):
            words += _named(key, value)
    if not words and delta.get("role"):
        words += _named("role", delta["role"])
    return said


def _calls(calls: Json, words: list[str]) -> str:
    said = ""
    for call in objects_of(calls):
        called = object_of(call.get("function") or call.get("custom"))
        given = called.get("arguments") or called.get("input")
        name = called.get("name")
        words += [f"call {name}"] if name else []
        if isinstance(given, str):
            words.append(f"arguments {_quoted(given)}")
            said = said or given
    return said


def _named(key: str, value: Json) -> list[str]:
    if value in (None, "", [], {}):
        return []
    return [
        f"{key} {value}"
        if isinstance(value, str) and len(value) < TEXT
        else f"{key} {shown(value, TEXT)}"
    ]


def _problem(error: Json) -> list[str]:
    message = error.get("message") if isinstance(error, dict) else error
    return [str(message or shown(error, TEXT))] if error else []


def _usage(usage: Json) -> list[str]:
    counts = object_of(usage)
    pairs = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
    given, made = (next((counts[k] for k in keys if counts.get(k)), 0) for keys in pairs)
    return [f"{given} in, {made} out"] if given or made else []


def _quoted(text: str) -> str:
    return shown(text, TEXT)
