"""Where a prompt parts from the one before: found where it does, and nowhere else."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.history.prompt_cache import AFTER, BEFORE, Break, agreement, first_break, prompt_of
from bridge.transform import PROTOCOLS, Protocol
from tests.transform.recorded import KINDS, answers

A, C, R = "anthropic_messages", "openai_chat", "openai_responses"

TOOL = {"name": "t", "description": "d", "input_schema": {"type": "object", "properties": {}}}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "t", "input": {"a": 1, "b": 2}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}
BODIES: dict[Protocol, dict[str, Any]] = {
    "anthropic_messages": {
        "model": "claude",
        "max_tokens": 10,
        "tools": [TOOL],
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": [CALL]},
            {"role": "user", "content": [RESULT]},
        ],
    },
    "openai_chat": {
        "model": "gpt",
        "tools": [{"type": "function", "function": {"name": "t", "parameters": {"a": 1, "b": 2}}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "function": {"name": "t", "arguments": "{}"}}],
            },
        ],
    },
    "openai_responses": {
        "model": "gpt",
        "instructions": "Be brief.",
        "text": {"format": {"type": "text"}},
        "input": [
            {"role": "user", "content": "Hello"},
            {"type": "reasoning", "id": "rs_1", "encrypted_content": "e", "summary": []},
            {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "t", "arguments": "{}"},
        ],
    },
}


def changed(protocol: Protocol, place: str, value: Any) -> dict[str, Any]:
    """The body with `value` at a place such as messages.0.content; None takes it away."""
    body = deepcopy(BODIES[protocol])
    *way, last = [int(step) if step.isdigit() else step for step in place.split(".")]
    holder: Any = body
    for step in way:
        holder = holder[step]
    if isinstance(holder, list) and last == len(holder):
        holder.append(value)
    elif value is None:
        del holder[last]
    else:
        holder[last] = value
    return body


def broken(protocol: Protocol, before: Any, after: Any) -> Break | None:
    return first_break(prompt_of(protocol, before), prompt_of(protocol, after))


MARK = {"type": "ephemeral"}


@pytest.mark.parametrize(
    "protocol, place, value",
    [
        pytest.param(A, "messages.3", {"role": "user", "content": "More"}, id="A: one more turn"),
        pytest.param(A, "messages.2.content.1", {"type": "text", "text": "x"}, id="A: more of one"),
        pytest.param(
            A, "messages.2.content.0.content", "done, and more", id="A: the end was written on"
        ),
        pytest.param(A, "messages.0.content", [{"type": "text", "text": "Hello"}], id="A: a block"),
        pytest.param(A, "system", "Be brief.", id="A: system as a string"),
        pytest.param(
            A,
            "messages.2.content.0.content",
            [{"type": "text", "text": "done"}],
            id="A: a result as blocks",
        ),
        pytest.param(
            A,
            "system.0",
            {"cache_control": MARK, "text": "Be brief.", "type": "text"},
            id="A: a cache mark, and keys in another order",
        ),
        pytest.param(A, "tools.0.cache_control", MARK, id="A: a cache mark at a tool"),
        pytest.param(A, "messages.1.content.0.id", "toolu_2", id="A: another id of a call"),
        pytest.param(A, "stream", True, id="A: stream"),
        pytest.param(A, "temperature", 0.3, id="A: temperature"),
        pytest.param(A, "metadata", {"user_id": "u"}, id="A: metadata"),
        pytest.param(A, "max_tokens", 99, id="A: max_tokens"),
        pytest.param(A, "tools.1", {**TOOL, "defer_loading": True}, id="A: a tool to be found"),
        pytest.param(A, "thinking", {"display": "omitted"}, id="A: how thinking is shown"),
        pytest.param(C, "messages.3", {"role": "tool", "content": "x"}, id="C: one more turn"),
        pytest.param(
            C, "messages.0.content", [{"type": "text", "text": "Be brief."}], id="C: part"
        ),
        pytest.param(C, "prompt_cache_key", "k", id="C: where it is cached"),
        pytest.param(C, "messages.2.content", "", id="C: an empty text"),
        pytest.param(C, "reasoning_effort", "low", id="C: effort"),
        pytest.param(
            R, "input.3", {"type": "function_call_output", "output": "x"}, id="R: one more item"
        ),
        pytest.param(R, "input.1.id", None, id="R: no id"),
        pytest.param(R, "input.0.type", "message", id="R: a message that says so"),
        pytest.param(R, "input.0.content", [{"type": "input_text", "text": "Hello"}], id="R: part"),
        pytest.param(R, "text.verbosity", "low", id="R: verbosity"),
        pytest.param(R, "text", None, id="R: text is what every answer is"),
        pytest.param(A, "tool_choice", {"type": "auto"}, id="A: as it is anyway"),
        pytest.param(R, "previous_response_id", "resp_1", id="R: the rest by its id"),
    ],
)
def test_the_prompt_is_still_there(protocol: Protocol, place: str, value: Any) -> None:
    assert broken(protocol, BODIES[protocol], changed(protocol, place, value)) is None


@pytest.mark.parametrize(
    "protocol, place, value, expected",
    [
        pytest.param(
            A, "system.0.text", "Be kind.", ("system[0].text", "Be brief.", "Be kind."), id="system"
        ),
        pytest.param(
            A,
            "tools.0.description",
            "D",
            ("tools[0].description", "d", "D"),
            id="a tool, which comes before the system text",
        ),
        pytest.param(
            A,
            "tools.1",
            {"name": "late"},
            ("tools[1].name", "Be brief.", "name"),
            id="one tool more, where the system text began",
        ),
        pytest.param(A, "tools.0", None, ("system[0].text", "name", "Be brief."), id="one less"),
        pytest.param(
            A,
            "tools.0.input_schema",
            {"properties": {}, "type": "object"},
            (
                "tools[0].input_schema",
                '{"type":"object","properties":{}}',
                '{"properties":{},"type":"object"}',
            ),
            id="keys of a schema in another order",
        ),
        pytest.param(
            A,
            "messages.1.content.0.input",
            {"b": 2, "a": 1},
            ("messages[1].content[0].input", '{"a":1,"b":2}', '{"b":2,"a":1}'),
            id="keys of a call's input in another order",
        ),
        pytest.param(
            A,
            "tool_choice",
            {"type": "any"},
            ("tool_choice.type", "user", "type"),
            id="tool_choice, before the conversation",
        ),
        pytest.param(
            A,
            "thinking",
            {"type": "enabled", "budget_tokens": 2000},
            ("thinking.type", "user", "type"),
            id="thinking",
        ),
        pytest.param(
            A, "messages.0.content", "hello", ("messages[0].content", "Hello", "hello"), id="a turn"
        ),
        pytest.param(
            A,
            "messages.2.content.0.content",
            "undone",
            ("messages[2].content[0].content", "done", "undone"),
            id="a result",
        ),
        pytest.param(
            A,
            "messages.1",
            None,
            ("messages[1].role", "assistant", "user"),
            id="a turn that was taken out",
        ),
        pytest.param(
            A, "messages.2", None, ("messages[2].role", "user", ""), id="an end that was taken off"
        ),
        pytest.param(A, "model", "opus", ("model", "claude", "opus"), id="the model"),
        pytest.param(
            C,
            "response_format.json_schema.name",
            "other",
            ("response_format.json_schema.name", "s", "other"),
            id="C: the answer's schema, before the conversation",
        ),
        pytest.param(
            C,
            "messages.2.tool_calls.0.function.arguments",
            "[]",
            ("messages[2].tool_calls[0].function.arguments", "{}", "[]"),
            id="C: arguments",
        ),
        pytest.param(
            R, "instructions", "Be kind.", ("instructions", "Be brief.", "Be kind."), id="R: system"
        ),
        pytest.param(
            R,
            "input.1.encrypted_content",
            "f",
            ("input[1].encrypted_content", "e", "f"),
            id="R: other thoughts",
        ),
        pytest.param(
            R, "input", "Hello", ("input[1].type", "type", ""), id="R: only the first words left"
        ),
    ],
)
def test_where_it_breaks(
    protocol: Protocol, place: str, value: Any, expected: tuple[str, str, str]
) -> None:
    found = broken(protocol, BODIES[protocol], changed(protocol, place, value))
    assert found and (found.path, found.before, found.after) == expected


def test_the_offset_is_what_is_still_cached_in_bytes() -> None:
    before = {"system": "Ünder 10:31", "messages": []}
    after = {"system": "Ünder 10:32", "messages": []}
    assert broken(A, before, after) == Break("system", "system", 11, "Ünder 10:31", "Ünder 10:32")
    tools = {"tools": [{"name": "abc"}]}
    assert broken(A, {**tools, **before}, {**tools, **after}).offset == 11 + len("name" + "abc")


def test_what_was_taken_out_has_a_place_of_its_own() -> None:
    found = broken(A, BODIES[A], changed(A, "tools.0", None))
    assert found and (found.path, found.before_path) == ("system[0].text", "tools[0].name")
    found = broken(A, BODIES[A], changed(A, "messages.2", None))
    assert found and (found.path, found.before_path) == ("messages[2].role", "messages[2].role")


def test_an_excerpt_is_around_the_place() -> None:
    before = {"system": "x" * 200 + "a" + "y" * 200}
    after = {"system": "x" * 200 + "b" + "y" * 200}
    found = broken(A, before, after)
    assert found and found.offset == 200
    assert found.before == "…" + "x" * BEFORE + "a" + "y" * (AFTER - 1) + "…"
    assert found.after == "…" + "x" * BEFORE + "b" + "y" * (AFTER - 1) + "…"


def test_an_excerpt_of_all_there_is_says_so() -> None:
    found = broken(A, {"system": "a" + "y" * (AFTER - 1)}, {"system": "b" + "y" * AFTER})
    assert found and (found.before, found.after) == ("a" + "y" * 71, "b" + "y" * 71 + "…")


def test_in_one_block_the_content_comes_last() -> None:
    after = changed(A, "messages.2.content.0", {**RESULT, "is_error": True, "content": "undone"})
    found = broken(A, BODIES[A], after)
    assert found and found.path == "messages[2].content[0].is_error"


BILLED = "x-anthropic-billing-header: cc_version=2; cch="


@pytest.mark.parametrize(
    "system",
    [
        pytest.param(lambda n, text: [{"type": "text", "text": BILLED + n}, text], id="a block"),
        pytest.param(lambda n, text: f"{BILLED}{n}\n{text['text']}", id="the first line"),
    ],
)
def test_a_line_about_one_request_is_no_part_of_the_prompt(system: Any) -> None:
    text = {"type": "text", "text": "Be brief."}
    other = {"type": "text", "text": "Be kind."}
    assert broken(A, {"system": system("1", text)}, {"system": system("2", text)}) is None
    found = broken(A, {"system": system("1", text)}, {"system": system("2", other)})
    assert found and (found.before, found.after) == ("Be brief.", "Be kind.")


@pytest.mark.parametrize(
    "place, value, path",
    [
        pytest.param("input", [{"role": "user", "content": "More"}], None, id="only what is new"),
        pytest.param("instructions", "Be kind.", "instructions", id="other instructions"),
        pytest.param("instructions", None, "instructions", id="no instructions"),
        pytest.param("tools", [{"name": "t"}], "tools[0].name", id="a tool"),
    ],
)
def test_of_a_conversation_that_is_only_named_the_rest_is_compared(
    place: str, value: Any, path: str | None
) -> None:
    after = {**changed(R, place, value), "previous_response_id": "resp_1"}
    found = broken(R, BODIES[R], after)
    assert (found and found.path) == path
    if place != "input":
        found = broken(R, {**BODIES[R], "conversation": {"id": "conv_1"}}, after)
        assert (found and found.path) == path


def test_of_a_body_that_is_cut_off_only_the_conversation_is_compared() -> None:
    def prompt(*texts: str, whole: bool = False, **fields: Any) -> Any:
        turns = [{"role": "user", "content": text} for text in texts]
        return prompt_of(A, {"messages": turns, **fields}, whole=whole)

    whole = prompt("one", "two", "three", whole=True, system="Be brief.")
    assert first_break(whole, prompt("one", "two", "thr")) is None
    assert first_break(prompt("one", "two", "thr"), whole) is None
    assert first_break(prompt("one"), prompt()) is None
    found = first_break(whole, prompt("one", "2", "three"))
    assert found and (found.path, found.before) == ("messages[1].content", "two")


def test_how_much_two_prompts_have_in_common() -> None:
    def agree(*texts: str, model: str = "m") -> int:
        turns = [{"role": "user", "content": text} for text in texts]
        return agreement(base, prompt_of(A, {"model": model, "messages": turns}))

    base = prompt_of(A, {"model": "m", "messages": [{"role": "user", "content": "a"}] * 2})
    assert (agree("a", "a", "b"), agree("a", "a"), agree("a", "b"), agree("b")) == (4, 4, 3, 1)
    assert agree("a", model="other") == -1 and agree() == 0


@pytest.mark.parametrize("body", [None, 3, [], {}, {"messages": {}, "tools": {}, "model": 3}])
def test_what_is_no_request_has_no_prompt(body: Any) -> None:
    assert prompt_of(A, body).fixed == () and prompt_of(A, body).told == ()


TEXT = st.text(max_size=20)
BLOCKS = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, TEXT),
    st.builds(lambda text: {"type": "thinking", "thinking": text, "signature": "s"}, TEXT),
    st.builds(
        lambda value: {"type": "tool_use", "id": "i", "name": "t", "input": value},
        st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.none()), max_size=3),
    ),
    st.sampled_from([None, True, 7, ["x"]]),
)
TURNS = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["user", "assistant"]),
    st.one_of(TEXT, st.lists(BLOCKS, max_size=3)),
)


def body(protocol: Protocol, turns: list[Any]) -> dict[str, Any]:
    return {"model": "m", "input" if protocol == R else "messages": turns}


@given(turns=st.lists(TURNS, max_size=5), more=st.lists(TURNS, max_size=3))
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_more_turns_break_nothing(protocol: Protocol, turns: list[Any], more: list[Any]) -> None:
    assert broken(protocol, body(protocol, turns), body(protocol, turns + more)) is None


@given(front=st.lists(TURNS, max_size=4), end=st.lists(TURNS, max_size=3))
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_changed_turn_is_found(protocol: Protocol, front: list[Any], end: list[Any]) -> None:
    def told(text: str) -> dict[str, Any]:
        return body(protocol, [*front, {"role": "user", "content": text}, *end])

    found = broken(protocol, told("said one"), told("said two"))
    key = "input" if protocol == R else "messages"
    before = prompt_of(protocol, body(protocol, front)).told or ()
    size = sum(len(leaf.text.encode()) for leaf in before)
    offset = size + len("user" + "said ")
    path = f"{key}[{len(front)}].content"
    assert found == Break(path, path, offset, "said one", "said two")


@given(one=st.lists(TURNS, max_size=4), other=st.lists(TURNS, max_size=4))
def test_nothing_breaks_only_where_all_of_it_is_still_there(one: Any, other: Any) -> None:
    before, after = prompt_of(A, body(A, one)), prompt_of(A, body(A, other))
    old = "".join(leaf.text for leaf in before.told or ())
    new = "".join(leaf.text for leaf in after.told or ())
    found = first_break(before, after)
    if found is None:
        assert new.startswith(old)
    else:
        assert found.before != found.after
        assert agreement(before, after) < len(before.told or ())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_recorded_requests(protocol: Protocol) -> None:
    """Each is still there in itself, and in itself with one turn more."""
    tried, key = 0, "input" if protocol == R else "messages"
    for kind in KINDS:
        for record, _ in answers(protocol, kind):
            asked = record["request"]["body"]
            if isinstance(asked, dict) and isinstance(asked.get(key), list):
                more = {**asked, key: [*asked[key], {"role": "user", "content": "x"}]}
                assert broken(protocol, asked, asked) is None
                assert broken(protocol, asked, more) is None
                tried += 1
    assert tried > 100
