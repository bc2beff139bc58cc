"""Specimens of what an app may send and an upstream may answer, and what translation makes of them.

In: the least request, or answer, that has one feature. Out: the codes of what was lost, or of the
refusal. Both come from the translator itself.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bridge.transform import CODES, Note, Protocol, TransformError, Translator
from bridge.transform.envelope import seal
from bridge.transform.families import COMPATIBLE
from bridge.transform.model import Native

type Json = Any

NAMES: dict[Protocol, str] = {
    "anthropic_messages": "Messages",
    "openai_chat": "Chat",
    "openai_responses": "Responses",
}
# What the upstream is asked for, as its vendor has it today, and of the time before.
NEWER: dict[Protocol, str] = {
    "anthropic_messages": "claude-sonnet-5-5",
    "openai_chat": "gpt-6.2-sol",
    "openai_responses": "gpt-6.2-sol",
}
OLDER: dict[Protocol, str] = {
    "anthropic_messages": "claude-sonnet-4-5",
    "openai_chat": "gpt-4.1",
    "openai_responses": "gpt-4.1",
}
FOR_OLDER = " for an older model"
ELSEWHERE = "some-model"  # of a server that is compatible with the vendor's
UPSTREAM, KEY = "upstream", b"key"
SILENT = "hint_dropped"  # nothing that anybody would miss
SEVERITIES = {"lost": "**lost**", "degraded": "degraded", "cosmetic": "cosmetic"}


@dataclass(frozen=True, slots=True)
class Specimen:
    """`fields` go over those of the least request; `older`: what it shows is so with older models
    only."""

    fields: dict[str, Json]
    older: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole body, or the text of a stream. `asks`: the apps that can get it, and what they send
    to get it; empty: all, without a word."""

    body: Json
    asks: dict[Protocol, dict[str, Json]] = field(default_factory=dict)


# By subject, and then by what the app sends.
type Specimens = dict[str, dict[str, Specimen]]
# By upstream, and then by what it answers.
type Answers = dict[Protocol, dict[str, Answer]]


def each(*, older: bool = False, **fields: Json) -> dict[str, Specimen]:
    """A specimen for each field, called by its name."""
    suffix = FOR_OLDER if older else ""
    return {f"`{name}`{suffix}": Specimen({name: fields[name]}, older) for name in fields}


class Outcome(NamedTuple):
    """`all` has the codes of all notes; with `refused` there is no translation."""

    all: tuple[str, ...] = ()
    refused: str = ""

    @property
    def said(self) -> list[str]:
        """What is worth a word."""
        return [code for code in self.all if code != SILENT]

    def __str__(self) -> str:
        if self.refused:
            return f"**refused**: `{self.refused}`"
        return ", ".join(f"`{code}` ({SEVERITIES[CODES[code]]})" for code in self.said) or "="


def outcome_of(notes: Iterable[Note]) -> Outcome:
    return Outcome(tuple(dict.fromkeys(note.code for note in notes)))


def sent(
    client: Protocol, upstream: Protocol, body: Json, *, older: bool = False, vendor: bool = True
) -> Outcome:
    """What becomes of a request. TransformError for one that an app must not send."""
    model = (OLDER if older else NEWER)[upstream] if vendor else ELSEWHERE
    profile = None if vendor else COMPATIBLE[upstream]
    translator = Translator(client, upstream, model, profile, upstream_id=UPSTREAM, key=KEY)
    try:
        translator.request(json.dumps(body).encode())
    except TransformError as error:
        if not error.code:
            raise
        return Outcome(refused=error.code)
    return outcome_of(translator.notes)


def received(client: Protocol, upstream: Protocol, asked: Json, answer: Answer) -> Outcome:
    """What becomes of an answer to the request `asked`. ValueError for one that is none."""
    is_stream = isinstance(answer.body, str)
    body = {**asked, **answer.asks.get(client, {}), "stream": is_stream}
    translator = Translator(client, upstream, NEWER[upstream], upstream_id=UPSTREAM, key=KEY)
    translator.request(json.dumps(body).encode())
    if is_stream:
        translator.stream(answer.body.encode())
        translator.stream(b"")
    else:
        translator.response(json.dumps(answer.body).encode())
    if translator.phase != "finished":
        raise ValueError(f"the answer is {translator.phase}: {translator.failure}")
    return outcome_of(translator.notes)


def sealed(protocol: Protocol, upstream: str, *blocks: Json) -> str:
    """State of `upstream`, as an app got it from the bridge."""
    envelope = seal(Native(protocol, blocks, upstream), KEY)
    assert envelope
    return envelope
