"""What a request asks for beside the conversation, in everybody's words."""

from typing import Any

import pytest

from bridge.transform.json_text import dumps
from bridge.transform.model import Protocol, Tool
from bridge.transform.reading import read_request
from bridge.views.settings import settings_of, tool_line

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
HI = [{"role": "user", "content": "hi"}]


def settings(protocol: Protocol, **fields: Any) -> dict[str, str]:
    conversation = {"input": "hi"} if protocol == R else {"messages": HI}
    request = read_request(protocol, dumps({"model": "m", **conversation, **fields}))
    return dict(settings_of(request))


@pytest.mark.parametrize(
    "protocol, fields, told",
    [
        pytest.param(A, {"max_tokens": 9}, {"max tokens": "9"}, id="max_tokens"),
        pytest.param(C, {"max_completion_tokens": 9}, {"max tokens": "9"}, id="by another name"),
        pytest.param(R, {"max_output_tokens": 9}, {"max tokens": "9"}, id="and by a third"),
        pytest.param(C, {"temperature": 0}, {"temperature": "0"}, id="a number that is 0"),
        pytest.param(A, {"top_p": 0.5, "top_k": 3}, {"top p": "0.5", "top k": "3"}, id="sampling"),
        pytest.param(A, {"stop_sequences": ["a", "b"]}, {"stop": '["a","b"]'}, id="stop sequences"),
        pytest.param(C, {"stop": "a"}, {"stop": '["a"]'}, id="a stop word alone"),
        pytest.param(C, {"reasoning_effort": "low"}, {"effort": "low"}, id="effort"),
        pytest.param(
            R,
            {"reasoning": {"effort": "low", "summary": "auto"}},
            {"effort": "low", "thinking": "shown"},
            id="effort, with a summary",
        ),
        pytest.param(
            A,
            {"thinking": {"type": "enabled", "budget_tokens": 9_000}},
            {"effort": "medium", "thinking": "enabled, at most 9000 tokens"},
            id="a budget is an effort too",
        ),
        pytest.param(
            A,
            {"thinking": {"type": "disabled"}},
            {"effort": "none", "thinking": "disabled"},
            id="no thinking is one",
        ),
        pytest.param(
            A,
            {"thinking": {"type": "adaptive", "display": "omitted"}},
            {"thinking": "adaptive, hidden"},
            id="thinking that is not shown",
        ),
        pytest.param(
            C,
            {"response_format": {"type": "json_object"}},
            {"answer": "json_object"},
            id="the form of the answer",
        ),
        pytest.param(C, {"response_format": {"type": "text"}}, {}, id="which is text by default"),
        pytest.param(C, {"tool_choice": "required"}, {"tool choice": "required"}, id="tools, any"),
        pytest.param(
            A,
            {"tool_choice": {"type": "tool", "name": "f"}},
            {"tool choice": "tool f"},
            id="one tool",
        ),
        pytest.param(C, {"tool_choice": "auto"}, {}, id="which is the model's by default"),
        pytest.param(
            C, {"parallel_tool_calls": False}, {"parallel calls": "no"}, id="one call at a time"
        ),
        pytest.param(C, {"parallel_tool_calls": True}, {}, id="several, by default"),
        pytest.param(C, {"stream": True}, {"stream": "yes"}, id="a stream"),
        pytest.param(C, {"user": "u"}, {"user": "u"}, id="who the app's user is"),
        pytest.param(A, {"cache_control": {"type": "ephemeral"}}, {"cache": "default"}, id="cache"),
        pytest.param(
            A, {"cache_control": {"type": "ephemeral", "ttl": "1h"}}, {"cache": "1h"}, id="for long"
        ),
        pytest.param(C, {"seed": 0}, {"seed": "0"}, id="a field of one vendor"),
        pytest.param(
            C,
            {"metadata": {"a": "x" * 190}},
            {"metadata": '{"a":"' + "x" * 190 + '"}'},
            id="all of",
        ),
        pytest.param(
            C, {"grammar": [1] * 200}, {"grammar": ("[" + "1," * 100)[:200] + " ..."}, id="one cut"
        ),
        pytest.param(
            A,
            {"mcp_servers": [{"name": "s", "authorization_token": "secret"}]},
            {"mcp_servers": '[{"name":"s","authorization_token":"(not shown)"}]'},
            id="no key to another server",
        ),
    ],
)
def test_a_field_is_told_in_neutral_words(
    protocol: Protocol, fields: dict[str, Any], told: dict[str, str]
) -> None:
    assert settings(protocol, **fields) == {"model": "m", **told}


SCHEMA = {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a"]}


@pytest.mark.parametrize(
    "tool, line",
    [
        pytest.param(Tool("f"), "f()", id="a name alone"),
        pytest.param(
            Tool("f", "Does\n it.", SCHEMA), "f(a, b?): Does it.", id="with what may be left out"
        ),
        pytest.param(
            Tool("f", "x" * 101, namespace="n"), f"n__f(): {'x' * 100} ...", id="a long description"
        ),
        pytest.param(Tool("f", kind="hosted"), "f() [hosted]", id="one that the vendor runs"),
        pytest.param(Tool("f", parameters={"properties": 7, "required": 7}), "f()", id="odd ones"),
    ],
)
def test_a_tool_is_one_line(tool: Tool, line: str) -> None:
    assert tool_line(tool) == line
