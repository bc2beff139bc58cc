"""The ways to the simulator, each a process of its own, and what they take.

`direct` is the simulator itself; `plain` a mitmdump that hands everything on as it comes; `bridge`
the same mitmdump with the addon. Which upstream the bridge chooses the model's name decides.
`redirect` is a mitmdump with a few lines of Python that send all to one upstream, and `twin` the
same once more. `hooked` is the bridge without failover inside a request.
"""

import json
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts._processes import Child, Failed, Proxy, tool

PROXIES = ("plain", "twin", "redirect", "hooked", "bridge")
PACE = 0.001  # seconds between events
STALL_AFTER = 20  # events
THOUGHT = 0.3  # seconds before an answer begins; few models are faster

# The name of a model says what becomes of the request: <route>, <route>-paced, and so on.
FAULTS = [
    {"fault": {"kind": "slow", "between": PACE}, "match": {"model": "*-paced"}},
    {"fault": {"kind": "slow", "first_byte": THOUGHT}, "match": {"model": "*-thinking"}},
    {"fault": {"kind": "stall", "after": STALL_AFTER}, "match": {"model": "*-stalled"}},
]
SCRIPT = {"faults": [{"upstream": "*", "count": None, **fault} for fault in FAULTS]}
ROUTES = (
    ("to-chat*", ["chat"]),
    ("to-messages*", ["messages"]),
    ("same*", ["messages"]),
    ("idle*", ["idle", "spare"]),
)
QUIET = ("--set", "flow_detail=0")
STREAMING = ("--set", "stream_large_bodies=1")
REDIRECT = Path(__file__).with_name("redirect.py")
ADDONS = {"bridge": "addon.py", "hooked": str(Path(__file__).with_name("hooked.py"))}


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    pid: int
    port: int

    def cpu(self) -> float:
        """Seconds of processor time of all its threads so far."""
        return time.clock_gettime((~self.pid << 3) | 2)  # Linux's clock of another process

    def memory(self) -> int:
        """Resident bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def settle(self, seconds: float = 2) -> float:
        """Wait until it has done what there was to do; its processor time then."""
        pause, deadline = threading.Event(), time.monotonic() + seconds
        before = self.cpu()
        while time.monotonic() < deadline:
            pause.wait(0.02)
            now = self.cpu()
            if now - before < 0.0003:  # a tick of its timers
                break
            before = now
        return self.cpu()


@contextmanager
def running(
    folder: Path, names: Collection[str], profile: Path | None = None
) -> Iterator[dict[str, Target]]:
    """The simulator, and those of `names`, by name.

    With `profile` the bridge writes there, as it ends, where its time went.
    """
    if not sys.platform.startswith("linux"):
        raise Failed("The benchmark reads what processes use from Linux's /proc.")
    (folder / "script.json").write_text(json.dumps(SCRIPT), encoding="utf-8")
    with ExitStack() as stack:
        simulator = stack.enter_context(
            Child([sys.executable, "-m", "bridge.simulator", "--script", f"{folder}/script.json"])
        )
        port = int(simulator.wait_for(r"listening on http://.*:(\d+)")[1])
        (folder / "config.yaml").write_text(json.dumps(_config(port)), encoding="utf-8")
        targets = {"direct": Target("direct", simulator.pid, port)}
        for name in [name for name in PROXIES if name in names]:
            proxy = stack.enter_context(_proxy(name, folder, port, profile)).ready()
            targets[name] = Target(name, proxy.pid, proxy.port)
        yield targets


def _proxy(name: str, folder: Path, port: int, profile: Path | None) -> Proxy:
    options = ["--mode", f"reverse:http://127.0.0.1:{port}", *QUIET]
    command = tool("mitmdump")
    if name in ("twin", "redirect"):
        options += ["-s", str(REDIRECT), "--set", f"redirect_to=http://127.0.0.1:{port}/idle"]
    elif name != "hooked":  # by hooks alone what is streamed cannot be translated
        options += STREAMING
    if name in ADDONS:
        options += ["-s", ADDONS[name], "--set", f"bridge_config={folder}/config.yaml"]
        if profile:
            command = [sys.executable, "-m", "scripts._bench.profiled", str(profile)]
    return Proxy(command, folder / name, *options)


def _config(port: int) -> object:
    """JSON, which is YAML too."""
    url = f"http://127.0.0.1:{port}"
    return {
        "upstreams": {
            "chat": {"protocol": "openai_chat", "url": f"{url}/v1", "api_key": "bench"},
            "messages": {"protocol": "anthropic_messages", "url": url, "api_key": "bench"},
            "idle": {"protocol": "anthropic_messages", "url": f"{url}/idle", "api_key": "bench"},
            "spare": {"protocol": "openai_chat", "url": f"{url}/spare/v1", "api_key": "bench"},
        },
        "routes": [{"match": {"model": m}, "upstreams": names} for m, names in ROUTES],
    }
