"""The control API under `/_sim`: what tests in other processes can ask and tell the simulator."""

import json
from typing import Any
from urllib.parse import parse_qs

from .complaints import complaints
from .dialect import Frame, dumps
from .faults import BadFault
from .respond import Reply
from .upstreams import DEFAULT, Upstreams
from .wire import HttpRequest

Json = Any

FAULT_KEYS = ("upstream", "fault", "count", "match")
UPSTREAM_KEYS: dict[str, type | tuple[type, ...]] = {
    "upstream": str,
    "key": (str, type(None)),
    "models": (list, type(None)),
    "bind_thinking": bool,
    "trust_opaque": bool,
    "calls": bool,
    "account": str,
    "burst": bool,
}


def answer(request: HttpRequest, upstreams: Upstreams) -> Reply:
    try:
        return _reply(200, _act(request, upstreams))
    except (BadFault, json.JSONDecodeError, UnicodeDecodeError) as error:
        return _reply(400, {"error": str(error)})
    except LookupError:
        return _reply(404, {"error": f"no {request.method} {request.path}"})


def _reply(status: int, body: Json) -> Reply:
    return Reply(status, [("content-type", "application/json")], [Frame(dumps(body))])


def _act(request: HttpRequest, upstreams: Upstreams) -> Json:
    name = parse_qs(request.query).get("upstream", [None])[0]
    match request.method, request.path:
        case "POST", "/_sim/faults":
            add_fault(json.loads(request.body), upstreams)
        case "DELETE", "/_sim/faults":
            upstreams.clear_faults(name)
        case "POST", "/_sim/upstreams":
            configure(json.loads(request.body), upstreams)
        case "GET", "/_sim/requests":
            return [recorded.as_json() for recorded in upstreams.requests(name)]
        case "DELETE", "/_sim/requests":
            upstreams.forget_requests()
        case "GET", "/_sim/complaints":
            return complaints(upstreams.requests(name))
        case "GET", "/_sim/state":
            return upstreams.state()
        case _:
            raise LookupError
    return {"ok": True}


def add_fault(given: Json, upstreams: Upstreams) -> None:
    given = _object(given, FAULT_KEYS)
    if "fault" not in given:
        raise BadFault('"fault" is required, such as {"kind": "drop"}')
    name = given.get("upstream")
    if not isinstance(name, str | None):
        raise BadFault(f"upstream: {name!r} is not a name")
    upstreams.add_fault(name, given["fault"], given.get("count", 1), given.get("match"))


def configure(given: Json, upstreams: Upstreams) -> None:
    given = dict(_object(given, tuple(UPSTREAM_KEYS)))
    for key, value in given.items():
        if not isinstance(value, UPSTREAM_KEYS[key]):
            raise BadFault(f"{key}: {value!r} is of the wrong type")
    if given.get("models") is not None:
        given["models"] = tuple(map(str, given["models"]))
    upstreams.configure(given.pop("upstream", DEFAULT), **given)


def run_script(script: Json, upstreams: Upstreams) -> None:
    """What a script file says: `{"upstreams": [...], "faults": [...]}`, both as in the API."""
    script = _object(script, ("upstreams", "faults"))
    for given in script.get("upstreams", []):
        configure(given, upstreams)
    for given in script.get("faults", []):
        add_fault(given, upstreams)


def _object(given: Json, keys: tuple[str, ...]) -> dict[str, Json]:
    if not isinstance(given, dict):
        raise BadFault(f"expected an object with the keys {', '.join(keys)}")
    unknown = next((key for key in given if key not in keys), None)
    if unknown is not None:
        raise BadFault(f"unknown key {unknown!r}; allowed: {', '.join(keys)}")
    return given
