"""Finish reasons: what servers say, and what their answers hold."""

from typing import Any

import pytest

from bridge.transform.answers import Finish, FinishReason
from bridge.transform.context import Context, context
from bridge.transform.model import Request
from bridge.transform.openai_chat.finish import decode_finish, encode_finish, is_limit, word_of


def ctx(stop: tuple[str, ...] | None = None) -> Context:
    made = context("openai_chat", "openai_chat")
    if stop is not None:
        made.request = Request("openai_chat", "m", stop=stop)
    return made


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


@pytest.mark.parametrize(
    "word, calls, refusal, cut, expected, noted",
    [
        pytest.param("stop", 0, "", False, "stop", [], id="a natural end"),
        pytest.param("length", 0, "", False, "length", [], id="a limit"),
        pytest.param("content_filter", 0, "", False, "content_filter", [], id="filtered"),
        pytest.param("tool_calls", 1, "", False, "tool_calls", [], id="calls"),
        pytest.param("function_call", 1, "", False, "tool_calls", [], id="the older form"),
        pytest.param("stop", 1, "", False, "tool_calls", [], id="trap 25: stop beside calls"),
        pytest.param(
            "tool_calls", 0, "", False, "stop", [], id="trap 25: calls that are not there"
        ),
        pytest.param("length", 1, "", False, "length", [], id="a limit beside calls stays one"),
        pytest.param("tool_calls", 1, "", True, "length", [], id="half a call is never whole"),
        pytest.param("content_filter", 1, "", False, "content_filter", [], id="a filter stays one"),
        pytest.param("stop", 0, "no", False, "refusal", [], id="a refusal"),
        pytest.param("stop", 1, "no", False, "tool_calls", [], id="a refusal beside calls"),
        pytest.param("eos", 0, "", False, "stop", [], id="a word of local servers"),
        pytest.param("STOP", 0, "", False, "stop", [], id="Google's"),
        pytest.param("MAX_TOKENS", 0, "", False, "length", [], id="Google's limit"),
        pytest.param("end_turn", 1, "", False, "tool_calls", [], id="Anthropic's"),
        pytest.param("sensitive", 0, "", False, "content_filter", [], id="Zhipu's filter"),
        pytest.param("content-filter", 0, "", False, "content_filter", [], id="with a hyphen"),
        pytest.param("model_length", 0, "", False, "length", [], id="Mistral's"),
        pytest.param("odd", 0, "", False, "stop", ["finish_inferred"], id="an unknown word"),
        pytest.param("odd", 1, "", False, "tool_calls", ["finish_inferred"], id="with calls"),
        pytest.param("", 1, "", False, "tool_calls", ["finish_inferred"], id="no word"),
        pytest.param("", 0, "", False, "stop", ["finish_inferred"], id="no word and no calls"),
    ],
)
def test_the_answer_decides_what_the_word_means(
    word: str, calls: int, refusal: str, cut: bool, expected: FinishReason, noted: list[str]
) -> None:
    made = ctx()
    finish = decode_finish(word, {}, calls, refusal, cut, made)
    assert finish == Finish(expected, word or None, None, refusal or None)
    assert codes(made) == noted


@pytest.mark.parametrize(
    "choice, stop, expected",
    [
        pytest.param({"matched_stop": "END"}, ("END",), "END", id="SGLang"),
        pytest.param({"stop_reason": "END"}, ("END",), "END", id="vLLM"),
        pytest.param({"stop_reason": "END"}, None, "END", id="the request is not known"),
        pytest.param({"stop_reason": "END"}, ("STOP",), None, id="it was not asked for"),
        pytest.param({"matched_stop": 151645}, ("END",), None, id="a token"),
        pytest.param({"stop_reason": "end_turn"}, None, None, id="another finish reason"),
    ],
)
def test_a_matched_stop_sequence_is_named(
    choice: dict[str, Any], stop: tuple[str, ...] | None, expected: str | None
) -> None:
    finish = decode_finish("stop", choice, 0, "", False, ctx(stop))
    assert finish.stop_sequence == expected
    assert finish.reason == ("stop" if expected is None else "stop_sequence")


def test_a_stop_sequence_beside_calls_or_a_limit_does_not_count() -> None:
    choice = {"matched_stop": "END"}
    assert decode_finish("stop", choice, 1, "", False, ctx()).stop_sequence is None
    assert decode_finish("length", choice, 0, "", False, ctx()).stop_sequence is None


@pytest.mark.parametrize(
    "choice, word",
    [
        pytest.param({"finish_reason": "stop"}, "stop", id="as documented"),
        pytest.param({"finish_reason": None}, "", id="null"),
        pytest.param({"finish_reason": ""}, "", id="empty"),
        pytest.param({"finish_reason": 5}, "", id="a number"),
        pytest.param({"finish_details": {"type": "max_tokens"}}, "max_tokens", id="first vision"),
        pytest.param({}, "", id="missing"),
    ],
)
def test_the_word_is_found(choice: dict[str, Any], word: str) -> None:
    assert word_of(choice) == word


def test_limits_are_known_by_all_their_names() -> None:
    assert [word for word in ("length", "MAX_TOKENS", "stop", "") if is_limit(word)] == [
        "length",
        "MAX_TOKENS",
    ]


@pytest.mark.parametrize(
    "finish, refused, legacy, word, refusal, noted",
    [
        pytest.param(Finish("stop"), False, False, "stop", None, [], id="stop"),
        pytest.param(Finish("stop_sequence"), False, False, "stop", None, [], id="a sequence"),
        pytest.param(Finish("length"), False, False, "length", None, [], id="a limit"),
        pytest.param(Finish("context_window"), False, False, "length", None, [], id="the window"),
        pytest.param(Finish("tool_calls"), False, False, "tool_calls", None, [], id="calls"),
        pytest.param(Finish("tool_calls"), False, True, "function_call", None, [], id="legacy"),
        pytest.param(Finish("stop"), False, True, "stop", None, [], id="legacy without calls"),
        pytest.param(Finish("content_filter"), False, False, "content_filter", None, [], id="-"),
        pytest.param(
            Finish("refusal", explanation="why"), False, False, "content_filter", "why", [], id="no"
        ),
        pytest.param(
            Finish("refusal"),
            False,
            False,
            "content_filter",
            "The model declined to answer.",
            [],
            id="a refusal that explains nothing",
        ),
        pytest.param(Finish("refusal"), True, False, "stop", None, [], id="a refusal spoken"),
        pytest.param(Finish("pause"), False, False, "length", None, ["pause_limit"], id="a pause"),
        pytest.param(Finish("compaction"), False, False, "stop", None, [], id="compaction"),
        pytest.param(Finish("interrupted"), False, False, "stop", None, [], id="interrupted"),
    ],
)
def test_every_reason_has_a_word(
    finish: Finish, refused: bool, legacy: bool, word: str, refusal: str | None, noted: list[str]
) -> None:
    made = ctx()
    assert encode_finish(finish, made, refused=refused, legacy=legacy) == (word, refusal)
    assert codes(made) == noted
