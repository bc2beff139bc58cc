"""A Chat Completions request in, what it says (`Seen`) out. It has passed `rules.check`."""

from typing import Any

from ..conversation import Seen, Settings, Tool, Turn, observe
from ..dialect import dumps

Json = Any
MARKS = ("prompt_cache_breakpoint", "cache_control")


def read(body: Json) -> Seen:
    system: list[str] = []
    turns: list[Turn] = []
    for message in body["messages"]:
        match message["role"]:
            case "system" | "developer":
                system.append(text_of(message.get("content")))
            case "tool" | "function":
                _result(turns, message)
            case role:
                turns.append(_turn(role, message))
    return observe(turns, _settings(body, "\n".join(system)))


def parts(content: Json) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def text_of(content: Json) -> str:
    return "\n".join(part["text"] for part in parts(content) if part["type"] == "text")


def history(body: Json) -> tuple[str, list[bytes]]:
    """The first words of the user, and what the cache goes by, piece by piece."""
    told = [message for message in body["messages"] if message["role"] == "user"]
    spoken = [{**m, "content": parts(m.get("content"))} for m in body["messages"]]
    pieces = [body.get("tools") or [], *map(_bare, spoken)]
    return text_of(told[0].get("content")) if told else "", [dumps(piece) for piece in pieces]


def _bare(value: Json) -> Json:
    """Without marks for the cache."""
    if isinstance(value, dict):
        return {key: _bare(value[key]) for key in value if key not in MARKS}
    return [_bare(item) for item in value] if isinstance(value, list) else value


def _result(turns: list[Turn], message: Json) -> None:
    if not turns or turns[-1].role != "tool":
        turns.append(Turn("tool"))
    turns[-1].results.append(text_of(message.get("content")))


def _turn(role: Any, message: Json) -> Turn:
    content = parts(message.get("content"))
    turn = Turn(role, text_of(content))
    turn.images = sum(part["type"] == "image_url" for part in content)
    turn.documents = sum(part["type"] == "file" for part in content)
    for call in message.get("tool_calls") or []:
        turn.calls.append(call[call.get("type") or "function"]["name"])
    if message.get("function_call"):
        turn.calls.append(message["function_call"]["name"])
    turn.reasonings = bool(message.get("reasoning_content") or message.get("reasoning"))
    return turn


def _settings(body: Json, system: str) -> Settings:
    stop = body.get("stop") or ()
    return Settings(
        model=body["model"],
        system=system,
        tools=tuple(map(_tool, body.get("tools") or [])),
        choice=_choice(body.get("tool_choice")),
        parallel=body.get("parallel_tool_calls") is not False,
        reasoning=body.get("reasoning_effort") != "none",
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        schema=_schema(body.get("response_format") or {}),
    )


def _tool(tool: Json) -> Tool:
    if tool.get("type") == "custom":
        return Tool(tool["custom"]["name"], None, custom=True)
    return Tool(tool["function"]["name"], tool["function"].get("parameters") or {})


def forced(choice: Json) -> str | None:
    """The name of the one tool that must be called."""
    if not isinstance(choice, dict):
        return None
    named = choice.get(choice.get("type"))
    name = named.get("name") if isinstance(named, dict) else None
    return name if isinstance(name, str) else None


def _choice(choice: Json) -> str:
    if isinstance(choice, dict):
        mode = (choice.get("allowed_tools") or {}).get("mode")
        return forced(choice) or mode or "auto"
    return choice or "auto"


def _schema(style: Json) -> Json:
    match style.get("type"):
        case "json_schema":
            return style["json_schema"].get("schema") or {}
        case "json_object":
            return {}
    return None
