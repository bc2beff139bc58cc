"""Whole answers: a body to the events its stream would give, and an answer to a body.

In both directions a whole answer is its own stream: the last event of one holds all of it.
"""

from ..answers import Error, Event, Failure, Response
from ..context import Context
from ..errors import decode_error, error_inside
from ..fold import unfold
from ..json_text import Json
from .decoder import Decoder
from .encoder import Encoder
from .finish import status_of

__all__ = ["decode_response", "encode_response"]

EMPTY = Error("server", "the upstream answered with nothing", 502)


def decode_response(body: Json, ctx: Context) -> list[Event]:
    if _is_response(body):
        return Decoder(ctx).conclude(body)
    failed = error_inside(body) or body
    return [Failure(decode_error(200, failed) if failed else EMPTY)]


def _is_response(body: Json) -> bool:
    if not isinstance(body, dict):
        return False
    return bool(status_of(body, "")) or (
        isinstance(body.get("output"), list) and not body.get("error")
    )


def encode_response(response: Response, ctx: Context) -> Json:
    encoder = Encoder(ctx)
    for event in unfold(response):
        encoder.encode(event)
    return encoder.response
