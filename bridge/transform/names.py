"""Names and ids that every protocol accepts, made without clock or chance.

Hard part: a name or id that is illegal on one side must become the same legal one in every request
of a conversation, and the tool's own name must come back exactly.
"""

import re
import string
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import sha256

from .context import Context
from .json_text import dumps
from .model import Protocol
from .notes import TransformError

_ID_PREFIX = re.compile(r"^[A-Za-z]+[-_]")
_NOT_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]")
_LEGAL_CALL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NINE_SIGNS = re.compile(r"[A-Za-z0-9]{9}")
_SIGNS = string.digits + string.ascii_letters
_ILLEGAL_IN_NAME = re.compile(r"[^A-Za-z0-9_-]")

# The longest tool name a client may bring, and the longest we make. Anthropic documents 64 and has
# been seen to accept 128.
NAME_LIMITS: dict[Protocol, tuple[int, int]] = {
    "anthropic_messages": (128, 64),
    "openai_chat": (64, 64),
    "openai_responses": (128, 128),
}


def object_id(prefix: str, upstream_id: str, ctx: Context) -> str:
    """The client-facing id of an answer: `prefix` and the body of the upstream's id.

    Without a usable one, a digest of it, or of the request and the time.
    """
    body = _NOT_ALPHANUMERIC.sub("", _ID_PREFIX.sub("", upstream_id))
    if body and len(body) <= 40:
        return prefix + body
    seed = upstream_id.encode("utf-8", "surrogatepass") or dumps([_raw(ctx), ctx.now])
    return prefix + sha256(seed).hexdigest()[:24]


def is_legal_call_id(call_id: str) -> bool:
    return _LEGAL_CALL_ID.fullmatch(call_id) is not None


def short_call_id(*seed: str) -> str:
    """A legal id of 45 characters, the same for the same seed."""
    digest = sha256("\0".join(seed).encode("utf-8", "surrogatepass")).digest()
    return "call_" + urlsafe_b64encode(digest).decode()[:40]


def nine_signs(call_id: str) -> str:
    """`call_id` if it is nine letters or digits, else nine made of it: Mistral takes no others."""
    if _NINE_SIGNS.fullmatch(call_id):
        return call_id
    number = int.from_bytes(sha256(call_id.encode("utf-8", "surrogatepass")).digest())
    return "".join(_SIGNS[number // len(_SIGNS) ** place % len(_SIGNS)] for place in range(9))


def tool_name(name: str, target: Protocol) -> str:
    """`name` as `target` accepts it: itself when legal, else a cleaned head and a digest."""
    accepted, made = NAME_LIMITS[target]
    if name and len(name) <= accepted and not _ILLEGAL_IN_NAME.search(name):
        return name
    head = _ILLEGAL_IN_NAME.sub("_", name[: made - 9])
    return f"{head}_{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def tool_names(names: Iterable[str], target: Protocol) -> dict[str, str]:
    """Each of `names` to the name `target` gets; TransformError if two would become one."""
    aliases: dict[str, str] = {}
    owners: dict[str, str] = {}
    for name in names:
        alias = aliases.setdefault(name, tool_name(name, target))
        if owners.setdefault(alias, name) != name:
            problem = f"{name!r} and {owners[alias]!r} both become {alias!r} for {target}"
            raise TransformError("tools", problem, "tool_name_collision")
    return aliases


def _raw(ctx: Context) -> object:
    return ctx.request.raw if ctx.request else ctx.raw
