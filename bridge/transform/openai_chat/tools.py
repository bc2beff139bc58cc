"""Tools and tool_choice: functions, freeform (custom) tools, and the older `functions`.

Hard part: what clients write for a choice. The API's own five forms, Anthropic's, and two that
nobody documents all occur.
"""

from collections.abc import Mapping, Sequence

from ..client_tools import as_function
from ..context import Context
from ..fields import one_of, optional, required
from ..json_text import Json
from ..model import CallKind, Native, Tool, ToolChoice
from ..notes import TransformError
from ..schema import is_openai_strict
from .content import cache_control
from .parts import PROTOCOL, decode_cache

__all__ = ["decode_tool_choice", "decode_tools", "encode_tool_choice", "encode_tools"]

FIELDS = frozenset({"name", "description", "parameters", "strict", "format", "cache_control"})
WEB_SEARCH = "web_search_options"  # a request field that stands for a tool the vendor runs

# --- decoding


def decode_tools(body: Mapping[str, Json]) -> tuple[Tool, ...]:
    given = optional(body.get("tools"), list, "tools") or []
    tools = [_tool(tool, f"tools[{n}]") for n, tool in enumerate(given)]
    functions = optional(body.get("functions"), list, "functions") or []
    tools += [_function(f, {}, f"functions[{n}]") for n, f in enumerate(functions)]
    search = optional(body.get(WEB_SEARCH), dict, WEB_SEARCH)
    return tuple(tools if search is None else [*tools, _web_search(search)])


def _tool(tool: Json, where: str) -> Tool:
    tool = required(tool, dict, where)
    kind = optional(tool.get("type"), str, f"{where}.type") or "function"
    if kind == "function":
        return _function(tool.get("function"), tool, f"{where}.function")
    if kind == "custom":
        custom = required(tool.get("custom"), dict, f"{where}.custom")
        return Tool(
            required(custom.get("name"), str, f"{where}.custom.name"),
            optional(custom.get("description"), str, f"{where}.custom.description"),
            kind="custom",
            format=_flat(custom.get("format"), f"{where}.custom.format"),
            cache=decode_cache(tool, where),
            where=where,
        )
    return Tool(kind, kind="hosted", native=Native(PROTOCOL, (tool,)), where=where)


def _function(function: Json, outer: Mapping[str, Json], where: str) -> Tool:
    """`outer` has the keys beside `function`."""
    function = required(function, dict, where)
    further = {**{k: v for k, v in outer.items() if k not in ("type", "function")}, **function}
    return Tool(
        required(function.get("name"), str, f"{where}.name"),
        optional(function.get("description"), str, f"{where}.description"),
        optional(function.get("parameters"), dict, f"{where}.parameters"),
        strict=optional(function.get("strict"), bool, f"{where}.strict"),
        cache=decode_cache(further, where),
        options={k: v for k, v in further.items() if k not in FIELDS and v is not None},
        where=where,
    )


def _flat(form: Json, where: str) -> Json:
    """A format without the extra level that only this protocol has."""
    form = optional(form, dict, where)
    if not form or form.get("type") != "grammar":
        return form
    return {"type": "grammar", **required(form.get("grammar"), dict, f"{where}.grammar")}


def _web_search(search: dict[str, Json]) -> Tool:
    place = optional(search.get("user_location"), dict, f"{WEB_SEARCH}.user_location") or {}
    near = optional(place.get("approximate"), dict, f"{WEB_SEARCH}.user_location.approximate")
    options: dict[str, Json] = {}
    if near:
        options["user_location"] = {"type": "approximate", **near}
    if search.get("search_context_size") is not None:
        options["search_context_size"] = search["search_context_size"]
    native = Native(PROTOCOL, ({WEB_SEARCH: search},))
    return Tool("web_search", kind="hosted", options=options, native=native, where=WEB_SEARCH)


MODES: dict[str, ToolChoice] = {
    "auto": ToolChoice("auto"),
    "none": ToolChoice("none"),
    "required": ToolChoice("required"),
    "any": ToolChoice("required"),  # Mistral, and clients that speak Anthropic
}
TYPES = ("function", "custom", "allowed_tools", "tool", *MODES)


def decode_tool_choice(body: Mapping[str, Json]) -> ToolChoice | None:
    choice = body.get("tool_choice")
    if choice is None:
        return _legacy_choice(body.get("function_call"))
    if isinstance(choice, str):
        return MODES[one_of(choice, tuple(MODES), "tool_choice")]
    choice = required(choice, dict, "tool_choice")
    kind = one_of(required(choice.get("type"), str, "tool_choice.type"), TYPES, "tool_choice.type")
    if kind in MODES:
        return MODES[kind]
    if kind == "allowed_tools":
        return _allowed(choice.get("allowed_tools") or choice)
    return _named(choice, "tool_choice")


def _legacy_choice(choice: Json) -> ToolChoice | None:
    if isinstance(choice, str):
        return MODES[one_of(choice, ("auto", "none"), "function_call")]
    choice = optional(choice, dict, "function_call")
    return _named(choice, "function_call") if choice else None


def _named(choice: dict[str, Json], where: str) -> ToolChoice:
    """`{"type": "function", "function": {"name"}}`, its twin for custom tools, or a bare name."""
    kind: CallKind = "custom" if choice.get("type") == "custom" else "function"
    inner = choice.get(kind)
    name = inner.get("name") if isinstance(inner, dict) else choice.get("name")
    return ToolChoice("tool", required(name, str, f"{where}.{kind}.name"), kind)


def _allowed(allowed: Json) -> ToolChoice:
    where = "tool_choice.allowed_tools"
    allowed = required(allowed, dict, where)
    tools = required(allowed.get("tools"), list, f"{where}.tools")
    named = [
        _named(required(tool, dict, f"{where}.tools[{n}]"), f"{where}.tools[{n}]")
        for n, tool in enumerate(tools)
    ]
    mode = one_of(str(allowed.get("mode") or "auto"), ("auto", "required"), f"{where}.mode")
    names = tuple(tool.name for tool in named)
    return ToolChoice("allowed", tools=names, required=mode == "required")


# --- encoding

UNSUPPORTED = "hosted_tool_unsupported"
# Notes for built-in tools of other vendors; those without a row are dropped as hosted ones are.
DROPPED: dict[str, str] = {"mcp": "mcp_dropped", "mcp_toolset": "mcp_dropped"}


def encode_tools(tools: Sequence[Tool], ctx: Context) -> list[Json]:
    return [encoded for tool in tools if (encoded := _encoded(tool, ctx)) is not None]


def web_search_options(tools: Sequence[Tool]) -> Json:
    """The request field that stands for a web search of this vendor."""
    natives = (tool.native for tool in tools if tool.native and tool.native.protocol == PROTOCOL)
    return next((n.blocks[0][WEB_SEARCH] for n in natives if WEB_SEARCH in n.blocks[0]), None)


def _encoded(tool: Tool, ctx: Context) -> Json:
    match tool.kind:
        case "function":
            return {"type": "function", "function": encode_function(tool, ctx), **_mark(tool, ctx)}
        case "custom":
            custom = {
                "name": tool.name,
                "description": tool.description,
                "format": _nested(tool.format),
            }
            return {"type": "custom", "custom": _given(custom), **_mark(tool, ctx)}
        case _:
            return _built_in(tool, ctx)


def encode_function(tool: Tool, ctx: Context) -> dict[str, Json]:
    own = ctx.client == PROTOCOL
    for key in () if own else tool.options:
        ctx.notes.add("hint_dropped", f"{tool.where}.{key}", f"a key of the tool {tool.name}")
    fields = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": _strict(tool, ctx),
    }
    return {**_given(fields), **(tool.options if own else {})}


def _given(fields: dict[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in fields.items() if value is not None}


def _strict(tool: Tool, ctx: Context) -> bool | None:
    """Anthropic's strict tools need not be what OpenAI calls strict."""
    fits = ctx.client != "anthropic_messages" or is_openai_strict(tool.parameters)
    if tool.strict and not (fits and ctx.profile.strict_tools):
        detail = f"the schema of {tool.name} is not enforced"
        ctx.notes.add("strict_downgraded", tool.where, detail)
    if not ctx.profile.strict_tools:
        return None
    return fits if tool.strict else tool.strict


def _mark(tool: Tool, ctx: Context) -> dict[str, Json]:
    if tool.cache is None:
        return {}
    if ctx.client == PROTOCOL:  # gateways take it here
        return {"cache_control": cache_control(tool.cache)}
    ctx.notes.add("hint_dropped", tool.where, "cache breakpoint")
    return {}


def _nested(form: Json) -> Json:
    if not isinstance(form, dict) or form.get("type") != "grammar":
        return form
    return {"type": "grammar", "grammar": {k: v for k, v in form.items() if k != "type"}}


def _built_in(tool: Tool, ctx: Context) -> Json:
    native = tool.native
    if native and native.protocol == PROTOCOL:
        return None if WEB_SEARCH in native.blocks[0] else native.blocks[0]
    if tool.kind == "client" and (function := as_function(tool)):
        return _encoded(function, ctx)
    from_anthropic = native is not None and native.protocol == "anthropic_messages"
    kind = native.blocks[0].get("type", "") if native and native.blocks else ""
    code = DROPPED.get(kind, "server_tool_dropped" if from_anthropic else "hosted_tool_dropped")
    ctx.notes.add(code, tool.where, f"{tool.name} is not to be had at this upstream")
    return None


def encode_tool_choice(
    choice: ToolChoice | None, tools: Sequence[Tool], offered: Sequence[Json], ctx: Context
) -> Json:
    """None for no choice. `offered` are `tools` as encoded: some may be gone."""
    names = [tool.get(tool["type"], {}).get("name") for tool in offered]
    if choice and choice.mode == "required" and tools and not offered:
        raise TransformError("tool_choice", "no tool is to be had at this upstream", UNSUPPORTED)
    if choice and choice.mode == "tool" and choice.name not in names:
        if choice.native or any(tool.name == choice.name for tool in tools):
            problem = f"{choice.name} is not to be had at this upstream"
            raise TransformError("tool_choice", problem, UNSUPPORTED)
    if choice and not offered:
        ctx.notes.add("hint_dropped", "tool_choice", "there are no tools to choose from")
    if not choice or not offered:
        return None
    kinds: dict[str, CallKind] = {
        tool.name: tool.kind for tool in tools if tool.kind in ("function", "custom")
    }
    return _choice(choice, kinds, ctx)


def _choice(choice: ToolChoice, kinds: Mapping[str, CallKind], ctx: Context) -> Json:
    match choice.mode:
        case "tool" if not ctx.profile.named_choice:
            if len(kinds) > 1:
                detail = f"any tool may be called, not only {choice.name}"
                ctx.notes.add("tool_subset_unenforced", "tool_choice", detail)
            return "required"
        case "tool":
            return _by_name(choice.name, kinds)
        case "allowed" if ctx.profile.vendor_fields:
            mode = "required" if choice.required else "auto"
            tools = [_by_name(name, kinds) for name in choice.tools]
            return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}
        case "allowed" if choice.required and len(choice.tools) == 1 and ctx.profile.named_choice:
            return _by_name(choice.tools[0], kinds)
        case "allowed":
            detail = f"any tool may be called, not only {', '.join(choice.tools)}"
            ctx.notes.add("tool_subset_unenforced", "tool_choice", detail)
            return "required" if choice.required else "auto"
        case mode:
            return mode


def _by_name(name: str, kinds: Mapping[str, CallKind]) -> Json:
    kind = kinds.get(name, "function")
    return {"type": kind, kind: {"name": name}}
