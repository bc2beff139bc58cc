"""A conversation as a person reads it: the same look for all three protocols.

In: a request or an answer, as `reading` gives them. Out: turns as data. Hard part: what one vendor
splits another joins. So neighbours of one role are one turn, what a model said in several pieces is
one text, and what a tool gave stands beside its call.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any, Literal

from ..transform.answers import Error, Finish, Response, Usage
from ..transform.model import Message, Part, Request, TextPart, ToolCallPart, ToolResultPart
from ..transform.prepare import full_name
from ..transform.reading import Read
from .blocks import Block, blocks_of
from .settings import Setting, settings_of, tool_line

type Speaker = Literal["system", "user", "assistant", "tool"]

COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
ROLES: dict[str, Speaker] = {
    "system": "system",
    "developer": "system",  # what Chat and Responses call it for some models
    "user": "user",
    "assistant": "assistant",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """`name` is the speaker's own, if the app gives it. A turn of role "tool" holds what no call
    asked for."""

    role: Speaker
    blocks: tuple[Block, ...]
    name: str = ""

    @property
    def new(self) -> bool:
        return all(block.new for block in self.blocks)

    def as_dict(self) -> dict[str, Any]:
        blocks = [asdict(block) for block in self.blocks]
        return {"role": self.role, "name": self.name, "new": self.new, "blocks": blocks}


@dataclass(frozen=True, slots=True)
class Transcript:
    """`settings` are the model and all else that is asked beside the conversation; `stop` is why
    the answer ended."""

    settings: tuple[Setting, ...] = ()
    tools: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = ()
    usage: tuple[tuple[str, int], ...] = ()
    stop: str = ""
    error: str = ""
    faults: tuple[str, ...] = ()  # what could not be read

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "stop": self.stop,
            "error": self.error,
            "settings": {setting.word: setting.text for setting in self.settings},
            "tools": list(self.tools),
            "turns": [turn.as_dict() for turn in self.turns],
            "usage": dict(self.usage),
            "faults": list(self.faults),
        }


def of_request(request: Request, faults: Iterable[str] = ()) -> Transcript:
    return Transcript(
        settings=tuple(settings_of(request)),
        tools=tuple(map(tool_line, request.tools)),
        turns=tuple(turns(request)),
        faults=tuple(faults),
    )


def of_answer(read: Read) -> Transcript:
    said = read.response
    ended = said is not None and not read.error and not read.cut
    return Transcript(
        settings=(Setting("model", said.model),) if said and said.model else (),
        turns=tuple(_answer(said)) if said else (),
        usage=tuple(_usage(said.usage)) if said and said.usage else (),
        stop=_stop(said.finish) if said and ended else "",
        error=_error(read.error) if read.error else "",
        faults=read.faults,
    )


def _usage(usage: Usage) -> Iterator[tuple[str, int]]:
    """What is counted in every answer, and of the rest what there is of it."""
    for name in COUNTS:
        count = getattr(usage, name)
        if count or (count == 0 and name in COUNTS[:2]):
            yield name, count


def _stop(finish: Finish) -> str:
    told = (finish.reason, finish.stop_sequence, finish.category, finish.explanation)
    return ": ".join(filter(None, told))


def _error(error: Error) -> str:
    return f"{error.kind}: {error.message}"


# --- turns


def turns(request: Request, read: Read | None = None) -> list[Turn]:
    """The turns of a request, and its answer as the last one. What is behind the last answer in
    the request is new."""
    messages = request.messages
    answered = max((n for n, m in enumerate(messages) if m.role == "assistant"), default=-1)
    history = _History()
    for n, message in enumerate(messages):
        history.read(message, new=n > answered)
    found = list(history.turns())
    return [*found, *_answer(read.response)] if read and read.response else found


def _answer(response: Response) -> Iterator[Turn]:
    said = [_Said(part, True) for part in response.parts]
    if blocks := tuple(_blocks("assistant", said)):
        yield Turn("assistant", blocks)


@dataclass(slots=True)
class _Said:
    """A part, and if it is a call what it gave."""

    part: Part
    new: bool
    results: "list[_Said]" = field(default_factory=list)


class _History:
    """The turns so far, and the calls whose results are still to come."""

    def __init__(self) -> None:
        self._turns: list[tuple[Speaker, str, list[_Said]]] = []
        self._calls: dict[str, _Said] = {}
        self._ended = True  # whoever speaks next begins a turn

    def read(self, message: Message, *, new: bool) -> None:
        for part in message.parts:
            said = _Said(part, new)
            if message.role == "tool":
                self._result(said, part)
                continue
            self._add(ROLES[message.role], message.name or "", said)
            if isinstance(part, ToolCallPart):
                self._calls[part.id] = said

    def turns(self) -> Iterator[Turn]:
        for role, name, said in self._turns:
            if blocks := tuple(_blocks(role, said)):
                yield Turn(role, blocks, name)

    def _result(self, said: _Said, part: Part) -> None:
        call = self._calls.pop(part.call_id, None) if isinstance(part, ToolResultPart) else None
        if call is None:
            self._add("tool", "", said)
        else:
            call.results.append(said)
            self._ended = True

    def _add(self, role: Speaker, name: str, said: _Said) -> None:
        if self._ended or self._turns[-1][:2] != (role, name):
            self._turns.append((role, name, []))
        self._turns[-1][2].append(said)
        self._ended = False


def _blocks(role: Speaker, said: Iterable[_Said]) -> Iterator[Block]:
    for one in _as_told(said) if role == "assistant" else said:
        part = one.part
        yield from blocks_of(part, new=one.new)
        if isinstance(part, ToolCallPart):
            tool = full_name(part.name, part.namespace)
            for result in one.results:
                yield from blocks_of(result.part, title=tool, new=result.new)


def _as_told(said: Iterable[_Said]) -> Iterator[_Said]:
    """Texts in a row as one: vendors split what a model says for their own reasons."""
    for is_text, run in groupby(said, key=lambda one: isinstance(one.part, TextPart)):
        together = list(run)
        texts = [one.part for one in together if isinstance(one.part, TextPart)]
        if is_text and len(texts) > 1:
            cited = tuple(citation for text in texts for citation in text.citations)
            yield _Said(TextPart("".join(text.text for text in texts), cited), together[0].new)
        else:
            yield from together
