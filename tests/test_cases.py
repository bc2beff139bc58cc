"""Regression cases: what their files look like, and what a check of one says."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cases import (
    Answer,
    Case,
    Memory,
    Result,
    Setup,
    check,
    differences,
    digest,
    dumped,
    load,
    run,
    save,
)
from bridge.transform import Native
from bridge.transform.json_text import dumps, loads

ASKED: dict[str, Any] = {
    "model": "claude-x",
    "max_tokens": 9,
    "top_k": 3,
    "messages": [{"role": "user", "content": "hi"}],
}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
WHOLE = dumps({"id": "1", "model": "gpt-x", "choices": [CHOICE], "usage": USAGE})
CHUNKS: list[dict[str, Any]] = [
    {"id": "1", "choices": [{"index": 0, "delta": {"content": "yes"}}]},
    {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
]
EVENTS = [*(b"data: " + dumps(chunk) for chunk in CHUNKS), b"data: [DONE]", b""]
STREAM = b"\n\n".join(EVENTS)


def case(answer: Answer | None = None, setup: Setup | None = None, **asked: Any) -> Case:
    """As it passes today."""
    made = Case(
        "a-case",
        "anthropic_messages",
        "openai_chat",
        dumps({**ASKED, **asked}),
        setup or Setup(model="gpt-x", now=1_790_000_000.5),
        answer,
    )
    return replace(made, expected=run(made))


WHOLE_CASE = case(Answer(WHOLE))
CASES = {
    "a whole answer": WHOLE_CASE,
    "a stream": case(Answer(STREAM), stream=True),
    "a stream that the app did not wait for": case(
        Answer(b"\n\n".join(EVENTS[:1]) + b"\n\n", ended=False), stream=True
    ),
    "a whole answer for a stream": case(Answer(WHOLE), stream=True),
    "a stream for a whole answer": case(Answer(STREAM)),
    "an error": case(Answer(b'{"error":{"message":"slow down"}}', 429, "req_1")),
    "an error in a 200": case(Answer(b'{"error":{"message":"slow down","code":429}}')),
    "an answer that is no JSON": case(Answer(b"<html>\r\n\tbusy", 502)),
    "no answer": case(),
    "a malformed request": case(messages=5),
    "a call that passed": replace(
        case(Answer(b'{"a": 1}\n'), Setup(exact=True, own_host=True)), upstream="anthropic_messages"
    ),
    "flags": case(setup=Setup(profile={"max_tokens_field": "max_tokens", "sampling": []})),
    "half a character": case(Answer(WHOLE), metadata={"user_id": "\ud83d"}),
}


@pytest.mark.parametrize("one", CASES.values(), ids=CASES)
def test_a_case_comes_out_of_its_file_as_it_went_in(one: Case, tmp_path: Path) -> None:
    save(one, tmp_path / "case.json")
    text = (tmp_path / "case.json").read_bytes()
    again = load(tmp_path / "case.json")
    assert again == one
    save(again, str(tmp_path / "case.json"))
    assert (tmp_path / "case.json").read_bytes() == text and text.endswith(b"}\n")


@pytest.mark.parametrize("one", CASES.values(), ids=CASES)
def test_nothing_depends_on_when_it_runs(one: Case) -> None:
    one = replace(one, expected=run(one))
    check(one)
    assert run(one) == run(one)


def test_what_is_expected() -> None:
    result = WHOLE_CASE.expected
    assert result.sent and json.loads(result.sent)["model"] == "gpt-x"
    assert result.body and json.loads(result.body)["content"] == [{"type": "text", "text": "yes"}]
    assert (result.status, result.stop, result.refused) == (200, "stop", "")
    assert (result.usage["input_tokens"], result.usage["output_tokens"]) == (3, 2)
    assert [note["code"] for note in result.notes] == ["sampling_dropped"]
    stream = CASES["a stream"].expected
    assert stream.body and b"message_stop" in stream.body and stream.stop == "stop"
    begun = CASES["a stream that the app did not wait for"].expected.body
    assert begun and stream.body.startswith(begun) and b"yes" in begun and b"_stop" not in begun
    assert CASES["an error"].expected.status == 429
    assert CASES["an error in a 200"].expected.status == 429
    assert CASES["an answer that is no JSON"].expected.status == 502
    assert (CASES["no answer"].expected.status, CASES["no answer"].expected.body) == (0, None)
    malformed = CASES["a malformed request"].expected
    assert (malformed.status, malformed.sent) == (400, None)
    assert malformed.refused.startswith("messages: ")
    flags = CASES["flags"].expected.sent
    assert flags and "max_tokens" in json.loads(flags) and "top_k" not in json.loads(flags)


def test_what_passed_is_expected_as_it_came() -> None:
    one = CASES["a call that passed"]
    result = run(one)
    assert one.answer
    assert (result.sent, result.body) == (one.request, one.answer.body)


def test_a_file_reads_well() -> None:
    document = dumped(CASES["a stream"])
    assert document["request"] == {**ASKED, "stream": True}
    assert document["expected"]["sent"]["messages"] == ASKED["messages"]
    assert document["answer"]["body"] == STREAM.decode().split("\n")
    assert document["expected"]["body"][0] == "event: message_start"
    assert list(document)[:4] == ["case", "name", "summary", "differs"]
    assert str(WHOLE_CASE) == document["name"] == "a-case"


def test_json_that_would_not_be_the_same_bytes_again_is_kept_as_text() -> None:
    spaced = replace(WHOLE_CASE, request=b'{"a": 1}', expected=Result(b"[1]", body=b""))
    document = dumped(spaced)
    assert document["request"] == ['{"a": 1}']
    assert (document["expected"]["sent"], document["expected"]["body"]) == (["[1]"], [""])


@given(st.text())
def test_any_text_is_kept(text: str) -> None:
    body = text.encode("utf-8", "replace")
    one = replace(WHOLE_CASE, answer=Answer(body))
    shown = json.loads(json.dumps(dumped(one)))["answer"]["body"]
    kept = "\n".join(shown).encode() if isinstance(shown, list) else dumps(shown)
    assert kept == body


@pytest.mark.parametrize("text", ["[]", "{}", '{"case": 2}'])
def test_a_file_that_is_no_case_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match="no regression case of version 1"):
        load(tmp_path / "x.json")


def test_what_a_ledger_knew_is_part_of_the_case(tmp_path: Path) -> None:
    native = Native("openai_chat", ({"role": "assistant", "content": "a"},), "up", "m")
    memory = Memory({b"key".hex(): native}, {digest("sig"): "up"})
    one = replace(WHOLE_CASE, setup=Setup(memory=memory))
    save(one, tmp_path / "x.json")
    again = load(tmp_path / "x.json").setup.memory
    assert again == memory
    assert (again.knows("up"), again.knows("other")) == (True, False)
    assert again.recall([b"other", b"key"]) == native and again.recall([b"other"]) is None
    assert (again.owner("sig"), again.owner("other")) == ("up", None)


# --- what a check says


def changed(one: Case, **fields: Any) -> Case:
    return replace(one, expected=replace(one.expected, **fields))


def body(one: Case, old: bytes, new: bytes) -> Case:
    assert one.expected.body and old in one.expected.body
    return changed(one, body=one.expected.body.replace(old, new))


@pytest.mark.parametrize(
    "one, line",
    [
        pytest.param(
            body(WHOLE_CASE, b'"yes"', b'"no"'),
            'body: content[0].text: "no" expected, "yes" made',
            id="a value in JSON",
        ),
        pytest.param(
            body(WHOLE_CASE, b'"text":"yes"', b'"text":"yes","more":1'),
            "body: content[0].more: 1 expected, nothing made",
            id="a field that is gone",
        ),
        pytest.param(
            body(WHOLE_CASE, b'"content":[', b'"content":[3,'),
            'body: content[0]: 3 expected, {"type":"text","text":"yes"} made',
            id="a value of another kind",
        ),
        pytest.param(
            body(WHOLE_CASE, b"{", b"{ "),
            "body: the same values, but not the same bytes",
            id="another form of the same",
        ),
        pytest.param(
            body(CASES["a stream"], b'"yes"', b'"no"'),
            'delta.text: "no" expected, "yes" made',
            id="a value in an event",
        ),
        pytest.param(
            body(CASES["a stream"], b"event: message_start", b"event: else"),
            "body: line 1: event: else expected, event: message_start made",
            id="another event",
        ),
        pytest.param(
            changed(WHOLE_CASE, sent=None), "sent: nothing expected, {", id="nothing was sent"
        ),
        pytest.param(changed(WHOLE_CASE, stop="length"), 'stop: "length" expected', id="the end"),
        pytest.param(changed(WHOLE_CASE, status=500), "status: 500 expected, 200", id="a status"),
        pytest.param(
            changed(WHOLE_CASE, usage={}), "usage: input_tokens: nothing expected, 3", id="counts"
        ),
        pytest.param(
            changed(WHOLE_CASE, notes=[]), 'notes: [0]: nothing expected, {"code"', id="a note"
        ),
        pytest.param(
            changed(CASES["a malformed request"], refused="x"),
            'refused: "x" expected, "messages: ',
            id="a refusal",
        ),
    ],
)
def test_a_check_names_the_place(one: Case, line: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check(one)
    assert "a-case: not as expected" in str(caught.value)
    assert line in str(caught.value)


def test_true_is_not_1_and_order_counts() -> None:
    first = Result(body=b'{"a":1,"b":[true]}')
    assert differences(first, Result(body=b'{"a":1,"b":[1]}')) == [
        "body: b[0]: true expected, 1 made"
    ]
    assert differences(first, Result(body=b'{"b":[true],"a":1}')) == [
        "body: the same values, but not the same bytes"
    ]
    assert differences(first, first) == []


def test_long_values_are_cut() -> None:
    [line] = differences(Result(refused="x" * 1000), Result())
    assert len(line) < 300 and line.endswith('... expected, "" made')


@pytest.mark.parametrize(
    "fields, stores, told",
    [
        pytest.param({}, True, True, id="where answers are kept"),
        pytest.param({"store": False}, True, False, id="but not against the app's will"),
        pytest.param({}, False, False, id="nor where none is kept"),
    ],
)
def test_an_answer_says_whether_it_can_be_named_later(
    fields: dict[str, Any], stores: bool, told: bool
) -> None:
    request = dumps({"model": "m", "input": "hi", **fields})
    message = {"role": "assistant", "content": "yes"}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    answer = Answer(dumps({"id": "1", "choices": choices}))
    one = Case("c", "openai_responses", "openai_chat", request, Setup(stores=stores), answer)
    assert loads(run(one).body or b"")["store"] is told


@pytest.mark.parametrize("request_", [b"no JSON", b"[]"])
def test_what_is_no_request_is_refused_where_answers_are_kept_too(request_: bytes) -> None:
    one = Case("c", "openai_responses", "openai_chat", request_, Setup(stores=True))
    assert run(one).refused
