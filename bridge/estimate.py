"""How many tokens a request is, without its model's tokenizer: rather too many than too few.

In: a request's body as JSON. Out: a number. The one hard thing is that bytes say little. Those of
an image have nothing to do with its cost, and digits, capitals and signs (hashes, tables, code) are
twice as many tokens as prose of that length. The numbers here were set by what vendors reported for
recorded requests, and by three of their tokenizers. What a hosted tool will read is not foreseen.
"""

import math
from collections.abc import Mapping
from string import ascii_uppercase, digits, punctuation

from .transform import Protocol
from .transform.files import data_source, file_source
from .transform.json_text import Json, dump_text
from .transform.model import Base64Source

# --- text

# ASCII characters -> how many make a token; all others, letters and space, RATE.
DENSE: tuple[tuple[bytes, float], ...] = (
    (digits.encode(), 1.2),
    (ascii_uppercase.encode(), 1.5),
    (punctuation.encode(), 2.0),
)
RATE = 3.5
FOREIGN_RATE = 1.7  # bytes of UTF-8 for a token of other alphabets, ideographs and emoji
CIPHER_RATE = 6.0  # characters of ciphertext for a token of what it hides

# --- fixed costs, in tokens

REQUEST = 150  # what servers put before every prompt
TOOLS: dict[Protocol, int] = {  # and how they explain that there are tools
    "anthropic_messages": 700,
    "openai_chat": 400,
    "openai_responses": 200,
}
TOOL = 30
BUILT_IN_TOOL = 2_500  # comes with instructions of its vendor's
FORMAT = 250  # an answer after a schema
MESSAGE = 8
PART = 3
IMAGE = 1_600
FILE = 5_000  # of unknown size
PAGE, PAGE_BYTES, MAX_PAGES = 2_500, 25_000, 100  # of a PDF: text and picture
SOUND, SOUND_RATE = 50, 500.0  # a recording, and characters of its base64 for one token more

# --- where what stands

CONVERSATION: dict[Protocol, tuple[str, ...]] = {
    "anthropic_messages": ("system", "messages"),
    "openai_chat": ("messages",),
    "openai_responses": ("instructions", "input"),
}
FORMATS = ("output_config", "output_format", "response_format", "text")
IMAGES = frozenset("image image_url input_image computer_screenshot image_generation_call".split())
FILES = frozenset("document file input_file document_url file_url video_url".split())
# Objects in the app's own words: an `image` in them is none.
APP_OBJECTS = frozenset({"input", "arguments", "action", "operation"})
CIPHERS = frozenset({"signature", "encrypted_content", "encrypted_index", "data"})
# What no model gets to see.
UNSEEN = frozenset(
    """
    type id call_id tool_use_id tool_call_id status cache_control prompt_cache_breakpoint
    annotations logprobs
    """.split()
)
FUNCTIONS = ("", "function", "custom", "namespace")  # types of tools that are the app's


def estimate_tokens(protocol: Protocol, body: Json) -> int:
    """The input tokens of `body`, a request of `protocol` whose endpoint answers or counts it."""
    request = body if isinstance(body, dict) else {}
    told = sum(_cost(request.get(key)) for key in CONVERSATION[protocol])
    formats = sum(_format(request.get(key)) for key in FORMATS)
    tools = [*_listed(request.get("tools")), *_listed(request.get("functions"))]
    explained = TOOLS[protocol] if tools else 0
    return math.ceil(REQUEST + told + formats + explained + sum(map(_tool, tools)))


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _format(value: Json) -> float:
    if not isinstance(value, dict):
        return 0
    schema = "json_schema" in map(_kind, [value, *value.values()])
    return _schema(value) + (FORMAT if schema else 0)


def _tool(tool: Json) -> float:
    return _schema(tool) + (TOOL if _kind(tool) in FUNCTIONS else BUILT_IN_TOOL)


def _kind(value: Json) -> str:
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else ""


def _cost(value: Json) -> float:
    match value:
        case None:
            return 0
        case str():
            return _text(value)
        case list():
            return sum(map(_cost, value))
        case dict():
            return _block(value)
        case _:
            return 1


def _text(text: str) -> float:
    rest, tokens = _foreign(text)
    for characters, rate in DENSE:
        before, rest = len(rest), rest.translate(None, characters)
        tokens += (before - len(rest)) / rate
    return tokens + len(rest) / RATE


def _schema(value: Json) -> float:
    """The signs of JSON with short words in it go several to a token."""
    rest, tokens = _foreign(dump_text(value))
    return tokens + len(rest) / RATE


def _foreign(text: str) -> tuple[bytes, float]:
    """The ASCII characters of `text`, and the tokens of the others."""
    if text.isascii():
        return text.encode(), 0
    ascii_only = text.encode("ascii", "ignore")
    return ascii_only, (len(text.encode("utf-8", "surrogatepass")) - len(ascii_only)) / FOREIGN_RATE


def _block(block: Mapping[str, Json]) -> float:
    """A message, an item, a part, or what is inside one."""
    kind = _kind(block)
    if kind in IMAGES:
        return IMAGE
    if kind in FILES:
        return _file(block)
    if kind == "input_audio":
        return SOUND + len(dump_text(block)) / SOUND_RATE
    fields = ((key, value) for key, value in block.items() if key not in UNSEEN)
    return (MESSAGE if "role" in block else PART) + sum(_field(k, v) for k, v in fields)


def _field(key: str, value: Json) -> float:
    if key in CIPHERS and isinstance(value, str):
        return len(value) / CIPHER_RATE
    if key in APP_OBJECTS and not isinstance(value, str):
        return _text(dump_text(value))
    if key in ("tools", "tool"):  # that come in the course of the conversation
        return _schema(value)
    return _cost(value)


# --- files


def _file(block: Mapping[str, Json]) -> float:
    holders = (block.get("source"), block.get("file"), block)
    holder = next(holder for holder in holders if isinstance(holder, dict))
    if holder.get("type") in ("text", "content"):
        words = (block.get("title"), block.get("context"), holder.get("data"))
        return PART + _cost([*words, holder.get("content")])
    content = _content(holder)
    if content is None:
        return FILE
    size = len(content.data) * 3 / 4
    if content.media_type == "application/pdf":
        return PAGE * min(MAX_PAGES, math.ceil(size / PAGE_BYTES))
    return PART + size / RATE


def _content(holder: Mapping[str, Json]) -> Base64Source | None:
    """What is in a file, where the request says it."""
    data = holder.get("file_data") or holder.get("data")
    if isinstance(data, str):
        return file_source(data)
    urls = (holder.get(key) for key in ("url", "file_url", "document_url", "video_url"))
    found = (data_source(url) for url in urls if isinstance(url, str))
    return next((source for source in found if source), None)
