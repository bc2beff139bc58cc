"""The hard rules of the Messages API: a request in, `Rejected` in the vendor's words if one breaks.

Hard part: the server merges neighbouring turns of one role before it pairs calls and results, so
pairing is judged on the merged turns while the messages name the original places.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from .. import seals
from ..dialect import Rejected, Rules, listed, require
from ..wire import HttpRequest
from .answer import prefix
from .blocks import check_blocks, check_keys
from .request import added_tools, blocks, breakpoints

Json = Any

NEW_VERSION = "2026-10-21"
SAMPLING = ("temperature", "top_k", "top_p")  # gone in the new version
KEYS = frozenset(
    "model max_tokens messages system stream stop_sequences temperature top_k top_p tools "
    "tool_choice thinking output_config cache_control metadata service_tier speed inference_geo "
    "container diagnostics".split()
)
BETA_KEYS = frozenset(
    "output_format context_management compaction mcp_servers thread fallbacks "
    "fallback_credit_token billing_policy".split()
)
TOOL_KEYS = frozenset(
    "type name description input_schema strict cache_control defer_loading allowed_callers "
    "input_examples eager_input_streaming".split()
)
DROPPING = "thinking-binding-controls-2026-08-01"
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
EXPECTED_THINKING = (
    "Expected `thinking` or `redacted_thinking`, but found `{}`. When `thinking` is enabled, a "
    "final `assistant` message must start with a thinking block (preceeding the lastmost set of "
    "`tool_use` and `tool_result` blocks)."
)


def check(body: Json, request: HttpRequest, rules: Rules, counting: bool) -> None:
    _headers(request)
    _top_level(body, request, counting)
    check_blocks(body)
    _turns(body["messages"])
    _tools(body)
    _thinking(body, replace(rules, bind_thinking=False) if _drops(body, request) else rules)
    found = breakpoints(body)
    limit = "A maximum of 4 blocks with cache_control may be provided. Found"
    require(found <= 4, f"{limit} {found}.")
    known = rules.models is None or body["model"] in rules.models
    if not known:
        raise Rejected(404, f"model: {body['model']}")


def _headers(request: HttpRequest) -> None:
    if request.header("x-api-key") is None and request.header("authorization") is None:
        raise Rejected(401, "x-api-key header is required")
    version = request.header("anthropic-version")
    require(version is not None, "anthropic-version: header is required")
    known = ("2023-01-01", "2023-06-01", NEW_VERSION)
    require(version in known, f'anthropic-version: "{version}" is not a valid version')


def _top_level(body: Json, request: HttpRequest, counting: bool) -> None:
    allowed = KEYS | (BETA_KEYS if request.header("anthropic-beta") else frozenset())
    if request.header("anthropic-version") == NEW_VERSION:
        allowed -= frozenset(SAMPLING)
    check_keys(body, allowed, "")
    required = ["model", "messages"] if counting else ["model", "max_tokens", "messages"]
    for key in required:
        require(body.get(key) is not None, f"{key}: Field required")
    require(isinstance(body["model"], str), "model: Input should be a valid string")
    require(isinstance(body["messages"], list), "messages: Input should be a valid list")
    require(bool(body["messages"]), "messages: at least one message is required")
    limit = body.get("max_tokens", 1)
    require(type(limit) is int, "max_tokens: Input should be a valid integer")
    require(limit >= 0, "max_tokens: Input should be greater than or equal to 0")
    temperature = body.get("temperature") or 0
    require(isinstance(temperature, int | float), "temperature: Input should be a valid number")
    require(0 <= temperature <= 1, "temperature: range: 0..1")
    check_keys(body.get("metadata") or {}, frozenset({"user_id"}), "metadata.")
    for i, sequence in enumerate(body.get("stop_sequences") or []):
        text = isinstance(sequence, str)
        require(text, f"stop_sequences.{i}: Input should be a valid string")
        blank = "each stop sequence must contain non-whitespace"
        require(bool(sequence.strip()), f"stop_sequences: {blank}")


def _turns(messages: list[Json]) -> None:
    first = messages[0]
    is_summed = [block["type"] for block in blocks(first["content"])][:1] == ["compaction"]
    opens = first["role"] == "user" or is_summed
    require(opens, 'messages: first message must use the "user" role')
    _system_places(messages)
    spoken = [(i, m) for i, m in enumerate(messages) if m["role"] != "system"]
    merged = list(_merged(spoken))
    ids = [block["id"] for block in _all(messages, "tool_use")]
    require(len(ids) == len(set(ids)), "messages: `tool_use` ids must be unique")
    for (i, role, content), (_, _, after) in zip(merged, [*merged[1:], (0, "", [])], strict=True):
        if role == "assistant":
            _answered(i, content, after)
    for (_, _, before), (i, role, content) in zip([(0, "", []), *merged], merged, strict=False):
        if role == "user":
            _asked(i, before, content)


def _merged(messages: list[tuple[int, Json]]) -> Iterator[tuple[int, str, list[Json]]]:
    """Neighbours of one role together: place of the last message, role, blocks."""
    role, place = "", 0
    content: list[Json] = []
    for i, message in messages:
        if message["role"] != role and role:
            yield place, role, content
            content = []
        role, place = message["role"], i
        content = content + blocks(message["content"])
    yield place, role, content


def _all(messages: list[Json], kind: str) -> list[Json]:
    return [b for m in messages for b in blocks(m["content"]) if b["type"] == kind]


def _answered(i: int, content: list[Json], after: list[Json]) -> None:
    calls = [block["id"] for block in content if block["type"] == "tool_use" and _direct(block)]
    results = []
    for block in after:  # results come first, what stands behind other content does not count
        if block["type"] != "tool_result":
            break
        results.append(block["tool_use_id"])
    missing = [call for call in calls if call not in results]
    require(
        not missing,
        f"messages.{i}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` "
        "block in the next message.",
    )


def _direct(block: Json) -> bool:
    """A call made by server-run code is answered inside the same message."""
    return bool((block.get("caller") or {}).get("type", "direct") == "direct")


def _asked(i: int, before: list[Json], content: list[Json]) -> None:
    calls = {block["id"] for block in before if block["type"] == "tool_use"}
    seen: set[str] = set()
    for n, block in enumerate(content):
        if block["type"] != "tool_result":
            continue
        id = block["tool_use_id"]
        require(
            id in calls,
            f"messages.{i}.content.{n}: unexpected `tool_use_id` found in `tool_result` blocks: "
            f"{id}. Each `tool_result` block must have a corresponding `tool_use` block in the "
            "previous message.",
        )
        once = "each tool_use must have a single result. Found multiple `tool_result` blocks"
        require(id not in seen, f"messages.{i}.content.{n}: {once} with id: {id}")
        seen.add(id)


def _system_places(messages: list[Json]) -> None:
    # one that only sets the effort may stand anywhere
    told = [(i, m) for i, m in enumerate(messages) if m["role"] != "system" or m["content"]]
    roles = [message["role"] for _, message in told]
    for n, (i, message) in enumerate(told):
        if message["role"] != "system" or (n and roles[n - 1] == "system"):
            continue
        rest = [later for later in roles[n:] if later != "system"]
        fits = _may_precede_system(told[n - 1][1]) and rest[:1] in ([], ["assistant"])
        where = "must follow a `user` message and precede an `assistant` message or the end"
        require(fits, f"messages.{i}: `system` messages {where}")


def _may_precede_system(message: Json) -> bool:
    content = blocks(message["content"])
    server = bool(content) and str(content[-1]["type"]).endswith("_tool_result")
    return bool(message["role"] == "user" or server)


def _tools(body: Json) -> None:
    tools = body.get("tools") or []
    require(isinstance(tools, list), "tools: Input should be a valid list")
    for i, tool in enumerate(tools):
        require(isinstance(tool, dict), f"tools.{i}: Input should be a valid dictionary")
        if tool.get("type", "custom") in ("custom", None):
            _custom_tool(tool, f"tools.{i}.custom")
    names = [tool["name"] for tool in tools if "name" in tool]
    require(len(names) == len(set(names)), "tools: Tool names must be unique.")
    for i, tool in enumerate(late := added_tools(body["messages"])):
        _custom_tool(tool, f"tool_addition.{i}")
    names += [tool["name"] for tool in late]
    choice = body.get("tool_choice")
    if choice is None:
        return
    require(isinstance(choice, dict), "tool_choice: Input should be an object")
    kinds = ("auto", "any", "tool", "none")
    tag = f"tool_choice: Input tag '{choice.get('type')}' found using 'type' does not match any of"
    require(choice.get("type") in kinds, f"{tag} the expected tags: {listed(kinds)}")
    require(bool(tools), "tool_choice: may only be specified while providing `tools`")
    if choice["type"] == "tool":
        found = choice.get("name") in names
        require(found, f"tool_choice.tool.name: Tool '{choice.get('name')}' not found in tools")


def _custom_tool(tool: Json, where: str) -> None:
    check_keys(tool, TOOL_KEYS, f"{where}.")
    for key in ("name", "input_schema"):
        require(key in tool, f"{where}.{key}: Field required")
    name, schema = tool["name"], tool["input_schema"]
    fits = isinstance(name, str) and TOOL_NAME.fullmatch(name)
    pattern = "^[a-zA-Z0-9_-]{1,128}$"
    require(bool(fits), f"{where}.name: String should match pattern '{pattern}'")
    require(isinstance(schema, dict), f"{where}.input_schema: Input should be an object")
    require("type" in schema, f"{where}.input_schema.type: Field required")
    require(schema["type"] == "object", f"{where}.input_schema.type: Input should be 'object'")
    top = [key for key in ("oneOf", "allOf", "anyOf") if key in schema]
    words = "input_schema does not support oneOf, allOf, or anyOf at the top level"
    require(not top, f"{where.removesuffix('.custom')}.custom.input_schema: {words}")


def _thinking(body: Json, rules: Rules) -> None:
    thinking = body.get("thinking") or {}
    kinds = ("adaptive", "between_tools", "disabled", "enabled")
    tag = f"thinking: Input tag '{thinking.get('type')}' found using 'type' does not match any of"
    require(
        not thinking or thinking.get("type") in kinds, f"{tag} the expected tags: {listed(kinds)}"
    )
    if thinking.get("type") == "enabled":
        _budget(thinking, body)
        _starts_with_thinking(body["messages"])
    for i, message in enumerate([] if rules.trust_opaque else body["messages"]):
        for n, block in enumerate(blocks(message["content"])):
            _seal(block, body, (i, n), rules)


def _drops(body: Json, request: HttpRequest) -> bool:
    """Whether thinking of another conversation is to be dropped rather than refused."""
    binding = (body.get("thinking") or {}).get("block_binding") or {}
    beta = DROPPING in (request.header("anthropic-beta") or "")
    return beta and bool(binding.get("prefix_mismatch_behavior") == "drop_block")


def _budget(thinking: Json, body: Json) -> None:
    budget = thinking.get("budget_tokens")
    where = "thinking.enabled.budget_tokens"
    require(type(budget) is int, f"{where}: Field required")
    require(budget >= 1024, f"{where}: Input should be greater than or equal to 1024")
    larger = body.get("max_tokens") is None or body["max_tokens"] > budget
    require(larger, "`max_tokens` must be greater than `thinking.budget_tokens`.")
    forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
    require(not forced, "Thinking may not be enabled when tool_choice forces tool use.")
    fixed = "may only be set to 1 when thinking is enabled."
    require(body.get("temperature") in (None, 1), f"`temperature` {fixed}")


def _starts_with_thinking(messages: list[Json]) -> None:
    """Inside a tool loop, the turn that opened it must show what it thought."""
    if _is_question(messages[-1]):
        return
    start = max((i for i, message in enumerate(messages) if _is_question(message)), default=-1)
    opening = next((m for m in messages[start + 1 :] if m["role"] == "assistant"), None)
    if opening is None:
        return
    kind = blocks(opening["content"])[0]["type"] if blocks(opening["content"]) else "thinking"
    where = f"messages.{messages.index(opening)}.content.0.type"
    require("thinking" in kind, f"{where}: {EXPECTED_THINKING.format(kind)}")


def _is_question(message: Json) -> bool:
    kinds = {block["type"] for block in blocks(message["content"])}
    return message["role"] == "user" and "tool_result" not in kinds


def _seal(block: Json, body: Json, place: tuple[int, int], rules: Rules) -> None:
    i, n = place
    where = f"messages.{i}.content.{n}"
    if block["type"] == "redacted_thinking":
        ours = seals.is_ours(block["data"], seals.REDACTED, rules.account)
        require(ours, f"{where}: Invalid `data` in `redacted_thinking` block")
    if block["type"] != "thinking":
        return
    before = prefix(body, i) if rules.bind_thinking else b""  # as long as the conversation
    sealed = block["signature"], block["thinking"], before
    verdict = seals.check_signature(*sealed, rules.account)
    invalid = f"{where}: Invalid `signature` in `thinking` block"
    require(verdict != "forged", invalid)
    bound = f"{invalid}: the block is bound to a different conversation"
    require(verdict == "ours" or not rules.bind_thinking, bound)
