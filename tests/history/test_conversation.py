"""What is read of a conversation's requests: what they are made of and share, and their title."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.estimate import estimate_tokens
from bridge.history import conversation
from bridge.history.conversation import MAX_LOOKS, MAX_TITLE, Asked, Reader, Study, title
from bridge.history.prompt_cache import Break
from bridge.transform import PROTOCOLS
from tests.records import asking

A = "anthropic_messages"


def asked(name: str, *texts: str, **fields: Any) -> Asked:
    return Asked(name, A, asking(*texts, **fields))


def study(last: Asked, *earlier: Asked) -> Study:
    """`earlier`: the last one first."""
    found = Reader().study(last, earlier)
    assert found
    return found


def test_a_first_request_is_compared_with_nothing() -> None:
    found = study(asked("1", "Hello", system="Be brief."))
    assert (found.compared_with, found.cache_break, found.missing) == (None, None, 0)
    body = json.loads(asking("Hello", system="Be brief."))
    assert sum(found.growth.values()) == pytest.approx(estimate_tokens(A, body), abs=6)


@pytest.mark.parametrize(
    "earlier, against, path",
    [
        pytest.param([asked("1", "a")], "1", None, id="it goes on"),
        pytest.param([asked("1", "x")], "1", "messages[0].content", id="it does not"),
        pytest.param(
            [asked("2", "another thread"), asked("1", "a")], "1", None, id="threads side by side"
        ),
        pytest.param(
            [asked("2", "a", "b", "x"), asked("1", "a")],
            "2",
            "messages[2].content",
            id="most of it in common, though not all of the other",
        ),
        pytest.param([asked("2", "a"), asked("1", "a")], "2", None, id="the last one of equals"),
        pytest.param(
            [asked("2", "a", "b", model="small"), asked("1", "x")],
            "1",
            "messages[0].content",
            id="another model has another cache",
        ),
        pytest.param([asked("1", "a", model="small")], "1", "model", id="no other of that model"),
    ],
)
def test_it_is_compared_with_what_is_nearest(
    earlier: list[Asked], against: str, path: str | None
) -> None:
    found = study(asked("3", "a", "b", "c"), *earlier)
    assert found.compared_with == against
    assert (found.cache_break and found.cache_break.path) == path


def test_what_a_clock_in_the_prompt_does() -> None:
    before = asked("1", "Hello", system="It is 10:31.")
    after = asked("2", "Hello", "Hi", "More", system="It is 10:32.")
    assert study(after, before).cache_break == Break(
        "system", "system", 10, "It is 10:31.", "It is 10:32."
    )


def test_a_body_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    whole = asking("a", "b", "c" * 50)
    cut = Asked("2", A, whole[:-20] + "\n[99 bytes more]")
    found = study(cut, Asked("1", A, asking("a", "b")))
    assert (found.missing, found.cache_break) == (99, None)
    assert found.growth["history"] > 20


@pytest.mark.parametrize(
    "protocol, text",
    [
        pytest.param(A, "", id="nothing"),
        pytest.param(A, "<html>", id="no JSON"),
        pytest.param(A, "[1]", id="no object"),
        pytest.param("", asking("a"), id="no protocol that one knows"),
        pytest.param(A, '{"messages": ' + '{"a":' * 900 + "1" + "}" * 901, id="nested deeply"),
    ],
)
def test_what_is_no_request_is_not_read_and_nothing_is_compared_with_it(
    protocol: str, text: str
) -> None:
    odd = Asked("1", protocol, text)
    assert Reader().study(odd, []) is None
    assert study(asked("2", "a"), odd).compared_with is None


def test_each_body_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[str]()
    monkeypatch.setattr(conversation, "_look", lambda each: read.append(each.id))
    reader, calls = Reader(), [asked(str(n), "a") for n in range(MAX_LOOKS)]
    for n, each in enumerate(calls):
        reader.study(each, calls[max(0, n - 8) : n])
    assert read == [each.id for each in calls]
    reader.study(asked("new", "a"), [])
    reader.study(calls[-1], [])
    assert read[MAX_LOOKS:] == ["new"]
    reader.study(calls[0], [])
    assert read[MAX_LOOKS:] == ["new", "0"], "the oldest is not kept for ever"
    reader.forget("new")
    reader.forget("new")
    reader.study(asked("new", "b"), [])
    assert read[MAX_LOOKS:] == ["new", "0", "new"]


# --- titles

REMINDER = "<system-reminder>\nToday is Monday.\n</system-reminder>"


def body(*contents: Any, role: str = "user", key: str = "messages") -> str:
    return json.dumps({key: [{"role": role, "content": content} for content in contents]})


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param(body("Fix the\n bug"), "Fix the bug", id="a string"),
        pytest.param(body([{"type": "text", "text": "Fix it"}]), "Fix it", id="a block"),
        pytest.param(body("Fix it", key="input"), "Fix it", id="R: an item"),
        pytest.param(json.dumps({"input": "Fix it"}), "Fix it", id="R: a string"),
        pytest.param(
            body([{"type": "text", "text": REMINDER}, {"type": "text", "text": "Fix it"}]),
            "Fix it",
            id="after a reminder of the agent's",
        ),
        pytest.param(body(f"{REMINDER}\n{REMINDER} Fix it"), "Fix it", id="after two in one text"),
        pytest.param(
            body("<environment_context>x</environment_context>", "Fix it", key="input"),
            "Fix it",
            id="in the second message",
        ),
        pytest.param(
            body("<task>Fix it</task>"), "<task>Fix it</task>", id="nothing but such elements"
        ),
        pytest.param(body("<b>Fix</i> it"), "<b>Fix</i> it", id="an element without an end"),
        pytest.param(body("x" * 999), "x" * (MAX_TITLE - 1) + "…", id="long"),
        pytest.param(body("x" * MAX_TITLE), "x" * MAX_TITLE, id="just not too long"),
        pytest.param(body(" " * 3 * MAX_TITLE + "Fix it"), "Fix it", id="after much space"),
        pytest.param(body([{"type": "image"}], "Fix it"), "Fix it", id="after a picture"),
        pytest.param(body("hi", role="assistant"), "", id="the user says nothing"),
        pytest.param(body(None, 3, [None, {"text": 5}]), "", id="nothing that is text"),
        pytest.param('{"messages": 7}', "", id="no messages"),
        pytest.param("<html>", "", id="no JSON"),
        pytest.param("[]", "", id="no object"),
        pytest.param(body("Fix it")[:-5] + "\n[9 bytes more]", "Fix i", id="cut off"),
    ],
)
def test_a_title_is_the_first_words_of_the_user(text: str, expected: str) -> None:
    assert title(text) == expected


@given(text=st.text(max_size=200))
def test_a_title_is_one_short_line(text: str) -> None:
    for protocol in PROTOCOLS:
        found = title(asking(text, protocol=protocol))
        assert len(found) <= MAX_TITLE and found == " ".join(found.split())
        assert bool(found) == bool(text.strip())


def test_a_long_tag_takes_no_time() -> None:
    assert title(body("<" + "a" * 200_000)).startswith("<aaa")
