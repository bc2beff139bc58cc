"""Why an answer ended, and what its calls have to say about it."""

from typing import Any

import pytest

from bridge.transform.answers import Finish
from bridge.transform.anthropic_messages.finish import REASONS, decode_finish, encode_finish
from bridge.transform.context import context

A = "anthropic_messages"


@pytest.mark.parametrize(
    "raw, calls, cut, reason, noted",
    [
        pytest.param("end_turn", 0, False, "stop", [], id="the natural end"),
        pytest.param("end_turn", 1, False, "tool_calls", [], id="calls say otherwise (trap 25)"),
        pytest.param("stop_sequence", 0, False, "stop_sequence", [], id="a stop sequence"),
        pytest.param("max_tokens", 0, False, "length", [], id="a limit"),
        pytest.param("max_tokens", 1, False, "length", [], id="a limit, behind a call"),
        pytest.param(
            "model_context_window_exceeded", 0, False, "context_window", [], id="a full window"
        ),
        pytest.param("tool_use", 1, False, "tool_calls", [], id="calls"),
        pytest.param("tool_use", 0, False, "stop", [], id="calls that are not there (trap 25)"),
        pytest.param("tool_use", 1, True, "length", [], id="half a call (trap 7)"),
        pytest.param("end_turn", 1, True, "length", [], id="half a call, said to be the end"),
        pytest.param("refusal", 1, True, "refusal", [], id="a refusal inside a call"),
        pytest.param("pause_turn", 0, False, "pause", [], id="a pause"),
        pytest.param("compaction", 0, False, "compaction", [], id="a compaction"),
        pytest.param(None, 0, False, "stop", ["finish_inferred"], id="no reason"),
        pytest.param(None, 1, False, "tool_calls", ["finish_inferred"], id="no reason, but calls"),
        pytest.param("eos", 0, False, "stop", ["finish_inferred"], id="an unknown reason"),
        pytest.param("", 0, True, "length", ["finish_inferred"], id="an empty one, half a call"),
        pytest.param([], 0, False, "stop", ["finish_inferred"], id="a list"),
    ],
)
def test_a_stop_reason_is_read(
    raw: Any, calls: int, cut: bool, reason: str, noted: list[str]
) -> None:
    ctx = context(A, A)
    finish = decode_finish({"stop_reason": raw}, calls, calls, cut, ctx)
    assert finish.reason == reason
    assert finish.raw == (raw or None)
    assert [note.code for note in ctx.notes] == noted


def test_calls_made_by_code_may_have_been_answered() -> None:
    ctx = context(A, A)
    assert decode_finish({"stop_reason": "end_turn"}, 1, 0, False, ctx).reason == "stop"
    assert decode_finish({"stop_reason": "tool_use"}, 1, 0, False, ctx).reason == "tool_calls"


def test_what_explains_it_is_read() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "No."}
    message = {"stop_reason": "refusal", "stop_sequence": "X", "stop_details": details}
    finish = decode_finish(message, 0, 0, False, context(A, A))
    assert finish == Finish("refusal", "refusal", "X", "No.", "bio")


@pytest.mark.parametrize("reason, word", REASONS.items())
def test_every_reason_has_a_word(reason: Any, word: str) -> None:
    ctx = context(A, "openai_chat")
    encoded = encode_finish(Finish(reason), "", ctx)
    assert encoded["stop_reason"] == word
    assert ("stop_details" in encoded) is (word == "refusal")
    assert [note.code for note in ctx.notes] == ["incomplete_mapped"] * (reason == "interrupted")


@pytest.mark.parametrize(
    "finish, refusal, wire",
    [
        pytest.param(
            Finish("stop_sequence", stop_sequence="END"),
            "",
            {"stop_reason": "stop_sequence", "stop_sequence": "END"},
            id="the sequence is named",
        ),
        pytest.param(
            Finish("refusal", explanation="No.", category="bio"),
            "",
            {
                "stop_reason": "refusal",
                "stop_sequence": None,
                "stop_details": {"type": "refusal", "category": "bio", "explanation": "No."},
            },
            id="a refusal is explained",
        ),
        pytest.param(
            Finish("stop"),
            "I will not.",
            {
                "stop_reason": "refusal",
                "stop_sequence": None,
                "stop_details": {
                    "type": "refusal",
                    "category": None,
                    "explanation": "I will not.",
                },
            },
            id="a text that is a refusal makes the answer one",
        ),
        pytest.param(
            Finish("content_filter"),
            "",
            {
                "stop_reason": "refusal",
                "stop_sequence": None,
                "stop_details": {"type": "refusal", "category": None, "explanation": None},
            },
            id="a filter does not explain",
        ),
    ],
)
def test_the_reason_is_written(finish: Finish, refusal: str, wire: Any) -> None:
    assert encode_finish(finish, refusal, context(A, "openai_chat")) == wire
