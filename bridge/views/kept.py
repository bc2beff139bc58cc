"""A body as it was kept: what kind of text it is, and the JSON that is in it.

In: the text, which may end in the mark that so many bytes more came, and then is no JSON; it is
read as far as it goes. Out: its JSON; of an event stream, the whole answer that it tells.
"""

from dataclasses import dataclass
from typing import Literal

from ..transform.cut_json import mended, without_mark
from ..transform.json_text import Json
from ..transform.sse import is_event_stream
from .whole import whole

type Form = Literal["nothing", "json", "stream", "text"]

HEAD = 64  # characters that tell a stream from JSON


@dataclass(frozen=True, slots=True)
class Kept:
    """`value` is the text itself where there is no JSON in it; `more`: bytes that were not kept."""

    form: Form
    value: Json
    more: int = 0


def read(text: str) -> Kept:
    text, more = without_mark(text)
    if not text.strip():
        return Kept("nothing", None, more)
    if is_stream(text):
        answer = whole(text)
        return Kept("text", text, more) if answer is None else Kept("stream", answer, more)
    value, _ = mended(text.removeprefix("\ufeff"))
    return Kept("text", text, more) if value is None else Kept("json", value, more)


def is_stream(text: str) -> bool:
    return is_event_stream(text[:HEAD].encode("utf-8", "replace")) is True
