"""What upstreams made and want back, for apps that drop it: native turns, and who signed what.

In: the turn of each finished answer, under keys that the app's next request leads to again. Out:
that turn. It lives in memory, bounded, and holds nothing of any header.
"""

from collections.abc import Iterable, Set
from hashlib import sha256

from .bounded import Bounded, Bounds
from .transform import Native, Turn
from .transform.json_text import dumps, loads


class Ledger:
    """Kept from one call to the next; `at` gives what a translator may ask at one moment."""

    def __init__(self, bounds: Bounds) -> None:
        self._kept = Bounded(bounds)
        self._upstreams: set[str] = set()  # whose turns were recorded

    @property
    def size(self) -> int:
        """Bytes in use."""
        return self._kept.size

    def resized(self, bounds: Bounds) -> "Ledger":
        """The same with other bounds, which hold from the next entry on."""
        self._kept.bounds = bounds
        return self

    def record(self, turn: Turn | None, states: Iterable[str], upstream: str, now: float) -> None:
        """`states` are signatures and ciphertexts of `upstream` that an app got as they are."""
        self._kept.expire(now)
        if turn is not None:
            native = turn.native
            self._upstreams.add(upstream)
            fields = [native.protocol, native.blocks, native.upstream, native.model]
            self._kept.put(turn.keys, dumps(fields), now)
        for state in states:
            self._kept.put([_key_of(state)], upstream.encode(), now)

    def at(self, now: float) -> "Moment":
        return Moment(self._kept, self._upstreams, now)


class Moment:
    """The ledger as it is at `now`."""

    def __init__(self, kept: Bounded, upstreams: Set[str], now: float) -> None:
        self._kept, self._upstreams, self._now = kept, upstreams, now

    def knows(self, upstream: str) -> bool:
        return upstream in self._upstreams

    def recall(self, keys: Iterable[bytes]) -> Native | None:
        found = (self._kept.get(key, self._now) for key in keys)
        value = next((value for value in found if value is not None), None)
        if value is None:
            return None
        protocol, blocks, upstream, model = loads(value)
        return Native(protocol, tuple(blocks), upstream, model)

    def owner(self, state: str) -> str | None:
        value = self._kept.get(_key_of(state), self._now)
        return None if value is None else value.decode()


def _key_of(state: str) -> bytes:
    return sha256(b"state\0" + state.encode("utf-8", "surrogatepass")).digest()
