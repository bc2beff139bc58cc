"""One conversation: what its requests are made of, and what of the prompt cache each could use.

In: its calls in their order, as far as their bodies are kept. Out: what each request is made of,
and where it parts from the earlier one that it has most in common with, as a vendor's cache would
find it: agents send requests of several threads side by side. Reading a body takes time, so it is
done when somebody asks, and once.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..transform import PROTOCOLS, Protocol
from ..transform.json_text import Json
from ..views.kept import read
from .growth import growth
from .prompt_cache import Break, Prompt, agreement, first_break, prompt_of

WINDOW = 8  # earlier calls that a request is compared with
MAX_LOOKS = 2 * WINDOW  # requests that are kept as read
MAX_TITLE = 100  # characters
_PROTOCOLS: dict[str, Protocol] = {protocol: protocol for protocol in PROTOCOLS}
# What agents put before the first words of a person: <system-reminder>...</system-reminder>
_PREAMBLE = re.compile(r"\s*<([\w-]{1,40}+)[^>]*+>.*?</\1>\s*", re.DOTALL)


class Asked(NamedTuple):
    """A request as the app sent it; `text` is its body."""

    id: str
    protocol: str
    text: str


class Look(NamedTuple):
    """What was read of a request; `missing` bytes were not kept."""

    prompt: Prompt
    growth: Mapping[str, int]
    missing: int


@dataclass(frozen=True, slots=True)
class Study:
    """What a request is made of, in tokens by kind, and the call it has most in common with.

    `cache_break` is where they part; None where all of the earlier prompt is still there.
    """

    growth: Mapping[str, int]
    missing: int
    compared_with: str | None
    cache_break: Break | None


class Reader:
    """Reads requests, and has the last ones at hand."""

    def __init__(self) -> None:
        self._looks: OrderedDict[str, Look | None] = OrderedDict()

    def study(self, asked: Asked, earlier: Iterable[Asked]) -> Study | None:
        """`earlier`: the last one first. None for a body in which no request can be seen."""
        look = self._look(asked)
        if look is None:
            return None
        looks = ((each.id, self._look(each)) for each in earlier)
        before = {name: known.prompt for name, known in looks if known}
        nearest = max(before, key=lambda name: agreement(before[name], look.prompt), default=None)
        broken = None if nearest is None else first_break(before[nearest], look.prompt)
        return Study(look.growth, look.missing, nearest, broken)

    def forget(self, name: str) -> None:
        self._looks.pop(name, None)

    def _look(self, asked: Asked) -> Look | None:
        if asked.id not in self._looks:
            self._looks[asked.id] = _look(asked)
        self._looks.move_to_end(asked.id)
        while len(self._looks) > MAX_LOOKS:
            self._looks.popitem(last=False)
        return self._looks[asked.id]


def _look(asked: Asked) -> Look | None:
    kept, protocol = read(asked.text), _PROTOCOLS.get(asked.protocol)
    if protocol is None or not isinstance(kept.value, dict):
        return None
    try:
        prompt = prompt_of(protocol, kept.value, whole=not kept.more)
        return Look(prompt, growth(protocol, kept.value), kept.more)
    except RecursionError:  # nested so deeply that it is no prompt
        return None


# --- titles


def title(text: str) -> str:
    """The first words of the user in a request; "" where there are none."""
    body = read(text).value
    turns = (body.get("messages") or body.get("input")) if isinstance(body, dict) else None
    texts = [turns] if isinstance(turns, str) else list(_said(turns))
    own = (_line(_own_words(text)) for text in texts)
    return next(filter(None, own), "") or next(filter(None, map(_line, texts)), "")


def _said(turns: Json) -> Iterator[str]:
    """The texts of the user's messages."""
    for turn in turns if isinstance(turns, list) else ():
        if isinstance(turn, dict) and turn.get("role") == "user":
            content = turn.get("content")
            parts = content if isinstance(content, list) else [{"text": content}]
            texts = (part.get("text") for part in parts if isinstance(part, dict))
            yield from (text for text in texts if isinstance(text, str))


def _own_words(text: str) -> str:
    """What a person wrote: not what an agent put before it in elements of its own."""
    while found := _PREAMBLE.match(text):
        text = text[found.end() :]
    return text


def _line(text: str) -> str:
    words = " ".join(text[: 4 * MAX_TITLE].split())
    return words if len(words) <= MAX_TITLE else words[: MAX_TITLE - 1] + "…"
