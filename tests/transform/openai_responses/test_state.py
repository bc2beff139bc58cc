"""State in a history that is passed on: what is found, and what is left without it."""

from typing import Any

import pytest

from bridge.transform.context import context
from bridge.transform.envelope import seal
from bridge.transform.model import Native
from bridge.transform.openai_responses import states, without_identity, without_state

R = "openai_responses"
SEALED = "brg1.x.y"
USER = {"role": "user", "content": "hi"}
SAID = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "secret"}
OURS = {"type": "reasoning", "summary": [], "encrypted_content": SEALED}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
COMPACTION = {"type": "compaction", "encrypted_content": "packed"}


def test_states_are_ciphertexts_and_ids_of_what_a_vendor_alone_made() -> None:
    items = [USER, SAID, CALL, REASONING, OURS, SEARCH, COMPACTION, {"type": "reasoning"}]
    assert list(states({"input": items})) == ["secret", SEALED, "ws_1", "packed"]


@pytest.mark.parametrize("odd", [None, {}, {"input": "text"}, {"input": [None, {"type": 5}]}])
def test_odd_bodies_hold_none_and_stay(odd: Any) -> None:
    assert list(states(odd)) == []
    assert without_state(odd, bare=True, ctx=context(R, R)) is odd


@pytest.mark.parametrize(
    "items, bare, kept, codes",
    [
        pytest.param([REASONING, SAID], False, [REASONING, SAID], [], id="the vendor's own stays"),
        pytest.param([OURS, SEARCH], False, [SEARCH], ["opaque_foreign"], id="an envelope goes"),
        pytest.param(
            [REASONING, SEARCH, SAID, CALL, COMPACTION],
            True,
            [SAID, CALL],
            ["opaque_foreign", "hosted_output_dropped", "opaque_foreign"],
            id="another upstream's goes altogether",
        ),
    ],
)
def test_trap_36_what_is_left(items: Any, bare: bool, kept: Any, codes: list[str]) -> None:
    ctx = context(R, R)
    assert without_state({"input": [USER, *items]}, bare=bare, ctx=ctx) == {"input": [USER, *kept]}
    assert [note.code for note in ctx.notes] == codes


def sealed(*blocks: Any) -> dict[str, Any]:
    state = seal(Native(R, blocks), b"\0")
    return {"type": "compaction", "encrypted_content": state}


def test_a_summary_of_ours_is_told_by_the_user() -> None:
    given = {"input": [USER, sealed({"type": "compaction", "content": "so far"}), SAID]}
    told = {"type": "message", "role": "user", "content": "so far"}
    ctx = context(R, R)
    assert without_state(given, bare=True, ctx=ctx) == {"input": [USER, told, SAID]}
    assert len(ctx.notes) == 0


@pytest.mark.parametrize("item", [sealed(), sealed({"type": "reasoning"})])
def test_what_is_sealed_and_no_summary_goes(item: Any) -> None:
    kept = without_state({"input": [USER, item]}, bare=False, ctx=context(R, R))
    assert kept == {"input": [USER]}


TOLD = {**CALL, "internal_chat_message_metadata_passthrough": {"turn_id": "t"}}


@pytest.mark.parametrize(
    "given, kept",
    [
        ({"client_metadata": {"session_id": "s"}, "input": "hi"}, {"input": "hi"}),
        ({"input": [TOLD, None, {**USER, "metadata": {}}]}, {"input": [CALL, None, USER]}),
    ],
)
def test_what_an_agent_tells_its_own_vendor_goes(given: Any, kept: Any) -> None:
    ctx = context(R, R)
    assert without_identity(given, ctx) == kept
    assert [note.code for note in ctx.notes] == ["hint_dropped"]


@pytest.mark.parametrize("body", [None, {}, {"input": "text"}, {"input": [CALL]}])
def test_a_body_without_it_stays_as_it_is(body: Any) -> None:
    assert without_identity(body, context(R, R)) is body
