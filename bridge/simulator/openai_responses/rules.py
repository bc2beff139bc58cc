"""The hard rules of Responses: `Rejected` in the vendor's words when one breaks.

The simulator keeps no responses: nothing can be continued by id, and of reasoning only what
carries its ciphertext comes back.
"""

from typing import Any

from .. import seals
from ..dialect import Rejected, Rules, listed, require
from ..openai_checks import in_range, must, name, present, short, typed
from ..wire import HttpRequest
from .request import CALLS, RESULTS, items, kind_of

Json = Any

KEYS = frozenset(
    "model input instructions max_output_tokens max_tool_calls temperature top_p top_logprobs "
    "tools tool_choice parallel_tool_calls text reasoning include store previous_response_id "
    "conversation background background_options stream stream_options truncation "
    "context_management metadata user safety_identifier prompt_cache_key prompt_cache_options "
    "prompt_cache_retention service_tier prompt moderation access_programs image "
    "client_metadata".split()
)
# type: required keys with their Python types; for items that only pass through, nothing
ITEMS: dict[str, dict[str, Any]] = {
    "message": {"role": str, "content": (str, list)},
    "reasoning": {"summary": list},
    "function_call": {"call_id": str, "name": str, "arguments": str},
    "function_call_output": {"output": (str, list)},
    "custom_tool_call": {"call_id": str, "name": str, "input": str},
    "custom_tool_call_output": {"call_id": str, "output": (str, list)},
    "item_reference": {"id": str},
    "additional_tools": {"tools": list},
}
OPEN_ITEMS = frozenset(
    "file_search_call computer_call computer_call_output web_search_call image_generation_call "
    "code_interpreter_call local_shell_call local_shell_call_output shell_call shell_call_output "
    "apply_patch_call apply_patch_call_output mcp_list_tools mcp_call mcp_approval_request "
    "mcp_approval_response tool_search_call tool_search_output compaction compaction_trigger "
    "configuration_update program program_output".split()
)
PREFIXES = {  # what the id of an item must begin with
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
}
INPUT = ("input_text", "input_image", "input_file")
OUTPUT = ("output_text", "refusal")
ROLES = {"user": INPUT, "system": INPUT, "developer": INPUT, "assistant": OUTPUT}
MAX_ID, MAX_NAME = 64, 128


def check(body: Json, request: HttpRequest, rules: Rules, counting: bool) -> None:
    del request, counting
    _top_level(body)
    for i, item in enumerate(items(body)):
        _item(item, f"input[{i}]", body, rules)
    if not body.get("conversation"):  # which may hold the calls
        _pairs(items(body))
    _tools(body)
    if rules.models is not None and body.get("model") not in rules.models:
        words = f"The requested model '{body.get('model')}' does not exist."
        raise Rejected(400, words, param="model", code="model_not_found")


def _top_level(body: Json) -> None:
    unknown = next((key for key in body if key not in KEYS), None)
    must(unknown is None, f"Unknown parameter: '{unknown}'.", str(unknown), "unknown_parameter")
    if not body.get("prompt"):  # a stored template may name the model and hold the input
        present(body, "model", "model")
        if not body.get("instructions"):
            present(body, "input", "input")
    typed(body.get("model") or "", str, "model", "a string")
    typed(body.get("input") or [], (str, list), "input", "a string or array of objects")
    in_range(body, "temperature", 0, 2)
    in_range(body, "top_p", 0, 1)
    limit = body.get("max_output_tokens")
    small = "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16"
    words = f"{small}, but got {limit} instead."
    must(limit is None or limit >= 16, words, "max_output_tokens", "integer_below_min_value")
    previous = body.get("previous_response_id")
    words = f"Previous response with id '{previous}' not found."
    must(previous is None, words, "previous_response_id", "previous_response_not_found")


def _item(item: Json, where: str, body: Json, rules: Rules) -> None:
    typed(item, dict, where, "an object")
    kind = kind_of(item)
    if kind in OPEN_ITEMS:
        return
    words = f"Invalid value: '{kind}'. Supported values are: {listed([*ITEMS, *OPEN_ITEMS])}."
    must(kind in ITEMS, words, where, "invalid_value")
    for key, python in ITEMS[kind].items():
        present(item, key, f"{where}.{key}")
        typed(item[key], python, f"{where}.{key}", "a string or array")
    _ids(item, kind, where)
    match kind:
        case "message":
            _message(item, where)
        case "reasoning" if not rules.trust_opaque:
            _reasoning(item, where, bool(body.get("store", True)), rules.account)
        case "item_reference":
            raise Rejected(404, f"Item with id '{item['id']}' not found.", param="input")
        case "function_call_output" | "custom_tool_call_output":
            _parts(item["output"], INPUT, f"{where}.output")
        case "function_call" | "custom_tool_call":
            name(item["name"], f"{where}.name", MAX_NAME)


def _ids(item: Json, kind: str, where: str) -> None:
    if item.get("call_id") is not None:
        short(item["call_id"], f"{where}.call_id", MAX_ID)
    id, prefix = item.get("id"), PREFIXES.get(kind)
    if id is None or prefix is None:
        return
    short(id, f"{where}.id", MAX_ID)
    words = f"Invalid '{where}.id': '{id}'. Expected an ID that begins with '{prefix}'."
    must(id.startswith(prefix), words, f"{where}.id", "invalid_value")


def _message(item: Json, where: str) -> None:
    role = item["role"]
    words = f"Invalid value: '{role}'. Supported values are: {listed(tuple(ROLES))}."
    must(role in ROLES, words, f"{where}.role", "invalid_value")
    _parts(item["content"], ROLES[role], f"{where}.content")


def _parts(content: Json, kinds: tuple[str, ...], where: str) -> None:
    if isinstance(content, str):
        return
    for i, part in enumerate(content):
        typed(part, dict, f"{where}[{i}]", "an object")
        kind = part.get("type")
        words = f"Invalid value: '{kind}'. Supported values are: {listed(kinds)}."
        must(kind in kinds, words, f"{where}[{i}].type", "invalid_value")
        if kind in ("input_text", "output_text", "refusal"):
            key = "refusal" if kind == "refusal" else "text"
            present(part, key, f"{where}[{i}].{key}")
            typed(part[key], str, f"{where}[{i}].{key}", "a string")
        if kind == "input_image":
            _image(part, f"{where}[{i}].image_url")


def _image(part: Json, where: str) -> None:
    url = part.get("image_url")
    usable = isinstance(url, str) and url.startswith(("https://", "http://", "data:image/"))
    words = f"Invalid '{where}'. Expected a valid URL, but got a value with an invalid format."
    must(usable or part.get("file_id") is not None, words, where, "invalid_value")


def _reasoning(item: Json, where: str, stored: bool, account: str) -> None:
    sealed = item.get("encrypted_content")
    if sealed is None:
        words = (
            f"Item with id '{item.get('id')}' not found. Items are not persisted when `store` is "
            "set to false. Try again with `store` set to true, or remove this item from your input."
        )
        if not stored:
            raise Rejected(404, words, param="input")
        return
    typed(sealed, str, f"{where}.encrypted_content", "a string")
    words = (
        f"The encrypted content {sealed[:12]}... could not be verified. "
        "Reason: Encrypted content could not be decrypted or parsed."
    )
    require(seals.is_ours(sealed, account=account), words, code="invalid_encrypted_content")


def _pairs(given: list[Json]) -> None:
    open_calls: set[str] = set()
    calls: set[str] = set()
    for item in given:
        id, kind = item.get("call_id"), kind_of(item)
        if kind in CALLS or kind == "tool_search_call":
            calls.add(id)
        if kind in CALLS:
            open_calls.add(id)
        if kind in RESULTS and id is not None:
            words = f"No tool call found for {_spoken(kind)} with call_id {id}."
            must(id in calls, words, "input", None)
            open_calls.discard(id)
    for item in given:
        if kind_of(item) in CALLS:
            words = f"No tool output found for {_spoken(kind_of(item))} {item['call_id']}."
            must(item["call_id"] not in open_calls, words, "input", None)


def _spoken(kind: str) -> str:
    return kind.replace("_", " ")


def _tools(body: Json) -> None:
    tools = body.get("tools") or []
    typed(tools, list, "tools", "an array of objects")
    for i, tool in enumerate(tools):
        typed(tool, dict, f"tools[{i}]", "an object")
        present(tool, "type", f"tools[{i}].type")
        if tool["type"] in ("function", "custom"):
            name(tool.get("name"), f"tools[{i}].name", MAX_NAME)
    choice = body.get("tool_choice")
    modes = ("none", "auto", "required")
    words = f"Invalid value: '{choice}'. Supported values are: {listed(modes)}."
    fits = choice is None or isinstance(choice, dict) or choice in modes
    must(fits, words, "tool_choice", "invalid_value")
    offered = [tool.get("name") for tool in tools]
    if isinstance(choice, dict) and choice.get("type") in ("function", "custom"):
        nested = "function" in choice  # the spelling of Chat Completions
        must(not nested, "Unknown parameter: 'tool_choice.function'.", "tool_choice.function", None)
        missing = f"Tool choice '{choice.get('name')}' not found in 'tools' parameter."
        must(choice.get("name") in offered, missing, "tool_choice", None)
