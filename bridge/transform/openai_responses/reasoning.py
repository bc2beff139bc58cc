"""Reasoning: how much is asked for, and the items in which it comes and goes.

Hard part: an item's ciphertext means something to its maker alone. Other vendors' state travels in
the same place, sealed, and nothing but one's own may go upstream.
"""

from collections.abc import Mapping
from dataclasses import replace

from ..answers import Event, PartDelta, PartEnd, PartStart
from ..context import Context
from ..effort import clamp, effort_of, effort_of_budget
from ..envelope import is_sealed
from ..fields import optional
from ..json_text import Json
from ..lanes import unsaid
from ..model import Effort, EffortPart, Extra, Native, Reasoning, ReasoningPart, Request
from ..profile import efforts_of, matches
from .parts import PROTOCOL, SETTINGS, given_fields, staged, type_of

__all__ = ["decode_reasoning", "encode_reasoning"]

LOST = "reasoning_option_dropped"
SUMMARIES = ("summary", "generate_summary")  # the second is the older name
DEFAULTS = {"context": "auto", "mode": "standard"}  # said aloud: nothing is lost without them

# --- how much


def decode_reasoning(body: Mapping[str, Json]) -> tuple[Reasoning, dict[str, Extra]]:
    """What `Reasoning` holds of it, and the rest. The last word on the effort counts."""
    asked = given_fields(optional(body.get("reasoning"), dict, "reasoning") or {})
    word = asked.pop("effort", None)
    word = _first_update(body) or word
    effort = effort_of(word)
    summary = next((asked[key] for key in SUMMARIES if key in asked), None)
    rest = {k: v for k, v in asked.items() if k not in SUMMARIES and v != DEFAULTS.get(k)}
    if word is not None and effort is None:
        rest["effort"] = word
    code = LOST if rest else "hint_dropped"
    if summary not in (None, "auto"):
        rest["summary"] = summary
    extras = {"reasoning": Extra(rest, code)} if rest else {}
    return Reasoning(effort, visible=None if summary is None else True), extras


def _first_update(body: Mapping[str, Json]) -> Json:
    """The last one before anybody has spoken."""
    word: Json = None
    for where, item, begun in staged(body):
        if not begun and type_of(item, where) == SETTINGS:
            word = _word_in(item, where) or word
    return word


def _word_in(item: Mapping[str, Json], where: str) -> Json:
    return (optional(item.get("reasoning"), dict, f"{where}.reasoning") or {}).get("effort")


def decode_effort(item: Mapping[str, Json], where: str, ctx: Context) -> EffortPart | None:
    """What an update says of the effort; None where it says nothing that is known."""
    word = _word_in(item, where)
    effort = effort_of(word)
    where += ".reasoning.effort"
    if effort is None and word is not None:
        ctx.notes.add(LOST, where, "an unknown level")
    return EffortPart(effort, where=where) if effort else None


def encode_effort(part: EffortPart, ctx: Context) -> Json:
    known = clamp(part.effort, ctx.profile.efforts)
    if known != part.effort:
        ctx.notes.add("effort_clamped", part.where, f"{part.effort} became {known or 'nothing'}")
    return {"type": SETTINGS, "reasoning": {"effort": known}}


def encode_reasoning(request: Request, ctx: Context) -> dict[str, Json]:
    """The field `reasoning`; {} where there is nothing to say, or the model takes no such field."""
    model = ctx.model or request.model
    own = request.extras.get("reasoning") if request.protocol == PROTOCOL else None
    effort = _wanted(request.reasoning, ctx)
    if not matches(model, ctx.profile.reasoning):
        _note_lost(request, effort, own, model, ctx)
        return {}
    known = effort and clamp(effort, efforts_of(model, ctx.profile))
    if known != effort:
        ctx.notes.add("effort_clamped", "reasoning.effort", f"{effort} became {known or 'nothing'}")
    summary = "auto" if request.reasoning.visible else None
    return {**given_fields({"effort": known, "summary": summary}), **(own.value if own else {})}


def _wanted(reasoning: Reasoning, ctx: Context) -> Effort | None:
    if reasoning.mode == "between_tools":
        ctx.notes.add("thinking_mode_dropped", "thinking", "no thinking but between tools")
    if reasoning.mode in ("disabled", "between_tools"):
        return "none"
    if reasoning.effort is None and reasoning.mode == "enabled" and reasoning.budget is not None:
        return effort_of_budget(reasoning.budget)
    return reasoning.effort


def _note_lost(
    request: Request, effort: Effort | None, own: Extra | None, model: str, ctx: Context
) -> None:
    if effort is not None:
        code = "hint_dropped" if effort == "none" else LOST
        ctx.notes.add(code, "reasoning.effort", f"{effort}: {model} takes no effort")
    if request.reasoning.visible:
        ctx.notes.add("hint_dropped", "reasoning.summary", f"{model} has no reasoning to show")
    if own:
        ctx.notes.add(own.code, "reasoning", f"{model} does not reason")


# --- what was thought

GAP = "\n\n"  # between parts of a summary


def decode_thought(item: dict[str, Json], where: str, ctx: Context) -> ReasoningPart:
    """A reasoning item of a history: our envelope opened, else the item as it is."""
    sealed = optional(item.get("encrypted_content"), str, f"{where}.encrypted_content")
    native: Native | None = Native(PROTOCOL, (item,))
    if sealed and is_sealed(sealed):
        native = ctx.unseal(sealed, f"{where}.encrypted_content")
    return ReasoningPart(text_of(item), native, where=where)


def is_answer(block: Json) -> bool:
    """Whether it is all that another vendor answered, which an item of its own carries."""
    is_message = isinstance(block, dict) and block.get("role") == "assistant"
    return is_message or (isinstance(block, dict) and "choices" in block)


def text_of(item: Mapping[str, Json]) -> str:
    """What an item shows: its summary, else the thoughts themselves where a server gives them."""
    return _joined(item.get("summary")) or _joined(item.get("content"))


def _joined(parts: Json) -> str:
    given = parts if isinstance(parts, list) else []
    texts = [part.get("text") for part in given if isinstance(part, dict)]
    return GAP.join(text for text in texts if isinstance(text, str) and text)


def encode_thought(part: ReasoningPart, ctx: Context) -> list[Json]:
    """The items of `part`; none where they are not the upstream's own."""
    if part.native is not None and ctx.owns(part.native):
        return list(part.native.blocks)
    ctx.notes.add("opaque_foreign", part.where, "reasoning that is not this upstream's own")
    return []


# --- what is being thought

RAW = "response.reasoning_text"  # events about thoughts themselves, not a summary


class Thoughts:
    """A reasoning item while it arrives; what is to be sent back of it comes with its end."""

    def __init__(self, item: Mapping[str, Json], owner: Native) -> None:
        self._begun, self._owner = item, owner
        self._said: list[str] = []
        self._about = ""  # what the first event with text was about: only such count
        self._place: Json = None
        self._open = self._paused = self._kept = False

    def read(self, about: str, event: Mapping[str, Json]) -> list[Event]:
        text = event.get("delta")
        if not isinstance(text, str) or not text or about != (self._about or about):
            return []
        self._about = about
        place = event.get("summary_index", event.get("content_index"))
        if self._said and place != self._place:
            text = GAP + text
        self._place = place
        self._said.append(text)
        return [*self._opening(None), PartDelta(text)]

    def _opening(self, native: Native | None) -> list[Event]:
        events: list[Event] = [] if self._open else [PartStart(ReasoningPart("", native))]
        self._open = True
        return events

    def pause(self) -> list[Event]:
        """Thoughts themselves are all there is to send back; a summary's state is still to come."""
        if not self._open:
            return []
        self._kept = self._about == RAW
        whole = {"type": "reasoning_text", "text": "".join(self._said)}
        so_far = self._native({**self._begun, "content": [whole]}) if self._kept else None
        self._said, self._open, self._paused = [], False, True
        return [PartEnd(so_far)]

    def end(self, item: Mapping[str, Json]) -> list[Event]:
        rest = "" if self._paused else unsaid(self._said, text_of(item))
        is_told = self._paused and (self._kept or not item.get("encrypted_content"))
        native = None if is_told or not item else self._native(item)
        if not (self._open or rest or native):
            return []
        said: list[Event] = [PartDelta(rest)] if rest else []
        return [*self._opening(native), *said, PartEnd(native)]

    def _native(self, item: Mapping[str, Json]) -> Native:
        return replace(self._owner, blocks=(item,))
