"""scripts/with-bridge: real commands, real signals, a real bridge before the simulator."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator import Simulator
from bridge.simulator import running as running_simulator
from scripts._processes import free_port
from scripts._with_bridge import bridges, trust, variables
from scripts._with_bridge.__main__ import split
from tests.processes import Proxy, running_proxy, wait_until
from tests.scripts.test_demo import children, gone

pytestmark = pytest.mark.more

ROOT = Path(variables.__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with running_simulator() as sim:
        yield sim


@pytest.fixture(scope="module")
def config(sim: Simulator) -> dict[str, Any]:
    chat = {"protocol": "openai_chat", "url": sim.base("a"), "api_key": "k"}
    return {"upstreams": {"chat": chat}, "routes": [{"upstreams": ["chat"]}]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose .venv is the one that runs the tests, and a home of its own."""
    folder = tmp_path_factory.mktemp("it's") / "a folder"
    scripts = folder / "project" / "scripts"
    shutil.copytree(ROOT / "scripts", scripts)
    env = f'ROOT="{scripts.parent}" VENV="{sys.prefix}"; need() {{ [ "$1" = runtime ]; }}'
    (scripts / "_env").write_text(env, encoding="utf-8")
    for name in ("addon.py", "bridge", "config.yaml"):
        (scripts.parent / name).symlink_to(ROOT / name)
    (folder / "home").mkdir()
    return folder


@pytest.fixture(scope="module")
def bridge(folder: Path, config: dict[str, Any]) -> Iterator[Proxy]:
    """One that runs already. Its folder is not the one that with-bridge expects."""
    (folder / "bridge").mkdir()
    with running_proxy(folder / "bridge", folder / "bridge" / "confdir", config) as proxy:
        yield proxy


class Terminal:
    """Where with-bridge is called: an environment, and the options that come first."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.command = [str(folder / "project" / "scripts" / "with-bridge"), *options]
        self.home = folder / "home"
        own = {"PATH": os.environ["PATH"], "HOME": str(self.home)}
        self.environment = {**own, **environment}

    def open(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.command, *command],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            **{"cwd": "/", "start_new_session": True, **options},
        )

    def run(self, *command: str, **options: Any) -> subprocess.CompletedProcess[Any]:
        return subprocess.run(
            [*self.command, *command],
            env=self.environment,
            capture_output=True,
            timeout=40,
            **{"cwd": "/", "text": True, **options},
        )

    def says(self, *command: str) -> str:
        done = self.run(*command)
        assert (done.returncode, done.stderr) == (0, ""), done
        return str(done.stdout)

    def status(self, *command: str) -> int:
        return self.run(*command).returncode


@pytest.fixture
def terminal(folder: Path, bridge: Proxy) -> Terminal:
    """With a bridge that runs, for what does not depend on which one it is."""
    return Terminal(folder, "--proxy", bridge.url)


def own_bridge(
    folder: Path, tmp_path: Path, config: dict[str, Any], **environment: str
) -> Terminal:
    """With one that is started for the command."""
    (tmp_path / "own.yaml").write_text(json.dumps(config), "utf-8")
    options = ("--set", f"bridge_config={tmp_path / 'own.yaml'}")
    return Terminal(folder, *options, "--set", f"confdir={tmp_path / 'confdir'}", **environment)


# --- calls get there

SDK = """
import anthropic
answer = anthropic.Anthropic(api_key="the app's own").messages.create(
    model="claude-opus-5-5", max_tokens=99, messages=[{"role": "user", "content": "Say hello."}]
)
print(answer.content[0].text)
"""

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Say hello."}]})
CHAT = "https://api.openai.com/v1/chat/completions"
CURL = ["curl", "-sS", "--max-time", "20", CHAT, "-H", "content-type: application/json", "-d", BODY]

# Each asks the other way of the two that Node has; the first needs the switch of newer versions.
FETCH = """
const body = process.argv[1], headers = {"content-type": "application/json"}
fetch("%s", {method: "POST", body, headers}).then(a => a.text()).then(console.log)
"""
TUNNEL = """
const http = require("http"), https = require("https"), body = process.argv[1]
const {hostname, port} = new URL(process.env.HTTPS_PROXY)
http.request({hostname, port, method: "CONNECT", path: "api.openai.com:443"}).on("connect",
  (answer, socket) => https.request("%s", {socket, agent: false, method: "POST",
    headers: {"content-type": "application/json"}}, (answer) => answer.pipe(process.stdout)
  ).end(body)).end()
"""


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([sys.executable, "-c", SDK], id="a Python SDK"),
        pytest.param(CURL, id="curl"),
    ],
)
def test_a_bridge_is_started_and_ends_with_the_command(
    folder: Path, tmp_path: Path, config: dict[str, Any], sim: Simulator, command: list[str]
) -> None:
    sim.forget_requests()
    terminal = own_bridge(folder, tmp_path, config, NO_PROXY="*")
    assert "Say hello" in terminal.says(*command)
    assert [request.upstream for request in sim.requests()] == ["a"]
    files = {file.name for file in (tmp_path / "confdir").iterdir() if "-bridge-" in file.name}
    assert len(files) == 2  # the bundle, and what is added to roots


def test_where_the_environment_points_to_nobody_there_is_a_bridge_all_the_same(
    folder: Path,
) -> None:
    terminal = Terminal(folder, HTTPS_PROXY=f"http://127.0.0.1:{free_port()}")
    assert "upstreams" in json.loads(terminal.says("curl", "-sS", bridges.STATUS))


@pytest.mark.parametrize(
    "program, flag",
    [
        pytest.param(FETCH, "--use-env-proxy", id="fetch"),
        pytest.param(TUNNEL, "--require", id="https over a tunnel"),
    ],
)
def test_node_uses_the_proxy_and_trusts_it(terminal: Terminal, program: str, flag: str) -> None:
    if not shutil.which("node"):
        pytest.skip("no Node here")
    asked = f"console.log(process.allowedNodeEnvironmentFlags.has('{flag}'))"
    if "true" not in subprocess.run(["node", "-e", asked], capture_output=True, text=True).stdout:
        pytest.skip(f"this Node has no {flag}")
    assert "Say hello" in terminal.says("node", "-e", program % CHAT, BODY)


def test_git_trusts_it_too(terminal: Terminal) -> None:
    done = terminal.run("git", "ls-remote", "https://127.0.0.1:1/nothing")
    assert "502" in done.stderr and "certificate" not in done.stderr


# --- which bridge


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_a_bridge_that_the_environment_points_to_is_used(
    folder: Path, bridge: Proxy, name: str
) -> None:
    said = Terminal(folder, **{name: bridge.url}).says("sh", "-c", "echo $HTTPS_PROXY")
    assert said == f"{bridge.url}\n"


def test_a_bridge_on_the_default_port_is_used(
    bridge: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bridges, "DEFAULT", bridge.url)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = bridges.running({"HTTPS_PROXY": f"http://127.0.0.1:{free_port()}"})
    assert found.url == bridge.url
    assert found.ca.strip() == Path(bridge.ca).read_text("utf-8").strip()


def test_within_itself_it_finds_the_same_bridge_and_the_same_files(terminal: Terminal) -> None:
    script = terminal.command[0]
    inner, outer = (terminal.says(*way, "env", "-0") for way in ([script], []))
    names = variables.VARIABLES.keys()
    assert {k: v for k, v in as_dict(inner).items() if k in names} == {
        k: v for k, v in as_dict(outer).items() if k in names
    }


def test_without_mitmproxys_page_the_ca_is_read_from_its_folder(
    folder: Path, tmp_path: Path, config: dict[str, Any]
) -> None:
    terminal = own_bridge(folder, tmp_path, config)
    terminal.command += ["--set", "onboarding=false"]
    assert "Say hello" in terminal.says(*CURL)


@pytest.mark.parametrize(
    "options, message",
    [
        pytest.param(["--proxy", "http://127.0.0.1:{free}"], "Connection refused", id="nobody"),
        pytest.param(["--proxy", "{sim}"], "answers, but not as a bridge", id="another server"),
        pytest.param(["--proxy", "socks5://h:1"], "no address of an HTTP proxy", id="not HTTP"),
        pytest.param(["--proxy", "http://h:port"], "Port could not be cast", id="no port"),
        pytest.param(
            ["--set", "mode=reverse:http://127.0.0.1:1"],
            "answers, but not as a bridge in regular mode",
            id="a bridge in reverse mode",
        ),
        pytest.param(
            ["--set", "mode=reverse:http://127.0.0.1:1", "--set", "keep_host_header=true"],
            "No bridge to send a command through",
            id="one in reverse mode that answers for any host",
        ),
        pytest.param(
            ["--set", "bridge_config=/no/such.yaml"], "/no/such.yaml", id="no configuration"
        ),
    ],
)
def test_a_bridge_that_cannot_be_used_is_told(
    folder: Path, sim: Simulator, options: list[str], message: str
) -> None:
    words = [word.format(free=free_port(), sim=sim.url) for word in options]
    done = Terminal(folder, *words).run("echo", "it ran")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("with-bridge: ") and message in done.stderr


# --- the command is left alone


@pytest.mark.parametrize("status", [0, 1, 7, 255])
def test_the_exit_status_is_the_commands(terminal: Terminal, status: int) -> None:
    assert terminal.status("sh", "-c", f"exit {status}") == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGSEGV])
def test_a_command_that_a_signal_ended_is_told_as_shells_do(
    terminal: Terminal, number: signal.Signals
) -> None:
    assert terminal.status("sh", "-c", f"kill -{number:d} $$") == 128 + number


def test_what_goes_in_and_out_is_not_touched(terminal: Terminal) -> None:
    content = bytes(range(256)) * 1000
    done = terminal.run("sh", "-c", "cat; printf '%s' oops >&2", text=False, input=content)
    assert (done.returncode, done.stdout, done.stderr) == (0, content, b"oops")


def as_dict(listed: str) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in listed.split("\0") if entry)


def test_the_environment_and_the_folder_are_kept(terminal: Terminal, tmp_path: Path) -> None:
    terminal.environment |= {"PYTHONPATH": "mine", "MULTI": "a\nb", "NODE_OPTIONS": "--trace-gc"}
    before = set(terminal.home.iterdir())
    found = as_dict(terminal.says("env", "-0"))
    names = variables.VARIABLES.keys()
    shells = {"PWD", "OLDPWD", "SHLVL", "_"}  # bash's own
    rest = {k: v for k, v in found.items() if k not in names | shells}
    assert rest == terminal.environment
    assert found.keys() >= names and not found.keys() & set(variables.NO_PROXY)
    assert terminal.run("pwd", cwd=tmp_path).stdout == f"{tmp_path}\n"
    assert set(terminal.home.iterdir()) - before <= {terminal.home / ".mitmproxy"}


def test_no_proxy_keeps_what_is_not_for_the_bridge(terminal: Terminal) -> None:
    terminal.environment |= {"NO_PROXY": "localhost,.anthropic.com,intranet", "no_proxy": "*,::1"}
    said = terminal.says("sh", "-c", 'echo "$NO_PROXY $no_proxy"')
    assert said == "localhost,intranet,::1 localhost,intranet,::1\n"


def test_no_proxy_goes_by_the_hosts_of_the_bridge_that_runs(
    folder: Path, tmp_path: Path, config: dict[str, Any]
) -> None:
    own = {**config, "intercept": {"hosts": ["well-known", "llm.corp.example"]}}
    environment = {"NO_PROXY": ".corp.example,localhost", "no_proxy": ".openai.com"}
    with running_proxy(tmp_path, tmp_path / "confdir", own) as proxy:
        terminal = Terminal(folder, "--proxy", proxy.url, **environment)
        assert terminal.says("sh", "-c", 'echo "$NO_PROXY"') == "localhost\n"
        shown = json.loads(Terminal(folder, "--proxy", proxy.url, "--json", **environment).says())
    assert shown["environment"]["NO_PROXY"] == "localhost"


def test_a_proxy_that_the_started_bridge_does_not_ask_is_told_of(
    folder: Path, tmp_path: Path, config: dict[str, Any], sim: Simulator
) -> None:
    other = {"HTTPS_PROXY": f"http://me:secret-word@127.0.0.1:{sim.port}"}
    done = own_bridge(folder, tmp_path, config, **other).run("echo", "it ran")
    assert (done.returncode, done.stdout) == (0, "it ran\n")
    assert "proxy of HTTPS_PROXY" in done.stderr and "secret-word" not in done.stderr


def test_the_started_bridge_goes_through_a_proxy_that_is_named(
    folder: Path, tmp_path: Path, config: dict[str, Any], sim: Simulator
) -> None:
    (tmp_path / "plain").mkdir()
    nothing: dict[str, Any] = {"upstreams": {}, "routes": [], "intercept": {"hosts": []}}
    with running_proxy(tmp_path / "plain", tmp_path / "plain", nothing) as plain:
        terminal = own_bridge(folder, tmp_path, config, HTTPS_PROXY=plain.url)
        terminal.command += ["--set", f"mode=upstream:{plain.url}"]
        assert "Say hello" in terminal.says(*CURL)
        [passed] = plain.flows()
    assert passed.request.path == "/a/v1/chat/completions"


ANSWERS = """
import signal, sys
for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"):
    signal.signal(getattr(signal, name), lambda number, _: sys.exit(40 + number))
print("ready", flush=True)
signal.pause()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"])
def test_a_signal_is_passed_on_and_its_answer_waited_for(terminal: Terminal, name: str) -> None:
    number = getattr(signal, name)
    with terminal.open(sys.executable, "-c", ANSWERS) as running:
        assert running.stdout and running.stdout.readline() == "ready\n"
        running.send_signal(number)
        assert running.wait(20) == 40 + number


COUNTS = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
print("ready", flush=True)
signal.sigwait({signal.SIGINT})
print("twice" if signal.sigtimedwait({signal.SIGINT}, 0.5) else "once", flush=True)
"""
# Makes its input the terminal of its session, as a terminal's window does.
TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="no sigtimedwait here")
def test_what_a_terminal_sends_to_all_comes_once(terminal: Terminal) -> None:
    ours, theirs = pty.openpty()
    terminal.command = [sys.executable, "-c", TAKE_TERMINAL, *terminal.command]
    try:
        with terminal.open(sys.executable, "-c", COUNTS, stdin=theirs) as running:
            assert running.stdout and running.stdout.readline() == "ready\n"
            os.write(ours, b"\x03")
            assert running.stdout.readline() == "once\n"
            assert running.wait(20) == 0
    finally:
        os.close(ours)
        os.close(theirs)


# --- nothing is left


@pytest.mark.parametrize(
    "number, status",
    [
        pytest.param(signal.SIGTERM, 40 + 15, id="SIGTERM"),
        pytest.param(signal.SIGINT, 40 + 2, id="SIGINT"),
        pytest.param(signal.SIGKILL, -9, id="even SIGKILL"),
    ],
)
def test_the_started_bridge_ends_whatever_happens(
    folder: Path, tmp_path: Path, config: dict[str, Any], number: int, status: int
) -> None:
    terminal = own_bridge(folder, tmp_path, config)
    with terminal.open(sys.executable, "-c", ANSWERS) as running:
        assert running.stdout and running.stdout.readline() == "ready\n"
        started = children(running.pid)
        assert len(started) == 2  # the bridge and the command
        os.kill(running.pid, number)
        assert running.wait(20) == status
        if number == signal.SIGKILL:  # the command lives on; it is not ours to end
            os.killpg(running.pid, signal.SIGTERM)
    assert wait_until(lambda: all(map(gone, started)), "the bridge to end")


def test_a_bridge_that_ends_first_is_told_and_the_status_kept(
    folder: Path, tmp_path: Path, config: dict[str, Any]
) -> None:
    terminal = own_bridge(folder, tmp_path, config)
    with terminal.open(sys.executable, "-c", ANSWERS, stderr=subprocess.PIPE) as running:
        assert running.stdout and running.stdout.readline() == "ready\n"
        bridge, _ = children(running.pid)
        os.kill(bridge, signal.SIGKILL)
        wait_until(lambda: not is_alive(bridge), "the bridge to end")
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=20)
    assert running.returncode == 40 + signal.SIGTERM
    assert said.startswith("with-bridge: the bridge ended first.")


def is_alive(pid: int) -> bool:
    """A process that has ended and waits for its parent to look is not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return state.stdout.strip()[:1] not in ("", "Z")


# --- the command line


@pytest.mark.parametrize(
    "arguments, ours, rest",
    [
        (["claude", "-p", "x"], [], ["claude", "-p", "x"]),
        (["--", "claude", "--", "x"], [], ["claude", "--", "x"]),
        (["--proxy", "u", "a", "--set", "b"], ["--proxy", "u"], ["a", "--set", "b"]),
        (["--set", "a=b", "--set", "c=d", "--", "x"], ["--set", "a=b", "--set", "c=d"], ["x"]),
        (["--proxy=u", "a"], ["--proxy=u"], ["a"]),
        (["--print", "fish"], ["--print"], ["fish"]),
        (["--proxy"], ["--proxy"], []),
    ],
)
def test_the_command_begins_where_our_options_end(
    arguments: list[str], ours: list[str], rest: list[str]
) -> None:
    assert split(arguments) == (ours, rest)


@pytest.mark.parametrize(
    "command, status, message",
    [
        pytest.param(["no-such-app", "x"], 127, "no-such-app: no such command", id="unknown"),
        pytest.param(["/dev/null"], 126, "/dev/null: cannot be run", id="no program"),
        pytest.param([], 2, "which command?", id="none"),
        pytest.param(["--print", "tcsh"], 2, "not one of bash, zsh, fish, powershell", id="shell"),
        pytest.param(["--json", "bash"], 2, "not one of", id="JSON is for no shell"),
        pytest.param(["--prox", "u", "x"], 2, "unrecognized", id="no such option"),
        pytest.param(["--print", "--set", "a=b"], 2, "./scripts/start", id="no command to end it"),
        pytest.param(["--proxy", "u", "--set", "a=b", "x"], 2, "not allowed", id="two bridges"),
    ],
)
def test_a_mistake_is_told(folder: Path, command: list[str], status: int, message: str) -> None:
    done = Terminal(folder).run(*command)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr and "Traceback" not in done.stderr


def test_files_that_cannot_be_written_are_told(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / ".mitmproxy").write_text("no folder", "utf-8")
    terminal.environment["HOME"] = str(tmp_path)
    done = terminal.run("echo", "it ran")
    assert (done.returncode, done.stdout) == (125, "")
    assert "The certificates to trust cannot be written" in done.stderr


# --- what is shown

EVAL = 'eval "$1"; env -0'
SOURCE = {
    "bash": ["bash", "--norc", "-c", EVAL, "-"],
    "zsh": ["zsh", "-f", "-c", EVAL, "-"],
    "fish": ["fish", "--no-config", "-c", "printf '%s\\n' $argv | source; env -0"],
    "powershell": ["pwsh", "-NoProfile", "-c", "Invoke-Expression $args[0]; env -0"],
}


@pytest.mark.parametrize("shell", variables.SHELLS)
def test_the_lines_set_what_a_command_would_have(terminal: Terminal, shell: str) -> None:
    command = SOURCE[shell]
    if not shutil.which(command[0]):
        pytest.skip(f"no {command[0]} here")
    terminal.environment["NO_PROXY"] = "intranet,*.openai.com"
    shown = json.loads(terminal.says("--json"))
    lines = terminal.says("--print", shell)
    done = subprocess.run(
        [*command, lines], env=terminal.environment, capture_output=True, text=True, check=True
    )
    found = as_dict(done.stdout)
    expected = as_dict(terminal.says("env", "-0"))
    names = [*variables.VARIABLES, *variables.NO_PROXY]
    assert {name: found[name] for name in names} == {name: expected[name] for name in names}
    assert shown == {
        "proxy": expected["HTTPS_PROXY"],
        "environment": {name: expected[name] for name in names},
    }


@pytest.mark.parametrize(
    "shell, expected",
    [
        pytest.param("/usr/bin/fish", "set -gx HTTPS_PROXY ", id="the user's"),
        pytest.param("/bin/tcsh", "export HTTPS_PROXY=", id="bash, where the user's is unknown"),
    ],
)
def test_lines_are_for_the_shell_in_use(terminal: Terminal, shell: str, expected: str) -> None:
    terminal.environment["SHELL"] = shell
    assert terminal.says("--print").startswith(expected)


@pytest.mark.parametrize(
    "shell, expected",
    [
        ("bash", """export A='it'"'"'s $a \\ b'"""),
        ("zsh", """export A='it'"'"'s $a \\ b'"""),
        ("fish", r"set -gx A 'it\'s $a \\ b'"),
        ("powershell", r"$env:A = 'it''s $a \ b'"),
    ],
)
def test_each_shell_quotes_in_its_own_way(shell: str, expected: str) -> None:
    assert variables.lines(shell, {"A": r"it's $a \ b"}) == expected


# --- what stays direct

HOSTS = ["api.anthropic.com", "*.openai.azure.com"]


@pytest.mark.parametrize(
    "entries, kept",
    [
        pytest.param("localhost,127.0.0.1,::1", "localhost,127.0.0.1,::1", id="loopback stays"),
        pytest.param("10.0.0.0/8 .corp:80", "10.0.0.0/8,.corp:80", id="what is for others stays"),
        pytest.param("a,*,b", "a,b", id="everything"),
        pytest.param("api.anthropic.com,x", "x", id="the host itself"),
        pytest.param("API.Anthropic.com:443,x", "x", id="with a port, in capitals"),
        pytest.param("anthropic.com,.com,*.anthropic.com,x", "x", id="domains above it"),
        pytest.param("thropic.com,my.api.anthropic.com", "thropic.com,my.api.anthropic.com",
                     id="not what merely looks like it"),
        pytest.param("me.openai.azure.com,azure.com,x", "x", id="one of many, and all of them"),
        pytest.param("a,a,,a", "a", id="once is enough"),
        pytest.param("*", "", id="nothing is left"),
    ],
)  # fmt: skip
def test_no_entry_leads_around_the_bridge(entries: str, kept: str) -> None:
    assert variables.direct({"no_proxy": entries}, HOSTS) == {"NO_PROXY": kept, "no_proxy": kept}


def test_who_had_no_exceptions_gets_none() -> None:
    assert variables.direct({"HTTPS_PROXY": "x"}, HOSTS) == {}


# --- what is trusted


def pem(name: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----"


def test_a_bundle_keeps_roots_and_what_was_trusted(tmp_path: Path) -> None:
    for name in ("corp", "node"):
        (tmp_path / name).write_text(f"# {name}\n{pem(name)}\n{pem('both')}\n", "utf-8")
    had = {
        "SSL_CERT_FILE": str(tmp_path / "corp"),
        "NODE_EXTRA_CA_CERTS": str(tmp_path / "node"),
        "CURL_CA_BUNDLE": str(tmp_path / "missing"),
    }
    bundle, ca = trust.files(tmp_path / "new", pem("ours"), had)
    assert ca.read_text("utf-8") == f"{pem('node')}\n{pem('both')}\n{pem('ours')}\n"
    found = trust.CERTIFICATE.findall(bundle.read_text("utf-8"))
    assert {pem("corp"), pem("node"), pem("both"), pem("ours")} < set(found)
    assert len(found) > 100 and len(found) == len(set(found))
    assert bundle.stat().st_mode & 0o777 == 0o644


def test_another_ca_has_other_files_and_the_same_one_the_same(tmp_path: Path) -> None:
    first, again, other = (trust.files(tmp_path, pem(name), {}) for name in ("a", "a", "b"))
    assert first == again and not set(first) & set(other)
    assert len(list(tmp_path.iterdir())) == 4
