from dataclasses import fields
from datetime import date
from typing import Any

import pytest

from bridge.transform.effort import LEVELS
from bridge.transform.profile import Models, Profile, efforts_of, matches, read_flags


@pytest.mark.parametrize(
    "model, patterns, answer",
    [
        pytest.param("gpt-5", ("gpt-*",), True, id="a glob"),
        pytest.param("gpt-5", ("gpt",), False, id="the whole name"),
        pytest.param("GPT-5", ("gpt-*",), True, id="case of the name does not count"),
        pytest.param("gpt-5", ("GPT-*",), True, id="nor that of the glob"),
        pytest.param("gpt-5", ("!gpt-5", "gpt-*"), False, id="the first that fits says no"),
        pytest.param("gpt-4", ("!gpt-5", "gpt-*"), True, id="a no for others says nothing"),
        pytest.param("gpt-5", ("gpt-*", "!gpt-5"), True, id="the first that fits says yes"),
        pytest.param("gpt-5", (), False, id="no glob at all"),
        pytest.param("gpt-5", ("!gpt-4",), False, id="no glob that fits"),
        pytest.param("", ("*",), True, id="all models, and one without a name"),
    ],
)
def test_matches(model: str, patterns: Models, answer: bool) -> None:
    assert matches(model, patterns) is answer


MANY = Profile(
    efforts=("low", "high"),
    model_efforts=(("*-mini*", ("none",)), ("big*", ()), ("*", ("max",)), ("big*", ("low",))),
)


@pytest.mark.parametrize(
    "model, profile, efforts",
    [
        pytest.param("m", Profile(), LEVELS, id="all levels, if nothing is said"),
        pytest.param("m", Profile(efforts=("low",)), ("low",), id="those of the server"),
        pytest.param("A-Mini-2", MANY, ("none",), id="those of the model come first"),
        pytest.param("big-mini", MANY, ("none",), id="those of the first glob that fits"),
        pytest.param("big", MANY, (), id="be there none"),
        pytest.param("else", MANY, ("max",), id="whatever comes later"),
    ],
)
def test_efforts_of_a_model(model: str, profile: Profile, efforts: tuple[str, ...]) -> None:
    assert efforts_of(model, profile) == efforts


# --- flags from a configuration


@pytest.mark.parametrize(
    "flags, changes",
    [
        pytest.param({"developer_role": True}, {"developer_role": True}, id="yes or no"),
        pytest.param({"sampling": False}, {"sampling": ()}, id="no model"),
        pytest.param({"stop": True}, {"stop": ("*",)}, id="all models"),
        pytest.param({"stop": ["!qwen*", "*"]}, {"stop": ("!qwen*", "*")}, id="some models"),
        pytest.param({"max_tokens_default": 5}, {"max_tokens_default": 5}, id="a number"),
        pytest.param({"empty_tool_result": ""}, {"empty_tool_result": ""}, id="an empty text"),
        pytest.param(
            {"reasoning_field": "reasoning"}, {"reasoning_field": "reasoning"}, id="one of some"
        ),
        pytest.param({"efforts": ["low", "max"]}, {"efforts": ("low", "max")}, id="levels"),
        pytest.param({"efforts": []}, {"efforts": ()}, id="no levels"),
        pytest.param(
            {"output_limits": {"a*": 5, "*": 9}},
            {"output_limits": (("a*", 5), ("*", 9))},
            id="limits in their order",
        ),
        pytest.param(
            {"model_efforts": {"a*": ["none"], "*": []}},
            {"model_efforts": (("a*", ("none",)), ("*", ()))},
            id="levels of some models",
        ),
        pytest.param(
            {"refused_fields": ["store", "tools.strict"]},
            {"refused_fields": ("store", "tools.strict")},
            id="fields",
        ),
        pytest.param(
            {"renamed_fields": {"seed": "random_seed"}, "renamed_roles": {}},
            {"renamed_fields": (("seed", "random_seed"),), "renamed_roles": ()},
            id="names",
        ),
        pytest.param(
            {"top_k": True, "join_text": False}, {"top_k": True, "join_text": False}, id="several"
        ),
    ],
)
def test_flags_are_read(flags: dict[str, Any], changes: dict[str, Any]) -> None:
    assert read_flags(flags) == changes


NAMES = ", ".join(flag.name for flag in fields(Profile))
EFFORTS = "a list of none, minimal, low, medium, high, xhigh, max"
GLOBS = "true, false or a list of model globs"
LIMITS = "a mapping of model globs to numbers above 0"
MODEL_EFFORTS = f"a mapping of model globs to {EFFORTS.replace('a list', 'lists')}"


@pytest.mark.parametrize(
    "flags, problem",
    [
        pytest.param(
            {"shiny": True},
            f'"shiny" is not a profile flag: base, {NAMES}',
            id="an unknown flag",
        ),
        pytest.param(
            {"developer_role": "yes"},
            "developer_role: 'yes' is not true or false",
            id="a word for yes or no",
        ),
        pytest.param({"top_k": 1}, "top_k: 1 is not true or false", id="a number for yes or no"),
        pytest.param(
            {"anthropic_version": date(2023, 6, 1)},
            "anthropic_version: datetime.date(2023, 6, 1) is not a string",
            id="a date for a text",
        ),
        pytest.param(
            {"max_tokens_default": 0}, "max_tokens_default: 0 is not a number above 0", id="zero"
        ),
        pytest.param(
            {"max_tokens_default": True},
            "max_tokens_default: True is not a number above 0",
            id="yes for a number",
        ),
        pytest.param(
            {"max_tokens_default": "9"},
            "max_tokens_default: '9' is not a number above 0",
            id="a text for a number",
        ),
        pytest.param(
            {"empty_call_content": None},
            "empty_call_content: None is not one of null, empty",
            id="nothing for one of some",
        ),
        pytest.param(
            {"reasoning_field": ["reasoning"]},
            "reasoning_field: ['reasoning'] is not one of "
            "none, reasoning_content, reasoning, reasoning_details",
            id="a list for one of some",
        ),
        pytest.param({"stop": "gpt-*"}, f"stop: 'gpt-*' is not {GLOBS}", id="a single glob"),
        pytest.param({"stop": [1]}, f"stop: [1] is not {GLOBS}", id="a glob that is no text"),
        pytest.param({"efforts": True}, f"efforts: True is not {EFFORTS}", id="yes for levels"),
        pytest.param(
            {"efforts": ["hgh"]}, f"efforts: ['hgh'] is not {EFFORTS}", id="an unknown level"
        ),
        pytest.param(
            {"efforts": [["low"]]}, f"efforts: [['low']] is not {EFFORTS}", id="a list as a level"
        ),
        pytest.param({"output_limits": [1]}, f"output_limits: [1] is not {LIMITS}", id="a list"),
        pytest.param(
            {"output_limits": {"a": True}},
            f"output_limits: {{'a': True}} is not {LIMITS}",
            id="a limit that is no number",
        ),
        pytest.param(
            {"output_limits": {4: 5}},
            f"output_limits: {{4: 5}} is not {LIMITS}",
            id="a limit of no glob",
        ),
        pytest.param(
            {"model_efforts": {"a": "low"}},
            f"model_efforts: {{'a': 'low'}} is not {MODEL_EFFORTS}",
            id="a model's level without a list",
        ),
        pytest.param(
            {"model_efforts": {"a": ["hgh"]}},
            f"model_efforts: {{'a': ['hgh']}} is not {MODEL_EFFORTS}",
            id="a level no model has",
        ),
        pytest.param(
            {"refused_fields": "store"},
            "refused_fields: 'store' is not a list of fields",
            id="a single field",
        ),
        pytest.param(
            {"renamed_fields": {"seed": 1}},
            "renamed_fields: {'seed': 1} is not a mapping of names to names",
            id="a new name that is no text",
        ),
        pytest.param(
            {"renamed_roles": ["developer"]},
            "renamed_roles: ['developer'] is not a mapping of names to names",
            id="a role without a new name",
        ),
    ],
)
def test_what_a_wrong_flag_is_told(flags: Any, problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_flags(flags)
    assert str(caught.value) == problem
