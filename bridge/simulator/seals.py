"""Opaque values as vendors make them: only their maker can tell a true one from a forged one.

A thinking signature holds digests of the thinking text and of the conversation before it, so that
both a changed text and a changed history are found out. The key is no secret; it only makes sure
that nobody else's value passes by chance, nor that of another `account`.
"""

import base64
import binascii
import hashlib
from typing import Literal

KEY = b"llm-bridge simulator"
DIGEST = 12
OMITTED = b"\x01"
SHOWN = b"\x00"
ENCRYPTED = "gAAAAA"  # how encrypted reasoning starts at OpenAI
REDACTED = "EmwKAhgBEgy"  # and redacted thinking at Anthropic


def _digest(*values: bytes) -> bytes:
    return hashlib.blake2b(b"\x00".join(values), key=KEY, digest_size=DIGEST).digest()


def _seal(content: bytes, account: str) -> bytes:
    return _digest(content, _bytes(account))


def signature(text: str, prefix: bytes, omitted: bool = False, account: str = "") -> str:
    content = (OMITTED if omitted else SHOWN) + _digest(_bytes(text)) + _digest(prefix)
    return base64.b64encode(content + _seal(content, account)).decode()


def check_signature(
    value: str, text: str, prefix: bytes, account: str = ""
) -> Literal["ours", "forged", "moved"]:
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return "forged"
    content, seal = raw[:-DIGEST], raw[-DIGEST:]
    if len(content) != 1 + 2 * DIGEST or _seal(content, account) != seal:
        return "forged"
    if content[:1] == SHOWN and content[1 : 1 + DIGEST] != _digest(_bytes(text)):
        return "forged"  # an omitted text may be anything, it is ignored
    return "ours" if content[1 + DIGEST :] == _digest(prefix) else "moved"


def ciphertext(text: str, salt: str = "", start: str = ENCRYPTED, account: str = "") -> str:
    content = _digest(_bytes(text), _bytes(salt))
    return start + base64.urlsafe_b64encode(content + _seal(content, account)).decode()


def is_ours(value: str, start: str = ENCRYPTED, account: str = "") -> bool:
    try:
        raw = base64.urlsafe_b64decode(value.removeprefix(start))
    except (binascii.Error, ValueError):
        return False
    return value.startswith(start) and _seal(raw[:-DIGEST], account) == raw[-DIGEST:]


def identifier(seed: str, *names: object, size: int = 24) -> str:
    """A stable id for the thing of that name in the answer to that request."""
    text = "\x00".join([seed, *map(str, names)])
    digest = hashlib.blake2b(_bytes(text), digest_size=32).digest()
    letters = base64.b64encode(digest, b"Ab").decode()
    return letters[:size]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
