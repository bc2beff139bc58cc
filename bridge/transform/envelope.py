"""Envelopes: opaque state of one upstream, carried through another protocol's string slots.

In: native objects and who made them. Out: one string of the alphabet `[A-Za-z0-9_.-]` that the
client hands back with its history, which only this installation can open:

    brg1.<base64url(zlib(JSON))>.<base64url(first 9 bytes of HMAC-SHA256(key, middle part))>
"""

import hmac
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Literal

from .json_text import dumps, loads
from .model import Native, Protocol

MARK = "brg1"  # of what the bridge made itself
PREFIX = f"{MARK}."
MAX_BYTES = 16 * 1024 * 1024  # of JSON, before compression

_LETTERS: dict[Protocol, str] = {
    "anthropic_messages": "A",
    "openai_chat": "C",
    "openai_responses": "R",
}
_PROTOCOLS: dict[str, Protocol] = {letter: name for name, letter in _LETTERS.items()}

type Fault = Literal["opaque_invalid", "opaque_too_large"]


def is_sealed(text: object) -> bool:
    return isinstance(text, str) and text.startswith(PREFIX)


def seal(native: Native, key: bytes) -> str | None:
    """The envelope of `native`; None when it is larger than an envelope may be."""
    content = dumps(
        {
            "v": 1,
            "p": _LETTERS[native.protocol],
            "o": native.upstream,
            "m": native.model,
            "b": native.blocks,
        }
    )
    if len(content) > MAX_BYTES:
        return None
    middle = urlsafe_b64encode(zlib.compress(content, 6)).rstrip(b"=")
    return f"{PREFIX}{middle.decode()}.{_mac(key, middle)}"


def unseal(text: str, key: bytes) -> Native | Fault:
    """What `seal` put in, or what is wrong with `text`: changed, foreign, damaged, too large."""
    middle, _, mac = text.removeprefix(PREFIX).partition(".")
    raw = middle.encode("utf-8", "replace")
    if not hmac.compare_digest(_mac(key, raw).encode(), mac.encode("utf-8", "replace")):
        return "opaque_invalid"
    try:
        packed = urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
        content = zlib.decompressobj().decompress(packed, MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            return "opaque_too_large"
        fields = loads(content)
        protocol = _PROTOCOLS[fields["p"]]
        if fields["v"] != 1:
            return "opaque_invalid"
        return Native(protocol, tuple(fields["b"]), str(fields["o"]), str(fields["m"]))
    except (zlib.error, ValueError, KeyError, TypeError):
        return "opaque_invalid"


def _mac(key: bytes, middle: bytes) -> str:
    return urlsafe_b64encode(hmac.digest(key, middle, "sha256")[:9]).decode()
