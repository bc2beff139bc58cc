"""What a request says, whatever its protocol: `Seen`, the input of the answer plan.

Each dialect reads its request into `Turn`s; `observe` finds in them the user text that is being
answered. Hard part: a user turn right after tool results is mostly a translated image or a
reminder of the agent, so it starts no new turn unless it carries a directive.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

Json = Any
NAMES = (
    "text words json echo reason thoughts redacted call do results tools refuse empty length stop "
    "finish usage burst"
)
DIRECTIVE = re.compile(rf"\[\[({NAMES.replace(' ', '|')})(?=[:\]])")


@dataclass(slots=True)
class Turn:
    role: Literal["user", "assistant", "tool"]
    text: str = ""
    calls: list[str] = field(default_factory=list)  # tool names
    results: list[str] = field(default_factory=list)
    images: int = 0
    documents: int = 0
    reasonings: int = 0


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    schema: Json
    custom: bool = False  # free text instead of JSON arguments
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What the request allows the answer to be."""

    model: str
    system: str = ""
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"  # or none, required, or the name of the one tool
    parallel: bool = True
    reasoning: bool = True
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    schema: Json = None  # of structured output; {} is any JSON object
    cache: Literal["none", "marked", "implicit"] = "implicit"


@dataclass(frozen=True, slots=True)
class Seen:
    settings: Settings
    user_text: str = ""  # the text being answered
    calls: int = 0  # made since then
    results: tuple[str, ...] = ()  # come in since the last call
    all_results: tuple[str, ...] = ()  # come in since the text that is being answered
    continued: bool = False  # there is an assistant turn in the history
    echo: Json = None  # counts of the whole request, for [[echo]]


def observe(turns: list[Turn], settings: Settings) -> Seen:
    start = _start(turns)
    later = turns[start + 1 :]
    last_call = max((i for i, turn in enumerate(turns) if turn.role == "assistant"), default=-1)
    return Seen(
        settings,
        user_text=turns[start].text if turns else "",
        calls=sum(len(turn.calls) for turn in later),
        results=tuple(r for turn in turns[last_call + 1 :] for r in turn.results),
        all_results=tuple(r for turn in later for r in turn.results),
        continued=last_call >= 0,
        echo=_echo(turns, settings),
    )


def _start(turns: list[Turn]) -> int:
    for i in reversed(range(len(turns))):
        turn = turns[i]
        if turn.role != "user" or not turn.text:
            continue
        if DIRECTIVE.search(turn.text) or not (turn.results or _after_results(turns, i)):
            return i
    return 0


def _after_results(turns: list[Turn], i: int) -> bool:
    while i > 0 and turns[i - 1].role == "user" and not turns[i - 1].results:
        i -= 1
    return i > 0 and bool(turns[i - 1].results)


def _echo(turns: list[Turn], settings: Settings) -> Json:
    return {
        "model": settings.model,
        "system": settings.system,
        "turns": len(turns),
        "texts": [turn.text for turn in turns if turn.text],
        "images": sum(turn.images for turn in turns),
        "documents": sum(turn.documents for turn in turns),
        "reasonings": sum(turn.reasonings for turn in turns),
        "calls": [name for turn in turns for name in turn.calls],
        "results": [text for turn in turns for text in turn.results],
        "tools": [tool.name for tool in settings.tools],
        "choice": settings.choice,
        "stop": list(settings.stop),
        "max_tokens": settings.max_tokens,
    }
