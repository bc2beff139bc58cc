"""Assistant turns as their upstream made them, for a client that cannot give all of them back.

In: the parts of an answer, or of a history. Out: the answer as one native object, the keys to find
it by again, and a history whose turns stand as their upstream made them. Hard part: a client may
have edited a turn or built it anew, and what it says now counts: a native turn stands in for one
that says the same, and for no other.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import dropwhile
from typing import NamedTuple
from typing import Protocol as Interface

from .answers import Response
from .client_tools import returned_arguments
from .codec import Codec
from .context import Context, context
from .fold import Fold
from .json_text import Json, dumps, loads
from .model import (
    Message,
    Native,
    NativePart,
    Part,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)


class Ledger(Interface):
    """What is known of earlier answers; bounded, so it may have forgotten any of them."""

    def knows(self, upstream: str) -> bool:
        """Whether there can be turns of `upstream` at all: most have no state to give back."""
        ...

    def recall(self, keys: Iterable[bytes]) -> Native | None:
        """The turn that is known by one of `keys`."""
        ...

    def owner(self, state: str) -> str | None:
        """The upstream that made a signature or ciphertext; None: nobody of ours, as far as known.

        An app that talks to its own vendor brings the vendor's, which nobody has recorded.
        """
        ...


class Turn(NamedTuple):
    """An answer with state that its upstream wants back: `native`, to be found by any of `keys`."""

    keys: tuple[bytes, ...]
    native: Native


class Said(NamedTuple):
    """What a turn says to a person and to tools; reasoning and state aside."""

    text: str
    calls: tuple[tuple[str, str], ...]  # name and arguments


def said(parts: Iterable[Part]) -> Said:
    texts: list[str] = []
    calls: list[tuple[str, str]] = []
    for part in parts:
        match part:
            case TextPart(text) | RefusalPart(text):
                texts.append(text)
            case ToolCallPart(name=name, arguments=arguments):
                calls.append((name, plain_arguments(returned_arguments(name, arguments))))
            case ToolResultPart(parts=inner):
                texts.append(said(inner).text)
            case _:
                pass
    return Said("".join(texts).strip(), tuple(calls))


def plain_arguments(arguments: str) -> str:
    """Arguments without their formatting, which clients change."""
    try:
        return dumps(loads(arguments)).decode()
    except ValueError:
        return arguments


def natives(part: Part) -> Iterator[Native]:
    """The state that `part` holds."""
    match part:
        case ReasoningPart(native=native) | ToolCallPart(native=native) if native is not None:
            yield native
        case NativePart(native):
            yield native
        case TextPart(citations=citations):
            yield from (citation.native for citation in citations if citation.native)
        case _:
            pass


def turn_of(answer: Response, codec: Codec, ctx: Context) -> Native | None:
    """`answer` in the words of `codec`, its upstream's; None where it holds no state, and no text
    behind a call, which Chat would put before it."""
    has_state = any(True for part in answer.parts for _ in natives(part))
    if not (has_state or _speaks_behind_a_call(answer.parts)):
        return None
    body = codec.encode_response(answer, context(ctx.upstream, ctx.upstream))
    return Native(ctx.upstream, (body,), ctx.upstream_id, answer.model)


def _speaks_behind_a_call(parts: Iterable[Part]) -> bool:
    behind = dropwhile(lambda part: not isinstance(part, ToolCallPart), parts)
    return any(isinstance(part, TextPart | RefusalPart) for part in behind)


# Where a block, an item or an entry holds what shows who made it, the first that is there.
STATE = ("signature", "data", "encrypted_content", "encrypted_index", "id")


def state_of(block: Json) -> str:
    """The signature, ciphertext or id of a native object; "" where it has none."""
    return next((block[key] for key in STATE if block.get(key) and isinstance(block[key], str)), "")


# --- finding it again


def keys_of(parts: Sequence[Part], before: bytes, upstream: str) -> tuple[bytes, ...]:
    """The keys of a turn: by what was said before it, and by each of its calls.

    Ids such as call_0 come again, and so do calls with nothing around them. What the turn says is
    part of each key, and the place it stood in counts before the ids, which outlive an edit of it.
    `before` is the digest that `digests` gives for what precedes it.
    """
    content = dumps(said(parts))
    calls = [part.id for part in parts if isinstance(part, ToolCallPart)]
    of_calls = (_key(upstream, _bytes(call_id), content) for call_id in calls)
    return (_key(upstream, before, content), *of_calls)


def _bytes(text: str) -> bytes:
    """Apps may send half of a character."""
    return text.encode("utf-8", "surrogatepass")


def _key(upstream: str, *pieces: bytes) -> bytes:
    lengths = dumps([len(piece) for piece in pieces])
    return sha256(b"\0".join([upstream.encode(), lengths, *pieces])).digest()


def digests(messages: Iterable[Message]) -> Iterator[bytes]:
    """For each message the digest of what was said before it, and one of all at the end.

    System text is left out: agents write another one for every request.
    """
    before = b""
    yield before
    for message in messages:
        if message.role not in ("system", "developer"):
            spoken = [message.role, said(message.parts)]
            before = sha256(before + dumps(spoken)).digest()
        yield before


def recalled(request: Request, ledger: Ledger, ctx: Context) -> Request:
    """`request` with what the ledger knows of turns that came back without any state."""
    if not ledger.knows(ctx.upstream_id):
        return request
    messages = list(request.messages)
    keys = {
        n: keys_of(message.parts, before, ctx.upstream_id)
        for n, (message, before) in enumerate(zip(messages, digests(messages), strict=False))
        if message.role == "assistant" and not _is_carried(message)
    }
    for n, native in _known(keys, ledger).items():
        messages[n] = replace(messages[n], native=native)
    return replace(request, messages=tuple(messages))


def _is_carried(message: Message) -> bool:
    return bool(message.native) or any(n.upstream for p in message.parts for n in natives(p))


def _known(keys: dict[int, tuple[bytes, ...]], ledger: Ledger) -> dict[int, Native]:
    """The turns that are known, by their place in the history; each is one of them, and no more."""
    known: dict[int, Native] = {}
    for n, (by_place, *_) in keys.items():
        if native := ledger.recall([by_place]):
            known[n] = native
    for n, (_, *by_calls) in keys.items():
        if n not in known and (native := ledger.recall(by_calls)) and native not in known.values():
            known[n] = native
    return known


# --- using it


def restored(request: Request, codec: Codec, ctx: Context) -> Request:
    """`request`, prepared for its upstream, with that upstream's own turns as it made them."""
    if not any(message.native for message in request.messages):
        return request
    messages = tuple(_restored(message, codec, ctx) for message in request.messages)
    return replace(request, messages=messages)


def _restored(message: Message, codec: Codec, ctx: Context) -> Message:
    native = message.native
    if native is None or not ctx.owns(native):
        return message
    parts = _parts_of(native, codec, ctx)
    if said(parts) != said(message.parts):
        return message
    ids = iter([part.id for part in message.parts if isinstance(part, ToolCallPart)])
    return replace(message, parts=tuple(_known_as(part, ids) for part in parts))


def _parts_of(native: Native, codec: Codec, ctx: Context) -> tuple[Part, ...]:
    own = context(ctx.upstream, ctx.upstream)
    own.upstream_id = native.upstream
    fold = Fold()
    for event in codec.decode_response(native.blocks[0], own):
        fold.add(event)
    return fold.response.parts if fold.response else ()


def _known_as(part: Part, ids: Iterator[str]) -> Part:
    """A call by the id its result goes by in this history."""
    return replace(part, id=next(ids)) if isinstance(part, ToolCallPart) else part
