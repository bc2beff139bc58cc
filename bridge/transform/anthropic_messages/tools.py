"""Tools and tool_choice: definitions the client runs, and built-in ones with a `type` and a date.

Hard part: strict tools. A schema that Anthropic cannot enforce as it stands is offered unenforced.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ..client_tools import as_function
from ..context import Context
from ..fields import one_of, optional, required
from ..json_text import Json
from ..model import Native, Tool, ToolChangePart, ToolChoice
from ..notes import TransformError
from ..schema import Cleaned, clean_for_anthropic
from .content import marked
from .parts import PROTOCOL, decode_cache

__all__ = ["decode_tool_choice", "decode_tools", "encode_tool_choice", "encode_tools"]

# Built-in tools that the app runs begin so; all other built-in ones run at the vendor's.
RUN_BY_CLIENT = ("bash_", "text_editor_", "memory_", "computer_", "browser_")
FIELDS = ("name", "type", "description", "input_schema", "strict", "cache_control")
MAX_STRICT = 20  # in one request
CHOICES = ("auto", "any", "tool", "none")
ALONE = "disable_parallel_tool_use"
WEB_SEARCH = "web_search_20250305"  # the version without conditions
TOOL_SEARCH = "tool_search_tool_bm25_20251119"
DEFER = "defer_loading"  # of a tool that is found by search
UNSUPPORTED = "hosted_tool_unsupported"
BEARER = "bearer "  # before a token in a header
WEB_SEARCH_OPTIONS = ("max_uses", "allowed_domains", "blocked_domains", "user_location")
SEARCH_HINTS = ("search_context_size", "search_content_types")  # how much to find, and what kinds
OFFLINE = {"external_web_access": False}  # a search of what its vendor keeps

# --- decoding


def decode_tools(tools: Json, ctx: Context) -> tuple[Tool, ...]:
    given = optional(tools, list, "tools") or []
    return tuple(_tool(tool, f"tools[{n}]", ctx) for n, tool in enumerate(given))


# Words for a tool of the request, or a set of them -> the key that has its name.
REFERENCES = {"tool_reference": "name", "mcp_toolset_reference": "server_name"}
CHANGES = {"tool_addition": False, "tool_removal": True}


def decode_tool_change(block: Json, where: str, ctx: Context) -> ToolChangePart | None:
    """A tool that comes or goes in the middle of it; None for other blocks, and for one tool of an
    MCP server, which nobody else can name."""
    if block["type"] not in CHANGES:
        return None
    removed, native = CHANGES[block["type"]], Native(PROTOCOL, (block,))
    where += ".tool"
    given = required(block.get("tool"), dict, where)
    kind = required(given.get("type"), str, f"{where}.type")
    if kind == "tool_definition" and not removed:
        tool = _tool(given.get("definition"), f"{where}.definition", ctx)
        return ToolChangePart(tool.name, tool, native=native, where=where)
    if kind not in REFERENCES:
        return None
    name = required(given.get(REFERENCES[kind]), str, f"{where}.{REFERENCES[kind]}")
    return ToolChangePart(name, removed=removed, native=native, where=where)


def _tool(tool: Json, where: str, ctx: Context) -> Tool:
    tool = required(tool, dict, where)
    kind = optional(tool.get("type"), str, f"{where}.type")
    options = {k: v for k, v in tool.items() if k not in FIELDS and v is not None}
    if kind not in (None, "custom") and "input_schema" not in tool:
        return Tool(
            name=_name(tool, where),
            kind="client" if kind.startswith(RUN_BY_CLIENT) else "hosted",
            cache=decode_cache(tool, where, ctx),
            options=options,
            native=Native(PROTOCOL, (tool,)),
            where=where,
        )
    return Tool(
        name=required(tool.get("name"), str, f"{where}.name"),
        description=optional(tool.get("description"), str, f"{where}.description") or None,
        parameters=optional(tool.get("input_schema"), dict, f"{where}.input_schema"),
        strict=optional(tool.get("strict"), bool, f"{where}.strict"),
        cache=decode_cache(tool, where, ctx),
        options=options,
        where=where,
    )


def _name(tool: dict[str, Json], where: str) -> str:
    """Toolsets have no name."""
    name = tool.get("name") or tool.get("mcp_server_name") or tool["type"]
    return required(name, str, f"{where}.name")


def decode_tool_choice(choice: Json) -> tuple[ToolChoice | None, bool | None]:
    """What to call, and whether calls may come in parallel (None: not said, which is yes)."""
    choice = optional(choice, dict, "tool_choice")
    if choice is None:
        return None, None
    alone = optional(choice.get(ALONE), bool, f"tool_choice.{ALONE}")
    kind = required(choice.get("type"), str, "tool_choice.type")
    match one_of(kind, CHOICES, "tool_choice.type"):
        case "tool":
            name = required(choice.get("name"), str, "tool_choice.name")
            decoded = ToolChoice("tool", name)
        case "any":
            decoded = ToolChoice("required")
        case "none":
            decoded = ToolChoice("none")
        case _:
            decoded = ToolChoice("auto")
    return decoded, False if alone else None


# --- encoding


def encode_tools(tools: Sequence[Tool], ctx: Context) -> list[Json]:
    crowded = sum(tool.strict is True for tool in tools) > MAX_STRICT
    searched = any(_is_search(tool) for tool in tools)
    encoded: list[Json] = []
    for tool in tools:
        if tool.kind in ("function", "custom"):
            encoded.append(_function(tool, crowded, searched, ctx))
        elif tool.kind == "client" and not _is_own(tool) and (function := as_function(tool)):
            encoded.append(_function(function, crowded, searched, ctx))
        else:
            encoded += _built_in(tool, searched, ctx)
    return encoded


def encode_addition(tool: Tool, ctx: Context) -> Json:
    """A function that is offered from its place on; not strict, for enough others may be."""
    definition = _function(tool, True, False, ctx)
    return {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": definition}}


def _is_own(tool: Tool) -> bool:
    return tool.native is not None and tool.native.protocol == PROTOCOL


def _is_search(tool: Tool) -> bool:
    """A search for tools that OpenAI runs itself; Anthropic has its like."""
    return tool.kind == "hosted" and tool.name == "tool_search"


def _function(tool: Tool, crowded: bool, searched: bool, ctx: Context) -> Json:
    strict = tool.strict if ctx.client == PROTOCOL else _strict(tool, crowded, ctx)
    fields = {
        "name": tool.name,
        "description": tool.description,
        "input_schema": tool.parameters or {"type": "object", "properties": {}},
        "strict": strict,
    }
    encoded = {key: value for key, value in fields.items() if value is not None}
    for key, value in tool.options.items():
        if ctx.client == PROTOCOL or (searched and key == DEFER):
            encoded[key] = value
        else:
            ctx.notes.add("hint_dropped", f"{tool.where}.{key}", f"a key of the tool {tool.name}")
    return marked(encoded, tool.cache, tool.where, ctx)


def _strict(tool: Tool, crowded: bool, ctx: Context) -> bool | None:
    """True where the schema can be enforced as it is; never False, which is the default."""
    if not tool.strict:
        return None
    if ctx.profile.strict_tools and not crowded and _is_enforceable(tool.parameters):
        return True
    ctx.notes.add("strict_downgraded", tool.where, f"the schema of {tool.name} is not enforced")
    return None


def _is_enforceable(schema: Json) -> bool:
    try:
        return clean_for_anthropic(schema) == Cleaned(schema, [])
    except TransformError:  # it contains itself
        return False


def _built_in(tool: Tool, searched: bool, ctx: Context) -> list[Json]:
    if tool.native and _is_own(tool):
        return [dict(block) for block in tool.native.blocks]
    if served := _served(tool, ctx):
        return [_toolset(tool, served, searched, ctx)]
    if _is_search(tool):
        return [{"type": TOOL_SEARCH, "name": "tool_search_tool_bm25"}]
    if tool.name == "web_search" and not OFFLINE.items() <= tool.options.items():
        return [_web_search(tool, ctx)]
    kind = tool.native.blocks[0].get("type") if tool.native and tool.native.blocks else None
    code = "mcp_dropped" if kind == "mcp" else "hosted_tool_dropped"
    ctx.notes.add(code, tool.where, f"{tool.name} runs at another vendor only")
    return []


def _web_search(tool: Tool, ctx: Context) -> Json:
    for key in sorted(tool.options.keys() - set(WEB_SEARCH_OPTIONS)):
        code = "hint_dropped" if key in SEARCH_HINTS else "field_dropped"
        ctx.notes.add(code, f"{tool.where}.{key}", "a rule for web searches")
    options = {key: tool.options[key] for key in WEB_SEARCH_OPTIONS if key in tool.options}
    return {"type": WEB_SEARCH, "name": "web_search", **options}


class _Served(NamedTuple):
    """A server of MCP, and which of its tools are allowed; None: all."""

    server: Json
    allowed: list[Json] | None


def encode_servers(tools: Sequence[Tool], ctx: Context) -> list[Json]:
    """The field `mcp_servers`; the tools of each are offered by a toolset among the tools."""
    return [served.server for tool in tools if (served := _served(tool, ctx))]


def _served(tool: Tool, ctx: Context) -> _Served | None:
    """None for all but OpenAI's tools of MCP servers, and where Anthropic could not reach the
    server, or would not know what of it is meant, or could not ask the app before a call."""
    item = tool.native.blocks[0] if tool.native and tool.native.blocks else {}
    if item.get("type") != "mcp" or not ctx.profile.mcp_beta:
        return None
    url, allowed = item.get("server_url"), item.get("allowed_tools")
    if isinstance(allowed, dict):
        if allowed.get("read_only") is not None:
            return None
        allowed = allowed.get("tool_names")
    allowed = optional(allowed, list, f"{tool.where}.allowed_tools")
    token, headers = _credential(item, tool.where)
    is_https = isinstance(url, str) and url.startswith("https://")
    if not is_https or headers or not _is_unasked(item.get("require_approval"), allowed):
        return None
    credential = {"authorization_token": token} if token else {}
    return _Served({"type": "url", "name": tool.name, "url": url, **credential}, allowed)


def _credential(item: dict[str, Json], where: str) -> tuple[Json, dict[str, Json]]:
    """The token for a server, and the headers that only OpenAI can send to it."""
    given = optional(item.get("headers"), dict, f"{where}.headers") or {}
    headers = {name.lower(): value for name, value in given.items()}
    if str(headers.get("authorization")).lower().startswith(BEARER):
        return headers.pop("authorization")[len(BEARER) :], headers
    return item.get("authorization"), headers


def _is_unasked(approval: Json, allowed: list[Json] | None) -> bool:
    """Whether all of it may be called without asking the app; by default none of it may."""
    if not isinstance(approval, dict):
        return bool(approval == "never")
    never = approval.get("never")
    names = never.get("tool_names") if isinstance(never, dict) else None
    return allowed is not None and isinstance(names, list) and all(n in names for n in allowed)


def _toolset(tool: Tool, served: _Served, searched: bool, ctx: Context) -> Json:
    item: dict[str, Json] = tool.native.blocks[0] if tool.native else {}
    for key in ("server_description", "allowed_callers"):
        if item.get(key) is not None:
            ctx.notes.add("hint_dropped", f"{tool.where}.{key}", f"a key of {tool.name}")
    default: dict[str, Json] = {} if served.allowed is None else {"enabled": False}
    if searched and item.get(DEFER) is True:
        default[DEFER] = True
    configs = {str(name): {"enabled": True} for name in served.allowed or ()}
    fields = {"default_config": default, "configs": configs}
    given = {name: value for name, value in fields.items() if value}
    return {"type": "mcp_toolset", "mcp_server_name": tool.name, **given}


def encode_tool_choice(
    choice: ToolChoice | None,
    parallel: bool | None,
    tools: Sequence[Tool],
    offered: Sequence[Json],
    ctx: Context,
) -> Json:
    """None for no choice. `offered` are `tools` as encoded: some may be gone."""
    _check_offered(choice, tools, offered)
    if not offered and choice:
        ctx.notes.add("hint_dropped", "tool_choice", "there are no tools to choose from")
    if not offered or (choice is None and parallel is not False):
        return None
    one_at_a_time = {ALONE: True} if parallel is False else {}
    choice = choice or ToolChoice("auto")
    if choice.mode == "none":
        return {"type": "none"}
    return {**_choice(choice, ctx), **one_at_a_time}


def _check_offered(
    choice: ToolChoice | None, tools: Sequence[Tool], offered: Sequence[Json]
) -> None:
    """A call that is demanded of a tool that is not there cannot be made."""
    names = {tool.get("name") for tool in offered}
    if choice and choice.mode == "required" and tools and not offered:
        raise TransformError("tool_choice", "all tools run at another vendor", UNSUPPORTED)
    if choice and choice.mode == "tool" and choice.name not in names:
        if choice.native or any(tool.name == choice.name for tool in tools):
            problem = f"{choice.name} runs at another vendor only"
            raise TransformError("tool_choice", problem, UNSUPPORTED)


def _choice(choice: ToolChoice, ctx: Context) -> dict[str, Json]:
    match choice.mode:
        case "required":
            return {"type": "any"}
        case "tool":
            return {"type": "tool", "name": choice.name}
        case "allowed" if choice.required and len(choice.tools) == 1:
            return {"type": "tool", "name": choice.tools[0]}
        case "allowed":
            detail = f"any tool may be called, not only {', '.join(choice.tools)}"
            ctx.notes.add("tool_subset_unenforced", "tool_choice", detail)
            return {"type": "any" if choice.required else "auto"}
        case _:
            return {"type": "auto"}
