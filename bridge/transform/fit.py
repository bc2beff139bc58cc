"""A request's body as one server takes it: fields left out or called otherwise, roles, the limit.

The last thing that happens to a body, the same for every protocol, and all that happens to one of
an app that speaks the protocol itself. Paths have no numbers: each element of a list is meant.
"""

from collections.abc import Mapping

from .json_text import Json
from .notes import Notes
from .profile import Profile, matches

# field, or the last key of a path -> what leaving it out means; others: a field less
LOSSES: dict[str, str] = {
    "temperature": "sampling_dropped",
    "top_p": "sampling_dropped",
    "top_k": "sampling_dropped",
    "seed": "sampling_dropped",
    "logit_bias": "sampling_dropped",
    "frequency_penalty": "sampling_dropped",
    "presence_penalty": "sampling_dropped",
    "stop": "stop_unsupported",
    "stop_sequences": "stop_unsupported",
    "reasoning_effort": "reasoning_option_dropped",
    "reasoning": "reasoning_option_dropped",
    "thinking": "reasoning_option_dropped",
    "output_config": "reasoning_option_dropped",
    "effort": "reasoning_option_dropped",
    "summary": "reasoning_option_dropped",
    "logprobs": "logprobs_dropped",
    "top_logprobs": "logprobs_dropped",
    "verbosity": "verbosity_dropped",
    "prediction": "prediction_dropped",
    "moderation": "moderation_dropped",
    "truncation": "truncation_dropped",
    "context_management": "context_edit_dropped",
    "response_format": "json_mode_prompted",
    "output_format": "json_mode_prompted",
    "tool_choice": "tool_subset_unenforced",
    "function_call": "tool_subset_unenforced",
    "mcp_servers": "mcp_dropped",
    "citations": "citations_dropped",
    "service_tier": "tier_dropped",
    "speed": "speed_dropped",
    "metadata": "metadata_dropped",
    "web_search_options": "server_tool_dropped",
    "strict": "strict_downgraded",
    "name": "name_dropped",
    "store": "hint_dropped",
    "user": "hint_dropped",
    "safety_identifier": "hint_dropped",
    "stream_options": "hint_dropped",
    "include": "hint_dropped",
    "include_usage": "hint_dropped",
    "prompt_cache_key": "hint_dropped",
    "prompt_cache_options": "hint_dropped",
    "prompt_cache_retention": "hint_dropped",
    "prompt_cache_breakpoint": "hint_dropped",
    "cache_control": "hint_dropped",
    "phase": "hint_dropped",
}
# What means the same as nothing.
DEFAULTS: dict[str, tuple[Json, ...]] = {
    "tool_choice": ("auto", {"type": "auto"}),
    "function_call": ("auto",),
}
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
TURNS = ("messages", "input")


def fitted(body: Json, profile: Profile, notes: Notes) -> Json:
    """`body` as the server of `profile` takes it; itself where nothing had to change."""
    if not isinstance(body, dict):
        return body
    for ours, theirs in profile.renamed_fields:
        body = _renamed(body, ours, theirs)
    if profile.renamed_roles:
        body = _with_roles(body, dict(profile.renamed_roles))
    for path in profile.refused_fields:
        left = _without(body, path.split("."))
        if left is not body:
            notes.add(_loss(path, body), path, "this upstream does not take it")
        body = left
    return _within_limit(body, profile, notes)


def _loss(path: str, body: dict[str, Json]) -> str:
    if body.get(path) in DEFAULTS.get(path, ()):
        return "hint_dropped"
    return LOSSES.get(path.rpartition(".")[2], "field_dropped")


def output_limit(model: str, profile: Profile) -> int | None:
    """The most tokens `model` writes; None: unknown."""
    limits = profile.output_limits
    return next((limit for pattern, limit in limits if matches(model, (pattern,))), None)


def _renamed(body: dict[str, Json], ours: str, theirs: str) -> dict[str, Json]:
    """The field keeps its place, and what has their name already keeps its value."""
    if ours not in body or theirs in body:
        return body
    return {theirs if name == ours else name: value for name, value in body.items()}


def _with_roles(body: dict[str, Json], roles: Mapping[str, str]) -> dict[str, Json]:
    for name in TURNS:
        turns = body.get(name)
        if isinstance(turns, list) and any(_role(turn) in roles for turn in turns):
            told = [{**t, "role": roles[_role(t)]} if _role(t) in roles else t for t in turns]
            body = {**body, name: told}
    return body


def _role(turn: Json) -> str:
    role = turn.get("role") if isinstance(turn, dict) else None
    return role if isinstance(role, str) else ""


def _without(value: Json, path: list[str]) -> Json:
    """`value` without what stands at `path`, nor an object of which nothing is left."""
    if isinstance(value, list):
        items = [_without(item, path) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    key, *rest = path
    if not isinstance(value, dict) or key not in value:
        return value
    left = _without(value[key], rest) if rest else None
    if rest and left is value[key]:
        return value
    if left:
        return {**value, key: left}
    return {name: inner for name, inner in value.items() if name != key}


def _within_limit(body: dict[str, Json], profile: Profile, notes: Notes) -> dict[str, Json]:
    limit = output_limit(str(body.get("model")), profile) if profile.output_limits else None
    for name in LIMITS if limit else ():
        asked = body.get(name)
        if isinstance(asked, int) and asked > (limit or 0):
            notes.add("max_tokens_clamped", name, f"{asked} became {limit}, the model's most")
            body = {**body, name: limit}
    return body
