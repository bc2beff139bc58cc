"""State in a history that is passed on: what is found, and what is left without it."""

from typing import Any

import pytest

from bridge.transform.anthropic_messages import states, without_identity, without_state
from bridge.transform.context import context
from bridge.transform.families import COMPATIBLE
from bridge.transform.profile import Profile

A = "anthropic_messages"
SEALED = "brg1.x.y"
USER = {"role": "user", "content": "hi"}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]}
THINKING = {"type": "thinking", "thinking": "hm", "signature": "sig"}
OURS = {"type": "thinking", "thinking": "hm", "signature": SEALED}
UNSIGNED = {"type": "thinking", "thinking": "hm"}
REDACTED = {"type": "redacted_thinking", "data": "secret"}
TEXT = {"type": "text", "text": "said"}
USE = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
SEARCH = {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srv", "content": []}

SHOWN = {**SEARCH, "id": "srvtoolu_brg1_1"}
SHOWN_RESULT = {**FOUND, "tool_use_id": "srvtoolu_brg1_1"}
SUMMED = {"type": "compaction", "content": "We met.\n", "encrypted_content": "ct", "signature": "s"}
OUR_SUMMARY = {**SUMMED, "signature": None, "encrypted_content": SEALED}
TOLD = {"type": "text", "text": "We met.\n"}
UPLOADED = {"type": "container_upload", "file_id": "file_1"}
PLACE = {"type": "char_location", "cited_text": "a", "document_index": 0}


def source(index: Any) -> dict[str, Any]:
    return {"type": "web_search_result_location", "url": "u", "encrypted_index": index}


def cited(*citations: Any) -> dict[str, Any]:
    return {**TEXT, "citations": [*citations]}


def body(*content: Any, **fields: Any) -> dict[str, Any]:
    return {"messages": [USER, {"role": "assistant", "content": [*content]}, RESULT], **fields}


def left(
    given: Any, *, bare: bool, profile: Profile | None = None
) -> tuple[Any, list[tuple[str, str]]]:
    """What is left of `given`, and the notes."""
    ctx = context(A, A, profile)
    kept = without_state(given, bare=bare, ctx=ctx)
    return kept, [(note.code, note.where) for note in ctx.notes]


def test_states_are_signatures_ciphertexts_and_ids_of_server_tools() -> None:
    content = [THINKING, OURS, UNSIGNED, REDACTED, TEXT, USE, SEARCH, FOUND, SHOWN, SHOWN_RESULT]
    assert list(states(body(*content))) == ["sig", SEALED, "secret", "srv"]


def test_states_are_those_of_summaries_and_citations_too() -> None:
    summed = {**SUMMED, "signature": None}
    content = [SUMMED, summed, cited(source("i1"), PLACE, source(""), None, source("i2")), UPLOADED]
    assert list(states(body(*content))) == ["s", "ct", "i1", "i2"]


@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        {},
        {"messages": None},
        {"messages": [None, {"role": "assistant"}]},
        {"messages": [{"role": "assistant", "content": [None, {"type": 5, "id": {}}]}]},
        {"messages": [{"role": "user", "content": [THINKING]}]},
    ],
)
def test_odd_bodies_hold_none_and_stay(odd: Any) -> None:
    assert list(states(odd)) == []
    assert without_state(odd, bare=True, ctx=context(A, A)) is odd


@pytest.mark.parametrize(
    "content, bare, kept, codes",
    [
        pytest.param([THINKING, TEXT], False, [THINKING, TEXT], [], id="the vendor's own stays"),
        pytest.param([OURS, TEXT], False, [TEXT], ["opaque_foreign"], id="an envelope goes"),
        pytest.param(
            [SHOWN, SHOWN_RESULT, SEARCH, FOUND, TEXT],
            False,
            [SEARCH, FOUND, TEXT],
            ["hint_dropped"] * 2,
            id="a search that another vendor's tool made goes",
        ),
        pytest.param(
            [THINKING, REDACTED, UNSIGNED, SEARCH, FOUND, TEXT, USE],
            True,
            [TEXT, USE],
            ["opaque_foreign"] * 3 + ["server_tool_dropped"] * 2,
            id="another upstream's goes altogether",
        ),
        pytest.param(
            [cited(source("i"), PLACE), UPLOADED],
            False,
            [cited(source("i"), PLACE), UPLOADED],
            [],
            id="the vendor's own citations and files stay",
        ),
        pytest.param(
            [cited(source("i"), PLACE, None), cited(source("i")), UPLOADED],
            True,
            [cited(PLACE, None), TEXT],
            ["hint_dropped"] * 2 + ["server_tool_dropped"],
            id="another upstream's go, but for places in documents",
        ),
        pytest.param(
            [cited(source(""), source(SEALED), source("i"))],
            False,
            [cited(source("i"))],
            ["hint_dropped"],
            id="a citation that stands for another vendor's goes",
        ),
        pytest.param(
            [SEARCH, {**FOUND, "content": [None, {"encrypted_content": SEALED}]}, FOUND, TEXT],
            False,
            [SEARCH, FOUND, TEXT],
            ["server_tool_dropped"],
            id="an envelope inside of a result goes",
        ),
        pytest.param(
            [{"type": "advisor_tool_result", "content": {"encrypted_content": SEALED}}, TEXT],
            False,
            [TEXT],
            ["server_tool_dropped"],
            id="and in one that is no list",
        ),
    ],
)
def test_trap_36_what_is_left(content: Any, bare: bool, kept: Any, codes: list[str]) -> None:
    given = body(*content)
    result, notes = left(given, bare=bare)
    assert result == body(*kept) and given == body(*content)
    assert [code for code, _ in notes] == codes
    assert all(where.startswith("messages[1].content[") for _, where in notes)


def turn(role: str, *content: Any) -> dict[str, Any]:
    return {"role": role, "content": [*content]}


SAID = turn("assistant", TEXT)
HI = {"type": "text", "text": "hi"}
LATE = {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize(
    "before, summary, after",
    [
        pytest.param([USER], SUMMED, [turn("user", HI, TOLD), SAID], id="behind a text"),
        pytest.param([RESULT], SUMMED, [turn("user", *RESULT["content"], TOLD), SAID], id="blocks"),
        pytest.param([], SUMMED, [turn("user", TOLD), SAID], id="at the beginning"),
        pytest.param([SAID], SUMMED, [SAID, turn("user", TOLD), SAID], id="behind an answer"),
        pytest.param(
            [USER, LATE], SUMMED, [turn("user", HI, TOLD), LATE, SAID], id="before system text"
        ),
        pytest.param(
            [USER],
            {**SUMMED, "cache_control": {"type": "ephemeral"}},
            [turn("user", HI, {**TOLD, "cache_control": {"type": "ephemeral"}}), SAID],
            id="with its mark",
        ),
    ],
)
def test_a_user_tells_what_another_upstream_summed_up(
    before: Any, summary: Any, after: Any
) -> None:
    given = {"messages": [*before, turn("assistant", summary, TEXT), USER]}
    kept, notes = left(given, bare=True)
    assert kept == {"messages": [*after, USER]}
    assert notes == [("hint_dropped", f"messages[{len(before)}].content[0]")]
    assert left(given, bare=False) == (given, [])


def test_a_summary_that_was_sealed_here_goes_to_nobody() -> None:
    kept, notes = left(body(OUR_SUMMARY), bare=False)
    assert kept == {"messages": [turn("user", HI, TOLD), RESULT]}
    assert [code for code, _ in notes] == ["hint_dropped"]


@pytest.mark.parametrize("content", [None, "", " "])
def test_a_summary_without_a_text_is_lost(content: Any) -> None:
    assert left(body({**SUMMED, "content": content}, TEXT), bare=True) == (
        body(TEXT),
        [("opaque_foreign", "messages[1].content[0]")],
    )


@pytest.mark.parametrize("unsigned", [UNSIGNED, {**UNSIGNED, "thinking": "", "signature": ""}])
def test_unsigned_thinking_goes_where_signatures_are_checked(unsigned: Any) -> None:
    given = body(unsigned, THINKING, USE)
    kept, notes = left(given, bare=False)
    assert kept == body(THINKING, USE) and notes == [("opaque_foreign", "messages[1].content[0]")]
    assert left(given, bare=False, profile=COMPATIBLE[A]) == (given, [])


@pytest.mark.parametrize("odd", [None, 5, {}, {"role": "assistant"}, {"content": True}])
def test_what_makes_no_sense_beside_it_stays_for_its_vendor_to_tell(odd: Any) -> None:
    given = body(THINKING, USE, thinking={"type": "enabled", "budget_tokens": 2_000})
    given["messages"].append(odd)
    kept, _ = left(given, bare=True)
    assert kept["messages"][-1] == odd and kept["messages"][1]["content"] == [USE]


def test_a_turn_that_is_left_empty_goes() -> None:
    assert left(body(THINKING), bare=True)[0]["messages"] == [USER, RESULT]


MANUAL = {"type": "enabled", "budget_tokens": 2000}


@pytest.mark.parametrize(
    "content, thinking, stays",
    [
        pytest.param([THINKING, USE], MANUAL, False, id="a tool loop without its thinking"),
        pytest.param([THINKING, TEXT], MANUAL, True, id="no tool loop"),
        pytest.param([OURS, THINKING, USE], MANUAL, True, id="thinking that stays in front"),
        pytest.param([THINKING, USE], {"type": "adaptive"}, True, id="a model that decides itself"),
        pytest.param([THINKING, USE], "odd", True, id="something odd"),
    ],
)
def test_a_thinking_budget_goes_with_the_thinking(content: Any, thinking: Any, stays: bool) -> None:
    kept, notes = left(body(*content, thinking=thinking), bare=OURS not in content)
    assert ("thinking" in kept) is stays
    assert ("thinking_conflict" in dict(notes)) is not stays


def test_without_an_answer_in_the_history_the_budget_stays() -> None:
    odd = {"role": "assistant", "content": "text"}
    given = {"messages": [{"role": "assistant", "content": [THINKING]}, odd], "thinking": MANUAL}
    assert left(given, bare=True)[0] == {"messages": [odd], "thinking": MANUAL}
    alone = {"messages": [{"role": "assistant", "content": [THINKING]}], "thinking": MANUAL}
    assert left(alone, bare=True)[0] == {"messages": [], "thinking": MANUAL}


BILLING = "x-anthropic-billing-header: cc_version=2; cch=1f;"


@pytest.mark.parametrize(
    "system, kept",
    [
        pytest.param(f"{BILLING}\nBe brief.", "Be brief.", id="in a string"),
        pytest.param([{"type": "text", "text": BILLING}, TEXT], [TEXT], id="in a block of its own"),
        pytest.param(
            [{"type": "text", "text": f"{BILLING}\nBe brief.", "cache_control": {}}],
            [{"type": "text", "text": "Be brief.", "cache_control": {}}],
            id="in front of other text",
        ),
    ],
)
def test_trap_34_billing_is_told_to_the_apps_own_vendor_only(system: Any, kept: Any) -> None:
    ctx = context(A, A)
    assert without_identity({"model": "m", "system": system}, ctx) == {"model": "m", "system": kept}
    assert [note.code for note in ctx.notes] == ["billing_header_dropped"]


@pytest.mark.parametrize("body", [None, [], {}, {"system": "plain"}, {"system": [None, 5, TEXT]}])
def test_a_body_without_it_stays_as_it_is(body: Any) -> None:
    assert without_identity(body, context(A, A)) is body
