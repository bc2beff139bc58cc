"""Whole answers. They are read as the stream that would say the same, and written like one."""

from ..answers import Error, Event, Failure, Response
from ..context import Context
from ..errors import complains, decode_error, error_inside
from ..json_text import Json
from ..model import NativePart, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from .answer import (
    encode_call,
    encode_citation,
    encode_native,
    encode_thinking,
    message_head,
    note_moderated,
)
from .content import encode_input
from .decoder import Decoder
from .finish import encode_finish
from .usage import encode_usage

__all__ = ["decode_response", "encode_response"]


def decode_response(body: Json, ctx: Context) -> list[Event]:
    if error := error_inside(body):
        return [Failure(decode_error(200, error))]
    content = body.get("content") if isinstance(body, dict) else None
    if isinstance(content, str):  # of careless servers
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        problem = "the upstream's answer is no Anthropic message: it has no content"
        empty = Error("server", problem, 502)
        return [Failure(decode_error(200, body) if complains(body) else empty)]
    decoder = Decoder(ctx)
    events = decoder.feed_json({"type": "message_start", "message": {**body, "content": content}})
    events += decoder.feed_json({"type": "message_delta", "delta": body})
    return events + decoder.feed_json({"type": "message_stop"})


def encode_response(response: Response, ctx: Context) -> Json:
    note_moderated(response.moderation, ctx)
    refusal = "".join(part.text for part in response.parts if isinstance(part, RefusalPart))
    return {
        **message_head(response.id, response.model, response.service_tier, ctx),
        "content": [block for part in response.parts for block in _blocks(part, ctx)],
        **encode_finish(response.finish, refusal, ctx),
        "usage": encode_usage(response.usage, response.service_tier),
    }


def _blocks(part: Part, ctx: Context) -> list[Json]:
    """[] where the client gets nothing for `part`."""
    match part:
        case TextPart(text, citations):
            found = [encode_citation(citation, text, ctx) for citation in citations]
            cited = [citation for citation in found if citation is not None]
            return [{"type": "text", "text": text, **({"citations": cited} if cited else {})}]
        case RefusalPart(text):
            return [{"type": "text", "text": text}]
        case ReasoningPart(text, native):
            block = encode_thinking(text, native, ctx)
            return [block] if block else []
        case ToolCallPart(arguments=arguments):
            return [{**encode_call(part), "input": encode_input(arguments, "", ctx)}]
        case NativePart():
            return encode_native(part, ctx)
        case _:
            raise TypeError(f"{type(part).__name__} cannot be part of an answer")
