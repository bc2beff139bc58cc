"""Whether the ports that a bridge wants are free, and who has them where they are not."""

import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator

from bridge.doctor import Finding, found

USUAL = (8080, 8081)  # the proxy's and mitmweb's page, by default
OPTION = {8081: "--web-port"}  # of mitmproxy
LSOF = ("lsof", "-nP", "-sTCP:LISTEN", "-Fpc")  # a line each: p and the number, c and the name
PATIENCE = 5  # seconds


def findings(wanted: Iterable[int]) -> Iterator[Finding]:
    for port in wanted:
        if is_free(port):
            yield found("port_free", port=port)
        else:
            who, option = owner(port), OPTION.get(port, "--listen-port")
            code = "port_mitmproxy" if who.startswith("mitm") else "port_taken"
            yield found(code, port=port, who=who, option=option)


def is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


def owner(port: int) -> str:
    """As far as this user may know it."""
    if not shutil.which(LSOF[0]):
        return "another program"
    command = [*LSOF, f"-iTCP:{port}"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "another program"
    fields = {line[:1]: line[1:] for line in reversed(told.splitlines())}
    return f"{fields['c']} (process {fields['p']})" if fields.keys() >= {"c", "p"} else "somebody"
