"""What the doctor looks at inside the proxy: upstreams that it asks, apps that it sees.

Out: findings. Hard part: to hurt nobody. Upstreams are asked apart from their health, for a list
of models, which costs nothing; whoever asks meanwhile gets the same answers. And traffic that is
well does no more than look at a flag.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from weakref import WeakKeyDictionary

from mitmproxy import connection, ctx, http, tls
from mitmproxy.proxy.context import Context

from ..config import Config
from ..doctor import (
    Failure,
    Finding,
    Outcome,
    Unanswered,
    app_findings,
    found,
    upstream_finding,
)
from ..observed import Observed
from ..settings import WELL_KNOWN_HOSTS, Intercept
from ..transform import detect
from ..upstream import Target
from .probe import ask
from .web import HOST

PATIENCE = 10.0  # seconds that an upstream may take
AT_ONCE = 1.0  # seconds

# The first that fits. SSLError and the others are OSErrors too.
FAILURES: tuple[tuple[type[OSError], Failure], ...] = (
    (TimeoutError, "timeout"),
    (socket.gaierror, "unresolved"),
    (ssl.SSLError, "tls"),
    (OSError, "unreachable"),
)


class Doctor:
    """`config` gives the one in force; `tell` is called when there is something new."""

    def __init__(
        self, config: Callable[[], Config], tell: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self._config, self._tell, self._clock = config, tell, clock
        self.observed = Observed()
        self._upgrades: WeakKeyDictionary[http.HTTPFlow, tuple[str, str]] = WeakKeyDictionary()
        # By the id of a connection: host, app, and since when.
        self._quiet: dict[str, tuple[str, str, float]] = {}
        self._outcomes: dict[tuple[Target, str], Outcome] = {}
        self._asked_at = 0.0
        self._asking: asyncio.Task[None] | None = None

    # --- what it sees

    def tls_failed(self, data: tls.TlsData) -> None:
        host, app, reason = _host(data.context), _app(data.context), data.conn.error or ""
        if self.observed.handshake_failed(host, app, reason, self._clock()):
            self._tell()

    def tls_established(self, data: tls.TlsData) -> None:
        who = _host(data.context), _app(data.context)
        self._quiet[data.context.client.id] = *who, self._clock()

    def spoke(self, client: connection.Client) -> None:
        """A request came; to be called if `listens`."""
        if (who := self._quiet.pop(client.id, None)) and self.observed.awaits_trust:
            host, app, _ = who
            self.observed.trusted(host, app, self._clock())

    @property
    def listens(self) -> bool:
        """Whether an app has set up TLS and said nothing yet."""
        return bool(self._quiet)

    def left(self, client: connection.Client) -> None:
        """An app hung up."""
        if (who := self._quiet.pop(client.id, None)) is None:
            return
        host, app, since = who
        is_ours = self._config().intercept.covers(host) and host != HOST  # there the doctor knocks
        if is_ours and self._clock() - since < AT_ONCE:  # later: it only had it at hand
            self.observed.silent(host, app, self._clock())
            self._tell()

    def left_alone(self, hello: tls.ClientHelloData) -> None:
        """A connection that is not decrypted."""
        host = hello.client_hello.sni or _host(hello.context)
        if KNOWN.covers(host):
            self.observed.tunnelled(host, _app(hello.context), self._clock())
            self._tell()

    def passed(self, flow: http.HTTPFlow) -> None:
        """A request that is no call of ours."""
        request = flow.request
        if detect(request.method, request.path) is None or not _names_model(request):
            return
        self.observed.unhandled(request.pretty_host, app_of(flow), self._clock())
        self._tell()

    def asked_upgrade(self, flow: http.HTTPFlow) -> None:
        """For a WebSocket; to be told before the flow's request is made an upstream's."""
        self._upgrades[flow] = flow.request.pretty_host, app_of(flow)

    def refused_upgrade(self, flow: http.HTTPFlow) -> None:
        if asked := self._upgrades.pop(flow, None):
            self.observed.refused_upgrade(*asked, self._clock())
            self._tell()

    def called(self, flow: http.HTTPFlow) -> None:
        if self.observed.awaits_call:
            self.observed.called(flow.request.pretty_host, app_of(flow), self._clock())

    # --- what it asks

    async def examine(self, age: float, patience: float) -> None:
        """Ask all upstreams, unless that was `age` seconds ago at most; wait for `patience`."""
        is_known = self._outcomes.keys() == self._whom().keys()
        is_fresh = is_known and self._clock() - self._asked_at <= age
        if self._asking is None and not is_fresh:
            self._asking = asyncio.get_running_loop().create_task(self._ask_all())
        if self._asking is not None:
            await asyncio.wait([self._asking], timeout=patience)

    def stop(self) -> None:
        if self._asking is not None:
            self._asking.cancel()

    async def _ask_all(self) -> None:
        try:
            whom = self._whom()
            self._outcomes = {each: self._outcomes.get(each) for each in whom}
            await asyncio.gather(*(self._ask(*each) for each in whom))
        finally:
            self._asked_at, self._asking = self._clock(), None
            self._tell()

    async def _ask(self, target: Target, path: str) -> None:
        self._outcomes[target, path] = await outcome(target, path, PATIENCE)

    def _whom(self) -> dict[tuple[Target, str], None]:
        """Each key of each upstream, and for what."""
        config = self._config()
        path = config.failover.health_check.path
        return {
            (Target(upstream, key), path): None
            for upstream in config.upstreams.values()
            for key in range(max(1, len(upstream.api_keys)))
        }

    # --- what it finds

    def findings(self) -> Iterator[Finding]:
        now, intercept = self._clock(), self._config().intercept
        for target, path in self._whom():
            yield upstream_finding(target, path, self._outcomes.get((target, path)), PATIENCE)
        yield from app_findings(self.observed.entries(now), intercept.covers, now)
        yield from ignored(intercept)
        yield found("bypass_unseen")


async def outcome(target: Target, path: str, patience: float) -> Outcome:
    try:
        return await ask(target, path, patience)
    except OSError as error:
        failure = next(name for kind, name in FAILURES if isinstance(error, kind))
        return Unanswered(failure, str(error) or type(error).__name__)


KNOWN = Intercept()  # the vendors' hosts, whatever is configured
OPTIONS = ("ignore_hosts", "allow_hosts")  # mitmproxy's own, which it looks at before we can


def ignored(intercept: Intercept) -> Iterator[Finding]:
    """Hosts that are ours and that mitmproxy is told to leave alone."""
    ours = [host for host in WELL_KNOWN_HOSTS if "*" not in host and intercept.covers(host)]
    for option in OPTIONS:
        patterns = getattr(getattr(ctx, "options", None), option, ())
        named = [host for host in ours if any(_fits(p, f"{host}:443") for p in patterns)]
        if option == "allow_hosts" and patterns:
            named = [host for host in ours if host not in named]
        if named:
            yield found("host_ignored", option=option, hosts=", ".join(named))


def _fits(pattern: str, address: str) -> bool:
    return re.search(pattern, address, re.IGNORECASE) is not None


def _names_model(request: http.Request) -> bool:
    """As calls do; where nothing can be read, its path is enough."""
    readable = request.raw_content is not None and "content-encoding" not in request.headers
    return not readable or b'"model"' in (request.raw_content or b"")


# --- who it was


def _host(context: Context) -> str:
    address = context.server.address
    return context.client.sni or (address[0] if address else "") or "an unknown host"


def _app(context: Context) -> str:
    """By what it said when it asked for the tunnel, if it said anything."""
    for layer in context.layers:
        flow = getattr(layer, "flow", None)
        if isinstance(flow, http.HTTPFlow) and flow.request.method == "CONNECT":
            return app_of(flow)
    return _address(context.client)


def app_of(flow: http.HTTPFlow) -> str:
    return flow.request.headers.get("user-agent") or _address(flow.client_conn)


def _address(client: connection.Client) -> str:
    """Without the port, which is another one each time."""
    return f"a program at {client.peername[0]}" if client.peername else "an unknown program"
