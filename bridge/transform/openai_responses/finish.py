"""What stands around the items of an answer: the fields of a response, and why it ended.

Hard part: an answer that holds calls, or a refusal, is merely "completed"; what it holds decides.
"""

from collections.abc import Mapping

from ..answers import Finish, FinishReason, Start
from ..context import Context
from ..fields import object_of, objects_of, text_of
from ..json_text import Json
from ..names import object_id

__all__ = ["decode_finish", "encode_finish"]

# The last event -> how the answer ended, where the response in it does not say.
TERMINAL = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
    "response.done": "",  # of compatible servers
}
FAILED = ("failed", "cancelled")
ENDINGS = ("completed", "incomplete", *FAILED)
RUNNING = ("queued", "in_progress")  # of an answer that is fetched later
# `incomplete_details.reason`; what is not here counts as "interrupted".
INCOMPLETE: dict[str, FinishReason] = {
    "max_output_tokens": "length",
    "max_tokens": "length",  # of compatible servers
    "length": "length",
    "content_filter": "content_filter",
    "max_messages": "interrupted",
    "steered": "interrupted",
}
# Codes of a failure by which the vendor declines -> the category of the refusal.
POLICIES: dict[str, str | None] = {"bio_policy": "bio", "misalignment_policy_violation": None}

# The status, and the reason for an incomplete one.
WORDS: dict[FinishReason, tuple[str, str | None]] = {
    "stop": ("completed", None),
    "stop_sequence": ("completed", None),
    "tool_calls": ("completed", None),
    "compaction": ("completed", None),
    "length": ("incomplete", "max_output_tokens"),
    "context_window": ("incomplete", "max_output_tokens"),
    "content_filter": ("incomplete", "content_filter"),
    "refusal": ("incomplete", "content_filter"),  # "completed" where the refusal is spoken
    "pause": ("incomplete", "max_messages"),
    "interrupted": ("incomplete", None),  # the vendor's own word, where it is one
}
OWN_REASONS = ("max_messages", "steered")
REFUSED = "The model declined to answer."


def status_of(response: Mapping[str, Json], ending: str) -> str:
    """How the answer ended, "" for unknown; `ending` is what its last event says."""
    status = response.get("status")
    told = status in ENDINGS or (not ending and status in RUNNING)
    return str(status) if told else ending


def reason_of(response: Mapping[str, Json]) -> str:
    """Why the answer is incomplete, in the server's word; "" for none."""
    details = response.get("incomplete_details")
    word = details.get("reason") if isinstance(details, dict) else None
    return word if isinstance(word, str) else ""


def is_limit(response: Mapping[str, Json]) -> bool:
    """Whether the answer may have ended in the middle of anything."""
    return INCOMPLETE.get(reason_of(response)) == "length"


def decode_finish(
    status: str, response: Mapping[str, Json], calls: int, refusal: str, cut: bool, ctx: Context
) -> Finish:
    """`status` as far as it was told; `cut`: a call is not whole, so the answer is not."""
    word = reason_of(response)
    if not status:
        ctx.notes.add("finish_inferred", "status", "the upstream did not say how it ended")
    if cut:
        return Finish("length", word or status or None)
    reason: FinishReason = "stop"
    if status not in ("", "completed"):
        reason = INCOMPLETE.get(word, "interrupted")
    if reason in ("stop", "interrupted"):
        reason = "tool_calls" if calls else "refusal" if refusal else reason
    return Finish(reason, word or status or None, explanation=refusal or None)


def encode_finish(
    finish: Finish, ctx: Context, *, refused: bool
) -> tuple[str, str | None, str | None]:
    """Status, reason, and the refusal where the answer has not spoken one (`refused`) itself."""
    status, reason = WORDS[finish.reason]
    match finish.reason:
        case "refusal" if refused:
            return "completed", None, None
        case "refusal":
            return status, reason, finish.explanation or REFUSED
        case "interrupted":
            return status, finish.raw if finish.raw in OWN_REASONS else None, None
        case "pause":
            ctx.notes.add("pause_limit", "stop_reason", "the upstream would have gone on")
    return status, reason, None


def note_untold(response: Mapping[str, Json], ctx: Context) -> None:
    """What was done to the request; other vendors' apps cannot be told."""
    for change in objects_of(response.get("input_transformations")):
        is_usual = change.get("reason") == "turn_boundary"
        code = "hint_dropped" if is_usual else "thinking_prefix_dropped"
        detail = f"{change.get('id')} {change.get('action')}: {change.get('reason')}"
        ctx.notes.add(code, "input_transformations", detail)


# --- the fields of a response

# Request fields that come back, with what stands there when they were not given.
ECHOED: dict[str, Json] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": False,  # nobody here keeps it
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
FUNCTION = {"description": None, "parameters": None, "strict": None}  # keys that are always there


def response_head(start: Start, ctx: Context) -> dict[str, Json]:
    """A response before anything was said in it."""
    asked = ctx.request.raw if ctx.request else ctx.raw
    asked = asked if isinstance(asked, dict) else {}
    given = {key: asked[key] for key in ECHOED if asked.get(key) is not None}
    head = {
        "id": object_id("resp_", start.id, ctx),
        "object": "response",
        "created_at": int(start.created or ctx.now),
        "status": "in_progress",
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": start.model,
        "output": [],
        **ECHOED,
        **given,
        "service_tier": start.service_tier,
        "usage": None,
    }
    return {**head, "tools": [_echoed_tool(tool) for tool in head["tools"]]}


class Passed:
    """What a client knows of an answer whose events it gets as they come.

    What the bridge adds has to go on from there, in the upstream's own ids and numbers.
    """

    def __init__(self) -> None:
        self.number = 0  # of the event that comes next
        self.head: Mapping[str, Json] = {}  # the response, as it began
        self._begun: dict[str, Mapping[str, Json]] = {}
        self._parts: dict[str, list[Json]] = {}
        self._done: dict[int, Json] = {}

    def count(self, number: Json) -> None:
        self.number = 1 + (number if isinstance(number, int) else self.number)

    def add(self, item: Mapping[str, Json]) -> None:
        self._begun[text_of(item.get("id"))] = item

    def part(self, event: Mapping[str, Json]) -> None:
        """One of an item is whole."""
        self._parts.setdefault(text_of(event.get("item_id")), []).append(event.get("part"))

    def done(self, item: Mapping[str, Json], index: Json) -> None:
        self._done[index if isinstance(index, int) else len(self._done)] = item

    @property
    def output(self) -> list[Json]:
        """The items that are done, in order."""
        return [self._done[index] for index in sorted(self._done)]

    def message(self, item_id: str) -> dict[str, Json]:
        """One that is not done, with those parts of it that are."""
        head = {"type": "message", "status": "in_progress", "role": "assistant"}
        return {**head, **self._begun.get(item_id, {}), "content": self._parts.get(item_id, [])}


# What a moderator may look at, and what clients are told where it gave nothing: they want both.
MODERATED = ("input", "output")
UNMODERATED: Json = {"type": "error", "code": "no_result", "message": "there is no result"}


def decode_moderation(given: Json) -> Json:
    """In Chat's form, which lists the results for the request and for the answer."""
    found = object_of(given)
    return {side: _listed(found.get(side)) for side in MODERATED} if found else None


def _listed(found: Json) -> Json:
    result = object_of(found)
    if result.get("type") != "moderation_result":  # an error
        return result or UNMODERATED
    return {"type": "moderation_results", "model": result.get("model"), "results": [result]}


def encode_moderation(moderation: Json, ctx: Context) -> dict[str, Json]:
    """The field `moderation`, {} for none. One result for each side: one that flags something."""
    found = object_of(moderation)
    told = {side: _single(object_of(found.get(side)), side, ctx) for side in MODERATED}
    return {"moderation": told} if found else {}


def _single(found: dict[str, Json], side: str, ctx: Context) -> Json:
    results = objects_of(found.get("results"))
    if len(results) > 1:
        ctx.notes.add("moderation_dropped", f"moderation.{side}", "one of several results is given")
    flagged = [result for result in results if result.get("flagged")]
    error = found if found.get("type") == "error" else UNMODERATED
    return next(iter([*flagged, *results]), error)


def _echoed_tool(tool: Json) -> Json:
    is_function = isinstance(tool, dict) and tool.get("type") == "function"
    return {**FUNCTION, **tool} if is_function else tool
