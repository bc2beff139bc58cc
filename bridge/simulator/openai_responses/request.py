"""A Responses request in, what it says (`Seen`) out. It has passed `rules.check`.

Hard part: a turn of the assistant is several items here; neighbours are gathered again.
"""

from typing import Any

from ..conversation import Seen, Settings, Tool, Turn, observe
from ..dialect import dumps

Json = Any

CALLS = ("function_call", "custom_tool_call")
RESULTS = ("function_call_output", "custom_tool_call_output")


def read(body: Json) -> Seen:
    system = [body.get("instructions") or ""]
    tools = list(body.get("tools") or [])
    turns: list[Turn] = []
    for item in items(body):
        match kind_of(item):
            case "message" if item["role"] in ("system", "developer"):
                system.append(text_of(item["content"]))
            case "message":
                _message(turns, item)
            case "reasoning":
                _turn(turns, "assistant").reasonings += 1
            case kind if kind in CALLS:
                _turn(turns, "assistant").calls.append(item["name"])
            case kind if kind in RESULTS:
                _result(turns, item["output"])
            case "additional_tools":
                tools += item.get("tools") or []
    return observe(turns, _settings(body, "\n".join(filter(None, system)), tools))


def history(body: Json) -> tuple[str, list[bytes]]:
    """The first words of the user, and what the cache goes by, piece by piece."""
    given = items(body)
    told = [item for item in given if kind_of(item) == "message" and item["role"] == "user"]
    pieces = [body.get("tools") or [], body.get("instructions") or "", *map(_spelled, given)]
    return text_of(told[0]["content"]) if told else "", [dumps(piece) for piece in pieces]


def _spelled(item: Json) -> Json:
    """Without marks for the cache; a text that stands alone is a list of one part."""
    key = "output" if kind_of(item) in RESULTS else "content"
    if not isinstance(item.get(key), str):
        return _bare(item)
    kind = "output_text" if item.get("role") == "assistant" else "input_text"
    return _bare({**item, key: [{"type": kind, "text": item[key]}]})


def _bare(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _bare(value[key]) for key in value if key != "prompt_cache_breakpoint"}
    return [_bare(item) for item in value] if isinstance(value, list) else value


def items(body: Json) -> list[Json]:
    given = body.get("input") or []
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


def kind_of(item: Json) -> str:
    return str(item.get("type") or "message")


def parts(content: Json) -> list[Json]:
    return [{"type": "input_text", "text": content}] if isinstance(content, str) else content or []


def text_of(content: Json) -> str:
    return "\n".join(part["text"] for part in parts(content) if "text" in part)


def _turn(turns: list[Turn], role: Any) -> Turn:
    if role == "user" or not turns or turns[-1].role != role:
        turns.append(Turn(role))
    return turns[-1]


def _message(turns: list[Turn], item: Json) -> None:
    turn = _turn(turns, item["role"])
    turn.text = "\n".join(filter(None, [turn.text, text_of(item["content"])]))
    _count(turn, parts(item["content"]))


def _result(turns: list[Turn], output: Json) -> None:
    turn = _turn(turns, "tool")
    turn.results.append(text_of(output))
    _count(turn, parts(output))


def _count(turn: Turn, content: list[Json]) -> None:
    turn.images += sum(part["type"] == "input_image" for part in content)
    turn.documents += sum(part["type"] == "input_file" for part in content)


def _settings(body: Json, system: str, tools: list[Json]) -> Settings:
    return Settings(
        model=body.get("model") or "unnamed",
        system=system,
        tools=tuple(_tools(tools, None)),
        choice=_choice(body.get("tool_choice")),
        parallel=body.get("parallel_tool_calls") is not False,
        reasoning=(body.get("reasoning") or {}).get("effort") != "none",
        max_tokens=body.get("max_output_tokens"),
        schema=_schema((body.get("text") or {}).get("format") or {}),
    )


def _tools(tools: list[Json], namespace: str | None) -> list[Tool]:
    found: list[Tool] = []
    for tool in tools:
        match tool.get("type"):
            case "function":
                schema = tool.get("parameters") or {}
                found.append(Tool(tool["name"], schema, namespace=namespace))
            case "custom":
                found.append(Tool(tool["name"], None, custom=True, namespace=namespace))
            case "namespace":
                found += _tools(tool.get("tools") or [], tool["name"])
    return found


def _choice(choice: Json) -> str:
    if isinstance(choice, dict):
        return choice.get("name") or choice.get("mode") or "auto"
    return choice or "auto"


def _schema(style: Json) -> Json:
    match style.get("type"):
        case "json_schema":
            return style.get("schema") or {}
        case "json_object":
            return {}
    return None
