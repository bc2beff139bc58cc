"""One upstream: where it is, what it speaks, how it lets us in; and with one of its keys, a target.

A single value on purpose: URL, path, key, model and dialect change together or not at all.
"""

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from .transform.model import Protocol
from .transform.profile import Profile

type Auth = Literal["bearer", "x-api-key", "api-key"]
type Scheme = Literal["http", "https"]

PORTS: dict[Scheme, int] = {"http": 80, "https": 443}

# (protocol, host, how servers there want the key), first match wins
AUTH_BY_HOST: tuple[tuple[str, str, Auth], ...] = (
    ("openai_*", "*.azure.com", "api-key"),  # a bearer there is an Entra token
    ("anthropic_messages", "ollama.com", "bearer"),  # x-api-key alone is refused
    ("anthropic_messages", "openrouter.ai", "bearer"),
    ("anthropic_messages", "*", "x-api-key"),
    ("*", "*", "bearer"),
)


def glob(pattern: str, value: str) -> bool:
    """Shell wildcards `*` and `?`; brackets are letters, as in the model name claude-opus-5[1m]."""
    return fnmatchcase(value, pattern.replace("[", "[[]"))


def usual_auth(protocol: Protocol, host: str) -> Auth:
    return next(a for p, h, a in AUTH_BY_HOST if glob(p, protocol) and glob(h, host))


@dataclass(frozen=True, slots=True)
class Upstream:
    """One target: where it is, what it speaks, how to be let in. Keys appear in no repr."""

    name: str
    protocol: Protocol
    scheme: Scheme
    host: str
    port: int
    base_path: str  # "" or "/v1": no slash at the end
    auth: Auth
    profile: Profile = field(repr=False)
    api_keys: tuple[str, ...] = field(default=(), repr=False)  # none: the app's own, if same_origin
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    models: tuple[tuple[str, str], ...] = ()
    max_in_flight: int | None = None  # requests at a time; None: any number
    queue: float = 2.0  # seconds that a request waits for its turn
    strict: bool | None = None  # refuse to lose content; None: as the route says

    @property
    def anthropic_version(self) -> str:
        return self.profile.anthropic_version

    @property
    def changes_nothing(self) -> bool:
        """Whether what an app sends to that very server goes there as it is."""
        return not self.api_keys and not self.models

    @property
    def authority(self) -> str:
        """Host and port as URLs and Host headers name them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        return self.origin + self.base_path

    def model_for(self, asked: str) -> str | None:
        """The name this upstream gets for the model the app asked for; None: the same."""
        return next((model for pattern, model in self.models if glob(pattern, asked)), None)

    def path_to(self, endpoint: str) -> str:
        """The path of an endpoint such as /v1/messages; the version is never doubled.

        A base that ends in a version brings its own. Without one it is what the vendor's SDK takes
        for a base URL: to Anthropic's the client adds /v1/messages, to OpenAI's /chat/completions.
        An endpoint outside /v1/ is a place on the server, wherever the base is.
        """
        if not endpoint.startswith("/v1/"):
            return endpoint
        last = self.base_path.rpartition("/")[2]
        complete = bool(self.base_path) and self.protocol != "anthropic_messages"
        if complete or re.fullmatch(r"v[0-9]+[a-z0-9]*", last):
            endpoint = endpoint.removeprefix("/v1")
        return self.base_path + endpoint

    def same_origin(self, scheme: str, host: str, port: int) -> bool:
        """Whether what the app sends to that server may be sent here: its credentials above all."""
        return (scheme, host.lower(), port) == (self.scheme, self.host, self.port)


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is sent to: an upstream with one key of its pool."""

    upstream: Upstream
    key: int = 0  # its place in `api_keys`; 0 also where there are none

    @property
    def api_key(self) -> str | None:
        """None: the app's own."""
        keys = self.upstream.api_keys
        return keys[self.key] if keys else None

    @property
    def label(self) -> str:
        """openai, or with a pool openai#2; never the key."""
        name = self.upstream.name
        return f"{name}#{self.key + 1}" if len(self.upstream.api_keys) > 1 else name
