"""What a request asks for, however it says it: for comparing requests across protocols."""

from typing import Any

from bridge.transform.context import context
from bridge.transform.effort import BUDGETS, effort_of_budget
from bridge.transform.json_text import Json, loads
from bridge.transform.model import (
    DocumentPart,
    Effort,
    ImagePart,
    Part,
    Protocol,
    Reasoning,
    RefusalPart,
    Request,
    TextPart,
    TextSource,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from bridge.transform.prepare import prepare
from bridge.transform.profile import Profile
from bridge.transform.schema import clean_for_anthropic
from bridge.transform.translator import CODECS


def asked(
    client: Protocol, upstream: Protocol, profile: Profile | None, body: Json
) -> dict[str, Any]:
    """By aspect; names and kinds of tools are those that the upstream has words for."""
    ctx = context(client, upstream, profile)
    request, _ = prepare(CODECS[client].decode_request(body, ctx), ctx)
    offered = bool(request.tools)
    choice = (request.tool_choice if offered else None) or ToolChoice("auto")
    parallel = request.parallel_tool_calls if offered and choice.mode != "none" else None
    return {
        **conversation(request),
        "tools": [of_tool(tool) for tool in request.tools],
        "tool_choice": choice,
        "parallel": parallel is not False,
        "effort": effort(request.reasoning),
        "output_format": output_format(request),
        "max_tokens": request.max_tokens,
        "sampling": (request.temperature, request.top_p, request.top_k),
        "stop": request.stop,
        "identity": request.user,
        "tier": request.service_tier,
        "stream": request.stream,
    }


def conversation(request: Request) -> dict[str, Any]:
    """Who said what, in order; how it is divided into parts and messages aside."""
    heard: dict[str, Any] = {key: [] for key in ("calls", "results", "images", "documents")}
    texts: dict[str, list[str]] = {"user": [], "assistant": [], "system": []}
    roles: list[str] = []
    for message in request.messages:
        role = "system" if message.role == "developer" else message.role
        known = str(heard)
        said = [piece for part in message.parts for piece in pieces(part, heard)]
        if role in texts:
            texts[role] += said
        if (said or str(heard) != known) and roles[-1:] != [role]:  # silence is no turn
            roles.append(role)
    return {**heard, **{role: joined(said) for role, said in texts.items()}, "roles": roles}


def joined(texts: list[str]) -> str:
    """Without blanks, which some servers need between parts."""
    return "".join("".join(texts).split())


PLACEHOLDERS = ("(empty)", "(no output)")  # of who has to say something


def pieces(part: Part, heard: dict[str, list[Any]]) -> list[str]:
    """The text of a part; what else it is is added to `heard`."""
    match part:
        case TextPart(text) | RefusalPart(text):
            return [text] if text.strip() and text not in PLACEHOLDERS else []
        case ImagePart(source):
            heard["images"].append(source)
        case DocumentPart(TextSource(text), title, context):
            return ["\n".join(line for line in (title, context, text) if line)]
        case DocumentPart(source):
            heard["documents"].append(source)
        case ToolCallPart(id, name, arguments, "custom"):
            heard["calls"].append((id, name, arguments))
        case ToolCallPart(id, name, arguments):
            heard["calls"].append((id, name, loads(arguments)))
        case ToolResultPart(call_id, parts, is_error):
            texts = [text for inner in parts for text in pieces(inner, heard)]
            heard["results"].append((call_id, joined(texts), is_error))
    return []


def of_tool(tool: Tool) -> tuple[Any, ...]:
    return tool.name, tool.kind, tool.description, tool.parameters, tool.strict or False


def effort(reasoning: Reasoning) -> Effort | None:
    """Modes and budgets as the effort they stand for."""
    if reasoning.mode == "disabled":
        return "none"
    if reasoning.effort is None and reasoning.budget is not None:
        return effort_of_budget(reasoning.budget)
    return reasoning.effort


def budgeted(effort: Effort | None) -> Effort | None:
    """An effort as a number of tokens can say it."""
    return None if effort in (None, "none") else effort_of_budget(BUDGETS[effort])


def output_format(request: Request) -> Any:
    """The schema as Anthropic would hold an answer to it: references written out, closed."""
    wanted = request.output_format
    if wanted is None or wanted.kind != "json_schema":
        return wanted
    return clean_for_anthropic(wanted.schema).schema or wanted.schema
