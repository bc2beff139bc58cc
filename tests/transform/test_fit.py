"""A body as one server takes it: what is left out, what is called otherwise, what is told of it."""

from typing import Any

import pytest

from bridge.transform import CODES, Translator
from bridge.transform.fit import LOSSES, fitted, output_limit
from bridge.transform.json_text import loads
from bridge.transform.notes import Notes
from bridge.transform.profile import Profile

BODY: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "developer", "content": "be kind"},
        {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {}}]},
    ],
    "tools": [{"function": {"name": "f", "strict": True}}, {"function": {"name": "g"}}],
    "stream_options": {"include_usage": True},
    "max_tokens": 900,
    "temperature": 0.5,
}


def changed(body: Any = BODY, **flags: Any) -> tuple[Any, list[str]]:
    """The body, and the codes of what was noted."""
    notes = Notes()
    made = fitted(body, Profile(**flags), notes)
    return made, [note.code for note in notes]


def test_a_body_that_fits_is_passed_as_it_is() -> None:
    made, codes = changed(refused_fields=("store", "tools.kind", "messages.content.citations"))
    assert made is BODY and not codes


@pytest.mark.parametrize("body", [None, [], "text", 5])
def test_what_is_no_object_has_no_fields(body: Any) -> None:
    assert changed(body, refused_fields=("a",), output_limits=(("*", 1),)) == (body, [])


@pytest.mark.parametrize(
    "path, code",
    [
        ("temperature", "sampling_dropped"),
        ("stream_options", "hint_dropped"),
        ("max_tokens", "field_dropped"),
    ],
)
def test_a_refused_field_is_left_out_and_told(path: str, code: str) -> None:
    made, codes = changed(refused_fields=(path,))
    assert made == {key: value for key, value in BODY.items() if key != path}
    assert codes == [code]


@pytest.mark.parametrize(
    "choice, code",
    [
        ("auto", "hint_dropped"),
        ({"type": "auto"}, "hint_dropped"),
        ("required", "tool_subset_unenforced"),
        ("none", "tool_subset_unenforced"),
        ({"type": "tool", "name": "f"}, "tool_subset_unenforced"),
    ],
)
def test_a_choice_that_cannot_be_told_is_lost_but_for_none_at_all(choice: Any, code: str) -> None:
    body = {"model": "m", "tool_choice": choice}
    assert changed(body, refused_fields=("tool_choice",)) == ({"model": "m"}, [code])


def test_a_path_means_each_element_of_a_list() -> None:
    made, codes = changed(refused_fields=("tools.function.strict",))
    assert made["tools"] == [{"function": {"name": "f"}}, {"function": {"name": "g"}}]
    assert codes == ["strict_downgraded"]
    made, codes = changed(refused_fields=("messages.content.cache_control",))
    assert made["messages"][1]["content"] == [{"type": "text", "text": "hi"}]
    assert made["messages"][0] is BODY["messages"][0] and codes == ["hint_dropped"]


def test_an_object_of_which_nothing_is_left_goes_too() -> None:
    made, _ = changed(refused_fields=("stream_options.include_usage",))
    assert "stream_options" not in made


def test_a_field_by_another_name_keeps_its_place() -> None:
    made, codes = changed(renamed_fields=(("max_tokens", "max_completion_tokens"),))
    names = [name if name != "max_tokens" else "max_completion_tokens" for name in BODY]
    assert list(made) == names and made["max_completion_tokens"] == 900 and not codes


def test_what_has_the_other_name_already_stays() -> None:
    body = {"seed": 1, "random_seed": 2}
    assert changed(body, renamed_fields=(("seed", "random_seed"),))[0] is body


@pytest.mark.parametrize("turns", ["messages", "input"])
def test_roles_by_other_names(turns: str) -> None:
    body = {turns: [*BODY["messages"], {"type": "reasoning"}, "odd"]}
    made, _ = changed(body, renamed_roles=(("developer", "system"),))
    assert made[turns][0] == {"role": "system", "content": "be kind"}
    assert made[turns][1:] == body[turns][1:]
    assert changed({turns: "hi"}, renamed_roles=(("developer", "system"),))[0] == {turns: "hi"}


@pytest.mark.parametrize(
    "body, limit",
    [
        pytest.param({"model": "m", "max_tokens": 900}, 500, id="above"),
        pytest.param({"model": "m", "max_output_tokens": 900}, 500, id="by another name"),
        pytest.param({"model": "m", "max_tokens": 400}, 400, id="below"),
        pytest.param({"model": "other", "max_tokens": 900}, 900, id="of another model"),
        pytest.param({"model": "m", "max_tokens": "900"}, "900", id="no number"),
    ],
)
def test_nobody_asks_for_more_than_a_model_writes(body: dict[str, Any], limit: Any) -> None:
    made, codes = changed(body, output_limits=(("m", 500),))
    assert list(made.values())[1] == limit
    assert codes == (["max_tokens_clamped"] if limit == 500 else [])


def test_the_first_limit_that_fits_a_model_counts() -> None:
    profile = Profile(output_limits=(("m*", 5), ("*", 9)))
    assert [output_limit(name, profile) for name in ("mini", "x")] == [5, 9]
    assert output_limit("x", Profile()) is None


def test_every_loss_has_a_code_of_the_catalogue() -> None:
    assert set(LOSSES.values()) <= set(CODES)


REFUSING = Profile(refused_fields=("temperature",))


def test_a_translated_request_fits() -> None:
    made = Translator("anthropic_messages", "openai_chat", profile=REFUSING)
    ask = (
        b'{"model":"m","max_tokens":9,"temperature":0.5,"messages":[{"role":"user","content":"a"}]}'
    )
    assert "temperature" not in loads(made.request(ask))
    assert [note.code for note in made.notes] == ["sampling_dropped"]


def test_a_request_of_the_same_protocol_fits_on_its_way_to_another_host() -> None:
    ask = b'{"model": "m", "temperature": 0.5, "messages": []}'
    away = Translator("openai_chat", "openai_chat", profile=REFUSING, own_host=False)
    assert loads(away.request(ask)) == {"model": "m", "messages": []}
    home = Translator("openai_chat", "openai_chat", profile=REFUSING)
    assert home.request(ask) == ask, "an app and its own vendor"
