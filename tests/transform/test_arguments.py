"""Arguments of calls: one object at every cutting, and half a call never looks whole."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.arguments import Arguments, Ending, normal_arguments


def run(*pieces: str, cut: bool = False) -> tuple[str, Ending, Arguments]:
    arguments = Arguments()
    out = "".join(arguments.feed(piece) for piece in pieces)
    ending = arguments.end(cut=cut)
    return out + ending.text, ending, arguments


@pytest.mark.parametrize(
    "pieces, text",
    [
        pytest.param(['{"a":1}'], '{"a":1}', id="whole"),
        pytest.param(["", '{"a"', ":", "1}"], '{"a":1}', id="in pieces"),
        pytest.param([" \n", '{ "a":1}'], '{ "a":1}', id="blanks before it are dropped"),
        pytest.param(["{", "  ", '"a":1}', " \n"], '{"a":1}', id="blanks around are dropped"),
        pytest.param([], "{}", id="nothing at all"),
        pytest.param(["", " "], "{}", id="blanks only"),
        pytest.param(["{}"], "{}", id="empty object"),
        pytest.param(["{", " }"], "{}", id="empty object in pieces"),
        pytest.param(["null"], "{}", id="the word null"),
        pytest.param(["nu", "ll "], "{}", id="null in pieces"),
        pytest.param(['{}{"a":1}'], '{"a":1}', id="an empty object before the real one"),
        pytest.param(["{", "}", "{}", ' {"a":1}'], '{"a":1}', id="two of them, in pieces"),
        pytest.param(['{"a":"}{"}'], '{"a":"}{"}', id="brackets in strings"),
        pytest.param(['{"a":"\\', '""}'], '{"a":"\\""}', id="cut behind a backslash"),
        pytest.param(['{"a":"\\\\', '"}'], '{"a":"\\\\"}', id="an escaped backslash"),
        pytest.param(['{"a":[{"b":[]}]}'], '{"a":[{"b":[]}]}', id="nested"),
    ],
)
def test_a_model_means_one_object(pieces: list[str], text: str) -> None:
    out, ending, _ = run(*pieces)
    assert out == text
    assert ending.valid and not ending.cut
    assert isinstance(json.loads(out), dict)


@pytest.mark.parametrize(
    "pieces, now",
    [
        pytest.param(['{"'], '{"', id="an object with something in it"),
        pytest.param(["{"], "", id="a bracket may be an empty object"),
        pytest.param(["{}"], "", id="an empty object may be noise"),
        pytest.param(['"'], "", id="a string is held to the end"),
        pytest.param(['{}{"a"'], '{"a"', id="behind an empty object"),
    ],
)
def test_what_is_sure_goes_out_at_once(pieces: list[str], now: str) -> None:
    arguments = Arguments()
    assert "".join(map(arguments.feed, pieces)) == now
    assert arguments.begun is bool(now)


@pytest.mark.parametrize(
    "pieces, text",
    [
        pytest.param(['{"a":1}', '{"a":1}'], '{"a":1}', id="sent twice"),
        pytest.param(['{"a":1}{"a":1}'], '{"a":1}', id="twice in one piece"),
        pytest.param(['{"a":1}', "}"], '{"a":1}', id="a bracket too many"),
        pytest.param(["{}", "x"], "{}", id="rubbish behind an empty object"),
    ],
)
def test_what_comes_behind_the_object_is_late(pieces: list[str], text: str) -> None:
    out, ending, arguments = run(*pieces)
    assert out == text
    assert arguments.late and arguments.complete and not ending.cut


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[1]", id="a list"),
        pytest.param('"{}"', id="a string"),
        pytest.param("5", id="a number"),
        pytest.param("get weather", id="no JSON"),
        pytest.param("nullx", id="almost null"),
    ],
)
def test_what_is_no_object_stands_in_one(text: str) -> None:
    out, ending, _ = run(*text)
    assert json.loads(out) == {"_raw": text}
    assert not ending.valid and not ending.cut


@pytest.mark.parametrize(
    "pieces, limited",
    [
        pytest.param(['{"a":'], False, id="the answer ended inside, whatever the reason"),
        pytest.param(['{"a":"b'], True, id="a limit inside a string"),
        pytest.param(["{"], False, id="one bracket"),
        pytest.param([""], True, id="a limit before the first character"),
        pytest.param(['"ab'], True, id="a limit inside what is no object"),
    ],
)
def test_half_a_call_is_cut(pieces: list[str], limited: bool) -> None:
    out, ending, arguments = run(*pieces, cut=limited)
    assert out == "".join(pieces)
    assert ending.cut and not ending.valid and not arguments.complete


def test_a_limit_behind_a_whole_object_cuts_nothing() -> None:
    assert run('{"a":1}', cut=True)[1] == Ending("")
    assert run("{}", cut=True)[1] == Ending("{}")
    assert run("null", cut=True)[1] == Ending("{}")


def test_what_has_gone_out_and_is_no_json_is_said_to_be_invalid() -> None:
    out, ending, _ = run("{a:1}")
    assert (out, ending) == ("{a:1}", Ending("", valid=False))


def test_many_pieces_cost_no_more_than_their_length() -> None:
    arguments = Arguments()
    for piece in ['{"a":"', *["\\n" * 50] * 20_000, '"}']:
        arguments.feed(piece)
    assert arguments.complete


objects = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=6,
    ),
)


@given(objects, st.data())
def test_any_cutting_gives_the_same(value: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    out, ending, arguments = run(*pieces)
    assert json.loads(out) == value
    assert arguments.complete and ending.valid and not arguments.late


@given(objects.filter(bool), st.data())
def test_no_beginning_of_an_object_looks_whole(value: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(value)
    length = data.draw(st.integers(1, len(text) - 1))
    assert run(text[:length])[1].cut


@pytest.mark.parametrize(
    "value, text",
    [
        pytest.param('{"a":1}', '{"a":1}', id="text stays as it is"),
        pytest.param("{a", "{a", id="also when it is no JSON"),
        pytest.param({"a": 1}, '{"a":1}', id="an object is written out"),
        pytest.param([1], "[1]", id="so is a list"),
        pytest.param(None, "{}", id="nothing"),
        pytest.param(" ", "{}", id="blanks"),
        pytest.param("null", "{}", id="the word null"),
        pytest.param('{"_raw":"x y"}', "x y", id="what was put into an object comes out again"),
        pytest.param('{"_raw":1}', '{"_raw":1}', id="but for what we never put there"),
        pytest.param('{"_raw":"x","b":1}', '{"_raw":"x","b":1}', id="or not alone"),
        pytest.param('{"_raw":', '{"_raw":', id="or not whole"),
    ],
)
def test_arguments_of_a_history(value: Any, text: str) -> None:
    assert normal_arguments(value) == text
