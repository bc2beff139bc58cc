"""What the environment of this terminal tells its apps: where to go, whom to trust.

In: the bridge, and the environment. Out: findings. Hard part: a CA is trusted by what is in a file,
not by its name; so certificates are compared, and a handshake is really made.
"""

import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from bridge.doctor import Finding, found
from scripts._with_bridge import bridges, trust, variables

PROXY = ("HTTPS_PROXY", "https_proxy")
CERTIFICATES = tuple(
    name for name, form in variables.VARIABLES.items() if form in ("{ca}", "{bundle}")
)
HOST = "bridge.local"  # which the bridge always decrypts
PATIENCE = 10  # seconds
MOST = 3  # hosts that are named


def findings(
    bridge: bridges.Bridge, had: Mapping[str, str], hosts: Iterable[str]
) -> Iterator[Finding]:
    yield handshake(bridge)
    yield from proxies(bridge, had)
    yield from certificates(bridge, had)
    yield from exceptions(had, hosts)


# --- whom to trust


def handshake(bridge: bridges.Bridge) -> Finding:
    """As an app makes it that trusts the CA and nobody else."""
    place = urlsplit(bridge.url)
    address = place.hostname or "", place.port or 80
    try:
        context = ssl.create_default_context(cadata=bridge.ca)
        with socket.create_connection(address, timeout=PATIENCE) as raw:
            raw.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nhost: {HOST}:443\r\n\r\n".encode())
            answer = raw.recv(4096).split(b"\r\n")[0]
            if b" 200 " not in answer + b" ":
                raise OSError(f"the tunnel was refused: {answer.decode('latin-1')}")
            with context.wrap_socket(raw, server_hostname=HOST):
                return found("ca_ok", url=bridge.url)
    except OSError as error:
        return found("ca_fails", url=bridge.url, reason=str(error).rstrip("."))


def certificates(bridge: bridges.Bridge, had: Mapping[str, str]) -> Iterator[Finding]:
    used = [name for name in PROXY if _is_same(had.get(name), bridge.url)]
    for file, names in _files(had).items():
        finding = _trusts(", ".join(names), Path(file).expanduser(), bridge.ca)
        # What apps trust that do not come here breaks nothing.
        is_harmless = finding.severity == "problem" and not used
        yield replace(finding, severity="warning") if is_harmless else finding
    if used and not any(had.get(name) for name in variables.TRUST):
        yield found("ca_unset", proxy=used[0], names=" and ".join(variables.TRUST))


def _files(had: Mapping[str, str]) -> dict[str, list[str]]:
    """Each with the variables that name it."""
    named: dict[str, list[str]] = {}
    for name in CERTIFICATES:
        if file := had.get(name):
            named.setdefault(file, []).append(name)
    return named


def _trusts(names: str, file: Path, ca: str) -> Finding:
    about = {"names": names, "file": str(file)}
    try:
        known = {each for text in _texts(file) for each in _read_certificates(text)}
    except OSError as error:
        return found("ca_file_missing", **about, reason=error.strerror or str(error))
    return found(
        "ca_trusted" if known.issuperset(_read_certificates(ca)) else "ca_not_in_file", **about
    )


def _texts(path: Path) -> Iterator[str]:
    """Of a file, or of those in a folder, which some apps take as well."""
    for file in path.iterdir() if path.is_dir() else [path]:
        if file == path or file.is_file():
            yield file.read_text("latin-1")


def _read_certificates(text: str) -> list[bytes]:
    """As bytes, for the same one may be written down in several ways."""
    made = []
    for block in trust.CERTIFICATE.findall(text):
        try:
            made.append(ssl.PEM_cert_to_DER_cert(block))
        except ValueError:
            continue
    return made


# --- where to go


def proxies(bridge: bridges.Bridge, had: Mapping[str, str]) -> Iterator[Finding]:
    for name, url in _proxies(had):
        if not _is_same(url, bridge.url):
            yield found("proxy_elsewhere", name=name, url=url, bridge=bridge.url)
    if not _proxies(had):
        yield found("proxy_unset")


def dead(had: Mapping[str, str]) -> Iterator[Finding]:
    """Where no bridge runs: apps may be sent to nobody all the same."""
    for name, url in _proxies(had):
        reason = _unreachable(url)
        if reason is not None:
            yield found("proxy_dead", name=name, url=url, reason=reason)
        else:
            yield found("proxy_other", name=name, url=url)


def _proxies(had: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each address once, with the variable that has it."""
    named = {url: name for name in reversed(PROXY) if (url := had.get(name))}
    return [(name, url) for url, name in named.items()]


def _unreachable(url: str) -> str | None:
    """Why; None where somebody answers."""
    try:
        place = urlsplit(url if "://" in url else f"http://{url}")
        with socket.create_connection((place.hostname or "", place.port or 80), timeout=PATIENCE):
            return None
    except (OSError, ValueError) as error:
        return str(error)


def exceptions(had: Mapping[str, str], hosts: Iterable[str]) -> Iterator[Finding]:
    named = dict.fromkeys(host for host in hosts if "." in host)  # `well-known` is none
    for entry, covered in variables.around(had, named).items():
        more = f" and {len(covered) - MOST} more" if len(covered) > MOST else ""
        yield found("no_proxy_covers", entry=entry, hosts=", ".join(covered[:MOST]) + more)


def _is_same(url: str | None, other: str) -> bool:
    """Whether both are one address."""
    return url is not None and _address(url) == _address(other)


def _address(url: str) -> tuple[str, int] | None:
    try:
        place = urlsplit(url if "://" in url else f"http://{url}")
        host = place.hostname or ""
        return "127.0.0.1" if host == "localhost" else host, place.port or 80
    except ValueError:
        return None
