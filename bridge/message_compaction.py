"""Compaction for Messages clients, by upstreams that have none of this kind.

In: a client's call with the field `compaction`, its thread put in. Out: a request for a summary, or
what the endpoint of Responses takes; and of the answer the message that the client expects: one
block, which stands for all before it. The one hard thing is a summary that its upstream alone can
read: it is sealed, and what users said stands in the block for everybody else.
"""

from collections.abc import Callable, Mapping

from .compaction import NO_SUMMARY, PROMPT
from .store import content_parts
from .transform import Error, Native
from .transform.fields import objects_of
from .transform.json_text import Json

# What goes to the endpoint of Responses, of a translated request.
KEPT = frozenset(
    """
    model input instructions service_tier prompt_cache_key prompt_cache_options
    prompt_cache_retention
    """.split()
)
# What is said of other answers than this one, and how it is to come.
DROPPED = frozenset(
    """
    compaction context_management stream stop_sequences output_format tool_choice
    """.split()
)
SEALED = """\
The conversation up to here was summed up in a form that only the one who wrote it can read. What \
the user said in it:"""


def asks_for_one(body: Json) -> bool:
    wish = body.get("compaction") if isinstance(body, dict) else None
    return isinstance(wish, dict) and wish.get("type") == "summarize"


def conversation(body: Mapping[str, Json]) -> dict[str, Json]:
    """The request without the wish."""
    kept = {key: value for key, value in body.items() if key not in DROPPED}
    config = kept.get("output_config")
    if isinstance(config, dict) and "format" in config:
        kept["output_config"] = {key: value for key, value in config.items() if key != "format"}
    return kept


def summary_request(body: Mapping[str, Json]) -> Json:
    """A Messages request for a summary, to be translated for any upstream."""
    kept = conversation(body)
    if kept.get("tools"):
        kept["tool_choice"] = {"type": "none"}
    more = body["compaction"].get("instructions")
    wish = f"{PROMPT}\n\n{more}" if isinstance(more, str) and more else PROMPT
    messages = kept.get("messages")
    if isinstance(messages, list):
        kept["messages"] = [*messages, {"role": "user", "content": wish}]
    return kept


def summarized(message: Mapping[str, Json]) -> Json | Error:
    """The answer to such a request as the client's."""
    summary = "".join(b["text"] for b in message["content"] if b.get("type") == "text").strip()
    return _with_block(message, {"content": summary}) if summary else NO_SUMMARY


class Compacted:
    """An answer of the endpoint of Responses on its way to the client: heard, translated, made.

    `seal` makes an envelope of it, None of what is too large for one.
    """

    def __init__(self, upstream: str, seal: Callable[[Native], str | None]) -> None:
        self._upstream, self._seal = upstream, seal
        self._items: tuple[dict[str, Json], ...] = ()

    def heard(self, answer: Mapping[str, Json]) -> Json:
        """As the answer to a call, which can be translated."""
        output = answer.get("output")
        given = output if isinstance(output, list) else []
        self._items = tuple(item for item in given if isinstance(item, dict))
        text = {"type": "output_text", "text": "-", "annotations": []}
        said = {"type": "message", "role": "assistant", "content": [text]}
        return {**answer, "object": "response", "status": "completed", "output": [said]}

    def made(self, message: Mapping[str, Json]) -> Json | Error:
        if not any(item.get("type") == "compaction" for item in self._items):
            return NO_SUMMARY
        sealed = self._seal(Native("openai_responses", self._items, self._upstream))
        if sealed is None:
            return NO_SUMMARY
        said = "\n\n".join([SEALED, *_users_texts(self._items)])
        return _with_block(message, {"content": said, "encrypted_content": sealed})


def _users_texts(items: tuple[dict[str, Json], ...]) -> list[str]:
    said = (item for item in items if item.get("role") == "user")
    parts = (part for item in said for part in objects_of(content_parts(item)))
    texts = (part.get("text") for part in parts)
    return [text for text in texts if isinstance(text, str)]


def _with_block(message: Mapping[str, Json], block: Mapping[str, Json]) -> Json:
    blocks = [{"type": "compaction", "encrypted_content": None, **block}]
    return {**message, "content": blocks, "stop_reason": "compaction", "stop_sequence": None}
