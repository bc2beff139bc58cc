"""One health check: a GET with the upstream's own credential, and what came of it."""

import asyncio
from functools import cache

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from ..config import HealthCheck
from ..health import Answered, ConnectionFailed, Probe
from ..outgoing import credential
from ..routing import Target
from ..transform.headers import USER_AGENT, Headers
from ..upstream import Upstream

MAX_BYTES = 4 * 1024 * 1024  # of an answer nobody reads


async def probe(upstream: Upstream, check: HealthCheck) -> Probe:
    """Ask `upstream` for the path of `check` and wait no longer than its timeout."""
    path = upstream.path_to(check.path)
    request = HTTPRequest(
        f"{upstream.origin}{path}",
        headers=dict(_headers(upstream)),
        connect_timeout=check.timeout,
        request_timeout=check.timeout,
        follow_redirects=False,
    )
    try:
        async with asyncio.timeout(check.timeout):
            answer = await _client().fetch(request, raise_error=False)
    except TimeoutError:
        return ConnectionFailed(f"no answer within {check.timeout:g} s")
    except (OSError, HTTPClientError) as error:
        return ConnectionFailed(str(error) or type(error).__name__)
    if answer.code == 599:  # tornado's word for no answer at all
        return ConnectionFailed(str(answer.error))
    return Answered(answer.code)


@cache
def _client() -> AsyncHTTPClient:
    return AsyncHTTPClient(force_instance=True, max_body_size=MAX_BYTES)


def _headers(upstream: Upstream) -> Headers:
    version = [("anthropic-version", upstream.anthropic_version)]
    own = version if upstream.protocol == "anthropic_messages" else []
    return [("user-agent", USER_AGENT), *own, *credential(Target(upstream)), *upstream.headers]
