"""What is learned of an upstream's refusals, for whom it holds, and for how long."""

import json
from typing import Any

import pytest

from bridge.call import Call
from bridge.config import parse
from bridge.repairs import MAX_KNOWN, MAX_REPAIRS, Fit, Repairs
from bridge.transform import Error

UPSTREAMS = parse(
    """
upstreams:
  chat: {protocol: openai_chat, url: https://chat.example/v1, models: {"big-*": gpt}}
  other: {protocol: openai_chat, url: https://other.example/v1}
  claude: {protocol: anthropic_messages, url: https://api.anthropic.com, api_key: k}
""",
    "c",
    {},
).upstreams
CHAT, OTHER, CLAUDE = (UPSTREAMS[name] for name in ("chat", "other", "claude"))
STORE = Error("invalid_request", "Unknown parameter: 'store'.", 400)
SIGNATURE = Error("invalid_request", "Invalid `signature` in `thinking` block", 400)
FULL = Error(
    "context_length",
    "maximum context length is 4096 tokens and your request has 1000 input tokens",
    400,
)
UNBOUND = Error("invalid_request", "signature bound to a different conversation", 400)


def call(
    model: str = "big-1",
    session: str = "s",
    protocol: Any = "openai_chat",
    host: str = "app.example",
    **further: Any,
) -> Call:
    body = json.dumps({"model": model, "messages": [], "store": False, **further}).encode()
    headers = (("session-id", session),)
    return Call(protocol, "https", host, 443, "/v1/chat/completions", headers, body)


CALL = call()


def cured(
    known: Repairs, error: Error, *, at: Any = CHAT, of: Call = CALL, by: Fit | None = None
) -> Fit | None:
    return known.cured(by or known.fit(at, of), error, at, of, of.parsed)


def test_a_cure_is_noted_and_once_it_has_worked_known() -> None:
    known = Repairs()
    fit = cured(known, STORE)
    assert fit and fit.made().refused_fields == ("store",)
    assert [tuple(note) for note in fit.notes] == [
        ("request_repaired", "", "chat: store is left out")
    ]
    assert known.fit(CHAT, CALL) == Fit(CHAT.profile), "it may not have helped"
    known.learn(fit, CHAT, CALL)
    again = known.fit(CHAT, call("big-2", "another"))
    assert again.profile == fit.profile and again.notes == fit.notes and again.repairs == 0


def test_it_holds_for_that_upstream_and_model() -> None:
    known = Repairs()
    fit = cured(known, STORE)
    assert fit
    known.learn(fit, CHAT, CALL)
    assert known.fit(OTHER, CALL).profile == OTHER.profile
    assert known.fit(CHAT, call("small")).profile == CHAT.profile


def test_an_app_hears_what_its_own_vendor_says() -> None:
    known, own = Repairs(), call(host="chat.example")
    assert cured(known, STORE, of=own) is None
    fit = cured(known, STORE)
    assert fit
    known.learn(fit, CHAT, CALL)
    assert known.fit(CHAT, own) == Fit(CHAT.profile)


def test_there_is_an_end_to_repairs() -> None:
    tired = Fit(CHAT.profile, repairs=MAX_REPAIRS)
    assert cured(Repairs(), STORE, by=tired) is None
    fit = cured(Repairs(), STORE, by=Fit(CHAT.profile, repairs=MAX_REPAIRS - 1))
    assert fit and fit.repairs == MAX_REPAIRS


def test_other_errors_are_told() -> None:
    assert cured(Repairs(), Error("invalid_request", "no", 400)) is None


# --- state in the history


def test_state_an_upstream_does_not_take_is_not_returned_in_that_conversation() -> None:
    known = Repairs()
    fit = cured(known, SIGNATURE, at=CLAUDE)
    assert (
        fit and fit.renewed and fit.owner(CLAUDE) != CLAUDE.name == Fit(CHAT.profile).owner(CLAUDE)
    )
    assert cured(known, SIGNATURE, at=CLAUDE, by=fit) is None, "once"
    known.learn(fit, CLAUDE, CALL)
    assert known.fit(CLAUDE, CALL).renewed
    assert not known.fit(CLAUDE, call(session="another")).renewed
    assert not known.fit(CHAT, CALL).renewed


def test_thinking_of_another_conversation_is_asked_to_be_dropped() -> None:
    known = Repairs()
    fit = cured(known, UNBOUND, at=CLAUDE)
    assert fit and fit.unbound and fit.made().drop_unbound and not fit.profile.drop_unbound
    assert cured(known, UNBOUND, at=CLAUDE, by=fit) is None, "once"
    known.learn(fit, CLAUDE, CALL)
    assert known.fit(CLAUDE, CALL).made().drop_unbound
    assert known.fit(CLAUDE, call(session="another")).made() == CLAUDE.profile


@pytest.mark.parametrize(
    "at, of",
    [
        pytest.param(CHAT, CALL, id="by a server that knows no such thing"),
        pytest.param(CLAUDE, call(protocol="anthropic_messages"), id="by the app itself"),
    ],
)
def test_what_cannot_be_asked_to_be_dropped(at: Any, of: Call) -> None:
    assert cured(Repairs(), UNBOUND, at=at, of=of) is None


def test_a_limit_beyond_the_context_is_lowered_for_this_call_alone() -> None:
    known, asked = Repairs(), call(max_tokens=9_000)
    fit = cured(known, FULL, of=asked)
    assert fit and fit.made().output_limits == (("*", 3_096),)
    known.learn(fit, CHAT, asked)
    assert known.fit(CHAT, asked) == Fit(CHAT.profile), "another input leaves other room"
    assert cured(known, FULL, of=asked, by=fit) is None, "it did not help"


def test_options_and_state_are_learned_together() -> None:
    known = Repairs()
    fit = cured(known, SIGNATURE)
    both = cured(known, STORE, by=fit)
    assert both
    known.learn(both, CHAT, CALL)
    again = known.fit(CHAT, CALL)
    assert again.renewed and again.profile.refused_fields == ("store",)
    assert again.notes == both.notes


# --- bounds


def test_the_oldest_is_forgotten() -> None:
    known = Repairs()
    calls = [call(f"m{n}", f"s{n}") for n in range(MAX_KNOWN + 1)]
    for one in calls:
        fit = cured(known, SIGNATURE, of=one, by=cured(known, STORE, of=one))
        assert fit
        known.learn(fit, CHAT, one)
    first, last = known.fit(CHAT, calls[0]), known.fit(CHAT, calls[-1])
    assert first == Fit(CHAT.profile)
    assert last.renewed and last.profile != CHAT.profile


@pytest.mark.parametrize("whom, left", [("chat", False), ("other", True), (None, False)])
def test_by_hand_it_is_forgotten(whom: str | None, left: bool) -> None:
    known = Repairs()
    fit = cured(known, SIGNATURE, by=cured(known, STORE))
    assert fit
    known.learn(fit, CHAT, CALL)
    known.forget(whom)
    again = known.fit(CHAT, CALL)
    assert (again.renewed, again.profile != CHAT.profile) == (left, left)
