"""A client's request made fit for its upstream, before it is encoded: pairing, names, tool kinds.

What stands here is the same for every target, so no encoder repeats it. `prepare` gives the request
and a `Toolbox`, which knows the way back for answers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from .changes import late_tools, settled
from .context import Context
from .json_text import Json, dump_text, loads
from .model import (
    Message,
    OutputFormat,
    Part,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChangePart,
    ToolChoice,
    ToolResultPart,
)
from .names import tool_names
from .notes import TransformError
from .schema import object_root
from .toolsets import without_toolsets
from .turns import pair_calls, with_parts

# What a freeform tool becomes where there are only functions.
INPUT = "input"
VALUE = "value"  # the key that holds what a schema which is no object describes
DEFAULT_NAMESPACE = "functions"
ASK_FOR_OBJECT = "Answer with one JSON object and nothing else: no text around it, no code fence."
ASK_FOR_SCHEMA = (
    "Answer with JSON that is valid against the following JSON Schema and nothing else: "
    "no text around it, no code fence.\n"
)
MISSING = "These tools are not available here: {}. Say so where you would need one."


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


def without_tools(request: Request) -> Request:
    """`request`, of whose tools the upstream has none: the model would make up what they give."""
    return with_told(request, MISSING.format(", ".join(tool.name for tool in request.tools)))


def asked_for(form: OutputFormat) -> str:
    """What to tell a model that cannot be held to the form of its answer."""
    if form.kind == "json_object" or form.schema is None:
        return ASK_FOR_OBJECT
    return ASK_FOR_SCHEMA + dump_text(form.schema)


def with_told(request: Request, text: str) -> Request:
    """`request` with a last piece of leading system text."""
    told = Message("system", (TextPart(text),))
    late = (n for n, m in enumerate(request.messages) if m.role not in ("system", "developer"))
    place = next(late, len(request.messages))
    messages = (*request.messages[:place], told, *request.messages[place:])
    return replace(request, messages=messages)


def full_name(name: str, namespace: str | None) -> str:
    """One name for a tool in a namespace; the default namespace has bare names."""
    return f"{namespace}__{name}" if namespace and namespace != DEFAULT_NAMESPACE else name


def prepare(request: Request, ctx: Context) -> tuple[Request, Toolbox]:
    paired = replace(request, messages=pair_calls(request.messages, ctx.notes))
    request = settled(paired, ctx)
    request = replace(request, tools=tuple(without_toolsets(request.tools, ctx.notes)))
    toolbox = _toolbox(request, ctx)
    return replace(
        request,
        tools=tuple(_tool(tool, toolbox, ctx) for tool in request.tools),
        messages=tuple(_message(message, toolbox, ctx) for message in request.messages),
        tool_choice=_choice(request.tool_choice, toolbox, ctx),
    ), toolbox


def _toolbox(request: Request, ctx: Context) -> Toolbox:
    known: dict[str, Tool] = {}
    offered = filter(_is_callable, [*request.tools, *late_tools(request)])
    for tool in [*offered, *_tools_in_use(request.messages, ctx)]:
        full = full_name(tool.name, tool.namespace)
        if known.setdefault(full, tool).name != tool.name:  # of another namespace, then
            problem = f"two tools of different namespaces are both called {full!r}"
            raise TransformError("tools", problem, "tool_name_collision")
    box = Toolbox()
    for full, alias in tool_names(known, ctx.upstream).items():
        tool = known[full]
        freeform = tool.kind == "custom" and not _takes_custom(ctx)
        wrapped = tool.kind == "function" and object_root(tool.parameters)[1]
        box.wires[full] = Wire(alias, freeform, wrapped)
        box.tools[alias] = tool
    return box


def _is_callable(tool: Tool) -> bool:
    return tool.kind in ("function", "custom")


def _takes_custom(ctx: Context) -> bool:
    return ctx.upstream != "anthropic_messages" and ctx.profile.custom_tools


def _tools_in_use(messages: tuple[Message, ...], ctx: Context) -> Iterator[Tool]:
    """What calls of the history tell of their tools, which need not be offered any more."""
    used = {
        (part.name, part.kind, part.namespace): None
        for message in messages
        for part in message.parts
        if isinstance(part, ToolCallPart) and not _returns(part, ctx)
    }
    for name, kind, namespace in used:
        yield Tool(name, kind=kind, namespace=namespace)


def _returns(call: ToolCallPart, ctx: Context) -> bool:
    """The upstream gets its own call back, as it made it."""
    return call.native is not None and ctx.owns(call.native)


def _tool(tool: Tool, box: Toolbox, ctx: Context) -> Tool:
    if not _is_callable(tool):
        return tool
    wire = box.wire(tool.name, tool.namespace)
    if wire.freeform:
        return _as_function(tool, wire.name, ctx)
    parameters = tool.parameters
    if tool.kind == "function":
        parameters = object_root(parameters)[0]
    if (tool.name, tool.namespace) == (wire.name, None) and parameters is tool.parameters:
        return tool
    return replace(tool, name=wire.name, namespace=None, parameters=parameters)


def _as_function(tool: Tool, name: str, ctx: Context) -> Tool:
    description = [tool.description] if tool.description else []
    if isinstance(tool.format, dict) and tool.format.get("type") == "grammar":
        ctx.notes.add("grammar_unenforced", tool.where, f"the grammar of {tool.name} is only told")
        syntax, grammar = tool.format.get("syntax", ""), tool.format.get("definition", "")
        description.append(f"The input must match this {syntax} grammar:\n{grammar}")
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
        description="\n\n".join(description) or None,
        parameters=schema,
        format=None,
    )


def _message(message: Message, box: Toolbox, ctx: Context) -> Message:
    if message.role == "user":
        return message
    return with_parts(message, [_part(part, box, ctx) for part in message.parts])


def _part(part: Part, box: Toolbox, ctx: Context) -> Part:
    match part:
        case ToolCallPart() if not _returns(part, ctx):
            return _call(part, box.wire(part.name, part.namespace), ctx)
        case ToolResultPart(kind="custom") if not _takes_custom(ctx):
            return replace(part, kind="function")
        case ToolChangePart(tool=Tool() as tool):
            tool = _tool(tool, box, ctx)
            return replace(part, name=tool.name, tool=tool)
        case _:
            return part


def _call(call: ToolCallPart, wire: Wire, ctx: Context) -> ToolCallPart:
    kind, arguments = call.kind, call.arguments
    if kind == "custom" and not _takes_custom(ctx):
        kind, arguments = "function", dump_text({INPUT: arguments})
    elif wire.wrapped:
        arguments = _wrapped(arguments)
    if (call.name, call.namespace, call.kind, call.arguments) == (wire.name, None, kind, arguments):
        return call
    return replace(call, name=wire.name, namespace=None, kind=kind, arguments=arguments)


def _wrapped(arguments: str) -> str:
    try:
        value: Json = loads(arguments)
    except ValueError:
        value = arguments
    return dump_text({VALUE: value})


def _choice(choice: ToolChoice | None, box: Toolbox, ctx: Context) -> ToolChoice | None:
    if choice is None or choice.native is not None:
        return choice
    match choice.mode:
        case "tool":
            kind = choice.kind if _takes_custom(ctx) else "function"
            return replace(choice, name=box.wire(choice.name).name, kind=kind)
        case "allowed":
            return replace(choice, tools=tuple(box.wire(name).name for name in choice.tools))
        case _:
            return choice
