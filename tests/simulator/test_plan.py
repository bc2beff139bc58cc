"""What the plan makes of directives, schemas and histories."""

import json
from typing import Any

import pytest

from bridge.simulator.conversation import Settings, Tool, Turn, observe
from bridge.simulator.example import example
from bridge.simulator.plan import Call, Reasoning, Refusal, Text, make_plan, read_directives

TREE = {
    "type": "object",
    "properties": {"child": {"$ref": "#/$defs/tree"}},
    "required": ["child"],
    "$defs": {"tree": {"type": "object", "properties": {}, "required": []}},
}
LOOP = {"$ref": "#/$defs/x", "$defs": {"x": {"$ref": "#/$defs/x"}}}


def plan(text: str, **settings: Any) -> Any:
    return make_plan(observe([Turn("user", text)], Settings("m", **settings)), 100)


DIRECTIVES = [
    pytest.param("plain", [], "plain", id="none"),
    pytest.param("a [[text:b]] c", [("text", "b")], "a  c", id="one in a text"),
    pytest.param("[[text:a]][[reason:b]]", [("text", "a"), ("reason", "b")], "", id="two"),
    pytest.param("[[text:two\nlines]]", [("text", "two\nlines")], "", id="over two lines"),
    pytest.param('[[call:f {"a":[[1]]}]]!', [("call", 'f {"a":[[1]]}')], "!", id="nested brackets"),
    pytest.param("[[call:f {broken]]", [("call", "f {broken")], "", id="arguments as they come"),
    pytest.param('[[json:{"a":[[]]}]]', [("json", '{"a":[[]]}')], "", id="JSON"),
    pytest.param('[[json:{"a":1} x]]', [("json", '{"a":1} x')], "", id="text behind JSON"),
    pytest.param("[[shrug]] [[note:x]]", [], "[[shrug]] [[note:x]]", id="unknown names are text"),
    pytest.param("[[text:open", [], "[[text:open", id="never closed"),
    pytest.param("[[textile:x]]", [], "[[textile:x]]", id="a longer word"),
]


@pytest.mark.parametrize("text, found, rest", DIRECTIVES)
def test_directives_are_found(text: str, found: list[tuple[str, str]], rest: str) -> None:
    directives = read_directives(text)
    assert (directives.found, directives.rest) == (found, rest)


F = Tool("f", {"type": "object", "properties": {"a": {}}, "required": ["a"]})
PLANS = [
    pytest.param("hi", {}, [Text(("m ", "heard: ", "hi"))], "stop", id="no tools: repeated"),
    pytest.param("hi", {"tools": (F,)}, [Call("f", '{"a":"a 1"}')], "tool_calls", id="a tool"),
    pytest.param("[[tools:2]]", {}, [Text(("m ", "heard: "))], "stop", id="rounds without tools"),
    pytest.param("[[tools:x]]", {"tools": (F,)}, [Text(("m ", "heard: "))], "stop", id="no number"),
    pytest.param(
        "[[tools:1x0]]", {"tools": (F,)}, [Text(("m ", "heard: "))], "stop", id="rounds of nothing"
    ),
    pytest.param("[[call:g]]", {}, [Call("g", "{}")], "tool_calls", id="a tool nobody offered"),
    pytest.param("[[empty]]", {"tools": (F,)}, [], "stop", id="nothing"),
    pytest.param("[[words:2]]", {}, [Text(("0:plain ", "1:Grüße "))], "stop", id="two words"),
    pytest.param("[[words:x]] [[length]]", {}, None, "length", id="half of ten words"),
    pytest.param(
        "[[thoughts:2]] [[empty]]", {}, [Reasoning(("0:m ", "1:m "))], "stop", id="two thoughts"
    ),
    pytest.param(
        "[[thoughts:1x7]] [[empty]]", {}, [Reasoning(("0:m ...",))], "stop", id="a longer thought"
    ),
    pytest.param("[[thoughts:2]] [[empty]]", {"reasoning": False}, [], "stop", id="switched off"),
    pytest.param("[[empty]] [[length]]", {}, [], "length", id="the limit before anything"),
    pytest.param(
        "[[length]] [[reason:a b]] [[empty]]", {}, [Reasoning(("a ",))], "length", id="in thought"
    ),
    pytest.param("[[refuse:a b]] [[length]]", {}, [Refusal(("a ", "b"))], "refusal", id="refusal"),
    pytest.param(
        '[[call:f {"a":"xyz"}]] [[length]]', {}, [Call("f", '{"a":"x')], "length", id="in a text"
    ),
    pytest.param(
        '[[call:f {"a":1,"b":23}]] [[length]]', {}, [Call("f", '{"a":1,"b":')], "length", id="a key"
    ),
    pytest.param("[[call:f []]] [[length]]", {}, [Call("f", "[")], "length", id="no object"),
    pytest.param(
        '[[call:f { "a" : 1 }]] [[length]]', {}, [Call("f", '{ "a"')], "length", id="spaced JSON"
    ),
    pytest.param("[[stop]] [[text:a]]", {"stop": ("X",)}, [Text(("a",))], "stop_sequence", id="X"),
    pytest.param("[[stop]] [[text:a]]", {}, [Text(("a",))], "stop", id="no sequence to stop at"),
    pytest.param("hi", {"max_tokens": 0}, [], "length", id="only the cache is filled"),
    pytest.param("hi", {"schema": {}}, None, "stop", id="any JSON object"),
]


@pytest.mark.parametrize("text, settings, parts, finish", PLANS)
def test_plans(text: str, settings: Any, parts: Any, finish: str) -> None:
    made = plan(text, **settings)
    assert made.finish == finish
    assert parts is None or list(made.parts) == parts


def test_any_json_object_is_json() -> None:
    assert json.loads(plan("hi", schema={}).parts[0].text) == {"answer": "value 1"}


def test_forced_tools_are_called_again_and_rounds_end() -> None:
    turns = [Turn("user", "hi"), Turn("assistant", calls=["f"]), Turn("tool", results=["ok"])]
    forced = make_plan(observe(turns, Settings("m", tools=(F,), choice="f")), 1)
    assert forced.parts == (Call("f", '{"a":"a 2"}'),)
    free = make_plan(observe(turns, Settings("m", tools=(F,))), 1)
    assert free.parts[0] == Text(("The ", "tools ", "answered: ", "ok"))


def test_a_call_directive_is_followed_once() -> None:
    turns = [
        Turn("user", "[[call:f]]"),
        Turn("assistant", calls=["f"]),
        Turn("tool", results=["a"]),
    ]
    assert isinstance(make_plan(observe(turns, Settings("m")), 1).parts[0], Text)


def agent(calls: int, **settings: Any) -> Any:
    """The plan of an agent whose calls so far have been answered."""
    text = '[[do:g {"a":[[1]]}]][[do:f a b]][[do:nobody {}]][[results]]'
    turns = [Turn("user", text)]
    for number in range(calls):
        turns += [Turn("assistant", calls=["f"]), Turn("tool", results=[f"answer {number}"])]
    return make_plan(observe(turns, Settings("m", **settings)), 100)


G, FREE = Tool("g", {}), Tool("f", None, custom=True)
STEPS = [
    pytest.param(0, (F, G), Call("g", '{"a":[[1]]}'), id="the first"),
    pytest.param(1, (F, G), Call("f", '{"a":"a b"}'), id="a text in a function's argument"),
    pytest.param(1, (FREE, G), Call("f", "a b", custom=True), id="a text as it is"),
    pytest.param(0, (F,), Call("f", '{"a":"a b"}'), id="what is not offered is left out"),
    pytest.param(1, (F,), "The tools answered: answer 0", id="and what was done is told"),
    pytest.param(2, (F, G), "The tools answered: answer 0; answer 1", id="all of it"),
    pytest.param(0, (), "The tools answered: ", id="no tools"),
]


@pytest.mark.parametrize("calls, tools, expected", STEPS)
def test_an_agent_makes_one_call_after_the_other(calls: int, tools: Any, expected: Any) -> None:
    parts = agent(calls, tools=tools).parts
    assert [part.text if isinstance(part, Text) else part for part in parts] == [expected]


def test_a_later_question_is_what_is_answered() -> None:
    turns = [Turn("user", "[[tools:9]]"), Turn("assistant", "done"), Turn("user", "[[text:new]]")]
    made = make_plan(observe(turns, Settings("m", tools=(F,))), 2000)
    assert made.parts == (Text(("new",)),)
    assert made.usage.cached == 1408 and made.usage.write == 0


def test_reminders_beside_results_start_no_new_turn() -> None:
    turns = [
        Turn("user", "[[tools:2]]"),
        Turn("assistant", calls=["f"]),
        Turn("user", "a reminder", results=["ok"]),
        Turn("user", "an image"),
    ]
    assert make_plan(observe(turns, Settings("m", tools=(F,))), 1).parts == (
        Call("f", '{"a":"a 2"}'),
    )
    steered = [*turns, Turn("user", "[[text:stop]]")]
    assert make_plan(observe(steered, Settings("m")), 1).parts == (Text(("stop",)),)
    assert observe([], Settings("m")).user_text == ""


EXAMPLES: list[Any] = [
    pytest.param({"type": "string"}, "value 1", id="string"),
    pytest.param({"type": "integer"}, 1, id="integer"),
    pytest.param({"type": "number"}, 1.5, id="number"),
    pytest.param({"type": "boolean"}, True, id="boolean"),
    pytest.param({"type": "null"}, None, id="null"),
    pytest.param({"type": ["null", "string"]}, None, id="several types"),
    pytest.param({"type": "array", "items": {"type": "integer"}}, [1], id="array"),
    pytest.param({"enum": ["b", "a"]}, "b", id="enum"),
    pytest.param({"const": 7}, 7, id="const"),
    pytest.param({"anyOf": [{"type": "integer"}, {}]}, 1, id="anyOf"),
    pytest.param({"type": "object"}, {}, id="open object"),
    pytest.param(TREE, {"child": {}}, id="reference"),
    pytest.param(LOOP, None, id="endless reference"),
    pytest.param({"$ref": "#/$defs/none"}, None, id="reference to nothing"),
    pytest.param("no schema", None, id="no schema"),
]


@pytest.mark.parametrize("schema, value", EXAMPLES)
def test_examples_fit_their_schema(schema: Any, value: Any) -> None:
    assert example(schema) == value
