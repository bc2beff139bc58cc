"""What an answer is made of: output items read while they arrive, and written.

Hard part: items come without a beginning or without an end, and say again at their end what they
said before; each thing is told once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ..answers import Event, PartDelta, PartEnd, PartStart, Start
from ..client_tools import CALL_ITEMS
from ..context import Context
from ..fields import objects_of, text_of
from ..json_text import Json, dump_text
from ..lanes import Lane, Lanes, Prose
from ..model import Native, NativePart, Part, RefusalPart, TextPart, ToolCallPart
from ..notes import TransformError
from ..profile import matches
from ..sequence import Call
from .content import encode_call_item
from .parts import (
    COMMENTARY,
    FINAL,
    OWN_KEYS,
    PROTOCOL,
    border_of,
    decode_annotation,
    decode_call_item,
)
from .reasoning import Thoughts
from .tools import decode_hosted, encode_hosted

__all__ = ()

type Object = Mapping[str, Json]

# --- reading

# "auto" is what was asked for. What it became is told at the end, and is nearly always this.
TIERS = {tier: tier for tier in ("default", "flex", "scale", "priority", "fast")}
TIERS["auto"] = "default"
MILLISECONDS = 100_000_000_000  # a number of seconds above it is none


def type_of(item: Object) -> str:
    return text_of(item.get("type")) or ("message" if "role" in item else "")


def read_start(response: Object) -> Start:
    return Start(
        text_of(response.get("id")),
        text_of(response.get("model")),
        _seconds(response.get("created_at")),
        tier_of(response),
    )


def _seconds(value: Json) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        return None
    return value / 1000 if value > MILLISECONDS else value


def tier_of(response: Object) -> str | None:
    return TIERS.get(text_of(response.get("service_tier")))


class Item(Lane):
    """An item of the output."""

    def __init__(self, item: Object, index: Json, owner: Native, ctx: Context) -> None:
        super().__init__(type_of(item), text_of(item.get("id")), index)
        self.calls = 0
        self.cut = False  # a call in it is not whole
        self.refusal = ""
        self._owner, self._notes = owner, ctx.notes

    def read(self, about: str, verb: str, event: Object) -> None:
        """An event of type `about.verb`."""

    def end(self, item: Object, *, cut: bool) -> None:
        """`item` is all of it, {} if nobody said. `cut`: it may have ended early."""

    def spoken(self, place: int) -> TextPart | RefusalPart | None:
        """What it has said so far behind its first `place` parts."""

    def _native(self, block: Object) -> Native:
        return Native(PROTOCOL, (block,), self._owner.upstream, self._owner.model)


def logprobs_of(event: Object) -> tuple[Json, ...]:
    given = event.get("logprobs")
    return tuple(given) if isinstance(given, list) else ()


CITATION = "response.output_text.annotation"
# What events and content parts are about -> the part it is in the model.
SPOKEN: dict[str, type[TextPart | RefusalPart]] = {
    "response.output_text": TextPart,
    CITATION: TextPart,
    "response.refusal": RefusalPart,
    "output_text": TextPart,
    "text": TextPart,  # of careless servers
    "refusal": RefusalPart,
}


class _Message(Item):
    """Its parts come one after the other; one that is not the last says no more."""

    def __init__(self, item: Object, index: Json, owner: Native, ctx: Context) -> None:
        super().__init__(item, index, owner, ctx)
        self._phase = text_of(item.get("phase"))
        self._parts: list[Prose] = []
        self._place: Json = None  # of the last part, as the server counts

    def read(self, about: str, verb: str, event: Object) -> None:
        given = event.get("part")
        content = given if isinstance(given, dict) else event
        kind = SPOKEN.get(about) or SPOKEN.get(type_of(content))
        prose = self._spoken_of(kind, event.get("content_index")) if kind else None
        if prose is None:
            return
        if verb == "delta":
            self.due += prose.say(text_of(event.get("delta")), logprobs_of(event))
        elif about != CITATION:
            self._complete(prose, content)
        elif annotation := objects_of([event.get("annotation")]):
            self.due += prose.cite(decode_annotation(annotation[0], self._owner))

    def _spoken_of(self, kind: type[TextPart | RefusalPart], place: Json) -> Prose | None:
        last = self._parts[-1] if self._parts else None
        if last and type(last.part) is kind and place in (None, self._place):
            return last
        if isinstance(place, int) and isinstance(self._place, int) and place < self._place:
            return None
        self._place = place
        return self._next(kind)

    def _next(self, kind: type[TextPart | RefusalPart]) -> Prose:
        if self._parts:
            self.due += self._parts[-1].close()
        self._parts.append(Prose(kind("")))
        return self._parts[-1]

    def _complete(self, prose: Prose, part: Object) -> None:
        text = text_of(part.get("text")) or text_of(part.get("refusal"))
        self.due += prose.complete(text, logprobs_of(part))
        for annotation in objects_of(part.get("annotations"))[prose.citations :]:
            self.due += prose.cite(decode_annotation(annotation, self._owner))

    def end(self, item: Object, *, cut: bool) -> None:
        content = item.get("content")
        if isinstance(content, str):
            content = [{"type": "output_text", "text": content}]
        last = len(self._parts) - 1  # those before it are over
        spoken = [part for part in objects_of(content) if type_of(part) in SPOKEN]
        for n, part in enumerate(spoken[max(0, last) :], max(0, last)):
            kind = SPOKEN[type_of(part)]
            is_known = n == last and type(self._parts[n].part) is kind
            self._complete(self._parts[n] if is_known else self._next(kind), part)
        if self._parts:
            self.due += self._parts[-1].close()
        if any(prose.said or prose.citations for prose in self._parts):
            self._border(text_of(item.get("phase")) or self._phase)
        refusals = (prose.said for prose in self._parts if isinstance(prose.part, RefusalPart))
        self.refusal = "".join(text for said in refusals for text in said)

    def spoken(self, place: int) -> TextPart | RefusalPart | None:
        if len(self._parts) <= place:
            return None
        last = self._parts[-1]
        return replace(last.part, text="".join(last.said))

    def _border(self, phase: str) -> None:
        ended = {"type": "message", **({"phase": phase} if phase else {})}
        self.due += [PartStart(NativePart(self._native(ended), "hint_dropped")), PartEnd()]


class _Reasoning(Item):
    """Its end may come late; where others speak before that, it follows them."""

    patience = 1

    def __init__(self, item: Object, index: Json, owner: Native, ctx: Context) -> None:
        super().__init__(item, index, owner, ctx)
        self._thoughts = Thoughts(item, owner)

    def read(self, about: str, verb: str, event: Object) -> None:
        if verb == "delta":
            self.due += self._thoughts.read(about, event)

    def pause(self) -> None:
        self.due += self._thoughts.pause()

    def end(self, item: Object, *, cut: bool) -> None:
        self.due += self._thoughts.end(item)


class _Call(Item):
    """A call; pieces of it before its name is known are left to its end, which has all of it."""

    def __init__(self, item: Object, index: Json, owner: Native, ctx: Context) -> None:
        super().__init__(item, index, owner, ctx)
        self._field = "input" if self.type == "custom_tool_call" else "arguments"
        self._call: Call | None = None
        self._length = 0
        self._begin(item)

    def _begin(self, item: Object) -> None:
        if self._call is not None or not text_of(item.get("name")):
            return
        head = {key: text_of(item.get(key)) or None for key in ("call_id", "name", "namespace")}
        own = {key: item[key] for key in OWN_KEYS if key in item}
        part = _call_in({"type": self.type, **own, **head}, self._owner)
        assert part is not None
        self._call = Call(replace(part, arguments=""), self._notes)
        self.calls = 1
        self.due.append(PartStart(self._call.part))

    def read(self, about: str, verb: str, event: Object) -> None:
        if verb == "delta":
            self._feed(text_of(event.get("delta")))
        else:
            self._complete(event)

    def _feed(self, text: str) -> None:
        if self._call is None:
            return
        self._length += len(text)
        if known := self._call.feed(text):
            self.due.append(PartDelta(known))

    def _complete(self, item: Object) -> None:
        given = item.get(self._field)
        text = given if isinstance(given, str) else "" if given is None else dump_text(given)
        if rest := text[self._length :]:
            self._feed(rest)

    def end(self, item: Object, *, cut: bool) -> None:
        self._begin(item)
        self._complete(item)
        if self._call is not None:
            ending = self._call.close(cut=cut)
            self.cut = any(isinstance(event, PartEnd) and event.cut for event in ending)
            self.due += ending


# Items of hosted tools whose result a person was to see.
SEEN = frozenset({"image_generation_call"})


class _Other(Item):
    """Told whole when it is; some are calls that the app runs, others a vendor's own matter."""

    patience = 2

    def end(self, item: Object, *, cut: bool) -> None:
        if not item:  # half of it would mean nothing, not even to its vendor
            return
        if call := _call_in(item, self._owner):
            self.calls = 1
            opened = PartStart(replace(call, arguments=""))
            self.due += [opened, PartDelta(call.arguments), PartEnd()]
            return
        part = NativePart(
            self._native(item),
            "hosted_output_dropped",
            seen=self.type in SEEN,
            hosted=decode_hosted(item),
        )
        self.due += [PartStart(part), PartEnd()]


def _call_in(item: Object, owner: Native) -> ToolCallPart | None:
    """None also for one that makes no sense."""
    try:
        typed = {**item, "type": type_of(item)}
        return decode_call_item(typed, "", owner.upstream, owner.model)
    except TransformError:
        return None


READERS: dict[str, type[Item]] = {
    "message": _Message,
    "reasoning": _Reasoning,
    "function_call": _Call,
    "custom_tool_call": _Call,
}
# What events are about -> the type of the item they belong to.
ABOUT: dict[str, str] = {
    "response.output_text": "message",
    CITATION: "message",
    "response.refusal": "message",
    "response.content_part": "message",  # or reasoning, by what the part is
    "response.reasoning_part": "reasoning",
    "response.reasoning_text": "reasoning",
    "response.reasoning_summary_part": "reasoning",
    "response.reasoning_summary_text": "reasoning",
    "response.function_call_arguments": "function_call",
    "response.custom_tool_call_input": "custom_tool_call",
}


class _Borders:
    """Ends of messages: those are told without which their upstream would get them back another.

    Without a word a message goes on in the next text, and its phase is what its place tells.
    """

    def __init__(self, ctx: Context) -> None:
        model = ctx.model or (ctx.request.model if ctx.request else "")
        own = ctx.client == PROTOCOL  # it is told all phases there are
        self._inside = COMMENTARY if not own and matches(model, ctx.profile.phase) else None
        self._last = None if own else FINAL
        self._held: NativePart | None = None  # until it is known what follows

    def pass_on(self, events: Iterable[Event], *, over: bool) -> Iterator[Event]:
        """`events` without the other ends; `over`: nothing follows."""
        for event in events:
            part = event.part if isinstance(event, PartStart) else None
            if part is not None:
                yield from self._told(
                    self._inside, divides=isinstance(part, TextPart | RefusalPart)
                )
            if isinstance(part, NativePart) and border_of(part.native):
                self._held = part
            elif self._held is None:
                yield event
        if over:
            yield from self._told(self._last)

    def _told(self, known: str | None, *, divides: bool = False) -> Iterator[Event]:
        """`known`: the phase that its place tells; `divides`: another message follows."""
        held, self._held = self._held, None
        if held is None:
            return
        phase = held.native.blocks[0].get("phase")
        if divides or phase not in (None, known):
            yield from (PartStart(held), PartEnd())


class Items:
    """The items of one answer."""

    def __init__(self, ctx: Context) -> None:
        self.owner = Native(PROTOCOL, (), ctx.upstream_id)
        self._ctx = ctx
        self._lanes: Lanes[Item] = Lanes()
        self._borders = _Borders(ctx)
        self._finished = False

    def take(self) -> list[Event]:
        """What may be told now."""
        return list(self._borders.pass_on(self._lanes.take(), over=self._finished))

    @property
    def message(self) -> Item | None:
        """The first that is open."""
        return self._lanes.find("message", "", None)

    @property
    def calls(self) -> int:
        return sum(item.calls for item in self._lanes.all)

    @property
    def cut(self) -> bool:
        return any(item.cut for item in self._lanes.all)

    @property
    def refusal(self) -> str:
        return "".join(item.refusal for item in self._lanes.all)

    def add(self, item: Object, index: Json) -> Item:
        kind = type_of(item)
        known = self._lanes.named(kind, text_of(item.get("id")))
        if known is not None and not known.over:  # said twice
            return known
        return self._lanes.add(READERS.get(kind, _Other)(item, index, self.owner, self._ctx))

    def read(self, about: str, verb: str, event: Object) -> None:
        kind, part = ABOUT[about], event.get("part")
        if isinstance(part, dict) and part.get("type") == "reasoning_text":
            kind = "reasoning"
        item_id, index = text_of(event.get("item_id")), event.get("output_index")
        item = self._lanes.find(kind, item_id, index)
        item = item or self.add({"type": kind, "id": item_id}, index)
        if not item.over:
            item.read(about, verb, event)

    def done(self, item: Object, index: Json) -> None:
        item_id = text_of(item.get("id"))
        known = self._lanes.find(type_of(item), item_id, index)
        if known is None or (known.over and known.id != (item_id or None)):  # an index used twice
            known = self.add(item, index)
        _end(known, item, cut=False)

    def finish(self, output: list[dict[str, Json]], *, cut: bool) -> None:
        """The answer is over; `output` is the server's account of it, which may be empty."""
        self._finished = True
        by_id = {text_of(item.get("id")): item for item in output if item.get("id")}
        for known in self._lanes.waiting:
            item = by_id.get(known.id) or _item_at(known.index, known.type, output)
            _end(known, item, cut=cut and not item)
        told = Counter(item.type for item in self._lanes.all)
        for n, item in enumerate(output):
            told[type_of(item)] -= 1
            if told[type_of(item)] < 0:  # nothing was said of it before
                _end(self.add(item, n), item, cut=False)


def _end(known: Item, item: Object, *, cut: bool) -> None:
    if not known.over:
        known.end(item, cut=cut or item.get("status") == "incomplete")
        known.over = True


def _item_at(index: Json, kind: str, output: list[dict[str, Json]]) -> dict[str, Json]:
    item = output[index] if isinstance(index, int) and 0 <= index < len(output) else {}
    return item if type_of(item) == kind else {}


# --- writing

# The prefix of an item's id, by its type.
PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "web_search_call": "ws",
    "mcp_call": "mcp",
    "mcp_list_tools": "mcpl",
    "compaction": "cmp",
    "local_shell_call": "lsh",
    "shell_call": "sh",
    "apply_patch_call": "apc",
    "tool_search_call": "tsc",
}
# What is streamed -> how its events are called.
DELTAS = {
    "function_call": "response.function_call_arguments",
    "custom_tool_call": "response.custom_tool_call_input",
}
# A part of a message -> its type, its field for text, what else is in it, and in its deltas.
PROSE: dict[type[Part], tuple[str, str, dict[str, Json], bytes]] = {
    TextPart: ("output_text", "text", {"annotations": [], "logprobs": []}, b',"logprobs":[]'),
    RefusalPart: ("refusal", "refusal", {}, b""),
}
# What is different in the beginning of an item that is told at once.
BEGUN: dict[str, dict[str, Json]] = {
    "reasoning": {"encrypted_content": ""},
    "web_search_call": {"status": "in_progress"},
    "mcp_call": {"status": "in_progress", "output": None, "error": None},
    "mcp_list_tools": {"tools": []},
}
# Events of an item that a vendor's own tool made.
PROGRESS = {
    "web_search_call": ("in_progress", "searching", "completed"),
    "mcp_call": ("in_progress", "completed"),
    "mcp_list_tools": ("in_progress", "completed"),
}


def opened_call(part: ToolCallPart, ctx: Context) -> dict[str, Json] | None:
    """The item before its arguments have come; None for one that can only be written whole."""
    item = encode_call_item(replace(part, arguments=""), ctx)
    return None if item["type"] in CALL_ITEMS else {**item, field_of(item): ""}


def field_of(item: Object) -> str:
    return "input" if item["type"] == "custom_tool_call" else "arguments"


def carried_items(part: NativePart, ctx: Context) -> Iterator[dict[str, Json]]:
    """What another vendor's block is here, without ids: sealed, and shown where it can be."""
    sealed = ctx.seal(part.native)
    if sealed and any(block.get("type") == "compaction" for block in part.native.blocks):
        yield {"type": "compaction", "encrypted_content": sealed}
    elif sealed:
        yield {"type": "reasoning", "summary": [], "encrypted_content": sealed}
    if part.hosted:
        yield encode_hosted(part.hosted)
