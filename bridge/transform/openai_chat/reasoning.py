"""Reasoning: how much the client asks for, and the fields in which it comes and goes.

Hard part: the protocol has a word for the effort and no place for the thoughts. Servers give them
in six spellings, two at once, and some want them back as they were; other vendors' state travels
in `reasoning_details`, sealed.
"""

from collections.abc import Iterable, Iterator, Mapping

from ..context import Context
from ..effort import clamp, effort_of, effort_of_budget
from ..envelope import is_sealed
from ..fields import text_of
from ..json_text import Json
from ..model import (
    Effort,
    Extra,
    Native,
    Part,
    Protocol,
    Reasoning,
    ReasoningPart,
    Request,
    ToolCallPart,
)
from ..profile import efforts_of, matches
from .parts import PROTOCOL

__all__ = ["decode_reasoning", "encode_reasoning"]

type Extras = dict[str, Extra]

# --- how much

LOST = "reasoning_option_dropped"
# Keys of gateways' objects that say what `Reasoning` holds; others ride along.
READ = {
    "reasoning": ("effort", "max_tokens", "enabled", "exclude"),  # OpenRouter
    "thinking": ("type", "budget_tokens"),  # DeepSeek, GLM, LiteLLM
    "chat_template_kwargs": ("enable_thinking", "thinking"),  # vLLM
}


def decode_reasoning(body: Mapping[str, Json]) -> tuple[Reasoning, Extras]:
    """The effort, in whatever words, and what of the fields it was read from is left."""
    extras: Extras = {}
    objects: dict[str, dict[str, Json]] = {}
    for name, keys in READ.items():
        value = body.get(name)
        objects[name] = value if isinstance(value, dict) else {}
        rest = {k: v for k, v in objects[name].items() if k not in keys and v is not None}
        rest = rest if isinstance(value, dict) or value is None else value
        if rest:
            extras[name] = Extra(rest, LOST)
    word = body.get("reasoning_effort")
    effort = effort_of(word) or _effort(body, objects)
    if word is not None and effort_of(word) is None:
        extras["reasoning_effort"] = Extra(word, LOST)
    form = body.get("reasoning_format")  # Groq
    if form not in (None, "hidden"):
        extras["reasoning_format"] = Extra(form, LOST)
    visible = _visible(objects["reasoning"].get("exclude"), body.get("include_reasoning"), form)
    return Reasoning(effort=effort, visible=visible), extras


def _effort(body: Mapping[str, Json], objects: Mapping[str, Mapping[str, Json]]) -> Effort | None:
    reasoning, thinking, template = (objects[name] for name in READ)
    if effort := effort_of(reasoning.get("effort")):
        return effort
    for budget in (reasoning.get("max_tokens"), thinking.get("budget_tokens")):
        if isinstance(budget, int) and not isinstance(budget, bool):
            return effort_of_budget(budget)
    switches = (
        {"enabled": True, "disabled": False}.get(str(thinking.get("type"))),
        reasoning.get("enabled"),
        body.get("enable_thinking"),
        *template.values(),
    )
    switch = next((s for s in switches if isinstance(s, bool)), None)
    return None if switch is None else "medium" if switch else "none"


def _visible(exclude: Json, include: Json, form: Json) -> bool | None:
    if form == "hidden":
        return False
    if isinstance(exclude, bool):
        return not exclude
    return include if isinstance(include, bool) else None


# How thinking is switched off at servers that have no word of effort for it.
SWITCHES: dict[str, dict[str, Json]] = {
    "thinking": {"type": "disabled"},  # DeepSeek, GLM
    "reasoning": {"enabled": False},  # Together
    "chat_template_kwargs": {"enable_thinking": False},  # vLLM, llama.cpp
}


def encode_reasoning(request: Request, ctx: Context) -> dict[str, Json]:
    """The fields for `request.reasoning`."""
    effort, visible = _wanted(request.reasoning, ctx), request.reasoning.visible
    body = {} if effort is None else _told(effort, ctx.model or request.model, ctx)
    if request.protocol != PROTOCOL or visible is None:  # what others hide, they still send back
        return body
    if ctx.profile.effort_field == "reasoning":
        return {"reasoning": {**body.get("reasoning", {}), "exclude": not visible}}
    return {**body, "include_reasoning": visible}


def _told(effort: Effort, model: str, ctx: Context) -> dict[str, Json]:
    off = ctx.profile.thinking_off
    if effort == "none" and off in SWITCHES and matches(model, ctx.profile.reasoning):
        return {off: SWITCHES[off]}
    known = _known(effort, model, ctx)
    if known is None:
        return {}
    nested = ctx.profile.effort_field == "reasoning"
    return {"reasoning": {"effort": known}} if nested else {"reasoning_effort": known}


def _wanted(reasoning: Reasoning, ctx: Context) -> Effort | None:
    if reasoning.mode == "between_tools":
        ctx.notes.add("thinking_mode_dropped", "thinking", "no thinking but between tools")
    if reasoning.mode in ("disabled", "between_tools"):
        return "none"
    if reasoning.effort is None and reasoning.mode == "enabled" and reasoning.budget is not None:
        return effort_of_budget(reasoning.budget)
    return reasoning.effort


def _known(effort: Effort, model: str, ctx: Context) -> Effort | None:
    """`effort` as the upstream's model takes it; None: better not said."""
    profile = ctx.profile
    if not matches(model, profile.reasoning):
        code = "hint_dropped" if effort == "none" else LOST
        ctx.notes.add(code, "reasoning_effort", f"{effort}: {model} takes no effort")
        return None
    known = clamp(effort, efforts_of(model, profile))
    if effort == "none" and known != "none" and not profile.vendor_fields:
        known = None  # at such servers the least effort may switch reasoning on
    if known != effort:
        ctx.notes.add("effort_clamped", "reasoning_effort", f"{effort} became {known or 'nothing'}")
    return known


# --- what was thought

# Fields of text; a server that fills several says the same in each, so the first counts.
TEXT_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_text")  # the last: Copilot
OPAQUE = "reasoning_opaque"  # Copilot's state
WRITTEN = TEXT_FIELDS[0]  # where a stream to a client has it
DETAILS = "reasoning_details"
CONTENT = "content"  # Mistral: parts of type "thinking" in a list-valued content
EXTRA = "extra_content"  # of a call (Gemini's signature), which that call has to bring back
FORMATS: dict[Protocol, str] = {
    "anthropic_messages": "anthropic-claude-v1",
    "openai_responses": "openai-responses-v1",
}
TURN = "bridge-v1"  # the format of an entry that carries a whole answer
_STATE = ("signature", "data")  # keys of an entry that hold state
_SAID = ("text", "summary")  # keys of an entry that hold text


class _Entry:
    """An entry of `reasoning_details`; its texts come in pieces and are joined once."""

    def __init__(self) -> None:
        self.known: dict[str, Json] = {}
        self._pieces: dict[str, list[str]] = {}

    def add(self, fragment: dict[str, Json]) -> str:
        """Take in a fragment; its text."""
        said = {key: fragment[key] for key in _SAID if isinstance(fragment.get(key), str)}
        for key, value in fragment.items():
            if key in said:
                self._pieces.setdefault(key, []).append(value)
                self.known.setdefault(key, "")  # keeps its place
            elif value not in (None, "") or key not in self.known:
                self.known[key] = value
        return "".join(said.values())

    def whole(self) -> dict[str, Json]:
        return {**self.known, **{key: "".join(texts) for key, texts in self._pieces.items()}}


class ReasoningFields:
    """Reads reasoning from one message or from the deltas of one, and keeps what came verbatim.

    `field` is where the text comes from, of `said` what came before. Another one repeats it, or
    goes on where it ended.
    """

    def __init__(self, field: str = "", said: str = "") -> None:
        self.field = field
        self._said = said
        self._again = ""  # what another field says
        self._texts: list[str] = []
        self._details: list[_Entry] = []
        self._open: dict[tuple[str, str], _Entry] = {}  # the newest of a type and index
        self._part: dict[str, Json] = {}
        self._opaque = ""

    @property
    def has_state(self) -> bool:
        """Whether something came that is more than text and its labels."""
        entries = any(entry.known.get(key) for entry in self._details for key in _STATE)
        return entries or bool(self._opaque)

    def following(self) -> "ReasoningFields":
        """Of the same message's next reasoning."""
        return ReasoningFields(self.field, "".join([self._said, *self._texts]))

    def read(self, message: Mapping[str, Json]) -> str:
        """The reasoning in `message`, once, however many fields it stands in."""
        self._opaque = text_of(message.get(OPAQUE)) or self._opaque
        found = {f: words for f in TEXT_FIELDS if (words := _words(message.get(f)))}
        field = self.field if self.field in found else next(iter(found), "")
        text = self._taken(field, found[field]) if found else ""
        details = message.get(DETAILS)
        if not isinstance(details, list):
            return text
        said = "".join(self._detail(entry) for entry in details if isinstance(entry, dict))
        return text or (self._taken(DETAILS, said) if said else "")

    def read_part(self, part: dict[str, Json]) -> str:
        """The reasoning in a content part of type "thinking"."""
        inner = part.get("thinking")
        pieces = inner if isinstance(inner, list) else [{"text": inner}]
        texts = [piece.get("text") for piece in pieces if isinstance(piece, dict)]
        text = "".join(piece for piece in texts if isinstance(piece, str))
        self._part = {**self._part, **part}
        return self._taken(CONTENT, text) if text else ""

    def _taken(self, field: str, text: str) -> str:
        self.field = self.field or field
        if field != self.field:
            text = self._more(field, text)
        if text and field != DETAILS:
            self._texts.append(text)
        return text

    def _more(self, field: str, text: str) -> str:
        """What another field says beyond the first: nothing while it repeats that."""
        self._again += text
        known = "".join([self._said, *self._texts])
        if not {field, self.field} <= set(TEXT_FIELDS) or known.startswith(self._again):
            return ""
        text, self._again, self.field = self._again, "", field
        return text

    def _detail(self, entry: dict[str, Json]) -> str:
        """Take in an entry, or a fragment of one; its text."""
        label = str(entry.get("type")), str(entry.get("index"))
        whole = self._open.get(label)
        if whole is None or (whole.known.get("data") and entry.get("data")):
            whole = self._open[label] = _Entry()  # a second ciphertext is an entry of its own
            self._details.append(whole)
        return whole.add(entry)

    def native(self, upstream: str = "", model: str = "") -> Native | None:
        """What came, field by field, to be sent back as it was."""
        blocks: list[Json] = []
        if self._texts and self.field != CONTENT:
            blocks.append({"field": self.field, "text": "".join(self._texts)})
        if self._texts and self.field == CONTENT:
            thinking = [{"type": "text", "text": "".join(self._texts)}]
            blocks.append({"field": CONTENT, "details": [{**self._part, "thinking": thinking}]})
        if self._details:
            blocks.append({"field": DETAILS, "details": [e.whole() for e in self._details]})
        if self._opaque:
            blocks.append({"field": OPAQUE, "value": self._opaque})
        return Native(PROTOCOL, tuple(blocks), upstream, model) if blocks else None


def _words(value: Json) -> str:
    """A text, also where a server wraps it in an object."""
    return text_of(value.get("content") if isinstance(value, dict) else value)


def decode_thoughts(message: Mapping[str, Json], where: str, ctx: Context) -> list[ReasoningPart]:
    """The reasoning of an assistant message in a history: our envelopes opened, else as it is."""
    details = message.get(DETAILS)
    entries = [e for e in details if isinstance(e, dict)] if isinstance(details, list) else []
    if any(map(_envelope, entries)):
        return _unsealed(entries, f"{where}.{DETAILS}", ctx)
    fields = ReasoningFields()
    text = fields.read(message)
    content = message.get(CONTENT)
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and part.get("type") == "thinking":
            text += fields.read_part(part)
    native = fields.native()
    return [ReasoningPart(text, native, where=where)] if native else []


def _envelope(entry: dict[str, Json]) -> str:
    return next((entry[key] for key in _STATE if is_sealed(entry.get(key))), "")


def _unsealed(entries: list[dict[str, Json]], where: str, ctx: Context) -> list[ReasoningPart]:
    """Text beside envelopes is theirs; entries without one were made elsewhere."""
    parts: list[ReasoningPart] = []
    foreign = ReasoningFields()
    for n, entry in enumerate(entries):
        place = f"{where}[{n}]"
        text = next((entry[key] for key in _SAID if isinstance(entry.get(key), str)), "")
        if entry.get("format") == TURN:
            continue  # the turn, of which these are parts
        if sealed := _envelope(entry):
            if native := ctx.unseal(sealed, place):
                parts.append(ReasoningPart(text, native, where=place))
        elif entry.get("type") == "reasoning.summary" and parts:
            parts[-1] = ReasoningPart(parts[-1].text + text, parts[-1].native, where=place)
        else:
            foreign.read({DETAILS: [entry]})
    if native := foreign.native():
        parts.append(ReasoningPart("", native, where=where))
    return parts


def extra_state(value: Json, upstream: str, model: str) -> Native:
    """What a server says beside a call, as state that stands before the call."""
    return Native(PROTOCOL, ({"field": EXTRA, "value": value},), upstream, model)


def extra_of(part: Part, ctx: Context) -> Json:
    """What `part` says for the call behind it, if this upstream made it."""
    if not isinstance(part, ReasoningPart) or part.native is None or not ctx.owns(part.native):
        return None
    return next((b["value"] for b in part.native.blocks if b["field"] == EXTRA), None)


def write_thoughts(
    message: dict[str, Json], parts: Iterable[ReasoningPart], ctx: Context, *, calls: bool
) -> None:
    """Put reasoning back into the fields of an assistant message it came in.

    `content`, one of them, is the list of its beginning.
    """
    for part in parts:
        if part.native is None and ctx.profile.reasoning_field != "none":
            _put(message, _block(ctx.profile.reasoning_field, part.text))
        elif part.native is not None and ctx.owns(part.native):
            for block in part.native.blocks:
                _put(message, block)
        else:
            ctx.notes.add("opaque_foreign", part.where, "reasoning that is not this upstream's own")
    if calls and ctx.profile.reasoning_required and not any(f in message for f in TEXT_FIELDS):
        field = ctx.profile.reasoning_field
        message[field if field in TEXT_FIELDS else TEXT_FIELDS[0]] = ""


def _block(field: str, text: str) -> Json:
    if field == DETAILS:
        return {"field": field, "details": [{"type": "reasoning.text", "text": text}]}
    return {"field": field, "text": text}


def _put(message: dict[str, Json], block: Json) -> None:
    field, text, details = block["field"], block.get("text"), block.get("details")
    if text is not None:
        message[field] = message.get(field, "") + text
    elif details is None:
        message[field] = block["value"]
    else:
        message[field] = [*message.get(field, []), *details]


def sealed_details(part: ReasoningPart, index: int, ctx: Context) -> list[Json]:
    """Entries of `reasoning_details` with the state of `part`, whose text is what is shown."""
    native = part.native
    if native is None:
        return []
    if native.protocol == PROTOCOL:  # the client speaks with the server that made it
        whole = [e for b in native.blocks if b["field"] == DETAILS for e in b["details"]]
        return [{**entry, "index": index + n} for n, entry in enumerate(whole)]
    sealed = ctx.seal(native)
    if sealed is None:
        return []
    form = {"format": FORMATS[native.protocol], "index": index}
    block = native.blocks[0] if native.blocks else {}
    if block.get("type") == "thinking":
        return [{"type": "reasoning.text", "text": part.text, "signature": sealed, **form}]
    entry: dict[str, Json] = {"type": "reasoning.encrypted", "data": sealed}
    if isinstance(block.get("id"), str):
        entry["id"] = block["id"]
    if not part.text:
        return [{**entry, **form}]
    summary = {"type": "reasoning.summary", "summary": part.text}
    return [{**entry, **form}, {**summary, **form, "index": index + 1}]


def keep_spelling(message: dict[str, Json], parts: Iterable[Part]) -> None:
    """Put what a server of this protocol gave, reasoning and state, into the fields it came in."""
    blocks: list[Json] = []
    calls: Iterator[dict[str, Json]] = iter(message.get("tool_calls", ()))
    beside: dict[str, Json] = {}
    for part in parts:
        if isinstance(part, ToolCallPart):
            next(calls, {}).update(beside)
            beside = {}
        for block in _own_blocks(part):
            if block["field"] == EXTRA:
                beside = {EXTRA: block["value"]}
            else:
                blocks.append(block)
    if not any(block["field"] not in (WRITTEN, DETAILS) for block in blocks):
        return
    text = message.pop(CONTENT, None)
    for field in (WRITTEN, DETAILS):
        message.pop(field, None)
    for block in blocks:
        _put(message, block)
    said = [{"type": "text", "text": text}] if text else []
    message[CONTENT] = [*message[CONTENT], *said] if CONTENT in message else text


def _own_blocks(part: Part) -> tuple[Json, ...]:
    native = part.native if isinstance(part, ReasoningPart) else None
    return native.blocks if native and native.protocol == PROTOCOL else ()


def sealed_turn(native: Native, index: int, ctx: Context) -> list[Json]:
    """The entry that carries a whole answer; [] where it is too large to be carried."""
    sealed = ctx.seal(native)
    entry = {"type": "reasoning.encrypted", "data": sealed, "format": TURN, "index": index}
    return [entry] if sealed else []


def decode_turn(message: Mapping[str, Json], where: str, ctx: Context) -> Native | None:
    """The whole turn as its upstream made it, where the client still carries it."""
    details = message.get(DETAILS)
    for n, entry in enumerate(details if isinstance(details, list) else ()):
        if isinstance(entry, dict) and entry.get("format") == TURN and _envelope(entry):
            return ctx.unseal(_envelope(entry), f"{where}.{DETAILS}[{n}]")
    return None
