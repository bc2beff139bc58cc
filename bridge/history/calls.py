"""The calls that are over, in memory, for pages and metrics.

In: the record of each finished call. Out: lists, conversations, plots and totals, as plain data.
Hard part: it stays within its bounds whatever comes. When the bytes run out the oldest bodies go
first; what a call came to stays as long as the number of calls allows, and totals stay for good.
Nothing is read when a call is added, for that happens amid live traffic.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate, islice
from sys import getsizeof
from typing import Any

from .conversation import WINDOW, Asked, Reader, Study, title
from .prices import Prices
from .series import Series
from .summary import KINDS, Summary, summary
from .tally import Tally

MAX_CALLS, MAX_BYTES = 5_000, 64 * 1024**2
# Bytes of memory, about, for one of these in a record.
MOMENT, NOTE = 200, 600
READ_AT_ONCE = 4 * 1024**2  # characters: it takes some 100 ms, amid live traffic


@dataclass(slots=True)
class _Call:
    """`record` None: its bodies had to go; `size` is what it takes."""

    summary: Summary
    record: Mapping[str, Any] | None
    size: int
    is_read: bool = False
    study: Study | None = None  # None: nobody asked yet, or it is no request that one can read

    @property
    def request(self) -> str:
        """The body that the app sent; "" where it is not kept."""
        bodies = (self.record or {}).get("bodies") or {}
        return bodies.get("client_request") or ""

    @property
    def is_unread(self) -> bool:
        return not self.is_read and bool(self.request)

    @property
    def asked(self) -> Asked:
        return Asked(self.summary.id, self.summary.client, self.request)


@dataclass(slots=True)
class _Conversation:
    """Ids of its calls, in their order; the title, and how long the request was that gave it.

    `about` is what lists tell of it, None until somebody asks.
    """

    calls: dict[str, None] = field(default_factory=dict)
    title: str = ""
    read: int = 0
    about: dict[str, Any] | None = None


class History:
    """With `max_calls` 0 no call is kept, only what all of them come to."""

    def __init__(
        self,
        max_calls: int = MAX_CALLS,
        max_bytes: int = MAX_BYTES,
        prices: Prices | None = None,
    ) -> None:
        self.max_calls, self.max_bytes = max_calls, max_bytes
        self.prices = prices or Prices()
        self.size = 0  # bytes of the bodies that are kept
        self.tally = Tally()
        self._series = Series()
        self._calls: dict[str, _Call] = {}  # the oldest first
        self._whole: dict[str, None] = {}  # ids of those that have bodies, the oldest first
        self._conversations: OrderedDict[str, _Conversation] = OrderedDict()  # the last one last
        self._reader = Reader()

    def __len__(self) -> int:
        return len(self._calls)

    def under(self, max_calls: int, max_bytes: int, prices: Prices) -> "History":
        """The same by another configuration. What calls cost is by the new prices from now on, but
        in the totals, which only grow."""
        self.max_calls, self.max_bytes, self.prices = max_calls, max_bytes, prices
        for call in self._calls.values():
            cost = prices.cost(call.summary.usage, call.summary.used)
            call.summary = replace(call.summary, cost=cost)
        for known in self._conversations.values():
            known.about = None
        self._trim()
        return self

    def add(self, call_id: str, record: Mapping[str, Any]) -> None:
        """A call is over; one that was made again takes the place of the earlier one."""
        told = summary(call_id, record, self.prices)
        self.tally.add(told)
        self._series.add(told)
        self._drop(call_id)
        call = self._calls[call_id] = _Call(told, record, _size(record))
        self._whole[call_id] = None
        self.size += call.size
        if told.conversation:
            known = self._conversations.setdefault(told.conversation, _Conversation())
            known.calls[call_id], known.about = None, None
            self._conversations.move_to_end(told.conversation)
        self._trim()

    def _trim(self) -> None:
        while len(self._calls) > self.max_calls:
            self._drop(next(iter(self._calls)))
        while self.size > self.max_bytes:
            self._empty(next(iter(self._whole)))

    def _empty(self, call_id: str) -> None:
        """Let go of its bodies."""
        if call_id in self._whole:
            del self._whole[call_id]
            call = self._calls[call_id]
            self.size -= call.size
            call.record = None

    def _drop(self, call_id: str) -> None:
        if call_id not in self._calls:
            return
        self._empty(call_id)
        self._reader.forget(call_id)
        key = self._calls.pop(call_id).summary.conversation
        if known := self._conversations.get(key):
            del known.calls[call_id]
            known.about = None
            if not known.calls:
                del self._conversations[key]

    # --- calls

    def record(self, call_id: str) -> dict[str, Any] | None:
        """All of it; without bodies where those had to go, None where all of it had to."""
        call = self._calls.get(call_id)
        if call is None:
            return None
        return call.summary.as_record() if call.record is None else dict(call.record)

    def calls(
        self, limit: int, conversation: str | None = None, kind: str | None = None
    ) -> list[dict[str, Any]]:
        """The last ones first, without their bodies; `kind` is one of KINDS."""
        known = None if conversation is None else self._conversations.get(conversation)
        if conversation is not None and known is None:
            return []
        ids: Iterable[str] = reversed(known.calls if known else self._calls)
        calls = (self._calls[call_id].summary for call_id in ids)
        fitting = filter(KINDS[kind], calls) if kind in KINDS else calls
        return [call.as_dict() for call in islice(fitting, limit)]

    # --- conversations

    def conversations(self, limit: int) -> list[dict[str, Any]]:
        """Those first that had the last calls."""
        return [self._about(key) for key in islice(reversed(self._conversations), limit)]

    def conversation(self, key: str) -> dict[str, Any] | None:
        """As in the list, and its turns, the first one first.

        With `unread` requests left, which are read when it is asked for again.
        """
        known = self._conversations.get(key)
        if known is None:
            return None
        unread = self._read(list(known.calls))
        turns = [_turn(self._calls[call_id]) for call_id in known.calls]
        return {**self._about(key), "unread": unread, "turns": turns}

    def _about(self, key: str) -> dict[str, Any]:
        known = self._conversations[key]
        if known.about is None:
            calls = [self._calls[call_id] for call_id in known.calls]
            known.about = {
                "key": key,
                "title": _title(known, calls),
                **_sums([call.summary for call in calls]),
            }
        return dict(known.about)

    def _read(self, ids: list[str]) -> int:
        """Read the requests of a conversation, the last ones first and not all if they are long.

        How many are left.
        """
        places = [place for place, call_id in enumerate(ids) if self._calls[call_id].is_unread]
        sizes = accumulate(len(self._calls[ids[place]].request) for place in reversed(places))
        now = sum(1 for size in sizes if size <= READ_AT_ONCE) or 1
        for place in places[-now:]:
            call = self._calls[ids[place]]
            before = [self._calls[each] for each in ids[max(0, place - WINDOW) : place]]
            earlier = [each.asked for each in reversed(before) if each.request]
            call.study, call.is_read = self._reader.study(call.asked, earlier), True
        return max(0, len(places) - now)

    # --- over time

    def series(self, now: float, seconds: float, buckets: int) -> dict[str, Any]:
        return self._series.rows(now, seconds, buckets)

    def totals(self) -> dict[str, Any]:
        """Since the start, and what is kept now."""
        kept = {
            "calls": len(self._calls),
            "conversations": len(self._conversations),
            "whole": len(self._whole),
            "bytes": self.size,
        }
        return {**self.tally.totals(), "kept": kept}


TOKENS = {"input": "input_tokens", "output": "output_tokens", "cached": "cache_read_tokens"}
UNKNOWN = {"growth": None, "missing": 0, "compared_with": None, "cache_break": None}


def _sums(calls: list[Summary]) -> dict[str, Any]:
    costs = [call.cost for call in calls if call.cost is not None]
    tokens = {name: sum(call.usage.get(key) or 0 for call in calls) for name, key in TOKENS.items()}
    return {
        "client": calls[0].client,
        "calls": len(calls),
        "tokens": tokens,
        "cost": sum(costs) if costs else None,
        "unpriced": sum(1 for call in calls if call.usage and call.cost is None),
        "started": calls[0].started,
        "last": calls[-1].ended,
    }


def _title(known: _Conversation, calls: list[_Call]) -> str:
    """That of its longest request: the first may be a small one besides, and the last too.

    It is read anew when one comes that is twice as long.
    """
    text = max((call.request for call in calls), key=len)
    if len(text) > 2 * known.read:
        known.title, known.read = title(text) or known.title, len(text)
    return known.title


def _turn(call: _Call) -> dict[str, Any]:
    attempts = [attempt.as_dict() for attempt in call.summary.attempts]
    studied = UNKNOWN if call.study is None else asdict(call.study)
    return {**call.summary.as_dict(), "attempts": attempts, **studied}


def _size(record: Mapping[str, Any]) -> int:
    """Bytes of memory, about: of texts, and of what there may be much of."""
    tries = record.get("attempts") or ()
    texts = [text for told in (record, *tries) for text in (told.get("bodies") or {}).values()]
    if shadowed := (record.get("shadow") or {}).get("request"):
        texts.append(shadowed)
    bodies = sum(map(_text_size, texts))
    moments, notes = len(record.get("timeline") or ()), len(record.get("notes") or ())
    return bodies + MOMENT * moments + NOTE * notes


def _text_size(text: str) -> int:
    """One that is not ASCII keeps its UTF-8 beside it once it was read."""
    return getsizeof(text) + (0 if text.isascii() else 2 * len(text))


def status(router: Mapping[str, Any], history: History) -> dict[str, Any]:
    """What there is to see at a moment: routes and upstreams, and what calls came to."""
    return {**router, "totals": history.totals()}
