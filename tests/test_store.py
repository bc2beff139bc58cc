"""What the store gives back: the whole of what was only named, pages of it, or that it is gone."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response
from openai.types.responses.response_item_list import ResponseItemList

from bridge.bounded import Bounds
from bridge.store import Store, content_parts, items_of
from bridge.transform import TransformError

BOUNDS = Bounds(1_000_000, 60)


def user(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": text, **fields}


def message(text: str, item_id: str) -> dict[str, Any]:
    return {
        "type": "message",
        "id": item_id,
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def response(response_id: str, *output: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": response_id,
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": "completed",
        "output": list(output),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        **fields,
    }


HELLO = message("Hello.", "msg_1_0")
CALL = {"type": "function_call", "id": "fc_2_0", "call_id": "c", "name": "f", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c", "output": "4"}


def store() -> Store:
    """Two turns: a greeting and, following it, a call."""
    kept = Store(BOUNDS)
    kept.record(response("resp_1", HELLO), "Hi!", 0)
    told = kept.expand({"previous_response_id": "resp_1", "input": [user("Go on.")]}, 0)
    kept.record(response("resp_2", CALL), told["input"], 0)
    return kept


def page(query: dict[str, str], response_id: str = "resp_2") -> Any:
    return store().input_items(response_id, 1, query)


# --- requests


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"model": "m", "input": "Hi!"}, id="a string"),
        pytest.param({"input": [user("Hi!"), HELLO]}, id="items with ids of their own"),
        pytest.param({"input": [{"role": "user", "content": "a", "id": "x"}]}, id="easy messages"),
        pytest.param({"previous_response_id": None, "conversation": None}, id="null"),
        pytest.param({"model": "m", "input": [5, None]}, id="what is no item"),
        pytest.param({"input": 5}, id="what is no input"),
        pytest.param(["x"], id="what is no request"),
    ],
)
def test_a_request_that_names_nothing_is_passed_on_as_it_is(body: Any) -> None:
    assert store().expand(body, 1) is body


@pytest.mark.parametrize(
    "named, expected",
    [
        pytest.param(
            {"previous_response_id": "resp_1", "input": "Again."},
            [user("Hi!"), HELLO, user("Again.")],
            id="an answer, and a string after it",
        ),
        pytest.param(
            {"previous_response_id": "resp_2", "input": [RESULT]},
            [user("Hi!"), HELLO, user("Go on."), CALL, RESULT],
            id="an answer that itself named one",
        ),
        pytest.param({"previous_response_id": "resp_1"}, [user("Hi!"), HELLO], id="nothing new"),
        pytest.param(
            {"input": [user("x"), {"type": "item_reference", "id": "fc_2_0"}, RESULT]},
            [user("x"), CALL, RESULT],
            id="an item of an answer",
        ),
        pytest.param(
            {"input": [{"id": "msg_1_0"}, {"type": None, "id": "msg_1_0"}]},
            [HELLO, HELLO],
            id="references that do not say what they are",
        ),
        pytest.param(
            {"previous_response_id": "resp_1", "input": [{"id": "fc_2_0"}, RESULT]},
            [user("Hi!"), HELLO, CALL, RESULT],
            id="both",
        ),
    ],
)
def test_what_a_request_names_is_put_in(named: Any, expected: list[Any]) -> None:
    before = copy.deepcopy(named)
    told = store().expand({"model": "m", **named, "temperature": 1}, 1)
    assert told == {"model": "m", "input": expected, "temperature": 1}
    assert named == before


def test_instructions_are_those_of_the_request_alone() -> None:
    kept = Store(BOUNDS)
    kept.record(response("resp_1", HELLO, instructions="Be brief."), "Hi!", 0)
    told = kept.expand({"previous_response_id": "resp_1", "instructions": "Be kind."}, 1)
    assert told == {"input": [user("Hi!"), HELLO], "instructions": "Be kind."}
    assert "instructions" not in kept.expand({"previous_response_id": "resp_1"}, 1)


@pytest.mark.parametrize(
    "body, where, code",
    [
        ({"previous_response_id": "resp_0"}, "previous_response_id", "not_found"),
        ({"previous_response_id": ""}, "previous_response_id", "not_found"),
        ({"previous_response_id": 7}, "previous_response_id", ""),
        ({"previous_response_id": "resp_1", "input": 7}, "input", ""),
        ({"conversation": "conv_1"}, "conversation", "not_found"),
        ({"conversation": {"id": "conv_1"}}, "conversation", "not_found"),
        ({"input": [user("x"), {"id": "msg_0"}]}, "input[1].id", "not_found"),
        ({"input": [{"type": "item_reference", "id": None}]}, "input[0].id", ""),
    ],
)
def test_what_is_not_known_is_refused_by_its_place(body: Any, where: str, code: str) -> None:
    with pytest.raises(TransformError) as refused:
        store().expand(body, 1)
    assert refused.value.where == where
    assert refused.value.code == (f"previous_response_{code}" if code else "")


@pytest.mark.parametrize(
    "named", [{"previous_response_id": "resp_2"}, {"input": [{"id": "fc_2_0"}]}]
)
def test_what_is_too_old_is_not_known_any_more(named: Any) -> None:
    assert store().expand(named, 60) != named
    with pytest.raises(TransformError, match="is known"):
        store().expand(named, 61)


def test_an_answer_outlives_the_ones_it_continues() -> None:
    kept = store()
    told = kept.expand({"previous_response_id": "resp_2", "input": [RESULT]}, 50)
    kept.record(response("resp_3", message("Four.", "msg_3_0")), told["input"], 50)
    assert kept.delete("resp_2")
    assert not kept.knows("resp_1", 100)
    assert kept.expand({"previous_response_id": "resp_3"}, 100)["input"] == [
        *(user("Hi!"), HELLO, user("Go on."), CALL, RESULT),
        message("Four.", "msg_3_0"),
    ]


TURN = st.tuples(st.integers(0, 5), st.lists(st.text(max_size=3), max_size=2), st.text(max_size=3))


@given(turns=st.lists(TURN, max_size=6))
def test_trap_40_a_conversation_by_id_says_what_one_that_repeats_everything_says(
    turns: list[Any],
) -> None:
    """Whichever earlier answer each turn continues."""
    kept, histories = Store(BOUNDS), list[tuple[str | None, list[Any]]]([(None, [])])
    for n, (choice, said, answer) in enumerate(turns):
        previous, history = histories[choice % len(histories)]
        news = [user(text) for text in said]
        told = kept.expand({"previous_response_id": previous, "input": news}, n)["input"]
        assert told == [*history, *news]
        output = message(answer, f"msg_{n}_0")
        kept.record(response(f"resp_{n}", output), told, n)
        histories.append((f"resp_{n}", [*told, output]))
    for previous, history in histories[1:]:
        assert kept.expand({"previous_response_id": previous}, 6)["input"] == history


# --- what is kept


def test_an_answer_is_kept_as_the_client_got_it() -> None:
    got = response("resp_1", HELLO, usage=None, metadata={"a": "b"})
    kept = Store(BOUNDS)
    kept.record(got, [user("Hi!")], 0)
    assert kept.response("resp_1", 60) == got
    assert kept.response("resp_1", 61) is None
    Response.model_validate(got)


def test_an_answer_is_known_until_it_is_deleted() -> None:
    kept = store()
    assert kept.knows("resp_1", 1) and not kept.knows("resp_0", 1)
    assert kept.delete("resp_1") and not kept.delete("resp_1")
    assert not kept.knows("resp_1", 1)
    assert kept.response("resp_1", 1) is None
    assert kept.input_items("resp_1", 1, {}) is None
    with pytest.raises(TransformError):
        kept.expand({"input": [{"id": "msg_0_0"}]}, 1)


def test_an_item_goes_with_the_last_answer_that_has_it() -> None:
    kept = store()
    assert kept.expand({"input": [{"id": "fc_2_0"}]}, 1)["input"] == [CALL]
    kept.delete("resp_2")
    with pytest.raises(TransformError, match="no item with id 'fc_2_0' is known"):
        kept.expand({"input": [{"id": "fc_2_0"}]}, 1)


def test_what_is_too_large_is_not_kept_and_pushes_nothing_out() -> None:
    kept = Store(Bounds(4_000, 60))
    kept.record(response("resp_1", HELLO), "Hi!", 0)
    kept.record(response("resp_2", HELLO), "x" * 4_000, 0)
    assert kept.knows("resp_1", 0) and not kept.knows("resp_2", 0)


def test_the_store_stays_within_its_bounds() -> None:
    kept = Store(Bounds(8_000, 60))
    for n in range(20):
        kept.record(response(f"resp_{n}", message("x" * 500, f"msg_{n}_0")), "y" * 500, 0)
        assert kept.size <= 8_000
        assert kept.knows(f"resp_{n}", 0)
    assert not kept.knows("resp_0", 0)
    kept.record({}, [], 61)
    assert kept.size == 0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"output": [HELLO]}, id="without an id"),
        pytest.param({"id": None, "output": []}, id="with null for an id"),
    ],
)
def test_what_nobody_can_name_is_not_kept(answer: Any) -> None:
    kept = Store(BOUNDS)
    kept.record(answer, "Hi!", 0)
    assert kept.size == 0


@pytest.mark.parametrize("output", [None, [], [None, "x", {"type": "message"}]])
def test_answers_of_odd_servers_are_kept_all_the_same(output: Any) -> None:
    kept = Store(BOUNDS)
    kept.record({"id": "resp_1", "output": output}, "Hi!", 0)
    assert kept.response("resp_1", 0) == {"id": "resp_1", "output": output}
    earlier = [item for item in output or [] if isinstance(item, dict)]
    assert kept.expand({"previous_response_id": "resp_1"}, 0)["input"] == [user("Hi!"), *earlier]


def test_ids_may_hold_any_character() -> None:
    kept = Store(BOUNDS)
    kept.record(response("resp_\ud800", message("Hello.", "msg_\0é\ud800")), "Hi!", 0)
    assert kept.knows("resp_\ud800", 0) and not kept.knows("resp_\ud801", 0)
    assert kept.expand({"input": [{"id": "msg_\0é\ud800"}]}, 0)["input"][0]["role"] == "assistant"


def test_other_bounds_keep_what_is_known() -> None:
    kept = store()
    assert kept.resized(Bounds(1_000_000, 30)) is kept
    assert kept.knows("resp_1", 30) and not kept.knows("resp_1", 31)


# --- lists of input items


def test_a_list_shows_what_the_answer_was_told_newest_first() -> None:
    found = page({})
    ids = [item.pop("id") for item in found["data"]]
    assert [content_parts(item)[0]["text"] for item in found["data"]] == ["Go on.", "Hello.", "Hi!"]
    assert found == {
        "object": "list",
        "data": [
            user("", content=[{"type": "input_text", "text": "Go on."}], status="completed"),
            {key: value for key, value in HELLO.items() if key != "id"},
            user("", content=[{"type": "input_text", "text": "Hi!"}], status="completed"),
        ],
        "first_id": ids[0],
        "last_id": ids[2],
        "has_more": False,
    }
    assert ids[1] == "msg_1_0" and all(name.startswith("msg_") for name in ids)


def test_an_item_is_called_the_same_in_every_list_and_can_be_named_so() -> None:
    first, *_ = page({"order": "asc"})["data"]
    assert page({}, "resp_1")["data"] == [first]
    assert len(first["id"]) <= 64  # the longest that the vendor takes
    assert store().expand({"input": [{"id": first["id"]}]}, 1)["input"] == [user("Hi!")]


@pytest.mark.parametrize(
    "query, expected, more",
    [
        ({"order": "asc"}, [0, 1, 2], False),
        ({"order": "desc"}, [2, 1, 0], False),
        ({"limit": "2"}, [2, 1], True),
        ({"limit": "3"}, [2, 1, 0], False),
        ({"limit": "100", "order": "asc"}, [0, 1, 2], False),
        ({"after": "msg_1_0"}, [0], False),
        ({"after": "msg_1_0", "order": "asc"}, [2], False),
        ({"order": "asc", "limit": "1", "after": ""}, [0], True),
    ],
)
def test_a_list_comes_in_pages(query: dict[str, str], expected: list[int], more: bool) -> None:
    everything = page({"order": "asc"})["data"]
    found = page(query)
    assert found["data"] == [everything[n] for n in expected]
    assert found["first_id"] == everything[expected[0]]["id"]
    assert found["last_id"] == everything[expected[-1]]["id"]
    assert found["has_more"] is more


def test_a_page_behind_the_last_item_is_empty() -> None:
    last = page({})["last_id"]
    ends = {"first_id": None, "last_id": None, "has_more": False}
    assert page({"after": last}) == {"object": "list", "data": [], **ends}


def test_a_page_has_twenty_items_unless_more_are_asked_for() -> None:
    kept = Store(BOUNDS)
    kept.record(response("resp_1"), [user(str(n)) for n in range(30)], 0)
    found: Any = kept.input_items("resp_1", 0, {})
    assert (len(found["data"]), found["has_more"]) == (20, True)


@pytest.mark.parametrize(
    "query, where",
    [
        ({"order": "up"}, "order"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "9" * 9_999}, "limit"),
        ({"limit": "\u0665"}, "limit"),
        ({"after": "msg_0"}, "after"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(query: dict[str, str], where: str) -> None:
    with pytest.raises(TransformError) as refused:
        page(query)
    assert refused.value.where == where


def test_the_sdk_reads_every_kind_of_item_in_a_list() -> None:
    items = [
        {"role": "developer", "content": "Be brief."},
        user("", content=[{"type": "input_image", "image_url": "https://x/y", "detail": "auto"}]),
        {"role": "assistant", "content": "Yes."},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {**CALL, "id": "fc_1"},
        RESULT,
        {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "d", "output": "y"},
        {"type": "compaction", "encrypted_content": "x"},
    ]
    kept = Store(BOUNDS)
    kept.record(response("resp_1"), items, 0)
    found = json.dumps(kept.input_items("resp_1", 0, {"order": "asc"}))
    read = ResponseItemList.model_validate_json(found, strict=True)
    begins = "msg_ msg_ msg_ rs_ fc_ fco_ ctc_ ctco_ cmp_".split()
    assert [item.id.startswith(begin) for item, begin in zip(read.data, begins, strict=True)] == (
        [True] * len(items)
    )


@pytest.mark.parametrize(
    "given, expected",
    [
        ("Hi!", [user("Hi!")]),
        ([user("a"), RESULT], [user("a"), RESULT]),
        (None, []),
        ([], []),
    ],
)
def test_an_input_is_a_list_of_items(given: Any, expected: list[Any]) -> None:
    assert items_of(given) == expected


# --- whose answers they are


def test_what_somebody_gave_is_known_to_that_one() -> None:
    kept = store()
    kept.record(response("resp_1", HELLO), "Hi!", 0, "a")
    assert (kept.giver("resp_1", 1), kept.giver("resp_2", 1)) == ("a", "")
    for naming in (
        {"previous_response_id": "resp_1"},
        {"input": [{"type": "item_reference", "id": HELLO["id"]}]},
    ):
        told = [kept.has_named(naming, 1, but_of=who) for who in ("a", "b", None)]
        assert told == [False, True, True]


# --- threads

SAID = [{"role": "user", "content": "Hi!"}]
ID = "thread.previous_message_id"
MORE = [{"role": "user", "content": "More."}]
MESSAGE = {"id": "msg_1", "role": "assistant", "content": [{"type": "text", "text": "Hello."}]}


def continued(kept: Store, **more: Any) -> Any:
    thread = {"type": "continue", "previous_message_id": "msg_1"}
    return kept.continued({"model": "m", "thread": thread, "messages": MORE, **more}, 1)


def test_a_thread_goes_on_with_all_that_was_said_in_it() -> None:
    kept = store()
    kept.record_message(MESSAGE, SAID, 0, "a")
    answer = {"role": "assistant", "content": MESSAGE["content"]}
    assert continued(kept) == {"model": "m", "messages": [*SAID, answer, *MORE]}
    assert continued(kept, thread={"type": "create"}) == {"model": "m", "messages": MORE}
    names = {"thread": {"type": "continue", "previous_message_id": "msg_1"}}
    assert [kept.has_named(names, 1, but_of=who) for who in ("a", "b")] == [False, True]
    for body in ({"messages": MORE}, {"messages": MORE, "thread": None}, [1]):
        assert kept.continued(body, 1) is body
    assert not kept.knows("msg_1", 1), "a message is no response"


@pytest.mark.parametrize(
    "more, where, code",
    [
        ({"thread": {"type": "continue", "previous_message_id": "msg_2"}}, ID, "thread_not_found"),
        ({"thread": {"type": "continue"}}, ID, ""),
        ({"thread": {"type": "end"}}, "thread.type", ""),
        ({"thread": {}}, "thread.type", ""),
        ({"thread": "msg_1"}, "thread", ""),
        ({"messages": "More."}, "messages", ""),
    ],
)
def test_a_thread_that_cannot_go_on(more: Any, where: str, code: str) -> None:
    kept = store()
    kept.record_message(MESSAGE, SAID, 0)
    kept.record_message({"content": []}, SAID, 0)
    with pytest.raises(TransformError) as caught:
        continued(kept, **more)
    assert (caught.value.where, caught.value.code) == (where, code)
