"""An app's LLM call as it came in, and what routes may ask about it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from urllib.parse import unquote

from .credentials import Credentials, credentials_in, keys_in
from .estimate import estimate_tokens
from .routing import Facts
from .subprotocols import HEADER, credentials_offered
from .transform import Protocol, TransformError, traits
from .transform.json_text import Json, dumps, loads
from .upstream import Upstream, glob

# Where agents say which session a call belongs to, the narrowest first.
SESSION_HEADERS = (
    "x-claude-code-session-id",
    "session-id",
    "session_id",
    "thread-id",
    "x-session-id",
    "x-session-affinity",
)
SESSION_FIELDS = ("prompt_cache_key", "conversation")
# What agents say of a call that is not the conversation's own, by header and value.
AGENT_HEADERS = (
    ("x-claude-code-agent-id", "*"),
    ("x-claude-code-request-class", "subagent"),
    ("x-claude-code-request-class", "workflow"),
    ("x-openai-subagent", "*"),  # Codex
    ("x-codex-parent-thread-id", "*"),
    ("x-parent-session-id", "*"),  # opencode
)
SIDE_HEADERS = (("x-claude-code-request-class", "auxiliary"),)
OPENING = 4_000  # characters that tell one conversation from another
READ_FOR = frozenset({"thinking", "has", "side"})  # conditions that need the body understood


@dataclass(frozen=True)
class Call:
    """`body` is decoded from its content encoding, header names are as sent."""

    protocol: Protocol
    scheme: str
    host: str
    port: int
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def addresses(self, upstream: Upstream) -> bool:
        """Whether it was sent to that very server."""
        return upstream.same_origin(self.scheme, self.host, self.port)

    def is_for(self, upstream: Upstream) -> bool:
        """Whether the app itself asks that very server, in the protocol it is configured with."""
        return upstream.protocol == self.protocol and self.addresses(upstream)

    @cached_property
    def _read(self) -> tuple[Json, TransformError | None]:
        try:
            return loads(self.body), None
        except ValueError as error:
            return None, TransformError("", f"the body is not JSON: {error}")

    @property
    def parsed(self) -> Json:
        """The body; None where it is no JSON."""
        return self._read[0]

    @property
    def fault(self) -> TransformError | None:
        """Why it cannot be read."""
        return self._read[1]

    @cached_property
    def model(self) -> str:
        """The model it names; "" where it names none."""
        value = self.parsed.get("model") if isinstance(self.parsed, dict) else None
        return value if isinstance(value, str) else ""

    @cached_property
    def named(self) -> dict[str, str]:
        """Its headers, by their names in lower case."""
        return {name.lower(): value for name, value in self.headers}

    @cached_property
    def credentials(self) -> Credentials:
        """For other servers than its vendor's, in its body; and in the subprotocols it offers."""
        return (
            *credentials_offered(self.named.get(HEADER, "")),
            *credentials_in(self.parsed),
        )

    @cached_property
    def keys(self) -> Credentials:
        """What lets the app in where it calls; servers repeat it when they refuse it."""
        return keys_in(self.headers)

    @cached_property
    def wants_stream(self) -> bool:
        return isinstance(self.parsed, dict) and self.parsed.get("stream") is True

    @cached_property
    def conversation(self) -> str:
        """The same for all calls of one conversation, as far as one can tell; it names nobody.

        An app's session where it tells one, else what the conversation began with.
        """
        given = self.named
        session = next((given[name] for name in SESSION_HEADERS if given.get(name)), None)
        body = self.parsed if isinstance(self.parsed, dict) else {}
        if session is None:
            session = next((str(body[key]) for key in SESSION_FIELDS if body.get(key)), None)
        first = None if session else _first_words(body)
        return sha256(dumps([self.protocol, session, first])).hexdigest()[:16]

    @cached_property
    def tokens(self) -> int:
        """An estimate of what its input takes, rather too high than too low."""
        return estimate_tokens(self.protocol, self.parsed)

    def facts(self, asks: frozenset[str]) -> Facts:
        """What the conditions in `asks` need to know."""
        found = traits(self.protocol, self.parsed) if asks & READ_FOR else None
        headers = self.named
        return Facts(
            protocol=self.protocol,
            model=self.model,
            host=self.host,
            path=self.path,
            headers=headers,
            body=self.parsed,
            side=_says(headers, SIDE_HEADERS) or bool(found and found.side),
            agent=_says(headers, AGENT_HEADERS),
            thinking=bool(found and found.thinking),
            tokens=self.tokens if "tokens_over" in asks else 0,
            has=frozenset(name for name in ("images", "tools") if found and getattr(found, name)),
        )


def deployment(path: str) -> str | None:
    """The model that a path of Azure's names: /openai/deployments/gpt-6/chat/completions."""
    found = re.search(r"/openai/deployments/([^/?]+)/", path)
    return unquote(found[1]) if found else None


def with_model(body: bytes, path: str) -> bytes:
    """The body with the model of its path, if it names none itself: everybody reads it there."""
    model, inside = deployment(path), body.strip()
    if model is None or not inside.startswith(b"{"):
        return body
    try:
        given = loads(body)
    except ValueError:
        return body
    if "model" in given:
        return body
    return b'{"model":' + dumps(model) + (b"," if given else b"") + inside[1:]


def _says(headers: Mapping[str, str], known: Iterable[tuple[str, str]]) -> bool:
    return any(glob(value, headers[name]) for name, value in known if headers.get(name))


def _first_words(body: Json) -> Json:
    """How what the user said first begins: the text, for apps write one message in two forms."""
    turns = body.get("messages", body.get("input"))
    if not isinstance(turns, list):
        return turns[:OPENING] if isinstance(turns, str) else turns
    said = (turn for turn in turns if isinstance(turn, dict) and turn.get("role") == "user")
    content = next((turn.get("content") for turn in said), None)
    if not isinstance(content, list):
        return content[:OPENING] if isinstance(content, str) else content
    texts = (str(part["text"]) for part in content if isinstance(part, dict) and "text" in part)
    return "".join(texts)[:OPENING]
