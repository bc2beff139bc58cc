"""The request for one upstream: address, headers, credential.

Hard part: whose credential goes where. An upstream gets its own, or the app's where it is the very
server the app addressed; nothing of the app's identity goes anywhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .call import Call, deployment
from .credentials import Credentials, keys_in
from .routing import Target
from .transform.headers import CREDENTIALS, Headers, other_host_headers, own_host_headers
from .upstream import Auth, Upstream

AUTH_HEADERS: dict[Auth, tuple[str, str]] = {
    "bearer": ("authorization", "Bearer "),
    "x-api-key": ("x-api-key", ""),
    "api-key": ("api-key", ""),
}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request for an upstream; `key`: the place in its pool of the one that is in it."""

    upstream: Upstream
    path: str
    headers: Headers
    body: bytes
    key: int = 0

    @property
    def keys(self) -> Credentials:
        """What lets the bridge in there, and is nobody else's to know."""
        return keys_in([*credential(Target(self.upstream, self.key)), *self.upstream.headers])


def outgoing(
    call: Call, target: Target, endpoint: str, body: bytes, betas: Sequence[str] = ()
) -> Outgoing:
    """`body`, which needs `betas`, for `target`.

    A query of the app's belongs to its protocol and stays within it; the version in that of Azure's
    deployments belongs to their paths, which are not ours.
    """
    upstream = target.upstream
    keeps = upstream.protocol == call.protocol and not deployment(call.path)
    query = call.path.partition("?")[2] if keeps else ""
    path = upstream.path_to(endpoint)
    path = f"{path}?{query}" if query else path
    return Outgoing(upstream, path, _headers(call, target, betas), body, target.key)


def _headers(call: Call, target: Target, betas: Sequence[str]) -> Headers:
    upstream = target.upstream
    own = call.addresses(upstream)
    keep = own and not upstream.api_keys
    if own and upstream.protocol == call.protocol:
        headers = own_host_headers(call.headers, keep_credentials=keep)
    else:
        headers = other_host_headers(call.headers, call.protocol, upstream.protocol)
        if keep:
            headers += [(n, v) for n, v in call.headers if n.lower() in CREDENTIALS]
    given = {name.lower() for name, _ in headers}
    if upstream.protocol == "anthropic_messages" and "anthropic-version" not in given:
        headers.append(("anthropic-version", upstream.anthropic_version))
    if betas:
        headers.append(("anthropic-beta", ",".join(betas)))
    return [*headers, *credential(target), *upstream.headers]


def credential(target: Target) -> Headers:
    """The upstream's own key as it wants it; none when it has none."""
    if target.api_key is None:
        return []
    name, prefix = AUTH_HEADERS[target.upstream.auth]
    return [(name, prefix + target.api_key)]


def without_credential(headers: Headers) -> Headers:
    """`headers` for display."""
    return [(n, "***" if n.lower() in CREDENTIALS else v) for n, v in headers]
