"""Subprotocols of a WebSocket, in which apps that can set no header say who they are.

A browser offers `realtime, openai-insecure-api-key.sk-..., openai-project.proj_...`. In: such an
offer. Out: what of it is harmless, and what its app says of itself. Hard part: nobody else is to
get a credential, and by the standard an app fails whose offer is answered with nothing of it.
https://platform.openai.com/docs/guides/realtime-websocket
"""

import re

from .credentials import Credential, Credentials
from .scrub import HIDDEN, scrub
from .transform.headers import Headers

HEADER = "sec-websocket-protocol"
# How those begin that say who an app is -> the header that says the same, and how its value begins.
AS_HEADERS = {
    "openai-insecure-api-key.": ("authorization", "Bearer "),
    "openai-organization.": ("openai-organization", ""),
    "openai-project.": ("openai-project", ""),
}
# In what stands before a credential, whoever's it is.
_WORDS = re.compile(r"key|token|bearer|secret|auth|password|organi[sz]ation|project", re.IGNORECASE)
_MADE_UP = re.compile(r"(?=\w*\d)\w{20,}")  # no word has that many letters and a digit


def offered(value: str) -> list[str]:
    return [name for name in map(str.strip, value.split(",")) if name]


def harmless(value: str) -> list[str]:
    """Those that hold no credential."""
    return [name for name in offered(value) if _hidden(name) == name]


def hidden(value: str) -> str:
    """For display."""
    return ", ".join(map(_hidden, offered(value)))


def credentials_offered(value: str) -> Credentials:
    found = (name[len(_before(name)) :] for name in offered(value) if _hidden(name) != name)
    return tuple(Credential(HEADER, text) for text in found)


def as_headers(value: str) -> Headers:
    """What an app says of itself with them, as it would over HTTP."""
    return [
        (header, scheme + name.removeprefix(begin))
        for name in offered(value)
        for begin, (header, scheme) in AS_HEADERS.items()
        if name.startswith(begin)
    ]


def _hidden(name: str) -> str:
    before = _before(name)
    return before + HIDDEN if before else _MADE_UP.sub(HIDDEN, scrub(name))


def _before(name: str) -> str:
    """What of it says that a credential follows."""
    *begin, _ = name.split(".")
    n = next((n for n, part in enumerate(begin, 1) if _WORDS.search(part)), 0)
    return "".join(f"{part}." for part in begin[:n])
