"""Characters cut in two: JSON can escape each half of one, in two events or without the other.

In: a decoder's events. Out: the same with whole characters, which every client can read. Hard part:
a first half has to wait for the second, and may have none.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from .answers import Event, PartDelta, PartEnd


class Halves:
    def __init__(self) -> None:
        self._held = ""  # a first half, of the open part

    def join(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            if isinstance(event, PartDelta) and (self._held or not _is_whole(event.text)):
                event = replace(event, text=self._joined(event.text))
                if not (event.text or event.logprobs):
                    continue
            elif isinstance(event, PartEnd) and self._held:
                self._held = ""
                yield PartDelta("\ufffd")
            yield event

    def _joined(self, text: str) -> str:
        text = self._held + text
        self._held = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        text = text.removesuffix(self._held)
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
