"""What a request asks for beside the conversation, in the same words for all protocols.

In: a request of the neutral model. Out: words and texts, in an order that people look for them in.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ..transform.effort import effort_of_budget
from ..transform.json_text import Json, dump_text
from ..transform.model import OutputFormat, Reasoning, Request, Tool, ToolChoice
from ..transform.prepare import full_name
from .blocks import shortened

MAX_TEXT = 200  # characters of a field that one vendor has alone
MAX_LINE = 100  # of what a tool is for


class Setting(NamedTuple):
    word: str
    text: str


def settings_of(request: Request) -> Iterator[Setting]:
    """Only what was said."""
    for word, value in _values(request):
        if value not in (None, "", ()):
            yield Setting(word, value if isinstance(value, str) else dump_text(value))


def _values(request: Request) -> Iterator[tuple[str, Json]]:
    yield "model", request.model
    yield "max tokens", request.max_tokens
    yield "temperature", request.temperature
    yield "top p", request.top_p
    yield "top k", request.top_k
    yield "stop", request.stop
    yield "effort", _effort(request.reasoning)
    yield "thinking", _thinking(request.reasoning)
    yield "answer", _format(request.output_format)
    yield "tool choice", _choice(request.tool_choice)
    yield "parallel calls", "no" if request.parallel_tool_calls is False else ""
    yield "stream", "yes" if request.stream else ""
    yield "user", request.user
    yield "service tier", request.service_tier
    yield "cache", request.cache and (request.cache.ttl or "default")
    for name, extra in request.extras.items():
        text = dump_text(shortened(extra.value))
        yield name, text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} ..."


def _effort(reasoning: Reasoning) -> str:
    """How much to think, by everybody's words."""
    if reasoning.mode in ("disabled", "between_tools"):
        return "none"
    if reasoning.effort is None and reasoning.budget is not None:
        return effort_of_budget(reasoning.budget)
    return reasoning.effort or ""


def _thinking(reasoning: Reasoning) -> str:
    """The same as one vendor says it."""
    told: list[str] = [reasoning.mode or ""]
    told += [f"at most {reasoning.budget} tokens"] if reasoning.budget is not None else []
    if reasoning.visible is not None:
        told.append("shown" if reasoning.visible else "hidden")
    return ", ".join(filter(None, told))


def _format(wanted: OutputFormat | None) -> str:
    return wanted.kind if wanted and wanted.kind != "text" else ""


def _choice(choice: ToolChoice | None) -> str:
    if choice is None or choice.mode == "auto":
        return ""
    named = [choice.name, *choice.tools]
    return " ".join([choice.mode, ", ".join(filter(None, named))]).rstrip()


def tool_line(tool: Tool) -> str:
    """Its name, its parameters (`?`: may be left out), and what it is for."""
    name = full_name(tool.name, tool.namespace)
    kind = "" if tool.kind == "function" else f" [{tool.kind}]"
    about = " ".join((tool.description or "").split())
    about = about if len(about) <= MAX_LINE else f"{about[:MAX_LINE]} ..."
    return f"{name}({_parameters(tool.parameters)}){kind}: {about}".removesuffix(": ")


def _parameters(schema: Json) -> str:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    required = schema.get("required") if isinstance(schema, dict) else None
    needed = required if isinstance(required, list) else []
    names = properties if isinstance(properties, dict) else {}
    return ", ".join(name if name in needed else f"{name}?" for name in names)
