"""What does not belong in a request that is passed on in its own protocol: found, and taken out."""

from collections.abc import Iterator

from ..context import Context
from ..envelope import is_sealed
from ..json_text import Json
from ..turn import state_of

__all__ = ["states", "without_identity", "without_state"]

STATEFUL = ("reasoning", "compaction")
# Items that everybody can read; all others are made by a vendor's own tools.
PLAIN = frozenset(
    """
    message function_call function_call_output custom_tool_call custom_tool_call_output
    local_shell_call local_shell_call_output shell_call shell_call_output apply_patch_call
    apply_patch_call_output computer_call computer_call_output tool_search_call tool_search_output
    mcp_approval_response additional_tools configuration_update compaction_trigger item_reference
    """.split()
)


def states(body: Json) -> Iterator[str]:
    """Ciphertexts and ids of hosted tools' items, ours and others'."""
    for _, item in _items(body):
        if (_is_stateful(item) or _is_hosted(item)) and (state := state_of(item)):
            yield state


def without_state(body: Json, *, bare: bool, ctx: Context) -> Json:
    """`body` without our envelopes, and with `bare` without everybody's state; notes for each."""
    dropped = set()
    told: dict[int, Json] = {}
    for n, item in _items(body):
        hosted = bare and _is_hosted(item)
        if (summary := _own_summary(item, n, ctx)) is not None:
            told[n] = summary
        elif hosted or (_is_stateful(item) and (bare or is_sealed(state_of(item)))):
            dropped.add(n)
            code = "hosted_output_dropped" if hosted else "opaque_foreign"
            ctx.notes.add(code, f"input[{n}]", "another upstream made it")
    if not (dropped or told):
        return body
    left = [told.get(n, item) for n, item in enumerate(body["input"]) if n not in dropped]
    return {**body, "input": left}


def _own_summary(item: Json, n: int, ctx: Context) -> Json | None:
    """A summary that was made here stands for what came before it, so a user tells it."""
    sealed = item.get("encrypted_content")
    if item.get("type") != "compaction" or not is_sealed(sealed):
        return None
    native = ctx.unseal(sealed, f"input[{n}].encrypted_content")
    text = native.blocks[0].get("content") if native and native.blocks else None
    is_text = isinstance(text, str)
    return {"type": "message", "role": "user", "content": text} if is_text else None


def _items(body: Json) -> Iterator[tuple[int, Json]]:
    given = body.get("input") if isinstance(body, dict) else None
    for n, item in enumerate(given if isinstance(given, list) else ()):
        if isinstance(item, dict):
            yield n, item


def _is_stateful(item: Json) -> bool:
    return item.get("type") in STATEFUL


def _is_hosted(item: Json) -> bool:
    kind = item.get("type")
    return isinstance(kind, str) and kind not in PLAIN and kind not in STATEFUL


# What Codex tells its own vendor: sessions, threads, installations.
CLIENT_METADATA = "client_metadata"
ITEM_METADATA = ("internal_chat_message_metadata_passthrough", "metadata")


def without_identity(body: Json, ctx: Context) -> Json:
    """`body` for another host than the app's own: without what an agent tells that one alone."""
    told = [item for _, item in _items(body) if any(key in item for key in ITEM_METADATA)]
    if not told and not (isinstance(body, dict) and CLIENT_METADATA in body):
        return body
    ctx.notes.add("hint_dropped", CLIENT_METADATA, "told to the app's own vendor only")
    kept = {key: value for key, value in body.items() if key != CLIENT_METADATA}
    return {**kept, "input": [_plain(item) for item in body["input"]]} if told else kept


def _plain(item: Json) -> Json:
    if not isinstance(item, dict):
        return item
    return {key: value for key, value in item.items() if key not in ITEM_METADATA}
