"""A table that cannot grow without end: the least recently used goes first, and all that is old.

Values are bytes, so that their size is known. `now` is any clock in seconds that does not run back.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

OVERHEAD = 300  # bytes of memory for an entry beside its value


@dataclass(frozen=True, slots=True)
class Bounds:
    """`max_bytes` of all values together, `max_age` in seconds of each."""

    max_bytes: int
    max_age: float


@dataclass(frozen=True, slots=True)
class _Entry:
    keys: tuple[bytes, ...]
    value: bytes
    made: float

    @property
    def size(self) -> int:
        return len(self.value) + OVERHEAD + sum(map(len, self.keys))


class Bounded:
    """A value is found by any of its keys; a key that is used again finds the newer value, and the
    older one is found by its other keys."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.size = 0
        self._entries: OrderedDict[int, _Entry] = OrderedDict()  # by number, last used last
        self._numbers: dict[bytes, int] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, keys: Iterable[bytes], value: bytes, now: float) -> bool:
        """False for a value that is too large to be kept at all."""
        entry = _Entry(tuple(dict.fromkeys(keys)), value, now)
        if entry.size > self.bounds.max_bytes:
            return False
        for key in entry.keys:
            self._let_go(key)
        number, self._next = self._next, self._next + 1
        self._entries[number] = entry
        self._numbers.update(dict.fromkeys(entry.keys, number))
        self.size += entry.size
        while self.size > self.bounds.max_bytes:
            self._remove(next(iter(self._entries)))
        return True

    def get(self, key: bytes, now: float) -> bytes | None:
        number = self._numbers.get(key)
        if number is None:
            return None
        entry = self._entries[number]
        if now - entry.made > self.bounds.max_age:
            self._remove(number)
            return None
        self._entries.move_to_end(number)
        return entry.value

    def discard(self, key: bytes) -> bool:
        """Whether there was a value by `key`; it goes with all its keys."""
        number = self._numbers.get(key)
        if number is not None:
            self._remove(number)
        return number is not None

    def expire(self, now: float) -> None:
        """Let go of what is too old, as far as it was not used since."""
        while self._entries:
            number, entry = next(iter(self._entries.items()))
            if now - entry.made <= self.bounds.max_age:
                return
            self._remove(number)

    def _let_go(self, key: bytes) -> None:
        """What was found by `key` is not any more; without another key it is gone."""
        number = self._numbers.pop(key, None)
        if number is None:
            return
        old = self._entries[number]
        left = replace(old, keys=tuple(k for k in old.keys if k != key))
        self.size -= old.size - (left.size if left.keys else 0)
        if left.keys:
            self._entries[number] = left
        else:
            del self._entries[number]

    def _remove(self, number: int) -> None:
        entry = self._entries.pop(number)
        self.size -= entry.size
        for key in entry.keys:
            del self._numbers[key]
