"""What to paste into the terminal of the app, printed when the proxy listens.

In: mitmproxy's options and listeners as they are. Out: text. Being an addon of its own it need not
guess from the command line: ports, modes and folders may also come from mitmproxy's configuration.
"""

import logging
import sys
from collections.abc import Iterable
from pathlib import Path

from mitmproxy import ctx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # mitmproxy loads it by its path

from scripts._with_bridge import variables

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1", "": "127.0.0.1"}

REVERSE = {"ANTHROPIC_BASE_URL": "{url}", "OPENAI_BASE_URL": "{url}/v1"}

# Local capture, transparent and WireGuard mode need no proxy setting, only trust.
NAMES = {"regular": variables.SHORT, "upstream": variables.SHORT}


def lines(listeners: Iterable[tuple[str, str, int]], ca: Path) -> str:
    """`listeners`: the mode's name, host and port of each."""
    blocks = []
    for mode, host, port in listeners:
        host = ANY_ADDRESS.get(host, host)
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        blocks.append(variables.lines("bash", _needed(mode, url, str(ca))))
    head = "\nPaste into the terminal of the app:\n\n"
    return head + "\n\n".join(dict.fromkeys(blocks)) + "\n"


def _needed(mode: str, url: str, ca: str) -> dict[str, str]:
    if mode == "reverse":
        return {name: form.format(url=url) for name, form in REVERSE.items()}
    found = variables.values(url, bundle=ca, ca=ca)
    return {name: found[name] for name in NAMES.get(mode, variables.TRUST)}


def listeners() -> list[tuple[str, str, int]]:
    found = []
    for server in ctx.master.addons.get("proxyserver").servers:
        # One listener may hold an IPv4 and an IPv6 socket, and local capture holds none.
        host, port, *_ = server.listen_addrs[0] if server.listen_addrs else ("", 0)
        found.append((server.mode.type_name, host, port))
    return found


def running() -> None:
    ca = Path(ctx.options.confdir).expanduser().absolute() / "mitmproxy-ca-cert.pem"
    text = lines(listeners(), ca)
    if hasattr(ctx.master, "web_url"):
        pages = ctx.master.web_url.replace("/?", "/bridge/?")
        text += f"\nLook at the traffic: {ctx.master.web_url}\nThe bridge's own pages: {pages}\n"
    if hasattr(ctx.master, "prompt_for_exit"):  # mitmproxy's own screen: into its event log
        logging.info(text)
    else:
        print(text, flush=True)
