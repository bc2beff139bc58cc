"""What stands around an answer: how it ended, and the fields that repeat the request."""

from typing import Any

import pytest
from openai.types.chat.chat_completion import Moderation as ChatModeration
from openai.types.responses import Response
from openai.types.responses.response import Moderation
from pydantic import TypeAdapter

from bridge.transform.answers import Finish, FinishReason, Start
from bridge.transform.context import Context, context
from bridge.transform.model import Request
from bridge.transform.openai_responses.finish import (
    ECHOED,
    REFUSED,
    WORDS,
    decode_finish,
    decode_moderation,
    encode_finish,
    encode_moderation,
    is_limit,
    response_head,
    status_of,
)

WIRE_MODERATION = TypeAdapter(Moderation)
CHAT_MODERATION = TypeAdapter(ChatModeration)


def ctx() -> Context:
    return context("openai_responses", "anthropic_messages")


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def result(**more: Any) -> dict[str, Any]:
    lists: dict[str, Any] = {key: {} for key in ("categories", "category_scores")}
    known = {"category_applied_input_types": {}, "flagged": False, "model": "omni"}
    return {"type": "moderation_result", **lists, **known, **more}


def listed(*results: Any) -> dict[str, Any]:
    return {"type": "moderation_results", "model": "omni", "results": [*results]}


FAILED = {"type": "error", "code": "a", "message": "b"}


@pytest.mark.parametrize(
    "wire, found",
    [
        pytest.param(
            {"input": result(flagged=True), "output": result()},
            {"input": listed(result(flagged=True)), "output": listed(result())},
            id="results",
        ),
        pytest.param(
            {"input": result(), "output": FAILED},
            {"input": listed(result()), "output": FAILED},
            id="an error",
        ),
    ],
)
def test_what_a_moderator_found_both_ways(wire: Any, found: Any) -> None:
    ctx = context("openai_responses", "openai_chat")
    assert decode_moderation(wire) == found
    assert encode_moderation(found, ctx) == {"moderation": wire}
    assert codes(ctx) == []
    WIRE_MODERATION.validate_python(wire)
    CHAT_MODERATION.validate_python(found)


def test_nobody_has_to_moderate() -> None:
    assert decode_moderation(None) is None and decode_moderation("odd") is None
    assert encode_moderation(None, ctx()) == {}


@pytest.mark.parametrize("odd", [None, [], "x", listed(), {"type": "moderation_results"}])
def test_a_side_without_a_result_says_so(odd: Any) -> None:
    """Clients want both sides, and each to be one of these."""
    wire = encode_moderation({"input": odd, "output": FAILED}, ctx())["moderation"]
    assert wire["input"]["type"] == "error" and wire["output"] == FAILED
    WIRE_MODERATION.validate_python(wire)
    if not isinstance(odd, dict):
        found = decode_moderation({"input": odd, "output": FAILED})
        assert found["input"]["type"] == "error" and found["output"] == FAILED
        CHAT_MODERATION.validate_python(found)


def test_of_several_results_one_that_flags_something_is_given() -> None:
    several = {"input": listed(result(), result(flagged=True)), "output": listed(result())}
    own = ctx()
    given = {"input": result(flagged=True), "output": result()}
    assert encode_moderation(several, own) == {"moderation": given}
    assert [(n.code, n.where) for n in own.notes] == [("moderation_dropped", "moderation.input")]


def because(reason: Any) -> dict[str, Any]:
    return {"incomplete_details": {"reason": reason}}


@pytest.mark.parametrize(
    "status, ending, expected",
    [
        pytest.param("completed", "failed", "completed", id="the response knows best"),
        pytest.param("in_progress", "completed", "completed", id="unless it forgot to say so"),
        pytest.param(None, "incomplete", "incomplete", id="or does not say"),
        pytest.param("incomplete", "completed", "incomplete", id="one event for all endings"),
        pytest.param("queued", "", "queued", id="an answer that is fetched later"),
        pytest.param("odd", "", "", id="an unknown word"),
        pytest.param(400, "", "", id="an HTTP status"),
        pytest.param(["failed"], "", "", id="no word"),
    ],
)
def test_the_status_of_a_response(status: Any, ending: str, expected: str) -> None:
    assert status_of({"status": status}, ending) == expected


@pytest.mark.parametrize(
    "status, response, held, expected",
    [
        pytest.param("completed", {}, (0, "", False), "stop", id="a natural end"),
        pytest.param("completed", {}, (2, "", False), "tool_calls", id="with calls"),
        pytest.param("completed", {}, (0, "no", False), "refusal", id="with a refusal"),
        pytest.param("completed", {}, (1, "no", False), "tool_calls", id="a refusal beside calls"),
        pytest.param("completed", {}, (1, "", True), "length", id="trap 7: half a call"),
        pytest.param(
            "incomplete", because("max_output_tokens"), (1, "", False), "length", id="a limit"
        ),
        pytest.param(
            "incomplete", because("length"), (0, "", False), "length", id="in other words"
        ),
        pytest.param(
            "incomplete", because("content_filter"), (0, "", False), "content_filter", id="filtered"
        ),
        pytest.param(
            "incomplete", because("steered"), (0, "", False), "interrupted", id="interrupted"
        ),
        pytest.param(
            "incomplete",
            because("max_messages"),
            (1, "", False),
            "tool_calls",
            id="before its calls",
        ),
        pytest.param("incomplete", {}, (0, "", False), "interrupted", id="for no reason"),
        pytest.param("incomplete", because(5), (0, "", False), "interrupted", id="an odd reason"),
        pytest.param("queued", {}, (0, "", False), "interrupted", id="not an answer yet"),
        pytest.param("", {}, (0, "", False), "stop", id="no status at all"),
    ],
)
def test_what_the_answer_holds_decides(
    status: str, response: Any, held: tuple[int, str, bool], expected: FinishReason
) -> None:
    made = ctx()
    finish = decode_finish(status, response, *held, made)
    assert finish.reason == expected
    assert codes(made) == ([] if status else ["finish_inferred"])


def test_the_servers_own_word_is_kept() -> None:
    assert decode_finish("incomplete", because("steered"), 0, "", False, ctx()).raw == "steered"
    assert decode_finish("completed", {}, 0, "no", False, ctx()) == Finish(
        "refusal", "completed", explanation="no"
    )
    assert decode_finish("", {}, 0, "", True, ctx()) == Finish("length")


@pytest.mark.parametrize(
    "response, limited",
    [
        (because("max_output_tokens"), True),
        (because("content_filter"), False),
        ({"incomplete_details": None}, False),
        ({}, False),
    ],
)
def test_only_a_limit_may_cut(response: Any, limited: bool) -> None:
    assert is_limit(response) is limited


@pytest.mark.parametrize(
    "finish, refused, expected, noted",
    [
        pytest.param(Finish("stop"), False, ("completed", None, None), [], id="a natural end"),
        pytest.param(Finish("stop_sequence"), False, ("completed", None, None), [], id="a stop"),
        pytest.param(Finish("tool_calls"), False, ("completed", None, None), [], id="calls"),
        pytest.param(Finish("compaction"), False, ("completed", None, None), [], id="compaction"),
        pytest.param(
            Finish("length"), False, ("incomplete", "max_output_tokens", None), [], id="a limit"
        ),
        pytest.param(
            Finish("context_window"),
            False,
            ("incomplete", "max_output_tokens", None),
            [],
            id="the window is full",
        ),
        pytest.param(
            Finish("content_filter"),
            True,
            ("incomplete", "content_filter", None),
            [],
            id="filtered",
        ),
        pytest.param(
            Finish("refusal", explanation="no"),
            True,
            ("completed", None, None),
            [],
            id="it refused",
        ),
        pytest.param(
            Finish("refusal", explanation="why"),
            False,
            ("incomplete", "content_filter", "why"),
            [],
            id="a classifier refused",
        ),
        pytest.param(
            Finish("refusal"),
            False,
            ("incomplete", "content_filter", REFUSED),
            [],
            id="and did not say why",
        ),
        pytest.param(
            Finish("pause"),
            False,
            ("incomplete", "max_messages", None),
            ["pause_limit"],
            id="a pause",
        ),
        pytest.param(
            Finish("interrupted", "steered"),
            False,
            ("incomplete", "steered", None),
            [],
            id="its word",
        ),
        pytest.param(
            Finish("interrupted", "queued"), False, ("incomplete", None, None), [], id="no reason"
        ),
    ],
)
def test_a_finish_is_written(
    finish: Finish, refused: bool, expected: tuple[Any, ...], noted: list[str]
) -> None:
    made = ctx()
    assert encode_finish(finish, made, refused=refused) == expected
    assert codes(made) == noted


def test_a_finish_survives_its_own_protocol() -> None:
    for reason in WORDS:
        status, word, _ = encode_finish(Finish(reason, "steered"), ctx(), refused=True)
        again = decode_finish(status, because(word), int(reason == "tool_calls"), "", False, ctx())
        alike = {"stop_sequence": "stop", "context_window": "length", "compaction": "stop"}
        alike |= {"refusal": "stop", "pause": "interrupted"}  # the refusal is in the answer
        assert again.reason == alike.get(reason, reason)


# --- the fields of a response


def head(raw: Any = None, **start: Any) -> dict[str, Any]:
    made = ctx()
    made.now = 7.5
    made.request = Request("openai_responses", "m", raw=raw) if raw is not None else None
    return response_head(Start("msg_1", "m", **start), made)


def test_a_response_before_anything_was_said() -> None:
    found = head()
    assert found == {
        "id": "resp_1",
        "object": "response",
        "created_at": 7,
        "status": "in_progress",
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": "m",
        "output": [],
        **ECHOED,
        "service_tier": None,
        "usage": None,
    }
    Response.model_validate(found)


def test_what_the_upstream_knows_counts() -> None:
    found = head(created=9.0, service_tier="priority")
    assert (found["created_at"], found["service_tier"]) == (9, "priority")


ASKED = {
    "model": "another",
    "input": "hi",
    "instructions": "be brief",
    "tools": [
        {"type": "function", "name": "f", "parameters": {"type": "object"}},
        {"type": "custom", "name": "c"},
        "?",
    ],
    "tool_choice": {"type": "function", "name": "f"},
    "parallel_tool_calls": False,
    "temperature": 0,
    "max_output_tokens": 99,
    "text": {"format": {"type": "json_object"}},
    "reasoning": {"effort": "low", "summary": "auto"},
    "metadata": {"a": "b"},
    "previous_response_id": None,
    "store": True,
    "user": "u",
    "stream": True,
}


def test_the_request_comes_back() -> None:
    found = head(ASKED)
    repeated = {key: value for key, value in ASKED.items() if key in ECHOED and value is not None}
    del repeated["tools"]
    assert {key: found[key] for key in repeated} == repeated
    assert found["previous_response_id"] is None
    assert "input" not in found and "stream" not in found and found["model"] == "m"


def test_tools_come_back_with_all_the_keys_that_strict_clients_read() -> None:
    function, custom, odd = head(ASKED)["tools"]
    assert function == {
        "type": "function",
        "name": "f",
        "description": None,
        "parameters": {"type": "object"},
        "strict": None,
    }
    assert (custom, odd) == ({"type": "custom", "name": "c"}, "?")
    asked = {**ASKED, "tools": ASKED["tools"][:2]}
    Response.model_validate(head(asked))


def test_a_request_that_was_not_read_is_known_by_its_body() -> None:
    made = ctx()
    made.raw = {"instructions": "be brief"}
    assert response_head(Start("", "m"), made)["instructions"] == "be brief"
    made.raw = "?"
    assert response_head(Start("", "m"), made)["instructions"] is None
