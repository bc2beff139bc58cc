"""What was noticed of apps beside their calls: who did not trust us, was refused, or passed by.

In: what happened, with the host and the app. Out: one entry for each kind, host and app, with how
often and when. Hard part: an app may be told by its user agent or by its address alone, and is
taken for well again once the same one has come back. `now` is any clock in seconds.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

# untrusted: it said that it does not trust the certificate. broken_off: it hung up when it had seen
# that. silent: it hung up right behind the handshake. tls_failed: any other end of a handshake.
# upgrade: its WebSocket was refused. unhandled: a call to a host that is none of ours. tunnelled: a
# host of vendors that was not looked into.
type Kind = Literal[
    "untrusted", "broken_off", "silent", "tls_failed", "upgrade", "unhandled", "tunnelled"
]

HANDSHAKES: tuple[Kind, ...] = ("untrusted", "broken_off", "silent", "tls_failed")
# Words of mitmproxy's. First what OpenSSL has for the alerts of apps that refuse a certificate.
DISTRUST = ("unknown ca", "bad certificate", "certificate unknown", "certificate_unknown")
LEFT = "disconnected during the handshake"
NEVER_BEGAN = ("connection closed early", "Cannot parse ClientHello")

MOST = 200  # entries; the one that was not seen for longest goes first
LONGEST = 120  # characters of a host or an app
MAX_AGE = 3600.0  # seconds; older ones tell nothing of how things are


@dataclass(slots=True)
class Entry:
    kind: Kind
    host: str
    app: str
    first: float
    last: float
    times: int = 1
    back: float | None = None  # when the same app last got there after all

    @property
    def is_back(self) -> bool:
        return self.back is not None and self.back >= self.last


class Observed:
    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[Kind, str, str], Entry] = OrderedDict()
        self.awaits_trust = False  # is anybody missed? So that traffic need not ask
        self.awaits_call = False

    def entries(self, now: float) -> list[Entry]:
        """The last ones first."""
        return [e for e in reversed(self._entries.values()) if now - e.last <= MAX_AGE]

    def handshake_failed(self, host: str, app: str, reason: str, now: float) -> bool:
        """Of an app with us; `reason` is mitmproxy's. False: that tells nothing."""
        kind = _handshake(reason)
        if kind is None:
            return False
        self._note(kind, host, app, now)
        self.awaits_trust = True
        return True

    def silent(self, host: str, app: str, now: float) -> None:
        self._note("silent", host, app, now)
        self.awaits_trust = True

    def trusted(self, host: str, app: str, now: float) -> None:
        """A request came behind a handshake."""
        for kind in HANDSHAKES:
            self._came_back(kind, host, app, now)

    def refused_upgrade(self, host: str, app: str, now: float) -> None:
        """A WebSocket was answered by a 426."""
        self._note("upgrade", host, app, now)
        self.awaits_call = True

    def called(self, host: str, app: str, now: float) -> None:
        """By HTTP."""
        self._came_back("upgrade", host, app, now)

    def unhandled(self, host: str, app: str, now: float) -> None:
        self._note("unhandled", host, app, now)

    def tunnelled(self, host: str, app: str, now: float) -> None:
        self._note("tunnelled", host, app, now)

    def _note(self, kind: Kind, host: str, app: str, now: float) -> None:
        key = kind, plain(host), plain(app)
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = Entry(*key, first=now, last=now)
        else:
            entry.last, entry.times = now, entry.times + 1
        self._entries.move_to_end(key)
        if len(self._entries) > MOST:
            self._entries.popitem(last=False)

    def _came_back(self, kind: Kind, host: str, app: str, now: float) -> None:
        if entry := self._entries.get((kind, plain(host), plain(app))):
            entry.back = now


def _handshake(reason: str) -> Kind | None:
    if reason.startswith(NEVER_BEGAN):
        return None
    if any(words in reason for words in DISTRUST):
        return "untrusted"
    return "broken_off" if LEFT in reason else "tls_failed"


def plain(text: str) -> str:
    """What traffic says of itself, short and fit for a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:LONGEST])
