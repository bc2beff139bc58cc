"""A refused request made acceptable: what an upstream's 400 says about the server, as a profile.

In: the error, the body that was refused and the profile it was made by. Out: the profile that
cures it and a few words on what changes, or None where the fault is the app's own. Hard part:
every server has its own words for "I do not take that", and an app's mistake is told in nearly the
same ones; so what is left out must be in the body, and must be no part of what is said.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from .answers import Error
from .effort import LEVELS
from .fit import LIMITS, fitted
from .json_text import Json
from .model import Protocol
from .notes import Notes
from .profile import Profile
from .refusals import (
    DEEP,
    EFFORT,
    FOREIGN_STATE,
    FORM,
    FORMS,
    GENERATED,
    KEPT,
    LIMIT,
    LISTS,
    MAX_SAID,
    MIN_ROOM,
    NAME,
    NAMED,
    NO_FORM,
    OPTIONS,
    OWN,
    PLACES,
    REFUSES,
    REFUSING,
    RENAMES,
    REQUIRED,
    ROOM,
    RULES,
    SCHEMA,
    STATUSES,
    UNBOUND,
    WITH,
    WORD,
    C,
)


class Repair(NamedTuple):
    """`profile` makes another request; `detail` tells the difference at `where` in its body."""

    profile: Profile
    where: str
    detail: str


def is_foreign_state(error: Error) -> bool:
    """Whether state in the history is not this upstream's, as it says."""
    words = f"{error.code or ''} {error.message}"
    return 400 <= error.status < 500 and FOREIGN_STATE.search(words) is not None


def is_unbound(error: Error) -> bool:
    """Whether thinking in the history was made in another conversation."""
    return UNBOUND in error.message


def room(error: Error, body: Json) -> int | None:
    """How many tokens may be written, where only the limit of `body` was more than had room.

    It depends on the input, so it says nothing of another request.
    """
    limited = isinstance(body, dict) and any(name in body for name in LIMITS)
    if error.kind != "context_length" or not limited:
        return None
    found = next(filter(None, (pattern.search(error.message) for pattern in ROOM)), None)
    left = int(found["context"]) - int(found["input"]) if found else 0
    return left if left >= MIN_ROOM else None


def repair(
    error: Error, body: Json, profile: Profile, protocol: Protocol, *, same: bool
) -> Repair | None:
    """What makes of `body`, which was answered with `error`, a request that is taken.

    `same`: the app speaks the protocol itself, so that only fields of `body` can be changed.
    """
    if error.status not in STATUSES or error.kind != "invalid_request":
        return None
    if error.code in GENERATED:
        return None
    error = replace(error, message=error.message[:MAX_SAID])
    if not isinstance(body, dict) or SCHEMA.search(error.message):
        return None
    found = (
        _limited(error.message, body, profile),
        _with_known_effort(error, body, profile),
        _with_known_form(error, body, profile),
        _by_rule(error.message, profile, protocol),
        _without_refused(error, body, profile, protocol),
    )
    changed = (cure for cure in found if cure is not None and cure.profile != profile)
    helps = (c for c in changed if not same or fitted(body, c.profile, Notes()) != body)
    return next(helps, None)


def _limited(message: str, body: dict[str, Json], profile: Profile) -> Repair | None:
    told = LIMIT.search(message)
    name = next((name for name in LIMITS if name in body), "")
    if told is None or not name:
        return None
    most = int(next(filter(None, told.groups())))
    limits = ((str(body.get("model")), most), *profile.output_limits)
    return Repair(replace(profile, output_limits=limits), name, f"no more than {most}")


def _with_known_effort(error: Error, body: dict[str, Json], profile: Profile) -> Repair | None:
    """Refusals of a level list those there are."""
    sent = _effort(body)
    told = f"{error.param or ''} {error.message}".lower()
    words = set(WORD.findall(told))
    known = tuple(level for level in LEVELS if level in words and level != sent)
    listed = len(known) > 1 and LISTS.search(told)
    if not (sent and known and EFFORT.search(told)) or not (sent in words or listed):
        return None
    detail = f"not {sent} but one of {', '.join(known)}"
    return Repair(replace(profile, efforts=known, model_efforts=()), "effort", detail)


def _effort(body: dict[str, Json]) -> str:
    places = body.get("reasoning"), body.get("output_config")
    deep = (place.get("effort") for place in places if isinstance(place, dict))
    return next((e for e in (body.get("reasoning_effort"), *deep) if isinstance(e, str)), "")


def _with_known_form(error: Error, body: dict[str, Json], profile: Profile) -> Repair | None:
    form = body.get("response_format")
    kind = form.get("type") if isinstance(form, dict) else None
    told = f"{error.param or ''} {error.message}"
    if kind not in FORMS or not (FORM.search(told) and NO_FORM.search(error.message)):
        return None
    flags: dict[str, Any] = {kind: False}
    detail = f"{kind} is asked for in other words"
    return Repair(replace(profile, **flags), "response_format", detail)


def _by_rule(message: str, profile: Profile, protocol: Protocol) -> Repair | None:
    for rule in RULES:
        if protocol in rule.protocols and re.search(rule.words, message, re.IGNORECASE | re.DOTALL):
            return Repair(replace(profile, **rule.flags), rule.where, rule.detail)
    return None


def _without_refused(
    error: Error, body: dict[str, Json], profile: Profile, protocol: Protocol
) -> Repair:
    changed, told = profile, []
    for path in dict.fromkeys(_paths(error, body)):
        name = ".".join(path)
        if (other := _other_name(name, body, profile)) and protocol == C:
            renamed = ((name, other), *changed.renamed_fields)
            changed = replace(changed, renamed_fields=renamed)
            told.append(f"{name} is called {other}")
        elif _is_option(path, protocol) and name not in changed.refused_fields:
            changed = replace(changed, refused_fields=(*changed.refused_fields, name))
            told.append(f"{name} is left out")
    return Repair(changed, "", ", ".join(told))


def _other_name(name: str, body: dict[str, Json], profile: Profile) -> str:
    """What else a refused limit may be called, unless that was tried."""
    other = RENAMES.get(name, "")
    return "" if other in body or (other, name) in profile.renamed_fields else other


def _is_option(path: tuple[str, ...], protocol: Protocol) -> bool:
    """Whether a request without it says the same."""
    if len(path) > 1:
        last = path[-1], ".".join(path[-2:])
        return OWN.isdisjoint(path) and not DEEP.isdisjoint(last)
    return bool(path) and path[0] not in KEPT and (protocol, *path) not in REQUIRED


def _paths(error: Error, body: dict[str, Json]) -> Iterator[tuple[str, ...]]:
    """Of what is refused, and of what goes with it."""
    for name in _names(error):
        path = _path(name, body)
        if len(path) == 1 and path[0] in OPTIONS:
            path = _path(f"{path[0]}.{OPTIONS[path[0]]}", body)
        yield path
        yield from WITH.get(path, ())


def _names(error: Error) -> Iterator[str]:
    for pattern in NAMED:
        for found in pattern.finditer(error.message):
            rest = error.message[found.end(1) :]
            place = _AT.match(rest)
            yield f"{place[1]}.{found[1]}" if place else found[1]
            yield from _further(rest)
    if error.param and (error.code in REFUSING or REFUSES.search(error.message)):
        yield error.param


_AT = re.compile(r"['\"]? at ['\"]([\w.\[\]]+)['\"]")  # Google: where the name stands


_LISTED = re.compile(rf"[`'\"]?(?:,| and| or) ?{NAME}(?=[`'\",\])}}.]|\Z| and| or| is| are)")


def _further(rest: str) -> Iterator[str]:
    """The names behind the first one, where there is a list of them."""
    while found := _LISTED.match(rest):
        yield found[1]
        rest = rest[found.end(1) :]


_SEGMENT = re.compile(r"[A-Za-z_]\w*")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _path(name: str, body: dict[str, Json]) -> tuple[str, ...]:
    """`name` as keys of `body`, () if that has no such thing.

    Positions are left out, and so are words of the server's own (a union's tags).
    """
    keys = [key for key in _SEGMENT.findall(name) if key != "body"]
    flat = [_HUMP.sub("_", key).lower() for key in keys]
    for spelled in (keys, flat):
        if path := _walk(spelled, body):
            return path
    deeper = tuple("_".join(flat).split("_"))  # xAI: reasoningEffort is reasoning.effort
    within = ((*place, *keys) for place in PLACES if len(keys) == 1)
    return next((path for path in (deeper, *within) if path and _walk(path, body) == path), ())


def _walk(keys: Sequence[str], body: Json) -> tuple[str, ...]:
    level: list[Json] = [body]
    path: list[str] = []
    for key in keys[:-1]:
        inner = [value[key] for value in level if isinstance(value.get(key), dict | list)]
        if objects := list(_objects(inner)):
            level, path = objects, [*path, key]
    *_, last = keys or [""]
    return (*path, last) if any(last in value for value in level) else ()


def _objects(values: Iterable[Json]) -> Iterator[dict[str, Json]]:
    for value in values:
        if isinstance(value, list):
            yield from _objects(value)
        elif isinstance(value, dict):
            yield value
