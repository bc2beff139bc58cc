"""The environment that sends an app through the proxy and makes it trust the CA, as data.

In: the proxy's address, two files of certificates, the environment as it was. Out: the variables to
set, and the lines that set them in a shell. Hard part: NO_PROXY. What was direct stays direct,
loopback included, but no entry may lead around the bridge.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping

# `ca`: the proxy's CA and what was extra before. `bundle`: the public roots and all of those.
VARIABLES: dict[str, str] = {
    "HTTPS_PROXY": "{proxy}",
    "HTTP_PROXY": "{proxy}",
    "ALL_PROXY": "{proxy}",
    "https_proxy": "{proxy}",  # Python, curl and others prefer these to those above
    "http_proxy": "{proxy}",  # curl knows this one in lower case only
    "all_proxy": "{proxy}",
    "SSL_CERT_FILE": "{bundle}",  # OpenSSL, rustls and Go; Python's SDKs know no other
    "CODEX_CA_CERTIFICATE": "{bundle}",
    "REQUESTS_CA_BUNDLE": "{bundle}",
    "CURL_CA_BUNDLE": "{bundle}",
    "AWS_CA_BUNDLE": "{bundle}",  # boto, for apps that call Bedrock
    "GIT_SSL_CAINFO": "{bundle}",  # agents run these, which prefer their own or know no other
    "CARGO_HTTP_CAINFO": "{bundle}",
    "PIP_CERT": "{bundle}",
    "NODE_EXTRA_CA_CERTS": "{ca}",  # Node and Deno keep their roots and add these
    "DENO_CERT": "{ca}",
    "NODE_USE_ENV_PROXY": "1",  # Node 24 and newer: fetch looks at HTTPS_PROXY
}

# What most apps need, for people who copy lines.
TRUST = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
SHORT = ("HTTPS_PROXY", *TRUST, "NODE_USE_ENV_PROXY")

NO_PROXY = ("NO_PROXY", "no_proxy")


def values(proxy: str, bundle: str, ca: str) -> dict[str, str]:
    return {
        name: form.format(proxy=proxy, bundle=bundle, ca=ca) for name, form in VARIABLES.items()
    }


# --- what stays direct


def direct(had: Mapping[str, str], hosts: Iterable[str]) -> dict[str, str]:
    """NO_PROXY in both spellings, without what is in the way of `hosts`; {} if there was none."""
    if not any(name in had for name in NO_PROXY):
        return {}
    left_out = around(had, hosts)
    kept = [entry for entry in _entries(had) if entry not in left_out]
    return dict.fromkeys(NO_PROXY, ",".join(dict.fromkeys(kept)))


def around(had: Mapping[str, str], hosts: Iterable[str]) -> dict[str, list[str]]:
    """Entries of NO_PROXY, and to which of `hosts` each leads without the proxy."""
    hosts = [host.lower() for host in hosts]
    found = {entry: [h for h in hosts if _covers(entry, h)] for entry in _entries(had)}
    return {entry: covered for entry, covered in found.items() if covered}


def _entries(had: Mapping[str, str]) -> list[str]:
    values = ",".join(had.get(name, "") for name in NO_PROXY)
    return list(filter(None, values.replace(" ", ",").split(",")))


def _covers(entry: str, host: str) -> bool:
    """Whether calls to `host`, which may begin with `*.`, or some of them, would go direct."""
    name, _, port = entry.lower().partition(":")
    if ":" in port:
        name = entry.lower()  # IPv6, no port
    name = name.removeprefix("*").removeprefix(".")
    if not name:
        return True  # `*`
    domain = host.removeprefix("*").removeprefix(".")
    some = host.startswith("*.") and name.endswith(f".{domain}")
    return name == domain or domain.endswith(f".{name}") or some


# --- lines for a shell


def _fish(name: str, value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{quoted}'"


def _powershell(name: str, value: str) -> str:
    quoted = value.replace("'", "''")
    return f"$env:{name} = '{quoted}'"


def _posix(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"


# No comments behind the values: zsh would take them for arguments.
SHELLS: dict[str, Callable[[str, str], str]] = {
    "bash": _posix,
    "zsh": _posix,
    "fish": _fish,
    "powershell": _powershell,
}


def lines(shell: str, variables: Mapping[str, str]) -> str:
    return "\n".join(SHELLS[shell](name, value) for name, value in variables.items())
