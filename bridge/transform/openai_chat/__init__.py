"""OpenAI Chat Completions: `POST /v1/chat/completions`, whole and streamed, both roles."""

from .errors import encode_error
from .request import decode_request, encode_request
from .response import decode_response, encode_response
from .state import states, without_state
from .stream import Decoder, Encoder

PATH = "/v1/chat/completions"
SUFFIX = "/chat/completions"

__all__ = [
    "PATH",
    "SUFFIX",
    "Decoder",
    "Encoder",
    "decode_request",
    "decode_response",
    "encode_error",
    "encode_request",
    "encode_response",
    "states",
    "without_state",
]
