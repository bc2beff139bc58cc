"""What to answer: `Seen` in, a neutral `Plan` out, always the same for the same request.

The directives in the user's text decide (the package's docstring lists them); without any, tools
are called once, their results quoted, and plain questions repeated.
"""

import json
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from .conversation import DIRECTIVE, Seen, Tool
from .example import example

Finish = Literal["stop", "length", "stop_sequence", "tool_calls", "refusal"]

BEFORE_JSON = re.compile(r"[^\]]*?(?=[{\[])")

# Every third word takes more than one byte a character, one is a pair of code points.
WORDS = ("plain ", "Grüße ", "words ", "漢字 ", "then ", "🙂 ", "and ", "e\u0301tude ")


@dataclass(frozen=True, slots=True)
class Text:
    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Reasoning:
    pieces: tuple[str, ...]
    redacted: bool = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Refusal:
    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: str
    custom: bool = False
    namespace: str | None = None

    @property
    def pieces(self) -> tuple[str, ...]:
        return tuple(self.arguments[i : i + 8] for i in range(0, len(self.arguments), 8))


Part = Text | Reasoning | Refusal | Call


@dataclass(frozen=True, slots=True)
class Usage:
    input: int  # with everything cached
    cached: int = 0
    write: int = 0
    output: int = 0  # with reasoning
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    parts: tuple[Part, ...]
    finish: Finish | None
    usage: Usage
    stop_sequence: str | None = None
    reason: str | None = None  # [[finish:…]]: the reason on the wire, whatever it is
    burst: bool = False  # write the stream at once


@dataclass(slots=True)
class Directives:
    """The directives of a text, and the text without them."""

    found: list[tuple[str, str]] = field(default_factory=list)
    rest: str = ""

    def __contains__(self, name: str) -> bool:
        return any(name == found for found, _ in self.found)

    def last(self, name: str) -> str | None:
        return next((arg for found, arg in reversed(self.found) if found == name), None)


def read_directives(text: str) -> Directives:
    directives, position = Directives(), 0
    while match := DIRECTIVE.search(text, position):
        end = _end(text, match.end(), match[1])
        if end < 0:
            break
        directives.rest += text[position : match.start()]
        directives.found.append((match[1], text[match.end() : end].removeprefix(":").strip(" ")))
        position = end + 2
    directives.rest = (directives.rest + text[position:]).strip()
    return directives


def _end(text: str, start: int, name: str) -> int:
    """Where the directive's `]]` begins. JSON arguments may hold brackets themselves."""
    if name in ("call", "do", "json") and (brace := BEFORE_JSON.match(text, start)):
        try:
            _, end = json.JSONDecoder().raw_decode(text, brace.end())
        except ValueError:
            return text.find("]]", start)
        return end if text.startswith("]]", end) else text.find("]]", end)
    return text.find("]]", start)


def make_plan(seen: Seen, input_tokens: int) -> Plan:
    directives = read_directives(seen.user_text)
    if seen.settings.max_tokens == 0:  # fills the cache, generates nothing
        return Plan((), "length", _usage((), seen, input_tokens, directives))
    parts = tuple(_parts(directives, seen))
    finish: Finish = "stop"
    stop_sequence = _stop_sequence(directives, seen)
    if any(isinstance(part, Refusal) for part in parts):
        finish = "refusal"
    elif "length" in directives:
        parts, finish = _cut(parts), "length"
    elif any(isinstance(part, Call) for part in parts):
        finish = "tool_calls"
    elif stop_sequence is not None:
        finish = "stop_sequence"
    return Plan(
        parts,
        finish,
        _usage(parts, seen, input_tokens, directives),
        stop_sequence if finish == "stop_sequence" else None,
        directives.last("finish"),
        "burst" in directives,
    )


def _parts(directives: Directives, seen: Seen) -> list[Part]:
    explicit = _explicit(directives, seen)
    thoughts = [part for part in explicit if isinstance(part, Reasoning)]
    rounds = directives.last("tools")
    if rounds is not None and (calls := _round(rounds, seen)):
        return [*thoughts, *calls]
    if (step := _step(directives, seen)) is not None:
        return [*thoughts, step]
    if "call" in directives and seen.calls:
        return [_quote(seen.results)]
    if "empty" in directives or len(explicit) > len(thoughts):
        return explicit
    may_call = rounds is None and "do" not in directives
    return [*thoughts, *_default(directives, seen, may_call)]


def _default(directives: Directives, seen: Seen, may_call: bool) -> list[Part]:
    settings = seen.settings
    forced = settings.choice not in ("auto", "none")
    tools = callable_tools(seen)
    if may_call and tools and (forced or not seen.results):
        return [_call(tools[0], seen.calls + 1)]
    if seen.results:
        return [_quote(seen.results)]
    if settings.schema is not None:
        value = example(settings.schema) if settings.schema else {"answer": "value 1"}
        return [Text(words(_json(value)))]
    return [Text(words(f"{settings.model} heard: {directives.rest[:200]}"))]


def callable_tools(seen: Seen) -> list[Tool]:
    choice = seen.settings.choice
    if choice == "none":
        return []
    named = [tool for tool in seen.settings.tools if tool.name == choice]
    return named or list(seen.settings.tools)


def _round(argument: str, seen: Seen) -> list[Part]:
    """The calls of the next round of `[[tools:ROUNDSxPARALLEL]]`, none when all are done."""
    tools = callable_tools(seen)
    numbers = re.fullmatch(r"(\d{1,3})(?:x(\d{1,3}))?", argument)
    if not tools or not numbers:
        return []
    parallel = int(numbers[2] or 1) if seen.settings.parallel else 1
    if parallel == 0 or seen.calls // parallel >= int(numbers[1]):
        return []
    ordinals = range(seen.calls, seen.calls + parallel)
    return [_call(tools[n % len(tools)], n + 1) for n in ordinals]


def _call(tool: Tool, number: int) -> Call:
    if tool.custom:
        return Call(tool.name, f"input {number}", True, tool.namespace)
    value = example(tool.schema, number)
    arguments = _json(value if isinstance(value, dict) else {})
    return Call(tool.name, arguments, False, tool.namespace)


def _quote(results: tuple[str, ...]) -> Text:
    shown = "; ".join(result[:2000] for result in results)
    return Text(words(f"The tools answered: {shown}"))


def _step(directives: Directives, seen: Seen) -> Call | None:
    """The next of the calls that are made one after the other; of what is not offered, none is."""
    offered = {tool.name for tool in callable_tools(seen)}
    asked = [argument for name, argument in directives.found if name == "do"]
    steps = [argument for argument in asked if argument.partition(" ")[0] in offered]
    return _named_call(steps[seen.calls], seen) if seen.calls < len(steps) else None


def _explicit(directives: Directives, seen: Seen) -> list[Part]:
    parts: list[Part] = []
    for name, argument in directives.found:
        match name:
            case "text":
                parts.append(Text(words(argument)))
            case "words":
                parts.append(Text(numbered(_count(argument))))
            case "json":
                parts.append(Text(words(argument)))
            case "echo":
                parts.append(Text(words(_json(seen.echo))))
            case "refuse":
                parts.append(Refusal(words(argument or "I cannot help with that.")))
            case "results":
                parts.append(_quote(seen.all_results))
            case "call":
                parts.append(_named_call(argument, seen))
            case "reason" if seen.settings.reasoning:
                parts.append(Reasoning(words(argument or "Let me think about that.")))
            case "thoughts" if seen.settings.reasoning:
                count, _, size = argument.partition("x")
                pieces = thoughts(_count(count), seen.settings.model, int(size or 0))
                parts.append(Reasoning(pieces))
            case "redacted" if seen.settings.reasoning:
                parts.append(Reasoning((), redacted=True))
    return parts


def _named_call(argument: str, seen: Seen) -> Call:
    name, _, arguments = argument.partition(" ")
    tool = next((tool for tool in seen.settings.tools if tool.name == name), Tool(name, {}))
    if not arguments:
        return _call(tool, seen.calls + 1)
    return Call(name, _fitting(arguments, tool), tool.custom, tool.namespace)


def _fitting(arguments: str, tool: Tool) -> str:
    """A free text for a function that takes just one is its argument."""
    required = (tool.schema or {}).get("required")
    if tool.custom or arguments[:1] in ("{", "[") or not required:
        return arguments
    return _json({required[0]: arguments})


def _cut(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The last part as the token limit leaves it: half of a text, a call inside its last value."""
    if not parts:
        return ()
    *before, last = parts
    match last:
        case Call(arguments=arguments):
            last = replace(last, arguments=_cut_arguments(arguments))
        case Text(pieces) | Reasoning(pieces) | Refusal(pieces):
            last = replace(last, pieces=pieces[: max(1, len(pieces) // 2)])
    return (*before, last)


def _cut_arguments(arguments: str) -> str:
    try:
        *_, (key, value) = json.loads(arguments).items()
    except (ValueError, AttributeError):
        return arguments[: len(arguments) // 2]
    tail = _json({key: value})[1:]
    start = arguments.rfind(tail)
    if start < 0:  # not spelled as we would
        return arguments[: len(arguments) // 2]
    opening = 2 if isinstance(value, str) and value else 0  # the quote and one character
    return arguments[: start + len(_json(key)) + 1 + opening]


def _stop_sequence(directives: Directives, seen: Seen) -> str | None:
    argument = directives.last("stop")
    return None if argument is None else argument or next(iter(seen.settings.stop), None)


def _usage(parts: tuple[Part, ...], seen: Seen, input_tokens: int, directives: Directives) -> Usage:
    if (told := directives.last("usage")) is not None:
        pairs = (pair.partition("=") for pair in told.split(","))
        counts = {key.strip(): int(value) for key, _, value in pairs if value.isdecimal()}
        known = {key: counts.get(key, 0) for key in ("cached", "write", "output", "reasoning")}
        return Usage(counts.get("input", input_tokens), **known)
    cached, write = _cache(seen, input_tokens)
    thoughts = sum(len(part.pieces) for part in parts if isinstance(part, Reasoning))
    return Usage(
        input_tokens,
        cached=cached,
        write=write,
        output=sum(len(part.pieces) for part in parts) + 1,
        reasoning=thoughts,
    )


def _cache(seen: Seen, input_tokens: int) -> tuple[int, int]:
    """Tokens read and written: the first request fills the cache, those that go on read it."""
    old = input_tokens * 3 // 4
    match seen.settings.cache:
        case "marked":
            return (old, 0) if seen.continued else (0, old)
        case "implicit" if seen.continued and input_tokens >= 1024:
            return old // 128 * 128, 0
        case _:
            return 0, 0


def words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\S+\s*|\s+", text))


def _count(argument: str) -> int:
    return min(int(argument), 100_000) if argument.isdecimal() else 10


@lru_cache(maxsize=16)
def numbered(count: int) -> tuple[str, ...]:
    """So many pieces, each with its number: what is lost or doubled can be seen."""
    return tuple(f"{i}:{WORDS[i % len(WORDS)]}" for i in range(count))


def thoughts(count: int, model: str, size: int = 0) -> tuple[str, ...]:
    """So many pieces of reasoning, of so many characters or more, which tell whose they are."""
    return tuple(f"{i}:{model} ".ljust(size, ".") for i in range(count))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
