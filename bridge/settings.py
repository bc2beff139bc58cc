"""What config.yaml says, as plain values with their defaults. `config` reads it."""

from dataclasses import dataclass
from typing import Literal

from .bounded import Bounds
from .history.prices import Prices
from .transform.model import Protocol
from .upstream import Upstream, glob

type Trait = Literal["images", "tools"]
# What becomes of a WebSocket whose calls a route takes: an upstream that speaks it gets it and all
# others none (auto), the bridge answers itself, each call by its route (serve), or there is none.
type Sockets = Literal["auto", "serve", "refuse"]

WELL_KNOWN_HOSTS = (
    "api.anthropic.com",
    "api.openai.com",
    "*.api.openai.com",  # by region
    "chatgpt.com",  # Codex with a ChatGPT login
    "*.openai.azure.com",
    "*.services.ai.azure.com",
    "*.cognitiveservices.azure.com",  # Azure, older resources
    "openrouter.ai",
    "api.deepseek.com",
    "api.groq.com",
    "api.mistral.ai",
    "api.x.ai",
    "generativelanguage.googleapis.com",
    "api.together.ai",
    "api.together.xyz",
    "api.fireworks.ai",
    "ollama.com",
)
STATUSES = frozenset({408, 429, 500, 502, 503, 504, 529})


@dataclass(frozen=True, slots=True)
class Intercept:
    """Whose LLM endpoints are ours."""

    hosts: tuple[str, ...] = WELL_KNOWN_HOSTS
    only: bool = False  # connections to all others are not even decrypted
    websocket: Sockets = "auto"

    def covers(self, host: str) -> bool:
        return any(glob(pattern, host.lower()) for pattern in self.hosts)


@dataclass(frozen=True, slots=True)
class Match:
    """Conditions on a request, all of which have to hold; None and empty ask for nothing."""

    protocol: Protocol | None = None
    model: str | None = None
    host: str | None = None
    path: str | None = None
    header: tuple[tuple[str, str], ...] = ()
    field: tuple[tuple[str, str], ...] = ()  # of the body, by dotted path
    app: str | None = None  # by its user agent
    side: bool | None = None
    agent: bool | None = None
    thinking: bool | None = None
    tokens_over: int | None = None
    has: frozenset[Trait] = frozenset()


@dataclass(frozen=True, slots=True)
class Shadow:
    """Who is shown what it would be sent of each call, and really sent a `share` of them."""

    upstream: Upstream
    share: float = 0.0  # 1: each


@dataclass(frozen=True, slots=True)
class Route:
    """A primary and its backups, in order, for the requests that match.

    With `weights` the first try is spread over the upstreams that have one, as long as they are
    healthy; the others are backups. With `sticky` a conversation stays where it was answered last,
    as long as that is healthy. Without any upstream it leaves them to the app's own host.
    """

    name: str  # unless given its place in the file: routes[0]
    match: Match
    upstreams: tuple[Upstream, ...]
    weights: tuple[tuple[str, int], ...] = ()  # by name of upstream
    sticky: bool = False
    strict: bool | None = None  # refuse to lose content; None: as the whole configuration says
    shadow: Shadow | None = None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    interval: float = 60.0  # 0: no checks
    timeout: float = 10.0
    path: str = "/v1/models"  # see Upstream.path_to


@dataclass(frozen=True, slots=True)
class Failover:
    """When a request is tried elsewhere, when a route leaves an upstream, and when it comes back.

    In seconds. What an answer means for the next request is in `health`, which of a request's own
    failures are tried elsewhere in `outcomes`.
    """

    # One request
    statuses: frozenset[int] = STATUSES
    errors: tuple[str, ...] = ()  # wildcards over the message of a 4xx
    max_attempts: int = 6
    max_time: float = 300.0  # after that no further attempt begins
    first_byte_timeout: float = 60.0  # streamed: until the first content
    whole_timeout: float = 600.0  # not streamed: until the answer; usually 10 first_byte_timeouts
    idle_timeout: float = 120.0  # then, without data
    early_stream: float | None = None  # when a stream begins without content; None: it waits
    ping_interval: float = 15.0  # the app's silence in a stream that has begun
    # The next ones
    connection_errors: int = 3  # in a row
    failures: int = 3  # answers in a row that are the upstream's fault
    cooldown: float = 300.0  # unless the upstream says how long
    max_cooldown: float = 3600.0  # whoever says so, and however often it doubled
    health_check: HealthCheck = HealthCheck()

    def cooldown_at(self, doubled: int) -> float:
        """The cooldown after so many doublings."""
        return min(self.cooldown * 2.0**doubled, max(self.cooldown, self.max_cooldown))


@dataclass(frozen=True, slots=True)
class HistoryBounds:
    """How many finished calls are kept, and how much memory their bodies take."""

    max_calls: int = 5_000
    max_bytes: int = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Config:
    """`ledger`, `store` and `history` bound what is remembered of calls; None: nothing is."""

    intercept: Intercept
    upstreams: dict[str, Upstream]
    routes: tuple[Route, ...]
    failover: Failover
    strict: bool
    mask: bool  # message text is made unreadable in all that is kept of calls
    notes_header: bool  # apps are told what their calls lost
    ledger: Bounds | None
    store: Bounds | None
    history: HistoryBounds | None
    prices: Prices
    warnings: tuple[str, ...]
