"""A request as text that a person edits, and the request that the changed text means.

In: the passages a person was shown, and the text as they left it. Out: the body with the values
changed that stand for changed passages, every other byte as it was. Hard part: a text says less
than a body. So only what was said, the input of calls and the plain settings can be changed, and
whatever else was touched is refused, with its line.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple

from ..transform.arguments import normal_arguments
from ..transform.json_text import Json, dump_text, loads
from ..transform.model import Protocol
from ..transform.reading import path_of, read_request
from ..transform.spans import Path, replaced
from .blocks import Block, pretty
from .layout import INDENT, PICTURES, Passage, laid_out
from .transcript import of_request

# Word of a setting -> where the protocols have it.
SETTINGS: dict[str, tuple[Path, ...]] = {
    "model": (("model",),),
    "max tokens": (("max_completion_tokens",), ("max_output_tokens",), ("max_tokens",)),
    "temperature": (("temperature",),),
    "top p": (("top_p",),),
    "top k": (("top_k",),),
    "stop": (("stop_sequences",), ("stop",)),
    "effort": (("reasoning_effort",), ("reasoning", "effort"), ("output_config", "effort")),
    "service tier": (("service_tier",),),
}
# Kind of a block -> where below its place the text stands. What a model thought is not here: it is
# signed.
TEXTS: dict[str, tuple[Path, ...]] = {
    "text": ((), ("text",)),
    "result": ((), ("text",)),
    "call": (("arguments",), ("input",), ("custom", "input")),
}


# Settings that are JSON numbers or lists; the others are words.
NUMBERS = frozenset({"max tokens", "temperature", "top p", "top k"})
LISTS = frozenset({"stop"})
INDENTED = "text has to be indented by two spaces"


def edited(protocol: Protocol, body: bytes, shown: list[Passage], text: str) -> bytes:
    """`body`, which `shown` tells, as `text` has it; ValueError names the line that is wrong.

    Another body that says the same may have been shown.
    """
    changes = list(_changes(shown, text))
    if not changes:
        return body
    faults: list[str] = []
    own = laid_out(of_request(read_request(protocol, body, faults)))
    if faults:
        raise ValueError(f"what cannot be read in full cannot be changed here: {faults[0]}")
    parsed = loads(body)
    return replaced(body, dict(_value(change, shown, own, parsed) for change in changes))


# --- what was changed


class Change(NamedTuple):
    """`text` in the place of what passage number `n` said, at this line of the edited text."""

    line: int
    n: int
    text: str


class _Found(NamedTuple):
    line: int
    head: str
    text: str


def _changes(shown: list[Passage], text: str) -> Iterator[Change]:
    line = 1
    for n, (before, found) in enumerate(zip_longest(shown, _found(text))):
        if found is None:
            raise ValueError(f"line {line}: behind it {before.head!r} is missing")
        line = found.line
        if before is None:
            raise ValueError(f"line {line}: {found.head!r} is no part of the request; {INDENTED}")
        if found.head != before.head:
            yield Change(line, n, _setting(before, found))
        if _plain(found.text) != _plain(before.text):
            yield Change(line, n, found.text)


def _found(text: str) -> Iterator[_Found]:
    """Headings stand at the margin, with what is said indented below them."""
    start, head, said = 1, "", list[str]()
    for n, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if line.startswith(INDENT) or not line.strip():
            said.append(line.removeprefix(INDENT))
            continue
        if head or any(said):
            yield _Found(start, head, "\n".join(said))
        start, head, said = n, line.rstrip(), []
    if head or any(said):
        yield _Found(start, head, "\n".join(said))


def _plain(text: str) -> str:
    """Without what editors change by themselves: space at the end of a line, lines at the end."""
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")


def _setting(before: Passage, found: _Found) -> str:
    word = before.setting
    if word and found.head.startswith(f"{word} "):
        return found.head.removeprefix(word).strip()
    problem = f"line {found.line}: {found.head!r} stands where {before.head!r} was"
    raise ValueError(f"{problem}; {INDENTED}, and of other lines only settings can be changed")


# --- where it stands in the body


def _value(
    change: Change, shown: list[Passage], own: list[Passage], body: Json
) -> tuple[Path, Json]:
    """A path into the body, and what has to stand there."""
    passage, place = shown[change.n], change.line
    try:
        if passage.setting:
            return _value_of_setting(passage.setting, change.text, body)
        block = _same(passage, shown[: change.n], own)
        if found := _value_of_text(block, change.text, body) if block else None:
            return found
        raise ValueError(f"{passage.head!r} cannot be changed here")
    except _NoJson as error:
        place += error.below if passage.block else 0
        problem = str(error)
    except ValueError as error:
        problem = str(error)
    raise ValueError(f"line {place}: {problem}")


def _value_of_setting(word: str, text: str, body: Json) -> tuple[Path, Json]:
    path = next((p for p in SETTINGS.get(word, ()) if _at(body, p) is not None), None)
    if path is None:
        raise ValueError(f"{word} cannot be changed here")
    if word not in NUMBERS | LISTS:
        return path, text
    value = _json(text)
    if isinstance(value, bool) or not isinstance(value, list if word in LISTS else int | float):
        raise ValueError(f"{word} has to be a {'list' if word in LISTS else 'number'}, not {text}")
    return path, value


def _same(passage: Passage, before: Iterable[Passage], own: list[Passage]) -> Block | None:
    """The block of the passage in the body that is changed."""
    number = sum(other[:2] == passage[:2] for other in before)
    found = [other.block for other in own if other[:2] == passage[:2]]
    return found[number] if number < len(found) else None


def _value_of_text(block: Block, text: str, body: Json) -> tuple[Path, Json] | None:
    place = tuple(path_of(block.where))
    for rest in TEXTS.get(block.kind, ()) if place else ():
        path = (*place, *rest)
        value = _at(body, path)
        if block.kind == "call" and value is not None:
            return path, _input(value, text)
        if isinstance(value, str) and value.endswith(block.text):
            # before it may stand what is read as something else: that a tool failed
            begun = value.removesuffix(block.text)
            return path, begun + _as_written(text, block.text)
    return None


def _at(body: Json, path: Path) -> Json:
    for key in path:
        try:
            body = body[key]
        except (KeyError, IndexError, TypeError):
            return None
    return body


def _input(value: Json, text: str) -> Json:
    """The input of a call: an object, JSON in a string, or just text."""
    if isinstance(value, dict):
        given = _json(text)
        if not isinstance(given, dict):
            raise ValueError("the input of a call has to be an object")
        return given
    written = normal_arguments(value)
    return dump_text(_json(text)) if pretty(written) != written else _as_written(text, written)


class _NoJson(ValueError):
    """`below`: so many lines below the heading."""

    def __init__(self, problem: str, below: int) -> None:
        super().__init__(problem)
        self.below = below


def _json(text: str) -> Json:
    try:
        return loads(text)
    except ValueError as error:
        problem = f"no JSON: {error}"
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise _NoJson(f"no JSON: {error.msg}", error.lineno) from None
    raise ValueError(problem)


def _as_written(text: str, before: str) -> str:
    """`text` with what of the one before it could not be shown: ends of lines, lines at its end."""
    for sign, picture in PICTURES.items():
        if sign in before:
            text = text.replace(picture, sign)
    ended = before.replace("\r\n", "\n")
    text = text.rstrip("\n") + "\n" * (len(ended) - len(ended.rstrip("\n")))
    return text.replace("\n", "\r\n") if "\r\n" in before else text
