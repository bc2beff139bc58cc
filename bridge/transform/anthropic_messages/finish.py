"""Why an answer ended: Anthropic's stop reasons to the model's and back.

Hard part: a server's word may contradict its answer, and clients act on the word.
"""

from ..answers import Finish, FinishReason
from ..context import Context
from ..json_text import Json

__all__ = ["decode_finish", "encode_finish"]

FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_context_window_exceeded": "context_window",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "refusal": "refusal",
    "compaction": "compaction",
}
# Reasons that the calls in the answer decide: whether there is something for the client to run.
OPEN_TO_CALLS = (None, "stop", "stop_sequence", "tool_calls")

REASONS: dict[FinishReason, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "context_window": "model_context_window_exceeded",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
    "compaction": "compaction",
    "interrupted": "end_turn",  # there is no word for it
}


def decode_finish(
    message: dict[str, Json], calls: int, direct_calls: int, cut: bool, ctx: Context
) -> Finish:
    """`message` has stop_reason and what explains it; `direct_calls` were made by the model itself.

    `cut`: a call is not whole, so neither is the answer.
    """
    raw = _text(message, "stop_reason")
    reason = FINISH.get(raw or "")
    if reason is None:
        ctx.notes.add("finish_inferred", "stop_reason", f"it was {raw or 'missing'}")
    if reason in OPEN_TO_CALLS:
        # a call made by code the vendor runs may have had its result already
        called = calls if reason == "tool_calls" else direct_calls
        silent: FinishReason = "stop_sequence" if reason == "stop_sequence" else "stop"
        reason = "length" if cut else "tool_calls" if called else silent
    details = message.get("stop_details")
    details = details if isinstance(details, dict) else {}
    return Finish(
        reason or "stop",
        raw=raw,
        stop_sequence=_text(message, "stop_sequence"),
        explanation=_text(details, "explanation"),
        category=_text(details, "category"),
    )


def _text(holder: dict[str, Json], key: str) -> str | None:
    value = holder.get(key)
    return value if isinstance(value, str) and value else None


def encode_finish(finish: Finish, refusal: str, ctx: Context) -> dict[str, Json]:
    """`refusal` is the text of refusals in the answer, which make it one."""
    if finish.reason == "interrupted":
        ctx.notes.add("incomplete_mapped", "stop_reason", f"it was {finish.raw}")
    reason = "refusal" if refusal else REASONS[finish.reason]
    encoded = {"stop_reason": reason, "stop_sequence": finish.stop_sequence}
    if reason != "refusal":
        return encoded
    explanation = finish.explanation or refusal or None
    details = {"type": "refusal", "category": finish.category, "explanation": explanation}
    return {**encoded, "stop_details": details}
