"""The hard rules of Chat Completions: `Rejected` in the vendor's words when one breaks.

Unknown top-level keys pass, since compatible servers take them; they are listed with the recorded
request. Hard part: tool messages must follow their calls directly, and every call must have one.
"""

from typing import Any

from ..dialect import Rejected, Rules, listed
from ..openai_checks import in_range, must, name, present, short, typed
from ..wire import HttpRequest

Json = Any

KNOWN = frozenset(
    "model messages max_completion_tokens max_tokens stream stream_options temperature top_p "
    "frequency_penalty presence_penalty logit_bias seed stop n logprobs top_logprobs tools "
    "tool_choice parallel_tool_calls functions function_call response_format reasoning_effort "
    "verbosity modalities audio prediction web_search_options service_tier store metadata user "
    "safety_identifier prompt_cache_key prompt_cache_options prompt_cache_retention "
    "moderation".split()
)
ROLES = ("system", "assistant", "user", "function", "tool", "developer")
PARTS = {
    "system": ("text",),
    "developer": ("text",),
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "tool": ("text",),
    "function": ("text",),
}
OPEN_PARTS = ("thinking", "document_url", "file_url", "video_url", "reference")  # compatible ones
PAYLOADS: dict[str, tuple[str, Any]] = {
    "text": ("text", str),
    "image_url": ("image_url", (dict, str)),
    "file": ("file", dict),
}
LIMITS = {"temperature": (0, 2), "top_p": (0, 1), "presence_penalty": (-2, 2)}
MAX_ID = MAX_NAME = 64


def check(body: Json, request: HttpRequest, rules: Rules, counting: bool) -> None:
    del request, counting
    _top_level(body)
    for i, message in enumerate(body["messages"]):
        _message(message, f"messages[{i}]")
    _pairs(body["messages"])
    _tools(body)
    if rules.models is not None and body["model"] not in rules.models:
        words = f"The model `{body['model']}` does not exist or you do not have access to it."
        raise Rejected(404, words, code="model_not_found")


def _top_level(body: Json) -> None:
    if not isinstance(body.get("model"), str):
        raise Rejected(400, "you must provide a model parameter")
    present(body, "messages", "messages")
    typed(body["messages"], list, "messages", "an array of objects")
    short = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an"
    must(bool(body["messages"]), f"{short} empty array instead.", "messages", "empty_array")
    for key, (low, high) in LIMITS.items():
        in_range(body, key, low, high)
    both = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
    limits = [body.get(key) for key in ("max_tokens", "max_completion_tokens")]
    must(None in limits, both, "max_tokens", "invalid_parameter_combination")
    streamed = body.get("stream") or not body.get("stream_options")
    only = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    must(bool(streamed), only, "stream_options", None)
    stop = body.get("stop")
    many = isinstance(stop, list) and len(stop) > 4
    long = "Invalid 'stop': array too long. Expected an array with maximum length 4"
    must(not many, f"{long}.", "stop", "array_above_max_length")


def _message(message: Json, where: str) -> None:
    typed(message, dict, where, "an object")
    present(message, "role", f"{where}.role")
    role = message["role"]
    supported = f"Invalid value: '{role}'. Supported values are: {listed(ROLES)}."
    must(role in ROLES, supported, f"{where}.role", "invalid_value")
    calls = message.get("tool_calls")
    content = message.get("content")
    if role != "assistant" or not (calls or message.get("function_call") or "refusal" in message):
        null = "Invalid value for 'content': expected a string, got null."
        must(content is not None or role == "assistant", null, f"{where}.content", None)
    if not isinstance(content, str | None):
        _parts(content, role, f"{where}.content")
    if role == "tool":
        present(message, "tool_call_id", f"{where}.tool_call_id")
        short(message["tool_call_id"], f"{where}.tool_call_id", MAX_ID)
    if calls is not None:
        typed(calls, list, f"{where}.tool_calls", "an array of objects")
        for i, call in enumerate(calls):
            _call(call, f"{where}.tool_calls[{i}]")


def _parts(content: Json, role: str, where: str) -> None:
    typed(content, list, where, "a string or array of objects")
    for i, part in enumerate(content):
        typed(part, dict, f"{where}[{i}]", "an object")
        kind = part.get("type")
        known = f"Invalid value: '{kind}'. Supported values are: {listed(PARTS[role])}."
        allowed = kind in PARTS[role] or kind in OPEN_PARTS
        must(allowed, known, f"{where}[{i}].type", "invalid_value")
        if kind in PAYLOADS:
            key, python = PAYLOADS[kind]
            present(part, key, f"{where}[{i}].{key}")
            typed(part[key], python, f"{where}[{i}].{key}", "a string or an object")
        if kind == "image_url":
            image = part["image_url"]
            url = image if isinstance(image, str) else image.get("url")  # an old spelling
            _image(url, f"{where}[{i}].image_url")


def _image(url: Json, where: str) -> None:
    usable = isinstance(url, str) and url.startswith(("https://", "http://", "data:image/"))
    words = "Invalid image URL. The URL must be a valid HTTP or HTTPS URL, or a data URL."
    must(usable, words, where, "invalid_image_url")


def _call(call: Json, where: str) -> None:
    typed(call, dict, where, "an object")
    present(call, "id", f"{where}.id")
    short(call["id"], f"{where}.id", MAX_ID)
    kind = "custom" if call.get("type") == "custom" else "function"
    present(call, kind, f"{where}.{kind}")
    payload = call[kind]
    typed(payload, dict, f"{where}.{kind}", "an object")
    name(payload.get("name"), f"{where}.{kind}.name", MAX_NAME)
    key = "input" if kind == "custom" else "arguments"
    present(payload, key, f"{where}.{kind}.{key}")
    typed(payload[key], str, f"{where}.{kind}.{key}", "a string")


def _pairs(messages: list[Json]) -> None:
    waiting: list[str] = []
    for i, message in enumerate(messages):
        if message["role"] == "tool":
            words = (
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding "
                "message with 'tool_calls'."
            )
            known = message["tool_call_id"] in waiting
            must(known, words, f"messages.[{i}].role", None)
            waiting.remove(message["tool_call_id"])
            continue
        _all_answered(waiting)
        waiting = [call["id"] for call in message.get("tool_calls") or []]
    _all_answered(waiting)


def _all_answered(waiting: list[str]) -> None:
    words = (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to "
        "each 'tool_call_id'. The following tool_call_ids did not have response messages: "
    )
    must(not waiting, words + ", ".join(waiting), "messages", None)


def _tools(body: Json) -> None:
    tools = body.get("tools")
    if tools is not None:
        typed(tools, list, "tools", "an array of objects")
        empty = "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an"
        must(bool(tools), f"{empty} empty array instead.", "tools", "empty_array")
    for i, tool in enumerate(tools or []):
        _tool(tool, f"tools[{i}]")
    for key in ("tool_choice", "parallel_tool_calls"):
        given = body.get(key) not in (None, "none") and not tools
        words = f"Invalid value for '{key}': '{key}' is only allowed when 'tools' are specified."
        must(not given, words, key, None)
    choice = body.get("tool_choice")
    modes = ("none", "auto", "required")
    words = f"Invalid value: '{choice}'. Supported values are: {listed(modes)}."
    fits = choice is None or isinstance(choice, dict) or choice in modes
    must(fits, words, "tool_choice", "invalid_value")
    if isinstance(choice, dict):
        _named_choice(choice, tools or [])


def _tool(tool: Json, where: str) -> None:
    typed(tool, dict, where, "an object")
    kind = tool.get("type") or "function"
    words = f"Invalid value: '{kind}'. Supported values are: 'function' and 'custom'."
    must(kind in ("function", "custom"), words, f"{where}.type", "invalid_value")
    present(tool, kind, f"{where}.{kind}")
    typed(tool[kind], dict, f"{where}.{kind}", "an object")
    name(tool[kind].get("name"), f"{where}.{kind}.name", MAX_NAME)
    schema = tool[kind].get("parameters") or {"type": "object", "properties": {}}
    typed(schema, dict, f"{where}.function.parameters", "an object")
    invalid = f"Invalid schema for function '{tool[kind]['name']}':"
    untyped = f"{invalid} schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'."
    at = f"{where}.function.parameters"
    must(schema.get("type") == "object", untyped, at, "invalid_function_parameters")
    bare = f"{invalid} In context=(), object schema missing properties."
    must("properties" in schema, bare, at, "invalid_function_parameters")


def _named_choice(choice: Json, tools: list[Json]) -> None:
    kind = choice.get("type")
    words = (
        f"Invalid value: '{kind}'. Supported values are: 'function', 'custom', and 'allowed_tools'."
    )
    known = kind in ("function", "custom", "allowed_tools")
    must(known, words, "tool_choice.type", "invalid_value")
    if kind == "allowed_tools":
        return
    present(choice, kind, f"tool_choice.{kind}")
    wanted = choice[kind].get("name")
    offered = [tool[tool.get("type") or "function"]["name"] for tool in tools]
    missing = f"Tool choice '{wanted}' not found in 'tools' parameter."
    must(wanted in offered, missing, "tool_choice", None)
