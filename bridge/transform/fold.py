"""Stream events to a whole answer, and a whole answer to stream events.

`Fold` is how every answer is made whole, so that a stream and its whole answer agree by
construction.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from .answers import (
    CitationDelta,
    Error,
    Event,
    Failure,
    Keepalive,
    PartDelta,
    PartEnd,
    PartStart,
    Response,
    Start,
    Stop,
)
from .json_text import Json
from .model import Citation, NativePart, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart


class Fold:
    """Takes the events of one answer; `response` after Stop, `error` after Failure, else None."""

    def __init__(self) -> None:
        self.response: Response | None = None
        self.error: Error | None = None
        self._start = Start("", "")
        self._parts: list[Part] = []
        self._open: Part | None = None
        self._text: list[str] = []
        self._citations: list[Citation] = []
        self._logprobs: list[Json] = []

    def add(self, event: Event) -> None:
        match event:
            case PartDelta(text, logprobs):
                self._text.append(text)
                self._logprobs += logprobs
            case PartStart(part):
                self._open = part
            case PartEnd():
                self._close(event)
            case CitationDelta(citation):
                self._citations.append(citation)
            case Start():
                self._start = event
            case Stop():
                self.response = self._finish(event)
            case Failure(error):
                self.error = error
            case Keepalive():
                pass
            case _:
                assert_never(event)

    def _close(self, end: PartEnd) -> None:
        text = "".join(self._text)
        match self._open:
            case TextPart() as part:
                part = replace(
                    part,
                    text=part.text + text,
                    citations=part.citations + tuple(self._citations),
                    logprobs=part.logprobs + tuple(self._logprobs),
                )
            case ReasoningPart() as part:
                part = replace(part, text=part.text + text, native=end.native or part.native)
            case ToolCallPart() as part:
                native = end.native or part.native
                part = replace(part, arguments=part.arguments + text, native=native)
            case RefusalPart() as part:
                part = replace(part, text=part.text + text)
            case part:  # a NativePart comes whole
                pass
        if part is not None:
            self._parts.append(part)
        self._open = None
        self._text, self._citations, self._logprobs = [], [], []

    def _finish(self, stop: Stop) -> Response:
        return Response(
            id=self._start.id,
            model=self._start.model,
            parts=tuple(self._parts),
            finish=stop.finish,
            usage=stop.usage,
            created=self._start.created,
            service_tier=stop.service_tier or self._start.service_tier,
            native=stop.native,
            moderation=stop.moderation,
        )


def unfold(response: Response) -> Iterator[Event]:
    """The shortest stream whose fold is `response`."""
    yield Start(response.id, response.model, response.created, response.service_tier)
    for part in response.parts:
        yield from _unfold_part(part)
    yield Stop(
        response.finish,
        response.usage,
        response.service_tier,
        response.native,
        moderation=response.moderation,
    )


def _unfold_part(part: Part) -> Iterator[Event]:
    match part:
        case TextPart(text, citations, logprobs=logprobs):
            yield PartStart(replace(part, text="", citations=(), logprobs=()))
            if text or logprobs:
                yield PartDelta(text, logprobs)
            yield from map(CitationDelta, citations)
            yield PartEnd()
        case ReasoningPart(text, native):
            yield PartStart(replace(part, text="", native=None))
            if text:
                yield PartDelta(text)
            yield PartEnd(native)
        case ToolCallPart(arguments=text, native=native):
            yield PartStart(replace(part, arguments=""))
            if text:
                yield PartDelta(text)
            yield PartEnd(native)
        case RefusalPart(text):
            yield PartStart(replace(part, text=""))
            yield PartDelta(text)
            yield PartEnd()
        case NativePart():
            yield PartStart(part)
            yield PartEnd()
        case _:  # the other parts stand in requests only
            raise TypeError(f"{type(part).__name__} cannot be part of an answer")
