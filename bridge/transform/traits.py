"""What routes may ask about a request besides its model, read from the client's body."""

from itertools import takewhile
from math import inf
from typing import NamedTuple

from .changes import last_effort, late_tools
from .codec import Codec
from .context import context
from .json_text import Json
from .model import DocumentPart, ImagePart, Part, Protocol, Request, TextPart, ToolResultPart
from .notes import TransformError

# How apps begin what they ask beside the conversation: titles, topics, commit messages. It is the
# system prompt, or a block of it, or of the first message.
SIDE_OPENINGS = (
    "Analyze if this message indicates a new conversation topic",  # Claude Code
    "Generate a concise, sentence-case title",  # Claude Code
    "Please write a 5-10 word title for the following conversation",  # Claude Code
    "Summarize this coding conversation in under 50 characters",  # Claude Code
    "You are a title generator",  # opencode
    "Generate a title for this conversation",  # opencode
    "You will generate a short title based on the first message",  # Crush
    "You are an expert software engineer that generates concise, one-line Git commit",  # aider
    "### Task:\nGenerate a concise, 3-5 word title",  # Open WebUI
    "### Task:\nGenerate 1-3 broad tags",  # Open WebUI
    "### Task:\nSuggest 3-5 relevant follow-up",  # Open WebUI
)
INSTRUCTING = ("system", "developer")
SIDE_TOKENS = 128  # who allows no more to answer a first message asks for no work


class Traits(NamedTuple):
    thinking: bool = False
    images: bool = False
    tools: bool = False
    side: bool = False


def traits_of(codec: Codec, client: Protocol, body: Json) -> Traits:
    """All False for a body that cannot be read; who sends it finds out by what the call answers."""
    try:
        request = codec.decode_request(body, context(client, client))
    except TransformError:
        return Traits()
    tools = bool(request.tools or late_tools(request))
    return Traits(
        thinking=_thinks(request),
        images=any(_shows(part) for message in request.messages for part in message.parts),
        tools=tools,
        side=not tools and (_is_brief(request) or _opens_aside(request)),
    )


def _thinks(request: Request) -> bool:
    reasoning = request.reasoning
    if reasoning.mode is not None:
        return reasoning.mode != "disabled"
    return last_effort(request) not in (None, "none")


def _is_brief(request: Request) -> bool:
    """One message, and hardly room for an answer."""
    said = [message for message in request.messages if message.role not in INSTRUCTING]
    return len(said) == 1 and (request.max_tokens or inf) <= SIDE_TOKENS


def _opens_aside(request: Request) -> bool:
    """By what stands before the app's first answer: later on it is a conversation."""
    before = takewhile(lambda message: message.role != "assistant", request.messages)
    texts = (p.text for message in before for p in message.parts if isinstance(p, TextPart))
    return any(text.lstrip().startswith(SIDE_OPENINGS) for text in texts)


def _shows(part: Part) -> bool:
    if isinstance(part, ToolResultPart):
        return any(map(_shows, part.parts))
    return isinstance(part, ImagePart | DocumentPart)
