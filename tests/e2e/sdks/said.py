"""What a program wants and what an answer says, before any SDK puts it into its own words."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

type Request = dict[str, Any]  # keyword arguments of an SDK's call

PNG, PDF = "iVBORw0KGgo=", "JVBERi0="
PNG_URL = "https://example.org/a.png"
PNG_DATA, PDF_DATA = f"data:image/png;base64,{PNG}", f"data:application/pdf;base64,{PDF}"
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Wish:
    text: str  # directives for the simulator
    system: str | None = None
    limit: int | None = None
    weather: bool = False  # offers the tool of that name
    choice: Literal["none", "required", "weather"] | None = None  # of tools
    reasoning: Literal["shown", "hidden"] | None = None
    media: bool = False  # two images and a document before the text


@dataclass(frozen=True, slots=True)
class Call:
    id: str = field(compare=False)  # of the answer, which is another one each time
    name: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class Said:
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: tuple[Call, ...] = ()
    finish: str | None = None  # in the words of the protocol


# What a stream helper of an SDK keeps beside what came, and the times of an answer.
UNSAID = frozenset(
    "parsed parsed_arguments parsed_output index object created created_at completed_at".split()
)


def bare(value: Any) -> Any:
    """An answer of an SDK without nulls and what is UNSAID: the same, streamed or whole.

    What is sealed may differ: OpenAI encrypts the same reasoning anew each time it shows it.
    """
    if isinstance(value, list):
        return [bare(each) for each in value]
    if isinstance(value, str):
        return re.sub(r"^brg1\..*", "sealed", value)
    if not isinstance(value, dict):
        return value
    kept = {key: each for key, each in value.items() if key not in UNSAID and each is not None}
    return {key: bare(each) for key, each in kept.items()}
