"""What changes on the way through a conversation: how much to think, and which tools there are.

In: a request whose system text says so in its place. Out: the same, as its upstream can take it.
Hard part: a change in its place leaves what was said before as it was, and caches and signatures
hang on that; one that cannot stay there has to be told as if it had been so from the beginning.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .context import Context
from .model import Effort, EffortPart, Message, Part, Request, Tool, ToolChangePart
from .profile import matches

PLACES = ("anthropic_messages", "openai_responses")  # Chat has no place for either
UNTHINKING = ("disabled", "between_tools")  # modes that no later effort changes
PLAIN = ("function", "custom")  # kinds of tools that may be added anywhere


def late_tools(request: Request) -> list[Tool]:
    """Tools that are offered in their place in the conversation, behind those of the request."""
    return [part.tool for part in _changes(request, ToolChangePart) if part.tool is not None]


def last_effort(request: Request) -> Effort | None:
    efforts = [part.effort for part in _changes(request, EffortPart)]
    return efforts[-1] if efforts else request.reasoning.effort


def _changes[T: (EffortPart, ToolChangePart)](request: Request, kind: type[T]) -> Iterator[T]:
    for message in request.messages:
        if message.role in ("system", "developer"):
            yield from (part for part in message.parts if isinstance(part, kind))


def settled(request: Request, ctx: Context) -> Request:
    """`request` with the changes that its upstream takes, and where it takes them."""
    model = ctx.model or request.model
    return _with_tools(_with_effort(request, model, ctx), model, ctx)


# --- effort


def _with_effort(request: Request, model: str, ctx: Context) -> Request:
    """Whether there is thinking at all is never a matter of a place: then the last word counts."""
    parts = list(_changes(request, EffortPart))
    if not parts:
        return request
    levels = [request.reasoning.effort, *(part.effort for part in parts)]
    thinks = "none" not in levels and request.reasoning.mode not in UNTHINKING
    if thinks and ctx.upstream in PLACES and matches(model, ctx.profile.effort_updates):
        return request
    for part in parts:
        ctx.notes.add("hint_dropped", part.where, f"effort {part.effort} from there on only")
    return replace(
        request,
        reasoning=replace(request.reasoning, effort=last_effort(request)),
        messages=tuple(_without(request.messages, parts)),
    )


def _without(messages: Sequence[Message], parts: Sequence[Part]) -> Iterator[Message]:
    """`messages` without these very parts, and without those that are empty then."""
    gone = set(map(id, parts))
    for message in messages:
        kept = tuple(part for part in message.parts if id(part) not in gone)
        if len(kept) == len(message.parts):
            yield message
        elif kept:
            yield replace(message, parts=kept)


# --- tools


def _with_tools(request: Request, model: str, ctx: Context) -> Request:
    changes = list(_changes(request, ToolChangePart))
    if not changes:
        return request
    movable: list[ToolChangePart] = []
    if ctx.upstream in PLACES and matches(model, ctx.profile.tool_updates):
        removed = {part.name for part in changes if part.removed}
        movable = [part for part in changes if _is_plain(part) and part.name not in removed]
    messages, placed = _placed(request.messages, movable)
    rest = [part for part in changes if all(part is not other for other in placed)]
    tools = _as_if_always(request.tools, rest, ctx)
    return replace(request, tools=tuple(tools), messages=tuple(messages))


def _is_plain(part: ToolChangePart) -> bool:
    return part.tool is not None and part.tool.kind in PLAIN


def _placed(
    messages: Sequence[Message], movable: Sequence[ToolChangePart]
) -> tuple[list[Message], list[ToolChangePart]]:
    """`messages` with no changes but those that can stand before the answer to what a user says,
    where everybody takes them; and these."""
    found: list[Message] = []
    placed: list[ToolChangePart] = []
    held: list[ToolChangePart] = []
    asked = False  # a user or a tool has spoken since the last answer
    for message in messages:
        if message.role == "assistant":
            found += _told(held) if asked else []
            placed, held = (placed + held, []) if asked else (placed, held)
        if message.role in ("user", "assistant", "tool"):
            asked = message.role != "assistant"
        changes = [part for part in message.parts if isinstance(part, ToolChangePart)]
        held += [part for part in changes if any(part is other for other in movable)]
        found += _without([message], changes)
    return (found + _told(held), placed + held) if asked else (found, placed)


def _told(parts: list[ToolChangePart]) -> list[Message]:
    return [Message("system", tuple(parts), where=parts[0].where)] if parts else []


def _as_if_always(
    tools: Sequence[Tool], changes: Sequence[ToolChangePart], ctx: Context
) -> list[Tool]:
    """The tools that there are at the end."""
    offered, withdrawn = list(tools), list[Tool]()
    for part in changes:
        known = [tool for tool in offered if _is(part, tool)]
        others = [tool for tool in offered if tool not in known]
        if part.removed:
            offered, withdrawn = others, withdrawn + known
        elif part.tool in known:
            continue  # it is said again
        elif part.tool is not None:
            offered = [*others, part.tool]
        elif not known:
            offered += [tool for tool in withdrawn if _is(part, tool)][-1:]
        told = "never" if part.removed else "always"
        ctx.notes.add("tools_prefix_changed", part.where, f"as if {told} there: {part.name}")
    return offered


def _is(part: ToolChangePart, tool: Tool) -> bool:
    namespace = part.tool.namespace if part.tool else None
    return (part.name, namespace) == (tool.name, tool.namespace)
