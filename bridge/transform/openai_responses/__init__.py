"""OpenAI Responses: `POST /v1/responses`, whole and streamed, both roles."""

from ..sse import COMMENT
from .decoder import Decoder
from .encoder import Encoder
from .errors import encode_error
from .request import continue_request, decode_request, encode_request
from .response import decode_response, encode_response
from .state import states, without_identity, without_state

PATH = "/v1/responses"
PING = COMMENT
SUFFIX = "/responses"

__all__ = [
    "PATH",
    "PING",
    "SUFFIX",
    "Decoder",
    "Encoder",
    "continue_request",
    "decode_request",
    "decode_response",
    "encode_error",
    "encode_request",
    "encode_response",
    "states",
    "without_identity",
    "without_state",
]
