"""What is remembered of apps, and for how long."""

import pytest

from bridge.observed import LEFT, LONGEST, MAX_AGE, MOST, Observed

ALERT = "OpenSSL Error([('SSL routines', '', 'tlsv1 alert unknown ca')])"


@pytest.fixture
def observed() -> Observed:
    return Observed()


def kinds(observed: Observed, now: float = 0.0) -> list[tuple[str, str, str, int]]:
    return [(e.kind, e.host, e.app, e.times) for e in observed.entries(now)]


@pytest.mark.parametrize(
    "reason, kind",
    [
        pytest.param(ALERT, "untrusted", id="an alert: unknown CA"),
        pytest.param("sslv3 alert bad certificate", "untrusted", id="an alert: bad certificate"),
        pytest.param("ssl/tls alert certificate unknown", "untrusted", id="an alert of Java's"),
        pytest.param(f"The client {LEFT}. If this", "broken_off", id="it hung up"),
        pytest.param("OpenSSL Error([('', '', 'no shared cipher')])", "tls_failed", id="no cipher"),
        pytest.param("connection closed early", None, id="it had not begun"),
        pytest.param("Cannot parse ClientHello: 00", None, id="it was no TLS"),
    ],
)
def test_what_the_end_of_a_handshake_tells(
    observed: Observed, reason: str, kind: str | None
) -> None:
    assert observed.handshake_failed("h", "a", reason, 0) is (kind is not None)
    assert kinds(observed) == ([(kind, "h", "a", 1)] if kind else [])
    assert observed.awaits_trust is (kind is not None)


def test_what_happens_again_is_counted_and_comes_first(observed: Observed) -> None:
    observed.unhandled("one", "a", 1)
    observed.tunnelled("two", "a", 2)
    observed.unhandled("one", "a", 3)
    assert kinds(observed, 3) == [("unhandled", "one", "a", 2), ("tunnelled", "two", "a", 1)]
    first, _ = observed.entries(3)
    assert (first.first, first.last) == (1, 3)


def test_an_app_that_comes_back_is_well_until_the_next_time(observed: Observed) -> None:
    observed.handshake_failed("h", "a", ALERT, 1)
    observed.trusted("h", "another", 2)
    observed.trusted("elsewhere", "a", 2)
    [entry] = observed.entries(2)
    assert not entry.is_back
    observed.trusted("h", "a", 3)
    assert entry.is_back
    observed.silent("h", "a", 3)
    [silent, _] = observed.entries(3)
    assert silent.kind == "silent" and not silent.is_back and entry.is_back
    observed.handshake_failed("h", "a", ALERT, 4)
    assert not entry.is_back


def test_a_call_ends_the_wait_for_one(observed: Observed) -> None:
    assert not observed.awaits_call
    observed.refused_upgrade("h", "a", 1)
    assert observed.awaits_call
    [entry] = observed.entries(1)
    observed.called("h", "b", 2)
    assert not entry.is_back
    observed.called("h", "a", 2)
    assert entry.is_back


def test_it_has_an_end(observed: Observed) -> None:
    for number in range(2 * MOST):
        observed.unhandled(f"h{number}", "a", number)
    assert len(observed.entries(2 * MOST)) == MOST
    assert kinds(observed, 2 * MOST)[0] == ("unhandled", f"h{2 * MOST - 1}", "a", 1)
    assert kinds(observed, 3 * MAX_AGE) == []


def test_what_apps_say_is_short_and_plain(observed: Observed) -> None:
    observed.unhandled("h", "a\x1b[31m\nb" + "x" * 900, 0)
    [(_, _, app, _)] = kinds(observed)
    assert app.startswith("a?[31m?bx") and len(app) == LONGEST
