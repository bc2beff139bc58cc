"""Streams as an app gets them, in each protocol, made of neutral events."""

from collections.abc import Iterable

from bridge.call import Call
from bridge.injection.said import Frames
from bridge.transform import Protocol
from bridge.transform.answers import (
    Event,
    Finish,
    PartDelta,
    PartEnd,
    PartStart,
    Start,
    Stop,
    Usage,
)
from bridge.transform.context import context
from bridge.transform.json_text import dumps
from bridge.transform.model import ReasoningPart, TextPart, ToolCallPart
from bridge.transform.sse import SseParser
from bridge.transform.translator import CODECS

THOUGHT = [PartStart(ReasoningPart("")), PartDelta("hm "), PartDelta("yes"), PartEnd()]
WORDS = [
    PartStart(TextPart("")),
    PartDelta("Grüße "),
    PartDelta("an "),
    PartDelta("alle"),
    PartEnd(),
]
CALL = [
    PartStart(ToolCallPart("call_1", "weather", "")),
    PartDelta('{"city":'),
    PartDelta('"Zürich"'),
    PartDelta("}"),
    PartEnd(),
]
WITHOUT_ARGUMENTS = [PartStart(ToolCallPart("call_1", "weather", "")), PartEnd()]
AT_ONCE = [PartStart(ToolCallPart("call_1", "weather", "")), PartDelta('{"a":1}'), PartEnd()]
FREE = [PartStart(ToolCallPart("call_1", "run", "", "custom")), PartDelta("ls -l"), PartEnd()]
STOP = Stop(Finish("stop"), Usage(3, 2))


def stream(app: Protocol, *events: Event) -> list[bytes]:
    """Event by event."""
    encoder = CODECS[app].Encoder(context(app, app))
    made = b"".join(map(encoder.encode, [Start("msg_1", "m"), *events]))
    return Frames().feed(made, over=True)


def meant(app: Protocol, pieces: Iterable[bytes]) -> list[Event]:
    """What an app reads in `pieces`."""
    out: list[Event] = []
    decoder = CODECS[app].Decoder(context(app, app))
    for sse in SseParser().feed(b"".join(pieces)):
        out += decoder.feed(sse)
    return out


def call(app: Protocol, *, wants_stream: bool = True) -> Call:
    turns = [{"role": "user", "content": "hi"}]
    said = {"input": "hi"} if app == "openai_responses" else {"messages": turns}
    body = dumps({"model": "m", "stream": wants_stream, **said})
    return Call(app, "https", "api.example", 443, "/v1/x", (), body)
