"""A transcript as text: headings at the margin, what was said indented below them.

In: a transcript, and what else is to stand above it. Out: passages, a heading with its text, and
all of them as one text. What was said never stands at the margin, so that it cannot be taken for a
heading, and the text can be taken apart again after somebody has edited it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .blocks import Block
from .settings import Setting
from .transcript import Transcript, Turn

TURN, BLOCK = "━━ ", "▸ "
INDENT = "  "
WIDTH = 13  # of the words of settings
NEW = " (new)"

# What no terminal shows -> its picture.
PICTURES = {chr(code): chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"}
PICTURES["\x7f"] = "\u2421"
_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")  # and halves of characters


class Passage(NamedTuple):
    """A heading, and what stands below it. `setting` is the word of one; `block` is what is said
    here."""

    head: str
    text: str = ""
    setting: str = ""
    block: Block | None = None


def laid_out(transcript: Transcript, facts: Iterable[Setting] = ()) -> list[Passage]:
    """`facts` stand above: words and texts, as settings do."""
    return [*map(_line, facts), *_head(transcript), *_conversation(transcript.turns)]


def text_of(passages: Iterable[Passage]) -> str:
    return "\n".join(line for passage in passages for line in _lines(passage)).lstrip("\n")


def _lines(passage: Passage) -> Iterator[str]:
    if passage.head.startswith(TURN):
        yield ""
    yield passage.head
    if passage.text:
        for line in passage.text.split("\n"):
            yield INDENT + line if line else ""


# --- above the conversation


def _line(fact: Setting) -> Passage:
    return Passage(f"{_one_line(fact.word):<{WIDTH}} {_one_line(fact.text)}".rstrip())


def _head(transcript: Transcript) -> Iterator[Passage]:
    for setting in transcript.settings:
        yield _line(setting)._replace(setting=setting.word)
    if transcript.usage:
        yield _line(Setting("usage", usage_text(dict(transcript.usage))))
    if transcript.stop:
        yield _line(Setting("stop", transcript.stop))
    if transcript.error:
        yield Passage("error", shown(transcript.error))
    for fault in transcript.faults:
        yield _line(Setting("not read", fault))
    if transcript.tools:
        yield _line(Setting("tools", str(len(transcript.tools))))._replace(
            text="\n".join(map(_one_line, transcript.tools))
        )


def usage_text(usage: dict[str, int]) -> str:
    """Counts by the names of `Usage`: what went in, what came out."""
    found = []
    for name, word, details in USAGE:
        inner = [f"{usage[key]:,} {told}" for key, told in details if usage.get(key)]
        more = f" ({', '.join(inner)})" if inner else ""
        found.append(f"{usage.get(name, 0):,} {word}{more}")
    return ", ".join(found)


USAGE = (
    (
        "input_tokens",
        "in",
        (("cache_read_tokens", "from the cache"), ("cache_write_tokens", "into the cache")),
    ),
    ("output_tokens", "out", (("reasoning_tokens", "of reasoning"),)),
)


# --- the conversation


def _conversation(turns: tuple[Turn, ...]) -> Iterator[Passage]:
    """What is new is marked where there is something old."""
    marks = not all(turn.new for turn in turns)
    for turn in turns:
        name = f" {_one_line(turn.name)}" if turn.name else ""
        head = f"{TURN}{turn.role}{name}{NEW if marks and turn.new else ''}"
        first, rest = turn.blocks[0], turn.blocks
        if first.kind == "text" and not first.detail:  # its heading would say nothing
            yield Passage(head, shown(first.text), block=first)
            rest = turn.blocks[1:]
        else:
            yield Passage(head)
        for block in rest:
            mark = NEW if marks and block.new and not turn.new else ""
            yield Passage(_heading(block) + mark, shown(block.text), block=block)


def _heading(block: Block) -> str:
    named = " ".join(filter(None, (block.kind, block.title)))
    return BLOCK + _one_line(f"{named}: {block.detail}" if block.detail else named)


def _one_line(text: str) -> str:
    return " ".join(shown(text).split("\n"))


def shown(text: str) -> str:
    """`text` with pictures for what cannot be shown; a line ends with one sign."""
    return _UNSHOWN.sub(_picture, text.replace("\r\n", "\n"))


def _picture(sign: re.Match[str]) -> str:
    return PICTURES.get(sign[0], "\ufffd")
