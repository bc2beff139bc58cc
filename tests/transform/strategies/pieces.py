"""What requests and answers of every protocol are made of."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

type Body = dict[str, Any]

# --- pieces

TEXTS = st.text(min_size=1, max_size=12).filter(str.strip) | st.sampled_from(
    ["Hi", "a\nb", "日本語", "é👩‍👩‍👧", '"quoted" \\ text', "</system>", "\u2028 \x00"]
)
ANY_TEXTS = st.text(max_size=12)  # some are empty, some blank
NAMES = st.text("abcXYZ019_-", min_size=1, max_size=12)
ODD_NAMES = st.text("ab_-. é/", min_size=1, max_size=20) | st.text("xy_", min_size=60, max_size=140)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | ANY_TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(ANY_TEXTS, JSON, max_size=3)
PIXELS = st.sampled_from([("image/png", "iVBORw0KGgo="), ("image/jpeg", "/9j/4AAQ")])
PDF = "JVBERi0xLjQK"
URLS = st.sampled_from(["https://a.example/x.png", "https://a.example/ü?b=1"])
SCHEMAS = st.sampled_from(
    [
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}},
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"$ref": "#/$defs/B"}},
            "required": ["a", "b"],
            "additionalProperties": False,
            "$defs": {"B": {"type": "integer"}},
        },
        {
            "type": "object",
            "properties": {"a": {"enum": ["x", "y"]}},
            "required": ["a"],
            "additionalProperties": False,
        },
    ]
)


def some(strategy: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(strategy, max_size=most)


def chosen(draw: st.DrawFn, **fields: st.SearchStrategy[Any]) -> Body:
    """Some of `fields`."""
    return {name: draw(strategy) for name, strategy in fields.items() if draw(st.booleans())}


def rarely(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 4)) == 4


@st.composite
def cut_up(draw: st.DrawFn, text: Any) -> list[Any]:
    """A text, or bytes, in pieces, none of them empty."""
    places = draw(st.sets(st.integers(1, len(text) - 1), max_size=6)) if len(text) > 1 else set()
    return [text[a:b] for a, b in pairwise([0, *sorted(places), len(text)]) if a < b]


@dataclass(slots=True)
class Numbers:
    """Call ids, each once."""

    count: int = 0

    def take(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"


@dataclass(frozen=True)
class Counts:
    """Tokens: fresh, cached and written input, output, and what of that was thought."""

    fresh: int
    cached: int
    written: int
    output: int
    thought: int

    @property
    def input(self) -> int:
        return self.fresh + self.cached + self.written


@st.composite
def counts(draw: st.DrawFn) -> Counts:
    fresh, cached, written, output = (draw(st.integers(0, 10_000)) for _ in range(4))
    return Counts(fresh, cached, written, output, draw(st.integers(0, output)))


@dataclass(frozen=True)
class Answer:
    """An answer whole, and as the events of a stream; `finish` is the event after which it is
    whole, `calls` what it asks the client to run."""

    body: Body
    events: list[bytes] = field(repr=False)
    finish: int
    calls: list[tuple[str, Body]]
    counts: Counts

    @property
    def stream(self) -> bytes:
        return b"".join(self.events)
