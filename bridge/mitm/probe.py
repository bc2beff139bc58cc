"""One health check: a GET with the upstream's own credential, and what came of it."""

import asyncio
import ssl
from functools import cache

import certifi
from mitmproxy import ctx
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.simple_httpclient import HTTPTimeoutError

from ..config import HealthCheck
from ..health import Answered, ConnectionFailed, Probe
from ..outgoing import credential
from ..transform.headers import USER_AGENT, Headers
from ..upstream import Target, Upstream

MAX_BYTES = 4 * 1024 * 1024  # of an answer nobody reads
BELT = 1.0  # seconds: tornado's own timeout is to be the first, or it complains of a lost one
AT_ONCE = 100  # more have to wait, and their patience goes on


async def probe(upstream: Upstream, check: HealthCheck) -> Probe:
    """Ask `upstream` for the path of `check` and wait no longer than its timeout."""
    try:
        return Answered(await ask(Target(upstream), check.path, check.timeout))
    except TimeoutError:
        return ConnectionFailed(f"no answer within {check.timeout:g} s")
    except OSError as error:
        return ConnectionFailed(str(error) or type(error).__name__)


async def ask(target: Target, path: str, patience: float) -> int:
    """The status of the answer; OSError where there is none: TimeoutError, gaierror, SSLError."""
    upstream = target.upstream
    request = HTTPRequest(
        f"{upstream.origin}{upstream.path_to(path)}",
        headers=dict(_headers(target)),
        connect_timeout=patience,
        request_timeout=patience,
        follow_redirects=False,
        ssl_options=_trust() if upstream.scheme == "https" else None,
    )
    try:
        async with asyncio.timeout(patience + BELT):
            answer = await _client().fetch(request, raise_error=False)
    except HTTPTimeoutError as error:
        raise TimeoutError(str(error)) from None
    except HTTPClientError as error:
        raise ConnectionError(str(error)) from None
    return answer.code


@cache
def _client() -> AsyncHTTPClient:
    return AsyncHTTPClient(force_instance=True, max_clients=AT_ONCE, max_body_size=MAX_BYTES)


def _trust() -> ssl.SSLContext:
    """What calls trust, by mitmproxy's options: what the environment says may be for apps."""
    options = getattr(ctx, "options", None)
    named = options and options.ssl_verify_upstream_trusted_ca
    folder = options and options.ssl_verify_upstream_trusted_confdir
    return _context(named, folder, bool(options and options.ssl_insecure))


@cache
def _context(named: str | None, folder: str | None, insecure: bool) -> ssl.SSLContext:
    usual = None if named or folder else certifi.where()
    context = ssl.create_default_context(cafile=named or usual, capath=folder)
    if insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _headers(target: Target) -> Headers:
    upstream = target.upstream
    version = [("anthropic-version", upstream.anthropic_version)]
    own = version if upstream.protocol == "anthropic_messages" else []
    return [("user-agent", USER_AGENT), *own, *credential(target), *upstream.headers]
