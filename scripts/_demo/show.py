"""What the demo prints: requests and streams, shortened, the app's side beside the upstream's.

In: requests and streams as they were observed. Out: lines. What is left out is said to be.
"""

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby, zip_longest
from typing import Any
from urllib.parse import urlsplit

type Json = Any

MARGIN = "  "
GAP = " | "
MOST_LINES = 6  # of one field
# Headers that tell something; a program sends a dozen more.
HEADERS = ("host", "authorization", "x-api-key", "anthropic-version")
# In every event the same, or of interest to the vendor alone.
NOISE = {
    "id", "object", "created", "model", "service_tier", "system_fingerprint", "logprobs", "caller",
    "inference_geo", "prompt_tokens_details", "completion_tokens_details", "cache_creation",
    "output_tokens_details", "refusal",
}  # fmt: skip
IN_COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
BOLD, DIM, RED, GREEN = "1", "2", "31", "32"


def coloured(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[0m" if IN_COLOUR and text else text


def say(text: str = "", code: str = "") -> None:
    print(coloured(text, code) if code else text, flush=True)


def heading(text: str) -> None:
    say()
    say(text, BOLD)


def paragraph(text: str) -> None:
    width = min(100, _width())
    say(textwrap.fill(text, width, initial_indent=MARGIN, subsequent_indent=MARGIN))


def side_by_side(left: tuple[str, Iterable[str]], right: tuple[str, Iterable[str]]) -> None:
    """Two columns, each with a title; long lines are folded within theirs."""
    width = (_width() - len(MARGIN) - len(GAP)) // 2
    say()
    say(f"{MARGIN}{left[0]:<{width}}{GAP}{right[0]}", BOLD)
    for first, second in zip_longest(
        _folded(left[1], width), _folded(right[1], width), fillvalue=""
    ):
        say(f"{MARGIN}{first:<{width}}{coloured(GAP, DIM)}{second}".rstrip())


def _width() -> int:
    return max(72, min(150, shutil.get_terminal_size((110, 24)).columns))


def _folded(lines: Iterable[str], width: int) -> Iterator[str]:
    for line in lines:
        folded = textwrap.wrap(line, width, subsequent_indent="    ", break_on_hyphens=False)
        yield from folded[:MOST_LINES]
        if len(folded) > MOST_LINES:
            yield "    ..."


def request_lines(url: str, headers: Iterable[tuple[str, str]], body: Json) -> Iterator[str]:
    yield f"POST {urlsplit(url).path}"
    wanted = {name.lower(): value for name, value in headers}
    wanted.setdefault("host", urlsplit(url).netloc)
    for name in HEADERS:
        if name in wanted:
            yield f"{name}: {wanted[name]}"
    yield ""
    for name, value in body.items():
        if isinstance(value, list):
            yield f"{name}:"
            yield from (f"  - {_compact(item)}" for item in value)
        else:
            yield f"{name}: {_compact(value)}"


def stream_lines(text: str) -> Iterator[str]:
    """The events of a stream; of those of the same shape in a row the first."""
    events = map(_event, text.strip().split("\n\n"))
    for _, alike in groupby(events, lambda e: e if isinstance(e, str) else _shape(e)):
        first, *others = alike
        yield first if isinstance(first, str) else f"data: {_compact(_shortened(first))}"
        if others:
            yield f"      (and {len(others)} more of this kind)"


def _event(block: str) -> Json:
    """Of Messages' two lines an event the first only repeats the type."""
    lines = block.splitlines()
    data = "\n".join(line[5:].strip() for line in lines if line.startswith("data:"))
    try:
        return json.loads(data)
    except ValueError:
        return block  # [DONE], a comment


def _shape(value: Json) -> Json:
    """Equal for events that differ in their texts alone."""
    match value:
        case dict():
            shown = {k: v for k, v in value.items() if v is not None}
            return [(k, v if k == "type" else _shape(v)) for k, v in shown.items()]
        case list():
            return [_shape(item) for item in value]
        case str():
            return ""
    return value


def _shortened(value: Json) -> Json:
    match value:
        case dict():
            kept = {k: _shortened(v) for k, v in value.items() if k not in NOISE}
            return {k: v for k, v in kept.items() if v is not None and not _no_tokens(k, v)}
        case list():
            return [_shortened(item) for item in value]
    return value


def _no_tokens(key: str, value: Json) -> bool:
    return key.endswith("_tokens") and value == 0


def _compact(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
