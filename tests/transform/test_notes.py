import re

import pytest

from bridge.transform.notes import CODES, ERRORS, Note, Notes, TransformError


def test_notes_stand_in_the_order_they_came_up_each_once() -> None:
    notes = Notes()
    notes.add("usage_missing", "usage")
    notes.add("field_dropped", "top_k", "no such thing")
    notes.add("usage_missing", "usage")
    notes.add("usage_missing", "")
    assert list(notes) == [
        Note("usage_missing", "usage", ""),
        Note("field_dropped", "top_k", "no such thing"),
        Note("usage_missing", "", ""),
    ]
    assert len(notes) == 3


def test_a_code_outside_the_catalogue_is_a_bug_of_ours() -> None:
    with pytest.raises(KeyError, match="made_up"):
        Notes().add("made_up", "x")


def test_what_is_lost_is_noted() -> None:
    notes = Notes()
    notes.lose("citations_dropped", "messages[0]", "two of them")
    assert list(notes) == [Note("citations_dropped", "messages[0]", "two of them")]


def test_what_nobody_could_want_to_lose_is_refused() -> None:
    notes = Notes()
    with pytest.raises(TransformError) as caught:
        notes.lose("audio_unsupported", "messages[0].content[1]", "a recording")
    error = caught.value
    assert (error.where, error.problem) == ("messages[0].content[1]", "a recording")
    assert error.code == "audio_unsupported"
    assert not list(notes)


@pytest.mark.parametrize(
    "where, text",
    [
        pytest.param("messages[3]", "messages[3]: missing", id="with its place"),
        pytest.param("", "missing", id="of the whole body"),
    ],
)
def test_the_text_of_a_refusal(where: str, text: str) -> None:
    assert str(TransformError(where, "missing")) == text


def test_no_code_is_a_note_and_a_refusal() -> None:
    assert not ERRORS & set(CODES)


@pytest.mark.parametrize("code", [*CODES, *sorted(ERRORS)])
def test_codes_are_plain_words(code: str) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
