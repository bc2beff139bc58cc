"""An answer that goes to the app as its upstream gave it, kept whole so that the app may name it.

In: the app's bytes, whole or as a stream, as they pass. Out: the answer by its own ids. Hard part:
servers that leave out in a stream's last event what they had told before it. What the translator
can read can be read here: the app got it.
"""

from .transform import Protocol
from .transform.context import context
from .transform.fields import text_of
from .transform.json_text import Json, loads_answer
from .transform.reading import read_answer
from .transform.sse import SseParser, is_event_stream
from .transform.translator import CODECS

ITEM = "response.output_item.done"
ENDED = ("response.completed", "response.incomplete", "response.done")


class PassedAnswer:
    """`told` is to be asked for once the answer is over, and has not failed. An answer of more
    than `limit` bytes is not kept."""

    def __init__(self, protocol: Protocol, limit: int) -> None:
        self._protocol, self._left = protocol, limit
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._left >= 0:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    def told(self) -> Json:
        """None where that is no answer after all, or too long a one."""
        body = b"".join(self._pieces)
        if not is_event_stream(body):
            return _object_in(body)
        return _of_messages(body) if self._protocol == "anthropic_messages" else _last(body)


def _last(stream: bytes) -> Json:
    """The response of a stream's last event, which tells it whole."""
    parser = SseParser(limit=len(stream))
    items: list[Json] = []
    for event in [*parser.feed(stream), *parser.end()]:
        payload = _object_in(event.data or "") or {}
        kind = text_of(payload.get("type")) or event.event
        if kind == ITEM:
            items.append(payload.get("item"))
        elif kind in ENDED:
            response = payload.get("response")
            if not isinstance(response, dict):
                return None
            return {**response, "output": response.get("output") or items}
    return None


def _object_in(text: bytes | str) -> dict[str, Json] | None:
    """None where it is no JSON object."""
    try:
        value = loads_answer(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _of_messages(stream: bytes) -> Json:
    """The message that is nowhere told whole."""
    protocol: Protocol = "anthropic_messages"
    said = read_answer(protocol, stream).response
    if said is None:
        return None
    message = CODECS[protocol].encode_response(said, context(protocol, protocol))
    return {**message, "id": said.id}
