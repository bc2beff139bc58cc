"""What an answer is made of: the fields around it, whose pieces of calls come, citations."""

from typing import Any

import pytest

from bridge.transform.answers import Event, PartDelta, PartEnd, PartStart, Start
from bridge.transform.context import Context, context
from bridge.transform.model import Citation, ToolCallPart
from bridge.transform.openai_chat.answer import (
    CallDeltas,
    annotations_of,
    chunk_head,
    citations_of,
    logprobs_of,
    read_start,
    sources_of,
)
from bridge.transform.sequence import Sequence

NEW = Start("", "")


def ctx() -> Context:
    return context("openai_chat", "openai_chat")


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


@pytest.mark.parametrize(
    "chunks, expected",
    [
        pytest.param(
            [{"id": "c1", "model": "m", "created": 5, "service_tier": "flex"}],
            Start("c1", "m", 5, "flex"),
            id="as documented",
        ),
        pytest.param(
            [{"id": "", "model": "", "created": 0}, {"id": "c1", "model": "m", "created": 5}],
            Start("c1", "m", 5),
            id="empty at first (Azure)",
        ),
        pytest.param(
            [{"id": "c1", "created": 5}, {"id": "c2", "created": 6}],
            Start("c1", "", 5),
            id="changing: the first counts",
        ),
        pytest.param(
            [{"created": 1_700_000_000_000}], Start("", "", 1_700_000_000), id="milliseconds"
        ),
        pytest.param([{"created": 5.5}], Start("", "", 5.5), id="a fraction"),
        pytest.param(
            [{"created": True, "id": 5, "model": None, "service_tier": "on_demand"}],
            NEW,
            id="odd types and words",
        ),
    ],
)
def test_the_fields_around_an_answer(chunks: list[dict[str, Any]], expected: Start) -> None:
    start = NEW
    for chunk in chunks:
        start = read_start(start, chunk)
    assert start == expected


def test_a_chunk_has_the_clients_fields() -> None:
    made = ctx()
    made.now = 77.7
    assert chunk_head(Start("msg_1", "m", 5.5, "flex"), made) == {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 5,
        "model": "m",
        "service_tier": "flex",
    }
    later = chunk_head(Start("msg_1", "m", None, "batch"), made)
    assert later["created"] == 77 and "service_tier" not in later


@pytest.mark.parametrize(
    "choice, expected",
    [
        pytest.param({"logprobs": {"content": [{"token": "a"}]}}, ({"token": "a"},), id="some"),
        pytest.param({"logprobs": {"content": None}}, (), id="null"),
        pytest.param({"logprobs": None}, (), id="none"),
        pytest.param({}, (), id="absent"),
    ],
)
def test_logprobs(choice: dict[str, Any], expected: tuple[Any, ...]) -> None:
    assert logprobs_of(choice) == expected


def about(**fields: Any) -> dict[str, Any]:
    return {"type": "url_citation", "url_citation": fields}


@pytest.mark.parametrize(
    "annotations, expected",
    [
        pytest.param(
            [about(url="u", title="t", start_index=12, end_index=15)],
            [Citation("u", "t", start=2, end=5)],
            id="places count from the part",
        ),
        pytest.param(
            [about(url="u", start_index=3, end_index=None)],
            [Citation("u", start=0)],
            id="never before it, and may be missing",
        ),
        pytest.param(
            [
                {
                    "type": "url_citation",
                    "url": "u",
                    "title": "t",
                    "start_index": 10,
                    "end_index": 11,
                }
            ],
            [Citation("u", "t", start=0, end=1)],
            id="flat, as Responses has them",
        ),
        pytest.param([about(title="t"), {"type": "file", "url": "u"}, 5], [], id="no page"),
        pytest.param({"url": "u"}, [], id="no list"),
    ],
)
def test_citations_are_read(annotations: Any, expected: list[Citation]) -> None:
    assert list(citations_of(annotations, 10)) == expected


@pytest.mark.parametrize(
    "beside, expected",
    [
        pytest.param(
            {
                "citations": ["u", "v", "u"],
                "search_results": [{"url": "v", "title": "V"}, {"url": "w", "title": "W"}, 5],
            },
            [Citation("u"), Citation("v", "V")],
            id="pages, some with a title",
        ),
        pytest.param(
            {"search_results": [{"url": "w", "title": "W"}, {"title": "x"}]},
            [Citation("w", "W")],
            id="what was found",
        ),
        pytest.param({"citations": [5, "", None], "search_results": "x"}, [], id="nothing"),
    ],
)
def test_sources_of_the_whole_text_are_read(beside: Any, expected: list[Citation]) -> None:
    assert sources_of(beside) == expected


def test_citations_are_written_with_places_in_the_whole_text() -> None:
    made = ctx()
    citations = [Citation("u", "t", start=2, end=5), Citation("v"), Citation(None, "in a document")]
    assert list(annotations_of(citations, 10, 20, made)) == [
        about(start_index=12, end_index=15, title="t", url="u"),
        about(start_index=10, end_index=30, title="", url="v"),
    ]
    assert codes(made) == ["citations_dropped"]


# --- calls


def piece(
    index: Any = None, id: Any = None, name: Any = None, arguments: Any = None, **more: Any
) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    keys = {"index": index, "id": id}
    known = {k: v for k, v in keys.items() if v is not None}
    return {**known, "function": {k: v for k, v in function.items() if v is not None}, **more}


def calls(*deltas: Any) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Id, name and arguments of each call, in order."""
    made = ctx()
    sequence = Sequence()
    reader = CallDeltas(sequence, made.notes, pytest.fail)
    for delta in deltas:
        reader.read(delta if isinstance(delta, dict) else {"tool_calls": delta})
    sequence.finish(cut=False)
    return folded(sequence.take()), codes(made)


def folded(events: list[Event]) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    is_open = False
    for event in events:
        match event:
            case PartStart(ToolCallPart(id, name)):
                assert not is_open
                found.append((id, name, ""))
            case PartDelta(text):
                found[-1] = (*found[-1][:2], found[-1][2] + text)
            case _:
                assert isinstance(event, PartEnd)
        is_open = not isinstance(event, PartEnd)
    assert not is_open
    return found


AB = [("1", "a", '{"x":1}'), ("2", "b", '{"y":2}')]


@pytest.mark.parametrize(
    "deltas, expected",
    [
        pytest.param(
            [
                [piece(0, "1", "a", "")],
                [piece(0, arguments='{"x":')],
                [piece(0, arguments="1}")],
                [piece(1, "2", "b", "")],
                [piece(1, arguments='{"y":2}')],
            ],
            AB,
            id="as documented",
        ),
        pytest.param(
            [
                [piece(0, "1", "a", ""), piece(1, "2", "b", "")],
                [piece(1, arguments='{"y":')],
                [piece(0, arguments='{"x":1}')],
                [piece(1, arguments="2}")],
            ],
            AB,
            id="trap 24: interleaved",
        ),
        pytest.param(
            [[piece(0, "1", "a", '{"x":1}')], [piece(0, "2", "b", '{"y":2}')]],
            AB,
            id="trap 24: another id under one index",
        ),
        pytest.param(
            [
                [piece(0, "1", "a", "")],
                [piece(0, arguments='{"x":1}')],
                [piece(0, "2", "b", "")],
                [piece(0, arguments='{"y":2}')],
            ],
            AB,
            id="trap 24: what follows it belongs to the newer",
        ),
        pytest.param(
            [[piece(None, "1", "a", '{"x":1}'), piece(None, "2", "b", '{"y":2}')]],
            AB,
            id="trap 24: no index, but ids",
        ),
        pytest.param(
            [
                [piece(None, "1", "a", '{"x"')],
                [piece(None, "2", "b", '{"y"')],
                [piece(None, "1", None, ":1}"), piece(None, "2", None, ":2}")],
            ],
            AB,
            id="trap 24: no index, interleaved by id",
        ),
        pytest.param(
            [[piece(None, "1", "a", '{"x"')], [piece(arguments=":1}")]],
            AB[:1],
            id="no index and no id: the last call",
        ),
        pytest.param(
            [[piece(name="a", arguments='{"x":1}'), piece(name="b", arguments='{"y":2}')]],
            [("", "a", '{"x":1}'), ("", "b", '{"y":2}')],
            id="trap 24: neither, but side by side",
        ),
        pytest.param(
            [[piece(name="a", arguments='{"x":1}')], [piece(name="a", arguments='{"y":2}')]],
            [("", "a", '{"x":1}'), ("", "a", '{"y":2}')],
            id="trap 24: neither, one after the other",
        ),
        pytest.param(
            [[piece(name="a", arguments="{}"), piece(name="a", arguments="{}")]],
            [("", "a", "{}"), ("", "a", "{}")],
            id="neither, and nothing to tell them apart but their places",
        ),
        pytest.param(
            [[piece(0, "", "a", '{"x":1}')], [piece(0, "", "b", '{"y":2}')]],
            [("", "a", '{"x":1}'), ("", "b", '{"y":2}')],
            id="trap 24: one index and empty ids, whole calls",
        ),
        pytest.param(
            [
                [piece(0, "1", "a", '{"x"')],
                [piece(0, "1", "a", ":1}")],
                [piece(0, "", "a", "")],
                [piece(0, None, None, None)],
            ],
            AB[:1],
            id="trap 23: id and name repeated, then empty",
        ),
        pytest.param(
            [[piece(0, None, None, '{"x"')], [piece(0, None, "a", ":1}")], [piece(0, "1")]],
            [("", "a", '{"x":1}')],
            id="trap 23: tool name late, id later",
        ),
        pytest.param(
            [[piece(0, None, None, '{"x"')], [piece(0, "1", "", ":1}")], [piece(0, None, "a")]],
            AB[:1],
            id="trap 23: id before the name",
        ),
        pytest.param([[piece(0, "1", "a", {"x": 1})]], AB[:1], id="arguments as an object"),
        pytest.param([[piece(0, "1", "a")]], [("1", "a", "{}")], id="no arguments"),
        pytest.param([[piece(0, "1", "a", "null")]], [("1", "a", "{}")], id="arguments null"),
        pytest.param(
            [[piece(0, "1", "a", "{}")], [piece(0, None, "a", '{"x":1}')]],
            AB[:1],
            id="an empty object before the real one",
        ),
        pytest.param([[piece(True, "1", "a", '{"x":1}')]], AB[:1], id="an index that is none"),
        pytest.param([[None, 5, {"index": 0}, {"function": None}]], [], id="nothing in it"),
        pytest.param([[piece(0, "", "", "")], {"tool_calls": "x"}], [], id="empty strings"),
        pytest.param(
            [{"function_call": {"name": "a", "arguments": ""}}]
            + [{"function_call": {"arguments": text}} for text in ('{"x"', ":1}")],
            [("", "a", '{"x":1}')],
            id="the older form",
        ),
        pytest.param(
            [{"function_call": {"name": "", "arguments": ""}}], [], id="which may be empty"
        ),
        pytest.param(
            [[piece(0, "1", "a", '{"x":1}', custom={"name": "", "input": ""})]],
            AB[:1],
            id="an empty custom beside the function (Snowflake)",
        ),
        pytest.param(
            [
                [{"index": 0, "id": "1", "type": "custom", "custom": {"name": "a", "input": "4 "}}],
                [{"index": 0, "custom": {"input": "+ 4"}}],
            ],
            [("1", "a", "4 + 4")],
            id="trap 29: a freeform call",
        ),
    ],
)
def test_pieces_find_their_call(deltas: list[Any], expected: list[tuple[str, str, str]]) -> None:
    assert calls(*deltas) == (expected, [])


def test_a_call_sent_twice_is_one() -> None:
    whole = [piece(0, "1", "a", '{"x":1}')]
    assert calls(whole, whole) == (AB[:1], ["late_tool_delta"])
