import pytest

from bridge.transform.context import Context, context
from bridge.transform.envelope import MAX_BYTES
from bridge.transform.families import ANTHROPIC, OPENAI
from bridge.transform.model import Native, Protocol
from bridge.transform.notes import Note
from bridge.transform.profile import Profile

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
NATIVE = Native(A, ({"signature": "s"},), "primary", "claude-opus-5-5")


def exchange(upstream_id: str = "primary", key: bytes = b"key") -> Context:
    return Context(C, A, ANTHROPIC, upstream_id=upstream_id, key=key)


def test_state_comes_back_from_the_client_as_it_was() -> None:
    ctx = exchange()
    sealed = ctx.seal(NATIVE)
    assert sealed is not None and sealed.startswith("brg1.")
    assert exchange("another").unseal(sealed, "messages[1]") == NATIVE
    assert not list(ctx.notes)


@pytest.mark.parametrize(
    "upstream, of",
    [pytest.param("primary", "primary", id="named"), pytest.param("", A, id="without a name")],
)
def test_state_that_is_too_large_is_noted(upstream: str, of: str) -> None:
    ctx = exchange()
    assert ctx.seal(Native(A, ("x" * MAX_BYTES,), upstream)) is None
    assert list(ctx.notes) == [Note("opaque_too_large", "", f"state of {of}")]


def test_state_that_is_no_good_is_noted_with_its_place() -> None:
    ctx = exchange()
    sealed = exchange(key=b"of another installation").seal(NATIVE)
    assert sealed is not None
    assert ctx.unseal(sealed, "messages[1].content[0]") is None
    assert list(ctx.notes) == [Note("opaque_invalid", "messages[1].content[0]", "")]


@pytest.mark.parametrize(
    "protocol, upstream, owns",
    [
        pytest.param(A, "primary", True, id="its own"),
        pytest.param(A, "backup", False, id="of another upstream with its protocol"),
        pytest.param(C, "primary", False, id="of another protocol"),
        pytest.param(A, "", False, id="of nobody knows whom"),
    ],
)
def test_trap_36_state_goes_only_to_who_made_it(
    protocol: Protocol, upstream: str, owns: bool
) -> None:
    assert exchange().owns(Native(protocol, (), upstream)) is owns


@pytest.mark.parametrize(
    "upstream, given, profile",
    [
        pytest.param(A, None, ANTHROPIC, id="Anthropic's"),
        pytest.param(C, None, OPENAI, id="OpenAI's"),
        pytest.param(C, Profile(top_k=True), Profile(top_k=True), id="a given one"),
    ],
)
def test_the_profile_is_the_vendors_by_default(
    upstream: Protocol, given: Profile | None, profile: Profile
) -> None:
    ctx = context(A, upstream, given)
    assert (ctx.client, ctx.upstream, ctx.profile) == (A, upstream, profile)


def test_two_exchanges_share_no_notes() -> None:
    one, other = context(A, C), context(A, C)
    one.notes.add("usage_missing", "usage")
    assert not list(other.notes)
