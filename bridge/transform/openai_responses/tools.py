"""Tools and tool_choice: functions, freeform (custom) tools, and built-in ones by their type.

Hard part: tools stand in three places (the request, items that add some, results of a search), bare
or in namespaces, and the same one in several of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..client_tools import as_function, is_container
from ..context import Context
from ..fields import object_of, one_of, optional, required
from ..json_text import Json, dump_text, loads
from ..model import CallKind, HostedCall, HostedList, Native, Tool, ToolChoice
from ..notes import TransformError
from ..prepare import DEFAULT_NAMESPACE, full_name
from ..schema import is_openai_strict
from .parts import PROTOCOL, TOOLS, given_fields, staged, type_of

__all__ = ["decode_tool_choice", "decode_tools", "encode_tool_choice", "encode_tools"]

FIELDS = frozenset({"type", "name", "description", "parameters", "strict", "format", "function"})
WEB_SEARCH = "web_search"
SEARCH_FIELDS = ("user_location", "search_context_size")
ONLINE = {"external_web_access": True}  # said aloud though it is the default
RUN_BY_CLIENT = ("local_shell", "shell", "apply_patch", "tool_search")
TOLD = frozenset({"type", "description", "parameters", "execution", "environment"})  # of those

# --- decoding


def decode_tools(body: Mapping[str, Json], ctx: Context) -> tuple[Tool, ...]:
    """All tools there are before anybody speaks, and those that a search finds, as if always there.

    Other late ones stand in their place in the conversation.
    """
    given = optional(body.get("tools"), list, "tools") or []
    tools = [tool for n, item in enumerate(given) for tool in _tools(item, f"tools[{n}]")]
    known = {(tool.name, tool.namespace) for tool in tools}
    for added, late in _added(body):
        new = [tool for tool in added if (tool.name, tool.namespace) not in known]
        known.update((tool.name, tool.namespace) for tool in new)
        tools += new
        if new and late:
            names = ", ".join(tool.name for tool in new)
            ctx.notes.add("tools_prefix_changed", new[0].where, f"as if always there: {names}")
    _note_untold(tools, ctx)
    return tuple(tools)


def _note_untold(tools: Iterable[Tool], ctx: Context) -> None:
    """What a function cannot say in the place of a tool that the app runs."""
    for tool in tools if ctx.upstream != PROTOCOL else ():
        given = tool.native.blocks[0] if tool.native and tool.kind == "client" else {}
        for key in sorted(given.keys() - TOLD):
            ctx.notes.add("hint_dropped", f"{tool.where}.{key}", f"a key of the tool {tool.name}")
        if object_of(given.get("environment")).get("skills"):
            ctx.notes.add(
                "field_dropped", f"{tool.where}.environment.skills", "what a shell can do"
            )


def _added(body: Mapping[str, Json]) -> Iterator[tuple[list[Tool], bool]]:
    """Tools that items bring; True: the conversation had begun."""
    for where, item, begun in staged(body):
        kind = type_of(item, where)
        if kind == "tool_search_output" or (kind == TOOLS and not begun):
            yield added_tools(item, where), begun


def added_tools(item: Mapping[str, Json], where: str) -> list[Tool]:
    given = optional(item.get("tools"), list, f"{where}.tools") or []
    places = ((tool, f"{where}.tools[{n}]") for n, tool in enumerate(given))
    found = [tool for definition, place in places for tool in _tools(definition, place)]
    # OpenAI finds a tool in a namespace of its own name
    return [replace(t, namespace=None) if t.namespace == t.name else t for t in found]


def _tools(tool: Json, where: str) -> Iterator[Tool]:
    tool = required(tool, dict, where)
    if tool.get("type") != "namespace":
        yield _tool(tool, where)
        return
    name = required(tool.get("name"), str, f"{where}.name")
    about = optional(tool.get("description"), str, f"{where}.description")
    for n, inner in enumerate(required(tool.get("tools"), list, f"{where}.tools")):
        place = f"{where}.tools[{n}]"
        for found in _tools(inner, place):
            told = "\n\n".join(text for text in (about, found.description) if text)
            namespace = None if name == DEFAULT_NAMESPACE else name
            yield replace(found, namespace=namespace, description=told or None)


def _tool(tool: dict[str, Json], where: str) -> Tool:
    kind = optional(tool.get("type"), str, f"{where}.type") or "function"
    if kind == "function":
        return _function(tool, where)
    if kind == "custom":
        return Tool(
            required(tool.get("name"), str, f"{where}.name"),
            optional(tool.get("description"), str, f"{where}.description"),
            kind="custom",
            format=optional(tool.get("format"), dict, f"{where}.format"),
            options=_options(tool),
            where=where,
        )
    native = Native(PROTOCOL, (tool,))
    if kind in RUN_BY_CLIENT and not _is_hosted(tool):
        return Tool(
            kind,
            optional(tool.get("description"), str, f"{where}.description"),
            optional(tool.get("parameters"), dict, f"{where}.parameters"),
            kind="client",
            native=native,
            where=where,
        )
    if kind.startswith(WEB_SEARCH):
        options = _search_options(tool, where)
        return Tool(WEB_SEARCH, kind="hosted", options=options, native=native, where=where)
    name = optional(tool.get("server_label"), str, f"{where}.server_label") or kind
    return Tool(name, kind="hosted", native=native, where=where)


def _function(tool: dict[str, Json], where: str) -> Tool:
    """Some clients write what Chat has under `function` as well; it counts where the rest is
    silent."""
    nested = optional(tool.get("function"), dict, f"{where}.function") or {}
    tool = {**nested, **{key: value for key, value in tool.items() if value is not None}}
    return Tool(
        required(tool.get("name"), str, f"{where}.name"),
        optional(tool.get("description"), str, f"{where}.description"),
        optional(tool.get("parameters"), dict, f"{where}.parameters"),
        strict=optional(tool.get("strict"), bool, f"{where}.strict"),
        options=_options(tool),
        where=where,
    )


def _options(tool: dict[str, Json]) -> dict[str, Json]:
    return {k: v for k, v in tool.items() if k not in FIELDS and v is not None}


def _is_hosted(tool: dict[str, Json]) -> bool:
    """Whether OpenAI itself runs what could be the app's."""
    if tool["type"] == "tool_search":
        return tool.get("execution") != "client"
    return is_container(tool.get("environment"))


def _search_options(tool: dict[str, Json], where: str) -> dict[str, Json]:
    filters = optional(tool.get("filters"), dict, f"{where}.filters") or {}
    place = optional(tool.get("user_location"), dict, f"{where}.user_location") or {}
    further = {
        key: value
        for key, value in tool.items()
        if key not in ("type", "filters") and value != ONLINE.get(key)
    }
    located = place and {"type": "approximate", **given_fields(place)} or None
    return given_fields({**filters, **further, "user_location": located})


MODES: dict[str, ToolChoice] = {
    "auto": ToolChoice("auto"),
    "none": ToolChoice("none"),
    "required": ToolChoice("required"),
}


def decode_tool_choice(body: Mapping[str, Json], ctx: Context) -> ToolChoice | None:
    choice = body.get("tool_choice")
    if choice is None:
        return None
    if isinstance(choice, str):
        return MODES[one_of(choice, tuple(MODES), "tool_choice")]
    choice = required(choice, dict, "tool_choice")
    kind = required(choice.get("type"), str, "tool_choice.type")
    match kind:
        case "auto" | "none" | "required":
            return MODES[kind]
        case "function" | "custom":
            return _named(choice, "tool_choice")
        case "allowed_tools":
            return _allowed(choice, ctx)
        case _:
            native = Native(PROTOCOL, (choice,))
            return ToolChoice("tool", _name_of(choice, kind), native=native)


def _named(choice: dict[str, Json], where: str) -> ToolChoice:
    kind: CallKind = "custom" if choice.get("type") == "custom" else "function"
    inner = choice.get(kind)  # Chat has the name one level below
    name = inner.get("name") if isinstance(inner, dict) else choice.get("name")
    name = required(name, str, f"{where}.name")
    namespace = optional(choice.get("namespace"), str, f"{where}.namespace")
    return ToolChoice("tool", full_name(name, namespace), kind)


def _name_of(choice: dict[str, Json], kind: str) -> str:
    """What a built-in tool is called among `Tool`s."""
    label = optional(choice.get("server_label"), str, "tool_choice.server_label")
    return label or (WEB_SEARCH if kind.startswith(WEB_SEARCH) else kind)


def _allowed(choice: dict[str, Json], ctx: Context) -> ToolChoice:
    where = "tool_choice.tools"
    mode = one_of(str(choice.get("mode") or "auto"), ("auto", "required"), "tool_choice.mode")
    names: list[str] = []
    for n, tool in enumerate(required(choice.get("tools"), list, where)):
        tool = required(tool, dict, f"{where}[{n}]")
        if tool.get("type") in ("function", "custom", None):
            names.append(_named(tool, f"{where}[{n}]").name)
        else:
            ctx.notes.add("hosted_tool_dropped", f"{where}[{n}]", f"{tool['type']} in a choice")
    if not names:
        return ToolChoice("required" if mode == "required" else "auto")
    return ToolChoice("allowed", tools=tuple(names), required=mode == "required")


# --- encoding

DEFER = "defer_loading"  # a tool that is found by search
UNSUPPORTED = "hosted_tool_unsupported"


def encode_tools(tools: Sequence[Tool], ctx: Context, servers: Sequence[Json] = ()) -> list[Json]:
    """`servers` are Anthropic's `mcp_servers`; here each is a tool."""
    searched = any(_built_in_type(tool).startswith("tool_search") for tool in tools)
    encoded: list[Json] = []
    for tool in tools:
        found = _encoded(tool, searched, servers, ctx)
        if tool.namespace is None:
            encoded += found
        else:
            _namespace(tool.namespace, encoded)["tools"] += found
    toolsets = [_server_of(tool) for tool in tools]
    rest = [_mcp(server, {}) for server in servers if server["name"] not in toolsets]
    return [*encoded, *filter(None, rest)]


def _namespace(name: str, encoded: list[Json]) -> Json:
    """The namespace that is open at the end of `encoded`."""
    last = encoded[-1] if encoded else {}
    if last.get("type") != "namespace" or last["name"] != name:
        last = {"type": "namespace", "name": name, "description": "", "tools": []}
        encoded.append(last)
    return last


def _built_in_type(tool: Tool) -> str:
    block = tool.native.blocks[0] if tool.native and tool.native.blocks else {}
    return str(block.get("type", ""))


def _encoded(tool: Tool, searched: bool, servers: Sequence[Json], ctx: Context) -> list[Json]:
    match tool.kind:
        case "function":
            fields = {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                "strict": _strict(tool, ctx),
            }
        case "custom":
            fields = {"name": tool.name, "description": tool.description, "format": tool.format}
        case _:
            return _built_in(tool, servers, ctx)
    if tool.cache is not None:
        ctx.notes.add("hint_dropped", tool.where, "cache breakpoint")
    return [{"type": tool.kind, **given_fields(fields), **_kept_options(tool, searched, ctx)}]


def _kept_options(tool: Tool, searched: bool, ctx: Context) -> dict[str, Json]:
    if ctx.client == PROTOCOL:
        return tool.options
    kept = {key: tool.options[key] for key in (DEFER,) if searched and key in tool.options}
    for key in tool.options:
        if key not in kept:
            ctx.notes.add("hint_dropped", f"{tool.where}.{key}", f"a key of the tool {tool.name}")
    return kept


def _strict(tool: Tool, ctx: Context) -> bool | None:
    """False is said aloud: tools without a word on it are strict here where they can be."""
    if ctx.client == PROTOCOL and ctx.profile.strict_tools:
        return tool.strict
    fits = ctx.client != "anthropic_messages" or is_openai_strict(tool.parameters)
    if tool.strict and not (fits and ctx.profile.strict_tools):
        detail = f"the schema of {tool.name} is not enforced"
        ctx.notes.add("strict_downgraded", tool.where, detail)
    return bool(tool.strict) and fits if ctx.profile.strict_tools else None


def _built_in(tool: Tool, servers: Sequence[Json], ctx: Context) -> list[Json]:
    kind = _built_in_type(tool)
    if tool.native and tool.native.protocol == PROTOCOL:
        return list(tool.native.blocks)
    if tool.kind == "client" and (function := as_function(tool)):
        return _encoded(function, False, servers, ctx)
    if tool.name == WEB_SEARCH:
        return [_web_search(tool, ctx)]
    if kind.startswith("tool_search_tool"):
        return [{"type": "tool_search"}]
    server = next((s for s in servers if s["name"] == _server_of(tool)), None)
    if server and (item := _mcp(server, tool.options)):
        return [item]
    from_anthropic = tool.native is not None and tool.native.protocol == "anthropic_messages"
    code = "server_tool_dropped" if from_anthropic else "hosted_tool_dropped"
    code = "mcp_dropped" if kind == "mcp_toolset" else code
    ctx.notes.add(code, tool.where, f"{tool.name} is not to be had at this upstream")
    return []


def _web_search(tool: Tool, ctx: Context) -> Json:
    domains = tool.options.get("allowed_domains")
    for key in tool.options:
        if key not in (*SEARCH_FIELDS, "allowed_domains"):
            ctx.notes.add("field_dropped", f"{tool.where}.{key}", "a rule for web searches")
    kept = {key: tool.options[key] for key in SEARCH_FIELDS if key in tool.options}
    filters = {"filters": {"allowed_domains": domains}} if domains else {}
    return {"type": WEB_SEARCH, **filters, **kept}


def _server_of(tool: Tool) -> Json:
    """The MCP server whose tools a toolset of Anthropic's takes."""
    return tool.options.get("mcp_server_name")


def _mcp(server: Json, toolset: Mapping[str, Json]) -> Json:
    """A server with what is said of its tools, in a toolset or in its older configuration.

    None where some are forbidden: here only those that are allowed can be told.
    """
    older, configs = object_of(server.get("tool_configuration")), object_of(toolset.get("configs"))
    closed = not _is_enabled(toolset.get("default_config"), True)
    enabled = {name: _is_enabled(config, not closed) for name, config in configs.items()}
    named = [name for name, is_enabled in enabled.items() if is_enabled]
    forbidden = not named if closed else len(named) < len(enabled)
    if older.get("enabled") is False or forbidden:
        return None
    fields = {
        "server_label": server["name"],
        "server_url": server.get("url"),
        "authorization": server.get("authorization_token"),
        "allowed_tools": named if closed else older.get("allowed_tools"),
    }
    return {"type": "mcp", **given_fields(fields), "require_approval": "never"}


def _is_enabled(config: Json, default: bool) -> bool:
    given = object_of(config).get("enabled")
    return default if given is None else given is not False


def encode_tool_choice(
    choice: ToolChoice | None, tools: Sequence[Tool], offered: Sequence[Json], ctx: Context
) -> Json:
    """None for no choice. `offered` are `tools` as encoded: some may be gone."""
    if choice is None:
        return None
    if choice.native and choice.native.protocol == PROTOCOL:
        return choice.native.blocks[0]
    kinds = {tool["name"]: tool["type"] for tool in offered if "name" in tool}
    if choice.mode == "tool" and choice.name not in kinds:
        if choice.name == WEB_SEARCH and any(tool["type"] == WEB_SEARCH for tool in offered):
            # a form of its own is known for older types of it only
            only = [{"type": WEB_SEARCH}]
            return {"type": "allowed_tools", "mode": "required", "tools": only}
        if any(tool.name == choice.name for tool in tools):
            problem = f"{choice.name} is not to be had at this upstream"
            raise TransformError("tool_choice", problem, UNSUPPORTED)
    if choice.mode == "required" and tools and not offered:
        raise TransformError("tool_choice", "no tool is to be had at this upstream", UNSUPPORTED)
    if not offered:
        ctx.notes.add("hint_dropped", "tool_choice", "there are no tools to choose from")
        return None
    return _choice(choice, kinds)


def _choice(choice: ToolChoice, kinds: Mapping[str, str]) -> Json:
    match choice.mode:
        case "tool":
            return _by_name(choice.name, kinds)
        case "allowed":
            mode = "required" if choice.required else "auto"
            tools = [_by_name(name, kinds) for name in choice.tools]
            return {"type": "allowed_tools", "mode": mode, "tools": tools}
        case mode:
            return mode


def _by_name(name: str, kinds: Mapping[str, str]) -> Json:
    return {"type": kinds.get(name, "function"), "name": name}


# --- what hosted tools did


def decode_hosted(item: Mapping[str, Json]) -> HostedCall | None:
    """What others can show of an item; None where they have no such tool."""
    match item.get("type"):
        case "web_search_call":
            return _search_of(item)
        case "mcp_call":
            return _call_of(item)
        case _:
            return None


def _search_of(item: Mapping[str, Json]) -> HostedCall | None:
    action = object_of(item.get("action"))
    query, given = action.get("query"), action.get("sources")
    if not isinstance(query, str) or not query:  # it opened a page, or looked for words in one
        return None
    urls = [object_of(source).get("url") for source in given] if isinstance(given, list) else []
    found = tuple(url for url in urls if isinstance(url, str))
    return HostedCall(
        WEB_SEARCH, {"query": query}, urls=found, failed=item.get("status") == "failed"
    )


def _call_of(item: Mapping[str, Json]) -> HostedCall:
    name, server, arguments, output = (
        value if isinstance(value, str) else ""
        for value in map(item.get, ("name", "server_label", "arguments", "output"))
    )
    try:
        given = object_of(loads(arguments))
    except ValueError:
        given = {}
    error = item.get("error")
    told = error if isinstance(error, str) else dump_text(error) if error else ""
    return HostedCall(name, given, server, output=output or told, failed=bool(error))


def encode_hosted(call: HostedCall | HostedList) -> dict[str, Json]:
    """The item that shows it, without an id."""
    if isinstance(call, HostedList):
        keys = ("name", "description", "input_schema")
        tools = [given_fields({key: tool.get(key) for key in keys}) for tool in call.tools]
        return {"type": "mcp_list_tools", "server_label": call.server, "tools": tools}
    status = "failed" if call.failed else "completed"
    if call.server is None:
        sources = [{"type": "url", "url": url} for url in call.urls]
        action = {"type": "search", "query": call.input.get("query"), "sources": sources}
        return {"type": "web_search_call", "status": status, "action": action}
    error = {"type": "mcp_tool_execution_error", "content": call.output}
    return {
        "type": "mcp_call",
        "status": status,
        "name": call.name,
        "server_label": call.server,
        "arguments": dump_text(call.input),
        "output": None if call.failed else call.output,
        "error": error if call.failed else None,
    }
