from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.model import (
    Base64Source,
    CacheMark,
    CallKind,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from bridge.transform.names import is_legal_call_id, short_call_id
from bridge.transform.notes import Note, Notes
from bridge.transform.turns import NO_RESULT, pair_calls

IMAGE = ImagePart(Base64Source("image/png", "AAAA"))


def text(words: str) -> TextPart:
    return TextPart(words)


def call(id: str, kind: CallKind = "function", where: str = "") -> ToolCallPart:
    return ToolCallPart(id, "f", "{}", kind, where=where)


def result(
    id: str, *words: str, kind: CallKind = "function", name: str | None = None, where: str = ""
) -> ToolResultPart:
    return ToolResultPart(id, tuple(map(TextPart, words)), kind=kind, name=name, where=where)


def user(*words: str) -> Message:
    return Message("user", tuple(map(TextPart, words)))


def assistant(*parts: Part) -> Message:
    return Message("assistant", parts)


def tool(*parts: Part) -> Message:
    return Message("tool", parts)


def missing(id: str, kind: CallKind = "function") -> ToolResultPart:
    return ToolResultPart(id, (TextPart(NO_RESULT),), is_error=True, kind=kind)


def paired(*messages: Message) -> tuple[list[Message], list[str]]:
    """The history as it goes on, and the codes of the notes."""
    notes = Notes()
    return list(pair_calls(messages, notes)), [note.code for note in notes]


ASKED, SYSTEM = user("do it"), Message("system", (TextPart("be brief"),))


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([], id="nothing"),
        pytest.param([SYSTEM, ASKED, assistant(text("done")), ASKED], id="no calls at all"),
        pytest.param([ASKED, assistant(call("a")), tool(result("a", "1"))], id="one call"),
        pytest.param(
            [assistant(text("hm"), call("a"), call("b")), tool(result("a"), result("b"))],
            id="parallel calls",
        ),
        pytest.param(
            [assistant(call("a"), call("b")), tool(result("b"), result("a"))],
            id="results in another order",
        ),
        pytest.param(
            [assistant(call("a")), tool(result("a")), assistant(call("b")), tool(result("b"))],
            id="rounds of calls",
        ),
        pytest.param([assistant(call("a")), tool(result("a")), ASKED], id="text behind results"),
        pytest.param(
            [assistant(call("a", "custom")), tool(result("a", kind="custom"))], id="custom"
        ),
        pytest.param([assistant(text("a")), assistant(text("b"))], id="assistant turns in a row"),
    ],
)
def test_what_is_in_order_stays_as_it_is(history: list[Message]) -> None:
    assert paired(*history) == (history, [])


@pytest.mark.parametrize(
    "before, after",
    [
        pytest.param(
            [assistant(call("a")), user("wait"), tool(result("a", "1"))],
            [assistant(call("a")), tool(result("a", "1")), user("wait")],
            id="trap 19: user text between a call and its result goes behind it",
        ),
        pytest.param(
            [assistant(call("a")), SYSTEM, tool(result("a", "1")), ASKED],
            [assistant(call("a")), tool(result("a", "1")), SYSTEM, ASKED],
            id="so does system text",
        ),
        pytest.param(
            [assistant(call("a"), call("b")), tool(result("a")), ASKED, tool(result("b"))],
            [assistant(call("a"), call("b")), tool(result("a"), result("b")), ASKED],
            id="trap 19: all results of a turn stand together",
        ),
        pytest.param(
            [assistant(call("a"), call("b")), tool(result("b")), tool(result("a"))],
            [assistant(call("a"), call("b")), tool(result("b"), result("a"))],
            id="results keep their order",
        ),
        pytest.param(
            [assistant(call("a")), assistant(call("b")), tool(result("a"), result("b"))],
            [assistant(call("a")), tool(result("a")), assistant(call("b")), tool(result("b"))],
            id="a turn before the result does not change where it belongs",
        ),
        pytest.param(
            [assistant(call("a")), tool(text("odd"), result("a"), text("more"))],
            [assistant(call("a")), tool(result("a")), user("odd", "more")],
            id="other parts of a tool message become user text",
        ),
        pytest.param(
            [assistant(call("a", "custom")), tool(result("a", "1"))],
            [assistant(call("a", "custom")), tool(result("a", "1", kind="custom"))],
            id="a result is of the kind of its call",
        ),
        pytest.param(
            [assistant(call("a")), tool(), tool(result("a"))],
            [assistant(call("a")), tool(result("a"))],
            id="an empty tool message is no message",
        ),
    ],
)
def test_results_go_right_behind_their_calls(before: list[Message], after: list[Message]) -> None:
    assert paired(*before) == (after, [])


@pytest.mark.parametrize(
    "before, after",
    [
        pytest.param(
            [assistant(call("a")), ASKED],
            [assistant(call("a")), tool(missing("a")), ASKED],
            id="a call that was aborted",
        ),
        pytest.param(
            [ASKED, assistant(text("x"), call("a"))],
            [ASKED, assistant(text("x"), call("a")), tool(missing("a"))],
            id="a call at the end of the history",
        ),
        pytest.param(
            [assistant(call("a"), call("b"), call("c")), tool(result("b", "2"))],
            [
                assistant(call("a"), call("b"), call("c")),
                tool(result("b", "2"), missing("a"), missing("c")),
            ],
            id="some of several parallel calls",
        ),
        pytest.param(
            [assistant(call("a", "custom"))],
            [assistant(call("a", "custom")), tool(missing("a", "custom"))],
            id="a custom call",
        ),
    ],
)
def test_trap_20_a_call_without_a_result_gets_one_that_says_so(
    before: list[Message], after: list[Message]
) -> None:
    history, codes = paired(*before)
    assert history == after
    assert set(codes) == {"missing_tool_result"}


OF_A = "Result of an earlier tool call a: "


@pytest.mark.parametrize(
    "before, after",
    [
        pytest.param(
            [ASKED, tool(result("a", "1", "2"))],
            [ASKED, user(f"{OF_A}1", "2")],
            id="its call was compacted away",
        ),
        pytest.param(
            [tool(result("a", "1")), assistant(call("a")), tool(result("a", "2"))],
            [user(f"{OF_A}1"), assistant(call("a")), tool(result("a", "2"))],
            id="it stands before its call",
        ),
        pytest.param([tool(result("a"))], [user(OF_A)], id="it is empty"),
        pytest.param(
            [tool(ToolResultPart("a", (IMAGE, TextPart("x"))))],
            [Message("user", (TextPart(OF_A), IMAGE, TextPart("x")))],
            id="it begins with an image",
        ),
        pytest.param(
            [tool(ToolResultPart("a", (TextPart("1", cache=CacheMark("1h")),)))],
            [Message("user", (TextPart(f"{OF_A}1", cache=CacheMark("1h")),))],
            id="its text has a cache mark",
        ),
        pytest.param(
            [assistant(call("b")), tool(result("a", "1"), result("b", "2"))],
            [assistant(call("b")), tool(result("b", "2")), user(f"{OF_A}1")],
            id="it stands beside another result",
        ),
        pytest.param(
            [tool(result("", "1"))],
            [user("Result of an earlier call of a tool: 1")],
            id="it has no id",
        ),
        pytest.param(
            [tool(result("a b", "1"))],
            [user("Result of an earlier tool call a b: 1")],
            id="its id is illegal",
        ),
        pytest.param(
            [
                assistant(call("x")),
                assistant(call("x")),
                tool(result("x", "1"), result("x_2", "2")),
            ],
            [
                assistant(call("x")),
                tool(missing("x")),
                assistant(call("x_2")),
                tool(result("x_2", "1")),
                user("Result of an earlier tool call x_2: 2"),
            ],
            id="its id is one that we made up",
        ),
        pytest.param(
            [
                assistant(call("a")),
                tool(result("a", "1")),
                assistant(text("so")),
                tool(result("a", "2")),
            ],
            [
                assistant(call("a")),
                tool(result("a", "1")),
                assistant(text("so")),
                user(f"{OF_A}2"),
            ],
            id="trap 35: a turn has built on the first answer to its call",
        ),
    ],
)
def test_trap_20_a_result_without_a_call_becomes_text(
    before: list[Message], after: list[Message]
) -> None:
    history, codes = paired(*before)
    assert history == after
    assert "orphan_tool_result" in codes


def test_trap_20_of_two_results_for_a_call_the_last_counts() -> None:
    twice = tool(result("a", "1"), result("b", "2"), result("a", "3"))
    history, codes = paired(assistant(call("a"), call("b")), twice, ASKED, tool(result("a", "4")))
    assert history[1:] == [tool(result("a", "4"), result("b", "2")), ASKED]
    assert codes == ["orphan_tool_result"] * len(codes) and codes


def test_a_result_that_names_its_tool_instead_of_a_call_becomes_text_and_is_no_orphan() -> None:
    named = tool(result("", "sunny", name="get_weather"))
    expected = [user("Result of an earlier call of get_weather: sunny")]
    assert paired(named) == (expected, [])


def test_notes_name_the_place_in_the_clients_history() -> None:
    notes = Notes()
    history = [
        assistant(call("a", where="messages[0].tool_calls[0]"), call("b")),
        tool(result("x", where="messages[1]"), result("b", where="messages[2]")),
        tool(result("b", where="messages[3]")),
    ]
    tools = pair_calls(history, notes)[1]
    assert [note.where for note in notes] == [
        "messages[1]",
        "messages[3]",
        "messages[0].tool_calls[0]",
    ]
    assert [(part.where, tools.where) for part in tools.parts] == [
        ("messages[3]", "messages[3]"),
        ("messages[0].tool_calls[0]", "messages[3]"),
    ]


def test_what_the_notes_say() -> None:
    notes = Notes()
    pair_calls(
        [tool(result("z")), assistant(call("a"), call("b")), tool(result("b"), result("b"))], notes
    )
    assert list(notes) == [
        Note("orphan_tool_result", "", "no open tool call z before it"),
        Note("orphan_tool_result", "", "b was answered twice; the last answer counts"),
        Note("missing_tool_result", "", "no result for f; said so instead"),
    ]


# --- ids


@pytest.mark.parametrize(
    "given_ids, ours",
    [
        pytest.param(
            ["toolu_1", "call-2"], ["toolu_1", "call-2"], id="legal and unique: unchanged"
        ),
        pytest.param(["a", "a", "b", "a"], ["a", "a_2", "b", "a_3"], id="repeated: numbered"),
        pytest.param(["a", "a_2", "a"], ["a", "a_2", "a_3"], id="the number is taken"),
        pytest.param(["a", "a", "a_2"], ["a", "a_2", "a_2_2"], id="the number is taken by us"),
        pytest.param(["", "x", ""], ["call_h1", "x", "call_h3"], id="trap 35: empty: by ordinal"),
        pytest.param(["call_h2", ""], ["call_h2", "call_h2_2"], id="the ordinal is taken"),
        pytest.param(["functions.f:0"], [short_call_id("functions.f:0")], id="odd characters"),
        pytest.param(["x" * 65], [short_call_id("x" * 65)], id="over 64 characters"),
        pytest.param(["x" * 64] * 2, ["x" * 64, "x" * 58 + "_2"], id="64 characters, repeated"),
        pytest.param(
            ["x" * 58 + "_" * 6] * 2 + ["x" * 58 + "y"] * 2,
            ["x" * 58 + "_" * 6, "x" * 58 + "_2", "x" * 58 + "y", "x" * 58 + "_3"],
            id="two long ones with one beginning, repeated",
        ),
        pytest.param(
            ["a:1", "a:1"],
            [short_call_id("a:1"), short_call_id("a:1") + "_2"],
            id="odd characters, repeated",
        ),
        pytest.param(["\ud800"], [short_call_id("\ud800")], id="a lone surrogate"),
    ],
)
def test_ids_become_legal_and_unique_and_results_follow(
    given_ids: list[str], ours: list[str]
) -> None:
    rounds = [
        message
        for n, id in enumerate(given_ids)
        for message in (assistant(call(id)), tool(result(id, str(n))))
    ]
    history, codes = paired(*rounds)
    calls = [part for message in history[::2] for part in message.parts]
    results = [part for message in history[1::2] for part in message.parts]
    assert calls == [call(id) for id in ours]
    assert results == [result(id, str(n)) for n, id in enumerate(ours)]
    assert not codes


def test_a_result_belongs_to_the_latest_call_with_its_id() -> None:
    history, codes = paired(assistant(call("a"), call("a")), tool(result("a", "1")))
    assert history == [
        assistant(call("a"), call("a_2")),
        tool(result("a_2", "1"), missing("a")),
    ]
    assert codes == ["missing_tool_result"]


# --- laws

IDS = st.sampled_from(["a", "b", "c", "", "a_2", "call_h1", "x:y", "z" * 70])
WORDS = st.text("xyz ", max_size=4)
PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, WORDS),
    st.builds(ReasoningPart, WORDS),
    st.builds(call, IDS, st.sampled_from(["function", "custom"])),
)
RESULTS = st.builds(result, IDS, WORDS, WORDS, name=st.sampled_from([None, "f"]))
TALK = st.builds(
    Message,
    st.sampled_from(["user", "system", "developer"]),
    st.lists(st.builds(TextPart, WORDS), min_size=1, max_size=2).map(tuple),
)
ASSISTANTS = st.lists(PARTS, min_size=1, max_size=4).map(lambda parts: assistant(*parts))
TOOLS = st.lists(RESULTS, min_size=1, max_size=3).map(lambda parts: tool(*parts))
HISTORIES = st.lists(st.one_of(TALK, ASSISTANTS, TOOLS), max_size=10)


def parts_of(history: list[Message], kind: type[Any]) -> list[Any]:
    return [part for message in history for part in message.parts if isinstance(part, kind)]


@given(history=HISTORIES)
def test_every_call_is_answered_right_behind_it_once(history: list[Message]) -> None:
    messages, _ = paired(*history)
    for message, following in pairwise([*messages, user()]):
        calls = sorted(part.id for part in parts_of([message], ToolCallPart))
        if calls or following.role == "tool":
            assert message.role == "assistant" and following.role == "tool"
            assert sorted(part.call_id for part in following.parts) == calls  # type: ignore[union-attr]
    assert all(message.role != "tool" for message in messages[:1])


@given(history=HISTORIES)
def test_ids_are_unique_and_legal(history: list[Message]) -> None:
    ids = [part.id for part in parts_of(paired(*history)[0], ToolCallPart)]
    assert len(set(ids)) == len(ids)
    assert all(map(is_legal_call_id, ids))


@given(history=HISTORIES)
def test_pairing_twice_changes_nothing_more(history: list[Message]) -> None:
    once, _ = paired(*history)
    assert paired(*once) == (once, [])


@given(history=HISTORIES)
def test_no_call_and_no_word_is_lost_but_of_a_result_that_was_given_twice(
    history: list[Message],
) -> None:
    """Each part gets a word of its own, which has to be found again."""
    marked: list[Message] = []
    words: list[str] = []

    def marks() -> Iterator[TextPart]:
        while True:
            words.append(f"<{len(words)}>")
            yield TextPart(words[-1])

    mark = marks()
    for message in history:
        parts: list[Part] = []
        for part in message.parts:
            match part:
                case ToolResultPart():
                    parts.append(replace(part, parts=(next(mark),)))
                case ToolCallPart():
                    parts.append(replace(part, arguments=next(mark).text))
                case _:
                    parts.append(next(mark))
        marked.append(replace(message, parts=tuple(parts)))
    notes = Notes()
    messages = pair_calls(marked, notes)
    twice = sum("answered twice" in note.detail for note in notes)
    lost = [word for word in words if word not in repr(messages)]
    assert bool(lost) <= bool(twice)
    texts = [part.text for part in parts_of(list(messages), TextPart)]
    assert len(parts_of(marked, ToolCallPart)) == len(parts_of(list(messages), ToolCallPart))
    assert len(set(texts)) == len(texts) or NO_RESULT in repr(texts)


@given(history=HISTORIES, answer=ASSISTANTS, more=HISTORIES)
def test_trap_35_a_longer_history_only_appends(
    history: list[Message], answer: Message, more: list[Message]
) -> None:
    """Once all calls of a history have their results, no later turn changes how it is written."""
    open_ids = {part.id for part in parts_of(history, ToolCallPart)}
    closing = tool(*(result(id, "done") for id in sorted(open_ids)))
    whole = [*history, closing, closing] if open_ids else history
    notes = Notes()
    before = pair_calls(whole, notes)
    if any(note.code == "missing_tool_result" for note in notes):
        return  # a call whose id a later one took over before it was answered
    assert pair_calls([*whole, answer, *more], Notes())[: len(before)] == before
