"""config.yaml in, the values of `settings` out.

`load` reads a file, `parse` a text; both raise `ConfigError` with one line per mistake: file, key
path, value, what is allowed. Hard part: an upstream whose variable is not set is no mistake. It is
left out, with a warning, and so is every mention of it in the routes.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from math import inf
from pathlib import Path
from typing import Any, NamedTuple, get_args
from urllib.parse import urlsplit

from .bounded import Bounds
from .document import (
    ConfigError,
    Reader,
    Report,
    Section,
    Wrong,
    below,
    boolean,
    duration,
    one_of,
    open_section,
    positive_duration,
    read_yaml,
    shown,
    size,
    text,
    whole_number,
)
from .history.prices import Price, Prices
from .settings import (
    WELL_KNOWN_HOSTS,
    Config,
    Failover,
    HealthCheck,
    HistoryBounds,
    Intercept,
    Match,
    Route,
    Shadow,
    Sockets,
    Trait,
)
from .transform.families import resolve
from .transform.model import Protocol
from .transform.profile import Profile
from .upstream import PORTS, Auth, Scheme, Upstream, glob, usual_auth

__all__ = [
    "Auth", "Config", "ConfigError", "Failover", "HealthCheck", "Intercept", "Match", "Route",
    "Upstream", "glob", "load", "parse",
]  # fmt: skip

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol.__value__)
AUTHS: tuple[Auth, ...] = get_args(Auth.__value__)
SCHEMES: tuple[Scheme, ...] = get_args(Scheme.__value__)
TRAITS: tuple[Trait, ...] = get_args(Trait.__value__)
SOCKETS: tuple[Sockets, ...] = get_args(Sockets.__value__)
ENDPOINTS = ("/messages", "/chat/completions", "/responses")


def load(path: Path, env: Mapping[str, str]) -> Config:
    """The configuration in the file at `path`."""
    try:
        source = path.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: is not UTF-8 text"]) from None
    return parse(source, path.name, env)


def parse(source: str, name: str, env: Mapping[str, str]) -> Config:
    """The configuration in `source`; `name` is what messages call the file."""
    report = Report(name, env)
    value = read_yaml(source, report)
    if value is None:
        raise ConfigError([f"{name}: is empty; it needs upstreams and routes"])
    top = open_section(report, "", value, TOP)
    intercept = _intercept(top.section("intercept", ("hosts", *INTERCEPT)))
    upstreams, disabled = _upstreams(top.section("upstreams", None))
    routes, dropped = _routes(top, upstreams)
    config = Config(
        intercept=intercept,
        upstreams={name: upstream for name, upstream in upstreams.items() if upstream},
        routes=routes,
        failover=_failover(
            top.section("failover", (*FAILOVER, "statuses", "errors", "health_check"))
        ),
        strict=top.take("strict", boolean, False),
        notes_header=top.take("notes_header", boolean, False),
        mask=top.take("mask", boolean, False),
        ledger=_bounds(top, "ledger"),
        store=_bounds(top, "store"),
        history=_history(top),
        prices=_prices(top.section("prices", None)),
        warnings=(*disabled, *dropped),
    )
    report.close()
    return config


# Readers of single values


def _host(value: object) -> str:
    host = text(value).lower()
    if not re.fullmatch(r"[a-z0-9.*?_-]+|[0-9a-f:]+", host):
        raise Wrong("is not a host name; no scheme, port or path, * and ? are wildcards")
    return host


def _path(value: object) -> str:
    if not re.fullmatch(r"/\S*", text(value)):
        raise Wrong("is not a path; it begins with /")
    return text(value)


def _key(value: object) -> str:
    key = text(value).strip()
    if not re.fullmatch(r"[!-~]+", key):
        raise Wrong("is not a key; keys are ASCII without spaces")
    return key


def _line(value: object) -> str:
    if "\n" in text(value):
        raise Wrong("is not one line of text")
    return text(value)


def _early(value: object) -> float | None:
    """YAML takes `off` for false."""
    return None if value is False else positive_duration(value)


def _header(value: object) -> str:
    if not re.fullmatch(r"[ -~]+", text(value)):
        raise Wrong("is not a header value; it is one line of ASCII")
    return text(value)


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Wrong("is not a share, from 0 to 1")
    return float(value)


def _dollars(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
        raise Wrong("is not a price; it is a number of USD per million tokens")
    return float(value)


class _Base(NamedTuple):
    scheme: Scheme
    host: str
    port: int
    path: str


def _is_name(host: str) -> bool:
    """Whether servers can be looked up by it."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _base_url(value: object) -> _Base:
    url = text(value)
    if "@" in url:
        raise Wrong("holds credentials; they belong in api_key", hide=True)
    if "?" in url or "#" in url:
        raise Wrong("has a query; leave out everything from ? or # on", hide=True)
    path = url.rstrip("/")
    if path.endswith(ENDPOINTS):
        raise Wrong("is an endpoint; leave out what follows the base, as in https://host/v1")
    try:
        parts = urlsplit(path)
        scheme = one_of(SCHEMES)(parts.scheme)
        port = parts.port or PORTS[scheme]
    except (ValueError, Wrong):
        raise Wrong("is not an http or https URL") from None
    if not parts.hostname or re.search(r"\s", url) or not _is_name(parts.hostname):
        raise Wrong("is not an http or https URL")
    return _Base(scheme, parts.hostname, port, parts.path)


# Keys with a plain value, by mapping. Those with lists and mappings inside are read by name.
FAILOVER: dict[str, Reader[Any]] = {
    "connection_errors": whole_number(1),
    "failures": whole_number(1),
    "cooldown": duration,
    "max_cooldown": duration,
    "first_byte_timeout": positive_duration,
    "whole_timeout": positive_duration,
    "idle_timeout": positive_duration,
    "max_attempts": whole_number(1),
    "max_time": positive_duration,
    "early_stream": _early,
    "ping_interval": positive_duration,
}
HEALTH_CHECK: dict[str, Reader[Any]] = {
    "interval": duration,  # 0: no checks
    "timeout": positive_duration,
    "path": _path,
}
INTERCEPT: dict[str, Reader[Any]] = {"only": boolean, "websocket": one_of(SOCKETS)}
WELL_KNOWN = "well-known"  # among the hosts it stands for the vendors'
MATCH: dict[str, Reader[Any]] = {
    "protocol": one_of(PROTOCOLS),
    "model": text,
    "host": _host,
    "path": text,
    "app": text,
    "side": boolean,
    "agent": boolean,
    "thinking": boolean,
    "tokens_over": whole_number(0),
}
ROUTE: dict[str, Reader[Any]] = {
    "name": _line,
    "sticky": boolean,
    "strict": boolean,
}
KEYS_OF_ROUTE = ("match", "upstreams", "weights", *ROUTE, "shadow")
SHADOW: dict[str, Reader[Any]] = {"share": _share}
LIMITS: dict[str, Reader[Any]] = {
    "max_in_flight": whole_number(1),
    "queue": duration,  # 0: nobody waits
    "strict": boolean,
}
PROFILE: dict[str, Reader[Any]] = {
    "anthropic_version": _header,
    "max_tokens_default": whole_number(1),
}
UPSTREAM = (
    *("protocol", "url", "api_key", "models", "profile", "headers", "auth"),
    *PROFILE,
    *LIMITS,
)
BOUNDS: dict[str, Reader[Any]] = {"max_bytes": size, "max_age": positive_duration}
USUAL_BOUNDS = Bounds(64 * 1024**2, 6 * 3600.0)
HISTORY: dict[str, Reader[Any]] = {"max_calls": whole_number(1), "max_bytes": size}
PRICE = ("input", "output")
CACHE_PRICE = dict.fromkeys(("cache_read", "cache_write", "cache_write_long"), _dollars)
TOP = (
    *("intercept", "upstreams", "routes", "failover", "strict", "notes_header", "ledger", "store"),
    *("history", "prices", "mask"),
)


# Sections


def _intercept(section: Section) -> Intercept:
    given = section.given(INTERCEPT)
    if section.has("hosts"):
        named = section.each("hosts", _host)
        meant = (WELL_KNOWN_HOSTS if name == WELL_KNOWN else (name,) for name in named)
        given["hosts"] = tuple(chain.from_iterable(meant))
    return Intercept(**given)


def _failover(section: Section) -> Failover:
    given = section.given(FAILOVER)
    if section.has("statuses"):
        given["statuses"] = frozenset(section.each("statuses", whole_number(400, 599)))
    check = section.section("health_check", HEALTH_CHECK)
    failover = Failover(
        **given,
        errors=section.each("errors", text),
        health_check=HealthCheck(**check.given(HEALTH_CHECK)),
    )
    if "max_cooldown" in given and failover.max_cooldown < failover.cooldown:
        section.wrong("max_cooldown", f"is less than the cooldown, {failover.cooldown:g} s")
    if "whole_timeout" in given:
        return failover
    return replace(failover, whole_timeout=10 * failover.first_byte_timeout)


def _bounds(top: Section, key: str) -> Bounds | None:
    if top.values.get(key) is False:
        return None
    return replace(USUAL_BOUNDS, **top.section(key, BOUNDS).given(BOUNDS))


def _history(top: Section) -> HistoryBounds | None:
    if top.values.get("history") is False:
        return None
    return HistoryBounds(**top.section("history", HISTORY).given(HISTORY))


def _prices(section: Section) -> Prices:
    """In the order of the file: the first that fits a model has its price."""
    table = []
    for model, value in section.values.items():
        path, known = below(section.path, model), (*PRICE, *CACHE_PRICE)
        inner = open_section(section.report, path, value, known)
        told = [inner.need(key, _dollars, "USD per million tokens") or 0.0 for key in PRICE]
        table.append((model, Price(*told, **inner.given(CACHE_PRICE))))
    return Prices(tuple(table))


def _upstreams(section: Section) -> tuple[dict[str, Upstream | None], list[str]]:
    """By name, None for one that is disabled or wrong; and a warning for each disabled one."""
    upstreams: dict[str, Upstream | None] = {}
    warnings: list[str] = []
    for name, value in section.values.items():
        path, unset = below(section.path, name), list[str]()
        inner = open_section(section.report, path, value, UPSTREAM, unset)
        upstream = _upstream(name, inner)
        if unset:
            missing = f"environment variable {unset[0]} is not set"
            warnings.append(section.report.line(path, f"is disabled, {missing}"))
        upstreams[name] = None if unset else upstream
    return upstreams, warnings


def _upstream(name: str, section: Section) -> Upstream | None:
    if name == "auto" or not re.fullmatch(r"[\w./:@+-]+", name):
        section.report.add(section.path, "is not a name for an upstream: one word, but not auto")
    protocol = section.need("protocol", one_of(PROTOCOLS), f"it is one of {', '.join(PROTOCOLS)}")
    base = section.need("url", _base_url, "for example https://api.openai.com/v1")
    auth = section.take("auth", one_of(AUTHS), None)
    api_keys, headers = _api_keys(section), _headers(section)
    models = section.pairs("models", text)
    profile, limits = _profile(section, protocol, base), section.given(LIMITS)
    if protocol is None or base is None or profile is None:
        return None
    return Upstream(
        name=name,
        protocol=protocol,
        scheme=base.scheme,
        host=base.host,
        port=base.port,
        base_path=base.path,
        auth=auth or usual_auth(protocol, base.host),
        profile=profile,
        api_keys=api_keys,
        headers=headers,
        models=models,
        **limits,
    )


def _api_keys(section: Section) -> tuple[str, ...]:
    match section.values.get("api_key"):
        case []:
            section.wrong("api_key", "is an empty list; leave it out for the app's own key")
            return ()
        case list():
            return section.each("api_key", _key, hide=True)
    key = section.take("api_key", _key, None, hide=True)
    return (key,) if key else ()


def _headers(section: Section) -> tuple[tuple[str, str], ...]:
    headers = section.pairs("headers", _header, hide=True)
    for name, _ in headers:
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            section.wrong("headers", f"{shown(name)} is not a header name")
    return tuple((name.lower(), value) for name, value in headers)


def _profile(section: Section, protocol: Protocol | None, base: _Base | None) -> Profile | None:
    given, flags = section.given(PROFILE), section.values.get("profile")
    if not isinstance(flags, str | dict | None):
        section.wrong("profile", f"{shown(flags)} is not a name or a mapping of flags")
        return None
    if protocol is None or base is None:
        return None
    try:
        # References are left alone: the message repeats the value.
        return replace(resolve(protocol, base.host, flags), **given)
    except ValueError as error:
        section.wrong("profile", str(error))
        return None


def _routes(
    top: Section, upstreams: dict[str, Upstream | None]
) -> tuple[tuple[Route, ...], list[str]]:
    """The routes that lead somewhere, and a warning for each that does not any more."""
    routes: dict[str, Route] = {}
    warnings: list[str] = []
    for path, value in top.items("routes"):
        section = open_section(top.report, path, value, KEYS_OF_ROUTE)
        route = _route(path, section, upstreams)
        if route.name in routes:
            section.wrong("name", f"{shown(route.name)} is the name of an earlier route")
        if section.has("shadow") and not route.shadow:
            warnings.append(top.report.line(path, "has no shadow, its upstream is disabled"))
        if route.upstreams or _only_watches(section):
            routes[route.name] = route
        else:
            warnings.append(top.report.line(path, "is dropped, all its upstreams are disabled"))
    return tuple(routes.values()), warnings


def _route(path: str, section: Section, upstreams: dict[str, Upstream | None]) -> Route:
    match, names = _match(section), _names(section, upstreams)
    targets = tuple(upstream for name in names if (upstream := upstreams[name]))
    weights = _weights(section, names)
    return Route(
        match=match,
        upstreams=targets,
        weights=tuple((name, weight) for name, weight in weights if upstreams[name]),
        shadow=_shadow(section, upstreams),
        **{"name": path, **section.given(ROUTE)},
    )


def _only_watches(section: Section) -> bool:
    """Whether a route leaves its calls to the app's own host, for a shadow."""
    return section.has("shadow") and not section.values.get("upstreams")


def _shadow(section: Section, upstreams: dict[str, Upstream | None]) -> Shadow | None:
    """None where its upstream is disabled, too."""
    known, share = one_of(list(upstreams)), dict[str, Any]()
    if isinstance(section.values.get("shadow"), dict):
        inner = section.section("shadow", ("upstream", *SHADOW))
        name = inner.need("upstream", known, f"name one of {', '.join(upstreams)}")
        share = inner.given(SHADOW)
    else:
        name = section.take("shadow", known, None)
    upstream = upstreams[name] if name else None
    return Shadow(upstream, **share) if upstream else None


def _names(section: Section, upstreams: dict[str, Upstream | None]) -> list[str]:
    """The upstreams of a route, in order, also those that are disabled."""
    empty = section.values.get("upstreams") in (None, [])
    if empty and not section.broken and not section.has("shadow"):
        section.wrong("upstreams", f"is empty; name one or more of {', '.join(upstreams)}")
    names: list[str] = []
    for path, value in section.items("upstreams"):
        name = section.read(path, value, one_of(list(upstreams)))
        if name in names:
            section.report.add(path, f"{shown(name)} is in this route already")
        elif name:
            names.append(name)
    return names


def _weights(section: Section, names: list[str]) -> list[tuple[str, int]]:
    weights = section.pairs("weights", whole_number(1))
    for name, _ in weights:
        if name not in names:
            path = below(below(section.path, "weights"), name)
            section.report.add(path, f"is no upstream of this route: {', '.join(names)}")
    return [(name, weight) for name, weight in weights if name in names]


def _match(section: Section) -> Match:
    conditions = section.section("match", (*MATCH, "header", "field", "has"))
    header = conditions.pairs("header", text)
    return Match(
        **conditions.given(MATCH),
        header=tuple((name.lower(), pattern) for name, pattern in header),
        field=conditions.pairs("field", text),
        has=frozenset(conditions.each("has", one_of(TRAITS))),
    )
