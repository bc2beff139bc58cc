"""Credentials in bodies: those that an app hands to its vendor for other servers, MCP's mostly, and
keys that servers repeat when they refuse them.

In: a request as it was read, its headers, then texts. Out: the texts without them. Hard part: a
body is shown as it is, whole, cut or as a stream, and the translation of a request has the same
credential in other fields, as may an answer that repeats the request. So they are found in the
request once, by its structure, and hidden wherever they stand.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from .scrub import HIDDEN, SHORTEST
from .transform.json_text import Json, dump_text

# Fields whose text is one, within what tells of another server.
FIELDS = frozenset(
    """
    authorization authorization_token api_key access_token key encoded_api_key connection_string
    value
    """.split()
)
HEADERS = "headers"  # each of these may be one, by whatever name
HARMLESS = frozenset({"accept", "accept-language", "content-type", "user-agent"})
URLS = frozenset({"url", "server_url"})
# Where another server is told of: in the request, and in a tool that the vendor runs.
SERVERS = ("mcp_servers", "data_sources")
PLACES = ("container", "environment")
SURE = 20  # characters that are no word
# Headers that let an app in; how the names of others end that do; and those that do not.
KEYS = frozenset({"api-key", "authorization", "cookie", "x-api-key", "x-goog-api-key"})
_KEY_NAME = re.compile(r"(?:^|[-_])(?:key|token|secret|password)$", re.IGNORECASE)
NO_KEYS = frozenset({"idempotency-key", "sec-websocket-key"})

_SCHEME = re.compile(r"(?:Bearer|Basic|Token)\s+", re.IGNORECASE)
_KEY = re.compile(r"/(?=[^/]*\d)[^/]{16,}")  # a step of a path that is made up


class Credential(NamedTuple):
    """`text`, which stands as the value of `key`; `shown` is what stands in its place."""

    key: str
    text: str
    shown: str = HIDDEN


type Credentials = tuple[Credential, ...]


def credentials_in(request: Json) -> Credentials:
    """The longest first, for one may hold another."""
    if not isinstance(request, dict):
        return ()
    found = {each for key in SERVERS for each in _within(key, request.get(key))}
    for tool in _tools(request):
        if tool.get("type") == "mcp":
            found.update(_within("", tool))
        found.update(each for key in PLACES for each in _within(key, tool.get(key)))
    return tuple(sorted(found, key=lambda each: (-len(each.text), each)))


def keys_in(headers: Iterable[tuple[str, str]]) -> Credentials:
    """Those of a request's headers. A word in the place of a key, as local servers have them, is
    none: it may stand anywhere."""
    pairs = ((name.lower(), value) for name, value in headers)
    found = (each for name, value in pairs if is_key(name) for each in _text(value, name))
    return tuple(each for each in found if _is_telling(each.text))


@lru_cache(512)
def is_key(name: str) -> bool:
    """Whether a header, its name in lower case, lets one in."""
    return name in KEYS or bool(name not in NO_KEYS and _KEY_NAME.search(name))


def _tools(request: dict[str, Json]) -> Iterator[dict[str, Json]]:
    """Also those that an item of the conversation brings, and those in a namespace."""
    items = request.get("input")
    for holder in (request, *(items if isinstance(items, list) else ())):
        for tool in _offered(holder):
            yield tool
            yield from _offered(tool)


def _offered(holder: Json) -> Iterator[dict[str, Json]]:
    tools = holder.get("tools") if isinstance(holder, dict) else None
    listed = tools if isinstance(tools, list) else ()
    yield from (tool for tool in listed if isinstance(tool, dict))


def _within(key: str, value: Json) -> Iterator[Credential]:
    """No recursion: an app may nest as deeply as it likes."""
    left = [(key, value, False)]
    while left:
        key, value, is_header = left.pop()
        match value:
            case dict():
                left += [(name, inner, key == HEADERS) for name, inner in value.items()]
            case list():
                left += [(key, inner, is_header) for inner in value]
            case str() if key in URLS and not is_header:
                shown = _address(value)
                if shown != value or HIDDEN in value:
                    yield Credential(key, value, shown)
            case str() if key.lower() not in HARMLESS if is_header else key in FIELDS:
                yield from _text(value, key)
            case _:
                pass


def _text(text: str, key: str) -> Iterator[Credential]:
    """Without its scheme, which is no secret."""
    scheme = _SCHEME.match(text)
    if told := text[scheme.end() :] if scheme else text:
        yield Credential(key, told)


def _address(url: str) -> str:
    """Whoever knows the path of some servers is let in."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return HIDDEN
    if not (parts.query or parts.fragment or parts.username or _KEY.search(parts.path)):
        return url
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}/{HIDDEN}"


# --- hidden


def hide(text: str, credentials: Iterable[Credential]) -> str:
    """`text` without them: anywhere, if they are no words; else where such a field has them."""
    for credential in credentials:
        for form, _ in _forms(credential.text):
            if form in text:
                text = _hidden(text, form, credential)
    return text


def without(data: bytes, credentials: Iterable[Credential]) -> bytes:
    """As `hide`, of bytes; as they are where there is nothing to hide."""
    if not repeats(data, credentials):
        return data
    text = data.decode("utf-8", "surrogateescape")
    return hide(text, credentials).encode("utf-8", "surrogateescape")


def repeats(data: bytes, credentials: Iterable[Credential]) -> bool:
    for credential in credentials:
        for _, form in _forms(credential.text):
            if form in data:
                return True
    return False


@lru_cache(256)
def _forms(text: str) -> tuple[tuple[str, bytes], ...]:
    """As it is, and as JSON has it; each as text and as bytes."""
    try:
        forms = {text, dump_text(text)[1:-1]}
    except ValueError:  # half of a character
        forms = {text}
    return tuple((form, form.encode("utf-8", "surrogatepass")) for form in forms)


def _hidden(text: str, form: str, credential: Credential) -> str:
    if _is_telling(form):
        return text.replace(form, credential.shown)
    keys = "|".join(map(re.escape, sorted({*FIELDS, credential.key})))
    field = rf'((?:{keys})"\s*:\s*"(?:{_SCHEME.pattern})?){re.escape(form)}(?=")'
    return re.sub(field, rf"\g<1>{HIDDEN}", text, flags=re.IGNORECASE)


def _is_telling(text: str) -> bool:
    is_word = text.isalpha() and len(text) < SURE
    return len(text) >= SHORTEST and not is_word
