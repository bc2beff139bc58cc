"""What is wrong, and what to do about it: facts in, findings out.

In: how upstreams answered, what was noticed of apps, what the configuration said. Out: findings,
each with a severity, a stable code, a line of what was seen and one of what to do; `CODES` has
their words. Hard part: to say no more than was seen. What goes around a proxy cannot be seen in it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from .observed import HANDSHAKES, Entry
from .scrub import scrub
from .transform.headers import CREDENTIALS
from .upstream import Target

type Severity = Literal["ok", "warning", "problem"]

SEVERITIES: tuple[Severity, ...] = ("problem", "warning", "ok")  # as they are listed


class Code(NamedTuple):
    """`seen` and `advice` have the facts of a finding by name."""

    severity: Severity
    seen: str
    advice: str


NOTHING = "Nothing to do."
WITH_BRIDGE = "run it with ./scripts/with-bridge"

CODES: dict[str, Code] = {
    # --- the bridge itself
    "bridge_up": Code("ok", "A bridge runs at {url}.", NOTHING),
    "bridge_reverse": Code(
        "ok",
        "A bridge in reverse mode runs at {url}; its apps need no certificate of its own.",
        "Give the app this address as its base URL.",
    ),
    "bridge_down": Code(
        "warning",
        "No bridge runs at {url}.",
        "./scripts/start starts one; ./scripts/with-bridge COMMAND starts one for a command.",
    ),
    "bridge_missing": Code(
        "problem",
        "{reason}",
        "Start one there (./scripts/start --listen-port PORT), or name the one that runs.",
    ),
    "bridge_mute": Code(
        "problem",
        "The bridge at {url} does not say what it finds.",
        "It may be older than this script: restart it.",
    ),
    "proxy_dead": Code(
        "problem",
        "{name} is {url}, where no bridge is: {reason}",
        "Start the bridge there, or unset {name}: apps of this terminal reach nobody.",
    ),
    "proxy_other": Code(
        "warning",
        "{name} is {url}, where something answers that is no bridge.",
        "Apps of this terminal go there; ./scripts/with-bridge COMMAND sends one through a bridge.",
    ),
    "proxy_elsewhere": Code(
        "warning",
        "{name} is {url}, which is not the bridge at {bridge}.",
        'Apps of this terminal go there. eval "$(./scripts/with-bridge --print)" sends them here.',
    ),
    "proxy_unset": Code(
        "ok",
        "HTTPS_PROXY is not set here: apps of this terminal go around the bridge.",
        'Run them with ./scripts/with-bridge, or eval "$(./scripts/with-bridge --print)" first.',
    ),
    "port_free": Code("ok", "Port {port} is free.", NOTHING),
    "port_taken": Code(
        "problem",
        "Port {port} is taken by {who}, which is no bridge.",
        "End that, or take another port: ./scripts/start {option} NUMBER.",
    ),
    "port_mitmproxy": Code(
        "warning",
        "Port {port} is taken by {who}, which does not answer as a bridge does.",
        "In reverse mode a bridge cannot; there mitmweb has the same at /bridge/doctor. "
        "Else it runs without addon.py.",
    ),
    # --- the configuration
    "config_ok": Code(
        "ok", "{file} is in order (upstreams: {upstreams}, routes: {routes}).", NOTHING
    ),
    "config_invalid": Code(
        "problem",
        "{mistake}",
        "Put that right. Until then no bridge starts with it; one that runs keeps what it had.",
    ),
    "config_off": Code(
        "warning",
        "{warning}",
        "Set the variable where the bridge is started, or leave that upstream out.",
    ),
    # --- certificates, and the terminal
    "ca_ok": Code("ok", "A TLS handshake through {url} went well with the bridge's CA.", NOTHING),
    "ca_fails": Code(
        "problem",
        "A TLS handshake through {url} failed: {reason}.",
        "Restart the bridge; if its CA was renewed, tell apps of the new one.",
    ),
    "ca_trusted": Code("ok", "{file} ({names}) has the bridge's CA.", NOTHING),
    "ca_not_in_file": Code(
        "problem",
        "{file} ({names}) does not have the bridge's CA.",
        "Apps that look at it will not trust the bridge. "
        'eval "$(./scripts/with-bridge --print)" makes a file that has both.',
    ),
    "ca_file_missing": Code(
        "problem",
        "{file} ({names}) cannot be read: {reason}.",
        'Name a file that is there; eval "$(./scripts/with-bridge --print)" makes one.',
    ),
    "ca_unset": Code(
        "problem",
        "{proxy} leads to the bridge, but neither of {names} is set.",
        'Most apps will not trust the bridge. eval "$(./scripts/with-bridge --print)" sets them.',
    ),
    "no_proxy_covers": Code(
        "warning",
        "NO_PROXY has {entry}: calls to {hosts} go around the bridge.",
        "Take it out; ./scripts/with-bridge does that for its command.",
    ),
    # --- upstreams
    "upstream_ok": Code("ok", "{upstream} ({url}) answers and takes its key.", NOTHING),
    "upstream_open": Code("ok", "{upstream} ({url}) answers, and asks for no key.", NOTHING),
    "upstream_app_key": Code(
        "ok",
        "{upstream} ({url}) answers; it has no key here, for apps bring their own.",
        "Nothing to do, if only apps of that host are routed there; else give it an api_key.",
    ),
    "upstream_asked": Code("ok", "{upstream} ({url}) is being asked.", "Wait a few seconds."),
    "upstream_key_refused": Code(
        "problem",
        "{upstream} ({url}) refuses its key, with a {status}.",
        "Look at api_key of upstreams.{name}: is it this vendor's, and is it in force?",
    ),
    "upstream_no_list": Code(
        "warning",
        "{upstream} ({url}) answers, but has no list of models at {path} ({status}): "
        "whether it takes its key is not known.",
        "Look at url of upstreams.{name} if calls fail too; else name a path that it has: "
        "failover.health_check.path.",
    ),
    "upstream_limited": Code(
        "warning",
        "{upstream} ({url}) is limited just now (429).",
        "Wait, or look at the limits of its account.",
    ),
    "upstream_moved": Code(
        "warning",
        "{upstream} ({url}) sends one elsewhere ({status}).",
        "Look at url of upstreams.{name}: https or http, host and path.",
    ),
    "upstream_unsure": Code(
        "warning",
        "{upstream} ({url}) answers with a {status}: whether it takes its key is not known.",
        "Look at upstreams.{name} if calls fail too.",
    ),
    "upstream_failing": Code(
        "problem",
        "{upstream} ({url}) answers with a {status}.",
        "That is the server's own fault; until it recovers its backups are asked.",
    ),
    "upstream_unresolved": Code(
        "problem",
        "The host of {upstream} ({url}) is not known: {reason}.",
        "Look at url of upstreams.{name}, and whether this machine has a network.",
    ),
    "upstream_timeout": Code(
        "problem",
        "{upstream} ({url}) did not answer within {seconds} s.",
        "Is it overloaded, or is a firewall in between?",
    ),
    "upstream_tls": Code(
        "problem",
        "No TLS with {upstream} ({url}): {reason}.",
        "For a CA of your own: --set ssl_verify_upstream_trusted_ca=FILE; and is it https at all?",
    ),
    "upstream_unreachable": Code(
        "problem",
        "{upstream} ({url}) cannot be reached: {reason}.",
        "Start it, or look at url of upstreams.{name}.",
    ),
    # --- apps
    "tls_untrusted": Code(
        "problem",
        "{app} does not trust the bridge's certificate for {host}: {often}, not back since.",
        f"Tell it of the CA: {WITH_BRIDGE}. If it works all the same, it goes around the bridge.",
    ),
    "tls_untrusted_other": Code(
        "warning",
        "{app} does not trust the bridge's certificate for {host}, no host of ours: {often}.",
        f"Tell it of the CA: {WITH_BRIDGE}; or have intercept.only: true leave such hosts alone.",
    ),
    "tls_trusted_since": Code(
        "ok",
        "{app} did not trust the bridge's certificate for {host} ({often}), but has since.",
        NOTHING,
    ),
    "tls_broken_off": Code(
        "problem",
        "{app} hung up on seeing the bridge's certificate for {host}: {often}, not back since.",
        f"That is how Node's apps do not trust the CA: {WITH_BRIDGE}, which sets "
        "NODE_EXTRA_CA_CERTS.",
    ),
    "tls_broken_off_other": Code(
        "warning",
        "{app} hung up on seeing the bridge's certificate for {host}, no host of ours: {often}.",
        f"It may not trust the CA: {WITH_BRIDGE}; or have intercept.only: true leave such hosts "
        "alone.",
    ),
    "tls_silent": Code(
        "warning",
        "{app} set up TLS for {host} and hung up at once, without a request: {often}.",
        f"Some apps do not trust the CA that way: {WITH_BRIDGE}. Nothing to do if it works.",
    ),
    "tls_failed": Code(
        "warning",
        "{app} and the bridge could not agree on TLS for {host}: {often}, not back since.",
        "The log has the reason. For an old app: --set tls_version_client_min=TLS1_2 or older.",
    ),
    "socket_fell_back": Code(
        "ok",
        "{app} tried a WebSocket to {host}, was refused ({often}), and went on with HTTP.",
        "Nothing to do; where the app has a setting for it, HTTP at once saves a round trip.",
    ),
    "socket_waiting": Code(
        "ok",
        "{app} tried a WebSocket to {host} and was refused ({often}).",
        "Wait whether it goes on with HTTP.",
    ),
    "socket_given_up": Code(
        "warning",
        "{app} tried a WebSocket to {host}, was refused ({often}), and has not called since.",
        "Tell the app to use HTTP, or leave its calls to their own host: a route for them less.",
    ),
    "host_unhandled": Code(
        "warning",
        "{app} sent what looks like an LLM call to {host}, which nobody handles: {often}.",
        "If that is an LLM server, name it: intercept.hosts: [well-known, {host}].",
    ),
    "host_tunnelled": Code(
        "warning",
        "{app} talks to {host}, which intercept.only leaves undecrypted: {often}.",
        "To have its calls handled, name it: intercept.hosts: [well-known, {host}].",
    ),
    "host_ignored": Code(
        "warning",
        "mitmproxy's {option} leaves {hosts} undecrypted: their calls pass by the bridge.",
        "Take that out of {option}.",
    ),
    "calls_seen": Code("ok", "LLM calls come through; the last one began {ago}.", NOTHING),
    "no_calls": Code(
        "ok",
        "No LLM call has come so far.",
        "Send an app through: ./scripts/with-bridge COMMAND.",
    ),
    "bypass_unseen": Code(
        "ok",
        "An app that never comes to the proxy cannot be seen from inside it. Looked at instead: "
        "handshakes that failed, hosts that pass by; and by ./scripts/doctor, its terminal.",
        "If an app's calls are missing here, run it with ./scripts/with-bridge.",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    severity: Severity
    code: str
    seen: str
    advice: str
    about: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        told = {"severity": self.severity, "code": self.code}
        return {**told, "seen": self.seen, "advice": self.advice, "about": dict(self.about)}


def found(code: str, /, **about: Any) -> Finding:
    severity, seen, advice = CODES[code]
    facts = {
        n: _without_secrets(fact) if isinstance(fact, str) else fact for n, fact in about.items()
    }
    return Finding(severity, code, seen.format(**facts), advice.format(**facts), facts)


USER = re.compile(r"(?<=//)[^/@\s]*@")  # of a URL, and its password


def _without_secrets(text: str) -> str:
    return USER.sub("", scrub(text))


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


# --- upstreams

type Failure = Literal["unresolved", "timeout", "tls", "unreachable"]


@dataclass(frozen=True, slots=True)
class Unanswered:
    failure: Failure
    reason: str


type Outcome = int | Unanswered | None  # a status; None: it is being asked

STATUS: dict[int, str] = {
    401: "upstream_key_refused",
    403: "upstream_key_refused",
    404: "upstream_no_list",
    405: "upstream_no_list",
    410: "upstream_no_list",
    429: "upstream_limited",
}
HUNDREDS: dict[int, str] = {2: "upstream_ok", 3: "upstream_moved", 5: "upstream_failing"}
# Then a refusal says nothing of anybody's key.
WITHOUT_KEY = {"upstream_ok": "upstream_open", "upstream_key_refused": "upstream_app_key"}


def upstream_finding(target: Target, path: str, outcome: Outcome, patience: float) -> Finding:
    """`path` is what was asked for, `patience` how many seconds it was waited for."""
    upstream = target.upstream
    about = {"upstream": target.label, "name": upstream.name, "url": upstream.url}
    match outcome:
        case None:
            return found("upstream_asked", **about)
        case Unanswered("timeout", _):
            return found("upstream_timeout", **about, seconds=f"{patience:g}")
        case Unanswered(failure, reason):
            return found(f"upstream_{failure}", **about, reason=reason.rstrip("."))
        case status:
            code = STATUS.get(status) or HUNDREDS.get(status // 100, "upstream_unsure")
            if not _brings_key(target):
                code = WITHOUT_KEY.get(code, code)
            return found(code, **about, status=status, path=path)


def _brings_key(target: Target) -> bool:
    names = [name.lower() for name, _ in target.upstream.headers]
    return target.api_key is not None or any(name in CREDENTIALS for name in names)


# --- apps

GRACE = 30.0  # seconds that an app may take to go on with HTTP


def app_findings(
    entries: Iterable[Entry], covers: Callable[[str], bool], now: float
) -> Iterator[Finding]:
    """`covers`: whether the calls to a host are ours."""
    for entry in entries:
        about = {"host": entry.host, "app": entry.app, "times": entry.times, "last": entry.last}
        yield found(_code(entry, covers, now), **about, often=_often(entry, now))


def _code(entry: Entry, covers: Callable[[str], bool], now: float) -> str:
    match entry.kind:
        case kind if kind in HANDSHAKES and entry.is_back:
            return "tls_trusted_since"
        case "untrusted" | "broken_off" as kind:
            return f"tls_{kind}" if covers(entry.host) else f"tls_{kind}_other"
        case "upgrade" if entry.is_back:
            return "socket_fell_back"
        case "upgrade":
            return "socket_waiting" if now - entry.last < GRACE else "socket_given_up"
        case kind:
            return PLAIN[kind]


PLAIN = {
    "silent": "tls_silent",
    "tls_failed": "tls_failed",
    "unhandled": "host_unhandled",
    "tunnelled": "host_tunnelled",
}


def calls_finding(last: float | None, now: float) -> Finding:
    """`last`: when the last call began."""
    return found("no_calls") if last is None else found("calls_seen", ago=ago(now - last))


def _often(entry: Entry, now: float) -> str:
    last = ago(now - entry.last)
    return f"once, {last}" if entry.times == 1 else f"{entry.times} times, the last {last}"


def ago(seconds: float) -> str:
    for size, name in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {name} ago"
    return f"{max(0, int(seconds))} s ago"


# --- the configuration


def mistakes(lines: Iterable[str]) -> list[Finding]:
    return [found("config_invalid", mistake=line) for line in lines]


def warnings(lines: Iterable[str]) -> list[Finding]:
    return [found("config_off", warning=line) for line in lines]
