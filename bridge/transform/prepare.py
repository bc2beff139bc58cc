"""A client's request made fit for its upstream, before it is encoded: pairing, names, tool kinds.

What stands here is the same for every target, so no encoder repeats it. `prepare` gives the request
and a `Toolbox`, which knows the way back for answers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from .context import Context
from .json_text import Json, dump_text, loads
from .model import Message, Part, Request, Tool, ToolCallPart, ToolChoice
from .names import tool_names
from .schema import object_root
from .turns import pair_calls

# What a freeform tool becomes where there are only functions.
INPUT = "input"
VALUE = "value"  # the key that holds what a schema which is no object describes
DEFAULT_NAMESPACE = "functions"


@dataclass(frozen=True, slots=True)
class Wire:
    """How the upstream sees one of the client's tools."""

    name: str
    freeform: bool = False  # a custom tool sent as a function of one string
    wrapped: bool = False  # its arguments stand under VALUE


@dataclass(slots=True)
class Toolbox:
    """The client's tools by the names the upstream uses, and the other way round."""

    wires: dict[str, Wire] = field(default_factory=dict)  # full client name -> wire
    tools: dict[str, Tool] = field(default_factory=dict)  # wire name -> the client's tool

    def wire(self, name: str, namespace: str | None = None) -> Wire:
        full = full_name(name, namespace)
        return self.wires.get(full) or Wire(full)


def full_name(name: str, namespace: str | None) -> str:
    """One name for a tool in a namespace; the default namespace has bare names."""
    return f"{namespace}__{name}" if namespace and namespace != DEFAULT_NAMESPACE else name


def prepare(request: Request, ctx: Context) -> tuple[Request, Toolbox]:
    messages = pair_calls(request.messages, ctx.notes)
    toolbox = _toolbox(request, messages, ctx)
    return replace(
        request,
        tools=tuple(_tool(tool, toolbox, ctx) for tool in request.tools),
        messages=tuple(_message(message, toolbox) for message in messages),
        tool_choice=_choice(request.tool_choice, toolbox),
    ), toolbox


def _toolbox(request: Request, messages: tuple[Message, ...], ctx: Context) -> Toolbox:
    callable_tools = {
        full_name(tool.name, tool.namespace): tool for tool in request.tools if _is_callable(tool)
    }
    names = dict.fromkeys([*callable_tools, *_names_in_use(messages)])
    box = Toolbox()
    for full, alias in tool_names(names, ctx.upstream).items():
        tool = callable_tools.get(full, Tool(full))
        freeform = tool.kind == "custom" and not _takes_custom(ctx)
        wrapped = tool.kind == "function" and object_root(tool.parameters)[1]
        box.wires[full] = Wire(alias, freeform, wrapped)
        box.tools[alias] = tool
    return box


def _is_callable(tool: Tool) -> bool:
    return tool.kind in ("function", "custom")


def _takes_custom(ctx: Context) -> bool:
    return ctx.upstream != "anthropic_messages" and ctx.profile.custom_tools


def _names_in_use(messages: tuple[Message, ...]) -> Iterator[str]:
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolCallPart) and part.native is None:
                yield full_name(part.name, part.namespace)


def _tool(tool: Tool, box: Toolbox, ctx: Context) -> Tool:
    if not _is_callable(tool):
        return tool
    wire = box.wire(tool.name, tool.namespace)
    if wire.freeform:
        return _as_function(tool, wire.name, ctx)
    parameters = tool.parameters
    if tool.kind == "function":
        parameters = object_root(parameters)[0]
    return replace(tool, name=wire.name, namespace=None, parameters=parameters)


def _as_function(tool: Tool, name: str, ctx: Context) -> Tool:
    description = tool.description or ""
    if isinstance(tool.format, dict) and tool.format.get("type") == "grammar":
        ctx.notes.add("grammar_unenforced", tool.where, f"the grammar of {tool.name} is only told")
        syntax, grammar = tool.format.get("syntax", ""), tool.format.get("definition", "")
        description += f"\n\nThe input must match this {syntax} grammar:\n{grammar}"
    schema = {
        "type": "object",
        "properties": {INPUT: {"type": "string", "description": "The raw input of the tool"}},
        "required": [INPUT],
    }
    return replace(
        tool,
        name=name,
        namespace=None,
        kind="function",
        description=description.strip() or None,
        parameters=schema,
        format=None,
    )


def _message(message: Message, box: Toolbox) -> Message:
    if message.role != "assistant" or not any(isinstance(p, ToolCallPart) for p in message.parts):
        return message
    return replace(message, parts=tuple(_part(part, box) for part in message.parts))


def _part(part: Part, box: Toolbox) -> Part:
    if not isinstance(part, ToolCallPart) or part.native is not None:
        return part
    wire = box.wire(part.name, part.namespace)
    if part.kind == "custom" and wire.freeform:
        arguments = dump_text({INPUT: part.arguments})
        return replace(part, name=wire.name, namespace=None, kind="function", arguments=arguments)
    arguments = _wrapped(part.arguments) if wire.wrapped else part.arguments
    return replace(part, name=wire.name, namespace=None, arguments=arguments)


def _wrapped(arguments: str) -> str:
    try:
        value: Json = loads(arguments)
    except ValueError:
        value = arguments
    return dump_text({VALUE: value})


def _choice(choice: ToolChoice | None, box: Toolbox) -> ToolChoice | None:
    if choice is None or choice.native is not None or choice.mode not in ("tool", "allowed"):
        return choice
    wire = box.wire(choice.name)
    return replace(
        choice,
        name=wire.name if choice.name else "",
        kind="function" if wire.freeform else choice.kind,
        tools=tuple(box.wire(name).name for name in choice.tools),
    )
