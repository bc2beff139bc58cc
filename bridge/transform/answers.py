"""The neutral model's other half: what answers, their streams and errors mean.

Values only, like those of `model`.
"""

from dataclasses import field
from typing import Literal

from .json_text import Json
from .model import Citation, Native, Part
from .values import dataclass

type FinishReason = Literal[
    "stop",
    "stop_sequence",
    "length",
    "context_window",
    "tool_calls",
    "content_filter",  # a filter of the host
    "refusal",  # the model or a classifier declined
    "pause",  # a server tool loop wants to be continued
    "compaction",
    "interrupted",  # ended early for no reason the other protocols have (steered, max_messages)
]
type ErrorKind = Literal[
    "invalid_request",
    "context_length",
    "authentication",
    "billing",
    "permission",
    "not_found",
    "model_not_found",
    "timeout",
    "conflict",
    "too_large",
    "rate_limit",
    "overloaded",
    "server",
]


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts, OpenAI's way: input includes cached ones, output includes reasoning.

    None: unknown.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_short_tokens: int | None = None  # 5m (Anthropic), 30m (OpenAI)
    cache_write_long_tokens: int | None = None  # 1h, 12h
    reasoning_tokens: int | None = None
    web_search_requests: int | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """Why an answer ended. `raw` is the vendor's own word; `inferred`: it gave none."""

    reason: FinishReason
    raw: str | None = None
    stop_sequence: str | None = None
    explanation: str | None = None  # of a refusal
    category: str | None = None  # of a refusal


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer: what folding its stream gives."""

    id: str
    model: str
    parts: tuple[Part, ...]
    finish: Finish
    usage: Usage | None = None
    created: float | None = None
    service_tier: str | None = None
    native: Native | None = None  # the content as the upstream sent it
    moderation: Json = None  # what a moderator found in request and answer, in Chat's form


@dataclass(frozen=True, slots=True)
class Error:
    """What went wrong upstream or in the bridge; `code`, `param`, `details` as received."""

    kind: ErrorKind
    message: str
    status: int
    code: str | None = None
    type: str | None = None
    param: str | None = None
    details: Json = None
    request_id: str | None = None


# --- stream events: Start (PartStart PartDelta* PartEnd)* Stop | Failure, one part open at a time


@dataclass(frozen=True, slots=True)
class Start:
    id: str
    model: str
    created: float | None = None
    service_tier: str | None = None


@dataclass(frozen=True, slots=True)
class PartStart:
    """Opens a part: a text, reasoning, refusal or tool call without its text yet, or a NativePart
    whole."""

    part: Part


@dataclass(frozen=True, slots=True)
class PartDelta:
    """More text of the open part (text, reasoning, refusal, or tool call arguments)."""

    text: str
    logprobs: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class CitationDelta:
    """A citation of the open text part."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class PartEnd:
    """Closes the open part. `native` is its opaque state, known only now (signature, ciphertext).

    `cut`: the answer ended inside it, so a tool call's arguments are not whole.
    """

    native: Native | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """The answer is whole. `native` is all of it as its upstream made it, if it holds state.

    `states` are those that its end tells once more: vendors seal the same thing anew each time.
    """

    finish: Finish
    usage: Usage | None = None
    service_tier: str | None = None
    native: Native | None = None
    states: tuple[str, ...] = field(default=(), compare=False)
    moderation: Json = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer broke off; a part may still be open. `told`: an event of the upstream says so."""

    error: Error
    told: bool = False


@dataclass(frozen=True, slots=True)
class Keepalive:
    """The upstream is alive and says nothing."""


type Event = Start | PartStart | PartDelta | CitationDelta | PartEnd | Stop | Failure | Keepalive
