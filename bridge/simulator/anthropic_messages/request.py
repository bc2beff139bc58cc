"""A Messages request in, what it says (`Seen`) out. The request has passed `rules.check`."""

from typing import Any

from ..conversation import Seen, Settings, Tool, Turn, observe
from ..dialect import dumps

Json = Any

# Tools that the vendor runs itself: a client cannot be asked to.
SERVER_TOOLS = ("web_search_", "web_fetch_", "code_execution_", "tool_search_", "advisor_", "mcp_")


def read(body: Json) -> Seen:
    system = [text_of(body.get("system"))]
    turns: list[Turn] = []
    for message in body["messages"]:
        if message["role"] == "system":
            system.append(text_of(message["content"]))
        else:
            turns.append(_turn(message))
    return observe(turns, _settings(body, "\n".join(filter(None, system))))


def blocks(content: Json) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def added_tools(messages: list[Json]) -> list[Json]:
    """What system text defines on the way."""
    told = [block for m in messages if m["role"] == "system" for block in blocks(m["content"])]
    changes = [block.get("tool") for block in told if block["type"] == "tool_addition"]
    defined = [tool.get("definition") for tool in changes if isinstance(tool, dict)]
    return [tool for tool in defined if isinstance(tool, dict)]


def history(body: Json) -> tuple[str, list[bytes]]:
    """The first words of the user, and what the cache goes by, piece by piece."""
    pieces = [bare(body.get("tools") or []), bare(_system(body))]
    told = [message for message in body["messages"] if message["role"] == "user"]
    for message in body["messages"]:
        pieces += [[message["role"], bare(block)] for block in blocks(message["content"])]
    return text_of(told[0]["content"]) if told else "", [dumps(piece) for piece in pieces]


def _system(body: Json) -> list[Json]:
    """Without the line that Claude Code puts in front, another one for each request."""
    told = blocks(body.get("system"))
    return [b for b in told if not b.get("text", "").startswith("x-anthropic-billing-header")]


def bare(value: Json) -> Json:
    """Without marks for the cache, and in an order of its own."""
    if isinstance(value, dict):
        return {key: bare(value[key]) for key in sorted(value) if key != "cache_control"}
    return [bare(item) for item in value] if isinstance(value, list) else value


def text_of(content: Json) -> str:
    return "\n".join(block["text"] for block in blocks(content) if block["type"] == "text")


def _turn(message: Json) -> Turn:
    turn = Turn(message["role"], text_of(message["content"]))
    for block in blocks(message["content"]):
        match block["type"]:
            case "tool_use":
                turn.calls.append(block["name"])
            case "tool_result":
                turn.results.append(text_of(block.get("content")))
                _count(turn, blocks(block.get("content")))
            case "thinking" | "redacted_thinking":
                turn.reasonings += 1
    _count(turn, blocks(message["content"]))
    return turn


def _count(turn: Turn, content: list[Json]) -> None:
    turn.images += sum(block["type"] == "image" for block in content)
    turn.documents += sum(block["type"] == "document" for block in content)


def _settings(body: Json, system: str) -> Settings:
    output = body.get("output_config") or {}
    style = output.get("format") or body.get("output_format") or {}
    return Settings(
        model=body["model"],
        system=system,
        tools=tuple(_tools([*(body.get("tools") or []), *added_tools(body["messages"])])),
        choice=_choice(body.get("tool_choice") or {}),
        parallel=not (body.get("tool_choice") or {}).get("disable_parallel_tool_use"),
        reasoning=(body.get("thinking") or {}).get("type") != "disabled",
        stop=tuple(body.get("stop_sequences") or ()),
        max_tokens=body.get("max_tokens"),
        schema=style.get("schema"),
        cache="marked" if breakpoints(body) else "none",
    )


def _choice(choice: Json) -> str:
    match choice.get("type"):
        case "any":
            return "required"
        case "tool":
            return str(choice["name"])
        case kind:
            return kind or "auto"


def _tools(tools: list[Json]) -> list[Tool]:
    return [
        Tool(tool["name"], tool.get("input_schema") or {})
        for tool in tools
        if "name" in tool and not str(tool.get("type")).startswith(SERVER_TOOLS)
    ]


def breakpoints(value: Json) -> int:
    """Cache breakpoints anywhere but inside what tools take and give."""
    if isinstance(value, list):
        return sum(map(breakpoints, value))
    if not isinstance(value, dict):
        return 0
    inner = (item for key, item in value.items() if key not in ("input", "input_schema"))
    return (value.get("cache_control") is not None) + sum(map(breakpoints, inner))
