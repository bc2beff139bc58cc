"""Why an answer ended: finish reasons of many servers to the model's and back.

Hard part: a server's word may contradict its answer, and clients act on the word.
"""

from collections.abc import Mapping

from ..answers import Finish, FinishReason
from ..context import Context
from ..json_text import Json

__all__ = ["decode_finish", "encode_finish"]

# In lower case, with "_" for "-"; what is not here counts as "stop".
FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",  # the older form
    "content_filter": "content_filter",
    # other vendors' words, which gateways pass on
    "eos": "stop",
    "eos_token": "stop",
    "end": "stop",
    "end_turn": "stop",
    "complete": "stop",
    "completed": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",  # Mistral
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "sensitive": "content_filter",  # Zhipu
    "refusal": "refusal",
}
# Reasons that stand whatever the answer holds.
FINAL = frozenset({"length", "content_filter", "refusal"})

WORDS: dict[FinishReason, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "context_window": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",  # "stop" where the refusal is spoken
    "pause": "length",  # it can be continued, as after a limit
    "compaction": "stop",
    "interrupted": "stop",
}
REFUSED = "The model declined to answer."


def word_of(choice: Mapping[str, Json]) -> str:
    """The server's reason, "" for none; the first vision models had it in an object."""
    details = choice.get("finish_details")
    word = choice.get("finish_reason") or (isinstance(details, dict) and details.get("type"))
    return word if isinstance(word, str) else ""


def is_limit(word: str) -> bool:
    """Whether the answer may have ended in the middle of anything."""
    return _meant(word) == "length"


def _meant(word: str) -> FinishReason | None:
    return FINISH.get(word.lower().replace("-", "_"))


def decode_finish(
    word: str, choice: Mapping[str, Json], calls: int, refusal: str, cut: bool, ctx: Context
) -> Finish:
    """`choice` may name a matched stop sequence; `cut`: a call is not whole, so the answer is not.

    Servers say "stop" beside calls and "tool_calls" without, so what is there decides.
    """
    reason = _meant(word)
    if reason is None:
        detail = f'the upstream said "{word}"' if word else "the upstream gave no reason"
        ctx.notes.add("finish_inferred", "finish_reason", detail)
    matched = None if calls or reason != "stop" else _matched_stop(choice, ctx)
    if cut:
        reason = "length"
    elif reason not in FINAL:
        silent: FinishReason = "stop" if matched is None else "stop_sequence"
        reason = "tool_calls" if calls else "refusal" if refusal else silent
    return Finish(reason or "stop", word or None, matched, refusal or None)


def _matched_stop(choice: Mapping[str, Json], ctx: Context) -> str | None:
    """SGLang and vLLM name the stop sequence; others put the finish reason there."""
    matched = choice.get("matched_stop") or choice.get("stop_reason")
    if not isinstance(matched, str):
        return None
    known = matched not in FINISH if ctx.request is None else matched in ctx.request.stop
    return matched if known else None


def encode_finish(
    finish: Finish, ctx: Context, *, refused: bool, legacy: bool
) -> tuple[str, str | None]:
    """The reason, and the refusal where the answer has not spoken one (`refused`) itself."""
    match finish.reason:
        case "refusal" if refused:
            return "stop", None
        case "refusal":
            return "content_filter", finish.explanation or REFUSED
        case "tool_calls" if legacy:
            return "function_call", None
        case "pause":
            ctx.notes.add("pause_limit", "stop_reason", "the upstream would have gone on")
            return WORDS["pause"], None
        case reason:
            return WORDS[reason], None
