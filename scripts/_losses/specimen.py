"""A specimen of what an app may send, and what becomes of it on the way to an upstream.

In: the least request that has one feature. Out: the codes of what was lost, or of the refusal.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bridge.transform import CODES, Note, Protocol, TransformError, Translator
from bridge.transform.envelope import seal
from bridge.transform.model import Native
from bridge.transform.profile import COMPATIBLE

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
ELSEWHERE = "some-model"  # of a server that is compatible with the vendor's
UPSTREAM, KEY = "upstream", b"key"
SILENT = "hint_dropped"  # nothing that anybody would miss


@dataclass(frozen=True, slots=True)
class Specimen:
    """`fields` go over those of the least request; `older`: what it shows is so with older models
    only."""

    fields: dict[str, Json]
    older: bool = False


# By subject, and then by what the app sends.
type Specimens = dict[str, dict[str, Specimen]]


class Outcome(NamedTuple):
    """`all` has the codes of all notes; with `refused` there is no translation."""

    all: tuple[str, ...] = ()
    refused: str = ""

    @property
    def codes(self) -> list[str]:
        """What is worth a word."""
        return [code for code in self.all if code != SILENT]

    def __str__(self) -> str:
        if self.refused:
            return f"refused: `{self.refused}`"
        return ", ".join(f"{CODES[code]}: `{code}`" for code in self.codes) or "="


def outcome_of(notes: Iterable[Note]) -> Outcome:
    return Outcome(tuple(dict.fromkeys(note.code for note in notes)))


def sent(
    client: Protocol, upstream: Protocol, body: Json, *, older: bool = False, vendor: bool = True
) -> Outcome:
    """TransformError for a body that an app must not send."""
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


def sealed(protocol: Protocol, upstream: str, *blocks: Json) -> str:
    """State of `upstream`, as an app got it from the bridge."""
    envelope = seal(Native(protocol, blocks, upstream), KEY)
    assert envelope
    return envelope


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole body, or the text of a stream; `fields` are what the app asked for besides."""

    body: Json
    fields: dict[str, Json] = field(default_factory=dict)


# By upstream, and then by what it answers.
type Answers = dict[Protocol, dict[str, Answer]]


def received(client: Protocol, upstream: Protocol, asked: Json, answer: Answer) -> Outcome:
    translator = Translator(client, upstream, NEWER[upstream], upstream_id=UPSTREAM, key=KEY)
    is_stream = isinstance(answer.body, str)
    translator.request(json.dumps({**asked, "stream": is_stream}).encode())
    if is_stream:
        translator.stream(answer.body.encode())
        translator.stream(b"")
    else:
        translator.response(json.dumps(answer.body).encode())
    if translator.phase != "finished":
        raise ValueError(f"the answer is {translator.phase}: {translator.failure}")
    return outcome_of(translator.notes)
