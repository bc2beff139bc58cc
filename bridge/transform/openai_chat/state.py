"""What does not belong in a request that is passed on in its own protocol: found, and taken out."""

from collections.abc import Iterator

from ..context import Context
from ..envelope import is_sealed
from ..json_text import Json
from ..turn import state_of
from .reasoning import DETAILS

__all__ = ["states", "without_identity", "without_state"]


def states(body: Json) -> Iterator[str]:
    """Signatures and ciphertexts in `reasoning_details`, ours and others'."""
    for _, _, entry in _entries(body):
        if state := state_of(entry):
            yield state


def without_state(body: Json, *, bare: bool, ctx: Context) -> Json:
    """`body` without our envelopes, and with `bare` without everybody's state; notes for each."""
    dropped = {
        (n, m)
        for n, m, entry in _entries(body)
        if is_sealed(state_of(entry)) or (bare and state_of(entry))
    }
    if not dropped:
        return body
    for n, m in sorted(dropped):
        ctx.notes.add("opaque_foreign", f"messages[{n}].{DETAILS}[{m}]", "another upstream made it")
    messages = [_without(message, n, dropped) for n, message in enumerate(body["messages"])]
    return {**body, "messages": messages}


def _without(message: Json, n: int, dropped: set[tuple[int, int]]) -> Json:
    if not any(place[0] == n for place in dropped):
        return message
    kept = [entry for m, entry in enumerate(message[DETAILS]) if (n, m) not in dropped]
    rest = {key: value for key, value in message.items() if key != DETAILS}
    return {**rest, DETAILS: kept} if kept else rest


def _entries(body: Json) -> Iterator[tuple[int, int, Json]]:
    """Message, place in its details, and entry."""
    messages = body.get("messages") if isinstance(body, dict) else None
    for n, message in enumerate(messages if isinstance(messages, list) else ()):
        details = message.get(DETAILS) if isinstance(message, dict) else None
        if isinstance(details, list):
            yield from ((n, m, entry) for m, entry in enumerate(details) if isinstance(entry, dict))


def without_identity(body: Json, ctx: Context) -> Json:
    """`body` for another host than the app's own: no agent tells that one anything in it."""
    return body
