"""What one upstream is asked for a compaction in place of the app's call, and what the app gets.

In: a call that asks for one, by the endpoint of Responses or by the field of Messages. Out: an
upstream's own endpoint where it has one, else a call for a summary; and of the answer to either
what the app expects. Hard part: none of these answers is the app's, and each of them may come of
the next attempt at the same call.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .call import Call
from .compaction import NO_SUMMARY, compact_answer, compact_request
from .endpoints import COMPACT
from .message_compaction import (
    KEPT,
    Compacted,
    asks_for_one,
    conversation,
    summarized,
    summary_request,
)
from .transform import Error, Native
from .transform.answers import FinishReason
from .transform.envelope import seal
from .transform.json_text import Json, dumps, loads
from .transform.profile import matches
from .upstream import Upstream
from .websocket import object_in

ABSENT = (404, 405, 501)  # statuses where there is no such endpoint
# How a summary ends that is one, and whole: the app gives its history for it.
WHOLE: tuple[FinishReason, ...] = ("stop", "stop_sequence")


@dataclass(frozen=True)
class Errand:
    """`said` is the request in the app's protocol; of its translation the fields in `kept` (None:
    all) go to `path` (None: where calls go).

    `heard` makes of the upstream's answer one that can be translated, `made` of that the app's.
    """

    said: Json
    path: str | None = None
    kept: frozenset[str] | None = None
    heard: Callable[[Json], Json] | None = None
    made: Callable[[Json], Json | Error] | None = None

    def sent(self, body: bytes) -> bytes:
        if self.kept is None:
            return body
        return dumps({key: value for key, value in loads(body).items() if key in self.kept})

    def read(self, body: bytes) -> bytes:
        """What is no answer the translator will say."""
        answer = object_in(body) if self.heard else None
        return dumps(self.heard(answer)) if self.heard and answer is not None else body

    def told(self, body: bytes, finish: FinishReason | None) -> bytes | Error:
        if self.made is None:
            return body
        made = self.made(loads(body)) if finish in WHOLE else NO_SUMMARY
        return made if isinstance(made, Error) else dumps(made)


def is_compaction(call: Call) -> bool:
    if call.protocol == "openai_responses":
        return call.path.partition("?")[0].rstrip("/").endswith(COMPACT.removeprefix("/v1"))
    return call.protocol == "anthropic_messages" and asks_for_one(call.parsed)


def has_endpoint(upstream: Upstream, call: Call) -> bool:
    """As far as one knows before it was asked."""
    vendor = call.is_for(upstream) or upstream.profile.vendor_fields
    return upstream.protocol == "openai_responses" and vendor


def takes_wish(upstream: Upstream, call: Call) -> bool:
    """Whether the field of Messages means something to it."""
    model = upstream.model_for(call.model) or call.model
    knows = call.is_for(upstream) or matches(model, upstream.profile.compaction)
    return upstream.protocol == call.protocol == "anthropic_messages" and knows


def errand(call: Call, upstream: Upstream, said: Json, key: bytes, *, by_endpoint: bool) -> Errand:
    """For `said`, which is the call with all in it that the upstream cannot know."""

    def sealed(native: Native) -> str | None:
        return seal(native, key)

    def compacted(response: Json) -> Json | Error:
        return compact_answer(response, said.get("input"), sealed)

    if call.protocol == "openai_responses":
        if by_endpoint:
            return Errand(said, COMPACT)
        return Errand(compact_request(said), made=compacted)
    if not by_endpoint:
        return Errand(summary_request(said), made=summarized)
    answer = Compacted(upstream.name, sealed)
    return Errand(conversation(said), COMPACT, KEPT, answer.heard, answer.made)
