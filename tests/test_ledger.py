"""What the ledger gives back, and to whom."""

from bridge.bounded import Bounds
from bridge.ledger import Ledger
from bridge.transform import Native, Turn

NATIVE = Native("anthropic_messages", ({"content": [{"type": "thinking"}]},), "up", "claude")
BOUNDS = Bounds(10_000, 60)


def test_a_turn_is_found_by_the_first_key_that_is_known() -> None:
    ledger = Ledger(BOUNDS)
    ledger.record(Turn((b"call", b"place"), NATIVE), [], "up", 0)
    assert ledger.at(1).recall([b"unknown", b"place"]) == NATIVE
    assert ledger.at(1).recall([b"unknown"]) is None
    assert ledger.at(61).recall([b"call"]) is None


def test_who_made_a_signature_is_known_and_of_others_nothing() -> None:
    ledger = Ledger(BOUNDS)
    ledger.record(None, ["sig", "\ud800"], "up", 0)
    ledger.record(None, ["sig"], "backup", 1)
    moment = ledger.at(2)
    assert (moment.owner("sig"), moment.owner("\ud800")) == ("backup", "up")
    assert moment.owner("other") is None


def test_it_knows_whose_turns_there_can_be() -> None:
    ledger = Ledger(BOUNDS)
    ledger.record(None, ["sig"], "other", 0)
    ledger.record(Turn((b"call",), NATIVE), [], "up", 0)
    assert ledger.at(1).knows("up")
    assert not ledger.at(1).knows("other")


def test_old_entries_go_when_new_ones_come() -> None:
    ledger = Ledger(BOUNDS)
    ledger.record(Turn((b"call",), NATIVE), ["sig"], "up", 0)
    assert ledger.size
    ledger.record(None, [], "up", 61)
    assert ledger.size == 0


def test_other_bounds_keep_what_is_known() -> None:
    ledger = Ledger(BOUNDS)
    ledger.record(Turn((b"call",), NATIVE), [], "up", 0)
    assert ledger.resized(Bounds(5_000, 30)) is ledger
    assert ledger.at(1).recall([b"call"]) == NATIVE
    assert ledger.at(31).recall([b"call"]) is None
