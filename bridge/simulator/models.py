"""The models endpoint in both shapes."""

from typing import Any

from .dialect import CREATED, Rejected, Rules

Json = Any
NAMES = ("sim-large", "sim-small")  # any other name is answered too, unless the rules list some


def answer(id: str | None, rules: Rules, anthropic: bool) -> Json:
    names = NAMES if rules.models is None else rules.models
    shape = _anthropic if anthropic else _openai
    if id is not None:
        if rules.models is not None and id not in names:
            raise _unknown(id, anthropic)
        return shape(id)
    data = [shape(name) for name in names]
    if not anthropic:
        return {"object": "list", "data": data}
    ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
    return {"data": data, "has_more": False, **ends}


def _unknown(id: str, anthropic: bool) -> Rejected:
    if anthropic:
        return Rejected(404, f"model: {id}")
    words = f"The model '{id}' does not exist"
    return Rejected(404, words, param="model", code="model_not_found")


def _anthropic(name: str) -> Json:
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "2026-09-21T12:00:00Z",
        "lifecycle": "active",
        "line": None,
        "deprecated_at": None,
        "retires_at": None,
        "max_input_tokens": 200000,
        "max_tokens": 64000,
        "capabilities": None,
    }


def _openai(name: str) -> Json:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "simulator"}
