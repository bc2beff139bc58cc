"""Where the prompt of a request stops being that of an earlier one: what follows is not cached.

In: bodies of requests as JSON, as the app sent them. Out: the place, how many bytes before it are
the same, and both texts there; None where all of the earlier prompt is still there. Hard part: a
vendor caches the prompt that it makes of a body, so the order is the vendor's, cache marks and
sampling are no part of it, and a text is the same whether it comes as a string or as a block. But
an app's own objects are written out as they are: the order of their keys is in the prompt.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..estimate import UNSEEN
from ..transform import Protocol
from ..transform.json_text import Json, dump_text

# What is in the prompt, in its order; the conversation comes last. Anthropic's cache of the
# conversation goes by tool_choice and thinking as well; OpenAI puts the schema of the answer first.
ORDER: dict[Protocol, tuple[str, ...]] = {
    "anthropic_messages": ("tools", "system", "tool_choice", "thinking", "messages"),
    "openai_chat": ("tools", "functions", "response_format", "messages"),
    "openai_responses": ("tools", "text", "instructions", "input"),
}
NAMED = ("previous_response_id", "conversation")  # of a conversation that its vendor keeps
IGNORED = (UNSEEN - {"type"}) | {"verbosity", "display"}
TEXTS = ("text", "input_text", "output_text")
VERBATIM = frozenset(
    "input arguments action operation input_schema input_examples parameters schema".split()
)
FIRST = ("role", "type", "name")
LAST = ("content", "tool_calls")
BARE = ("role", "content", "text")  # keys that go without saying: a string has none of them
NOTHING: tuple[Json, ...] = (None, "", {"type": "text"}, {"type": "auto"})  # as if it was left out
BILLING = "x-anthropic-billing-header:"  # a line about one request, which its vendor takes out
BEFORE, AFTER = 24, 72  # characters of an excerpt, around the place


class Leaf(NamedTuple):
    """A piece of a prompt, and where in the body it stands."""

    path: str
    text: str


END = Leaf("", "")


@dataclass(frozen=True, slots=True)
class Prompt:
    """`told` is the conversation, after all that is `fixed`; None where the body only names it.

    `whole` False: the end of the body is missing, whatever was in it.
    """

    model: str
    fixed: tuple[Leaf, ...]
    told: tuple[Leaf, ...] | None
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Break:
    """`offset`: bytes of the prompt before it. `before` and `after`: what stands there.

    `before_path` is another one where something was put in or taken out.
    """

    path: str
    before_path: str
    offset: int
    before: str
    after: str


# --- bodies to prompts


def prompt_of(protocol: Protocol, body: Json, *, whole: bool = True) -> Prompt:
    request = body if isinstance(body, dict) else {}
    *keys, conversation = ORDER[protocol]
    fixed, told = list[Leaf](), list[Leaf]()
    for key in keys:
        _field(key, request.get(key), fixed)
    _turns(conversation, request.get(conversation), told)
    named = any(request.get(key) for key in NAMED)
    model = request.get("model")
    return Prompt(
        model=model if isinstance(model, str) else "",
        fixed=tuple(fixed),
        told=None if named else tuple(told),
        whole=whole,
    )


def _field(key: str, value: Json, out: list[Leaf]) -> None:
    if key in ("tools", "functions"):
        # Tools that are to be searched for do not stand in front of the prompt.
        for n, tool in enumerate(value if isinstance(value, list) else ()):
            if not (isinstance(tool, dict) and tool.get("defer_loading")):
                _walk(f"{key}[{n}]", tool, out)
    elif key == "system":
        found: list[Leaf] = []
        _walk(key, value, found)
        out += (leaf for leaf in map(_without_billing, found) if leaf.text)
    else:
        _walk(key, value, out)


def _without_billing(leaf: Leaf) -> Leaf:
    billed = leaf.text.startswith(BILLING)
    return Leaf(leaf.path, leaf.text.partition("\n")[2]) if billed else leaf


def _turns(key: str, value: Json, out: list[Leaf]) -> None:
    if isinstance(value, str):
        out.append(Leaf(key, "user"))
    _walk(key, value, out)


def _walk(path: str, value: Json, out: list[Leaf]) -> None:
    match value:
        case _ if value in NOTHING:
            pass
        case str():
            out.append(Leaf(path, value))
        case list():
            for n, item in enumerate(value):
                _walk(f"{path}[{n}]", item, out)
        case dict():
            _object(path, value, out)
        case _:
            out.append(Leaf(path, dump_text(value)))


def _object(path: str, value: Mapping[str, Json], out: list[Leaf]) -> None:
    plain = value.get("type") in TEXTS or ("role" in value and value.get("type") == "message")
    for key in sorted(value, key=_place):
        inner, there = value[key], f"{path}.{key}"
        if key in IGNORED or inner in NOTHING or (plain and key == "type"):
            continue
        if key not in BARE:
            out.append(Leaf(there, key))
        if key in VERBATIM and not isinstance(inner, str):
            out.append(Leaf(there, dump_text(inner)))
        else:
            _walk(there, inner, out)


def _place(key: str) -> tuple[int, str]:
    if key in FIRST:
        return FIRST.index(key), ""
    return len(FIRST) + (1 + LAST.index(key) if key in LAST else 0), key


# --- two prompts


def agreement(before: Prompt, after: Prompt) -> int:
    """How many pieces of both are the same, from the first one on; -1: there is no common cache."""
    if before.model != after.model:
        return -1
    old, new = _comparable(before, after)
    pairs = enumerate(zip(old, new, strict=False))
    differ = (place for place, (one, other) in pairs if one.text != other.text)
    return next(differ, min(len(old), len(new)))


def first_break(before: Prompt, after: Prompt) -> Break | None:
    same = agreement(before, after)
    if same < 0:
        return Break("model", "model", 0, before.model, after.model)
    old, new = _comparable(before, after)
    if same == len(old):
        return None
    was, now = old[same], new[same] if same < len(new) else END
    at = _common(was.text, now.text)
    if same == len(old) - 1 and at == len(was.text):
        return None  # the end of the earlier prompt was written on
    return Break(
        path=now.path or was.path,
        before_path=was.path or now.path,
        offset=sum(_size(leaf.text) for leaf in old[:same]) + _size(was.text[:at]),
        before=_excerpt(was.text, at),
        after=_excerpt(now.text, at),
    )


def _comparable(before: Prompt, after: Prompt) -> tuple[tuple[Leaf, ...], tuple[Leaf, ...]]:
    """What both have: no conversation where one of them only names it, and no more than that, as
    far as it is whole, where something is missing."""
    if before.told is None or after.told is None:
        return (*before.fixed, END), (*after.fixed, END)
    if before.whole and after.whole:
        return before.fixed + before.told, after.fixed + after.told
    both = max(0, min(len(before.told), len(after.told)) - 1)
    return before.told[:both], after.told[:both]


def _common(one: str, other: str) -> int:
    """How many characters are the same in front."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _excerpt(text: str, at: int) -> str:
    start, end = max(0, at - BEFORE), at + AFTER
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
