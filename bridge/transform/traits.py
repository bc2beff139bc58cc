"""What routes may ask about a request besides its model, read from the client's body."""

from typing import NamedTuple

from .changes import last_effort, late_tools
from .codec import Codec
from .context import context
from .json_text import Json
from .model import DocumentPart, ImagePart, Part, Protocol, Request, ToolResultPart
from .notes import TransformError


class Traits(NamedTuple):
    thinking: bool = False
    images: bool = False
    tools: bool = False


def traits_of(codec: Codec, client: Protocol, body: Json) -> Traits:
    """All False for a body that cannot be read; who sends it finds out by what the call answers."""
    try:
        request = codec.decode_request(body, context(client, client))
    except TransformError:
        return Traits()
    return Traits(
        thinking=_thinks(request),
        images=any(_shows(part) for message in request.messages for part in message.parts),
        tools=bool(request.tools or late_tools(request)),
    )


def _thinks(request: Request) -> bool:
    reasoning = request.reasoning
    if reasoning.mode is not None:
        return reasoning.mode != "disabled"
    return last_effort(request) not in (None, "none")


def _shows(part: Part) -> bool:
    if isinstance(part, ToolResultPart):
        return any(map(_shows, part.parts))
    return isinstance(part, ImagePart | DocumentPart)
