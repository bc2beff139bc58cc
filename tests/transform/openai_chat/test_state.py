"""State in a history that is passed on: what is found, and what is left without it."""

from typing import Any

import pytest

from bridge.transform.context import context
from bridge.transform.openai_chat import states, without_identity, without_state

C = "openai_chat"
SEALED = "brg1.x.y"
USER = {"role": "user", "content": "hi"}
OURS = {"type": "reasoning.encrypted", "data": SEALED}
SIGNED = {"type": "reasoning.text", "text": "hm", "signature": "sig"}
PLAIN = {"type": "reasoning.text", "text": "hm"}


def body(*details: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": "said", "reasoning_details": [*details]}
    return {"messages": [USER, said]}


def test_states_are_signatures_and_ciphertexts() -> None:
    assert list(states(body(OURS, SIGNED, PLAIN))) == [SEALED, "sig"]


@pytest.mark.parametrize(
    "odd",
    [
        None,
        {},
        {"messages": {}},
        {"messages": [None, {"reasoning_details": "text"}, {"reasoning_details": [None]}]},
    ],
)
def test_odd_bodies_hold_none_and_stay(odd: Any) -> None:
    assert list(states(odd)) == []
    assert without_state(odd, bare=True, ctx=context(C, C)) is odd


@pytest.mark.parametrize(
    "details, bare, kept",
    [
        pytest.param([SIGNED, PLAIN], False, [SIGNED, PLAIN], id="the server's own stays"),
        pytest.param([OURS, SIGNED], False, [SIGNED], id="an envelope goes"),
        pytest.param([OURS, SIGNED, PLAIN], True, [PLAIN], id="all state goes"),
    ],
)
def test_trap_36_what_is_left(details: Any, bare: bool, kept: Any) -> None:
    given, ctx = body(*details), context(C, C)
    assert without_state(given, bare=bare, ctx=ctx) == body(*kept)
    assert given == body(*details)
    assert [note.code for note in ctx.notes] == ["opaque_foreign"] * (len(details) - len(kept))


def test_a_field_that_is_left_empty_goes() -> None:
    kept = without_state(body(OURS), bare=False, ctx=context(C, C))
    assert kept["messages"] == [USER, {"role": "assistant", "content": "said"}]


def test_agents_tell_their_vendor_nothing_in_it() -> None:
    given = body(SIGNED)
    assert without_identity(given, context(C, C)) is given
