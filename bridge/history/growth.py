"""What fills the context: the estimated tokens of a request, by kind.

In: a request's body as JSON. Out: tokens of system text, tools (and the schema of the answer), what
was said, what tools gave, and files; together the estimate of the whole, but for rounding. Hard
part: an image may stand inside what a tool gave, so media are taken out before that is counted.
"""

from collections.abc import Iterator, Mapping

from ..estimate import CONVERSATION, FILES, FORMATS, IMAGES, REQUEST, estimate_tokens
from ..transform import Protocol
from ..transform.json_text import Json

KINDS = ("system", "tools", "history", "results", "images")  # images: and documents, and sound
SYSTEM = ("system", "developer")
MEDIA = IMAGES | FILES | {"input_audio"}
RESULTS = ("tool_result", "_output")  # ends of types
HOLDERS = ("content", "output")  # keys that have blocks in them
TOOLS = ("tools", "functions", *FORMATS)

type Piece = tuple[str, Json]  # a kind, and what is of it


def growth(protocol: Protocol, body: Json) -> dict[str, int]:
    """Tokens by kind, in the order of KINDS."""
    request = body if isinstance(body, dict) else {}
    *instructions, conversation = CONVERSATION[protocol]
    pieces: dict[str, list[Json]] = {kind: [] for kind in KINDS}
    pieces["system"] += (request.get(key) for key in instructions)
    for kind, piece in _turns(request.get(conversation)):
        pieces[kind].append(piece)
    tokens = {
        kind: estimate_tokens(protocol, {conversation: found}) - REQUEST
        for kind, found in pieces.items()
    }
    offered = {key: request[key] for key in TOOLS if key in request}
    tokens["tools"] += estimate_tokens(protocol, offered) - REQUEST
    tokens["system"] += REQUEST
    return tokens


def _turns(value: Json) -> Iterator[Piece]:
    for turn in value if isinstance(value, list) else [value]:
        if isinstance(turn, dict):
            yield from _turn(turn)
        else:
            yield "history", turn


def _turn(turn: Mapping[str, Json]) -> Iterator[Piece]:
    """A message, or an item."""
    kind = _kind_of(turn)
    content = turn.get("content")
    if kind != "history" or not isinstance(content, list):
        yield from _block(kind, turn)
        return
    yield kind, {key: value for key, value in turn.items() if key != "content"}
    for block in content:
        yield from _block(_kind_of(block), block)


def _kind_of(block: Json) -> str:
    if not isinstance(block, dict):
        return "history"
    role, name = block.get("role"), str(block.get("type"))
    if name in MEDIA:
        return "images"
    if name == "additional_tools":
        return "tools"
    if role in SYSTEM:
        return "system"
    return "results" if role in ("tool", "function") or name.endswith(RESULTS) else "history"


def _block(kind: str, block: Json) -> Iterator[Piece]:
    """`block` as `kind`, without the media in it, and those."""
    media: list[Json] = []
    yield kind, _without_media(block, media)
    yield from (("images", found) for found in media)


def _without_media(value: Json, media: list[Json]) -> Json:
    if isinstance(value, list):
        return [_without_media(item, media) for item in value]
    if not isinstance(value, dict):
        return value
    if str(value.get("type")) in MEDIA:
        media.append(value)
        return None
    held = {key: _without_media(value[key], media) for key in HOLDERS if key in value}
    return {**value, **held}
